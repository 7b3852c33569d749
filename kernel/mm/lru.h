/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of reclaim: the lists (lru.c), what was evicted (workingset.c), looking at folios and
 * dropping them (shrink.c).
 */
#ifndef MM_LRU_H
#define MM_LRU_H
#include <mm/page.h>
#include "lru_plan.h"

enum lru_list { LRU_INACTIVE, LRU_ACTIVE, NR_LRU };

/* --- lru.c ----------------------------------------------------------------------------------- */
/*
 * Takes up to n folios off the old end of a list into out, with a reference to each. Returns how
 * many; *pages grows by what they have. Beside us somebody else may put one on a list again.
 */
u32 lru_isolate(enum lru_list from, u32 n, struct folio **out, u64 *pages);
/*
 * Puts n isolated folios back at the new end of the list that PG_ACTIVE says, and drops the
 * references; those taken out of their mapping meanwhile go.
 */
void lru_putback(struct folio **f, u32 n);

/* --- workingset.c ---------------------------------------------------------------------------- */
/* f, of m, is dropped: remembers its pages. f->mapping is not looked at. */
void workingset_evicted(const struct mapping *m, const struct folio *f);
/* The active list has got nr pages more: what is inactive ages faster. */
void workingset_aged(u64 nr);
/* f has just been put into its mapping, to be read in: sets PG_ACTIVE if it belongs to the hot
 * set. */
void workingset_refault(struct folio *f);
/* Makes the memory of what was evicted, once. Sleeps; without memory there will be none. */
void workingset_start(void);

/* --- mapping.c -------------------------------------------------------------------------------- */
/* f's pages leave the tree of m; both are locked. The tree's reference is the caller's now. */
void mapping_forget(struct mapping *m, struct folio *f);

/* --- age.c ----------------------------------------------------------------------------------- */
/* f is locked. Adds to a what its leaves tell, and makes them old. */
void folio_age(struct folio *f, struct lru_age *a);
/*
 * Unmaps f everywhere but where it is locked in memory; a fault may map it again at once. clean: nor
 * where it was written to, or where somebody else has a reference. true: no leaf was left.
 */
bool folio_unmap(struct folio *f, bool clean);
/* An anonymous folio was written to since its leaves became clean. */
bool folio_written(struct folio *f);

/* --- shrink.c -------------------------------------------------------------------------------- */
/*
 * Looks at a share of the lists by priority (lru_share) and drops what it may, until want pages are
 * free. Returns the number of pages freed. kswapd: who counts it. Sleeps.
 */
u64 lru_shrink(u64 want, u32 priority, bool kswapd);
/*
 * Drops f whatever its age, if nobody maps it (mapped: also then) or else uses it; the caller has
 * one reference, which goes in any case.
 */
bool lru_drop(struct folio *f, bool mapped);
#endif
