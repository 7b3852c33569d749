/* SPDX-License-Identifier: BSD-2-Clause */
/* Files without a directory entry, beyond anon_file of vfs.h. */
#ifndef FS_ANON_H
#define FS_ANON_H
#include <fs/vfs.h>

/*
 * anon_file, anon_file_inode (vfs.h): name is what /proc/PID/fd shows, whole:
 * "anon_inode:[eventfd]", "pipe:[12]". The file starts without positions; one who wants them sets
 * FMODE_SEEK and clears FMODE_STREAM. anon_file_inode takes over the reference to i, also on
 * failure.
 */
/* An inode of its own for a pipe or socket (mode with S_IFIFO, S_IFSOCK), ref 1; NULL: no memory.
 */
struct inode *anon_inode_new(u32 mode);
/* A file of size bytes of zeros, read-write, swappable nowhere: memfd, shared anonymous mappings.
 * ERR_PTR. */
struct file *shm_file(const char *name, u64 size, u32 mode);
int anon_init(void);
#endif
