/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying in what read, write and their like are given. */
#include <base/alloc.h>
#include <base/string.h>
#include <hal/uaccess.h>
#include "rw.h"

#define IOV_MAX_SEGS	1024
#define RW_MAX		0x7ffff000ull

ssize_t bad_range(struct file *f, bool write)
{
	if (!(f->mode & (write ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	return -EFAULT;
}

static int check_segs(struct uio_vec *v, u64 n)
{
	u64 total = 0;

	for (u64 i = 0; i < n; i++) {
		struct uio_seg *s = &v->segs[i];

		if ((i64)s->len < 0)
			return -EINVAL;
		if (!user_range_ok(s->base, s->len))
			return -EFAULT;
		s->len = min((u64)s->len, RW_MAX - total);
		total += s->len;
	}
	v->u.left = total;
	return 0;
}

int uio_vec_get(struct uio_vec *v, const struct iovec_u __user *vec, u64 n)
{
	int err;

	if (n > IOV_MAX_SEGS)
		return -EINVAL;
	v->segs = v->few;
	if (n > ARRAY_SIZE(v->few))
		v->segs = kmalloc(n * sizeof(*v->segs));
	if (!v->segs)
		return -ENOMEM;
	err = copy_from_user(v->segs, vec, n * sizeof(*v->segs)) ? -EFAULT : 0;
	v->u = (struct uio){ .seg = v->segs, .nr_seg = (u32)n };
	if (!err)
		err = check_segs(v, n);
	if (err)
		uio_vec_free(v);
	return err;
}

void uio_vec_free(struct uio_vec *v)
{
	if (v->segs != v->few)
		kfree(v->segs);
}

int copy_struct_from_user(void *dst, size_t size, const void __user *src, size_t usize)
{
	u8 b;

	memset(dst, 0, size);
	if (copy_from_user(dst, src, min(size, usize)))
		return -EFAULT;
	for (size_t i = size; i < usize; i++) {
		if (get_user(b, (const u8 __user *)src + i))
			return -EFAULT;
		if (b)
			return -E2BIG;
	}
	return 0;
}
