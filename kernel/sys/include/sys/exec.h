/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting init (sys/exec.c). */
#ifndef SYS_EXEC_H
#define SYS_EXEC_H
/*
 * By a kernel thread: makes process 1 run the program at path, with the caller's open files.
 * Returns 0 once it is started (the caller goes on as a kernel thread), or the errno of execve(2).
 * argv and envp end with NULL.
 */
int kernel_exec(const char *path, const char *const argv[], const char *const envp[]);
#endif
