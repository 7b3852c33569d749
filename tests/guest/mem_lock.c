/* SPDX-License-Identifier: BSD-2-Clause */
/* Locked memory beside everything else: what must be there, and what refuses to let it go. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

static int resident(char *p)
{
	unsigned char vec;

	OK(mincore(p, PAGE, &vec));
	return vec & 1;
}

/* Three mappings side by side; nothing may touch the one in the middle. */
static char *with_guard(void)
{
	char *p = check_anon(12 * PAGE);

	OK(mprotect(p + 4 * PAGE, 4 * PAGE, PROT_NONE));
	return p;
}

TEST(no_access_is_an_error)
{
	char *p = with_guard();

	ERR(mlock(p + 4 * PAGE, PAGE), ENOMEM);
	ERR(mlock(p, 12 * PAGE), ENOMEM);
	CHECK(resident(p));		/* up to there it was done */
}

TEST(everything_but_guards)
{
	char *p = with_guard();

	OK(mlockall(MCL_CURRENT));
	CHECK(resident(p));
	CHECK(!resident(p + 4 * PAGE));
	CHECK(resident(p + 8 * PAGE));
	OK(munlockall());
}

TEST(everything_behind_a_short_file)
{
	char *p = check_anon(12 * PAGE);
	int fd = OK(memfd_create("short", 0));

	OK(ftruncate(fd, PAGE));
	CHECK(mmap(p + 4 * PAGE, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	ERR(mlock(p, 12 * PAGE), ENOMEM);
	OK(munlockall());
	OK(madvise(p, 12 * PAGE, MADV_DONTNEED));
	OK(mlockall(MCL_CURRENT));
	CHECK(resident(p + 11 * PAGE));
	OK(munlockall());
}

TEST(locked_pages_stay)
{
	char *p = check_anon(4 * PAGE);

	memset(p, 1, 4 * PAGE);
	OK(mlock(p + PAGE, PAGE));
	ERR(madvise(p + PAGE, PAGE, MADV_DONTNEED), EINVAL);
	ERR(madvise(p + PAGE, PAGE, MADV_FREE), EINVAL);
	ERR(madvise(p + PAGE, PAGE, MADV_COLD), EINVAL);
	ERR(madvise(p + PAGE, PAGE, MADV_PAGEOUT), EINVAL);
	CHECK_EQ(p[PAGE], 1);
	ERR(madvise(p, 4 * PAGE, MADV_DONTNEED), EINVAL);
	CHECK_EQ(p[0], 0);		/* what lies before is done */
	CHECK_EQ(p[PAGE], 1);
	CHECK_EQ(p[2 * PAGE], 1);
	OK(madvise(p + PAGE, PAGE, MADV_DONTNEED_LOCKED));
	CHECK_EQ(p[PAGE], 0);
	OK(munlock(p + PAGE, PAGE));
	OK(madvise(p, 4 * PAGE, MADV_DONTNEED));
}

TEST(invalidate_of_locked_memory)
{
	char *p = check_shared(4 * PAGE);

	OK(mlock(p + PAGE, PAGE));
	ERR(msync(p, 4 * PAGE, MS_INVALIDATE), EBUSY);
	OK(msync(p, 4 * PAGE, MS_SYNC));
	OK(munlock(p, 4 * PAGE));
	OK(msync(p, 4 * PAGE, MS_INVALIDATE));
}

TEST(locked_stack_of_holes)
{
	char *p = check_anon(6 * PAGE);

	OK(munmap(p + 3 * PAGE, PAGE));
	ERR(mlock(p, 6 * PAGE), ENOMEM);
	OK(munlock(p, 3 * PAGE));
	ERR(munlock(p, 6 * PAGE), ENOMEM);
}

/* The emptied place is not locked any more, and so like what lies behind it. */
TEST(moved_beside_an_unlocked_page)
{
	char *p = check_anon(3 * PAGE), *q = check_anon(PAGE);

	p[0] = 1;
	OK(mlock(p, PAGE));
	CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, q) == q);
	CHECK_EQ(q[0], 1);
	CHECK_EQ(p[0], 0);
	ERR(madvise(q, PAGE, MADV_DONTNEED), EINVAL);
	OK(madvise(p, 3 * PAGE, MADV_DONTNEED));
}

TEST(remove_needs_a_shared_mapping)
{
	int fd = OK(memfd_create("f", 0)), ro;
	char name[40], *p;

	OK(ftruncate(fd, 2 * PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, 2 * PAGE);
	OK(madvise(p, PAGE, MADV_REMOVE));
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[PAGE], 1);
	OK(mprotect(p, 2 * PAGE, PROT_READ));	/* could be made writable: enough */
	OK(madvise(p + PAGE, PAGE, MADV_REMOVE));
	CHECK_EQ(p[PAGE], 0);
	OK(mlock(p, PAGE));
	ERR(madvise(p, PAGE, MADV_REMOVE), EINVAL);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ERR(madvise(p, PAGE, MADV_REMOVE), EACCES);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ro = OK(open(name, O_RDONLY));
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	CHECK(p != MAP_FAILED);
	ERR(madvise(p, PAGE, MADV_REMOVE), EACCES);
	ERR(madvise(check_anon(PAGE), PAGE, MADV_REMOVE), EINVAL);
}

/* The file's own page is gone, the copy lives on; it goes when the file ends before it. */
TEST(private_copy_of_a_punched_page)
{
	int fd = OK(memfd_create("f", 0));
	char *p;

	OK(ftruncate(fd, 2 * PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, 2 * PAGE);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * PAGE));
	CHECK_EQ(p[PAGE], 1);
	OK(ftruncate(fd, PAGE));
	CHECK_EQ(p[0], 1);
	CHECK_FAULT(check_read(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
	OK(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(p[PAGE], 0);
}
