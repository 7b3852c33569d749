/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 2 MiB blocks of a file in memory, and of zeros, beside everything that takes them apart: threads of
 * one address space on as many CPUs, switched by a seed at every lock and table access. Each thread
 * writes to pages of its own and knows what they hold; of the file's pages from CUT on, which
 * truncation and holes take away, everybody knows that they hold zero or their number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/mman.h>
#include <fake/fake.h>
#include <mm/stat.h>
#include <mm/thp.h>
#include "internal.h"
#include "migrate.h"
#include "mm_model.h"
#include "seeds.h"

#define THREADS 3u
#define PAGES 1024u		/* of the file, and of private memory: two blocks */
#define CUT 300u		/* the file has this many pages at least */
#define SHARED (3 * GIB)
#define VIEW (5 * GIB)		/* the same file, privately, only read */
#define PRIVATE (7 * GIB)

static struct mm *mm;
static struct file { struct backing b; struct mapping m; i32 refs; } file;
static u64 file_value[PAGES], value[PAGES], blocks, cuts;

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }
static void get(struct backing *b) { file.refs++; }
static void put(struct backing *b) { BUG_ON(file.refs-- <= 0); }
static const struct backing_ops ops = { .get = get, .put = put };
static const struct mapping_ops memory_ops = { .keep = true };

/* NULL: a fault that a file too short gives. */
static u64 *word(u64 va, bool write)
{
	struct fault f = { .addr = va, .write = write, .user_mode = true };

	for (int tries = 0; tries < 500; tries++) {
		u64 *w = fake_translate(va, write ? FAKE_WRITE : FAKE_READ);
		enum fault_result r;
		bool major;

		if (w)
			return w;
		r = mm_fault(mm, &f, &major);
		if (r == FAULT_BUS)
			return NULL;
		BUG_ON(r != FAULT_OK);
	}
	panic("fault at %lx does not end", va);
}

static u32 own_page(u32 t, u32 below) { return fake_random(below / THREADS) * THREADS + t; }

/* A page of the file: through the shared mapping, or the private view of it. */
static void use_file(u32 t)
{
	u32 i = fake_random(2) ? own_page(t, CUT) : fake_random(PAGES);
	bool write = fake_random(2), view = !write && !fake_random(3);
	u64 *w = word((view ? VIEW : SHARED) + i * PAGE_SIZE, write);

	if (i >= CUT) {
		if (w && *w && *w != i)
			panic("page %u of the file holds %lx", i, *w);
		if (w && write)
			*w = i;
		return;
	}
	if (!w || (i % THREADS == t && *w != file_value[i]))
		panic("page %u of the file holds %lx, not %lx", i, w ? *w : ~0ul, file_value[i]);
	if (write && i % THREADS == t)
		*w = ++file_value[i];
}

static void use_private(u32 t)
{
	u32 i = own_page(t, PAGES);
	bool write = !fake_random(3);
	u64 *w = word(PRIVATE + i * PAGE_SIZE, write);

	if (!w || *w != value[i])
		panic("page %u holds %lx, not %lx", i, w ? *w : ~0ul, value[i]);
	if (write)
		*w = ++value[i];
}

/* What takes blocks apart, or away. */
static void disturb(void)
{
	u32 i = CUT + fake_random(PAGES - CUT), n = 1 + fake_random(PAGES - i), part = fake_random(PAGES);
	struct split_count c = { 0 };

	cuts++;
	switch (fake_random(6)) {
	case 0:
		BUG_ON(mapping_truncate(&file.m, (u64)(fake_random(3) ? PAGES : i) * PAGE_SIZE));
		break;
	case 1: BUG_ON(mapping_punch(&file.m, i * PAGE_SIZE, (i + n) * PAGE_SIZE)); break;
	case 2:
		BUG_ON(mm_madvise(mm, SHARED + part * PAGE_SIZE, (PAGES - part) * PAGE_SIZE,
				  MADV_DONTNEED));
		break;
	case 3: mapping_split_pages(&file.m, fake_random(PAGES), ~0ull, &c); break;
	case 4:	/* as it is, but the VMAs end there for a moment */
		BUG_ON(mm_mprotect(mm, PRIVATE + part * PAGE_SIZE, PAGE_SIZE,
				   PROT_READ | PROT_WRITE | PROT_EXEC) ||
		       mm_mprotect(mm, PRIVATE + part * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE));
		break;
	default: mm_rmap_any();
	}
}

static void thread(void *arg)
{
	u32 t = (u32)(u64)arg;

	mm_switch(NULL, mm);
	for (u32 n = 0; n < 60; n++) {
		if (fake_random(2))
			use_file(t);
		else
			use_private(t);
		if (!fake_random(6))
			disturb();
		fake_speculate((fake_random(2) ? SHARED : PRIVATE) + fake_random(PAGES) * PAGE_SIZE);
	}
	mm_switch(mm, NULL);
}

static void map(u64 va, int flags)
{
	struct mmap_req r = { .addr = va, .len = PAGES * PAGE_SIZE, .prot = PROT_READ | PROT_WRITE,
			      .flags = flags | MAP_FIXED,
			      .backing = flags & MAP_ANONYMOUS ? NULL : &file.b };

	BUG_ON(mm_mmap(mm, &r) != (i64)va);
}

static void set_up(u64 seed)
{
	fake_init(64 * MIB, seed);
	fake_switch_rate = 2 + fake_random(20);
	arch_bbm_level = seed % 2 ? 2 : 0;
	shmem_policy.order[THP_PMD_ORDER] = SHMEM_ALWAYS;
	shmem_policy_update(&shmem_policy);
	thp_policy_set(THP_PMD_ORDER, seed % 3 ? THP_ALWAYS : THP_NEVER);
	memset(value, 0, sizeof(value));
	memset(file_value, 0, sizeof(file_value));
	memset(&file, 0, sizeof(file));
	mapping_init(&file.m, &memory_ops, NULL);
	file.m.size = PAGES * PAGE_SIZE;
	file.b = (struct backing){.ops = &ops, .mapping = &file.m, .may_write = true, .may_exec = true};
	mm = mm_create();
	map(SHARED, MAP_SHARED);
	map(VIEW, MAP_PRIVATE);
	map(PRIVATE, MAP_PRIVATE | MAP_ANONYMOUS);
}

static void tear_down(void)
{
	fake_check_tlbs();
	mm_check_tree(mm);
	mm_check_leaves(mm);
	mm_check_sharing(&mm, 1);
	mm_check_rmap();
	mm_put(mm);
	BUG_ON(file.refs);
	mapping_destroy(&file.m);
	fake_shrink(1);
	if (fake_pages_used() || fake_objects_used())
		panic("%lu pages and %lu objects left", fake_pages_used(), fake_objects_used());
}

static void race(void **state)
{
	void *args[THREADS] = { (void *)0, (void *)1, (void *)2 };
	int level = arch_bbm_level;

	for_each_seed(seed, 100) {
		set_up(seed);
		fake_run(THREADS, thread, args);
		tear_down();
	}
	arch_bbm_level = level;
	blocks = mem_stat_read(STAT_FILE_BLOCK);
	print_message("%lu blocks of files mapped, %lu cuts\n", blocks, cuts);
	assert_true(getenv("SEEDS") || (blocks > 100 && mem_stat_read(STAT_ZERO_BLOCK)));
}

/* A folio that its maker is about to enter in the file is not moved: it would lose its reference. */
static void not_in_its_file_yet(void **state)
{
	struct folio *f, *to;
	struct mapping m;

	fake_init(8 * MIB, 1);
	mapping_init(&m, &memory_ops, NULL);
	f = folio_alloc(0, ALLOC_ZERO);
	to = folio_alloc(0, ALLOC_ZERO);
	f->page.mapping = &m;
	page_set(&f->page, PG_UPTODATE);
	folio_get(f);		/* who came by the frame */
	assert_false(folio_move_cache(f, to));
	assert_int_equal(ref_read(&f->page.refcount), 2);
	f->page.mapping = NULL;
	folio_put(f);
	folio_put(f);
	folio_put(to);
	mapping_destroy(&m);
	assert_int_equal(fake_pages_used(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(race),
		cmocka_unit_test(not_in_its_file_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
