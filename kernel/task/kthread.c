/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel threads. */
#include <base/alloc.h>
#include <base/init.h>
#include <mm/reclaim.h>
#include <task/task.h>

struct kthread_start { void (*fn)(void *); void *arg; };

static void kthread_main(void *p)
{
	struct kthread_start s = *(struct kthread_start *)p;

	kfree(p);
	s.fn(s.arg);
	task_exit(0);
}

struct task *kthread_start(void (*fn)(void *), void *arg, const char *name)
{
	struct kthread_start *s = kmalloc(sizeof(*s));
	struct task *t;

	if (!s)
		return ERR_PTR(-ENOMEM);
	*s = (struct kthread_start){ fn, arg };
	t = task_alloc_kernel(name);
	if (IS_ERR(t)) {
		kfree(s);
		return t;
	}
	arch_task_init_kernel(&t->arch, kstack_top(t->core.stack), kthread_main, s);
	sched_start(t);
	return t;
}

/* The thread that keeps memory free (mm/reclaim.c). */
static int kswapd_start(void)
{
	return IS_ERR(kthread_start(kswapd_main, NULL, "kswapd0")) ? -ENOMEM : 0;
}
INITCALL(core, kswapd_start);
