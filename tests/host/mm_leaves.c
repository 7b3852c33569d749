/* SPDX-License-Identifier: BSD-2-Clause */
/* The leaves of address spaces, recounted: their tables, their folios, the counters that sum them. */
#include <stdlib.h>
#include <string.h>
#include <fake/fake.h>
#include "internal.h"
#include "mm_model.h"

struct rss { i64 anon, file, shmem; };

static void check_leaf(struct mm *mm, u64 va, pte_t e, i64 pages, struct rss *rss)
{
	struct folio *f;

	BUG_ON(!mm_find_vma(mm, va));
	BUG_ON(!pte_well_formed(e));
	if (pte_special(e))
		return;
	f = page_folio(pfn_to_page(pte_pfn(e)));
	BUG_ON(atomic_read(&f->page.mapcount) < 1 ||
	       ref_read(&f->page.refcount) < atomic_read(&f->page.mapcount));
	if (page_test(&f->page, PG_ANON)) {
		rss->anon += pages;
		BUG_ON(pte_write(e) && !pte_exclusive(e));
		BUG_ON(pte_exclusive(e) && !folio_order(f) && atomic_read(&f->page.mapcount) != 1);
	} else if (rss_counter(mm, f) == &mm->rss_shmem) {
		rss->shmem += pages;
	} else {
		rss->file += pages;
	}
}

static void check_node(const struct page *node)
{
	const pte_t *table = page_address(node);
	i32 n = 0;

	for (u32 i = 0; i < PT_ENTRIES; i++)
		n += !pte_is_none(table[i]);
	BUG_ON(n != node->mapcount.v);
}

/*
 * The tables from this one on, which maps from first on. What was taken from shared ones: a table that
 * has no leaf left may say so, too. Each lies where a VMA is: what unmaps the last one takes the tables,
 * and fork's child, which frees those that it is not to have, meets no others.
 */
static void sum_gone(struct mm *mm, const pte_t *table, int level, u64 first, bool shared,
		     struct rss *gone)
{
	const struct page *node = pt_node((pte_t *)table);
	struct vma *v = mm_first_vma_from(mm, first);
	i64 pages = pt_pages(level);

	if (level && (!v || v->start >= first + pt_span(level - 1)))
		panic("a table of level %d for %lx, where nothing is mapped", level, first);
	check_node(node);
	gone->anon += node->gone[RSS_ANON] * pages;
	gone->file += node->gone[RSS_FILE] * pages;
	gone->shmem += node->gone[RSS_SHMEM] * pages;
	BUG_ON(!shared && (node->gone[RSS_ANON] | node->gone[RSS_FILE] | node->gone[RSS_SHMEM]));
	for (u32 i = 0; level < 3 && i < PT_ENTRIES; i++)
		if (pte_kind(table[i], level) == PTE_TABLE)
			sum_gone(mm, pt_table_of(table[i]), level + 1, first + i * pt_span(level),
				 shared || pte_table_ro(table[i]), gone);
}

/* Leaves, counts of the nodes, and the RSS counters agree. */
static void check_counts(struct mm *mm, struct rss *gone)
{
	struct rss rss;
	struct pt_walk w;

	sum_gone(mm, mm->pt.root, 0, 0, false, gone);
	rss = *gone;
	pt_walk_init(&w, &mm->pt, 0, USER_VA_END);
	while (pt_walk_next(&w))
		for (u32 i = 0; i < w.n; i++) {
			pte_t e = *(pte_t *)&w.pte[i];

			if (!pte_is_none(e))
				check_leaf(mm, pt_walk_va(&w, i), e, pt_pages(w.level), &rss);
		}
	BUG_ON(rss.anon != atomic_read(&mm->rss_anon) || rss.shmem != atomic_read(&mm->rss_shmem) ||
	       rss.file != atomic_read(&mm->rss_file));
}

/* smaps' numbers add up to the counters. */
static void check_usage(struct mm *mm, const struct rss *gone)
{
	u64 rss = 0, anon = 0;

	for (struct vma *v = mm_first_vma_from(mm, 0); v; v = mm_next_vma(v)) {
		struct vma_usage u;

		mm_vma_usage(v, &u);
		rss += u.rss;
		anon += u.anonymous;
		BUG_ON(u.pss > u.rss || u.rss != u.shared_clean + u.shared_dirty +
							 u.private_clean + u.private_dirty);
	}
	BUG_ON((rss >> PAGE_SHIFT) + (u64)(gone->anon + gone->file + gone->shmem) != mm_rss(mm));
	BUG_ON((anon >> PAGE_SHIFT) + (u64)gone->anon != (u64)atomic_read(&mm->rss_anon));
}

void mm_check_leaves(struct mm *mm)
{
	struct rss gone = { 0 };

	check_counts(mm, &gone);
	check_usage(mm, &gone);
}

/* --- who shares what ------------------------------------------------------------------------- */
/*
 * Of each page of RAM: the leaves that map it, those of them that say it is theirs alone, and the
 * 2 MiB blocks that begin with it.
 */
struct users { u32 all, exclusive, blocks; bool seen; };	/* seen: a table that several have */

static u64 frame(pte_t e) { return pte_pfn(e) - (FAKE_RAM_BASE >> PAGE_SHIFT); }

static void count_users(struct users *u, struct mm *mm)
{
	bool *own_seen = calloc(fake_ram_size >> PAGE_SHIFT, 1);	/* met first by mm */
	struct pt_walk w;

	pt_walk_init(&w, &mm->pt, 0, USER_VA_END);
	while (pt_walk_next(&w)) {
		pfn_t table = page_to_pfn(w.node) - (FAKE_RAM_BASE >> PAGE_SHIFT);
		bool seen = w.shared && u[table].seen && !own_seen[table];

		if (w.shared && !seen)
			u[table].seen = own_seen[table] = true;
		for (u32 i = 0; i < w.n && !seen; i++) {
			pte_t e = *(pte_t *)&w.pte[i];

			if (pte_present(e) && !pte_special(e) && w.level < 3)
				u[frame(e)].blocks++;
			for (u32 k = 0; pte_present(e) && !pte_special(e) && k < pt_pages(w.level); k++) {
				u[frame(e) + k].all++;
				u[frame(e) + k].exclusive += pte_exclusive(e);
			}
		}
	}
	free(own_seen);
}

static bool shares_tables(struct mm *mm)
{
	struct pt_walk w;
	bool any = false;

	pt_walk_init(&w, &mm->pt, 0, USER_VA_END);
	while (pt_walk_next(&w))
		any |= w.shared;
	return any;
}

/* smaps divides each page among its leaves, of large folios, too. No table has several owners. */
static void check_shares(struct mm *mm, const struct users *u)
{
	u64 pss = 0, private = 0, seen = 0, alone = 0;
	struct pt_walk w;

	for (struct vma *v = mm_first_vma_from(mm, 0); v; v = mm_next_vma(v)) {
		struct vma_usage s;

		mm_vma_usage(v, &s);
		seen += s.pss;
		alone += s.private_clean + s.private_dirty;
	}
	pt_walk_init(&w, &mm->pt, 0, USER_VA_END);
	while (pt_walk_next(&w))
		for (u32 i = 0; i < w.n; i++) {
			pte_t e = *(pte_t *)&w.pte[i];

			for (u32 k = 0; pte_present(e) && !pte_special(e) && k < pt_pages(w.level); k++) {
				pss += PAGE_SIZE / u[frame(e) + k].all;
				private += u[frame(e) + k].all == 1 ? PAGE_SIZE : 0;
			}
		}
	if (pss != seen || private != alone)
		panic("smaps says that %lu is its share and %lu its own, not %lu and %lu", seen, alone, pss,
		      private);
}

void mm_check_sharing(struct mm **mm, u32 n)
{
	bool shared = false;
	u64 pages = fake_ram_size >> PAGE_SHIFT;
	struct users *u = calloc(pages, sizeof(*u));
	u64 shmem = 0, file = 0;

	for (u32 i = 0; i < n; i++)
		count_users(u, mm[i]), shared |= shares_tables(mm[i]);
	for (u32 i = 0; i < n && !shared; i++)
		check_shares(mm[i], u);
	for (u64 i = 0; i < pages; i++) {
		struct page *p = pfn_to_page((FAKE_RAM_BASE >> PAGE_SHIFT) + i);
		struct folio *f = page_folio(p);
		u64 sum = 0;

		if (u[i].exclusive && u[i].all > 1)
			panic("page %lx is exclusive, and %u leaves map it", i, u[i].all);
		if (!u[i].all || p != &f->page)
			continue;
		for (u32 k = 0; k < folio_nr_pages(f); k++)
			sum += u[i + k].all;
		if ((i64)sum != atomic_read(&p->mapcount))
			panic("%lu leaves map folio %lx, which counts %d", sum, i,
			      atomic_read(&p->mapcount));
		if (!page_test(p, PG_ANON) && folio_order(f) == THP_PMD_ORDER &&
		    (i32)u[i].blocks != atomic_read(&folio_page(f, 1)->mapcount))
			panic("%u blocks map folio %lx, which counts %d", u[i].blocks, i,
			      atomic_read(&folio_page(f, 1)->mapcount));
		if (!page_test(p, PG_ANON))
			*(rss_counter(mm[0], f) == &mm[0]->rss_shmem ? &shmem : &file) +=
				u[i].blocks > 0;
	}
	if (shmem != mem_stat_read(STAT_SHMEM_BLOCKS) >> THP_PMD_ORDER ||
	    file != mem_stat_read(STAT_CACHE_BLOCKS) >> THP_PMD_ORDER)
		panic("%lu and %lu folios of files are mapped by blocks", shmem, file);
	free(u);
}
