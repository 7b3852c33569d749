/* SPDX-License-Identifier: BSD-2-Clause */
/* The helpers that the test programs may call, by number; the same for interpreter and JIT.
 *	1	mixes its five arguments into one number
 *	2	0
 *	3	calls back the function r1 with r2 and r3 (JIT only)
 *	5	its first argument
 */
#ifndef BPF_TEST_HELPERS_H
#define BPF_TEST_HELPERS_H
#include <bpf/interp.h>

u64 helper_address(void *ctx, const struct bpf_insn *call);	/* bpf_jit_opts.address */
int helper_call(void *ctx, const struct bpf_insn *call, const u64 *arg,
		u64 *r0); /* bpf_machine's */
#endif
