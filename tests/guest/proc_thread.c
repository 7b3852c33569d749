/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads as parents and as targets: PIDFD_THREAD, __WNOTHREAD, PR_SET_PDEATHSIG. */
#include "check.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define PIDFD_THREAD_FLAG O_EXCL
enum { ONE_THREAD = 1, WHOLE_PROCESS = 2, WHOLE_GROUP = 4 };	/* pidfd_send_signal's flags */

static int pidfd_open_(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static int send_(int fd, int sig, unsigned flags)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, flags);
}

static volatile int tid, go, took_on, kid;

static void note_thread(int sig)
{
	(void)sig;
	took_on = gettid();
}

/* Waits for go with signals possible, then ends. */
static void *waiting_thread(void *arg)
{
	tid = gettid();
	while (!go)
		usleep(1000);
	return arg;
}

TEST(pidfd_of_thread)
{
	struct pollfd pfd = { .events = POLLIN };
	pthread_t th;
	siginfo_t si;
	int fd, pfd2;

	CHECK(signal(SIGUSR1, note_thread) != SIG_ERR);
	CHECK_EQ(pthread_create(&th, NULL, waiting_thread, NULL), 0);
	while (!tid)
		usleep(1000);
	ERR(pidfd_open_(tid, 0), ENOENT);	/* leads no process */
	fd = pfd.fd = OK(pidfd_open_(tid, PIDFD_THREAD_FLAG));
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	OK(send_(fd, SIGUSR1, 0));
	while (!took_on)
		usleep(1000);
	CHECK_EQ(took_on, tid);
	took_on = 0;
	pfd2 = OK(pidfd_open_(getpid(), 0));
	OK(send_(pfd2, SIGUSR1, ONE_THREAD));	/* the leader */
	CHECK_EQ(took_on, getpid());
	ERR(send_(fd, SIGUSR1, ONE_THREAD | WHOLE_PROCESS), EINVAL);
	ERR(send_(fd, SIGUSR1, 8), EINVAL);
	ERR(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED), ECHILD);
	go = 1;
	CHECK_EQ(pthread_join(th, NULL), 0);
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	CHECK(pfd.revents & POLLHUP);
	ERR(send_(fd, 0, 0), ESRCH);
}

TEST(pidfd_of_group)
{
	int fds[2], fd;
	char c;
	pid_t pid;

	OK(pipe(fds));
	pid = SPAWN(
		setpgid(0, 0);
		SPAWN(OK(write(fds[1], "x", 1)); pause());
		pause();
	);
	close(fds[1]);
	OK(read(fds[0], &c, 1));
	fd = OK(pidfd_open_(pid, 0));
	OK(send_(fd, SIGKILL, WHOLE_GROUP));
	CHECK_EQ(read(fds[0], &c, 1), 0);	/* both are gone */
	CHECK_EQ(check_wait(pid), SIGKILL);
}

TEST(pidfd_leader_and_threads)
{
	pid_t pid = SPAWN(
		pthread_t th;

		CHECK_EQ(pthread_create(&th, NULL, waiting_thread, NULL), 0);
		signal(SIGUSR1, note_thread);
		syscall(SYS_exit, 0);
	);
	int fd = OK(pidfd_open_(pid, PIDFD_THREAD_FLAG));
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	check_sleep_ms(100);
	CHECK_EQ(poll(&pfd, 1, 0), 0);		/* a thread lives on (Linux 6.15) */
	kill(pid, SIGKILL);
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	check_wait(pid);
}

TEST(clone3_thread_pidfd)
{
	int fd = -1;
	struct clone_args a = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_PIDFD,
		.pidfd = (uintptr_t)&fd,
	};
	static char stack[65536] __attribute__((aligned(16)));
	struct pollfd pfd = { .events = POLLIN };
	register long x8 __asm__("x8") = SYS_clone3, x0 __asm__("x0") = (long)&a,
		      x1 __asm__("x1") = sizeof a;

	a.stack = (uintptr_t)stack;
	a.stack_size = sizeof stack;
	__asm__ volatile("svc #0\n\tcbnz x0, 1f\n\tmov x8, %2\n\tsvc #0\n1:"
			 : "+r"(x0) : "r"(x8), "i"(SYS_exit), "r"(x1) : "memory");
	CHECK_GE(x0, 1);
	CHECK_GE(fd, 3);
	pfd.fd = fd;
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	CHECK(pfd.revents & POLLHUP);
	CHECK(fcntl(fd, F_GETFL) & O_EXCL);
}

TEST(waitid_nonblocking_pidfd)
{
	pid_t pid = SPAWN(pause());
	int fd = OK(pidfd_open_(pid, O_NONBLOCK));
	siginfo_t si;

	ERR(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED), EAGAIN);
	si.si_pid = 5;
	OK(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED | WNOHANG));
	CHECK_EQ(si.si_pid, 0);
	kill(pid, SIGKILL);
	for (int i = 0; i < 1000 && waitid((idtype_t)P_PIDFD, fd, &si, WEXITED); i++) {
		CHECK_EQ(errno, EAGAIN);
		check_sleep_ms(10);
	}
	CHECK_EQ(si.si_pid, pid);
}

/* Makes a child, waits for go, ends. */
static void *parent_thread(void *arg)
{
	kid = SPAWN(
		if (arg)
			prctl(PR_SET_PDEATHSIG, (long)arg);
		pause();
	);
	return waiting_thread(arg);
}

static pthread_t start_parent(long pdeathsig)
{
	pthread_t th;

	kid = go = tid = 0;
	CHECK_EQ(pthread_create(&th, NULL, parent_thread, (void *)pdeathsig), 0);
	while (!tid)
		usleep(1000);
	return th;
}

TEST(wait_nothread)
{
	pthread_t th = start_parent(0);
	siginfo_t si;
	int st;

	ERR(wait4(kid, &st, WNOHANG | __WNOTHREAD, NULL), ECHILD);
	ERR(waitid(P_PID, kid, &si, WEXITED | WNOHANG | __WNOTHREAD), ECHILD);
	CHECK_EQ(wait4(kid, &st, WNOHANG, NULL), 0);
	CHECK_EQ(kill(tid, 0), 0);	/* any thread's number stands for the process */
	go = 1;		/* its children become ours */
	CHECK_EQ(pthread_join(th, NULL), 0);
	while (!kill(tid, 0))	/* pthread_join does not wait for the thread's very end */
		usleep(1000);
	CHECK_EQ(wait4(kid, &st, WNOHANG | __WNOTHREAD, NULL), 0);
	kill(kid, SIGKILL);
	CHECK_EQ(wait4(kid, &st, __WNOTHREAD, NULL), kid);
}

TEST(death_of_parent_thread)
{
	pthread_t th = start_parent(SIGTERM);
	int st;

	check_wait_state(kid, "S");
	CHECK_EQ(waitpid(kid, &st, WNOHANG), 0);
	go = 1;
	CHECK_EQ(pthread_join(th, NULL), 0);
	CHECK_EQ(check_wait(kid), SIGTERM);	/* though the process lives on */
}

/* The thread that forked is another than the one that dies: no signal. */
TEST(death_of_other_thread)
{
	pthread_t th;
	pid_t pid = SPAWN(prctl(PR_SET_PDEATHSIG, SIGTERM); pause());
	int st;

	check_wait_state(pid, "S");
	go = 1;
	CHECK_EQ(pthread_create(&th, NULL, waiting_thread, NULL), 0);
	CHECK_EQ(pthread_join(th, NULL), 0);
	check_sleep_ms(50);
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	kill(pid, SIGKILL);
	check_wait(pid);
}

TEST(death_signal_info)
{
	int fds[2], got[3] = { 0 };
	pid_t pid;

	OK(pipe(fds));
	pid = SPAWN(
		SPAWN(
			sigset_t s; siginfo_t si; pid_t parent = getppid();

			sigemptyset(&s);
			sigaddset(&s, SIGUSR2);
			sigprocmask(SIG_BLOCK, &s, NULL);
			prctl(PR_SET_PDEATHSIG, SIGUSR2);
			OK(write(fds[1], "r", 1));
			if (sigwaitinfo(&s, &si) > 0) {
				int m[3] = { si.si_code, si.si_pid == parent, si.si_signo };
				OK(write(fds[1], m, sizeof m));
			}
		);
		char c;
		OK(read(fds[0], &c, 1));
	);
	CHECK_EQ(check_wait(pid), 0);
	CHECK_EQ(read(fds[0], got, sizeof got), sizeof got);
	CHECK_EQ(got[0], SI_USER);
	CHECK_EQ(got[1], 1);
	CHECK_EQ(got[2], SIGUSR2);
}
