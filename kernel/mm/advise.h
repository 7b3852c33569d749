/* SPDX-License-Identifier: BSD-2-Clause */
/* Advice about pages (mm/advise_age.c). mm->lock is held for reading; [start, end) lies in v. */
#ifndef MM_ADVISE_H
#define MM_ADVISE_H
#include "internal.h"

/* The anonymous folio f, referenced, may be freed by reclaim while its leaves are clean. */
void folio_give_up(struct folio *f);
void advise_free(struct vma *v, u64 start, u64 end);	/* v is anonymous */
/*
 * The pages count as not used; drop: those that nobody else maps and that can be read again, or were
 * given up, go now. Anonymous memory stays: there is no swap.
 */
void advise_cold(struct vma *v, u64 start, u64 end, bool drop);
void advise_willneed(struct vma *v, u64 start, u64 end);
/*
 * Takes the pages of [start, end) away. Blocks of private memory that the range cuts are taken
 * apart first; a fault of another thread may make one again before zap comes, which tells.
 * mm->lock held for reading. 0 or -ENOMEM.
 */
int zap_advised(struct vma *v, u64 start, u64 end);
#endif
