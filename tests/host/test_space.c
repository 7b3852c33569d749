/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/text/space.c against a model: one number per granule, 0 for free, else the allocation's.
 * The row has a first block with a kept part, a hole that cannot be had, and blocks that come and
 * go. What is found must be the first place there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <text/space.h>
#include <cmocka.h>

enum { BLOCKS = 6, PER = SPACE_BLOCK_GRANULES, END = BLOCKS * PER, MAX_ALLOCS = 3000, KEPT = 7001 };

static struct space space;
static u32 model[END];		/* 0: free; ~0: kept; else number of the allocation */
static bool present[BLOCKS], possible[BLOCKS] = { false, false, true, true, true, true };
static struct { u32 at, n; } allocs[MAX_ALLOCS];
static u64 seed;

static u32 rnd(u32 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((seed >> 33) % below);
}

static bool model_free(u32 g, bool fresh)
{
	return present[g / PER] ? !model[g] : fresh && possible[g / PER];
}

static u32 model_find(u32 n, u32 align, bool fresh)
{
	u32 run = 0;

	for (u32 at = 0; at + n <= END; at += align) {
		for (run = 0; run < n && model_free(at + run, fresh); run++)
			;
		if (run == n)
			return at;
		/* nothing that covers the taken granule can fit */
		at = (at + run) / align * align;
	}
	return SPACE_NONE;
}

static void bring(u32 i, u32 kept)
{
	struct space_block *b = calloc(1, sizeof(*b));

	space_bring(&space, i, b, kept);
	present[i] = true;
	for (u32 g = 0; g < PER; g++)
		model[i * PER + g] = g < kept ? ~0u : 0;
}

static void drop_empty(void)
{
	for (u32 i = 0; i < BLOCKS; i++) {
		struct space_block *b = space_drop(&space, i);
		bool empty = present[i] && i != 0;

		for (u32 g = i * PER; empty && g < (i + 1) * PER; g++)
			empty = !model[g];
		assert_int_equal(b != NULL, empty);
		if (b)
			present[i] = false;
		free(b);
	}
}

static void check_totals(void)
{
	struct space_totals t, want = { 0 };
	u32 run = 0;

	for (u32 g = 0; g < END; g++) {
		bool here = present[g / PER];

		want.blocks += here && g % PER == 0;
		want.used += here && model[g] && model[g] != ~0u;
		want.free += here && !model[g];
		run = here && !model[g] ? run + 1 : 0;
		want.largest = max(want.largest, run);
	}
	space_totals(&space, &t);
	assert_memory_equal(&t, &want, sizeof(t));
}

static void look_up(u32 g)
{
	u32 who = present[g / PER] ? model[g] : 0;
	u32 start = who && who != ~0u ? allocs[who - 1].at : SPACE_NONE;

	assert_int_equal(space_start(&space, g), start);
	assert_int_equal(space_size(&space, g), g == start ? allocs[who - 1].n : 0);
}

static u32 some_size(void)
{
	switch (rnd(16)) {
	case 0:
		return 1 + rnd(2 * PER);
	case 1:
	case 2:
		return 1 + rnd(2000);
	case 3:
		return 64;
	default:
		return 1 + rnd(12);
	}
}

static void allocate(u32 slot)
{
	u32 n = some_size(), align = 1u << rnd(7);
	u32 at = space_find(&space, n, align, false);

	assert_int_equal(at, model_find(n, align, false));
	if (at == SPACE_NONE) {
		at = space_find(&space, n, align, true);
		assert_int_equal(at, model_find(n, align, true));
		if (at == SPACE_NONE)
			return;
		for (u32 i = at / PER; i <= (at + n - 1) / PER; i++)
			if (!present[i])
				bring(i, 0);
	}
	space_take(&space, at, n);
	for (u32 g = at; g < at + n; g++)
		model[g] = slot + 1;
	allocs[slot].at = at;
	allocs[slot].n = n;
}

static void release(u32 slot)
{
	u32 at = allocs[slot].at, n = allocs[slot].n;

	if (n > 1)
		assert_int_equal(space_free(&space, at + 1 + rnd(n - 1)), 0);
	assert_int_equal(space_free(&space, at), n);
	for (u32 g = at; g < at + n; g++)
		model[g] = 0;
	allocs[slot].n = 0;
}

static void random_against_model(void **state)
{
	(void)state;
	for (u64 round = 1; round <= 3; round++) {
		seed = round;
		space = (struct space){ .nblocks = BLOCKS, .possible = 0x3c };
		memset(present, 0, sizeof(present));
		memset(allocs, 0, sizeof(allocs));
		bring(0, KEPT);
		for (u32 step = 0; step < 4000; step++) {
			u32 slot = rnd(round % 2 ? 40 : MAX_ALLOCS);

			if (allocs[slot].n)
				release(slot);
			else
				allocate(slot);
			for (u32 i = 0; i < 20; i++)
				look_up(rnd(END));
			if (rnd(8) == 0)
				drop_empty();
			if (step % 500 == 0)
				check_totals();
		}
		for (u32 slot = 0; slot < MAX_ALLOCS; slot++)
			if (allocs[slot].n)
				release(slot);
		drop_empty();
		check_totals();
		free(space.block[0]);
	}
}

/* All of the row that can be had, as one piece; a granule more does not fit. */
static void the_whole_row(void **state)
{
	(void)state;
	space = (struct space){ .nblocks = BLOCKS, .possible = 0x3c };
	memset(present, 0, sizeof(present));
	bring(0, KEPT);
	assert_int_equal(space_find(&space, 4 * PER + 1, 1, true), SPACE_NONE);
	assert_int_equal(space_find(&space, 4 * PER, 64, true), 2 * PER);
	for (u32 i = 2; i < 6; i++)
		bring(i, 0);
	space_take(&space, 2 * PER, 4 * PER);
	assert_int_equal(space_size(&space, 2 * PER), 4 * PER);
	assert_int_equal(space_start(&space, END - 1), 2 * PER);
	assert_int_equal(space_find(&space, 1, 1, true), KEPT);
	assert_int_equal(space_free(&space, 2 * PER), 4 * PER);
	for (u32 i = 0; i < 6; i++)
		free(space.block[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_against_model),
		cmocka_unit_test(the_whole_row),
	};

	return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
