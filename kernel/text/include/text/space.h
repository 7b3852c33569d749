/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which granules of executable memory are taken: pure bookkeeping over a row of 2 MiB blocks, each
 * present (with its bitmaps), possible, or not to be had. Positions and sizes are in granules of 64
 * bytes from the row's start. The caller locks, and brings and takes away blocks.
 *
 * Two bits per granule: `used`, and `start` for the first one of each allocation, so that the size
 * of an allocation is found from its position alone. Freeing only clears bits.
 */
#ifndef TEXT_SPACE_H
#define TEXT_SPACE_H
#include <base/types.h>

#define SPACE_GRANULE		64u	/* bytes */
#define SPACE_BLOCK_GRANULES	32768u	/* of 2 MiB */
#define SPACE_WORDS		(SPACE_BLOCK_GRANULES / 64)
#define SPACE_MAX_BLOCKS	64u
#define SPACE_NONE		(~0u)

struct space_block {
	u32 free;		/* granules */
	u32 kept;		/* granules that were never free: those before the tail of text */
	u64 used[SPACE_WORDS], start[SPACE_WORDS];
};

struct space {
	u32 nblocks;
	u64 possible;		/* by block: may be brought when it is not present */
	u32 hint;		/* no granule of a present block before this one is free */
	struct space_block *block[SPACE_MAX_BLOCKS];	/* NULL: not present */
};

/*
 * The first run of n > 0 free granules at a multiple of align (a power of two, at most a block), or
 * SPACE_NONE. With fresh, possible blocks count as free.
 */
u32 space_find(const struct space *s, u32 n, u32 align, bool fresh);
/* Takes [at, at + n), all free and present, as one allocation. */
void space_take(struct space *s, u32 at, u32 n);
/* The granules of the allocation that begins at `at`; 0: none begins there. */
u32 space_size(const struct space *s, u32 at);
/* Where the allocation that holds granule g begins; SPACE_NONE: g is free. */
u32 space_start(const struct space *s, u32 g);
/* Ends the allocation at `at`; gives its size, 0 (and nothing happens) if none begins there. */
u32 space_free(struct space *s, u32 at);
/* b, zeroed by the caller, comes as block i with its first `kept` granules taken for ever. */
void space_bring(struct space *s, u32 i, struct space_block *b, u32 kept);
/* Takes block i away if it is present, nothing in it is used and nothing was kept: the caller gets
 * it back; else NULL. */
struct space_block *space_drop(struct space *s, u32 i);
/* Granules of present blocks that are taken by allocations, that are free, and the largest run of
 * free ones. */
struct space_totals { u32 blocks, used, free, largest; };
void space_totals(const struct space *s, struct space_totals *t);
#endif
