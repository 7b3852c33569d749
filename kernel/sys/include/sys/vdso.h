/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping the vDSO: sets mm->vdso. Programs run without it where it does not exist. */
#ifndef SYS_VDSO_H
#define SYS_VDSO_H
#include <base/types.h>
struct mm;
int vdso_map(struct mm *mm) __weak_symbol;	/* 0 or -errno */
#endif
