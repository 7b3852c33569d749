/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables with several owners: sharing a tree, making a path one's own again, giving a tree up. The
 * protocol and its reasons are docs/cow-tables.md; numbers in comments here are its steps. A table's
 * references are entries and roots that point to it; an entry that points to a table with several is
 * not writable (T1).
 *
 * Leaves that are taken from a shared table for all its owners at once (T5) are counted there (gone):
 * each owner counts them as its own until it leaves the table or has it alone. What is below a table
 * that is taken back, and has no other way to it, becomes ours with it, so the way to such counts is
 * marked (gone_below). What our own tables hold is therefore what we count of them: gone is 0 there.
 */
#include <base/errno.h>
#include <base/string.h>
#include <hal/atomic.h>
#include <mm/stat.h>
#include <pt/pt.h>
#include "internal.h"

/* The next entry from *i on that is not none; false: there is none. left: how many there are. */
static bool next_used(const pte_t *table, const struct page *node, u32 *i, i32 *left)
{
	if (*left <= 0)
		return false;
	*i = pt_skip_none(table, *i, PT_ENTRIES, READ_ONCE(node->groups));
	--*left;
	return *i < PT_ENTRIES;		/* entries may come and go beside who only looks */
}

/* The first entry from i on that is not a leaf. */
static u32 leaves_from(const pte_t *table, u32 i, int level)
{
	while (i < PT_ENTRIES && pte_kind(pte_load((pte_t *)&table[i]), level) == PTE_LEAF)
		i++;
	return i;
}

static inline struct page *node_of(pte_t entry) { return phys_to_page(pte_table(entry)); }

/* n blocks. Those in a marked table were the caller's to copy. */
static void share_blocks(pte_t *to, pte_t *from, u32 n, int level, const struct pt_leaf_ops *ops,
			void *arg)
{
	struct page *node = pt_node(to), *old = pt_node(from);

	if (old->pinned_below) {
		ops->passed(from, n, level, arg);
		return;
	}
	spin_lock(&old->lock);
	spin_lock(&node->lock);
	pt_filled_like(node, old, ops->copy(from, to, n, level, arg));	/* the reverse map may come now */
	spin_unlock(&node->lock);
	spin_unlock(&old->lock);
}

static void share_below(pte_t *to, pte_t *from, int level, const struct pt_leaf_ops *ops, void *arg)
{
	struct page *node = pt_node(to), *old = pt_node(from);
	i32 left = old->mapcount.v, n = 0;

	for (u32 i = 0, run; next_used(from, old, &i, &left); i += run) {
		pte_t e = pte_load(&from[i]), mine = pte_load(&to[i]);

		run = 1;
		if (pte_kind(e, level) != PTE_TABLE) {
			run = leaves_from(from, i, level) - i;
			left -= (i32)run - 1;	/* next_used has counted one */
			share_blocks(&to[i], &from[i], run, level, ops, arg);
		} else if (!pte_is_none(mine)) {
			if (level < 2)
				share_below(pt_table_of(mine), pt_table_of(e), level + 1, ops, arg);
			else
				ops->passed(pt_table_of(e), PT_ENTRIES, 3, arg);
		} else {
			ref_get(&node_of(e)->owners);
			e = pte_table_set_ro(e, true);
			pte_set(&from[i], e);
			pte_set(&to[i], e);
			n++;
		}
	}
	spin_lock(&node->lock);		/* its blocks may be somebody's business already */
	pt_filled_like(node, old, n);
	spin_unlock(&node->lock);
}

void pt_share(struct pt_tree *child, struct pt_tree *parent, const struct pt_leaf_ops *ops,
	      void *arg)
{
	share_below(child->root, parent->root, 0, ops, arg);
	pte_publish();
	child->may_share = parent->may_share = true;
	child->nr_tables = READ_ONCE(parent->nr_tables);
}

/* --- a table goes ---------------------------------------------------------------------------- */
/* The last reference to the table of level has gone: so do those that it has. */
static void free_table(pte_t *table, int level, const struct pt_leaf_ops *ops, void *arg)
{
	struct page *node = pt_node(table);
	i32 left = node->mapcount.v;

	if (level == 3 && left)
		ops->drop(table, PT_ENTRIES, 3, arg);
	for (u32 i = 0; level < 3 && next_used(table, node, &i, &left); i++) {
		pte_t e = pte_load(&table[i]);

		if (pte_kind(e, level) != PTE_TABLE)
			ops->drop(&table[i], 1, level, arg);
		else if (ref_put(&node_of(e)->owners))
			free_table(pt_table_of(e), level + 1, ops, arg);
	}
	pt_table_release(node);
}

static void put_table(pte_t *table, int level, const struct pt_leaf_ops *ops, void *arg)
{
	if (ref_put(&pt_node(table)->owners))
		free_table(table, level, ops, arg);
}

void pt_put_tree(struct pt_tree *pt, const struct pt_leaf_ops *ops, void *arg)
{
	put_table(pt->root, 0, ops, arg);
	pt->root = NULL;
	pt->nr_tables = 0;
}

/* --- a path becomes ours --------------------------------------------------------------------- */
/* An owner more of the table at pa, found as page_counts finds its words: in one addition. */
static __always_inline void refer_to(paddr_t pa, bool lse)
{
	const u64 first = VMEMMAP_BASE + offsetof(struct page, owners);

	arch_add32((u32 *)(first + pa / (PAGE_SIZE / STRUCT_PAGE_SIZE)), 1, lse);
}

/*
 * The tables that follow from i on, alike, four by four: one more reference each, read-only here
 * and there. Returns the first entry that is none of that.
 */
static __always_inline u32 refer_fours(pte_t *from, pte_t *to, u32 i, int level, bool lse)
{
	const pte_t first = pte_load(&from[i]);
	const pte_t attr = pte_attributes(first), ro = pte_table_set_ro(attr, true);
	pte_t *p = &from[i], *q = &to[i], *last = &from[PT_ENTRIES - 4];
	struct pt_four pa;

	if (pte_kind(first, level) != PTE_TABLE)
		return i;
	for (; p <= last && pt_load_four(p, attr, &pa); p += 4, q += 4) {
		refer_to(pa.a, lse);
		refer_to(pa.b, lse);
		refer_to(pa.c, lse);
		refer_to(pa.d, lse);
		pt_set_four(p, ro, &pa);
		pt_set_four(q, ro, &pa);
	}
	return (u32)(p - from);
}
static __noinline u32 refer_lse(pte_t *from, pte_t *to, u32 i, int level)
{
	return refer_fours(from, to, i, level, true);
}
static __noinline u32 refer_base(pte_t *from, pte_t *to, u32 i, int level)
{
	return refer_fours(from, to, i, level, false);
}
/* As far as there are tables, whatever else their entries say. */
static u32 refer(pte_t *from, pte_t *to, u32 i, int level)
{
	u32 end;

	do {
		i = arch_lse ? refer_lse(from, to, i, level) : refer_base(from, to, i, level);
		for (end = min(i + 4, PT_ENTRIES); i < end; i++) {
			pte_t e = pte_load(&from[i]);

			if (pte_kind(e, level) != PTE_TABLE)
				return i;
			refer_to(pte_table(e), false);
			e = pte_table_set_ro(e, true);
			pte_set(&from[i], e);
			pte_set(&to[i], e);
		}
	} while (i < PT_ENTRIES);
	return i;
}

/* Step 2 for a table of tables: the children of both are read-only and have an owner more. */
static i32 copy_entries(pte_t *from, pte_t *to, int level, const struct pt_leaf_ops *ops, void *arg)
{
	const struct page *node = pt_node(from);
	i32 left = node->mapcount.v, all = left;

	for (u32 i = 0, next; next_used(from, node, &i, &left); i = next) {
		next = refer(from, to, i, level);
		if (next == i) {
			next = leaves_from(from, i, level);
			ops->copy(&from[i], &to[i], next - i, level, arg);
		}
		left -= (i32)(next - i) - 1;	/* next_used has counted one */
	}
	return all;
}

/* --- what was taken away while it was shared --------------------------------------------------- */
static bool gone_ever;	/* since boot */

void pt_count_gone(const struct pt_tree *pt, struct page *node, u64 va, enum rss_kind kind, u32 n)
{
	pte_t *t = pt->root;

	if (!gone_ever)
		WRITE_ONCE(gone_ever, true);
	node->gone[kind] = (u16)(node->gone[kind] + n);
	for (int level = 0; pt_node(t) != node; level++) {
		WRITE_ONCE(pt_node(t)->gone_below, 1);
		t = pt_table_of(pte_load(&t[pt_index(va, level)]));
	}
}

static void gone_below(const pte_t *table, int level, bool shared, i64 sum[NR_RSS])
{
	const struct page *node = pt_node((pte_t *)table);
	i32 left = node->mapcount.v;

	for (int i = 0; i < NR_RSS; i++)
		sum[i] += (i64)READ_ONCE(node->gone[i]) * pt_pages(level);
	for (u32 i = 0; level < 3 && next_used(table, node, &i, &left); i++) {
		pte_t e = pte_load((pte_t *)&table[i]);

		if (pte_kind(e, level) == PTE_TABLE && (level < 2 || shared || pte_table_ro(e)))
			gone_below(pt_table_of(e), level + 1, shared || pte_table_ro(e), sum);
	}
}

void pt_gone(const struct pt_tree *pt, i64 sum[NR_RSS])
{
	if (READ_ONCE(gone_ever))
		gone_below(pt->root, 0, false, sum);
}

static bool any_gone(const struct page *node)
{
	return node->gone[RSS_ANON] | node->gone[RSS_FILE] | node->gone[RSS_SHMEM];
}

/* The table of level has become ours, with all that it alone refers to. path_lock held. */
static void settle(pte_t *table, int level, const struct pt_leaf_ops *ops, void *arg)
{
	struct page *node = pt_node(table);

	if (any_gone(node)) {
		spin_lock(&node->lock);
		ops->gone(node->gone, pt_pages(level), arg);
		memset(node->gone, 0, sizeof(node->gone));
		spin_unlock(&node->lock);
	}
	if (level == 3 || !node->gone_below)
		return;
	node->gone_below = 0;
	for (u32 i = 0; i < PT_ENTRIES; i++) {
		pte_t e = pte_load(&table[i]);

		if (pte_kind(e, level) == PTE_TABLE && !pte_table_ro(e))
			settle(pt_table_of(e), level + 1, ops, arg);
	}
}

/* --- a path becomes ours, with path_lock where it changes -------------------------------------- */
static void forget_way(struct pt_tree *pt, int level, u64 va)
{
	u16 asid = pt_asid(pt);
	u64 start = align_down(va, PMD_SIZE);

	if (!asid)
		;	/* it never ran */
	else if (level == 3)
		tlb_inval_range(asid, start, start + PMD_SIZE, PAGE_SIZE, TLB_ALL_LEVELS);
	else
		tlb_inval_asid(asid);
}

/* What is being made a tree's own; what maps [lo, hi) alone and has other owners stays as it is. */
struct owning {
	struct pt_tree *pt;
	u64 lo, hi;
	const struct pt_leaf_ops *ops;
	void *arg;
};

/* Steps 2 to 5 for the table of level that entry e points to, which has other owners. */
static int copy_table(const struct owning *o, pte_t *e, int level, u64 va)
{
	pte_t *from = pt_table_of(pte_load(e)), *to = pt_table_new(level, va);
	struct page *old = pt_node(from), *new;

	if (!to)
		return -ENOMEM;
	new = pt_node(to);
	spin_lock(&o->pt->path_lock);
	spin_lock(&old->lock);
	spin_lock(&new->lock);
	pt_filled_like(new, old, level == 3 ? o->ops->copy(from, to, PT_ENTRIES, 3, o->arg)
					    : copy_entries(from, to, level, o->ops, o->arg));
	if (any_gone(old))
		o->ops->gone(old->gone, pt_pages(level), o->arg);
	spin_unlock(&new->lock);
	pte_store(e, pte_make_table(virt_to_phys(to)));	/* 3: under the old one's lock */
	pte_publish();
	spin_unlock(&old->lock);
	forget_way(o->pt, level, va);	/* 4, 6: before the reverse map finds the new table */
	spin_unlock(&o->pt->path_lock);
	put_table(from, level, o->ops, o->arg);
	mem_stat_add(STAT_COW_TABLE_COPIED + level - 1, 1);
	o->pt->copied[level - 1]++;
	return 0;
}

/* The table that e (at level) points to becomes ours. */
static int own_child(const struct owning *o, pte_t *e, int level, u64 va)
{
	pte_t now = pte_load(e);
	u64 first = align_down(va, pt_span(level));

	if (!pte_table_ro(now))
		return 0;
	/* One that goes meanwhile was worth a copy; none comes, for that needs our mm's lock. */
	if (ref_read(&pt_node(pt_table_of(now))->owners) > 1)
		return o->lo <= first && first + pt_span(level) <= o->hi
			       ? 0 : copy_table(o, e, level + 1, va);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);	/* after the last other owner's release */
	spin_lock(&o->pt->path_lock);
	settle(pt_table_of(now), level + 1, o->ops, o->arg);
	pte_store(e, pte_table_set_ro(now, false));	/* T7: nobody can add an owner but we */
	spin_unlock(&o->pt->path_lock);
	mem_stat_add(STAT_COW_TABLE_TAKEN, 1);
	o->pt->taken++;
	return 0;
}

/*
 * Ranges are what programs say: beyond PT_END nothing is mapped, though indexes repeat there, and
 * what follows the last entry of the root would be 0 at the end of 64 bits.
 */
static inline u64 end_of(u64 end) { return min(end, PT_END); }

/* Below table, of level, which is ours: all tables that cover a part of [start, end). */
static int own_below(const struct owning *o, pte_t *table, int level, u64 start, u64 end)
{
	for (u64 va = start, next; va < end; va = next) {
		pte_t *e = &table[pt_index(va, level)];
		int err = 0;

		next = min(end, align_down(va, pt_span(level)) + pt_span(level));
		if (pte_kind(pte_load(e), level) != PTE_TABLE)
			continue;
		err = own_child(o, e, level, va);
		if (!err && level < 2 && !pte_table_ro(pte_load(e)))
			err = own_below(o, pt_table_of(pte_load(e)), level + 1, va, next);
		if (err)
			return err;
	}
	return 0;
}

int pt_own(struct pt_tree *pt, u64 start, u64 end, const struct pt_leaf_ops *ops, void *arg)
{
	const struct owning o = { .pt = pt, .ops = ops, .arg = arg };

	return own_below(&o, pt->root, 0, start, end_of(end));
}

int pt_own_ends(struct pt_tree *pt, u64 start, u64 end, u64 lo, u64 hi,
		const struct pt_leaf_ops *ops, void *arg)
{
	const struct owning o = { .pt = pt, .lo = lo, .hi = hi, .ops = ops, .arg = arg };

	return own_below(&o, pt->root, 0, start, end_of(end));
}

/* --- giving up ------------------------------------------------------------------------------- */
/*
 * What pt counts of the table of level and of those below goes out of the books. It is shared, so
 * that the sum of its leaves and of those that are gone is what it was when it became so, whatever
 * its other owners and the reverse map do meanwhile; none of its tables goes, for we have it.
 */
static u64 uncount(pte_t *table, int level, const struct pt_leaf_ops *ops, void *arg)
{
	struct page *node = pt_node(table);
	i32 left = node->mapcount.v;
	u64 tables = 1;

	spin_lock(&node->lock);
	ops->left(table, PT_ENTRIES, level, arg);
	if (any_gone(node))
		ops->gone(node->gone, pt_pages(level), arg);
	spin_unlock(&node->lock);
	for (u32 i = 0; level < 3 && next_used(table, node, &i, &left); i++) {
		pte_t e = pte_load(&table[i]);

		if (pte_kind(e, level) == PTE_TABLE)
			tables += uncount(pt_table_of(e), level + 1, ops, arg);
	}
	return tables;
}

/* The table that e, an entry of ours at level, leads to is the tree's no more, with all below. */
static void leave_table(struct pt_tree *pt, pte_t *e, int level, u64 va,
			const struct pt_leaf_ops *ops, void *arg)
{
	pte_t *table = pt_table_of(pte_load(e));
	u64 tables = uncount(table, level + 1, ops, arg);

	spin_lock(&pt->path_lock);
	spin_lock(&pt_node(e)->lock);
	pte_store(e, pte_none());
	pt_emptied(pt_node(e), 1);
	spin_unlock(&pt_node(e)->lock);
	forget_way(pt, level + 1, va);	/* 5: only then the reference goes */
	spin_unlock(&pt->path_lock);
	__atomic_fetch_sub(&pt->nr_tables, tables, __ATOMIC_RELAXED);
	put_table(table, level + 1, ops, arg);
	mem_stat_add(STAT_COW_TABLE_LEFT, (i64)tables);
}

static void give_up_below(struct pt_tree *pt, pte_t *table, int level, u64 start, u64 end,
			  const struct pt_leaf_ops *ops, void *arg)
{
	for (u64 va = start, next; va < end; va = next) {
		pte_t *e = &table[pt_index(va, level)], now = pte_load(e);

		next = min(end, align_down(va, pt_span(level)) + pt_span(level));
		if (pte_kind(now, level) != PTE_TABLE)
			continue;
		if (pte_table_ro(now))
			leave_table(pt, e, level, va, ops, arg);
		else if (level < 2)
			give_up_below(pt, pt_table_of(now), level + 1, va, next, ops, arg);
	}
}

void pt_give_up(struct pt_tree *pt, u64 start, u64 end, const struct pt_leaf_ops *ops, void *arg)
{
	give_up_below(pt, pt->root, 0, start, end_of(end), ops, arg);
}

static bool own_already(const pte_t *table, int level, u64 start, u64 end)
{
	for (u64 va = start, next; va < end; va = next) {
		pte_t e = pte_load((pte_t *)&table[pt_index(va, level)]);

		next = min(end, align_down(va, pt_span(level)) + pt_span(level));
		if (pte_kind(e, level) == PTE_TABLE &&
		    (pte_table_ro(e) ||
		     (level < 2 && !own_already(pt_table_of(e), level + 1, va, next))))
			return false;
	}
	return true;
}

static void tables_below(const pte_t *table, int level, bool shared, u64 n[2])
{
	const struct page *node = pt_node((pte_t *)table);
	i32 left = node->mapcount.v;

	n[shared]++;
	for (u32 i = 0; level < 3 && next_used(table, node, &i, &left); i++) {
		pte_t e = pte_load((pte_t *)&table[i]);

		if (pte_kind(e, level) == PTE_TABLE)
			tables_below(pt_table_of(e), level + 1, shared ||
				     ref_read(&pt_node(pt_table_of(e))->owners) > 1, n);
	}
}

void pt_count_tables(const struct pt_tree *pt, u64 *shared, u64 *own)
{
	u64 n[2] = { 0 };

	tables_below(pt->root, 0, false, n);
	*own = n[0];
	*shared = n[1];
}

u32 pt_owners(const struct pt_tree *pt, u64 va)
{
	const pte_t *t = pt->root;
	u64 n = 1;

	for (int level = 0; level < 3; level++) {
		pte_t e = pte_load((pte_t *)&t[pt_index(va, level)]);

		if (pte_kind(e, level) != PTE_TABLE)
			break;
		t = pt_table_of(e);
		n = min(n * (u64)max(ref_read(&pt_node((pte_t *)t)->owners), 1), (u64)PT_MANY);
	}
	return (u32)n;
}

bool pt_range_own(const struct pt_tree *pt, u64 start, u64 end)
{
	return own_already(pt->root, 0, start, end_of(end));
}
