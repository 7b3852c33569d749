/* SPDX-License-Identifier: BSD-2-Clause */
/* FEAT_LSE: LDADD and its kin (Arm ARM, C6.2). The kernel is built for CPUs without it, too. */
#ifndef ARCH_ATOMIC_H
#define ARCH_ATOMIC_H

extern bool arch_lse;

static __always_inline void arch_add(u64 *p, u64 n, bool lse)
{
	if (lse)
		asm volatile(".arch_extension lse\n\tstadd %1, %0" : "+Q"(*p) : "r"(n));
	else
		(void)__atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}

static __always_inline void arch_add32(u32 *p, u32 n, bool lse)
{
	if (lse)
		asm volatile(".arch_extension lse\n\tstadd %w1, %0" : "+Q"(*p) : "r"(n));
	else
		(void)__atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}

static __always_inline u64 arch_fetch_add(u64 *p, u64 n, bool lse)
{
	u64 old;

	if (!lse)
		return __atomic_fetch_add(p, n, __ATOMIC_ACQ_REL);
	asm volatile(".arch_extension lse\n\tldaddal %2, %0, %1"
		     : "=r"(old), "+Q"(*p)
		     : "r"(n)
		     : "memory");
	return old;
}
#endif
