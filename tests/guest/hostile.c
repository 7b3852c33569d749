/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that means harm must not get: memory of the kernel, its locks, rights of others. */
#include "check.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>


static long meminfo(const char *name) { return check_number("/proc/meminfo", name); }

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

/* --- time ---------------------------------------------------------------------------------- */

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

/* --- rights of others ---------------------------------------------------------------------- */

/* A set-user-ID copy of this program in the directory entered. Run with -l and a full pipe as its
 * output it stays until the pipe is read or closed. */
static void make_setuid_copy(const char *name)
{
	static char buf[1 << 16];
	int in = OK(open("/proc/self/exe", O_RDONLY)), out = OK(open(name, O_WRONLY | O_CREAT, 0700));
	ssize_t n;

	while ((n = OK(read(in, buf, sizeof buf))) > 0)
		CHECK_EQ(write(out, buf, n), n);
	close(in);
	close(out);
	OK(chmod(name, 04755));
}

static void fill_pipe(int fd)
{
	char zeros[4096] = { 0 };

	OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	while (write(fd, zeros, sizeof zeros) > 0)
		;
	OK(fcntl(fd, F_SETFL, 0));
}

static volatile int mark = 0x1234;	/* in a new image; a child of the test sets it to 1 */

TEST(memory_of_a_setuid_program)
{
	int fd[2];

	OK(chmod(check_tmpdir(), 0755));
	make_setuid_copy("suid");
	OK(pipe(fd));
	fill_pipe(fd[1]);
	CHILD_OK({
		check_become(1000, 1000);
		for (int i = 0; i < 150; i++) {
			pid_t pid = SPAWN({
				mark = 1;
				dup2(fd[1], 1);
				execl("suid", "suid", "-l", NULL);
			});
			char name[64];

			snprintf(name, sizeof name, "/proc/%d/mem", pid);
			for (int tries = 0; tries < 10000; tries++) {
				int m = open(name, O_RDWR), got = 0;

				if (m < 0)
					break;
				if (pread(m, &got, sizeof got, (off_t)(uintptr_t)&mark) == sizeof got &&
				    got == 0x1234)
					FAIL("read the memory of a set-user-ID program");
				close(m);
			}
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			for (int k = 0; k < 1000 && !kill(pid, 0); k++)
				check_sleep_ms(1);
		}
	});
}

TEST(chmod_that_comes_too_late)
{
	struct stat st;
	pid_t pid;

	OK(chmod(check_tmpdir(), 0755));
	close(OK(open("f", O_WRONLY | O_CREAT, 0755)));
	OK(chown("f", 1000, 1000));
	pid = SPAWN({
		check_become(1000, 1000);
		for (;;)
			if (chmod("f", 06755))
				CHECK_EQ(errno, EPERM);
	});
	for (long long end = check_now() + 5 * SEC; check_now() < end;) {
		OK(chown("f", 0, 0));
		sched_yield();
		OK(stat("f", &st));
		if (st.st_mode & 06000)
			FAIL("root has a file with the owner's set-user-ID bit");
		OK(chown("f", 1000, 1000));
	}
	kill(pid, SIGKILL);
}

static void unix_name(struct sockaddr_un *a, const char *name)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(a->sun_path, name);
}

TEST(name_of_another_socket)
{
	struct sockaddr_un victim, mine;
	int v = OK(socket(AF_UNIX, SOCK_STREAM, 0)), s, c, back;
	pid_t pid;

	check_tmpdir();
	unix_name(&victim, "victim");
	unix_name(&mine, "mine");
	OK(bind(v, (void *)&victim, sizeof victim));
	OK(listen(v, 5));
	pid = SPAWN({
		for (;;)
			if (!link("victim", "link"))
				rename("link", "mine");
	});
	for (int i = 0; i < 3000; i++) {
		unlink("mine");
		s = OK(socket(AF_UNIX, SOCK_STREAM, 0));
		if (!bind(s, (void *)&mine, sizeof mine)) {
			OK(listen(s, 5));
			c = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
			OK(connect(c, (void *)&victim, sizeof victim));
			OK(fcntl(v, F_SETFL, O_NONBLOCK));
			back = accept(v, NULL, NULL);
			if (back < 0)
				FAIL("the connection went to another socket");
			close(back);
			close(c);
		}
		close(s);
	}
	kill(pid, SIGKILL);
}

static int run_setuid(void *out)
{
	dup2((int)(intptr_t)out, 1);
	execl("suid", "suid", "-l", NULL);
	_exit(1);
}

/* Its file mode mask, working directory and root are its own, or it has got no rights. */
TEST(setuid_program_shares_no_umask)
{
	int fd[2];

	OK(chmod(check_tmpdir(), 0755));
	make_setuid_copy("suid");
	OK(pipe(fd));
	fill_pipe(fd[1]);
	CHILD_OK({
		static char stack[65536] __attribute__((aligned(16)));
		char name[64];
		char text[4096];
		pid_t pid;

		check_become(1000, 1000);
		umask(022);
		pid = OK(clone(run_setuid, stack + sizeof stack, CLONE_FS | SIGCHLD,
			       (void *)(intptr_t)fd[1]));
		snprintf(name, sizeof name, "/proc/%d/status", pid);
		do {
			check_sleep_ms(1);
			check_read_file(name, text, sizeof text);
		} while (!strstr(text, "Name:\tsuid"));
		umask(0);
		check_read_file(name, text, sizeof text);
		if (strstr(text, "Uid:\t1000\t0"))
			CHECK(strstr(text, "Umask:\t0022"));
		kill(pid, SIGKILL);
	});
}

/* A child's exit signal is for the program that made the child. */
TEST(exit_signal_after_exec)
{
	int fd[2], st;
	pid_t pid;

	OK(chmod(check_tmpdir(), 0755));
	make_setuid_copy("suid");
	OK(pipe(fd));
	fill_pipe(fd[1]);
	pid = SPAWN({
		if (!syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0)) {
			check_sleep_ms(100);
			_exit(0);
		}
		run_setuid((void *)(intptr_t)fd[1]);
	});
	check_sleep_ms(400);
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	kill(pid, SIGKILL);
}

TEST(messages_speak_for_the_real_user)
{
	struct iovec v = { "x", 1 };
	char control[64], c;
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct ucred cred;
	int s[2], one = 1;

	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
	OK(setegid(1000));
	OK(seteuid(1000));
	OK(sendmsg(s[0], &m, 0));
	v.iov_base = &c;
	m.msg_control = control;
	m.msg_controllen = sizeof control;
	OK(recvmsg(s[1], &m, 0));
	CHECK(CMSG_FIRSTHDR(&m));
	memcpy(&cred, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof cred);
	CHECK_EQ(cred.uid, 0);
	CHECK_EQ(cred.gid, 0);
}

TEST(master_sends_what_keys_send)
{
	int m = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));

	ERR(ioctl(m, TIOCSIG, SIGKILL), EINVAL);
	ERR(ioctl(m, TIOCSIG, SIGTERM), EINVAL);
	OK(ioctl(m, TIOCSIG, SIGINT));
}

TEST(descriptors_of_others)
{
	pid_t pid = getpid();
	char name[40];

	CHILD_OK({
		check_become(1000, 1000);
		snprintf(name, sizeof name, "/proc/%d/fdinfo", pid);
		ERR(open(name, O_RDONLY), EACCES);
		strcat(name, "/0");
		ERR(access(name, F_OK), EACCES);
		OK(access("/proc/self/fdinfo/0", R_OK));
	});
}

TEST(nobody_types_for_others)
{
	int m = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY)), zero = 0, s;

	OK(ioctl(m, TIOCSPTLCK, &zero));
	s = OK(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	CHILD_OK({
		OK(setsid());
		OK(ioctl(s, TIOCSCTTY, 0));
		check_become(1000, 1000);
		ERR(ioctl(s, TIOCSTI, "x"), EIO);
	});
}

/* --- memory -------------------------------------------------------------------------------- */

TEST(senders_that_closed_leave_nothing)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len;
	int to = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), s;
	long before, after;

	memcpy(a.sun_path, "\0hostile", 8);
	len = offsetof(struct sockaddr_un, sun_path) + 8;
	OK(bind(to, (void *)&a, len));
	s = OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	while (sendto(s, "x", 1, 0, (void *)&a, len) == 1)
		;
	CHECK_EQ(errno, EAGAIN);
	before = meminfo("Slab");
	for (int i = 0; i < 20000; i++) {
		s = OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
		ERR(sendto(s, "x", 1, 0, (void *)&a, len), EAGAIN);
		close(s);
	}
	check_sleep_ms(100);
	after = meminfo("Slab");
	CHECK_LE(after - before, 4096);
}

TEST(links_count_as_inodes)
{
	char name[32];
	int n = 0;

	OK(chdir(check_tmpdir()));
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", 0, "nr_inodes=50"));
	OK(mknod("m/a", S_IFREG | 0600, 0));
	for (; n < 200; n++) {
		snprintf(name, sizeof name, "m/l%d", n);
		if (link("m/a", name))
			break;
	}
	if (n < 200)
		CHECK_EQ(errno, ENOSPC);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "m/l%d", i);
		OK(unlink(name));
	}
	CHECK_LE(n, 50);
	OK(link("m/a", "m/b"));
	OK(umount("m"));
}

/* What is on its way through the sockets of one user. */
TEST(socket_buffers_are_limited)
{
	static char buf[16000];
	struct rlimit l = { 4000, 4000 };
	long total = meminfo("MemTotal"), sent = 0;
	int fd[3900], n = 0, err = 0;

	if (!check_on_tine())
		SKIP("nothing bounds them");
	OK(setrlimit(RLIMIT_NOFILE, &l));
	check_become(1000, 1000);
	for (; n < 3900 && err != ENOBUFS; n += 2) {
		OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd + n));
		for (int k = 0; k < 2; k++) {
			ssize_t got;

			while ((got = write(fd[n + k], buf, sizeof buf)) > 0)
				sent += got / 1024;
			err = errno;
		}
	}
	CHECK(err == ENOBUFS || n >= 3900);
	CHECK_LE(sent, total / 4);
	while (read(fd[0], buf, sizeof buf) > 0)
		;
	OK(write(fd[1], buf, 1));
}

/* So does what a symlink says, if it says much. */
TEST(texts_of_links_count)
{
	char name[32], *text = check_anon(PAGE);
	int n = 0;

	memset(text, 'x', PAGE - 2);
	OK(chdir(check_tmpdir()));
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", 0, "size=256k"));
	for (int round = 0; round < 3; round++) {
		for (n = 0; n < 200; n++) {
			snprintf(name, sizeof name, "m/l%d", n);
			if (symlink(text, name))
				break;
		}
		if (n < 200)
			CHECK_EQ(errno, ENOSPC);
		CHECK_GE(n, 60);
		CHECK_LE(n, 64);
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof name, "m/l%d", i);
			OK(unlink(name));
		}
	}
	OK(umount("m"));
}

/* Of open files there may be so many; root gets one more. */
TEST(open_files_are_limited)
{
	const char *limit = "/proc/sys/fs/file-max";
	char old[32], few[32], nr[64];
	int n = 0, err, st;

	check_read_file(limit, old, sizeof old);
	check_read_file("/proc/sys/fs/file-nr", nr, sizeof nr);
	snprintf(few, sizeof few, "%ld", atol(nr) + 100);
	check_write_file(limit, few);
	st = IN_CHILD({
		check_become(1000, 1000);
		while (n < 900 && open("/dev/null", O_RDONLY) >= 0)
			n++;
		err = errno;
		_exit(n < 800 && err == ENFILE ? 0 : 1);
	});
	n = open("/dev/null", O_RDONLY);
	check_write_file(limit, old);
	CHECK_EQ(st, 0);
	CHECK_GE(n, 0);
}

static void *end_at_once(void *p) { return p; }

/* And of threads, for root as well. */
TEST(threads_are_limited)
{
	const char *limit = "/proc/sys/kernel/threads-max";
	struct rlimit l;
	char old[32];
	pthread_t t;
	int n = 0, err = 0, pid, thread;

	check_read_file(limit, old, sizeof old);
	OK(getrlimit(RLIMIT_NPROC, &l));
	if (check_on_tine())
		CHECK_LE(l.rlim_max, (rlim_t)atol(old));
	check_write_file(limit, "150");
	for (; n < 400; n++) {
		pid = fork();
		if (!pid) {
			pause();
			_exit(0);
		}
		if (pid < 0) {
			err = errno;
			break;
		}
	}
	thread = pthread_create(&t, NULL, end_at_once, NULL);
	check_write_file(limit, old);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	CHECK_LE(n, 200);
	CHECK_EQ(err, EAGAIN);
	CHECK_EQ(thread, EAGAIN);
}

TEST(timer_for_a_thread_of_others)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	pid_t pid = SPAWN(for (;;) pause(););
	timer_t id;

	ev._sigev_un._tid = pid;
	for (int i = 0; i < 20; i++)
		ERR(timer_create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
	check_wait_state(pid, "S");
	kill(pid, SIGKILL);
	CHECK_EQ(check_wait(pid), SIGKILL);
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

TEST(epoll_watches_are_limited)
{
	const char *limit = "/proc/sys/fs/epoll/max_user_watches";
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = OK(epoll_create1(0)), fd[2], n = 0, err;
	char old[32];

	check_read_file(limit, old, sizeof old);
	CHECK_GE(atol(old), 10000);
	OK(pipe(fd));
	check_write_file(limit, "20");
	while (n < 100 && !epoll_ctl(ep, EPOLL_CTL_ADD, dup(fd[0]), &ev))
		n++;
	err = errno;
	check_write_file(limit, old);
	CHECK_LE(n, 20);
	CHECK_EQ(err, ENOSPC);
	close(ep);
	ep = OK(epoll_create1(0));
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &ev));
}

static void *tell_and_wait(void *go)
{
	int tid = gettid();

	CHECK_EQ(write(((int *)go)[1], &tid, sizeof tid), sizeof tid);
	CHECK_EQ(read(((int *)go)[2], &tid, 1), 1);
	return NULL;
}

/* An open directory of a thread that is gone keeps a structure, not its kernel stack. */
TEST(stacks_of_the_dead)
{
	enum { DEAD = 300 };
	int go[4], tid;
	char name[64];
	long before, after;
	pthread_t t;

	check_sleep_ms(100);
	before = meminfo("KernelStack");
	OK(pipe(go));
	OK(pipe(go + 2));
	for (int i = 0; i < DEAD; i++) {
		CHECK(!pthread_create(&t, NULL, tell_and_wait, go));
		CHECK_EQ(read(go[0], &tid, sizeof tid), sizeof tid);
		snprintf(name, sizeof name, "/proc/self/task/%d", tid);
		OK(open(name, O_RDONLY));
		CHECK_EQ(write(go[3], "", 1), 1);
		pthread_join(t, NULL);
	}
	check_sleep_ms(200);
	after = meminfo("KernelStack");
	CHECK_LE(after - before, DEAD * 16 / 2);
}

/* The inside of the next test: many open files, each with the text of this program's arguments. */
__attribute__((constructor)) static void hold_texts(int argc, char **argv)
{
	enum { FILES = 500 };
	static char rest[4 << 20];
	int fd[FILES];
	ssize_t n, got = 1;
	char c;

	if (argc < 2 || strcmp(argv[0], "hold-texts"))
		return;
	for (int i = 0; i < FILES; i++) {
		fd[i] = open("/proc/self/cmdline", O_RDONLY);
		if (fd[i] < 0 || read(fd[i], &c, 1) != 1)
			_exit(1);
	}
	while ((n = read(fd[0], rest + got, 60000)) > 0)
		got += n;
	for (int i = 0, at = 0; i < argc; at += (int)strlen(argv[i++]) + 1)
		if (n < 0 || at >= got || (i && strcmp(rest + at, argv[i])))
			_exit(2);
	_exit(0);
}

/* What open files show of a process goes when memory is short, and is made again. */
TEST(texts_of_open_files)
{
	enum { STRINGS = 14, SIZE = 32 * PAGE };
	char *argv[STRINGS + 2] = { "hold-texts" };

	for (int i = 1; i <= STRINGS; i++) {
		argv[i] = check_anon(SIZE);
		memset(argv[i], 'a' + i, SIZE - 1);
	}
	CHILD_OK(execv("/proc/self/exe", argv); _exit(3));
}

/* Who looks on does not keep a dead process's memory. */
TEST(memory_of_the_dead)
{
	enum { SIZE = 64 << 20 };
	char name[64];
	long before, after;
	sigset_t set;
	int fd, sig;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = SPAWN({
		char *p = check_anon(SIZE);

		memset(p, 1, SIZE);
		kill(getppid(), SIGUSR1);
		pause();
	});
	CHECK_EQ(sigwait(&set, &sig), 0);
	snprintf(name, sizeof name, "/proc/%d/mem", pid);
	fd = OK(open(name, O_RDONLY));
	before = meminfo("MemFree");
	OK(kill(pid, SIGKILL));
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && (after = meminfo("MemFree")) - before < SIZE / 2048; i++)
		check_sleep_ms(20);
	CHECK_GE(after - before, SIZE / 2048);
	CHECK_EQ(pread(fd, name, 1, 4096), 0);
	close(fd);
}

static long stack_of_setuid(int full_pipe)
{
	char name[64], text[4096], *at;
	long start = 0;
	pid_t pid = SPAWN({
		check_become(1000, 1000);
		OK(personality(ADDR_NO_RANDOMIZE));
		run_setuid((void *)(intptr_t)full_pipe);
	});

	snprintf(name, sizeof name, "/proc/%d/stat", pid);
	do {
		check_sleep_ms(1);
		check_read_file(name, text, sizeof text);
	} while (!strstr(text, "(suid)"));
	at = strrchr(text, ')') + 3;	/* the state; what follows are numbers */
	for (int field = 4; field <= 28; field++)
		start = strtol(at, &at, 10);
	CHECK_NE(start, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return start;
}

TEST(setuid_program_lies_anywhere)
{
	int fd[2];

	OK(chmod(check_tmpdir(), 0755));
	make_setuid_copy("suid");
	OK(pipe(fd));
	fill_pipe(fd[1]);
	CHECK_NE(stack_of_setuid(fd[1]), stack_of_setuid(fd[1]));
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

TEST(beneath_while_directories_move)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_BENEATH };
	int top, fd;
	pid_t pid;

	check_tmpdir();
	check_write_file("secret", "x");
	OK(mkdir("top", 0755));
	OK(mkdir("top/a", 0755));
	OK(mkdir("top/a/b", 0755));
	OK(mkdir("out", 0755));
	top = OK(open("top", O_PATH));
	pid = SPAWN({
		for (;;) {
			rename("top/a/b", "out/b");
			rename("out/b", "top/a/b");
		}
	});
	for (long long end = check_now() + 3 * SEC; check_now() < end;) {
		fd = syscall(SYS_openat2, top, "a/b/../../secret", &how, sizeof how);
		if (fd >= 0)
			FAIL("opened a file that is not beneath");
	}
	kill(pid, SIGKILL);
}
