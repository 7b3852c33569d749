/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF maps against models: random operations on a few keys, alone and from four threads that switch
 * at every lock; each thread owns some of the keys and knows what they must hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <fake/fake.h>
#include "map_internal.h"
#include <cmocka.h>

const struct bpf_map_kind bpf_ringbuf_type = { 0 };
struct wait_queue *bpf_map_wait(struct bpf_map *m);

bool arch_random(u64 *v)
{
	*v = (u64)fake_random(~0u) << 32 | fake_random(~0u);
	return true;
}
u64 arch_counter(void) { return 1; }
u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }
void vfree(const void *p) { kfree(p); }
paddr_t arch_kernel_lookup(u64 va) { return 0; }
void *kmemdup(const void *p, size_t size)
{
	void *copy = kmalloc(size);

	if (copy)
		memcpy(copy, p, size);
	return copy;
}

/* What timers are here: a number, taken out once. */
static u32 timers_freed;
static void free_timer_number(void *slot) { timers_freed += atomic_xchg((u64 *)slot, 0) != 0; }

static void start(void)
{
	fake_init(64 << 20, 1);
	bpf_map_timer_free = free_timer_number;
	timers_freed = 0;
}

static struct bpf_map *make(u32 type, u32 key, u32 value, u32 max, u32 flags)
{
	struct bpf_map_attr a = { .type = type, .key_size = key, .value_size = value,
		.max_entries = max, .flags = flags, .spin_lock = -1, .timer = -1 };
	struct bpf_map *m = bpf_map_new(&a);

	assert_false(IS_ERR(m));
	return m;
}

/* The map ends and with it everything that it had. */
static void end(struct bpf_map *m, u64 objects)
{
	bpf_map_put(m);
	rcu_barrier();
	assert_int_equal(fake_objects_used(), objects);
}

/* --- hash ------------------------------------------------------------------------------------- */

enum { KEYS = 60, ROOM = 40 };
struct big_key { u32 n; char rest[21]; };	/* a size that no fast path has */

static void make_key(char *key, u32 size, u32 n)
{
	memset(key, (int)(n * 7), size);
	memcpy(key, &n, 4);
}

struct hash_model {
	struct bpf_map *m;
	u32 key_size;
	bool here[KEYS];
	u64 value[KEYS];
	u32 count;
};

static void model_update(struct hash_model *h, u32 n, u64 v, u64 flags)
{
	char key[32] __aligned(8);
	u64 value[2] = { v, ~v };
	long err = h->here[n] && flags == BPF_NOEXIST ? -EEXIST
		   : !h->here[n] && flags == BPF_EXIST ? -ENOENT
		   : !h->here[n] && h->count == ROOM ? -E2BIG
						     : 0;

	make_key(key, h->key_size, n);
	assert_int_equal(h->m->ops->update(h->m, key, value, flags), err);
	if (err)
		return;
	h->count += !h->here[n];
	h->here[n] = true;
	h->value[n] = v;
}

static void model_check(struct hash_model *h, u32 n)
{
	char key[32] __aligned(8);
	u64 out[2], *v;

	make_key(key, h->key_size, n);
	v = h->m->ops->lookup(h->m, key);
	assert_int_equal(v != NULL, h->here[n]);
	if (v)
		assert_true(v[0] == h->value[n] && v[1] == ~h->value[n]);
	assert_int_equal(h->m->ops->copy_out(h->m, key, out), h->here[n] ? 0 : -ENOENT);
	if (v)
		assert_true(out[0] == h->value[n] && out[1] == ~h->value[n]);
}

/* A walk by next_key, and one by buckets, see each key once. */
static void model_walk(struct hash_model *h)
{
	char key[32] __aligned(8), next[32] __aligned(8), keys[KEYS * 32];
	u64 values[KEYS * 2];
	bool first = true;
	u32 seen = 0, n;
	int got;

	for (u32 at = 0; (got = h->m->ops->bucket(h->m, at, keys, values, KEYS, false)) >= 0; at++)
		for (int i = 0; i < got; i++, seen++) {
			memcpy(&n, keys + (u32)i * h->key_size, 4);
			assert_true(h->here[n] && values[i * 2] == h->value[n]);
		}
	assert_int_equal(got, -ENOENT);
	assert_int_equal(seen, h->count);
	while (h->m->ops->next_key(h->m, first ? NULL : key, next) == 0) {
		memcpy(&n, next, 4);
		assert_true(h->here[n]);
		memcpy(key, next, sizeof(key));
		first = false;
		seen--;
	}
	assert_int_equal(seen, 0);
}

static void hash_ops_random(u32 key_size, u32 flags)
{
	u64 objects = fake_objects_used();
	struct hash_model h = { .m = make(BPF_MAP_TYPE_HASH, key_size, 16, ROOM, flags),
		.key_size = key_size };
	char key[32] __aligned(8);

	for (u32 step = 0; step < 6000; step++) {
		u32 n = fake_random(KEYS);

		if (fake_random(3)) {
			model_update(&h, n, fake_random(~0u), fake_random(3));
		} else {
			make_key(key, key_size, n);
			assert_int_equal(h.m->ops->remove(h.m, key), h.here[n] ? 0 : -ENOENT);
			h.count -= h.here[n];
			h.here[n] = false;
		}
		model_check(&h, fake_random(KEYS));
		if (step % 500 == 0)
			model_walk(&h);
	}
	end(h.m, objects);
}

static void hashes(void **state)
{
	start();
	for (u32 i = 0; i < 2; i++) {
		u32 flags = i ? BPF_F_NO_PREALLOC : 0;

		hash_ops_random(4, flags);
		hash_ops_random(8, flags);
		hash_ops_random(sizeof(struct big_key), flags);
	}
}

static u32 longest_bucket(struct bpf_map *m)
{
	static char keys[2048 * 64];
	static u64 values[2048];
	int got, most = 0;

	for (u32 at = 0; (got = m->ops->bucket(m, at, keys, values, 2048, false)) >= 0; at++)
		most = max(most, got);
	return (u32)most;
}

/* Whatever bits it is that keys differ in; a bucket of 1024 keys in as many buckets has 6 or so. */
static void keys_are_spread(void **state)
{
	static const u32 sizes[] = { 8, 12, 15, 16, 24, 64 };
	u64 v = 0;

	start();
	for (u32 k = 0; k < sizeof(sizes) / sizeof(*sizes); k++)
		for (u32 shift = 0; shift < sizes[k] * 8 - 11; shift += shift % 8 ? 5 : 3) {
			u64 objects = fake_objects_used();
			struct bpf_map *m = make(BPF_MAP_TYPE_HASH, sizes[k], 8, 1024, 0);

			for (u32 i = 0; i < 1024; i++) {
				char key[72] = "";
				u32 bits = i << shift % 8;

				memcpy(key + shift / 8, &bits, 3);
				assert_int_equal(m->ops->update(m, key, &v, BPF_NOEXIST), 0);
			}
			assert_in_range(longest_bucket(m), 1, 14);
			end(m, objects);
		}
}

/* Who chooses keys does not know which of them meet: here the highest bit of a word, and what that
 * does to the next one if it stays alone, are turned in all ways. */
static void chosen_keys_do_not_meet(void **state)
{
	u64 objects, v = 0;
	struct bpf_map *m;

	start();
	objects = fake_objects_used();
	m = make(BPF_MAP_TYPE_HASH, 64, 8, 1024, 0);
	for (u32 i = 0; i < 128; i++) {
		u64 key[8] = { 0 };

		for (u32 w = 0; w < 7; w++)
			if (i >> w & 1) {
				key[w] ^= 1ull << 63;
				key[w + 1] ^= 1ull << 63 | 1ull << 31;
			}
		assert_int_equal(m->ops->update(m, key, &v, BPF_NOEXIST), 0);
	}
	assert_in_range(longest_bucket(m), 1, 8);
	end(m, objects);
}

/* --- several threads -------------------------------------------------------------------------- */

enum { THREADS = 4 };
struct thread { struct bpf_map *m; u32 id; bool lru; };

static void one_thread(void *arg)
{
	struct thread *t = arg;
	struct { bool here; u64 v; } mine[KEYS / THREADS];

	memset(mine, 0, sizeof(mine));
	for (u32 step = 0; step < 1500; step++) {
		u32 i = fake_random(KEYS / THREADS);
		u64 key = i * THREADS + t->id, v = (u64)fake_random(~0u) << 32 | key, out;
		long err;

		switch (fake_random(3)) {
		case 0:
			err = t->m->ops->update(t->m, &key, &v, BPF_ANY);
			if (!t->lru)
				assert_int_equal(err, 0);
			if (!err) {
				mine[i].here = true;
				mine[i].v = v;
			}
			break;
		case 1:
			err = t->m->ops->remove(t->m, &key);
			if (!t->lru)
				assert_int_equal(err, mine[i].here ? 0 : -ENOENT);
			mine[i].here = false;
			break;
		default:
			err = t->m->ops->copy_out(t->m, &key, &out);
			if (!t->lru)
				assert_int_equal(err, mine[i].here ? 0 : -ENOENT);
			/* an LRU map may have lost it, but has nobody else's */
			if (!err)
				assert_true(mine[i].here && out == mine[i].v);
		}
	}
}

/* A bucket of 64 keys, one of which is given new values all the time: who looks for what is not there
 * comes to an end. */
static struct { struct bpf_map *m; u64 there, missing; u32 changes; bool done; } busy;

/* Where a map with BPF_F_ZERO_SEED and 1024 places has a key. */
static u32 known_bucket(u64 key)
{
	const u64 factor = 0x9e3779b97f4a7c15;
	u64 v = key * factor;

	return (u32)((v ^ v >> 32) * factor >> 32) >> 22;
}

static void look_or_change(void *arg)
{
	u64 v = 7;

	if (arg) {
		assert_null(busy.m->ops->lookup(busy.m, &busy.missing));
		busy.done = true;
	}
	for (; !busy.done && busy.changes < 20000; busy.changes++)
		assert_int_equal(busy.m->ops->update(busy.m, &busy.there, &v, BPF_EXIST), 0);
}

static void lookups_end(void **state)
{
	u64 key = 0, v = 0, objects;
	void *arg[2] = { &busy, NULL };

	start();
	objects = fake_objects_used();
	busy.m = make(BPF_MAP_TYPE_HASH, 8, 8, 1024, BPF_F_ZERO_SEED);
	busy.changes = 0;
	busy.done = false;
	for (u32 n = 0; n < 65; key++) {
		if (known_bucket(key))
			continue;
		busy.there = busy.missing;
		busy.missing = key;
		if (n++ < 64)
			assert_int_equal(busy.m->ops->update(busy.m, &key, &v, BPF_NOEXIST), 0);
	}
	assert_int_equal(longest_bucket(busy.m), 64);
	fake_switch_rate = 3;
	fake_run(2, look_or_change, arg);
	fake_switch_rate = 0;
	assert_in_range(busy.changes, 1, 1000);
	end(busy.m, objects);
}

static void run_threads(u32 type, u32 max, u32 flags)
{
	u64 objects = fake_objects_used();
	struct bpf_map *m = make(type, 8, 8, max, flags);
	struct thread t[THREADS];
	void *arg[THREADS];

	for (u32 i = 0; i < THREADS; i++) {
		t[i] = (struct thread){ m, i, type == BPF_MAP_TYPE_LRU_HASH };
		arg[i] = &t[i];
	}
	fake_switch_rate = 3;
	fake_run(THREADS, one_thread, arg);
	fake_switch_rate = 0;
	end(m, objects);
}

static void threads(void **state)
{
	for (u64 seed = 1; seed <= 10; seed++) {
		fake_init(64 << 20, seed);
		run_threads(BPF_MAP_TYPE_HASH, KEYS, 0);
		run_threads(BPF_MAP_TYPE_HASH, KEYS, BPF_F_NO_PREALLOC);
		run_threads(BPF_MAP_TYPE_LRU_HASH, KEYS / 2, 0);
		run_threads(BPF_MAP_TYPE_LRU_HASH, 3, 0);
	}
}

/* A key that a program gives may lie where others write. */
static struct { u32 bits; u8 data[4]; } shared;
static void use_shared(void *arg)
{
	struct bpf_map *m = arg;
	u64 v = 7;

	for (u32 step = 0; step < 3000; step++) {
		if (step % 3)
			m->ops->update(m, &shared, &v, BPF_ANY);
		else
			m->ops->remove(m, &shared);
		m->ops->lookup(m, &shared);
	}
}
static void write_shared(void)
{
	for (u32 step = 0; step < 20000; step++) {
		fake_switch_point();
		shared.bits = fake_random(4) ? fake_random(33) : fake_random(~0u);
		fake_switch_point();
		shared.data[fake_random(4)] = (u8)(fake_random(2) ? 0xff : 0);
	}
}
static void use_or_write(void *arg)
{
	if (arg)
		use_shared(arg);
	else
		write_shared();
}
static void keys_that_change_meanwhile(void **state)
{
	for (u64 seed = 1; seed <= 5; seed++) {
		struct bpf_map *m;
		struct { u32 bits; u8 data[4]; } key;
		void *arg[2];

		fake_init(64 << 20, seed);
		m = make(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 100, BPF_F_NO_PREALLOC);
		arg[0] = m;
		arg[1] = NULL;
		fake_switch_rate = 3;
		fake_run(2, use_or_write, arg);
		fake_switch_rate = 0;
		while (!m->ops->next_key(m, NULL, &key)) {
			assert_in_range(key.bits, 0, 32);
			assert_int_equal(m->ops->remove(m, &key), 0);
		}
		bpf_map_put(m);
		rcu_barrier();
	}
}

/* --- LRU -------------------------------------------------------------------------------------- */

static void lru_keeps_what_is_used(void **state)
{
	struct bpf_map *m;
	u32 key, value = 0;
	u64 objects;

	start();
	objects = fake_objects_used();
	m = make(BPF_MAP_TYPE_LRU_HASH, 4, 4, 32, 0);
	for (key = 0; key < 32; key++)
		assert_int_equal(m->ops->update(m, &key, &key, BPF_ANY), 0);
	for (key = 100; key < 1000; key++) {
		for (u32 k = 0; k < 16; k++)
			assert_non_null(m->ops->lookup(m, &k));
		assert_int_equal(m->ops->update(m, &key, &value, BPF_NOEXIST), 0);
	}
	key = 16;
	assert_null(m->ops->lookup(m, &key));
	key = 999;
	assert_non_null(m->ops->lookup(m, &key));
	end(m, objects);
}

/* --- per CPU ---------------------------------------------------------------------------------- */

static void each_cpu_has_its_own(u32 type)
{
	u64 all[MAX_CPUS], objects = fake_objects_used(), one = 1;
	struct bpf_map *m = make(type, 4, 8, 4, 0);
	u32 key = 3;

	nr_cpus = 4;
	assert_int_equal(bpf_map_user_value_size(m), 32);
	for (u32 i = 0; i < 4; i++)
		all[i] = i + 10;
	assert_int_equal(m->ops->copy_in(m, &key, all, BPF_ANY), 0);
	for (u32 cpu = 0; cpu < 4; cpu++) {
		fake_set_cpu(cpu);
		assert_int_equal(*(u64 *)m->ops->lookup(m, &key), cpu + 10);
	}
	fake_set_cpu(2);
	assert_int_equal(m->ops->update(m, &key, &one, BPF_ANY), 0);
	assert_int_equal(m->ops->copy_out(m, &key, all), 0);
	assert_true(all[0] == 10 && all[1] == 11 && all[2] == 1 && all[3] == 13);
	fake_set_cpu(0);
	end(m, objects);
}

static void per_cpu_values(void **state)
{
	start();
	nr_cpus = 4;
	each_cpu_has_its_own(BPF_MAP_TYPE_PERCPU_HASH);
	each_cpu_has_its_own(BPF_MAP_TYPE_PERCPU_ARRAY);
	each_cpu_has_its_own(BPF_MAP_TYPE_LRU_PERCPU_HASH);
}

/* --- queue, stack ----------------------------------------------------------------------------- */

static void queues(void **state)
{
	start();
	for (u32 stack = 0; stack < 2; stack++) {
		u64 objects = fake_objects_used();
		struct bpf_map *m =
			make(stack ? BPF_MAP_TYPE_STACK : BPF_MAP_TYPE_QUEUE, 0, 4, 5, 0);
		u32 model[5], n = 0;

		for (u32 step = 0; step < 3000; step++) {
			u32 v = fake_random(1000), at = stack ? n - 1 : 0, out;
			bool force = fake_random(4) == 0;

			if (fake_random(2)) {
				long err = n == 5 && !force ? -E2BIG : 0;

				assert_int_equal(m->ops->push(m, &v, force ? BPF_EXIST : 0), err);
				if (n == 5 && force)
					memmove(model, model + 1, 4 * --n);
				if (!err)
					model[n++] = v;
			} else {
				bool keep = fake_random(2);
				long err = (keep ? m->ops->peek : m->ops->pop)(m, &out);

				assert_int_equal(err, n ? 0 : -ENOENT);
				assert_int_equal(out, n ? model[at] : 0);
				if (n && !keep)
					memmove(model + at, model + at + 1, 4 * (--n - at));
			}
		}
		end(m, objects);
	}
}

/* --- longest prefix --------------------------------------------------------------------------- */

struct prefix { u32 bits; u8 data[2]; };
enum { PREFIXES = 40 };

static bool covers(const struct prefix *p, const u8 *data)
{
	for (u32 i = 0; i < p->bits; i++)
		if ((p->data[i / 8] ^ data[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

/* Few different bits, so that prefixes lie in one another. */
static struct prefix some_prefix(void)
{
	struct prefix p = {fake_random(17), {(u8)(fake_random(4) * 0x51), (u8)fake_random(256)}};

	for (u32 i = p.bits; i < 16; i++)
		p.data[i / 8] &= (u8)~(0x80 >> i % 8);
	return p;
}

static void prefixes(void **state)
{
	struct { struct prefix p; u32 v; bool here; } model[PREFIXES];
	struct bpf_map *m;
	u64 objects;

	memset(model, 0, sizeof(model));
	start();
	objects = fake_objects_used();
	m = make(BPF_MAP_TYPE_LPM_TRIE, 6, 4, PREFIXES, BPF_F_NO_PREALLOC);
	for (u32 step = 0; step < 20000; step++) {
		struct prefix p = some_prefix(), key, next;
		u32 slot = fake_random(PREFIXES), same = PREFIXES, best = PREFIXES, count = 0, *v;

		for (u32 i = 0; i < PREFIXES; i++)
			if (model[i].here && model[i].p.bits == p.bits &&
			    covers(&model[i].p, p.data))
				same = i;
		if (fake_random(2)) {
			slot = same < PREFIXES ? same : slot;
			if (model[slot].here && slot != same)
				assert_int_equal(m->ops->remove(m, &model[slot].p), 0);
			model[slot].p = p;
			model[slot].v = step;
			model[slot].here = true;
			assert_int_equal(m->ops->update(m, &p, &step, BPF_ANY), 0);
		} else {
			assert_int_equal(m->ops->remove(m, &p), same < PREFIXES ? 0 : -ENOENT);
			if (same < PREFIXES)
				model[same].here = false;
		}
		key = (struct prefix){ 16, { (u8)(fake_random(4) * 0x51), (u8)fake_random(256) } };
		for (u32 i = 0; i < PREFIXES; i++)
			if (model[i].here && covers(&model[i].p, key.data) &&
			    (best == PREFIXES || model[i].p.bits > model[best].p.bits))
				best = i;
		v = m->ops->lookup(m, &key);
		assert_int_equal(v ? *v : ~0u, best < PREFIXES ? model[best].v : ~0u);
		if (step % 100)
			continue;
		for (u32 i = 0; i < PREFIXES; i++)
			count += model[i].here;
		for (bool first = true; !m->ops->next_key(m, first ? NULL : &next, &key); count--) {
			next = key;
			first = false;
			assert_true(count > 0);
		}
		assert_int_equal(count, 0);
	}
	end(m, objects);
}

/* --- attributes, memory ----------------------------------------------------------------------- */

static void refused(u32 type, u32 key, u32 value, u32 max, u32 flags, int err)
{
	struct bpf_map_attr a = { .type = type, .key_size = key, .value_size = value,
		.max_entries = max, .flags = flags, .spin_lock = -1, .timer = -1 };
	struct bpf_map *m = bpf_map_new(&a);

	assert_int_equal(IS_ERR(m) ? PTR_ERR(m) : 0, err);
}

static void attributes(void **state)
{
	start();
	refused(BPF_MAP_TYPE_UNSPEC, 4, 4, 1, 0, -EINVAL);
	refused(999, 4, 4, 1, 0, -EINVAL);
	refused(BPF_MAP_TYPE_ARRAY, 8, 4, 1, 0, -EINVAL);
	refused(BPF_MAP_TYPE_ARRAY, 4, 0, 1, 0, -EINVAL);
	refused(BPF_MAP_TYPE_ARRAY, 4, 4, 0, 0, -EINVAL);
	refused(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_NO_PREALLOC, -EINVAL);
	refused(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG, -EINVAL);
	refused(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 1, BPF_F_MMAPABLE, -EINVAL);
	refused(BPF_MAP_TYPE_ARRAY, 4, 1u << 29, ~0u, 0, -ENOMEM);
	refused(BPF_MAP_TYPE_HASH, 0, 4, 1, 0, -EINVAL);
	refused(BPF_MAP_TYPE_HASH, 4, 4, 1, BPF_F_MMAPABLE, -EINVAL);
	refused(BPF_MAP_TYPE_HASH, 4, 4, 1, BPF_F_NO_COMMON_LRU, -EINVAL);
	refused(BPF_MAP_TYPE_HASH, 4, 4, ~0u, 0, -E2BIG);
	refused(BPF_MAP_TYPE_LRU_HASH, 4, 4, 1, BPF_F_NO_PREALLOC, -ENOTSUPP);
	refused(BPF_MAP_TYPE_QUEUE, 4, 4, 1, 0, -EINVAL);
	refused(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 1, 0, -EINVAL);
	refused(BPF_MAP_TYPE_LPM_TRIE, 4, 4, 1, BPF_F_NO_PREALLOC, -EINVAL);
	refused(BPF_MAP_TYPE_PROG_ARRAY, 4, 8, 1, 0, -EINVAL);
	refused(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, -EINVAL);
}

/* Each allocation fails once: nothing is kept. */
static void no_memory(void **state)
{
	static const u32 kinds[][4] = {
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 0 }, { BPF_MAP_TYPE_HASH, 4, 8, 0 },
		{ BPF_MAP_TYPE_HASH, 4, 8, BPF_F_NO_PREALLOC }, { BPF_MAP_TYPE_LRU_HASH, 4, 8, 0 },
		{ BPF_MAP_TYPE_QUEUE, 0, 8, 0 }, { BPF_MAP_TYPE_LPM_TRIE, 8, 8, BPF_F_NO_PREALLOC },
	};

	start();
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		for (u32 at = 1;; at++) {
			u64 objects = fake_objects_used();
			struct bpf_map_attr a = { .type = kinds[i][0], .key_size = kinds[i][1],
				.value_size = kinds[i][2], .max_entries = 16, .flags = kinds[i][3],
				.spin_lock = -1, .timer = -1 };
			struct bpf_map *m;

			fake_fail_at = at;
			m = bpf_map_new(&a);
			fake_fail_at = 0;
			if (!IS_ERR(m)) {
				end(m, objects);
				break;
			}
			assert_int_equal(PTR_ERR(m), -ENOMEM);
			assert_int_equal(fake_objects_used(), objects);
		}
}

static struct spinlock *released;
static void note_released(struct spinlock *l) { released = l; }

/* Values with a lock and a timer: neither is copied, what lies around is; user space gets zeros, and
 * the rest as it is while the lock is held. */
static void copying_leaves_locks_alone(void **state)
{
	struct bpf_map_attr a = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 48,
		.max_entries = 1, .spin_lock = 32, .timer = 8 };
	u8 in[48], out[48], *v;
	struct bpf_map *m;
	u32 key = 0;

	start();
	m = bpf_map_new(&a);
	memset(in, 0xaa, sizeof(in));
	memset(out, 0x11, sizeof(out));
	assert_int_equal(m->ops->update(m, &key, in, BPF_ANY), 0);
	v = m->ops->lookup(m, &key);
	for (u32 i = 0; i < 48; i++)
		assert_int_equal(v[i], (i >= 8 && i < 24) || (i >= 32 && i < 36) ? 0 : 0xaa);
	released = NULL;
	fake_before_unlock = note_released;
	assert_int_equal(m->ops->copy_out(m, &key, out), 0);
	fake_before_unlock = NULL;
	assert_ptr_equal(released, v + 32);
	for (u32 i = 0; i < 48; i++)
		assert_int_equal(out[i], (i >= 8 && i < 24) || (i >= 32 && i < 36) ? 0 : 0xaa);
	assert_int_equal(m->ops->update(m, &key, in, BPF_F_LOCK), 0);
	bpf_map_put(m);
}

/* Who found a value may hold its lock, or wait for it, when the element goes and becomes another's. */
static void locks_outlive_elements(void **state)
{
	struct bpf_map_attr a = { .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 12,
		.max_entries = 1, .spin_lock = 4, .timer = -1 };
	u32 value[3] = { 1, 2, 3 }, key = 0, *v, reused = 0;
	struct bpf_map *m;

	start();
	m = bpf_map_new(&a);
	assert_int_equal(m->ops->update(m, &key, value, BPF_ANY), 0);
	v = m->ops->lookup(m, &key);
	v[1] = 0x10001;
	for (key = 1; key < 9; key++) {
		u32 last = key - 1, *now;

		assert_int_equal(m->ops->remove(m, &last), 0);
		assert_int_equal(m->ops->update(m, &key, value, BPF_ANY), 0);
		now = m->ops->lookup(m, &key);
		assert_int_equal(now[1], now == v ? 0x10001 : 0);
		assert_true(now[0] == 1 && now[2] == 3);
		reused += now == v;
	}
	assert_int_not_equal(reused, 0);
	bpf_map_put(m);
	rcu_barrier();
}

/* A callback that takes each element out and puts it in again, at the head of its bucket. */
static u32 moves;
static u64 move(u64 map, u64 key, u64 value, u64 ctx, u64 r5)
{
	struct bpf_map *m = (struct bpf_map *)map;
	u32 k = *(u32 *)key;
	u64 v = *(u64 *)value;

	assert_int_equal(m->ops->remove(m, &k), 0);
	assert_int_equal(m->ops->update(m, &k, &v, BPF_ANY), 0);
	return ++moves > 10000;
}

/* Those that come next in the walk, too. */
static u64 move_all(u64 map, u64 key, u64 value, u64 ctx, u64 r5)
{
	for (u32 k = 0; k < 64; k++) {
		u64 v = k;

		((struct bpf_map *)map)->ops->remove((struct bpf_map *)map, &k);
		((struct bpf_map *)map)->ops->update((struct bpf_map *)map, &k, &v, BPF_ANY);
	}
	return ++moves > 10000;
}

static void walks_end(void **state)
{
	for (u32 flags = 0; flags <= BPF_F_NO_PREALLOC; flags += BPF_F_NO_PREALLOC) {
		struct bpf_map *m;

		start();
		m = make(BPF_MAP_TYPE_HASH, 4, 8, 64, flags);
		for (u32 key = 0; key < 64; key++) {
			u64 v = key;

			assert_int_equal(m->ops->update(m, &key, &v, BPF_ANY), 0);
		}
		moves = 0;
		assert_int_equal(m->ops->each(m, move, NULL), 64);
		moves = 0;
		if (!flags)	/* there is no grace period here that the freed ones would wait for */
			assert_in_range(m->ops->each(m, move_all, NULL), 1, 64);
		bpf_map_put(m);
		rcu_barrier();
	}
}

static u64 *timer_of(struct bpf_map *m, u32 key)
{
	char *v = m->ops->lookup(m, &key);

	return v ? (u64 *)(v + 8) : NULL;
}

/* A value's timer is freed when its element goes or is written anew, and when the map's users go;
 * also one that was put there after the element had gone. */
static void timers_go_with_their_elements(void **state)
{
	static const struct { u32 type, flags; } kinds[] = {
		{ BPF_MAP_TYPE_ARRAY, 0 }, { BPF_MAP_TYPE_HASH, 0 },
		{ BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC }, { BPF_MAP_TYPE_LRU_HASH, 0 } };

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct bpf_map_attr a = { .type = kinds[k].type, .flags = kinds[k].flags, .key_size = 4,
			.value_size = 32, .max_entries = 8, .spin_lock = -1, .timer = 8 };
		bool array = a.type == BPF_MAP_TYPE_ARRAY;
		struct bpf_map *m;
		u64 value[4] = { 1, 2, 3, 4 }, *t;
		u32 key, want = 0;

		start();
		m = bpf_map_new(&a);
		for (key = 0; key < 4; key++) {
			assert_int_equal(m->ops->update(m, &key, value, BPF_ANY), 0);
			assert_int_equal(*timer_of(m, key), 0);
			*timer_of(m, key) = key + 1;
		}
		key = 2;
		assert_int_equal(m->ops->update(m, &key, value, BPF_ANY), 0);
		assert_int_equal(timers_freed, ++want);
		assert_int_equal(*timer_of(m, key), 0);
		key = 3;
		t = timer_of(m, key);
		if (!array) {
			assert_int_equal(m->ops->remove(m, &key), 0);
			assert_int_equal(timers_freed, ++want);
			/* by who had found it before; elsewhere the memory has gone: nobody reads here */
			if (!a.flags) {
				*t = 7;
				want++;		/* seen when it is used again */
			}
			for (key = 10; key < 30; key++) {
				m->ops->update(m, &key, value, BPF_ANY);
				assert_true(!timer_of(m, key) || !*timer_of(m, key));
				m->ops->remove(m, &key);
			}
			rcu_barrier();
			assert_int_equal(timers_freed, want);
		}
		for (key = 0; key < 4; key++)
			if (timer_of(m, key) && *timer_of(m, key))
				want++;
		m->ops->users_gone(m);
		assert_int_equal(timers_freed, want);
		for (key = 0; key < 4; key++)
			assert_true(!timer_of(m, key) || !*timer_of(m, key));
		bpf_map_put(m);
		rcu_barrier();
		assert_int_equal(timers_freed, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes),
		cmocka_unit_test(keys_are_spread),
		cmocka_unit_test(chosen_keys_do_not_meet),
		cmocka_unit_test(threads),
		cmocka_unit_test(lookups_end),
		cmocka_unit_test(lru_keeps_what_is_used),
		cmocka_unit_test(per_cpu_values),
		cmocka_unit_test(queues),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(attributes),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(copying_leaves_locks_alone),
		cmocka_unit_test(locks_outlive_elements),
		cmocka_unit_test(walks_end),
		cmocka_unit_test(keys_that_change_meanwhile),
		cmocka_unit_test(timers_go_with_their_elements),
	};

	return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
