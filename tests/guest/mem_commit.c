/* SPDX-License-Identifier: BSD-2-Clause */
/* What processes are promised: vm.overcommit_*, Committed_AS, CommitLimit. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MIB (1L << 20)
#define MAP(...) ((char *)OK(mmap(NULL, __VA_ARGS__)))

static long meminfo(const char *name) { return check_number("/proc/meminfo", name); }
static long committed(void) { return meminfo("Committed_AS"); }

static long number(const char *path) { return check_number(path, NULL); }

/* Linux's sum lags behind by what each CPU keeps to itself. */
static bool about(long a, long b) { return labs(a - b) <= 2048; }
#define ABOUT(a, b)								\
	do {									\
		long a_ = (a), b_ = (b);					\
		if (!about(a_, b_))						\
			FAIL("%s: %ld, not about %ld", #a, a_, b_);		\
	} while (0)

TEST(what_counts)
{
	long base = committed(), size = 64 * MIB;
	char *p = MAP(size, RW, ANON, -1, 0), *q;
	int fd;

	ABOUT(committed(), base + 65536);
	CHILD_OK(ABOUT(committed(), base + 2 * 65536));
	ABOUT(committed(), base + 65536);
	OK(munmap(p, size / 2));
	ABOUT(committed(), base + 32768);
	OK(mprotect(p + size / 2, size / 2, PROT_READ));	/* nothing in it yet */
	ABOUT(committed(), base);
	OK(mprotect(p + size / 2, size / 2, RW));
	p[size / 2] = 1;
	OK(mprotect(p + size / 2, size / 2, PROT_READ));	/* holds data: still counts */
	ABOUT(committed(), base + 32768);
	OK(munmap(p + size / 2, size / 2));
	p = MAP(size, PROT_READ, ANON, -1, 0);	/* cannot */
	ABOUT(committed(), base);
	OK(mprotect(p, size / 2, RW));
	ABOUT(committed(), base + 32768);
	OK(munmap(p, size));
	p = MAP(size, RW, ANON | MAP_NORESERVE, -1, 0);
	ABOUT(committed(), base);
	OK(munmap(p, size));
	p = MAP(size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ABOUT(committed(), base + 65536);
	CHILD_OK(ABOUT(committed(), base + 65536));	/* one object, however many map it */
	OK(munmap(p, size));
	p = MAP(size / 2, RW, ANON, -1, 0);
	q = mremap(p, size / 2, size, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	ABOUT(committed(), base + 65536);
	CHECK(mremap(q, size, PAGE, 0) == q);
	ABOUT(committed(), base);
	q = (char *)OK(sbrk(size));
	ABOUT(committed(), base + 65536);
	OK(brk(q));
	fd = OK(memfd_create("m", 0));
	OK(ftruncate(fd, size));
	ABOUT(committed(), base);			/* by the page */
	OK(fallocate(fd, 0, 0, size));
	ABOUT(committed(), base + 65536);
	p = MAP(size, RW, MAP_PRIVATE, fd, 0);	/* may be copied all */
	ABOUT(committed(), base + 2 * 65536);
	close(fd);
	OK(munmap(p, size));
	ABOUT(committed(), base);
}

TEST(limit_of_mode_2)
{
	char ratio[16];

	snprintf(ratio, sizeof ratio, "%ld", number("/proc/sys/vm/overcommit_ratio"));
	check_write_file("/proc/sys/vm/overcommit_ratio", "25");
	ABOUT(meminfo("CommitLimit"), meminfo("MemTotal") / 4);
	check_write_file("/proc/sys/vm/overcommit_kbytes", "123456");
	CHECK_EQ(meminfo("CommitLimit"), 123456);
	CHECK_EQ(number("/proc/sys/vm/overcommit_ratio"), 0);
	check_write_file("/proc/sys/vm/overcommit_ratio", ratio);
	CHECK_EQ(number("/proc/sys/vm/overcommit_kbytes"), 0);
}

/* In a child, so that a failure leaves the machine as it was. */
static void never(void)
{
	long left = meminfo("CommitLimit") - committed(), half = left / 2 * 1024 & -PAGE;
	char *p = MAP(half, RW, ANON, -1, 0);
	int fds[2];

	CHECK(mmap(NULL, left * 1024, RW, ANON, -1, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(mmap(NULL, left * 1024, RW, ANON | MAP_NORESERVE, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	CHECK(mmap(NULL, left * 1024, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	(void)MAP(left * 1024, PROT_READ, ANON, -1, 0);
	CHECK(mremap(p, half, left * 1024, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
	CHECK(sbrk(left * 1024) == (void *)-1 && errno == ENOMEM);
	/* in its own place it takes no more than it had */
	CHECK(mmap(p, half, RW, ANON | MAP_FIXED, -1, 0) == p);
	p = MAP(left * 1024, PROT_READ, ANON, -1, 0);
	ERR(mprotect(p, left * 1024, RW), ENOMEM);
	p = MAP(half / 2, RW, ANON, -1, 0);
	ERR(fork(), ENOMEM);		/* would need all of that once more */
	OK(pipe(fds));			/* and the process goes on */
}

TEST(mode_2)
{
	int st;

	check_write_file("/proc/sys/vm/overcommit_ratio", "80");
	check_write_file("/proc/sys/vm/overcommit_memory", "2");
	st = IN_CHILD(never());
	check_write_file("/proc/sys/vm/overcommit_memory", "0");
	check_write_file("/proc/sys/vm/overcommit_ratio", "50");
	CHECK_EQ(st, 0);
}

TEST(mode_1)
{
	char *p;

	ERR(mmap(NULL, 1L << 40, RW, ANON, -1, 0), ENOMEM);
	check_write_file("/proc/sys/vm/overcommit_memory", "1");
	p = mmap(NULL, 1L << 40, RW, ANON, -1, 0);
	check_write_file("/proc/sys/vm/overcommit_memory", "0");
	CHECK(p != MAP_FAILED);
	p[1L << 39] = 1;
}

/* Low addresses are for those who may. */
TEST(lowest_address)
{
	long low = number("/proc/sys/vm/mmap_min_addr");

	CHECK_EQ(low, PAGE);
	check_write_file("/proc/sys/vm/mmap_min_addr", "65536");
	CHILD_OK(
		check_become(4321, 4321);
		CHECK(mmap((void *)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED);
		CHECK_EQ(errno, EPERM);
		CHECK(mmap((void *)65536, PAGE, RW, ANON | MAP_FIXED, -1, 0) == (void *)65536);
	);
	check_write_file("/proc/sys/vm/mmap_min_addr", "4096");
	CHILD_OK(
		check_become(4321, 4321);
		CHECK(mmap((void *)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == (void *)PAGE);
	);
}
