/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of a family of address spaces.
 *
 * A folio that address space M allocated can be mapped by M and by what was forked from M, directly
 * or not: by the subtree of M's node. A node is kept as long as its address space has mappings or a
 * folio names it. When neither is so, its children go to its parent: what they share they have from
 * further up. A node without a parent leaves its children as so many roots, which share nothing.
 *
 * The family's lock is held for writing to join, to leave and to take nodes out, never across
 * anything that sleeps; for reading over a walk, which therefore sees a tree that stands still, and
 * address spaces that stay. fork makes a child join before it gets its first leaf, and copies
 * leaves only downwards, from a parent to its child. A walk that looks at a node before its
 * children misses no leaf: one that is copied after the parent was looked at is copied as the walk
 * left it, one copied before is there when the child's turn comes.
 *
 * The last reference may go in any context (a folio is freed), where the lock cannot be taken: the
 * node then waits on a stack for the next one who joins or leaves. No reference is taken any more
 * from 0, since only the node's own address space allocates folios in its name.
 */
#include <base/alloc.h>
#include <base/init.h>
#include "internal.h"

struct lineage {
	ref_t nodes;
	struct rwsem lock;
};

static struct slab_cache *node_cache;
static struct lineage_node *idle;	/* linked by next_idle */

static int lineage_init(void)
{
	node_cache = slab_create("lineage_node", sizeof(struct lineage_node), 64);
	return node_cache ? 0 : -ENOMEM;
}
INITCALL(core, lineage_init);

static struct lineage *family_new(void)
{
	struct lineage *l = kmalloc(sizeof(*l));

	if (l) {
		ref_init(&l->nodes);
		rwsem_init(&l->lock);
	}
	return l;
}

struct lineage_node *lineage_new(struct mm *mm, struct mm *parent)
{
	struct lineage_node *n = slab_alloc(node_cache);

	if (!n)
		return NULL;
	*n = (struct lineage_node){ .mm = mm, .refs = { 1 } };
	list_init(&n->children);
	list_init(&n->sibling);
	if (parent) {
		n->family = parent->lineage->family;
		ref_get(&n->family->nodes);
	} else {
		n->family = family_new();
	}
	if (n->family)
		return n;
	slab_free(node_cache, n);
	return NULL;
}

static void node_free(struct lineage_node *n)
{
	if (ref_put(&n->family->nodes))
		kfree(n->family);
	slab_free(node_cache, n);
}

/* The family's lock is held for writing. */
static void take_out(struct lineage_node *n)
{
	struct lineage_node *c, *next;

	BUG_ON(n->mm || atomic_read(&n->refs));
	list_for_each_safe(c, next, &n->children, sibling) {
		list_del(&c->sibling);
		c->parent = n->parent;
		if (n->parent)
			list_add_tail(&n->parent->children, &c->sibling);
	}
	list_del(&n->sibling);
}

void lineage_idle(struct lineage_node *n)
{
	struct lineage_node *first = __atomic_load_n(&idle, __ATOMIC_RELAXED);

	do {
		n->next_idle = first;
	} while (!__atomic_compare_exchange_n(&idle, &first, n, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

static void reap(void)
{
	struct lineage_node *n, *next;

	if (likely(!__atomic_load_n(&idle, __ATOMIC_RELAXED)))
		return;
	for (n = __atomic_exchange_n(&idle, NULL, __ATOMIC_ACQUIRE); n; n = next) {
		next = n->next_idle;
		write_lock(&n->family->lock);
		take_out(n);
		write_unlock(&n->family->lock);
		node_free(n);
	}
}

void lineage_join(struct mm *parent, struct mm *mm)
{
	struct lineage_node *p = parent->lineage, *n = mm->lineage;

	reap();
	write_lock(&p->family->lock);
	n->parent = p;
	list_add_tail(&p->children, &n->sibling);
	write_unlock(&p->family->lock);
}

void lineage_leave(struct mm *mm)
{
	struct lineage_node *n = mm->lineage;
	bool last;

	reap();
	write_lock(&n->family->lock);
	n->mm = NULL;
	last = !__atomic_sub_fetch(&n->refs.v, 1, __ATOMIC_ACQ_REL);
	if (last)
		take_out(n);
	write_unlock(&n->family->lock);
	mm->lineage = NULL;
	if (last)
		node_free(n);
}

bool lineage_lock(struct lineage_node *n, bool wait)
{
	if (wait)
		read_lock(&n->family->lock);
	else if (!read_trylock(&n->family->lock))
		return false;
	return true;
}

void lineage_unlock(struct lineage_node *n) { read_unlock(&n->family->lock); }

struct lineage_node *lineage_next(const struct lineage_node *top, const struct lineage_node *n)
{
	if (!list_empty(&n->children))
		return list_first(&n->children, struct lineage_node, sibling);
	while (n != top && n->sibling.next == &n->parent->children)
		n = n->parent;
	return n == top ? NULL : list_entry(n->sibling.next, struct lineage_node, sibling);
}
