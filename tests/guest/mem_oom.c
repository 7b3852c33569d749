/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens when memory is out: who is killed (proc(5), oom_score_adj), and that others go on. */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

enum { PIECE = 4 << 20 };

static void may_be_killed(const char *adj)
{
	check_write_file("/proc/self/oom_score_adj", adj);
}

/* Takes memory until it is killed. */
static void eat(void)
{
	for (;;) {
		char *p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, -1, 0);

		if (p == MAP_FAILED)
			sched_yield();
	}
}

static pid_t spawn_eater(void)
{
	return SPAWN(may_be_killed("1000"); eat(););
}

TEST_TIMEOUT(the_heaviest_by_adjustment_dies, 300)
{
	enum { KEPT = 64 << 20 };
	char *kept = check_anon(KEPT);

	may_be_killed("-500");
	for (size_t i = 0; i < KEPT; i += PAGE)
		kept[i] = (char)(i / PAGE);
	CHECK_EQ(check_wait(spawn_eater()), SIGKILL);
	for (size_t i = 0; i < KEPT; i += PAGE)
		CHECK_EQ(kept[i], (char)(i / PAGE));
}

static int eat_in_shared_memory(void *arg)
{
	(void)arg;
	eat();
	return 0;
}

/* The memory is that of two processes: it comes free only if both end. */
TEST_TIMEOUT(all_who_share_the_victims_memory_die, 300)
{
	char *stack = check_anon(16 * PAGE), c;
	int p[2];
	pid_t pid;

	OK(pipe(p));
	pid = SPAWN(
		close(p[0]);
		may_be_killed("1000");
		OK(clone(eat_in_shared_memory, stack + 16 * PAGE, CLONE_VM | SIGCHLD, NULL));
		for (;;)
			pause();
	);
	close(p[1]);
	CHECK_EQ(check_wait(pid), SIGKILL);
	CHECK_EQ(read(p[0], &c, 1), 0);		/* the other's end of the pipe is closed, too */
	CHECK_EQ(check_wait(spawn_eater()), SIGKILL);
}

/* A process that may not be killed gets its pages, also where the kernel touches them for it. */
static void read_into_new_pages(volatile int *stop)
{
	int fd = OK(open("/dev/zero", O_RDONLY));

	may_be_killed("-1000");
	while (!*stop) {
		char *p = check_anon(64 * PAGE);

		CHECK_EQ(read(fd, p, 64 * PAGE), 64 * PAGE);
		OK(munmap(p, 64 * PAGE));
	}
}

TEST_TIMEOUT(the_kernel_waits_for_memory_as_programs_do, 300)
{
	volatile int *stop = check_shared(PAGE);
	pid_t reader = SPAWN(read_into_new_pages(stop););

	for (int i = 0; i < 2; i++)
		CHECK_EQ(check_wait(spawn_eater()), SIGKILL);
	*stop = 1;
	CHECK_EQ(check_wait(reader), 0);
}
