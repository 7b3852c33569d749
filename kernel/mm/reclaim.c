/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an allocation does that found nothing: bring deferred RAM in, empty the per-CPU lists, drop
 * clean page cache and other layers' caches, have a process killed and wait for its pages.
 *
 * One page is given up only when nobody is left to be killed, or when it is the caller who dies: a
 * program that must not see its memory fail, on a machine that can do something about it, does not.
 * That ends, since each address space is killed once and waited for for a limited time (mm/oom.c).
 * A larger block may stay impossible however much is free: it is given up after MAX_ATTEMPTS.
 */
#include <hal/cpu.h>
#include <hal/sync.h>
#include <mm/mm.h>
#include <mm/reclaim.h>
#include "alloc.h"

#define MAX_ATTEMPTS	64
#define CHEAP_ORDER	3		/* above it no process dies for a block */
#define RECLAIM_BATCH	64		/* pages or objects asked for at a time */
#define OOM_NAP_NS	5000000ull	/* for the victim to exit */
#define KILL_GAP_NS	100000000ull

__weak_symbol const struct oom_ops *oom_ops;
static struct shrinker *shrinkers;
static struct spinlock shrinkers_lock = SPINLOCK_INIT;
static struct mutex oom_mutex = MUTEX_INIT(oom_mutex);	/* one kill at a time */
static struct wait_queue nap_queue = WAIT_QUEUE_INIT(nap_queue);

void shrinker_register(struct shrinker *s)
{
	spin_lock(&shrinkers_lock);
	s->next = shrinkers;
	store_release(&shrinkers, s);
	spin_unlock(&shrinkers_lock);
}

static u64 shrink_all(u64 nr)
{
	u64 freed = lru_reclaim(nr);

	for (struct shrinker *s = load_acquire(&shrinkers); s; s = s->next)
		freed += s->shrink(nr);
	kstack_trim();
	if (freed)
		mem_stat_add(STAT_RECLAIMED, (i64)freed);
	return freed;
}

static void drain_this_cpu(void *unused)
{
	u64 irq = irq_save();

	slab_drain_local();
	pcp_drain_local();
	irq_restore(irq);
}

static void drain_all(void)
{
	if (online_cpus & (online_cpus - 1))
		smp_call(online_cpus, drain_this_cpu, NULL);
	drain_this_cpu(NULL);
}

static void nap(void)
{
	struct wait_entry e;

	wait_entry_init(&e);
	wait_prepare(&nap_queue, &e, SLEEP_KILLABLE);
	schedule_until(clock_ns() + OOM_NAP_NS);
	wait_finish(&nap_queue, &e);
}

/* With oom_mutex held. A victim killed a moment ago is still on its way out: its memory first. */
static bool kill_one(u32 order)
{
	static u64 last;

	if (last && clock_ns() - last < KILL_GAP_NS)
		return true;
	if (!oom_ops || !oom_ops->kill_one(1ull << order))
		return false;
	last = clock_ns();
	mem_stat_add(STAT_OOM, 1);
	return true;
}

/* What the last victims left may have come since the allocation looked: one look more. */
static bool there_now(u32 order)
{
	return READ_ONCE(zone.nr_free) >= zone.reserve + (1ull << order);
}

/* Kills at every eighth attempt, and waits. false: nothing left to kill, or the current task is the
 * one to die. */
static bool kill_and_wait(u32 order, u32 attempt)
{
	if (sleep_interrupted(SLEEP_KILLABLE))
		return false;
	if (attempt % 8 == 2 && mutex_trylock(&oom_mutex)) {
		bool killed = kill_one(order);

		mutex_unlock(&oom_mutex);
		if (!killed)
			return there_now(order);
	}
	if (!sleep_interrupted(SLEEP_KILLABLE))
		nap();
	return true;
}

bool reclaim_for(u32 order, u32 flags, u32 attempt)
{
	if (irqs_disabled() || current_core()->preempt_count)
		return false;	/* start-up, before there are threads */
	if (vmemmap_grow())
		return true;
	if (flags & ALLOC_NORECLAIM)
		return false;
	if (order && attempt >= MAX_ATTEMPTS)
		return false;
	if (attempt == 0) {
		drain_all();
		return true;
	}
	if (shrink_all(RECLAIM_BATCH << order)) {
		drain_all();
		return true;
	}
	if (attempt == 1) {
		drain_all();
		return true;
	}
	return order <= CHEAP_ORDER && kill_and_wait(order, attempt);
}
