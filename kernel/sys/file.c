/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls on descriptors: opening, closing, duplicating, reading, writing, seeking. */
#include <base/newer.h>
#include <base/string.h>
#include <fs/fd.h>
#include <fs/name.h>
#include <fs/open.h>
#include <fs/rw.h>
#include <hal/uaccess.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <task/task.h>
#include "rw.h"

#define OPEN_FLAGS                                                                                 \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC |     \
	 __O_SYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |       \
	 O_CLOEXEC | O_PATH | __O_TMPFILE)
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

static i64 open_name(int dirfd, const char *name, int flags, u32 mode, u32 lflags)
{
	int fd = fd_reserve(0, flags & O_CLOEXEC);
	struct file *f;

	if (unlikely(fd < 0))
		return fd;
	f = file_open_lookup(dirfd, name, flags, mode, lflags);
	if (IS_ERR(f)) {
		fd_unreserve(fd);
		return PTR_ERR(f);
	}
	fd_install(fd, f);
	return fd;
}

static i64 open_user(int dirfd, const char __user *name, int flags, u32 mode, u32 lflags)
{
	struct name_buf n;
	i64 ret = name_get(&n, name, false);

	if (unlikely(ret))
		return ret;
	ret = open_name(dirfd, n.s, flags, mode, lflags);
	name_drop(&n);
	return ret;
}

/* What is wrong in any open, however it is called. */
static int bad_flags(int flags)
{
	if (flags & O_PATH)
		return 0;
	if (flags & __O_TMPFILE) {
		if ((flags & O_TMPFILE) != O_TMPFILE || flags & O_CREAT)
			return -EINVAL;
		if ((flags & O_ACCMODE) != O_WRONLY && (flags & O_ACCMODE) != O_RDWR)
			return -EINVAL;
	} else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
		return -EINVAL;
	}
	return 0;
}

SYSCALL(openat)
{
	int flags = (int)a[2] & OPEN_FLAGS, err = bad_flags(flags);
	u32 mode = 0;

	if (unlikely(err))
		return err;
	if (flags & O_PATH)
		flags &= PATH_FLAGS;
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = (u32)a[3] & 07777 & ~current_umask();
	return open_user((int)a[0], (const char __user *)a[1], flags, mode, 0);
}

static u32 resolve_flags(u64 resolve)
{
	return (resolve & RESOLVE_NO_XDEV ? LOOKUP_NO_XDEV : 0) |
	       (resolve & RESOLVE_NO_MAGICLINKS ? LOOKUP_NO_MAGIC : 0) |
	       (resolve & RESOLVE_NO_SYMLINKS ? LOOKUP_NO_SYMLINKS : 0) |
	       (resolve & RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
	       (resolve & RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0);
}

static int check_how(const struct open_how *how)
{
	const u64 known = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
			  RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
	int flags = (int)how->flags;

	if (how->flags & ~(u64)OPEN_FLAGS || how->resolve & ~known)
		return -EINVAL;
	if (how->resolve & RESOLVE_BENEATH && how->resolve & RESOLVE_IN_ROOT)
		return -EINVAL;
	if (flags & (O_CREAT | __O_TMPFILE) ? how->mode & ~07777ull : how->mode != 0)
		return -EINVAL;
	if (flags & O_PATH && flags & ~PATH_FLAGS)
		return -EINVAL;
	if (how->resolve & RESOLVE_CACHED)
		return -EAGAIN; /* allowed to be unable to tell: the caller comes back without it */
	return bad_flags(flags);
}

SYSCALL(openat2)
{
	struct open_how how;
	u64 size = a[3];
	int err;

	if (size < sizeof(how))
		return -EINVAL;
	if (size > PATH_MAX_BYTES)
		return -E2BIG;
	err = copy_struct_from_user(&how, sizeof(how), (const void __user *)a[2], size);
	if (!err)
		err = check_how(&how);
	if (err)
		return err;
	return open_user((int)a[0], (const char __user *)a[1], (int)how.flags,
			 (u32)how.mode & ~current_umask(), resolve_flags(how.resolve));
}

SYSCALL(close)
{
	return fd_close((int)a[0]);
}

SYSCALL(close_range)
{
	u32 first = (u32)a[0], last = (u32)a[1], flags = (u32)a[2];
	int err = 0;

	if (flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE)
		err = files_unshare();
	if (!err)
		fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
	return err;
}

SYSCALL(dup)
{
	struct file *f = fd_get_any((int)a[0]);
	int fd;

	if (!f)
		return -EBADF;
	fd = fd_reserve(0, 0);
	if (fd < 0)
		fd_put(f);
	else
		fd_install(fd, f);
	return fd;
}

SYSCALL(dup3)
{
	if ((int)a[2] & ~O_CLOEXEC || (int)a[0] == (int)a[1])
		return -EINVAL;
	return fd_dup_to((int)a[0], (int)a[1], (int)a[2]);
}

/* --- read and write -------------------------------------------------------------------- */
static inline i64 rw_one(const u64 *a, bool write)
{
	struct fdref r = fdref_get((int)a[0]);
	struct uio_seg seg;
	struct uio u;
	ssize_t n;

	if (unlikely(!r.file))
		return -EBADF;
	uio_user(&u, &seg, (void __user *)a[1], a[2]);
	if (unlikely(!user_range_ok((void __user *)a[1], a[2])))
		n = bad_range(r.file, write);
	else
		n = file_rw(r.file, &u, write);
	fdref_put(r);
	return n;
}

SYSCALL(read)
{
	return rw_one(a, false);
}

SYSCALL(write)
{
	return rw_one(a, true);
}

static i64 prw_one(const u64 *a, bool write)
{
	struct fdref r = fdref_get((int)a[0]);
	struct uio_seg seg;
	struct uio u;
	ssize_t n;

	if (!r.file)
		return -EBADF;
	uio_user(&u, &seg, (void __user *)a[1], a[2]);
	if (!user_range_ok((void __user *)a[1], a[2]))
		n = bad_range(r.file, write);
	else
		n = file_prw(r.file, &u, a[3], write);
	fdref_put(r);
	return n;
}

SYSCALL(pread64)
{
	return (i64)a[3] < 0 ? -EINVAL : prw_one(a, false);
}

SYSCALL(pwrite64)
{
	return (i64)a[3] < 0 ? -EINVAL : prw_one(a, true);
}

/* pos NULL: at the file's own position; how: UIO_*. */
static i64 rw_vec(int fd, const struct iovec_u __user *vec, u64 n, const u64 *pos, bool write,
		  u8 how)
{
	struct fdref r = fdref_get(fd);
	struct uio_vec v;
	i64 ret;

	if (!r.file)
		return -EBADF;
	ret = uio_vec_get(&v, vec, n);
	if (!ret) {
		v.u.how = how;
		if ((how & UIO_NOWAIT) && !(r.file->mode & FMODE_NOWAIT))
			ret = -EOPNOTSUPP;
		else
			ret = pos ? file_prw(r.file, &v.u, *pos, write)
				  : file_rw(r.file, &v.u, write);
		uio_vec_free(&v);
	}
	fdref_put(r);
	return ret;
}

SYSCALL(readv)
{
	return rw_vec((int)a[0], (const void __user *)a[1], a[2], NULL, false, 0);
}

SYSCALL(writev)
{
	return rw_vec((int)a[0], (const void __user *)a[1], a[2], NULL, true, 0);
}

SYSCALL(preadv)
{
	return (i64)a[3] < 0 ? -EINVAL
			     : rw_vec((int)a[0], (const void __user *)a[1], a[2], &a[3], false, 0);
}

SYSCALL(pwritev)
{
	return (i64)a[3] < 0 ? -EINVAL
			     : rw_vec((int)a[0], (const void __user *)a[1], a[2], &a[3], true, 0);
}

/* RWF_HIPRI, DSYNC, SYNC are true by themselves of memory. */
static i64 rw_vec2(const u64 *a, bool write)
{
	u32 flags = (u32)a[5];
	u8 how = (flags & RWF_NOWAIT ? UIO_NOWAIT : 0) | (flags & RWF_APPEND ? UIO_APPEND : 0) |
		 (flags & RWF_NOAPPEND ? UIO_NOAPPEND : 0);

	if (flags & ~(u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND |
			   RWF_NOAPPEND))
		return -EOPNOTSUPP;
	if ((flags & RWF_APPEND) && (flags & RWF_NOAPPEND))
		return -EINVAL;
	if ((i64)a[3] == -1)
		return rw_vec((int)a[0], (const void __user *)a[1], a[2], NULL, write, how);
	return (i64)a[3] < 0 ? -EINVAL
			     : rw_vec((int)a[0], (const void __user *)a[1], a[2], &a[3], write,
				      how);
}

SYSCALL(preadv2)
{
	return rw_vec2(a, false);
}

SYSCALL(pwritev2)
{
	return rw_vec2(a, true);
}

SYSCALL(lseek)
{
	struct fdref r = fdref_get((int)a[0]);
	i64 ret;

	if (!r.file)
		return -EBADF;
	ret = file_seek(r.file, (i64)a[1], (int)a[2]);
	fdref_put(r);
	return ret;
}
