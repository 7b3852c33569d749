/* SPDX-License-Identifier: BSD-2-Clause */
/* gzip members (RFC 1952), decompressed as a stream (lib/gunzip.c over zlib's inflate). */
#ifndef LIB_GUNZIP_H
#define LIB_GUNZIP_H
#include <base/types.h>

/* Receives decompressed bytes in order; nonzero (a negative errno) stops. */
typedef int (*gunzip_out)(void *arg, const void *data, size_t n);
static inline bool is_gzip(const void *data, size_t n)
{
	const u8 *p = data;

	return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}
/*
 * Decompresses the member at in (len bytes may hold more than it). *used: its length. 0; -EINVAL:
 * damaged or cut off, checksum included (what was good has been given out); -ENOMEM; or what out
 * returned. About 110 KiB of memory meanwhile.
 */
int gunzip(const void *in, size_t len, size_t *used, gunzip_out out, void *arg);
#endif
