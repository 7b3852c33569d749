/* SPDX-License-Identifier: BSD-2-Clause */
/* The GICv3 CPU interface (Arm IHI 0069, 12.2): system registers by encoding, since the assembler's
 * base architecture does not name them. */
#include <arch/sysreg.h>
#include <base/bits.h>
#include "internal.h"

#define ICC_PMR_EL1	s3_0_c4_c6_0
#define ICC_SGI1R_EL1	s3_0_c12_c11_5
#define ICC_IAR1_EL1	s3_0_c12_c12_0
#define ICC_EOIR1_EL1	s3_0_c12_c12_1
#define ICC_CTLR_EL1	s3_0_c12_c12_4
#define ICC_SRE_EL1	s3_0_c12_c12_5
#define ICC_IGRPEN1_EL1	s3_0_c12_c12_7
#define icc_read_(r)	read_sysreg(r)
#define icc_read(r)	icc_read_(r)
#define icc_write_(v, r) write_sysreg(v, r)
#define icc_write(v, r)	icc_write_(v, r)

#define SGI1R_AFF3	FIELD(48, 8)
#define SGI1R_RS	FIELD(44, 4)
#define SGI1R_AFF2	FIELD(32, 8)
#define SGI1R_AFF1	FIELD(16, 8)

u64 arch_mpidr(void) { return read_sysreg(mpidr_el1) & 0xff00fffffful; }

void arch_gic3_init_cpu(void)
{
	icc_write(icc_read(ICC_SRE_EL1) | 1, ICC_SRE_EL1);
	isb();
	icc_write(0xf0, ICC_PMR_EL1);
	icc_write(0, ICC_CTLR_EL1);		/* one write ends and deactivates */
	icc_write(1, ICC_IGRPEN1_EL1);
	isb();
}

u32 arch_gic3_acknowledge(void)
{
	u32 irq = (u32)icc_read(ICC_IAR1_EL1) & 0xffffff;

	dsb(sy);
	return irq;
}

void arch_gic3_end(u32 irq)
{
	icc_write(irq, ICC_EOIR1_EL1);
	isb();
}

void arch_gic3_send_sgi(u32 cpu)
{
	u64 a = cpu_hwid[cpu];

	dsb(ishst);
	icc_write(field_put(SGI1R_AFF3, a >> 32 & 0xff) | field_put(SGI1R_AFF2, a >> 16 & 0xff) |
			  field_put(SGI1R_AFF1, a >> 8 & 0xff) | field_put(SGI1R_RS, a >> 4 & 15) |
			  BIT(a & 15),
		  ICC_SGI1R_EL1);
	isb();
}
