/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing what stat shows: mode, owner, size, times; and the changes that reading and writing
 * bring. */
#include "internal.h"
#include <linux/mount.h>

#define DAY 86400

void inode_modified(struct inode *i)
{
	struct time64 now = time_now();

	i->mtime = now;
	i->ctime = now;
	i->version++;
}

/* relatime: only if the old access time is not after the last change, or a day old. */
void file_accessed(struct file *f)
{
	struct inode *i = f->inode;
	u32 mflags = f->path.mnt ? f->path.mnt->flags : 0;

	if (f->flags & O_NOATIME || mflags & (MS_NOATIME | MS_RDONLY))
		return;
	if (likely(time_before(i->mtime, i->atime) && time_before(i->ctime, i->atime) &&
		   !(mflags & MS_STRICTATIME))) {
		if (likely((i64)(realtime_ns() / 1000000000u) - i->atime.sec < DAY))
			return;
	}
	i->atime = time_now();
}

static void drop_suid_bits(struct inode *i)
{
	u32 mode = i->mode & ~(u32)S_ISUID;

	if (mode & S_IXGRP)
		mode &= ~(u32)S_ISGID;
	i->mode = mode;
}

void inode_drop_suid(struct inode *i)
{
	if (unlikely(i->mode & (S_ISUID | S_ISGID)) && S_ISREG(i->mode) && !capable(CAP_FSETID))
		drop_suid_bits(i);
}

/* inode->lock held for writing; the file system's own part follows. */
static void apply(struct inode *i, const struct iattr *a)
{
	struct time64 now = time_now();

	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_MODE)
		i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & (ATTR_UID | ATTR_GID) && !(a->valid & ATTR_MODE) && !is_dir(i))
		drop_suid_bits(i);
	if (a->valid & ATTR_ATIME)
		i->atime = a->valid & ATTR_ATIME_NOW ? now : a->atime;
	if (a->valid & ATTR_MTIME)
		i->mtime = a->valid & ATTR_MTIME_NOW ? now : a->mtime;
	if (a->valid & ATTR_SIZE)
		i->mtime = now;
	i->ctime = now;
}

static int set_size(struct inode *i, u64 size)
{
	if (is_dir(i))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if (size > (i->sb ? i->sb->max_bytes : 0))
		return -EFBIG;
	inode_drop_suid(i);
	return mapping_truncate(&i->mapping, size);
}

int inode_setattr_locked(struct inode *i, struct iattr *a)
{
	int err = 0;

	if (i->ops && i->ops->setattr)
		err = i->ops->setattr(i, a);
	else if (a->valid & ATTR_SIZE)
		err = set_size(i, a->size);
	if (!err)
		apply(i, a);
	return err;
}

int inode_setattr(struct inode *i, struct iattr *a)
{
	int err;

	write_lock(&i->lock);
	err = inode_setattr_locked(i, a);
	write_unlock(&i->lock);
	return err;
}
