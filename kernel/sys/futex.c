/* SPDX-License-Identifier: BSD-2-Clause */
/* futex(2), set_robust_list(2), get_robust_list(2). */
#include <linux/futex.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <task/clock.h>
#include <task/futex.h>
#include <task/task.h>

static i64 restart_wait(struct task *t)
{
	u64 *a = t->restart.arg;
	i64 r = futex_wait((u32 __user *)a[0], (u32)a[1], a[2] & 1, FUTEX_BITSET_MATCH_ANY, a[3]);

	return r == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : r;
}

/* FUTEX_WAIT counts from now and must not begin again after a signal; FUTEX_WAIT_BITSET names a
 * moment. */
static i64 do_wait(u32 __user *uaddr, int op, u32 val, const void __user *timeout, u32 bitset,
		   bool shared)
{
	bool relative = (op & FUTEX_CMD_MASK) == FUTEX_WAIT;
	u64 deadline = ~0ull, ns, offset = 0;
	struct task *t = current;
	i64 r;

	if (timeout) {
		r = timespec_from_user(timeout, &ns);
		if (r)
			return r;
		if (op & FUTEX_CLOCK_REALTIME)
			clock_sleep_base(CLOCK_REALTIME, &offset);
		deadline = relative ? ns_add(clock_ns(), ns) : ns > offset ? ns - offset : 0;
	}
	r = futex_wait(uaddr, val, shared, bitset, deadline);
	if (r == -ERESTARTSYS && timeout && relative) {
		t->restart.fn = restart_wait;
		t->restart.arg[0] = (u64)uaddr;
		t->restart.arg[1] = val;
		t->restart.arg[2] = shared;
		t->restart.arg[3] = deadline;
		return -ERESTART_RESTARTBLOCK;
	}
	return r;
}

SYSCALL(futex)
{
	u32 __user *uaddr = (u32 __user *)a[0], *uaddr2 = (u32 __user *)a[4];
	int op = (int)a[1], cmd = op & FUTEX_CMD_MASK;
	u32 val = (u32)a[2], val3 = (u32)a[5];
	bool shared = !(op & FUTEX_PRIVATE_FLAG);

	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		return do_wait(uaddr, op, val, (void __user *)a[3], FUTEX_BITSET_MATCH_ANY, shared);
	case FUTEX_WAIT_BITSET:
		return do_wait(uaddr, op, val, (void __user *)a[3], val3, shared);
	case FUTEX_WAKE:
		return futex_wake(uaddr, max((i32)val, 1), shared, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(uaddr, max((i32)val, 1), shared, val3);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		if ((i32)val < 0 || (i32)a[3] < 0)
			return -EINVAL;
		return futex_requeue(uaddr, uaddr2, shared, val, (u32)a[3],
				     cmd == FUTEX_CMP_REQUEUE ? &val3 : NULL);
	case FUTEX_WAKE_OP:
		return futex_wake_op(uaddr, uaddr2, shared, val, (u32)a[3], val3);
	default:
		return -ENOSYS;
	}
}

SYSCALL(set_robust_list)
{
	if (a[1] != sizeof(struct robust_list_head))
		return -EINVAL;
	current->robust_list = (void __user *)a[0];
	return 0;
}

SYSCALL(get_robust_list)
{
	struct task *t = a[0] ? task_by_tid((i32)a[0]) : current;
	u64 head;

	if (!t)
		return -ESRCH;
	head = (u64)READ_ONCE(t->robust_list);
	if (a[0]) {
		bool allowed = task_may_inspect(t);

		task_put(t);
		if (!allowed)
			return -EPERM;
	}
	return put_user(sizeof(struct robust_list_head), (u64 __user *)a[2])
		       ?: put_user(head, (u64 __user *)a[1]);
}
