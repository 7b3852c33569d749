/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at slab caches from outside: /proc/slabinfo and the audit. The allocator's interface is
 * base/alloc.h. */
#ifndef MM_SLAB_H
#define MM_SLAB_H
#include <base/alloc.h>

struct slab_stat {
	const char *name;
	u32 size;		/* bytes of one object */
	u64 in_use, total;	/* objects */
	u64 pages;
};
/* The n-th cache; false beyond the last. Any thread context. */
bool slab_stat(u32 n, struct slab_stat *s);
/* Set from the boot word slab_debug before mm_init: red zones, poison and double-free checks in
 * every cache. */
extern bool slab_debug;
#endif
