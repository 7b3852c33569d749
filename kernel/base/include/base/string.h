/* SPDX-License-Identifier: BSD-2-Clause */
/* The C library's memory and string functions that the kernel has (lib/string.c; memcpy, memset:
 * arch/arm64). */
#ifndef BASE_STRING_H
#define BASE_STRING_H
#include <base/types.h>
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *sub);
/* Copies at most size-1 bytes and always ends with NUL. Returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);
#endif
