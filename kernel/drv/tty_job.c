/* SPDX-License-Identifier: BSD-2-Clause */
/* Job control: the controlling terminal of a session and its foreground process group
 * (credentials(7), tty_ioctl(4)). */
#include <base/init.h>
#include <drv/tty.h>
#include <hal/uaccess.h>
#include <linux/fcntl.h>
#include <task/task.h>

struct tty *tty_of_current(void)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct tty *t = current_proc()->tty;

	if (t)
		ref_get(&t->ref);
	spin_unlock_irqrestore(&proc_lock, flags);
	return t;
}

/*
 * The number of a group that is gone may be another group's by now, perhaps another user's: only
 * members that have t as their terminal are meant. proc_lock held.
 */
static void send_members(struct tty *t, i32 pgid, int sig)
{
	struct process *p;

	if (pgid <= 0)
		return;
	list_for_each(p, &all_processes, all_link)
		if (p->pgid == pgid && p->tty == t)
			signal_send_process(p, sig, NULL);
}

void tty_signal_foreground(struct tty *t, int sig)
{
	u64 flags;

	if (READ_ONCE(t->pgid) <= 0)
		return;
	flags = spin_lock_irqsave(&proc_lock);
	send_members(t, t->pgid, sig);
	spin_unlock_irqrestore(&proc_lock, flags);
}

/* The caller's process is in the background of t, its controlling terminal. */
static bool in_background(struct tty *t)
{
	struct process *p = current_proc();

	return p->tty == t && t->pgid > 0 && p->pgid != t->pgid;
}

static bool ignores(int sig)
{
	u64 flags;
	struct sighand *h = sighand_lock(current_proc(), &flags);
	bool ign = (current->blocked & SIGBIT(sig)) || h->action[sig - 1].handler == (u64)SIG_IGN;

	sighand_unlock(h, flags);
	return ign;
}

static bool own_group_orphaned(void)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	bool orphaned = pgrp_orphaned(current_proc()->pgid, NULL);

	spin_unlock_irqrestore(&proc_lock, flags);
	return orphaned;
}

i64 tty_check_read(struct tty *t)
{
	if (likely(!in_background(t)))
		return 0;
	if (ignores(SIGTTIN) || own_group_orphaned())
		return -EIO;
	signal_send_pgrp(current_proc()->pgid, SIGTTIN, NULL);
	return -ERESTARTSYS;
}

i64 tty_check_change(struct tty *t)
{
	if (likely(!in_background(t)) || ignores(SIGTTOU))
		return 0;
	if (own_group_orphaned())
		return -EIO;
	signal_send_pgrp(current_proc()->pgid, SIGTTOU, NULL);
	return -ERESTARTSYS;
}

/* Gives t to the caller's session. proc_lock held. */
static void attach(struct tty *t)
{
	struct process *p = current_proc();

	t->sid = p->sid;
	t->pgid = p->pgid;
	p->tty = t;
}

/* Opening a terminal makes it the controlling one of a session leader that has none. */
void tty_open_controlling(struct tty *t, u32 open_flags)
{
	struct process *p = current_proc();
	u64 flags;

	if ((open_flags & O_NOCTTY) || !p->session_leader || p->tty)
		return;
	flags = spin_lock_irqsave(&proc_lock);
	if (p->session_leader && !p->tty && t->sid == 0 && !t->hung_up)
		attach(t);
	spin_unlock_irqrestore(&proc_lock, flags);
}

/* Takes t away from every process that has it. proc_lock held. */
static void detach_all(struct tty *t)
{
	struct process *p;

	list_for_each(p, &all_processes, all_link)
		if (p->tty == t)
			p->tty = NULL;
	t->sid = 0;
	t->pgid = 0;
}

/* The leader gives up its terminal: the foreground group is told, the whole session loses it. */
static void disassociate(struct process *leader, bool hang_up)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct tty *t = leader->tty;

	if (t && hang_up) {
		send_members(t, t->pgid, SIGHUP);
		send_members(t, t->pgid, SIGCONT);
	}
	if (t)
		detach_all(t);
	spin_unlock_irqrestore(&proc_lock, flags);
}

void tty_hangup(struct tty *t)
{
	struct process *p;
	u64 flags = spin_lock_irqsave(&t->lock);

	t->hung_up = true;
	spin_unlock_irqrestore(&t->lock, flags);
	flags = spin_lock_irqsave(&proc_lock);
	list_for_each(p, &all_processes, all_link)
		if (p->tty == t && p->session_leader && p->pgid != t->pgid) {
			signal_send_process(p, SIGHUP, NULL);
			signal_send_process(p, SIGCONT, NULL);
		}
	send_members(t, t->pgid, SIGHUP);
	send_members(t, t->pgid, SIGCONT);
	detach_all(t);
	spin_unlock_irqrestore(&proc_lock, flags);
	wake_up_key(&t->read_wait, 0, EPOLLIN | EPOLLHUP);
	wake_up_key(&t->write_wait, 0, EPOLLOUT | EPOLLHUP);
}

/* --- ioctls
 * ------------------------------------------------------------------------------------------- */

static i64 set_controlling(struct tty *t, u64 steal)
{
	struct process *p = current_proc();
	u64 flags;
	i64 err = 0;

	flags = spin_lock_irqsave(&proc_lock);
	if (t->hung_up) {
		err = -EIO;	/* process.tty holds no reference: a hang-up is what clears it */
	} else if (p->session_leader && p->tty == t && t->sid == p->sid) {
		err = 0;
	} else if (!p->session_leader || p->tty) {
		err = -EPERM;
	} else if (t->sid > 0) {
		if (steal == 1 && capable(CAP_SYS_ADMIN)) {
			detach_all(t);
			attach(t);
		} else {
			err = -EPERM;
		}
	} else {
		attach(t);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

static i64 give_up(struct tty *t)
{
	struct process *p = current_proc();
	u64 flags;

	if (p->tty != t)
		return -ENOTTY;
	if (p->session_leader) {
		disassociate(p, true);
		return 0;
	}
	flags = spin_lock_irqsave(&proc_lock);
	p->tty = NULL;
	spin_unlock_irqrestore(&proc_lock, flags);
	return 0;
}

static i64 set_foreground(struct tty *t, i32 __user *arg)
{
	struct process *p = current_proc();
	i64 err = tty_check_change(t);
	i32 pgid;
	u64 flags;

	if (err)
		return err;
	if (p->tty != t || t->sid != p->sid)
		return -ENOTTY;
	if (get_user(pgid, arg))
		return -EFAULT;
	if (pgid < 0)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	if (pgrp_exists_in_session(pgid, p->sid))
		t->pgid = pgid;
	else
		err = pid_exists(pgid) ? -EPERM : -ESRCH;
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

i64 tty_job_ioctl(struct tty *t, bool master, u32 cmd, u64 arg)
{
	bool ours = current_proc()->tty == t || master;

	switch (cmd) {
	case TIOCSCTTY:
		return master ? -ENOTTY : set_controlling(t, arg);
	case TIOCNOTTY:
		return give_up(t);
	case TIOCGPGRP:
		return !ours ? -ENOTTY : put_user(t->pgid, (i32 __user *)arg);
	case TIOCSPGRP:
		return set_foreground(t, (i32 __user *)arg);
	case TIOCGSID:
		return !ours || t->sid <= 0 ? -ENOTTY : put_user(t->sid, (i32 __user *)arg);
	default:
		return -ENOTTY;
	}
}

/* --- process life
 * --------------------------------------------------------------------------------------- */

static void session_leader_exits(struct process *p)
{
	if (p->session_leader && p->tty)
		disassociate(p, true);
}

static const struct task_part tty_part = { .process_exit = session_leader_exits };

static int tty_job_start(void)
{
	task_part_register(&tty_part);
	return 0;
}
INITCALL(core, tty_job_start);
