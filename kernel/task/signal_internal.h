/* SPDX-License-Identifier: BSD-2-Clause */
/* What signal(7) says of each signal's default. */
#ifndef TASK_SIGNAL_INTERNAL_H
#define TASK_SIGNAL_INTERNAL_H
#include "internal.h"

#define SIGS_STOP	(SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIGS_IGNORE	(SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGWINCH) | SIGBIT(SIGURG))
/* Caused by the instruction that runs: delivered before others. */
#define SIGS_SYNC                                                                                  \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) |    \
	 SIGBIT(SIGSYS))

static inline bool sig_default(const struct sighand *s, int sig)
{
	return s->action[sig - 1].handler == (u64)SIG_DFL;
}
static inline bool sig_ignored(const struct sighand *s, int sig)
{
	return s->action[sig - 1].handler == (u64)SIG_IGN ||
	       (sig_default(s, sig) && (SIGS_IGNORE & SIGBIT(sig)));
}
/* Makes t look at its signals: from sleep by the states in mask, or from user mode. */
void signal_wake(struct task *t, u32 mask);
#endif
