/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX timers. Each is on its process's list, under ptimer_lock (a mutex; the list is short and
 * calls are rare). The expiry runs in interrupt context and touches only the timer itself and the
 * signal queues; deletion cancels and waits for it first.
 *
 * An interval begins anew when the signal of the last expiry is taken, and what fell due meanwhile
 * is its overruns: so a timer makes interrupts only as fast as its process takes signals, however
 * short the interval is. Until then it is `waiting`. One whose signal is ignored waits until it is
 * not (ptimer_unignored); one without a signal is never armed.
 *
 * A timer counts like a queued signal of its maker's user, and RLIMIT_SIGPENDING bounds their sum:
 * the signal of a timer is queued without asking, and may outlive the timer.
 *
 * Timers on CPU clocks have no hardware timer: the tick of a CPU that runs the process (thread)
 * compares its time with the earliest, process.cpu_next (task.cpu_next), and if that is due the
 * thread goes through the list itself on its way to user mode (ptimer_cpu_check). So who sleeps
 * costs nobody anything, however many timers it has.
 */
#include <base/alloc.h>
#include <base/string.h>
#include <linux/time.h>
#include <task/clock.h>
#include <task/posix_timer.h>
#include <task/task.h>

struct ptimer {
	struct list link;
	struct process *proc;
	struct user *user;		/* charged for it, and referenced */
	struct task *target;		/* SIGEV_THREAD_ID: referenced */
	int id, clock, sig, notify;
	sigval_t value;
	struct timer timer;
	struct task *cpu_task;		/* CLOCK_THREAD_CPUTIME_ID: whose time; referenced */
	u64 when;			/* next expiry on clock_ns or the CPU clock; 0: disarmed */
	u64 interval;
	bool waiting;			/* expired, and not armed again: a new interval is due */
	u32 missed,
		reported; /* overruns since the signal was sent, atomic; of the last one taken */
};
static struct mutex ptimer_lock = MUTEX_INIT(ptimer_lock);
static struct slab_cache *cache;
static int next_id;

/* Is a signal of this timer still queued? Any context. */
static bool still_pending(struct ptimer *pt)
{
	struct sigpending *set = pt->target ? &pt->target->pending : &pt->proc->pending;
	struct sigqueue *q;
	bool found = false;
	u64 flags;
	struct sighand *s = sighand_lock(pt->proc, &flags);

	if (set->set & SIGBIT(pt->sig))
		list_for_each(q, &set->queue, link)
			found |= q->info.si_code == SI_TIMER && q->info.si_tid == pt->id;
	sighand_unlock(s, flags);
	return found;
}

/* False: no memory for the signal. One that was set anew while its signal waits has missed one. */
static bool notify(struct ptimer *pt)
{
	siginfo_t info;

	if (still_pending(pt)) {
		(void)__atomic_add_fetch(&pt->missed, 1, __ATOMIC_RELAXED);
		return true;
	}
	memset(&info, 0, sizeof(info));	/* all of it goes to the user */
	info.si_signo = pt->sig;
	info.si_code = SI_TIMER;
	info.si_tid = pt->id;
	info.si_value = pt->value;
	return signal_send_timer(pt->proc, pt->target, pt->sig, &info) == 0;
}

/* --- time ------------------------------------------------------------------------------------ */

static bool on_cpu_clock(const struct ptimer *pt)
{
	return pt->clock == CLOCK_PROCESS_CPUTIME_ID || pt->clock == CLOCK_THREAD_CPUTIME_ID;
}

static u64 now_of(struct ptimer *pt)
{
	if (!on_cpu_clock(pt))
		return clock_ns();
	return pt->cpu_task ? sched_runtime(pt->cpu_task) : process_cpu_ns(pt->proc);
}

/* It is due. False: no memory for the signal, the timer is as it was. */
static bool fire(struct ptimer *pt)
{
	u64 when = pt->when;

	/* Before the signal, which may be taken at once. */
	if (pt->interval)
		store_release(&pt->waiting, true);
	else
		WRITE_ONCE(pt->when, 0);
	if (notify(pt))
		return true;
	pt->waiting = false;
	WRITE_ONCE(pt->when, when);
	return false;
}

static void expired(struct timer *t)
{
	struct ptimer *pt = container_of(t, struct ptimer, timer);

	if (clock_ns() < pt->when)
		timer_start(t, pt->when);
	else if (!fire(pt))
		timer_start(t, clock_ns() + TICK_NS);
}

/* --- CPU clocks; ptimer_lock held ------------------------------------------------------------- */

/* Fires those of p that are due, and tells the ticks of the earliest one left. */
static void cpu_timers_look(struct process *p)
{
	u64 all = process_cpu_ns(p), first = 0, now, *next;
	struct ptimer *pt;

	list_for_each(pt, &p->posix_timers, link)
		if (pt->cpu_task)
			WRITE_ONCE(pt->cpu_task->cpu_next, 0);
	list_for_each(pt, &p->posix_timers, link) {
		if (!on_cpu_clock(pt) || pt->notify == SIGEV_NONE || !pt->when || pt->waiting)
			continue;
		now = pt->cpu_task ? sched_runtime(pt->cpu_task) : all;
		if (now >= pt->when && fire(pt))
			continue;
		next = pt->cpu_task ? &pt->cpu_task->cpu_next : &first;
		if (!*next || pt->when < *next)
			WRITE_ONCE(*next, pt->when);
	}
	WRITE_ONCE(p->cpu_next, first);
}

void ptimer_cpu_check(void)
{
	mutex_lock(&ptimer_lock);
	cpu_timers_look(current_proc());
	mutex_unlock(&ptimer_lock);
}

/* --- setting ---------------------------------------------------------------------------------- */

static void arm(struct ptimer *pt)
{
	if (on_cpu_clock(pt))
		cpu_timers_look(pt->proc);
	else if (pt->notify != SIGEV_NONE)
		timer_start(&pt->timer, pt->when);
}

/* The first expiry after now; what lies between is missed. ptimer_lock held. */
static void begin_interval(struct ptimer *pt)
{
	u64 now = now_of(pt), late = now > pt->when ? (now - pt->when) / pt->interval : 0;

	(void)__atomic_add_fetch(&pt->missed, (u32)late, __ATOMIC_RELAXED);
	pt->waiting = false;
	pt->when += (late + 1) * pt->interval;
	arm(pt);
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
		return -EINVAL;		/* timer_free gives it back */
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

/* ptimer_lock held. ERR_PTR(-EAGAIN: the user has too many, -ENOMEM). */
static struct ptimer *timer_new(void)
{
	struct user *u = current_cred()->user;
	struct ptimer *pt;

	if (!cache)
		cache = slab_create("posix_timer", sizeof(*pt), 8);
	if (!user_charge_pending(u, rlimit(RLIMIT_SIGPENDING)))
		return ERR_PTR(-EAGAIN);
	pt = cache ? slab_zalloc(cache) : NULL;
	if (!pt) {
		user_uncharge_pending(u);
		return ERR_PTR(-ENOMEM);
	}
	pt->user = u;
	pt->proc = current_proc();
	return pt;
}

static void timer_free(struct ptimer *pt)
{
	if (pt->target)
		task_put(pt->target);
	if (pt->cpu_task)
		task_put(pt->cpu_task);
	user_uncharge_pending(pt->user);
	slab_free(cache, pt);
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
	pt = timer_new();
	if (IS_ERR(pt)) {
		mutex_unlock(&ptimer_lock);
		return (int)PTR_ERR(pt);
	}
	pt->clock = clock;
	timer_init(&pt->timer, expired);
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
		timer_free(pt);
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
	u64 now = now_of(pt), when = READ_ONCE(pt->when);

	*interval = pt->interval;
	if (!when)
		*value = 0;
	else if (when > now)
		*value = when - now;
	else if (pt->interval && (pt->waiting || pt->notify == SIGEV_NONE))
		*value = pt->interval - (now - when) % pt->interval;
	else
		*value = pt->notify == SIGEV_NONE ? 0 : 1;
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
	timer_cancel_sync(&pt->timer);
	pt->missed = pt->reported = 0;
	pt->waiting = false;
	pt->when = 0;
	if (value) {
		u64 now = now_of(pt);

		offset = 0;
		if (!on_cpu_clock(pt))
			clock_sleep_base(pt->clock, &offset);
		pt->interval = interval;
		pt->when = !absolute ? now + value : value > offset ? value - offset : 1;
		arm(pt);
	} else {
		pt->interval = 0;
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
		if (load_acquire(&pt->waiting))
			begin_interval(pt);
		pt->reported = atomic_xchg(&pt->missed, 0);
		info->si_overrun = (int)min(pt->reported, 0x7fffffffu);
	}
	mutex_unlock(&ptimer_lock);
}

void ptimer_unignored(int sig)
{
	struct ptimer *pt;

	if (list_empty(&current_proc()->posix_timers))
		return;
	mutex_lock(&ptimer_lock);
	list_for_each(pt, &current_proc()->posix_timers, link)
		if (pt->sig == sig && load_acquire(&pt->waiting) && !still_pending(pt))
			begin_interval(pt);
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
	timer_cancel_sync(&pt->timer);
	list_del(&pt->link);
	if (pt->cpu_task)
		WRITE_ONCE(pt->cpu_task->cpu_next, 0);
	timer_free(pt);
}

int ptimer_delete(int id)
{
	struct ptimer *pt;

	mutex_lock(&ptimer_lock);
	pt = find(id);
	if (pt) {
		destroy(pt);
		cpu_timers_look(current_proc());
	}
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
	WRITE_ONCE(p->cpu_next, 0);
	mutex_unlock(&ptimer_lock);
}

void process_timers_exit(struct process *p)
{
	if (p->real_timer.fn)
		itimer_set(p, ITIMER_REAL, 0, 0);
	p->cpu_timer[0] = p->cpu_timer[1] = 0;
	posix_timers_exit(p);
}
