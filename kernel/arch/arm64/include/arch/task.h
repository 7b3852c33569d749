/* SPDX-License-Identifier: BSD-2-Clause */
/* The architecture's part of a task. */
#ifndef ARCH_TASK_H
#define ARCH_TASK_H
#include <base/types.h>

struct fp_state {
	__uint128_t v[32];
	u32 fpsr, fpcr;
};

struct arch_task {
	u64 x19_x30[12]; /* callee-saved registers while switched out; x30 is where the task resumes
			  */
	u64 sp;
	/* TPIDR_EL0 while switched out, and at all times for a task that is not current */
	u64 tls;
	u32 fp_cpu; /* CPU whose registers last held fp; together with that CPU's fp_owner */
	u32 pagefault_disabled;		/* depth; the task itself */
	u64 fault_addr, fault_esr;	/* last user-mode fault: esr_context of signal frames */
	struct fp_state fp;
};
static inline void arch_task_set_tls(struct arch_task *a, u64 tls) { a->tls = tls; }

static __always_inline void arch_cpu_relax(void) { asm volatile("yield" ::: "memory"); }
#endif
