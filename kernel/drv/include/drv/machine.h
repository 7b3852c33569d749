/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine has, for drivers: the device tree, checked by boot. */
#ifndef DRV_MACHINE_H
#define DRV_MACHINE_H
#include <base/types.h>
extern const void *machine_fdt;		/* never NULL once drivers run */
/* The interrupt controller: before any irq_register. -ENODEV: none that we know. */
int irq_init(void);
void irq_init_cpu(void);		/* each further CPU, interrupts off */
/* For /proc/interrupts: false if nothing is registered there. */
bool irq_stats(u32 irq, u32 cpu, const char **name, u64 *count);
/* Words of the kernel command line: the value of NAME=value, or "" for NAME alone, or NULL. The
 * last one wins. */
const char *cmdline_word(const char *name);
/* The same of the n-th such word from 0 on. */
const char *cmdline_word_nth(const char *name, u32 n);
extern const char *machine_cmdline;
#endif
