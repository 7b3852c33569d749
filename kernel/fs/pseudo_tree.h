/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the generated trees (fs/pseudo.c), for the file systems built on them. */
#ifndef FS_PSEUDO_TREE_H
#define FS_PSEUDO_TREE_H
#include <base/atomic.h>
#include <fs/pseudo.h>
#include <fs/vfs.h>

struct pseudo_node {
	ref_t ref;			/* one for the tree, one for each inode */
	u32 mode, len;
	u64 ino;
	const char *name;
	struct pseudo_node *parent;
	struct list children, sibling;	/* pseudo_lock */
	bool removed;
	const struct pseudo_ops *ops;	/* text files */
	const struct file_ops *fops;	/* special files */
	void *arg;
	u64 size;			/* special files: as stat has it */
	char *target;			/* symlinks */
};
#define PSEUDO_ROOT(n)                                                                             \
	{                                                                                          \
		.ref = {1}, .mode = S_IFDIR | 0555, .ino = 1, .name = "", .parent = &(n),          \
		.children = LIST_INIT((n).children), .sibling = LIST_INIT((n).sibling)             \
	}

/* A super of type whose root shows node; iops NULL: the tree alone. */
struct super *pseudo_mount(const struct fs_type *type, u64 magic, struct pseudo_node *node,
			   const struct inode_ops *iops, const struct file_ops *fops);
struct inode *pseudo_lookup(struct inode *dir, const char *name, u32 len);
/* Entries from ctx->pos on; false: the buffer is full. Positions 0 and 1 are "." and "..". */
bool pseudo_emit(struct file *f, struct pseudo_node *n, struct dir_context *ctx);
void pseudo_evict(struct inode *i);
extern const struct super_ops pseudo_super_ops;
#endif
