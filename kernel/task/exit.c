/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of threads and processes.
 *
 * A thread lets go of its memory, files and the rest first, as itself; then, under proc_lock, it
 * becomes dead. The last one to do so makes its process a zombie, whose children go to a reaper and
 * whose parent is told. The zombie keeps its numbers until somebody waits for it (process_unlink),
 * or goes at once if the parent does not care.
 */
#include <base/string.h>
#include <hal/uaccess.h>
#include <linux/wait.h>
#include <task/clock.h>
#include <task/futex.h>
#include "internal.h"

struct process *init_process;
struct list all_processes = LIST_INIT(all_processes);

/* --- the address space ------------------------------------------------------------------- */

/* What thread libraries wait for: the word is zeroed and its futex woken, as CLONE_CHILD_CLEARTID
 * promised. */
static void clear_tid(struct task *t)
{
	u32 __user *p = t->clear_child_tid;

	t->clear_child_tid = NULL;
	if (p && ref_read(&t->mm->users) > 1 && put_user(0u, p) == 0)
		(void)futex_wake(p, 1, true, ~0u);
}

static void note_peak(struct process *p, const struct mm *mm)
{
	u64 now = max(mm_rss(mm), READ_ONCE(mm->peak_rss));

	if (now > p->dead_threads.maxrss)
		p->dead_threads.maxrss = now;	/* a race loses one sample */
}

void task_replace_mm(struct mm *mm)
{
	struct task *t = current;
	struct mm *old = t->mm;

	if (old) {
		futex_exit(t);
		clear_tid(t);
		note_peak(t->proc, old);
	}
	t->robust_list = NULL;
	spin_lock(&t->task_lock);
	t->undumpable = old && !old->dumpable;
	sched_use_mm(mm);
	spin_unlock(&t->task_lock);
	if (t->vfork_child) {
		t->vfork_child = false;
		complete(&t->vfork_done);
	}
	if (old)
		mm_put(old);
}

/* --- usage ------------------------------------------------------------------------------- */

void task_usage(struct task *t, struct rusage_k *u)
{
	sched_times(t, &u->utime, &u->stime);
	u->min_flt = t->min_flt;
	u->maj_flt = t->maj_flt;
	u->nvcsw = t->sched.nvcsw;
	u->nivcsw = t->sched.nivcsw;
	u->maxrss = t->proc->dead_threads.maxrss;
}

static void usage_add(struct rusage_k *to, const struct rusage_k *u)
{
	to->utime += u->utime;
	to->stime += u->stime;
	to->min_flt += u->min_flt;
	to->maj_flt += u->maj_flt;
	to->nvcsw += u->nvcsw;
	to->nivcsw += u->nivcsw;
	to->maxrss = max(to->maxrss, u->maxrss);
}

void process_usage(struct process *p, struct rusage_k *u)
{
	struct task *t;
	u64 flags;
	struct sighand *s = sighand_lock(p, &flags);

	*u = p->dead_threads;
	list_for_each(t, &p->threads, thread_link) {
		struct rusage_k one;

		if (t->dead)
			continue;
		task_usage(t, &one);
		usage_add(u, &one);
	}
	sighand_unlock(s, flags);
}

void io_add(struct io_counts *to, const struct io_counts *io)
{
	to->rchar += io->rchar;
	to->wchar += io->wchar;
	to->syscr += io->syscr;
	to->syscw += io->syscw;
}

void process_io(struct process *p, struct io_counts *io)
{
	struct task *t;
	u64 flags;
	struct sighand *s = sighand_lock(p, &flags);

	*io = p->dead_io;
	list_for_each(t, &p->threads, thread_link)
		if (!t->dead)
			io_add(io, &t->io);
	sighand_unlock(s, flags);
}

/* --- zombies ----------------------------------------------------------------------------- */

/* Where orphans of p go: the nearest living ancestor that asked for it, or init. proc_lock held. */
static struct process *process_reaper(struct process *p)
{
	for (struct process *q = p->parent; q && q != &kernel_process; q = q->parent)
		if (q->child_subreaper && q->nr_threads &&
		    !(READ_ONCE(q->group_flags) & PGF_EXITING))
			return q;
	return init_process;
}

void process_unlink(struct process *p)
{
	struct pid *pid = pid_find(p->pid);
	struct sighand *s;
	u64 flags;

	assert_spin_held(&proc_lock);
	p->reaped = true;
	list_del(&p->sibling);
	list_del(&p->all_link);
	p->parent_task->nr_kids--;
	/* Who walks the threads holds one of the two locks: proc/PID/stat of a process that is
	 * being reaped, the other one. */
	s = sighand_lock(p, &flags);
	list_del(&p->leader->thread_link);
	sighand_unlock(s, flags);
	pgrp_leave(p);
	session_leave(p);
	pid->proc = NULL;
	pid->task = NULL;
	pid_unuse(pid);
	pid_count(-1, 0);
	usage_add(
		&p->dead_threads,
		&p->dead_children); /* what the waiter is told: the process and all it waited for */
	wake_up_all(&p->pidfd_wait);
}

void process_release(struct process *p)
{
	task_put(p->leader);
	process_put(p);
}

/* The parent will never ask: out of the lists now, released by the caller from dead when no lock is
 * held. */
static void bury(struct process *p, struct list *dead)
{
	process_unlink(p);
	list_add_tail(dead, &p->sibling);
}

/* The thread that made child has ended: PR_SET_PDEATHSIG(2const). Comes as if it had sent it. */
static void death_signal(struct process *child)
{
	siginfo_t info;
	struct task *t;

	memset(&info, 0, sizeof(info));	/* all of it goes to the user */
	info.si_code = SI_USER;
	info.si_pid = current->proc->pid;
	info.si_uid = current_cred()->uid;
	list_for_each(t, &child->threads, thread_link) {
		info.si_signo = t->pdeath_signal;
		if (!t->dead && t->pdeath_signal)
			signal_send_process(child, t->pdeath_signal, &info);
	}
}

/* A thread of p that has not died, NULL: none. proc_lock held. */
static struct task *living_thread(struct process *p)
{
	struct task *t;

	list_for_each(t, &p->threads, thread_link)
		if (!t->dead)
			return t;
	return NULL;
}

static void adopt(struct process *c, struct task *by)
{
	c->parent_task->nr_kids--;
	c->parent_task = by;
	by->nr_kids++;
	death_signal(c);
}

/* The children that t, which has died, made go to another thread of its process. */
static void hand_over_kids(struct task *t)
{
	struct task *heir = t->nr_kids ? living_thread(t->proc) : NULL;
	struct process *c;

	if (!heir)
		return;
	list_for_each(c, &t->proc->children, sibling)
		if (c->parent_task == t)
			adopt(c, heir);
}

static void reparent_children(struct process *p, struct list *dead)
{
	struct process *c, *tmp, *reaper;
	struct list moved = LIST_INIT(moved);

	if (list_empty(&p->children))
		return;
	reaper = process_reaper(p);
	list_splice_tail(&moved, &p->children);
	list_for_each_safe(c, tmp, &moved, sibling) {
		c->parent = reaper;
		WRITE_ONCE(c->ppid, reaper->pid);
		c->exit_signal = SIGCHLD;
		c->parent_exec_id = reaper->exec_id;
		adopt(c, living_thread(reaper));
		if (c->zombie && signal_tell_parent(c, 0, c->exit_code))
			bury(c, dead);
	}
	pgrp_check_orphans(&moved, p);
	list_splice_tail(&reaper->children, &moved);
}

static void become_zombie(struct process *p, struct list *dead)
{
	struct process *parent = p->parent;

	reparent_children(p, dead);
	p->exit_code = p->group_flags & PGF_EXITING ? p->group_exit_code : p->leader->exit_code;
	pgrp_check_orphan(p, p->pgid, parent);
	WRITE_ONCE(p->zombie, true);
	if (signal_tell_parent(p, 0, p->exit_code))
		bury(p, dead);
	else
		wake_up_all(&p->pidfd_wait);
}

/* --- threads ----------------------------------------------------------------------------- */

/* t leaves the living; true if it was the last of its process. Both locks held. */
static bool thread_dies(struct task *t, struct process *p)
{
	struct rusage_k u;
	struct pid *pid;

	task_usage(t, &u);
	usage_add(&p->dead_threads, &u);
	io_add(&p->dead_io, &t->io);
	t->dead = true;
	if (t != p->leader) {
		list_del(&t->thread_link);
		pid = pid_find(t->tid);
		pid->task = NULL;
		pid_unuse(pid);
	}
	pid_count(0, -1);
	p->nr_threads--;
	if (p->exec_task && p->nr_threads == 1)
		wake_task(p->exec_task, WAKE_NORMAL);
	return p->nr_threads == 0;
}

static void release_all(struct list *dead)
{
	while (!list_empty(dead)) {
		struct process *p = list_first(dead, struct process, sibling);

		list_del(&p->sibling);
		process_release(p);
	}
}

static void exit_notify(struct task *t)
{
	struct process *p = t->proc;
	struct list dead = LIST_INIT(dead);
	u64 flags = spin_lock_irqsave(&proc_lock), none;
	struct sighand *s = sighand_lock(p, &none);
	bool last = thread_dies(t, p);

	sighand_unlock(s, none);
	if (last) {
		become_zombie(p, &dead);
	} else {
		hand_over_kids(t);
		if (wait_queue_active(&p->pidfd_wait)) /* who polls looked under proc_lock */
			wake_up_all(&p->pidfd_wait);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	signal_flush(&t->pending, ~0ull);	/* nobody sends to the dead */
	release_all(&dead);
}

/* The first step: no more signals are meant for t. True if no other thread lives on. */
static bool begin_exit(struct task *t, struct process *p)
{
	u64 flags;
	struct sighand *s = sighand_lock(p, &flags);
	bool last;

	t->flags |= TF_EXITING;
	last = --p->nr_live == 0;
	signal_leave_group(t);
	sighand_unlock(s, flags);
	return last;
}

static void process_ends(struct process *p)
{
	struct sighand *s;
	u64 flags;

	if (p == init_process)
		panic("init (pid 1) has ended, wait status 0x%x",
		      p->group_flags & PGF_EXITING ? p->group_exit_code : current->exit_code);
	process_timers_exit(p);
	parts_process_exit(p);
	s = sighand_lock(p, &flags);
	signal_flush(&p->pending, ~0ull);
	sighand_unlock(s, flags);
}

__noreturn void task_exit(int status)
{
	struct task *t = current;

	might_sleep();
	if (t->flags & TF_KTHREAD)
		sched_exit();
	BUG_ON(t->core.borrowing);	/* each mm_borrow has had its mm_return */
	t->exit_code = status;
	if (begin_exit(t, t->proc))
		process_ends(t->proc);
	task_replace_mm(NULL);
	parts_exit(t);
	exit_notify(t);
	sched_exit();
}

__noreturn void task_exit_group(int status)
{
	struct process *p = current->proc;
	u64 flags;
	struct sighand *s = sighand_lock(p, &flags);

	if (p->group_flags & PGF_EXITING)
		status = p->group_exit_code;
	else if (!(p->group_flags & PGF_EXEC) || p->exec_task == current)
		signal_kill_group_locked(p, status);
	sighand_unlock(s, flags);
	task_exit(status);
}

/* --- exec -------------------------------------------------------------------------------- */

/* Takes over the leader's number and place; the leader is dead and goes. */
static void take_lead(struct task *t, struct process *p)
{
	u64 flags = spin_lock_irqsave(&proc_lock), none;
	struct sighand *s = sighand_lock(p, &none);
	struct task *old = p->leader;
	struct pid *mine = pid_find(t->tid), *theirs = pid_find(old->tid);

	list_del(&old->thread_link);
	mine->task = NULL;
	pid_unuse(mine);
	theirs->task = t;
	t->tid = old->tid;
	t->start_time = old->start_time;
	task_get(t);
	p->leader = t;
	sighand_unlock(s, none);
	spin_unlock_irqrestore(&proc_lock, flags);
	task_put(old);
}

int task_dethread(void)
{
	struct task *t = current, *o;
	struct process *p = t->proc;
	u64 flags;
	struct sighand *s;
	int err = 0;

	if (READ_ONCE(p->nr_threads) == 1 && p->leader == t)
		return 0;
	s = sighand_lock(p, &flags);
	if (p->group_flags & (PGF_EXITING | PGF_EXEC)) {
		sighand_unlock(s, flags);
		return -EAGAIN;		/* this thread is about to be killed */
	}
	p->group_flags |= PGF_EXEC;
	p->exec_task = t;
	list_for_each(o, &p->threads, thread_link)
		if (o != t && !o->dead)
			signal_kill_thread_locked(o);
	while (p->nr_threads > 1) {
		set_state(TASK_KILLABLE);
		sighand_unlock(s, flags);
		if (signal_fatal_pending(t)) {
			WRITE_ONCE(t->sched.state, TASK_RUNNING);
			err = -EINTR;
		} else {
			schedule();
		}
		s = sighand_lock(p, &flags);
		if (err)
			break;
	}
	WRITE_ONCE(t->sched.state, TASK_RUNNING);
	p->group_flags &= ~PGF_EXEC;
	p->exec_task = NULL;
	sighand_unlock(s, flags);
	if (!err && p->leader != t)
		take_lead(t, p);
	return err;
}

int task_unshare_sighand(void)
{
	struct process *p = current->proc;
	struct sighand *old = p->sighand, *s;
	u64 flags;

	if (ref_read(&old->ref) == 1)
		return 0;
	s = sighand_alloc();
	if (!s)
		return -ENOMEM;
	flags = spin_lock_irqsave(&old->lock);
	memcpy(s->action, old->action, sizeof(s->action));
	WRITE_ONCE(p->sighand, s);
	spin_unlock_irqrestore(&old->lock, flags);
	synchronize_rcu();	/* sighand_lock may still be spinning on the old one */
	sighand_put(old);
	return 0;
}
