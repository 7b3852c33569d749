/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking a part of a large folio out of the page cache: the folio is unmapped and made into folios
 * of a page each where it lies, so that the part can go and the rest stays.
 *
 * That needs that nobody can be looking at it: invalidate_lock is held for writing, so nobody maps
 * it; its references are the tree's and ours; under mapping->lock, where finders take theirs, the
 * count becomes 0, which keeps those away who come by the frame's number. A clean folio of a file
 * that is read in is dropped whole instead. One that is used by others just then stays whole, and
 * the part is zeroed: a hole, or what lies beyond the end of the file, reads as that.
 */
#include <base/string.h>
#include <mm/mapping.h>
#include <mm/thp.h>
#include "alloc.h"
#include "mapping_internal.h"

/* Page i of f, which nobody can find any more, becomes a folio of its own with refs references. */
static void make_page_folio(struct folio *f, u32 i, u32 flags, i32 refs)
{
	struct page *p = folio_page(f, i);

	p->order = 0;
	p->kind = 0;
	p->aux = 0;
	p->mapping = f->page.mapping;
	p->index = f->page.index + i;
	p->private = 0;
	atomic_set(&p->mapcount, 0);
	store_release(&p->flags, flags);
	store_release(&p->refcount.v, refs);
}

/* false: somebody uses f beside us. It is not mapped; we have one reference, and its lock if it has one. */
static bool split_file_folio(struct mapping *m, struct folio *f)
{
	const u32 stay = 1u << PG_UPTODATE | 1u << PG_DIRTY | 1u << PG_REFERENCED | 1u << PG_ICACHE |
			 1u << PG_ACTIVE | 1u << PG_WORKINGSET | 1u << PG_SHMEM;
	u32 n = folio_nr_pages(f), flags;
	bool listed = lru_del(f);
	bool ok;

	spin_lock(&m->lock);
	ok = ref_freeze(&f->page.refcount, 2);
	flags = f->page.flags;
	for (u32 i = n - 1; ok && i; i--) {
		make_page_folio(f, i, flags & stay, 1);
		radix_replace(&m->tree, f->page.index + i, folio_page(f, i));
	}
	if (ok) {
		mapping_count(m, folio_order(f), -1);
		mapping_count(m, 0, n);
		make_page_folio(f, 0, flags, 2);
	}
	spin_unlock(&m->lock);
	for (u32 i = 0; listed && i < (ok ? n : 1); i++)
		lru_add((struct folio *)folio_page(f, i));
	return ok;
}

/* As above; unmaps it first. */
static bool unmap_and_split(struct mapping *m, struct folio *f)
{
	mapping_unmap_range(m, f->page.index, folio_nr_pages(f), false);
	return split_file_folio(m, f);
}

/* Pages first..last of f are to go, others of it to stay. Drops our reference. */
static void cut(struct mapping *m, struct folio *f, u64 first, u64 last)
{
	u64 index = f->page.index, behind = index + folio_nr_pages(f);
	bool reads = !mapping_is_memory(m);

	mapping_unmap_range(m, index, behind - index, false);
	if (reads)
		folio_lock(f);
	if (reads && (f->page.mapping != m || !page_test(&f->page, PG_DIRTY))) {
		mapping_remove_folio(m, f);
		folio_put(f);
		return;
	}
	if (!split_file_folio(m, f))
		for (u64 i = max(first, index); i < behind && i <= last; i++)
			clear_page(folio_index_address(f, i));
	if (reads)
		folio_unlock(f);
	folio_put(f);
}

/* The large folio of page *index or the first one behind it up to last, referenced; or NULL. */
static struct folio *next_large(struct mapping *m, u64 *index, u64 last)
{
	struct folio *f;

	spin_lock(&m->lock);
	do {
		f = *index <= last ? radix_next(&m->tree, index) : NULL;
		if (f && *index > last)
			f = NULL;
		if (f)
			*index = f->page.index + folio_nr_pages(f);
	} while (f && !folio_order(f));
	if (f)
		folio_get(f);
	spin_unlock(&m->lock);
	return f;
}

void mapping_split_pages(struct mapping *m, u64 first, u64 last, struct split_count *c)
{
	bool reads = !mapping_is_memory(m);
	struct folio *f;

	write_lock(&m->invalidate_lock);
	while ((f = next_large(m, &first, last))) {
		c->found++;
		if (reads)
			folio_lock(f);
		c->split += f->page.mapping == m && unmap_and_split(m, f);
		if (reads)
			folio_unlock(f);
		folio_put(f);
		cond_resched();
	}
	write_unlock(&m->invalidate_lock);
}

/* The folio with both pages, referenced, or NULL. */
static struct folio *folio_across(struct mapping *m, u64 page, u64 next)
{
	struct folio *f;

	spin_lock(&m->lock);
	f = radix_find(&m->tree, page);
	if (f && f == radix_find(&m->tree, next))
		folio_get(f);
	else
		f = NULL;
	spin_unlock(&m->lock);
	return f;
}

void mapping_cut_pages(struct mapping *m, u64 first, u64 last)
{
	struct folio *f;

	if (first && (f = folio_across(m, first - 1, first)))
		cut(m, f, first, last);
	if (last + 1 && (f = folio_across(m, last, last + 1)))
		cut(m, f, first, last);
}
