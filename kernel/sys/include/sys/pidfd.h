/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors that stand for a process (sys/pidfd.c). */
#ifndef SYS_PIDFD_H
#define SYS_PIDFD_H
#include <base/types.h>
struct process;
struct pidfd_target {
	struct process *proc;	/* referenced */
	i32 tid;		/* 0: made for the process, otherwise for this thread */
	bool leader;		/* not for a thread that leads no process */
	bool nonblock;
};
/* What the pidfd stands for: 0, -EBADF (not a pidfd). */
int pidfd_get(int fd, struct pidfd_target *to) __must_check;
#endif
