/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry from the boot loader (Linux's arm64 boot protocol: MMU off, x0 = device tree) and from PSCI CPU_ON.
 *
 * The image may lie at any 2 MiB boundary. Everything here up to enter_mmu runs at physical addresses and uses only
 * PC-relative ones. At EL2 with VHE the kernel stays there (HCR_EL2.{E2H,TGE}); the EL1 register names then reach
 * the EL2 registers, so one code serves both. At EL2 without VHE it drops to EL1.
 */
#include <arch/page.h>
#include <arch/sysreg.h>

	.section .head.text, "ax"
	.globl _head
_head:
	b	boot_entry
	.long	0
	.quad	0				/* text_offset: loaded at a 2 MiB boundary */
	.quad	_image_size			/* memory needed, bss and boot tables too */
	.quad	0xa				/* little endian, 4 KiB pages, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

boot_entry:
	mov	x20, x0
	bl	init_el				/* x21: exception level */
	adrp	x1, boot_stack_top
	add	sp, x1, :lo12:boot_stack_top
	/* The boot tables are written with caches off: afterwards drop whatever the caches hold of them. */
	adrp	x0, _boot_tables
	adrp	x1, _boot_tables_end
	mov	x2, x0
1:	stp	xzr, xzr, [x2], #16
	cmp	x2, x1
	b.lo	1b
	adrp	x0, _head
	mov	x1, x20
	bl	boot_map
	dsb	sy
	adrp	x0, _boot_tables
	adrp	x1, _boot_tables_end
2:	dc	ivac, x0
	add	x0, x0, #64
	cmp	x0, x1
	b.lo	2b
	dsb	sy
	bl	enter_mmu
	/* At virtual addresses from here on. */
	adrp	x0, idle_tasks
	add	x0, x0, :lo12:idle_tasks
	msr	tpidr_el1, x0
	adrp	x1, boot_stack_top
	add	sp, x1, :lo12:boot_stack_top
	mov	x29, xzr
	mov	x30, xzr
	adrp	x0, _bss_start
	add	x0, x0, :lo12:_bss_start
	adrp	x2, _bss_end
	add	x2, x2, :lo12:_bss_end
	sub	x2, x2, x0
	mov	x1, xzr
	bl	memset
	mov	x0, x22				/* physical address of the image */
	mov	x1, x20
	mov	x2, x21
	bl	boot_start
	b	.

/* Another CPU, from PSCI: x0 is the physical address of its struct cpu_boot { idle task, stack top }. */
	.globl secondary_entry
secondary_entry:
	mov	x20, x0
	bl	init_el
	ldp	x23, x24, [x20]
	bl	enter_mmu
	msr	tpidr_el1, x23
	mov	sp, x24
	mov	x29, xzr
	mov	x30, xzr
	b	secondary_start

/* Brings the CPU to EL1, or to EL2 with VHE. Returns the level in x21. */
init_el:
	msr	daifset, #15
	mrs	x0, CurrentEL
	cmp	x0, #(2 << 2)
	b.eq	1f
	mov	x21, #1
	msr	cpacr_el1, xzr
	isb
	ret
1:	mrs	x1, id_aa64pfr0_el1
	ubfx	x1, x1, #24, #4			/* GIC system registers */
	cbz	x1, 2f
	mrs	x1, ICC_SRE_EL2
	orr	x1, x1, #1			/* SRE */
	orr	x1, x1, #8			/* Enable */
	msr	ICC_SRE_EL2, x1
	isb
2:	msr	mdcr_el2, xzr
	msr	cntvoff_el2, xzr
	msr	vttbr_el2, xzr
	mrs	x1, id_aa64mmfr1_el1
	ubfx	x2, x1, #8, #4			/* VH */
	cbz	x2, 3f
	mov_q	x2, HCR_RW | HCR_TGE | HCR_E2H
	msr	hcr_el2, x2
	isb
	mov	x21, #2
	ret
3:	mov_q	x2, HCR_RW
	msr	hcr_el2, x2
	mov	x2, #3				/* EL1 may use the physical timer and counter */
	msr	cnthctl_el2, x2
	mov	x2, #0x33ff			/* no trap of FP/SIMD */
	msr	cptr_el2, x2
	msr	hstr_el2, xzr
	mrs	x2, midr_el1
	msr	vpidr_el2, x2
	mrs	x2, mpidr_el1
	msr	vmpidr_el2, x2
	mov_q	x2, SCTLR_OFF
	msr	sctlr_el1, x2
	mov	x2, #0x3c5			/* DAIF masked, EL1h */
	msr	spsr_el2, x2
	msr	elr_el2, x30
	mov	x21, #1
	eret

/*
 * Loads the translation registers and turns the MMU on; returns at the caller's virtual address. The page with this
 * code is mapped at its physical address by boot_id_map. Leaves x22 = physical address of the image.
 */
enter_mmu:
	adrp	x22, _head
	adrp	x0, boot_id_map
	msr	ttbr0_el1, x0
	adrp	x0, kernel_root
	msr	ttbr1_el1, x0
	mov_q	x0, MAIR_VALUE
	msr	mair_el1, x0
	mov_q	x0, TCR_VALUE
	mrs	x1, id_aa64mmfr0_el1
	ubfx	x2, x1, #0, #4			/* PARange; 48 bits is what these descriptors hold */
	cmp	x2, #5
	mov	x3, #5
	csel	x2, x2, x3, ls
	bfi	x0, x2, #32, #3			/* IPS */
	ubfx	x2, x1, #4, #4			/* ASIDBits */
	cmp	x2, #2
	b.ne	1f
	orr	x0, x0, #TCR_AS
1:	mrs	x1, id_aa64mmfr1_el1
	ubfx	x2, x1, #0, #4			/* HAFDBS */
	cbz	x2, 2f
	orr	x0, x0, #TCR_HA
	cmp	x2, #2
	b.lo	2f
	orr	x0, x0, #TCR_HD
2:	mrs	x2, id_aa64mmfr2_el1
	ubfx	x2, x2, #60, #4			/* E0PD: no walks of the kernel half for EL0 */
	cbz	x2, 4f
	orr	x0, x0, #TCR_E0PD1
4:	msr	tcr_el1, x0
	mov_q	x0, SCTLR_ON
	ubfx	x2, x1, #20, #4			/* PAN: set on exception entry */
	cbz	x2, 3f
	bic	x0, x0, #SCTLR_SPAN
3:	mov	x1, #CPACR_FPEN
	msr	cpacr_el1, x1
	mov	x1, #CNTKCTL_EL0VCTEN
	msr	cntkctl_el1, x1
	adr_l	x1, vectors
	sub	x1, x1, x22
	mov_q	x2, KIMAGE_VA
	add	x1, x1, x2
	msr	vbar_el1, x1
	sub	x30, x30, x22			/* where the caller will be */
	add	x30, x30, x2
	tlbi	vmalle1
	ic	iallu
	dsb	sy
	isb
	msr	sctlr_el1, x0
	isb
	ret

	.section .bss..stack, "aw", @nobits
	.balign	32768
	.globl boot_stack
boot_stack:
	.space	16384
boot_stack_top:
