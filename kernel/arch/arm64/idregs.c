/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user space learns of the CPU: HWCAPs and the ID registers, from one table of fields (Arm
 * ARM, D19.2). What the kernel does not switch or set up (SVE, SME, MTE, pointer authentication,
 * BTI, MOPS) is not in it and reads as absent.
 */
#include <base/bits.h>
#include <arch/sysreg.h>
#include <asm/hwcap.h>
#include <hal/uaccess.h>
#include "internal.h"

enum id_reg { PFR0, PFR1, ISAR0, ISAR1, ISAR2, MMFR2, NR_ID_REGS };
struct id_field {
	u8 reg, lo;
	i8 min;
	u8 which;
	u64 cap;
}; /* which: 1 AT_HWCAP, 2 AT_HWCAP2, 0 no capability */

static const struct id_field fields[] = {
	{ PFR0, 16, 0, 1, HWCAP_FP }, { PFR0, 16, 1, 1, HWCAP_FPHP },
	{ PFR0, 20, 0, 1, HWCAP_ASIMD }, { PFR0, 20, 1, 1, HWCAP_ASIMDHP },
	{ PFR0, 48, 1, 1, HWCAP_DIT },
	{ PFR1, 4, 2, 1, HWCAP_SSBS },
	{ ISAR0, 4, 1, 1, HWCAP_AES }, { ISAR0, 4, 2, 1, HWCAP_PMULL },
	{ ISAR0, 8, 1, 1, HWCAP_SHA1 },
	{ ISAR0, 12, 1, 1, HWCAP_SHA2 }, { ISAR0, 12, 2, 1, HWCAP_SHA512 },
	{ ISAR0, 16, 1, 1, HWCAP_CRC32 },
	{ ISAR0, 20, 2, 1, HWCAP_ATOMICS },
	{ ISAR0, 28, 1, 1, HWCAP_ASIMDRDM },
	{ ISAR0, 32, 1, 1, HWCAP_SHA3 },
	{ ISAR0, 36, 1, 1, HWCAP_SM3 },
	{ ISAR0, 40, 1, 1, HWCAP_SM4 },
	{ ISAR0, 44, 1, 1, HWCAP_ASIMDDP },
	{ ISAR0, 48, 1, 1, HWCAP_ASIMDFHM },
	{ ISAR0, 52, 1, 1, HWCAP_FLAGM }, { ISAR0, 52, 2, 2, HWCAP2_FLAGM2 },
	{ ISAR0, 60, 1, 2, HWCAP2_RNG },
	{ ISAR1, 0, 1, 1, HWCAP_DCPOP }, { ISAR1, 0, 2, 2, HWCAP2_DCPODP },
	{ ISAR1, 12, 1, 1, HWCAP_JSCVT },
	{ ISAR1, 16, 1, 1, HWCAP_FCMA },
	{ ISAR1, 20, 1, 1, HWCAP_LRCPC }, { ISAR1, 20, 2, 1, HWCAP_ILRCPC },
	{ ISAR1, 32, 1, 2, HWCAP2_FRINT },
	{ ISAR1, 36, 1, 1, HWCAP_SB },
	{ ISAR1, 44, 1, 2, HWCAP2_BF16 },
	{ ISAR1, 48, 1, 2, HWCAP2_DGH },
	{ ISAR1, 52, 1, 2, HWCAP2_I8MM },
	{ MMFR2, 32, 1, 1, HWCAP_USCAT },
};

static u64 raw(enum id_reg r)
{
	switch (r) {
	case PFR0: return read_sysreg(id_aa64pfr0_el1);
	case PFR1: return read_sysreg(id_aa64pfr1_el1);
	case ISAR0: return read_sysreg(id_aa64isar0_el1);
	case ISAR1: return read_sysreg(id_aa64isar1_el1);
	case ISAR2: return read_sysreg(s3_0_c0_c6_2);
	case MMFR2: return read_sysreg(id_aa64mmfr2_el1);
	default: return 0;
	}
}

/* FP and AdvSIMD are signed fields, -1 when absent; the others are unsigned and below 8. */
static i32 field_value(const struct id_field *f)
{
	u64 v = raw(f->reg) >> f->lo & 15;

	return v == 15 ? -1 : (i32)v;
}

static u64 caps(u8 which)
{
	u64 set = 0;

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].which == which && field_value(&fields[i]) >= fields[i].min)
			set |= fields[i].cap;
	return set;
}

u64 arch_hwcap(void) { return caps(1) | HWCAP_CPUID; }
u64 arch_hwcap2(void) { return caps(2); }

static u64 visible(enum id_reg r)
{
	u64 mask = 0;

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].reg == r)
			mask |= FIELD(fields[i].lo, 4);
	return (raw(r) & mask) | (r == PFR0 ? 0x11 : 0);	/* EL0 and EL1: AArch64 only */
}

/* The value of the ID register S3_0_C0_Cm_op2 for user space; those not named read as zero. */
static u64 id_value(u32 crm, u32 op2)
{
	switch (crm << 4 | op2) {
	case 0x00: return read_sysreg(midr_el1);
	case 0x05: return BIT(31);			/* MPIDR_EL1 */
	case 0x06: return read_sysreg(revidr_el1);
	case 0x40: return visible(PFR0);
	case 0x41: return visible(PFR1);
	case 0x50: return 6;				/* DFR0: Armv8 debug */
	case 0x60: return visible(ISAR0);
	case 0x61: return visible(ISAR1);
	case 0x62: return visible(ISAR2);
	case 0x72: return visible(MMFR2);
	default: return 0;
	}
}

/* MRS Xt, S3_0_C0_Cm_op2: op0 = 3, op1 = 0, CRn = 0 left to the check below */
#define MRS_MASK	0xffff0000u
#define MRS_ID		0xd5380000u
#define INSN_CRN	FIELD(12, 4)
#define INSN_CRM	FIELD(8, 4)
#define INSN_OP2	FIELD(5, 3)
#define INSN_RT		FIELD(0, 5)

/* Both classes of exception are decoded from the instruction itself: without FEAT_IDST the syndrome
 * says nothing. */
bool emulate_mrs(struct regs *r, u64 esr)
{
	u32 insn, rt;
	u64 v;

	if (get_user(insn, (const u32 __user *)r->pc))
		return false;
	if ((insn & MRS_MASK) != MRS_ID || field_get(INSN_CRN, insn) ||
	    field_get(INSN_CRM, insn) > 7 ||
	    (field_get(INSN_CRM, insn) == 0 && field_get(INSN_OP2, insn) != 0 &&
	     field_get(INSN_OP2, insn) != 5 && field_get(INSN_OP2, insn) != 6))
		return false;
	v = id_value((u32)field_get(INSN_CRM, insn), (u32)field_get(INSN_OP2, insn));
	rt = (u32)field_get(INSN_RT, insn);
	if (rt != 31)
		r->x[rt] = v;
	r->pc += 4;
	return true;
}
