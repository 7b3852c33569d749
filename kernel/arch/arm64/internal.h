/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of arch/arm64 share with each other and with its assembly. */
#ifndef ARM64_INTERNAL_H
#define ARM64_INTERNAL_H
#include <base/types.h>
#include <hal/cpu.h>

/* entry.S */
struct task *cpu_switch(struct arch_task *prev, struct arch_task *next, struct task *next_task,
			struct task *prev_task);
void kernel_thread_entry(void);
void user_thread_entry(void);
void user_thread_start(void);
void fp_save(struct fp_state *f);
void fp_load(const struct fp_state *f);
void secondary_entry(void);
extern char vectors[];
/* called by entry.S and head.S */
void el0_sync(struct regs *r, u64 esr, u64 far);
void el1_sync(struct regs *r, u64 esr, u64 far);
void el0_irq(struct regs *r);
void el1_irq(struct regs *r);
void exit_work(struct regs *r);
__noreturn void bad_exception(struct regs *r, u64 esr, u64 far);
__noreturn void stack_overflow(struct regs *r, u64 esr, u64 far);
__noreturn void boot_start(paddr_t image, paddr_t fdt, u32 el);
__noreturn void secondary_start(void);

/* panic.c */
__noreturn void panic_regs(struct regs *r, u64 esr, u64 far, const char *why);
/* cpu.c: looks at the ID registers; boot CPU */
void cpu_features_init(void);
extern u64 cpu_hwid[MAX_CPUS];
extern bool cpu_has_tlbi_range, cpu_has_pan, cpu_at_el2;
extern bool cpu_has_mops;	/* for lib.S */
/* lib.S; preemption is off, the CPU has FEAT_SHA256, blocks > 0 */
void sha256_blocks(u32 state[8], const void *data, u64 blocks, const u32 k[64]);
/* idregs.c: emulates MRS of an ID register at r->pc; esr tells the register, or is of class
 * "unknown". True if done. */
bool emulate_mrs(struct regs *r, u64 esr);
/* time.c */
void time_init(void);
/* uaccess.S */
void pan_enable(void);
/* psci.c */
void psci_init(u32 el);
long psci_call(u64 fn, u64 a0, u64 a1, u64 a2);
/* vdso.c */
void vdso_data_init(u64 base, u64 mult);
void vdso_set_realtime_offset(u64 ns);
/* mmu.c */
void mmu_init(paddr_t image);
#endif
