/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program reads by pointers to what the kernel's types describe: a number, or the next
 * pointer. Which struct a byte is in is found from the outside in; every step leads to a type
 * within the last, so they end.
 */
#include "btf_internal.h"
#include <base/errno.h>

/* Bytes that an access wants. */
struct reach {
	u64 off;
	u32 size;
};

/* Where member m begins and ends, in bits of its struct. A bit field has only its own. */
static void extent_of(const struct btf_types *b, const struct btf_type *s, const struct btf_member *m,
		      u64 *from, u64 *to)
{
	u32 bits = btf_bit_size(s, m);
	i64 size = btf_type_size(b, m->type);

	*from = btf_bit_offset(s, m);
	*to = *from + (bits ? bits : size < 0 ? 0 : (u64)size * 8);
}

static bool is_struct(const struct btf_type *t) { return btf_is(t, BTF_STRUCTS); }

/*
 * The member in which the access begins, NULL: none. Of a union's, which all begin at the same byte,
 * the first that it lies in, and if that is a pointer, is all of.
 */
static const struct btf_member *member_at(const struct btf_types *b, const struct btf_type *s,
					  struct reach r)
{
	const struct btf_member *first = NULL;

	for (u32 k = 0; k < btf_vlen(s); k++) {
		const struct btf_member *m = &btf_members(s)[k];
		const struct btf_type *t = btf_type(b, btf_skip_modifiers(b, m->type));
		u64 from, to;

		extent_of(b, s, m, &from, &to);
		if (to <= r.off * 8 || from >= (r.off + 1) * 8)
			continue;
		if (btf_kind(s) != BTF_KIND_UNION)
			return m;
		if (!first)
			first = m;
		if ((r.off + r.size) * 8 <= to &&
		    (btf_kind(t) != BTF_KIND_PTR || (!r.off && r.size == 8)))
			return m;
	}
	return first;
}

/* The struct that the last member of s, an array without a length, is of; 0: there is none. Its
 * elements follow s. */
static u32 behind_end(const struct btf_types *b, const struct btf_type *s, u64 *from)
{
	const struct btf_member *m = btf_members(s) + btf_vlen(s) - 1;
	const struct btf_type *t;
	u32 id;

	if (btf_kind(s) != BTF_KIND_STRUCT || !btf_vlen(s))
		return 0;
	t = btf_type(b, btf_skip_modifiers(b, m->type));
	if (btf_kind(t) != BTF_KIND_ARRAY || btf_array_of(t)->nelems)
		return 0;
	*from = btf_bit_offset(s, m) / 8;
	id = btf_skip_modifiers(b, btf_array_of(t)->type);
	return is_struct(btf_type(b, id)) && btf_type(b, id)->size ? id : 0;
}

/* Into the elements of arrays: the type of those, and where in one of them the access begins. */
static u32 element(const struct btf_types *b, u32 id, u64 *off)
{
	i64 size;

	for (id = btf_skip_modifiers(b, id); btf_kind(btf_type(b, id)) == BTF_KIND_ARRAY;)
		id = btf_skip_modifiers(b, btf_array_of(btf_type(b, id))->type);
	size = btf_type_size(b, id);
	if (size > 0)
		*off %= (u64)size;
	return id;
}

u32 btf_pointed_struct(const struct btf_types *b, u32 id)
{
	const struct btf_type *t = btf_type(b, btf_skip_modifiers(b, id));

	if (btf_kind(t) != BTF_KIND_PTR)
		return 0;
	id = btf_skip_modifiers(b, t->type);
	return is_struct(btf_type(b, id)) ? id : 0;
}

/*
 * Byte r.off of struct s is in member m, at byte `at` of a thing of type id, which is no struct: m, or
 * an element of it. Numbers may be read together, pointers by themselves.
 */
static int end_walk(const struct btf_types *b, u32 s, const struct btf_member *m, struct reach r, u32 id,
		    u64 at, u32 *target, struct bpf_log *log)
{
	bool pointer = btf_kind(btf_type(b, id)) == BTF_KIND_PTR;
	u64 from = btf_bit_offset(btf_type(b, s), m) / 8, end = from + (u64)btf_type_size(b, m->type);

	if (pointer ? !at && r.size == 8 : r.off + r.size <= end) {
		*target = btf_pointed_struct(b, id);
		return 0;
	}
	bpf_log_put(log, pointer ? "cannot access ptr member %.64s with moff %llu in struct %.64s with off "
				   "%llu size %u\n" :
				   "access beyond the end of member %.64s (mend:%llu) in struct %.64s with "
				   "off %llu size %u\n", btf_name_at(b, m->name_off),
		    (unsigned long long)(pointer ? r.off - at : end), btf_type_name(b, s),
		    (unsigned long long)r.off, r.size);
	return -EACCES;
}

int btf_walk(const struct btf_types *b, u32 id, u64 off, u32 size, u32 *target, struct bpf_log *log)
{
	struct reach r = { off, size };
	u64 from;

	*target = 0;
	for (id = btf_skip_modifiers(b, id); is_struct(btf_type(b, id));) {
		const struct btf_type *s = btf_type(b, id);
		const struct btf_member *m;
		u64 at;
		u32 more;

		if (r.off + size > s->size) {
			more = behind_end(b, s, &from);
			if (!more || r.off < s->size)
				break;
			id = more;
			r.off = (r.off - from) % btf_type(b, id)->size;
			continue;
		}
		m = member_at(b, s, r);
		if (!m) {
			bpf_log_put(log, "struct %.64s doesn't have field at offset %llu\n",
				    btf_type_name(b, id), (unsigned long long)r.off);
			return -EINVAL;
		}
		if (btf_bit_size(s, m))
			return 0;
		at = r.off - btf_bit_offset(s, m) / 8;
		more = element(b, m->type, &at);
		if (!is_struct(btf_type(b, more)))
			return end_walk(b, id, m, r, more, at, target, log);
		id = more;
		r.off = at;
	}
	bpf_log_put(log, "access beyond struct %.64s at off %llu size %u\n", btf_type_name(b, id),
		    (unsigned long long)r.off, size);
	return -EACCES;
}

int btf_walk_args(const struct btf_types *b, u32 proto, bool value, u64 off, u32 size, u32 *target,
		  struct bpf_log *log)
{
	const struct btf_type *t = btf_type(b, proto);
	u32 n = btf_vlen(t), arg = (u32)(off / 8), id;

	*target = 0;
	if (off % 8 || off / 8 > n || (arg == n && !value)) {
		bpf_log_put(log, off % 8 ? "func offset %llu is not multiple of 8\n" :
					   "func doesn't have %llu-th argument\n",
			    (unsigned long long)(off % 8 ? off : off / 8 + 1));
		return -EACCES;
	}
	id = arg == n ? t->type : btf_params(t)[arg].type;
	*target = btf_pointed_struct(b, id);
	id = btf_skip_modifiers(b, id);
	if (size == 8 && (btf_is(btf_type(b, id), BTF_ENUMS) || btf_kind(btf_type(b, id)) == BTF_KIND_INT ||
			  btf_kind(btf_type(b, id)) == BTF_KIND_PTR))
		return 0;
	bpf_log_put(log, "func arg%u type %.64s size %u cannot be read\n", arg, btf_type_name(b, id), size);
	return -EACCES;
}
