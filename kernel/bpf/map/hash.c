/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash tables: hash, lru_hash, their per-CPU forms, hash_of_maps. Buckets are lists that lookups
 * follow without a lock; changes lock the bucket.
 *
 * Elements. Unless the map says BPF_F_NO_PREALLOC all elements are made with the map, with a spare
 * for each CPU, so that a change of a value, which always is a new element in the place of the old,
 * finds one even in a full map. A removed element is free for use at once, also for another
 * bucket, while a lookup may be standing on it: that lookup then reaches the end of another
 * bucket's list, which carries the bucket's number, and starts over. Its value's bytes may be
 * another key's by then; programs that cannot live with that use BPF_F_NO_PREALLOC, where elements
 * are freed after a grace period.
 *
 * A new value's element is the bucket's first, before the old one goes. A lookup that was past the
 * first place and finds the old one gone has missed both: who replaces counts (`moved`) in between,
 * and a lookup that finds nothing looks again if somebody did. So what is there is found. One that had to
 * look again often locks the bucket: who replaces over and over would keep it, with preemption off, for ever.
 *
 * LRU maps make room by taking the element that was not used for longest, as far as one bit per
 * element tells: lookups set it, the search for a victim clears it and gives another round. A
 * victim is `taken` under lru.lock before its bucket is locked; whoever removes it from its bucket
 * meanwhile leaves it to the taker. Order: bucket lock, then free-list or LRU lock.
 */
#include "map_internal.h"

#define END_MARK(bucket)	((u64)(bucket) << 1 | 1)

struct elem {
	u64 next;		/* element, or END_MARK; read without the lock */
	u32 hash;
	u8 used, taken, linked;	/* LRU: looked up since; its place is being taken; in its bucket */
	union {
		struct elem *next_free;
		struct rcu_head rcu;
		struct list lru;
	};
	char key[];		/* rounded up to 8 bytes, then the value */
};

struct bucket {
	u64 first;
	struct spinlock lock;	/* irq */
	u32 moved;		/* elements that were replaced; read without the lock */
};

struct htab {
	struct bpf_map map;
	u64 seed, factor;	/* secrets; factor is odd */
	struct bucket *buckets;
	u32 mask, shift;	/* how many buckets less 1; see bucket_of */
	u32 value_at;		/* bytes from the key */
	u32 elem_size, n_elems;
	char *elems;		/* NULL: not preallocated */
	u32 count;		/* elements in buckets, atomic */
	struct {
		struct spinlock lock;	/* irq; of the free list and of the LRU */
		struct elem *free;
		struct list list;	/* most recently added first */
	} lru;
};

#define KNOWN_FACTOR 0x9e3779b97f4a7c15ul	/* 2^64 by the golden ratio */

static struct htab *htab_of(struct bpf_map *m) { return container_of(m, struct htab, map); }
static bool is_lru(const struct htab *h)
{
	return h->map.desc.type == BPF_MAP_TYPE_LRU_HASH ||
	       h->map.desc.type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}
static void *value_of(const struct htab *h, struct elem *e) { return e->key + h->value_at; }

/* --- hashing and finding ---------------------------------------------------------------------- */

/* Multiplying by a secret odd number moves each bit of the key to all higher ones, so the highest
 * have something of all: they choose the bucket. Once alone would leave keys in even steps in steps,
 * which for some numbers meet often. */
static __always_inline u32 finish(const struct htab *h, u64 v)
{
	return (u32)((v ^ v >> 32) * h->factor >> 32);
}

static __always_inline u32 hash_word(const struct htab *h, u64 k)
{
	return finish(h, (k ^ h->seed) * h->factor);
}

static __always_inline u32 bucket_of(const struct htab *h, u32 hash)
{
	return (u32)((u64)hash >> h->shift);
}

/* Both halves of the product: no two bits of v, however chosen, always undo one another. */
static u64 fold(u64 v, u64 factor)
{
	unsigned __int128 p = (unsigned __int128)v * factor;

	return (u64)p ^ (u64)(p >> 64);
}

static u32 hash_bytes(const struct htab *h, const char *key, u32 n)
{
	u64 v = h->seed, w;

	for (; n >= 8; n -= 8, key += 8) {
		memcpy(&w, key, 8);
		v = fold(v ^ w, h->factor);
	}
	w = 0;
	memcpy(&w, key, n);
	if (n)
		v = fold(v ^ w, h->factor);
	return finish(h, v);
}

static __always_inline bool same_key(const struct elem *e, const void *key, u32 size)
{
	if (size == 4)
		return *(const u32 *)e->key == *(const u32 *)key;
	if (size == 8)
		return *(const u64 *)e->key == *(const u64 *)key;
	return !memcmp(e->key, key, size);
}

static __always_inline u32 hash_key(const struct htab *h, const void *key, u32 size)
{
	if (size == 4)
		return hash_word(h, *(const u32 *)key);
	if (size == 8)
		return hash_word(h, *(const u64 *)key);
	return hash_bytes(h, key, size);
}

static struct elem *find_in(const struct htab *h, const struct bucket *b, const void *key, u32 hash)
{
	for (u64 at = b->first; !(at & 1); at = ((struct elem *)at)->next) {
		struct elem *e = (struct elem *)at;

		if (e->hash == hash && same_key(e, key, h->map.desc.key_size))
			return e;
	}
	return NULL;
}

static __noinline struct elem *find_locked(const struct htab *h, const void *key, u32 hash)
{
	struct bucket *b = &h->buckets[bucket_of(h, hash)];
	u64 irq = spin_lock_irqsave(&b->lock);
	struct elem *e = find_in(h, b, key, hash);

	spin_unlock_irqrestore(&b->lock, irq);
	return e;
}

#define TRIES	8	/* more: whoever changes the bucket is faster than we are on our way through it */

/* Without a lock, but for the last resort: see the head of this file. size is key_size, 0: as the map
 * says. */
static __always_inline struct elem *find(const struct htab *h, const void *key, u32 size)
{
	u32 n = size ? size : h->map.desc.key_size, hash = hash_key(h, key, n), i = bucket_of(h, hash);
	const struct bucket *b = &h->buckets[i];
	u32 moved, tries = 0;
	u64 at;

	do {
		if (unlikely(tries++ == TRIES))
			return find_locked(h, key, hash);
		moved = load_acquire(&b->moved);
		at = load_acquire(&b->first);
		while (likely(!(at & 1))) {
			struct elem *e = (struct elem *)at;

			if (same_key(e, key, n))
				return e;
			at = load_acquire(&e->next);
		}
	} while (unlikely(at != END_MARK(i) || READ_ONCE(b->moved) != moved));
	return NULL;
}

/* Keys on a program's stack are aligned to 8 bytes at least where their type is. */
void *bpf_hash4_lookup(struct bpf_map *m, const void *key)
{
	struct htab *h = htab_of(m);
	struct elem *e = find(h, key, 4);

	return e ? e->key + 8 : NULL;
}

void *bpf_hash8_lookup(struct bpf_map *m, const void *key)
{
	struct htab *h = htab_of(m);
	struct elem *e = find(h, key, 8);

	return e ? e->key + 8 : NULL;
}

void *bpf_hash_lookup(struct bpf_map *m, const void *key)
{
	struct htab *h = htab_of(m);
	struct elem *e = find(h, key, 0);

	return e ? value_of(h, e) : NULL;
}

static struct elem *find_used(struct htab *h, const void *key)
{
	struct elem *e = find(h, key, 0);

	if (e && is_lru(h) && !READ_ONCE(e->used))
		WRITE_ONCE(e->used, 1);
	return e;
}

void *bpf_lru_lookup(struct bpf_map *m, const void *key)
{
	struct elem *e = find_used(htab_of(m), key);

	return e ? value_of(htab_of(m), e) : NULL;
}

void *bpf_percpu_hash_lookup(struct bpf_map *m, const void *key)
{
	struct elem *e = find_used(htab_of(m), key);

	if (!e)
		return NULL;
	return (char *)value_of(htab_of(m), e) + (u64)cpu_id() * round8(m->desc.value_size);
}

static void *inner_lookup(struct bpf_map *m, const void *key)
{
	void **slot = bpf_hash_lookup(m, key);

	return slot ? rcu_dereference(*slot) : NULL;
}

/* --- elements --------------------------------------------------------------------------------- */

static void unlink(struct htab *h, struct bucket *b, struct elem *e)
{
	u64 *p = &b->first;

	while (*p != (u64)e)
		p = &((struct elem *)*p)->next;
	store_release(p, e->next);
	e->linked = false;
}

/*
 * Who found the element before it went may have given it a timer since. Its callback is a reader that
 * may have begun after the element went, and may give it another timer: only when a grace period has
 * left it without one does nobody have it. The hash of what is in no bucket is where the timer is, 0:
 * nowhere.
 */
static void free_rcu(struct rcu_head *r)
{
	struct elem *e = container_of(r, struct elem, rcu);
	void **timer = (void **)((char *)e + e->hash);

	if (e->hash && READ_ONCE(*timer)) {
		bpf_map_timer_free(timer);
		call_rcu(&e->rcu, free_rcu);
		return;
	}
	kfree(e);
}

/* It is in no bucket any more; the bucket's lock is held. */
static void give_back(struct htab *h, struct elem *e)
{
	if (bpf_refs_of(&h->map))
		bpf_refs_of(&h->map)->put(*(void **)value_of(h, e));
	free_timer(&h->map, value_of(h, e));
	if (!h->elems) {
		e->hash = h->map.desc.timer < 0 ? 0 :
			  (u32)((char *)value_of(h, e) - (char *)e) + (u32)h->map.desc.timer;
		call_rcu(&e->rcu, free_rcu);
		return;
	}
	spin_lock(&h->lru.lock);
	if (!e->taken) {
		if (is_lru(h))
			list_del(&e->lru);
		e->next_free = h->lru.free;
		h->lru.free = e;
	}
	spin_unlock(&h->lru.lock);
}

#define LOOKS 128	/* for a victim, with interrupts off */

/* The least recently used: its list's tail, but for those that were used since they were looked at
 * last; after some looks just the tail. lru.lock held. */
static struct elem *choose_victim(struct htab *h)
{
	for (u32 i = 0; !list_empty(&h->lru.list); i++) {
		struct elem *e = list_last(&h->lru.list, struct elem, lru);

		list_del(&e->lru);
		if (!READ_ONCE(e->used) || i == LOOKS)
			return e;
		WRITE_ONCE(e->used, 0);
		list_add(&h->lru.list, &e->lru);
	}
	return NULL;
}

/* An element for use, in no bucket; no bucket is locked, unless the map is no LRU. */
static struct elem *get_elem(struct htab *h)
{
	struct elem *e;
	u64 flags;

	if (!h->elems)
		return kmalloc_atomic(h->elem_size);
	flags = spin_lock_irqsave(&h->lru.lock);
	e = h->lru.free;
	if (e) {
		h->lru.free = e->next_free;
		e->taken = true;
		spin_unlock_irqrestore(&h->lru.lock, flags);
		return e;
	}
	e = is_lru(h) ? choose_victim(h) : NULL;
	if (e)
		e->taken = true;
	spin_unlock_irqrestore(&h->lru.lock, flags);
	if (e) {
		struct bucket *b = &h->buckets[bucket_of(h, e->hash)];

		flags = spin_lock_irqsave(&b->lock);
		if (e->linked) {
			unlink(h, b, e);
			__atomic_fetch_sub(&h->count, 1, __ATOMIC_RELAXED);
		}
		spin_unlock_irqrestore(&b->lock, flags);
		free_timer(&h->map, value_of(h, e));
	}
	return e;
}

/* One that get_elem gave and nobody saw. */
static void unget_elem(struct htab *h, struct elem *e)
{
	u64 flags;

	if (!e)
		return;
	if (!h->elems) {
		kfree(e);
		return;
	}
	flags = spin_lock_irqsave(&h->lru.lock);
	e->taken = false;
	e->next_free = h->lru.free;
	h->lru.free = e;
	spin_unlock_irqrestore(&h->lru.lock, flags);
}

/* Where the value of a new element comes from. */
enum from { FROM_PROGRAM, FROM_USER, FROM_OBJECT };

/* An element that is used again may have a timer, set by who found it before it went; and who did may
 * hold its lock, or wait for it. All other bytes are about to be copied over. */
static void clear_value(struct htab *h, char *value)
{
	if (h->elems)
		free_timer(&h->map, value);
	else
		memset(value, 0, round8(h->map.desc.value_size));
}

/* fresh: it is in no bucket. What a program gives is its own CPU's value; others' may be written just
 * now, by their CPUs. */
static void fill(struct htab *h, struct elem *e, bool fresh, const void *value, enum from from)
{
	u32 step = round8(h->map.desc.value_size), size = h->map.desc.value_size;
	char *to = value_of(h, e);

	if (from == FROM_OBJECT) {
		memcpy(to, value, sizeof(void *));
	} else if (!is_percpu(h->map.desc.type)) {
		clear_value(h, to);
		bpf_copy_value(&h->map, to, value);
	} else if (from == FROM_USER) {
		memcpy(to, value, (size_t)step * nr_cpus);
	} else {
		if (fresh)
			memset(to, 0, (size_t)step * nr_cpus);
		memcpy(to + (u64)cpu_id() * step, value, size);
	}
}

static void insert(struct htab *h, struct bucket *b, struct elem *e, u32 hash, const void *key)
{
	memcpy(e->key, key, h->map.desc.key_size);
	e->hash = hash;
	e->used = 0;
	e->linked = true;
	e->next = b->first;
	store_release(&b->first, (u64)e);
	if (!h->elems)
		return;
	spin_lock(&h->lru.lock);
	e->taken = false;
	if (is_lru(h))
		list_add(&h->lru.list, &e->lru);
	spin_unlock(&h->lru.lock);
}

/* --- changes ---------------------------------------------------------------------------------- */

static bool count_one_more(struct htab *h)
{
	if (__atomic_add_fetch(&h->count, 1, __ATOMIC_RELAXED) <= h->map.desc.max_entries ||
	    is_lru(h))
		return true;
	__atomic_fetch_sub(&h->count, 1, __ATOMIC_RELAXED);
	return false;
}

/* With b's lock: 0, 1 if value was written where it is (and e is not needed), or a negative errno.
 */
static int change(struct htab *h, struct bucket *b, struct elem **e, const void *key, u32 hash,
		  const void *value, u64 flags, enum from from)
{
	struct elem *old = find_in(h, b, key, hash);
	u64 mode = flags & ~(u64)BPF_F_LOCK;

	if (old && mode == BPF_NOEXIST)
		return -EEXIST;
	if (!old && mode == BPF_EXIST)
		return -ENOENT;
	if (old && (flags & BPF_F_LOCK)) {
		bpf_copy_locked(&h->map, value_of(h, old), value, value_of(h, old));
		return 1;
	}
	/* what belongs to a CPU changes in place: nobody else writes it, or looks for its old value
	 */
	if (old && is_percpu(h->map.desc.type)) {
		fill(h, old, false, value, from);
		WRITE_ONCE(old->used, 1);
		return 1;
	}
	if (!old && !count_one_more(h))
		return -E2BIG;
	if (!*e)
		*e = get_elem(h);
	if (!*e) {
		if (!old)
			__atomic_fetch_sub(&h->count, 1, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	fill(h, *e, true, value, from);
	insert(h, b, *e, hash, key);
	if (old) {
		store_release(&b->moved, b->moved + 1);
		unlink(h, b, old);
		give_back(h, old);
	}
	return 0;
}

static long update(struct htab *h, const void *key, const void *value, u64 flags, enum from from)
{
	int err = check_update_flags(&h->map, flags);
	u32 hash = hash_key(h, key, h->map.desc.key_size);
	struct bucket *b = &h->buckets[bucket_of(h, hash)];
	struct elem *e = NULL;
	u64 irq;

	if (err)
		return err;
	/* Making room locks another bucket. What belongs to CPUs and is there needs none. */
	if (is_lru(h) && !(is_percpu(h->map.desc.type) && (flags & BPF_EXIST))) {
		e = get_elem(h);
		if (!e)
			return -ENOMEM;
	}
	irq = spin_lock_irqsave(&b->lock);
	err = change(h, b, &e, key, hash, value, flags, from);
	spin_unlock_irqrestore(&b->lock, irq);
	if (err)
		unget_elem(h, e);
	return min(err, 0);
}

static long hash_update(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return update(htab_of(m), key, value, flags, FROM_PROGRAM);
}

/* --- as bpf(2) sees it ------------------------------------------------------------------------ */

static void copy_elem(struct htab *h, struct elem *e, void *value)
{
	struct bpf_map *m = &h->map;
	const struct bpf_map_refs *refs = bpf_refs_of(m);
	void *from = value_of(h, e);
	u32 id;

	if (refs) {
		id = refs->id(*(void **)from);
		memcpy(value, &id, sizeof(id));
	} else if (is_percpu(m->desc.type)) {
		memcpy(value, from, bpf_map_user_value_size(m));
	} else {
		bpf_copy_value_out(m, value, from);
	}
}

/* value: where its value goes, NULL: nobody wants it. */
static int take_out(struct htab *h, const void *key, void *value)
{
	u32 hash = hash_key(h, key, h->map.desc.key_size);
	struct bucket *b = &h->buckets[bucket_of(h, hash)];
	u64 irq = spin_lock_irqsave(&b->lock);
	struct elem *e = find_in(h, b, key, hash);

	if (e) {
		if (value)
			copy_elem(h, e, value);
		unlink(h, b, e);
		__atomic_fetch_sub(&h->count, 1, __ATOMIC_RELAXED);
		give_back(h, e);
	}
	spin_unlock_irqrestore(&b->lock, irq);
	return e ? 0 : -ENOENT;
}

static long hash_remove(struct bpf_map *m, const void *key) { return take_out(htab_of(m), key, NULL); }
static int hash_take(struct bpf_map *m, const void *key, void *value)
{
	return take_out(htab_of(m), key, value);
}

/* Not counted as a use: whoever lists a map does not change what goes first. */
static int hash_copy_out(struct bpf_map *m, const void *key, void *value)
{
	struct htab *h = htab_of(m);
	u32 hash = hash_key(h, key, m->desc.key_size);
	struct bucket *b = &h->buckets[bucket_of(h, hash)];
	u64 irq = spin_lock_irqsave(&b->lock);
	struct elem *e = find_in(h, b, key, hash);

	if (e)
		copy_elem(h, e, value);
	spin_unlock_irqrestore(&b->lock, irq);
	return e ? 0 : -ENOENT;
}

static int hash_copy_in(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	const struct bpf_map_refs *refs = bpf_refs_of(m);
	void *object;
	long err;
	u32 fd;

	if (!refs)
		return (int)update(htab_of(m), key, value, flags, FROM_USER);
	memcpy(&fd, value, sizeof(fd));
	object = refs->get(m, fd);
	if (IS_ERR(object))
		return (int)PTR_ERR(object);
	err = update(htab_of(m), key, &object, flags, FROM_OBJECT);
	if (err)
		refs->put(object);
	return (int)err;
}

/* The first key of bucket i or a later one. */
static int first_from(struct htab *h, u32 i, void *next)
{
	for (; i <= h->mask; i++) {
		struct bucket *b = &h->buckets[i];
		u64 irq, first;

		if (READ_ONCE(b->first) & 1)
			continue;
		irq = spin_lock_irqsave(&b->lock);
		first = b->first;
		if (!(first & 1))
			memcpy(next, ((struct elem *)first)->key, h->map.desc.key_size);
		spin_unlock_irqrestore(&b->lock, irq);
		if (!(first & 1))
			return 0;
	}
	return -ENOENT;
}

static int hash_next_key(struct bpf_map *m, const void *key, void *next)
{
	struct htab *h = htab_of(m);
	u32 hash, i;
	struct elem *e;
	u64 irq, after = 1;

	if (!key)
		return first_from(h, 0, next);
	hash = hash_key(h, key, m->desc.key_size);
	i = bucket_of(h, hash);
	irq = spin_lock_irqsave(&h->buckets[i].lock);
	e = find_in(h, &h->buckets[i], key, hash);
	if (e)
		after = e->next;
	if (!(after & 1))
		memcpy(next, ((struct elem *)after)->key, m->desc.key_size);
	spin_unlock_irqrestore(&h->buckets[i].lock, irq);
	if (!e)
		return first_from(h, 0, next);
	return after & 1 ? first_from(h, i + 1, next) : 0;
}

static int hash_bucket(struct bpf_map *m, u32 i, void *keys, void *values, u32 room, bool take)
{
	struct htab *h = htab_of(m);
	u32 n = 0, value_size = bpf_map_user_value_size(m);
	struct bucket *b;
	u64 irq;

	if (i > h->mask)
		return -ENOENT;
	b = &h->buckets[i];
	irq = spin_lock_irqsave(&b->lock);
	for (u64 at = b->first; !(at & 1); at = ((struct elem *)at)->next)
		n++;
	if (n > room) {
		spin_unlock_irqrestore(&b->lock, irq);
		return -ENOSPC;
	}
	n = 0;
	for (u64 at = b->first, next; !(at & 1); at = next, n++) {
		struct elem *e = (struct elem *)at;

		next = e->next;
		memcpy((char *)keys + (size_t)n * m->desc.key_size, e->key, m->desc.key_size);
		copy_elem(h, e, (char *)values + (size_t)n * value_size);
		if (take) {
			unlink(h, b, e);
			__atomic_fetch_sub(&h->count, 1, __ATOMIC_RELAXED);
			give_back(h, e);
		}
	}
	spin_unlock_irqrestore(&b->lock, irq);
	return (int)n;
}

/* What is added meanwhile may be left out or visited; nothing is visited twice unless it moves. The
 * next element is found before fn may move this one; whatever fn moves, there is an end. */
static long hash_each(struct bpf_map *m, u64 (*fn)(u64, u64, u64, u64, u64), void *ctx)
{
	struct htab *h = htab_of(m);
	long n = 0;

	for (u32 i = 0; i <= h->mask; i++) {
		u64 at = load_acquire(&h->buckets[i].first), next;

		for (; !(at & 1); at = next) {
			struct elem *e = (struct elem *)at;
			char *value = value_of(h, e);

			if (n >= m->desc.max_entries)
				return n;
			next = load_acquire(&e->next);
			if (is_percpu(m->desc.type))
				value += (u64)cpu_id() * round8(m->desc.value_size);
			n++;
			if (fn((u64)m, (u64)e->key, (u64)value, (u64)ctx, 0))
				return n;
		}
	}
	return n;
}

/* --- life ------------------------------------------------------------------------------------- */

#define HASH_FLAGS (COMMON_FLAGS | BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_ZERO_SEED)

static i64 check_hash(const struct bpf_map_attr *a)
{
	bool lru = a->type == BPF_MAP_TYPE_LRU_HASH || a->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	u64 value = (u64)align_up((u64)a->value_size, 8ul) * (is_percpu(a->type) ? nr_cpus : 1);

	if (lru && (a->flags & BPF_F_NO_PREALLOC))
		return -ENOTSUPP;
	if (!a->key_size || !a->value_size || !a->max_entries)
		return -EINVAL;
	if (a->type == BPF_MAP_TYPE_HASH_OF_MAPS && a->value_size != 4)
		return -EINVAL;
	if (!lru && (a->flags & BPF_F_NO_COMMON_LRU))
		return -EINVAL;
	if (is_percpu(a->type) && a->value_size > PERCPU_VALUE_MAX)
		return -E2BIG;
	if (sizeof(struct elem) + a->key_size + 8 + value > 4 * MIB)
		return -E2BIG;
	if (a->max_entries > 1u << 27)
		return -E2BIG;
	return sizeof(struct htab);
}

static u64 buckets_size(const struct htab *h) { return (h->mask + 1ull) * sizeof(struct bucket); }
static u64 elems_size(const struct htab *h) { return (u64)h->n_elems * h->elem_size; }

static void bucket_timers(struct htab *h, struct bucket *b)
{
	u64 irq = spin_lock_irqsave(&b->lock);

	for (u64 at = b->first; !(at & 1); at = ((struct elem *)at)->next)
		free_timer(&h->map, value_of(h, (struct elem *)at));
	spin_unlock_irqrestore(&b->lock, irq);
}

/* Timers keep the programs that keep the map: the circle ends here. Elements that are in no bucket
 * may have one, too: see fill and free_rcu. */
static void hash_users_gone(struct bpf_map *m)
{
	struct htab *h = htab_of(m);

	if (m->desc.timer < 0)
		return;
	for (u32 i = 0; h->elems && i < h->n_elems; i++)
		free_timer(m, value_of(h, (struct elem *)(h->elems + (u64)i * h->elem_size)));
	for (u32 i = 0; !h->elems && i <= h->mask; i++)
		bucket_timers(h, &h->buckets[i]);
}

static void hash_destroy(struct bpf_map *m)
{
	struct htab *h = htab_of(m);

	for (u32 i = 0; i <= h->mask; i++) {
		struct bucket *b = &h->buckets[i];

		while (!(b->first & 1)) {
			struct elem *e = (struct elem *)b->first;

			unlink(h, b, e);
			if (bpf_refs_of(m))
				bpf_refs_of(m)->put(*(void **)value_of(h, e));
			if (!h->elems)
				kfree(e);
		}
	}
	if (h->elems)
		bpf_area_free(h->elems, elems_size(h), false);
	bpf_area_free(h->buckets, buckets_size(h), false);
}

#define HASH_OPS(find) { \
	.lookup = find, \
	.update = hash_update, \
	.remove = hash_remove, \
	.copy_out = hash_copy_out, \
	.copy_in = hash_copy_in, \
	.take = hash_take, \
	.next_key = hash_next_key, \
	.bucket = hash_bucket, \
	.each = hash_each, \
	.users_gone = hash_users_gone, \
	.destroy = hash_destroy, \
}
static const struct bpf_map_ops hash_ops = HASH_OPS(bpf_hash_lookup),
	hash4_ops = HASH_OPS(bpf_hash4_lookup), hash8_ops = HASH_OPS(bpf_hash8_lookup),
	lru_ops = HASH_OPS(bpf_lru_lookup), percpu_ops = HASH_OPS(bpf_percpu_hash_lookup),
	maps_ops = HASH_OPS(inner_lookup);

static const struct bpf_map_ops *ops_for(const struct bpf_map *m)
{
	switch (m->desc.type) {
	case BPF_MAP_TYPE_LRU_HASH:
		return &lru_ops;
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return &percpu_ops;
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return &maps_ops;
	default:
		return m->desc.key_size == 4 ? &hash4_ops
		       : m->desc.key_size == 8 ? &hash8_ops
					       : &hash_ops;
	}
}

static u32 power_from(u32 n)
{
	return n <= 1 ? 1 : 1u << (ilog2(n - 1) + 1);
}

static int make_elems(struct htab *h)
{
	h->n_elems = h->map.desc.max_entries + (is_lru(h) ? 0 : nr_cpus);
	h->elems = bpf_area_alloc(elems_size(h), false);
	if (!h->elems)
		return -ENOMEM;
	for (u32 i = h->n_elems; i-- > 0;) {
		struct elem *e = (struct elem *)(h->elems + (u64)i * h->elem_size);

		e->next_free = h->lru.free;
		h->lru.free = e;
	}
	h->map.bytes += elems_size(h);
	return 0;
}

static int hash_init(struct bpf_map *m)
{
	struct htab *h = htab_of(m);
	const struct bpf_map_desc *d = &m->desc;
	u32 value = d->type == BPF_MAP_TYPE_HASH_OF_MAPS ? 8 : round8(d->value_size);

	/* BPF_F_ZERO_SEED promises that the order of keys is that of each other such map. */
	if (d->flags & BPF_F_ZERO_SEED) {
		h->factor = KNOWN_FACTOR;
	} else {
		h->seed = bpf_map_secret();
		h->factor = bpf_map_secret() | 1;
	}
	h->mask = power_from(d->max_entries) - 1;
	h->shift = h->mask ? 31 - (u32)ilog2(h->mask) : 32;
	h->value_at = round8(d->key_size);
	h->elem_size = (u32)sizeof(struct elem) + h->value_at +
		       value * (is_percpu(d->type) ? nr_cpus : 1);
	spin_init(&h->lru.lock);
	list_init(&h->lru.list);
	m->ops = ops_for(m);
	h->buckets = bpf_area_alloc(buckets_size(h), false);
	if (!h->buckets)
		return -ENOMEM;
	for (u32 i = 0; i <= h->mask; i++) {
		h->buckets[i].first = END_MARK(i);
		spin_init(&h->buckets[i].lock);
	}
	m->bytes += buckets_size(h);
	if (!(d->flags & BPF_F_NO_PREALLOC) && make_elems(h)) {
		bpf_area_free(h->buckets, buckets_size(h), false);
		return -ENOMEM;
	}
	return 0;
}

const struct bpf_map_kind bpf_hash_type = { HASH_FLAGS, check_hash, hash_init };
