/* SPDX-License-Identifier: BSD-2-Clause */
/* How tasks get and lose their fs_ctx. */
#ifndef FS_CTX_H
#define FS_CTX_H
#include <base/types.h>

struct task;
int fs_ctx_clone(struct task *child, struct task *parent, u64 flags);
void fs_ctx_exit(struct task *t);
#endif
