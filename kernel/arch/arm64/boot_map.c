/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables that the MMU is turned on with. boot_map runs with the MMU off, at physical addresses:
 * memory is Device then, so no unaligned access and no DC ZVA (hence no memset), and nothing but
 * PC-relative addresses.
 */
#include <base/types.h>
#include <base/string.h>
#include <arch/pte.h>
#include "mmu.h"

#define __table __section(".bss..tables") __aligned(4096)

pte_t kernel_root[512] __table;			/* level 0 of TTBR1 */
pte_t boot_id_map[512] __table;			/* level 0 of TTBR0 while a CPU comes up */
static pte_t id_l1[512] __table, id_l2[512] __table;
static pte_t image_l1[512] __table, image_l2[512] __table,
	image_l3[KIMAGE_MAX / PMD_SIZE][512] __table;
static pte_t fixdev_l3[512] __table;

extern char _kimage_start[], _kimage_end[], _rodata_start[], _rodata_end[], boot_stack[];
extern const i32 _pansites_start[], _pansites_end[];

#define KERNEL_LEAF	(PTE_VALID | PTE_AF | PTE_UXN | field_put(PTE_SH, PTE_SH_INNER) | \
			 field_put(PTE_ATTRINDX, ATTR_NORMAL))
#define BLOCK_RO	(KERNEL_LEAF | PTE_PXN | PTE_AP_RDONLY)
#define BLOCK_RX	(KERNEL_LEAF | PTE_AP_RDONLY)
#define PAGE_RO		(KERNEL_LEAF | PTE_TYPE | PTE_PXN | PTE_AP_RDONLY)
#define PAGE_RW		(KERNEL_LEAF | PTE_TYPE | PTE_PXN | PTE_DBM)

static __always_inline void table_at(pte_t *entry, const void *table)
{
	entry->v = (u64)table | PTE_TYPE | PTE_VALID;
}

#define NOP 0xd503201fu

void boot_map(u64 image, u64 fdt);

/* MSR PAN is an undefined instruction where the feature is absent. */
static __always_inline void drop_pan(void)
{
	u64 mmfr1;

	asm volatile("mrs %0, id_aa64mmfr1_el1" : "=r"(mmfr1));
	if (mmfr1 >> 20 & 15)
		return;
	for (const i32 *p = _pansites_start; p < _pansites_end; p++)
		*(u32 volatile *)((u64)p + (u64)(i64)*p) = NOP;
}

__attribute__((target("strict-align"), optimize("no-tree-loop-distribute-patterns")))
void boot_map(u64 image, u64 fdt)
{
	u64 pages = (u64)(_kimage_end - _kimage_start) >> PAGE_SHIFT;
	u64 text_blocks = (u64)(_rodata_start - _kimage_start) >> PMD_SHIFT;
	u64 ro_end = (u64)(_rodata_end - _kimage_start) >> PAGE_SHIFT;
	u64 guard = ((u64)(boot_stack - _kimage_start) >> PAGE_SHIFT) - 1;

	drop_pan();
	table_at(&boot_id_map[(image >> 39) & 511], id_l1);
	table_at(&id_l1[(image >> 30) & 511], id_l2);
	id_l2[(image >> PMD_SHIFT) & 511].v = image | (KERNEL_LEAF | PTE_AP_RDONLY);

	table_at(&kernel_root[(KIMAGE_VA >> 39) & 511], image_l1);
	table_at(&image_l1[(KIMAGE_VA >> 30) & 511], image_l2);
	for (u64 i = 0; i < text_blocks; i++)
		image_l2[i].v = (image + (i << PMD_SHIFT)) | BLOCK_RX;
	for (u64 i = text_blocks << 9; i < pages; i++)
		image_l3[i >> 9][i & 511].v = i == guard ? 0 : (image + (i << PAGE_SHIFT)) |
			(i < ro_end ? PAGE_RO : PAGE_RW);
	for (u64 i = text_blocks; i << 9 < pages; i++)
		table_at(&image_l2[i], image_l3[i]);
	table_at(&image_l2[(FIXMAP_DEV >> PMD_SHIFT) & 511], fixdev_l3);
	if (fdt && fdt >> 48 == 0)
		for (u64 i = 0; i < 2; i++)
			image_l2[((FIXMAP_FDT >> PMD_SHIFT) & 511) + i].v =
				(align_down(fdt, PMD_SIZE) + i * PMD_SIZE) | BLOCK_RO;
}
