/* SPDX-License-Identifier: BSD-2-Clause */
/* fork, vfork, clone, clone3 and every way to wait. */
#include "check.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>


static int pidfd_open_(pid_t pid, unsigned int flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

static long clone3_(struct clone_args *a, size_t size)
{
	return syscall(SYS_clone3, a, size);
}

TEST(exit_status)
{
	for (int i = 0; i < 98; i += 7) {
		int st = IN_CHILD(_exit(i););

		CHECK(WIFEXITED(st));
		CHECK_EQ(WEXITSTATUS(st), i);
	}
	CHECK_EQ(IN_CHILD(_exit(0x1ff);), 0xff00);
	CHECK_EQ(IN_CHILD(kill(getpid(), SIGKILL);), SIGKILL);
	CHECK_EQ(IN_CHILD(signal(SIGTERM, SIG_DFL); raise(SIGTERM);), SIGTERM);
}

TEST(ids)
{
	pid_t me = getpid();

	CHECK_NE(getppid(), me);
	CHILD_OK(
		CHECK_EQ(getppid(), me);
		CHECK_NE(getpid(), me);
		CHECK_EQ(getpgrp(), me);	/* the harness made the test a group leader */
		CHECK_EQ(syscall(SYS_gettid), getpid());
	);
}

TEST(wait_echild)
{
	int st;

	ERR(wait(&st), ECHILD);
	ERR(waitpid(1, &st, 0), ECHILD);
	ERR(waitpid(-1, &st, WNOHANG), ECHILD);
	ERR(waitpid(getpid(), &st, 0), ECHILD);
	ERR(waitpid(-1, &st, 0x1000), EINVAL);
	ERR(waitpid(INT32_MIN, &st, 0), ESRCH);
}

TEST(wnohang)
{
	int fds[2], st;
	pid_t pid;

	OK(pipe(fds));
	pid = SPAWN(char c; close(fds[1]); CHECK_EQ(read(fds[0], &c, 1), 0);
		    _exit(3););
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	close(fds[1]);
	CHECK_EQ(check_wait(pid), 3 << 8);
	ERR(waitpid(pid, &st, WNOHANG), ECHILD);
}

TEST(wait_bad_pointer)
{
	pid_t pid = SPAWN(_exit(1));

	ERR(syscall(SYS_wait4, pid, BAD_PTR, 0, NULL), EFAULT);
	ERR(waitpid(pid, NULL, 0), ECHILD);		/* it was reaped all the same */
}

TEST(wait_pgid)
{
	pid_t a = SPAWN(pause()), b;
	int st;

	OK(setpgid(a, a));
	b = SPAWN(_exit(5));
	CHECK_EQ(waitpid(0, &st, 0), b);		/* own group only */
	CHECK_EQ(st, 5 << 8);
	ERR(waitpid(0, &st, WNOHANG), ECHILD);
	kill(a, SIGTERM);
	CHECK_EQ(waitpid(-a, &st, 0), a);
	CHECK_EQ(st, SIGTERM);
}

TEST(stop_continue)
{
	pid_t pid = SPAWN(for (;;) pause());
	int st;

	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st));
	CHECK_EQ(WSTOPSIG(st), SIGSTOP);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED | WNOHANG), 0);	/* reported once */
	check_wait_state(pid, "T");
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &st, WCONTINUED), pid);
	CHECK(WIFCONTINUED(st));
	CHECK_EQ(waitpid(pid, &st, WCONTINUED | WNOHANG), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(check_wait(pid), SIGKILL);
}

TEST(kill_stopped)
{
	pid_t pid = SPAWN(for (;;) pause());
	int st;

	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	kill(pid, SIGTERM);			/* stays pending until it goes on */
	check_sleep_ms(20);
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	kill(pid, SIGCONT);
	CHECK_EQ(check_wait(pid), SIGTERM);
}

TEST(waitid_all)
{
	siginfo_t si;
	pid_t pid = SPAWN(_exit(9));

	memset(&si, 0xff, sizeof si);
	OK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_signo, SIGCHLD);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_status, 9);
	CHECK_EQ(si.si_uid, getuid());
	memset(&si, 0, sizeof si);
	OK(waitid(P_ALL, 0, &si, WEXITED));		/* NOWAIT left it */
	CHECK_EQ(si.si_pid, pid);
	ERR(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
	pid = SPAWN(raise(SIGKILL));
	OK(waitid(P_PGID, getpgrp(), &si, WEXITED));
	CHECK_EQ(si.si_code, CLD_KILLED);
	CHECK_EQ(si.si_status, SIGKILL);
	ERR(waitid(P_PID, pid, &si, 0), EINVAL);
	ERR(waitid(P_PID, pid, &si, 0x40000000), EINVAL);
	ERR(waitid((idtype_t)77, pid, &si, WEXITED), EINVAL);
}

TEST(waitid_nohang)
{
	siginfo_t si;
	pid_t pid = SPAWN(for (;;) pause());

	memset(&si, 0xff, sizeof si);
	OK(waitid(P_PID, pid, &si, WEXITED | WNOHANG));
	CHECK_EQ(si.si_pid, 0);
	CHECK_EQ(si.si_signo, 0);
	kill(pid, SIGSTOP);
	OK(waitid(P_PID, pid, &si, WSTOPPED));
	CHECK_EQ(si.si_code, CLD_STOPPED);
	CHECK_EQ(si.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	OK(waitid(P_PID, pid, &si, WCONTINUED));
	CHECK_EQ(si.si_code, CLD_CONTINUED);
	CHECK_EQ(si.si_status, SIGCONT);
	kill(pid, SIGKILL);
	check_wait(pid);
}

TEST(wait_rusage)
{
	struct rusage ru;
	pid_t pid = SPAWN(
		volatile unsigned int n = 0;
		long long end = check_now() + 60 * MSEC;

		while (check_now() < end)
			n++;
	);
	int st;

	memset(&ru, 0xff, sizeof ru);
	CHECK_EQ(wait4(pid, &st, 0, &ru), pid);
	CHECK_EQ(st, 0);
	CHECK_GE(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec +
		 ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec, 1000);
	CHECK_GE(ru.ru_maxrss, 1);
	OK(getrusage(RUSAGE_CHILDREN, &ru));
	OK(getrusage(RUSAGE_SELF, &ru));
	ERR(getrusage(77, &ru), EINVAL);
	ERR(syscall(SYS_getrusage, RUSAGE_SELF, BAD_PTR), EFAULT);
}

TEST(sigchld_ignored_reaps)
{
	int st;

	signal(SIGCHLD, SIG_IGN);
	SPAWN(_exit(1));
	ERR(wait(&st), ECHILD);		/* waits for the end, then finds nothing */
}

TEST(orphan_goes_to_init)
{
	volatile int *ppid = check_shared(PAGE);

	CHILD_OK(
		pid_t parent = getpid();

		SPAWN(
			while (getppid() == parent)
				check_sleep_ms(1);
			*ppid = getppid();
		);
	);
	for (int i = 0; !*ppid && i < 5000; i++)
		check_sleep_ms(1);
	CHECK_EQ(*ppid, 1);
}

TEST(zombie_state)
{
	pid_t pid = SPAWN(_exit(0));

	check_wait_state(pid, "Z");
	CHECK_EQ(kill(pid, 0), 0);		/* a zombie still has its pid */
	CHECK_EQ(check_wait(pid), 0);
	ERR(kill(pid, 0), ESRCH);
}

TEST(vfork_shares)
{
	volatile int *v = check_anon(PAGE);
	pid_t pid = vfork();

	if (!pid) {
		*v = 7;			/* the parent's memory; the parent waits meanwhile */
		_exit(4);
	}
	CHECK_EQ(*v, 7);
	CHECK_EQ(check_wait(pid), 4 << 8);
}

TEST(vfork_exec)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/nonexistent", "x", NULL);
		_exit(errno == ENOENT ? 11 : 12);
	}
	CHECK_EQ(check_wait(pid), 11 << 8);
}

TEST(clone3_plain)
{
	struct clone_args a = { .exit_signal = SIGCHLD };
	pid_t pid = OK(clone3_(&a, sizeof a));

	if (!pid)
		_exit(6);
	CHECK_EQ(check_wait(pid), 6 << 8);
}

TEST(clone3_pidfd_and_tids)
{
	int *shared = check_shared(PAGE);
	int pidfd = -1;
	pid_t ptid = -1, pid;
	struct clone_args a = {
		.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
		.pidfd = (uintptr_t)&pidfd, .parent_tid = (uintptr_t)&ptid,
		.child_tid = (uintptr_t)shared, .exit_signal = SIGCHLD,
	};
	struct pollfd pfd;
	siginfo_t si;

	pid = OK(clone3_(&a, sizeof a));
	if (!pid) {
		check_sleep_ms(20);
		_exit(3);
	}
	CHECK_EQ(ptid, pid);
	CHECK_GE(pidfd, 3);
	CHECK_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	pfd = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	CHECK(pfd.revents & POLLIN);
	CHECK_EQ(shared[0], pid);
	OK(waitid((idtype_t)P_PIDFD, pidfd, &si, WEXITED));
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 3);
}

TEST(clone3_errors)
{
	struct clone_args a = { .exit_signal = SIGCHLD };
	char big[PAGE];

	ERR(clone3_(&a, 8), EINVAL);
	ERR(clone3_(&a, PAGE * 2), E2BIG);
	ERR(clone3_(BAD_PTR, sizeof a), EFAULT);
	memset(big, 0, sizeof big);
	memcpy(big, &a, sizeof a);
	big[200] = 1;			/* an extension that this kernel does not know */
	ERR(clone3_((void *)big, 256), E2BIG);
	a.flags = CLONE_THREAD;		/* needs SIGHAND, which needs VM */
	a.exit_signal = 0;
	ERR(clone3_(&a, sizeof a), EINVAL);
	a.flags = CLONE_SIGHAND;
	ERR(clone3_(&a, sizeof a), EINVAL);
	a.flags = 1ULL << 63;
	ERR(clone3_(&a, sizeof a), EINVAL);
	a.flags = 0;
	a.exit_signal = 1000;
	ERR(clone3_(&a, sizeof a), EINVAL);
	a.exit_signal = SIGCHLD;
	a.stack = 0x1000;		/* a stack without a size */
	ERR(clone3_(&a, sizeof a), EINVAL);
	a.stack = 0;
	a.stack_size = 0x1000;
	ERR(clone3_(&a, sizeof a), EINVAL);
}

static void ignore_it(int sig)
{
	(void)sig;
}

TEST(clone_clear_sighand)
{
	struct clone_args a = { .flags = 0x100000000ULL, .exit_signal = SIGCHLD };
	struct sigaction sa;
	pid_t pid;

	signal(SIGUSR1, ignore_it);
	signal(SIGUSR2, SIG_IGN);
	pid = OK(clone3_(&a, sizeof a));
	if (!pid) {
		CHECK(!sigaction(SIGUSR1, NULL, &sa) && sa.sa_handler == SIG_DFL);
		CHECK(!sigaction(SIGUSR2, NULL, &sa) && sa.sa_handler == SIG_IGN);
		_exit(0);
	}
	CHECK_EQ(check_wait(pid), 0);
}

static int clone_child(void *arg)
{
	*(volatile int *)arg = getpid();
	return 17;
}

TEST(clone_vm_stack)
{
	volatile int v = 0;
	char *stack = check_anon(16 * PAGE);
	int pid = OK(clone(clone_child, stack + 16 * PAGE, CLONE_VM | SIGCHLD, (void *)&v));

	CHECK_EQ(check_wait(pid), 17 << 8);
	CHECK_EQ(v, pid);
}

TEST(clone_no_exit_signal)
{
	volatile int v = 0;
	char *stack = check_anon(16 * PAGE);
	int st, pid = OK(clone(clone_child, stack + 16 * PAGE, CLONE_VM, (void *)&v));

	ERR(waitpid(pid, &st, 0), ECHILD);		/* not without __WALL or __WCLONE */
	CHECK_EQ(waitpid(pid, &st, __WALL), pid);
	CHECK_EQ(st, 17 << 8);
}

static int clone_fd_child(void *arg)
{
	close(*(int *)arg);
	return chdir("/proc") ? 1 : 0;
}

TEST(clone_files_and_fs)
{
	char cwd[100], *stack = check_anon(16 * PAGE);
	int fd = OK(dup(1)), pid;

	OK(chdir("/"));
	pid = OK(clone(clone_fd_child, stack + 16 * PAGE, CLONE_VM | CLONE_FILES | CLONE_FS |
		       SIGCHLD, &fd));
	CHECK_EQ(check_wait(pid), 0);
	ERR(fcntl(fd, F_GETFD), EBADF);
	CHECK(getcwd(cwd, sizeof cwd));
	CHECK_STR(cwd, "/proc");
	fd = OK(dup(1));
	OK(chdir("/"));
	pid = OK(clone(clone_fd_child, stack + 16 * PAGE, CLONE_VM | SIGCHLD, &fd));
	CHECK_EQ(check_wait(pid), 0);
	OK(fcntl(fd, F_GETFD));
	CHECK(getcwd(cwd, sizeof cwd));
	CHECK_STR(cwd, "/");
}

TEST(pidfd_open_poll)
{
	pid_t pid = SPAWN(for (;;) pause());
	int fd = OK(pidfd_open_(pid, 0));
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	siginfo_t si;

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	OK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	OK(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED));
	CHECK_EQ(si.si_status, SIGTERM);
	ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
	ERR(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED), ECHILD);
}

TEST(pidfd_errors)
{
	siginfo_t si;

	ERR(pidfd_open_(-1, 0), EINVAL);
	ERR(pidfd_open_(0, 0), EINVAL);
	ERR(pidfd_open_(4000000, 0), ESRCH);
	ERR(pidfd_open_(getpid(), 0x40000000), EINVAL);
	ERR(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0), EBADF);
	ERR(syscall(SYS_pidfd_send_signal, 999, 0, NULL, 0), EBADF);
	ERR(waitid((idtype_t)P_PIDFD, 999, &si, WEXITED), EBADF);
}

TEST(rlimit_nproc)
{
	int st = IN_CHILD(
		struct rlimit rl = { 1, 1 };

		OK(setrlimit(RLIMIT_NPROC, &rl));
		check_become(4321, 4321);
		ERR(fork(), EAGAIN);
	);

	CHECK_EQ(st, 0);
}

TEST(many_zombies)
{
	enum { N = 100 };
	int seen = 0;

	for (int i = 0; i < N; i++)
		SPAWN(_exit(0));
	while (wait(NULL) > 0)
		seen++;
	CHECK_EQ(seen, N);
}

TEST(fork_chain)
{
	int depth = 0;

	for (; depth < 30; depth++) {
		pid_t pid = check_fork();

		if (pid) {
			CHECK_EQ(check_wait(pid), 0);
			return;
		}
	}
}

TEST(setpgid_setsid)
{
	pid_t pid = SPAWN(for (;;) pause());

	OK(setpgid(pid, 0));
	CHECK_EQ(getpgid(pid), pid);
	ERR(setpgid(pid, 999999), EPERM);
	ERR(setpgid(1, 0), ESRCH);		/* not a child */
	ERR(setpgid(0, -1), EINVAL);
	ERR(getpgid(9999999), ESRCH);
	ERR(getsid(9999999), ESRCH);
	kill(pid, SIGKILL);
	check_wait(pid);
	ERR(setsid(), EPERM);			/* a group leader */
	CHILD_OK(
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		ERR(setpgid(0, 0), EPERM);	/* a session leader */
	);
}
