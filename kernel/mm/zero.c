/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 2 MiB of zeros that blocks map read-only wherever much untouched memory is read. Leaves count
 * nothing (they are special), so an address space that has or may have some holds the folio as a
 * whole, from the first on until its end; fork's children do from their birth. When no address space
 * does, it is kept for the next one until memory is wanted.
 */
#include <base/init.h>
#include <hal/spinlock.h>
#include <mm/reclaim.h>
#include "internal.h"
#include "zero.h"

static struct spinlock lock = SPINLOCK_INIT;	/* what follows; mm->huge_zero is set under it */
static struct folio *zeros;			/* stays while somebody holds it */
static u64 holders;				/* address spaces */

u8 thp_use_zero_page = 1;

/* Takes over a reference to made (or NULL), if there is none yet. */
static struct folio *hold(struct mm *mm, struct folio *made)
{
	struct folio *f;

	spin_lock(&lock);
	if (!zeros) {
		zeros = made;
		made = NULL;
	}
	f = zeros;
	if (f && !mm->huge_zero) {
		holders++;
		WRITE_ONCE(mm->huge_zero, true);
	}
	spin_unlock(&lock);
	if (made) {
		page_clear(&made->page, PG_RESERVED);
		folio_put(made);
	}
	return f;
}

struct folio *huge_zero_get(struct mm *mm)
{
	struct folio *f = hold(mm, NULL);

	if (f)
		return f;
	f = folio_alloc(THP_PMD_ORDER, ALLOC_ZERO | ALLOC_NORECLAIM);
	mem_stat_add(f ? STAT_ZERO_BLOCK : STAT_ZERO_BLOCK_FAILED, 1);
	if (!f)
		return NULL;
	page_set(&f->page, PG_RESERVED);
	page_set(&f->page, PG_UPTODATE);
	return hold(mm, f);
}

void huge_zero_inherit(struct mm *child, const struct mm *parent)
{
	if (likely(!parent->huge_zero))
		return;
	spin_lock(&lock);
	holders++;
	child->huge_zero = true;
	spin_unlock(&lock);
}

void huge_zero_put(struct mm *mm)
{
	if (likely(!mm->huge_zero))
		return;
	spin_lock(&lock);
	holders--;
	mm->huge_zero = false;
	spin_unlock(&lock);
}

bool folio_is_zeros(const struct folio *f) { return f == zero_folio || f == READ_ONCE(zeros); }

/* --- when memory is short -------------------------------------------------------------------- */
static u64 count_zeros(void) { return READ_ONCE(zeros) && !READ_ONCE(holders) ? 1 : 0; }

static u64 drop_zeros(u64 nr)
{
	struct folio *f = NULL;

	if (!nr)
		return 0;
	spin_lock(&lock);
	if (!holders) {
		f = zeros;
		WRITE_ONCE(zeros, NULL);
	}
	spin_unlock(&lock);
	if (!f)
		return 0;
	page_clear(&f->page, PG_RESERVED);
	folio_put(f);
	return 1;
}

static struct shrinker shrinker = { .name = "zeros", .count = count_zeros, .shrink = drop_zeros };

static int zero_init(void)
{
	shrinker_register(&shrinker);
	return 0;
}
INITCALL(core, zero_init);
