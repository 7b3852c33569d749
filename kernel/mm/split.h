/* SPDX-License-Identifier: BSD-2-Clause */
/* Splitting folios of private memory (mm/split.c). */
#ifndef MM_SPLIT_H
#define MM_SPLIT_H
#include "internal.h"

enum {
	SPLIT_AS_NEEDED = -1,	/* order: what is mapped whole stays whole, in parts as large as can be */
};
/*
 * Splits f into folios of order, or as needed; around the page at only (-1: everywhere). The caller
 * has one reference, which is then one to the part that has f's first page. What no leaf maps is
 * freed. 0, -EBUSY: somebody uses it, or it is not mapped by one leaf table alone, or a 2 MiB block
 * maps it; -EAGAIN: with try, a fork or exit in the family would have to be waited for.
 */
int folio_split(struct folio *f, int order, i32 only, bool try) __must_check;

#endif
