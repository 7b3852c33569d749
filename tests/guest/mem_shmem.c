/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large folios of files in memory: what /sys/kernel/mm/transparent_hugepage/...shmem_enabled makes of
 * shared memory and memfds, and that contents, holes and sizes are the same with any of them.
 */
#include "check.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define BLOCK (64ul << 10)
#define BIG (2ul << 20)

static const char *const sizes[] = { "16", "64", "512", "2048" };

static char *path_of(const char *kb)
{
	static char path[128];

	snprintf(path, sizeof path, THP "hugepages-%skB/shmem_enabled", kb);
	return path;
}

static void get_word(const char *path, char *word, size_t size)
{
	char buf[160];

	snprintf(word, size, "%s", check_chosen(path, buf, sizeof buf));
}

#define NR_SIZES (sizeof sizes / sizeof sizes[0])

/* Runs fn with each size's word set and the others never, and puts back what was there. */
static void with_each(const char *word, void (*fn)(size_t size))
{
	char was[NR_SIZES][32];
	int st = 0;

	if (access(path_of("64"), W_OK))
		SKIP("no large folios of files here");
	for (unsigned i = 0; i < NR_SIZES; i++)
		get_word(path_of(sizes[i]), was[i], sizeof was[i]);
	for (unsigned i = 0; i < NR_SIZES && !st; i++) {
		for (unsigned k = 0; k < NR_SIZES; k++)
			CHECK_EQ(check_put(path_of(sizes[k]), k == i ? word : "never"), 0);
		st = IN_CHILD(fn(strtoul(sizes[i], NULL, 10) << 10););
	}
	for (unsigned i = 0; i < NR_SIZES; i++)
		CHECK_EQ(check_put(path_of(sizes[i]), was[i]), 0);
	if (st)
		FAIL("wait status %#x", st);
}

TEST(words)
{
	static const char *const words[] = { "always", "within_size", "advise", "never", "inherit" };
	char was[32], now[32];

	if (access(path_of("64"), W_OK))
		SKIP("no large folios of files here");
	get_word(path_of("64"), was, sizeof was);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(check_put(path_of("64"), words[i]), 0);
		get_word(path_of("64"), now, sizeof now);
		CHECK_STR(now, words[i]);
	}
	CHECK_EQ(check_put(path_of("64"), "alway"), EINVAL);
	CHECK_EQ(check_put(path_of("64"), was), 0);
	get_word(THP "shmem_enabled", was, sizeof was);
	CHECK_EQ(check_put(THP "shmem_enabled", "inherit"), EINVAL);
	CHECK_EQ(check_put(THP "shmem_enabled", "within_size"), 0);
	get_word(THP "shmem_enabled", now, sizeof now);
	CHECK_STR(now, "within_size");
	CHECK_EQ(check_put(THP "shmem_enabled", was), 0);
}

/* A file of len bytes mapped where its blocks of 2 MiB lie aligned. */
static char *map_aligned(int fd, size_t len)
{
	char *p = check_aligned(len, BIG);

	CHECK(mmap(p, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == p);
	return p;
}

static void check_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			FAIL("byte %zu of %zu: %d", i, len, p[i]);
}

static void fault_and_cut(size_t size)
{
	int fd = OK(memfd_create("large", 0));
	size_t len = 2 * BIG, at = BIG + size / 2;
	char *p;
	struct stat st;

	OK(ftruncate(fd, (off_t)len));
	p = map_aligned(fd, len);
	p[at] = 1;
	OK(fstat(fd, &st));
	if (check_on_tine())
		CHECK_EQ(st.st_blocks * 512, size);	/* of that size, and no more */
	p[at] = 0;
	check_zero(p, len);
	memset(p, 3, len);
	if (check_on_tine() && size >= BLOCK)
		CHECK_EQ(check_smaps(p, PAGE, "ContPte") + check_smaps(p, PAGE, "ShmemPmdMapped"), (long)(len >> 10));
	CHILD_OK(
		for (size_t i = 0; i < len; i += PAGE)
			CHECK_EQ(p[i], 3);
		memset(p + BIG, 4, PAGE);
	);
	CHECK_EQ(p[BIG], 4);
	/* a hole of one page, and of parts */
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, PAGE));
	OK(fstat(fd, &st));
	CHECK_LE(st.st_blocks * 512, len - PAGE + PAGE * (at % PAGE != 0));
	check_zero(p + at, PAGE);
	CHECK_EQ(p[at - 1], 3);
	CHECK_EQ(p[at + PAGE], 3);
	OK(madvise(p + PAGE, PAGE, MADV_REMOVE));
	check_zero(p + PAGE, PAGE);
	CHECK_EQ(p[2 * PAGE], 3);
	/* shorter, and longer again */
	OK(ftruncate(fd, (off_t)(3 * PAGE + 10)));
	CHECK_FAULT(check_read(p + 4 * PAGE), SIGBUS, BUS_ADRERR, p + 4 * PAGE);
	CHECK_EQ(p[3 * PAGE + 9], 3);
	OK(fstat(fd, &st));
	CHECK_LE(st.st_blocks * 512, 4 * PAGE);
	OK(ftruncate(fd, (off_t)len));
	check_zero(p + 3 * PAGE + 10, len - 3 * PAGE - 10);
	CHECK_EQ(p[0], 3);
	p[len - 1] = 9;
	CHECK_EQ(p[len - 1], 9);
}

TEST_TIMEOUT(always, 60)
{
	with_each("always", fault_and_cut);
}

TEST_TIMEOUT(within_size, 60)
{
	with_each("within_size", fault_and_cut);
}

/* Nothing beyond the end of the file is made. */
static void small_file(size_t size)
{
	int fd = OK(memfd_create("small", 0));
	struct stat st;
	char *p;

	(void)size;
	OK(ftruncate(fd, 3 * PAGE));
	p = map_aligned(fd, BIG);
	p[0] = 1;
	OK(fstat(fd, &st));
	CHECK_LE(st.st_blocks * 512, 3 * PAGE);
	CHECK_FAULT(check_read(p + 3 * PAGE), SIGBUS, BUS_ADRERR, p + 3 * PAGE);
}

TEST(within_a_small_file)
{
	with_each("within_size", small_file);
}

/* With advise only where it is given. */
static void advised(size_t size)
{
	int fd = OK(memfd_create("advised", 0));
	struct stat st;
	char *p;

	OK(ftruncate(fd, 2 * BIG));
	p = map_aligned(fd, 2 * BIG);
	p[0] = 1;
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_blocks * 512, PAGE);
	OK(madvise(p, 2 * BIG, MADV_HUGEPAGE));
	p[BIG] = 1;
	OK(fstat(fd, &st));
	if (check_on_tine())
		CHECK_EQ(st.st_blocks * 512, PAGE + size);
}

TEST(advise)
{
	with_each("advise", advised);
}

/* Blocks of fd: want bytes, or what sharing folios of size with them makes of it. */
static void check_blocks(int fd, size_t want, size_t size)
{
	struct stat st;

	OK(fstat(fd, &st));
	CHECK_LE(want, st.st_blocks * 512);
	CHECK_LE(st.st_blocks * 512, want + 2 * (size - PAGE));
}

/* Writes, of which folios may be larger. */
static void written(size_t size)
{
	static char buf[2 * BIG + PAGE];
	int fd = OK(memfd_create("written", 0));
	struct stat st;
	char *p;

	memset(buf, 7, sizeof buf);
	OK(lseek(fd, (off_t)(BIG - 3 * PAGE), SEEK_SET));
	CHECK_EQ(OK(write(fd, buf, BIG + PAGE)), BIG + PAGE);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 2 * BIG - 2 * PAGE);
	check_blocks(fd, BIG + PAGE, size);
	CHECK_EQ(OK(pwrite(fd, buf, PAGE, 0)), PAGE);
	check_blocks(fd, BIG + 2 * PAGE, size);
	CHECK_EQ(OK(pwrite(fd, buf, BIG, 100)), BIG);	/* over holes and pages */
	OK(ftruncate(fd, (off_t)(2 * BIG)));
	p = map_aligned(fd, 2 * BIG);
	for (size_t i = 0; i < 2 * BIG - 2 * PAGE; i++)
		if (p[i] != 7)
			FAIL("byte %zu: %d", i, p[i]);
	check_zero(p + 2 * BIG - 2 * PAGE, 2 * PAGE);
	/* the source cannot be read half-way */
	OK(mprotect((char *)(((uintptr_t)buf + BIG) & ~(PAGE - 1)), PAGE, PROT_NONE));
	fd = OK(memfd_create("cut short", 0));
	p = (char *)(((uintptr_t)buf + PAGE) & ~(PAGE - 1));
	OK(lseek(fd, 0, SEEK_SET));
	{
		ssize_t n = OK(write(fd, p, 2 * BIG - PAGE)), want = (ssize_t)(((uintptr_t)buf + BIG) &
						~(PAGE - 1)) - (ssize_t)(uintptr_t)p;

		CHECK_LE(n, want);
		OK(fstat(fd, &st));
		CHECK_EQ(st.st_size, n);
		OK(ftruncate(fd, (off_t)(2 * BIG)));
		p = map_aligned(fd, 2 * BIG);
		CHECK_EQ(p[n - 1], 7);
		check_zero(p + n, 2 * BIG - (size_t)n);
	}
}

TEST_TIMEOUT(writes, 60)
{
	with_each("always", written);
}

/* As they are set by default: programs in memory come in blocks that one TLB entry maps. */
TEST(text_by_default)
{
	static char buf[4 * BLOCK];
	int fd = OK(memfd_create("text", 0));
	char *p;

	if (!check_on_tine())
		SKIP("Linux decides otherwise");
	CHECK_EQ(OK(write(fd, buf, sizeof buf)), sizeof buf);
	p = map_aligned(fd, BIG);
	CHECK_EQ(p[BLOCK], 0);
	CHECK_EQ(check_smaps(p, PAGE, "Rss"), 64);
	CHECK_EQ(check_smaps(p, PAGE, "ContPte"), 64);
}
