/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmalloc: one slab cache per size class up to a page, folios above. Classes lie at powers of two
 * and half-way between; those that are powers of two are aligned to their size.
 */
#include <base/assert.h>
#include <base/string.h>
#include <lib/radix.h>
#include "slab.h"

#define SMALL_MAX	1024	/* up to here classes are looked up by 16 bytes, above by 256 */
#define MAX_SIZE	(PAGE_SIZE << MAX_ORDER)

static const struct { u16 size; const char *name;
} classes[] = {
	{16, "kmalloc-16"},	{32, "kmalloc-32"},	{48, "kmalloc-48"},
	{64, "kmalloc-64"},	{96, "kmalloc-96"},	{128, "kmalloc-128"},
	{192, "kmalloc-192"},	{256, "kmalloc-256"},	{384, "kmalloc-384"},
	{512, "kmalloc-512"},	{768, "kmalloc-768"},	{1024, "kmalloc-1024"},
	{1536, "kmalloc-1536"}, {2048, "kmalloc-2048"}, {3072, "kmalloc-3072"},
	{4096, "kmalloc-4096"},
};
static struct slab_cache kmalloc_caches[ARRAY_SIZE(classes)];
static u8 small_class[SMALL_MAX / 16 + 1];
static u8 large_class[PAGE_SIZE / 256 + 1];

void slab_init(void)
{
	u32 c = 0;

	for (u32 i = 0; i < ARRAY_SIZE(classes); i++) {
		u32 size = classes[i].size;

		slab_cache_init(&kmalloc_caches[i], classes[i].name, size,
				is_pow2(size) ? size : 16);
	}
	for (u32 n = 0; n <= SMALL_MAX / 16; n++) {
		c += n * 16 > classes[c].size;
		small_class[n] = (u8)c;
	}
	for (u32 n = SMALL_MAX / 256; n <= PAGE_SIZE / 256; n++) {
		c += n * 256 > classes[c].size;
		large_class[n] = (u8)c;
	}
	radix_start();
}

static __noinline void *kmalloc_folio(size_t size, u32 flags)
{
	struct folio *f;
	u32 order = ilog2((size - 1) >> PAGE_SHIFT) + 1;

	if (size > MAX_SIZE)
		return NULL;
	f = folio_alloc(order, flags);
	if (!f)
		return NULL;
	f->page.kind = PAGE_KMALLOC;
	mem_stat_add(STAT_KMALLOC, 1ll << order);
	return folio_address(f);
}

static __always_inline void *alloc(size_t size, u32 flags)
{
	u32 c;

	if (likely(size <= SMALL_MAX))
		c = small_class[(size + 15) / 16];
	else if (size <= PAGE_SIZE)
		c = large_class[(size + 255) / 256];
	else
		return kmalloc_folio(size, flags);
	return slab_alloc_fast(&kmalloc_caches[c], flags);
}

void *kmalloc(size_t size)
{
	return alloc(size, 0);
}

void *kmalloc_atomic(size_t size)
{
	return alloc(size, ALLOC_ATOMIC);
}

void *kmalloc_noreclaim(size_t size)
{
	return alloc(size, ALLOC_NORECLAIM);
}

void *kzalloc(size_t size)
{
	void *p = alloc(size, 0);

	if (p)
		memset(p, 0, size);
	return p;
}

void kfree(const void *p)
{
	struct folio *f;

	if (!p)
		return;
	f = page_folio(virt_to_page(p));
	if (likely(page_test(&f->page, PG_SLAB))) {
		slab_free_fast(f->page.slab, (void *)p);
		return;
	}
	BUG_ON(f->page.kind != PAGE_KMALLOC || folio_address(f) != p);
	mem_stat_add(STAT_KMALLOC, -(i64)(1ll << f->page.order));
	folio_put(f);
}

void *kcalloc(size_t n, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(n, size, &all) ? NULL : kzalloc(all);
}

char *kstrdup(const char *s)
{
	return kmemdup(s, strlen(s) + 1);
}

void *kmemdup(const void *p, size_t size)
{
	void *copy = kmalloc(size);

	return copy ? memcpy(copy, p, size) : NULL;
}
