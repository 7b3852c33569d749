/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted text: the C standard's conversions without floating point (lib/format.c). */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H
#include <base/types.h>
#include <stdarg.h>

/* Writes at most size-1 bytes and a NUL (size 0: nothing). Returns the length the whole text has. Any context. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
#endif
