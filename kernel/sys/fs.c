/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls on a file's contents as a whole: listing, resizing, writing back, advice, copying;
 * memfd. */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/anon.h>
#include <fs/name.h>
#include <fs/rw.h>
#include <hal/uaccess.h>
#include <linux/fadvise.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <sys/syscall.h>
#include <task/task.h>

/* --- getdents64
 * ------------------------------------------------------------------------------------------------
 */
struct dirent_head { u64 ino; i64 off; u16 reclen; u8 type; char name[]; } __packed;
#define DIRENT_NAME 19

/* An entry's d_off is where the next one starts, which only the next emit (or the end) tells. */
struct dents {
	struct dir_context ctx;
	char __user *at;
	struct dirent_head __user *prev;
	size_t left;
	int err;
};

static bool emit(struct dir_context *ctx, const char *name, u32 len, u64 ino, u32 type)
{
	struct dents *d = container_of(ctx, struct dents, ctx);
	size_t size = align_up((size_t)DIRENT_NAME + len + 1, 8);
	struct {
		struct dirent_head h;
		char pad[5];
	} head = {.h = {.ino = ino, .reclen = (u16)size, .type = (u8)type}};
	char tail[8] = { 0 };

	if (size > d->left) {
		d->err = d->prev ? 0 : -EINVAL;
		return false;
	}
	if (d->prev && put_user(ctx->pos, (u64 __user *)&d->prev->off))
		goto fault;
	if (copy_to_user(d->at, &head, DIRENT_NAME) ||
	    copy_to_user(d->at + DIRENT_NAME, name, len) ||
	    copy_to_user(d->at + DIRENT_NAME + len, tail, size - DIRENT_NAME - len))
		goto fault;
	d->prev = (struct dirent_head __user *)d->at;
	d->at += size;
	d->left -= size;
	return true;
fault:
	d->err = -EFAULT;
	return false;
}

SYSCALL(getdents64)
{
	struct dents d = { .ctx.emit = emit, .at = (char __user *)a[1], .left = (u32)a[2] };
	struct file *f = fd_get((int)a[0]);
	i64 ret;

	if (!f)
		return -EBADF;
	ret = file_readdir(f, &d.ctx);
	if (!ret)
		ret = d.err;
	if (d.prev) {
		ret = d.at - (char __user *)a[1];
		if (put_user(d.ctx.pos, (u64 __user *)&d.prev->off))
			ret = -EFAULT;
	}
	fd_put(f);
	return ret;
}

/* --- sizes
 * -------------------------------------------------------------------------------------------------------
 */
SYSCALL(ftruncate)
{
	struct fdref r = fdref_get((int)a[0]);
	i64 ret;

	if (!r.file)
		return -EBADF;
	ret = file_truncate(r.file, a[1]);
	fdref_put(r);
	return ret;
}

SYSCALL(fallocate)
{
	struct fdref r = fdref_get((int)a[0]);
	i64 ret;

	if (!r.file)
		return -EBADF;
	ret = file_fallocate(r.file, (int)a[1], a[2], a[3]);
	fdref_put(r);
	return ret;
}

/* --- writing back: memory is all the storage there is ---------------------------------- */
static i64 sync_fd(int fd)
{
	struct fdref r = fdref_get(fd);
	i64 ret;

	if (!r.file)
		return -EBADF;
	ret = file_fsync(r.file);
	fdref_put(r);
	return ret;
}

SYSCALL(fsync)
{
	return sync_fd((int)a[0]);
}

SYSCALL(fdatasync)
{
	return sync_fd((int)a[0]);
}

SYSCALL(sync)
{
	return 0;
}

SYSCALL(syncfs)
{
	struct fdref r = fdref_get((int)a[0]);

	if (!r.file)
		return -EBADF;
	fdref_put(r);
	return 0;
}

SYSCALL(sync_file_range)
{
	struct fdref r = fdref_get((int)a[0]);
	i64 ret = 0;

	if (!r.file)
		return -EBADF;
	if ((u32)a[3] & ~7u || (i64)a[1] < 0 || (i64)(a[1] + a[2]) < 0 || a[1] + a[2] < a[1])
		ret = -EINVAL;
	else if (!S_ISREG(r.file->inode->mode) && !S_ISDIR(r.file->inode->mode) &&
		 !S_ISLNK(r.file->inode->mode))
		ret = -ESPIPE;
	fdref_put(r);
	return ret;
}

/* Advice about bytes [start, end) of a file with pages in memory; end 0: to its end. */
static void advise_file(struct backing *b, u64 start, u64 end, int advice)
{
	u64 first = start >> PAGE_SHIFT, behind;
	struct mapping *m = b->mapping;

	switch (advice) {	/* how the whole is read */
	case POSIX_FADV_NORMAL: WRITE_ONCE(b->ra.mode, RA_NORMAL); return;
	case POSIX_FADV_RANDOM: WRITE_ONCE(b->ra.mode, RA_RANDOM); return;
	case POSIX_FADV_SEQUENTIAL: WRITE_ONCE(b->ra.mode, RA_SEQUENTIAL); return;
	}
	if (!end || end > READ_ONCE(m->size))
		end = align_up(READ_ONCE(m->size), PAGE_SIZE);
	if (advice == POSIX_FADV_WILLNEED) {
		behind = div_round_up(end, PAGE_SIZE);
		if (first < behind)
			mapping_read_ahead(m, first, behind - first);
	} else if (advice == POSIX_FADV_DONTNEED) {
		first = div_round_up(start, PAGE_SIZE);	/* pages that it has only a part of stay */
		behind = end >> PAGE_SHIFT;
		if (first < behind)
			mapping_drop_clean(m, first, behind - 1);
	}
}

SYSCALL(fadvise64)
{
	struct fdref r = fdref_get((int)a[0]);
	u64 end = a[2] && a[1] + a[2] > a[1] ? a[1] + a[2] : 0;
	i64 ret = 0;

	if (!r.file)
		return -EBADF;
	if (S_ISFIFO(r.file->inode->mode))
		ret = -ESPIPE;
	else if ((i64)a[2] < 0 || (u32)a[3] > POSIX_FADV_NOREUSE)
		ret = -EINVAL;
	else if (r.file->backing.mapping)
		advise_file(&r.file->backing, a[1], end, (int)a[3]);
	fdref_put(r);
	return ret;
}

SYSCALL(readahead)
{
	struct fdref r = fdref_get((int)a[0]);
	u64 end = a[1] + a[2] > a[1] ? a[1] + a[2] : 0;
	i64 ret = 0;

	if (!r.file || !(r.file->mode & FMODE_READ))
		ret = -EBADF;
	else if (!S_ISREG(r.file->inode->mode))
		ret = -EINVAL;
	else if (a[2] && r.file->backing.mapping)
		advise_file(&r.file->backing, a[1], end, POSIX_FADV_WILLNEED);
	if (r.file)
		fdref_put(r);
	return ret;
}

/* --- copy_file_range
 * ----------------------------------------------------------------------------------------------------
 */
#define COPY_CHUNK (64 * 1024ul)

static i64 copy_loop(struct file *in, u64 *ipos, struct file *out, u64 *opos, u64 len)
{
	size_t chunk = min(len, (u64)COPY_CHUNK);
	char *buf = kmalloc(chunk);
	i64 done = 0, n = 0;

	if (!buf)
		return -ENOMEM;
	while ((u64)done < len) {
		struct uio_seg seg;
		struct uio u;
		i64 got;

		uio_kernel(&u, &seg, buf, min(chunk, (size_t)(len - (u64)done)));
		got = file_read(in, &u, ipos);
		if (got <= 0) {
			n = got;
			break;
		}
		uio_kernel(&u, &seg, buf, (size_t)got);
		n = file_write(out, &u, opos);
		if (n > 0)
			done += n;
		if (n != got) {
			*ipos -= (u64)(got - max(n, (i64)0));
			break;
		}
		if (signal_pending(current))
			break;
		cond_resched();
	}
	kfree(buf);
	return done ? done : n;
}

static i64 check_copy(struct file *in, u64 ipos, struct file *out, u64 opos, u64 len)
{
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE) || out->flags & O_APPEND)
		return -EBADF;
	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if ((i64)ipos < 0 || (i64)opos < 0)
		return -EINVAL;
	if (ipos + len < ipos || opos + len < opos)
		return -EOVERFLOW;
	if (in->inode == out->inode && ipos < opos + len && opos < ipos + len)
		return -EINVAL;
	return 0;
}

static i64 copy_range(struct file *in, u64 __user *uin, struct file *out, u64 __user *uout, u64 len)
{
	u64 ipos = in->pos, opos = out->pos;
	i64 ret;

	if ((uin && get_user(ipos, uin)) || (uout && get_user(opos, uout)))
		return -EFAULT;
	len = min(len, (u64)0x7ffff000);
	ret = check_copy(in, ipos, out, opos, len);
	if (ret)
		return ret;
	ret = copy_loop(in, &ipos, out, &opos, len);
	if (ret <= 0)
		return ret;
	if (!uin)
		in->pos = ipos;
	if (!uout)
		out->pos = opos;
	if ((uin && put_user(ipos, uin)) || (uout && put_user(opos, uout)))
		return -EFAULT;
	return ret;
}

SYSCALL(copy_file_range)
{
	struct file *in, *out;
	i64 ret = -EBADF;

	if ((u32)a[5])
		return -EINVAL;
	in = fd_get((int)a[0]);
	out = fd_get((int)a[2]);
	if (in && out)
		ret = copy_range(in, (u64 __user *)a[1], out, (u64 __user *)a[3], a[4]);
	if (in)
		fd_put(in);
	if (out)
		fd_put(out);
	return ret;
}

/* --- memfd
 * ------------------------------------------------------------------------------------------------------------------
 */
#define MEMFD_NAME_MAX 249

SYSCALL(memfd_create)
{
	u32 flags = (u32)a[1];
	char name[MEMFD_NAME_MAX + 8] = "/memfd:";
	struct file *f;
	ssize_t n;

	/* Sealing, huge pages and the exec seal are for later parts. */
	if (flags & ~(u32)(MFD_CLOEXEC | 8u /* MFD_NOEXEC_SEAL */ | 16u /* MFD_EXEC */) ||
	    flags & 8u)
		return -EINVAL;
	n = strncpy_from_user(name + 7, (const char __user *)a[0], MEMFD_NAME_MAX + 1);
	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	f = shm_file(name, 0, 0777);
	if (IS_ERR(f))
		return PTR_ERR(f);
	return fd_publish(f, flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}
