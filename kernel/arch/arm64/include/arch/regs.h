/* SPDX-License-Identifier: BSD-2-Clause */
/* The register frame that exception entry builds on the kernel stack. The first 34 words are the
 * ABI's user_pt_regs. */
#ifndef ARCH_REGS_H
#define ARCH_REGS_H
#include <base/types.h>

struct regs {
	u64 x[31];
	u64 sp;
	u64 pc;
	u64 pstate;
	u64 orig_x0;		/* x0 as the system call found it */
	u64 syscall;		/* its number, or REGS_NO_SYSCALL */
	u64 record[2]; /* frame record of the interrupted function: backtraces cross the exception
			  by it */
};
#define REGS_NO_SYSCALL	(~0ull)
#define PSTATE_MODE	0x1full
#define PSTATE_EL0	0ull

static inline bool regs_user_mode(const struct regs *r)
{
	return (r->pstate & PSTATE_MODE) == PSTATE_EL0;
}
static inline u64 regs_pc(const struct regs *r) { return r->pc; }
static inline void regs_set_pc(struct regs *r, u64 pc) { r->pc = pc; }
static inline u64 regs_sp(const struct regs *r) { return r->sp; }
static inline void regs_set_sp(struct regs *r, u64 sp) { r->sp = sp; }
static inline u64 regs_ret(const struct regs *r) { return r->x[0]; }
static inline void regs_set_ret(struct regs *r, i64 v) { r->x[0] = (u64)v; }
static inline u64 regs_syscall(const struct regs *r) { return r->x[8]; }
/* Argument n (0..5) of the system call. */
static inline u64 regs_arg(const struct regs *r, u32 n) { return n ? r->x[n] : r->orig_x0; }
/* Inside a system call that may still be restarted; forget: a signal frame or sigreturn replaced
 * the registers. */
static inline bool regs_in_syscall(const struct regs *r) { return r->syscall != REGS_NO_SYSCALL; }
static inline void regs_forget_syscall(struct regs *r) { r->syscall = REGS_NO_SYSCALL; }
/* Makes the return to user mode execute the SVC again, with the arguments it had. */
static inline void regs_restart_syscall(struct regs *r)
{
	r->x[0] = r->orig_x0;
	r->pc -= 4;
}
/* As above, but as system call nr (restart_syscall). */
static inline void regs_restart_as(struct regs *r, u64 nr)
{
	r->x[8] = nr;
	r->pc -= 4;
}
#endif
