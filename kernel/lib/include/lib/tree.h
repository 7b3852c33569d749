/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An intrusive ordered tree: a treap, balanced by pseudo-random priorities. Equal keys keep the
 * order of insertion. The caller locks; nothing is allocated.
 */
#ifndef LIB_TREE_H
#define LIB_TREE_H
#include <base/types.h>

struct tree_node { struct tree_node *left, *right, *parent; u32 prio; };
struct tree {
	struct tree_node *root, *first;		/* first: the smallest, kept up to date */
};
/* True if a belongs strictly before b. */
typedef bool (*tree_less_fn)(const struct tree_node *a, const struct tree_node *b);

/* n, in no tree, comes behind its equals. */
void tree_insert(struct tree *t, struct tree_node *n, tree_less_fn less);
void tree_remove(struct tree *t, struct tree_node *n);	/* it is in t */
/* In order; NULL: none. */
struct tree_node *tree_next(const struct tree_node *n);
static inline struct tree_node *tree_first(const struct tree *t) { return t->first; }
static inline bool tree_empty(const struct tree *t) { return !t->root; }
#endif
