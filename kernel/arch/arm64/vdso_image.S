/* SPDX-License-Identifier: BSD-2-Clause */
/* The built vDSO inside the kernel image. */
	.section .rodata, "a"
	.balign 4096
	.globl arch_vdso_start, arch_vdso_end
arch_vdso_start:
	.incbin "vdso.so"
	.balign 4096
arch_vdso_end:
