/* SPDX-License-Identifier: BSD-2-Clause */
/* Layout that assembly relies on; arch/arm64/task.c asserts that the structures agree. */
#ifndef ARCH_OFFSETS_H
#define ARCH_OFFSETS_H
#define REGS_SP		248
#define REGS_PC		256
#define REGS_PSTATE	264
#define REGS_ORIG_X0	272
#define REGS_SYSCALL	280
#define REGS_RECORD	288
#define REGS_SIZE	304

#define CORE_WORK	0

#define SWITCH_SP	96
#define FP_FPSR		512
#endif
