/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel half: the linear map at boot, then mappings of vmalloc, vmemmap and devices. Tables
 * are only ever added. The linear map is written once and never split.
 */
#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <arch/sysreg.h>
#include <hal/boot.h>
#include <hal/tlb.h>
#include "internal.h"
#include "mmu.h"

u64 kimage_voffset;
extern char _kimage_start[], _kimage_end[], _rodata_end[];

void mmu_init(paddr_t image) { kimage_voffset = KIMAGE_VA - image; }

/* Tables inside the image are reached there: they are needed before the linear map. */
pte_t *table_va(paddr_t pa)
{
	paddr_t image = KIMAGE_VA - kimage_voffset;

	if (pa >= image && pa < image + (u64)(_kimage_end - _kimage_start))
		return (pte_t *)(pa + kimage_voffset);
	return phys_to_virt(pa);
}

static inline u32 index_at(u64 va, int level) { return (u32)(va >> (39 - 9 * level)) & 511; }

/* The entry for va at the given level, making tables on the way; NULL: no memory. */
static pte_t *entry_for(u64 va, int level, paddr_t (*alloc)(void))
{
	pte_t *t = kernel_root;

	for (int l = 0; l < level; l++) {
		pte_t *e = &t[index_at(va, l)];

		if (pte_is_none(*e)) {
			paddr_t pa = alloc ? alloc() : 0;

			if (!pa)
				return NULL;
			pte_store(e, (pte_t){ pa | PTE_TYPE | PTE_VALID });
		}
		t = table_va(pte_table(*e));
	}
	return &t[index_at(va, level)];
}

pte_t kernel_leaf(paddr_t pa, int level, int type, bool write)
{
	struct leaf l = {.pa = pa,
			 .level = (u8)level,
			 .type = (u8)type,
			 .read = true,
			 .write = write,
			 .dirty = write,
			 .young = true,
			 .global = true};

	return pte_make_leaf(&l);
}

static bool fits_block(u64 va, paddr_t pa, u64 size)
{
	return is_aligned(va | pa, PMD_SIZE) && size >= PMD_SIZE;
}

static int map(u64 va, paddr_t pa, u64 size, int type, bool write, paddr_t (*alloc)(void))
{
	while (size) {
		int level = fits_block(va, pa, size) ? 2 : 3;
		u64 step = level == 2 ? PMD_SIZE : PAGE_SIZE;
		pte_t *e = entry_for(va, level, alloc);

		if (!e)
			return -ENOMEM;
		/* A run of entries of one table needs one walk. */
		do {
			pte_store(e++, kernel_leaf(pa, level, type, write));
			va += step;
			pa += step;
			size -= step;
		} while (index_at(va, level) && size && (level == 2) == fits_block(va, pa, size));
	}
	return 0;
}

/* The part of RAM that the image lies in, 2 MiB aligned: 4 KiB pages, text and rodata read-only. */
static void map_image_part(paddr_t start, paddr_t end, paddr_t (*alloc)(void))
{
	paddr_t image = KIMAGE_VA - kimage_voffset,
		ro_end = image + (u64)(_rodata_end - _kimage_start);

	for (paddr_t pa = start; pa < end; pa += PAGE_SIZE) {
		pte_t *e = entry_for(pa + LINEAR_BASE, 3, alloc);

		if (!e)
			panic("no memory for the linear map");
		pte_store(e, kernel_leaf(pa, 3, MEM_NORMAL, pa < image || pa >= ro_end));
	}
}

void arch_map_linear(paddr_t start, paddr_t end, paddr_t (*alloc)(void))
{
	paddr_t image = KIMAGE_VA - kimage_voffset;
	paddr_t ro_blocks = align_up(image + (u64)(_rodata_end - _kimage_start), PMD_SIZE);

	while (start < end) {
		paddr_t stop = start < image	   ? min(end, image)
			       : start < ro_blocks ? min(end, ro_blocks)
						   : end;

		if (start >= image && start < ro_blocks)
			map_image_part(start, stop, alloc);
		else if (map(start + LINEAR_BASE, start, stop - start, MEM_NORMAL, true, alloc))
			panic("no memory for the linear map");
		start = stop;
		pte_publish();
	}
	isb();
}

int arch_kmap(u64 va, paddr_t pa, u64 size, int mem_type, bool write, paddr_t (*alloc)(void))
{
	int err = map(va, pa, size, mem_type, write, alloc);

	pte_publish();
	isb();
	return err;
}

pte_t *kernel_entry(u64 va, int *level)
{
	pte_t *t = kernel_root;

	for (*level = 0;; ++*level) {
		pte_t *e = &t[index_at(va, *level)];

		if (pte_kind(*e, *level) != PTE_TABLE)
			return e;
		t = table_va(pte_table(*e));
	}
}

void arch_kunmap(u64 va, u64 size)
{
	for (u64 at = va; at < va + size;) {
		int level;
		pte_t *e = kernel_entry(at, &level);
		u64 span = 1ul << (39 - 9 * level);

		if (!pte_is_none(*e))
			pte_store(e, pte_none());
		at = align_down(at, span) + span;
	}
	tlb_inval_kernel(va, va + size);
}

paddr_t arch_kernel_lookup(u64 va)
{
	int level;
	pte_t p = *kernel_entry(va, &level);
	u64 span = 1ul << (39 - 9 * level);

	return pte_is_none(p) ? 0 : (p.v & PTE_OA & ~(span - 1)) + (va & (span - 1));
}

void volatile *arch_early_map(paddr_t pa)
{
	static u32 used;
	u64 va = FIXMAP_DEV + PAGE_SIZE * used;

	if (used == 16 ||
	    arch_kmap(va, align_down(pa, PAGE_SIZE), PAGE_SIZE, MEM_DEVICE, true, NULL))
		return NULL;
	used++;
	return (void volatile *)(va + (pa & (PAGE_SIZE - 1)));
}
