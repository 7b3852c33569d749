/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that change modes, owners and times; extended attributes, which no file system here
 * has. */
#include <fs/stat.h>
#include <hal/uaccess.h>
#include <linux/fcntl.h>
#include <sys/syscall.h>
#include <task/task.h>
#include "path.h"

#define UTIME_NOW	((1l << 30) - 1l)	/* sys/stat.h, utimensat(2) */
#define UTIME_OMIT	((1l << 30) - 2l)

SYSCALL(fchmod)
{
	struct fdref r = fdref_get((int)a[0]);
	int err;

	if (!r.file)
		return -EBADF;
	err = path_chmod(&r.file->path, (u32)a[1]);
	fdref_put(r);
	return err;
}

static i64 do_chmod(int dirfd, const char __user *name, u32 mode, u32 flags)
{
	struct path p;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path(dirfd, name, flags, !(flags & AT_SYMLINK_NOFOLLOW), &p);
	if (err)
		return err;
	err = path_chmod(&p, mode);
	path_put(&p);
	return err;
}

SYSCALL(fchmodat)
{
	return do_chmod((int)a[0], (const char __user *)a[1], (u32)a[2], 0);
}

SYSCALL(fchmodat2)
{
	return do_chmod((int)a[0], (const char __user *)a[1], (u32)a[2], (u32)a[3]);
}

SYSCALL(fchown)
{
	struct fdref r = fdref_get((int)a[0]);
	int err;

	if (!r.file)
		return -EBADF;
	err = path_chown(&r.file->path, (u32)a[1], (u32)a[2]);
	fdref_put(r);
	return err;
}

SYSCALL(fchownat)
{
	u32 flags = (u32)a[4];
	struct path p;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path((int)a[0], (const char __user *)a[1], flags, !(flags & AT_SYMLINK_NOFOLLOW),
			&p);
	if (err)
		return err;
	err = path_chown(&p, (u32)a[2], (u32)a[3]);
	path_put(&p);
	return err;
}

/* One of the two times: ATTR_* bits for it. -EINVAL: nanoseconds out of range. */
static int one_time(struct iattr *a, const i64 *t, u32 bit, u32 now_bit, struct time64 *out)
{
	if (t[1] == UTIME_OMIT)
		return 0;
	a->valid |= bit;
	if (t[1] == UTIME_NOW) {
		a->valid |= now_bit;
		return 0;
	}
	if (t[1] < 0 || t[1] >= 1000000000)
		return -EINVAL;
	*out = (struct time64){ t[0], (u32)t[1] };
	return 0;
}

static int get_times(struct iattr *a, const void __user *u)
{
	i64 t[4];
	int err;

	if (!u) {
		a->valid = ATTR_ATIME | ATTR_MTIME | ATTR_ATIME_NOW | ATTR_MTIME_NOW;
		return 0;
	}
	if (copy_from_user(t, u, sizeof(t)))
		return -EFAULT;
	err = one_time(a, t, ATTR_ATIME, ATTR_ATIME_NOW, &a->atime);
	return err ? err : one_time(a, t + 2, ATTR_MTIME, ATTR_MTIME_NOW, &a->mtime);
}

SYSCALL(utimensat)
{
	struct iattr at = { 0 };
	u32 flags = (u32)a[3];
	struct path p;
	int err = get_times(&at, (const void __user *)a[2]);

	if (err)
		return err;
	if (!at.valid)
		return 0;
	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!a[1]) {
		struct fdref r = fdref_get((int)a[0]);

		if ((int)a[0] == AT_FDCWD)
			return -EFAULT;
		if (flags)
			err = -EINVAL;
		else
			err = r.file ? path_utimes(&r.file->path, &at) : -EBADF;
		if (r.file)
			fdref_put(r);
		return err;
	}
	err = user_path((int)a[0], (const char __user *)a[1], flags, !(flags & AT_SYMLINK_NOFOLLOW),
			&p);
	if (err)
		return err;
	err = path_utimes(&p, &at);
	path_put(&p);
	return err;
}

/* --- extended attributes --------------------------------------------------------------- */
static i64 no_xattr(const char __user *name, bool follow, i64 ret)
{
	struct path p;
	int err = user_path(AT_FDCWD, name, 0, follow, &p);

	if (err)
		return err;
	path_put(&p);
	return ret;
}

static i64 no_fxattr(int fd, i64 ret)
{
	struct fdref r = fdref_get(fd);

	if (!r.file)
		return -EBADF;
	fdref_put(r);
	return ret;
}

#define XATTR_CALLS(verb, ret) \
	SYSCALL(verb##xattr) { return no_xattr((const char __user *)a[0], true, ret); } \
	SYSCALL(l##verb##xattr) { return no_xattr((const char __user *)a[0], false, ret); } \
	SYSCALL(f##verb##xattr) { return no_fxattr((int)a[0], ret); }

XATTR_CALLS(set, -EOPNOTSUPP)
XATTR_CALLS(get, -EOPNOTSUPP)
XATTR_CALLS(list, 0)
XATTR_CALLS(remove, -EOPNOTSUPP)
