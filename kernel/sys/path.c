/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that make, move and remove names; working directory and root. */
#include <base/string.h>
#include <fs/fd.h>
#include <fs/name.h>
#include <fs/stat.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <task/task.h>
#include "path.h"

SYSCALL(mkdirat)
{
	struct name_buf n;
	int err = name_get(&n, (const char __user *)a[1], false);

	if (err)
		return err;
	err = vfs_mkdir((int)a[0], n.s, (u32)a[2] & 01777 & ~current_umask());
	name_drop(&n);
	return err;
}

SYSCALL(mknodat)
{
	u32 mode = (u32)a[2];
	struct name_buf n;
	int err = name_get(&n, (const char __user *)a[1], false);

	if (err)
		return err;
	err = vfs_mknod((int)a[0], n.s, (mode & S_IFMT) | (mode & 07777 & ~current_umask()),
			(u32)a[3]);
	name_drop(&n);
	return err;
}

SYSCALL(unlinkat)
{
	u32 flags = (u32)a[2];
	struct name_buf n;
	int err;

	if (flags & ~(u32)AT_REMOVEDIR)
		return -EINVAL;
	err = name_get(&n, (const char __user *)a[1], false);
	if (err)
		return err;
	err = flags & AT_REMOVEDIR ? vfs_rmdir((int)a[0], n.s) : vfs_unlink((int)a[0], n.s);
	name_drop(&n);
	return err;
}

SYSCALL(symlinkat)
{
	struct name_buf target, n;
	int err = name_get(&target, (const char __user *)a[0], false);

	if (err)
		return err;
	err = name_get(&n, (const char __user *)a[2], false);
	if (!err) {
		err = vfs_symlink(target.s, (int)a[1], n.s);
		name_drop(&n);
	}
	name_drop(&target);
	return err;
}

/* By AT_EMPTY_PATH only who opened the file itself or may search anyhow gives it a name. */
static int may_link_empty(int fd)
{
	struct file *f;
	bool mine;

	if (capable(CAP_DAC_READ_SEARCH))
		return 0;
	f = fd_get_any(fd);
	mine = f && f->cred == current_cred();
	if (f)
		fd_put(f);
	return mine ? 0 : -ENOENT;
}

SYSCALL(linkat)
{
	u32 flags = (u32)a[4];
	struct path old;
	struct name_buf n;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = flags & AT_EMPTY_PATH ? may_link_empty((int)a[0]) : 0;
	if (!err)
		err = user_path((int)a[0], (const char __user *)a[1], flags,
				flags & AT_SYMLINK_FOLLOW, &old);
	if (err)
		return err;
	err = name_get(&n, (const char __user *)a[3], false);
	if (!err) {
		err = vfs_link(&old, (int)a[2], n.s);
		name_drop(&n);
	}
	path_put(&old);
	return err;
}

static i64 do_rename(int odir, const char __user *old, int ndir, const char __user *new, u32 flags)
{
	struct name_buf o, n;
	int err = name_get(&o, old, false);

	if (err)
		return err;
	err = name_get(&n, new, false);
	if (!err) {
		err = vfs_rename(odir, o.s, ndir, n.s, flags);
		name_drop(&n);
	}
	name_drop(&o);
	return err;
}

SYSCALL(renameat)
{
	return do_rename((int)a[0], (const char __user *)a[1], (int)a[2], (const char __user *)a[3],
			 0);
}

SYSCALL(renameat2)
{
	return do_rename((int)a[0], (const char __user *)a[1], (int)a[2], (const char __user *)a[3],
			 (u32)a[4]);
}

SYSCALL(truncate)
{
	struct path p;
	int err;

	if ((i64)a[1] < 0)
		return -EINVAL;
	err = user_path(AT_FDCWD, (const char __user *)a[0], 0, true, &p);
	if (err)
		return err;
	err = path_truncate(&p, a[1]);
	path_put(&p);
	return err;
}

/* --- where we are ---------------------------------------------------------------------- */
SYSCALL(chdir)
{
	struct path p;
	int err = user_path(AT_FDCWD, (const char __user *)a[0], 0, true, &p);

	if (err)
		return err;
	err = path_chdir(&p);
	path_put(&p);
	return err;
}

SYSCALL(fchdir)
{
	struct file *f = fd_get_any((int)a[0]);
	int err;

	if (!f)
		return -EBADF;
	err = f->path.dentry ? path_chdir(&f->path) : -ENOTDIR;
	fd_put(f);
	return err;
}

SYSCALL(chroot)
{
	struct path p;
	int err = user_path(AT_FDCWD, (const char __user *)a[0], 0, true, &p);

	if (err)
		return err;
	err = path_chroot(&p);
	path_put(&p);
	return err;
}

SYSCALL(umask)
{
	return set_umask((u32)a[0]);
}
