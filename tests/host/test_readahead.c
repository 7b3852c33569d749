/* SPDX-License-Identifier: BSD-2-Clause */
/* The decisions of readahead, against what they promise in words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hal/page.h>
#include "readahead_plan.h"

static struct ra_plan plan_of(const struct readahead *ra, struct ra_ask a) { return ra_plan(ra, &a); }

/* What is read has the page that is missing, nothing beyond the end, and is bounded. */
static void always(void **state)
{
	srand(1);
	for (u32 i = 0; i < 200000; i++) {
		u64 pages = 1 + (u64)rand() % 5000, index = (u64)rand() % pages;
		struct readahead ra = { .prev = (u64)rand() % pages, .next = (u64)rand() % pages,
					.window = (u32)rand() % 257 };
		struct ra_ask a = { .index = index, .pages = pages, .want = 1 + (u32)rand() % 300,
				    .mode = (u8)(rand() % 3), .mapped = rand() & 1,
				    .text = rand() & 1 };
		struct ra_plan p;

		a.mapped |= a.text;
		ra.prev = rand() & 1 ? index : ra.prev;
		p = ra_plan(&ra, &a);
		assert_true(p.first <= index && index < p.first + p.n);
		assert_true(p.first + p.n <= pages);
		assert_true(p.n <= 2 * RA_MAX_PAGES && p.window <= 2 * RA_MAX_PAGES);
		assert_true(p.order <= RA_MAX_ORDER);
		if (a.mode == RA_RANDOM && !a.text)
			assert_true(!p.window && (p.n <= a.want));
		if (a.text)
			assert_true(p.first % 16 == 0 && p.n <= 16 && p.order == RA_BLOCK_ORDER);
	}
}

/* Folios lie aligned, fit, and are as large as that allows. */
static void orders(void **state)
{
	for (u64 index = 0; index < 300; index++)
		for (u64 left = 1; left < 300; left++)
			for (u32 most = 0; most <= RA_MAX_ORDER; most++) {
				u32 o = ra_order(index, left, most);

				assert_true(o <= most && 1ull << o <= left && !(index % (1u << o)));
				assert_true(o == most || 2ull << o > left || index % (2u << o));
			}
}

/*
 * A reader of want pages at a time from first on, to the end of the file: how often something is
 * missing; *made pages.
 */
static u32 misses(u8 mode, u64 first, u32 want, u64 pages, u64 *made)
{
	struct readahead ra = { .mode = mode };
	u32 n = 0, window = 0;

	*made = 0;
	for (u64 at = first; at < pages; at += want, ra.prev = at)
		while (!n || (ra.next < at + want && ra.next < pages)) {
			struct ra_plan p = plan_of(&ra, (struct ra_ask){
				.index = n ? max(ra.next, at) : at, .pages = pages, .want = want,
				.mode = mode });

			if (p.window) {		/* grows, up to its limit */
				assert_true(p.window >= window);
				window = p.window;
			}
			*made += p.n;
			ra.next = p.first + p.n;
			ra.window = p.window;
			n++;
		}
	return n;
}

static void sequential(void **state)
{
	u64 made;

	/* 4, 8, 16, 32, 64, and then 128 at a time */
	assert_int_equal(misses(RA_NORMAL, 0, 1, 124 + 128 * 100, &made), 105);
	assert_int_equal(made, 124 + 128 * 100);
	/* a large read begins with more */
	assert_int_equal(misses(RA_NORMAL, 0, 64, 128 * 100, &made), 100);
	/* announced: from 64 on, to 256 */
	assert_int_equal(misses(RA_SEQUENTIAL, 0, 1, 64 + 128 + 256 * 10, &made), 12);
	/* not from the start: the first page alone, since it may be all */
	assert_true(misses(RA_NORMAL, 1000, 1, 2000, &made) < 16);
	assert_int_equal(made, 1000);
	/* announced as random: never more than was asked for */
	assert_int_equal(misses(RA_RANDOM, 0, 2, 1000, &made), 500);
}

/* One page somewhere: it alone; of a mapping, the block around it. */
static void elsewhere(void **state)
{
	struct readahead ra = { .prev = 10, .next = 20, .window = 8 };
	struct ra_plan p = plan_of(&ra, (struct ra_ask){ .index = 777, .pages = 1000, .want = 1 });

	assert_true(p.first == 777 && p.n == 1 && !p.order && !p.window);
	p = plan_of(&ra, (struct ra_ask){ .index = 777, .pages = 1000, .want = 1, .mapped = true });
	assert_true(p.first == 768 && p.n == 16 && p.order == 4);
	p = plan_of(&ra, (struct ra_ask){ .index = 777, .pages = 1000, .want = 1, .mapped = true,
					  .mode = RA_RANDOM });
	assert_true(p.first == 777 && p.n == 1);
	p = plan_of(&ra, (struct ra_ask){ .index = 20, .pages = 1000, .want = 1 });
	assert_true(p.first == 20 && p.n == 16 && p.window == 16 && p.order == 3);
	p = plan_of(&ra, (struct ra_ask){ .index = 777, .pages = 1000, .want = 64 });
	assert_true(p.first == 777 && p.n == 64 && p.order == 6);
}

/* MADV_HUGEPAGE: the 2 MiB around it, if the file has them all. */
static void in_blocks(void **state)
{
	struct readahead ra = { 0 };
	struct ra_ask a = { .index = 777, .pages = 1024, .want = 1, .mapped = true, .block = true };
	struct ra_plan p = plan_of(&ra, a);

	assert_true(p.first == 512 && p.n == 512 && p.order == 9 && !p.window);
	a.pages = 1023;
	p = plan_of(&ra, a);
	assert_true(p.first == 768 && p.n == 16 && p.order == 4);
	a.index = 3;
	p = plan_of(&ra, a);
	assert_true(!p.first && p.n == 512 && p.order == 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(always),
		cmocka_unit_test(orders),
		cmocka_unit_test(sequential),
		cmocka_unit_test(elsewhere),
		cmocka_unit_test(in_blocks),
	};

	return cmocka_run_group_tests_name("readahead", tests, NULL, NULL);
}
