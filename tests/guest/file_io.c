/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing files: open flags, offsets, vectors, holes, truncation, descriptors. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

TEST(open_flags)
{
	struct stat st;
	int fd;

	check_tmpdir();
	ERR(open("f", O_RDONLY), ENOENT);
	fd = OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0640));
	CHECK_EQ(write(fd, "12345", 5), 5);
	close(fd);
	ERR(open("f", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	fd = OK(open("f", O_WRONLY | O_TRUNC));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	ERR(read(fd, &st, 1), EBADF);
	close(fd);
	fd = OK(open("f", O_RDONLY));
	ERR(write(fd, "x", 1), EBADF);
	close(fd);
	ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	ERR(open(".", O_WRONLY), EISDIR);
	ERR(open(".", O_RDWR | O_CREAT, 0644), EISDIR);
	ERR(open("f/x", O_RDONLY), ENOTDIR);
	ERR(open("nodir/x", O_RDWR | O_CREAT, 0644), ENOENT);
	ERR(open("", O_RDONLY), ENOENT);
	ERR(open("f/", O_RDONLY), ENOTDIR);
	ERR(open("new/", O_RDWR | O_CREAT, 0644), EISDIR);
	ERR(syscall(SYS_openat, AT_FDCWD, BAD_PTR, O_RDONLY), EFAULT);
	ERR(syscall(SYS_openat, AT_FDCWD, KERNEL_PTR, O_RDONLY), EFAULT);
	ERR(openat(999, "f", O_RDONLY), EBADF);
	fd = OK(open("f", O_RDONLY));
	ERR(openat(fd, "f", O_RDONLY), ENOTDIR);
}

TEST(o_append)
{
	char buf[32];
	int fd, fd2;

	check_tmpdir();
	check_write_file("f", "abc");
	fd = OK(open("f", O_RDWR | O_APPEND));
	fd2 = OK(open("f", O_RDWR | O_APPEND));
	OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(write(fd, "d", 1), 1);
	CHECK_EQ(write(fd2, "e", 1), 1);
	CHECK_EQ(write(fd, "f", 1), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	check_read_file("f", buf, sizeof buf);
	CHECK_STR(buf, "abcdef");
}

TEST(lowest_descriptor)
{
	int a = OK(open("/dev/null", O_RDONLY)), b = OK(open("/dev/null", O_RDONLY));

	CHECK_EQ(b, a + 1);
	close(a);
	CHECK_EQ(open("/dev/null", O_RDONLY), a);
	ERR(close(999), EBADF);
	ERR(close(-1), EBADF);
	OK(close(b));
	ERR(close(b), EBADF);
}

TEST(read_write_errors)
{
	char buf[16];
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	ERR(write(fd, BAD_PTR, 10), EFAULT);
	ERR(write(fd, KERNEL_PTR, 10), EFAULT);
	CHECK_EQ(write(fd, "hello", 5), 5);
	OK(lseek(fd, 0, SEEK_SET));
	ERR(read(fd, BAD_PTR, 10), EFAULT);
	ERR(read(fd, KERNEL_PTR, 10), EFAULT);
	CHECK_EQ(read(fd, buf, 0), 0);
	CHECK_EQ(read(fd, buf, 16), 5);
	CHECK_EQ(read(fd, buf, 16), 0);
	ERR(read(999, buf, 1), EBADF);
	ERR(read(-1, buf, 1), EBADF);
	ERR(syscall(SYS_read, fd, buf, -1UL), EFAULT);	/* beyond all address space */
	close(fd);
	fd = OK(open(".", O_RDONLY));
	ERR(read(fd, buf, 1), EISDIR);
}

TEST(partial_copy)
{
	char *p = check_anon(2 * PAGE);
	int fd;

	/* a buffer that ends in unmapped memory: what fits is done, or EFAULT, never more */
	check_tmpdir();
	OK(munmap(p + PAGE, PAGE));
	memset(p, 'x', PAGE);
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	ssize_t n = write(fd, p + PAGE - 100, 200);
	CHECK(n == 100 || (n == -1 && errno == EFAULT));
	OK(ftruncate(fd, 200));
	n = pread(fd, p + PAGE - 100, 200, 0);
	CHECK(n == 100 || (n == -1 && errno == EFAULT));
}

TEST(lseek_calls)
{
	int fd;

	check_tmpdir();
	check_write_file("f", "0123456789");
	fd = OK(open("f", O_RDWR));
	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	CHECK_EQ(lseek(fd, 2, SEEK_CUR), 5);
	CHECK_EQ(lseek(fd, -1, SEEK_END), 9);
	CHECK_EQ(lseek(fd, 100, SEEK_END), 110);
	ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	ERR(lseek(fd, -200, SEEK_CUR), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 110);
	ERR(lseek(fd, 0, 77), EINVAL);
	ERR(lseek(999, 0, SEEK_SET), EBADF);
	int p[2];
	OK(pipe(p));
	ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	char buf[8] = "";
	CHECK_EQ(read(fd, buf, 8), 0);		/* beyond the end */
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 111);
	CHECK_EQ(pread(fd, buf, 2, 50), 2);
	CHECK_EQ(buf[0] | buf[1], 0);
}

TEST(seek_data_hole)
{
	char buf[PAGE];
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	memset(buf, 1, sizeof buf);
	OK(ftruncate(fd, 64 * PAGE));
	ERR(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
	CHECK_EQ(pwrite(fd, buf, PAGE, 16 * PAGE), PAGE);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 16 * PAGE);
	CHECK_EQ(lseek(fd, 16 * PAGE + 5, SEEK_DATA), 16 * PAGE + 5);
	CHECK_EQ(lseek(fd, 16 * PAGE, SEEK_HOLE), 17 * PAGE);
	CHECK_EQ(lseek(fd, 40 * PAGE, SEEK_HOLE), 40 * PAGE);
	ERR(lseek(fd, 40 * PAGE, SEEK_DATA), ENXIO);
	ERR(lseek(fd, 64 * PAGE, SEEK_HOLE), ENXIO);
	ERR(lseek(fd, -5, SEEK_DATA), ENXIO);
}

TEST(sparse_blocks)
{
	struct stat st;
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	CHECK_EQ(pwrite(fd, "x", 1, 1UL << 32), 1);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, (1L << 32) + 1);
	CHECK_LE(st.st_blocks, 64);
	CHECK_GE(st.st_blocks, 8);
	OK(ftruncate(fd, 0));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_blocks, 0);
}

TEST(pread_pwrite)
{
	char buf[16] = "";
	int fd, p[2];

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	CHECK_EQ(pwrite(fd, "world", 5, 6), 5);
	CHECK_EQ(pwrite(fd, "hello ", 6, 0), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pread(fd, buf, 11, 0), 11);
	CHECK_STR(buf, "hello world");
	ERR(pread(fd, buf, 1, -1), EINVAL);
	ERR(pwrite(fd, buf, 1, -1), EINVAL);
	OK(pipe(p));
	ERR(pread(p[0], buf, 1, 0), ESPIPE);
	ERR(pwrite(p[1], buf, 1, 0), ESPIPE);
}

TEST(vectors)
{
	char a[4] = "", b[8] = "";
	struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "twofour", 7 } };
	struct iovec in[2] = { { a, 3 }, { b, 7 } };
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	CHECK_EQ(writev(fd, out, 3), 10);
	OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(readv(fd, in, 2), 10);
	CHECK_STR(a, "one");
	CHECK_STR(b, "twofour");
	CHECK_EQ(preadv(fd, in, 2, 3), 7);
	CHECK_EQ(pwritev(fd, out, 1, 20), 3);
	CHECK_EQ(pwritev2(fd, out, 1, 23, 0), 3);
	ERR(pwritev2(fd, out, 1, 0, 0x40000000), EOPNOTSUPP);
	CHECK_EQ(writev(fd, out, 0), 0);
	ERR(writev(fd, out, -1), EINVAL);
	ERR(writev(fd, out, IOV_MAX + 1), EINVAL);
	ERR(writev(fd, BAD_PTR, 1), EFAULT);
	out[1].iov_base = BAD_PTR;
	out[1].iov_len = 5;
	ssize_t n = writev(fd, out, 3);
	CHECK(n == 3 || (n == -1 && errno == EFAULT));
	out[1].iov_len = -1;
	ERR(writev(fd, out, 3), EINVAL);
}

TEST(truncate_calls)
{
	struct stat st;
	char buf[16];
	int fd;

	check_tmpdir();
	check_write_file("f", "0123456789");
	OK(truncate("f", 4));
	OK(truncate("f", 8));
	fd = OK(open("f", O_RDWR));
	CHECK_EQ(read(fd, buf, 16), 8);
	CHECK_EQ(memcmp(buf, "0123\0\0\0\0", 8), 0);
	ERR(truncate("f", -1), EINVAL);
	ERR(ftruncate(fd, -1), EINVAL);
	ERR(truncate("nothing", 1), ENOENT);
	ERR(truncate(".", 1), EISDIR);
	close(fd);
	fd = OK(open("f", O_RDONLY));
	ERR(ftruncate(fd, 1), EINVAL);
	OK(stat("f", &st));
	CHECK_EQ(st.st_size, 8);
}

TEST(file_size_limit)
{
	struct rlimit rl = { 100, 100 };
	char buf[64] = "";
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	OK(setrlimit(RLIMIT_FSIZE, &rl));
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(write(fd, buf, 64), 64);
	CHECK_EQ(write(fd, buf, 64), 36);
	ERR(write(fd, buf, 64), EFBIG);
	ERR(ftruncate(fd, 200), EFBIG);
	CHILD_OK(
		signal(SIGXFSZ, SIG_DFL);
		int st = IN_CHILD(write(fd, buf, 1););
		CHECK_EQ(WTERMSIG(st), SIGXFSZ);
	);
}

TEST(huge_offsets)
{
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	ERR(pwrite(fd, "x", 1, LONG_MAX), EINVAL);	/* the end overflows */
	CHECK_EQ(pread(fd, &fd, 1, LONG_MAX - 10), 0);
	ERR(lseek(fd, LONG_MIN, SEEK_CUR), EINVAL);
}

TEST(fallocate_calls)
{
	struct stat st;
	char c = 1;
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	OK(fallocate(fd, 0, 0, 4 * PAGE));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 4 * PAGE);
	CHECK_GE(st.st_blocks, 32);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4 * PAGE, PAGE));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 4 * PAGE);
	CHECK_EQ(pwrite(fd, "x", 1, PAGE), 1);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
	CHECK_EQ(pread(fd, &c, 1, PAGE), 1);
	CHECK_EQ(c, 0);
	ERR(fallocate(fd, 0, -1, 5), EINVAL);
	ERR(fallocate(fd, 0, 0, 0), EINVAL);
	ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 5), EOPNOTSUPP);
	ERR(fallocate(fd, 0x4000, 0, 5), EOPNOTSUPP);
	close(fd);
	fd = OK(open("f", O_RDONLY));
	ERR(fallocate(fd, 0, 0, 5), EBADF);
}

TEST(punch_hole_in_mapping)
{
	char *p;
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	OK(ftruncate(fd, 4 * PAGE));
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, 4 * PAGE);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE + 100, 2 * PAGE));
	CHECK_EQ(p[PAGE + 99], 1);
	CHECK_EQ(p[PAGE + 100], 0);
	CHECK_EQ(p[2 * PAGE], 0);
	CHECK_EQ(p[3 * PAGE + 99], 0);
	CHECK_EQ(p[3 * PAGE + 100], 1);
	p[2 * PAGE] = 5;
	CHECK_EQ(pread(fd, p, 1, 2 * PAGE), 1);
	CHECK_EQ(p[0], 5);
}

TEST(dup_calls)
{
	char c;
	int fd, d;

	check_tmpdir();
	check_write_file("f", "abcdef");
	fd = OK(open("f", O_RDONLY | O_CLOEXEC));
	d = OK(dup(fd));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(read(d, &c, 1), 1);
	CHECK_EQ(c, 'b');			/* one offset */
	CHECK_EQ(fcntl(d, F_GETFD), 0);		/* flags of their own */
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(dup2(fd, 50), 50);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_EQ(dup3(fd, 51, O_CLOEXEC), 51);
	CHECK_EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
	ERR(dup3(fd, fd, 0), EINVAL);
	ERR(dup3(fd, 52, O_RDWR), EINVAL);
	ERR(dup2(999, 3), EBADF);
	ERR(dup2(fd, -1), EBADF);
	ERR(dup2(fd, 100000000), EBADF);
	ERR(dup(-1), EBADF);
	CHECK_EQ(fcntl(fd, F_DUPFD, 60), 60);
	CHECK_EQ(fcntl(fd, F_DUPFD, 60), 61);
	ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	ERR(fcntl(fd, F_DUPFD, 100000000), EINVAL);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 70), 70);
}

TEST(fcntl_calls)
{
	int fd, p[2];

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT | O_APPEND, 0644));
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_CREAT), O_RDWR | O_APPEND);
	OK(fcntl(fd, F_SETFL, O_NONBLOCK | O_WRONLY));	/* the access mode stays */
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_NONBLOCK);
	ERR(fcntl(fd, 7777, 0), EINVAL);
	ERR(fcntl(999, F_GETFL), EBADF);
	OK(pipe(p));
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_GE(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
	ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
	OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST(nofile_limit)
{
	struct rlimit rl = { 20, 20 };
	int last = -1, fd;

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 19);
	ERR(dup(0), EMFILE);
	ERR(dup2(0, 20), EBADF);
	ERR(pipe((int[2]){ 0 }), EMFILE);
}

TEST(many_descriptors)
{
	struct rlimit rl;
	enum { N = 1000 };
	int first = -1;

	OK(getrlimit(RLIMIT_NOFILE, &rl));
	CHECK_GE(rl.rlim_cur, 1024);
	for (int i = 0; i < N; i++) {
		int fd = OK(open("/dev/null", O_RDONLY));

		if (first < 0)
			first = fd;
		CHECK_EQ(fd, first + i);
	}
	CHILD_OK(
		OK(syscall(SYS_close_range, first + 10, ~0U, 0));
		OK(fcntl(first + 9, F_GETFD));
		ERR(fcntl(first + 10, F_GETFD), EBADF);
		ERR(fcntl(first + N - 1, F_GETFD), EBADF);
	);
	OK(fcntl(first + N - 1, F_GETFD));
	OK(syscall(SYS_close_range, first, first + N, 4 /* CLOEXEC */));
	CHECK_EQ(fcntl(first + 5, F_GETFD), FD_CLOEXEC);
	ERR(syscall(SYS_close_range, 10, 5, 0), EINVAL);
	ERR(syscall(SYS_close_range, 5, 10, 0x80), EINVAL);
}

TEST(big_file)
{
	enum { N = 2048 };		/* 8 MiB */
	unsigned int buf[PAGE / 4];
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	for (unsigned int i = 0; i < N; i++) {
		for (unsigned int j = 0; j < PAGE / 4; j += 64)
			buf[j] = i * 1000 + j;
		CHECK_EQ(write(fd, buf, PAGE), PAGE);
	}
	for (unsigned int k = 0; k < N; k++) {
		unsigned int i = k * 7 % N;

		CHECK_EQ(pread(fd, buf, PAGE, i * PAGE), PAGE);
		for (unsigned int j = 0; j < PAGE / 4; j += 64)
			CHECK_EQ(buf[j], i * 1000 + j);
	}
}

TEST(unaligned_io)
{
	char buf[300], *model = check_anon(40000);
	unsigned int seed = 3;
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0644));
	OK(ftruncate(fd, 40000));
	for (int i = 0; i < 500; i++) {
		size_t off = rand_r(&seed) % (40000 - sizeof buf), len = rand_r(&seed) % sizeof buf;

		if (i % 3) {
			memset(buf, i, len);
			memcpy(model + off, buf, len);
			CHECK_EQ(pwrite(fd, buf, len, off), len);
		} else {
			CHECK_EQ(pread(fd, buf, len, off), len);
			CHECK_EQ(memcmp(buf, model + off, len), 0);
		}
	}
}

TEST(o_tmpfile)
{
	char path[64], buf[8] = "";
	struct stat st;
	int fd;

	check_tmpdir();
	fd = open(".", O_RDWR | O_TMPFILE, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		SKIP("no O_TMPFILE on this file system");
	CHECK_GE(fd, 0);
	CHECK_EQ(write(fd, "tmp", 3), 3);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 1);
	check_read_file("named", buf, sizeof buf);
	CHECK_STR(buf, "tmp");
	ERR(open(".", O_RDONLY | O_TMPFILE, 0600), EINVAL);
}

TEST(o_path)
{
	struct stat st;
	char buf[8];
	int fd, dir;

	check_tmpdir();
	check_write_file("f", "abc");
	OK(symlink("f", "l"));
	fd = OK(open("f", O_PATH));
	ERR(read(fd, buf, 1), EBADF);
	ERR(write(fd, buf, 1), EBADF);
	ERR(lseek(fd, 0, SEEK_SET), EBADF);
	ERR(ftruncate(fd, 0), EBADF);
	ERR(fchmod(fd, 0600), EBADF);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 3);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	OK(dup(fd));
	dir = OK(open(".", O_PATH | O_DIRECTORY));
	OK(openat(dir, "f", O_RDONLY));
	OK(fchdir(dir));
	fd = OK(open("l", O_PATH | O_NOFOLLOW));
	OK(fstat(fd, &st));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(readlinkat(fd, "", buf, sizeof buf), 1);
	ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
}

TEST(devices)
{
	char buf[64];
	int fd = OK(open("/dev/null", O_RDWR));

	CHECK_EQ(write(fd, buf, 64), 64);
	CHECK_EQ(read(fd, buf, 64), 0);
	fd = OK(open("/dev/zero", O_RDWR));
	memset(buf, 1, 64);
	CHECK_EQ(read(fd, buf, 64), 64);
	for (int i = 0; i < 64; i++)
		CHECK_EQ(buf[i], 0);
	CHECK_EQ(write(fd, buf, 64), 64);
	ERR(read(fd, BAD_PTR, 10), EFAULT);
	fd = OK(open("/dev/full", O_RDWR));
	CHECK_EQ(read(fd, buf, 64), 64);
	ERR(write(fd, buf, 1), ENOSPC);
	fd = OK(open("/dev/urandom", O_RDONLY));
	CHECK_EQ(read(fd, buf, 64), 64);
	int zero = 0;
	for (int i = 0; i < 64; i++)
		zero += !buf[i];
	CHECK_LE(zero, 20);
	fd = OK(open("/dev/random", O_RDONLY));
	CHECK_EQ(read(fd, buf, 16), 16);
}

#define NOAPPEND 0x20	/* RWF_NOAPPEND */

TEST(rwf_append)
{
	struct iovec v = { "ab", 2 };
	char got[16];
	int fd;

	check_tmpdir();
	check_write_file("f", "12345");
	fd = OK(open("f", O_RDWR));
	CHECK_EQ(pwritev2(fd, &v, 1, 0, RWF_APPEND), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pwritev2(fd, &v, 1, -1, RWF_APPEND), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 9);
	check_read_file("f", got, sizeof got);
	CHECK_STR(got, "12345abab");
	close(fd);
	fd = OK(open("f", O_WRONLY | O_APPEND));
	CHECK_EQ(pwritev2(fd, &v, 1, 1, NOAPPEND), 2);
	ERR(pwritev2(fd, &v, 1, 1, NOAPPEND | RWF_APPEND), EINVAL);
	check_read_file("f", got, sizeof got);
	CHECK_STR(got, "1ab45abab");
	ERR(pwritev2(fd, &v, 1, 1, 1 << 20), EOPNOTSUPP);
}

TEST(rwf_nowait)
{
	char c;
	struct iovec v = { &c, 1 };
	int p[2], s[2], fd;

	OK(pipe(p));
	ERR(preadv2(p[0], &v, 1, -1, RWF_NOWAIT), EAGAIN);
	while (pwritev2(p[1], &v, 1, -1, RWF_NOWAIT) == 1)
		;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(preadv2(p[0], &v, 1, -1, RWF_NOWAIT), 1);
	CHECK_EQ(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	ERR(preadv2(s[0], &v, 1, -1, RWF_NOWAIT), EAGAIN);
	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	ERR(preadv2(fd, &v, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
}
