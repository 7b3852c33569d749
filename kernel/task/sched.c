/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: a run queue for each CPU, real-time lists above a tree ordered by weighted run
 * time.
 *
 * Who may run a task is settled by one lock, the run queue's of the CPU in task.core.cpu:
 *  - A task sleeps in two steps: it stores its state (set_state), checks its condition, and calls
 * schedule(), which takes it off the queue under the lock unless a waker has set the state back to
 * running since.
 *  - The lock is held from the choice of the next task until the previous one's registers are
 * saved: the next task releases it (finish_switch). So whoever holds the lock and sees a task that
 * is not queued knows that its context is complete, and may enqueue it on another CPU after
 * changing core.cpu.
 *  - A waker acts only if the state is one of those it names; it stores TASK_RUNNING under the
 * lock, so two wakers never both enqueue. A task that must leave its CPU is marked as moving while
 * it is on no queue: whoever moves it enqueues it, whatever its state.
 *  - curr stays out of the tree while it runs; a preempted task keeps its state and is put back
 * whatever that state is, for it has not said that it is ready to sleep. A CPU that must choose
 * again has WORK_RESCHED set in its current task's work word, and an interrupt if it is another.
 */
#include <base/printk.h>
#include <base/string.h>
#include <hal/rcu.h>
#include <linux/sched.h>
#include "internal.h"
#include "rq.h"

#define SLICE_NS	3000000ull	/* a fair task runs that long before an equal one */
#define WAKEUP_NS	1000000ull	/* a woken task preempts if it is that far behind */
#define RR_SLICE_NS	100000000ull

DEFINE_PER_CPU(struct rq, runqueues);
u64 idle_cpus;
struct task idle_tasks[MAX_CPUS] __aligned(64);

/* --- weights ------------------------------------------------------------------------------------
 */

/* 1024 * 1.25^-nice: each step is worth a quarter of the CPU. */
static u32 nice_weight(int nice)
{
	u64 w = 1024 << 10;

	for (int i = 0; i < nice; i++)
		w = w * 4 / 5;
	for (int i = 0; i > nice; i--)
		w = w * 5 / 4;
	return (u32)max(w >> 10, 1ull);
}

void sched_set_weight(struct sched *s)
{
	s->weight = s->policy == SCHED_IDLE ? 3 : nice_weight(s->nice);
}

static u64 weighted(u64 ns, const struct sched *s)
{
	return likely(s->weight == 1024) ? ns : ns * 1024 / s->weight;
}

/* --- the queue
 * ------------------------------------------------------------------------------------ */

static struct task *node_task(struct tree_node *n)
{
	return container_of(n, struct task, sched.node);
}

static bool vruntime_less(const struct tree_node *a, const struct tree_node *b)
{
	return (i64)(container_of(a, struct sched, node)->vruntime -
		     container_of(b, struct sched, node)->vruntime) < 0;
}

static void rt_insert(struct rq *rq, struct task *t, bool head)
{
	u32 p = t->sched.rt_prio;

	if (head)
		list_add(&rq->rt[p], &t->sched.link);
	else
		list_add_tail(&rq->rt[p], &t->sched.link);
	rq->rt_bitmap[p / 64] |= BIT(p % 64);
}

static void rt_remove(struct rq *rq, struct task *t)
{
	u32 p = t->sched.rt_prio;

	list_del(&t->sched.link);
	if (list_empty(&rq->rt[p]))
		rq->rt_bitmap[p / 64] &= ~BIT(p % 64);
}

void rq_enqueue(struct rq *rq, struct task *t)
{
	t->sched.queued = true;
	rq->nr_queued++;
	if (is_rt(t))
		rt_insert(rq, t, false);
	else
		tree_insert(&rq->fair, &t->sched.node, vruntime_less);
}

/* t is not rq->curr, or is real-time. */
void rq_dequeue(struct rq *rq, struct task *t)
{
	t->sched.queued = false;
	rq->nr_queued--;
	if (is_rt(t))
		rt_remove(rq, t);
	else if (t != rq->curr)
		tree_remove(&rq->fair, &t->sched.node);
}

struct rq *task_rq_lock(struct task *t)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->core.cpu);
		struct rq *rq = cpu_rq(cpu);

		arch_spin_lock(&rq->lock);
		if (likely(cpu == READ_ONCE(t->core.cpu)))
			return rq;
		arch_spin_unlock(&rq->lock);
	}
}

/* --- accounting
 * ------------------------------------------------------------------------------------ */

/*
 * Charges curr for the time since it was last charged. More than two ticks at once passed without
 * any: the host did not run this CPU. That is no debt of the task's, or it would wait until each
 * of its neighbours had used as much. rq->lock held.
 */
static void charge_curr(struct rq *rq, u64 now)
{
	struct sched *s = &rq->curr->sched;
	u64 ns = now - s->started;

	s->started = now;
	s->sum_exec += ns;
	if (rq->curr == rq->idle || is_rt(rq->curr))
		return;
	s->vruntime += weighted(min(ns, 2 * TICK_NS), s);
	if ((i64)(s->vruntime - rq->min_vruntime) > 0) {
		struct tree_node *n = tree_first(&rq->fair);
		u64 floor = s->vruntime;

		if (n && (i64)(node_task(n)->sched.vruntime - floor) < 0)
			floor = node_task(n)->sched.vruntime;
		if ((i64)(floor - rq->min_vruntime) > 0)
			rq->min_vruntime = floor;
	}
}

u64 sched_runtime(struct task *t)
{
	u64 flags = irq_save(), ns;
	struct rq *rq = task_rq_lock(t);

	if (rq->curr == t)
		charge_curr(rq, clock_ns());
	ns = t->sched.sum_exec;
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
	return ns;
}

void sched_times(struct task *t, u64 *user, u64 *system)
{
	u64 total = sched_runtime(t);
	struct sched *s = &t->sched;
	u64 ut = READ_ONCE(s->user_ticks), st = READ_ONCE(s->sys_ticks), sys;

	/* Neither part may go back when the ratio moves; both grow out of the total. */
	sys = st == 0 ? 0 : total / (ut + st) * st;
	sys = max(sys, READ_ONCE(s->stime));
	if (sys + READ_ONCE(s->utime) > total)
		sys = total - min(READ_ONCE(s->utime), total);
	WRITE_ONCE(s->stime, sys);
	WRITE_ONCE(s->utime, total - sys);
	*system = sys;
	*user = total - sys;
}

/* --- waking
 * ------------------------------------------------------------------------------------------ */

void rq_resched(struct rq *rq, u32 cpu)
{
	struct thread_core *c = &rq->curr->core;

	if (atomic_or(&c->work, WORK_RESCHED) & WORK_RESCHED)
		return;
	if (cpu != cpu_id())
		arch_send_ipi(cpu);
}

/* Should the newly queued t take the CPU from curr? */
static bool preempts(const struct rq *rq, const struct task *t)
{
	const struct task *c = rq->curr;

	if (c == rq->idle)
		return true;
	if (is_rt(t))
		return !is_rt(c) || t->sched.rt_prio > c->sched.rt_prio;
	if (is_rt(c))
		return false;
	if (c->sched.policy == SCHED_IDLE && t->sched.policy != SCHED_IDLE)
		return true;
	return t->sched.policy == SCHED_NORMAL &&
	       (i64)(c->sched.vruntime - t->sched.vruntime) > (i64)weighted(WAKEUP_NS, &t->sched);
}

/* Puts t, off any queue and with core.cpu == cpu, on rq. A sleeper gets a small credit, never an
 * old debt or fortune. */
static void activate(struct rq *rq, u32 cpu, struct task *t)
{
	u64 floor = rq->min_vruntime - SLICE_NS;

	if ((i64)(t->sched.vruntime - floor) < 0)
		t->sched.vruntime = floor;
	t->sched.moving = false;
	rq_enqueue(rq, t);
	if (rq->curr != rq->idle)
		charge_curr(rq, clock_ns());
	if (preempts(rq, t))
		rq_resched(rq, cpu);
}

/* Moves the time base of t, which is on no queue, between CPUs. Both queues' min_vruntime may be
 * read unlocked: a stale one costs fairness only. */
static void set_cpu(struct task *t, u32 to)
{
	t->sched.vruntime +=
		READ_ONCE(cpu_rq(to)->min_vruntime) - READ_ONCE(cpu_rq(t->core.cpu)->min_vruntime);
	t->core.percpu_off = percpu_offset[to];
	WRITE_ONCE(t->core.cpu, to);
}

/* rq is locked and t's; returns with the lock of the queue that t is on now. */
static struct rq *move_and_activate(struct rq *rq, struct task *t, u32 to)
{
	if (to != t->core.cpu) {
		set_cpu(t, to);
		arch_spin_unlock(&rq->lock);
		/* Nobody else will enqueue t, which is not queued: its state is running, or it is
		 * marked as moving. */
		rq = cpu_rq(to);
		arch_spin_lock(&rq->lock);
	}
	activate(rq, to, t);
	return rq;
}

bool wake_task(struct task *t, u32 mask)
{
	u64 flags;
	struct rq *rq;
	bool woken = false;

	smp_mb(); /* what the waker wrote comes before its look at the state: pairs with set_state
		   */
	if (!(BIT(READ_ONCE(t->sched.state)) & mask))
		return false;
	flags = irq_save();
	rq = task_rq_lock(t);
	if (BIT(t->sched.state) & mask) {
		WRITE_ONCE(t->sched.state, TASK_RUNNING);
		woken = true;
		if (!t->sched.queued && !t->sched.moving)
			rq = move_and_activate(rq, t, balance_select_cpu(t));
	}
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
	if (woken && !in_interrupt() && !irqs_disabled() && current->core.preempt_count == 0 &&
	    (READ_ONCE(current->core.work) & WORK_RESCHED))
		preempt_schedule();
	return woken;
}

void set_state(enum task_state s)
{
	WRITE_ONCE(current->sched.state, s);
	smp_mb();	/* the state comes before the condition check that follows */
}

void sched_task_init(struct task *t)
{
	struct sched *s = &t->sched;
	const struct sched *p = &current->sched;

	*s = (struct sched){.state = TASK_RUNNING,
			    .policy = SCHED_NORMAL,
			    .affinity = ~0ull,
			    .vruntime = p->vruntime};
	if (!(current->flags & TF_KTHREAD)) {
		bool reset = p->reset_on_fork;

		if (!reset || !p->rt_prio) {
			s->policy = p->policy;
			s->nice = reset ? max(p->nice, (i8)0) : p->nice;
			s->rt_prio = p->rt_prio;
		}
		s->affinity = p->affinity;
	}
	list_init(&s->link);
	sched_set_weight(s);
	t->core.cpu = cpu_id();
	t->core.percpu_off = percpu_offset[t->core.cpu];
}

void sched_start(struct task *t)
{
	u64 flags = irq_save();
	struct rq *rq;

	t->core.cpu = cpu_id();		/* sched_task_init may have run elsewhere */
	t->core.percpu_off = percpu_offset[t->core.cpu];
	rq = this_rq();
	arch_spin_lock(&rq->lock);
	charge_curr(rq, clock_ns());
	t->sched.vruntime = max(rq->min_vruntime, rq->curr->sched.vruntime);
	rq = move_and_activate(rq, t, balance_select_cpu(t));
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
}

/* --- choosing and switching
 * ---------------------------------------------------------------------------- */

static struct task *pick_rt(struct rq *rq)
{
	u32 p = rq->rt_bitmap[1] ? 64 + ilog2(rq->rt_bitmap[1]) : ilog2(rq->rt_bitmap[0]);

	return list_first(&rq->rt[p], struct task, sched.link);
}

/* The next task, taken out of the tree if it is a fair one. */
static struct task *pick_next(struct rq *rq)
{
	struct tree_node *n;

	if (unlikely(rq->rt_bitmap[0] | rq->rt_bitmap[1]))
		return pick_rt(rq);
	n = tree_first(&rq->fair);
	if (!n)
		return rq->idle;
	tree_remove(&rq->fair, n);
	return node_task(n);
}

/* prev stops running: back into the tree, or off the queue if it goes to sleep. */
static void put_prev(struct rq *rq, struct task *prev, bool preempted)
{
	struct sched *s = &prev->sched;

	if (prev == rq->idle)
		return;
	if (s->state != TASK_RUNNING && !preempted) {
		if (s->state == TASK_DEAD || !sleep_interrupted(s->state)) {
			rq_dequeue(rq, prev);
			s->nvcsw++;
			return;
		}
		s->state = TASK_RUNNING;
	}
	if (unlikely(!(s->affinity & BIT(cpu_id())) && (s->affinity & online_cpus))) {
		/* finish_switch takes it to a CPU that it may use, also if it was preempted half-way
		 * to sleep: its wake-up may be behind it. */
		rq_dequeue(rq, prev);
		s->moving = true;
		return;
	}
	if (!is_rt(prev))
		tree_insert(&rq->fair, &s->node, vruntime_less);
}

/* The stack goes however long others keep the structure: who reads it does so under RCU. */
static void dead_task(struct rcu_head *h)
{
	struct task *t = container_of(h, struct task, rcu);

	task_free_stack(t);
	task_put(t);
}

/* In the next task, on its stack: lets go of the queue and of what the previous task left. */
static void finish_switch(struct task *prev)
{
	struct rq *rq = this_rq();
	bool dead = prev->sched.state == TASK_DEAD;

	if (unlikely(prev->sched.moving))
		rq = move_and_activate(rq, prev, balance_select_cpu(prev));
	arch_spin_unlock(&rq->lock);
	if (unlikely(dead))
		call_rcu(&prev->rcu, dead_task);
}

static void note_idle(struct rq *rq, struct task *prev, struct task *next, u64 now)
{
	if (next == rq->idle) {
		rq->idle_since = now;
		atomic_or(&idle_cpus, BIT(cpu_id()));
	} else if (prev == rq->idle) {
		rq->idle_ns += now - rq->idle_since;
		atomic_and(&idle_cpus, ~BIT(cpu_id()));
		tick_start();
	}
}

/* Interrupts are off; the caller restores them. */
static void switch_to(struct rq *rq, struct task *prev, struct task *next, u64 now)
{
	rq->curr = next;
	rq->switches++;
	next->sched.started = now;
	next->sched.slice_end =
		next->sched.sum_exec + (next->sched.policy == SCHED_RR ? RR_SLICE_NS : SLICE_NS);
	if (unlikely(prev == rq->idle || next == rq->idle))
		note_idle(rq, prev, next, now);
	if (next->mm != rq->mm) {
		mm_switch(rq->mm, next->mm);
		rq->mm = next->mm;
	}
	finish_switch(arch_switch(prev, next));
}

void sched_use_mm(struct mm *mm)
{
	u64 flags = irq_save();
	struct rq *rq = this_rq();

	current->mm = mm;
	if (rq->mm != mm) {
		mm_switch(rq->mm, mm);
		rq->mm = mm;
	}
	irq_restore(flags);
}

static void schedule_irqs_off(bool preempted)
{
	struct rq *rq = this_rq();
	struct task *prev = rq->curr, *next;
	u64 now;

	BUG_ON(prev->core.preempt_count != 0);
	WRITE_ONCE(rq->qs, rq->qs + 1);
	arch_spin_lock(&rq->lock);
	atomic_and(&prev->core.work, ~WORK_RESCHED);
	now = clock_ns();
	charge_curr(rq, now);
	put_prev(rq, prev, preempted);
	next = pick_next(rq);
	if (prev == next) {
		arch_spin_unlock(&rq->lock);
		return;
	}
	if (preempted)
		prev->sched.nivcsw++;
	switch_to(rq, prev, next, now);
}

void schedule(void)
{
	u64 flags = irq_save();

	do
		schedule_irqs_off(false);
	while (unlikely(READ_ONCE(current->core.work) & WORK_RESCHED));
	irq_restore(flags);
}

void preempt_schedule(void)
{
	u64 flags;

	if (irqs_disabled())
		return;
	flags = irq_save();
	while ((READ_ONCE(current->core.work) & WORK_RESCHED) && current->core.preempt_count == 0)
		schedule_irqs_off(true);
	irq_restore(flags);
}

void preempt_from_irq(void)
{
	schedule_irqs_off(true);
}

void cond_resched(void)
{
	if (unlikely(READ_ONCE(current->core.work) & WORK_RESCHED))
		preempt_schedule();
}

void might_sleep(void)
{
	BUG_ON(current->core.preempt_count != 0 || irqs_disabled());
}

void sched_first_run(struct task *prev)
{
	finish_switch(prev);
	irq_enable();
}

void sched_yield_current(void)
{
	u64 flags = irq_save();
	struct rq *rq = this_rq();
	struct task *t = current;
	struct tree_node *n;

	arch_spin_lock(&rq->lock);
	if (is_rt(t)) {
		rt_remove(rq, t);
		rt_insert(rq, t, false);
	} else {
		charge_curr(rq, clock_ns());
		n = tree_first(&rq->fair);
		if (!n) {
			arch_spin_unlock(&rq->lock);
			irq_restore(flags);
			return;
		}
		/* Behind the next one in line, so that it runs; not behind all, or a yielder would
		 * starve. */
		t->sched.vruntime = max(t->sched.vruntime, node_task(n)->sched.vruntime);
	}
	arch_spin_unlock(&rq->lock);
	schedule_irqs_off(false);
	irq_restore(flags);
}

void sched_exit(void)
{
	irq_disable();
	current->sched.state = TASK_DEAD;
	schedule_irqs_off(false);
	BUG();
}

/* --- the tick
 * ---------------------------------------------------------------------------------------------- */

void sched_tick(bool user_mode)
{
	struct rq *rq = this_rq();
	struct task *t = rq->curr;
	u64 now = clock_ns();

	if (user_mode || t->core.preempt_count == PREEMPT_IRQ)
		WRITE_ONCE(rq->qs, rq->qs + 1);	/* the interrupted code was in no reader section */
	if (t == rq->idle)
		return;
	arch_spin_lock(&rq->lock);
	charge_curr(rq, now);
	if (user_mode) {
		t->sched.user_ticks++;
		rq->user_ns += TICK_NS;
	} else {
		t->sched.sys_ticks++;
		rq->system_ns += TICK_NS;
	}
	if (rq->nr_queued > 1 && t->sched.sum_exec >= t->sched.slice_end &&
	    t->sched.policy != SCHED_FIFO) {
		if (t->sched.policy == SCHED_RR) {
			rt_remove(rq, t);
			rt_insert(rq, t, false);
		}
		rq_resched(rq, cpu_id());
	}
	arch_spin_unlock(&rq->lock);
	if (nr_cpus > 1 && now >= rq->next_balance) {
		rq->next_balance = now + 16 * TICK_NS;
		balance_pull(rq, cpu_id());
	}
}

/* --- policy and affinity
 * -------------------------------------------------------------------------------------- */

int sched_set_policy(struct task *t, int policy, int nice, int rt_prio, bool reset_on_fork)
{
	u64 flags = irq_save();
	struct rq *rq = task_rq_lock(t);
	bool queued = t->sched.queued, out = queued && (t != rq->curr || is_rt(t));

	if (rq->curr == t)
		charge_curr(rq, clock_ns());
	if (out)
		rq_dequeue(rq, t);
	t->sched.policy = (u8)policy;
	t->sched.nice = (i8)nice;
	t->sched.rt_prio = (u8)rt_prio;
	t->sched.reset_on_fork = reset_on_fork;
	sched_set_weight(&t->sched);
	if (out) {
		if (t == rq->curr && !is_rt(t)) {	/* curr stays out of the tree */
			t->sched.queued = true;
			rq->nr_queued++;
		} else {
			rq_enqueue(rq, t);
		}
	} else if (queued && is_rt(t)) {		/* a fair curr becomes real-time */
		rt_insert(rq, t, true);
	}
	rq_resched(rq, t->core.cpu);
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
	return 0;
}

int sched_set_affinity(struct task *t, u64 mask)
{
	u64 flags;
	struct rq *rq;

	if (!(mask & online_cpus))
		return -EINVAL;
	flags = irq_save();
	rq = task_rq_lock(t);
	t->sched.affinity = mask;
	if (!(mask & BIT(t->core.cpu)) && t->sched.queued) {
		if (t == rq->curr) {
			rq_resched(rq, t->core.cpu);	/* put_prev sees the mask */
		} else {
			rq_dequeue(rq, t);
			rq = move_and_activate(rq, t, balance_select_cpu(t));
		}
	}
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
	cond_resched();
	return 0;
}

void sched_kick(struct task *t)
{
	u64 flags = irq_save();
	struct rq *rq = task_rq_lock(t);

	if (rq->curr == t && t->core.cpu != cpu_id())
		arch_send_ipi(t->core.cpu);
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
}
