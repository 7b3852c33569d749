/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4) of one piece of memory. */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H
#include <base/types.h>

/* The digest of the n bytes at data. Any context; nothing is allocated. */
void sha256(const void *data, size_t n, u8 out[32]);
/*
 * How the machine hashes blocks of 64 bytes, if it can: changes the state, by the standard's
 * constants k; how many it has done, the rest is done here. NULL: it cannot. Set once, at start.
 */
extern u64 (*sha256_engine)(u32 state[8], const void *data, u64 blocks, const u32 k[64]);
#endif
