/* SPDX-License-Identifier: BSD-2-Clause */
/* Register frames, switching between tasks, FP/SIMD ownership. */
#include <arch/offsets.h>
#include <hal/cpu.h>
#include <hal/pte.h>
#include <hal/uaccess.h>
#include <hal/tlb.h>
#include <hal/spinlock.h>

_Static_assert(offsetof(struct regs, sp) == REGS_SP, "");
_Static_assert(offsetof(struct regs, pc) == REGS_PC, "");
_Static_assert(offsetof(struct regs, pstate) == REGS_PSTATE, "");
_Static_assert(offsetof(struct regs, orig_x0) == REGS_ORIG_X0, "");
_Static_assert(offsetof(struct regs, syscall) == REGS_SYSCALL, "");
_Static_assert(offsetof(struct regs, record) == REGS_RECORD, "");
_Static_assert(sizeof(struct regs) == REGS_SIZE, "");
_Static_assert(offsetof(struct thread_core, work) == CORE_WORK, "");
_Static_assert(offsetof(struct thread_core, preempt_count) == CORE_PREEMPT, "");
_Static_assert(offsetof(struct arch_task, x19_x30) == SWITCH_X19, "");
_Static_assert(offsetof(struct arch_task, sp) == SWITCH_SP, "");
_Static_assert(offsetof(struct fp_state, fpsr) == FP_FPSR, "");
