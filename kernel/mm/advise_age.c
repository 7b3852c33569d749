/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advice about the age of pages: MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED. mm->lock is held
 * for reading, so nobody forks meanwhile; faults and reclaim go on beside it.
 *
 * MADV_FREE makes the leaves of a private page clean and puts its folio on reclaim's list; a write
 * makes a leaf dirty again, and reclaim, which looks at the leaf when it takes it away, then keeps
 * the page. The TLB forgets the old leaf before its table is unlocked, so no write is missed. A
 * folio that others map too stays as it is (they have given up nothing). Of a folio that the range
 * has only a part of, or that is not mapped whole, the part goes at once, unless it is pinned. What
 * lies in tables that others have too is left out, if there was no memory to make them our own.
 */
#include "advise.h"
#include "alloc.h"
#include "lru.h"

/* The folio of the entry at i and how many entries from there on map it; NULL: none, 1 entry. */
static struct folio *run_at(const struct pt_walk *w, u32 i, u32 *n)
{
	pte_t e = pte_load(&w->pte[i]);
	struct folio *f;
	u32 left;

	*n = 1;
	if (pte_is_none(e) || pte_special(e))
		return NULL;
	f = leaf_folio(e, &left);
	*n = pt_run_of(&w->pte[i], run_limit(left, w->n - i, w->level), w->level, PT_IGNORE_ALL).n;
	return f;
}

/* --- MADV_FREE ------------------------------------------------------------------------------- */
void folio_give_up(struct folio *f)
{
	page_clear(&f->page, PG_DIRTY);
	page_clear(&f->page, PG_REFERENCED);
	if (!page_test_set(&f->page, PG_LAZYFREE))
		mem_stat_add(STAT_PGLAZYFREE, folio_nr_pages(f));
	lru_add(f);
}

/* [*start, end) up to the first part of a folio: clean. That part is [*start, *part_end). */
static bool clean_until_part(struct vma *v, u64 *start, u64 end, u64 *part_end)
{
	struct pt_gather g;
	struct pt_walk w;
	u32 run;

	pt_gather_init(&g, &v->mm->pt, false);
	pt_walk_edit(&w, &v->mm->pt, *start, end, PT_ADVISE);
	while (pt_walk_next(&w)) {
		for (u32 i = w.shared ? w.n : 0; i < w.n; i += run) {
			struct folio *f = run_at(&w, i, &run);
			u64 va = pt_walk_va(&w, i), from = max(va, *start);
			u64 stop = min(va + run * pt_span(w.level), end);

			if (!f || atomic_read(&f->page.mapcount) > (i32)folio_nr_pages(f))
				continue;
			if ((stop - from) >> PAGE_SHIFT < folio_nr_pages(f)) {
				if (atomic_read(&f->page.pins))
					continue;
				pt_gather_invalidate(&g);
				pt_walk_stop(&w);
				*start = from;
				*part_end = stop;
				return true;
			}
			clean_ptes(&w.pte[i], run);
			pt_gather_range(&g, va, stop, w.level);
			folio_give_up(f);
		}
		pt_gather_invalidate(&g);
	}
	return false;
}

void advise_free(struct vma *v, u64 start, u64 end)
{
	u64 stop;

	for (; clean_until_part(v, &start, end, &stop); start = stop)
		(void)zap_advised(v, start, stop);	/* or it stays, for want of memory */
}

/* --- MADV_COLD, MADV_PAGEOUT ----------------------------------------------------------------- */
#define BATCH 32u

struct cold { struct folio *folio[BATCH]; u32 n; };

static void drop_batch(struct cold *c)
{
	while (c->n)
		lru_drop(c->folio[--c->n], true);
}

/* One run becomes old; its folio is remembered, with a reference, if it is to go. */
static void cool(struct pt_walk *w, u32 i, u32 run, struct folio *f, struct cold *c)
{
	bool lists = page_test(&f->page, PG_LRU);

	clear_young_ptes(&w->pte[i], run);
	if (lists)
		folio_deactivate(f);
	if (!lists || !c || atomic_read(&f->page.mapcount) > (i32)folio_nr_pages(f))
		return;
	folio_get(f);
	c->folio[c->n++] = f;
}

void advise_cold(struct vma *v, u64 start, u64 end, bool drop)
{
	struct cold c = { .n = 0 };
	const u64 from = start;

	while (start < end) {
		u64 stop = min(end, align_down(start, PMD_SIZE) + PMD_SIZE);
		struct pt_walk w;
		u32 run;

		pt_walk_edit(&w, &v->mm->pt, start, stop, PT_ADVISE);
		start = stop;
		while (pt_walk_next(&w)) {
			for (u32 i = w.shared ? w.n : 0; i < w.n && c.n < BATCH; i += run) {
				struct folio *f = run_at(&w, i, &run);

				if (f)
					cool(&w, i, run, f, drop ? &c : NULL);
				start = min(stop, pt_walk_va(&w, i) + run * pt_span(w.level));
			}
			if (c.n == BATCH)
				break;
			start = stop;
		}
		pt_walk_stop(&w);
		drop_batch(&c);
		cond_resched();
	}
	invalidate_user(v->mm, from, end);
}

/* --- MADV_WILLNEED --------------------------------------------------------------------------- */
void advise_willneed(struct vma *v, u64 start, u64 end)
{
	struct mapping *m = vma_mapping(v);

	if (m)
		mapping_read_ahead(m, vma_pgoff(v, start), (end - start) >> PAGE_SHIFT);
}
