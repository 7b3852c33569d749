/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4) of one piece of memory. */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H
#include <base/types.h>

/* The digest of the n bytes at data. Any context; nothing is allocated. */
void sha256(const void *data, size_t n, u8 out[32]);
#endif
