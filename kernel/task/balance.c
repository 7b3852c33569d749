/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPU a task runs on: chosen at wake-up, mended by pulling when a CPU has nothing to do, and
 * now and then. */
#include "rq.h"

u32 balance_select_cpu(const struct task *t)
{
	u32 here = t->core.cpu;
	u64 allowed = t->sched.affinity & online_cpus, idle;

	if (likely(nr_cpus == 1))
		return 0;
	if (!allowed)
		allowed = online_cpus;
	idle = READ_ONCE(idle_cpus) & allowed;
	if (idle & BIT(here))
		return here;
	if (idle)
		return (u32)__builtin_ctzll(idle);
	if (allowed & BIT(here))
		return here;
	return (u32)__builtin_ctzll(allowed);
}

/* The CPU with the most runnable tasks, at least two more than we have: read unlocked, a hint. */
static struct rq *busiest(u32 self, u32 ours)
{
	struct rq *best = NULL;
	u32 most = ours + 1;

	for_each_cpu(n) {
		u32 q = READ_ONCE(cpu_rq(n)->nr_queued);

		if (n != self && q > most) {
			most = q;
			best = cpu_rq(n);
		}
	}
	return best;
}

/* A waiting fair task of from that may run on cpu. Real-time tasks stay: they were placed where
 * they preempt. */
static struct task *pick_movable(struct rq *from, u32 cpu)
{
	struct tree_node *n;

	for (n = tree_first(&from->fair); n; n = tree_next(n)) {
		struct task *t = container_of(n, struct task, sched.node);

		if (t->sched.affinity & BIT(cpu))
			return t;
	}
	return NULL;
}

static void lock_both(struct rq *a, struct rq *b)
{
	arch_spin_lock(a < b ? &a->lock : &b->lock);
	arch_spin_lock(a < b ? &b->lock : &a->lock);
}

bool balance_pull(struct rq *rq, u32 cpu)
{
	struct rq *from = busiest(cpu, READ_ONCE(rq->nr_queued));
	struct task *t;

	if (!from)
		return false;
	lock_both(rq, from);
	t = from->nr_queued > rq->nr_queued + 1 ? pick_movable(from, cpu) : NULL;
	if (t) {
		rq_dequeue(from, t);
		t->sched.vruntime += rq->min_vruntime - from->min_vruntime;
		t->core.percpu_off = percpu_offset[cpu];
		WRITE_ONCE(t->core.cpu, cpu);
		rq_enqueue(rq, t);
		rq_resched(rq, cpu);
	}
	arch_spin_unlock(&rq->lock);
	arch_spin_unlock(&from->lock);
	return t != NULL;
}
