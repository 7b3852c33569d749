/* SPDX-License-Identifier: BSD-2-Clause */
/* Private memory in large pieces: whatever is done to a part of one, the rest stays as it was. */
#include "check.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#define BLOCK (2ul << 20)
#define LEN (4 * BLOCK)

/* LEN bytes, aligned to BLOCK, advised to be huge where huge, every page told from the others. */
static uint64_t *filled(int huge)
{
	char *p = check_aligned(LEN, BLOCK);

	if (huge)
		madvise(p, LEN, MADV_HUGEPAGE);	/* EINVAL where a kernel has none */
	for (size_t i = 0; i < LEN; i += PAGE)
		*(uint64_t *)(p + i) = i + 1;
	return (uint64_t *)p;
}

/* Pages of p outside [from, to) are as filled() left them, those inside hold zero if gone. */
static void check_pages(const uint64_t *p, size_t from, size_t to, int gone)
{
	size_t wrong = 0;

	for (size_t i = 0; i < LEN; i += PAGE) {
		int in = i >= from && i < to;

		if (in && gone < 0)
			continue;
		wrong += p[i / 8] != (in && gone ? 0 : i + 1);
	}
	CHECK_EQ(wrong, 0);
}

static const struct { size_t from, to; } cuts[] = {
	{ 0, PAGE }, { 3 * PAGE, 5 * PAGE }, { 15 * PAGE, 17 * PAGE }, { BLOCK - PAGE, BLOCK + PAGE },
	{ BLOCK + 16 * PAGE, BLOCK + 32 * PAGE }, { PAGE, LEN - PAGE }, { BLOCK, 2 * BLOCK },
	{ BLOCK / 2, 2 * BLOCK + BLOCK / 2 }, { LEN - PAGE, LEN },
};
#define CUTS (sizeof cuts / sizeof cuts[0])

static void each_cut(int huge, void (*fn)(uint64_t *p, size_t from, size_t to))
{
	for (size_t i = 0; i < CUTS; i++) {
		uint64_t *p = filled(huge);

		fn(p, cuts[i].from, cuts[i].to);
		munmap(p, LEN);
	}
}

/* The same in a child, which shares all of it: the parent's stays as it was, and is its own again. */
static void each_cut_shared(int huge, void (*fn)(uint64_t *p, size_t from, size_t to))
{
	for (size_t i = 0; i < CUTS; i++) {
		uint64_t *p = filled(huge);

		CHILD_OK(fn(p, cuts[i].from, cuts[i].to););
		check_pages(p, 0, 0, 0);
		for (size_t at = 0; at < LEN; at += PAGE)
			p[at / 8] ^= 1;
		for (size_t at = 0; at < LEN; at += PAGE)
			p[at / 8] ^= 1;
		check_pages(p, 0, 0, 0);
		munmap(p, LEN);
	}
}

static void drop(uint64_t *p, size_t from, size_t to)
{
	OK(madvise((char *)p + from, to - from, MADV_DONTNEED));
	check_pages(p, from, to, 1);
}

static void unmap(uint64_t *p, size_t from, size_t to)
{
	OK(munmap((char *)p + from, to - from));
	check_pages(p, from, to, -1);
}

static void protect(uint64_t *p, size_t from, size_t to)
{
	OK(mprotect((char *)p + from, to - from, PROT_READ));
	check_pages(p, 0, 0, 0);
	p[(from ? from - PAGE : to) % LEN / 8] += 0;	/* still writable outside */
	OK(mprotect((char *)p + from, to - from, PROT_READ | PROT_WRITE));
	for (size_t i = 0; i < LEN; i += PAGE)
		*(volatile uint64_t *)&p[i / 8] = i + 1;
	check_pages(p, 0, 0, 0);
}

static void move(uint64_t *p, size_t from, size_t to)
{
	char *other = mmap(NULL, LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *at;
	size_t wrong = 0;

	CHECK(other != MAP_FAILED);
	at = mremap((char *)p + from, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED,
		    other + PAGE);
	CHECK(at == (uint64_t *)(other + PAGE));
	for (size_t i = from; i < to; i += PAGE)
		wrong += at[(i - from) / 8] != i + 1;
	CHECK_EQ(wrong, 0);
	check_pages(p, from, to, -1);
	munmap(other, LEN);
}

/* The child writes a part; the parent sees nothing of it, then writes what the child never sees. */
static void share(uint64_t *p, size_t from, size_t to)
{
	CHILD_OK(
		check_pages(p, 0, 0, 0);
		for (size_t i = from; i < to; i += PAGE)
			p[i / 8] = 0;
		check_pages(p, from, to, 1););
	check_pages(p, 0, 0, 0);
	for (size_t i = from; i < to; i += PAGE)
		p[i / 8] = 0;
	check_pages(p, from, to, 1);
}

static void lock(uint64_t *p, size_t from, size_t to)
{
	if (to - from > 32 * PAGE)
		to = from + 32 * PAGE;
	OK(mlock((char *)p + from, to - from));
	check_pages(p, 0, 0, 0);
	OK(munlock((char *)p + from, to - from));
}

/* Advice that cuts VMAs, advice about age, and pages asked for that are there. */
static void advise(uint64_t *p, size_t from, size_t to)
{
	static const int advices[] = { MADV_NOHUGEPAGE, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ,
				       MADV_POPULATE_WRITE, MADV_SEQUENTIAL, MADV_NORMAL,
				       MADV_HUGEPAGE };

	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
		if (madvise((char *)p + from, to - from, advices[i]))
			CHECK_EQ(errno, EINVAL);	/* a kernel without it */
		check_pages(p, 0, 0, 0);
	}
	for (size_t at = 0; at < LEN; at += PAGE)
		*(volatile uint64_t *)&p[at / 8] = at + 1;
	check_pages(p, 0, 0, 0);
}

/* What is given up is there or zero; what is written again stays. */
static void give_up(uint64_t *p, size_t from, size_t to)
{
	OK(madvise((char *)p + from, to - from, MADV_FREE));
	check_pages(p, from, to, -1);
	for (size_t at = from; at < to; at += PAGE) {
		CHECK(p[at / 8] == at + 1 || p[at / 8] == 0);
		p[at / 8] = at + 1;
	}
	OK(madvise((char *)p + from, to - from, MADV_PAGEOUT));
	check_pages(p, 0, 0, 0);
}

/* A child that lives on while the part is taken away sees all of it. */
static void drop_beside_child(uint64_t *p, size_t from, size_t to)
{
	volatile char *go = check_shared(PAGE);
	pid_t pid = SPAWN(
		while (!*go)
			check_sleep_ms(1);
		check_pages(p, 0, 0, 0);
	);

	OK(munmap((char *)p + from, to - from));
	*go = 1;
	CHECK_EQ(check_wait(pid), 0);
	check_pages(p, from, to, -1);
	munmap((void *)go, PAGE);
}

#define BOTH(name, fn)                                          \
	TEST(name##_pages) { each_cut(0, fn); }                 \
	TEST(name##_blocks) { each_cut(1, fn); }                \
	TEST(name##_shared_pages) { each_cut_shared(0, fn); }   \
	TEST(name##_shared_blocks) { each_cut_shared(1, fn); }

BOTH(dropped_parts_of, drop)
BOTH(unmapped_parts_of, unmap)
BOTH(protected_parts_of, protect)
BOTH(moved_parts_of, move)
BOTH(shared_parts_of, share)
BOTH(locked_parts_of, lock)
BOTH(advised_parts_of, advise)
BOTH(given_up_parts_of, give_up)
BOTH(dropped_beside_a_child_parts_of, drop_beside_child)

/* pagemap says that nobody else maps the page. */
static int is_exclusive(const char *p)
{
	static int fd = -1;
	uint64_t word;

	if (fd < 0)
		fd = OK(open("/proc/self/pagemap", O_RDONLY));
	CHECK_EQ(OK(pread(fd, &word, 8, (off_t)((uintptr_t)p / PAGE * 8))), 8);
	CHECK(word >> 63);
	return word >> 56 & 1;
}

/* smaps divides each page among those who have it, whatever folio it is a part of. */
static void share_parts(int huge)
{
	char *p = (char *)filled(huge);
	int ready[2], done[2];
	char c = 0;
	pid_t pid;
	int st;

	OK(pipe(ready));
	OK(pipe(done));
	pid = OK(fork());
	if (!pid) {
		for (size_t i = 0; i < LEN; i += 16 * PAGE)
			OK(munmap(p + i, 8 * PAGE));
		memset(p + LEN - 4 * PAGE, 1, 4 * PAGE);
		OK(write(ready[1], &c, 1));
		OK(read(done[0], &c, 1));
		_exit(0);
	}
	OK(read(ready[0], &c, 1));
	CHECK_EQ(check_smaps(p, LEN, "Rss"), LEN >> 10);
	CHECK_EQ(check_smaps(p, LEN, "Private_Dirty"), (LEN / 2 + 4 * PAGE) >> 10);
	CHECK_EQ(check_smaps(p, LEN, "Shared_Dirty"), (LEN / 2 - 4 * PAGE) >> 10);
	CHECK_EQ(check_smaps(p, LEN, "Pss"), (LEN * 3 / 4 + 2 * PAGE) >> 10);
	/* Linux says of all pages of a 2 MiB block what holds for its first one */
	for (size_t i = 0; i < LEN && check_on_tine(); i += PAGE)
		CHECK_EQ(is_exclusive(p + i), i % (16 * PAGE) < 8 * PAGE || i >= LEN - 4 * PAGE);
	OK(write(done[1], &c, 1));
	OK(waitpid(pid, &st, 0));
	CHECK_EQ(st, 0);
	CHECK_EQ(check_smaps(p, LEN, "Pss"), LEN >> 10);
	CHECK_EQ(check_smaps(p, LEN, "Private_Dirty"), LEN >> 10);
}
TEST(shares_of_parts_of_pages) { share_parts(0); }
TEST(shares_of_parts_of_blocks) { share_parts(1); }
