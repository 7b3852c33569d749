/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of numbers: making, comparing, combining, changing their width. */
#include "range_internal.h"

struct bpf_range no_value(u32 width)
{
	return (struct bpf_range){ .bits = { 0, all_ones(width) }, .umin = 1, .umax = 0,
				   .smin = 1, .smax = 0 };
}

static void by_bits(u32 width, struct bpf_range *r)
{
	u64 sign = sign_bit(width);

	r->umin = max_u(r->umin, r->bits.value);
	r->umax = min_u(r->umax, most(&r->bits));
	/* The least has every unknown bit 0 but the sign, the greatest the other way round. */
	r->smin = max_s(r->smin, as_signed(width, r->bits.value | (r->bits.mask & sign)));
	r->smax = min_s(r->smax, as_signed(width, r->bits.value | (r->bits.mask & ~sign)));
}

/*
 * Seen from the other kind of number, an interval is one interval, or, if it crosses the point
 * where the other wraps, two at the ends of everything. In the second case a bound that lies in the
 * gap between the two moves to its far side.
 */
static void signed_by_unsigned(u32 width, struct bpf_range *r)
{
	i64 low = as_signed(width, r->umin), high = as_signed(width, r->umax);

	if (low <= high) {
		r->smin = max_s(r->smin, low);
		r->smax = min_s(r->smax, high);
		return;
	}
	if (r->smin > high)
		r->smin = max_s(r->smin, low);
	if (r->smax < low)
		r->smax = min_s(r->smax, high);
}

static void unsigned_by_signed(u32 width, struct bpf_range *r)
{
	u64 low = (u64)r->smin & all_ones(width), high = (u64)r->smax & all_ones(width);

	if (low <= high) {
		r->umin = max_u(r->umin, low);
		r->umax = min_u(r->umax, high);
		return;
	}
	if (r->umin > high)
		r->umin = max_u(r->umin, low);
	if (r->umax < low)
		r->umax = min_u(r->umax, high);
}

/* What all of an interval have in common: the bits above the highest in which its ends differ.
 * False if they contradict what is known. */
static bool bits_by_unsigned(struct bpf_range *r)
{
	u64 differ = r->umin ^ r->umax, loose = differ ? ~0ull >> __builtin_clzll(differ) : 0;
	u64 known = ~loose & ~r->bits.mask;

	if ((r->umin ^ r->bits.value) & known)
		return false;
	r->bits.value |= r->umin & ~loose;
	r->bits.mask &= loose;
	return true;
}

/* A single value, or none. */
static struct bpf_range reduce_const(u32 width, const struct bpf_range *r)
{
	return bpf_range_has(width, r, r->umin) ? bpf_range_const(width, r->umin) : no_value(width);
}

struct bpf_range reduce(u32 width, struct bpf_range r)
{
	if (r.umin == r.umax)
		return reduce_const(width, &r);
	if (all_numbers(width, &r))
		return r;
	for (int round = 0; round < 3; round++) {
		struct bpf_range before = r;

		by_bits(width, &r);
		signed_by_unsigned(width, &r);
		unsigned_by_signed(width, &r);
		if (r.umin > r.umax || r.smin > r.smax || !bits_by_unsigned(&r))
			return no_value(width);
		if (before.umin == r.umin && before.umax == r.umax && before.smin == r.smin &&
		    before.smax == r.smax && before.bits.mask == r.bits.mask)
			break;
	}
	return r;
}

struct bpf_range bpf_range_unknown(u32 width)
{
	return (struct bpf_range){ .bits = { 0, all_ones(width) }, .umax = all_ones(width),
				   .smin = least(width), .smax = greatest(width) };
}

struct bpf_range bpf_range_const(u32 width, u64 v)
{
	v &= all_ones(width);
	return (struct bpf_range){ .bits = { v, 0 }, .umin = v, .umax = v,
				   .smin = as_signed(width, v), .smax = as_signed(width, v) };
}

struct bpf_range bpf_range_unsigned(u32 width, u64 min, u64 max)
{
	struct bpf_range r = bpf_range_unknown(width);

	r.umin = min;
	r.umax = max;
	return min > max ? no_value(width) : reduce(width, r);
}

struct bpf_range bpf_range_signed(u32 width, i64 min, i64 max)
{
	struct bpf_range r = bpf_range_unknown(width);

	r.smin = min;
	r.smax = max;
	return min > max ? no_value(width) : reduce(width, r);
}

struct bpf_range bpf_range_bits(u32 width, struct bpf_bits bits)
{
	struct bpf_range r = bpf_range_unknown(width);

	r.bits = bits;
	return reduce(width, r);
}

bool bpf_range_has(u32 width, const struct bpf_range *r, u64 v)
{
	i64 s = as_signed(width, v);

	return !((v ^ r->bits.value) & ~r->bits.mask) && v >= r->umin && v <= r->umax &&
	       s >= r->smin && s <= r->smax;
}

bool bpf_range_covers(const struct bpf_range *a, const struct bpf_range *b)
{
	if (bpf_range_empty(b))
		return true;
	return a->umin <= b->umin && a->umax >= b->umax && a->smin <= b->smin &&
	       a->smax >= b->smax && !(b->bits.mask & ~a->bits.mask) &&
	       !((a->bits.value ^ b->bits.value) & ~a->bits.mask);
}

struct bpf_range bpf_range_both(u32 width, struct bpf_range a, struct bpf_range b)
{
	if (bpf_range_empty(&a) || bpf_range_empty(&b) ||
	    (a.bits.value ^ b.bits.value) & ~(a.bits.mask | b.bits.mask))
		return no_value(width);
	a.bits.value |= b.bits.value;
	a.bits.mask &= b.bits.mask;
	a.umin = max_u(a.umin, b.umin);
	a.umax = min_u(a.umax, b.umax);
	a.smin = max_s(a.smin, b.smin);
	a.smax = min_s(a.smax, b.smax);
	return bpf_range_empty(&a) || a.smin > a.smax ? no_value(width) : reduce(width, a);
}

struct bpf_range bpf_range_either(u32 width, struct bpf_range a, struct bpf_range b)
{
	if (bpf_range_empty(&a))
		return b;
	if (bpf_range_empty(&b))
		return a;
	a.bits.mask |= b.bits.mask | (a.bits.value ^ b.bits.value);
	a.bits.value &= ~a.bits.mask;
	a.umin = min_u(a.umin, b.umin);
	a.umax = max_u(a.umax, b.umax);
	a.smin = min_s(a.smin, b.smin);
	a.smax = max_s(a.smax, b.smax);
	return reduce(width, a);
}

/* What each description by itself says of the low bits; a is not empty. */
struct bpf_range low_bits(u32 to, const struct bpf_range *a)
{
	struct bpf_range r = bpf_range_unknown(to);

	r.bits.value = a->bits.value & all_ones(to);
	r.bits.mask = a->bits.mask & all_ones(to);
	/* Intervals shorter than the new width stay intervals, of one kind or the other. */
	if (a->umin >> to == a->umax >> to) {
		r.umin = a->umin & all_ones(to);
		r.umax = a->umax & all_ones(to);
	}
	if (a->smin >= least(to) && a->smax <= greatest(to)) {
		r.smin = a->smin;
		r.smax = a->smax;
	}
	return r;
}

struct bpf_range bpf_range_truncate(u32 width, u32 to, const struct bpf_range *a)
{
	if (bpf_range_empty(a))
		return no_value(to);
	return to == width ? *a : reduce(to, low_bits(to, a));
}

struct bpf_range bpf_range_zero_extend(u32 from, u32 width, const struct bpf_range *a)
{
	struct bpf_range r = bpf_range_unknown(width);

	if (bpf_range_empty(a))
		return no_value(width);
	if (from == width)
		return *a;
	r.bits = a->bits;
	r.umin = a->umin;
	r.umax = a->umax;
	return reduce(width, r);
}

struct bpf_range bpf_range_sign_extend(u32 width, u32 to, const struct bpf_range *a)
{
	struct bpf_range low = bpf_range_truncate(width, to, a), r = bpf_range_unknown(width);
	u64 high = all_ones(width) & ~all_ones(to);

	if (bpf_range_empty(&low))
		return no_value(width);
	r.smin = low.smin;
	r.smax = low.smax;
	r.bits = low.bits;
	if (low.bits.mask & sign_bit(to))
		r.bits.mask |= high;
	else if (low.bits.value & sign_bit(to))
		r.bits.value |= high;
	return reduce(width, r);
}

static u64 swap(u32 width, u64 v) { return __builtin_bswap64(v) >> (64 - width); }

struct bpf_range bpf_range_swap(u32 width, const struct bpf_range *a)
{
	if (bpf_range_empty(a))
		return no_value(width);
	return bpf_range_bits(width, (struct bpf_bits){ swap(width, a->bits.value),
							swap(width, a->bits.mask) });
}
