/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include "helpers.h"

static u64 mix(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return a + 3 * b + 5 * c + 7 * d + 11 * (e ^ a >> 7);
}
static u64 zero(u64 a, u64 b, u64 c, u64 d, u64 e) { return 0; }
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
