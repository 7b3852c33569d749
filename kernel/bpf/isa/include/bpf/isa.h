/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF's instruction set (RFC 9669), on top of the names of <linux/bpf.h>: what is newer than the
 * installed header, questions that the interpreter, the JIT and the verifier all ask of an
 * instruction, and the check of a program's form that all of them count on.
 */
#ifndef BPF_ISA_H
#define BPF_ISA_H
#include <base/types.h>
#include <linux/bpf.h>

#ifndef BPF_MEMSX
#define BPF_MEMSX	0x80	/* mode of a load that extends the sign; include/uapi/linux/bpf.h */
#endif
#ifndef BPF_LOAD_ACQ
#define BPF_LOAD_ACQ	0x100	/* atomics' imm: load-acquire, store-release; same header */
#define BPF_STORE_REL	0x110
#endif
/* Modes of LDX that a loader makes of BPF_MEM and BPF_MEMSX where the address may be bad: the load
 * gives 0 then. No program can bring them. */
#define BPF_PROBE	0x20
#define BPF_PROBE_SX	0x40

#define BPF_STACK	512	/* bytes of stack per function */
/* What a function's frame takes of the kernel's stack beside that, at most: the verifier counts on it,
 * the JIT keeps to it. */
#define BPF_FRAME_EXTRA	64
#define BPF_FP		10	/* the register that points behind it; read only */
#define BPF_TAIL_CALL	12	/* the helper that never returns if it succeeds */

/* May go where it says, or on: a loop's, which ends at some time (<linux/bpf.h>, Linux 6.9). The
 * verifier makes other instructions of it. */
#define BPF_JCOND	0xe0
static inline bool bpf_is_may_goto(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_JCOND);
}

/* What is known of each instruction of a checked program. */
enum { BPF_MARK_SECOND = 1, /* the second half of a 16-byte instruction */
       BPF_MARK_FUNC = 2,   /* the first of a function */
       BPF_MARK_TARGET = 4, /* a jump leads here */
       BPF_MARK_DEAD_SRC = 8 /* by bpf_simplify, of additions: nobody reads the source register
			      * afterwards */
};

/* The first half of a 16-byte instruction, which loads 64 bits. */
static inline bool bpf_is_wide(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}
/* What it loads. */
static inline u64 bpf_wide_imm(const struct bpf_insn *i)
{
	return (u32)i[0].imm | (u64)(u32)i[1].imm << 32;
}
static inline bool
bpf_is_branch(const struct bpf_insn *i) /* conditional or not; no call, no exit */
{
	u8 class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}
/* Where the branch at pc leads, as an index; it may lie outside the program. */
static inline i64 bpf_branch_target(const struct bpf_insn *i, u32 pc)
{
	return (i64)pc + 1 + (i->code == (BPF_JMP32 | BPF_JA) ? i->imm : i->off);
}
static inline bool bpf_is_local_call(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL;
}
static inline bool bpf_is_tail_call(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && !i->src_reg && i->imm == BPF_TAIL_CALL;
}
static inline bool bpf_is_atomic(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_STX && BPF_MODE(i->code) == BPF_ATOMIC;
}
/* log2 of the bytes that a load or store moves. */
static inline u32 bpf_size_log(u8 code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return 0;
	case BPF_H:
		return 1;
	case BPF_W:
		return 2;
	default:
		return 3;
	}
}
/* The registers that an instruction reads, as a mask (a call's arguments are not counted), and from
 * bit BPF_WRITES on the one that it writes; calls: r0. */
#define BPF_WRITES	16
enum { BPF_R_DST = 1, BPF_R_SRC = 2, BPF_W_DST = 4, BPF_OTHER_USE = 8 /* r0, or imm tells */ };
extern const u8 bpf_use_table[256];	/* by opcode */
u32 bpf_other_uses(const struct bpf_insn *i);
static inline u32 bpf_uses(const struct bpf_insn *i)
{
	u32 how = bpf_use_table[i->code];

	if (how & BPF_OTHER_USE)
		return bpf_other_uses(i);
	return (how & BPF_R_DST) << i->dst_reg | (how & BPF_R_SRC) >> 1 << i->src_reg |
	       (how & BPF_W_DST) << (BPF_WRITES - 2) << i->dst_reg;
}
static inline u32 bpf_reads(const struct bpf_insn *i) { return (u16)bpf_uses(i); }
/* The register that it writes, -1 if none. */
static inline int bpf_written(const struct bpf_insn *i)
{
	u32 mask = bpf_uses(i) >> BPF_WRITES;

	return mask ? __builtin_ctz(mask) : -1;
}
/* Where functions begin: at 0 and where calls and addresses of functions lead (not outside of the
 * program), ascending, room of them at most. How many. */
u32 bpf_find_funcs(const struct bpf_insn *insns, u32 n, u32 *starts, u32 room);
/* The form of one instruction by itself; of a wide one with its second half, if `room` says that
 * there is one. It may write r10. */
bool bpf_isa_insn(const struct bpf_insn *i, bool room, bool probes);

/*
 * Checks the form of a program of n instructions: opcodes exist, reserved fields are 0, registers
 * are r0..r10 and r10 is not written, branches stay in their function and hit no second half, calls
 * and function addresses hit an instruction of the program, no function runs off its end. `probes`
 * allows BPF_PROBE. Fills mark (n bytes) with BPF_MARK_*. 0, or -EINVAL with the instruction's
 * index in *at. What a program computes is not looked at: that is the verifier's.
 */
int bpf_isa_check(const struct bpf_insn *insns, u32 n, bool probes, u8 *mark, u32 *at);
#endif
