/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the address-space half of mm share. */
#ifndef MM_INTERNAL_H
#define MM_INTERNAL_H
#include <base/errno.h>
#include <mm/mapping.h>
#include <mm/mm.h>
#include <mm/stat.h>
#include <mm/thp.h>

#define STACK_GUARD_PAGES 256ul
#define GUARD_GAP (STACK_GUARD_PAGES << PAGE_SHIFT)

static inline u64 vma_pages(const struct vma *v) { return (v->end - v->start) >> PAGE_SHIFT; }
static inline u64 vma_pgoff(const struct vma *v, u64 addr)
{
	return v->pgoff + ((addr - v->start) >> PAGE_SHIFT);
}
/* The page offset in the lineage of what addr maps. */
static inline u64 vma_lin(const struct vma *v, u64 addr)
{
	return v->lin + ((addr - v->start) >> PAGE_SHIFT);
}
static inline bool vma_is_moved(const struct vma *v) { return v->lin != v->start >> PAGE_SHIFT; }
static inline bool vma_has_lists(const struct vma *v) { return v->backing || vma_is_moved(v); }
static inline bool vma_is_anon(const struct vma *v)
{
	return !v->backing && !(v->vm_flags & VM_PFN);
}
static inline struct mapping *vma_mapping(const struct vma *v)
{
	return v->backing ? v->backing->mapping : NULL;
}

/* --- mm/vma.c: the tree; mm->lock held for writing where it changes -------------------------- */
void vma_tree_insert(struct mm *mm, struct vma *v);		/* overlaps nothing */
void vma_tree_remove(struct mm *mm, struct vma *v);
/*
 * mm, which has no VMA, gets a tree of the shape of from's, with what copy makes of each VMA (all its
 * fields; NULL: no memory). from's lock held for writing. Sleeps, if copy does. 0 or -ENOMEM: a part
 * is there, fit to be unlinked as a whole.
 */
int vma_tree_copy(struct mm *mm, const struct mm *from,
		  struct vma *(*copy)(const struct vma *v, void *arg), void *arg) __must_check;
/* start, end or VM_GROWSDOWN changed, order did not */
void vma_tree_resized(struct vma *v);
struct vma *vma_prev(const struct vma *v);
struct vma *vma_last_before(struct mm *mm, u64 addr); /* the last that starts below addr, or NULL */
/*
 * Start of a hole of len bytes in [lo, hi), the highest or lowest one; 0: none. Guard gaps are not
 * part of holes.
 */
u64 vma_find_hole(struct mm *mm, u64 lo, u64 hi, u64 len, bool top_down);

/* --- mm/vma_edit.c: VMAs as objects ---------------------------------------------------------- */
struct vma *vma_new(struct mm *mm);			/* zeroed, or NULL */
/* A copy, not linked, with its own reference to the backing; NULL: no memory, or vma_too_many. */
struct vma *vma_dup(const struct vma *v);
bool vma_too_many(const struct vma *v);	/* VMAs of v's file: there may be none more */
void vma_free(struct vma *v);				/* unlinked; drops the backing; may sleep */
/*
 * Tree, lists, totals. An object that is not linked yet has its final start and lin.
 */
void vma_link(struct mm *mm, struct vma *v);
/*
 * The lists alone, where vma_has_lists, of a VMA of a tree that is being copied: totals and tree are
 * its maker's.
 */
void vma_link_copy(struct vma *v);
void vma_unlink(struct mm *mm, struct vma *v);
void vma_unlink_all(struct mm *mm,
		    struct vma **dead); /* the whole tree, chained by parent for vma_free_list */
/* Cuts v at addr (inside it): v keeps [start, addr), the new one is returned; ERR_PTR(-ENOMEM). */
struct vma *vma_split(struct vma *v, u64 addr) __must_check;
/*
 * Changes bounds, with the mapping's list locked against the reverse map. pgoff moves with start.
 */
void vma_resize(struct vma *v, u64 start, u64 end);
/*
 * Joins v with equal neighbours; returns the VMA that now covers it. Freed ones go at once (cannot
 * sleep: backing keeps a reference).
 */
struct vma *vma_merge(struct mm *mm, struct vma *v);
bool vma_can_merge(const struct vma *a, const struct vma *b);
/* Makes sure that a VMA boundary lies at start and end where VMAs cover them. 0 or -ENOMEM. */
int vma_cut(struct mm *mm, u64 start, u64 end) __must_check;
/*
 * [start, end) inside v gets other flags: v is cut as needed, apply (if not NULL) is called for the
 * part, and it is joined with equal neighbours. Returns the VMA that now holds end - 1, or
 * ERR_PTR(-ENOMEM) with nothing changed.
 */
struct vma *vma_set_flags(struct mm *mm, struct vma *v, u64 start, u64 end, u32 flags,
			  void (*apply)(struct vma *v, u64 start, u64 end)) __must_check;
/*
 * Keeps the reverse map from looking at v's mm, and through v's file at v: mm->rmap_lock, then the
 * mapping's vma_lock. While VMAs, their bounds and offsets change, and while leaves move.
 */
void vma_lock_rmap(const struct vma *v);
void vma_unlock_rmap(const struct vma *v);

/* --- mm/mm.c */
/* As mm_create, in the lineage of parent (NULL: its own). */
struct mm *mm_new(struct mm *parent);
/* The address space after mm (NULL: the first), referenced; drops the reference to mm. For the
 * audit. */
struct mm *mm_next(struct mm *mm);
/* Calls fn for every address space there is, those that are being taken down too; fn may not sleep. */
void mm_for_each(void (*fn)(const struct mm *mm, void *arg), void *arg);

/* --- mm/zap.c -------------------------------------------------------------------------------- */
struct zap {
	struct mm *mm;
	struct pt_gather g;
	bool keep_private;	/* anonymous pages of file mappings stay */
	/*
	 * the entries may be filled again as soon as they are free (mm->lock is not held for
	 * writing)
	 */
	bool beside_faults;
	bool own_only;		/* what several address spaces share stays */
	bool cut;		/* beside faults, a block that the range cuts was left as it was */
	i64 n[NR_RSS];		/* pages */
	i32 cleared;		/* entries of the current stretch */
};
void zap_begin(struct zap *z, struct mm *mm, bool full);
/* Unmaps the pages of [start, end) of v. */
void zap_vma(struct zap *z, struct vma *v, u64 start, u64 end);
/* n pages of f were taken from v's leaves; pt_gather_range says from where. Node locked. */
void zap_cleared(struct zap *z, const struct vma *v, struct folio *f, u32 n, bool dirty,
		 bool young);
/*
 * What was counted since *before is not mm's alone: it was taken from the shared table of node, of
 * level, which maps va. Node and path_lock held.
 */
void zap_shared(struct zap *z, const i64 before[NR_RSS], struct page *node, int level, u64 va);
/* Drops the leaves among n entries of a table that nobody can reach any more; z is full. */
void zap_table(struct zap *z, pte_t *p, u32 n, int level);
void zap_end(struct zap *z);			/* invalidates, frees, settles the counters */

/* --- mm/copy.c ------------------------------------------------------------------------------- */
/* What a copy of leaves has to say in the end. */
struct leaf_copy {
	bool wrprotected;	/* a leaf that could be written no longer can */
	i64 n[NR_RSS];		/* pages whose leaves were copied */
};
/*
 * Copies the leaves among n entries at from, as fork does, to the empty ones at to, with references:
 * private pages become read-only and lose their exclusive mark on both sides, leaves of files stay
 * what they are. Both nodes locked. Adds the entries set to *set. Returns the entries done: fewer
 * than n where a table lies among them.
 */
u32 copy_leaves(struct leaf_copy *c, pte_t *from, pte_t *to, u32 n, int level, i32 *set);

/* --- mm/cow.c -------------------------------------------------------------------------------- */
/*
 * Every page table that maps a part of [start, end) becomes mm's own, as far as there are tables:
 * whatever changes only mm's view of the range comes after this. lock held for writing. 0 or
 * -ENOMEM: what the range maps is what it was. Sleeps.
 */
int mm_own_slow(struct mm *mm, u64 start, u64 end, enum own_cause why) __must_check;
static inline int __must_check mm_own(struct mm *mm, u64 start, u64 end, enum own_cause why)
{
	return unlikely(mm->pt.may_share) ? mm_own_slow(mm, start, end, why) : 0;
}
/*
 * The same for a range whose pages are about to go: shared tables that map nothing but [lo, hi),
 * which holds the range and no page that stays, need not become mm's own (and need no memory), for
 * mm_give_up.
 */
int mm_own_ends_slow(struct mm *mm, u64 start, u64 end, u64 lo, u64 hi,
		     enum own_cause why) __must_check;
/* After that, lock held on: they are no tables of mm any more, and their pages are not counted. */
void mm_give_up(struct mm *mm, u64 start, u64 end);
/*
 * Takes the lock for reading, with [start, end) our own until it is released. 0, or -ENOMEM: it is
 * not held. Sleeps.
 */
int mm_lock_own(struct mm *mm, u64 start, u64 end, enum own_cause why) __must_check;
/*
 * The same in two steps, for who makes it our own in another way. True: the lock is held for
 * reading, and it is. False: it is held for writing; that way's result, 0 or an error, goes to
 * mm_lock_owned, which releases the lock, or keeps it for reading, and gives the result back.
 */
bool mm_lock_if_own(struct mm *mm, u64 start, u64 end) __must_check;
int mm_lock_owned(struct mm *mm, int err) __must_check;
/*
 * child gets all that parent maps, by reference, but for what it has tables of its own for; those
 * that were hot at every fork it gets as copies. Lock of parent held for writing; passed: pages of
 * parent that were not handed on.
 */
void mm_share(struct mm *child, struct mm *parent, i64 passed[NR_RSS]);
/* A write at addr has made its table mm's own. Lock held for writing. */
void mm_note_write(struct mm *mm, u64 addr);
/* All that mm maps goes; nobody can reach it any more, no TLB has it. */
void mm_put_tables(struct mm *mm);

/* --- mm/split.c ------------------------------------------------------------------------------ */
/*
 * The large anonymous folio has pages that no leaf maps: they wait for somebody who needs memory.
 * The caller has a reference to it. Any context.
 */
void split_later(struct folio *f);

/* --- mm/seal.c ------------------------------------------------------------------------------- */
/* lock held, for reading at least */
bool sealed_in(struct mm *mm, u64 start, u64 end);	/* a VMA there is sealed */
/* Private pages of v, which cannot be written, must stay: advice that discards is -EPERM. */
bool seal_keeps_pages(const struct vma *v);
/* prctl(PR_SET_MDWE) forbids that permissions (VM_*) old become new; a new mapping has both alike. */
bool denies_exec(const struct mm *mm, u32 old, u32 new);

/* --- mm/mmap.c ------------------------------------------------------------------------------- */
/*
 * Removes [start, end), page aligned; lock held for writing. Unmapped VMAs are chained by parent
 * into *dead for vma_free_list.
 */
int munmap_locked(struct mm *mm, u64 start, u64 end, struct vma **dead) __must_check;
void vma_free_list(struct vma *dead);
/*
 * Faults the VMAs of the range in, private writable memory for writing; takes the lock for reading.
 * 0, -ENOMEM, -EINTR, -EFAULT: a page that cannot be had (no access, beyond the end of the file).
 * best_effort (mlockall, MAP_POPULATE): the rest of such a page's VMA is left out, and no error.
 */
int mm_populate(struct mm *mm, u64 start, u64 end, bool best_effort);
u64 find_hole_for(struct mm *mm, u64 hint, u64 len);	/* 0: none */
/*
 * The same where nobody asks for an address: what 2 MiB blocks may map, of b from offset on or (NULL)
 * of private memory, is aligned for them.
 */
u64 find_place_for(struct mm *mm, const struct backing *b, u64 offset, u64 len);
bool can_mlock(void);
u32 prot_to_vm(int prot);
/* The map would pass RLIMIT_AS or (private writable) RLIMIT_DATA. */
bool may_expand(struct mm *mm, u32 vm_flags, u64 pages);
bool may_expand_data(struct mm *mm, u32 vm_flags, u64 pages);
/* vm_flags lock pages and RLIMIT_MEMLOCK forbids so many more. */
bool locks_too_much(struct mm *mm, u32 vm_flags, u64 pages);

/* --- mm/commit.c ------------------------------------------------------------------------------ */
/* So many more pages may not be promised, to mm (NULL: to nobody's) or at all. */
bool overcommits(const struct mm *mm, u64 pages);

/* --- mm/fault.c ------------------------------------------------------------------------------ */
/*
 * One fault on v with mm->lock held for reading. FAULT_SHARED: write or hole, and the range is not
 * our own; not for whoever has made it so (mm_lock_own).
 */
enum fault_result fault_vma(struct vma *v, u64 addr, bool write, bool *major);
/* Grows a stack VMA down to addr; lock held for writing. 0, -ENOMEM. */
int vma_grow_down(struct vma *v, u64 addr);
/* The same for as long as a leaf maps it: truncation may have taken it out of its file before. */
static inline enum rss_kind rss_kind(const struct folio *f)
{
	u32 flags = READ_ONCE(f->page.flags);

	return flags & (1u << PG_ANON) ? RSS_ANON : flags & (1u << PG_SHMEM) ? RSS_SHMEM : RSS_FILE;
}
static inline atomic64_t *rss_counter(struct mm *mm, const struct folio *f)
{
	return &mm->rss[rss_kind(f)];
}
static inline void rss_add(atomic64_t *c, i64 n) { __atomic_fetch_add(&c->v, n, __ATOMIC_RELAXED); }
/*
 * refcount and mapcount are neighbours, and neither overflows into the other: what leaves change in
 * both is one atomic operation on one word, here and nowhere else (but for mm/copy.c and mm/zap.c,
 * which do it for four folios at once, with FOLIO_MAPS).
 */
_Static_assert(offsetof(struct page, mapcount) == offsetof(struct page, refcount) + 4 &&
	!(offsetof(struct page, refcount) % 8),
	       "refcount and mapcount in one word");
#define FOLIO_COUNTS(refs, maps) ((u64)(maps) << 32 | (refs))
#define FOLIO_MAPS(n) FOLIO_COUNTS((u32)(n), (u32)(n))
static inline u32 counted_refs(u64 counts) { return (u32)counts; }
static inline u32 counted_maps(u64 counts) { return (u32)(counts >> 32); }
/* Both at one moment. */
static inline u64 folio_counts(const struct folio *f)
{
	return __atomic_load_n((const u64 *)&f->page.refcount, __ATOMIC_ACQUIRE);
}
/* n more of its pages are mapped, with a reference each. */
static inline void folio_map(struct folio *f, u32 n)
{
	__atomic_fetch_add((u64 *)&f->page.refcount, FOLIO_MAPS(n), __ATOMIC_RELAXED);
}
/* n fewer; the counts that are left: without references the caller frees it. */
static inline u64 folio_unmapped(struct folio *f, u32 n)
{
	return __atomic_sub_fetch((u64 *)&f->page.refcount, FOLIO_MAPS(n), __ATOMIC_ACQ_REL);
}
/* If the counts are these, both become 0: nobody finds the folio in use any more. */
static inline bool folio_freeze(struct folio *f, u32 refs, u32 maps)
{
	u64 counts = FOLIO_COUNTS(refs, maps);

	return __atomic_compare_exchange_n((u64 *)&f->page.refcount, &counts, 0, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
/*
 * Of a page-cache folio n pages are mapped, or no longer. /proc/meminfo's Mapped counts a folio from
 * the first one to the last.
 */
static inline void file_mapped(struct folio *f, u32 n)
{
	if (!__atomic_fetch_add(&f->page.mapcount.v, (i32)n, __ATOMIC_RELAXED))
		mem_stat_add(STAT_MAPPED, folio_nr_pages(f));
}
static inline void file_unmapped(struct folio *f, u32 n)
{
	if (!__atomic_sub_fetch(&f->page.mapcount.v, (i32)n, __ATOMIC_RELEASE))
		mem_stat_add(STAT_MAPPED, -(i64)folio_nr_pages(f));
}
/* n leaves less of a folio of private memory; if pages are left that nobody maps, it is noted. */
static inline void large_unmapped(struct folio *f, u32 n)
{
	i32 left = __atomic_sub_fetch(&f->page.mapcount.v, (i32)n, __ATOMIC_RELAXED);

	if (left && left < (i32)folio_nr_pages(f))
		split_later(f);
}
/* n pages less mapped of a folio of one page, and the references that they had. */
static inline void folio_unmap_put(struct folio *f, u32 n)
{
	if (!counted_refs(folio_unmapped(f, n)))
		folio_free(f);
}
/*
 * A new folio becomes anonymous memory of owner from page lin of the lineage on, of which leaves
 * map (or are about to) mapped pages. Its references are the caller's business.
 */
static inline void anon_folio_init(struct folio *f, struct lineage_node *owner, u64 lin, u32 mapped)
{
	f->page.index = lin;
	f->page.owner = owner;
	lineage_get(owner, 1);		/* freeing it gives that back, and takes it off the sum */
	mem_stat_add(STAT_ANON, 1ll << folio_order(f));
	if (unlikely(folio_order(f)))
		thp_count(folio_order(f), THP_NR_ANON);
	atomic_set(&f->page.mapcount, (i32)mapped);
	/* whoever comes by the frame's number and sees that it is anonymous may look at the rest */
	__atomic_fetch_or(&f->page.flags, 1u << PG_ANON | 1u << PG_UPTODATE, __ATOMIC_RELEASE);
}
/*
 * The folio of private memory that a plain leaf maps pages of: a whole contiguous block of them, if
 * unit is CONT_PTES. NULL for anything else. For loops in which unit and pages are constants.
 */
static __always_inline struct folio *plain_folio(pte_t e, u32 unit, u32 pages)
{
	struct page *page = pfn_to_page(pte_pfn(e));

	if (unlikely(!(unit > 1 ? pte_plain_block(e) : pte_plain(e))))
		return NULL;
	if (pages == 1)
		return likely(page_is_small_anon(page)) ? (struct folio *)page : NULL;
	page = &page_folio(page)->page;
	return likely(page_test(page, PG_ANON)) ? (struct folio *)page : NULL;
}
/* The folio of one page of a file that a leaf maps, or NULL. The leaf is not none. */
static __always_inline struct folio *small_file_folio(pte_t e)
{
	struct page *page = pfn_to_page(pte_pfn(e));

	if (unlikely(pte_special(e) || pte_cont(e)) || !page_is_small_file(page))
		return NULL;
	return (struct folio *)page;
}
/* Some of n leaves from p on are alike, as far as one look tells: worth a loop that takes four. */
static inline bool begins_alike(pte_t *p, u32 n)
{
	return n >= 8 && pte_attributes(pte_load(p)).v == pte_attributes(pte_load(&p[7])).v;
}
/* The attributes that v's leaves have: readable and executable as v, not writable, old. */
struct leaf vma_leaf(const struct vma *v, paddr_t pa);
/*
 * Makes the kernel's stores to f visible to instruction fetches if v is executable and it was not
 * done yet.
 */
void sync_icache(const struct vma *v, struct folio *f);
/* After leaves of [start, end) have changed. */
void invalidate_user(struct mm *mm, u64 start, u64 end);
/* The folio of a leaf, and how many of its pages lie from there to its end. */
static inline struct folio *leaf_folio(pte_t e, u32 *left)
{
	struct page *p = pfn_to_page(pte_pfn(e));
	struct folio *f = page_folio(p);

	*left = folio_nr_pages(f) - (u32)(((u64)p - (u64)f) / STRUCT_PAGE_SIZE);
	return f;
}
/*
 * Entries of a run that lie in one folio of which left pages are left: at least one, since a block
 * is never larger than its folio.
 */
static inline u32 run_limit(u32 left, u32 max, int level)
{
	return min(max, level == 3 ? left : left / pt_pages(level));
}
#endif
