/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slabs: folios cut into objects of one size. Each CPU keeps a list of free objects of each cache,
 * linked through the objects, that only it touches, with interrupts off: allocating and freeing
 * take no lock until that list is empty or full; then a batch moves from or to the slabs under the
 * cache's lock.
 *
 * A slab's state is in its struct page: free_obj lists the objects given back, the low half of
 * index counts those cut so far (so a new slab costs nothing until used), the high half how many
 * fit, aux how many are out: with users or on CPUs' lists. Slabs with something left are on
 * cache->partial; full ones are on no list. A slab with nothing out goes back to the folio
 * allocator, but for one that the cache keeps.
 *
 * With slab_debug every object is followed by a word that says whether it is out and a red zone, a
 * free object is poisoned, and the CPU's lists are not used, so that every operation takes the
 * checking path.
 */
#include <base/assert.h>
#include <base/string.h>
#include <mm/audit.h>
#include <mm/slab.h>
#include "slab.h"

#define MAX_SLAB_ORDER	3
#define OUT_WORD	0x0b1ec7a110ca7edull
#define FREE_WORD	0x0b1ec7f4eed0000ull
#define RED_WORD	0xbb5ca1ab1e5bb5cull
#define POISON		0x6b
#define DEBUG_TAIL	16u

bool slab_debug;
static struct list caches = LIST_INIT(caches);
static struct spinlock caches_lock =
	SPINLOCK_INIT; /* taken with interrupts off: draining comes by IPI */

/* --- geometry
 * ---------------------------------------------------------------------------------------- */

/* The smallest order that holds four objects and wastes at most an eighth. */
static u8 best_order(u32 stride)
{
	for (u8 o = 0; o < MAX_SLAB_ORDER; o++) {
		u64 size = PAGE_SIZE << o;

		if (size / stride >= 4 && size % stride <= size / 8)
			return o;
	}
	return MAX_SLAB_ORDER;
}

static u8 least_order(u32 stride)
{
	u8 o = 0;

	while (PAGE_SIZE << o < stride)
		o++;
	return o;
}

void slab_cache_init(struct slab_cache *c, const char *name, size_t size, size_t align)
{
	u32 room;
	u64 irq;

	align = max(align, sizeof(void *));
	BUG_ON(!is_pow2(align) || align > PAGE_SIZE || !size || size > PAGE_SIZE << MAX_SLAB_ORDER);
	memset(c, 0, sizeof(*c));
	spin_init(&c->lock);
	list_init(&c->partial);
	c->name = name;
	c->size = (u32)size;
	c->debug = slab_debug;
	room = (u32)align_up(size, sizeof(void *));
	c->stride = (u32)align_up(room + (c->debug ? DEBUG_TAIL : 0), align);
	c->order = best_order(c->stride);
	c->min_order = least_order(c->stride);
	if (!c->debug) {
		c->limit = (u16)clamp(16384u / c->stride, 8u, 64u);
		c->batch = c->limit / 2;
	}
	irq = spin_lock_irqsave(&caches_lock);
	list_add_tail(&caches, &c->link);
	spin_unlock_irqrestore(&caches_lock, irq);
}

struct slab_cache *slab_create(const char *name, size_t size, size_t align)
{
	struct slab_cache *c = kmalloc(sizeof(*c));

	if (!c)
		panic("slab: no memory for the cache %s", name);
	slab_cache_init(c, name, size, align);
	return c;
}

void slab_reclaimable(struct slab_cache *c)
{
	BUG_ON(c->nr_pages);
	c->reclaimable = true;
}

/* --- debugging
 * ---------------------------------------------------------------------------------------- */

static u64 *debug_words(const struct slab_cache *c, void *obj)
{
	return (u64 *)((char *)obj + align_up(c->size, (u32)sizeof(void *)));
}

static void debug_mark(struct slab_cache *c, void *obj, u64 was, u64 is)
{
	u64 *w = debug_words(c, obj);

	if (w[0] != was || w[1] != RED_WORD)
		panic("slab %s: object %p: %s", c->name, obj,
		      w[1] != RED_WORD ? "written beyond its end"
		      : w[0] == is     ? "freed twice"
				       : "state overwritten");
	w[0] = is;
}

/* The first word is the free list's. */
static void debug_check_poison(struct slab_cache *c, void *obj)
{
	const u8 *b = obj;

	for (u32 i = sizeof(void *); i < c->size; i++)
		if (b[i] != POISON)
			panic("slab %s: object %p: written after it was freed, byte %u", c->name,
			      obj, i);
}

static void debug_out(struct slab_cache *c, void *obj)
{
	debug_mark(c, obj, FREE_WORD, OUT_WORD);
	debug_check_poison(c, obj);
}

static void debug_in(struct slab_cache *c, void *obj)
{
	debug_mark(c, obj, OUT_WORD, FREE_WORD);
	memset(obj, POISON, c->size);
}

static void debug_new(struct slab_cache *c, void *obj)
{
	u64 *w = debug_words(c, obj);

	memset(obj, POISON, c->size);
	w[0] = FREE_WORD;
	w[1] = RED_WORD;
}

/* --- slabs, under cache->lock with interrupts off
 * -------------------------------------------------------- */

static inline u32 slab_cut(const struct page *p) { return (u32)p->index; }
static inline u32 slab_capacity(const struct page *p) { return (u32)(p->index >> 32); }

/*
 * n objects of p, which has so many left, as a list that goes on with next: first those that were
 * given back, as they are linked, then new ones by ascending address.
 */
static void *slab_take(struct slab_cache *c, struct page *p, u32 n, void *next)
{
	void *first = p->free_obj, **last = &first;
	u32 left = n;
	char *obj;

	for (; left && *last; left--)
		last = *last;
	p->free_obj = *last;
	obj = (char *)page_address(p) + (size_t)slab_cut(p) * c->stride;
	p->index += left;
	if (unlikely(c->debug) && left)	/* one at a time */
		debug_new(c, obj);
	for (; left; left--, obj += c->stride) {
		*last = obj;
		last = (void **)obj;
	}
	*last = next;
	if (!p->aux)
		c->nr_empty--;
	p->aux = (u16)(p->aux + n);
	if (p->aux == slab_capacity(p))
		list_del(&p->lru);
	c->nr_out += n;
	return first;
}

/* A slab with nothing out leaves the cache. */
static void drop_slab(struct slab_cache *c, struct page *p)
{
	list_del(&p->lru);
	c->nr_pages -= 1ull << p->order;
	c->nr_total -= slab_capacity(p);
}

/* Returns the slab if it is to be freed. */
static struct page *slab_give(struct slab_cache *c, void *obj)
{
	struct page *p = &page_folio(virt_to_page(obj))->page;

	BUG_ON(p->slab != c || !p->aux);
	*(void **)obj = p->free_obj;
	p->free_obj = obj;
	c->nr_out--;
	if (p->aux-- == slab_capacity(p))
		list_add(&c->partial, &p->lru);
	if (p->aux)
		return NULL;
	if (c->nr_empty == 0) {
		c->nr_empty++;
		return NULL;
	}
	drop_slab(c, p);
	return p;
}

static void count_pages(const struct slab_cache *c, i64 n)
{
	mem_stat_add(STAT_SLAB, n);
	if (c->reclaimable)
		mem_stat_add(STAT_SLAB_RECLAIMABLE, n);
}

static void slab_release(struct page *p)
{
	count_pages(p->slab, -(i64)(1ll << p->order));
	page_clear(p, PG_SLAB);
	folio_put((struct folio *)p);
}

/* A new slab on c->partial. Interrupts on or off, as the flags allow. */
static bool slab_grow(struct slab_cache *c, u32 flags)
{
	struct folio *f = NULL;
	struct page *p;
	u64 irq;

	if (c->order > c->min_order)
		f = folio_alloc(c->order, flags | ALLOC_NORECLAIM);
	if (!f)
		f = folio_alloc(c->min_order, flags);
	if (!f)
		return false;
	p = &f->page;
	p->slab = c;
	p->free_obj = NULL;
	p->index = (u64)((PAGE_SIZE << p->order) / c->stride) << 32;
	page_set(p, PG_SLAB);
	count_pages(c, 1ll << p->order);
	irq = spin_lock_irqsave(&c->lock);
	list_add_tail(&c->partial, &p->lru);
	c->nr_empty++;
	c->nr_pages += 1ull << p->order;
	c->nr_total += slab_capacity(p);
	spin_unlock_irqrestore(&c->lock, irq);
	return true;
}

/* --- batches between the slabs and a CPU's list
 * ------------------------------------------------------------ */

static void *refill_locked(struct slab_cache *c)
{
	struct slab_cpu *pc = &c->cpu[cpu_id()];
	u32 want = max(c->batch, (u16)1);
	void *obj;

	while (want && !list_empty(&c->partial)) {
		struct page *p = list_first(&c->partial, struct page, lru);
		u32 n = min(want, slab_capacity(p) - p->aux);

		pc->head = slab_take(c, p, n, pc->head);
		pc->count += n;
		want -= n;
	}
	obj = pc->head;
	if (!obj)
		return NULL;
	pc->head = *(void **)obj;
	pc->count--;
	if (c->debug)
		debug_out(c, obj);
	return obj;
}

void *slab_alloc_slow(struct slab_cache *c, u32 flags)
{
	for (;;) {
		u64 irq = spin_lock_irqsave(&c->lock);
		void *obj = refill_locked(c);

		spin_unlock_irqrestore(&c->lock, irq);
		if (obj || !slab_grow(c, flags))
			return obj;
	}
}

/* Moves n objects of the list to their slabs. Interrupts off. */
static void spill(struct slab_cache *c, struct slab_cpu *pc, u32 n)
{
	struct list release = LIST_INIT(release);
	struct page *p, *next;

	spin_lock(&c->lock);
	for (; n && pc->head; n--) {
		void *obj = pc->head;

		pc->head = *(void **)obj;
		pc->count--;
		p = slab_give(c, obj);
		if (p)
			list_add(&release, &p->lru);
	}
	arch_spin_unlock(&c->lock);
	preempt_enable_no_resched();
	list_for_each_safe(p, next, &release, lru)
		slab_release(p);
}

void slab_free_slow(struct slab_cache *c, struct slab_cpu *pc, void *obj)
{
	if (c->debug)
		debug_in(c, obj);
	*(void **)obj = pc->head;
	pc->head = obj;
	pc->count++;
	spill(c, pc, max((u32)c->batch, 1u));
}

void slab_drain_local(void)
{
	struct slab_cache *c;

	spin_lock(&caches_lock);
	list_for_each(c, &caches, link)
		spill(c, &c->cpu[cpu_id()], ~0u);
	arch_spin_unlock(&caches_lock);
	preempt_enable_no_resched();
}

void slab_trim(void)
{
	struct slab_cache *c;

	for (u32 i = 0; (c = slab_cache_nth(i)); i++) {
		u64 irq = spin_lock_irqsave(&c->lock);
		struct page *p, *found = NULL;

		if (c->nr_empty)
			list_for_each(p, &c->partial, lru)
				if (!p->aux) {
					found = p;
					break;
				}
		if (found) {
			c->nr_empty--;
			drop_slab(c, found);
		}
		spin_unlock_irqrestore(&c->lock, irq);
		if (found)
			slab_release(found);
	}
}

/* --- the interface
 * ------------------------------------------------------------------------------------------ */

void *slab_alloc(struct slab_cache *c)
{
	return slab_alloc_fast(c, 0);
}

void *slab_zalloc(struct slab_cache *c)
{
	void *obj = slab_alloc_fast(c, 0);

	if (obj)
		memset(obj, 0, c->size);
	return obj;
}

void slab_free(struct slab_cache *c, void *obj)
{
	if (obj)
		slab_free_fast(c, obj);
}

static u64 on_cpus(const struct slab_cache *c)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		n += READ_ONCE(c->cpu[cpu].count);
	return n;
}

struct slab_cache *slab_cache_nth(u32 n)
{
	struct slab_cache *c, *found = NULL;
	u64 irq = spin_lock_irqsave(&caches_lock);

	list_for_each(c, &caches, link)
		if (!n--) {
			found = c;
			break;
		}
	spin_unlock_irqrestore(&caches_lock, irq);
	return found;
}

bool slab_stat(u32 n, struct slab_stat *s)
{
	struct slab_cache *c;
	u64 irq;

	c = slab_cache_nth(n);
	if (!c)
		return false;
	irq = spin_lock_irqsave(&c->lock);
	*s = (struct slab_stat){ c->name, c->size, c->nr_out, c->nr_total, c->nr_pages };
	spin_unlock_irqrestore(&c->lock, irq);
	s->in_use -= min(s->in_use, on_cpus(c));
	return true;
}
