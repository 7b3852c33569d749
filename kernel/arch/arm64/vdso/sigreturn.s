/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a signal handler returns to. Unwinders know the two instructions, and look at the one before a return address. */
	.section .text.sigreturn, "ax"
	nop
	.globl __kernel_rt_sigreturn
	.type __kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
	mov	x8, #139
	svc	#0
	.size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn
