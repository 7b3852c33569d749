/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page cache of one file: finding pages, making them, taking them out.
 *
 * A folio in the tree has one reference from it; whoever finds one takes another under
 * mapping->lock, so a page taken out lives until its last user is done. Pages of memory files (no
 * read_folio) enter the tree complete and are never locked. Pages that are read in enter it not up
 * to date, and are read by who has their lock; mapping_find does not show them until then. They are
 * taken out with their lock held, by truncation (which waits for it) or by reclaim (which does
 * not), so a locked one stays where it is.
 *
 * Taking pages out needs invalidate_lock for writing and an unmapping before; mapping pages or
 * reading them in holds it for reading. So no page is mapped or read in behind the back of a
 * truncation. Reading and writing through the cache need no such lock: they see a page as it was
 * before or find none.
 */
#include <base/errno.h>
#include <base/string.h>
#include <mm/mapping.h>
#include "alloc.h"
#include "lru.h"
#include "mapping_internal.h"

#define REMOVE_BATCH 32

void mapping_init(struct mapping *m, const struct mapping_ops *ops, void *host)
{
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	spin_init(&m->lock);
	radix_init(&m->tree);
	rwsem_init(&m->invalidate_lock);
	list_init(&m->vmas);
	spin_init(&m->vma_lock);
	m->host = host;
}

static inline bool is_kept(const struct mapping *m)
{
	return !m->ops || m->ops->keep || !m->ops->read_folio;
}
static inline enum mem_stat stat_of(const struct mapping *m)
{
	return is_kept(m) ? STAT_SHMEM : STAT_CACHE;
}

static inline bool uptodate(const struct folio *f)
{
	return load_acquire(&f->page.flags) & (1u << PG_UPTODATE);
}

/* --- finding
 * ------------------------------------------------------------------------------------------ */

/* Also one that is being read in. */
static struct folio *lookup(struct mapping *m, u64 index)
{
	struct folio *f;

	spin_lock(&m->lock);
	f = radix_find(&m->tree, index);
	if (f)
		folio_get(f);
	spin_unlock(&m->lock);
	return f;
}

struct folio *mapping_find(struct mapping *m, u64 index)
{
	struct folio *f = lookup(m, index);

	if (f && unlikely(!uptodate(f))) {
		folio_put(f);
		return NULL;
	}
	return f;
}

u32 mapping_find_run(struct mapping *m, u64 first, u32 n, struct folio **out)
{
	spin_lock(&m->lock);
	n = radix_find_run(&m->tree, first, n, (void **)out);
	for (u32 i = 0; i < n; i++) {
		if (out[i] && !uptodate(out[i]))
			out[i] = NULL;
		if (out[i])
			folio_get(out[i]);
	}
	spin_unlock(&m->lock);
	return n;
}

/* --- adding
 * --------------------------------------------------------------------------------------------- */

static int charge(struct mapping *m, i64 n)
{
	return m->ops && m->ops->charge ? m->ops->charge(m, n) : 0;
}

struct folio *mapping_add(struct mapping *m, struct folio *f, u64 index)
{
	struct radix_pool pool = { 0 };
	struct folio *there;
	u32 need;
	int err = charge(m, 1);

	if (err)
		return ERR_PTR(err);
	f->page.mapping = m;
	f->page.index = index;
	for (;;) {
		spin_lock(&m->lock);
		there = radix_find(&m->tree, index);
		need = there ? 0 : radix_need(&m->tree, index);
		if (need <= pool.nr)
			break;
		spin_unlock(&m->lock);
		if (!radix_pool_fill(&pool, need)) {
			err = -ENOMEM;
			goto fail;
		}
	}
	if (there) {
		folio_get(there);
	} else {
		folio_get(f);
		radix_insert(&m->tree, index, f, &pool);
		m->nr_pages++;
	}
	spin_unlock(&m->lock);
	radix_pool_empty(&pool);
	if (!there) {
		mem_stat_add(stat_of(m), 1);
		return f;
	}
fail:
	radix_pool_empty(&pool);
	f->page.mapping = NULL;
	charge(m, -1);
	return err ? ERR_PTR(err) : there;
}

/* --- taking out
 * ------------------------------------------------------------------------------------------- */

void mapping_forget(struct mapping *m, struct folio *f)
{
	u32 n = folio_nr_pages(f);

	for (u32 i = 0; i < n; i++)
		radix_remove(&m->tree, f->page.index + i);
	m->nr_pages -= n;
	charge(m, -(i64)n);
}

/* Takes out up to REMOVE_BATCH folios of pages [*first, last]; *first goes on behind them. Returns
 * how many. */
static u32 remove_some(struct mapping *m, u64 *first, u64 last)
{
	struct folio *gone[REMOVE_BATCH];
	u32 n = 0;

	spin_lock(&m->lock);
	while (n < REMOVE_BATCH) {
		struct folio *f = *first <= last ? radix_next(&m->tree, first) : NULL;

		if (!f || *first > last)
			break;
		radix_remove(&m->tree, *first);
		m->nr_pages--;
		gone[n++] = f;
		if (++*first == 0)
			break;
	}
	spin_unlock(&m->lock);
	if (!n)
		return 0;
	mem_stat_add(stat_of(m), -(i64)n);
	for (u32 i = 0; i < n; i++) {
		store_release(&gone[i]->page.mapping, NULL);
		folio_put(gone[i]);
	}
	charge(m, -(i64)n);
	return n;
}

/* The first folio with a page in [*first, last], referenced, or NULL. */
static struct folio *next_folio(struct mapping *m, u64 *first, u64 last)
{
	struct folio *f;

	spin_lock(&m->lock);
	f = *first <= last ? radix_next(&m->tree, first) : NULL;
	if (f && *first > last)
		f = NULL;
	if (f)
		folio_get(f);
	spin_unlock(&m->lock);
	return f;
}

/*
 * Takes out the locked f; false: somebody else did. Reclaim relies on the lock: it keeps the folio
 * and with it the mapping in place.
 */
static bool remove_locked(struct mapping *m, struct folio *f)
{
	if (f->page.mapping != m)
		return false;
	spin_lock(&m->lock);
	mapping_forget(m, f);
	spin_unlock(&m->lock);
	mem_stat_add(STAT_CACHE, -(i64)folio_nr_pages(f));
	store_release(&f->page.mapping, NULL);
	return true;
}

/* Of a file that is read in. Sleeps for each folio's lock. */
static void remove_droppable(struct mapping *m, u64 first, u64 last)
{
	struct folio *f;

	while ((f = next_folio(m, &first, last))) {
		bool removed;

		folio_lock(f);
		removed = remove_locked(m, f);
		folio_unlock(f);
		if (removed) {
			lru_del(f);
			folio_put(f);	/* the tree's */
		}
		folio_put(f);
		cond_resched();
	}
}

void mapping_remove_pages(struct mapping *m, u64 first, u64 last)
{
	if (!is_kept(m)) {
		remove_droppable(m, first, last);
		return;
	}
	while (first <= last && remove_some(m, &first, last) == REMOVE_BATCH && first)
		cond_resched();
}

void mapping_destroy(struct mapping *m)
{
	if (!radix_empty(&m->tree))
		mapping_remove_pages(m, 0, ~0ull);
	if (is_kept(m))
		return;
	spin_lock(&m->lock);	/* reclaim may just have taken the last page out */
	spin_unlock(&m->lock);
}

void mapping_read_ahead(struct mapping *m, u64 first, u64 n)
{
	u64 last = div_round_up(READ_ONCE(m->size), PAGE_SIZE);
	struct mem_totals t;

	if (is_kept(m) || first >= last)
		return;
	mem_totals(&t);
	n = min(n, last - first);
	n = min(n, t.available / 2);	/* what comes must not push itself out */
	for (; n; n--, first++) {
		struct folio *f;

		read_lock(&m->invalidate_lock);
		f = mapping_get(m, first);
		read_unlock(&m->invalidate_lock);
		if (IS_ERR(f) || sleep_interrupted(SLEEP_KILLABLE))
			break;
		folio_put(f);
		cond_resched();
	}
}

u64 mapping_drop_clean(struct mapping *m, u64 first, u64 last)
{
	struct folio *f;
	u64 freed = 0;

	if (is_kept(m))
		return 0;
	while ((f = next_folio(m, &first, last))) {
		u32 n = folio_nr_pages(f);

		first = f->page.index + n;
		freed += lru_drop(f, false) ? n : 0;
		if (!first)
			break;
		cond_resched();
	}
	return freed;
}

/* --- reading in
 * --------------------------------------------------------------------------------------------- */

/* f is in the tree of m, referenced; makes it up to date. Drops the reference on failure. */
static struct folio *read_in(struct mapping *m, struct folio *f)
{
	int err = 0;

	folio_lock(f);
	if (!uptodate(f)) {
		/* Taken out while we waited: the caller looks again. */
		err = READ_ONCE(f->page.mapping) == m ? m->ops->read_folio(m, f) : -EAGAIN;
		if (!err)
			__atomic_fetch_or(&f->page.flags, 1u << PG_UPTODATE, __ATOMIC_RELEASE);
	}
	folio_unlock(f);
	if (!err)
		return f;
	folio_put(f);
	return ERR_PTR(err);
}

static struct folio *make_page(struct mapping *m, u64 index)
{
	struct folio *f = folio_alloc(0, ALLOC_USER | (mapping_is_memory(m) ? ALLOC_ZERO : 0)), *in;

	if (!f)
		return ERR_PTR(-ENOMEM);
	if (mapping_is_memory(m))
		page_set(&f->page, PG_UPTODATE);
	in = mapping_add(m, f, index);
	if (in != f) {
		folio_put(f);
	} else if (!is_kept(m)) {
		workingset_refault(f);
		lru_add(f);
	}
	return in;
}

struct folio *mapping_get(struct mapping *m, u64 index)
{
	for (;;) {
		struct folio *f = lookup(m, index);

		if (!f) {
			f = make_page(m, index);
			if (IS_ERR(f))
				return f;
		}
		if (likely(uptodate(f)))
			return f;
		f = read_in(m, f);
		if (!IS_ERR(f) || PTR_ERR(f) != -EAGAIN)
			return f;
	}
}
