/* SPDX-License-Identifier: BSD-2-Clause */
/* What types say of one another: what is in a struct has a size and fits, functions have
 * prototypes, prototypes have values, sections have variables, tags have something to be on. */
#include "btf_internal.h"
#include <base/errno.h>
#include <base/string.h>

static const struct btf_type *behind(const struct btf_check *c, u32 id)
{
	return btf_type(c->b, btf_skip_modifiers(c->b, id));
}

/* An integer whose bits are those of 1, 2, 4, 8 or 16 bytes, the first that it has. */
static bool is_whole_int(const struct btf_type *t)
{
	u32 bits;

	if (btf_kind(t) != BTF_KIND_INT)
		return false;
	bits = BTF_INT_BITS(btf_int_data(t));
	return !BTF_INT_OFFSET(btf_int_data(t)) && bits >= 8 && is_pow2(bits);
}

static bool has_size(const struct btf_check *c, u32 id) { return btf_type_size(c->b, id) >= 0; }

/* Bytes that a member's bits reach, from the struct's begin. */
static u64 member_end(const struct btf_check *c, const struct btf_type *s, const struct btf_member *m,
		      const struct btf_type *t)
{
	u64 offset = btf_bit_offset(s, m), bits = btf_bit_size(s, m);

	if (btf_kind(t) == BTF_KIND_INT) {
		if (!bits)
			bits = BTF_INT_BITS(btf_int_data(t));
		offset += BTF_INT_OFFSET(btf_int_data(t));
		return (offset + bits + 7) / 8;
	}
	return bits ? (offset + bits + 7) / 8 : offset / 8 + (u64)btf_type_size(c->b, m->type);
}

static int check_member(struct btf_check *c, u32 id, u32 k)
{
	const struct btf_type *s = btf_type(c->b, id), *t;
	const struct btf_member *m = &btf_members(s)[k];
	u32 bits = btf_bit_size(s, m), offset = btf_bit_offset(s, m), align;

	t = behind(c, m->type);
	if (!has_size(c, m->type) || btf_kind(t) == BTF_KIND_VAR || btf_kind(t) == BTF_KIND_DATASEC)
		return btf_bad_part(c, id, k, "Invalid member");
	if (BTF_INFO_KFLAG(s->info) && btf_kind(t) == BTF_KIND_INT && !is_whole_int(t))
		return btf_bad_part(c, id, k, "Invalid member base type");
	if (bits && btf_kind(t) == BTF_KIND_INT && bits > BTF_INT_BITS(btf_int_data(t)))
		return btf_bad_part(c, id, k, "Invalid member bitfield_size");
	if (bits && btf_is(t, BTF_ENUMS) && bits > t->size * 8)
		return btf_bad_part(c, id, k, "Invalid member bitfield_size");
	if (bits && !btf_is(t, BTF_ENUMS | BTF_SET(BTF_KIND_INT)))
		return btf_bad_part(c, id, k, "Invalid member bitfield_size");
	/* An int without a size of its own in a struct without bit fields may begin at any bit. */
	if (!bits && offset % 8 && (btf_kind(t) != BTF_KIND_INT || BTF_INFO_KFLAG(s->info)))
		return btf_bad_part(c, id, k, btf_kind(t) == BTF_KIND_INT ? "Invalid member offset" :
								"Member is not byte aligned");
	if (btf_kind(t) == BTF_KIND_FLOAT) {
		align = min(8u, t->size) * 8;
		if (offset % align)
			return btf_bad_part(c, id, k, "Member is not properly aligned");
	}
	if (member_end(c, s, m, t) > s->size)
		return btf_bad_part(c, id, k, "Member exceeds struct_size");
	return 0;
}

/* A struct with a spin lock has no second one, and has it where programs can take it. Linux's errno,
 * for which it has no words. */
static int check_lock(struct btf_check *c, u32 id)
{
	const struct btf_type *s = btf_type(c->b, id), *t;
	bool some = false;
	i64 at;

	for (u32 k = 0; k < btf_vlen(s) && !some; k++) {
		t = btf_type(c->b, btf_members(s)[k].type);
		some = btf_kind(t) == BTF_KIND_STRUCT &&
		       !strcmp(btf_type_name(c->b, btf_members(s)[k].type), "bpf_spin_lock");
	}
	if (!some)
		return 0;
	at = btf_search(c->b, id, "bpf_spin_lock", 4, 4, &c->budget);
	if (at >= 0)
		return 0;
	btf_bad(c, id, "Invalid bpf_spin_lock");
	return at == -E2BIG ? -E2BIG : -EFAULT;
}

static int check_array(struct btf_check *c, u32 id)
{
	const struct btf_array *a = btf_array_of(btf_type(c->b, id));
	const struct btf_type *index = behind(c, a->index_type), *elem = behind(c, a->type);

	if (!is_whole_int(index))
		return btf_bad(c, id, "Invalid index");
	if (btf_kind(elem) == BTF_KIND_VAR || btf_kind(elem) == BTF_KIND_DATASEC || !has_size(c, a->type))
		return btf_bad(c, id, "Invalid elem");
	if (btf_kind(elem) == BTF_KIND_INT && !is_whole_int(elem))
		return btf_bad(c, id, "Invalid array of int");
	return has_size(c, id) ? 0 : btf_bad(c, id, "Array size overflows U32_MAX");
}

static bool is_value(const struct btf_check *c, u32 id)
{
	u32 kind = btf_kind(behind(c, id));

	return has_size(c, id) && kind != BTF_KIND_VAR && kind != BTF_KIND_DATASEC;
}

static int check_proto(struct btf_check *c, u32 id)
{
	const struct btf_type *t = btf_type(c->b, id);
	u32 n = btf_vlen(t);

	if (t->type && !is_value(c, t->type))
		return btf_bad(c, id, "Invalid return type");
	for (u32 k = 0; k < n; k++) {
		const struct btf_param *p = &btf_params(t)[k];
		bool more = k + 1 == n && !p->type;	/* the ... of C */

		if (more ? p->name_off != 0 : !is_value(c, p->type))
			return btf_bad_arg(c, id, k);
	}
	return 0;
}

static int check_func(struct btf_check *c, u32 id)
{
	const struct btf_type *proto = btf_type(c->b, btf_type(c->b, id)->type);

	if (btf_kind(proto) != BTF_KIND_FUNC_PROTO)
		return btf_bad(c, id, "Invalid type_id");
	for (u32 k = 0; k < btf_vlen(proto); k++)
		if (btf_params(proto)[k].type && !btf_params(proto)[k].name_off)
			return btf_bad_arg(c, id, k);
	return 0;
}

static int check_section(struct btf_check *c, u32 id)
{
	const struct btf_type *t = btf_type(c->b, id);

	for (u32 k = 0; k < btf_vlen(t); k++) {
		const struct btf_var_secinfo *v = &btf_secinfos(t)[k];

		if (btf_kind(btf_type(c->b, v->type)) != BTF_KIND_VAR)
			return btf_bad_part(c, id, k, "Not a VAR kind member");
		if (btf_type_size(c->b, v->type) > (i64)v->size)
			return btf_bad_part(c, id, k, "Invalid size");
	}
	return 0;
}

static int check_tag(struct btf_check *c, u32 id)
{
	const struct btf_type *t = btf_type(c->b, id), *on = btf_type(c->b, t->type), *of = on;
	i32 part = *(const i32 *)(t + 1);

	if (!btf_is(on, BTF_STRUCTS | BTF_SET(BTF_KIND_FUNC) | BTF_SET(BTF_KIND_VAR) |
			BTF_SET(BTF_KIND_TYPEDEF)))
		return btf_bad(c, id, "Invalid type_id");
	if (part < 0)
		return 0;
	if (btf_kind(on) == BTF_KIND_FUNC)
		of = btf_type(c->b, on->type);
	if (!btf_is(on, BTF_STRUCTS | BTF_SET(BTF_KIND_FUNC)) || (u32)part >= btf_vlen(of))
		return btf_bad(c, id, "Invalid component_idx");
	return 0;
}

/* What a pointer or a modifier leads to is a type, not a thing. */
static int check_reference(struct btf_check *c, u32 id)
{
	const struct btf_type *t = btf_type(c->b, id), *to = btf_type(c->b, t->type);

	if (btf_is(to, BTF_SET(BTF_KIND_VAR) | BTF_SET(BTF_KIND_DATASEC) | BTF_SET(BTF_KIND_DECL_TAG)))
		return btf_bad(c, id, "Invalid type_id");
	return 0;
}

int btf_check_sense(struct btf_check *c, u32 id)
{
	const struct btf_type *t = btf_type(c->b, id);
	int err = 0;

	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (u32 k = 0; k < btf_vlen(t) && !err; k++)
			err = check_member(c, id, k);
		return err || btf_kind(t) == BTF_KIND_UNION ? err : check_lock(c, id);
	case BTF_KIND_ARRAY:
		return check_array(c, id);
	case BTF_KIND_FUNC_PROTO:
		return check_proto(c, id);
	case BTF_KIND_FUNC:
		return check_func(c, id);
	case BTF_KIND_VAR:
		return is_value(c, t->type) ? 0 : btf_bad(c, id, "Invalid type_id");
	case BTF_KIND_DATASEC:
		return check_section(c, id);
	case BTF_KIND_DECL_TAG:
		return check_tag(c, id);
	default:
		return btf_is(t, BTF_MODIFIERS | BTF_SET(BTF_KIND_PTR)) ? check_reference(c, id) : 0;
	}
}
