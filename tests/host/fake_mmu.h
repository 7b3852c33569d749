/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cases of the checking MMU: tables made by hand, what the CPU has of them, and how a case is
 * written down. Each file of cases has one list of them.
 */
#ifndef FAKE_MMU_H
#define FAKE_MMU_H
#include <stddef.h>
#include <stdint.h>
#include <fake/fake.h>
#include <hal/tlb.h>
#include <mm/page.h>

#define ASID 5
#define BLOCK (16 * PAGE_SIZE)
#define VA (5 * GIB + 6 * MIB)		/* aligned to 2 MiB, not to 1 GiB */
#define GVA (6 * GIB)
#define PA (FAKE_RAM_BASE + 8 * MIB)	/* memory that is mapped: tables come from lower addresses */
#define PB (FAKE_RAM_BASE + 12 * MIB)

extern pte_t *root;	/* loaded, with ASID */
extern u64 seed;	/* of cases that need several */

/* Makes memory of that many bytes and an empty tree. */
void start(u64 ram);

/* --- tables by hand -------------------------------------------------------------------------- */
static inline pte_t *new_table(int level, u64 va)
{
	pte_t *t = page_alloc(ALLOC_ZERO);
	struct page *node = virt_to_page(t);

	node->aux = (u16)level;
	node->index = level ? align_down(va, 1ul << (48 - 9 * level)) : 0;
	spin_init(&node->lock);
	page_set(node, PG_TABLE);
	return t;
}

static inline u64 span(int level) { return 1ul << (39 - 9 * level); }

/* The entry of level for va; the tables above it are made. */
static inline pte_t *at(u64 va, int level)
{
	pte_t *t = root;

	for (int l = 0;; l++) {
		pte_t *e = &t[va / span(l) % 512];

		if (l == level)
			return e;
		if (pte_is_none(*e))
			pte_store(e, pte_make_table(virt_to_phys(new_table(l + 1, va))));
		t = phys_to_virt(pte_table(*e));
	}
}

static inline struct page *node_of(u64 va, int level) { return virt_to_page(at(va, level)); }

/* Young, clean, writable, of user mode. */
static inline struct leaf rw(u64 pa, int level)
{
	return (struct leaf){ .pa = pa, .level = (u8)level, .user = true, .read = true,
		.write = true, .young = true };
}
static inline pte_t leaf(u64 pa, int level)
{
	struct leaf l = rw(pa, level);

	return pte_make_leaf(&l);
}
static inline pte_t dirty(u64 pa, int level) { return pte_mkdirty(leaf(pa, level)); }
static inline pte_t typed(u64 pa, enum mem_type type, bool global)
{
	struct leaf l = rw(pa, 3);

	l.type = (u8)type;
	l.global = global;
	return pte_make_leaf(&l);
}

static inline void set(u64 va, int level, pte_t p) { pte_store(at(va, level), p); }
static inline void map(u64 va, u64 pa) { set(va, 3, dirty(pa, 3)); }
static inline void clear(u64 va) { set(va, 3, pte_none()); }

/* 16 entries from first, with the lock of their table. */
static inline void set16(u64 va, pte_t first, u64 step)
{
	spin_lock(&node_of(va, 3)->lock);
	for (u32 i = 0; i < CONT_PTES; i++, first.v += step)
		set(va + i * PAGE_SIZE, 3, first);
	spin_unlock(&node_of(va, 3)->lock);
}
static inline void fold(u64 va, u64 pa) { set16(va, pte_mkcont(dirty(pa, 3)), PAGE_SIZE); }
static inline void clear16(u64 va) { set16(va, pte_none(), 0); }
static inline pte_t *full_table(u64 va, u64 pa)	/* level 3, not linked yet */
{
	pte_t *t = new_table(3, va);

	for (u32 i = 0; i < 512; i++)
		pte_store(&t[i], dirty(pa + i * PAGE_SIZE, 3));
	return t;
}
static inline pte_t table_entry(pte_t *t) { return pte_make_table(virt_to_phys(t)); }

/* --- what the CPU has ------------------------------------------------------------------------ */
/* Reads until a TLB has a translation of that size. */
static inline void cache(u64 va, u64 size)
{
	for (int i = 0; i < 1000; i++) {
		fake_translate(va, FAKE_READ);
		if (fake_tlb_find(ASID, va, size))
			return;
	}
	panic("%lx is not cached with %lx bytes", va, size);
}
static inline void is_gone(u64 va, u64 size)
{
	if (fake_tlb_find(ASID, va, size))
		panic("%lx is cached with %lx bytes", va, size);
}
static inline void lands(u64 va, u64 pa)
{
	if (fake_translate(va, FAKE_READ) != phys_to_virt(pa))
		panic("access to %lx", va);
}
static inline void forget_page(u64 va) { tlb_inval_page(ASID, va, TLB_LAST_LEVEL); }
static inline void forget(u64 va, u64 len) { tlb_inval_range(ASID, va, va + len, PAGE_SIZE, TLB_LAST_LEVEL); }

/* A block that was cached as one, and is none any more; nobody was told. */
static inline void folded_block(void)
{
	fold(VA, PA);
	cache(VA, BLOCK);
	clear16(VA);
}

/* --- cases ----------------------------------------------------------------------------------- */
/* stops_at: part of the message that it must stop with; NULL: it must not stop. how: the level of
 * break before make, and the bits below. */
#define SOFTWARE_DIRTY 8	/* beside the level of break before make */
#define LARGE 16		/* memory for 1 GiB blocks */
struct test_case { const char *name; void (*fn)(void); const char *stops_at; u32 how; };
#define OK(f, how) { #f, f, NULL, how }
#define OK_2(f) { #f "_bbm2", f, NULL, 2 }
#define STOP(f, how, text) { #f, f, text, how }
#define STOP_1(f, text) { #f "_bbm1", f, text, 1 }
#define STOP_2(f, text) { #f "_bbm2", f, text, 2 }
/* The lists, each of which ends with a case without a name. */
extern const struct test_case live_cases[], block_cases[], tlb_cases[];
#endif
