/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that means harm must not get: rights of others. */
#include "check.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

/*
 * Makes "suid", a set-user-ID copy of this program, in a directory of its own, and a full pipe. Run
 * with -l and the pipe, which is returned, as its output it stays until it is killed.
 */
static int setuid_program(void)
{
	static char buf[1 << 16];
	int in, out, fd[2];
	ssize_t n;

	OK(chmod(check_tmpdir(), 0755));
	in = OK(open("/proc/self/exe", O_RDONLY));
	out = OK(open("suid", O_WRONLY | O_CREAT, 0700));
	while ((n = OK(read(in, buf, sizeof buf))) > 0)
		CHECK_EQ(write(out, buf, n), n);
	close(in);
	close(out);
	OK(chmod("suid", 04755));
	OK(pipe(fd));
	memset(buf, 0, sizeof buf);
	OK(fcntl(fd[1], F_SETFL, O_NONBLOCK));
	while (write(fd[1], buf, PAGE) > 0)
		;
	OK(fcntl(fd[1], F_SETFL, 0));
	return fd[1];
}

static volatile int mark = 0x1234;	/* in a new image; a child of the test sets it to 1 */

TEST(memory_of_a_setuid_program)
{
	int output = setuid_program();

	CHILD_OK({
		check_become(1000, 1000);
		for (int i = 0; i < 150; i++) {
			pid_t pid = SPAWN({
				mark = 1;
				dup2(output, 1);
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
	int output = setuid_program();

	CHILD_OK({
		static char stack[65536] __attribute__((aligned(16)));
		char name[64];
		char text[4096];
		pid_t pid;

		check_become(1000, 1000);
		umask(022);
		pid = OK(clone(run_setuid, stack + sizeof stack, CLONE_FS | SIGCHLD,
			       (void *)(intptr_t)output));
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
	int output = setuid_program(), st;
	pid_t pid;

	pid = SPAWN({
		if (!syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0)) {
			check_sleep_ms(100);
			_exit(0);
		}
		run_setuid((void *)(intptr_t)output);
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
	int output = setuid_program();

	CHECK_NE(stack_of_setuid(output), stack_of_setuid(output));
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
