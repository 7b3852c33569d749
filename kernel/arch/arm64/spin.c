/* SPDX-License-Identifier: BSD-2-Clause */
/* The contended half of the spinlock, and the one copy of kimage_voffset. */
#include <hal/spinlock.h>

/*
 * WFE returns when the exclusive monitor that LDAXR armed is cleared, which a store to the word by
 * another CPU does; so no wake-up can fall between the look and the sleep (Arm ARM, B2.10.2).
 */
__noinline void arch_spin_wait(struct spinlock *l)
{
	u32 held;

	asm volatile("1:	ldaxr	%w0, %1\n"
		     "	cbz	%w0, 2f\n"
		     "	wfe\n"
		     "	b	1b\n"
		     "2:	stxr	%w0, %w2, %1\n"
		     "	cbnz	%w0, 1b\n"
		     : "=&r"(held), "+Q"(l->held)
		     : "r"(1)
		     : "memory");
}
