/* SPDX-License-Identifier: BSD-2-Clause */
/* System register values (Arm ARM, D19) and assembler helpers; shared by C and assembly. */
#ifndef ARCH_SYSREG_H
#define ARCH_SYSREG_H

#define HCR_RW		(1 << 31)
#define HCR_TGE		(1 << 27)
#define HCR_E2H		(1 << 34)

#define SCTLR_SPAN	(1 << 23)
/* MMU off: the bits that are RES1 where the features behind them are absent. */
#define SCTLR_OFF	((1 << 29) | (1 << 28) | SCTLR_SPAN | (1 << 22) | (1 << 20) | (1 << 11))
/* UCI, nTWE, nTWI, UCT, DZE, I, SED, SA0, SA, C, M: EL0 may maintain caches, read CTR, use DC ZVA,
 * WFI and WFE. */
#define SCTLR_ON                                                                                   \
	(SCTLR_OFF | (1 << 26) | (1 << 18) | (1 << 16) | (1 << 15) | (1 << 14) | (1 << 12) |       \
	 (1 << 8) | (1 << 4) | (1 << 3) | (1 << 2) | (1 << 0))
/* Both halves: 48 bits, 4 KiB granule, write-back, inner shareable; user pointers' top byte is
 * ignored (TBI0). */
#define TCR_VALUE	((16 << 0) | (1 << 8) | (1 << 10) | (3 << 12) | \
			 (16 << 16) | (1 << 24) | (1 << 26) | (3 << 28) | (2 << 30) | (1 << 37))
#define TCR_AS		(1 << 36)
#define TCR_HA		(1 << 39)
#define TCR_HD		(1 << 40)
#define TCR_E0PD1	(1 << 56)
/* By index: 0 normal write-back, 1 normal non-cacheable, 2 device nGnRE. arch/pte.h names them. */
#define MAIR_VALUE	0x0444ff
#define CPACR_FPEN	(3 << 20)
#define CNTKCTL_EL0VCTEN (1 << 1)

#define ICC_SRE_EL2	S3_4_C12_C9_5

/* ESR_ELx exception classes. */
#define EC_UNKNOWN	0x00
#define EC_WFX		0x01
#define EC_FP_TRAP	0x07
#define EC_BTI		0x0d
#define EC_ILLEGAL	0x0e
#define EC_SVC64	0x15
#define EC_SYS64	0x18
#define EC_SVE		0x19
#define EC_PAC		0x1c
#define EC_SME		0x1d
#define EC_IABT_LOW	0x20
#define EC_IABT_CUR	0x21
#define EC_PC_ALIGN	0x22
#define EC_DABT_LOW	0x24
#define EC_DABT_CUR	0x25
#define EC_SP_ALIGN	0x26
#define EC_MOPS		0x27
#define EC_FP_EXC	0x2c
#define EC_SERROR	0x2f
#define EC_BP_LOW	0x30
#define EC_STEP_LOW	0x32
#define EC_WATCH_LOW	0x34
#define EC_BRK64	0x3c

#ifdef __ASSEMBLY__
/* A 64-bit constant by as many moves as it needs. */
.macro mov_q reg, val
	movz	\reg, #(((\val) >> 48) & 0xffff), lsl #48
	movk	\reg, #(((\val) >> 32) & 0xffff), lsl #32
	movk	\reg, #(((\val) >> 16) & 0xffff), lsl #16
	movk	\reg, #((\val) & 0xffff)
.endm
.macro adr_l reg, sym
	adrp	\reg, \sym
	add	\reg, \reg, :lo12:\sym
.endm
#else
#define read_sysreg(name) ({ u64 _r; asm volatile("mrs %0, " #name : "=r"(_r)); _r; })
#define write_sysreg(v, name) asm volatile("msr " #name ", %x0" :: "rZ"((u64)(v)) : "memory")
#define isb()	asm volatile("isb" ::: "memory")
#define dsb(opt) asm volatile("dsb " #opt ::: "memory")
#endif
#endif
