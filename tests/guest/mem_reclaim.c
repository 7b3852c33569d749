/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page cache and reclaim. What needs a file that can be dropped and read again, larger than memory,
 * uses the pattern file of Tine's debugfs (docs/debugging.md) and is skipped elsewhere.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PATTERN "/sys/kernel/debug/tine/pattern/"
#define MIB (1UL << 20)
#define GIB (1UL << 30)

static int pattern_open(int flags)
{
	int fd = open(PATTERN "data", flags);

	if (fd < 0 && !check_on_tine())
		SKIP("no pattern file");
	return (int)OK(fd);
}

static unsigned long pages_made(void)
{
	char buf[32];

	check_read_file(PATTERN "reads", buf, sizeof(buf));
	return strtoul(buf, NULL, 10);
}

/* p holds len bytes of the pattern file from off on; both multiples of 8. */
static void check_pattern(const void *p, unsigned long off, unsigned long len)
{
	const uint64_t *w = p;

	for (unsigned long i = 0; i < len / 8; i++)
		if (w[i] != off + 8 * i)
			FAIL("word at %#lx: %#lx", off + 8 * i, (unsigned long)w[i]);
}

TEST(pattern_read)
{
	static char buf[3 * PAGE];
	int fd = pattern_open(O_RDONLY);
	unsigned long made = pages_made();
	struct stat st;

	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 64 * GIB);
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 40)), sizeof(buf));
	check_pattern(buf, 40, sizeof(buf));
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 64 * (long)GIB - 8)), 8);
	check_pattern(buf, 64 * GIB - 8, 8);
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 64 * (long)GIB)), 0);
	CHECK_GE(pages_made(), made + 5);
	made = pages_made();
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 0)), sizeof(buf));
	CHECK_EQ(pages_made(), made);	/* from memory */
}

TEST(pattern_map)
{
	unsigned long off = 7 * GIB;
	int fd = pattern_open(O_RDWR);
	char *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, (off_t)off), *q;

	CHECK(p != MAP_FAILED);
	check_pattern(p, off, MIB);
	q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (off_t)off);
	CHECK(q != MAP_FAILED);
	memset(q, 1, PAGE);
	check_pattern(p, off, PAGE);
	OK(ftruncate(fd, (off_t)(off + PAGE)));
	check_pattern(p, off, PAGE);
	CHECK_EQ(q[5], 1);
	CHECK_FAULT(check_read(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
	OK(ftruncate(fd, (off_t)(off + 3 * PAGE)));
	check_pattern(p, off, 3 * PAGE);
}
