/* SPDX-License-Identifier: BSD-2-Clause */
/* Inodes: life, permission, what stat shows. Freed after a grace period, since RCU walks read modes
 * and owners. */
#include "internal.h"
#include <fs/fd.h>
#include <linux/mount.h>

static struct slab_cache *inode_cache;
static atomic64_t nr_inodes;

u64 inodes_count(void) { return (u64)atomic_read(&nr_inodes); }

struct time64 time_now(void)
{
	u64 ns = realtime_ns();

	return (struct time64){ .sec = (i64)(ns / 1000000000u), .nsec = (u32)(ns % 1000000000u) };
}

void inode_cache_init(void)
{
	inode_cache = slab_create("inode", sizeof(struct inode), 64);
	slab_reclaimable(inode_cache);	/* most go with their dentries */
	if (!inode_cache)
		panic("no memory for inodes");
}

struct inode *inode_new(struct super *sb, u32 mode)
{
	const struct cred *c = current_cred();
	struct inode *i;

	i = slab_zalloc(inode_cache);
	if (!i)
		return NULL;
	ref_init(&i->ref);
	i->mode = mode;
	i->nlink = 1;
	i->uid = c ? c->fsuid : 0;	/* none during boot: root */
	i->gid = c ? c->fsgid : 0;
	i->sb = sb;
	i->ino = sb ? (u64)__atomic_add_fetch(&sb->next_ino.v, 1, __ATOMIC_RELAXED) : 0;
	rwsem_init(&i->lock);
	i->atime = i->mtime = i->ctime = i->btime = time_now();
	mapping_init(&i->mapping, NULL, i);
	(void)__atomic_add_fetch(&nr_inodes.v, 1, __ATOMIC_RELAXED);
	return i;
}

static void inode_free_rcu(struct rcu_head *h)
{
	struct inode *i = container_of(h, struct inode, rcu);

	if (i->flags & IF_LINKTEXT)
		kfree(i->private);
	slab_free(inode_cache, i);
}

void inode_put(struct inode *i)
{
	if (!ref_put(&i->ref))
		return;
	if (i->mapping.nr_pages)
		mapping_truncate(&i->mapping, 0);
	if (S_ISFIFO(i->mode) && i->private)
		fifo_evict(i);
	if (i->ops && i->ops->evict)
		i->ops->evict(i);
	mapping_destroy(&i->mapping);
	(void)__atomic_sub_fetch(&nr_inodes.v, 1, __ATOMIC_RELAXED);
	call_rcu(&i->rcu, inode_free_rcu);
}

/* --- permission ------------------------------------------------------------------------ */
static int mode_permission(const struct inode *i, u32 may)
{
	const struct cred *c = current_cred();
	u32 mode = i->mode;

	if (c->fsuid == i->uid)
		mode >>= 6;
	else if ((mode >> 3 & 7) != (mode & 7) && in_group(i->gid))
		mode >>= 3;
	if ((may & ~mode & 7) == 0)
		return 0;
	if (is_dir(i)) {
		if (!(may & MAY_WRITE) && capable(CAP_DAC_READ_SEARCH))
			return 0;
		return capable(CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (may == MAY_READ && capable(CAP_DAC_READ_SEARCH))
		return 0;
	/* Nobody may run what has no execute bit at all. */
	if ((!(may & MAY_EXEC) || (i->mode & 0111)) && capable(CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(struct inode *i, u32 may)
{
	if (i->ops && i->ops->permission)
		return i->ops->permission(i, may);
	return mode_permission(i, may);
}

bool inode_owner_or_capable(const struct inode *i)
{
	return current_cred()->fsuid == i->uid || capable(CAP_FOWNER);
}

void inode_init_owner(struct inode *i, const struct inode *dir, u32 mode)
{
	if (dir && dir->mode & S_ISGID) {
		i->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !in_group(i->gid) &&
			 !capable(CAP_FSETID))
			mode &= ~(u32)S_ISGID;
	}
	i->mode = mode;
}

/* --- stat
 * ------------------------------------------------------------------------------------------------------
 */
void inode_stat(struct inode *i, struct kstat *st)
{
	st->dev = i->sb ? mkdev(0, i->sb->dev) : 0;
	st->ino = i->ino;
	st->nlink = i->nlink;
	st->mode = i->mode;
	st->uid = i->uid;
	st->gid = i->gid;
	st->rdev = i->rdev;
	st->size = i->mapping.size;
	st->blksize = PAGE_SIZE;
	st->blocks = i->mapping.nr_pages * (PAGE_SIZE / 512);
	st->atime = i->atime;
	st->mtime = i->mtime;
	st->ctime = i->ctime;
	st->btime = i->btime;
	st->mnt_id = 0;
	if (i->ops && i->ops->getattr)
		i->ops->getattr(i, st);
}
