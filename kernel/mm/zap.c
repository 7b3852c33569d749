/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unmapping pages. Leaves are cleared run by run under their node lock; what was mapped waits in a
 * gather until the TLB has forgotten it (pt/gather.c). Counters are summed up and settled once.
 */
#include <base/string.h>
#include <hal/atomic.h>
#include "internal.h"

void zap_begin(struct zap *z, struct mm *mm, bool full)
{
	z->mm = mm;
	z->keep_private = z->beside_faults = z->own_only = z->cut = false;
	z->n[RSS_ANON] = z->n[RSS_FILE] = z->n[RSS_SHMEM] = 0;
	pt_gather_init(&z->g, &mm->pt, full);
}

void zap_end(struct zap *z)
{
	if (z->n[RSS_ANON] | z->n[RSS_FILE] | z->n[RSS_SHMEM]) {
		u64 rss = mm_rss(z->mm);

		if (rss > z->mm->peak_rss)
			z->mm->peak_rss = rss;
		for (int i = 0; i < NR_RSS; i++) {
			if (z->n[i])
				rss_add(&z->mm->rss[i], -z->n[i]);
			z->n[i] = 0;
		}
	}
	pt_gather_flush(&z->g);
}

/* n pages of f, cleared from v's leaves, go out of the books; their counts wait for the TLB. */
static __always_inline void settle(struct zap *z, const struct vma *v, struct folio *f, u32 n,
				   bool dirty, bool young)
{
	if (page_test(&f->page, PG_ANON)) {
		z->n[RSS_ANON] += n;
		if (z->g.full) {
			if (folio_order(f)) {
				large_unmapped(f, n);
				folio_put_many(f, (i32)n);
			} else {
				folio_unmap_put(f, n);
			}
			return;
		}
	} else {
		/* A private mapping's clean page is never dirty: its first write makes a copy. */
		if ((v->vm_flags & VM_SHARED) && dirty)
			page_set(&f->page, PG_DIRTY);
		if (young && !page_test(&f->page, PG_REFERENCED))
			page_set(&f->page, PG_REFERENCED);
		z->n[rss_kind(f)] += n;
		if (z->g.full) {
			file_unmapped(f, n);
			folio_put_many(f, (i32)n);
			return;
		}
	}
	pt_gather_folio(&z->g, f, n);
}

void zap_cleared(struct zap *z, const struct vma *v, struct folio *f, u32 n, bool dirty, bool young)
{
	settle(z, v, f, n, dirty, young);
}

static inline bool keeps(const struct zap *z, const struct folio *f)
{
	return unlikely(z->keep_private) && page_test(&f->page, PG_ANON);
}

/* Does the walk's range end inside the block at i? */
static bool cut_by(const struct pt_walk *w, u32 i)
{
	u64 va = pt_walk_va(w, i);

	return va < w->va || va + (1ul << pt_shift(w->level)) > w->end;
}

/* The entry at i, which maps a page of a large folio, and what follows alike. Entries done. */
static __noinline u32 zap_run(struct zap *z, const struct vma *v, struct pt_walk *w, u32 i)
{
	const u32 any = pt_may_differ(PT_USE_DROP, v->vm_flags & VM_SHARED);
	pte_t *p = &w->pte[i];
	u32 left, max, pages = pt_pages(w->level);
	struct folio *f = leaf_folio(pte_load(p), &left);
	u64 va = pt_walk_va(w, i);
	struct pt_run r;

	max = run_limit(left, w->n - i, w->level);
	if (keeps(z, f))
		return pt_run_of(p, max, w->level, any).n;
	/* A block of a file may go as a whole; one of private memory would lose what is around. */
	if (unlikely(w->level != 3) && page_test(&f->page, PG_ANON) && cut_by(w, i)) {
		BUG_ON(!z->beside_faults);	/* alone with the VMAs one splits before */
		z->cut = true;
		return 1;
	}
	r = pt_run_of(p, max, w->level, any);
	if (!z->g.full) {
		r = get_and_clear_ptes(p, r.n);
		pt_gather_range(&z->g, va, va + ((u64)r.n << pt_shift(w->level)), w->level);
	}
	z->cleared += r.n;
	if (w->level < 3 && !page_test(&f->page, PG_ANON))
		file_block_mapped(f, -(i32)r.n);
	settle(z, v, f, r.n * pages, r.any_dirty, r.any_young);
	return r.n;
}

/*
 * Plain leaves of private pages, all of one size (see plain_folio), of a tree that nobody uses any
 * more: in a loop that holds nothing else. The entries stay. Entries done, perhaps 0.
 */
static __always_inline u32 drop_alike(pte_t *p, u32 n, u32 unit, u32 pages)
{
	pte_t *at = p, *end = p + (n & ~(unit - 1));

	for (; at < end; at += unit) {
		struct folio *f = plain_folio(pte_load(at), unit, pages);

		if (!f)
			break;
		folio_unmap_put(f, pages);
	}
	return (u32)(at - p);
}
/* A mapping and its reference less, by their word; the references that there were. */
static __always_inline u32 put_page(u64 *counts, bool lse)
{
	return (u32)arch_fetch_add(counts, -FOLIO_MAPS(1), lse);
}
static inline void free_page_at(paddr_t pa)	/* 0: none */
{
	if (pa)
		folio_free((struct folio *)phys_to_page(pa));
}
static __noinline void free_four(paddr_t a, paddr_t b, paddr_t c, paddr_t d)
{
	free_page_at(a);
	free_page_at(b);
	free_page_at(c);
	free_page_at(d);
}
/* Single pages whose leaves are alike, four by four. Entries done, perhaps 0. */
static __always_inline u32 drop_fours(pte_t *p, u32 n, bool lse)
{
	const pte_t first = pte_load(p), attr = pte_attributes(first);
	pte_t *at = p;
	struct pt_four pa;

	if (!pte_plain(first))
		return 0;
	for (; at + 4 <= p + n && pt_load_four(at, attr, &pa); at += 4) {
		u64 *a = page_counts(pa.a), *b = page_counts(pa.b);
		u64 *c = page_counts(pa.c), *d = page_counts(pa.d);
		u32 na, nb, nc, nd;

		if (unlikely(!pages_are_small(a, b, c, d, true)))
			break;
		na = put_page(a, lse);
		nb = put_page(b, lse);
		nc = put_page(c, lse);
		nd = put_page(d, lse);
		if ((na == 1) | (nb == 1) | (nc == 1) | (nd == 1))
			free_four(na == 1 ? pa.a : 0, nb == 1 ? pa.b : 0, nc == 1 ? pa.c : 0,
				  nd == 1 ? pa.d : 0);
	}
	return (u32)(at - p);
}
static __noinline u32 drop_fours_lse(pte_t *p, u32 n) { return drop_fours(p, n, true); }
static __noinline u32 drop_fours_base(pte_t *p, u32 n) { return drop_fours(p, n, false); }
static __noinline u32 drop_plain(pte_t *p, u32 n)
{
	u32 i = 0, now;

	do {
		if (begins_alike(&p[i], n - i))
			i += arch_lse ? drop_fours_lse(&p[i], n - i)
				      : drop_fours_base(&p[i], n - i);
		now = drop_alike(&p[i], min(n - i, 8u), 1, 1);
		i += now;
	} while (now == 8);
	return i;
}
static __noinline u32 drop_conts(pte_t *p, u32 n)
{
	return drop_alike(p, n, CONT_PTES, CONT_PTES);
}
static __noinline u32 drop_blocks(pte_t *p, u32 n) { return drop_alike(p, n, 1, pt_pages(2)); }

/* As above, while CPUs may use the tree: the pages wait for the TLB. */
static __always_inline u32 gather_alike(struct pt_gather *g, pte_t *p, u32 n, u32 unit, u32 pages)
{
	u32 i, room = (PT_GATHER_FOLIOS - g->nr) * unit;

	for (i = 0; i < (n & ~(unit - 1)) && i < room; i += unit) {
		struct folio *f = plain_folio(pte_load(&p[i]), unit, pages);

		if (!f)
			break;
		if (unit > 1)
			pte_clear_run(&p[i], unit);
		else
			pte_set(&p[i], pte_none());
		g->folio[g->nr] = f;
		g->refs[g->nr++] = pages;
	}
	return i;
}
static __noinline u32 gather_plain(struct pt_gather *g, pte_t *p, u32 n)
{
	return gather_alike(g, p, n, 1, 1);
}
static __noinline u32 gather_conts(struct pt_gather *g, pte_t *p, u32 n)
{
	return gather_alike(g, p, n, CONT_PTES, CONT_PTES);
}
static __noinline u32 gather_blocks(struct pt_gather *g, pte_t *p, u32 n)
{
	return gather_alike(g, p, n, 1, pt_pages(2));
}

/* The special entry e at i, a block of any size or a page. Entries done. */
static u32 zap_special(struct zap *z, struct pt_walk *w, u32 i, pte_t e)
{
	u32 n = pt_at_block(&w->pte[i], e, w->n - i) ? CONT_PTES : 1;
	u64 va = pt_walk_va(w, i);

	z->cleared += (i32)n;
	if (!z->g.full) {
		(void)get_and_clear_ptes(&w->pte[i], n);
		pt_gather_range(&z->g, va, va + ((u64)n << pt_shift(w->level)), w->level);
	}
	return n;
}

/* One entry of a folio of one page. */
static void zap_one(struct zap *z, const struct vma *v, struct pt_walk *w, u32 i, pte_t e)
{
	struct folio *f = (struct folio *)pfn_to_page(pte_pfn(e));
	u64 va = pt_walk_va(w, i);

	if (keeps(z, f))
		return;
	z->cleared++;
	if (!z->g.full) {
		e = pte_take(&w->pte[i], e);
		pt_gather_range(&z->g, va, va + PAGE_SIZE, 3);
	}
	settle(z, v, f, 1, pte_dirty(e), pte_young(e));
}

/* Plain leaves of the size of e, the one at i. Entries done, perhaps 0. */
static u32 drop_easy(struct pt_walk *w, u32 i, pte_t e)
{
	pte_t *p = &w->pte[i];
	u32 n = w->n - i;

	if (w->level == 2)
		return drop_blocks(p, n);
	return pt_at_block(p, e, n) ? drop_conts(p, n) : drop_plain(p, n);
}
static u32 gather_easy(struct zap *z, struct pt_walk *w, u32 i, pte_t e)
{
	pte_t *p = &w->pte[i];
	u32 n = w->n - i;
	u64 va = pt_walk_va(w, i);

	if (w->level == 2) {
		if (cut_by(w, i) || (cut_by(w, w->n - 1) && !--n))
			return 0;
		n = gather_blocks(&z->g, p, n);
		mem_stat_add(STAT_BLOCK_KEPT, n);
	} else if (pt_at_block(p, e, n)) {
		n = gather_conts(&z->g, p, n);
		mem_stat_add(STAT_CONT_KEPT, n / CONT_PTES);
	} else {
		n = gather_plain(&z->g, p, n);
	}
	if (n)
		pt_gather_range(&z->g, va, va + ((u64)n << pt_shift(w->level)), w->level);
	if (z->g.nr == PT_GATHER_FOLIOS)
		pt_gather_flush(&z->g);
	return n;
}
static u32 zap_easy(struct zap *z, struct pt_walk *w, u32 i, pte_t e)
{
	u32 n;

	if (unlikely(z->keep_private))
		return 0;
	n = z->g.full ? drop_easy(w, i, e) : gather_easy(z, w, i, e);
	z->n[RSS_ANON] += (i64)n * pt_pages(w->level);
	z->cleared += (i32)n;
	return n;
}

/* The entry at i, which is not none, and what follows like it. Entries done. */
static __always_inline u32 drop_entry(struct zap *z, const struct vma *v, struct pt_walk *w, u32 i)
{
	pte_t e = pte_load(&w->pte[i]);
	struct page *p = pfn_to_page(pte_pfn(e));
	u32 n = zap_easy(z, w, i, e);

	if (n)
		return n;
	if (pte_special(e))
		return zap_special(z, w, i, e);
	if (page_test(p, PG_TAIL) || p->order)
		return zap_run(z, v, w, i);
	zap_one(z, v, w, i, e);
	return 1;
}

static void zap_stretch(struct zap *z, const struct vma *v, struct pt_walk *w)
{
	const i32 all = w->node->mapcount.v;
	const u64 groups = w->node->groups;
	u32 i;

	z->cleared = 0;
	if (!all)
		return;
	for (i = pt_skip_none(w->pte, 0, w->n, groups); i < w->n && z->cleared < all;
	     i = pt_skip_none(w->pte, i, w->n, groups))
		i += drop_entry(z, v, w, i);
	pt_emptied(w->node, z->cleared);
}

void zap_shared(struct zap *z, const i64 before[NR_RSS], struct page *node, int level, u64 va)
{
	for (int i = 0; i < NR_RSS; i++) {
		i64 n = z->n[i] - before[i];

		z->n[i] = before[i];
		if (n)
			pt_count_gone(z->g.pt, node, va, i, (u32)n / pt_pages(level));
	}
}

/* A stretch of a table that others have, too: for all of them. */
static __noinline void zap_shared_stretch(struct zap *z, const struct vma *v, struct pt_walk *w)
{
	i64 before[NR_RSS];

	if (z->own_only)
		return;
	memcpy(before, z->n, sizeof(before));
	z->g.shared = true;
	zap_stretch(z, v, w);
	pt_gather_invalidate(&z->g);	/* before another owner finds out that an entry is free */
	z->g.shared = false;
	zap_shared(z, before, w->node, w->level, w->va);
}

void zap_vma(struct zap *z, struct vma *v, u64 start, u64 end)
{
	struct pt_walk w;

	pt_walk_edit(&w, &z->mm->pt, start, end, z->beside_faults ? PT_ADVISE : PT_UNMAP);
	while (pt_walk_next(&w)) {
		if (unlikely(w.shared)) {
			zap_shared_stretch(z, v, &w);
			continue;
		}
		zap_stretch(z, v, &w);
		if (z->beside_faults)
			pt_gather_invalidate(&z->g);
	}
}

/*
 * Leaves of single pages of files, of a table that nobody can reach any more. A private mapping's
 * leaf of a file is never dirty. The entries stay. Entries done, perhaps 0.
 */
static __noinline u32 drop_files(pte_t *p, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		pte_t e = pte_load(&p[i]);
		struct folio *f = pte_is_none(e) ? NULL : small_file_folio(e);
		u64 left;

		if (!f)
			break;
		if (pte_dirty(e))
			page_set(&f->page, PG_DIRTY);
		if (pte_young(e) && !page_test(&f->page, PG_REFERENCED))
			page_set(&f->page, PG_REFERENCED);
		left = folio_unmapped(f, 1);
		if (unlikely(!counted_maps(left)))
			mem_stat_add(STAT_MAPPED, -1);
		if (unlikely(!counted_refs(left)))
			folio_free(f);
	}
	return i;
}

void zap_table(struct zap *z, pte_t *p, u32 n, int level)
{
	static const struct vma any = { .vm_flags = VM_SHARED };
	struct pt_walk w = { .end = ~0ull, .pte = p, .n = n, .level = level, .node = pt_node(p) };
	const i32 all = w.node->mapcount.v;
	const u64 groups = w.node->groups;
	i32 done = 0;

	for (u32 i = pt_skip_none(p, 0, n, groups), run; i < n && done < all;
	     i = pt_skip_none(p, i + run, n, groups)) {
		run = level == 3 ? drop_files(&p[i], n - i) : 0;
		if (!run)
			run = drop_entry(z, &any, &w, i);
		done += (i32)run;
	}
}

void folios_unmapped(struct folio **f, const u32 *pages, u32 n)
{
	u32 dead = 0;

	for (u32 i = 0; i < n; i++) {
		u32 refs;

		if (likely(page_is_small_anon(&f[i]->page))) {
			refs = counted_refs(folio_unmapped(f[i], pages[i]));
		} else {
			if (!page_test(&f[i]->page, PG_ANON))
				file_unmapped(f[i], pages[i]);
			else
				large_unmapped(f[i], pages[i]);
			refs = (u32)__atomic_sub_fetch(&f[i]->page.refcount.v, (i32)pages[i],
						       __ATOMIC_ACQ_REL);
		}
		if (!refs)
			f[dead++] = f[i];
	}
	if (dead)
		folios_free(f, dead);
}

#define INVAL_WHOLE_ASID (4096ul << PAGE_SHIFT)	/* beyond, one instruction does for all */

void invalidate_user(struct mm *mm, u64 start, u64 end)
{
	u16 asid = pt_asid(&mm->pt);

	if (!asid)
		return;
	if (end - start > INVAL_WHOLE_ASID)
		tlb_inval_asid(asid);
	else
		tlb_inval_range(asid, start, end, PAGE_SIZE, TLB_LAST_LEVEL);
}
