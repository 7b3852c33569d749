/* SPDX-License-Identifier: BSD-2-Clause */
/* Idle loop, the start of each CPU's scheduling, and calls across CPUs. */
#include <hal/sync.h>
#include <base/string.h>
#include "rq.h"

void sched_init(void)
{
	for (u32 n = 0; n < nr_cpus; n++) {
		struct rq *rq = cpu_rq(n);
		struct task *idle = &idle_tasks[n];

		spin_init(&rq->lock);
		for (u32 p = 0; p < RT_PRIOS; p++)
			list_init(&rq->rt[p]);
		rq->idle = rq->curr = idle;
		ref_init(&idle->ref);
		idle->flags |= TF_KTHREAD;
		idle->core.work |= WORK_FP;
		idle->core.cpu = n;
		idle->core.percpu_off = percpu_offset[n];
		idle->sched.affinity = BIT(n);
		idle->sched.weight = 1024;
		list_init(&idle->sched.link);
		memcpy(idle->comm, "swapper", 8);
	}
}

/*
 * The idle loop, entered by each CPU's idle task with interrupts off. arch_idle is entered with
 * interrupts off, after the look at the work word, and an interrupt that comes between wakes it at
 * once: no wake-up is lost.
 */
__noreturn void idle_loop(void)
{
	struct rq *rq = this_rq();

	for (;;) {
		irq_disable();
		WRITE_ONCE(rq->qs, rq->qs + 1);
		atomic_or(&idle_cpus, BIT(cpu_id()));
		if (!(READ_ONCE(current->core.work) & WORK_RESCHED) &&
		    !(nr_cpus > 1 && balance_pull(rq, cpu_id())))
			arch_idle();
		irq_enable();		/* takes the interrupt */
		if (READ_ONCE(current->core.work) & WORK_RESCHED)
			schedule();
	}
}

/* --- calls to other CPUs
 * ------------------------------------------------------------------------------- */

struct smp_request { void (*fn)(void *); void *arg; u64 left; };
static struct smp_request *smp_slot;		/* one at a time, under smp_mutex */
static u64 smp_wanted;				/* CPUs that have to run it, atomic */
static struct mutex smp_mutex = MUTEX_INIT(smp_mutex);

void ipi_handler(void)
{
	struct smp_request *r;

	/* The other reason for this interrupt, WORK_RESCHED, is looked at on the way out of it. */
	if (!(__atomic_load_n(&smp_wanted, __ATOMIC_ACQUIRE) & BIT(cpu_id())))
		return;
	r = load_acquire(&smp_slot);
	atomic_and(&smp_wanted, ~BIT(cpu_id()));
	r->fn(r->arg);
	atomic_and(&r->left, ~BIT(cpu_id()));
}

void smp_call(u64 mask, void (*fn)(void *), void *arg)
{
	struct smp_request r = { .fn = fn, .arg = arg };
	u64 targets;

	mutex_lock(&smp_mutex);
	preempt_disable();
	mask &= online_cpus;
	r.left = targets = mask & ~BIT(cpu_id());
	store_release(&smp_slot, &r);
	__atomic_store_n(&smp_wanted, targets, __ATOMIC_SEQ_CST);
	for_each_cpu(n)
		if (targets & BIT(n))
			arch_send_ipi(n);
	if (mask != targets) {
		u64 flags = irq_save();

		fn(arg);
		irq_restore(flags);
	}
	while (__atomic_load_n(&r.left, __ATOMIC_ACQUIRE))
		cpu_relax();
	preempt_enable();
	mutex_unlock(&smp_mutex);
}
