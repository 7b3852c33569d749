/* SPDX-License-Identifier: BSD-2-Clause */
/* The signal mask that ppoll, pselect and epoll_pwait hold while they wait. */
#ifndef SYS_SIGMASK_H
#define SYS_SIGMASK_H
#include <hal/uaccess.h>
#include <task/signal.h>


/* mask may be NULL: nothing changes. 0, -EINVAL (size), -EFAULT. */
static inline int sigmask_begin(const void __user *mask, u64 size)
{
	sigmask_t set;

	if (!mask)
		return 0;
	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, mask, sizeof(set)))
		return -EFAULT;
	signal_set_temporary_mask(set);
	return 0;
}
/* ret: the call's result; interrupted ones keep the mask until the handler's frame has the old one.
 */
static inline i64 sigmask_end(const void __user *mask, i64 ret)
{
	if (mask && ret != -ERESTARTNOHAND && ret != -EINTR && ret != -ERESTARTSYS)
		signal_restore_mask();
	return ret;
}
#endif
