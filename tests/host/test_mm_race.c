/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several threads in one address space on as many CPUs, switched by a seed at every lock and table
 * access: each works on pages of its own, whose contents it knows exactly, and which lie between the
 * others' in 64 KiB or 2 MiB blocks; one forks, and its children must stay the snapshots that they
 * are; one makes and drops whole 2 MiB blocks; all use a shared file that one of them truncates.
 * Two of them give pages up (MADV_FREE), which reclaim may take until they are written to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/mman.h>
#include <base/errno.h>
#include <fake/fake.h>
#include <mm/thp.h>
#include <mm/uio.h>
#include "internal.h"
#include "lru.h"
#include "mm_model.h"
#include "seeds.h"

#define THREADS 4u
#define OWN 8u			/* pages of each thread */
#define FILE_PAGES 24u
#define BASE (3 * GIB - (stride == 1 ? OWN * THREADS / 2 * PAGE_SIZE : 0))	/* or just a 2 MiB block */
#define FILE_BASE (7 * GIB)
#define BLOCK_BASE (9 * GIB)	/* place for two blocks of 2 MiB */

static struct mm *mm;
static struct file { struct backing b; struct mapping m; i32 refs; } file;
static u64 value[THREADS][OWN];
static u32 stride;		/* pages from one thread's page to the next one's */
static u64 block_value[512];
static u32 block_at;		/* in the first place, or the second */
static u64 stamp, forks, rounds, taken;
static bool given[THREADS][OWN];	/* holds 0 or the value */
static bool was_given[8192];		/* by stamp: a page was given up when it held that */

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }
static void get(struct backing *b) { file.refs++; }
static void put(struct backing *b) { BUG_ON(file.refs-- <= 0); }
static const struct backing_ops ops = { .get = get, .put = put };

/* The file's page holds its number, or zeros. */
static u64 tag(u64 index) { return 0xf11e0000 + index; }
static u64 large_files;

static int read_folio(struct mapping *m, struct folio *f)
{
	for (u32 i = 0; i < folio_nr_pages(f); i++) {
		u64 *w = page_address(folio_page(f, i));

		memset(w, 0, PAGE_SIZE);
		w[1] = tag(f->page.index + i);
	}
	large_files += folio_order(f) > 0;
	return 0;
}
static const struct mapping_ops memory_ops = { .keep = true };
static const struct mapping_ops disk_ops = { .read_folio = read_folio };

static u64 va_of(u32 t, u32 i)
{
	return BASE + (u64)(i * THREADS + t) * stride * PAGE_SIZE;
} /* neighbours are others' */

static u64 *word(struct mm *m, u64 va, bool write, enum fault_result *r)
{
	struct fault f = { .addr = va, .write = write, .user_mode = true };
	bool major;

	for (int tries = 0; tries < 500; tries++) {
		u64 *w = fake_translate(va, write ? FAKE_WRITE : FAKE_READ);

		*r = FAULT_OK;
		if (w)
			return w;
		*r = mm_fault(m, &f, &major);
		if (*r != FAULT_OK && *r != FAULT_OOM)
			return NULL;
	}
	panic("fault at %lx does not end", va);
}

static u64 read_at(struct mm *m, u64 va)
{
	enum fault_result r;
	u64 *w = word(m, va, false, &r);

	if (!w)
		panic("read of %lx fails: %d", va, r);
	return *w;
}

static void map(u64 va, u64 len)
{
	struct mmap_req r = { .addr = va, .len = len, .prot = PROT_READ | PROT_WRITE,
			      .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };

	BUG_ON(RETRY(mm_mmap(mm, &r)) != (i64)va);
}

static void map_one(u64 va) { map(va, PAGE_SIZE); }

static bool gives(u32 t) { return !(t & 1); }

/* Page i of thread t, whose turn it is, may hold what was seen. */
static bool may_hold(u32 t, u32 i, u64 seen)
{
	if (given[t][i] && !seen) {
		taken += value[t][i] != 0;
		value[t][i] = 0;
		given[t][i] = false;
	}
	return value[t][i] == seen;
}

static void set(u32 t, u32 i, u64 val)
{
	BUG_ON(val >= ARRAY_SIZE(was_given));
	value[t][i] = val;
	given[t][i] = false;
}

/* The snapshot of a fork must not change while the parent's threads write on. */
static void fork_and_look(void)
{
	u64 seen[THREADS][OWN], before = stamp;
	struct mm *child = mm_fork(mm);

	if (IS_ERR(child)) {
		BUG_ON(PTR_ERR(child) != -ENOMEM);
		return;
	}
	forks++;
	mm_switch(mm, child);
	for (int round = 0; round < 3; round++)
		for (u32 t = 0; t < THREADS; t++)
			for (u32 i = 0; i < OWN; i++) {
				enum fault_result r;
				u64 *w, now;

				if (t && !mm_find_vma(child, va_of(t, i)))
					continue;	/* its owner was about to map it again */
				w = word(child, va_of(t, i), round == 1 && fake_random(2), &r);
				if (!w && t)
					continue;	/* read-only just then */
				BUG_ON(!w);
				now = *w;
				if (!t && now != value[0][i] && !(given[0][i] && !now))
					panic("child reads %lx, forked with %lx", now, value[0][i]);
				if (round && now != seen[t][i] && (now || !was_given[seen[t][i]]))
					panic("snapshot of page %u of thread %u changed: %lx, was "
					      "%lx",
					      i, t, now, seen[t][i]);
				BUG_ON(!t && now > before);
				seen[t][i] = now;
			}
	mm_switch(child, mm);
	mm_put(child);
}

static void own_write(u32 t, u32 i)
{
	enum fault_result r;
	u64 *w = word(mm, va_of(t, i), true, &r);

	if (!w)
		panic("write to page %u of thread %u fails: %d", i, t, r);
	if (!may_hold(t, i, *w))
		panic("thread %u page %u holds %lx, expected %lx", t, i, *w, value[t][i]);
	set(t, i, *w = ++stamp);
}

static void own_drop(u32 t, u32 i)
{
	BUG_ON(RETRY(mm_madvise(mm, va_of(t, i), PAGE_SIZE, MADV_DONTNEED)));
	set(t, i, 0);
}

static void own_page(u32 t)
{
	u32 i = fake_random(OWN), k = fake_random(OWN);
	u64 va = va_of(t, i), *w;
	enum fault_result r;

	switch (fake_random(gives(t) ? 16 : 12)) {
	case 0:
		own_drop(t, i);
		break;
	case 1:
		BUG_ON(RETRY(mm_mprotect(mm, va, PAGE_SIZE, PROT_READ)));
		w = word(mm, va, true, &r);
		BUG_ON(w || r != FAULT_SEGV_ACCERR);
		BUG_ON(!may_hold(t, i, read_at(mm, va)));
		BUG_ON(RETRY(mm_mprotect(mm, va, PAGE_SIZE, PROT_READ | PROT_WRITE)));
		break;
	case 2:
		BUG_ON(RETRY(mm_munmap(mm, va, PAGE_SIZE)));
		w = word(mm, va, false, &r);
		BUG_ON(w || r != FAULT_SEGV_MAPERR);
		map_one(va);
		set(t, i, 0);
		break;
	case 3:
		if (i == k)
			break;
		BUG_ON(RETRY(mm_mremap(mm, va, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				       va_of(t, k))) != (i64)va_of(t, k));
		value[t][k] = value[t][i];
		given[t][k] = given[t][i];
		map_one(va);
		set(t, i, 0);
		break;
	case 4:
		w = &(u64){ stamp + 1 };
		while (mm_access(mm, va, w, sizeof(*w), true) != sizeof(*w))
			;
		set(t, i, *w);
		stamp++;
		break;
	case 5: case 6: case 7:
		if (!may_hold(t, i, read_at(mm, va)))
			panic("thread %u page %u", t, i);
		break;
	case 12: case 13:
		was_given[value[t][i]] = given[t][i] = true;
		BUG_ON(RETRY(mm_madvise(mm, va, PAGE_SIZE, MADV_FREE)));
		break;
	case 14:
		lru_shrink(8, 0, false);
		break;
	default:
		own_write(t, i);
	}
}

static u64 block_va(u32 page) { return BLOCK_BASE + block_at * PMD_SIZE + page * PAGE_SIZE; }

/* One thread's memory of two 2 MiB places; what it maps is in one of them. */
static void own_block(void)
{
	u32 i = fake_random(512), n = 1 + fake_random(512 - i);
	enum fault_result r;
	u64 *w;

	switch (fake_random(10)) {
	case 0:
		i = 0, n = 512;
		/* fall through */
	case 1:
		BUG_ON(RETRY(mm_madvise(mm, block_va(i), n * PAGE_SIZE, MADV_DONTNEED)));
		memset(&block_value[i], 0, n * sizeof(u64));
		break;
	case 2:
		BUG_ON(RETRY(mm_mprotect(mm, block_va(i), n * PAGE_SIZE, PROT_READ)));
		w = word(mm, block_va(i), true, &r);
		BUG_ON(w || r != FAULT_SEGV_ACCERR);
		BUG_ON(RETRY(mm_mprotect(mm, block_va(i), n * PAGE_SIZE, PROT_READ | PROT_WRITE)));
		break;
	case 3:
		BUG_ON(RETRY(mm_mremap(mm, block_va(0), PMD_SIZE, PMD_SIZE,
				       MREMAP_MAYMOVE | MREMAP_FIXED,
				       BLOCK_BASE + !block_at * PMD_SIZE)) < 0);
		block_at = !block_at;
		break;
	case 4:
		map(block_va(0), PMD_SIZE);
		memset(block_value, 0, sizeof(block_value));
		break;
	case 5: case 6:
		if (read_at(mm, block_va(i)) != block_value[i])
			panic("page %u of the block", i);
		break;
	default:
		w = word(mm, block_va(i), true, &r);
		BUG_ON(!w || *w != block_value[i]);
		*w = block_value[i] = ++stamp;
	}
}

static void read_file(u64 first, u64 n)
{
	u64 page[PAGE_SIZE / sizeof(u64)];

	for (u64 i = first; i < first + n; i++) {
		struct uio_seg seg;
		struct uio u;
		ssize_t r;

		uio_kernel(&u, &seg, page, PAGE_SIZE);
		r = mapping_read(&file.m, &file.b.ra, &u, i * PAGE_SIZE);
		if (r == -ENOMEM)
			continue;
		BUG_ON(r && r != (ssize_t)PAGE_SIZE);
		if (r && page[1] && page[1] != tag(i))
			panic("page %lu of the file reads %lx", i, page[1]);
	}
}

static void file_page(u32 t)
{
	u64 index = fake_random(FILE_PAGES);
	u64 va = FILE_BASE + index * PAGE_SIZE + fake_random(2) * GIB, size;
	bool write = fake_random(2);
	enum fault_result r;
	u64 *w = word(mm, va, write, &r);

	BUG_ON(!w && r != FAULT_BUS);
	if (w && w[1] && w[1] != tag(index))
		panic("page %lu of the file holds %lx", index, w[1]);
	if (w && write)
		w[1] = tag(index);
	if (!fake_random(3))
		read_file(fake_random(FILE_PAGES), 1 + fake_random(4));
	if (!fake_random(8))
		mapping_drop_clean(&file.m, 0, ~0ull);
	if (t == 1 && !fake_random(3)) {
		size = fake_random(FILE_PAGES + 1) * PAGE_SIZE;
		BUG_ON(RETRY(mapping_truncate(&file.m, fake_random(3) ? size
								: FILE_PAGES * PAGE_SIZE)));
	} else if (t == 3 && !fake_random(4)) {
		BUG_ON(RETRY(mapping_punch(&file.m, index * PAGE_SIZE,
					   (index + 1 + fake_random(6)) * PAGE_SIZE)));
	}
}

/* The folio at some page is split or moved, while its owner and others go on. */
static pfn_t moved[8];	/* where some of them were: to find them as compaction does, by the frame */

static void move_one(void)
{
	u64 va = va_of(fake_random(THREADS), fake_random(OWN));
	struct folio *f = NULL;
	int level;
	pte_t *p;

	read_lock(&mm->lock);
	p = pt_entry(&mm->pt, va, &level);
	spin_lock(&pt_node(p)->lock);
	if (pte_kind(pte_load(p), level) == PTE_LEAF && !pte_special(pte_load(p))) {
		f = page_folio(pfn_to_page(pte_pfn(pte_load(p))));
		folio_get(f);
	}
	spin_unlock(&pt_node(p)->lock);
	read_unlock(&mm->lock);
	if (!f)
		return;
	moved[fake_random(ARRAY_SIZE(moved))] = folio_pfn(f);
	mm_rmap_op(f, 3 + fake_random(MM_RMAP_OPS - 3));
	folio_put(f);
}

/* No lock is held: also while another thread forks. */
static void move_by_frame(void)
{
	pfn_t pfn = moved[fake_random(ARRAY_SIZE(moved))];

	if (pfn)
		mm_rmap_frame(pfn, 3 + fake_random(MM_RMAP_OPS - 3));
}

static void thread(void *arg)
{
	u32 t = (u32)(u64)arg;

	mm_switch(NULL, mm);
	/* In the same instant: some drop pages of a block that is there, or that others' writes make. */
	if (!(t & 1))
		own_write(t, 1);
	for (u32 i = t & 1 ? 0 : 2; i < OWN; i++)
		own_drop(t, i);
	for (u64 n = 0; n < rounds; n++) {
		u32 what = fake_random(10);

		if (t == 0 && what == 0)
			fork_and_look();
		else if (what < 3)
			file_page(t);
		else if (t == 2 && what < 6)
			own_block();
		else
			own_page(t);
		if (!fake_random(10))
			lru_shrink(8, 0, false);
		if (!fake_random(20))
			fake_shrink(1);
		if (!fake_random(4))
			move_one();
		if (!fake_random(2))
			move_by_frame();
		if (!fake_random(6))
			for (u32 k = 0; k < 20; k++)
				mm_rmap_any();
		if (!fake_random(4))
			fake_speculate(va_of(fake_random(THREADS), fake_random(OWN)));
		if (!fake_random(8))
			fake_speculate(BLOCK_BASE + fake_random(1024) * PAGE_SIZE);
		if (!fake_random(8))
			fake_speculate(FILE_BASE + fake_random(FILE_PAGES) * PAGE_SIZE);
	}
	mm_switch(mm, NULL);
}

static void fill_pages(void)
{
	for (u32 t = 0; t < THREADS; t++)
		for (u32 i = 0; i < OWN; i++) {
			u64 w = ++stamp;

			BUG_ON(mm_access(mm, va_of(t, i), &w, sizeof(w), true) != sizeof(w));
			set(t, i, w);
		}
}

static void one_seed(u64 seed)
{
	struct mmap_req r = {.addr = FILE_BASE,
			     .len = FILE_PAGES * PAGE_SIZE,
			     .prot = PROT_READ | PROT_WRITE,
			     .flags = MAP_SHARED | MAP_FIXED,
			     .backing = &file.b};
	void *args[THREADS];

	fake_init(48 * MIB, seed);
	stride = seed % 4 ? 1 : 16;
	block_at = 0;
	memset(block_value, 0, sizeof(block_value));
	thp_policy_set(THP_MIN_ORDER, seed % 3 ? THP_ALWAYS : THP_NEVER);
	fake_switch_rate = 2 + fake_random(6);
	fake_set_asid_bits(seed & 1 ? 8 : 4);
	memset(&file, 0, sizeof(file));
	memset(value, 0, sizeof(value));
	memset(given, 0, sizeof(given));
	memset(was_given, 0, sizeof(was_given));
	stamp = 0;
	memset(moved, 0, sizeof(moved));
	mapping_init(&file.m, seed % 2 ? &memory_ops : &disk_ops, NULL);
	shmem_policy.order[2] = fake_random(2) ? SHMEM_ALWAYS : SHMEM_NEVER;
	shmem_policy.order[3] = fake_random(2) ? SHMEM_WITHIN : SHMEM_NEVER;
	shmem_policy_update(&shmem_policy);
	file.m.size = FILE_PAGES * PAGE_SIZE;
	file.b = (struct backing){
		.ops = &ops, .mapping = &file.m, .may_write = true, .may_exec = true};
	mm = mm_create();
	mm->data_end = BASE + PAGE_SIZE;	/* fork copies its table, and shares the others */
	for (u32 t = 0; t < THREADS; t++)
		args[t] = (void *)(u64)t;
	map(BASE, (u64)THREADS * OWN * stride * PAGE_SIZE);
	map(block_va(0), PMD_SIZE);
	BUG_ON(mm_mmap(mm, &r) < 0);
	r.addr += GIB;
	r.flags = MAP_PRIVATE | MAP_FIXED;
	BUG_ON(mm_mmap(mm, &r) < 0);
	if (fake_random(2))
		fill_pages();
	fake_fail_rate = seed % 3 ? 0 : 10 + fake_random(100);
	fake_run(THREADS, thread, args);
	fake_fail_rate = 0;
	fake_check_tlbs();
	mm_check_tree(mm);
	mm_check_rmap();
	mm_put(mm);
	mapping_destroy(&file.m);
	fake_shrink(1);
	if (fake_pages_used() || fake_objects_used())
		panic("%lu pages and %lu objects left", fake_pages_used(), fake_objects_used());
}

static void run(u64 seeds, bool hw)
{
	arch_hw_af = arch_hw_dbm = hw;
	thp_policy.order[THP_PMD_ORDER] = THP_ALWAYS;
	thp_policy_update(&thp_policy);
	rounds = 60;
	for_each_seed(s, seeds)
		one_seed(s);
	arch_hw_af = arch_hw_dbm = true;
	print_message("%lu forks, %lu pages given up and taken\n", forks, taken);
	assert_int_not_equal(taken, 0);
	assert_int_not_equal(large_files, 0);
}

static void threads(void **state) { run(150, true); }
static void threads_software_bits(void **state) { run(80, false); }

/* --- memory given up and written to again while reclaim takes it ------------------------------ */
#define LAZY_PAGES 4u

static void lazy_thread(void *arg)
{
	u64 base = BASE + (u64)arg * LAZY_PAGES * PAGE_SIZE, val[LAZY_PAGES] = { 0 }, *w;
	bool gone[LAZY_PAGES] = { false };
	enum fault_result r;

	mm_switch(NULL, mm);
	for (u64 n = 1; n < 200; n++) {
		u32 i = fake_random(LAZY_PAGES);
		u64 va = base + i * PAGE_SIZE;

		if ((u64)arg == 2) {
			lru_shrink(8, 0, false);
			continue;
		}
		w = word(mm, va, fake_random(2), &r);
		BUG_ON(!w);
		if (*w != val[i] && (*w || !gone[i]))
			panic("page %u holds %lx, expected %lx", i, *w, val[i]);
		taken += *w != val[i];
		w = word(mm, va, true, &r);
		BUG_ON(!w);
		*w = val[i] = n;
		gone[i] = fake_random(3);
		if (gone[i])
			BUG_ON(RETRY(mm_madvise(mm, va, PAGE_SIZE, MADV_FREE)));
	}
	mm_switch(mm, NULL);
}

static void lazy(void **state)
{
	void *args[3] = { (void *)0, (void *)1, (void *)2 };

	taken = 0;
	for_each_seed(seed, 100) {
		fake_init(8 * MIB, seed);
		thp_policy_set(THP_MIN_ORDER, THP_NEVER);
		fake_switch_rate = 2 + fake_random(5);
		arch_hw_af = arch_hw_dbm = seed % 4;
		mm = mm_create();
		for (u32 i = 0; i < 2 * LAZY_PAGES; i++)
			map_one(BASE + i * PAGE_SIZE);
		fake_run(3, lazy_thread, args);
		fake_check_tlbs();
		mm_put(mm);
		BUG_ON(fake_pages_used() || fake_objects_used());
	}
	arch_hw_af = arch_hw_dbm = true;
	print_message("%lu pages given up and taken\n", taken);
	assert_int_not_equal(taken, 0);
}

/* --- the same while another thread forks: what was written again is the child's for good ------- */
#define RUN_PAGES 16u

static void lazy_writer(void *arg)
{
	enum fault_result r;
	u64 *w;

	mm_switch(NULL, mm);
	for (u32 n = 0; n < 60; n++) {
		for (u32 i = 0; i < RUN_PAGES; i++) {	/* as they are, they may go */
			w = word(mm, BASE + i * PAGE_SIZE, true, &r);
			BUG_ON(!w);
			was_given[*w] = true;
		}
		BUG_ON(RETRY(mm_madvise(mm, BASE, RUN_PAGES * PAGE_SIZE, MADV_FREE)));
		for (u32 i = fake_random(16); i; i--) {
			w = word(mm, BASE + fake_random(RUN_PAGES) * PAGE_SIZE, true, &r);
			BUG_ON(!w);
			*w = ++stamp;
			fake_switch_point();
		}
	}
	mm_switch(mm, NULL);
}

static void lazy_forker(void *arg)
{
	u64 seen[RUN_PAGES], now;
	bool may_go[RUN_PAGES];

	mm_switch(NULL, mm);
	for (u32 n = 0; n < 20; n++) {
		struct mm *child = mm_fork(mm);

		BUG_ON(IS_ERR(child));
		mm_switch(mm, child);
		for (u32 i = 0; i < RUN_PAGES; i++) {
			seen[i] = read_at(child, BASE + i * PAGE_SIZE);
			may_go[i] = was_given[seen[i]];
		}
		for (u32 i = 0; i < 400; i++)	/* the parent makes copies */
			fake_switch_point();
		lru_shrink(64, 0, false);
		for (u32 i = 0; i < RUN_PAGES; i++) {
			now = read_at(child, BASE + i * PAGE_SIZE);
			if (now != seen[i] && (now || !may_go[i]))
				panic("page %u of the child held %lx, now %lx", i, seen[i], now);
		}
		mm_switch(child, mm);
		mm_put(child);
	}
	mm_switch(mm, NULL);
}

static void run_one_of(void *fn) { ((void (*)(void *))fn)(NULL); }

static void fork_of_lazy(void **state)
{
	void (*fn[2])(void *) = { lazy_writer, lazy_forker };

	for_each_seed(seed, 150) {
		fake_init(8 * MIB, seed);
		thp_policy_set(THP_MIN_ORDER, THP_ALWAYS);
		fake_switch_rate = 2 + fake_random(5);
		memset(was_given, 0, sizeof(was_given));
		stamp = 0;
		mm = mm_create();
		map(BASE, RUN_PAGES * PAGE_SIZE);
		fake_run(2, run_one_of, (void **)fn);
		fake_check_tlbs();
		mm_put(mm);
		BUG_ON(fake_pages_used() || fake_objects_used());
	}
}

/* --- a file is cut while its pages are given up: they are counted as what they were -------------- */
static void cutter(void *arg)
{
	for (u32 n = 0; n < 40; n++) {
		BUG_ON(mapping_truncate(&file.m, 0));
		BUG_ON(mapping_truncate(&file.m, 4 * PAGE_SIZE));
		for (u32 i = fake_random(60); i; i--)
			fake_switch_point();
	}
}

static void map_cut(void)
{
	struct mmap_req r = { .addr = BASE, .len = 4 * PAGE_SIZE, .prot = PROT_READ,
			      .flags = MAP_SHARED | MAP_FIXED, .backing = &file.b };

	BUG_ON(mm_mmap(mm, &r) != BASE || mm_madvise(mm, BASE, r.len, MADV_DONTFORK));
}

/* As many of them as there are. */
static void fault_cut(void)
{
	bool major;

	for (u32 i = 0; i < 4; i++) {
		struct fault f = { .addr = BASE + i * PAGE_SIZE, .user_mode = true };
		enum fault_result r = mm_fault(mm, &f, &major);

		BUG_ON(r != FAULT_OK && r != FAULT_BUS);
	}
}

static void counts_no_file(const struct mm *space)
{
	if (atomic_read(&space->rss_shmem) || atomic_read(&space->rss_file))
		panic("%ld pages of shared memory are counted, and %ld of files",
		      atomic_read(&space->rss_shmem), atomic_read(&space->rss_file));
}

/* The child is not to have them. */
static void cut_forker(void *arg)
{
	mm_switch(NULL, mm);
	for (u32 n = 0; n < 20; n++) {
		struct mm *child;

		fault_cut();
		child = mm_fork(mm);
		BUG_ON(IS_ERR(child));
		counts_no_file(child);
		mm_put(child);
	}
	mm_switch(mm, NULL);
}

static void cut_unmapper(void *arg)
{
	mm_switch(NULL, mm);
	for (u32 n = 0; n < 20; n++) {
		fault_cut();
		BUG_ON(mm_munmap(mm, BASE, 4 * PAGE_SIZE));
		counts_no_file(mm);
		map_cut();
	}
	mm_switch(mm, NULL);
}

static void beside_cut(void (*fn)(void *))
{
	void *args[] = { fn, cutter };
	u64 w = 1;

	for_each_seed(seed, 60) {
		fake_init(8 * MIB, seed);
		fake_switch_rate = 5 + fake_random(40);	/* the other one gets far */
		file = (struct file){ .b = { .ops = &ops, .mapping = &file.m } };
		mapping_init(&file.m, &memory_ops, NULL);
		file.m.size = 4 * PAGE_SIZE;
		mm = mm_create();
		map_cut();
		map_one(BASE + 8 * PAGE_SIZE);
		BUG_ON(mm_access(mm, BASE + 8 * PAGE_SIZE, &w, sizeof(w), true) != sizeof(w));
		mm->data_end = seed & 1 ? BASE + 9 * PAGE_SIZE : 0;	/* fork copies the table, or shares it */
		fake_run(2, run_one_of, args);
		mm_put(mm);
		BUG_ON(file.refs);
		mapping_destroy(&file.m);
		BUG_ON(fake_pages_used() || fake_objects_used());
	}
}

static void fork_beside_cut(void **state) { beside_cut(cut_forker); }
static void unmap_beside_cut(void **state) { beside_cut(cut_unmapper); }

/* --- reclaim while pages are locked: who has locked them has them ------------------------------- */
#define LOCKED 4u
#define LOCKED_AT (FILE_BASE + PMD_SIZE)
static struct mm *heir;

static void all_mapped(void)
{
	for (u32 i = 0; i < LOCKED; i++) {
		int level;
		pte_t *p = pt_entry(&mm->pt, LOCKED_AT + i * PAGE_SIZE, &level);

		spin_lock(&pt_node(p)->lock);	/* a contiguous block may be on its way apart */
		BUG_ON(!pte_present(pte_load(p)));
		spin_unlock(&pt_node(p)->lock);
	}
}

static void locker(void *arg)
{
	BUG_ON(mm_mlock(mm, LOCKED_AT, LOCKED * PAGE_SIZE, false));
	all_mapped();
}

/*
 * The mapping begins a leaf table before. Somebody who has not locked it shares the table then, and
 * comes first on the file's list.
 */
static void locker_forks(void *arg)
{
	locker(arg);
	heir = mm_fork(mm);
	BUG_ON(IS_ERR(heir));
	BUG_ON(mm_mlock(mm, FILE_BASE, PAGE_SIZE, true));
	BUG_ON(mm_munlock(mm, FILE_BASE, PAGE_SIZE));
	BUG_ON(mm_munmap(mm, FILE_BASE + PAGE_SIZE, PAGE_SIZE));
	all_mapped();
}

static void reclaimer(void *arg)
{
	for (u32 n = 0; n < 3; n++)
		lru_shrink(64, 0, false);
}

/* from: where the file is mapped; up to the end of the locked pages, or of all of it. */
static void lock_beside(void (*fn)(void *), u64 from, u64 seeds)
{
	struct mmap_req r = { .addr = from, .prot = PROT_READ, .flags = MAP_PRIVATE | MAP_FIXED,
		.len = from == LOCKED_AT ? LOCKED * PAGE_SIZE : 2 * PMD_SIZE,
		.offset = from - FILE_BASE, .backing = &file.b };
	void *args[] = { fn, reclaimer };
	u64 w;

	for_each_seed(seed, seeds) {
		fake_init(8 * MIB, seed);
		fake_switch_rate = 5 + fake_random(60);	/* the other one gets far */
		file = (struct file){ .b = { .ops = &ops, .mapping = &file.m } };
		mapping_init(&file.m, &disk_ops, NULL);
		file.m.size = 2 * PMD_SIZE;
		heir = NULL;
		mm = mm_create();
		BUG_ON(mm_mmap(mm, &r) != (i64)from);
		for (u32 i = 0; i < LOCKED; i++)
			BUG_ON(mm_access(mm, LOCKED_AT + i * PAGE_SIZE, &w, sizeof(w), false) != sizeof(w));
		fake_run(2, run_one_of, args);
		all_mapped();
		if (heir)
			mm_put(heir);
		mm_put(mm);
		BUG_ON(file.refs);
		mapping_destroy(&file.m);
		BUG_ON(fake_pages_used() || fake_objects_used());
	}
}

static void lock_beside_reclaim(void **state) { lock_beside(locker, LOCKED_AT, 600); }
static void lock_and_fork_beside_reclaim(void **state) { lock_beside(locker_forks, FILE_BASE, 200); }

/* --- a block of 2 MiB that was given up is written, cut and reclaimed, all at once --------------- */
#define HALF (PMD_SIZE / 2)

static void block_writer(void *arg)
{
	enum fault_result r;

	mm_switch(NULL, mm);
	for (u32 n = 0; n < 150; n++) {
		u64 *w = word(mm, BLOCK_BASE, true, &r);

		if (w)		/* else it is not mapped just now */
			*w = n;
		(void)mm_madvise(mm, BLOCK_BASE, PMD_SIZE, MADV_FREE);
		for (u32 i = fake_random(6); i; i--) {
			w = word(mm, BLOCK_BASE + fake_random(32) * PAGE_SIZE, true, &r);
			if (w)
				*w = n;
			fake_switch_point();
		}
	}
	mm_switch(mm, NULL);
}

/* Of the block's second half: what is cut off goes, what may not be written cannot be. */
static void cut_unmap(void)
{
	BUG_ON(RETRY(mm_munmap(mm, BLOCK_BASE + HALF, HALF)));
}

static void cut_protect(void)
{
	BUG_ON(RETRY(mm_mprotect(mm, BLOCK_BASE + HALF, HALF, PROT_READ)));
}

/* All of it goes away and the first half comes back. */
static void cut_move(void)
{
	const u64 to = BLOCK_BASE + 4 * PMD_SIZE;
	const int how = MREMAP_MAYMOVE | MREMAP_FIXED;

	BUG_ON(RETRY(mm_mremap(mm, BLOCK_BASE, PMD_SIZE, PMD_SIZE, how, to)) != (i64)to);
	BUG_ON(RETRY(mm_mremap(mm, to, HALF, HALF, how, BLOCK_BASE)) != (i64)BLOCK_BASE);
	BUG_ON(RETRY(mm_munmap(mm, to, PMD_SIZE)));
}

static void cut_drop(void)
{
	BUG_ON(RETRY(mm_madvise(mm, BLOCK_BASE + HALF, HALF, MADV_DONTNEED)));
	cut_protect();
}

/* A child cuts it, too, its leaves copied or shared. */
static void cut_in_child(void)
{
	enum fault_result r;
	struct mm *child;

	mm->cow_tables = fake_random(2);
	child = mm_fork(mm);
	BUG_ON(IS_ERR(child));
	mm_switch(mm, child);
	for (u32 i = fake_random(30); i; i--)
		BUG_ON(!word(child, BLOCK_BASE + fake_random(32) * PAGE_SIZE, fake_random(2), &r));
	BUG_ON(RETRY(mm_munmap(child, BLOCK_BASE + HALF, HALF)));
	mm_switch(child, mm);
	mm_put(child);
	cut_unmap();
}

static void block_cutter(void *arg)
{
	void (*cut[])(void) = { cut_unmap, cut_protect, cut_move, cut_drop, cut_in_child };
	enum fault_result r;

	mm_switch(NULL, mm);
	for (u32 n = 0; n < 50; n++) {
		for (u32 i = fake_random(60); i; i--)
			fake_switch_point();
		cut[fake_random(ARRAY_SIZE(cut))]();
		BUG_ON(word(mm, BLOCK_BASE + HALF, true, &r));
		BUG_ON(RETRY(mm_munmap(mm, BLOCK_BASE, PMD_SIZE)));
		map(BLOCK_BASE, PMD_SIZE);
		(void)word(mm, BLOCK_BASE, true, &r);
		(void)mm_madvise(mm, BLOCK_BASE, PMD_SIZE, MADV_FREE);
	}
	mm_switch(mm, NULL);
}

static void block_reclaimer(void *arg)
{
	for (u32 n = 0; n < 400; n++) {
		lru_shrink(512, 0, false);
		fake_switch_point();
	}
}

static void lazy_block_is_cut(void **state)
{
	void *args[] = { block_writer, block_cutter, block_reclaimer };

	for_each_seed(seed, 40) {
		fake_init(16 * MIB, seed);
		thp_policy_set(THP_PMD_ORDER, THP_ALWAYS);
		fake_switch_rate = 2 + fake_random(20);
		mm = mm_create();
		map(BLOCK_BASE, PMD_SIZE);
		fake_run(3, run_one_of, args);
		fake_check_tlbs();
		mm_put(mm);
		fake_shrink(1);		/* the 2 MiB of zeros */
		BUG_ON(fake_pages_used() || fake_objects_used());
	}
}

/* --- more address spaces than ASIDs: each CPU loads one after another, and must find that one's
 * page --- */
#define SPACES 24u
static struct mm *space[SPACES];

static void asid_thread(void *arg)
{
	struct mm *loaded = NULL;

	for (u32 n = 0; n < 300; n++) {
		u32 i = fake_random(SPACES);
		u64 *w, flags = irq_save();
		enum fault_result r;

		mm_switch(loaded, space[i]);
		irq_restore(flags);
		loaded = space[i];
		for (u32 k = fake_random(4); k; k--) {
			w = word(loaded, BASE, false, &r);
			BUG_ON(!w);
			if (*w != i + 1)
				panic("address space %u sees the page of %lu", i, *w - 1);
			if (!fake_random(6) &&
			    mm_madvise(loaded, BASE + PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED))
				BUG();
			w = word(loaded, BASE + PAGE_SIZE, true, &r);
			BUG_ON(!w || (*w && *w != i + 1));
			*w = i + 1;
			fake_speculate(BASE);
		}
	}
	mm_switch(loaded, NULL);
}

static void asids(void **state)
{
	void *args[MAX_CPUS] = { NULL };

	for_each_seed(seed, 60) {
		fake_init(8 * MIB, seed);
		fake_switch_rate = 2 + fake_random(5);
		fake_set_asid_bits(4);
		for (u32 i = 0; i < SPACES; i++) {
			u64 w = i + 1;

			mm = space[i] = mm_create();
			map_one(BASE);
			map_one(BASE + PAGE_SIZE);
			BUG_ON(mm_access(mm, BASE, &w, sizeof(w), true) != sizeof(w));
		}
		fake_run(6, asid_thread, args);
		fake_check_tlbs();
		for (u32 i = 0; i < SPACES; i++)
			mm_put(space[i]);
		BUG_ON(fake_pages_used() || fake_objects_used());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads),
		cmocka_unit_test(threads_software_bits),
		cmocka_unit_test(lazy),
		cmocka_unit_test(fork_of_lazy),
		cmocka_unit_test(fork_beside_cut),
		cmocka_unit_test(unmap_beside_cut),
		cmocka_unit_test(lock_beside_reclaim),
		cmocka_unit_test(lock_and_fork_beside_reclaim),
		cmocka_unit_test(lazy_block_is_cut),
		cmocka_unit_test(asids),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
