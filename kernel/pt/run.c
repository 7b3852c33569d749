/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs: consecutive leaves that map consecutive pages alike. Hardware may set accessed and dirty in
 * any entry at any time, so every edit of a live leaf is atomic.
 */
#include <pt/pt.h>

static pte_t without(pte_t p, u32 ignore)
{
	p = pte_clear_cont(p);
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

struct pt_run pt_run_of(pte_t *p, u32 max, u32 ignore)
{
	struct pt_run r = { .n = 1 };
	pte_t now = pte_load(p), want = without(now, ignore);

	note(&r, now);
	for (; r.n < max; r.n++) {
		want = pte_advance(want, 1);
		now = pte_load(&p[r.n]);
		if (without(now, ignore).v != want.v)
			break;
		note(&r, now);
	}
	return r;
}

void set_ptes(pte_t *p, pte_t first, u32 n)
{
	for (u32 i = 0; i < n; i++)
		pte_store(&p[i], pte_advance(first, i));
}

bool wrprotect_ptes(pte_t *p, u32 n, bool clear_exclusive)
{
	bool any = false;

	for (u32 i = 0; i < n; i++) {
		pte_t old = pte_load(&p[i]), new;

		do {
			new = pte_wrprotect(clear_exclusive ? pte_clear_exclusive(old) : old);
		} while (new.v != old.v && !pte_cas(&p[i], &old, new));
		any |= pte_write(old);
	}
	return any;
}

struct pt_run get_and_clear_ptes(pte_t *p, u32 n)
{
	struct pt_run r = { .n = n };

	for (u32 i = 0; i < n; i++)
		note(&r, pte_xchg(&p[i], pte_none()));
	return r;
}

void clear_full_ptes(pte_t *p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		p[i] = pte_none();
}
