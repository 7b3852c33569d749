/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables with several owners: sharing a tree, making a path one's own again, giving a tree up. The
 * protocol and its reasons are docs/cow-tables.md; numbers in comments here are its steps. A table's
 * references are entries and roots that point to it; an entry that points to a table with several is
 * not writable (T1).
 */
#include <base/errno.h>
#include <mm/stat.h>
#include <pt/pt.h>
#include "internal.h"

void pt_share(struct pt_tree *child, struct pt_tree *parent)
{
	struct page *from = pt_node(parent->root), *to = pt_node(child->root);

	for (u32 i = 0, left = (u32)from->mapcount.v; left; i++) {
		pte_t e = pte_load(&parent->root[i]);

		if (pte_kind(e, 0) != PTE_TABLE)
			continue;
		left--;
		ref_get(&pt_node(pt_table_of(e))->refcount);
		e = pte_table_set_ro(e, true);
		pte_store(&parent->root[i], e);
		pte_store(&child->root[i], e);
		pt_count(to, 1);
	}
	to->pinned_below = 0;	/* nothing that is pinned is shared */
	child->nr_tables = READ_ONCE(parent->nr_tables);
}

/* --- a table goes ---------------------------------------------------------------------------- */
/* One reference to the table of level; with the last one all that it refers to. */
static void put_table(pte_t *table, int level, const struct pt_leaf_ops *ops, void *arg)
{
	struct page *node = pt_node(table);
	i32 left;

	if (!ref_put(&node->refcount))
		return;
	left = node->mapcount.v;
	if (level == 3 && left)
		ops->drop(table, PT_ENTRIES, 3, arg);
	for (u32 i = 0; level < 3 && left; i++) {
		pte_t e = pte_load(&table[i]);

		if (pte_is_none(e))
			continue;
		left--;
		if (pte_kind(e, level) == PTE_TABLE)
			put_table(pt_table_of(e), level + 1, ops, arg);
		else
			ops->drop(&table[i], 1, level, arg);
	}
	pt_table_release(node);
}

void pt_put_tree(struct pt_tree *pt, const struct pt_leaf_ops *ops, void *arg)
{
	put_table(pt->root, 0, ops, arg);
	pt->root = NULL;
	pt->nr_tables = 0;
}

/* --- a path becomes ours --------------------------------------------------------------------- */
/* Step 2 for a table of tables: the children of both are read-only and have an owner more. */
static i32 copy_entries(pte_t *from, pte_t *to, int level, const struct pt_leaf_ops *ops, void *arg)
{
	i32 left = pt_node(from)->mapcount.v, set = left;

	for (u32 i = 0; left; i++) {
		pte_t e = pte_load(&from[i]);

		if (pte_is_none(e))
			continue;
		left--;
		if (pte_kind(e, level) == PTE_LEAF) {
			ops->copy(&from[i], &to[i], 1, level, arg);
			continue;
		}
		ref_get(&pt_node(pt_table_of(e))->refcount);
		e = pte_table_set_ro(e, true);
		pte_store(&from[i], e);
		pte_store(&to[i], e);
	}
	return set;
}

/* Steps 2 to 5 for the table of level that entry e points to, which has other owners. */
static int copy_table(struct pt_tree *pt, pte_t *e, int level, u64 va, const struct pt_leaf_ops *ops,
		      void *arg)
{
	pte_t *from = pt_table_of(pte_load(e)), *to = pt_table_new(level, va);
	struct page *old = pt_node(from), *new, *parent = pt_node(e);
	u64 start = align_down(va, pt_span(level - 1));

	if (!to)
		return -ENOMEM;
	new = pt_node(to);
	spin_lock(&parent->lock);
	spin_lock(&old->lock);
	spin_lock(&new->lock);
	new->mapcount.v = level == 3 ? ops->copy(from, to, PT_ENTRIES, 3, arg)
				     : copy_entries(from, to, level, ops, arg);
	spin_unlock(&new->lock);
	pte_store(e, pte_make_table(virt_to_phys(to)));	/* 3: under the old one's lock */
	pte_publish();
	spin_unlock(&old->lock);
	spin_unlock(&parent->lock);
	if (!pt_asid(pt))
		;	/* it never ran */
	else if (level == 3)
		tlb_inval_range(pt_asid(pt), start, start + PMD_SIZE, PAGE_SIZE, TLB_ALL_LEVELS);
	else
		tlb_inval_asid(pt_asid(pt));
	put_table(from, level, ops, arg);
	return 0;
}

/* The table that e (at level) points to becomes ours. */
static int own_child(struct pt_tree *pt, pte_t *e, int level, u64 va, const struct pt_leaf_ops *ops,
		     void *arg)
{
	pte_t now = pte_load(e);

	if (!pte_table_ro(now))
		return 0;
	if (ref_read(&pt_node(pt_table_of(now))->refcount) > 1)
		return copy_table(pt, e, level + 1, va, ops, arg);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);	/* after the last other owner's release */
	pte_store(e, pte_table_set_ro(now, false));	/* T7: nobody can add an owner but we */
	return 0;
}

/* Below table, of level, which is ours: all tables that cover a part of [start, end). */
static int own_below(struct pt_tree *pt, pte_t *table, int level, u64 start, u64 end,
		     const struct pt_leaf_ops *ops, void *arg)
{
	for (u64 va = start, next; va < end; va = next) {
		pte_t *e = &table[pt_index(va, level)];
		int err = 0;

		next = min(end, align_down(va, pt_span(level)) + pt_span(level));
		if (pte_kind(pte_load(e), level) != PTE_TABLE)
			continue;
		err = own_child(pt, e, level, va, ops, arg);
		if (!err && level < 2)
			err = own_below(pt, pt_table_of(pte_load(e)), level + 1, va, next, ops, arg);
		if (err)
			return err;
	}
	return 0;
}

int pt_own(struct pt_tree *pt, u64 start, u64 end, const struct pt_leaf_ops *ops, void *arg)
{
	return own_below(pt, pt->root, 0, start, end, ops, arg);
}

bool pt_is_own(const struct pt_tree *pt, u64 va)
{
	const pte_t *t = pt->root;

	for (int level = 0; level < 3; level++) {
		pte_t e = pte_load((pte_t *)&t[pt_index(va, level)]);

		if (pte_kind(e, level) != PTE_TABLE)
			break;
		if (pte_table_ro(e))
			return false;
		t = pt_table_of(e);
	}
	return true;
}
