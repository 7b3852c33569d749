/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduler's part of a task, and what others ask of it (task/sched.c). */
#ifndef TASK_SCHED_H
#define TASK_SCHED_H
#include <base/list.h>
#include <hal/spinlock.h>
#include <lib/tree.h>

struct task;

enum task_state { /* task.sched.state */
		  TASK_RUNNING,
		  TASK_INTERRUPTIBLE,
		  TASK_UNINTERRUPTIBLE,
		  TASK_KILLABLE,
		  TASK_STOPPED,
		  TASK_DEAD,
};

struct sched { /* under the run queue's lock of the CPU in core.cpu unless said otherwise */
	u32 state; /* enum task_state; set by the task itself, cleared to RUNNING by wakers */
	bool queued;		/* on a run queue */
	bool moving;		/* off its queue, about to be put on another CPU's; wakers leave it */
	bool reset_on_fork;	/* children start with the ordinary policy and nice >= 0 */
	u8 policy;		/* SCHED_OTHER, BATCH, IDLE, FIFO, RR */
	i8 nice;		/* -20..19 */
	u8 rt_prio;		/* 1..99 for FIFO and RR */
	u32 weight;
	u64 affinity;		/* CPUs allowed */
	u64 vruntime;		/* ns, weighted */
	u64 slice_end;		/* sum_exec at which the slice is over */
	u64 started;		/* clock_ns when it last got the CPU */
	u64 sum_exec;		/* ns run in all */
	u64 user_ticks, sys_ticks; /* what ticks found it doing: the ratio that splits sum_exec */
	u64 utime, stime;	/* ns as last reported; never go back (sched_times) */
	u64 nvcsw, nivcsw;
	struct list link;
	struct tree_node node;
};

void sched_init(void); /* boot CPU: the boot context becomes its idle task */
/* Puts a new task (made with state TASK_RUNNING, never run) on a run queue. */
void sched_start(struct task *t);
/* Makes t runnable if its state is one of mask (BIT(enum task_state)). True if it was asleep. Any
 * context. */
bool wake_task(struct task *t, u32 mask);
#define WAKE_NORMAL	(BIT(TASK_INTERRUPTIBLE) | BIT(TASK_UNINTERRUPTIBLE) | BIT(TASK_KILLABLE))
#define WAKE_SIGNAL	BIT(TASK_INTERRUPTIBLE)
#define WAKE_KILL	(BIT(TASK_INTERRUPTIBLE) | BIT(TASK_KILLABLE) | BIT(TASK_STOPPED))
/* Marks the current task asleep (with the barrier a condition check needs); schedule() then sleeps.
 */
void set_state(enum task_state s);
void sched_yield_current(void);
int sched_set_policy(struct task *t, int policy, int nice, int rt_prio, bool reset_on_fork);
int sched_set_affinity(struct task *t, u64 mask);	/* -EINVAL: no CPU left; migrates at once */
void sched_kick(struct task *t); /* if it runs in user mode on another CPU, makes it look at its
				    work bits now */
/* Ends the current task: it is never scheduled again; its stack and struct go after the switch, by
 * task_put. */
__noreturn void sched_exit(void);
/* The current task leaves its address space for mm (NULL: none) and loads it. References are the
 * caller's business. */
struct mm;
void sched_use_mm(struct mm *mm);
void sched_loadavg(u64 avg[3]);			/* Linux's fixed point, 11 fraction bits */
u32 sched_nr_running(void);
void sched_cpu_times(u32 cpu, u64 *user, u64 *system, u64 *idle);	/* ns */
u64 sched_switches(void);
/* ns that t has run, up to now; and split into user and system time. Takes its run queue's lock. */
u64 sched_runtime(struct task *t);
void sched_times(struct task *t, u64 *user, u64 *system);
/* The scheduler's fields of a new task: policy and affinity from the current task. */
void sched_task_init(struct task *t);
void sched_tick(bool user_mode);	/* task/timer.c, interrupts off */
/* Each CPU ends its start here: its idle task, interrupts off (task/smp.c). */
__noreturn void idle_loop(void);
#endif
