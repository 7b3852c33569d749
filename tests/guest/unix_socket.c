/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_UNIX: stream, datagram and sequenced packets; named, abstract, pairs; options; shutdown. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

static socklen_t address(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	if (name[0] == '@') {
		memcpy(a->sun_path + 1, name + 1, strlen(name) - 1);
		return offsetof(struct sockaddr_un, sun_path) + strlen(name);
	}
	strcpy(a->sun_path, name);
	return sizeof *a;
}

static int sock(int type)
{
	return OK(socket(AF_UNIX, type, 0));
}

static int bind_to(int fd, const char *name)
{
	struct sockaddr_un a;
	socklen_t len = address(&a, name);

	return bind(fd, (void *)&a, len);
}

static int connect_to(int fd, const char *name)
{
	struct sockaddr_un a;
	socklen_t len = address(&a, name);

	return connect(fd, (void *)&a, len);
}

static void echo_server_and_client(const char *name)
{
	int s = sock(SOCK_STREAM), c;
	char buf[16] = "";
	pid_t pid;

	OK(bind_to(s, name));
	OK(listen(s, 5));
	pid = SPAWN(
		int fd = OK(accept4(s, NULL, NULL, SOCK_CLOEXEC));
		ssize_t n;

		CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
		while ((n = read(fd, buf, sizeof buf)) > 0)
			CHECK_EQ(write(fd, buf, n), n);
	);
	c = sock(SOCK_STREAM);
	OK(connect_to(c, name));
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(write(c, "ping", 4), 4);
		CHECK_EQ(recv(c, buf, 4, MSG_WAITALL), 4);
		CHECK_EQ(memcmp(buf, "ping", 4), 0);
	}
	OK(shutdown(c, SHUT_WR));
	CHECK_EQ(read(c, buf, 1), 0);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(stream_named)
{
	struct stat st;

	check_tmpdir();
	echo_server_and_client("sock");
	OK(stat("sock", &st));
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0755);
	ERR(connect_to(sock(SOCK_DGRAM), "sock"), EPROTOTYPE);
}

TEST(refused_when_closed)
{
	int s = sock(SOCK_STREAM);

	check_tmpdir();
	OK(bind_to(s, "s"));
	ERR(connect_to(sock(SOCK_STREAM), "s"), ECONNREFUSED);	/* not listening */
	OK(listen(s, 1));
	close(s);
	ERR(connect_to(sock(SOCK_STREAM), "s"), ECONNREFUSED);
	OK(unlink("s"));
	ERR(connect_to(sock(SOCK_STREAM), "s"), ENOENT);
	check_write_file("file", "");
	ERR(connect_to(sock(SOCK_STREAM), "file"), ECONNREFUSED);
}

TEST(stream_abstract)
{
	int s;

	echo_server_and_client("@abstract-name");
	s = sock(SOCK_STREAM);
	OK(bind_to(s, "@other"));
	ERR(bind_to(sock(SOCK_STREAM), "@other"), EADDRINUSE);
	close(s);
	OK(bind_to(sock(SOCK_STREAM), "@other"));	/* freed with the socket */
	ERR(connect_to(sock(SOCK_STREAM), "@nobody"), ECONNREFUSED);
}

TEST(bind_errors)
{
	struct sockaddr_un a;
	socklen_t len;
	int s = sock(SOCK_STREAM);

	check_tmpdir();
	OK(bind_to(s, "s"));
	ERR(bind_to(s, "t"), EINVAL);			/* bound already */
	ERR(bind_to(sock(SOCK_STREAM), "s"), EADDRINUSE);
	ERR(bind_to(sock(SOCK_STREAM), "nodir/s"), ENOENT);
	len = address(&a, "x");
	s = sock(SOCK_STREAM);
	ERR(bind(s, (void *)&a, 1), EINVAL);
	ERR(bind(s, (void *)&a, 200), EINVAL);
	a.sun_family = AF_INET;
	ERR(bind(s, (void *)&a, len), EINVAL);
	ERR(bind(s, BAD_PTR, len), EFAULT);
	ERR(bind(999, (void *)&a, len), EBADF);
	ERR(bind(0, (void *)&a, len), ENOTSOCK);
}

TEST(autobind)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = sizeof a;
	int s = sock(SOCK_DGRAM);

	OK(bind(s, (void *)&a, sizeof(sa_family_t)));
	OK(getsockname(s, (void *)&a, &len));
	CHECK_EQ(len, sizeof(sa_family_t) + 6);
	CHECK_EQ(a.sun_path[0], 0);
}

TEST(socketpair_stream)
{
	char buf[32] = "";
	int sv[2];

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	CHECK_EQ(write(sv[0], "abc", 3), 3);
	CHECK_EQ(write(sv[0], "def", 3), 3);
	CHECK_EQ(read(sv[1], buf, 32), 6);		/* no borders */
	CHECK_EQ(write(sv[1], "xyz", 3), 3);
	CHECK_EQ(read(sv[0], buf, 2), 2);
	CHECK_EQ(read(sv[0], buf, 2), 1);
	close(sv[0]);
	CHECK_EQ(read(sv[1], buf, 1), 0);
	signal(SIGPIPE, SIG_IGN);
	ERR(write(sv[1], "x", 1), EPIPE);
	ERR(send(sv[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv));
	ERR(read(sv[0], buf, 1), EAGAIN);
	CHECK_EQ(fcntl(sv[0], F_GETFD), FD_CLOEXEC);
}

TEST(unread_data_resets)
{
	char c;
	int sv[2];

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	CHECK_EQ(write(sv[1], "lost", 4), 4);
	close(sv[0]);			/* with unread data */
	ERR(read(sv[1], &c, 1), ECONNRESET);
	CHECK_EQ(read(sv[1], &c, 1), 0);
}

TEST(socketpair_errors)
{
	int sv[2];

	CHECK_EQ(socketpair(AF_UNIX, 77, 0, sv), -1);
	ERR(socketpair(AF_UNIX, SOCK_STREAM, 77, sv), EPROTONOSUPPORT);
	ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, BAD_PTR), EFAULT);
	ERR(socket(9999, SOCK_STREAM, 0), EAFNOSUPPORT);
}

TEST(datagrams)
{
	struct sockaddr_un a, from;
	socklen_t len = address(&a, "b"), flen = sizeof from;
	char buf[16] = "";
	int x = sock(SOCK_DGRAM), y = sock(SOCK_DGRAM);

	check_tmpdir();
	OK(bind_to(x, "a"));
	OK(bind_to(y, "b"));
	CHECK_EQ(sendto(x, "one", 3, 0, (void *)&a, len), 3);
	CHECK_EQ(sendto(x, "", 0, 0, (void *)&a, len), 0);
	CHECK_EQ(sendto(x, "three", 5, 0, (void *)&a, len), 5);
	CHECK_EQ(recvfrom(y, buf, 2, 0, (void *)&from, &flen), 2);	/* the rest is dropped */
	CHECK_STR(from.sun_path, "a");
	CHECK_EQ(flen, offsetof(struct sockaddr_un, sun_path) + 2);
	CHECK_EQ(recv(y, buf, 16, 0), 0);
	CHECK_EQ(recv(y, buf, 2, MSG_TRUNC), 5);
	ERR(recv(y, buf, 2, MSG_DONTWAIT), EAGAIN);
	ERR(send(x, "x", 1, 0), ENOTCONN);
	OK(connect_to(x, "b"));
	CHECK_EQ(send(x, "conn", 4, 0), 4);
	CHECK_EQ(recv(y, buf, 16, 0), 4);
	close(y);
	ERR(send(x, "x", 1, 0), ECONNREFUSED);
	ERR(sendto(x, "x", 1, 0, (void *)&a, 1), EINVAL);
}

TEST(dgram_pair_keeps_borders)
{
	char buf[16];
	int sv[2];

	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	for (int i = 1; i < 6; i++)
		CHECK_EQ(write(sv[0], "12345", i), i);
	for (int i = 1; i < 6; i++)
		CHECK_EQ(read(sv[1], buf, 16), i);
	ERR(send(sv[0], check_anon(16 << 20), 16 << 20, 0), EMSGSIZE);
}

TEST(seqpacket)
{
	char buf[16];
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv))
		SKIP("no SOCK_SEQPACKET");
	CHECK_EQ(write(sv[0], "ab", 2), 2);
	CHECK_EQ(write(sv[0], "cde", 3), 3);
	CHECK_EQ(read(sv[1], buf, 16), 2);
	CHECK_EQ(read(sv[1], buf, 16), 3);
	close(sv[0]);
	CHECK_EQ(read(sv[1], buf, 16), 0);
}

TEST(shutdown_calls)
{
	struct pollfd p;
	char c;
	int sv[2];

	signal(SIGPIPE, SIG_IGN);
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	CHECK_EQ(write(sv[0], "x", 1), 1);
	OK(shutdown(sv[0], SHUT_WR));
	ERR(write(sv[0], "x", 1), EPIPE);
	CHECK_EQ(read(sv[1], &c, 1), 1);
	CHECK_EQ(read(sv[1], &c, 1), 0);
	CHECK_EQ(write(sv[1], "y", 1), 1);		/* the other way is open */
	CHECK_EQ(read(sv[0], &c, 1), 1);
	p = (struct pollfd){ sv[1], POLLIN | POLLRDHUP, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLRDHUP);
	OK(shutdown(sv[1], SHUT_RDWR));
	CHECK_EQ(read(sv[0], &c, 1), 0);
	p.fd = sv[0];
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK(p.revents & POLLHUP);
	ERR(shutdown(sv[0], 77), EINVAL);
	ERR(shutdown(0, SHUT_RD), ENOTSOCK);
}

TEST(msg_flags)
{
	char buf[8] = "";
	int sv[2];

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	CHECK_EQ(send(sv[0], "peek", 4, 0), 4);
	CHECK_EQ(recv(sv[1], buf, 2, MSG_PEEK), 2);
	CHECK_EQ(recv(sv[1], buf, 8, MSG_PEEK), 4);
	CHECK_STR(buf, "peek");
	CHECK_EQ(recv(sv[1], buf, 8, 0), 4);
	ERR(recv(sv[1], buf, 8, MSG_DONTWAIT), EAGAIN);
	ERR(recv(0, buf, 8, 0), ENOTSOCK);
	CHECK_EQ(send(sv[0], buf, 0, 0), 0);
	int n;
	CHECK_EQ(send(sv[0], "12345", 5, 0), 5);
	OK(ioctl(sv[1], FIONREAD, &n));
	CHECK_EQ(n, 5);
}

TEST(sendmsg_vectors)
{
	char a[4] = "", b[8] = "";
	struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "twothree", 8 } };
	struct iovec in[2] = { { a, 3 }, { b, 8 } };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 3 };
	int sv[2];

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	CHECK_EQ(sendmsg(sv[0], &m, 0), 11);
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2, .msg_flags = -1 };
	CHECK_EQ(recvmsg(sv[1], &m, 0), 11);
	CHECK_STR(a, "one");
	CHECK_EQ(memcmp(b, "twothree", 8), 0);
	CHECK_EQ(m.msg_flags, 0);
	ERR(sendmsg(sv[0], BAD_PTR, 0), EFAULT);
	m.msg_iovlen = 2000;
	ERR(sendmsg(sv[0], &m, 0), EMSGSIZE);
	m = (struct msghdr){ .msg_iov = BAD_PTR, .msg_iovlen = 1 };
	ERR(sendmsg(sv[0], &m, 0), EFAULT);
	out[0].iov_base = BAD_PTR;
	m = (struct msghdr){ .msg_iov = out, .msg_iovlen = 1 };
	ERR(sendmsg(sv[0], &m, 0), EFAULT);
	/* a datagram that does not fit says so */
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	CHECK_EQ(send(sv[0], "0123456789abcdef", 16, 0), 16);
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 1 };
	CHECK_EQ(recvmsg(sv[1], &m, 0), 3);
	CHECK_EQ(m.msg_flags & MSG_TRUNC, MSG_TRUNC);
}

TEST(mmsg)
{
	char buf[3][8];
	struct iovec iov[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } };
	struct mmsghdr m[3];
	int sv[2];

	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	memset(m, 0, sizeof m);
	for (int i = 0; i < 3; i++)
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	CHECK_EQ(sendmmsg(sv[0], m, 3, 0), 3);
	for (int i = 0; i < 3; i++)
		iov[i] = (struct iovec){ buf[i], 8 };
	CHECK_EQ(recvmmsg(sv[1], m, 3, MSG_DONTWAIT, NULL), 3);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(m[i].msg_len, i + 1);
}

TEST(options)
{
	struct ucred cred;
	struct timeval tv = { 0, 30000 };
	socklen_t len;
	int sv[2], v;
	char c;

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	len = sizeof v;
	OK(getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &v, &len));
	CHECK_EQ(v, SOCK_STREAM);
	CHECK_EQ(len, 4);
	OK(getsockopt(sv[0], SOL_SOCKET, SO_DOMAIN, &v, &len));
	CHECK_EQ(v, AF_UNIX);
	OK(getsockopt(sv[0], SOL_SOCKET, SO_PROTOCOL, &v, &len));
	CHECK_EQ(v, 0);
	OK(getsockopt(sv[0], SOL_SOCKET, SO_ERROR, &v, &len));
	CHECK_EQ(v, 0);
	OK(getsockopt(sv[0], SOL_SOCKET, SO_ACCEPTCONN, &v, &len));
	CHECK_EQ(v, 0);
	OK(getsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &v, &len));
	CHECK_GE(v, 4096);
	v = 16384;
	OK(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof v));
	OK(getsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &v, &len));
	CHECK_GE(v, 16384);
	len = sizeof cred;
	OK(getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &cred, &len));
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(cred.uid, 0);
	OK(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	long long t = check_now();
	ERR(read(sv[0], &c, 1), EAGAIN);
	CHECK_GE(check_now() - t, 30 * MSEC);
	ERR(getsockopt(sv[0], SOL_SOCKET, 7777, &v, &len), ENOPROTOOPT);
	ERR(setsockopt(sv[0], SOL_SOCKET, 7777, &v, sizeof v), ENOPROTOOPT);
	ERR(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &v, 1), EINVAL);
	ERR(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, BAD_PTR, 4), EFAULT);
	len = sizeof v;
	ERR(getsockopt(sv[0], SOL_SOCKET, SO_TYPE, BAD_PTR, &len), EFAULT);
	ERR(getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &v, BAD_PTR), EFAULT);
	ERR(getsockopt(0, SOL_SOCKET, SO_TYPE, &v, &len), ENOTSOCK);
}

TEST(names)
{
	struct sockaddr_un a;
	socklen_t len;
	int s = sock(SOCK_STREAM), c = sock(SOCK_STREAM), fd;

	check_tmpdir();
	OK(bind_to(s, "s"));
	OK(listen(s, 1));
	OK(connect_to(c, "s"));
	len = sizeof a;
	fd = OK(accept(s, (void *)&a, &len));
	CHECK_EQ(len, sizeof(sa_family_t));		/* the client has no name */
	len = sizeof a;
	OK(getsockname(fd, (void *)&a, &len));
	CHECK_STR(a.sun_path, "s");
	len = sizeof a;
	OK(getpeername(c, (void *)&a, &len));
	CHECK_STR(a.sun_path, "s");
	CHECK_EQ(len, 2 + 2);
	len = 3;
	OK(getpeername(c, (void *)&a, &len));		/* cut, but the true length told */
	CHECK_EQ(len, 4);
	ERR(getpeername(s, (void *)&a, &len), ENOTCONN);
	ERR(getsockname(s, BAD_PTR, &len), EFAULT);
	len = -1;
	ERR(getsockname(s, (void *)&a, &len), EINVAL);
}

TEST(listen_and_accept_errors)
{
	int s = sock(SOCK_STREAM), d = sock(SOCK_DGRAM), sv[2];
	char c;

	ERR(listen(s, 1), EINVAL);			/* no name yet */
	ERR(listen(d, 1), EOPNOTSUPP);
	ERR(accept(d, NULL, NULL), EOPNOTSUPP);
	OK(bind_to(s, "@listen-test"));
	ERR(accept(s, NULL, NULL), EINVAL);		/* not listening */
	OK(listen(s, 1));
	OK(fcntl(s, F_SETFL, O_NONBLOCK));
	ERR(accept(s, NULL, NULL), EAGAIN);
	ERR(accept4(s, NULL, NULL, 0x1234), EINVAL);
	ERR(accept(0, NULL, NULL), ENOTSOCK);
	ERR(read(s, &c, 1), EINVAL);
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ERR(connect_to(sv[0], "@listen-test"), EISCONN);
	ERR(read(sock(SOCK_STREAM), &c, 1), EINVAL);
	ERR(send(sock(SOCK_STREAM), &c, 1, MSG_NOSIGNAL), ENOTCONN);
}

TEST(backlog)
{
	int s = sock(SOCK_STREAM), c, n = 0;

	OK(bind_to(s, "@backlog"));
	OK(listen(s, 2));
	for (; n < 20; n++) {
		c = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
		if (connect_to(c, "@backlog"))
			break;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 3);
	close(OK(accept(s, NULL, NULL)));
	OK(connect_to(c, "@backlog"));
	struct pollfd p = { s, POLLIN, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
}

TEST(connect_blocks_until_room)
{
	int s = sock(SOCK_STREAM);
	pid_t pid;

	OK(bind_to(s, "@full"));
	OK(listen(s, 0));
	OK(connect_to(sock(SOCK_STREAM), "@full"));
	pid = SPAWN(OK(connect_to(sock(SOCK_STREAM), "@full")););
	check_wait_state(pid, "S");
	OK(accept(s, NULL, NULL));
	OK(accept(s, NULL, NULL));
	CHECK_EQ(check_wait(pid), 0);
}

TEST(stream_flow)
{
	enum { TOTAL = 2 << 20 };
	static unsigned char buf[10000];
	unsigned int n = 0;
	int sv[2];
	pid_t pid;

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	pid = SPAWN(
		for (unsigned int sent = 0; sent < TOTAL;) {
			unsigned int len = sent % 9973 + 1;

			if (len > TOTAL - sent)
				len = TOTAL - sent;
			for (unsigned int i = 0; i < len; i++)
				buf[i] = (sent + i) * 37 >> 4;
			CHECK_EQ(write(sv[0], buf, len), len);
			sent += len;
		}
	);
	close(sv[0]);
	for (ssize_t r; (r = OK(read(sv[1], buf, n % 7919 + 1))) > 0; n += r)
		for (ssize_t i = 0; i < r; i++)
			CHECK_EQ(buf[i], (unsigned char)((n + i) * 37 >> 4));
	CHECK_EQ(n, TOTAL);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(dgram_blocks_when_full)
{
	int sv[2], n = 0;
	char c;
	pid_t pid;

	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	while (send(sv[0], "x", 1, MSG_DONTWAIT) == 1 && n < 100000)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_GE(n, 5);
	struct pollfd p = { sv[0], POLLOUT, 0 };
	CHECK_EQ(poll(&p, 1, 0), 0);
	pid = SPAWN(CHECK_EQ(send(sv[0], "x", 1, 0), 1););
	check_wait_state(pid, "S");
	for (int i = 0; i < n + 1; i++)
		CHECK_EQ(read(sv[1], &c, 1), 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(permission_to_connect)
{
	int s = sock(SOCK_STREAM);

	check_tmpdir();
	OK(bind_to(s, "s"));
	OK(listen(s, 5));
	OK(chmod("s", 0600));
	CHILD_OK(
		check_become(1000, 1000);
		ERR(connect_to(sock(SOCK_STREAM), "s"), EACCES);
	);
	OK(connect_to(sock(SOCK_STREAM), "s"));
}

TEST(interrupted_accept)
{
	int s = sock(SOCK_STREAM);
	pid_t pid;

	OK(bind_to(s, "@intr"));
	OK(listen(s, 5));
	pid = SPAWN(accept(s, NULL, NULL));
	check_wait_state(pid, "S");
	kill(pid, SIGTERM);
	CHECK_EQ(check_wait(pid), SIGTERM);
}
