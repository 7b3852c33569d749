/* SPDX-License-Identifier: BSD-2-Clause */
/* poll, ppoll, select, pselect, epoll, eventfd, memfd. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static volatile int hits;

static void count(int sig)
{
	(void)sig;
	hits++;
}

static int efd(unsigned int v, int flags)
{
	return OK(eventfd(v, flags));
}

TEST(poll_calls)
{
	struct pollfd p[3];
	int a = efd(0, 0), b = efd(1, 0);
	long long t = check_now();

	CHECK_EQ(poll(NULL, 0, 20), 0);
	CHECK_GE(check_now() - t, 20 * MSEC);
	p[0] = (struct pollfd){ a, POLLIN, 77 };
	p[1] = (struct pollfd){ b, POLLIN | POLLOUT, 77 };
	p[2] = (struct pollfd){ -5, POLLIN, 77 };
	CHECK_EQ(poll(p, 3, 0), 1);
	CHECK_EQ(p[0].revents, 0);
	CHECK_EQ(p[1].revents, POLLIN | POLLOUT);
	CHECK_EQ(p[2].revents, 0);
	p[2].fd = 999;
	CHECK_EQ(poll(p, 3, 1000), 2);
	CHECK_EQ(p[2].revents, POLLNVAL);
	ERR(poll(BAD_PTR, 1, 0), EFAULT);
	ERR(poll(p, 0x7fffffff, 0), EINVAL);
	int null = OK(open("/dev/null", O_RDWR));
	p[0] = (struct pollfd){ null, POLLIN | POLLOUT, 0 };
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK_EQ(p[0].revents, POLLIN | POLLOUT);
}

TEST(poll_wakes)
{
	int fd = efd(0, 0);
	struct pollfd p = { fd, POLLIN, 0 };
	pid_t pid = SPAWN(CHECK_EQ(poll(&p, 1, -1), 1); CHECK_EQ(p.revents, POLLIN););

	check_wait_state(pid, "S");
	eventfd_write(fd, 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(ppoll_mask)
{
	struct timespec ts = { 10, 0 };
	struct pollfd p = { -1, 0, 0 };
	sigset_t block, none, now;

	signal(SIGUSR1, count);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigemptyset(&none);
	OK(sigprocmask(SIG_BLOCK, &block, NULL));
	raise(SIGUSR1);
	ERR(ppoll(&p, 1, &ts, &none), EINTR);
	CHECK_EQ(hits, 1);
	OK(sigprocmask(SIG_SETMASK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1));
	ts.tv_nsec = -1;
	ERR(ppoll(&p, 1, &ts, NULL), EINVAL);
	ERR(syscall(SYS_ppoll, &p, 1, NULL, &none, 4), EINVAL);
	ERR(syscall(SYS_ppoll, &p, 1, BAD_PTR, NULL, 0), EFAULT);
}

TEST(select_calls)
{
	struct timeval tv = { 0, 0 };
	fd_set r, w, e;
	int a = efd(0, 0), b = efd(1, 0);

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(a, &r);
	FD_SET(b, &r);
	FD_SET(a, &w);
	FD_SET(b, &e);
	CHECK_EQ(select(b + 1, &r, &w, &e, &tv), 2);
	CHECK(!FD_ISSET(a, &r) && FD_ISSET(b, &r) && FD_ISSET(a, &w) && !FD_ISSET(b, &e));
	FD_ZERO(&r);
	FD_SET(40, &r);
	ERR(select(41, &r, NULL, NULL, &tv), EBADF);
	ERR(select(-1, NULL, NULL, NULL, &tv), EINVAL);
	ERR(select(1, BAD_PTR, NULL, NULL, &tv), EFAULT);
	tv.tv_usec = 20000;
	long long t = check_now();
	CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
	CHECK_GE(check_now() - t, 20 * MSEC);
	CHECK_EQ(tv.tv_sec + tv.tv_usec, 0);
	tv = (struct timeval){ 0, -1 };
	ERR(select(0, NULL, NULL, NULL, &tv), EINVAL);
}

TEST(pselect_mask)
{
	struct timespec ts = { 10, 0 };
	sigset_t block, none;

	signal(SIGUSR1, count);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigemptyset(&none);
	OK(sigprocmask(SIG_BLOCK, &block, NULL));
	raise(SIGUSR1);
	ERR(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
	CHECK_EQ(hits, 1);
}

TEST(regular_file_is_ready)
{
	struct pollfd p;
	int ep = OK(epoll_create1(0));

	check_tmpdir();
	check_write_file("f", "");
	p = (struct pollfd){ OK(open("f", O_RDWR)), POLLIN | POLLOUT, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT);
	ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &(struct epoll_event){ 0 }), EPERM);
}

static int add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

TEST(epoll_level)
{
	struct epoll_event ev[4];
	int ep = OK(epoll_create1(EPOLL_CLOEXEC)), fd = efd(0, 0);

	CHECK_EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
	OK(add(ep, fd, EPOLLIN, 0x1234567890abcdefUL));
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
	eventfd_write(fd, 1);
	for (int i = 0; i < 3; i++) {			/* again and again */
		CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);
		CHECK_EQ(ev[0].events, EPOLLIN);
		CHECK_EQ(ev[0].data.u64, 0x1234567890abcdefUL);
	}
	eventfd_t v;
	eventfd_read(fd, &v);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
}

TEST(epoll_edge)
{
	struct epoll_event ev[4];
	int ep = OK(epoll_create1(0)), p[2];
	char c[4];

	OK(pipe(p));
	OK(add(ep, p[0], EPOLLIN | EPOLLET, 1));
	CHECK_EQ(write(p[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);		/* told once */
	CHECK_EQ(write(p[1], "b", 1), 1);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);		/* something new */
	CHECK_EQ(read(p[0], c, 1), 1);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
}

TEST(epoll_oneshot)
{
	struct epoll_event ev[4], mod = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 5 };
	int ep = OK(epoll_create1(0)), fd = efd(1, 0);

	OK(add(ep, fd, EPOLLIN | EPOLLONESHOT, 1));
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
	eventfd_write(fd, 1);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
	OK(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &mod));
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);
	CHECK_EQ(ev[0].data.u64, 5);
}

TEST(epoll_mod_del)
{
	struct epoll_event ev[4], mod = { .events = EPOLLOUT };
	int ep = OK(epoll_create1(0)), fd = efd(0, 0);

	OK(add(ep, fd, EPOLLIN, 1));
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
	OK(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &mod));
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);
	CHECK_EQ(ev[0].events, EPOLLOUT);
	OK(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
	ERR(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), ENOENT);
	ERR(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &mod), ENOENT);
}

TEST(epoll_close_removes)
{
	struct epoll_event ev[4];
	int ep = OK(epoll_create1(0)), fd = efd(1, 0), copy = OK(dup(fd));

	OK(add(ep, fd, EPOLLIN, 1));
	close(fd);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);		/* the file lives on in the copy */
	close(copy);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
}

TEST(epoll_errors)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = OK(epoll_create1(0)), fd = efd(0, 0), ep2 = OK(epoll_create(5));

	ERR(epoll_create(0), EINVAL);
	ERR(epoll_create1(0x1234), EINVAL);
	OK(add(ep, fd, EPOLLIN, 1));
	ERR(add(ep, fd, EPOLLIN, 1), EEXIST);
	ERR(add(ep, 999, EPOLLIN, 1), EBADF);
	ERR(add(999, fd, EPOLLIN, 1), EBADF);
	ERR(add(fd, ep, EPOLLIN, 1), EINVAL);		/* not an epoll descriptor */
	ERR(add(ep, ep, EPOLLIN, 1), EINVAL);
	ERR(epoll_ctl(ep, 77, fd, &ev), EINVAL);
	ERR(epoll_ctl(ep, EPOLL_CTL_MOD, fd, BAD_PTR), EFAULT);
	ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	ERR(epoll_wait(ep, &ev, -1, 0), EINVAL);
	ERR(epoll_wait(fd, &ev, 1, 0), EINVAL);
	ERR(epoll_wait(999, &ev, 1, 0), EBADF);
	OK(add(ep, ep2, EPOLLIN, 2));
	ERR(add(ep2, ep, EPOLLIN, 2), ELOOP);
	eventfd_write(fd, 1);
	ERR(epoll_wait(ep, BAD_PTR, 1, 0), EFAULT);
}

TEST(epoll_nested)
{
	struct epoll_event ev[2];
	int in = OK(epoll_create1(0)), out = OK(epoll_create1(0)), fd = efd(0, 0);
	struct pollfd p = { in, POLLIN, 0 };

	OK(add(in, fd, EPOLLIN, 1));
	OK(add(out, in, EPOLLIN, 2));
	CHECK_EQ(epoll_wait(out, ev, 2, 0), 0);
	CHECK_EQ(poll(&p, 1, 0), 0);
	eventfd_write(fd, 1);
	CHECK_EQ(epoll_wait(out, ev, 2, 0), 1);
	CHECK_EQ(ev[0].data.u64, 2);
	CHECK_EQ(poll(&p, 1, 0), 1);
	eventfd_t v;
	eventfd_read(fd, &v);
	CHECK_EQ(epoll_wait(out, ev, 2, 0), 0);
}

TEST(epoll_wakes_and_timeout)
{
	struct epoll_event ev[2];
	struct timespec ts = { 0, 20 * MSEC };
	int ep = OK(epoll_create1(0)), fd = efd(0, 0);
	long long t = check_now();
	pid_t pid;

	OK(add(ep, fd, EPOLLIN, 1));
	CHECK_EQ(epoll_wait(ep, ev, 2, 20), 0);
	CHECK_GE(check_now() - t, 20 * MSEC);
	long r = syscall(441 /* epoll_pwait2 */, ep, ev, 2, &ts, NULL, 8);
	CHECK_EQ(r, 0);
	pid = SPAWN(CHECK_EQ(epoll_wait(ep, ev, 2, -1), 1););
	check_wait_state(pid, "S");
	eventfd_write(fd, 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(epoll_pwait_mask)
{
	struct epoll_event ev;
	int ep = OK(epoll_create1(0));
	sigset_t block, none;

	signal(SIGUSR1, count);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigemptyset(&none);
	OK(sigprocmask(SIG_BLOCK, &block, NULL));
	raise(SIGUSR1);
	ERR(epoll_pwait(ep, &ev, 1, 10000, &none), EINTR);
	CHECK_EQ(hits, 1);
}

TEST(epoll_many)
{
	enum { N = 200 };
	struct epoll_event ev[N];
	int ep = OK(epoll_create1(0)), fd[N], seen[N] = { 0 }, n = 0;

	for (int i = 0; i < N; i++) {
		fd[i] = efd(0, 0);
		OK(add(ep, fd[i], EPOLLIN, i));
	}
	for (int i = 0; i < N; i += 3)
		eventfd_write(fd[i], 1);
	/* a few at a time: all must come round */
	for (int round = 0; round < 100; round++) {
		int r = OK(epoll_wait(ep, ev, 7, 0));

		for (int i = 0; i < r; i++)
			n += !seen[ev[i].data.u64]++;
	}
	CHECK_EQ(n, (N + 2) / 3);
}

TEST(epoll_hup)
{
	struct epoll_event ev;
	int ep = OK(epoll_create1(0)), p[2];

	OK(pipe(p));
	OK(add(ep, p[0], 0, 3));		/* HUP and ERR need no asking */
	close(p[1]);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 1);
	CHECK_EQ(ev.events, EPOLLHUP);
}

static int epoll_shared;

static void *epoll_waiter(void *arg)
{
	struct epoll_event ev;

	CHECK_EQ(epoll_wait(epoll_shared, &ev, 1, 10000), 1);
	eventfd_t v;
	CHECK_EQ(eventfd_read(*(int *)arg, &v), 0);
	return NULL;
}

TEST(epoll_threads)
{
	pthread_t t[4];
	int fd = efd(0, EFD_SEMAPHORE);

	epoll_shared = OK(epoll_create1(0));
	OK(add(epoll_shared, fd, EPOLLIN, 1));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, epoll_waiter, &fd), 0);
	check_sleep_ms(10);
	eventfd_write(fd, 4);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

TEST(eventfd_calls)
{
	int fd = efd(3, EFD_NONBLOCK | EFD_CLOEXEC), sem = efd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	uint64_t v = 0;

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(read(fd, &v, 8), 8);
	CHECK_EQ(v, 3);
	ERR(read(fd, &v, 8), EAGAIN);
	v = -2;
	CHECK_EQ(write(fd, &v, 8), 8);
	v = 1;
	ERR(write(fd, &v, 8), EAGAIN);
	v = -1;
	ERR(write(fd, &v, 8), EINVAL);
	ERR(write(fd, &v, 4), EINVAL);
	ERR(read(fd, &v, 4), EINVAL);
	CHECK_EQ(read(sem, &v, 8), 8);
	CHECK_EQ(v, 1);
	CHECK_EQ(read(sem, &v, 8), 8);
	ERR(read(sem, &v, 8), EAGAIN);
	ERR(eventfd(0, 0x1234), EINVAL);
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);		/* full */
}

TEST(eventfd_blocks)
{
	int fd = efd(0, 0);
	uint64_t v = 5;
	pid_t pid = SPAWN(CHECK_EQ(read(fd, &v, 8), 8); CHECK_EQ(v, 5););

	check_wait_state(pid, "S");
	CHECK_EQ(write(fd, &v, 8), 8);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(memfd)
{
	struct stat st;
	char link[64] = "", path[32];
	int fd = OK(memfd_create("my memory", MFD_CLOEXEC));
	char *p;

	OK(ftruncate(fd, 3 * PAGE));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 3 * PAGE);
	CHECK_EQ(st.st_nlink, 0);
	p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[PAGE] = 'm';
	char c;
	CHECK_EQ(pread(fd, &c, 1, PAGE), 1);
	CHECK_EQ(c, 'm');
	CHILD_OK(p[2 * PAGE] = 'c';);
	CHECK_EQ(p[2 * PAGE], 'c');
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK_GE(readlink(path, link, sizeof link - 1), 10);
	CHECK_EQ(strncmp(link, "/memfd:my memory", 16), 0);
	OK(open(path, O_RDWR));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ERR(memfd_create("x", 0x1000000), EINVAL);
	ERR(syscall(SYS_memfd_create, BAD_PTR, 0), EFAULT);
	char longname[300];
	memset(longname, 'a', 299);
	longname[299] = 0;
	ERR(memfd_create(longname, 0), EINVAL);
}
