/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running task is in TPIDR_EL1, which EL0 cannot see: unlike SP_EL0 it needs no exchange at
 * exception entry. The asm is not volatile: a thread's current never changes under it, so the
 * compiler may keep it.
 */
#ifndef ARCH_CURRENT_H
#define ARCH_CURRENT_H
#include <base/types.h>

struct thread_core;
static __always_inline struct thread_core *current_core(void)
{
	struct thread_core *c;

	asm("mrs %0, tpidr_el1" : "=r"(c));
	return c;
}
#endif
