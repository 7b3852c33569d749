/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins. A reference to a private page is taken only where the way to its leaf is our own, under the
 * leaf's node lock, and only if the leaf says that the page is exclusive (T4): then what the holder
 * reads is what the program writes, however often it forks. fork, which holds mm->lock for writing,
 * finds the tables of pinned pages by the mark pinned_below on the way to them (sticky), and copies
 * such pages for the child at once, so that they stay exclusive here. A folio that is being moved
 * (PG_LOCKED) gets no pin: whoever moves it has counted its references.
 */
#include <mm/gup.h>
#include "internal.h"
#include "populate.h"

enum verdict {
	TAKE,		/* pin it */
	FAULT_READ,	/* something is missing that a fault for reading brings */
	FAULT_WRITE,	/* a fault for writing makes it writable, or our own */
	WAIT,		/* it is being moved */
	REFUSE
};

static enum verdict judge(const struct vma *v, pte_t e, bool write)
{
	bool shared = v->vm_flags & VM_SHARED;
	struct folio *f;

	if (!pte_present(e))
		return write || (vma_is_anon(v) && !shared) ? FAULT_WRITE : FAULT_READ;
	if (pte_special(e))	/* the zero page: the program's own, before it writes there */
		return v->vm_flags & VM_PFN ? REFUSE : FAULT_WRITE;
	f = page_folio(pfn_to_page(pte_pfn(e)));
	if (page_test(&f->page, PG_ANON)) {
		if (page_test(&f->page, PG_LOCKED))
			return WAIT;
		if (!pte_exclusive(e))
			return FAULT_WRITE;
	}
	return write && !pte_write(e) ? FAULT_WRITE : TAKE;
}

static struct page *take_pin(struct vma *v, u64 addr, pte_t e, int level)
{
	struct page *p = pfn_to_page(pte_pfn(e) + (pt_index(addr, 3) & (pt_pages(level) - 1)));
	struct folio *f = page_folio(p);

	folio_get(f);
	if (page_test(&f->page, PG_ANON)) {
		atomic_inc(&f->page.pins);
		pt_mark_pinned(&v->mm->pt, addr);
	}
	return p;
}

/* One look at the leaf. *held: for WAIT, the folio, referenced. */
static enum verdict try_pin(struct vma *v, u64 addr, bool write, struct page **out,
			    struct folio **held)
{
	int level;
	pte_t *p = pt_entry(&v->mm->pt, addr, &level), e;
	struct page *node = pt_node(p);
	enum verdict r;

	spin_lock(&node->lock);
	e = pte_load(p);
	if (pte_kind(e, level) == PTE_TABLE) {	/* it has come just now */
		spin_unlock(&node->lock);
		return FAULT_READ;
	}
	r = judge(v, e, write);
	if (r == TAKE)
		*out = take_pin(v, addr, e, level);
	if (r == WAIT) {
		*held = page_folio(pfn_to_page(pte_pfn(e)));
		folio_get(*held);
	}
	spin_unlock(&node->lock);
	return r;
}

/* mm->lock held for reading. 0 or -errno. */
static int pin_one(struct vma *v, u64 addr, u32 flags, struct page **out)
{
	bool write = flags & GUP_WRITE, major;

	for (;;) {
		struct folio *held = NULL;
		enum verdict r = try_pin(v, addr, write, out, &held);
		int err = 0;

		if (r == TAKE)
			return 0;
		if (r == REFUSE)
			return -EFAULT;
		if (r == WAIT) {
			folio_wait_unlocked(held);
			folio_put(held);
		} else {
			err = fault_errno(fault_vma(v, addr, r == FAULT_WRITE, &major));
		}
		if (!err && sleep_interrupted(SLEEP_KILLABLE))
			err = -EINTR;
		if (err)
			return err;
	}
}

ssize_t gup_pin(struct mm *mm, u64 addr, u32 n, u32 flags, struct page **out)
{
	u32 need = flags & GUP_WRITE ? VM_WRITE : VM_READ | VM_WRITE | VM_EXEC, done = 0;
	int err = mm_lock_own(mm, addr, addr + (u64)n * PAGE_SIZE, OWN_PIN);

	if (err)
		return err;
	for (; done < n && !err; done += !err, addr += PAGE_SIZE) {
		struct vma *v = mm_find_vma(mm, addr);

		if (!v || !(v->vm_flags & need) || (v->vm_flags & VM_PFN))
			err = -EFAULT;
		else
			err = pin_one(v, addr, flags, &out[done]);
	}
	read_unlock(&mm->lock);
	return done ? (ssize_t)done : err;
}

void gup_unpin(struct page *p, bool written)
{
	struct folio *f = page_folio(p);

	if (written && !page_test(&f->page, PG_DIRTY))
		page_set(&f->page, PG_DIRTY);
	if (page_test(&f->page, PG_ANON))
		atomic_dec(&f->page.pins);
	folio_put(f);
}
