/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own accesses to user memory: page borders, read-only and absent pages, kernel
 * addresses, tagged pointers.  Each ends in the right bytes or EFAULT.
 */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

/* One page, and nothing behind it. */
static char *edge(void)
{
	char *p = check_anon(2 * PAGE);

	OK(munmap(p + PAGE, PAGE));
	return p + PAGE;
}

static char *readonly_page(void)
{
	char *p = check_anon(PAGE);

	p[0] = 1;
	OK(mprotect(p, PAGE, PROT_READ));
	return p;
}

TEST(path_at_page_end)
{
	char *e = edge();

	memcpy(e - 5, "/tmp", 5);
	OK(access(e - 5, F_OK));
	memcpy(e - 4, "/tmp", 4);		/* the terminator would lie in the hole */
	ERR(access(e - 4, F_OK), EFAULT);
	ERR(open(e, O_RDONLY), EFAULT);
	memset(e - PAGE, '/', PAGE);		/* as long as a path may be, without an end */
	CHECK_EQ(access(e - PAGE, F_OK), -1);
	CHECK(errno == ENAMETOOLONG || errno == EFAULT);
}

TEST(structures_at_page_end)
{
	char *e = edge();

	OK(fstat(0, (void *)(e - sizeof(struct stat))));
	ERR(syscall(SYS_fstat, 0, e - sizeof(struct stat) + 1), EFAULT);
	OK(uname((void *)(e - sizeof(struct utsname))));
	ERR(syscall(SYS_uname, e - 10), EFAULT);
	OK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, e - 16));
	ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, e - 8), EFAULT);
	OK(getrlimit(RLIMIT_CORE, (void *)(e - 16)));
	ERR(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, e - 8), EFAULT);
	ERR(syscall(SYS_sysinfo, e - 8), EFAULT);
	ERR(syscall(SYS_times, e - 8), EFAULT);
	ERR(syscall(SYS_pipe2, e - 4, 0), EFAULT);
	OK(syscall(SYS_pipe2, e - 8, 0));
	ERR(syscall(SYS_getcwd, e - 1, 100), EFAULT);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, e - 8, 8), EFAULT);
	ERR(syscall(SYS_getitimer, 0, e - 8), EFAULT);
	ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, e - 4), EFAULT);
}

TEST(failed_pipe_leaks_nothing)
{
	int before = OK(dup(0));

	close(before);
	for (int i = 0; i < 2000; i++)
		ERR(syscall(SYS_pipe2, BAD_PTR, 0), EFAULT);
	CHECK_EQ(dup(0), before);
	close(before);
	for (int i = 0; i < 2000; i++)
		ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BAD_PTR), EFAULT);
	CHECK_EQ(dup(0), before);
}

TEST(readonly_memory_is_not_written)
{
	char *p = readonly_page();
	int fd = OK(open("/dev/zero", O_RDONLY)), pp[2];

	ERR(read(fd, p, 100), EFAULT);
	CHECK_EQ(p[0], 1);
	ERR(syscall(SYS_fstat, 0, p), EFAULT);
	ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p), EFAULT);
	OK(pipe(pp));
	CHECK_EQ(write(pp[1], "x", 1), 1);
	ERR(read(pp[0], p, 1), EFAULT);
	ERR(syscall(SYS_getrandom, p, 8, 0), EFAULT);
	CHECK_EQ(p[0], 1);
	/* the program's own constants and code */
	ERR(read(fd, (void *)(uintptr_t)"constant", 1), EFAULT);
	ERR(read(fd, (void *)(uintptr_t)&readonly_page, 4), EFAULT);
}

TEST(protected_memory_is_not_read)
{
	char *p = check_anon(PAGE);
	int fd = OK(open("/dev/null", O_WRONLY)), pp[2];

	OK(mprotect(p, PAGE, PROT_NONE));
	OK(pipe(pp));
	ERR(write(pp[1], p, 10), EFAULT);
	ERR(access(p, F_OK), EFAULT);
	ERR(syscall(SYS_nanosleep, p, NULL), EFAULT);
	CHECK_EQ(write(fd, p, 10), 10);		/* /dev/null does not look */
}

TEST(kernel_addresses)
{
	void *const bad[] = { KERNEL_PTR, check_hide(-8UL), check_hide(-PAGE),
		check_hide(0xffff800000000000), check_hide(0x0001000000000000),
		check_hide(0x00fffffffffff000) };
	int zero = OK(open("/dev/zero", O_RDONLY)), pp[2];

	OK(pipe(pp));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ERR(read(zero, bad[i], 8), EFAULT);
		ERR(write(pp[1], bad[i], 8), EFAULT);
		ERR(access(bad[i], F_OK), EFAULT);
		ERR(syscall(SYS_fstat, 0, bad[i]), EFAULT);
		ERR(syscall(SYS_nanosleep, bad[i], NULL), EFAULT);
		ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad[i], NULL, 8), EFAULT);
		ERR(syscall(SYS_futex, bad[i], 0, 0, NULL, NULL, 0), EFAULT);
	}
}

TEST(range_that_reaches_the_kernel)
{
	int zero = OK(open("/dev/zero", O_RDONLY));
	char *p = check_anon(PAGE);
	struct iovec v = { p, -1UL };

	ERR(syscall(SYS_read, zero, p, 1UL << 63), EFAULT);
	ERR(readv(zero, &v, 1), EINVAL);
}

TEST(copy_breaks_cow)
{
	char *p = check_anon(2 * PAGE);
	int zero = OK(open("/dev/zero", O_RDONLY));

	memset(p, 7, 2 * PAGE);
	CHILD_OK(
		CHECK_EQ(read(zero, p + PAGE - 10, 20), 20);
		CHECK_EQ(p[PAGE - 10], 0);
		CHECK_EQ(p[PAGE + 9], 0);
		CHECK_EQ(p[PAGE + 10], 7);
	);
	CHECK_EQ(p[PAGE - 10], 7);
	CHECK_EQ(p[PAGE + 9], 7);
}

TEST(copy_faults_pages_in)
{
	char *p = check_anon(64 * PAGE);
	int zero = OK(open("/dev/zero", O_RDONLY)), pp[2];

	OK(pipe(pp));
	CHECK_EQ(read(zero, p, 64 * PAGE), 64 * PAGE);
	CHECK_EQ(write(pp[1], p + 3, 3 * PAGE), 3 * PAGE);
	p = check_anon(64 * PAGE);
	CHECK_EQ(write(pp[1], p + 100, 5 * PAGE), 5 * PAGE);	/* from pages never touched */
}

TEST(vdso_with_bad_pointer)
{
	/* the vDSO runs in user space: a wild pointer is a signal or EFAULT, as the kernel likes */
	int st = IN_CHILD(
		int r = clock_gettime(CLOCK_MONOTONIC, BAD_PTR);

		_exit(r == -1 && errno == EFAULT ? 0 : 1);
	);

	CHECK(st == 0 || (WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV));
}

TEST(tagged_pointers)
{
	char *p = check_anon(PAGE);
	char *tagged = (char *)((uintptr_t)p | 0x5aUL << 56);
	char *far;
	struct check_fault f;

	p[0] = 9;
	/* user space may use the top byte; the kernel does not take it */
	CHECK_EQ(*(volatile char *)check_hide((uintptr_t)tagged), 9);
	ERR(access(check_hide((uintptr_t)tagged), F_OK), EFAULT);
	far = check_hide(0x5a00000000000010);
	f = check_read(far);
	CHECK_EQ(f.sig, SIGSEGV);
	CHECK_EQ(f.addr, 16);			/* the tag is not in si_addr */
}

TEST(many_bad_structures)
{
	/* arguments are checked before anything happens */
	struct pollfd *pf = (void *)(edge() - 4);
	struct sigaction *sa = (void *)(edge() - 8);

	ERR(syscall(SYS_ppoll, pf, 1, NULL, NULL, 0), EFAULT);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, sa, NULL, 8), EFAULT);
	ERR(syscall(SYS_setitimer, 0, edge() - 16, NULL), EFAULT);
	ERR(syscall(SYS_execve, "/proc/self/exe", edge() - 4, NULL), EFAULT);
	ERR(syscall(SYS_writev, 1, edge() - 8, 1), EFAULT);
	ERR(syscall(SYS_sendmsg, OK(socket(AF_UNIX, SOCK_DGRAM, 0)), edge() - 8, 0), EFAULT);
}
