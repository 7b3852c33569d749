/* SPDX-License-Identifier: BSD-2-Clause */
/* The checking MMU: what invalidations remove, what is freed while it is cached, what a TLB has that the
 * table does not give any more, and what hardware does. */
#include <string.h>
#include "fake_mmu.h"

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

const struct test_case tlb_cases[] = {
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
	{ NULL }
};
