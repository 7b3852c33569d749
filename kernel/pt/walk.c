/* SPDX-License-Identifier: BSD-2-Clause */
/* Making, walking and freeing the tables of a tree. The rules for walkers are in pt/pt.h. */
#include <base/errno.h>
#include <mm/stat.h>
#include <pt/pt.h>
#include "internal.h"

pte_t *pt_table_new(int level, u64 va)
{
	pte_t *t = page_alloc(ALLOC_ZERO);
	struct page *node;

	if (!t)
		return NULL;
	node = pt_node(t);
	node->aux = (u16)level;
	node->index = level ? align_down(va, pt_span(level - 1)) : 0;
	atomic_set(&node->mapcount, 0);
	spin_init(&node->lock);
	ref_init(&node->owners);
	node->groups = 0;
	node->pinned_below = node->gone_below = 0;
	for (int i = 0; i < NR_RSS; i++)
		node->gone[i] = 0;
	page_set(node, PG_TABLE);
	mem_stat_add(STAT_TABLES, 1);
	return t;
}

void pt_table_release(struct page *node)
{
	page_clear(node, PG_TABLE);
	atomic_set(&node->mapcount, 0);
	mem_stat_add(STAT_TABLES, -1);
	page_free(page_address(node));
}

pte_t *pt_table_alloc(struct pt_tree *pt, int level, u64 va)
{
	pte_t *t = pt_table_new(level, va);

	if (t)
		__atomic_fetch_add(&pt->nr_tables, 1, __ATOMIC_RELAXED);
	return t;
}

void pt_table_free(struct pt_tree *pt, struct page *node)
{
	__atomic_fetch_sub(&pt->nr_tables, 1, __ATOMIC_RELAXED);
	pt_table_release(node);
}

int pt_init(struct pt_tree *pt)
{
	*pt = (struct pt_tree){ 0 };
	spin_init(&pt->path_lock);
	pt->root = pt_table_alloc(pt, 0, 0);
	return pt->root ? 0 : -ENOMEM;
}

static void destroy_below(struct pt_tree *pt, pte_t *table, int level)
{
	struct page *node = pt_node(table);

	for (u32 i = 0; level < 3 && node->mapcount.v; i++) {
		i = pt_skip_none(table, i, PT_ENTRIES - 1, node->groups);
		if (pte_kind(table[i], level) != PTE_TABLE)
			continue;
		destroy_below(pt, pt_table_of(table[i]), level + 1);
		pt_emptied(node, 1);
	}
	BUG_ON(node->mapcount.v != 0);	/* a leaf left behind would leak its page */
	pt_table_free(pt, node);
}

void pt_destroy(struct pt_tree *pt)
{
	if (!pt->root)		/* pt_put_tree */
		return;
	destroy_below(pt, pt->root, 0);
	BUG_ON(pt->nr_tables != 0);
	pt->root = NULL;
}

/*
 * The table below entry e of table (at level), made if there is none. Several may try at once: the
 * first one in wins.
 */
static pte_t *make_child(struct pt_tree *pt, pte_t *table, int level, u64 va)
{
	pte_t *e = &table[pt_index(va, level)], *child;
	struct page *node = pt_node(table);
	pte_t now = pte_load(e);

	if (likely(pte_kind(now, level) == PTE_TABLE))
		return pt_table_of(now);
	if (pte_kind(now, level) == PTE_LEAF)
		return ERR_PTR(-EEXIST);
	child = pt_table_alloc(pt, level + 1, va);
	if (!child)
		return NULL;
	spin_lock(&node->lock);
	now = pte_load(e);
	if (pte_is_none(now)) {
		pte_store(e, pte_make_table(
				     virt_to_phys(child))); /* release: the zeros are seen first */
		pte_publish();
		pt_filled_one(node, e);
		spin_unlock(&node->lock);
		return child;
	}
	spin_unlock(&node->lock);
	pt_table_free(pt, pt_node(child));
	return pte_kind(now, level) == PTE_TABLE ? pt_table_of(now) : ERR_PTR(-EEXIST);
}

pte_t *pt_make_table(struct pt_tree *pt, u64 va, int level)
{
	pte_t *t = pt->root;

	for (int l = 0; t && !IS_ERR(t) && l < level; l++)
		t = make_child(pt, t, l, va);
	return t;
}

void pt_mark_pinned(const struct pt_tree *pt, u64 va)
{
	pte_t *t = pt->root;

	for (int level = 0;; level++) {
		struct page *node = pt_node(t);
		pte_t e = pte_load(&t[pt_index(va, level)]);

		if (!READ_ONCE(node->pinned_below))
			WRITE_ONCE(node->pinned_below, 1);
		if (pte_kind(e, level) != PTE_TABLE)
			return;
		t = pt_table_of(e);
	}
}

/* The first address after va that another entry of this level maps. */
static u64 next_entry(u64 va, int level) { return align_down(va, pt_span(level)) + pt_span(level); }

/* Takes apart what [pte, pte + n) cuts of contiguous blocks. */
static void cut_ends(struct pt_walk *w)
{
	u32 first = (u32)((u64)w->pte / sizeof(pte_t)) % CONT_PTES, last = first + w->n;
	u64 va = pt_walk_va(w, 0);

	if (first && pte_cont(pte_load(w->pte)))
		pt_unfold(w->pt, w->pte, va, w->shared, w->why);
	if (last % CONT_PTES && pte_cont(pte_load(&w->pte[w->n - 1])))
		pt_unfold(w->pt, &w->pte[w->n - 1], va + ((u64)(w->n - 1) << PAGE_SHIFT), w->shared,
			  w->why);
}

/* Locks the stretch that begins at w->va in table; false: there is no leaf any more. */
static bool enter(struct pt_walk *w, pte_t *table, int level)
{
	u64 stop = min(w->end, next_entry(w->va, level - 1));
	u32 n = (u32)((stop - align_down(w->va, pt_span(level)) + pt_span(level) - 1) >>
		      pt_shift(level));

	w->pte = &table[pt_index(w->va, level)];
	w->level = level;
	w->n = n;
	w->node = pt_node(table);
	spin_lock(&w->node->lock);
	if (likely(level == 3)) {
		if (w->edit)
			cut_ends(w);
		return true;
	}
	for (w->n = 0; w->n < n && pte_kind(pte_load(&w->pte[w->n]), level) == PTE_LEAF;)
		w->n++;
	if (!w->n)
		pt_walk_stop(w);
	return w->n;
}

void pt_walk_stop(struct pt_walk *w)
{
	if (!w->node)
		return;
	spin_unlock(&w->node->lock);
	w->node = NULL;
}

static void leave(struct pt_walk *w)
{
	u64 next;

	if (!w->node)
		return;
	next = pt_walk_va(w, w->n);
	pt_walk_stop(w);
	w->va = min(next, w->end);
}

/*
 * An entry that may map a block was none: there is nothing, or a block is being taken apart and its
 * table comes soon. If that is over when we ask, the second load finds the table.
 */
static pte_t look_again(const struct pt_tree *pt, pte_t *p)
{
	struct spinlock *lock = &pt_node(p)->lock;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (unlikely(load_acquire(&pt->breaking))) {
		spin_lock(lock);	/* until it is done */
		spin_unlock(lock);
	}
	return pte_load(p);
}

bool pt_walk_next(struct pt_walk *w)
{
	leave(w);
	while (w->va < w->end) {
		pte_t *t = w->pt->root, way = pte_none();
		int level = 0;
		enum pte_kind kind = PTE_TABLE;

		for (; level < 3; level++) {
			pte_t *p = &t[pt_index(w->va, level)], e = pte_load(p);

			if (level == 2 && pte_is_none(e))
				e = look_again(w->pt, p);
			kind = pte_kind(e, level);
			if (kind != PTE_TABLE)
				break;
			way.v |= e.v;
			t = pt_table_of(e);
		}
		w->shared = pte_table_ro(way);
		if (kind == PTE_NONE)
			w->va = next_entry(w->va, level);
		else if (enter(w, t, level))
			return true;
	}
	return false;
}

/*
 * Unlinks the tables below entries of this table that lie in [floor, ceiling) as a whole; [start,
 * end) is the part to look at.
 */
static void free_below(struct pt_gather *g, pte_t *table, int level, u64 start, u64 end, u64 floor,
		       u64 ceiling)
{
	for (u64 va = start; va < end; va = next_entry(va, level)) {
		pte_t *e = &table[pt_index(va, level)];
		u64 lo = align_down(va, pt_span(level)), hi = lo + pt_span(level);
		struct page *child;

		if (pte_kind(*e, level) != PTE_TABLE)
			continue;
		child = pt_node(pt_table_of(*e));
		if (level < 2)
			free_below(g, pt_table_of(*e), level + 1, va, min(end, hi), floor, ceiling);
		if (lo < floor || hi > ceiling)
			continue;
		BUG_ON(child->mapcount.v != 0 || ref_read(&child->owners) != 1);
		spin_lock(&pt_node(table)->lock);
		pte_store(e, pte_none());
		pt_emptied(pt_node(table), 1);
		spin_unlock(&pt_node(table)->lock);
		pt_gather_range(g, va, min(end, hi), 3);
		g->tables_changed = true;
		child->private = (u64)g->tables;
		g->tables = child;
	}
}

void pt_free_tables(struct pt_gather *g, u64 start, u64 end, u64 floor, u64 ceiling)
{
	u64 first = max(align_down(start, PMD_SIZE), align_up(floor, PMD_SIZE));

	if (first >= end || first + PMD_SIZE > ceiling)
		return;		/* no leaf table lies there as a whole, so no other table does */
	free_below(g, g->pt->root, 0, start, end, floor, ceiling);
}

void pt_gather_free_tables(struct pt_gather *g)
{
	struct page *next;

	for (struct page *t = g->tables; t; t = next) {
		next = (struct page *)t->private;
		t->private = 0;
		pt_table_free(g->pt, t);
	}
	g->tables = NULL;
}
