/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: the arena as RAM with a page allocator that hands back what was freed last (to bring out
 * use after free), larger folios wherever there is room by chance, the slab interface over malloc
 * (so that AddressSanitizer sees objects), failure on request, and user copies.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <base/alloc.h>
#include <base/errno.h>
#include <base/printk.h>
#include <fake/fake.h>
#include <hal/uaccess.h>
#include <mm/lineage.h>
#include <mm/page.h>
#include <mm/reclaim.h>
#include <mm/stat.h>

bool lru_del(struct folio *f);		/* mm/lru.c */
void split_forget(struct folio *f);	/* mm/split.c */

char *fake_ram, *fake_vmemmap;
u64 fake_ram_size;
struct folio *zero_folio;
struct mem_stats mem_stats[MAX_CPUS];
u32 fake_fail_rate;
u64 fake_fail_at;
bool (*fake_fault)(u64 va, enum fake_access_kind kind);
static u64 objects, used_pages;
static u64 *free_stack, nr_free;	/* frames, counted from the arena's start */
static u32 *free_at;			/* by frame: 1 + its place in free_stack; 0: in use */
void fake_sched_init(u64 seed);
void folio_lock_init(void);	/* mm/folio_lock.c */
void radix_start(void);		/* lib/radix.c */

__noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

void printk(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

void *phys_to_virt(paddr_t pa)
{
	BUG_ON(pa < FAKE_RAM_BASE || pa >= FAKE_RAM_BASE + fake_ram_size);
	return fake_ram + (pa - FAKE_RAM_BASE);
}
paddr_t virt_to_phys(const void *v)
{
	BUG_ON((const char *)v < fake_ram || (const char *)v >= fake_ram + fake_ram_size);
	return (u64)((const char *)v - fake_ram) + FAKE_RAM_BASE;
}
void clear_pages(void *page, u64 n) { memset(page, 0, n * PAGE_SIZE); }
void copy_pages(void *dst, const void *src, u64 n)
{
	for (u64 i = 0; i < n * 4; i++) {	/* other CPUs may write between */
		memcpy((char *)dst + i * 1024, (const char *)src + i * 1024, 1024);
		fake_switch_point();
	}
}

static bool fails(void)
{
	if (fake_fail_at && !--fake_fail_at)
		return true;
	return fake_fail_rate && !fake_random(fake_fail_rate);
}

/* --- frames ---------------------------------------------------------------------------------- */
static void give(u64 frame)
{
	free_stack[nr_free++] = frame;
	free_at[frame] = (u32)nr_free;
}

static void take(u64 frame)
{
	u64 last = free_stack[--nr_free];

	free_stack[free_at[frame] - 1] = last;
	free_at[last] = free_at[frame];
	free_at[frame] = 0;
}

/* An aligned run of 2^order free frames, *first; false: there is none. */
static bool find_run(u32 order, u64 *first)
{
	u64 runs = fake_ram_size >> PAGE_SHIFT >> order, start = fake_random((u32)runs);

	for (u64 i = 0; i < runs; i++) {
		u64 n = 0;

		*first = (start + i) % runs << order;
		while (n < 1u << order && free_at[*first + n])
			n++;
		if (n == 1u << order)
			return true;
	}
	return false;
}

static void make_ram(u64 size)
{
	u64 pages = size >> PAGE_SHIFT;

	if (fake_ram) {
		munmap(fake_ram, fake_ram_size);
		free(fake_vmemmap);
		free(free_stack);
		free(free_at);
	}
	fake_ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	fake_ram_size = size;
	fake_vmemmap = aligned_alloc(64, pages * STRUCT_PAGE_SIZE);
	free_stack = malloc(pages * sizeof(u64));
	free_at = malloc(pages * sizeof(u32));
}

void fake_init(u64 ram, u64 seed)
{
	u64 pages = ram >> PAGE_SHIFT;

	fake_sched_init(seed);
	if (!fake_ram) {
		radix_start();
		folio_lock_init();
	}
	if (ram != fake_ram_size)
		make_ram(ram);	/* otherwise it holds what it held, as RAM does */
	fake_mmu_reset();
	memset(fake_vmemmap, 0, pages * STRUCT_PAGE_SIZE);
	nr_free = used_pages = objects = 0;
	for (u64 i = pages; i-- > 0;)
		give(i);
	fake_fail_rate = 0;
	fake_fail_at = 0;
	zero_folio = folio_alloc(ZERO_ORDER, ALLOC_ZERO);
	used_pages = 0;
}

static void prepare(struct folio *f, u32 order)
{
	memset(f, 0, STRUCT_PAGE_SIZE << order);
	list_init(&f->page.lru);
	ref_init(&f->page.refcount);
	f->page.order = (u8)order;
	for (u32 i = 1; i < 1u << order; i++) {
		folio_page(f, i)->flags = 1u << PG_TAIL;
		folio_page(f, i)->head = &f->page;
	}
}

struct folio *folio_alloc(u32 order, u32 flags)
{
	u64 frame;
	struct folio *f;

	if (!(flags & ALLOC_ATOMIC)) {
		might_sleep();
		fake_switch_point();
	}
	if (!nr_free || fails())
		return NULL;
	if (!order)
		frame = free_stack[nr_free - 1 -
				   (nr_free > 8 && !fake_random(4) ? fake_random(8) : 0)];
	else if ((flags & ALLOC_NORECLAIM && !fake_random(6)) || !find_run(order, &frame))
		return NULL;	/* whoever can do with less gets less now and then */
	for (u64 i = 0; i < 1u << order; i++)
		take(frame + i);
	f = pfn_to_entry((FAKE_RAM_BASE >> PAGE_SHIFT) + frame);
	prepare(f, order);
	used_pages += 1u << order;
	memset(folio_address(f), flags & ALLOC_ZERO ? 0 : 0x5a, PAGE_SIZE << order);
	return f;
}

void folio_free(struct folio *f)
{
	u32 n = folio_nr_pages(f);

	BUG_ON(ref_read(&f->page.refcount) != 0 || atomic_read(&f->page.mapcount) != 0);
	BUG_ON(page_test(&f->page, PG_TABLE) || page_test(&f->page, PG_LOCKED) || f == zero_folio);
	BUG_ON(page_test(&f->page, PG_TAIL));
	lru_del(f);
	split_forget(f);
	if (page_test(&f->page, PG_ANON))
		lineage_put(f->page.owner, 1);
	fake_check_free(folio_pfn(f), n);
	memset(folio_address(f), 0xa5, n * PAGE_SIZE);
	for (u32 i = n; i-- > 0;)
		give(folio_pfn(f) - (FAKE_RAM_BASE >> PAGE_SHIFT) + i);
	used_pages -= n;
}

void folios_free(struct folio **f, u32 n)
{
	while (n--)
		folio_free(*f++);
}

void *page_alloc(u32 flags)
{
	struct folio *f = folio_alloc(0, flags);

	return f ? folio_address(f) : NULL;
}
void page_free(void *addr) { folio_put((struct folio *)virt_to_page(addr)); }
u64 fake_pages_used(void) { return used_pages; }

u64 mem_stat_read(enum mem_stat item)
{
	i64 n = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		n += mem_stats[cpu].v[item];
	return n > 0 ? (u64)n : 0;
}

void mem_totals(struct mem_totals *t)
{
	memset(t, 0, sizeof(*t));
	t->total = fake_ram_size >> PAGE_SHIFT;
	t->free = t->available = nr_free;
}

/* --- objects --------------------------------------------------------------------------------- */
struct slab_cache { size_t size, align; };

static void *object_now(size_t size, bool zero)
{
	void *p;

	if (fails())
		return NULL;
	p = malloc(size);
	memset(p, zero ? 0 : 0x5a, size);
	objects++;
	return p;
}
static void *object(size_t size, bool zero)
{
	might_sleep();
	fake_switch_point();
	return object_now(size, zero);
}
void *vmalloc(size_t size, size_t align) { return object(size, true); }
struct slab_cache *slab_create(const char *name, size_t size, size_t align)
{
	struct slab_cache *c = malloc(sizeof(*c));

	*c = (struct slab_cache){ size, align };
	return c;
}
void *slab_alloc(struct slab_cache *c) { return object(c->size, false); }
void *slab_zalloc(struct slab_cache *c) { return object(c->size, true); }
void slab_free(struct slab_cache *c, void *obj) { kfree(obj); }
void *kmalloc(size_t size) { return object(size, false); }
void *kmalloc_atomic(size_t size) { return object_now(size, false); }
void *kzalloc(size_t size) { return object(size, true); }
void *kcalloc(size_t n, size_t size) { return object(n * size, true); }
void kfree(const void *p)
{
	if (!p)
		return;
	objects--;
	free((void *)p);
}
u64 fake_objects_used(void) { return objects; }

/* --- shrinkers ------------------------------------------------------------------------------- */
static struct shrinker *shrinkers;

void shrinker_register(struct shrinker *s)
{
	s->next = shrinkers;
	shrinkers = s;
}

u64 fake_shrink(u64 n)
{
	u64 freed = 0;

	for (struct shrinker *s = shrinkers; s; s = s->next)
		freed += s->shrink(min(n, s->count()));
	return freed;
}

/* --- user copies ----------------------------------------------------------------------------- */
static size_t user_copy(u64 va, char *k, size_t n, enum fake_access_kind kind)
{
	while (n) {
		size_t part = min(n, PAGE_SIZE - (va & ~PAGE_MASK));
		char *p = user_range_ok((void *)va, n) ? fake_translate(va, kind) : NULL;

		if (!p) {
			if (!user_range_ok((void *)va, n) || !fake_fault || !fake_fault(va, kind))
				return n;
			continue;
		}
		if (kind == FAKE_WRITE)
			memcpy(p, k, part);
		else
			memcpy(k, p, part);
		va += part;
		k += part;
		n -= part;
	}
	return 0;
}
size_t copy_to_user(void *dst, const void *src, size_t n)
{
	return user_copy((u64)dst, (char *)src, n, FAKE_WRITE);
}
size_t copy_from_user(void *dst, const void *src, size_t n)
{
	return user_copy((u64)src, dst, n, FAKE_READ);
}
size_t clear_user(void *dst, size_t n)
{
	char zero[256] = { 0 };
	size_t done = 0;

	while (done < n) {
		size_t part = min(n - done, sizeof(zero)),
		       bad = copy_to_user((char *)dst + done, zero, part);

		done += part - bad;
		if (bad)
			break;
	}
	return n - done;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		memcpy(dst, src, min(n, size - 1));
		dst[min(n, size - 1)] = 0;
	}
	return n;
}
