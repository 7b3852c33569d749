/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminals by way of ptys: line editing, echo, signals, window size, job control, termios. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

static int master, slave;
static char slave_name[64];

static void open_pty(void)
{
	int unlock = 0, n;

	master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	OK(ioctl(master, TIOCSPTLCK, &unlock));
	OK(ioctl(master, TIOCGPTN, &n));
	snprintf(slave_name, sizeof slave_name, "/dev/pts/%d", n);
	slave = OK(open(slave_name, O_RDWR | O_NOCTTY));
}

static void set_flags(tcflag_t lflag_off, tcflag_t lflag_on)
{
	struct termios t;

	OK(tcgetattr(slave, &t));
	t.c_lflag = (t.c_lflag & ~lflag_off) | lflag_on;
	OK(tcsetattr(slave, TCSANOW, &t));
}

static void type(const char *s)
{
	CHECK_EQ(write(master, s, strlen(s)), strlen(s));
}

/* What comes out of fd within a short time. */
static const char *output(int fd)
{
	static char buf[4096];
	size_t n = 0;
	struct pollfd p = { fd, POLLIN, 0 };

	while (n < sizeof buf - 1 && poll(&p, 1, n ? 50 : 1000) == 1 && (p.revents & POLLIN)) {
		ssize_t r = read(fd, buf + n, sizeof buf - 1 - n);

		if (r <= 0)
			break;
		n += r;
	}
	buf[n] = 0;
	return buf;
}

static bool silent(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 50) == 0;
}

static const char *input_line(void)
{
	static char buf[256];
	ssize_t n = OK(read(slave, buf, sizeof buf - 1));

	buf[n] = 0;
	return buf;
}

TEST(pty_pair)
{
	struct stat st;

	open_pty();
	CHECK(isatty(master));
	CHECK(isatty(slave));
	OK(fstat(slave, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(major(st.st_rdev), 136);
	CHECK_STR(ttyname(slave), slave_name);
	CHECK_STR(ptsname(master), slave_name);
	CHECK(!isatty(OK(open("/dev/null", O_RDWR))));
	CHECK_EQ(errno, ENOTTY);
}

TEST(locked_until_unlocked)
{
	int n;

	master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	OK(ioctl(master, TIOCGPTN, &n));
	snprintf(slave_name, sizeof slave_name, "/dev/pts/%d", n);
	ERR(open(slave_name, O_RDWR | O_NOCTTY), EIO);
	OK(unlockpt(master));
	OK(open(slave_name, O_RDWR | O_NOCTTY));
}

TEST(canonical_line)
{
	open_pty();
	type("hello");
	CHECK(silent(slave));			/* no line yet */
	type("\n");
	CHECK_STR(input_line(), "hello\n");
	CHECK_STR(output(master), "hello\r\n");	/* the echo, with ONLCR */
}

TEST(two_lines_one_read_each)
{
	char buf[4] = "";

	open_pty();
	set_flags(ECHO, 0);
	type("one\ntwo\n");
	CHECK_STR(input_line(), "one\n");
	CHECK_EQ(read(slave, buf, 2), 2);	/* part of a line */
	CHECK_STR(buf, "tw");
	CHECK_STR(input_line(), "o\n");
}

TEST(erase_and_kill)
{
	open_pty();
	type("abx\177c\n");
	CHECK_STR(input_line(), "abc\n");
	CHECK_STR(output(master), "abx\b \bc\r\n");
	type("nonsense\25ok\n");		/* ^U */
	CHECK_STR(input_line(), "ok\n");
	output(master);
	type("two words\27x\n");		/* ^W */
	CHECK_STR(input_line(), "two x\n");
	type("\177\177\177a\n");		/* nothing to erase */
	CHECK_STR(input_line(), "a\n");
}

TEST(eof_character)
{
	open_pty();
	set_flags(ECHO, 0);
	type("\4");
	CHECK_STR(input_line(), "");
	type("ab\4");				/* ends the line without a newline */
	CHECK_STR(input_line(), "ab");
}

TEST(literal_next)
{
	open_pty();
	set_flags(ECHO, 0);
	type("a\26\3b\n");			/* ^V ^C: no signal */
	CHECK_STR(input_line(), "a\3b\n");
}

TEST(icrnl_and_opost)
{
	struct termios t;

	open_pty();
	type("x\r");
	CHECK_STR(input_line(), "x\n");
	output(master);
	CHECK_EQ(write(slave, "a\nb\tc", 5), 5);
	CHECK_STR(output(master), "a\r\nb\tc");
	OK(tcgetattr(slave, &t));
	t.c_oflag &= ~OPOST;
	OK(tcsetattr(slave, TCSANOW, &t));
	CHECK_EQ(write(slave, "a\nb", 3), 3);
	CHECK_STR(output(master), "a\nb");
}

TEST(echo_controls)
{
	open_pty();
	type("\1");
	CHECK_STR(output(master), "^A");
	set_flags(ECHO, ECHONL);
	type("secret\n");
	CHECK_STR(output(master), "\r\n");
}

TEST(raw_mode)
{
	struct termios t;
	char buf[16];

	open_pty();
	OK(tcgetattr(slave, &t));
	cfmakeraw(&t);
	OK(tcsetattr(slave, TCSANOW, &t));
	type("a\3\4\r");
	CHECK_EQ(read(slave, buf, 16), 4);
	CHECK_EQ(memcmp(buf, "a\3\4\r", 4), 0);
	CHECK(silent(master));
}

TEST(vmin_vtime)
{
	struct termios t;
	char buf[16];
	long long start;
	pid_t pid;

	open_pty();
	OK(tcgetattr(slave, &t));
	cfmakeraw(&t);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	OK(tcsetattr(slave, TCSANOW, &t));
	CHECK_EQ(read(slave, buf, 16), 0);
	t.c_cc[VTIME] = 1;
	OK(tcsetattr(slave, TCSANOW, &t));
	start = check_now();
	CHECK_EQ(read(slave, buf, 16), 0);
	CHECK_GE(check_now() - start, 50 * MSEC);	/* a tenth, in ticks of the kernel */
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	OK(tcsetattr(slave, TCSANOW, &t));
	pid = SPAWN(CHECK_EQ(read(slave, buf, 16), 3););
	type("a");
	check_sleep_ms(30);
	type("b");
	check_wait_state(pid, "S");
	type("c");
	CHECK_EQ(check_wait(pid), 0);
}

TEST(nonblocking)
{
	char c;

	open_pty();
	OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	ERR(read(slave, &c, 1), EAGAIN);
	OK(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK));
	ERR(read(master, &c, 1), EAGAIN);
}

TEST(termios_calls)
{
	struct termios t, u;

	open_pty();
	OK(tcgetattr(slave, &t));
	CHECK(t.c_lflag & ICANON);
	CHECK(t.c_lflag & ECHO);
	CHECK(t.c_lflag & ISIG);
	CHECK(t.c_iflag & ICRNL);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VERASE], 0x7f);
	CHECK_EQ(t.c_cc[VSUSP], 26);
	CHECK_EQ(t.c_cc[VMIN], 1);
	CHECK_EQ(t.c_cflag & CSIZE, CS8);
	CHECK_EQ(cfgetospeed(&t), B38400);
	t.c_cc[VINTR] = 'q';
	t.c_lflag &= ~ECHO;
	OK(tcsetattr(slave, TCSADRAIN, &t));
	OK(tcgetattr(slave, &u));
	CHECK_EQ(u.c_cc[VINTR], 'q');
	CHECK_EQ(u.c_lflag, t.c_lflag);
	OK(tcsetattr(slave, TCSAFLUSH, &t));
	ERR(ioctl(slave, TCGETS, BAD_PTR), EFAULT);
	ERR(ioctl(slave, TCSETS, BAD_PTR), EFAULT);
	ERR(ioctl(slave, 0x54ff, 0), ENOTTY);
	ERR(ioctl(OK(open("/dev/null", O_RDWR)), TCGETS, &t), ENOTTY);
	int p[2];
	OK(pipe(p));
	ERR(tcgetattr(p[0], &t), ENOTTY);
}

TEST(window_size)
{
	struct winsize w = { 24, 80, 0, 0 }, got;

	open_pty();
	OK(ioctl(master, TIOCSWINSZ, &w));
	memset(&got, 0xff, sizeof got);
	OK(ioctl(slave, TIOCGWINSZ, &got));
	CHECK_EQ(got.ws_row, 24);
	CHECK_EQ(got.ws_col, 80);
	ERR(ioctl(slave, TIOCGWINSZ, BAD_PTR), EFAULT);
}

TEST(flush_and_queues)
{
	int n;

	open_pty();
	set_flags(ECHO, 0);
	type("discard me\n");
	check_sleep_ms(20);
	OK(ioctl(slave, FIONREAD, &n));
	CHECK_EQ(n, 11);
	OK(tcflush(slave, TCIFLUSH));
	CHECK(silent(slave));
	type("keep\n");
	CHECK_STR(input_line(), "keep\n");
	OK(tcdrain(slave));
	ERR(tcflush(slave, 77), EINVAL);
}

TEST(hangup)
{
	struct pollfd p;
	char c;

	open_pty();
	close(master);
	CHECK_EQ(read(slave, &c, 1), 0);
	ERR(write(slave, "x", 1), EIO);
	p = (struct pollfd){ slave, POLLIN | POLLOUT, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK(p.revents & POLLHUP);
	ERR(open(slave_name, O_RDWR | O_NOCTTY), ENOENT);	/* the name is gone */
}

TEST(master_after_slave_closed)
{
	struct pollfd p;
	char c;

	open_pty();
	CHECK_EQ(write(slave, "last", 4), 4);
	close(slave);
	CHECK_STR(output(master), "last");
	ERR(read(master, &c, 1), EIO);
	p = (struct pollfd){ master, POLLIN, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK(p.revents & POLLHUP);
	slave = OK(open(slave_name, O_RDWR | O_NOCTTY));	/* may be opened again */
	CHECK_EQ(write(slave, "again", 5), 5);
	CHECK_STR(output(master), "again");
}

/* A session leader with the pty as its terminal runs the statements. */
#define SESSION(...)								\
	SPAWN(									\
		OK(setsid());							\
		OK(ioctl(slave, TIOCSCTTY, 0));					\
		__VA_ARGS__;							\
	)

static volatile int hits;

static void count(int sig)
{
	(void)sig;
	hits++;
}

TEST(controlling_terminal)
{
	pid_t pid, sid;

	open_pty();
	pid = SESSION(
		int fd = OK(open("/dev/tty", O_RDWR));

		CHECK_EQ(tcgetpgrp(slave), getpid());
		CHECK_EQ(tcgetsid(slave), getpid());
		OK(ioctl(slave, TIOCGSID, &sid));
		CHECK_EQ(write(fd, "via tty", 7), 7);
	);
	CHECK_EQ(check_wait(pid), 0);
	CHECK_STR(output(master), "via tty");
	CHILD_OK(
		OK(setsid());
		ERR(open("/dev/tty", O_RDWR), ENXIO);	/* no terminal */
		ERR(tcgetpgrp(slave), ENOTTY);
	);
}

TEST(open_makes_controlling)
{
	open_pty();
	close(slave);
	CHILD_OK(
		OK(setsid());
		OK(open(slave_name, O_RDWR));		/* without O_NOCTTY */
		OK(open("/dev/tty", O_RDWR));
	);
}

TEST(ctrl_c)
{
	volatile int *ready = check_shared(PAGE);
	pid_t pid;

	open_pty();
	pid = SESSION(*ready = 1; for (;;) pause());
	check_wait_flag(ready, 1);
	type("\3");
	CHECK_EQ(check_wait(pid), SIGINT);
	CHECK_STR(output(master), "^C");
}

TEST(ctrl_backslash_and_flush)
{
	volatile int *ready = check_shared(PAGE);
	pid_t pid;

	open_pty();
	pid = SESSION(
		signal(SIGINT, count);
		*ready = 1;
		while (!hits)
			check_sleep_ms(1);
		CHECK(silent(slave));		/* the typed part of the line was dropped */
		*ready = 2;
		for (;;)
			pause();
	);
	check_wait_flag(ready, 1);
	type("partial\3");
	check_wait_flag(ready, 2);
	type("\34");
	CHECK_EQ(check_wait(pid) & 0x7f, SIGQUIT);
}

TEST(ctrl_z_and_foreground)
{
	volatile int *ready = check_shared(PAGE);
	pid_t shell;

	open_pty();
	/* a little shell with one job */
	shell = SESSION(
		pid_t job;
		int st;

		signal(SIGTTOU, SIG_IGN);
		job = SPAWN(
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			OK(tcsetpgrp(slave, getpid()));
			signal(SIGTSTP, SIG_DFL);
			*ready = 1;
			for (;;)
				pause();
		);
		setpgid(job, job);
		CHECK_EQ(waitpid(job, &st, WUNTRACED), job);
		CHECK(WIFSTOPPED(st));
		CHECK_EQ(WSTOPSIG(st), SIGTSTP);
		OK(tcsetpgrp(slave, getpid()));
		kill(-job, SIGCONT);
		CHECK_EQ(waitpid(job, &st, WCONTINUED), job);
		OK(tcsetpgrp(slave, job));
		*ready = 2;
		CHECK_EQ(waitpid(job, &st, 0), job);
		CHECK_EQ(WTERMSIG(st), SIGINT);
		OK(tcsetpgrp(slave, getpid()));
	);
	check_wait_flag(ready, 1);
	type("\32");
	check_wait_flag(ready, 2);
	type("\3");
	CHECK_EQ(check_wait(shell), 0);
}

TEST(background_read)
{
	pid_t shell;

	open_pty();
	shell = SESSION(
		char c;
		int st;
		pid_t job = SPAWN(
			setpgid(0, 0);
			CHECK_EQ(read(slave, &c, 1), 1);
		);

		CHECK_EQ(waitpid(job, &st, WUNTRACED), job);
		CHECK(WIFSTOPPED(st));
		CHECK_EQ(WSTOPSIG(st), SIGTTIN);
		kill(job, SIGKILL);
		CHECK_EQ(waitpid(job, &st, 0), job);
		/* one that ignores the signal gets an error */
		CHILD_OK(
			setpgid(0, 0);
			signal(SIGTTIN, SIG_IGN);
			ERR(read(slave, &c, 1), EIO);
		);
	);
	CHECK_EQ(check_wait(shell), 0);
}

TEST(background_write)
{
	pid_t shell;

	open_pty();
	shell = SESSION(
		int st;
		pid_t job;

		/* allowed, unless TOSTOP */
		CHILD_OK(setpgid(0, 0); CHECK_EQ(write(slave, "bg", 2), 2););
		set_flags(0, TOSTOP);
		job = SPAWN(setpgid(0, 0); CHECK_EQ(write(slave, "x", 1), 1););
		CHECK_EQ(waitpid(job, &st, WUNTRACED), job);
		CHECK(WIFSTOPPED(st));
		CHECK_EQ(WSTOPSIG(st), SIGTTOU);
		kill(job, SIGKILL);
		waitpid(job, &st, 0);
		/* changing the terminal's settings stops in any case */
		set_flags(TOSTOP, 0);
		job = SPAWN(setpgid(0, 0); set_flags(ECHO, 0););
		CHECK_EQ(waitpid(job, &st, WUNTRACED), job);
		CHECK_EQ(WSTOPSIG(st), SIGTTOU);
		kill(job, SIGKILL);
		waitpid(job, &st, 0);
	);
	CHECK_EQ(check_wait(shell), 0);
	CHECK_STR(output(master), "bg");
}

TEST(tcsetpgrp_errors)
{
	pid_t shell, ours = getpgrp();

	open_pty();
	shell = SESSION(
		ERR(tcsetpgrp(slave, -1), EINVAL);
		ERR(tcsetpgrp(slave, 4000000), ESRCH);
		ERR(tcsetpgrp(slave, ours), EPERM);	/* another session's */
	);
	CHECK_EQ(check_wait(shell), 0);
	ERR(tcsetpgrp(slave, getpgrp()), ENOTTY);	/* not our terminal */
}

TEST(winch)
{
	volatile int *ready = check_shared(PAGE);
	struct winsize w = { 10, 20, 0, 0 };
	pid_t pid;

	open_pty();
	pid = SESSION(
		signal(SIGWINCH, count);
		*ready = 1;
		while (!hits)
			check_sleep_ms(1);
		CHECK(!ioctl(slave, TIOCGWINSZ, &w) && w.ws_row == 30);
	);
	check_wait_flag(ready, 1);
	w.ws_row = 30;
	OK(ioctl(master, TIOCSWINSZ, &w));
	CHECK_EQ(check_wait(pid), 0);
}

TEST(hangup_signal)
{
	volatile int *ready = check_shared(PAGE);
	pid_t pid;

	open_pty();
	pid = SESSION(*ready = 1; close(master); for (;;) pause());
	check_wait_flag(ready, 1);
	close(slave);
	close(master);
	CHECK_EQ(check_wait(pid), SIGHUP);
}

TEST(session_leader_exit)
{
	volatile int *ready = check_shared(PAGE);
	pid_t shell;

	open_pty();
	shell = SESSION(
		SPAWN(
			/* in the foreground group: told when the leader goes */
			signal(SIGHUP, count);
			ready[0] = 1;
			while (!hits)
				check_sleep_ms(1);
			ready[1] = 1;
		);
		check_wait_flag(ready, 1);
	);
	CHECK_EQ(check_wait(shell), 0);
	check_wait_flag(ready + 1, 1);
}

TEST(orphaned_group_gets_hup)
{
	volatile int *ready = check_shared(PAGE);

	CHILD_OK(
		pid_t job;
		int st;

		OK(setsid());
		job = SPAWN(
			setpgid(0, 0);
			signal(SIGHUP, count);
			raise(SIGSTOP);
			/* the leader's exit made the group an orphan: SIGHUP, SIGCONT */
			for (int i = 0; !hits && i < 2000; i++)
				check_sleep_ms(1);
			ready[0] = hits;
		);
		CHECK_EQ(waitpid(job, &st, WUNTRACED), job);
	);
	check_wait_flag(ready, 1);
}

TEST(big_output)
{
	enum { TOTAL = 200000 };
	static char buf[4096];
	pid_t pid;
	size_t n = 0;

	open_pty();
	pid = SPAWN(
		close(master);
		memset(buf, 'x', sizeof buf);
		for (int i = 0; i < TOTAL; i += 4000)
			CHECK_EQ(write(slave, buf, 4000), 4000);
	);
	close(slave);
	for (ssize_t r; (r = read(master, buf, sizeof buf)) > 0; n += r)
		for (ssize_t i = 0; i < r; i++)
			CHECK_EQ(buf[i], 'x');
	CHECK_EQ(n, TOTAL);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(many_ptys)
{
	int m[20];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 20; i++) {
			open_pty();
			m[i] = master;
			close(slave);
		}
		for (int i = 0; i < 20; i++)
			close(m[i]);
	}
}

TEST(input_flood)
{
	char buf[256];
	ssize_t n, total = 0;

	/* an overlong line: input is dropped, nothing breaks, the newline still ends it */
	open_pty();
	set_flags(ECHO, 0);
	memset(buf, 'a', sizeof buf);
	OK(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK));
	for (int i = 0; i < 40; i++)
		if ((n = write(master, buf, sizeof buf)) < 0)
			CHECK_EQ(errno, EAGAIN);
	check_sleep_ms(20);
	type("\n");
	OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	check_sleep_ms(20);
	while ((n = read(slave, buf, sizeof buf)) > 0)
		total += n;
	CHECK_EQ(total, 4096);
}
