/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory under a promise: sealed for good (mseal), never writable and then executable (PR_SET_MDWE),
 * droppable at any time (MAP_DROPPABLE), given back before its dead owner ends (process_mrelease).
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#define RW (PROT_READ | PROT_WRITE)

static long seal(void *p, size_t len, unsigned long flags)
{
	return syscall(__NR_mseal, p, len, flags);
}

/* --- mseal ------------------------------------------------------------------------------------ */

TEST(seal_arguments)
{
	char *p = check_anon(4 * PAGE);

	ERR(seal(p, PAGE, 1), EINVAL);
	ERR(seal(p + 1, PAGE, 0), EINVAL);
	ERR(seal(p, ~0ul, 0), EINVAL);
	OK(seal(p, 0, 0));
	OK(munmap(p + PAGE, PAGE));
	ERR(seal(p, 3 * PAGE, 0), ENOMEM);
	OK(mprotect(p, PAGE, PROT_READ));	/* nothing was sealed by that */
}

/* The middle two of six pages are sealed: what touches them fails and changes nothing. */
TEST(sealed_stays)
{
	char *p = check_anon(6 * PAGE), *s = p + 2 * PAGE;
	char *other = check_anon(8 * PAGE);

	for (size_t i = 0; i < 6; i++)
		p[i * PAGE] = (char)(i + 1);
	OK(seal(s, 2 * PAGE - 1, 0));
	OK(seal(s, PAGE, 0));
	ERR(munmap(s, PAGE), EPERM);
	ERR(munmap(p, 6 * PAGE), EPERM);
	ERR(munmap(p + PAGE, 2 * PAGE), EPERM);
	ERR(mprotect(s, PAGE, PROT_READ), EPERM);
	ERR(mprotect(s, PAGE, RW), EPERM);		/* what it has already */
	CHECK(mmap(s, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	CHECK(mremap(s, 2 * PAGE, PAGE, 0) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	CHECK(mremap(s, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	CHECK(mremap(s, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	CHECK(mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, s) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	for (size_t i = 0; i < 6; i++)
		CHECK_EQ(p[i * PAGE], (char)(i + 1));
	s[0] = 9;					/* contents may change */
	OK(madvise(s, PAGE, MADV_DONTNEED));		/* and go, since they can be written */
	CHECK_EQ(s[0], 0);
	OK(mlock(s, PAGE));
	OK(munlock(s, PAGE));
	OK(munmap(p, 2 * PAGE));
	OK(munmap(p + 4 * PAGE, 2 * PAGE));
	CHILD_OK(ERR(munmap(s, PAGE), EPERM););
}

TEST(sealed_read_only_keeps_contents)
{
	char *p = check_anon(2 * PAGE);

	p[0] = 5;
	OK(mprotect(p, 2 * PAGE, PROT_READ));
	OK(seal(p, 2 * PAGE, 0));
	ERR(madvise(p, PAGE, MADV_DONTNEED), EPERM);
	ERR(madvise(p, PAGE, MADV_FREE), EPERM);
	ERR(madvise(p, PAGE, MADV_DONTFORK), EPERM);
	ERR(madvise(p, PAGE, MADV_WIPEONFORK), EPERM);
	OK(madvise(p, PAGE, MADV_WILLNEED));
	CHECK_EQ(p[0], 5);
	CHILD_OK(CHECK_EQ(p[0], 5););
}

TEST(sealed_brk)
{
	char *end = sbrk(4 * PAGE), *s;

	CHECK(end != (char *)-1);
	s = (char *)(((uintptr_t)end + PAGE - 1) & ~(PAGE - 1));
	OK(seal(s, PAGE, 0));
	CHECK(sbrk(0) > (void *)s);
	(void)!brk(end);			/* the C library takes the old end for success */
	CHECK(sbrk(0) > (void *)s);
}

/* --- PR_SET_MDWE ------------------------------------------------------------------------------ */

static void *code(int prot)
{
	return mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(mdwe)
{
	char *p = code(RW), *x = code(PROT_READ | PROT_EXEC);

	CHECK_EQ(prctl(PR_GET_MDWE, 0, 0, 0, 0), 0);
	ERR(prctl(PR_SET_MDWE, 2, 0, 0, 0), EINVAL);
	ERR(prctl(PR_SET_MDWE, 5, 0, 0, 0), EINVAL);
	ERR(prctl(PR_SET_MDWE, 1, 1, 0, 0), EINVAL);
	ERR(prctl(PR_GET_MDWE, 1, 0, 0, 0), EINVAL);
	OK(prctl(PR_SET_MDWE, 1, 0, 0, 0));
	CHECK_EQ(prctl(PR_GET_MDWE, 0, 0, 0, 0), 1);
	OK(prctl(PR_SET_MDWE, 1, 0, 0, 0));
	ERR(prctl(PR_SET_MDWE, 0, 0, 0, 0), EPERM);
	ERR(prctl(PR_SET_MDWE, 3, 0, 0, 0), EPERM);
	CHECK(code(RW | PROT_EXEC) == MAP_FAILED);
	CHECK_EQ(errno, EACCES);
	CHECK(code(PROT_READ | PROT_EXEC) != MAP_FAILED);
	ERR(mprotect(p, PAGE, PROT_READ | PROT_EXEC), EACCES);
	OK(mprotect(p, PAGE, PROT_READ));
	ERR(mprotect(p, PAGE, PROT_READ | PROT_EXEC), EACCES);
	OK(mprotect(x, PAGE, PROT_READ | PROT_EXEC));
	ERR(mprotect(x, PAGE, RW | PROT_EXEC), EACCES);
	CHILD_OK(CHECK_EQ(prctl(PR_GET_MDWE, 0, 0, 0, 0), 1););
}

TEST(mdwe_not_inherited)
{
	OK(prctl(PR_SET_MDWE, 3, 0, 0, 0));
	CHECK(code(RW | PROT_EXEC) == MAP_FAILED);
	CHILD_OK(
		CHECK_EQ(prctl(PR_GET_MDWE, 0, 0, 0, 0), 0);
		CHECK(code(RW | PROT_EXEC) != MAP_FAILED););
}

/* The program that execve starts: what prctl set is still set. */
TEST(after_exec)
{
	if (!getenv("AFTER_EXEC"))
		SKIP("for kept_by_exec");
	CHECK_EQ(prctl(PR_GET_MDWE, 0, 0, 0, 0), 1);
	CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
}

TEST(kept_by_exec)
{
	CHILD_OK(
		OK(prctl(PR_SET_MDWE, 1, 0, 0, 0));
		OK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
		OK(setenv("AFTER_EXEC", "1", 1));
		OK(dup2(OK(open("/dev/null", O_WRONLY)), 1));
		execl("/proc/self/exe", "mem_promise", "after_exec", NULL);
		FAIL("exec"););
}

/* --- MAP_DROPPABLE ---------------------------------------------------------------------------- */

static char *droppable(size_t len, int more)
{
	char *p = mmap(NULL, len, RW, MAP_DROPPABLE | MAP_ANONYMOUS | more, -1, 0);

	if (p == MAP_FAILED && errno == EINVAL && !more)
		SKIP("no MAP_DROPPABLE here");
	return p;
}

TEST(droppable_goes)
{
	size_t len = 64 * PAGE, left = 1;
	char *p = droppable(len, 0);

	CHECK_EQ(p[0], 0);			/* read first, then written */
	memset(p, 'A', len);
	for (size_t i = 0; i < len; i++)
		CHECK_EQ(p[i], 'A');
	for (int n = 0; left && n < 50; n++) {	/* somebody may look at a page at that moment */
		OK(madvise(p, len, MADV_PAGEOUT));
		left = 0;
		for (size_t i = 0; i < len; i++)
			left += p[i] == 'A';
		check_sleep_ms(left ? 20 : 0);
	}
	CHECK_EQ(left, 0);
	p[PAGE] = 7;
	CHECK_EQ(p[PAGE], 7);
}

TEST(droppable_is_neither_locked_nor_inherited)
{
	char *p = droppable(4 * PAGE, 0), buf[4096];
	unsigned long locked = 1;

	memset(p, 3, 4 * PAGE);
	CHILD_OK(CHECK_EQ(p[0], 0););
	OK(mlock(p, 4 * PAGE));
	check_read_file("/proc/self/status", buf, sizeof buf);
	CHECK_EQ(sscanf(strstr(buf, "VmLck:"), "VmLck: %lu", &locked), 1);
	CHECK_EQ(locked, 0);
	ERR(madvise(p, PAGE, MADV_KEEPONFORK), EINVAL);
	ERR(madvise(p, PAGE, MADV_DODUMP), EINVAL);
	CHECK(droppable(PAGE, MAP_LOCKED) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
	CHECK(droppable(PAGE, MAP_GROWSDOWN) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
}

/* --- process_mrelease ------------------------------------------------------------------------- */

TEST(mrelease)
{
	size_t len = 16ul << 20;
	char *shared = check_shared(PAGE);
	bool done = false;

	ERR(syscall(__NR_process_mrelease, -1, 0), EBADF);
	for (int n = 0; n < 20 && !done; n++) {
		pid_t pid = SPAWN(
			char *p = check_anon(len);

			memset(p, 1, len);
			shared[0] = 1;
			for (;;)
				pause(););
		int fd = OK(syscall(__NR_pidfd_open, pid, 0));

		check_wait_state(pid, "S");
		ERR(syscall(__NR_process_mrelease, fd, 1), EINVAL);
		ERR(syscall(__NR_process_mrelease, fd, 0), EINVAL);	/* it lives */
		OK(kill(pid, SIGKILL));
		done = !syscall(__NR_process_mrelease, fd, 0);
		if (!done)
			CHECK_EQ(errno, ESRCH);		/* it was quicker */
		CHECK_EQ(check_wait(pid), SIGKILL);
		ERR(syscall(__NR_process_mrelease, fd, 0), ESRCH);
		close(fd);
	}
	CHECK_EQ(shared[0], 1);
}

/* --- process_madvise -------------------------------------------------------------------------- */

static long advise(int fd, struct iovec *v, size_t n, int advice, unsigned flags)
{
	return syscall(__NR_process_madvise, fd, v, n, advice, flags);
}

TEST(process_madvise_own)
{
	char *p = check_anon(10 * PAGE);
	struct iovec v[3] = { { p, PAGE }, { p + 3 * PAGE, 2 * PAGE }, { p + 9 * PAGE, PAGE } };
	int fd = OK(syscall(__NR_pidfd_open, getpid(), 0));

	memset(p, 1, 10 * PAGE);
	if (advise(fd, v, 3, MADV_DONTNEED, 0) == -1 && errno == EINVAL)
		SKIP("others' advice only");		/* before Linux 6.13 */
	for (int i = 0; i < 10; i++)
		CHECK_EQ(p[i * PAGE], i != 0 && i != 3 && i != 4 && i != 9);
	CHECK_EQ(advise(fd, v, 2, MADV_DONTNEED, 0), 3 * PAGE);
	CHECK_EQ(advise(fd, v, 0, MADV_DONTNEED, 0), 0);
	ERR(advise(fd, v, 0, -1, 0), EINVAL);
	ERR(advise(fd, v, 1, MADV_DONTNEED, 1), EINVAL);
	ERR(advise(fd, v, 1025, MADV_DONTNEED, 0), EINVAL);
	ERR(advise(-1, v, 1, MADV_DONTNEED, 0), EBADF);
	ERR(advise(0, v, 1, MADV_DONTNEED, 0), EBADF);
	OK(munmap(p + 3 * PAGE, PAGE));
	CHECK_EQ(advise(fd, v, 3, MADV_DONTNEED, 0), PAGE);	/* as far as it went */
	ERR(advise(fd, v + 1, 1, MADV_DONTNEED, 0), ENOMEM);
}

TEST(process_madvise_other)
{
	char *p = check_anon(4 * PAGE);
	struct iovec v = { p, 4 * PAGE };
	pid_t pid;
	int fd;

	memset(p, 1, 4 * PAGE);
	pid = SPAWN(pause(););
	fd = OK(syscall(__NR_pidfd_open, pid, 0));
	CHECK_EQ(advise(fd, &v, 1, MADV_COLD, 0), 4 * PAGE);
	CHECK_EQ(advise(fd, &v, 1, MADV_PAGEOUT, 0), 4 * PAGE);
	ERR(advise(fd, &v, 1, MADV_DONTNEED, 0), EINVAL);
	CHILD_OK(
		check_become(1000, 1000);
		ERR(advise(fd, &v, 1, MADV_COLD, 0), EACCES););
	OK(kill(pid, SIGKILL));
	check_wait(pid);
	ERR(advise(fd, &v, 1, MADV_COLD, 0), ESRCH);
}
