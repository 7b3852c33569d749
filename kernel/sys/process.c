/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls about the life and identity of processes: clone, exit, wait, ids, sessions. */
#include <base/string.h>
#include <fs/fd.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <task/task.h>

/* --- clone ------------------------------------------------------------------------------- */

SYSCALL(clone)
{
	struct clone_req req = {
		.flags = (u32)a[0] & ~(u64)CSIGNAL,
		.exit_signal = (int)(a[0] & CSIGNAL),
		.stack = a[1],
		.parent_tid = (i32 __user *)a[2],
		.pidfd = (i32 __user *)a[2],
		.tls = a[3],
		.child_tid = (i32 __user *)a[4],
	};

	if ((req.flags & CLONE_PIDFD) && (req.flags & CLONE_PARENT_SETTID))
		return -EINVAL;		/* both would be stored at the same place */
	return task_clone(&req);
}

#define CLONE3_FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PIDFD | CLONE_PTRACE |          \
	 CLONE_VFORK | CLONE_PARENT | CLONE_THREAD | CLONE_NEWNS | CLONE_SYSVSEM | CLONE_SETTLS |  \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_UNTRACED | CLONE_CHILD_SETTID |        \
	 CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |            \
	 CLONE_NEWNET | CLONE_IO | CLONE_NEWTIME | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)

/* A struct that may grow: what user space has beyond ours must be zero. 0, -E2BIG, -EFAULT. */
static int copy_growing(void *dst, size_t have, const void __user *src, size_t size)
{
	const u8 __user *p = src;

	memset(dst, 0, have);
	if (copy_from_user(dst, src, min(size, have)))
		return -EFAULT;
	for (size_t i = have; i < size; i++) {
		u8 byte;

		if (get_user(byte, p + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return 0;
}

static int clone3_check(const struct clone_args *c)
{
	if (c->flags & ~(u64)CLONE3_FLAGS)
		return -EINVAL;
	if (c->exit_signal > 64)
		return -EINVAL;
	if ((c->flags & (CLONE_THREAD | CLONE_PARENT)) && c->exit_signal)
		return -EINVAL;
	if ((c->stack == 0) != (c->stack_size == 0))
		return -EINVAL;
	if (c->stack && !user_range_ok((void __user *)c->stack, c->stack_size))
		return -EINVAL;
	if ((c->set_tid == 0) != (c->set_tid_size == 0) || c->set_tid_size > 32)
		return -EINVAL;
	return 0;
}

SYSCALL(clone3)
{
	struct clone_args c;
	struct clone_req req;
	size_t size = a[1];
	int err;

	if (size > 4096)
		return -E2BIG;
	if (size < 64)
		return -EINVAL;
	err = copy_growing(&c, sizeof(c), (const void __user *)a[0], size);
	if (!err)
		err = clone3_check(&c);
	if (err)
		return err;
	req = (struct clone_req){
		.flags = c.flags,
		.pidfd = (i32 __user *)c.pidfd,
		.child_tid = (i32 __user *)c.child_tid,
		.parent_tid = (i32 __user *)c.parent_tid,
		.exit_signal = (int)c.exit_signal,
		.stack = c.stack ? c.stack + c.stack_size : 0,
		.tls = c.tls,
	};
	if (c.set_tid) {
		if (c.set_tid_size > 1)		/* one for each nested namespace; there is one */
			return -EINVAL;
		if (get_user(req.set_tid, (i32 __user *)c.set_tid))
			return -EFAULT;
		if (req.set_tid <= 0)
			return -EINVAL;
		if (!capable(CAP_SYS_ADMIN) && !capable(40 /* CAP_CHECKPOINT_RESTORE */))
			return -EPERM;
	}
	return task_clone(&req);
}

SYSCALL(unshare)
{
	u64 f = a[0];
	int err = 0;

	/* The rest are namespaces. What threads share by nature can be "unshared" by a process that
	 * has one. */
	if (f & ~(u64)(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_VM | CLONE_SIGHAND |
		       CLONE_THREAD))
		return -EINVAL;
	if ((f & (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)) && current_proc()->nr_live > 1)
		return -EINVAL;
	if ((f & CLONE_VM) && ref_read(&current_mm()->users) > 1)
		return -EINVAL;
	if (f & CLONE_SIGHAND)
		err = task_unshare_sighand();
	if (!err && (f & CLONE_FS))
		err = fs_ctx_unshare();
	if (!err && (f & CLONE_FILES))
		err = files_unshare();
	return err;
}

/* --- exit -------------------------------------------------------------------------------- */

SYSCALL(exit) { task_exit((int)(a[0] & 0xff) << 8); }
SYSCALL(exit_group) { task_exit_group((int)(a[0] & 0xff) << 8); }

/* --- wait -------------------------------------------------------------------------------- */

static void usage_to_user(const struct rusage_k *u, struct rusage *r)
{
	memset(r, 0, sizeof(*r));
	r->ru_utime.tv_sec = (long)(u->utime / 1000000000);
	r->ru_utime.tv_usec = (long)(u->utime % 1000000000 / 1000);
	r->ru_stime.tv_sec = (long)(u->stime / 1000000000);
	r->ru_stime.tv_usec = (long)(u->stime % 1000000000 / 1000);
	r->ru_maxrss = (long)(u->maxrss * (PAGE_SIZE / 1024));
	r->ru_minflt = (long)u->min_flt;
	r->ru_majflt = (long)u->maj_flt;
	r->ru_nvcsw = (long)u->nvcsw;
	r->ru_nivcsw = (long)u->nivcsw;
}

static int put_usage(struct rusage __user *to, const struct rusage_k *u)
{
	struct rusage r;

	if (!to)
		return 0;
	usage_to_user(u, &r);
	return copy_to_user(to, &r, sizeof(r)) ? -EFAULT : 0;
}

SYSCALL(wait4)
{
	i32 pid = (i32)a[0];
	struct wait_req req = { .type = P_PID, .id = pid, .options = (u32)a[2] | WEXITED };
	struct wait_result res;
	i64 ret;

	if (a[2] & ~(u64)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == (i32)0x80000000)
		return -ESRCH;
	if (pid == -1) {
		req.type = P_ALL;
	} else if (pid <= 0) {
		req.type = P_PGID;
		req.id = pid ? -pid : current_proc()->pgid;
	}
	ret = task_wait(&req, &res);
	if (ret <= 0)
		return ret;
	if (a[1] && put_user(res.status, (int __user *)a[1]))
		return -EFAULT;
	return put_usage((struct rusage __user *)a[3], &res.usage) ?: ret;
}

/* *again: the descriptor does not block, and the call says EAGAIN where it would have waited. */
static int waitid_req(const u64 *a, struct wait_req *req, bool *again)
{
	struct pidfd_target to;
	int err;

	*again = false;
	*req = (struct wait_req){ .type = (int)a[0], .id = (i32)a[1], .options = (u32)a[3] };
	if (a[3] & ~(u64)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			  __WCLONE | __WALL))
		return -EINVAL;
	if (!(a[3] & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (req->type) {
	case P_ALL:
		return 0;
	case P_PID:
		return req->id > 0 ? 0 : -EINVAL;
	case P_PGID:
		if (req->id == 0)
			req->id = current_proc()->pgid;
		return req->id > 0 ? 0 : -EINVAL;
	case P_PIDFD:
		if (req->id < 0)
			return -EINVAL;
		err = pidfd_get(req->id, &to);
		if (err)
			return err;
		if (to.leader)
			req->pidfd = to.proc;
		else
			process_put(to.proc);
		*again = to.nonblock && !(req->options & WNOHANG);
		if (to.nonblock)
			req->options |= WNOHANG;
		return 0;
	}
	return -EINVAL;
}

static i64 put_waitid_info(siginfo_t __user *to, const struct wait_result *res)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	if (res) {
		info.si_signo = SIGCHLD;
		info.si_code = res->code;
		info.si_pid = res->pid;
		info.si_uid = res->uid;
		switch (res->code) {
		case CLD_EXITED:
		case CLD_STOPPED:
			info.si_status = res->status >> 8 & 0xff;
			break;
		case CLD_CONTINUED:
			info.si_status = SIGCONT;
			break;
		default:
			info.si_status = res->status & 0x7f;
		}
	}
	return copy_to_user(to, &info, offsetof(siginfo_t, si_status) + sizeof(int)) ? -EFAULT : 0;
}

SYSCALL(waitid)
{
	struct wait_req req;
	struct wait_result res;
	bool again;
	i64 ret = waitid_req(a, &req, &again);

	if (ret)
		return ret;
	ret = task_wait(&req, &res);
	if (req.pidfd)
		process_put(req.pidfd);
	if (ret == 0 && again)
		return -EAGAIN;
	if (ret < 0)
		return ret;
	if (ret > 0 && put_usage((struct rusage __user *)a[4], &res.usage))
		return -EFAULT;
	return a[2] ? put_waitid_info((siginfo_t __user *)a[2], ret ? &res : NULL) : 0;
}

/* --- ids --------------------------------------------------------------------------------- */

SYSCALL(getpid) { return current_proc()->pid; }
SYSCALL(gettid) { return current->tid; }

SYSCALL(getppid) { return READ_ONCE(current_proc()->ppid); }

SYSCALL(set_tid_address)
{
	current->clear_child_tid = (u32 __user *)a[0];
	return current->tid;
}

SYSCALL(setsid) { return task_setsid(); }
SYSCALL(setpgid) { return task_setpgid((i32)a[0], (i32)a[1]); }

/* The group or session of a process, 0: the caller. */
static i64 id_of(i32 pid, bool session)
{
	struct process *p = pid ? process_by_pid(pid) : NULL;
	i64 id;

	if (!pid)
		return session ? current_proc()->sid : current_proc()->pgid;
	if (!p)
		return -ESRCH;
	id = session ? p->sid : p->pgid;
	process_put(p);
	return id;
}

SYSCALL(getpgid) { return id_of((i32)a[0], false); }
SYSCALL(getsid) { return id_of((i32)a[0], true); }

/* --- usage ------------------------------------------------------------------------------- */

static void with_current_peak(struct rusage_k *u)
{
	const struct mm *mm = current_mm();
	u64 now = max(mm_rss(mm), READ_ONCE(mm->peak_rss));

	u->maxrss = max(u->maxrss, now);
}

SYSCALL(getrusage)
{
	struct rusage_k u;
	u64 flags;

	switch ((int)a[0]) {
	case RUSAGE_SELF:
		process_usage(current_proc(), &u);
		with_current_peak(&u);
		break;
	case RUSAGE_THREAD:
		task_usage(current, &u);
		with_current_peak(&u);
		break;
	case RUSAGE_CHILDREN:
		flags = spin_lock_irqsave(&proc_lock);
		u = current_proc()->dead_children;
		spin_unlock_irqrestore(&proc_lock, flags);
		break;
	default:
		return -EINVAL;
	}
	return a[1] ? put_usage((struct rusage __user *)a[1], &u) : -EFAULT;
}

SYSCALL(times)
{
	const u64 tick = 10000000;	/* USER_HZ is 100 */
	struct rusage_k self, kids;
	u64 flags, out[4];

	process_usage(current_proc(), &self);
	flags = spin_lock_irqsave(&proc_lock);
	kids = current_proc()->dead_children;
	spin_unlock_irqrestore(&proc_lock, flags);
	out[0] = self.utime / tick;
	out[1] = self.stime / tick;
	out[2] = kids.utime / tick;
	out[3] = kids.stime / tick;
	if (a[0] && copy_to_user((void __user *)a[0], out, sizeof(out)))
		return -EFAULT;
	return (i64)(clock_ns() / tick);
}
