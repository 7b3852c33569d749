/* SPDX-License-Identifier: BSD-2-Clause */
/* Copy-on-write: parent and children never see one another's writes, whatever the order. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)

static void fill(int *p, size_t pages, int seed)
{
	for (size_t i = 0; i < pages; i++)
		p[i * PAGE / 4] = seed + i;
}

static void expect(const int *p, size_t pages, int seed)
{
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(p[i * PAGE / 4], seed + (int)i);
}

TEST(child_writes)
{
	int *p = check_anon(64 * PAGE);

	fill(p, 64, 100);
	CHILD_OK(expect(p, 64, 100); fill(p, 64, 500); expect(p, 64, 500););
	expect(p, 64, 100);
}

TEST(parent_writes)
{
	volatile int *go = check_shared(PAGE);
	int *p = check_anon(64 * PAGE);
	pid_t pid;

	fill(p, 64, 100);
	pid = SPAWN(check_wait_flag(go, 1); expect(p, 64, 100););
	fill(p, 64, 900);
	*go = 1;
	CHECK_EQ(check_wait(pid), 0);
	expect(p, 64, 900);
}

TEST(generations)
{
	int *p = check_anon(16 * PAGE);

	fill(p, 16, 0);
	CHILD_OK(
		fill(p, 8, 10);
		CHILD_OK(
			expect(p, 8, 10);
			expect(p + 8 * PAGE / 4, 8, 8);
			fill(p, 16, 1000);
			CHILD_OK(expect(p, 16, 1000); fill(p, 16, 5););
			expect(p, 16, 1000);
		);
		expect(p, 8, 10);
		expect(p + 8 * PAGE / 4, 8, 8);
	);
	expect(p, 16, 0);
}

TEST(many_children)
{
	enum { N = 16 };
	volatile int *go = check_shared(PAGE);
	int *p = check_anon(32 * PAGE);
	pid_t pid[N];

	fill(p, 32, 7);
	for (int i = 0; i < N; i++) {
		pid[i] = SPAWN(
			check_wait_flag(go, 1);
			expect(p, 32, 7);
			fill(p, 32, i * 100);
			expect(p, 32, i * 100);
		);
	}
	*go = 1;
	for (int i = 0; i < N; i++)
		CHECK_EQ(check_wait(pid[i]), 0);
	expect(p, 32, 7);
}

TEST(kernel_writes_break_sharing)
{
	int *p = check_anon(PAGE), fds[2], v = 77;

	*p = 1;
	OK(pipe(fds));
	CHECK_EQ(write(fds[1], &v, sizeof v), (long)sizeof v);
	CHILD_OK(
		CHECK_EQ(read(fds[0], p, sizeof *p), (long)sizeof *p);
		CHECK_EQ(*p, 77);
	);
	CHECK_EQ(*p, 1);
}

TEST(zero_page_after_fork)
{
	int *p = check_anon(4 * PAGE);

	CHECK_EQ(p[0], 0);		/* read only: the shared zero page */
	CHILD_OK(p[0] = 5; CHECK_EQ(p[PAGE / 4], 0););
	CHECK_EQ(p[0], 0);
	p[0] = 6;
	CHECK_EQ(p[0], 6);
}

TEST(protection_after_fork)
{
	char *p = check_anon(2 * PAGE);

	p[0] = 1;
	p[PAGE] = 1;
	OK(mprotect(p, PAGE, PROT_READ));
	CHILD_OK(
		CHECK_FAULT(check_write(p), SIGSEGV, SEGV_ACCERR, p);
		OK(mprotect(p, PAGE, RW));
		NO_FAULT(check_write(p));
		p[0] = 2;
	);
	CHECK_FAULT(check_write(p), SIGSEGV, SEGV_ACCERR, p);
	CHECK_EQ(p[0], 1);
}

TEST(unmap_in_child)
{
	char *p = check_anon(64 * PAGE);

	memset(p, 1, 64 * PAGE);
	CHILD_OK(OK(munmap(p, 64 * PAGE)););
	for (size_t i = 0; i < 64; i++)
		CHECK_EQ(p[i * PAGE], 1);
	CHILD_OK(OK(madvise(p, 64 * PAGE, MADV_DONTNEED)); CHECK_EQ(p[0], 0););
	CHECK_EQ(p[0], 1);
}

TEST(mremap_in_child)
{
	char *p = check_anon(16 * PAGE);

	for (int i = 0; i < 16; i++)
		p[i * PAGE] = i;
	CHILD_OK(
		char *to = check_anon(16 * PAGE);
		char *q = mremap(p, 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		CHECK(q == to);
		for (int i = 0; i < 16; i++)
			CHECK_EQ(q[i * PAGE], i);
		memset(q, 99, 16 * PAGE);
	);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(p[i * PAGE], i);
}

TEST(stack_and_data)
{
	static int data = 1;
	static int bss;
	volatile int local = 3;

	CHILD_OK(data = 2; bss = 2; local = 2; CHECK_EQ(local, 2););
	CHECK_EQ(data, 1);
	CHECK_EQ(bss, 0);
	CHECK_EQ(local, 3);
}

TEST(parent_exits_first)
{
	volatile int *state = check_shared(PAGE);
	int *p = check_anon(32 * PAGE);
	int st;

	fill(p, 32, 3);
	/* the grandchild outlives the process it shares pages with */
	st = IN_CHILD(
		pid_t parent = getpid();

		SPAWN(
			while (getppid() == parent)
				check_sleep_ms(1);
			expect(p, 32, 3);
			fill(p, 32, 4);
			expect(p, 32, 4);
			*state = 1;
		);
	);
	CHECK_EQ(st, 0);
	check_wait_flag(state, 1);
	expect(p, 32, 3);
}

TEST(big_region)
{
	size_t pages = 4096;		/* 16 MiB: several tables, contiguous runs */
	int *p = check_anon(pages * PAGE);

	fill(p, pages, 11);
	for (int round = 0; round < 3; round++) {
		CHILD_OK(
			expect(p, pages, 11);
			for (size_t i = round; i < pages; i += 7)
				p[i * PAGE / 4] = -1;
			for (size_t i = 0; i < pages; i++)
				CHECK_EQ(p[i * PAGE / 4],
					 i % 7 == (size_t)round ? -1 : 11 + (int)i);
		);
	}
	expect(p, pages, 11);
}

TEST_TIMEOUT(random_tree, 60)
{
	enum { PAGES = 128, ROUNDS = 40 };
	int *p = check_anon(PAGES * PAGE), model[PAGES];
	unsigned int seed = 12345;

	memset(model, 0, sizeof model);
	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < 20; i++) {
			int n = rand_r(&seed) % PAGES;

			p[n * PAGE / 4] = model[n] = rand_r(&seed);
		}
		CHILD_OK(
			for (int i = 0; i < PAGES; i++)
				CHECK_EQ(p[i * PAGE / 4], model[i]);
			for (int i = 0; i < 30; i++)
				p[rand_r(&seed) % PAGES * PAGE / 4] = -5;
		);
		for (int i = 0; i < PAGES; i++)
			CHECK_EQ(p[i * PAGE / 4], model[i]);
	}
}
