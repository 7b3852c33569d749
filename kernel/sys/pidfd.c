/* SPDX-License-Identifier: BSD-2-Clause */
/* Process descriptors: pidfd_open(2), CLONE_PIDFD, and what poll sees of them. */
#include <base/init.h>
#include <fs/poll.h>
#include <fs/seq.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <task/task.h>

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = f->private;

	poll_wait(pt, f, &p->pidfd_wait);
	if (READ_ONCE(p->reaped))
		return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	return READ_ONCE(p->zombie) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void pidfd_release(struct file *f) { process_put(f->private); }

static void pidfd_fdinfo(struct file *f, struct seq *s)
{
	struct process *p = f->private;
	i32 pid = READ_ONCE(p->reaped) ? -1 : p->pid;

	seq_printf(s, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_file_ops = {
	.poll = pidfd_poll, .release = pidfd_release, .fdinfo = pidfd_fdinfo};

struct process *pidfd_process(int fd)
{
	struct file *f = fd_get(fd);
	struct process *p = ERR_PTR(-EBADF);

	if (!f)
		return p;
	if (f->ops == &pidfd_file_ops) {
		p = f->private;
		ref_get(&p->ref);
	}
	fd_put(f);
	return p;
}

/* Takes over the caller's reference on p, on failure too. */
static struct file *pidfd_file(struct process *p, int flags)
{
	struct file *f = anon_file("[pidfd]", &pidfd_file_ops, p, O_RDWR | flags);

	if (IS_ERR(f))
		process_put(p);
	return f;
}

SYSCALL(pidfd_open)
{
	struct process *p;
	struct file *f;

	if (a[1] & ~(u64)O_NONBLOCK)
		return -EINVAL;
	if ((i32)a[0] <= 0)
		return -EINVAL;
	p = process_by_pid((i32)a[0]);
	if (!p) {
		struct task *t = task_by_tid((i32)a[0]);

		if (!t)
			return -ESRCH;
		task_put(t);
		return -EINVAL;		/* a thread that leads no process: Linux says so too */
	}
	f = pidfd_file(p, (int)a[1]);
	return IS_ERR(f) ? PTR_ERR(f) : fd_publish(f, O_CLOEXEC);
}

static int clone_prepare(struct process *p, void **cookie)
{
	struct file *f;
	int fd;

	ref_get(&p->ref);
	f = pidfd_file(p, 0);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	fd = fd_reserve(0, O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	*cookie = f;
	return fd;
}

static void clone_install(int fd, void *cookie) { fd_install(fd, cookie); }

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
