/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs: features, idle, cross calls, time, register frames, switching. What arch provides and what
 * it calls. */
#ifndef HAL_CPU_H
#define HAL_CPU_H
#include <base/types.h>
#include <hal/preempt.h>

struct mm;
struct task;

/* --- the user and interrupt register frame ---------------------------------------------------- */
/* struct regs: user or interrupted registers, and accessors regs_pc(), regs_sp(), regs_user_mode(),
 * regs_ret() */
#include <arch/regs.h>
/* The registers as lines of the kernel's log, of a level of base/printk.h. Any context. */
void arch_print_regs(int level, const struct regs *r);

/* --- the task's architecture part --------------------------------------------------------------
 */
/* struct arch_task: callee-saved registers, TLS pointer, FP/SIMD state; embedded in struct task */
#include <arch/task.h>

/*
 * Saves prev's kernel context and runs next; returns in prev when it runs again, with the task that
 * ran before it. Interrupts off. Switches SP, callee-saved registers, TLS register, current; user
 * address space is mm's business (mm_switch).
 */
struct task *arch_switch(struct task *prev, struct task *next);
/* Where struct arch_task lies in struct task: set by task/ (offsetof), read by arch's C; no
 * assembly knows it. */
struct arch_task *task_arch(struct task *t);

/* A kernel thread: first switch to it calls fn(arg) with interrupts on after sched_first_run(prev).
 */
void arch_task_init_kernel(struct arch_task *a, void *stack_top, void (*fn)(void *), void *arg);
/* A user task: its frame lies at the stack's top (arch_user_regs); first switch to it returns to
 * user mode through the exit path. */
void arch_task_init_user(struct arch_task *a, void *stack_top);
/*
 * Where a task that is switched out sleeps: the innermost return address on its kernel stack that is
 * not the scheduler's or a lock's; 0: none found. Its stack must stay; should the task run
 * meanwhile, the answer means nothing.
 */
u64 arch_sleeps_at(const struct arch_task *a, const void *stack);
/* The user frame of a task with kernel stack stack. */
struct regs *arch_user_regs(void *stack);
/* Copies FP state and TLS for fork: from the current task into child. */
void arch_task_copy(struct arch_task *child, const struct arch_task *parent);
/* Goes to user mode with the current task's frame, arch_user_regs(stack), abandoning what the
 * kernel stack holds: a kernel thread that became a program. */
__noreturn void arch_enter_user(struct regs *frame);
/* Fresh registers, FP state and TLS for exec of the current task. */
void arch_exec_regs(struct regs *r, u64 pc, u64 sp);
static inline void *kstack_top(void *stack) { return (char *)stack + KSTACK_SIZE; }
/* FP/SIMD of the current task: make the saved copy (in arch_task) true, or drop the live one so
 * that the copy is reloaded. */
void arch_fp_save_current(void);
void arch_fp_reload_current(void);

/* --- CPU control --------------------------------------------------------------------------------
 */
static inline void cpu_relax(void) { arch_cpu_relax(); }
/* waits for an interrupt, entered and left with interrupts off; wakes if one is pending */
void arch_idle(void);
void arch_send_ipi(u32 cpu);		/* the target runs ipi_handler(); drv/irq.c */
/* That interrupt comes here first: once a CPU has panicked, all others stop. */
void arch_stop_if_panic(void);
u64 arch_mpidr(void);			/* this CPU's affinity fields */
/* The GICv3 CPU interface of this CPU (system registers); cpu is a number, its affinity is arch's
 * knowledge. */
void arch_gic3_init_cpu(void);		/* SRE, priority mask, group 1 on */
u32 arch_gic3_acknowledge(void);
void arch_gic3_end(u32 irq);
void arch_gic3_send_sgi(u32 cpu);	/* SGI 0, after what was written before */
/* by PSCI; the CPU then calls secondary_main() */
int arch_start_cpu(u32 cpu, void *idle_stack_top, struct task *idle);
__noreturn void arch_power_off(void);
__noreturn void arch_restart(void);

/* What the CPU offers user space: AT_HWCAP, AT_HWCAP2 of the ABI (asm/hwcap.h); the name for
 * AT_PLATFORM is "aarch64". */
u64 arch_hwcap(void);
u64 arch_hwcap2(void);
u32 arch_midr(void);			/* MIDR_EL1, for /proc/cpuinfo */
/* As lib/sha256.h's sha256_engine. Any context. */
u64 arch_sha256(u32 state[8], const void *data, u64 blocks, const u32 k[64]);
/* 64 bits from the CPU's random number generator; false: none, or it failed now. */
bool arch_random(u64 *v);

/* --- time ----------------------------------------------------------------------------------------
 */
u64 arch_counter(void);			/* CNTVCT: ticks since some moment, same on all CPUs */
u64 arch_counter_hz(void);
/* which interrupt of the armv8-timer node: 2 virtual, 3 hypervisor, 4 hypervisor virtual */
u32 arch_timer_index(void);
u64 clock_ns(void);			/* monotonic nanoseconds since boot, any context */
/* This CPU's timer interrupt at the given clock_ns moment (at once if past; ~0: never): calls
 * timer_interrupt(). */
void arch_timer_set(u64 ns);

/* --- what arch calls, implemented above (sys/, task/, drv/) -------------------------------------
 */
/* task/ also defines struct task idle_tasks[MAX_CPUS]: at entry the first one becomes the boot
 * CPU's current. */
struct boot_info;
__noreturn void
kernel_main(struct boot_info *bi); /* boot CPU, MMU on, linear map and early console up */
/* other CPUs, on their idle stack, current is their idle task */
__noreturn void secondary_main(void);
void syscall_dispatch(struct regs *r); /* from user mode, interrupts on; number in x8 */
struct user_fault {
	u64 addr;
	bool write, exec, user_mode, permission, alignment;
	u32 esr;
};
/* A translation, permission or access-flag fault on a user address. 0: retry; else negative errno:
 * kernel-mode faults go to the extable, user mode has already been signalled. */
int user_fault(struct regs *r, const struct user_fault *f);
/* Any other exception from user mode: undefined instruction, breakpoint, bad alignment, FP
 * exception. signo and si_code of the ABI. */
void user_exception(struct regs *r, int signo, int code, u64 addr);
/* In an interrupt: did it come from user mode? */
bool irq_from_user(void);
void irq_dispatch(void); /* drv/irq.c: asks the interrupt controller and runs handlers */
void timer_interrupt(void);		/* task/timer.c */
void ipi_handler(void);			/* task/smp.c */
void sched_first_run(struct task *prev);
/* Before a return to user mode with work pending; interrupts on, called again until none is left.
 */
void exit_to_user(struct regs *r, u64 work);
/* After an interrupt in kernel mode when preemption is due and allowed; interrupts off. */
void preempt_from_irq(void);

/* Runs fn(arg) on every CPU in mask, this one too, with interrupts off, and waits (task/smp.c). Which one
 * this is does not change meanwhile. Called with interrupts on; sleeps. */
void smp_call(u64 mask, void (*fn)(void *), void *arg);
#endif
