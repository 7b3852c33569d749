/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic on sets. */
#include "range_internal.h"

/*
 * A sum's bit is known if both operands' bits and the carry into it are. Carries only grow with the
 * operands, so a carry is known if the least and the greatest operands give the same.
 */
static struct bpf_bits add_bits(u32 width, struct bpf_bits a, struct bpf_bits b, u64 carry)
{
	u64 low = a.value + b.value + carry, high = most(&a) + most(&b) + carry;
	u64 carries = (low ^ a.value ^ b.value) ^ (high ^ most(&a) ^ most(&b));
	u64 mask = (a.mask | b.mask | carries) & all_ones(width);

	return (struct bpf_bits){ low & ~mask & all_ones(width), mask };
}

/* a - b is a + ~b + 1. */
static struct bpf_bits sub_bits(u32 width, struct bpf_bits a, struct bpf_bits b)
{
	struct bpf_bits not = { ~most(&b) & all_ones(width), b.mask };

	return add_bits(width, a, not, 1);
}

/* By addition of one operand, shifted, for each bit that is or may be set in the other. */
static struct bpf_bits mul_bits(u32 width, struct bpf_bits a, struct bpf_bits b)
{
	struct bpf_bits sum = { 0, 0 };
	u64 all = all_ones(width);

	for (u32 k = 0; k < width && most(&a) >> k; k++) {
		if (a.value >> k & 1)
			sum = add_bits(width, sum,
				       (struct bpf_bits){b.value << k & all, b.mask << k & all}, 0);
		else if (a.mask >> k & 1)
			sum = add_bits(width, sum, (struct bpf_bits){ 0, most(&b) << k & all }, 0);
	}
	return sum;
}

static bool fits(u32 width, i64 v) { return v >= least(width) && v <= greatest(width); }

/* The least and the greatest of some sums or differences, and whether they left the numbers of 64
 * bits (signed) or those of the width (unsigned). */
struct ends {
	u64 low, high;
	i64 slow, shigh;
	bool low_wraps, high_wraps, overflow;
};

static struct bpf_range between(u32 width, struct bpf_bits bits, const struct ends *e)
{
	struct bpf_range r = bpf_range_unknown(width);

	r.bits = bits;
	if (e->low_wraps == e->high_wraps) {	/* none of the results wraps, or all do */
		r.umin = e->low & all_ones(width);
		r.umax = e->high & all_ones(width);
	}
	if (!e->overflow && fits(width, e->slow) && fits(width, e->shigh)) {
		r.smin = e->slow;
		r.smax = e->shigh;
	}
	return reduce(width, r);
}

static struct bpf_range add(u32 width, const struct bpf_range *a, const struct bpf_range *b)
{
	u64 all = all_ones(width);
	struct ends e;

	e.low_wraps = __builtin_add_overflow(a->umin, b->umin, &e.low) || e.low > all;
	e.high_wraps = __builtin_add_overflow(a->umax, b->umax, &e.high) || e.high > all;
	e.overflow = __builtin_add_overflow(a->smin, b->smin, &e.slow) |
		     __builtin_add_overflow(a->smax, b->smax, &e.shigh);
	return between(width, add_bits(width, a->bits, b->bits, 0), &e);
}

static struct bpf_range sub(u32 width, const struct bpf_range *a, const struct bpf_range *b)
{
	struct ends e;

	e.low_wraps = __builtin_sub_overflow(a->umin, b->umax, &e.low);
	e.high_wraps = __builtin_sub_overflow(a->umax, b->umin, &e.high);
	e.overflow = __builtin_sub_overflow(a->smin, b->smax, &e.slow) |
		     __builtin_sub_overflow(a->smax, b->smin, &e.shigh);
	return between(width, sub_bits(width, a->bits, b->bits), &e);
}

static struct bpf_range mul(u32 width, const struct bpf_range *a, const struct bpf_range *b)
{
	struct bpf_range r = bpf_range_unknown(width);
	const i64 x[] = { a->smin, a->smax }, y[] = { b->smin, b->smax };
	i64 low = greatest(64), high = least(64), v;
	bool whole = true;
	u64 top;

	r.bits = mul_bits(width, a->bits, b->bits);
	if (!__builtin_mul_overflow(a->umax, b->umax, &top) && top <= all_ones(width)) {
		r.umin = a->umin * b->umin;
		r.umax = top;
	}
	/* A product over two intervals is extreme at their ends. */
	for (int k = 0; k < 4; k++) {
		whole &= !__builtin_mul_overflow(x[k & 1], y[k >> 1], &v) && fits(width, v);
		low = min_s(low, v);
		high = max_s(high, v);
	}
	if (whole) {
		r.smin = low;
		r.smax = high;
	}
	return reduce(width, r);
}

static struct bpf_range logic(u32 width, u8 op, const struct bpf_range *a,
			      const struct bpf_range *b)
{
	struct bpf_range r = bpf_range_unknown(width);
	u64 ones, may;

	if (op == BPF_XOR) {
		r.bits.mask = a->bits.mask | b->bits.mask;
		r.bits.value = (a->bits.value ^ b->bits.value) & ~r.bits.mask;
		return reduce(width, r);
	}
	if (op == BPF_AND) {
		ones = a->bits.value & b->bits.value;
		may = most(&a->bits) & most(&b->bits);
		r.umax = min_u(a->umax, b->umax);
	} else {
		ones = a->bits.value | b->bits.value;
		may = most(&a->bits) | most(&b->bits);
		r.umin = max_u(a->umin, b->umin);
	}
	r.bits = (struct bpf_bits){ ones, may & ~ones };
	return reduce(width, r);
}

static struct bpf_range shift_left(u32 width, const struct bpf_range *a, u32 by)
{
	struct bpf_range r = bpf_range_unknown(width);
	u64 all = all_ones(width);

	r.bits.value = a->bits.value << by & all;
	r.bits.mask = a->bits.mask << by & all;
	if (a->umax <= all >> by) {	/* no bit is lost */
		r.umin = a->umin << by;
		r.umax = a->umax << by;
	}
	if (a->smin >= least(width) >> by && a->smax <= greatest(width) >> by) {
		r.smin = (i64)((u64)a->smin << by);
		r.smax = (i64)((u64)a->smax << by);
	}
	return reduce(width, r);
}

static struct bpf_range shift_right(u32 width, const struct bpf_range *a, u32 by)
{
	struct bpf_range r = bpf_range_unknown(width);

	r.bits.value = a->bits.value >> by;
	r.bits.mask = a->bits.mask >> by;
	r.umin = a->umin >> by;
	r.umax = a->umax >> by;
	return reduce(width, r);
}

static struct bpf_range shift_signed(u32 width, const struct bpf_range *a, u32 by)
{
	struct bpf_range r = bpf_range_unknown(width);

	r.bits.value = (u64)(as_signed(width, a->bits.value) >> by) & all_ones(width);
	r.bits.mask = (u64)(as_signed(width, a->bits.mask) >> by) & all_ones(width);
	r.smin = a->smin >> by;
	r.smax = a->smax >> by;
	return reduce(width, r);
}

/* All counts that b may have, one by one: at most 64. */
static struct bpf_range shift(u32 width, u8 op, const struct bpf_range *a,
			      const struct bpf_range *b)
{
	struct bpf_range all = no_value(width), count = *b;

	if (b->umax >= width) {	/* modulo the width: the low bits alone */
		struct bpf_range low = bpf_range_const(width, width - 1);

		count = logic(width, BPF_AND, b, &low);
	}
	for (u64 by = count.umin; by <= count.umax; by++) {
		struct bpf_range one;

		if (!bpf_range_has(width, &count, by))
			continue;
		if (op == BPF_LSH)
			one = shift_left(width, a, (u32)by);
		else if (op == BPF_RSH)
			one = shift_right(width, a, (u32)by);
		else
			one = shift_signed(width, a, (u32)by);
		all = bpf_range_either(width, all, one);
	}
	return all;
}

struct bpf_range bpf_range_op(u32 width, u8 op, bool is_signed, const struct bpf_range *a,
			      const struct bpf_range *b)
{
	struct bpf_range zero;

	if (bpf_range_empty(a) || bpf_range_empty(b))
		return no_value(width);
	/* With one operand of which nothing is known, these give every number. */
	if ((op == BPF_ADD || op == BPF_SUB || op == BPF_XOR) &&
	    (all_numbers(width, a) || all_numbers(width, b)))
		return bpf_range_unknown(width);
	switch (op) {
	case BPF_ADD:
		return add(width, a, b);
	case BPF_SUB:
		return sub(width, a, b);
	case BPF_NEG:
		zero = bpf_range_const(width, 0);
		return sub(width, &zero, a);
	case BPF_MUL:
		return mul(width, a, b);
	case BPF_DIV:
	case BPF_MOD:
		return range_divide(width, is_signed, op == BPF_MOD, a, b);
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return logic(width, op, a, b);
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		return shift(width, op, a, b);
	case BPF_MOV:
		return *b;
	default:
		return bpf_range_unknown(width);
	}
}
