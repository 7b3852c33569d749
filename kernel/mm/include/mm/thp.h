/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sizes of folio private memory gets: Linux's interface of /sys/kernel/mm/
 * transparent_hugepage (Documentation/admin-guide/mm/transhuge of Linux), madvise(2), prctl(2).
 */
#ifndef MM_THP_H
#define MM_THP_H
#include <mm/mm.h>
#include <mm/page.h>

#define THP_MIN_ORDER	2u		/* 16 KiB */
#define THP_PMD_ORDER	9u		/* 2 MiB: mapped by a block */
#define THP_CONT_ORDER	4u		/* 64 KiB: mapped by a contiguous block */

enum thp_mode { THP_NEVER, THP_MADVISE, THP_ALWAYS, THP_INHERIT };

/* The setting: the word of the whole (never, madvise, always) and one for each order. */
struct thp_policy {
	u8 all;				/* enum thp_mode, not THP_INHERIT */
	u8 order[THP_PMD_ORDER + 1];	/* enum thp_mode; 0 and 1 unused */
	u32 orders[2];			/* what follows: bit masks; [1] where MADV_HUGEPAGE asks */
};
extern struct thp_policy thp_policy;
/* Brings orders to what all and order say. Pure. */
void thp_policy_update(struct thp_policy *p);
/* The word of order (0: of the whole, not THP_INHERIT) of thp_policy becomes mode. */
void thp_policy_set(u32 order, enum thp_mode mode);

/*
 * Bit mask of the orders that policy allows an anonymous page of v to have; v->mm's prctl counts.
 * Pure.
 */
u32 thp_orders(const struct thp_policy *p, const struct vma *v);
/* The naturally aligned range of order around addr lies in [start, end). Pure. */
static inline bool thp_fits(u64 addr, u32 order, u64 start, u64 end)
{
	u64 size = PAGE_SIZE << order, base = align_down(addr, size);

	return base >= start && end - base >= size && base < end;
}

/*
 * Memory of files (tmpfs, memfd, shared anonymous): the words of shmem_enabled, of the whole and for
 * each order. A write makes folios of those sizes not forbidden that it fills. A fault makes larger
 * ones than it needs where the word is always; within_size: which lie in the file; advise: for a VMA
 * with MADV_HUGEPAGE.
 */
enum shmem_mode { SHMEM_NEVER, SHMEM_ADVISE, SHMEM_WITHIN, SHMEM_ALWAYS, SHMEM_INHERIT };
struct shmem_policy {
	u8 all;				/* enum shmem_mode, not SHMEM_INHERIT */
	u8 order[THP_PMD_ORDER + 1];	/* enum shmem_mode; 0 and 1 unused */
	u32 orders[SHMEM_ALWAYS + 1];	/* what follows: bit masks of the orders with each mode */
};
extern struct shmem_policy shmem_policy;
extern const char *const shmem_mode_name[5];
void shmem_policy_update(struct shmem_policy *p);	/* as thp_policy_update */
void shmem_policy_set(u32 order, enum shmem_mode mode);	/* as thp_policy_set */
static inline u32 shmem_write_orders(const struct shmem_policy *p)
{
	return READ_ONCE(p->orders[SHMEM_ADVISE]) | READ_ONCE(p->orders[SHMEM_WITHIN]) |
	       READ_ONCE(p->orders[SHMEM_ALWAYS]);
}
/*
 * Orders for a fault of v at page index of a file of pages: of each the aligned folio may be made.
 * Pure.
 */
u32 shmem_fault_orders(const struct shmem_policy *p, const struct vma *v, u64 index, u64 pages);

/* Some range that thp_orders allows lies in v, which may never be filled. mm->lock held. */
bool thp_eligible(const struct vma *v);

/*
 * Events of one order since boot; THP_NR_ANON: the anonymous folios of that order that there are,
 * from their first mapping till they are freed or split.
 */
enum thp_event {
	THP_ALLOC,
	THP_FALLBACK,
	THP_COW_COPY,
	THP_SPLIT,
	THP_DEFERRED,
	THP_NR_ANON,
	NR_THP_EVENT
};
extern atomic64_t thp_events[THP_PMD_ORDER + 1][NR_THP_EVENT];
/* Any context. */
static inline void thp_count_add(u32 order, enum thp_event e, i64 n)
{
	__atomic_fetch_add(&thp_events[order][e].v, n, __ATOMIC_RELAXED);
}
static inline void thp_count(u32 order, enum thp_event e) { thp_count_add(order, e, 1); }
/* --- splitting (mm/split.c) ------------------------------------------------------------------ */
struct split_count { u64 found, split; };	/* folios */
/*
 * Splits the large folios of private memory that [start, end) maps and that are larger than order
 * (not 1) into folios of order, at most; only: the number of a page in each, around which it is
 * done (-1: everywhere). Adds to c. Those that others use too stay. Sleeps.
 */
void mm_split_folios(struct mm *mm, u64 start, u64 end, u32 order, i32 only,
		     struct split_count *c);
/* All of them, of every address space, into pages. */
void split_all_folios(struct split_count *c);

/* The words of enum thp_mode. */
extern const char *const thp_mode_name[4];
#endif
