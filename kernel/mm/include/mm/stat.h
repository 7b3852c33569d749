/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of memory: one array per CPU, changed without a lock and summed by who reads them, so a
 * single CPU's counter may be negative. Each item is changed by the code that owns the state it
 * counts.
 */
#ifndef MM_STAT_H
#define MM_STAT_H
#include <base/types.h>
#include <hal/preempt.h>

enum mem_stat {
	/* pages */
	STAT_SLAB,
	STAT_SLAB_RECLAIMABLE, /* of those, what shrinkers work on */
	STAT_KMALLOC, /* slabs; allocations too large for them */
	STAT_KVM,
	STAT_KSTACK,
	STAT_KTABLES, /* vmalloc; kernel stacks, cached ones too; the tables that map them */
	STAT_EXEC, /* execmem's blocks */
	STAT_TABLES, /* user page tables (pt) */
	STAT_CACHE,
	STAT_SHMEM, /* page cache that can be dropped; that is memory itself (tmpfs) */
	STAT_ANON, /* anonymous folios: from their first mapping till they are freed */
	STAT_MAPPED, /* mapped file pages (mm) */
	STAT_SHMEM_HUGE, /* of STAT_SHMEM and STAT_CACHE, in folios of 2 MiB; of those, in blocks */
	STAT_CACHE_HUGE,
	STAT_SHMEM_BLOCKS,
	STAT_CACHE_BLOCKS,
	STAT_DIRTY,
	STAT_COMMITTED, /* shared and tmpfs memory that is promised (mm/commit.c) */
	/* events, for vmstat */
	STAT_FAULT,
	STAT_MAJFAULT,
	STAT_COW,
	STAT_ZERO_BLOCK, /* 2 MiB of zeros: made; no memory for it */
	STAT_ZERO_BLOCK_FAILED,
	STAT_FILE_BLOCK, /* faults that mapped a 2 MiB block of a file */
	STAT_OOM,
	/* contiguous blocks, 2 MiB blocks: made; kept whole by an edit; taken apart by enum pt_cause */
	STAT_CONT_MADE,
	STAT_CONT_KEPT,
	STAT_CONT_APART,
	STAT_BLOCK_MADE = STAT_CONT_APART + 8,
	STAT_BLOCK_KEPT,
	STAT_BLOCK_APART,
	STAT_BLOCK_APART_END = STAT_BLOCK_APART + 7,
	/* tables that were shared: copied, at levels 1 to 3; leaf tables of those, by enum own_cause;
	 * taken back by the last owner; forks that shared */
	STAT_COW_TABLE_COPIED,
	STAT_COW_CAUSE = STAT_COW_TABLE_COPIED + 3,
	STAT_COW_TABLE_TAKEN = STAT_COW_CAUSE + 9,
	STAT_COW_TABLE_LEFT, /* given up while they were shared, with what was below */
	STAT_COW_FORK,
	STAT_COW_PIN, /* pages copied for a child since they were pinned */
	STAT_PGACTIVATE,
	STAT_PGDEACTIVATE,
	STAT_PGREFILL,
	STAT_PGSCAN_KSWAPD,
	STAT_PGSCAN_DIRECT,
	STAT_PGSTEAL_KSWAPD,
	STAT_PGSTEAL_DIRECT,
	STAT_PGLAZYFREE,
	STAT_PGLAZYFREED,
	STAT_ALLOCSTALL,
	STAT_PAGEOUTRUN, /* wake-ups of kswapd */
	STAT_SLABS_SCANNED,
	STAT_REFAULT,
	STAT_REFAULT_ACTIVATE,
	STAT_REFAULT_RESTORE,
	STAT_DROP_PAGECACHE,
	STAT_DROP_SLAB,
	STAT_MIGRATED, /* pages moved to other frames; that could not be */
	STAT_MIGRATE_FAILED,
	STAT_COMPACT_STALL, /* allocations that compacted; and got what they wanted; and did not */
	STAT_COMPACT_SUCCESS,
	STAT_COMPACT_FAIL,
	STAT_COMPACT_SCANNED, /* frames looked at; free ones set aside */
	STAT_COMPACT_ISOLATED,
	NR_MEM_STAT
};
struct mem_stats { i64 v[NR_MEM_STAT]; } __aligned(64);
extern struct mem_stats mem_stats[MAX_CPUS];

/* Any context. */
static inline void mem_stat_add(enum mem_stat item, i64 n)
{
	__atomic_fetch_add(&mem_stats[cpu_id()].v[item], n, __ATOMIC_RELAXED);
}
/* The sum over CPUs, not below 0. */
u64 mem_stat_read(enum mem_stat item);
#endif
