/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VMA occupies (smaps) and where its pages are (pagemap). Counting is by leaf entries: see
 * docs/mm.md.
 */
#include <base/string.h>
#include "internal.h"

static void count_leaf(const struct vma *v, struct vma_usage *u, pte_t e)
{
	struct folio *f = page_folio(pfn_to_page(pte_pfn(e)));
	u64 users = (u64)max(atomic_read(&f->page.mapcount), 1) >> folio_order(f);
	bool dirty = pte_dirty(e) || page_test(&f->page, PG_DIRTY), shared = users > 1;

	u->rss += PAGE_SIZE;
	u->pss += PAGE_SIZE / max(users, 1ul);
	if (page_test(&f->page, PG_ANON)) {
		u->anonymous += PAGE_SIZE;
		dirty = true;
	}
	if (pte_young(e) || page_test(&f->page, PG_REFERENCED))
		u->referenced += PAGE_SIZE;
	if (shared)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += PAGE_SIZE;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += PAGE_SIZE;
	if (v->vm_flags & VM_LOCKED)
		u->locked += PAGE_SIZE / max(users, 1ul);
}

void mm_vma_usage(struct vma *v, struct vma_usage *u)
{
	struct pt_walk w;

	memset(u, 0, sizeof(*u));
	pt_walk_init(&w, &v->mm->pt, v->start, v->end);
	while (pt_walk_next(&w))
		for (u32 i = 0; i < w.n; i++) {
			pte_t e = pte_load(&w.pte[i]);

			if (pte_present(e) && !pte_special(e))
				count_leaf(v, u, e);
		}
}

/* Bits of a pagemap word: Documentation/admin-guide/mm/pagemap of Linux; proc(5). */
#define PAGEMAP_EXCLUSIVE	BIT(56)
#define PAGEMAP_FILE		BIT(61)
#define PAGEMAP_PRESENT		BIT(63)

u64 mm_pagemap_entry(struct mm *mm, u64 addr)
{
	pte_t *t = pt_leaf_table(&mm->pt, addr), e;
	struct page *node;
	u64 word = 0;

	if (!t)
		return 0;
	node = pt_node(t);
	spin_lock(&node->lock);
	e = pte_load(&t[pt_index(addr, 3)]);
	if (pte_present(e)) {
		word = PAGEMAP_PRESENT | pte_pfn(e);
		if (!pte_special(e)) {
			struct folio *f = page_folio(pfn_to_page(pte_pfn(e)));

			if (!page_test(&f->page, PG_ANON))
				word |= PAGEMAP_FILE;
			if (atomic_read(&f->page.mapcount) == 1)
				word |= PAGEMAP_EXCLUSIVE;
		}
	}
	spin_unlock(&node->lock);
	return word;
}
