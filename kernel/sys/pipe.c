/* SPDX-License-Identifier: BSD-2-Clause */
/* pipe2(2), vmsplice(2). */
#include <fs/pipe.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <sys/syscall.h>
#include "rw.h"

#define O_NOTIFICATION_PIPE O_EXCL
/* splice(2); the ABI headers have no values */
#define SPLICE_F_MOVE		1
#define SPLICE_F_NONBLOCK	2
#define SPLICE_F_MORE		4
#define SPLICE_F_GIFT		8	/* ignored: the pages stay the program's */

/* The two descriptors reach the caller's memory before anybody else can use them. */
static i64 publish_pair(struct file *f[2], int flags, int __user *user)
{
	int fd[2];

	fd[0] = fd_reserve(0, flags & O_CLOEXEC);
	if (fd[0] < 0)
		return fd[0];
	fd[1] = fd_reserve(0, flags & O_CLOEXEC);
	if (fd[1] < 0) {
		fd_unreserve(fd[0]);
		return fd[1];
	}
	if (copy_to_user(user, fd, sizeof(fd))) {
		fd_unreserve(fd[1]);
		fd_unreserve(fd[0]);
		return -EFAULT;
	}
	fd_install(fd[0], f[0]);
	fd_install(fd[1], f[1]);
	return 0;
}

SYSCALL(pipe2)
{
	int flags = (int)a[1];
	struct file *f[2];
	i64 err;

	if (flags & O_NOTIFICATION_PIPE &&
	    !(flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_NOTIFICATION_PIPE)))
		return -ENOPKG;
	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_create(f, flags);
	if (err)
		return err;
	err = publish_pair(f, flags, (int __user *)a[0]);
	if (err) {
		file_put(f[0]);
		file_put(f[1]);
	}
	return err;
}

SYSCALL(vmsplice)
{
	u32 flags = (u32)a[3];
	struct uio_vec v;
	struct fdref r;
	i64 ret;

	if (flags & ~(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT))
		return -EINVAL;
	r = fdref_get((int)a[0]);
	if (!r.file)
		return -EBADF;
	ret = uio_vec_get(&v, (const void __user *)a[1], a[2]);
	if (!ret) {
		ret = pipe_vmsplice(r.file, &v.u, flags & SPLICE_F_NONBLOCK);
		uio_vec_free(&v);
	}
	fdref_put(r);
	return ret;
}
