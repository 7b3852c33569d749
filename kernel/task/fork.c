/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making tasks. Everything that can fail is made first, unseen by anybody; link_child then takes
 * proc_lock and the signal lock and in one step gives the numbers and enters the lists. A signal
 * that came to the parent before that step makes the call start over, so that a signal to a group
 * reaches either a parent that has not forked or both.
 */
#include <base/string.h>
#include <hal/uaccess.h>
#include <linux/sched.h>
#include "internal.h"

/* --- flags
 * --------------------------------------------------------------------------------------------- */

#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

static int check_request(const struct clone_req *req)
{
	u64 f = req->flags;

	if (req->exit_signal < 0 || req->exit_signal > 64)
		return -EINVAL;
	if (f & NEW_NAMESPACES || f & CLONE_INTO_CGROUP)
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_CLEAR_SIGHAND) && (f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_PARENT) && current->proc == init_process)
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & CLONE_DETACHED))
		return -EINVAL;
	return 0;
}

/* --- the parts of a child
 * --------------------------------------------------------------------------------- */

static void copy_task(struct task *t, const struct clone_req *req)
{
	struct task *me = current;

	t->flags = TF_FORKNOEXEC;
	memcpy(t->comm, me->comm, sizeof(t->comm));
	t->cred = cred_get(me->cred);
	t->blocked = me->blocked;
	t->timer_slack = me->timer_slack;
	if ((req->flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM)
		t->altstack = me->altstack;
	if (req->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = (u32 __user *)req->child_tid;
	if (req->flags & CLONE_CHILD_SETTID)
		t->set_child_tid = (u32 __user *)req->child_tid;
	sched_task_init(t);
}

static void copy_regs(struct task *t, const struct clone_req *req)
{
	struct regs *r = arch_user_regs(t->core.stack);

	*r = *arch_user_regs(current->core.stack);
	regs_set_ret(r, 0);
	regs_forget_syscall(r);
	if (req->stack)
		regs_set_sp(r, req->stack);
	arch_task_copy(&t->arch, &current->arch);
	arch_task_init_user(&t->arch, kstack_top(t->core.stack));
	if (req->flags & CLONE_SETTLS)
		arch_task_set_tls(&t->arch, req->tls);
	if (t->set_child_tid)
		atomic_or(&t->core.work, WORK_NOTIFY);
}

static struct sighand *copy_sighand(u64 flags)
{
	struct sighand *from, *s = flags & CLONE_SIGHAND ? NULL : sighand_alloc();
	u64 irq;

	if (!s && !(flags & CLONE_SIGHAND))
		return NULL;
	/* Another thread may change an action meanwhile, or give the process new ones (exec). */
	from = sighand_lock(current->proc, &irq);
	if (s)
		memcpy(s->action, from->action, sizeof(s->action));
	else
		ref_get(&from->ref);
	sighand_unlock(from, irq);
	if (!s)
		return from;
	if (flags & CLONE_CLEAR_SIGHAND)
		for (u32 i = 0; i < 64; i++)
			if (s->action[i].handler != (u64)SIG_IGN)
				s->action[i] = (struct sigaction_k){ 0 };
	return s;
}

static struct process *copy_process(const struct clone_req *req)
{
	struct process *me = current->proc, *p = process_alloc();

	if (!p)
		return NULL;
	p->sighand = copy_sighand(req->flags);
	if (!p->sighand) {
		process_put(p);
		return NULL;
	}
	memcpy(p->rlim, me->rlim, sizeof(p->rlim));
	p->exit_signal = req->flags & CLONE_PARENT ? me->exit_signal : req->exit_signal;
	p->parent_exec_id = req->flags & CLONE_PARENT ? me->parent_exec_id : me->exec_id;
	p->oom_score_adj = me->oom_score_adj;
	p->personality = me->personality;
	return p;
}

static struct mm *copy_mm(u64 flags)
{
	struct mm *mm = current->mm;

	if (flags & CLONE_VM) {
		mm_get(mm);
		return mm;
	}
	return mm_fork(mm);
}

/* --- joining the others
 * --------------------------------------------------------------------------------------- */

/* Both locks held. */
static void enter_process(struct task *t, struct process *p, u64 flags, struct pid *pid)
{
	struct process *me = current->proc;

	ref_get(&p->ref);	/* the tree's; t has the one that p was made with */
	p->pid = pid->nr;
	p->leader = t;
	task_get(t);
	p->parent = flags & CLONE_PARENT ? me->parent : me;
	p->parent_task = flags & CLONE_PARENT ? me->parent_task : current;
	p->parent_task->nr_kids++;
	p->ppid = p->parent->pid;
	p->tty = me->tty;
	pid->proc = p;
	list_add_tail(&p->parent->children, &p->sibling);
	list_add_tail(&all_processes, &p->all_link);
	session_join(p, me->sid);
	pgrp_join(p, me->pgid);
	pid_count(1, 0);
}

static void enter_thread(struct task *t, struct process *p, struct pid *pid)
{
	pid->task = t;
	t->tid = pid->nr;
	list_add_tail(&p->threads, &t->thread_link);
	p->nr_threads++;
	p->nr_live++;
	pid_count(0, 1);
}

static int link_child(struct task *t, const struct clone_req *req, struct pid *pid)
{
	struct process *p = t->proc;
	u64 flags = spin_lock_irqsave(&proc_lock), none;
	struct sighand *s = sighand_lock(current->proc, &none);
	int err = -ERESTARTNOINTR;

	if (!signal_pending(current))
		err = pid_enter(pid, req->set_tid);
	if (!err) {
		if (!(req->flags & CLONE_THREAD))
			enter_process(t, p, req->flags, pid);
		enter_thread(t, p, pid);
	}
	sighand_unlock(s, none);
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

/* --- the call
 * ------------------------------------------------------------------------------------------------------
 */

u32 threads_max;

/* For everybody threads-max, for a user without rights RLIMIT_NPROC. */
static bool too_many(void)
{
	u64 limit = rlimit(RLIMIT_NPROC), n = 0;
	u32 uid = current_cred()->uid;
	struct process *p;
	u64 flags;

	if (nr_tasks() >= READ_ONCE(threads_max))
		return true;
	if (nr_tasks() < limit || uid == 0 || capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN))
		return false;
	flags = spin_lock_irqsave(&proc_lock);
	list_for_each(p, &all_processes, all_link)
		if (p->leader->cred->uid == uid)
			n += p->nr_threads;
	spin_unlock_irqrestore(&proc_lock, flags);
	return n >= limit;
}

/* A task with all its parts, in no list. */
static struct task *make_child(const struct clone_req *req)
{
	struct task *t = task_alloc();
	int err;

	if (!t)
		return ERR_PTR(-ENOMEM);
	copy_task(t, req);
	if (req->flags & CLONE_THREAD) {
		t->proc = current->proc;
		ref_get(&t->proc->ref);
	} else {
		t->proc = copy_process(req);
		if (!t->proc) {
			cred_put(t->cred);
			task_free_new(t);
			return ERR_PTR(-ENOMEM);
		}
	}
	err = parts_clone(t, current, req->flags);
	if (!err) {
		struct mm *mm = copy_mm(req->flags);

		if (IS_ERR(mm))
			err = (int)PTR_ERR(mm);
		else
			t->mm = mm;
	}
	if (err) {
		parts_exit(t);
		task_put(t);
		return ERR_PTR(err);
	}
	copy_regs(t, req);
	return t;
}

static void unmake_child(struct task *t)
{
	struct mm *mm = t->mm;

	t->mm = NULL;
	mm_put(mm);
	parts_exit(t);
	task_put(t);
}

static void wait_for_vfork(struct task *t)
{
	struct completion *c = &t->vfork_done;

	(void)wait_event_killable(&c->q, READ_ONCE(c->done));	/* c lives in t, which we hold */
}

/* The number is known to user space before the child runs. */
static void tell_tid(struct task *t, const struct clone_req *req)
{
	if (req->flags & CLONE_PARENT_SETTID)
		(void)put_user(
			t->tid,
			req->parent_tid); /* clone(2): a bad pointer is not an error by then */
}

i64 task_clone(const struct clone_req *req)
{
	bool vfork = req->flags & CLONE_VFORK;
	int err = check_request(req), pidfd = -1;
	void *cookie = NULL;
	struct task *t;
	struct pid *pid;
	i64 tid;

	if (err)
		return err;
	if (too_many())
		return -EAGAIN;
	pid = pid_alloc_struct();
	if (!pid)
		return -ENOMEM;
	t = make_child(req);
	if (IS_ERR(t)) {
		pid_free_struct(pid);
		return PTR_ERR(t);
	}
	if (req->flags & CLONE_PIDFD) {
		pidfd = pidfd_ops ? pidfd_ops->prepare(t, req->flags & CLONE_THREAD, &cookie)
				  : -EINVAL;
		err = pidfd < 0 ? pidfd : put_user(pidfd, req->pidfd);
	}
	if (vfork) {
		t->vfork_child = true;
		completion_init(&t->vfork_done);
		task_get(t);
	}
	if (!err)
		err = link_child(t, req, pid);
	if (err) {
		if (pidfd >= 0)
			pidfd_ops->cancel(pidfd, cookie);
		if (vfork)
			task_put(t);
		unmake_child(t);
		pid_free_struct(pid);
		return err;
	}
	tid = t->tid;
	tell_tid(t, req);
	if (pidfd >= 0)
		pidfd_ops->install(pidfd, t, cookie);
	sched_start(t);
	if (vfork) {
		wait_for_vfork(t);
		task_put(t);
	}
	return tid;
}

/* --- init
 * ------------------------------------------------------------------------------------------------------------
 */

static const struct rlimit64 fixed_limits[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_FSIZE] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_DATA] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_STACK] = { 8 * MIB, RLIM64_INFINITY },
	[RLIMIT_CORE] = { 0, RLIM64_INFINITY },
	[RLIMIT_RSS] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_NOFILE] = { 1024, 4096 },
	[RLIMIT_MEMLOCK] = { 8 * MIB, 8 * MIB },
	[RLIMIT_AS] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_LOCKS] = { RLIM64_INFINITY, RLIM64_INFINITY },
	[RLIMIT_MSGQUEUE] = { 819200, 819200 },
	[RLIMIT_RTTIME] = { RLIM64_INFINITY, RLIM64_INFINITY },
};

/* Stacks of all threads that there may be take an eighth of memory; one user's, half of that. */
void limits_init(void)
{
	struct mem_totals m;

	mem_totals(&m);
	threads_max = (u32)clamp(m.total / 8 * PAGE_SIZE / KSTACK_SIZE, 20ul, (u64)pid_max);
}

void initial_limits(struct rlimit64 *l)
{
	struct rlimit64 half = { threads_max / 2, threads_max / 2 };

	memcpy(l, fixed_limits, sizeof(fixed_limits));
	l[RLIMIT_NPROC] = l[RLIMIT_SIGPENDING] = half;
}

static void enter_init(struct task *t, struct process *p, struct pid *pid)
{
	ref_get(&p->ref);	/* the tree's; t has the one that p was made with */
	p->pid = pid->nr;
	p->leader = t;
	task_get(t);
	p->parent = &kernel_process;
	pid->proc = p;
	list_add_tail(&kernel_process.children, &p->sibling);
	list_add_tail(&all_processes, &p->all_link);
	session_join(p, 0);
	pgrp_join(p, 0);
	pid_count(1, 0);
	enter_thread(t, p, pid);
	init_process = p;
}

/* A task and process without mm, files and number; NULL: no memory. */
static struct task *make_init(const char *comm)
{
	struct task *t = task_alloc();
	struct process *p = process_alloc();

	if (p)
		p->sighand = sighand_alloc();
	if (!t || !p || !p->sighand) {
		if (t)
			task_free_new(t);
		if (p)
			process_put(p);
		return NULL;
	}
	memset(p->sighand->action, 0, sizeof(p->sighand->action));
	initial_limits(p->rlim);
	p->unkillable = true;
	p->exit_signal = SIGCHLD;
	t->proc = p;
	t->cred = cred_get(&init_cred);
	strlcpy(t->comm, comm, sizeof(t->comm));
	sched_task_init(t);
	return t;
}

struct task *task_start_init(struct mm *mm, const char *comm, u64 pc, u64 sp)
{
	struct task *t = make_init(comm);
	struct pid *pid = pid_alloc_struct();
	int err = t && pid ? parts_clone(t, current, 0) : -ENOMEM;
	u64 flags;

	if (!err) {
		flags = spin_lock_irqsave(&proc_lock);
		err = pid_enter(pid, 1);
		if (!err)
			enter_init(t, t->proc, pid);
		spin_unlock_irqrestore(&proc_lock, flags);
	}
	if (err) {
		pid_free_struct(pid);
		if (t) {
			parts_exit(t);
			task_put(t);
		}
		return ERR_PTR(err);
	}
	t->mm = mm;
	arch_task_init_user(&t->arch, kstack_top(t->core.stack));
	arch_exec_regs(arch_user_regs(t->core.stack), pc, sp);
	sched_start(t);
	return t;
}
