/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of generated files: /proc's fixed part, /sys, /sys/kernel/debug (fs/pseudo.c). Nodes are
 * made at boot and stay unless removed.
 */
#ifndef FS_PSEUDO_H
#define FS_PSEUDO_H
#include <fs/seq.h>

struct pseudo_node;
extern struct pseudo_node *proc_root, *sysfs_root, *debugfs_root, *tracefs_root;
struct pseudo_ops {
	int (*show)(struct seq *s, void *arg);			/* 0 or -errno */
	/* buf is NUL-terminated; returns n or -errno; NULL: not writable */
	ssize_t (*store)(const char *buf, size_t n, void *arg);
};
/* path: relative to parent, intermediate directories are made. */
struct pseudo_node *pseudo_dir(struct pseudo_node *parent, const char *path);
struct pseudo_node *pseudo_file(struct pseudo_node *parent, const char *path, u32 mode,
				const struct pseudo_ops *ops, void *arg);
struct pseudo_node *pseudo_link(struct pseudo_node *parent, const char *path, const char *target);
struct file_ops;
/* size: what stat says; 0 if it is made anew for each reader. */
struct pseudo_node *pseudo_special(struct pseudo_node *parent, const char *path, u32 mode,
				   const struct file_ops *ops, void *arg, u64 size);
/* A file of `size` bytes at data, which is page-aligned and in the kernel's image: can be read, and
 * mapped privately for reading (fs/blob.c). */
struct pseudo_node *pseudo_blob(struct pseudo_node *parent, const char *path, u32 mode,
				const void *data, size_t size);
void pseudo_remove(struct pseudo_node *n);
#endif
