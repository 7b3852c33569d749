/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass over a program: both run the same code, the first with nowhere to write. What an
 * instruction becomes must therefore not depend on where anything is, only on what the function
 * looks like (struct func), and on `reach`.
 *
 * Registers. A function that calls nothing keeps r6..r9 in registers that need no saving; r0 is x0
 * there and r1 moves to x7 if it is used. r10 has no register: it is sp plus the frame's size.
 */
#ifndef JIT_INTERNAL_H
#define JIT_INTERNAL_H
#include <bpf/jit.h>
#include <insn/arm64.h>

enum {	/* scratch: none holds a value across BPF instructions */
	T0 = 10,	/* addresses, and immediates of arithmetic */
	T1 = 16, T2 = 17, T3 = 15, T4 = 8,
	TAIL_LEAF = 9, TAIL_SAVED = 23	/* the tail calls' counter, if the program has any */
};

/* How far branches reach: REACH_NEAR is an image within 32 KiB (TBZ), REACH_MID within 1 MiB. */
enum { REACH_NEAR, REACH_MID, REACH_FAR };

struct func {
	u32 start, end;		/* instructions */
	bool leaf;		/* calls nothing */
	bool tails;		/* makes tail calls */
	u32 frame;		/* bytes that sp goes down; r10 = sp + frame */
	u8 saved[6], n_saved;	/* beside x29 and x30, at sp + 16 on */
	u8 reg[10];		/* BPF register to arm64's */
	bool r1_moves;		/* from x0 to reg[1], at entry */
};

struct pass {
	const struct bpf_jit *jit;
	u32 *image;			/* the second pass: to be filled, else NULL */
	struct bpf_jit_fixup *fixups;
	u32 n_fixups;
	u32 pos, size;			/* in bytes */
	u32 reach;
	u64 random;
	bool any_tail;			/* some function of the program makes tail calls */
	u32 tail_entry;
	u32 n_funcs;			/* planned so far */
	int error;			/* the first; nothing is emitted after it */
	struct func f;
	struct bpf_jit_plan plan;	/* of f */
};

static inline bool sizing(const struct pass *p) { return !p->image; }
void emit(struct pass *p, u32 word);
void fail(struct pass *p, int error);
/* From here to instruction pc, or to its function's entry; 0 in the first pass. */
i64 way_to(const struct pass *p, u32 pc);
i64 way_to_entry(const struct pass *p, u32 pc);

/* rd = v, as short as possible; W forms clear the upper half. */
void move_raw(struct pass *p, bool x, u32 rd, u64 v);
/* The same for a constant of the program's: blinded, if asked for; uses T2 then. */
void move_imm(struct pass *p, bool x, u32 rd, u64 v);
void move_reg(struct pass *p, bool x, u32 rd, u32 rn);	/* not sp */
/* rd = rn + v; rn may be sp, rd is not; rd is not rn unless v is short. */
void add_imm(struct pass *p, u32 rd, u32 rn, i64 v);
/* The register that holds BPF register r; r10 is computed into tmp. */
u32 value_of(struct pass *p, u32 r, u32 tmp);

/* What one instruction becomes (alu.c, memory.c, flow.c). */
void jit_alu(struct pass *p, const struct bpf_insn *i);
void jit_memory(struct pass *p, const struct bpf_insn *i);
void jit_atomic(struct pass *p, const struct bpf_insn *i);
void jit_branch(struct pass *p, const struct bpf_insn *i, u32 pc);
void jit_call(struct pass *p, const struct bpf_insn *i, u32 pc);
void jit_func_address(struct pass *p, const struct bpf_insn *i, u32 pc);

/* frame.c */
void plan_func(struct pass *p, u32 start);
void emit_entry(struct pass *p);
void emit_exit(struct pass *p, u32 pc);
void emit_epilogue(struct pass *p);
void emit_teardown(struct pass *p);	/* all of the epilogue but r0 and the return */
#endif
