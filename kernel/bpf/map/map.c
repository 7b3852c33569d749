/* SPDX-License-Identifier: BSD-2-Clause */
/* What all maps have in common: making, references, values as bpf(2) sees them. */
#include "map_internal.h"
#include <hal/cpu.h>
#include <mm/page.h>

const struct bpf_map_refs *bpf_map_prog_refs, *bpf_map_map_refs;
void (*bpf_map_timer_free)(void *slot);

static const struct bpf_map_kind *const types[] = {
	[BPF_MAP_TYPE_HASH] = &bpf_hash_type,
	[BPF_MAP_TYPE_ARRAY] = &bpf_array_type,
	[BPF_MAP_TYPE_PROG_ARRAY] = &bpf_prog_array_type,
	[BPF_MAP_TYPE_PERCPU_HASH] = &bpf_hash_type,
	[BPF_MAP_TYPE_PERCPU_ARRAY] = &bpf_percpu_array_type,
	[BPF_MAP_TYPE_LRU_HASH] = &bpf_hash_type,
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = &bpf_hash_type,
	[BPF_MAP_TYPE_LPM_TRIE] = &bpf_lpm_type,
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = &bpf_array_of_maps_type,
	[BPF_MAP_TYPE_HASH_OF_MAPS] = &bpf_hash_type,
	[BPF_MAP_TYPE_QUEUE] = &bpf_queue_type,
	[BPF_MAP_TYPE_STACK] = &bpf_stack_type,
	[BPF_MAP_TYPE_RINGBUF] = &bpf_ringbuf_type,
};

bool bpf_map_type_known(u32 type) { return type < ARRAY_SIZE(types) && types[type]; }

/* --- memory ----------------------------------------------------------------------------------- */

static bool in_pages(u64 size, bool pages) { return pages || size > 64 * KIB; }

void *bpf_area_alloc(u64 size, bool pages)
{
	struct mem_totals t;

	if (!in_pages(size, pages))
		return kzalloc(size);
	mem_totals(&t);
	/* More than there is would cost others theirs before it failed. */
	if (size >> PAGE_SHIFT >= t.available)
		return NULL;
	return vmalloc(size, PAGE_SIZE);
}

void bpf_area_free(void *p, u64 size, bool pages)
{
	if (in_pages(size, pages))
		vfree(p);
	else
		kfree(p);
}

u64 bpf_map_secret(void)
{
	static u64 state;
	u64 random;

	if (!arch_random(&random))
		random = arch_counter();
	/* multiplied and folded, so that counters that differ little give numbers that differ much
	 */
	random = (random ^ __atomic_add_fetch(&state, random | 1, __ATOMIC_RELAXED)) *
		 0x9e3779b97f4a7c15ull;
	return random ^ random >> 29;
}

/* --- values ----------------------------------------------------------------------------------- */

u32 bpf_map_user_value_size(const struct bpf_map *m)
{
	if (is_percpu(m->desc.type))
		return round8(m->desc.value_size) * nr_cpus;
	return m->desc.value_size;
}

struct hole { u32 at, size; };

static void copy_around(void *dst, const void *src, u32 size, struct hole a, struct hole b)
{
	u32 at = 0;

	if (b.at < a.at) {
		struct hole c = a;

		a = b;
		b = c;
	}
	memcpy(dst, src, a.at);
	at = a.at + a.size;
	memcpy((char *)dst + at, (const char *)src + at, b.at - at);
	at = b.at + b.size;
	memcpy((char *)dst + at, (const char *)src + at, size - at);
}

void bpf_copy_value(const struct bpf_map *m, void *dst, const void *src)
{
	const struct bpf_map_desc *d = &m->desc;
	struct hole none = { d->value_size, 0 };

	if (d->spin_lock < 0 && d->timer < 0)
		memcpy(dst, src, d->value_size);
	else
		copy_around(dst, src, d->value_size,
			    d->spin_lock < 0 ? none : (struct hole){ (u32)d->spin_lock, 4 },
			    d->timer < 0 ? none : (struct hole){ (u32)d->timer, TIMER_SIZE });
}

void bpf_copy_locked(const struct bpf_map *m, void *dst, const void *src, void *ours)
{
	struct spinlock *l = (void *)((char *)ours + m->desc.spin_lock);
	u64 flags = spin_lock_irqsave(l);

	bpf_copy_value(m, dst, src);
	spin_unlock_irqrestore(l, flags);
}

void bpf_copy_value_out(const struct bpf_map *m, void *dst, void *ours)
{
	if (m->desc.spin_lock < 0 && m->desc.timer < 0) {
		memcpy(dst, ours, m->desc.value_size);
		return;
	}
	memset(dst, 0, m->desc.value_size);
	if (m->desc.spin_lock < 0)
		bpf_copy_value(m, dst, ours);
	else
		bpf_copy_locked(m, dst, ours, ours);
}

bool bpf_map_fits(const struct bpf_map_desc *like, const struct bpf_map *inner)
{
	const struct bpf_map_desc *d = &inner->desc;

	return d->type == like->type && d->key_size == like->key_size &&
	       d->value_size == like->value_size && d->flags == like->flags &&
	       d->spin_lock == like->spin_lock && d->timer == like->timer &&
	       ((d->type != BPF_MAP_TYPE_ARRAY && d->type != BPF_MAP_TYPE_PERCPU_ARRAY) ||
		(d->flags & BPF_F_INNER_MAP) ||
		d->max_entries == like->max_entries);
}

const struct bpf_map_refs *bpf_refs_of(const struct bpf_map *m)
{
	switch (m->desc.type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
		return bpf_map_prog_refs;
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return bpf_map_map_refs;
	default:
		return NULL;
	}
}

/* --- life ------------------------------------------------------------------------------------- */

static bool holds_maps(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

/* What the verifier has to know of inner maps, kept by value. */
static int describe_inner(struct bpf_map_desc *d, const struct bpf_map *inner)
{
	struct bpf_map_desc *copy;

	if (!inner || holds_maps(inner->desc.type))
		return -EINVAL;
	if (inner->desc.type == BPF_MAP_TYPE_PROG_ARRAY)
		return -ENOTSUPP;
	copy = kmemdup(&inner->desc, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	copy->object = copy->values = 0;
	copy->name = NULL;	/* it may be gone before */
	d->inner = copy;
	return 0;
}

static struct bpf_map *alloc_map(const struct bpf_map_attr *a, u64 size)
{
	struct bpf_map *m = bpf_area_alloc(size, false);

	if (!m)
		return NULL;
	m->desc = (struct bpf_map_desc){
		.type = a->type,
		.key_size = a->key_size,
		.value_size = a->value_size,
		.max_entries = a->max_entries,
		.flags = a->flags,
		.object = (u64)m,
		.spin_lock = a->spin_lock,
		.timer = a->timer,
	};
	m->extra = a->extra;
	m->bytes = size;
	ref_init(&m->ref);
	mutex_init(&m->control);
	return m;
}

struct bpf_map *bpf_map_new(const struct bpf_map_attr *a)
{
	const struct bpf_map_kind *t = bpf_map_type_known(a->type) ? types[a->type] : NULL;
	i64 size = t ? (a->flags & ~t->flags ? -EINVAL : t->size(a)) : -EINVAL;
	struct bpf_map *m;
	int err = 0;

	if (size < 0)
		return ERR_PTR((long)size);
	if ((a->flags & BPF_F_RDONLY_PROG && a->flags & BPF_F_WRONLY_PROG) ||
	    (a->flags & BPF_F_RDONLY && a->flags & BPF_F_WRONLY))
		return ERR_PTR(-EINVAL);
	m = alloc_map(a, (u64)size);
	if (!m)
		return ERR_PTR(-ENOMEM);
	if (holds_maps(a->type))
		err = describe_inner(&m->desc, a->inner);
	if (!err)
		err = t->init(m);
	if (err) {
		kfree(m->desc.inner);
		bpf_area_free(m, (u64)size, false);
		return ERR_PTR(err);
	}
	return m;
}

static u64 struct_size(const struct bpf_map *m)
{
	struct bpf_map_attr a = {
		.type = m->desc.type,
		.key_size = m->desc.key_size,
		.value_size = m->desc.value_size,
		.max_entries = m->desc.max_entries,
		.flags = m->desc.flags,
		.extra = m->extra,
		.spin_lock = m->desc.spin_lock,
		.timer = m->desc.timer,
	};

	return (u64)types[a.type]->size(&a);
}

static void end_map(struct rcu_head *head)
{
	struct bpf_map *m = container_of(head, struct bpf_map, rcu);

	m->ops->destroy(m);
	kfree(m->desc.inner);
	bpf_area_free(m, struct_size(m), false);
}

void bpf_map_put(struct bpf_map *m)
{
	if (!ref_put(&m->ref))
		return;
	if (m->gone)
		m->gone(m);
	call_rcu(&m->rcu, end_map);
}

/* --- code generation -------------------------------------------------------------------------- */

u64 bpf_map_function(u32 number)
{
	static void *(*const fns[])(struct bpf_map *, const void *) = {
		[MAP_FN_HASH4] = bpf_hash4_lookup,
		[MAP_FN_HASH8] = bpf_hash8_lookup,
		[MAP_FN_HASH] = bpf_hash_lookup,
		[MAP_FN_LRU] = bpf_lru_lookup,
		[MAP_FN_PERCPU_HASH] = bpf_percpu_hash_lookup,
		[MAP_FN_PERCPU_ARRAY] = bpf_percpu_array_lookup,
	};

	number -= BPF_FUNC_MAP;
	return number < MAP_FN_COUNT ? (u64)fns[number] : 0;
}

static u32 lookup_function(const struct bpf_map *m)
{
	u64 fn = (u64)m->ops->lookup;

	for (u32 i = 0; i < MAP_FN_COUNT; i++)
		if (bpf_map_function(BPF_FUNC_MAP + i) == fn)
			return BPF_FUNC_MAP + i;
	return 0;
}

/* r0 = index < max_entries ? values + index * step : NULL; r1 may be spoilt. */
static u32 inline_array_lookup(const struct bpf_map_desc *d, struct bpf_insn *p)
{
	u32 step = round8(d->value_size), n = 0;

	p[n++] = (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, 0, 2, 0, 0 };
	p[n++] = (struct bpf_insn){ BPF_JMP | BPF_JGE | BPF_K, 0, 0, 5, (i32)d->max_entries };
	p[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, (i32)step };
	p[n++] = (struct bpf_insn){ BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, (i32)d->values };
	p[n++] = (struct bpf_insn){ 0, 0, 0, 0, (i32)(d->values >> 32) };
	p[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0 };
	p[n++] = (struct bpf_insn){ BPF_JMP | BPF_JA, 0, 0, 1, 0 };
	p[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 };
	return n;
}

u32 bpf_map_inlined(const struct bpf_map *m, const struct bpf_insn *call, struct bpf_insn *buf,
		    u32 room)
{
	u32 fn;

	if (call->imm != BPF_FUNC_map_lookup_elem || room < 8)
		return 0;
	/* An index that is compared as a positive 32-bit constant. */
	if (m->desc.type == BPF_MAP_TYPE_ARRAY && m->desc.max_entries < 1u << 31)
		return inline_array_lookup(&m->desc, buf);
	fn = lookup_function(m);
	if (!fn)
		return 0;
	buf[0] = *call;
	buf[0].imm = (i32)fn;
	return 1;
}
