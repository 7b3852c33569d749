/* SPDX-License-Identifier: BSD-2-Clause */
/* Futexes (task/futex.c; futex(2)). All return a count or 0, or negative errno, and may sleep. */
#ifndef TASK_FUTEX_H
#define TASK_FUTEX_H
#include <base/types.h>

struct task;

/*
 * Sleeps while *uaddr == val until a wake whose bitset meets ours. deadline: ns on CLOCK_MONOTONIC,
 * ~0 none. shared: the word may be in memory shared between processes. 0, -EAGAIN (*uaddr != val),
 * -ETIMEDOUT, -ERESTARTSYS, -EFAULT, -EINVAL.
 */
i64 futex_wait(u32 __user *uaddr, u32 val, bool shared, u32 bitset, u64 deadline);
/* Wakes up to n waiters whose bitset meets ours; returns how many. */
i64 futex_wake(u32 __user *uaddr, u32 n, bool shared, u32 bitset);
/* Wakes up to wake, moves up to move others to uaddr2; with cmp only if *uaddr == *cmp (-EAGAIN).
 * Returns woken + moved. */
i64 futex_requeue(u32 __user *uaddr, u32 __user *uaddr2, bool shared, u32 wake, u32 move,
		  const u32 *cmp);
/* FUTEX_WAKE_OP: changes *uaddr2 by op, wakes up to n at uaddr and, if the old value compares true,
 * up to n2 at uaddr2. */
i64 futex_wake_op(u32 __user *uaddr, u32 __user *uaddr2, bool shared, u32 n, u32 n2, u32 op);
/* Walks the exiting task's robust list: marks words with FUTEX_OWNER_DIED and wakes. Never trusts
 * the list. */
void futex_exit(struct task *t);
#endif
