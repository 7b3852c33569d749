/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork. The parent's lock is held for writing, so none of its threads faults or maps meanwhile;
 * those that run on may still write through TLB entries until the invalidation at the end, which
 * comes before the child can run. VMAs are duplicated. Then the child
 *  - shares the tables (mm/cow.c, docs/cow-tables.md), and gives up what it is not to have (VMAs with
 *    VM_DONTFORK, VM_WIPEONFORK), or,
 *  - where prctl or the command line want no shared tables, gets a copy of the leaves of private
 *    pages, by runs (mm/copy.c); what a fault can bring back from the file (no private page in the
 *    VMA) is not copied.
 *
 * The child, too, is locked for writing: it is in the list of address spaces and in the reverse map's sight from its
 * beginning, and who comes that way (split_all_folios, split_blocks) must find it whole.
 *
 * Where process_mrelease(2) has taken the parent's pages (mm_reap) there is nothing right to
 * inherit: the child, which is not being killed, would find zeros. Such a fork fails.
 *
 * A pinned page (gup.c) stays the parent's own, and the child gets a copy at once; tables with such
 * pages are never shared, and are found by their marks (T6).
 */
#include <base/string.h>
#include <mm/gup.h>
#include "internal.h"
#include "zero.h"

struct fork {
	struct mm *parent, *child;
	struct vma *v;		/* the parent's VMA */
	struct leaf_copy c;	/* what has been copied */
	struct folio *spare;	/* for the copy of a pinned page */
	bool want_spare;
	u32 flags;		/* of all VMAs of the parent */
};

bool cow_tables_off;

static bool is_pinned(pte_t e)
{
	return !pte_special(e) && pte_exclusive(e) &&
	       folio_pinned(page_folio(pfn_to_page(pte_pfn(e))));
}

/* The child's own copy of the pinned page that e, the leaf of va, maps; k->spare is used up. */
static void copy_pinned(struct fork *k, pte_t *to, pte_t e, u64 va)
{
	struct folio *f = k->spare;
	struct leaf l = vma_leaf(k->v, folio_pfn(f) << PAGE_SHIFT);

	k->spare = NULL;
	mem_stat_add(STAT_COW_PIN, 1);
	copy_page(folio_address(f), page_address(pfn_to_page(pte_pfn(e))));
	anon_folio_init(f, k->child->lineage, vma_lin(k->v, va), 1);
	sync_icache(k->v, f);
	l.young = l.exclusive = true;
	l.write = l.dirty = k->v->vm_flags & VM_WRITE;
	pte_store(to, pte_make_leaf(&l));
	k->c.n[RSS_ANON]++;
}

/*
 * As copy_leaves, where pages are pinned, one by one; at the first that needs k->spare and has none
 * it ends. Both nodes locked.
 */
static __noinline u32 copy_marked(struct fork *k, pte_t *from, pte_t *to, u32 n, u64 va, i32 *set)
{
	u32 i, unit;

	k->want_spare = false;
	for (i = 0; i < n; i += unit) {
		pte_t e = pte_load(&from[i]);

		unit = 1;
		if (pte_is_none(e))
			continue;
		/* It may be unpinned while we copy: not all of a block might be found pinned. */
		if (is_pinned(e) && pte_cont(e)) {
			pt_unfold(&k->parent->pt, &from[i], va + ((u64)i << PAGE_SHIFT), false,
				  PT_FORK);
			e = pte_load(&from[i]);
		}
		if (!is_pinned(e)) {
			if (pt_unit(&from[i], &unit) != &from[i] || unit > n - i)
				unit = 1;
			copy_leaves(&k->c, &from[i], &to[i], unit, 3, set);
		} else if (k->spare) {
			copy_pinned(k, &to[i], e, va + ((u64)i << PAGE_SHIFT));
			++*set;
		} else {
			k->want_spare = true;
			break;
		}
	}
	return i;
}

/* Entries done: fewer than n where a block has become a table meanwhile, or a spare is wanted. */
static u32 copy_stretch(struct fork *k, pte_t *from, pte_t *to, u32 n, int level, u64 va)
{
	struct page *a = pt_node(from), *b = pt_node(to);
	i32 set = 0;
	u32 done;

	spin_lock(&a->lock);
	spin_lock(&b->lock);
	if (unlikely(a->pinned_below) && level == 3)
		done = copy_marked(k, from, to, n, va, &set);
	else
		done = copy_leaves(&k->c, from, to, n, level, &set);
	pt_filled_like(b, a, set);
	spin_unlock(&b->lock);
	spin_unlock(&a->lock);
	return done;
}

/* The leaves of [start, end) of k->v. */
static int copy_range(struct fork *k, u64 start, u64 end)
{
	struct pt_walk w;

	pt_walk_edit(&w, &k->parent->pt, start, end, PT_FORK);
	while (pt_walk_next(&w)) {
		pte_t *from = w.pte, *to;
		u32 n = w.n;

		if (unlikely(w.level < 3 && w.node->pinned_below)) {
			n = 1;
			if (is_pinned(pte_load(from))) {
				pt_walk_stop(&w);	/* the walk looks there again */
				if (pt_split(&k->parent->pt, w.va, PT_FORK))
					return -ENOMEM;
				continue;
			}
		}
		pt_walk_stop(&w); /* making a table sleeps; the lock held for writing keeps ours */
		to = pt_make_table(&k->child->pt, w.va, w.level);
		if (!to)
			return -ENOMEM;
		n = copy_stretch(k, from, &to[pt_index(w.va, w.level)], n, w.level, w.va);
		w.va = pt_walk_va(&w, n);
		if (unlikely(k->want_spare)) {
			k->want_spare = false;
			k->spare = folio_alloc(0, ALLOC_USER);
			if (!k->spare)
				return -ENOMEM;
		}
	}
	return 0;
}

static struct vma *copy_vma(const struct vma *v, void *arg)
{
	const u32 flags = v->vm_flags;
	struct fork *k = arg;
	struct vma *n;

	if (flags & VM_ACCOUNT) {
		u64 pages = vma_pages(v);

		if (!(flags & VM_DONTFORK) && overcommits(k->parent, pages))
			return NULL;
		WRITE_ONCE(k->child->account_pages, k->child->account_pages + pages);
	}
	n = vma_dup(v);
	if (unlikely(!n))
		return NULL;
	n->mm = k->child;
	n->vm_flags = flags & ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
	if (unlikely(flags & VM_WIPEONFORK))
		n->has_anon = false;
	k->flags |= flags;
	if (vma_has_lists(n))
		vma_link_copy(n);
	return n;
}

/* The child's VMAs: all of the parent's in a tree like its, those that it is not to have among them. */
static int copy_vmas(struct fork *k)
{
	struct mm *c = k->child;
	int err = vma_tree_copy(c, k->parent, copy_vma, k);

	if (err)
		return err;
	c->nr_vmas = k->parent->nr_vmas;
	c->total_pages = c->peak_pages = k->parent->total_pages;
	return 0;
}

/*
 * The child's VMAs that it is not to have go. It maps none of their pages any more: until then truncation
 * and others who come for a page find it by them.
 */
static void drop_vmas(struct fork *k)
{
	if (likely(!(k->flags & VM_DONTFORK)))
		return;
	for (struct vma *v = mm_first_vma_from(k->child, 0), *next; v; v = next) {
		next = mm_next_vma(v);
		if (!(v->vm_flags & VM_DONTFORK))
			continue;
		vma_unlink(k->child, v);
		vma_free(v);
	}
	k->child->peak_pages = k->child->total_pages;
}

/* What of v's pages the child is to have, eagerly or where pages are pinned. */
static bool copies(const struct vma *v)
{
	return v->has_anon && !(v->vm_flags & (VM_DONTFORK | VM_WIPEONFORK));
}

static int copy_eagerly(struct fork *k)
{
	int err = 0;

	drop_vmas(k);
	for (k->v = mm_first_vma_from(k->parent, 0); k->v && !err; k->v = mm_next_vma(k->v))
		if (copies(k->v))
			err = copy_range(k, k->v->start, k->v->end);
	for (int i = 0; i < NR_RSS; i++)
		rss_add(&k->child->rss[i], k->c.n[i]);
	return err;
}

/* --- marked tables --------------------------------------------------------------------------- */
/* The marks of the table of level, and of those below, as they should be; whether it has one. */
static bool refresh_marks(pte_t *table, int level)
{
	struct page *node = pt_node(table);
	bool pinned = false;

	if (likely(!node->pinned_below))
		return false;
	spin_lock(&node->lock);
	for (u32 i = 0; i < PT_ENTRIES; i++) {
		pte_t e = pte_load(&table[i]);

		pinned |= pte_kind(e, level) == PTE_LEAF && is_pinned(e);
	}
	spin_unlock(&node->lock);
	for (u32 i = 0; i < PT_ENTRIES; i++) {
		pte_t e = pte_load(&table[i]);

		if (pte_kind(e, level) == PTE_TABLE)
			pinned |= refresh_marks(pt_table_of(e), level + 1);
	}
	node->pinned_below = pinned;
	return pinned;
}

/* Every VMA's part of [start, end). */
static int copy_marked_range(struct fork *k, u64 start, u64 end)
{
	int err = 0;

	for (k->v = mm_first_vma_from(k->parent, start); k->v && k->v->start < end && !err;
	     k->v = mm_next_vma(k->v))
		if (copies(k->v))
			err = copy_range(k, max(start, k->v->start), min(end, k->v->end));
	return err;
}

/* The child gets tables of its own for those that are marked, with copies of what is in them. */
static int copy_marked_tables(struct fork *k, pte_t *table, int level, u64 first)
{
	int err = 0;

	for (u32 i = 0; i < PT_ENTRIES && !err; i++) {
		u64 va = first + i * pt_span(level);
		pte_t e = pte_load(&table[i]);
		enum pte_kind kind = pte_kind(e, level);

		if (kind == PTE_NONE || (kind == PTE_TABLE && !pt_node(pt_table_of(e))->pinned_below))
			continue;
		if (kind == PTE_TABLE && !pt_make_table(&k->child->pt, va, level + 1))
			return -ENOMEM;
		if (kind == PTE_TABLE && level < 2)
			err = copy_marked_tables(k, pt_table_of(e), level + 1, va);
		else
			err = copy_marked_range(k, va, va + pt_span(level));
	}
	return err;
}

/* --- sharing --------------------------------------------------------------------------------- */
/* The child gives up what it has of v's pages. */
static int give_up(struct mm *child, struct vma *v)
{
	struct zap z;

	if (mm_own_ends_slow(child, v->start, v->end, v->start, v->end, OWN_FORK))
		return -ENOMEM;
	mm_give_up(child, v->start, v->end);
	zap_begin(&z, child, false);
	zap_vma(&z, v, v->start, v->end);
	zap_end(&z);
	return 0;
}

/* The tables where it has no VMA any more: those between two of its own at once. */
static void free_tables(struct mm *child, struct vma *v)
{
	struct pt_gather g;

	pt_gather_init(&g, &child->pt, false);
	for (; v; v = mm_next_vma(v)) {
		struct vma *prev = vma_last_before(child, v->start);
		struct vma *next = mm_first_vma_from(child, v->start), *last = v, *n;

		if (!(v->vm_flags & VM_DONTFORK))
			continue;
		while ((n = mm_next_vma(last)) && (n->vm_flags & VM_DONTFORK))
			last = n;
		pt_free_tables(&g, v->start, last->end, prev ? prev->end : 0,
			       next ? next->start : USER_VA_END);
		pt_gather_flush(&g);
		v = last;
	}
}

/* What the child has got with the tables and is not to have. */
static int give_up_all(struct fork *k)
{
	struct vma *first = mm_first_vma_from(k->parent, 0);
	int err = 0;

	for (struct vma *v = first; v && !err; v = mm_next_vma(v))
		if (v->vm_flags & (VM_DONTFORK | VM_WIPEONFORK))
			err = give_up(k->child, v);
	if (err)
		return err;
	drop_vmas(k);
	if (k->flags & VM_DONTFORK)
		free_tables(k->child, first);
	return 0;
}

static int share_tables(struct fork *k)
{
	i64 passed[NR_RSS] = { 0 };
	int err = 0;

	if (unlikely(refresh_marks(k->parent->pt.root, 0)))
		err = copy_marked_tables(k, k->parent->pt.root, 0, 0);
	if (err)
		return err;
	mm_share(k->child, k->parent, passed);
	for (int i = 0; i < NR_RSS; i++)
		rss_add(&k->child->rss[i], k->c.n[i] - passed[i]);
	k->c.wrprotected = true;
	return k->flags & (VM_DONTFORK | VM_WIPEONFORK) ? give_up_all(k) : 0;
}

static void copy_fields(struct mm *c, const struct mm *p)
{
	c->brk_start = p->brk_start;
	c->brk = p->brk;
	c->stack_top = p->stack_top;
	c->mmap_top = p->mmap_top;
	c->code_start = p->code_start;
	c->code_end = p->code_end;
	c->data_start = p->data_start;
	c->data_end = p->data_end;
	c->arg_start = p->arg_start;
	c->arg_end = p->arg_end;
	c->env_start = p->env_start;
	c->env_end = p->env_end;
	memcpy(c->auxv, p->auxv, sizeof(c->auxv));
	c->nr_auxv = p->nr_auxv;
	c->vdso = p->vdso;
	c->oom_score_adj = p->oom_score_adj;
	mm_inherit(c, p);
	huge_zero_inherit(c, p);
	c->has_sealed = p->has_sealed;
	c->dumpable = p->dumpable;
	c->exe = p->exe;
	if (c->exe)
		c->exe->ops->get(c->exe);
}

struct mm *mm_fork(struct mm *parent)
{
	struct fork k = { .parent = parent, .child = mm_new(parent) };
	bool share = parent->cow_tables && !cow_tables_off;
	int err = 0;

	if (!k.child)
		return ERR_PTR(-ENOMEM);
	write_lock(&k.child->lock);	/* who comes by the list or the reverse map waits */
	write_lock(&parent->lock);
	copy_fields(k.child, parent);
	lineage_join(parent, k.child);
	err = parent->reaped ? -ENOMEM : copy_vmas(&k);
	if (!err)
		err = share ? share_tables(&k) : copy_eagerly(&k);
	if (k.c.wrprotected) {
		u16 asid = pt_asid(&parent->pt);

		if (asid)
			tlb_inval_asid(asid);
	}
	write_unlock(&parent->lock);
	write_unlock(&k.child->lock);
	if (k.spare)
		folio_put(k.spare);
	if (!err)
		return k.child;
	mm_put(k.child);
	return ERR_PTR(err);
}
