/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faulting ranges in ahead of use: MAP_POPULATE, mlock, MADV_POPULATE_*, and access from outside.
 */
#include "internal.h"
#include "populate.h"

int fault_errno(enum fault_result r)
{
	switch (r) {
	case FAULT_OK: return 0;
	case FAULT_OOM: return -ENOMEM;
	case FAULT_KILLED: return -EINTR;
	case FAULT_SHARED: return -EAGAIN;
	default: return -EFAULT;
	}
}

/*
 * A leaf of v is present and, for write, writable. mm->lock held. A hint, but not for what is locked:
 * reclaim looks at the VMA's flag and takes the leaf in one hold of its node, so one that is seen in
 * another stays.
 */
static bool leaf_satisfies(const struct vma *v, u64 addr, bool write)
{
	int level;
	pte_t *p = pt_entry(&v->mm->pt, addr, &level), e = pte_load(p);

	if ((v->vm_flags & VM_LOCKED) && !pte_is_none(e)) {
		spin_lock(&pt_node(p)->lock);
		e = pte_load(p);
		spin_unlock(&pt_node(p)->lock);
	}
	/* a block may have been taken apart just now: a fault looks again, and so do we */
	return pte_kind(e, level) == PTE_LEAF && (!write || pte_write(e));
}

int populate_vma(struct vma *v, u64 start, u64 end, bool write)
{
	bool major;

	for (u64 a = start; a < end; a += PAGE_SIZE)
		while (!leaf_satisfies(v, a, write)) {	/* the reverse map may undo it meanwhile */
			int err = fault_errno(fault_vma(v, a, write, &major));

			if (err)
				return err;
			if (sleep_interrupted(SLEEP_KILLABLE))
				return -EINTR;
		}
	return 0;
}

int mm_populate(struct mm *mm, u64 start, u64 end, bool best_effort)
{
	while (start < end) {
		u64 from, stop = min(end, start + 2 * MIB);
		int err = mm_lock_own(mm, start, stop, OWN_LOCK);
		struct vma *v;

		if (err)
			return err;
		v = mm_first_vma_from(mm, start);
		from = v ? max(start, v->start) : end;
		if (from >= stop) {
			read_unlock(&mm->lock);
			start = from;
			continue;
		}
		stop = min(stop, v->end);
		/* Private writable memory is made its own at once. */
		if (!(v->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)))
			err = -EFAULT;
		else if (!(v->vm_flags & VM_PFN))
			err = populate_vma(v, from, stop,
					   (v->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE);
		start = stop;
		if (best_effort && err == -EFAULT) {
			err = 0;
			start = v->end;
		}
		read_unlock(&mm->lock);		/* lets writers in between */
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}
