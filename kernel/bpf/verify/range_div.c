/* SPDX-License-Identifier: BSD-2-Clause */
/* Division and remainder on sets. By 0 a division gives 0 and a remainder the dividend; those are
 * added to what the other divisors give. */
#include "range_internal.h"

static u64 divide_numbers(u32 width, bool is_signed, bool remainder, u64 a, u64 b)
{
	i64 x = as_signed(width, a), y = as_signed(width, b);

	if (!b)
		return remainder ? a : 0;
	if (!is_signed)
		return remainder ? a % b : a / b;
	if (y == -1)
		return remainder ? 0 : 0 - a;
	return (u64)(remainder ? x % y : x / y);
}

static struct bpf_range divide_unsigned(u32 width, const struct bpf_range *a, u64 low, u64 high)
{
	return bpf_range_unsigned(width, a->umin / high, a->umax / low);
}

/* Divisors of one sign, [low, high] without 0: a quotient is extreme at the ends. The least number
 * by -1 is the only one that does not fit; it is itself. */
static struct bpf_range divide_signed(u32 width, const struct bpf_range *a, i64 low, i64 high)
{
	const i64 x[] = { a->smin, a->smax }, y[] = { low, high };
	i64 min = greatest(64), max = least(64);

	if (a->smin == least(width) && high == -1)
		return bpf_range_unknown(width);
	for (int k = 0; k < 4; k++) {
		i64 v = x[k & 1] / y[k >> 1];

		min = min_s(min, v);
		max = max_s(max, v);
	}
	return bpf_range_signed(width, min, max);
}

static struct bpf_range remain_unsigned(u32 width, const struct bpf_range *a, u64 low, u64 high)
{
	if (a->umax < low)
		return *a;
	if (low == high && !(low & (low - 1))) {	/* a power of two: the low bits */
		struct bpf_range mask = bpf_range_const(width, low - 1);

		return bpf_range_op(width, BPF_AND, false, a, &mask);
	}
	return bpf_range_unsigned(width, 0, min_u(a->umax, high - 1));
}

/* Smaller than the largest divisor, no larger than the dividend, with the dividend's sign. */
static struct bpf_range remain_signed(u32 width, const struct bpf_range *a, i64 low, i64 high)
{
	/* Less than both ends' size: kept negative, as the least number has no opposite. */
	i64 below = min_s(low > 0 ? -low : low, high > 0 ? -high : high) + 1;

	return bpf_range_signed(width, a->smin < 0 ? max_s(a->smin, below) : 0,
				a->smax > 0 ? min_s(a->smax, -below) : 0);
}

struct bpf_range range_divide(u32 width, bool is_signed, bool remainder, const struct bpf_range *a,
			      const struct bpf_range *b)
{
	struct bpf_range r = no_value(width), part;

	if (bpf_range_is_const(a) && bpf_range_is_const(b))
		return bpf_range_const(
			width, divide_numbers(width, is_signed, remainder, a->umin, b->umin));
	if (bpf_range_has(width, b, 0))
		r = remainder ? *a : bpf_range_const(width, 0);
	if (!is_signed) {
		if (b->umax) {
			u64 low = max_u(b->umin, 1);

			part = remainder ? remain_unsigned(width, a, low, b->umax) :
					   divide_unsigned(width, a, low, b->umax);
			r = bpf_range_either(width, r, part);
		}
		return r;
	}
	if (b->smax > 0) {
		i64 low = max_s(b->smin, 1);

		part = remainder ? remain_signed(width, a, low, b->smax) :
				   divide_signed(width, a, low, b->smax);
		r = bpf_range_either(width, r, part);
	}
	if (b->smin < 0) {
		i64 high = min_s(b->smax, -1);

		part = remainder ? remain_signed(width, a, b->smin, high) :
				   divide_signed(width, a, b->smin, high);
		r = bpf_range_either(width, r, part);
	}
	return r;
}
