/* SPDX-License-Identifier: BSD-2-Clause */
/* The decisions of reclaim, against what they promise in words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <hal/page.h>
#include "lru_plan.h"

static struct lru_age age(u32 bits)
{
	return (struct lru_age){ .young = bits & 3, .referenced = bits & 4, .exec = bits & 8,
				 .locked = bits & 16, .dirty = bits & 32, .force = bits & 64 };
}

/* Every combination. */
static void inactive_end(void **state)
{
	for (u32 bits = 0; bits < 128; bits++) {
		struct lru_age a = age(bits);
		enum lru_verdict v = lru_age_inactive(&a);
		bool twice = a.young > 1 || (a.young && a.referenced);

		if (a.locked || a.dirty)	/* never dropped */
			assert_int_equal(v, LRU_ACTIVATE);
		else if (a.force)		/* all that is clean goes */
			assert_int_equal(v, LRU_DROP);
		else if (!a.young)		/* not used since it was last looked at */
			assert_int_equal(v, LRU_DROP);
		else if (a.exec || twice)
			assert_int_equal(v, LRU_ACTIVATE);
		else				/* used once: one round more */
			assert_int_equal(v, LRU_KEEP);
	}
}

static void active_end(void **state)
{
	for (u32 bits = 0; bits < 128; bits++) {
		struct lru_age a = age(bits);
		bool text = a.young && a.exec && !a.force;

		assert_int_equal(lru_age_active(&a), a.locked || a.dirty || text);
	}
}

/* Below 1 GiB half is inactive; the larger the whole, the smaller the part, but never nothing. */
static void balance_of_lists(void **state)
{
	u64 last = 2;

	for (u64 pages = 2; pages < 64 * GIB / PAGE_SIZE; pages += pages / 3 + 1) {
		u64 inactive = 0, part;

		while (lru_inactive_low(inactive, pages - inactive))
			inactive += max(pages / 1000, 1ull);
		assert_true(inactive > 0);
		part = pages / inactive;
		if (pages < GIB / PAGE_SIZE)
			assert_true(inactive >= pages / 2 && inactive <= pages / 2 + pages / 500 + 2);
		assert_true(part >= last - 1 && part <= 27);
		last = max(last, part);
	}
}

static void marks(void **state)
{
	for (u64 total = 1024; total < 64 * GIB / PAGE_SIZE; total *= 2)
		for (u64 min = 16; min < total / 4; min *= 2)
			for (u32 scale = 1; scale <= 3000; scale += 97) {
				struct watermarks w = watermarks_of(min, total, scale);

				assert_int_equal(w.min, min);
				assert_true(w.low >= min + min / 2);
				assert_true(w.low - min >= total * scale / 10000);
				assert_int_equal(w.high - w.low, w.low - w.min);
			}
}

static void shares(void **state)
{
	assert_int_equal(lru_share(1000000, 0), 1000000);
	assert_int_equal(lru_share(1000000, 12), 244);
	assert_true(lru_refault_hot(10, 10));
	assert_false(lru_refault_hot(11, 10));
	assert_false(lru_refault_hot(1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inactive_end), cmocka_unit_test(active_end),
		cmocka_unit_test(balance_of_lists), cmocka_unit_test(marks),
		cmocka_unit_test(shares),
	};

	return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
