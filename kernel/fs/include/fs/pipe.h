/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes and FIFOs (fs/pipe.c, fs/fifo.c; pipe(7), fifo(7)). */
#ifndef FS_PIPE_H
#define FS_PIPE_H
#include <base/types.h>

struct file;
struct uio;

/*
 * A pipe: out[0] reads, out[1] writes, both referenced. flags: O_NONBLOCK, O_DIRECT; O_CLOEXEC is
 * the caller's. 0, -ENOMEM, -ENFILE.
 */
int pipe_create(struct file *out[2], int flags);
/* F_GETPIPE_SZ and F_SETPIPE_SZ of fcntl(2): bytes; -EBADF if f is no pipe, -EBUSY, -EPERM,
 * -EINVAL, -ENOMEM. */
i64 pipe_fcntl(struct file *f, int cmd, u64 arg);
/*
 * vmsplice(2): the current process's memory at u's segments goes into the pipe as pages that are
 * shared with it, until the pipe is full; from a pipe's reading end, u's memory is read into. Sleeps
 * for room unless nonblock. Bytes, or -EBADF (no pipe), -EAGAIN, -EPIPE, -EFAULT, -ENOMEM,
 * -ERESTARTSYS.
 */
ssize_t pipe_vmsplice(struct file *f, struct uio *u, bool nonblock);
/* /proc/sys/fs/pipe-max-size: what one without CAP_SYS_RESOURCE may set, bytes. */
extern u32 pipe_max_size;
/* pipe-user-pages-soft, -hard (pipe(7)): slots of all pipes of one user; 0: no limit. */
extern u32 pipe_user_pages_soft, pipe_user_pages_hard;
/* SIGPIPE for the current thread, as a write to nobody gives it. */
void send_sigpipe(void);
#endif
