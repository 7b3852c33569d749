/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling and copying kernel memory. DC ZVA's block is 64 bytes on every CPU that we know; boot_start checks it. */
	.macro FUNC name
	.section .text.\name, "ax"
	.balign 16
	.globl \name
	.type \name, %function
\name:
	.endm
	.macro END name
	.size \name, . - \name
	.endm

/*
 * The FEAT_MOPS forms are for CPUs that have it all alike: a sequence that goes on, after an
 * interrupt, on a CPU that does it another way would take an exception (Arm ARM C6.1.4), which the
 * kernel does not repair for itself.
 */
	.arch_extension mops

/* void clear_pages(void *, u64 pages) */
FUNC clear_pages
	lsl	x1, x1, #12
	adrp	x3, cpu_has_mops
	ldrb	w3, [x3, :lo12:cpu_has_mops]
	cbz	w3, 2f
	setp	[x0]!, x1!, xzr
	setm	[x0]!, x1!, xzr
	sete	[x0]!, x1!, xzr
	ret
2:	add	x1, x0, x1
1:	.rept	16			/* each address is an instruction of its own */
	dc	zva, x0
	add	x0, x0, #64
	.endr
	cmp	x0, x1
	b.ne	1b
	ret
END clear_pages

/* void copy_pages(void *dst, const void *src, u64 pages) */
FUNC copy_pages
	lsl	x2, x2, #12
	adrp	x3, cpu_has_mops
	ldrb	w3, [x3, :lo12:cpu_has_mops]
	cbz	w3, 2f
	cpyfp	[x0]!, [x1]!, x2!
	cpyfm	[x0]!, [x1]!, x2!
	cpyfe	[x0]!, [x1]!, x2!
	ret
2:	add	x2, x1, x2
1:	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	ldp	x12, x13, [x1, #64]
	ldp	x14, x15, [x1, #80]
	stp	x4, x5, [x0]
	stp	x6, x7, [x0, #16]
	stp	x8, x9, [x0, #32]
	stp	x10, x11, [x0, #48]
	ldp	x4, x5, [x1, #96]
	ldp	x6, x7, [x1, #112]
	stp	x12, x13, [x0, #64]
	stp	x14, x15, [x0, #80]
	add	x1, x1, #128
	stp	x4, x5, [x0, #96]
	stp	x6, x7, [x0, #112]
	add	x0, x0, #128
	cmp	x1, x2
	b.ne	1b
	ret
END copy_pages

/* void *memcpy(void *dst, const void *src, size_t n): small sizes by overlapping loads, no byte loop */
FUNC memcpy
	mov	x3, x0
	cmp	x2, #16
	b.lo	2f
1:	subs	x2, x2, #64
	b.lo	5f
4:	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	add	x1, x1, #64
	stp	x4, x5, [x3]
	stp	x6, x7, [x3, #16]
	stp	x8, x9, [x3, #32]
	stp	x10, x11, [x3, #48]
	add	x3, x3, #64
	subs	x2, x2, #64
	b.hs	4b
5:	tbz	x2, #5, 6f		/* x2 = left - 64: its low six bits are those of left */
	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	add	x1, x1, #32
	stp	x4, x5, [x3]
	stp	x6, x7, [x3, #16]
	add	x3, x3, #32
6:	tbz	x2, #4, 7f
	ldp	x4, x5, [x1], #16
	stp	x4, x5, [x3], #16
7:	ands	x2, x2, #15
	b.eq	8f
	add	x1, x1, x2		/* at least 16 bytes came before: the last 16 overlap them */
	add	x3, x3, x2
	ldp	x4, x5, [x1, #-16]
	stp	x4, x5, [x3, #-16]
8:	ret
2:	tbz	x2, #3, 3f
	ldr	x4, [x1]
	add	x6, x1, x2
	ldr	x5, [x6, #-8]
	add	x6, x3, x2
	str	x4, [x3]
	str	x5, [x6, #-8]
	ret
3:	tbz	x2, #2, 9f
	ldr	w4, [x1]
	add	x6, x1, x2
	ldr	w5, [x6, #-4]
	add	x6, x3, x2
	str	w4, [x3]
	str	w5, [x6, #-4]
	ret
9:	cbz	x2, 8b
	tbz	x2, #1, 10f
	ldrh	w4, [x1]
	add	x6, x1, x2
	ldrb	w5, [x6, #-1]
	add	x6, x3, x2
	strh	w4, [x3]
	strb	w5, [x6, #-1]
	ret
10:	ldrb	w4, [x1]
	strb	w4, [x3]
	ret
END memcpy

/* void *memset(void *dst, int c, size_t n) */
FUNC memset
	mov	x3, x0
	and	x1, x1, #0xff
	orr	x1, x1, x1, lsl #8
	orr	x1, x1, x1, lsl #16
	orr	x1, x1, x1, lsl #32
	cmp	x2, #16
	b.lo	4f
	cbnz	x1, 2f
	cmp	x2, #256
	b.lo	2f
	/* Zeroes by blocks: up to the boundary, the blocks, the rest. */
	stp	xzr, xzr, [x3]
	stp	xzr, xzr, [x3, #16]
	stp	xzr, xzr, [x3, #32]
	stp	xzr, xzr, [x3, #48]
	add	x4, x3, #64
	and	x4, x4, #~63
	sub	x5, x4, x3
	sub	x2, x2, x5
	mov	x3, x4
1:	dc	zva, x3
	add	x3, x3, #64
	sub	x2, x2, #64
	cmp	x2, #64
	b.hs	1b
	cbz	x2, 8f
	cmp	x2, #16
	b.lo	5f
2:	subs	x2, x2, #32
	b.lo	6f
3:	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	add	x3, x3, #32
	subs	x2, x2, #32
	b.hs	3b
6:	tbz	x2, #4, 7f
	stp	x1, x1, [x3], #16
7:	ands	x2, x2, #15
	b.eq	8f
5:	add	x3, x3, x2		/* 16 bytes or more lie before */
	stp	x1, x1, [x3, #-16]
8:	ret
4:	tbz	x2, #3, 9f
	add	x4, x3, x2
	str	x1, [x3]
	str	x1, [x4, #-8]
	ret
9:	tbz	x2, #2, 10f
	add	x4, x3, x2
	str	w1, [x3]
	str	w1, [x4, #-4]
	ret
10:	cbz	x2, 8b
	add	x4, x3, x2
	strb	w1, [x3]
	tbz	x2, #1, 8b
	strb	w1, [x3, #1]
	strb	w1, [x4, #-1]
	ret
END memset

/*
 * void sha256_blocks(u32 state[8], const void *data, u64 blocks, const u32 k[64]): FEAT_SHA256. The
 * registers of the user's that it needs are put aside; nobody may take the CPU away meanwhile.
 */
	.arch_extension fp
	.arch_extension simd
	.arch_extension crypto
/* Four rounds; the words for 16 rounds later, where there are such. w0: the oldest four words. */
	.macro FOUR_ROUNDS w0, w1, w2, w3, more
	ldr	q20, [x4], #16
	add	v20.4s, v20.4s, v\w0\().4s
	.if \more
	sha256su0 v\w0\().4s, v\w1\().4s
	.endif
	mov	v21.16b, v0.16b
	sha256h	q0, q1, v20.4s
	sha256h2 q1, q21, v20.4s
	.if \more
	sha256su1 v\w0\().4s, v\w2\().4s, v\w3\().4s
	.endif
	.endm
FUNC sha256_blocks
	stp	q0, q1, [sp, #-160]!
	stp	q2, q3, [sp, #32]
	stp	q16, q17, [sp, #64]
	stp	q18, q19, [sp, #96]
	stp	q20, q21, [sp, #128]
	ldp	q0, q1, [x0]
1:	ld1	{v16.16b-v19.16b}, [x1], #64
	mov	x4, x3
	mov	v2.16b, v0.16b
	mov	v3.16b, v1.16b
	rev32	v16.16b, v16.16b
	rev32	v17.16b, v17.16b
	rev32	v18.16b, v18.16b
	rev32	v19.16b, v19.16b
	.irp	more, 1, 1, 1, 0
	FOUR_ROUNDS 16, 17, 18, 19, \more
	FOUR_ROUNDS 17, 18, 19, 16, \more
	FOUR_ROUNDS 18, 19, 16, 17, \more
	FOUR_ROUNDS 19, 16, 17, 18, \more
	.endr
	add	v0.4s, v0.4s, v2.4s
	add	v1.4s, v1.4s, v3.4s
	subs	x2, x2, #1
	b.ne	1b
	stp	q0, q1, [x0]
	ldp	q2, q3, [sp, #32]
	ldp	q16, q17, [sp, #64]
	ldp	q18, q19, [sp, #96]
	ldp	q20, q21, [sp, #128]
	ldp	q0, q1, [sp], #160
	ret
END sha256_blocks
