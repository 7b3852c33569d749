/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping the vDSO: sets mm->vdso. */
#ifndef SYS_VDSO_H
#define SYS_VDSO_H
#include <base/types.h>
struct mm;
int vdso_map(struct mm *mm);	/* 0 or -errno */
#endif
