/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Promises that a process makes about its own memory and cannot take back: mseal(2), after which a
 * range keeps its place, size and permissions till the process ends, and prctl(PR_SET_MDWE), after
 * which nothing that could be written becomes executable.
 */
#include <linux/mman.h>
#include "internal.h"

bool sealed_in(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = mm->has_sealed ? mm_first_vma_from(mm, start) : NULL;

	for (; v && v->start < end; v = mm_next_vma(v))
		if (v->vm_flags & VM_SEALED)
			return true;
	return false;
}

/* Is every page of [start, end) mapped? */
static bool no_holes(struct mm *mm, u64 start, u64 end)
{
	for (u64 at = start; at < end;) {
		struct vma *v = mm_find_vma(mm, at);

		if (!v)
			return false;
		at = v->end;
	}
	return true;
}

static int seal_locked(struct mm *mm, u64 start, u64 end)
{
	if (!no_holes(mm, start, end))
		return -ENOMEM;
	mm->has_sealed = true;
	for (u64 at = start; at < end;) {
		struct vma *v = mm_find_vma(mm, at);
		u64 stop = min(end, v->end);

		if (!(v->vm_flags & VM_SEALED)) {
			v = vma_set_flags(mm, v, at, stop, v->vm_flags | VM_SEALED, NULL);
			if (IS_ERR(v))
				return (int)PTR_ERR(v);
		}
		at = stop;
	}
	return 0;
}

int mm_mseal(struct mm *mm, u64 addr, u64 len, u64 flags)
{
	u64 end = addr + align_up(len, PAGE_SIZE);
	int err;

	if (flags || (addr & ~PAGE_MASK) || (len && !align_up(len, PAGE_SIZE)) || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	err = write_lock_killable(&mm->lock);
	if (err)
		return err;
	err = seal_locked(mm, addr, end);
	write_unlock(&mm->lock);
	return err;
}

bool seal_keeps_pages(const struct vma *v)
{
	return (v->vm_flags & (VM_SEALED | VM_WRITE | VM_SHARED)) == VM_SEALED &&
	       (vma_is_anon(v) || v->has_anon);
}

bool denies_exec(const struct mm *mm, u32 old, u32 new)
{
	return mm->mdwe && (new & VM_EXEC) && ((new & VM_WRITE) || !(old & VM_EXEC));
}

int mm_set_mdwe(struct mm *mm, u64 bits)
{
	int err = 0;

	if ((bits & ~(u64)(MDWE_REFUSE_EXEC_GAIN | MDWE_NO_INHERIT)) || bits == MDWE_NO_INHERIT)
		return -EINVAL;
	write_lock(&mm->lock);
	if (mm->mdwe && mm->mdwe != bits)
		err = -EPERM;
	else
		mm->mdwe = (u8)bits;
	write_unlock(&mm->lock);
	return err;
}

void mm_inherit(struct mm *child, const struct mm *parent)
{
	child->thp_disable = parent->thp_disable;
	child->cow_tables = parent->cow_tables;
	child->mdwe = parent->mdwe & MDWE_NO_INHERIT ? 0 : parent->mdwe;
}
