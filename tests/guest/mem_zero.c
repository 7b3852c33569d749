/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading private memory that was never written, where there may be pages of 2 MiB: one block of
 * zeros is mapped wherever that is read, it takes no memory of the process, and what is written lies
 * where it was written and nowhere else.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define BIG (2ul << 20)
#define LEN (3 * BIG)

/* LEN bytes that may have blocks, nothing else near. */
static char *region(void)
{
	char *p = check_aligned(LEN, BIG), word[80] = "";

	check_read_file(THP "enabled", word, sizeof word);
	if (!*word || strstr(word, "[never]"))
		SKIP("no large pages here");
	OK(madvise(p, LEN, MADV_HUGEPAGE));
	return p;
}

static long minor_faults(void)
{
	struct rusage r;

	OK(getrusage(RUSAGE_SELF, &r));
	return r.ru_minflt;
}

static void check_zero(const char *p, size_t len)
{
	const uint64_t *w = (const uint64_t *)p;

	for (size_t i = 0; i < len / 8; i++)
		if (w[i])
			FAIL("word %zu of %zu: %#lx", i, len / 8, (long)w[i]);
}

static long smaps_kb(const void *p, const char *field) { return check_smaps(p, LEN, field); }

static uint64_t word_at(const char *path, uint64_t index)
{
	int fd = OK(open(path, O_RDONLY));
	uint64_t w;

	CHECK_EQ(OK(pread(fd, &w, 8, (off_t)(index * 8))), 8);
	close(fd);
	return w;
}

static uint64_t frame_of(const char *p)
{
	uint64_t w = word_at("/proc/self/pagemap", (uintptr_t)p / PAGE);

	CHECK(w >> 63);
	return w & ((1ull << 55) - 1);
}

TEST(one_block_for_all)
{
	char *p = region();
	long faults = minor_faults();

	check_zero(p, LEN);
	CHECK_LE(minor_faults() - faults, 3 + 2);
	CHECK_EQ(smaps_kb(p, "Rss"), 0);
	CHECK_EQ(smaps_kb(p, "Pss"), 0);
	CHECK_EQ(smaps_kb(p, "AnonHugePages"), 0);
	if (geteuid())
		return;
	CHECK_EQ(frame_of(p), frame_of(p + BIG));
	CHECK_EQ(frame_of(p + BIG + 77 * PAGE), frame_of(p) + 77);
	CHECK(word_at("/proc/kpageflags", frame_of(p)) >> 24 & 1);	/* ZERO_PAGE */
	CHECK_EQ(word_at("/proc/kpagecount", frame_of(p)), 0);
}

TEST(first_write)
{
	char *p = region();

	check_zero(p, LEN);
	p[BIG + 5 * PAGE + 3] = 7;
	CHECK_EQ(smaps_kb(p, "AnonHugePages"), BIG >> 10);
	check_zero(p, BIG + 5 * PAGE);
	CHECK_EQ(p[BIG + 5 * PAGE + 3], 7);
	p[BIG + 5 * PAGE + 3] = 0;
	check_zero(p, LEN);
	memset(p, 1, LEN);
	check_zero(region(), LEN);	/* nobody has written to the block */
}

TEST(turned_off)
{
	char word[16] = "";

	region();
	check_read_file(THP "use_zero_page", word, sizeof word);
	CHECK_EQ(check_put(THP "use_zero_page", "0"), 0);
	CHILD_OK(
		char *p = region();

		check_zero(p, LEN);
		p[PAGE] = 1;
		check_zero(p + 2 * PAGE, LEN - 2 * PAGE);
	);
	CHECK_EQ(check_put(THP "use_zero_page", "2"), EINVAL);
	CHECK_EQ(check_put(THP "use_zero_page", word), 0);
}

/* --- parts ------------------------------------------------------------------------------------ */

static const struct { size_t from, to; } cuts[] = {
	{ 0, PAGE }, { 3 * PAGE, 5 * PAGE }, { 15 * PAGE, 17 * PAGE }, { BIG - PAGE, BIG + PAGE },
	{ BIG + 16 * PAGE, BIG + 32 * PAGE }, { PAGE, LEN - PAGE }, { BIG, 2 * BIG },
	{ BIG / 2, 2 * BIG + BIG / 2 }, { LEN - PAGE, LEN },
};

/* fn for each cut of memory that was read as a whole; then what is left is all zeros. */
static void each_cut(void (*fn)(char *p, size_t from, size_t to))
{
	for (unsigned i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		char *p = region();

		check_zero(p, LEN);
		fn(p, cuts[i].from, cuts[i].to);
		OK(munmap(p, LEN));
	}
}

static void cut_protect(char *p, size_t from, size_t to)
{
	OK(mprotect(p + from, to - from, PROT_READ));
	CHECK_FAULT(check_write(p + from), SIGSEGV, SEGV_ACCERR, p + from);
	check_zero(p, LEN);
	CHECK_EQ(smaps_kb(p, "Rss"), 0);
	OK(mprotect(p + from, to - from, PROT_READ | PROT_WRITE));
	p[from] = 1;
	p[to - 1] = 1;
	check_zero(p, from);
	check_zero(p + to, LEN - to);
	p[from] = p[to - 1] = 0;
	check_zero(p, LEN);
}
TEST(protection) { each_cut(cut_protect); }

static void cut_unmap(char *p, size_t from, size_t to)
{
	OK(munmap(p + from, to - from));
	CHECK_FAULT(check_read(p + from), SIGSEGV, SEGV_MAPERR, p + from);
	check_zero(p, from);
	check_zero(p + to, LEN - to);
	if (from)
		p[from - 1] = 1;
	if (to < LEN)
		p[to] = 1;
}
TEST(unmapping) { each_cut(cut_unmap); }

static void cut_advise(char *p, size_t from, size_t to)
{
	p[from] = 9;
	OK(madvise(p + from, to - from, MADV_DONTNEED));
	check_zero(p, LEN);
	p[from ? from - 1 : LEN - 1] = 9;
	OK(madvise(p + from, to - from, MADV_DONTNEED));
	CHECK_EQ(p[from ? from - 1 : LEN - 1], from || to < LEN ? 9 : 0);
}
TEST(advice) { each_cut(cut_advise); }

static void cut_move(char *p, size_t from, size_t to)
{
	char *q = mmap(NULL, LEN + BIG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(q != MAP_FAILED);
	CHECK(mremap(p + from, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	check_zero(q, to - from);
	check_zero(p, from);
	q[0] = 4;
	q[to - from - 1] = 4;
	CHECK(mremap(q, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED, p + from) == p + from);
	CHECK_EQ(p[from], 4);
	CHECK_EQ(p[to - 1], 4);
	p[from] = p[to - 1] = 0;
	check_zero(p, LEN);
	OK(munmap(q, LEN + BIG));
}
TEST(moves) { each_cut(cut_move); }

static void cut_fork(char *p, size_t from, size_t to)
{
	p[to < LEN ? to : 0] = 1;	/* there is something that is copied */
	CHILD_OK(
		memset(p + from, 3, to - from);
		for (size_t i = 0; i < LEN; i += PAGE / 2)
			CHECK_EQ(p[i], i >= from && i < to ? 3 : i == (to < LEN ? to : 0));
	);
	p[to < LEN ? to : 0] = 0;
	check_zero(p, LEN);
	memset(p + from, 2, to - from);
	check_zero(p, from);
	check_zero(p + to, LEN - to);
}
TEST(children) { each_cut(cut_fork); }

static void cut_lock(char *p, size_t from, size_t to)
{
	OK(mlock(p + from, to - from));
	CHECK_LE((long)(to - from) >> 10, smaps_kb(p, "Rss"));
	check_zero(p, LEN);
	OK(munlock(p + from, to - from));
}
TEST(locking) { each_cut(cut_lock); }

/* Smaller sizes, as set by default or not: reading and then writing here and there. */
TEST(pages_and_blocks_mixed)
{
	char *p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < LEN; i += 7 * PAGE)
		CHECK_EQ(p[i], 0);
	CHECK_EQ(smaps_kb(p, "Rss"), 0);
	for (size_t i = PAGE; i < LEN; i += 37 * PAGE)
		p[i] = 1;
	for (size_t i = 0; i < LEN; i += PAGE)
		CHECK_EQ(p[i], i % (37 * PAGE) == PAGE);
	OK(mprotect(p + 3 * PAGE, 2 * PAGE, PROT_READ));
	OK(madvise(p + 20 * PAGE, PAGE, MADV_DONTNEED));
	for (size_t i = 0; i < LEN; i += PAGE)
		CHECK_EQ(p[i], i % (37 * PAGE) == PAGE);
}
