/* SPDX-License-Identifier: BSD-2-Clause */
/* Recounts processes, threads and numbers from the lists that hold them. */
#include <base/init.h>
#include <mm/audit.h>
#include "internal.h"

struct counts { u32 processes, threads, numbers, bad; };

/* Numbers that p, its threads, its group and its session keep, if nobody counted before has them.
 */
static void count_process(const struct process *p, struct counts *c)
{
	struct task *t;
	u32 alive = 0;

	list_for_each(t, &p->threads, thread_link) {
		alive += !t->dead;
		c->bad += t->proc != p || !pid_find(t->tid) || pid_find(t->tid)->task != t;
	}
	c->threads += alive;
	c->bad += alive != p->nr_threads || p->nr_live > p->nr_threads;
	c->bad += (p->zombie && alive) || p->reaped || pid_find(p->pid)->proc != p;
	c->processes++;
}

static int audit_tasks(struct audit_report *r)
{
	struct counts c = { 0 };
	u32 processes, threads;
	struct process *p;
	u64 flags = spin_lock_irqsave(&proc_lock);

	list_for_each(p, &all_processes, all_link)
		count_process(p, &c);
	processes = nr_processes();
	threads = nr_tasks();
	c.numbers = pid_numbers_in_use(&c.bad);
	spin_unlock_irqrestore(&proc_lock, flags);
	audit_say(r, c.processes == processes, "processes", "%u, counted %u", processes,
		  c.processes);
	audit_say(r, c.threads == threads, "threads", "%u, counted %u", threads, c.threads);
	audit_say(r, c.bad == 0, "pids", "%u numbers in use, %u broken links", c.numbers, c.bad);
	return 0;
}

static int audit_start(void)
{
	audit_register("tasks", audit_tasks);
	return 0;
}
INITCALL(late, audit_start);
