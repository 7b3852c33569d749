/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MM_POPULATE_H
#define MM_POPULATE_H
#include <mm/mm.h>

int fault_errno(enum fault_result r);
/* Faults [start, end) of v in; mm->lock held for reading. 0, -ENOMEM, -EFAULT, -EINTR. */
int populate_vma(struct vma *v, u64 start, u64 end, bool write);
#endif
