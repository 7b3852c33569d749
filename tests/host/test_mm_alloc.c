/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory runs out in the middle of an operation on an address space: at its first allocation, at
 * its second, and so on until it needs no more. Each time it has to fail with ENOMEM and leave what
 * programs can see as it was (or, where the call is allowed to, done up to some page), nothing may
 * be lost, and done once more with memory it has to succeed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <linux/mman.h>
#include <cmocka.h>
#include <fake/fake.h>
#include "internal.h"
#include "mm_model.h"

#define PAGES 1072u
#define BASE (5 * GIB - 32 * PAGE_SIZE)	/* page 32 is where tables of three levels begin */
#define BLOCK 544u	/* of 2 MiB */
#define AT(page) (BASE + (u64)(page) * PAGE_SIZE)
#define RW (PROT_READ | PROT_WRITE)

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

static struct mm *mm, *child;
static struct file { struct backing b; struct mapping m; i32 refs; } file;

static void file_get_ref(struct backing *b) { file.refs++; }
static void file_put_ref(struct backing *b) { BUG_ON(file.refs-- <= 0); }
static const struct backing_ops file_ops = { .get = file_get_ref, .put = file_put_ref };
static const struct mapping_ops memory_ops = { .keep = true };

/* --- what programs can see ------------------------------------------------------------------- */
struct page_state { u32 flags; struct backing *backing; u64 pgoff, word; };
struct state { u64 total, locked, brk; struct page_state page[PAGES]; };

static u64 word_at(struct vma *v, u64 va)
{
	int level;
	pte_t e = *pt_entry(&v->mm->pt, va, &level);
	struct folio *f;
	u64 word = 0;

	if (pte_kind(e, level) == PTE_LEAF)
		return *(u64 *)phys_to_virt((pte_pfn(e) << PAGE_SHIFT) + (va & (pt_span(level) - 1)));
	f = v->backing ? mapping_find(v->backing->mapping, vma_pgoff(v, va)) : NULL;
	if (f) {
		word = *(u64 *)folio_address(f);
		folio_put(f);
	}
	return word;
}

static void look(struct mm *space, struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->total = space->total_pages;
	s->locked = space->locked_pages;
	s->brk = space->brk;
	mm_check_tree(space);
	for (u32 i = 0; i < PAGES; i++) {
		struct vma *v = mm_find_vma(space, AT(i));

		if (v)
			s->page[i] = (struct page_state){ v->vm_flags, v->backing,
				vma_pgoff(v, AT(i)), word_at(v, AT(i)) };
	}
}

static bool same(const struct page_state *a, const struct page_state *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* --- building blocks ------------------------------------------------------------------------- */
static i64 map(u32 page, u32 n, int prot, int flags, bool of_file)
{
	struct mmap_req r = {.addr = AT(page),
			     .len = n * PAGE_SIZE,
			     .prot = prot,
			     .flags = flags | MAP_FIXED | (of_file ? 0 : MAP_ANONYMOUS),
			     .backing = of_file ? &file.b : NULL};

	return mm_mmap(mm, &r);
}

static i64 write_word(struct mm *space, u32 page, u64 value)
{
	struct fault f = { .addr = AT(page), .write = true, .user_mode = true };
	bool major;

	for (;;) {
		u64 *w;
		enum fault_result r;

		if (!pt_loaded_here(&space->pt))
			mm_switch(NULL, space);
		w = fake_translate(AT(page), FAKE_WRITE);
		if (w) {
			*w = value;
			return 0;
		}
		r = mm_fault(space, &f, &major);
		if (r == FAULT_OOM)
			return -ENOMEM;
		BUG_ON(r != FAULT_OK);
	}
}

static void write_all(u32 page, u32 n)
{
	for (u32 i = page; i < page + n; i++)
		BUG_ON(write_word(mm, i, 1000 + i));
}

/* Anonymous memory over the middle, written. */
static void anon(void)
{
	BUG_ON(map(24, 16, RW, MAP_PRIVATE, false) < 0);
	write_all(24, 16);
}

/* Three neighbours of different kinds, and shared memory at the end. */
static void mixed(void)
{
	anon();
	BUG_ON(map(8, 8, RW, MAP_SHARED, true) < 0);
	BUG_ON(map(16, 8, RW, MAP_PRIVATE, true) < 0);
	BUG_ON(map(56, 8, RW, MAP_SHARED, false) < 0);
	write_all(8, 4);
	write_all(20, 2);
	write_all(56, 8);
}

static void forked(void)
{
	mixed();
	child = mm_fork(mm);
	BUG_ON(IS_ERR(child));
}

/* A 2 MiB block, written here and there. */
static bool is_block(void)
{
	int level;

	return pte_kind(*pt_entry(&mm->pt, AT(BLOCK), &level), 2) == PTE_LEAF && level == 2;
}

static void block(void)
{
	for (u32 tries = 0; tries < 30 && !is_block(); tries++) {	/* memory says no at times */
		BUG_ON(map(BLOCK, 512, RW, MAP_PRIVATE, false) < 0);
		BUG_ON(mm_madvise(mm, AT(BLOCK), PMD_SIZE, MADV_HUGEPAGE));
		write_all(BLOCK, 1);
	}
	for (u32 i = 0; i < 512; i += 50)
		write_all(BLOCK + i, 1);
}

/* And something small where it is to be moved. */
static void block_and_table(void)
{
	block();
	BUG_ON(map(4, 4, RW, MAP_PRIVATE, false) < 0);
	write_all(4, 4);
}

static void forked_block(void)
{
	block();
	child = mm_fork(mm);
	BUG_ON(IS_ERR(child));
}

/* Three leaf tables, of which the second maps nothing but [BLOCK, BLOCK + 512). */
static void tables(void)
{
	BUG_ON(map(32, PAGES - 32, RW, MAP_PRIVATE, false) < 0);
	for (u32 i = 540; i < PAGES; i += 65)
		write_all(i, 1);
}

static void stack(void) { BUG_ON(map(60, 4, RW, MAP_PRIVATE | MAP_GROWSDOWN, false) < 0); }

static void heap(void)
{
	mm->brk_start = AT(40);
	mm->brk = AT(40);
	BUG_ON(map(32, 8, PROT_READ, MAP_PRIVATE, false) < 0);
}

/* --- operations ------------------------------------------------------------------------------ */
static i64 do_mmap(void) { return map(0, 4, RW, MAP_PRIVATE, false); }
static i64 do_mmap_populated(void) { return map(0, 4, RW, MAP_PRIVATE | MAP_POPULATE, false); }
static i64 do_mmap_shared(void) { return map(0, 4, RW, MAP_SHARED, false); }
static i64 do_mmap_file(void) { return map(0, 4, RW, MAP_PRIVATE, true); }
static i64 do_mmap_over(void) { return map(28, 8, PROT_READ, MAP_PRIVATE, false); }
static i64 do_mmap_file_over(void) { return map(28, 8, RW, MAP_SHARED, true); }
static i64 do_mmap_shared_over(void) { return map(12, 30, RW, MAP_SHARED, false); }
static i64 do_munmap(void) { return mm_munmap(mm, AT(28), 8 * PAGE_SIZE); }
static i64 do_munmap_several(void) { return mm_munmap(mm, AT(10), 26 * PAGE_SIZE); }
static i64 do_mprotect(void) { return mm_mprotect(mm, AT(28), 8 * PAGE_SIZE, PROT_READ); }
static i64 do_mprotect_several(void)
{
	return mm_mprotect(mm, AT(10), 26 * PAGE_SIZE, PROT_READ);
}
static i64 do_madvise_flag(void)
{
	return mm_madvise(mm, AT(28), 8 * PAGE_SIZE, MADV_DONTFORK);
}
static i64 do_populate_write(void)
{
	return mm_madvise(mm, AT(8), 32 * PAGE_SIZE, MADV_POPULATE_WRITE);
}
static i64 do_mlock(void)
{
	i64 r = mm_mlock(mm, AT(28), 8 * PAGE_SIZE, true);

	return r == -EAGAIN ? -ENOMEM : r;
}
static i64 do_mremap(void)
{
	return mm_mremap(mm, AT(28), 8 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 AT(44));
}
static i64 do_mremap_grow(void)
{
	return mm_mremap(mm, AT(26), 8 * PAGE_SIZE, 16 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 AT(48));
}
static i64 do_mremap_over(void)
{
	return mm_mremap(mm, AT(28), 8 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 AT(12));
}
static i64 do_mremap_keep(void)
{
	return mm_mremap(mm, AT(28), 8 * PAGE_SIZE, 8 * PAGE_SIZE,
			 MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, AT(44));
}
static i64 do_brk(void) { return mm_brk(mm, AT(44)) == AT(44) ? 0 : -ENOMEM; }
static i64 do_fork(void)
{
	struct mm *c = mm_fork(mm);
	struct state a, b;

	if (IS_ERR(c))
		return PTR_ERR(c);
	look(mm, &a);
	look(c, &b);
	BUG_ON(memcmp(a.page, b.page, sizeof(a.page)));
	mm_put(c);
	return 0;
}
static i64 do_first_write(void) { return write_word(mm, 26, 7); }
static i64 do_write_copy(void) { return write_word(mm, 18, 7); }
static i64 do_write_shared(void) { return write_word(mm, 14, 7); }
static i64 do_break_cow(void) { return write_word(mm, 27, 7); }
static i64 do_break_cow_child(void) { return write_word(child, 27, 7); }
static i64 do_grow_stack(void) { return write_word(mm, 50, 7); }
static i64 do_access(void)
{
	u64 word = 7;

	return mm_access(mm, AT(18), &word, sizeof(word), true) == sizeof(word) ? 0 : -ENOMEM;
}
static i64 do_block_end(void) { return mm_munmap(mm, AT(BLOCK + 100), 412 * PAGE_SIZE); }
static i64 do_block_middle(void) { return mm_munmap(mm, AT(BLOCK + 100), 30 * PAGE_SIZE); }
static i64 do_block_protect(void)
{
	return mm_mprotect(mm, AT(BLOCK + 100), 30 * PAGE_SIZE, PROT_READ);
}
static i64 do_block_drop(void)
{
	return mm_madvise(mm, AT(BLOCK + 90), 30 * PAGE_SIZE, MADV_DONTNEED);
}
static i64 do_block_over(void) { return map(BLOCK + 100, 30, RW, MAP_SHARED, true); }
static i64 do_block_move(void)
{
	return mm_mremap(mm, AT(BLOCK), PMD_SIZE, PMD_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(20));
}
static i64 do_block_shrink(void)
{
	return mm_mremap(mm, AT(BLOCK), PMD_SIZE, 100 * PAGE_SIZE, 0, 0);
}
static i64 do_block_cow(void) { return write_word(mm, BLOCK + 50, 7); }
static i64 do_block_cow_child(void) { return write_word(child, BLOCK + 50, 7); }
static i64 do_munmap_tables(void) { return mm_munmap(mm, AT(BLOCK), (PAGES - BLOCK) * PAGE_SIZE); }
static i64 do_munmap_all(void) { return mm_munmap(mm, AT(0), PAGES * PAGE_SIZE); }
static i64 do_drop_table(void) { return mm_madvise(mm, AT(BLOCK), PMD_SIZE, MADV_DONTNEED); }
static i64 do_truncate(void) { return mapping_truncate(&file.m, 2 * PAGE_SIZE); }

static void untouched(void) { BUG_ON(map(24, 16, RW, MAP_PRIVATE, false) < 0); }

/*
 * WHOLE: as it was, or done. PREFIX: the pages up to some one are done (mprotect(2) and the like over
 * several mappings). TARGET: where the result would have been there may be nothing (mremap(2),
 * MREMAP_FIXED). GROWN: the mapping is longer, its new pages empty (a stack).
 */
enum rule { WHOLE, PREFIX, TARGET, GROWN };
static const struct scenario {
	const char *name;
	void (*before)(void);
	i64 (*op)(void);
	u32 least;		/* allocations that it has to need, or the test tests nothing */
	enum rule rule;
	u32 target, pages;
} scenarios[] = {
	{ "mmap", anon, do_mmap, 1, WHOLE, 0, 0 },
	{ "mmap, populated", anon, do_mmap_populated, 5, WHOLE, 0, 0 },
	{ "mmap, shared", anon, do_mmap_shared, 2, WHOLE, 0, 0 },
	{ "mmap of a file", mixed, do_mmap_file, 1, WHOLE, 0, 0 },
	{ "mmap in another's place", mixed, do_mmap_over, 2, WHOLE, 0, 0 },
	{ "mmap of a file in another's place", mixed, do_mmap_file_over, 2, WHOLE, 0, 0 },
	{ "mmap in the place of several", mixed, do_mmap_shared_over, 3, WHOLE, 0, 0 },
	{ "munmap in the middle", mixed, do_munmap, 1, WHOLE, 0, 0 },
	{ "munmap of several", mixed, do_munmap_several, 2, WHOLE, 0, 0 },
	{ "mprotect in the middle", mixed, do_mprotect, 2, WHOLE, 0, 0 },
	{ "mprotect of several", mixed, do_mprotect_several, 2, PREFIX, 0, 0 },
	{ "madvise", mixed, do_madvise_flag, 2, WHOLE, 0, 0 },
	{ "madvise, populate for writing", mixed, do_populate_write, 4, WHOLE, 0, 0 },
	{ "mlock", mixed, do_mlock, 2, WHOLE, 0, 0 },
	{ "mremap", mixed, do_mremap, 2, WHOLE, 0, 0 },
	{ "mremap, longer", mixed, do_mremap_grow, 2, TARGET, 48, 16 },
	{ "mremap in another's place", mixed, do_mremap_over, 3, TARGET, 12, 8 },
	{ "mremap, both stay", mixed, do_mremap_keep, 3, WHOLE, 0, 0 },
	{ "brk", heap, do_brk, 1, WHOLE, 0, 0 },
	{ "fork", mixed, do_fork, 8, WHOLE, 0, 0 },
	{ "first write", untouched, do_first_write, 2, WHOLE, 0, 0 },
	{ "write to a private file page", mixed, do_write_copy, 1, WHOLE, 0, 0 },
	{ "write to a hole of a file", mixed, do_write_shared, 1, WHOLE, 0, 0 },
	{ "parent writes", forked, do_break_cow, 1, WHOLE, 0, 0 },
	{ "child writes", forked, do_break_cow_child, 1, WHOLE, 0, 0 },
	{ "stack grows", stack, do_grow_stack, 1, GROWN, 50, 10 },
	{ "access from outside", mixed, do_access, 1, WHOLE, 0, 0 },
	{ "truncate", mixed, do_truncate, 0, WHOLE, 0, 0 },
	{ "munmap of a block's end", block, do_block_end, 1, WHOLE, 0, 0 },
	{ "munmap inside a block", block, do_block_middle, 2, WHOLE, 0, 0 },
	{ "mprotect inside a block", block, do_block_protect, 2, WHOLE, 0, 0 },
	{ "dropping pages of a block", block, do_block_drop, 1, WHOLE, 0, 0 },
	{ "mmap inside a block", block, do_block_over, 2, WHOLE, 0, 0 },
	{ "mremap of a block", block, do_block_move, 3, TARGET, 20, 512 },
	{ "mremap of a block next to something", block_and_table, do_block_move, 3, TARGET, 20, 512 },
	{ "mremap, a block shorter", block, do_block_shrink, 1, WHOLE, 0, 0 },
	{ "fork with a block", block, do_fork, 4, WHOLE, 0, 0 },
	{ "parent writes to a block", forked_block, do_block_cow, 2, WHOLE, 0, 0 },
	{ "child writes to a block", forked_block, do_block_cow_child, 2, WHOLE, 0, 0 },
	{ "munmap of whole tables", tables, do_munmap_tables, 0, WHOLE, 0, 0 },
	{ "munmap of all", tables, do_munmap_all, 0, WHOLE, 0, 0 },
	{ "dropping a whole table", tables, do_drop_table, 0, WHOLE, 0, 0 },
};

/*
 * fork copies tables; it shares them; it shares them, and a child does what is there before the
 * operation begins.
 */
enum mode { COPIED, SHARED, HAS_CHILD, MODES };
static enum mode mode;

/* --- the test -------------------------------------------------------------------------------- */
static void begin(const struct scenario *s)
{
	bool large = s->before == block || s->before == forked_block || s->before == block_and_table;

	fake_init((large ? 24 : 8) * MIB, 1);
	memset(&file, 0, sizeof(file));
	mapping_init(&file.m, &memory_ops, NULL);
	file.m.size = 16 * PAGE_SIZE;
	file.b = (struct backing){ .ops = &file_ops, .mapping = &file.m, .may_write = true };
	child = NULL;
	cow_tables_off = mode == COPIED;
	mm = mm_create();
	s->before();
	if (mode == HAS_CHILD && !child)
		child = mm_fork(mm);
	if (large && !is_block())
		fail_msg("%s: there is no block", s->name);
}

static void end(const struct scenario *s)
{
	fake_check_tlbs();
	if (pt_loaded_here(&mm->pt))
		mm_switch(mm, NULL);
	if (child)
		mm_put(child);
	mm_put(mm);
	cow_tables_off = false;
	BUG_ON(file.refs);
	mapping_destroy(&file.m);
	if (fake_pages_used() || fake_objects_used())
		fail_msg("%s: %lu pages and %lu objects are lost", s->name, fake_pages_used(),
			 fake_objects_used());
}

/* The state after a failure is one that the rule allows. */
static void check_failed(const struct scenario *s, u64 n, const struct state *was,
			 const struct state *is, const struct state *done)
{
	bool prefix = s->rule == PREFIX;

	for (u32 i = 0; i < PAGES; i++) {
		const struct page_state *p = &is->page[i];
		bool there = i >= s->target && i < s->target + s->pages;
		bool lost = s->rule == TARGET && there && !p->flags;
		bool grown = s->rule == GROWN && there && p->flags == done->page[i].flags && !p->word;

		prefix &= same(p, &done->page[i]);
		if (!same(p, &was->page[i]) && !prefix && !lost && !grown)
			fail_msg("%s, allocation %lu fails: page %u has changed (flags %x, were "
				 "%x)",
				 s->name, n, i, p->flags, was->page[i].flags);
	}
	if (s->rule == WHOLE && (is->total != was->total || is->locked != was->locked ||
				 is->brk != was->brk))
		fail_msg("%s, allocation %lu fails: the books have changed", s->name, n);
}

/* One run in which allocation n fails, 0: none. Returns whether that allocation was reached. */
static bool one_run(const struct scenario *s, u64 n, struct state *done)
{
	struct state was, is;
	bool reached;
	i64 r;

	begin(s);
	look(mm, &was);
	fake_fail_at = n;
	r = s->op();
	reached = n && !fake_fail_at;
	fake_fail_at = 0;
	look(mm, &is);
	if (!n)
		*done = is;
	if (r < 0) {
		if (!reached || r != -ENOMEM)
			fail_msg("%s, allocation %lu fails: result %ld", s->name, n, r);
		check_failed(s, n, &was, &is, done);
		if (s->op() < 0)
			fail_msg("%s, allocation %lu failed: does not succeed later", s->name, n);
		look(mm, &is);
	}
	/* Anonymous mappings of a process are told apart by their backings, which are new ones. */
	for (u32 i = 0; i < PAGES; i++)
		if (is.page[i].flags != done->page[i].flags || is.page[i].word != done->page[i].word)
			fail_msg("%s, allocation %lu failed: page %u differs in the end", s->name, n,
				 i);
	end(s);
	return reached;
}

/* What gives shared tables up needs tables only for the way there. */
static u32 at_most(const struct scenario *s)
{
	if (s->op == do_munmap_all)
		return 0;
	return s->op == do_munmap_tables || s->op == do_drop_table ? 2 : ~0u;
}

static void every_allocation_fails(void **state)
{
	struct state done;
	u64 sum = 0;

	mode = (enum mode)(u64)*state;
	for (u32 i = 0; i < ARRAY_SIZE(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		u64 n = 0;

		one_run(s, 0, &done);
		while (one_run(s, n + 1, &done))
			n++;
		if (n < s->least && (mode == COPIED || (mode == HAS_CHILD && s->op != do_fork)))
			fail_msg("%s: %lu allocations, not %u", s->name, n, s->least);
		if (n > at_most(s))
			fail_msg("%s: %lu allocations, not %u", s->name, n, at_most(s));
		sum += n;
	}
	print_message("%lu operations, %lu failed allocations\n", (u64)ARRAY_SIZE(scenarios), sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(every_allocation_fails, (void *)COPIED),
		cmocka_unit_test_prestate(every_allocation_fails, (void *)SHARED),
		cmocka_unit_test_prestate(every_allocation_fails, (void *)HAS_CHILD),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
