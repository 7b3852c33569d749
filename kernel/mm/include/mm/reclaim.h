/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving memory back when it is short: what other layers cache, and pages that can be read again.
 */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H
#include <base/types.h>

/*
 * A cache of another layer. count: objects that could be freed. shrink looks at up to nr of them
 * and returns how many it freed. Called in thread context from any allocation that may sleep, so
 * neither may wait for a lock that is held across one (trylock and give up).
 */
struct shrinker {
	const char *name;
	u64 (*count)(void);
	u64 (*shrink)(u64 nr);
	u32 per_page;		/* objects whose memory is about a page; 0: 1 */
	struct shrinker *next;	/* mm's */
};
void shrinker_register(struct shrinker *s);	/* lives for ever */
/* Every cache loses the part of its objects that priority says: 12 little, 0 all. Objects freed. */
u64 shrink_slabs(u32 priority);
/* Drops all clean page cache that nobody uses, and what MADV_FREE gave up. Sleeps. */
void drop_page_cache(void);

/*
 * Moves private memory together: free blocks of 2 MiB where there can be some, then of 64 KiB. Sleeps.
 * 0, or -ERESTARTSYS: a signal came while it was somebody else's turn.
 */
int compact_memory(void) __must_check;

void kswapd_main(void *unused);			/* the thread; does not return */

/* /proc/sys/vm: min_free_kbytes; watermark_scale_factor (1..3000, of ten thousand). */
u64 watermarks_min_kbytes(void);
void watermarks_set_min_kbytes(u64 kb);
extern u32 watermark_scale;			/* set it by watermarks_set_scale */
void watermarks_set_scale(u32 scale);
struct zone_info { u64 pages, free, min, low, high; };	/* pages */
void zone_info(struct zone_info *z);
#endif
