/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timerfd_create(2). The timer runs on clock_ns; an absolute time on the wall clock is converted
 * when armed, and again whenever the wall clock is set. The lock is taken by the timer's interrupt
 * and by wake-ups of the clock's queue. While expiries wait to be read the timer is not armed: what
 * falls due meanwhile is counted when they are, so a short interval makes no storm of interrupts.
 */
#include <base/alloc.h>
#include <fs/event.h>
#include <fs/poll.h>
#include <fs/seq.h>
#include <fs/vfs.h>
#include <hal/cpu.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/timerfd.h>
#include <task/clock.h>
#include <task/task.h>

struct timerfd {
	struct spinlock lock;		/* with interrupts off; all below */
	struct timer timer;
	int clock, flags;		/* flags: of the last timerfd_settime */
	u64 when;			/* next expiry on clock_ns, 0: disarmed */
	u64 wall;			/* the same on the wall clock, if absolute there */
	u64 interval, ticks;		/* ns; expiries not read yet */
	bool cancelled;			/* the clock was set: TFD_TIMER_CANCEL_ON_SET */
	struct wait_queue wait;
	struct wait_entry clock_wait;
};
static const struct file_ops timerfd_ops;

static bool on_wall_clock(const struct timerfd *t)
{
	return t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM;
}
static bool follows_wall_clock(const struct timerfd *t)
{
	return t->flags & TFD_TIMER_ABSTIME && on_wall_clock(t);
}

/* Counts what has expired by now and sets the next expiry. Lock held. */
static void catch_up(struct timerfd *t, u64 now)
{
	u64 n = 1;

	if (!t->when || now < t->when)
		return;
	if (t->interval)
		n += (now - t->when) / t->interval;
	t->ticks += n;
	t->when = t->interval ? t->when + n * t->interval : 0;
	t->wall += n * t->interval;
}

static void timerfd_expired(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);
	u64 flags = spin_lock_irqsave(&t->lock);

	catch_up(t, clock_ns());
	if (t->when && !t->ticks)	/* the clock was set back, or somebody has read them already */
		timer_start(&t->timer, t->when);
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_key(&t->wait, 0, EPOLLIN | EPOLLRDNORM);
}

/* The wall clock was set. */
static bool clock_was_set(struct wait_entry *e, unsigned mode, u64 key)
{
	struct timerfd *t = container_of(e, struct timerfd, clock_wait);
	u64 flags = spin_lock_irqsave(&t->lock), offset = realtime_ns() - clock_ns();
	bool cancel = follows_wall_clock(t) && t->flags & TFD_TIMER_CANCEL_ON_SET;

	if (cancel)
		t->cancelled = true;
	if (t->when && follows_wall_clock(t)) {
		t->when = t->wall > offset ? t->wall - offset : 1;
		timer_start(&t->timer, t->when);
	}
	spin_unlock_irqrestore(&t->lock, flags);
	if (cancel)
		wake_up_key(&t->wait, 0, EPOLLIN | EPOLLRDNORM);
	return false;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct timerfd *t = f->private;
	bool cancelled;
	u64 v, flags;

	if (u->left < sizeof(v))
		return -EINVAL;
	for (;;) {
		long err = -EAGAIN;

		flags = spin_lock_irqsave(&t->lock);
		catch_up(t, clock_ns());
		v = t->ticks;
		cancelled = t->cancelled;
		t->ticks = 0;
		t->cancelled = false;
		if (v && t->when)
			timer_start(&t->timer, t->when);
		spin_unlock_irqrestore(&t->lock, flags);
		if (cancelled)
			return -ECANCELED;
		if (v)
			break;
		if (!(f->flags & O_NONBLOCK))
			err = wait_event_interruptible(&t->wait, READ_ONCE(t->ticks) ||
									 READ_ONCE(t->cancelled));
		if (err)
			return err;
	}
	return uio_write(u, &v, sizeof(v)) == sizeof(v) ? (ssize_t)sizeof(v) : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->private;

	poll_wait(pt, f, &t->wait);
	return READ_ONCE(t->ticks) || READ_ONCE(t->cancelled) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->private;

	if (on_wall_clock(t))
		wait_remove(clock_set_queue(), &t->clock_wait);
	timer_cancel_sync(&t->timer);
	kfree(t);
}

static void timerfd_fdinfo(struct file *f, struct seq *s)
{
	struct timerfd *t = f->private;
	u64 value, interval;

	timerfd_get(f, &value, &interval);
	seq_printf(s,
		   "clockid: %d\nticks: %lu\nsettime flags: 0%o\nit_value: (%lu, "
		   "%lu)\nit_interval: (%lu, %lu)\n",
		   t->clock, t->ticks, (u32)t->flags, value / 1000000000, value % 1000000000,
		   interval / 1000000000, interval % 1000000000);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.fdinfo = timerfd_fdinfo,
};

struct file *timerfd_file(int clock, int flags)
{
	struct timerfd *t;
	struct file *f;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	    clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM)
		return ERR_PTR(-EINVAL);
	t = kzalloc(sizeof(*t));
	if (!t)
		return ERR_PTR(-ENOMEM);
	spin_init(&t->lock);
	wait_queue_init(&t->wait);
	timer_init(&t->timer, timerfd_expired);
	t->clock = clock;
	f = anon_file("anon_inode:[timerfd]", &timerfd_ops, t, O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		kfree(t);
		return f;
	}
	wait_entry_init(&t->clock_wait);
	t->clock_wait.wake = clock_was_set;
	if (on_wall_clock(t))
		wait_add(clock_set_queue(), &t->clock_wait);
	return f;
}

static u64 left_of(struct timerfd *t, u64 now)
{
	if (!t->when)
		return 0;
	return t->when > now ? t->when - now : 1;
}

int timerfd_get(struct file *f, u64 *value, u64 *interval)
{
	struct timerfd *t = f->private;
	u64 flags, now;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	flags = spin_lock_irqsave(&t->lock);
	now = clock_ns();
	catch_up(t, now);
	*value = left_of(t, now);
	*interval = t->interval;
	spin_unlock_irqrestore(&t->lock, flags);
	return 0;
}

int timerfd_set(struct file *f, int how, u64 value, u64 interval, u64 *old_value, u64 *old_interval)
{
	struct timerfd *t = f->private;
	u64 flags, now, offset, when = value;
	bool cancelled;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	flags = spin_lock_irqsave(&t->lock);
	now = clock_ns();
	offset = on_wall_clock(t) ? realtime_ns() - now : 0;
	catch_up(t, now);
	*old_value = left_of(t, now);
	*old_interval = t->interval;
	if (value && how & TFD_TIMER_ABSTIME)
		when = value > offset ? value - offset : 1;
	else if (value)
		when = value > ~0ull / 2 - now ? ~0ull / 2 : now + value;
	cancelled = t->cancelled;
	t->flags = how;
	t->when = when;
	t->wall = value;
	t->interval = interval;
	t->ticks = 0;
	t->cancelled = false;
	if (when)
		timer_start(&t->timer, when);
	else
		timer_cancel(&t->timer);
	spin_unlock_irqrestore(&t->lock, flags);
	return cancelled && how & TFD_TIMER_CANCEL_ON_SET ? -ECANCELED : 0;
}
