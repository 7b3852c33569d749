/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks by their ABI number: clock_gettime(2). Boot, monotonic and raw time are one: the machine
 * never suspends and nothing slews it. */
#include <linux/time.h>
#include <task/clock.h>
#include <task/task.h>

static u64 realtime_offset;		/* added to clock_ns(); atomic 64-bit */
static struct wait_queue clock_set_wait = WAIT_QUEUE_INIT(clock_set_wait);

u64 realtime_ns(void) { return clock_ns() + __atomic_load_n(&realtime_offset, __ATOMIC_RELAXED); }

struct wait_queue *clock_set_queue(void) { return &clock_set_wait; }

void realtime_set(u64 ns)
{
	u64 offset = ns - clock_ns();

	__atomic_store_n(&realtime_offset, offset, __ATOMIC_RELEASE);
	vdso_set_realtime_offset(offset);
	wake_up_all(&clock_set_wait);
}

static void add_thread_times(struct task *t, u64 *user, u64 *system)
{
	u64 u, s;

	sched_times(t, &u, &s);
	*user += u;
	*system += s;
}

void process_times(struct process *p, u64 *user, u64 *system)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct task *t;

	*user = p->dead_threads.utime;
	*system = p->dead_threads.stime;
	list_for_each(t, &p->threads, thread_link)
		if (!t->dead)		/* a dead leader is in dead_threads */
			add_thread_times(t, user, system);
	spin_unlock_irqrestore(&proc_lock, flags);
}

u64 process_cpu_ns(struct process *p)
{
	u64 u, s;

	process_times(p, &u, &s);
	return u + s;
}

/*
 * A CPU clock made of an id (clock_getcpuclockid(3)): ~id << 3 | per-thread << 2 | kind, kind 2 is
 * all time used. id 0: the caller.
 */
static int cpu_clock_read(int clock, u64 *ns)
{
	i32 id = ~(clock >> 3);
	bool thread = clock & 4;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (thread) {
		struct task *t = id ? task_by_tid(id) : current;

		if (!t || t->proc != current_proc()) {
			if (t && id)
				task_put(t);
			return -EINVAL;
		}
		*ns = sched_runtime(t);
		if (id)
			task_put(t);
	} else {
		struct process *p = id ? process_by_pid(id) : current_proc();

		if (!p)
			return -EINVAL;
		*ns = process_cpu_ns(p);
		if (id)
			process_put(p);
	}
	return 0;
}

int clock_read(int clock, u64 *ns)
{
	if (clock < 0)
		return cpu_clock_read(clock, ns);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
	case CLOCK_REALTIME_ALARM:
		*ns = realtime_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = clock_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = process_cpu_ns(current_proc());
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = sched_runtime(current);
		return 0;
	default:
		return -EINVAL;
	}
}

int clock_sleep_base(int clock, u64 *offset)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_TAI:
		*offset = __atomic_load_n(&realtime_offset, __ATOMIC_RELAXED);
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		*offset = 0;
		return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return -EOPNOTSUPP;
	default:
		return clock < 0 ? -EOPNOTSUPP : -EINVAL;
	}
}
