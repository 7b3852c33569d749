/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces on the checking MMU: random sequences against the flat model, with and without
 * failing allocations. SEED=n SEEDS=1 ONLY=sequences_wide MM_TRACE=1 shows one sequence.
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
#include <mm/mapping.h>
#include <mm/stat.h>
#include <pt/pt.h>
#include "lru.h"
#include "mm_model.h"
#include "seeds.h"

/* What large folios have gone through, so that it is known to be tested. */
static const struct { enum mem_stat stat; const char *name; } events[] = {
	{ STAT_CONT_MADE, "contiguous blocks made" },
	{ STAT_CONT_KEPT, "contiguous blocks kept whole" },
	{ STAT_CONT_APART + PT_UNMAP, "contiguous blocks taken apart: unmap" },
	{ STAT_CONT_APART + PT_PROTECT, "contiguous blocks taken apart: protect" },
	{ STAT_CONT_APART + PT_COW, "contiguous blocks taken apart: copy on write" },
	{ STAT_CONT_APART + PT_FORK, "contiguous blocks taken apart: fork" },
	{ STAT_CONT_APART + PT_MOVE, "contiguous blocks taken apart: move" },
	{ STAT_CONT_APART + PT_ADVISE, "contiguous blocks taken apart: advice" },
	{ STAT_CONT_APART + PT_MIGRATE, "contiguous blocks taken apart: reverse map" },
	{ STAT_BLOCK_MADE, "2 MiB blocks made" },
	{ STAT_ZERO_BLOCK, "2 MiB of zeros made" },
	{ STAT_FILE_BLOCK, "2 MiB blocks of files mapped" },
	{ STAT_BLOCK_APART + PT_UNMAP, "2 MiB blocks taken apart: unmap" },
	{ STAT_BLOCK_APART + PT_COW, "2 MiB blocks taken apart: copy on write" },
	{ STAT_BLOCK_APART + PT_MOVE, "2 MiB blocks taken apart: move" },
	{ STAT_BLOCK_APART + PT_ADVISE, "2 MiB blocks taken apart: advice" },
	{ STAT_BLOCK_APART + PT_CUT, "2 MiB blocks taken apart: VMA cut" },
	{ STAT_COW_FORK, "forks that shared tables" },
	{ STAT_COW_TABLE_COPIED, "shared tables copied: level 1" },
	{ STAT_COW_TABLE_COPIED + 1, "shared tables copied: level 2" },
	{ STAT_COW_TABLE_COPIED + 2, "shared tables copied: leaf tables" },
	{ STAT_COW_TABLE_TAKEN, "shared tables taken back" },
	{ STAT_COW_TABLE_LEFT, "shared tables given up" },
	{ STAT_COW_CAUSE + 0, "made our own: write" },
	{ STAT_COW_CAUSE + 1, "made our own: hole" },
	{ STAT_COW_CAUSE + 2, "made our own: unmap" },
	{ STAT_COW_CAUSE + 3, "made our own: protect" },
	{ STAT_COW_CAUSE + 4, "made our own: move" },
	{ STAT_COW_CAUSE + 5, "made our own: advice" },
	{ STAT_COW_CAUSE + 6, "made our own: lock" },
	{ STAT_COW_CAUSE + 7, "made our own: pin" },
	{ STAT_COW_CAUSE + 8, "made our own: not for the child" },
};

/* So many sequences of 600 operations; every row of the table has been of use in them. */
static void run(struct mm_model_config c, u64 seeds)
{
	struct mm_model_stats st = { 0 };

	for_each_seed(seed, seeds) {
		c.seed = seed;
		mm_model_run(NULL, 600, &c, &st);
	}
	print_message("%lu operations, %lu faults, %lu reads, %lu writes, %lu failed allocations "
		      "seen, %lu pages given up and taken, %lu large folios read\n",
		      st.ops, st.faults, st.reads, st.writes, st.failures, st.taken,
		      st.large);
	if (!getenv("SEEDS") && !st.taken)
		fail_msg("nothing that was given up has been taken");
	if (!getenv("SEEDS") && !st.large)
		fail_msg("no large folio has been read in");
	for (u32 i = 0; mm_model_op(i) && !getenv("SEEDS"); i++)
		if (!st.did[i])
			fail_msg("%s has never done anything", mm_model_op(i));
}

static void sequences(void **state) { run((struct mm_model_config){ 0 }, 30); }
static void sequences_wide(void **state) { run((struct mm_model_config){ .wide = true }, 20); }
static void sequences_large(void **state)
{
	run((struct mm_model_config){ .wide = true, .large = true }, 30);
}
static void sequences_copied(void **state)
{
	run((struct mm_model_config){ .copied = true }, 20);
}
static void sequences_large_copied(void **state)
{
	run((struct mm_model_config){ .wide = true, .large = true, .copied = true }, 20);
}
static void sequences_large_failing(void **state)
{
	run((struct mm_model_config){ .wide = true, .large = true, .fail_rate = 60 }, 20);
}
static void sequences_software_bits(void **state)
{
	run((struct mm_model_config){ .software_bits = true }, 40);
}
/* What fuzz_mm found: a shared file's 2 MiB block, the only leaf of a table of level 2 that two
 * processes share, is unmapped by the reverse map. */
static void block_unmapped_while_shared(void **state)
{
	static const u8 ops[] = { 0x00, 0xef, 0xef, 0x72, 0x17, 0xdd, 0x2b, 0x3a, 0xe6, 0xe3, 0x6e, 0x03, 0xaa,
				  0xa1, 0x42, 0x31, 0xaa, 0x5e, 0x7e, 0x86, 0x3a, 0xe6, 0xe3, 0x6e, 0x03, 0xaa };
	struct mm_model_stats st = { 0 };

	mm_model_run(ops, sizeof(ops), &(struct mm_model_config){ .seed = 0x2a, .wide = true }, &st);
}

/* Last: the runs before have tested what they are for. */
static void every_event(void **state)
{
	u64 copied = mem_stat_read(STAT_COW_TABLE_COPIED + 2);

	for (u32 i = 0; i < NR_OWN_CAUSE; i++)	/* each leaf table has one cause, nothing else has */
		copied -= mem_stat_read(STAT_COW_CAUSE + i);
	assert_int_equal(copied, 0);
	for (u32 i = 0; i < ARRAY_SIZE(events); i++) {
		u64 n = mem_stat_read(events[i].stat);

		if (getenv("VERBOSE"))
			fprintf(stderr, "%8lu %s\n", n, events[i].name);
		if (!n && !getenv("SEEDS"))
			fail_msg("%s: never", events[i].name);
	}
}
static void sequences_few_asids(void **state)
{
	run((struct mm_model_config){ .few_asids = true }, 20);
}
static void sequences_failing(void **state) { run((struct mm_model_config){ .fail_rate = 30 }, 30); }
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

/* Anonymous memory of its own for [from, from + pages), in a folio of all of it. */
static struct mm *with_folio(u64 from, u32 pages)
{
	struct mmap_req r = { .addr = from, .len = pages * PAGE_SIZE, .prot = PROT_READ | PROT_WRITE,
			      .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };
	struct mm *mm = mm_create();

	do {	/* memory says no at times */
		assert_int_equal(mm_mmap(mm, &r), from);
		assert_int_equal(mm_madvise(mm, from, r.len, MADV_HUGEPAGE), 0);
		for (u32 i = 0; i < pages; i += 8)
			write_outside(mm, from + i * PAGE_SIZE, 1 + i);
	} while (mm_pagemap_entry(mm, from) + pages - 1 !=
		 mm_pagemap_entry(mm, from + (pages - 1) * PAGE_SIZE));
	return mm;
}

/* What a part of a folio gives up is not the rest's. */
static void free_of_a_part(void **state)
{
	const u64 base = 5 * GIB;
	struct page *page;
	struct mm *mm;

	fake_init(32 * MIB, 1);
	mm = with_folio(base, 512);
	assert_int_equal(mm_madvise(mm, base + 96 * PAGE_SIZE, 16 * PAGE_SIZE, MADV_FREE), 0);
	lru_shrink(4096, 0, false);
	for (u64 i = 0; i < 512; i += 8)
		assert_int_equal(at_outside(mm, base + i * PAGE_SIZE), i / 16 == 6 ? 0 : 1 + i);
	mm_put(mm);

	mm = with_folio(base, 16);
	assert_int_equal(gup_pin(mm, base, 1, GUP_WRITE, &page), 1);
	assert_int_equal(mm_madvise(mm, base, 4 * PAGE_SIZE, MADV_FREE), 0);
	lru_shrink(4096, 0, false);
	write_outside(mm, base, 3);
	assert_int_equal(*(u64 *)page_address(page), 3);
	gup_unpin(page, true);
	mm_put(mm);
	assert_int_equal(fake_pages_used(), 0);
}

/* The same in a 2 MiB block, which fork or an unmapping beside takes apart. */
static void pin_in_a_block(void **state)
{
	const u64 at = 6 * GIB, pinned = at + 77 * PAGE_SIZE;
	struct mmap_req r = { .addr = at, .len = PMD_SIZE, .prot = PROT_READ | PROT_WRITE,
			      .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };

	for (int cut = 0; cut < 2; cut++) {
		struct mm *mm, *child;
		struct page *page;
		int level;

		fake_init(16 * MIB, 1);
		mm = mm_create();
		assert_int_equal(mm_mmap(mm, &r), at);
		assert_int_equal(mm_madvise(mm, at, PMD_SIZE, MADV_HUGEPAGE), 0);
		write_outside(mm, pinned, 1);
		pt_entry(&mm->pt, at, &level);
		assert_int_equal(level, 2);
		assert_int_equal(gup_pin(mm, pinned, 1, 0, &page), 1);
		if (cut)
			assert_int_equal(mm_munmap(mm, at, PAGE_SIZE), 0);
		child = mm_fork(mm);
		write_outside(mm, pinned, 2);
		assert_int_equal(*(u64 *)page_address(page), 2);
		assert_int_equal(at_outside(child, pinned), 1);
		gup_unpin(page, false);
		mm_put(child);
		mm_put(mm);
		assert_int_equal(fake_pages_used(), 0);
	}
}

/*
 * Addresses that no tree maps, which look like others to whoever takes the bits of an index only:
 * nothing becomes our own, and no loop over [start, end) goes round the end.
 */
static void addresses_beyond(void **state)
{
	const u64 base = 5 * GIB, alias = base + (1ull << 48), last = 0ull - 2 * PAGE_SIZE;
	const int advice[] = { MADV_DONTNEED, MADV_FREE };
	const u64 at[] = { alias, last };
	struct mm *mm, *child;
	struct page *page;
	u64 word = 1;

	fake_init(32 * MIB, 1);
	mm = with_folio(base, 16);
	child = mm_fork(mm);
	assert_int_equal(at_outside(mm, base), 1);
	for (u32 i = 0; i < ARRAY_SIZE(at); i++) {
		assert_int_equal(mm_mprotect(mm, at[i], PAGE_SIZE, PROT_READ), -ENOMEM);
		assert_int_equal(mm_mlock(mm, at[i], PAGE_SIZE, false), -ENOMEM);
		for (u32 k = 0; k < ARRAY_SIZE(advice); k++)
			assert_int_equal(mm_madvise(mm, at[i], PAGE_SIZE, advice[k]), -ENOMEM);
		assert_int_equal(gup_pin(mm, at[i], 1, GUP_WRITE, &page), -EFAULT);
		assert_int_equal(mm_access(mm, at[i], &word, sizeof(word), true), 0);
		assert_false(pt_is_own(&mm->pt, base));
	}
	mm_put(child);
	write_outside(mm, base, 2);
	mm_put(mm);
	assert_int_equal(fake_pages_used(), 0);
}

/* Each table on the way to va counts so many times as many owners. */
static void times_owners(struct mm *mm, u64 va, i32 mul, i32 div)
{
	pte_t *t = mm->pt.root;

	for (int level = 0; level < 3; level++) {
		t = pt_table_of(t[pt_index(va, level)]);
		pt_node(t)->owners.v = pt_node(t)->owners.v * mul / div;
	}
}

/* Thousands of processes may have a table at each level: their product is no small number again. */
static void many_owners(void **state)
{
	const u64 at = 5 * GIB;
	struct vma_usage u;
	struct mm *mm, *child;

	fake_init(32 * MIB, 1);
	mm = with_folio(at, 16);
	child = mm_fork(mm);
	times_owners(mm, at, 2048, 1);
	assert_int_equal(pt_owners(&mm->pt, at), PT_MANY);
	mm_vma_usage(mm_find_vma(mm, at), &u);
	assert_int_equal(u.rss, 16 * PAGE_SIZE);
	assert_int_equal(u.pss, 0);
	assert_int_equal(u.private_clean + u.private_dirty, 0);
	times_owners(mm, at, 1, 2048);
	mm_put(child);
	mm_put(mm);
	assert_int_equal(fake_pages_used(), 0);
}

/* A process that is being killed forks after its pages have been taken: no child may see zeros. */
static void no_fork_of_reaped(void **state)
{
	struct mm *mm;

	fake_init(32 * MIB, 1);
	mm = with_folio(5 * GIB, 16);
	assert_int_equal(mm_reap(mm), 0);
	assert_int_equal((i64)mm_fork(mm), -ENOMEM);
	mm_put(mm);
	assert_int_equal(fake_pages_used(), 0);
}

/* --- how often a file may be mapped ----------------------------------------------------------- */
static i32 mapped_refs;
static void file_got(struct backing *b) { mapped_refs++; }
static void file_left(struct backing *b) { mapped_refs--; }

static i64 map_file(struct mm *mm, struct backing *b, u64 addr, u64 pages)
{
	struct mmap_req r = { .addr = addr, .len = pages * PAGE_SIZE, .prot = PROT_READ,
			      .flags = MAP_SHARED | MAP_FIXED, .backing = b };

	return mm_mmap(mm, &r);
}

/* Each VMA of a file may have references to its folios: no more come than can be counted. */
static void too_many_vmas(void **state)
{
	static const struct backing_ops ops = { .get = file_got, .put = file_left };
	const u64 at = 5 * GIB, limit = mapping_max_vmas;
	struct mapping m;
	struct backing b = { .ops = &ops, .mapping = &m };
	struct mm *mm, *child;

	fake_init(8 * MIB, 1);
	mapping_init(&m, NULL, NULL);
	m.size = 3 * PAGE_SIZE;
	mapping_max_vmas = 4;
	privileged = false;
	mm = mm_create();
	for (u64 i = 0; i < 3; i++)
		assert_int_equal(map_file(mm, &b, at + i * MIB, 3), at + i * MIB);
	assert_int_equal((i64)mm_fork(mm), -ENOMEM);
	assert_int_equal(m.nr_vmas, 3);
	assert_int_equal(mm_munmap(mm, at + PAGE_SIZE, PAGE_SIZE), -ENOMEM);	/* two cuts */
	assert_int_equal(m.nr_vmas, 4);
	assert_int_equal(map_file(mm, &b, at + 4 * MIB, 1), -ENOMEM);
	assert_int_equal(mm_mremap(mm, at + MIB, 3 * PAGE_SIZE, 3 * PAGE_SIZE,
				   MREMAP_MAYMOVE | MREMAP_FIXED, at + 5 * MIB), -ENOMEM);
	assert_int_equal(m.nr_vmas, 4);
	assert_int_equal(mm_munmap(mm, at, PAGE_SIZE), 0);
	assert_int_equal(map_file(mm, &b, at + 4 * MIB, 1), at + 4 * MIB);
	privileged = true;
	child = mm_fork(mm);
	assert_int_equal(IS_ERR(child), false);
	assert_int_equal(m.nr_vmas, 8);
	assert_int_equal(map_file(mm, &b, at + 6 * MIB, 1), -ENOMEM);
	mm_put(child);
	assert_int_equal(m.nr_vmas, 4);
	mm_put(mm);
	assert_int_equal(m.nr_vmas, 0);
	assert_int_equal(mapped_refs, 0);
	mapping_destroy(&m);
	mapping_max_vmas = limit;
	assert_int_equal(fake_pages_used(), 0);
}

/* --- what mlock holds ------------------------------------------------------------------------- */
static int read_zeros(struct mapping *m, struct folio *f)
{
	clear_page(folio_address(f));
	return 0;
}

static bool is_mapped(struct mm *mm, u64 va)
{
	int level;

	return pte_present(pte_load(pt_entry(&mm->pt, va, &level)));
}

/*
 * A table that fork shares maps a file's page that the parent has locked and the child has not:
 * reclaim leaves it, even where the child's way leads there first (the parent's mapping of it was
 * cut off another one after the fork).
 */
static void locked_by_one_owner(void **state)
{
	static const struct backing_ops ops = { .get = file_got, .put = file_left };
	static const struct mapping_ops reads = { .read_folio = read_zeros };
	const u64 at = 5 * GIB, far = at + PMD_SIZE + 8 * PAGE_SIZE;
	struct mapping m;
	struct backing b = { .ops = &ops, .mapping = &m };
	struct mm *mm, *child;
	struct folio *f;

	fake_init(16 * MIB, 1);
	mapping_init(&m, &reads, NULL);
	m.size = 2 * PMD_SIZE;
	mm = mm_create();
	assert_int_equal(map_file(mm, &b, at, 1024), at);
	assert_int_equal(mm_mlock(mm, at, 2 * PMD_SIZE, true), 0);
	at_outside(mm, far);
	child = mm_fork(mm);
	assert_int_equal(mm_munmap(mm, at + PAGE_SIZE, PAGE_SIZE), 0);
	assert_false(pt_is_own(&mm->pt, far));
	for (int round = 0; round < 4; round++)
		lru_shrink(4096, 0, false);
	assert_true(is_mapped(mm, far));
	/* as if it had been locked, and shared, after reclaim had asked */
	f = mapping_find(&m, (far - at) >> PAGE_SHIFT);
	assert_false(folio_unmap(f, false));
	folio_put(f);
	assert_true(is_mapped(mm, far));
	assert_int_equal(mm_munlock(mm, at + PMD_SIZE, PMD_SIZE), 0);
	for (int round = 0; round < 4; round++)
		lru_shrink(4096, 0, false);
	assert_false(is_mapped(mm, far));
	mm_put(child);
	mm_put(mm);
	mapping_destroy(&m);
	assert_int_equal(fake_pages_used(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fork_of_reaped),
		cmocka_unit_test(many_owners),
		cmocka_unit_test(pin_moves_along),
		cmocka_unit_test(pin_in_a_block),
		cmocka_unit_test(free_of_a_part),
		cmocka_unit_test(too_many_vmas),
		cmocka_unit_test(locked_by_one_owner),
		cmocka_unit_test(addresses_beyond),
		cmocka_unit_test(sequences),
		cmocka_unit_test(sequences_wide),
		cmocka_unit_test(sequences_large),
		cmocka_unit_test(sequences_copied),
		cmocka_unit_test(sequences_large_copied),
		cmocka_unit_test(sequences_large_failing),
		cmocka_unit_test(sequences_software_bits),
		cmocka_unit_test(block_unmapped_while_shared),
		cmocka_unit_test(sequences_few_asids),
		cmocka_unit_test(sequences_failing),
		cmocka_unit_test(sequences_wide_failing),
		cmocka_unit_test(every_event),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
