/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's form: instructions one by one, where functions begin and end, that branches stay in
 * their function, that every instruction can be reached. Maps that are named are found here, too.
 */
#include "verify_internal.h"

/* Why the form of i was refused, as well as can be said. */
static void say_why(struct verifier *v, const struct bpf_insn *i)
{
	static const char *const classes[] = { "BPF_LD", "BPF_LDX", "BPF_ST", "BPF_STX", "BPF_ALU",
					       "BPF_JMP", "BPF_JMP32", "BPF_ALU64" };
	struct bpf_insn bare = { .code = i->code, .imm = BPF_OP(i->code) == BPF_END ? 16 : 0 };

	if (i->dst_reg > BPF_FP)
		say(v, "R%d is invalid\n", i->dst_reg);
	else if (i->src_reg > BPF_FP)
		say(v, "R%d is invalid\n", i->src_reg);
	else if (bpf_is_wide(i))
		say(v, "invalid bpf_ld_imm64 insn\n");
	else if (bpf_isa_insn(&bare, false, false))
		say(v, "%s uses reserved fields\n", classes[BPF_CLASS(i->code)]);
	else
		say(v, "unknown opcode %02x\n", i->code);
}

static bool packet_load_ok(const struct bpf_insn *i)
{
	return BPF_SIZE(i->code) != BPF_DW && !i->dst_reg && !i->off && i->src_reg <= BPF_FP &&
	       (BPF_MODE(i->code) == BPF_IND || !i->src_reg);
}

static bool may_goto_ok(const struct verifier *v, const struct bpf_insn *i)
{
	return !v->in->unprivileged && !i->dst_reg && !i->src_reg && !i->imm;
}

static bool form_ok(const struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];

	if (is_packet_load(i))
		return packet_load_ok(i);
	return bpf_is_may_goto(i) ? may_goto_ok(v, i) : bpf_isa_insn(i, pc + 1 < v->n, false);
}

static int find_map(struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	const struct bpf_map_desc *map;
	bool by_index = i->src_reg == BPF_PSEUDO_MAP_IDX || i->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
	int err = v->in->ops->map(v->in->ops->ctx, by_index, (u32)i->imm, &map);

	if (err) {
		say(v, "fd %d is not pointing to valid bpf_map\n", i->imm);
		return err;
	}
	v->aux[pc].map = map;
	if (map->spin_lock >= 0 && (v->in->prog_type == BPF_PROG_TYPE_SOCKET_FILTER ||
				    v->in->prog_type == BPF_PROG_TYPE_TRACING)) {
		say(v, "%s progs cannot use bpf_spin_lock yet\n",
		    v->in->prog_type == BPF_PROG_TYPE_TRACING ? "tracing" : "socket filter");
		return -EINVAL;
	}
	if (i->src_reg == BPF_PSEUDO_MAP_FD || i->src_reg == BPF_PSEUDO_MAP_IDX) {
		if (!i[1].imm)
			return 0;
		say(v, "unrecognized bpf_ld_imm64 insn\n");
		return -EINVAL;
	}
	if (!map->values || map->max_entries != 1 || (u32)i[1].imm >= map->value_size) {
		say(v, "invalid access to map value pointer, value_size=%u off=%u\n",
		    map->value_size, (u32)i[1].imm);
		return map->values && map->max_entries != 1 ? -ENOTSUPP : -EINVAL;
	}
	return 0;
}

static int add_func(struct verifier *v, i64 start)
{
	u32 at = 0;

	if (start < 0 || start >= v->n || v->aux[start].flags & I_SECOND) {
		say(v, "call to invalid destination\n");
		return -EINVAL;
	}
	while (at < v->n_funcs && v->funcs[at].start < start)
		at++;
	if (at < v->n_funcs && v->funcs[at].start == start)
		return 0;
	if (v->n_funcs >= BPF_VERIFY_FUNCS) {
		say(v, "too many subprograms\n");
		return -E2BIG;
	}
	memmove(&v->funcs[at + 1], &v->funcs[at], (v->n_funcs - at) * sizeof(*v->funcs));
	v->funcs[at] = (struct vfunc){ .start = (u32)start };
	v->n_funcs++;
	return 0;
}

/* One instruction by itself, without looking where it leads. */
static int check_insn_form(struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];

	if (!form_ok(v, pc)) {
		print_insn(v, pc);
		if (is_packet_load(i))
			say(v, "BPF_LD_[ABS|IND] uses reserved fields\n");
		else if (bpf_is_may_goto(i))
			say(v, "invalid may_goto\n");
		else
			say_why(v, i);
		return -EINVAL;
	}
	v->n_calls += leads_to_func(i);
	if (!bpf_is_wide(i))
		return 0;
	v->aux[pc + 1].flags |= I_SECOND;
	switch (i->src_reg) {
	case 0:
	case BPF_PSEUDO_FUNC:
		return 0;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		return find_map(v, pc);
	default:
		say(v, "%d: no variables of the kernel to be addressed by BTF\n", pc);
		return -EINVAL;
	}
}

static int find_funcs(struct verifier *v)
{
	int err = add_func(v, 0);

	for (u32 pc = 0; v->n_calls && pc < v->n && !err; pc++) {
		const struct bpf_insn *i = &v->insns[pc];

		if (v->aux[pc].flags & I_SECOND || !leads_to_func(i))
			continue;
		if (v->in->unprivileged) {
			say(v, "loading/calling other bpf or kernel functions are allowed for "
			       "CAP_BPF and CAP_SYS_ADMIN\n");
			return -EPERM;
		}
		err = add_func(v, (i64)pc + 1 + i->imm);
	}
	return err;
}

static u32 func_at(const struct verifier *v, u32 start)
{
	u32 lo = 0, hi = v->n_funcs - 1;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (v->funcs[mid].start < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int describe_funcs(struct verifier *v)
{
	u32 d = 0;

	for (u32 f = 0; f < v->n_funcs; f++) {
		while (d < v->in->n_funcs && v->in->funcs[d].insn < v->funcs[f].start)
			d++;
		if (d < v->in->n_funcs && v->in->funcs[d].insn == v->funcs[f].start)
			v->funcs[f].desc = &v->in->funcs[d];
	}
	return 0;
}

/* Branches of [start, end) stay there, and it does not run off its end. */
static int check_func(struct verifier *v, u32 func)
{
	struct vfunc *f = &v->funcs[func];
	u32 last = v->aux[f->end - 1].flags & I_SECOND ? f->end - 2 : f->end - 1;
	u8 code = v->insns[last].code;

	for (u32 pc = f->start; pc < f->end; pc++) {
		const struct bpf_insn *i = &v->insns[pc];
		i64 to = bpf_branch_target(i, pc);

		v->aux[pc].func = func;
		if (v->aux[pc].flags & I_SECOND || !bpf_is_branch(i))
			continue;
		if (to < f->start || to >= f->end) {
			say(v, "jump out of range from insn %d to %d\n", pc, (int)to);
			return -EINVAL;
		}
		if (v->aux[to].flags & I_SECOND) {
			say(v, "jump into the middle of ldimm64 insn %d\n", (int)to);
			return -EINVAL;
		}
		if (to <= pc && v->in->unprivileged) {
			say(v, "back-edge from insn %d to %d\n", pc, (int)to);
			return -EINVAL;
		}
	}
	if (code == (BPF_JMP | BPF_EXIT) || code == (BPF_JMP | BPF_JA) ||
	    code == (BPF_JMP32 | BPF_JA))
		return 0;
	say(v, "last insn is not an exit or jmp\n");
	return -EINVAL;
}

int check_form(struct verifier *v)
{
	int err = 0;

	for (u32 pc = 0; pc < v->n && !err; pc++)
		if (!(v->aux[pc].flags & I_SECOND))
			err = check_insn_form(v, pc);
	if (!err)
		err = find_funcs(v);
	if (!err)
		err = describe_funcs(v);
	for (u32 f = 0; f < v->n_funcs && !err; f++) {
		v->funcs[f].end = f + 1 < v->n_funcs ? v->funcs[f + 1].start : v->n;
		err = check_func(v, f);
	}
	for (u32 pc = 0; v->n_calls && pc < v->n && !err; pc++)
		if (!(v->aux[pc].flags & I_SECOND) && leads_to_func(&v->insns[pc]))
			v->aux[pc].callee = func_at(v, pc + 1 + (u32)v->insns[pc].imm);
	return err;
}
