/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much memory processes may be promised (proc_sys_vm(5), overcommit_*). VMAs with VM_ACCOUNT are
 * counted in their address space, so that mapping stays cheap where nobody asks for the sum; shared
 * anonymous memory by its size and tmpfs by its pages in STAT_COMMITTED. Mode 2 adds all of it up at
 * each request. The sum is looked at before the promise is counted, so processes that ask in the
 * same instant may pass the limit by what each of them asks.
 */
#include <linux/capability.h>
#include <linux/mman.h>
#include "internal.h"

u32 mm_overcommit_memory, mm_overcommit_ratio = 50, mm_overcommit_kbytes;
u32 mm_admin_reserve_kbytes, mm_user_reserve_kbytes;
#define KB_TO_PAGES(kb) ((u64)(kb) >> (PAGE_SHIFT - 10))

/* RAM without what the kernel took at boot; does not change. */
static u64 total_pages(void)
{
	static u64 total;

	if (unlikely(!total)) {
		struct mem_totals t;

		mem_totals(&t);
		total = t.total;
	}
	return total;
}

static void add_accounted(const struct mm *mm, void *sum)
{
	*(u64 *)sum += READ_ONCE(mm->account_pages);
}

u64 mm_committed(void)
{
	u64 pages = mem_stat_read(STAT_COMMITTED);

	mm_for_each(add_accounted, &pages);
	return pages;
}

u64 mm_commit_limit(void)
{
	return mm_overcommit_kbytes ? KB_TO_PAGES(mm_overcommit_kbytes)
				    : total_pages() * mm_overcommit_ratio / 100;
}

/* Mode 2: a part is kept for root, and a part of what one process has for the user to end it. */
static bool over_limit(const struct mm *mm, u64 pages)
{
	u64 limit = mm_commit_limit(), kept = 0;

	if (!capable(CAP_SYS_ADMIN))
		kept = KB_TO_PAGES(mm_admin_reserve_kbytes);
	if (mm)
		kept += min(mm->total_pages / 32, KB_TO_PAGES(mm_user_reserve_kbytes));
	return mm_committed() + pages + kept >= limit;
}

bool overcommits(const struct mm *mm, u64 pages)
{
	switch (mm_overcommit_memory) {
	case OVERCOMMIT_GUESS: return pages > total_pages();
	case OVERCOMMIT_NEVER: return pages && over_limit(mm, pages);
	}
	return false;
}

int mm_commit(i64 n)
{
	if (n > 0 && unlikely(mm_overcommit_memory == OVERCOMMIT_NEVER) && overcommits(NULL, (u64)n))
		return -ENOSPC;
	mem_stat_add(STAT_COMMITTED, n);
	return 0;
}
