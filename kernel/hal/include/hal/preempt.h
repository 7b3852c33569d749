/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running task and its preemption count. struct thread_core is the first member of struct task
 * (task/task.h); arch finds it in a register. Kernel code is preemptible where the count is 0 and
 * interrupts are on.
 */
#ifndef HAL_PREEMPT_H
#define HAL_PREEMPT_H
#include <base/types.h>

struct task;

/* Work to be done before the next return to user mode; bits of thread_core.work, set atomically by
 * anyone. */
#define WORK_RESCHED	BIT(0)
#define WORK_SIGNAL	BIT(1)		/* a signal may be pending, or task must stop or die */
#define WORK_NOTIFY	BIT(2)		/* task/work.c has something to do for the task */
#define WORK_FP		BIT(3)		/* user FP registers are not loaded on this CPU */
#define WORK_REGS BIT(4) /* arch: the user frame was rewritten, the return must load all of it */
#define WORK_SYSTRACE BIT(8) /* every system call takes the slow path (tracing, later ptrace) */
#define WORK_ON_EXIT	0xff		/* mask: what the return path looks at */

struct thread_core {
	u64 work;		/* WORK_*; atomic */
	u32 preempt_count; /* own CPU only; also counts interrupt nesting in PREEMPT_IRQ units */
	u32 cpu;		/* the CPU it runs on; changes only while it does not run */
	u64 percpu_off;		/* of that CPU: this_cpu(var) is at &var + percpu_off */
	void *stack;		/* lowest address of the kernel stack */
	bool reclaiming; /* own task only: gives memory back, may use the allocator's reserve */
	u8 borrowing; /* own task only: address spaces of others that it keeps (mm_borrow) */
};
#define PREEMPT_IRQ	0x10000u
#define KSTACK_SIZE	(16 * 1024ul)	/* aligned to twice its size, guard page below */

#include <arch/current.h> /* struct thread_core *current_core(void); inlined, one instruction */

/* struct task begins with its thread_core. */
static inline struct task *current_task(void) { return (struct task *)current_core(); }
#define current current_task()

/* Nest. The CPU stays the same from the first to the last; nothing in between may sleep. */
static inline void preempt_disable(void)
{
	current_core()->preempt_count++;
	barrier();
}
/* For who looks at WORK_RESCHED itself soon. */
static inline void preempt_enable_no_resched(void)
{
	barrier();
	current_core()->preempt_count--;
}
/* Reschedules if that became due and nothing forbids it (task/sched.c). */
void preempt_schedule(void);
static inline void preempt_enable(void)
{
	struct thread_core *c = current_core();

	barrier();
	if (unlikely(--c->preempt_count == 0 && (READ_ONCE(c->work) & WORK_RESCHED)))
		preempt_schedule();
}
static inline bool in_interrupt(void) { return current_core()->preempt_count >= PREEMPT_IRQ; }
/* Stops the kernel if the caller may not sleep here. */
void might_sleep(void);

/*
 * Per-CPU variables: DEFINE_PER_CPU(type, name) makes one for each CPU, zeroed or with its
 * initialiser. Use this_cpu only with preemption off.
 */
#define DEFINE_PER_CPU(type, name) __section(".percpu") __typeof__(type) name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) name
extern u64 percpu_offset[];	/* by CPU number; set before the CPU starts */
#define this_cpu(name) (*(__typeof__(name) *)((char *)&(name) + current_core()->percpu_off))
#define per_cpu(name, n) (*(__typeof__(name) *)((char *)&(name) + percpu_offset[n]))
#define MAX_CPUS 8
extern u32 nr_cpus;		/* present */
extern u64 online_cpus;		/* bit mask */
static inline u32 cpu_id(void) { return current_core()->cpu; }
#define for_each_cpu(n) for (u32 n = 0; n < nr_cpus; n++) if (online_cpus & BIT(n))
#endif
