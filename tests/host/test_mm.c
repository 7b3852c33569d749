/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces on the checking MMU: random sequences against the flat model, with and without
 * failing allocations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fake/fake.h>
#include "mm_model.h"

static u64 seeds(void) { return getenv("SEEDS") ? strtoull(getenv("SEEDS"), NULL, 0) : 60; }
static u64 first_seed(void) { return getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1; }

static void run(u32 fail_rate)
{
	struct mm_model_stats st = { 0 };

	for (u64 s = first_seed(); s < first_seed() + seeds(); s++) {
		if (getenv("VERBOSE"))
			fprintf(stderr, "seed %lu\n", s);
		mm_model_run(NULL, 600, s, fail_rate, &st);
	}
	print_message("%lu operations, %lu faults, %lu reads, %lu writes, %lu forks, %lu failed "
		      "allocations seen\n",
		      st.ops, st.faults, st.reads, st.writes, st.forks, st.failures);
	assert_true(st.forks > 0 && st.writes > 0);
}

static void sequences(void **state) { run(0); }
static void sequences_failing(void **state) { run(30); }
static void sequences_software_bits(void **state)
{
	arch_hw_af = arch_hw_dbm = false;
	run(0);
	arch_hw_af = arch_hw_dbm = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(sequences_software_bits),
		cmocka_unit_test(sequences_failing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
