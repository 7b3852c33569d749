/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending signals. A signal waits in the pending set of a thread or of the process, with its
 * siginfo in that set's queue (a bit without an entry stands for a signal whose details found no
 * room). Everything here is under sighand->lock.
 *
 * A thread learns of it by WORK_SIGNAL, which stays set from the sending until signal_deliver has
 * looked. A signal that must end the process does so when it is sent: the process is marked
 * PGF_EXITING with its status, and every thread gets the SIGKILL bit, which no mask holds back.
 */
#include <base/alloc.h>
#include <base/string.h>
#include <hal/uaccess.h>
#include <task/clock.h>
#include "signal_internal.h"

/* exec may give p handlers of its own; the old ones are freed after an RCU grace period, so the
 * pointer is good meanwhile. */
struct sighand *sighand_lock(struct process *p, u64 *flags)
{
	for (;;) {
		u64 f = irq_save();
		struct sighand *s = READ_ONCE(p->sighand);

		spin_lock(&s->lock);
		if (likely(s == p->sighand)) {
			*flags = f;
			return s;
		}
		spin_unlock_irqrestore(&s->lock, f);
	}
}

void sighand_unlock(struct sighand *s, u64 flags) { spin_unlock_irqrestore(&s->lock, flags); }

bool signal_pending(struct task *t)
{
	if (!(READ_ONCE(t->core.work) & WORK_SIGNAL))
		return false;
	return ((READ_ONCE(t->pending.set) | READ_ONCE(t->proc->pending.set)) & ~t->blocked) ||
	       READ_ONCE(t->stop_pending);
}

bool signal_fatal_pending(struct task *t)
{
	return READ_ONCE(t->pending.set) & SIGBIT(SIGKILL);
}

void signal_wake(struct task *t, u32 mask)
{
	atomic_or(&t->core.work, WORK_SIGNAL);
	if (!wake_task(t, mask) && t != current)
		sched_kick(t);
}

/* --- queues
 * ------------------------------------------------------------------------------------------- */

static void free_entry(struct sigqueue *q)
{
	list_del(&q->link);
	user_uncharge_pending(q->user);
	kfree(q);
}

void signal_flush(struct sigpending *pend, sigmask_t which)
{
	struct sigqueue *q, *tmp;

	if (!(pend->set & which))
		return;
	pend->set &= ~which;
	list_for_each_safe(q, tmp, &pend->queue, link)
		if (which & SIGBIT(q->info.si_signo))
			free_entry(q);
}

static void flush_timers(struct sigpending *pend)
{
	struct sigqueue *q, *tmp;
	sigmask_t gone = 0, left = 0;

	list_for_each_safe(q, tmp, &pend->queue, link) {
		if (q->info.si_code == SI_TIMER) {
			gone |= SIGBIT(q->info.si_signo);
			free_entry(q);
		} else {
			left |= SIGBIT(q->info.si_signo);
		}
	}
	pend->set &= ~(gone & ~left);
}

void signal_flush_timers(void)
{
	u64 flags;
	struct sighand *s = sighand_lock(current->proc, &flags);

	flush_timers(&current->proc->pending);
	flush_timers(&current->pending);
	sighand_unlock(s, flags);
}

static void kernel_info(siginfo_t *to, int sig)
{
	memset(to, 0, sizeof(*to));
	to->si_signo = sig;
	to->si_code = SI_KERNEL;
}

/*
 * An entry for t, charged to its user; NULL: the user has limit of them, or no memory. Interrupts
 * are off, so that the credentials, and with them the user, stay while we look.
 */
static struct sigqueue *charged_entry(const struct task *t, u64 limit)
{
	struct user *u = READ_ONCE(t->cred)->user;
	struct sigqueue *q;

	if (!user_charge_pending(u, limit))
		return NULL;
	q = kmalloc_atomic(sizeof(*q));
	if (q)
		q->user = u;
	else
		user_uncharge_pending(u);
	return q;
}

/* 0, or -EAGAIN where the sender must know that the details were lost (real-time signals by
 * sigqueue). t: the thread it is for; NULL: any of p. */
static int enqueue(struct process *p, struct task *t, int sig, const siginfo_t *info, bool timer)
{
	bool must = timer || (sig < SIGRTMIN && (!info || info->si_code >= 0));
	struct sigpending *pend = t ? &t->pending : &p->pending;
	u64 limit = must ? ~0ull : p->rlim[RLIMIT_SIGPENDING].rlim_cur;
	struct sigqueue *q = charged_entry(t ?: p->leader, limit);

	if (!q && timer)
		return -EAGAIN;
	if (!q)
		return sig >= SIGRTMIN && info && info->si_code != SI_USER ? -EAGAIN : 0;
	if (info)
		q->info = *info;
	else
		kernel_info(&q->info, sig);
	q->info.si_signo = sig;
	list_add_tail(&pend->queue, &q->link);
	return 0;
}

/* Takes the first entry of sig out of pend. */
static void collect(struct sigpending *pend, int sig, siginfo_t *info)
{
	struct sigqueue *q, *tmp, *found = NULL;
	bool more = false;

	list_for_each_safe(q, tmp, &pend->queue, link) {
		if (q->info.si_signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (!more)
		pend->set &= ~SIGBIT(sig);
	if (found) {
		*info = found->info;
		free_entry(found);
	} else {
		memset(info, 0, sizeof(*info));
		info->si_signo = sig;
		info->si_code = SI_USER;
	}
}

static int lowest(sigmask_t set)
{
	sigmask_t sync = set & SIGS_SYNC;

	return __builtin_ctzll(sync ? sync : set) + 1;
}

int signal_dequeue(sigmask_t set, siginfo_t *info)
{
	struct task *t = current;
	struct process *p = t->proc;
	struct sigpending *pend = &t->pending;
	int sig;

	if (!(pend->set & set)) {
		pend = &p->pending;
		if (!(pend->set & set))
			return 0;
	}
	sig = lowest(pend->set & set);
	collect(pend, sig, info);
	if (sig == SIGALRM)
		itimer_alarm_taken(p);
	return sig;
}

/* --- the process as a whole
 * --------------------------------------------------------------------------------- */

void signal_kill_thread_locked(struct task *t)
{
	t->pending.set |= SIGBIT(SIGKILL);
	t->stop_pending = false;
	signal_wake(t, WAKE_KILL);
}

void signal_kill_group_locked(struct process *p, int status)
{
	struct task *t;

	if (p->group_flags & PGF_EXITING)
		return;
	p->group_flags = (p->group_flags & PGF_EXEC) | PGF_EXITING;
	p->group_exit_code = status;
	p->group_stop_count = 0;
	list_for_each(t, &p->threads, thread_link)
		if (!t->dead)
			signal_kill_thread_locked(t);
}

/* SIGCONT ends a stop whether or not it is caught, blocked or ignored; and each kind undoes the
 * other's waiting ones. */
static void stop_or_continue(struct process *p, int sig)
{
	sigmask_t gone = sig == SIGCONT ? SIGS_STOP : SIGBIT(SIGCONT);
	struct task *t;

	signal_flush(&p->pending, gone);
	list_for_each(t, &p->threads, thread_link) {
		signal_flush(&t->pending, gone);
		if (sig == SIGCONT && !t->dead) {
			t->stop_pending = false;
			wake_task(t, BIT(TASK_STOPPED));
		}
	}
	if (sig != SIGCONT)
		return;
	if (p->group_flags & PGF_STOPPED)
		p->group_flags |= PGF_CONT_NEWS | PGF_TELL_CONT;
	p->group_flags &= ~(PGF_STOPPED | PGF_STOP_NEWS);
	p->group_stop_count = 0;
	if (p->group_flags & PGF_TELL_CONT)
		list_for_each(t, &p->threads, thread_link)
			if (!t->dead)
				atomic_or(&t->core.work, WORK_SIGNAL);
}

/* A stopped thread takes nothing but SIGKILL until it is continued, and then looks at all that
 * waits. */
static bool accepts(const struct task *t, int sig)
{
	if (sig != SIGKILL && READ_ONCE(t->sched.state) == TASK_STOPPED)
		return false;
	return !t->dead && !(READ_ONCE(t->flags) & TF_EXITING) && !(t->blocked & SIGBIT(sig));
}

static struct task *choose_thread(struct process *p, int sig)
{
	struct task *t;

	if (current->proc == p && accepts(current, sig))
		return current;
	list_for_each(t, &p->threads, thread_link)
		if (accepts(t, sig))
			return t;
	return NULL;
}

/* The signal is queued: who is to act on it? */
static void announce(struct process *p, struct task *t, int sig)
{
	struct sighand *s = p->sighand;

	if (t && !accepts(t, sig))
		return;
	if (!t)
		t = choose_thread(p, sig);
	if (!t)
		return;
	if (sig_default(s, sig) && !((SIGS_IGNORE | SIGS_STOP) & SIGBIT(sig)) &&
	    !(t->real_blocked & SIGBIT(sig)) && !p->unkillable)
		signal_kill_group_locked(p, sig);
	else
		signal_wake(t, WAKE_SIGNAL);
}

/* Blocked signals wait whatever their action is: it may have changed when they are unblocked. */
static bool dropped(struct process *p, struct task *t, int sig)
{
	if (!t)
		t = p->leader;
	if ((t->blocked | t->real_blocked) & SIGBIT(sig))
		return false;
	return sig_ignored(p->sighand, sig) || (p->unkillable && sig_default(p->sighand, sig));
}

/* timer: one of timer_create's, which has an entry of its own whatever else waits. */
static int send_locked(struct process *p, struct task *t, int sig, const siginfo_t *info, bool timer)
{
	struct sigpending *pend = t ? &t->pending : &p->pending;
	int err;

	if (sig == 0 || p->nr_live == 0 || (t && t->dead) || (p->group_flags & PGF_EXITING))
		return 0;
	if ((SIGS_STOP | SIGBIT(SIGCONT)) & SIGBIT(sig))
		stop_or_continue(p, sig);
	if (dropped(p, t, sig))
		return 0;
	if (sig < SIGRTMIN && (pend->set & SIGBIT(sig)) && !timer)
		return 0;
	if (sig == SIGKILL) {
		announce(p, t, sig);
		return 0;
	}
	err = enqueue(p, t, sig, info, timer);
	if (err)
		return err;
	pend->set |= SIGBIT(sig);
	if (wait_queue_active(&p->sighand->signalfd_wait))
		wake_up_all(&p->sighand->signalfd_wait);
	announce(p, t, sig);
	return 0;
}

int signal_send_locked(struct process *p, struct task *t, int sig, const siginfo_t *info)
{
	return send_locked(p, t, sig, info, false);
}

int signal_send_timer(struct process *p, struct task *t, int sig, const siginfo_t *info)
{
	u64 flags;
	struct sighand *s = sighand_lock(p, &flags);
	int err = send_locked(p, t, sig, info, true);

	sighand_unlock(s, flags);
	return err;
}

static int send(struct process *p, struct task *t, int sig, const siginfo_t *info)
{
	u64 flags;
	struct sighand *s = sighand_lock(p, &flags);
	int err = signal_send_locked(p, t, sig, info);

	sighand_unlock(s, flags);
	return err;
}

int signal_send_process(struct process *p, int sig, const siginfo_t *info)
{
	return send(p, NULL, sig, info);
}
int signal_send_task(struct task *t, int sig, const siginfo_t *info)
{
	return send(t->proc, t, sig, info);
}

int signal_send_pgrp(i32 pgid, int sig, const siginfo_t *info)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct pid *pid = pgid > 0 ? pid_find(pgid) : NULL;
	int err = -ESRCH;
	struct process *p;

	if (pid)
		list_for_each(p, &pid->group, pgrp_link)
			err = send(p, NULL, sig, info);
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

bool signal_has_handler(int sig)
{
	u64 flags;
	struct sighand *s = sighand_lock(current->proc, &flags);
	bool handled = !(current->blocked & SIGBIT(sig)) && !sig_default(s, sig) &&
		       s->action[sig - 1].handler != (u64)SIG_IGN;

	sighand_unlock(s, flags);
	return handled;
}

void signal_force(int sig, int code, u64 addr)
{
	struct task *t = current;
	struct process *p = t->proc;
	siginfo_t info;
	u64 flags;
	struct sighand *s;
	struct sigaction_k *sa;

	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = code;
	info.si_addr = (void __user *)addr;
	s = sighand_lock(p, &flags);
	sa = &s->action[sig - 1];
	if ((t->blocked & SIGBIT(sig)) || sa->handler == (u64)SIG_IGN)
		sa->handler = (u64)SIG_DFL;
	t->blocked &= ~SIGBIT(sig);
	if (sa->handler == (u64)SIG_DFL)
		p->unkillable = false;		/* even init cannot go on */
	signal_send_locked(p, t, sig, &info);
	sighand_unlock(s, flags);
}

/* --- the parent
 * -------------------------------------------------------------------------------------------------
 */

static void child_info(struct process *p, int code, int status, siginfo_t *info)
{
	const u64 tick = 10000000;	/* si_utime counts in USER_HZ */

	memset(info, 0, sizeof(*info));
	info->si_signo = SIGCHLD;
	info->si_pid = p->pid;
	info->si_uid = p->leader->cred->uid;
	info->si_utime = (i64)(p->dead_threads.utime / tick);
	info->si_stime = (i64)(p->dead_threads.stime / tick);
	if (code) {
		info->si_code = code;
		info->si_status = status;
	} else if (status & 0x7f) {
		info->si_code = CLD_KILLED;
		info->si_status = status & 0x7f;
	} else {
		info->si_code = CLD_EXITED;
		info->si_status = status >> 8 & 0xff;
	}
}

bool signal_tell_parent(struct process *p, int code, int status)
{
	struct process *parent = p->parent;
	/* A program that the parent has become since did not ask for another signal than this. */
	bool same_program = p->parent_exec_id == parent->exec_id;
	int sig = code || !same_program ? SIGCHLD : p->exit_signal;
	const struct sigaction_k *sa;
	bool unwanted = false;
	struct sighand *s;
	siginfo_t info;
	u64 flags;

	assert_spin_held(&proc_lock);
	s = sighand_lock(parent, &flags);
	sa = &s->action[SIGCHLD - 1];
	if (code) {
		if (sa->handler == (u64)SIG_IGN || (sa->flags & SA_NOCLDSTOP))
			sig = 0;
	} else if (sig == SIGCHLD && (sa->handler == (u64)SIG_IGN || (sa->flags & SA_NOCLDWAIT))) {
		unwanted = true;
		if (sa->handler == (u64)SIG_IGN)
			sig = 0;
	}
	if (sig) {
		child_info(p, code, status, &info);
		signal_send_locked(parent, NULL, sig, &info);
	}
	sighand_unlock(s, flags);
	wake_up_all(&parent->wait_children);
	return unwanted;
}

int signal_may_send(struct process *p, int sig)
{
	const struct cred *me = current_cred(), *c;
	int err = 0;

	if (p == current->proc)
		return 0;
	rcu_read_lock();
	c = rcu_dereference(p->leader->cred);
	if (me->euid != c->suid && me->euid != c->uid && me->uid != c->suid && me->uid != c->uid &&
	    !(sig == SIGCONT && p->sid == current->proc->sid) && !capable(CAP_KILL))
		err = -EPERM;
	rcu_read_unlock();
	return err;
}
