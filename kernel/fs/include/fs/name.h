/* SPDX-License-Identifier: BSD-2-Clause */
/* A path name copied from user memory: short ones into the caller's frame, long ones into memory of
 * their own. */
#ifndef FS_NAME_H
#define FS_NAME_H
#include <base/types.h>

#define PATH_MAX_BYTES	4096		/* with the NUL */
#define NAME_MAX_BYTES	255		/* of one component, without */

struct name_buf {
	char *s;			/* NUL-terminated */
	u32 len;
	char small[128];
};
/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM, or -ENOENT for the empty name unless empty_ok. On success
 * name_drop frees. */
int name_get(struct name_buf *n, const char __user *u, bool empty_ok) __must_check;
void name_free_big(struct name_buf *n);
static inline void name_drop(struct name_buf *n)
{
	if (n->s != n->small)
		name_free_big(n);
}
#endif
