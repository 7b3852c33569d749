/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of types, in the form of Linux's log of BPF_BTF_LOAD. */
#include "btf_internal.h"
#include <base/errno.h>

static const char *const kind_name[NR_BTF_KINDS] = {
	"UNKNOWN", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD", "TYPEDEF", "VOLATILE",
	"CONST", "RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT", "DECL_TAG", "TYPE_TAG",
	"ENUM64",
};

/* Names may be long: the log cuts its lines, so they are cut first. */
#define NAME_MOST "%.128s"

static const char *name_or_anon(const struct btf_types *b, u32 name_off)
{
	const char *name = name_off ? btf_name_at(b, name_off) : "(anon)";

	return name ? name : "(invalid-name-offset)";
}

static void put_args(struct bpf_log *log, const struct btf_types *b, const struct btf_type *t)
{
	const struct btf_param *p = btf_params(t);

	bpf_log_put(log, "return=%u args=(%s", t->type, btf_vlen(t) ? "" : "void");
	for (u32 k = 0; k < btf_vlen(t); k++) {
		if (k + 1 == btf_vlen(t) && !p[k].type)
			bpf_log_put(log, "%svararg", k ? ", " : "");
		else
			bpf_log_put(log, "%s%u " NAME_MOST, k ? ", " : "", p[k].type,
				    name_or_anon(b, p[k].name_off));
	}
	bpf_log_put(log, ")");
}

static void put_details(struct bpf_log *log, const struct btf_types *b, const struct btf_type *t)
{
	static const char *const encoding[] = { "(none)", "SIGNED", "CHAR", "", "BOOL" };
	const u32 *extra = (const void *)(t + 1);

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		bpf_log_put(log, "size=%u bits_offset=%u nr_bits=%u encoding=%s", t->size,
			    BTF_INT_OFFSET(*extra), BTF_INT_BITS(*extra),
			    BTF_INT_ENCODING(*extra) < ARRAY_SIZE(encoding) ?
				    encoding[BTF_INT_ENCODING(*extra)] : "UNKN");
		break;
	case BTF_KIND_ARRAY:
		bpf_log_put(log, "type_id=%u index_type_id=%u nr_elems=%u", extra[0], extra[1], extra[2]);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_DATASEC:
		bpf_log_put(log, "size=%u vlen=%u", t->size, btf_vlen(t));
		break;
	case BTF_KIND_FLOAT:
		bpf_log_put(log, "size=%u", t->size);
		break;
	case BTF_KIND_FWD:
		bpf_log_put(log, "%s", BTF_INFO_KFLAG(t->info) ? "union" : "struct");
		break;
	case BTF_KIND_FUNC_PROTO:
		put_args(log, b, t);
		break;
	case BTF_KIND_VAR:
		bpf_log_put(log, "type_id=%u linkage=%u", t->type, *extra);
		break;
	case BTF_KIND_DECL_TAG:
		bpf_log_put(log, "type=%u component_idx=%d", t->type, (i32)*extra);
		break;
	default:
		bpf_log_put(log, "type_id=%u", t->type);
	}
}

void btf_log_name(struct bpf_log *log, const struct btf_types *b, u32 id, const struct btf_type *t)
{
	bpf_log_put(log, "[%u] %s " NAME_MOST " ", id, kind_name[btf_kind(t)], name_or_anon(b, t->name_off));
}

static void put_type(struct bpf_log *log, const struct btf_types *b, u32 id)
{
	btf_log_name(log, b, id, btf_type(b, id));
	put_details(log, b, btf_type(b, id));
}

static void put_part(struct bpf_log *log, const struct btf_types *b, const struct btf_type *t, u32 k)
{
	const struct btf_member *m = &btf_members(t)[k];
	const struct btf_enum *e = (const void *)(t + 1);
	const struct btf_enum64 *e64 = (const void *)(t + 1);
	const struct btf_var_secinfo *v = &btf_secinfos(t)[k];

	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		bpf_log_put(log, "\t" NAME_MOST " type_id=%u ", name_or_anon(b, m->name_off), m->type);
		if (BTF_INFO_KFLAG(t->info))
			bpf_log_put(log, "bitfield_size=%u ", btf_bit_size(t, m));
		bpf_log_put(log, "bits_offset=%u", btf_bit_offset(t, m));
		break;
	case BTF_KIND_ENUM:
		bpf_log_put(log, BTF_INFO_KFLAG(t->info) ? "\t" NAME_MOST " val=%d" : "\t" NAME_MOST " val=%u",
			    name_or_anon(b, e[k].name_off), e[k].val);
		break;
	case BTF_KIND_ENUM64:
		bpf_log_put(log, "\t" NAME_MOST " val=%lld", name_or_anon(b, e64[k].name_off),
			    (long long)((u64)e64[k].val_hi32 << 32 | e64[k].val_lo32));
		break;
	case BTF_KIND_DATASEC:
		bpf_log_put(log, "\t type_id=%u offset=%u size=%u", v->type, v->offset, v->size);
		break;
	}
}

void btf_log_type(struct bpf_log *log, const struct btf_types *b, u32 id)
{
	const struct btf_type *t = btf_type(b, id);
	bool parts = btf_is(t, BTF_STRUCTS | BTF_ENUMS | BTF_SET(BTF_KIND_DATASEC));

	if (!log || !log->level)
		return;
	put_type(log, b, id);
	bpf_log_put(log, "\n");
	for (u32 k = 0; parts && k < btf_vlen(t); k++) {
		put_part(log, b, t, k);
		bpf_log_put(log, "\n");
	}
}

int btf_bad(struct btf_check *c, u32 id, const char *why)
{
	put_type(c->log, c->b, id);
	bpf_log_put(c->log, " %s\n", why);
	return -EINVAL;
}

int btf_bad_arg(struct btf_check *c, u32 id, u32 arg)
{
	put_type(c->log, c->b, id);
	bpf_log_put(c->log, " Invalid arg#%u\n", arg + 1);
	return -EINVAL;
}

int btf_bad_part(struct btf_check *c, u32 id, u32 part, const char *why)
{
	put_type(c->log, c->b, id);
	bpf_log_put(c->log, "\n");
	put_part(c->log, c->b, btf_type(c->b, id), part);
	bpf_log_put(c->log, " %s\n", why);
	return -EINVAL;
}
