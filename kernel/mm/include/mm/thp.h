/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sizes of folio private memory gets: Linux's interface of /sys/kernel/mm/
 * transparent_hugepage (Documentation/admin-guide/mm/transhuge of Linux), madvise(2), prctl(2).
 */
#ifndef MM_THP_H
#define MM_THP_H
#include <mm/mapping.h>
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

/* Where a fault may have pages moved to get a large folio: not THP_INHERIT (sysfs: defrag). */
extern u8 thp_defrag;
static inline bool thp_compacts(const struct vma *v)
{
	u8 mode = READ_ONCE(thp_defrag);

	return mode == THP_ALWAYS || (mode == THP_MADVISE && (v->vm_flags & VM_HUGEPAGE));
}

/*
 * Bit mask of the orders that policy allows an anonymous page of v to have; v->mm's prctl counts.
 * Pure.
 */
u32 thp_orders(const struct thp_policy *p, const struct vma *v);
/* Some of orders may be had, for some VMA. */
static inline bool thp_orders_anywhere(u32 orders)
{
	return READ_ONCE(thp_policy.orders[1]) & orders;
}
/* The naturally aligned range of order around addr lies in [start, end). Pure. */
static inline bool thp_fits(u64 addr, u32 order, u64 start, u64 end)
{
	u64 size = PAGE_SIZE << order, base = align_down(addr, size);

	return base >= start && end - base >= size && base < end;
}

/*
 * Memory of files (tmpfs, memfd, shared anonymous): shmem_enabled's word of the whole and one for each
 * order. Each says where a page that is missing is made in a folio of that order: always;
 * within_size: if that lies in the file, else as advise; advise: where MADV_HUGEPAGE asks. A mount of
 * tmpfs has one word for all orders, its option huge=. Over both stand two words of the whole: deny
 * (nowhere) and force (2 MiB in every mount, and whatever inherits).
 *
 * Whatever a mount says, a write makes the folios that it fills of those sizes that are not "never"
 * of themselves, since that takes no more memory.
 */
enum shmem_mode {
	SHMEM_NEVER,
	SHMEM_ADVISE,
	SHMEM_WITHIN,
	SHMEM_ALWAYS,
	SHMEM_INHERIT,		/* an order: as the whole; a mapping: the words of the orders */
	SHMEM_DENY,
	SHMEM_FORCE,
	NR_SHMEM_MODES
};
#define SHMEM_ORDERS ((1u << (THP_PMD_ORDER + 1)) - (1u << THP_MIN_ORDER))
struct shmem_policy {
	u8 all;				/* enum shmem_mode, not SHMEM_INHERIT */
	u8 order[THP_PMD_ORDER + 1];	/* enum shmem_mode up to SHMEM_INHERIT; 0 and 1 unused */
	u32 orders[SHMEM_ALWAYS + 1];	/* what follows: bit masks of the orders with each mode */
};
extern struct shmem_policy shmem_policy;
extern const char *const shmem_mode_name[NR_SHMEM_MODES];
void shmem_policy_update(struct shmem_policy *p);	/* as thp_policy_update */
void shmem_policy_set(u32 order, enum shmem_mode mode);	/* as thp_policy_set */
/*
 * Orders of folio that the missing page index of a file of pages (what a write makes of it included)
 * may be made in. mount: SHMEM_INHERIT, or the word of the file's mount; advised: MADV_HUGEPAGE. Pure.
 */
u32 shmem_orders(const struct shmem_policy *p, enum shmem_mode mount, bool advised, u64 index,
		 u64 pages);
/* The same for a write to m that makes it a file of pages. */
u32 shmem_write_orders(const struct mapping *m, u64 index, u64 pages);
/* Orders of which a write to m makes the folios that it fills. */
u32 shmem_fill_orders(const struct mapping *m);
/* The same for a fault of v, whose flags and prctl count, at page index. */
u32 shmem_fault_orders(const struct vma *v, u64 index);
/* Some page of memory file m may be made in a folio of 2 MiB, as words are now. */
bool shmem_may_have_blocks(const struct mapping *m);

/* Neither madvise(2) nor prctl(2) keeps large folios, and blocks of them, from v. */
static inline bool thp_allowed(const struct vma *v)
{
	return !(v->vm_flags & VM_NOHUGEPAGE) &&
	       (likely(!v->mm->thp_disable) || ((v->vm_flags & VM_HUGEPAGE) &&
						v->mm->thp_disable == THP_DISABLE_UNADVISED));
}

extern u8 thp_use_zero_page;	/* reading untouched memory that may have 2 MiB maps 2 MiB of zeros */

/*
 * Some range of v may be filled by a large folio of private memory, or of a memory file; that need
 * never happen. mm->lock held.
 */
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
	THP_SHMEM_ALLOC,
	THP_SHMEM_FALLBACK,	/* no memory; or no room in the mount, which counts below, too */
	THP_SHMEM_FALLBACK_CHARGE,
	NR_THP_EVENT
};
extern atomic64_t thp_events[THP_PMD_ORDER + 1][NR_THP_EVENT];
/* Any context. */
static inline void thp_count_add(u32 order, enum thp_event e, i64 n)
{
	__atomic_fetch_add(&thp_events[order][e].v, n, __ATOMIC_RELAXED);
}
static inline void thp_count(u32 order, enum thp_event e) { thp_count_add(order, e, 1); }
/* A folio of order was to be made for a memory file: which, or why not (mapping_make). */
static inline void thp_count_shmem(u32 order, const struct folio *made)
{
	if (!IS_ERR(made))
		thp_count(order, THP_SHMEM_ALLOC);
	else if (PTR_ERR(made) != -EEXIST)
		thp_count(order, THP_SHMEM_FALLBACK);
	if (IS_ERR(made) && PTR_ERR(made) == -ENOSPC)
		thp_count(order, THP_SHMEM_FALLBACK_CHARGE);
}
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
