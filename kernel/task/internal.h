/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of task/ share about the life of processes. proc_lock is held unless said
 * otherwise. */
#ifndef TASK_INTERNAL_H
#define TASK_INTERNAL_H
#include <task/task.h>

int pid_start(void);		/* slabs; 0 or -ENOMEM */

/* --- pid.c --- */
struct pid *pid_alloc_struct(void) __must_check;	/* no lock; no number yet */
void pid_free_struct(struct pid *pid);			/* NULL allowed */
/* Gives pid a number (want, or the next free one) with one use. 0, -EAGAIN, -EEXIST, -EINVAL,
 * -ENOMEM. */
int pid_enter(struct pid *pid, i32 want) __must_check;
struct pid *pid_find(i32 nr);
void pid_use(struct pid *pid);
void pid_unuse(struct pid *pid);			/* the last use frees it */
u32 pid_numbers_in_use(u32 *bad);
void pid_count(int new_processes, int new_tasks);

/* --- task.c: no lock --- */
struct task *
task_alloc(void) __must_check; /* ref 1, with a kernel stack; nothing else set. NULL: no memory */
void task_free_new(struct task *t);		/* one that never ran and is in no list */
void task_free_stack(struct task *t);		/* one that never runs again; any context */
struct process *process_alloc(void) __must_check;
int parts_clone(struct task *child, struct task *parent, u64 flags);
void parts_exit(struct task *t);
void parts_process_exit(struct process *p);
struct sighand *sighand_alloc(void) __must_check;
void sighand_put(struct sighand *s);
void io_add(struct io_counts *to, const struct io_counts *io);
extern struct process kernel_process;
/* Takes a zombie out of every list and number. proc_lock held; the caller drops the reference
 * afterwards, unlocked. */
void process_unlink(struct process *p);
/* After process_unlink, unlocked. */
void process_release(struct process *p);

/* --- fork.c --- */
void limits_init(void);		/* threads_max, by the memory there is */
/* Of init, and of kernel threads that act for it: RLIM_NLIMITS of them. */
void initial_limits(struct rlimit64 *l);

/* --- session.c: proc_lock held --- */
void pgrp_join(struct process *p, i32 pgid);
void pgrp_leave(struct process *p);
void session_join(struct process *p, i32 sid);
void session_leave(struct process *p);
/* Sends SIGHUP and SIGCONT to group pgid if p's going (or leaving) makes it an orphan with stopped
 * members. */
void pgrp_check_orphan(struct process *p, i32 pgid, struct process *parent);
void pgrp_check_orphans(struct list *children, const struct process *p);
#endif
