/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that count in their own words of pages they share, while each of them forks and memory is
 * moved beneath them: no count is lost, and a child sees its maker's counts as they were.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define THREADS 4
#define PAGES 32

static uint64_t table[PAGES][PAGE / 8] __attribute__((aligned(4096)));
static volatile int stop;
static unsigned long forks;

static volatile uint64_t *word(int t, int page) { return &table[page][t * 8]; }

static void must_be(int t, uint64_t n, const char *who)
{
	for (int i = 0; i < PAGES; i++)
		if (*word(t, i) != n) {
			printf("# %s of thread %d: page %d holds %lu, not %lu\n", who, t, i,
			       (unsigned long)*word(t, i), (unsigned long)n);
			_exit(9);
		}
}

static void fork_one(int t, uint64_t n)
{
	pid_t pid = fork();

	if (!pid) {
		must_be(t, n, "child");
		for (int i = 0; i < PAGES; i += 3)
			*word(t, i) = ~0ul;
		for (int i = 0; i < PAGES; i++)
			if (*word(t, i) != (i % 3 ? n : ~0ul))
				_exit(8);
		_exit(0);
	}
	if (pid > 0)
		__atomic_fetch_add(&forks, 1, __ATOMIC_RELAXED);
}

static void *count(void *arg)
{
	int t = (int)(long)arg;
	uint64_t n = 0;

	while (!stop) {
		must_be(t, n, "parent");
		n++;
		for (int i = 0; i < PAGES; i++)
			*word(t, i) = n;
		if (n % 16 == (unsigned int)t)
			fork_one(t, n);
		if (n % 64 == 1)
			for (int st; waitpid(-1, &st, WNOHANG) > 0;)
				if (st) {
					printf("# a child ends with %#x\n", st);
					_exit(7);
				}
	}
	return NULL;
}

/* Others move memory, and take and give back most of it. */
static void stir(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = open("/proc/sys/vm/compact_memory", O_WRONLY);
		char *m = mmap(NULL, 64ul << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (fd >= 0 && write(fd, "1", 1) < 0)
			_exit(0);
		close(fd);
		if (m == MAP_FAILED)
			continue;
		for (size_t i = 0; i < 64ul << 20; i += PAGE)
			m[i] = 1;
		for (size_t i = 0; i < 64ul << 20; i += 4 * PAGE)
			madvise(m + i, PAGE * 3, MADV_DONTNEED);
		munmap(m, 64ul << 20);
	}
}

TEST_TIMEOUT(no_count_is_lost, 600)
{
	pthread_t t[THREADS];
	pid_t pid = OK(fork());

	if (!pid)
		stir();
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, count, (void *)i), 0);
	sleep(3);
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	kill(pid, SIGKILL);
	printf("# %lu forks\n", forks);
	CHECK(forks > 0);
}
