/* SPDX-License-Identifier: BSD-2-Clause */
/* The warning half of base/assert.h; panic itself is the architecture's. */
#include <base/assert.h>
#include <base/printk.h>

void warn_at(const char *file, int line, const char *what)
{
	static int said;	/* a flood helps nobody; races only repeat a line */

	if (said++ < 20)
		printk(LOG_ERR, "WARNING %s:%d: %s\n", file, line, what);
}
