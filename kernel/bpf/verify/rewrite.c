/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program to run, from the one that was verified: each instruction becomes none, one or a few.
 * What was never simulated goes; a branch of which one way only was possible becomes a jump or
 * nothing. Two passes: how long everything becomes, then the instructions themselves.
 */
#include "verify_internal.h"

#define ROOM	64	/* instructions that one may become */

struct rewriting {
	struct verifier *v;
	u32 *start;		/* n + 1: where each instruction's replacement begins */
	struct bpf_insn buf[ROOM];
};

/* Does the branch lead to what is next, once dead code is gone? */
static bool leads_on(const struct verifier *v, u32 pc)
{
	i64 to = bpf_branch_target(&v->insns[pc], pc);
	u32 at = pc + 1;

	while (at < to && !(v->aux[at].flags & I_SEEN))
		at++;
	return at == to;
}

/* Only one way, or none, was ever possible. */
static u32 branch(struct rewriting *w, u32 pc)
{
	const struct bpf_insn *i = &w->v->insns[pc];
	u8 ways = w->v->aux[pc].flags & (I_FALLS | I_JUMPS);

	w->buf[0] = *i;
	if (BPF_OP(i->code) == BPF_JA)
		return !leads_on(w->v, pc);
	if (ways == I_FALLS || (ways == I_JUMPS && leads_on(w->v, pc)))
		return 0;
	if (ways == I_JUMPS)
		w->buf[0] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = i->off };
	else if (!ways)	/* nobody comes here */
		w->buf[0] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = -1 };
	return 1;
}

static u32 wide(struct rewriting *w, u32 pc)
{
	const struct verifier *v = w->v;
	const struct bpf_insn *i = &v->insns[pc];
	const struct bpf_map_desc *map = v->aux[pc].map;
	u64 value;

	w->buf[0] = i[0];
	w->buf[1] = i[1];
	if (!i->src_reg)
		return 2;
	if (i->src_reg == BPF_PSEUDO_FUNC) {
		if (v->aux[v->funcs[v->aux[pc].callee].start].flags & I_SEEN)
			return 2;
		w->buf[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV, .dst_reg = i->dst_reg };
		return 1;	/* never called */
	}
	value = map->object;
	if (i->src_reg == BPF_PSEUDO_MAP_VALUE || i->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
		value = map->values + (u32)i[1].imm;
	w->buf[0].src_reg = 0;
	w->buf[0].imm = (i32)value;
	w->buf[1].imm = (i32)(value >> 32);
	return 2;
}

/* r0 = what is in the packet; leaves the program with 0 if it is not there. */
static u32 packet_load(struct rewriting *w, u32 pc)
{
	const struct bpf_insn *i = &w->v->insns[pc];
	struct bpf_insn *b = w->buf;

	if (BPF_MODE(i->code) == BPF_IND) {
		*b++ = (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = 2,
					  .src_reg = i->src_reg };
		if (i->imm)
			*b++ = (struct bpf_insn){ .code = BPF_ALU | BPF_ADD, .dst_reg = 2,
						  .imm = i->imm };
	} else {
		*b++ = (struct bpf_insn){ .code = BPF_ALU | BPF_MOV, .dst_reg = 2, .imm = i->imm };
	}
	*b++ = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 };
	*b++ = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
				  .imm = BPF_FUNC_LOAD_8 + (i32)bpf_size_log(i->code) };
	*b++ = (struct bpf_insn){ .code = BPF_JMP | BPF_JSGE, .dst_reg = 0, .off = 2 };
	*b++ = (struct bpf_insn){ .code = BPF_ALU | BPF_MOV };
	*b++ = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	return (u32)(b - w->buf);
}

/* Loads and stores of the context go where the kernel has it; loads by pointers that may be bad may
 * fault. */
static u32 memory(struct rewriting *w, u32 pc)
{
	const struct verifier *v = w->v;
	const struct bpf_insn *i = &v->insns[pc];
	u32 size = 1u << bpf_size_log(i->code);
	enum access how = BPF_CLASS(i->code) == BPF_LDX ? READ : WRITE;
	const struct ctx_field *f;

	w->buf[0] = *i;
	if (v->aux[pc].access == V_BTF)
		w->buf[0].code = (u8)(BPF_LDX | BPF_SIZE(i->code) |
				      (BPF_MODE(i->code) == BPF_MEMSX ? BPF_PROBE_SX : BPF_PROBE));
	if (v->aux[pc].access != V_CTX || v->in->prog_type == BPF_PROG_TYPE_SYSCALL || v->in->ctx_proto)
		return 1;
	f = ctx_field(v->in->prog_type, i->off, size, how);
	if (f->to_size == f->size) {
		w->buf[0].off = (i16)(f->to + i->off - f->off);
	} else {	/* an address, which programs have in 32 bits */
		w->buf[0].code = BPF_LDX | BPF_MEM | BPF_DW;
		w->buf[0].off = (i16)f->to;
	}
	return 1;
}

static u32 helper(struct rewriting *w, u32 pc)
{
	const struct bpf_verify_ops *ops = w->v->in->ops;
	const struct vinsn *a = &w->v->aux[pc];
	u32 n = 0;

	w->buf[0] = w->v->insns[pc];
	if (ops->inlined)
		n = ops->inlined(ops->ctx, a->flags & I_MANY_MAPS ? NULL : a->map,
				 &w->v->insns[pc], w->buf, ROOM);
	if (!n)
		w->buf[0] = w->v->insns[pc];
	return n ? n : 1;
}

#define MAX_ROUNDS	(8 * 1024 * 1024)	/* of a function's loops with may_goto, as on Linux */

/* Is this where a function begins that counts its rounds? One instruction goes before it then, to
 * which no branch leads. */
static bool begins_count(const struct verifier *v, u32 pc)
{
	const struct vfunc *f = &v->funcs[v->aux[pc].func];

	return f->goto_at && f->start == pc;
}

static struct bpf_insn stack_insn(u8 code, u32 reg, u32 depth)
{
	struct bpf_insn i = { .code = code, .off = (i16)-(i32)depth };

	i.dst_reg = BPF_CLASS(code) == BPF_LDX ? reg : BPF_FP;
	i.src_reg = BPF_CLASS(code) == BPF_LDX ? BPF_FP : BPF_CLASS(code) == BPF_STX ? reg : 0;
	return i;
}

/* if (!counter--) goto: by r0, which is kept meanwhile. The last instruction is the branch. */
static u32 may_goto(struct rewriting *w, u32 pc)
{
	u32 counter = w->v->funcs[w->v->aux[pc].func].goto_at + 8, kept = counter + 8;
	const u8 load = BPF_LDX | BPF_MEM | BPF_DW, store = BPF_STX | BPF_MEM | BPF_DW;
	struct bpf_insn *b = w->buf;

	*b++ = stack_insn(store, 0, kept);
	*b++ = stack_insn(load, 0, counter);
	*b++ = (struct bpf_insn){ .code = BPF_JMP | BPF_JEQ, .off = 4 };
	*b++ = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD, .imm = -1 };
	*b++ = stack_insn(store, 0, counter);
	*b++ = stack_insn(load, 0, kept);
	*b++ = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = 2 };
	*b++ = stack_insn(load, 0, kept);
	*b++ = (struct bpf_insn){ .code = BPF_JMP | BPF_JA };
	return (u32)(b - w->buf);
}

/* It stays as it is: most do. */
static bool stays(const struct verifier *v, u32 pc)
{
	const struct vinsn *a = &v->aux[pc];

	switch (BPF_CLASS(v->insns[pc].code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return a->flags & I_SEEN;
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return a->flags & I_SEEN && a->access != V_CTX && a->access != V_BTF;
	default:
		return false;
	}
}

/* What the instruction becomes, in w->buf; how many. */
static u32 replace(struct rewriting *w, u32 pc)
{
	const struct bpf_insn *i = &w->v->insns[pc];

	if (!(w->v->aux[pc].flags & I_SEEN))
		return 0;
	if (bpf_is_wide(i))
		return wide(w, pc);
	if (is_packet_load(i))
		return packet_load(w, pc);
	if (bpf_is_may_goto(i))
		return may_goto(w, pc);
	if (bpf_is_branch(i))
		return branch(w, pc);
	if (i->code == (BPF_JMP | BPF_CALL) && !i->src_reg)
		return helper(w, pc);
	if (BPF_CLASS(i->code) <= BPF_STX)
		return memory(w, pc);
	w->buf[0] = *i;
	return 1;
}

/* The branch, call or address at `at` leads to the instruction that was `to`. */
static int aim(struct rewriting *w, struct bpf_insn *i, u32 at, u32 to)
{
	bool enters = leads_to_func(i);
	i64 way = (i64)w->start[to] + (!enters && begins_count(w->v, to)) - at - 1;

	if (enters || i->code == (BPF_JMP32 | BPF_JA)) {
		i->imm = (i32)way;
	} else if (way == (i16)way) {
		i->off = (i16)way;
	} else if (i->code == (BPF_JMP | BPF_JA)) {
		*i = (struct bpf_insn){ .code = BPF_JMP32 | BPF_JA, .imm = (i32)way };
	} else {
		say(w->v, "a branch would be too long after rewriting\n");
		return -ERANGE;
	}
	return 0;
}

static int emit(struct rewriting *w, struct bpf_verified *out, u32 pc)
{
	const struct bpf_insn *i = &w->v->insns[pc];
	u32 at = w->start[pc], n;

	if (begins_count(w->v, pc)) {
		out->insns[at] = stack_insn(BPF_ST | BPF_MEM | BPF_DW, 0,
					    w->v->funcs[w->v->aux[pc].func].goto_at + 8);
		out->insns[at].imm = MAX_ROUNDS;
		out->origin[at++] = pc;
	}
	if (stays(w->v, pc)) {
		out->insns[at] = *i;
		out->origin[at] = pc;
		return 0;
	}
	n = replace(w, pc);
	if (n != w->start[pc + 1] - at)
		return -EINVAL;
	memcpy(&out->insns[at], w->buf, n * sizeof(*w->buf));
	for (u32 k = 0; k < n; k++)
		out->origin[at + k] = pc;
	if (!n || (w->buf[0].code == (BPF_JMP | BPF_JA) && w->buf[0].off == -1))
		return 0;
	if (bpf_is_may_goto(i))
		at += n - 1;
	if (bpf_is_branch(i))
		return aim(w, &out->insns[at], at, (u32)bpf_branch_target(i, pc));
	if (leads_to_func(&w->buf[0]))
		return aim(w, &out->insns[at], at, w->v->funcs[w->v->aux[pc].callee].start);
	return 0;
}

/* The depth of each function that is left; false: they are not those that are marked. */
static bool give_depths(const struct verifier *v, struct bpf_verified *out)
{
	u32 n = 0, marked = 1;

	for (u32 f = 0; f < v->n_funcs; f++)
		if (v->aux[v->funcs[f].start].flags & I_SEEN)
			out->depth[n++] = (u16)v->funcs[f].depth;
	for (u32 pc = 1; pc < out->n; pc++)
		marked += !!(out->mark[pc] & BPF_MARK_FUNC);
	return n == marked;
}

static int emit_all(struct rewriting *w, struct bpf_verified *out)
{
	const struct bpf_verify_ops *ops = w->v->in->ops;
	u32 at;
	int err = 0;

	out->n = w->start[w->v->n];
	out->insns = ops->alloc(ops->ctx, out->n * sizeof(*out->insns));
	out->origin = ops->alloc(ops->ctx, out->n * sizeof(*out->origin));
	out->mark = ops->alloc(ops->ctx, out->n);
	out->depth = ops->alloc(ops->ctx, w->v->n_funcs * sizeof(*out->depth));
	if (!out->insns || !out->origin || !out->mark || !out->depth)
		return -ENOMEM;
	for (u32 pc = 0; pc < w->v->n && !err; pc++)
		err = emit(w, out, pc);
	if (!err && bpf_isa_check(out->insns, out->n, true, out->mark, &at)) {
		say(w->v, "rewriting broke instruction %u (from %u)\n", at, out->origin[at]);
		err = -EINVAL;
	}
	if (!err && !give_depths(w->v, out)) {
		say(w->v, "rewriting broke a function\n");
		err = -EINVAL;
	}
	return err;
}

int rewrite(struct verifier *v, struct bpf_verified *out)
{
	const struct bpf_verify_ops *ops = v->in->ops;
	struct rewriting *w = ops->alloc(ops->ctx, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->v = v;
	w->start = ops->alloc(ops->ctx, (v->n + 1) * sizeof(*w->start));
	if (!w->start) {
		ops->free(ops->ctx, w);
		return -ENOMEM;
	}
	w->start[0] = 0;
	for (u32 pc = 0; pc < v->n; pc++)
		w->start[pc + 1] = w->start[pc] + begins_count(v, pc) +
				   (stays(v, pc) ? 1 : replace(w, pc));
	err = emit_all(w, out);
	ops->free(ops->ctx, w->start);
	ops->free(ops->ctx, w);
	if (err)
		bpf_verified_free(ops, out);
	return err;
}

void bpf_verified_free(const struct bpf_verify_ops *ops, struct bpf_verified *out)
{
	void *parts[] = { out->insns, out->origin, out->mark, out->depth };

	for (u32 k = 0; k < ARRAY_SIZE(parts); k++)
		if (parts[k])
			ops->free(ops->ctx, parts[k]);
	*out = (struct bpf_verified){ 0 };
}
