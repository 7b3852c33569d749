/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving memory back when it is short: what other layers cache, and pages that can be read again.
 */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H
#include <base/types.h>

/*
 * shrink frees up to nr objects of a cache and returns how many it freed. Called in thread context
 * from any allocation that may sleep, so it must not wait for a lock that is held across one
 * (trylock and give up).
 */
struct shrinker {
	const char *name;
	u64 (*shrink)(u64 nr);
	struct shrinker *next;	/* mm's */
};
void shrinker_register(struct shrinker *s);	/* lives for ever */
#endif
