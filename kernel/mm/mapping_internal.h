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
/* n of the mapping's folios of order come (or, below 0, have gone). */
void mapping_count(const struct mapping *m, u32 order, i64 n);
static inline bool mapping_uptodate(const struct folio *f)
{
	return load_acquire(&f->page.flags) & (1u << PG_UPTODATE);
}
/*
 * Puts f in the tree from index on, which is a multiple of its size; the tree takes its own
 * reference. Returns f, or, if it has one page, the folio that was there already, referenced;
 * ERR_PTR(-ENOMEM, -ENOSPC, or -EEXIST: of several pages there are some).
 */
struct folio *mapping_add(struct mapping *m, struct folio *f, u64 index);
/* A new folio of order, in the tree and referenced: as mapping_add, which may return another one of a
 * single page. A memory file's is zeroed and complete. flags: ALLOC_NORECLAIM. */
struct folio *mapping_make(struct mapping *m, u64 index, u32 order, u32 flags);
/* f is in the tree of m, referenced; makes it up to date. Otherwise drops the reference: -EAGAIN
 * (taken out meanwhile), or what read_folio gave. Sleeps. */
struct folio *mapping_read_in(struct mapping *m, struct folio *f);
/* The locked f of a file that is read in leaves it, if it is still there, with the tree's reference;
 * unlocked afterwards. */
void mapping_remove_folio(struct mapping *m, struct folio *f);
/*
 * Sees to it that no folio has pages of first..last and others too, or else that its part of them
 * is zero. They are unmapped. invalidate_lock held for writing. Sleeps. (mapping_part.c)
 */
void mapping_cut_pages(struct mapping *m, u64 first, u64 last);
/*
 * Takes out and puts the folios that lie in pages first..last; they are not mapped any more. Large
 * ones that have others too stay. invalidate_lock held for writing. Sleeps.
 */
void mapping_remove_pages(struct mapping *m, u64 first, u64 last);
#endif
