/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces that share page tables: what pt/share.c leaves to us, and the one way by which mm
 * makes a range its own. The protocol: docs/cow-tables.md.
 *
 * Who calls mm_own (or mm_lock_own, which takes the lock for reading): everybody who changes leaves
 * or links tables of one address space, on the range, before it does. Faults find out on their way
 * to the leaf. Who works on all owners of a table at once (the reverse map) does not.
 */
#include <base/string.h>
#include "internal.h"

struct owner { struct mm *mm; u32 copied; struct zap z; };	/* copied: leaf tables */

/* What is dropped is dropped with the last reference to its table: no TLB has it any more. */
static void owner_init(struct owner *o, struct mm *mm)
{
	o->mm = mm;
	o->copied = 0;
	zap_begin(&o->z, mm, true);
}

static i32 copy_table(pte_t *from, pte_t *to, u32 n, int level, void *arg)
{
	struct leaf_copy c = { 0 };
	struct owner *o = arg;
	i32 set = 0;

	copy_leaves(&c, from, to, n, level, &set);
	o->copied += level == 3;	/* not for blocks in a table of tables */
	return set;
}

static void drop_leaves(pte_t *p, u32 n, int level, void *arg)
{
	struct owner *o = arg;

	zap_table(&o->z, p, n, level);
}

static void count_gone(const u16 n[NR_RSS], u32 pages, void *arg)
{
	struct owner *o = arg;

	for (int i = 0; i < NR_RSS; i++)
		if (n[i])
			rss_add(&o->mm->rss[i], -(i64)n[i] * pages);
}

/* Of four leaves at p all are of folios of one page of private memory. */
static bool four_small_anon(pte_t *p)
{
	const pte_t first = pte_load(p);
	struct pt_four pa;

	return pte_plain(first) && pt_load_four(p, pte_attributes(first), &pa) &&
	       pages_are_small(page_counts(pa.a), page_counts(pa.b), page_counts(pa.c),
			       page_counts(pa.d), true);
}

static void count_leaves(pte_t *p, u32 n, int level, i64 sum[NR_RSS])
{
	for (u32 i = 0; i < n; i++) {
		pte_t e = pte_load(&p[i]);

		if (level == 3 && i + 4 <= n && four_small_anon(&p[i])) {
			sum[RSS_ANON] += 4;
			i += 3;
		} else if (pte_kind(e, level) == PTE_LEAF && !pte_special(e)) {
			sum[rss_kind(page_folio(pfn_to_page(pte_pfn(e))))] += pt_pages(level);
		}
	}
}

static void count_left(pte_t *p, u32 n, int level, void *arg)
{
	struct owner *o = arg;
	i64 sum[NR_RSS] = { 0 };

	count_leaves(p, n, level, sum);
	for (int i = 0; i < NR_RSS; i++)
		if (sum[i])
			rss_add(&o->mm->rss[i], -sum[i]);
}

/* --- fork ------------------------------------------------------------------------------------ */
/*
 * What parent and child both write to at once after every fork (the stack, the C library's data)
 * would be copied twice, with two faults; so fork copies such leaf tables in the first place: a few,
 * whatever the size of the process. They are the first two that the parent's writes made its own
 * after two forks in a row; and to begin with, the stack's and the data segment's. One that nobody
 * wrote to between two forks is hot no longer.
 */
#define HOT_LEAVES 192	/* a table with more is not worth it */

struct sharing {
	struct mm *parent, *child;
	pte_t *from[COW_HOT], *to[COW_HOT];
	u32 slot[COW_HOT], nr;
	i64 *passed;
};

static u32 table_number(u64 va) { return (u32)(va >> pt_shift(2)); }

static bool is_hot(const struct mm *mm, u32 n)
{
	for (u32 i = 0; i < COW_HOT; i++)
		if (mm->hot[i] == n)
			return true;
	return false;
}

static void make_hot(struct mm *mm, u32 n)
{
	if (n && !is_hot(mm, n))
		mm->hot[mm->next_hot++ % COW_HOT] = n;
}

void mm_note_write(struct mm *mm, u64 addr)
{
	u32 n = table_number(addr), i = mm->wrote[0] ? 1 : 0;
	pte_t *table;

	if (!mm->cow_forks || mm->wrote[i])	/* others made us, or there were two */
		return;
	mm->wrote[i] = n;
	table = pt_leaf_table(&mm->pt, addr);
	if ((n == mm->wrote_before[0] || n == mm->wrote_before[1]) && table &&
	    pt_node(table)->mapcount.v <= HOT_LEAVES)
		make_hot(mm, n);
}

/* Tables for the copies; where that cannot be, the table is shared. */
static void prepare_hot(struct sharing *s)
{
	struct mm *mm = s->parent;

	if (!mm->cow_forks) {
		make_hot(mm, mm->arg_start ? table_number(mm->arg_start - 1) : 0);
		make_hot(mm, mm->data_end ? table_number(mm->data_end - 1) : 0);
	}
	memcpy(mm->wrote_before, mm->wrote, sizeof(mm->wrote));
	memset(mm->wrote, 0, sizeof(mm->wrote));
	for (u32 i = 0; i < COW_HOT; i++) {
		u64 va = (u64)mm->hot[i] << pt_shift(2);
		pte_t *from = va ? pt_leaf_table(&mm->pt, va) : NULL, *to;

		if (!from || !pt_is_own(&mm->pt, va) || pt_node(from)->pinned_below)
			continue;
		to = pt_make_table(&s->child->pt, va, 3);
		if (!to)
			return;
		s->from[s->nr] = from;
		s->slot[s->nr] = i;
		s->to[s->nr++] = to;
	}
}

/* path_lock of parent held. */
static void copy_hot(struct sharing *s)
{
	for (u32 i = 0; i < s->nr; i++) {
		struct page *a = pt_node(s->from[i]), *b = pt_node(s->to[i]);
		struct leaf_copy c = { 0 };
		i32 set = 0;

		spin_lock(&a->lock);
		spin_lock(&b->lock);
		copy_leaves(&c, s->from[i], s->to[i], PT_ENTRIES, 3, &set);
		pt_filled_like(b, a, set);
		spin_unlock(&b->lock);
		spin_unlock(&a->lock);
		if (!c.wrprotected)
			s->parent->hot[s->slot[i]] = 0;
	}
}

static void count_passed(pte_t *p, u32 n, int level, void *arg)
{
	struct sharing *s = arg;
	i64 *passed = s->passed;

	for (u32 i = 0; i < s->nr; i++)
		if (p == s->from[i])	/* copied whole, under path_lock as we are */
			return;
	spin_lock(&pt_node(p)->lock);
	count_leaves(p, n, level, passed);
	spin_unlock(&pt_node(p)->lock);
}

static const struct pt_leaf_ops own_ops = { .copy = copy_table, .drop = drop_leaves,
					    .gone = count_gone, .left = count_left };
/* A block of 2 MiB beside a table that the child has of its own. */
static i32 copy_block(pte_t *from, pte_t *to, u32 n, int level, void *arg)
{
	struct leaf_copy c = { 0 };
	i32 set = 0;

	copy_leaves(&c, from, to, n, level, &set);
	return set;
}

static const struct pt_leaf_ops share_ops = { .copy = copy_block, .passed = count_passed };

int mm_own_ends_slow(struct mm *mm, u64 start, u64 end, u64 lo, u64 hi, enum own_cause why)
{
	struct owner o;
	int err;

	owner_init(&o, mm);
	err = pt_own_ends(&mm->pt, start, end, lo, hi, &own_ops, &o);
	if (o.copied)
		mem_stat_add(STAT_COW_CAUSE + (int)why, o.copied);
	return err;
}

int mm_own_slow(struct mm *mm, u64 start, u64 end, enum own_cause why)
{
	return mm_own_ends_slow(mm, start, end, 0, 0, why);
}

void mm_give_up(struct mm *mm, u64 start, u64 end)
{
	struct owner o;

	if (likely(!mm->pt.may_share))
		return;
	owner_init(&o, mm);
	mm->peak_rss = max(mm->peak_rss, mm_rss(mm));
	pt_give_up(&mm->pt, start, end, &own_ops, &o);
}

void mm_rss_now(const struct mm *mm, u64 n[NR_RSS])
{
	i64 gone[NR_RSS] = { 0 };

	if (mm->pt.may_share && mm->pt.root)
		pt_gone(&mm->pt, gone);
	for (int i = 0; i < NR_RSS; i++)
		n[i] = (u64)max(atomic_read(&mm->rss[i]) - gone[i], (i64)0);
}

void mm_count_tables(const struct mm *mm, u64 *shared, u64 *own)
{
	*shared = *own = 0;
	if (mm->pt.root)
		pt_count_tables(&mm->pt, shared, own);
}

bool mm_lock_if_own(struct mm *mm, u64 start, u64 end)
{
	read_lock(&mm->lock);
	if (likely(!mm->pt.may_share) || pt_range_own(&mm->pt, start, end))
		return true;
	read_unlock(&mm->lock);
	write_lock(&mm->lock);
	return false;
}

int mm_lock_owned(struct mm *mm, int err)
{
	if (err)
		write_unlock(&mm->lock);
	else
		write_downgrade(&mm->lock);
	return err;
}

int mm_lock_own(struct mm *mm, u64 start, u64 end, enum own_cause why)
{
	return mm_lock_if_own(mm, start, end) ? 0 : mm_lock_owned(mm, mm_own(mm, start, end, why));
}

void mm_share(struct mm *child, struct mm *parent, i64 passed[NR_RSS])
{
	struct sharing s = { .parent = parent, .child = child, .passed = passed };

	mem_stat_add(STAT_COW_FORK, 1);
	prepare_hot(&s);
	parent->cow_forks++;
	spin_lock(&parent->pt.path_lock);	/* nobody takes leaves away between these */
	copy_hot(&s);
	pt_share(&child->pt, &parent->pt, &share_ops, &s);
	for (int i = 0; i < NR_RSS; i++)
		rss_add(&child->rss[i], atomic_read(&parent->rss[i]));
	spin_unlock(&parent->pt.path_lock);
	memcpy(child->hot, parent->hot, sizeof(child->hot));
	child->next_hot = parent->next_hot;
}

void mm_put_tables(struct mm *mm)
{
	struct owner o;

	owner_init(&o, mm);
	pt_put_tree(&mm->pt, &own_ops, &o);
}
