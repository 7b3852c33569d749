/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table tree of a user address space: level-indexed walker, leaf runs, ASIDs. See docs/mm.md.
 * Each table page's node is its struct page (PG_TABLE): lock, count of entries in use, references.
 */
#ifndef PT_PT_H
#define PT_PT_H
#include <base/types.h>
#include <hal/pte.h>
#include <hal/tlb.h>

#define PT_LEVELS 4
static inline u32 pt_shift(int level) { return PAGE_SHIFT + 9u * (u32)(3 - level); }
static inline u64 pt_span(int level) { return 1ul << pt_shift(level); }	/* bytes that one entry maps */
static inline u32 pt_index(u64 va, int level) { return (u32)(va >> pt_shift(level)) & 511; }

struct pt_tree {
	pte_t *root;			/* linear-map address of the level-0 table */
	u64 asid;			/* generation and number; pt/asid.c */
	u64 nr_tables;			/* pages of tables, atomic */
	u64 cpus;			/* mask of CPUs that have it loaded, atomic: statistics and rollover */
};
#endif
