/* SPDX-License-Identifier: BSD-2-Clause */
/* mprotect(2). */
#include <linux/mman.h>
#include "internal.h"

static void sync_leaves(const struct vma *v, const struct pt_walk *w)
{
	for (u32 i = 0; i < w->n; i++) {
		pte_t e = pte_load(&w->pte[i]);

		if (!pte_is_none(e) && !pte_special(e))
			sync_icache(v, page_folio(pfn_to_page(pte_pfn(e))));
	}
}

/*
 * The permissions of [start, end) of v follow its new flags. A private page that is not ours alone
 * stays read-only until its first write.
 */
static void change_leaves(struct vma *v, u64 start, u64 end)
{
	struct leaf l = vma_leaf(v, 0);
	pte_t perm = pte_make_leaf(&l);
	bool changed = false;
	struct pt_walk w;

	pt_walk_edit(&w, &v->mm->pt, start, end, PT_PROTECT);
	while (pt_walk_next(&w)) {
		if (v->vm_flags & VM_EXEC)
			sync_leaves(v, &w);
		changed |= modify_ptes(w.pte, w.n, perm, v->vm_flags & VM_WRITE,
				       v->vm_flags & VM_SHARED);
	}
	if (changed)
		invalidate_user(v->mm, start, end);
}

/*
 * Data limits and overcommit count what becomes private and writable; it stays accounted when it is
 * not writable any more, since its pages do not go, unless it has none. 0 or -ENOMEM.
 */
static int account_data(struct mm *mm, const struct vma *v, u32 *flags, u64 pages)
{
	if (!(*flags & VM_WRITE) && vma_is_anon(v) && !v->has_anon)
		*flags &= ~(u32)VM_ACCOUNT;
	if (!(*flags & VM_WRITE) || (v->vm_flags & (VM_WRITE | VM_SHARED)))
		return 0;
	if (!may_expand_data(mm, *flags, pages))
		return -ENOMEM;
	if (*flags & (VM_NORESERVE | VM_ACCOUNT))
		return 0;
	*flags |= VM_ACCOUNT;
	return overcommits(mm, pages) ? -ENOMEM : 0;
}

static int protect_vmas(struct mm *mm, u64 start, u64 end, u32 want)
{
	struct vma *v = mm_find_vma(mm, start);

	if (!v)
		return -ENOMEM;
	for (u64 at = start; at < end;) {
		u32 may = (v->vm_flags >> 4) & (VM_READ | VM_WRITE | VM_EXEC), flags;
		u64 stop = min(end, v->end);

		if ((want & ~may) || denies_exec(mm, v->vm_flags, want))
			return -EACCES;
		if (v->vm_flags & VM_SEALED)
			return -EPERM;
		flags = (v->vm_flags & ~(u32)(VM_READ | VM_WRITE | VM_EXEC)) | want;
		if (flags != v->vm_flags) {
			int err = account_data(mm, v, &flags, (stop - at) >> PAGE_SHIFT);

			if (err)
				return err;
			v = vma_set_flags(mm, v, at, stop, flags, change_leaves);
			if (IS_ERR(v))
				return (int)PTR_ERR(v);
		}
		at = stop;
		if (at >= v->end && at < end) {
			v = mm_next_vma(v);
			if (!v || v->start != at)
				return -ENOMEM;
		}
	}
	return 0;
}

int mm_mprotect(struct mm *mm, u64 addr, u64 len, int prot)
{
	int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP), err;
	struct vma *v;
	u64 end;

	prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr & ~PAGE_MASK))
		return -EINVAL;
	if (!len)
		return 0;
	len = align_up(len, PAGE_SIZE);
	end = addr + len;
	if (end <= addr)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	err = write_lock_killable(&mm->lock);
	if (err)
		return err;
	if (grows) {
		v = mm_first_vma_from(mm, addr);
		if (!v || v->start >= end)
			err = -ENOMEM;
		else if (grows == PROT_GROWSUP || !(v->vm_flags & VM_GROWSDOWN))
			err = -EINVAL;
		else
			addr = v->start;
	}
	if (!err)
		err = mm_own(mm, addr, end, OWN_PROTECT);
	if (!err)
		err = protect_vmas(mm, addr, end, prot_to_vm(prot));
	write_unlock(&mm->lock);
	return err;
}
