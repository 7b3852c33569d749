/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record by itself: names, counts, flags, sizes, and that type ids exist. The rules are those of
 * Documentation/bpf/btf.rst, and Linux's where it says nothing.
 */
#include "btf_internal.h"
#include <base/errno.h>

#define NOT_SUPPORTED	524	/* ENOTSUPP */
#define NAME_LONGEST	512

static bool letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z'); }
static bool digit(char ch) { return ch >= '0' && ch <= '9'; }

/* An identifier of C; with dots, that compilers put into names. */
static bool is_identifier(const struct btf_types *b, u32 name_off)
{
	const char *s = btf_name_at(b, name_off);

	for (u32 k = 0; s && k < NAME_LONGEST; k++) {
		if (!s[k])
			return k > 0;
		if (!letter(s[k]) && s[k] != '_' && s[k] != '.' && (!k || !digit(s[k])))
			return false;
	}
	return false;
}

/* A section's: whatever can be printed. */
static bool is_section_name(const struct btf_types *b, u32 name_off)
{
	const char *s = btf_name_at(b, name_off);

	for (u32 k = 0; s && k < NAME_LONGEST; k++) {
		if (!s[k])
			return k > 0;
		if (s[k] < ' ' || s[k] > '~')
			return false;
	}
	return false;
}

static bool name_if_any(const struct btf_types *b, u32 name_off)
{
	return !name_off || is_identifier(b, name_off);
}

static bool type_exists(const struct btf_check *c, u32 id) { return id < c->b->n; }
static bool type_named(const struct btf_check *c, u32 id) { return id && id < c->b->n; }

static int check_int(struct btf_check *c, u32 id, const struct btf_type *t)
{
	u32 data = btf_int_data(t), bits = BTF_INT_BITS(data) + BTF_INT_OFFSET(data);
	u32 encoding = BTF_INT_ENCODING(data);

	if (data & ~0x0fff00ffu)
		return btf_bad(c, id, "Invalid int_data");
	if (bits > 128)
		return btf_bad(c, id, "nr_bits exceeds 128");
	if (div_round_up(bits, 8u) > t->size)
		return btf_bad(c, id, "nr_bits exceeds type_size");
	if (encoding && encoding != BTF_INT_SIGNED && encoding != BTF_INT_CHAR &&
	    encoding != BTF_INT_BOOL) {
		btf_bad(c, id, "Unsupported encoding");
		return -NOT_SUPPORTED;
	}
	return 0;
}

/* Pointers, modifiers, tags: one other type. */
static int check_reference(struct btf_check *c, u32 id, const struct btf_type *t)
{
	u32 kind = btf_kind(t);

	if (!type_exists(c, t->type))
		return btf_bad(c, id, "Invalid type_id");
	if (kind == BTF_KIND_TYPEDEF ? !is_identifier(c->b, t->name_off) :
	    kind != BTF_KIND_TYPE_TAG && kind != BTF_KIND_DECL_TAG && t->name_off)
		return btf_bad(c, id, "Invalid name");
	if (kind == BTF_KIND_TYPE_TAG && !*btf_type_name(c->b, id))
		return btf_bad(c, id, "Invalid name");
	if (kind == BTF_KIND_DECL_TAG && !*btf_type_name(c->b, id))
		return btf_bad(c, id, "Invalid value");
	if (kind == BTF_KIND_DECL_TAG && *(const i32 *)(t + 1) < -1)
		return btf_bad(c, id, "Invalid component_idx");
	return 0;
}

static int check_array(struct btf_check *c, u32 id, const struct btf_type *t)
{
	if (t->name_off)
		return btf_bad(c, id, "Invalid name");
	if (t->size)
		return btf_bad(c, id, "size != 0");
	if (!type_named(c, btf_array_of(t)->type))
		return btf_bad(c, id, "Invalid elem");
	if (!type_named(c, btf_array_of(t)->index_type))
		return btf_bad(c, id, "Invalid index");
	return 0;
}

static int check_struct(struct btf_check *c, u32 id, const struct btf_type *t)
{
	u32 last = 0;

	if (!name_if_any(c->b, t->name_off))
		return btf_bad(c, id, "Invalid name");
	for (u32 k = 0; k < btf_vlen(t); k++) {
		const struct btf_member *m = &btf_members(t)[k];
		u32 offset = btf_bit_offset(t, m);

		if (m->name_off >= c->b->strings_len)
			return btf_bad_part(c, id, k, "Invalid member name_offset");
		if (!name_if_any(c->b, m->name_off))
			return btf_bad_part(c, id, k, "Invalid name");
		if (!type_named(c, m->type))
			return btf_bad_part(c, id, k, "Invalid type_id");
		if ((btf_kind(t) == BTF_KIND_UNION && offset) || offset < last)
			return btf_bad_part(c, id, k, "Invalid member bits_offset");
		if ((offset + 7ull) / 8 > t->size)
			return btf_bad_part(c, id, k, "Member bits_offset exceeds its struct size");
		last = offset;
	}
	return 0;
}

static int check_enum(struct btf_check *c, u32 id, const struct btf_type *t)
{
	u32 step = btf_kind(t) == BTF_KIND_ENUM ? sizeof(struct btf_enum) : sizeof(struct btf_enum64);

	if (t->size > 8 || !is_pow2(t->size))
		return btf_bad(c, id, "Unexpected size");
	if (!name_if_any(c->b, t->name_off))
		return btf_bad(c, id, "Invalid name");
	for (u32 k = 0; k < btf_vlen(t); k++) {
		u32 name_off = *(const u32 *)((const u8 *)(t + 1) + (size_t)step * k);

		if (name_off >= c->b->strings_len)
			return btf_bad(c, id, "Invalid name_offset");
		if (!is_identifier(c->b, name_off))
			return btf_bad(c, id, "Invalid name");
	}
	return 0;
}

static int check_proto(struct btf_check *c, u32 id, const struct btf_type *t)
{
	if (t->name_off)
		return btf_bad(c, id, "Invalid name");
	if (!type_exists(c, t->type))
		return btf_bad(c, id, "Invalid return type");
	for (u32 k = 0; k < btf_vlen(t); k++)
		if (!name_if_any(c->b, btf_params(t)[k].name_off) ||
		    !type_exists(c, btf_params(t)[k].type))
			return btf_bad_arg(c, id, k);
	return 0;
}

static int check_func(struct btf_check *c, u32 id, const struct btf_type *t)
{
	if (!is_identifier(c->b, t->name_off))
		return btf_bad(c, id, "Invalid name");
	if (btf_vlen(t) > BTF_FUNC_GLOBAL)
		return btf_bad(c, id, "Invalid func linkage");
	if (!type_named(c, t->type))
		return btf_bad(c, id, "Invalid type_id");
	return 0;
}

static int check_var(struct btf_check *c, u32 id, const struct btf_type *t)
{
	if (!is_identifier(c->b, t->name_off))
		return btf_bad(c, id, "Invalid name");
	if (!type_named(c, t->type))
		return btf_bad(c, id, "Invalid type_id");
	if (*(const u32 *)(t + 1) > BTF_VAR_GLOBAL_ALLOCATED)
		return btf_bad(c, id, "Linkage not supported");
	return 0;
}

static int check_section(struct btf_check *c, u32 id, const struct btf_type *t)
{
	u64 end = 0;

	if (!t->size)
		return btf_bad(c, id, "size == 0");
	if (!is_section_name(c->b, t->name_off))
		return btf_bad(c, id, "Invalid name");
	for (u32 k = 0; k < btf_vlen(t); k++) {
		const struct btf_var_secinfo *v = &btf_secinfos(t)[k];

		if (!type_named(c, v->type))
			return btf_bad_part(c, id, k, "Invalid type_id");
		if (v->offset < end || v->offset >= t->size)
			return btf_bad_part(c, id, k, "Invalid offset");
		if (!v->size || v->size > t->size)
			return btf_bad_part(c, id, k, "Invalid size");
		end = (u64)v->offset + v->size;
		if (end > t->size)
			return btf_bad_part(c, id, k, "Invalid offset+size");
	}
	return 0;
}

static int check_forward(struct btf_check *c, u32 id, const struct btf_type *t)
{
	if (t->type)
		return btf_bad(c, id, "type != 0");
	return is_identifier(c->b, t->name_off) ? 0 : btf_bad(c, id, "Invalid name");
}

static int check_float(struct btf_check *c, u32 id, const struct btf_type *t)
{
	bool known = t->size == 2 || t->size == 4 || t->size == 8 || t->size == 12 || t->size == 16;

	return known ? 0 : btf_bad(c, id, "Invalid type_size");
}

int btf_check_meta(struct btf_check *c, u32 id)
{
	static int (*const check[NR_BTF_KINDS])(struct btf_check *, u32, const struct btf_type *) = {
		[BTF_KIND_INT] = check_int, [BTF_KIND_PTR] = check_reference,
		[BTF_KIND_ARRAY] = check_array, [BTF_KIND_STRUCT] = check_struct,
		[BTF_KIND_UNION] = check_struct, [BTF_KIND_ENUM] = check_enum,
		[BTF_KIND_FWD] = check_forward, [BTF_KIND_TYPEDEF] = check_reference,
		[BTF_KIND_VOLATILE] = check_reference, [BTF_KIND_CONST] = check_reference,
		[BTF_KIND_RESTRICT] = check_reference, [BTF_KIND_FUNC] = check_func,
		[BTF_KIND_FUNC_PROTO] = check_proto, [BTF_KIND_VAR] = check_var,
		[BTF_KIND_DATASEC] = check_section, [BTF_KIND_FLOAT] = check_float,
		[BTF_KIND_DECL_TAG] = check_reference, [BTF_KIND_TYPE_TAG] = check_reference,
		[BTF_KIND_ENUM64] = check_enum,
	};
	const u32 counted = BTF_STRUCTS | BTF_ENUMS | BTF_SET(BTF_KIND_FUNC) |
			    BTF_SET(BTF_KIND_FUNC_PROTO) | BTF_SET(BTF_KIND_DATASEC);
	const u32 flagged = BTF_STRUCTS | BTF_ENUMS | BTF_SET(BTF_KIND_FWD) |
			    BTF_SET(BTF_KIND_DECL_TAG) | BTF_SET(BTF_KIND_TYPE_TAG);
	const struct btf_type *t = btf_type(c->b, id);
	int err;

	if (btf_vlen(t) && !btf_is(t, counted))
		return btf_bad(c, id, "vlen != 0");
	if (BTF_INFO_KFLAG(t->info) && !btf_is(t, flagged))
		return btf_bad(c, id, "Invalid btf_info kind_flag");
	err = check[btf_kind(t)](c, id, t);
	if (!err)
		btf_log_type(c->log, c->b, id);
	return err;
}
