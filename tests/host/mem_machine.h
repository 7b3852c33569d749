/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine under the real page, slab and page-cache code: RAM is a file in memory, the linear
 * map and every kernel mapping are real mappings of it, and what is not mapped traps. Scheduling is
 * arch/fake's.
 */
#ifndef TESTS_MEM_MACHINE_H
#define TESTS_MEM_MACHINE_H
#include <mm/page.h>

#define MACHINE_TOP (8 * GIB)	/* physical addresses from FAKE_RAM_BASE that may be RAM */

/* A fresh process only: mm's state is static. The banks and reserved ranges have been given; runs
 * mm_init. */
void machine_start(u64 seed);
/* All CPUs' lists back to the slabs and the buddy lists. */
void machine_drain(void);
/* Runs the audit; fails the test at a BAD line. */
void machine_audit(void);
extern u64 machine_banks_end;
#endif
