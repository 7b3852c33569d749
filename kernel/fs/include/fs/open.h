/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening, beyond vfs.h: openat2's scopes, exec. */
#ifndef FS_OPEN_H
#define FS_OPEN_H
#include <fs/vfs.h>

/* With the O_* flags of file_open: execute permission is asked instead of read (exec). Not a bit
 * any O_* uses. */
#define OPEN_EXEC 0x20

/* file_open with LOOKUP_* scopes: NO_SYMLINKS, NO_XDEV, BENEATH, IN_ROOT, NO_MAGIC. */
struct file *file_open_lookup(int dirfd, const char *name, int flags, u32 mode, u32 lflags);
/* While denied, opening for writing is -ETXTBSY; -ETXTBSY if it is open for writing. Denials count.
 */
int file_deny_write(struct file *f) __must_check;
void file_allow_write(struct file *f);
void file_cache_init(void);
#endif
