/* SPDX-License-Identifier: BSD-2-Clause */
/* The decisions of readahead_plan.h. */
#include <hal/page.h>
#include "readahead_plan.h"

u32 ra_order(u64 index, u64 left, u32 order)
{
	if (index)
		order = min(order, (u32)__builtin_ctzll(index));
	return min(order, ilog2(left));
}

/* The reader goes on where it, or what was read for it, ended; or begins at the file's start. */
static bool is_sequential(const struct readahead *ra, const struct ra_ask *a)
{
	return !a->index || a->index == ra->prev || (ra->window && a->index == ra->next);
}

static u32 next_window(const struct readahead *ra, const struct ra_ask *a)
{
	u32 most = a->mode == RA_SEQUENTIAL ? 2 * RA_MAX_PAGES : RA_MAX_PAGES;
	u32 first = a->mode == RA_SEQUENTIAL ? most / 4 : 4;

	while (first < most && first < 2 * a->want)
		first *= 2;
	first = max(2 * ra->window, first);
	return min(most, first);
}

struct ra_plan ra_plan(const struct readahead *ra, const struct ra_ask *a)
{
	struct ra_plan p = { .first = a->index, .n = a->want };
	u64 huge = align_down(a->index, 1ull << RA_HUGE_ORDER);

	if (a->block && huge + (1u << RA_HUGE_ORDER) <= a->pages)
		return (struct ra_plan){ .first = huge, .n = 1u << RA_HUGE_ORDER,
					 .order = RA_HUGE_ORDER };
	if (a->mode != RA_RANDOM && !a->text && is_sequential(ra, a)) {
		p.window = next_window(ra, a);
		p.n = p.window;
		p.order = ilog2(p.window) - 1;
	} else if (a->mapped && (a->mode != RA_RANDOM || a->text)) {
		p.first = align_down(a->index, 1ull << RA_BLOCK_ORDER);
		p.n = 1u << RA_BLOCK_ORDER;
		p.order = RA_BLOCK_ORDER;
	} else {
		p.order = ilog2(p.n);
	}
	p.order = min(p.order, RA_MAX_ORDER);
	p.n = min(p.n, 2 * RA_MAX_PAGES);
	p.n = (u32)min((u64)p.n, a->pages - p.first);
	return p;
}
