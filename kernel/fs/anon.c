/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files without a name in any directory: eventfd, epoll, pidfd share one inode; pipes, sockets and
 * memfds have their own. They all hang on mounts that are nowhere in the tree, and show as
 * "anon_inode:[eventfd]", "pipe:[12]",
 * "/memfd:name (deleted)".
 */
#include "internal.h"
#include <fs/anon.h>
#include <fs/mount.h>
#include <mm/thp.h>
#include "tmpfs.h"

static const struct fs_type anon_type = { .name = "anon_inodefs", .nodev = true };
static struct mount anon_mount, shm_mount;
static struct inode *anon_inode;

int anon_init(void)
{
	struct super *sb =
		super_new(&anon_type, 0x09041934 /* ANON_INODE_FS_MAGIC */, NULL, SB_NOCACHE);
	const struct fs_type *t = fs_find("tmpfs");
	struct super *shm = t ? t->mount(t, "shm", "size=0,nr_inodes=0") : ERR_PTR(-ENODEV);

	if (!sb || IS_ERR(shm))
		return -ENOMEM;
	anon_inode = inode_new(sb, 0600);
	if (!anon_inode || super_set_root(sb, inode_get(anon_inode)))
		return -ENOMEM;
	ref_init(&anon_mount.ref);
	anon_mount.sb = sb;
	anon_mount.root = sb->root;
	((struct tmpfs_sb *)shm->private)->huge = SHMEM_INHERIT;
	ref_init(&shm_mount.ref);
	shm_mount.sb = shm;
	shm_mount.root = shm->root;
	return 0;
}

/* A dentry that is its own root and carries the name that shows. Takes over i, also on failure. */
static struct file *make_file(struct mount *m, struct inode *i, const char *name,
			      const struct file_ops *ops, void *private, int flags)
{
	struct file *f = file_alloc(flags);
	struct dentry *d = IS_ERR(f) ? NULL : dentry_new(m->root, name, (u32)strlen(name));

	if (!d) {
		inode_put(i);
		if (IS_ERR(f))
			return f;
		file_free_unopened(f);
		return ERR_PTR(-ENOMEM);
	}
	dentry_attach_hidden(d, i);
	mount_get(m);
	f->path = (struct path){ m, d };
	f->inode = i;
	f->ops = ops;
	f->private = private;
	f->backing.may_write = f->mode & FMODE_WRITE;
	f->mode |= FMODE_STREAM;
	return f;
}

struct file *anon_file(const char *name, const struct file_ops *ops, void *private, int flags)
{
	return make_file(&anon_mount, inode_get(anon_inode), name, ops, private, flags);
}

struct file *anon_file_inode(struct inode *i, const char *name, const struct file_ops *ops,
			     void *private, int flags)
{
	return make_file(&anon_mount, i, name, ops, private, flags);
}

struct inode *anon_inode_new(u32 mode)
{
	return inode_new(anon_mount.sb, mode);
}

/* --- memory as a file ------------------------------------------------------------------ */
struct file *shm_file(const char *name, u64 size, u32 mode)
{
	struct inode *i =
		shm_mount.root->inode->ops->tmpfile(shm_mount.root->inode, S_IFREG | mode);
	struct file *f;

	if (IS_ERR(i))
		return ERR_PTR(PTR_ERR(i));
	if (size)
		i->mapping.size = size;
	f = make_file(&shm_mount, i, name, &tmpfs_file_ops, NULL, O_RDWR | O_LARGEFILE);
	if (IS_ERR(f))
		return f;
	f->mode = (f->mode & ~(u32)FMODE_STREAM) | FMODE_SEEK | FMODE_LOCKED_POS;
	f->backing.mapping = &i->mapping;
	f->backing.may_exec = true;
	BUG_ON(file_take_writer(f));	/* new, on a mount that is nobody's */
	return f;
}
