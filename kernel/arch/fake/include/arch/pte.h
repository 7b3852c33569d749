/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real descriptor bits (arch/arm64), over host memory: each load may switch threads, each store
 * is checked against the rules for live tables and against what the model TLBs hold (fake/mmu.c).
 */
#ifndef FAKE_PTE_H
#define FAKE_PTE_H
#include <hal/pte.h>
#define pte_load arm64_pte_load
#define pte_store arm64_pte_store
#define pte_xchg arm64_pte_xchg
#define pte_cas arm64_pte_cas
#define pte_set arm64_pte_set
#define pte_store_run arm64_pte_store_run
#define pte_clear_run arm64_pte_clear_run
#define pte_load_pair arm64_pte_load_pair
#define pte_set_pair arm64_pte_set_pair
#define pte_set_run arm64_pte_set_run
#define pte_set_runs arm64_pte_set_runs
#include "../../../arm64/include/arch/pte.h"
#undef pte_load
#undef pte_store
#undef pte_xchg
#undef pte_cas
#undef pte_set
#undef pte_store_run
#undef pte_clear_run
#undef pte_load_pair
#undef pte_set_pair
#undef pte_set_run
#undef pte_set_runs

pte_t pte_load(pte_t *p);
void pte_store(pte_t *p, pte_t v);
pte_t pte_xchg(pte_t *p, pte_t v);
bool pte_cas(pte_t *p, pte_t *old, pte_t v);
static inline void pte_set(pte_t *p, pte_t v) { pte_store(p, v); }
void pte_store_run(pte_t *p, pte_t first, u32 n);
static inline void pte_set_run(pte_t *p, pte_t first, u32 n) { pte_store_run(p, first, n); }
static inline void pte_set_runs(pte_t *p, pte_t *q, pte_t first, u32 n)
{
	pte_store_run(p, first, n);
	pte_store_run(q, first, n);
}
static inline void pte_load_pair(pte_t *p, pte_t *a, pte_t *b)
{
	*a = pte_load(p);
	*b = pte_load(p + 1);
}
static inline void pte_set_pair(pte_t *p, pte_t a, pte_t b)
{
	pte_set(p, a);
	pte_set(p + 1, b);
}
void pte_clear_run(pte_t *p, u32 n);
#endif
