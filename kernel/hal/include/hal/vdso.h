/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO: an ELF shared object in the kernel image, and the page of data that it reads, which is
 * mapped right below it. */
#ifndef HAL_VDSO_H
#define HAL_VDSO_H
#include <base/types.h>

extern const u8 arch_vdso_start[], arch_vdso_end[];	/* page aligned, whole pages */
extern u8 arch_vdso_data[];				/* one page */
#endif
