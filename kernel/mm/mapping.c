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
#include <mm/thp.h>
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

void mapping_count(const struct mapping *m, u32 order, i64 n)
{
	bool kept = is_kept(m);

	mem_stat_add(kept ? STAT_SHMEM : STAT_CACHE, n * (1ll << order));
	if (unlikely(order >= THP_PMD_ORDER))
		mem_stat_add(kept ? STAT_SHMEM_HUGE : STAT_CACHE_HUGE, n * (1ll << order));
}

/* Of a folio of 2 MiB, its second page counts the blocks that map it. */
void file_block_mapped(struct folio *f, i32 n)
{
	i32 now = __atomic_add_fetch(&folio_page(f, 1)->mapcount.v, n, __ATOMIC_RELAXED);

	if (!now == !(now - n))
		return;
	mem_stat_add(page_test(&f->page, PG_SHMEM) ? STAT_SHMEM_BLOCKS : STAT_CACHE_BLOCKS,
		     now ? 1ll << THP_PMD_ORDER : -(1ll << THP_PMD_ORDER));
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

	if (f && unlikely(!mapping_uptodate(f))) {
		folio_put(f);
		return NULL;
	}
	return f;
}

u32 mapping_find_run(struct mapping *m, u64 first, u32 n, struct folio **out)
{
	spin_lock(&m->lock);
	n = radix_find_run(&m->tree, first, n, (void **)out);
	for (u32 i = 0, same; i < n; i += same) {
		struct folio *f = out[i];

		same = 1;
		if (!f)
			continue;
		while (unlikely(folio_order(f)) && i + same < n && out[i + same] == f)
			same++;
		if (likely(mapping_uptodate(f)))
			folio_get_many(f, (i32)same);
		else
			memset(&out[i], 0, same * sizeof(*out));
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

/* A folio with one of n pages from index on, or NULL. m locked. */
static struct folio *any_of(struct mapping *m, u64 index, u32 n)
{
	u64 at = index;
	struct folio *f;

	if (n == 1)
		return radix_find(&m->tree, index);
	f = radix_next(&m->tree, &at);
	return f && at < index + n ? f : NULL;
}

/* Nodes for n aligned slots: those of the last, which makes the tree high enough, and a leaf for each
 * further 64. */
static u32 nodes_for(struct mapping *m, u64 index, u32 n)
{
	return radix_need(&m->tree, index + n - 1) + (n - 1) / RADIX_SLOTS;
}

static void enter(struct mapping *m, struct folio *f, struct radix_pool *pool)
{
	u32 n = folio_nr_pages(f);

	folio_get(f);
	for (u32 i = 0; i < n; i++)
		radix_insert(&m->tree, f->page.index + i, f, pool);
	m->nr_pages += n;
}

struct folio *mapping_add(struct mapping *m, struct folio *f, u64 index)
{
	struct radix_pool pool = { 0 };
	u32 need, n = folio_nr_pages(f);
	struct folio *there;
	int err = charge(m, n);

	if (err)
		return ERR_PTR(err);
	f->page.mapping = m;
	f->page.index = index;
	if (m->ops && m->ops->keep)
		page_set(&f->page, PG_SHMEM);
	if (n > 1)
		atomic_set(&folio_page(f, 1)->mapcount, 0);
	for (;;) {
		spin_lock(&m->lock);
		there = any_of(m, index, n);
		need = there ? 0 : nodes_for(m, index, n);
		if (need <= pool.nr)
			break;
		spin_unlock(&m->lock);
		if (!radix_pool_fill(&pool, need)) {
			err = -ENOMEM;
			goto fail;
		}
	}
	if (!there)
		enter(m, f, &pool);
	else if (n == 1)
		folio_get(there);
	else
		err = -EEXIST;
	spin_unlock(&m->lock);
	radix_pool_empty(&pool);
	if (!there) {
		mapping_count(m, folio_order(f), 1);
		return f;
	}
fail:
	radix_pool_empty(&pool);
	f->page.mapping = NULL;
	charge(m, -(i64)n);
	return err ? ERR_PTR(err) : there;
}

/* --- taking out
 * ------------------------------------------------------------------------------------------- */

static void forget_slots(struct mapping *m, struct folio *f)
{
	u32 n = folio_nr_pages(f);

	for (u32 i = 0; i < n; i++)
		radix_remove(&m->tree, f->page.index + i);
	m->nr_pages -= n;
}

void mapping_forget(struct mapping *m, struct folio *f)
{
	forget_slots(m, f);
	charge(m, -(i64)folio_nr_pages(f));
}

/*
 * Takes out up to REMOVE_BATCH folios that lie in [*first, last]; *first goes on behind them. false:
 * there are no more.
 */
static bool remove_some(struct mapping *m, u64 *first, u64 last)
{
	struct folio *gone[REMOVE_BATCH];
	u32 n = 0, pages = 0;
	struct folio *f;

	spin_lock(&m->lock);
	while (n < REMOVE_BATCH && *first <= last && (f = radix_next(&m->tree, first)) &&
	       *first <= last) {
		u64 index = f->page.index, behind = index + folio_nr_pages(f);

		if (index >= *first && behind - 1 <= last) {
			forget_slots(m, f);
			pages += folio_nr_pages(f);
			gone[n++] = f;
		}
		*first = behind;
		if (!behind)
			break;
	}
	spin_unlock(&m->lock);
	if (!n)
		return false;
	for (u32 i = 0; i < n; i++) {
		mapping_count(m, folio_order(gone[i]), -1);
		store_release(&gone[i]->page.mapping, NULL);
		folio_put(gone[i]);
	}
	charge(m, -(i64)pages);
	return n == REMOVE_BATCH && *first;
}

/* All pages of f are of first..last. */
static bool folio_within(const struct folio *f, u64 first, u64 last)
{
	return f->page.index >= first && f->page.index + folio_nr_pages(f) - 1 <= last;
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
	mapping_count(m, folio_order(f), -1);
	store_release(&f->page.mapping, NULL);
	return true;
}

void mapping_remove_folio(struct mapping *m, struct folio *f)
{
	bool removed = remove_locked(m, f);

	folio_unlock(f);
	if (removed) {
		lru_del(f);
		folio_put(f);
	}
}

/* Of a file that is read in. Sleeps for each folio's lock. */
static void remove_droppable(struct mapping *m, u64 first, u64 last)
{
	struct folio *f;

	while ((f = next_folio(m, &first, last))) {
		folio_lock(f);
		if (f->page.mapping == m && !folio_within(f, first, last)) {
			first = f->page.index + folio_nr_pages(f);
			folio_unlock(f);
			folio_put(f);
			if (!first)
				break;
			continue;
		}
		mapping_remove_folio(m, f);
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
	while (remove_some(m, &first, last))
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

u64 mapping_drop_clean(struct mapping *m, u64 first, u64 last)
{
	struct folio *f;
	u64 freed = 0;

	if (is_kept(m))
		return 0;
	while ((f = next_folio(m, &first, last))) {
		u64 index = f->page.index;
		u32 n = folio_nr_pages(f);

		if (index >= first && index + n - 1 <= last)
			freed += lru_drop(f, false) ? n : 0;
		else
			folio_put(f);
		first = index + n;
		if (!first)
			break;
		cond_resched();
	}
	return freed;
}

/* --- reading in
 * --------------------------------------------------------------------------------------------- */

struct folio *mapping_read_in(struct mapping *m, struct folio *f)
{
	int err = 0;

	folio_lock(f);
	if (!mapping_uptodate(f)) {
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

struct folio *mapping_make(struct mapping *m, u64 index, u32 order, u32 flags)
{
	struct folio *f, *in;

	f = folio_alloc(order, flags | ALLOC_USER | (mapping_is_memory(m) ? ALLOC_ZERO : 0));
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
			f = mapping_make(m, index, 0, 0);
			if (IS_ERR(f))
				return f;
		}
		if (likely(mapping_uptodate(f)))
			return f;
		f = mapping_read_in(m, f);
		if (!IS_ERR(f) || PTR_ERR(f) != -EAGAIN)
			return f;
	}
}

struct folio *mapping_get_large(struct mapping *m, u64 index, u32 orders)
{
	struct folio *f = orders ? mapping_find(m, index) : NULL;

	for (; !f && orders; orders &= ~(1u << ilog2(orders))) {
		u32 order = ilog2(orders);

		f = mapping_make(m, align_down(index, 1ull << order), order, ALLOC_NORECLAIM);
		thp_count_shmem(order, f);
		if (IS_ERR(f))
			f = NULL;
	}
	return f ? f : mapping_get(m, index);
}
