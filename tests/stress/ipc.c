/* SPDX-License-Identifier: BSD-2-Clause */
/* Stress of pipes, sockets, epoll, ptys. */
#include "stress.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static unsigned char pattern(unsigned int i)
{
	return i * 31 >> 3 ^ i;
}

/* One process sends a known stream in odd pieces, the other checks it. */
static void send_stream(int fd, unsigned int total)
{
	unsigned char buf[5000];

	for (unsigned int sent = 0; sent < total;) {
		unsigned int n = 1 + rnd(sizeof buf);

		if (n > total - sent)
			n = total - sent;
		for (unsigned int i = 0; i < n; i++)
			buf[i] = pattern(sent + i);
		MUST(write(fd, buf, n) == n);
		sent += n;
	}
}

static void check_stream(int fd, unsigned int total)
{
	unsigned char buf[5000];
	unsigned int got = 0;
	ssize_t n;

	while ((n = read(fd, buf, 1 + rnd(sizeof buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			MUST(buf[i] == pattern(got + i));
		got += n;
	}
	MUST(n == 0 && got == total);
}

static void stream_between(int to, int from)
{
	unsigned int total = rnd(300000);
	pid_t pid = must_fork();

	if (!pid) {
		close(from);
		send_stream(to, total);
		_exit(0);
	}
	close(to);
	check_stream(from, total);
	close(from);
	must_exit(pid, 0);
}

static void pipe_stream(void)
{
	int p[2];

	MUST(!pipe(p));
	stream_between(p[1], p[0]);
}

static void socket_stream(void)
{
	int s[2];

	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	stream_between(s[1], s[0]);
}

static void broken_pipe(void)
{
	int p[2];
	pid_t pid;

	MUST(!pipe(p));
	pid = must_fork();
	if (!pid) {
		close(p[0]);
		for (;;)
			if (write(p[1], p, 1 + rnd(sizeof p)) < 0)
				DIE("SIGPIPE was not sent");
	}
	close(p[1]);
	if (rnd(2))
		usleep(rnd(1000));
	close(p[0]);
	must_exit(pid, SIGPIPE);
}

static void pipeline(void)
{
	enum { STAGES = 5 };
	int in, p[2], first[2];
	pid_t pid[STAGES];
	unsigned char c;

	MUST(!pipe(first));
	in = first[0];
	for (int i = 0; i < STAGES; i++) {
		MUST(!pipe(p));
		pid[i] = must_fork();
		if (!pid[i]) {
			close(first[1]);
			close(p[0]);
			while (read(in, &c, 1) == 1) {
				c++;
				MUST(write(p[1], &c, 1) == 1);
			}
			_exit(0);
		}
		close(in);
		close(p[1]);
		in = p[0];
	}
	for (int i = 0; i < 30; i++) {
		c = i;
		MUST(write(first[1], &c, 1) == 1);
		MUST(read(in, &c, 1) == 1 && c == i + STAGES);
	}
	close(first[1]);
	MUST(read(in, &c, 1) == 0);
	close(in);
	for (int i = 0; i < STAGES; i++)
		must_exit(pid[i], 0);
}

static void named_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	unsigned int v = rnd(1U << 30), w = 0;
	pid_t pid;

	MUST(s >= 0 && !bind(s, (void *)&a, sizeof a) && !listen(s, 4));
	pid = must_fork();
	if (!pid) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		MUST(fd >= 0 && !connect(fd, (void *)&a, sizeof a));
		MUST(write(fd, &v, sizeof v) == sizeof v);
		MUST(read(fd, &w, sizeof w) == sizeof w && w == v + 1);
		_exit(0);
	}
	fd = accept(s, NULL, NULL);
	MUST(fd >= 0 && read(fd, &w, sizeof w) == sizeof w && w == v);
	w++;
	MUST(write(fd, &w, sizeof w) == sizeof w);
	must_exit(pid, 0);
	MUST(!close(fd) && !close(s) && !unlink("socket"));
}

static void datagrams(void)
{
	int s[2];
	char buf[64];

	MUST(!socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	for (int i = 1; i <= 8; i++)
		MUST(write(s[0], buf, i) == i);
	for (int i = 1; i <= 8; i++)
		MUST(read(s[1], buf, sizeof buf) == i);
	if (rnd(2))
		MUST(write(s[0], buf, 5) == 5);		/* left in the queue */
	close(s[0]);
	close(s[1]);
}

static void epoll_round(void)
{
	enum { N = 16 };
	struct epoll_event ev[N];
	int ep = epoll_create1(0), fd[N], n = 0;
	bool set[N] = { false };
	uint64_t v;
	pid_t pid;

	MUST(ep >= 0);
	for (int i = 0; i < N; i++) {
		fd[i] = eventfd(0, EFD_NONBLOCK);
		ev[0] = (struct epoll_event){ EPOLLIN | (i & 1 ? EPOLLET : 0), { .u32 = i } };
		MUST(fd[i] >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], ev));
	}
	pid = must_fork();
	if (!pid) {
		for (int i = 0; i < N; i++)
			MUST(!eventfd_write(fd[i], i + 1));
		_exit(0);
	}
	while (n < N) {
		int r = epoll_wait(ep, ev, 1 + rnd(N), PATIENCE_MS);

		MUST(r > 0);
		for (int i = 0; i < r; i++) {
			unsigned int k = ev[i].data.u32;

			MUST(read(fd[k], &v, 8) == 8 && v == k + 1 && !set[k]);
			set[k] = true;
			n++;
		}
	}
	must_exit(pid, 0);
	for (int i = 0; i < N; i++)
		close(fd[i]);
	MUST(epoll_wait(ep, ev, N, 0) == 0);
	close(ep);
}

static void timers(void)
{
	struct pollfd p[4];
	uint64_t v;

	for (int i = 0; i < 4; i++) {
		struct itimerspec it = { .it_value.tv_nsec = 1 + rnd(3000000) };

		p[i] = (struct pollfd){ timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), POLLIN, 0 };
		MUST(p[i].fd >= 0 && !timerfd_settime(p[i].fd, 0, &it, NULL));
	}
	MUST(poll(p, 4, PATIENCE_MS) >= 1);
	for (int i = 0; i < 4; i++) {
		if (i != 3)		/* the last one is closed while it runs */
			MUST(read(p[i].fd, &v, 8) == 8 && v == 1);
		close(p[i].fd);
	}
}

static void pty(void)
{
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), s;
	char buf[64];

	if (m < 0 && (errno == ENOSPC || errno == EIO))
		return;			/* all taken by the others */
	MUST(m >= 0 && !grantpt(m) && !unlockpt(m));
	s = open(ptsname(m), O_RDWR | O_NOCTTY);
	MUST(s >= 0);
	MUST(write(m, "line\n", 5) == 5);
	MUST(read(s, buf, sizeof buf) == 5 && !memcmp(buf, "line\n", 5));
	MUST(write(s, "x", 1) == 1);
	if (rnd(2)) {
		close(m);
		MUST(write(s, "x", 1) == -1 && errno == EIO);
		close(s);
	} else {
		close(s);
		close(m);
	}
}

const struct action ipc_actions[] = {
	{ "pipe-stream", pipe_stream }, { "socket-stream", socket_stream },
	{ "broken-pipe", broken_pipe }, { "pipeline", pipeline },
	{ "named-socket", named_socket }, { "datagrams", datagrams }, { "epoll", epoll_round },
	{ "timers", timers }, { "pty", pty }, { NULL, NULL },
};
