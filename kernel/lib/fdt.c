/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/fdt.h. The parsing is libfdt's, from Debian's source package. */
#include <base/string.h>
#include <lib/fdt.h>
#include <libfdt/libfdt.h>

size_t dt_check(const void *fdt, size_t max_size)
{
	if ((u64)fdt % 8 || max_size < sizeof(struct fdt_header) || fdt_check_header(fdt))
		return 0;
	/* Devicetree Specification 5.6; libfdt reads the blocks as words without looking. */
	if (fdt_off_mem_rsvmap(fdt) % 8 || fdt_off_dt_struct(fdt) % 4)
		return 0;
	if (fdt_totalsize(fdt) > max_size || fdt_check_full(fdt, fdt_totalsize(fdt)))
		return 0;
	return fdt_totalsize(fdt);
}

int dt_next_compatible(const void *fdt, int node, const char *compat)
{
	return fdt_node_offset_by_compatible(fdt, node, compat);
}

int dt_next_type(const void *fdt, int node, const char *type)
{
	return fdt_node_offset_by_prop_value(fdt, node, "device_type", type, (int)strlen(type) + 1);
}

int dt_path(const void *fdt, const char *path) { return fdt_path_offset(fdt, path); }

int dt_next_child(const void *fdt, int parent, int child)
{
	return child < 0 ? fdt_first_subnode(fdt, parent) : fdt_next_subnode(fdt, child);
}

const void *dt_prop(const void *fdt, int node, const char *name, u32 *len)
{
	int n;
	const void *p = node < 0 ? NULL : fdt_getprop(fdt, node, name, &n);

	if (p)
		*len = (u32)n;
	return p;
}

static u32 cell(const void *p, u32 i)
{
	u32 v;

	memcpy(&v, (const u8 *)p + 4 * i, 4);
	return fdt32_to_cpu(v);
}

static u64 cells(const void *p, u32 first, u32 n)
{
	u64 v = 0;

	while (n--)
		v = v << 32 | cell(p, first++);
	return v;
}

bool dt_prop_u32(const void *fdt, int node, const char *name, u32 *v)
{
	u32 len;
	const void *p = dt_prop(fdt, node, name, &len);

	if (!p || len < 4)
		return false;
	*v = cell(p, 0);
	return true;
}

bool dt_prop_u64(const void *fdt, int node, const char *name, u64 *v)
{
	u32 len;
	const void *p = dt_prop(fdt, node, name, &len);

	if (!p || (len != 4 && len != 8))
		return false;
	*v = cells(p, 0, len / 4);
	return true;
}

const char *dt_prop_string(const void *fdt, int node, const char *name)
{
	u32 len;
	const char *p = dt_prop(fdt, node, name, &len);

	return p && len && memchr(p, 0, len) ? p : NULL;
}

bool dt_enabled(const void *fdt, int node)
{
	const char *s = dt_prop_string(fdt, node, "status");

	return !s || !strcmp(s, "okay") || !strcmp(s, "ok");
}

bool dt_reg(const void *fdt, int node, u32 index, u64 *addr, u64 *size)
{
	int parent = node < 0 ? -1 : fdt_parent_offset(fdt, node);
	u32 len, na, ns, at;
	const void *p = dt_prop(fdt, node, "reg", &len);

	if (!p || parent < 0)
		return false;
	na = (u32)fdt_address_cells(fdt, parent);
	ns = (u32)fdt_size_cells(fdt, parent);
	at = index * (na + ns);
	if (na < 1 || na > 2 || ns > 2 || (at + na + ns) * 4 > len)
		return false;
	*addr = cells(p, at, na);
	*size = cells(p, at + na, ns);
	return true;
}

/* GIC binding: type (0 shared, 1 private), number, flags (1 and 2: edges). */
bool dt_interrupt(const void *fdt, int node, u32 index, u32 *id, bool *edge)
{
	u32 len;
	const void *p = dt_prop(fdt, node, "interrupts", &len);

	if (!p || (index + 1) * 12 > len)
		return false;
	*id = cell(p, 3 * index + 1) + (cell(p, 3 * index) == 1 ? 16 : 32);
	*edge = cell(p, 3 * index + 2) & 3;
	return true;
}

bool dt_reserved(const void *fdt, u32 index, u64 *start, u64 *size)
{
	int n = fdt_num_mem_rsv(fdt), parent, child = -1;

	if (n > 0 && index < (u32)n)
		return fdt_get_mem_rsv(fdt, (int)index, start, size) == 0;
	index -= n > 0 ? (u32)n : 0;
	parent = dt_path(fdt, "/reserved-memory");
	if (parent < 0)
		return false;
	while ((child = dt_next_child(fdt, parent, child)) >= 0)
		for (u32 i = 0; dt_reg(fdt, child, i, start, size); i++)
			if (index-- == 0)
				return true;
	return false;
}

int dt_stdout(const void *fdt)
{
	const char *path = dt_prop_string(fdt, dt_path(fdt, "/chosen"), "stdout-path");
	const char *colon;

	if (!path)
		return -1;
	colon = strchr(path, ':');
	return colon ? fdt_path_offset_namelen(fdt, path, (int)(colon - path)) : dt_path(fdt, path);
}
