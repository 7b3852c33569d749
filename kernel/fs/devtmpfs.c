/* SPDX-License-Identifier: BSD-2-Clause */
/* devtmpfs: one tmpfs for everybody who mounts it, in which drivers' nodes appear by themselves. */
#include "internal.h"
#include "tmpfs.h"

static struct super *dev_super;

static struct super *devtmpfs_mount(const struct fs_type *t, const char *source, const char *data)
{
	if (!dev_super)
		return ERR_PTR(-ENODEV);
	ref_get(&dev_super->ref);
	return dev_super;
}

static struct fs_type devtmpfs_type = {.name = "devtmpfs", .mount = devtmpfs_mount, .nodev = true};

/* name in dir, made (with mode and rdev) if it is not there: referenced. ERR_PTR. */
static struct dentry *get_or_make(struct dentry *dir, const char *name, u32 len, u32 mode, u32 rdev)
{
	struct dentry *d;

	write_lock(&dir->inode->lock);
	d = lookup_one(dir, name, len);
	if (!d) {
		d = create_locked(dir, name, len, mode, rdev);
		if (!IS_ERR(d))
			d->inode->uid = d->inode->gid = 0;	/* whoever caused it to appear */
	}
	write_unlock(&dir->inode->lock);
	return d;
}

int devtmpfs_add(const char *name, u32 mode, u32 rdev)
{
	const char *slash = strchr(name, '/');
	struct dentry *dir, *d;

	if (!dev_super)
		return 0;	/* devtmpfs_init makes the node */
	dir = dget(dev_super->root);
	if (slash) {
		struct dentry *sub = get_or_make(dir, name, (u32)(slash - name), S_IFDIR | 0755, 0);

		dput(dir);
		if (IS_ERR(sub))
			return (int)PTR_ERR(sub);
		dir = sub;
		name = slash + 1;
	}
	d = get_or_make(dir, name, (u32)strlen(name), S_IFCHR | (mode & 07777), rdev);
	dput(dir);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	dput(d);
	return 0;
}

static void add_registered(const char *name, u32 mode, u32 rdev)
{
	devtmpfs_add(name, mode, rdev);
}

static void add_dir(const char *name, u32 mode)
{
	struct dentry *d = get_or_make(dev_super->root, name, (u32)strlen(name), S_IFDIR | mode, 0);

	if (!IS_ERR(d))
		dput(d);
}

int devtmpfs_init(void)
{
	const struct fs_type *t = &devtmpfs_type;
	struct super *sb = tmpfs_mount(t, "devtmpfs", "mode=755");

	if (IS_ERR(sb))
		return (int)PTR_ERR(sb);
	dev_super = sb;
	chrdev_for_each(add_registered);
	add_dir("pts", 0755);
	add_dir("shm", 01777);
	fs_register(&devtmpfs_type);
	return 0;
}
