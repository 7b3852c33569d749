/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames by their number. A frame's descriptor belongs to whoever has the frame, which may change at
 * any moment. Only the kinds that are reached by references alone, private memory and page cache,
 * may be held by somebody who comes by the number: a reference, which fails at a count of 0, and then
 * another look.
 */
#include <linux/kernel-page-flags.h>
#include <mm/kpage.h>
#include <mm/mapping.h>
#include "alloc.h"
#include "rmap.h"

#define NOT_FOLIOS (1u << PG_SLAB | 1u << PG_TABLE | 1u << PG_RESERVED | 1u << PG_BUDDY | 1u << PG_TAIL)

/* Private memory, or of a file. */
static bool is_user_folio(const struct folio *f)
{
	u32 flags = load_acquire(&f->page.flags);

	if ((flags & NOT_FOLIOS) || READ_ONCE(f->page.kind) || folio_is_zeros(f))
		return false;
	/* an old owner's mapping may still be there; flags are cleared when a frame is freed */
	return flags & (1u << PG_ANON) ||
	       (flags & (1u << PG_UPTODATE) && READ_ONCE(f->page.mapping));
}

struct folio *folio_of_frame(pfn_t pfn)
{
	struct page *p = pfn_to_page(pfn);
	struct folio *f;

	if (!pfn_valid(pfn))
		return NULL;
	f = page_folio(p);
	if (!is_user_folio(f) || !ref_get_unless_zero(&f->page.refcount))
		return NULL;
	if (is_user_folio(f) && page_folio(p) == f &&
	    pfn - folio_pfn(f) < folio_nr_pages(f))
		return f;
	folio_put(f);
	return NULL;
}

/* The frame lies in a free block: only the first descriptor of one says so. */
static bool is_free(pfn_t pfn)
{
	for (u32 order = 0; order <= MAX_ORDER; order++) {
		pfn_t first = pfn & ~((1ull << order) - 1);
		struct page *p = pfn_to_page(first);

		if (pfn_valid(first) && page_test(p, PG_BUDDY) && p->order >= order)
			return true;
	}
	return false;
}

static u64 user_flags(const struct folio *f, bool tail)
{
	static const struct { u8 ours, theirs; } same[] = {
		{ PG_LOCKED, KPF_LOCKED },     { PG_REFERENCED, KPF_REFERENCED },
		{ PG_UPTODATE, KPF_UPTODATE }, { PG_DIRTY, KPF_DIRTY },
		{ PG_LRU, KPF_LRU },	       { PG_ACTIVE, KPF_ACTIVE },
		{ PG_ANON, KPF_ANON },
	};
	bool anon = page_test(&f->page, PG_ANON);
	u64 w = 0;

	for (u32 i = 0; i < ARRAY_SIZE(same); i++)
		w |= (u64)page_test(&f->page, same[i].ours) << same[i].theirs;
	if (atomic_read(&f->page.mapcount))
		w |= BIT(KPF_MMAP);
	if (anon ? !page_test(&f->page, PG_LAZYFREE) : page_test(&f->page, PG_SHMEM))
		w |= BIT(KPF_SWAPBACKED);
	if (folio_order(f))
		w |= BIT(KPF_THP) | BIT(tail ? KPF_COMPOUND_TAIL : KPF_COMPOUND_HEAD);
	return w;
}

u64 frame_flags(pfn_t pfn)
{
	struct page *p = pfn_to_page(pfn);
	struct folio *f;
	u64 w = 0;

	if (!pfn_valid(pfn))
		return BIT(KPF_NOPAGE);
	if (is_free(pfn))
		return BIT(KPF_BUDDY);
	f = folio_of_frame(pfn);
	if (f) {
		w = user_flags(f, (struct page *)f != p);
		folio_put(f);
		return w;
	}
	f = page_folio(p);
	if (folio_is_zeros(f))
		return BIT(KPF_ZERO_PAGE) | (f == zero_folio ? 0 : BIT(KPF_THP));
	if (!ref_read(&f->page.refcount))
		return 0;
	if (page_test(&f->page, PG_TABLE))
		w = BIT(KPF_PGTABLE);
	if (page_test(&f->page, PG_SLAB))
		w = BIT(KPF_SLAB);
	if (folio_order(f) && !page_test(&f->page, PG_RESERVED))
		w |= BIT((struct page *)f == p ? KPF_COMPOUND_HEAD : KPF_COMPOUND_TAIL);
	return w;
}

u64 frame_mapcount(pfn_t pfn)
{
	struct folio *f = folio_of_frame(pfn);
	u64 n;

	if (!f)
		return 0;
	n = atomic_read(&f->page.mapcount) ? rmap_count_page(pfn_to_page(pfn)) : 0;
	folio_put(f);
	return n;
}

pfn_t frames_end(void)
{
	pfn_t start, end, last = 0;

	for (u32 run = 0; vmemmap_run(run, &start, &end); run++)
		last = max(last, end);
	return last;
}
