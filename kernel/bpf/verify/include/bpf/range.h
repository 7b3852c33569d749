/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier knows of a number: a set of values of some width (1..64 bits), described three
 * ways at once: which bits are known, an unsigned interval, a signed interval. A value is in the
 * set if it is in all three. Every function here is pure and sound: the set that it gives contains
 * the result for all values of its operands' sets. The width is a parameter, so that what is right
 * for 4 bits, where all sets can be tried, is the same code as for 32 and 64.
 *
 * Values are kept in the low bits of a u64, the rest 0; signed bounds are sign-extended to i64.
 */
#ifndef BPF_RANGE_H
#define BPF_RANGE_H
#include <bpf/isa.h>

/* A set that knows each bit or not: value has the known ones, mask the unknown bits; no bit is in
 * both. */
struct bpf_bits {
	u64 value, mask;
};
struct bpf_range {
	struct bpf_bits bits;
	u64 umin, umax;		/* umin > umax: no value at all */
	i64 smin, smax;
};

/* All values; one; those in [min, max]; those with the known bits. width: 1..64. */
struct bpf_range bpf_range_unknown(u32 width);
struct bpf_range bpf_range_const(u32 width, u64 v);
struct bpf_range bpf_range_unsigned(u32 width, u64 min, u64 max);
struct bpf_range bpf_range_signed(u32 width, i64 min, i64 max);
struct bpf_range bpf_range_bits(u32 width, struct bpf_bits bits);
/* Has no value; has one (of a set that is not empty); has v. */
static inline bool bpf_range_empty(const struct bpf_range *r) { return r->umin > r->umax; }
static inline bool bpf_range_is_const(const struct bpf_range *r) { return r->umin == r->umax; }
bool bpf_range_has(u32 width, const struct bpf_range *r, u64 v);
/* Is every value of b in a, as far as bounds and bits can tell? (What pruning asks.) */
bool bpf_range_covers(const struct bpf_range *a, const struct bpf_range *b);
struct bpf_range bpf_range_both(u32 width, struct bpf_range a, struct bpf_range b); /* in a and b */
struct bpf_range bpf_range_either(u32 width, struct bpf_range a,
				  struct bpf_range b); /* in a or b */

/* An ALU operation of BPF (BPF_ADD ... BPF_ARSH) as both operands' width has it; is_signed: of
 * division and remainder. Shifts count modulo the width, which is a power of two. */
struct bpf_range bpf_range_op(u32 width, u8 op, bool is_signed, const struct bpf_range *a,
			      const struct bpf_range *b);
/* The low `to` bits, sign-extended to `width` bits or not. */
struct bpf_range bpf_range_sign_extend(u32 width, u32 to, const struct bpf_range *a);
struct bpf_range bpf_range_truncate(u32 width, u32 to, const struct bpf_range *a); /* width: to */
struct bpf_range bpf_range_zero_extend(u32 from, u32 width, const struct bpf_range *a);
struct bpf_range bpf_range_swap(u32 width, const struct bpf_range *a);	/* bytes; 16, 32, 64 bits */

/* What is known of a and b behind a conditional branch (BPF_JEQ ... BPF_JSLE) that was taken, or
 * was not. False if that cannot be: no values of a and b go that way. */
bool bpf_range_branch(u32 width, u8 op, bool taken, struct bpf_range *a, struct bpf_range *b);

/* A register's number: 64 bits, and what is known of the low 32 beside that. */
struct bpf_scalar {
	struct bpf_range wide, low;
};
struct bpf_scalar bpf_scalar_unknown(void);
struct bpf_scalar bpf_scalar_const(u64 v);
struct bpf_scalar bpf_scalar_sized(u32 size);	/* any of so many bytes, zero-extended */
bool bpf_scalar_has(const struct bpf_scalar *s, u64 v);
/* ALU and ALU64 instructions: dst afterwards; src is the second operand (imm: as a constant,
 * sign-extended). */
struct bpf_scalar bpf_scalar_alu(const struct bpf_insn *i, const struct bpf_scalar *dst,
				 const struct bpf_scalar *src);
/* As bpf_range_branch, for JMP and JMP32. */
bool bpf_scalar_branch(const struct bpf_insn *i, bool taken, struct bpf_scalar *dst,
		       struct bpf_scalar *src);
#endif
