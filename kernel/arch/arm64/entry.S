/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exception vectors. Each entry builds a struct regs on the kernel stack. From user mode SP is at the top of the
 * task's stack. A system call saves everything that C may clobber plus the rest of the frame, but on return reloads
 * only what C does not preserve; whoever rewrites the frame sets WORK_REGS, which takes the path that loads all.
 *
 * Stack overflow: stacks are KSTACK_SIZE (bit 14) and aligned to twice that, so bit 14 of SP is clear inside one and
 * set just below. An exception from the kernel looks at that bit before it stores anything.
 */
#include <arch/offsets.h>
#include <arch/sysreg.h>

	.macro SAVE_X0_X29
	stp	x0, x1, [sp]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	.endm

	/* The rest of a frame from user mode; clobbers x9-x11. */
	.macro SAVE_USER_STATE
	mrs	x9, sp_el0
	mrs	x10, elr_el1
	mrs	x11, spsr_el1
	stp	x30, x9, [sp, #240]
	stp	x10, x11, [sp, #REGS_PC]
	.endm

	.macro LOAD_X0_X17
	ldp	x0, x1, [sp]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	.endm
	.macro LOAD_X18_X29
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	.endm

	.macro VECTOR label
	.balign 128
	b	\label
	.endm

	/* From the kernel: the overflow check, then on. Changes no register. */
	.macro VECTOR_EL1 label
	.balign 128
	sub	sp, sp, #REGS_SIZE
	add	sp, sp, x0
	sub	x0, sp, x0
	tbnz	x0, #14, overflow
	sub	x0, sp, x0
	sub	sp, sp, x0
	b	\label
	.endm

	.section .vectors, "ax"
	.balign 2048
	.globl vectors
vectors:
	VECTOR	bad_vector
	VECTOR	bad_vector
	VECTOR	bad_vector
	VECTOR	bad_vector
	VECTOR_EL1 el1_sync_entry
	VECTOR_EL1 el1_irq_entry
	VECTOR_EL1 el1_bad_entry
	VECTOR_EL1 el1_bad_entry
	.balign 128				/* EL0, synchronous */
	sub	sp, sp, #REGS_SIZE
	SAVE_X0_X29
	SAVE_USER_STATE
	mrs	x9, esr_el1
	lsr	x10, x9, #26
	cmp	x10, #EC_SVC64
	b.eq	el0_svc
	b	el0_sync_entry
	VECTOR	el0_irq_entry
	VECTOR	el0_bad_entry
	VECTOR	el0_bad_entry
	VECTOR	bad_vector
	VECTOR	bad_vector
	VECTOR	bad_vector
	VECTOR	bad_vector

	/* Near the vectors: a conditional branch reaches it. */
	.globl el0_svc
	.type el0_svc, %function
el0_svc:
	stp	x0, x8, [sp, #REGS_ORIG_X0]
	mov	x0, sp
	msr	daifclr, #2
	bl	syscall_dispatch
	msr	daifset, #2
	mrs	x9, tpidr_el1
	ldr	x10, [x9, #CORE_WORK]
	tst	x10, #0xff
	b.ne	ret_to_user
	ldp	x30, x11, [sp, #240]
	ldp	x12, x13, [sp, #REGS_PC]
	ldr	x18, [sp, #144]
	msr	sp_el0, x11
	msr	elr_el1, x12
	msr	spsr_el1, x13
	LOAD_X0_X17
	add	sp, sp, #REGS_SIZE
	eret
	.size el0_svc, . - el0_svc

	/* The rest of a frame from the kernel, SP already lowered, with a frame record that leads to the
	 * interrupted code. */
	.macro SAVE_KERNEL_FRAME
	SAVE_X0_X29
	add	x21, sp, #REGS_SIZE
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	stp	x30, x21, [sp, #240]
	stp	x22, x23, [sp, #REGS_PC]
	stp	x29, x22, [sp, #REGS_RECORD]
	add	x29, sp, #REGS_RECORD
	.endm


/* SP = frame + x0, x0 = frame: keeps the frame's address in TPIDRRO_EL0 and x0 in TPIDR_EL0, which are lost with
 * the system. */
overflow:
	msr	tpidrro_el0, x0
	sub	x0, sp, x0
	msr	tpidr_el0, x0
	mrs	x0, mpidr_el1
	and	x0, x0, #7
	lsl	x0, x0, #12
	add	x0, x0, #4096
	mov	sp, x0
	adr_l	x0, overflow_stacks
	add	sp, sp, x0
	mrs	x0, tpidr_el0
	sub	sp, sp, #REGS_SIZE
	SAVE_KERNEL_FRAME
	mrs	x3, tpidrro_el0
	add	x3, x3, #REGS_SIZE
	str	x3, [sp, #REGS_SP]
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	stack_overflow
	b	.

	.text
el0_sync_entry:
	mov	x10, #-1
	str	x10, [sp, #REGS_SYSCALL]
	mrs	x2, far_el1
	mov	x1, x9
	mov	x0, sp
	mov	x29, xzr
	bl	el0_sync
	b	ret_to_user

el0_irq_entry:
	sub	sp, sp, #REGS_SIZE
	SAVE_X0_X29
	SAVE_USER_STATE
	mov	x10, #-1
	str	x10, [sp, #REGS_SYSCALL]
	mov	x0, sp
	mov	x29, xzr
	bl	el0_irq
	/* fall through */

/* Interrupts in any state, SP at the user frame: does the work that is pending, then loads the whole frame. */
	.globl ret_to_user
	.type ret_to_user, %function
ret_to_user:
	msr	daifset, #2
	mrs	x9, tpidr_el1
	ldr	x10, [x9, #CORE_WORK]
	tst	x10, #0xff
	b.eq	1f
	mov	x0, sp
	bl	exit_work
1:	ldp	x30, x11, [sp, #240]
	ldp	x12, x13, [sp, #REGS_PC]
	msr	sp_el0, x11
	msr	elr_el1, x12
	msr	spsr_el1, x13
	LOAD_X0_X17
	LOAD_X18_X29
	add	sp, sp, #REGS_SIZE
	eret
	.size ret_to_user, . - ret_to_user

el0_bad_entry:
	sub	sp, sp, #REGS_SIZE
	SAVE_X0_X29
	SAVE_USER_STATE
	mrs	x1, esr_el1
	mrs	x2, far_el1
	mov	x0, sp
	mov	x29, xzr
	bl	bad_exception
	b	.

	.type el1_sync_entry, %function
el1_sync_entry:
	SAVE_KERNEL_FRAME
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	el1_sync
	b	ret_to_kernel
	.type el1_irq_entry, %function
el1_irq_entry:
	SAVE_KERNEL_FRAME
	mov	x0, sp
	bl	el1_irq
ret_to_kernel:
	ldr	x30, [sp, #240]
	ldp	x22, x23, [sp, #REGS_PC]
	msr	elr_el1, x22
	msr	spsr_el1, x23
	LOAD_X0_X17
	LOAD_X18_X29
	add	sp, sp, #REGS_SIZE
	eret
el1_bad_entry:
	SAVE_KERNEL_FRAME
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	bad_exception
	b	.

bad_vector:
	mov	x0, sp
	sub	sp, sp, #REGS_SIZE
	SAVE_KERNEL_FRAME
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	bad_exception
	b	.

/* cpu_switch: see internal.h */
	.globl cpu_switch
	.type cpu_switch, %function
cpu_switch:
	mov	x9, sp
	stp	x19, x20, [x0]
	stp	x21, x22, [x0, #16]
	stp	x23, x24, [x0, #32]
	stp	x25, x26, [x0, #48]
	stp	x27, x28, [x0, #64]
	stp	x29, x30, [x0, #80]
	str	x9, [x0, #SWITCH_SP]
	ldp	x19, x20, [x1]
	ldp	x21, x22, [x1, #16]
	ldp	x23, x24, [x1, #32]
	ldp	x25, x26, [x1, #48]
	ldp	x27, x28, [x1, #64]
	ldp	x29, x30, [x1, #80]
	ldr	x9, [x1, #SWITCH_SP]
	mov	sp, x9
	msr	tpidr_el1, x2
	mov	x0, x3
	ret
	.size cpu_switch, . - cpu_switch

/* First run of a kernel thread: x19 function, x20 argument, x0 the task before. */
	.globl kernel_thread_entry
	.type kernel_thread_entry, %function
kernel_thread_entry:
	bl	sched_first_run
	msr	daifclr, #2
	mov	x0, x20
	blr	x19
	brk	#0x4e				/* fn returned: task/'s wrapper never does */
	.globl user_thread_entry
	.type user_thread_entry, %function
user_thread_entry:
	bl	sched_first_run
	b	ret_to_user

/* arch_enter_user(struct regs *frame at the stack's top): a kernel thread becomes a user task. */
	.globl arch_enter_user
	.type arch_enter_user, %function
arch_enter_user:
	msr	daifset, #2
	mov	sp, x0
	mov	x29, xzr
	bl	user_thread_start
	b	ret_to_user

	.arch_extension fp
	.arch_extension simd
/* void fp_save(struct fp_state *), void fp_load(const struct fp_state *) */
	.globl fp_save
	.type fp_save, %function
fp_save:
	stp	q0, q1, [x0]
	stp	q2, q3, [x0, #32]
	stp	q4, q5, [x0, #64]
	stp	q6, q7, [x0, #96]
	stp	q8, q9, [x0, #128]
	stp	q10, q11, [x0, #160]
	stp	q12, q13, [x0, #192]
	stp	q14, q15, [x0, #224]
	stp	q16, q17, [x0, #256]
	stp	q18, q19, [x0, #288]
	stp	q20, q21, [x0, #320]
	stp	q22, q23, [x0, #352]
	stp	q24, q25, [x0, #384]
	stp	q26, q27, [x0, #416]
	stp	q28, q29, [x0, #448]
	stp	q30, q31, [x0, #480]
	mrs	x1, fpsr
	mrs	x2, fpcr
	add	x0, x0, #FP_FPSR
	stp	w1, w2, [x0]
	ret
	.globl fp_load
	.type fp_load, %function
fp_load:
	ldp	q0, q1, [x0]
	ldp	q2, q3, [x0, #32]
	ldp	q4, q5, [x0, #64]
	ldp	q6, q7, [x0, #96]
	ldp	q8, q9, [x0, #128]
	ldp	q10, q11, [x0, #160]
	ldp	q12, q13, [x0, #192]
	ldp	q14, q15, [x0, #224]
	ldp	q16, q17, [x0, #256]
	ldp	q18, q19, [x0, #288]
	ldp	q20, q21, [x0, #320]
	ldp	q22, q23, [x0, #352]
	ldp	q24, q25, [x0, #384]
	ldp	q26, q27, [x0, #416]
	ldp	q28, q29, [x0, #448]
	ldp	q30, q31, [x0, #480]
	add	x0, x0, #FP_FPSR
	ldp	w1, w2, [x0]
	msr	fpsr, x1
	msr	fpcr, x2
	ret
