/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small assembler for tests: the text that clang and the verifier's log write, with labels.
 *	L: r1 = r2; w1 += 5; r3 = 1 ll; r2 = *(u32 *)(r1 + 4); *(u8 *)(r10 - 1) = 7
 *	if r1 > 5 goto L; call map_lookup_elem; call L; exit; r0 = *(u8 *)skb[r1 + 2]
 *	r1 = map NAME; r1 = value NAME + 8; r2 = func L
 *	lock *(u64 *)(r1 + 0) += r2; lock fetch *(u64 *)(r1 + 0) += r2 (also: xchg, cmpxchg)
 *	load_acquire r1 *(u64 *)(r2 + 0); store_release *(u64 *)(r1 + 0) r2; raw CODE DST SRC OFF IMM
 * Statements end with `;` or a line's end.
 */
#ifndef TEST_ASM_H
#define TEST_ASM_H
#include <bpf/isa.h>

/* The number of instructions, at most `room`; exits with a message if the text is wrong. map gives
 * what stands for a name in an instruction. */
u32 assemble(const char *text, struct bpf_insn *out, u32 room, int (*map)(const char *name));
#endif
