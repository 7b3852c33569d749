/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sleeping lock of a folio: PG_LOCKED, with the sleepers on one of a few hashed queues.
 * PG_WAITERS says that somebody may sleep; it is set before the last try, and cleared by the unlock
 * that wakes.
 */
#include <base/assert.h>
#include <hal/sync.h>
#include "alloc.h"

#define QUEUES 32
static struct wait_queue queues[QUEUES];

static struct wait_queue *queue_of(const struct folio *f)
{
	return &queues[((u64)f / STRUCT_PAGE_SIZE * 0x9e3779b97f4a7c15ull) >> 59];
}

void folio_lock_init(void)
{
	for (u32 i = 0; i < QUEUES; i++)
		wait_queue_init(&queues[i]);
}

bool folio_trylock(struct folio *f)
{
	return !page_test_set(&f->page, PG_LOCKED);
}

static bool lock_or_mark(struct folio *f)
{
	if (folio_trylock(f))
		return true;
	page_set(&f->page, PG_WAITERS);
	smp_mb();
	return folio_trylock(f);
}

void folio_lock(struct folio *f)
{
	if (unlikely(!folio_trylock(f)))
		wait_event(queue_of(f), lock_or_mark(f));
}

void folio_unlock(struct folio *f)
{
	u32 was = __atomic_fetch_and(&f->page.flags, ~((1u << PG_LOCKED) | (1u << PG_WAITERS)),
				     __ATOMIC_SEQ_CST);

	BUG_ON(!(was & (1u << PG_LOCKED)));
	if (was & (1u << PG_WAITERS))
		wake_up_all(queue_of(f));
}

static bool unlocked_or_mark(struct folio *f)
{
	if (!page_test(&f->page, PG_LOCKED))
		return true;
	page_set(&f->page, PG_WAITERS);
	smp_mb();
	return !page_test(&f->page, PG_LOCKED);
}

void folio_wait_unlocked(struct folio *f)
{
	wait_event(queue_of(f), unlocked_or_mark(f));
}
