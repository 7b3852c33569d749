/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic and conditions (RFC 9669, 4 and 4.3), as pure functions. */
#include <bpf/interp.h>

static u64 swap_bytes(u64 v, u32 bits)
{
	switch (bits) {
	case 16:
		return __builtin_bswap16((u16)v);
	case 32:
		return __builtin_bswap32((u32)v);
	default:
		return __builtin_bswap64(v);
	}
}

/* ALU: to little endian (K) or big endian (X); ALU64: always swaps. */
static u64 byte_order(const struct bpf_insn *i, u64 v)
{
	u64 mask = i->imm == 64 ? ~0ull : BIT(i->imm) - 1;

	if (BPF_CLASS(i->code) == BPF_ALU && BPF_SRC(i->code) == BPF_K)
		return v & mask;
	return swap_bytes(v, (u32)i->imm);
}

static u64 sign_extend(u64 v, u32 bits)
{
	switch (bits) {
	case 8:
		return (u64)(i64)(i8)v;
	case 16:
		return (u64)(i64)(i16)v;
	case 32:
		return (u64)(i64)(i32)v;
	default:
		return v;
	}
}

/* Division by 0 gives 0, the remainder is then the dividend; the least number by -1 is itself, with
 * remainder 0. v and by have been extended to 64 bits as their width and sign demand. */
static u64 divide(u64 v, u64 by, bool is_signed, bool remainder)
{
	if (!by)
		return remainder ? v : 0;
	if (!is_signed)
		return remainder ? v % by : v / by;
	if ((i64)by == -1)
		return remainder ? 0 : 0 - v;
	return (u64)(remainder ? (i64)v % (i64)by : (i64)v / (i64)by);
}

u64 bpf_alu(const struct bpf_insn *i, u64 dst, u64 operand)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64, is_signed = i->off == 1;
	u32 bits = wide ? 64 : 32, by = operand & (bits - 1);
	u64 d = dst, s = operand, v;

	if (BPF_OP(i->code) == BPF_END)
		return byte_order(i, dst);
	if (!wide) {
		d = (u32)d;
		s = (u32)s;
	}
	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		v = d + s;
		break;
	case BPF_SUB:
		v = d - s;
		break;
	case BPF_MUL:
		v = d * s;
		break;
	case BPF_DIV:
	case BPF_MOD:
		v = divide(is_signed ? sign_extend(d, bits) : d,
			   is_signed ? sign_extend(s, bits) : s, is_signed,
			   BPF_OP(i->code) == BPF_MOD);
		break;
	case BPF_OR:
		v = d | s;
		break;
	case BPF_AND:
		v = d & s;
		break;
	case BPF_XOR:
		v = d ^ s;
		break;
	case BPF_LSH:
		v = d << by;
		break;
	case BPF_RSH:
		v = d >> by;
		break;
	case BPF_ARSH:
		v = (u64)((i64)sign_extend(d, bits) >> by);
		break;
	case BPF_NEG:
		v = 0 - d;
		break;
	default:	/* BPF_MOV; off: the bits whose sign is extended */
		v = BPF_SRC(i->code) == BPF_X && i->off ? sign_extend(s, (u32)i->off) : s;
		break;
	}
	return wide ? v : (u32)v;
}

bool bpf_condition(const struct bpf_insn *i, u64 dst, u64 operand)
{
	bool narrow = BPF_CLASS(i->code) == BPF_JMP32;
	u64 d = narrow ? (u32)dst : dst, s = narrow ? (u32)operand : operand;
	i64 sd = narrow ? (i32)dst : (i64)dst, ss = narrow ? (i32)operand : (i64)operand;

	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return d == s;
	case BPF_JNE:
		return d != s;
	case BPF_JGT:
		return d > s;
	case BPF_JGE:
		return d >= s;
	case BPF_JLT:
		return d < s;
	case BPF_JLE:
		return d <= s;
	case BPF_JSET:
		return d & s;
	case BPF_JSGT:
		return sd > ss;
	case BPF_JSGE:
		return sd >= ss;
	case BPF_JSLT:
		return sd < ss;
	case BPF_JSLE:
		return sd <= ss;
	default:
		return true;	/* BPF_JA */
	}
}
