/* SPDX-License-Identifier: BSD-2-Clause */
/* Futexes (task/futex.c): what exit and exec call. */
#ifndef TASK_FUTEX_H
#define TASK_FUTEX_H
#include <base/types.h>
struct task;
/* Wakes up to n waiters on the word at uaddr of the current mm (shared: by its page). Returns the number or -EFAULT, -EINVAL. */
i64 futex_wake(u32 __user *uaddr, u32 n, bool shared, u32 bitset);
/* Walks the exiting task's robust list: marks words with FUTEX_OWNER_DIED and wakes. Never trusts the list. */
void futex_exit(struct task *t);
#endif
