/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The array of struct page, mapped at VMEMMAP_BASE only where there is RAM, in chunks: the
 * descriptors of 128 MiB are one 2 MiB block. Boot brings in the chunks that hold reserved ranges
 * and the first BOOT_PAGES; the rest of a large machine is deferred until an allocation finds
 * little left, and then pays for its own descriptors from its own start. So boot costs the same on
 * 256 MiB and on 64 GiB.
 *
 * A descriptor of zeros is a page inside a free block. In each 4 MiB piece that has any RAM all
 * descriptors exist and those of holes are PG_RESERVED, so that the buddy allocator may look at any
 * buddy without asking whether it exists.
 */
#include <base/assert.h>
#include <base/string.h>
#include <hal/boot.h>
#include <hal/pte.h>
#include "alloc.h"

#define CHUNK_PAGES	(PMD_SIZE / STRUCT_PAGE_SIZE)
#define PIECE_PAGES	(1ull << MAX_ORDER)
#define BOOT_PAGES	((256 * MIB) >> PAGE_SHIFT)

struct run {
	pfn_t start, end;
	pfn_t ready; /* pages below have descriptors; changed under kmap_lock after boot */
};
static struct run runs[ARRAY_SIZE(early_banks.r)];
static u32 nr_runs;
static u64 given_back;		/* pages that were reserved at boot and no longer are */

static void mark_reserved(pfn_t start, pfn_t end)
{
	for (; start < end; start++) {
		struct page *p = pfn_to_page(start);

		p->flags = 1u << PG_RESERVED;
		ref_init(&p->refcount);
	}
}

static pfn_t chunk_end(const struct run *r, pfn_t pfn)
{
	return min(r->end, align_down(pfn, CHUNK_PAGES) + CHUNK_PAGES);
}

/* The descriptors of [start, end) and of the holes beside it, at pa; memory there is zero. */
static int map_descriptors(pfn_t start, pfn_t end, paddr_t pa, paddr_t (*table)(void))
{
	pfn_t from = align_down(start, PIECE_PAGES), to = align_up(end, PIECE_PAGES);
	int err = arch_kmap((u64)pfn_to_page(from), pa, (to - from) * STRUCT_PAGE_SIZE, MEM_NORMAL,
			    true, table);

	if (err)
		return err;
	mark_reserved(from, start);
	mark_reserved(end, to);
	return 0;
}

static u64 descriptors_size(pfn_t start, pfn_t end)
{
	return (align_up(end, PIECE_PAGES) - align_down(start, PIECE_PAGES)) * STRUCT_PAGE_SIZE;
}

static void boot_chunk(struct run *r)
{
	pfn_t end = chunk_end(r, r->ready);
	u64 size = descriptors_size(r->ready, end);
	paddr_t pa = early_alloc(size, size == PMD_SIZE ? PMD_SIZE : PAGE_SIZE);

	if (map_descriptors(r->ready, end, pa, early_alloc_table))
		panic("memory: cannot map the page descriptors");
	r->ready = end;
}

/* The end of the last reserved range in the run, which boot has to reach; grows by early_alloc. */
static pfn_t reserved_end(const struct run *r)
{
	pfn_t last = r->start;

	for (u32 i = 0; i < early_reserved.nr; i++) {
		pfn_t s = early_reserved.r[i].start >> PAGE_SHIFT,
		      e = early_reserved.r[i].end >> PAGE_SHIFT;

		if (s < r->end && e > r->start)
			last = min(e, r->end);
	}
	return last;
}

static bool boot_step(u64 *pages)
{
	for (u32 i = 0; i < nr_runs; i++) {
		struct run *r = &runs[i];

		if (r->ready < reserved_end(r) || (r->ready < r->end && *pages < BOOT_PAGES)) {
			*pages -= min(*pages, r->ready - r->start);
			boot_chunk(r);
			*pages += r->ready - r->start;
			return true;
		}
	}
	return false;
}

/* Gives what is not reserved of [start, end) to the buddy allocator. */
static void give_unreserved(pfn_t start, pfn_t end)
{
	for (u32 i = 0; i < early_reserved.nr && start < end; i++) {
		pfn_t s = early_reserved.r[i].start >> PAGE_SHIFT,
		      e = early_reserved.r[i].end >> PAGE_SHIFT;

		if (e <= start || s >= end)
			continue;
		if (start < s)
			buddy_give_range(start, s);
		mark_reserved(max(s, start), min(e, end));
		start = e;
	}
	if (start < end)
		buddy_give_range(start, end);
}

/* The run of a bank. A bank that begins in the piece where the one before ends loses what lies in
 * that piece. */
static void add_run(const struct range *bank)
{
	pfn_t s = bank->start >> PAGE_SHIFT, e = bank->end >> PAGE_SHIFT;

	if (nr_runs)
		s = max(s, align_up(runs[nr_runs - 1].end, PIECE_PAGES));
	if (s < e)
		runs[nr_runs++] = (struct run){ s, e, s };
}

void vmemmap_init(void)
{
	u64 pages = 0, all = 0;

	for (u32 i = 0; i < early_banks.nr; i++)
		add_run(&early_banks.r[i]);
	while (boot_step(&pages))
		;
	for (u32 i = 0; i < nr_runs; i++) {
		give_unreserved(runs[i].start, runs[i].ready);
		all += runs[i].end - runs[i].start;
	}
	pcp_set_limits(all);
}

/* A chunk of deferred RAM, which nothing is in yet: its first pages become its descriptors.
 * kmap_lock is held. */
static bool grow_run(struct run *r)
{
	pfn_t start = r->ready, end = chunk_end(r, start);
	u64 size = descriptors_size(start, end);

	if (size >=
	    (end - start) << PAGE_SHIFT) { /* a few pages at the end: not worth their descriptors */
		r->end = start;
		return false;
	}
	for (u64 n = 0; n < size; n += PAGE_SIZE)
		clear_page(phys_to_virt((start << PAGE_SHIFT) + n));
	if (map_descriptors(start, end, start << PAGE_SHIFT, kmap_table))
		return false;
	mark_reserved(start, start + (size >> PAGE_SHIFT));
	store_release(&r->ready, end);
	buddy_give_range(start + (size >> PAGE_SHIFT), end);
	return true;
}

bool vmemmap_grow(void)
{
	bool grown = false;

	if (!vmemmap_deferred())
		return false;
	kmap_lock();
	for (u32 i = 0; i < nr_runs && !grown; i++)
		if (runs[i].ready < runs[i].end)
			grown = grow_run(&runs[i]);
	kmap_unlock();
	return grown;
}

u64 vmemmap_deferred(void)
{
	u64 n = 0;

	for (u32 i = 0; i < nr_runs; i++)
		n += READ_ONCE(runs[i].end) - READ_ONCE(runs[i].ready);
	return n;
}

bool vmemmap_run(u32 n, pfn_t *start, pfn_t *end)
{
	if (n >= nr_runs)
		return false;
	*start = runs[n].start;
	*end = load_acquire(&runs[n].ready);
	return true;
}

bool pfn_valid(pfn_t pfn)
{
	for (u32 i = 0; i < nr_runs; i++)
		if (pfn >= runs[i].start && pfn < load_acquire(&runs[i].ready))
			return true;
	return false;
}

void mm_free_reserved(paddr_t start, paddr_t end)
{
	pfn_t s = align_up(start, PAGE_SIZE) >> PAGE_SHIFT, e = end >> PAGE_SHIFT;

	for (; s < e; s++) {
		struct page *p;

		if (!pfn_valid(s))
			continue;
		p = pfn_to_page(s);
		if (WARN_ON(!page_test(p, PG_RESERVED)))
			continue;
		memset(p, 0, sizeof(*p));
		buddy_give_range(s, s + 1);
		__atomic_fetch_add(&given_back, 1, __ATOMIC_RELAXED);
	}
}

u64 vmemmap_given_back(void)
{
	return __atomic_load_n(&given_back, __ATOMIC_RELAXED);
}
