/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reverse map.
 *
 * Anonymous folios: the subtree of their owner's node in the lineage (lineage.c). In each address
 * space the folio's pages lie where its lineage offset says, in a VMA that lies where it was made;
 * or in one of the moved VMAs. Both may cover the offset (something new was mapped where something
 * was moved away), so a leaf counts only if it maps the very page. The address space's rmap_lock
 * keeps VMAs and moves away.
 *
 * Folios of files: the mapping's list of VMAs, under its vma_lock. The mapping's memory is freed
 * after a grace period, so a folio that is just leaving it can still be looked up in it.
 *
 * A VMA leaves tree and lists under these locks before its tables can go (mm/mmap.c), and path_lock
 * keeps the way to the leaves as it is, so the walk needs no mm->lock. Address spaces may share
 * tables: then the walk comes to the same leaves by several ways. What it does to them the first time
 * is for all owners (T5), with their TLBs told; they are counted once.
 */
#include <hal/rcu.h>
#include <mm/gup.h>
#include "rmap.h"

struct walk {
	struct folio *f;
	rmap_fn fn;
	void *arg;
	u32 flags;
	u64 found;		/* pages of leaves that stay */
	bool stop;
	/* shared tables that the walk has been to, and by whom; what is not in here counts again */
	u32 nr_seen;
	bool again, first;	/* the table at hand was seen before; was certainly not */
	struct { const struct page *node; const struct mm *mm; } seen[32];
};

/*
 * Has somebody else's way led to the table before, if it is shared? One that was seen may have gone,
 * but its frame is no other shared table yet: only fork shares tables, and only after it has entered
 * the lineage and the lists of files, which waits for the walk; one that had entered them before holds
 * its mm->lock, so what it shares is older than the walk.
 */
static void note_table(struct walk *k, const struct pt_walk *w, const struct mm *mm)
{
	u32 i = 0;

	k->again = false;
	k->first = true;
	if (likely(!w->shared))
		return;
	while (i < k->nr_seen && k->seen[i].node != w->node)
		i++;
	if (i < k->nr_seen) {
		k->again = k->seen[i].mm != mm;
		k->first = !k->again;
	} else if (i < ARRAY_SIZE(k->seen)) {
		k->seen[i].node = w->node;
		k->seen[k->nr_seen++].mm = mm;
	} else {
		k->flags |= RMAP_ALL;	/* what is found says no more how much there is */
		k->first = false;
	}
}

/* The run of leaves from entry i on that map f from its page-th page on; r->n 0: none there. */
static void find_run(const struct walk *k, const struct pt_walk *w, u32 i, u32 page,
		     struct rmap_run *r)
{
	u32 left = folio_nr_pages(k->f) - page;
	pte_t e = pte_load(&w->pte[i]);
	struct pt_run run;

	r->n = 0;
	if (!pte_present(e) || pte_special(e) || pte_pfn(e) != folio_pfn(k->f) + page)
		return;
	run = pt_run_of(&w->pte[i], run_limit(left, w->n - i, w->level), w->level,
			PT_IGNORE_DIRTY | PT_IGNORE_YOUNG);
	r->node = w->node;
	r->pte = &w->pte[i];
	r->va = pt_walk_va(w, i);
	r->n = run.n;
	r->level = w->level;
	r->page = page;
	r->pages = run.n * pt_pages(w->level);
	r->any_dirty = run.any_dirty;
	r->any_young = run.any_young;
}

/* The part of v that may map pages from the page-th of f on: n of them from va on. */
static void visit(struct walk *k, struct vma *v, u64 va, u32 page, u32 n)
{
	struct rmap_run r = { .f = k->f, .v = v };
	struct pt_walk w;

	spin_lock(&v->mm->pt.path_lock);
	if (k->flags & RMAP_LOOK)
		pt_walk_init(&w, &v->mm->pt, va, va + ((u64)n << PAGE_SHIFT));
	else
		pt_walk_edit(&w, &v->mm->pt, va, va + ((u64)n << PAGE_SHIFT), PT_MIGRATE);
	while (!k->stop && pt_walk_next(&w)) {
		note_table(k, &w, v->mm);
		r.shared = w.shared;
		r.first = k->first;
		for (u32 i = 0; i < w.n && !k->stop; i += max(r.n, 1u)) {
			/* A block that reaches beyond the range is another folio's. */
			i64 at = (i64)page + ((i64)(pt_walk_va(&w, i) - va) >> PAGE_SHIFT);

			r.n = 0;
			if (at >= 0 && at < folio_nr_pages(k->f))
				find_run(k, &w, i, (u32)at, &r);
			if (!r.n || (k->again && (k->flags & (RMAP_LOOK | RMAP_WAYS)) == RMAP_LOOK))
				continue;
			if (!(k->flags & RMAP_REMOVES) && k->first)
				k->found += r.pages;
			k->stop = !k->fn(&r, k->arg);
		}
	}
	pt_walk_stop(&w);
	spin_unlock(&v->mm->pt.path_lock);
}

/* v's pages are numbered from first on; those of f from f's index on. */
static void visit_overlap(struct walk *k, struct vma *v, u64 first)
{
	u64 index = k->f->page.index, end = index + folio_nr_pages(k->f);
	u64 lo = max(first, index), hi = min(first + vma_pages(v), end);

	if (lo < hi)
		visit(k, v, v->start + ((lo - first) << PAGE_SHIFT), (u32)(lo - index),
		      (u32)(hi - lo));
}

static void visit_mm(struct walk *k, struct mm *mm)
{
	u64 from = k->f->page.index << PAGE_SHIFT;
	u64 to = from + (folio_nr_pages(k->f) << PAGE_SHIFT);
	struct vma *v;

	spin_lock(&mm->rmap_lock);
	for (v = mm_first_vma_from(mm, from); v && v->start < to && !k->stop; v = mm_next_vma(v))
		if (v->has_anon && !vma_is_moved(v))
			visit_overlap(k, v, v->lin);
	list_for_each(v, &mm->moved, moved) {
		if (k->stop)
			break;
		if (v->has_anon)
			visit_overlap(k, v, v->lin);
	}
	spin_unlock(&mm->rmap_lock);
}

/*
 * No more leaves need be looked for. A leaf that was found and has gone since may make it end
 * early, with another left (RMAP_ALL does not). Of a folio of one page that one is a copy, whose
 * owner did nothing yet, and the walk is no worse than one that was made before the copy.
 */
static bool all_found(const struct walk *k)
{
	if (k->stop || (k->flags & RMAP_ALL) || (k->nr_seen && (k->flags & RMAP_WAYS)))
		return k->stop;
	return atomic_read(&k->f->page.mapcount) <= (i64)k->found;
}

static bool walk_anon(struct walk *k)
{
	struct lineage_node *top = k->f->page.owner, *n;

	if (!lineage_lock(top, !(k->flags & RMAP_TRY)))
		return false;
	for (n = top; n && !all_found(k); n = lineage_next(top, n))
		if (n->mm)
			visit_mm(k, n->mm);
	lineage_unlock(top);
	return true;
}

static void walk_file(struct walk *k)
{
	struct mapping *m;
	struct vma *v;

	rcu_read_lock();	/* until vma_lock, which is as good */
	m = READ_ONCE(k->f->page.mapping);
	if (m)
		spin_lock(&m->vma_lock);
	rcu_read_unlock();
	if (!m)
		return;
	list_for_each(v, &m->vmas, share) {
		if (all_found(k))
			break;
		visit_overlap(k, v, v->pgoff);
	}
	spin_unlock(&m->vma_lock);
}

bool rmap_walk(struct folio *f, u32 flags, rmap_fn fn, void *arg)
{
	struct walk k = { .f = f, .fn = fn, .arg = arg, .flags = flags };

	if (!atomic_read(&f->page.mapcount))
		return true;
	if (page_test(&f->page, PG_ANON))
		return walk_anon(&k);
	walk_file(&k);
	return true;
}

/* --- counting -------------------------------------------------------------------------------- */
struct count { u32 n; u32 page; bool one; };

static bool count_run(const struct rmap_run *r, void *arg)
{
	struct count *c = arg;

	if (!c->one)
		c->n += r->pages;
	else if (c->page >= r->page && c->page < r->page + r->pages)
		c->n++;
	return true;
}

u32 rmap_count(struct folio *f)
{
	struct count c = { 0 };

	rmap_walk(f, RMAP_LOOK, count_run, &c);
	return c.n;
}

u32 rmap_count_page(struct page *p)
{
	struct folio *f = page_folio(p);
	struct count c = { .one = true, .page = (u32)(page_to_pfn(p) - folio_pfn(f)) };

	rmap_walk(f, RMAP_LOOK, count_run, &c);
	return c.n;
}

void rmap_invalidate(const struct rmap_run *r)
{
	u64 end = r->va + ((u64)r->pages << PAGE_SHIFT);

	if (r->shared)
		tlb_inval_range_all_asids(r->va, end, PAGE_SIZE);
	else
		invalidate_user(r->v->mm, r->va, end);
}

/* --- write protection ------------------------------------------------------------------------ */
struct protect { u32 max_pages; i32 found; bool refused; };

/*
 * Who pins a page of f through these leaves has counted it before we have their node. The TLBs are
 * told in any case: an entry that says read-only may be younger than what a CPU goes by, for fork
 * and mprotect tell the TLBs when they have been over all entries.
 */
static bool protect_run(const struct rmap_run *r, void *arg)
{
	struct protect *k = arg;

	k->refused = folio_pinned(r->f) || pt_pages(r->level) > k->max_pages;
	if (k->refused)
		return false;
	if (r->first)
		k->found += (i32)r->pages;
	wrprotect_ptes(r->pte, r->n, page_test(&r->f->page, PG_ANON));
	rmap_invalidate(r);
	return true;
}

/* What a fault is about to map is counted already, and will be writable. */
bool rmap_wrprotect(struct folio *f, u32 max_pages)
{
	struct protect k = { .max_pages = max_pages };

	rmap_walk(f, RMAP_ALL, protect_run, &k);
	return !k.refused && k.found >= atomic_read(&f->page.mapcount);
}

/* --- unmapping ------------------------------------------------------------------------------- */
struct unmap { u32 flags; bool refused, asked, locked; };

/* Written through the linear map, or about to be: whoever does so marks it under the node lock. */
static bool in_use(const struct folio *f)
{
	return page_test(&f->page, PG_DIRTY) ||
	       ref_read(&f->page.refcount) > atomic_read(&f->page.mapcount) + 1;
}

/*
 * Does mlock hold what the run maps? Of a shared table each owner may, and the walk has come by one's
 * way. So before the first leaf of a file is taken from such a table, all that map the file are asked,
 * whatever their tables: who has locked it, and shares the table, has forked since, and who forks is
 * on the file's list (whose lock the walk holds) before it shares. Private memory is come to by the
 * way of who forked first (lineage.c).
 */
static bool is_locked(struct unmap *u, const struct rmap_run *r)
{
	const u64 first = r->f->page.index, end = first + folio_nr_pages(r->f);
	struct vma *v;

	if (r->v->vm_flags & VM_LOCKED)
		return true;
	if (likely(!r->shared) || page_test(&r->f->page, PG_ANON))
		return false;
	if (!u->asked)
		list_for_each(v, &vma_mapping(r->v)->vmas, share)
			u->locked |= (v->vm_flags & VM_LOCKED) && v->pgoff < end &&
				     v->pgoff + vma_pages(v) > first;
	u->asked = true;
	return u->locked;
}

/*
 * Hardware may have let a write through until nobody can write any more. The leaves are not none
 * meanwhile: who cuts, moves or forks what a block entry maps looks at that without its node's lock, and
 * would take none for a hole. The next write makes them writable again.
 */
static bool stays_clean(const struct rmap_run *r)
{
	wrprotect_ptes(r->pte, r->n, false);
	rmap_invalidate(r);
	return !pt_run_of(r->pte, r->n, r->level, PT_IGNORE_ALL).any_dirty;
}

static bool unmap_run(const struct rmap_run *r, void *arg)
{
	struct unmap *u = arg;
	bool clean = u->flags & UNMAP_CLEAN, droppable = r->v->vm_flags & VM_DROPPABLE;
	static const i64 none[NR_RSS];
	struct pt_run was;
	struct zap z;

	u->refused = (!(u->flags & UNMAP_LOCKED) && is_locked(u, r)) ||
		     (clean && ((r->any_dirty && !droppable) || in_use(r->f)));
	u->refused = u->refused || (clean && !droppable && !stays_clean(r));
	if (u->refused)
		return false;
	was = get_and_clear_ptes(r->pte, r->n);
	zap_begin(&z, r->v->mm, false);
	z.g.shared = r->shared;
	pt_gather_range(&z.g, r->va, r->va + ((u64)r->pages << PAGE_SHIFT), r->level);
	if (r->level < 3 && !page_test(&r->f->page, PG_ANON))
		file_block_mapped(r->f, -(i32)r->n);
	zap_cleared(&z, r->v, r->f, r->pages, was.any_dirty, was.any_young);
	if (r->shared)
		zap_shared(&z, none, r->node, r->level, r->va);
	pt_emptied(r->node, (i32)r->n);
	zap_end(&z);
	return true;
}

bool rmap_unmap(struct folio *f, u32 flags)
{
	struct unmap u = { .flags = flags };

	return rmap_walk(f, RMAP_REMOVES | (flags & UNMAP_TRY ? RMAP_TRY : 0), unmap_run, &u) &&
	       !u.refused && !atomic_read(&f->page.mapcount);
}

/* --- ranges of a file ------------------------------------------------------------------------ */
void mapping_unmap_range(struct mapping *m, u64 first, u64 n, bool even_cow)
{
	u64 last = first + n < first ? ~0ull : first + n;	/* one past */
	struct vma *v;
	struct zap z;

	if (list_empty(&m->vmas))
		return;
	spin_lock(&m->vma_lock);
	list_for_each(v, &m->vmas, share) {
		u64 lo = max(first, v->pgoff), hi = min(last, v->pgoff + vma_pages(v));

		if (lo >= hi)
			continue;
		zap_begin(&z, v->mm, false);
		z.keep_private = !even_cow;
		spin_lock(&v->mm->pt.path_lock);
		zap_vma(&z, v, v->start + ((lo - v->pgoff) << PAGE_SHIFT),
			v->start + ((hi - v->pgoff) << PAGE_SHIFT));
		zap_end(&z);
		spin_unlock(&v->mm->pt.path_lock);
	}
	spin_unlock(&m->vma_lock);
}
