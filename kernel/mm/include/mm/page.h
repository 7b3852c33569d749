/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct page: one per 4 KiB of RAM, 64 bytes, in the vmemmap array. A folio is 2^order pages with
 * the state in the first (its head); struct folio is that head. Page-table pages and slabs use the
 * same words for their own state.
 *
 * References: refcount counts everybody who keeps the folio from being freed: one for each page of
 * it that a leaf maps, one for the page cache, temporary ones. mapcount is the number of pages of it
 * that leaves map, whatever their size, each page once for each table (T2, docs/decisions/0003): a
 * leaf of 2 MiB is 512 of both. mapcount never exceeds refcount.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H
#include <base/list.h>
#include <base/atomic.h>
#include <hal/page.h>
#include <hal/spinlock.h>

struct mapping;
struct slab_cache;
struct mm;

enum page_flag { /* bit numbers in page.flags, changed atomically */
		 PG_LOCKED, /* being read in or truncated; folio_lock */
		 PG_UPTODATE,
		 PG_DIRTY,
		 PG_REFERENCED,
		 PG_LRU,
		 PG_ANON, /* mapped privately; owner is its struct lineage_node, index its page
			     offset there */
		 PG_SLAB,
		 PG_TABLE,
		 PG_RESERVED,
		 PG_BUDDY,
		 PG_TAIL,
		 PG_WAITERS,
		 PG_ICACHE, /* instruction fetches see its contents */
		 PG_LAZYFREE, /* anonymous: may be freed while all its leaves are clean */
		 PG_ACTIVE, /* belongs on the active list */
		 PG_WORKINGSET, /* has been active: for the count of such pages that come back */
		 PG_DEFERRED, /* waits to be split (mm/split.c) */
		 PG_SHMEM, /* of a file whose pages are memory (mapping_ops.keep), in it or cut off */
};

/* Set by the owner after folio_alloc, which clears it. Page cache and anonymous folios: mapping and
 * PG_ANON tell. */
enum page_kind { PAGE_OTHER, PAGE_KMALLOC, PAGE_KVM, PAGE_KSTACK, PAGE_KTABLE, PAGE_EXEC };

/* What resident pages are counted as. */
enum rss_kind { RSS_ANON, RSS_FILE, RSS_SHMEM, NR_RSS };

struct page {
	u32 flags;
	u8 order;			/* head: size is 2^order pages */
	u8 kind; /* head: enum page_kind; who holds it where no flag says so */
	u16 aux;			/* table: level; slab: objects in use */
	ref_t refcount;
	atomic_t mapcount;		/* folio: pages mapped (0: none); table: entries in use */
	union {
		struct list lru;	/* free list, LRU */
		struct { struct page *head; };		/* PG_TAIL */
		struct {
			struct spinlock lock;
			u8 pinned_below, gone_below;
			/* leaves by kind that were taken from the shared table; its owners count them */
			u16 gone[NR_RSS];
			/* entries and roots that point to it; nobody who comes by the number counts here */
			ref_t owners;
		}; /* PG_TABLE: node lock, sticky marks (T4; pt/share.c) */
	};
	union {
		struct {
			union {
				struct mapping *mapping;	/* page cache */
				struct slab_cache *slab;
				void *owner;
			};
			u64 index; /* page offset in mapping or lineage; table: first VA it maps */
		};
		struct list deferred;	/* second page of a folio with PG_DEFERRED (mm/split.c) */
	};
	union {
		void *free_obj;		/* slab: first free object */
		atomic_t pins;
		u64 private;
	};
	u64 groups;			/* table: bit n clear: entries 8n to 8n+7 are none */
};
#define STRUCT_PAGE_SIZE 64
_Static_assert(offsetof(struct page, order) == 4, "page_is_small_anon");
_Static_assert(offsetof(struct page, refcount) == 8, "page_counts");
_Static_assert(sizeof(struct page) <= STRUCT_PAGE_SIZE, "vmemmap stride");

struct folio { union { struct page page; char size[STRUCT_PAGE_SIZE]; }; };

/* Descriptors, frame numbers and addresses of RAM; nothing is checked. */
static inline struct folio *pfn_to_entry(pfn_t pfn)
{
	return (struct folio *)(VMEMMAP_BASE + pfn * STRUCT_PAGE_SIZE);
}
/* By the frame's number; by its physical address; by an address in the linear map. And back. */
static inline struct page *pfn_to_page(pfn_t pfn) { return &pfn_to_entry(pfn)->page; }
static inline pfn_t page_to_pfn(const struct page *p)
{
	return ((u64)p - VMEMMAP_BASE) / STRUCT_PAGE_SIZE;
}
static inline paddr_t page_to_phys(const struct page *p) { return page_to_pfn(p) << PAGE_SHIFT; }
static inline struct page *phys_to_page(paddr_t pa) { return pfn_to_page(pa >> PAGE_SHIFT); }
static inline void *page_address(const struct page *p) { return phys_to_virt(page_to_phys(p)); }
static inline struct page *virt_to_page(const void *v) { return phys_to_page(virt_to_phys(v)); }

/*
 * For loops over leaves: the word of refcount and mapcount of the page at pa, page aligned; that of
 * its flags and order is the one before.
 */
static inline u64 *page_counts(paddr_t pa)
{
	const u64 first = VMEMMAP_BASE + offsetof(struct page, refcount);

	return (u64 *)(first + pa / (PAGE_SIZE / STRUCT_PAGE_SIZE));
}

/* Flags, atomically. Clearing releases what was written before. */
static inline bool page_test(const struct page *p, enum page_flag f)
{
	return READ_ONCE(p->flags) & (1u << f);
}
static inline void page_set(struct page *p, enum page_flag f)
{
	__atomic_fetch_or(&p->flags, 1u << f, __ATOMIC_RELAXED);
}
static inline void page_clear(struct page *p, enum page_flag f)
{
	__atomic_fetch_and(&p->flags, ~(1u << f), __ATOMIC_RELEASE);
}
/* Returns what it was. Acquires and releases. */
static inline bool page_test_set(struct page *p, enum page_flag f)
{
	return __atomic_fetch_or(&p->flags, 1u << f, __ATOMIC_ACQ_REL) & (1u << f);
}

/* A folio of one page that is private memory: flags and order are one word. */
#define PAGE_NOT_SMALL (0xffull << 32 | 1ull << PG_TAIL)
static inline bool page_is_small_anon(const struct page *p)
{
	u64 word = READ_ONCE(*(const u64 *)p);

	return (word & (PAGE_NOT_SMALL | 1ull << PG_ANON)) == 1ull << PG_ANON;
}
/* All four pages are such whose counts these are, or (not anon) folios of one page at least. */
static __always_inline bool pages_are_small(const u64 *ca, const u64 *cb, const u64 *cc,
					    const u64 *cd, bool anon)
{
	u64 a = READ_ONCE(ca[-1]), b = READ_ONCE(cb[-1]);
	u64 c = READ_ONCE(cc[-1]), d = READ_ONCE(cd[-1]);

	return !((a | b | c | d) & PAGE_NOT_SMALL) && (!anon || (a & b & c & d) & 1ull << PG_ANON);
}
/* A folio of one page that is a file's. */
static inline bool page_is_small_file(const struct page *p)
{
	return !(READ_ONCE(*(const u64 *)p) & (PAGE_NOT_SMALL | 1ull << PG_ANON));
}
/* What a page is, in one word, for loops: is_file_kind: a folio of one page of a file, 0 if not of memory. */
static inline u64 page_small_kind(const struct page *p)
{
	return READ_ONCE(*(const u64 *)p) & (PAGE_NOT_SMALL | 1ull << PG_ANON | 1ull << PG_SHMEM);
}
static inline bool is_file_kind(u64 kind) { return !(kind & ~(1ull << PG_SHMEM)); }
/* The folio a page belongs to. */
static inline struct folio *page_folio(struct page *p)
{
	return (struct folio *)(page_test(p, PG_TAIL) ? p->head : p);
}
static inline struct page *folio_page(struct folio *f, u32 n)
{
	return (struct page *)((char *)f + (size_t)n * STRUCT_PAGE_SIZE);
}
static inline u32 folio_order(const struct folio *f) { return f->page.order; }
static inline u32 folio_nr_pages(const struct folio *f) { return 1u << f->page.order; }
static inline void *folio_address(const struct folio *f) { return page_address(&f->page); }
static inline pfn_t folio_pfn(const struct folio *f) { return page_to_pfn(&f->page); }

/* --- the folio allocator (mm/folio.c): buddy lists, per-CPU lists for small orders --------------
 */
enum alloc_flag {
	ALLOC_ZERO = 1, ALLOC_ATOMIC = 2 /* never sleeps, may use the reserve */,
	ALLOC_NORECLAIM = 4 /* fail instead of reclaiming (large-order attempts) */,
	ALLOC_USER = 8 /* for user mode's pages */,
	ALLOC_COMPACT = 16 /* beside NORECLAIM: it is worth moving pages, once in a while */,
};
#define MAX_ORDER 10
/* 2^order pages, aligned to their size, refcount 1, or NULL. Sleeps unless ALLOC_ATOMIC. */
struct folio *folio_alloc(u32 order, u32 flags) __must_check;
static inline void folio_get(struct folio *f) { ref_get(&f->page.refcount); }
static inline void folio_get_many(struct folio *f, i32 n)
{
	__atomic_fetch_add(&f->page.refcount.v, n, __ATOMIC_RELAXED);
}
void folio_free(struct folio *f);		/* refcount is 0; any context */
void folios_free(struct folio **f, u32 n);	/* n at once */
/*
 * pages[i] pages of f[i] were mapped, each a mapping and a reference, and nothing can reach them
 * through those any more (mm/zap.c). The array f is overwritten. Any context.
 */
void folios_unmapped(struct folio **f, const u32 *pages, u32 n);
/*
 * So many more (below 0: less) 2 MiB blocks, in distinct tables, map a file's folio, which is still
 * in its mapping (mm/mapping.c). A block's table is locked.
 */
void file_block_mapped(struct folio *f, i32 n);
static inline void folio_put(struct folio *f)
{
	if (ref_put(&f->page.refcount))
		folio_free(f);
}
static inline void folio_put_many(struct folio *f, i32 n)
{
	i32 left = __atomic_sub_fetch(&f->page.refcount.v, n, __ATOMIC_ACQ_REL);

	BUG_ON(left < 0);
	if (left == 0)
		folio_free(f);
}
/* One page of kernel memory by address: zeroed if asked. */
void *page_alloc(u32 flags) __must_check;
void page_free(void *addr);
/* Sleeping lock on PG_LOCKED. */
void folio_lock(struct folio *f);
bool folio_trylock(struct folio *f);
void folio_unlock(struct folio *f);
void folio_wait_unlocked(struct folio *f);

/* --- kernel virtual memory (mm/kvmem.c) ----------------------------------------------------------
 */
/* size rounded up to pages, an unmapped guard page on both sides; align a power of two >=
 * PAGE_SIZE. Zeroed. Sleeps. */
void *vmalloc(size_t size, size_t align) __must_check;
void vfree(const void *p);		/* sleeps */
/*
 * Maps the n pages one behind the other at *va, writable, and then the last `again` of them once
 * more; they are the caller's and stay. NULL: no memory. Sleeps.
 */
struct area;
struct area *kvm_map_pages(struct page *const *pages, u32 n, u32 again, void **va) __must_check;
void kvm_unmap_pages(struct area *a);
/* Device registers; never fails after boot unless kernel virtual space is out. */
void volatile *ioremap(paddr_t pa, size_t size) __must_check;
/* A kernel stack (KSTACK_SIZE, aligned to twice that, guarded), cached per CPU. */
void *kstack_alloc(void) __must_check;
void kstack_free(void *stack);

/* --- early memory and totals (mm/early.c, mm/folio.c)
 * --------------------------------------------- */
void early_add_bank(paddr_t start, paddr_t end);
void early_reserve(paddr_t start, paddr_t end);
paddr_t early_alloc(size_t size, size_t align); /* zeroed; panics when out; only until mm_init */
/* Linear map, vmemmap, buddy, slabs, zero page: after this kmalloc works. */
void mm_init(void);
/* pfn is RAM that has a struct page now. */
bool pfn_valid(pfn_t pfn);
/* Gives reserved RAM (the initrd, init sections) to the allocator. */
void mm_free_reserved(paddr_t start, paddr_t end);
struct mem_totals {	/* pages */
	u64 total, free, available, page_cache, anon, mapped, shmem, slab, kstack, tables, dirty,
		reserve, active_file, inactive_file, slab_reclaimable;
};
void mem_totals(struct mem_totals *t);
/* 64 KiB of zeros, mapped read-only wherever a hole is read, by pages or as a whole. */
#define ZERO_ORDER 4u
extern struct folio *zero_folio;
/* f is that, or the one of 2 MiB that there may be besides (mm/zero.c). */
bool folio_is_zeros(const struct folio *f);
#endif
