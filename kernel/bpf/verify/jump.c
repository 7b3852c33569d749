/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditional branches: which ways are possible, and what is known on each. With both possible, a
 * copy of the state takes the jump later; the current one goes on behind the branch.
 */
#include "verify_internal.h"

struct sides {
	struct vreg dst, src;	/* as they are on that way */
	bool possible;
};

/* The register whose copies are to be updated, and where there are some. */
struct copies {
	u32 id;
	const struct vreg *value;
	u32 regs;
	u64 slots;
};

static void update_copies(struct vframe *f, struct copies *c)
{
	for (u32 r = 0; r < BPF_FP; r++) {
		if (f->r[r].type != V_SCALAR || f->r[r].id != c->id)
			continue;
		f->r[r].n = c->value->n;
		c->regs |= 1u << r;
	}
	for (u32 s = 0; s < f->n_slots; s++) {
		if (f->slots[s].kind[0] != S_SPILL || f->slots[s].reg.type != V_SCALAR ||
		    f->slots[s].reg.id != c->id)
			continue;
		f->slots[s].reg.n = c->value->n;
		c->slots |= BIT(s);
	}
}

/* Puts what is known of a register into a state, into all copies of it in its frame. */
static void refine(struct verifier *v, struct vstate *s, u32 r, const struct vreg *value, u32 pc)
{
	struct copies c = { .id = value->id, .value = value };

	s->frame[s->top]->r[r] = *value;
	if (value->type != V_SCALAR || !value->id)
		return;
	update_copies(s->frame[s->top], &c);
	if (c.slots || c.regs & (c.regs - 1))
		link_at(v, pc, c.regs, c.slots);
}

/* --- pointers and NULL --- */
struct null_check {
	u32 id;
	bool null;
};

static void settle_null(struct verifier *v, struct vreg *r, void *arg)
{
	const struct null_check *c = arg;

	if (!r->maybe_null || r->id != c->id)
		return;
	if (c->null) {
		set_const(r, 0);
		return;
	}
	r->maybe_null = false;
	if (!(r->type == V_VALUE && r->map->spin_lock >= 0))
		r->id = 0;
}

/* In state s, the pointer of that identity is NULL, or is not. */
static void known_null(struct verifier *v, struct vstate *s, const struct vreg *ptr, bool null)
{
	struct null_check c = { ptr->id, null };
	struct vstate *cur = v->cur;
	u32 ref = ptr->ref;

	v->cur = s;
	each_reg(v, settle_null, &c);
	if (null && ref)	/* nothing was taken */
		release_ref(v, ref);
	v->cur = cur;
}

/* --- packets --- */
struct packet_check {
	struct vreg ptr;
	u16 range;
};

static void settle_range(struct verifier *v, struct vreg *r, void *arg)
{
	const struct packet_check *c = arg;

	if (r->type == c->ptr.type && r->id == c->ptr.id)
		r->range = max(r->range, c->range);
}

/* ptr + more <= end in state s (more is 0 or 1). */
static void known_range(struct verifier *v, struct vstate *s, const struct vreg *ptr, u32 more)
{
	struct packet_check c = { .ptr = *ptr };
	struct vstate *cur = v->cur;
	i64 range = (i64)ptr->off + more;

	/* With a large variable part the sum might have wrapped. */
	if (range < 0 || range > 0xffff || ptr->n.wide.umax > 0xffff ||
	    ptr->n.wide.umax + (u64)range > 0xffff)
		return;
	c.range = (u16)range;
	v->cur = s;
	each_reg(v, settle_range, &c);
	v->cur = cur;
}

static bool is_limit(const struct vreg *ptr, const struct vreg *end)
{
	if (ptr->type == V_PACKET && end->type == V_PACKET_END)
		return true;
	return ptr->type == V_META && end->type == V_PACKET && !end->off && !end->id &&
	       bpf_range_is_const(&end->n.wide) && !end->n.wide.umin;
}

/* Comparisons of a packet pointer with its limit: in which state ptr + more <= end holds. */
static void compare_packet(struct verifier *v, u8 op, const struct vreg *dst,
			   const struct vreg *src, struct vstate *taken, struct vstate *fall)
{
	struct vreg a = *dst, b = *src;	/* the states change beneath */
	bool limit_left = is_limit(&b, &a);

	if (!limit_left && !is_limit(&a, &b))
		return;
	if (limit_left) {	/* end OP ptr is ptr OP' end */
		static const u8 turned[16] = { [BPF_JGT >> 4] = BPF_JLT, [BPF_JLT >> 4] = BPF_JGT,
					       [BPF_JGE >> 4] = BPF_JLE, [BPF_JLE >> 4] = BPF_JGE };

		op = turned[op >> 4];
		a = b;
	}
	switch (op) {
	case BPF_JGT:
		known_range(v, fall, &a, 0);
		break;
	case BPF_JGE:
		known_range(v, fall, &a, 1);
		break;
	case BPF_JLT:
		known_range(v, taken, &a, 1);
		break;
	case BPF_JLE:
		known_range(v, taken, &a, 0);
		break;
	default:
		break;
	}
}

/* --- both --- */
static int only(struct verifier *v, u32 to)
{
	v->aux[v->cur->pc].flags |= to == v->cur->pc + 1 ? I_FALLS : I_JUMPS;
	v->cur->pc = to;
	return 0;
}

/* A copy of the state takes the jump; NULL: *err. */
static struct vstate *both(struct verifier *v, const struct bpf_insn *i, int *err)
{
	u32 pc = v->cur->pc;

	v->aux[pc].flags |= I_FALLS | I_JUMPS;
	return put_aside(v, (u32)bpf_branch_target(i, pc), pc, err);
}

static int compare_pointers(struct verifier *v, const struct bpf_insn *i, const struct vreg *src)
{
	const struct vreg *dst = reg(v, i->dst_reg), *ptr = is_pointer(dst) ? dst : src;
	struct vreg was = *ptr;
	u8 op = BPF_OP(i->code);
	bool wide = BPF_CLASS(i->code) == BPF_JMP, against_null, packets;
	struct vstate *taken;
	int err;

	against_null = wide && (op == BPF_JEQ || op == BPF_JNE) && (is_null(src) || is_null(dst));
	packets = wide && (is_limit(dst, src) || is_limit(src, dst));
	if (against_null && BPF_SRC(i->code) == BPF_X)
		want_scalar(v, is_pointer(dst) ? i->src_reg : i->dst_reg);
	if (against_null && !was.maybe_null && bpf_range_is_const(&was.n.wide) &&
	    was.type != V_PACKET_END && was.type != V_BTF)
		return only(v, op == BPF_JNE ? (u32)bpf_branch_target(i, v->cur->pc)
					     : v->cur->pc + 1);
	if (hides(v) && !against_null && !packets) {
		say(v, "R%d pointer comparison prohibited\n",
		    is_pointer(dst) ? i->dst_reg : i->src_reg);
		return -EACCES;
	}
	taken = both(v, i, &err);
	if (!taken)
		return err;
	if (against_null && was.maybe_null) {
		known_null(v, taken, &was, op == BPF_JEQ);
		known_null(v, v->cur, &was, op == BPF_JNE);
	} else if (packets) {
		compare_packet(v, op, dst, src, taken, v->cur);
	}
	v->cur->pc++;
	return 0;
}

/* What is known on one way. */
static void narrow(const struct bpf_insn *i, bool taken, struct sides *s)
{
	s->possible = bpf_scalar_branch(i, taken, &s->dst.n, &s->src.n);
}

/* A register with itself. */
static bool same_reg_holds(u8 op)
{
	return op == BPF_JEQ || op == BPF_JGE || op == BPF_JLE || op == BPF_JSGE || op == BPF_JSLE;
}

static int compare_numbers(struct verifier *v, const struct bpf_insn *i, const struct vreg *src)
{
	const struct vreg *dst = reg(v, i->dst_reg);
	struct sides yes = { *dst, *src, true }, no = yes;
	bool by_reg = BPF_SRC(i->code) == BPF_X, self = by_reg && i->src_reg == i->dst_reg;
	u32 pc = v->cur->pc, to = (u32)bpf_branch_target(i, pc);
	struct vstate *taken;
	int err;

	if (self && BPF_OP(i->code) != BPF_JSET)
		return only(v, same_reg_holds(BPF_OP(i->code)) ? to : pc + 1);
	if (!self) {
		narrow(i, true, &yes);
		narrow(i, false, &no);
	}
	if (!yes.possible || !no.possible) {
		want_scalar(v, i->dst_reg);
		if (by_reg)
			want_scalar(v, i->src_reg);
	}
	if (!yes.possible && !no.possible)	/* nobody comes here with such numbers */
		return PATH_ENDS;
	if (yes.possible && no.possible && to != pc + 1) {
		taken = both(v, i, &err);
		if (!taken)
			return err;
		if (!self) {
			refine(v, taken, i->dst_reg, &yes.dst, pc);
			if (by_reg)
				refine(v, taken, i->src_reg, &yes.src, pc);
			refine(v, v->cur, i->dst_reg, &no.dst, pc);
			if (by_reg)
				refine(v, v->cur, i->src_reg, &no.src, pc);
		}
		v->cur->pc++;
		return 0;
	}
	if (yes.possible && no.possible)	/* both lead to the same */
		return only(v, to);
	refine(v, v->cur, i->dst_reg, yes.possible ? &yes.dst : &no.dst, pc);
	if (by_reg)
		refine(v, v->cur, i->src_reg, yes.possible ? &yes.src : &no.src, pc);
	return only(v, yes.possible ? to : pc + 1);
}

int do_branch(struct verifier *v, const struct bpf_insn *i)
{
	struct vreg imm, *src = &imm;
	int err;

	v->jumps_since++;
	if (BPF_OP(i->code) == BPF_JA) {
		v->cur->pc = (u32)bpf_branch_target(i, v->cur->pc);
		return 0;
	}
	if (bpf_is_may_goto(i)) {
		if (!both(v, i, &err))
			return err;
		top(v)->rounds++;
		v->cur->pc++;
		return 0;
	}
	err = need_reg(v, i->dst_reg);
	if (!err && BPF_SRC(i->code) == BPF_X)
		err = need_reg(v, i->src_reg);
	if (err)
		return err;
	if (BPF_SRC(i->code) == BPF_X)
		src = reg(v, i->src_reg);
	else
		set_const(&imm, (u64)(i64)i->imm);
	if (is_pointer(src) || is_pointer(reg(v, i->dst_reg)))
		return compare_pointers(v, i, src);
	return compare_numbers(v, i, src);
}
