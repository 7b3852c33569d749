/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduler as a program sees it: affinity, priorities, fairness, preemption, getcpu. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>

TEST(affinity_get)
{
	cpu_set_t set;
	unsigned long small;
	long n;

	OK(sched_getaffinity(0, sizeof set, &set));
	CHECK_EQ(CPU_COUNT(&set), get_nprocs());
	CHECK_EQ(get_nprocs(), get_nprocs_conf());
	n = OK(syscall(SYS_sched_getaffinity, 0, sizeof set, &set));
	CHECK(n >= 8 && n % 8 == 0);
	ERR(syscall(SYS_sched_getaffinity, 0, 4, &small), EINVAL);
	ERR(syscall(SYS_sched_getaffinity, 0, sizeof set, BAD_PTR), EFAULT);
	ERR(sched_getaffinity(4000000, sizeof set, &set), ESRCH);
}

TEST(affinity_set)
{
	cpu_set_t set, got;
	int n = get_nprocs();

	for (int c = 0; c < n; c++) {
		CPU_ZERO(&set);
		CPU_SET(c, &set);
		OK(sched_setaffinity(0, sizeof set, &set));
		for (int i = 0; i < 20; i++) {
			CHECK_EQ(sched_getcpu(), c);
			sched_yield();
		}
		OK(sched_getaffinity(0, sizeof got, &got));
		CHECK(CPU_EQUAL(&set, &got));
		CHILD_OK(CHECK_EQ(sched_getcpu(), c););		/* inherited */
	}
	CPU_ZERO(&set);
	ERR(sched_setaffinity(0, sizeof set, &set), EINVAL);
	CPU_SET(1000, &set);
	ERR(sched_setaffinity(0, sizeof set, &set), EINVAL);
	ERR(syscall(SYS_sched_setaffinity, 0, sizeof set, BAD_PTR), EFAULT);
	CPU_SET(0, &set);
	ERR(sched_setaffinity(4000000, sizeof set, &set), ESRCH);
	CHILD_OK(
		check_become(1000, 1000);
		ERR(sched_setaffinity(1, sizeof set, &set), EPERM);
		OK(sched_setaffinity(0, sizeof set, &set));
	);
}

TEST(move_running_process)
{
	volatile int *cpu = check_shared(PAGE);
	cpu_set_t set;
	pid_t pid;

	if (get_nprocs() < 2)
		SKIP("one CPU");
	pid = SPAWN(for (;;) *cpu = sched_getcpu());
	for (int r = 0; r < 6; r++) {
		CPU_ZERO(&set);
		CPU_SET(r & 1, &set);
		OK(sched_setaffinity(pid, sizeof set, &set));
		*cpu = -1;
		check_wait_flag(cpu, r & 1);
	}
	kill(pid, SIGKILL);
	check_wait(pid);
}

static void echo(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1)
		CHECK_EQ(write(out, &c, 1), 1);
}

/* A process that is moved while it is about to sleep wakes up all the same. */
TEST(moved_on_the_way_to_sleep)
{
	int there[2], back[2], n = get_nprocs();
	pid_t me = getpid(), echoer, mover;
	char c = 0;

	OK(pipe(there));
	OK(pipe(back));
	echoer = SPAWN(close(there[1]); echo(there[0], back[1]););
	mover = SPAWN(
		cpu_set_t set;

		for (int i = 0;; i++) {
			CPU_ZERO(&set);
			CPU_SET(i / 2 % n, &set);
			OK(sched_setaffinity(i % 2 ? me : echoer, sizeof set, &set));
		}
	);
	for (long long end = check_now() + 4 * SEC; check_now() < end;) {
		CHECK_EQ(write(there[1], &c, 1), 1);
		CHECK_EQ(read(back[0], &c, 1), 1);
	}
	kill(mover, SIGKILL);
	check_wait(mover);
	close(there[1]);
	CHECK_EQ(check_wait(echoer), 0);
}

TEST(getcpu_call)
{
	unsigned int cpu = 99, node = 99;

	OK(syscall(SYS_getcpu, &cpu, &node, NULL));
	CHECK(cpu < (unsigned int)get_nprocs());
	CHECK_EQ(node, 0);
	OK(syscall(SYS_getcpu, NULL, NULL, NULL));
	ERR(syscall(SYS_getcpu, BAD_PTR, NULL, NULL), EFAULT);
}

TEST(preemption)
{
	/* a spinning process does not keep others from running */
	pid_t spin[10];
	long long t;

	for (int i = 0; i < 10; i++)
		spin[i] = SPAWN(for (;;) ;);
	t = check_now();
	check_sleep_ms(10);
	CHECK_LE(check_now() - t, 5 * SEC);
	for (int i = 0; i < 10; i++) {
		kill(spin[i], SIGKILL);
		check_wait(spin[i]);
	}
}

/* Two processes on one CPU: their shares of two seconds. */
static void share(int nice_a, int nice_b, double *ratio)
{
	struct rusage ra, rb;
	cpu_set_t set;
	pid_t a, b;
	int st;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	OK(sched_setaffinity(0, sizeof set, &set));
	a = SPAWN(OK(setpriority(PRIO_PROCESS, 0, nice_a)); for (;;) ;);
	b = SPAWN(OK(setpriority(PRIO_PROCESS, 0, nice_b)); for (;;) ;);
	check_sleep_ms(1500);
	kill(a, SIGSTOP);
	kill(b, SIGKILL);
	kill(a, SIGKILL);
	CHECK_EQ(wait4(a, &st, 0, &ra), a);
	CHECK_EQ(wait4(b, &st, 0, &rb), b);
	*ratio = (ra.ru_utime.tv_sec + ra.ru_utime.tv_usec / 1e6 + 1e-3) /
		 (rb.ru_utime.tv_sec + rb.ru_utime.tv_usec / 1e6 + 1e-3);
}

TEST(fair)
{
	double r;

	share(0, 0, &r);
	if (r < 0.5 || r > 2)
		FAIL("equal processes, shares %.2f to 1", r);
}

TEST(nice_matters)
{
	double r;

	share(0, 10, &r);
	if (r < 3)
		FAIL("nice 0 against nice 10: only %.2f to 1", r);
}

TEST(all_cpus_used)
{
	volatile int *seen = check_shared(PAGE);
	int n = get_nprocs();
	pid_t pid[16];

	if (n < 2)
		SKIP("one CPU");
	for (int i = 0; i < 2 * n && i < 16; i++)
		pid[i] = SPAWN(for (;;) seen[sched_getcpu()] = 1);
	for (int c = 0; c < n && c < 8; c++)
		check_wait_flag(seen + c, 1);
	for (int i = 0; i < 2 * n && i < 16; i++) {
		kill(pid[i], SIGKILL);
		check_wait(pid[i]);
	}
}

TEST(priorities)
{
	errno = 0;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(errno, 0);
	OK(setpriority(PRIO_PROCESS, 0, 5));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 15); /* the raw value: 20 - nice */
	CHILD_OK(CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5););
	OK(setpriority(PRIO_PROCESS, 0, 100));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	OK(setpriority(PRIO_PROCESS, 0, -100));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	OK(setpriority(PRIO_PGRP, 0, 3));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	ERR(setpriority(77, 0, 0), EINVAL);
	ERR(setpriority(PRIO_PROCESS, 4000000, 0), ESRCH);
	ERR(getpriority(77, 0), EINVAL);
	ERR(getpriority(PRIO_PROCESS, 4000000), ESRCH);
	CHILD_OK(
		check_become(1000, 1000);
		ERR(setpriority(PRIO_PROCESS, 0, 0), EACCES);
		OK(setpriority(PRIO_PROCESS, 0, 7));
		ERR(setpriority(PRIO_PROCESS, 1, 7), EPERM);
	);
}

TEST(policy)
{
	struct sched_param sp = { 0 };
	struct timespec ts;

	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	OK(sched_getparam(0, &sp));
	CHECK_EQ(sp.sched_priority, 0);
	OK(sched_setscheduler(0, SCHED_BATCH, &sp));
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	OK(sched_setscheduler(0, SCHED_OTHER, &sp));
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	ERR(sched_get_priority_max(77), EINVAL);
	sp.sched_priority = 5;
	ERR(sched_setscheduler(0, SCHED_OTHER, &sp), EINVAL);
	ERR(sched_setscheduler(0, 77, &sp), EINVAL);
	ERR(sched_setscheduler(4000000, SCHED_OTHER, &sp), ESRCH);
	ERR(sched_getscheduler(4000000), ESRCH);
	OK(sched_rr_get_interval(0, &ts));
	CHILD_OK(
		check_become(1000, 1000);
		ERR(sched_setscheduler(0, SCHED_FIFO, &sp), EPERM);
	);
}

/* What sched_getattr(2) and sched_setattr(2) take. */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
#define RESET_FLAG 1	/* SCHED_FLAG_RESET_ON_FORK */
#define KEEP_ALL 0x18	/* SCHED_FLAG_KEEP_ALL */

TEST(reset_on_fork)
{
	struct sched_param p = { .sched_priority = 7 }, q;
	struct attr at = { .size = sizeof at, .nice = -5, .flags = RESET_FLAG };

	OK(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p));
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO | SCHED_RESET_ON_FORK);
	CHILD_OK(
		CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
		OK(sched_getparam(0, &q));
		CHECK_EQ(q.sched_priority, 0);
	);
	p.sched_priority = 8;
	OK(sched_setparam(0, &p));		/* keeps it */
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO | SCHED_RESET_ON_FORK);
	OK(syscall(SYS_sched_setattr, 0, &at, 0));
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER | SCHED_RESET_ON_FORK);
	memset(&at, 0, sizeof at);
	OK(syscall(SYS_sched_getattr, 0, &at, sizeof at, 0));
	CHECK_EQ(at.flags, RESET_FLAG);
	CHECK_EQ(at.nice, -5);
	CHILD_OK(CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0));
	at = (struct attr){ .size = sizeof at, .policy = SCHED_BATCH, .flags = KEEP_ALL };
	OK(syscall(SYS_sched_setattr, 0, &at, 0));
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER | SCHED_RESET_ON_FORK);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -5);
	at.flags = 1 << 20;
	ERR(syscall(SYS_sched_setattr, 0, &at, 0), EINVAL);
	p.sched_priority = 0;
	CHILD_OK(		/* who may not raise may not drop it either */
		OK(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p));
		check_become(4321, 4321);
		ERR(sched_setscheduler(0, SCHED_OTHER, &p), EPERM);
		OK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &p));
		CHILD_OK(CHECK_EQ(sched_getscheduler(0), SCHED_BATCH));
	);
}

static void *yielder(void *arg)
{
	for (int i = 0; i < 500; i++) {
		sched_yield();
		__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(many_yielding_threads)
{
	enum { N = 50 };
	pthread_t t[N];
	int n = 0;

	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, yielder, &n), 0);
	for (int i = 0; i < N; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(n, N * 500);
}

TEST(wakeup_latency_under_load)
{
	pid_t spin[8];
	long long worst = 0;

	for (int i = 0; i < 8; i++)
		spin[i] = SPAWN(for (;;) ;);
	for (int i = 0; i < 30; i++) {
		long long t = check_now();

		check_sleep_ms(1);
		if (check_now() - t > worst)
			worst = check_now() - t;
	}
	for (int i = 0; i < 8; i++) {
		kill(spin[i], SIGKILL);
		check_wait(spin[i]);
	}
	CHECK_LE(worst, 3 * SEC);
}

TEST(context_switch_counts)
{
	struct rusage ru;
	long before;

	OK(getrusage(RUSAGE_SELF, &ru));
	before = ru.ru_nvcsw;
	for (int i = 0; i < 10; i++)
		check_sleep_ms(1);
	OK(getrusage(RUSAGE_SELF, &ru));
	CHECK_GE(ru.ru_nvcsw - before, 10);
}
