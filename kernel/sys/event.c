/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll(7), eventfd2(2), timerfd_create(2) and their like. */
#include <fs/event.h>
#include <fs/poll.h>
#include <fs/vfs.h>
#include <hal/cpu.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/timerfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <task/task.h>
#include "sigmask.h"

static i64 publish(struct file *f, int flags)
{
	return IS_ERR(f) ? PTR_ERR(f) : fd_publish(f, flags & O_CLOEXEC);
}

/* --- epoll ------------------------------------------------------------------------------------ */

SYSCALL(epoll_create1)
{
	int flags = (int)a[0];

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	return publish(epoll_create_file(), flags);
}

SYSCALL(epoll_ctl)
{
	struct epoll_event ev = { 0 };
	struct fdref ep, f;
	i64 ret = -EBADF;

	if ((int)a[1] != EPOLL_CTL_DEL && copy_from_user(&ev, (void __user *)a[3], sizeof(ev)))
		return -EFAULT;
	ep = fdref_get((int)a[0]);
	if (!ep.file)
		return -EBADF;
	f = fdref_get((int)a[2]);
	if (f.file) {
		ret = epoll_ctl_file(ep.file, (int)a[1], (int)a[2], f.file, &ev);
		fdref_put(f);
	}
	fdref_put(ep);
	return ret;
}

static i64 do_epoll_wait(const u64 *a, u64 deadline)
{
	struct epoll_event __user *events = (void __user *)a[1];
	const void __user *mask = (void __user *)a[4];
	int max = (int)a[2];
	struct fdref ep;
	i64 ret;

	if (max <= 0 || (size_t)max > 0x7fffffff / sizeof(*events))
		return -EINVAL;
	if (!user_range_ok(events, (size_t)max * sizeof(*events)))
		return -EFAULT;
	ep = fdref_get((int)a[0]);
	if (!ep.file)
		return -EBADF;
	ret = sigmask_begin(mask, a[5]);
	if (!ret)
		ret = sigmask_end(mask, epoll_wait_file(ep.file, events, max, deadline));
	fdref_put(ep);
	return ret;
}

SYSCALL(epoll_pwait)
{
	int ms = (int)a[3];
	u64 deadline = ms < 0 ? ~0ull : ms ? ns_add(clock_ns(), (u64)ms * 1000000) : 0;

	return do_epoll_wait(a, deadline);
}

SYSCALL(epoll_pwait2)
{
	u64 deadline = ~0ull, ns;
	int err;

	if (a[3]) {
		err = timespec_from_user((void __user *)a[3], &ns);
		if (err)
			return err;
		deadline = ns ? ns_add(clock_ns(), ns) : 0;
	}
	return do_epoll_wait(a, deadline);
}

/* --- eventfd ---------------------------------------------------------------------------------- */

SYSCALL(eventfd2)
{
	int flags = (int)a[1];

	if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	return publish(eventfd_file((u32)a[0], flags), flags);
}

/* --- timerfd ---------------------------------------------------------------------------------- */

SYSCALL(timerfd_create)
{
	int clock = (int)a[0], flags = (int)a[1];

	if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	if ((clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) &&
	    !capable(CAP_WAKE_ALARM))
		return -EPERM;
	return publish(timerfd_file(clock, flags), flags);
}

static int itimerspec_to_user(void __user *user, u64 value, u64 interval)
{
	char __user *p = user;

	return timespec_to_user(p, interval)
		       ?: timespec_to_user(p + sizeof(struct __kernel_timespec), value);
}

SYSCALL(timerfd_settime)
{
	char __user *new = (char __user *)a[2];
	u64 value, interval, old_value, old_interval;
	int flags = (int)a[1];
	struct fdref f;
	i64 err;

	err = timespec_from_user(new, &interval)
		      ?: timespec_from_user(new + sizeof(struct __kernel_timespec), &value);
	if (err)
		return err;
	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	f = fdref_get((int)a[0]);
	if (!f.file)
		return -EBADF;
	err = timerfd_set(f.file, flags, value, interval, &old_value, &old_interval);
	fdref_put(f);
	if ((!err || err == -ECANCELED) && a[3] &&
	    itimerspec_to_user((void __user *)a[3], old_value, old_interval))
		err = -EFAULT;
	return err;
}

SYSCALL(timerfd_gettime)
{
	struct fdref f = fdref_get((int)a[0]);
	u64 value, interval;
	i64 err;

	if (!f.file)
		return -EBADF;
	err = timerfd_get(f.file, &value, &interval);
	fdref_put(f);
	return err ?: itimerspec_to_user((void __user *)a[1], value, interval);
}
