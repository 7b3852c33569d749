/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out of memory: which address space weighs most. The allocator, when reclaim has found nothing,
 * asks oom_ops (task/) to kill; task/ compares its processes by oom_badness, kills all that use the
 * heaviest address space and marks it. Its users' allocations then fail, so that they end; whoever
 * asked tries again until that memory is there, or kills the next after OOM_PATIENCE_NS. Each
 * address space is marked once and waited for no longer than OOM_STUCK_NS, so the waiting ends.
 */
#include "internal.h"

const struct oom_ops *oom_ops;

i64 oom_badness(const struct mm *mm, i32 adj, u64 total_pages)
{
	i64 points;

	if (adj <= OOM_ADJ_NEVER || READ_ONCE(mm->oom_killed_at))
		return OOM_NEVER;
	points = (i64)(mm_rss(mm) + mm_table_pages(mm));
	return points + (i64)adj * (i64)(total_pages / 1000);
}

void oom_mark(struct mm *mm, u64 now)
{
	WRITE_ONCE(mm->oom_killed_at, max(now, 1ull));
}

struct pending { u64 now, patience; bool any; };

static void look(const struct mm *mm, void *arg)
{
	struct pending *p = arg;
	u64 at = READ_ONCE(mm->oom_killed_at);

	p->any = p->any || (at && p->now - at < p->patience);
}

bool oom_pending(u64 now, u64 patience)
{
	struct pending p = { .now = now, .patience = patience };

	mm_for_each(look, &p);
	return p.any;
}
