/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function of a program as its BTF describes it. A static function is verified where it is
 * called, so nothing of it has to be understood; a global one by itself, for all arguments.
 */
#include "btf_internal.h"
#include <base/errno.h>
#include <base/string.h>

/* What programs of a type call the structure that r1 points to. */
static const char *context_name(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return "__sk_buff";
	case BPF_PROG_TYPE_XDP:
		return "xdp_md";
	default:
		return NULL;
	}
}

static bool is_scalar(const struct btf_type *t)
{
	return btf_is(t, BTF_ENUMS | BTF_SET(BTF_KIND_INT));
}

enum { TAG_CTX = 1, TAG_NONNULL = 2, TAG_OTHER = 4 };

/* What tags "arg:..." say of argument k of function id. Tags stand behind what they are on. */
static u32 arg_tags(const struct btf_types *b, u32 id, u32 k)
{
	u32 tags = 0;

	for (u32 other = id + 1; other < b->n; other++) {
		const struct btf_type *t = btf_type(b, other);
		const char *name = btf_type_name(b, other);

		if (btf_kind(t) != BTF_KIND_DECL_TAG || t->type != id || *(const u32 *)(t + 1) != k ||
		    strncmp(name, "arg:", 4))
			continue;
		tags |= !strcmp(name, "arg:ctx") ? TAG_CTX : !strcmp(name, "arg:nonnull") ? TAG_NONNULL
											 : TAG_OTHER;
	}
	return tags;
}

static bool is_context(const struct btf_types *b, u32 target, u32 prog_type)
{
	const char *want = context_name(prog_type), *name;

	/* The name may be a typedef's that stands for a struct without one. */
	for (;; target = btf_type(b, target)->type) {
		const struct btf_type *t = btf_type(b, target);

		name = btf_type_name(b, target);
		if (want && (btf_kind(t) == BTF_KIND_STRUCT || btf_kind(t) == BTF_KIND_TYPEDEF) &&
		    !strcmp(name, want))
			return true;
		if (!btf_is(t, BTF_MODIFIERS))
			return false;
	}
}

static int describe_arg(const struct btf_types *b, u32 id, u32 k, u32 type, u32 prog_type,
			struct bpf_func_desc *d, struct bpf_log *log)
{
	const struct btf_type *t = btf_type(b, btf_skip_modifiers(b, type));
	bool pointer = btf_kind(t) == BTF_KIND_PTR;
	u32 tags = arg_tags(b, id, k);
	i64 size;

	if (tags & TAG_OTHER) {	/* of what the kernel's own objects would be */
		bpf_log_put(log, "arg#%u has unsupported set of tags\n", k);
		return -EOPNOTSUPP;
	}
	if (tags && !pointer) {
		bpf_log_put(log, "arg#%u has pointer tag, but is not a pointer type\n", k);
		return -EINVAL;
	}
	if (is_scalar(t)) {
		d->arg[k].kind = BPF_FARG_SCALAR;
		return 0;
	}
	if (pointer && (tags & TAG_CTX || is_context(b, t->type, prog_type))) {
		d->arg[k].kind = BPF_FARG_CTX;
		if (!(tags & ~TAG_CTX))
			return 0;
		bpf_log_put(log, "arg#%u has invalid combination of tags\n", k);
		return -EINVAL;
	}
	size = pointer ? btf_type_size(b, t->type) : -EINVAL;
	if (size >= 0) {
		d->arg[k].kind = tags & TAG_NONNULL ? BPF_FARG_MEM_THERE : BPF_FARG_MEM;
		d->arg[k].size = (u32)size;
		return 0;
	}
	bpf_log_put(log, "Arg#%u type in %.128s() is not supported yet.\n", k, btf_type_name(b, id));
	return -EINVAL;
}

int btf_describe_func(const struct btf_types *b, u32 id, u32 prog_type, struct bpf_func_desc *d,
		      struct bpf_log *log)
{
	const struct btf_type *func = btf_type(b, id), *proto, *value;
	u32 insn = d->insn;
	int err = 0;

	if (btf_kind(func) != BTF_KIND_FUNC)
		return -EINVAL;
	proto = btf_type(b, func->type);
	value = btf_type(b, btf_skip_modifiers(b, proto->type));
	memset(d, 0, sizeof(*d));
	d->insn = insn;
	d->global = btf_vlen(func) == BTF_FUNC_GLOBAL;
	d->returns_void = !value;
	d->n_args = (u8)min(btf_vlen(proto), 5u);
	if (!d->global)
		return 0;
	if (btf_vlen(proto) > 5) {
		bpf_log_put(log, "Global function %.128s() with %u > 5 args. Buggy compiler.\n",
			    btf_type_name(b, id), btf_vlen(proto));
		return -EINVAL;
	}
	if (value && !is_scalar(value)) {
		bpf_log_put(log, "Global function %.128s() doesn't return scalar. Only those are supported.\n",
			    btf_type_name(b, id));
		return -EINVAL;
	}
	for (u32 k = 0; k < d->n_args && !err; k++)
		err = describe_arg(b, id, k, btf_params(proto)[k].type, prog_type, d, log);
	return err;
}
