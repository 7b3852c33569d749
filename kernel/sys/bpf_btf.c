/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF objects (Documentation/bpf/btf.rst): descriptions of types that user space loads for its maps
 * and programs. What is loaded is checked as a whole, so that whoever asks later may follow what it
 * says: all offsets lie in it, all type numbers exist, references of types to types by typedefs and
 * qualifiers end.
 */
#include "bpf.h"
#include <base/alloc.h>
#include <base/string.h>
#include <bpf/log.h>
#include <fs/anon.h>
#include <fs/seq.h>
#include <linux/btf.h>
#include <linux/fcntl.h>

#define BTF_MAX_SIZE	(16 * MIB)
#define MAX_DEPTH	32u	/* of references that are followed for one answer */

struct btf {
	ref_t ref;
	u32 id, size;
	u32 n;			/* types, with type 0, void */
	u32 *type_at;		/* n: offset of each in data */
	const char *strings;
	u32 strings_size;
	struct rcu_head rcu;
	char data[];
};

static bool btf_get(void *b) { return ref_get_unless_zero(&((struct btf *)b)->ref); }
struct bpf_ids bpf_btf_ids = BPF_IDS_INIT(btf_get);

static void free_parts(struct btf *b)
{
	kfree(b->type_at);
	kfree(b);
}
static void free_btf(struct rcu_head *r) { free_parts(container_of(r, struct btf, rcu)); }

void btf_put(struct btf *b)
{
	if (!b || !ref_put(&b->ref))
		return;
	bpf_id_free(&bpf_btf_ids, b->id);
	call_rcu(&b->rcu, free_btf);
}

u32 btf_object_id(const struct btf *b) { return b->id; }

/* --- looking at types ------------------------------------------------------------------------- */

static const struct btf_type *type_of(const struct btf *b, u32 id)
{
	return id && id < b->n ? (const void *)(b->data + b->type_at[id]) : NULL;
}
static u32 kind_of(const struct btf_type *t) { return BTF_INFO_KIND(t->info); }

static bool is_reference(u32 kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

/* Behind typedefs and qualifiers; NULL: void, or they do not end. */
static const struct btf_type *behind(const struct btf *b, u32 id)
{
	for (u32 depth = 0; depth < MAX_DEPTH; depth++) {
		const struct btf_type *t = type_of(b, id);

		if (!t || !is_reference(kind_of(t)))
			return t;
		id = t->type;
	}
	return NULL;
}

i64 btf_type_size(const struct btf *b, u32 id)
{
	u64 times = 1;

	for (u32 depth = 0; depth < MAX_DEPTH; depth++) {
		const struct btf_type *t = behind(b, id);
		const struct btf_array *a = (const void *)(t + 1);
		u64 size;

		if (!t)
			return -EINVAL;
		switch (kind_of(t)) {
		case BTF_KIND_ARRAY:
			times *= a->nelems;
			if (times > ~0u)
				return -EINVAL;
			id = a->type;
			continue;
		case BTF_KIND_VAR:
			id = t->type;
			continue;
		case BTF_KIND_PTR:
			size = 8;
			break;
		case BTF_KIND_INT: case BTF_KIND_STRUCT: case BTF_KIND_UNION: case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64: case BTF_KIND_FLOAT: case BTF_KIND_DATASEC:
			size = t->size;
			break;
		default:
			return -EINVAL;
		}
		return size * times > ~0u ? -EINVAL : (i64)(size * times);
	}
	return -EINVAL;
}

static const char *name_at(const struct btf *b, u32 off)
{
	return off < b->strings_size ? b->strings + off : NULL;
}

i32 btf_find_field(const struct btf *b, u32 id, const char *name)
{
	const struct btf_type *t = behind(b, id);
	const struct btf_member *m = (const void *)(t + 1);
	i32 found = -ENOENT;

	if (!t || kind_of(t) != BTF_KIND_STRUCT)
		return -ENOENT;
	for (u32 i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		const struct btf_type *f = behind(b, m[i].type);
		u32 bits = BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BIT_OFFSET(m[i].offset)
						   : m[i].offset;

		if (!f || kind_of(f) != BTF_KIND_STRUCT || strcmp(name_at(b, f->name_off), name))
			continue;
		if (found >= 0 || bits % 32)
			return -EINVAL;
		found = (i32)(bits / 8);
	}
	return found;
}

/* Is it a struct that user space knows as a program's context? */
static bool is_ctx(const struct btf *b, const struct btf_type *t)
{
	static const char *const names[] = { "__sk_buff", "xdp_md" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name_at(b, t->name_off), names[i]))
			return true;
	return false;
}

static int describe_arg(const struct btf *b, u32 id, struct bpf_func_desc *d, u32 i)
{
	const struct btf_type *t = behind(b, id), *to;
	i64 size;

	d->arg[i].kind = BPF_FARG_SCALAR;
	if (!t)
		return -EINVAL;
	if (kind_of(t) == BTF_KIND_INT || kind_of(t) == BTF_KIND_ENUM ||
	    kind_of(t) == BTF_KIND_ENUM64)
		return 0;
	if (kind_of(t) != BTF_KIND_PTR)
		return -EINVAL;
	to = behind(b, t->type);
	if (!to || (kind_of(to) == BTF_KIND_STRUCT && is_ctx(b, to))) {
		d->arg[i].kind = BPF_FARG_CTX;
		return 0;
	}
	size = btf_type_size(b, t->type);
	if (size < 0)
		return -EINVAL;
	d->arg[i].kind = BPF_FARG_MEM;
	d->arg[i].size = (u32)size;
	return 0;
}

int btf_describe_func(const struct btf *b, u32 id, struct bpf_func_desc *d)
{
	const struct btf_type *t = type_of(b, id), *proto = t ? type_of(b, t->type) : NULL;
	const struct btf_param *p = (const void *)(proto + 1);
	const struct btf_type *ret;
	int err = 0;

	if (!t || kind_of(t) != BTF_KIND_FUNC || !proto || kind_of(proto) != BTF_KIND_FUNC_PROTO)
		return -EINVAL;
	d->global = BTF_INFO_VLEN(t->info) == BTF_FUNC_GLOBAL;
	ret = behind(b, proto->type);
	d->returns_void = !ret;
	d->n_args = (u8)min(BTF_INFO_VLEN(proto->info), 5u);
	for (u32 i = 0; i < d->n_args && !err; i++)
		err = describe_arg(b, p[i].type, d, i);
	/* what a static function takes is seen where it is called */
	return d->global ? err : 0;
}

/* --- checking --------------------------------------------------------------------------------- */

struct check {
	struct btf *b;
	struct bpf_log *log;
};

static int refuse(struct check *c, u32 id, const char *why)
{
	bpf_log_put(c->log, "[%u] %s\n", id, why);
	return -EINVAL;
}

static int check_header(struct check *c)
{
	struct btf *b = c->b;
	const struct btf_header *h = (const void *)b->data;
	u32 room;

	if (b->size < sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION ||
	    h->flags || h->hdr_len < sizeof(*h) || h->hdr_len > b->size) {
		bpf_log_put(c->log, "btf_header is not valid\n");
		return -EINVAL;
	}
	for (u32 i = sizeof(*h); i < h->hdr_len; i++)
		if (b->data[i])
			return -E2BIG;
	room = b->size - h->hdr_len;
	if (!h->type_len && !h->str_len) {
		bpf_log_put(c->log, "No data\n");
		return -EINVAL;
	}
	if (h->type_off % 4 || h->type_off || h->type_len > room || h->str_off != h->type_len ||
	    h->str_len != room - h->type_len) {
		bpf_log_put(c->log, "Sections do not follow one another\n");
		return -EINVAL;
	}
	b->strings = b->data + h->hdr_len + h->str_off;
	b->strings_size = h->str_len;
	if (!h->str_len || b->strings[0] || b->strings[h->str_len - 1]) {
		bpf_log_put(c->log, "Invalid string section\n");
		return -EINVAL;
	}
	return 0;
}

/* Bytes behind struct btf_type. */
static u32 extra_size(const struct btf_type *t)
{
	u32 n = BTF_INFO_VLEN(t->info);

	switch (kind_of(t)) {
	case BTF_KIND_INT: case BTF_KIND_VAR: case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT: case BTF_KIND_UNION:
		return n * (u32)sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * (u32)sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * (u32)sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return n * (u32)sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return n * (u32)sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

/* Where each type begins. */
static int find_types(struct check *c)
{
	struct btf *b = c->b;
	const struct btf_header *h = (const void *)b->data;
	u32 at = h->hdr_len, end = at + h->type_len,
	    room = h->type_len / sizeof(struct btf_type) + 1;

	b->type_at = kcalloc(room, sizeof(u32));
	if (!b->type_at)
		return -ENOMEM;
	for (b->n = 1; at < end; b->n++) {
		const struct btf_type *t = (const void *)(b->data + at);

		if (end - at < sizeof(*t) || end - at - sizeof(*t) < extra_size(t))
			return refuse(c, b->n, "type is cut off");
		b->type_at[b->n] = at;
		at += (u32)sizeof(*t) + extra_size(t);
	}
	return 0;
}

static bool name_ok(const struct btf *b, u32 off, bool must)
{
	const char *s = name_at(b, off);

	return s && (*s || !must);
}

static bool size_ok(u32 size, u32 most)
{
	return is_pow2(size) && size <= most;
}

static const char *check_int(const struct btf_type *t)
{
	u32 v = *(const u32 *)(t + 1), enc = BTF_INT_ENCODING(v);

	if (v & 0xf0000000 || BTF_INT_BITS(v) > 128 || BTF_INT_BITS(v) + BTF_INT_OFFSET(v) > 128 ||
	    div_round_up(BTF_INT_BITS(v) + BTF_INT_OFFSET(v), 8u) > t->size)
		return "Invalid int";
	if (enc && enc != BTF_INT_SIGNED && enc != BTF_INT_CHAR && enc != BTF_INT_BOOL)
		return "Unsupported encoding";
	return NULL;
}

static const char *check_members(const struct btf *b, const struct btf_type *t)
{
	const struct btf_member *m = (const void *)(t + 1);
	bool flag = BTF_INFO_KFLAG(t->info);
	u32 last = 0;

	for (u32 i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		u32 bits = flag ? BTF_MEMBER_BIT_OFFSET(m[i].offset) : m[i].offset;

		if (!name_ok(b, m[i].name_off, false) || !m[i].type || m[i].type >= b->n)
			return "Invalid member";
		if (kind_of(t) == BTF_KIND_UNION ? bits != 0 : bits < last)
			return "Invalid member bits_offset";
		if (bits / 8 > t->size)
			return "Member bits_offset exceeds its struct size";
		last = bits;
	}
	return NULL;
}

static const char *check_values(const struct btf *b, const struct btf_type *t, u32 step)
{
	const char *p = (const void *)(t + 1);

	if (!size_ok(t->size, 8))
		return "Unexpected size";
	for (u32 i = 0; i < BTF_INFO_VLEN(t->info); i++, p += step)
		if (!name_ok(b, *(const u32 *)p, true))
			return "Invalid name";
	return NULL;
}

static const char *check_proto(const struct btf *b, const struct btf_type *t)
{
	const struct btf_param *p = (const void *)(t + 1);
	u32 n = BTF_INFO_VLEN(t->info);

	if (t->type >= b->n)
		return "Invalid return type";
	for (u32 i = 0; i < n; i++) {
		bool variadic = i == n - 1 && !p[i].type && !p[i].name_off;

		if (!variadic && (!p[i].type || p[i].type >= b->n ||
				  !name_ok(b, p[i].name_off, false)))
			return "Invalid arg";
	}
	return NULL;
}

static const char *check_section(const struct btf *b, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = (const void *)(t + 1);
	u64 end = 0;

	if (!t->size)
		return "Invalid size";
	for (u32 i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		const struct btf_type *var = type_of(b, v[i].type);

		if (!var || (kind_of(var) != BTF_KIND_VAR && kind_of(var) != BTF_KIND_FUNC))
			return "Invalid type_id";
		if (v[i].offset < end || !v[i].size || v[i].size > t->size)
			return "Invalid offset";
		end = (u64)v[i].offset + v[i].size;
		if (end > t->size)
			return "Invalid offset+size";
	}
	return NULL;
}

static const char *check_linkage(const struct btf_type *t)
{
	if (BTF_INFO_VLEN(t->info) > BTF_FUNC_EXTERN)
		return "Invalid func linkage";
	return NULL;
}

/* What a type of this kind may have; by kind: may have several parts (vlen), may have the flag,
 * must have a name, refers to a type. */
static const struct { bool ok, vlen, flag, named, refers; } rules[NR_BTF_KINDS] = {
	[BTF_KIND_INT] = { .ok = true, .named = true },
	[BTF_KIND_PTR] = { .ok = true, .refers = true },
	[BTF_KIND_ARRAY] = { .ok = true },
	[BTF_KIND_STRUCT] = { .ok = true, .vlen = true, .flag = true },
	[BTF_KIND_UNION] = { .ok = true, .vlen = true, .flag = true },
	[BTF_KIND_ENUM] = { .ok = true, .vlen = true, .flag = true },
	[BTF_KIND_FWD] = { .ok = true, .flag = true, .named = true },
	[BTF_KIND_TYPEDEF] = { .ok = true, .named = true, .refers = true },
	[BTF_KIND_VOLATILE] = { .ok = true, .refers = true },
	[BTF_KIND_CONST] = { .ok = true, .refers = true },
	[BTF_KIND_RESTRICT] = { .ok = true, .refers = true },
	[BTF_KIND_FUNC] = { .ok = true, .vlen = true, .named = true, .refers = true },
	[BTF_KIND_FUNC_PROTO] = { .ok = true, .vlen = true },
	[BTF_KIND_VAR] = { .ok = true, .named = true, .refers = true },
	[BTF_KIND_DATASEC] = { .ok = true, .vlen = true, .named = true },
	[BTF_KIND_FLOAT] = { .ok = true, .named = true },
	[BTF_KIND_DECL_TAG] = { .ok = true, .flag = true, .named = true, .refers = true },
	[BTF_KIND_TYPE_TAG] = { .ok = true, .flag = true, .named = true, .refers = true },
	[BTF_KIND_ENUM64] = { .ok = true, .vlen = true, .flag = true },
};

static const char *check_parts(const struct btf *b, const struct btf_type *t)
{
	const struct btf_array *a = (const void *)(t + 1);
	const struct btf_type *to = t->type < b->n ? type_of(b, t->type) : NULL;

	switch (kind_of(t)) {
	case BTF_KIND_INT:
		return check_int(t);
	case BTF_KIND_STRUCT: case BTF_KIND_UNION:
		return check_members(b, t);
	case BTF_KIND_ENUM:
		return check_values(b, t, sizeof(struct btf_enum));
	case BTF_KIND_ENUM64:
		return check_values(b, t, sizeof(struct btf_enum64));
	case BTF_KIND_ARRAY:
		return t->size || !a->type || a->type >= b->n || !a->index_type ||
				       a->index_type >= b->n
			       ? "Invalid array"
			       : NULL;
	case BTF_KIND_FUNC:
		return to && kind_of(to) == BTF_KIND_FUNC_PROTO ? check_linkage(t)
								: "Invalid type_id";
	case BTF_KIND_FUNC_PROTO:
		return check_proto(b, t);
	case BTF_KIND_VAR:
		return t->type ? NULL : "Invalid type_id";
	case BTF_KIND_DATASEC:
		return check_section(b, t);
	case BTF_KIND_FLOAT:
		return size_ok(t->size, 16) || t->size == 12 ? NULL : "Invalid type_size";
	default:
		return NULL;
	}
}

static const char *check_type(const struct btf *b, u32 id)
{
	const struct btf_type *t = type_of(b, id);
	u32 kind = kind_of(t);

	if (!kind || kind >= NR_BTF_KINDS || !rules[kind].ok)
		return "Invalid kind";
	if (t->info & 0x60ff0000)
		return "Invalid btf_info";
	if (BTF_INFO_VLEN(t->info) && !rules[kind].vlen)
		return "vlen != 0";
	if (BTF_INFO_KFLAG(t->info) && !rules[kind].flag)
		return "Invalid btf_info kind_flag";
	if (!name_ok(b, t->name_off, rules[kind].named))
		return "Invalid name";
	if (rules[kind].refers && t->type >= b->n)
		return "Invalid type_id";
	return check_parts(b, t);
}

/* References of types to types by qualifiers must end. */
static bool ends(const struct btf *b, u32 id)
{
	for (u32 depth = 0; depth < MAX_DEPTH; depth++) {
		const struct btf_type *t = type_of(b, id);

		if (!t || !is_reference(kind_of(t)))
			return true;
		id = t->type;
	}
	return false;
}

static int check_types(struct check *c)
{
	const char *why;

	for (u32 id = 1; id < c->b->n; id++) {
		why = check_type(c->b, id);
		if (why)
			return refuse(c, id, why);
	}
	for (u32 id = 1; id < c->b->n; id++)
		if (!ends(c->b, id)) {
			refuse(c, id, "Loop detected");
			return -EEXIST;
		}
	return 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static struct btf *take_btf(u64 user, u32 size)
{
	struct btf *b;

	if (size > BTF_MAX_SIZE)
		return ERR_PTR(-E2BIG);
	if (size > 4 * MIB - sizeof(*b))	/* what one allocation gives */
		return ERR_PTR(-E2BIG);
	b = kzalloc(sizeof(*b) + max(size, 8u));
	if (!b)
		return ERR_PTR(-ENOMEM);
	ref_init(&b->ref);
	b->size = size;
	if (!copy_from_user(b->data, (void __user *)user, size))
		return b;
	kfree(b);
	return ERR_PTR(-EFAULT);
}

static int start_log(const union bpf_attr *a, struct bpf_log *log)
{
	*log = (struct bpf_log){ .level = a->btf_log_level, .size = a->btf_log_size };
	if (!a->btf_log_buf != !a->btf_log_size || (a->btf_log_size && !a->btf_log_level) ||
	    a->btf_log_level & ~BPF_LOG_MASK)
		return -EINVAL;
	if (!log->size)
		return 0;
	log->size = min(log->size, (u32)(64 * KIB));
	log->buf = kzalloc(log->size);
	return log->buf ? 0 : -ENOMEM;
}

/* The log goes to user space; it makes the result worse, never better. */
static int end_log(union bpf_args *x, u64 user_attr, size_t size, struct bpf_log *log, int err)
{
	const size_t at = offsetof(union bpf_args, btf.log_true_size);
	u32 true_size = 0;
	int full = bpf_log_end(log, &true_size);

	if (log->buf && bpf_copy_out(x->a.btf_log_buf, log->buf, strlen(log->buf) + 1))
		full = -EFAULT;
	if (size >= at + 4 && bpf_copy_out(user_attr + at, &true_size, 4))
		full = -EFAULT;
	kfree(log->buf);
	return full ?: err;
}

i64 bpf_btf_load(union bpf_args *x, u64 user_attr, size_t size)
{
	struct bpf_log log;
	struct check c = { .log = &log };
	int err;

	if (!bpf_args_end(x, offsetof(union bpf_args, btf.token_fd) + 4) || x->btf.flags ||
	    x->btf.token_fd)
		return -EINVAL;
	if (!bpf_capable())
		return -EPERM;
	err = start_log(&x->a, &log);
	if (err)
		return err;
	c.b = take_btf(x->a.btf, x->a.btf_size);
	if (IS_ERR(c.b)) {
		kfree(log.buf);
		return PTR_ERR(c.b);
	}
	err = check_header(&c) ?: find_types(&c) ?: check_types(&c);
	err = end_log(x, user_attr, size, &log, err);
	if (!err)
		err = bpf_id_new(&bpf_btf_ids, c.b, &c.b->id);
	if (err) {
		free_parts(c.b);
		return err;
	}
	return bpf_btf_fd(c.b);
}

/* --- files ------------------------------------------------------------------------------------ */

static void btf_release(struct file *f) { btf_put(f->private); }
static void btf_fdinfo(struct file *f, struct seq *s)
{
	seq_printf(s, "btf_id:\t%u\n", ((struct btf *)f->private)->id);
}
const struct file_ops bpf_btf_fops = { .release = btf_release, .fdinfo = btf_fdinfo };

int bpf_btf_fd(struct btf *b)
{
	struct file *f = anon_file("anon_inode:btf", &bpf_btf_fops, b, O_RDONLY);

	if (!IS_ERR(f))
		return fd_publish(f, O_CLOEXEC);
	btf_put(b);
	return (int)PTR_ERR(f);
}

struct btf *bpf_btf_from_fd(u32 fd)
{
	struct file *f = bpf_file(fd, &bpf_btf_fops);
	struct btf *b;

	if (IS_ERR(f))
		return (struct btf *)f;
	b = f->private;
	ref_get(&b->ref);
	fd_put(f);
	return b;
}

int bpf_btf_info(struct file *f, const union bpf_args *x, u64 user_attr)
{
	const struct btf *b = f->private;
	struct bpf_btf_info i;
	int err = bpf_take_info(x, &i, sizeof(i));
	u64 empty = 0;

	if (err)
		return err;
	if (bpf_copy_out(i.btf, b->data, min(i.btf_size, b->size)))
		return -EFAULT;
	if (!i.name != !i.name_len)
		return -EINVAL;
	if (i.name && bpf_copy_out(i.name, &empty, 1))
		return -EFAULT;
	i.btf_size = b->size;
	i.id = b->id;
	i.name_len = 0;
	i.kernel_btf = 0;
	return bpf_give_info(x, user_attr, &i, sizeof(i));
}
