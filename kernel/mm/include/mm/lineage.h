/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lineage: the family of address spaces that fork made from one another. An anonymous folio names
 * the node of the address space that allocated it (page.owner) and its page offset in the lineage
 * (page.index); only that address space and its descendants can map it. mm/lineage.c has the rules.
 */
#ifndef MM_LINEAGE_H
#define MM_LINEAGE_H
#include <base/list.h>
#include <base/atomic.h>

struct mm;
struct lineage;

struct lineage_node {
	struct lineage *family;
	atomic64_t refs;	/* folios that name it, and its address space: at 0 it can go */
	/* family's lock */
	struct mm *mm;		/* NULL once its mappings are gone */
	struct lineage_node *parent;	/* nearest ancestor that is still kept, or NULL */
	struct list children, sibling;
	struct lineage_node *next_idle;	/* while refs is 0 */
};

/*
 * The node of a new address space, which is parent's child or (NULL) the first of a family; NULL:
 * no memory. No walk finds mm through it before lineage_join; a family's first needs none.
 */
struct lineage_node *lineage_new(struct mm *mm, struct mm *parent) __must_check;
/* mm becomes findable as a child of parent's. Before its first leaf. Sleeps. */
void lineage_join(struct mm *parent, struct mm *mm);
/*
 * mm has no mappings any more: when this returns no walk looks at it. Gives up mm->lineage, also if
 * it never joined. Sleeps.
 */
void lineage_leave(struct mm *mm);
/*
 * Holds the family still for a walk (wait false: tries; false if somebody changes it). The caller
 * has a reference to n: a folio of its, say.
 */
bool lineage_lock(struct lineage_node *n, bool wait) __must_check;
void lineage_unlock(struct lineage_node *n);
/* The node after n in top's subtree, ancestors before descendants; NULL: none. Locked. */
struct lineage_node *lineage_next(const struct lineage_node *top, const struct lineage_node *n);

void lineage_idle(struct lineage_node *n);	/* refs has become 0; any context */
/* Folios that name it have come; have gone. */
static inline void lineage_get(struct lineage_node *n, i64 folios)
{
	__atomic_fetch_add(&n->refs.v, folios, __ATOMIC_RELAXED);
}
static inline void lineage_put(struct lineage_node *n, i64 folios)
{
	if (unlikely(!__atomic_sub_fetch(&n->refs.v, folios, __ATOMIC_ACQ_REL)))
		lineage_idle(n);
}
#endif
