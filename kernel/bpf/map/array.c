/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps whose key is an index: array, percpu_array, and those of programs and of maps, whose slots
 * are pointers. Nothing is ever inserted or removed; slots of programs and maps are exchanged.
 */
#include "map_internal.h"
#include <hal/boot.h>

struct array {
	struct bpf_map map;
	u32 step; /* bytes from one value (percpu: from all CPUs' values) to the next */
	char *values;
};
/* prog_array: behind the slots lie as many addresses of code, for tail calls. */
struct slots {
	struct bpf_map map;
	void **object;		/* behind code; changed with map.control, read under RCU */
	u32 max_entries, pad;	/* BPF_PROG_ARRAY_ENTRIES from code */
	u64 code[];
};
_Static_assert(offsetof(struct slots, max_entries) - offsetof(struct slots, code) ==
		       (size_t)BPF_PROG_ARRAY_ENTRIES, "where the JIT looks");

static struct array *array_of(struct bpf_map *m) { return container_of(m, struct array, map); }
static struct slots *slots_of(struct bpf_map *m) { return container_of(m, struct slots, map); }

static i64 check_array(const struct bpf_map_attr *a)
{
	u64 step = round8(a->value_size);

	if (a->key_size != 4 || !a->value_size || !a->max_entries ||
	    ((a->flags & BPF_F_MMAPABLE) && is_percpu(a->type)))
		return -EINVAL;
	if (a->value_size > 1u << 30)
		return -E2BIG;
	if (is_percpu(a->type) && step > PERCPU_VALUE_MAX)
		return -E2BIG;
	return sizeof(struct array);
}

static bool wants_pages(const struct bpf_map *m) { return m->desc.flags & BPF_F_MMAPABLE; }

static u64 values_size(const struct bpf_map *m)
{
	u64 step = round8(m->desc.value_size) * (is_percpu(m->desc.type) ? nr_cpus : 1);

	return step * m->desc.max_entries;
}

static void *array_lookup(struct bpf_map *m, const void *key)
{
	struct array *a = array_of(m);
	u32 i = *(const u32 *)key;

	return i < m->desc.max_entries ? a->values + (u64)i * a->step : NULL;
}

void *bpf_percpu_array_lookup(struct bpf_map *m, const void *key)
{
	char *v = array_lookup(m, key);

	return v ? v + (u64)cpu_id() * round8(m->desc.value_size) : NULL;
}

static long array_update_at(struct bpf_map *m, void *at, const void *value, u64 flags)
{
	int err = check_update_flags(m, flags);

	if (err)
		return err;
	if (!at)
		return -E2BIG;
	if (flags & BPF_NOEXIST)
		return -EEXIST;
	if (flags & BPF_F_LOCK)
		bpf_copy_locked(m, at, value, at);
	else
		bpf_copy_value(m, at, value);
	free_timer(m, at);
	return 0;
}

static long array_update(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return array_update_at(m, m->ops->lookup(m, key), value, flags);
}

static long no_remove(struct bpf_map *m, const void *key) { return -EINVAL; }

static int array_copy_out(struct bpf_map *m, const void *key, void *value)
{
	char *at = array_lookup(m, key);

	if (!at)
		return -ENOENT;
	if (is_percpu(m->desc.type))
		memcpy(value, at, bpf_map_user_value_size(m));
	else
		bpf_copy_value_out(m, value, at);
	return 0;
}

static int array_copy_in(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	u32 step = round8(m->desc.value_size);
	char *at = array_lookup(m, key);

	if (!is_percpu(m->desc.type))
		return (int)array_update_at(m, at, value, flags);
	if (flags > BPF_EXIST)
		return -EINVAL;
	if (!at)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		memcpy(at + cpu * step, (const char *)value + cpu * step, m->desc.value_size);
	return 0;
}

static int array_next_key(struct bpf_map *m, const void *key, void *next)
{
	u32 i = key ? *(const u32 *)key : ~0u;

	if (i >= m->desc.max_entries)
		i = ~0u;
	if (++i >= m->desc.max_entries)
		return -ENOENT;
	*(u32 *)next = i;
	return 0;
}

static long array_each(struct bpf_map *m, u64 (*fn)(u64, u64, u64, u64, u64), void *ctx)
{
	long n = 0;

	for (u32 i = 0; i < m->desc.max_entries; i++) {
		u32 key = i;

		n++;
		if (fn((u64)m, (u64)&key, (u64)m->ops->lookup(m, &key), (u64)ctx, 0))
			break;
	}
	return n;
}

static u64 array_frame(struct bpf_map *m, u64 page, bool write)
{
	if (page >= div_round_up(values_size(m), PAGE_SIZE))
		return ~0ull;
	return arch_kernel_lookup((u64)array_of(m)->values + (page << PAGE_SHIFT)) >> PAGE_SHIFT;
}

/* Timers keep the programs that keep the map: the circle ends here. */
static void array_users_gone(struct bpf_map *m)
{
	struct array *a = array_of(m);

	for (u32 i = 0; m->desc.timer >= 0 && i < m->desc.max_entries; i++)
		free_timer(m, a->values + (u64)i * a->step);
}

static void array_destroy(struct bpf_map *m)
{
	bpf_area_free(array_of(m)->values, values_size(m), wants_pages(m));
}

static const struct bpf_map_ops array_ops = {
	.lookup = array_lookup,
	.update = array_update,
	.remove = no_remove,
	.copy_out = array_copy_out,
	.copy_in = array_copy_in,
	.next_key = array_next_key,
	.each = array_each,
	.users_gone = array_users_gone,
	.destroy = array_destroy,
	.frame = array_frame,
}, percpu_array_ops = {
	.lookup = bpf_percpu_array_lookup,
	.update = array_update,
	.remove = no_remove,
	.copy_out = array_copy_out,
	.copy_in = array_copy_in,
	.next_key = array_next_key,
	.each = array_each,
	.destroy = array_destroy,
};

static int array_init(struct bpf_map *m)
{
	struct array *a = array_of(m);
	u64 size = values_size(m);
	bool percpu = is_percpu(m->desc.type);

	a->values = bpf_area_alloc(size, wants_pages(m));
	if (!a->values)
		return -ENOMEM;
	a->step = round8(m->desc.value_size) * (percpu ? nr_cpus : 1);
	m->ops = percpu ? &percpu_array_ops : &array_ops;
	m->desc.values = percpu ? 0 : (u64)a->values;
	m->bytes += size;
	return 0;
}

#define ARRAY_FLAGS (COMMON_FLAGS | BPF_F_MMAPABLE | BPF_F_INNER_MAP)
const struct bpf_map_kind bpf_array_type = { ARRAY_FLAGS, check_array, array_init };
const struct bpf_map_kind bpf_percpu_array_type = { COMMON_FLAGS, check_array, array_init };

/* --- arrays of pointers ----------------------------------------------------------------------- */

static i64 check_slots(const struct bpf_map_attr *a)
{
	if (a->key_size != 4 || a->value_size != 4 || !a->max_entries)
		return -EINVAL;
	return (i64)(sizeof(struct slots) + (u64)a->max_entries * (sizeof(u64) + sizeof(void *)));
}

static void *inner_map_lookup(struct bpf_map *m, const void *key)
{
	u32 i = *(const u32 *)key;

	return i < m->desc.max_entries ? rcu_dereference(slots_of(m)->object[i]) : NULL;
}
static void *no_lookup(struct bpf_map *m, const void *key) { return NULL; }

static int slots_copy_out(struct bpf_map *m, const void *key, void *value)
{
	u32 i = *(const u32 *)key, id = 0;
	void *object;

	if (i >= m->desc.max_entries)
		return -ENOENT;
	rcu_read_lock();
	object = rcu_dereference(slots_of(m)->object[i]);
	if (object)
		id = bpf_refs_of(m)->id(object);
	rcu_read_unlock();
	memcpy(value, &id, sizeof(id));
	return object ? 0 : -ENOENT;
}

/* object may be NULL. False: the slot was empty. */
static bool exchange(struct bpf_map *m, u32 i, void *object)
{
	const struct bpf_map_refs *refs = bpf_refs_of(m);
	struct slots *s = slots_of(m);
	void *old;

	mutex_lock(&m->control);
	old = atomic_xchg(&s->object[i], object);
	if (refs->code)
		WRITE_ONCE(s->code[i], object ? refs->code(object) : 0);
	mutex_unlock(&m->control);
	if (old)
		refs->put(old);
	return old != NULL;
}

static int slots_copy_in(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	u32 i = *(const u32 *)key, fd;
	void *object;

	if (flags != BPF_ANY)
		return -EINVAL;
	if (i >= m->desc.max_entries)
		return -E2BIG;
	memcpy(&fd, value, sizeof(fd));
	object = bpf_refs_of(m)->get(m, fd);
	if (IS_ERR(object))
		return (int)PTR_ERR(object);
	exchange(m, i, object);
	return 0;
}

/* Only bpf(2) may: programs' updates of such maps are refused when they are loaded. */
static long slots_remove(struct bpf_map *m, const void *key)
{
	u32 i = *(const u32 *)key;

	if (i >= m->desc.max_entries)
		return -E2BIG;
	return exchange(m, i, NULL) ? 0 : -ENOENT;
}

static long no_update(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return -EOPNOTSUPP;
}

static void clear_slots(struct bpf_map *m)
{
	for (u32 i = 0; i < m->desc.max_entries; i++)
		exchange(m, i, NULL);
}

static const struct bpf_map_ops prog_array_ops = {
	.lookup = no_lookup,
	.update = no_update,
	.remove = slots_remove,
	.copy_out = slots_copy_out,
	.copy_in = slots_copy_in,
	.next_key = array_next_key,
	/* programs in it may use the map itself: the circle ends here */
	.users_gone = clear_slots,
	.destroy = clear_slots,
}, array_of_maps_ops = {
	.lookup = inner_map_lookup,
	.update = no_update,
	.remove = slots_remove,
	.copy_out = slots_copy_out,
	.copy_in = slots_copy_in,
	.next_key = array_next_key,
	.destroy = clear_slots,
};

static int slots_init(struct bpf_map *m)
{
	struct slots *s = slots_of(m);
	bool progs = m->desc.type == BPF_MAP_TYPE_PROG_ARRAY;

	s->max_entries = m->desc.max_entries;
	s->object = (void **)(s->code + s->max_entries);
	m->ops = progs ? &prog_array_ops : &array_of_maps_ops;
	if (progs)
		m->desc.object = (u64)s->code;
	return 0;
}

#define SLOTS_FLAGS (BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY)
const struct bpf_map_kind bpf_prog_array_type = { SLOTS_FLAGS, check_slots, slots_init };
const struct bpf_map_kind bpf_array_of_maps_type = { SLOTS_FLAGS, check_slots, slots_init };
