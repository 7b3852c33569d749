/* SPDX-License-Identifier: BSD-2-Clause */
/* PL031 real-time clock (Arm DDI 0224): seconds since 1970, read once at boot. */
#include <base/init.h>
#include <drv/machine.h>
#include <hal/mmio.h>
#include <lib/fdt.h>
#include <mm/page.h>
#include <task/timer.h>

static int pl031_probe(void)
{
	int node = dt_next_compatible(machine_fdt, -1, "arm,pl031");
	volatile u8 *base;
	u64 pa, size;

	if (node < 0 || !dt_reg(machine_fdt, node, 0, &pa, &size))
		return 0;
	base = ioremap(pa, size);
	realtime_set(mmio_read32(base) * 1000000000ull);
	return 0;
}
INITCALL(device, pl031_probe);
