/* SPDX-License-Identifier: BSD-2-Clause */
/* The run queue of one CPU: shared by sched.c, balance.c and smp.c only. */
#ifndef TASK_RQ_H
#define TASK_RQ_H
#include <task/task.h>
#include <lib/tree.h>

#define RT_PRIOS 100

struct rq {
	struct spinlock lock;
	/* under lock */
	struct task *curr, *idle;
	struct tree fair;		/* queued SCHED_OTHER tasks but curr, by vruntime */
	struct list rt[RT_PRIOS];	/* queued real-time tasks, curr included */
	u64 rt_bitmap[2];		/* which lists have one */
	u32 nr_queued;			/* runnable tasks with curr, without idle */
	u64 min_vruntime;		/* never goes back */
	u64 switches;
	u64 idle_since, idle_ns;	/* clock_ns; total before it */
	u64 user_ns, system_ns;		/* by ticks */
	u64 next_balance;		/* clock_ns */
	/* any CPU reads */
	u64 qs;				/* passages through a quiescent state: rcu.c */
	struct mm *mm;			/* loaded user half; own CPU, interrupts off */
};
DECLARE_PER_CPU(struct rq, runqueues);
extern u64 idle_cpus;			/* mask, atomic: CPUs whose curr is idle */

static inline struct rq *this_rq(void) { return &this_cpu(runqueues); }
static inline struct rq *cpu_rq(u32 cpu) { return &per_cpu(runqueues, cpu); }

/* Locks the run queue of t's CPU. Interrupts are off. */
struct rq *task_rq_lock(struct task *t);
void rq_enqueue(struct rq *rq, struct task *t);
void rq_dequeue(struct rq *rq, struct task *t);
/* Makes the CPU of rq look for a better task soon. rq->lock held. */
void rq_resched(struct rq *rq, u32 cpu);
/* The CPU where a waking t should run. Its run queue's lock is held. */
u32 balance_select_cpu(const struct task *t);
/* Moves one waiting task here from the CPU with most; rq is this CPU's, unlocked; interrupts off.
 * True if it did. */
bool balance_pull(struct rq *rq, u32 cpu);
/* The fields that a new policy or nice value decides. */
void sched_set_weight(struct sched *s);
/* timer.c and rcu.c */
void tick_start(void);
bool rcu_needs_tick(void);
void rcu_tick(void);
static inline bool is_rt(const struct task *t)
{
	return t->sched.policy == 1 || t->sched.policy == 2;
}
#endif
