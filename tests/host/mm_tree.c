/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMA tree's invariants, recomputed. */
#include "internal.h"
#include "mm_model.h"

static u64 low(const struct vma *v)
{
	return v->start - (v->vm_flags & VM_GROWSDOWN ? min(v->start, GUARD_GAP) : 0);
}

static u32 check_node(const struct vma *v, u64 *lo, u64 *hi, u64 *gap)
{
	u64 l_lo, l_hi, l_gap, r_lo, r_hi, r_gap;
	u32 hl = 0, hr = 0;

	*lo = low(v);
	*hi = v->end;
	*gap = 0;
	BUG_ON(v->start >= v->end || ((v->start | v->end) & ~PAGE_MASK));
	if (v->left) {
		BUG_ON(v->left->parent != v || v->left->end > v->start);
		hl = check_node(v->left, &l_lo, &l_hi, &l_gap);
		*gap = max(l_gap, low(v) > l_hi ? low(v) - l_hi : 0);
		*lo = l_lo;
	}
	if (v->right) {
		u64 between;

		BUG_ON(v->right->parent != v || v->right->start < v->end);
		hr = check_node(v->right, &r_lo, &r_hi, &r_gap);
		between = r_lo > v->end ? r_lo - v->end : 0;
		*gap = max(*gap, between);
		*gap = max(*gap, r_gap);
		*hi = r_hi;
	}
	BUG_ON(v->sub_start != *lo || v->sub_end != *hi || v->gap != *gap);
	BUG_ON(hl > hr + 1 || hr > hl + 1 || v->level != 1 + max(hl, hr));
	return 1 + max(hl, hr);
}

void mm_check_tree(struct mm *mm)
{
	u64 lo, hi, gap, pages = 0, locked = 0;
	u32 n = 0;

	if (mm->vmas.root)
		check_node(mm->vmas.root, &lo, &hi, &gap);
	for (struct vma *v = mm_first_vma_from(mm, 0), *next; v; v = next) {
		next = mm_next_vma(v);
		BUG_ON(next && (vma_prev(next) != v || next->start < v->end));
		BUG_ON(v->mm != mm);
		n++;
		pages += vma_pages(v);
		if (v->vm_flags & VM_LOCKED)
			locked += vma_pages(v);
	}
	BUG_ON(n != mm->nr_vmas || pages != mm->total_pages || locked != mm->locked_pages);
}
