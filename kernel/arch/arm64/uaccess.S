/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bulk access to user memory: ordinary loads and stores with PAN off around them (LDTR has no pairs). The caller has
 * checked that the range is in the user half. A fault in the middle of a block starts that block over byte by byte,
 * so that the count of what was not copied is exact.
 *
 * PAN_SITE: MSR PAN is undefined where the feature is absent; boot_map then makes these words NOPs.
 */
	.arch_extension pan
	.macro PAN_SITE val
9998:	msr	pan, #\val
	.pushsection .pansites, "a"
	.long	9998b - .
	.popsection
	.endm
	.macro U fix, insn:vararg
9999:	\insn
	.pushsection .extable, "a"
	.balign 4
	.long	9999b - .
	.long	\fix - .
	.popsection
	.endm

	.text
/* size_t user_copy(void *dst, const void *src, size_t n): bytes not copied. The source pointer moves last: it tells. */
	.globl user_copy
	.type user_copy, %function
	.balign 16
user_copy:
	PAN_SITE 0
	add	x3, x1, x2			/* end of the source */
	subs	x2, x2, #64
	b.lo	2f
1:	U 9f, ldp	x4, x5, [x1]
	U 9f, ldp	x6, x7, [x1, #16]
	U 9f, ldp	x8, x9, [x1, #32]
	U 9f, ldp	x10, x11, [x1, #48]
	U 9f, stp	x4, x5, [x0]
	U 9f, stp	x6, x7, [x0, #16]
	U 9f, stp	x8, x9, [x0, #32]
	U 9f, stp	x10, x11, [x0, #48]
	add	x1, x1, #64
	add	x0, x0, #64
	subs	x2, x2, #64
	b.hs	1b
2:	tbz	x2, #5, 3f			/* left - 64: the low six bits are those of left */
	U 9f, ldp	x4, x5, [x1]
	U 9f, ldp	x6, x7, [x1, #16]
	U 9f, stp	x4, x5, [x0]
	U 9f, stp	x6, x7, [x0, #16]
	add	x1, x1, #32
	add	x0, x0, #32
3:	tbz	x2, #4, 4f
	U 9f, ldp	x4, x5, [x1]
	U 9f, stp	x4, x5, [x0], #16
	add	x1, x1, #16
4:	tbz	x2, #3, 5f
	U 9f, ldr	x4, [x1]
	U 9f, str	x4, [x0], #8
	add	x1, x1, #8
5:	tbz	x2, #2, 6f
	U 9f, ldr	w4, [x1]
	U 9f, str	w4, [x0], #4
	add	x1, x1, #4
6:	tbz	x2, #1, 7f
	U 9f, ldrh	w4, [x1]
	U 9f, strh	w4, [x0], #2
	add	x1, x1, #2
7:	tbz	x2, #0, 8f
	U 9f, ldrb	w4, [x1]
	U 9f, strb	w4, [x0]
8:	PAN_SITE 1
	mov	x0, #0
	ret
9:	U 10f, ldrb	w4, [x1]
	U 10f, strb	w4, [x0], #1
	add	x1, x1, #1
	cmp	x1, x3
	b.ne	9b
10:	PAN_SITE 1
	sub	x0, x3, x1
	ret
	.size user_copy, . - user_copy

/* size_t user_clear(void *dst, size_t n): bytes not cleared */
	.globl user_clear
	.type user_clear, %function
user_clear:
	PAN_SITE 0
	add	x3, x0, x1
	subs	x1, x1, #32
	b.lo	2f
1:	U 9f, stp	xzr, xzr, [x0]
	U 9f, stp	xzr, xzr, [x0, #16]
	add	x0, x0, #32
	subs	x1, x1, #32
	b.hs	1b
2:	tbz	x1, #4, 3f
	U 9f, stp	xzr, xzr, [x0], #16
3:	tbz	x1, #3, 4f
	U 9f, str	xzr, [x0], #8
4:	tbz	x1, #2, 5f
	U 9f, str	wzr, [x0], #4
5:	tbz	x1, #1, 6f
	U 9f, strh	wzr, [x0], #2
6:	tbz	x1, #0, 7f
	U 9f, strb	wzr, [x0]
7:	PAN_SITE 1
	mov	x0, #0
	ret
9:	U 10f, strb	wzr, [x0], #1
	cmp	x0, x3
	b.ne	9b
10:	PAN_SITE 1
	sub	x0, x3, x0
	ret
	.size user_clear, . - user_clear

/* int user_cas_once(u32 *p, u32 *old, u32 new): 0, -EFAULT (-14), -EAGAIN (-11); *old becomes what was there */
	.globl user_cas_once
	.type user_cas_once, %function
user_cas_once:
	ldr	w4, [x1]
	mov	w7, #64				/* a foreign store in the same line may disturb us; not for ever */
	PAN_SITE 0
1:	U 5f, ldaxr	w5, [x0]
	cmp	w5, w4
	b.ne	3f
	U 5f, stlxr	w6, w2, [x0]
	cbz	w6, 2f
	subs	w7, w7, #1
	b.ne	1b
	PAN_SITE 1
	mov	w0, #-11
	ret
2:	dmb	ish
	mov	w0, wzr
	b	4f
3:	clrex
	mov	w0, #-11
4:	PAN_SITE 1
	str	w5, [x1]
	ret
5:	PAN_SITE 1
	mov	w0, #-14
	ret
	.size user_cas_once, . - user_cas_once

/* Sets PAN where there is PAN; for the CPU's start. */
	.globl pan_enable
	.type pan_enable, %function
pan_enable:
	PAN_SITE 1
	ret
