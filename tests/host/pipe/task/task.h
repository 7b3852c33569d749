/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of task/'s header: what fs/pipe.c needs of tasks, users and signals (tests/host/test_pipe.c). */
#ifndef TASK_TASK_H
#define TASK_TASK_H
#include <hal/preempt.h>
#include <hal/sync.h>
#include <linux/capability.h>
#include <signal.h>

struct user { u32 pipe_pages; };
struct cred { u32 uid; struct user *user; };
struct process { int pid; };
struct task { struct thread_core core; struct mm *mm; };
extern struct user pipe_user;
void signal_send_task(struct task *t, int sig, const siginfo_t *info);

static inline const struct cred *current_cred(void)
{
	static const struct cred cred = { .user = &pipe_user };

	return &cred;
}
static inline const struct process *current_proc(void)
{
	static const struct process proc = { 1 };

	return &proc;
}
static inline struct user *user_get(struct user *u) { return u; }
static inline void user_put(struct user *u) { }
#endif
