/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts: a table of handlers over a GICv2 or GICv3. Handlers are registered at boot and stay.
 */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/printk.h>
#include <drv/klog.h>
#include <drv/machine.h>
#include <hal/cpu.h>
#include <hal/irq.h>
#include <lib/fdt.h>
#include "gic.h"

struct handler { irq_fn fn; void *arg; const char *name; u64 count[MAX_CPUS]; };

static struct handler handlers[MAX_IRQS];
const void *machine_fdt;
static const struct gic_ops *gic;

int irq_register(u32 irq, bool edge, irq_fn fn, void *arg, const char *name)
{
	struct handler *h;

	if (irq < 16 || irq >= MAX_IRQS || !gic)
		return -EINVAL;
	h = &handlers[irq];
	if (h->fn)
		return -EBUSY;
	h->arg = arg;
	h->name = name;
	__atomic_store_n(&h->fn, fn, __ATOMIC_RELEASE);
	gic->enable(irq, edge);
	return 0;
}

bool irq_stats(u32 irq, u32 cpu, const char **name, u64 *count)
{
	if (irq >= MAX_IRQS || (irq ? !handlers[irq].fn : !gic))
		return false;
	*name = irq ? handlers[irq].name : "other CPUs' calls";
	*count = handlers[irq].count[cpu];
	return true;
}

void arch_send_ipi(u32 cpu) { gic->send_ipi(cpu); }

void irq_dispatch(void)
{
	u32 irq;

	while ((irq = gic->acknowledge()) < 1020) {
		if (irq < 16) {
			handlers[0].count[cpu_id()]++;
			gic->end(irq);
			arch_stop_if_panic();
			ipi_handler();
			klog_wake();
			continue;
		}
		if (irq < MAX_IRQS && handlers[irq].fn) {
			handlers[irq].count[cpu_id()]++;
			handlers[irq].fn(handlers[irq].arg);
		}
		gic->end(irq);
	}
}

static void timer_irq(void *arg) { timer_interrupt(); }

/* The binding lists secure, non-secure, virtual and hypervisor timer; arch says which it uses. */
static int timer_irq_init(void)
{
	int node = dt_next_compatible(machine_fdt, -1, "arm,armv8-timer");
	bool edge;
	u32 id;

	if (node < 0 || !dt_interrupt(machine_fdt, node, arch_timer_index(), &id, &edge))
		return -ENODEV;
	handlers[id].fn = timer_irq;
	handlers[id].name = "timer";
	gic->enable(id, edge);
	return 0;
}

int irq_init(void)
{
	gic = gic3_probe();
	if (!gic)
		gic = gic2_probe();
	if (!gic)
		return -ENODEV;
	gic->init_cpu();
	return timer_irq_init();
}

/* Private interrupts are enabled on each CPU by itself. */
void irq_init_cpu(void)
{
	gic->init_cpu();
	for (u32 i = 16; i < 32; i++)
		if (handlers[i].fn)
			gic->enable(i, false);
}
