/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at and changing the attributes of names and files, with the permission checks of the
 * system calls (fs/stat.c). */
#ifndef FS_STAT_H
#define FS_STAT_H
#include <fs/rw.h>

/* dirfd, name, lflags: as path_lookup's. Here and below, int: 0 or -errno, as the calls' man pages
 * say; p is referenced by the caller. */
int path_stat(int dirfd, const char *name, u32 lflags, struct kstat *st);
void file_stat(struct file *f, struct kstat *st);
int path_access(const struct path *p, u32 may);		/* by the current fsuid */
/* *text is in the inode's memory or in buf. Its length, -EINVAL if p is no symlink. */
ssize_t path_readlink(const struct path *p, char *buf, size_t size, const char **text);
int path_chmod(const struct path *p, u32 mode);
int path_chown(const struct path *p, u32 uid, u32 gid);	/* ~0: stays */
int path_utimes(const struct path *p, struct iattr *a);
int path_truncate(const struct path *p, u64 size);
int path_chdir(const struct path *p);
int path_chroot(const struct path *p);
char *cwd_string(char *buf, size_t size);
#endif
