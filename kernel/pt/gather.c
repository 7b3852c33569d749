/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gathering: leaves are cleared first, under their node lock; their folios' references stay with
 * the gather until the TLB has been invalidated. Until then nobody else can find a folio's count at
 * one and take it for its own (copy-on-write reuse), and it cannot be allocated anew, while some
 * CPU still reads it through a stale entry.
 */
#include <pt/pt.h>
#include "internal.h"

/* Above this many pages the ASID goes as a whole. */
#define WHOLE_ASID_PAGES 4096

void pt_gather_invalidate(struct pt_gather *g)
{
	u16 asid;

	if (g->start >= g->end)
		return;
	asid = pt_asid(g->pt);
	if (g->shared)
		tlb_inval_range_all_asids(g->start, g->end, min(g->stride, PMD_SIZE));
	else if (!asid)
		;	/* it never ran */
	else if (g->end - g->start > WHOLE_ASID_PAGES << PAGE_SHIFT)
		tlb_inval_asid(asid);
	else
		tlb_inval_range(asid, g->start, g->end, min(g->stride, PMD_SIZE),
			g->tables_changed ? TLB_ALL_LEVELS : TLB_LAST_LEVEL);
	g->start = ~0ull;
	g->end = 0;
	g->tables_changed = false;
	g->stride = ~0ull;
}

void pt_gather_flush(struct pt_gather *g)
{
	if (!g->full)
		pt_gather_invalidate(g);
	folios_unmapped(g->folio, g->refs, g->nr);
	g->nr = 0;
	if (g->tables)
		pt_gather_free_tables(g);
}
