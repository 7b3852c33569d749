/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks (vDSO against system call), sleeping, interval and POSIX timers, timerfd, CPU clocks. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

static long long ns(struct timespec ts)
{
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static long long clock_ns(clockid_t c)
{
	struct timespec ts;

	OK(clock_gettime(c, &ts));
	CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < SEC);
	return ns(ts);
}

static long long syscall_ns(clockid_t c)
{
	struct timespec ts;

	OK(syscall(SYS_clock_gettime, c, &ts));
	return ns(ts);
}

static volatile int hits;
static volatile siginfo_t last_info;

static void count(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	hits++;
	last_info = *si;
}

static void catch(int sig)
{
	struct sigaction sa = { .sa_sigaction = count, .sa_flags = SA_SIGINFO };

	OK(sigaction(sig, &sa, NULL));
}

TEST(vdso_against_syscall)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
		CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE };

	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		for (int j = 0; j < 50; j++) {
			long long a = syscall_ns(clocks[i]);
			long long b = clock_ns(clocks[i]);
			long long c = syscall_ns(clocks[i]);

			if (!(a <= b && b <= c))
				FAIL("clock %d: %lld %lld %lld", clocks[i], a, b, c);
		}
	}
}

TEST(monotonic)
{
	long long last = 0;

	for (int i = 0; i < 20000; i++) {
		long long t = clock_ns(CLOCK_MONOTONIC);

		CHECK_GE(t, last);
		last = t;
	}
}

static volatile long long newest;

static void *clock_thread(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5000; i++) {
		long long seen = __atomic_load_n(&newest, __ATOMIC_ACQUIRE);
		long long t = clock_ns(CLOCK_MONOTONIC);

		CHECK_GE(t, seen);		/* across CPUs, too */
		__atomic_store_n(&newest, t, __ATOMIC_RELEASE);
	}
	return NULL;
}

TEST(monotonic_across_threads)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, clock_thread, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

TEST(realtime_is_sane)
{
	struct timeval tv;
	long long t = clock_ns(CLOCK_REALTIME) / SEC;

	CHECK_GE(t, 1700000000);		/* after 2023: the clock chip was read */
	CHECK_LE(t, 4000000000);
	OK(gettimeofday(&tv, NULL));
	CHECK_LE(llabs(tv.tv_sec - t), 5);
	CHECK_LE(llabs(time(NULL) - t), 5);
}

TEST(getres)
{
	struct timespec ts;

	OK(clock_getres(CLOCK_MONOTONIC, &ts));
	CHECK_EQ(ts.tv_sec, 0);
	CHECK(ts.tv_nsec >= 1 && ts.tv_nsec <= 20 * MSEC);
	OK(clock_getres(CLOCK_REALTIME_COARSE, &ts));
	CHECK(ts.tv_nsec >= 1 && ts.tv_nsec <= 20 * MSEC);
	OK(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
	ERR(syscall(SYS_clock_getres, 99, &ts), EINVAL);
	ERR(syscall(SYS_clock_getres, CLOCK_REALTIME, BAD_PTR), EFAULT);
}

TEST(clock_errors)
{
	struct timespec ts = { 0, 0 };

	ERR(syscall(SYS_clock_gettime, 99, &ts), EINVAL);
	ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, BAD_PTR), EFAULT);
	ERR(clock_settime(CLOCK_MONOTONIC, &ts), EINVAL);
	ts.tv_nsec = SEC;
	ERR(clock_settime(CLOCK_REALTIME, &ts), EINVAL);
	CHILD_OK(
		ts = (struct timespec){ 1800000000, 0 };
		check_become(1000, 1000);
		ERR(clock_settime(CLOCK_REALTIME, &ts), EPERM);
	);
}

TEST(settime)
{
	struct timespec ts, now;
	long long mono;

	OK(clock_gettime(CLOCK_REALTIME, &ts));
	mono = clock_ns(CLOCK_MONOTONIC);
	ts.tv_sec += 1000;
	OK(clock_settime(CLOCK_REALTIME, &ts));
	OK(clock_gettime(CLOCK_REALTIME, &now));
	CHECK(now.tv_sec - ts.tv_sec >= 0 && now.tv_sec - ts.tv_sec < 10);
	CHECK_LE(clock_ns(CLOCK_MONOTONIC) - mono, 10 * SEC);	/* it did not jump */
	now.tv_sec -= 1000;
	OK(clock_settime(CLOCK_REALTIME, &now));
}

TEST(adjtimex_steps)
{
	struct timex t = {.modes = ADJ_SETOFFSET, .time = {1000, 500000}};
	long long before = clock_ns(CLOCK_REALTIME), mono = clock_ns(CLOCK_MONOTONIC), moved;
	struct timeval left;

	CHECK_GE(adjtimex(&t), 0);
	moved = clock_ns(CLOCK_REALTIME) - before;
	CHECK(moved >= 1000 * SEC + 500 * MSEC && moved < 1010 * SEC);
	CHECK_LE(clock_ns(CLOCK_MONOTONIC) - mono, 10 * SEC);
	t = (struct timex){.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {-1001, 500 * MSEC}};
	CHECK_GE(adjtimex(&t), 0);
	CHECK_LE(llabs(clock_ns(CLOCK_REALTIME) - before), 10 * SEC);
	t = (struct timex){.modes = ADJ_MICRO};		/* as it was, where the last call set it */
	CHECK(adjtimex(&t) >= 0 || errno == EOPNOTSUPP);
	t = (struct timex){.modes = ADJ_SETOFFSET, .time = {0, 1000000}};
	ERR(adjtimex(&t), EINVAL);
	t = (struct timex){.modes = ADJ_SETOFFSET, .time = {0, -1}};
	ERR(adjtimex(&t), EINVAL);
	t = (struct timex){.modes = ADJ_SETOFFSET, .time = {-4000000000, 0}};
	ERR(adjtimex(&t), EINVAL);			/* before the boot was in 1970 */
	OK(adjtime(NULL, &left));
	CHECK_EQ(left.tv_sec * 1000000 + left.tv_usec, 0);
	CHILD_OK(
		check_become(1000, 1000);
		t = (struct timex){.modes = ADJ_SETOFFSET};
		ERR(adjtimex(&t), EPERM);
		t.modes = 0;
		CHECK_GE(adjtimex(&t), 0);
		OK(adjtime(NULL, &left));
	);
}

TEST(nanosleep_calls)
{
	struct timespec ts = { 0, 20 * MSEC }, bad;
	long long t = check_now();

	OK(nanosleep(&ts, NULL));
	CHECK_GE(check_now() - t, 20 * MSEC);
	CHECK_LE(check_now() - t, 5 * SEC);
	ts.tv_nsec = 0;
	OK(nanosleep(&ts, NULL));
	bad = (struct timespec){ 0, SEC };
	ERR(nanosleep(&bad, NULL), EINVAL);
	bad = (struct timespec){ -1, 0 };
	ERR(nanosleep(&bad, NULL), EINVAL);
	ERR(syscall(SYS_nanosleep, BAD_PTR, NULL), EFAULT);
}

TEST(clock_nanosleep_abs)
{
	struct timespec ts;
	long long start = clock_ns(CLOCK_MONOTONIC), end = start + 30 * MSEC;

	ts = (struct timespec){ end / SEC, end % SEC };
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
	CHECK_GE(clock_ns(CLOCK_MONOTONIC), end);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);	/* past */
	OK(clock_gettime(CLOCK_REALTIME, &ts));
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL), 0);
	CHECK_EQ(clock_nanosleep(99, 0, &ts, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), EINVAL);
}

static void burn(long long ms)
{
	long long end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * MSEC;

	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
}

TEST(cpu_clocks)
{
	long long p = clock_ns(CLOCK_PROCESS_CPUTIME_ID), t = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct rusage ru;
	struct tms tms;

	burn(50);
	CHECK_GE(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - p, 50 * MSEC);
	CHECK_GE(clock_ns(CLOCK_THREAD_CPUTIME_ID) - t, 40 * MSEC);
	p = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	check_sleep_ms(100);
	CHECK_LE(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - p, 80 * MSEC);	/* sleeping costs nothing */
	OK(getrusage(RUSAGE_SELF, &ru));
	CHECK_GE((ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000LL + ru.ru_utime.tv_usec +
		 ru.ru_stime.tv_usec, 20000);
	CHECK_NE(times(&tms), -1);
	CHECK_GE(tms.tms_utime + tms.tms_stime, 1);
}

static volatile int burn_on = 1;

static void *burner(void *arg)
{
	while (burn_on)
		;
	return arg;
}

TEST(sleep_on_cpu_clock)
{
	struct timespec ts = { .tv_nsec = 50 * MSEC }, rest;
	clockid_t mine, other;
	pthread_t th;
	long long start;

	ERR(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), EOPNOTSUPP);
	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &mine), 0);
	ERR(syscall(SYS_clock_nanosleep, mine, 0, &ts, NULL), EINVAL);
	CHECK_EQ(pthread_create(&th, NULL, burner, NULL), 0);
	start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL), 0);
	CHECK_GE(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start, 50 * MSEC);
	CHECK_EQ(pthread_getcpuclockid(th, &other), 0);
	start = clock_ns(other);
	OK(syscall(SYS_clock_nanosleep, other, 0, &ts, NULL));
	CHECK_GE(clock_ns(other) - start, 50 * MSEC);
	start = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + 30 * MSEC;
	ts = (struct timespec){ start / SEC, start % SEC };
	CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &ts, NULL), 0);
	CHECK_GE(clock_ns(CLOCK_PROCESS_CPUTIME_ID), start);
	burn_on = 0;
	CHECK_EQ(pthread_join(th, NULL), 0);
	/* nobody works: only a signal ends it, and the rest is told */
	signal(SIGALRM, catch);
	alarm(1);
	ts = (struct timespec){ .tv_sec = 100 };
	CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ts, &rest), EINTR);
	CHECK_GE(rest.tv_sec, 98);
	ERR(syscall(SYS_clock_nanosleep, ~4000000 * 8 + 2, 0, &ts, NULL), EINVAL);
}

TEST(cpu_clock_of_others)
{
	clockid_t c;
	struct timespec ts;
	pid_t pid = SPAWN(for (;;) ;);

	check_sleep_ms(150);
	CHECK_EQ(clock_getcpuclockid(pid, &c), 0);
	OK(clock_gettime(c, &ts));
	CHECK_GE(ns(ts), 5 * MSEC);
	kill(pid, SIGKILL);
	check_wait(pid);
	ERR(clock_gettime(c, &ts), EINVAL);
}

TEST(alarm_call)
{
	catch(SIGALRM);
	CHECK_EQ(alarm(100), 0);
	CHECK(alarm(1) >= 99);
	pause();
	CHECK_EQ(hits, 1);
	CHECK_EQ(alarm(0), 0);
}

TEST(itimer_real)
{
	struct itimerval it = { .it_interval.tv_usec = 10000, .it_value.tv_usec = 10000 }, old;
	long long t = check_now();

	catch(SIGALRM);
	OK(setitimer(ITIMER_REAL, &it, NULL));
	while (hits < 3)
		pause();
	CHECK_GE(check_now() - t, 30 * MSEC);
	OK(getitimer(ITIMER_REAL, &old));
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	memset(&it, 0, sizeof it);
	OK(setitimer(ITIMER_REAL, &it, &old));
	CHECK_LE(old.it_value.tv_usec, 10000);
	OK(getitimer(ITIMER_REAL, &old));
	CHECK_EQ(old.it_value.tv_sec + old.it_value.tv_usec, 0);
	CHECK_EQ(last_info.si_code, SI_KERNEL);
	it.it_value.tv_usec = 1000000;
	ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	ERR(setitimer(77, &it, NULL), EINVAL);
	ERR(syscall(SYS_setitimer, ITIMER_REAL, BAD_PTR, NULL), EFAULT);
	ERR(getitimer(77, &it), EINVAL);
}

TEST(itimer_cpu)
{
	struct itimerval it = { .it_value.tv_usec = 20000 };

	catch(SIGVTALRM);
	catch(SIGPROF);
	OK(setitimer(ITIMER_VIRTUAL, &it, NULL));
	for (long long end = check_now() + 20 * SEC; !hits && check_now() < end;)
		;
	CHECK_EQ(hits, 1);
	OK(setitimer(ITIMER_PROF, &it, NULL));
	for (long long end = check_now() + 20 * SEC; hits < 2 && check_now() < end;)
		;
	CHECK_EQ(hits, 2);
	CHECK_EQ(last_info.si_signo, SIGPROF);
}

TEST(itimer_not_inherited)
{
	struct itimerval it = { .it_value.tv_sec = 1000 };

	OK(setitimer(ITIMER_REAL, &it, NULL));
	CHILD_OK(
		OK(getitimer(ITIMER_REAL, &it));
		CHECK_EQ(it.it_value.tv_sec, 0);
	);
}

TEST(timer_signal)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1,
			       .sigev_value.sival_int = 4711 };
	struct itimerspec it = { .it_interval.tv_nsec = 5 * MSEC, .it_value.tv_nsec = 5 * MSEC };
	timer_t t;

	catch(SIGRTMIN + 1);
	OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
	OK(timer_settime(t, 0, &it, NULL));
	while (hits < 3)
		pause();
	CHECK_EQ(last_info.si_code, SI_TIMER);
	CHECK_EQ(last_info.si_value.sival_int, 4711);
	OK(timer_gettime(t, &it));
	CHECK_EQ(it.it_interval.tv_nsec, 5 * MSEC);
	OK(timer_delete(t));
	ERR(syscall(SYS_timer_gettime, (int)(intptr_t)t, &it), EINVAL);
}

TEST(timer_overrun)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec it = { .it_interval.tv_nsec = 2 * MSEC, .it_value.tv_nsec = 2 * MSEC };
	sigset_t s;
	timer_t t;

	catch(SIGUSR1);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
	OK(timer_settime(t, 0, &it, NULL));
	check_sleep_ms(60);
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
	CHECK_GE(hits, 1);
	CHECK_GE(timer_getoverrun(t) + (hits > 1 ? 100 : 0), 5);
	OK(timer_delete(t));
}

TEST(exit_with_armed_timers)
{
	for (int i = 0; i < 30; i++) {
		int st = IN_CHILD(
			struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
			struct itimerspec it = {{0, 200000}, {0, 200000}}; timer_t t;

			catch (SIGUSR1); catch (SIGALRM); for (int j = 0; j < 5; j++) {
				OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
				OK(timer_settime(t, 0, &it, NULL));
			} OK(setitimer(ITIMER_REAL, &(struct itimerval){{0, 500}, {0, 500}}, NULL));
			if (i & 1) {
				close(1);
				execl("/proc/self/exe", "time_clock", "-l", NULL);
			} check_sleep_ms(i % 4););

		if (i & 1 && WIFSIGNALED(st))	/* the interval timer lives on, with no handler */
			CHECK_EQ(WTERMSIG(st), SIGALRM);
		else
			CHECK_EQ(st, 0);
	}
}

TEST(timer_none_and_abs)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	struct itimerspec it = { .it_value.tv_sec = 1000 };
	timer_t t;

	OK(timer_create(CLOCK_REALTIME, &ev, &t));
	OK(timer_settime(t, 0, &it, NULL));
	OK(timer_gettime(t, &it));
	CHECK(it.it_value.tv_sec >= 990 && it.it_value.tv_sec <= 1000);
	it.it_value = (struct timespec){ 1, 0 };	/* 1970 */
	OK(timer_settime(t, TIMER_ABSTIME, &it, NULL));
	OK(timer_gettime(t, &it));
	CHECK_EQ(ns(it.it_value), 0);
	OK(timer_delete(t));
}

TEST(timer_errors)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	struct itimerspec it = { .it_value.tv_nsec = SEC };
	int id;

	ERR(syscall(SYS_timer_create, 99, NULL, &id), EINVAL);
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.sigev_notify = 77;
	ev.sigev_signo = SIGUSR1;
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, BAD_PTR, &id), EFAULT);
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, BAD_PTR), EFAULT);
	ERR(syscall(SYS_timer_delete, 12345), EINVAL);
	OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
	ERR(syscall(SYS_timer_settime, id, 0, &it, NULL), EINVAL);
	ERR(syscall(SYS_timer_settime, id, 0, NULL, NULL), EINVAL);
	ERR(syscall(SYS_timer_settime, id, 0, BAD_PTR, NULL), EFAULT);
	ERR(syscall(SYS_timer_getoverrun, 12345), EINVAL);
	OK(syscall(SYS_timer_delete, id));
}

static volatile int thread_fired;

static void on_timer_thread(union sigval v)
{
	thread_fired = v.sival_int;
}

TEST(timer_thread)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 9,
			       .sigev_notify_function = on_timer_thread };
	struct itimerspec it = { .it_value.tv_nsec = 5 * MSEC };
	timer_t t;

	OK(timer_create(CLOCK_MONOTONIC, &ev, &t));	/* glibc: SIGEV_THREAD_ID below */
	OK(timer_settime(t, 0, &it, NULL));
	for (int i = 0; !thread_fired && i < 5000; i++)
		check_sleep_ms(1);
	CHECK_EQ(thread_fired, 9);
}

TEST(timer_cpu_clock)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec it = { .it_value.tv_nsec = 20 * MSEC };
	timer_t t;

	catch(SIGUSR1);
	OK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &t));
	OK(timer_settime(t, 0, &it, NULL));
	for (long long end = check_now() + 20 * SEC; !hits && check_now() < end;)
		;
	CHECK_EQ(hits, 1);
}

TEST(timerfd_basic)
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
	struct itimerspec it = { .it_interval.tv_nsec = 10 * MSEC, .it_value.tv_nsec = 10 * MSEC };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t n;

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ERR(read(fd, &n, 8), EAGAIN);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	OK(timerfd_settime(fd, 0, &it, NULL));
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK_GE(n, 1);
	check_sleep_ms(45);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK_GE(n, 3);
	OK(timerfd_gettime(fd, &it));
	CHECK_EQ(it.it_interval.tv_nsec, 10 * MSEC);
	memset(&it, 0, sizeof it);
	OK(timerfd_settime(fd, 0, &it, NULL));
	check_sleep_ms(20);
	ERR(read(fd, &n, 8), EAGAIN);
	ERR(read(fd, &n, 7), EINVAL);
	ERR(write(fd, &n, 8), EINVAL);
}

TEST(timerfd_blocking_abs)
{
	int fd = OK(timerfd_create(CLOCK_REALTIME, 0));
	struct itimerspec it = { 0 };
	uint64_t n;

	OK(clock_gettime(CLOCK_REALTIME, &it.it_value));
	it.it_value.tv_nsec += 20 * MSEC;
	if (it.it_value.tv_nsec >= SEC) {
		it.it_value.tv_nsec -= SEC;
		it.it_value.tv_sec++;
	}
	OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK_EQ(n, 1);
}

TEST(timerfd_errors)
{
	struct itimerspec it = { .it_value.tv_nsec = -1 };
	int fd;

	ERR(timerfd_create(CLOCK_THREAD_CPUTIME_ID, 0), EINVAL);
	ERR(timerfd_create(CLOCK_MONOTONIC, 0x1234), EINVAL);
	fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	ERR(timerfd_settime(fd, 0, &it, NULL), EINVAL);
	ERR(timerfd_settime(fd, 0x80, &it, NULL), EINVAL);
	ERR(timerfd_settime(0, 0, &(struct itimerspec){ 0 }, NULL), EINVAL);
	ERR(timerfd_settime(999, 0, &(struct itimerspec){ 0 }, NULL), EBADF);
	ERR(syscall(SYS_timerfd_settime, fd, 0, BAD_PTR, NULL), EFAULT);
}

TEST(many_timers_in_order)
{
	enum { N = 40 };
	struct pollfd pfd[N];
	uint64_t n;

	for (int i = 0; i < N; i++) {
		long long t = (5 + (i * 7) % N) * MSEC;
		struct itimerspec it = { .it_value = { 0, t } };

		pfd[i].fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
		pfd[i].events = POLLIN;
		OK(timerfd_settime(pfd[i].fd, 0, &it, NULL));
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(read(pfd[i].fd, &n, 8), 8);
		CHECK_EQ(n, 1);
	}
}

TEST(rlimit_cpu)
{
	int st = IN_CHILD(
		struct rlimit rl = { 1, 2 };

		OK(setrlimit(RLIMIT_CPU, &rl));
		for (;;)
			;
	);

	CHECK(WIFSIGNALED(st));
	CHECK_EQ(WTERMSIG(st), SIGXCPU);
}

static volatile int from_timer[2];

static void note_timer(int sig, siginfo_t *info, void *uc)
{
	(void)sig, (void)uc;
	if (info->si_code == SI_TIMER && info->si_value.sival_int < 2)
		from_timer[info->si_value.sival_int]++;
}

/* Each timer's signal waits by itself, and each interval goes on. */
TEST(two_timers_of_one_signal)
{
	struct sigaction sa = { .sa_sigaction = note_timer, .sa_flags = SA_SIGINFO };
	struct itimerspec often = { .it_value.tv_nsec = 5 * MSEC, .it_interval.tv_nsec = 5 * MSEC };

	OK(sigaction(SIGUSR1, &sa, NULL));
	for (int i = 0; i < 2; i++) {
		struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
				       .sigev_value.sival_int = i };
		timer_t id;

		OK(timer_create(CLOCK_MONOTONIC, &ev, &id));
		OK(timer_settime(id, 0, &often, NULL));
	}
	for (int i = 0; i < 2000 && (from_timer[0] < 4 || from_timer[1] < 4); i++)
		check_sleep_ms(5);
	CHECK_GE(from_timer[0], 4);
	CHECK_GE(from_timer[1], 4);
}

TEST(timer_goes_on_when_no_longer_ignored)
{
	struct sigaction sa = { .sa_sigaction = note_timer, .sa_flags = SA_SIGINFO };
	struct itimerspec often = { .it_value.tv_nsec = 5 * MSEC, .it_interval.tv_nsec = 5 * MSEC }, left;
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t id;

	signal(SIGUSR1, SIG_IGN);
	OK(timer_create(CLOCK_MONOTONIC, &ev, &id));
	OK(timer_settime(id, 0, &often, NULL));
	check_sleep_ms(30);
	OK(timer_gettime(id, &left));
	CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 5 * MSEC);
	OK(sigaction(SIGUSR1, &sa, NULL));
	for (int i = 0; i < 2000 && from_timer[0] < 3; i++)
		check_sleep_ms(5);
	CHECK_GE(from_timer[0], 3);
}
