/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-cache folios that can be dropped and read again, oldest first, and their reclaim.
 * PG_REFERENCED gives a second round. lru_lock comes before mapping->lock, which is therefore only
 * tried: a mapping cannot go away while one of its folios is on the list, since taking the folio
 * out needs lru_lock.
 */
#include <mm/mapping.h>
#include "alloc.h"

static struct list lru = LIST_INIT(lru);
static struct spinlock lru_lock = SPINLOCK_INIT;

void lru_add(struct folio *f)
{
	spin_lock(&lru_lock);
	if (f->page.mapping && !page_test_set(&f->page, PG_LRU))
		list_add_tail(&lru, &f->page.lru);
	spin_unlock(&lru_lock);
}

void lru_del(struct folio *f)
{
	if (!page_test(&f->page, PG_LRU))
		return;
	spin_lock(&lru_lock);
	if (page_test(&f->page, PG_LRU)) {
		page_clear(&f->page, PG_LRU);
		list_del(&f->page.lru);
	}
	spin_unlock(&lru_lock);
}

#define BUSY ((1u << PG_LOCKED) | (1u << PG_DIRTY))

/* Takes f out of its mapping if nobody but the tree has a reference. Both locks held. */
static bool take_out(struct folio *f)
{
	i32 one = 1;

	if ((READ_ONCE(f->page.flags) & BUSY) || atomic_read(&f->page.mapcount))
		return false;
	/* To 0: a finder holds mapping->lock too, so nobody finds it half-way. */
	if (!__atomic_compare_exchange_n(&f->page.refcount.v, &one, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	radix_remove(&f->page.mapping->tree, f->page.index);
	f->page.mapping->nr_pages--;
	page_clear(&f->page, PG_LRU);
	list_del(&f->page.lru);
	return true;
}

static bool try_drop(struct folio *f)
{
	struct mapping *m = f->page.mapping;
	bool dropped;

	if (page_test(&f->page, PG_REFERENCED)) {
		page_clear(&f->page, PG_REFERENCED);
		return false;
	}
	if (!spin_trylock(&m->lock))
		return false;
	dropped = take_out(f);
	spin_unlock(&m->lock);
	if (!dropped)
		return false;
	if (m->ops->charge)
		m->ops->charge(m, -1);
	mem_stat_add(STAT_CACHE, -1);
	f->page.mapping = NULL;
	folio_free(f);
	return true;
}

u64 lru_reclaim(u64 nr)
{
	u64 freed = 0;

	spin_lock(&lru_lock);
	for (u64 scan = 4 * nr; scan && freed < nr && !list_empty(&lru); scan--) {
		struct page *p = list_first(&lru, struct page, lru);

		if (try_drop((struct folio *)p)) {
			freed++;
		} else {
			list_del(&p->lru);
			list_add_tail(&lru, &p->lru);
		}
	}
	spin_unlock(&lru_lock);
	return freed;
}
