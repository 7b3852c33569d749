/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a file's pages to the leaves that map them: by the mapping's list of VMAs, under its
 * vma_lock. A VMA leaves the list before its tables can go (mm/mmap.c), so the walk needs no
 * mm->lock.
 */
#include "internal.h"

void mapping_unmap_range(struct mapping *m, u64 first, u64 n, bool even_cow)
{
	u64 last = first + n < first ? ~0ull : first + n;	/* one past */
	struct vma *v;
	struct zap z;

	if (list_empty(&m->vmas))
		return;
	spin_lock(&m->vma_lock);
	list_for_each(v, &m->vmas, share) {
		u64 lo = max(first, v->pgoff), hi = min(last, v->pgoff + vma_pages(v));

		if (lo >= hi)
			continue;
		zap_begin(&z, v->mm, false);
		z.keep_private = !even_cow;
		zap_vma(&z, v, v->start + ((lo - v->pgoff) << PAGE_SHIFT),
			v->start + ((hi - v->pgoff) << PAGE_SHIFT));
		zap_end(&z);
	}
	spin_unlock(&m->vma_lock);
}
