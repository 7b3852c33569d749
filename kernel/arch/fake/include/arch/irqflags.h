/* SPDX-License-Identifier: BSD-2-Clause */
/* No interrupts on the host; the flag is kept so that what must not sleep with interrupts off is
 * caught. */
#ifndef ARCH_IRQFLAGS_H
#define ARCH_IRQFLAGS_H
#include <base/types.h>

u64 irq_save(void);
void irq_restore(u64 flags);
void irq_disable(void);
void irq_enable(void);
bool irqs_disabled(void);
#endif
