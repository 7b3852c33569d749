/* SPDX-License-Identifier: BSD-2-Clause */
/* The contended half of the ticket lock, and the one copy of kimage_voffset. */
#include <hal/spinlock.h>

/*
 * WFE returns when the exclusive monitor that LDAXRH armed is cleared, which a store to the word by
 * another CPU does; so no wake-up can fall between the look and the sleep (Arm ARM, B2.10.2).
 */
__noinline void arch_spin_wait(struct spinlock *l, u16 ticket)
{
	u32 owner;

	for (;;) {
		asm volatile("ldaxrh %w0, [%1]" : "=r"(owner) : "r"(&l->owner) : "memory");
		if (owner == ticket)
			break;
		asm volatile("wfe" ::: "memory");
	}
	asm volatile("clrex");
}
