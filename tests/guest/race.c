/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads and processes that get in one another's way: any order is right, no order may break. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { THREADS = 4 };
static volatile int stop, started;
static char *volatile area;

static void run_threads(void *(*fn)(void *), int n, pthread_t *t)
{
	for (intptr_t i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, fn, (void *)i), 0);
}

static void join_threads(int n, pthread_t *t)
{
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void *mapper(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 80; i++) {
		size_t n = 1 + (i * 7 + me) % 9;
		char *p = check_anon(n * PAGE);

		for (size_t j = 0; j < n; j++) {
			CHECK_EQ(p[j * PAGE], 0);
			p[j * PAGE] = me + 1;
		}
		for (size_t j = 0; j < n; j++)
			CHECK_EQ(p[j * PAGE], me + 1);
		OK(munmap(p, n * PAGE));
	}
	return NULL;
}

TEST(concurrent_mappings_do_not_overlap)
{
	pthread_t t[THREADS];

	run_threads(mapper, THREADS, t);
	join_threads(THREADS, t);
}

static void *remapper(void *arg)
{
	(void)arg;
	while (!stop) {
		char *p = mmap(area, 4 * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		CHECK(p == area);
		sched_yield();
	}
	return NULL;
}

TEST(replace_under_writers)
{
	pthread_t t[2];

	area = check_anon(4 * PAGE);
	run_threads(remapper, 2, t);
	for (int i = 0; i < 20000; i++) {
		volatile char *p = area + i % 4 * PAGE + i % 100;

		char c;

		*p = 1;
		c = *p;
		CHECK(c == 0 || c == 1);
	}
	stop = 1;
	join_threads(2, t);
}

static void *unmapper(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		OK(munmap(area, PAGE));
		char *p = mmap(area, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		CHECK(p == area);
		sched_yield();
	}
	stop = 1;
	return NULL;
}

TEST(system_calls_on_vanishing_buffer)
{
	pthread_t t[1];
	int fd = OK(open("/dev/zero", O_RDONLY)), p[2];

	area = check_anon(PAGE);
	OK(pipe(p));
	run_threads(unmapper, 1, t);
	while (!stop) {
		ssize_t n = read(fd, area, PAGE);

		CHECK(n > 0 || errno == EFAULT);
		n = write(p[1], area, 100);
		CHECK(n > 0 || errno == EFAULT);
		if (n > 0) {
			char buf[100];

			CHECK_EQ(read(p[0], buf, n), n);
		}
	}
	join_threads(1, t);
}

static int shared_fd;

static void *truncater(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		OK(ftruncate(shared_fd, 0));
		OK(ftruncate(shared_fd, 4 * PAGE));
	}
	stop = 1;
	return NULL;
}

TEST(truncate_under_mapping)
{
	pthread_t t[1];
	char *p;

	check_tmpdir();
	shared_fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	OK(ftruncate(shared_fd, 4 * PAGE));
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	CHECK(p != MAP_FAILED);
	run_threads(truncater, 1, t);
	for (int i = 0; !stop; i++) {
		struct check_fault f = check_write(p + i % 4 * PAGE);

		CHECK(!f.sig || (f.sig == SIGBUS && f.code == BUS_ADRERR));
	}
	join_threads(1, t);
	for (int i = 0; i < 4; i++)
		CHECK(p[i * PAGE] == 0 || p[i * PAGE] == 1);
}

static void *protector(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		OK(mprotect(area, PAGE, PROT_READ));
		char before = *(volatile char *)area;
		/* nobody can write now, on no CPU */
		for (int j = 0; j < 50; j++)
			CHECK_EQ(*(volatile char *)area, before);
		OK(mprotect(area, PAGE, PROT_READ | PROT_WRITE));
		sched_yield();
	}
	stop = 1;
	return NULL;
}

static void on_segv(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	if (si->si_code != SEGV_ACCERR || (char *)si->si_addr != area)
		_exit(88);
	sched_yield();		/* and the store is tried again */
}

TEST(mprotect_is_seen_everywhere)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	pthread_t t[1];

	area = check_anon(PAGE);
	OK(sigaction(SIGSEGV, &sa, NULL));
	run_threads(protector, 1, t);
	while (!stop)
		(*(volatile char *)area)++;
	join_threads(1, t);
}

static void *fd_user(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		int p[2];
		char c = 0;

		OK(pipe(p));
		CHECK_EQ(write(p[1], "z", 1), 1);
		CHECK_EQ(read(p[0], &c, 1), 1);
		CHECK_EQ(c, 'z');
		OK(close(p[0]));
		OK(close(p[1]));
	}
	return NULL;
}

TEST(concurrent_descriptors)
{
	pthread_t t[THREADS];

	run_threads(fd_user, THREADS, t);
	join_threads(THREADS, t);
}

static void *closer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		int fd = dup(shared_fd);

		CHECK(fd >= 0);
		dup2(fd, 77);
		close(77);
		close(fd);
	}
	stop = 1;
	return NULL;
}

TEST(close_under_use)
{
	pthread_t t[2];
	char c;

	shared_fd = OK(open("/dev/zero", O_RDONLY));
	run_threads(closer, 2, t);
	while (!stop) {
		ssize_t n = read(77, &c, 1);

		CHECK(n == 1 || errno == EBADF);
	}
	join_threads(2, t);
}

static volatile int reaped;

static void *waiter(void *arg)
{
	(void)arg;
	while (waitpid(-1, NULL, 0) > 0)
		__atomic_add_fetch(&reaped, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(each_child_is_reaped_once)
{
	enum { N = 60 };
	pthread_t t[THREADS];
	int p[2];

	OK(pipe(p));
	for (int i = 0; i < N; i++)
		SPAWN(char c; close(p[1]); (void)!read(p[0], &c, 1));
	run_threads(waiter, THREADS, t);
	close(p[1]);
	join_threads(THREADS, t);
	CHECK_EQ(reaped, N);
}

TEST(append_from_processes)
{
	enum { N = 100, LEN = 50 };
	char rec[LEN], buf[LEN];
	pid_t pid[THREADS];
	int seen[THREADS] = { 0 }, fd;

	check_tmpdir();
	fd = OK(open("log", O_RDWR | O_CREAT | O_APPEND, 0600));
	for (int w = 0; w < THREADS; w++) {
		pid[w] = SPAWN(
			int mine = OK(open("log", O_WRONLY | O_APPEND));

			memset(rec, 'a' + w, LEN);
			for (int i = 0; i < N; i++)
				CHECK_EQ(write(mine, rec, LEN), LEN);
		);
	}
	for (int w = 0; w < THREADS; w++)
		CHECK_EQ(check_wait(pid[w]), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), THREADS * N * LEN);
	for (int i = 0; i < THREADS * N; i++) {
		CHECK_EQ(pread(fd, buf, LEN, i * LEN), LEN);
		for (int j = 1; j < LEN; j++)
			CHECK_EQ(buf[j], buf[0]);
		seen[buf[0] - 'a']++;
	}
	for (int w = 0; w < THREADS; w++)
		CHECK_EQ(seen[w], N);
}

TEST(shared_offset)
{
	enum { N = 400 };
	pid_t pid[THREADS];
	int fd, v;
	char *seen = check_shared(PAGE);

	check_tmpdir();
	fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	for (int i = 0; i < N; i++)
		CHECK_EQ(write(fd, &i, 4), 4);
	OK(lseek(fd, 0, SEEK_SET));
	for (int w = 0; w < THREADS; w++) {
		pid[w] = SPAWN(
			/* one open file: every record is read by exactly one */
			while (read(fd, &v, 4) == 4)
				CHECK_EQ(__atomic_fetch_add(&seen[v], 1, __ATOMIC_SEQ_CST), 0);
		);
	}
	for (int w = 0; w < THREADS; w++)
		CHECK_EQ(check_wait(pid[w]), 0);
	for (int i = 0; i < N; i++)
		CHECK_EQ(seen[i], 1);
}

TEST(many_readers_one_pipe)
{
	enum { N = 2000 };
	pid_t pid[THREADS];
	int *sum = check_shared(PAGE), p[2];

	OK(pipe(p));
	for (int w = 0; w < THREADS; w++) {
		pid[w] = SPAWN(
			unsigned char c;

			close(p[1]);
			while (read(p[0], &c, 1) == 1)
				__atomic_add_fetch(sum, 1, __ATOMIC_SEQ_CST);
		);
	}
	for (int i = 0; i < N; i += 10)
		CHECK_EQ(write(p[1], "0123456789", 10), 10);
	close(p[1]);
	for (int w = 0; w < THREADS; w++)
		CHECK_EQ(check_wait(pid[w]), 0);
	CHECK_EQ(*sum, N);
}

TEST(cross_renames)
{
	pid_t pid[2];
	struct stat st;

	/* two directories that want to go into one another: at most one may */
	check_tmpdir();
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	for (int w = 0; w < 2; w++) {
		pid[w] = SPAWN(
			const char *from = w ? "a" : "b", *to = w ? "b/a" : "a/b";

			for (int i = 0; i < 500; i++) {
				CHECK(!rename(from, to) || errno == ENOENT || errno == EINVAL);
				CHECK(!rename(to, from) || errno == ENOENT || errno == EINVAL);
			}
		);
	}
	for (int w = 0; w < 2; w++)
		CHECK_EQ(check_wait(pid[w]), 0);
	CHECK(!stat("a", &st) || !stat("b", &st));	/* neither fell off the tree */
	CHECK(!stat("a", &st) || !stat("b/a", &st));
	CHECK(!stat("b", &st) || !stat("a/b", &st));
}

static void *forker(void *arg)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit((int)(intptr_t)arg);
		CHECK(pid > 0);
		CHECK_EQ(check_wait(pid), (int)(intptr_t)arg << 8);
	}
	return NULL;
}

static void *writer(void *arg)
{
	(void)arg;
	while (!stop)
		for (int i = 0; i < 64; i++)
			__atomic_add_fetch((int *)(area + i * PAGE), 1, __ATOMIC_RELAXED);
	return NULL;
}

TEST(fork_under_writers)
{
	pthread_t w[2], f[2];

	area = check_anon(64 * PAGE);
	run_threads(writer, 2, w);
	run_threads(forker, 2, f);
	join_threads(2, f);
	stop = 1;
	join_threads(2, w);
}

/* The child's copy stands still while the parent's threads go on writing. */
TEST(snapshot_is_stable)
{
	pthread_t w[2];

	area = check_anon(64 * PAGE);
	run_threads(writer, 2, w);
	for (int r = 0; r < 10; r++)
		CHILD_OK(
			int copy[64];

			for (int i = 0; i < 64; i++)
				copy[i] = *(volatile int *)(area + i * PAGE);
			for (int k = 0; k < 20; k++) {
				sched_yield();
				for (int i = 0; i < 64; i++)
					CHECK_EQ(*(volatile int *)(area + i * PAGE), copy[i]);
			}
		);
	stop = 1;
	join_threads(2, w);
}

TEST(exit_while_threads_fork_and_map)
{
	for (int r = 0; r < 10; r++) {
		int st = IN_CHILD(
			pthread_t t[THREADS];

			run_threads(forker, 2, t);
			run_threads(mapper, 2, t + 2);
			usleep(r * 1000);
			_exit(17);
		);

		CHECK_EQ(st, 17 << 8);
	}
}

static volatile int hits;

static void count(int sig)
{
	(void)sig;
	__atomic_add_fetch(&hits, 1, __ATOMIC_RELAXED);
}

static void *futex_user(void *arg)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	(void)arg;
	started++;
	while (!stop) {
		pthread_mutex_lock(&m);
		sched_yield();
		pthread_mutex_unlock(&m);
	}
	return NULL;
}

TEST(signals_against_futexes)
{
	struct sigaction sa = { .sa_handler = count, .sa_flags = SA_RESTART };
	pthread_t t[THREADS];

	OK(sigaction(SIGUSR1, &sa, NULL));
	run_threads(futex_user, THREADS, t);
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(pthread_kill(t[i % THREADS], SIGUSR1), 0);
		if (i % 10 == 0)
			sched_yield();
	}
	stop = 1;
	join_threads(THREADS, t);
	CHECK_GE(hits, THREADS);
}

TEST(socket_close_against_write)
{
	for (int i = 0; i < 50; i++) {
		int s[2];
		pid_t pid;

		OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
		pid = SPAWN(
			signal(SIGPIPE, SIG_IGN);
			close(s[0]);
			while (write(s[1], s, sizeof s) > 0)
				;
			CHECK(errno == EPIPE || errno == ECONNRESET);
		);
		close(s[1]);
		if (i & 1)
			sched_yield();
		close(s[0]);
		CHECK_EQ(check_wait(pid), 0);
	}
}

TEST(kill_against_exec)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = SPAWN(close(1); execl("/proc/self/exe", "race", "-l", NULL));
		int st;

		for (int j = 0; j < i; j++)
			sched_yield();
		kill(pid, SIGTERM);
		CHECK_EQ(waitpid(pid, &st, 0), pid);
		CHECK(st == SIGTERM || st == 0);
	}
}

TEST(proc_readers_against_exits)
{
	pid_t maker = SPAWN(
		for (;;)
			CHILD_OK((void)*(volatile char *)check_anon(PAGE););
	);
	char path[64], buf[4096];

	for (int i = 0; i < 300; i++) {
		static const char *const files[] = { "maps", "status", "stat", "cmdline", "smaps" };
		int fd;

		snprintf(path, sizeof path, "/proc/%d/%s", maker + 1 + i / 3, files[i % 5]);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		while (read(fd, buf, sizeof buf) > 0)
			;
		close(fd);
	}
	kill(maker, SIGKILL);
	check_wait(maker);
}
