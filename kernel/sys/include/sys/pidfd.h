/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors that stand for a process (sys/pidfd.c). */
#ifndef SYS_PIDFD_H
#define SYS_PIDFD_H
#include <base/types.h>
struct process;
/* The process behind the pidfd, referenced; ERR_PTR(-EBADF): not a pidfd. */
struct process *pidfd_process(int fd);
#endif
