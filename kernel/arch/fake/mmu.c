/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checking MMU. Each CPU has a TLB of leaf translations and a cache of the tables that lead to
 * a leaf table; both may keep or drop any entry at any time, and may be filled ahead of use. What
 * the architecture forbids is caught when it happens (Arm ARM, D8.14 "Translation table
 * maintenance"):
 *  - a valid entry changed into one with another output address, memory type or kind (break before
 *    make);
 *  - a valid entry made where a TLB still holds the old translation of that entry (invalidation
 *    missing in between);
 *  - a page or table freed that a TLB or table cache still holds; and at quiet moments
 *    (fake_check_tlbs): a cached translation that allows more than its entry does now.
 */
#include <stdlib.h>
#include <string.h>
#include <fake/fake.h>
#include <hal/tlb.h>
#include <mm/page.h>

#define TLB_SIZE 48u
#define PATHS 16u

struct tlb_entry { bool used; u16 asid; u64 va; pte_t *at; pte_t value; };
struct path {
	bool used;
	u16 asid;
	u64 va;
	pte_t *table[4];
}; /* va: of the 2 MiB that table[3] maps */
static struct {
	pte_t *root;
	u16 asid;
	struct tlb_entry tlb[TLB_SIZE];
	struct path path[PATHS];
} cpus[MAX_CPUS];

DEFINE_PER_CPU(struct tlb_stats, tlb_stats);
u64 fake_tlb_inserts, fake_pte_stores;
bool arch_hw_af = true, arch_hw_dbm = true;
int arch_bbm_level;
static u32 asid_bits = 8;
void fake_set_asid_bits(u32 n) { asid_bits = n; }
u32 arch_asid_bits(void) { return asid_bits; }

void fake_mmu_reset(void) { memset(cpus, 0, sizeof(cpus)); }

#define for_each_tlb(c, e) \
	for (u32 c = 0; c < MAX_CPUS; c++) \
		for (struct tlb_entry *e = cpus[c].tlb; e < cpus[c].tlb + TLB_SIZE; e++) \
			if (e->used)
#define for_each_path(c, p) \
	for (u32 c = 0; c < MAX_CPUS; c++) \
		for (struct path *p = cpus[c].path; p < cpus[c].path + PATHS; p++) \
			if (p->used)

/* --- stores ---------------------------------------------------------------------------------- */
static bool valid(pte_t p) { return p.v & PTE_VALID; }

static void check_store(pte_t *p, pte_t old, pte_t new)
{
	struct page *node = virt_to_page(p);
	int level = node->aux;

	fake_pte_stores++;
	BUG_ON(!page_test(node, PG_TABLE));
	if (!valid(new))
		return;
	if (valid(old) && old.v != new.v) {
		if (pte_kind(old, level) != pte_kind(new, level) || pte_pfn(old) != pte_pfn(new))
			panic("break before make: %lx -> %lx", old.v, new.v);
		if ((old.v ^ new.v) & (PTE_ATTRINDX | PTE_SH | PTE_NG | PTE_CONT_BIT))
			panic("attributes changed live: %lx -> %lx", old.v, new.v);
	}
	for_each_tlb(c, e) if (e->at == p && pte_pfn(e->value) != pte_pfn(new))
		panic("CPU %u (running asid %u) still has va %lx asid %u: %lx, where %lx is made "
		      "by CPU %u (asid %u)",
		      c, cpus[c].asid, e->va, e->asid, e->value.v, new.v, fake_current->cpu,
		      cpus[fake_current->cpu].asid);
}

pte_t pte_load(pte_t *p)
{
	fake_switch_point();
	return arm64_pte_load(p);
}
void pte_store(pte_t *p, pte_t v)
{
	fake_switch_point();
	check_store(p, *p, v);
	arm64_pte_store(p, v);
}
pte_t pte_xchg(pte_t *p, pte_t v)
{
	fake_switch_point();
	check_store(p, *p, v);
	return arm64_pte_xchg(p, v);
}
bool pte_cas(pte_t *p, pte_t *old, pte_t v)
{
	fake_switch_point();
	if (p->v == old->v)
		check_store(p, *p, v);
	return arm64_pte_cas(p, old, v);
}

void pte_store_run(pte_t *p, pte_t first, u32 n)
{
	for (u32 i = 0; i < n; i++)
		pte_store(&p[i], pte_advance(first, i));
}
void pte_clear_run(pte_t *p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		pte_store(&p[i], pte_none());
}

/* --- walks ----------------------------------------------------------------------------------- */
static struct path *find_path(u32 cpu, u64 va)
{
	struct path *p = cpus[cpu].path;

	for (u32 i = 0; i < PATHS; i++)
		if (p[i].used && p[i].asid == cpus[cpu].asid && p[i].va == align_down(va, PMD_SIZE))
			return &p[i];
	return NULL;
}

/* The leaf table for va as this CPU sees it: perhaps from the table cache. */
static pte_t *walk(u32 cpu, u64 va)
{
	struct path *p = find_path(cpu, va), n = { .used = true, .asid = cpus[cpu].asid,
		.va = align_down(va, PMD_SIZE) };
	pte_t *t = cpus[cpu].root;

	if (p && fake_random(8))
		return p->table[3];
	if (!t)
		return NULL;
	for (int level = 0; level < 3; level++) {
		pte_t e;

		n.table[level] = t;
		e = t[(va >> (39 - 9 * level)) & 511];
		if (!valid(e))
			return NULL;
		BUG_ON(pte_kind(e, level) != PTE_TABLE);
		t = phys_to_virt(pte_table(e));
	}
	n.table[3] = t;
	*(p ? p : &cpus[cpu].path[fake_random(PATHS)]) = n;
	return t;
}

static void insert(u32 cpu, u64 va, pte_t *at, pte_t value)
{
	struct tlb_entry *t = cpus[cpu].tlb, *e = &t[fake_random(TLB_SIZE)];

	for (u32 i = 0; i < TLB_SIZE; i++)
		if (t[i].used && t[i].asid == cpus[cpu].asid && t[i].va == va)
			e = &t[i];
	*e = (struct tlb_entry){ true, cpus[cpu].asid, va, at, value };
	fake_tlb_inserts++;
}

static bool permits(pte_t p, enum fake_access_kind kind)
{
	if (!valid(p) || !(p.v & PTE_AP_USER))
		return false;
	if (kind == FAKE_WRITE)
		return !(p.v & PTE_AP_RDONLY);
	return kind != FAKE_EXEC || !(p.v & PTE_UXN);
}

/* One walk with hardware management of accessed and dirty bits. */
static pte_t fetch(u32 cpu, u64 va, enum fake_access_kind kind, bool speculative)
{
	pte_t *t = walk(cpu, va), *at, e, n;

	if (!t)
		return pte_none();
	at = &t[(va >> PAGE_SHIFT) & 511];
	e = *at;
	if (!valid(e))
		return pte_none();
	n = e;
	if (!(e.v & PTE_AF)) {
		if (!arch_hw_af)
			return pte_none();
		n.v |= PTE_AF;
	}
	if (kind == FAKE_WRITE && !speculative && arch_hw_dbm && (e.v & PTE_DBM))
		n.v &= ~PTE_AP_RDONLY;
	*at = n;
	insert(cpu, va, at, n);
	return n;
}

void *fake_translate(u64 va, enum fake_access_kind kind)
{
	u32 cpu = fake_current->cpu;
	u64 page = va & PAGE_MASK;
	pte_t e = pte_none();

	fake_switch_point();
	for (struct tlb_entry *t = cpus[cpu].tlb; t < cpus[cpu].tlb + TLB_SIZE; t++) {
		if (!t->used || t->asid != cpus[cpu].asid || t->va != page)
			continue;
		if (!fake_random(8)) {
			t->used = false;
			continue;
		}
		e = t->value;
		/* A clean writable entry goes back to the tables for its first write. */
		if (kind == FAKE_WRITE && arch_hw_dbm &&
			(e.v & (PTE_DBM | PTE_AP_RDONLY)) == (PTE_DBM | PTE_AP_RDONLY))
			e = pte_none();
		else if (!permits(e, kind))
			return NULL;
	}
	if (!valid(e))
		e = fetch(cpu, page, kind, false);
	if (!permits(e, kind))
		return NULL;
	return (char *)phys_to_virt(pte_pfn(e) << PAGE_SHIFT) + (va & ~PAGE_MASK);
}

void fake_speculate(u64 va)
{
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		if (cpus[cpu].root && !fake_random(3))
			fetch(cpu, va & PAGE_MASK, FAKE_READ, true);
}

/* --- invalidation ---------------------------------------------------------------------------- */
static void forget(int asid, u64 start, u64 end, bool tables)
{
	fake_switch_point();
	for_each_tlb(c, e)
		if ((asid < 0 || e->asid == asid) && e->va >= start && e->va < end)
			e->used = false;
	if (!tables)
		return;
	for_each_path(c, p)
		if ((asid < 0 || p->asid == asid) && p->va < end && p->va + PMD_SIZE > start)
			p->used = false;
}

void tlb_inval_range(u16 asid, u64 start, u64 end, u64 stride, enum tlb_depth depth)
{
	BUG_ON((start | end) & ~PAGE_MASK);
	this_cpu(tlb_stats).range++;
	forget(asid, start, end, depth == TLB_ALL_LEVELS);
}
void tlb_inval_page(u16 asid, u64 va, enum tlb_depth depth)
{
	BUG_ON(va & ~PAGE_MASK);
	this_cpu(tlb_stats).page++;
	forget(asid, va, va + PAGE_SIZE, depth == TLB_ALL_LEVELS);
}
void tlb_inval_asid(u16 asid)
{
	this_cpu(tlb_stats).asid++;
	forget(asid, 0, ~0ull, true);
}
void tlb_inval_kernel(u64 start, u64 end) { }
void tlb_inval_all(void)
{
	this_cpu(tlb_stats).all++;
	forget(-1, 0, ~0ull, true);
}
void tlb_inval_all_local(void)
{
	u32 cpu = fake_current->cpu;

	memset(cpus[cpu].tlb, 0, sizeof(cpus[cpu].tlb));
	memset(cpus[cpu].path, 0, sizeof(cpus[cpu].path));
}
void arch_load_user_root(paddr_t root, u16 asid)
{
	u32 cpu = fake_current->cpu;

	BUG_ON(root && (!asid || asid >= BIT(asid_bits)));
	cpus[cpu].root = root ? phys_to_virt(root) : NULL;
	cpus[cpu].asid = asid;
}

/* --- checks ---------------------------------------------------------------------------------- */
void fake_check_free(pfn_t pfn, u64 n)
{
	char *lo = phys_to_virt(pfn << PAGE_SHIFT), *hi = lo + (n << PAGE_SHIFT);

	for_each_tlb(c, e) if ((pte_pfn(e->value) >= pfn && pte_pfn(e->value) < pfn + n) ||
			       ((char *)e->at >= lo && (char *)e->at < hi))
		panic("page freed while CPU %u has va %lx asid %u cached", c, e->va, e->asid);
	for_each_path(c, p) for (int l = 0; l < 4;
				 l++) if ((char *)p->table[l] >= lo && (char *)p->table[l] < hi)
		panic("level %d table freed while CPU %u has it cached for %lx", l, c, p->va);
	for (u32 c = 0; c < MAX_CPUS; c++)
		if ((char *)cpus[c].root >= lo && (char *)cpus[c].root < hi)
			panic("root freed while CPU %u has it loaded", c);
}

void fake_check_tlbs(void)
{
	for_each_tlb(c, e) {
		pte_t now = *e->at;

		if (!valid(now) || pte_pfn(now) != pte_pfn(e->value))
			panic("CPU %u has va %lx asid %u: %lx, the table says %lx", c, e->va,
				e->asid, e->value.v, now.v);
		if ((permits(e->value, FAKE_WRITE) && !permits(now, FAKE_WRITE)) ||
		    (permits(e->value, FAKE_EXEC) && !permits(now, FAKE_EXEC)) ||
		    (permits(e->value, FAKE_READ) && !permits(now, FAKE_READ)))
			panic("CPU %u may do more at va %lx than the table says: %lx, %lx", c,
				e->va, e->value.v, now.v);
		/* The CPU may set dirty from what it has cached. */
		if ((e->value.v & PTE_DBM) && !(now.v & PTE_DBM))
			panic("CPU %u has va %lx writable", c, e->va);
	}
}
