/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLB invalidation. All forms broadcast to every CPU (inner shareable) and end with DSB; those
 * before which page tables were changed begin with DSB ISHST. Statistics: tlb_stats counts
 * instructions issued, per CPU.
 */
#ifndef HAL_TLB_H
#define HAL_TLB_H
#include <base/types.h>

enum tlb_depth { TLB_LAST_LEVEL, TLB_ALL_LEVELS };	/* T8: table changes need TLB_ALL_LEVELS */

/* User addresses [start, end), page aligned, of asid; stride is the leaf size (PAGE_SIZE, PMD_SIZE)
 * for the non- range form. */
void tlb_inval_range(u16 asid, u64 start, u64 end, u64 stride, enum tlb_depth depth);
void tlb_inval_page(u16 asid, u64 va, enum tlb_depth depth);
void tlb_inval_asid(u16 asid);
/* As tlb_inval_range, last level, whatever the ASID: for tables that several trees share (T5). */
void tlb_inval_range_all_asids(u64 start, u64 end, u64 stride);
void tlb_inval_kernel(u64 start, u64 end);		/* kernel half, all levels */
void tlb_inval_all(void);				/* everything, all CPUs */
void tlb_inval_all_local(void);
/* Loads the user root and ASID on this CPU (TTBR0). root 0: the empty reserved table. */
void arch_load_user_root(paddr_t root, u16 asid);
u32 arch_asid_bits(void);				/* 8 or 16 */

struct tlb_stats { u64 page, range, asid, all; };
#include <hal/preempt.h>
DECLARE_PER_CPU(struct tlb_stats, tlb_stats);
#endif
