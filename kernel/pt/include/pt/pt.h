/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table tree of a user address space: level-indexed walker, leaf stretches, ASIDs, TLB
 * gathering. See docs/mm.md.
 *
 * Each table page's node is its struct page (PG_TABLE): lock guards the table's entries, mapcount
 * counts the entries in use (under lock), aux is the level, index the first address it maps,
 * owners the entries and roots that point at it. (refcount is the page's, whose last holder gives it
 * back: who looks at a frame by its number may hold it for a moment when it has just become a table.)
 *
 * Who may follow table pointers. Tables are linked in at any time by whoever holds mm->lock for
 * reading or writing (under the parent's node lock), and unlinked only with mm->lock held for
 * writing, for address ranges that no VMA covers and that no mapping's VMA list reaches any more.
 * So a walk is safe without any node lock while the walker holds mm->lock, or holds path_lock and
 * the vma_lock of a mapping whose list has a VMA that covers the address, or rmap_lock (reverse map).
 * A table that has several owners gives way to one of our own (a break, pt/share.c) with mm->lock
 * held for writing and path_lock held. Leaf entries are read and
 * changed under the node lock of the table that they are in; a lockless look at one is a hint to be
 * checked again under it. A block entry may become a table (pt_split_at) at any time, under the
 * node lock; a table becomes a block only with mm->lock held for writing.
 *
 * Leaves come in three sizes, and only pt knows all of them: 4 KiB entries; contiguous blocks, 16
 * aligned entries of one 64 KiB-aligned piece of memory that carry the contiguous bit; and 2 MiB
 * block entries at level 2. Invariants of a contiguous block, while its node is not locked: all 16
 * entries carry the bit and are equal but for the address and for what hardware sets, which is
 * accessed and dirty, in any one of them (T9). What is said of the whole block is therefore the
 * union over its entries; and if the first entry is settled (accessed, and dirty or not writable),
 * the union says no more than the first. An operation that covers the block keeps it; before one
 * entry may differ the block is taken apart, by pt_unfold alone. set_ptes alone makes blocks.
 */
#ifndef PT_PT_H
#define PT_PT_H
#include <base/types.h>
#include <hal/pte.h>
#include <hal/tlb.h>
#include <mm/page.h>

#define PT_ENTRIES 512u
/* Level: 0 (root) to 3 (leaf table). Address bits below its index; bytes that one entry maps. */
static inline u32 pt_shift(int level) { return PAGE_SHIFT + 9u * (u32)(3 - level); }
static inline u64 pt_span(int level)
{
	return 1ul << pt_shift(level);
}
#define PT_END ((u64)PT_ENTRIES << pt_shift(0))	/* a tree maps what lies below */
static inline u32 pt_index(u64 va, int level)
{
	return (u32)(va >> pt_shift(level)) & (PT_ENTRIES - 1);
}
static inline u32 pt_pages(int level) { return 1u << (9u * (u32)(3 - level)); } /* of one leaf */

struct pt_tree {
	pte_t *root;			/* linear-map address of the level-0 table */
	bool may_share;			/* a table has been shared at some time; mm->lock */
	/*
	 * The path to what VMAs cover does not change while it is held: for walks without mm->lock.
	 * A break takes it, so does fork in the parent. Order: before node locks.
	 */
	struct spinlock path_lock;
	u64 asid;			/* generation and number; pt/asid.c */
	u64 nr_tables;			/* pages of tables, atomic */
	/* tables that became ours by a copy, by level - 1, and by being taken back; mm->lock written */
	u64 copied[3], taken;
	u64 breaking;			/* blocks that are none until their tables are set, atomic */
	/* mask of CPUs that have had it loaded since its ASID was given, atomic: statistics */
	u64 cpus;
};

int pt_init(struct pt_tree *pt) __must_check;	/* an empty root; 0 or -ENOMEM */
/* Frees every table; no leaf is left, no CPU has it loaded, its ASID has been invalidated. */
void pt_destroy(struct pt_tree *pt);

/* --- ASIDs (pt/asid.c) ----------------------------------------------------------------------- */
/*
 * Loads the tree on this CPU, giving it an ASID if it has none of this generation; NULL: the empty
 * tree. Interrupts off.
 */
void pt_load(struct pt_tree *pt);
/* The tree is loaded on this CPU. Preemption off. */
bool pt_loaded_here(const struct pt_tree *pt);
/*
 * ASID to invalidate after entries have changed; 0: it never ran, nothing to do. Orders earlier
 * stores before it.
 */
static inline u16 pt_asid(const struct pt_tree *pt)
{
	smp_mb();
	return (u16)READ_ONCE(pt->asid);
}

/* --- single entries -------------------------------------------------------------------------- */
/* The table that an entry points to; the node (descriptor) of a table. */
static inline pte_t *pt_table_of(pte_t entry) { return phys_to_virt(pte_table(entry)); }
static inline struct page *pt_node(pte_t *table) { return virt_to_page(table); }
/* The level-3 table that maps va, or NULL. Walk rules above. */
static inline pte_t *pt_leaf_table(const struct pt_tree *pt, u64 va)
{
	pte_t *t = pt->root;

	for (int level = 0; level < 3; level++) {
		pte_t e = pte_load(&t[pt_index(va, level)]);

		if (pte_kind(e, level) != PTE_TABLE)
			return NULL;
		t = pt_table_of(e);
	}
	return t;
}
/*
 * The entry that maps va, or the first one on the way that is none; *level: where it is; *shared:
 * the way there is not our own. mm->lock or a mapping's vma_lock as above.
 */
static inline pte_t *pt_entry_path(const struct pt_tree *pt, u64 va, int *level, bool *shared)
{
	pte_t *t = pt->root, way = pte_none();

	for (*level = 0;; ++*level) {
		pte_t *e = &t[pt_index(va, *level)], now = pte_load(e);

		if (pte_kind(now, *level) != PTE_TABLE) {
			*shared = pte_table_ro(way);
			return e;
		}
		way.v |= now.v;
		t = pt_table_of(now);
	}
}
static inline pte_t *pt_entry(const struct pt_tree *pt, u64 va, int *level)
{
	bool shared;

	return pt_entry_path(pt, va, level, &shared);
}
/*
 * The table of level (1 to 3) that covers va, made where missing. NULL: no memory; ERR_PTR(-EEXIST):
 * a block was in the way (it may have gone since). Sleeps.
 */
pte_t *pt_make_table(struct pt_tree *pt, u64 va, int level);

/*
 * A page that the leaf of va maps is pinned: the tables on the way to it, its own included, say so
 * from now on. The node of the leaf is locked. Who moves leaves or makes tables for them passes the
 * mark on.
 */
void pt_mark_pinned(const struct pt_tree *pt, u64 va);

static inline u32 pt_index_of(const pte_t *p) { return (u32)((u64)p / sizeof(*p) % PT_ENTRIES); }
/*
 * The first of the entries p[i..n) of one table that is not none, or n; groups: of the table. It
 * tells whole groups of none from one word, and so may miss what comes while it looks.
 */
static inline u32 pt_skip_none(const pte_t *p, u32 i, u32 n, u64 groups)
{
	while (i < n && pte_is_none(pte_load((pte_t *)&p[i]))) {
		u32 at = pt_index_of(&p[i]), next = at + 1;
		u64 later = next < PT_ENTRIES ? groups >> (next / 8) : 0;

		if (!later)
			return n;
		if (!(later & 1))
			next = (next / 8 + (u32)__builtin_ctzll(later)) * 8;
		i += next - at;
	}
	return min(i, n);
}

/* Entries in use of the table whose node is locked, or that nobody else reaches: fewer by n. */
static inline void pt_emptied(struct page *node, i32 n) { node->mapcount.v -= n; }
/* n of the span entries from p on, which were none, are used now. */
static inline void pt_filled(struct page *node, const pte_t *p, u32 span, i32 n)
{
	u32 first = pt_index_of(p) / 8, last = (pt_index_of(p) + span - 1) / 8;

	node->groups |= (~0ull << first) & (~0ull >> (63 - last));
	node->mapcount.v += n;
}
static inline void pt_filled_one(struct page *node, const pte_t *p)
{
	node->groups |= 1ull << (pt_index_of(p) / 8);
	node->mapcount.v++;
}
/* n of those that are used in another table, at the same places, are used in this one, too. */
static inline void pt_filled_like(struct page *node, const struct page *other, i32 n)
{
	node->groups |= other->groups;
	node->mapcount.v += n;
}

/* e, at p, with left entries until the caller's end, is the first of a whole contiguous block. */
static inline bool pt_at_block(pte_t *p, pte_t e, u32 left)
{
	return pte_cont(e) && left >= CONT_PTES && !((u64)p % (CONT_PTES * sizeof(pte_t)));
}

/* --- four entries at a time ------------------------------------------------------------------- */
/*
 * Where most entries of a table differ in their addresses alone, loops over all of them take four
 * at once: one look at what they say is for all. pt_load_four gives the addresses of those at p, if
 * all say attr (pte_attributes of one that is not none); pt_set_four is the other way, as pte_set.
 */
struct pt_four { u64 a, b, c, d; };	/* no array: compilers keep these in registers */
static __always_inline bool pt_load_four(pte_t *p, pte_t attr, struct pt_four *pa)
{
	pte_t a, b, c, d;

	pte_load_pair(p, &a, &b);
	pte_load_pair(p + 2, &c, &d);
	*pa = (struct pt_four){ pte_without(a, attr), pte_without(b, attr), pte_without(c, attr),
				pte_without(d, attr) };
	return pte_addresses(pa->a | pa->b | pa->c | pa->d);
}
static __always_inline void pt_set_four(pte_t *p, pte_t attr, const struct pt_four *pa)
{
	pte_set_pair(p, pte_with(pa->a, attr), pte_with(pa->b, attr));
	pte_set_pair(p + 2, pte_with(pa->c, attr), pte_with(pa->d, attr));
}

/* --- tables with several owners (pt/share.c, docs/cow-tables.md) ------------------------------- */
/* What to do with leaves is the caller's: they map what pt does not know. Neither may fail. */
struct pt_leaf_ops {
	/*
	 * The leaves among n entries at from are copied to the empty ones at to, with references and
	 * rights as T3 says. Both nodes locked. Returns how many.
	 */
	i32 (*copy)(pte_t *from, pte_t *to, u32 n, int level, void *arg);
	/* The leaves among n entries of a table that nobody can reach any more lose what they hold. */
	void (*drop)(pte_t *p, u32 n, int level, void *arg);
	/*
	 * So many leaves of each kind, of so many pages each, were taken from a table while it was
	 * shared; the tree that leaves it, or has it alone now, counts them no more.
	 */
	void (*gone)(const u16 n[NR_RSS], u32 pages, void *arg);
	/* The tree gives up the leaves among n entries of a shared table. Node locked. */
	void (*left)(pte_t *p, u32 n, int level, void *arg);
	/* pt_share passes over these n entries of the parent: they were its caller's to copy. */
	void (*passed)(pte_t *p, u32 n, int level, void *arg);
};
/*
 * child gets what parent has, all of it shared, but for the leaf tables that it has of its own: the
 * caller has copied what the child is to have of those, and of blocks in marked tables. Other blocks
 * beside such tables are copied. mm->lock of parent held for writing, its path_lock held; the
 * child does not run. The caller invalidates the parent's ASID before it does.
 */
void pt_share(struct pt_tree *child, struct pt_tree *parent, const struct pt_leaf_ops *ops,
	      void *arg);
/*
 * Every table that maps a part of [start, end) becomes the tree's own, as far as there are tables.
 * Any start and end, here and below: what lies beyond PT_END has no table.
 * mm->lock held for writing. 0 or -ENOMEM: some may be. Sleeps.
 */
int pt_own(struct pt_tree *pt, u64 start, u64 end, const struct pt_leaf_ops *ops,
	   void *arg) __must_check;
/*
 * The same for a range whose pages are about to go: what maps [lo, hi) alone (which holds the
 * range, and no page that stays), and is shared, may stay so, for pt_give_up.
 */
int pt_own_ends(struct pt_tree *pt, u64 start, u64 end, u64 lo, u64 hi,
		const struct pt_leaf_ops *ops, void *arg) __must_check;
/*
 * After that, in the same hold of mm->lock for writing: what is shared in the range still is not
 * the tree's any more; its other owners do not notice. Needs no memory.
 */
void pt_give_up(struct pt_tree *pt, u64 start, u64 end, const struct pt_leaf_ops *ops, void *arg);
/* Tables that others have too, and the tree's own; the root is. mm->lock held. */
void pt_count_tables(const struct pt_tree *pt, u64 *shared, u64 *own);
/* The sum of that over the tree's shared tables, in pages. mm->lock held. */
void pt_gone(const struct pt_tree *pt, i64 sum[NR_RSS]);
/*
 * How many trees see what maps va by the table it is in: the product of the references on the way,
 * or PT_MANY. Of tables that were copied above it some owners may be missing. As pt_entry.
 */
#define PT_MANY (1u << 31)
u32 pt_owners(const struct pt_tree *pt, u64 va);
/* No table that maps a part of [start, end) is shared, or was and has not been taken back. */
bool pt_range_own(const struct pt_tree *pt, u64 start, u64 end);
static inline bool pt_is_own(const struct pt_tree *pt, u64 va)
{
	return pt_range_own(pt, va, va + 1);
}
/*
 * n leaves of a kind were taken from the shared table of node, which maps va: its owners learn of it
 * when they have it alone or leave it. Node locked, path_lock held.
 */
void pt_count_gone(const struct pt_tree *pt, struct page *node, u64 va, enum rss_kind kind, u32 n);
/*
 * The tree goes, and of what it refers to that which nobody else does. No CPU has it loaded, its
 * ASID has been invalidated.
 */
void pt_put_tree(struct pt_tree *pt, const struct pt_leaf_ops *ops, void *arg);

/* --- taking blocks apart (pt/repaint.c) ------------------------------------------------------ */
/* What made it necessary: counted (/proc/vmstat). */
enum pt_cause {
	PT_UNMAP,
	PT_PROTECT,
	PT_COW,
	PT_FORK,
	PT_MOVE,
	PT_ADVISE,
	PT_MIGRATE,
	PT_CUT,		/* a VMA begins or ends inside */
	NR_PT_CAUSE
};
/*
 * The contiguous block that p, the entry of va, is in becomes 16 entries. shared: of a table that
 * may have several owners. Node locked.
 */
void pt_unfold(struct pt_tree *pt, pte_t *p, u64 va, bool shared, enum pt_cause why);
/*
 * If a 2 MiB block maps va and does not begin there, it becomes a table; no block can appear there
 * while mm->lock is held. 0, -ENOMEM, or -EBUSY: it has several owners. mm->lock held for reading or
 * writing. Sleeps.
 */
int pt_split_at(struct pt_tree *pt, u64 va, enum pt_cause why) __must_check;
/* As above, also if the block begins at va. */
int pt_split(struct pt_tree *pt, u64 va, enum pt_cause why) __must_check;

/* --- stretches: a range's entries, one table at a time --------------------------------------- */
struct pt_walk {
	struct pt_tree *pt;
	u64 va, end;		/* [va, end): what is left, beginning with the current stretch */
	/* the current stretch, its node locked: pte[0..n) of one table; see pt_walk_va */
	pte_t *pte;
	u32 n;
	int level;		/* 3: entries of any kind; 1 or 2: block entries only */
	enum pt_cause why;
	bool edit;
	bool shared;		/* the current stretch's table is not (known to be) the tree's own */
	struct page *node;
};
/* A walk that looks. At level 3 the first and last entries may be parts of contiguous blocks. */
static inline void pt_walk_init(struct pt_walk *w, struct pt_tree *pt, u64 start, u64 end)
{
	*w = (struct pt_walk){ .pt = pt, .va = start, .end = end };
}
/* A walk that changes entries: contiguous blocks that the range cuts are taken apart on the way. */
static inline void pt_walk_edit(struct pt_walk *w, struct pt_tree *pt, u64 start, u64 end,
				enum pt_cause why)
{
	*w = (struct pt_walk){ .pt = pt, .va = start, .end = end, .edit = true, .why = why };
}
/*
 * Leaves the current stretch (unlocks) and locks the next one that has a table; false: no more,
 * nothing locked. A block that the range cuts belongs to the stretch as a whole.
 */
bool pt_walk_next(struct pt_walk *w);
/* The address that entry i of the stretch maps; for a block that the range cuts it lies outside. */
static inline u64 pt_walk_va(const struct pt_walk *w, u32 i)
{
	return align_down(w->va, pt_span(w->level)) + ((u64)i << pt_shift(w->level));
}
/* Ends a walk early: unlocks. */
void pt_walk_stop(struct pt_walk *w);

/*
 * Replaces a live leaf, atomically where hardware may still set bits in it; false: it did, *old is
 * what is there now.
 */
static inline bool pte_replace(pte_t *p, pte_t *old, pte_t new)
{
	if (likely(pte_settled(*old))) {
		pte_store(p, new);
		return true;
	}
	return pte_cas(p, old, new);
}
/* Clears a live leaf; returns what it was at last. */
static inline pte_t pte_take(pte_t *p, pte_t now)
{
	if (unlikely(!pte_settled(now)))
		return pte_xchg(p, pte_none());
	pte_store(p, pte_none());
	return now;
}

/* --- runs of leaves in one stretch, node locked ---------------------------------------------- */
/*
 * Entries [p, p + n) of one table. No contiguous block is cut by the range (edit walks see to it).
 * Hardware may set bits meanwhile; nothing that it sets is lost.
 */
/*
 * Differences that an operation may ignore inside a run; what was ignored is gathered in struct
 * pt_run.
 */
enum pt_ignore {
	PT_IGNORE_DIRTY = 1,
	PT_IGNORE_YOUNG = 2,
	PT_IGNORE_WRITE = 4,
	PT_IGNORE_EXCL = 8,
	PT_IGNORE_ALL = 15
};
struct pt_run { u32 n; bool any_dirty, any_young, any_write, any_excl; };
/*
 * The longest run of leaves from p[0] (present), at most max entries, of consecutive pages with the
 * same attributes but those ignored. Contiguous blocks are taken as wholes, by what their union
 * says, where they begin at p; max must not cut one unless nothing is changed.
 */
struct pt_run pt_run_of(pte_t *p, u32 max, int level, u32 ignore);
/* What is done with a run: copied to another tree, moved within its own, taken out. */
enum pt_use { PT_USE_COPY, PT_USE_MOVE, PT_USE_DROP };
/* Pure: what may differ inside a run, PT_IGNORE bits; and the first of the new entries, which are
 * alike, of the run r that begins with first. shared: of a shared mapping. Reasons: pt/rule.c. */
u32 pt_may_differ(enum pt_use use, bool shared);
pte_t pt_run_leaf(enum pt_use use, bool shared, pte_t first, const struct pt_run *r);
/*
 * n leaves of consecutive pages from first, which has no contiguous bit; what is aligned in memory
 * as in the table becomes contiguous blocks. The entries were none and no TLB has what they mapped
 * before (or it was the same). Publishes nothing: pte_publish.
 */
void set_ptes(pte_t *p, pte_t first, u32 n, int level);
/*
 * The same, with contiguous blocks where the n leaves from *from on have them, and nowhere else: for
 * a table that takes the other's place (no translation may change its size then).
 */
void set_ptes_like(pte_t *p, const pte_t *from, pte_t first, u32 n, int level);
/* How many contiguous blocks set_ptes makes of that. */
u32 pt_blocks_of(const pte_t *p, pte_t first, u32 n, int level);
/*
 * Write-protects n leaves, keeping dirtiness; returns whether any could be written. The caller
 * invalidates.
 */
bool wrprotect_ptes(pte_t *p, u32 n, bool clear_exclusive);
/* Clears n leaves; what hardware had set is gathered. The caller invalidates. */
struct pt_run get_and_clear_ptes(pte_t *p, u32 n);
/*
 * Read, execute and user access of n leaves become perm's (pte_modify); they become writable if
 * write, and the mapping is shared or the leaf exclusive. None and special entries: the same, none
 * stays none. The caller invalidates. Returns whether there was a leaf.
 */
bool modify_ptes(pte_t *p, u32 n, pte_t perm, bool write, bool shared);
/* Clears accessed; returns whether any was. The caller invalidates, if it cares. */
bool clear_young_ptes(pte_t *p, u32 n);
/*
 * n leaves become clean and old: the next write through one marks it again. The caller invalidates
 * before it relies on that.
 */
void clean_ptes(pte_t *p, u32 n);
/* n leaves become writable, dirty, accessed and (if exclusive) exclusive. */
void allow_write_ptes(pte_t *p, u32 n, bool exclusive);
/* n leaves become exclusive. */
void own_ptes(pte_t *p, u32 n);
/* n leaves become accessed; dirty too, where write and they may be written. Whether any changed. */
bool touch_ptes(pte_t *p, u32 n, bool write);
/* The unit that p belongs to: the contiguous block's first entry and CONT_PTES, or p and 1. */
static inline pte_t *pt_unit(pte_t *p, u32 *n)
{
	*n = 1;
	if (!pte_cont(pte_load(p)))
		return p;
	*n = CONT_PTES;
	return (pte_t *)align_down((u64)p, CONT_PTES * sizeof(pte_t));
}

/* --- gathering: what is to be freed once the TLB has forgotten it (pt/gather.c) -------------- */
#define PT_GATHER_FOLIOS 96
struct pt_gather {
	struct pt_tree *pt;
	bool full; /* the whole tree goes and no CPU uses it: freed at once, no invalidation */
	bool tables_changed;
	bool shared;	/* what was gathered may be in the TLB under other trees' ASIDs, too */
	u64 stride;		/* bytes of the smallest leaf gathered */
	u64 start, end;		/* what has to be invalidated; start >= end: nothing */
	u32 nr;
	struct folio *folio[PT_GATHER_FOLIOS];
	u32 refs[PT_GATHER_FOLIOS];		/* pages of each */
	struct page *tables;	/* chained by private */
};
/* Nothing gathered yet. full: as above. */
static inline void pt_gather_init(struct pt_gather *g, struct pt_tree *pt, bool full)
{
	g->pt = pt;
	g->full = full;
	g->tables_changed = g->shared = false;
	g->stride = ~0ull;
	g->start = ~0ull;
	g->end = 0;
	g->nr = 0;
	g->tables = NULL;
}
/* Leaves of level in [start, end) have changed. */
static inline void pt_gather_range(struct pt_gather *g, u64 start, u64 end, int level)
{
	g->stride = min(g->stride, pt_span(level));
	if (start < g->start)
		g->start = start;
	if (end > g->end)
		g->end = end;
}
/* Invalidates what was gathered, then frees it. May be called again. Under a node lock too. */
void pt_gather_flush(struct pt_gather *g);
/*
 * Invalidates what was gathered so far, and frees nothing. Before a node is unlocked where somebody
 * may fill the cleared entries again at once: between an old and a new translation there has to be
 * an invalidation (break before make).
 */
void pt_gather_invalidate(struct pt_gather *g);
/*
 * n pages of f were mapped and are no longer: their mappings and references go when the TLB has
 * forgotten them. Not for a full gather.
 */
static inline void pt_gather_folio(struct pt_gather *g, struct folio *f, u32 n)
{
	g->folio[g->nr] = f;
	g->refs[g->nr++] = n;
	if (g->nr == PT_GATHER_FOLIOS)
		pt_gather_flush(g);
}
/*
 * Unlinks and gathers every table that maps only addresses in [floor, ceiling), where no leaf is
 * left; mm->lock held for writing. [start, end) bounds the search.
 */
void pt_free_tables(struct pt_gather *g, u64 start, u64 end, u64 floor, u64 ceiling);
#endif
