/* SPDX-License-Identifier: BSD-2-Clause */
/* The 2 MiB block of zeros (mm/zero.c). */
#ifndef MM_ZERO_H
#define MM_ZERO_H
struct mm;
struct folio;

/*
 * The folio, which mm holds from now on until huge_zero_put; it gives no reference to be put. NULL: no
 * memory. mm->lock held for reading. Sleeps.
 */
struct folio *huge_zero_get(struct mm *mm);
/* The child, which is new, may get leaves of the parent's. */
void huge_zero_inherit(struct mm *child, const struct mm *parent);
/* mm has no leaves any more, and nobody makes any. */
void huge_zero_put(struct mm *mm);
#endif
