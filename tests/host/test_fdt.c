/* SPDX-License-Identifier: BSD-2-Clause */
/* dt_check: a good blob, and each way in which its head can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <lib/fdt.h>

/* Devicetree Specification 5.2 (header), 5.3 (reservations), 5.4 (structure): big-endian words. */
enum { MAGIC, TOTAL, STRUCT, STRINGS, RSVMAP, VERSION, COMPATIBLE, CPU, STRINGS_SIZE, STRUCT_SIZE };
#define WORDS 24u
static const u32 good[WORDS] = {
	0xd00dfeed, WORDS * 4, 72, 88, 40, 17, 16, 0, 8, 16,
	0, 0x40000000, 0, 0x1000, 0, 0, 0, 0,		/* one reservation, the end */
	1, 0, 2, 9,					/* the root, without a name */
	0x72656700, 0,					/* "reg" */
};

static struct { _Alignas(8) u32 word[WORDS + 4]; } blob;

/* The good blob, in the machine's byte order. */
static void *make(const u32 *words)
{
	for (u32 i = 0; i < WORDS; i++)
		blob.word[i] = __builtin_bswap32(words[i]);
	return blob.word;
}

static size_t changed(u32 index, u32 value)
{
	u32 w[WORDS];

	memcpy(w, good, sizeof(w));
	w[index] = value;
	return dt_check(make(w), sizeof(blob));
}

static void accepts(void **state)
{
	u64 start, size;
	void *fdt = make(good);

	assert_int_equal(dt_check(fdt, sizeof(blob)), WORDS * 4);
	assert_int_equal(dt_check(fdt, WORDS * 4), WORDS * 4);
	assert_true(dt_reserved(fdt, 0, &start, &size));
	assert_int_equal(start, 0x40000000);
	assert_int_equal(size, 0x1000);
	assert_false(dt_reserved(fdt, 1, &start, &size));
	assert_int_equal(dt_path(fdt, "/"), 0);
	assert_true(dt_path(fdt, "/chosen") < 0);
}

static void refuses_sizes(void **state)
{
	assert_int_equal(dt_check(make(good), WORDS * 4 - 1), 0);
	assert_int_equal(dt_check(make(good), 39), 0);
	assert_int_equal(dt_check(make(good), 0), 0);
	assert_int_equal(changed(TOTAL, 39), 0);
	assert_int_equal(changed(TOTAL, WORDS * 4 + 100), 0);
	assert_int_equal(changed(STRUCT_SIZE, 0xfffffff0), 0);
	assert_int_equal(changed(STRINGS_SIZE, 0xfffffff0), 0);
}

static void refuses_heads(void **state)
{
	assert_int_equal(changed(MAGIC, 0xd00dfeee), 0);
	assert_int_equal(changed(VERSION, 1), 0);
	assert_int_equal(changed(COMPATIBLE, 18), 0);
	assert_int_equal(changed(STRUCT, 0xfffffff0), 0);
	assert_int_equal(changed(STRINGS, WORDS * 4 + 4), 0);
	assert_int_equal(changed(RSVMAP, WORDS * 4), 0);
}

/* Blocks that do not lie on words would be read by unaligned loads. */
static void refuses_alignment(void **state)
{
	u8 *moved = (u8 *)blob.word + 4;

	for (u32 off = 1; off < 8; off++)
		assert_int_equal(changed(RSVMAP, good[RSVMAP] + off), 0);
	for (u32 off = 1; off < 4; off++)
		assert_int_equal(changed(STRUCT, good[STRUCT] + off), 0);
	make(good);
	memmove(moved, blob.word, WORDS * 4);
	assert_int_equal(dt_check(moved, WORDS * 4), 0);
}

static void refuses_structure(void **state)
{
	assert_int_equal(changed(18, 2), 0);	/* ends before it begins */
	assert_int_equal(changed(20, 9), 0);	/* the root does not end */
	assert_int_equal(changed(21, 4), 0);	/* no end */
	assert_int_equal(changed(20, 7), 0);	/* no such token */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses_sizes),
		cmocka_unit_test(refuses_heads),
		cmocka_unit_test(refuses_alignment),
		cmocka_unit_test(refuses_structure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
