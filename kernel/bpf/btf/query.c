/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to types that were checked: every loop ends, because no way down is longer than
 * BTF_MAX_DEPTH. */
#include "btf_internal.h"
#include <base/errno.h>
#include <base/string.h>

const struct btf_type *btf_type(const struct btf_types *b, u32 id)
{
	return id && id < b->n ? (const void *)(b->types + b->at[id]) : NULL;
}

const char *btf_name_at(const struct btf_types *b, u32 name_off)
{
	return name_off < b->strings_len ? b->strings + name_off : NULL;
}

const char *btf_type_name(const struct btf_types *b, u32 id)
{
	const struct btf_type *t = btf_type(b, id);

	return t ? b->strings + t->name_off : "";
}

u32 btf_skip_modifiers(const struct btf_types *b, u32 id)
{
	const struct btf_type *t = btf_type(b, id);

	for (; t && btf_is(t, BTF_MODIFIERS); t = btf_type(b, id))
		id = t->type;
	return t ? id : 0;
}

u32 btf_find(const struct btf_types *b, u32 kind, const char *name)
{
	for (u32 id = 1; id < b->n; id++)
		if (btf_kind(btf_type(b, id)) == kind && !strcmp(btf_type_name(b, id), name))
			return id;
	return 0;
}

i64 btf_type_size(const struct btf_types *b, u32 id)
{
	u64 times = 1;

	for (u32 steps = 0; steps <= 2 * BTF_MAX_DEPTH; steps++) {
		const struct btf_type *t = btf_type(b, btf_skip_modifiers(b, id));

		switch (btf_kind(t)) {
		case BTF_KIND_ARRAY:
			times *= btf_array_of(t)->nelems;
			id = btf_array_of(t)->type;
			break;
		case BTF_KIND_VAR:
			id = t->type;
			break;
		case BTF_KIND_PTR:
			return times * 8 > ~0u ? -EINVAL : (i64)(times * 8);
		case BTF_KIND_INT:
		case BTF_KIND_FLOAT:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_DATASEC:
			times *= t->size;
			return times > ~0u ? -EINVAL : (i64)times;
		default:
			return -EINVAL;
		}
		if (times > ~0u)
			return -EINVAL;
	}
	return -EINVAL;
}

bool btf_is_u32(const struct btf_types *b, u32 id)
{
	const struct btf_type *t = btf_type(b, btf_skip_modifiers(b, id));

	return btf_kind(t) == BTF_KIND_INT && t->size == 4 && BTF_INT_BITS(btf_int_data(t)) == 32 &&
	       !BTF_INT_OFFSET(btf_int_data(t));
}

/* --- fields of value types -------------------------------------------------------------------- */

#define MOST_MEMBERS	65536u	/* looked at; types without a size can be many in a value */
#define MOST_NESTED	16u

struct search {
	const struct btf_types *b;
	const char *name;
	u32 size, align;
	u32 *budget;	/* members that may yet be looked at */
	bool apart;	/* not in what is another special field of a value */
	i64 found;	/* -ENOENT so far */
};

/* What is a field of a value by its name is one whole, whatever its type says is in it. */
static bool is_special(const char *name)
{
	return !strcmp(name, "bpf_spin_lock") || !strcmp(name, "bpf_timer");
}

static void look_at(struct search *s, u32 id, u64 base, u32 depth);

/* The members of struct id, which is there `times` times, first at byte `base`. */
static void look_within(struct search *s, u32 id, u64 base, u32 times, u32 depth)
{
	const struct btf_type *t = btf_type(s->b, id);
	i64 before = s->found;

	for (u32 k = 0; k < btf_vlen(t); k++) {
		const struct btf_member *m = &btf_members(t)[k];

		if (!*s->budget || depth == MOST_NESTED)
			s->found = -E2BIG;
		else if (btf_bit_offset(t, m) % 8 == 0)
			look_at(s, m->type, base + btf_bit_offset(t, m) / 8, depth + 1);
		if (s->found != before && times > 1)
			s->found = -E2BIG;
		if (s->found == -E2BIG || s->found == -EINVAL)
			return;
		*s->budget -= 1;
	}
}

static void found(struct search *s, const struct btf_type *t, u64 base, u32 times)
{
	if (s->found != -ENOENT || times > 1)
		s->found = -E2BIG;
	else
		s->found = t->size != s->size || base % s->align ? -EINVAL : (i64)base;
}

/* A part of a value, at byte `base`: a struct, or an array of them; behind a modifier Linux does
 * not look either. */
static void look_at(struct search *s, u32 id, u64 base, u32 depth)
{
	const struct btf_type *t = btf_type(s->b, id);
	const char *name;
	u64 times = 1;

	for (; btf_kind(t) == BTF_KIND_ARRAY; t = btf_type(s->b, id)) {
		times = min(times * btf_array_of(t)->nelems, (u64)~0u);
		id = btf_array_of(t)->type;
	}
	if (btf_kind(t) != BTF_KIND_STRUCT || !times)
		return;
	name = btf_type_name(s->b, id);
	if (!strcmp(name, s->name))
		found(s, t, base, (u32)times);
	else if (!s->apart || !is_special(name))
		look_within(s, id, base, (u32)times, depth);
}

static i64 search(const struct btf_types *b, u32 id, struct search s)
{
	const struct btf_type *t;

	id = btf_skip_modifiers(b, id);
	t = btf_type(b, id);
	if (btf_kind(t) == BTF_KIND_STRUCT)
		look_within(&s, id, 0, 1, 0);
	if (btf_kind(t) != BTF_KIND_DATASEC)
		return s.found;
	for (u32 k = 0; k < btf_vlen(t) && s.found != -E2BIG && s.found != -EINVAL; k++) {
		const struct btf_var_secinfo *v = &btf_secinfos(t)[k];

		look_at(&s, btf_type(b, v->type)->type, v->offset, 0);
	}
	return s.found;
}

i64 btf_search(const struct btf_types *b, u32 id, const char *name, u32 size, u32 align, u32 *budget)
{
	return search(b, id, (struct search){ b, name, size, align, budget, false, -ENOENT });
}

i64 btf_find_field(const struct btf_types *b, u32 id, const char *name, u32 size, u32 align)
{
	u32 budget = MOST_MEMBERS;

	return search(b, id, (struct search){ b, name, size, align, &budget, true, -ENOENT });
}

void btf_value_fields(const struct btf_types *b, u32 id, i32 *spin_lock, i32 *timer)
{
	i64 lock = btf_find_field(b, id, "bpf_spin_lock", 4, 4);
	i64 time = btf_find_field(b, id, "bpf_timer", 16, 8);
	/* Members may lie over one another: Linux's answer is to have neither. */
	bool over = lock >= 0 && time >= 0 && lock < time + 16 && time < lock + 4;

	*spin_lock = over || lock < 0 ? -1 : (i32)lock;
	*timer = over || time < 0 ? -1 : (i32)time;
}
