/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BPF_MAP_INTERNAL_H
#define BPF_MAP_INTERNAL_H
#include <base/alloc.h>
#include <base/errno.h>
#include <base/string.h>
#include <bpf/map.h>
#include <hal/page.h>

#define ENOTSUPP	524	/* Linux's own; what it answers here and there */

/* Every type has one. */
struct bpf_map_kind {
	u32 flags;			/* that it knows */
	/* The size of its struct, or a negative errno: the attributes do not fit. */
	i64 (*size)(const struct bpf_map_attr *a);
	int (*init)(struct bpf_map *m);	/* -ENOMEM; undoes what it did */
};
extern const struct bpf_map_kind bpf_array_type, bpf_percpu_array_type, bpf_prog_array_type,
	bpf_array_of_maps_type, bpf_hash_type, bpf_ringbuf_type, bpf_queue_type, bpf_stack_type,
	bpf_lpm_type;

#define COMMON_FLAGS (BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | \
		      BPF_F_WRONLY_PROG)
#define PERCPU_VALUE_MAX (32u * 1024)	/* bytes of one CPU's value, as on Linux */

static inline u32 round8(u32 n) { return align_up(n, 8u); }
static inline bool is_percpu(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}
/* Copies a value, but not the lock and timer in it. */
void bpf_copy_value(const struct bpf_map *m, void *dst, const void *src);
/* The same with the value's lock held (BPF_F_LOCK); src or dst is the map's. */
void bpf_copy_locked(const struct bpf_map *m, void *dst, const void *src, void *ours);
/* For bpf(2): the map's own value, whole (its lock held, if it has one), with zeros for lock and timer. */
void bpf_copy_value_out(const struct bpf_map *m, void *dst, void *ours);
/* The value goes, or is another's from now on. */
static inline void free_timer(const struct bpf_map *m, void *value)
{
	if (m->desc.timer >= 0)
		bpf_map_timer_free((char *)value + m->desc.timer);
}
#define TIMER_SIZE	16u
/* 0 or -EINVAL: flags that update does not know. */
static inline int check_update_flags(const struct bpf_map *m, u64 flags)
{
	if ((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST)
		return -EINVAL;
	return (flags & BPF_F_LOCK) && m->desc.spin_lock < 0 ? -EINVAL : 0;
}
const struct bpf_map_refs *bpf_refs_of(const struct bpf_map *m);
/* hash.c, array.c: functions that generated code calls by number. */
enum { MAP_FN_HASH4, MAP_FN_HASH8, MAP_FN_HASH, MAP_FN_LRU, MAP_FN_PERCPU_HASH,
       MAP_FN_PERCPU_ARRAY, MAP_FN_COUNT };
void *bpf_hash4_lookup(struct bpf_map *m, const void *key);
void *bpf_hash8_lookup(struct bpf_map *m, const void *key);
void *bpf_hash_lookup(struct bpf_map *m, const void *key);
void *bpf_lru_lookup(struct bpf_map *m, const void *key);
void *bpf_percpu_hash_lookup(struct bpf_map *m, const void *key);
void *bpf_percpu_array_lookup(struct bpf_map *m, const void *key);
#endif
