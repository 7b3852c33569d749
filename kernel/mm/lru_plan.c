/* SPDX-License-Identifier: BSD-2-Clause */
/* The decisions of lru_plan.h. */
#include <hal/page.h>
#include "lru_plan.h"

enum lru_verdict lru_age_inactive(const struct lru_age *a)
{
	if (a->locked || a->dirty)
		return LRU_ACTIVATE;
	if (a->force || !a->young)
		return LRU_DROP;
	if (a->referenced || a->exec || a->young > 1)
		return LRU_ACTIVATE;
	return LRU_KEEP;
}

bool lru_age_active(const struct lru_age *a)
{
	if (a->locked || a->dirty)
		return true;
	return a->young && a->exec && !a->force;
}

static u64 square_root(u64 n)
{
	u64 r = 0;

	while ((r + 1) * (r + 1) <= n)
		r++;
	return r;
}

bool lru_inactive_low(u64 inactive, u64 active)
{
	u64 gib = ((inactive + active) << PAGE_SHIFT) / GIB;

	return inactive * (gib ? square_root(10 * gib) : 1) < active;
}

struct watermarks watermarks_of(u64 min, u64 total, u32 scale)
{
	u64 step = max(min / 2, total / 10000 * scale + total % 10000 * scale / 10000);

	return (struct watermarks){ min, min + step, min + 2 * step };
}
