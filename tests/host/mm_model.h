/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of operations on several address spaces, checked against a flat model of memory
 * (tests/host/mm_model.c; the operations: mm_ops.c, one row of a table each).
 */
#ifndef MM_MODEL_H
#define MM_MODEL_H
#include <mm/page.h>

#define MM_OPS_MAX 32u
struct mm_model_stats {
	u64 ops, faults, reads, writes, failures;
	u64 large;		/* folios of several pages read in */
	u64 taken;		/* pages given up that were taken */
	u64 did[MM_OPS_MAX];	/* by row: how often it had something to do and did it */
};
struct mm_model_config {
	u64 seed;
	u32 fail_rate;		/* one in so many allocations fails; 0: none */
	bool large;		/* folios of 2 MiB wherever they fit, not only where advised */
	bool wide;		/* a window of 4 MiB and ranges of whole blocks in place of 48 pages */
	bool few_asids;		/* 15, so that they run out */
	bool copied;		/* fork copies page tables, it does not share them */
	bool software_bits;	/* no hardware management of accessed and dirty bits */
};
/*
 * Runs the operations that data encodes (or, data NULL, n random ones from the seed). Panics at the
 * first difference; afterwards everything has been freed and counted.
 */
void mm_model_run(const u8 *data, size_t n, const struct mm_model_config *c,
		  struct mm_model_stats *st);
extern bool privileged;	/* what capable() says; true to begin with */
/* The name of a row of the table of operations, or NULL behind the last. */
const char *mm_model_op(u32 row);
/* The tree of an address space is what it should be. */
struct mm;
void mm_check_tree(struct mm *mm);
/* Its leaves are what its tables, its folios, its counters and smaps say. */
void mm_check_leaves(struct mm *mm);
/* An exclusive page has one leaf; a folio counts as many as n address spaces, all there are, have. */
void mm_check_sharing(struct mm **mm, u32 n);
/* The reverse map finds every folio's leaves, as many as it counts. Nothing else runs. */
void mm_check_rmap(void);
/*
 * Something with all leaves of f that changes no contents: what below MM_RMAP_OPS. The caller's one
 * reference is to what has f's first page afterwards.
 */
#define MM_RMAP_OPS 6u
#define MM_RMAP_MIGRATE 4u	/* one of them */
struct folio;
void mm_rmap_op(struct folio *f, u32 what);
/* The same with the folio whose first frame that is, or with some folio; others may run. */
void mm_rmap_frame(pfn_t pfn, u32 what);
void mm_rmap_any(void);
/* The result of a call that is made again while it finds no memory; it has done nothing then. */
#define RETRY(call)                                                                                \
	({                                                                                         \
		i64 ret_;                                                                          \
		do {                                                                               \
			ret_ = (i64)(call);                                                        \
		} while (ret_ == -ENOMEM);                                                         \
		ret_;                                                                              \
	})
#endif
