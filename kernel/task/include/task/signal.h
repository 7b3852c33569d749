/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals (task/signal*.c). sighand->lock guards handlers and all pending sets of the process. */
#ifndef TASK_SIGNAL_H
#define TASK_SIGNAL_H
#include <base/list.h>
#include <hal/spinlock.h>
#include <hal/sync.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

struct task;
struct process;
struct regs;

typedef u64 sigmask_t;				/* bit n-1 is signal n, 1..64 */
#define SIGBIT(n) (1ull << ((n) - 1))
#define sig_kernel_only (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

struct sigaction_k { u64 handler; u64 flags; u64 restorer; sigmask_t mask; };	/* the ABI's layout on arm64 */

struct sighand {
	ref_t ref;				/* shared by CLONE_SIGHAND */
	struct spinlock lock;
	struct sigaction_k action[64];
	struct wait_queue signalfd_wait;
};
struct sigqueue { struct list link; siginfo_t info; };
struct sigpending { sigmask_t set; struct list queue; };

/* A signal that has been taken off the queue and is to be delivered to a handler. */
struct ksignal { int sig; siginfo_t info; struct sigaction_k sa; };

/* Sends to one thread or to the process; info NULL: kernel-made (SI_KERNEL). 0, -ESRCH (gone), -EAGAIN (queue limit). Any context. */
int signal_send_task(struct task *t, int sig, const siginfo_t *info);
int signal_send_process(struct process *p, int sig, const siginfo_t *info);
/* All members of process group pgid / session; 0, -ESRCH. */
int signal_send_pgrp(i32 pgid, int sig, const siginfo_t *info);
/* From an exception of the current task: cannot be blocked or ignored (then it kills). */
void signal_force(int sig, int code, u64 addr);
/* A deliverable signal is pending for the current task. */
bool signal_pending(struct task *t);
bool signal_fatal_pending(struct task *t);
/* arch/arm64/signal.c: pushes a frame and points r at the handler; oldmask goes into the frame. 0 or -EFAULT. */
int arch_signal_setup(struct regs *r, const struct ksignal *k, sigmask_t oldmask, const stack_t *altstack, u64 vdso_restorer);
/* Restores registers and FP from the frame at the user's SP; fills mask and altstack. 0 or -EFAULT. */
int arch_signal_return(struct regs *r, sigmask_t *mask, stack_t *altstack);
#endif
