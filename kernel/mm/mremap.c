/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mremap(2). Moving takes leaves from the old place to the new one, a table's stretch at a time,
 * with both nodes and the reverse map's locks held, so that this finds each page at one place or the
 * other. The old place's TLB entries
 * go before those locks do.
 */
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/capability.h>
#include "internal.h"

struct remap {
	struct mm *mm;
	u64 old, old_len, new_len, new;	/* bytes, page aligned */
	int flags;
	struct vma *dead;		/* freed after unlocking */
};

/* Moves the leaves of one table's stretch, run by run; both nodes locked. */
static i32 move_runs(pte_t *from, pte_t *to, u32 n, int level)
{
	i32 moved = 0;

	for (u32 i = 0, run; i < n; i += run) {
		pte_t e = pte_load(&from[i]);
		struct pt_run r;
		u32 left;

		run = 1;
		if (pte_is_none(e))
			continue;
		if (!pte_special(e)) {
			(void)leaf_folio(e, &left);
			run = pt_run_of(&from[i], run_limit(left, n - i, level), level,
					pt_may_differ(PT_USE_MOVE, false)).n;
		} else if (pt_at_block(&from[i], e, n - i)) {
			run = CONT_PTES;
		}
		r = get_and_clear_ptes(&from[i], run);
		set_ptes(&to[i], pt_run_leaf(PT_USE_MOVE, false, e, &r), run, level);
		moved += (i32)run;
	}
	return moved;
}

/* The leaves of [old, old + size), of one table of level, go to new, whose place in its table is to. */
static void move_entries(struct vma *v, u64 old, u64 new, u64 size, pte_t *to, int level)
{
	struct page *b = pt_node(to);
	struct pt_walk w;

	vma_lock_rmap(v);
	pt_walk_edit(&w, &v->mm->pt, old, old + size, PT_MOVE);
	if (pt_walk_next(&w)) {
		struct page *a = w.node;
		i32 moved;

		BUG_ON(w.level != level || w.va != old);
		if (a != b)
			spin_lock(&b->lock);
		moved = move_runs(w.pte, to, w.n, level);
		pt_emptied(a, moved);
		pt_filled(b, to, w.n, moved);
		if (moved)
			invalidate_user(v->mm, old, old + size);
		if (moved && a->pinned_below)
			pt_mark_pinned(&v->mm->pt, new);
		if (a != b)
			spin_unlock(&b->lock);
		pt_walk_stop(&w);
	}
	vma_unlock_rmap(v);
}

/* A block lies at old as a whole and may lie so at new. */
static bool block_fits(struct pt_tree *pt, u64 old, u64 new, u64 len)
{
	int level;

	if (!is_aligned(old | new, PMD_SIZE) || len < PMD_SIZE)
		return false;
	if (pte_kind(pte_load(pt_entry(pt, old, &level)), 2) != PTE_LEAF || level != 2)
		return false;
	return pte_is_none(pte_load(pt_entry(pt, new, &level))) && level <= 2;
}

/*
 * Moves the leaves of [old, old + len) to new. -ENOMEM: some are moved. Moving those back needs no
 * memory: what lies in blocks fits as it did, and for the rest the tables are there; where there is
 * none nothing came from, whatever table (of neighbours) or block (not yet moved) is in the way.
 */
static int move_leaves(struct vma *v, u64 old, u64 new, u64 len, bool back)
{
	struct pt_tree *pt = &v->mm->pt;

	for (u64 done = 0, part; done < len; done += part) {
		u64 from = old + done, at = new + done;
		int level = block_fits(pt, from, at, len - done) ? 2 : 3;
		pte_t *to;

		part = max(from & (PMD_SIZE - 1), at & (PMD_SIZE - 1));	/* tables end there */
		part = min(len - done, PMD_SIZE - part);
		if (level == 3 && pt_split(pt, from, PT_MOVE))
			return -ENOMEM;
		if (level == 3 && (!pt_leaf_table(pt, from) || (back && !pt_leaf_table(pt, at))))
			continue;
		to = pt_make_table(pt, at, level);
		if (!to)
			return -ENOMEM;
		move_entries(v, from, at, part, &to[pt_index(at, level)], level);
	}
	return 0;
}

/* A second VMA for what v maps from old on, at new. */
static struct vma *make_target(const struct remap *r, const struct vma *v)
{
	struct vma *n = vma_dup(v);

	if (!n)
		return NULL;
	n->start = r->new;
	n->end = r->new + r->new_len;
	n->pgoff = vma_pgoff(v, r->old);
	n->lin = vma_lin(v, r->old);
	if (!v->has_anon) {	/* no page counts from the old place: as if born at the new */
		n->lin = r->new >> PAGE_SHIFT;
		if (vma_is_anon(n))
			n->pgoff = n->lin;
	}
	vma_link(r->mm, n);
	return n;
}

static i64 move_vma(struct remap *r, struct vma *v)
{
	struct mm *mm = r->mm;
	u64 len = min(r->old_len, r->new_len);
	bool locked = v->vm_flags & VM_LOCKED;
	struct vma *n;
	int err = 0;

	if (mm->nr_vmas + 3 >= mm_max_map_count)
		return -ENOMEM;
	err = mm_own(mm, r->old, r->old + r->old_len, OWN_MOVE);
	if (!err)
		err = mm_own(mm, r->new, r->new + r->new_len, OWN_MOVE);
	if (err)
		return err;
	if (r->old_len) { /* the source as a VMA of its own: what follows cannot fail for want of a
			     split */
		err = vma_cut(mm, r->old, r->old + r->old_len);
		if (err)
			return err;
		v = mm_find_vma(mm, r->old);
	}
	n = make_target(r, v);
	if (!n)
		return -ENOMEM;
	if (r->old_len)
		err = move_leaves(v, r->old, r->new, len, false);
	if (err) {
		BUG_ON(move_leaves(v, r->new, r->old, len, true) != 0);
		if (munmap_locked(mm, n->start, n->end, &r->dead))
			BUG();
		return err;
	}
	if (r->flags & MREMAP_DONTUNMAP) {
		v->has_anon = false;
		if (locked)
			v = vma_set_flags(mm, v, v->start, v->end,
				v->vm_flags & ~(u32)(VM_LOCKED | VM_LOCKONFAULT), NULL);
	} else if (r->old_len && munmap_locked(mm, r->old, r->old + r->old_len, &r->dead)) {
		BUG();		/* it is whole VMAs */
	}
	vma_merge(mm, n);
	return (i64)r->new;
}

/* What may not grow or move, and limits. */
static int check_resize(struct remap *r, struct vma *v)
{
	u64 grow = (r->new_len - r->old_len) >> PAGE_SHIFT;

	if (!r->old_len && !(v->vm_flags & VM_SHARED))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && (v->vm_flags & (VM_DONTEXPAND | VM_PFN)))
		return -EINVAL;
	if (r->old_len > v->end - r->old)
		return -EFAULT;
	if (r->new_len <= r->old_len)
		return 0;
	if (v->vm_flags & (VM_DONTEXPAND | VM_PFN))
		return -EFAULT;
	if (vma_pgoff(v, r->old) + (r->new_len >> PAGE_SHIFT) < vma_pgoff(v, r->old))
		return -EINVAL;
	if (locks_too_much(r->mm, v->vm_flags, grow))
		return -EAGAIN;
	if (!may_expand(r->mm, v->vm_flags, grow))
		return -ENOMEM;
	if ((v->vm_flags & VM_ACCOUNT) && overcommits(r->mm, grow))
		return -ENOMEM;
	return 0;
}

/* The VMA ends with the range and there is room behind it. */
static bool grow_in_place(struct remap *r, struct vma *v)
{
	struct vma *next = mm_next_vma(v);
	u64 end = r->old + r->new_len;

	if (v->end != r->old + r->old_len || end > USER_VA_END || end < r->old)
		return false;
	if (next &&
	    end > next->start - ((next->vm_flags & VM_GROWSDOWN) ? min(next->start, GUARD_GAP) : 0))
		return false;
	vma_resize(v, v->start, end);
	vma_merge(r->mm, v);
	return true;
}

static i64 remap_locked(struct remap *r)
{
	struct vma *v = mm_find_vma(r->mm, r->old);
	bool to_fixed = r->flags & MREMAP_FIXED;
	int err;

	if (!v)
		return -EFAULT;
	if (v->vm_flags & VM_SEALED)
		return -EPERM;
	/* shrink, over VMAs too */
	if (!(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && r->new_len <= r->old_len) {
		if (r->new_len < r->old_len && (err = munmap_locked(r->mm, r->old + r->new_len,
								    r->old + r->old_len, &r->dead)))
			return err;
		return (i64)r->old;
	}
	if (to_fixed && r->old_len > r->new_len) {
		err = munmap_locked(r->mm, r->old + r->new_len, r->old + r->old_len, &r->dead);
		if (err)
			return err;
		r->old_len = r->new_len;
		v = mm_find_vma(r->mm, r->old);
	}
	err = check_resize(r, v);
	if (err)
		return err;
	if (!(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && r->old_len && grow_in_place(r, v))
		return (i64)r->old;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	if ((r->flags & MREMAP_DONTUNMAP) &&
	    (!may_expand(r->mm, v->vm_flags, r->new_len >> PAGE_SHIFT) ||
	     ((v->vm_flags & VM_ACCOUNT) && overcommits(r->mm, r->new_len >> PAGE_SHIFT))))
		return -ENOMEM;
	if (to_fixed) {
		if (r->new < mm_min_addr && !capable(CAP_SYS_RAWIO))
			return -EPERM;
		err = munmap_locked(r->mm, r->new, r->new + r->new_len, &r->dead);
		if (err)
			return err;
		v = mm_find_vma(r->mm, r->old);
		if (!v)
			return -EFAULT;		/* a second view (old_len 0) over the first */
	} else {
		r->new = r->new ? find_hole_for(r->mm, r->new, r->new_len)
				: find_place_for(r->mm, v->backing, vma_pgoff(v, r->old) << PAGE_SHIFT,
						 r->new_len);
		if (!r->new)
			return -ENOMEM;
	}
	return move_vma(r, v);
}

/*
 * Moves a range to r->new without changing its size: every VMA's part of it, one after the other,
 * the holes between them kept. The range begins in a VMA. Stops at the first error; what has moved
 * by then stays moved (mremap(2), "Since Linux 6.17").
 */
static i64 remap_range(struct remap *r)
{
	u64 at = r->old, end = r->old + r->old_len, to = r->new;
	struct vma *v = mm_find_vma(r->mm, at);
	i64 ret = v ? 0 : -EFAULT;

	/*
	 * A part that has moved, or its empty place, may merge with what comes behind it: `at` says
	 * where that begins.
	 */
	for (; ret >= 0 && v && max(v->start, at) < end; v = mm_first_vma_from(r->mm, at)) {
		r->new += max(v->start, at) - at;
		at = max(v->start, at);
		r->old = at;
		r->old_len = r->new_len = min(v->end, end) - at;
		at += r->old_len;
		ret = remap_locked(r);
		r->new += r->old_len;
	}
	return ret < 0 ? ret : (i64)to;
}

i64 mm_mremap(struct mm *mm, u64 old, u64 old_len, u64 new_len, int flags, u64 new_addr)
{
	struct remap r = { .mm = mm, .old = old, .flags = flags };
	bool hinted = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP), populate;
	struct vma *v;
	i64 ret;

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if (hinted && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && old_len != new_len)
		return -EINVAL;
	r.old_len = align_up(old_len, PAGE_SIZE);
	r.new_len = align_up(new_len, PAGE_SIZE);
	if ((old & ~PAGE_MASK) || !r.new_len || r.old_len < old_len || r.new_len > USER_VA_END)
		return -EINVAL;
	if (old > USER_VA_END || r.old_len > USER_VA_END - old)
		return -EINVAL;
	if (flags & MREMAP_FIXED) {
		if ((new_addr & ~PAGE_MASK) || new_addr > USER_VA_END - r.new_len)
			return -EINVAL;
		if (old + r.old_len > new_addr && new_addr + r.new_len > old)
			return -EINVAL;
	}
	if (hinted)
		r.new = align_down(new_addr, PAGE_SIZE);
	ret = write_lock_killable(&mm->lock);
	if (ret)
		return ret;
	ret = (flags & MREMAP_FIXED) && r.old_len == r.new_len ? remap_range(&r) : remap_locked(&r);
	v = ret > 0 ? mm_find_vma(mm, (u64)ret) : NULL;
	populate = v && (v->vm_flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED &&
		   r.new_len > r.old_len;
	write_unlock(&mm->lock);
	vma_free_list(r.dead);
	if (populate)
		(void)mm_populate(mm, (u64)ret + r.old_len, (u64)ret + r.new_len, true);
	return ret;
}
