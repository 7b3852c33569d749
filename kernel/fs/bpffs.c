/* SPDX-License-Identifier: BSD-2-Clause */
#include "internal.h"
#include "tmpfs.h"
#include <base/init.h>
#include <fs/bpffs.h>
#include <fs/pseudo.h>

struct pin {
	const struct bpffs_kind *kind;
	void *object;
};

static int no_open(struct inode *i, struct file *f) { return -EIO; }
static const struct file_ops object_fops = { .open = no_open };

/* private: the object, private2: its kind. */
static void evict_object(struct inode *i)
{
	const struct bpffs_kind *k = i->private2;

	if (k)
		k->put(i->private);
	tmpfs_evict(i);
}
static const struct inode_ops object_ops = { .evict = evict_object };

static int pin_object(struct inode *dir, struct dentry *d, u32 mode, void *arg, struct inode **out)
{
	const struct pin *p = arg;
	int err = tmpfs_create(dir, d, mode, out);

	if (err)
		return err;
	p->kind->get(p->object);
	(*out)->private = p->object;
	(*out)->private2 = (void *)p->kind;
	(*out)->ops = &object_ops;
	(*out)->fops = &object_fops;
	return 0;
}

const struct inode_ops bpffs_dir_ops = {
	.mkdir = tmpfs_create, .symlink = tmpfs_symlink, .link = tmpfs_link, .unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir, .rename = tmpfs_rename, .evict = tmpfs_evict, .pin = pin_object,
};

int bpffs_pin(int dirfd, const char *name, u32 mode, const struct bpffs_kind *k, void *object)
{
	struct pin p = { k, object };

	return vfs_pin(dirfd, name, mode, &p);
}

void *bpffs_get(int dirfd, const char *name, u32 may, const struct bpffs_kind **k)
{
	struct path path;
	int err = path_lookup(dirfd, name, LOOKUP_FOLLOW, &path);
	struct inode *i;
	void *object;

	if (err)
		return ERR_PTR(err);
	i = path.dentry->inode;
	err = i->ops == &object_ops ? inode_permission(i, may) : -EACCES;
	object = err ? ERR_PTR(err) : i->private;
	if (!err) {
		*k = i->private2;
		(*k)->get(object);
	}
	path_put(&path);
	return object;
}

static struct super *bpffs_mount(const struct fs_type *t, const char *source, const char *data)
{
	return tmpfs_mount(t, source, data);
}
struct fs_type bpffs_type = { .name = "bpf", .mount = bpffs_mount, .nodev = true };

static int bpffs_start(void)
{
	fs_register(&bpffs_type);
	pseudo_dir(sysfs_root, "fs/bpf");
	return 0;
}
INITCALL(late, bpffs_start);
