/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/sys: numbers that can be read and perhaps set (fs/sysctl.c). */
#ifndef FS_SYSCTL_H
#define FS_SYSCTL_H
#include <fs/pseudo.h>

struct sysctl {
	const char *path;
	u32 *value;
	u32 min, max;
}; /* path below /proc/sys; max 0: read only */
/* t and what it points at stay. */
void sysctl_register(const struct sysctl *t, u32 n);
/* A decimal number, white space around allowed: 0 or -EINVAL. */
int sysctl_parse(const char *text, u64 *v);
#endif
