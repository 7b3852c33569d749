/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt numbers and handlers (drv/irq.c over GICv2 or GICv3). */
#ifndef HAL_IRQ_H
#define HAL_IRQ_H
#include <base/types.h>

typedef void (*irq_fn)(void *arg);
/* irq: GIC interrupt ID (PPI 16-31, SPI 32..). The handler runs with interrupts off. level or edge
 * from the device tree. 0, -EBUSY, -EINVAL, -ENOMEM. */
int irq_register(u32 irq, bool edge, irq_fn fn, void *arg, const char *name);
#endif
