/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * madvise(2). Advice that changes VMAs takes the lock for writing, advice about pages for reading.
 * Holes are skipped and reported as ENOMEM at the end. What is about the age of pages is in
 * advise_age.c.
 */
#include <linux/mman.h>
#include "advise.h"
#include "populate.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24	/* Linux 5.18 */
#endif

enum advice_kind { ADVICE_BAD, ADVICE_FLAGS, ADVICE_PAGES };

static enum advice_kind kind_of(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_WIPEONFORK: case MADV_KEEPONFORK: case MADV_DONTDUMP: case MADV_DODUMP:
	case MADV_HUGEPAGE: case MADV_NOHUGEPAGE:
		return ADVICE_FLAGS;
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_COLD:
	case MADV_PAGEOUT: case MADV_REMOVE: case MADV_POPULATE_READ: case MADV_POPULATE_WRITE:
		return ADVICE_PAGES;
	default:
		return ADVICE_BAD;
	}
}

/* Does the advice take contents away, here or in a child? */
static bool discards(int advice)
{
	return advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED || advice == MADV_FREE ||
	       advice == MADV_REMOVE || advice == MADV_DONTFORK || advice == MADV_WIPEONFORK;
}

/* Advice about pages that is about how they are mapped here. */
static bool changes_leaves(int advice) { return advice != MADV_WILLNEED && advice != MADV_REMOVE; }

/* Advice that need not be taken: what cannot be made our own for want of memory is left out. */
static bool is_a_hint(int advice)
{
	return advice == MADV_FREE || advice == MADV_COLD || advice == MADV_PAGEOUT;
}

/* New flags of v, or -EINVAL where the advice does not fit it. */
static i64 flags_for(const struct vma *v, int advice)
{
	u32 f = v->vm_flags;

	switch (advice) {
	case MADV_NORMAL: return f & ~(u32)(VM_RAND | VM_SEQ);
	case MADV_RANDOM: return (f & ~(u32)VM_SEQ) | VM_RAND;
	case MADV_SEQUENTIAL: return (f & ~(u32)VM_RAND) | VM_SEQ;
	case MADV_DONTFORK: return f | VM_DONTFORK;
	case MADV_DOFORK: return f & VM_PFN ? -EINVAL : (i64)(f & ~(u32)VM_DONTFORK);
	case MADV_WIPEONFORK:
		return v->backing || (f & (VM_SHARED | VM_PFN)) ? -EINVAL
								: (i64)(f | VM_WIPEONFORK);
	case MADV_KEEPONFORK:
		return f & VM_DROPPABLE ? -EINVAL : (i64)(f & ~(u32)VM_WIPEONFORK);
	case MADV_DONTDUMP: return f | VM_DONTDUMP;
	case MADV_DODUMP:
		return f & (VM_PFN | VM_DONTEXPAND | VM_DROPPABLE) ? -EINVAL : (i64)(f & ~(u32)VM_DONTDUMP);
	case MADV_HUGEPAGE: return (f & ~(u32)VM_NOHUGEPAGE) | VM_HUGEPAGE;
	default: return (f & ~(u32)VM_HUGEPAGE) | VM_NOHUGEPAGE;	/* MADV_NOHUGEPAGE */
	}
}

static int advise_flags(struct mm *mm, u64 start, u64 end, int advice)
{
	bool hole = false;
	u64 at = start;

	while (at < end) {
		struct vma *v = mm_first_vma_from(mm, at);
		i64 flags;

		if (!v || v->start >= end)
			return -ENOMEM;
		hole |= v->start > at;
		at = max(at, v->start);
		if (discards(advice) && seal_keeps_pages(v))
			return -EPERM;
		flags = flags_for(v, advice);
		if (flags < 0)
			return (int)flags;
		if ((u32)flags != v->vm_flags) {
			u64 stop = min(end, v->end);

			v = vma_set_flags(mm, v, at, stop, (u32)flags, NULL);
			if (IS_ERR(v))
				return (int)PTR_ERR(v);
			at = stop;
		} else {
			at = v->end;
		}
	}
	return hole ? -ENOMEM : 0;
}

/* Frees the pages' place in the file; the lock is held for reading and stays so. */
static int remove_pages(struct vma *v, u64 start, u64 end)
{
	struct mapping *m = vma_mapping(v);

	if (v->vm_flags & VM_LOCKED)
		return -EINVAL;
	if (!m)
		return -EINVAL;
	if ((v->vm_flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
		return -EACCES;
	if (!m->ops || !m->ops->keep)
		return -EOPNOTSUPP;
	return mapping_punch(m, vma_pgoff(v, start) << PAGE_SHIFT, vma_pgoff(v, end) << PAGE_SHIFT);
}

static int populate_for(struct vma *v, u64 start, u64 end, bool write)
{
	if ((v->vm_flags & VM_PFN) ||
	    !(v->vm_flags & (write ? VM_WRITE : VM_READ)))
		return -EINVAL;
	return populate_vma(v, start, end, write);
}

int zap_advised(struct vma *v, u64 start, u64 end)
{
	struct pt_tree *pt = &v->mm->pt;
	struct zap z;

	do {
		if (pt_split_at(pt, start, PT_ADVISE) || pt_split_at(pt, end, PT_ADVISE))
			return -ENOMEM;
		zap_begin(&z, v->mm, false);
		z.beside_faults = z.own_only = true;
		zap_vma(&z, v, start, end);
		zap_end(&z);
	} while (z.cut);
	return 0;
}

static bool drops(int advice) { return advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED; }
/* It fits v. */
static bool may_drop(const struct vma *v, int advice)
{
	return !(v->vm_flags & (VM_PFN | (advice == MADV_DONTNEED ? VM_LOCKED : 0)));
}

static int advise_pages_of(struct vma *v, u64 start, u64 end, int advice)
{
	switch (advice) {
	case MADV_POPULATE_READ: return populate_for(v, start, end, false);
	case MADV_POPULATE_WRITE: return populate_for(v, start, end, true);
	case MADV_REMOVE: return remove_pages(v, start, end);
	case MADV_WILLNEED:
		if (v->vm_flags & VM_PFN)
			return -EBADF;
		advise_willneed(v, start, end);
		return 0;
	case MADV_COLD:
	case MADV_PAGEOUT:
		if (v->vm_flags & (VM_LOCKED | VM_PFN))
			return -EINVAL;
		advise_cold(v, start, end, advice == MADV_PAGEOUT);
		return 0;
	case MADV_FREE:
		if (!vma_is_anon(v) || (v->vm_flags & VM_LOCKED))
			return -EINVAL;
		advise_free(v, start, end);
		return 0;
	default:
		return may_drop(v, advice) ? zap_advised(v, start, end) : -EINVAL;
	}
}

static int advise_pages(struct mm *mm, u64 start, u64 end, int advice)
{
	bool hole = false, populate = advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
	u64 at = start;
	int err;

	while (at < end) {
		struct vma *v = mm_first_vma_from(mm, at);

		if (!v || v->start >= end)
			return -ENOMEM;
		hole |= v->start > at;
		if (hole && populate)
			return -ENOMEM;
		at = max(at, v->start);
		if (discards(advice) && seal_keeps_pages(v))
			return -EPERM;
		err = advise_pages_of(v, at, min(end, v->end), advice);
		if (err)
			return err;
		at = v->end;
	}
	return hole ? -ENOMEM : 0;
}

/*
 * What is shared of the pages that advice is to drop is given up, as far as it will be followed;
 * the rest there is mm's own. Lock held for writing. 0 or -ENOMEM.
 */
static int give_up_advised(struct mm *mm, u64 start, u64 end, int advice)
{
	struct vma *v = mm_first_vma_from(mm, start);

	for (; v && v->start < end; v = mm_next_vma(v)) {
		u64 lo = max(start, v->start), hi = min(end, v->end);

		if (seal_keeps_pages(v) || !may_drop(v, advice))
			return 0;
		if (mm_own_ends_slow(mm, lo, hi, lo, hi, OWN_ADVISE))
			return -ENOMEM;
		mm_give_up(mm, lo, hi);
	}
	return 0;
}

int mm_madvise(struct mm *mm, u64 start, u64 len, int advice)
{
	enum advice_kind kind = kind_of(advice);
	u64 end;
	int err = 0;

	if (kind == ADVICE_BAD || (start & ~PAGE_MASK))
		return -EINVAL;
	end = start + align_up(len, PAGE_SIZE);
	if (end < start || (len && !align_up(len, PAGE_SIZE)))
		return -EINVAL;
	if (start == end)
		return 0;
	if (kind == ADVICE_FLAGS) {
		err = write_lock_killable(&mm->lock);
		if (err)
			return err;
		err = advise_flags(mm, start, end, advice);
		write_unlock(&mm->lock);
	} else {
		if (drops(advice))
			err = mm_lock_if_own(mm, start, end)
				      ? 0 : mm_lock_owned(mm, give_up_advised(mm, start, end, advice));
		else if (changes_leaves(advice))
			err = mm_lock_own(mm, start, end, OWN_ADVISE);
		if (err && !is_a_hint(advice))
			return err;
		if (err || !changes_leaves(advice))
			read_lock(&mm->lock);
		err = advise_pages(mm, start, end, advice);
		read_unlock(&mm->lock);
	}
	return err;
}
