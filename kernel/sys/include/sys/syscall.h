/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls. SYSCALL(name) defines i64 sys_name(const u64 *a): a[0..5] are the argument
 * registers x0..x5, the result is a value or negative errno. sys/table.c lists number, function
 * and, for docs/abi.md, what is and is not done.
 */
#ifndef SYS_SYSCALL_H
#define SYS_SYSCALL_H
#include <base/types.h>
#include <base/errno.h>
#include <hal/uaccess.h>

#define SYSCALL(name) i64 sys_##name(const u64 *a); i64 sys_##name(const u64 *a)
typedef i64 (*syscall_fn)(const u64 *a);
#define NR_SYSCALLS 512		/* the table's size; the last slot stands for all numbers beyond */
extern u64 syscall_unknown_count[NR_SYSCALLS];	/* calls that gave ENOSYS, by number; atomic */
const char *syscall_name(u32 nr);		/* "unknown" where there is none */
/* The user registers of the current system call: for clone, sigreturn, execve. */
struct regs *current_regs(void);
#endif
