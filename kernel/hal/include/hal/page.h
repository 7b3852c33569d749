/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages, and how the kernel reaches physical memory (the linear map). */
#ifndef HAL_PAGE_H
#define HAL_PAGE_H
#include <base/types.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1ul << PAGE_SHIFT)
#define PMD_SHIFT	21
#define PMD_SIZE	(1ul << PMD_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define USER_VA_END	(1ul << 48)		/* one past the last user address */

typedef u64 pfn_t;				/* physical address >> PAGE_SHIFT */

/*
 * The architecture's list:
 *   void *phys_to_virt(paddr_t)            linear-map address of RAM
 *   paddr_t virt_to_phys(const void *)     of a linear-map or kernel-image address
 *   void clear_pages(void *page, u64 n)    fills n pages with zeros (DC ZVA or FEAT_MOPS), n > 0
 *   void copy_pages(void *dst, const void *src, u64 n)
 *   VMEMMAP_BASE                           where mm's struct page array is mapped: page of pfn n is
 *       VMEMMAP_BASE + n * 64
 *   VMALLOC_BASE, VMALLOC_END              mm's kernel virtual range
 */
#include <arch/page.h>
static inline void clear_page(void *page) { clear_pages(page, 1); }
static inline void copy_page(void *dst, const void *src) { copy_pages(dst, src, 1); }
#endif
