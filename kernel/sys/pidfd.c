/* SPDX-License-Identifier: BSD-2-Clause */
/* Process descriptors: pidfd_open(2), CLONE_PIDFD, and what poll sees of them. */
#include <base/newer.h>
#include <base/alloc.h>
#include <base/init.h>
#include <fs/poll.h>
#include <fs/seq.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <task/task.h>

/*
 * A whole process, or (tid not 0, PIDFD_THREAD) one thread of it. A thread's number may be used
 * again by another of the same process, but not together with its time of birth.
 */
struct pidfd {
	struct process *proc;		/* referenced */
	i32 tid;
	u64 start_time;
};

/* The thread, referenced; NULL: it has died. */
static struct task *pidfd_thread(const struct pidfd *p)
{
	struct task *t = task_by_tid(p->tid);

	if (t && (t->proc != p->proc || t->start_time != p->start_time || READ_ONCE(t->dead))) {
		task_put(t);
		t = NULL;
	}
	return t;
}

/* The leader's number is the process's: its end is told when all threads are gone. */
static bool for_process(const struct pidfd *p) { return !p->tid || p->tid == p->proc->pid; }

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	const struct pidfd *p = f->private;
	struct task *t;

	poll_wait(pt, f, &p->proc->pidfd_wait);
	if (READ_ONCE(p->proc->reaped))
		return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	if (for_process(p))
		return READ_ONCE(p->proc->zombie) ? EPOLLIN | EPOLLRDNORM : 0;
	t = pidfd_thread(p);
	if (!t)
		return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	task_put(t);
	return 0;
}

static void pidfd_release(struct file *f)
{
	struct pidfd *p = f->private;

	process_put(p->proc);
	kfree(p);
}

static void pidfd_fdinfo(struct file *f, struct seq *s)
{
	const struct pidfd *p = f->private;
	struct task *t = for_process(p) ? NULL : pidfd_thread(p);
	i32 pid = READ_ONCE(p->proc->reaped) || (!t && !for_process(p)) ? -1
		  : p->tid						 ? p->tid
									 : p->proc->pid;

	if (t)
		task_put(t);
	seq_printf(s, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_file_ops = {
	.poll = pidfd_poll, .release = pidfd_release, .fdinfo = pidfd_fdinfo};

int pidfd_get(int fd, struct pidfd_target *to)
{
	struct file *f = fd_get(fd);
	const struct pidfd *p;

	if (!f)
		return -EBADF;
	if (f->ops != &pidfd_file_ops) {
		fd_put(f);
		return -EBADF;
	}
	p = f->private;
	*to = (struct pidfd_target){.proc = p->proc,
				    .tid = p->tid,
				    .leader = for_process(p),
				    .nonblock = f->flags & O_NONBLOCK};
	ref_get(&p->proc->ref);
	fd_put(f);
	return 0;
}

/* Takes over the caller's reference on proc, on failure too. tid: 0 for the process. */
static struct file *pidfd_file(struct process *proc, i32 tid, u64 start_time, int flags)
{
	struct pidfd *p = kmalloc(sizeof(*p));
	struct file *f = p ? anon_file("[pidfd]", &pidfd_file_ops, p, O_RDWR | flags)
			   : ERR_PTR(-ENOMEM);

	if (IS_ERR(f)) {
		process_put(proc);
		kfree(p);
	} else {
		*p = (struct pidfd){ proc, tid, start_time };
		f->flags |= (u32)flags & PIDFD_THREAD;	/* shows in F_GETFL */
	}
	return f;
}

/* As pidfd_open(2) says; ERR_PTR(-ESRCH), (-ENOENT: a thread that leads no process), (-ENOMEM). */
static struct file *open_number(i32 nr, int flags)
{
	struct task *t = task_by_tid(nr);
	struct process *p = flags & PIDFD_THREAD ? NULL : process_by_pid(nr);
	struct file *f;

	if (t && (flags & PIDFD_THREAD)) {
		ref_get(&t->proc->ref);
		f = pidfd_file(t->proc, nr, t->start_time, flags);
	} else {
		f = p ? pidfd_file(p, 0, 0, flags) : ERR_PTR(t ? -ENOENT : -ESRCH);
	}
	if (t)
		task_put(t);
	return f;
}

/* process_mrelease(2): what a killed process holds goes now, not when it gets round to dying. */
SYSCALL(process_mrelease)
{
	struct pidfd_target to;
	struct mm *mm;
	int err;

	if (a[1])
		return -EINVAL;
	err = pidfd_get((int)a[0], &to);
	if (err)
		return err;
	mm = process_dying_mm(to.proc);
	process_put(to.proc);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	err = mm_reap(mm);
	mm_put(mm);
	return err;
}

SYSCALL(pidfd_open)
{
	struct file *f;

	if (a[1] & ~(u64)(O_NONBLOCK | PIDFD_THREAD))
		return -EINVAL;
	if ((i32)a[0] <= 0)
		return -EINVAL;
	f = open_number((i32)a[0], (int)a[1]);
	return IS_ERR(f) ? PTR_ERR(f) : fd_publish(f, O_CLOEXEC);
}

static int clone_prepare(struct task *t, bool thread, void **cookie)
{
	struct file *f;
	int fd;

	ref_get(&t->proc->ref);
	f = pidfd_file(t->proc, 0, t->start_time, thread ? PIDFD_THREAD : 0);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	fd = fd_reserve(0, O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	*cookie = f;
	return fd;
}

static void clone_install(int fd, struct task *t, void *cookie)
{
	struct file *f = cookie;

	if (f->flags & PIDFD_THREAD)
		((struct pidfd *)f->private)->tid = t->tid;
	fd_install(fd, f);
}

static void clone_cancel(int fd, void *cookie)
{
	fd_unreserve(fd);
	file_put(cookie);
}

static const struct pidfd_ops ops = { clone_prepare, clone_install, clone_cancel };

static int pidfd_start(void)
{
	pidfd_ops = &ops;
	return 0;
}
INITCALL(fs, pidfd_start);
