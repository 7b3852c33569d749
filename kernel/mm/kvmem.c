/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel virtual memory. Addresses are plentiful, so they are handed out in slots of 2^n pages,
 * each class of size in its own region: finding, aligning and returning an address are a list
 * operation. A slot is always larger than what is mapped in it, so its last page is the guard of
 * this allocation and of the next slot; the first slot of a region is never used. A slot that was
 * used once keeps its descriptor (struct area) for ever, on its class's list while free, so that
 * freeing needs no memory and the kernel's page tables for it are used again.
 *
 * The pages are folios of small orders, each marked with its kind and its area (page.owner): that
 * is how vfree finds the area and how the audit knows them. Translations are invalidated before the
 * pages are freed.
 */
#include <base/alloc.h>
#include <base/assert.h>
#include <hal/boot.h>
#include <hal/pte.h>
#include <hal/rcu.h>
#include <hal/sync.h>
#include "alloc.h"

#define REGION_SHIFT	36			/* 64 GiB of addresses for each class */
#define MAX_CLASS	(REGION_SHIFT - PAGE_SHIFT - 1)
#define RUN_ORDER	3			/* largest folio tried */

struct area {
	u64 va;
	u32 npages;		/* mapped; 0: free */
	u32 class;
	struct area *next;
};

static struct {
	struct area *free;
	u64 used;		/* slots handed out so far, with the first, which stays empty */
} class_slots[MAX_CLASS + 1];
static struct spinlock slots_lock = SPINLOCK_INIT;
static struct mutex map_mutex = MUTEX_INIT(map_mutex);

void kmap_lock(void) { mutex_lock(&map_mutex); }
void kmap_unlock(void) { mutex_unlock(&map_mutex); }

paddr_t kmap_table(void)
{
	struct folio *f = folio_alloc(0, ALLOC_ZERO | ALLOC_ATOMIC);

	if (!f)
		return 0;
	f->page.kind = PAGE_KTABLE;
	mem_stat_add(STAT_KTABLES, 1);
	return page_to_phys(&f->page);
}

/* --- addresses
 * ---------------------------------------------------------------------------------------- */

static u64 region_base(u32 class)
{
	return align_up(VMALLOC_BASE, 1ul << REGION_SHIFT) + ((u64)class << REGION_SHIFT);
}

static struct area *new_slot(u32 class)
{
	struct area *a = kmalloc(sizeof(*a));
	u64 size = PAGE_SIZE << class, at;

	if (!a)
		return NULL;
	spin_lock(&slots_lock);
	at = ++class_slots[class].used * size;
	if (at + size > 1ul << REGION_SHIFT) {
		class_slots[class].used--;
		spin_unlock(&slots_lock);
		kfree(a);
		return NULL;
	}
	spin_unlock(&slots_lock);
	*a = (struct area){ .va = region_base(class) + at, .class = class };
	return a;
}

static struct area *get_slot(u32 class)
{
	struct area *a;

	spin_lock(&slots_lock);
	a = class_slots[class].free;
	if (a)
		class_slots[class].free = a->next;
	spin_unlock(&slots_lock);
	return a ? a : new_slot(class);
}

static void put_slot(struct area *a)
{
	spin_lock(&slots_lock);
	a->npages = 0;
	a->next = class_slots[a->class].free;
	class_slots[a->class].free = a;
	spin_unlock(&slots_lock);
}

/* The class whose slots hold npages with a guard and are aligned; MAX_CLASS + 1 if there is none.
 */
static u32 class_for(u64 npages, size_t align)
{
	u32 class = max(ilog2(npages) + 1, ilog2(align) - PAGE_SHIFT);

	return min(class, MAX_CLASS + 1u);
}

/* --- mapping
 * -------------------------------------------------------------------------------------------- */

static const enum mem_stat kind_stat[] = { [PAGE_KVM] = STAT_KVM, [PAGE_KSTACK] = STAT_KSTACK };

static struct folio *get_run(u32 pages_left, u32 flags)
{
	for (u32 o = min((u32)RUN_ORDER, ilog2(pages_left)); o; o--) {
		struct folio *f = folio_alloc(o, flags | ALLOC_NORECLAIM);

		if (f)
			return f;
	}
	return folio_alloc(0, flags);
}

static int map_run(struct area *a, struct folio *f, enum page_kind kind)
{
	u32 n = folio_nr_pages(f);
	u64 va = a->va + a->npages * PAGE_SIZE;
	int err;

	f->page.kind = (u8)kind;
	f->page.owner = a;
	kmap_lock();
	err = arch_kmap(va, page_to_phys(&f->page), n * PAGE_SIZE, MEM_NORMAL, true, kmap_table);
	if (err)
		arch_kunmap(va, n * PAGE_SIZE);
	kmap_unlock();
	if (err)
		return err;
	a->npages += n;
	mem_stat_add(kind_stat[kind], n);
	return 0;
}

/* Unmaps and frees everything in the area, and the slot. */
static void unmap_area(struct area *a)
{
	struct list folios = LIST_INIT(folios);
	struct folio *f;
	struct page *p, *next;

	for (u32 i = 0; i < a->npages; i += folio_nr_pages(f)) {
		f = (struct folio *)phys_to_page(arch_kernel_lookup(a->va + i * PAGE_SIZE));
		list_add(&folios, &f->page.lru);
	}
	if (a->npages) {
		kmap_lock();
		arch_kunmap(a->va, a->npages * PAGE_SIZE);
		kmap_unlock();
	}
	list_for_each_safe(p, next, &folios, lru) {
		mem_stat_add(kind_stat[p->kind], -(i64)(1ll << p->order));
		folio_put((struct folio *)p);
	}
	put_slot(a);
}

static void *map_area(size_t size, size_t align, enum page_kind kind, u32 flags)
{
	u64 npages = div_round_up(size, PAGE_SIZE);
	u32 class;
	struct area *a;

	if (!npages || npages > 1ul << MAX_CLASS)
		return NULL;
	class = class_for(npages, align);
	a = class <= MAX_CLASS ? get_slot(class) : NULL;
	if (!a)
		return NULL;
	while (a->npages < npages) {
		struct folio *f = get_run((u32)npages - a->npages, flags);

		if (!f || map_run(a, f, kind)) {
			if (f)
				folio_put(f);
			unmap_area(a);
			return NULL;
		}
	}
	return (void *)a->va;
}

static struct area *area_of(const void *p)
{
	paddr_t pa = arch_kernel_lookup((u64)p);
	struct area *a;

	BUG_ON(!pa);
	a = phys_to_page(pa)->owner;
	BUG_ON(!a || a->va != (u64)p);
	return a;
}

void *vmalloc(size_t size, size_t align)
{
	return map_area(size, max(align, PAGE_SIZE), PAGE_KVM, ALLOC_ZERO);
}

void vfree(const void *p)
{
	if (p)
		unmap_area(area_of(p));
}

void volatile *ioremap(paddr_t pa, size_t size)
{
	u64 off = pa & ~PAGE_MASK, len = align_up(size + off, PAGE_SIZE);
	struct area *a;
	u32 class;
	int err;

	if (!size || size > 1ul << (MAX_CLASS + PAGE_SHIFT - 1))
		return NULL;
	class = class_for(len >> PAGE_SHIFT, PAGE_SIZE);
	a = class <= MAX_CLASS ? get_slot(class) : NULL;
	if (!a)
		return NULL;
	kmap_lock();
	err = arch_kmap(a->va, pa - off, len, MEM_DEVICE, true, kmap_table);
	kmap_unlock();
	if (err) {
		put_slot(a);
		return NULL;
	}
	return (void volatile *)(a->va + off);
}

/* --- pages of others
 * --------------------------------------------------------------------------------------- */

void kvm_unmap_pages(struct area *a)
{
	kmap_lock();
	arch_kunmap(a->va, a->npages * PAGE_SIZE);
	kmap_unlock();
	put_slot(a);
}

struct area *kvm_map_pages(struct page *const *pages, u32 n, u32 again, void **va)
{
	u32 class = class_for((u64)n + again, PAGE_SIZE);
	struct area *a = class <= MAX_CLASS ? get_slot(class) : NULL;
	int err = 0;

	if (!a)
		return NULL;
	kmap_lock();
	for (u32 i = 0; i < n + again && !err; i++) {
		struct page *p = pages[i < n ? i : i - again];

		err = arch_kmap(a->va + i * PAGE_SIZE, page_to_phys(p), PAGE_SIZE, MEM_NORMAL, true,
				kmap_table);
	}
	kmap_unlock();
	a->npages = n + again;
	if (err) {
		kvm_unmap_pages(a);
		return NULL;
	}
	*va = (void *)a->va;
	return a;
}

/* --- kernel stacks
 * ----------------------------------------------------------------------------------------- */

/*
 * Stacks in reserve: a few per CPU, without a lock, since threads come and go in bursts.
 * kstack_free may be called by the scheduler with preemption off; what does not fit is unmapped
 * later, in a thread.
 */
#define STACKS_PER_CPU 4
static struct stack_cache {
	u32 n;
	void *stack[STACKS_PER_CPU];
} __aligned(64) stacks[MAX_CPUS];

static void *cached_stack(struct stack_cache *c)
{
	return c->n ? c->stack[--c->n] : NULL;
}

void *kstack_alloc(void)
{
	u64 irq = irq_save();
	void *s = cached_stack(&stacks[cpu_id()]);

	irq_restore(irq);
	return s ? s : map_area(KSTACK_SIZE, 2 * KSTACK_SIZE, PAGE_KSTACK, 0);
}

static void free_later(struct rcu_head *head)
{
	vfree(head);
}

void kstack_free(void *stack)
{
	u64 irq = irq_save();
	struct stack_cache *c = &stacks[cpu_id()];
	bool kept = c->n < STACKS_PER_CPU;

	if (kept)
		c->stack[c->n++] = stack;
	irq_restore(irq);
	if (!kept)
		call_rcu((struct rcu_head *)stack, free_later);
}

void kstack_trim(void)
{
	for (;;) {
		u64 irq = irq_save();
		void *s = cached_stack(&stacks[cpu_id()]);

		irq_restore(irq);
		if (!s)
			return;
		vfree(s);
	}
}
