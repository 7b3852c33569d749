/* SPDX-License-Identifier: BSD-2-Clause */
/* mount and umount2. Binding, moving and propagation are for a later part and refused. */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/mount.h>
#include <fs/name.h>
#include <hal/uaccess.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <task/task.h>
#include "path.h"

#define TYPE_MAX	64
#define UMOUNT_FORCE	1
#define UMOUNT_DETACH	2
#define UMOUNT_EXPIRE	4
#define UMOUNT_NOFOLLOW_ 8
#define PROPAGATION	(MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* The options page: at most a page, NUL-terminated; NULL is NULL. */
static char *get_data(const void __user *u)
{
	char *s;
	ssize_t n;

	if (!u)
		return NULL;
	s = kmalloc(PATH_MAX_BYTES);
	if (!s)
		return ERR_PTR(-ENOMEM);
	n = strncpy_from_user(s, u, PATH_MAX_BYTES);
	if (n >= 0)
		return s;
	kfree(s);
	return ERR_PTR(n == -ENAMETOOLONG ? -EINVAL : n);
}

static i64 do_remount(const char *target, u32 flags, const char *data)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = vfs_remount(&p, flags, data);
	path_put(&p);
	return err;
}

static i64 do_mount(const char *source, const char *target, const char __user *utype, u32 flags,
		    const char *data)
{
	char type[TYPE_MAX];
	ssize_t n;

	if (flags & (MS_BIND | MS_MOVE) && !(flags & MS_REMOUNT))
		return -EINVAL;
	if (flags & PROPAGATION)
		return flags & (MS_SHARED | MS_SLAVE) ? -EINVAL : 0;	/* all mounts are private */
	if (flags & MS_REMOUNT)
		return do_remount(target, flags, data);
	if (!utype)
		return -EINVAL;
	n = strncpy_from_user(type, utype, sizeof(type));
	if (n < 0)
		return n == -ENAMETOOLONG ? -ENODEV : n;
	return vfs_mount(source, target, type, flags, data);
}

SYSCALL(mount)
{
	u32 flags = (u32)a[3];
	struct name_buf source = { .s = source.small }, target;
	char *data;
	i64 ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((flags & 0xffff0000u) == 0xc0ed0000u)
		flags &= 0xffff;	/* a magic number that old programs still pass */
	ret = name_get(&target, (const char __user *)a[1], false);
	if (ret)
		return ret;
	if (a[0])
		ret = name_get(&source, (const char __user *)a[0], true);
	else
		source.small[0] = 0;
	data = ret ? NULL : get_data((const void __user *)a[4]);
	if (IS_ERR(data))
		ret = PTR_ERR(data);
	if (!ret) {
		ret = do_mount(source.s, target.s, (const char __user *)a[2], flags, data);
		kfree(data);
	}
	name_drop(&source);
	name_drop(&target);
	return ret;
}

SYSCALL(umount2)
{
	u32 flags = (u32)a[1];
	struct path p;
	i64 ret;

	if (flags & ~(u32)(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_EXPIRE | UMOUNT_NOFOLLOW_))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & UMOUNT_EXPIRE)
		return flags & (UMOUNT_FORCE | UMOUNT_DETACH) ? -EINVAL : -EAGAIN;
	ret = user_path(AT_FDCWD, (const char __user *)a[0], 0, !(flags & UMOUNT_NOFOLLOW_), &p);
	if (ret)
		return ret;
	ret = vfs_umount(&p, flags & UMOUNT_DETACH);
	path_put(&p);
	return ret;
}
