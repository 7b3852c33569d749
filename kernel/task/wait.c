/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for children: wait4 and waitid. Any thread may wait for any child of its process, or with
 * __WNOTHREAD for those that it made itself. */
#include <linux/wait.h>
#include <hal/sync.h>
#include "internal.h"

static bool matches(const struct wait_req *r, const struct process *c)
{
	switch (r->type) {
	case P_PID:
		if (c->pid != r->id)
			return false;
		break;
	case P_PGID:
		if (c->pgid != r->id)
			return false;
		break;
	case P_PIDFD:
		if (c != r->pidfd)
			return false;
		break;
	}
	if ((r->options & __WNOTHREAD) && c->parent_task != current)
		return false;
	/* A "clone" child announces its end by something else than SIGCHLD. */
	return (r->options & __WALL) || (c->exit_signal != SIGCHLD) == !!(r->options & __WCLONE);
}

static void describe(const struct process *c, int code, int status, struct wait_result *res)
{
	res->pid = c->pid;
	res->uid = c->leader->cred->uid;
	res->code = code;
	res->status = status;
}

static bool take_zombie(const struct wait_req *r, struct process *c, struct wait_result *res,
			struct process **dead)
{
	struct rusage_k *kids = &current->proc->dead_children;

	if (!c->zombie || !(r->options & WEXITED))
		return false;
	describe(c,
		 c->exit_code & 0x7f ? (c->exit_code & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED,
		 c->exit_code, res);
	res->usage = c->dead_threads;
	if (r->options & WNOWAIT)
		return true;
	process_unlink(c);
	res->usage = c->dead_threads;
	io_add(&current->proc->dead_io, &c->dead_io);
	kids->utime += res->usage.utime;
	kids->stime += res->usage.stime;
	kids->min_flt += res->usage.min_flt;
	kids->maj_flt += res->usage.maj_flt;
	kids->nvcsw += res->usage.nvcsw;
	kids->nivcsw += res->usage.nivcsw;
	kids->maxrss = max(kids->maxrss, res->usage.maxrss);
	*dead = c;
	return true;
}

/* A stop or a continuation that nobody has been told of yet. */
static bool take_news(const struct wait_req *r, struct process *c, struct wait_result *res)
{
	u32 wanted = (r->options & WSTOPPED ? PGF_STOP_NEWS : 0) |
		     (r->options & WCONTINUED ? PGF_CONT_NEWS : 0),
	    got;
	u64 flags;
	struct sighand *s;

	if (!(READ_ONCE(c->group_flags) & wanted))
		return false;
	s = sighand_lock(c, &flags);
	got = c->group_flags & wanted;
	if (got & PGF_STOP_NEWS) {
		got = PGF_STOP_NEWS;
		describe(c, CLD_STOPPED, c->stop_signal << 8 | 0x7f, res);
	} else if (got) {
		describe(c, CLD_CONTINUED, 0xffff, res);
	}
	if (!(r->options & WNOWAIT))
		c->group_flags &= ~got;
	sighand_unlock(s, flags);
	if (got)
		res->usage = (struct rusage_k){ 0 };
	return got;
}

/* The pid of a child with news, 0 if there is none yet, -ECHILD. */
static i64 try_wait(const struct wait_req *r, struct wait_result *res, struct process **dead)
{
	struct process *c;
	i64 ret = -ECHILD;
	u64 flags = spin_lock_irqsave(&proc_lock);

	list_for_each(c, &current->proc->children, sibling) {
		if (!matches(r, c))
			continue;
		ret = 0;
		if (take_zombie(r, c, res, dead) || take_news(r, c, res)) {
			ret = res->pid;
			break;
		}
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

i64 task_wait(const struct wait_req *r, struct wait_result *res)
{
	struct process *dead = NULL;
	i64 ret = try_wait(r, res, &dead);

	if (ret == 0 && !(r->options & WNOHANG)) {
		long err = wait_event_interruptible(&current->proc->wait_children,
						    (ret = try_wait(r, res, &dead)) != 0);

		if (err && ret == 0)
			ret = err;
	}
	if (dead)
		process_release(dead);
	return ret;
}
