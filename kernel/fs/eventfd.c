/* SPDX-License-Identifier: BSD-2-Clause */
/* eventfd(2): a counter that is a file. */
#include <base/alloc.h>
#include <fs/event.h>
#include <fs/poll.h>
#include <fs/seq.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <task/task.h>

#define EVENTFD_MAX (~0ull - 1)

struct eventfd {
	struct spinlock lock;
	u64 count;
	bool semaphore;
	struct wait_queue rd_wait, wr_wait;
};

/* Takes the value to report, 0 if there is none. */
static u64 take(struct eventfd *e)
{
	u64 flags = spin_lock_irqsave(&e->lock), v = e->count;

	if (v && e->semaphore)
		v = 1;
	e->count -= v;
	spin_unlock_irqrestore(&e->lock, flags);
	return v;
}

static bool add(struct eventfd *e, u64 n)
{
	u64 flags = spin_lock_irqsave(&e->lock);
	bool room = EVENTFD_MAX - e->count >= n;

	if (room)
		e->count += n;
	spin_unlock_irqrestore(&e->lock, flags);
	return room;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 v;

	if (u->left < sizeof(v))
		return -EINVAL;
	while (!(v = take(e))) {
		long err = -EAGAIN;

		if (!(f->flags & O_NONBLOCK))
			err = wait_event_interruptible(&e->rd_wait, READ_ONCE(e->count));
		if (err)
			return err;
	}
	wake_up_key(&e->wr_wait, 0, EPOLLOUT | EPOLLWRNORM);
	return uio_write(u, &v, sizeof(v)) == sizeof(v) ? (ssize_t)sizeof(v) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 v;

	if (u->left < sizeof(v))
		return -EINVAL;
	if (uio_read(u, &v, sizeof(v)) != sizeof(v))
		return -EFAULT;
	if (v == ~0ull)
		return -EINVAL;
	while (!add(e, v)) {
		long err = -EAGAIN;

		if (!(f->flags & O_NONBLOCK))
			err = wait_event_interruptible(&e->wr_wait,
						       EVENTFD_MAX - READ_ONCE(e->count) >= v);
		if (err)
			return err;
	}
	wake_up_key(&e->rd_wait, 0, EPOLLIN | EPOLLRDNORM);
	return sizeof(v);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private;
	u64 count;

	poll_wait(pt, f, &e->rd_wait);
	poll_wait(pt, f, &e->wr_wait);
	count = READ_ONCE(e->count);
	return (count ? EPOLLIN | EPOLLRDNORM : 0) |
	       (count < EVENTFD_MAX ? EPOLLOUT | EPOLLWRNORM : 0) | (count == ~0ull ? EPOLLERR : 0);
}

static void eventfd_release(struct file *f) { kfree(f->private); }

static void eventfd_fdinfo(struct file *f, struct seq *s)
{
	struct eventfd *e = f->private;

	seq_printf(s, "eventfd-count: %16lx\neventfd-semaphore: %d\n", READ_ONCE(e->count),
		   e->semaphore);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.fdinfo = eventfd_fdinfo,
};

struct file *eventfd_file(u32 count, int flags)
{
	struct eventfd *e = kzalloc(sizeof(*e));
	struct file *f;

	if (!e)
		return ERR_PTR(-ENOMEM);
	spin_init(&e->lock);
	wait_queue_init(&e->rd_wait);
	wait_queue_init(&e->wr_wait);
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	f = anon_file("anon_inode:[eventfd]", &eventfd_ops, e, O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f))
		kfree(e);
	return f;
}
