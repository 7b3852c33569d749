/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying leaves from one table to another, by runs: what fork does eagerly, and what a break does
 * with a table that it copies. Whoever runs on the old table may write through its TLB entries until
 * the caller has invalidated. A private page becomes read-only and loses its exclusive mark on both
 * sides (T3); a leaf of a file may be written where its mapping is shared, and is copied as it is,
 * but clean: what was written is noted once. The old leaves are made read-only first and read then:
 * a write through one may make it dirty until that moment.
 *
 * Loops over single pages take four leaves at once. What they look at stays as it is: both nodes are
 * locked, hardware has nothing to add to a plain leaf, and a page that is a folio of its own and
 * private memory is that for as long as a leaf maps it (folios are taken apart, never joined). The
 * first leaf that is not like the others ends the loop, and is looked at alone.
 */
#include <hal/atomic.h>
#include "internal.h"

static inline void count(struct leaf_copy *c, const struct folio *f, u32 pages)
{
	c->n[rss_kind(f)] += pages;
}

/*
 * A run of a large folio's pages: references, then the old entries, then the new ones; what may
 * differ inside it says pt/rule.c. Both nodes locked. Returns its length.
 */
static __noinline u32 copy_run(struct leaf_copy *c, pte_t *from, pte_t *to, u32 max, int level)
{
	u32 left;
	pte_t e = pte_load(from);
	struct folio *f = leaf_folio(e, &left);
	bool shared = !page_test(&f->page, PG_ANON);
	u32 ignore = pt_may_differ(PT_USE_COPY, shared);
	struct pt_run r = pt_run_of(from, run_limit(left, max, level), level, ignore);

	folio_map(f, r.n * pt_pages(level));
	count(c, f, r.n * pt_pages(level));
	if (level < 3 && shared)
		file_block_mapped(f, (i32)r.n);
	if (!shared) {
		c->wrprotected |= wrprotect_ptes(from, r.n, true);
		r = pt_run_of(from, r.n, level, ignore);
	}
	set_ptes_like(to, from, pt_run_leaf(PT_USE_COPY, shared, e, &r), r.n, level);
	return r.n;
}

/*
 * Leaves that hardware has nothing to add to, of private pages, all of one size: in loops that hold
 * nothing else, so that their constants stay in registers. Both nodes locked. Entries done, perhaps
 * 0; *any_write: one of them could be written.
 */
static __always_inline u32 copy_alike(pte_t *from, pte_t *to, u32 n, bool *any_write, u32 pages)
{
	pte_t *p = from, *end = from + n;
	u64 written = 0;

	for (; p < end; p++, to++) {
		pte_t e = pte_load(p);
		struct folio *f = plain_folio(e, 1, pages);

		if (!f)
			break;
		folio_map(f, pages);
		if (pte_write(e)) {
			written |= e.v;
			e = pte_dirty_to_read_only(e);
			pte_set(p, e);
		}
		pte_set(to, e);
	}
	*any_write |= written;
	return (u32)(p - from);
}
/*
 * Single pages whose leaves are alike, four by four; write: all can be written and are exclusive,
 * so that their pages are private memory. Entries done, perhaps 0.
 */
static __always_inline u32 copy_fours(pte_t *from, pte_t *to, u32 n, bool write, bool lse)
{
	const pte_t attr = pte_attributes(pte_load(from));
	const pte_t ro = write ? pte_dirty_to_read_only(attr) : attr;
	pte_t *p = from;
	struct pt_four pa;

	for (; p + 4 <= from + n && pt_load_four(p, attr, &pa); p += 4, to += 4) {
		u64 *a = page_counts(pa.a), *b = page_counts(pa.b);
		u64 *c = page_counts(pa.c), *d = page_counts(pa.d);

		if (unlikely(!pages_are_small(a, b, c, d, !write)))
			break;
		arch_add(a, FOLIO_MAPS(1), lse);
		arch_add(b, FOLIO_MAPS(1), lse);
		arch_add(c, FOLIO_MAPS(1), lse);
		arch_add(d, FOLIO_MAPS(1), lse);
		if (write)
			pt_set_four(p, ro, &pa);
		pt_set_four(to, ro, &pa);
	}
	return (u32)(p - from);
}
static __noinline u32 copy_fours_lse(pte_t *from, pte_t *to, u32 n)
{
	return copy_fours(from, to, n, false, true);
}
static __noinline u32 copy_fours_base(pte_t *from, pte_t *to, u32 n)
{
	return copy_fours(from, to, n, false, false);
}
static __noinline u32 copy_own_lse(pte_t *from, pte_t *to, u32 n)
{
	return copy_fours(from, to, n, true, true);
}
static __noinline u32 copy_own_base(pte_t *from, pte_t *to, u32 n)
{
	return copy_fours(from, to, n, true, false);
}
static u32 copy_like_first(pte_t *from, pte_t *to, u32 n, bool *any_write)
{
	pte_t first = pte_load(from);

	if (!pte_plain(first))
		return 0;
	if (!pte_write(first))
		return arch_lse ? copy_fours_lse(from, to, n) : copy_fours_base(from, to, n);
	if (!pte_exclusive(first))	/* a shared mapping's */
		return 0;
	n = arch_lse ? copy_own_lse(from, to, n) : copy_own_base(from, to, n);
	*any_write |= n;
	return n;
}
static __noinline u32 copy_plain(pte_t *from, pte_t *to, u32 n, bool *any_write)
{
	u32 i = 0, now;

	do {
		if (begins_alike(&from[i], n - i))
			i += copy_like_first(&from[i], &to[i], n - i, any_write);
		now = copy_alike(&from[i], &to[i], min(n - i, 8u), any_write, 1);
		i += now;
	} while (now == 8);
	return i;
}
static __noinline u32 copy_blocks(pte_t *from, pte_t *to, u32 n, bool *any_write)
{
	u32 done = copy_alike(from, to, n, any_write, pt_pages(2));

	mem_stat_add(STAT_BLOCK_KEPT, done);
	mem_stat_add(STAT_BLOCK_MADE, done);
	return done;
}
static __noinline u32 copy_conts(pte_t *from, pte_t *to, u32 n, bool *any_write)
{
	u32 i;

	for (i = 0; i + CONT_PTES <= n; i += CONT_PTES) {
		pte_t e = pte_load(&from[i]);
		struct folio *f = plain_folio(e, CONT_PTES, CONT_PTES);

		if (!f)
			break;
		folio_map(f, CONT_PTES);
		if (pte_write(e)) {
			*any_write = true;
			pte_set_runs(&from[i], &to[i], pte_dirty_to_read_only(e), CONT_PTES);
		} else {
			pte_set_run(&to[i], e, CONT_PTES);
		}
	}
	mem_stat_add(STAT_CONT_KEPT, i / CONT_PTES);
	mem_stat_add(STAT_CONT_MADE, i / CONT_PTES);
	return i;
}
/* Leaves of single pages of files, all of memory or none. Entries done, perhaps 0. */
static __noinline u32 copy_files(struct leaf_copy *c, pte_t *from, pte_t *to, u32 n)
{
	u64 kind = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		pte_t e = pte_load(&from[i]);
		struct page *page = pfn_to_page(pte_pfn(e));
		u64 now;

		if (pte_is_none(e) || pte_special(e) || pte_cont(e))
			break;
		now = page_small_kind(page);
		if (i ? now != kind : !is_file_kind(now))
			break;
		kind = now;
		folio_map((struct folio *)page, 1);
		pte_store(&to[i], pte_mkclean(e));
	}
	c->n[kind ? RSS_SHMEM : RSS_FILE] += i;
	return i;
}

/* What of the above fits the entry at from. */
static inline u32 copy_easy(struct leaf_copy *c, pte_t *from, pte_t *to, u32 n, int level, pte_t e)
{
	u32 done, pages = 1;

	if (level == 2) {
		done = copy_blocks(from, to, n, &c->wrprotected);
		pages = pt_pages(2);
	} else if (pte_cont(e)) {
		done = copy_conts(from, to, n, &c->wrprotected);
	} else {
		done = copy_plain(from, to, n, &c->wrprotected);
	}
	c->n[RSS_ANON] += (i64)done * pages;
	return done || level == 2 ? done : copy_files(c, from, to, n);
}

/* Any one page that is a folio. */
static void copy_one(struct leaf_copy *c, pte_t *from, pte_t *to, pte_t e, struct folio *f)
{
	pte_t n;

	folio_map(f, 1);
	count(c, f, 1);
	if (!page_test(&f->page, PG_ANON)) {
		pte_store(to, pte_mkclean(e));
		return;
	}
	do {
		n = pte_wrprotect(pte_clear_exclusive(e));
	} while (n.v != e.v && !pte_replace(from, &e, n));
	c->wrprotected |= pte_write(e);
	pte_store(to, n);
}

u32 copy_leaves(struct leaf_copy *c, pte_t *from, pte_t *to, u32 n, int level, i32 *set)
{
	const struct page *node = pt_node(from);
	const i32 all = *set + node->mapcount.v;	/* no more are there */
	const u64 groups = node->groups;
	u32 i, run;

	for (i = pt_skip_none(from, 0, n, groups); i < n;
	     i = pt_skip_none(from, i + run, n, groups)) {
		pte_t e = pte_load(&from[i]);
		struct page *p;

		run = 1;
		if (unlikely(pte_kind(e, level) != PTE_LEAF))
			break;
		p = pfn_to_page(pte_pfn(e));
		run = copy_easy(c, &from[i], &to[i], n - i, level, e);
		if (!run) {
			run = 1;
			if (pte_special(e))
				pte_store(&to[i], e);
			else if (page_test(p, PG_TAIL) || p->order)
				run = copy_run(c, &from[i], &to[i], n - i, level);
			else
				copy_one(c, &from[i], &to[i], e, (struct folio *)p);
		}
		*set += (i32)run;
		if (*set == all)
			return n;
	}
	return i;
}
