/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dentry cache.
 *
 * Every cached name is in one hash table, by parent and name. Lookups walk a bucket under RCU and
 * take no lock; changes to a bucket are made under one of BUCKET_LOCKS spinlocks. A dentry's inode
 * is set before it is hashed and never changes: a name that comes into being gets a new dentry, a
 * name that goes is unhashed and dies with its last user. Only rename changes a living dentry's
 * name and parent: under rename_lock, with rename_seq odd. Who walked several names without locks
 * checks rename_seq afterwards and, if it moved, walks again with references and locks.
 *
 * count: users. At 0 a hashed dentry stays for the next lookup, on the LRU list, until the list is
 * too long or memory is short; an unhashed one is freed. Freeing begins with count 0 ->
 * DENTRY_DEAD; only one can win that, and dget_live fails from then on. tmpfs keeps one count for
 * each linked name, so its names are never unused.
 */
#include "internal.h"
#include <mm/reclaim.h>

#define BUCKET_LOCKS	64
#define LRU_BATCH	64ul	/* freed under one hold of the list's lock */
#define LRU_SHARE	16u /* unused dentries take at most this part of memory, however much is free */

/* A name that does not fit into the dentry, or came by rename. */
struct oname { struct rcu_head rcu; char s[]; };

static struct hlist *buckets;
static u32 bucket_mask;
static struct spinlock bucket_lock[BUCKET_LOCKS];
static struct slab_cache *dentry_cache;
static struct list lru = LIST_INIT(lru);
static struct spinlock lru_lock = SPINLOCK_INIT;
static u32 lru_count, lru_negative, lru_max;
static atomic64_t nr_dentries;

static u64 unused_dentries(void) { return READ_ONCE(lru_count); }
static struct shrinker dcache_shrinker = {
	.name = "dentries", .count = unused_dentries, .shrink = dcache_shrink,
	.per_page = PAGE_SIZE / sizeof(struct dentry),
};

struct spinlock rename_lock = SPINLOCK_INIT;
u32 rename_seq;

void dcache_init(void)
{
	struct mem_totals t;
	u32 n = 512;

	mem_totals(&t);
	while (n < 65536 && (u64)n * 32 < t.total)
		n *= 2;
	buckets = kcalloc(n, sizeof(*buckets));
	dentry_cache = slab_create("dentry", sizeof(struct dentry), 64);
	if (!buckets || !dentry_cache)
		panic("no memory for the dentry cache");
	bucket_mask = n - 1;
	lru_max = (u32)min(t.total / LRU_SHARE * (PAGE_SIZE / sizeof(struct dentry)), 1ul << 22);
	slab_reclaimable(dentry_cache);
	for (u32 i = 0; i < BUCKET_LOCKS; i++)
		spin_init(&bucket_lock[i]);
	shrinker_register(&dcache_shrinker);
}

/* --- hashing --------------------------------------------------------------------------- */
u32 name_hash(const struct dentry *parent, const char *name, u32 *len)
{
	u64 h = (u64)parent >> 6;
	const char *s = name;

	for (; *s && *s != '/'; s++)
		h = (h ^ (u8)*s) * 0x100000001b3ull;
	*len = (u32)(s - name);
	return (u32)(h ^ (h >> 29));
}

static u32 hash_len(const struct dentry *parent, const char *name, u32 len)
{
	u64 h = (u64)parent >> 6;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ull;
	return (u32)(h ^ (h >> 29));
}

static struct hlist *bucket(u32 hash) { return &buckets[hash & bucket_mask]; }
static struct spinlock *lock_of(u32 hash)
{
	return &bucket_lock[hash & bucket_mask & (BUCKET_LOCKS - 1)];
}

/* name holds no NUL within len, so comparing stops at the end of d's name whatever a rename makes
 * of d->len. */
static inline bool same_name(const struct dentry *d, const char *name, u32 len)
{
	const char *s = READ_ONCE(d->name);

	for (u32 i = 0; i < len; i++)
		if (s[i] != name[i])
			return false;
	return s[len] == 0;
}

struct dentry *dcache_find_rcu(struct dentry *parent, const char *name, u32 len, u32 hash)
{
	struct dentry *d;

	hlist_for_each(d, bucket(hash), link)
		if (d->hash == hash && d->parent == parent && same_name(d, name, len))
			return d;
	return NULL;
}

static void hash_in(struct dentry *d)
{
	struct spinlock *l = lock_of(d->hash);

	spin_lock(l);
	hlist_add(bucket(d->hash), &d->link);
	spin_unlock(l);
}

/* The node's next pointer stays as it is for readers that stand on it. */
static bool hash_out(struct dentry *d)
{
	struct spinlock *l = lock_of(d->hash);
	bool was;

	spin_lock(l);
	was = hnode_linked(&d->link);
	hlist_del(&d->link);
	spin_unlock(l);
	return was;
}

/* --- references ------------------------------------------------------------------------ */
bool dget_live(struct dentry *d)
{
	i32 n = atomic_read(&d->count);

	while (n >= 0)
		if (__atomic_compare_exchange_n(&d->count.v, &n, n + 1, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static struct oname *oname_of(char *name) { return container_of(name, struct oname, s[0]); }

static char *oname_new(const char *name, u32 len)
{
	struct oname *o = kmalloc(sizeof(*o) + len + 1);

	if (!o)
		return NULL;
	memcpy(o->s, name, len);
	o->s[len] = 0;
	return o->s;
}

static void dentry_free_rcu(struct rcu_head *h)
{
	struct dentry *d = container_of(h, struct dentry, rcu);

	if (d->flags & DF_ONAME)
		kfree(oname_of(d->name));
	slab_free(dentry_cache, d);
}

/* lru_lock held, as DF_LRU changes. */
static void lru_note(const struct dentry *d, i32 n)
{
	lru_count += (u32)n;
	if (!d->inode)
		lru_negative += (u32)n;
}

/* d is dead. */
static void lru_remove(struct dentry *d)
{
	smp_mb();	/* pairs with that of dentry_keep */
	if (!(READ_ONCE(d->flags) & DF_LRU))
		return;
	spin_lock(&lru_lock);
	if (d->flags & DF_LRU) {
		list_del(&d->lru);
		lru_note(d, -1);
		atomic_and(&d->flags, ~(u32)DF_LRU);
	}
	spin_unlock(&lru_lock);
}

/* d is DENTRY_DEAD by our hand. Returns the parent, whose reference is now the caller's. */
static struct dentry *dentry_kill(struct dentry *d)
{
	struct dentry *parent = d->parent == d ? NULL : d->parent;

	hash_out(d);
	lru_remove(d);
	if (parent) {
		spin_lock(&parent->lock);
		list_del(&d->sibling);
		spin_unlock(&parent->lock);
	}
	if (d->inode)
		inode_put(d->inode);
	(void)__atomic_sub_fetch(&nr_dentries.v, 1, __ATOMIC_RELAXED);
	call_rcu(&d->rcu, dentry_free_rcu);
	return parent;
}

/* Takes unused dentries off the list's old end and marks up to n dead; they are chained by d->lru
 * into dead. */
static u64 lru_collect(u64 n, u32 keep, struct list *dead)
{
	u64 got = 0, looked = 0;

	spin_lock(&lru_lock);
	while (got < n && lru_count > keep && !list_empty(&lru) && looked++ < n * 2 + 32) {
		struct dentry *d = list_first(&lru, struct dentry, lru);

		list_del(&d->lru);
		if (d->flags & DF_REFERENCED && atomic_read(&d->count) == 0 && looked <= n) {
			atomic_and(&d->flags, ~(u32)DF_REFERENCED);
			list_add_tail(&lru, &d->lru);
			continue;
		}
		lru_note(d, -1);
		atomic_and(&d->flags, ~(u32)DF_LRU);
		if (atomic_cas(&d->count.v, 0, DENTRY_DEAD)) {
			list_add_tail(dead, &d->lru);
			got++;
		}
	}
	spin_unlock(&lru_lock);
	return got;
}

static void kill_list(struct list *dead)
{
	struct dentry *d, *tmp;

	list_for_each_safe(d, tmp, dead, lru) {
		struct dentry *parent;

		list_del(&d->lru);
		parent = dentry_kill(d);
		if (parent)
			dput(parent);
	}
}

void dcache_state(struct dcache_state *s)
{
	spin_lock(&lru_lock);
	*s = (struct dcache_state){ (u64)atomic_read(&nr_dentries), lru_count, lru_negative };
	spin_unlock(&lru_lock);
}

u64 dcache_shrink(u64 n)
{
	u64 got = 0, some;

	do {
		struct list dead = LIST_INIT(dead);

		some = lru_collect(min(n - got, LRU_BATCH), 0, &dead);
		kill_list(&dead);
		got += some;
		cond_resched();
	} while (some && got < n);
	return got;
}

static void lru_trim(void)
{
	struct list dead = LIST_INIT(dead);

	lru_collect(LRU_BATCH, lru_max, &dead);
	kill_list(&dead);
}

/* Under RCU, count just reached 0: keep it (true) or the caller tries to free it. */
static bool dentry_keep(struct dentry *d)
{
	if (!hnode_linked(&d->link) || d->sb->flags & SB_NOCACHE)
		return false;
	if (READ_ONCE(d->flags) & DF_LRU) {
		if (!(d->flags & DF_REFERENCED))
			atomic_or(&d->flags, DF_REFERENCED);
		return true;
	}
	spin_lock(&lru_lock);
	if (!(d->flags & DF_LRU)) {
		/* Somebody may have found, unhashed and killed it since: he sees the flag, or we the
		 * count. */
		atomic_or(&d->flags, DF_LRU);
		smp_mb();
		if (atomic_read(&d->count) >= 0) {
			list_add_tail(&lru, &d->lru);
			lru_note(d, 1);
		} else {
			atomic_and(&d->flags, ~(u32)DF_LRU);
		}
	}
	spin_unlock(&lru_lock);
	return true;
}

void dput(struct dentry *d)
{
	while (d) {
		bool dead;

		rcu_read_lock();
		if (likely(atomic_sub(&d->count, 1) != 0) || dentry_keep(d)) {
			rcu_read_unlock();
			if (unlikely(READ_ONCE(lru_count) > lru_max + 64))
				lru_trim();
			return;
		}
		dead = atomic_cas(&d->count.v, 0, DENTRY_DEAD);
		rcu_read_unlock();
		if (!dead)
			return;
		d = dentry_kill(d);
	}
}

struct dentry *dcache_find(struct dentry *parent, const char *name, u32 len)
{
	u32 hash = hash_len(parent, name, len);
	struct dentry *d;

	rcu_read_lock();
	d = dcache_find_rcu(parent, name, len, hash);
	if (d && !dget_live(d))
		d = NULL;
	rcu_read_unlock();
	return d;
}

struct dentry *dget_parent(struct dentry *d)
{
	for (;;) {
		struct dentry *p;
		bool got;

		rcu_read_lock();
		p = rcu_dereference(d->parent);
		got = dget_live(p);
		rcu_read_unlock();
		if (got && READ_ONCE(d->parent) == p)
			return p;
		if (got)
			dput(p);
	}
}

/* --- making
 * ------------------------------------------------------------------------------------------------
 */
static struct dentry *dentry_alloc(const char *name, u32 len)
{
	struct dentry *d = slab_zalloc(dentry_cache);

	if (!d)
		return NULL;
	d->name = d->iname;
	if (len >= sizeof(d->iname)) {
		d->name = oname_new(name, len);
		if (!d->name) {
			slab_free(dentry_cache, d);
			return NULL;
		}
		d->flags = DF_ONAME;
	} else {
		memcpy(d->name, name, len);
	}
	d->len = len;
	atomic_set(&d->count, 1);
	spin_init(&d->lock);
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->lru);
	(void)__atomic_add_fetch(&nr_dentries.v, 1, __ATOMIC_RELAXED);
	return d;
}

struct dentry *dentry_new(struct dentry *parent, const char *name, u32 len)
{
	struct dentry *d = dentry_alloc(name, len);

	if (!d)
		return NULL;
	d->hash = hash_len(parent, name, len);
	d->parent = dget(parent);
	d->sb = parent->sb;
	return d;
}

static void dentry_set_inode(struct dentry *d, struct inode *i)
{
	d->inode = i;
	if (!i)
		return;
	if (is_dir(i))
		d->flags |= DF_DIR;
	if (S_ISLNK(i->mode))
		d->flags |= DF_SYMLINK;
	if (i->ops && i->ops->revalidate)
		d->flags |= DF_REVALIDATE;
	if (i->ops && (i->ops->revalidate || i->ops->permission || i->ops->getattr))
		d->flags |= DF_SLOW;
}

struct dentry *dentry_new_root(struct super *sb, struct inode *i)
{
	struct dentry *d = dentry_alloc("", 0);

	if (!d)
		return NULL;
	d->parent = d;
	d->sb = sb;
	dentry_set_inode(d, i);
	return d;
}

static void link_to_parent(struct dentry *d)
{
	spin_lock(&d->parent->lock);
	list_add_tail(&d->parent->children, &d->sibling);
	spin_unlock(&d->parent->lock);
}

void dentry_attach(struct dentry *d, struct inode *i)
{
	dentry_set_inode(d, i);
	link_to_parent(d);
	hash_in(d);
}

void dentry_attach_hidden(struct dentry *d, struct inode *i)
{
	dentry_set_inode(d, i);
	d->flags |= DF_UNLINKED;
}

struct dentry *dentry_attach_unique(struct dentry *d, struct inode *i)
{
	struct spinlock *l = lock_of(d->hash);
	struct dentry *other;

	dentry_set_inode(d, i);
	spin_lock(l);
	other = dcache_find_rcu(d->parent, d->name, d->len, d->hash);
	if (other && !dget_live(other))
		other = NULL;
	if (!other)
		hlist_add(bucket(d->hash), &d->link);
	spin_unlock(l);
	if (other) {
		dput(d);
		return other;
	}
	link_to_parent(d);
	return d;
}

void dentry_unhash(struct dentry *d)
{
	atomic_or(&d->flags, DF_UNLINKED);
	hash_out(d);
	spin_lock(&d->parent->lock);
	list_del(&d->sibling);
	spin_unlock(&d->parent->lock);
}

/* --- renaming
 * --------------------------------------------------------------------------------------------------
 */
int dentry_move_prepare(struct dname_prep *p, struct dentry *o, struct dentry *n, bool exchange)
{
	p->a = oname_new(n->name, n->len);
	p->b = exchange ? oname_new(o->name, o->len) : NULL;
	if (p->a && (p->b || !exchange))
		return 0;
	dentry_move_abort(p);
	return -ENOMEM;
}

void dentry_move_abort(struct dname_prep *p)
{
	if (p->a)
		kfree(oname_of(p->a));
	if (p->b)
		kfree(oname_of(p->b));
	p->a = p->b = NULL;
}

static void oname_free_rcu(struct rcu_head *h)
{
	kfree(container_of(h, struct oname, rcu));
}

/* rename_lock held, d unhashed. */
static void set_name(struct dentry *d, struct dentry *parent, char *name, u32 len)
{
	char *old = d->flags & DF_ONAME ? d->name : NULL;

	WRITE_ONCE(d->name, name);
	atomic_or(&d->flags, DF_ONAME);
	d->len = len;
	d->hash = hash_len(parent, name, len);
	rcu_assign(d->parent, parent);
	if (old)
		call_rcu(&oname_of(old)->rcu, oname_free_rcu);
}

static void move_sibling(struct dentry *d, struct dentry *from, struct dentry *to)
{
	spin_lock(&from->lock);
	list_del(&d->sibling);
	spin_unlock(&from->lock);
	spin_lock(&to->lock);
	list_add_tail(&to->children, &d->sibling);
	spin_unlock(&to->lock);
}

/* Both parents' inode locks are held for writing. References to the parents move with the children.
 */
void dentry_move(struct dname_prep *p, struct dentry *o, struct dentry *n, bool exchange)
{
	struct dentry *op = o->parent, *np = n->parent;
	u32 nlen = n->len, olen = o->len;

	spin_lock(&rename_lock);
	WRITE_ONCE(rename_seq, rename_seq + 1);
	smp_mb();
	hash_out(o);
	if (hash_out(n) || exchange)
		smp_mb();
	set_name(o, np, p->a, nlen);
	move_sibling(o, op, np);
	if (exchange) {
		set_name(n, op, p->b, olen);
		move_sibling(n, np, op);
		hash_in(n);
	} else {
		dget(np);	/* o's; n keeps its own until it dies */
		atomic_or(&n->flags, DF_UNLINKED);
		spin_lock(&np->lock);
		list_del(&n->sibling);
		spin_unlock(&np->lock);
	}
	hash_in(o);
	smp_mb();
	WRITE_ONCE(rename_seq, rename_seq + 1);
	spin_unlock(&rename_lock);
	p->a = p->b = NULL;
	if (!exchange)
		dput(op);	/* o's reference to its old parent */
}

bool dentry_is_below(const struct dentry *d, const struct dentry *top)
{
	for (; d != top; d = d->parent)
		if (d->parent == d)
			return false;
	return true;
}

/* --- the end of a file system ---------------------------------------------------------- */
static struct dentry *first_child(struct dentry *d)
{
	struct dentry *c = NULL;

	spin_lock(&d->lock);
	if (!list_empty(&d->children))
		c = list_first(&d->children, struct dentry, sibling);
	spin_unlock(&d->lock);
	return c;
}

/* Waits until only the file system's own pin is left: a shrinker may still hold a reference for a
 * moment. */
static void wait_unused(struct dentry *d, i32 pins)
{
	for (u32 tries = 0; atomic_read(&d->count) != pins; tries++) {
		if (WARN_ON(tries > 100000))
			return;
		cond_resched();
	}
}

/* Nobody else uses the super. Leaves first, without recursion. */
void dcache_drop_super(struct super *sb)
{
	struct dentry *d = sb->root;
	i32 pins = sb->flags & SB_COMPLETE ? 1 : 0;

	while (d) {
		struct dentry *c = first_child(d), *parent = d == sb->root ? NULL : d->parent;

		if (c) {
			if (atomic_read(&c->count) < 0)
				cond_resched();	/* a shrinker is at it: it leaves the list soon */
			else
				d = c;
			continue;
		}
		wait_unused(d, parent ? pins : 1);
		atomic_set(&d->count, DENTRY_DEAD);
		dentry_unhash(d);
		dentry_kill(d);
		if (parent)
			atomic_dec(&parent->count);
		d = parent;
	}
	sb->root = NULL;
}

/* --- the audit
 * ----------------------------------------------------------------------------------------------------------
 */
void dcache_for_each(void (*fn)(struct dentry *d, void *arg), void *arg)
{
	for (u32 b = 0; b <= bucket_mask; b++) {
		struct dentry *d;

		rcu_read_lock();
		hlist_for_each(d, &buckets[b], link)
			fn(d, arg);
		rcu_read_unlock();
	}
}

static void recount_one(struct dentry *d, void *arg)
{
	struct dcache_count *c = arg;

	c->hashed++;
	if (!(d->parent->flags & DF_DIR))
		c->bad_parent = true;
}

void dcache_recount(struct dcache_count *c)
{
	struct dentry *d;

	*c = (struct dcache_count){ .total = (u64)atomic_read(&nr_dentries) };
	dcache_for_each(recount_one, c);
	spin_lock(&lru_lock);
	c->lru_counter = lru_count;
	list_for_each(d, &lru, lru) {
		c->on_lru++;
		if (atomic_read(&d->count) < 0)
			c->bad_lru = true;
	}
	spin_unlock(&lru_lock);
}
