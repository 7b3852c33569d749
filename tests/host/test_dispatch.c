/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dispatcher's code, run by a small reader of the few instructions that it may have (decoded here
 * from the manual's tables, not by kernel/insn): where does it go, with what in x2, in how many
 * instructions, over which kind of branch?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/dispatch.h>
#include <cmocka.h>

static u64 seed = 1;

static u64 rnd(u64 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 20) % below;
}

static i64 field(u32 word, u32 at, u32 bits)
{
	return (i64)((u64)word << (64 - at - bits)) >> (64 - bits);
}

struct went { u64 to; bool direct; u32 steps; };

static struct went run(const u32 *code, u32 n, u64 base, u64 x2)
{
	u64 pc = base, x9 = 0xdead;
	struct went w = { 0 };
	bool equal = false, higher = false;

	for (w.steps = 1; w.steps < 200; w.steps++) {
		u32 i;

		assert_true(pc >= base && pc < base + 4ull * n && pc % 4 == 0);
		i = code[(pc - base) / 4];
		if ((i & 0x9f00001f) == 0x10000009) {			/* adr x9 */
			x9 = pc + (u64)(field(i, 5, 19) * 4 + (i >> 29 & 3));
		} else if ((i & 0x9f00001f) == 0x90000009) {		/* adrp x9 */
			x9 = (pc & ~4095ull) + (u64)(field(i, 5, 19) * 4 + (i >> 29 & 3)) * 4096;
		} else if ((i & 0xffc003ff) == 0x91000129) {		/* add x9, x9, #imm */
			x9 += i >> 10 & 4095;
		} else if (i == 0xeb09005f) {				/* cmp x2, x9 */
			equal = x2 == x9;
			higher = x2 > x9;
		} else if ((i & 0xff00001f) == 0x54000008) {		/* b.hi */
			pc += higher ? (u64)(field(i, 5, 19) * 4) : 4;
			continue;
		} else if ((i & 0xff00001f) == 0x54000001) {		/* b.ne */
			pc += equal ? 4 : (u64)(field(i, 5, 19) * 4);
			continue;
		} else if ((i & 0xfc000000) == 0x14000000) {		/* b */
			w.to = pc + (u64)(field(i, 0, 26) * 4);
			w.direct = true;
			return w;
		} else if (i == 0xd61f0040) {				/* br x2 */
			w.to = x2;
			return w;
		} else {
			fail_msg("%08x at %lx", i, pc);
		}
		pc += 4;
	}
	fail_msg("it does not end");
	return w;
}

static int by_address(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* n different addresses, within `reach` of base. */
static void choose(u64 *t, u32 n, u64 base, u64 reach)
{
	for (u32 k = 0; k < n; k++)
		t[k] = base - reach + rnd(2 * reach / 4) * 4;
	qsort(t, n, sizeof(*t), by_address);
	for (u32 k = 1; k < n; k++)
		if (t[k] <= t[k - 1])
			t[k] = t[k - 1] + 4;
}

static void goes_where_it_should(void **state)
{
	static const u64 reaches[] = { 4096, 1 << 20, 2 << 20, 120ull << 20 };
	u64 t[BPF_DISPATCH_MOST];
	u32 worst = 0;

	(void)state;
	for (u32 n = 0; n <= BPF_DISPATCH_MOST; n++)
		for (u32 round = 0; round < 20; round++) {
			u64 base = 0xffff800000000000ull + (1ull << 30) + rnd(1 << 28) * 4;
			u32 *code = malloc(4 * bpf_dispatch_words(n)), words;

			choose(t, n, base, reaches[round % 4]);
			words = bpf_dispatch_emit(code, base, t, n);
			assert_true(words && words <= bpf_dispatch_words(n));
			for (u32 k = 0; k < n; k++) {
				struct went w = run(code, words, base, t[k]);

				assert_true(w.to == t[k] && w.direct);
				worst = max(worst, w.steps);
				w = run(code, words, base, t[k] + 4);
				assert_true(w.to == t[k] + 4 && w.direct == (k + 1 < n && t[k + 1] == w.to));
				w = run(code, words, base, t[k] - 4);
				assert_true(w.to == t[k] - 4 && w.direct == (k && t[k - 1] == w.to));
			}
			for (u32 k = 0; k < 20; k++) {
				u64 other = k ? rnd(~0ull) & ~3ull : 0;
				bool known = bsearch(&other, t, n, sizeof(*t), by_address);
				struct went w = run(code, words, base, other);

				assert_true(w.to == other && w.direct == known);
			}
			free(code);
		}
	/* 6 times adrp, add, cmp, b.hi, then adrp, add, cmp, b.ne, b */
	assert_true(worst <= 6 * 4 + 5);
}

static void too_far_is_refused(void **state)
{
	u64 base = 0xffff800080000000ull, t[2] = { base + 4096, base + (129ull << 20) };
	u32 code[64];

	(void)state;
	assert_true(bpf_dispatch_emit(code, base, t, 1));
	assert_int_equal(bpf_dispatch_emit(code, base, t, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_where_it_should),
		cmocka_unit_test(too_far_is_refused),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
