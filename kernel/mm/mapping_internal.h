/* SPDX-License-Identifier: BSD-2-Clause */
/* What the page cache's two halves share: mapping.c keeps the tree, mapping_rw.c moves bytes. */
#ifndef MM_MAPPING_INTERNAL_H
#define MM_MAPPING_INTERNAL_H
#include <mm/mapping.h>

/* The pages are the file: holes read as zeros, nothing is read in. */
static inline bool mapping_is_memory(const struct mapping *m)
{
	return !m->ops || !m->ops->read_folio;
}
/*
 * Puts f in the tree at index; the tree takes its own reference. Returns f, or the folio that was
 * there already, referenced, or ERR_PTR(-ENOMEM, -ENOSPC).
 */
struct folio *mapping_add(struct mapping *m, struct folio *f, u64 index);
/* Takes out and puts the pages first..last; they are not mapped any more. invalidate_lock held for
 * writing. Sleeps. */
void mapping_remove_pages(struct mapping *m, u64 first, u64 last);
#endif
