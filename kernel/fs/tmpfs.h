/* SPDX-License-Identifier: BSD-2-Clause */
/* tmpfs' super: its limits and what was asked for at mount. */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H
#include <base/atomic.h>

struct super;
struct inode;
struct dentry;
struct fs_type;
struct inode_ops;

struct tmpfs_sb {
	atomic64_t used_blocks, used_inodes;
	u64 max_blocks, max_inodes;	/* pages, inodes; ~0: no limit */
	u64 asked_blocks, asked_inodes;	/* 0: the default holds */
	u32 mode, uid, gid;
	u32 set_owner;			/* TMPFS_UID, TMPFS_GID */
	u8 huge;			/* enum shmem_mode up to SHMEM_INHERIT, which is memfds' */
	const struct inode_ops *dir_ops;	/* NULL: tmpfs' own */
};
enum { TMPFS_UID = 1, TMPFS_GID = 2 };

void tmpfs_defaults(struct tmpfs_sb *t, bool unlimited);
/* "size=64m,mode=1777,…". -EINVAL names nothing: the caller's line is wrong. */
int tmpfs_parse_options(struct tmpfs_sb *t, const char *data);
/* Limits may change to what is in use at least, and not from none. */
int tmpfs_remount(struct super *s, const char *data);
int tmpfs_show_options(struct super *s, char *buf, size_t n);
/* A new inode of sb for dir (NULL: root); ERR_PTR(-ENOSPC, -ENOMEM). */
struct inode *tmpfs_inode(struct super *sb, const struct inode *dir, u32 mode, u32 rdev);
/* Directory operations, for file systems that are tmpfs but for what their files are. */
int tmpfs_create(struct inode *dir, struct dentry *d, u32 mode, struct inode **out);
int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target, struct inode **out);
int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *i);
int tmpfs_unlink(struct inode *dir, struct dentry *d);
int tmpfs_rmdir(struct inode *dir, struct dentry *d);
int tmpfs_rename(struct inode *od, struct dentry *o, struct inode *nd, struct dentry *n, u32 flags);
void tmpfs_evict(struct inode *i);
/* bpffs.c */
extern struct fs_type bpffs_type;
extern const struct inode_ops bpffs_dir_ops;
#endif
