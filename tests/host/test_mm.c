/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces on the checking MMU: random sequences against the flat model, with and without
 * failing allocations. SEED=n SEEDS=1 MM_TRACE=1 shows one sequence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <linux/mman.h>
#include <base/errno.h>
#include <fake/fake.h>
#include <mm/gup.h>
#include "mm_model.h"

static u64 number_of(const char *name, u64 otherwise)
{
	return getenv(name) ? strtoull(getenv(name), NULL, 0) : otherwise;
}

/* So many sequences of 600 operations; every row of the table has been of use in them. */
static void run(struct mm_model_config c, u64 seeds)
{
	struct mm_model_stats st = { 0 };
	u64 first = number_of("SEED", 1);

	seeds = number_of("SEEDS", seeds);
	for (c.seed = first; c.seed < first + seeds; c.seed++) {
		if (getenv("VERBOSE"))
			fprintf(stderr, "seed %lu\n", c.seed);
		mm_model_run(NULL, 600, &c, &st);
	}
	print_message("%lu operations, %lu faults, %lu reads, %lu writes, %lu failed allocations "
		      "seen, %lu pages given up and taken\n",
		      st.ops, st.faults, st.reads, st.writes, st.failures, st.taken);
	if (seeds >= 20 && !st.taken)
		fail_msg("nothing that was given up has been taken");
	for (u32 i = 0; mm_model_op(i) && seeds >= 20; i++)
		if (!st.did[i])
			fail_msg("%s has never done anything", mm_model_op(i));
}

static void sequences(void **state) { run((struct mm_model_config){ 0 }, 60); }
static void sequences_wide(void **state) { run((struct mm_model_config){ .wide = true }, 20); }
static void sequences_software_bits(void **state)
{
	run((struct mm_model_config){ .software_bits = true }, 40);
}
static void sequences_few_asids(void **state)
{
	run((struct mm_model_config){ .few_asids = true }, 40);
}
static void sequences_failing(void **state) { run((struct mm_model_config){ .fail_rate = 30 }, 60); }
static void sequences_wide_failing(void **state)
{
	run((struct mm_model_config){ .wide = true, .fail_rate = 100 }, 20);
}

static u64 at_outside(struct mm *mm, u64 va)
{
	u64 word = 0;

	assert_int_equal(mm_access(mm, va, &word, sizeof(word), false), sizeof(word));
	return word;
}

static void write_outside(struct mm *mm, u64 va, u64 word)
{
	assert_int_equal(mm_access(mm, va, &word, sizeof(word), true), sizeof(word));
}

/* What is pinned stays the process's own in the table that mremap moves it to. */
static void pin_moves_along(void **state)
{
	const u64 from = 5 * GIB, to = 700 * GIB;	/* no table in common but the root */
	struct mmap_req r = { .addr = from, .len = PAGE_SIZE, .prot = PROT_READ | PROT_WRITE,
			      .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };
	struct mm *mm, *child;
	struct page *page;

	fake_init(8 * MIB, 1);
	mm = mm_create();
	assert_int_equal(mm_mmap(mm, &r), from);
	write_outside(mm, from, 1);
	assert_int_equal(gup_pin(mm, from, 1, 0, &page), 1);
	assert_int_equal(mm_mremap(mm, from, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to),
			 to);
	child = mm_fork(mm);
	write_outside(mm, to, 2);
	assert_int_equal(*(u64 *)page_address(page), 2);
	assert_int_equal(at_outside(child, to), 1);
	gup_unpin(page, false);
	mm_put(child);
	mm_put(mm);
	assert_int_equal(fake_pages_used(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pin_moves_along),
		cmocka_unit_test(sequences),
		cmocka_unit_test(sequences_wide),
		cmocka_unit_test(sequences_software_bits),
		cmocka_unit_test(sequences_few_asids),
		cmocka_unit_test(sequences_failing),
		cmocka_unit_test(sequences_wide_failing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
