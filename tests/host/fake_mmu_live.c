/* SPDX-License-Identifier: BSD-2-Clause */
/* The checking MMU: entries that change while they are live, and what is made where something else is
 * cached. */
#include "fake_mmu.h"

/* --- live changes ---------------------------------------------------------------------------- */
static void live(pte_t from, pte_t to)
{
	set(VA, 3, from);
	set(VA, 3, to);
}
static void live_address(void) { live(leaf(PA, 3), leaf(PB, 3)); }
static void live_type(void) { live(leaf(PA, 3), typed(PA, MEM_NC, false)); }
static void live_global(void) { live(leaf(PA, 3), typed(PA, MEM_NORMAL, true)); }
static void live_by_exchange(void)
{
	map(VA, PA);
	pte_xchg(at(VA, 3), leaf(PB, 3));
}
static void live_by_compare(void)
{
	pte_t old;

	map(VA, PA);
	old = *at(VA, 3);
	pte_cas(at(VA, 3), &old, leaf(PB, 3));
}
static void compare_that_fails(void)
{
	pte_t old = pte_none();

	map(VA, PA);
	BUG_ON(pte_cas(at(VA, 3), &old, leaf(PB, 3)));
}
static void live_permissions(void)
{
	map(VA, PA);
	cache(VA, PAGE_SIZE);
	set(VA, 3, pte_wrprotect(dirty(PA, 3)));
	forget_page(VA);
	fake_check_tlbs();
}
static void live_table(void)
{
	map(VA, PA);
	set(VA, 2, table_entry(full_table(VA, PA)));
}
static void live_block(void)
{
	set(VA, 2, dirty(PA, 2));
	set(VA, 2, dirty(PB, 2));
}
static void live_fold(void)
{
	set16(VA, dirty(PA, 3), PAGE_SIZE);
	cache(VA, PAGE_SIZE);
	fold(VA, PA);
	forget(VA, BLOCK);
	fake_check_tlbs();
}
static void live_unfold(void)
{
	fold(VA, PA);
	cache(VA, BLOCK);
	set16(VA, dirty(PA, 3), PAGE_SIZE);
	forget(VA, BLOCK);
	fake_check_tlbs();
}
static void live_fold_not_forgotten(void)
{
	set16(VA, dirty(PA, 3), PAGE_SIZE);
	cache(VA, PAGE_SIZE);
	fold(VA, PA);
	fake_check_tlbs();
}
static void split_live(u64 pa)
{
	set(VA, 2, dirty(PA, 2));
	cache(VA, PMD_SIZE);
	set(VA, 2, table_entry(full_table(VA, pa)));
}
static void live_split(void)
{
	split_live(PA);
	map(VA + PAGE_SIZE, PA + PAGE_SIZE);
	forget_page(VA + 7 * PAGE_SIZE);	/* hits the whole block */
	is_gone(VA, PMD_SIZE);
	fake_check_tlbs();
}
static void live_split_elsewhere(void) { split_live(PB); }
static void live_split_not_forgotten(void)
{
	split_live(PA);
	fake_check_tlbs();
}
static void live_split_then_changed(void)
{
	split_live(PA);
	clear(VA);
	map(VA, PB);	/* the block that is cached maps it still */
}
static void live_split_freed(void)
{
	split_live(PA);
	clear(VA + 9 * PAGE_SIZE);
	fake_check_free((PA >> PAGE_SHIFT) + 9, 1);
}
static void collapse(bool by_levels)
{
	set(VA, 2, table_entry(full_table(VA, PA)));
	cache(VA + PAGE_SIZE, PAGE_SIZE);
	set(VA, 2, dirty(PA, 2));
	tlb_inval_range(ASID, VA, VA + PMD_SIZE, PAGE_SIZE,
			by_levels ? TLB_ALL_LEVELS : TLB_LAST_LEVEL);
	fake_check_tlbs();
}
static void live_collapse(void) { collapse(true); }
static void live_collapse_ways_left(void) { collapse(false); }
static void live_collapse_of_holes(void)
{
	map(VA, PA);
	set(VA, 2, dirty(PA, 2));
}

/* --- forms ----------------------------------------------------------------------------------- */
static void block_not_aligned(void) { set(VA, 2, dirty(PA + BLOCK, 2)); }
static void block_in_leaf_table(void) { set(VA, 3, dirty(PA, 2)); }
static void block_in_root(void) { pte_store(&root[1], dirty(PA, 2)); }
static void store_beside_tables(void) { pte_store(phys_to_virt(PA), dirty(PA, 3)); }

/* --- made where something else is cached ----------------------------------------------------- */
static void remade(u64 pa, bool invalidated)
{
	map(VA, PA);
	cache(VA, PAGE_SIZE);
	clear(VA);
	if (invalidated)
		forget_page(VA);
	map(VA, pa);
	lands(VA, pa);
	fake_check_tlbs();
}
static void remade_elsewhere(void) { remade(PB, false); }
static void remade_invalidated(void) { remade(PB, true); }
static void remade_the_same(void) { remade(PA, false); }
static void remade_type(void)
{
	map(VA, PA);
	cache(VA, PAGE_SIZE);
	clear(VA);
	set(VA, 3, typed(PA, MEM_NC, false));
}
static void remade_from_no_access(void)	/* present for software, not for the CPU */
{
	struct leaf none = { .pa = PA, .level = 3, .user = true };

	map(VA, PA);
	cache(VA, PAGE_SIZE);
	set(VA, 3, pte_make_leaf(&none));
	map(VA, PB);
}
static void unfolded_no_invalidation(void)
{
	folded_block();
	map(VA + 5 * PAGE_SIZE, PA + 5 * PAGE_SIZE);
}
static void unfolded_not_forgotten(void)
{
	folded_block();
	set16(VA, dirty(PA, 3), PAGE_SIZE);
	fake_check_tlbs();
}
static void unfolded(void)
{
	folded_block();
	forget(VA, BLOCK);
	set16(VA, dirty(PA, 3), PAGE_SIZE);
	fake_check_tlbs();
}
static void unfolded_one_page_forgotten(void)	/* what is cached as pages stays */
{
	fold(VA, PA);
	cache(VA + 3 * PAGE_SIZE, PAGE_SIZE);
	clear16(VA);
	forget_page(VA);
	set16(VA, dirty(PA, 3), PAGE_SIZE);
}
static void other_page_of_cached_block(void)
{
	folded_block();
	map(VA + 9 * PAGE_SIZE, PB);
}
static void folded_over_pages(void)
{
	map(VA + 4 * PAGE_SIZE, PA + 4 * PAGE_SIZE);
	cache(VA + 4 * PAGE_SIZE, PAGE_SIZE);
	clear(VA + 4 * PAGE_SIZE);
	fold(VA, PA);
}
static void split(u64 pa, bool invalidated)
{
	set(VA, 2, dirty(PA, 2));
	cache(VA + MIB, PMD_SIZE);
	set(VA, 2, pte_none());
	if (invalidated)
		tlb_inval_page(ASID, VA, TLB_LAST_LEVEL);
	set(VA, 2, table_entry(full_table(VA, pa)));
	lands(VA + MIB, pa + MIB);
}
static void split_no_invalidation(void) { split(PA, false); }
static void split_elsewhere(void) { split(PB, false); }
static void split_invalidated(void) { split(PB, true); }
static void split_page_by_page(void)	/* the table is there before its first page */
{
	set(VA, 2, dirty(PA, 2));
	cache(VA, PMD_SIZE);
	set(VA, 2, pte_none());
	set(VA, 2, table_entry(new_table(3, VA)));
	map(VA + PAGE_SIZE, PA + PAGE_SIZE);
}
static void block_over(bool tables_invalidated)
{
	map(VA + PAGE_SIZE, PA + PAGE_SIZE);
	cache(VA + PAGE_SIZE, PAGE_SIZE);
	set(VA, 2, pte_none());
	if (tables_invalidated)
		tlb_inval_page(ASID, VA + PAGE_SIZE, TLB_ALL_LEVELS);
	set(VA, 2, dirty(PB, 2));
	lands(VA + 5, PB + 5);
	fake_check_tlbs();
}
static void block_over_page(void) { block_over(false); }
static void block_over_nothing(void) { block_over(true); }
static void gib_over_page(void)
{
	map(GVA + 5 * MIB, PA);
	cache(GVA + 5 * MIB, PAGE_SIZE);
	set(GVA, 1, pte_none());
	set(GVA, 1, dirty(FAKE_RAM_BASE + GIB, 1));
}
static void page_over_gib(void)
{
	set(GVA, 1, dirty(FAKE_RAM_BASE + GIB, 1));
	cache(GVA + 5 * MIB, GIB);
	set(GVA, 1, pte_none());
	map(GVA + 99 * MIB, PA);
}
static void table_over_way(enum tlb_depth depth, u64 where)
{
	map(VA, PA);
	cache(VA, PAGE_SIZE);
	clear(VA);
	forget_page(VA);
	set(VA, 2, pte_none());
	tlb_inval_page(ASID, where, depth);
	set(VA, 2, table_entry(full_table(VA, PB)));
	fake_check_tlbs();
}
static void table_over_way_last_level(void) { table_over_way(TLB_LAST_LEVEL, VA); }
static void table_over_way_all_levels(void) { table_over_way(TLB_ALL_LEVELS, VA); }
static void table_over_way_beside(void) { table_over_way(TLB_ALL_LEVELS, VA + PMD_SIZE); }
static void ways_of_nothing(void)	/* a walk that finds no leaf leaves its way */
{
	at(VA, 3);
	BUG_ON(fake_translate(VA, FAKE_READ));
	set(VA, 2, pte_none());
	set(VA, 2, table_entry(full_table(VA, PB)));
}
static void conflict(void)	/* past the checks of stores */
{
	fold(VA, PA);
	cache(VA, BLOCK);
	for (u32 i = 0; i < CONT_PTES; i++)
		at(VA + i * PAGE_SIZE, 3)->v = dirty(PB, 3).v;
	for (u32 i = 0; i < 1000; i++)
		fake_speculate(VA + PAGE_SIZE);
}

const struct test_case live_cases[] = {
	STOP(live_address, 0, "break before make: address"),
	{ "live_address_bbm2", live_address, "break before make: address", 2 },
	STOP(live_type, 0, "break before make: attributes"),
	STOP(live_global, 0, "break before make: attributes"),
	STOP(live_by_exchange, 0, "break before make: address"),
	STOP(live_by_compare, 0, "break before make: address"),
	OK(compare_that_fails, 0),
	OK(live_permissions, 0),
	STOP(live_table, 0, "break before make: address"),
	STOP(live_block, 0, "break before make: address"),
	STOP(live_fold, 0, "break before make: contiguous bit"),
	STOP_1(live_fold, "break before make: contiguous bit"),
	OK_2(live_fold),
	STOP(live_unfold, 0, "break before make: contiguous bit"),
	OK_2(live_unfold),
	STOP_2(live_fold_not_forgotten, "the table says"),
	STOP(live_split, 0, "break before make: block and table"),
	STOP_1(live_split, "break before make: block and table"),
	OK_2(live_split),
	STOP_2(live_split_elsewhere, "not of the same pages"),
	STOP_2(live_split_not_forgotten, "the table says"),
	STOP_2(live_split_then_changed, "still has va"),
	STOP_2(live_split_freed, "page freed while"),
	STOP(live_collapse, 0, "break before make: block and table"),
	OK_2(live_collapse),
	STOP_2(live_collapse_ways_left, "has a way to a level 3 table"),
	STOP_2(live_collapse_of_holes, "not of the same pages"),
	STOP(block_not_aligned, 0, "memory is not aligned"),
	STOP(block_in_leaf_table, 0, "no such leaf"),
	STOP(block_in_root, 0, "no such leaf"),
	STOP(store_beside_tables, 0, "PG_TABLE"),
	STOP(remade_elsewhere, 0, "still has va"),
	STOP_2(remade_elsewhere, "still has va"),
	OK(remade_invalidated, 0),
	OK(remade_the_same, 0),
	STOP(remade_type, 0, "still has va"),
	STOP(remade_from_no_access, 0, "still has va"),
	STOP(unfolded_no_invalidation, 0, "still has va"),
	OK_2(unfolded_no_invalidation),
	STOP_2(unfolded_not_forgotten, "the table says"),
	OK(unfolded, 0),
	STOP(unfolded_one_page_forgotten, 0, "still has va"),
	STOP(other_page_of_cached_block, 0, "still has va"),
	STOP_2(other_page_of_cached_block, "still has va"),
	STOP(folded_over_pages, 0, "still has va"),
	STOP(split_no_invalidation, 0, "still has va"),
	OK_2(split_no_invalidation),
	STOP_2(split_elsewhere, "still has va"),
	OK(split_invalidated, 0),
	STOP(split_page_by_page, 0, "still has va"),
	STOP(block_over_page, 0, "still has"),
	OK(block_over_nothing, 0),
	STOP(gib_over_page, LARGE, "still has"),
	STOP(page_over_gib, LARGE, "still has va"),
	STOP(table_over_way_last_level, 0, "still has a way"),
	OK(table_over_way_all_levels, 0),
	STOP(table_over_way_beside, 0, "still has a way"),
	STOP(ways_of_nothing, 0, "still has a way"),
	STOP(conflict, 0, "TLB conflict"),
	{ NULL }
};
