/* SPDX-License-Identifier: BSD-2-Clause */
/* A register: what is known of all of it and of its low half, kept in step. */
#include <bpf/interp.h>
#include "range_internal.h"

/* Each half tells the other what it knows. */
static struct bpf_scalar settle(struct bpf_scalar s)
{
	struct bpf_range up = bpf_range_unknown(64), low;
	u64 high = ~(u64)~0u;

	if (bpf_range_empty(&s.wide))
		return (struct bpf_scalar){ no_value(64), no_value(32) };
	low = low_bits(32, &s.wide);
	if (!bpf_range_covers(&low, &s.low))
		s.low = bpf_range_both(32, s.low, low);
	if (bpf_range_empty(&s.low))
		return (struct bpf_scalar){ no_value(64), no_value(32) };
	up.bits.value = s.low.bits.value;
	up.bits.mask = s.low.bits.mask | high;
	up.umin = (s.wide.umin & high) | s.low.umin;	/* no half is less than its least */
	up.umax = (s.wide.umax & high) | s.low.umax;
	if (!bpf_range_covers(&up, &s.wide))
		s.wide = bpf_range_both(64, s.wide, up);
	return s;
}

struct bpf_scalar bpf_scalar_unknown(void)
{
	return (struct bpf_scalar){ bpf_range_unknown(64), bpf_range_unknown(32) };
}

struct bpf_scalar bpf_scalar_const(u64 v)
{
	return (struct bpf_scalar){ bpf_range_const(64, v), bpf_range_const(32, v) };
}

bool bpf_scalar_has(const struct bpf_scalar *s, u64 v)
{
	return bpf_range_has(64, &s->wide, v) && bpf_range_has(32, &s->low, (u32)v);
}

/* A number below 2^32 has the same bits and bounds in both widths, and none is negative in 64. */
static struct bpf_scalar zero_extended(struct bpf_range low)
{
	struct bpf_range wide = low;

	if (bpf_range_empty(&low))
		return (struct bpf_scalar){ no_value(64), no_value(32) };
	wide.smin = (i64)low.umin;
	wide.smax = (i64)low.umax;
	return (struct bpf_scalar){ wide, low };
}

struct bpf_scalar bpf_scalar_sized(u32 size)
{
	struct bpf_scalar s = bpf_scalar_unknown();
	u64 most = all_ones(8 * size);

	if (size >= 8)
		return s;
	s.wide = (struct bpf_range){ .bits = { 0, most }, .umax = most, .smax = (i64)most };
	if (size < 4)
		s.low = s.wide;
	return s;
}

static struct bpf_scalar byte_order(const struct bpf_insn *i, const struct bpf_scalar *dst)
{
	bool swap = BPF_CLASS(i->code) == BPF_ALU64 || BPF_SRC(i->code) == BPF_X;
	u32 width = (u32)i->imm;
	struct bpf_range r = width == 64 ? dst->wide : bpf_range_truncate(32, width, &dst->low);
	struct bpf_scalar s = bpf_scalar_unknown();

	if (swap)
		r = bpf_range_swap(width, &r);
	s.wide = bpf_range_zero_extend(width, 64, &r);
	return settle(s);
}

/* Does the result's low half follow from the operands' low halves? */
static bool low_by_low(u8 op)
{
	return op == BPF_ADD || op == BPF_SUB || op == BPF_MUL || op == BPF_AND || op == BPF_OR ||
	       op == BPF_XOR || op == BPF_NEG || op == BPF_MOV;
}

struct bpf_scalar bpf_scalar_alu(const struct bpf_insn *i, const struct bpf_scalar *dst,
				 const struct bpf_scalar *src)
{
	u8 op = BPF_OP(i->code);
	bool wide = BPF_CLASS(i->code) == BPF_ALU64, is_signed = i->off == 1;
	struct bpf_scalar s;

	if (bpf_range_is_const(&dst->wide) && bpf_range_is_const(&src->wide))
		return bpf_scalar_const(bpf_alu(i, dst->wide.umin, src->wide.umin));
	if (op == BPF_END)
		return byte_order(i, dst);
	if (op == BPF_MOV && i->off) {
		s.low = bpf_range_unknown(32);
		if (!wide)
			return zero_extended(bpf_range_sign_extend(32, (u32)i->off, &src->low));
		/* The low half may know more of the bits that stay. */
		s.wide = bpf_range_truncate(32, (u32)i->off, &src->low);
		s.wide = bpf_range_zero_extend((u32)i->off, 64, &s.wide);
		s.wide = bpf_range_sign_extend(64, (u32)i->off, &s.wide);
		return settle(s);
	}
	if (!wide)
		return zero_extended(bpf_range_op(32, op, is_signed, &dst->low, &src->low));
	s.wide = bpf_range_op(64, op, is_signed, &dst->wide, &src->wide);
	if (!((s.wide.umax | dst->wide.umax | src->wide.umax) >> 32))	/* nothing above */
		return (struct bpf_scalar){ s.wide, bpf_range_truncate(64, 32, &s.wide) };
	s.low = low_by_low(op) ? bpf_range_op(32, op, is_signed, &dst->low, &src->low)
			       : bpf_range_unknown(32);
	return settle(s);
}

bool bpf_scalar_branch(const struct bpf_insn *i, bool taken, struct bpf_scalar *dst,
		       struct bpf_scalar *src)
{
	bool may, constant = bpf_range_is_const(&src->wide);

	if (BPF_CLASS(i->code) == BPF_JMP)
		may = bpf_range_branch(64, BPF_OP(i->code), taken, &dst->wide, &src->wide);
	else
		may = bpf_range_branch(32, BPF_OP(i->code), taken, &dst->low, &src->low);
	if (!may)
		return false;
	*dst = settle(*dst);
	if (!constant)
		*src = settle(*src);
	return !bpf_range_empty(&dst->wide) && !bpf_range_empty(&src->wide);
}
