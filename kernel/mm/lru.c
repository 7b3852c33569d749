/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of folios that reclaim can free, by age: inactive and active, new ones in front. They
 * are page cache that can be read again, and anonymous memory given up by MADV_FREE (PG_LAZYFREE),
 * which is always inactive.
 *
 * A list holds no reference. PG_LRU says that a folio is on the one that PG_ACTIVE names; both
 * change under lru_lock. Who wants to work on a folio takes it off (lru_isolate) with a reference,
 * which fails for one that is being freed; folio_free takes a folio off that is still on a list.
 * So a folio may be taken out of its mapping at any time, on a list or isolated. Who took page
 * cache off puts it on again, and may change PG_ACTIVE in between; anonymous memory, never active,
 * may be put on beside that (MADV_FREE).
 */
#include <mm/mapping.h>
#include "alloc.h"
#include "lru.h"

static struct list lists[NR_LRU] = { LIST_INIT(lists[0]), LIST_INIT(lists[1]) };
static u64 pages[NR_LRU];
static struct spinlock lru_lock = SPINLOCK_INIT;	/* guards both; taken under node locks */

static inline enum lru_list list_of(const struct folio *f)
{
	return page_test(&f->page, PG_ACTIVE) ? LRU_ACTIVE : LRU_INACTIVE;
}

static void put_on(struct folio *f)
{
	page_set(&f->page, PG_LRU);
	list_add(&lists[list_of(f)], &f->page.lru);
	pages[list_of(f)] += folio_nr_pages(f);
}

static void take_off(struct folio *f)
{
	page_clear(&f->page, PG_LRU);
	list_del(&f->page.lru);
	pages[list_of(f)] -= folio_nr_pages(f);
}

u64 lru_pages(bool active)
{
	return READ_ONCE(pages[active ? LRU_ACTIVE : LRU_INACTIVE]);
}

/* It may be on a list: page cache, as long as it is; anonymous memory that can be freed lazily. */
static bool belongs(const struct folio *f)
{
	if (page_test(&f->page, PG_ANON))
		return page_test(&f->page, PG_LAZYFREE);
	return READ_ONCE(f->page.mapping);
}

void lru_add(struct folio *f)
{
	spin_lock(&lru_lock);
	if (belongs(f) && !page_test(&f->page, PG_LRU))
		put_on(f);
	spin_unlock(&lru_lock);
}

bool lru_del(struct folio *f)
{
	bool on;

	if (!page_test(&f->page, PG_LRU))
		return false;
	spin_lock(&lru_lock);
	on = page_test(&f->page, PG_LRU);
	if (on)
		take_off(f);
	spin_unlock(&lru_lock);
	return on;
}

/* Moves f to the front of the active or inactive list if it is on a list. */
static bool move(struct folio *f, bool active)
{
	bool on;

	spin_lock(&lru_lock);
	on = page_test(&f->page, PG_LRU);
	if (on) {
		take_off(f);
		if (active)
			page_set(&f->page, PG_ACTIVE);
		else
			page_clear(&f->page, PG_ACTIVE);
		put_on(f);
	}
	spin_unlock(&lru_lock);
	return on;
}

void folio_mark_accessed(struct folio *f)
{
	if (!page_test(&f->page, PG_REFERENCED)) {
		page_set(&f->page, PG_REFERENCED);
	} else if (!page_test(&f->page, PG_ACTIVE) && move(f, true)) {
		page_clear(&f->page, PG_REFERENCED);
		workingset_aged(folio_nr_pages(f));
		mem_stat_add(STAT_PGACTIVATE, folio_nr_pages(f));
	}
}

void folio_deactivate(struct folio *f)
{
	page_clear(&f->page, PG_REFERENCED);
	if (page_test(&f->page, PG_ACTIVE) && move(f, false))
		mem_stat_add(STAT_PGDEACTIVATE, folio_nr_pages(f));
}

u32 lru_isolate(enum lru_list from, u32 n, struct folio **out, u64 *looked)
{
	u32 got = 0;

	spin_lock(&lru_lock);
	for (; n && !list_empty(&lists[from]); n--) {
		struct folio *f = (struct folio *)list_last(&lists[from], struct page, lru);

		if (!ref_get_unless_zero(&f->page.refcount)) {	/* folio_free waits for our lock to take it off */
			list_del(&f->page.lru);
			list_add(&lists[from], &f->page.lru);
			continue;
		}
		take_off(f);
		*looked += folio_nr_pages(f);
		out[got++] = f;
	}
	spin_unlock(&lru_lock);
	return got;
}

void lru_putback(struct folio **f, u32 n)
{
	spin_lock(&lru_lock);
	for (u32 i = 0; i < n; i++)
		if (belongs(f[i]) && !page_test(&f[i]->page, PG_LRU))
			put_on(f[i]);
	spin_unlock(&lru_lock);
	while (n)
		folio_put(f[--n]);
}
