/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table tree of a user address space: level-indexed walker, leaf stretches, ASIDs, TLB
 * gathering. See docs/mm.md.
 *
 * Each table page's node is its struct page (PG_TABLE): lock guards the table's entries, mapcount
 * counts the entries in use (under lock), aux is the level, index the first address it maps,
 * refcount the entries and roots that point at it.
 *
 * Who may follow table pointers. Tables are linked in at any time by whoever holds mm->lock for
 * reading or writing (under the parent's node lock), and unlinked only with mm->lock held for
 * writing, for address ranges that no VMA covers and that no mapping's VMA list reaches any more.
 * So a walk is safe without any node lock while the walker holds mm->lock, or holds the vma_lock of
 * a mapping whose list has a VMA that covers the address (reverse map). Leaf entries are read and
 * changed under the leaf table's node lock; a lockless look at one is a hint to be checked again
 * under it.
 */
#ifndef PT_PT_H
#define PT_PT_H
#include <base/types.h>
#include <hal/pte.h>
#include <hal/tlb.h>
#include <mm/page.h>

#define PT_LEVELS 4
#define PT_ENTRIES 512u
static inline u32 pt_shift(int level) { return PAGE_SHIFT + 9u * (u32)(3 - level); }
static inline u64 pt_span(int level)
{
	return 1ul << pt_shift(level);
} /* bytes that one entry maps */
static inline u32 pt_index(u64 va, int level)
{
	return (u32)(va >> pt_shift(level)) & (PT_ENTRIES - 1);
}

struct pt_tree {
	pte_t *root;			/* linear-map address of the level-0 table */
	u64 asid;			/* generation and number; pt/asid.c */
	u64 nr_tables;			/* pages of tables, atomic */
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
/* As above, tables made where missing. NULL: no memory (or a block in the way). */
pte_t *pt_make_leaf_table(struct pt_tree *pt, u64 va);

/* Entries in use of the table whose node is locked. */
static inline void pt_count(struct page *node, i32 n) { node->mapcount.v += n; }

/* --- stretches: a range's entries, one table at a time --------------------------------------- */
struct pt_walk {
	struct pt_tree *pt;
	u64 va, end;		/* [va, end): what is left, beginning with the current stretch */
	/* the current stretch, its node locked: entries pte[0..n) map va + i * pt_span(level) */
	pte_t *pte;
	u32 n;
	int level;		/* 3; or 1, 2 for a single block entry */
	struct page *node;
};
static inline void pt_walk_init(struct pt_walk *w, struct pt_tree *pt, u64 start, u64 end)
{
	*w = (struct pt_walk){ .pt = pt, .va = start, .end = end };
}
/*
 * Leaves the current stretch (unlocks) and locks the next one that has a table; false: no more,
 * nothing locked.
 */
bool pt_walk_next(struct pt_walk *w);
/*
 * As above, but makes missing tables: each call's stretch begins where the last ended. -ENOMEM:
 * nothing locked; 1: a stretch; 0: done.
 */
int pt_walk_make(struct pt_walk *w);
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
 * Differences that an operation may ignore inside a run; what was ignored is gathered in struct
 * pt_run.
 */
enum pt_ignore {
	PT_IGNORE_DIRTY = 1,
	PT_IGNORE_YOUNG = 2,
	PT_IGNORE_WRITE = 4,
	PT_IGNORE_EXCL = 8
};
struct pt_run { u32 n; bool any_dirty, any_young, any_write, any_excl; };
/*
 * The longest run of leaves from p[0] (present), at most max, of consecutive pages with the same
 * attributes but those ignored.
 */
struct pt_run pt_run_of(pte_t *p, u32 max, u32 ignore);
/* n entries of consecutive pages from first. The entries were none. */
void set_ptes(pte_t *p, pte_t first, u32 n);
/*
 * Write-protects n leaves, keeping dirtiness; returns whether any could be written. The caller
 * invalidates.
 */
bool wrprotect_ptes(pte_t *p, u32 n, bool clear_exclusive);
/* Clears n leaves atomically; what hardware had set is gathered. The caller invalidates. */
struct pt_run get_and_clear_ptes(pte_t *p, u32 n);
/* Clears n leaves of a tree that no CPU uses any more: plain stores. */
void clear_full_ptes(pte_t *p, u32 n);

/* --- gathering: what is to be freed once the TLB has forgotten it (pt/gather.c) -------------- */
#define PT_GATHER_FOLIOS 96
struct pt_gather {
	struct pt_tree *pt;
	bool full; /* the whole tree goes and no CPU uses it: freed at once, no invalidation */
	bool tables_changed;
	u64 start, end;		/* what has to be invalidated; start >= end: nothing */
	u32 nr;
	struct folio *folio[PT_GATHER_FOLIOS];	/* one reference each */
	struct page *tables;	/* chained by private */
};
static inline void pt_gather_init(struct pt_gather *g, struct pt_tree *pt, bool full)
{
	g->pt = pt;
	g->full = full;
	g->tables_changed = false;
	g->start = ~0ull;
	g->end = 0;
	g->nr = 0;
	g->tables = NULL;
}
static inline void pt_gather_range(struct pt_gather *g, u64 start, u64 end)
{
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
/* Takes over one reference of a folio that was mapped and is no longer. */
static inline void pt_gather_folio(struct pt_gather *g, struct folio *f)
{
	if (g->full) {
		folio_put(f);
		return;
	}
	g->folio[g->nr++] = f;
	if (g->nr == PT_GATHER_FOLIOS)
		pt_gather_flush(g);
}
/*
 * Unlinks and gathers every table that maps only addresses in [floor, ceiling), where no leaf is
 * left; mm->lock held for writing. [start, end) bounds the search.
 */
void pt_free_tables(struct pt_gather *g, u64 start, u64 end, u64 floor, u64 ceiling);
#endif
