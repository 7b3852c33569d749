/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlock(2) and its family. Locking is keeping the books and faulting in: reclaim takes no leaf of a
 * VMA that says VM_LOCKED, and what it took just before is seen to be missing (populate.c). What is
 * locked is made our own: through a shared table somebody who did not lock it could lose it for all
 * its owners.
 */
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/capability.h>
#include "internal.h"

#define LOCK_FLAGS ((u32)(VM_LOCKED | VM_LOCKONFAULT))

/* Locking what is not pages, or may go at any time, is no error and does nothing. */
static bool lockable(const struct vma *v) { return !(v->vm_flags & (VM_PFN | VM_DROPPABLE)); }

/*
 * Gives [start, end) the lock flags; -ENOMEM at a hole, what lies before it is done. Lock held for
 * writing.
 */
static int apply_lock(struct mm *mm, u64 start, u64 end, u32 flags)
{
	for (u64 at = start; at < end;) {
		struct vma *v = mm_find_vma(mm, at);
		u64 stop;

		if (!v)
			return -ENOMEM;
		stop = min(end, v->end);
		if (lockable(v) && (v->vm_flags & LOCK_FLAGS) != flags) {
			v = vma_set_flags(mm, v, at, stop, (v->vm_flags & ~LOCK_FLAGS) | flags,
					  NULL);
			if (IS_ERR(v))
				return (int)PTR_ERR(v);
		}
		at = stop;
	}
	return 0;
}

static u64 locked_in(struct mm *mm, u64 start, u64 end)
{
	u64 n = 0;

	for (struct vma *v = mm_first_vma_from(mm, start); v && v->start < end; v = mm_next_vma(v))
		if (v->vm_flags & VM_LOCKED)
			n += (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
	return n;
}

/* Rounds [addr, addr + len) out to pages. */
static int page_range(u64 addr, u64 len, u64 *start, u64 *end)
{
	*start = addr & PAGE_MASK;
	*end = align_up(addr + len, PAGE_SIZE);
	return addr + len < addr || *end < *start ? -EINVAL : 0;
}

int mm_mlock(struct mm *mm, u64 addr, u64 len, bool onfault)
{
	u64 start, end, limit = mm_rlimit(RLIMIT_MEMLOCK);
	int err;

	if (!can_mlock())
		return -EPERM;
	err = page_range(addr, len, &start, &end);
	if (err || start == end)
		return err;
	err = write_lock_killable(&mm->lock);
	if (err)
		return err;
	if (limit != ~0ull && !capable(CAP_IPC_LOCK) &&
	    mm->locked_pages + ((end - start) >> PAGE_SHIFT) - locked_in(mm, start, end) > limit >>
		    PAGE_SHIFT)
		err = -ENOMEM;
	else
		err = mm_own(mm, start, end, OWN_LOCK);
	if (!err)
		err = apply_lock(mm, start, end, VM_LOCKED | (onfault ? VM_LOCKONFAULT : 0));
	write_unlock(&mm->lock);
	if (err || onfault)
		return err;
	err = mm_populate(mm, start, end, false);
	if (err == -EFAULT)
		return -ENOMEM;
	return err == -ENOMEM ? -EAGAIN : err;
}

int mm_munlock(struct mm *mm, u64 addr, u64 len)
{
	u64 start, end;
	int err = page_range(addr, len, &start, &end);

	if (err || start == end)
		return err;
	err = write_lock_killable(&mm->lock);
	if (err)
		return err;
	err = apply_lock(mm, start, end, 0);
	write_unlock(&mm->lock);
	return err;
}

static void lock_all(struct mm *mm, u32 flags)
{
	struct vma *v = mm_first_vma_from(mm, 0);

	while (v) {
		if (lockable(v)) {
			struct vma *n = vma_set_flags(mm, v, v->start, v->end,
				(v->vm_flags & ~LOCK_FLAGS) | flags, NULL);

			v = n;	/* whole VMAs need no split: never an error */
		}
		v = mm_next_vma(v);
	}
}

int mm_mlockall(struct mm *mm, int flags)
{
	u32 lock = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);
	u64 limit = mm_rlimit(RLIMIT_MEMLOCK);
	int err;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!can_mlock())
		return -EPERM;
	err = write_lock_killable(&mm->lock);
	if (err)
		return err;
	if ((flags & MCL_CURRENT) && limit != ~0ull && !capable(CAP_IPC_LOCK) &&
		mm->total_pages > limit >> PAGE_SHIFT) {
		write_unlock(&mm->lock);
		return -ENOMEM;
	}
	if (flags & MCL_CURRENT)
		err = mm_own(mm, 0, USER_VA_END, OWN_LOCK);
	if (err) {
		write_unlock(&mm->lock);
		return err;
	}
	mm->def_flags = flags & MCL_FUTURE ? lock : 0;
	if (flags & MCL_CURRENT)
		lock_all(mm, lock);
	write_unlock(&mm->lock);
	if ((flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT)
		(void)mm_populate(mm, 0, USER_VA_END, true);
	return 0;
}

int mm_munlockall(struct mm *mm)
{
	int err = write_lock_killable(&mm->lock);

	if (err)
		return err;
	mm->def_flags = 0;
	lock_all(mm, 0);
	write_unlock(&mm->lock);
	return 0;
}
