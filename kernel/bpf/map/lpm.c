/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lpm_trie: the value of the longest prefix that covers a key. A binary tree of prefixes: below a
 * node of length n lie the longer prefixes that begin with it, by their bit n. Nodes without a
 * value are where two branches part. Lookups go down without a lock; a node's prefix never changes,
 * its children are exchanged by single stores, and nodes are freed after a grace period.
 */
#include "map_internal.h"

#define LPM_DATA_MAX 256u

struct node {
	struct node *child[2];
	struct rcu_head rcu;
	u32 bits;		/* length of the prefix */
	bool has_value;
	u8 data[];		/* key_size - 4 bytes, then the value at a multiple of 8 */
};

struct trie {
	struct bpf_map map;
	struct spinlock lock;	/* irq; changes */
	struct node *root;
	u32 data_size;		/* bytes of a key's data */
	u32 count;		/* nodes with values; lock */
};

struct bpf_lpm_key { u32 bits; u8 data[LPM_DATA_MAX]; };

static struct trie *trie_of(struct bpf_map *m) { return container_of(m, struct trie, map); }
static void *value_of(const struct trie *t, struct node *n)
{
	/* data begins behind a bool: its end is rounded as a whole */
	return (char *)n + align_up(sizeof(struct node) + t->data_size, 8ul);
}
static size_t node_size(const struct trie *t)
{
	return align_up(sizeof(struct node) + t->data_size, 8ul) + t->map.desc.value_size;
}
static u32 bit_at(const u8 *data, u32 i) { return data[i / 8] >> (7 - i % 8) & 1; }

/* How many of the first `most` bits are equal. */
static u32 common(const u8 *a, const u8 *b, u32 most)
{
	u32 i = 0;

	while (i < most && i % 8 == 0 && a[i / 8] == b[i / 8])
		i += 8;
	while (i < most && bit_at(a, i) == bit_at(b, i))
		i++;
	return min(i, most);
}

static void *lpm_lookup(struct bpf_map *m, const void *key)
{
	struct trie *t = trie_of(m);
	const struct bpf_lpm_key *k = key;
	struct node *n = rcu_dereference(t->root), *best = NULL;

	if (k->bits > t->data_size * 8)
		return NULL;
	while (n && n->bits <= k->bits && common(n->data, k->data, n->bits) == n->bits) {
		if (READ_ONCE(n->has_value))
			best = n;
		if (n->bits == t->data_size * 8)
			break;
		/* at bits == k->bits longer prefixes cannot cover it, and the loop ends */
		n = rcu_dereference(n->child[bit_at(k->data, min(n->bits, t->data_size * 8 - 1))]);
	}
	return best ? value_of(t, best) : NULL;
}

static struct node *new_node(const struct trie *t, const u8 *data, u32 bits, const void *value)
{
	struct node *n = kmalloc_atomic(node_size(t));

	if (!n)
		return NULL;
	*n = (struct node){ .bits = bits, .has_value = value != NULL };
	memcpy(n->data, data, t->data_size);
	if (value)
		memcpy(value_of(t, n), value, t->map.desc.value_size);
	return n;
}

/* Where the node of exactly this prefix hangs, or would: *matched tells how far it agrees. */
static struct node **find_slot(struct trie *t, const struct bpf_lpm_key *k, u32 *matched)
{
	struct node **slot = &t->root;

	*matched = 0;
	while (*slot) {
		struct node *n = *slot;

		*matched = common(n->data, k->data, min(n->bits, k->bits));
		if (*matched != n->bits || n->bits == k->bits || n->bits == t->data_size * 8)
			break;
		slot = &n->child[bit_at(k->data, n->bits)];
	}
	return slot;
}

static void free_node(struct rcu_head *r) { kfree(container_of(r, struct node, rcu)); }

/* Puts new where old hangs with old's children. */
static void replace(struct node **slot, struct node *old, struct node *new)
{
	new->child[0] = old->child[0];
	new->child[1] = old->child[1];
	rcu_assign(*slot, new);
	call_rcu(&old->rcu, free_node);
}

static int insert(struct trie *t, const struct bpf_lpm_key *k, struct node *new)
{
	u32 matched;
	struct node **slot = find_slot(t, k, &matched), *n = *slot, *fork;

	if (!n) {
		rcu_assign(*slot, new);
		return 0;
	}
	if (n->bits == k->bits && matched == n->bits) {
		replace(slot, n, new);
		return 0;
	}
	if (matched == k->bits) {	/* n lies below the new prefix */
		new->child[bit_at(n->data, k->bits)] = n;
		rcu_assign(*slot, new);
		return 0;
	}
	fork = new_node(t, k->data, matched, NULL);
	if (!fork)
		return -ENOMEM;
	fork->child[bit_at(k->data, matched)] = new;
	fork->child[bit_at(n->data, matched)] = n;
	rcu_assign(*slot, fork);
	return 0;
}

static struct node *find_exact(struct trie *t, const struct bpf_lpm_key *k)
{
	u32 matched;
	struct node *n = *find_slot(t, k, &matched);

	return n && n->bits == k->bits && matched == n->bits && n->has_value ? n : NULL;
}

/* A program's key may be memory that others write meanwhile: what was looked at has to stay. */
static const struct bpf_lpm_key *keep_key(const struct trie *t, struct bpf_lpm_key *to, const void *key)
{
	memcpy(to, key, sizeof(to->bits) + t->data_size);
	return to;
}

static long lpm_update(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	struct trie *t = trie_of(m);
	struct bpf_lpm_key kept;
	const struct bpf_lpm_key *k = keep_key(t, &kept, key);
	struct node *old, *new;
	long err = 0;
	u64 irq;

	if (flags > BPF_EXIST || k->bits > t->data_size * 8)
		return -EINVAL;
	new = new_node(t, k->data, k->bits, value);
	if (!new)
		return -ENOMEM;
	irq = spin_lock_irqsave(&t->lock);
	old = find_exact(t, k);
	if (old && flags == BPF_NOEXIST)
		err = -EEXIST;
	else if (!old && flags == BPF_EXIST)
		err = -ENOENT;
	else if (!old && t->count == m->desc.max_entries)
		err = -ENOSPC;
	if (!err)
		err = insert(t, k, new);
	if (!err && !old)
		t->count++;
	spin_unlock_irqrestore(&t->lock, irq);
	if (err)
		kfree(new);
	return err;
}

/* A node without a value and with one child is not needed. */
static void squeeze(struct node **slot)
{
	struct node *n = *slot;

	if (!n || n->has_value || (n->child[0] && n->child[1]))
		return;
	rcu_assign(*slot, n->child[0] ? n->child[0] : n->child[1]);
	call_rcu(&n->rcu, free_node);
}

static long lpm_remove(struct bpf_map *m, const void *key)
{
	struct trie *t = trie_of(m);
	struct bpf_lpm_key kept;
	const struct bpf_lpm_key *k = keep_key(t, &kept, key);
	struct node **slot = &t->root, **above = NULL, *n;
	u64 irq;

	if (k->bits > t->data_size * 8)
		return -EINVAL;
	irq = spin_lock_irqsave(&t->lock);
	n = find_exact(t, k);
	if (n) {
		while (*slot != n) {
			above = slot;
			slot = &(*slot)->child[bit_at(k->data, (*slot)->bits)];
		}
		WRITE_ONCE(n->has_value, false);
		squeeze(slot);
		if (above)
			squeeze(above);
		t->count--;
	}
	spin_unlock_irqrestore(&t->lock, irq);
	return n ? 0 : -ENOENT;
}

static int lpm_copy_out(struct bpf_map *m, const void *key, void *value)
{
	void *v;

	rcu_read_lock();
	v = lpm_lookup(m, key);
	if (v)
		memcpy(value, v, m->desc.value_size);
	rcu_read_unlock();
	return v ? 0 : -ENOENT;
}

static int lpm_copy_in(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return (int)lpm_update(m, key, value, flags);
}

/*
 * The node that comes after `n` where children come before their parent, as a walk that always
 * finds the more special prefixes first has them. `k` leads to n.
 */
static struct node *leftmost(struct node *n)
{
	while (n && (n->child[0] || n->child[1]))
		n = n->child[0] ? n->child[0] : n->child[1];
	return n;
}

static struct node *next_after(struct trie *t, struct node *n)
{
	struct node *up = NULL;

	for (struct node *at = t->root; at != n; at = at->child[bit_at(n->data, at->bits)])
		up = at;
	if (!up)
		return NULL;
	return up->child[0] == n && up->child[1] ? leftmost(up->child[1]) : up;
}

static int lpm_next_key(struct bpf_map *m, const void *key, void *next)
{
	struct trie *t = trie_of(m);
	const struct bpf_lpm_key *k = key;
	u64 irq = spin_lock_irqsave(&t->lock);
	struct node *n = k && k->bits <= t->data_size * 8 ? find_exact(t, k) : NULL;

	n = n ? next_after(t, n) : leftmost(t->root);
	while (n && !n->has_value)
		n = next_after(t, n);
	if (n) {
		struct bpf_lpm_key *out = next;

		out->bits = n->bits;
		memcpy(out->data, n->data, t->data_size);
	}
	spin_unlock_irqrestore(&t->lock, irq);
	return n ? 0 : -ENOENT;
}

static void lpm_destroy(struct bpf_map *m)
{
	struct node *n = trie_of(m)->root, *next;

	/* Without a stack, and in as many steps as there are nodes however deep they lie: what has a
	 * left child comes to hang on the right of that. */
	for (; n; n = next) {
		next = n->child[0];
		if (next) {
			n->child[0] = next->child[1];
			next->child[1] = n;
		} else {
			next = n->child[1];
			kfree(n);
		}
	}
}

static const struct bpf_map_ops lpm_ops = {
	.lookup = lpm_lookup,
	.update = lpm_update,
	.remove = lpm_remove,
	.copy_out = lpm_copy_out,
	.copy_in = lpm_copy_in,
	.next_key = lpm_next_key,
	.destroy = lpm_destroy,
};

static i64 check_lpm(const struct bpf_map_attr *a)
{
	if (!a->max_entries || !(a->flags & BPF_F_NO_PREALLOC) || a->key_size <= 4 ||
	    a->key_size > 4 + LPM_DATA_MAX || !a->value_size || a->value_size > 4 * MIB - 1024)
		return -EINVAL;
	return sizeof(struct trie);
}

static int lpm_init(struct bpf_map *m)
{
	spin_init(&trie_of(m)->lock);
	trie_of(m)->data_size = m->desc.key_size - 4;
	m->ops = &lpm_ops;
	return 0;
}

const struct bpf_map_kind bpf_lpm_type = { COMMON_FLAGS | BPF_F_NO_PREALLOC, check_lpm, lpm_init };
