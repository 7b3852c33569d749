/* SPDX-License-Identifier: BSD-2-Clause */
/* Data processing with immediates and registers (DDI 0487, C4.1.92 and C4.1.95). */
#include <insn/arm64.h>

static bool bad_regs(u32 a, u32 b, u32 c) { return a > 31 || b > 31 || c > 31; }
static u32 bits_of(bool x) { return x ? 64 : 32; }
/* The three register fields that most instructions have, and the size bit. */
static u32 regs(bool x, u32 rd, u32 rn, u32 rm)
{
	return (u32)x << 31 | rm << 16 | rn << 5 | rd;
}

bool a64_addsub_fits(u64 imm) { return imm < 4096 || (!(imm & 4095) && imm <= 4095u << 12); }

u32 a64_addsub_imm(enum a64_addsub op, bool x, u32 rd, u32 rn, u64 imm)
{
	bool high = imm > 4095;

	if (bad_regs(rd, rn, 0) || !a64_addsub_fits(imm))
		return A64_BAD;
	return 0x11000000 | regs(x, rd, rn, 0) | (u32)op << 29 | (u32)high << 22 |
	       (u32)(high ? imm >> 12 : imm) << 10;
}

u32 a64_addsub_reg(enum a64_addsub op, bool x, u32 rd, u32 rn, u32 rm, enum a64_shift shift,
		   u32 amount)
{
	if (bad_regs(rd, rn, rm) || shift > A64_ASR || amount >= bits_of(x))
		return A64_BAD;
	return 0x0b000000 | regs(x, rd, rn, rm) | (u32)op << 29 | (u32)shift << 22 | amount << 10;
}

u32 a64_addsub_ext(enum a64_addsub op, bool x, u32 rd, u32 rn, u32 rm, enum a64_extend ext,
		   u32 amount)
{
	if (bad_regs(rd, rn, rm) || ext > A64_SXTX || amount > 4)
		return A64_BAD;
	return 0x0b200000 | regs(x, rd, rn, rm) | (u32)op << 29 | (u32)ext << 13 | amount << 10;
}

/*
 * A bit mask is an element of 2, 4, ... 64 bits, repeated; the element is a run of ones, rotated
 * right by immr. imms holds the run's length less one, and above it the element's size in unary:
 * 0xxxxx is 32, 10xxxx is 16, ... and N says 64.
 */
u32 a64_bitmask(bool x, u64 imm)
{
	u32 size = 64, ones, rotate, low;
	u64 element, run;

	if (!x) {
		if (imm >> 32)
			return A64_BAD;
		imm |= imm << 32;
	}
	if (!imm || !~imm)
		return A64_BAD;
	while (size > 2 && !((imm ^ imm >> size / 2) & (BIT(size / 2) - 1)))
		size /= 2;
	element = size == 64 ? imm : imm & (BIT(size) - 1);
	ones = (u32)__builtin_popcountll(element);
	/* How far left it is turned until the run begins at bit 0: past the top, or to its end if
	 * it wraps around. */
	low = (u32)__builtin_ctzll(~element);
	rotate = low ? ones - low : size - (u32)__builtin_ctzll(element);
	run = low ? (BIT(low) - 1) | (BIT(rotate) - 1) << (size - rotate - !rotate)
		  : (BIT(ones) - 1) << (size - rotate);
	if (element != run)
		return A64_BAD;
	return (size == 64) << 12 | rotate << 6 | ((~(size * 2 - 1) & 0x3f) | (ones - 1));
}

u32 a64_logic_imm(enum a64_logic op, bool x, u32 rd, u32 rn, u64 imm)
{
	u32 mask = a64_bitmask(x, imm);

	if (bad_regs(rd, rn, 0) || mask == A64_BAD)
		return A64_BAD;
	return 0x12000000 | regs(x, rd, rn, 0) | (u32)op << 29 | mask << 10;
}

u32 a64_logic_reg(enum a64_logic op, bool x, bool invert, u32 rd, u32 rn, u32 rm,
		  enum a64_shift shift, u32 amount)
{
	if (bad_regs(rd, rn, rm) || shift > A64_ROR || amount >= bits_of(x))
		return A64_BAD;
	return 0x0a000000 | regs(x, rd, rn, rm) | (u32)op << 29 | (u32)shift << 22 |
	       (u32)invert << 21 | amount << 10;
}

u32 a64_movw(enum a64_wide op, bool x, u32 rd, u32 imm16, u32 shift)
{
	if (rd > 31 || imm16 > 0xffff || shift % 16 || shift >= bits_of(x))
		return A64_BAD;
	return 0x12800000 | regs(x, rd, 0, 0) | (u32)op << 29 | shift / 16 << 21 | imm16 << 5;
}

u32 a64_bitfield(enum a64_field op, bool x, u32 rd, u32 rn, u32 immr, u32 imms)
{
	if (bad_regs(rd, rn, 0) || immr >= bits_of(x) || imms >= bits_of(x))
		return A64_BAD;
	return 0x13000000 | regs(x, rd, rn, immr) | (u32)op << 29 | (u32)x << 22 | imms << 10;
}

u32 a64_shift_imm(enum a64_shift op, bool x, u32 rd, u32 rn, u32 amount)
{
	u32 top = bits_of(x) - 1;

	if (amount > top)
		return A64_BAD;
	switch (op) {
	case A64_LSL:
		return a64_bitfield(A64_UBFM, x, rd, rn, -amount & top, top - amount);
	case A64_LSR:
		return a64_bitfield(A64_UBFM, x, rd, rn, amount, top);
	case A64_ASR:
		return a64_bitfield(A64_SBFM, x, rd, rn, amount, top);
	default:
		return a64_extr(x, rd, rn, rn, amount);
	}
}

u32 a64_extr(bool x, u32 rd, u32 rn, u32 rm, u32 lsb)
{
	if (bad_regs(rd, rn, rm) || lsb >= bits_of(x))
		return A64_BAD;
	return 0x13800000 | regs(x, rd, rn, rm) | (u32)x << 22 | lsb << 10;
}

u32 a64_two_source(enum a64_two op, bool x, u32 rd, u32 rn, u32 rm)
{
	if (bad_regs(rd, rn, rm))
		return A64_BAD;
	return 0x1ac00000 | regs(x, rd, rn, rm) | (u32)op << 10;
}

u32 a64_one_source(enum a64_one op, bool x, u32 rd, u32 rn)
{
	u32 code = op;

	if (bad_regs(rd, rn, 0) || (op == A64_REV32 && !x))
		return A64_BAD;
	if (op == A64_REV && !x)	/* the 32-bit form of REV has REV32's place */
		code = A64_REV32;
	return 0x5ac00000 | regs(x, rd, rn, 0) | code << 10;
}

u32 a64_multiply(enum a64_mul op, bool x, u32 rd, u32 rn, u32 rm, u32 ra)
{
	if (bad_regs(rd, rn, rm) || ra > 31)
		return A64_BAD;
	return 0x1b000000 | regs(x, rd, rn, rm) | (u32)op << 15 | ra << 10;
}

u32 a64_mulh(bool is_signed, u32 rd, u32 rn, u32 rm)
{
	if (bad_regs(rd, rn, rm))
		return A64_BAD;
	return 0x1b407c00 | regs(true, rd, rn, rm) | (u32)!is_signed << 23;
}

u32 a64_cond_select(enum a64_select op, bool x, u32 rd, u32 rn, u32 rm, enum a64_cond cond)
{
	if (bad_regs(rd, rn, rm) || cond > A64_AL)
		return A64_BAD;
	return 0x1a800000 | regs(x, rd, rn, rm) | (u32)op >> 1 << 30 | (op & 1u) << 10 |
	       (u32)cond << 12;
}

u32 a64_adr(u32 rd, i64 offset)
{
	if (rd > 31 || offset < -(1 << 20) || offset >= 1 << 20)
		return A64_BAD;
	return 0x10000000 | (u32)(offset & 3) << 29 | (u32)(offset >> 2 & 0x7ffff) << 5 | rd;
}

u32 a64_adrp(u32 rd, i64 offset)
{
	u32 word = offset & 4095 ? A64_BAD : a64_adr(rd, offset >> 12);

	return word == A64_BAD ? A64_BAD : word | 1u << 31;
}
