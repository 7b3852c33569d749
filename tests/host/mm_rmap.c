/* SPDX-License-Identifier: BSD-2-Clause */
/* The reverse map against the counts of the folios, and operations through it that change nothing
 * that a program can see. */
#include <string.h>
#include <fake/fake.h>
#include "mm_model.h"
#include "rmap.h"
#include "lru.h"
#include "migrate.h"
#include "split.h"

/* A folio that leaves map: its head, or NULL. */
static struct folio *mapped_folio(u64 n)
{
	struct page *p = pfn_to_page((FAKE_RAM_BASE >> PAGE_SHIFT) + n);

	if (page_test(p, PG_TAIL) || page_test(p, PG_TABLE) || (struct folio *)p == zero_folio ||
	    atomic_read(&p->mapcount) <= 0 || ref_read(&p->refcount) <= 0)
		return NULL;
	return (struct folio *)p;
}

static bool tally_run(const struct rmap_run *r, void *arg)
{
	for (u32 i = 0; i < r->pages; i++)
		((u32 *)arg)[r->page + i]++;
	return true;
}

/* What is said of single pages: of all of a small folio's, of some of a large one's, as that takes a
 * walk each. */
static void check_pages(struct folio *f, u32 found)
{
	static u32 leaves[1u << MAX_ORDER];
	u32 n = folio_nr_pages(f), step = max(n / 16, 1u), sum = 0;

	memset(leaves, 0, n * sizeof(*leaves));
	rmap_walk(f, RMAP_LOOK, tally_run, leaves);
	for (u32 i = 0; i < n; i++)
		sum += leaves[i];
	BUG_ON(sum != found);
	for (u32 i = 0; i < n; i += step)
		BUG_ON(rmap_count_page(folio_page(f, i)) != leaves[i]);
	BUG_ON(rmap_count_page(folio_page(f, n - 1)) != leaves[n - 1]);
}

void mm_check_rmap(void)
{
	for (u64 n = 0; n < fake_ram_size >> PAGE_SHIFT; n++) {
		struct folio *f = mapped_folio(n);
		u32 found = f ? rmap_count(f) : 0;

		if (f && (i32)found != atomic_read(&f->page.mapcount))
			panic("%s folio %lx at %lx: %u leaves found, counts %d",
			      page_test(&f->page, PG_ANON) ? "anonymous" : "file", folio_pfn(f),
			      f->page.index, found, atomic_read(&f->page.mapcount));
		if (f)
			check_pages(f, found);
	}
}

/* As folio_of_frame: what has just been allocated, or is a table, has no reverse map. */
static bool is_user_folio(const struct page *p)
{
	if (page_test(p, PG_TABLE) || page_test(p, PG_TAIL) || (const struct folio *)p == zero_folio)
		return false;
	return page_test(p, PG_ANON) || (page_test(p, PG_UPTODATE) && READ_ONCE(p->mapping));
}

void mm_rmap_frame(pfn_t pfn, u32 what)
{
	struct page *p = pfn_to_page(pfn);

	if (page_test(p, PG_TAIL) || !ref_get_unless_zero(&p->refcount))
		return;
	if (is_user_folio(p) && atomic_read(&p->mapcount))
		mm_rmap_op((struct folio *)p, what);
	folio_put((struct folio *)p);
}

void mm_rmap_any(void)
{
	mm_rmap_frame((FAKE_RAM_BASE >> PAGE_SHIFT) + fake_random((u32)(fake_ram_size >> PAGE_SHIFT)),
		      fake_random(MM_RMAP_OPS));
}

/* Into parts of a random size, or as needed; perhaps around one page only. */
static void split(struct folio *f)
{
	int order = (int)fake_random(10) - 1;
	i32 only = fake_random(3) ? -1 : (i32)fake_random(folio_nr_pages(f));

	if (!folio_split(f, order == 1 ? 0 : order, only, false))
		BUG_ON(order >= 0 && only <= 0 && atomic_read(&f->page.mapcount) &&
		       folio_order(f) > (u32)order);
}

/* To another folio of its size. */
static void migrate(struct folio *f)
{
	struct folio *to = folio_alloc(folio_order(f), ALLOC_USER | ALLOC_NORECLAIM);
	u32 was = folio_order(f);

	if (!to)
		return;
	if (folio_order(f) == was &&
	    (page_test(&f->page, PG_ANON) ? folio_migrate(f, &to, was) : folio_move_cache(f, to)))
		BUG_ON(atomic_read(&f->page.mapcount));
	folio_put(to);
}

void mm_rmap_op(struct folio *f, u32 what)
{
	switch (what) {
	case 0: (void)!rmap_wrprotect(f, PT_ENTRIES); break;
	case 1: folio_age(f, &(struct lru_age){ 0 }); break;
	case 2:
		if (!page_test(&f->page, PG_ANON))
			rmap_unmap(f, UNMAP_LOCKED);
		break;
	case 3: split(f); break;
	case MM_RMAP_MIGRATE: migrate(f); break;
	default:
		if (page_test(&f->page, PG_ANON) && folio_order(f) &&
		    !folio_move_out(f, fake_random(folio_order(f)), NULL))
			BUG_ON(atomic_read(&f->page.mapcount));
	}
}
