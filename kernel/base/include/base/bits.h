/* SPDX-License-Identifier: BSD-2-Clause */
/* Named bit fields: FIELD(lo, width) is a mask; field_get and field_put move values in and out of
 * it. */
#ifndef BASE_BITS_H
#define BASE_BITS_H
#include <base/types.h>

#define FIELD(lo, width)	(((width) == 64 ? ~0ull : (BIT(width) - 1)) << (lo))
#define field_get(mask, v)	(((v) & (mask)) >> __builtin_ctzll(mask))
#define field_put(mask, v)	(((u64)(v) << __builtin_ctzll(mask)) & (mask))
#endif
