/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executable memory of the kernel: one allocator for everybody (docs/execmem.md). What it gives is
 * read-only and executable from birth, holds traps until it is filled, and lies within reach of a
 * direct branch from the kernel's text and from any other piece of it.
 *
 * All of these may sleep; the allocator's lock is a leaf of the sleeping locks but for what
 * allocating memory takes.
 */
#ifndef TEXT_EXECMEM_H
#define TEXT_EXECMEM_H
#include <hal/rcu.h>

/*
 * size bytes (1 and up), at a multiple of align (a power of two, up to a page; 64 at least is
 * given), or NULL: no memory or no such room; then nothing has changed. Filled with traps.
 */
void *execmem_alloc(size_t size, size_t align) __must_check;
/*
 * Writes [dst, dst + len), which lies in one allocation that nobody executes yet. When it returns,
 * every CPU may. Fills of different places may run at the same time. -EINVAL: not within one
 * allocation; nothing is written.
 */
int execmem_fill(void *dst, const void *src, size_t len) __must_check;
/*
 * Replaces one instruction that CPUs may be executing: each runs the old or the new one. Both are
 * of those that may be exchanged so (Arm ARM, B2.2.5: B, BL, NOP, BRK, ISB, SVC, HVC, SMC).
 * -EINVAL: they are not, `at` is not aligned or not allocated; -ESTALE: `old` is not what is there.
 * Who needs to know that all CPUs run the new one calls text_sync after.
 */
int execmem_update(u32 *at, u32 old, u32 new) __must_check;
/*
 * Ends the allocation that begins at p (NULL is allowed), which no CPU and no task executes any
 * more (text_retire); it is filled with traps before it can be handed out again. Allocates nothing,
 * cannot fail.
 */
void execmem_free(void *p);

/* When it returns every CPU has synchronised its instruction stream. */
void text_sync(void);

/*
 * Calls fn(r), in a thread, once no CPU and no task can still be in code that could not be reached
 * any more when this was called. Code runs with preemption off, or its runner holds a reference
 * that keeps it from being retired. Any context. r lives inside the object.
 */
struct text_retired { struct rcu_head rcu; };
void text_retire(struct text_retired *r, void (*fn)(struct text_retired *));

struct execmem_stats {
	u32 blocks;			/* of 2 MiB, with that of the kernel's text */
	u32 used, free, largest;	/* granules of 64 bytes; largest run that is free */
	u64 allocs, frees, fills, filled, updates;	/* events, filled: bytes */
};
/* As they are now. Sleeps. */
void execmem_stats(struct execmem_stats *s);
/* Calls fn(arg) while no block comes or goes; fills go on. Sleeps. */
void execmem_still(void (*fn)(void *arg), void *arg);
#endif
