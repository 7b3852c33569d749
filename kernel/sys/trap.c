/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults and exceptions of user mode, turned into memory or signals. */
#include <hal/uaccess.h>
#include <sys/syscall.h>
#include <task/task.h>

static int fault_signal(enum fault_result res, u64 addr)
{
	switch (res) {
	case FAULT_SEGV_MAPERR:
		signal_force(SIGSEGV, SEGV_MAPERR, addr);
		break;
	case FAULT_SEGV_ACCERR:
		signal_force(SIGSEGV, SEGV_ACCERR, addr);
		break;
	case FAULT_BUS:
		signal_force(SIGBUS, BUS_ADRERR, addr);
		break;
	default:		/* out of memory: the victim has been sent SIGKILL, perhaps another; try again */
		break;
	}
	return 0;
}

int user_fault(struct regs *r, const struct user_fault *f)
{
	struct fault req = { .addr = f->addr, .write = f->write, .exec = f->exec, .user_mode = f->user_mode };
	struct task *t = current;
	enum fault_result res = FAULT_SEGV_MAPERR;
	bool major = false;

	if (f->alignment) {
		if (f->user_mode)
			signal_force(SIGBUS, BUS_ADRALN, f->addr);
		return -EFAULT;
	}
	if (likely(t->mm))
		res = mm_fault(t->mm, &req, &major);
	if (likely(res == FAULT_OK)) {
		if (unlikely(major))
			t->maj_flt++;
		else
			t->min_flt++;
		return 0;
	}
	if (f->user_mode)
		return fault_signal(res, f->addr);
	return -EFAULT;
}

void user_exception(struct regs *r, int signo, int code, u64 addr)
{
	signal_force(signo, code, addr);
}
