/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that means harm must not get: memory of the kernel, its locks, rights of others. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <ucontext.h>


/* --- the kernel's memory ------------------------------------------------------------------- */

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

/* --- time ---------------------------------------------------------------------------------- */

/* A thousand short calls, which a CPU that does nothing but take interrupts never gets through. */
static void still_runs(void)
{
	long long end = check_now() + 20 * SEC;
	int calls = 0;

	while (calls < 1000 && check_now() < end) {
		syscall(SYS_getppid);
		calls++;
	}
	CHECK_EQ(calls, 1000);
}

static void pin(void)
{
	unsigned long one = 1;

	OK(syscall(SYS_sched_setaffinity, 0, sizeof one, &one));
}

static void storm(int notify, int sig)
{
	struct sigevent ev = { .sigev_notify = notify, .sigev_signo = sig };
	struct itimerspec often = { .it_value.tv_nsec = 1, .it_interval.tv_nsec = 1 };
	timer_t id;

	for (int i = 0; i < 20; i++) {
		OK(timer_create(CLOCK_MONOTONIC, &ev, &id));
		OK(timer_settime(id, 0, &often, NULL));
	}
	still_runs();
}

TEST(timers_of_a_nanosecond_ignored)
{
	pin();
	signal(SIGRTMIN, SIG_IGN);
	storm(SIGEV_SIGNAL, SIGRTMIN);
}

TEST(timers_of_a_nanosecond_blocked)
{
	sigset_t set;

	pin();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	storm(SIGEV_SIGNAL, SIGRTMIN);
}

TEST(timers_of_a_nanosecond_silent)
{
	pin();
	storm(SIGEV_NONE, 0);
}

TEST(alarm_of_a_microsecond)
{
	struct itimerval often = { .it_value.tv_usec = 1, .it_interval.tv_usec = 1 };

	pin();
	signal(SIGALRM, SIG_IGN);
	OK(setitimer(ITIMER_REAL, &often, NULL));
	still_runs();
}

TEST(timerfds_of_a_nanosecond)
{
	struct itimerspec often = { .it_value.tv_nsec = 1, .it_interval.tv_nsec = 1 };

	pin();
	for (int i = 0; i < 20; i++) {
		int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));

		OK(timerfd_settime(fd, 0, &often, NULL));
	}
	still_runs();
}

static void *set_alarm(void *arg)
{
	struct itimerval soon = { .it_value.tv_usec = 300 }, later = { .it_value.tv_sec = 5 };

	for (int i = 0; i < 30000; i++)
		OK(setitimer(ITIMER_REAL, (i + (int)(intptr_t)arg) % 3 ? &later : &soon, NULL));
	return NULL;
}

TEST(one_alarm_set_by_many)
{
	struct itimerval off = { 0 };
	pthread_t t[4];

	signal(SIGALRM, SIG_IGN);
	for (intptr_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, set_alarm, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	OK(setitimer(ITIMER_REAL, &off, NULL));
}

TEST(timers_are_limited)
{
	struct rlimit few = { 20, 20 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t id;
	int n = 0;

	OK(setrlimit(RLIMIT_SIGPENDING, &few));
	while (n < 200 && !timer_create(CLOCK_MONOTONIC, &ev, &id))
		n++;
	CHECK_LE(n, 20);
	CHECK_EQ(errno, EAGAIN);
}
