/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel half of the address space (48-bit addresses, 4 KiB pages, TTBR1). See
 * docs/memory-map.md.
 *
 *   LINEAR_BASE   0xffff000000000000   physical address + LINEAR_BASE, up to 128 TiB
 *   KIMAGE_VA     0xffff800000000000   the kernel image; its GiB also holds the fixed mappings and
 * executable memory, up to EXEC_END VMALLOC_BASE  0xffff800040000000   to VMALLOC_END VMEMMAP_BASE
 * 0xfffff80000000000   struct page of pfn 0
 */
#ifndef ARCH_PAGE_H
#define ARCH_PAGE_H

#define LINEAR_BASE	0xffff000000000000
#define KIMAGE_VA	0xffff800000000000
#define FIXMAP_FDT	0xffff800030000000	/* the device tree: three 2 MiB blocks */
#define FIXMAP_DEV 0xffff800030800000 /* one 2 MiB block's worth of 4 KiB slots: early devices */
#define KIMAGE_MAX 0x800000 /* bytes that the boot tables can map: image with bss */

#define EXEC_END 0xffff800008000000 /* 128 MiB behind KIMAGE_VA: how far a branch reaches */

#ifndef __ASSEMBLY__
#define VMALLOC_BASE	0xffff800040000000ul
#define VMALLOC_END	0xfffff00000000000ul
#define VMEMMAP_BASE	0xfffff80000000000ul

extern u64 kimage_voffset;	/* KIMAGE_VA minus the physical load address */

static inline void *phys_to_virt(paddr_t pa) { return (void *)(pa + LINEAR_BASE); }
static inline paddr_t virt_to_phys(const void *v)
{
	u64 va = (u64)v;

	return va >= KIMAGE_VA ? va - kimage_voffset : va - LINEAR_BASE;
}
void clear_pages(void *page, u64 n);
void copy_pages(void *dst, const void *src, u64 n);
#endif
#endif
