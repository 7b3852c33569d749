/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the checking MMU stops at. Rules are of the Arm ARM, D8.16 and D8.17 (contiguous bit,
 * hardware update of flags, TLB maintenance), except where they are called ours.
 *
 *  - Break before make: a valid entry becomes another valid one only if neither output address,
 *    memory type, shareability and nG, nor kind (block or table) and contiguous bit change. With
 *    arch_bbm_level 2 kind and contiguous bit may change where every page keeps its address. Level
 *    1 allows that only to descriptors with the nT bit, which ours never have: it is level 0 here.
 *    A table may give way to another that says the same or allows less: whichever of them a CPU
 *    still has, it finds the same pages. Until it is told, the new one does not change.
 *  - An entry is made (valid) only where no TLB holds anything else for what it maps: another
 *    address or type, or another size (level 2: unless the address is the same), or a way to
 *    another table. So each CPU finds at most one translation of an address.
 *  - Contiguous blocks: if one of 16 aligned entries has the bit then all do, and they are equal
 *    but for consecutive addresses, for accessed, and, where hardware manages it, for AP[2] under
 *    DBM. Without that management AP[2] is a plain permission: a CPU may apply one entry's to all
 *    16 pages, and writes would go unnoticed. (Ours: this holds whenever the lock of the table is
 *    released and a CPU has its tree loaded. While it is held, some may be none, and those that
 *    are valid may differ in who may write, and in software's bits; a walk uses any of them.)
 *  - Ours: a table counts its leaves, and knows where there are none, whenever its lock is released.
 *  - What is freed (pages, tables, roots) is in no TLB.
 *  - At quiet moments (ours: fake_check_tlbs), a cached translation or way is what the tables say
 *    now, of the same size, and allows no more than each page's entry does.
 */
#include <stdlib.h>
#include <string.h>
#include "mmu.h"

#define FIXED (PTE_ATTRINDX | PTE_SH | PTE_NG)	/* never changed live */
#define BLOCKS (512 / CONT_PTES)

static bool replaced;	/* a table has been, since the start */
static u32 *changed;	/* by frame of a table: its aligned 16s with contiguous entries changed */
static bool *stored;	/* the same: an entry has been, since its lock was released last */
bool fake_tables_by_hand;

/* --- looking --------------------------------------------------------------------------------- */
/* The entry for va in the tree at root, of level stop or of a level above if the way ends there. */
static pte_t *entry_of(pte_t *root, u64 va, int stop, int *level)
{
	pte_t *t = root;

	for (*level = 0;; ++*level) {
		pte_t *e = &t[level_index(va, *level)];

		if (*level == stop || !pte_valid(*e) || pte_kind(*e, *level) != PTE_TABLE)
			return e;
		t = phys_to_virt(pte_table(*e));
	}
}

/* A table between root and the entry of level for va allows no writes. */
static bool way_is_ro(pte_t *root, u64 va, int level)
{
	pte_t *t = root;

	for (int l = 0; l < level; l++) {
		pte_t e = t[level_index(va, l)];

		if (pte_table_ro(e))
			return true;
		t = phys_to_virt(pte_table(e));
	}
	return false;
}

bool fake_permits(pte_t p, enum fake_access_kind kind)
{
	if (!pte_valid(p) || !(p.v & PTE_AP_USER))
		return false;
	if (kind == FAKE_WRITE)
		return !(p.v & PTE_AP_RDONLY);
	return kind != FAKE_EXEC || !(p.v & PTE_UXN);
}

bool fake_block_alike(pte_t a, pte_t b, i64 n, int level)
{
	u64 hw = PTE_AF | (arch_hw_dbm && (a.v & PTE_DBM) ? PTE_AP_RDONLY : 0);

	a.v += (u64)n << level_shift(level);
	return !((a.v ^ b.v) & ~hw);
}

/* --- contiguous blocks ----------------------------------------------------------------------- */
/* A CPU has a tree loaded that this table is part of: it may be walked now. */
static bool in_use(const pte_t *table, const struct page *node)
{
	int level;

	for (u32 c = 0; c < MAX_CPUS; c++)
		if (fake_cpus[c].root &&
		    entry_of(fake_cpus[c].root, node->index, node->aux, &level) == table)
			return true;
	return false;
}

static void check_block(pte_t *b, int level)
{
	pte_t *with = NULL;

	for (u32 i = 0; i < CONT_PTES; i++)
		if (pte_kind(b[i], level) == PTE_LEAF && pte_cont(b[i]))
			with = &b[i];
	if (!with)
		return;
	for (u32 i = 0; i < CONT_PTES; i++)
		if (!fake_block_alike(*with, b[i], &b[i] - with, level))
			panic("contiguous block: entry %u is %lx where entry %u is %lx", i, b[i].v,
				(u32)(with - b), with->v);
	if ((pte_pfn(b[0]) << PAGE_SHIFT) % (CONT_PTES * level_span(level)))
		panic("contiguous block: memory is not aligned: %lx", b[0].v);
}

/* p becomes new beside valid entries of the same 16. */
static void check_beside(pte_t *p, pte_t new, int level)
{
	const u64 may_differ = PTE_AF | PTE_AP_RDONLY | PTE_DBM | PTE_SW_DIRTY | PTE_SW_SPECIAL |
			       PTE_SW_EXCL | (arch_bbm_level >= 2 ? PTE_CONT_BIT : 0);
	pte_t *b = block_of(p);

	for (u32 i = 0; i < CONT_PTES; i++) {
		u64 here = b[i].v + ((u64)(p - &b[i]) << level_shift(level));

		if (&b[i] == p || !pte_valid(b[i]) || pte_kind(b[i], level) != PTE_LEAF ||
		    !((b[i].v | new.v) & PTE_CONT_BIT))
			continue;
		if ((here ^ new.v) & ~may_differ)
			panic("contiguous block: %lx is made beside %lx", new.v, b[i].v);
	}
}

static void note_block(pte_t *p, pte_t old, pte_t new, int level)
{
	u64 bit = 1ul << ((u64)p % PAGE_SIZE / (CONT_PTES * sizeof(pte_t)));

	if ((pte_kind(old, level) == PTE_LEAF && pte_cont(old)) ||
	    (pte_kind(new, level) == PTE_LEAF && pte_cont(new)))
		changed[(virt_to_phys(p) - FAKE_RAM_BASE) >> PAGE_SHIFT] |= (u32)bit;
}

/*
 * Who copies or drops a table stops when it has met as many entries as the table counts, and passes
 * over those that it says are none. fork links tables without the lock into one that nobody changes
 * meanwhile, and counts them in the end: above leaf tables only leaves are certain to be counted.
 */
static void check_count(const pte_t *t, const struct page *node)
{
	i32 used = 0, count = node->mapcount.v;

	for (u32 i = 0; i < 512; i++) {
		if (pte_is_none(t[i]) || pte_kind(t[i], node->aux) == PTE_TABLE)
			continue;
		used++;
		if (!(node->groups >> (i / 8) & 1))
			panic("table of level %u: entry %u is in use, and it does not know", node->aux, i);
	}
	if (count < used || (node->aux == 3 && count > used))
		panic("table of level %u: %d leaves, and it counts %d", node->aux, used, count);
}

/* A lock is about to be released: if it is a table's, its contiguous blocks are whole again. */
static void unlocking(struct spinlock *l)
{
	u64 n = (u64)((char *)l - fake_vmemmap) / STRUCT_PAGE_SIZE;
	struct page *node;
	pte_t *t;

	if ((char *)l < fake_vmemmap || n >= fake_ram_size >> PAGE_SHIFT ||
	    !(stored[n] || changed[n]))
		return;
	node = pfn_to_page((FAKE_RAM_BASE >> PAGE_SHIFT) + n);
	if (l != &node->lock || !page_test(node, PG_TABLE))
		return;
	t = page_address(node);
	if (stored[n] && !fake_tables_by_hand)
		check_count(t, node);
	stored[n] = false;
	if (!changed[n] || !in_use(t, node))
		return;
	for (u32 i = 0; i < BLOCKS; i++)
		if (changed[n] & BIT(i))
			check_block(&t[i * CONT_PTES], node->aux);
	changed[n] = 0;
}

void fake_rules_reset(void)
{
	free(changed);
	changed = calloc(fake_ram_size >> PAGE_SHIFT, sizeof(*changed));
	free(stored);
	stored = calloc(fake_ram_size >> PAGE_SHIFT, sizeof(*stored));
	fake_before_unlock = unlocking;
	replaced = false;
}

/* --- one entry ------------------------------------------------------------------------------- */
/* The table of level maps what follows on the block (or page) first, page for page. */
static bool maps_same(const pte_t *t, int level, pte_t first)
{
	for (u32 i = 0; i < 512; i++, first.v += level_span(level)) {
		if (!pte_valid(t[i]))
			return false;
		if (pte_kind(t[i], level) == PTE_TABLE) {
			if (!maps_same(phys_to_virt(pte_table(t[i])), level + 1, first))
				return false;
		} else if (pte_pfn(t[i]) != pte_pfn(first) || ((t[i].v ^ first.v) & FIXED)) {
			return false;
		}
	}
	return true;
}

/* The table b says what a says, both of level, and allows no more. */
static bool says_the_same(const pte_t *a, const pte_t *b, int level)
{
	for (u32 i = 0; i < 512; i++) {
		bool leaf = pte_kind(a[i], level) == PTE_LEAF;

		if (pte_kind(a[i], level) != pte_kind(b[i], level) || pte_pfn(a[i]) != pte_pfn(b[i]))
			return false;
		if (leaf && (((a[i].v ^ b[i].v) & (FIXED | PTE_CONT_BIT)) ||
			     (fake_permits(b[i], FAKE_WRITE) && !fake_permits(a[i], FAKE_WRITE))))
			return false;
	}
	return true;
}

static void check_form(pte_t p, int level)
{
	bool leaf = pte_kind(p, level) == PTE_LEAF;

	if (leaf && (level == 0 || (level == 3 && !(p.v & PTE_TYPE))))
		panic("no such leaf at level %d: %lx", level, p.v);
	if (leaf && (pte_pfn(p) << PAGE_SHIFT) % level_span(level))
		panic("block at level %d: memory is not aligned: %lx", level, p.v);
}

/* A valid entry becomes another. */
static void check_live(pte_t old, pte_t new, int level)
{
	bool was_table = pte_kind(old, level) == PTE_TABLE;
	pte_t table = was_table ? old : new, leaf = was_table ? new : old;

	if (was_table != (pte_kind(new, level) == PTE_TABLE)) {
		if (arch_bbm_level < 2)
			panic("break before make: block and table: %lx -> %lx", old.v, new.v);
		if (!maps_same(phys_to_virt(pte_table(table)), level + 1, leaf))
			panic("block and table, not of the same pages: %lx -> %lx", old.v, new.v);
		return;
	}
	if (was_table && pte_pfn(old) != pte_pfn(new) &&
	    says_the_same(phys_to_virt(pte_table(old)), phys_to_virt(pte_table(new)), level + 1)) {
		replaced = true;
		return;
	}
	if (pte_pfn(old) != pte_pfn(new))
		panic("break before make: address: %lx -> %lx", old.v, new.v);
	if (was_table)
		return;
	if ((old.v ^ new.v) & FIXED)
		panic("break before make: attributes: %lx -> %lx", old.v, new.v);
	if (((old.v ^ new.v) & PTE_CONT_BIT) && arch_bbm_level < 2)
		panic("break before make: contiguous bit: %lx -> %lx", old.v, new.v);
}

/* --- an entry and what is cached ------------------------------------------------------------- */
/* A cached translation and a leaf of the same tree that maps from va on, and they overlap. */
static bool contradict(const struct tlb_entry *e, u64 va, pte_t leaf, int level)
{
	u64 at = max(va, e->va);
	bool same_size = e->level == level && !((e->value.v ^ leaf.v) & PTE_CONT_BIT);

	return (pte_pfn(e->value) << PAGE_SHIFT) + (at - e->va) !=
		       (pte_pfn(leaf) << PAGE_SHIFT) + (at - va) ||
	       ((e->value.v ^ leaf.v) & FIXED) || (!same_size && arch_bbm_level < 2);
}

static bool contradict_below(const struct tlb_entry *e, u64 va, pte_t new, int level)
{
	pte_t *t;

	if (!pte_valid(new) || !overlap(e->va, tlb_span(e), va, level_span(level)))
		return false;
	if (pte_kind(new, level) == PTE_LEAF)
		return contradict(e, va, new, level);
	t = phys_to_virt(pte_table(new));
	for (u32 i = 0; i < 512; i++)
		if (contradict_below(e, va + i * level_span(level + 1), t[i], level + 1))
			return true;
	return false;
}

/* Once new stands at va, the cached way does not lead where the tables lead. */
static bool strays(const struct way *w, u64 va, pte_t new, int level)
{
	for (; pte_valid(new); new = *((pte_t *)phys_to_virt(pte_table(new)) +
				       level_index(w->va, ++level))) {
		if (pte_kind(new, level) == PTE_LEAF) {
			new.v += w->va - va;
			return arch_bbm_level < 2 || !maps_same(w->table, w->level, new);
		}
		if (level + 1 == w->level)
			return phys_to_virt(pte_table(new)) != (void *)w->table &&
			       !says_the_same(w->table, phys_to_virt(pte_table(new)), w->level);
	}
	return false;
}

static bool same_table(const pte_t *a, const pte_t *b)
{
	return !(((u64)a ^ (u64)b) & PAGE_MASK);
}

static void check_cached(pte_t *p, pte_t new, int level)
{
	u64 va = virt_to_page(p)->index + (u64)p % PAGE_SIZE / sizeof(*p) * level_span(level);
	int l;

	for_each_tlb(c, e) {
		if (!overlap(e->va, tlb_span(e), va, level_span(level)) ||
		    (entry_of(e->root, va, level, &l) != p && !same_table(e->at, p)))
			continue;
		if (contradict_below(e, va, new, level))
			panic("CPU %u (running asid %u) still has va %lx asid %u: %lx of level %d, "
			      "where %lx of level %d is made by CPU %u (asid %u)",
			      c, fake_cpus[c].asid, e->va, e->asid, e->value.v, e->level, new.v,
			      level, fake_current->cpu, fake_cpus[fake_current->cpu].asid);
	}
	if (level == 3)
		return;
	for_each_way(c, w) {
		if (w->level <= level || !overlap(w->va, way_span(w), va, level_span(level)) ||
		    entry_of(w->root, va, level, &l) != p)
			continue;
		if (strays(w, va, new, level))
			panic("CPU %u still has a way to another level %d table for va %lx asid %u,"
			      " where %lx is made",
			      c, w->level, w->va, w->asid, new.v);
	}
}

/* The table of p has replaced another, to which some CPU still has a way. */
static void check_replaced(pte_t *p, pte_t new, int level)
{
	u64 va = virt_to_page(p)->index + (u64)p % PAGE_SIZE / sizeof(*p) * level_span(level);
	int l;

	for_each_way(c, w)
		if (w->level == level && overlap(w->va, way_span(w), va, level_span(level)) &&
		    !same_table(w->table, p) && entry_of(w->root, va, level, &l) == p)
			panic("CPU %u has a way to the table before, for va %lx asid %u, where %lx is made",
			      c, va, w->asid, new.v);
}

void fake_check_store(pte_t *p, pte_t old, pte_t new)
{
	struct page *node = virt_to_page(p);
	int level = node->aux;

	fake_mmu.stores++;
	BUG_ON(!page_test(node, PG_TABLE));
	note_block(p, old, new, level);
	stored[(virt_to_phys(p) - FAKE_RAM_BASE) >> PAGE_SHIFT] = true;
	if (!pte_valid(new))
		return;
	check_form(new, level);
	if (pte_valid(old) && old.v != new.v)
		check_live(old, new, level);
	if (pte_kind(new, level) == PTE_LEAF)
		check_beside(p, new, level);
	check_cached(p, new, level);
	if (replaced && level > 0)
		check_replaced(p, new, level);
}

void fake_check_insert(u32 cpu, const struct tlb_entry *e)
{
	for (struct tlb_entry *o = fake_cpus[cpu].tlb; o < fake_cpus[cpu].tlb + TLB_SIZE; o++)
		if (o->used && o->asid == e->asid &&
		    overlap(o->va, tlb_span(o), e->va, tlb_span(e)) &&
		    contradict(o, e->va, e->value, e->level))
			panic("TLB conflict on CPU %u at va %lx asid %u: %lx and %lx", cpu, e->va,
				e->asid, o->value.v, e->value.v);
}

/* --- what is given back ---------------------------------------------------------------------- */
void fake_check_free(pfn_t pfn, u64 n)
{
	char *lo = phys_to_virt(pfn << PAGE_SHIFT), *hi = lo + (n << PAGE_SHIFT);
	int cpu;
#define FREED(p) ((char *)(p) >= lo && (char *)(p) < hi)

	for_each_tlb(c, e) {
		if (overlap(pte_pfn(e->value), tlb_span(e) >> PAGE_SHIFT, pfn, n) || FREED(e->at))
			panic("page freed while CPU %u has va %lx asid %u cached", c, e->va,
				e->asid);
		if (FREED(e->root))
			panic("root freed while CPU %u has va %lx asid %u cached", c, e->va,
				e->asid);
	}
	for_each_way(c, w) if (FREED(w->table) || FREED(w->root))
		panic("level %d table freed while CPU %u has it cached for %lx",
			FREED(w->table) ? w->level : 0, c, w->va);
	for (u32 c = 0; c < MAX_CPUS; c++)
		if (FREED(fake_cpus[c].root))
			panic("root freed while CPU %u has it loaded", c);
	cpu = fake_locked_within(pfn_to_page(pfn), pfn_to_page(pfn + n));
	if (cpu >= 0)
		panic("table freed by CPU %u while CPU %d is at its lock", fake_current->cpu, cpu);
	for (u64 i = 0; i < n; i++)
		changed[pfn - (FAKE_RAM_BASE >> PAGE_SHIFT) + i] = 0;
#undef FREED
}

/* --- quiet moments --------------------------------------------------------------------------- */
/* A leaf as it counts: a contiguous block is dirty if any of its entries is. */
static pte_t united(pte_t *at, int level)
{
	pte_t p = *at, *b = block_of(at);

	if (pte_kind(p, level) != PTE_LEAF || !pte_cont(p))
		return p;
	for (u32 i = 0; i < CONT_PTES; i++)
		if ((p.v & b[i].v & PTE_DBM) && !(b[i].v & PTE_AP_RDONLY))
			p.v &= ~PTE_AP_RDONLY;
	return p;
}

static void check_rights(u32 cpu, const struct tlb_entry *e, u64 va, pte_t now)
{
	pte_t was = e->value;

	for (enum fake_access_kind k = FAKE_READ; k <= FAKE_EXEC; k++)
		if (fake_permits(was, k) && !fake_permits(now, k))
			panic("CPU %u may do more at va %lx than the table says: %lx, %lx", cpu, va,
				was.v, now.v);
	/* The CPU may set dirty from what it has cached. */
	if ((was.v & PTE_DBM) && !(now.v & PTE_DBM))
		panic("CPU %u has va %lx writable: %lx, the table says %lx", cpu, va, was.v, now.v);
}

static void check_translation(u32 cpu, const struct tlb_entry *e)
{
	for (u64 va = e->va; va < e->va + tlb_span(e); va += level_span(e->level)) {
		int level;
		pte_t *at = entry_of(e->root, va, e->level, &level), now = united(at, level);

		if (way_is_ro(e->root, va, level))
			now.v = (now.v | PTE_AP_RDONLY) & ~PTE_DBM;
		if (!pte_valid(now) || pte_kind(now, level) != PTE_LEAF ||
		    ((now.v ^ e->value.v) & PTE_CONT_BIT) || level != e->level ||
		    contradict(e, va, now, level))
			panic("CPU %u has va %lx asid %u: %lx of level %d, the table says %lx of "
			      "level %d at va %lx",
			      cpu, e->va, e->asid, e->value.v, e->level, now.v, level, va);
		check_rights(cpu, e, va, now);
	}
}

static void check_all_blocks(void)
{
	for (u64 n = 0; n < fake_ram_size >> PAGE_SHIFT; n++) {
		struct page *node = pfn_to_page((FAKE_RAM_BASE >> PAGE_SHIFT) + n);
		pte_t *t;

		if (!page_test(node, PG_TABLE) || !node->aux)
			continue;
		t = page_address(node);
		for (u32 i = 0; i < BLOCKS; i++)
			check_block(&t[i * CONT_PTES], node->aux);
	}
}

static void check_way(u32 c, const struct way *w)
{
	int level;
	pte_t *at = entry_of(w->root, w->va, w->level - 1, &level);

	if (level != w->level - 1 || !pte_valid(*at) || pte_kind(*at, level) != PTE_TABLE ||
	    phys_to_virt(pte_table(*at)) != (void *)w->table)
		panic("CPU %u has a way to a level %d table for va %lx asid %u, the table says "
		      "%lx", c, w->level, w->va, w->asid, at->v);
}

void fake_check_ways(const void *root)
{
	for_each_way(c, w)
		if (w->root == root)
			check_way(c, w);
}

void fake_check_tlbs(void)
{
	for_each_tlb(c, e) check_translation(c, e);
	for_each_way(c, w) {
		check_way(c, w);
		if (!w->ro && way_is_ro(w->root, w->va, w->level))
			panic("CPU %u may write by a way to a level %d table for va %lx asid %u",
			      c, w->level, w->va, w->asid);
	}
	check_all_blocks();
}
