/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MM_POPULATE_H
#define MM_POPULATE_H
#include <mm/mm.h>

int fault_errno(enum fault_result r);
/* A leaf is present and, for write, writable; a hint unless its node is locked. mm->lock held. */
bool leaf_satisfies(struct mm *mm, u64 addr, bool write);
/* Faults [start, end) of v in; mm->lock held for reading. 0, -ENOMEM, -EFAULT, -EINTR. */
int populate_vma(struct vma *v, u64 start, u64 end, bool write);
#endif
