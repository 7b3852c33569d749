/* SPDX-License-Identifier: BSD-2-Clause */
/* Signal frames on the user stack: what the architecture builds and takes apart for task/. */
#ifndef HAL_SIGNAL_H
#define HAL_SIGNAL_H
#include <base/types.h>
#include <linux/posix_types.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

struct regs;
typedef u64 sigmask_t;				/* bit n-1 is signal n, 1..64 */
struct sigaction_k {
	u64 handler;
	u64 flags;
	u64 restorer;
	sigmask_t mask;
}; /* the ABI's layout on arm64 */
/* A signal that has been taken off the queue and is to be delivered to a handler. */
struct ksignal { int sig; siginfo_t info; struct sigaction_k sa; };

/* Pushes a frame and points r at the handler; oldmask goes into the frame. vdso: address of the
 * vDSO image, whose rt_sigreturn is used without SA_RESTORER. Of the current task; may sleep. 0 or
 * -EFAULT. */
int arch_signal_setup(struct regs *r, const struct ksignal *k, sigmask_t oldmask,
		      const stack_t *altstack, u64 vdso);
/* Restores registers and FP from the frame at the user's SP; fills mask and altstack. 0 or -EFAULT.
 */
int arch_signal_return(struct regs *r, sigmask_t *mask, stack_t *altstack);
#endif
