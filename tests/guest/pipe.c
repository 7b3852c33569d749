/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes and FIFOs: order, atomicity, blocking, ends that close, capacity. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int p[2];

static size_t fill(void)
{
	static char buf[4096];
	size_t n = 0;
	ssize_t r;

	OK(fcntl(p[1], F_SETFL, O_NONBLOCK));
	while ((r = write(p[1], buf, sizeof buf)) > 0)
		n += r;
	CHECK_EQ(errno, EAGAIN);
	while ((r = write(p[1], buf, 1)) > 0)
		n += r;
	return n;
}

TEST(basic)
{
	char buf[16] = "";

	OK(pipe(p));
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(write(p[1], "world", 5), 5);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_EQ(read(p[0], buf + 3, 16), 7);
	CHECK_STR(buf, "helloworld");
	ERR(write(p[0], "x", 1), EBADF);
	ERR(read(p[1], buf, 1), EBADF);
	close(p[1]);
	CHECK_EQ(read(p[0], buf, 1), 0);
}

TEST(pipe2_flags)
{
	char c;

	OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[1], F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_WRONLY);
	ERR(read(p[0], &c, 1), EAGAIN);
	ERR(pipe2(p, 0x12345678), EINVAL);
	ERR(pipe2(BAD_PTR, 0), EFAULT);
}

TEST(capacity)
{
	int n;

	OK(pipe(p));
	CHECK_EQ(fill(), 65536);
	OK(ioctl(p[0], FIONREAD, &n));
	CHECK_EQ(n, 65536);
	OK(fcntl(p[1], F_SETPIPE_SZ, 1 << 20));
	CHECK_EQ(65536 + fill(), 1 << 20);
	ERR(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
}

TEST(zero_and_bad)
{
	char c = 0;

	OK(pipe(p));
	CHECK_EQ(write(p[1], &c, 0), 0);
	ERR(write(p[1], BAD_PTR, 5), EFAULT);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	ERR(read(p[0], BAD_PTR, 3), EFAULT);
	CHECK_EQ(read(p[0], &c, 0), 0);
}

TEST(reader_blocks)
{
	pid_t pid;
	char c;

	OK(pipe(p));
	pid = SPAWN(CHECK_EQ(read(p[0], &c, 1), 1); CHECK_EQ(c, 'q'););
	check_wait_state(pid, "S");
	CHECK_EQ(write(p[1], "q", 1), 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(writer_blocks)
{
	static char buf[65536];
	pid_t pid;
	size_t n = 0;

	OK(pipe(p));
	pid = SPAWN(CHECK_EQ(write(p[1], check_anon(200000), 200000), 200000););
	check_wait_state(pid, "S");
	while (n < 200000)
		n += OK(read(p[0], buf, sizeof buf));
	CHECK_EQ(n, 200000);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(eof_when_last_writer_goes)
{
	pid_t pid;
	char c;

	OK(pipe(p));
	pid = SPAWN(close(p[0]); pause());
	close(p[1]);
	kill(pid, SIGKILL);
	CHECK_EQ(read(p[0], &c, 1), 0);
	check_wait(pid);
}

TEST(epipe_wakes_writer)
{
	pid_t pid;

	OK(pipe(p));
	pid = SPAWN(
		signal(SIGPIPE, SIG_IGN);
		close(p[0]);
		ssize_t n = write(p[1], check_anon(200000), 200000);
		CHECK(n == 65536 || (n == -1 && errno == EPIPE));
	);
	check_wait_state(pid, "S");
	close(p[0]);
	CHECK_EQ(check_wait(pid), 0);
}

/* Writes of at most PIPE_BUF bytes are never mixed. */
TEST(atomic_writes)
{
	enum { WRITERS = 4, EACH = 100, LEN = 1000 };
	char buf[LEN];
	pid_t pid[WRITERS];
	int seen[WRITERS] = { 0 };

	OK(pipe(p));
	for (int w = 0; w < WRITERS; w++) {
		pid[w] = SPAWN(
			memset(buf, 'A' + w, LEN);
			for (int i = 0; i < EACH; i++)
				CHECK_EQ(write(p[1], buf, LEN), LEN);
		);
	}
	close(p[1]);
	for (;;) {
		size_t n = 0;
		ssize_t r;

		while (n < LEN && (r = read(p[0], buf + n, LEN - n)) > 0)
			n += r;
		if (!n)
			break;
		CHECK_EQ(n, LEN);
		for (int i = 1; i < LEN; i++)
			CHECK_EQ(buf[i], buf[0]);
		seen[buf[0] - 'A']++;
	}
	for (int w = 0; w < WRITERS; w++) {
		CHECK_EQ(seen[w], EACH);
		CHECK_EQ(check_wait(pid[w]), 0);
	}
}

TEST(nonblocking_small_write_is_all_or_nothing)
{
	static char buf[4096];

	OK(pipe(p));
	fill();
	CHECK_EQ(read(p[0], buf, 100), 100);
	ERR(write(p[1], buf, 4096), EAGAIN);	/* would have to be split */
}

TEST(stream_integrity)
{
	enum { TOTAL = 4 << 20 };
	static unsigned char buf[30000];
	unsigned int seed = 7, n = 0;
	pid_t pid;

	OK(pipe(p));
	pid = SPAWN(
		unsigned int sent = 0;

		while (sent < TOTAL) {
			unsigned int len = 1 + rand_r(&seed) % sizeof buf;

			if (len > TOTAL - sent)
				len = TOTAL - sent;
			for (unsigned int i = 0; i < len; i++)
				buf[i] = (sent + i) * 31 >> 3;
			CHECK_EQ(write(p[1], buf, len), len);
			sent += len;
		}
	);
	close(p[1]);
	for (;;) {
		ssize_t r = OK(read(p[0], buf, 1 + rand_r(&seed) % sizeof buf));

		if (!r)
			break;
		for (ssize_t i = 0; i < r; i++)
			CHECK_EQ(buf[i], (unsigned char)((n + i) * 31 >> 3));
		n += r;
	}
	CHECK_EQ(n, TOTAL);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(vectors)
{
	char a[3] = "", b[5] = "";
	struct iovec out[2] = { { "ab", 2 }, { "cdef", 4 } }, in[2] = { { a, 2 }, { b, 4 } };

	OK(pipe(p));
	CHECK_EQ(writev(p[1], out, 2), 6);
	CHECK_EQ(readv(p[0], in, 2), 6);
	CHECK_STR(a, "ab");
	CHECK_STR(b, "cdef");
}

TEST(poll_states)
{
	struct pollfd r, w;
	char c;

	OK(pipe(p));
	r = (struct pollfd){ .fd = p[0], .events = POLLIN };
	w = (struct pollfd){ .fd = p[1], .events = POLLOUT };
	CHECK_EQ(poll(&r, 1, 0), 0);
	CHECK_EQ(poll(&w, 1, 0), 1);
	CHECK_EQ(w.revents, POLLOUT);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(poll(&r, 1, 0), 1);
	CHECK_EQ(r.revents, POLLIN);
	CHECK_EQ(read(p[0], &c, 1), 1);
	fill();
	CHECK_EQ(poll(&w, 1, 0), 0);
	close(p[0]);
	CHECK_EQ(poll(&w, 1, 0), 1);
	CHECK(w.revents & POLLERR);
	close(p[1]);
	OK(pipe(p));
	close(p[1]);
	r.fd = p[0];
	CHECK_EQ(poll(&r, 1, 0), 1);
	CHECK_EQ(r.revents, POLLHUP);
}

TEST(fstat_pipe)
{
	struct stat st;

	OK(pipe(p));
	OK(fstat(p[0], &st));
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0600);
}

TEST(fifo)
{
	pid_t pid;
	char buf[8] = "";
	int fd;

	check_tmpdir();
	OK(mkfifo("f", 0600));
	pid = SPAWN(
		int w = OK(open("f", O_WRONLY));	/* waits for a reader */

		CHECK_EQ(write(w, "hi", 2), 2);
	);
	check_wait_state(pid, "S");
	fd = OK(open("f", O_RDONLY));
	CHECK_EQ(read(fd, buf, 8), 2);
	CHECK_STR(buf, "hi");
	CHECK_EQ(read(fd, buf, 8), 0);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(fifo_nonblock)
{
	struct pollfd pfd;
	char c;
	int r, w;

	check_tmpdir();
	OK(mkfifo("f", 0600));
	ERR(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
	r = OK(open("f", O_RDONLY | O_NONBLOCK));
	CHECK_EQ(read(r, &c, 1), 0);		/* no writer yet: end of file */
	w = OK(open("f", O_WRONLY | O_NONBLOCK));
	ERR(read(r, &c, 1), EAGAIN);
	CHECK_EQ(write(w, "x", 1), 1);
	CHECK_EQ(read(r, &c, 1), 1);
	close(w);
	pfd = (struct pollfd){ .fd = r, .events = POLLIN };
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(pfd.revents, POLLHUP);
	w = OK(open("f", O_RDWR));		/* both ends: never waits */
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	close(w);
}

TEST(fifo_open_interrupted)
{
	pid_t pid;

	check_tmpdir();
	OK(mkfifo("f", 0600));
	pid = SPAWN(
		signal(SIGTERM, SIG_DFL);
		open("f", O_RDONLY);
	);
	check_wait_state(pid, "S");
	kill(pid, SIGTERM);
	CHECK_EQ(check_wait(pid), SIGTERM);
	ERR(open("f", O_WRONLY | O_NONBLOCK), ENXIO);	/* the reader is gone again */
}

TEST(proc_fd_reopen)
{
	char path[32], c;
	int w;

	OK(pipe(p));
	snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
	w = OK(open(path, O_WRONLY));		/* the same pipe, the other end */
	CHECK_EQ(write(w, "z", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 'z');
}

TEST(chain)
{
	/* 20 processes, each copying its input to its output */
	int in, first[2];
	char c;

	OK(pipe(first));
	in = first[0];
	for (int i = 0; i < 20; i++) {
		int next[2];

		OK(pipe(next));
		SPAWN(
			close(first[1]);
			close(next[0]);
			while (read(in, &c, 1) == 1) {
				c++;
				CHECK_EQ(write(next[1], &c, 1), 1);
			}
		);
		close(in);
		close(next[1]);
		in = next[0];
	}
	for (int i = 0; i < 50; i++) {
		c = i;
		CHECK_EQ(write(first[1], &c, 1), 1);
		CHECK_EQ(read(in, &c, 1), 1);
		CHECK_EQ(c, i + 20);
	}
	close(first[1]);
	CHECK_EQ(read(in, &c, 1), 0);
	for (int i = 0, st; i < 20; i++) {
		OK(wait(&st));
		CHECK_EQ(st, 0);
	}
}

/* A user with many pipes gets small ones, and then none. */
TEST(user_pages)
{
	int st;

	check_write_file("/proc/sys/fs/pipe-user-pages-soft", "40");
	check_write_file("/proc/sys/fs/pipe-user-pages-hard", "44");
	st = IN_CHILD(
		int p[2];

		check_become(4323, 4323);
		OK(pipe(p));
		CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
		OK(fcntl(p[0], F_SETPIPE_SZ, 131072));
		ERR(fcntl(p[0], F_SETPIPE_SZ, 262144), EPERM);
		for (int i = 0; i < 6; i++) {
			OK(pipe(p));
			CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
			ERR(fcntl(p[0], F_SETPIPE_SZ, 65536), EPERM);
		}
		ERR(pipe(p), ENFILE);
		OK(fcntl(p[0], F_SETPIPE_SZ, 4096));
		ERR(pipe(p), ENFILE);		/* one page is not enough for two */
	);
	CHILD_OK(int p[2]; for (int i = 0; i < 8; i++) OK(pipe(p)));	/* root may */
	check_write_file("/proc/sys/fs/pipe-user-pages-soft", "16384");
	check_write_file("/proc/sys/fs/pipe-user-pages-hard", "0");
	CHECK_EQ(st, 0);
	CHILD_OK(		/* nothing stays charged to the dead */
		int p[2];

		check_become(4323, 4323);
		OK(pipe(p));
		CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	);
}
