/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a file's pages in, more than one at a time. */
#include <base/errno.h>
#include <hal/sync.h>
#include <mm/mapping.h>
#include "alloc.h"
#include "mapping_internal.h"
#include "readahead_plan.h"

/*
 * A folio with pages of index..index+left-1, at most of order, read in. 0, -EEXIST (the page at index
 * is there), -ENOMEM, or what reading gave. *n: its pages. Memory that has to be made free is not
 * taken: the pages are a guess.
 */
static int read_one(struct mapping *m, u64 index, u64 left, u32 order, u32 *n)
{
	struct folio *f;

	order = ra_order(index, left, order);
	f = mapping_make(m, index, order, ALLOC_NORECLAIM);
	if (IS_ERR(f) && order && PTR_ERR(f) != -ENOSPC) {
		order = 0;
		f = mapping_make(m, index, 0, ALLOC_NORECLAIM);
	}
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	*n = 1u << order;
	if (mapping_uptodate(f)) {	/* somebody else's */
		folio_put(f);
		return -EEXIST;
	}
	f = mapping_read_in(m, f);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	folio_put(f);
	return 0;
}

/*
 * Reads pages first..end-1 in until one cannot be had, or one from must on is there already; returns
 * the place behind the last. invalidate_lock held.
 */
static u64 read_some(struct mapping *m, u64 first, u64 must, u64 end, u32 order)
{
	while (first < end) {
		u32 n = 1;
		int err = read_one(m, first, end - first, order, &n);

		if (err && (err != -EEXIST || first >= must))
			break;
		first += n;
		cond_resched();
	}
	return first;
}

static u8 mode_of(const struct readahead *ra, u32 how)
{
	if (how & READ_RANDOM)
		return RA_RANDOM;
	return how & READ_SEQUENTIAL ? RA_SEQUENTIAL : READ_ONCE(ra->mode);
}

struct folio *mapping_read_page(struct mapping *m, struct readahead *ra, u64 index, u32 want, u32 how)
{
	struct readahead none = { 0 };
	struct ra_ask a = { .index = index, .want = want, .mapped = how & READ_MAPPED,
			    .text = how & READ_TEXT, .block = how & READ_BLOCK };
	struct ra_plan p;

	a.pages = div_round_up(READ_ONCE(m->size), PAGE_SIZE);
	if (mapping_is_memory(m) || index >= a.pages)
		return mapping_get(m, index);
	ra = ra ? ra : &none;
	a.mode = mode_of(ra, how);
	p = ra_plan(ra, &a);
	ra->next = read_some(m, p.first, index, p.first + p.n, p.order);
	ra->window = p.window;
	return mapping_get(m, index);
}

void mapping_read_ahead(struct mapping *m, u64 first, u64 n)
{
	struct mem_totals t;
	u64 end, stop;

	if (mapping_is_memory(m))
		return;
	mem_totals(&t);
	n = min(n, t.available / 2);	/* what comes must not push itself out */
	for (end = first + n; first < end && !sleep_interrupted(SLEEP_KILLABLE); first = stop) {
		read_lock(&m->invalidate_lock);
		end = min(end, div_round_up(m->size, PAGE_SIZE));
		stop = min(end, first + RA_MAX_PAGES);
		if (first < stop)
			first = read_some(m, first, stop, stop, RA_MAX_ORDER);
		read_unlock(&m->invalidate_lock);
		if (first < stop)
			break;
	}
}
