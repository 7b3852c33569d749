/* SPDX-License-Identifier: BSD-2-Clause */
/* Arm Power State Coordination Interface (DEN0022), by SMC or HVC. */
#include <arch/irqflags.h>
#include <hal/boot.h>
#include "internal.h"

#define PSCI_SYSTEM_OFF		0x84000008u
#define PSCI_SYSTEM_RESET	0x84000009u

static bool by_hvc;

/* Until the device tree says otherwise: at EL1 there is a hypervisor or an emulated one, at EL2
 * only firmware is above. */
void psci_init(u32 el) { by_hvc = el == 1; }
void arch_set_psci(bool use_hvc) { by_hvc = use_hvc; }

/* What a call may change besides its results (Arm DEN0028, SMC calling convention). */
#define SMCCC_CLOBBERS                                                                             \
	"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",       \
		"x17", "memory"

long psci_call(u64 fn, u64 a0, u64 a1, u64 a2)
{
	register u64 x0 asm("x0") = fn;
	register u64 x1 asm("x1") = a0;
	register u64 x2 asm("x2") = a1;
	register u64 x3 asm("x3") = a2;

	if (by_hvc)
		asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) :: SMCCC_CLOBBERS);
	else
		asm volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) :: SMCCC_CLOBBERS);
	return (i32)x0;
}

static __noreturn void halt(void)
{
	for (;;)
		asm volatile("wfi");
}

__noreturn void arch_power_off(void)
{
	irq_disable();
	psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	halt();
}

__noreturn void arch_restart(void)
{
	irq_disable();
	psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
	halt();
}
