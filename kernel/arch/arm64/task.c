/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register frames, switching between tasks, FP/SIMD state.
 *
 * FP/SIMD: the kernel never uses the registers (but sha256_blocks in lib.S, which puts back what it
 * found before preemption is on again), so in the kernel they hold a user's values until somebody
 * loads others. A task's WORK_FP bit clear means that the registers of its CPU are its
 * current state, set means that arch_task.fp is. The state is saved, and the bit set, when the task
 * is switched out or somebody wants to see it; it is reloaded on the way to user mode, as the last
 * thing, with interrupts off. A CPU remembers whose copy its registers equal (fp_owner, confirmed
 * by fp_cpu), so that a task which comes back undisturbed reloads nothing.
 */
#include <base/string.h>
#include <arch/offsets.h>
#include <arch/sysreg.h>
#include <hal/spinlock.h>
#include <hal/uaccess.h>
#include "internal.h"

_Static_assert(offsetof(struct regs, sp) == REGS_SP, "");
_Static_assert(offsetof(struct regs, pc) == REGS_PC, "");
_Static_assert(offsetof(struct regs, pstate) == REGS_PSTATE, "");
_Static_assert(offsetof(struct regs, orig_x0) == REGS_ORIG_X0, "");
_Static_assert(offsetof(struct regs, syscall) == REGS_SYSCALL, "");
_Static_assert(offsetof(struct regs, record) == REGS_RECORD, "");
_Static_assert(sizeof(struct regs) == REGS_SIZE, "");
_Static_assert(offsetof(struct thread_core, work) == CORE_WORK, "");
_Static_assert(offsetof(struct arch_task, x19_x30) == 0, "");
_Static_assert(offsetof(struct arch_task, sp) == SWITCH_SP, "");
_Static_assert(offsetof(struct fp_state, fpsr) == FP_FPSR, "");
_Static_assert(KSTACK_SIZE == 1 << 14, "entry.S tests bit 14");

#define FP_CPU_NONE (~0u)
static DEFINE_PER_CPU(struct arch_task *, fp_owner);

struct regs *arch_user_regs(void *stack) { return (struct regs *)kstack_top(stack) - 1; }

static inline void work_set(u64 bits)
{
	__atomic_fetch_or(&current_core()->work, bits, __ATOMIC_RELAXED);
}
static inline void work_clear(u64 bits)
{
	__atomic_fetch_and(&current_core()->work, ~bits, __ATOMIC_RELAXED);
}

static void fp_save_live(struct arch_task *a)
{
	fp_save(&a->fp);
	a->fp_cpu = cpu_id();
	this_cpu(fp_owner) = a;
}

struct task *arch_switch(struct task *prev, struct task *next)
{
	struct arch_task *p = task_arch(prev), *n = task_arch(next);
	struct thread_core *c = current_core();

	if (!(READ_ONCE(c->work) & WORK_FP)) {
		fp_save_live(p);
		work_set(WORK_FP);
	}
	p->tls = read_sysreg(tpidr_el0);
	write_sysreg(n->tls, tpidr_el0);
	return cpu_switch(p, n, next, prev);
}

/* Every task has WORK_FP set from birth (task/task.c): switching out one that was never in user
 * mode must not save the registers, which are somebody else's. */
void arch_task_init_kernel(struct arch_task *a, void *stack_top, void (*fn)(void *), void *arg)
{
	memset(a->x19_x30, 0, sizeof(a->x19_x30));
	a->x19_x30[0] = (u64)fn;
	a->x19_x30[1] = (u64)arg;
	a->x19_x30[11] = (u64)kernel_thread_entry;
	a->sp = (u64)stack_top - REGS_SIZE; /* room for the user frame that exec may make of it */
	a->fp_cpu = FP_CPU_NONE;
}

void arch_task_init_user(struct arch_task *a, void *stack_top)
{
	memset(a->x19_x30, 0, sizeof(a->x19_x30));
	a->x19_x30[11] = (u64)user_thread_entry;
	a->sp = (u64)stack_top - REGS_SIZE;
	a->fp_cpu = FP_CPU_NONE;
}

void arch_task_copy(struct arch_task *child, const struct arch_task *parent)
{
	arch_fp_save_current();
	child->tls = read_sysreg(tpidr_el0);
	child->fp = parent->fp;
	child->fp_cpu = FP_CPU_NONE;
	child->pagefault_disabled = 0;
}

void arch_fp_save_current(void)
{
	preempt_disable();
	if (!(READ_ONCE(current_core()->work) & WORK_FP))
		fp_save_live(task_arch(current));
	preempt_enable();
}

void arch_fp_reload_current(void)
{
	task_arch(current)->fp_cpu = FP_CPU_NONE;
	work_set(WORK_FP);
}

void arch_exec_regs(struct regs *r, u64 pc, u64 sp)
{
	struct arch_task *a = task_arch(current);

	memset(r, 0, sizeof(*r));
	r->pc = pc;
	r->sp = sp;
	r->pstate = PSTATE_EL0;
	regs_forget_syscall(r);
	/* first: from here on nobody saves the live registers over the copy */
	arch_fp_reload_current();
	memset(&a->fp, 0, sizeof(a->fp));
	a->tls = 0;
	a->fault_addr = a->fault_esr = 0;
	write_sysreg(0, tpidr_el0);
	work_set(WORK_REGS);
}

static void fp_restore(void)
{
	struct arch_task *a = task_arch(current);

	if (this_cpu(fp_owner) != a || a->fp_cpu != cpu_id()) {
		fp_load(&a->fp);
		this_cpu(fp_owner) = a;
		a->fp_cpu = cpu_id();
	}
	work_clear(WORK_FP);
}

/* Entered and left with interrupts off: nothing can be added after the last look but what a new
 * interrupt brings. */
void exit_work(struct regs *r)
{
	struct thread_core *c = current_core();
	u64 work;

	while ((work = READ_ONCE(c->work) & WORK_ON_EXIT & ~(WORK_FP | WORK_REGS))) {
		irq_enable();
		exit_to_user(r, work);
		irq_disable();
	}
	if (READ_ONCE(c->work) & WORK_FP)
		fp_restore();
	work_clear(WORK_REGS);
}

/* A kernel thread becomes a user task: its registers are all in memory. */
void user_thread_start(void) { work_set(WORK_FP | WORK_REGS); }

void pagefault_disable(void) { task_arch(current)->pagefault_disabled++; barrier(); }
void pagefault_enable(void) { barrier(); task_arch(current)->pagefault_disabled--; }
