/* SPDX-License-Identifier: BSD-2-Clause */
/* Advice about pages (mm/advise_age.c). mm->lock is held for reading; [start, end) lies in v. */
#ifndef MM_ADVISE_H
#define MM_ADVISE_H
#include "internal.h"

void advise_free(struct vma *v, u64 start, u64 end);	/* v is anonymous; no 2 MiB block is cut */
/*
 * The pages count as not used; drop: those that nobody else maps and that can be read again, or were
 * given up, go now. Anonymous memory stays: there is no swap.
 */
void advise_cold(struct vma *v, u64 start, u64 end, bool drop);
void advise_willneed(struct vma *v, u64 start, u64 end);
#endif
