/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's sets of numbers against the numbers themselves. Sound means: the set that an
 * operation gives has every result that numbers of its operands give.
 *	4 bits: every set that can be made, every pair of them, every operation.
 *	8 bits: every right interval with some left ones (`test_bpf_range all`: with every left one,
 *	hours), against the table of all results.
 *	32 and 64 bits: random sets around random numbers, against the interpreter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/interp.h>
#include <bpf/range.h>

static u64 state = 88172645463325252ull;
static bool all_lefts;
static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static const struct {
	u8 op;
	bool is_signed;
} ops[] = {{BPF_ADD, 0}, {BPF_SUB, 0}, {BPF_MUL, 0},  {BPF_DIV, 0}, {BPF_DIV, 1},
	   {BPF_MOD, 0}, {BPF_MOD, 1}, {BPF_AND, 0},  {BPF_OR, 0},  {BPF_XOR, 0},
	   {BPF_LSH, 0}, {BPF_RSH, 0}, {BPF_ARSH, 0}, {BPF_NEG, 0}, {BPF_MOV, 0}};
#define OPS (sizeof(ops) / sizeof(*ops))
static const u8 conditions[] = {BPF_JEQ, BPF_JNE,  BPF_JSET, BPF_JGT,  BPF_JGE, BPF_JLT,
				BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};

static i64 sign(u32 width, u64 v) { return (i64)(v << (64 - width)) >> (64 - width); }

/* The operation itself, on numbers of a width that is no CPU's. */
static u64 concrete(u32 width, u32 k, u64 x, u64 y)
{
	u64 all = ~0ull >> (64 - width), by = y & (width - 1), r;
	i64 sx = sign(width, x), sy = sign(width, y);

	switch (ops[k].op) {
	case BPF_ADD:
		r = x + y;
		break;
	case BPF_SUB:
		r = x - y;
		break;
	case BPF_MUL:
		r = x * y;
		break;
	case BPF_DIV:
		r = !y ? 0 : ops[k].is_signed ? (u64)(sx / sy) : x / y;
		break;
	case BPF_MOD:
		r = !y ? x : ops[k].is_signed ? (u64)(sx % sy) : x % y;
		break;
	case BPF_AND:
		r = x & y;
		break;
	case BPF_OR:
		r = x | y;
		break;
	case BPF_XOR:
		r = x ^ y;
		break;
	case BPF_LSH:
		r = x << by;
		break;
	case BPF_RSH:
		r = x >> by;
		break;
	case BPF_ARSH:
		r = (u64)(sx >> by);
		break;
	case BPF_NEG:
		r = 0 - x;
		break;
	default:
		r = y;
	}
	return r & all;
}

static bool holds(u32 width, u8 op, u64 x, u64 y)
{
	i64 sx = sign(width, x), sy = sign(width, y);

	switch (op) {
	case BPF_JEQ:
		return x == y;
	case BPF_JNE:
		return x != y;
	case BPF_JSET:
		return x & y;
	case BPF_JGT:
		return x > y;
	case BPF_JGE:
		return x >= y;
	case BPF_JLT:
		return x < y;
	case BPF_JLE:
		return x <= y;
	case BPF_JSGT:
		return sx > sy;
	case BPF_JSGE:
		return sx >= sy;
	case BPF_JSLT:
		return sx < sy;
	default:
		return sx <= sy;
	}
}

/* --- 4 bits: every set --- */

static struct bpf_range set[400];
static u32 members[400], sets;	/* as bit masks of 16 */

static u32 members_of(const struct bpf_range *r)
{
	u32 m = 0;

	for (u32 v = 0; v < 16; v++)
		m |= (u32)bpf_range_has(4, r, v) << v;
	return bpf_range_empty(r) ? 0 : m;
}

/* r must be exactly the numbers of `want`; sets that are there already are not added. */
static void add_set(struct bpf_range r, u32 want)
{
	assert_int_equal(members_of(&r), want);
	for (u32 k = 0; k < sets; k++)
		if (members[k] == want)
			return;
	set[sets] = r;
	members[sets++] = want;
}

static void making_sets(void **unused)
{
	for (u32 low = 0; low < 16; low++)
		for (u32 high = low; high < 16; high++) {
			u32 want = 0;

			for (u32 v = low; v <= high; v++)
				want |= 1u << v;
			add_set(bpf_range_unsigned(4, low, high), want);
			want = 0;
			for (i64 v = (i64)low - 8; v <= (i64)high - 8; v++)
				want |= 1u << (v & 15);
			add_set(bpf_range_signed(4, (i64)low - 8, (i64)high - 8), want);
		}
	for (u64 mask = 0; mask < 16; mask++)
		for (u64 value = 0; value < 16; value++) {
			u32 want = 0;

			if (mask & value)
				continue;
			for (u32 v = 0; v < 16; v++)
				want |= (u32)((v & ~mask) == value) << v;
			add_set(bpf_range_bits(4, (struct bpf_bits){ value, mask }), want);
		}
	print_message("%u sets\n", sets);
	assert_true(sets > 200);
}

static void say_and_fail(const char *what, u32 k, u32 a, u32 b, u32 want, u32 got)
{
	fail_msg("%s %u of %04x and %04x: %04x is not in %04x", what, k, members[a], members[b],
		 want, got);
}

static void all_operations(void **unused)
{
	u64 exact = 0, given = 0;

	for (u32 k = 0; k < OPS; k++)
		for (u32 a = 0; a < sets; a++)
			for (u32 b = 0; b < sets; b++) {
				struct bpf_range r = bpf_range_op(4, ops[k].op, ops[k].is_signed,
								  &set[a], &set[b]);
				u32 got = members_of(&r), want = 0;

				for (u32 x = 0; x < 16; x++)
					for (u32 y = 0; members[a] >> x & 1 && y < 16; y++)
						if (members[b] >> y & 1)
							want |= 1u << concrete(4, k, x, y);
				if (want & ~got)
					say_and_fail("operation", k, a, b, want, got);
				exact += (u32)__builtin_popcount(want);
				given += (u32)__builtin_popcount(got);
				/* Numbers that are known stay known. */
				if (!(members[a] & (members[a] - 1)) &&
				    !(members[b] & (members[b] - 1)))
					assert_int_equal(want, got);
			}
	print_message("sets are %.2f times as large as what is in them\n",
		      (double)given / (double)exact);
}

static void all_branches(void **unused)
{
	for (u32 k = 0; k < sizeof(conditions) * 2; k++)
		for (u32 a = 0; a < sets; a++)
			for (u32 b = 0; b < sets; b++) {
				struct bpf_range ra = set[a], rb = set[b];
				bool may = bpf_range_branch(4, conditions[k / 2], k & 1, &ra, &rb);
				u32 want_a = 0, want_b = 0, got_a, got_b;

				for (u32 x = 0; x < 16; x++)
					for (u32 y = 0; members[a] >> x & 1 && y < 16; y++)
						if (members[b] >> y & 1 &&
						    holds(4, conditions[k / 2], x, y) == (k & 1)) {
							want_a |= 1u << x;
							want_b |= 1u << y;
						}
				got_a = may ? members_of(&ra) : 0;
				got_b = may ? members_of(&rb) : 0;
				if (want_a & ~got_a)
					say_and_fail("left of branch", k, a, b, want_a, got_a);
				if (want_b & ~got_b)
					say_and_fail("right of branch", k, a, b, want_b, got_b);
				/* Nothing is ever learned that was wrong to begin with. */
				assert_false(got_a & ~members[a] || got_b & ~members[b]);
			}
}

static void combining(void **unused)
{
	for (u32 a = 0; a < sets; a++)
		for (u32 b = 0; b < sets; b++) {
			struct bpf_range both = bpf_range_both(4, set[a], set[b]);
			struct bpf_range either = bpf_range_either(4, set[a], set[b]);

			if ((members[a] & members[b]) & ~members_of(&both))
				say_and_fail("both", 0, a, b, members[a] & members[b],
					     members_of(&both));
			if ((members[a] | members[b]) & ~members_of(&either))
				say_and_fail("either", 0, a, b, members[a] | members[b],
					     members_of(&either));
			if (bpf_range_covers(&set[a], &set[b]) && members[b] & ~members[a])
				say_and_fail("covers", 0, a, b, members[b], members[a]);
			if (a == b)
				assert_true(bpf_range_covers(&set[a], &set[b]));
		}
}

/* --- 8 bits --- */

/* What a set must contain, as far as it can say. */
struct hull {
	u8 umin, umax, ones, may;
	i8 smin, smax;
};

static void into_hull(struct hull *h, const struct hull *v)
{
	h->umin = v->umin < h->umin ? v->umin : h->umin;
	h->umax = v->umax > h->umax ? v->umax : h->umax;
	h->smin = v->smin < h->smin ? v->smin : h->smin;
	h->smax = v->smax > h->smax ? v->smax : h->smax;
	h->ones &= v->ones;
	h->may |= v->may;
}
static struct hull hull_of(u8 v) { return (struct hull){ v, v, v, v, (i8)v, (i8)v }; }

static bool covers_hull(const struct bpf_range *r, const struct hull *h)
{
	return r->umin <= h->umin && r->umax >= h->umax && r->smin <= h->smin &&
	       r->smax >= h->smax && !(r->bits.value & ~(u64)h->ones) &&
	       !(h->may & ~(r->bits.value | r->bits.mask));
}

/* An interval of numbers counted from `base`: 0 for unsigned ones, 128 for signed ones. */
static struct bpf_range interval(u32 base, u32 low, u32 high)
{
	return base ? bpf_range_signed(8, (i64)low - base, (i64)high - base)
		    : bpf_range_unsigned(8, low, high);
}

static void one_left(u32 k, u32 base, u32 low, u32 high, u32 right_base)
{
	struct bpf_range a = interval(base, low, high);
	struct hull column[256];

	for (u32 y = 0; y < 256; y++)
		for (u32 x = low; x <= high; x++) {
			struct hull h = hull_of(
				(u8)concrete(8, k, (x - base) & 255, (y - right_base) & 255));

			if (x == low)
				column[y] = h;
			else
				into_hull(&column[y], &h);
		}
	for (u32 from = 0; from < 256; from++) {
		struct hull h = column[from];

		for (u32 to = from; to < 256; to++) {
			struct bpf_range b = interval(right_base, from, to), r;

			into_hull(&h, &column[to]);
			r = bpf_range_op(8, ops[k].op, ops[k].is_signed, &a, &b);
			if (!covers_hull(&r, &h))
				fail_msg("operation %u on [%u, %u] - %u and [%u, %u] - %u", k, low,
					 high, base, from, to, right_base);
		}
	}
}

static void intervals_of_8_bits(void **unused)
{
	for (u32 k = 0; k < OPS; k++) {
		if (!all_lefts) {
			for (int n = 0; n < 4; n++) {
				u32 a = rnd() % 256, b = rnd() % 256;

				one_left(k, n & 1 ? 128 : 0, a < b ? a : b, a < b ? b : a,
					 n & 2 ? 128 : 0);
			}
			continue;
		}
		for (u32 low = 0; low < 256; low++)
			for (u32 high = low; high < 256; high++)
				for (u32 bases = 0; bases < 4; bases++)
					one_left(k, bases & 1 ? 128 : 0, low, high,
						 bases & 2 ? 128 : 0);
	}
}

/* The numbers of the left interval that some number of the right one sends this way, and those of
 * the right one. */
struct sent {
	struct hull a, b;
	bool any;
};

static void send(struct sent *s, const struct sent *more)
{
	if (!more->any)
		return;
	if (!s->any) {
		*s = *more;
		return;
	}
	into_hull(&s->a, &more->a);
	into_hull(&s->b, &more->b);
}

static void one_left_branch(u8 op, bool taken, u32 base, u32 low, u32 high, u32 right_base)
{
	struct sent column[256];

	for (u32 y = 0; y < 256; y++) {
		u8 right = (u8)(y - right_base);

		column[y].any = false;
		for (u32 x = low; x <= high; x++) {
			u8 left = (u8)(x - base);
			struct sent one = { hull_of(left), hull_of(right), true };

			if (holds(8, op, left, right) == taken)
				send(&column[y], &one);
		}
	}
	for (u32 from = 0; from < 256; from++) {
		struct sent sum = { .any = false };

		for (u32 to = from; to < 256; to++) {
			struct bpf_range a = interval(base, low, high), b = interval(right_base, from, to);
			bool may = bpf_range_branch(8, op, taken, &a, &b);

			send(&sum, &column[to]);
			if (sum.any && (!may || !covers_hull(&a, &sum.a) || !covers_hull(&b, &sum.b)))
				fail_msg("branch %02x (%d) on [%u, %u] - %u and [%u, %u] - %u", op, taken,
					 low, high, base, from, to, right_base);
		}
	}
}

static void branches_of_8_bits(void **unused)
{
	for (u32 k = 0; k < 2 * sizeof(conditions); k++) {
		u8 op = conditions[k / 2];

		for (int n = 0; n < 4 && !all_lefts; n++) {
			u32 a = rnd() % 256, b = rnd() % 256;

			one_left_branch(op, k & 1, n & 1 ? 128 : 0, min(a, b), max(a, b),
					n & 2 ? 128 : 0);
		}
		for (u32 low = 0; low < 256 && all_lefts; low++)
			for (u32 high = low; high < 256; high++)
				for (u32 bases = 0; bases < 4; bases++)
					one_left_branch(op, k & 1, bases & 1 ? 128 : 0, low, high,
							bases & 2 ? 128 : 0);
	}
}

/* Every set of 8 bits, made narrower and wider. */
static void check_widths(const struct bpf_range *r)
{
	struct bpf_range low = bpf_range_truncate(8, 4, r), sign4 = bpf_range_sign_extend(8, 4, r);
	struct bpf_range wide = bpf_range_zero_extend(8, 16, r),
			 swapped = bpf_range_swap(16, &wide);

	for (u32 v = 0; v < 256; v++) {
		if (!bpf_range_has(8, r, v))
			continue;
		assert_true(bpf_range_has(4, &low, v & 15));
		assert_true(bpf_range_has(8, &sign4, (u64)sign(4, v) & 255));
		assert_true(bpf_range_has(16, &wide, v));
		assert_true(bpf_range_has(16, &swapped, v << 8));
	}
}

static void widths(void **unused)
{
	for (u32 low = 0; low < 256; low += all_lefts ? 1 : 3)
		for (u32 high = low; high < 256; high++)
			for (u32 base = 0; base <= 128; base += 128) {
				struct bpf_range r = interval(base, low, high);

				check_widths(&r);
			}
	for (u64 mask = 0; mask < 256; mask++)
		for (u64 value = 0; value < 256; value++)
			if (!(mask & value)) {
				struct bpf_range r =
					bpf_range_bits(8, (struct bpf_bits){value, mask});

				check_widths(&r);
			}
}

/* --- 32 and 64 bits, against the interpreter --- */

static u64 number(void)
{
	static const u64 special[] = {
		0,	    1,		~0ull,	    1ull << 63,		~0ull >> 1, 1ull << 31,
		0xffffffff, 0x7fffffff, 1ull << 32, 0xffffffff80000000, 64,	    31};

	switch (rnd() % 4) {
	case 0:
		return special[rnd() % (sizeof(special) / sizeof(*special))];
	case 1:
		return rnd() >> rnd() % 64;
	case 2:
		return -(rnd() >> rnd() % 64);
	default:
		return rnd();
	}
}

/* A set of this width that has v. */
static struct bpf_range around(u32 width, u64 v)
{
	u64 all = ~0ull >> (64 - width), mask = rnd() & (rnd() % 2 ? rnd() : ~0ull) & all;
	struct bpf_range r = bpf_range_unknown(width);
	i64 s = sign(width, v), other = sign(width, number() & all);

	v &= all;
	if (rnd() % 4 == 0)
		return bpf_range_const(width, v);
	if (rnd() % 2)
		r = bpf_range_both(width, r,
				   bpf_range_bits(width, (struct bpf_bits){v & ~mask, mask}));
	if (rnd() % 2) {
		u64 w = rnd() % 2 ? (v + rnd() % 16) & all : number() & all;

		r = bpf_range_both(width, r,
				   bpf_range_unsigned(width, w < v ? w : v, w < v ? v : w));
	}
	if (rnd() % 2)
		r = bpf_range_both(
			width, r,
			bpf_range_signed(width, other < s ? other : s, other < s ? s : other));
	return r;
}

static struct bpf_scalar scalar_around(u64 v)
{
	struct bpf_insn move = { .code = BPF_ALU64 | BPF_MOV | BPF_X };
	struct bpf_scalar s = { around(64, v), around(32, v) };

	if (rnd() % 2)
		return rnd() % 2 ? bpf_scalar_const(v) : bpf_scalar_alu(&move, &s, &s);
	return s;
}

static void instructions(void **unused)
{
	static const u8 sizes[] = { 16, 32, 64 }, extends[] = { 0, 8, 16, 32 };

	for (int round = 0; round < 400000; round++) {
		u64 x = number(), y = number(), want;
		struct bpf_scalar a = scalar_around(x), b = scalar_around(y), r;
		u32 k = (u32)(rnd() % (OPS + 1));
		struct bpf_insn i = { .code = rnd() % 2 ? BPF_ALU : BPF_ALU64 };

		i.code |= k < OPS ? ops[k].op | BPF_X : BPF_END | (rnd() % 2 ? BPF_X : BPF_K);
		i.off = k < OPS ? ops[k].is_signed : 0;
		if (BPF_OP(i.code) == BPF_MOV)
			i.off = extends[rnd() % (BPF_CLASS(i.code) == BPF_ALU ? 3 : 4)];
		i.imm = sizes[rnd() % 3];
		assert_true(bpf_scalar_has(&a, x) && bpf_scalar_has(&b, y));
		want = bpf_alu(&i, x, y);
		r = bpf_scalar_alu(&i, &a, &b);
		if (!bpf_scalar_has(&r, want))
			fail_msg("code %02x off %d imm %d on %llx, %llx: %llx", i.code, i.off,
				 i.imm, (unsigned long long)x, (unsigned long long)y,
				 (unsigned long long)want);
	}
}

static void branches(void **unused)
{
	for (int round = 0; round < 400000; round++) {
		u64 x = number(), y = rnd() % 3 ? number() : x + rnd() % 3 - 1;
		struct bpf_scalar a = scalar_around(x), b = scalar_around(y);
		struct bpf_insn i = {.code = (u8)((rnd() % 2 ? BPF_JMP : BPF_JMP32) |
						  conditions[rnd() % 11] | BPF_X)};
		bool taken = bpf_condition(&i, x, y);

		if (!bpf_scalar_branch(&i, taken, &a, &b) || !bpf_scalar_has(&a, x) ||
		    !bpf_scalar_has(&b, y))
			fail_msg("code %02x on %llx, %llx", i.code, (unsigned long long)x,
				 (unsigned long long)y);
	}
}

/* What programs are accepted by: bounds that checks and masks give. */
static void what_checks_teach(void **unused)
{
	struct bpf_insn less = {.code = BPF_JMP32 | BPF_JLT | BPF_K}, and = {.code = BPF_ALU64 |
										     BPF_AND |
										     BPF_K};
	struct bpf_insn shift = {.code = BPF_ALU64 | BPF_LSH | BPF_K},
			positive = {.code = BPF_JMP | BPF_JSGE | BPF_K};
	struct bpf_insn signed_less = {.code = BPF_JMP | BPF_JSLT | BPF_K},
			copy = {.code = BPF_ALU | BPF_MOV | BPF_X};
	struct bpf_scalar s = bpf_scalar_unknown(), c = bpf_scalar_const(63);

	s = bpf_scalar_alu(&and, &s, &c);
	assert_true(s.wide.umax == 63 && s.wide.smin == 0 && s.low.umax == 63);
	c = bpf_scalar_const(3);
	s = bpf_scalar_alu(&shift, &s, &c);
	assert_true(s.wide.umax == 63 * 8 && s.wide.bits.mask == 63 * 8);
	s = bpf_scalar_unknown();
	s = bpf_scalar_alu(&copy, &s, &s);
	c = bpf_scalar_const(10);
	assert_true(bpf_scalar_branch(&less, true, &s, &c));
	assert_true(s.wide.umax == 9 && s.wide.smin == 0); /* a 32-bit check bounds all 64 bits */
	s = bpf_scalar_unknown();
	c = bpf_scalar_const(0);
	assert_true(bpf_scalar_branch(&positive, true, &s, &c));
	c = bpf_scalar_const(100);
	assert_true(bpf_scalar_branch(&signed_less, true, &s, &c));
	assert_true(s.wide.umax == 99 && s.low.umax == 99);
	c = bpf_scalar_const(200);
	assert_false(bpf_scalar_branch(&signed_less, false, &s, &c));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(making_sets),
		cmocka_unit_test(all_operations),
		cmocka_unit_test(all_branches),
		cmocka_unit_test(combining),
		cmocka_unit_test(widths),
		cmocka_unit_test(intervals_of_8_bits),
		cmocka_unit_test(branches_of_8_bits),
		cmocka_unit_test(instructions),
		cmocka_unit_test(branches),
		cmocka_unit_test(what_checks_teach),
	};

	all_lefts = argc > 1 && !strcmp(argv[1], "all");
	return cmocka_run_group_tests_name("bpf_range", tests, NULL, NULL);
}
