/* SPDX-License-Identifier: BSD-2-Clause */
/* The file layer's start: caches, built-in file systems, the root, and how tasks get descriptors
 * and directories. */
#include "internal.h"
#include "files.h"
#include "fs_ctx.h"
#include <base/init.h>
#include <base/printk.h>
#include <fs/anon.h>
#include <fs/mount.h>
#include <fs/open.h>

static struct fs_type tmpfs_type = { .name = "tmpfs", .mount = tmpfs_mount, .nodev = true };
static struct fs_type ramfs_type = { .name = "ramfs", .mount = tmpfs_mount, .nodev = true };

static int part_clone(struct task *child, struct task *parent, u64 flags)
{
	int err = fs_ctx_clone(child, parent, flags);

	if (!err)
		err = files_clone(child, parent, flags);
	if (err)
		fs_ctx_exit(child);
	return err;
}

static void part_exit(struct task *t)
{
	files_exit(t);
	fs_ctx_exit(t);
}

static const struct task_part fs_part = { .clone = part_clone, .exit = part_exit };

/* What the kernel needs of the root before an initrd fills it: init's console. */
static void first_nodes(void)
{
	vfs_mkdir(AT_FDCWD, "/dev", 0755);
	vfs_mknod(AT_FDCWD, "/dev/console", S_IFCHR | 0600, mkdev(5, 1));
	vfs_mkdir(AT_FDCWD, "/root", 0700);
}

static int vfs_init(void)
{
	int err;

	dcache_init();
	inode_cache_init();
	file_cache_init();
	fs_register(&tmpfs_type);
	fs_register(&ramfs_type);
	err = rootfs_init();
	if (!err)
		err = devtmpfs_init();
	if (!err)
		err = anon_init();
	if (err)
		panic("no root file system: error %d", err);
	first_nodes();
	task_part_register(&fs_part);
	return 0;
}
INITCALL(subsys, vfs_init);
