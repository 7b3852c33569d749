/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux's interface of large folios: /sys/kernel/mm/transparent_hugepage, madvise, prctl; and what
 * smaps, pagemap, status and vmstat tell of it.  Each test that changes the settings puts back what
 * it found.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define BLOCK (2ul << 20)
#define NR_SIZES 8

/* --- settings --------------------------------------------------------------------------------- */

static size_t size_kb(int i) { return 16ul << i; }	/* 16 kB to 2048 kB */

static const char *size_path(int i, const char *file)
{
	static char path[2][128];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof path[turn], THP "hugepages-%zukB/%s", size_kb(i), file);
	return path[turn];
}

static void need_interface(void)
{
	if (access(THP "hugepages-64kB/enabled", W_OK))
		SKIP("no large folios here");
}

/* Linux's daemon that collapses pages: it must not fill what the tests leave empty. */
#define KHUGEPAGED THP "khugepaged/max_ptes_none"

struct settings { char all[80], size[NR_SIZES][80], max_none[64]; };

static void save(struct settings *s)
{
	char buf[80];

	need_interface();
	s->max_none[0] = 0;
	if (!access(KHUGEPAGED, W_OK)) {
		check_read_file(KHUGEPAGED, s->max_none, sizeof s->max_none);
		check_put(KHUGEPAGED, "0");
	}
	snprintf(s->all, sizeof s->all, "%s", check_chosen(THP "enabled", buf, sizeof buf));
	for (int i = 0; i < NR_SIZES; i++)
		snprintf(s->size[i], sizeof s->size[i], "%s",
			 check_chosen(size_path(i, "enabled"), buf, sizeof buf));
}

static void restore(const struct settings *s)
{
	check_put(THP "enabled", s->all);
	for (int i = 0; i < NR_SIZES; i++)
		check_put(size_path(i, "enabled"), s->size[i]);
	if (s->max_none[0])
		check_put(KHUGEPAGED, s->max_none);
}

/* Size `only` gets the word, all others never. */
static void set_only(int only, const char *word)
{
	CHECK_EQ(check_put(THP "enabled", "madvise"), 0);
	for (int i = 0; i < NR_SIZES; i++)
		CHECK_EQ(check_put(size_path(i, "enabled"), i == only ? word : "never"), 0);
}

/* The statements run in a child, and the settings are what they were afterwards. */
#define WITH_SETTINGS(...)			\
	do {					\
		struct settings kept_;		\
		int st_;			\
						\
		save(&kept_);			\
		st_ = IN_CHILD(__VA_ARGS__);	\
		restore(&kept_);		\
		if (st_)			\
			FAIL("child: wait status %#x", st_);	\
	} while (0)

TEST(words)
{
	static const char *const words[] = { "always", "madvise", "never", "inherit" };
	char buf[80];

	WITH_SETTINGS(
		for (int i = 0; i < 3; i++) {
			CHECK_EQ(check_put(THP "enabled", words[i]), 0);
			CHECK_STR(check_chosen(THP "enabled", buf, sizeof buf), words[i]);
		}
		CHECK_EQ(check_put(THP "enabled", "never\n"), 0);
		CHECK_STR(check_chosen(THP "enabled", buf, sizeof buf), "never");
		CHECK_EQ(check_put(THP "enabled", "inherit"), EINVAL);
		CHECK_EQ(check_put(THP "enabled", "alway"), EINVAL);
		CHECK_EQ(check_put(THP "enabled", "alwaysx"), EINVAL);
		CHECK_EQ(check_put(THP "enabled", "always\nx"), EINVAL);
		check_read_file(THP "enabled", buf, sizeof buf);
		CHECK_STR(buf, "always madvise [never]\n");
		for (int n = 0; n < NR_SIZES; n++) {
			const char *path = size_path(n, "enabled");

			for (int i = 0; i < 4; i++) {
				CHECK_EQ(check_put(path, words[i]), 0);
				CHECK_STR(check_chosen(path, buf, sizeof buf), words[i]);
			}
			CHECK_EQ(check_put(path, "on"), EINVAL);
			check_read_file(path, buf, sizeof buf);
			CHECK_STR(buf, "always [inherit] madvise never\n");
		});
}

TEST(other_files)
{
	char buf[160];

	need_interface();
	CHECK_EQ(check_number(THP "hpage_pmd_size", NULL), BLOCK);
	check_chosen(THP "defrag", buf, sizeof buf);
	check_chosen(THP "shmem_enabled", buf, sizeof buf);
	CHECK_EQ(check_put(THP "defrag", "nonsense"), EINVAL);
	CHECK_EQ(check_put(THP "shmem_enabled", "nonsense"), EINVAL);
	CHECK_EQ(check_put(THP "use_zero_page", "7"), EINVAL);
	CHECK_LE(check_number(THP "use_zero_page", NULL), 1);
	check_become(1000, 1000);
	ERR(open(THP "enabled", O_WRONLY), EACCES);
	ERR(open(THP "hugepages-64kB/enabled", O_WRONLY), EACCES);
}

/* --- what became of it ------------------------------------------------------------------------ */

/* Nothing else is in its VMA or near it. */
static char *region(size_t len) { return check_aligned(len, BLOCK); }

/* pagemap's word for the page at p. */
static uint64_t pagemap(const void *p)
{
	int fd = OK(open("/proc/self/pagemap", O_RDONLY));
	uint64_t word = 0;

	CHECK_EQ(pread(fd, &word, 8, (off_t)((uintptr_t)p / PAGE * 8)), 8);
	close(fd);
	return word;
}
#define PRESENT (1ull << 63)
#define FRAME(word) ((word) & ((1ull << 55) - 1))

static size_t present(const char *p, size_t len)
{
	int fd = OK(open("/proc/self/pagemap", O_RDONLY));
	static uint64_t words[512];
	size_t n = 0;

	for (size_t at = 0; at < len / PAGE; at += 512) {
		size_t some = len / PAGE - at < 512 ? len / PAGE - at : 512;

		CHECK_EQ(pread(fd, words, some * 8, (off_t)(((uintptr_t)p / PAGE + at) * 8)),
			 some * 8);
		for (size_t i = 0; i < some; i++)
			n += !!(words[i] & PRESENT);
	}
	close(fd);
	return n * PAGE;
}

/* [p, p + len) is mapped, in one piece of memory that is aligned like p. */
static void check_one_piece(const char *p, size_t len)
{
	uint64_t first = FRAME(pagemap(p));

	CHECK_EQ(first % (len / PAGE), 0);
	for (size_t i = 0; i < len; i += PAGE)
		CHECK_EQ(FRAME(pagemap(p + i)), first + i / PAGE);
}

static void size_as_asked(int i)
{
	size_t size = size_kb(i) << 10, len = 4 * BLOCK;
	long before = check_number(size_path(i, "stats/anon_fault_alloc"), NULL);
	char *p = region(len);

	for (size_t at = 0; at < len; at += BLOCK)
		p[at + size - 1] = 1;
	for (size_t at = 0; at < len; at += BLOCK) {
		CHECK_EQ(present(p + at, BLOCK), size);
		check_one_piece(p + at, size);
		for (size_t b = 0; b < size - 1; b++)
			if (p[at + b])
				FAIL("byte %zu is not zero", at + b);
	}
	CHECK_EQ(check_smaps(p, PAGE, "Rss") << 10, 4 * size);
	CHECK_EQ(check_smaps(p, PAGE, "AnonHugePages") << 10, size == BLOCK ? 4 * size : 0);
	if (check_on_tine())
		CHECK_EQ(check_smaps(p, PAGE, "ContPte") << 10,
			 size >= 65536 && size < BLOCK ? 4 * size : 0);
	CHECK_GE(check_number(size_path(i, "stats/anon_fault_alloc"), NULL), before + 4);
	CHECK_GE(check_number(size_path(i, "stats/nr_anon"), NULL), 4);
	CHECK_EQ(check_smaps(p, PAGE, "THPeligible"), 1);
	OK(munmap(p, len));
}

TEST(each_size_as_asked)
{
	WITH_SETTINGS(
		for (int i = 0; i < NR_SIZES; i++) {
			set_only(i, "always");
			size_as_asked(i);
		});
}

/* Bytes that one write to p brings. */
static size_t brought(char *p)
{
	const char *base = (char *)((uintptr_t)p & ~(BLOCK - 1));
	size_t before = present(base, BLOCK);

	*p = 1;
	return present(base, BLOCK) - before;
}

TEST(advice_decides)
{
	WITH_SETTINGS(
		char *p;

		set_only(2, "madvise");
		p = region(3 * BLOCK);
		CHECK_EQ(check_smaps(p, PAGE, "THPeligible"), 0);
		CHECK_EQ(brought(p), PAGE);
		OK(madvise(p + BLOCK, BLOCK, MADV_HUGEPAGE));
		CHECK_EQ(check_smaps(p + BLOCK, PAGE, "THPeligible"), 1);
		CHECK_EQ(brought(p + BLOCK), 65536);
		set_only(2, "always");
		CHECK_EQ(brought(p + 65536), 65536);
		OK(madvise(p + 2 * BLOCK, BLOCK, MADV_NOHUGEPAGE));
		CHECK_EQ(check_smaps(p + 2 * BLOCK, PAGE, "THPeligible"), 0);
		CHECK_EQ(brought(p + 2 * BLOCK), PAGE);
		set_only(2, "inherit");		/* of "madvise" */
		CHECK_EQ(brought(p + 2 * 65536), PAGE);
		CHECK_EQ(brought(p + BLOCK + 65536), 65536);
		CHECK_EQ(check_put(THP "enabled", "always"), 0);
		CHECK_EQ(brought(p + 3 * 65536), 65536);
		CHECK_EQ(check_put(THP "enabled", "never"), 0);
		CHECK_EQ(brought(p + 4 * 65536), PAGE);
		CHECK_EQ(brought(p + BLOCK + 2 * 65536), PAGE);
	);
}

TEST(prctl_disables)
{
	WITH_SETTINGS(
		char *p = region(3 * BLOCK);

		set_only(2, "always");
		CHECK_EQ(check_number("/proc/self/status", "THP_enabled"), 1);
		CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
		OK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
		CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
		CHECK_EQ(check_number("/proc/self/status", "THP_enabled"), 0);
		CHECK_EQ(brought(p), PAGE);
		CHECK_EQ(check_smaps(p, PAGE, "THPeligible"), 0);
		OK(madvise(p + BLOCK, BLOCK, MADV_HUGEPAGE));
		CHECK_EQ(brought(p + BLOCK), PAGE);
		CHILD_OK(
			CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
			CHECK_EQ(brought(p + 65536), PAGE);
			OK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
			CHECK_EQ(brought(p + 2 * 65536), 65536););
		CHECK_EQ(brought(p + 2 * BLOCK), PAGE);
		OK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
		CHECK_EQ(brought(p + 65536), 65536);
		ERR(prctl(PR_SET_THP_DISABLE, 0, 2, 0, 0), EINVAL);
		ERR(prctl(PR_SET_THP_DISABLE, 1, 0, 1, 0), EINVAL);
		ERR(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
	);
}

/* PR_THP_DISABLE_EXCEPT_ADVISED, of Linux 6.18. */
TEST(prctl_except_advised)
{
	WITH_SETTINGS(
		char *p = region(2 * BLOCK);

		set_only(2, "always");
		if (prctl(PR_SET_THP_DISABLE, 1, 2, 0, 0))
			_exit(0);
		CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 3);
		CHECK_EQ(check_number("/proc/self/status", "THP_enabled"), 1);
		CHECK_EQ(brought(p), PAGE);
		OK(madvise(p + BLOCK, BLOCK, MADV_HUGEPAGE));
		CHECK_EQ(brought(p + BLOCK), 65536);
	);
}

/* What lies in the way, or the VMA's bounds, leaves room for less. */
TEST(smaller_where_taken)
{
	WITH_SETTINGS(
		char *p = region(2 * BLOCK);

		set_only(2, "always");
		OK(madvise(p, 2 * BLOCK, MADV_NOHUGEPAGE));
		p[5 * PAGE] = 5;
		OK(madvise(p, 2 * BLOCK, MADV_HUGEPAGE));
		CHECK_EQ(brought(p), PAGE);
		CHECK_EQ(check_put(size_path(0, "enabled"), "always"), 0);
		CHECK_EQ(brought(p + 8 * PAGE), 4 * PAGE);
		CHECK_EQ(brought(p + 4 * PAGE), PAGE);
		CHECK_EQ(p[5 * PAGE], 5);
		CHECK_EQ(brought(p + 16 * PAGE), 16 * PAGE);
		OK(munmap(p + BLOCK + 8 * PAGE, BLOCK - 8 * PAGE));
		CHECK_EQ(brought(p + BLOCK), 4 * PAGE);
		CHECK_EQ(brought(p + BLOCK + 7 * PAGE), 4 * PAGE);
	);
}

/* Of every 16 free pages one is taken: there is memory, but no 64 KiB of it in one piece. */
TEST_TIMEOUT(fragmented_memory, 300)
{
	struct sysinfo si;
	size_t len, want = 16ul << 20;

	OK(sysinfo(&si));
	len = si.freeram * si.mem_unit / 10 * 8 / BLOCK * BLOCK;
	if (len > 1ul << 30 || len < 2 * want)
		SKIP("%zu MiB free", len >> 20);
	WITH_SETTINGS(
		char *hog = region(len);
		char *p = region(want);
		long before;

		set_only(2, "always");
		OK(madvise(hog, len, MADV_NOHUGEPAGE));
		for (size_t i = 0; i < len; i += PAGE)
			hog[i] = 1;
		for (size_t i = 0; i < len; i += 16 * PAGE)
			OK(madvise(hog + i, 15 * PAGE, MADV_DONTNEED));
		before = check_number(size_path(2, "stats/anon_fault_fallback"), NULL) +
			 check_number(size_path(2, "stats/anon_fault_alloc"), NULL);
		for (size_t i = 0; i < want; i += PAGE)
			p[i] = (char)(i / PAGE + 1);	/* not read before: that maps zero pages */
		for (size_t i = 0; i < want; i += PAGE) {
			CHECK_EQ(p[i], (char)(i / PAGE + 1));
			CHECK_EQ(p[i + PAGE - 1], 0);
		}
		CHECK_EQ(present(p, want), want);
		/* Asked for, and found or not: the kernel may move pages together. */
		CHECK_GE(check_number(size_path(2, "stats/anon_fault_fallback"), NULL) +
			 check_number(size_path(2, "stats/anon_fault_alloc"), NULL), before + 1);
	);
}

/* --- fork ------------------------------------------------------------------------------------- */

static long vmstat(const char *name) { return check_number("/proc/vmstat", name); }

/* A counter that Linux does not have. */
static long own_vmstat(const char *name) { return check_on_tine() ? vmstat(name) : 0; }

static void fill(char *p, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		*(uint64_t *)(p + i) = i + 1;
}

static void check_filled(const char *p, size_t len, uint64_t plus)
{
	for (size_t i = 0; i < len; i += PAGE)
		CHECK_EQ(*(uint64_t *)(p + i), i + 1 + plus);
}

/* Blocks of 64 KiB stay such through fork, copies on write, and being taken back. */
TEST(cont_blocks_through_fork)
{
	size_t len = BLOCK;

	WITH_SETTINGS(
		char *p = region(len);
		long apart = own_vmstat("cont_pte_apart_cow") + own_vmstat("cont_pte_apart_fork");

		set_only(2, "always");
		fill(p, len);
		CHILD_OK(
			check_filled(p, len, 0);
			for (size_t i = 0; i < len; i += 32 * PAGE)
				*(uint64_t *)(p + i + PAGE) += 7;
			for (size_t i = 0; i < len; i += PAGE)
				CHECK_EQ(*(uint64_t *)(p + i),
					 i + 1 + (i / PAGE % 32 == 1 ? 7 : 0));
			if (check_on_tine())
				CHECK_EQ(check_smaps(p, PAGE, "ContPte") << 10, len););
		check_filled(p, len, 0);
		for (size_t i = 0; i < len; i += PAGE)
			*(uint64_t *)(p + i) += 9;
		check_filled(p, len, 9);
		if (check_on_tine()) {
			CHECK_EQ(check_smaps(p, PAGE, "ContPte") << 10, len);
			CHECK_EQ(own_vmstat("cont_pte_apart_cow") + own_vmstat("cont_pte_apart_fork"), apart);
		}
	);
}

/* A block of 2 MiB is shared as one; who writes a part of it gets that part. */
TEST(pmd_blocks_through_fork)
{
	size_t len = 2 * BLOCK;

	WITH_SETTINGS(
		char *p = region(len);

		set_only(7, "always");
		fill(p, len);
		CHECK_EQ(check_smaps(p, PAGE, "AnonHugePages") << 10, len);
		CHILD_OK(
			CHECK_EQ(check_smaps(p, PAGE, "AnonHugePages") << 10, len);
			*(uint64_t *)(p + 5 * PAGE) += 3;
			CHECK_EQ(check_smaps(p, PAGE, "AnonHugePages") << 10, len - BLOCK);
			for (size_t i = 0; i < len; i += PAGE)
				CHECK_EQ(*(uint64_t *)(p + i), i + 1 + (i == 5 * PAGE ? 3 : 0));
			CHECK_EQ(check_smaps(p, PAGE, "Rss") << 10, len););
		check_filled(p, len, 0);
		for (size_t i = 0; i < len; i += PAGE)
			*(uint64_t *)(p + i) += 2;
		check_filled(p, len, 2);
	);
}

/* TLB invalidations so far, of all forms. */
static long invalidations(void)
{
	char buf[256];
	long page, range, asid, all;

	check_read_file("/sys/kernel/debug/tine/tlb", buf, sizeof buf);
	CHECK_EQ(sscanf(buf, "page %ld range %ld asid %ld all %ld", &page, &range, &asid, &all), 4);
	return page + range + asid + all;
}

/* Those of a fork of a process that has written len bytes. */
static long fork_invalidates(size_t len)
{
	char *p = region(len);
	long before, after;
	pid_t pid;

	fill(p, len);
	before = invalidations();
	pid = fork();
	if (!pid) {
		for (;;)
			pause();
	}
	after = invalidations();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(p, len);
	return after - before;
}

/* A fork invalidates no more for 64 MiB than for a page. Others may be at work: the least counts. */
TEST(fork_invalidates_once)
{
	long one = 1000000, many = one;

	if (!check_on_tine())
		SKIP("Linux does not count them");
	for (int i = 0; i < 12; i++) {
		long a = fork_invalidates(PAGE), b = fork_invalidates(32 * BLOCK);

		one = a < one ? a : one;
		many = b < many ? b : many;
	}
	printf("# of a page %ld, of 64 MiB %ld\n", one, many);
	CHECK_LE(many, one);
}

TEST(vmstat_counts)
{
	static const char *const names[] = { "thp_fault_alloc", "thp_fault_fallback",
					     "thp_split_page", "thp_deferred_split_page",
					     "thp_split_pmd", "nr_anon_transparent_hugepages" };

	need_interface();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		CHECK_GE(vmstat(names[i]), 0);
	WITH_SETTINGS(
		char *p = region(BLOCK);
		long alloc = vmstat("thp_fault_alloc");
		long apart = vmstat("thp_split_pmd");
		long there = vmstat("nr_anon_transparent_hugepages");
		long kept = own_vmstat("pmd_block_kept");
		long cut = own_vmstat("pmd_block_apart_cut");

		set_only(7, "always");
		*p = 1;
		CHECK_GE(vmstat("thp_fault_alloc"), alloc + 1);
		CHECK_GE(vmstat("nr_anon_transparent_hugepages"), there + 1);
		OK(mprotect(p, BLOCK, PROT_READ));
		CHECK_EQ(check_smaps(p, PAGE, "AnonHugePages"), BLOCK >> 10);
		if (check_on_tine())
			CHECK_GE(own_vmstat("pmd_block_kept"), kept + 1);
		OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
		CHECK_GE(vmstat("thp_split_pmd"), apart + 1);
		if (check_on_tine())
			CHECK_GE(own_vmstat("pmd_block_apart_cut"), cut + 1);
	);
}
