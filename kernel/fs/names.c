/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system to test the dentry cache with, since what is in memory alone (tmpfs, proc, sysfs)
 * leaves nothing behind that could be dropped: mount -t tinenames. A name of digits is an empty
 * file with that inode number, which is made when it is looked up and goes with its dentry; other
 * names are not there, which is remembered. Directories cannot be listed.
 */
#include <base/init.h>
#include <base/string.h>
#include <fs/pseudo.h>
#include "internal.h"
#include "pseudo_tree.h"

#define NAMES_MAGIC 0x656d616e	/* "name" */

static struct inode *names_lookup(struct inode *dir, const char *name, u32 len)
{
	struct inode *i;
	u64 n = 0;

	for (u32 k = 0; k < len; k++) {
		if (name[k] < '0' || name[k] > '9' || len > 18)
			return NULL;
		n = n * 10 + (u64)(name[k] - '0');
	}
	i = inode_new(dir->sb, S_IFREG | 0444);
	if (!i)
		return ERR_PTR(-ENOMEM);
	i->ino = n;
	i->nlink = 1;
	return i;
}
static const struct inode_ops names_dir_ops = { .lookup = names_lookup };

static struct super *names_mount(const struct fs_type *t, const char *source, const char *data)
{
	struct super *sb = super_new(t, NAMES_MAGIC, &pseudo_super_ops, 0);
	struct inode *root = sb ? inode_new(sb, S_IFDIR | 0755) : NULL;
	int err = -ENOMEM;

	if (root) {
		root->ops = &names_dir_ops;
		root->nlink = 2;
		err = super_set_root(sb, root);
	}
	if (!err)
		return sb;
	if (sb)
		super_put(sb);
	return ERR_PTR(err);
}

static struct fs_type names_type = { .name = "tinenames", .mount = names_mount, .nodev = true };

static int names_init(void)
{
	fs_register(&names_type);
	return 0;
}
INITCALL(late, names_init);
