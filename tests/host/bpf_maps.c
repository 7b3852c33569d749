/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include "bpf_maps.h"

static const char *const names[M_MAX] = { "", "array", "hash", "lock", "ringbuf", "progs", "const",
					  "timer", "maps", "queue", "read", "write", "global",
					  "loose", "rings" };
struct test_alloc test_alloc = { .fail_at = -1 };
static _Alignas(8) u64 constants[2] = { 5, 0 };
static _Alignas(8) u8 array_values[4 * 48], globals[64];

#define MAP(t, k, v, n, ...)	{ .type = BPF_MAP_TYPE_ ## t, .key_size = k, .value_size = v, \
				  .max_entries = n, __VA_ARGS__ }
static struct bpf_map_desc inner = MAP(ARRAY, 4, 8, 1), inner_ring = MAP(RINGBUF, 0, 0, 4096);
struct bpf_map_desc test_maps[M_MAX] = {
	[M_ARRAY] = MAP(ARRAY, 4, 48, 4), [M_HASH] = MAP(HASH, 8, 16, 4),
	[M_LOCK] = MAP(HASH, 4, 16, 4, .spin_lock = 4),
	[M_RINGBUF] = MAP(RINGBUF, 0, 0, 4096), [M_PROGS] = MAP(PROG_ARRAY, 4, 4, 4),
	[M_CONST] = MAP(ARRAY, 4, 16, 1, .flags = BPF_F_RDONLY_PROG, .frozen = true),
	[M_TIMER] = MAP(HASH, 4, 32, 4, .timer = 8),
	[M_MAPS] = MAP(ARRAY_OF_MAPS, 4, 4, 4, .inner = &inner), [M_QUEUE] = MAP(QUEUE, 0, 8, 4),
	[M_READ] = MAP(ARRAY, 4, 16, 4, .flags = BPF_F_RDONLY_PROG, .frozen = true),
	[M_WRITE] = MAP(ARRAY, 4, 16, 4, .flags = BPF_F_WRONLY_PROG),
	[M_GLOBAL] = MAP(ARRAY, 4, 64, 1),
	[M_LOOSE] = MAP(HASH, 4, 16, 4, .flags = BPF_F_NO_PREALLOC),
	[M_RINGS] = MAP(ARRAY_OF_MAPS, 4, 4, 4, .inner = &inner_ring),
};

int test_map_named(const char *name)
{
	for (int m = 1; m < M_MAX; m++)
		if (!strcmp(name, names[m]))
			return m;
	return 77;
}

void test_maps_init(void)
{
	for (u32 m = 1; m < M_MAX; m++) {
		test_maps[m].object = (u64)&test_maps[m];
		if (m != M_LOCK)
			test_maps[m].spin_lock = -1;
		if (m != M_TIMER)
			test_maps[m].timer = -1;
	}
	inner.spin_lock = inner.timer = inner_ring.spin_lock = inner_ring.timer = -1;
	test_maps[M_CONST].values = (u64)constants;
	test_maps[M_ARRAY].values = test_maps[M_READ].values = (u64)array_values;
	test_maps[M_GLOBAL].values = (u64)globals;
}

static void *allocate(void *ctx, size_t size)
{
	struct test_alloc *t = ctx;
	u64 *p;

	if (t->fail_at >= 0 && !t->fail_at--)
		return NULL;
	p = aligned_alloc(16, (size + 16 + 15) / 16 * 16);
	memset(p, 0xa5, size + 16);
	p[0] = size;
	t->live++;
	t->bytes += (i64)size;
	t->peak = max(t->peak, t->bytes);
	return p + 2;
}

static void release(void *ctx, void *p)
{
	struct test_alloc *t = ctx;

	t->live--;
	t->bytes -= (i64)((u64 *)p)[-2];
	free((u64 *)p - 2);
}

static int find(void *ctx, bool by_index, u32 fd, const struct bpf_map_desc **map)
{
	if (!fd || fd >= M_MAX)
		return -EBADF;
	*map = &test_maps[fd];
	return 0;
}

/* --- types ------------------------------------------------------------------------------------ */

struct member { u32 type, off, size, target; };
static const struct member members[] = {
	{ 1, 0, 8, 0 }, { 1, 8, 8, 2 }, { 1, 16, 4, 0 }, { 1, 20, 4, 0 }, { 1, 24, 8, 1 }, { 1, 32, 16, 0 },
	{ 2, 0, 8, 1 }, { 2, 8, 4, 0 },
};

static int walk(const struct btf_types *b, u32 id, u64 off, u32 size, u32 *target, struct bpf_log *log)
{
	*target = 0;
	for (u32 k = 0; k < ARRAY_SIZE(members); k++) {
		const struct member *m = &members[k];

		if (m->type != id || off < m->off || off + size > m->off + m->size ||
		    (m->target && size != 8))
			continue;
		*target = m->target;
		return 0;
	}
	bpf_log_put(log, "no whole member at %llu\n", (unsigned long long)off);
	return -EACCES;
}

static int walk_args(const struct btf_types *b, u32 proto, bool value, u64 off, u32 size, u32 *target,
		     struct bpf_log *log)
{
	*target = off ? 0 : 1;
	if (proto == TEST_PROTO && off % 8 == 0 && off < (value ? 24 : 16) && size == 8)
		return 0;
	bpf_log_put(log, "no such argument\n");
	return -EACCES;
}

static const char *type_name(const struct btf_types *b, u32 id) { return id == 1 ? "thing" : "other"; }

static const struct bpf_kernel_types types = { NULL, 1, walk, walk_args, type_name };
static const struct bpf_kernel_types *kernel_types(void *ctx) { return &types; }

struct bpf_verify_ops test_ops = { .alloc = allocate, .free = release, .map = find, .types = kernel_types,
				   .ctx = &test_alloc };
