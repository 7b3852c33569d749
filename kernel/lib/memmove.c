/* SPDX-License-Identifier: BSD-2-Clause */
/* memmove and memcmp (C11, 7.24); memcpy and memset are in arch/. Pure. */
#include <base/string.h>

/* Downwards in words: what is read has not been written yet. */
static void move_up(char *d, const char *s, size_t n)
{
	while (n >= 8) {
		u64 v;

		n -= 8;
		__builtin_memcpy(&v, s + n, 8);
		__builtin_memcpy(d + n, &v, 8);
	}
	while (n) {
		n--;
		d[n] = s[n];
		barrier();		/* or the compiler makes a call of memmove of it */
	}
}

static void move_down(char *d, const char *s, size_t n)
{
	for (; n >= 8; s += 8, d += 8, n -= 8) {
		u64 v;

		__builtin_memcpy(&v, s, 8);
		__builtin_memcpy(d, &v, 8);
	}
	for (; n; n--) {
		*d++ = *s++;
		barrier();
	}
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if (d >= s + n || s >= d + n)
		return memcpy(dst, src, n);
	if (d <= s)
		move_down(d, s, n);
	else
		move_up(d, s, n);
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n >= 8; x += 8, y += 8, n -= 8) {
		u64 v, w;

		__builtin_memcpy(&v, x, 8);
		__builtin_memcpy(&w, y, 8);
		if (v != w)
			return __builtin_bswap64(v) < __builtin_bswap64(w) ? -1 : 1;
	}
	for (; n; x++, y++, n--)
		if (*x != *y)
			return *x - *y;
	return 0;
}
