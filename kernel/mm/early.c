/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory before the allocators: which physical ranges are RAM, which of them are taken, and a
 * first-fit allocator of what is left. One CPU, no locks.
 *
 * The linear map does not exist at first, and its tables have to be written through it. So the GiB
 * around the kernel image is mapped with tables from the image itself (boot_tables); early_alloc
 * serves from that window, which is enough for the tables of all other RAM.
 */
#include <base/assert.h>
#include <base/printk.h>
#include <base/string.h>
#include <hal/boot.h>
#include "alloc.h"

#define BOOT_TABLES                                                                                \
	12 /* level 1 and 2 of the window, level 3 at its unaligned ends and under the image */

struct ranges early_banks, early_reserved;
static struct range window;	/* what early_alloc may use */
static bool early_over;
static u8 boot_tables[BOOT_TABLES][PAGE_SIZE] __aligned(PAGE_SIZE);
static u32 boot_tables_used;

/* Joins the two neighbours with the smallest gap: for reserved ranges that errs on the safe side.
 */
static void ranges_squeeze(struct ranges *l)
{
	u32 best = 0;

	for (u32 i = 1; i + 1 < l->nr; i++)
		if (l->r[i + 1].start - l->r[i].end < l->r[best + 1].start - l->r[best].end)
			best = i;
	l->r[best].end = l->r[best + 1].end;
	memmove(&l->r[best + 1], &l->r[best + 2], (l->nr - best - 2) * sizeof(l->r[0]));
	l->nr--;
}

/* Adds [start, end), joined with what it touches or overlaps. */
static void ranges_add(struct ranges *l, paddr_t start, paddr_t end, bool squeeze)
{
	u32 i = 0, j;

	if (start >= end)
		return;
	while (i < l->nr && l->r[i].end < start)
		i++;
	for (j = i; j < l->nr && l->r[j].start <= end; j++) {
		start = min(start, l->r[j].start);
		end = max(end, l->r[j].end);
	}
	if (i == j && l->nr == ARRAY_SIZE(l->r)) {
		if (!squeeze) {
			pr_warn("memory: too many banks, RAM at %llx is not used\n",
				(unsigned long long)start);
			return;
		}
		ranges_squeeze(l);
		ranges_add(l, start, end, squeeze);
		return;
	}
	if (i == j) {
		memmove(&l->r[i + 1], &l->r[i], (l->nr - i) * sizeof(l->r[0]));
		l->nr++;
	} else {
		memmove(&l->r[i + 1], &l->r[j], (l->nr - j) * sizeof(l->r[0]));
		l->nr -= j - i - 1;
	}
	l->r[i] = (struct range){ start, end };
}

void early_add_bank(paddr_t start, paddr_t end)
{
	if (end > BIT(47))	/* the linear map's size */
		end = BIT(47);
	ranges_add(&early_banks, align_up(start, PAGE_SIZE), align_down(end, PAGE_SIZE), false);
}

void early_reserve(paddr_t start, paddr_t end)
{
	if (end > BIT(48))
		end = BIT(48);
	if (start < end)
		ranges_add(&early_reserved, align_down(start, PAGE_SIZE), align_up(end, PAGE_SIZE),
			   true);
}

/* The lowest free place of the bank within the window, or 0. */
static paddr_t fit_in_bank(const struct range *bank, u64 size, u64 align)
{
	paddr_t at = align_up(max(bank->start, window.start), align),
		end = min(bank->end, window.end);

	for (u32 i = 0; i < early_reserved.nr && at < end; i++) {
		const struct range *r = &early_reserved.r[i];

		if (r->end <= at)
			continue;
		if (at + size <= r->start)
			break;
		at = align_up(r->end, align);
	}
	return at < end && size <= end - at ? at : 0;
}

static void zero_range(void *p, size_t size)
{
	if (!is_aligned(size, PAGE_SIZE)) {
		memset(p, 0, size);
		return;
	}
	for (size_t n = 0; n < size; n += PAGE_SIZE)
		clear_page((char *)p + n);
}

paddr_t early_alloc(size_t size, size_t align)
{
	paddr_t pa = 0;

	BUG_ON(early_over || !size);
	align = max(align, PAGE_SIZE);
	size = align_up(size, PAGE_SIZE);
	for (u32 i = 0; i < early_banks.nr && !pa; i++)
		pa = fit_in_bank(&early_banks.r[i], size, align);
	if (!pa)
		panic("memory: no room for %zu bytes at boot", size);
	early_reserve(pa, pa + size);
	zero_range(phys_to_virt(pa), size);
	return pa;
}

paddr_t early_alloc_table(void)
{
	return early_alloc(PAGE_SIZE, PAGE_SIZE);
}

static paddr_t boot_table(void)
{
	if (boot_tables_used == BOOT_TABLES)
		panic("memory: boot page tables are used up");
	return virt_to_phys(boot_tables[boot_tables_used++]);
}

static const struct range *image_bank(paddr_t image)
{
	for (u32 i = 0; i < early_banks.nr; i++)
		if (early_banks.r[i].start <= image && image < early_banks.r[i].end)
			return &early_banks.r[i];
	panic("memory: the kernel lies outside of the RAM that the device tree names");
}

static void map_part(paddr_t start, paddr_t end)
{
	if (start < end)
		arch_map_linear(start, end, early_alloc_table);
}

static void map_linear(void)
{
	paddr_t image = virt_to_phys(boot_tables);
	const struct range *b = image_bank(image);

	window.start = max(b->start, align_down(image, GIB));
	window.end = min(b->end, align_down(image, GIB) + GIB);
	arch_map_linear(window.start, window.end, boot_table);
	for (u32 i = 0; i < early_banks.nr; i++) {
		map_part(early_banks.r[i].start, min(early_banks.r[i].end, window.start));
		map_part(max(early_banks.r[i].start, window.end), early_banks.r[i].end);
	}
	window = (struct range){ 0, ~0ull };
}

struct folio *zero_folio;

void mm_init(void)
{
	map_linear();
	buddy_init();
	vmemmap_init();
	early_over = true;
	slab_init();
	folio_lock_init();
	zero_folio = folio_alloc(ZERO_ORDER, ALLOC_ZERO);
	if (!zero_folio)
		panic("memory: none left after start-up");
	page_set(&zero_folio->page, PG_RESERVED);
	page_set(&zero_folio->page, PG_UPTODATE);
	if (boot_tables_used < BOOT_TABLES)
		mm_free_reserved(virt_to_phys(boot_tables[boot_tables_used]),
				 virt_to_phys(boot_tables[BOOT_TABLES - 1]) + PAGE_SIZE);
}
