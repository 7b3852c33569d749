/* SPDX-License-Identifier: BSD-2-Clause */
/* Path names from user memory: one copy, without allocation where they are short. */
#include "internal.h"
#include <hal/uaccess.h>

static int get_big(struct name_buf *n, const char __user *u)
{
	ssize_t len;

	n->s = kmalloc(PATH_MAX_BYTES);
	if (!n->s) {
		n->s = n->small;
		return -ENOMEM;
	}
	len = strncpy_from_user(n->s, u, PATH_MAX_BYTES);
	if (len < 0) {
		kfree(n->s);
		n->s = n->small;
		return (int)len;
	}
	n->len = (u32)len;
	return 0;
}

int name_get(struct name_buf *n, const char __user *u, bool empty_ok)
{
	ssize_t len = strncpy_from_user(n->small, u, sizeof(n->small));

	n->s = n->small;
	if (unlikely(len == -ENAMETOOLONG))
		return get_big(n, u);
	if (unlikely(len < 0))
		return (int)len;
	n->len = (u32)len;
	return len || empty_ok ? 0 : -ENOENT;
}

void name_free_big(struct name_buf *n)
{
	kfree(n->s);
	n->s = n->small;
}
