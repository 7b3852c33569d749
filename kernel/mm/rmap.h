/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a folio to the leaves that map it (mm/rmap.c). The caller holds a reference to the folio. A
 * walk sees each leaf that is there from before it begins until it is done; leaves may come (by
 * fork only, copies of what the walk has seen) and go meanwhile.
 */
#ifndef MM_RMAP_H
#define MM_RMAP_H
#include "internal.h"

/* Leaves of one table that map consecutive pages of a folio alike, its node locked. */
struct rmap_run {
	struct folio *f;
	struct vma *v;
	struct page *node;
	pte_t *pte;
	u64 va;			/* of the first entry */
	u32 n;			/* entries; contiguous blocks are not cut, unless only looked at */
	int level;
	u32 page, pages;	/* the first page's number in f, and how many */
	/* entries are alike but for accessed and dirty; what is set in any of them */
	bool any_dirty, any_young;
	bool shared;		/* the table may have other owners, to whose TLBs the same applies */
	bool first;		/* the walk has not been to these leaves by another owner's way */
};
/*
 * false ends the walk. Must not sleep. May take leaves away or put others in their place; then it
 * also sees to the TLB before it returns.
 */
typedef bool (*rmap_fn)(const struct rmap_run *r, void *arg);

enum rmap_flag {
	RMAP_TRY = 1,		/* give up if a fork or exit in the family would have to be waited for */
	RMAP_LOOK = 2,		/* fn changes nothing */
	RMAP_REMOVES = 4,	/* fn takes leaves away: done when none is left */
	/* also leaves whose number others make up for that were found and have gone since */
	RMAP_ALL = 8,
	/* leaves in a table that several have, once by the way of each (fn is told that it is again) */
	RMAP_WAYS = 16,
};
/*
 * Calls fn for the leaves of f; sleeps unless RMAP_TRY. false: not done, for RMAP_TRY. Locks that
 * are taken: the family's (read) and each address space's rmap_lock, or the mapping's vma_lock;
 * node locks.
 */
bool rmap_walk(struct folio *f, u32 flags, rmap_fn fn, void *arg);

/* No TLB has what the run's leaves said, whoever's. */
void rmap_invalidate(const struct rmap_run *r);
/* How many pages of f leaves map; of one page of it, how many leaves. Sleeps. */
u32 rmap_count(struct folio *f);
u32 rmap_count_page(struct page *p);
/*
 * Write-protects every leaf; a private one is not exclusive any more. Afterwards nobody writes
 * through user mappings, nor through what a TLB kept of them, until a fault allows it again. false:
 * perhaps not done everywhere: the folio is private and pinned, an entry maps more than max_pages, or
 * a page was counted as mapped whose leaf was not there yet. Sleeps.
 */
bool rmap_wrprotect(struct folio *f, u32 max_pages) __must_check;

enum unmap_flag {
	/* stop at a dirty leaf, or if there are references beside the caller's one (it stays): for
	 * pages freed lazily */
	UNMAP_CLEAN = 1,
	UNMAP_LOCKED = 2,	/* memory that mlock holds, too */
	UNMAP_TRY = 4,		/* as RMAP_TRY */
};
/*
 * Takes f out of every address space. Dirty leaves of a file's page set PG_DIRTY. True: no leaf is
 * left. The references of the leaves have gone.
 */
bool rmap_unmap(struct folio *f, u32 flags);
#endif
