/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compaction: a large free block is made where little is in the way. Of an aligned range of frames
 * the free blocks are set aside, so that nothing new comes there; private memory and page cache move
 * to other frames (migrate.c, migrate_cache.c; cache that is not in much use is dropped if it cannot
 * be moved), and when all has gone the buddy lists join the pieces. Any other owner of a frame makes
 * the range useless, which a look beforehand finds out: kernel memory is not kept apart from the
 * rest. Nothing is promised: somebody may take what has just become free.
 *
 * New frames come from the smallest free blocks there are, so moving fills holes elsewhere. Once no
 * free block smaller than what is wanted is left, moving gains nothing.
 *
 * Work is bounded: an allocation looks at LOOK ranges, beginning where the last one stopped, and
 * empties at most TRIES of them; one that can do without looks the more rarely the more often that
 * was in vain.
 */
#include <hal/sync.h>
#include <mm/gup.h>
#include <mm/kpage.h>
#include <mm/reclaim.h>
#include "alloc.h"
#include "lru.h"
#include "migrate.h"

#define LARGEST	9u	/* of compact_memory: 2 MiB; 64 KiB */
#define SMALLEST 4u
#define LOOK	256u
#define TRIES	4u
#define MAX_PASS_SHIFT 6u	/* after failures so many calls pass without a look, as a power of two */

static struct mutex compact_mutex = MUTEX_INIT(compact_mutex);	/* one at a time */
static pfn_t cursor;			/* where the next allocation begins; compact_mutex */

/* --- looking --------------------------------------------------------------------------------- */
/* It can go from its frames. */
static bool can_go(const struct folio *f)
{
	if (page_test(&f->page, PG_ANON))
		return !folio_pinned(f);
	/* leaves, the file's tree and the caller have references, others seldom */
	return ref_read(&f->page.refcount) <= atomic_read(&f->page.mapcount) + 2;
}

/* It need not be anywhere: page cache that is not in much use, and can be read in again. */
static bool can_be_dropped(const struct folio *f)
{
	return !page_test(&f->page, PG_ANON) && page_test(&f->page, PG_LRU) &&
	       !page_test(&f->page, PG_ACTIVE) && !page_test(&f->page, PG_DIRTY);
}

/* Frames from pfn on that are free or can be (at least 1); *used counts the latter. 0: neither. */
static u32 step(pfn_t pfn, u32 order, u32 *used)
{
	struct page *p = pfn_to_page(pfn);
	struct folio *f;
	u32 n;

	if (page_test(p, PG_BUDDY))
		return 1u << min((u32)READ_ONCE(p->order), (u32)MAX_ORDER);
	if (!page_test(p, PG_TAIL) && !ref_read(&p->refcount))
		return 1;	/* on a CPU's list */
	f = folio_of_frame(pfn);
	if (!f)
		return 0;
	n = folio_nr_pages(f) - (u32)(pfn - folio_pfn(f));
	if (folio_order(f) >= order || !can_go(f))
		n = 0;
	*used += n;
	folio_put(f);
	return n;
}

/* The 2^order frames from first on can all be free, and some are not; most are already. */
static bool is_worth_it(pfn_t first, u32 order)
{
	pfn_t end = first + (1ull << order);
	u32 used = 0;

	for (pfn_t pfn = first; pfn < end;) {
		u32 n = step(pfn, order, &used);

		if (!n || used > 3u << order >> 2)
			return false;
		pfn += n;
	}
	mem_stat_add(STAT_COMPACT_SCANNED, 1ll << order);
	return used;
}

/* --- emptying -------------------------------------------------------------------------------- */
/* A range of frames that is being emptied. */
struct vacate {
	pfn_t first, end;
	struct list aside;	/* free blocks of it, off the buddy lists */
	struct list held;	/* pages of it that an allocation gave us, from a CPU's list */
};

/* A new folio outside of the range, or NULL. */
static struct folio *alloc_outside(struct vacate *r, u32 order)
{
	struct folio *to;

	while ((to = folio_alloc(order, ALLOC_USER | ALLOC_NORECLAIM))) {
		if (folio_pfn(to) < r->first || folio_pfn(to) >= r->end)
			break;
		list_add(&r->held, &to->page.lru);
	}
	return to;
}

static bool move_away(struct vacate *r, struct folio *f)
{
	u32 order = folio_order(f);
	struct folio *to = alloc_outside(r, order);
	bool ok;

	if (!to)
		return false;
	ok = folio_order(f) == order &&
	     (page_test(&f->page, PG_ANON) ? folio_migrate(f, &to, order) : folio_move_cache(f, to));
	folio_put(to);
	return ok;
}

/* What has the range's frames goes; false: something stays. */
static bool empty(struct vacate *r)
{
	for (pfn_t pfn = r->first; pfn < r->end; pfn++) {
		struct folio *f = folio_of_frame(pfn);
		bool gone = false;

		if (!f)
			continue;
		gone = can_go(f) && move_away(r, f);
		if (gone || !can_be_dropped(f))
			folio_put(f);
		else
			gone = lru_drop(f, true);
		if (!gone)
			return false;
		cond_resched();
	}
	return true;
}

static void set_aside(struct vacate *r)
{
	u64 irq = spin_lock_irqsave(&zone.lock), n = buddy_isolate(r->first, r->end, &r->aside);

	spin_unlock_irqrestore(&zone.lock, irq);
	mem_stat_add(STAT_COMPACT_ISOLATED, (i64)n);
}

static void give_back(struct vacate *r)
{
	u64 irq;

	while (!list_empty(&r->held)) {
		struct folio *f = (struct folio *)list_first(&r->held, struct page, lru);

		list_del(&f->page.lru);
		folio_put(f);
	}
	pcp_drain_local();	/* where what we moved away was freed, but for who changed CPUs */
	irq = spin_lock_irqsave(&zone.lock);
	while (!list_empty(&r->aside)) {
		struct page *p = list_first(&r->aside, struct page, lru);

		list_del(&p->lru);
		buddy_give(p, p->order);
	}
	spin_unlock_irqrestore(&zone.lock, irq);
}

/* Whether a free block of the order begins at first, or has it inside. */
static bool block_there(pfn_t first, u32 order)
{
	for (; order <= MAX_ORDER; order++) {
		struct page *p = pfn_to_page(first & ~((1ull << order) - 1));

		if (page_test(p, PG_BUDDY) && p->order >= order)
			return true;
	}
	return false;
}

static bool make_block(pfn_t first, u32 order)
{
	struct vacate r = { .first = first, .end = first + (1ull << order) };
	bool gone;

	list_init(&r.aside);
	list_init(&r.held);
	set_aside(&r);
	gone = empty(&r);
	give_back(&r);
	return gone && block_there(first, order);
}

/* --- who wants it ---------------------------------------------------------------------------- */
/* The next aligned range of the order from *pfn on, in RAM; false: none up to the end. */
static bool next_range(pfn_t *pfn, u32 order)
{
	pfn_t start, end, size = 1ull << order;

	for (u32 run = 0; vmemmap_run(run, &start, &end); run++) {
		pfn_t at = align_up(max(*pfn, start), size);

		if (at + size > end)
			continue;
		*pfn = at;
		return true;
	}
	return false;
}

/* Small blocks are left for what is moved. */
static bool may_gain(u32 order) { return READ_ONCE(zone.nonempty) & ((1u << order) - 1); }

bool compact_for(u32 order)
{
	bool done = false;
	u32 tries = 0;

	if (order > MAX_ORDER || !mutex_trylock(&compact_mutex))
		return false;
	mem_stat_add(STAT_COMPACT_STALL, 1);
	for (u32 n = 0; n < LOOK && tries < TRIES && !done && may_gain(order); n++) {
		if (!next_range(&cursor, order)) {
			cursor = 0;
			continue;
		}
		if (is_worth_it(cursor, order)) {
			tries++;
			done = make_block(cursor, order);
		}
		cursor += 1ull << order;
	}
	mutex_unlock(&compact_mutex);
	mem_stat_add(done ? STAT_COMPACT_SUCCESS : STAT_COMPACT_FAIL, 1);
	return done;
}

bool compact_gently(u32 order)
{
	static u32 failures, pass;	/* races cost a look more or less */

	if (READ_ONCE(pass)) {
		WRITE_ONCE(pass, pass - 1);
		return false;
	}
	if (compact_for(order)) {
		WRITE_ONCE(failures, 0);
		return true;
	}
	WRITE_ONCE(failures, min(failures + 1, MAX_PASS_SHIFT));
	WRITE_ONCE(pass, 1u << failures);
	return false;
}

/* All memory, for blocks of the order; ends early for a signal that kills. */
static void compact_all(u32 order)
{
	for (pfn_t pfn = 0; may_gain(order) && next_range(&pfn, order); pfn += 1ull << order) {
		if (is_worth_it(pfn, order))
			make_block(pfn, order);
		cond_resched();
		if (sleep_interrupted(SLEEP_KILLABLE))
			return;
	}
}

int compact_memory(void)
{
	static u64 begun;		/* under compact_mutex */
	u64 before = READ_ONCE(begun);
	int err = mutex_lock_interruptible(&compact_mutex);

	if (err)
		return err;
	if (begun == before) {		/* else all of it has been done while we waited */
		WRITE_ONCE(begun, begun + 1);
		drain_free_lists();
		compact_all(LARGEST);
		compact_all(SMALLEST);
		drain_free_lists();
	}
	mutex_unlock(&compact_mutex);
	return 0;
}
