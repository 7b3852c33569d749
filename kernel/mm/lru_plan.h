/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reclaim decides, as functions of numbers alone (tests/host/test_reclaim.c): how long a folio
 * stays, how large each list should be, which refaults mean that the hot set is too large for its
 * list, and at how many free pages who begins to work.
 */
#ifndef MM_LRU_PLAN_H
#define MM_LRU_PLAN_H
#include <base/types.h>

/* --- one folio at the old end of a list ------------------------------------------------------ */
struct lru_age {
	u32 young;	/* VMAs through which it was accessed since it was last looked at */
	bool referenced; /* PG_REFERENCED: one access is remembered already */
	bool exec;	/* one of those VMAs is executable */
	bool locked;	/* mlocked in a VMA */
	bool dirty;	/* there is nowhere to write it to */
	bool force;	/* nothing else is left: accesses do not protect it */
};
enum lru_verdict { LRU_DROP, LRU_KEEP, LRU_ACTIVATE };
/*
 * The inactive list's end. What is used once (a file read from end to end, mapped or not) goes; the
 * second use makes it active; program text is active at the first, since a page of it dropped stops
 * the program that uses it.
 */
enum lru_verdict lru_age_inactive(const struct lru_age *a);
/* The active list's end: true, it stays active. Others get their second chance as inactive ones. */
bool lru_age_active(const struct lru_age *a);

/* --- the lists' sizes, in pages -------------------------------------------------------------- */
/*
 * The inactive list is too short to tell what is used again: one half of the whole below 1 GiB, a
 * smaller part (1 : sqrt(10 x GiB)) above.
 */
bool lru_inactive_low(u64 inactive, u64 active);
/*
 * A folio came back that went distance evictions and activations ago. It would have stayed, had the
 * inactive list been longer by the distance; that is possible at the cost of the active list if
 * that one is at least so long. Then it competes with the active ones.
 */
static inline bool lru_refault_hot(u64 distance, u64 active) { return distance <= active; }
/* Of n objects, how many a round looks at: priority 12 (gentle) to 0 (all). */
static inline u64 lru_share(u64 n, u32 priority) { return n >> priority; }

/* --- watermarks, in pages -------------------------------------------------------------------- */
struct watermarks { u64 min, low, high; };
/*
 * min: kept for allocations that cannot wait and for reclaim itself. Below low kswapd begins, above
 * high it ends; the steps are scale ten-thousandths of the memory, at least half of min.
 */
struct watermarks watermarks_of(u64 min, u64 total, u32 scale);
#endif
