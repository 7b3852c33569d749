/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking blocks apart: the only place where the size of a live translation changes (Arm ARM
 * D8.17.1, "Using break-before-make when updating translation table entries").
 *
 * Without FEAT_BBM, or with its level 1, which allows the change but may raise TLB conflict aborts:
 * the entries become none, the TLB forgets them, the new ones are set (break before make); an
 * access in between faults, waits for the node lock and finds the new entries. With level 2 the new
 * entries replace the old ones directly, and the invalidation comes after; nobody ever faults.
 * Either way what hardware set in any of the old entries holds for all of the new ones: a store
 * through a cached block is noted once, wherever.
 */
#include <base/errno.h>
#include <mm/stat.h>
#include <pt/pt.h>
#include "internal.h"

static void forget(struct pt_tree *pt, bool shared, u64 start, u64 size, u64 stride)
{
	u16 asid = pt_asid(pt);

	if (shared)
		tlb_inval_range_all_asids(start, start + size, stride);
	else if (asid)
		tlb_inval_range(asid, start, start + size, stride, TLB_LAST_LEVEL);
}

static pte_t unite_all(pte_t *p)
{
	pte_t all = pte_load(p);

	for (u32 i = 1; i < CONT_PTES; i++)
		all = pte_unite(all, pte_load(&p[i]));
	return all;
}

/* Level 2: the bit goes from all; then, when no TLB has the block any more, the union comes. */
static void unfold_live(struct pt_tree *pt, pte_t *p, u64 va, bool shared)
{
	pte_t all;

	for (u32 i = 0; i < CONT_PTES; i++) {
		pte_t e = pte_load(&p[i]);

		while (!pte_replace(&p[i], &e, pte_clear_cont(e)))
			;
	}
	forget(pt, shared, va, CONT_PTES * PAGE_SIZE, PAGE_SIZE);
	all = unite_all(p);
	for (u32 i = 0; i < CONT_PTES; i++) {
		pte_t e = pte_load(&p[i]);

		while (pte_unite(e, all).v != e.v && !pte_cas(&p[i], &e, pte_unite(e, all)))
			;
	}
}

static void unfold_broken(struct pt_tree *pt, pte_t *p, u64 va, bool shared)
{
	pte_t all = pte_xchg(p, pte_none());

	for (u32 i = 1; i < CONT_PTES; i++)
		all = pte_unite(all, pte_xchg(&p[i], pte_none()));
	forget(pt, shared, va, CONT_PTES * PAGE_SIZE, PAGE_SIZE);
	pte_store_run(p, pte_clear_cont(all), CONT_PTES);
	pte_publish();
}

void pt_unfold(struct pt_tree *pt, pte_t *p, u64 va, bool shared, enum pt_cause why)
{
	u32 at = (u32)((u64)p / sizeof(pte_t)) % CONT_PTES;

	p -= at;
	va = align_down(va, PAGE_SIZE) - ((u64)at << PAGE_SHIFT);
	if (arch_bbm_level >= 2)
		unfold_live(pt, p, va, shared);
	else
		unfold_broken(pt, p, va, shared);
	mem_stat_add(STAT_CONT_APART + (int)why, 1);
}

/* --- 2 MiB blocks ---------------------------------------------------------------------------- */
/* The child's entries say what the block entry e does. */
static void fill_child(pte_t *child, pte_t e)
{
	set_ptes(child, pte_as_page(e), PT_ENTRIES, 3);
	pt_node(child)->mapcount.v = 0;
	pt_filled(pt_node(child), child, PT_ENTRIES, PT_ENTRIES);
}

/* Node of e locked. */
static void replace_block(struct pt_tree *pt, pte_t *e, u64 va, pte_t *child)
{
	pte_t old = pte_load(e), table = pte_make_table(virt_to_phys(child));

	pt_node(child)->pinned_below = pt_node(e)->pinned_below;
	if (arch_bbm_level >= 2) {
		do {
			fill_child(child, old);
		} while (!pte_cas(e, &old, table));
		forget(pt, false, va, PMD_SIZE, PMD_SIZE);
		return;
	}
	__atomic_fetch_add(&pt->breaking, 1, __ATOMIC_RELAXED);
	smp_mb();		/* whoever sees none sees this, or the table (pt/walk.c) */
	old = pte_xchg(e, pte_none());
	forget(pt, false, va, PMD_SIZE, PMD_SIZE);
	fill_child(child, old);
	pte_store(e, table);
	pte_publish();
	__atomic_fetch_sub(&pt->breaking, 1, __ATOMIC_RELEASE);
}

/* The block e is to go. */
static void count_out(pte_t e)
{
	struct folio *f = page_folio(pfn_to_page(pte_pfn(e)));

	if (!pte_special(e) && !page_test(&f->page, PG_ANON))
		file_block_mapped(f, -1);
}

int pt_split(struct pt_tree *pt, u64 va, enum pt_cause why)
{
	struct page *node;
	pte_t *e, *child;
	bool shared;
	int level;

	va = align_down(va, PMD_SIZE);
	e = pt_entry_path(pt, va, &level, &shared);
	if (level != 2 || pte_kind(pte_load(e), 2) != PTE_LEAF)
		return 0;
	if (shared)
		return -EBUSY;
	child = pt_table_alloc(pt, 3, va);
	if (!child)
		return -ENOMEM;
	node = pt_node(e);
	spin_lock(&node->lock);
	if (likely(pte_kind(pte_load(e), 2) == PTE_LEAF)) {
		count_out(pte_load(e));
		replace_block(pt, e, va, child);
		child = NULL;
	}
	spin_unlock(&node->lock);
	if (child)
		pt_table_free(pt, pt_node(child));
	else
		mem_stat_add(STAT_BLOCK_APART + (int)why, 1);
	return 0;
}

int pt_split_at(struct pt_tree *pt, u64 va, enum pt_cause why)
{
	return is_aligned(va, PMD_SIZE) ? 0 : pt_split(pt, va, why);
}
