/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a flattened device tree (Devicetree Specification 0.4) with libfdt: pure functions over a
 * blob that dt_check has accepted. A node is an offset; negative is "none". Hostile blobs yield
 * none and false, never an access outside the blob.
 */
#ifndef LIB_FDT_H
#define LIB_FDT_H
#include <base/types.h>

/* The blob's size if its header and structure are sound and it is at most max bytes, else 0. */
size_t dt_check(const void *fdt, size_t max);
/* The first node after node (-1: from the root) that is compatible with compat. */
int dt_next_compatible(const void *fdt, int node, const char *compat);
/* The first node after node (-1) whose device_type is type ("memory", "cpu"). */
int dt_next_type(const void *fdt, int node, const char *type);
int dt_path(const void *fdt, const char *path);
/* The next subnode of parent after child (-1: the first). */
int dt_next_child(const void *fdt, int parent, int child);
/* status is absent, "okay" or "ok". */
bool dt_enabled(const void *fdt, int node);
const void *dt_prop(const void *fdt, int node, const char *name, u32 *len);
bool dt_prop_u32(const void *fdt, int node, const char *name, u32 *v);
/* One or two cells, whichever the property has. */
bool dt_prop_u64(const void *fdt, int node, const char *name, u64 *v);
/* NUL-terminated inside the property, or NULL. */
const char *dt_prop_string(const void *fdt, int node, const char *name);
/* The index-th address and size of reg, by the parent's cell counts (buses with 1:1 ranges). */
bool dt_reg(const void *fdt, int node, u32 index, u64 *addr, u64 *size);
/* The index-th interrupt of a node below a GIC: interrupt ID and trigger. */
bool dt_interrupt(const void *fdt, int node, u32 index, u32 *id, bool *edge);
/* The index-th range of the memory reservation block, then of /reserved-memory's children. */
bool dt_reserved(const void *fdt, u32 index, u64 *start, u64 *size);
/* The node that /chosen's stdout-path names. */
int dt_stdout(const void *fdt);
#endif
