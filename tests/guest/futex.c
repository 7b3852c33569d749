/* SPDX-License-Identifier: BSD-2-Clause */
/* futex(2) itself: wait, wake, bitsets, requeue, timeouts, wake-op and the errors. */
#include "check.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static long futex(volatile int *uaddr, int op, int val, const void *timeout, volatile int *uaddr2,
		  unsigned int val3)
{
	return syscall(SYS_futex, uaddr, op, val, timeout, uaddr2, val3);
}

static struct timespec ms(long n)
{
	return (struct timespec){ n / 1000, n % 1000 * MSEC };
}

TEST(wait_mismatch)
{
	volatile int f = 1;

	ERR(futex(&f, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
	ERR(futex(&f, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0), EAGAIN);
}

TEST(wake_nobody)
{
	volatile int f = 1;

	CHECK_EQ(futex(&f, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&f, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0), 0);
}

TEST(timeout_relative)
{
	volatile int f = 0;
	struct timespec ts = ms(30);
	long long t = check_now();

	ERR(futex(&f, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	CHECK_GE(check_now() - t, 30 * MSEC);
	ts = ms(0);
	ERR(futex(&f, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
}

TEST(timeout_absolute)
{
	volatile int f = 0;
	struct timespec ts;
	long long t = check_now();

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (ts.tv_nsec + 30 * MSEC) / SEC;
	ts.tv_nsec = (ts.tv_nsec + 30 * MSEC) % SEC;
	ERR(futex(&f, FUTEX_WAIT_BITSET, 0, &ts, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
	CHECK_GE(check_now() - t, 30 * MSEC);
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec -= 5;		/* already past */
	ERR(futex(&f, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &ts, NULL,
		  FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
}

TEST(errors)
{
	volatile int f[4] = { 0 };
	struct timespec bad = { 0, SEC };

	ERR(futex((int *)((char *)f + 1), FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	ERR(futex((int *)((char *)f + 2), FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	ERR(futex(BAD_PTR, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	ERR(futex(BAD_PTR, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
	ERR(futex((int *)KERNEL_PTR, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
	ERR(futex((int *)KERNEL_PTR, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	ERR(futex(f, 77, 0, NULL, NULL, 0), ENOSYS);
	ERR(futex(f, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
	bad = (struct timespec){ -1, 0 };
	ERR(futex(f, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
	ERR(futex(f, FUTEX_WAIT, 0, BAD_PTR, NULL, 0), EFAULT);
	ERR(futex(f, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);	/* an empty set */
	ERR(futex(f, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	ERR(futex(f, FUTEX_CMP_REQUEUE, 1, (void *)1, f + 1, 5), EAGAIN);
}

static pid_t waiter(volatile int *f, int val, unsigned int bits, int op)
{
	pid_t pid = SPAWN(
		CHECK_EQ(futex(f, op, val, NULL, NULL, bits), 0);
		_exit(1);
	);

	check_wait_state(pid, "S");
	return pid;
}

TEST(wait_wake_shared)
{
	volatile int *f = check_shared(PAGE);
	pid_t pid = waiter(f, 0, 0, FUTEX_WAIT);

	*f = 1;
	CHECK_EQ(futex(f, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	CHECK_EQ(check_wait(pid), 1 << 8);
}

TEST(wake_count)
{
	volatile int *f = check_shared(PAGE);
	pid_t pid[5];
	int woken = 0;

	for (int i = 0; i < 5; i++)
		pid[i] = waiter(f, 0, 0, FUTEX_WAIT);
	CHECK_EQ(futex(f, FUTEX_WAKE, 2, NULL, NULL, 0), 2);
	CHECK_EQ(futex(f + 1, FUTEX_WAKE, 10, NULL, NULL, 0), 0);
	CHECK_EQ(futex(f, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0), 3);
	for (int i = 0; i < 5; i++)
		woken += check_wait(pid[i]) == 1 << 8;
	CHECK_EQ(woken, 5);
}

TEST(bitset)
{
	volatile int *f = check_shared(PAGE);
	pid_t a = waiter(f, 0, 1, FUTEX_WAIT_BITSET);
	pid_t b = waiter(f, 0, 6, FUTEX_WAIT_BITSET);

	CHECK_EQ(futex(f, FUTEX_WAKE_BITSET, 10, NULL, NULL, 8), 0);
	CHECK_EQ(futex(f, FUTEX_WAKE_BITSET, 10, NULL, NULL, 2), 1);
	CHECK_EQ(check_wait(b), 1 << 8);
	CHECK_EQ(futex(f, FUTEX_WAKE, 10, NULL, NULL, 0), 1);
	CHECK_EQ(check_wait(a), 1 << 8);
}

TEST(requeue)
{
	volatile int *f = check_shared(PAGE), *g = f + 100;
	pid_t pid[4];

	for (int i = 0; i < 4; i++)
		pid[i] = waiter(f, 0, 0, FUTEX_WAIT);
	/* wake one, move at most two: the value counts woken and moved */
	CHECK_EQ(futex(f, FUTEX_CMP_REQUEUE, 1, (void *)2, g, 0), 3);
	CHECK_EQ(futex(f, FUTEX_WAKE, 10, NULL, NULL, 0), 1);
	CHECK_EQ(futex(g, FUTEX_WAKE, 10, NULL, NULL, 0), 2);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(check_wait(pid[i]), 1 << 8);
	pid[0] = waiter(f, 0, 0, FUTEX_WAIT);
	CHECK_EQ(futex(f, FUTEX_REQUEUE, 0, (void *)10, g, 0), 1);
	CHECK_EQ(futex(g, FUTEX_WAKE, 10, NULL, NULL, 0), 1);
	CHECK_EQ(check_wait(pid[0]), 1 << 8);
}

TEST(wake_op)
{
	volatile int *f = check_shared(PAGE), *g = f + 1;
	pid_t a = waiter(f, 0, 0, FUTEX_WAIT), b;

	*g = 5;
	b = waiter(g, 5, 0, FUTEX_WAIT);
	/* g += 3; wake f's; the old g was > 4: wake g's too */
	CHECK_EQ(futex(f, FUTEX_WAKE_OP, 1, (void *)1, g,
		       FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 4)), 2);
	CHECK_EQ(*g, 8);
	CHECK_EQ(check_wait(a), 1 << 8);
	CHECK_EQ(check_wait(b), 1 << 8);
	CHECK_EQ(futex(f, FUTEX_WAKE_OP, 1, (void *)1, g,
		       FUTEX_OP(FUTEX_OP_ANDN, 8, FUTEX_OP_CMP_EQ, 1)), 0);
	CHECK_EQ(*g, 0);
	ERR(futex(f, FUTEX_WAKE_OP, 1, (void *)1, BAD_PTR, 0), EFAULT);
}

static void on_usr1(int sig)
{
	(void)sig;
}

TEST(interrupted)
{
	volatile int *f = check_shared(PAGE);
	pid_t pid = SPAWN(
		struct sigaction sa = { .sa_handler = on_usr1 };

		sigaction(SIGUSR1, &sa, NULL);
		ERR(futex(f, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
	);

	check_wait_state(pid, "S");
	kill(pid, SIGUSR1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(restarted)
{
	volatile int *f = check_shared(PAGE);
	pid_t pid = SPAWN(
		struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };

		sigaction(SIGUSR1, &sa, NULL);
		CHECK_EQ(futex(f, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
	);

	check_wait_state(pid, "S");
	kill(pid, SIGUSR1);
	check_sleep_ms(20);
	check_wait_state(pid, "S");
	CHECK_EQ(futex(f, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(shared_by_file)
{
	volatile int *a, *b;
	pid_t pid;
	int fd;

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	OK(ftruncate(fd, 2 * PAGE));
	a = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	CHECK(a != MAP_FAILED && b != MAP_FAILED);
	/* one word by two addresses */
	pid = waiter(a + PAGE / 4 + 3, 0, 0, FUTEX_WAIT);
	CHECK_EQ(futex(b + 3, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	CHECK_EQ(check_wait(pid), 1 << 8);
}

TEST(private_memory_is_per_process)
{
	volatile int *f = check_anon(PAGE), *ready = check_shared(PAGE);
	pid_t pid;

	*f = 0;
	pid = SPAWN(
		struct timespec ts = ms(300);

		*ready = 1;
		ERR(futex(f, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	);
	check_wait_flag(ready, 1);
	check_sleep_ms(30);
	/* private memory: the same address in another process is another futex */
	CHECK_EQ(futex(f, FUTEX_WAKE, 10, NULL, NULL, 0), 0);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(ping_pong)
{
	volatile int *f = check_shared(PAGE);
	enum { N = 500 };
	pid_t pid = SPAWN(
		for (int i = 0; i < N; i++) {
			while (*f != 1)
				futex(f, FUTEX_WAIT, 0, NULL, NULL, 0);
			*f = 0;
			futex(f, FUTEX_WAKE, 1, NULL, NULL, 0);
		}
	);

	for (int i = 0; i < N; i++) {
		*f = 1;
		futex(f, FUTEX_WAKE, 1, NULL, NULL, 0);
		while (*f != 0)
			futex(f, FUTEX_WAIT, 1, NULL, NULL, 0);
	}
	CHECK_EQ(check_wait(pid), 0);
}
