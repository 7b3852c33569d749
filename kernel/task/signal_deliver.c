/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving signals: what a thread does with them on its way to user mode.
 *
 * A stop of the whole process is begun by the thread that takes the stop signal: it marks every
 * thread stop_pending and counts them; each thread that sees its mark takes part by going to sleep
 * in TASK_STOPPED, and the last one tells the parent. SIGCONT clears marks and wakes the sleepers
 * (signal.c).
 */
#include <base/string.h>
#include <hal/uaccess.h>
#include <linux/wait.h>
#include <task/posix_timer.h>
#include <asm/unistd.h>
#include "signal_internal.h"

/* --- masks
 * ------------------------------------------------------------------------------------------------
 */

/* Other threads may have to take what this one no longer accepts. */
static void hand_on(struct process *p, struct task *from, sigmask_t which)
{
	struct task *t;

	if (!(p->pending.set & which))
		return;
	list_for_each(t, &p->threads, thread_link)
		if (t != from && !t->dead && (p->pending.set & which & ~t->blocked))
			signal_wake(t, WAKE_SIGNAL);
}

static void set_blocked_locked(struct task *t, sigmask_t mask)
{
	hand_on(t->proc, t, mask & ~t->blocked);
	t->blocked = mask;
	if ((t->pending.set | t->proc->pending.set) & ~mask)
		atomic_or(&t->core.work, WORK_SIGNAL);
}

void signal_set_blocked(sigmask_t mask)
{
	struct task *t = current;
	struct sighand *s;
	u64 flags;

	mask &= ~sig_kernel_only;
	if (mask == t->blocked)
		return;
	s = sighand_lock(t->proc, &flags);
	set_blocked_locked(t, mask);
	sighand_unlock(s, flags);
}

void signal_set_temporary_mask(sigmask_t mask)
{
	current->saved_mask = current->blocked;
	current->restore_saved_mask = true;
	atomic_or(&current->core.work, WORK_SIGNAL); /* so that the mask comes back in any case */
	signal_set_blocked(mask);
}

void signal_restore_mask(void)
{
	if (!current->restore_saved_mask)
		return;
	current->restore_saved_mask = false;
	signal_set_blocked(current->saved_mask);
}

/* --- stops
 * --------------------------------------------------------------------------------------------------
 */

static void begin_stop(struct process *p, int sig)
{
	struct task *t;

	p->stop_signal = sig;
	p->group_stop_count = 0;
	list_for_each(t, &p->threads, thread_link) {
		if (t->dead || (t->flags & TF_EXITING))
			continue;
		t->stop_pending = true;
		p->group_stop_count++;
		if (t != current)
			signal_wake(t, WAKE_SIGNAL);
	}
}

/* One thread less to wait for; true if the process has stopped by that. */
static bool stop_one(struct process *p, struct task *t)
{
	t->stop_pending = false;
	if (p->group_stop_count == 0 || --p->group_stop_count)
		return false;
	p->group_flags = (p->group_flags & ~PGF_CONT_NEWS) | PGF_STOPPED | PGF_STOP_NEWS;
	return true;
}

static void tell_parent(struct process *p, int code, int status)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	signal_tell_parent(p, code, status);
	spin_unlock_irqrestore(&proc_lock, flags);
}

/* The lock is held on entry and released. */
static void take_part_in_stop(struct process *p, struct task *t, struct sighand *s, u64 flags)
{
	int sig = p->stop_signal;
	bool last = stop_one(p, t);

	set_state(TASK_STOPPED);
	sighand_unlock(s, flags);
	if (last)
		tell_parent(p, CLD_STOPPED, sig);
	schedule();
}

void signal_leave_group(struct task *t)
{
	struct process *p = t->proc;

	if (t->stop_pending && stop_one(p, t))
		p->group_flags |= PGF_TELL_STOP;
	hand_on(p, t, ~t->blocked);
}

/* --- system calls that a signal interrupted
 * ------------------------------------------------------------------- */

static void end_or_restart(struct regs *r, const struct sigaction_k *sa)
{
	if (!regs_in_syscall(r))
		return;
	switch (-(i64)regs_ret(r)) {
	case ERESTARTSYS:
		if (!(sa->flags & SA_RESTART)) {
			regs_set_ret(r, -EINTR);
			break;
		}
		regs_restart_syscall(r);
		break;
	case ERESTARTNOINTR:
		regs_restart_syscall(r);
		break;
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		regs_set_ret(r, -EINTR);
		break;
	}
	regs_forget_syscall(r);
}

static void restart_without_handler(struct regs *r)
{
	if (!regs_in_syscall(r))
		return;
	switch (-(i64)regs_ret(r)) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
		regs_restart_syscall(r);
		break;
	case ERESTART_RESTARTBLOCK:
		regs_restart_as(r, __NR_restart_syscall);
		break;
	}
	regs_forget_syscall(r);
}

/* --- handlers
 * ------------------------------------------------------------------------------------------------------
 */

static void run_handler(struct regs *r, const struct ksignal *k)
{
	struct task *t = current;
	sigmask_t old = t->restore_saved_mask ? t->saved_mask : t->blocked, mask;

	t->restore_saved_mask = false;
	end_or_restart(r, &k->sa);
	if (arch_signal_setup(r, k, old, &t->altstack, t->mm->vdso)) {
		/* No room for the frame. A SEGV handler cannot help either. */
		if (k->sig == SIGSEGV) {
			u64 flags;
			struct sighand *s = sighand_lock(t->proc, &flags);

			s->action[SIGSEGV - 1].handler = (u64)SIG_DFL;
			sighand_unlock(s, flags);
		}
		signal_force(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	mask = t->blocked | k->sa.mask;
	if (!(k->sa.flags & SA_NODEFER))
		mask |= SIGBIT(k->sig);
	signal_set_blocked(mask);
	if (t->altstack.ss_flags & (int)SS_AUTODISARM)
		t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
}

enum verdict { AGAIN, NONE, HANDLER, DIE, STOP };

/* Takes the next signal and decides. The lock is held. */
static enum verdict next_signal(struct process *p, struct sighand *s, struct ksignal *k)
{
	struct sigaction_k *sa;

	k->sig = signal_dequeue(~current->blocked, &k->info);
	if (!k->sig)
		return NONE;
	sa = &s->action[k->sig - 1];
	if (sig_ignored(s, k->sig))
		return AGAIN;
	if (sa->handler != (u64)SIG_DFL) {
		k->sa = *sa;
		if (sa->flags & SA_RESETHAND)
			sa->handler = (u64)SIG_DFL;
		return HANDLER;
	}
	if (p->unkillable)
		return AGAIN;
	return SIGS_STOP & SIGBIT(k->sig) ? STOP : DIE;
}

/* What was left to be told by this process itself, as its sender held the wrong locks. The lock is
 * held and released if there was. */
static bool told_news(struct process *p, struct sighand *s, u64 flags)
{
	u32 news = p->group_flags & (PGF_TELL_CONT | PGF_TELL_STOP);
	int sig = p->stop_signal;

	if (likely(!news))
		return false;
	p->group_flags &= ~news;
	sighand_unlock(s, flags);
	if (news & PGF_TELL_STOP)
		tell_parent(p, CLD_STOPPED, sig);
	if (news & PGF_TELL_CONT)
		tell_parent(p, CLD_CONTINUED, SIGCONT);
	return true;
}

/* SIGTSTP and the like do nothing in an orphaned group: nobody could continue it. */
static void default_stop(struct process *p, int sig)
{
	bool orphaned = false;
	struct sighand *s;
	u64 flags;

	if (sig != SIGSTOP) {
		flags = spin_lock_irqsave(&proc_lock);
		orphaned = pgrp_orphaned(p->pgid, NULL);
		spin_unlock_irqrestore(&proc_lock, flags);
	}
	if (orphaned)
		return;
	s = sighand_lock(p, &flags);
	/* A SIGCONT or SIGKILL may have come meanwhile. */
	if (!(p->group_flags & (PGF_EXITING | PGF_TELL_CONT)) && !p->group_stop_count)
		begin_stop(p, sig);
	sighand_unlock(s, flags);
}

static __noreturn void die_of(struct process *p, int sig)
{
	u64 flags;
	struct sighand *s = sighand_lock(p, &flags);

	signal_kill_group_locked(p, sig);
	sighand_unlock(s, flags);
	task_exit_group(sig);
}

void signal_deliver(struct regs *r)
{
	struct task *t = current;
	struct process *p = t->proc;
	enum verdict v;
	struct ksignal k;
	bool handled = false;

	do {
		u64 flags;
		struct sighand *s = sighand_lock(p, &flags);

		v = AGAIN;
		atomic_and(&t->core.work, ~WORK_SIGNAL);
		if (t->pending.set & SIGBIT(SIGKILL)) {
			sighand_unlock(s, flags);
			task_exit_group(SIGKILL);
		}
		if (told_news(p, s, flags))
			continue;
		if (t->stop_pending) {
			take_part_in_stop(p, t, s, flags);
			continue;
		}
		v = next_signal(p, s, &k);
		sighand_unlock(s, flags);
		if ((v == HANDLER || v == STOP) && k.info.si_code == SI_TIMER)
			ptimer_taken(&k.info);
		if (v == HANDLER) {
			run_handler(r, &k);
			handled = true;
		} else if (v == STOP) {
			default_stop(p, k.sig);
		} else if (v == DIE) {
			die_of(p, k.sig);
		}
	} while (v != NONE);
	if (!handled) {
		restart_without_handler(r);
		signal_restore_mask();
	}
}
