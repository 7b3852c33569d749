/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interval timers (setitimer(2)) and CPU-time limits. ITIMER_REAL is a timer; VIRTUAL and PROF are
 * moments on the process's user and total CPU time, looked at by the tick of whatever CPU runs a
 * thread of it. sighand->lock guards the first, whichever threads set it; the others are words.
 */
#include <linux/time.h>
#include <task/clock.h>
#include <task/task.h>

/* It is armed again when the signal is taken: a process that cannot keep up, or does not want the
 * signal, costs no more interrupts. */
static void real_expired(struct timer *t)
{
	signal_send_process(container_of(t, struct process, real_timer), SIGALRM, NULL);
}

void itimer_alarm_taken(struct process *p)
{
	struct timer *t = &p->real_timer;
	u64 now, interval = p->real_interval;

	if (likely(!interval) || READ_ONCE(t->cpu) >= 0)
		return;
	now = clock_ns();
	timer_start(t, t->when + ((now - t->when) / interval + 1) * interval);
}

/* Time on the clock that VIRTUAL (0) or PROF (1) counts. */
static u64 cpu_clock(struct process *p, int n)
{
	u64 u, s;

	process_times(p, &u, &s);
	return n == 0 ? u : u + s;
}

void itimer_get(struct process *p, int which, u64 *value, u64 *interval)
{
	u64 now, when;

	if (which == ITIMER_REAL) {
		when = READ_ONCE(p->real_timer.cpu) >= 0 ? READ_ONCE(p->real_timer.when) : 0;
		*interval = p->real_interval;
		now = clock_ns();
	} else {
		when = p->cpu_timer[which - 1];
		*interval = p->cpu_interval[which - 1];
		now = cpu_clock(p, which - 1);
	}
	*value = when == 0 ? 0 : when > now ? when - now : 1;
}

/* The lock with the timer neither armed nor about to send. */
static struct sighand *lock_stopped(struct process *p, u64 *flags)
{
	for (;;) {
		struct sighand *s = sighand_lock(p, flags);

		if (timer_try_cancel(&p->real_timer))
			return s;
		sighand_unlock(s, *flags);
		cpu_relax();
	}
}

static void real_set(struct process *p, u64 value, u64 interval)
{
	u64 flags;
	struct sighand *s = lock_stopped(p, &flags);

	if (!p->real_timer.fn)
		timer_init(&p->real_timer, real_expired);
	p->real_interval = value ? interval : 0;
	if (value)
		timer_start(&p->real_timer, clock_ns() + value);
	sighand_unlock(s, flags);
}

void itimer_set(struct process *p, int which, u64 value, u64 interval)
{
	if (which == ITIMER_REAL) {
		real_set(p, value, interval);
		return;
	}
	WRITE_ONCE(p->cpu_interval[which - 1], interval);
	WRITE_ONCE(p->cpu_timer[which - 1], value ? cpu_clock(p, which - 1) + value : 0);
}

static void cpu_timer_check(struct process *p, int n, int sig, u64 now)
{
	u64 when = READ_ONCE(p->cpu_timer[n]);

	if (!when || now < when)
		return;
	WRITE_ONCE(p->cpu_timer[n], p->cpu_interval[n] ? now + p->cpu_interval[n] : 0);
	signal_send_process(p, sig, NULL);
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and each second after, SIGKILL at the hard one
 * (getrlimit(2)). */
static void cpu_limit_check(struct process *p, u64 now)
{
	struct rlimit64 *l = &p->rlim[RLIMIT_CPU];
	u64 sec = now / 1000000000;

	if (l->rlim_max != RLIM64_INFINITY && sec >= l->rlim_max) {
		signal_send_process(p, SIGKILL, NULL);
	} else if (sec >= l->rlim_cur) {
		l->rlim_cur = sec + 1;
		signal_send_process(p, SIGXCPU, NULL);
	}
}

/* A timer of timer_create on a CPU clock may be due: t, which runs here, looks itself. */
static void posix_timer_due(struct task *t)
{
	t->cpu_due = true;
	atomic_or(&t->core.work, WORK_NOTIFY);
}

void cpu_timers_tick(struct task *t)
{
	struct process *p = t->proc;
	u64 u, s;

	if (!p || (t->flags & (TF_KTHREAD | TF_EXITING)))
		return;
	if (unlikely(READ_ONCE(t->cpu_next) && t->sched.sum_exec >= t->cpu_next))
		posix_timer_due(t);
	if (likely(!p->cpu_timer[0] && !p->cpu_timer[1] && !READ_ONCE(p->cpu_next) &&
		   p->rlim[RLIMIT_CPU].rlim_cur == RLIM64_INFINITY))
		return;
	process_times(p, &u, &s);
	if (READ_ONCE(p->cpu_next) && u + s >= p->cpu_next)
		posix_timer_due(t);
	cpu_timer_check(p, 0, SIGVTALRM, u);
	cpu_timer_check(p, 1, SIGPROF, u + s);
	if (p->rlim[RLIMIT_CPU].rlim_cur != RLIM64_INFINITY)
		cpu_limit_check(p, u + s);
}
