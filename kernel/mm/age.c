/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reclaim learns of and does to a page-cache folio through the leaves that map it. The walk is
 * rmap.c's: the mapping's list of VMAs, under its vma_lock.
 */
#include "internal.h"
#include "lru.h"

/* The part of v that maps f: false if none. */
static bool part_of(const struct vma *v, const struct folio *f, u64 *start, u64 *end)
{
	u64 first = f->page.index, lo = max(first, v->pgoff);
	u64 hi = min(first + folio_nr_pages(f), v->pgoff + vma_pages(v));

	*start = v->start + ((lo - v->pgoff) << PAGE_SHIFT);
	*end = v->start + ((hi - v->pgoff) << PAGE_SHIFT);
	return lo < hi;
}

static bool maps(pte_t e, const struct folio *f)
{
	return !pte_is_none(e) && !pte_special(e) && page_folio(pfn_to_page(pte_pfn(e))) == f;
}

/* The leaves of [start, end) that map f become old; whether one was not. found: there is one. */
static bool make_old(struct vma *v, u64 start, u64 end, const struct folio *f, bool *found)
{
	const u32 any = PT_IGNORE_DIRTY | PT_IGNORE_YOUNG | PT_IGNORE_WRITE | PT_IGNORE_EXCL;
	struct pt_walk w;
	bool young = false;

	pt_walk_init(&w, &v->mm->pt, start, end);
	while (pt_walk_next(&w))
		for (u32 i = 0, n; i < w.n; i += n) {
			pte_t e = pte_load(&w.pte[i]);
			u32 left;

			n = 1;
			if (!maps(e, f))
				continue;
			*found = true;
			leaf_folio(e, &left);
			n = pt_run_of(&w.pte[i], run_limit(left, w.n - i, w.level), w.level, any).n;
			young |= clear_young_ptes(&w.pte[i], n);
		}
	if (young)
		invalidate_user(v->mm, start, end);
	return young;
}

void mapping_age_folio(struct folio *f, struct lru_age *a)
{
	struct mapping *m = f->page.mapping;
	struct vma *v;
	u64 start, end;

	spin_lock(&m->vma_lock);
	list_for_each(v, &m->vmas, share) {
		bool found = false;

		if (!part_of(v, f, &start, &end))
			continue;
		if (make_old(v, start, end, f, &found)) {
			a->young++;
			a->exec |= !!(v->vm_flags & VM_EXEC);
		}
		a->locked |= found && (v->vm_flags & VM_LOCKED);
	}
	spin_unlock(&m->vma_lock);
}

void mapping_unmap_folio(struct folio *f)
{
	struct mapping *m = f->page.mapping;
	struct vma *v;
	u64 start, end;
	struct zap z;

	spin_lock(&m->vma_lock);
	list_for_each(v, &m->vmas, share) {
		if (!part_of(v, f, &start, &end))
			continue;
		zap_begin(&z, v->mm, false);
		z.keep_private = z.beside_faults = true;
		zap_vma(&z, v, start, end);
		zap_end(&z);
	}
	spin_unlock(&m->vma_lock);
}
