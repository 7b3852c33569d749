/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is free in single pages all over becomes large blocks again: what is in between moves,
 * while programs use it.
 */
#include "check.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/mman.h>

#define BLOCK (2ul << 20)
#define COMPACT "/proc/sys/vm/compact_memory"

static void compact(void) { CHECK_EQ(check_put(COMPACT, "1"), 0); }

static void need_compaction(void)
{
	if (access(COMPACT, W_OK))
		SKIP("no " COMPACT);
}

/* Pages of their own, of which one in four stays; each begins with its number. */
static char *scattered(size_t pages)
{
	char *m = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(m != MAP_FAILED);
	madvise(m, pages * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i += 512)		/* page tables, which do not move, together */
		m[i * PAGE] = 1;
	for (size_t i = 0; i < pages; i++)
		*(size_t *)(m + i * PAGE) = i;
	for (size_t i = 0; i + 4 <= pages; i += 4)
		OK(madvise(m + (i + 1) * PAGE, 3 * PAGE, MADV_DONTNEED));
	return m;
}

static void check_scattered(char *m, size_t pages)
{
	for (size_t i = 0; i + 4 <= pages; i += 4)
		CHECK_EQ(*(size_t *)(m + i * PAGE), i);
}

/* How many of n blocks a program gets as such. */
static size_t get_blocks(size_t n)
{
	char *at = check_aligned(n * BLOCK, BLOCK);
	long kb;

	OK(madvise(at, n * BLOCK, MADV_HUGEPAGE));
	for (size_t i = 0; i < n; i++)
		at[i * BLOCK] = 1;
	kb = check_number("/proc/self/smaps_rollup", "AnonHugePages");
	OK(munmap(at, n * BLOCK));
	return (size_t)kb / (BLOCK >> 10);
}

TEST_TIMEOUT(makes_blocks, 120)
{
	size_t free_kb, pages, n;
	char *m;

	need_compaction();
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK))
		SKIP("no large folios here");
	free_kb = (size_t)check_number("/proc/meminfo", "MemFree");
	pages = (free_kb - free_kb / 8) / 4;
	n = free_kb / 4096;	/* half of what is free; an eighth was not scattered */
	m = scattered(pages);
	compact();
	CHECK_GE(get_blocks(n), n - n / 4);
	check_scattered(m, pages);
	for (size_t i = 0; i + 4 <= pages; i += 4)
		*(size_t *)(m + i * PAGE) += 1;
	check_scattered(m, 0);
	for (size_t i = 0; i + 4 <= pages; i += 4)
		CHECK_EQ(*(size_t *)(m + i * PAGE), i + 1);
}

/* A file of so many pages, mapped at *m, of which one in four is there; each begins with its number. */
static int scattered_file(size_t pages, char **m)
{
	int fd = OK(memfd_create("scattered", 0));

	OK(ftruncate(fd, (off_t)(pages * PAGE)));
	*m = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(*m != MAP_FAILED);
	madvise(*m, pages * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i += 64)	/* what the kernel keeps about it, together */
		(*m)[i * PAGE] = 1;
	for (size_t i = 0; i < pages; i++)
		*(size_t *)(*m + i * PAGE) = i;
	for (size_t i = 0; i + 4 <= pages; i += 4)
		OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)((i + 1) * PAGE),
			     3 * PAGE));
	return fd;
}

/* The pages of files in memory move, too, mapped or not. */
TEST_TIMEOUT(makes_blocks_of_what_files_leave, 120)
{
	size_t free_kb, pages, n, word;
	char *m;
	int fd;

	need_compaction();
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK))
		SKIP("no large folios here");
	free_kb = (size_t)check_number("/proc/meminfo", "MemFree");
	pages = (free_kb - free_kb / 8) / 4;
	n = free_kb / 4096;
	fd = scattered_file(pages, &m);
	OK(madvise(m, pages / 2 * PAGE, MADV_DONTNEED));	/* half of it is not mapped */
	compact();
	CHECK_GE(get_blocks(n), n - n / 4);
	for (size_t i = 0; i + 4 <= pages; i += 4) {
		CHECK_EQ(OK(pread(fd, &word, sizeof word, (off_t)(i * PAGE))), sizeof word);
		CHECK_EQ(word, i);
	}
	check_scattered(m, pages);
}

/* Nobody has asked for it but the program that wants large pages (MADV_HUGEPAGE). */
TEST_TIMEOUT(makes_blocks_at_a_fault, 120)
{
	size_t free_kb, pages, n;
	char word[64], *m;

	if (access("/sys/kernel/mm/transparent_hugepage", F_OK))
		SKIP("no large folios here");
	check_read_file("/sys/kernel/mm/transparent_hugepage/defrag", word, sizeof word);
	if (strstr(word, "[never]"))
		SKIP("defrag is never");
	free_kb = (size_t)check_number("/proc/meminfo", "MemFree");
	pages = (free_kb - free_kb / 16) / 4;
	n = free_kb / 4096;	/* half of what is free; a sixteenth was not scattered */
	m = scattered(pages);
	CHECK_GE(get_blocks(n), n / 2);
	check_scattered(m, pages);
}

/* --- beside users ----------------------------------------------------------------------------- */
#define PAGES 2000
static char *shared;
static volatile int stop;

/* Counts up the pages of its own; no count is lost. */
static void *writer(void *arg)
{
	size_t t = (size_t)arg;
	uint64_t n = 0;

	while (!stop) {
		n++;
		for (size_t i = t; i < PAGES; i += 8) {
			uint64_t *w = (uint64_t *)(shared + i * PAGE);

			if (*w != n - 1)
				FAIL("page %zu holds %llu, not %llu", i, (unsigned long long)*w,
				     (unsigned long long)n - 1);
			*w = n;
		}
	}
	return NULL;
}

/* how: MAP_PRIVATE or MAP_SHARED. */
static void disturb_writers(int how)
{
	pthread_t t[2];
	char *other;

	need_compaction();
	shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, how | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	madvise(shared, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, writer, (void *)(i * 4)), 0);
	for (int round = 0; round < 4; round++) {
		other = scattered(4 * PAGES);
		compact();
		check_scattered(other, 4 * PAGES);
		CHECK_EQ(IN_CHILD(compact(); check_scattered(other, 4 * PAGES)), 0);
		OK(munmap(other, 4 * PAGES * PAGE));
	}
	stop = 1;
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

TEST_TIMEOUT(beside_writers, 120) { disturb_writers(MAP_PRIVATE); }
TEST_TIMEOUT(beside_writers_of_a_file, 120) { disturb_writers(MAP_SHARED); }
