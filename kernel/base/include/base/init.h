/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start-up calls: INITCALL(stage, fn) runs int fn(void) once, on the boot CPU, in kernel_main's
 * order of stages; within a stage by link order. A negative return is printed and boot goes on.
 */
#ifndef BASE_INIT_H
#define BASE_INIT_H
#include <base/types.h>

typedef int (*initcall_t)(void);
/* core: slabs work, no threads yet. subsys: threads work. fs: file systems register. device:
 * drivers probe. late: all is up but user space. */
#define INITCALL(stage, fn) \
	static initcall_t __initcall_##fn __used __section(".initcall." #stage) = fn
#endif
