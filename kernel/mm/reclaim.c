/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gives memory back, and when.
 *
 * Free pages have three marks (lru_plan.h). An allocation that leaves fewer than low wakes kswapd,
 * which brings deferred RAM in, or frees, until there are high again: who may not sleep counts on
 * that alone. One that may, and would leave fewer than min, finds nothing and comes here: it brings
 * deferred RAM in; else it reclaims about a batch, which is what
 * it takes then, while others that want to reclaim too wait for its end instead of all dropping
 * the same pages: so nobody frees much more than they use, and memory freed is there for who
 * waits. A round that frees nothing anywhere has looked at everything (priority 0) and dropped what
 * was clean, accessed or not. After that the CPUs' lists are emptied, and then a process is killed
 * and waited for.
 *
 * One page is given up only when nobody is left to be killed, or when it is the caller who dies: a
 * program that must not see its memory fail, on a machine that can do something about it, does not.
 * That ends, since each address space is killed once and waited for for a limited time (mm/oom.c).
 * A larger block may stay impossible however much is free: it is given up after MAX_ROUNDS that
 * found enough pages, but not together. What reclaim itself allocates may use the pages below min,
 * and never comes here. A task that dies stays for no more than DYING_ROUNDS, since all that wait may
 * wait for its memory.
 *
 * Who keeps another process's address space (core->borrowing) waits for nothing here: it might be
 * the victim's, whose memory then would not come. It gives that back first, and asks again.
 */
#include <hal/cpu.h>
#include <hal/rcu.h>
#include <hal/sync.h>
#include <mm/mm.h>
#include <mm/reclaim.h>
#include "alloc.h"
#include "lru.h"

#define COMPACT_ROUNDS	3u
#define MAX_ROUNDS	64		/* for a block of pages that are free apart */
#define DYING_ROUNDS	2		/* of a task that is killed: its end brings more */
#define CHEAP_ORDER	3		/* above it no process dies for a block, and all rounds count */
#define RECLAIM_BATCH	64ull		/* pages that one direct round is after */
#define FIRST_PRIORITY	12
#define NAP_NS		5000000ull	/* for a victim to exit, for somebody's round */
#define KILL_GAP_NS	100000000ull

__weak_symbol const struct oom_ops *oom_ops;
static struct shrinker *shrinkers;
static struct spinlock shrinkers_lock = SPINLOCK_INIT;
static struct mutex oom_mutex = MUTEX_INIT(oom_mutex);	/* one kill at a time */
static struct mutex round_mutex = MUTEX_INIT(round_mutex); /* one direct round; only tried */
static struct mutex drain_mutex = MUTEX_INIT(drain_mutex); /* only tried: it waits for all CPUs */
static struct wait_queue nap_queue = WAIT_QUEUE_INIT(nap_queue);
static u64 freed_ever;		/* pages and objects that rounds have freed, atomic */
static struct wait_queue kswapd_queue = WAIT_QUEUE_INIT(kswapd_queue);
static bool kswapd_running, kswapd_wanted;
static u32 kswapd_failures;	/* balancing that freed nothing, in a row */
u32 watermark_scale = 10;

/* --- watermarks ------------------------------------------------------------------------------ */

void watermarks_update(void)
{
	zone.mark = watermarks_of(zone.reserve, zone.pages, watermark_scale);
}

u64 watermarks_min_kbytes(void) { return zone.reserve << (PAGE_SHIFT - 10); }

void watermarks_set_min_kbytes(u64 kb)
{
	zone.reserve = clamp(kb >> (PAGE_SHIFT - 10), 16ull, zone.pages / 5 + 16);
	watermarks_update();
}

void watermarks_set_scale(u32 scale)
{
	watermark_scale = scale;
	watermarks_update();
}

void zone_info(struct zone_info *z)
{
	*z = (struct zone_info){ zone.pages, READ_ONCE(zone.nr_free) + vmemmap_deferred(),
				 zone.mark.min, zone.mark.low, zone.mark.high };
}

/* --- what can be freed ----------------------------------------------------------------------- */

void shrinker_register(struct shrinker *s)
{
	spin_lock(&shrinkers_lock);
	s->next = shrinkers;
	store_release(&shrinkers, s);
	spin_unlock(&shrinkers_lock);
}

/* Objects freed; *pages grows by what they are about. */
static u64 shrink_objects(u32 priority, u64 *pages)
{
	u64 all = 0;

	for (struct shrinker *s = load_acquire(&shrinkers); s; s = s->next) {
		u64 n = lru_share(s->count(), priority);

		if (!n)
			continue;
		mem_stat_add(STAT_SLABS_SCANNED, (i64)n);
		n = s->shrink(n);
		all += n;
		*pages += n / max(s->per_page, 1u);
	}
	return all;
}

u64 shrink_slabs(u32 priority)
{
	u64 pages = 0;

	return shrink_objects(priority, &pages);
}

/*
 * Rounds from gentle to thorough until want pages are free, or about to be: objects go after a grace
 * period, which is waited for if pages alone were not enough. Pages and objects freed.
 */
static u64 shrink_until(u64 want, bool kswapd)
{
	u64 pages = 0, objects = 0, soon = 0;

	for (u32 priority = FIRST_PRIORITY + 1; priority-- && pages + soon < want;) {
		pages += lru_shrink(want - pages - soon, priority, kswapd);
		objects += shrink_objects(priority, &soon);
	}
	if (pages < want && objects)
		rcu_barrier();
	if (pages + objects)
		__atomic_fetch_add(&freed_ever, pages + objects, __ATOMIC_RELAXED);
	return pages + objects;
}

static void drain_this_cpu(void *unused)
{
	u64 irq = irq_save();

	slab_drain_local();
	pcp_drain_local();
	irq_restore(irq);
}

static void nap(void)
{
	struct wait_entry e;

	wait_entry_init(&e);
	wait_prepare(&nap_queue, &e, SLEEP_KILLABLE);
	schedule_until(clock_ns() + NAP_NS);
	wait_finish(&nap_queue, &e);
}

/* The CPUs' lists back to where everybody finds them. Who finds that being done waits a little. */
void drain_free_lists(void)
{
	if (!mutex_trylock(&drain_mutex)) {
		nap();
		return;
	}
	smp_call(online_cpus, drain_this_cpu, NULL);
	slab_trim();
	kstack_trim();
	drain_this_cpu(NULL);
	mutex_unlock(&drain_mutex);
}

/* --- kswapd ---------------------------------------------------------------------------------- */

static bool balanced(void) { return READ_ONCE(zone.nr_free) >= zone.mark.high; }

static void balance(void)
{
	mem_stat_add(STAT_PAGEOUTRUN, 1);
	workingset_start();
	while (!balanced()) {
		u64 want = zone.mark.high - min(zone.mark.high, READ_ONCE(zone.nr_free));

		if (vmemmap_grow())
			continue;
		if (!shrink_until(clamp(want, RECLAIM_BATCH, 1024ull), true)) {
			kswapd_failures++;
			return;
		}
		kswapd_failures = 0;
		wake_up_all(&nap_queue);
		cond_resched();
	}
}

static bool take_wish(void)
{
	return __atomic_exchange_n(&kswapd_wanted, false, __ATOMIC_ACQ_REL);
}

void kswapd_main(void *unused)
{
	current_core()->reclaiming = true;
	store_release(&kswapd_running, true);
	for (;;) {
		wait_event_interruptible(&kswapd_queue, take_wish());
		balance();
	}
}

/* With nothing to free it is not woken until somebody's round has freed something again. */
void kswapd_wake(void)
{
	if (!kswapd_running || READ_ONCE(kswapd_wanted) || kswapd_failures >= 8)
		return;
	WRITE_ONCE(kswapd_wanted, true);
	wake_up(&kswapd_queue);
}

/* --- an allocation that found nothing -------------------------------------------------------- */

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

/* Kills at every eighth idle round, and waits. false: nothing left to kill, or the current task is
 * the one to die. */
static bool kill_and_wait(u32 order, u32 idle)
{
	if (sleep_interrupted(SLEEP_KILLABLE))
		return false;
	if (idle % 8 == 2 && mutex_trylock(&oom_mutex)) {
		bool killed = kill_one(order);

		mutex_unlock(&oom_mutex);
		if (!killed)
			return there_now(order);
	}
	if (!sleep_interrupted(SLEEP_KILLABLE))
		nap();
	return true;
}

/* A round of our own, or a wait for somebody else's. false: we looked, and nothing was freed by
 * anybody meanwhile. */
static bool direct_round(u32 order)
{
	u64 before = __atomic_load_n(&freed_ever, __ATOMIC_RELAXED);

	if (!mutex_trylock(&round_mutex)) {
		nap();
		return true;
	}
	current_core()->reclaiming = true;
	mem_stat_add(STAT_ALLOCSTALL, 1);
	workingset_start();
	if (shrink_until(max(RECLAIM_BATCH, 1ull << order), false))
		kswapd_failures = 0;
	current_core()->reclaiming = false;
	mutex_unlock(&round_mutex);
	wake_up_all(&nap_queue);
	return __atomic_load_n(&freed_ever, __ATOMIC_RELAXED) != before;
}

bool reclaim_for(u32 order, u32 flags, struct reclaim_try *t)
{
	if (irqs_disabled() || current_core()->preempt_count)
		return false;	/* start-up, before there are threads */
	if (vmemmap_grow())
		return true;
	if (current_core()->borrowing)
		return false;
	if (flags & ALLOC_NORECLAIM)
		return (flags & ALLOC_COMPACT) && !t->rounds++ && there_now(order) &&
		       compact_gently(order);
	if (sleep_interrupted(SLEEP_KILLABLE) && t->dying++ >= DYING_ROUNDS)
		return false;
	if (order > CHEAP_ORDER || (order && there_now(order)))
		t->rounds++;
	if (t->rounds >= MAX_ROUNDS)
		return false;
	if (order && t->rounds <= COMPACT_ROUNDS && there_now(order) && compact_for(order))
		return true;
	if (direct_round(order)) {
		t->idle = 0;
		if (order)
			drain_free_lists();
		return true;
	}
	if (t->idle++ == 0) {
		drain_free_lists();
		return true;
	}
	return order <= CHEAP_ORDER && kill_and_wait(order, t->idle);
}
