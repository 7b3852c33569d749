/* SPDX-License-Identifier: BSD-2-Clause */
/* Small arithmetic on values of a width. */
#ifndef RANGE_INTERNAL_H
#define RANGE_INTERNAL_H
#include <bpf/range.h>

static inline u64 all_ones(u32 width) { return ~0ull >> (64 - width); }
static inline u64 sign_bit(u32 width) { return 1ull << (width - 1); }
static inline i64 least(u32 width) { return -(i64)(sign_bit(width) - 1) - 1; }
static inline i64 greatest(u32 width) { return (i64)(sign_bit(width) - 1); }
/* The value as a signed number. */
static inline i64 as_signed(u32 width, u64 v) { return (i64)(v << (64 - width)) >> (64 - width); }
static inline u64 most(const struct bpf_bits *b) { return b->value | b->mask; }
static inline u64 min_u(u64 a, u64 b) { return a < b ? a : b; }
static inline u64 max_u(u64 a, u64 b) { return a > b ? a : b; }
static inline i64 min_s(i64 a, i64 b) { return a < b ? a : b; }
static inline i64 max_s(i64 a, i64 b) { return a > b ? a : b; }

static inline bool all_numbers(u32 width, const struct bpf_range *r)
{
	return r->bits.mask == all_ones(width) && !r->umin && r->umax == all_ones(width) &&
	       r->smin == least(width) && r->smax == greatest(width);
}

/* Lets the three descriptions tell each other what they know. */
struct bpf_range reduce(u32 width, struct bpf_range r);
struct bpf_range no_value(u32 width);
/* The low `to` bits of what is not empty, not reduced. */
struct bpf_range low_bits(u32 to, const struct bpf_range *a);
/* Division and remainder (range_div.c). */
struct bpf_range range_divide(u32 width, bool is_signed, bool remainder, const struct bpf_range *a,
			      const struct bpf_range *b);
#endif
