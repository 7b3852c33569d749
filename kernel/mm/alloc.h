/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the page, slab and kernel virtual memory allocators share. */
#ifndef MM_ALLOC_H
#define MM_ALLOC_H
#include <mm/page.h>
#include <mm/stat.h>
#include "lru_plan.h"

/* --- buddy.c
 * ---------------------------------------------------------------------------------------- */
struct zone {
	struct spinlock lock;			/* taken with interrupts off; guards what follows */
	u32 nonempty;				/* bit n: free[n] has blocks */
	struct list free[MAX_ORDER + 1];
	u64 nr_free;				/* pages in free[] */
	/* changed by sysctls */
	u64 reserve;				/* pages that only ALLOC_ATOMIC may take */
	struct watermarks mark;			/* mark.min is reserve */
	u64 pages;				/* RAM, deferred too */
};
extern struct zone zone;
/* The state of a descriptor that nobody holds. */
static inline void page_reset(struct page *p, u32 flags, u32 order)
{
	p->flags = flags;
	p->order = (u8)order;
	p->kind = 0;
	p->aux = 0;
	p->refcount.v = 0;
	p->mapcount.v = 0;
}

void buddy_init(void);
/* With zone.lock held: a block off the lists, header zeroed but for its order; NULL if none. */
struct page *buddy_take(u32 order);
void buddy_give(struct page *p, u32 order);	/* merges; zone.lock held */
void buddy_give_run(pfn_t start, pfn_t end);	/* as buddy_give_range; zone.lock held */
/* The free blocks that lie in [start, end) leave the lists, chained in out; how many pages. zone.lock
 * held. */
u64 buddy_isolate(pfn_t start, pfn_t end, struct list *out);
/* Gives [start, end) in blocks as large as alignment allows. The descriptors hold no state that
 * matters. */
void buddy_give_range(pfn_t start, pfn_t end);

/* --- vmemmap.c
 * -------------------------------------------------------------------------------------- */
void vmemmap_init(void);
/* Brings one more piece of deferred RAM in. false: there is none. Sleeps. */
bool vmemmap_grow(void);
u64 vmemmap_deferred(void);			/* pages not brought in yet */
u64 vmemmap_given_back(void);			/* pages that mm_free_reserved gave */
/* The n-th run of pages that have descriptors. */
bool vmemmap_run(u32 n, pfn_t *start, pfn_t *end);

/* --- early.c
 * ---------------------------------------------------------------------------------------- */
struct range { paddr_t start, end; };
struct ranges { u32 nr; struct range r[64]; };
extern struct ranges early_banks, early_reserved;	/* sorted, disjoint, whole pages */
paddr_t early_alloc_table(void);

/* --- folio.c
 * ---------------------------------------------------------------------------------------- */
u64 pcp_pages(void);				/* pages on the per-CPU lists */
void pcp_set_limits(u64 pages);
void pcp_drain_local(void);			/* this CPU's lists back to the buddy lists */

/* --- reclaim.c
 * -------------------------------------------------------------------------------------- */
/* Rounds of one allocation: those that count against it, without a page in a row, while it dies. */
struct reclaim_try { u32 rounds, idle, dying; };
/* Called by an allocation that found nothing; sleeps. false: give up. */
bool reclaim_for(u32 order, u32 flags, struct reclaim_try *t);
/* An allocation that may sleep left fewer than zone.mark.low pages. */
void kswapd_wake(void);
/* What CPUs and slabs keep for themselves goes back to the buddy lists, on all CPUs. Sleeps. */
void drain_free_lists(void);
/* --- compact.c: tries to make a free block of the order, where enough is free. Sleeps. */
bool compact_for(u32 order);
/* The same for a block that can be done without: after failures not every call looks. */
bool compact_gently(u32 order);
void watermarks_update(void);	/* after zone.reserve or the scale changed */

/* --- slab.c, kmalloc.c
 * ------------------------------------------------------------------------------ */
void slab_init(void);
void slab_drain_local(void); /* this CPU's lists back to the slabs; interrupts off */
void slab_trim(void);	/* frees the empty slabs that caches keep */

/* --- lru.c
 * ----------------------------------------------------------------------------------- */
struct folio;
/* A page-cache folio that can be dropped and read again; PG_ACTIVE says on which list. */
void lru_add(struct folio *f);
bool lru_del(struct folio *f);			/* false: it is not on a list */
u64 lru_pages(bool active);

/* --- split.c
 * --------------------------------------------------------------------------------- */
void split_forget(struct folio *f);	/* f is freed or split; also if it does not wait */

/* --- folio_lock.c
 * ------------------------------------------------------------------------------------ */
void folio_lock_init(void);

/* --- kvmem.c
 * ---------------------------------------------------------------------------------------- */
/* Serialises arch_kmap. */
void kmap_lock(void);
void kmap_unlock(void);
paddr_t kmap_table(void);			/* a table page for arch_kmap; 0: none */
void kstack_trim(void);				/* frees cached stacks; sleeps */
#endif
