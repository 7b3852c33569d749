/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VMA occupies (smaps) and where its pages are (pagemap). A page is used by its leaves, one of
 * them as often as its table has owners: see docs/mm.md.
 */
#include <base/string.h>
#include "internal.h"
#include "rmap.h"

/* Pages of one folio that leaves here map alike. */
struct piece {
	struct folio *f;
	u32 page, n;		/* numbers page..page+n-1 in the folio */
	u32 owners;		/* of their table */
	bool dirty, young;
};

/* bytes of p's pages, with so many users each, are v's. */
static void count_bytes(const struct vma *v, struct vma_usage *u, const struct piece *p, u64 bytes,
			u64 users)
{
	const struct page *f = &p->f->page;
	bool dirty = p->dirty || page_test(f, PG_DIRTY), shared = users > 1;

	u->rss += bytes;
	u->pss += bytes / max(users, 1ul);
	if (page_test(f, PG_ANON)) {
		u->anonymous += bytes;
		if (page_test(f, PG_LAZYFREE) && !dirty)
			u->lazyfree += bytes;
		else
			dirty = true;
	}
	if (p->young || page_test(f, PG_REFERENCED))
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

/* --- large folios that others map, too --------------------------------------------------------- */
/*
 * The count of a large folio says how many leaves map all of its pages together. If those here are
 * all, each page has one; if not, the reverse map tells, page by page, which needs locks that cannot
 * be taken here: pieces of such folios wait, with a reference each, until the table is left.
 */
#define WAITING 32u

struct usage {
	struct vma *v;
	struct vma_usage *u;
	struct piece waiting[WAITING];
	u32 nr;
};

static bool add_users(const struct rmap_run *r, void *arg)
{
	u16 *users = arg;

	for (u32 i = r->page; i < r->page + r->pages; i++)
		users[i] = (u16)min(users[i] + 1u, 0xffffu);
	return true;
}

static void count_waiting(struct usage *s)
{
	u16 users[PT_ENTRIES];

	for (u32 i = 0; i < s->nr; i++) {
		struct piece *p = &s->waiting[i];

		memset(users, 0, folio_nr_pages(p->f) * sizeof(*users));
		rmap_walk(p->f, RMAP_LOOK | RMAP_WAYS, add_users, users);
		for (u32 k = p->page; k < p->page + p->n; k++)
			count_bytes(s->v, s->u, p, PAGE_SIZE, users[k]);
		folio_put(p->f);
	}
	s->nr = 0;
}

/* The leaves from entry i on of one folio that are alike. Entries done. */
static u32 count_run(struct usage *s, const struct pt_walk *w, u32 i, u32 owners)
{
	pte_t *at = &w->pte[i], e = pte_load(at);
	u32 left, pages = pt_pages(w->level), maps;
	struct piece p = { .f = leaf_folio(e, &left), .owners = owners };
	struct pt_run r = pt_run_of(at, run_limit(left, w->n - i, w->level), w->level,
				    PT_IGNORE_WRITE | PT_IGNORE_EXCL);

	p.page = folio_nr_pages(p.f) - left;
	p.n = r.n * pages;
	p.dirty = r.any_dirty;
	p.young = r.any_young;
	maps = (u32)max(atomic_read(&p.f->page.mapcount), 1);
	if (w->level < 3)
		*block_kind(s->v, s->u, e) += (u64)p.n << PAGE_SHIFT;
	for (u32 k = 0; w->level == 3 && k < r.n; k++)
		s->u->cont += pte_cont(pte_load(&at[k])) ? PAGE_SIZE : 0;
	if (maps > p.n && folio_order(p.f)) {
		folio_get(p.f);
		s->waiting[s->nr++] = p;
	} else {
		count_bytes(s->v, s->u, &p, (u64)p.n << PAGE_SHIFT,
			    (u64)(folio_order(p.f) ? 1 : maps) + owners - 1);
	}
	return r.n;
}

/* One stretch, as far as there is room for what has to wait. Entries done. */
static u32 count_stretch(struct usage *s, const struct pt_walk *w)
{
	u32 owners = w->shared ? pt_owners(w->pt, w->va) : 1, i, n;

	for (i = 0; i < w->n && s->nr < WAITING; i += n) {
		pte_t e = pte_load(&w->pte[i]);

		n = 1;
		if (pte_present(e) && !pte_special(e))
			n = count_run(s, w, i, owners);
	}
	return i;
}

void mm_vma_usage(struct vma *v, struct vma_usage *u)
{
	struct usage s = { .v = v, .u = u };
	struct pt_walk w;

	memset(u, 0, sizeof(*u));
	pt_walk_init(&w, &v->mm->pt, v->start, v->end);
	while (pt_walk_next(&w)) {
		u64 next = pt_walk_va(&w, count_stretch(&s, &w));

		if (!s.nr)
			continue;
		pt_walk_stop(&w);
		count_waiting(&s);
		w.va = next;
	}
}

/* Bits of a pagemap word: Documentation/admin-guide/mm/pagemap of Linux; proc(5). */
#define PAGEMAP_EXCLUSIVE	BIT(56)
#define PAGEMAP_FILE		BIT(61)
#define PAGEMAP_PRESENT		BIT(63)

/*
 * The page of f that the leaf at p maps has no other leaf: 1, 0; -1: only the reverse map could tell.
 * The node is locked.
 */
static int maps_alone(pte_t *p, int level, struct folio *f)
{
	u32 unit, maps = (u32)atomic_read(&f->page.mapcount);

	(void)pt_unit(p, &unit);
	if (maps == unit * pt_pages(level))	/* what maps this page are all leaves there are */
		return 1;
	return folio_order(f) ? -1 : 0;
}

u64 mm_pagemap_entry(struct mm *mm, u64 addr)
{
	int level, alone = 0;
	pte_t *p = pt_entry(&mm->pt, addr, &level), e;
	struct page *node = pt_node(p), *page = NULL;
	u64 word = 0;

	spin_lock(&node->lock);
	e = pte_load(p);
	if (pte_kind(e, level) == PTE_LEAF) {
		pfn_t pfn = pte_pfn(e) + (pt_index(addr, 3) & (pt_pages(level) - 1));

		word = PAGEMAP_PRESENT | pfn;
		if (!pte_special(e)) {
			page = pfn_to_page(pfn);
			folio_get(page_folio(page));
			if (pt_owners(&mm->pt, addr) == 1)
				alone = maps_alone(p, level, page_folio(page));
		}
	}
	spin_unlock(&node->lock);
	if (!page)
		return word;
	if (!page_test(&page_folio(page)->page, PG_ANON))
		word |= PAGEMAP_FILE;
	if (alone < 0)
		alone = rmap_count_page(page) <= 1;
	if (alone)
		word |= PAGEMAP_EXCLUSIVE;
	folio_put(page_folio(page));
	return word;
}
