/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text. Of printf(3): %d %i %u %x %X %o %c %s %p %%, flags - 0 + space #, width,
 * precision, *, length hh h l ll z. Floating point and %n are not there.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H
#include <base/types.h>
#include <stdarg.h>

/* Writes at most size-1 bytes and a NUL (nothing if size is 0); returns the length the whole text
 * has. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
/* A decimal, 0x hexadecimal or 0 octal number at s, end past it; base 0 guesses as C does. false:
 * no digit, or too large. */
bool parse_u64(const char *s, const char **end, unsigned base, u64 *out);
#endif
