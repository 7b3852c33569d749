/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: a tree for each CPU, ordered by time, and one hardware comparator. The comparator is set
 * to the earliest of the first timer and the tick; it is moved only when something earlier comes,
 * so a cancelled timer costs at most one spurious interrupt. The tick runs only while the CPU is
 * not idle.
 *
 * A timer belongs to the queue in timer.cpu, under that queue's lock; its function runs unlocked
 * with running set, so that timer_cancel_sync can wait for it. A timer may be restarted or freed by
 * its own function.
 */
#include <hal/sync.h>
#include <task/clock.h>
#include <task/timer.h>
#include "rq.h"

struct timer_queue {
	struct spinlock lock;
	struct tree timers;
	u64 programmed;		/* what the comparator is set to; ~0: nothing */
	u64 next_tick;		/* ~0: off */
	struct timer *running;
};
static DEFINE_PER_CPU(struct timer_queue, timer_queues) = {
	.lock = SPINLOCK_INIT, .programmed = ~0ull, .next_tick = ~0ull};

static bool timer_less(const struct tree_node *a, const struct tree_node *b)
{
	return container_of(a, struct timer, node)->when <
	       container_of(b, struct timer, node)->when;
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn, .cpu = -1 };
}

static u64 first_expiry(const struct timer_queue *q)
{
	struct tree_node *n = tree_first(&q->timers);

	return n ? container_of(n, struct timer, node)->when : ~0ull;
}

/* Own CPU, interrupts off. */
static void program(struct timer_queue *q)
{
	u64 when = min(first_expiry(q), q->next_tick);

	if (when < q->programmed) {
		q->programmed = when;
		arch_timer_set(when);
	}
}

/* Takes an armed timer off its queue. Returns false if it was not armed. Interrupts off. */
static bool detach(struct timer *t)
{
	for (;;) {
		i32 cpu = load_acquire(&t->cpu);
		struct timer_queue *q;
		bool ours;

		if (cpu < 0)
			return false;
		q = &per_cpu(timer_queues, cpu);
		arch_spin_lock(&q->lock);
		ours = t->cpu == cpu;
		if (ours) {
			tree_remove(&q->timers, &t->node);
			WRITE_ONCE(t->cpu, -1);
		}
		arch_spin_unlock(&q->lock);
		if (ours)
			return true;
	}
}

void timer_start(struct timer *t, u64 when)
{
	u64 flags = irq_save();
	struct timer_queue *q;

	detach(t);
	q = &this_cpu(timer_queues);
	arch_spin_lock(&q->lock);
	t->when = when;
	t->cpu = (i32)cpu_id();
	tree_insert(&q->timers, &t->node, timer_less);
	program(q);
	arch_spin_unlock(&q->lock);
	irq_restore(flags);
}

bool timer_cancel(struct timer *t)
{
	u64 flags = irq_save();
	bool armed = detach(t);

	irq_restore(flags);
	return armed;
}

bool timer_try_cancel(struct timer *t)
{
	bool busy = false;

	timer_cancel(t);
	for_each_cpu(n)
		busy |= load_acquire(&per_cpu(timer_queues, n).running) == t;
	return !busy && READ_ONCE(t->cpu) < 0;
}

void timer_cancel_sync(struct timer *t)
{
	while (!timer_try_cancel(t))
		cpu_relax();
}

static void run_expired(struct timer_queue *q, u64 now)
{
	arch_spin_lock(&q->lock);
	while (first_expiry(q) <= now) {
		struct timer *t = container_of(tree_first(&q->timers), struct timer, node);

		tree_remove(&q->timers, &t->node);
		store_release(&q->running, t);
		store_release(&t->cpu, -1);	/* timer_cancel_sync: then running is seen */
		arch_spin_unlock(&q->lock);
		t->fn(t);
		store_release(&q->running, NULL);
		arch_spin_lock(&q->lock);
	}
	arch_spin_unlock(&q->lock);
}

void timer_interrupt(void)
{
	struct timer_queue *q = &this_cpu(timer_queues);
	u64 now = clock_ns();

	q->programmed = ~0ull;
	arch_timer_set(~0ull);
	run_expired(q, now);
	if (now >= q->next_tick) {
		bool idle = this_rq()->curr == this_rq()->idle;

		q->next_tick = idle && !rcu_needs_tick() ? ~0ull : now + TICK_NS;
		sched_tick(irq_from_user());
		cpu_timers_tick(current);
		rcu_tick();
		/* From the end, so that ticks that take long under a slow hypervisor leave time for
		 * others. */
		if (q->next_tick != ~0ull)
			q->next_tick = clock_ns() + TICK_NS;
	}
	arch_spin_lock(&q->lock);
	program(q);
	arch_spin_unlock(&q->lock);
}

/* The CPU leaves idle, interrupts off: ticks again. */
void tick_start(void)
{
	struct timer_queue *q = &this_cpu(timer_queues);

	if (q->next_tick != ~0ull)
		return;
	q->next_tick = clock_ns() + TICK_NS;
	arch_spin_lock(&q->lock);
	program(q);
	arch_spin_unlock(&q->lock);
}
