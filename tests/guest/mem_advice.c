/* SPDX-License-Identifier: BSD-2-Clause */
/* madvise, each advice; the OOM kill. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

TEST(dontneed_anon)
{
	char *p = check_anon(4 * PAGE);

	memset(p, 1, 4 * PAGE);
	OK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[2 * PAGE], 0);
	CHECK_EQ(p[3 * PAGE], 1);
	p[PAGE] = 2;
	CHECK_EQ(p[PAGE], 2);
}

TEST(dontneed_private_file)
{
	char *p;
	int fd;

	check_tmpdir();
	check_write_file("f", "file");
	fd = OK(open("f", O_RDWR));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'X';
	OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(memcmp(p, "file", 4), 0);
}

TEST(dontneed_shared_keeps)
{
	char *p = check_shared(2 * PAGE);

	p[0] = 5;
	OK(madvise(p, 2 * PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 5);
}

TEST(free_then_write)
{
	char *p = check_anon(4 * PAGE);

	memset(p, 1, 4 * PAGE);
	OK(madvise(p, 4 * PAGE, MADV_FREE));
	CHECK(p[0] == 0 || p[0] == 1);
	p[PAGE] = 7;		/* written again: kept from now on */
	CHECK_EQ(p[PAGE], 7);
	p = check_shared(PAGE);
	ERR(madvise(p, PAGE, MADV_FREE), EINVAL);
}

TEST(willneed_and_hints)
{
	char *p = check_anon(4 * PAGE);

	memset(p, 3, 4 * PAGE);
	OK(madvise(p, 4 * PAGE, MADV_WILLNEED));
	OK(madvise(p, 4 * PAGE, MADV_NORMAL));
	OK(madvise(p, 4 * PAGE, MADV_RANDOM));
	OK(madvise(p, 4 * PAGE, MADV_SEQUENTIAL));
	CHECK_EQ(p[3 * PAGE], 3);
}

TEST(dontfork)
{
	char *p = check_anon(3 * PAGE);

	memset(p, 1, 3 * PAGE);
	OK(madvise(p + PAGE, PAGE, MADV_DONTFORK));
	CHILD_OK(
		CHECK_EQ(p[0], 1);
		CHECK_FAULT(check_read(p + PAGE), SIGSEGV, SEGV_MAPERR, p + PAGE);
		CHECK_EQ(p[2 * PAGE], 1);
	);
	CHECK_EQ(p[PAGE], 1);
	OK(madvise(p + PAGE, PAGE, MADV_DOFORK));
	CHILD_OK(CHECK_EQ(p[PAGE], 1););
}

/* Two of them, and nothing else, in what one page table maps. */
TEST(dontfork_alone_in_a_table)
{
	const size_t size = 8ul << 20;
	char *p = check_anon(size), *at = p + size / 2;

	OK(munmap(p, size / 2));
	OK(munmap(at + 3 * PAGE, size / 2 - 3 * PAGE));
	OK(munmap(at + PAGE, PAGE));
	at[0] = at[2 * PAGE] = 1;
	OK(madvise(at, PAGE, MADV_DONTFORK));
	OK(madvise(at + 2 * PAGE, PAGE, MADV_DONTFORK));
	CHILD_OK(
		CHECK_FAULT(check_read(at), SIGSEGV, SEGV_MAPERR, at);
		CHECK_FAULT(check_read(at + 2 * PAGE), SIGSEGV, SEGV_MAPERR, at + 2 * PAGE);
	);
	CHECK_EQ(at[0] + at[2 * PAGE], 2);
}

TEST(wipeonfork)
{
	char *p = check_anon(3 * PAGE);

	memset(p, 1, 3 * PAGE);
	OK(madvise(p + PAGE, PAGE, 18 /* MADV_WIPEONFORK */));
	CHILD_OK(
		CHECK_EQ(p[0], 1);
		CHECK_EQ(p[PAGE], 0);
		CHECK_EQ(p[2 * PAGE], 1);
		p[PAGE] = 9;
		CHILD_OK(CHECK_EQ(p[PAGE], 0););	/* inherited */
	);
	CHECK_EQ(p[PAGE], 1);
	OK(madvise(p + PAGE, PAGE, 19 /* MADV_KEEPONFORK */));
	CHILD_OK(CHECK_EQ(p[PAGE], 1););
	p = check_shared(PAGE);
	ERR(madvise(p, PAGE, 18), EINVAL);
}

TEST(populate_write)
{
	unsigned char vec[4];
	char *p = check_anon(4 * PAGE);

	OK(madvise(p, 4 * PAGE, MADV_POPULATE_WRITE));
	OK(mincore(p, 4 * PAGE, vec));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(vec[i] & 1, 1);
	OK(mprotect(p, PAGE, PROT_READ));
	ERR(madvise(p, 4 * PAGE, MADV_POPULATE_WRITE), EINVAL);
	OK(munmap(p + PAGE, PAGE));
	ERR(madvise(p + PAGE, 2 * PAGE, MADV_POPULATE_WRITE), ENOMEM);
}

TEST(populate_read)
{
	unsigned char vec[4];
	char *p;
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	OK(ftruncate(fd, 2 * PAGE));
	p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	OK(madvise(p, 2 * PAGE, MADV_POPULATE_READ));
	OK(mincore(p, 2 * PAGE, vec));
	CHECK_EQ(vec[0] & vec[1] & 1, 1);
	ERR(madvise(p, 4 * PAGE, MADV_POPULATE_READ), EFAULT);	/* SIGBUS territory */
	OK(mprotect(p, PAGE, PROT_NONE));
	ERR(madvise(p, PAGE, MADV_POPULATE_READ), EINVAL);
}

TEST(errors)
{
	char *p = check_anon(3 * PAGE);

	ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	ERR(madvise(p, PAGE, 12345), EINVAL);
	ERR(madvise(p, -PAGE, MADV_DONTNEED), EINVAL);
	OK(madvise(p, 0, MADV_DONTNEED));
	OK(munmap(p + PAGE, PAGE));
	memset(p, 1, PAGE);
	memset(p + 2 * PAGE, 1, PAGE);
	/* the hole is reported, the rest is done all the same */
	ERR(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[2 * PAGE], 0);
}

TEST(dontneed_many_rounds)
{
	size_t len = 2048 * PAGE;
	char *p = check_anon(len);

	for (int r = 0; r < 20; r++) {
		for (size_t i = 0; i < len; i += PAGE) {
			CHECK_EQ(p[i], 0);
			p[i] = 1;
		}
		OK(madvise(p, len, MADV_DONTNEED));
	}
}

/* A process that takes all memory is killed; nobody else is. */
TEST_TIMEOUT(oom_kill, 120)
{
	struct sysinfo si;
	int st;

	OK(sysinfo(&si));
	if (si.totalram * si.mem_unit > 1UL << 30)
		SKIP("more than 1 GiB of memory");
	st = IN_CHILD({
		check_write_file("/proc/self/oom_score_adj", "1000");
		for (;;) {
			char *p = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				continue;
			memset(p, 1, 16 << 20);
		}
	});
	CHECK(WIFSIGNALED(st));
	CHECK_EQ(WTERMSIG(st), SIGKILL);
	/* all of it is back */
	struct sysinfo after;

	check_sleep_ms(200);
	OK(sysinfo(&after));
	CHECK_GE(after.freeram * after.mem_unit, si.freeram * si.mem_unit / 2);
}
