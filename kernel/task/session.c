/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions and process groups. A group is the list in the struct pid of its number; a session is
 * only a number that its members keep in use. All under proc_lock.
 */
#include "internal.h"

void pgrp_join(struct process *p, i32 pgid)
{
	struct pid *pid = pid_find(pgid);

	pid_use(pid);
	p->pgid = pgid;
	list_add_tail(&pid->group, &p->pgrp_link);
}

void pgrp_leave(struct process *p)
{
	list_del(&p->pgrp_link);
	pid_unuse(pid_find(p->pgid));
}

void session_join(struct process *p, i32 sid)
{
	pid_use(pid_find(sid));
	p->sid = sid;
}

void session_leave(struct process *p)
{
	pid_unuse(pid_find(p->sid));
}

bool pid_exists(i32 nr) { return pid_find(nr) != NULL; }

bool pgrp_exists_in_session(i32 pgid, i32 sid)
{
	struct pid *pid = pid_find(pgid);

	return pid && !list_empty(&pid->group) &&
	       list_first(&pid->group, struct process, pgrp_link)->sid == sid;
}

bool pgrp_orphaned(i32 pgid, const struct process *ignored)
{
	struct pid *pid = pid_find(pgid);
	struct process *p;

	if (!pid)
		return true;
	list_for_each(p, &pid->group, pgrp_link) {
		const struct process *parent = p->parent;

		if (p == ignored || (p->zombie && !p->nr_threads) || parent->pid <= 1)
			continue;
		if (parent->pgid != pgid && parent->sid == p->sid)
			return false;
	}
	return true;
}

static bool has_stopped(i32 pgid)
{
	struct pid *pid = pid_find(pgid);
	struct process *p;

	if (!pid)
		return false;
	list_for_each(p, &pid->group, pgrp_link)
		if (READ_ONCE(p->group_flags) & PGF_STOPPED)
			return true;
	return false;
}

static void send_group_locked(i32 pgid, int sig)
{
	struct process *p;

	list_for_each(p, &pid_find(pgid)->group, pgrp_link)
		signal_send_process(p, sig, NULL);
}

/* p, a member of group pgid, was what kept it from being an orphan if parent (p's) is outside and
 * in the session. */
void pgrp_check_orphan(struct process *p, i32 pgid, struct process *parent)
{
	if (parent->pgid == pgid || parent->sid != p->sid)
		return;
	if (!pgrp_orphaned(pgid, p) || !has_stopped(pgid))
		return;
	send_group_locked(pgid, SIGHUP);
	send_group_locked(pgid, SIGCONT);
}

/*
 * The same for the groups of children that have got another parent than p, linked by sibling: each
 * group once, or a parent of thousands in one group would hold the lock for the square of them.
 */
void pgrp_check_orphans(struct list *children, const struct process *p)
{
	static u64 search;
	struct process *c;

	search++;
	list_for_each(c, children, sibling) {
		struct pid *pid = pid_find(c->pgid);

		if (c->zombie || p->pgid == c->pgid || p->sid != c->sid || pid->search == search)
			continue;
		pid->search = search;
		if (!pgrp_orphaned(c->pgid, NULL) || !has_stopped(c->pgid))
			continue;
		send_group_locked(c->pgid, SIGHUP);
		send_group_locked(c->pgid, SIGCONT);
	}
}

i64 task_setsid(void)
{
	struct process *p = current_proc();
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct pid *pid = pid_find(p->pid);
	i64 ret = -EPERM;

	if (!p->session_leader && list_empty(&pid->group)) {
		pgrp_leave(p);
		session_leave(p);
		session_join(p, p->pid);
		pgrp_join(p, p->pid);
		p->session_leader = true;
		p->tty = NULL;
		ret = p->pid;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

/* The errors of setpgid(2), in its order. */
static i64 setpgid_check(struct process *p, struct process *me, i32 pgid)
{
	if (!p || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me && p->sid != me->sid)
		return -EPERM;
	if (p != me && p->did_exec)
		return -EACCES;
	if (p->session_leader)
		return -EPERM;
	if (pgid != p->pid && !pgrp_exists_in_session(pgid, me->sid))
		return -EPERM;
	return 0;
}

i64 task_setpgid(i32 nr, i32 pgid)
{
	struct process *me = current_proc(), *p;
	struct pid *pid;
	u64 flags;
	i64 ret;

	if (nr == 0)
		nr = me->pid;
	if (pgid == 0)
		pgid = nr;
	if (pgid < 0)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	pid = pid_find(nr);
	p = pid ? pid->proc : NULL;
	ret = setpgid_check(p, me, pgid);
	if (ret == 0 && p->pgid != pgid) {
		pgrp_leave(p);
		pgrp_join(p, pgid);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}
