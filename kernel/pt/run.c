/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs: consecutive leaves that map consecutive pages alike.
 *
 * Contiguous blocks are edited as wholes, in three steps: take what the block says (the union over
 * its entries), compute, put. Taking reads one entry if that one is settled: hardware then has
 * nothing to add to the union, and what it may still set in another entry is said already, so
 * plain stores over all of them lose nothing. Otherwise the entries are exchanged for none, which
 * collects what hardware has set and ends its access; the output address is the same afterwards, so
 * no invalidation is needed in between (Arm ARM D8.17.1: break before make is for other changes).
 * Putting writes over live entries only where old and new differ in what hardware itself may change
 * in one entry at a time, or in software's bits; for anything else the block is none in between, so
 * that no walk finds two kinds of entries in it. Whoever meets none meanwhile faults, waits for the
 * node lock and tries again.
 */
#include <mm/stat.h>
#include <pt/pt.h>

/* --- contiguous blocks ----------------------------------------------------------------------- */
static __always_inline bool at_block(pte_t *p, u32 left)
{
	return pt_at_block(p, pte_load(p), left);
}

static __noinline pte_t take_unsettled(pte_t *p)
{
	pte_t all = pte_xchg(p, pte_none());

	for (u32 i = 1; i < CONT_PTES; i++)
		all = pte_unite(all, pte_xchg(&p[i], pte_none()));
	return all;
}

static __always_inline pte_t block_take(pte_t *p)
{
	pte_t e = pte_load(p);

	return likely(pte_settled(e)) ? e : take_unsettled(p);
}

static __always_inline void block_put(pte_t *p, pte_t old, pte_t new)
{
	if (unlikely(!pte_same_but_write(old, new)))
		pte_clear_run(p, CONT_PTES);
	pte_store_run(p, new, CONT_PTES);
}

/* n entries, the first of which was first, have been edited as wholes; contiguous blocks of them. */
static __always_inline void kept(pte_t first, u32 n, u32 blocks)
{
	if (blocks)
		mem_stat_add(STAT_CONT_KEPT, blocks);
	else if (unlikely(pte_block(first)))
		mem_stat_add(STAT_BLOCK_KEPT, n);
}

/* --- looking --------------------------------------------------------------------------------- */
static pte_t without(pte_t p, u32 ignore)
{
	if (ignore & PT_IGNORE_EXCL)
		p = pte_clear_exclusive(p);
	if (ignore & PT_IGNORE_WRITE)
		p = pte_wrprotect(p);
	if (ignore & PT_IGNORE_DIRTY)
		p = pte_mkclean(p);
	if (ignore & PT_IGNORE_YOUNG)
		p = pte_mkold(p);
	return p;
}

static void note(struct pt_run *r, pte_t p)
{
	r->any_dirty |= pte_dirty(p);
	r->any_young |= pte_young(p);
	r->any_write |= pte_write(p);
	r->any_excl |= pte_exclusive(p);
}

/* What the unit at p says, and how many entries it is: a block, or one. */
static pte_t look(pte_t *p, u32 left, u32 *n)
{
	pte_t e = pte_load(p);

	*n = 1;
	if (!pte_cont(e) || !at_block(p, left))
		return pte_clear_cont(e);
	*n = CONT_PTES;
	for (u32 i = 1; !pte_settled(e) && i < CONT_PTES; i++)
		e = pte_unite(e, pte_load(&p[i]));
	return pte_clear_cont(e);
}

struct pt_run pt_run_of(pte_t *p, u32 max, int level, u32 ignore)
{
	struct pt_run r = { 0 };
	u32 unit, pages = pt_pages(level);
	pte_t now = look(p, max, &unit), want = without(now, ignore);

	do {
		note(&r, now);
		r.n += unit;
		if (r.n >= max)
			break;
		want = pte_advance(want, (u64)unit * pages);
		now = look(&p[r.n], max - r.n, &unit);
	} while (without(now, ignore).v == want.v);
	return r;
}

/* --- making ---------------------------------------------------------------------------------- */
/* Entries before the first that may begin a block, if memory and table are aligned alike. */
static u32 lead_in(const pte_t *p, pte_t first, u32 n, int level)
{
	u32 at = (u32)((u64)p / sizeof(pte_t)) % CONT_PTES;

	if (level != 3 || at != pte_pfn(first) % CONT_PTES)
		return n;
	return min(n, (CONT_PTES - at) % CONT_PTES);
}

u32 pt_blocks_of(const pte_t *p, pte_t first, u32 n, int level)
{
	return (n - lead_in(p, first, n, level)) / CONT_PTES;
}

static void set_singles(pte_t *p, pte_t first, u32 n, int level)
{
	if (level == 3) {
		pte_store_run(p, first, n);
		return;
	}
	for (u32 i = 0; i < n; i++)
		pte_store(&p[i], pte_advance(first, (u64)i * pt_pages(level)));
	mem_stat_add(STAT_BLOCK_MADE, n);
}

void set_ptes(pte_t *p, pte_t first, u32 n, int level)
{
	u32 lead = lead_in(p, first, n, level), in_blocks = (n - lead) / CONT_PTES * CONT_PTES;

	if (lead)
		set_singles(p, first, lead, level);
	if (in_blocks) {
		pte_store_run(p + lead, pte_mkcont(pte_advance(first, lead)), in_blocks);
		mem_stat_add(STAT_CONT_MADE, in_blocks / CONT_PTES);
	}
	lead += in_blocks;
	if (lead < n)
		set_singles(p + lead, pte_advance(first, lead), n - lead, level);
}

void set_ptes_like(pte_t *p, const pte_t *from, pte_t first, u32 n, int level)
{
	for (u32 i = 0, run; i < n; i += run) {
		bool block = pte_cont(pte_load((pte_t *)&from[i]));
		pte_t e = pte_advance(first, (u64)i * pt_pages(level));

		run = 1;
		if (block) {
			run = CONT_PTES;
			pte_store_run(&p[i], pte_mkcont(e), run);
			mem_stat_add(STAT_CONT_MADE, 1);
			continue;
		}
		while (i + run < n && !pte_cont(pte_load((pte_t *)&from[i + run])))
			run++;
		set_singles(&p[i], e, run, level);
	}
}

/* --- changing -------------------------------------------------------------------------------- */
static __always_inline pte_t protect(pte_t e, bool clear_exclusive)
{
	return pte_wrprotect(clear_exclusive ? pte_clear_exclusive(e) : e);
}

bool wrprotect_ptes(pte_t *p, u32 n, bool clear_exclusive)
{
	const pte_t first = pte_load(p);
	bool any = false;
	u32 blocks = 0;

	for (u32 i = 0; i < n;) {
		pte_t old, new;

		if (at_block(&p[i], n - i)) {
			old = block_take(&p[i]);
			block_put(&p[i], old, protect(old, clear_exclusive));
			blocks++;
			i += CONT_PTES;
		} else {
			old = pte_load(&p[i]);
			do {
				new = protect(old, clear_exclusive);
			} while (new.v != old.v && !pte_replace(&p[i], &old, new));
			i++;
		}
		any |= pte_write(old);
	}
	kept(first, n, blocks);
	return any;
}

struct pt_run get_and_clear_ptes(pte_t *p, u32 n)
{
	const pte_t first = pte_load(p);
	struct pt_run r = { .n = n };
	u32 blocks = 0;

	for (u32 i = 0; i < n;)
		if (at_block(&p[i], n - i)) {
			note(&r, block_take(&p[i]));
			pte_clear_run(&p[i], CONT_PTES);
			blocks++;
			i += CONT_PTES;
		} else {
			note(&r, pte_take(&p[i], pte_load(&p[i])));
			i++;
		}
	kept(first, n, blocks);
	return r;
}

/* Plain leaves that become or stay read-only, in a loop of their own. Entries done, perhaps 0. */
static __noinline u32 modify_plain(pte_t *p, u32 n, pte_t perm)
{
	pte_t *at = p, *end = p + n;

	for (; at < end; at++) {
		pte_t e = pte_load(at);

		if (!pte_plain(e))
			break;
		pte_set(at, pte_modify_plain(e, perm));
	}
	return (u32)(at - p);
}

/* Contiguous blocks of such leaves. */
static __noinline u32 modify_blocks(pte_t *p, u32 n, pte_t perm)
{
	pte_t *at = p, *end = p + (n & ~(CONT_PTES - 1));

	for (; at < end; at += CONT_PTES) {
		pte_t e = pte_load(at);

		if (!pte_plain_block(e) || !pte_same_but_write(e, pte_modify_plain(e, perm)))
			break;
		pte_set_run(at, pte_modify_plain(e, perm), CONT_PTES);
	}
	mem_stat_add(STAT_CONT_KEPT, (u32)(at - p) / CONT_PTES);
	return (u32)(at - p);
}

/* The one entry or block at p, which is e. Entries done. */
static u32 modify_unit(pte_t *p, pte_t e, u32 left, pte_t perm, bool write, bool shared)
{
	bool block = pt_at_block(p, e, left);
	pte_t old = block ? block_take(p) : e, new;

	do {
		new = pte_modify(old, perm);
		if (write && (shared || pte_exclusive(old)))
			new = pte_mkwrite(new);
	} while (!block && unlikely(!pte_replace(p, &old, new)));
	if (!block)
		return 1;
	block_put(p, old, new);
	mem_stat_add(STAT_CONT_KEPT, 1);
	return CONT_PTES;
}

bool modify_ptes(pte_t *p, u32 n, pte_t perm, bool write, bool shared)
{
	const pte_t first = pte_load(p);
	bool any = false;

	for (u32 i = 0; i < n;) {
		pte_t e = pte_load(&p[i]);
		u32 done = 0;

		if (pte_is_none(e)) {
			i++;
			continue;
		}
		any = true;
		if (!write)
			done = pt_at_block(&p[i], e, n - i) ? modify_blocks(&p[i], n - i, perm)
							    : modify_plain(&p[i], n - i, perm);
		if (!done)
			done = modify_unit(&p[i], e, n - i, perm, write, shared);
		i += done;
	}
	kept(first, n, 0);	/* contiguous blocks have been counted */
	return any;
}

void clean_ptes(pte_t *p, u32 n)
{
	const pte_t first = pte_load(p);
	u32 blocks = 0;

	for (u32 i = 0; i < n;) {
		if (at_block(&p[i], n - i)) {
			pte_t old = block_take(&p[i]);

			block_put(&p[i], old, pte_mkold(pte_mkclean(old)));
			blocks++;
			i += CONT_PTES;
		} else {
			pte_t old = pte_load(&p[i]);

			while (!pte_replace(&p[i], &old, pte_mkold(pte_mkclean(old))))
				;
			i++;
		}
	}
	kept(first, n, blocks);
}

bool clear_young_ptes(pte_t *p, u32 n)
{
	const pte_t first = pte_load(p);
	bool any = false;
	u32 blocks = 0;

	for (u32 i = 0; i < n;) {
		pte_t old;

		if (at_block(&p[i], n - i)) {
			old = block_take(&p[i]);
			block_put(&p[i], old, pte_mkold(old));
			blocks++;
			i += CONT_PTES;
		} else {
			old = pte_load(&p[i]);
			while (pte_young(old) && !pte_replace(&p[i], &old, pte_mkold(old)))
				;
			i++;
		}
		any |= pte_young(old);
	}
	kept(first, n, blocks);
	return any;
}

void allow_write_ptes(pte_t *p, u32 n, bool exclusive)
{
	const pte_t first = pte_load(p);
	u32 blocks = 0;

	for (u32 i = 0; i < n;) {
		bool block = at_block(&p[i], n - i);
		pte_t old = block ? block_take(&p[i]) : pte_load(&p[i]), new;

		do {
			new = pte_mkyoung(pte_mkdirty(pte_mkwrite(old)));
			if (exclusive)
				new = pte_mkexclusive(new);
		} while (!block && !pte_cas(&p[i], &old, new));
		if (block) {
			block_put(&p[i], old, new);
			blocks++;
		}
		i += block ? CONT_PTES : 1;
	}
	kept(first, n, blocks);
}

void own_ptes(pte_t *p, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		pte_t e = pte_load(&p[i]);

		while (!pte_replace(&p[i], &e, pte_mkexclusive(e)))
			;
	}
}

bool touch_ptes(pte_t *p, u32 n, bool write)
{
	bool changed = false;

	for (u32 i = 0; i < n; i++) {	/* entry by entry, as hardware does it */
		pte_t old = pte_load(&p[i]), new;

		do {
			new = pte_mkyoung(old);
			if (write && pte_write(old))
				new = pte_mkdirty(new);
		} while (new.v != old.v && !pte_cas(&p[i], &old, new));
		changed |= new.v != old.v;
	}
	return changed;
}
