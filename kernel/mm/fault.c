/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults.
 *
 * A fault holds mm->lock for reading, so VMAs and tables stay; other faults, fork's opposite
 * (nobody forks meanwhile: fork writes), advice and the reverse map go on beside it. What it does
 * to an entry it decides without locks, prepares (allocates, reads, copies: all of which may
 * sleep), and then does under the leaf table's node lock only if the entry is still what it was. If
 * not, somebody else has made progress: the fault returns and the instruction is tried again.
 *
 * - Empty entry, anonymous VMA. Reading maps zeros, a page or a block of them (special: not
 *   counted). Writing maps a new zeroed folio, exclusive and dirty.
 * - Empty entry, file. The page is found or read in with the mapping's invalidate_lock held for
 *   reading until the entry is set: truncation, which holds it for writing, changes the size first
 *   and then unmaps, so no page beyond the end stays mapped. Reading maps the neighbours that are
 *   in memory too. Writing a private mapping copies at once.
 * - Write to a present, not writable entry. A shared mapping's becomes writable. A private one's
 *   may become so if the folio is ours alone: its leaf says exclusive, or its only reference is
 *   this leaf's. References of other address spaces are dropped only after their TLBs have
 *   forgotten the page (pt/gather.c), so a count of one means that nobody can read it any more.
 *   Otherwise it is copied: the old page is held by a reference over the copy; the entry is
 *   cleared, the TLB invalidated, then the new page is set (break before make), all under the node
 *   lock; then the old references go.
 * - The way there is shared with other address spaces, and the entry is empty or to be written: the
 *   tables become our own first, with the lock held for writing (mm/cow.c).
 * - Anything else: accessed and dirty bits where hardware does not set them; or a TLB entry older
 *   than the permission.
 */
#include <linux/resource.h>
#include <linux/capability.h>
#include <mm/thp.h>
#include "advise.h"
#include "fault_block.h"
#include "internal.h"

#define FAULT_AROUND 16u	/* pages; a power of two */

/* The place of one fault. */
struct site {
	struct mm *mm;
	struct vma *v;
	u64 addr;		/* page aligned */
	pte_t *pte;
	int level;
	struct page *node;
	pte_t seen;
	bool write;
};

struct leaf vma_leaf(const struct vma *v, paddr_t pa)
{
	u32 f = v->vm_flags;

	return (struct leaf){
		.pa = pa,
		.level = 3,
		.type = MEM_NORMAL,
		.user = true,
		.read = f & (VM_READ | VM_WRITE),
		.exec = f & VM_EXEC,
	};
}

static enum fault_result no_memory(void)
{
	return sleep_interrupted(SLEEP_KILLABLE) ? FAULT_KILLED : FAULT_OOM;
}

/*
 * The kernel filled the page through its data mapping: instruction fetches must see it before user
 * mode may execute it.
 */
void sync_icache(const struct vma *v, struct folio *f)
{
	char *p;

	if (!(v->vm_flags & VM_EXEC) || page_test(&f->page, PG_ICACHE))
		return;
	p = folio_address(f);
	__builtin___clear_cache(p, p + (PAGE_SIZE << folio_order(f)));
	page_set(&f->page, PG_ICACHE);
}

/*
 * A new folio of private memory for the naturally aligned range around the fault: all its pages are
 * about to be mapped, once.
 */
static void init_anon(const struct site *s, struct folio *f)
{
	u32 n = folio_nr_pages(f);

	if (n > 1)
		folio_get_many(f, (i32)n - 1);
	anon_folio_init(f, s->mm->lineage, vma_lin(s->v, align_down(s->addr, (u64)n << PAGE_SHIFT)),
			n);
}

/* It was not mapped after all. */
static void drop_anon(struct folio *f)
{
	atomic_set(&f->page.mapcount, 0);
	folio_put_many(f, (i32)folio_nr_pages(f));
}

static pte_t anon_pte(const struct site *s, struct folio *f)
{
	struct leaf l = vma_leaf(s->v, folio_pfn(f) << PAGE_SHIFT);

	l.young = l.exclusive = true;
	l.write = l.dirty = s->v->vm_flags & VM_WRITE;
	return pte_make_leaf(&l);
}

/* The entry was empty: sets it if it still is. */
static bool fill_empty(const struct site *s, pte_t e)
{
	bool ok;

	spin_lock(&s->node->lock);
	ok = pte_is_none(pte_load(s->pte));
	if (likely(ok)) {
		pte_store(s->pte, e);
		pt_filled_one(s->node, s->pte);
	}
	spin_unlock(&s->node->lock);
	pte_publish();
	return ok;
}

/* As map_new_anon, of memory that reclaim may take back at any time (MAP_DROPPABLE). */
static __noinline void map_droppable(const struct site *s, struct folio *f)
{
	folio_get(f);		/* another thread may unmap it at once */
	if (fill_empty(s, anon_pte(s, f))) {
		rss_add(&s->mm->rss_anon, 1);
		folio_give_up(f);
	} else {
		drop_anon(f);
	}
	folio_put(f);
}

static enum fault_result map_new_anon(const struct site *s, struct folio *f)
{
	init_anon(s, f);
	if (unlikely(!s->v->has_anon))
		s->v->has_anon = true;
	if (unlikely(s->v->vm_flags & VM_DROPPABLE))
		map_droppable(s, f);
	else if (likely(fill_empty(s, anon_pte(s, f))))
		rss_add(&s->mm->rss_anon, 1);
	else
		drop_anon(f);
	return FAULT_OK;
}

/* --- large folios ---------------------------------------------------------------------------- */
static bool all_none(pte_t *p, u32 n)
{
	u64 any = 0;

	for (u32 i = 0; i < n; i++)
		any |= pte_load(&p[i]).v;
	return !any;
}

/* n entries from p become leaves of f if all are none. */
static bool fill_run(const struct site *s, pte_t *p, pte_t first, u32 n, int level)
{
	struct page *node = pt_node(p);
	bool ok;

	spin_lock(&node->lock);
	ok = all_none(p, n);
	if (likely(ok)) {
		set_ptes(p, first, n, level);
		pt_filled(node, p, n, (i32)n);
	}
	spin_unlock(&node->lock);
	pte_publish();
	return ok;
}

/* Memory of order for v, zeroed, if there is some, or moving pages about is asked for and helps. */
static struct folio *large_folio(const struct vma *v, u32 order)
{
	struct folio *f = folio_alloc(order, ALLOC_ZERO | ALLOC_USER | ALLOC_NORECLAIM |
						     (thp_compacts(v) ? ALLOC_COMPACT : 0));

	thp_count(order, f ? THP_ALLOC : THP_FALLBACK);
	return f;
}

/* Maps a folio of order around the fault at p, the first of its n entries. false: it cannot be. */
static bool map_large(const struct site *s, u32 order, pte_t *p, u32 n, int level)
{
	struct folio *f;
	pte_t e;

	if (!all_none(p, n))
		return false;
	f = large_folio(s->v, order);
	if (!f)
		return false;
	init_anon(s, f);
	s->v->has_anon = true;
	e = anon_pte(s, f);
	if (!fill_run(s, p, level == 3 ? e : pte_as_block(e), n, level)) {
		drop_anon(f);
		return false;
	}
	rss_add(&s->mm->rss_anon, folio_nr_pages(f));
	return true;
}

/* The first write to a hole without a leaf table: a 2 MiB block, if policy and memory allow. */
static bool map_block(const struct site *s)
{
	pte_t *t;

	if (!fault_allows_block(s->v, s->addr))
		return false;
	t = pt_make_table(&s->mm->pt, s->addr, 2);
	return t && map_large(s, THP_PMD_ORDER, &t[pt_index(s->addr, 2)], 1, 2);
}

/* The first write to a hole: a folio of several pages. The largest that fits where nothing is. */
static bool map_run(const struct site *s)
{
	u32 orders = thp_orders(&thp_policy, s->v) & ((1u << THP_PMD_ORDER) - 1);

	while (orders) {
		u32 order = ilog2(orders), n = 1u << order;

		if (thp_fits(s->addr, order, s->v->start, s->v->end) &&
		    map_large(s, order, s->pte - pt_index(s->addr, 3) % n, n, 3))
			return true;
		orders &= ~n;
	}
	return false;
}

/* The contiguous block around the place lies in the VMA, and policy allows such memory there. */
static bool allows_cont(const struct site *s)
{
	return (thp_orders(&thp_policy, s->v) & (1u << THP_CONT_ORDER)) &&
	       thp_fits(s->addr, THP_CONT_ORDER, s->v->start, s->v->end);
}

/* The contiguous block of zeros that begins with e, where a write would get one of memory. */
static __noinline bool map_zero_run(const struct site *s, pte_t e)
{
	pte_t *p = s->pte - pt_index(s->addr, 3) % CONT_PTES;

	_Static_assert(ZERO_ORDER == THP_CONT_ORDER, "zeros fill a contiguous block");
	return allows_cont(s) && all_none(p, CONT_PTES) && fill_run(s, p, e, CONT_PTES, 3);
}

static enum fault_result map_zeros(const struct site *s)
{
	struct leaf l = vma_leaf(s->v, folio_pfn(zero_folio) << PAGE_SHIFT);
	pte_t e;

	l.young = l.special = true;
	e = pte_make_leaf(&l);
	if (!thp_orders_anywhere(1u << THP_CONT_ORDER) || !map_zero_run(s, e))
		fill_empty(s, e);
	return FAULT_OK;
}

static enum fault_result anon_fault(const struct site *s)
{
	struct folio *f;

	if (!s->write)
		return map_zeros(s);
	if (s->v->end - s->v->start > PAGE_SIZE && map_run(s))
		return FAULT_OK;
	f = folio_alloc(0, ALLOC_ZERO | ALLOC_USER);
	return likely(f) ? map_new_anon(s, f) : no_memory();
}

/* --- files ----------------------------------------------------------------------------------- */
struct folio *fault_find_page(const struct vma *v, struct mapping *m, u64 index, bool *major)
{
	struct folio *f = mapping_find(m, index);
	u32 how = READ_MAPPED;

	if (likely(f))
		return f;
	if (!m->ops || !m->ops->read_folio)
		return mapping_get_large(m, index, shmem_fault_orders(v, index));
	*major = true;
	how |= (v->vm_flags & VM_EXEC ? READ_TEXT : 0) | (v->vm_flags & VM_RAND ? READ_RANDOM : 0) |
	       (v->vm_flags & VM_SEQ ? READ_SEQUENTIAL : 0) |
	       ((v->vm_flags & VM_HUGEPAGE) && thp_allowed(v) ? READ_BLOCK : 0);
	return mapping_read_page(m, &v->backing->ra, index, 1, how);
}

static pte_t file_pte(const struct site *s, struct folio *f, u64 index, bool young)
{
	struct leaf l = vma_leaf(s->v, (folio_pfn(f) + (index - f->page.index)) << PAGE_SHIFT);

	l.young = young;
	l.write = (s->v->vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE);
	return pte_make_leaf(&l);
}

/*
 * Sets one entry if it is empty; takes over the folio's reference. used: the fault is for it. Node
 * locked.
 */
static inline void set_file_pte(const struct site *s, pte_t *p, struct folio *f, u64 index, bool used)
{
	pte_t e;

	if (!pte_is_none(pte_load(p))) {
		folio_put(f);
		return;
	}
	e = file_pte(s, f, index, used || !arch_hw_af);
	file_mapped(f, 1);
	pte_store(p, used && s->write ? pte_mkdirty(e) : e);
	pt_filled_one(s->node, p);
	rss_add(rss_counter(s->mm, f), 1);
}

/* The same for n pages of a large folio, each of which has a reference. */
static __noinline void set_file_run(const struct site *s, pte_t *p, struct folio *f, u64 index, u32 n, bool used)
{
	pte_t e = file_pte(s, f, index, used || !arch_hw_af);
	u32 set = 0;

	if (used && s->write)
		e = pte_mkdirty(e);
	for (u32 i = 0, run; i < n; i += run) {
		bool none = pte_is_none(pte_load(&p[i]));

		for (run = 1; i + run < n && pte_is_none(pte_load(&p[i + run])) == none; run++)
			;
		if (none) {
			file_mapped(f, run);
			set_ptes(&p[i], pte_advance(e, i), run, 3);
			set += run;
		}
	}
	pt_filled(s->node, p, n, (i32)set);
	rss_add(rss_counter(s->mm, f), set);
	if (set < n)
		folio_put_many(f, (i32)(n - set));
}

struct around {
	u64 first;			/* index of the window's first page */
	u32 at, lo, hi;			/* of the window: the fault's page; pages lo..hi-1 */
	struct folio *folio[FAULT_AROUND];
};

/*
 * Which neighbours come with the fault's page: those that VMA, file and table have in the aligned
 * window around it; for a write only those of the same folio f, which it makes dirty as a whole.
 */
static void choose_around(const struct site *s, const struct mapping *m, const struct folio *f,
			  u64 index, struct around *a)
{
	u64 last = div_round_up(READ_ONCE(m->size), PAGE_SIZE);
	u64 below = min((s->addr - s->v->start) >> PAGE_SHIFT, index);
	u64 above = min((s->v->end - s->addr) >> PAGE_SHIFT, last - index);

	if (s->write) {
		below = min(below, index - f->page.index);
		above = min(above, f->page.index + folio_nr_pages(f) - index);
	} else if (m->nr_pages == 1) {
		below = 0;
		above = 1;
	}
	a->at = pt_index(s->addr, 3) % FAULT_AROUND;
	a->first = index - a->at;
	a->lo = a->at - (u32)min((u64)a->at, below);
	a->hi = a->at + (u32)min((u64)(FAULT_AROUND - a->at), above);
}

/* Maps f, and neighbours that are there. invalidate_lock held for reading. */
static void map_file_pages(const struct site *s, struct mapping *m, struct folio *f, u64 index)
{
	struct around a = { .folio = { NULL } };
	u32 n;

	choose_around(s, m, f, index, &a);
	for (u32 i = a.lo; a.hi - a.lo > 1 && i < a.hi;)
		i += mapping_find_run(m, a.first + i, a.hi - i, &a.folio[i]);
	if (a.folio[a.at])
		folio_put(a.folio[a.at]);	/* f has its own */
	a.folio[a.at] = f;
	for (u32 i = a.lo; (s->v->vm_flags & VM_EXEC) && i < a.hi; i++)
		if (a.folio[i])
			sync_icache(s->v, a.folio[i]);
	spin_lock(&s->node->lock);
	for (u32 i = a.lo; i < a.hi; i += n) {
		pte_t *p = s->pte - a.at + i;

		n = 1;
		if (!(f = a.folio[i]))
			continue;
		if (likely(!folio_order(f))) {
			set_file_pte(s, p, f, a.first + i, i == a.at);
			continue;
		}
		while (i + n < a.hi && a.folio[i + n] == f)
			n++;
		set_file_run(s, p, f, a.first + i, n, a.at - i < n);
	}
	spin_unlock(&s->node->lock);
	pte_publish();
}

static enum fault_result file_fault(const struct site *s, bool *major)
{
	struct mapping *m = vma_mapping(s->v);
	u64 index = vma_pgoff(s->v, s->addr);
	enum fault_result r = FAULT_OK;
	struct folio *f, *copy = NULL;

	if (!m)
		return FAULT_BUS;
	if (s->write && !(s->v->vm_flags & VM_SHARED)) {
		copy = folio_alloc(0, ALLOC_USER);
		if (!copy)
			return no_memory();
	}
	read_lock(&m->invalidate_lock);
	if (index >= div_round_up(m->size, PAGE_SIZE)) {
		r = FAULT_BUS;
		goto out;
	}
	f = fault_find_page(s->v, m, index, major);
	if (IS_ERR(f)) {
		r = PTR_ERR(f) == -ENOMEM ? no_memory() : FAULT_BUS;
		goto out;
	}
	if (copy) {
		copy_page(folio_address(copy),
			  page_address(folio_page(f, (u32)(index - f->page.index))));
		folio_put(f);
		sync_icache(s->v, copy);
		map_new_anon(s, copy);
		copy = NULL;
		goto out;
	}
	if (s->write && !page_test(&f->page, PG_DIRTY))
		page_set(&f->page, PG_DIRTY);
	map_file_pages(s, m, f, index);
out:
	read_unlock(&m->invalidate_lock);
	if (copy)
		folio_put(copy);
	return r;
}

/* Memory that is not folios: vDSO, devices. */
static enum fault_result pfn_fault(const struct site *s)
{
	struct backing *b = s->v->backing;
	u64 at = vma_pgoff(s->v, s->addr), frame = b && b->ops->frame ? b->ops->frame(b, at) : at;
	struct leaf l = vma_leaf(s->v, frame << PAGE_SHIFT);

	l.young = l.special = true;
	l.write = l.dirty = (s->v->vm_flags & VM_SHARED) && (s->v->vm_flags & VM_WRITE);
	if (frame == ~0ull || (s->write && !l.write))
		return FAULT_BUS;	/* no private copies of such memory */
	fill_empty(s, pte_make_leaf(&l));
	return FAULT_OK;
}

/* --- write to a read-only entry -------------------------------------------------------------- */
/* The entry still maps what it did when we looked (hardware may have marked it accessed). */
static bool same_entry(pte_t a, pte_t b) { return pte_mkold(a).v == pte_mkold(b).v; }

/*
 * Puts the private copy in the place of what was seen, if that is still there: one page, or the
 * contiguous block around it. Takes over copy's references.
 */
static void replace_pages(const struct site *s, struct folio *copy, struct folio *old)
{
	u32 n = folio_nr_pages(copy);
	pte_t *p = s->pte - pt_index(s->addr, 3) % n;
	u64 va = align_down(s->addr, (u64)n << PAGE_SHIFT);

	init_anon(s, copy);
	sync_icache(s->v, copy);
	s->v->has_anon = true;
	spin_lock(&s->node->lock);
	if (!same_entry(pte_load(s->pte), s->seen)) {
		spin_unlock(&s->node->lock);
		drop_anon(copy);
		return;
	}
	(void)get_and_clear_ptes(p, n);
	tlb_inval_range(pt_asid(&s->mm->pt), va, va + ((u64)n << PAGE_SHIFT), PAGE_SIZE,
			TLB_LAST_LEVEL);
	set_ptes(p, anon_pte(s, copy), n, 3);
	if (unlikely(s->v->vm_flags & VM_DROPPABLE))
		folio_give_up(copy);
	spin_unlock(&s->node->lock);
	pte_publish();
	if (!old || !page_test(&old->page, PG_ANON)) {
		if (old)
			rss_add(rss_counter(s->mm, old), -(i64)n);
		rss_add(&s->mm->rss_anon, n);
	}
	if (old)
		folios_unmapped(&old, &n, 1);
	mem_stat_add(STAT_COW, n);
}

/* The pages of f that leaves of this table map, where the fault's page would be the at-th of f. */
static u32 mapped_here(const struct site *s, struct folio *f, u32 at)
{
	u32 n = 0, index = pt_index(s->addr, 3), first = index - min(index, at);
	pte_t *table = s->pte - index;

	for (u32 i = first; i < PT_ENTRIES && i < index + folio_nr_pages(f) - at; i++) {
		pte_t e = pte_load(&table[i]);

		if (!pte_is_none(e) && !pte_special(e))
			n += page_folio(pfn_to_page(pte_pfn(e))) == f;
	}
	return n;
}

/*
 * The private page is ours alone: its leaf says so, or all references that the folio has are those
 * of leaves of ours, next to this one. Node locked.
 */
static bool is_ours(const struct site *s, struct folio *f, struct page *p)
{
	u32 refs = (u32)ref_read(&f->page.refcount);

	if (pte_exclusive(s->seen))
		return true;
	if (!page_test(&f->page, PG_ANON))
		return false;
	if (s->level < 3)
		return refs == pt_pages(s->level);
	return refs <= folio_nr_pages(f) && refs == mapped_here(s, f, (u32)(page_to_pfn(p) - folio_pfn(f)));
}

/*
 * More is allowed than a TLB knows: what the leaf said before, or that a table on the way was not to
 * be written through (a table that was taken back, T7).
 */
static void forget_denial(const struct site *s)
{
	tlb_inval_page(pt_asid(&s->mm->pt), s->addr,
		       s->mm->pt.may_share ? TLB_ALL_LEVELS : TLB_LAST_LEVEL);
}

/* Entry, or the contiguous block around it, becomes writable. Unlocks the node. */
static enum fault_result reuse(const struct site *s, struct folio *f)
{
	bool shared = s->v->vm_flags & VM_SHARED;
	u32 n;
	pte_t *p = pt_unit(s->pte, &n);

	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* after the last other owner's release */
	if (shared)
		page_set(&f->page, PG_DIRTY);
	if (s->v->vm_flags & VM_WRITE)
		allow_write_ptes(p, n, !shared);
	else
		own_ptes(p, n);		/* a pin for reading: ours alone is all it wants */
	spin_unlock(&s->node->lock);
	forget_denial(s);
	return FAULT_OK;
}

/*
 * Pages that one copy takes: a contiguous block as a whole, where policy and VMA allow, so that
 * what fork shares in blocks stays in blocks; else one.
 */
static u32 copies(const struct site *s)
{
	return pte_cont(s->seen) && allows_cont(s) ? CONT_PTES : 1;
}

/* No memory for a copy of the block: it is taken apart, and the next fault copies a page. */
static enum fault_result unfold_for_copy(const struct site *s)
{
	spin_lock(&s->node->lock);
	if (same_entry(pte_load(s->pte), s->seen))
		pt_unfold(&s->mm->pt, s->pte, s->addr, false, PT_COW);
	spin_unlock(&s->node->lock);
	return FAULT_OK;
}

/* A block of 2 MiB of zeros becomes memory, or else a table of them. */
static enum fault_result replace_zero_block(const struct site *s)
{
	u64 start = align_down(s->addr, PMD_SIZE);
	struct folio *f = NULL;
	bool same;

	if (fault_allows_block(s->v, s->addr))
		f = large_folio(s->v, THP_PMD_ORDER);
	if (!f)
		return pt_split(&s->mm->pt, s->addr, PT_COW) ? no_memory() : FAULT_OK;
	init_anon(s, f);
	s->v->has_anon = true;
	spin_lock(&s->node->lock);
	same = same_entry(pte_load(s->pte), s->seen);
	if (same) {
		(void)get_and_clear_ptes(s->pte, 1);
		tlb_inval_range(pt_asid(&s->mm->pt), start, start + PMD_SIZE, PMD_SIZE,
				TLB_LAST_LEVEL);
		set_ptes(s->pte, pte_as_block(anon_pte(s, f)), 1, 2);
		rss_add(&s->mm->rss_anon, PT_ENTRIES);
	}
	spin_unlock(&s->node->lock);
	pte_publish();
	if (!same)
		drop_anon(f);
	return FAULT_OK;
}

/* Zeros are to be written: new memory needs no copy. */
static enum fault_result replace_zeros(const struct site *s)
{
	struct folio *f = NULL;

	if (s->v->vm_flags & VM_PFN)
		return FAULT_BUS;
	if (s->level < 3)
		return replace_zero_block(s);
	if (copies(s) > 1)
		f = large_folio(s->v, THP_CONT_ORDER);
	if (!f && pte_cont(s->seen))
		return unfold_for_copy(s);
	if (!f)
		f = folio_alloc(0, ALLOC_ZERO | ALLOC_USER);
	if (!f)
		return no_memory();
	replace_pages(s, f, NULL);
	return FAULT_OK;
}

/* The folio is being moved: nobody may write to it until that is done. Unlocks the node. */
static __noinline enum fault_result wait_for_move(const struct site *s, struct folio *f)
{
	folio_get(f);
	spin_unlock(&s->node->lock);
	folio_wait_unlocked(f);
	folio_put(f);
	return FAULT_OK;
}

static enum fault_result copy_on_write(const struct site *s)
{
	struct folio *old, *copy;
	struct page *p;
	u32 n;

	spin_lock(&s->node->lock);
	if (!same_entry(pte_load(s->pte), s->seen)) {
		spin_unlock(&s->node->lock);
		return FAULT_OK;
	}
	if (pte_special(s->seen)) {
		spin_unlock(&s->node->lock);
		return replace_zeros(s);
	}
	p = pfn_to_page(pte_pfn(s->seen));
	old = page_folio(p);
	if (unlikely(page_test(&old->page, PG_LOCKED)) && page_test(&old->page, PG_ANON))
		return wait_for_move(s, old);
	if ((s->v->vm_flags & VM_SHARED) || is_ours(s, old, p))
		return reuse(s, old);
	if (s->level < 3) {
		spin_unlock(&s->node->lock);
		return pt_split(&s->mm->pt, s->addr, PT_COW) ? no_memory() : FAULT_OK;
	}
	/* of a file's pages only what is written: the others go on to show what the file has */
	n = page_test(&old->page, PG_ANON) ? copies(s) : 1;
	if (n == 1 && pte_cont(s->seen)) {
		pt_unfold(&s->mm->pt, s->pte, s->addr, false, PT_COW);
		spin_unlock(&s->node->lock);
		return FAULT_OK;
	}
	folio_get(old);
	spin_unlock(&s->node->lock);
	copy = NULL;
	if (n > 1) {
		copy = folio_alloc(ilog2(n), ALLOC_USER | ALLOC_NORECLAIM);
		thp_count(ilog2(n), copy ? THP_COW_COPY : THP_FALLBACK);
	}
	if (!copy && pte_cont(s->seen)) {
		folio_put(old);
		return unfold_for_copy(s);
	}
	if (!copy)
		copy = folio_alloc(0, ALLOC_USER);
	if (copy) {
		copy_pages(folio_address(copy), (void *)align_down((u64)page_address(p),
								  (u64)n * PAGE_SIZE), n);
		replace_pages(s, copy, old);
	}
	folio_put(old);
	return copy ? FAULT_OK : no_memory();
}

/* Nothing is missing but a bit that hardware does not set, or this CPU's TLB is behind. */
static enum fault_result touch(const struct site *s)
{
	bool changed = false;
	u32 n;
	pte_t *p;

	spin_lock(&s->node->lock);
	p = pt_unit(s->pte, &n);
	if (pte_kind(pte_load(p), s->level) == PTE_LEAF)
		changed = touch_ptes(p, n, s->write);
	spin_unlock(&s->node->lock);
	pte_publish();
	if (s->write || !changed)
		forget_denial(s);
	return FAULT_OK;
}

enum fault_result fault_vma(struct vma *v, u64 addr, bool write, bool *major)
{
	struct site s = { .mm = v->mm, .v = v, .addr = addr & PAGE_MASK, .write = write };
	bool shared;

	if (unlikely(s.mm->reaped))
		return FAULT_BUS;
	s.pte = pt_entry_path(&v->mm->pt, addr, &s.level, &shared);
	s.seen = pte_load(s.pte);
	if (unlikely(shared) && (write || pte_is_none(s.seen)))
		return FAULT_SHARED;
	if (unlikely(s.level < 3) && pte_is_none(s.seen)) {
		pte_t *table;

		if (!vma_is_anon(v) ? fault_file_block(v, s.addr, write, major)
		    : write	    ? map_block(&s)
				    : fault_zero_block(v, s.addr))
			return FAULT_OK;
		table = pt_make_table(&v->mm->pt, addr, 3);
		if (IS_ERR(table))	/* a block has just come: the access may pass now */
			return FAULT_OK;
		if (!table)
			return no_memory();
		s.level = 3;
		s.pte = &table[pt_index(addr, 3)];
		s.seen = pte_load(s.pte);
	}
	s.node = pt_node(s.pte);
	if (pte_is_none(s.seen)) {
		if (likely(vma_is_anon(v)))
			return anon_fault(&s);
		return v->vm_flags & VM_PFN ? pfn_fault(&s) : file_fault(&s, major);
	}
	if (write && !pte_write(s.seen))
		return copy_on_write(&s);
	return touch(&s);
}

/* --- stacks ---------------------------------------------------------------------------------- */
int vma_grow_down(struct vma *v, u64 addr)
{
	struct vma *prev = vma_prev(v);
	u64 start = addr & PAGE_MASK, pages = (v->start - start) >> PAGE_SHIFT;

	if (start < mm_min_addr || v->end - start > mm_rlimit(RLIMIT_STACK))
		return -ENOMEM;
	if (prev && !(prev->vm_flags & VM_GROWSDOWN) &&
	    (prev->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)) &&
	    (start < prev->end || start - prev->end < GUARD_GAP))
		return -ENOMEM;
	if (prev && start < prev->end)
		return -ENOMEM;
	if (!may_expand(v->mm, v->vm_flags | VM_STACK, pages) ||
	    ((v->vm_flags & VM_ACCOUNT) && overcommits(v->mm, pages)))
		return -ENOMEM;
	if ((v->vm_flags & VM_LOCKED) && !capable(CAP_IPC_LOCK) &&
	    v->mm->locked_pages + pages > mm_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return -ENOMEM;
	vma_resize(v, start, v->end);
	return 0;
}

/*
 * addr lies in no VMA: grows the stack above it, if that is one. On success the lock is held for
 * reading as before.
 */
static struct vma *grow_stack(struct mm *mm, u64 addr)
{
	struct vma *v = mm_first_vma_from(mm, addr);

	if (!v || !(v->vm_flags & VM_GROWSDOWN))
		return NULL;
	read_unlock(&mm->lock);
	write_lock(&mm->lock);
	v = mm_first_vma_from(mm, addr);
	if (v && v->start > addr && (!(v->vm_flags & VM_GROWSDOWN) || vma_grow_down(v, addr)))
		v = NULL;
	write_downgrade(&mm->lock);
	return v;
}

static bool allowed(const struct vma *v, const struct fault *f)
{
	if (f->write)
		return v->vm_flags & VM_WRITE;
	if (f->exec)
		return v->vm_flags & VM_EXEC;
	/* the hardware has no write or execute without read */
	return v->vm_flags & (VM_READ | VM_WRITE | VM_EXEC);
}

/*
 * The way to the page is shared, and the fault changes what only this address space is to see: the
 * tables become its own, with the lock held for writing, so that all is looked at again.
 */
static __noinline enum fault_result own_and_fault(struct mm *mm, const struct fault *f, bool *major)
{
	enum fault_result r = FAULT_OK;		/* what was there has gone: the access tells */
	struct vma *v;

	read_unlock(&mm->lock);
	write_lock(&mm->lock);
	v = mm_find_vma(mm, f->addr);
	if (v && f->write)
		mm_note_write(mm, f->addr);
	if (v && mm_own(mm, f->addr & PAGE_MASK, (f->addr & PAGE_MASK) + PAGE_SIZE,
			f->write ? OWN_WRITE : OWN_FILL))
		r = no_memory();
	write_downgrade(&mm->lock);
	if (v && r == FAULT_OK && allowed(v, f))
		r = fault_vma(v, f->addr, f->write, major);
	return r;
}

enum fault_result mm_fault(struct mm *mm, const struct fault *f, bool *major)
{
	enum fault_result r = FAULT_SEGV_MAPERR;
	struct vma *v;

	*major = false;
	if (f->addr >= USER_VA_END)
		return FAULT_SEGV_MAPERR;
	read_lock(&mm->lock);
	v = mm_find_vma(mm, f->addr);
	if (unlikely(!v))
		v = grow_stack(mm, f->addr);
	if (likely(v))
		r = likely(allowed(v, f)) ? fault_vma(v, f->addr, f->write, major)
					  : FAULT_SEGV_ACCERR;
	if (unlikely(r == FAULT_SHARED))
		r = own_and_fault(mm, f, major);
	read_unlock(&mm->lock);
	return r;
}
