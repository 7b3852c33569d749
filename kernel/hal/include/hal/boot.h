/* SPDX-License-Identifier: BSD-2-Clause */
/* What the entry code hands to kernel_main, and the mapping calls of early boot (one CPU,
 * interrupts off). */
#ifndef HAL_BOOT_H
#define HAL_BOOT_H
#include <base/types.h>

struct boot_info {
	const void *fdt;		/* device tree, mapped read-only; NULL if x0 held none */
	paddr_t fdt_pa;
	paddr_t image_start, image_end;	/* the kernel image with its bss and early tables */
	u32 el;				/* exception level the kernel runs at: 1 or 2 (VHE) */
};

/* Straight to the serial port, any context, before and beside the drivers. */
void arch_early_puts(const char *s, size_t n);
void arch_early_uart(paddr_t pl011);	/* where that is; nothing is printed before */
/* Device registers before mm_init: maps the page of pa in one of a few fixed slots, for good. NULL:
 * none left. */
void volatile *arch_early_map(paddr_t pa);

/* Maps RAM [start, end) into the linear map, writable and not executable, in 2 MiB blocks where
 * alignment allows (the kernel's text and rodata alias read-only). alloc returns a zeroed
 * page-table page that is mapped already. */
void arch_map_linear(paddr_t start, paddr_t end, paddr_t (*alloc)(void));
/* Kernel-half mapping of [va, va + size) for vmalloc, vmemmap and ioremap: 4 KiB and 2 MiB leaves
 * as alignment allows. arch owns the kernel half's tables; alloc as above. -ENOMEM maps nothing.
 * Serialised by the caller. */
int arch_kmap(u64 va, paddr_t pa, u64 size, int mem_type, bool write,
	      paddr_t (*alloc)(void)) __must_check;
/* Removes and invalidates; tables stay. */
void arch_kunmap(u64 va, u64 size);
/* 0 if not mapped: for the audit, /proc and panic. */
paddr_t arch_kernel_lookup(u64 va);
/* From the device tree, before arch_start_cpu and power control: the conduit of PSCI, each CPU's
 * affinity. */
void arch_set_psci(bool use_hvc);
void arch_set_mpidr(u32 cpu, u64 mpidr);
/* The symbol that a kernel text address lies in, how far behind its start, and (if size is not NULL)
 * how many bytes there are to the next one; NULL: none. */
const char *arch_symbol(u64 addr, u64 *offset, u64 *size);
/* The n-th symbol of the kernel's text, by address; NULL: there are not so many. */
const char *arch_symbol_nth(u32 n, u64 *addr);
/* The BTF blob of this kernel, page-aligned, constant, the rest of its last page zeros; NULL and
 * *size 0 in an image without. */
const void *arch_btf(u32 *size);
/* What panic does at its end, Linux's panic= word: 0 powers off, n restarts after n seconds,
 * negative at once. */
extern i32 panic_timeout;
/* Called at the end of a panic with interrupts off: writes out what consoles have not got of the
 * log yet (drv/console.c). */
void panic_flush(void);
#endif
