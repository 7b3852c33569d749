/* SPDX-License-Identifier: BSD-2-Clause */
/* The two interrupt controllers behind irq.c. */
#ifndef DRV_GIC_H
#define DRV_GIC_H
#include <base/bits.h>
#include <hal/mmio.h>

#define MAX_IRQS 512

struct gic_ops {
	void (*init_cpu)(void);			/* this CPU's part */
	void (*enable)(u32 irq, bool edge);	/* private ones: on this CPU */
	u32 (*acknowledge)(void);		/* interrupt ID; >= 1020: none */
	void (*end)(u32 irq);
	void (*send_ipi)(u32 cpu);
};
const struct gic_ops *gic2_probe(void);		/* NULL: there is none */
const struct gic_ops *gic3_probe(void);

/* Distributor registers that both versions have (GIC architecture specification, 12.9). */
enum {
	GICD_CTLR = 0x000,
	GICD_TYPER = 0x004,
	GICD_IGROUPR = 0x080,
	GICD_ISENABLER = 0x100,
	GICD_ICENABLER = 0x180,
	GICD_IPRIORITYR = 0x400,
	GICD_ITARGETSR = 0x800,
	GICD_ICFGR = 0xc00,
	GICD_SGIR = 0xf00,
	GICD_IROUTER = 0x6000,
};
#define GIC_PRIORITY 0xa0

static inline void gicd_set_bit(volatile u8 *base, u32 reg, u32 irq)
{
	mmio_write32((volatile void *)(base + reg + irq / 32 * 4), 1u << (irq % 32));
}
/* Two bits for each interrupt; bit 1 set: edge. */
static inline void gicd_set_trigger(volatile u8 *base, u32 irq, bool edge)
{
	volatile u8 *r = base + GICD_ICFGR + irq / 16 * 4;
	u32 bit = 2u << (irq % 16 * 2), v = mmio_read32(r);

	mmio_write32((volatile void *)r, edge ? v | bit : v & ~bit);
}
#endif
