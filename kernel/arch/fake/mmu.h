/* SPDX-License-Identifier: BSD-2-Clause */
/* What the model MMU holds, shared by the machine (mmu.c) and the rules (mmu_rules.c). */
#ifndef FAKE_MMU_H
#define FAKE_MMU_H
#include <fake/fake.h>
#include <hal/page.h>
#include <mm/page.h>

#define TLB_SIZE 48u
#define WAYS 32u

/* A cached translation of [va, va + 2^shift), which a walk of root found in the entry at. */
struct tlb_entry {
	bool used;
	u8 level;		/* of at */
	u8 shift;		/* the level's; or 4 more, for a contiguous block as a whole */
	u16 asid;
	u64 va;
	pte_t *root, *at;
	/* as at was, its address that of va; read-only if a table on the way is (APTable) */
	pte_t value;
};
/* A cached way: the table of level (1 to 3) for what an entry of the level above spans from va. */
struct way {
	bool used;
	u8 level;
	bool ro;		/* by APTable of an entry on the way to it */
	u16 asid;
	u64 va;
	pte_t *root, *table;
};
struct fake_cpu {
	pte_t *root;
	u16 asid;
	struct tlb_entry tlb[TLB_SIZE];
	struct way way[WAYS];
};
extern struct fake_cpu fake_cpus[MAX_CPUS];
extern u32 fake_cpus_used;	/* those beyond have nothing cached */

#define for_each_tlb(c, e) \
	for (u32 c = 0; c < fake_cpus_used; c++) \
		for (struct tlb_entry *e = fake_cpus[c].tlb; e < fake_cpus[c].tlb + TLB_SIZE; e++) \
			if (e->used)
#define for_each_way(c, w) \
	for (u32 c = 0; c < fake_cpus_used; c++) \
		for (struct way *w = fake_cpus[c].way; w < fake_cpus[c].way + WAYS; w++) \
			if (w->used)

static inline bool pte_valid(pte_t p) { return p.v & PTE_VALID; }
static inline u32 level_shift(int level) { return PAGE_SHIFT + 9u * (u32)(3 - level); }
static inline u64 level_span(int level) { return 1ul << level_shift(level); }
static inline u32 level_index(u64 va, int level) { return (u32)(va >> level_shift(level)) & 511; }
static inline u64 tlb_span(const struct tlb_entry *e) { return 1ul << e->shift; }
static inline u64 way_span(const struct way *w) { return level_span(w->level - 1); }
static inline bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}
/* The first entry of the 16 that p, in a table, is one of. */
static inline pte_t *block_of(pte_t *p)
{
	return (pte_t *)((u64)p & ~(CONT_PTES * sizeof(pte_t) - 1));
}
/* Two entries of a contiguous block, n entries apart, say the same but for what hardware sets. */
bool fake_block_alike(pte_t a, pte_t b, i64 n, int level);

/* --- rules (mmu_rules.c); all panic ---------------------------------------------------------- */
void fake_rules_reset(void);
/* p is about to be changed by software. */
void fake_check_store(pte_t *p, pte_t old, pte_t new);
/* A CPU caches e. */
void fake_check_insert(u32 cpu, const struct tlb_entry *e);
bool fake_permits(pte_t p, enum fake_access_kind kind);
#endif
