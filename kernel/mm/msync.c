/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msync(2) and mincore(2). No file system writes back yet: what mappings write is in the page cache
 * at once.
 */
#include <linux/mman.h>
#include <hal/uaccess.h>
#include "internal.h"

int mm_msync(struct mm *mm, u64 start, u64 len, int flags)
{
	u64 end = start + align_up(len, PAGE_SIZE);
	int err = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & ~PAGE_MASK) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (end < start || (len && !align_up(len, PAGE_SIZE)))
		return -ENOMEM;
	read_lock(&mm->lock);
	for (u64 at = start; at < end;) {
		struct vma *v = mm_first_vma_from(mm, at);

		if (!v || v->start >= end) {
			err = -ENOMEM;
			break;
		}
		if (v->start > at)
			err = -ENOMEM;
		if ((flags & MS_INVALIDATE) && (v->vm_flags & VM_LOCKED)) {
			err = -EBUSY;
			break;
		}
		at = v->end;
	}
	read_unlock(&mm->lock);
	return err;
}

static bool resident(struct vma *v, u64 addr)
{
	struct mapping *m = vma_mapping(v);
	struct folio *f;
	int level;

	if (pte_present(pte_load(pt_entry(&v->mm->pt, addr, &level))))
		return true;
	if (!m)
		return false;
	f = mapping_find(m, vma_pgoff(v, addr));
	if (!f)
		return false;
	folio_put(f);
	return true;
}

#define MINCORE_BATCH 256ul

int mm_mincore(struct mm *mm, u64 start, u64 len, u8 __user *vec)
{
	u64 pages = (len >> PAGE_SHIFT) + !!(len & ~PAGE_MASK);
	u8 buf[MINCORE_BATCH];

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (start > USER_VA_END || len > USER_VA_END - start)
		return -ENOMEM;
	if (!user_range_ok(vec, pages))
		return -EFAULT;
	while (pages) {
		u64 n = min(pages, MINCORE_BATCH), i;

		read_lock(&mm->lock);
		for (i = 0; i < n; i++, start += PAGE_SIZE) {
			struct vma *v = mm_find_vma(mm, start);

			if (!v)
				break;
			buf[i] = resident(v, start);
		}
		read_unlock(&mm->lock);
		if (copy_to_user(vec, buf, i))
			return -EFAULT;
		if (i < n)
			return -ENOMEM;
		vec += n;
		pages -= n;
	}
	return 0;
}
