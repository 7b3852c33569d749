/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of entries that differ (pt/rule.c), for every combination of two entries, and of a
 * contiguous block of which hardware has changed one entry: judged by what each rule is for, not by
 * the rules themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pt/pt.h>

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

#define PA 0x40000000ull
enum { DIRTY = 1, YOUNG = 2, WRITE = 4, EXCL = 8, SPECIAL = 16, STATES = 32 };

static pte_t entry(u32 state, u32 page)
{
	struct leaf l = { .pa = PA + page * PAGE_SIZE, .level = 3, .read = true, .user = true,
			  .dirty = state & DIRTY, .young = state & YOUNG, .write = state & WRITE,
			  .exclusive = state & EXCL, .special = state & SPECIAL };

	return pte_make_leaf(&l);
}

static u32 state_of(pte_t e)
{
	return (pte_dirty(e) ? DIRTY : 0) | (pte_young(e) ? YOUNG : 0) | (pte_write(e) ? WRITE : 0) |
	       (pte_exclusive(e) ? EXCL : 0) | (pte_special(e) ? SPECIAL : 0);
}

/* a and b as neighbours, used so. */
static void judge(u32 a, u32 b, enum pt_use use, bool shared)
{
	pte_t p[2] = { entry(a, 0), entry(b, 1) }, e;
	struct pt_run r = pt_run_of(p, 2, 3, pt_may_differ(use, shared));
	bool copy = use == PT_USE_COPY;
	u32 s;

	if (r.n == 1) {	/* never because of what must not hinder */
		u32 hinders = use == PT_USE_DROP ? 0 : copy && !shared ? 0 : WRITE;

		if (use == PT_USE_MOVE)
			hinders |= EXCL;
		assert_true((a ^ b) & (hinders | SPECIAL));
		b = a;
	}
	assert_false((a ^ b) & SPECIAL);
	if (use == PT_USE_DROP) {
		assert_int_equal(r.any_dirty, !!((a | b) & DIRTY));
		assert_int_equal(r.any_young, !!((a | b) & YOUNG));
		return;
	}
	e = pt_run_leaf(use, shared, p[0], &r);
	s = state_of(e);
	assert_int_equal(pte_pfn(e), PA >> PAGE_SHIFT);
	assert_false(pte_cont(e));
	/* no right that one of them lacked, nor one that a private copy must not give */
	assert_false(s & (WRITE | EXCL) & ~(a & b));
	assert_false(copy && (s & EXCL));
	assert_false(copy && !shared && (s & WRITE));
	/* a right that all had stays where it may */
	assert_true(use != PT_USE_MOVE || (s & (WRITE | EXCL)) == (a & (WRITE | EXCL)));
	assert_true(!(copy && shared) || (s & WRITE) == (a & WRITE));
	/* contents are not forgotten: but the copy of shared memory need not remember */
	assert_int_equal(!!(s & DIRTY), copy && shared ? 0 : !!((a | b) & DIRTY));
	assert_int_equal(!!(s & YOUNG), !!((a | b) & YOUNG));
	assert_int_equal(s & SPECIAL, a & SPECIAL);
}

static void every_two(void **state)
{
	for (u32 a = 0; a < STATES; a++)
		for (u32 b = 0; b < STATES; b++)
			for (int use = PT_USE_COPY; use <= PT_USE_DROP; use++) {
				judge(a, b, (enum pt_use)use, false);
				judge(a, b, (enum pt_use)use, true);
			}
}

/* A block is a run whatever hardware has said in whichever of its entries. */
static void hardware_in_one_entry(void **state)
{
	static _Alignas(CONT_PTES * sizeof(pte_t)) pte_t p[CONT_PTES];

	for (u32 a = 0; a < STATES; a++)
		for (u32 at = 0; at < CONT_PTES; at++)
			for (u32 set = 0; set < 4; set++) {
				struct pt_run r;

				if ((a & SPECIAL) || ((set & DIRTY) && !(a & WRITE)))
					continue;
				for (u32 i = 0; i < CONT_PTES; i++)
					p[i] = pte_mkcont(entry(i == at ? a | set : a, i));
				r = pt_run_of(p, CONT_PTES, 3, 0);
				assert_int_equal(r.n, CONT_PTES);
				assert_int_equal(r.any_dirty, !!((a | set) & DIRTY));
				assert_int_equal(r.any_young, !!((a | set) & YOUNG));
				assert_int_equal(state_of(pt_run_leaf(PT_USE_MOVE, false, p[0], &r)),
						 a | set);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_two),
		cmocka_unit_test(hardware_in_one_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
