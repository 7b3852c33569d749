/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system type tracefs, to be mounted at /sys/kernel/tracing, and also in debugfs as
 * tracing/: so far only trace_pipe, where lines of programs are read (bpf/prog/printk.c). Who reads
 * a line takes it; nothing to read is waited for.
 */
#include <base/init.h>
#include <base/string.h>
#include <bpf/prog.h>
#include <fs/poll.h>
#include <fs/pseudo.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <linux/magic.h>

static ssize_t pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	char part[256];
	u32 n;

	if (!u->left)
		return 0;
	while (!(n = bpf_trace_read(part, (u32)min(u->left, (u64)sizeof(part))))) {
		long err = -EAGAIN;

		if (!(f->flags & O_NONBLOCK))
			err = wait_event_interruptible(&bpf_trace_wait, bpf_trace_readable());
		if (err)
			return err;
	}
	return uio_write(u, part, n) == n ? (ssize_t)n : -EFAULT;
}

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(pt, f, &bpf_trace_wait);
	return bpf_trace_readable() ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_ops pipe_ops = { .read = pipe_read, .poll = pipe_poll };

static int tracefs_start(void)
{
	pseudo_dir(sysfs_root, "kernel/tracing");
	pseudo_special(tracefs_root, "trace_pipe", 0440, &pipe_ops, NULL, 0);
	pseudo_special(debugfs_root, "tracing/trace_pipe", 0440, &pipe_ops, NULL, 0);
	return 0;
}
INITCALL(late, tracefs_start);
