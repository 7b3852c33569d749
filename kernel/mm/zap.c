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

/* n pages of f, cleared from v's leaves, go out of the books; the references wait for the TLB. */
static __always_inline void settle(struct zap *z, const struct vma *v, struct folio *f, u32 n,
				   bool dirty, bool young)
{
	if (page_test(&f->page, PG_ANON)) {
		z->anon += n;
		if (z->g.full) {
			folio_unmap_put(f, n);
			return;
		}
		__atomic_fetch_sub(&f->page.mapcount.v, (i32)n, __ATOMIC_RELEASE);
	} else {
		/* A private mapping's clean page is never dirty: its first write makes a copy. */
		if ((v->vm_flags & VM_SHARED) && dirty)
			page_set(&f->page, PG_DIRTY);
		if (young && !page_test(&f->page, PG_REFERENCED))
			page_set(&f->page, PG_REFERENCED);
		if (rss_counter(z->mm, f) == &z->mm->rss_shmem)
			z->shmem += n;
		else
			z->file += n;
		file_unmapped(f, n);
	}
	pt_gather_folio(&z->g, f, n);
}

static inline bool keeps(const struct zap *z, const struct folio *f)
{
	return unlikely(z->keep_private) && page_test(&f->page, PG_ANON);
}

/* The entry at i, which maps a page of a large folio, and what follows alike. Entries done. */
static __noinline u32 zap_run(struct zap *z, const struct vma *v, struct pt_walk *w, u32 i)
{
	const u32 all = PT_IGNORE_DIRTY | PT_IGNORE_YOUNG | PT_IGNORE_WRITE | PT_IGNORE_EXCL;
	pte_t *p = &w->pte[i];
	u32 left, max, pages = pt_pages(w->level);
	struct folio *f = leaf_folio(pte_load(p), &left);
	u64 va = pt_walk_va(w, i);
	struct pt_run r;

	max = run_limit(left, w->n - i, w->level);
	if (z->g.full) {
		r = pt_run_of(p, max, w->level, all);
		clear_full_ptes(p, r.n);
	} else {
		r.n = pt_run_of(p, max, w->level, all).n;
		if (keeps(z, f))
			return r.n;
		r = get_and_clear_ptes(p, r.n);
		pt_gather_range(&z->g, va, va + ((u64)r.n << pt_shift(w->level)), w->level);
	}
	/* A block of a file may go as a whole; one of private memory would lose what is around. */
	BUG_ON((va < w->va || va + ((u64)r.n << pt_shift(w->level)) > w->end) &&
	       page_test(&f->page, PG_ANON));
	z->cleared += r.n;
	settle(z, v, f, r.n * pages, r.any_dirty, r.any_young);
	return r.n;
}

static void zap_stretch(struct zap *z, const struct vma *v, struct pt_walk *w)
{
	z->cleared = 0;
	for (u32 i = 0; i < w->n; i++) {
		pte_t e = pte_load(&w->pte[i]);
		struct page *p;
		u64 va;

		if (pte_is_none(e))
			continue;
		p = pfn_to_page(pte_pfn(e));
		if (!pte_special(e)) {
			if (unlikely(page_test(p, PG_TAIL) || p->order)) {
				i += zap_run(z, v, w, i) - 1;
				continue;
			}
			if (keeps(z, (struct folio *)p))
				continue;
		}
		z->cleared++;
		if (z->g.full) {
			clear_full_ptes(&w->pte[i], 1);
		} else {
			va = w->va + ((u64)i << PAGE_SHIFT);
			e = pte_take(&w->pte[i], e);
			pt_gather_range(&z->g, va, va + PAGE_SIZE, 3);
		}
		if (!pte_special(e))
			settle(z, v, (struct folio *)p, 1, pte_dirty(e), pte_young(e));
	}
	pt_count(w->node, -z->cleared);
}

void zap_vma(struct zap *z, struct vma *v, u64 start, u64 end)
{
	struct pt_walk w;

	if (z->g.full)
		pt_walk_init(&w, &z->mm->pt, start, end);
	else
		pt_walk_edit(&w, &z->mm->pt, start, end, z->beside_faults ? PT_ADVISE : PT_UNMAP);
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
