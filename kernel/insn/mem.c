/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores (DDI 0487, C4.1.94). */
#include <insn/arm64.h>

static bool bad_regs(u32 a, u32 b, u32 c) { return a > 31 || b > 31 || c > 31; }

/* The size and opc fields of a load or store; A64_BAD where the two do not go together: there is no
 * sign extension of 64 bits to 64, nor of 32 to 32. */
static u32 size_opc(enum a64_ldst op, u32 size)
{
	static const u8 opc[] = { [A64_STR] = 0, [A64_LDR] = 1, [A64_LDRS] = 2, [A64_LDRSW] = 3 };

	if (size > 3 || (op == A64_LDRS && size > 2) || (op == A64_LDRSW && size > 1))
		return A64_BAD;
	return size << 30 | (u32)opc[op] << 22;
}

u32 a64_ldst_imm(enum a64_ldst op, u32 size, u32 rt, u32 rn, u64 offset)
{
	u32 kind = size_opc(op, size);

	if (bad_regs(rt, rn, 0) || kind == A64_BAD || offset & (BIT(size) - 1) ||
	    offset >> size > 4095)
		return A64_BAD;
	return 0x39000000 | kind | (u32)(offset >> size) << 10 | rn << 5 | rt;
}

u32 a64_ldst_unscaled(enum a64_ldst op, u32 size, u32 rt, u32 rn, i64 offset)
{
	u32 kind = size_opc(op, size);

	if (bad_regs(rt, rn, 0) || kind == A64_BAD || offset < -256 || offset > 255)
		return A64_BAD;
	return 0x38000000 | kind | (u32)(offset & 0x1ff) << 12 | rn << 5 | rt;
}

u32 a64_ldst_index(enum a64_ldst op, enum a64_index how, u32 size, u32 rt, u32 rn, i64 offset)
{
	u32 word = a64_ldst_unscaled(op, size, rt, rn, offset);

	if (word == A64_BAD || how == A64_OFFSET || (rt == rn && rn != A64_SP))
		return A64_BAD;
	return word | (u32)how << 10;
}

u32 a64_ldst_reg(enum a64_ldst op, u32 size, u32 rt, u32 rn, u32 rm, enum a64_extend ext,
		 bool scaled)
{
	u32 kind = size_opc(op, size);

	if (bad_regs(rt, rn, rm) || kind == A64_BAD || ext > A64_SXTX || !(ext & 2))
		return A64_BAD;
	return 0x38200800 | kind | rm << 16 | (u32)ext << 13 | (u32)scaled << 12 | rn << 5 | rt;
}

u32 a64_pair(bool load, bool x, enum a64_index how, u32 rt1, u32 rt2, u32 rn, i64 offset)
{
	u32 log = x ? 3 : 2;
	i64 scaled = offset >> log;

	if (bad_regs(rt1, rt2, rn) || offset & (i64)(BIT(log) - 1) || scaled < -64 || scaled > 63)
		return A64_BAD;
	if ((load && rt1 == rt2) ||
	    (how != A64_OFFSET && rn != A64_SP && (rt1 == rn || rt2 == rn)))
		return A64_BAD;
	return 0x28000000 | (u32)x << 31 | (u32)how << 23 | (u32)load << 22 |
	       (u32)(scaled & 0x7f) << 15 | rt2 << 10 | rn << 5 | rt1;
}

u32 a64_ldr_literal(bool x, u32 rt, i64 offset)
{
	if (rt > 31 || offset & 3 || offset < -(1 << 20) || offset >= 1 << 20)
		return A64_BAD;
	return 0x18000000 | (u32)x << 30 | (u32)(offset >> 2 & 0x7ffff) << 5 | rt;
}

u32 a64_ldx(bool acquire, u32 size, u32 rt, u32 rn)
{
	if (bad_regs(rt, rn, 0) || size > 3)
		return A64_BAD;
	return 0x085f7c00 | size << 30 | (u32)acquire << 15 | rn << 5 | rt;
}

u32 a64_stx(bool release, u32 size, u32 rs, u32 rt, u32 rn)
{
	if (bad_regs(rs, rt, rn) || size > 3 || rs == rt || (rs == rn && rn != A64_SP))
		return A64_BAD;
	return 0x08007c00 | size << 30 | rs << 16 | (u32)release << 15 | rn << 5 | rt;
}

u32 a64_load_acquire(u32 size, u32 rt, u32 rn)
{
	if (bad_regs(rt, rn, 0) || size > 3)
		return A64_BAD;
	return 0x08dffc00 | size << 30 | rn << 5 | rt;
}

u32 a64_store_release(u32 size, u32 rt, u32 rn)
{
	if (bad_regs(rt, rn, 0) || size > 3)
		return A64_BAD;
	return 0x089ffc00 | size << 30 | rn << 5 | rt;
}

u32 a64_atomic(enum a64_atomic op, bool acquire, bool release, u32 size, u32 rs, u32 rt, u32 rn)
{
	if (bad_regs(rs, rt, rn) || size > 3 || op > A64_SWP)
		return A64_BAD;
	return 0x38200000 | size << 30 | (u32)acquire << 23 | (u32)release << 22 | rs << 16 |
	       (u32)op << 12 | rn << 5 | rt;
}

u32 a64_cas(bool acquire, bool release, u32 size, u32 rs, u32 rt, u32 rn)
{
	if (bad_regs(rs, rt, rn) || size > 3)
		return A64_BAD;
	return 0x08a07c00 | size << 30 | (u32)acquire << 22 | rs << 16 | (u32)release << 15 |
	       rn << 5 | rt;
}
