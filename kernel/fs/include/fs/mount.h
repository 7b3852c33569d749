/* SPDX-License-Identifier: BSD-2-Clause */
/* What the mount system calls and /proc need of mounts (fs/mount.c, fs/super.c). */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H
#include <fs/vfs.h>

struct seq;
struct statfs64;

/* MS_* bits that belong to one mount, as /proc/mounts shows them. */
#define MOUNT_FLAGS                                                                                \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | \
	 MS_STRICTATIME)

/* The type by name, or NULL. Types are never removed. */
const struct fs_type *fs_find(const char *name);
/* /proc/filesystems. */
void filesystems_show(struct seq *s);
/* Takes the mount at p away: -EINVAL if p is no mount's root, -EBUSY if used and not lazy. */
int vfs_umount(const struct path *p, bool lazy);
/* New MOUNT_FLAGS for the mount whose root is p, and options for its file system (data, may be
 * NULL; not with MS_BIND). -EINVAL: p is no root, or the options are wrong; -EBUSY: files are open
 * for writing. */
int vfs_remount(const struct path *p, u32 flags, const char *data);
void path_statfs(const struct path *p, struct statfs64 *st);
/* The root mount, for boot: an empty tmpfs, and devtmpfs on /dev where /dev exists. */
int rootfs_init(void);
#endif
