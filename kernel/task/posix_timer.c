/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX timers. Each is on its process's list, under ptimer_lock (a mutex; the list is short and
 * calls are rare). The expiry runs in interrupt context and touches only the timer itself and the
 * signal queues; deletion cancels and waits for it first. An expiry while the last signal still
 * waits is an overrun: it is counted, and reported when that signal is taken.
 */
#include <base/alloc.h>
#include <linux/time.h>
#include <task/clock.h>
#include <task/posix_timer.h>
#include <task/task.h>

struct ptimer {
	struct list link;
	struct process *proc;
	struct task *target;		/* SIGEV_THREAD_ID: referenced */
	int id, clock, sig, notify;
	sigval_t value;
	struct timer timer;
	struct task *cpu_task;		/* CLOCK_THREAD_CPUTIME_ID: whose time; referenced */
	u64 cpu_when;			/* CPU clocks: expiry on that clock; 0: disarmed */
	u64 interval;
	u32 missed,
		reported; /* overruns since the signal was sent, atomic; of the last one taken */
};
static struct mutex ptimer_lock = MUTEX_INIT(ptimer_lock);
static struct slab_cache *cache;
static int next_id;

/* Is a signal of this timer still queued? Called in interrupt context. */
static bool still_pending(struct ptimer *pt)
{
	struct sigpending *set = pt->target ? &pt->target->pending : &pt->proc->pending;
	struct sigqueue *q;
	bool found = false;
	u64 flags = spin_lock_irqsave(&pt->proc->sighand->lock);

	if (set->set & SIGBIT(pt->sig))
		list_for_each(q, &set->queue, link)
			found |= q->info.si_code == SI_TIMER && q->info.si_tid == pt->id;
	spin_unlock_irqrestore(&pt->proc->sighand->lock, flags);
	return found;
}

static void notify(struct ptimer *pt)
{
	siginfo_t info = { .si_signo = pt->sig, .si_code = SI_TIMER };

	if (pt->notify == SIGEV_NONE)
		return;
	if (still_pending(pt)) {
		(void)__atomic_add_fetch(&pt->missed, 1, __ATOMIC_RELAXED);
		return;
	}
	info.si_tid = pt->id;
	info.si_value = pt->value;
	if (pt->target)
		signal_send_task(pt->target, pt->sig, &info);
	else
		signal_send_process(pt->proc, pt->sig, &info);
}

/* --- CPU clocks: looked at when they could have got there at the earliest, with every thread
 * running ---------- */

static bool on_cpu_clock(const struct ptimer *pt)
{
	return pt->clock == CLOCK_PROCESS_CPUTIME_ID || pt->clock == CLOCK_THREAD_CPUTIME_ID;
}

static u64 cpu_now(struct ptimer *pt)
{
	return pt->cpu_task ? sched_runtime(pt->cpu_task) : process_cpu_ns(pt->proc);
}

static void cpu_arm(struct ptimer *pt, u64 now)
{
	u64 left = pt->cpu_when > now ? pt->cpu_when - now : 0,
	    threads = pt->cpu_task ? 1 : max(pt->proc->nr_threads, 1u);

	timer_start(&pt->timer, clock_ns() + max(left / threads, 1000000ull));
}

static void cpu_expired(struct timer *t)
{
	struct ptimer *pt = container_of(t, struct ptimer, timer);
	u64 now = cpu_now(pt), interval = READ_ONCE(pt->interval), late;

	if (now >= pt->cpu_when) {
		late = interval ? (now - pt->cpu_when) / interval : 0;
		(void)__atomic_add_fetch(&pt->missed, (u32)late, __ATOMIC_RELAXED);
		notify(pt);
		pt->cpu_when = interval ? pt->cpu_when + (late + 1) * interval : 0;
	}
	if (pt->cpu_when)
		cpu_arm(pt, now);
}

static void cpu_set(struct ptimer *pt, bool absolute, u64 value)
{
	u64 now = cpu_now(pt);

	pt->cpu_when = absolute ? value : now + value;
	cpu_arm(pt, now);
}

/* --- clocks of time
 * ---------------------------------------------------------------------------------------------- */

static void expired(struct timer *t)
{
	struct ptimer *pt = container_of(t, struct ptimer, timer);
	u64 interval = READ_ONCE(pt->interval), now = clock_ns(), late;

	if (interval) {
		late = (now - t->when) / interval;
		(void)__atomic_add_fetch(&pt->missed, (u32)late, __ATOMIC_RELAXED);
		notify(pt);
		timer_start(t, t->when + (late + 1) * interval);
	} else {
		notify(pt);
	}
}

static struct ptimer *find(int id)
{
	struct ptimer *pt;

	list_for_each(pt, &current_proc()->posix_timers, link)
		if (pt->id == id)
			return pt;
	return NULL;
}

static int set_target(struct ptimer *pt, const struct sigevent *ev)
{
	pt->notify = ev->sigev_notify;
	pt->sig = ev->sigev_signo;
	pt->value = ev->sigev_value;
	if (pt->notify != SIGEV_NONE && (pt->sig < 1 || pt->sig > 64))
		return -EINVAL;
	switch (pt->notify) {
	case SIGEV_NONE:
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		return 0;
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		pt->target = task_by_tid(ev->_sigev_un._tid);
		if (pt->target && pt->target->proc == current_proc())
			return 0;
		if (pt->target)
			task_put(pt->target);
		return -EINVAL;
	default:
		return -EINVAL;
	}
}

/* The C library names the caller's own CPU clocks as those of id 0 (clock.c, cpu_clock_read). */
static int plain_clock(int clock)
{
	return clock == -6   ? CLOCK_PROCESS_CPUTIME_ID
	       : clock == -2 ? CLOCK_THREAD_CPUTIME_ID
			     : clock;
}

int ptimer_create(int which, const struct sigevent *ev)
{
	int clock = plain_clock(which);
	struct ptimer *pt;
	u64 offset;
	bool cpu = clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
	int err = cpu ? 0 : clock_sleep_base(clock, &offset), id;

	if (err)
		return err;
	mutex_lock(&ptimer_lock);
	if (!cache)
		cache = slab_create("posix_timer", sizeof(*pt), 8);
	pt = cache ? slab_zalloc(cache) : NULL;
	if (!pt) {
		mutex_unlock(&ptimer_lock);
		return -ENOMEM;
	}
	pt->proc = current_proc();
	pt->clock = clock;
	timer_init(&pt->timer, cpu ? cpu_expired : expired);
	if (clock == CLOCK_THREAD_CPUTIME_ID) {
		task_get(current);
		pt->cpu_task = current;
	}
	if (ev) {
		err = set_target(pt, ev);
	} else {
		pt->notify = SIGEV_SIGNAL;
		pt->sig = SIGALRM;
	}
	if (err) {
		if (pt->cpu_task)
			task_put(pt->cpu_task);
		slab_free(cache, pt);
		mutex_unlock(&ptimer_lock);
		return err;
	}
	do
		next_id = (next_id + 1) & 0x7fffffff;
	while (find(next_id));
	id = pt->id = next_id;
	if (!ev)
		pt->value.sival_int = id;
	list_add_tail(&pt->proc->posix_timers, &pt->link);
	mutex_unlock(&ptimer_lock);
	return id;
}

static void read_timer(struct ptimer *pt, u64 *value, u64 *interval)
{
	bool cpu = on_cpu_clock(pt);
	u64 now = cpu ? cpu_now(pt) : clock_ns(),
	    when = cpu ? pt->cpu_when : READ_ONCE(pt->timer.when);
	bool armed = cpu ? when != 0 : READ_ONCE(pt->timer.cpu) >= 0;

	*interval = pt->interval;
	*value = !armed ? 0 : when > now ? when - now : 1;
}

int ptimer_set(int id, bool absolute, u64 value, u64 interval, u64 *old_value, u64 *old_interval)
{
	struct ptimer *pt;
	u64 offset;

	mutex_lock(&ptimer_lock);
	pt = find(id);
	if (!pt) {
		mutex_unlock(&ptimer_lock);
		return -EINVAL;
	}
	read_timer(pt, old_value, old_interval);
	WRITE_ONCE(pt->interval, 0);
	timer_cancel_sync(&pt->timer);
	pt->missed = pt->reported = 0;
	pt->cpu_when = 0;
	if (value && on_cpu_clock(pt)) {
		WRITE_ONCE(pt->interval, interval);
		cpu_set(pt, absolute, value);
	} else if (value) {
		clock_sleep_base(pt->clock, &offset);
		WRITE_ONCE(pt->interval, interval);
		timer_start(&pt->timer, !absolute	 ? clock_ns() + value
					: value > offset ? value - offset
							 : 0);
	}
	mutex_unlock(&ptimer_lock);
	return 0;
}

int ptimer_get(int id, u64 *value, u64 *interval)
{
	struct ptimer *pt;

	mutex_lock(&ptimer_lock);
	pt = find(id);
	if (pt)
		read_timer(pt, value, interval);
	mutex_unlock(&ptimer_lock);
	return pt ? 0 : -EINVAL;
}

void ptimer_taken(siginfo_t *info)
{
	struct ptimer *pt;

	mutex_lock(&ptimer_lock);
	pt = find(info->si_tid);
	if (pt) {
		pt->reported = atomic_xchg(&pt->missed, 0);
		info->si_overrun = (int)min(pt->reported, 0x7fffffffu);
	}
	mutex_unlock(&ptimer_lock);
}

int ptimer_overrun(int id)
{
	struct ptimer *pt;
	int n = -EINVAL;

	mutex_lock(&ptimer_lock);
	pt = find(id);
	if (pt)
		n = (int)pt->reported;
	mutex_unlock(&ptimer_lock);
	return n;
}

/* ptimer_lock held. */
static void destroy(struct ptimer *pt)
{
	WRITE_ONCE(pt->interval, 0);
	pt->cpu_when = 0;
	timer_cancel_sync(&pt->timer);
	list_del(&pt->link);
	if (pt->target)
		task_put(pt->target);
	if (pt->cpu_task)
		task_put(pt->cpu_task);
	slab_free(cache, pt);
}

int ptimer_delete(int id)
{
	struct ptimer *pt;

	mutex_lock(&ptimer_lock);
	pt = find(id);
	if (pt)
		destroy(pt);
	mutex_unlock(&ptimer_lock);
	return pt ? 0 : -EINVAL;
}

void posix_timers_exit(struct process *p)
{
	if (list_empty(&p->posix_timers))
		return;
	mutex_lock(&ptimer_lock);
	while (!list_empty(&p->posix_timers))
		destroy(list_first(&p->posix_timers, struct ptimer, link));
	mutex_unlock(&ptimer_lock);
}

void process_timers_exit(struct process *p)
{
	if (p->real_timer.fn)
		itimer_set(p, ITIMER_REAL, 0, 0);
	p->cpu_timer[0] = p->cpu_timer[1] = 0;
	posix_timers_exit(p);
}
