/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Circles. Two graphs over the types must have none, nor a way longer than BTF_MAX_DEPTH:
 * WITHIN: struct -> members, array -> element, modifiers and variables -> what they stand for;
 * BEHIND: pointer -> what it points to, modifiers -> what they stand for. A struct may therefore
 * point to itself, but neither contain itself nor be a pointer to a pointer to ... itself.
 *
 * Each type is visited once: depth[graph][id] is the number of types on the longest way from it,
 * ON_THE_WAY while one that leads there is being followed.
 */
#include "btf_internal.h"
#include <base/errno.h>

#define ON_THE_WAY 0xff

/* The k-th type that id leads to; false: there are no more. */
static bool next_of(const struct btf_types *b, u32 graph, u32 id, u32 k, u32 *to)
{
	const struct btf_type *t = btf_type(b, id);

	if (btf_is(t, BTF_MODIFIERS) || (graph == WITHIN && btf_kind(t) == BTF_KIND_VAR) ||
	    (graph == BEHIND && btf_kind(t) == BTF_KIND_PTR)) {
		*to = t->type;
		return !k;
	}
	if (graph == BEHIND)
		return false;
	if (btf_kind(t) == BTF_KIND_ARRAY) {
		*to = k ? btf_array_of(t)->index_type : btf_array_of(t)->type;
		return k < 2;
	}
	if (btf_is(t, BTF_STRUCTS) && k < btf_vlen(t)) {
		*to = btf_members(t)[k].type;
		return true;
	}
	return false;
}

static int follow(struct btf_check *c, u32 graph, u32 start)
{
	struct { u32 id, next; } way[BTF_MAX_DEPTH + 1];
	u8 *depth = c->depth[graph];
	u32 n = 0, to;

	if (depth[start])
		return 0;
	way[n].id = start;
	way[n++].next = 0;
	depth[start] = ON_THE_WAY;
	while (n) {
		u32 id = way[n - 1].id, deepest = 0;

		if (next_of(c->b, graph, id, way[n - 1].next, &to)) {
			way[n - 1].next++;
			if (depth[to] == ON_THE_WAY) {
				btf_bad(c, to, "Loop detected");
				return -EEXIST;
			}
			if (!to || depth[to])
				continue;
			if (n > BTF_MAX_DEPTH)
				goto too_deep;
			way[n].id = to;
			way[n++].next = 0;
			depth[to] = ON_THE_WAY;
			continue;
		}
		for (u32 k = 0; next_of(c->b, graph, id, k, &to); k++)
			deepest = max(deepest, (u32)depth[to]);
		depth[id] = (u8)(deepest + 1);
		n--;
		if (deepest + 1 > BTF_MAX_DEPTH)
			goto too_deep;
	}
	return 0;
too_deep:
	btf_bad(c, start, "Exceeded max resolve depth:32");
	return -E2BIG;
}

int btf_check_depth(struct btf_check *c, u32 id)
{
	int err = follow(c, WITHIN, id);

	return err ? err : follow(c, BEHIND, id);
}
