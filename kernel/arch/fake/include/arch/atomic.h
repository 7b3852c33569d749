/* SPDX-License-Identifier: BSD-2-Clause */
/* Which instruction adds is all one here; both loops are run. */
#ifndef ARCH_ATOMIC_H
#define ARCH_ATOMIC_H

extern bool arch_lse;

static inline void arch_add(u64 *p, u64 n, bool lse) { __atomic_fetch_add(p, n, __ATOMIC_RELAXED); }
static inline void arch_add32(u32 *p, u32 n, bool lse)
{
	__atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}
static inline u64 arch_fetch_add(u64 *p, u64 n, bool lse)
{
	return __atomic_fetch_add(p, n, __ATOMIC_ACQ_REL);
}
#endif
