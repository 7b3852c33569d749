/* SPDX-License-Identifier: BSD-2-Clause */
/* A blob while it is being checked. */
#ifndef BTF_INTERNAL_H
#define BTF_INTERNAL_H
#include <bpf/btf.h>

#define BTF_SET(kind)	(1u << (kind))
/* Kinds that stand for another type; those that a name, not a place, is given to. */
#define BTF_MODIFIERS	(BTF_SET(BTF_KIND_TYPEDEF) | BTF_SET(BTF_KIND_VOLATILE) | \
			 BTF_SET(BTF_KIND_CONST) | BTF_SET(BTF_KIND_RESTRICT) | \
			 BTF_SET(BTF_KIND_TYPE_TAG))
#define BTF_STRUCTS	(BTF_SET(BTF_KIND_STRUCT) | BTF_SET(BTF_KIND_UNION))
#define BTF_ENUMS	(BTF_SET(BTF_KIND_ENUM) | BTF_SET(BTF_KIND_ENUM64))
static inline bool btf_is(const struct btf_type *t, u32 kinds)
{
	return BTF_SET(btf_kind(t)) & kinds;
}

/* The graphs that may have no circle: what lies within a type; what pointers and modifiers lead
 * to, up to the first struct. */
enum { WITHIN, BEHIND, N_GRAPHS };

struct btf_check {
	struct btf_types *b;
	struct bpf_log *log;
	u32 budget;		/* members of structs that are looked at for locks */
	u8 *depth[N_GRAPHS];	/* per type: the longest way down, 0: not known yet */
};

/* One record of the type section: its length in bytes (0: there is no such kind). */
u32 btf_record_size(const struct btf_type *t);
/* Says what is wrong with type id, and gives -EINVAL. */
int btf_bad(struct btf_check *c, u32 id, const char *why);
int btf_bad_arg(struct btf_check *c, u32 id, u32 arg);
int btf_bad_part(struct btf_check *c, u32 id, u32 part, const char *why);
/* Number, kind and name of a record that need not be whole. */
void btf_log_name(struct bpf_log *log, const struct btf_types *b, u32 id, const struct btf_type *t);
/* The type's line, and one for each part of it. */
void btf_log_type(struct bpf_log *log, const struct btf_types *b, u32 id);

/* meta.c: one record by itself. resolve.c: circles. sense.c: a type and those that it names. */
int btf_check_meta(struct btf_check *c, u32 id);
int btf_check_depth(struct btf_check *c, u32 id);
int btf_check_sense(struct btf_check *c, u32 id);

/* btf_find_field that looks into everything, at no more than *budget members, and takes off those that
 * it did. */
i64 btf_search(const struct btf_types *b, u32 id, const char *name, u32 size, u32 align, u32 *budget);

static inline const struct btf_array *btf_array_of(const struct btf_type *t)
{
	return (const void *)(t + 1);
}
static inline const struct btf_member *btf_members(const struct btf_type *t)
{
	return (const void *)(t + 1);
}
static inline const struct btf_param *btf_params(const struct btf_type *t)
{
	return (const void *)(t + 1);
}
static inline const struct btf_var_secinfo *btf_secinfos(const struct btf_type *t)
{
	return (const void *)(t + 1);
}
static inline u32 btf_int_data(const struct btf_type *t) { return *(const u32 *)(t + 1); }
/* Where a member is, and how many bits it has (0: all of its type's). */
static inline u32 btf_bit_offset(const struct btf_type *s, const struct btf_member *m)
{
	return BTF_INFO_KFLAG(s->info) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;
}
static inline u32 btf_bit_size(const struct btf_type *s, const struct btf_member *m)
{
	return BTF_INFO_KFLAG(s->info) ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;
}
#endif
