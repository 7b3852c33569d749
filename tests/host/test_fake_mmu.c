/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checking MMU itself: each rule of arch/fake/mmu_rules.c has a case that must stop at it, with
 * the message that names it, and a neighbour that must not. Tables are made by hand here. Each case
 * runs in a process of its own, since what stops does not come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <fake/fake.h>
#include <hal/tlb.h>
#include <mm/page.h>

#define ASID 5
#define BLOCK (16 * PAGE_SIZE)
#define VA (5 * GIB + 6 * MIB)		/* aligned to 2 MiB, not to 1 GiB */
#define GVA (6 * GIB)
#define PA (FAKE_RAM_BASE + 8 * MIB)	/* memory that is mapped: tables come from lower addresses */
#define PB (FAKE_RAM_BASE + 12 * MIB)

static pte_t *root;
static u64 seed;	/* of cases that need several */

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

/* --- tables by hand -------------------------------------------------------------------------- */
static pte_t *new_table(int level, u64 va)
{
	pte_t *t = page_alloc(ALLOC_ZERO);
	struct page *node = virt_to_page(t);

	node->aux = (u16)level;
	node->index = level ? align_down(va, 1ul << (48 - 9 * level)) : 0;
	spin_init(&node->lock);
	page_set(node, PG_TABLE);
	return t;
}

static u64 span(int level) { return 1ul << (39 - 9 * level); }

/* The entry of level for va; the tables above it are made. */
static pte_t *at(u64 va, int level)
{
	pte_t *t = root;

	for (int l = 0;; l++) {
		pte_t *e = &t[va / span(l) % 512];

		if (l == level)
			return e;
		if (pte_is_none(*e))
			pte_store(e, pte_make_table(virt_to_phys(new_table(l + 1, va))));
		t = phys_to_virt(pte_table(*e));
	}
}

static struct page *node_of(u64 va, int level) { return virt_to_page(at(va, level)); }

static void start(u64 ram)
{
	fake_init(ram, 1 + seed);
	fake_set_asid_bits(8);
	root = new_table(0, 0);
	arch_load_user_root(virt_to_phys(root), ASID);
}

/* Young, clean, writable, of user mode. */
static struct leaf rw(u64 pa, int level)
{
	return (struct leaf){ .pa = pa, .level = (u8)level, .user = true, .read = true,
		.write = true, .young = true };
}
static pte_t leaf(u64 pa, int level)
{
	struct leaf l = rw(pa, level);

	return pte_make_leaf(&l);
}
static pte_t dirty(u64 pa, int level) { return pte_mkdirty(leaf(pa, level)); }
static pte_t typed(u64 pa, enum mem_type type, bool global)
{
	struct leaf l = rw(pa, 3);

	l.type = (u8)type;
	l.global = global;
	return pte_make_leaf(&l);
}

static void set(u64 va, int level, pte_t p) { pte_store(at(va, level), p); }
static void map(u64 va, u64 pa) { set(va, 3, dirty(pa, 3)); }
static void clear(u64 va) { set(va, 3, pte_none()); }

/* 16 entries from first, with the lock of their table. */
static void set16(u64 va, pte_t first, u64 step)
{
	spin_lock(&node_of(va, 3)->lock);
	for (u32 i = 0; i < CONT_PTES; i++, first.v += step)
		set(va + i * PAGE_SIZE, 3, first);
	spin_unlock(&node_of(va, 3)->lock);
}
static void fold(u64 va, u64 pa) { set16(va, pte_mkcont(dirty(pa, 3)), PAGE_SIZE); }
static void clear16(u64 va) { set16(va, pte_none(), 0); }
static pte_t *full_table(u64 va, u64 pa)	/* level 3, not linked yet */
{
	pte_t *t = new_table(3, va);

	for (u32 i = 0; i < 512; i++)
		pte_store(&t[i], dirty(pa + i * PAGE_SIZE, 3));
	return t;
}
static pte_t table_entry(pte_t *t) { return pte_make_table(virt_to_phys(t)); }

/* --- what the CPU has ------------------------------------------------------------------------ */
/* Reads until a TLB has a translation of that size. */
static void cache(u64 va, u64 size)
{
	for (int i = 0; i < 1000; i++) {
		fake_translate(va, FAKE_READ);
		if (fake_tlb_find(ASID, va, size))
			return;
	}
	panic("%lx is not cached with %lx bytes", va, size);
}
static void is_gone(u64 va, u64 size)
{
	if (fake_tlb_find(ASID, va, size))
		panic("%lx is cached with %lx bytes", va, size);
}
static void lands(u64 va, u64 pa)
{
	if (fake_translate(va, FAKE_READ) != phys_to_virt(pa))
		panic("access to %lx", va);
}
static void forget_page(u64 va) { tlb_inval_page(ASID, va, TLB_LAST_LEVEL); }
static void forget(u64 va, u64 len) { tlb_inval_range(ASID, va, va + len, PAGE_SIZE, TLB_LAST_LEVEL); }

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
static void folded_block(void)
{
	fold(VA, PA);
	cache(VA, BLOCK);
	clear16(VA);
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

/* --- invalidation ---------------------------------------------------------------------------- */
static void one_page_hits_whole_entry(void)
{
	fold(VA, PA);
	cache(VA, BLOCK);
	forget_page(VA + 15 * PAGE_SIZE);
	is_gone(VA, BLOCK);
	set(VA + PMD_SIZE, 2, dirty(PB, 2));
	cache(VA + PMD_SIZE, PMD_SIZE);
	forget_page(VA + 2 * PMD_SIZE - PAGE_SIZE);
	is_gone(VA + PMD_SIZE, PMD_SIZE);
}
static void one_page_of_gib(void)
{
	set(GVA, 1, dirty(FAKE_RAM_BASE + GIB, 1));
	cache(GVA + 5 * MIB, GIB);
	lands(GVA + 77 * MIB + 5, FAKE_RAM_BASE + GIB + 77 * MIB + 5);
	forget_page(GVA + GIB - PAGE_SIZE);
	is_gone(GVA, GIB);
}
static void range_hits_what_it_meets(void)
{
	fold(VA, PA);
	fold(VA + BLOCK, PA + BLOCK);
	cache(VA, BLOCK);
	cache(VA + BLOCK, BLOCK);
	forget(VA + PAGE_SIZE, 2 * PAGE_SIZE);
	is_gone(VA, BLOCK);
	BUG_ON(!fake_tlb_find(ASID, VA + BLOCK, BLOCK));
}
static void other_asid_stays(void)
{
	map(VA, PA);
	cache(VA, PAGE_SIZE);
	tlb_inval_asid(ASID + 1);
	tlb_inval_page(ASID + 1, VA, TLB_ALL_LEVELS);
	BUG_ON(!fake_tlb_find(ASID, VA, PAGE_SIZE));
	tlb_inval_asid(ASID);
	is_gone(VA, PAGE_SIZE);
}
/* Steps of 2 MiB over 4 KiB pages: those on a step go, others may stay. */
static void steps_too_long(void)
{
	u32 kept = 0, n = 40;

	for (seed = 0; seed < n; seed++) {
		start(16 * MIB);
		for (u64 va = VA; va < VA + 2 * PMD_SIZE; va += MIB) {
			map(va, PA);
			cache(va, PAGE_SIZE);
		}
		tlb_inval_range(ASID, VA, VA + 2 * PMD_SIZE, PMD_SIZE, TLB_LAST_LEVEL);
		is_gone(VA, PAGE_SIZE);
		is_gone(VA + PMD_SIZE, PAGE_SIZE);
		kept += fake_tlb_find(ASID, VA + MIB, PAGE_SIZE);
	}
	BUG_ON(kept < n / 4 || kept > 3 * n / 4);
}
static void one_long_step(void)
{
	map(VA, PA);
	map(VA + PAGE_SIZE, PA);
	cache(VA + PAGE_SIZE, PAGE_SIZE);
	tlb_inval_range(ASID, VA, VA + PMD_SIZE, PMD_SIZE, TLB_LAST_LEVEL);
	BUG_ON(!fake_tlb_find(ASID, VA + PAGE_SIZE, PAGE_SIZE));
}
static void counts(void)
{
	fold(VA, PA);
	cache(VA, BLOCK);
	map(VA + PMD_SIZE, PA);
	cache(VA + PMD_SIZE, PAGE_SIZE);
	tlb_inval_asid(ASID);
	cache(VA, BLOCK);
	memset(&fake_mmu, 0, sizeof(fake_mmu));
	forget(VA, BLOCK);
	BUG_ON(fake_mmu.invalidations != 1 || fake_mmu.pages != 16 || fake_mmu.dropped < 1);
	forget_page(VA);
	BUG_ON(fake_mmu.invalidations != 2 || fake_mmu.pages != 17 || fake_mmu.dropped_ways);
	tlb_inval_page(ASID, VA, TLB_ALL_LEVELS);
	BUG_ON(fake_mmu.dropped_ways != 3);
	clear(VA + PMD_SIZE);
	BUG_ON(fake_mmu.stores != 1);
}

/* --- freed ----------------------------------------------------------------------------------- */
static void freed(u64 pa, u64 n) { fake_check_free(pa >> PAGE_SHIFT, n); }
static void page_of_block_freed(void)
{
	folded_block();
	freed(PA + 15 * PAGE_SIZE, 1);
}
static void page_of_2m_freed(void)
{
	set(VA, 2, dirty(PA, 2));
	cache(VA, PMD_SIZE);
	set(VA, 2, pte_none());
	freed(PA + PMD_SIZE - PAGE_SIZE, 1);
}
static void folio_around_page_freed(void)
{
	map(VA, PA + 7 * PAGE_SIZE);
	cache(VA, PAGE_SIZE);
	freed(PA, 16);
}
static void neighbours_freed(void)
{
	folded_block();
	freed(PA - PAGE_SIZE, 1);
	freed(PA + BLOCK, 512);
	forget_page(VA);
	forget(VA, BLOCK);
	freed(PA, 16);
}
static void table_freed(int level)
{
	paddr_t pa = virt_to_phys(at(VA, level)) & PAGE_MASK;

	map(VA, PA);
	cache(VA, PAGE_SIZE);
	tlb_inval_page(ASID, VA, TLB_LAST_LEVEL);
	if (!level)
		arch_load_user_root(0, 0);
	freed(pa, 1);
}
static void table_3_freed(void) { table_freed(3); }
static void table_2_freed(void) { table_freed(2); }
static void table_1_freed(void) { table_freed(1); }
static void root_freed(void) { table_freed(0); }
static void table_of_block_freed(void)
{
	set(VA, 2, dirty(PA, 2));
	cache(VA, PMD_SIZE);
	freed(virt_to_phys(at(VA, 2)), 1);
}
static void loaded_root_freed(void) { freed(virt_to_phys(root), 1); }
static void tables_freed(void)
{
	table_entry(at(VA, 3));
	map(VA, PA);
	cache(VA, PAGE_SIZE);
	tlb_inval_page(ASID, VA, TLB_ALL_LEVELS);
	for (int level = 1; level < 4; level++)
		freed(virt_to_phys(at(VA, level)) & PAGE_MASK, 1);
}

/* --- quiet moments --------------------------------------------------------------------------- */
static void protect(u64 va, int level, u64 size, bool whole)
{
	u32 n = whole ? CONT_PTES : 1;

	cache(va, size);
	spin_lock(&node_of(va, level)->lock);
	for (u32 i = 0; i < n; i++)
		pte_store(at(va, level) + i, pte_wrprotect(at(va, level)[i]));
	spin_unlock(&node_of(va, level)->lock);
	fake_check_tlbs();
}
static void page_protected(void)
{
	map(VA, PA);
	protect(VA, 3, PAGE_SIZE, false);
}
static void block_protected(void)
{
	fold(VA, PA);
	protect(VA, 3, BLOCK, true);
}
static void piece_of_block_protected(void)
{
	fold(VA, PA);
	protect(VA, 3, PAGE_SIZE, true);
}
static void clean_block_protected(void)	/* the CPU may set dirty from what it has */
{
	set16(VA, pte_mkcont(leaf(PA, 3)), PAGE_SIZE);
	protect(VA, 3, BLOCK, true);
}
static void large_block_protected(void)
{
	set(VA, 2, dirty(PA, 2));
	protect(VA, 2, PMD_SIZE, false);
}
static void block_cleaned(void)	/* the CPU may write without saying so */
{
	fold(VA, PA);
	cache(VA, BLOCK);
	set16(VA, pte_mkcont(leaf(PA, 3)), PAGE_SIZE);
	fake_check_tlbs();
}
static void block_aged(void)
{
	fold(VA, PA);
	cache(VA, BLOCK);
	set16(VA, pte_mkold(pte_mkcont(dirty(PA, 3))), PAGE_SIZE);
	fake_check_tlbs();
}
static void block_unmapped(void)
{
	folded_block();
	fake_check_tlbs();
}
static void table_gone(void)
{
	at(VA, 3);
	fake_translate(VA, FAKE_READ);
	set(VA, 2, pte_none());
	fake_check_tlbs();
}

/* --- what hardware does ---------------------------------------------------------------------- */
static u32 entries_with(u64 mask, u64 want)
{
	u32 n = 0;

	for (u32 i = 0; i < CONT_PTES; i++)
		n += (at(VA, 3)[i].v & mask) == want;
	return n;
}
static void bits_of_blocks(void)	/* T9 */
{
	u32 walked = 0, others = 0;
	pte_t p;

	for (seed = 0; seed < 60; seed++) {
		start(16 * MIB);
		set16(VA, pte_mkold(pte_mkcont(leaf(PA, 3))), PAGE_SIZE);
		set16(VA + BLOCK, pte_mkold(pte_mkcont(leaf(PA + BLOCK, 3))), PAGE_SIZE);
		BUG_ON(!fake_translate(VA + 7 * PAGE_SIZE, FAKE_WRITE));
		BUG_ON(entries_with(PTE_AF, PTE_AF) != 1);
		BUG_ON(entries_with(PTE_AP_RDONLY, 0) != 1);
		p = at(VA, 3)[7];
		if (pte_dirty(p) && pte_young(p))
			walked++;
		else
			others++;
		BUG_ON(pte_young(at(VA + BLOCK, 3)[0]) || pte_young(at(VA + BLOCK, 3)[7]));
		fake_check_tlbs();
	}
	BUG_ON(walked < 30 || others < 3);
}
static void writes_all_over_block(void)
{
	set16(VA, pte_mkold(pte_mkcont(leaf(PA, 3))), PAGE_SIZE);
	for (u32 i = 0; i < 2000; i++) {
		u64 off = fake_random(CONT_PTES) * PAGE_SIZE + fake_random(4096);
		enum fake_access_kind kind = fake_random(4) ? FAKE_READ : FAKE_WRITE;

		BUG_ON(fake_translate(VA + off, kind) != phys_to_virt(PA + off));
		fake_check_tlbs();
	}
	spin_lock(&node_of(VA, 3)->lock);
	spin_unlock(&node_of(VA, 3)->lock);
}
static void sizes(void)
{
	fold(VA, PA);
	cache(VA, BLOCK);
	cache(VA + PAGE_SIZE, PAGE_SIZE);
	BUG_ON(fake_tlb_find(ASID, VA, PMD_SIZE));
	for (u64 off = 0; off < BLOCK; off += 999)
		lands(VA + off, PA + off);
	tlb_inval_asid(ASID);
	set(VA + PMD_SIZE, 2, dirty(PB, 2));
	cache(VA + PMD_SIZE + MIB, PMD_SIZE);
	for (u64 off = 0; off < PMD_SIZE; off += 99999)
		lands(VA + PMD_SIZE + off, PB + off);
	is_gone(VA + PMD_SIZE, PAGE_SIZE);
}
static void no_flag_no_translation(void)
{
	arch_hw_af = false;
	set(VA, 2, pte_mkold(dirty(PA, 2)));
	for (int i = 0; i < 20; i++)
		BUG_ON(fake_translate(VA, FAKE_READ));
	is_gone(VA, PMD_SIZE);
}
static void first_write_by_fault(void)
{
	set16(VA, pte_mkcont(leaf(PA, 3)), PAGE_SIZE);
	BUG_ON(fake_translate(VA, FAKE_WRITE));
	BUG_ON(!fake_translate(VA, FAKE_READ));
	BUG_ON(entries_with(PTE_AP_RDONLY, 0) != 0);
}

/* --- larger folios --------------------------------------------------------------------------- */
static void folios(void)
{
	struct folio *f[64];
	u64 before = fake_pages_used();

	for (u32 i = 0; i < 64; i++) {
		u32 order = i % 8 ? fake_random(5) : 9, n = 1u << order;

		f[i] = folio_alloc(order, order & 1 ? ALLOC_NORECLAIM : ALLOC_ZERO);
		if (!f[i])
			continue;
		BUG_ON(folio_order(f[i]) != order || folio_pfn(f[i]) % n);
		BUG_ON(page_folio(folio_page(f[i], n - 1)) != f[i]);
		memset(folio_address(f[i]), (int)i, n * PAGE_SIZE);
	}
	for (u32 i = 0; i < 64; i++) {
		u8 *p = f[i] ? folio_address(f[i]) : NULL;

		for (u64 n = 0; p && n < PAGE_SIZE << folio_order(f[i]); n += 512)
			BUG_ON(p[n] != (u8)i);
		if (f[i])
			folio_put(f[i]);
	}
	BUG_ON(fake_pages_used() != before);
}

/* --- running them ---------------------------------------------------------------------------- */
#define SOFTWARE_DIRTY 8	/* beside the level of break before make */
#define LARGE 16		/* memory for 1 GiB blocks */
struct test_case { const char *name; void (*fn)(void); const char *stops_at; u32 how; };
#define OK(f, how) { #f, f, NULL, how }
#define OK_2(f) { #f "_bbm2", f, NULL, 2 }
#define STOP(f, how, text) { #f, f, text, how }
#define STOP_1(f, text) { #f "_bbm1", f, text, 1 }
#define STOP_2(f, text) { #f "_bbm2", f, text, 2 }
static struct test_case cases[] = {
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
	OK(folios, 0),
	OK(one_page_hits_whole_entry, 0),
	OK(one_page_of_gib, LARGE),
	OK(range_hits_what_it_meets, 0),
	OK(other_asid_stays, 0),
	OK(steps_too_long, 0),
	OK(one_long_step, 0),
	OK(counts, 0),
	STOP(page_of_block_freed, 0, "page freed while"),
	STOP(page_of_2m_freed, 0, "page freed while"),
	STOP(folio_around_page_freed, 0, "page freed while"),
	OK(neighbours_freed, 0),
	STOP(table_3_freed, 0, "level 3 table freed"),
	STOP(table_2_freed, 0, "level 2 table freed"),
	STOP(table_1_freed, 0, "level 1 table freed"),
	STOP(root_freed, 0, "level 0 table freed"),
	STOP(table_of_block_freed, 0, "freed while"),
	STOP(loaded_root_freed, 0, "root freed while"),
	OK(tables_freed, 0),
	STOP(page_protected, 0, "may do more"),
	STOP(block_protected, 0, "may do more"),
	STOP(piece_of_block_protected, 0, "may do more"),
	STOP(clean_block_protected, 0, "writable"),
	STOP(large_block_protected, 0, "may do more"),
	STOP(block_cleaned, 0, "may do more"),
	OK(block_aged, 0),
	STOP(block_unmapped, 0, "the table says"),
	STOP(table_gone, 0, "has a way"),
	OK(bits_of_blocks, 0),
	OK(writes_all_over_block, 0),
	OK(sizes, 0),
	OK(no_flag_no_translation, 0),
	{ "first_write_by_fault", first_write_by_fault, NULL, SOFTWARE_DIRTY },
};

static __noreturn void child(const struct test_case *c, int out)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	dup2(out, STDERR_FILENO);
	arch_bbm_level = (int)(c->how & 3);
	arch_hw_dbm = !(c->how & SOFTWARE_DIRTY);
	start(c->how & LARGE ? 2 * GIB : 16 * MIB);
	c->fn();
	_exit(0);
}

static void run_case(void **state)
{
	const struct test_case *c = *state;
	char text[4096];
	size_t n = 0;
	ssize_t got;
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(c, fd[1]);
	close(fd[1]);
	while ((got = read(fd[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!c->stops_at && status)
		fail_msg("stops: %s", text);
	if (c->stops_at && (!WIFSIGNALED(status) || !strstr(text, c->stops_at)))
		fail_msg("expected \"%s\", found status %x: %s", c->stops_at, status, text);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(cases)];

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, run_case, NULL, NULL, &cases[i] };
	return cmocka_run_group_tests_name("fake_mmu", tests, NULL, NULL);
}
