/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first process of a guest that `tine run` starts. It mounts what programs expect, runs one
 * command, and carries its input, output and status over one channel to host/tine/console.py: the
 * virtio port tine.ctl, or, where the kernel or the host has none, the serial console.
 *
 * Guest to host: what the terminal shows goes as it is; everything else is a frame
 *	ESC _ tine; TYPE ; LENGTH ; payload ESC \
 * of type 1 or 2 (output of a stream that is no terminal), a (input bytes taken, in decimal),
 * r (ready for input) and x (the command's status; the last one).
 * Host to guest: TYPE, two bytes of length (little endian), payload: k keys, i input,
 * e end of input, w window size (rows and columns, two bytes each), q: the status has come (the
 * port only: what is written there is on its way, not yet the host's, and a power-off would lose it).
 * The host keeps at most a window of unacknowledged bytes in flight, because a serial line
 * drops what nobody reads.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define OURS	"/.tine"
#define MAXARG	4096
#define CARRY	32768	/* bytes of output in one frame at most */
#define PORTS	"/sys/class/virtio-ports"
#define PORT_WAIT	100	/* x 10 ms that the kernel may take to find the port it was given */

/* What the host wants, from OURS/run: NUL-terminated words, each after its kind's letter. */
static struct {
	char *argv[MAXARG + 1], *env[MAXARG + 1];
	int argc, envc;
	const char *cwd, *host;
	int tty[3];		/* which of stdin, stdout, stderr is the terminal */
	int port;		/* the host offers the port tine.ctl */
	int direct;		/* the command gets the console itself, not a pty */
	struct winsize size;
} want;

static int con = -1;		/* the channel to the host */
static int on_port;		/* it is the virtio port */
static int master = -1;		/* our side of the pty */
static int in = -1;		/* the write end of the command's stdin */
static int out[3] = { -1, -1, -1 };	/* the read ends of its stdout and stderr */
static pid_t child;
static int status = -1;
static volatile sig_atomic_t asked;	/* somebody wants the machine to end */

static void put_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= n;
	}
}

static void frame(char type, const void *data, size_t len)
{
	static char buf[CARRY + 64];
	int n = snprintf(buf, sizeof(buf), "\033_tine;%c;%zu;", type, len);

	memcpy(buf + n, data, len);
	memcpy(buf + n + len, "\033\\", 2);
	put_all(con, buf, n + len + 2);
}

static void frame_number(char type, long value)
{
	char text[24];

	frame(type, text, snprintf(text, sizeof(text), "%ld", value));
}

static unsigned char rx[2 * 65536];	/* frames not yet taken; the head may have to wait */
static size_t rx_len;
static size_t rx_done;		/* how much of the head frame's payload has been passed on */

/* The number of bytes of the frame at the head of rx, 0 if it is not whole. */
static size_t whole_frame(void)
{
	size_t total = rx_len < 3 ? 0 : 3 + (rx[1] | rx[2] << 8);

	return total <= rx_len ? total : 0;
}

static void drop_frame(size_t total)
{
	rx_len -= total;
	rx_done = 0;
	memmove(rx, rx + total, rx_len);
}

static int read_console(void)
{
	ssize_t n = read(con, rx + rx_len, sizeof(rx) - rx_len);

	if (n > 0)
		rx_len += n;
	return n > 0;
}

/* However long it takes: the host's reader may be slow. Input that nobody took is dropped. */
static void await_host(void)
{
	size_t total;

	do
		while ((total = whole_frame())) {
			if (rx[0] == 'q')
				return;
			drop_frame(total);
		}
	while (read_console());
}

static void __attribute__((noreturn)) power_off(int code)
{
	frame_number('x', code);
	if (on_port)
		await_host();
	else
		tcdrain(con);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The reason is the user's to see, then the status that shells give a command they cannot start. */
static void __attribute__((noreturn)) give_up(const char *what)
{
	char text[300];
	int n = snprintf(text, sizeof(text), "tine: in the guest: %s: %s\n", what, strerror(errno));

	frame('2', text, n);
	power_off(126);
}

static void mount_one(const char *type, const char *where, unsigned long flags, const char *data)
{
	mkdir(where, 0755);
	if (mount(type, where, type, flags, data) && errno != EBUSY && errno != ENODEV)
		fprintf(stderr, "tine: in the guest: mount %s on %s: %s\n", type, where,
			strerror(errno));
}

static void mount_all(void)
{
	mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
	mount_one("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_one("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_one("debugfs", "/sys/kernel/debug", 0, NULL);
	mount_one("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
	mount_one("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_one("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static char *read_whole(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;
	ssize_t n;

	*len = 0;
	if (fd < 0 || fstat(fd, &st) || !(data = malloc(st.st_size + 1)))
		return NULL;
	while ((n = read(fd, data + *len, st.st_size - *len)) > 0)
		*len += n;
	data[*len] = 0;
	close(fd);
	return data;
}

static void read_wishes(void)
{
	size_t len;
	char *data = read_whole(OURS "/run", &len), *p;

	if (!data)
		give_up(OURS "/run");
	for (p = data; p < data + len; p += strlen(p) + 1) {
		switch (*p) {
		case 'a':
			if (want.argc < MAXARG)
				want.argv[want.argc++] = p + 1;
			break;
		case 'e':
			if (want.envc < MAXARG)
				want.env[want.envc++] = p + 1;
			break;
		case 'c':
			want.cwd = p + 1;
			break;
		case 'h':
			want.host = p + 1;
			break;
		case 't':
			for (int i = 0; i < 3; i++)
				want.tty[i] = p[1 + i] == '1';
			break;
		case 'p':
			want.port = 1;
			break;
		case 'd':
			want.direct = 1;
			break;
		case 'w':
			sscanf(p + 1, "%hu %hu", &want.size.ws_row, &want.size.ws_col);
			break;
		}
	}
	if (!want.argc) {
		errno = EINVAL;
		give_up("no command");
	}
}

/* Nothing of ours stays in the guest's tree. */
static void remove_traces(void)
{
	unlink(OURS "/run");
	unlink(OURS "/init");
	rmdir(OURS);
}

static void console_raw(void)
{
	struct termios t;

	if (tcgetattr(con, &t))
		return;
	cfmakeraw(&t);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(con, TCSANOW, &t);
}

/* The port's device, or -1: NAME is a folder of PORTS. */
static int open_port(const char *name)
{
	char path[300], is[32] = "";
	int fd;

	snprintf(path, sizeof(path), PORTS "/%s/name", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, is, sizeof(is) - 1) < 0)
		is[0] = 0;
	close(fd);
	if (strncmp(is, "tine.ctl", 8) || (is[8] && is[8] != '\n'))
		return -1;
	snprintf(path, sizeof(path), "/dev/%s", name);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* A kernel with the driver has the folder from the start, and the port in it a moment later. */
static void use_port(void)
{
	for (int i = 0; i < PORT_WAIT; i++) {
		DIR *d = opendir(PORTS);
		struct dirent *e;
		int fd = -1;

		if (!d)
			return;
		while (fd < 0 && (e = readdir(d)))
			if (e->d_name[0] != '.')
				fd = open_port(e->d_name);
		closedir(d);
		if (fd >= 0) {
			close(con);
			con = fd;
			on_port = 1;
			return;
		}
		usleep(10000);
	}
}

static int open_pty(char *name, size_t size)
{
	int unlock = 0, number;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) || ioctl(master, TIOCGPTN, &number)) {
		if (master >= 0)
			close(master);
		master = -1;
		return -1;
	}
	snprintf(name, size, "/dev/pts/%d", number);
	ioctl(master, TIOCSWINSZ, &want.size);
	fcntl(master, F_SETFL, O_NONBLOCK);
	return 0;
}

/* In the child: FDS become its stdin, stdout, stderr; then it becomes the command. */
static void __attribute__((noreturn)) become(const int fds[3], int terminal)
{
	sigset_t none;
	int code;

	sigemptyset(&none);
	setsid();
	if (terminal >= 0)
		ioctl(terminal, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(126);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	environ = want.env;
	if (want.cwd && chdir(want.cwd)) {
		dprintf(2, "tine: in the guest: %s: %s\n", want.cwd, strerror(errno));
		_exit(126);
	}
	execvp(want.argv[0], want.argv);
	code = errno == ENOENT ? 127 : 126;
	dprintf(2, "tine: in the guest: %s: %s\n", want.argv[0], strerror(errno));
	_exit(code);
}

static void start(void)
{
	int fds[3], terminal = -1, pair[2];
	char name[32];

	if (want.tty[0] || want.tty[1] || want.tty[2]) {
		if (!want.direct && !open_pty(name, sizeof(name)))
			terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (terminal < 0 && want.direct) {
			/* /dev/console can be nobody's controlling terminal, so by its own name. */
			terminal = open("/dev/ttyAMA0", O_RDWR | O_NOCTTY | O_CLOEXEC);
			ioctl(terminal, TIOCSWINSZ, &want.size);
		}
		if (terminal < 0)
			give_up("no pseudo-terminal");
	}
	for (int i = 0; i < 3; i++) {
		fds[i] = terminal;
		if (want.tty[i])
			continue;
		if (pipe2(pair, O_CLOEXEC))
			give_up("pipe");
		fds[i] = pair[i != 0];
		*(i ? &out[i] : &in) = pair[i == 0];
	}
	child = fork();
	if (child < 0)
		give_up("fork");
	if (!child)
		become(fds, terminal);
	for (int i = 0; i < 3; i++)
		if (!want.tty[i])
			close(fds[i]);
	/* The pty's other side stays open: between two owners a closed one would read hung up. */
	if (in >= 0)
		fcntl(in, F_SETFL, O_NONBLOCK);
}

/* --- input: frames from the host ------------------------------------------------------------ */

/* Passes N bytes on; returns how many were taken (fewer when the pipe is full). */
static size_t pass_on(int type, const unsigned char *data, size_t n)
{
	int fd = type == 'k' ? master : in;
	ssize_t done;

	if (fd < 0 || !n)
		return n;
	done = write(fd, data, n);
	if (done >= 0)
		return done;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	if (type == 'i') {	/* nobody reads any more: what else comes is dropped */
		close(in);
		in = -1;
	}
	return n;
}

/* Takes as many whole frames as can be taken; returns 0 when the head has to wait. */
static int take_frames(void)
{
	size_t total;

	while ((total = whole_frame())) {
		size_t len = total - 3;
		unsigned char *data = rx + 3;

		if (rx[0] == 'k' || rx[0] == 'i') {
			rx_done += pass_on(rx[0], data + rx_done, len - rx_done);
			if (rx_done < len)
				return 0;
		} else if (rx[0] == 'e' && in >= 0) {
			close(in);
			in = -1;
		} else if (rx[0] == 'w' && len >= 4 && master >= 0) {
			want.size.ws_row = data[0] | data[1] << 8;
			want.size.ws_col = data[2] | data[3] << 8;
			ioctl(master, TIOCSWINSZ, &want.size);
		}
		frame_number('a', total);
		drop_frame(total);
	}
	return 1;
}

/* --- output --------------------------------------------------------------------------------- */

/* One read's worth from FD as stream I (0: the terminal). Returns 0 at the end of it. */
static int carry(int i, int fd)
{
	static char buf[CARRY];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (!n)
		return 0;
	if (i)
		frame('0' + i, buf, n);
	else
		put_all(con, buf, n);
	return 1;
}

static void on_child(int sig)
{
	(void)sig;
}

/* What poweroff, halt and reboot send to process 1. */
static void on_ask(int sig)
{
	(void)sig;
	asked = 1;
}

static void reap(void)
{
	int st;
	pid_t pid;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0)
		if (pid == child)
			status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

/* Whatever the command wrote before it ended still goes out. What others write later does not, and
 * has to end somewhere: they are killed first. */
static void drain(void)
{
	int fds[3] = { master, out[1], out[2] };

	kill(-1, SIGKILL);
	for (int i = 0; i < 3; i++) {
		struct pollfd p = { .fd = fds[i], .events = POLLIN };

		while (fds[i] >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN) &&
		       carry(i, fds[i]))
			;
	}
}

static void serve(void)
{
	sigset_t none;
	int waiting = 0;

	sigemptyset(&none);
	for (;;) {
		struct pollfd p[5] = {
			{ .fd = want.direct || rx_len == sizeof(rx) ? -1 : con, .events = POLLIN },
			{ .fd = master,
			  .events = waiting && rx[0] == 'k' ? POLLIN | POLLOUT : POLLIN },
			{ .fd = out[1], .events = POLLIN },
			{ .fd = out[2], .events = POLLIN },
			{ .fd = waiting && rx[0] == 'i' ? in : -1, .events = POLLOUT },
		};

		reap();
		if (status < 0 && asked)
			status = 0;
		if (status >= 0)
			return;
		if (ppoll(p, 5, NULL, &none) < 0)
			continue;	/* a signal */
		if (p[1].revents & ~POLLOUT)
			carry(0, master);
		for (int i = 1; i < 3; i++)
			if (p[1 + i].revents && !carry(i, out[i])) {
				close(out[i]);
				out[i] = -1;
			}
		if (p[0].revents & POLLIN)
			read_console();
		if ((p[0].revents & POLLIN) || (p[1].revents & POLLOUT) || p[4].revents)
			waiting = !take_frames();
	}
}

int main(void)
{
	static const int ask[] = { SIGUSR1, SIGUSR2, SIGTERM };
	struct sigaction sa = { .sa_handler = on_child }, end = { .sa_handler = on_ask };
	sigset_t block;

	mount_all();
	con = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (con < 0)
		con = dup(0);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	for (size_t i = 0; i < sizeof(ask) / sizeof(ask[0]); i++) {
		sigaction(ask[i], &end, NULL);
		sigaddset(&block, ask[i]);
	}
	sigprocmask(SIG_BLOCK, &block, NULL);	/* let in only by ppoll: none is lost */
	read_wishes();
	if (want.port)
		use_port();
	if (!want.direct)
		console_raw();
	remove_traces();
	if (want.host)
		sethostname(want.host, strlen(want.host));
	frame('r', "", 0);
	start();
	serve();
	drain();
	power_off(status);
}
