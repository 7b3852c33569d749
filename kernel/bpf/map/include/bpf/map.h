/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF maps: what programs and bpf(2) keep data in. Keys and values here are kernel memory; who
 * talks to user space copies.
 *
 * Programs run with preemption off, so what lookup gives them stays memory of the map as long as
 * they run: what is removed is reused for other keys of the same map (as Linux does) or freed after
 * a grace period. Functions that programs call (lookup, update, remove, push, pop, peek) do not
 * sleep; a map's making and end do.
 */
#ifndef BPF_MAP_H
#define BPF_MAP_H
#include <base/atomic.h>
#include <bpf/verify.h>
#include <hal/rcu.h>
#include <hal/sync.h>

struct bpf_map;

struct bpf_map_ops {
	/* For programs: where the value of key is, or NULL. */
	void *(*lookup)(struct bpf_map *m, const void *key);
	/* flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK. Per-CPU maps: this CPU's value. */
	long (*update)(struct bpf_map *m, const void *key, const void *value, u64 flags);
	long (*remove)(struct bpf_map *m, const void *key);
	long (*push)(struct bpf_map *m, const void *value, u64 flags);
	long (*pop)(struct bpf_map *m, void *value);
	long (*peek)(struct bpf_map *m, void *value);
	/* For bpf(2), values as user space sees them (bpf_map_user_value_size). */
	int (*copy_out)(struct bpf_map *m, const void *key, void *value);
	int (*copy_in)(struct bpf_map *m, const void *key, const void *value, u64 flags);
	/* copy_out and remove in one; NULL: not of this type. */
	int (*take)(struct bpf_map *m, const void *key, void *value);
	/* key NULL, or not there: the first. -ENOENT: there is none behind. */
	int (*next_key)(struct bpf_map *m, const void *key, void *next);
	/* Copies the values and keys of bucket `at`, at most room of them: how many, or -ENOSPC,
	 * nothing copied. -ENOENT: there is no such bucket. remove: they go. NULL: no buckets. */
	int (*bucket)(struct bpf_map *m, u32 at, void *keys, void *values, u32 room, bool remove);
	/* Calls fn for each element until it gives not 0; how many. For bpf_for_each_map_elem. */
	long (*each)(struct bpf_map *m, u64 (*fn)(u64, u64, u64, u64, u64), void *ctx);
	/* The last descriptor is closed and the last name gone: programs may still use it. */
	void (*users_gone)(struct bpf_map *m);
	void (*destroy)(struct bpf_map *m);	/* frees all but the struct; sleeps */
	u64 (*frame)(struct bpf_map *m, u64 page, bool write);	/* mmap: frame number; ~0: none */
};

/* What maps of programs and of maps hold: objects that user space names by descriptor and sees by
 * id. Set by who has descriptors. */
struct bpf_map_refs {
	void *(*get)(struct bpf_map *outer, u32 fd);	/* referenced; ERR_PTR */
	void (*put)(void *object);			/* any context */
	u32 (*id)(void *object);
	u64 (*code)(void *object);	/* programs: where a tail call enters */
};
extern const struct bpf_map_refs *bpf_map_prog_refs, *bpf_map_map_refs;

/* Ends the timer at `slot`, where a value has one (bpf/prog/timer.c). Any context. */
extern void (*bpf_map_timer_free)(void *slot);

struct bpf_map {
	struct bpf_map_desc desc;	/* what the verifier knows; constant but for frozen */
	const struct bpf_map_ops *ops;
	ref_t ref;
	i32 users;			/* descriptors and names in bpffs; atomic */
	u64 bytes;			/* of memory */
	u64 extra;			/* map_extra */
	struct mutex control;		/* freezing, against mappings that may write */
	u32 write_views;		/* control */
	i32 writers;			/* calls of bpf(2) that change it; atomic */
	bool freezing;			/* who would write asks for `control` first; control */
	u32 id;				/* the rest: who has descriptors */
	char name[BPF_OBJ_NAME_LEN];
	void *btf;
	u32 btf_key, btf_value;
	u32 uid;
	const void *owner;		/* prog_array: what kind of programs it has; control */
	void (*gone)(struct bpf_map *m); /* the last reference is; any context; NULL: nothing */
	struct rcu_head rcu;
};

struct bpf_map_attr {
	u32 type, key_size, value_size, max_entries, flags;
	u64 extra;
	struct bpf_map *inner;		/* maps of maps: a map like those to come; not kept */
	i32 spin_lock, timer;		/* offsets in a value; -1 */
};
/* A map with one reference; ERR_PTR(-EINVAL: attributes do not fit the type, -E2BIG, -ENOMEM,
 * -EOPNOTSUPP). Sleeps. */
struct bpf_map *bpf_map_new(const struct bpf_map_attr *a);
static inline struct bpf_map *bpf_map_get(struct bpf_map *m) { ref_get(&m->ref); return m; }
void bpf_map_put(struct bpf_map *m);	/* any context; the end comes after a grace period */
bool bpf_map_type_known(u32 type);
/* Bytes of a value as bpf(2) sees it: per-CPU maps have all CPUs', in steps of 8. */
u32 bpf_map_user_value_size(const struct bpf_map *m);
/* Could `inner` be put where maps like `like` are expected? */
bool bpf_map_fits(const struct bpf_map_desc *like, const struct bpf_map *inner);
/* Wakes, polls: ring buffers. NULL: it is none. */
struct wait_queue *bpf_map_wait(struct bpf_map *m);
bool bpf_map_readable(struct bpf_map *m);

/* size bytes of zeros, whole pages that can be mapped if so; NULL: more than there is. Sleeps. */
void *bpf_area_alloc(u64 size, bool pages);
void bpf_area_free(void *p, u64 size, bool pages);	/* p may be NULL */

/* A number that programs cannot guess, another each time. */
u64 bpf_map_secret(void);

/* --- for code generation ---------------------------------------------------------------------- */
/* Calls of functions with numbers from here on are to bpf_map_function(number). */
#define BPF_FUNC_MAP	0x11000
u64 bpf_map_function(u32 number);	/* 0: there is none */
/* As bpf_verify_ops.inlined: what stands for a call with this map. */
u32 bpf_map_inlined(const struct bpf_map *m, const struct bpf_insn *call, struct bpf_insn *buf,
		    u32 room);
/* prog_array: what instructions name is not the map but its slots, addresses where tail calls
 * enter, 0: empty. The number of slots is this far from there, a u32. */
#define BPF_PROG_ARRAY_ENTRIES (-8)

/* --- ring buffers, for helpers ---------------------------------------------------------------- */
void *bpf_ringbuf_reserve(struct bpf_map *m, u64 size);		/* NULL: no room */
/* flags: BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP */
void bpf_ringbuf_commit(void *record, u64 flags, bool discard);
u64 bpf_ringbuf_query(struct bpf_map *m, u64 what);
#endif
