/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out of memory: which address space weighs most. The allocator, when reclaim has found nothing,
 * asks oom_ops (task/) to kill; task/ compares its processes by oom_badness. The victim's own
 * allocations may then use the reserve, its faults end in FAULT_KILLED, and whoever asked tries
 * again until the victim's memory is there.
 */
#include "internal.h"

const struct oom_ops *oom_ops;

i64 oom_badness(const struct mm *mm, i32 adj, u64 total_pages)
{
	i64 points;

	if (adj <= OOM_ADJ_NEVER || mm->oom_victim)
		return OOM_NEVER;
	points = (i64)(mm_rss(mm) + mm_table_pages(mm));
	return points + (i64)adj * (i64)(total_pages / 1000);
}
