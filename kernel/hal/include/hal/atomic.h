/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Additions to many counters, one after the other, where the addition is most of what a loop does:
 * with one instruction on CPUs that have it. Everybody else uses base/atomic.h.
 *
 * arch/atomic.h provides:
 *   bool arch_lse                              this CPU has such instructions
 *   void arch_add(u64 *p, u64 n, bool lse)     *p += n, ordering nothing; arch_add32: of a u32
 *   u64 arch_fetch_add(u64 *p, u64 n, bool lse)    the same, acquire and release; what *p was
 * lse is arch_lse, asked once: a constant in each of the two loops that the caller has.
 */
#ifndef HAL_ATOMIC_H
#define HAL_ATOMIC_H
#include <base/types.h>
#include <arch/atomic.h>
#endif
