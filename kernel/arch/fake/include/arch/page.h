/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical memory on the host: an arena that plays RAM from FAKE_RAM_BASE on (fake/mem.c). */
#ifndef ARCH_PAGE_H
#define ARCH_PAGE_H

#define FAKE_RAM_BASE	0x40000000ul
extern char *fake_ram;		/* the arena */
extern u64 fake_ram_size;
extern char *fake_vmemmap;	/* struct page of FAKE_RAM_BASE */
#define VMEMMAP_BASE	((u64)fake_vmemmap - (FAKE_RAM_BASE >> 12) * 64)
extern char *fake_vmalloc;	/* only where kernel virtual memory is tested */
#define VMALLOC_BASE	((u64)fake_vmalloc)
#define VMALLOC_END	(VMALLOC_BASE + (1ul << 41))

void *phys_to_virt(paddr_t pa);		/* checks that pa is RAM */
paddr_t virt_to_phys(const void *v);
void clear_pages(void *page, u64 n);
void copy_pages(void *dst, const void *src, u64 n);
#endif
