/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A blob: header, sections, and the order in which the rest is checked. First every record by
 * itself, so that all of them can be found by id; then that nothing goes in circles, so that every
 * later question ends; then what types say of one another.
 */
#include "btf_internal.h"
#include <base/errno.h>
#include <base/string.h>

#define NOT_SUPPORTED	524	/* ENOTSUPP, which Linux lets out of bpf(2) */

static int say(struct bpf_log *log, int err, const char *what)
{
	bpf_log_put(log, "%s\n", what);
	return err;
}

u32 btf_record_size(const struct btf_type *t)
{
	static const u8 fixed[NR_BTF_KINDS] = {
		[BTF_KIND_INT] = 4, [BTF_KIND_ARRAY] = sizeof(struct btf_array),
		[BTF_KIND_VAR] = sizeof(struct btf_var), [BTF_KIND_DECL_TAG] = sizeof(struct btf_decl_tag),
	};
	static const u8 each[NR_BTF_KINDS] = {
		[BTF_KIND_STRUCT] = sizeof(struct btf_member), [BTF_KIND_UNION] = sizeof(struct btf_member),
		[BTF_KIND_ENUM] = sizeof(struct btf_enum), [BTF_KIND_ENUM64] = sizeof(struct btf_enum64),
		[BTF_KIND_FUNC_PROTO] = sizeof(struct btf_param),
		[BTF_KIND_DATASEC] = sizeof(struct btf_var_secinfo),
	};
	u32 kind = btf_kind(t);

	if (kind == BTF_KIND_UNKN || kind >= NR_BTF_KINDS)
		return 0;
	return (u32)sizeof(*t) + fixed[kind] + each[kind] * btf_vlen(t);
}

/* The header, as much of it as there is; what is longer than ours must be zeros. */
static int read_header(const u8 *data, u32 size, struct btf_header *h, struct bpf_log *log)
{
	u32 hdr_len;

	if (size < offsetof(struct btf_header, hdr_len) + sizeof(u32))
		return say(log, -EINVAL, "hdr_len not found");
	memcpy(&hdr_len, data + offsetof(struct btf_header, hdr_len), sizeof(hdr_len));
	if (hdr_len < offsetof(struct btf_header, hdr_len) + sizeof(u32) || hdr_len > size)
		return say(log, -EINVAL, "btf_header not found");
	for (u32 k = sizeof(*h); k < hdr_len; k++)
		if (data[k])
			return say(log, -E2BIG, "Unsupported btf_header");
	memset(h, 0, sizeof(*h));
	memcpy(h, data, min((size_t)hdr_len, sizeof(*h)));
	bpf_log_put(log, "magic: 0x%x\nversion: %u\nflags: 0x%x\nhdr_len: %u\n", h->magic, h->version,
		    h->flags, h->hdr_len);
	bpf_log_put(log, "type_off: %u\ntype_len: %u\nstr_off: %u\nstr_len: %u\nbtf_total_size: %u\n",
		    h->type_off, h->type_len, h->str_off, h->str_len, size);
	if (h->magic != BTF_MAGIC)
		return say(log, -EINVAL, "Invalid magic");
	if (h->version != BTF_VERSION)
		return say(log, -NOT_SUPPORTED, "Unsupported version");
	if (h->flags)
		return say(log, -NOT_SUPPORTED, "Unsupported flags");
	if (size == hdr_len)
		return say(log, -EINVAL, "No data");
	return 0;
}

/* Two sections, one behind the other in either order, and nothing else. */
static int check_sections(const struct btf_header *h, u32 size, struct bpf_log *log)
{
	bool types_first = h->type_off < h->str_off || (h->type_off == h->str_off && !h->type_len);
	u32 off[2] = { types_first ? h->type_off : h->str_off, types_first ? h->str_off : h->type_off };
	u32 len[2] = { types_first ? h->type_len : h->str_len, types_first ? h->str_len : h->type_len };
	u32 room = size - h->hdr_len, at = 0;

	for (u32 k = 0; k < 2; k++) {
		if (off[k] > room)
			return say(log, -EINVAL, "Invalid section offset");
		if (off[k] != at)
			return say(log, -EINVAL,
				   off[k] > at ? "Unsupported section found" : "Section overlap found");
		if (len[k] > room - at)
			return say(log, -EINVAL, "Total section length too long");
		at += len[k];
	}
	return at == room ? 0 : say(log, -EINVAL, "Unsupported section found");
}

/* Header and sections are right, if 0: where types and strings lie. */
static int open_blob(struct btf_types *b, const u8 *data, u32 size, struct bpf_log *log)
{
	struct btf_header h;
	int err;

	if (size > BTF_MAX_SIZE)
		return -E2BIG;
	err = read_header(data, size, &h, log);
	if (!err)
		err = check_sections(&h, size, log);
	if (err)
		return err;
	if (!h.str_len || h.str_len - 1 > BTF_MAX_NAME_OFFSET || h.str_off + h.str_len != size - h.hdr_len)
		return say(log, -EINVAL, h.str_len ? "String section is not at the end" :
						     "Invalid string section");
	b->strings = (const char *)data + h.hdr_len + h.str_off;
	b->strings_len = h.str_len;
	if (b->strings[0] || b->strings[h.str_len - 1])
		return say(log, -EINVAL, "Invalid string section");
	if ((h.hdr_len + h.type_off) % sizeof(u32))
		return say(log, -EINVAL, "Unaligned type_off");
	if (!h.type_len)
		return say(log, -EINVAL, "No type found");
	b->types = data + h.hdr_len + h.type_off;
	b->types_len = h.type_len;
	return 0;
}

/* The record at `at`, which becomes type id: its length, or -EINVAL. */
static int read_record(const struct btf_types *b, u32 at, u32 id, struct bpf_log *log)
{
	const struct btf_type *t = (const void *)(b->types + at);
	u32 left = b->types_len - at, size;

	if (left < sizeof(*t)) {
		bpf_log_put(log, "[%u] meta_left:%u meta_needed:%zu\n", id, left, sizeof(*t));
		return -EINVAL;
	}
	size = btf_record_size(t);
	if (!size) {
		bpf_log_put(log, "[%u] Invalid kind:%u\n", id, btf_kind(t));
		return -EINVAL;
	}
	if (t->name_off >= b->strings_len) {
		bpf_log_put(log, "[%u] Invalid name_offset:%u\n", id, t->name_off);
		return -EINVAL;
	}
	if (left < size) {
		btf_log_name(log, b, id, t);
		bpf_log_put(log, "meta_left:%zu meta_needed:%zu\n", left - sizeof(*t), size - sizeof(*t));
		return -EINVAL;
	}
	return (int)size;
}

int btf_count(const void *data, u32 size, struct bpf_log *log)
{
	struct btf_types b;
	int err = open_blob(&b, data, size, log);
	u32 n = 1;

	for (u32 at = 0; !err && at < b.types_len; n++) {
		int len = n > BTF_MAX_TYPE ? -E2BIG : read_record(&b, at, n, log);

		err = min(len, 0);
		at += (u32)max(len, 0);
	}
	return err ? err : (int)n;
}

size_t btf_index_size(u32 n)
{
	return (size_t)n * (sizeof(u32) + N_GRAPHS);
}

int btf_check(struct btf_types *b, const void *data, u32 size, void *index, struct bpf_log *log)
{
	struct btf_check c = { .b = b, .log = log, .budget = 1u << 20 };
	int err = open_blob(b, data, size, NULL);
	u32 at = 0, n = 1;

	if (err)
		return err;
	b->at = index;
	b->at[0] = 0;
	for (; at < b->types_len; n++) {
		b->at[n] = at;
		at += btf_record_size((const void *)(b->types + at));
	}
	b->n = n;
	for (u32 g = 0; g < N_GRAPHS; g++) {
		c.depth[g] = (u8 *)(b->at + n) + (size_t)g * n;
		memset(c.depth[g], 0, n);
	}
	for (u32 id = 1; id < n && !err; id++)
		err = btf_check_meta(&c, id);
	for (u32 id = 1; id < n && !err; id++)
		err = btf_check_depth(&c, id);
	for (u32 id = 1; id < n && !err; id++)
		err = btf_check_sense(&c, id);
	return err;
}
