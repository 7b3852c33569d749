/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the bytes of a read or write come from or go to: segments of user or of kernel memory,
 * consumed in order. */
#ifndef MM_UIO_H
#define MM_UIO_H
#include <base/types.h>
#include <base/errno.h>

struct uio_seg { void *base; size_t len; };
struct uio {
	struct uio_seg *seg;	/* current segment */
	u32 nr_seg;		/* segments left, with the current one */
	bool kernel;		/* bases are kernel addresses */
	u8 how;			/* UIO_*: what this call wants otherwise than the open file */
	size_t off;		/* consumed of the current segment */
	size_t left;		/* bytes left in all */
};
enum { UIO_APPEND = 1, UIO_NOAPPEND = 2, UIO_NOWAIT = 4 };
/* len bytes of one piece of user memory; *one lives as long as *u. */
static inline void uio_user(struct uio *u, struct uio_seg *one, void __user *base, size_t len)
{
	*one = (struct uio_seg){ base, len };
	*u = (struct uio){ .seg = one, .nr_seg = 1, .left = len };
}
/* The same, kernel memory. */
static inline void uio_kernel(struct uio *u, struct uio_seg *one, void *base, size_t len)
{
	uio_user(u, one, base, len);
	u->kernel = true;
}
/* Bytes moved: fewer than n only at a bad user address or the end; the uio advances by that.
 * (mm/uio.c) */
size_t uio_write(struct uio *u, const void *src, size_t n);	/* kernel -> uio */
size_t uio_read(struct uio *u, void *dst, size_t n);		/* uio -> kernel */
size_t uio_zero(struct uio *u, size_t n);
#endif
