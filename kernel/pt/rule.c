/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries that map consecutive pages but differ: may they be one run, and what do the new entries
 * of all of them say? Pure. The reasons:
 *
 * - Nobody gets a right that the entry did not give, whatever its neighbours gave. So where the new
 *   entry keeps the right to write (a move; a copy of shared memory) all have to agree on it; where
 *   nobody may write afterwards (a copy of private memory, both sides) it does not matter.
 * - Exclusive says that a page is ours alone: a right as well. A copy takes it from both sides.
 * - Dirty is a promise that the contents are nowhere else. It may be said of a page too many (which
 *   is then kept, or written, in vain), never of one too few: the new entries say it if one of the
 *   old ones did. A copy of shared memory need not say it at all: the entry that stays says it.
 * - Accessed is a hint: the new entries say it if one of the old ones did. Clearing it would let
 *   reclaim take a page in use; saying it of a neighbour costs one round.
 * - Special entries (no folio counted) and those of other folios are never of one run: they differ
 *   in a bit that no use ignores, and the caller bounds a run by the folio.
 * - There is no soft-dirty bit: nothing to keep (arm64 had none when this was written).
 *
 *            dirty      accessed   writable            exclusive
 *   copy     private: any  any     private: none       none
 *            shared: none          shared: all alike
 *   move     any        any        all alike           all alike
 *   drop     to the folio, if any  -                   -
 */
#include <pt/pt.h>

u32 pt_may_differ(enum pt_use use, bool shared)
{
	switch (use) {
	case PT_USE_DROP: return PT_IGNORE_ALL;
	case PT_USE_COPY: return shared ? PT_IGNORE_ALL & ~PT_IGNORE_WRITE : PT_IGNORE_ALL;
	default: return PT_IGNORE_DIRTY | PT_IGNORE_YOUNG;
	}
}

pte_t pt_run_leaf(enum pt_use use, bool shared, pte_t first, const struct pt_run *r)
{
	pte_t e = pte_clear_cont(first);

	if (use == PT_USE_COPY)
		e = pte_clear_exclusive(shared ? pte_mkclean(e) : pte_wrprotect(e));
	if (r->any_dirty && !(use == PT_USE_COPY && shared))
		e = pte_mkdirty(e);
	return r->any_young ? pte_mkyoung(e) : e;
}
