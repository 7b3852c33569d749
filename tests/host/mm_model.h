/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of operations on several address spaces, checked against a flat model of memory
 * (tests/host/mm_model.c).
 */
#ifndef MM_MODEL_H
#define MM_MODEL_H
#include <base/types.h>

struct mm_model_stats { u64 ops, faults, reads, writes, forks, failures; };
/*
 * Runs the operations that data encodes (or, data NULL, n random ones from seed). fail_rate: one in
 * so many allocations fails, 0 none. Panics at the first difference; afterwards everything has been
 * freed and counted.
 */
void mm_model_run(const u8 *data, size_t n, u64 seed, u32 fail_rate, struct mm_model_stats *st);
/* The tree of an address space is what it should be. */
struct mm;
void mm_check_tree(struct mm *mm);
#endif
