/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sparse array of pointers by 64-bit index: a tree of nodes with 64 slots, no higher than its
 * largest index needs; a single item at index 0 needs no node. Items are never NULL. Each item can
 * carry RADIX_MARKS bits that are summarised on the way up, so that marked items are found without
 * looking at the others.
 *
 * The caller locks: readers against writers too. Inserting never allocates: nodes come from a pool
 * that the caller filled before it took its lock. Removing frees nodes, which any context may do.
 */
#ifndef LIB_RADIX_H
#define LIB_RADIX_H
#include <base/types.h>

#define RADIX_BITS	6
#define RADIX_SLOTS	(1u << RADIX_BITS)
#define RADIX_MARKS	2
#define RADIX_MAX_NODES	21	/* 11 levels over what is there, 10 down to the new item */

struct radix_node;
struct radix {
	void *root;		/* height 0: the item at index 0; else the top node */
	u32 height;
	u32 root_marks;		/* height 0: the item's marks */
};
struct radix_pool { struct radix_node *nodes; u32 nr; };

void radix_start(void);		/* once, when slabs work */
/* No items. */
static inline void radix_init(struct radix *t) { *t = (struct radix){ 0 }; }
static inline bool radix_empty(const struct radix *t) { return !t->root; }

/* Nodes that inserting at index takes now: 0..RADIX_MAX_NODES. */
u32 radix_need(const struct radix *t, u64 index);
/* Fills the pool up to n nodes; sleeps. false: no memory (the pool keeps what it has). */
bool radix_pool_fill(struct radix_pool *p, u32 n) __must_check;
void radix_pool_empty(struct radix_pool *p);

/* The item, or NULL. */
void *radix_find(const struct radix *t, u64 index);
/*
 * Fills out[0..n) with the items at first.., NULL where there is none; stops at a multiple of 64.
 * Returns how many it looked at.
 */
u32 radix_find_run(const struct radix *t, u64 first, u32 n, void **out);
/* The slot must be empty and the pool hold radix_need(t, index) nodes. */
void radix_insert(struct radix *t, u64 index, void *item, struct radix_pool *p);
/* Puts another item where one is; keeps its marks. */
void radix_replace(struct radix *t, u64 index, void *item);
/* Takes the item out and returns it, or NULL. */
void *radix_remove(struct radix *t, u64 index);
/* The first item at or after *index, and its index; NULL: none. */
void *radix_next(const struct radix *t, u64 *index);
/* The first index at or after index without an item (0 if there is none up to the end). */
u64 radix_next_hole(const struct radix *t, u64 index);

void radix_mark(struct radix *t, u64 index, u32 mark);		/* the item exists */
void radix_unmark(struct radix *t, u64 index, u32 mark);		/* the same */
bool radix_marked(const struct radix *t, u64 index, u32 mark);	/* false: no item, too */
/* As radix_next, of the items with that mark (0..RADIX_MARKS - 1). */
void *radix_next_marked(const struct radix *t, u64 *index, u32 mark);
#endif
