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

struct bpf_verify_ops test_ops = { .alloc = allocate, .free = release, .map = find,
				   .ctx = &test_alloc };
