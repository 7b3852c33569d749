/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMAs of an address space in an AVL tree by address. Each node knows the span and the largest
 * hole of its subtree, so that a free range is found in O(log n); all three values follow from the
 * node and its two children.
 */
#include "internal.h"

/* A growing stack reaches down into its guard gap: no hole. */
static u64 low_edge(const struct vma *v)
{
	if (!(v->vm_flags & VM_GROWSDOWN))
		return v->start;
	return v->start > GUARD_GAP ? v->start - GUARD_GAP : 0;
}
static u64 hole(u64 from, u64 to) { return to > from ? to - from : 0; }
static u64 larger(u64 a, u64 b) { return a > b ? a : b; }
static u32 height(const struct vma *v) { return v ? v->level : 0; }

static void update(struct vma *v)
{
	const struct vma *l = v->left, *r = v->right;

	v->level = 1 + max(height(l), height(r));
	v->sub_start = l ? l->sub_start : low_edge(v);
	v->sub_end = r ? r->sub_end : v->end;
	v->gap = l ? larger(l->gap, hole(l->sub_end, low_edge(v))) : 0;
	if (r)
		v->gap = larger(v->gap, larger(r->gap, hole(v->end, r->sub_start)));
}

static void replace_child(struct mm *mm, struct vma *parent, struct vma *old, struct vma *v)
{
	if (!parent)
		mm->vmas.root = v;
	else if (parent->left == old)
		parent->left = v;
	else
		parent->right = v;
	if (v)
		v->parent = parent;
}

/* v's child c takes v's place. */
static struct vma *rotate(struct mm *mm, struct vma *v, struct vma *c)
{
	struct vma *inner;

	replace_child(mm, v->parent, v, c);
	if (v->left == c) {
		inner = c->right;
		v->left = inner;
		c->right = v;
	} else {
		inner = c->left;
		v->right = inner;
		c->left = v;
	}
	if (inner)
		inner->parent = v;
	v->parent = c;
	update(v);
	update(c);
	return c;
}

static struct vma *balance(struct mm *mm, struct vma *v)
{
	struct vma *l = v->left, *r = v->right;

	if (height(l) > height(r) + 1) {
		if (height(l->right) > height(l->left))
			l = rotate(mm, l, l->right);
		return rotate(mm, v, l);
	}
	if (height(r) > height(l) + 1) {
		if (height(r->left) > height(r->right))
			r = rotate(mm, r, r->left);
		return rotate(mm, v, r);
	}
	return v;
}

static void fix_up(struct mm *mm, struct vma *v)
{
	while (v) {
		update(v);
		v = balance(mm, v)->parent;
	}
}

void vma_tree_insert(struct mm *mm, struct vma *v)
{
	struct vma *parent = NULL, *n = mm->vmas.root;

	v->left = v->right = NULL;
	while (n) {
		parent = n;
		n = v->start < n->start ? n->left : n->right;
	}
	v->parent = parent;
	if (!parent)
		mm->vmas.root = v;
	else if (v->start < parent->start)
		parent->left = v;
	else
		parent->right = v;
	fix_up(mm, v);
	mm->nr_vmas++;
}

/* Depth: the tree's height. */
static int copy_below(struct vma **to, struct vma *parent, const struct vma *v,
		      struct vma *(*copy)(const struct vma *v, void *arg), void *arg)
{
	struct vma *n = copy(v, arg);
	int err = 0;

	if (!n)
		return -ENOMEM;
	n->left = n->right = NULL;
	n->parent = parent;
	*to = n;
	if (v->left)
		err = copy_below(&n->left, n, v->left, copy, arg);
	if (!err && v->right)
		err = copy_below(&n->right, n, v->right, copy, arg);
	return err;
}

int vma_tree_copy(struct mm *mm, const struct mm *from,
		  struct vma *(*copy)(const struct vma *v, void *arg), void *arg)
{
	struct vma *root = NULL;
	int err = from->vmas.root ? copy_below(&root, NULL, from->vmas.root, copy, arg) : 0;

	spin_lock(&mm->rmap_lock);	/* nobody has seen it grow */
	mm->vmas.root = root;
	spin_unlock(&mm->rmap_lock);
	return err;
}

void vma_tree_remove(struct mm *mm, struct vma *v)
{
	struct vma *from, *s;

	if (v->left && v->right) { /* its successor, which has no left child, takes its place */
		s = v->right;
		while (s->left)
			s = s->left;
		from = s->parent == v ? s : s->parent;
		replace_child(mm, s->parent, s, s->right);
		s->left = v->left;
		s->right = v->right;
		s->left->parent = s;
		if (s->right)
			s->right->parent = s;
		replace_child(mm, v->parent, v, s);
	} else {
		from = v->parent;
		replace_child(mm, v->parent, v, v->left ? v->left : v->right);
	}
	fix_up(mm, from);
	v->left = v->right = v->parent = NULL;
	mm->nr_vmas--;
}

void vma_tree_resized(struct vma *v)
{
	for (; v; v = v->parent)
		update(v);
}

struct vma *mm_first_vma_from(struct mm *mm, u64 addr)
{
	struct vma *n = mm->vmas.root, *best = NULL;

	while (n) {
		if (addr < n->end) {
			best = n;
			if (addr >= n->start)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

struct vma *mm_find_vma(struct mm *mm, u64 addr)
{
	struct vma *n = mm->vmas.root;

	while (n) {
		if (addr < n->start)
			n = n->left;
		else if (addr >= n->end)
			n = n->right;
		else
			return n;
	}
	return NULL;
}

struct vma *vma_last_before(struct mm *mm, u64 addr)
{
	struct vma *n = mm->vmas.root, *best = NULL;

	while (n) {
		if (n->start < addr) {
			best = n;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

struct vma *mm_next_vma(const struct vma *v)
{
	if (v->right) {
		struct vma *n = v->right;

		while (n->left)
			n = n->left;
		return n;
	}
	while (v->parent && v->parent->right == v)
		v = v->parent;
	return v->parent;
}

struct vma *vma_prev(const struct vma *v)
{
	if (v->left) {
		struct vma *n = v->left;

		while (n->right)
			n = n->right;
		return n;
	}
	while (v->parent && v->parent->left == v)
		v = v->parent;
	return v->parent;
}

struct hole_search { u64 lo, hi, len; bool top_down; };

/*
 * A hole among the VMAs of subtree n, where [lo, hi) lies between the VMAs that surround the
 * subtree; 0: none.
 */
static u64 find_in(const struct hole_search *s, const struct vma *n, u64 lo, u64 hi)
{
	u64 at, left_hi, right_lo;

	if (hole(lo, hi) < s->len)
		return 0;
	if (!n)
		return s->top_down ? hi - s->len : lo;
	if (larger(n->gap, larger(hole(lo, n->sub_start), hole(n->sub_end, hi))) < s->len)
		return 0;
	left_hi = min(hi, low_edge(n));
	right_lo = max(lo, n->end);
	if (s->top_down) {
		at = find_in(s, n->right, right_lo, hi);
		return at ? at : find_in(s, n->left, lo, left_hi);
	}
	at = find_in(s, n->left, lo, left_hi);
	return at ? at : find_in(s, n->right, right_lo, hi);
}

u64 vma_find_hole(struct mm *mm, u64 lo, u64 hi, u64 len, bool top_down)
{
	struct hole_search s = { lo, hi, len, top_down };

	if (!lo)
		s.lo = lo = PAGE_SIZE;	/* 0 means none */
	return find_in(&s, mm->vmas.root, lo, hi);
}
