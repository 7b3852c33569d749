/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free memory in blocks of 2^order pages, order 0 to MAX_ORDER, one list for each. A free block's
 * first descriptor has PG_BUDDY and the order; only the holder of zone.lock sets or clears that
 * bit, so it may be tested on any buddy, whoever owns it. All other descriptors in a free block
 * mean nothing.
 */
#include <base/assert.h>
#include "alloc.h"

struct zone zone = { .lock = SPINLOCK_INIT };

void buddy_init(void)
{
	for (u32 i = 0; i <= MAX_ORDER; i++)
		list_init(&zone.free[i]);
}

static inline void insert_block(struct page *p, u32 order)
{
	page_reset(p, 1u << PG_BUDDY, order);
	list_add(&zone.free[order], &p->lru);
	zone.nonempty |= 1u << order;
}

static inline void remove_block(struct page *p, u32 order)
{
	p->lru.prev->next = p->lru.next;
	p->lru.next->prev = p->lru.prev;
	if (list_empty(&zone.free[order]))
		zone.nonempty &= ~(1u << order);
}

struct page *buddy_take(u32 order)
{
	u32 fit = zone.nonempty >> order, o;
	struct page *p;

	if (!fit)
		return NULL;
	o = order + (u32)__builtin_ctz(fit);
	p = list_first(&zone.free[o], struct page, lru);
	remove_block(p, o);
	while (o > order) {
		o--;
		insert_block(folio_page((struct folio *)p, 1u << o), o);
	}
	page_reset(p, 0, order);
	zone.nr_free -= 1ull << order;
	return p;
}

void buddy_give(struct page *p, u32 order)
{
	pfn_t pfn = page_to_pfn(p);

	zone.nr_free += 1ull << order;
	while (order < MAX_ORDER) {
		struct page *b = pfn_to_page(pfn ^ (1ull << order));

		if (!(READ_ONCE(b->flags) & (1u << PG_BUDDY)) || b->order != order)
			break;
		remove_block(b, order);
		b->flags = 0;
		pfn &= ~(1ull << order);
		order++;
	}
	insert_block(pfn_to_page(pfn), order);
}

u64 buddy_isolate(pfn_t start, pfn_t end, struct list *out)
{
	u64 n = 0;

	for (pfn_t pfn = start; pfn < end;) {
		struct page *p = pfn_to_page(pfn);
		u32 order = p->order;

		if (!page_test(p, PG_BUDDY) || pfn + (1ull << order) > end) {
			pfn++;
			continue;
		}
		remove_block(p, order);
		page_reset(p, 0, order);
		list_add(out, &p->lru);
		n += 1ull << order;
		pfn += 1ull << order;
	}
	zone.nr_free -= n;
	return n;
}

void buddy_give_run(pfn_t start, pfn_t end)
{
	while (start < end) {
		u32 order =
			min(start ? (u32)__builtin_ctzll(start) : MAX_ORDER, ilog2(end - start));

		order = min(order, (u32)MAX_ORDER);
		buddy_give(pfn_to_page(start), order);
		start += 1ull << order;
	}
}

void buddy_give_range(pfn_t start, pfn_t end)
{
	u64 flags = spin_lock_irqsave(&zone.lock);

	buddy_give_run(start, end);
	spin_unlock_irqrestore(&zone.lock, flags);
}
