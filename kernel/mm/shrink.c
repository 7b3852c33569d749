/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One round of reclaim over the lists: takes folios off the old ends, learns through their mappings
 * whether they were accessed, and drops, keeps or moves them as lru_plan.h decides.
 *
 * A folio is worked on isolated, with a reference and its lock, which is only tried. A locked folio
 * stays in its mapping, and so the mapping stays, until the folio is taken out: mapping_destroy
 * waits for the lock. Dropping: unmap; then, under mapping->lock, where every finder takes its
 * reference, replace the count by 0 if it is the tree's and ours; so a folio that somebody found
 * beside us is left alone.
 */
#include <mm/mapping.h>
#include <mm/reclaim.h>
#include "alloc.h"
#include "lru.h"
#include "mapping_internal.h"

#define BATCH 32u	/* folios isolated at a time */

/* In its mapping, by the tree and us alone: out it goes. Locked; not mapped. */
static bool take_out(struct folio *f)
{
	struct mapping *m = f->page.mapping;
	bool mine;

	spin_lock(&m->lock);
	mine = !page_test(&f->page, PG_DIRTY) && ref_freeze(&f->page.refcount, 2);
	if (mine) {
		mapping_forget(m, f);
		mapping_count(m, folio_order(f), -1);
		workingset_evicted(m, f);
	}
	spin_unlock(&m->lock);
	return mine;	/* m may be gone now */
}

/* Locked, one reference is ours, which goes with it. */
static bool drop_locked(struct folio *f)
{
	if (atomic_read(&f->page.mapcount))
		folio_unmap(f, false);
	if (atomic_read(&f->page.mapcount) || !take_out(f))
		return false;
	f->page.mapping = NULL;
	page_clear(&f->page, PG_LOCKED);	/* nobody waits: they would have a reference */
	folio_free(f);
	return true;
}

static struct lru_age age_of(struct folio *f, bool force)
{
	struct lru_age a = { .referenced = page_test(&f->page, PG_REFERENCED), .force = force,
			     .dirty = page_test(&f->page, PG_DIRTY) };

	if (atomic_read(&f->page.mapcount))
		folio_age(f, &a);
	return a;
}

static void activate(struct folio *f)
{
	page_clear(&f->page, PG_REFERENCED);
	page_set(&f->page, PG_ACTIVE);
	workingset_aged(folio_nr_pages(f));
	mem_stat_add(STAT_PGACTIVATE, folio_nr_pages(f));
}

/*
 * Anonymous memory that its owner has given up (MADV_FREE): it goes unless it was written to since.
 * Locked, one reference is ours, and the last one if it went.
 */
static void shrink_lazy(struct folio *f)
{
	if (!page_test(&f->page, PG_LAZYFREE))
		return;
	if (folio_unmap(f, true))
		mem_stat_add(STAT_PGLAZYFREED, folio_nr_pages(f));
	else if (folio_written(f))
		page_clear(&f->page, PG_LAZYFREE);	/* no list will have it */
}

/* An isolated folio from the inactive list. true: it is gone, with our reference. */
static bool shrink_one(struct folio *f, bool force)
{
	struct lru_age a;

	if (!folio_trylock(f))
		return false;
	if (page_test(&f->page, PG_ANON)) {
		shrink_lazy(f);
		folio_unlock(f);
		if (ref_read(&f->page.refcount) > 1)
			return false;
		folio_put(f);
		return true;
	}
	if (f->page.mapping) {
		a = age_of(f, force);
		switch (lru_age_inactive(&a)) {
		case LRU_DROP:
			if (drop_locked(f))
				return true;
			break;
		case LRU_KEEP:
			page_set(&f->page, PG_REFERENCED);
			break;
		case LRU_ACTIVATE:
			activate(f);
		}
	}
	folio_unlock(f);
	return false;
}

/*
 * Pages freed of one batch, which one() tries, each an isolated folio with a reference of ours that
 * goes with it if it returns true; *looked grows by the pages that were looked at.
 */
static __always_inline u64 shrink_batch(enum lru_list from, bool (*one)(struct folio *f, bool how),
					bool how, u64 *looked)
{
	struct folio *f[BATCH];
	u32 got = lru_isolate(from, BATCH, f, looked), kept = 0;
	u64 freed = 0;

	for (u32 i = 0; i < got; i++) {
		u32 n = folio_nr_pages(f[i]);

		if (one(f[i], how))
			freed += n;
		else
			f[kept++] = f[i];
	}
	lru_putback(f, kept);
	return freed;
}

/* From the active list's end: its second chance is on the inactive one, unless it stays. */
static void age_active(struct folio *f, bool force)
{
	struct lru_age a;

	if (!folio_trylock(f))
		return;
	if (!page_test(&f->page, PG_ANON) && f->page.mapping) {
		a = age_of(f, force);
		if (!lru_age_active(&a)) {
			page_clear(&f->page, PG_ACTIVE);
			page_set(&f->page, PG_WORKINGSET);
			mem_stat_add(STAT_PGDEACTIVATE, folio_nr_pages(f));
		}
	}
	folio_unlock(f);
}

/* A batch from the active list. Returns the number of pages looked at. */
static u64 shrink_active(bool force)
{
	struct folio *f[BATCH];
	u64 looked = 0;
	u32 got = lru_isolate(LRU_ACTIVE, BATCH, f, &looked);

	mem_stat_add(STAT_PGREFILL, (i64)looked);
	for (u32 i = 0; i < got; i++)
		age_active(f[i], force);
	lru_putback(f, got);
	return looked;
}

u64 lru_shrink(u64 want, u32 priority, bool kswapd)
{
	u64 budget = max(lru_share(lru_pages(false) + lru_pages(true), priority), (u64)BATCH);
	u64 freed = 0, scanned = 0, active = 0;

	while (freed < want && scanned < budget) {
		u64 before = scanned + active;

		if (active <= lru_pages(true) &&
		    lru_inactive_low(lru_pages(false), lru_pages(true)))
			active += shrink_active(!priority);
		freed += shrink_batch(LRU_INACTIVE, shrink_one, !priority, &scanned);
		if (scanned + active == before)
			break;
		cond_resched();
	}
	mem_stat_add(kswapd ? STAT_PGSCAN_KSWAPD : STAT_PGSCAN_DIRECT, (i64)scanned);
	mem_stat_add(kswapd ? STAT_PGSTEAL_KSWAPD : STAT_PGSTEAL_DIRECT, (i64)freed);
	return freed;
}

/* Isolated, one reference is ours, which goes with it: whatever its age. mapped: also if it is. */
static bool drop_now(struct folio *f, bool mapped)
{
	struct lru_age a = { 0 };

	if (!folio_trylock(f))
		return false;
	if (page_test(&f->page, PG_ANON)) {
		shrink_lazy(f);
	} else if (f->page.mapping && (mapped || !atomic_read(&f->page.mapcount))) {
		folio_age(f, &a);
		if (!a.locked && drop_locked(f))
			return true;
	}
	folio_unlock(f);
	return false;
}

bool lru_drop(struct folio *f, bool mapped)
{
	bool mine = lru_del(f);

	if (drop_now(f, mapped))
		return true;
	if (mine)
		lru_add(f);
	folio_put(f);
	return false;
}

void drop_page_cache(void)
{
	for (enum lru_list l = 0; l < NR_LRU; l++) {
		u64 all = lru_pages(l), looked = 0, before;

		do {
			before = looked;
			shrink_batch(l, drop_now, false, &looked);
			cond_resched();
		} while (looked < all && looked != before);
	}
	mem_stat_add(STAT_DROP_PAGECACHE, 1);
}
