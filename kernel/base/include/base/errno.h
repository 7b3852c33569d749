/* SPDX-License-Identifier: BSD-2-Clause */
/* Error numbers of the user ABI; functions return them negated. */
#ifndef BASE_ERRNO_H
#define BASE_ERRNO_H
#include <linux/errno.h>
/* Internal restart codes of an interrupted system call: never seen by user space. */
#define ERESTARTSYS		512	/* restart if SA_RESTART or no handler, else EINTR */
#define ERESTARTNOINTR		513	/* restart always */
#define ERESTARTNOHAND		514	/* restart if no handler ran, else EINTR */
#define ERESTART_RESTARTBLOCK	516	/* restart by restart_syscall(2), else EINTR */
#endif
