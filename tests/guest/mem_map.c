/* SPDX-License-Identifier: BSD-2-Clause */
/* mmap, munmap, mprotect, mremap, brk: what is mapped where, and what is refused. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static long raw_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return syscall(SYS_mmap, addr, len, prot, flags, fd, off);
}

TEST(anon_zero)
{
	unsigned char *p = check_anon(64 * PAGE);

	for (size_t i = 0; i < 64 * PAGE; i++)
		CHECK_EQ(p[i], 0);
	memset(p, 0xa5, 64 * PAGE);
	for (size_t i = 0; i < 64 * PAGE; i += 511)
		CHECK_EQ(p[i], 0xa5);
	OK(munmap(p, 64 * PAGE));
}

TEST(zero_page_then_write)
{
	char *p = check_anon(4 * PAGE);
	char sum = 0;

	for (size_t i = 0; i < 4 * PAGE; i++)
		sum |= p[i];
	CHECK_EQ(sum, 0);
	p[0] = 1;		/* must not show through in the other pages */
	p[PAGE] = 2;
	CHECK_EQ(p[2 * PAGE], 0);
	CHECK_EQ(p[3 * PAGE], 0);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[PAGE], 2);
}

TEST(munmap_faults)
{
	char *p = check_anon(3 * PAGE);

	memset(p, 1, 3 * PAGE);
	OK(munmap(p + PAGE, PAGE));
	CHECK_FAULT(check_read(p + PAGE), SIGSEGV, SEGV_MAPERR, p + PAGE);
	CHECK_FAULT(check_write(p + PAGE + 5), SIGSEGV, SEGV_MAPERR, p + PAGE + 5);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[2 * PAGE], 1);
	OK(munmap(p + PAGE, PAGE));		/* nothing there: still fine */
	OK(munmap(p, 3 * PAGE));		/* a hole in the middle: fine */
}

TEST(null_page)
{
	CHECK_FAULT(check_read(NULL), SIGSEGV, SEGV_MAPERR, NULL);
	CHECK_FAULT(check_write((void *)8), SIGSEGV, SEGV_MAPERR, 8);
}

TEST(kernel_address)
{
	struct check_fault f = check_read(KERNEL_PTR);

	CHECK_EQ(f.sig, SIGSEGV);
	CHECK_EQ(f.addr, (uintptr_t)KERNEL_PTR);
	f = check_write(KERNEL_PTR);
	CHECK_EQ(f.sig, SIGSEGV);
	/* neither half */
	f = check_read((void *)0x0010000000000000UL);
	CHECK_EQ(f.sig, SIGSEGV);
}

TEST(mmap_errors)
{
	int fd;

	CHECK_EQ(raw_mmap(NULL, 0, RW, ANON, -1, 0), -1);
	CHECK_EQ(errno, EINVAL);
	ERR(raw_mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);	/* neither kind */
	ERR(raw_mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	ERR(raw_mmap(NULL, PAGE, RW, MAP_PRIVATE, 12345, 0), EBADF);
	ERR(raw_mmap(NULL, PAGE, RW, ANON, -1, 123), EINVAL);
	ERR(raw_mmap(NULL, -1UL, RW, ANON, -1, 0), ENOMEM);
	ERR(raw_mmap(NULL, 1UL << 48, RW, ANON, -1, 0), ENOMEM);
	ERR(raw_mmap((void *)(PAGE + 1), PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	ERR(raw_mmap((void *)(-PAGE), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	ERR(raw_mmap(KERNEL_PTR, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check_tmpdir();
	check_write_file("f", "x");
	fd = OK(open("f", O_RDONLY));
	ERR(raw_mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	OK(raw_mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	ERR(raw_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE), EOVERFLOW);
	close(fd);
	fd = OK(open("f", O_WRONLY));
	ERR(raw_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
	ERR(raw_mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
	close(fd);
	fd = OK(open(".", O_RDONLY));
	ERR(raw_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
	close(fd);
	fd = OK(open("f", O_PATH));
	ERR(raw_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EBADF);
}

TEST(munmap_errors)
{
	char *p = check_anon(PAGE);

	ERR(munmap(p + 1, PAGE), EINVAL);
	ERR(munmap(p, 0), EINVAL);
	ERR(munmap(KERNEL_PTR, PAGE), EINVAL);
	ERR(munmap(p, -1UL), EINVAL);
	OK(munmap(p, 1));		/* rounded up */
	CHECK_FAULT(check_read(p + 100), SIGSEGV, SEGV_MAPERR, p + 100);
}

TEST(fixed_replaces)
{
	char *p = check_anon(4 * PAGE);

	memset(p, 7, 4 * PAGE);
	CHECK(mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	CHECK_EQ(p[0], 7);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE - 1], 0);
	CHECK_EQ(p[3 * PAGE], 7);
}

TEST(fixed_noreplace)
{
	char *p = check_anon(4 * PAGE);

	ERR(raw_mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	ERR(raw_mmap(p + 3 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	OK(munmap(p + PAGE, PAGE));
	CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE);
	ERR(raw_mmap(p, 4 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
}

TEST(hint)
{
	char *p = check_anon(16 * PAGE), *q;

	OK(munmap(p, 16 * PAGE));
	q = mmap(p + 4 * PAGE, PAGE, RW, ANON, -1, 0);
	CHECK(q == p + 4 * PAGE);	/* free: the hint is taken */
	q = mmap(p + 4 * PAGE, PAGE, RW, ANON, -1, 0);
	CHECK(q != MAP_FAILED && q != p + 4 * PAGE);
	q = mmap(p + 8 * PAGE + 5, PAGE, RW, ANON, -1, 0);
	CHECK_EQ((uintptr_t)q % PAGE, 0);
}

TEST(many_mappings_no_overlap)
{
	enum { N = 500 };
	static char *p[N];

	for (int i = 0; i < N; i++) {
		p[i] = mmap(NULL, (1 + i % 3) * PAGE, i & 1 ? RW : PROT_READ, ANON, -1, 0);
		CHECK(p[i] != MAP_FAILED);
		if (i & 1)
			p[i][0] = i;
	}
	for (int i = 0; i < N; i += 3)
		OK(munmap(p[i], (1 + i % 3) * PAGE));
	for (int i = 1; i < N; i += 2)
		if (i % 3)
			CHECK_EQ(p[i][0], (char)i);
	for (int i = 0; i < N; i += 3) {
		p[i] = check_anon(PAGE);
		CHECK_EQ(p[i][0], 0);
		p[i][0] = 1;
	}
	for (int i = 1; i < N; i += 2)
		if (i % 3)
			CHECK_EQ(p[i][0], (char)i);
}

TEST(mprotect_faults)
{
	char *p = check_anon(3 * PAGE);

	memset(p, 3, 3 * PAGE);
	OK(mprotect(p + PAGE, PAGE, PROT_READ));
	NO_FAULT(check_read(p + PAGE));
	CHECK_FAULT(check_write(p + PAGE), SIGSEGV, SEGV_ACCERR, p + PAGE);
	NO_FAULT(check_write(p));
	NO_FAULT(check_write(p + 2 * PAGE));
	OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	CHECK_FAULT(check_read(p + PAGE + 9), SIGSEGV, SEGV_ACCERR, p + PAGE + 9);
	OK(mprotect(p, 3 * PAGE, RW));
	CHECK_EQ(p[PAGE], 3);		/* the contents stayed */
	NO_FAULT(check_write(p + PAGE));
}

TEST(mprotect_errors)
{
	char *p = check_anon(3 * PAGE);

	OK(munmap(p + PAGE, PAGE));
	ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	ERR(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	ERR(mprotect(p, PAGE, 0x40000000), EINVAL);
	ERR(mprotect(p + PAGE, PAGE, PROT_READ), ENOMEM);
	OK(mprotect(p + PAGE, 0, PROT_READ));
	ERR(mprotect(p, -PAGE, PROT_READ), ENOMEM);
	ERR(mprotect(KERNEL_PTR, PAGE, RW), ENOMEM);
}

TEST(mprotect_shared_readonly_file)
{
	int fd;
	void *p;

	check_tmpdir();
	check_write_file("f", "x");
	fd = OK(open("f", O_RDONLY));
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	ERR(mprotect(p, PAGE, RW), EACCES);
}

TEST(noexec)
{
	uint32_t *p = check_anon(PAGE);

	p[0] = 0xd65f03c0;		/* ret */
	__builtin___clear_cache((char *)p, (char *)(p + 1));
	CHECK_FAULT(check_exec(p), SIGSEGV, SEGV_ACCERR, p);
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	NO_FAULT(check_exec(p));
	OK(mprotect(p, PAGE, RW));
	CHECK_FAULT(check_exec(p), SIGSEGV, SEGV_ACCERR, p);
	/* code can be rewritten and executed again */
	for (int i = 1; i < 50; i++) {
		OK(mprotect(p, PAGE, RW));
		p[0] = 0x52800000 | i << 5;	/* mov w0, #i */
		p[1] = 0xd65f03c0;
		__builtin___clear_cache((char *)p, (char *)(p + 2));
		OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
		CHECK_EQ(((int (*)(void))p)(), i);
	}
}

TEST(mremap_grow_shrink)
{
	char *p = check_anon(8 * PAGE), *q;

	for (int i = 0; i < 8; i++)
		p[i * PAGE] = i + 1;
	CHECK(mremap(p, 8 * PAGE, 4 * PAGE, 0) == p);
	CHECK_FAULT(check_read(p + 4 * PAGE), SIGSEGV, SEGV_MAPERR, p + 4 * PAGE);
	CHECK(mremap(p, 4 * PAGE, 8 * PAGE, 0) == p);	/* room is there again */
	CHECK_EQ(p[3 * PAGE], 4);
	CHECK_EQ(p[4 * PAGE], 0);
	q = mmap(p + 8 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	CHECK(q == p + 8 * PAGE);
	OK(mprotect(q, PAGE, PROT_READ));
	CHECK(mremap(p, 8 * PAGE, 16 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
	q = mremap(p, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(q[i * PAGE], i + 1);
	CHECK_EQ(q[15 * PAGE], 0);
	CHECK_FAULT(check_read(p), SIGSEGV, SEGV_MAPERR, p);
}

TEST(mremap_fixed)
{
	char *p = check_anon(4 * PAGE), *to = check_anon(4 * PAGE), *q;

	memset(p, 5, 4 * PAGE);
	memset(to, 6, 4 * PAGE);
	q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE);
	CHECK(q == to + PAGE);
	CHECK_EQ(to[0], 6);
	CHECK_EQ(to[PAGE], 5);
	CHECK_EQ(to[2 * PAGE], 5);
	CHECK_EQ(to[3 * PAGE], 6);
	CHECK_FAULT(check_read(p), SIGSEGV, SEGV_MAPERR, p);
	CHECK_EQ(p[2 * PAGE], 5);
}

TEST(mremap_errors)
{
	char *p = check_anon(4 * PAGE);

	CHECK(mremap(p + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(p, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(p, PAGE, PAGE, 64) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 2 * PAGE) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + PAGE) ==
	      MAP_FAILED && errno == EINVAL);
	CHECK(mremap(p, 2 * PAGE, 0xfffff0000000, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
	OK(munmap(p, PAGE));
	CHECK(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
}

/* A whole range moves, several VMAs with a hole among them, if its size stays (Linux 6.17). */
TEST(mremap_several)
{
	char *p = check_anon(8 * PAGE), *q = check_anon(10 * PAGE);

	for (int i = 0; i < 8; i++)
		p[i * PAGE] = (char)('a' + i);
	memset(q, 'z', 10 * PAGE);
	OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	OK(munmap(p + 4 * PAGE, PAGE));
	CHECK(mremap(p + PAGE, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE) ==
	      q + PAGE);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[7 * PAGE], 'h');
	for (int i = 1; i < 7; i++)
		CHECK_FAULT(check_read(p + i * PAGE), SIGSEGV, SEGV_MAPERR, p + i * PAGE);
	for (int i = 0; i < 10; i++)	/* what lay at the hole's place stays */
		CHECK_EQ(q[i * PAGE], i >= 1 && i < 7 && i != 4 ? 'a' + i : 'z');
	CHECK_FAULT(check_write(q + 2 * PAGE), SIGSEGV, SEGV_ACCERR, q + 2 * PAGE);
	NO_FAULT(check_write(q + 3 * PAGE));
	/* right beside the source: the first part joins what has yet to move */
	p = check_anon(6 * PAGE);
	OK(munmap(p, 2 * PAGE));
	OK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ));
	NO_FAULT(check_write(p + 4 * PAGE));
	p[5 * PAGE] = 'x';
	CHECK(mremap(p + 3 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
	CHECK_FAULT(check_write(p), SIGSEGV, SEGV_ACCERR, p);
	CHECK_EQ(p[PAGE], 1);
	CHECK_EQ(p[2 * PAGE], 'x');
	CHECK_FAULT(check_read(p + 3 * PAGE), SIGSEGV, SEGV_MAPERR, p + 3 * PAGE);
}

TEST(mremap_several_errors)
{
	char *p = check_anon(4 * PAGE), *q = check_anon(8 * PAGE);

	OK(mprotect(p + PAGE, PAGE, PROT_READ));
	/* growing, or to anywhere: one VMA only */
	CHECK(mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == MAP_FAILED &&
	      errno == EFAULT);
	CHECK(mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4, NULL) == MAP_FAILED &&
	      errno == EFAULT);
	OK(munmap(p, PAGE));	/* a hole at the front */
	CHECK(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == MAP_FAILED &&
	      errno == EFAULT);
	OK(munmap(p + 3 * PAGE, PAGE));	/* one at the end is none */
	CHECK(mremap(p + PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
}

TEST(mremap_second_view)
{
	char *p = check_shared(2 * PAGE), *q = check_anon(2 * PAGE);

	p[PAGE] = 1;
	CHECK(mremap(p + PAGE, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	CHECK_EQ(q[0], 1);
	q[0] = 2;
	CHECK_EQ(p[PAGE], 2);
	ERR(mremap(p + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p), EINVAL);
	CHECK_EQ(p[PAGE], 2);
	/* Over itself: the new place is emptied, and then there is nothing to see. */
	ERR(mremap(p, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p), EFAULT);
	CHECK_FAULT(check_read(p), SIGSEGV, SEGV_MAPERR, p);
	CHECK_EQ(p[PAGE], 2);
}

TEST(mremap_dontunmap)
{
	char *p = check_anon(2 * PAGE), *q;

	memset(p, 9, 2 * PAGE);
	q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */);
	CHECK(q != MAP_FAILED && q != p);
	CHECK_EQ(q[0], 9);
	CHECK_EQ(q[2 * PAGE - 1], 9);
	CHECK_EQ(p[0], 0);		/* still mapped, empty */
	p[0] = 1;
	CHECK_EQ(q[0], 9);
}

TEST(brk_grow_shrink)
{
	char *start = sbrk(0), *p;

	CHECK(start != (void *)-1);
	p = sbrk(10 * PAGE);
	CHECK(p == start);
	for (size_t i = 0; i < 10 * PAGE; i += PAGE)
		CHECK_EQ(p[i], 0);
	memset(p, 4, 10 * PAGE);
	OK(sbrk(-5 * (long)PAGE));
	CHECK(sbrk(0) == start + 5 * PAGE);
	OK(sbrk(5 * PAGE));
	CHECK_EQ(p[9 * PAGE - 1], 0);	/* given back, then fresh */
	CHECK_EQ(p[4 * PAGE], 4);
	CHECK_EQ(syscall(SYS_brk, 0), (long)sbrk(0));
	CHECK_EQ(syscall(SYS_brk, 1UL << 60), (long)sbrk(0));	/* refused: the old one */
	CHECK_EQ(syscall(SYS_brk, 4096), (long)sbrk(0));
}

TEST(brk_rlimit)
{
	struct rlimit rl = { 0, 0 };

	OK(setrlimit(RLIMIT_DATA, &rl));
	ERR(sbrk(64 * PAGE), ENOMEM);
}

TEST(rlimit_as)
{
	struct rlimit rl = { 64 << 20, 64 << 20 };

	OK(setrlimit(RLIMIT_AS, &rl));
	ERR(raw_mmap(NULL, 128 << 20, RW, ANON, -1, 0), ENOMEM);
	OK(raw_mmap(NULL, 1 << 20, RW, ANON, -1, 0));
}

static __attribute__((noinline)) int recurse(int depth)
{
	volatile char frame[4000];

	frame[0] = depth;
	if (depth)
		return recurse(depth - 1) + frame[0];
	return 0;
}

TEST(stack_growth)
{
	struct rlimit rl;

	OK(getrlimit(RLIMIT_STACK, &rl));
	CHECK_GE(rl.rlim_cur, 8 << 20);
	CHECK_NE(recurse(1500), -1);	/* 6 MB */
}

TEST(stack_limit)
{
	int st = IN_CHILD({
		struct rlimit rl = { 1 << 20, 1 << 20 };

		OK(setrlimit(RLIMIT_STACK, &rl));
		recurse(10000);
	});

	CHECK(WIFSIGNALED(st));
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
}

TEST(stack_grows_by_far_access)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	volatile char *p = (volatile char *)(sp - (512 << 10));

	/* arm64 Linux grows the stack to any address within the limit */
	*p = 7;
	CHECK_EQ(*p, 7);
}

TEST(huge_reservation)
{
	size_t len = 64UL << 30;
	char *p = mmap(NULL, len, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	OK(mprotect(p + len / 2, PAGE, RW));
	p[len / 2] = 1;
	OK(munmap(p, len));
}

TEST(populate)
{
	unsigned char vec[8];
	char *p = mmap(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);

	CHECK(p != MAP_FAILED);
	OK(mincore(p, 8 * PAGE, vec));
	for (int i = 0; i < 8; i++)
		CHECK_EQ(vec[i] & 1, 1);
}

TEST(shared_anon_across_fork)
{
	volatile int *p = check_shared(2 * PAGE);

	CHILD_OK(p[0] = 42; p[PAGE / 4] = 43;);
	CHECK_EQ(p[0], 42);
	CHECK_EQ(p[PAGE / 4], 43);
}

TEST(dev_zero_map)
{
	int fd = OK(open("/dev/zero", O_RDWR));
	char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	char *s = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED && s != MAP_FAILED);
	CHECK_EQ(p[0], 0);
	p[0] = 1;
	CHILD_OK(CHECK_EQ(p[0], 1); p[0] = 2; s[0] = 3;);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(s[0], 3);
}
