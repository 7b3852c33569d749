/* SPDX-License-Identifier: BSD-2-Clause */
/* What a task does before it returns to user mode (hal/cpu.h calls exit_to_user until no work is
 * left). */
#include <hal/sync.h>
#include <hal/uaccess.h>
#include <task/posix_timer.h>
#include "internal.h"

static void run_works(struct task *t)
{
	atomic_and(&t->core.work, ~WORK_NOTIFY);
	if (t->set_child_tid) {
		(void)put_user(
			t->tid,
			t->set_child_tid); /* clone(2): a bad pointer is the child's own loss */
		t->set_child_tid = NULL;
	}
	if (unlikely(t->cpu_due)) {
		t->cpu_due = false;
		ptimer_cpu_check();
	}
}

void exit_to_user(struct regs *r, u64 work)
{
	if (work & WORK_RESCHED)
		schedule();
	if (work & WORK_NOTIFY)
		run_works(current);
	if (work & WORK_SIGNAL)
		signal_deliver(r);
}
