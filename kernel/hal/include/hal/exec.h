/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executable memory of the kernel: mapping of 2 MiB blocks, and the only way to write what is
 * executable. text/ decides what goes where and serialises.
 *
 * Addresses from EXEC_BASE on, in blocks of PMD_SIZE, all within reach of a direct branch from any
 * other: first the kernel's text, then its data, then blocks that can be mapped.
 */
#ifndef HAL_EXEC_H
#define HAL_EXEC_H
#include <hal/page.h>

#define EXEC_BASE	KIMAGE_VA
#define EXEC_BLOCKS	((u32)((EXEC_END - EXEC_BASE) >> PMD_SHIFT))
/* Blocks before it are the image's and cannot be mapped. */
#define EXEC_FIRST	((u32)(KIMAGE_MAX >> PMD_SHIFT))

/* The part of the image's last block of text that holds no text: traps, executable like the rest.
 */
void arch_exec_tail(u64 *start, u64 *end);
/*
 * Maps RAM [pa, pa + PMD_SIZE), all zeros, which is all traps, at va, an unmapped block: read-only
 * and executable from the start, and its alias in the linear map read-only before that. Serialised
 * by the caller. -EINVAL: the linear map has no block there; nothing has changed.
 */
int arch_exec_map(u64 va, paddr_t pa) __must_check;
/* Unmaps such a block and makes its alias writable again. No CPU executes it any more. */
void arch_exec_unmap(u64 va);

/* Once, before the first write: the windows' tables. page gives zeroed pages, 0: none. -ENOMEM. */
int arch_exec_init(paddr_t (*page)(void)) __must_check;
/*
 * Writes n bytes of executable memory at va (src NULL: zeros, traps): through a window in a user
 * half of this CPU's own, one page at a time with interrupts off, then brings caches to agree and
 * synchronises this CPU. Other CPUs: arch_exec_sync on each. An aligned word or pair of words of 4
 * bytes is stored at once.
 */
void arch_exec_write(u64 va, const void *src, size_t n);
/* This CPU fetches anew what it will execute. */
void arch_exec_sync(void);

/*
 * text's: the kernel's instruction at pc, outside of its own text, has faulted at an address. True:
 * it may; it goes on at *resume, and register *reg (0..30) becomes 0. Interrupts are off, and such code
 * runs with preemption off: an access of its is never tried again.
 */
bool exec_fault(u64 pc, u64 *resume, u32 *reg);

/* --- for the checker: every leaf of the kernel half and of the windows ------------------------ */
struct exec_leaf {
	u64 va, size;
	paddr_t pa;
	bool write, exec;
	bool window;		/* in the user half of one CPU, during a fill */
};
/* What others change meanwhile is seen before or after. */
void arch_kernel_walk(void (*fn)(void *arg, const struct exec_leaf *l), void *arg);
#endif
