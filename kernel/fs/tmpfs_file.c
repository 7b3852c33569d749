/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular files whose only home is the page cache: tmpfs, memfd, shared anonymous memory. */
#include "internal.h"
#include "tmpfs.h"
#include <fs/rw.h>
#include <mm/thp.h>
#include <linux/falloc.h>

static ssize_t tmpfs_read(struct file *f, struct uio *u, u64 *pos)
{
	ssize_t n = mapping_read(&f->inode->mapping, NULL, u, *pos);

	if (n > 0)
		*pos += (u64)n;
	file_accessed(f);
	return n;
}

static ssize_t tmpfs_write(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *i = f->inode;
	ssize_t n;

	if (unlikely(!u->left))
		return 0;
	write_lock(&i->lock);
	if (((f->flags & O_APPEND) && !(u->how & UIO_NOAPPEND)) || (u->how & UIO_APPEND))
		*pos = i->mapping.size;
	n = write_limits(f, u, *pos);
	if (likely(!n)) {
		inode_drop_suid(i);
		n = mapping_write(&i->mapping, u, *pos);
	}
	if (n > 0) {
		*pos += (u64)n;
		inode_modified(i);
	}
	write_unlock(&i->lock);
	return n;
}

/* Pages of [off, off + len) come to be; on failure those made stay, as holes filled with zeros. */
static int populate(struct mapping *m, u64 off, u64 len)
{
	u64 end = (off + len - 1) / PAGE_SIZE + 1, pages = max(end, m->size / PAGE_SIZE);

	for (u64 index = off >> PAGE_SHIFT; index < end;) {
		struct folio *fo = mapping_get_large(m, index, shmem_write_orders(m, index, pages));

		if (IS_ERR(fo))
			return PTR_ERR(fo) == -ENOMEM ? -ENOSPC : (int)PTR_ERR(fo);
		index = fo->page.index + folio_nr_pages(fo);
		folio_put(fo);
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int tmpfs_fallocate(struct file *f, int mode, u64 off, u64 len)
{
	struct inode *i = f->inode;
	struct mapping *m = &i->mapping;
	u64 limit = rlimit(RLIMIT_FSIZE);
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	write_lock(&i->lock);
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		err = mapping_punch(m, off, off + len);
	} else if (!(mode & FALLOC_FL_KEEP_SIZE) && off + len > m->size && off + len > limit) {
		signal_send_task(current, SIGXFSZ, NULL);
		err = -EFBIG;
	} else {
		err = populate(m, off, len);
		if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && off + len > m->size)
			err = mapping_truncate(m, off + len);
	}
	if (!err)
		inode_modified(i);
	write_unlock(&i->lock);
	return err;
}

const struct file_ops tmpfs_file_ops = {
	.read = tmpfs_read, .write = tmpfs_write, .fallocate = tmpfs_fallocate};
