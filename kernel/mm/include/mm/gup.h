/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory that the kernel keeps hold of beyond a copy: its pages are pinned (mm/gup.c). While a
 * private page is pinned it stays where it is, and stays its address space's own: fork gives the
 * child a copy at once, migration and reclaim leave it alone.
 */
#ifndef MM_GUP_H
#define MM_GUP_H
#include <mm/mm.h>

enum gup_flag {
	GUP_WRITE = 1,		/* the pages will be written to */
};
/*
 * Faults in and pins the pages that [addr, addr + n pages) map; addr is page aligned. Private pages
 * are made the address space's own first, also for reading, so that what is pinned is what its
 * program sees. Returns how many could be pinned, at least 1, or -EFAULT (nothing mapped there, not
 * with that access, memory without pages), -ENOMEM, -EINTR. Sleeps; takes mm->lock for reading.
 */
ssize_t gup_pin(struct mm *mm, u64 addr, u32 n, u32 flags, struct page **out) __must_check;
/* Gives one page back; written: it may have been written to. Any context. */
void gup_unpin(struct page *p, bool written);
/* The private folio is pinned. A hint, unless its leaves' nodes are locked. */
static inline bool folio_pinned(const struct folio *f)
{
	return page_test(&f->page, PG_ANON) && atomic_read(&f->page.pins);
}
#endif
