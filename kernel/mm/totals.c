/* SPDX-License-Identifier: BSD-2-Clause */
/* The sums that /proc/meminfo and sysinfo(2) show. */
#include <base/string.h>
#include "alloc.h"

struct mem_stats mem_stats[MAX_CPUS];

u64 mem_stat_read(enum mem_stat item)
{
	i64 n = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		n += __atomic_load_n(&mem_stats[cpu].v[item], __ATOMIC_RELAXED);
	return n > 0 ? (u64)n : 0;
}

static u64 all_pages(void)
{
	u64 n = 0;

	for (u32 i = 0; i < early_banks.nr; i++)
		n += (early_banks.r[i].end - early_banks.r[i].start) >> PAGE_SHIFT;
	return n;
}

static u64 reserved_pages(void)
{
	u64 n = 0;

	for (u32 i = 0; i < early_reserved.nr; i++)
		for (u32 j = 0; j < early_banks.nr; j++) {
			paddr_t s = max(early_reserved.r[i].start, early_banks.r[j].start);
			paddr_t e = min(early_reserved.r[i].end, early_banks.r[j].end);

			n += s < e ? (e - s) >> PAGE_SHIFT : 0;
		}
	return n;
}

void mem_totals(struct mem_totals *t)
{
	memset(t, 0, sizeof(*t));
	t->total = all_pages() - reserved_pages() + vmemmap_given_back();
	t->free = READ_ONCE(zone.nr_free) + pcp_pages() + vmemmap_deferred();
	t->shmem = mem_stat_read(STAT_SHMEM);
	t->page_cache = mem_stat_read(STAT_CACHE) + t->shmem;
	t->anon = mem_stat_read(STAT_ANON);
	t->mapped = mem_stat_read(STAT_MAPPED);
	t->slab = mem_stat_read(STAT_SLAB);
	t->slab_reclaimable = mem_stat_read(STAT_SLAB_RECLAIMABLE);
	t->kstack = mem_stat_read(STAT_KSTACK);
	t->tables = mem_stat_read(STAT_TABLES);
	t->dirty = mem_stat_read(STAT_DIRTY);
	t->reserve = zone.reserve;
	t->active_file = lru_pages(true);
	t->inactive_file = lru_pages(false);
	/* What a new program could have: free pages, the cache that can be dropped, of slabs a half
	 * (objects in use keep some), but not the last pages. */
	t->available = t->free + t->active_file + t->inactive_file + t->slab_reclaimable / 2;
	t->available -= min(t->available, t->reserve);
}
