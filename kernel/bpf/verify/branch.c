/* SPDX-License-Identifier: BSD-2-Clause */
/* What a comparison's outcome says of its operands. */
#include "range_internal.h"

/* The comparison that holds when the given one does not. */
static u8 opposite(u8 op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JNE:
		return BPF_JEQ;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JGE:
		return BPF_JLT;
	case BPF_JLT:
		return BPF_JGE;
	case BPF_JLE:
		return BPF_JGT;
	case BPF_JSGT:
		return BPF_JSLE;
	case BPF_JSGE:
		return BPF_JSLT;
	case BPF_JSLT:
		return BPF_JSGE;
	default:
		return BPF_JSGT;
	}
}

/* a <= b, or a < b. */
static void less_unsigned(u32 width, bool strictly, struct bpf_range *a, struct bpf_range *b)
{
	struct bpf_range x = bpf_range_unknown(width), y = x;

	if (strictly && (!b->umax || a->umin == all_ones(width))) {
		*a = *b = no_value(width);
		return;
	}
	x.umax = b->umax - strictly;
	y.umin = a->umin + strictly;
	*a = bpf_range_both(width, *a, x);
	*b = bpf_range_both(width, *b, y);
}

static void less_signed(u32 width, bool strictly, struct bpf_range *a, struct bpf_range *b)
{
	struct bpf_range x = bpf_range_unknown(width), y = x;

	if (strictly && (b->smax == least(width) || a->smin == greatest(width))) {
		*a = *b = no_value(width);
		return;
	}
	x.smax = b->smax - strictly;
	y.smin = a->smin + strictly;
	*a = bpf_range_both(width, *a, x);
	*b = bpf_range_both(width, *b, y);
}

/* a is not the constant c: an end of an interval that is c moves inwards. */
static struct bpf_range without(u32 width, struct bpf_range a, u64 c)
{
	i64 s = as_signed(width, c);

	if (bpf_range_is_const(&a))
		return a.umin == c ? no_value(width) : a;
	if (a.umin == c)
		a.umin++;
	else if (a.umax == c)
		a.umax--;
	if (a.smin == s)
		a.smin++;
	else if (a.smax == s)
		a.smax--;
	return a.smin > a.smax ? no_value(width) : reduce(width, a);
}

/* a & b is not 0 (set), or is 0. */
static void bits_set(u32 width, bool set, struct bpf_range *a, const struct bpf_range *b)
{
	struct bpf_range known = bpf_range_unknown(width);
	u64 may = most(&a->bits) & most(&b->bits);

	if (!set) {	/* what b surely has, a has not */
		known.bits.mask &= ~b->bits.value;
		*a = bpf_range_both(width, *a, known);
	} else if (!may) {
		*a = no_value(width);
	} else if (!(may & (may - 1))) {	/* the only bit that they can share */
		known.bits.mask &= ~may;
		known.bits.value = may;
		*a = bpf_range_both(width, *a, known);
	}
}

bool bpf_range_branch(u32 width, u8 op, bool taken, struct bpf_range *a, struct bpf_range *b)
{
	if (!taken && op != BPF_JSET)
		op = opposite(op);
	switch (op) {
	case BPF_JEQ:
		*a = *b = bpf_range_both(width, *a, *b);
		break;
	case BPF_JNE:
		if (bpf_range_is_const(b))
			*a = without(width, *a, b->umin);
		else if (bpf_range_is_const(a))
			*b = without(width, *b, a->umin);
		break;
	case BPF_JSET:
		bits_set(width, taken, a, b);
		if (!bpf_range_empty(a))
			bits_set(width, taken, b, a);
		break;
	case BPF_JLT:
	case BPF_JLE:
		less_unsigned(width, op == BPF_JLT, a, b);
		break;
	case BPF_JGT:
	case BPF_JGE:
		less_unsigned(width, op == BPF_JGT, b, a);
		break;
	case BPF_JSLT:
	case BPF_JSLE:
		less_signed(width, op == BPF_JSLT, a, b);
		break;
	default:
		less_signed(width, op == BPF_JSGT, b, a);
		break;
	}
	return !bpf_range_empty(a) && !bpf_range_empty(b);
}
