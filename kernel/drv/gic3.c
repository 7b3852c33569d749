/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv3 (Arm IHI 0069): affinity routing, redistributors, CPU interface in system registers
 * (through arch/). */
#include <drv/machine.h>
#include <base/printk.h>
#include <hal/cpu.h>
#include <lib/fdt.h>
#include <mm/page.h>
#include "gic.h"

enum {
	GICR_TYPER = 0x0008,
	GICR_WAKER = 0x0014,
	GICR_FRAME = 0x10000,
	GICR_SGI = 0x10000,
	GICR_STRIDE = 0x20000,
	GICD_CTLR_ARE = BIT(4),
	GICD_CTLR_GROUP1 = BIT(1),
	GICD_CTLR_RWP = BIT(31),
	GICR_TYPER_VLPIS = BIT(1),
	GICR_TYPER_LAST = BIT(4),
};

static volatile u8 *dist, *redist_base;
static u64 redist_size;
static DEFINE_PER_CPU(volatile u8 *, redist);

/* The redistributor whose affinity is this CPU's: bits 63..32 of its TYPER are aff3.aff2.aff1.aff0.
 */
static volatile u8 *find_redist(void)
{
	u64 mpidr = arch_mpidr();
	u32 want = (u32)((mpidr & 0xffffff) | ((mpidr >> 32 & 0xff) << 24));

	for (u64 off = 0; off + GICR_STRIDE <= redist_size; ) {
		u64 typer = mmio_read64(redist_base + off + GICR_TYPER);

		if (typer >> 32 == want)
			return redist_base + off;
		if (typer & GICR_TYPER_LAST)
			break;
		off += GICR_STRIDE * (typer & GICR_TYPER_VLPIS ? 2 : 1);
	}
	return NULL;
}

static void init_cpu(void)
{
	volatile u8 *r = find_redist();

	if (!r)
		panic("GICv3: no redistributor for CPU %u", cpu_id());
	this_cpu(redist) = r;
	mmio_write32(r + GICR_WAKER, mmio_read32(r + GICR_WAKER) & ~2u); /* ProcessorSleep off */
	while (mmio_read32(r + GICR_WAKER) & 4)		/* ChildrenAsleep */
		cpu_relax();
	mmio_write32(r + GICR_SGI + GICD_IGROUPR, ~0u);
	for (u32 i = 0; i < 32; i += 4)
		mmio_write32(r + GICR_SGI + GICD_IPRIORITYR + i, GIC_PRIORITY * 0x01010101u);
	mmio_write32(r + GICR_SGI + GICD_ISENABLER, 0xffff);
	arch_gic3_init_cpu();
}

static void enable(u32 irq, bool edge)
{
	if (irq < 32) {
		gicd_set_bit(this_cpu(redist) + GICR_SGI, GICD_ISENABLER, irq);
		return;
	}
	mmio_write8(dist + GICD_IPRIORITYR + irq, GIC_PRIORITY);
	gicd_set_trigger(dist, irq, edge);
	mmio_write64(dist + GICD_IROUTER + 8 * irq, arch_mpidr() & 0xff00ffffffull);
	gicd_set_bit(dist, GICD_ISENABLER, irq);
}

static const struct gic_ops ops = {init_cpu, enable, arch_gic3_acknowledge, arch_gic3_end,
				   arch_gic3_send_sgi};

const struct gic_ops *gic3_probe(void)
{
	int node = dt_next_compatible(machine_fdt, -1, "arm,gic-v3");
	u64 d, dsize, r;
	u32 lines;

	if (node < 0 || !dt_reg(machine_fdt, node, 0, &d, &dsize) ||
	    !dt_reg(machine_fdt, node, 1, &r, &redist_size))
		return NULL;
	dist = ioremap(d, dsize);
	redist_base = ioremap(r, redist_size);
	mmio_write32(dist + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GROUP1);
	while (mmio_read32(dist + GICD_CTLR) & GICD_CTLR_RWP)
		cpu_relax();
	lines = 32 * ((mmio_read32(dist + GICD_TYPER) & 31) + 1);
	for (u32 i = 32; i < lines; i += 32) /* all shared interrupts in group 1, non-secure */
		mmio_write32(dist + GICD_IGROUPR + i / 8, ~0u);
	return &ops;
}
