/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv2 (Arm IHI 0048B): memory-mapped distributor and CPU interface. */
#include <drv/machine.h>
#include <hal/preempt.h>
#include <lib/fdt.h>
#include <mm/page.h>
#include "gic.h"

enum { GICC_CTLR = 0x00, GICC_PMR = 0x04, GICC_IAR = 0x0c, GICC_EOIR = 0x10 };

static volatile u8 *dist, *cpuif;
static u8 cpu_target[MAX_CPUS]; /* each CPU's bit in target registers, as the banked ITARGETSR0
				   shows it */
static DEFINE_PER_CPU(u32, last_iar);	/* EOIR wants the source CPU of an SGI back */

static void init_cpu(void)
{
	u32 targets = mmio_read32(dist + GICD_ITARGETSR);

	cpu_target[cpu_id()] = (u8)(targets ?: 1);
	for (u32 i = 0; i < 32; i += 4)
		mmio_write32(dist + GICD_IPRIORITYR + i, GIC_PRIORITY * 0x01010101u);
	mmio_write32(dist + GICD_ISENABLER, 0xffff);	/* SGIs */
	mmio_write32(cpuif + GICC_PMR, 0xff);
	mmio_write32(cpuif + GICC_CTLR, 1);
}

static void enable(u32 irq, bool edge)
{
	if (irq >= 32) {
		mmio_write8(dist + GICD_ITARGETSR + irq, cpu_target[0]);
		mmio_write8(dist + GICD_IPRIORITYR + irq, GIC_PRIORITY);
		gicd_set_trigger(dist, irq, edge);
	}
	gicd_set_bit(dist, GICD_ISENABLER, irq);
}

static u32 acknowledge(void)
{
	u32 iar = mmio_read32(cpuif + GICC_IAR);

	this_cpu(last_iar) = iar;
	return iar & 0x3ff;
}

static void end(u32 irq)
{
	mmio_write32(cpuif + GICC_EOIR, irq < 16 ? this_cpu(last_iar) : irq);
}

static void send_ipi(u32 cpu)
{
	mmio_barrier();		/* what the target shall see comes first */
	mmio_write32(dist + GICD_SGIR, (u32)cpu_target[cpu] << 16);
}

static const struct gic_ops ops = { init_cpu, enable, acknowledge, end, send_ipi };

const struct gic_ops *gic2_probe(void)
{
	u64 d, dsize, c, csize;
	int node = dt_next_compatible(machine_fdt, -1, "arm,cortex-a15-gic");

	if (node < 0)
		node = dt_next_compatible(machine_fdt, -1, "arm,gic-400");
	if (node < 0 || !dt_reg(machine_fdt, node, 0, &d, &dsize) ||
	    !dt_reg(machine_fdt, node, 1, &c, &csize))
		return NULL;
	dist = ioremap(d, dsize);
	cpuif = ioremap(c, csize);
	mmio_write32(dist + GICD_CTLR, 1);
	return &ops;
}
