/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checking MMU. Each CPU has a TLB of leaf translations (of 4 KiB, of a contiguous block as a
 * whole, of a block) and a cache of the tables on the way to them. Both keep or drop any entry at
 * any time, and are filled ahead of use: what the architecture allows is done by chance, from the
 * seed. In particular
 *  - a walk that finds a contiguous entry caches its block or only its page, with that entry's
 *    address and permissions;
 *  - hardware sets accessed or dirty in the entry that it walked, or in any other of the block;
 *  - the way to a table is cached also if the walk ends there without a leaf;
 *  - an invalidation of a range may be made in steps of its stride, each of which hits only what
 *    maps that address.
 * What it forbids is caught when it happens; the rules are in mmu_rules.c.
 */
#include <string.h>
#include <hal/tlb.h>
#include "mmu.h"

struct fake_cpu fake_cpus[MAX_CPUS];
u32 fake_cpus_used;
struct fake_mmu_counts fake_mmu;
DEFINE_PER_CPU(struct tlb_stats, tlb_stats);
bool arch_hw_af = true, arch_hw_dbm = true, arch_lse;
int arch_bbm_level;
static u32 asid_bits = 8;
void fake_set_asid_bits(u32 n) { asid_bits = n; }
u32 arch_asid_bits(void) { return asid_bits; }

void fake_mmu_reset(void)
{
	memset(fake_cpus, 0, sizeof(fake_cpus));
	fake_cpus_used = 0;
	memset(&fake_mmu, 0, sizeof(fake_mmu));
	fake_rules_reset();
}

u32 fake_tlb_find(u16 asid, u64 va, u64 size)
{
	u32 n = 0;

	for_each_tlb(c, e) n += e->asid == asid && tlb_span(e) == size && va - e->va < size;
	return n;
}

/* --- stores ---------------------------------------------------------------------------------- */
pte_t pte_load(pte_t *p)
{
	fake_switch_point();
	return arm64_pte_load(p);
}
void pte_store(pte_t *p, pte_t v)
{
	fake_switch_point();
	fake_check_store(p, *p, v);
	arm64_pte_store(p, v);
}
pte_t pte_xchg(pte_t *p, pte_t v)
{
	fake_switch_point();
	fake_check_store(p, *p, v);
	return arm64_pte_xchg(p, v);
}
bool pte_cas(pte_t *p, pte_t *old, pte_t v)
{
	fake_switch_point();
	if (p->v == old->v)
		fake_check_store(p, *p, v);
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
static struct way *find_way(struct fake_cpu *cpu, u64 va, int level)
{
	for (struct way *w = cpu->way; w < cpu->way + WAYS; w++)
		if (w->used && w->asid == cpu->asid && w->level == level && va - w->va < way_span(w))
			return w;
	return NULL;
}

static void keep_way(struct fake_cpu *cpu, u64 va, int level, pte_t *table, bool ro)
{
	struct way *w = find_way(cpu, va, level);

	if (!w)
		w = &cpu->way[fake_random(WAYS)];
	*w = (struct way){ .used = true, .level = (u8)level, .ro = ro, .asid = cpu->asid,
		.va = align_down(va, level_span(level - 1)), .root = cpu->root, .table = table };
}

/*
 * The leaf entry for va as this CPU sees it, perhaps by a cached way; NULL: there is none. ro: a
 * table on the way allows no writes, whatever the leaf says.
 */
static pte_t *walk(struct fake_cpu *cpu, u64 va, int *level, bool *ro)
{
	pte_t *t = cpu->root;

	*level = 0;
	*ro = false;
	if (!t)
		return NULL;
	for (int l = 3; l > 0 && !*level; l--) {
		struct way *w = find_way(cpu, va, l);

		if (w && fake_random(8)) {
			t = w->table;
			*level = l;
			*ro = w->ro;
		}
	}
	for (;; ++*level) {
		pte_t *e = &t[level_index(va, *level)];

		if (!pte_valid(*e))
			return NULL;
		if (pte_kind(*e, *level) == PTE_LEAF)
			return e;
		t = phys_to_virt(pte_table(*e));
		*ro |= pte_table_ro(*e);
		keep_way(cpu, va, *level + 1, t, *ro);
	}
}

static void insert(struct fake_cpu *cpu, u64 va, pte_t *at, int level, pte_t value)
{
	struct tlb_entry n = { .used = true, .level = (u8)level, .shift = (u8)level_shift(level),
		.asid = cpu->asid, .root = cpu->root, .at = at, .value = value };
	struct tlb_entry *into = &cpu->tlb[fake_random(TLB_SIZE)];

	if (pte_cont(value) && fake_random(2)) {
		n.shift += 4;
		n.value.v &= ~(PTE_OA & (tlb_span(&n) - 1));
	}
	n.va = align_down(va, tlb_span(&n));
	fake_check_insert((u32)(cpu - fake_cpus), &n);
	for (struct tlb_entry *e = cpu->tlb; e < cpu->tlb + TLB_SIZE; e++)
		if (e->used && e->asid == n.asid && e->va == n.va && e->shift == n.shift)
			into = e;
	*into = n;
	fake_mmu.inserts++;
}

/* What hardware sets goes into the entry that it walked, or into another of the contiguous block. */
static void set_by_hardware(pte_t *at, int level, u64 set, u64 clear)
{
	pte_t *b = block_of(at), *other;

	if (pte_cont(*at) && !fake_random(4)) {
		other = &b[fake_random(CONT_PTES)];
		if (pte_valid(*other) && fake_block_alike(*at, *other, other - at, level))
			at = other;
	}
	at->v = (at->v | set) & ~clear;
}

/* One walk with hardware management of accessed and dirty bits. */
static pte_t fetch(struct fake_cpu *cpu, u64 va, enum fake_access_kind kind, bool speculative,
	int *level)
{
	bool ro;
	pte_t *at = walk(cpu, va, level, &ro), n;
	u64 set = 0, clear = 0;

	if (!at || (!(at->v & PTE_AF) && !arch_hw_af))
		return pte_none();
	if (!(at->v & PTE_AF))
		set = PTE_AF;
	if (kind == FAKE_WRITE && !speculative && !ro && arch_hw_dbm && (at->v & PTE_DBM))
		clear = at->v & PTE_AP_RDONLY;
	n.v = (at->v | set) & ~clear;
	if (set || clear)
		set_by_hardware(at, *level, set, clear);
	if (ro)
		n.v = (n.v | PTE_AP_RDONLY) & ~PTE_DBM;
	insert(cpu, va, at, *level, n);
	return n;
}

/* A cached translation of va, any of several; or NULL. Drops some. */
static struct tlb_entry *look_up(struct fake_cpu *cpu, u64 va)
{
	u32 first = fake_random(TLB_SIZE);

	for (u32 i = 0; i < TLB_SIZE; i++) {
		struct tlb_entry *e = &cpu->tlb[(first + i) % TLB_SIZE];

		if (!e->used || e->asid != cpu->asid || va - e->va >= tlb_span(e))
			continue;
		if (fake_random(8))
			return e;
		e->used = false;
	}
	return NULL;
}

void *fake_translate(u64 va, enum fake_access_kind kind)
{
	struct fake_cpu *cpu = &fake_cpus[fake_current->cpu];
	struct tlb_entry *t;
	pte_t e = pte_none();
	u64 off = 0;
	int level;

	fake_switch_point();
	t = look_up(cpu, va);
	if (t) {
		e = t->value;
		off = va - t->va;
		/* A clean writable entry goes back to the tables for its first write. */
		if (kind == FAKE_WRITE && arch_hw_dbm &&
			(e.v & (PTE_DBM | PTE_AP_RDONLY)) == (PTE_DBM | PTE_AP_RDONLY))
			e = pte_none();
		else if (!fake_permits(e, kind))
			return NULL;
	}
	if (!pte_valid(e)) {
		e = fetch(cpu, va, kind, false, &level);
		off = va & (level_span(level) - 1);
	}
	if (!fake_permits(e, kind))
		return NULL;
	return (char *)phys_to_virt((pte_pfn(e) << PAGE_SHIFT) + off);
}

void fake_speculate(u64 va)
{
	int level;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		if (fake_cpus[cpu].root && !fake_random(3))
			fetch(&fake_cpus[cpu], va, FAKE_READ, true, &level);
}

/* --- invalidation ---------------------------------------------------------------------------- */
/* [va, va + len) is hit by an invalidation of [start, end): any of it, or of each step of stride. */
static bool hit(u64 va, u64 len, u64 start, u64 end, u64 stride)
{
	u64 at = max(va, start);

	if (stride)
		at = start + div_round_up(at - start, stride) * stride;
	return at < end && at - va < len;
}

static void forget(int asid, u64 start, u64 end, u64 stride, bool tables)
{
	fake_switch_point();
	fake_mmu.invalidations++;
	for_each_tlb(c, e)
		if ((asid < 0 || e->asid == asid) && hit(e->va, tlb_span(e), start, end, stride)) {
			e->used = false;
			fake_mmu.dropped++;
		}
	if (!tables)
		return;
	for_each_way(c, w)
		if ((asid < 0 || w->asid == asid) && hit(w->va, way_span(w), start, end, stride)) {
			w->used = false;
			fake_mmu.dropped_ways++;
		}
}

void tlb_inval_range(u16 asid, u64 start, u64 end, u64 stride, enum tlb_depth depth)
{
	bool steps = end - start <= stride || fake_random(2);

	BUG_ON((start | end) & ~PAGE_MASK || !stride || stride & ~PAGE_MASK);
	this_cpu(tlb_stats).range++;
	fake_mmu.pages += (end - start) >> PAGE_SHIFT;
	forget(asid, start, end, steps ? stride : 0, depth == TLB_ALL_LEVELS);
}
void tlb_inval_page(u16 asid, u64 va, enum tlb_depth depth)
{
	BUG_ON(va & ~PAGE_MASK);
	this_cpu(tlb_stats).page++;
	fake_mmu.pages++;
	forget(asid, va, va + PAGE_SIZE, PAGE_SIZE, depth == TLB_ALL_LEVELS);
}
void tlb_inval_asid(u16 asid)
{
	this_cpu(tlb_stats).asid++;
	forget(asid, 0, ~0ull, 0, true);
}
void tlb_inval_range_all_asids(u64 start, u64 end, u64 stride)
{
	bool steps = end - start <= stride || fake_random(2);

	BUG_ON((start | end) & ~PAGE_MASK || !stride || stride & ~PAGE_MASK);
	this_cpu(tlb_stats).range++;
	fake_mmu.pages += (end - start) >> PAGE_SHIFT;
	forget(-1, start, end, steps ? stride : 0, false);
}
void tlb_inval_kernel(u64 start, u64 end) { }
void tlb_inval_all(void)
{
	this_cpu(tlb_stats).all++;
	forget(-1, 0, ~0ull, 0, true);
}
void tlb_inval_all_local(void)
{
	struct fake_cpu *cpu = &fake_cpus[fake_current->cpu];

	memset(cpu->tlb, 0, sizeof(cpu->tlb));
	memset(cpu->way, 0, sizeof(cpu->way));
}
void arch_load_user_root(paddr_t root, u16 asid)
{
	u32 cpu = fake_current->cpu;

	BUG_ON(root && (!asid || asid >= BIT(asid_bits)));
	fake_cpus_used = max(fake_cpus_used, cpu + 1);
	fake_cpus[cpu].root = root ? phys_to_virt(root) : NULL;
	fake_cpus[cpu].asid = asid;
}
