/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy of large folios of files in memory (mm/thp.c), each combination of words against what
 * Linux's Documentation/admin-guide/mm/transhuge says, order by order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mm/thp.h>

/* --- ports ----------------------------------------------------------------------------------- */
u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

/* May a page at index, in a file of pages, be made in a folio of order? */
static bool may(const struct shmem_policy *p, enum shmem_mode mount, bool advised, u64 index,
		u64 pages, u32 order)
{
	u64 end = (index / (1u << order) + 1) << order;
	u8 word = mount;

	if (p->all == SHMEM_DENY)
		return false;
	if (mount == SHMEM_INHERIT) {
		word = p->order[order];
		if (word == SHMEM_INHERIT)
			word = p->all == SHMEM_FORCE ? SHMEM_ALWAYS : p->all;
	} else if (p->all == SHMEM_FORCE) {
		return order == THP_PMD_ORDER;
	}
	switch (word) {
	case SHMEM_ALWAYS: return true;
	case SHMEM_WITHIN: return advised || end <= pages;
	case SHMEM_ADVISE: return advised;
	default: return false;
	}
}

static void each_word(void **state)
{
	static const u64 indices[] = { 0, 3, 15, 16, 511, 512, 700 }, sizes[] = { 0, 1, 16, 700, 1024 };
	struct shmem_policy p = { 0 };
	u32 said = 0, asked = 0;

	for (u32 n = 0; n < NR_SHMEM_MODES * 5 * 5 * 5 * 2 * 7 * 5; n++) {
		u32 k = n;
		enum shmem_mode mount;
		bool advised;
		u64 index, pages;
		u32 orders;

		p.all = (u8)(k % NR_SHMEM_MODES), k /= NR_SHMEM_MODES;
		p.order[THP_PMD_ORDER] = (u8)(k % 5), k /= 5;
		p.order[THP_CONT_ORDER] = p.order[2] = (u8)(k % 5), k /= 5;
		mount = k % 5, k /= 5;
		advised = k % 2, k /= 2;
		index = indices[k % 7], k /= 7;
		pages = sizes[k];
		if (p.all == SHMEM_INHERIT)
			continue;
		shmem_policy_update(&p);
		orders = shmem_orders(&p, mount, advised, index, pages);
		for (u32 o = 0; o < 32; o++) {
			bool want = o >= THP_MIN_ORDER && o <= THP_PMD_ORDER &&
				    may(&p, mount, advised, index, pages, o);

			if (want != (orders >> o & 1))
				fail_msg("all %u, of 2 MiB %u, of 64 KiB %u, mount %u, advised %d, page "
					 "%lu of %lu: orders %x", p.all, p.order[THP_PMD_ORDER],
					 p.order[THP_CONT_ORDER], mount, advised, index, pages, orders);
			said += want;
		}
		asked++;
	}
	print_message("%u policies asked, %u orders allowed\n", asked, said);
	assert_true(said > asked / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_word) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
