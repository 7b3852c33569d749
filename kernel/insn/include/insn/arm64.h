/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encoder of arm64 instructions: pure functions from operands to one 32-bit word. Source of every
 * encoding: Arm Architecture Reference Manual for A-profile (DDI 0487), chapter C4 (encodings) and
 * C6 (instructions).
 *
 * A function that gets an operand which does not fit answers A64_BAD and never truncates; A64_BAD
 * is itself no instruction of the architecture, so one comparison tells. Whoever stores the word
 * must have looked.
 *
 * Operands: `x` chooses the 64-bit form (else 32-bit). Registers are 0..31; 31 is ZR or SP as the
 * instruction has it, said where it is SP. Offsets of branches, adr and literals are in bytes from
 * the instruction's own address (adrp: from its page).
 */
#ifndef INSN_ARM64_H
#define INSN_ARM64_H
#include <base/types.h>

#define A64_BAD		0xffffffffu

enum { A64_FP = 29, A64_LR = 30, A64_ZR = 31, A64_SP = 31 };
/* Conditions, as the instruction's field has them; one is its neighbour's opposite: cond ^ 1. */
enum a64_cond {
	A64_EQ, A64_NE, A64_HS, A64_LO, A64_MI, A64_PL, A64_VS, A64_VC, A64_HI, A64_LS, A64_GE,
	A64_LT, A64_GT, A64_LE, A64_AL
};
enum a64_shift { A64_LSL, A64_LSR, A64_ASR, A64_ROR };
enum a64_extend {
	A64_UXTB, A64_UXTH, A64_UXTW, A64_UXTX, A64_SXTB, A64_SXTH, A64_SXTW, A64_SXTX
};

/* --- arithmetic and logic (dp.c) --- */
enum a64_addsub { A64_ADD, A64_ADDS, A64_SUB, A64_SUBS };
/* imm: 0..4095, or a multiple of 4096 up to 4095 * 4096. rn is SP; rd is SP in ADD and SUB. */
u32 a64_addsub_imm(enum a64_addsub op, bool x, u32 rd, u32 rn, u64 imm);
/* How an imm for the above is: true if it fits. */
bool a64_addsub_fits(u64 imm);
/* shift: LSL, LSR, ASR by 0..63 (31). */
u32 a64_addsub_reg(enum a64_addsub op, bool x, u32 rd, u32 rn, u32 rm, enum a64_shift shift,
		   u32 amount);
/* rm extended, then shifted left by 0..4. rn is SP; rd is SP in ADD and SUB. */
u32 a64_addsub_ext(enum a64_addsub op, bool x, u32 rd, u32 rn, u32 rm, enum a64_extend ext,
		   u32 amount);

enum a64_logic { A64_AND, A64_ORR, A64_EOR, A64_ANDS };
/* The N:immr:imms field (13 bits) of a bit mask, or A64_BAD if there is none: a run of ones,
 * rotated, repeated every 2, 4, ... 64 bits. For !x, imm has 32 bits. */
u32 a64_bitmask(bool x, u64 imm);
u32 a64_logic_imm(enum a64_logic op, bool x, u32 rd, u32 rn, u64 imm);	/* rd is SP but in ANDS */
/* invert: BIC, ORN, EON, BICS. */
u32 a64_logic_reg(enum a64_logic op, bool x, bool invert, u32 rd, u32 rn, u32 rm,
		  enum a64_shift shift, u32 amount);

enum a64_wide { A64_MOVN = 0, A64_MOVZ = 2, A64_MOVK = 3 };
u32 a64_movw(enum a64_wide op, bool x, u32 rd, u32 imm16, u32 shift);	/* 0, 16, (32, 48) */

enum a64_field { A64_SBFM, A64_BFM, A64_UBFM };
/* As the manual has immr and imms: 0..63 (31). */
u32 a64_bitfield(enum a64_field op, bool x, u32 rd, u32 rn, u32 immr, u32 imms);
u32 a64_shift_imm(enum a64_shift op, bool x, u32 rd, u32 rn, u32 amount);	/* 0..63 (31) */
u32 a64_extr(bool x, u32 rd, u32 rn, u32 rm, u32 lsb);	/* rn:rm >> lsb, 0..63 (31) */

enum a64_two { A64_UDIV = 2, A64_SDIV = 3, A64_LSLV = 8, A64_LSRV, A64_ASRV, A64_RORV };
/* rd = rn op rm. */
u32 a64_two_source(enum a64_two op, bool x, u32 rd, u32 rn, u32 rm);
/* REV: all bytes of the register. REV32: 64-bit form only. */
enum a64_one { A64_RBIT, A64_REV16, A64_REV32, A64_REV, A64_CLZ, A64_CLS };
u32 a64_one_source(enum a64_one op, bool x, u32 rd, u32 rn);
enum a64_mul { A64_MADD, A64_MSUB };
u32 a64_multiply(enum a64_mul op, bool x, u32 rd, u32 rn, u32 rm, u32 ra);	/* ra +- rn * rm */
u32 a64_mulh(bool is_signed, u32 rd, u32 rn, u32 rm);	/* the high half of 64 x 64 */
enum a64_select { A64_CSEL, A64_CSINC, A64_CSINV, A64_CSNEG };
u32 a64_cond_select(enum a64_select op, bool x, u32 rd, u32 rn, u32 rm, enum a64_cond cond);
u32 a64_adr(u32 rd, i64 offset);	/* +- 1 MiB */
u32 a64_adrp(u32 rd, i64 offset);	/* +- 4 GiB, a multiple of 4096 */

/* --- memory (mem.c); size is log2 of the bytes: 0..3; rn is SP everywhere --- */
/* LDRS: sign-extended to 64 bits (sizes 0..2). LDRSW: to 32 bits (sizes 0, 1). */
enum a64_ldst { A64_STR, A64_LDR, A64_LDRS, A64_LDRSW };
u32 a64_ldst_imm(enum a64_ldst op, u32 size, u32 rt, u32 rn, u64 offset); /* 0..4095 << size */
u32 a64_ldst_unscaled(enum a64_ldst op, u32 size, u32 rt, u32 rn, i64 offset);	/* -256..255 */
enum a64_index { A64_POST = 1, A64_OFFSET = 2, A64_PRE = 3 };
/* Writes rn back: POST or PRE, -256..255. rt must not be rn, unless rn is SP (unpredictable). */
u32 a64_ldst_index(enum a64_ldst op, enum a64_index how, u32 size, u32 rt, u32 rn, i64 offset);
/* rm: UXTW, SXTW or UXTX (plain 64 bits), SXTX; scaled: shifted left by size. */
u32 a64_ldst_reg(enum a64_ldst op, u32 size, u32 rt, u32 rn, u32 rm, enum a64_extend ext,
		 bool scaled);
/* offset: a multiple of 8 (4) in -512..504 (-256..252). Loads want rt1 != rt2, and writing back
 * wants neither to be rn. */
u32 a64_pair(bool load, bool x, enum a64_index how, u32 rt1, u32 rt2, u32 rn, i64 offset);
u32 a64_ldr_literal(bool x, u32 rt, i64 offset);	/* +- 1 MiB, a multiple of 4 */
u32 a64_ldx(bool acquire, u32 size, u32 rt, u32 rn);		/* LDXR, LDAXR */
u32 a64_stx(bool release, u32 size, u32 rs, u32 rt, u32 rn);	/* rs: status, not rt, not rn */
u32 a64_load_acquire(u32 size, u32 rt, u32 rn);			/* LDAR */
u32 a64_store_release(u32 size, u32 rt, u32 rn);		/* STLR */
/* FEAT_LSE: rt = memory; memory = memory OP rs. CLR: and-not. */
enum a64_atomic {
	A64_LDADD, A64_LDCLR, A64_LDEOR, A64_LDSET, A64_LDSMAX, A64_LDSMIN, A64_LDUMAX,
	A64_LDUMIN, A64_SWP
};
u32 a64_atomic(enum a64_atomic op, bool acquire, bool release, u32 size, u32 rs, u32 rt, u32 rn);
u32 a64_cas(bool acquire, bool release, u32 size, u32 rs, u32 rt, u32 rn);	/* rs: old */

/* --- branches and the system (branch.c) --- */
u32 a64_b(i64 offset);					/* +- 128 MiB */
u32 a64_bl(i64 offset);					/* +- 128 MiB */
u32 a64_b_cond(enum a64_cond cond, i64 offset);		/* +- 1 MiB */
u32 a64_cbz(bool nonzero, bool x, u32 rt, i64 offset);	/* +- 1 MiB */
u32 a64_tbz(bool nonzero, u32 rt, u32 bit, i64 offset);	/* +- 32 KiB; bit 0..63 */
enum a64_jump { A64_BR, A64_BLR, A64_RET };
/* To the address in rn. */
u32 a64_jump_reg(enum a64_jump op, u32 rn);
enum a64_hint {
	A64_NOP = 0, A64_YIELD = 1, A64_PACIASP = 25, A64_AUTIASP = 29, A64_BTI = 32,
	A64_BTI_C = 34, A64_BTI_J = 36, A64_BTI_JC = 38
};
u32 a64_hint(u32 number);				/* 0..127 */
enum a64_barrier { A64_DSB = 4, A64_DMB = 5, A64_ISB = 6 };
enum { A64_ISHLD = 9, A64_ISHST = 10, A64_ISH = 11, A64_LDFULL = 13, A64_STFULL = 14, A64_SY = 15 };
u32 a64_barrier(enum a64_barrier op, u32 domain);	/* domain: 0..15; DSB wants not 0, not 4 */
u32 a64_brk(u32 imm16);					/* 0..65535 */
u32 a64_udf(u32 imm16);					/* 0..65535 */
/* A system register as op0 (2, 3), op1, CRn, CRm, op2. */
#define A64_SYSREG(op0, op1, crn, crm, op2) \
	((u32)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))
u32 a64_mrs(u32 rt, u32 sysreg);
u32 a64_msr(u32 sysreg, u32 rt);
#endif
