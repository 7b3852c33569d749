/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors of user buffers, and structures that grow with the ABI. */
#ifndef SYS_RW_H
#define SYS_RW_H
#include <fs/vfs.h>
#include <mm/uio.h>

struct iovec_u { void __user *base; u64 len; };
struct uio_vec {
	struct uio u;
	struct uio_seg *segs, few[8];
};
/* Copies and checks n segments. -EINVAL (count, lengths), -EFAULT, -ENOMEM; on 0 uio_vec_free must
 * follow. */
int uio_vec_get(struct uio_vec *v, const struct iovec_u __user *vec, u64 n) __must_check;
void uio_vec_free(struct uio_vec *v);
/* What read or write of a buffer that is not all in the user half gives: mode errors come first. */
ssize_t bad_range(struct file *f, bool write);
/* A structure of usize bytes into ours of size: what it lacks is zero; -E2BIG if it has more that
 * is not zero. */
int copy_struct_from_user(void *dst, size_t size, const void __user *src,
			  size_t usize) __must_check;
#endif
