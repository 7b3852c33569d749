/* SPDX-License-Identifier: BSD-2-Clause */
/* eventfd(2) and timerfd_create(2) as files (fs/eventfd.c, fs/timerfd.c). */
#ifndef FS_EVENT_H
#define FS_EVENT_H
#include <base/types.h>
#include <linux/fcntl.h>

#define EFD_SEMAPHORE	1	/* eventfd(2); the installed ABI headers lack it */
#define EFD_CLOEXEC	O_CLOEXEC
#define EFD_NONBLOCK	O_NONBLOCK

struct file;

/* flags: EFD_SEMAPHORE, EFD_NONBLOCK. ERR_PTR. */
struct file *eventfd_file(u32 count, int flags);

/* clock: CLOCK_REALTIME, MONOTONIC, BOOTTIME or an _ALARM one; flags: TFD_NONBLOCK.
 * ERR_PTR(-EINVAL, -ENOMEM). */
struct file *timerfd_file(int clock, int flags);
/* Times in ns; value 0 disarms. Old setting through the pointers if not NULL. 0, -EINVAL (no
 * timerfd), -ECANCELED. */
int timerfd_set(struct file *f, int flags, u64 value, u64 interval, u64 *old_value,
		u64 *old_interval);
int timerfd_get(struct file *f, u64 *value, u64 *interval);
#endif
