/* SPDX-License-Identifier: BSD-2-Clause */
/* PL011 UART (Arm DDI 0183) as the terminal ttyAMA0. Output is polled out of the ring: the emulated
 * FIFO never stays full for long. */
#include <base/init.h>
#include <base/printk.h>
#include <drv/machine.h>
#include <hal/cpu.h>
#include <drv/tty.h>
#include <hal/irq.h>
#include <hal/mmio.h>
#include <lib/fdt.h>
#include <mm/page.h>

enum {
	UARTDR = 0x00,
	UARTFR = 0x18,
	UARTLCR_H = 0x2c,
	UARTCR = 0x30,
	UARTIMSC = 0x38,
	UARTICR = 0x44,
	FR_RXFE = BIT(4),
	FR_TXFF = BIT(5),
	INT_RX = BIT(4),
	INT_TX = BIT(5),
	INT_RT = BIT(6),
	LCR_FIFO = BIT(4),
	LCR_8BIT = 3 << 5,
	CR_ON = BIT(0) | BIT(8) | BIT(9),
};

struct pl011 { volatile u8 *base; struct tty *tty; struct spinlock lock; };

/* Moves what both sides can take. A full input ring leaves bytes in the FIFO with the receive
 * interrupt off. lock held. */
static void receive(struct pl011 *u)
{
	u8 buf[32];
	size_t n;
	bool room;

	do {
		room = tty_receive_room(u->tty) >= sizeof(buf);
		for (n = 0; room && n < sizeof(buf) && !(mmio_read32(u->base + UARTFR) & FR_RXFE);
		     n++)
			buf[n] = (u8)mmio_read32(u->base + UARTDR);
		if (n)
			tty_receive(u->tty, buf, n);
	} while (n == sizeof(buf));
	mmio_write32(u->base + UARTIMSC, room ? INT_RX | INT_RT : 0);
}

static void transmit(struct pl011 *u)
{
	u8 buf[64];
	size_t n;

	while ((n = tty_take(u->tty, buf, sizeof(buf)))) {
		for (size_t i = 0; i < n; i++) {
			while (mmio_read32(u->base + UARTFR) & FR_TXFF)
				cpu_relax();
			mmio_write32(u->base + UARTDR, buf[i]);
		}
	}
}

static void pl011_irq(void *arg)
{
	struct pl011 *u = arg;

	mmio_write32(u->base + UARTICR, 0x7ff);
	receive(u);
}

/* Output order is kept by the lock; the rings have their own. Also called after a read made room
 * for input. */
static void pl011_start(struct tty *t)
{
	struct pl011 *u = t->private;
	u64 flags = spin_lock_irqsave(&u->lock);

	transmit(u);
	mmio_write32(u->base + UARTIMSC, INT_RX | INT_RT);
	spin_unlock_irqrestore(&u->lock, flags);
}

static const struct tty_ops pl011_ops = { .start = pl011_start };

static int pl011_probe(void)
{
	static struct pl011 uart;
	int node = dt_next_compatible(machine_fdt, -1, "arm,pl011");
	u64 pa, size;
	bool edge;
	u32 irq;

	if (node < 0 || !dt_reg(machine_fdt, node, 0, &pa, &size) ||
	    !dt_interrupt(machine_fdt, node, 0, &irq, &edge))
		return 0;
	spin_init(&uart.lock);
	uart.base = ioremap(pa, size);
	uart.tty = tty_new("ttyAMA0", mkdev(204, 64), &pl011_ops, &uart);
	if (!uart.base || !uart.tty)
		return -ENOMEM;
	mmio_write32(uart.base + UARTLCR_H, LCR_FIFO | LCR_8BIT);
	mmio_write32(uart.base + UARTCR, CR_ON);
	irq_register(irq, edge, pl011_irq, &uart, "pl011");
	mmio_write32(uart.base + UARTIMSC, INT_RX | INT_RT);
	return tty_register(uart.tty);
}
INITCALL(device, pl011_probe);
