/* SPDX-License-Identifier: BSD-2-Clause */
/* A small wrapper: zlib's inflate with our allocator, a fixed output buffer, and lengths that fit
 * its 32-bit counters. */
#define Z_SOLO
#include <zlib/zlib.h>
#include <base/alloc.h>
#include <base/errno.h>
#include <lib/gunzip.h>

#define OUT_SIZE	(64 * KIB)
#define IN_MAX		(1u << 30)	/* zlib counts input in 32 bits */
#define GZIP_WRAPPER	(16 + 15)	/* inflateInit2: a gzip header, window up to 32 KiB */

static voidpf z_alloc(voidpf opaque, uInt n, uInt size) { return kcalloc(n, size); }
static void z_free(voidpf opaque, voidpf p) { kfree(p); }

static int status(int z)
{
	return z == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
}

static int inflate_all(z_stream *z, const void *in, size_t len, u8 *buf, gunzip_out out, void *arg)
{
	size_t left = len;
	int ret, err;

	z->next_in = (z_const Bytef *)in;
	do {
		if (!z->avail_in) {
			z->avail_in = (uInt)min(left, (size_t)IN_MAX);
			left -= z->avail_in;
		}
		z->next_out = buf;
		z->avail_out = OUT_SIZE;
		ret = inflate(z, Z_NO_FLUSH);
		if (z->avail_out < OUT_SIZE) {
			err = out(arg, buf, OUT_SIZE - z->avail_out);
			if (err)
				return err;
		}
		if (ret == Z_BUF_ERROR && !z->avail_in && !left)
			return -EINVAL;		/* cut off */
	} while (ret == Z_OK || ret == Z_BUF_ERROR);
	return ret == Z_STREAM_END ? 0 : status(ret);
}

int gunzip(const void *in, size_t len, size_t *used, gunzip_out out, void *arg)
{
	z_stream z = { .zalloc = z_alloc, .zfree = z_free };
	u8 *buf = kmalloc(OUT_SIZE);
	int err;

	*used = 0;
	if (!buf)
		return -ENOMEM;
	err = inflateInit2(&z, GZIP_WRAPPER);
	if (err != Z_OK) {
		kfree(buf);
		return status(err);
	}
	err = inflate_all(&z, in, len, buf, out, arg);
	*used = (size_t)((const u8 *)z.next_in - (const u8 *)in);
	inflateEnd(&z);
	kfree(buf);
	return err;
}
