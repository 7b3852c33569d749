/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large folios that are taken apart: what a program no longer maps of one goes back when memory is
 * wanted, and /sys/kernel/debug/split_huge_pages splits on request. Contents stay what they were.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define BLOCK (2ul << 20)
#define SPLIT "/sys/kernel/debug/split_huge_pages"

static uint64_t *page_of(char *m, size_t i) { return (uint64_t *)(m + i * PAGE); }

/* n blocks, aligned, of which each page begins with its number + key */
static char *blocks(size_t n, uint64_t key)
{
	char *m = check_aligned(n * BLOCK, BLOCK);

	madvise(m, n * BLOCK, MADV_HUGEPAGE);
	for (size_t i = 0; i < n * BLOCK / PAGE; i++)
		*page_of(m, i) = key + i;
	return m;
}

static void check_pages(char *m, size_t first, size_t n, uint64_t key)
{
	for (size_t i = first; i < first + n; i++)
		CHECK_EQ(*page_of(m, i), key + i);
}

static long huge_kb(void) { return check_number("/proc/self/smaps_rollup", "AnonHugePages"); }

static void need_debugfs(void)
{
	if (access(SPLIT, W_OK))
		SKIP("no " SPLIT);
}

static void split_range(char *m, size_t len, int order)
{
	char text[100];

	snprintf(text, sizeof text, "%d,0x%lx,0x%lx,%d", getpid(), (unsigned long)m,
		 (unsigned long)m + len, order);
	CHECK_EQ(check_put(SPLIT, text), 0);
}

/* --- what nobody maps goes back --------------------------------------------------------------- */
/* Of every 16 pages one stays: most of the memory is there again. */
static void give_back(void (*unmap)(char *m, size_t len))
{
	const size_t n = 16;
	long before, after, most = (long)(n * BLOCK >> 10) * (check_on_tine() ? 3 : 2) / 4;
	char *m;		/* Linux's free memory goes up and down by some MiB meanwhile */

	if (geteuid())
		SKIP("not root");
	m = blocks(n, 1);
	before = check_number("/proc/meminfo", "MemFree");
	for (size_t i = 0; i < n * BLOCK / PAGE; i += 16)
		unmap(m + (i + 1) * PAGE, 15 * PAGE);
	for (int tries = 0; tries < 20; tries++) {
		CHECK_EQ(check_put("/proc/sys/vm/drop_caches", "2"), 0);
		after = check_number("/proc/meminfo", "MemFree");
		if (after - before >= most)
			break;
		usleep(100000);
	}
	CHECK_GE(after - before, most);
	for (size_t i = 0; i < n * BLOCK / PAGE; i += 16)
		check_pages(m, i, 1, 1);
	for (size_t i = 0; i < n * BLOCK / PAGE; i += 16)
		*page_of(m, i) += 10;
	for (size_t i = 0; i < n * BLOCK / PAGE; i += 16)
		check_pages(m, i, 1, 11);
}

static void by_advice(char *m, size_t len) { OK(madvise(m, len, MADV_DONTNEED)); }
static void by_munmap(char *m, size_t len) { OK(munmap(m, len)); }

TEST(give_back_advised) { give_back(by_advice); }
TEST(give_back_unmapped) { give_back(by_munmap); }

/* The half of a folio that is still mapped is the child's alone. */
TEST(give_back_shared)
{
	char *m = blocks(2, 1);
	int go[2];
	pid_t pid;
	char c;

	if (geteuid())
		SKIP("not root");
	OK(pipe(go));
	pid = check_fork();
	if (!pid) {
		OK(madvise(m, BLOCK / 2, MADV_DONTNEED));
		OK(munmap(m + BLOCK, BLOCK / 2));
		CHECK_EQ(read(go[0], &c, 1), 1);
		CHECK_EQ(check_put("/proc/sys/vm/drop_caches", "2"), 0);
		check_pages(m, 256, 256, 1);
		check_pages(m, 768, 256, 1);
		CHECK_EQ(*page_of(m, 3), 0);
		*page_of(m, 300) = 7;
		CHECK_EQ(*page_of(m, 300), 7);
		_exit(0);
	}
	check_pages(m, 0, 1024, 1);
	OK(munmap(m, 2 * BLOCK));
	CHECK_EQ(write(go[1], "g", 1), 1);
	CHECK_EQ(check_wait(pid), 0);
}

/* --- on request ------------------------------------------------------------------------------- */
TEST(split_to_pages)
{
	char *m = blocks(4, 1);

	need_debugfs();
	if (huge_kb() < (long)(4 * BLOCK >> 10))
		SKIP("no large folios here");
	split_range(m, 4 * BLOCK, 0);
	CHECK_EQ(huge_kb(), 0);
	check_pages(m, 0, 2048, 1);
	for (size_t i = 0; i < 2048; i++)
		*page_of(m, i) += 5;
	check_pages(m, 0, 2048, 6);
}

TEST(split_to_orders)
{
	need_debugfs();
	for (int order = 0; order < 9; order++) {
		char *m;

		if (order == 1)
			continue;
		m = blocks(1, order);
		split_range(m, BLOCK, order);
		CHECK_EQ(huge_kb(), 0);
		check_pages(m, 0, 512, order);
		OK(munmap(m + 17 * PAGE, 3 * PAGE));
		check_pages(m, 0, 17, order);
		check_pages(m, 20, 492, order);
		OK(munmap(m, BLOCK));
	}
}

/* What is all zeros need not be there any more. */
TEST(split_zeros)
{
	char *m = blocks(2, 0);
	long rss;

	need_debugfs();
	memset(m, 0, 2 * BLOCK);
	*page_of(m, 5) = 5;
	*page_of(m, 600) = 600;
	rss = check_number("/proc/self/status", "RssAnon");
	if (huge_kb() < (long)(2 * BLOCK >> 10))
		SKIP("no large folios here");
	split_range(m, 2 * BLOCK, 0);
	CHECK_LE(check_number("/proc/self/status", "RssAnon"), rss - (long)(BLOCK >> 10));
	for (size_t i = 0; i < 1024; i++)
		CHECK_EQ(*page_of(m, i), i == 5 || i == 600 ? i : 0);
	memset(m, 1, 2 * BLOCK);
	CHECK_EQ(m[BLOCK + 77], 1);
}

/* Pages of a folio lie at two places. */
TEST(split_moved)
{
	char *m = blocks(2, 1), *to;

	need_debugfs();
	to = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(to != MAP_FAILED);
	for (size_t i = 0; i < 2; i++)
		CHECK(mremap(m + i * BLOCK + 9 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to + i * PAGE) == to + i * PAGE);
	split_range(to, 4 * PAGE, 0);
	CHECK_EQ(*page_of(to, 0), 10);
	CHECK_EQ(*page_of(to, 1), 522);
	check_pages(m, 0, 9, 1);
	check_pages(m, 10, 511, 1);
	check_pages(m, 522, 502, 1);
	*page_of(to, 0) = 1;
	check_pages(m, 0, 9, 1);
}

/* Parent and child have the same blocks. */
TEST(split_shared)
{
	char *m = blocks(2, 1);

	need_debugfs();
	CHECK_EQ(IN_CHILD(
		split_range(m, 2 * BLOCK, 0);
		check_pages(m, 0, 1024, 1);
		*page_of(m, 17) = 3;
	), 0);
	check_pages(m, 0, 1024, 1);
	split_range(m, 2 * BLOCK, 2);
	check_pages(m, 0, 1024, 1);
}

/* Folios of 16 KiB that come in place of larger ones are counted once, and no more when they go. */
TEST(split_shared_is_counted)
{
	const char *nr = "/sys/kernel/mm/transparent_hugepage/hugepages-16kB/stats/nr_anon";
	long before;

	need_debugfs();
	if (access(nr, R_OK))
		SKIP("no large folios here");
	before = check_number(nr, NULL);
	CHILD_OK(
		char *m = check_aligned(BLOCK, BLOCK);

		for (size_t i = 0; i < 512; i++)
			*page_of(m, i) = 1 + i;
		CHILD_OK(
			*page_of(m, 0) = 7;	/* a table of its own from here on */
			split_range(m, BLOCK, 2);
			check_pages(m, 1, 511, 1);
		);
		check_pages(m, 0, 512, 1);
	);
	for (int i = 0; i < 100 && check_number(nr, NULL) > before + 16; i++)
		check_sleep_ms(20);
	CHECK_LE(check_number(nr, NULL), before + 16);
}

TEST(split_all)
{
	char *m = blocks(2, 1);

	need_debugfs();
	CHECK_EQ(check_put(SPLIT, "1"), 0);
	check_pages(m, 0, 1024, 1);
	CHECK_EQ(huge_kb(), 0);
}

/* --- frames by number ------------------------------------------------------------------------- */
enum { KPF_ANON = 12, KPF_HEAD = 15, KPF_TAIL = 16, KPF_THP = 22, KPF_ZERO_PAGE = 24,
       KPF_MMAP = 11 };

static uint64_t word_of(const char *path, uint64_t nr)
{
	int fd = OK(open(path, O_RDONLY));
	uint64_t w;

	CHECK_EQ(pread(fd, &w, 8, nr * 8), 8);
	close(fd);
	return w;
}

static uint64_t frame_of(char *at)
{
	uint64_t w = word_of("/proc/self/pagemap", (uintptr_t)at / PAGE);

	CHECK(w >> 63);
	return w & ((1ull << 55) - 1);
}
static uint64_t flags_of(char *at) { return word_of("/proc/kpageflags", frame_of(at)); }
static uint64_t count_of(char *at) { return word_of("/proc/kpagecount", frame_of(at)); }
static int has(char *at, int flag) { return flags_of(at) >> flag & 1; }

static void need_frames(void)
{
	if (access("/proc/kpageflags", R_OK) || access("/proc/kpagecount", R_OK))
		SKIP("no kpageflags");
}

TEST(frames)
{
	char *m = blocks(1, 1), *z = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;
	char c;

	need_frames();
	if (huge_kb() < (long)(BLOCK >> 10))
		SKIP("no large folios here");
	for (size_t i = 0; i < 512; i++) {
		CHECK_EQ(has(m + i * PAGE, KPF_HEAD), !i);
		CHECK_EQ(has(m + i * PAGE, KPF_TAIL), !!i);
		CHECK(has(m + i * PAGE, KPF_THP) && has(m + i * PAGE, KPF_ANON));
		CHECK_EQ(frame_of(m + i * PAGE), frame_of(m) + i);
	}
	CHECK(has(m, KPF_MMAP));
	OK(madvise(z, PAGE, MADV_NOHUGEPAGE));
	CHECK_EQ(*(volatile char *)z, 0);
	CHECK(has(z, KPF_ZERO_PAGE));
	fd = OK(open("/proc/kpagecount", O_RDONLY));
	ERR(pread(fd, &c, 1, 0), EINVAL);
	ERR(pread(fd, m, 8, 3), EINVAL);
}

/* Exactly, page by page. */
TEST(frame_counts)
{
	char *m = blocks(1, 1);
	int go[2];
	pid_t pid;
	char c;

	need_frames();
	if (huge_kb() < (long)(BLOCK >> 10))
		SKIP("no large folios here");
	CHECK_EQ(count_of(m), 1);
	OK(pipe(go));
	OK(munmap(m + 3 * PAGE, PAGE));
	pid = check_fork();
	if (!pid) {
		OK(munmap(m + 7 * PAGE, PAGE));
		*page_of(m, 8) = 0;
		CHECK_EQ(write(go[1], "g", 1), 1);
		pause();
	}
	CHECK_EQ(read(go[0], &c, 1), 1);
	CHECK_EQ(count_of(m), 2);
	CHECK_EQ(count_of(m + 6 * PAGE), 2);
	CHECK_EQ(count_of(m + 7 * PAGE), 1);
	CHECK_EQ(count_of(m + 8 * PAGE), 1);
	CHECK_EQ(count_of(m + 511 * PAGE), 2);
	OK(kill(pid, SIGKILL));
	OK(waitpid(pid, NULL, 0));
	CHECK_EQ(count_of(m), 1);
}

TEST(split_frames)
{
	char *m = blocks(1, 1);

	need_debugfs();
	need_frames();
	if (huge_kb() < (long)(BLOCK >> 10))
		SKIP("no large folios here");
	split_range(m, BLOCK, 4);
	for (size_t i = 0; i < 512; i++)
		CHECK_EQ(has(m + i * PAGE, KPF_HEAD), !(i % 16));
	split_range(m, BLOCK / 2, 0);
	for (size_t i = 0; i < 256; i++)
		CHECK(!(flags_of(m + i * PAGE) & (1ull << KPF_HEAD | 1ull << KPF_TAIL | 1ull << KPF_THP)));
	CHECK(has(m + 256 * PAGE, KPF_HEAD));
	check_pages(m, 0, 512, 1);
}

static int refused(const char *text)
{
	int fd = OK(open(SPLIT, O_WRONLY)), err;

	err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return err;
}

TEST(split_errors)
{
	char text[100];

	need_debugfs();
	CHECK_EQ(refused("x"), EINVAL);
	CHECK_EQ(refused("2"), EINVAL);
	CHECK_EQ(refused("2,3"), EINVAL);
	CHECK_EQ(refused("1000000000,0x1000,0x2000"), ESRCH);
	snprintf(text, sizeof text, "%d,0x1000,0x2000,8", getpid());
	CHECK_EQ(refused(text), 0);
}
