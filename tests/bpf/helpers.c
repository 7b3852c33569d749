/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include "helpers.h"

/* Leaves rubbish in every register that a call may change. */
static void spoil(void)
{
#ifdef __aarch64__
	asm volatile("mov x1, #-1; mov x2, x1; mov x3, x1; mov x4, x1; mov x5, x1; mov x6, x1\n\t"
		     "mov x7, x1; mov x8, x1; mov x9, x1; mov x10, x1; mov x11, x1; mov x12, x1\n\t"
		     "mov x13, x1; mov x14, x1; mov x15, x1; mov x16, x1; mov x17, x1"
		     :
		     :
		     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
		       "x13", "x14", "x15", "x16", "x17");
#endif
}

static u64 mix(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	u64 r = a + 3 * b + 5 * c + 7 * d + 11 * (e ^ a >> 7);

	spoil();
	return r;
}
static u64 zero(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	spoil();
	return 0;
}
static u64 first(u64 a, u64 b, u64 c, u64 d, u64 e) { return a; }
static u64 call_back(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return ((u64 (*)(u64, u64))a)(b, c) + 1;
}

static u64 (*const table[])(u64, u64, u64, u64, u64) = {
	[1] = mix, [2] = zero, [3] = call_back, [5] = first,
};

u64 helper_address(void *ctx, const struct bpf_insn *call)
{
	u32 id = (u32)call->imm;

	return call->src_reg || id >= sizeof(table) / sizeof(*table) ? 0 : (u64)table[id];
}

int helper_call(void *ctx, const struct bpf_insn *call, const u64 *arg, u64 *r0)
{
	u64 address = helper_address(ctx, call);

	if (!address || call->imm == 3)
		return -EINVAL;
	*r0 = table[call->imm](arg[0], arg[1], arg[2], arg[3], arg[4]);
	return 0;
}
