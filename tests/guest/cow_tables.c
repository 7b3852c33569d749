/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces that share page tables after fork: what one of them does to its own view no other
 * ever sees, wherever in a table it does it; what is true for all of them, all see. The region of a
 * test begins and ends inside leaf tables and has whole ones between; where only Tine can tell what
 * is shared, Linux skips.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#define PR_SET_COW_PAGE_TABLES 0x54494e01	/* kernel/sys/include/sys/tine.h */
#define PR_GET_COW_PAGE_TABLES 0x54494e02
#define TABLE (512 * PAGE)
#define PAGES 1100UL			/* two whole leaf tables, and parts of two others */
#define FIRST 38UL			/* page of the first table where the region begins */

static uint64_t *at(char *m, size_t page) { return (uint64_t *)(m + page * PAGE); }

/* Every third page holds its number, the others have never been touched. */
static char *region(void)
{
	char *m = (char *)check_aligned(4 * TABLE, TABLE) + FIRST * PAGE;

	madvise(m, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i += 3)
		*at(m, i) = i + 1;
	return m;
}

static void holds(char *m, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (*at(m, i) != (i % 3 ? 0 : i + 1))
			FAIL("page %zu holds %lu", i, (unsigned long)*at(m, i));
}

static bool shares_tables(void)
{
	return check_on_tine() && prctl(PR_GET_COW_PAGE_TABLES, 0, 0, 0, 0) == 1 &&
	       check_number("/proc/self/cow_tables", "enabled") == 1;
}

/* --- whoever changes its own view -------------------------------------------------------------- */
static void op_write(char *m, size_t n) { for (size_t i = 0; i < n; i++) *at(m, i) = 77; }
static void op_unmap(char *m, size_t n) { OK(munmap(m, n * PAGE)); }
static void op_protect(char *m, size_t n) { OK(mprotect(m, n * PAGE, PROT_NONE)); }
static void op_protect_write(char *m, size_t n)
{
	OK(mprotect(m, n * PAGE, PROT_READ));
	OK(mprotect(m, n * PAGE, PROT_READ | PROT_WRITE));
	op_write(m, n);
}
static void op_drop(char *m, size_t n) { OK(madvise(m, n * PAGE, MADV_DONTNEED)); }
static void op_free(char *m, size_t n) { OK(madvise(m, n * PAGE, MADV_FREE)); op_write(m, n); }
static void op_cold(char *m, size_t n)
{
	OK(madvise(m, n * PAGE, MADV_COLD));
	OK(madvise(m, n * PAGE, MADV_PAGEOUT));
}
static void op_over(char *m, size_t n)
{
	CHECK(mmap(m, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m);
	op_write(m, n);
}
static void op_move(char *m, size_t n)
{
	char *to = check_aligned((n + 600) * PAGE, TABLE);

	to += 5 * PAGE;
	CHECK(mremap(m, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	op_write(to, n);
}
static void op_lock(char *m, size_t n)
{
	if (mlock(m, n * PAGE))
		CHECK(errno == ENOMEM || errno == EPERM);
	op_write(m, n);
}
static void op_populate(char *m, size_t n)
{
	if (madvise(m, n * PAGE, 23))	/* MADV_POPULATE_WRITE */
		CHECK_EQ(errno, EINVAL);
	op_write(m, n);
}
static void op_vm_write(char *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 78;
		struct iovec from = { &v, sizeof(v) }, to = { at(m, i), sizeof(v) };

		CHECK_EQ(process_vm_writev(getpid(), &from, 1, &to, 1, 0), sizeof(v));
	}
}
static void op_advice(char *m, size_t n)
{
	OK(madvise(m, n * PAGE, MADV_DONTFORK));
	OK(madvise(m, n * PAGE, MADV_DOFORK));
	op_write(m, n);
}

static void (*const ops[])(char *, size_t) = {
	op_write, op_unmap, op_protect, op_protect_write, op_drop, op_free, op_cold, op_over, op_move,
	op_lock, op_populate, op_vm_write, op_advice,
};
#define OPS (sizeof ops / sizeof ops[0])

/* In one table, over its end, a whole one and more, nearly all. */
static const struct { size_t from, n; } parts[] = {
	{ 3, 1 }, { 100, 37 }, { 512 - FIRST - 5, 10 }, { 512 - FIRST, 512 }, { 300, 700 }, { 1, PAGES - 2 },
};
#define PARTS (sizeof parts / sizeof parts[0])

/* The child does it: the parent has what it had. */
static void by_child(size_t first, size_t last)
{
	char *m = region();

	for (size_t o = first; o < last; o++)
		for (size_t k = 0; k < PARTS; k++) {
			CHILD_OK(ops[o](m + parts[k].from * PAGE, parts[k].n));
			holds(m, 0, PAGES);
		}
}
TEST(child_writes_and_unmaps) { by_child(0, 5); }
TEST(child_advises_and_moves) { by_child(5, OPS); }

/* The parent does it while a child and a grandchild live. */
static void by_parent(size_t first, size_t last)
{
	for (size_t o = first; o < last; o++)
		for (size_t k = 0; k < PARTS; k += 2)
			CHILD_OK(
				char *m = region();
				volatile int *go = check_shared(PAGE);
				pid_t q = SPAWN(
					pid_t g = SPAWN(
						check_wait_flag(go, 1);
						holds(m, 0, PAGES);
					);
					check_wait_flag(go, 1);
					holds(m, 0, PAGES);
					CHECK_EQ(check_wait(g), 0);
				);

				ops[o](m + parts[k].from * PAGE, parts[k].n);
				*go = 1;
				CHECK_EQ(check_wait(q), 0);
				holds(m, 0, parts[k].from);
				holds(m, parts[k].from + parts[k].n, PAGES);
			);
}
TEST(parent_writes_and_unmaps) { by_parent(0, 5); }
TEST(parent_advises_and_moves) { by_parent(5, OPS); }

/* A page that only one of them has touched is the other's hole. */
TEST(hole_of_the_other)
{
	char *m = region();

	CHILD_OK(
		for (size_t i = 0; i < PAGES; i++)
			CHECK_EQ(*at(m, i), i % 3 ? 0 : i + 1);
		for (size_t i = 1; i < PAGES; i += 3)
			*at(m, i) = 5;
	);
	holds(m, 0, PAGES);
}

TEST(brk_and_stack)
{
	char *top = sbrk(8 * PAGE);
	volatile char here[PAGE];

	memset(top, 'a', 8 * PAGE);
	here[0] = 'a';
	CHILD_OK(
		volatile char deep[64 * PAGE];

		deep[0] = here[0];
		CHECK_EQ(deep[0], 'a');
		CHECK(sbrk(-8 * (long)PAGE) != (void *)-1);
		CHECK(sbrk(8 * PAGE) == top);
		CHECK_EQ(top[0], 0);
		top[0] = 'b';
		here[0] = 'b';
	);
	CHECK_EQ(top[0], 'a');
	CHECK_EQ(top[8 * PAGE - 1], 'a');
	CHECK_EQ(here[0], 'a');
}

/* --- who has what ------------------------------------------------------------------------------ */
/* Each of a deep and wide tree of processes writes its own page, and finds those of its ancestors. */
static void branch(char *m, int depth, size_t me)
{
	pid_t kids[2];

	*at(m, me * 40) = 1000 + me;
	for (int i = 0; depth && i < 2; i++)
		kids[i] = SPAWN(branch(m, depth - 1, 2 * me + (size_t)i));
	for (size_t a = me; a; a /= 2)
		CHECK_EQ(*at(m, a * 40), 1000 + a);
	for (size_t i = 1; i < 16; i++) {	/* everybody else's pages are as they were */
		size_t a = me;

		while (a && a != i)
			a /= 2;
		if (!a && (i * 40) % 3)
			CHECK_EQ(*at(m, i * 40), 0);
	}
	for (int i = 0; depth && i < 2; i++)
		CHECK_EQ(check_wait(kids[i]), 0);
}
TEST(tree_of_forks) { branch(region(), 3, 1); }

/* Two VMAs that a child is not to have, side by side, and one it has empty, in tables with others. */
TEST(dontfork_wipeonfork)
{
	char *m = region();

	OK(madvise(m + 20 * PAGE, 9 * PAGE, MADV_DONTFORK));
	OK(madvise(m + 29 * PAGE, 3 * PAGE, MADV_WIPEONFORK));
	OK(mprotect(m + 200 * PAGE, 600 * PAGE, PROT_READ));
	OK(madvise(m + 200 * PAGE, 600 * PAGE, MADV_DONTFORK));
	OK(madvise(m + 800 * PAGE, 290 * PAGE, MADV_DONTFORK));
	for (int i = 0; i < 3; i++)
		CHILD_OK(
			CHECK_FAULT(check_read(m + 20 * PAGE), SIGSEGV, SEGV_MAPERR, m + 20 * PAGE);
			CHECK_FAULT(check_read(m + 512 * PAGE), SIGSEGV, SEGV_MAPERR, m + 512 * PAGE);
			CHECK_FAULT(check_read(m + 900 * PAGE), SIGSEGV, SEGV_MAPERR, m + 900 * PAGE);
			holds(m, 0, 20);
			CHECK_EQ(*at(m, 30), 0);
			holds(m, 32, 200);
			holds(m, 1090, PAGES);
			*at(m, 3) = 9;
		);
	holds(m, 0, PAGES);
}

/* A shared mapping in the middle of private memory stays shared; what is cut off goes for all. */
TEST(shared_mapping_inside)
{
	char *m = region();
	int fd = OK(memfd_create("s", 0));

	OK(ftruncate(fd, 8 * PAGE));
	CHECK(mmap(m + 60 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	      m + 60 * PAGE);
	for (int i = 60; i < 68; i++)
		m[i * PAGE] = 'a';
	volatile int *step = check_shared(PAGE);
	pid_t q = SPAWN(
		m[60 * PAGE] = 'b';
		*step = 1;
		check_wait_flag(step, 2);
		CHECK_EQ(m[61 * PAGE], 'c');
		CHECK_FAULT(check_read(m + 67 * PAGE), SIGBUS, BUS_ADRERR, m + 67 * PAGE);
		holds(m, 0, 60);
	);

	check_wait_flag(step, 1);
	CHECK_EQ(m[60 * PAGE], 'b');
	m[61 * PAGE] = 'c';
	OK(ftruncate(fd, 4 * PAGE));
	*step = 2;
	CHECK_EQ(check_wait(q), 0);
	CHECK_FAULT(check_read(m + 66 * PAGE), SIGBUS, BUS_ADRERR, m + 66 * PAGE);
	char c;
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK_EQ(c, 'b');
}

/* --- attacks ----------------------------------------------------------------------------------- */
/* A child puts its page into a pipe, or hands it out otherwise, and is gone; the parent writes. */
TEST(child_splices_and_exits)
{
	char *m = region(), buf[PAGE];
	int p[2];

	OK(pipe(p));
	CHILD_OK(
		struct iovec v = { m + 3 * PAGE, PAGE };

		CHECK_EQ(vmsplice(p[1], &v, 1, 0), PAGE);
	);
	*at(m, 3) = 99;
	CHECK_EQ(read(p[0], buf, PAGE), PAGE);
	CHECK_EQ(*(uint64_t *)buf, 4);
	holds(m, 0, 3);
}

/* What the parent has in a pipe shows what it writes, children or not, and none of theirs. */
TEST(parent_splices_and_forks)
{
	char *m = region(), buf[PAGE];
	struct iovec v = { m + 3 * PAGE, PAGE };
	int p[2];

	OK(pipe(p));
	CHECK_EQ(vmsplice(p[1], &v, 1, 0), PAGE);
	for (int i = 0; i < 3; i++)
		CHILD_OK(
			CHECK_EQ(*at(m, 3), 4);
			*at(m, 3) = 55;
			*at(m, 6) = 55;
		);
	*at(m, 3) = 98;
	CHILD_OK(CHECK_EQ(*at(m, 3), 98); *at(m, 3) = 54;);
	CHECK_EQ(read(p[0], buf, PAGE), PAGE);
	CHECK(*(uint64_t *)buf == 98 || !check_on_tine());	/* Linux: a pipe of no gifts pins nothing */
	*at(m, 3) = 4;
	CHILD_OK(holds(m, 0, PAGES); *at(m, 3) = 53;);	/* the mark on the table is stale now */
	holds(m, 0, PAGES);
}

static volatile int stop;

/* first, in one table, is always written before second, in another. */
static void *writer(void *m)
{
	volatile uint64_t *first = at(m, 3), *second = at(m, 600);

	for (uint64_t n = 1; !stop; n++) {
		*first = n;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		*second = n;
	}
	return NULL;
}

/* Threads write all the time while another forks: a child's memory stands still, at one moment. */
TEST(snapshot_of_running_threads)
{
	char *m = region();
	volatile uint64_t *first = at(m, 3), *second = at(m, 600);
	pthread_t t;

	*first = *second = 0;
	CHECK_EQ(pthread_create(&t, NULL, writer, m), 0);
	for (int i = 0; i < 150; i++)
		CHILD_OK(
			uint64_t b = *second;
			uint64_t a = *first;

			CHECK(a - b <= 1);
			sched_yield();
			CHECK_EQ(*first, a);
			CHECK_EQ(*second, b);
			*first = *second = 1ull << 60;
		);
	stop = 1;
	pthread_join(t, NULL);
	CHECK(*first < 1ull << 59);
	CHECK_EQ(*first, *second);
}

static void *toucher(void *arg)
{
	volatile char *p = arg;

	for (unsigned n = 1; !stop; n++) {
		*p = (char)n;
		if (*p != (char)n)
			FAIL("lost a write");
	}
	return NULL;
}

/*
 * Children end while threads write to other pages of the same table: it is taken back under TLBs that
 * still say read-only, and their faults find nothing to do.
 */
TEST(late_faults)
{
	char *m = region();
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, toucher, m + (size_t)(4 + 5 * i) * PAGE), 0);
	for (int i = 0; i < 150; i++)
		CHILD_OK(if (i % 2) *at(m, 4) = 1;);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

/* --- what is counted --------------------------------------------------------------------------- */
TEST(counted_right_from_the_start)
{
	region();
	long rss = check_number("/proc/self/status", "RssAnon"), pte = check_number("/proc/self/status", "VmPTE");

	CHILD_OK(
		long r = check_number("/proc/self/status", "RssAnon");
		long t = check_number("/proc/self/status", "VmPTE");

		CHECK(r > rss - 200 && r < rss + 200);
		CHECK(t > pte - 40 && t < pte + 40);
	);
}

static long shmem(void) { return check_number("/proc/self/status", "RssShmem"); }

/* File pages that are taken away while tables are shared are nobody's any more. */
TEST(counted_after_truncation)
{
	const long n = 400, kb = n * 4, slack = 160;	/* the program itself may lie in such memory */
	int fd = OK(memfd_create("t", 0));

	OK(ftruncate(fd, n * (long)PAGE));
	char *m = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	memset(m, 1, (size_t)n * PAGE);
	volatile int *step = check_shared(PAGE);
	pid_t q = SPAWN(
		long had = shmem();

		*step = 1;
		check_wait_flag(step, 2);
		if (shares_tables())
			CHECK_GE(had - shmem(), kb - slack);
		had = shmem();
		OK(munmap(m, (size_t)n * PAGE));
		CHECK_LE(labs(had - shmem()), slack);
	);
	long had = shmem();

	check_wait_flag(step, 1);
	OK(ftruncate(fd, 0));
	CHECK_GE(had - shmem(), kb - slack);
	*step = 2;
	CHECK_EQ(check_wait(q), 0);
	had = shmem();
	OK(munmap(m, (size_t)n * PAGE));
	CHECK_LE(labs(had - shmem()), slack);
}

/* One table of those on the way is copied where a page is written, and taken back when alone. */
TEST(what_is_shared_shows)
{
	if (!shares_tables())
		SKIP("page tables are not shared here");
	char *m = region();
	volatile int *step = check_shared(PAGE);
	long before = check_number("/proc/self/cow_tables", "shared_by_fork");
	pid_t q = SPAWN(
		check_wait_flag(step, 1);
	);
	for (int i = 0; i < 2; i++) {	/* heap, stack and data become ours */
		check_number("/proc/self/cow_tables", "taken_back");
		check_number("/proc/self/smaps_rollup", "SharedPageTables");
	}
	long leaf = check_number("/proc/self/cow_tables", "copied_leaf");
	long shared = check_number("/proc/self/smaps_rollup", "SharedPageTables");

	CHECK_EQ(check_number("/proc/self/cow_tables", "shared_by_fork"), before + 1);
	CHECK_GE(shared, 3 * 4);
	leaf = check_number("/proc/self/cow_tables", "copied_leaf");
	*at(m, 600) = 7;
	CHECK_EQ(check_number("/proc/self/cow_tables", "copied_leaf"), leaf + 1);
	*at(m, 603) = 7;			/* the same table */
	CHECK_EQ(check_number("/proc/self/cow_tables", "copied_leaf"), leaf + 1);
	CHECK_LE(check_number("/proc/self/smaps_rollup", "SharedPageTables"), shared - 4);
	shared = check_number("/proc/self/smaps_rollup", "SharedPageTables");
	*step = 1;
	CHECK_EQ(check_wait(q), 0);
	for (int i = 0; i < 200; i++) {		/* its memory may go a little later than it */
		bool gone = check_number("/proc/self/smaps_rollup", "SharedPageTables") < shared;

		check_sleep_ms(50);
		if (gone)
			break;
	}
	long taken = check_number("/proc/self/cow_tables", "taken_back");
	leaf = check_number("/proc/self/cow_tables", "copied_leaf"); /* the flag's table, perhaps */
	*at(m, 0) = 7;				/* nobody else has it any more */
	CHECK_EQ(check_number("/proc/self/cow_tables", "copied_leaf"), leaf);
	CHECK_GE(check_number("/proc/self/cow_tables", "taken_back"), taken + 1);
}

/* Tables that map nothing but what goes are left to the others, not copied first. */
TEST(whole_tables_are_given_up)
{
	if (!shares_tables())
		SKIP("page tables are not shared here");
	char *m = region();
	pid_t q = SPAWN(
		char *first = m + (512 - FIRST) * PAGE;
		long rss, leaf, left;

		*at(m, 0) = 7;			/* the way there is ours */
		rss = check_number("/proc/self/status", "VmRSS");
		leaf = check_number("/proc/self/cow_tables", "copied_leaf");
		left = check_number("/proc/vmstat", "cow_tables_given_up");
		OK(madvise(first, TABLE, MADV_DONTNEED));
		OK(munmap(first + TABLE, TABLE));
		CHECK_EQ(check_number("/proc/self/cow_tables", "copied_leaf"), leaf);
		CHECK_GE(check_number("/proc/vmstat", "cow_tables_given_up"), left + 2);
		CHECK_LE(check_number("/proc/self/status", "VmRSS"), rss - 209 * 4 + 40);
		CHECK_EQ(*(uint64_t *)first, 0);
		CHECK_EQ(*at(m, 3), 4);
	);

	CHECK_EQ(check_wait(q), 0);
	holds(m, 0, PAGES);
}

TEST(switch_per_process)
{
	if (!check_on_tine()) {
		ERR(prctl(PR_SET_COW_PAGE_TABLES, 1, 0, 0, 0), EINVAL);
		SKIP("Tine's own");
	}
	char *m = region();

	ERR(prctl(PR_SET_COW_PAGE_TABLES, 2, 0, 0, 0), EINVAL);
	ERR(prctl(PR_SET_COW_PAGE_TABLES, 0, 1, 0, 0), EINVAL);
	ERR(prctl(PR_GET_COW_PAGE_TABLES, 1, 0, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_GET_COW_PAGE_TABLES, 0, 0, 0, 0), 1);
	OK(prctl(PR_SET_COW_PAGE_TABLES, 0, 0, 0, 0));
	CHECK_EQ(check_number("/proc/self/cow_tables", "enabled"), 0);
	long forks = check_number("/proc/self/cow_tables", "shared_by_fork");
	CHILD_OK(
		CHECK_EQ(prctl(PR_GET_COW_PAGE_TABLES, 0, 0, 0, 0), 0);
		op_write(m, PAGES);
	);
	CHECK_EQ(check_number("/proc/self/cow_tables", "shared_by_fork"), forks);
	holds(m, 0, PAGES);
	OK(prctl(PR_SET_COW_PAGE_TABLES, 1, 0, 0, 0));
	CHILD_OK(op_write(m, PAGES));
	holds(m, 0, PAGES);
}
