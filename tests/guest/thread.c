/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads as glibc makes them, set_tid_address, TLS, exit_group, robust lists. */
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static void *add_one(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
	return (char *)arg + 1;
}

TEST(create_join)
{
	int n = 0;
	void *ret;
	pthread_t t;

	for (int i = 0; i < 100; i++) {
		CHECK_EQ(pthread_create(&t, NULL, add_one, &n), 0);
		CHECK_EQ(pthread_join(t, &ret), 0);
		CHECK(ret == (char *)&n + 1);
	}
	CHECK_EQ(n, 100);
}

TEST(many_at_once)
{
	enum { N = 100 };
	pthread_t t[N];
	int n = 0;

	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, add_one, &n), 0);
	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(n, N);
}

static __thread int tls_value = 5;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void *tls_thread(void *arg)
{
	int mine = (int)(intptr_t)arg;

	CHECK_EQ(tls_value, 5);
	tls_value = mine;
	for (int i = 0; i < 50; i++) {
		sched_yield();
		CHECK_EQ(tls_value, mine);
	}
	return NULL;
}

TEST(tls)
{
	pthread_t t[8];

	for (intptr_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, tls_thread, (void *)(i + 100)), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(tls_value, 5);
}

static void *mutex_thread(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

TEST(mutex)
{
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, mutex_thread, NULL), 0);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(counter, 12000);
}

static int turn;

static void *pong_thread(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 300; i++) {
		while (turn != 1)
			pthread_cond_wait(&cond, &lock);
		turn = 0;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

TEST(condition)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, pong_thread, NULL), 0);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 300; i++) {
		while (turn != 0)
			pthread_cond_wait(&cond, &lock);
		turn = 1;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&lock);
	pthread_join(t, NULL);
}

TEST(cond_timedwait)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 30 * MSEC;
	if (ts.tv_nsec >= SEC) {
		ts.tv_nsec -= SEC;
		ts.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	CHECK_EQ(pthread_cond_timedwait(&cond, &lock, &ts), ETIMEDOUT);
}

static volatile pid_t tids[4];

static void *tid_thread(void *arg)
{
	tids[(intptr_t)arg] = syscall(SYS_gettid);
	CHECK_EQ(getpid(), tids[3]);
	return NULL;
}

TEST(tids_differ)
{
	pthread_t t[3];

	tids[3] = getpid();
	for (intptr_t i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, tid_thread, (void *)i), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < i; j++)
			CHECK_NE(tids[i], tids[j]);
}

static void *exit_group_thread(void *arg)
{
	(void)arg;
	syscall(SYS_exit_group, 23);
	return NULL;
}

static void *sleep_thread(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

TEST(exit_group_from_thread)
{
	int st = IN_CHILD(
		pthread_t t;

		for (int i = 0; i < 4; i++)
			pthread_create(&t, NULL, sleep_thread, NULL);
		pthread_create(&t, NULL, exit_group_thread, NULL);
		for (;;)
			pause();
	);

	CHECK_EQ(st, 23 << 8);
}

static void *spin_thread(void *arg)
{
	volatile int n = 0;

	(void)arg;
	for (;;)
		n++;
	return NULL;
}

TEST(exit_group_stops_spinning_threads)
{
	int st = IN_CHILD(
		pthread_t t;

		for (int i = 0; i < 4; i++)
			pthread_create(&t, NULL, spin_thread, NULL);
		check_sleep_ms(20);
		_exit(9);
	);

	CHECK_EQ(st, 9 << 8);
}

static void *late_thread(void *arg)
{
	(void)arg;
	check_sleep_ms(30);
	_exit(31);
}

TEST(leader_exits_first)
{
	pid_t pid = SPAWN(
		pthread_t t;

		pthread_create(&t, NULL, late_thread, NULL);
		syscall(SYS_exit, 1);		/* this thread only */
	);
	int st;

	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	CHECK_EQ(check_wait(pid), 31 << 8);	/* the process ends with its last thread */
}

static volatile int tid_word;

static int tid_address_child(void *arg)
{
	(void)arg;
	syscall(SYS_set_tid_address, &tid_word);
	return 0;
}

TEST(clear_child_tid)
{
	char *stack = check_anon(16 * PAGE);
	int pid;

	tid_word = 77;
	pid = OK(clone(tid_address_child, stack + 16 * PAGE, CLONE_VM | SIGCHLD, NULL));
	while (tid_word == 77) {
		long r = syscall(SYS_futex, &tid_word, FUTEX_WAIT, 77, NULL, NULL, 0);

		CHECK(r == 0 || errno == EAGAIN || errno == EINTR);
	}
	CHECK_EQ(tid_word, 0);
	CHECK_EQ(check_wait(pid), 0);
	CHECK_EQ(syscall(SYS_set_tid_address, &tid_word), getpid());
}

static pthread_mutex_t *shared_mutex(int type)
{
	pthread_mutex_t *m = check_shared(PAGE);
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, type);
	CHECK_EQ(pthread_mutex_init(m, &a), 0);
	return m;
}

TEST(robust_mutex)
{
	pthread_mutex_t *m = shared_mutex(PTHREAD_MUTEX_ROBUST);
	volatile int *held = check_shared(PAGE);
	pid_t pid = SPAWN(
		pthread_mutex_lock(m);
		*held = 1;
		for (;;)
			pause();
	);

	check_wait_flag(held, 1);
	kill(pid, SIGKILL);			/* while holding it */
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(m), 0);
	CHECK_EQ(pthread_mutex_unlock(m), 0);
	CHECK_EQ(pthread_mutex_lock(m), 0);
	CHECK_EQ(check_wait(pid), SIGKILL);
}

TEST(robust_list_calls)
{
	struct robust_list_head *head = NULL;
	size_t len = 0;

	OK(syscall(SYS_get_robust_list, 0, &head, &len));
	CHECK(head != NULL);			/* glibc has set one */
	CHECK_EQ(len, sizeof *head);
	ERR(syscall(SYS_set_robust_list, head, 7), EINVAL);
	OK(syscall(SYS_set_robust_list, head, sizeof *head));
	ERR(syscall(SYS_get_robust_list, 4000000, &head, &len), ESRCH);
	ERR(syscall(SYS_get_robust_list, 0, BAD_PTR, &len), EFAULT);
}

TEST(hostile_robust_list)
{
	static struct robust_list_head heads[3];

	/* a loop, a wild pointer, a misaligned one: exit must survive all of them */
	heads[0].list.next = (struct robust_list *)&heads[1];
	heads[1].list.next = (struct robust_list *)&heads[1];
	CHILD_OK(OK(syscall(SYS_set_robust_list, &heads[0], sizeof *heads)););
	heads[0].list.next = (struct robust_list *)KERNEL_PTR;
	CHILD_OK(OK(syscall(SYS_set_robust_list, &heads[0], sizeof *heads)););
	heads[0].list.next = (struct robust_list *)3;
	heads[0].futex_offset = 0x7fffffffffffffff;
	CHILD_OK(OK(syscall(SYS_set_robust_list, &heads[0], sizeof *heads)););
	CHILD_OK(OK(syscall(SYS_set_robust_list, KERNEL_PTR, sizeof *heads)););
}

TEST(process_shared_mutex)
{
	pthread_mutex_t *m = shared_mutex(PTHREAD_MUTEX_STALLED);
	int *n = check_shared(PAGE);
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = SPAWN(
			for (int j = 0; j < 500; j++) {
				pthread_mutex_lock(m);
				++*n;
				pthread_mutex_unlock(m);
			}
		);
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(check_wait(pid[i]), 0);
	CHECK_EQ(*n, 2000);
}

static void *fork_thread(void *arg)
{
	(void)arg;
	CHILD_OK((void)0);
	return NULL;
}

TEST(fork_from_threads)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, fork_thread, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

TEST(barrier_and_rwlock)
{
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

	CHECK_EQ(pthread_rwlock_rdlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_tryrdlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_trywrlock(&rw), EBUSY);
	CHECK_EQ(pthread_rwlock_unlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_unlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_trywrlock(&rw), 0);
}

TEST(cancel)
{
	pthread_t t;
	void *ret;

	CHECK_EQ(pthread_create(&t, NULL, sleep_thread, NULL), 0);
	check_sleep_ms(5);
	CHECK_EQ(pthread_cancel(t), 0);
	CHECK_EQ(pthread_join(t, &ret), 0);
	CHECK(ret == PTHREAD_CANCELED);
}

/* Threads on all CPUs change mappings that the others use: TLB invalidation must reach them. */
static volatile int stop;
static char *volatile window;

static void *toucher(void *arg)
{
	(void)arg;
	while (!stop) {
		char *w = window;

		(void)*(volatile char *)w;
		w[64] = 1;
	}
	return NULL;
}

TEST(concurrent_mmap)
{
	pthread_t t[3];
	char *a = check_anon(PAGE);

	window = a;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, toucher, NULL), 0);
	for (int i = 0; i < 300; i++) {
		char *b = check_anon(4 * PAGE);

		memset(b, i, 4 * PAGE);
		OK(madvise(a, PAGE, MADV_DONTNEED));
		CHECK(a[0] == 0);
		for (int j = 0; j < 4; j++)
			CHECK_EQ(b[j * PAGE], (char)i);
		OK(mprotect(b, PAGE, PROT_READ));
		OK(munmap(b, 4 * PAGE));
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

static void *fault_thread(void *arg)
{
	char *p = arg;

	for (int i = 0; i < 256; i++)
		__atomic_add_fetch((int *)(p + i * PAGE), 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(concurrent_faults)
{
	pthread_t t[4];

	for (int r = 0; r < 3; r++) {
		char *p = check_anon(256 * PAGE);

		for (int i = 0; i < 4; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, fault_thread, p), 0);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		for (int i = 0; i < 256; i++)
			CHECK_EQ(*(int *)(p + i * PAGE), 4);
		OK(munmap(p, 256 * PAGE));
	}
}
