/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unmapping pages. Leaves are cleared run by run under their node lock; what was mapped waits in a
 * gather until the TLB has forgotten it (pt/gather.c). Counters are summed up and settled once.
 */
#include <base/string.h>
#include "internal.h"

void zap_begin(struct zap *z, struct mm *mm, bool full)
{
	z->mm = mm;
	z->keep_private = z->beside_faults = false;
	z->anon = z->file = z->shmem = 0;
	pt_gather_init(&z->g, &mm->pt, full);
}

void zap_end(struct zap *z)
{
	struct mm *mm = z->mm;
	u64 rss;

	if (z->anon | z->file | z->shmem) {
		rss = mm_rss(mm);
		if (rss > mm->peak_rss)
			mm->peak_rss = rss;
	}
	if (z->anon)
		rss_add(&mm->rss_anon, -z->anon);
	if (z->file)
		rss_add(&mm->rss_file, -z->file);
	if (z->shmem)
		rss_add(&mm->rss_shmem, -z->shmem);
	z->anon = z->file = z->shmem = 0;
	pt_gather_flush(&z->g);
}

static __always_inline void take_leaf(struct zap *z, const struct vma *v, pte_t old)
{
	struct page *p;
	struct folio *f;

	if (pte_special(old))
		return;
	p = pfn_to_page(pte_pfn(old));
	f = page_folio(p);
	if (page_test(&f->page, PG_ANON)) {
		z->anon++;
		if (z->g.full) {
			folio_unmap_put(f);
			return;
		}
		atomic_dec(&f->page.mapcount);
	} else {
		/* A private mapping's clean page is never dirty: its first write makes a copy. */
		if ((v->vm_flags & VM_SHARED) && pte_dirty(old))
			page_set(&f->page, PG_DIRTY);
		if (pte_young(old) && !page_test(&f->page, PG_REFERENCED))
			page_set(&f->page, PG_REFERENCED);
		if (rss_counter(z->mm, f) == &z->mm->rss_shmem)
			z->shmem++;
		else
			z->file++;
		file_unmapped(f);
	}
	pt_gather_folio(&z->g, f);
}

void zap_leaf(struct zap *z, const struct vma *v, pte_t old) { take_leaf(z, v, old); }

static void zap_stretch(struct zap *z, const struct vma *v, struct pt_walk *w)
{
	i32 gone = 0;

	for (u32 i = 0; i < w->n; i++) {
		pte_t e = pte_load(&w->pte[i]);

		if (pte_is_none(e))
			continue;
		if (z->keep_private && !pte_special(e) &&
			page_test(&page_folio(pfn_to_page(pte_pfn(e)))->page, PG_ANON))
			continue;
		if (z->g.full) {
			clear_full_ptes(&w->pte[i], 1);
		} else {
			u64 va = w->va + ((u64)i << PAGE_SHIFT);

			e = pte_take(&w->pte[i], e);
			pt_gather_range(&z->g, va, va + PAGE_SIZE);
		}
		gone++;
		take_leaf(z, v, e);
	}
	pt_count(w->node, -gone);
}

void zap_vma(struct zap *z, struct vma *v, u64 start, u64 end)
{
	struct pt_walk w;

	pt_walk_init(&w, &z->mm->pt, start, end);
	while (pt_walk_next(&w)) {
		zap_stretch(z, v, &w);
		if (z->beside_faults)
			pt_gather_invalidate(&z->g);
	}
}

#define INVAL_WHOLE_ASID (4096ul << PAGE_SHIFT)	/* beyond, one instruction does for all */

void invalidate_user(struct mm *mm, u64 start, u64 end)
{
	u16 asid = pt_asid(&mm->pt);

	if (!asid)
		return;
	if (end - start > INVAL_WHOLE_ASID)
		tlb_inval_asid(asid);
	else
		tlb_inval_range(asid, start, end, PAGE_SIZE, TLB_LAST_LEVEL);
}
