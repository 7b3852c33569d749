/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folio allocator: per-CPU lists of small blocks in front of the buddy lists.
 *
 * A CPU's lists are touched only by that CPU with interrupts off, so that allocating and freeing
 * take no lock until a list is empty or full; then a batch moves. Blocks on these lists have a zero
 * header but for the order (refcount 0, not PG_BUDDY). The lists are arrays by CPU number, not
 * per-CPU variables: they work before those are set up.
 */
#include <base/assert.h>
#include <base/string.h>
#include <mm/lineage.h>
#include <mm/thp.h>
#include "alloc.h"

#define PCP_ORDERS 5

struct pcp {
	struct page *head;	/* linked by page.head */
	u32 count;
};
static struct { struct pcp list[PCP_ORDERS]; } __aligned(64) pcps[MAX_CPUS];
/* Blocks at which a list is full, and that move at a time. The high orders are for bursts only. */
static u16 pcp_high[PCP_ORDERS] = { 32, 8, 8, 2, 2 };
static u16 pcp_batch[PCP_ORDERS] = { 16, 4, 4, 1, 1 };	/* powers of two */

void pcp_set_limits(u64 pages)
{
	u64 high = 1ull << ilog2(clamp(pages / 512, 32ull, 256ull));

	for (u32 o = 0; o < PCP_ORDERS; o++) {
		u64 n = max(high >> (o ? o + 1 : 0), 2ull);

		pcp_high[o] = (u16)n;
		pcp_batch[o] = (u16)max(n / 4, 1ull);
	}
	zone.reserve = clamp(pages / 256, 16ull, 1024ull);
	zone.pages = pages;
	watermarks_update();
}

u64 pcp_pages(void)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		for (u32 o = 0; o < PCP_ORDERS; o++)
			n += (u64)READ_ONCE(pcps[cpu].list[o].count) << o;
	return n;
}

static inline void pcp_push(struct pcp *l, struct page *p)
{
	p->head = l->head;
	l->head = p;
	l->count++;
}

static inline struct page *pcp_pop(struct pcp *l)
{
	struct page *p = l->head;

	l->head = p->head;
	l->count--;
	return p;
}

/* A block from the buddy lists, unless that would break into the reserve. */
static struct page *take_locked(u32 order, u32 flags)
{
	if (!(flags & ALLOC_ATOMIC) && zone.nr_free < zone.reserve + (1ull << order))
		return NULL;
	return buddy_take(order);
}

/*
 * A batch of blocks as one block of a higher order, cut up so that they are handed out by ascending
 * address: what is mapped together then lies together. NULL if there is none, or it would break
 * into the reserve.
 */
static struct page *refill_cut(struct pcp *l, u32 order)
{
	u32 n = pcp_batch[order];
	struct page *p = take_locked(order + ilog2(n), 0);

	if (!p)
		return NULL;
	while (--n) {
		struct page *q = folio_page((struct folio *)p, n << order);

		page_reset(q, 0, order);
		pcp_push(l, q);
	}
	p->order = (u8)order;
	return p;
}

/* One block for the caller and a batch for this CPU's list. Interrupts off. */
static struct page *refill(struct pcp *l, u32 order, u32 flags)
{
	struct page *p;

	spin_lock(&zone.lock);
	p = refill_cut(l, order);
	if (!p) {
		p = take_locked(order, flags);
		for (u32 n = pcp_batch[order]; p && n > 1; n--) {
			struct page *more = take_locked(order, 0);

			if (!more)
				break;
			pcp_push(l, more);
		}
	}
	arch_spin_unlock(&zone.lock);
	preempt_enable_no_resched();
	return p;
}

static struct page *take_once(u32 order, u32 flags)
{
	u64 irq = irq_save();
	struct page *p;

	if (order < PCP_ORDERS) {
		struct pcp *l = &pcps[cpu_id()].list[order];

		p = l->head ? pcp_pop(l) : refill(l, order, flags);
	} else {
		spin_lock(&zone.lock);
		p = take_locked(order, flags);
		arch_spin_unlock(&zone.lock);
		preempt_enable_no_resched();
	}
	irq_restore(irq);
	return p;
}

static __noinline struct page *take_slow(u32 order, u32 flags)
{
	struct reclaim_try t = { 0 };
	struct page *p;

	if (order > MAX_ORDER)
		return NULL;
	if (unlikely(current_core()->reclaiming))
		return take_once(order, flags | ALLOC_ATOMIC);
	p = take_once(order, flags);
	if (unlikely(READ_ONCE(zone.nr_free) < zone.mark.low))
		kswapd_wake();
	if (flags & ALLOC_ATOMIC)
		return p;
	while (!p && reclaim_for(order, flags, &t))
		p = take_once(order, flags);
	return p;
}

/* The first owner's view of a block: one reference, no state of former owners. */
static inline void prepare(struct page *p, u32 order)
{
	/* who comes by the number and finds the count sees no flags of former owners (kpage.c) */
	store_release(&p->refcount.v, 1);
	p->mapping = NULL;
	p->index = 0;
	p->private = 0;
	for (u32 n = 1; unlikely(n < 1u << order); n++) {
		struct page *t = folio_page((struct folio *)p, n);

		t->flags = 1u << PG_TAIL;
		t->head = p;
		t->mapping = NULL;
	}
}

struct folio *folio_alloc(u32 order, u32 flags)
{
	struct page *p = NULL;

	if (likely(order < PCP_ORDERS)) {
		u64 irq = irq_save();
		struct pcp *l = &pcps[cpu_id()].list[order];

		if (likely(l->head))
			p = pcp_pop(l);
		irq_restore(irq);
	}
	if (unlikely(!p)) {
		p = take_slow(order, flags);
		if (!p)
			return NULL;
	}
	prepare(p, order);
	if (flags & ALLOC_ZERO)
		clear_pages(page_address(p), 1ull << order);
	return (struct folio *)p;
}

/* The list's first blocks as far as they are neighbours, at most n of them; returns how many, and
 * where they lie. */
static u32 pop_run(struct pcp *l, u32 order, u32 n, struct page **first)
{
	struct page *lo = pcp_pop(l), *hi = folio_page((struct folio *)lo, 1u << order);
	u32 run = 1;

	while (run < n && l->head) {
		struct page *p = l->head;

		if (folio_page((struct folio *)p, 1u << order) == lo)
			lo = p;
		else if (p == hi)
			hi = folio_page((struct folio *)p, 1u << order);
		else
			break;
		pcp_pop(l);
		run++;
	}
	*first = lo;
	return run;
}

/* Moves n blocks of a list back to the buddy lists. Interrupts off. */
static void spill(struct pcp *l, u32 order, u32 n)
{
	spin_lock(&zone.lock);
	while (n && l->head) {
		struct page *p;
		u32 run = pop_run(l, order, n, &p);

		if (run == 1)
			buddy_give(p, order);
		else
			buddy_give_run(page_to_pfn(p), page_to_pfn(p) + ((u64)run << order));
		n -= run;
	}
	arch_spin_unlock(&zone.lock);
	preempt_enable_no_resched();
}

#define NOT_FREEABLE                                                                               \
	((1u << PG_LOCKED) | (1u << PG_LRU) | (1u << PG_SLAB) | (1u << PG_TABLE) |                 \
	 (1u << PG_RESERVED) | (1u << PG_BUDDY) | (1u << PG_TAIL) | (1u << PG_DEFERRED))

/* Interrupts off. */
static __noinline void give_slow(struct page *p, u32 order)
{
	if (order < PCP_ORDERS) {
		struct pcp *l = &pcps[cpu_id()].list[order];

		pcp_push(l, p);
		spill(l, order, pcp_batch[order]);
	} else {
		spin_lock(&zone.lock);
		buddy_give(p, order);
		arch_spin_unlock(&zone.lock);
		preempt_enable_no_resched();
	}
}

static inline void give(struct page *p, u32 order)
{
	if (likely(order < PCP_ORDERS)) {
		struct pcp *l = &pcps[cpu_id()].list[order];

		if (likely(l->count < pcp_high[order])) {
			pcp_push(l, p);
			return;
		}
	}
	give_slow(p, order);
}

static __noinline __noreturn void bad_free(const struct page *p)
{
	panic("memory: freeing pfn %llx: flags %x mapcount %d refcount %d",
	      (unsigned long long)page_to_pfn(p), p->flags, p->mapcount.v, p->refcount.v);
}

/* Anonymous memory that is being freed: pages, and folios of one owner. */
struct anon_gone { u64 pages; struct lineage_node *owner; i64 folios; };

/* Nothing of its owner's is left in it. */
static inline void wipe(struct page *p, struct anon_gone *g)
{
	if (unlikely((p->flags & NOT_FREEABLE) || p->mapcount.v || p->refcount.v)) {
		lru_del((struct folio *)p);
		split_forget((struct folio *)p);
		if ((p->flags & NOT_FREEABLE) || p->mapcount.v || p->refcount.v)
			bad_free(p);
	}
	if (p->flags & (1u << PG_ANON)) {
		g->pages += 1ull << p->order;
		if (unlikely(p->order))
			thp_count_add(p->order, THP_NR_ANON, -1);
		if (unlikely(p->owner != g->owner)) {
			if (g->owner)
				lineage_put(g->owner, g->folios);
			g->owner = p->owner;
			g->folios = 0;
		}
		g->folios++;
	}
	p->flags = 0;
	p->kind = 0;
	p->aux = 0;
}

static inline void settle(const struct anon_gone *g)
{
	if (!g->owner)
		return;
	mem_stat_add(STAT_ANON, -(i64)g->pages);
	lineage_put(g->owner, g->folios);
}

void folio_free(struct folio *f)
{
	struct anon_gone gone = { 0 };
	u64 irq = irq_save();

	wipe(&f->page, &gone);
	give(&f->page, f->page.order);
	irq_restore(irq);
	settle(&gone);
}

void folios_free(struct folio **f, u32 n)
{
	struct anon_gone gone = { 0 };
	u64 irq = irq_save();

	for (u32 i = 0; i < n; i++) {
		wipe(&f[i]->page, &gone);
		give(&f[i]->page, f[i]->page.order);
	}
	irq_restore(irq);
	settle(&gone);
}

void pcp_drain_local(void)
{
	u64 irq = irq_save();

	for (u32 o = 0; o < PCP_ORDERS; o++)
		spill(&pcps[cpu_id()].list[o], o, ~0u);
	irq_restore(irq);
}

void *page_alloc(u32 flags)
{
	struct folio *f = folio_alloc(0, flags);

	return f ? folio_address(f) : NULL;
}

void page_free(void *addr)
{
	if (addr)
		folio_put((struct folio *)virt_to_page(addr));
}
