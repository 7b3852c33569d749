/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces that share page tables: what pt/share.c leaves to us, and the one way by which mm
 * makes a range its own. The protocol: docs/cow-tables.md.
 *
 * Who calls mm_own (or mm_lock_own, which takes the lock for reading): everybody who changes leaves
 * or links tables of one address space, on the range, before it does. Faults find out on their way
 * to the leaf. Who works on all owners of a table at once (the reverse map) does not.
 */
#include "internal.h"

struct owner { struct mm *mm; u32 copied; struct zap z; };

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
	o->copied++;
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

static void count_passed(pte_t *p, u32 n, int level, void *arg)
{
	i64 *passed = arg;

	spin_lock(&pt_node(p)->lock);
	for (u32 i = 0; i < n; i++) {
		pte_t e = pte_load(&p[i]);

		if (pte_kind(e, level) == PTE_LEAF && !pte_special(e))
			passed[rss_kind(page_folio(pfn_to_page(pte_pfn(e))))] += pt_pages(level);
	}
	spin_unlock(&pt_node(p)->lock);
}

static const struct pt_leaf_ops own_ops = { .copy = copy_table, .drop = drop_leaves,
					    .gone = count_gone };
static const struct pt_leaf_ops share_ops = { .passed = count_passed };

int mm_own_slow(struct mm *mm, u64 start, u64 end, enum own_cause why)
{
	struct owner o;
	int err;

	owner_init(&o, mm);
	err = pt_own(&mm->pt, start, end, &own_ops, &o);
	if (o.copied)
		mem_stat_add(STAT_COW_CAUSE + (int)why, o.copied);
	return err;
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

int mm_lock_own(struct mm *mm, u64 start, u64 end, enum own_cause why)
{
	int err;

	read_lock(&mm->lock);
	if (likely(!mm->pt.may_share) || pt_range_own(&mm->pt, start, end))
		return 0;
	read_unlock(&mm->lock);
	write_lock(&mm->lock);
	err = mm_own(mm, start, end, why);
	if (err)
		write_unlock(&mm->lock);
	else
		write_downgrade(&mm->lock);
	return err;
}

void mm_share(struct mm *child, struct mm *parent, i64 passed[NR_RSS])
{
	spin_lock(&parent->pt.path_lock);	/* nobody takes leaves away between the two */
	mem_stat_add(STAT_COW_FORK, 1);
	parent->cow_forks++;
	pt_share(&child->pt, &parent->pt, &share_ops, passed);
	for (int i = 0; i < NR_RSS; i++)
		rss_add(&child->rss[i], atomic_read(&parent->rss[i]));
	spin_unlock(&parent->pt.path_lock);
}

void mm_put_tables(struct mm *mm)
{
	struct owner o;

	owner_init(&o, mm);
	pt_put_tree(&mm->pt, &own_ops, &o);
}
