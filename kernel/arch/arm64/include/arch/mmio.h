/* SPDX-License-Identifier: BSD-2-Clause */
/* Register accesses with one plain base register: what a hypervisor can emulate from the syndrome
 * alone (Arm ARM D24.2.40, ISV). */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H
#include <base/types.h>

#define ARCH_MMIO(bits, type, ldr, str, reg) \
static inline type mmio_read##bits(const volatile void *a) \
{ \
	type v; \
	asm volatile(ldr " %" reg "0, [%1]" : "=r"(v) : "r"(a) : "memory"); \
	return v; \
} \
static inline void mmio_write##bits(volatile void *a, type v) \
{ \
	asm volatile(str " %" reg "0, [%1]" : : "r"(v), "r"(a) : "memory"); \
}
ARCH_MMIO(8, u8, "ldrb", "strb", "w")
ARCH_MMIO(16, u16, "ldrh", "strh", "w")
ARCH_MMIO(32, u32, "ldr", "str", "w")
ARCH_MMIO(64, u64, "ldr", "str", "x")

static inline void mmio_barrier(void) { asm volatile("dsb sy" : : : "memory"); }
#endif
