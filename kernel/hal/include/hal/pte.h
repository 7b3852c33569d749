/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-table entries: pt and mm speak in struct leaf; only arch knows bits. arch/pte.h is the
 * codec; arch/fake uses the real bits over host memory. Software bits that the codec carries:
 * exclusive (T3), special (no struct page).
 */
#ifndef HAL_PTE_H
#define HAL_PTE_H
#include <base/types.h>
#include <hal/page.h>

typedef struct { u64 v; } pte_t;

enum mem_type { MEM_NORMAL, MEM_NC, MEM_DEVICE };

/* What a leaf maps and allows, decoded. */
struct leaf {
	paddr_t pa;
	u8 level;		/* 3: 4 KiB, 2: 2 MiB, 1: 1 GiB */
	u8 type;		/* enum mem_type */
	bool read, write, exec,
		user; /* write: the mapping may be written (dirty-managed or dirty) */
	bool dirty, young;
	bool exclusive;		/* T3 */
	bool special;
	bool cont;		/* part of a contiguous block */
	bool global;
};

enum pte_kind { PTE_NONE, PTE_TABLE, PTE_LEAF };

/*
 * arch/pte.h provides, as pure functions:
 *   enum pte_kind pte_kind(pte_t, int level)       level 0 is the root's, 3 the last
 *   pte_t pte_make_leaf(const struct leaf *), struct leaf pte_leaf(pte_t, int level)
 *   pte_t pte_make_table(paddr_t table)            a user table descriptor, APTable clear
 *   paddr_t pte_table(pte_t)
 *   bool pte_table_ro(pte_t), pte_t pte_table_set_ro(pte_t, bool)   APTable (T1)
 *   pte_t pte_none(void), bool pte_is_none(pte_t)
 * questions about a leaf:
 *   pte_present, pte_young, pte_dirty, pte_write, pte_exec, pte_exclusive, pte_special, pte_cont,
 *   pte_pfn
 *   bool pte_settled(pte_t)        hardware has no bit left to set: with the node locked a plain
 *                                  store may replace it
 *   bool pte_plain(pte_t)          present, settled, no part of a block, not special, exclusive only
 *                                  if writable: what most leaves are; pte_plain_block: the same of
 *                                  the first entry of a contiguous block
 *   bool pte_well_formed(pte_t)    no bit is set that nobody sets
 *   bool pte_same_but_write(a, b)  they differ at most in write, dirty, accessed, exclusive
 * edits of a leaf:
 *   pte_wrprotect, pte_mkwrite (both keep dirtiness), pte_mkold, pte_mkyoung, pte_mkdirty,
 *   pte_mkclean, pte_mkexclusive, pte_clear_exclusive, pte_mkcont, pte_clear_cont
 *   pte_t pte_advance(pte_t, u64 n)            n pages further (not back), same attributes
 *   pte_t pte_at_frame(pte_t, pfn_t)           at another frame, same attributes
 *   pte_t pte_modify(pte_t, pte_t perm)        read, execute and user access from perm; write access
 *                                              goes, the rest stays; pte_modify_plain: of plain ones
 *   pte_t pte_dirty_to_read_only(pte_t)        write-protected, not exclusive, of a settled writable one
 *   pte_t pte_unite(a, b)                      a, accessed and dirty if a or b is
 *   pte_t pte_attributes(pte_t)                what it says but for the address
 *   u64 pte_without(pte_t, pte_t attributes)   its address if it says the same; else a word that
 *                                              pte_addresses(u64) denies, also in a union of them
 *   pte_t pte_with(u64 address, pte_t attributes)
 *   pte_as_page, pte_as_block                  between a block entry and the page at its start
 * and on tables; stores are single-copy atomic, and no releases if nothing is said:
 *   pte_load, pte_set, pte_store (a release), pte_xchg, bool pte_cas(pte_t *, pte_t *old, pte_t)
 *   void pte_set_run(pte_t *, pte_t first, u32 n)      n level-3 entries of consecutive pages;
 *                                                      pte_set_runs: in two tables; pte_store_run: a
 *                                                      release before the first; pte_clear_run: none
 *   pte_load_pair(pte_t *, pte_t *, pte_t *), pte_set_pair(pte_t *, a, b)    of two neighbours
 *   void pte_publish(void)     orders stores of new valid entries before later accesses (dsb ishst)
 *   CONT_PTES 16               entries of a contiguous block at level 3 and 2
 *   bool arch_hw_af, arch_hw_dbm, int arch_bbm_level      CPU features
 */
#include <arch/pte.h>
#endif
