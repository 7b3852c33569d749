/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs made of bytes. What the verifier accepts is run by the interpreter, a few times with
 * other memory, other answers of helpers: every access is checked, every argument of a helper, and
 * before every instruction the registers and the stack are in one of the states that the verifier
 * had there. Whatever is wrong is told and ends the process (abort).
 */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H
#include <bpf/isa.h>

struct oracle_result {
	int err;		/* the verifier's */
	u32 insns, processed;
	u32 ended;		/* runs that came to the program's end */
	u64 compared;		/* instructions that were run and compared with states */
};
extern u32 oracle_limit;	/* instructions that may be simulated, about; more is EINTR */
struct oracle_result oracle(const u8 *data, size_t size);
/* The same for a program that is there; how: 0 socket filter, 1 XDP, 2 syscall; + 4: not
 * privileged; + 8: states are kept wherever paths meet. */
enum { ORACLE_GLOBAL = 16,	/* + that: the function that is called first is global */
       ORACLE_HIDES = 32 };	/* + that: pointers may not leak */
struct oracle_result oracle_program(const struct bpf_insn *p, u32 n, u32 how, u64 seed);
/* Makes a program of bytes; at most `room` instructions. */
u32 oracle_generate(const u8 *data, size_t size, struct bpf_insn *p, u32 room, u32 *how);
#endif
