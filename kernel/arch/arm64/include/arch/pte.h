/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMSAv8-64 stage 1 descriptors, 4 KiB granule, 48-bit (Arm ARM, D8.3). The only place that knows
 * their bits; pure.
 *
 * Writable means the DBM bit: with hardware dirty management a clean writable leaf is read-only +
 * DBM and the CPU drops read-only at the first write; without it the fault handler does the same by
 * pte_mkdirty. A dirty leaf that is write-protected keeps its dirtiness in PTE_SW_DIRTY. A user
 * leaf without any access (PROT_NONE) is kept invalid with PTE_SW_NONE set, so that the kernel's
 * own accesses fault on it as the user's do.
 */
#ifndef ARCH_PTE_H
#define ARCH_PTE_H
#include <base/bits.h>
#include <hal/pte.h>

#define PTE_VALID	FIELD(0, 1)
#define PTE_TYPE	FIELD(1, 1)	/* 1: table, or page at level 3; 0: block */
#define PTE_ATTRINDX	FIELD(2, 3)
#define PTE_AP_USER	FIELD(6, 1)	/* AP[1] */
#define PTE_AP_RDONLY	FIELD(7, 1)	/* AP[2] */
#define PTE_SH		FIELD(8, 2)
#define PTE_AF		FIELD(10, 1)
#define PTE_NG		FIELD(11, 1)
#define PTE_OA		FIELD(12, 36)
#define PTE_DBM		FIELD(51, 1)
#define PTE_CONT_BIT	FIELD(52, 1)
#define PTE_PXN		FIELD(53, 1)
#define PTE_UXN		FIELD(54, 1)
#define PTE_SW_DIRTY	FIELD(55, 1)	/* bits 58:55 are software's */
#define PTE_SW_SPECIAL	FIELD(56, 1)
#define PTE_SW_EXCL	FIELD(57, 1)
#define PTE_SW_NONE	FIELD(58, 1)
#define PTE_PXNTABLE	FIELD(59, 1)
#define PTE_APTABLE_RO	FIELD(62, 1)	/* APTable[1] */

#define PTE_SH_INNER	3
/* MAIR_EL1 indexes; boot/head.S loads the register to match. */
#define ATTR_NORMAL	0
#define ATTR_NC		1
#define ATTR_DEVICE	2

#define CONT_PTES	16

extern bool arch_hw_af, arch_hw_dbm;
extern int arch_bbm_level;

static inline pte_t pte_none(void) { return (pte_t){ 0 }; }
static inline bool pte_is_none(pte_t p) { return !p.v; }
static inline bool pte_present(pte_t p) { return p.v & (PTE_VALID | PTE_SW_NONE); }
static inline enum pte_kind pte_kind(pte_t p, int level)
{
	if (!pte_present(p))
		return PTE_NONE;
	return level < 3 && (p.v & PTE_TYPE) ? PTE_TABLE : PTE_LEAF;
}
/* A present leaf of level 1 or 2. */
static inline bool pte_block(pte_t p) { return pte_present(p) && !(p.v & PTE_TYPE); }
static inline bool pte_young(pte_t p) { return p.v & PTE_AF; }
static inline bool pte_write(pte_t p) { return p.v & PTE_DBM; }
static inline bool pte_dirty(pte_t p)
{
	return (p.v & PTE_SW_DIRTY) || (p.v & (PTE_DBM | PTE_AP_RDONLY)) == PTE_DBM;
}
static inline bool pte_exclusive(pte_t p) { return p.v & PTE_SW_EXCL; }
static inline bool pte_special(pte_t p) { return p.v & PTE_SW_SPECIAL; }
static inline bool pte_cont(pte_t p) { return p.v & PTE_CONT_BIT; }
static inline bool pte_exec(pte_t p) { return !(p.v & PTE_UXN); }	/* by user mode */
static inline pfn_t pte_pfn(pte_t p) { return field_get(PTE_OA, p.v); }

static inline pte_t pte_wrprotect(pte_t p)
{
	if (pte_dirty(p))
		p.v |= PTE_SW_DIRTY;
	p.v = (p.v & ~PTE_DBM) | PTE_AP_RDONLY;
	return p;
}
static inline pte_t pte_mkold(pte_t p) { p.v &= ~PTE_AF; return p; }
static inline pte_t pte_mkyoung(pte_t p) { p.v |= PTE_AF; return p; }
static inline pte_t pte_mkdirty(pte_t p)
{
	if (p.v & PTE_DBM)
		p.v &= ~PTE_AP_RDONLY;
	else
		p.v |= PTE_SW_DIRTY;
	return p;
}
static inline pte_t pte_mkclean(pte_t p)
{
	p.v = (p.v & ~PTE_SW_DIRTY) | PTE_AP_RDONLY;
	return p;
}
/* Keeps dirtiness: a dirty leaf becomes writable at once, a clean one at its first write. */
static inline pte_t pte_mkwrite(pte_t p)
{
	p.v |= PTE_DBM;
	if (p.v & PTE_SW_DIRTY)
		p.v &= ~(PTE_SW_DIRTY | PTE_AP_RDONLY);
	return p;
}
static inline pte_t pte_mkexclusive(pte_t p) { p.v |= PTE_SW_EXCL; return p; }
static inline pte_t pte_clear_exclusive(pte_t p) { p.v &= ~PTE_SW_EXCL; return p; }
static inline pte_t pte_mkcont(pte_t p) { p.v |= PTE_CONT_BIT; return p; }
static inline pte_t pte_clear_cont(pte_t p) { p.v &= ~PTE_CONT_BIT; return p; }
/* Takes read, execute and user access from perm, a leaf; write access goes (pte_mkwrite gives it),
 * dirtiness stays. */
static inline pte_t pte_modify(pte_t p, pte_t perm)
{
	const u64 mask = PTE_VALID | PTE_SW_NONE | PTE_AP_USER | PTE_PXN | PTE_UXN;

	p = pte_wrprotect(p);
	p.v = (p.v & ~mask) | (perm.v & mask);
	return p;
}
static inline pte_t pte_advance(pte_t p, u64 n) { p.v += field_put(PTE_OA, n); return p; }
static inline pte_t pte_at_frame(pte_t p, pfn_t pfn)
{
	return (pte_t){ (p.v & ~PTE_OA) | field_put(PTE_OA, pfn) };
}
/* Bits 50:48 are 0: GP, and what only larger output addresses use (Arm ARM D8.3.1). */
static inline bool pte_well_formed(pte_t p) { return !field_get(FIELD(48, 3), p.v); }

/* What e says but for the address; the address in e, if it says the same, or else no address. */
static inline pte_t pte_attributes(pte_t e) { return (pte_t){ e.v & ~PTE_OA }; }
static inline u64 pte_without(pte_t e, pte_t attributes) { return e.v ^ attributes.v; }
/* all is the union of what pte_without gave: addresses only. */
static inline bool pte_addresses(u64 all) { return !(all & ~PTE_OA); }
static inline pte_t pte_with(u64 address, pte_t attributes)
{
	return (pte_t){ address | attributes.v };
}

/* a, also accessed and dirty if b is: what is said of both entries together. */
static inline pte_t pte_unite(pte_t a, pte_t b)
{
	if (pte_young(b))
		a = pte_mkyoung(a);
	return pte_dirty(b) ? pte_mkdirty(a) : a;
}
/* They differ at most in what decides about writing, in accessed, and in software's bits. */
static inline bool pte_same_but_write(pte_t a, pte_t b)
{
	return !((a.v ^ b.v) & ~(PTE_AP_RDONLY | PTE_DBM | PTE_AF | PTE_SW_DIRTY | PTE_SW_EXCL));
}
/* The page at the start of what a block entry maps, with its attributes. */
static inline pte_t pte_as_page(pte_t block) { block.v |= PTE_TYPE; return block; }
/* The block entry that begins with a page whose frame is aligned to it. */
static inline pte_t pte_as_block(pte_t page) { page.v &= ~(PTE_TYPE | PTE_CONT_BIT); return page; }

static inline pte_t pte_make_leaf(const struct leaf *l)
{
	static const u8 attr[] = {
		[MEM_NORMAL] = ATTR_NORMAL, [MEM_NC] = ATTR_NC, [MEM_DEVICE] = ATTR_DEVICE};
	bool none = l->user && !l->read && !l->write && !l->exec;
	u64 v = (none ? PTE_SW_NONE : PTE_VALID) | (l->pa & PTE_OA) |
		field_put(PTE_ATTRINDX, attr[l->type]) | field_put(PTE_SH, PTE_SH_INNER);

	if (l->level == 3)
		v |= PTE_TYPE;
	if (l->user)
		v |= PTE_AP_USER | PTE_PXN | (l->exec ? 0 : PTE_UXN);
	else
		v |= PTE_UXN | (l->exec ? 0 : PTE_PXN);
	if (l->write)
		v |= PTE_DBM | (l->dirty ? 0 : PTE_AP_RDONLY);
	else
		v |= PTE_AP_RDONLY | (l->dirty ? PTE_SW_DIRTY : 0);
	v |= (l->young ? PTE_AF : 0) | (l->global ? 0 : PTE_NG) | (l->cont ? PTE_CONT_BIT : 0) |
	     (l->exclusive ? PTE_SW_EXCL : 0) | (l->special ? PTE_SW_SPECIAL : 0);
	return (pte_t){ v };
}
static inline struct leaf pte_leaf(pte_t p, int level)
{
	static const u8 type[8] = {
		[ATTR_NORMAL] = MEM_NORMAL, [ATTR_NC] = MEM_NC, [ATTR_DEVICE] = MEM_DEVICE};
	bool user = p.v & PTE_AP_USER, none = p.v & PTE_SW_NONE;

	return (struct leaf){
		.pa = p.v & PTE_OA,
		.level = (u8)level,
		.type = type[field_get(PTE_ATTRINDX, p.v)],
		.read = !none,
		.write = pte_write(p),
		.exec = !none && !(p.v & (user ? PTE_UXN : PTE_PXN)),
		.user = user,
		.dirty = pte_dirty(p),
		.young = pte_young(p),
		.exclusive = pte_exclusive(p),
		.special = pte_special(p),
		.cont = pte_cont(p),
		.global = !(p.v & PTE_NG),
	};
}

/* A user table: no privileged execution below it. */
static inline pte_t pte_make_table(paddr_t table)
{
	return (pte_t){table | PTE_PXNTABLE | PTE_TYPE | PTE_VALID};
}
static inline paddr_t pte_table(pte_t p) { return p.v & PTE_OA; }
static inline bool pte_table_ro(pte_t p) { return p.v & PTE_APTABLE_RO; }
static inline pte_t pte_table_set_ro(pte_t p, bool ro)
{
	p.v = ro ? p.v | PTE_APTABLE_RO : p.v & ~PTE_APTABLE_RO;
	return p;
}

/* A leaf in which hardware has nothing left to set: accessed, and dirty or not writable. */
static inline bool pte_settled(pte_t p)
{
	return (p.v & PTE_AF) && (p.v & (PTE_DBM | PTE_AP_RDONLY)) != (PTE_DBM | PTE_AP_RDONLY);
}
/* Two neighbouring words, each by a single-copy atomic store (Arm ARM B2.2.1). */
static inline void arch_store_pair(u64 *p, u64 a, u64 b)
{
#ifdef __aarch64__
	asm volatile("stp %x1, %x2, %0" : "=Ump"(*(u64(*)[2])p) : "rZ"(a), "rZ"(b));
#else
	__atomic_store_n(p, a, __ATOMIC_RELAXED);
	__atomic_store_n(p + 1, b, __ATOMIC_RELAXED);
#endif
}
/* The other way round; each by a single-copy atomic load. */
static inline void arch_load_pair(u64 *p, u64 *a, u64 *b)
{
#ifdef __aarch64__
	asm volatile("ldp %x0, %x1, %2" : "=r"(*a), "=r"(*b) : "Ump"(*(u64(*)[2])p));
#else
	*a = __atomic_load_n(p, __ATOMIC_RELAXED);
	*b = __atomic_load_n(p + 1, __ATOMIC_RELAXED);
#endif
}
static inline pte_t pte_load(pte_t *p) { return (pte_t){__atomic_load_n(&p->v, __ATOMIC_RELAXED)}; }
/*
 * A present leaf, no part of a block, of a counted page, that hardware has nothing to add to, and
 * exclusive only if it can be written. One comparison for those that can, one for the others.
 */
static inline bool pte_plain(pte_t p)
{
	const u64 fixed = PTE_VALID | PTE_SW_SPECIAL | PTE_AF | PTE_AP_RDONLY | PTE_DBM |
			  PTE_CONT_BIT;

	if (likely((p.v & fixed) == (PTE_VALID | PTE_AF | PTE_DBM)))
		return true;
	return (p.v & (fixed | PTE_SW_EXCL)) == (PTE_VALID | PTE_AF | PTE_AP_RDONLY);
}
/* The first entry of a contiguous block that is like a plain leaf otherwise: so are the others. */
static inline bool pte_plain_block(pte_t p)
{
	return pte_plain((pte_t){ p.v ^ PTE_CONT_BIT });
}
/* pte_modify of a plain leaf or block, in fewer steps. */
static inline pte_t pte_modify_plain(pte_t p, pte_t perm)
{
	const u64 mask = PTE_VALID | PTE_SW_NONE | PTE_AP_USER | PTE_PXN | PTE_UXN;

	if (pte_write(p))
		p.v = (p.v & ~PTE_DBM) | PTE_AP_RDONLY | PTE_SW_DIRTY;
	return (pte_t){ (p.v & ~mask) | (perm.v & mask) };
}
/* pte_wrprotect and pte_clear_exclusive of a leaf that is writable and settled, thus dirty. */
static inline pte_t pte_dirty_to_read_only(pte_t p)
{
	return (pte_t){ (p.v & ~(PTE_DBM | PTE_SW_EXCL)) | PTE_AP_RDONLY | PTE_SW_DIRTY };
}
/* As pte_store, without ordering what was stored before. */
static inline void pte_set(pte_t *p, pte_t v) { __atomic_store_n(&p->v, v.v, __ATOMIC_RELAXED); }
static inline void pte_store(pte_t *p, pte_t v) { __atomic_store_n(&p->v, v.v, __ATOMIC_RELEASE); }
static inline pte_t pte_xchg(pte_t *p, pte_t v)
{
	return (pte_t){__atomic_exchange_n(&p->v, v.v, __ATOMIC_ACQ_REL)};
}
static inline bool pte_cas(pte_t *p, pte_t *old, pte_t v)
{
	return __atomic_compare_exchange_n(&p->v, &old->v, v.v, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}
/* Two entries, as pte_load and pte_set. */
static inline void pte_load_pair(pte_t *p, pte_t *a, pte_t *b)
{
	arch_load_pair(&p->v, &a->v, &b->v);
}
static inline void pte_set_pair(pte_t *p, pte_t a, pte_t b) { arch_store_pair(&p->v, a.v, b.v); }
/*
 * n level-3 entries of consecutive pages, by single-copy atomic stores, two in an instruction; as
 * pte_set, no release.
 */
static inline void pte_set_run(pte_t *p, pte_t first, u32 n)
{
	u64 v = first.v, step = field_put(PTE_OA, 1);

	if (n & 1) {
		__atomic_store_n(&p->v, v, __ATOMIC_RELAXED);
		v += step;
		p++;
	}
#pragma GCC unroll 8
	for (pte_t *end = p + (n & ~1u); p < end; p += 2, v += 2 * step)
		arch_store_pair(&p->v, v, v + step);
}
/* The same in two tables. */
static inline void pte_set_runs(pte_t *p, pte_t *q, pte_t first, u32 n)
{
	u64 v = first.v, step = field_put(PTE_OA, 1);

	if (n & 1) {
		pte_set(p++, first);
		pte_set(q++, first);
		v += step;
	}
#pragma GCC unroll 8
	for (pte_t *end = p + (n & ~1u); p < end; p += 2, q += 2, v += 2 * step) {
		arch_store_pair(&p->v, v, v + step);
		arch_store_pair(&q->v, v, v + step);
	}
}
/* pte_set_run; earlier stores are seen before any of these. */
static inline void pte_store_run(pte_t *p, pte_t first, u32 n)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pte_set_run(p, first, n);
}
static inline void pte_clear_run(pte_t *p, u32 n)
{
	if (n & 1)
		__atomic_store_n(&(p++)->v, 0, __ATOMIC_RELAXED);
#pragma GCC unroll 8
	for (pte_t *end = p + (n & ~1u); p < end; p += 2)
		arch_store_pair(&p->v, 0, 0);
}
/* A walk after this sees the stores before it; the return to user mode, or from the fault,
 * synchronises the rest. */
static inline void pte_publish(void)
{
#ifdef __aarch64__
	asm volatile("dsb ishst" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}
#endif
