/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was dropped a short while ago, so that a page that comes back can tell how much too short
 * the inactive list was for it (lru_refault_hot).
 *
 * A clock counts pages evicted and activated. Each dropped page leaves a word in a table of fixed
 * size: the clock, a hash of its file and index, and whether it had been active. The table is a set
 * of buckets; the oldest word of a full bucket gives way. A word read or written beside another
 * CPU's is a wrong guess at worst: what is decided is only on which list a folio begins. There is
 * no table until reclaim begins to work (workingset_start).
 */
#include <base/alloc.h>
#include <mm/mapping.h>
#include "alloc.h"
#include "lru.h"

#define WAYS		8u		/* words in a bucket: half a cache line */
#define MAX_WORDS	(4u << 20)
#define TAG_BITS	13
#define CLOCK_BITS	17

/* A word: 0 is none. */
struct word { u32 used : 1, active : 1, tag : TAG_BITS, clock : CLOCK_BITS; };
#define CLOCK_MASK	((1u << CLOCK_BITS) - 1)
_Static_assert(sizeof(struct word) == 4, "one word");

static struct word *table;
static u32 nr_buckets;		/* a power of two */
static u32 clock_shift;		/* pages of one step of the clock as the words have it */
static u64 clock_pages;

void workingset_start(void)
{
	struct mem_totals t;
	u64 words;
	struct word *made = NULL;

	if (load_acquire(&table))
		return;
	mem_totals(&t);
	words = 1ull << ilog2(clamp(t.total, 1024ull, (u64)MAX_WORDS));
	for (; !made && words >= 1024; words /= 2)
		made = vmalloc(words * sizeof(*made), PAGE_SIZE);
	if (!made)
		return;
	nr_buckets = (u32)(words * 2 / WAYS);	/* words was halved once more */
	while (t.total >> clock_shift > CLOCK_MASK / 4)
		clock_shift++;
	store_release(&table, made);
}

static u32 clock_now(void)
{
	return (u32)(__atomic_load_n(&clock_pages, __ATOMIC_RELAXED) >> clock_shift) & CLOCK_MASK;
}

void workingset_aged(u64 nr)
{
	__atomic_fetch_add(&clock_pages, nr, __ATOMIC_RELAXED);
}

static u64 hash_of(const struct mapping *m, u64 index)
{
	u64 h = ((u64)m >> 6) * 0x9e3779b97f4a7c15ull + index;

	h *= 0xff51afd7ed558ccdull;
	return h ^ h >> 32;
}

static u32 steps_since(struct word w, u32 now) { return (now - w.clock) & CLOCK_MASK; }

static void remember(struct word *t, const struct mapping *m, u64 index, bool active, u32 now)
{
	u64 h = hash_of(m, index);
	struct word *b = &t[(h & (nr_buckets - 1)) * WAYS], *oldest = b;
	struct word new = { 1, active, (u32)(h >> 40) & ((1u << TAG_BITS) - 1), now };

	for (u32 i = 0; i < WAYS; i++) {
		if (!b[i].used || b[i].tag == new.tag) {
			oldest = &b[i];
			break;
		}
		if (steps_since(b[i], now) > steps_since(*oldest, now))
			oldest = &b[i];
	}
	*oldest = new;
}

void workingset_evicted(const struct mapping *m, const struct folio *f)
{
	struct word *t = load_acquire(&table);
	u32 now = clock_now(), n = folio_nr_pages(f);

	workingset_aged(n);
	for (u32 i = 0; t && i < n; i++)
		remember(t, m, f->page.index + i, page_test(&f->page, PG_WORKINGSET), now);
}

/* The word of a page, taken out of the table; none: used is 0. */
static struct word recall(struct word *t, const struct mapping *m, u64 index)
{
	u64 h = hash_of(m, index);
	struct word *b = &t[(h & (nr_buckets - 1)) * WAYS], none = { 0 };
	u32 tag = (u32)(h >> 40) & ((1u << TAG_BITS) - 1);

	for (u32 i = 0; i < WAYS; i++)
		if (b[i].used && b[i].tag == tag) {
			struct word w = b[i];

			b[i] = none;
			return w;
		}
	return none;
}

void workingset_refault(struct folio *f)
{
	struct word *t = load_acquire(&table), best = { 0 };
	u32 now = clock_now(), back = 0, n = folio_nr_pages(f);

	for (u32 i = 0; t && i < n; i++) {
		struct word w = recall(t, f->page.mapping, f->page.index + i);

		back += w.used;
		if (w.used && (!best.used || steps_since(w, now) < steps_since(best, now)))
			best = w;
	}
	if (!back)
		return;
	mem_stat_add(STAT_REFAULT, back);
	if (!lru_refault_hot((u64)steps_since(best, now) << clock_shift, lru_pages(true)))
		return;
	page_set(&f->page, PG_ACTIVE);
	workingset_aged(n);
	mem_stat_add(STAT_REFAULT_ACTIVATE, n);
	if (best.active) {
		page_set(&f->page, PG_WORKINGSET);
		mem_stat_add(STAT_REFAULT_RESTORE, n);
	}
}
