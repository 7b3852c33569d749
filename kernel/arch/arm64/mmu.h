/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel half's tables, private to arch/arm64. */
#ifndef ARM64_MMU_H
#define ARM64_MMU_H
#include <hal/pte.h>

extern pte_t kernel_root[512], boot_id_map[512];
extern u64 kimage_voffset;
/* mmu.c: a global leaf of the kernel half, not executable, dirty if it can be written. */
pte_t kernel_leaf(paddr_t pa, int level, int type, bool write);
/* The leaf, or the empty entry where a walk for va ends, and its level. */
pte_t *kernel_entry(u64 va, int *level);
/* Where the kernel reaches a table of its own. */
pte_t *table_va(paddr_t pa);
#endif
