/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that means harm must not get: memory of the kernel, which it could read or spoil. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <ucontext.h>

TEST(map_files_of_shared_memory)
{
	char *p = check_shared(PAGE), name[80], text[80];
	ssize_t n;
	int fd;

	snprintf(name, sizeof name, "/proc/self/map_files/%lx-%lx", (long)p, (long)p + PAGE);
	n = readlink(name, text, sizeof text - 1);
	if (n >= 0) {
		text[n] = 0;
		CHECK_STR(text, "/dev/zero (deleted)");
	}
	fd = open(name, O_RDONLY);
	if (fd >= 0)
		close(fd);
}

/* What has no name is not opened by way of its descriptor's. */
TEST(nameless_files_opened_again)
{
	struct pollfd p = { .events = POLLIN | POLLOUT };
	int fd[4] = { OK(eventfd(0, 0)), OK(epoll_create1(0)),
		      OK(timerfd_create(CLOCK_MONOTONIC, 0)),
		      OK(syscall(SYS_pidfd_open, getpid(), 0)) };
	char name[32];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd[i]);
		p.fd = open(name, O_RDWR);
		CHECK(p.fd >= 0 || errno == ENXIO);
		if (p.fd >= 0)
			poll(&p, 1, 0);
		p.fd = OK(open(name, O_PATH));
		poll(&p, 1, 0);
	}
}

static unsigned long frame_pad[2];

static void look_at_frame(int sig, siginfo_t *info, void *uc)
{
	(void)sig, (void)info;
	memcpy(&frame_pad[0], (char *)&((ucontext_t *)uc)->uc_mcontext - 8, 8);
	memcpy(&frame_pad[1], (char *)((ucontext_t *)uc)->uc_mcontext.__reserved - 8, 8);
}

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aul

TEST(signal_frame_tells_nothing)
{
	struct sigaction sa = { .sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t st = { .ss_size = 65536, .ss_sp = check_anon(65536) };

	OK(sigaltstack(&st, NULL));
	OK(sigaction(SIGUSR1, &sa, NULL));
	for (int i = 0; i < 100; i++) {
		memset(st.ss_sp, 0x5a, st.ss_size);
		if (i & 1)
			getppid();
		raise(SIGUSR1);
		for (int k = 0; k < 2; k++)
			if (frame_pad[k] && frame_pad[k] != UNTOUCHED)
				FAIL("padding %d of a frame holds %#lx", k, frame_pad[k]);
	}
}

/* Waits for sig, whose siginfo has nothing from byte end on. */
static void check_info_end(int sig, size_t end)
{
	unsigned char info[128];
	unsigned long set = 1ul << (sig - 1);

	memset(info, 0x5a, sizeof info);
	OK(syscall(SYS_rt_sigtimedwait, &set, info, NULL, sizeof set));
	for (size_t i = end; i < sizeof info; i++)
		if (info[i])
			FAIL("signal %d: byte %zu is %#x", sig, i, info[i]);
}

TEST(siginfo_tells_nothing)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	sigset_t all;
	timer_t id;
	pid_t pid;
	int fd[2];

	sigfillset(&all);
	OK(sigprocmask(SIG_BLOCK, &all, NULL));
	OK(pipe(fd));
	close(fd[0]);
	ERR(write(fd[1], "", 1), EPIPE);
	check_info_end(SIGPIPE, 24);
	OK(timer_create(CLOCK_MONOTONIC, &ev, &id));
	OK(timer_settime(id, 0, &soon, NULL));
	check_info_end(SIGUSR1, 32);
	OK(kill(getpid(), SIGUSR2));
	check_info_end(SIGUSR2, 24);
	pid = SPAWN(_exit(0););
	check_info_end(SIGCHLD, 48);
	CHECK_EQ(check_wait(pid), 0);
	/* The middle one ends and leaves the last one, who is told. */
	OK(pipe(fd));
	pid = SPAWN({
		pid_t kid = check_fork();
		char c;

		if (!kid) {
			OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			close(fd[0]);
			OK(write(fd[1], "", 1));
			check_info_end(SIGUSR1, 24);
			OK(write(fd[1], "", 1));
			_exit(0);
		}
		CHECK_EQ(read(fd[0], &c, 1), 1);
	});
	CHECK_EQ(check_wait(pid), 0);
	close(fd[1]);
	CHECK_EQ(read(fd[0], &pid, 1), 1);
}

TEST(epoll_events_tell_nothing)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 7 }, got[2];
	int ep = OK(epoll_create1(0)), fd[2];
	unsigned pad;

	OK(pipe(fd));
	OK(write(fd[1], "x", 1));
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &ev));
	for (int i = 0; i < 100; i++) {
		memset(got, 0x5a, sizeof got);
		CHECK_EQ(epoll_wait(ep, got, 2, 0), 1);
		memcpy(&pad, (char *)got + 4, 4);
		if (pad && pad != (unsigned)UNTOUCHED)
			FAIL("padding of an event holds %#x", pad);
	}
}

TEST(no_such_exit_signal)
{
	for (int sig = 65; sig < 256; sig++)
		ERR(syscall(SYS_clone, sig, 0, 0, 0, 0), EINVAL);
}

static void *come_and_go(void *arg)
{
	for (volatile int i = 0; i < (int)(intptr_t)arg; i++)
		;
	return NULL;
}

TEST(lookups_beside_ending_threads)
{
	struct stat st;
	pthread_t t;

	for (int i = 0; i < 4000; i++) {
		CHECK_EQ(pthread_create(&t, NULL, come_and_go, (void *)(intptr_t)(i % 200)), 0);
		for (int k = 0; k < 40; k++)
			OK(stat("/proc", &st));
		pthread_join(t, NULL);
	}
	OK(chdir("/"));
	OK(chdir("/tmp"));
}

TEST(terminal_that_hung_up_controls_nobody)
{
	CHILD_OK({
		char name[32], line[512];
		int m = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY)), s, n, zero = 0;

		OK(ioctl(m, TIOCSPTLCK, &zero));
		OK(ioctl(m, TIOCGPTN, &n));
		snprintf(name, sizeof name, "/dev/pts/%d", n);
		s = OK(open(name, O_RDWR | O_NOCTTY));
		OK(setsid());
		close(m);
		ERR(ioctl(s, TIOCSCTTY, 0), EIO);
		close(s);
		for (int i = 0; i < 50; i++)
			close(OK(open("/dev/ptmx", O_RDWR | O_NOCTTY)));
		ERR(open("/dev/tty", O_RDWR), ENXIO);
		check_read_file("/proc/self/stat", line, sizeof line);
	});
}
