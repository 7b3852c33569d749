/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps by bpf(2) (bpf(2), Documentation/bpf/map_*.rst of Linux). As root. */
#include "bpf.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define ENOTSUPP 524

/* --- the call --------------------------------------------------------------------------------- */

TEST(arguments_beyond_those_known_must_be_zeros)
{
	struct { union bpf_attr a; char more[512]; } x;
	char *page = check_anon(2 * PAGE);

	memset(&x, 0, sizeof(x));
	x.a.map_type = BPF_MAP_TYPE_ARRAY;
	x.a.key_size = x.a.value_size = 4;
	x.a.max_entries = 1;
	OK(syscall(__NR_bpf, BPF_MAP_CREATE, &x, sizeof(x)));
	x.more[511] = 1;
	ERR(syscall(__NR_bpf, BPF_MAP_CREATE, &x, sizeof(x)), E2BIG);
	ERR(syscall(__NR_bpf, BPF_MAP_CREATE, page, PAGE + 8), E2BIG);
	ERR(syscall(__NR_bpf, BPF_MAP_CREATE, BAD_PTR, sizeof(x.a)), EFAULT);
	ERR(syscall(__NR_bpf, 9999, &x, sizeof(x.a)), EINVAL);
	/* a field of another command */
	x.a.batch.flags = 1;
	ERR(elem(BPF_MAP_LOOKUP_ELEM, -1, NULL, NULL, 0), EBADF);
	OK(syscall(__NR_bpf, BPF_MAP_CREATE, &x, 48));
}

TEST(names_and_attributes_are_checked)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	memcpy(a.map_name, "ok_name.1", 10);
	OK(bpf(BPF_MAP_CREATE, &a));
	memcpy(a.map_name, "bad name", 9);
	ERR(bpf(BPF_MAP_CREATE, &a), EINVAL);
	memset(a.map_name, 'x', sizeof(a.map_name));
	ERR(bpf(BPF_MAP_CREATE, &a), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_ARRAY, 8, 4, 1, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 0, 1, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 4, 0, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_NO_PREALLOC), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_HASH, 0, 4, 1, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_LRU_HASH, 4, 4, 1, BPF_F_NO_PREALLOC), ENOTSUPP);
	ERR(map_create_flags(BPF_MAP_TYPE_QUEUE, 4, 4, 1, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 1, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_RINGBUF, 0, 0, 4097, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_RINGBUF, 4, 0, 4096, 0), EINVAL);
	ERR(map_create_flags(BPF_MAP_TYPE_PROG_ARRAY, 4, 8, 1, 0), EINVAL);
	ERR(map_create_flags(12345, 4, 4, 1, 0), EINVAL);
}

/* What maps of each type may be asked for, beside what one test above or below says of them. */
TEST(flags_and_sizes)
{
	enum { NODE = BPF_F_NUMA_NODE, READ = BPF_F_RDONLY_PROG, WRITE = BPF_F_WRONLY_PROG };
	static const struct { uint32_t type, key, value, max, flags; int err; } cases[] = {
		{ BPF_MAP_TYPE_ARRAY, 4, 4, 1, NODE, 0 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 1, NODE, EINVAL },
		{ BPF_MAP_TYPE_HASH, 4, 4, 1, NODE, 0 }, { BPF_MAP_TYPE_PERCPU_HASH, 4, 4, 1, NODE, EINVAL },
		{ BPF_MAP_TYPE_LRU_HASH, 4, 4, 1, NODE, 0 },
		{ BPF_MAP_TYPE_LRU_HASH, 4, 4, 1, NODE | BPF_F_NO_COMMON_LRU, EINVAL },
		{ BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 4, 1, NODE, EINVAL },
		{ BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, READ, EINVAL },
		{ BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, WRITE, EINVAL },
		{ BPF_MAP_TYPE_QUEUE, 0, 4, 1, READ, 0 }, { BPF_MAP_TYPE_STACK, 0, 4, 1, WRITE, 0 },
		{ BPF_MAP_TYPE_QUEUE, 0, 4, 1, READ | WRITE, EINVAL },
		{ BPF_MAP_TYPE_HASH, 4, 4, 1, READ | WRITE, EINVAL },
		{ BPF_MAP_TYPE_HASH, 4, 4, 1, BPF_F_RDONLY | BPF_F_WRONLY, EINVAL },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, READ, EINVAL },
		{ BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_ZERO_SEED, EINVAL },
		{ BPF_MAP_TYPE_HASH, 4, 4, 1, BPF_F_ZERO_SEED, 0 },
		{ BPF_MAP_TYPE_HASH, 4, 4, 1, BPF_F_MMAPABLE, EINVAL },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 1, BPF_F_MMAPABLE, EINVAL },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 32768, 1, 0, 0 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 32769, 1, 0, E2BIG },
		{ BPF_MAP_TYPE_PERCPU_HASH, 4, 32768, 1, 0, 0 },
		{ BPF_MAP_TYPE_PERCPU_HASH, 4, 32769, 1, 0, E2BIG },
		{ BPF_MAP_TYPE_HASH, 4, 1 << 22, 1, 0, E2BIG }, { BPF_MAP_TYPE_HASH, 2 << 20, 8, 1, 0, 0 },
		{ BPF_MAP_TYPE_HASH, 4, 8, 1u << 31, 0, E2BIG },
		{ BPF_MAP_TYPE_QUEUE, 0, 1 << 23, 1, 0, E2BIG },
		{ BPF_MAP_TYPE_ARRAY, 4, 0xffffffff, 1, 0, E2BIG },
		{ BPF_MAP_TYPE_LPM_TRIE, 260, 8, 1, BPF_F_NO_PREALLOC, 0 },
		{ BPF_MAP_TYPE_LPM_TRIE, 261, 8, 1, BPF_F_NO_PREALLOC, EINVAL },
		{ BPF_MAP_TYPE_LPM_TRIE, 8, 1 << 22, 1, BPF_F_NO_PREALLOC, EINVAL },
		{ BPF_MAP_TYPE_LRU_HASH, 0, 4, 1, BPF_F_NO_PREALLOC, ENOTSUPP },
	};

	for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		int fd = map_create_flags(cases[k].type, cases[k].key, cases[k].value, cases[k].max, cases[k].flags);

		if ((fd < 0 ? errno : 0) != cases[k].err)
			FAIL("case %zu: %s", k, fd < 0 ? strerror(errno) : "accepted");
		close(fd);
	}
}

TEST(without_capabilities_nothing_is_made)
{
	CHILD_OK(
		check_become(1000, 1000);
		ERR(map_create_flags(BPF_MAP_TYPE_HASH, 4, 4, 1, 0), EPERM);
	);
}

/* --- elements --------------------------------------------------------------------------------- */

TEST(arrays)
{
	int fd = map_create(BPF_MAP_TYPE_ARRAY, 4, 12, 3);
	uint32_t key = 2, next;
	char value[12] = "hello world", out[12];

	OK(map_update(fd, &key, value, BPF_ANY));
	OK(map_lookup(fd, &key, out));
	CHECK_STR(out, "hello world");
	ERR(map_update(fd, &key, value, BPF_NOEXIST), EEXIST);
	OK(map_update(fd, &key, value, BPF_EXIST));
	ERR(map_update(fd, &key, value, 77), EINVAL);
	ERR(map_update(fd, &key, value, BPF_F_LOCK), EINVAL);
	ERR(map_update(fd, BAD_PTR, value, BPF_ANY), EFAULT);
	ERR(map_update(fd, &key, BAD_PTR, BPF_ANY), EFAULT);
	ERR(map_delete(fd, &key), EINVAL);
	key = 0;
	OK(map_lookup(fd, &key, out));
	CHECK_EQ(out[0], 0);
	key = 3;
	ERR(map_update(fd, &key, value, BPF_ANY), E2BIG);
	ERR(map_lookup(fd, &key, out), ENOENT);
	OK(map_next(fd, NULL, &next));
	CHECK_EQ(next, 0);
	key = 1;
	OK(map_next(fd, &key, &next));
	CHECK_EQ(next, 2);
	ERR(map_next(fd, &next, &next), ENOENT);
	key = 100;
	OK(map_next(fd, &key, &next));
	CHECK_EQ(next, 0);
}

static void hash_of(uint32_t type, uint32_t flags)
{
	int fd = (int)OK(map_create_flags(type, 8, 8, 4, flags));
	uint64_t key, value, next, seen = 0;

	for (key = 10; key < 14; key++) {
		value = key * 3;
		OK(map_update(fd, &key, &value, BPF_NOEXIST));
	}
	ERR(map_update(fd, &key, &value, BPF_EXIST), ENOENT);
	if (type == BPF_MAP_TYPE_HASH)
		ERR(map_update(fd, &key, &value, BPF_ANY), E2BIG);
	for (key = 10; key < 14; key++) {
		OK(map_lookup(fd, &key, &value));
		CHECK_EQ(value, key * 3);
		ERR(map_update(fd, &key, &value, BPF_NOEXIST), EEXIST);
		value = key * 5;
		OK(map_update(fd, &key, &value, BPF_EXIST));
	}
	for (void *k = NULL; map_next(fd, k, &next) == 0; k = &key) {
		key = next;
		seen |= 1 << (key - 10);
	}
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(seen, 15);
	key = 11;
	OK(map_take(fd, &key, &value));
	CHECK_EQ(value, 55);
	ERR(map_take(fd, &key, &value), ENOENT);
	key = 12;
	OK(map_delete(fd, &key));
	ERR(map_delete(fd, &key), ENOENT);
	ERR(map_lookup(fd, &key, &value), ENOENT);
}

/* As maps of a program's own variables may be. */
TEST(values_of_several_megabytes)
{
	static char value[5 << 20], out[sizeof(value)];
	int fd = map_create(BPF_MAP_TYPE_ARRAY, 4, sizeof(value), 1);
	uint32_t key = 0;

	for (size_t i = 0; i < sizeof(value); i += 1000)
		value[i] = (char)(i / 1000 | 1);
	OK(map_update(fd, &key, value, BPF_ANY));
	OK(map_lookup(fd, &key, out));
	CHECK(!memcmp(value, out, sizeof(value)));
}

TEST(hash_tables)
{
	hash_of(BPF_MAP_TYPE_HASH, 0);
	hash_of(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC);
}

/* Elements are made where nothing may sleep. All the same what is free is there for them, if not at once. */
TEST(elements_may_take_most_of_memory)
{
	static char value[32768 - 256];
	struct sysinfo si;
	int left = 200;

	OK(sysinfo(&si));
	uint32_t n = (uint32_t)(si.freeram * si.mem_unit / 2 / 32768);
	int map = (int)OK(map_create_flags(BPF_MAP_TYPE_HASH, 4, sizeof(value), n, BPF_F_NO_PREALLOC));

	for (uint32_t key = 0; key < n; key++) {
		while (elem(BPF_MAP_UPDATE_ELEM, map, &key, value, BPF_ANY)) {
			if (errno != ENOMEM || !left--)
				CHECK_EQ(key, n);
			usleep(1000);
		}
	}
	close(map);
}

TEST(maps_without_a_seed_have_one_order)
{
	int maps[] = { (int)OK(map_create_flags(BPF_MAP_TYPE_HASH, 8, 8, 100, BPF_F_ZERO_SEED)),
		       (int)OK(map_create_flags(BPF_MAP_TYPE_HASH, 8, 8, 100, BPF_F_ZERO_SEED)) };
	uint64_t at[2], next[2];

	for (uint64_t key = 0; key < 100; key++)
		for (int k = 0; k < 2; k++)
			OK(elem(BPF_MAP_UPDATE_ELEM, maps[k], &key, &key, BPF_ANY));
	for (int n = 0; n < 100; n++) {
		for (int k = 0; k < 2; k++)
			OK(elem(BPF_MAP_GET_NEXT_KEY, maps[k], n ? &at[k] : NULL, &next[k], 0));
		CHECK_EQ(next[0], next[1]);
		memcpy(at, next, sizeof(at));
	}
	close(maps[0]);
	close(maps[1]);
}

TEST(an_lru_makes_room)
{
	int fd = map_create(BPF_MAP_TYPE_LRU_HASH, 4, 4, 64);
	uint32_t key, n = 0;

	for (key = 0; key < 1000; key++)
		OK(map_update(fd, &key, &key, BPF_ANY));
	for (key = 0; key < 1000; key++) {
		uint32_t v;

		if (map_lookup(fd, &key, &v) == 0) {
			CHECK_EQ(v, key);
			n++;
		}
	}
	CHECK_GE(n, 1);
	CHECK_LE(n, 64 * cpus());
}

/* What is there is not pushed out by its own update. */
TEST(a_full_lru_of_each_cpu_keeps_what_is_updated)
{
	int n = cpus(), fd = map_create(BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 4);
	uint64_t values[n];

	memset(values, 0, sizeof(values));
	for (uint32_t key = 0; key < 4; key++)
		OK(map_update(fd, &key, values, BPF_ANY));
	for (uint32_t key = 0; key < 4; key++)
		OK(map_update(fd, &key, values, BPF_EXIST));
}

static void per_cpu(uint32_t type)
{
	int n = cpus(), fd = map_create(type, 4, 8, 4);
	uint64_t values[n], out[n];
	uint32_t key = 1;

	for (int i = 0; i < n; i++)
		values[i] = (uint64_t)i + 100;
	OK(map_update(fd, &key, values, BPF_ANY));
	memset(out, 0, sizeof(out));
	OK(map_lookup(fd, &key, out));
	CHECK(!memcmp(values, out, sizeof(out)));
}

TEST(each_cpu_has_a_value)
{
	per_cpu(BPF_MAP_TYPE_PERCPU_ARRAY);
	per_cpu(BPF_MAP_TYPE_PERCPU_HASH);
	per_cpu(BPF_MAP_TYPE_LRU_PERCPU_HASH);
}

TEST(queues_and_stacks)
{
	for (int stack = 0; stack < 2; stack++) {
		int fd = map_create(stack ? BPF_MAP_TYPE_STACK : BPF_MAP_TYPE_QUEUE, 0, 4, 3);
		uint32_t v, dummy = 0;

		ERR(map_take(fd, NULL, &v), ENOENT);
		for (v = 1; v <= 3; v++)
			OK(map_update(fd, NULL, &v, BPF_ANY));
		ERR(map_update(fd, NULL, &v, BPF_ANY), E2BIG);
		OK(map_update(fd, NULL, &v, BPF_EXIST));	/* 1 goes */
		ERR(map_update(fd, NULL, &v, BPF_NOEXIST), EINVAL);
		OK(map_lookup(fd, NULL, &v));
		CHECK_EQ(v, stack ? 4 : 2);
		OK(map_take(fd, NULL, &v));
		CHECK_EQ(v, stack ? 4 : 2);
		OK(map_take(fd, NULL, &v));
		CHECK_EQ(v, 3);
		ERR(map_lookup(fd, &dummy, &v), EINVAL);
	}
}

TEST(the_longest_prefix_wins)
{
	int fd = (int)OK(map_create_flags(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 4, BPF_F_NO_PREALLOC));
	struct {
		uint32_t bits;
		uint8_t ip[4];
	} net = {8, {10, 0, 0, 0}}, host = {32, {10, 1, 2, 3}};
	uint32_t v = 8, out;

	OK(map_update(fd, &net, &v, BPF_ANY));
	OK(map_lookup(fd, &host, &out));
	CHECK_EQ(out, 8);
	net.bits = 16;
	net.ip[1] = 1;
	v = 16;
	OK(map_update(fd, &net, &v, BPF_ANY));
	OK(map_lookup(fd, &host, &out));
	CHECK_EQ(out, 16);
	host.ip[1] = 2;
	OK(map_lookup(fd, &host, &out));
	CHECK_EQ(out, 8);
	host.ip[0] = 11;
	ERR(map_lookup(fd, &host, &out), ENOENT);
	OK(map_delete(fd, &net));
	ERR(map_delete(fd, &net), ENOENT);
	net.bits = 33;
	ERR(map_update(fd, &net, &v, BPF_ANY), EINVAL);
}

TEST(batches)
{
	enum { N = 100 };
	uint32_t keys[N], values[N], cursor, next, total = 0;
	union bpf_attr a;
	int fd = map_create(BPF_MAP_TYPE_HASH, 4, 4, N);
	bool seen[N] = { false };

	for (uint32_t i = 0; i < N; i++) {
		keys[i] = i;
		values[i] = i * 7;
	}
	memset(&a, 0, sizeof(a));
	a.batch.map_fd = (uint32_t)fd;
	a.batch.keys = U64(keys);
	a.batch.values = U64(values);
	a.batch.count = N;
	OK(bpf(BPF_MAP_UPDATE_BATCH, &a));
	CHECK_EQ(a.batch.count, N);
	memset(keys, 0xff, sizeof(keys));
	for (bool first = true;; first = false) {
		long r;

		memset(&a, 0, sizeof(a));
		a.batch.map_fd = (uint32_t)fd;
		a.batch.in_batch = first ? 0 : U64(&cursor);
		a.batch.out_batch = U64(&next);
		a.batch.keys = U64(keys);
		a.batch.values = U64(values);
		a.batch.count = 40;
		r = bpf(BPF_MAP_LOOKUP_BATCH, &a);
		CHECK(!r || errno == ENOENT);
		for (uint32_t i = 0; i < a.batch.count; i++) {
			CHECK(keys[i] < N && !seen[keys[i]]);
			seen[keys[i]] = true;
			CHECK_EQ(values[i], keys[i] * 7);
		}
		total += a.batch.count;
		cursor = next;
		if (r)
			break;
	}
	CHECK_EQ(total, N);
	for (uint32_t i = 0; i < N; i++)
		keys[i] = i;
	memset(&a, 0, sizeof(a));
	a.batch.map_fd = (uint32_t)fd;
	a.batch.keys = U64(keys);
	a.batch.count = N / 2;
	OK(bpf(BPF_MAP_DELETE_BATCH, &a));
	ERR(map_lookup(fd, &keys[0], &next), ENOENT);
	OK(map_lookup(fd, &keys[N - 1], &next));
}

TEST(batches_that_cannot_be)
{
	static const struct { uint32_t type, key; int cmd; uint64_t flags; int err; } cases[] = {
		{ BPF_MAP_TYPE_HASH, 4, BPF_MAP_UPDATE_BATCH, BPF_F_LOCK, EINVAL },
		{ BPF_MAP_TYPE_HASH, 4, BPF_MAP_LOOKUP_BATCH, BPF_EXIST, EINVAL },
		{ BPF_MAP_TYPE_ARRAY, 4, BPF_MAP_DELETE_BATCH, BPF_EXIST, ENOTSUPP },
		{ BPF_MAP_TYPE_LPM_TRIE, 8, BPF_MAP_LOOKUP_AND_DELETE_BATCH, 0, ENOTSUPP },
		{ BPF_MAP_TYPE_QUEUE, 0, BPF_MAP_UPDATE_BATCH, 0, ENOTSUPP } };
	uint32_t keys[8] = { 8 }, values[8] = { 0 }, next[4];

	for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++)
		for (uint32_t count = 0; count < 3; count += 2) {
			uint32_t lpm = cases[k].type == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0;
			int fd = (int)OK(map_create_flags(cases[k].type, cases[k].key, 4, 4, lpm));
			union bpf_attr a;

			memset(&a, 0, sizeof(a));
			a.batch.map_fd = (uint32_t)fd;
			a.batch.keys = U64(keys);
			a.batch.values = U64(values);
			a.batch.out_batch = U64(next);
			a.batch.count = count;
			a.batch.elem_flags = cases[k].flags;
			ERR(bpf(cases[k].cmd, &a), cases[k].err);
			CHECK_EQ(a.batch.count, count);
			close(fd);
		}
}

/* --- maps of maps ----------------------------------------------------------------------------- */

TEST(maps_of_maps)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
			    .key_size = 4,
			    .value_size = 4,
			    .max_entries = 2};
	int inner = map_create(BPF_MAP_TYPE_HASH, 4, 8, 16),
	    other = map_create(BPF_MAP_TYPE_HASH, 4, 4, 16), outer;
	struct bpf_map_info info;
	uint32_t key = 0, id, len = sizeof(info);

	a.inner_map_fd = 9999;
	ERR(bpf(BPF_MAP_CREATE, &a), EBADF);
	for (int hash = 0; hash < 2; hash++) {
		a.map_type = hash ? BPF_MAP_TYPE_HASH_OF_MAPS : BPF_MAP_TYPE_ARRAY_OF_MAPS;
		a.inner_map_fd = (uint32_t)inner;
		outer = (int)OK(bpf(BPF_MAP_CREATE, &a));
		ERR(map_lookup(outer, &key, &id), ENOENT);
		OK(map_update(outer, &key, &inner, BPF_ANY));
		ERR(map_update(outer, &key, &other, BPF_ANY), EINVAL);
		OK(map_lookup(outer, &key, &id));
		OK(obj_info(inner, &info, &len));
		CHECK_EQ(id, info.id);
		OK(map_delete(outer, &key));
		ERR(map_lookup(outer, &key, &id), ENOENT);
		/* maps in maps in maps: no */
		a.inner_map_fd = (uint32_t)outer;
		ERR(bpf(BPF_MAP_CREATE, &a), EINVAL);
	}
}

/* --- freezing, mapping ------------------------------------------------------------------------ */

static long freeze(int fd)
{
	union bpf_attr a = { .map_fd = (uint32_t)fd };

	return bpf(BPF_MAP_FREEZE, &a);
}

/* Of which type the programs of an array are is decided by one that is there. */
/* Programs may count on how many elements an inner array has, unless a flag says otherwise. */
TEST(inner_arrays_have_one_size)
{
	static const struct { uint32_t type, flags, len; int err; } cases[] = {
		{ BPF_MAP_TYPE_ARRAY, 0, 8, 0 }, { BPF_MAP_TYPE_ARRAY, 0, 2, EINVAL },
		{ BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, 2, 0 }, { BPF_MAP_TYPE_PERCPU_ARRAY, 0, 8, 0 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 0, 2, EINVAL }, { BPF_MAP_TYPE_HASH, 0, 2, 0 },
	};

	for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		int like = (int)OK(map_create_flags(cases[k].type, 4, 8, 8, cases[k].flags));
		int other = (int)OK(map_create_flags(cases[k].type, 4, 8, cases[k].len, cases[k].flags));
		union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4,
				     .max_entries = 1, .inner_map_fd = (uint32_t)like };
		int outer = (int)OK(bpf(BPF_MAP_CREATE, &a));
		uint32_t key = 0;

		CHECK_EQ(map_update(outer, &key, &other, BPF_ANY) ? errno : 0, cases[k].err);
		close(outer);
		close(other);
		close(like);
	}
}

TEST(a_refused_program_decides_nothing)
{
	int progs = map_create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1), filter;
	struct bpf_insn p[] = {
		LD_MAP(2, progs),
		MOV64_IMM(3, 0),
		CALL(BPF_FUNC_tail_call),
		MOV64_IMM(0, 0),
		EXIT(),
	};
	uint32_t key = 0;

	p[4].dst_reg = 9;	/* r0 is what the tail call leaves, nothing */
	ERR(prog_load_flags(BPF_PROG_TYPE_XDP, p, 6, 0), EACCES);
	p[4].dst_reg = 0;
	filter = prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p);
	OK(map_update(progs, &key, &filter, BPF_ANY));
	ERR(prog_load_flags(BPF_PROG_TYPE_XDP, p, 6, 0), EINVAL);
	CHECK_EQ(prog_run(filter), 0);
	close(filter);
}

TEST(a_frozen_map_is_for_programs)
{
	int fd = map_create(BPF_MAP_TYPE_ARRAY, 4, 4, 1);
	uint32_t key = 0, v = 1;

	OK(map_update(fd, &key, &v, BPF_ANY));
	OK(freeze(fd));
	ERR(freeze(fd), EPERM);
	ERR(map_update(fd, &key, &v, BPF_ANY), EPERM);
	OK(map_lookup(fd, &key, &v));
}

static int changing;
static volatile uint32_t changes;

static void *changer(void *arg)
{
	uint32_t key = 0;

	(void)arg;
	for (uint32_t v = 1;; v++) {
		if (map_update(changing, &key, &v, BPF_ANY))
			return (void *)(long)errno;
		changes = v;
	}
}

/* Who writes is refused from then on, and nothing that was let in before comes late. */
/* bpf_map_info of Linux 6.18 on. */
struct hashed {
	uint8_t info[88];
	uint64_t to;
	uint32_t size, pad;
};

static long map_hash(int fd, void *to, uint32_t size)
{
	struct hashed h;
	uint32_t len = sizeof(h);
	long r;

	memset(&h, 0, sizeof(h));
	h.to = U64(to);
	h.size = size;
	r = obj_info(fd, &h, &len);
	if (!r) {
		CHECK_EQ(len, sizeof(h));
		CHECK_EQ(h.to, U64(to));
		CHECK_EQ(h.size, size);
	}
	return r;
}

/* Of 1, 2, 3, each followed by four bytes of zeros, by another program. */
TEST(a_frozen_array_has_a_hash)
{
	static const uint8_t want[32] = "\xe2\xe2\x03\x3a\xe7\xe1\x9d\x68\x05\x99\xd4\xeb\x0a\x13\x59\xa2"
					"\xb4\x8e\xc5\xba\xac\x75\x06\x6c\x31\x7f\xbf\x85\x15\x9c\x54\xef";
	int fd = map_create(BPF_MAP_TYPE_ARRAY, 4, 4, 3), hash = map_create(BPF_MAP_TYPE_HASH, 4, 4, 3);
	uint8_t got[32];

	for (uint32_t key = 0; key < 3; key++)
		OK(map_update(fd, &key, &(uint32_t){ key + 1 }, BPF_ANY));
	OK(map_hash(fd, NULL, 0));
	ERR(map_hash(fd, NULL, 32), EINVAL);
	ERR(map_hash(fd, got, 32), EPERM);	/* it may still change */
	ERR(map_hash(fd, got, 31), EINVAL);
	OK(freeze(fd));
	OK(map_hash(fd, got, 32));
	CHECK(!memcmp(got, want, 32));
	ERR(map_hash(fd, got, 20), EINVAL);
	ERR(map_hash(fd, BAD_PTR, 32), EFAULT);
	OK(freeze(hash));
	ERR(map_hash(hash, got, 32), EINVAL);
}

TEST(freezing_leaves_no_writer)
{
	uint32_t key = 0, v, later;

	for (int round = 0; round < 20; round++) {
		pthread_t t[2];
		void *ended;

		changing = map_create(BPF_MAP_TYPE_ARRAY, 4, 4, 1);
		changes = 0;
		for (int i = 0; i < 2; i++)
			CHECK(!pthread_create(&t[i], NULL, changer, NULL));
		while (changes < 100)
			sched_yield();
		while (freeze(changing))
			CHECK_EQ(errno, EBUSY);
		OK(map_lookup(changing, &key, &v));
		for (int i = 0; i < 2; i++) {
			CHECK(!pthread_join(t[i], &ended));
			CHECK_EQ((long)ended, EPERM);
		}
		OK(map_lookup(changing, &key, &later));
		CHECK_EQ(v, later);
		close(changing);
	}
}

TEST(arrays_can_be_mapped)
{
	int fd = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 8, 1000, BPF_F_MMAPABLE));
	int plain = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1000);
	uint64_t *p, *q, v;
	uint32_t key = 999;

	ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, plain, 0), EINVAL);
	ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
	ERR(mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
	p = (void *)OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	p[999] = 12345;
	OK(map_lookup(fd, &key, &v));
	CHECK_EQ(v, 12345);
	v = 77;
	OK(map_update(fd, &key, &v, BPF_ANY));
	CHECK_EQ(p[999], 77);
	ERR(freeze(fd), EBUSY);
	CHILD_OK(p[998] = 5;);
	CHECK_EQ(p[998], 5);
	OK(munmap(p + 512, PAGE));
	ERR(freeze(fd), EBUSY);
	OK(munmap(p, PAGE));
	OK(freeze(fd));
	ERR(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	q = (void *)OK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
	CHECK_EQ(q[999], 77);
	ERR(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_FAULT(check_write(q), SIGSEGV, 2, q);
}

TEST(ring_buffers_can_be_mapped)
{
	int fd = map_create(BPF_MAP_TYPE_RINGBUF, 0, 0, 8192);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t *consumer, *producer, v;

	ERR(map_lookup(fd, NULL, &v), ENOTSUPP);
	consumer = (void *)OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	producer = (void *)OK(mmap(NULL, PAGE + 2 * 8192, PROT_READ, MAP_SHARED, fd, (off_t)PAGE));
	ERR(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)PAGE), EPERM);
	ERR(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	CHECK_EQ(*consumer, 0);
	CHECK_EQ(*producer, 0);
	for (size_t i = 0; i < (PAGE + 2 * 8192) / 8; i++)
		CHECK_EQ(producer[i], 0);
	*consumer = 0;
	CHECK_EQ(OK(poll(&pfd, 1, 0)), 0);
}

TEST(modes_of_descriptors)
{
	int ro = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY));
	int wo = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_WRONLY));
	uint32_t key = 0, v = 0;

	ERR(map_update(ro, &key, &v, BPF_ANY), EPERM);
	OK(map_lookup(ro, &key, &v));
	OK(map_update(wo, &key, &v, BPF_ANY));
	ERR(map_lookup(wo, &key, &v), EPERM);
}

/* --- numbers, information, names -------------------------------------------------------------- */

TEST(maps_have_numbers)
{
	int fd = map_create(BPF_MAP_TYPE_HASH, 4, 8, 16), again;
	struct { struct bpf_map_info i; char more[64]; } info;
	uint32_t len = sizeof(info);
	union bpf_attr a;
	bool found = false;

	memset(&info, 0, sizeof(info));
	OK(obj_info(fd, &info, &len));
	CHECK_LE(len, sizeof(info));
	CHECK_EQ(info.i.type, BPF_MAP_TYPE_HASH);
	CHECK_EQ(info.i.key_size, 4);
	CHECK_EQ(info.i.value_size, 8);
	CHECK_EQ(info.i.max_entries, 16);
	CHECK_STR(info.i.name, "test");
	len = sizeof(info);
	memset(&info, 0, sizeof(info));
	info.more[63] = 1;
	ERR(obj_info(fd, &info, &len), E2BIG);
	len = sizeof(info.i);
	memset(&info, 0, sizeof(info));
	OK(obj_info(fd, &info, &len));
	memset(&a, 0, sizeof(a));
	while (bpf(BPF_MAP_GET_NEXT_ID, &a) == 0) {
		found |= a.next_id == info.i.id;
		a.start_id = a.next_id;
		a.next_id = 0;
	}
	CHECK_EQ(errno, ENOENT);
	CHECK(found);
	memset(&a, 0, sizeof(a));
	a.map_id = info.i.id;
	again = (int)OK(bpf(BPF_MAP_GET_FD_BY_ID, &a));
	CHECK_EQ(fcntl(again, F_GETFD), FD_CLOEXEC);
	close(fd);
	close(again);
	/* it ends soon */
	for (int i = 0; bpf(BPF_MAP_GET_FD_BY_ID, &a) >= 0; i++) {
		CHECK(i < 1000);
		check_sleep_ms(1);
	}
	CHECK_EQ(errno, ENOENT);
}

TEST(fdinfo)
{
	int fd = map_create(BPF_MAP_TYPE_HASH, 4, 8, 16);
	char path[64], buf[4096];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	check_read_file(path, buf, sizeof(buf));
	CHECK(strstr(
		buf,
		"map_type:\t1\nkey_size:\t4\nvalue_size:\t8\nmax_entries:\t16\nmap_flags:\t0x0\n"));
	CHECK(strstr(buf, "\nmemlock:\t"));
	CHECK(strstr(buf, "\nfrozen:\t0\n"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(buf, 0, sizeof(buf));
	OK(readlink(path, buf, sizeof(buf)));
	CHECK_STR(buf, "anon_inode:bpf-map");
}

static long pin(int cmd, const char *path, int fd, uint32_t flags)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.pathname = U64(path);
	a.bpf_fd = (uint32_t)fd;
	a.file_flags = flags;
	return bpf(cmd, &a);
}

TEST(names_keep_maps)
{
	int fd = map_create(BPF_MAP_TYPE_ARRAY, 4, 4, 1), got;
	const char *dir = check_tmpdir();
	char path[256], other[256];
	uint32_t key = 0, v = 42;
	struct stat st;

	OK(mount("bpf", dir, "bpf", 0, NULL));
	OK(stat(dir, &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 01777);
	snprintf(path, sizeof(path), "%s/m", dir);
	snprintf(other, sizeof(other), "%s/d", dir);
	OK(map_update(fd, &key, &v, BPF_ANY));
	OK(pin(BPF_OBJ_PIN, path, fd, 0));
	ERR(pin(BPF_OBJ_PIN, path, fd, 0), EEXIST);
	ERR(pin(BPF_OBJ_PIN, "/tmp/not-here", fd, 0), EPERM);
	ERR(pin(BPF_OBJ_PIN, path, 0, 0), EINVAL);
	close(fd);
	OK(stat(path, &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0600);
	ERR(open(path, O_RDONLY), EIO);
	OK(mkdir(other, 0700));
	ERR(pin(BPF_OBJ_GET, other, 0, 0), EACCES);
	snprintf(other, sizeof(other), "%s/d/n", dir);
	OK(rename(path, other));
	ERR(pin(BPF_OBJ_GET, path, 0, 0), ENOENT);
	got = (int)OK(pin(BPF_OBJ_GET, other, 0, BPF_F_RDONLY));
	v = 0;
	OK(map_lookup(got, &key, &v));
	CHECK_EQ(v, 42);
	ERR(map_update(got, &key, &v, BPF_ANY), EPERM);
	close(got);
	ERR(open(path, O_CREAT | O_WRONLY, 0600), EACCES);
	OK(unlink(other));
	ERR(pin(BPF_OBJ_GET, other, 0, 0), ENOENT);
	OK(umount(dir));
}

TEST(tokens_are_not_there)
{
	union bpf_attr a;
	char buf[64];

	memset(&a, 0, sizeof(a));
	check_read_file("/proc/version", buf, sizeof(buf));
	if (!check_on_tine())
		SKIP("Linux has them");
	ERR(bpf(36, &a), EOPNOTSUPP);
}
