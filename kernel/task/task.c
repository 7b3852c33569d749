/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation and the last reference of tasks and processes.
 *
 * Who keeps whom: a task holds its process; a process holds its leader until it is reaped
 * (process_release breaks that circle). The running task itself owns one reference on its struct,
 * which the scheduler drops after the last switch.
 */
#include <base/alloc.h>
#include <base/string.h>
#include <mm/page.h>
#include "internal.h"

#define MAX_PARTS 8

static const struct task_part *parts[MAX_PARTS];
static u32 nr_parts;
static struct slab_cache *task_cache, *process_cache, *sighand_cache;
const struct pidfd_ops *pidfd_ops;

static struct sighand kernel_sighand = {
	.ref = {1},
	.lock = SPINLOCK_INIT,
	.signalfd_wait = WAIT_QUEUE_INIT(kernel_sighand.signalfd_wait),
};
struct process kernel_process = {
	.ref = { 1 },
	.threads = LIST_INIT(kernel_process.threads),
	.children = LIST_INIT(kernel_process.children),
	.sibling = LIST_INIT(kernel_process.sibling),
	.all_link = LIST_INIT(kernel_process.all_link),
	.pgrp_link = LIST_INIT(kernel_process.pgrp_link),
	.sighand = &kernel_sighand,
	.pending = { .queue = LIST_INIT(kernel_process.pending.queue) },
	.unkillable = true,
	.real_timer = { .cpu = -1 },
	.wait_children = WAIT_QUEUE_INIT(kernel_process.wait_children),
	.pidfd_wait = WAIT_QUEUE_INIT(kernel_process.pidfd_wait),
	.posix_timers = LIST_INIT(kernel_process.posix_timers),
};

struct arch_task *task_arch(struct task *t) { return &t->arch; }

/* --- parts
 * ------------------------------------------------------------------------------------------ */

void task_part_register(const struct task_part *p)
{
	BUG_ON(nr_parts == MAX_PARTS);
	parts[nr_parts++] = p;
}

int parts_clone(struct task *child, struct task *parent, u64 flags)
{
	for (u32 i = 0; i < nr_parts; i++) {
		int err = parts[i]->clone ? parts[i]->clone(child, parent, flags) : 0;

		if (err)
			return err;
	}
	return 0;
}

void parts_exit(struct task *t)
{
	for (u32 i = nr_parts; i-- > 0;)
		if (parts[i]->exit)
			parts[i]->exit(t);
}

void parts_process_exit(struct process *p)
{
	for (u32 i = nr_parts; i-- > 0;)
		if (parts[i]->process_exit)
			parts[i]->process_exit(p);
}

/* --- tasks
 * -------------------------------------------------------------------------------------------- */

struct task *task_alloc(void)
{
	struct task *t = slab_zalloc(task_cache);

	if (!t)
		return NULL;
	t->core.stack = kstack_alloc();
	if (!t->core.stack) {
		slab_free(task_cache, t);
		return NULL;
	}
	/* From birth, as it can be preempted before it first sees user mode: its state is what lies in arch. */
	t->core.work = WORK_FP | WORK_REGS;
	ref_init(&t->ref);
	list_init(&t->thread_link);
	list_init(&t->pending.queue);
	spin_init(&t->task_lock);
	t->altstack.ss_flags = SS_DISABLE;
	t->start_time = clock_ns();
	t->timer_slack = 50000;
	return t;
}

void task_free_new(struct task *t)
{
	task_free_stack(t);
	slab_free(task_cache, t);
}

void task_free_stack(struct task *t)
{
	if (t->core.stack)
		kstack_free(t->core.stack);
	t->core.stack = NULL;
}

void task_put(struct task *t)
{
	if (!ref_put(&t->ref))
		return;
	cred_put(t->cred);
	if (t->proc != &kernel_process)
		process_put(t->proc);
	task_free_new(t);
}

struct task *task_alloc_kernel(const char *name)
{
	struct task *t = task_alloc();

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->flags = TF_KTHREAD;
	t->proc = &kernel_process;
	t->cred = cred_get(&init_cred);
	t->blocked = ~0ull;
	strlcpy(t->comm, name, sizeof(t->comm));
	sched_task_init(t);
	return t;
}

/* --- processes
 * ------------------------------------------------------------------------------------------ */

struct sighand *sighand_alloc(void)
{
	struct sighand *s = slab_alloc(sighand_cache);

	if (s) {
		ref_init(&s->ref);
		spin_init(&s->lock);
		wait_queue_init(&s->signalfd_wait);
	}
	return s;
}

void sighand_put(struct sighand *s)
{
	if (s && ref_put(&s->ref))
		slab_free(sighand_cache, s);
}

struct process *process_alloc(void)
{
	struct process *p = slab_zalloc(process_cache);

	if (!p)
		return NULL;
	ref_init(&p->ref);
	list_init(&p->threads);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all_link);
	list_init(&p->pgrp_link);
	list_init(&p->pending.queue);
	list_init(&p->posix_timers);
	wait_queue_init(&p->wait_children);
	wait_queue_init(&p->pidfd_wait);
	p->real_timer.cpu = -1;		/* not armed */
	p->start_time = clock_ns();
	return p;
}

void process_put(struct process *p)
{
	if (p == &kernel_process || !ref_put(&p->ref))
		return;
	sighand_put(p->sighand);
	kfree(p->exe_path);
	slab_free(process_cache, p);
}

struct task *process_leader(struct process *p)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct task *t = p->reaped ? NULL : p->leader;

	if (t)
		task_get(t);
	spin_unlock_irqrestore(&proc_lock, flags);
	return t;
}

void task_init(void)
{
	task_cache = slab_create("task", sizeof(struct task), 64);
	process_cache = slab_create("process", sizeof(struct process), 64);
	sighand_cache = slab_create("sighand", sizeof(struct sighand), 64);
	if (!task_cache || !process_cache || !sighand_cache || pid_start())
		panic("no memory for the first task");
	limits_init();
	initial_limits(kernel_process.rlim);
	for (u32 n = 0; n < MAX_CPUS; n++) {
		idle_tasks[n].proc = &kernel_process;
		idle_tasks[n].cred = &init_cred;
		spin_init(&idle_tasks[n].task_lock);
		list_init(&idle_tasks[n].pending.queue);
	}
}
