/* SPDX-License-Identifier: BSD-2-Clause */
/* Masking of interrupts: PSTATE.I. Debug, SError and FIQ stay masked while the kernel runs. */
#ifndef ARCH_IRQFLAGS_H
#define ARCH_IRQFLAGS_H
#include <base/types.h>

#define DAIF_I	(1u << 7)

static __always_inline void irq_disable(void) { asm volatile("msr daifset, #2" ::: "memory"); }
static __always_inline void irq_enable(void) { asm volatile("msr daifclr, #2" ::: "memory"); }
static __always_inline u64 irq_flags(void)
{
	u64 f;

	asm volatile("mrs %0, daif" : "=r"(f) :: "memory");
	return f;
}
static __always_inline bool irqs_disabled(void) { return irq_flags() & DAIF_I; }
static __always_inline u64 irq_save(void)
{
	u64 f = irq_flags();

	irq_disable();
	return f;
}
static __always_inline void irq_restore(u64 f) { asm volatile("msr daif, %0" ::"r"(f) : "memory"); }
#endif
