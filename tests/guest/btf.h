/* SPDX-License-Identifier: BSD-2-Clause */
/* Walking through a blob of types. */
#ifndef TESTS_BTF_H
#define TESTS_BTF_H
#include <linux/btf.h>
#include <stddef.h>

/* Bytes behind a type's record (Documentation/bpf/btf.rst). */
static inline size_t btf_behind(const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
	case BTF_KIND_DATASEC:
		return n * 12;
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	default:
		return 0;
	}
}
#endif
