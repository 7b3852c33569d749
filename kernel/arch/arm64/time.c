/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generic timer. At EL1 the virtual timer; at EL2 with VHE the EL2 physical timer (CNTP_*
 * there), since not every QEMU wires the EL2 virtual one. Both count with CNTVCT: its offset is 0
 * at EL2, and set to 0 on the way down to EL1.
 */
#include <arch/sysreg.h>
#include <arch/vdso.h>
#include <hal/uaccess.h>
#include "internal.h"

#define FRACTION VDSO_FRACTION	/* bits behind the point of mult and ticks_per_ns */

static u64 hz, base, mult, ticks_per_ns;

void time_init(void)
{
	hz = read_sysreg(cntfrq_el0);
	if (!hz)
		hz = 62500000;
	mult = (1000000000ull << FRACTION) / hz;
	ticks_per_ns = (u64)(((__uint128_t)hz << FRACTION) / 1000000000u);
	base = read_sysreg(cntvct_el0);
	vdso_data_init(base, mult);
}

u64 arch_counter(void) { return read_sysreg(cntvct_el0); }
u64 arch_counter_hz(void) { return hz; }
u32 arch_timer_index(void) { return cpu_at_el2 ? 3 : 2; }

u64 clock_ns(void)
{
	return (u64)(((__uint128_t)(read_sysreg(cntvct_el0) - base) * mult) >> FRACTION);
}

void arch_timer_set(u64 ns)
{
	u64 at = ns == ~0ull ? ~0ull
			     : base + (u64)(((__uint128_t)ns * ticks_per_ns) >> FRACTION) + 1;

	if (cpu_at_el2) {
		write_sysreg(at, cntp_cval_el0);
		write_sysreg(1, cntp_ctl_el0);
	} else {
		write_sysreg(at, cntv_cval_el0);
		write_sysreg(1, cntv_ctl_el0);
	}
	isb();
}
