/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork: the eager copy, by runs. The parent's lock is held for writing, so none of its threads
 * faults or maps meanwhile; those that run on may still write through TLB entries until the
 * invalidation at the end, which comes before the child can run. Private pages become read-only and
 * lose their exclusive mark on both sides. What a fault can bring back from the file (no private
 * page in the VMA) is not copied. A pinned page (gup.c) stays the parent's own, and the child gets
 * a copy at once.
 */
#include <base/string.h>
#include <mm/gup.h>
#include "internal.h"

struct fork {
	struct mm *parent, *child;
	struct vma *v;		/* the parent's VMA */
	bool wrprotected;	/* an entry that could be written no longer can */
	struct folio *spare;	/* for the copy of a pinned page */
	bool want_spare;
	i64 anon, file, shmem;
};

static inline void count(struct fork *k, const struct folio *f, u32 pages)
{
	if (likely(page_test(&f->page, PG_ANON)))
		k->anon += pages;
	else if (rss_counter(k->child, f) == &k->child->rss_shmem)
		k->shmem += pages;
	else
		k->file += pages;
}

/*
 * A run of a large folio's pages: references, then the parent's entries, then the child's; what may
 * differ inside it says pt/rule.c. What the child's say is read when the parent's are read-only:
 * until then a write may make one dirty, and a child's that did not say so would be given up
 * (MADV_FREE) with the write. Both nodes locked. Returns its length.
 */
static __noinline u32 copy_run(struct fork *k, pte_t *from, pte_t *to, u32 max, int level)
{
	u32 left;
	pte_t e = pte_load(from);
	struct folio *f = leaf_folio(e, &left);
	const u32 any = pt_may_differ(PT_USE_COPY, false);
	struct pt_run r = pt_run_of(from, run_limit(left, max, level), level, any);

	folio_map(f, r.n * pt_pages(level));
	count(k, f, r.n * pt_pages(level));
	if (level < 3 && !page_test(&f->page, PG_ANON))
		file_block_mapped(f, (i32)r.n);
	k->wrprotected |= wrprotect_ptes(from, r.n, true);
	r = pt_run_of(from, r.n, level, any);
	set_ptes(to, pt_run_leaf(PT_USE_COPY, false, e, &r), r.n, level);
	return r.n;
}

/*
 * Leaves that hardware has nothing to add to, of private pages, all of one size: in loops that hold
 * nothing else, so that their constants stay in registers. Both nodes locked. Entries done, perhaps
 * 0; *any_write: one of them could be written.
 */
static __always_inline u32 copy_entries(pte_t *from, pte_t *to, u32 n, bool *any_write, u32 pages)
{
	pte_t *p = from, *end = from + n;
	u64 written = 0;

	for (; p < end; p++, to++) {
		pte_t e = pte_load(p);
		struct folio *f = plain_folio(e, 1, pages);

		if (!f)
			break;
		folio_map(f, pages);
		if (pte_write(e)) {
			written |= e.v;
			e = pte_dirty_to_read_only(e);
			pte_set(p, e);
		}
		pte_set(to, e);
	}
	*any_write |= written;
	return (u32)(p - from);
}
static __noinline u32 copy_plain(pte_t *from, pte_t *to, u32 n, bool *any_write)
{
	return copy_entries(from, to, n, any_write, 1);
}
static __noinline u32 copy_blocks(pte_t *from, pte_t *to, u32 n, bool *any_write)
{
	u32 done = copy_entries(from, to, n, any_write, pt_pages(2));

	mem_stat_add(STAT_BLOCK_KEPT, done);
	mem_stat_add(STAT_BLOCK_MADE, done);
	return done;
}
static __noinline u32 copy_conts(pte_t *from, pte_t *to, u32 n, bool *any_write)
{
	u32 i;

	for (i = 0; i + CONT_PTES <= n; i += CONT_PTES) {
		pte_t e = pte_load(&from[i]);
		struct folio *f = plain_folio(e, CONT_PTES, CONT_PTES);

		if (!f)
			break;
		folio_map(f, CONT_PTES);
		if (pte_write(e)) {
			*any_write = true;
			pte_set_runs(&from[i], &to[i], pte_dirty_to_read_only(e), CONT_PTES);
		} else {
			pte_set_run(&to[i], e, CONT_PTES);
		}
	}
	mem_stat_add(STAT_CONT_KEPT, i / CONT_PTES);
	mem_stat_add(STAT_CONT_MADE, i / CONT_PTES);
	return i;
}
/* What of the above fits the entry at from. */
static inline u32 copy_easy(struct fork *k, pte_t *from, pte_t *to, u32 n, int level, pte_t e)
{
	u32 done, pages = 1;

	if (level == 2) {
		done = copy_blocks(from, to, n, &k->wrprotected);
		pages = pt_pages(2);
	} else if (pte_cont(e)) {
		done = copy_conts(from, to, n, &k->wrprotected);
	} else {
		done = copy_plain(from, to, n, &k->wrprotected);
	}
	k->anon += (i64)done * pages;
	return done;
}

/* Any one page that is a folio. */
static void copy_one(struct fork *k, pte_t *from, pte_t *to, pte_t e, struct folio *f)
{
	pte_t n;

	folio_map(f, 1);
	count(k, f, 1);
	do {
		n = pte_wrprotect(pte_clear_exclusive(e));
	} while (n.v != e.v && !pte_replace(from, &e, n));
	k->wrprotected |= pte_write(e);
	pte_store(to, n);
}

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
	copy_page(folio_address(f), page_address(pfn_to_page(pte_pfn(e))));
	anon_folio_init(f, k->child->lineage, vma_lin(k->v, va), 1);
	sync_icache(k->v, f);
	l.young = l.exclusive = true;
	l.write = l.dirty = k->v->vm_flags & VM_WRITE;
	pte_store(to, pte_make_leaf(&l));
	k->anon++;
}

/*
 * As copy_stretch, where pages are pinned, one by one; at the first that needs k->spare and has
 * none it ends. Both nodes locked.
 */
static __noinline u32 copy_marked(struct fork *k, pte_t *from, pte_t *to, u32 n, u64 va, i32 *set)
{
	u32 i;

	k->want_spare = false;
	for (i = 0; i < n; i++) {
		pte_t e = pte_load(&from[i]);

		if (pte_is_none(e))
			continue;
		++*set;
		if (pte_special(e)) {
			pte_store(&to[i], e);
		} else if (!is_pinned(e)) {
			u32 unit;

			if (pt_unit(&from[i], &unit) == &from[i] && unit <= n - i && unit > 1) {
				copy_run(k, &from[i], &to[i], unit, 3);
				i += unit - 1;
				*set += (i32)unit - 1;
			} else {
				copy_one(k, &from[i], &to[i], e,
					 page_folio(pfn_to_page(pte_pfn(e))));
			}
		} else if (k->spare) {
			copy_pinned(k, &to[i], e, va + ((u64)i << PAGE_SHIFT));
		} else {
			--*set;
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
	u32 i;

	spin_lock(&a->lock);
	spin_lock(&b->lock);
	i = unlikely(a->pinned_below) && level == 3 ? copy_marked(k, from, to, n, va, &set) : 0;
	while (i < n && !k->want_spare) {
		pte_t e = pte_load(&from[i]);
		struct page *p;
		u32 run;

		if (pte_is_none(e)) {
			i++;
			continue;
		}
		if (unlikely(pte_kind(e, level) != PTE_LEAF))
			break;
		p = pfn_to_page(pte_pfn(e));
		run = copy_easy(k, &from[i], &to[i], n - i, level, e);
		if (!run) {
			run = 1;
			if (pte_special(e))
				pte_store(&to[i], e);
			else if (page_test(p, PG_TAIL) || p->order)
				run = copy_run(k, &from[i], &to[i], n - i, level);
			else
				copy_one(k, &from[i], &to[i], e, (struct folio *)p);
		}
		set += (i32)run;
		i += run;
	}
	pt_count(b, set);
	spin_unlock(&b->lock);
	spin_unlock(&a->lock);
	return i;
}

static int copy_leaves(struct fork *k)
{
	struct pt_walk w;

	pt_walk_edit(&w, &k->parent->pt, k->v->start, k->v->end, PT_FORK);
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

static int copy_vma(struct fork *k)
{
	struct vma *v = k->v, *n;

	if (v->vm_flags & VM_DONTFORK)
		return 0;
	if ((v->vm_flags & VM_ACCOUNT) && overcommits(k->parent, vma_pages(v)))
		return -ENOMEM;
	n = vma_dup(v);
	if (!n)
		return -ENOMEM;
	n->mm = k->child;
	n->vm_flags &= ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
	if (v->vm_flags & VM_WIPEONFORK)
		n->has_anon = false;
	vma_link(k->child, n);
	return n->has_anon ? copy_leaves(k) : 0;
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
	c->has_sealed = p->has_sealed;
	c->dumpable = p->dumpable;
	c->exe = p->exe;
	if (c->exe)
		c->exe->ops->get(c->exe);
}

struct mm *mm_fork(struct mm *parent)
{
	struct fork k = { .parent = parent, .child = mm_new(parent) };
	int err = 0;

	if (!k.child)
		return ERR_PTR(-ENOMEM);
	write_lock(&parent->lock);
	copy_fields(k.child, parent);
	lineage_join(parent, k.child);
	for (k.v = mm_first_vma_from(parent, 0); k.v && !err; k.v = mm_next_vma(k.v))
		err = copy_vma(&k);
	if (k.wrprotected) {
		u16 asid = pt_asid(&parent->pt);

		if (asid)
			tlb_inval_asid(asid);
	}
	write_unlock(&parent->lock);
	if (k.spare)
		folio_put(k.spare);
	rss_add(&k.child->rss_anon, k.anon);
	rss_add(&k.child->rss_file, k.file);
	rss_add(&k.child->rss_shmem, k.shmem);
	if (!err)
		return k.child;
	mm_put(k.child);
	return ERR_PTR(err);
}
