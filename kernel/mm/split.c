/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Splitting folios of private memory, and giving back what no leaf of them maps (and, of what is
 * split into pages, what holds only zeros: the zero page is mapped instead).
 *
 * A folio is split where it lies. That needs that nobody can be looking at it: all of its references
 * are the caller's one and those of leaves in a single table, whose node is locked. Then the
 * reference count is replaced by 0, which keeps those away who come by the frame's number; what was
 * a leaf of the folio becomes, without being touched, one of its part. A reference more (a pin, a
 * copy under way, leaves that wait for the TLB to forget them) and the folio stays as it is.
 *
 * A contiguous block maps 16 pages of one folio (pt.h), so blocks are taken apart where parts are
 * smaller. Splitting as needed never meets that: what is mapped by a block is mapped whole.
 *
 * Folios that have lost some of their leaves wait on a list without a reference: their first tail
 * has the links, PG_DEFERRED says so, and both change under deferred_lock. The shrinker splits them
 * as needed when memory is short; who is mapped whole again by then, or cannot be split, is left.
 */
#include <base/init.h>
#include <base/string.h>
#include <mm/reclaim.h>
#include <mm/thp.h>
#include "alloc.h"
#include "migrate.h"
#include "rmap.h"
#include "split.h"

/* --- taking a folio apart -------------------------------------------------------------------- */
struct split {
	struct folio *f;
	int order;
	i32 only;
	u64 mapped[PT_ENTRIES / 64];	/* bit n: a leaf maps page n */
	u64 word;			/* flags for each part, index of the first */
	struct lineage_node *owner;
	u64 index;
	bool done;
};

static u32 mapped_in(const struct split *s, u32 first, u32 n)
{
	u32 count = 0;

	for (u32 i = first; i < first + n; i++)
		count += s->mapped[i / 64] >> (i % 64) & 1;
	return count;
}

/* The aligned 2^order pages from first on are to be one part. */
static bool stays_whole(const struct split *s, u32 first, u32 order, u32 mapped)
{
	if (!mapped || !order)
		return true;
	if (s->only >= 0 && ((u32)s->only < first || (u32)s->only >= first + (1u << order)))
		return true;
	return s->order == SPLIT_AS_NEEDED ? mapped == 1u << order : order <= (u32)s->order;
}

/* Pages [first, first + 2^order) of f become a folio with mapped leaves; its count comes last. */
static void make_part(struct split *s, u32 first, u32 order, u32 mapped)
{
	struct page *p = folio_page(s->f, first);

	for (u32 i = 1; i < 1u << order; i++) {
		struct page *t = folio_page(s->f, first + i);

		t->head = p;
		WRITE_ONCE(t->flags, 1u << PG_TAIL);
	}
	p->order = (u8)order;
	p->kind = 0;
	p->aux = 0;
	p->owner = s->owner;
	p->index = s->index + first;
	p->private = 0;
	atomic_set(&p->mapcount, (i32)mapped);
	store_release(&p->flags, (u32)s->word);
	if (order)
		thp_count(order, THP_NR_ANON);
	if ((s->word & (1u << PG_LAZYFREE)) && mapped)
		lru_add((struct folio *)p);
	mapped += !first;	/* the caller's */
	store_release(&p->refcount.v, (i32)mapped);
	if (!mapped)
		folio_free((struct folio *)p);
	else if (atomic_read(&p->mapcount) && atomic_read(&p->mapcount) < 1 << order)
		split_later((struct folio *)p);
}

/* Depth at most 9. f's first page comes last: until then its count is 0. */
static void make_parts(struct split *s, u32 first, u32 order)
{
	u32 mapped = mapped_in(s, first, 1u << order);

	if (stays_whole(s, first, order, mapped)) {
		make_part(s, first, order, mapped);
		return;
	}
	lineage_get(s->owner, 1);
	make_parts(s, first + (1u << (order - 1)), order - 1);
	make_parts(s, first, order - 1);
}

/* Nobody has a reference but n leaves and the caller: then there are none any more. */
static bool freeze(struct folio *f, u32 n) { return folio_freeze(f, n + 1, n); }

static void take_apart(struct split *s)
{
	const u32 stay = 1u << PG_ANON | 1u << PG_UPTODATE | 1u << PG_DIRTY | 1u << PG_REFERENCED |
			 1u << PG_ICACHE | 1u << PG_LAZYFREE;
	struct folio *f = s->f;
	u32 order = folio_order(f);

	lru_del(f);
	split_forget(f);
	s->owner = f->page.owner;
	s->index = f->page.index;
	s->word = f->page.flags & stay;
	thp_count_add(order, THP_NR_ANON, -1);
	thp_count(order, THP_SPLIT);
	make_parts(s, 0, order);
	s->done = true;
}

/* --- finding it in one table ----------------------------------------------------------------- */
/* Entries [*lo, *hi) of the run's table are where f's pages lie if they lie in order. */
static void window(const struct rmap_run *r, u32 *lo, u32 *hi)
{
	i32 first = (i32)((u64)r->pte / sizeof(pte_t) % PT_ENTRIES) - (i32)r->page;

	*lo = (u32)max(first, 0);
	*hi = (u32)min(first + (i32)folio_nr_pages(r->f), (i32)PT_ENTRIES);
}

/* Notes which pages of f the entries map; returns how many. */
static u32 find_mapped(struct split *s, pte_t *table, u32 lo, u32 hi)
{
	u32 n = 0;

	memset(s->mapped, 0, sizeof(s->mapped));
	for (u32 i = lo; i < hi; i++) {
		pte_t e = pte_load(&table[i]);
		u64 page = pte_pfn(e) - folio_pfn(s->f);

		if (pte_is_none(e) || pte_special(e) || page >= folio_nr_pages(s->f))
			continue;
		s->mapped[page / 64] |= 1ull << (page % 64);
		n++;
	}
	return n;
}

static void unfold_all(const struct rmap_run *r, pte_t *table, u32 lo, u32 hi)
{
	u64 va = r->va - ((u64)(r->pte - table) << PAGE_SHIFT);

	for (u32 i = lo; i < hi; i++)
		if (pte_cont(pte_load(&table[i])))
			pt_unfold(&r->v->mm->pt, &table[i], va + ((u64)i << PAGE_SHIFT), r->shared,
				  PT_MIGRATE);
}

static bool is_zero(const u64 *page)
{
	u64 any = 0;

	for (u32 i = 0; i < PAGE_SIZE / sizeof(u64) && !any; i += 4)
		any = page[i] | page[i + 1] | page[i + 2] | page[i + 3];
	return !any;
}

/* The zero page in the place of a page that is all zeros, when nobody can write there any more. */
static bool zero_instead(const struct vma *v, pte_t *p, u64 va)
{
	const u64 *page = page_address(pfn_to_page(pte_pfn(pte_load(p))));
	struct leaf l = vma_leaf(v, folio_pfn(zero_folio) << PAGE_SHIFT);
	bool zero;
	pte_t e;

	if (!is_zero(page))
		return false;
	e = pte_xchg(p, pte_none());
	tlb_inval_page(pt_asid(&v->mm->pt), va, TLB_LAST_LEVEL);
	zero = is_zero(page);
	l.special = true;
	pte_store(p, zero ? pte_make_leaf(&l) : e);
	pte_publish();
	return zero;
}

/* Takes pages that hold only zeros out of f; returns how many. Blocks are taken apart already. */
static u32 drop_zeros(struct split *s, const struct rmap_run *r, pte_t *table, u32 lo, u32 hi)
{
	u64 first = r->va - ((u64)(r->pte - table) << PAGE_SHIFT), va;
	u32 n = 0;

	for (u32 i = lo; i < hi; i++) {
		pte_t e = pte_load(&table[i]);
		u64 page = pte_pfn(e) - folio_pfn(s->f);

		va = first + ((u64)i << PAGE_SHIFT);
		if (va < r->v->start || va >= r->v->end || pte_is_none(e) || pte_special(e) ||
		    page >= folio_nr_pages(s->f) || !zero_instead(r->v, &table[i], va))
			continue;
		s->mapped[page / 64] &= ~(1ull << (page % 64));
		n++;
	}
	if (n) {
		rss_add(&r->v->mm->rss_anon, -(i64)n);
		(void)folio_unmapped(s->f, n);	/* the caller has a reference */
	}
	return n;
}

/* At the first run found: all leaves are in its table, or f stays as it is. */
static bool split_run(const struct rmap_run *r, void *arg)
{
	struct split *s = arg;
	pte_t *table = (pte_t *)align_down((u64)r->pte, PAGE_SIZE);
	u32 lo, hi, n;

	if (r->level < 3)
		return false;
	window(r, &lo, &hi);
	n = find_mapped(s, table, lo, hi);
	if (ref_read(&s->f->page.refcount) != (i32)n + 1)
		return false;
	if (s->order >= 0 && s->order < (int)ilog2(CONT_PTES))
		unfold_all(r, table, lo, hi);
	if (!s->order && s->only < 0 && !(r->v->vm_flags & VM_LOCKED) && !r->shared)
		n -= drop_zeros(s, r, table, lo, hi);
	if (freeze(s->f, n))
		take_apart(s);
	return false;
}

int folio_split(struct folio *f, int order, i32 only, bool try)
{
	struct split s = { .f = f, .order = order, .only = only };

	if (!page_test(&f->page, PG_ANON) || (int)folio_order(f) <= max(order, 0))
		return -EBUSY;
	if (!rmap_walk(f, try ? RMAP_TRY : 0, split_run, &s))
		return -EAGAIN;
	return s.done ? 0 : -EBUSY;
}

/* --- those that wait ------------------------------------------------------------------------- */
static struct list deferred = LIST_INIT(deferred);
static u64 nr_deferred;
static struct spinlock deferred_lock = SPINLOCK_INIT;	/* interrupts off */

static inline struct list *links(struct folio *f) { return &folio_page(f, 1)->deferred; }

void split_later(struct folio *f)
{
	u64 irq;

	if (page_test(&f->page, PG_DEFERRED))
		return;
	irq = spin_lock_irqsave(&deferred_lock);
	if (!page_test(&f->page, PG_DEFERRED)) {
		page_set(&f->page, PG_DEFERRED);
		list_add_tail(&deferred, links(f));
		WRITE_ONCE(nr_deferred, nr_deferred + 1);
		thp_count(folio_order(f), THP_DEFERRED);
	}
	spin_unlock_irqrestore(&deferred_lock, irq);
}

static void take_off(struct folio *f)
{
	list_del(links(f));
	page_clear(&f->page, PG_DEFERRED);
	WRITE_ONCE(nr_deferred, nr_deferred - 1);
}

void split_forget(struct folio *f)
{
	u64 irq;

	if (!page_test(&f->page, PG_DEFERRED))
		return;
	irq = spin_lock_irqsave(&deferred_lock);
	if (page_test(&f->page, PG_DEFERRED))
		take_off(f);
	spin_unlock_irqrestore(&deferred_lock, irq);
}

/* The one that waits longest, referenced and off the list; NULL: none. */
static struct folio *next_deferred(void)
{
	u64 irq = spin_lock_irqsave(&deferred_lock);
	struct folio *f = NULL;

	if (!list_empty(&deferred)) {
		f = (struct folio *)list_first(&deferred, struct page, deferred);
		f = (struct folio *)((char *)f - STRUCT_PAGE_SIZE);
		take_off(f);	/* also if it is being freed just now */
		if (!ref_get_unless_zero(&f->page.refcount))
			f = NULL;
	}
	spin_unlock_irqrestore(&deferred_lock, irq);
	return f;
}

static u64 count_deferred(void) { return READ_ONCE(nr_deferred); }

/* Folios that were split. One that is in use now goes to the list's end. */
static u64 split_deferred(u64 nr)
{
	u64 done = 0;

	for (nr = min(nr, count_deferred()); nr; nr--) {
		struct folio *f = next_deferred();
		i32 mapped;

		if (!f)
			continue;
		mapped = atomic_read(&f->page.mapcount);
		if (mapped && mapped < (i32)folio_nr_pages(f)) {
			if (!folio_split(f, SPLIT_AS_NEEDED, -1, true))
				done++;
			else
				split_later(f);
		}
		folio_put(f);
	}
	return done;
}

static struct shrinker shrinker = { .name = "split", .count = count_deferred,
				    .shrink = split_deferred };

static int split_init(void)
{
	shrinker_register(&shrinker);
	return 0;
}
INITCALL(core, split_init);

/* --- on request ------------------------------------------------------------------------------ */
/*
 * The first folio from *va on that is larger than order and not the one passed over, referenced, and
 * where a leaf maps it; NULL: none.
 */
static struct folio *next_large(struct mm *mm, u64 *va, u64 end, u32 order, const struct folio *over)
{
	struct pt_walk w;

	pt_walk_init(&w, &mm->pt, *va, end);
	while (pt_walk_next(&w))
		for (u32 i = 0; i < w.n; i++) {
			pte_t e = pte_load(&w.pte[i]);
			struct folio *f;

			if (pte_is_none(e) || pte_special(e))
				continue;
			f = page_folio(pfn_to_page(pte_pfn(e)));
			if (folio_order(f) <= order || f == over || !page_test(&f->page, PG_ANON))
				continue;
			*va = max(*va, pt_walk_va(&w, i));
			folio_get(f);
			pt_walk_stop(&w);
			return f;
		}
	return NULL;
}

/* Where it lies if nobody else maps it, else by moving its pages. */
static bool split_here_or_move(struct mm *mm, u64 va, struct folio *f, u32 order, i32 only)
{
	if (pt_split(&mm->pt, va, PT_MIGRATE))
		return false;
	if (!folio_split(f, (int)order, only < (i32)folio_nr_pages(f) ? only : -1, false))
		return true;
	return !folio_move_out(f, order, mm);
}

void mm_split_folios(struct mm *mm, u64 start, u64 end, u32 order, i32 only,
		     struct split_count *c)
{
	const struct folio *last = NULL;	/* if it still is one it could not be split */
	struct folio *f;

	read_lock(&mm->lock);
	for (u64 va = start; (f = next_large(mm, &va, end, order, last)); va += PAGE_SIZE) {
		c->found++;
		c->split += split_here_or_move(mm, va, f, order, only);
		last = f;
		folio_put(f);
		cond_resched();
	}
	read_unlock(&mm->lock);
}

void split_all_folios(struct split_count *c)
{
	struct mm *mm = NULL;

	while ((mm = mm_next(mm)))
		if (mm_borrow_live(mm)) {
			mm_split_folios(mm, 0, USER_VA_END, 0, -1, c);
			mm_return(mm);
		}
}
