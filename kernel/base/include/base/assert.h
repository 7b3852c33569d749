/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of what must be true. A broken one stops the machine with the reason; user input is never
 * asserted. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H
#include <base/types.h>

/* Port (arch/arm64, arch/fake): prints reason, registers and backtrace; never returns. */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);

#define BUG_ON(cond) do { \
	if (unlikely(cond)) \
		panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
} while (0)
#define BUG() panic("%s:%d", __FILE__, __LINE__)

/* Says so once in the log and goes on. */
void warn_at(const char *file, int line, const char *what);
#define WARN_ON(cond) ({ \
	bool _c = !!(cond); \
	if (unlikely(_c)) \
		warn_at(__FILE__, __LINE__, #cond); \
	_c; \
})
#endif
