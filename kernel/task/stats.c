/* SPDX-License-Identifier: BSD-2-Clause */
/* Scheduler statistics: load averages, CPU times, counts. */
#include <base/init.h>
#include "rq.h"

#define LOAD_PERIOD	5000000000ull
#define FIXED_1		2048		/* 11 fraction bits, as /proc/loadavg's readers expect */

/* exp(-5 s / 1, 5 and 15 min) in that fixed point. */
static const u64 decay[3] = { 1884, 2014, 2037 };
static u64 averages[3];
static struct timer load_timer;

u32 sched_nr_running(void)
{
	u32 n = 0;

	for_each_cpu(cpu)
		n += READ_ONCE(cpu_rq(cpu)->nr_queued);
	return n;
}

static void load_sample(struct timer *t)
{
	u64 active = sched_nr_running() * (u64)FIXED_1;

	for (u32 i = 0; i < 3; i++)
		averages[i] = (averages[i] * decay[i] + active * (FIXED_1 - decay[i])) / FIXED_1;
	timer_start(t, t->when + LOAD_PERIOD);
}

void sched_loadavg(u64 avg[3])
{
	for (u32 i = 0; i < 3; i++)
		avg[i] = READ_ONCE(averages[i]);
}

void sched_cpu_times(u32 cpu, u64 *user, u64 *system, u64 *idle)
{
	struct rq *rq = cpu_rq(cpu);
	u64 flags = irq_save();

	arch_spin_lock(&rq->lock);
	*user = rq->user_ns;
	*system = rq->system_ns;
	*idle = rq->idle_ns + (rq->curr == rq->idle ? clock_ns() - rq->idle_since : 0);
	arch_spin_unlock(&rq->lock);
	irq_restore(flags);
}

u64 sched_switches(void)
{
	u64 n = 0;

	for_each_cpu(cpu)
		n += READ_ONCE(cpu_rq(cpu)->switches);
	return n;
}

static int load_start(void)
{
	timer_init(&load_timer, load_sample);
	timer_start(&load_timer, clock_ns() + LOAD_PERIOD);
	return 0;
}
INITCALL(late, load_start);
