/* SPDX-License-Identifier: BSD-2-Clause */
/* Stress of processes: fork, exec, threads, signals, futexes, timers. */
#include "stress.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/time.h>

static void fork_tree(void)
{
	for (unsigned int i = 0, n = 1 + rnd(5); i < n; i++) {
		pid_t pid = must_fork();

		if (!pid) {
			pid_t sub = must_fork();

			if (!sub)
				_exit(7);
			must_exit(sub, 7 << 8);
			_exit(3);
		}
		must_exit(pid, 3 << 8);
	}
}

static void exec_child(void)
{
	unsigned int args = rnd(50);
	char *argv[60] = { "stress-child" };
	pid_t pid;

	for (unsigned int i = 1; i <= args; i++)
		argv[i] = "argument";
	pid = rnd(2) ? vfork() : must_fork();
	MUST(pid >= 0);
	if (!pid) {
		execv("/proc/self/exe", argv);
		_exit(98);
	}
	must_exit(pid, args << 8);
}

static void killed(void)
{
	static const int sigs[] = { SIGKILL, SIGTERM, SIGUSR1, SIGALRM };
	int sig = sigs[rnd(4)];
	pid_t pid = must_fork();

	if (!pid)
		for (;;) {
			if (rnd(2))
				sched_yield();
			else
				usleep(100000);
		}
	if (rnd(2))
		usleep(rnd(3000));
	MUST(!kill(pid, sig));
	must_exit(pid, sig);
}

static void stopped(void)
{
	pid_t pid = must_fork();
	int st;

	if (!pid)
		for (;;)
			pause();
	for (int i = 0; i < 3; i++) {
		MUST(!kill(pid, SIGSTOP));
		MUST(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st));
		MUST(!kill(pid, SIGCONT));
		MUST(waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st));
	}
	MUST(!kill(pid, SIGKILL));
	must_exit(pid, SIGKILL);
}

static volatile int hits;

static void count(int sig)
{
	(void)sig;
	hits++;
}

static void catch(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	MUST(!sigaction(sig, &sa, NULL));
}

static void signal_storm(void)
{
	enum { N = 50 };
	pid_t me = getpid(), pid;

	hits = 0;
	catch(SIGRTMIN, count, SA_RESTART);
	pid = must_fork();
	if (!pid) {
		for (int i = 0; i < N; i++)
			while (sigqueue(me, SIGRTMIN, (union sigval){ .sival_int = i })) {
				MUST(errno == EAGAIN);
				usleep(1000);
			}
		_exit(0);
	}
	must_exit(pid, 0);
	for (long end = now_ms() + PATIENCE_MS; hits < N && now_ms() < end;)
		usleep(1000);
	MUST(hits == N);
	catch(SIGRTMIN, SIG_DFL, 0);
}

static void interval_timer(void)
{
	struct itimerval it = { { 0, 500 }, { 0, 500 } }, off = { 0 };
	volatile double x = 1.5;

	hits = 0;
	catch(SIGALRM, count, SA_RESTART);
	MUST(!setitimer(ITIMER_REAL, &it, NULL));
	for (long end = now_ms() + PATIENCE_MS; hits < 5 && now_ms() < end;)
		for (int i = 0; i < 1000; i++)
			x = x * 1.0000001;	/* FP state crosses the handler */
	MUST(!setitimer(ITIMER_REAL, &off, NULL));
	MUST(hits >= 5 && x >= 1.5);
	catch(SIGALRM, SIG_DFL, 0);
}

static void caught_fault(void)
{
	pid_t pid = must_fork();

	if (!pid) {
		*(volatile int *)(uintptr_t)(16 + 4 * rnd(10)) = 1;
		_exit(0);
	}
	must_exit(pid, SIGSEGV);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, total;

static void *take_turns(void *arg)
{
	int me = (int)(intptr_t)arg;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 20; i++) {
		while (turn != me)
			pthread_cond_wait(&cond, &lock);
		total++;
		turn = (turn + 1) % 3;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void threads(void)
{
	pthread_t t[3];

	turn = total = 0;
	for (intptr_t i = 0; i < 3; i++)
		MUST(!pthread_create(&t[i], NULL, take_turns, (void *)i));
	for (int i = 0; i < 3; i++)
		MUST(!pthread_join(t[i], NULL));
	MUST(total == 60);
}

static void *spin(void *arg)
{
	for (;;)
		__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* A process of spinning threads ends by exit, exec or a signal from outside. */
static void end_of_threads(void)
{
	unsigned int how = rnd(3);
	static int n;
	pid_t pid = must_fork();

	if (!pid) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			MUST(!pthread_create(&t, NULL, spin, &n));
		usleep(rnd(2000));
		if (how == 0)
			_exit(5);
		if (how == 1)
			execv("/proc/self/exe", (char *[]){ "stress-child", NULL });
		for (;;)
			pause();
	}
	if (how == 2) {
		usleep(rnd(5000));
		MUST(!kill(pid, SIGTERM));
	}
	must_exit(pid, how == 0 ? 5 << 8 : how == 1 ? 0 : SIGTERM);
}

static void affinity(void)
{
	cpu_set_t all, one;

	MUST(!sched_getaffinity(0, sizeof all, &all));
	for (int c = 0; c < 64; c++) {
		if (!CPU_ISSET(c, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(c, &one);
		MUST(!sched_setaffinity(0, sizeof one, &one));
		MUST(sched_getcpu() == c);
	}
	MUST(!sched_setaffinity(0, sizeof all, &all));
}

const struct action proc_actions[] = {
	{ "fork-tree", fork_tree }, { "exec", exec_child }, { "killed", killed },
	{ "stopped", stopped }, { "signal-storm", signal_storm },
	{ "interval-timer", interval_timer }, { "caught-fault", caught_fault },
	{ "threads", threads }, { "end-of-threads", end_of_threads }, { "affinity", affinity },
	{ NULL, NULL },
};
