/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading, writing, seeking, resizing open files, as the system calls need it (fs/readwrite.c).
 * Errors by their man pages. */
#ifndef FS_RW_H
#define FS_RW_H
#include <fs/vfs.h>

/* At the file's own position. */
ssize_t file_rw(struct file *f, struct uio *u, bool write);
/* At pos; -ESPIPE where there are no positions. */
ssize_t file_prw(struct file *f, struct uio *u, u64 pos, bool write);
off64 file_seek(struct file *f, off64 off, int whence);
/* Lists from the file's position through ctx->emit. */
int file_readdir(struct file *f, struct dir_context *ctx);
int file_truncate(struct file *f, u64 size);
int inode_resize(struct inode *i, struct iattr *a);
int inode_setattr(struct inode *i, struct iattr *a);
int file_fallocate(struct file *f, int mode, u64 off, u64 len);
int file_fsync(struct file *f);
/* True: f->pos_lock was taken, since others may use the file's position. */
bool file_pos_lock(struct file *f);
int write_limits(struct file *f, struct uio *u, u64 pos);
bool inode_owner_or_capable(const struct inode *i);
#endif
