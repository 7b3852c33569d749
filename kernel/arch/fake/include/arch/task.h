/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_TASK_H
#define ARCH_TASK_H
#include <base/types.h>
struct arch_task { u64 unused; };
static inline void arch_cpu_relax(void) { }
#endif
