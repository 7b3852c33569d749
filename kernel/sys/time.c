/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, sleeping and timers: clock_gettime(2), clock_nanosleep(2), setitimer(2), timer_create(2),
 * adjtimex(2). */
#include <base/string.h>
#include <linux/time_types.h>
#include <linux/timex.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <task/clock.h>
#include <task/posix_timer.h>
#include <task/task.h>

int timespec_from_user(const void __user *p, u64 *ns)
{
	struct __kernel_timespec t;

	if (copy_from_user(&t, p, sizeof(t)))
		return -EFAULT;
	if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= (long long)NSEC_PER_SEC)
		return -EINVAL;
	*ns = t.tv_sec > (long long)(~0ull / NSEC_PER_SEC / 2)
		      ? ~0ull / 2
		      : (u64)t.tv_sec * NSEC_PER_SEC + (u64)t.tv_nsec;
	return 0;
}

int timespec_to_user(void __user *p, u64 ns)
{
	struct __kernel_timespec t = {(long long)(ns / NSEC_PER_SEC),
				      (long long)(ns % NSEC_PER_SEC)};

	return copy_to_user(p, &t, sizeof(t)) ? -EFAULT : 0;
}

int timeval_from_user(const void __user *p, u64 *ns)
{
	i64 t[2];

	if (copy_from_user(t, p, sizeof(t)))
		return -EFAULT;
	if (t[0] < 0 || t[1] < 0 || t[1] >= 1000000)
		return -EINVAL;
	*ns = t[0] > (i64)(~0ull / NSEC_PER_SEC / 2) ? ~0ull / 2
						     : (u64)t[0] * NSEC_PER_SEC + (u64)t[1] * 1000;
	return 0;
}

int timeval_to_user(void __user *p, u64 ns)
{
	i64 t[2] = { (i64)(ns / NSEC_PER_SEC), (i64)(ns % NSEC_PER_SEC / 1000) };

	return copy_to_user(p, t, sizeof(t)) ? -EFAULT : 0;
}

SYSCALL(clock_gettime)
{
	u64 ns;
	int err = clock_read((int)a[0], &ns);

	return err ?: timespec_to_user((void __user *)a[1], ns);
}

SYSCALL(clock_getres)
{
	u64 ns;
	int clock = (int)a[0], err = clock_read(clock, &ns);
	bool coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;

	if (err || !a[1])
		return err;
	return timespec_to_user((void __user *)a[1], coarse ? TICK_NS : 1);
}

static i64 set_wall_clock(u64 ns)
{
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (ns < clock_ns())
		return -EINVAL;	/* would put the boot before 1970 */
	realtime_set(ns);
	return 0;
}

SYSCALL(clock_settime)
{
	u64 ns;
	int err;

	if ((int)a[0] != CLOCK_REALTIME)
		return -EINVAL;
	err = timespec_from_user((void __user *)a[1], &ns);
	return err ?: set_wall_clock(ns);
}

SYSCALL(gettimeofday)
{
	int zone[2] = { 0, 0 };

	if (a[0] && timeval_to_user((void __user *)a[0], realtime_ns()))
		return -EFAULT;
	if (a[1] && copy_to_user((void __user *)a[1], zone, sizeof(zone)))
		return -EFAULT;
	return 0;
}

SYSCALL(settimeofday)
{
	int zone[2], err;
	u64 ns;

	if (a[1] && copy_from_user(zone, (void __user *)a[1], sizeof(zone)))
		return -EFAULT;
	if (!a[0])
		return capable(CAP_SYS_TIME) ? 0 : -EPERM;	/* the kernel keeps no time zone */
	err = timeval_from_user((void __user *)a[0], &ns);
	return err ?: set_wall_clock(ns);
}

/* Sleeps to deadline (clock_ns). Interrupted: -ERESTARTNOHAND, the caller decides how to go on. */
static i64 sleep_until(u64 deadline)
{
	for (;;) {
		set_state(TASK_INTERRUPTIBLE);
		if (sleep_interrupted(SLEEP_INTERRUPTIBLE)) {
			WRITE_ONCE(current->sched.state, TASK_RUNNING);
			return -ERESTARTNOHAND;
		}
		if (!schedule_until(deadline))
			return 0;
	}
}

/* arg: deadline, where the rest goes. */
static i64 relative_sleep(struct task *t)
{
	u64 deadline = t->restart.arg[0], now;
	void __user *rest = (void __user *)t->restart.arg[1];

	if (!sleep_until(deadline))
		return 0;
	now = clock_ns();
	if (rest && timespec_to_user(rest, deadline > now ? deadline - now : 0))
		return -EFAULT;
	t->restart.fn = relative_sleep;
	return -ERESTART_RESTARTBLOCK;
}

/*
 * Sleeps until a CPU clock reads when. It cannot have got there before every CPU has worked for it,
 * and is looked at again then; a tick is the shortest wait.
 */
static i64 cpu_sleep_until(int clock, u64 when)
{
	u64 now;

	for (;;) {
		i64 err = clock_read(clock, &now);

		if (err || now >= when)
			return err;
		err = sleep_until(ns_add(clock_ns(), max((when - now) / nr_cpus, (u64)TICK_NS)));
		if (err)
			return err;
	}
}

/* arg: reading of the clock to sleep to, where the rest goes, the clock. */
static i64 relative_cpu_sleep(struct task *t)
{
	u64 when = t->restart.arg[0], now;
	void __user *rest = (void __user *)t->restart.arg[1];
	int clock = (int)t->restart.arg[2];
	i64 err = cpu_sleep_until(clock, when);

	if (err != -ERESTARTNOHAND)
		return err;
	if (clock_read(clock, &now))
		return -EINVAL;
	if (rest && timespec_to_user(rest, when > now ? when - now : 0))
		return -EFAULT;
	t->restart.fn = relative_cpu_sleep;
	return -ERESTART_RESTARTBLOCK;
}

/* Nobody can wait for time that only its own running makes. */
static i64 cpu_nanosleep(int clock, bool absolute, u64 ns, void __user *rest)
{
	i32 id = ~(clock >> 3);
	u64 now;
	i64 err = clock_read(clock, &now);

	if (clock < 0 && (clock & 4) && (id == 0 || id == current->tid))
		return -EINVAL;
	if (err)
		return err;
	if (absolute)
		return cpu_sleep_until(clock, ns);
	current->restart.arg[0] = ns_add(now, ns);
	current->restart.arg[1] = (u64)rest;
	current->restart.arg[2] = (u64)clock;
	return relative_cpu_sleep(current);
}

static i64 nanosleep_on(int clock, bool absolute, const void __user *request, void __user *rest)
{
	bool cpu = clock == CLOCK_PROCESS_CPUTIME_ID || (clock < 0 && (clock & 3) != 3);
	u64 ns, offset;
	i64 err = cpu ? 0 : clock_sleep_base(clock, &offset);

	if (!err)
		err = timespec_from_user(request, &ns);
	if (err)
		return err;
	if (cpu)
		return cpu_nanosleep(clock, absolute, ns, rest);
	if (absolute)
		return sleep_until(ns > offset ? ns - offset : 0);
	current->restart.arg[0] = ns_add(clock_ns(), ns);
	current->restart.arg[1] = (u64)rest;
	return relative_sleep(current);
}

SYSCALL(nanosleep)
{
	return nanosleep_on(CLOCK_MONOTONIC, false, (void __user *)a[0], (void __user *)a[1]);
}

SYSCALL(clock_nanosleep)
{
	return nanosleep_on((int)a[0], a[1] & TIMER_ABSTIME, (void __user *)a[2],
			    (void __user *)a[3]);
}

/* --- interval timers
 * ---------------------------------------------------------------------------------- */

static i64 put_itimer(void __user *p, u64 value, u64 interval)
{
	return timeval_to_user(p, interval) ?: timeval_to_user((char __user *)p + 16, value);
}

SYSCALL(getitimer)
{
	u64 value, interval;

	if (a[0] > ITIMER_PROF)
		return -EINVAL;
	itimer_get(current_proc(), (int)a[0], &value, &interval);
	return put_itimer((void __user *)a[1], value, interval);
}

SYSCALL(setitimer)
{
	u64 value = 0, interval = 0, old_value, old_interval;
	int err;

	if (a[0] > ITIMER_PROF)
		return -EINVAL;
	if (a[1]) {
		err = timeval_from_user((void __user *)a[1], &interval);
		err = err ?: timeval_from_user((char __user *)a[1] + 16, &value);
		if (err)
			return err;
	}
	itimer_get(current_proc(), (int)a[0], &old_value, &old_interval);
	itimer_set(current_proc(), (int)a[0], value, interval);
	return a[2] ? put_itimer((void __user *)a[2], old_value, old_interval) : 0;
}

/* --- POSIX timers
 * ------------------------------------------------------------------------------------------ */

static i64 put_itimerspec(void __user *p, u64 value, u64 interval)
{
	return timespec_to_user(p, interval) ?: timespec_to_user((char __user *)p + 16, value);
}

SYSCALL(timer_create)
{
	struct sigevent ev;
	int id;

	if (a[1] && copy_from_user(&ev, (void __user *)a[1], sizeof(ev)))
		return -EFAULT;
	id = ptimer_create((int)a[0], a[1] ? &ev : NULL);
	if (id < 0)
		return id;
	if (put_user(id, (i32 __user *)a[2])) {
		ptimer_delete(id);
		return -EFAULT;
	}
	return 0;
}

SYSCALL(timer_settime)
{
	u64 value, interval, old_value, old_interval;
	int err;

	if (!a[2])
		return -EINVAL;
	err = timespec_from_user((void __user *)a[2], &interval);
	err = err ?: timespec_from_user((char __user *)a[2] + 16, &value);
	err = err
		      ?: ptimer_set((int)a[0], a[1] & TIMER_ABSTIME, value, interval, &old_value,
				    &old_interval);
	if (err || !a[3])
		return err;
	return put_itimerspec((void __user *)a[3], old_value, old_interval);
}

SYSCALL(timer_gettime)
{
	u64 value, interval;
	int err = ptimer_get((int)a[0], &value, &interval);

	return err ?: put_itimerspec((void __user *)a[1], value, interval);
}

SYSCALL(timer_getoverrun) { return ptimer_overrun((int)a[0]); }
SYSCALL(timer_delete) { return ptimer_delete((int)a[0]); }

/* --- adjtimex: the clock is the machine's; it can be read and stepped, not slewed
 * ------------------------------ */

#define SS_READ 0xa001u		/* adjtime(3) asks what is left to slew: never anything */

/* ADJ_SETOFFSET: adds t->time, whose seconds may be negative. */
static i64 step_clock(const struct __kernel_timex *t)
{
	bool nano = t->modes & ADJ_NANO;
	i64 sec = t->time.tv_sec, part = t->time.tv_usec;
	const i64 most = (i64)(~0ull / NSEC_PER_SEC / 4);
	i64 to;

	if (part < 0 || part >= (nano ? (i64)NSEC_PER_SEC : 1000000) || sec > most || sec < -most)
		return -EINVAL;
	if (__builtin_add_overflow((i64)realtime_ns(),
				   sec * (i64)NSEC_PER_SEC + part * (nano ? 1 : 1000), &to) ||
	    to < 0)
		return -EINVAL;
	return set_wall_clock((u64)to);
}

static i64 adjust(const struct __kernel_timex *t)
{
	if (!t->modes || t->modes == SS_READ)
		return 0;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if ((t->modes & ~(u32)ADJ_NANO) != ADJ_SETOFFSET)
		return -EOPNOTSUPP;
	return step_clock(t);
}

static i64 do_adjtimex(void __user *p)
{
	struct __kernel_timex t;
	i64 err;
	u64 now;

	if (copy_from_user(&t, p, sizeof(t)))
		return -EFAULT;
	err = adjust(&t);
	if (err)
		return err;
	now = realtime_ns();
	memset(&t, 0, sizeof(t));
	t.status = STA_UNSYNC;
	t.tick = 10000;
	t.precision = 1;
	t.tolerance = 500 << 16;
	t.maxerror = t.esterror = 16000000;
	t.time.tv_sec = (long long)(now / NSEC_PER_SEC);
	t.time.tv_usec = (long long)(now % NSEC_PER_SEC / 1000);
	return copy_to_user(p, &t, sizeof(t)) ? -EFAULT : TIME_ERROR;
}

SYSCALL(adjtimex) { return do_adjtimex((void __user *)a[0]); }
SYSCALL(clock_adjtime)
{
	return (int)a[0] == CLOCK_REALTIME ? do_adjtimex((void __user *)a[1]) : -EINVAL;
}
