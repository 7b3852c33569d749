/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor table's layout: for files.c and the inline look-ups. */
#ifndef FS_FILES_PRIVATE_H
#define FS_FILES_PRIVATE_H
#include <fs/fd.h>

struct files {
	ref_t users;			/* tasks that share it */
	u32 size;			/* slots; a multiple of 64 */
	struct file **slots;
	u64 *open_map, *cloexec_map;	/* size bits each */
	struct spinlock lock;
	u32 first_free;			/* no clear bit of open_map is below it */
	u64 small_maps[2];
	struct file *small_slots[64];
};

int files_clone(struct task *child, struct task *parent, u64 flags);
void files_exit(struct task *t);
#endif
