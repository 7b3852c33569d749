/* SPDX-License-Identifier: BSD-2-Clause */
/* Which seeds a test runs: SEED=n begins with another than 1, SEEDS=n runs so many, VERBOSE=1 names each. */
#ifndef SEEDS_H
#define SEEDS_H
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline u64 seeds_env(const char *name, u64 otherwise)
{
	return getenv(name) ? strtoull(getenv(name), NULL, 0) : otherwise;
}
static inline bool seeds_name(u64 seed)
{
	if (getenv("VERBOSE"))
		fprintf(stderr, "seed %lu\n", seed);
	return true;
}

/* s: each seed; usual: how many. */
#define for_each_seed(s, usual)                                                                    \
	for (u64 s = seeds_env("SEED", 1), seeds_end = s + seeds_env("SEEDS", usual);              \
	     s < seeds_end && seeds_name(s); s++)
#endif
