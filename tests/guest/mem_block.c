/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in memory in blocks of 2 MiB: tmpfs' huge=, shmem_enabled, where mmap puts them, what smaps,
 * meminfo and vmstat say of them; and that whatever is done to a part of one, contents and the rest
 * stay as they were.
 */
#include "check.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define BIG (2ul << 20)
#define LEN (3 * BIG)

static void need_interface(void)
{
	if (access(THP "shmem_enabled", W_OK))
		SKIP("no large folios of files here");
}

static void get_word(const char *path, char *word, size_t size)
{
	char buf[160];

	snprintf(word, size, "%s", check_chosen(path, buf, sizeof buf));
}

/* Runs code in a child with shmem_enabled as word says, and puts back what was there. */
#define WITH_WORD(word, ...)				\
	do {						\
		char was_[32];				\
		int st_;				\
							\
		need_interface();			\
		get_word(THP "shmem_enabled", was_, sizeof was_);		\
		CHECK_EQ(check_put(THP "shmem_enabled", word), 0);		\
		st_ = IN_CHILD(__VA_ARGS__);		\
		CHECK_EQ(check_put(THP "shmem_enabled", was_), 0);		\
		if (st_)				\
			FAIL("child: wait status %#x", st_);			\
	} while (0)

/* Field of all VMAs in [p, p + LEN), in kB. */
static long smaps_kb(const void *p, const char *field) { return check_smaps(p, LEN, field); }

static void own_directory(void)
{
	static int done;

	if (!done++)
		check_tmpdir();
}

/* A new tmpfs with options; the test's own. */
static void new_mount(const char *options)
{
	need_interface();
	own_directory();
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", 0, options));
}

static void end_mount(void)
{
	OK(umount("m"));
	OK(rmdir("m"));
}

static int new_file(size_t len)
{
	int fd = OK(open("m/file", O_RDWR | O_CREAT | O_TRUNC, 0600));

	OK(ftruncate(fd, (off_t)len));
	return fd;
}

static char *map(int fd, size_t len, int prot, int how)
{
	char *p = mmap(NULL, len, prot, how, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static uint64_t *word(char *p, size_t i) { return (uint64_t *)(p + i); }

/* Each page of p, LEN bytes, told from the others. */
static void fill(char *p)
{
	for (size_t i = 0; i < LEN; i += PAGE)
		*word(p, i) = i + 1;
}

/* Pages outside [from, to) are as fill() left them; those inside hold zero. */
static void check_pages(char *p, size_t from, size_t to)
{
	size_t wrong = 0, at = 0;

	for (size_t i = 0; i < LEN; i += PAGE)
		if (*word(p, i) != (i >= from && i < to ? 0 : i + 1)) {
			at = wrong ? at : i;
			wrong++;
		}
	if (wrong)
		FAIL("%zu pages are wrong, the first at %#zx", wrong, at);
}

/* --- the words -------------------------------------------------------------------------------- */

TEST(words_of_all)
{
	static const char *const words[] = { "always", "within_size", "advise", "never", "deny", "force" };
	char was[32], now[160];

	need_interface();
	get_word(THP "shmem_enabled", was, sizeof was);
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(check_put(THP "shmem_enabled", words[i]), 0);
		get_word(THP "shmem_enabled", now, sizeof now);
		CHECK_STR(now, words[i]);
	}
	CHECK_EQ(check_put(THP "shmem_enabled", was), 0);
	CHECK_EQ(check_put(THP "shmem_enabled", "inherit"), EINVAL);
	CHECK_EQ(check_put(THP "hugepages-2048kB/shmem_enabled", "deny"), EINVAL);
	CHECK_EQ(check_put(THP "hugepages-2048kB/shmem_enabled", "force"), EINVAL);
	check_read_file(THP "shmem_enabled", now, sizeof now);
	*strchr(now, '\n') = 0;
	for (char *p = now; *p; p++)
		if (*p == '[' || *p == ']')
			memmove(p, p + 1, strlen(p));
	CHECK_STR(now, "always within_size advise never deny force");
}

/* The options of the mount m. */
static void options_of_mount(char *out, size_t size)
{
	FILE *f = fopen("/proc/mounts", "r");
	char line[512], dir[256];

	CHECK(f);
	*out = 0;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%*s %255s", dir) == 1 && strlen(dir) > 2 &&
		    !strcmp(dir + strlen(dir) - 2, "/m"))
			snprintf(out, size, "%s", line);
	fclose(f);
}

TEST(mount_option)
{
	static const char *const words[] = { "always", "within_size", "advise" };
	char line[512], option[40];

	new_mount("size=8m");
	options_of_mount(line, sizeof line);
	CHECK(*line && !strstr(line, "huge="));
	for (int i = 0; i < 3; i++) {
		snprintf(option, sizeof option, "huge=%s", words[i]);
		OK(mount("tmpfs", "m", "tmpfs", MS_REMOUNT, option));
		options_of_mount(line, sizeof line);
		CHECK(strstr(line, option));
	}
	OK(mount("tmpfs", "m", "tmpfs", MS_REMOUNT, "size=9m"));	/* it stays */
	options_of_mount(line, sizeof line);
	CHECK(strstr(line, "huge=advise"));
	ERR(mount("tmpfs", "m", "tmpfs", MS_REMOUNT, "huge=nonsense"), EINVAL);
	ERR(mount("tmpfs", "m", "tmpfs", MS_REMOUNT, "huge="), EINVAL);
	ERR(mount("tmpfs", "m", "tmpfs", MS_REMOUNT, "huge=inherit"), EINVAL);
	OK(mount("tmpfs", "m", "tmpfs", MS_REMOUNT, "huge=never"));
	options_of_mount(line, sizeof line);
	CHECK(!strstr(line, "huge="));
	end_mount();
}

/* --- who gets blocks -------------------------------------------------------------------------- */

/* Bytes in blocks after one byte of each 2 MiB has been written or read. */
static long blocks_after(char *p, size_t len, int write)
{
	for (size_t i = 0; i < len; i += BIG)
		if (write)
			p[i + 12345] = 1;
		else
			CHECK_EQ(p[i + 12345], 0);
	return smaps_kb(p, "ShmemPmdMapped");
}

static void check_option(const char *option, int advice, int blocks)
{
	char *p;
	int fd;

	new_mount(option);
	fd = new_file(LEN);
	p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (advice)
		OK(madvise(p, LEN, advice));
	CHECK_EQ(blocks_after(p, LEN, 1), blocks ? (long)LEN >> 10 : 0);
	CHECK_EQ(smaps_kb(p, "FilePmdMapped"), 0);
	CHECK_EQ(smaps_kb(p, "THPeligible"), blocks != 0);
	OK(munmap(p, LEN));
	close(fd);
	end_mount();
}

TEST(option_always)
{
	check_option("huge=always", 0, 1);
	check_option("huge=always", MADV_NOHUGEPAGE, 0);
}

TEST(option_advise)
{
	check_option("huge=advise", 0, 0);
	check_option("huge=advise", MADV_HUGEPAGE, 1);
}

TEST(option_never)
{
	check_option("huge=never", MADV_HUGEPAGE, 0);
	check_option("size=16m", MADV_NOHUGEPAGE, 0);
}

TEST(option_within_size)
{
	char *p;
	int fd;

	check_option("huge=within_size", 0, 1);
	new_mount("huge=within_size");
	fd = new_file(BIG + BIG / 2);
	p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK_EQ(blocks_after(p, BIG + BIG / 2, 1), (long)BIG >> 10);
	OK(munmap(p, LEN));
	close(fd);
	end_mount();
}

TEST(deny_and_force)
{
	own_directory();
	WITH_WORD("deny", check_option("huge=always", 0, 0););
	WITH_WORD("force", check_option("huge=never", 0, 1););
}

/* shmem_enabled holds for memfds and shared anonymous memory, not for a mount that says nothing. */
TEST(word_of_the_kernels_own)
{
	own_directory();
	WITH_WORD("always", {
		int fd = OK(memfd_create("own", 0));
		char *p;

		OK(ftruncate(fd, (off_t)LEN));
		p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
		CHECK_EQ(blocks_after(p, LEN, 1), (long)LEN >> 10);
		OK(munmap(p, LEN));
		p = map(-1, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
		CHECK_EQ(blocks_after(p, LEN, 0), (long)LEN >> 10);
		OK(munmap(p, LEN));
		check_option("size=16m", 0, 0);
	});
	WITH_WORD("never", {
		char *p = map(-1, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);

		OK(madvise(p, LEN, MADV_HUGEPAGE));
		CHECK_EQ(blocks_after(p, LEN, 1), 0);
	});
}

/* Not only a fault: what is written or allocated comes in large folios, and is then mapped so. */
TEST(written_and_allocated)
{
	static char byte = 7;
	struct stat st;
	char *p;
	int fd;

	new_mount("huge=always");
	fd = new_file(0);
	OK(ftruncate(fd, (off_t)LEN));
	CHECK_EQ(OK(pwrite(fd, &byte, 1, 5)), 1);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_blocks * 512, BIG);
	OK(fallocate(fd, 0, (off_t)BIG, (off_t)PAGE));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_blocks * 512, 2 * BIG);
	p = map(fd, LEN, PROT_READ, MAP_SHARED);
	CHECK_EQ(p[5], 7);
	CHECK_EQ(p[BIG], 0);
	CHECK_EQ(smaps_kb(p, "ShmemPmdMapped"), 2 * (long)BIG >> 10);
	OK(munmap(p, LEN));
	close(fd);
	end_mount();
}

/* A mount that has no room for a whole one gets pages. */
TEST(no_room)
{
	char *p;
	int fd;

	new_mount("huge=always,size=3m");
	fd = new_file(LEN);
	p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
	p[0] = 1;
	p[BIG] = 2;
	CHECK_EQ(smaps_kb(p, "ShmemPmdMapped"), (long)BIG >> 10);
	CHECK_EQ(p[BIG], 2);
	OK(munmap(p, LEN));
	close(fd);
	end_mount();
}

/* --- where they lie, and what is said of them ------------------------------------------------- */

TEST(addresses)
{
	char *p, *q;
	int fd;

	new_mount("huge=always");
	fd = new_file(LEN);
	for (int i = 0; i < 3; i++) {
		OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
		p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
		CHECK_EQ((uintptr_t)p % BIG, 0);
	}
	p = mmap(NULL, LEN - 3 * PAGE, PROT_READ, MAP_SHARED, fd, 3 * PAGE);
	CHECK(p != MAP_FAILED);
	CHECK_EQ((uintptr_t)p % BIG, 3 * PAGE);
	q = map(-1, 2 * BIG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
	CHECK_EQ((uintptr_t)q % BIG, 0);
	close(fd);
}

TEST(counters)
{
	long huge, mapped, alloc, faults;
	char *p;
	int fd;

	new_mount("huge=always");
	huge = check_number("/proc/meminfo", "ShmemHugePages");
	mapped = check_number("/proc/meminfo", "ShmemPmdMapped");
	alloc = check_number("/proc/vmstat", "thp_file_alloc");
	faults = check_number("/proc/vmstat", "thp_file_mapped");
	CHECK_LE(0, huge);
	CHECK_LE(0, mapped);
	fd = new_file(LEN);
	p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
	p[0] = p[BIG] = p[2 * BIG] = 1;
	CHECK_EQ(check_number("/proc/meminfo", "ShmemHugePages") - huge, LEN >> 10);
	CHECK_EQ(check_number("/proc/meminfo", "ShmemPmdMapped") - mapped, LEN >> 10);
	CHECK_EQ(check_number("/proc/vmstat", "thp_file_alloc") - alloc, 3);
	CHECK_EQ(check_number("/proc/vmstat", "thp_file_mapped") - faults, 3);
	CHECK_EQ(smaps_kb(p, "Rss"), LEN >> 10);
	CHECK_EQ(smaps_kb(p, "Pss"), LEN >> 10);
	CHECK_EQ(smaps_kb(p, "AnonHugePages"), 0);
	/* a second view counts no folio twice */
	CHECK_EQ(*map(fd, LEN, PROT_READ, MAP_SHARED), 1);
	CHECK_EQ(check_number("/proc/meminfo", "ShmemPmdMapped") - mapped, LEN >> 10);
	OK(munmap(p, BIG));
	OK(ftruncate(fd, (off_t)BIG));
	CHECK_EQ(check_number("/proc/meminfo", "ShmemHugePages") - huge, BIG >> 10);
	CHECK_EQ(check_number("/proc/meminfo", "ShmemPmdMapped") - mapped, BIG >> 10);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	CHECK_EQ(check_number("/proc/meminfo", "ShmemHugePages"), huge);
	CHECK_EQ(check_number("/proc/meminfo", "ShmemPmdMapped"), mapped);
}

/* --- parts ------------------------------------------------------------------------------------ */

static const struct { size_t from, to; } cuts[] = {
	{ 0, PAGE }, { 3 * PAGE, 5 * PAGE }, { 15 * PAGE, 17 * PAGE }, { BIG - PAGE, BIG + PAGE },
	{ BIG + 16 * PAGE, BIG + 32 * PAGE }, { PAGE, LEN - PAGE }, { BIG, 2 * BIG },
	{ BIG / 2, 2 * BIG + BIG / 2 }, { LEN - PAGE, LEN },
};
#define CUTS (sizeof cuts / sizeof cuts[0])

/* fn with a file of LEN bytes in blocks, mapped at p, for each cut. */
static void each_cut(void (*fn)(int fd, char *p, size_t from, size_t to))
{
	new_mount("huge=always");
	for (unsigned i = 0; i < CUTS; i++) {
		int fd = new_file(LEN);
		char *p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);

		fill(p);
		CHECK_EQ(smaps_kb(p, "ShmemPmdMapped"), LEN >> 10);
		fn(fd, p, cuts[i].from, cuts[i].to);
		OK(munmap(p, LEN));
		close(fd);
	}
	end_mount();
}

static void cut_unmap(int fd, char *p, size_t from, size_t to)
{
	OK(munmap(p + from, to - from));
	CHECK_FAULT(check_read(p + from), SIGSEGV, SEGV_MAPERR, p + from);
	CHECK(mmap(p + from, to - from, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)from) == p + from);
	check_pages(p, 0, 0);
}
TEST(unmapping) { each_cut(cut_unmap); }

static void cut_protect(int fd, char *p, size_t from, size_t to)
{
	(void)fd;
	OK(mprotect(p + from, to - from, PROT_READ));
	CHECK_FAULT(check_write(p + to - PAGE), SIGSEGV, SEGV_ACCERR, p + to - PAGE);
	check_pages(p, 0, 0);
	if (from)
		*word(p, from - PAGE) = from - PAGE + 1;
	OK(mprotect(p + from, to - from, PROT_READ | PROT_WRITE));
	fill(p);
	check_pages(p, 0, 0);
}
TEST(protection) { each_cut(cut_protect); }

static void cut_truncate(int fd, char *p, size_t from, size_t to)
{
	(void)to;
	OK(ftruncate(fd, (off_t)from));
	CHECK_FAULT(check_read(p + from), SIGBUS, BUS_ADRERR, p + from);
	OK(ftruncate(fd, (off_t)LEN));
	check_pages(p, from, LEN);
}
TEST(truncation) { each_cut(cut_truncate); }

static void cut_punch(int fd, char *p, size_t from, size_t to)
{
	struct stat st;

	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)));
	OK(fstat(fd, &st));
	CHECK_LE(st.st_blocks * 512, LEN - (to - from));
	check_pages(p, from, to);
}
TEST(holes) { each_cut(cut_punch); }

static void cut_dontneed(int fd, char *p, size_t from, size_t to)
{
	(void)fd;
	OK(madvise(p + from, to - from, MADV_DONTNEED));	/* the file has it still */
	check_pages(p, 0, 0);
	OK(madvise(p + from, to - from, MADV_REMOVE));
	check_pages(p, from, to);
}
TEST(advice) { each_cut(cut_dontneed); }

static void cut_move(int fd, char *p, size_t from, size_t to)
{
	char *q = mmap(NULL, LEN + BIG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)fd;
	CHECK(q != MAP_FAILED);
	CHECK(mremap(p + from, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	for (size_t i = from; i < to; i += PAGE)
		CHECK_EQ(*word(q, i - from), i + 1);
	*word(q, 0) += 5;
	CHECK(mremap(q, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED, p + from) == p + from);
	*word(p, from) -= 5;
	check_pages(p, 0, 0);
	OK(munmap(q, LEN + BIG));
}
TEST(moves) { each_cut(cut_move); }

static void cut_lock(int fd, char *p, size_t from, size_t to)
{
	(void)fd;
	OK(mlock(p + from, to - from));
	check_pages(p, 0, 0);
	CHECK_EQ(smaps_kb(p, "Locked"), (long)(to - from) >> 10);
	OK(munlock(p + from, to - from));
	OK(msync(p, LEN, MS_SYNC));
	check_pages(p, 0, 0);
}
TEST(locking) { each_cut(cut_lock); }

/* A child shares the blocks: it sees what the parent writes, and the other way round. */
static void cut_fork(int fd, char *p, size_t from, size_t to)
{
	(void)fd;
	CHILD_OK(
		for (size_t i = from; i < to; i += PAGE)
			*word(p, i) += 7;
	);
	for (size_t i = from; i < to; i += PAGE)
		*word(p, i) -= 7;
	check_pages(p, 0, 0);
	CHILD_OK(
		OK(munmap(p + from, to - from));
	);
	check_pages(p, 0, 0);
}
TEST(children) { each_cut(cut_fork); }

/* A private view is mapped in blocks until it is written to; the file does not see that. */
static void cut_private(int fd, char *p, size_t from, size_t to)
{
	char *q = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	check_pages(q, 0, 0);
	CHECK_EQ(smaps_kb(q, "ShmemPmdMapped"), LEN >> 10);
	for (size_t i = from; i < to; i += PAGE)
		*word(q, i) = 0;
	check_pages(q, from, to);
	check_pages(p, 0, 0);
	CHECK_EQ(smaps_kb(q, "Anonymous"), (long)(to - from) >> 10);
	/* what is not its own shows what the file has */
	*word(p, to < LEN ? to : 0) = 99;
	CHECK_EQ(*word(q, to < LEN ? to : 0), from || to < LEN ? 99 : 0);
	*word(p, to < LEN ? to : 0) = (to < LEN ? to : 0) + 1;
	CHILD_OK(
		check_pages(q, from, to);
		*word(q, 0) = 3;
	);
	check_pages(q, from, to);
	OK(munmap(q, LEN));
}
TEST(private_views) { each_cut(cut_private); }

/* The end of the file lies in a block: nothing beyond its page can be reached. */
TEST(end_in_a_block)
{
	char *p;
	int fd;

	if (!check_on_tine())
		SKIP("Linux maps whole blocks of tmpfs");
	new_mount("huge=always");
	fd = new_file(BIG + 3 * PAGE + 1);
	p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
	p[BIG + 3 * PAGE] = 1;
	p[BIG + 4 * PAGE - 1] = 1;
	CHECK_FAULT(check_read(p + BIG + 4 * PAGE), SIGBUS, BUS_ADRERR, p + BIG + 4 * PAGE);
	CHECK_FAULT(check_write(p + 2 * BIG), SIGBUS, BUS_ADRERR, p + 2 * BIG);
	OK(ftruncate(fd, (off_t)LEN));
	CHECK_EQ(p[BIG + 3 * PAGE], 1);
	CHECK_EQ(p[BIG + 4 * PAGE - 1], 0);	/* written behind the end */
	CHECK_EQ(p[BIG + 4 * PAGE], 0);
	OK(munmap(p, LEN));
	close(fd);
	end_mount();
}

/* read(2), write(2) and the mapping are one. */
TEST(reads_and_writes)
{
	static uint64_t buf[2 * PAGE / 8];
	char *p;
	int fd;

	new_mount("huge=always");
	fd = new_file(LEN);
	p = map(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
	fill(p);
	for (size_t i = 0; i < LEN; i += 2 * PAGE) {
		CHECK_EQ(OK(pread(fd, buf, sizeof buf, (off_t)i)), sizeof buf);
		CHECK_EQ(buf[0], i + 1);
		CHECK_EQ(buf[PAGE / 8], i + PAGE + 1);
		buf[0] = i;
		CHECK_EQ(OK(pwrite(fd, buf, 8, (off_t)i)), 8);
		CHECK_EQ(*word(p, i), i);
	}
	CHECK_EQ(smaps_kb(p, "ShmemPmdMapped"), LEN >> 10);
	OK(munmap(p, LEN));
	close(fd);
	end_mount();
}

/* --- files that are read in ------------------------------------------------------------------- */

/* A file without end whose words hold their own offset. */
TEST(read_in_where_asked)
{
	int fd = open("/sys/kernel/debug/tine/pattern/data", O_RDONLY);
	long huge = check_number("/proc/meminfo", "FileHugePages"), kb;
	char *p;

	if (fd < 0)
		SKIP("no such file here");
	p = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, (off_t)(8 * BIG));
	CHECK(p != MAP_FAILED);
	CHECK_EQ((uintptr_t)p % BIG, 0);
	CHECK_EQ(*word(p, 3 * PAGE), 8 * BIG + 3 * PAGE);
	CHECK_EQ(smaps_kb(p, "FilePmdMapped"), 0);
	OK(madvise(p, LEN, MADV_HUGEPAGE));
	CHECK_EQ(*word(p, BIG + 3 * PAGE), 9 * BIG + 3 * PAGE);
	kb = smaps_kb(p, "FilePmdMapped");
	CHECK_EQ(kb, BIG >> 10);
	CHECK_EQ(check_number("/proc/meminfo", "FileHugePages") - huge, BIG >> 10);
	for (size_t i = 0; i < LEN; i += 8 * 509)
		CHECK_EQ(*word(p, i), 8 * BIG + i);
	/* used or not, memory that is wanted comes back */
	OK(munmap(p, LEN));
	OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	CHECK_EQ(check_number("/proc/meminfo", "FileHugePages"), huge);
}
