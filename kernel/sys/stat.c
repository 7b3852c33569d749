/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that look at names and files: stat and its kin, access, readlink, getcwd, statfs. */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/mount.h>
#include <fs/name.h>
#include <fs/stat.h>
#include <hal/uaccess.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/securebits.h>
#include <sys/syscall.h>
#include <task/task.h>
#include "path.h"

int user_path(int dirfd, const char __user *name, u32 atflags, bool follow, struct path *out)
{
	struct name_buf n;
	u32 lflags = (follow ? LOOKUP_FOLLOW : 0) | (atflags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int err;

	if (!name && atflags & AT_EMPTY_PATH)
		return path_lookup(dirfd, "", lflags, out);
	err = name_get(&n, name, atflags & AT_EMPTY_PATH);
	if (err)
		return err;
	err = path_lookup(dirfd, n.s, lflags, out);
	name_drop(&n);
	return err;
}

/* --- stat
 * -----------------------------------------------------------------------------------------------------
 */
static int put_stat(const struct kstat *k, struct stat __user *u)
{
	struct stat st = {
		.st_dev = k->dev, .st_ino = k->ino, .st_mode = k->mode, .st_nlink = (u32)k->nlink,
		.st_uid = k->uid, .st_gid = k->gid, .st_rdev = k->rdev, .st_size = (long)k->size,
		.st_blksize = (int)k->blksize, .st_blocks = (long)k->blocks,
		.st_atime = k->atime.sec, .st_atime_nsec = k->atime.nsec,
		.st_mtime = k->mtime.sec, .st_mtime_nsec = k->mtime.nsec,
		.st_ctime = k->ctime.sec, .st_ctime_nsec = k->ctime.nsec,
	};

	return copy_to_user(u, &st, sizeof(st)) ? -EFAULT : 0;
}

static int fd_stat(int fd, struct kstat *k)
{
	struct fdref r = fdref_get_any(fd);

	if (!r.file)
		return -EBADF;
	file_stat(r.file, k);
	fdref_put(r);
	return 0;
}

static int name_stat(int dirfd, const char __user *name, u32 atflags, struct kstat *k)
{
	u32 lflags = atflags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct name_buf n;
	int err;

	if (!name && atflags & AT_EMPTY_PATH) {
		n.s = n.small;
		n.small[0] = 0;
		n.len = 0;
	} else {
		err = name_get(&n, name, atflags & AT_EMPTY_PATH);
		if (unlikely(err))
			return err;
	}
	if (!n.len)
		return dirfd == AT_FDCWD ? path_stat(dirfd, ".", lflags, k) : fd_stat(dirfd, k);
	err = path_stat(dirfd, n.s, lflags, k);
	name_drop(&n);
	return err;
}

SYSCALL(newfstatat)
{
	u32 flags = (u32)a[3];
	struct kstat k;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	err = name_stat((int)a[0], (const char __user *)a[1], flags, &k);
	return unlikely(err) ? err : put_stat(&k, (struct stat __user *)a[2]);
}

SYSCALL(fstat)
{
	struct kstat k;
	int err = fd_stat((int)a[0], &k);

	return err ? err : put_stat(&k, (struct stat __user *)a[1]);
}

static struct statx_timestamp stamp(struct time64 t)
{
	return (struct statx_timestamp){ .tv_sec = t.sec, .tv_nsec = t.nsec };
}

SYSCALL(statx)
{
	u32 flags = (u32)a[2], mask = (u32)a[3];
	struct statx x = { 0 };
	struct kstat k;
	int err;

	if (mask & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if (flags &
	    ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	err = name_stat((int)a[0], (const char __user *)a[1], flags, &k);
	if (err)
		return err;
	x.stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
	x.stx_blksize = k.blksize;
	x.stx_nlink = (u32)k.nlink;
	x.stx_uid = k.uid;
	x.stx_gid = k.gid;
	x.stx_mode = (u16)k.mode;
	x.stx_ino = k.ino;
	x.stx_size = k.size;
	x.stx_blocks = k.blocks;
	x.stx_atime = stamp(k.atime);
	x.stx_btime = stamp(k.btime);
	x.stx_ctime = stamp(k.ctime);
	x.stx_mtime = stamp(k.mtime);
	x.stx_rdev_major = dev_major(k.rdev);
	x.stx_rdev_minor = dev_minor(k.rdev);
	x.stx_dev_major = dev_major((u32)k.dev);
	x.stx_dev_minor = dev_minor((u32)k.dev);
	x.stx_mnt_id = k.mnt_id;
	return copy_to_user((void __user *)a[4], &x, sizeof(x)) ? -EFAULT : 0;
}

/* --- statfs
 * ------------------------------------------------------------------------------------------------------
 */
static i64 put_statfs(const struct path *p, void __user *u)
{
	struct statfs64 st;

	path_statfs(p, &st);
	return copy_to_user(u, &st, sizeof(st)) ? -EFAULT : 0;
}

SYSCALL(statfs)
{
	struct path p;
	i64 ret = user_path(AT_FDCWD, (const char __user *)a[0], 0, true, &p);

	if (ret)
		return ret;
	ret = put_statfs(&p, (void __user *)a[1]);
	path_put(&p);
	return ret;
}

SYSCALL(fstatfs)
{
	struct fdref r = fdref_get_any((int)a[0]);
	i64 ret;

	if (!r.file)
		return -EBADF;
	ret = r.file->path.mnt ? put_statfs(&r.file->path, (void __user *)a[1]) : -ENOSYS;
	fdref_put(r);
	return ret;
}

/* --- access
 * ---------------------------------------------------------------------------------------------------------
 */
/* access(2) asks for the real ids: with those as file system ids, and the capabilities a root of
 * them would have. */
static const struct cred *real_ids(void)
{
	const struct cred *old = current_cred();
	struct cred *c;

	if (old->uid == old->fsuid && old->gid == old->fsgid &&
	    (old->uid ? !old->cap_effective : old->cap_effective == old->cap_permitted))
		return NULL;
	c = cred_prepare();
	if (!c)
		return ERR_PTR(-ENOMEM);
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	if (!(c->securebits & SECBIT_NO_SETUID_FIXUP))
		c->cap_effective = c->uid ? 0 : c->cap_permitted;
	return c;
}

static i64 do_access(int dirfd, const char __user *name, u32 mode, u32 flags)
{
	const struct cred *old = current->cred, *as = NULL;
	struct path p;
	i64 ret;

	if (mode & ~7u || flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!(flags & AT_EACCESS))
		as = real_ids();
	if (IS_ERR(as))
		return PTR_ERR(as);
	if (as)
		rcu_assign(current->cred, as);
	ret = user_path(dirfd, name, flags, !(flags & AT_SYMLINK_NOFOLLOW), &p);
	if (!ret) {
		ret = path_access(&p, mode);
		path_put(&p);
	}
	if (as) {
		rcu_assign(current->cred, old);
		cred_put(as);
	}
	return ret;
}

SYSCALL(faccessat)
{
	return do_access((int)a[0], (const char __user *)a[1], (u32)a[2], 0);
}

SYSCALL(faccessat2)
{
	return do_access((int)a[0], (const char __user *)a[1], (u32)a[2], (u32)a[3]);
}

/* --- readlink, getcwd
 * ---------------------------------------------------------------------------------------------------
 */
static i64 do_readlink(const struct path *p, void __user *u, int size)
{
	char *buf = kmalloc(PATH_MAX_BYTES);
	const char *text;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = path_readlink(p, buf, PATH_MAX_BYTES, &text);
	if (n > size)
		n = size;
	if (n > 0 && copy_to_user(u, text, (size_t)n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

SYSCALL(readlinkat)
{
	struct path p;
	i64 ret;

	if ((int)a[3] <= 0)
		return -EINVAL;
	ret = user_path((int)a[0], (const char __user *)a[1], AT_EMPTY_PATH, false, &p);
	if (ret)
		return ret;
	ret = do_readlink(&p, (void __user *)a[2], (int)a[3]);
	path_put(&p);
	return ret;
}

SYSCALL(getcwd)
{
	char *buf = kmalloc(PATH_MAX_BYTES), *s;
	i64 n;

	if (!buf)
		return -ENOMEM;
	s = cwd_string(buf, PATH_MAX_BYTES);
	if (IS_ERR(s)) {
		n = PTR_ERR(s);
	} else {
		n = (i64)strlen(s) + 1;
		if ((u64)n > a[1])
			n = -ERANGE;
		else if (copy_to_user((void __user *)a[0], s, (size_t)n))
			n = -EFAULT;
	}
	kfree(buf);
	return n;
}
