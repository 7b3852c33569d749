/* SPDX-License-Identifier: BSD-2-Clause */
/* Another process's memory, through its page tables and the linear map. */
#include <base/string.h>
#include "internal.h"
#include "populate.h"

/*
 * Faults the page in and takes a reference to its folio under the node lock, so that it cannot be
 * replaced in between. ERR_PTR(-ENOMEM), -EAGAIN: the way there has to be our own; or another error: no
 * such page, or not for this access. For writing the range is our own; who reads may do so through a
 * shared table, since its leaf stays while the lock is held. Lock held for reading.
 */
static struct folio *page_of(struct vma *v, u64 addr, bool write, pfn_t *pfn)
{
	for (int tries = 0; tries < 100; tries++) {
		int level, err;
		pte_t *p = pt_entry(&v->mm->pt, addr, &level), e;
		struct page *node = pt_node(p);
		struct folio *f = NULL;
		bool ok;

		spin_lock(&node->lock);
		e = pte_load(p);
		ok = pte_kind(e, level) == PTE_LEAF && (!write || pte_write(e));
		if (ok) {
			*pfn = pte_pfn(e) + (pt_index(addr, 3) & (pt_pages(level) - 1));
			/* Memory without folios: any will do to hold. */
			f = v->vm_flags & VM_PFN ? zero_folio : page_folio(pfn_to_page(*pfn));
			folio_get(f);	/* the zero page, too, takes one more */
			if (write)
				page_set(&f->page, PG_DIRTY);
		}
		spin_unlock(&node->lock);
		if (ok)
			return f;
		err = populate_vma(v, addr & PAGE_MASK, (addr & PAGE_MASK) + PAGE_SIZE, write);
		if (err)
			return ERR_PTR(err);
	}
	return ERR_PTR(-EFAULT);
}

static void copy_in(const struct vma *v, char *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	if (v->vm_flags & VM_EXEC)	/* instructions, perhaps: fetches must see them (sync_icache) */
		__builtin___clear_cache(to, to + n);
}

/* need: what the VMA must have one of. */
static ssize_t access_as(struct mm *mm, u64 addr, void *buf, size_t len, bool write, u32 need)
{
	size_t done = 0;
	int err = 0;

	if (write)
		err = mm_lock_own(mm, addr & PAGE_MASK, align_up(addr + len, PAGE_SIZE), OWN_PIN);
	else
		read_lock(&mm->lock);
	if (err)
		return err;
	while (done < len) {
		u64 at = addr + done, off = at & ~PAGE_MASK;
		size_t n = min(len - done, PAGE_SIZE - off);
		struct vma *v = at < addr ? NULL : mm_find_vma(mm, at);
		struct folio *f;
		pfn_t pfn = 0;
		char *k;

		if (!v || !(v->vm_flags & need))
			break;
		f = page_of(v, at, write, &pfn);
		if (unlikely(f == ERR_PTR(-EAGAIN))) {	/* a hole, and the way there is shared */
			read_unlock(&mm->lock);
			err = mm_lock_own(mm, at - off, at - off + PAGE_SIZE, OWN_PIN);
			if (err)
				return (ssize_t)done ?: err;
			continue;
		}
		if (IS_ERR(f)) {
			err = PTR_ERR(f) == -ENOMEM ? -ENOMEM : 0;
			break;
		}
		k = (char *)phys_to_virt(pfn << PAGE_SHIFT) + off;
		if (write)
			copy_in(v, k, (char *)buf + done, n);
		else
			memcpy((char *)buf + done, k, n);
		folio_put(f);
		done += n;
	}
	read_unlock(&mm->lock);
	return (ssize_t)done ?: err;
}

ssize_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write)
{
	return access_as(mm, addr, buf, len, write, write ? VM_WRITE : VM_READ | VM_MAYREAD);
}

ssize_t mm_access_held(struct mm *mm, u64 addr, void *buf, size_t len, bool write, bool as_user)
{
	u32 need = write ? VM_WRITE : as_user ? VM_READ : VM_READ | VM_MAYREAD;

	for (;;) {
		ssize_t done;
		void *page;

		if (!mm_borrow_live(mm))
			return 0;
		done = access_as(mm, addr, buf, len, write, need);
		mm_return(mm);
		if (done != -ENOMEM)
			return done ?: -EFAULT;
		page = page_alloc(0);
		page_free(page);
		if (!page)
			return -ENOMEM;
	}
}
