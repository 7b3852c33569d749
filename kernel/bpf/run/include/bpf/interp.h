/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter: the whole of RFC 9669, one instruction at a time. It is the oracle that the JIT
 * and the verifier are tested against, so it is written to be obviously right, not fast.
 */
#ifndef BPF_INTERP_H
#define BPF_INTERP_H
#include <bpf/isa.h>

#define BPF_FRAMES	8	/* calls within calls */

/* Memory that a program may use; addresses are the host's own. */
struct bpf_region {
	u64 addr, size;
	bool writable;
};

/* A program passed bpf_isa_check; the caller owns all that is pointed to. */
struct bpf_machine {
	const struct bpf_insn *insns;
	u32 n;
	u8 *stack;			/* BPF_FRAMES * BPF_STACK bytes, 16-byte aligned */
	u64 budget;			/* instructions at most; counted down */
	/* checked: every access lies in one region or in the stack of a live frame, atomics are
	 * aligned; else -EFAULT. Otherwise addresses are followed as they are. */
	bool checked;
	const struct bpf_region *regions;
	u32 n_regions;
	/* A call that is not local: arg[0..4] are r1..r5; *r0 is its value. Not 0 ends the run with
	 * that. NULL: -EINVAL. */
	int (*helper)(void *ctx, const struct bpf_insn *call, const u64 *arg, u64 *r0);
	/* A tail call: 1 and another program in *insns and *n (checked), 0 if the program goes on,
	 * negative: the run ends. NULL: helper gets the call. */
	int (*tail)(void *ctx, const u64 *arg, const struct bpf_insn **insns, u32 *n);
	/* Before each instruction: where, how many frames lie below this one, r0..r10. May be NULL. */
	void (*trace)(void *ctx, u32 pc, u32 depth, const u64 *r);
	void *ctx;
	/* Out: the instruction it ended at. */
	u32 pc;
	struct bpf_run *run;		/* the interpreter's own */
};

/*
 * Runs with r1 and r2. 0 and the program's r0; -EFAULT: an access that `checked` refuses; -ELOOP:
 * the budget is used up; -E2BIG: more than BPF_FRAMES frames; -EINVAL: a call that nobody knows, or
 * an address that the loader should have put in; else what helper or tail answered.
 */
int bpf_interpret(struct bpf_machine *m, u64 r1, u64 r2, u64 *r0);

/* What BPF_PSEUDO_FUNC loads is an address that a helper may call back by this while it runs: with
 * r1..r5 from arg. As bpf_interpret otherwise. */
int bpf_call_back(struct bpf_machine *m, u64 func, const u64 *arg, u64 *r0);

/* ALU and ALU64: what dst becomes (operand: src_reg's value or imm, sign-extended). */
u64 bpf_alu(const struct bpf_insn *i, u64 dst, u64 operand);
/* Is the conditional branch taken? */
bool bpf_condition(const struct bpf_insn *i, u64 dst, u64 operand);
#endif
