/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving page cache to other frames: of files that are read in, and of memory files, which have
 * nowhere else to be.
 *
 * A fault brings a file's page back, so it need not stay mapped: all leaves go, and with the file's
 * invalidate_lock held for writing no new ones come. Then, under mapping->lock, where everybody who
 * looks in the file takes a reference, the count becomes 0 if it is the tree's and ours; that keeps
 * those away, too, who come by the frame's number. Nobody can see the folio any more, and nobody its
 * successor, until that is in its place. Whoever uses it meanwhile (a read, a write, a pin) has a
 * reference, and it stays.
 *
 * What keeps the mapping in memory is an RCU section over all of it, so locks are only tried: the
 * one who wants memory may have them himself. A folio of a file that is read in is locked, too.
 */
#include <hal/rcu.h>
#include <mm/mapping.h>
#include "alloc.h"
#include "lru.h"
#include "mapping_internal.h"
#include "migrate.h"

/*
 * f is the tree's and ours alone: to takes its place and its flags. One that is about to enter the
 * file names it already, and has as many references: its maker's. m locked.
 */
static bool take_place(struct mapping *m, struct folio *f, struct folio *to)
{
	const u32 same = 1u << PG_UPTODATE | 1u << PG_DIRTY | 1u << PG_REFERENCED | 1u << PG_ACTIVE |
			 1u << PG_WORKINGSET | 1u << PG_SHMEM;
	u32 n = folio_nr_pages(f);
	i32 refs = 2;

	if (f->page.mapping != m || radix_find(&m->tree, f->page.index) != f ||
	    !__atomic_compare_exchange_n(&f->page.refcount.v, &refs, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	copy_pages(folio_address(to), folio_address(f), n);
	to->page.mapping = m;
	to->page.index = f->page.index;
	if (n > 1)
		atomic_set(&folio_page(to, 1)->mapcount, 0);
	folio_get(to);			/* the tree's */
	__atomic_fetch_or(&to->page.flags, READ_ONCE(f->page.flags) & same, __ATOMIC_RELEASE);
	for (u32 i = 0; i < n; i++)
		radix_replace(&m->tree, to->page.index + i, to);
	store_release(&f->page.mapping, NULL);
	store_release(&f->page.refcount.v, 1);
	return true;
}

/* RCU section. */
static bool move_in(struct mapping *m, struct folio *f, struct folio *to)
{
	bool listed, done;

	if (!write_trylock(&m->invalidate_lock))
		return false;
	mapping_unmap_range(m, f->page.index, folio_nr_pages(f), false);
	listed = lru_del(f);
	spin_lock(&m->lock);
	done = take_place(m, f, to);
	spin_unlock(&m->lock);
	write_unlock(&m->invalidate_lock);
	if (listed)
		lru_add(done ? to : f);
	return done;
}

bool folio_move_cache(struct folio *f, struct folio *to)
{
	struct lru_age age = { 0 };
	struct mapping *m;
	bool done = false;

	rcu_read_lock();
	m = READ_ONCE(f->page.mapping);
	if (m && !page_test(&f->page, PG_ANON) && mapping_uptodate(f) && folio_trylock(f)) {
		if (atomic_read(&f->page.mapcount))
			folio_age(f, &age);
		if (age.young)
			page_set(&f->page, PG_REFERENCED);
		done = f->page.mapping == m && !age.locked && move_in(m, f, to);
		folio_unlock(f);
	}
	rcu_read_unlock();
	mem_stat_add(done ? STAT_MIGRATED : STAT_MIGRATE_FAILED, folio_nr_pages(f));
	return done;
}
