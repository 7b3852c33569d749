/* SPDX-License-Identifier: BSD-2-Clause */
/* The checking MMU: what it looks at when a table's lock is released. */
#include "fake_mmu.h"

/* --- contiguous blocks ----------------------------------------------------------------------- */
static void different(u32 i, pte_t p)	/* one entry, when the lock is released */
{
	fold(VA, PA);
	spin_lock(&node_of(VA, 3)->lock);
	pte_store(at(VA, 3) + i, p);
	spin_unlock(&node_of(VA, 3)->lock);
	fake_check_tlbs();
}
static pte_t third(void) { return pte_mkcont(dirty(PA + 3 * PAGE_SIZE, 3)); }
static void block_of_15(void) { different(3, pte_none()); }
static void block_without_bit(void) { different(3, pte_clear_cont(third())); }
static void block_of_one_page(void)
{
	set16(VA, pte_mkcont(dirty(PA, 3)), 0);	/* sixteen times the first */
}
static void block_dirty_by_software(void) { different(3, (pte_t){ third().v | PTE_SW_DIRTY }); }
static void block_exclusive_in_part(void) { different(3, pte_mkexclusive(third())); }
static void block_executable_in_part(void) { different(3, (pte_t){ third().v & ~PTE_UXN }); }
static void page_inside_block(void)
{
	fold(VA, PA);
	clear(VA + 3 * PAGE_SIZE);
	map(VA + 3 * PAGE_SIZE, PA + 3 * PAGE_SIZE);
}
static void block_protected_in_part(void) { different(3, pte_wrprotect(third())); }
static void block_old_in_part(void) { different(3, pte_mkold(third())); }
static void block_clean_in_part(void)
{
	different(3, pte_mkcont(leaf(PA + 3 * PAGE_SIZE, 3)));
}
static void block_clean_in_first(void) { different(0, pte_mkcont(leaf(PA, 3))); }
static void block_clean_without_dbm(void)	/* AP[2] is a permission there */
{
	struct leaf l = rw(PA, 3);

	l.write = false;
	l.cont = true;
	set16(VA, pte_make_leaf(&l), PAGE_SIZE);
	pte_store(at(VA, 3) + 3, (pte_t){ at(VA, 3)[3].v & ~PTE_AP_RDONLY });
	fake_check_tlbs();
}
static void block_at_wrong_memory(void) { fold(VA, PA + PAGE_SIZE); }
static void block_at_wrong_address(void) { fold(VA + PAGE_SIZE, PA); }
static void mix_while_locked(void)
{
	u64 pa = PA;

	fold(VA, PA);
	cache(VA, BLOCK);
	spin_lock(&node_of(VA, 3)->lock);
	for (u32 i = 0; i < CONT_PTES; i++, pa += PAGE_SIZE) {
		pte_store(at(VA, 3) + i, pte_wrprotect(pte_mkcont(dirty(pa, 3))));
		fake_translate(VA + fake_random(CONT_PTES) * PAGE_SIZE, FAKE_WRITE);
	}
	forget(VA, BLOCK);
	spin_unlock(&node_of(VA, 3)->lock);
	fake_check_tlbs();
}
static void two_blocks_one_bad(void)
{
	fold(VA + BLOCK, PA + BLOCK);
	different(3, pte_none());
}
static void mix_seen_without_lock(void)
{
	fold(VA, PA);
	clear(VA);
	fake_check_tlbs();
}
static void mix_of_tree_not_loaded(void)
{
	fold(VA, PA);
	arch_load_user_root(0, 0);
	spin_lock(&node_of(VA, 3)->lock);
	clear(VA);
	spin_unlock(&node_of(VA, 3)->lock);
}
static void mix_of_tree_loaded_again(void)
{
	mix_of_tree_not_loaded();
	arch_load_user_root(virt_to_phys(root), ASID);
	spin_lock(&node_of(VA, 3)->lock);
	spin_unlock(&node_of(VA, 3)->lock);
}
static void unlock_of_another_table(void)
{
	fold(VA, PA);
	spin_lock(&node_of(VA, 3)->lock);
	clear(VA);
	spin_lock(&node_of(VA, 2)->lock);
	spin_unlock(&node_of(VA, 2)->lock);
	set(VA, 3, pte_mkcont(dirty(PA, 3)));
	spin_unlock(&node_of(VA, 3)->lock);
}
/* --- what a table counts, when its lock is released ------------------------------------------- */
static void counted(i32 count, u64 groups)
{
	struct page *node = node_of(VA, 3);

	fake_tables_by_hand = false;
	spin_lock(&node->lock);
	map(VA, PA);
	map(VA + 9 * PAGE_SIZE, PA);
	node->mapcount.v = count;
	node->groups = groups;
	spin_unlock(&node->lock);
}
static void count_of_leaves(void) { counted(2, 3); }
static void count_of_fewer(void) { counted(1, 3); }
static void count_of_more(void) { counted(3, 3); }
static void leaf_in_empty_eight(void) { counted(2, 1); }
static void none_in_used_eight(void) { counted(2, 7); }

const struct test_case block_cases[] = {
	STOP(block_of_15, 0, "contiguous block: entry 3"),
	STOP(block_without_bit, 2, "contiguous block: entry 3"),
	STOP(block_of_one_page, 0, "is made beside"),
	STOP(block_dirty_by_software, 0, "contiguous block: entry 3"),
	STOP(block_exclusive_in_part, 0, "contiguous block: entry 3"),
	STOP(block_executable_in_part, 0, "is made beside"),
	STOP(page_inside_block, 0, "is made beside"),
	STOP(block_protected_in_part, 0, "contiguous block: entry 3"),
	OK(block_old_in_part, 0),
	OK(block_clean_in_part, 0),
	OK(block_clean_in_first, 0),
	{ "block_clean_in_part_no_hw", block_clean_in_part, "contiguous block", SOFTWARE_DIRTY },
	STOP(block_clean_without_dbm, 0, "contiguous block"),
	STOP(block_at_wrong_memory, 0, "contiguous block: memory"),
	STOP(block_at_wrong_address, 0, "contiguous block"),
	OK(mix_while_locked, 0),
	STOP(two_blocks_one_bad, 0, "contiguous block: entry 3"),
	STOP(mix_seen_without_lock, 0, "contiguous block: entry 0"),
	OK(mix_of_tree_not_loaded, 0),
	STOP(mix_of_tree_loaded_again, 0, "contiguous block: entry 0"),
	OK(unlock_of_another_table, 0),
	OK(count_of_leaves, 0),
	STOP(count_of_fewer, 0, "2 leaves, and it counts 1"),
	STOP(count_of_more, 0, "2 leaves, and it counts 3"),
	STOP(leaf_in_empty_eight, 0, "entry 9 is in use"),
	OK(none_in_used_eight, 0),
	{ NULL }
};
