/* SPDX-License-Identifier: BSD-2-Clause */
/* pipe2(2). */
#include <fs/pipe.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <sys/syscall.h>

#define O_NOTIFICATION_PIPE O_EXCL

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
