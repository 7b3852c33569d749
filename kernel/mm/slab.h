/* SPDX-License-Identifier: BSD-2-Clause */
/* A slab cache, and the fast paths that slab_alloc and kmalloc share. */
#ifndef MM_SLAB_INTERNAL_H
#define MM_SLAB_INTERNAL_H
#include <base/alloc.h>
#include "alloc.h"

struct slab_cpu {
	void *head; /* free objects, linked by their first word; own CPU with interrupts off */
	u32 count;
};

struct slab_cache {
	struct slab_cpu cpu[MAX_CPUS];
	/* set once */
	u16 limit, batch; /* objects at which a CPU's list is full, and that move at a time; 0:
			     debugging */
	u8 order, min_order;	/* of a slab, and when memory is short */
	bool debug, reclaimable;
	u32 size, stride;
	const char *name;
	struct list link;	/* caches_lock */
	/* lock, interrupts off */
	struct spinlock lock;
	u32 nr_empty;		/* slabs with nothing out */
	struct list partial;
	u64 nr_out, nr_total;	/* objects */
	u64 nr_pages;
};

void slab_cache_init(struct slab_cache *c, const char *name, size_t size, size_t align);
void *slab_alloc_slow(struct slab_cache *c, u32 flags);
/* Interrupts off; pc is this CPU's. */
void slab_free_slow(struct slab_cache *c, struct slab_cpu *pc, void *obj);
struct slab_cache *slab_cache_nth(u32 n);	/* NULL beyond the last */

static __always_inline void *slab_alloc_fast(struct slab_cache *c, u32 flags)
{
	u64 irq = irq_save();
	struct slab_cpu *pc = &c->cpu[cpu_id()];
	void *obj = pc->head;

	if (likely(obj)) {
		pc->head = *(void **)obj;
		pc->count--;
		irq_restore(irq);
		return obj;
	}
	irq_restore(irq);
	return slab_alloc_slow(c, flags);
}

static __always_inline void slab_free_fast(struct slab_cache *c, void *obj)
{
	u64 irq = irq_save();
	struct slab_cpu *pc = &c->cpu[cpu_id()];

	if (likely(pc->count < c->limit)) {
		*(void **)obj = pc->head;
		pc->head = obj;
		pc->count++;
	} else {
		slab_free_slow(c, pc, obj);
	}
	irq_restore(irq);
}
#endif
