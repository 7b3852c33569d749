/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking up names given by the user. */
#ifndef SYS_PATH_H
#define SYS_PATH_H
#include <fs/vfs.h>

/* atflags: AT_EMPTY_PATH allows the empty (or NULL) name, meaning dirfd itself. *out is referenced.
 */
int user_path(int dirfd, const char __user *name, u32 atflags, bool follow,
	      struct path *out) __must_check;
#endif
