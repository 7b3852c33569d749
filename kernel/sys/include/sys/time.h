/* SPDX-License-Identifier: BSD-2-Clause */
/* Times of the ABI to and from nanoseconds (sys/time.c). */
#ifndef SYS_TIME_H
#define SYS_TIME_H
#include <base/types.h>
#include <linux/time.h>

#define NSEC_PER_SEC 1000000000ull
/* A struct __kernel_timespec; 0, -EFAULT, -EINVAL (negative, or nanoseconds out of range).
 * Saturates. */
int timespec_from_user(const void __user *p, u64 *ns);
int timespec_to_user(void __user *p, u64 ns);
/* A struct timeval, microseconds. */
int timeval_from_user(const void __user *p, u64 *ns);
int timeval_to_user(void __user *p, u64 ns);
/* Saturating: far beyond any clock, but not ~0, which means never. */
static inline u64 ns_add(u64 a, u64 b)
{
	u64 s = a + b;

	return s < a || s == ~0ull ? ~0ull - 1 : s;
}
#endif
