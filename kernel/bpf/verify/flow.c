/* SPDX-License-Identifier: BSD-2-Clause */
/* The static control flow: what can be reached, who leads where, how deep calls go. */
#include "verify_internal.h"

/* Registers that an instruction reads, arguments of calls included; as a mask. */
u32 insn_reads(const struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	const struct proto *p;
	u32 args = 0;

	if (is_packet_load(i))
		return BIT(6) | (BPF_MODE(i->code) == BPF_IND ? 1u << i->src_reg : 0);
	if (i->code != (BPF_JMP | BPF_CALL))
		return bpf_reads(i);
	p = i->src_reg ? NULL : find_proto((u32)i->imm);
	while (p && args < 5 && p->arg[args])
		args++;
	return p ? (1u << (args + 1)) - 2 : 0x3e;
}

/* Registers whose old values are gone behind it. */
u32 insn_writes(const struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];

	if (i->code == (BPF_JMP | BPF_CALL) || is_packet_load(i))
		return 0x3f;
	return bpf_uses(i) >> BPF_WRITES;
}

static void find_branches(struct verifier *v)
{
	bool any = false;

	for (u32 pc = 0; pc < v->n; pc++) {
		const struct bpf_insn *i = &v->insns[pc];

		if (!bpf_is_branch(i) || v->aux[pc].flags & I_SECOND)
			continue;
		any = true;
		if (bpf_is_may_goto(i)) {
			v->may_goto = true;
			v->aux[pc].flags |= I_PRUNE;
		}
		v->loops |= bpf_branch_target(i, pc) <= pc;
		v->pred_start[bpf_branch_target(i, pc) + 1]++;
		v->aux[bpf_branch_target(i, pc)].flags |= I_PRUNE;
	}
	if (!any)
		return;
	for (u32 pc = 0; pc < v->n; pc++)
		v->pred_start[pc + 1] += v->pred_start[pc];
	/* Each entry of `pred_start` is moved forward while its part is filled, then back again. */
	for (u32 pc = 0; pc < v->n; pc++)
		if (bpf_is_branch(&v->insns[pc]) && !(v->aux[pc].flags & I_SECOND))
			v->pred[v->pred_start[bpf_branch_target(&v->insns[pc], pc)]++] = pc;
	memmove(v->pred_start + 1, v->pred_start, v->n * sizeof(*v->pred_start));
	v->pred_start[0] = 0;
}

/* What a callee does its callers do. Who has a function's address may have it from another, so chains
 * may be longer than those of calls. */
static void pass_on(struct verifier *v)
{
	u32 more = 1;

	while (more) {
		more = 0;
		for (u32 k = v->n_calls; k--;) {	/* most callees are behind their callers */
			const struct vinsn *a = &v->aux[v->calls[k]];

			more |= v->funcs[a->callee].does & ~v->funcs[a->func].does;
			v->funcs[a->func].does |= v->funcs[a->callee].does;
		}
	}
}

static void find_calls(struct verifier *v)
{
	u32 k = 0;

	for (u32 pc = 0; pc < v->n; pc++) {
		const struct bpf_insn *i = &v->insns[pc];
		struct vfunc *f = &v->funcs[v->aux[pc].func];
		const struct proto *p;

		if (bpf_is_atomic(i))
			f->does |= ATOMICS;
		if (i->code != (BPF_JMP | BPF_CALL) && !bpf_is_wide(i))
			continue;
		if (leads_to_func(i)) {
			v->calls[k++] = pc;
			f->calls = true;
		} else if (i->code == (BPF_JMP | BPF_CALL) && !i->src_reg) {
			p = find_proto((u32)i->imm);
			f->tail_calls |= i->imm == BPF_TAIL_CALL;
			/* The program that a tail call goes to may do anything. */
			f->does |= i->imm == BPF_TAIL_CALL ? LEAVES | CHANGES_PACKET : 0;
			f->does |= p && p->flags & H_PACKET ? CHANGES_PACKET : 0;
			f->does |= p && p->flags & H_SLEEPS ? SLEEPS : 0;
			if (i->imm == BPF_FUNC_loop || i->imm == BPF_FUNC_for_each_map_elem)
				v->aux[pc].flags |= I_PRUNE | I_CALLBACK;
		}
	}
	pass_on(v);
}

static void reach(struct verifier *v, u32 pc, u8 *reached)
{
	if (reached[pc])
		return;
	reached[pc] = 1;
	v->work[v->n_work++] = pc;
}

/* From pc, which is marked, on to where a path ends or was before; its side ways are put aside. */
static void follow(struct verifier *v, u32 pc, u8 *reached)
{
	for (;;) {
		const struct bpf_insn *i = &v->insns[pc];
		u8 class = BPF_CLASS(i->code);

		if (class == BPF_JMP || class == BPF_JMP32 || class == BPF_LD) {
			if (bpf_is_branch(i))
				reach(v, (u32)bpf_branch_target(i, pc), reached);
			if (leads_to_func(i))
				reach(v, v->funcs[v->aux[pc].callee].start, reached);
			if (i->code == (BPF_JMP | BPF_EXIT) ||
			    (bpf_is_branch(i) && BPF_OP(i->code) == BPF_JA))
				return;
			pc += bpf_is_wide(i);
		}
		if (reached[++pc])
			return;
		reached[pc] = 1;
	}
}

static int check_reached(struct verifier *v, u8 *reached)
{
	reach(v, 0, reached);
	while (v->n_work)
		follow(v, v->work[--v->n_work], reached);
	for (u32 pc = 0; pc < v->n; pc++) {
		if (reached[pc] || v->aux[pc].flags & I_SECOND)
			continue;
		say(v, "unreachable insn %d\n", pc);
		return -EINVAL;
	}
	return 0;
}

int find_flow(struct verifier *v)
{
	const struct bpf_verify_ops *ops = v->in->ops;
	u8 *reached = ops->alloc(ops->ctx, v->n);
	int err;

	if (!reached)
		return -ENOMEM;
	memset(reached, 0, v->n);
	err = check_reached(v, reached);
	ops->free(ops->ctx, reached);
	if (err)
		return err;
	find_branches(v);
	find_calls(v);
	return 0;
}

static u32 own_depth(const struct vfunc *f) { return align_up(max(f->depth, 1u), 16u); }

/* One call's part in the chains that it lies on. False: nothing new. */
static bool extend_chains(struct vfunc *from, struct vfunc *to)
{
	u32 above = from->above + own_depth(from), below = own_depth(from) + to->below;
	u32 frames = to->frames + 1, frames_above = from->frames_above + 1;
	bool more = above > to->above || below > from->below || frames > from->frames ||
		    frames_above > to->frames_above;

	to->above = max(to->above, above);
	to->frames_above = max(to->frames_above, frames_above);
	from->below = max(from->below, below);
	from->frames = max(from->frames, frames);
	return more;
}

/* All calls, and callbacks whose callers wait: a timer's begins on a stack of its own. */
static bool extend_all(struct verifier *v)
{
	bool more = false;

	for (u32 k = 0; k < v->n_calls; k++) {
		const struct vinsn *a = &v->aux[v->calls[k]];

		if (bpf_is_local_call(&v->insns[v->calls[k]]))
			more |= extend_chains(&v->funcs[a->func], &v->funcs[a->callee]);
	}
	for (u32 to = 0; to < v->n_funcs; to++)
		for (u32 w = 0; w < ARRAY_SIZE(v->funcs[to].callers); w++)
			for (u64 left = v->funcs[to].callers[w]; left; left &= left - 1)
				more |= extend_chains(
					&v->funcs[64 * w + (u32)__builtin_ctzll(left)], &v->funcs[to]);
	return more;
}

/* Functions with may_goto have a counter on their stack, and room for a register. */
static void add_goto_slots(struct verifier *v)
{
	for (u32 pc = 0; v->may_goto && pc < v->n; pc++) {
		struct vfunc *f = &v->funcs[v->aux[pc].func];

		if (!bpf_is_may_goto(&v->insns[pc]) || !(v->aux[pc].flags & I_SEEN) || f->goto_at)
			continue;
		f->goto_at = max(align_up(f->depth, 8u), 8u);
		f->depth = f->goto_at + 16;
	}
}

/* Frames above a tail call stay on the stack while the other program runs, BPF_TAIL_CALLS times: of
 * the 16 KiB that a kernel stack has this leaves a third to all others. */
enum { MAX_ABOVE_TAIL = 320 };

/* A tail call from a function: what is above it stays. */
static bool tail_call_fits(const struct vfunc *f)
{
	return f->above < BPF_STACK / 2 && f->above + f->frames_above * BPF_FRAME_EXTRA <= MAX_ABOVE_TAIL;
}

/* The deepest chain of calls: how many frames, how many bytes. What has not settled when chains
 * are too long is recursion. */
int check_depth(struct verifier *v, u32 *depth)
{
	bool more = true;

	add_goto_slots(v);
	for (u32 f = 0; f < v->n_funcs; f++) {
		v->funcs[f].below = own_depth(&v->funcs[f]);
		v->funcs[f].frames = 1;
	}
	while (more) {
		more = extend_all(v);
		for (u32 f = 0; f < v->n_funcs; f++) {
			if (v->funcs[f].frames <= MAX_FRAMES)
				continue;
			say(v, "the call stack of %d frames is too deep !\n", v->funcs[f].frames);
			return -E2BIG;
		}
	}
	for (u32 k = 0; k < v->n_funcs; k++) {
		const struct vfunc *f = &v->funcs[k];

		if (f->below > BPF_STACK) {
			say(v, "combined stack size of %d calls is %d. Too large\n", f->frames,
			    f->below);
			return -EACCES;
		}
		if (f->tail_calls && !tail_call_fits(f)) {
			say(v, "tail_calls are not allowed when call stack of previous frames is "
			       "%d bytes in %d frames. Too large\n", f->above, f->frames_above);
			return -EACCES;
		}
	}
	*depth = v->funcs[0].below;
	return 0;
}
