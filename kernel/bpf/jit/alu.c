/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic. Division by zero needs nothing: arm64's gives 0, and the remainder made from that is
 * the dividend, as BPF has it; the same with the least number by -1. */
#include <base/errno.h>
#include "jit_internal.h"

/* rd += or -= v as one instruction if that can be. */
static void add_const(struct pass *p, bool x, u32 rd, u64 v, bool subtract)
{
	u64 minus = x ? -v : (u32)-v;
	bool blind = p->jit->opts->blind;

	if (v && !blind && a64_addsub_fits(v)) {
		emit(p, a64_addsub_imm(subtract ? A64_SUB : A64_ADD, x, rd, rd, v));
	} else if (v && !blind && a64_addsub_fits(minus)) {
		emit(p, a64_addsub_imm(subtract ? A64_ADD : A64_SUB, x, rd, rd, minus));
	} else if (!v) {
		move_reg(p, x, rd, rd);
	} else {
		move_imm(p, x, T0, v);
		emit(p, a64_addsub_reg(subtract ? A64_SUB : A64_ADD, x, rd, rd, T0, A64_LSL, 0));
	}
}

static void logic_const(struct pass *p, enum a64_logic op, bool x, u32 rd, u64 v)
{
	if (!p->jit->opts->blind && a64_bitmask(x, v) != A64_BAD) {
		emit(p, a64_logic_imm(op, x, rd, rd, v));
	} else if (!v && op == A64_AND) {
		move_raw(p, false, rd, 0);
	} else if (!v) {
		move_reg(p, x, rd, rd);
	} else {
		move_imm(p, x, T0, v);
		emit(p, a64_logic_reg(op, x, false, rd, rd, T0, A64_LSL, 0));
	}
}

static void divide(struct pass *p, const struct bpf_insn *i, bool x, u32 rd, u32 rs)
{
	enum a64_two op = i->off == 1 ? A64_SDIV : A64_UDIV;

	if (BPF_OP(i->code) == BPF_DIV) {
		emit(p, a64_two_source(op, x, rd, rd, rs));
		return;
	}
	emit(p, a64_two_source(op, x, T1, rd, rs));
	emit(p, a64_multiply(A64_MSUB, x, rd, T1, rs, rd));
}

/* Multiplication and unsigned division by a power of two; false if it is none. */
static bool by_power(struct pass *p, const struct bpf_insn *i, bool x, u32 rd, u64 v)
{
	u8 op = BPF_OP(i->code);

	if (!v || v & (v - 1) || p->jit->opts->blind || (op != BPF_MUL && i->off == 1))
		return false;
	if (op == BPF_MUL && v > 1)
		emit(p, a64_shift_imm(A64_LSL, x, rd, rd, ilog2(v)));
	else if (op == BPF_DIV && v > 1)
		emit(p, a64_shift_imm(A64_LSR, x, rd, rd, ilog2(v)));
	else if (op == BPF_MOD)
		logic_const(p, A64_AND, x, rd, v - 1);
	else
		move_reg(p, x, rd, rd);
	return true;
}

static void alu_imm(struct pass *p, const struct bpf_insn *i, bool x, u32 rd)
{
	u64 v = x ? (u64)(i64)i->imm : (u32)i->imm;
	u32 by = (u32)i->imm & (x ? 63 : 31);

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
	case BPF_SUB:
		add_const(p, x, rd, v, BPF_OP(i->code) == BPF_SUB);
		break;
	case BPF_AND:
		logic_const(p, A64_AND, x, rd, v);
		break;
	case BPF_OR:
		logic_const(p, A64_ORR, x, rd, v);
		break;
	case BPF_XOR:
		logic_const(p, A64_EOR, x, rd, v);
		break;
	case BPF_LSH:
		emit(p, a64_shift_imm(A64_LSL, x, rd, rd, by));
		break;
	case BPF_RSH:
		emit(p, a64_shift_imm(A64_LSR, x, rd, rd, by));
		break;
	case BPF_ARSH:
		emit(p, a64_shift_imm(A64_ASR, x, rd, rd, by));
		break;
	case BPF_MOV:
		move_imm(p, x, rd, v);
		break;
	default:	/* BPF_MUL, BPF_DIV, BPF_MOD */
		if (by_power(p, i, x, rd, v))
			break;
		move_imm(p, x, T0, v);
		if (BPF_OP(i->code) == BPF_MUL)
			emit(p, a64_multiply(A64_MADD, x, rd, rd, T0, A64_ZR));
		else
			divide(p, i, x, rd, T0);
	}
}

static void move(struct pass *p, const struct bpf_insn *i, bool x, u32 rd)
{
	if (i->src_reg == BPF_FP && x && !i->off) {
		value_of(p, BPF_FP, rd);
	} else {
		u32 rs = value_of(p, i->src_reg, T0);

		if (i->off)
			emit(p, a64_bitfield(A64_SBFM, x, rd, rs, 0, (u32)i->off - 1));
		else
			move_reg(p, x, rd, rs);
	}
}

static void alu_reg(struct pass *p, const struct bpf_insn *i, bool x, u32 rd)
{
	u32 rs;

	if (BPF_OP(i->code) == BPF_MOV) {
		move(p, i, x, rd);
		return;
	}
	rs = value_of(p, i->src_reg, T0);
	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		emit(p, a64_addsub_reg(A64_ADD, x, rd, rd, rs, A64_LSL, 0));
		break;
	case BPF_SUB:
		emit(p, a64_addsub_reg(A64_SUB, x, rd, rd, rs, A64_LSL, 0));
		break;
	case BPF_AND:
		emit(p, a64_logic_reg(A64_AND, x, false, rd, rd, rs, A64_LSL, 0));
		break;
	case BPF_OR:
		emit(p, a64_logic_reg(A64_ORR, x, false, rd, rd, rs, A64_LSL, 0));
		break;
	case BPF_XOR:
		emit(p, a64_logic_reg(A64_EOR, x, false, rd, rd, rs, A64_LSL, 0));
		break;
	case BPF_LSH:
		emit(p, a64_two_source(A64_LSLV, x, rd, rd, rs));
		break;
	case BPF_RSH:
		emit(p, a64_two_source(A64_LSRV, x, rd, rd, rs));
		break;
	case BPF_ARSH:
		emit(p, a64_two_source(A64_ASRV, x, rd, rd, rs));
		break;
	case BPF_MUL:
		emit(p, a64_multiply(A64_MADD, x, rd, rd, rs, A64_ZR));
		break;
	default:	/* BPF_DIV, BPF_MOD */
		divide(p, i, x, rd, rs);
	}
}

static void byte_order(struct pass *p, const struct bpf_insn *i, u32 rd)
{
	bool swap = BPF_CLASS(i->code) == BPF_ALU64 || BPF_SRC(i->code) == BPF_X;

	switch (i->imm) {
	case 16:
		if (swap)
			emit(p, a64_one_source(A64_REV16, false, rd, rd));
		emit(p, a64_bitfield(A64_UBFM, false, rd, rd, 0, 15));
		break;
	case 32:
		if (swap)
			emit(p, a64_one_source(A64_REV, false, rd, rd));
		else
			move_reg(p, false, rd, rd);
		break;
	default:
		if (swap)
			emit(p, a64_one_source(A64_REV, true, rd, rd));
	}
}

void jit_alu(struct pass *p, const struct bpf_insn *i)
{
	bool x = BPF_CLASS(i->code) == BPF_ALU64;
	u32 rd = p->f.reg[i->dst_reg];

	if (BPF_OP(i->code) == BPF_END)
		byte_order(p, i, rd);
	else if (BPF_OP(i->code) == BPF_NEG)
		emit(p, a64_addsub_reg(A64_SUB, x, rd, A64_ZR, rd, A64_LSL, 0));
	else if (BPF_SRC(i->code) == BPF_X)
		alu_reg(p, i, x, rd);
	else
		alu_imm(p, i, x, rd);
}
