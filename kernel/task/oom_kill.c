/* SPDX-License-Identifier: BSD-2-Clause */
/* Who dies when memory is out: the process with most of it, shifted by oom_score_adj (proc(5)). */
#include <base/init.h>
#include <base/printk.h>
#include <base/string.h>
#include "internal.h"

/* The first living thread that still has memory speaks for the process. proc_lock held. */
static struct task *process_user(struct process *p)
{
	struct task *t;

	list_for_each(t, &p->threads, thread_link)
		if (!t->dead && READ_ONCE(t->mm))
			return t;
	return NULL;
}

static bool all_users_die(const struct mm *mm)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	bool all = true;
	struct process *p;

	list_for_each(p, &all_processes, all_link) {
		struct task *t = process_user(p);

		if (t && READ_ONCE(t->mm) == mm && !(READ_ONCE(p->group_flags) & PGF_EXITING))
			all = false;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return all;
}

struct mm *process_dying_mm(struct process *p)
{
	struct task *t;
	struct mm *mm = NULL;
	u64 flags = spin_lock_irqsave(&proc_lock);

	t = process_user(p);
	if (t)
		task_get(t);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!t)
		return ERR_PTR(-ESRCH);
	spin_lock(&t->task_lock);
	if (t->mm && mm_get_live(t->mm))
		mm = t->mm;
	spin_unlock(&t->task_lock);
	task_put(t);
	if (!mm)
		return ERR_PTR(-ESRCH);
	if (all_users_die(mm))
		return mm;
	mm_put(mm);
	return ERR_PTR(-EINVAL);
}

struct candidate { struct process *proc; struct task *task; i64 points; };

/*
 * t->mm stays while task_lock is held. Only tried: the order is the other way round, and an
 * interrupt on its holder's CPU may want proc_lock. False: somebody holds it for a moment.
 */
static bool badness(struct process *p, struct task *t, u64 total, i64 *points)
{
	*points = OOM_NEVER;
	if (!spin_trylock(&t->task_lock))
		return false;
	if (t->mm)
		*points = oom_badness(t->mm, p->oom_score_adj, total);
	spin_unlock(&t->task_lock);
	return true;
}

/* The heaviest process, proc NULL if there is none. False: one could not be looked at. */
static bool find_worst(struct candidate *c)
{
	struct mem_totals totals;
	struct process *p;

	*c = (struct candidate){ .points = OOM_NEVER };
	mem_totals(&totals);
	list_for_each(p, &all_processes, all_link) {
		struct task *t = p == init_process ? NULL : process_user(p);
		i64 points;

		if (!t)
			continue;
		if (!badness(p, t, totals.total, &points))
			return false;
		if (points > c->points)
			*c = (struct candidate){ p, t, points };
	}
	return true;
}

/* A child of vfork too, and what CLONE_VM made: memory goes with its last user. */
static void kill_users(const struct mm *mm)
{
	struct process *p;

	list_for_each(p, &all_processes, all_link) {
		struct task *t = p == init_process ? NULL : process_user(p);

		if (t && READ_ONCE(t->mm) == mm)
			signal_send_process(p, SIGKILL, NULL);
	}
}

/* What the log says of a victim. */
struct obituary { i32 pid, adj; i64 points; u64 anon_kb, file_kb; char comm[16]; };

/* False if its address space went meanwhile, which helps as well. */
static bool kill_victim(const struct candidate *c, u64 now, struct obituary *o)
{
	struct mm *mm;

	if (!spin_trylock(&c->task->task_lock))
		return false;
	mm = c->task->mm;
	if (mm) {
		oom_mark(mm, now);
		o->anon_kb = (u64)atomic_read(&mm->rss_anon) * (PAGE_SIZE / 1024);
		o->file_kb = (u64)atomic_read(&mm->rss_file) * (PAGE_SIZE / 1024);
	}
	spin_unlock(&c->task->task_lock);
	if (!mm)
		return false;
	o->pid = c->proc->pid;
	o->adj = c->proc->oom_score_adj;
	o->points = c->points;
	strlcpy(o->comm, c->proc->leader->comm, sizeof(o->comm));
	kill_users(mm);
	return true;
}

/*
 * A victim that is still dying counts as success: its memory comes, be it late where nobody else can
 * be killed. Nobody is killed while a process could not be looked at: it might be the one.
 */
static bool kill_one(u64 needed)
{
	u64 now = clock_ns(), flags;
	struct candidate c;
	struct obituary o;
	bool sure, killed = false;

	if (oom_pending(now, OOM_PATIENCE_NS))
		return true;
	flags = spin_lock_irqsave(&proc_lock);
	sure = find_worst(&c);
	if (sure && c.proc)
		killed = kill_victim(&c, now, &o);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (killed)
		pr_err("out of memory: killing process %d (%s), %llu KiB anonymous, %llu KiB file, "
		       "score %lld, oom_score_adj %d\n",
		       o.pid, o.comm, (unsigned long long)o.anon_kb, (unsigned long long)o.file_kb,
		       (long long)o.points, o.adj);
	return !sure || c.proc || oom_pending(now, OOM_STUCK_NS);
}

static const struct oom_ops ops = { kill_one };

static int oom_start(void)
{
	oom_ops = &ops;
	return 0;
}
INITCALL(subsys, oom_start);
