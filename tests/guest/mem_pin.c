/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that somebody else uses: vmsplice's pages in a pipe, process_vm_readv and writev. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

static int p[2];

static char *pages(size_t n, int prot)
{
	char *m = mmap(NULL, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(m != MAP_FAILED);
	return m;
}

static ssize_t splice_in(void *at, size_t len, unsigned flags)
{
	struct iovec v = { at, len };

	return vmsplice(p[1], &v, 1, flags);
}

/* The next n bytes of the pipe are all c. */
static void reads(size_t n, char c)
{
	static char buf[65536];

	CHECK_EQ(read(p[0], buf, n), n);
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(buf[i], c);
}

TEST(vmsplice_shares)
{
	char *m = pages(2, PROT_READ | PROT_WRITE);

	OK(pipe(p));
	memset(m, 'a', 2 * PAGE);
	CHECK_EQ(splice_in(m + 100, PAGE, 0), PAGE);	/* parts of two pages */
	CHECK_EQ(splice_in(m, 10, 0), 10);
	memset(m, 'b', 2 * PAGE);
	reads(PAGE + 10, 'b');
}

/* What a child gives shows the child's bytes, whatever others write after it is gone. */
TEST(vmsplice_child_exits)
{
	char *m = pages(1, PROT_READ | PROT_WRITE);

	OK(pipe(p));
	memset(m, 'a', PAGE);
	CHECK_EQ(IN_CHILD(CHECK_EQ(splice_in(m, PAGE, 0), PAGE)), 0);
	memset(m, 'b', PAGE);
	reads(PAGE, 'a');
	CHECK_EQ(*m, 'b');
}

/* The pipe keeps the page of a mapping that is gone. */
TEST(vmsplice_unmapped)
{
	char *m = pages(4, PROT_READ | PROT_WRITE);

	OK(pipe(p));
	memset(m, 'a', 4 * PAGE);
	CHECK_EQ(splice_in(m, 4 * PAGE, SPLICE_F_GIFT), 4 * PAGE);
	OK(munmap(m, 4 * PAGE));
	m = pages(64, PROT_READ | PROT_WRITE);
	memset(m, 'b', 64 * PAGE);
	reads(4 * PAGE, 'a');
}

TEST(vmsplice_read_only_memory)
{
	char *m = pages(2, PROT_READ);
	int fd = OK(open("/proc/self/exe", O_RDONLY));
	char *text = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), head[4];

	OK(pipe(p));
	CHECK_EQ(splice_in(m, 2 * PAGE, 0), 2 * PAGE);
	reads(2 * PAGE, 0);
	CHECK_EQ(splice_in(text, 4, 0), 4);
	CHECK_EQ(read(p[0], head, 4), 4);
	CHECK(!memcmp(head, "\177ELF", 4));
}

TEST(vmsplice_full)
{
	char *m = pages(32, PROT_READ | PROT_WRITE);

	OK(pipe(p));
	CHECK_EQ(splice_in(m, 32 * PAGE, 0), 16 * PAGE);
	ERR(splice_in(m, PAGE, SPLICE_F_NONBLOCK), EAGAIN);
	reads(PAGE, 0);
	CHECK_EQ(splice_in(m, PAGE, SPLICE_F_NONBLOCK), PAGE);
}

TEST(vmsplice_errors)
{
	char *m = pages(1, PROT_READ | PROT_WRITE);
	struct iovec v = { m, PAGE };

	ERR(vmsplice(-1, &v, 1, 0), EBADF);
	ERR(vmsplice(OK(open("/dev/null", O_RDWR)), &v, 1, 0), EBADF);
	OK(pipe(p));
	ERR(vmsplice(p[1], &v, 1, 0x100), EINVAL);
	ERR(splice_in(BAD_PTR, 1, 0), EFAULT);
	ERR(splice_in(pages(1, PROT_NONE), 1, 0), EFAULT);
	CHECK_EQ(splice_in(m, 0, 0), 0);
	signal(SIGPIPE, SIG_IGN);
	close(p[0]);
	ERR(splice_in(m, PAGE, 0), EPIPE);
}

/* From a pipe's other end, vmsplice reads. */
TEST(vmsplice_out)
{
	char *m = pages(1, PROT_READ | PROT_WRITE);
	struct iovec v = { m + 8, 5 };

	OK(pipe(p));
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(vmsplice(p[0], &v, 1, 0), 5);
	CHECK(!memcmp(m + 8, "hello", 5));
}

/* Pages in a pipe, forks and writes at once: a child sees what was there when it was made. */
TEST(vmsplice_fork)
{
	char *m = pages(8, PROT_READ | PROT_WRITE);

	OK(pipe(p));
	memset(m, 'a', 8 * PAGE);
	CHECK_EQ(splice_in(m + PAGE, 3 * PAGE, 0), 3 * PAGE);
	for (char c = 'b'; c < 'h'; c++) {
		int go[2];
		pid_t pid;
		char x;

		OK(pipe(go));
		pid = check_fork();
		if (!pid) {
			CHECK_EQ(read(go[0], &x, 1), 1);
			for (size_t i = 0; i < 8 * PAGE; i++)
				CHECK_EQ(m[i], c - 1);
			memset(m, 'z', 8 * PAGE);
			_exit(0);
		}
		memset(m, c, 8 * PAGE);
		CHECK_EQ(write(go[1], "g", 1), 1);
		CHECK_EQ(check_wait(pid), 0);
		for (size_t i = 0; i < 8 * PAGE; i++)
			CHECK_EQ(m[i], c);
		close(go[0]);
		close(go[1]);
	}
}

/* --- process_vm_readv, process_vm_writev ----------------------------------------------------- */
static char *shared;

static pid_t sleeper(void)
{
	pid_t pid = check_fork();

	while (!pid)
		pause();
	return pid;
}

static void end(pid_t pid)
{
	OK(kill(pid, SIGKILL));
	OK(waitpid(pid, NULL, 0));
}

TEST(process_vm)
{
	char *m = pages(3, PROT_READ | PROT_WRITE), got[3 * PAGE], put[16];
	struct iovec mine[2] = { { got, 100 }, { got + 100, sizeof got - 100 } };
	struct iovec theirs[2] = { { m + 10, PAGE }, { m + PAGE + 10, PAGE } };
	pid_t pid;

	memset(m, 'a', 3 * PAGE);
	pid = sleeper();
	memset(m, 'b', 3 * PAGE);
	CHECK_EQ(process_vm_readv(pid, mine, 2, theirs, 2, 0), 2 * PAGE);
	for (size_t i = 0; i < 2 * PAGE; i++)
		CHECK_EQ(got[i], 'a');
	memset(put, 'c', sizeof put);
	mine[0] = (struct iovec){ put, sizeof put };
	theirs[0].iov_base = m + PAGE - 8;
	CHECK_EQ(process_vm_writev(pid, mine, 1, theirs, 1, 0), sizeof put);
	CHECK_EQ(m[PAGE], 'b');
	mine[0] = (struct iovec){ got, 32 };
	theirs[0].iov_base = m + PAGE - 16;
	CHECK_EQ(process_vm_readv(pid, mine, 1, theirs, 1, 0), 32);
	CHECK(!memcmp(got, "aaaaaaaaccccccccccccccccaaaaaaaa", 32));
	CHECK_EQ(process_vm_readv(getpid(), mine, 1, theirs, 1, 0), 32);
	CHECK_EQ(got[9], 'b');
	end(pid);
}

TEST(process_vm_holes)
{
	char *m = pages(3, PROT_READ | PROT_WRITE), *ro = pages(1, PROT_READ), got[3 * PAGE];
	struct iovec mine = { got, sizeof got }, theirs = { m, 3 * PAGE };
	pid_t pid;

	memset(m, 'a', 3 * PAGE);
	OK(mprotect(m + 2 * PAGE, PAGE, PROT_NONE));
	pid = sleeper();
	CHECK_EQ(process_vm_readv(pid, &mine, 1, &theirs, 1, 0), 2 * PAGE);
	theirs.iov_base = m + 2 * PAGE;
	ERR(process_vm_readv(pid, &mine, 1, &theirs, 1, 0), EFAULT);
	theirs = (struct iovec){ ro, 8 };
	ERR(process_vm_writev(pid, &mine, 1, &theirs, 1, 0), EFAULT);
	CHECK_EQ(process_vm_readv(pid, &mine, 1, &theirs, 1, 0), 8);
	theirs.iov_base = BAD_PTR;
	ERR(process_vm_readv(pid, &mine, 1, &theirs, 1, 0), EFAULT);
	end(pid);
}

TEST(process_vm_errors)
{
	char c, *m = pages(1, PROT_READ);
	struct iovec v = { &c, 1 }, bad = { BAD_PTR, 1 }, ro = { m, 1 };
	pid_t pid = sleeper();

	ERR(process_vm_readv(pid, &v, 1, &v, 1, 1), EINVAL);
	ERR(process_vm_readv(pid, &v, 2000, &v, 1, 0), EINVAL);
	ERR(process_vm_readv(pid, BAD_PTR, 1, &v, 1, 0), EFAULT);
	ERR(process_vm_readv(pid, &bad, 1, &v, 1, 0), EFAULT);
	ERR(process_vm_readv(pid, &ro, 1, &v, 1, 0), EFAULT);
	ERR(process_vm_readv(0x3fffffff, &v, 1, &v, 1, 0), ESRCH);
	CHECK_EQ(process_vm_readv(pid, &v, 0, &v, 1, 0), 0);
	CHECK_EQ(process_vm_readv(pid, &v, 1, &v, 0, 0), 0);
	end(pid);
}

TEST(process_vm_permission)
{
	struct iovec v = { &shared, sizeof shared };
	pid_t pid = sleeper();

	if (geteuid())
		SKIP("not root");
	CHECK_EQ(IN_CHILD(
		OK(setuid(1000));
		ERR(process_vm_readv(pid, &v, 1, &v, 1, 0), EPERM);
		ERR(process_vm_writev(pid, &v, 1, &v, 1, 0), EPERM);
	), 0);
	end(pid);
}
