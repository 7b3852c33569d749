/* SPDX-License-Identifier: BSD-2-Clause */
/* Who dies when memory is out: the process with most of it, shifted by oom_score_adj (proc(5)). */
#include <base/init.h>
#include <base/printk.h>
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

/*
 * t->mm stays while task_lock is held. Only tried: the order is the other way round, and an
 * interrupt on its holder's CPU may want proc_lock. Who holds it runs, so it is passed over this
 * once.
 */
static i64 badness(struct process *p, struct task *t, u64 total, bool *dying)
{
	i64 points = OOM_NEVER;

	if (!spin_trylock(&t->task_lock))
		return OOM_NEVER;
	if (t->mm) {
		*dying |= t->mm->oom_victim;
		points = oom_badness(t->mm, p->oom_score_adj, total);
	}
	spin_unlock(&t->task_lock);
	return points;
}

static void kill_victim(struct process *p, struct task *t, i64 points)
{
	u64 anon = 0, file = 0;

	if (spin_trylock(&t->task_lock)) {
		if (t->mm) {
			t->mm->oom_victim = true;
			anon = (u64)atomic_read(&t->mm->rss_anon) * (PAGE_SIZE / 1024);
			file = (u64)atomic_read(&t->mm->rss_file) * (PAGE_SIZE / 1024);
		}
		spin_unlock(&t->task_lock);
	}
	pr_err("out of memory: killing process %d (%s), %llu KiB anonymous, %llu KiB file, score "
	       "%lld, oom_score_adj %d\n",
	       p->pid, p->leader->comm, (unsigned long long)anon, (unsigned long long)file,
	       (long long)points, p->oom_score_adj);
	signal_send_process(p, SIGKILL, NULL);
}

/* A victim that is still dying counts as success: its memory comes. */
static bool kill_one(u64 needed)
{
	struct process *p, *worst = NULL;
	struct mem_totals totals;
	bool dying = false;
	i64 most = OOM_NEVER;
	u64 flags;

	mem_totals(&totals);
	flags = spin_lock_irqsave(&proc_lock);
	list_for_each(p, &all_processes, all_link) {
		struct task *t = p == init_process ? NULL : process_user(p);
		i64 points = t ? badness(p, t, totals.total, &dying) : OOM_NEVER;

		if (points > most) {
			most = points;
			worst = p;
		}
	}
	if (!dying && worst)
		kill_victim(worst, process_user(worst) ?: worst->leader, most);
	spin_unlock_irqrestore(&proc_lock, flags);
	return dying || worst;
}

static const struct oom_ops ops = { kill_one };

static int oom_start(void)
{
	oom_ops = &ops;
	return 0;
}
INITCALL(subsys, oom_start);
