/* SPDX-License-Identifier: BSD-2-Clause */
/* Who dies when memory is out: the process with most of it, shifted by oom_score_adj (proc(5)). */
#include <base/init.h>
#include <base/printk.h>
#include "internal.h"

/* The first living thread's address space speaks for the process. proc_lock held. */
static struct mm *process_mm(struct process *p)
{
	struct task *t;

	list_for_each(t, &p->threads, thread_link)
		if (!t->dead && t->mm && !(t->flags & TF_KTHREAD))
			return t->mm;
	return NULL;
}

static void kill_victim(struct process *p, struct mm *mm, i64 points)
{
	mm->oom_victim = true;
	pr_err("out of memory: killing process %d (%s), %llu KiB anonymous, %llu KiB file, score %lld, oom_score_adj %d\n",
	       p->pid, p->leader->comm, (unsigned long long)atomic_read(&mm->rss_anon) * 4,
	       (unsigned long long)atomic_read(&mm->rss_file) * 4, (long long)points, p->oom_score_adj);
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
		struct mm *mm = process_mm(p);
		i64 points;

		if (!mm || p == init_process)
			continue;
		if (mm->oom_victim) {
			dying = true;
			break;
		}
		points = oom_badness(mm, p->oom_score_adj, totals.total);
		if (points > most) {
			most = points;
			worst = p;
		}
	}
	if (!dying && worst)
		kill_victim(worst, process_mm(worst), most);
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
