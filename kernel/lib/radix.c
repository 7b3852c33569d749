/* SPDX-License-Identifier: BSD-2-Clause */
/* The radix tree of lib/radix.h. The top node's shift is (height - 1) * RADIX_BITS; a node at shift
 * 0 holds items. */
#include <base/alloc.h>
#include <base/assert.h>
#include <base/string.h>
#include <lib/radix.h>

struct radix_node {
	struct radix_node *parent;	/* in a pool: the next one */
	u8 shift, offset;		/* offset: its slot in the parent */
	u16 count;			/* slots in use */
	u64 marks[RADIX_MARKS];		/* bit n: slot n, or something below it, is marked */
	void *slot[RADIX_SLOTS];
};
static struct slab_cache *node_cache;

void radix_start(void)
{
	node_cache = slab_create("radix_node", sizeof(struct radix_node), 8);
}

static inline u32 slot_of(const struct radix_node *n, u64 index)
{
	return (u32)(index >> n->shift) & (RADIX_SLOTS - 1);
}

static bool fits(u32 height, u64 index)
{
	return height * RADIX_BITS >= 64 || !(index >> (height * RADIX_BITS));
}

/* --- nodes
 * ---------------------------------------------------------------------------------------- */

bool radix_pool_fill(struct radix_pool *p, u32 n)
{
	while (p->nr < n) {
		struct radix_node *node = slab_zalloc(node_cache);

		if (!node)
			return false;
		node->parent = p->nodes;
		p->nodes = node;
		p->nr++;
	}
	return true;
}

void radix_pool_empty(struct radix_pool *p)
{
	while (p->nodes) {
		struct radix_node *node = p->nodes;

		p->nodes = node->parent;
		slab_free(node_cache, node);
	}
	p->nr = 0;
}

static struct radix_node *pool_take(struct radix_pool *p)
{
	struct radix_node *node = p->nodes;

	BUG_ON(!node);
	p->nodes = node->parent;
	p->nr--;
	return node;
}

u32 radix_need(const struct radix *t, u64 index)
{
	const struct radix_node *n = t->root;
	u32 height = t->height, need = 0;

	while (!fits(height, index)) {
		height++;
		if (t->root)
			need++;		/* a new top above what is there */
	}
	if (!t->root)
		return height;
	if (height != t->height)
		return need + height - 1;	/* nothing is shared below the new top */
	for (u32 left = height; left > 1; left--) {
		n = n->slot[slot_of(n, index)];
		if (!n)
			return left - 1;
	}
	return 0;
}

/* --- looking up
 * -------------------------------------------------------------------------------------- */

static struct radix_node *leaf_node(const struct radix *t, u64 index)
{
	struct radix_node *n = t->root;

	if (!n || !fits(t->height, index))
		return NULL;
	while (n && n->shift)
		n = n->slot[slot_of(n, index)];
	return n;
}

void *radix_find(const struct radix *t, u64 index)
{
	struct radix_node *n;

	if (t->height == 0)
		return index ? NULL : t->root;
	n = leaf_node(t, index);
	return n ? n->slot[index & (RADIX_SLOTS - 1)] : NULL;
}

u32 radix_find_run(const struct radix *t, u64 first, u32 n, void **out)
{
	u32 at = (u32)first & (RADIX_SLOTS - 1), len = min(n, RADIX_SLOTS - at);
	struct radix_node *leaf = t->height ? leaf_node(t, first) : NULL;

	for (u32 i = 0; i < len; i++)
		out[i] = leaf ? leaf->slot[at + i] : radix_find(t, first + i);
	return len;
}

/* The first slot >= from in use (or, with a mark, marked); RADIX_SLOTS if none. */
static u32 next_slot(const struct radix_node *n, u32 from, i32 mark)
{
	if (mark >= 0) {
		u64 m = from < RADIX_SLOTS ? n->marks[mark] & (~0ull << from) : 0;

		return m ? (u32)__builtin_ctzll(m) : RADIX_SLOTS;
	}
	while (from < RADIX_SLOTS && !n->slot[from])
		from++;
	return from;
}

/* Index bits that a node's subtree spans. */
static u64 span_mask(const struct radix_node *n)
{
	u32 bits = n->shift + RADIX_BITS;

	return bits >= 64 ? ~0ull : BIT(bits) - 1;
}

/*
 * Descends to the first item at or after *at. A subtree that has nothing there ends the descent
 * with *at behind it: NULL with *again true.
 */
static void *descend(const struct radix *t, u64 *at, i32 mark, bool *again)
{
	struct radix_node *n = t->root;

	for (;;) {
		u32 want = slot_of(n, *at), s = next_slot(n, want, mark);

		if (s == RADIX_SLOTS) {
			*at = (*at | span_mask(n)) + 1;
			*again = *at != 0;
			return NULL;
		}
		if (s != want)
			*at = (*at & ~span_mask(n)) | (u64)s << n->shift;
		if (!n->shift)
			return n->slot[s];
		n = n->slot[s];
	}
}

static void *next_item(const struct radix *t, u64 *index, i32 mark)
{
	bool again = true;
	u64 at = *index;

	if (t->height == 0)
		return at || (mark >= 0 && !(t->root_marks & BIT(mark))) ? NULL : t->root;
	while (again && fits(t->height, at)) {
		void *item;

		again = false;
		item = descend(t, &at, mark, &again);
		if (item) {
			*index = at;
			return item;
		}
	}
	return NULL;
}

void *radix_next(const struct radix *t, u64 *index)
{
	return next_item(t, index, -1);
}

void *radix_next_marked(const struct radix *t, u64 *index, u32 mark)
{
	return next_item(t, index, (i32)mark);
}

u64 radix_next_hole(const struct radix *t, u64 index)
{
	if (t->height == 0)
		return !index && t->root ? 1 : index;
	for (;;) {
		struct radix_node *n = leaf_node(t, index);
		u32 s = (u32)index & (RADIX_SLOTS - 1);

		if (!n)
			return index;
		while (s < RADIX_SLOTS && n->slot[s])
			s++;
		index = (index & ~(u64)(RADIX_SLOTS - 1)) + s;
		if (s < RADIX_SLOTS || !index)
			return index;
	}
}

/* --- changing
 * ------------------------------------------------------------------------------------------- */

/* One level more on top of what is there. */
static void grow(struct radix *t, struct radix_pool *p)
{
	struct radix_node *top;

	if (t->root) {
		top = pool_take(p);
		top->shift = (u8)(t->height * RADIX_BITS);
		top->slot[0] = t->root;
		top->count = 1;
		for (u32 m = 0; m < RADIX_MARKS; m++) {
			struct radix_node *old = t->root;

			top->marks[m] = t->height ? old->marks[m] != 0 : t->root_marks >> m & 1;
		}
		if (t->height)
			((struct radix_node *)t->root)->parent = top;
		top->parent = NULL;
		t->root = top;
		t->root_marks = 0;
	}
	t->height++;
}

void radix_insert(struct radix *t, u64 index, void *item, struct radix_pool *p)
{
	struct radix_node *n;

	while (!fits(t->height, index))
		grow(t, p);
	if (t->height == 0) {
		BUG_ON(t->root);
		t->root = item;
		return;
	}
	if (!t->root) {
		n = pool_take(p);
		n->parent = NULL;
		n->shift = (u8)((t->height - 1) * RADIX_BITS);
		t->root = n;
	}
	n = t->root;
	while (n->shift) {
		u32 s = slot_of(n, index);

		if (!n->slot[s]) {
			struct radix_node *child = pool_take(p);

			child->parent = n;
			child->shift = (u8)(n->shift - RADIX_BITS);
			child->offset = (u8)s;
			n->slot[s] = child;
			n->count++;
		}
		n = n->slot[s];
	}
	BUG_ON(n->slot[index & (RADIX_SLOTS - 1)]);
	n->slot[index & (RADIX_SLOTS - 1)] = item;
	n->count++;
}

void radix_replace(struct radix *t, u64 index, void *item)
{
	struct radix_node *n = t->height ? leaf_node(t, index) : NULL;

	BUG_ON(!radix_find(t, index) || !item);
	if (n)
		n->slot[index & (RADIX_SLOTS - 1)] = item;
	else
		t->root = item;
}

/* Takes levels off the top that only lead to slot 0. */
static void shrink(struct radix *t)
{
	struct radix_node *top = t->root;

	while (t->height && top && top->count == 1 && top->slot[0]) {
		void *below = top->slot[0];

		t->root = below;
		t->height--;
		if (t->height)
			((struct radix_node *)below)->parent = NULL;
		else
			for (u32 m = 0; m < RADIX_MARKS; m++)
				t->root_marks |= (u32)(top->marks[m] & 1) << m;
		slab_free(node_cache, top);
		top = t->height ? below : NULL;
	}
}

static void clear_mark_up(struct radix_node *n, u32 slot, u32 mark)
{
	while (n) {
		n->marks[mark] &= ~BIT(slot);
		if (n->marks[mark])
			return;
		slot = n->offset;
		n = n->parent;
	}
}

void *radix_remove(struct radix *t, u64 index)
{
	struct radix_node *n;
	u32 s = (u32)index & (RADIX_SLOTS - 1);
	void *item = radix_find(t, index);

	if (!item)
		return NULL;
	if (t->height == 0) {
		radix_init(t);
		return item;
	}
	n = leaf_node(t, index);
	for (u32 m = 0; m < RADIX_MARKS; m++)
		clear_mark_up(n, s, m);
	n->slot[s] = NULL;
	while (--n->count == 0) {
		struct radix_node *up = n->parent;

		s = n->offset;
		slab_free(node_cache, n);
		if (!up) {
			radix_init(t);
			return item;
		}
		n = up;
		n->slot[s] = NULL;
	}
	shrink(t);
	return item;
}

/* --- marks
 * ------------------------------------------------------------------------------------------------
 */

void radix_mark(struct radix *t, u64 index, u32 mark)
{
	struct radix_node *n = t->height ? leaf_node(t, index) : NULL;
	u32 s = (u32)index & (RADIX_SLOTS - 1);

	BUG_ON(!radix_find(t, index));
	if (!n)
		t->root_marks |= 1u << mark;
	for (; n && !(n->marks[mark] & BIT(s)); n = n->parent) {
		n->marks[mark] |= BIT(s);
		s = n->offset;
	}
}

void radix_unmark(struct radix *t, u64 index, u32 mark)
{
	if (t->height == 0)
		t->root_marks &= ~(1u << mark);
	else
		clear_mark_up(leaf_node(t, index), (u32)index & (RADIX_SLOTS - 1), mark);
}

bool radix_marked(const struct radix *t, u64 index, u32 mark)
{
	struct radix_node *n;

	if (t->height == 0)
		return !index && (t->root_marks & BIT(mark));
	n = leaf_node(t, index);
	return n && (n->marks[mark] & BIT(index & (RADIX_SLOTS - 1)));
}
