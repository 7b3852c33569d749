/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recounts address spaces: each one, held still by its lock, must have the VMAs, pages and tables
 * that it counts; and all leaves together must be the mappings that the folios count. Of shared tables
 * the rules T1 to T6 are checked where they show (docs/cow-tables.md). The sum is of moments, so it is
 * tried a few times.
 */
#include <base/init.h>
#include <hal/sync.h>
#include <mm/audit.h>
#include "alloc.h"
#include "rmap.h"

#define TRIES 10

struct found { u64 spaces, vmas, tables, leaves, bad, refs; };

/*
 * One pass over all address spaces. A table that several have is looked into once: its node says by
 * which pass, and how many entries that point to it the pass has met (private: pass << 32 | entries).
 */
static u32 pass;

static bool first_time(struct page *node)
{
	bool first = node->private >> 32 != pass;

	node->private = first ? (u64)pass << 32 | 1 : node->private + 1;
	return first;
}

struct tally {
	struct mm *mm;
	u64 tables, wrong, stray;
	i64 rss[NR_RSS];	/* what the address space is to count */
	u64 leaves;		/* of tables that no other address space has shown */
};

/*
 * A leaf's exclusive page has this leaf alone, and no other private page may be written (T3); a
 * pinned one lies where fork looks (T4).
 */
static bool leaf_wrong(const struct page *node, pte_t e, const struct folio *f)
{
	if (!page_test(&f->page, PG_ANON))
		return false;
	if (!pte_exclusive(e))
		return pte_write(e);
	return (!folio_order(f) && atomic_read(&f->page.mapcount) != 1) ||
	       (atomic_read(&f->page.pins) && !node->pinned_below);
}

static void tally_leaf(struct tally *t, const struct page *node, pte_t e, int level, u64 va, bool first)
{
	struct folio *f;

	t->stray += !mm_find_vma(t->mm, va);
	t->wrong += !pte_well_formed(e);
	if (pte_special(e))
		return;
	f = page_folio(pfn_to_page(pte_pfn(e)));
	t->rss[rss_kind(f)] += pt_pages(level);
	t->wrong += leaf_wrong(node, e, f);
	if (first)
		t->leaves += pt_pages(level);
}

/* The table of level that maps from va on; shared: the way to it is not the address space's own. */
static void tally_table(struct tally *t, pte_t *table, int level, u64 va, bool shared)
{
	struct page *node = pt_node(table);
	bool first = first_time(node), gone = false, unseen = false;
	struct vma *v = mm_first_vma_from(t->mm, va);
	i32 used = 0;

	t->tables++;
	t->stray += level && (!v || v->start >= va + pt_span(level - 1));
	spin_lock(&node->lock);
	for (u32 i = 0; i < PT_ENTRIES; i++) {
		pte_t e = pte_load(&table[i]);

		if (!pte_is_none(e)) {
			used++;
			unseen |= !(node->groups & 1ull << (i / 8));
		}
		if (pte_kind(e, level) == PTE_LEAF)
			tally_leaf(t, node, e, level, va + i * pt_span(level), first);
	}
	for (int i = 0; i < NR_RSS; i++) {
		t->rss[i] += (i64)node->gone[i] * pt_pages(level);
		gone |= node->gone[i];
	}
	t->wrong += used != node->mapcount.v || !page_test(node, PG_TABLE) || node->aux != level ||
		    (gone && !shared) || unseen ||
		    (node->pinned_below && ref_read(&node->owners) > 1);	/* T6 */
	spin_unlock(&node->lock);
	for (u32 i = 0; level < 3 && i < PT_ENTRIES; i++) {
		pte_t e = pte_load(&table[i]);
		bool ro = pte_table_ro(e);

		if (pte_kind(e, level) != PTE_TABLE)
			continue;
		t->wrong += !ro && ref_read(&pt_node(pt_table_of(e))->owners) > 1;	/* T1 */
		if (!first)	/* this entry has been met */
			pt_node(pt_table_of(e))->private--;
		tally_table(t, pt_table_of(e), level + 1, va + i * pt_span(level), shared || ro);
	}
}

/* Tables have as many references as the pass has met entries and roots that point to them. */
static u64 wrong_references(void)
{
	u64 wrong = 0;
	pfn_t pfn, end;

	for (u32 n = 0; vmemmap_run(n, &pfn, &end); n++)
		for (; pfn < end; pfn++) {
			struct page *p = pfn_to_page(pfn);

			if (page_test(p, PG_TABLE) && p->private >> 32 == pass)
				wrong += (u32)p->private != (u32)ref_read(&p->owners);
		}
	return wrong;
}

static void audit_one(struct mm *mm, struct found *f, struct audit_report *r)
{
	u64 vmas = 0, pages = 0, locked = 0, account = 0;
	struct tally t = { .mm = mm };
	bool same;

	write_lock(&mm->lock);
	for (struct vma *v = mm_first_vma_from(mm, 0); v; v = mm_next_vma(v)) {
		vmas++;
		pages += vma_pages(v);
		locked += v->vm_flags & VM_LOCKED ? vma_pages(v) : 0;
		account += v->vm_flags & VM_ACCOUNT ? vma_pages(v) : 0;
	}
	if (mm->pt.root)	/* NULL: it has ended, and something still keeps the structure */
		tally_table(&t, mm->pt.root, 0, 0, false);
	same = vmas == mm->nr_vmas && pages == mm->total_pages && locked == mm->locked_pages &&
	       account == mm->account_pages &&
	       t.tables == mm->pt.nr_tables && !t.wrong && !t.stray &&
	       t.rss[RSS_ANON] == atomic_read(&mm->rss_anon);
	if (!same)
		audit_say(r, false, "address_space",
			  "%lu VMAs (%u), %lu pages (%lu), %lu locked (%lu), %lu accounted (%lu), "
			  "%lu tables (%lu), %lu "
			  "tables with wrong counts or leaves, "
			  "%lu stray leaves or tables, %ld anonymous (%ld)",
			  vmas, mm->nr_vmas, pages, mm->total_pages, locked, mm->locked_pages,
			  account, mm->account_pages, t.tables, mm->pt.nr_tables, t.wrong, t.stray,
			  t.rss[RSS_ANON], atomic_read(&mm->rss_anon));
	else if (t.rss[RSS_FILE] + t.rss[RSS_SHMEM] !=
		 atomic_read(&mm->rss_file) + atomic_read(&mm->rss_shmem)) {
		same = false;	/* truncation goes on beside us: looked at again */
	}
	write_unlock(&mm->lock);
	f->bad += !same;
	f->spaces++;
	f->vmas += vmas;
	f->tables += t.tables;
	f->leaves += t.leaves;
}

/* What the folios say: the mappings of all of them. */
static u64 count_mappings(void)
{
	u64 sum = 0;
	pfn_t pfn, end;

	for (u32 n = 0; vmemmap_run(n, &pfn, &end); n++)
		while (pfn < end) {
			struct page *p = pfn_to_page(pfn);
			u32 no = (1u << PG_TABLE) | (1u << PG_SLAB) | (1u << PG_RESERVED) |
				 (1u << PG_BUDDY) | (1u << PG_TAIL);
			i32 maps = atomic_read(&p->mapcount);

			if (!(READ_ONCE(p->flags) & no) && !p->kind && ref_read(&p->refcount) > 0 &&
			    maps > 0)
				sum += (u64)maps;
			pfn++;
		}
	return sum;
}

static int audit_spaces(struct audit_report *r)
{
	struct found f;
	u64 mappings;

	for (int tries = 0;; tries++) {
		struct audit_report *say = r;
		u32 bad = r->bad;

		f = (struct found){ 0 };
		pass = pass + 1 ? pass + 1 : 1;
		for (struct mm *mm = mm_next(NULL); mm; mm = mm_next(mm))
			audit_one(mm, &f, say);
		mappings = count_mappings();
		f.refs = wrong_references();
		if ((f.leaves == mappings && !f.bad && !f.refs) || tries >= TRIES || r->bad != bad)
			break;
		cond_resched();
	}
	audit_say(r, !f.bad, "address_spaces", "%lu with %lu VMAs, %lu page tables", f.spaces,
		  f.vmas, f.tables);
	audit_say(r, !f.refs, "table_references", "%lu wrong", f.refs);
	audit_say(r, f.leaves == mappings, "mapped_pages", "%lu leaves, folios count %lu", f.leaves,
		  mappings);
	return 0;
}

/*
 * The reverse map finds the leaves that each mapped folio counts. A count may change between the
 * two looks; then they are made again.
 */
static bool rmap_agrees(struct folio *f, u32 *found)
{
	for (int tries = 0; tries < TRIES; tries++) {
		*found = rmap_count(f);
		if ((i32)*found == atomic_read(&f->page.mapcount))
			return true;
		cond_resched();
	}
	return false;
}

/* A folio that leaves map, with a reference; NULL: not one. */
static struct folio *get_mapped(struct page *p)
{
	u32 no = (1u << PG_TABLE) | (1u << PG_SLAB) | (1u << PG_RESERVED) | (1u << PG_BUDDY) |
		 (1u << PG_TAIL);
	struct folio *f = (struct folio *)p;

	if ((READ_ONCE(p->flags) & no) || p->kind || atomic_read(&p->mapcount) <= 0 ||
	    !ref_get_unless_zero(&p->refcount))
		return NULL;
	if (!(READ_ONCE(p->flags) & no) && !p->kind && atomic_read(&p->mapcount) > 0)
		return f;
	folio_put(f);
	return NULL;
}

static int audit_rmap(struct audit_report *r)
{
	u64 folios = 0, leaves = 0, bad = 0;
	pfn_t pfn, end;

	for (u32 n = 0; vmemmap_run(n, &pfn, &end); n++)
		for (; pfn < end; pfn++) {
			struct folio *f = get_mapped(pfn_to_page(pfn));
			u32 found;

			if (!f)
				continue;
			bad += !rmap_agrees(f, &found);
			folios++;
			leaves += found;
			folio_put(f);
			cond_resched();
		}
	audit_say(r, !bad, "reverse_map", "%lu folios, %lu leaves, %lu found wrong", folios, leaves,
		  bad);
	return 0;
}

static int audit_vm_init(void)
{
	audit_register("reverse map", audit_rmap);
	audit_register("address spaces", audit_spaces);
	return 0;
}
INITCALL(core, audit_vm_init);
