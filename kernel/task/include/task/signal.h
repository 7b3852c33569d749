/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals (task/signal*.c). sighand->lock guards handlers and all pending sets of the process. */
#ifndef TASK_SIGNAL_H
#define TASK_SIGNAL_H
#include <base/list.h>
#include <hal/spinlock.h>
#include <hal/signal.h>
#include <hal/sync.h>
#include <linux/signal.h>

struct task;
struct process;
struct regs;

#define SIGBIT(n) (1ull << ((n) - 1))
#define sig_kernel_only (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))


struct sighand {
	ref_t ref;				/* shared by CLONE_SIGHAND */
	struct spinlock lock;
	struct sigaction_k action[64];
	struct wait_queue signalfd_wait;
};
struct user;
struct sigqueue {
	struct list link;		/* sigpending.queue */
	struct user *user;		/* whom it is charged to; referenced */
	siginfo_t info;
};
struct sigpending { sigmask_t set; struct list queue; };

/* Sends to one thread or to the process; info NULL: kernel-made (SI_KERNEL). 0, -ESRCH (gone),
 * -EAGAIN (queue limit). Any context. */
int signal_send_task(struct task *t, int sig, const siginfo_t *info);
int signal_send_process(struct process *p, int sig, const siginfo_t *info);
/* From a POSIX timer to t or (NULL) p: an entry of its own, beyond limits and beside others of the
 * number; -EAGAIN: no memory. The caller has no other in the queue. Any context. */
int signal_send_timer(struct process *p, struct task *t, int sig, const siginfo_t *info);
/* All members of process group pgid / session; 0, -ESRCH. */
int signal_send_pgrp(i32 pgid, int sig, const siginfo_t *info);
/* Would signal_force(sig) be handled by the current task's program? */
bool signal_has_handler(int sig);
/* From an exception of the current task: cannot be blocked or ignored (then it kills). */
void signal_force(int sig, int code, u64 addr);
/* A deliverable signal is pending for the current task. */
bool signal_pending(struct task *t);
bool signal_fatal_pending(struct task *t);
/* The same with sighand->lock held. */
int signal_send_locked(struct process *p, struct task *t, int sig, const siginfo_t *info);
/* Locks p's handlers (which exec may replace) with interrupts off. */
struct sighand *sighand_lock(struct process *p, u64 *flags);
void sighand_unlock(struct sighand *s, u64 flags);
/* A new blocked mask for the current task; SIGKILL and SIGSTOP stay out. */
void signal_set_blocked(sigmask_t mask);
/* ppoll, sigsuspend: mask until the system call is over; a handler's frame then restores the one
 * before. */
void signal_set_temporary_mask(sigmask_t mask);
void signal_restore_mask(void);			/* at once, when the call ends without a signal */
/* Begins the end of the whole process with a wait status; sighand->lock held. */
void signal_kill_group_locked(struct process *p, int status);
/* What the return to user mode does about signals: handlers, stops, death. */
void signal_deliver(struct regs *r);
/* One thread: pretends SIGKILL. sighand->lock held. */
void signal_kill_thread_locked(struct task *t);
/* t begins to exit: takes no part in stops, hands on what was meant for any thread. sighand->lock
 * held. */
void signal_leave_group(struct task *t);
/* Would a signal from the current task to p be allowed? 0 or -EPERM. proc_lock held. */
int signal_may_send(struct process *p, int sig);
/* Takes a signal of set that is pending for the current task; 0 if none. sighand->lock held. */
int signal_dequeue(sigmask_t set, siginfo_t *info);
/* Drops the signals of which from q, one of p's or of its threads'. sighand->lock held, or nobody
 * can reach q. */
void signal_flush(struct sigpending *q, sigmask_t which);
/* Drops what the current process's POSIX timers have sent and nobody has taken: exec, after they
 * are deleted. */
void signal_flush_timers(void);
/* Tells p's parent that p stopped, continued (CLD_*) or died. proc_lock held. Returns true if the
 * parent does not care for the zombie. */
bool signal_tell_parent(struct process *p, int code, int status);
#endif
