/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that means harm must not get: memory without bounds. docs/limits.md. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

static long meminfo(const char *name) { return check_number("/proc/meminfo", name); }

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
