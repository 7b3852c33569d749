/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals: dispositions, masks, siginfo, restart, queueing, waiting for them, permission. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static volatile int hits, last_sig;
static volatile siginfo_t last_info;

static void count(int sig, siginfo_t *si, void *ctx)
{
	(void)ctx;
	hits++;
	last_sig = sig;
	last_info = *si;
}

static void catch(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | flags };

	OK(sigaction(sig, &sa, NULL));
}

static sigset_t set_of(int sig)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	return s;
}

TEST(siginfo_kill)
{
	catch(SIGUSR1, 0);
	OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(hits, 1);
	CHECK_EQ(last_info.si_signo, SIGUSR1);
	CHECK_EQ(last_info.si_code, SI_USER);
	CHECK_EQ(last_info.si_pid, getpid());
	CHECK_EQ(last_info.si_uid, 0);
	raise(SIGUSR1);
	CHECK_EQ(last_info.si_code, SI_TKILL);
}

TEST(siginfo_sigqueue)
{
	union sigval v = { .sival_ptr = (void *)0x123456789abcUL };

	catch(SIGRTMIN + 2, 0);
	OK(sigqueue(getpid(), SIGRTMIN + 2, v));
	CHECK_EQ(last_info.si_code, SI_QUEUE);
	CHECK_EQ((uintptr_t)last_info.si_value.sival_ptr, 0x123456789abcUL);
	CHECK_EQ(last_info.si_pid, getpid());
}

TEST(siginfo_child)
{
	pid_t pid;

	catch(SIGCHLD, SA_NOCLDSTOP);
	pid = SPAWN(_exit(77));
	while (!hits)
		check_sleep_ms(1);
	CHECK_EQ(last_info.si_code, CLD_EXITED);
	CHECK_EQ(last_info.si_pid, pid);
	CHECK_EQ(last_info.si_status, 77);
}

TEST(siginfo_fault)
{
	char *p = check_anon(PAGE);

	OK(mprotect(p, PAGE, PROT_READ));
	CHECK_FAULT(check_write(p + 17), SIGSEGV, SEGV_ACCERR, p + 17);
	CHECK_FAULT(check_read(BAD_PTR), SIGSEGV, SEGV_MAPERR, BAD_PTR);
}

TEST(illegal_instruction)
{
	uint32_t *p = check_anon(PAGE);

	p[0] = 0;			/* udf #0 */
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	CHECK_FAULT(check_exec(p), SIGILL, ILL_ILLOPC, p);
}

TEST(misaligned_pc)
{
	struct check_fault f = check_exec((char *)(uintptr_t)&check_exec + 2);

	CHECK_EQ(f.sig, SIGBUS);
	CHECK_EQ(f.code, BUS_ADRALN);
}

TEST(breakpoint)
{
	catch(SIGTRAP, 0);
	CHILD_OK(
		signal(SIGTRAP, SIG_DFL);
		int st = IN_CHILD(__asm__ volatile("brk #0"););
		CHECK_EQ(st & 0x7f, SIGTRAP);
	);
}

TEST(privileged_instruction)
{
	uint32_t *p = check_anon(PAGE);
	struct check_fault f;

	p[0] = 0xd5384240;		/* mrs x0, CurrentEL: not for EL0 */
	p[1] = 0xd65f03c0;
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	__builtin___clear_cache((char *)p, (char *)p + 8);
	f = check_exec(p);
	CHECK_EQ(f.sig, SIGILL);
}

TEST(default_actions)
{
	static const int fatal[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGFPE, SIGKILL,
		SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGBUS, SIGSYS, SIGXCPU,
		SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTRAP, 34, 64 };
	static const int ignored[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
	struct rlimit rl = { 0, 0 };

	OK(setrlimit(RLIMIT_CORE, &rl));
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
		int st = IN_CHILD(kill(getpid(), fatal[i]););

		if (!WIFSIGNALED(st) || WTERMSIG(st) != fatal[i])
			FAIL("signal %d: wait status %#x", fatal[i], st);
	}
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		CHILD_OK(kill(getpid(), ignored[i]););
}

TEST(stop_signals)
{
	static const int stops[] = { SIGSTOP, SIGTSTP };

	for (int i = 0; i < 2; i++) {
		pid_t pid = SPAWN(kill(getpid(), stops[i]));
		int st;

		/* in an orphaned process group SIGTSTP would be ignored; ours is not */
		CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
		if (st == 0)
			continue;
		CHECK(WIFSTOPPED(st));
		CHECK_EQ(WSTOPSIG(st), stops[i]);
		kill(pid, SIGCONT);
		CHECK_EQ(check_wait(pid), 0);
	}
}

TEST(mask_and_pending)
{
	sigset_t s = set_of(SIGUSR1), old, pend;

	catch(SIGUSR1, 0);
	OK(sigprocmask(SIG_BLOCK, &s, &old));
	CHECK(!sigismember(&old, SIGUSR1));
	raise(SIGUSR1);
	raise(SIGUSR1);			/* merged */
	CHECK_EQ(hits, 0);
	OK(sigpending(&pend));
	CHECK(sigismember(&pend, SIGUSR1));
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
	CHECK_EQ(hits, 1);
	OK(sigpending(&pend));
	CHECK(!sigismember(&pend, SIGUSR1));
}

TEST(kill_and_stop_cannot_be_blocked)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };
	sigset_t s, now;

	sigfillset(&s);
	OK(sigprocmask(SIG_SETMASK, &s, NULL));
	OK(sigprocmask(SIG_SETMASK, NULL, &now));
	CHECK(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP));
	CHECK(sigismember(&now, SIGTERM));
	ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	OK(sigaction(SIGKILL, NULL, &sa));
}

TEST(errors)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };
	uint64_t set = 0;

	ERR(sigaction(0, &sa, NULL), EINVAL);
	ERR(sigaction(65, &sa, NULL), EINVAL);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, BAD_PTR, NULL, 8), EFAULT);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
	ERR(syscall(SYS_rt_sigprocmask, 77, &set, NULL, 8), EINVAL);
	ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD_PTR, NULL, 8), EFAULT);
	ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, BAD_PTR, 8), EFAULT);
	ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
	ERR(syscall(SYS_rt_sigpending, BAD_PTR, 8), EFAULT);
	ERR(syscall(SYS_rt_sigsuspend, &set, 7), EINVAL);
	ERR(syscall(SYS_rt_sigsuspend, BAD_PTR, 8), EFAULT);
	ERR(kill(getpid(), 65), EINVAL);
	ERR(kill(getpid(), -1), EINVAL);
	ERR(kill(4000000, 0), ESRCH);
	ERR(kill(-4000000, SIGTERM), ESRCH);
	ERR(syscall(SYS_tgkill, getpid(), 4000000, 0), ESRCH);
	ERR(syscall(SYS_tgkill, 1, getpid(), 0), ESRCH);	/* not a thread of process 1 */
	ERR(syscall(SYS_tgkill, -1, getpid(), 0), EINVAL);
	ERR(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
	ERR(syscall(SYS_tkill, 0, 0), EINVAL);
	ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, BAD_PTR), EFAULT);
}

TEST(kill_targets)
{
	pid_t a, b;

	catch(SIGUSR2, 0);
	OK(kill(getpid(), 0));
	a = SPAWN(setpgid(0, 0); for (;;) pause());
	setpgid(a, a);
	b = SPAWN(setpgid(0, a); for (;;) pause());
	setpgid(b, a);
	OK(kill(-a, SIGTERM));
	CHECK_EQ(check_wait(a), SIGTERM);
	CHECK_EQ(check_wait(b), SIGTERM);
	OK(kill(0, SIGUSR2));			/* our own group: the test only */
	CHECK_EQ(hits, 1);
}

TEST(kill_permission)
{
	pid_t root = SPAWN(for (;;) pause());
	volatile int *ready = check_shared(PAGE);
	pid_t other = SPAWN(check_become(2000, 2000); *ready = 1; for (;;) pause());

	check_wait_flag(ready, 1);
	CHILD_OK(
		check_become(1000, 1000);
		ERR(kill(root, SIGTERM), EPERM);
		ERR(kill(root, 0), EPERM);
		ERR(kill(1, SIGTERM), EPERM);
		ERR(kill(other, SIGTERM), EPERM);
		OK(kill(getpid(), 0));
	);
	CHILD_OK(check_become(2000, 2000); OK(kill(other, SIGTERM)););
	CHECK_EQ(check_wait(other), SIGTERM);
	/* SIGCONT is allowed within a session */
	CHILD_OK(check_become(1000, 1000); OK(kill(root, SIGCONT)););
	kill(root, SIGKILL);
	check_wait(root);
}

TEST(restart_read)
{
	int fds[2];
	pid_t pid, me = getpid();
	char c = 0;

	OK(pipe(fds));
	catch(SIGUSR1, SA_RESTART);
	pid = SPAWN(
		check_wait_state(me, "S");
		kill(me, SIGUSR1);
		check_sleep_ms(30);
		CHECK_EQ(write(fds[1], "x", 1), 1);
	);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(hits, 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(no_restart_read)
{
	int fds[2];
	pid_t pid, me = getpid();
	char c = 0;

	OK(pipe(fds));
	catch(SIGUSR1, 0);
	pid = SPAWN(check_wait_state(me, "S"); kill(me, SIGUSR1););
	ERR(read(fds[0], &c, 1), EINTR);
	CHECK_EQ(hits, 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(never_restarted)
{
	struct timespec ts = { 20, 0 };
	struct pollfd pfd = { .fd = -1 };
	pid_t pid, me = getpid();

	catch(SIGUSR1, SA_RESTART);	/* no matter: these always end */
	pid = SPAWN(check_wait_state(me, "S"); kill(me, SIGUSR1););
	ERR(poll(&pfd, 1, 20000), EINTR);
	check_wait(pid);
	pid = SPAWN(check_wait_state(me, "S"); kill(me, SIGUSR1););
	ERR(nanosleep(&ts, &ts), EINTR);
	CHECK_GE(ts.tv_sec, 1);
	check_wait(pid);
	pid = SPAWN(check_wait_state(me, "S"); kill(me, SIGUSR1););
	ERR(pause(), EINTR);
	check_wait(pid);
	CHECK_EQ(hits, 3);
}

TEST(restart_after_stop)
{
	int fds[2];
	pid_t pid;

	/* without a handler, stop and continue do not interrupt a read */
	OK(pipe(fds));
	pid = SPAWN(char c; CHECK_EQ(read(fds[0], &c, 1), 1););
	check_wait_state(pid, "S");
	kill(pid, SIGSTOP);
	check_wait_state(pid, "T");
	kill(pid, SIGCONT);
	check_wait_state(pid, "S");
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(sleep_continues_after_stop)
{
	pid_t pid = SPAWN(
		struct timespec ts = { 0, 200 * MSEC };
		long long t = check_now();

		OK(nanosleep(&ts, NULL));	/* restarted with what is left */
		CHECK_GE(check_now() - t, 200 * MSEC);
	);

	check_wait_state(pid, "S");
	kill(pid, SIGSTOP);
	check_wait_state(pid, "T");
	kill(pid, SIGCONT);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(nodefer)
{
	catch(SIGUSR1, SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(hits, 1);
}

static volatile int depth, max_depth;

static volatile int raised;

static void raise_once(int sig)
{
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	if (!raised++)
		raise(sig);
	depth--;
}

static void nest(int sig)
{
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	if (depth < 5)
		raise(sig);
	depth--;
}

TEST(nested)
{
	struct sigaction sa = { .sa_handler = nest, .sa_flags = SA_NODEFER };

	OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_EQ(max_depth, 5);
	max_depth = 0;
	sa = (struct sigaction){ .sa_handler = raise_once };	/* deferred: one after the other */
	OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_EQ(max_depth, 1);
	CHECK_EQ(raised, 2);
}

static sigset_t seen_mask;

static void look_at_mask(int sig)
{
	(void)sig;
	sigprocmask(SIG_SETMASK, NULL, &seen_mask);
}

TEST(handler_mask)
{
	struct sigaction sa = { .sa_handler = look_at_mask };
	sigset_t now;

	sigaddset(&sa.sa_mask, SIGHUP);
	OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK(sigismember(&seen_mask, SIGHUP) && sigismember(&seen_mask, SIGUSR1));
	CHECK(!sigismember(&seen_mask, SIGUSR2));
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(!sigismember(&now, SIGHUP) && !sigismember(&now, SIGUSR1));
}

TEST(resethand)
{
	struct sigaction sa;

	catch(SIGUSR1, SA_RESETHAND);
	raise(SIGUSR1);
	CHECK_EQ(hits, 1);
	OK(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
}

TEST(sigaction_returns_old)
{
	struct sigaction old;

	catch(SIGUSR1, SA_RESTART | SA_NODEFER);
	OK(sigaction(SIGUSR1, NULL, &old));
	CHECK(old.sa_sigaction == count);
	CHECK_EQ(old.sa_flags & (SA_SIGINFO | SA_RESTART | SA_NODEFER),
		 SA_SIGINFO | SA_RESTART | SA_NODEFER);
}

TEST(sigsuspend_swaps_mask)
{
	sigset_t s = set_of(SIGUSR1), none, now;
	pid_t pid, me = getpid();

	catch(SIGUSR1, 0);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	raise(SIGUSR1);			/* pending: sigsuspend returns at once */
	sigemptyset(&none);
	ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(hits, 1);
	OK(sigprocmask(SIG_SETMASK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1));
	pid = SPAWN(check_wait_state(me, "S"); kill(me, SIGUSR1););
	ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(hits, 2);
	CHECK_EQ(check_wait(pid), 0);
}

TEST(sigtimedwait_calls)
{
	sigset_t s = set_of(SIGUSR1);
	struct timespec ts = { 0, 20 * MSEC }, zero = { 0, 0 }, bad = { 0, -1 };
	siginfo_t si;
	pid_t pid, me = getpid();

	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	ERR(sigtimedwait(&s, &si, &zero), EAGAIN);
	ERR(sigtimedwait(&s, &si, &ts), EAGAIN);
	ERR(sigtimedwait(&s, &si, &bad), EINVAL);
	raise(SIGUSR1);
	CHECK_EQ(sigtimedwait(&s, &si, &zero), SIGUSR1);
	CHECK_EQ(si.si_signo, SIGUSR1);
	pid = SPAWN(check_wait_state(me, "S"); kill(me, SIGUSR1););
	CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR1);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(check_wait(pid), 0);
	ERR(syscall(SYS_rt_sigtimedwait, BAD_PTR, NULL, NULL, 8), EFAULT);
	ERR(syscall(SYS_rt_sigtimedwait, &s, NULL, NULL, 4), EINVAL);
}

static int order[16], orders;

static void record(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	order[orders++] = si->si_value.sival_int;
}

TEST(realtime_queueing)
{
	struct sigaction sa = { .sa_sigaction = record, .sa_flags = SA_SIGINFO };
	sigset_t all;

	sigfillset(&all);
	sa.sa_mask = all;
	for (int s = 0; s < 2; s++)
		OK(sigaction(SIGRTMIN + s, &sa, NULL));
	OK(sigprocmask(SIG_BLOCK, &all, NULL));
	for (int i = 0; i < 4; i++) {		/* all are kept, in order; low numbers first */
		OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 10 + i }));
		OK(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }));
	}
	OK(sigprocmask(SIG_UNBLOCK, &all, NULL));
	CHECK_EQ(orders, 8);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(order[i], i);
		CHECK_EQ(order[i + 4], 10 + i);
	}
}

TEST(sigpending_limit)
{
	struct rlimit rl = { 4, 4 };
	sigset_t s = set_of(SIGRTMIN);
	int n = 0;

	OK(setrlimit(RLIMIT_SIGPENDING, &rl));
	check_become(3210, 3210);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	while (n < 100 && !sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }))
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 4);
}

static pthread_t main_thread;

static void *tgkill_thread(void *arg)
{
	pthread_kill(main_thread, SIGUSR1);
	return arg;
}

static volatile pid_t handled_by;

static void note_tid(int sig)
{
	(void)sig;
	handled_by = syscall(SYS_gettid);
}

TEST(directed_to_thread)
{
	struct sigaction sa = { .sa_handler = note_tid };
	pthread_t t;

	OK(sigaction(SIGUSR1, &sa, NULL));
	main_thread = pthread_self();
	CHECK_EQ(pthread_create(&t, NULL, tgkill_thread, NULL), 0);
	pthread_join(t, NULL);
	check_wait_flag(&handled_by, getpid());
}

static void *waiting_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

TEST(process_signal_finds_a_thread)
{
	struct sigaction sa = { .sa_handler = note_tid };
	sigset_t s = set_of(SIGUSR1);
	pthread_t t;

	OK(sigaction(SIGUSR1, &sa, NULL));
	CHECK_EQ(pthread_create(&t, NULL, waiting_thread, NULL), 0);
	OK(pthread_sigmask(SIG_BLOCK, &s, NULL));	/* the main thread does not want it */
	kill(getpid(), SIGUSR1);
	for (int i = 0; !handled_by && i < 5000; i++)
		check_sleep_ms(1);
	CHECK_NE(handled_by, 0);
	CHECK_NE(handled_by, getpid());
}

TEST(mask_inherited_pending_not)
{
	sigset_t s = set_of(SIGUSR1), now;

	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	raise(SIGUSR1);
	CHILD_OK(
		OK(sigprocmask(SIG_SETMASK, NULL, &now));
		CHECK(sigismember(&now, SIGUSR1));
		OK(sigpending(&now));
		CHECK(!sigismember(&now, SIGUSR1));
	);
}

TEST(sigpipe)
{
	int fds[2];

	catch(SIGPIPE, 0);
	OK(pipe(fds));
	close(fds[0]);
	ERR(write(fds[1], "x", 1), EPIPE);
	CHECK_EQ(hits, 1);
	signal(SIGPIPE, SIG_IGN);
	ERR(write(fds[1], "x", 1), EPIPE);
}

TEST(ignored_fault_kills)
{
	int st = IN_CHILD(
		signal(SIGSEGV, SIG_IGN);
		*(volatile int *)BAD_PTR = 1;
	);

	CHECK_EQ(WTERMSIG(st), SIGSEGV);
	st = IN_CHILD(
		sigset_t s = set_of(SIGSEGV);

		catch(SIGSEGV, 0);
		sigprocmask(SIG_BLOCK, &s, NULL);
		*(volatile int *)BAD_PTR = 1;
	);
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
}

TEST(ignored_discards_pending)
{
	sigset_t s = set_of(SIGUSR1);

	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	catch(SIGUSR1, 0);
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
	CHECK_EQ(hits, 0);
}

TEST(cont_discards_stop)
{
	sigset_t s = set_of(SIGTSTP), p;

	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	raise(SIGTSTP);
	raise(SIGCONT);
	OK(sigpending(&p));
	CHECK(!sigismember(&p, SIGTSTP));
}

TEST(many_signals)
{
	pid_t me = getpid(), pid;

	catch(SIGRTMIN + 3, SA_RESTART);
	pid = SPAWN(
		for (int i = 0; i < 500; i++)
			while (sigqueue(me, SIGRTMIN + 3, (union sigval){ 0 }) && errno == EAGAIN)
				check_sleep_ms(1);
	);
	CHECK_EQ(check_wait(pid), 0);
	for (int i = 0; hits < 500 && i < 1000; i++)
		check_sleep_ms(1);
	CHECK_EQ(hits, 500);
}

static long sigq(const char *which)
{
	char buf[4096], *p;

	check_read_file("/proc/self/status", buf, sizeof buf);
	CHECK(p = strstr(buf, "SigQ:"));
	return atol(*which == 'u' ? p + 5 : strchr(p, '/') + 1);
}

/* Timers count, and so do signals that they left behind. */
TEST(limit_counts_timers)
{
	CHILD_OK(
		struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
		struct itimerspec it = { .it_value.tv_nsec = 1 };
		struct rlimit rl = { 20, 20 };
		timer_t id[30];
		sigset_t s;
		int n = 0;

		check_become(4323, 4323);
		sigfillset(&s);
		sigprocmask(SIG_SETMASK, &s, NULL);
		OK(setrlimit(RLIMIT_SIGPENDING, &rl));
		while (n < 12)
			OK(timer_create(CLOCK_MONOTONIC, &ev, &id[n++]));
		CHECK_EQ(sigq("used"), 12);
		CHILD_OK(for (int i = 0; i < 8; i++)
				OK(timer_create(CLOCK_MONOTONIC, &ev, &id[12]));
			 ERR(timer_create(CLOCK_MONOTONIC, &ev, &id[12]), EAGAIN););
		while (n)
			OK(timer_delete(id[--n]));
		CHECK_LE(sigq("used"), 1);		/* SIGCHLD */
		for (; n < 30 && timer_create(CLOCK_MONOTONIC, &ev, &id[0]) == 0; n++) {
			OK(timer_settime(id[0], 0, &it, NULL));
			check_sleep_ms(2);
			OK(timer_delete(id[0]));
		}
		CHECK_EQ(errno, EAGAIN);
		CHECK_LE(n, 20);
	);
}

/* RLIMIT_SIGPENDING counts what waits for all processes of a user. */
TEST(limit_is_the_users)
{
	CHILD_OK(
		union sigval v = { .sival_int = 1 };
		struct rlimit rl = { 10, 10 };
		sigset_t s;
		pid_t pid;

		check_become(4322, 4322);
		sigfillset(&s);
		sigprocmask(SIG_SETMASK, &s, NULL);
		OK(setrlimit(RLIMIT_SIGPENDING, &rl));
		CHECK_EQ(sigq("used"), 0);
		CHECK_EQ(sigq("limit"), 10);
		pid = SPAWN(pause());
		for (int i = 0; i < 6; i++)
			OK(sigqueue(pid, SIGRTMIN, v));
		CHECK_EQ(sigq("used"), 6);
		CHILD_OK(for (int i = 0; i < 4; i++) OK(sigqueue(getpid(), SIGRTMIN + 1, v));
			 ERR(sigqueue(getpid(), SIGRTMIN + 1, v), EAGAIN);
			 ERR(sigqueue(pid, SIGRTMIN, v), EAGAIN);
			 OK(kill(getpid(), SIGRTMIN + 2));	/* its details are lost, it is not */
		);
		CHECK_EQ(sigq("used"), 7);	/* the dead have none; our SIGCHLD is one */
		for (int i = 0; i < 3; i++)
			OK(sigqueue(pid, SIGRTMIN, v));
		kill(pid, SIGKILL);
		check_wait(pid);
		CHECK_EQ(sigq("used"), 1);
	);
}
