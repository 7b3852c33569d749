/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading, writing and seeking in open files: modes, positions, limits; the work is ops'. */
#include "internal.h"
#include <fs/rw.h>
#include <linux/fs.h>

#define RW_MAX 0x7ffff000ul	/* what one call moves at most, as on Linux */

ssize_t file_read(struct file *f, struct uio *u, u64 *pos)
{
	ssize_t n;

	if (unlikely(!(f->mode & FMODE_READ)))
		return -EBADF;
	if (unlikely(!f->ops || !f->ops->read))
		return f->inode && is_dir(f->inode) ? -EISDIR : -EINVAL;
	if (unlikely(u->left > RW_MAX))
		u->left = RW_MAX;
	n = f->ops->read(f, u, pos);
	current->io.syscr++;
	if (n > 0)
		current->io.rchar += (u64)n;
	return n;
}

ssize_t file_write(struct file *f, struct uio *u, u64 *pos)
{
	ssize_t n;

	if (unlikely(!(f->mode & FMODE_WRITE)))
		return -EBADF;
	if (unlikely(!f->ops || !f->ops->write))
		return -EINVAL;
	if (unlikely(u->left > RW_MAX))
		u->left = RW_MAX;
	n = f->ops->write(f, u, pos);
	current->io.syscw++;
	if (n > 0)
		current->io.wchar += (u64)n;
	return n;
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t n, u64 pos)
{
	struct uio_seg seg;
	struct uio u;
	size_t done = 0;

	if (unlikely(!f->ops || !f->ops->read))
		return f->inode && is_dir(f->inode) ? -EISDIR : -EINVAL;
	while (done < n) {
		ssize_t got;

		uio_kernel(&u, &seg, (char *)buf + done, n - done);
		got = f->ops->read(f, &u, &pos);
		if (got <= 0)
			return done ? (ssize_t)done : got;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* The file's own position is shared by all who have the file: they take turns, where it matters. */
bool file_pos_lock(struct file *f)
{
	if (!(f->mode & FMODE_LOCKED_POS) || likely(ref_read(&f->ref) == 1))
		return false;
	mutex_lock(&f->pos_lock);
	return true;
}

ssize_t file_rw(struct file *f, struct uio *u, bool write)
{
	bool locked = file_pos_lock(f);
	ssize_t n = write ? file_write(f, u, &f->pos) : file_read(f, u, &f->pos);

	if (unlikely(locked))
		mutex_unlock(&f->pos_lock);
	return n;
}

ssize_t file_prw(struct file *f, struct uio *u, u64 pos, bool write)
{
	if ((i64)pos < 0)
		return -EINVAL;
	if (!(f->mode & FMODE_SEEK))
		return -ESPIPE;
	if ((i64)(pos + u->left) < 0)
		return -EINVAL;
	return write ? file_write(f, u, &pos) : file_read(f, u, &pos);
}

/* RLIMIT_FSIZE and the file system's own limit: cuts u, or says why nothing can be written at pos.
 */
int write_limits(struct file *f, struct uio *u, u64 pos)
{
	u64 limit = rlimit(RLIMIT_FSIZE), max = f->inode->sb->max_bytes;

	if (unlikely(limit != RLIM64_INFINITY)) {
		if (pos >= limit) {
			signal_send_task(current, SIGXFSZ, NULL);
			return -EFBIG;
		}
		u->left = min(u->left, (size_t)(limit - pos));
	}
	if (unlikely((i64)(pos + u->left) < 0))
		return -EINVAL;
	if (unlikely(pos >= max))
		return -EFBIG;
	u->left = min(u->left, (size_t)(max - pos));
	return 0;
}

/* --- seeking
 * -------------------------------------------------------------------------------------------------
 */
static off64 seek_data(struct file *f, u64 off, bool data)
{
	struct mapping *m = f->backing.mapping;

	if (off >= f->inode->mapping.size)
		return -ENXIO;
	if (!m)
		return data ? (off64)off : (off64)f->inode->mapping.size;
	return mapping_seek(m, off, data);
}

static off64 seek_default(struct file *f, off64 off, int whence)
{
	u64 size = f->inode->mapping.size;
	off64 to;

	switch (whence) {
	case SEEK_SET:
		to = off;
		break;
	case SEEK_CUR:
		if (__builtin_add_overflow((off64)f->pos, off, &to))
			return -EOVERFLOW;
		break;
	case SEEK_END:
		if (__builtin_add_overflow((off64)size, off, &to))
			return -EOVERFLOW;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (off < 0)
			return -ENXIO;
		to = seek_data(f, (u64)off, whence == SEEK_DATA);
		break;
	default:
		return -EINVAL;
	}
	if (to < 0)
		return whence == SEEK_DATA || whence == SEEK_HOLE ? to : -EINVAL;
	f->pos = (u64)to;
	return to;
}

off64 file_seek(struct file *f, off64 off, int whence)
{
	bool locked;
	off64 to;

	if ((u32)whence > SEEK_HOLE)
		return -EINVAL;
	if (!(f->mode & FMODE_SEEK))
		return -ESPIPE;
	locked = file_pos_lock(f);
	to = f->ops && f->ops->seek ? f->ops->seek(f, off, whence) : seek_default(f, off, whence);
	if (locked)
		mutex_unlock(&f->pos_lock);
	return to;
}

/* --- listing
 * ----------------------------------------------------------------------------------------------------
 */
int file_readdir(struct file *f, struct dir_context *ctx)
{
	struct inode *i = f->inode;
	int err;

	if (!f->ops || !f->ops->readdir)
		return -ENOTDIR;
	mutex_lock(&f->pos_lock);
	read_lock(&i->lock);
	if (f->path.dentry->flags & DF_UNLINKED) {
		err = -ENOENT;
	} else {
		ctx->pos = f->pos;
		err = f->ops->readdir(f, ctx);
		f->pos = ctx->pos;
		file_accessed(f);
	}
	read_unlock(&i->lock);
	mutex_unlock(&f->pos_lock);
	return err;
}

/* --- others
 * ----------------------------------------------------------------------------------------------------------
 */
int file_truncate(struct file *f, u64 size)
{
	struct iattr a = { .valid = ATTR_SIZE, .size = size };

	if ((i64)size < 0 || !S_ISREG(f->inode->mode) || !(f->mode & FMODE_WRITE))
		return -EINVAL;
	return inode_resize(f->inode, &a);
}

/* A change of size by a user: RLIMIT_FSIZE holds. */
int inode_resize(struct inode *i, struct iattr *a)
{
	u64 limit = rlimit(RLIMIT_FSIZE);

	if (unlikely(limit != RLIM64_INFINITY && a->size > limit && a->size > i->mapping.size)) {
		signal_send_task(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	return inode_setattr(i, a);
}

int file_fallocate(struct file *f, int mode, u64 off, u64 len)
{
	if ((i64)off < 0 || (i64)len <= 0)
		return -EINVAL;
	if (mode & ~0x7f)
		return -EOPNOTSUPP;
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (is_dir(f->inode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	if (off + len > f->inode->sb->max_bytes)
		return -EFBIG;
	return f->ops && f->ops->fallocate ? f->ops->fallocate(f, mode, off, len) : -EOPNOTSUPP;
}

int file_fsync(struct file *f)
{
	if (f->ops && f->ops->fsync)
		return f->ops->fsync(f);
	return S_ISREG(f->inode->mode) || is_dir(f->inode) ? 0 : -EINVAL;
}
