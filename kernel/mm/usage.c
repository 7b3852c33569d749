/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VMA occupies (smaps) and where its pages are (pagemap). A page is used by its leaves, one of
 * them as often as its table has owners: see docs/mm.md.
 */
#include <base/string.h>
#include "internal.h"

/* Pages of the entry that lie in the VMA count; they share what a contiguous block says. */
static void count_leaf(const struct vma *v, struct vma_usage *u, pte_t e, u64 bytes, u32 owners)
{
	struct folio *f = page_folio(pfn_to_page(pte_pfn(e)));
	u64 users = ((u64)max(atomic_read(&f->page.mapcount), 1) >> folio_order(f)) + owners - 1;
	bool dirty = pte_dirty(e) || page_test(&f->page, PG_DIRTY), shared = users > 1;

	u->rss += bytes;
	u->pss += bytes / max(users, 1ul);
	if (page_test(&f->page, PG_ANON)) {
		u->anonymous += bytes;
		if (page_test(&f->page, PG_LAZYFREE) && !dirty)
			u->lazyfree += bytes;
		else
			dirty = true;
	}
	if (pte_young(e) || page_test(&f->page, PG_REFERENCED))
		u->referenced += bytes;
	if (shared)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += bytes;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += bytes;
	if (v->vm_flags & VM_LOCKED)
		u->locked += bytes / max(users, 1ul);
}

static u64 *block_kind(const struct vma *v, struct vma_usage *u, pte_t e)
{
	const atomic64_t *c = rss_counter(v->mm, page_folio(pfn_to_page(pte_pfn(e))));

	return c == &v->mm->rss_anon ? &u->thp : c == &v->mm->rss_shmem ? &u->shmem_thp : &u->file_thp;
}

void mm_vma_usage(struct vma *v, struct vma_usage *u)
{
	struct pt_walk w;

	memset(u, 0, sizeof(*u));
	pt_walk_init(&w, &v->mm->pt, v->start, v->end);
	while (pt_walk_next(&w)) {
		u32 owners = w.shared ? pt_owners(w.pt, w.va) : 1;

		for (u32 i = 0; i < w.n; i++) {
			pte_t e = pte_load(&w.pte[i]);

			if (!pte_present(e) || pte_special(e))
				continue;
			count_leaf(v, u, e, pt_span(w.level), owners);
			if (w.level < 3)
				*block_kind(v, u, e) += pt_span(w.level);
			else if (pte_cont(e))
				u->cont += PAGE_SIZE;
		}
	}
}

/* Bits of a pagemap word: Documentation/admin-guide/mm/pagemap of Linux; proc(5). */
#define PAGEMAP_EXCLUSIVE	BIT(56)
#define PAGEMAP_FILE		BIT(61)
#define PAGEMAP_PRESENT		BIT(63)

u64 mm_pagemap_entry(struct mm *mm, u64 addr)
{
	int level;
	pte_t *p = pt_entry(&mm->pt, addr, &level), e;
	struct page *node = pt_node(p);
	u64 word = 0;

	spin_lock(&node->lock);
	e = pte_load(p);
	if (pte_kind(e, level) == PTE_LEAF) {
		u64 page = pt_index(addr, 3) & (pt_pages(level) - 1);

		word = PAGEMAP_PRESENT | (pte_pfn(e) + page);
		if (!pte_special(e)) {
			struct folio *f = page_folio(pfn_to_page(pte_pfn(e)));

			if (!page_test(&f->page, PG_ANON))
				word |= PAGEMAP_FILE;
			if (atomic_read(&f->page.mapcount) <= (i32)folio_nr_pages(f) &&
			    pt_owners(&mm->pt, addr) == 1)
				word |= PAGEMAP_EXCLUSIVE;
		}
	}
	spin_unlock(&node->lock);
	return word;
}
