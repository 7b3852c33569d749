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
		      "seen\n",
		      st.ops, st.faults, st.reads, st.writes, st.failures);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(sequences_wide),
		cmocka_unit_test(sequences_software_bits),
		cmocka_unit_test(sequences_few_asids),
		cmocka_unit_test(sequences_failing),
		cmocka_unit_test(sequences_wide_failing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
