/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGCHLD in all its forms, and signals sent with a siginfo of one's own. */
#include "check.h"

#include <sys/mman.h>
#include <sys/syscall.h>

static volatile int hits;
static volatile siginfo_t info;

static void count(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	info = *si;
	hits++;
}

static void catch(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | flags };

	OK(sigaction(sig, &sa, NULL));
}

static void wait_hits(int n)
{
	for (int i = 0; hits < n && i < 5000; i++)
		check_sleep_ms(1);
	CHECK_EQ(hits, n);
}

TEST(codes)
{
	pid_t pid;

	catch(SIGCHLD, SA_RESTART);
	pid = SPAWN(for (;;) pause());
	kill(pid, SIGSTOP);
	wait_hits(1);
	CHECK_EQ(info.si_code, CLD_STOPPED);
	CHECK_EQ(info.si_status, SIGSTOP);
	CHECK_EQ(info.si_pid, pid);
	kill(pid, SIGCONT);
	wait_hits(2);
	CHECK_EQ(info.si_code, CLD_CONTINUED);
	CHECK_EQ(info.si_status, SIGCONT);
	kill(pid, SIGKILL);
	wait_hits(3);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGKILL);
	CHECK_EQ(check_wait(pid), SIGKILL);
}

TEST(nocldstop)
{
	pid_t pid;

	catch(SIGCHLD, SA_RESTART | SA_NOCLDSTOP);
	pid = SPAWN(for (;;) pause());
	kill(pid, SIGSTOP);
	check_wait_state(pid, "T");
	check_sleep_ms(10);
	CHECK_EQ(hits, 0);
	kill(pid, SIGCONT);
	kill(pid, SIGKILL);
	wait_hits(1);
	CHECK_EQ(info.si_code, CLD_KILLED);
	check_wait(pid);
}

TEST(nocldwait)
{
	int st;

	catch(SIGCHLD, SA_NOCLDWAIT | SA_RESTART);
	SPAWN(_exit(3));
	ERR(wait(&st), ECHILD);		/* reaps itself, but the signal comes */
	wait_hits(1);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_status, 3);
}

TEST(wait_in_handler_free_loop)
{
	sigset_t s;
	siginfo_t si;
	int left = 20;

	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	for (int i = 0; i < 20; i++)
		SPAWN(_exit(0));
	while (left) {			/* one signal may stand for several children */
		CHECK_EQ(sigwaitinfo(&s, &si), SIGCHLD);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			left--;
	}
}

TEST(own_siginfo)
{
	siginfo_t si;

	catch(SIGUSR1, 0);
	memset(&si, 0, sizeof si);
	si.si_code = -77;
	si.si_pid = 4321;
	si.si_value.sival_int = 5;
	OK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si));
	CHECK_EQ(info.si_code, -77);
	CHECK_EQ(info.si_pid, 4321);
	CHECK_EQ(info.si_value.sival_int, 5);
	si.si_code = SI_USER;		/* to others the kernel's own codes may not be faked */
	ERR(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si), EPERM);
	si.si_code = SI_TKILL;
	ERR(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si), EPERM);
	si.si_code = -77;
	OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &si));
	CHECK_EQ(hits, 2);
}

TEST(exit_signal_of_clone)
{
	pid_t pid;

	catch(SIGUSR2, 0);
	pid = OK(syscall(SYS_clone, SIGUSR2, NULL, NULL, NULL, NULL));
	if (!pid)
		_exit(0);
	wait_hits(1);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(waitpid(pid, NULL, __WALL), pid);
}

TEST(signals_before_wait)
{
	/* a stop that is followed by a continue leaves nothing stopped to report */
	pid_t pid = SPAWN(for (;;) pause());
	int st;

	kill(pid, SIGSTOP);
	check_wait_state(pid, "T");
	kill(pid, SIGCONT);
	check_wait_state(pid, "S");
	CHECK_EQ(waitpid(pid, &st, WUNTRACED | WNOHANG), 0);
	CHECK_EQ(waitpid(pid, &st, WCONTINUED | WNOHANG), pid);
	kill(pid, SIGKILL);
	check_wait(pid);
}
