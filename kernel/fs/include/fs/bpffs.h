/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system of type "bpf": directories and symbolic links as tmpfs has them, and regular
 * files that are names of objects (BPF_OBJ_PIN, BPF_OBJ_GET) and hold a reference to them. The
 * files cannot be opened.
 */
#ifndef FS_BPFFS_H
#define FS_BPFFS_H
#include <fs/vfs.h>

/* A kind of object; its address tells the kinds apart. */
struct bpffs_kind {
	void (*get)(void *object);
	void (*put)(void *object);
};
/* A new name for object, which gets a reference of its own. -EPERM: not on this file system;
 * -EEXIST; as mknod(2). */
int bpffs_pin(int dirfd, const char *name, u32 mode, const struct bpffs_kind *k, void *object);
/* The object of that name, referenced, and its kind, for who has the rights (MAY_READ, MAY_WRITE).
 * ERR_PTR(-EACCES: it is no object, or the rights are missing; lookup's errors). */
void *bpffs_get(int dirfd, const char *name, u32 may, const struct bpffs_kind **k);
#endif
