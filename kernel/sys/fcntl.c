/* SPDX-License-Identifier: BSD-2-Clause */
/* fcntl and ioctl: what every file understands; the rest is the file's own. */
#include <fs/fd.h>
#include <fs/pipe.h>
#include <fs/rw.h>
#include <hal/uaccess.h>
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <task/task.h>

#define SETTABLE (O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME)

/* Other threads may change flags too; the owner's bits are swapped as a whole. */
static i64 set_flags(struct file *f, int arg)
{
	u32 old, new;

	if (arg & O_NOATIME && !(f->flags & O_NOATIME) && !inode_owner_or_capable(f->inode))
		return -EPERM;
	do {
		old = READ_ONCE(f->flags);
		new = (old & ~(u32)SETTABLE) | ((u32)arg & SETTABLE);
	} while (!atomic_cas(&f->flags, old, new));
	return 0;
}

static bool works_on_path(u32 cmd)
{
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || cmd == F_GETFD || cmd == F_SETFD ||
	       cmd == F_GETFL;
}

static i64 file_fcntl(struct file *f, int fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
		return fd_dup(f, (int)arg, 0);
	case F_DUPFD_CLOEXEC:
		return fd_dup(f, (int)arg, O_CLOEXEC);
	case F_GETFD:
		return fd_cloexec(fd, -1) > 0 ? FD_CLOEXEC : 0;
	case F_SETFD:
		fd_cloexec(fd, arg & FD_CLOEXEC ? 1 : 0);
		return 0;
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		return set_flags(f, (int)arg);
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		return pipe_fcntl(f, (int)cmd, arg);
	default:
		return -EINVAL;		/* locks, leases, owners: a later part */
	}
}

SYSCALL(fcntl)
{
	struct fdref r = fdref_get_any((int)a[0]);
	i64 ret;

	if (!r.file)
		return -EBADF;
	if (r.file->mode & FMODE_PATH && !works_on_path((u32)a[1]))
		ret = -EBADF;
	else
		ret = file_fcntl(r.file, (int)a[0], (u32)a[1], a[2]);
	fdref_put(r);
	return ret;
}

/* --- ioctl
 * ------------------------------------------------------------------------------------------------------
 */
static i64 set_nonblock(struct file *f, const int __user *arg)
{
	int on;

	if (get_user(on, arg))
		return -EFAULT;
	if (on)
		atomic_or(&f->flags, O_NONBLOCK);
	else
		atomic_and(&f->flags, ~(u32)O_NONBLOCK);
	return 0;
}

static i64 regular_ioctl(struct file *f, u32 cmd, u64 arg)
{
	if (cmd == FIONREAD && S_ISREG(f->inode->mode)) {
		u64 size = f->inode->mapping.size;

		return put_user((int)(size > f->pos ? size - f->pos : 0), (int __user *)arg)
			       ? -EFAULT
			       : 0;
	}
	if (cmd == FIGETBSZ && (S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode)))
		return put_user((int)PAGE_SIZE, (int __user *)arg) ? -EFAULT : 0;
	return -ENOTTY;
}

static i64 file_ioctl(struct file *f, int fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		fd_cloexec(fd, cmd == FIOCLEX);
		return 0;
	case FIONBIO:
		return set_nonblock(f, (const int __user *)arg);
	default:
		break;
	}
	if (!f->ops || !f->ops->ioctl)
		return regular_ioctl(f, cmd, arg);
	return f->ops->ioctl(f, cmd, arg);
}

SYSCALL(ioctl)
{
	struct fdref r = fdref_get((int)a[0]);
	i64 ret;

	if (!r.file)
		return -EBADF;
	ret = file_ioctl(r.file, (int)a[0], (u32)a[1], a[2]);
	fdref_put(r);
	return ret;
}
