/* SPDX-License-Identifier: BSD-2-Clause */
/* Branches, exceptions, hints, barriers, system registers (DDI 0487, C4.1.93). */
#include <insn/arm64.h>

/* A branch's offset of so many bits, counted in instructions, as the field has it; A64_BAD if it
 * does not fit. */
static u32 words(i64 offset, u32 bits)
{
	i64 n = offset >> 2, limit = (i64)BIT(bits - 1);

	if (offset & 3 || n < -limit || n >= limit)
		return A64_BAD;
	return (u32)n & (u32)(BIT(bits) - 1);
}

static u32 far_branch(u32 base, i64 offset)
{
	u32 field = words(offset, 26);

	return field == A64_BAD ? A64_BAD : base | field;
}

u32 a64_b(i64 offset) { return far_branch(0x14000000, offset); }
u32 a64_bl(i64 offset) { return far_branch(0x94000000, offset); }

u32 a64_b_cond(enum a64_cond cond, i64 offset)
{
	u32 field = words(offset, 19);

	if (field == A64_BAD || cond > A64_AL)
		return A64_BAD;
	return 0x54000000 | field << 5 | (u32)cond;
}

u32 a64_cbz(bool nonzero, bool x, u32 rt, i64 offset)
{
	u32 field = words(offset, 19);

	if (field == A64_BAD || rt > 31)
		return A64_BAD;
	return 0x34000000 | (u32)x << 31 | (u32)nonzero << 24 | field << 5 | rt;
}

u32 a64_tbz(bool nonzero, u32 rt, u32 bit, i64 offset)
{
	u32 field = words(offset, 14);

	if (field == A64_BAD || rt > 31 || bit > 63)
		return A64_BAD;
	return 0x36000000 | bit >> 5 << 31 | (u32)nonzero << 24 | (bit & 31) << 19 | field << 5 |
	       rt;
}

u32 a64_jump_reg(enum a64_jump op, u32 rn)
{
	if (rn > 31 || op > A64_RET)
		return A64_BAD;
	return 0xd61f0000 | (u32)op << 21 | rn << 5;
}

u32 a64_hint(u32 number) { return number > 127 ? A64_BAD : 0xd503201f | number << 5; }

u32 a64_barrier(enum a64_barrier op, u32 domain)
{
	/* DSB's values 0 and 4 are other instructions (SSBB, PSSBB). */
	if (domain > 15 || op < A64_DSB || op > A64_ISB || (op == A64_DSB && !(domain & 11)))
		return A64_BAD;
	return 0xd503301f | domain << 8 | (u32)op << 5;
}

u32 a64_brk(u32 imm16) { return imm16 > 0xffff ? A64_BAD : 0xd4200000 | imm16 << 5; }
u32 a64_udf(u32 imm16) { return imm16 > 0xffff ? A64_BAD : imm16; }

static u32 system_move(u32 base, u32 rt, u32 sysreg)
{
	if (rt > 31 || sysreg < 2u << 14 || sysreg > 0xffff)
		return A64_BAD;
	return base | sysreg << 5 | rt;
}

u32 a64_mrs(u32 rt, u32 sysreg) { return system_move(0xd5200000, rt, sysreg); }
u32 a64_msr(u32 sysreg, u32 rt) { return system_move(0xd5000000, rt, sysreg); }
