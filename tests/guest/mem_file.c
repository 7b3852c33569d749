/* SPDX-License-Identifier: BSD-2-Clause */
/* File mappings: private, shared, coherent with read and write; SIGBUS, msync, mincore, mlock. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define RW (PROT_READ | PROT_WRITE)

static int make_file(const char *name, size_t pages)
{
	int fd = OK(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
	char buf[PAGE];

	for (size_t i = 0; i < pages; i++) {
		memset(buf, 'a' + i % 26, sizeof buf);
		CHECK_EQ(write(fd, buf, sizeof buf), PAGE);
	}
	return fd;
}

static char *map(int fd, size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return p;
}

TEST(private_does_not_write_back)
{
	char c, *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 3);
	p = map(fd, 3, RW, MAP_PRIVATE);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[2 * PAGE], 'c');
	p[PAGE] = 'Z';
	CHECK_EQ(pread(fd, &c, 1, PAGE), 1);
	CHECK_EQ(c, 'b');
	CHECK_EQ(p[PAGE], 'Z');
	CHECK_EQ(p[PAGE + 1], 'b');
}

TEST(private_sees_file_until_written)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 1);
	p = map(fd, 1, RW, MAP_PRIVATE);
	CHECK_EQ(p[10], 'a');
	CHECK_EQ(pwrite(fd, "X", 1, 10), 1);
	CHECK_EQ(p[10], 'X');
	p[11] = 'Y';
	CHECK_EQ(pwrite(fd, "W", 1, 10), 1);
	CHECK_EQ(p[10], 'X');
}

TEST(shared_coherent)
{
	char c, *p, *q;
	int fd;

	check_tmpdir();
	fd = make_file("f", 2);
	p = map(fd, 2, RW, MAP_SHARED);
	q = map(fd, 2, PROT_READ, MAP_SHARED);
	p[5] = '1';
	CHECK_EQ(q[5], '1');
	CHECK_EQ(pread(fd, &c, 1, 5), 1);
	CHECK_EQ(c, '1');
	CHECK_EQ(pwrite(fd, "2", 1, PAGE + 6), 1);
	CHECK_EQ(p[PAGE + 6], '2');
	CHILD_OK(p[7] = '3';);
	CHECK_EQ(q[7], '3');
	CHECK_FAULT(check_write(q), SIGSEGV, SEGV_ACCERR, q);
}

TEST(survives_close_and_unlink)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 2);
	p = map(fd, 2, RW, MAP_SHARED);
	close(fd);
	OK(unlink("f"));
	CHECK_EQ(p[PAGE], 'b');
	p[0] = 'x';
	CHECK_EQ(p[0], 'x');
}

TEST(sigbus_beyond_end)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 1);
	p = map(fd, 3, RW, MAP_SHARED);
	NO_FAULT(check_read(p + PAGE - 1));
	CHECK_FAULT(check_read(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
	CHECK_FAULT(check_write(p + 2 * PAGE + 3), SIGBUS, BUS_ADRERR, p + 2 * PAGE + 3);
	OK(ftruncate(fd, 2 * PAGE));
	NO_FAULT(check_read(p + PAGE));
	CHECK_EQ(p[PAGE], 0);
}

TEST(sigbus_private)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 1);
	p = map(fd, 2, RW, MAP_PRIVATE);
	CHECK_FAULT(check_write(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
}

TEST(truncate_unmaps)
{
	char *p, *q;
	int fd;

	check_tmpdir();
	fd = make_file("f", 4);
	p = map(fd, 4, RW, MAP_SHARED);
	q = map(fd, 4, RW, MAP_PRIVATE);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(p[i * PAGE], q[i * PAGE]);
	q[3 * PAGE] = '!';		/* a private copy goes too */
	OK(ftruncate(fd, PAGE + 100));
	NO_FAULT(check_read(p + PAGE));
	CHECK_EQ(p[PAGE + 99], 'b');
	CHECK_EQ(p[PAGE + 100], 0);	/* the tail of the last page is zero */
	CHECK_FAULT(check_read(p + 2 * PAGE), SIGBUS, BUS_ADRERR, p + 2 * PAGE);
	CHECK_FAULT(check_read(q + 3 * PAGE), SIGBUS, BUS_ADRERR, q + 3 * PAGE);
	OK(ftruncate(fd, 4 * PAGE));
	CHECK_EQ(p[3 * PAGE], 0);
	CHECK_EQ(q[3 * PAGE], 0);
}

TEST(tail_is_zero)
{
	char *p;
	int fd;

	check_tmpdir();
	check_write_file("f", "hello");
	fd = OK(open("f", O_RDWR));
	p = map(fd, 1, RW, MAP_SHARED);
	CHECK_EQ(memcmp(p, "hello\0\0\0", 8), 0);
	CHECK_EQ(p[PAGE - 1], 0);
}

TEST(offset_map)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 8);
	p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 5 * PAGE);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 'f');
	CHECK_EQ(p[PAGE], 'g');
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 5 * PAGE + 512) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
}

TEST(private_after_fork)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 2);
	p = map(fd, 2, RW, MAP_PRIVATE);
	p[0] = '1';
	CHILD_OK(
		CHECK_EQ(p[0], '1');
		p[0] = '2';
		p[PAGE] = '3';
	);
	CHECK_EQ(p[0], '1');
	CHECK_EQ(p[PAGE], 'b');
}

TEST(read_into_own_mapping)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 2);
	p = map(fd, 2, RW, MAP_SHARED);
	/* source and destination are pages of the same file, one not present yet */
	CHECK_EQ(pread(fd, p, PAGE, PAGE), PAGE);
	CHECK_EQ(p[0], 'b');
	CHECK_EQ(pwrite(fd, p, PAGE, PAGE), PAGE);
	CHECK_EQ(p[PAGE], 'b');
}

TEST(fault_in_read_buffer)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 1);
	p = map(fd, 4, RW, MAP_SHARED);
	/* the buffer lies beyond the end of its file: the kernel's own copy meets the SIGBUS */
	ERR(pread(fd, p + 2 * PAGE, 16, 0), EFAULT);
}

TEST(msync_calls)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 2);
	p = map(fd, 2, RW, MAP_SHARED);
	p[0] = 'q';
	OK(msync(p, 2 * PAGE, MS_SYNC));
	OK(msync(p, 2 * PAGE, MS_ASYNC));
	OK(msync(p, 2 * PAGE, MS_SYNC | MS_INVALIDATE));
	OK(msync(p, 0, MS_SYNC));
	ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	ERR(msync(p, PAGE, 0x80), EINVAL);
	ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	OK(munmap(p + PAGE, PAGE));
	ERR(msync(p, 2 * PAGE, MS_SYNC), ENOMEM);
	OK(fsync(fd));
	OK(fdatasync(fd));
}

TEST(mincore_calls)
{
	unsigned char vec[8];
	char *p = check_anon(8 * PAGE);

	p[0] = 1;
	p[3 * PAGE] = 1;
	OK(mincore(p, 8 * PAGE, vec));
	CHECK_EQ(vec[0] & 1, 1);
	CHECK_EQ(vec[1] & 1, 0);
	CHECK_EQ(vec[3] & 1, 1);
	CHECK_EQ(vec[7] & 1, 0);
	ERR(mincore(p + 1, PAGE, vec), EINVAL);
	ERR(mincore(p, PAGE, BAD_PTR), EFAULT);
	OK(munmap(p + 2 * PAGE, PAGE));
	ERR(mincore(p, 8 * PAGE, vec), ENOMEM);
	OK(mincore(p, 0, vec));
}

TEST(mlock_calls)
{
	unsigned char vec[4];
	char *p = check_anon(4 * PAGE);

	OK(mlock(p, 4 * PAGE));
	OK(mincore(p, 4 * PAGE, vec));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(vec[i] & 1, 1);
	ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	OK(munlock(p + 1, PAGE));
	OK(madvise(p, PAGE, MADV_DONTNEED));
	OK(munmap(p + PAGE, PAGE));
	ERR(mlock(p, 4 * PAGE), ENOMEM);
	OK(mlockall(MCL_CURRENT | MCL_FUTURE));
	OK(munlockall());
	ERR(mlockall(0), EINVAL);
	ERR(mlockall(0x100), EINVAL);
	OK(mlock2(p, PAGE, MLOCK_ONFAULT));
	ERR(mlock2(p, PAGE, 0x80), EINVAL);
}

TEST(mlock_limit)
{
	char *p = check_anon(32 * PAGE);
	struct rlimit rl = { 8 * PAGE, 8 * PAGE };

	OK(setrlimit(RLIMIT_MEMLOCK, &rl));
	check_become(1000, 1000);
	OK(mlock(p, 4 * PAGE));
	ERR(mlock(p, 32 * PAGE), ENOMEM);
	rl.rlim_cur = rl.rlim_max = 0;
	OK(setrlimit(RLIMIT_MEMLOCK, &rl));
	ERR(mlock(p + 8 * PAGE, PAGE), EPERM);
}

TEST(write_exec_only_file)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", 1);
	p = map(fd, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	CHECK_EQ(p[0], 'a');
	CHECK_FAULT(check_write(p), SIGSEGV, SEGV_ACCERR, p);
}

TEST(many_pages)
{
	enum { N = 600 };
	char *p;
	int fd;

	check_tmpdir();
	fd = make_file("f", N);
	p = map(fd, N, PROT_READ, MAP_PRIVATE);
	for (int i = 0; i < N; i++)
		CHECK_EQ(p[i * PAGE + i], 'a' + i % 26);
	for (int i = N; i--;)
		CHECK_EQ(p[i * PAGE], 'a' + i % 26);
}

TEST(hole_in_file)
{
	char *p, buf[16];
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	OK(ftruncate(fd, 16 * PAGE));
	p = map(fd, 16, RW, MAP_SHARED);
	CHECK_EQ(p[9 * PAGE], 0);
	p[9 * PAGE] = 'h';
	CHECK_EQ(pread(fd, buf, 2, 9 * PAGE), 2);
	CHECK_EQ(buf[0], 'h');
	CHECK_EQ(buf[1], 0);
	CHECK_EQ(pread(fd, buf, 2, 3 * PAGE), 2);
	CHECK_EQ(buf[0], 0);
}
