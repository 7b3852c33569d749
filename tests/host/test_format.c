/* SPDX-License-Identifier: BSD-2-Clause */
/* vsnprintf and the string functions against the C library's, over the flags, widths and sizes that
 * are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

int tine_snprintf(char *buf, size_t size, const char *fmt, ...);
void *tine_memmove(void *dst, const void *src, size_t n);
int tine_memcmp(const void *a, const void *b, size_t n);
char *tine_strstr(const char *s, const char *sub);
char *tine_strrchr(const char *s, int c);
int tine_strncmp(const char *a, const char *b, size_t n);
size_t tine_strlcpy(char *dst, const char *src, size_t size);

#define FIRST(a, ...) (a)
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[128], theirs[128];                                                       \
		for (size_t size = 0; size < 40; size += size < 4 ? 1 : 35) {                      \
			memset(ours, '#', sizeof(ours));                                           \
			memset(theirs, '#', sizeof(theirs));                                       \
			int got = tine_snprintf(ours, size, __VA_ARGS__),                          \
			    want = snprintf(theirs, size, __VA_ARGS__);                            \
			if (got != want)                                                           \
				fail_msg("%d, not %d for %s", got, want, FIRST(__VA_ARGS__, 0));   \
			assert_memory_equal(ours, theirs, sizeof(ours));                           \
		}                                                                                  \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat"

static void numbers(void **state)
{
	static const char *const flags[] = {"",	  "-",	"0",  "+",  " ", "#",
					    "-#", "0#", "+0", " 0", "-+"};
	static const char *const widths[] = { "", "1", "7", "12", ".0", ".3", "9.4", "3.7" };
	static const char *const conversions[] = { "d", "u", "x", "X", "o", "hd", "hhu",
		"hx", "ld", "lu", "lx", "lld", "llx", "zu", "zd" };
	static const long values[] = { 0, 1, -1, 7, 42, -12345, 0x7fffffff, -0x7fffffffl - 1,
		0x123456789abcdefl, INT64_MIN };

	for (size_t f = 0; f < sizeof(flags) / sizeof(*flags); f++)
		for (size_t w = 0; w < sizeof(widths) / sizeof(*widths); w++)
			for (size_t c = 0; c < sizeof(conversions) / sizeof(*conversions); c++)
				for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
					char fmt[32];

					snprintf(fmt, sizeof(fmt), "<%%%s%s%s>", flags[f],
						 widths[w], conversions[c]);
					SAME(fmt, values[v]);
				}
}

static void texts(void **state)
{
	SAME("%s|%10s|%-10s|%.3s|%.*s|%*s|%-*s", "abc", "de", "fg", "hijkl", 2, "mnop", 6, "q", 4,
	     "r");
	SAME("%c%5c%-5c|%%", 'a', 'b', 'c');
	SAME("%p %d", (void *)0x1234, 5);
	SAME("%*d|%.*d|%-*d", 6, 42, 4, 42, 6, 42);
	SAME("%*d", -6, 42);
	SAME("plain");
}

static void moves(void **state)
{
	unsigned char a[400], b[400];

	for (size_t n = 0; n < 150; n++)
		for (int off = -100; off <= 100; off += n % 3 + 1) {
			for (size_t i = 0; i < sizeof(a); i++)
				a[i] = b[i] = (unsigned char)(i * 31 + n);
			tine_memmove(a + 120 + off, a + 120, n);
			memmove(b + 120 + off, b + 120, n);
			assert_memory_equal(a, b, sizeof(a));
		}
}

static int sign(int v) { return (v > 0) - (v < 0); }

static void strings(void **state)
{
	static const char *const words[] = {"",		 "a",	 "ab",	  "abc",
					    "abcabcabd", "\xff", "b\x80", "aaaaaaaaaaaaaaaaab"};
	char x[8];

	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < 8; j++) {
			const char *s = words[i], *t = words[j];

			assert_ptr_equal(tine_strstr(s, t), strstr(s, t));
			assert_ptr_equal(tine_strrchr(s, t[0]), strrchr(s, t[0]));
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(tine_strncmp(s, t, n)),
						 sign(strncmp(s, t, n)));
		}
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(sign(tine_memcmp("abcdefgh12345678xyz", "abcdefgh12345678xzz", i)),
				 sign(memcmp("abcdefgh12345678xyz", "abcdefgh12345678xzz", i)));
	assert_int_equal(tine_strlcpy(x, "0123456789", sizeof(x)), 10);
	assert_string_equal(x, "0123456");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(moves),
		cmocka_unit_test(strings),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
