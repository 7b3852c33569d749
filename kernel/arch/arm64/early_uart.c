/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial port (PL011, Arm DDI 0183) polled: from before there is memory to the end of a panic.
 */
#include <hal/boot.h>

#define UARTDR		0x00
#define UARTFR		0x18
#define UARTFR_TXFF	(1u << 5)

static u8 volatile *uart;

void arch_early_uart(paddr_t pa) { uart = arch_early_map(pa); }

void arch_early_puts(const char *s, size_t n)
{
	if (!uart)
		return;
	for (; n; n--, s++) {
		while (*(u32 volatile *)(uart + UARTFR) & UARTFR_TXFF)
			;
		*(u32 volatile *)(uart + UARTDR) = (u8)*s;
	}
}
