/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a verified program shorter before it is compiled: what inlining, and compilers that know
 * nothing of it, leave behind. Pure.
 */
#ifndef BPF_SIMPLIFY_H
#define BPF_SIMPLIFY_H
#include <bpf/isa.h>

struct bpf_simplify_work {	/* one per instruction, and one more; the caller's */
	u32 to;
	u16 live, refs;
	u8 flags;
};

/*
 * insns: n instructions of which every access that is ever made is valid, with mark as
 * bpf_isa_check filled it. Both are changed; returns how many instructions are left. Results,
 * memory and helpers' arguments are the same; loads that nobody needs are not made.
 */
u32 bpf_simplify(struct bpf_insn *insns, u32 n, u8 *mark, struct bpf_simplify_work *work);
#endif
