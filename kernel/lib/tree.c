/* SPDX-License-Identifier: BSD-2-Clause */
/* Treap (Seidel and Aragon, "Randomized search trees", 1996): a search tree by key that is a heap
 * by priority. */
#include <lib/tree.h>

/* Priorities need to be spread, not secret: the node's address, stirred. */
static u32 priority_of(const struct tree_node *n)
{
	static u32 seed = 0x9e3779b9;

	seed = seed * 1664525u + 1013904223u;	/* a lost update only repeats a value */
	return seed ^ (u32)((u64)n >> 4);
}

static void replace_child(struct tree *t, struct tree_node *parent, struct tree_node *old,
			  struct tree_node *n)
{
	if (!parent)
		t->root = n;
	else if (parent->left == old)
		parent->left = n;
	else
		parent->right = n;
	if (n)
		n->parent = parent;
}

/* Lifts n above its parent. */
static void rotate_up(struct tree *t, struct tree_node *n)
{
	struct tree_node *p = n->parent, *inner;

	replace_child(t, p->parent, p, n);
	if (p->left == n) {
		inner = n->right;
		p->left = inner;
		n->right = p;
	} else {
		inner = n->left;
		p->right = inner;
		n->left = p;
	}
	if (inner)
		inner->parent = p;
	p->parent = n;
}

void tree_insert(struct tree *t, struct tree_node *n, tree_less_fn less)
{
	struct tree_node **slot = &t->root, *parent = NULL;
	bool smallest = true;

	while (*slot) {
		parent = *slot;
		if (less(n, parent)) {
			slot = &parent->left;
		} else {
			slot = &parent->right;
			smallest = false;
		}
	}
	*n = (struct tree_node){ .parent = parent, .prio = priority_of(n) };
	*slot = n;
	if (smallest)
		t->first = n;
	while (n->parent && n->parent->prio < n->prio)
		rotate_up(t, n);
}

struct tree_node *tree_next(const struct tree_node *n)
{
	if (n->right) {
		struct tree_node *r = n->right;

		while (r->left)
			r = r->left;
		return r;
	}
	while (n->parent && n->parent->right == n)
		n = n->parent;
	return n->parent;
}

void tree_remove(struct tree *t, struct tree_node *n)
{
	if (t->first == n)
		t->first = tree_next(n);
	while (n->left && n->right)
		rotate_up(t, n->left->prio > n->right->prio ? n->left : n->right);
	replace_child(t, n->parent, n, n->left ? n->left : n->right);
}
