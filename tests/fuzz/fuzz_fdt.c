/* SPDX-License-Identifier: BSD-2-Clause */
/* Device trees: whatever dt_check accepts can be read with every function, without a step outside
 * the blob. */
#include <stdlib.h>
#include <string.h>
#include <base/assert.h>
#include <lib/fdt.h>

__noreturn void panic(const char *fmt, ...) { abort(); }

static u64 used;

static void use_string(const char *s)
{
	if (s)
		used += strlen(s);
}

static void read_node(const void *fdt, int node)
{
	static const char *const names[] = {"reg",	  "compatible", "bootargs",
					    "interrupts", "ranges",	"linux,initrd-start",
					    "status"};
	u64 a, b;
	u32 v, len;
	bool edge;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		const u8 *p = dt_prop(fdt, node, names[i], &len);

		for (u32 k = 0; p && k < len; k++)
			used += p[k];
		use_string(dt_prop_string(fdt, node, names[i]));
		dt_prop_u32(fdt, node, names[i], &v);
		dt_prop_u64(fdt, node, names[i], &a);
	}
	for (u32 i = 0; i < 20 && dt_reg(fdt, node, i, &a, &b); i++)
		used += a + b;
	for (u32 i = 0; i < 20 && dt_interrupt(fdt, node, i, &v, &edge); i++)
		used += v;
	used += dt_enabled(fdt, node);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	u8 *fdt = aligned_alloc(8, (n + 15) & ~7ul);
	u64 start, size;
	u32 count = 0;

	memcpy(fdt, data, n);
	/* n bytes are there; a blob that claims more is refused. */
	if (n < 40 || !dt_check(fdt, n)) {
		free(fdt);
		return 0;
	}
	for (int c = -1; (c = dt_next_type(fdt, c, "memory")) >= 0 && count++ < 1000;)
		read_node(fdt, c);
	for (int c = -1; (c = dt_next_compatible(fdt, c, "arm,pl011")) >= 0 && count++ < 1000;)
		read_node(fdt, c);
	for (int c = -1; (c = dt_next_child(fdt, 0, c)) >= 0 && count++ < 1000;)
		read_node(fdt, c);
	for (u32 i = 0; i < 100 && dt_reserved(fdt, i, &start, &size); i++)
		used += start + size;
	read_node(fdt, dt_path(fdt, "/chosen"));
	read_node(fdt, dt_stdout(fdt));
	read_node(fdt, -1);
	free(fdt);
	return 0;
}
