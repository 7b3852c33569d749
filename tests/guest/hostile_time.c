/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that means harm must not get: the time of a CPU, for long and by little work. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <time.h>

/* Time that a terminal takes to erase a line of n characters; its echo is not read. */
static long long time_to_erase(int m, int n, char c)
{
	char line[4096];
	long long start, best = 0;

	for (int i = 0; i < 5; i++) {
		OK(tcflush(m, TCIOFLUSH));
		memset(line, c, n);
		CHECK_EQ(write(m, line, n), n);
		OK(tcflush(m, TCOFLUSH));
		start = check_now();
		CHECK_EQ(write(m, "\025", 1), 1);
		start = check_now() - start;
		best = i && best < start ? best : start;
	}
	return best;
}

/* Interrupts are off meanwhile: it must not be as the square of the line. */
TEST(long_lines_are_erased_soon)
{
	int m = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
	long long few, many;

	few = time_to_erase(m, 400, 'x');
	many = time_to_erase(m, 4000, 'x');
	if (many > 20 * few + 5 * MSEC)
		FAIL("400: %lld us, 4000: %lld us", few / 1000, many / 1000);
}


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

static void *sleep_for_ever(void *unused)
{
	while (pause())
		;
	return unused;
}

/* Timers on a CPU clock that does not go on, because the process sleeps, cost nobody anything. */
static void sleep_before_timers(volatile int *ready)
{
	enum { TIMERS = 2000, THREADS = 100 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec soon = { .it_value.tv_sec = 1 };
	struct rlimit many = { 10000, 10000 };
	static timer_t id[TIMERS];
	pthread_t t;

	OK(setrlimit(RLIMIT_SIGPENDING, &many));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&t, NULL, sleep_for_ever, NULL));
	for (int i = 0; i < TIMERS; i++)
		OK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &id[i]));
	for (int i = 0; i < TIMERS; i++)
		OK(timer_settime(id[i], 0, &soon, NULL));
	*ready = 1;
	sleep_for_ever(NULL);
}

TEST(cpu_timers_of_a_sleeper)
{
	volatile int *ready = check_shared(PAGE);
	long long best = 0;
	pid_t pid;

	pin();
	signal(SIGUSR1, SIG_IGN);
	pid = SPAWN(sleep_before_timers(ready););
	while (!*ready)
		check_sleep_ms(10);
	for (int i = 0; i < 5; i++) {
		long long start = check_now();

		for (int k = 0; k < 10; k++)
			still_runs();
		start = check_now() - start;
		best = i && best < start ? best : start;
	}
	kill(pid, SIGKILL);
	CHECK_LE(best / MSEC, 200);
}

static long long least(long long best, long long now) { return best && best < now ? best : now; }

/* Time that a process takes to die whose n children are a group of their own. */
static long long time_to_orphan(int n)
{
	volatile pid_t *group = check_shared(PAGE);
	long long start;
	pid_t pid;

	*group = 0;
	pid = SPAWN({
		pid_t first = 0;

		for (int i = 0; i < n; i++) {
			pid_t kid = check_fork();

			if (!kid)
				sleep_for_ever(NULL);
			first = first ?: kid;
			OK(setpgid(kid, first));
		}
		*group = first;
		sleep_for_ever(NULL);
	});
	while (!*group)
		check_sleep_ms(1);
	check_wait_state(pid, "S");
	start = check_now();
	kill(pid, SIGKILL);
	CHECK_EQ(check_wait(pid), SIGKILL);
	start = check_now() - start;
	kill(-*group, SIGKILL);
	while (!kill(-*group, 0))
		check_sleep_ms(1);
	return start;
}

/* Interrupts are off for a part of that. */
TEST_TIMEOUT(a_thousand_orphans, 200)
{
	long long few = 0, many = 0;

	for (int i = 0; i < 3; i++) {
		few = least(few, time_to_orphan(50));
		many = least(many, time_to_orphan(1000));
	}
	if (many > 20 * few + 5 * MSEC)
		FAIL("50: %lld us, 1000: %lld us", few / 1000, many / 1000);
}

/* A file's end finds its items in an epoll of many. */
TEST(files_of_a_large_epoll)
{
	enum { FILES = 3000 };
	struct rlimit l = { FILES + 100, FILES + 100 };
	struct epoll_event ev = { .events = EPOLLIN };
	int ep, fd[FILES];
	long long best[2] = { 0, 0 }, start;

	OK(setrlimit(RLIMIT_NOFILE, &l));
	ep = OK(epoll_create1(0));
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < FILES; i++) {
			fd[i] = OK(eventfd(0, 0));
			if (round % 2 || i < 100)
				OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev));
		}
		start = check_now();
		for (int i = 0; i < 100; i++)
			close(fd[i]);
		best[round % 2] = least(best[round % 2], check_now() - start);
		for (int i = 100; i < FILES; i++)
			close(fd[i]);
	}
	if (best[1] > 5 * best[0] + MSEC)
		FAIL("100: %lld us, %d: %lld us", best[0] / 1000, FILES, best[1] / 1000);
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

enum { LEVELS = 4, WIDTH = 40 };

TEST(epolls_that_watch_one_another)
{
	int ep[LEVELS][WIDTH], fd[2], refused = 0;
	struct epoll_event ev = { .events = EPOLLIN };
	long long begin = check_now();

	for (int l = 0; l < LEVELS; l++)
		for (int i = 0; i < WIDTH; i++)
			ep[l][i] = OK(epoll_create1(0));
	OK(pipe(fd));
	for (int i = 0; i < WIDTH; i++)
		if (epoll_ctl(ep[0][i], EPOLL_CTL_ADD, fd[0], &ev))
			refused++;
	for (int l = 1; l < LEVELS; l++)
		for (int i = 0; i < WIDTH; i++)
			for (int k = 0; k < WIDTH; k++)
				if (epoll_ctl(ep[l][i], EPOLL_CTL_ADD, ep[l - 1][k], &ev)) {
					CHECK(errno == EINVAL || errno == ELOOP);
					refused++;
				}
	OK(write(fd[1], "x", 1));
	CHECK_NE(refused, 0);
	CHECK_LE(check_now() - begin, 20 * SEC);
}

TEST(second_reader_can_be_killed)
{
	char name[32], c;
	int m = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY)), s, n, zero = 0, st;
	pid_t first, second;

	OK(ioctl(m, TIOCSPTLCK, &zero));
	OK(ioctl(m, TIOCGPTN, &n));
	snprintf(name, sizeof name, "/dev/pts/%d", n);
	s = OK(open(name, O_RDWR | O_NOCTTY));
	first = SPAWN(read(s, &c, 1));
	check_wait_state(first, "S");
	second = SPAWN(read(s, &c, 1));
	check_sleep_ms(100);
	kill(second, SIGKILL);
	for (int i = 0; i < 200 && !(n = waitpid(second, &st, WNOHANG)); i++)
		check_sleep_ms(10);
	CHECK_EQ(n, second);
	kill(first, SIGKILL);
}
