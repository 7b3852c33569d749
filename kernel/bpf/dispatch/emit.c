/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dispatcher's code. For the targets lo..hi-1:
 *
 *	one:	adr x9, target; cmp x2, x9; b.ne miss; b target; miss: br x2
 *	more:	adr x9, the last of the lower half; cmp x2, x9; b.hi upper; (lower half); upper: ...
 *
 * with adrp and add in place of adr where the target is beyond 1 MiB.
 */
#include <bpf/dispatch.h>
#include <insn/arm64.h>

enum { WHICH = 2, SCRATCH = 9, ADR_REACH = 1 << 20 };

struct emitter {
	u32 *image;
	u64 base;
	const u64 *targets;
	u32 n;		/* words */
	bool bad;
};

static u64 here(const struct emitter *e) { return e->base + e->n * 4ull; }

static void put(struct emitter *e, u32 word)
{
	e->bad |= word == A64_BAD;
	e->image[e->n++] = word;
}

static void compare(struct emitter *e, u64 target)
{
	i64 way = (i64)(target - here(e));

	if (way >= -ADR_REACH && way < ADR_REACH) {
		put(e, a64_adr(SCRATCH, way));
	} else {
		put(e, a64_adrp(SCRATCH, (i64)(align_down(target, 4096ull) - align_down(here(e), 4096ull))));
		put(e, a64_addsub_imm(A64_ADD, true, SCRATCH, SCRATCH, target % 4096));
	}
	put(e, a64_addsub_reg(A64_SUBS, true, A64_ZR, WHICH, SCRATCH, A64_LSL, 0));
}

static void search(struct emitter *e, u32 lo, u32 hi)
{
	u32 middle = (lo + hi) / 2, branch;

	if (hi - lo == 1) {
		compare(e, e->targets[lo]);
		put(e, a64_b_cond(A64_NE, 8));
		put(e, a64_b((i64)(e->targets[lo] - here(e))));
		put(e, a64_jump_reg(A64_BR, WHICH));
		return;
	}
	compare(e, e->targets[middle - 1]);
	branch = e->n;
	put(e, 0);
	search(e, lo, middle);
	e->image[branch] = a64_b_cond(A64_HI, 4ll * (e->n - branch));
	search(e, middle, hi);
}

u32 bpf_dispatch_words(u32 n)
{
	return n ? 6 * n + 4 * (n - 1) : 1;
}

u32 bpf_dispatch_emit(u32 *image, u64 base, const u64 *targets, u32 n)
{
	struct emitter e = { .image = image, .base = base, .targets = targets };

	if (n)
		search(&e, 0, n);
	else
		put(&e, a64_jump_reg(A64_BR, WHICH));
	return e.bad ? 0 : e.n;
}
