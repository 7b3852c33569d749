/* SPDX-License-Identifier: BSD-2-Clause */
/* A page cache of up to FAKE_FILE_PAGES pages in a plain array: what mm/mapping.c promises, for tests of the other half. */
#include <stdlib.h>
#include <string.h>
#include <base/alloc.h>
#include <base/errno.h>
#include <fake/fake.h>
#include <mm/mapping.h>

#define FAKE_FILE_PAGES 256u

void mapping_init(struct mapping *m, const struct mapping_ops *ops, void *host)
{
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->host = host;
	m->tree = calloc(FAKE_FILE_PAGES, sizeof(struct folio *));
	list_init(&m->vmas);
	spin_init(&m->lock);
	spin_init(&m->vma_lock);
	rwsem_init(&m->invalidate_lock);
}

static void drop(struct mapping *m, u64 first, u64 end)
{
	struct folio **t = m->tree;

	for (u64 i = first; i < end && i < FAKE_FILE_PAGES; i++) {
		struct folio *f = t[i];

		if (!f)
			continue;
		BUG_ON(atomic_read(&f->page.mapcount) != 0);
		t[i] = NULL;
		f->page.mapping = NULL;
		folio_put(f);
	}
}

void mapping_destroy(struct mapping *m)
{
	BUG_ON(!list_empty(&m->vmas));
	drop(m, 0, FAKE_FILE_PAGES);
	free(m->tree);
}

struct folio *mapping_find(struct mapping *m, u64 index)
{
	struct folio *f = NULL;

	spin_lock(&m->lock);
	if (index < FAKE_FILE_PAGES)
		f = ((struct folio **)m->tree)[index];
	if (f)
		folio_get(f);
	spin_unlock(&m->lock);
	return f;
}

struct folio *mapping_get(struct mapping *m, u64 index)
{
	struct folio *f = mapping_find(m, index), *n, **t = m->tree;

	if (f)
		return f;
	BUG_ON(index >= FAKE_FILE_PAGES);
	n = folio_alloc(0, ALLOC_ZERO);
	if (!n)
		return ERR_PTR(-ENOMEM);
	spin_lock(&m->lock);
	if (!t[index]) {
		n->page.mapping = m;
		n->page.index = index;
		page_set(&n->page, PG_UPTODATE);
		t[index] = n;
		m->nr_pages++;
		n = NULL;
	}
	f = t[index];
	folio_get(f);
	spin_unlock(&m->lock);
	if (n)
		folio_put(n);
	return f;
}

int mapping_truncate(struct mapping *m, u64 size)
{
	u64 first = div_round_up(size, PAGE_SIZE), old;

	write_lock(&m->invalidate_lock);
	old = m->size;
	m->size = size;
	if (size < old) {
		struct folio *f;

		mapping_unmap_range(m, first, ~0ull - first, true);
		drop(m, first, FAKE_FILE_PAGES);
		f = size & ~PAGE_MASK ? mapping_find(m, size >> PAGE_SHIFT) : NULL;
		if (f) {
			memset((char *)folio_address(f) + (size & ~PAGE_MASK), 0, PAGE_SIZE - (size & ~PAGE_MASK));
			folio_put(f);
		}
	}
	write_unlock(&m->invalidate_lock);
	return 0;
}

int mapping_punch(struct mapping *m, u64 start, u64 end)
{
	u64 first = div_round_up(start, PAGE_SIZE), last = end >> PAGE_SHIFT;

	write_lock(&m->invalidate_lock);
	mapping_unmap_range(m, first, last - first, false);
	drop(m, first, last);
	write_unlock(&m->invalidate_lock);
	return 0;
}
