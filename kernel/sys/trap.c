/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults and exceptions of user mode, turned into memory or signals. */
#include <base/init.h>
#include <base/printk.h>
#include <fs/sysctl.h>
#include <hal/sync.h>
#include <hal/uaccess.h>
#include <mm/stat.h>
#include <sys/syscall.h>
#include <task/task.h>

/*
 * The allocator found no memory and nobody to kill. If a victim is dying now its memory is waited
 * for, and the access tried again; if nobody can be made one, it is us. The kernel's own accesses
 * are treated alike: a program must not be told EFAULT for memory that is only late, and a thread
 * that is joined must be able to clear its tid.
 */
static int out_of_memory(void)
{
	if (signal_fatal_pending(current))
		return -EFAULT;
	if (!oom_ops || !oom_ops->kill_one(1)) {
		signal_force(SIGKILL, SI_KERNEL, 0);
		return -EFAULT;
	}
	set_state(TASK_KILLABLE);
	if (!sleep_interrupted(SLEEP_KILLABLE))
		schedule_until(clock_ns() + 10000000);
	set_state(TASK_RUNNING);
	return 0;
}

/* --- what a program dies of, in the kernel's log ------------------------------------------------ */
static u32 exception_trace;	/* sysctl debug.exception-trace */

static void trace(const struct regs *r, int sig, int code, u64 addr)
{
	u64 pc = regs_pc(r), start = 0, end = 0;
	struct mm *mm = current->mm;
	struct vma *v;

	if (likely(!READ_ONCE(exception_trace)) || signal_has_handler(sig))
		return;
	read_lock(&mm->lock);
	v = mm_find_vma(mm, pc);
	if (v) {
		start = v->start;
		end = v->end;
	}
	read_unlock(&mm->lock);
	printk(LOG_INFO, "%s[%d]: unhandled signal %d code %d at %lx, pc %lx in %lx-%lx\n",
	       current->comm, current->tid, sig, code, addr, pc, start, end);
	arch_print_regs(LOG_INFO, r);
}

static void force(const struct regs *r, int sig, int code, u64 addr)
{
	trace(r, sig, code, addr);
	signal_force(sig, code, addr);
}

static int trace_init(void)
{
	static const struct sysctl values[] = { { "debug/exception-trace", &exception_trace, 0, 1 } };

	sysctl_register(values, ARRAY_SIZE(values));
	return 0;
}
INITCALL(late, trace_init);

/* --- faults ------------------------------------------------------------------------------------ */
static int fault_signal(const struct regs *r, enum fault_result res, u64 addr)
{
	switch (res) {
	case FAULT_SEGV_MAPERR:
		force(r, SIGSEGV, SEGV_MAPERR, addr);
		break;
	case FAULT_SEGV_ACCERR:
		force(r, SIGSEGV, SEGV_ACCERR, addr);
		break;
	case FAULT_BUS:
		force(r, SIGBUS, BUS_ADRERR, addr);
		break;
	default:		/* being killed */
		break;
	}
	return 0;
}

int user_fault(struct regs *r, const struct user_fault *f)
{
	struct fault req = {
		.addr = f->addr, .write = f->write, .exec = f->exec, .user_mode = f->user_mode};
	struct task *t = current;
	enum fault_result res = FAULT_SEGV_MAPERR;
	bool major = false;

	if (f->alignment) {
		if (f->user_mode)
			force(r, SIGBUS, BUS_ADRALN, f->addr);
		return -EFAULT;
	}
	if (likely(t->mm))
		res = mm_fault(t->mm, &req, &major);
	if (likely(res == FAULT_OK)) {
		if (unlikely(major)) {
			t->maj_flt++;
			mem_stat_add(STAT_MAJFAULT, 1);
		} else {
			t->min_flt++;
		}
		mem_stat_add(STAT_FAULT, 1);
		return 0;
	}
	if (res == FAULT_OOM)
		return out_of_memory();
	if (f->user_mode)
		return fault_signal(r, res, f->addr);
	return -EFAULT;
}

void user_exception(struct regs *r, int signo, int code, u64 addr)
{
	force(r, signo, code, addr);
}
