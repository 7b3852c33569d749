/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLB invalidation (Arm ARM, D8.13, C5.5). Broadcast forms; DSB ISHST before makes the table stores
 * visible to walkers, DSB ISH after waits for completion on all CPUs. The range forms are encoded
 * by hand: the assembler's base architecture lacks them.
 */
#include <base/bits.h>
#include <arch/sysreg.h>
#include <hal/page.h>
#include <hal/tlb.h>
#include "internal.h"

DEFINE_PER_CPU(struct tlb_stats, tlb_stats);
static char empty_root[PAGE_SIZE] __aligned(4096);

#define OP_VA		FIELD(0, 44)
#define OP_ASID		FIELD(48, 16)
#define RANGE_BASE	FIELD(0, 37)
#define RANGE_NUM	FIELD(39, 5)
#define RANGE_SCALE	FIELD(44, 2)
#define RANGE_TG	FIELD(46, 2)
#define TG_4K		1
#define RANGE_UNIT(scale) (2ul << (5 * (scale)))	/* pages: (NUM + 1) times it */

#define tlbi(op, v) asm volatile("tlbi " #op ", %0" :: "r"(v) : "memory")
#define tlbi_rvae1is(v)  asm volatile("sys #0, c8, c2, #1, %0" :: "r"(v) : "memory")
#define tlbi_rvale1is(v) asm volatile("sys #0, c8, c2, #5, %0" :: "r"(v) : "memory")
#define tlbi_rvaale1is(v) asm volatile("sys #0, c8, c2, #7, %0" :: "r"(v) : "memory")

static inline u64 operand(u16 asid, u64 va)
{
	return field_put(OP_ASID, asid) | field_put(OP_VA, va >> PAGE_SHIFT);
}
/* Statistics only: a lost count under preemption does no harm, a count on the wrong CPU neither. */
#define count(kind, n) (this_cpu(tlb_stats).kind += (n))

void tlb_inval_page(u16 asid, u64 va, enum tlb_depth depth)
{
	dsb(ishst);
	if (depth == TLB_LAST_LEVEL)
		tlbi(vale1is, operand(asid, va));
	else
		tlbi(vae1is, operand(asid, va));
	dsb(ish);
	count(page, 1);
}

enum scope { ASID_LAST_LEVEL, ASID_ALL_LEVELS, EVERY_ASID };

static void inval_by_range(u16 asid, u64 start, u64 pages, enum scope scope)
{
	/* Largest units first; odd pages by single operations. */
	for (int scale = 3; scale >= 0; scale--) {
		u64 unit = RANGE_UNIT(scale);

		while (pages >= unit) {
			u64 n = min(pages / unit, 32ul);
			u64 v = field_put(OP_ASID, asid) | field_put(RANGE_TG, TG_4K) |
				field_put(RANGE_SCALE, scale) | field_put(RANGE_NUM, n - 1) |
				field_put(RANGE_BASE, start >> PAGE_SHIFT);

			if (scope == ASID_LAST_LEVEL)
				tlbi_rvale1is(v);
			else if (scope == ASID_ALL_LEVELS)
				tlbi_rvae1is(v);
			else
				tlbi_rvaale1is(v);
			start += n * unit << PAGE_SHIFT;
			pages -= n * unit;
			count(range, 1);
		}
	}
	if (pages) {
		if (scope == ASID_LAST_LEVEL)
			tlbi(vale1is, operand(asid, start));
		else if (scope == ASID_ALL_LEVELS)
			tlbi(vae1is, operand(asid, start));
		else
			tlbi(vaale1is, operand(0, start));
		count(page, 1);
	}
}

/* Beyond this many single invalidations the whole ASID goes: refilling costs less than they do. */
#define MAX_SINGLE 64

void tlb_inval_range(u16 asid, u64 start, u64 end, u64 stride, enum tlb_depth depth)
{
	u64 n = (end - start + stride - 1) / stride;

	if (n == 1) {
		tlb_inval_page(asid, start, depth);
		return;
	}
	if (cpu_has_tlbi_range && end - start <= (1ul << 33)) {
		dsb(ishst);
		inval_by_range(asid, start, (end - start) >> PAGE_SHIFT,
			       depth == TLB_LAST_LEVEL ? ASID_LAST_LEVEL : ASID_ALL_LEVELS);
		dsb(ish);
		return;
	}
	if (n > MAX_SINGLE) {
		tlb_inval_asid(asid);
		return;
	}
	dsb(ishst);
	for (u64 va = start; va < end; va += stride) {
		if (depth == TLB_LAST_LEVEL)
			tlbi(vale1is, operand(asid, va));
		else
			tlbi(vae1is, operand(asid, va));
	}
	dsb(ish);
	count(page, n);
}

void tlb_inval_range_all_asids(u64 start, u64 end, u64 stride)
{
	u64 n = (end - start + stride - 1) / stride;

	if (n > 1 && cpu_has_tlbi_range && end - start <= (1ul << 33)) {
		dsb(ishst);
		inval_by_range(0, start, (end - start) >> PAGE_SHIFT, EVERY_ASID);
		dsb(ish);
		return;
	}
	if (n > MAX_SINGLE) {
		tlb_inval_all();
		return;
	}
	dsb(ishst);
	for (u64 va = start; va < end; va += stride)
		tlbi(vaale1is, operand(0, va));
	dsb(ish);
	count(page, n);
}

void tlb_inval_asid(u16 asid)
{
	dsb(ishst);
	tlbi(aside1is, field_put(OP_ASID, asid));
	dsb(ish);
	count(asid, 1);
}

void tlb_inval_kernel(u64 start, u64 end)
{
	if ((end - start) >> PAGE_SHIFT > 512) {
		tlb_inval_all();
		return;
	}
	dsb(ishst);
	for (u64 va = start; va < end; va += PAGE_SIZE)
		tlbi(vaae1is, field_put(OP_VA, va >> PAGE_SHIFT));
	dsb(ish);
	isb();
	count(page, (end - start) >> PAGE_SHIFT);
}

void tlb_inval_all(void)
{
	dsb(ishst);
	asm volatile("tlbi vmalle1is" ::: "memory");
	dsb(ish);
	isb();
	count(all, 1);
}

void tlb_inval_all_local(void)
{
	dsb(nshst);
	asm volatile("tlbi vmalle1" ::: "memory");
	dsb(nsh);
	isb();
}

/* TTBR0 carries the ASID (TCR.A1 = 0), so root and ASID change together. */
void arch_load_user_root(paddr_t root, u16 asid)
{
	if (!root)
		root = virt_to_phys(empty_root);
	write_sysreg(root | field_put(OP_ASID, asid), ttbr0_el1);
	isb();
}
