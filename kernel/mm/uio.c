/* SPDX-License-Identifier: BSD-2-Clause */
/* Moving bytes between kernel memory and the segments of a uio. */
#include <base/string.h>
#include <hal/uaccess.h>
#include <mm/uio.h>

enum uio_move { UIO_WRITE, UIO_READ, UIO_ZERO };

/* Bytes not moved. */
static size_t move_one(const struct uio *u, void *base, void *k, size_t n, enum uio_move how)
{
	if (u->kernel) {
		if (how == UIO_READ)
			memcpy(k, base, n);
		else if (how == UIO_WRITE)
			memcpy(base, k, n);
		else
			memset(base, 0, n);
		return 0;
	}
	if (how == UIO_READ)
		return copy_from_user(k, base, n);
	return how == UIO_WRITE ? copy_to_user(base, k, n) : clear_user(base, n);
}

static size_t move(struct uio *u, char *k, size_t n, enum uio_move how)
{
	size_t done = 0;

	n = min(n, u->left);
	while (done < n) {
		size_t part, bad;

		while (u->off == u->seg->len) {		/* also steps over empty segments */
			u->seg++;
			u->nr_seg--;
			u->off = 0;
		}
		part = min(n - done, u->seg->len - u->off);
		bad = move_one(u, (char *)u->seg->base + u->off, k ? k + done : NULL, part, how);
		u->off += part - bad;
		u->left -= part - bad;
		done += part - bad;
		if (bad)
			break;
	}
	return done;
}

size_t uio_write(struct uio *u, const void *src, size_t n)
{
	return move(u, (char *)src, n, UIO_WRITE);
}
size_t uio_read(struct uio *u, void *dst, size_t n) { return move(u, dst, n, UIO_READ); }
size_t uio_zero(struct uio *u, size_t n) { return move(u, NULL, n, UIO_ZERO); }
