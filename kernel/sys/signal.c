/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls about signals. */
#include <base/string.h>
#include <hal/sync.h>
#include <linux/time_types.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <task/posix_timer.h>
#include <task/task.h>

static bool valid_signal(int sig) { return sig >= 0 && sig <= 64; }

static int get_mask(sigmask_t *m, u64 uptr, u64 size)
{
	if (size != sizeof(sigmask_t))
		return -EINVAL;
	return get_user(*m, (sigmask_t __user *)uptr);
}

/* --- sending ----------------------------------------------------------------------------- */

static void user_info(siginfo_t *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_pid = current_proc()->pid;
	info->si_uid = current_cred()->uid;
}

/* proc_lock is not held. */
static int kill_process(struct process *p, int sig, const siginfo_t *info)
{
	u64 flags;
	int err;

	if (p == current_proc())
		return signal_send_process(p, sig, info);
	flags = spin_lock_irqsave(&proc_lock);
	err = p->reaped ? -ESRCH : signal_may_send(p, sig);
	if (!err)
		err = signal_send_process(p, sig, info);
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

static int kill_one(i32 pid, int sig, const siginfo_t *info)
{
	struct process *p;
	int err;

	if (pid == current_proc()->pid)
		return kill_process(current_proc(), sig, info);
	p = process_of_thread(pid);	/* kill(2) takes the number of any of its threads */
	if (!p)
		return -ESRCH;
	err = kill_process(p, sig, info);
	process_put(p);
	return err;
}

#define EVERYBODY (-1)
/* A group or EVERYBODY: success if one got it, -EPERM if all there are may not be signalled. */
static int kill_many(i32 pgid, int sig, const siginfo_t *info)
{
	struct process *p, *me = current_proc();
	int err = -ESRCH;
	bool any = false;
	u64 flags = spin_lock_irqsave(&proc_lock);

	list_for_each(p, &all_processes, all_link) {
		int e;

		if (pgid != EVERYBODY ? p->pgid != pgid : (p == me || p->pid == 1))
			continue;
		e = signal_may_send(p, sig);
		if (!e)
			e = signal_send_process(p, sig, info);
		if (!e)
			any = true;
		else
			err = e;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return any ? 0 : err;
}

SYSCALL(kill)
{
	i32 pid = (i32)a[0];
	int sig = (int)a[1];
	siginfo_t info;

	if (!valid_signal(sig))
		return -EINVAL;
	user_info(&info, sig, SI_USER);
	if (pid > 0)
		return kill_one(pid, sig, &info);
	if (pid == (i32)0x80000000)
		return -ESRCH;
	if (pid == -1)
		return kill_many(EVERYBODY, sig, &info);
	return kill_many(pid ? -pid : current_proc()->pgid, sig, &info);
}

/* tgid 0: any; p NULL: any. */
static int kill_thread(i32 tgid, const struct process *p, i32 tid, int sig, const siginfo_t *info)
{
	struct task *t = task_by_tid(tid);
	u64 flags;
	int err;

	if (!t)
		return -ESRCH;
	if (p && t->proc != p) {	/* the number is another's by now */
		task_put(t);
		return -ESRCH;
	}
	if (t->proc == current_proc()) {
		err = tgid && t->proc->pid != tgid ? -ESRCH : signal_send_task(t, sig, info);
	} else {
		flags = spin_lock_irqsave(&proc_lock);
		err = t->proc->reaped || (tgid && t->proc->pid != tgid)
			      ? -ESRCH
			      : signal_may_send(t->proc, sig);
		if (!err)
			err = signal_send_task(t, sig, info);
		spin_unlock_irqrestore(&proc_lock, flags);
	}
	task_put(t);
	return err;
}

static int tgkill(i32 tgid, i32 tid, int sig)
{
	siginfo_t info;

	if (tid <= 0 || !valid_signal(sig))
		return -EINVAL;
	user_info(&info, sig, SI_TKILL);
	return kill_thread(tgid, NULL, tid, sig, &info);
}

SYSCALL(tkill) { return tgkill(0, (i32)a[0], (int)a[1]); }
SYSCALL(tgkill) { return (i32)a[0] <= 0 ? -EINVAL : tgkill((i32)a[0], (i32)a[1], (int)a[2]); }

/* siginfo from user space, which may not pretend to come from the kernel or from kill(2). same: it
 * has to name the signal. */
static int queued_info(siginfo_t *info, i32 to, int sig, u64 uinfo, bool same)
{
	if (copy_from_user(info, (void __user *)uinfo, sizeof(*info)))
		return -EFAULT;
	if (!valid_signal(sig))
		return -EINVAL;
	if (same && info->si_signo != sig)
		return -EINVAL;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && to != current_proc()->pid)
		return -EPERM;
	return 0;
}

SYSCALL(rt_sigqueueinfo)
{
	siginfo_t info;
	int err = queued_info(&info, (i32)a[0], (int)a[1], a[2], false);

	return err ?: (i32)a[0] > 0 ? kill_one((i32)a[0], (int)a[1], &info) : -ESRCH;
}

SYSCALL(rt_tgsigqueueinfo)
{
	siginfo_t info;
	int err;

	if ((i32)a[0] <= 0 || (i32)a[1] <= 0)
		return -EINVAL;
	err = queued_info(&info, (i32)a[1] == current->tid ? current_proc()->pid : (i32)a[0],
			  (int)a[2], a[3], false);
	return err ?: kill_thread((i32)a[0], NULL, (i32)a[1], (int)a[2], &info);
}

enum { SIGNAL_THREAD = 1, SIGNAL_THREAD_GROUP = 2, SIGNAL_PROCESS_GROUP = 4 };

/* Who is meant: one of SIGNAL_*; what the descriptor was made for decides if flags say nothing. */
static i64 signal_target(const struct pidfd_target *to, u64 scope, int sig, const siginfo_t *info)
{
	i32 pid = to->proc->pid;

	if (READ_ONCE(to->proc->reaped))
		return -ESRCH;
	switch (scope) {
	case SIGNAL_THREAD: return kill_thread(pid, to->proc, to->tid ?: pid, sig, info);
	case SIGNAL_PROCESS_GROUP: return kill_many(pid, sig, info);
	}
	return kill_process(to->proc, sig, info);
}

SYSCALL(pidfd_send_signal)
{
	int sig = (int)a[1];
	struct pidfd_target to;
	u64 scope = (u32)a[3];
	siginfo_t info;
	bool self;
	i64 err;

	if (scope > SIGNAL_PROCESS_GROUP || (scope & (scope - 1)))
		return -EINVAL;
	err = pidfd_get((int)a[0], &to);
	if (err)
		return err;
	if (!scope)
		scope = to.tid ? SIGNAL_THREAD : SIGNAL_THREAD_GROUP;
	self = scope != SIGNAL_PROCESS_GROUP && current->tid == (to.tid ?: to.proc->pid);
	if (!valid_signal(sig)) {
		err = -EINVAL;
	} else if (a[2]) {
		err = queued_info(&info, self ? current_proc()->pid : 0, sig, a[2], true);
	} else {
		user_info(&info, sig, scope == SIGNAL_THREAD ? SI_TKILL : SI_USER);
	}
	if (!err)
		err = signal_target(&to, scope, sig, &info);
	process_put(to.proc);
	return err;
}

/* --- actions and masks ------------------------------------------------------------------- */

#define SIGS_DEFAULT_IGNORE (SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGWINCH) | SIGBIT(SIGURG))
#define KNOWN_SA_FLAGS                                                                             \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |         \
	 SA_RESETHAND | SA_EXPOSE_TAGBITS | SA_RESTORER)

/* Signals that are now ignored are dropped, blocked or not: POSIX. */
static void drop_ignored(struct process *p, const struct sigaction_k *sa, int sig)
{
	struct task *t;

	if (sa->handler != (u64)SIG_IGN &&
	    !(sa->handler == (u64)SIG_DFL && (SIGS_DEFAULT_IGNORE & SIGBIT(sig))))
		return;
	signal_flush(&p->pending, SIGBIT(sig));
	list_for_each(t, &p->threads, thread_link)
		signal_flush(&t->pending, SIGBIT(sig));
}

SYSCALL(rt_sigaction)
{
	int sig = (int)a[0];
	struct process *p = current_proc();
	struct sigaction_k new, old;
	struct sighand *s;
	u64 flags;

	if (a[3] != sizeof(sigmask_t))
		return -EINVAL;
	if (!valid_signal(sig) || sig == 0 || (a[1] && (sig_kernel_only & SIGBIT(sig))))
		return -EINVAL;
	if (a[1] && copy_from_user(&new, (void __user *)a[1], sizeof(new)))
		return -EFAULT;
	s = sighand_lock(p, &flags);
	old = s->action[sig - 1];
	if (a[1]) {
		new.mask &= ~sig_kernel_only;
		new.flags &= (u32)KNOWN_SA_FLAGS;
		s->action[sig - 1] = new;
		drop_ignored(p, &new, sig);
	}
	sighand_unlock(s, flags);
	if (a[1] && new.handler > (u64)SIG_IGN)
		ptimer_unignored(sig);
	if (a[2] && copy_to_user((void __user *)a[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

SYSCALL(rt_sigprocmask)
{
	sigmask_t old = current->blocked, set;

	if (a[3] != sizeof(sigmask_t))
		return -EINVAL;
	if (a[1]) {
		if (get_user(set, (sigmask_t __user *)a[1]))
			return -EFAULT;
		switch ((int)a[0]) {
		case SIG_BLOCK:
			signal_set_blocked(old | set);
			break;
		case SIG_UNBLOCK:
			signal_set_blocked(old & ~set);
			break;
		case SIG_SETMASK:
			signal_set_blocked(set);
			break;
		default:
			return -EINVAL;
		}
	}
	return a[2] ? put_user(old, (sigmask_t __user *)a[2]) : 0;
}

SYSCALL(rt_sigpending)
{
	sigmask_t set = (READ_ONCE(current->pending.set) | READ_ONCE(current_proc()->pending.set)) &
			current->blocked;

	if (a[1] > sizeof(set))
		return -EINVAL;
	return copy_to_user((void __user *)a[0], &set, a[1]) ? -EFAULT : 0;
}

SYSCALL(rt_sigsuspend)
{
	sigmask_t mask;
	int err = get_mask(&mask, a[0], a[1]);

	if (err)
		return err;
	signal_set_temporary_mask(mask);
	while (!sleep_interrupted(SLEEP_INTERRUPTIBLE)) {
		set_state(TASK_INTERRUPTIBLE);
		schedule();		/* returns at once if a signal came before */
	}
	WRITE_ONCE(current->sched.state, TASK_RUNNING);
	return -ERESTARTNOHAND;
}

/* One of set if it is pending; otherwise lets them interrupt the sleep that follows. */
static int take_or_open(sigmask_t set, siginfo_t *info, bool open)
{
	struct task *t = current;
	u64 flags;
	struct sighand *s = sighand_lock(t->proc, &flags);
	int sig = signal_dequeue(set, info);

	if (!sig && open) {
		t->real_blocked = t->blocked;
		t->blocked &= ~set;
	}
	sighand_unlock(s, flags);
	return sig;
}

static void close_again(void)
{
	sigmask_t mask = current->real_blocked;

	current->real_blocked = 0;
	signal_set_blocked(mask);	/* hands on what somebody else should take now */
}

SYSCALL(rt_sigtimedwait)
{
	struct __kernel_timespec ts;
	u64 deadline = ~0ull;
	sigmask_t set;
	siginfo_t info;
	int sig, err = get_mask(&set, a[0], a[3]);
	bool in_time = true, wait;

	if (err)
		return err;
	if (a[2]) {
		if (copy_from_user(&ts, (void __user *)a[2], sizeof(ts)))
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000)
			return -EINVAL;
		if (ts.tv_sec < 4000000000)
			deadline = clock_ns() + (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
	}
	set &= ~sig_kernel_only;
	wait = !a[2] || ts.tv_sec || ts.tv_nsec;
	sig = take_or_open(set, &info, wait);
	if (!sig && wait) {
		set_state(TASK_INTERRUPTIBLE);
		if (!sleep_interrupted(SLEEP_INTERRUPTIBLE))
			in_time = schedule_until(deadline);
		WRITE_ONCE(current->sched.state, TASK_RUNNING);
		close_again();
		sig = take_or_open(set, &info, false);
		if (!sig)
			return in_time ? -EINTR : -EAGAIN;
	}
	if (!sig)
		return -EAGAIN;
	if (info.si_code == SI_TIMER)
		ptimer_taken(&info);
	if (a[1] && copy_to_user((void __user *)a[1], &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

/* --- handlers' stack and return ---------------------------------------------------------- */

static bool on_altstack(const stack_t *s, u64 sp)
{
	return !(s->ss_flags & (int)SS_AUTODISARM) && s->ss_size &&
	       sp - (u64)s->ss_sp - 1 < s->ss_size;
}

static int set_altstack(const stack_t *new, u64 sp, bool check_size)
{
	int mode = new->ss_flags & ~(int)SS_AUTODISARM;

	if (on_altstack(&current->altstack, sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		current->altstack = (stack_t){ .ss_flags = new->ss_flags };
		return 0;
	}
	if (check_size && new->ss_size < MINSIGSTKSZ)
		return -ENOMEM;
	current->altstack = *new;
	return 0;
}

SYSCALL(sigaltstack)
{
	u64 sp = regs_sp(current_regs());
	stack_t new, old;
	int err = 0;

	memset(&old, 0, sizeof(old));
	old.ss_sp = current->altstack.ss_sp;
	old.ss_size = current->altstack.ss_size;
	old.ss_flags = (current->altstack.ss_size == 0	      ? SS_DISABLE
			: on_altstack(&current->altstack, sp) ? SS_ONSTACK
							      : 0) |
		       (current->altstack.ss_flags & (int)SS_AUTODISARM);
	if (a[0]) {
		if (copy_from_user(&new, (void __user *)a[0], sizeof(new)))
			return -EFAULT;
		err = set_altstack(&new, sp, true);
	}
	if (!err && a[1] && copy_to_user((void __user *)a[1], &old, sizeof(old)))
		return -EFAULT;
	return err;
}

SYSCALL(rt_sigreturn)
{
	struct regs *r = current_regs();
	sigmask_t mask;
	stack_t alt;

	current->restart.fn = NULL;
	if (arch_signal_return(r, &mask, &alt)) {
		signal_force(SIGSEGV, SI_KERNEL, regs_sp(r));
		regs_forget_syscall(r);
		return 0;
	}
	signal_set_blocked(mask);
	(void)set_altstack(&alt, regs_sp(r),
			   true); /* what a handler scribbled there is not worth an error */
	regs_forget_syscall(r);
	return (i64)regs_ret(r);
}

SYSCALL(restart_syscall)
{
	i64 (*fn)(struct task *) = current->restart.fn;

	current->restart.fn = NULL;
	return fn ? fn(current) : -EINTR;
}
