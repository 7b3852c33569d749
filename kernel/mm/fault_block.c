/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults where nothing is mapped that a 2 MiB block answers, beside those that write to private memory
 * (mm/fault.c).
 *
 * Reading private memory that may have 2 MiB maps 2 MiB of zeros (mm/zero.c). The first write puts new
 * memory in the block's place, or takes it apart.
 *
 * A block of a file is a folio of 2 MiB, if there is one or the policy lets one be made, that lies in
 * the file as a whole (nothing beyond the end may be reached) and in the VMA, at an address that is
 * aligned as it is in the file. It is mapped for reading, or, if shared, as the VMA allows. A private
 * copy of a part is made by the fault that comes then, which takes the block apart.
 */
#include "fault_block.h"
#include "mapping_internal.h"
#include "zero.h"

/* The empty entry of level 2 for addr; NULL: there is something, or no memory for its table. */
static pte_t *empty_entry(struct vma *v, u64 addr)
{
	pte_t *t = pt_make_table(&v->mm->pt, addr, 2), *p;

	if (!t || IS_ERR(t))
		return NULL;
	p = &t[pt_index(addr, 2)];
	return pte_is_none(pte_load(p)) ? p : NULL;
}

/* --- of zeros -------------------------------------------------------------------------------- */
bool fault_allows_block(const struct vma *v, u64 addr)
{
	return (thp_orders(&thp_policy, v) & (1u << THP_PMD_ORDER)) &&
	       thp_fits(addr, THP_PMD_ORDER, v->start, v->end);
}

bool fault_zero_block(struct vma *v, u64 addr)
{
	struct folio *f;
	struct leaf l;
	pte_t *p;

	if (!READ_ONCE(thp_use_zero_page) || !fault_allows_block(v, addr))
		return false;
	p = empty_entry(v, addr);
	f = p ? huge_zero_get(v->mm) : NULL;
	if (!f)
		return false;
	l = vma_leaf(v, folio_pfn(f) << PAGE_SHIFT);
	l.young = l.special = true;
	spin_lock(&pt_node(p)->lock);
	if (pte_is_none(pte_load(p))) {
		set_ptes(p, pte_as_block(pte_make_leaf(&l)), 1, 2);
		pt_filled_one(pt_node(p), p);
	}
	spin_unlock(&pt_node(p)->lock);
	pte_publish();
	return true;
}

/* --- of files -------------------------------------------------------------------------------- */
/* Page index of a file of pages lies in 2 MiB of it that v can map as a block at addr. */
static bool may_be_block(const struct vma *v, u64 addr, u64 index, u64 pages)
{
	return !((addr >> PAGE_SHIFT ^ index) & (PT_ENTRIES - 1)) &&
	       align_down(index, PT_ENTRIES) + PT_ENTRIES <= pages &&
	       thp_fits(addr, THP_PMD_ORDER, v->start, v->end) && thp_allowed(v);
}

/* Takes over the folio's reference. */
static void map_folio(struct vma *v, u64 addr, struct folio *f, pte_t *p, bool write)
{
	struct leaf l = vma_leaf(v, folio_pfn(f) << PAGE_SHIFT);
	struct page *node = pt_node(p);
	bool ok;

	l.young = true;
	l.write = (v->vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE);
	l.dirty = l.write && write;
	if (l.dirty && !page_test(&f->page, PG_DIRTY))
		page_set(&f->page, PG_DIRTY);
	sync_icache(v, f);
	spin_lock(&node->lock);
	ok = pte_is_none(pte_load(p));
	if (ok) {
		folio_get_many(f, (i32)PT_ENTRIES - 1);
		file_mapped(f, PT_ENTRIES);
		file_block_mapped(f, 1);
		mem_stat_add(STAT_FILE_BLOCK, 1);
		set_ptes(p, pte_as_block(pte_make_leaf(&l)), 1, 2);
		pt_filled_one(node, p);
		rss_add(rss_counter(v->mm, f), PT_ENTRIES);
	}
	spin_unlock(&node->lock);
	pte_publish();
	if (!ok)
		folio_put(f);
}

static bool map_file_block(struct vma *v, u64 addr, struct mapping *m, bool write, bool *major)
{
	u64 index = vma_pgoff(v, addr);
	struct folio *f;
	pte_t *p;

	if (!may_be_block(v, addr, index, div_round_up(m->size, PAGE_SIZE)))
		return false;
	p = empty_entry(v, addr);
	f = p ? fault_find_page(v, m, index, major) : NULL;
	if (!f || IS_ERR(f))
		return false;
	if (folio_order(f) < THP_PMD_ORDER) {
		folio_put(f);
		return false;
	}
	map_folio(v, addr, f, p, write);
	return true;
}

bool fault_file_block(struct vma *v, u64 addr, bool write, bool *major)
{
	struct mapping *m = vma_mapping(v);
	bool done;

	if (!m || (write && !(v->vm_flags & VM_SHARED)) ||
	    !may_be_block(v, addr, vma_pgoff(v, addr), div_round_up(READ_ONCE(m->size), PAGE_SIZE)))
		return false;
	read_lock(&m->invalidate_lock);
	done = map_file_block(v, addr, m, write, major);
	read_unlock(&m->invalidate_lock);
	return done;
}
