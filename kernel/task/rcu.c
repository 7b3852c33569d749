/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred freeing. A grace period is over when every CPU has passed a quiescent state since it
 * began: a call of the scheduler, or a tick that found user mode or preemptible kernel code (rq->qs
 * counts them). One thread gathers the callbacks of all CPUs, waits for a grace period, and runs
 * them: so callbacks that were queued before the gathering see every older reader gone. A CPU that
 * makes no progress is asked to reschedule.
 */
#include <hal/sync.h>
#include <base/init.h>
#include "rq.h"

struct rcu_queue { struct rcu_head *head; };	/* atomic push; taken whole */
static DEFINE_PER_CPU(struct rcu_queue, rcu_queues);
static u32 rcu_pending;				/* callbacks queued and not yet gathered, atomic */
static bool rcu_kicked;		/* the thread has been woken for them */
static struct wait_queue rcu_wait = WAIT_QUEUE_INIT(rcu_wait);

bool rcu_needs_tick(void) { return READ_ONCE(rcu_pending) != 0; }

/* One CPU wakes the thread for each batch: all of them at every tick would fight for the queue's
 * lock. */
void rcu_tick(void)
{
	if (READ_ONCE(rcu_pending) && !READ_ONCE(rcu_kicked) && !atomic_xchg(&rcu_kicked, true))
		wake_up(&rcu_wait);
}

void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *))
{
	u64 flags = irq_save();
	struct rcu_queue *q = &this_cpu(rcu_queues);

	head->fn = fn;
	head->next = READ_ONCE(q->head);
	while (!__atomic_compare_exchange_n(&q->head, &head->next, head, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	__atomic_add_fetch(&rcu_pending, 1, __ATOMIC_RELAXED);
	tick_start();
	irq_restore(flags);
}

static struct rcu_head *gather(u32 *n)
{
	struct rcu_head *all = NULL;

	*n = 0;
	for_each_cpu(cpu) {
		struct rcu_head *h = atomic_xchg(&per_cpu(rcu_queues, cpu).head, NULL), *next;

		for (; h; h = next) {
			next = h->next;
			h->next = all;
			all = h;
			++*n;
		}
	}
	return all;
}

static void ask_for_progress(u32 cpu)
{
	struct rq *rq = cpu_rq(cpu);
	u64 flags = irq_save();

	arch_spin_lock(&rq->lock);
	rq_resched(rq, cpu);
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
}

static void wait_grace_period(void)
{
	u64 seen[MAX_CPUS];

	smp_mb();
	for_each_cpu(n) {
		seen[n] = READ_ONCE(cpu_rq(n)->qs);
		if (n != cpu_id())
			ask_for_progress(n);
	}
	/* Readers hold preemption off: where this thread runs there is none. */
	for_each_cpu(n) {
		while (READ_ONCE(cpu_rq(n)->qs) == seen[n] && n != cpu_id()) {
			set_state(TASK_UNINTERRUPTIBLE);
			schedule_until(clock_ns() + 100000);
			if (READ_ONCE(cpu_rq(n)->qs) == seen[n] && n != cpu_id())
				ask_for_progress(n);
		}
	}
	smp_mb();
}

static u32 take_back_kick_and_look(void)
{
	(void)atomic_xchg(&rcu_kicked, false);
	return READ_ONCE(rcu_pending);
}

static void rcu_thread(void *arg)
{
	for (;;) {
		struct rcu_head *h, *next;
		u32 n;

		/* The flag is taken back where the thread is queued already: a kick that comes late
		 * wakes it again. */
		wait_event(&rcu_wait, take_back_kick_and_look());
		h = gather(&n);
		__atomic_sub_fetch(&rcu_pending, n, __ATOMIC_RELAXED);
		wait_grace_period();
		for (; h; h = next) {
			next = h->next;
			h->fn(h);
			cond_resched();
		}
	}
}

struct rcu_sync { struct rcu_head head; struct completion done; };

static void rcu_sync_done(struct rcu_head *h)
{
	complete(&container_of(h, struct rcu_sync, head)->done);
}

void synchronize_rcu(void)
{
	struct rcu_sync s;

	completion_init(&s.done);
	call_rcu(&s.head, rcu_sync_done);
	wake_up(&rcu_wait);
	completion_wait(&s.done);
}

/* A callback queued elsewhere just before ours may be gathered one batch later, not more. */
void rcu_barrier(void)
{
	synchronize_rcu();
	synchronize_rcu();
}

static int rcu_start(void)
{
	return IS_ERR(kthread_start(rcu_thread, NULL, "rcu")) ? -ENOMEM : 0;
}
INITCALL(core, rcu_start);
