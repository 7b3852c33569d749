/* SPDX-License-Identifier: BSD-2-Clause */
/* What the descriptor system calls need beyond vfs.h (fs/files.c). All concern the current task's
 * table. */
#ifndef FS_FD_H
#define FS_FD_H
#include <fs/vfs.h>

/* Another descriptor >= from for f: -EINVAL if from is beyond RLIMIT_NOFILE, -EMFILE, -ENOMEM.
 * flags: O_CLOEXEC. */
int fd_dup(struct file *f, int from, int flags);
/* dup3's work, oldfd != newfd. */
int fd_dup_to(int oldfd, int newfd, int flags);
/* Close-on-exec flag of fd: what it was; set 1 or 0 changes it, -1 only asks. -EBADF. */
int fd_cloexec(int fd, int set);
/* Closes (or marks close-on-exec) every descriptor in [first, last]. */
void fd_close_range(u32 first, u32 last, bool cloexec);
/* Gives the current task a table of its own if it shares one: exec, unshare. 0, -ENOMEM. */
int files_unshare(void);
/* Likewise root, cwd and umask. */
int fs_ctx_unshare(void);
/* Slots of the task's table: FDSize in /proc/PID/status. */
u32 task_fd_size(struct task *t);
u32 set_umask(u32 mask);		/* returns the old one */
u64 files_open(void);			/* open files in the system */
u64 inodes_count(void);
#endif
