/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving private memory to other frames while programs use it.
 *
 * There are no entries that stand for a page on its way: readers never stop. The folio is locked;
 * all its leaves become read-only and lose their exclusive mark, found by the reverse map (all: a
 * fault counts its page before its leaf is there), and no TLB remembers otherwise; then, if its
 * references are those of leaves and ours alone, nobody writes to it any more: for who wants
 * to it is not theirs alone, since we have a reference; they find the lock under the node lock
 * (fault.c) and wait instead of making a copy. A pin needs an exclusive
 * leaf, so none comes; one that was there is a reference more, or is seen under its leaf's node
 * lock before the leaf changes. The contents are copied, and leaf by leaf the new page takes the old
 * one's place (break before make). In between both hold the same, and both are locked and referenced:
 * a page that a few of its leaves map must not look like one that nobody else has.
 *
 * What a block entry maps stays where it is, for that would be none in between: who cuts, moves or
 * forks it looks at it without its node's lock, and none is a hole (replace_run has no mm->lock).
 *
 * fork goes on beside: a leaf that it copies is copied before its turn or after, to a table whose
 * turn comes later in either case (lineage.c).
 */
#include <mm/gup.h>
#include <mm/thp.h>
#include "alloc.h"
#include "migrate.h"
#include "rmap.h"

struct migration {
	struct folio *f;
	struct folio **to;
	u32 order;
};

/* All references are those of leaves, and the caller's one. */
static bool only_leaves(const struct folio *f)
{
	u64 counts = folio_counts(f);

	return counted_refs(counts) == counted_maps(counts) + 1;
}

/* --- the new pages come ---------------------------------------------------------------------- */
/* [p, p + n) map f from its page-th page on, and are none now: pages of one new folio. */
static void set_new(const struct migration *m, const struct rmap_run *r, pte_t e, u32 at, u32 n)
{
	u32 pages = pt_pages(r->level), page = r->page + at * pages;
	struct folio *to = m->to[page >> m->order];
	pfn_t pfn = folio_pfn(to) + (page & ((1u << m->order) - 1));

	folio_map(to, n * pages);
	sync_icache(r->v, to);
	set_ptes(&r->pte[at], pte_at_frame(e, pfn), n, r->level);
}

static bool replace_run(const struct rmap_run *r, void *arg)
{
	const struct migration *m = arg;
	pte_t e = pte_wrprotect(pte_clear_exclusive(pte_clear_cont(pte_load(r->pte))));
	struct pt_run was = get_and_clear_ptes(r->pte, r->n);
	u32 unit = max((1u << m->order) / pt_pages(r->level), 1u), n;

	rmap_invalidate(r);
	if (was.any_dirty)
		e = pte_mkdirty(e);
	if (was.any_young)
		e = pte_mkyoung(e);
	for (u32 at = 0; at < r->n; at += n) {
		n = min(r->n - at, unit - (r->page / pt_pages(r->level) + at) % unit);
		set_new(m, r, e, at, n);
	}
	pte_publish();
	(void)folio_unmapped(m->f, r->pages);	/* not the last reference: the caller has one */
	return true;
}

/* --- new folios ------------------------------------------------------------------------------ */
static u32 parts_of(const struct migration *m) { return folio_nr_pages(m->f) >> m->order; }

/* They are locked, and hold what f holds. Nobody writes to f. */
static void fill_parts(const struct migration *m)
{
	const u32 same = 1u << PG_DIRTY | 1u << PG_REFERENCED | 1u << PG_LAZYFREE;
	struct page *f = &m->f->page;

	for (u32 i = 0; i < parts_of(m); i++) {
		struct folio *to = m->to[i];

		if (!to)
			continue;
		BUG_ON(!folio_trylock(to));
		copy_pages(folio_address(to),
			   page_address(folio_page(m->f, i << m->order)), 1ull << m->order);
		anon_folio_init(to, f->owner, f->index + ((u64)i << m->order), 0);
		__atomic_fetch_or(&to->page.flags, READ_ONCE(f->flags) & same, __ATOMIC_RELAXED);
	}
}

static void release_parts(const struct migration *m)
{
	for (u32 i = 0; i < parts_of(m); i++) {
		struct folio *to = m->to[i];

		if (!to)
			continue;
		folio_unlock(to);
		if (page_test(&to->page, PG_LAZYFREE))
			lru_add(to);
	}
}

bool folio_migrate(struct folio *f, struct folio **to, u32 order)
{
	struct migration m = { .f = f, .to = to, .order = order };
	bool done = false;

	if (!page_test(&f->page, PG_ANON) || !only_leaves(f) || !folio_trylock(f))
		return false;
	if (rmap_wrprotect(f, min(1u << order, PT_ENTRIES - 1)) && only_leaves(f)) {
		fill_parts(&m);
		rmap_walk(f, RMAP_REMOVES, replace_run, &m);
		release_parts(&m);
		done = !atomic_read(&f->page.mapcount);
	}
	folio_unlock(f);
	mem_stat_add(done ? STAT_MIGRATED : STAT_MIGRATE_FAILED, folio_nr_pages(f));
	return done;
}

/* --- into smaller folios --------------------------------------------------------------------- */
struct find {
	u64 mapped[PT_ENTRIES / 64];	/* bit n: a leaf maps page n */
	struct mm *mm, *held;		/* with a 2 MiB block: referenced, unless held */
	u64 va;
};

static bool note_mapped(const struct rmap_run *r, void *arg)
{
	struct find *s = arg;

	for (u32 i = r->page; i < r->page + r->pages; i++)
		s->mapped[i / 64] |= 1ull << (i % 64);
	return true;
}

static bool find_block(const struct rmap_run *r, void *arg)
{
	struct find *s = arg;

	if (r->level == 3)
		return true;
	if (r->v->mm != s->held && !mm_borrow_live(r->v->mm))
		return true;
	s->mm = r->v->mm;
	s->va = r->va;
	return false;
}

/* Takes the 2 MiB blocks that map f apart. 0, -ENOMEM, -EBUSY: a lock is not free, or the way to
 * a block has other owners (pt_split). */
static int split_blocks(struct folio *f, struct mm *held)
{
	for (int tries = 0; tries < 64; tries++) {
		struct find s = { .held = held };
		int err = -EBUSY;

		rmap_walk(f, RMAP_LOOK, find_block, &s);
		if (!s.mm)
			return 0;
		if (s.mm == held) {
			err = pt_split(&s.mm->pt, s.va, PT_MIGRATE);
		} else {
			if (read_trylock(&s.mm->lock)) {
				err = pt_split(&s.mm->pt, s.va, PT_MIGRATE);
				read_unlock(&s.mm->lock);
			}
			mm_return(s.mm);
		}
		if (err)
			return err;
	}
	return -EBUSY;
}

static bool any_mapped(const struct find *s, u32 first, u32 n)
{
	for (u32 i = first; i < first + n; i++)
		if (s->mapped[i / 64] >> (i % 64) & 1)
			return true;
	return false;
}

/* New folios for what is mapped of f; false: no memory. */
static bool alloc_parts(struct folio *f, u32 order, const struct find *s, struct folio **to)
{
	for (u32 i = 0; i < folio_nr_pages(f) >> order; i++) {
		if (!any_mapped(s, i << order, 1u << order))
			continue;
		to[i] = folio_alloc(order, ALLOC_USER | (order ? ALLOC_NORECLAIM : 0));
		if (!to[i])
			return false;
	}
	return true;
}

int folio_move_out(struct folio *f, u32 order, struct mm *held)
{
	struct folio **to = page_alloc(ALLOC_ZERO);
	struct find s = { .held = held };
	int err;

	if (!to)
		return -ENOMEM;
	err = split_blocks(f, held);
	if (!err) {
		/* all: a page that is mapped must have a new folio to go to */
		rmap_walk(f, RMAP_LOOK | RMAP_ALL, note_mapped, &s);
		if (!alloc_parts(f, order, &s, to))
			err = -ENOMEM;
		else if (!folio_migrate(f, to, order))
			err = -EBUSY;
		for (u32 i = 0; i < folio_nr_pages(f) >> order; i++)
			if (to[i])
				folio_put(to[i]);
	}
	page_free(to);
	return err;
}
