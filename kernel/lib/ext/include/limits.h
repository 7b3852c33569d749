/* SPDX-License-Identifier: BSD-2-Clause */
/* Integer limits for the compiled-in Debian sources, without the hosted <limits.h>. */
#ifndef EXT_LIMITS_H
#define EXT_LIMITS_H
#define INT_MAX		__INT_MAX__
#define INT_MIN		(-INT_MAX - 1)
#define UINT_MAX	(2u * __INT_MAX__ + 1u)
#define LONG_MAX	__LONG_MAX__
#define ULONG_MAX	(2ul * __LONG_MAX__ + 1ul)
#endif
