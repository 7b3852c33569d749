/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recounts address spaces: each one, held still by its lock, must have the VMAs, pages and tables
 * that it counts; and all leaves together must be the mappings that the folios count. The sum is of
 * moments, so it is tried a few times.
 */
#include <base/init.h>
#include <hal/sync.h>
#include <mm/audit.h>
#include "alloc.h"
#include "rmap.h"

#define TRIES 10

struct found { u64 spaces, vmas, tables, leaves, bad; };

static u64 count_tables(pte_t *table, int level, u64 *wrong)
{
	struct page *node = pt_node(table);
	i32 used = 0;
	u64 n = 1;

	for (u32 i = 0; i < PT_ENTRIES; i++) {
		pte_t e = pte_load(&table[i]);

		used += !pte_is_none(e);
		if (level < 3 && pte_kind(e, level) == PTE_TABLE)
			n += count_tables(pt_table_of(e), level + 1, wrong);
	}
	*wrong += used != node->mapcount.v || !page_test(node, PG_TABLE) || node->aux != level;
	return n;
}

/* Leaves that are counted, all and by kind; how many lie outside every VMA. */
static void count_leaves(struct mm *mm, i64 *anon, i64 *other, u64 *stray)
{
	struct pt_walk w;

	pt_walk_init(&w, &mm->pt, 0, USER_VA_END);
	while (pt_walk_next(&w))
		for (u32 i = 0; i < w.n; i++) {
			pte_t e = pte_load(&w.pte[i]);

			if (pte_is_none(e))
				continue;
			*stray += !mm_find_vma(mm, pt_walk_va(&w, i));
			if (!pte_special(e))
				*(page_test(&page_folio(pfn_to_page(pte_pfn(e)))->page, PG_ANON)
					  ? anon
					  : other) += pt_pages(w.level);
		}
}

static void audit_one(struct mm *mm, struct found *f, struct audit_report *r)
{
	u64 vmas = 0, pages = 0, locked = 0, account = 0, tables, wrong = 0, stray = 0;
	i64 anon = 0, other = 0;
	bool same;

	write_lock(&mm->lock);
	for (struct vma *v = mm_first_vma_from(mm, 0); v; v = mm_next_vma(v)) {
		vmas++;
		pages += vma_pages(v);
		locked += v->vm_flags & VM_LOCKED ? vma_pages(v) : 0;
		account += v->vm_flags & VM_ACCOUNT ? vma_pages(v) : 0;
	}
	tables = count_tables(mm->pt.root, 0, &wrong);
	count_leaves(mm, &anon, &other, &stray);
	same = vmas == mm->nr_vmas && pages == mm->total_pages && locked == mm->locked_pages &&
	       account == mm->account_pages &&
	       tables == mm->pt.nr_tables && !wrong && !stray && anon == atomic_read(&mm->rss_anon);
	if (!same)
		audit_say(r, false, "address_space",
			  "%lu VMAs (%u), %lu pages (%lu), %lu locked (%lu), %lu accounted (%lu), "
			  "%lu tables (%lu), %lu "
			  "tables with wrong counts, "
			  "%lu stray leaves, %ld anonymous (%ld)",
			  vmas, mm->nr_vmas, pages, mm->total_pages, locked, mm->locked_pages,
			  account, mm->account_pages, tables, mm->pt.nr_tables, wrong, stray,
			  anon, atomic_read(&mm->rss_anon));
	else if (other != atomic_read(&mm->rss_file) + atomic_read(&mm->rss_shmem)) {
		same = false;	/* truncation goes on beside us: looked at again */
	}
	write_unlock(&mm->lock);
	f->bad += !same;
	f->spaces++;
	f->vmas += vmas;
	f->tables += tables;
	f->leaves += (u64)(anon + other);
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
		for (struct mm *mm = mm_next(NULL); mm; mm = mm_next(mm))
			audit_one(mm, &f, say);
		mappings = count_mappings();
		if ((f.leaves == mappings && !f.bad) || tries >= TRIES || r->bad != bad)
			break;
		cond_resched();
	}
	audit_say(r, !f.bad, "address_spaces", "%lu with %lu VMAs, %lu page tables", f.spaces,
		  f.vmas, f.tables);
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
