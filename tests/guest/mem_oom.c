/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens when memory is out: who is killed (proc(5), oom_score_adj), and that others go on. */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>

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

/*
 * Debian's Linux looks for the next victim while the memory of the last is on its way: these come
 * before the harness. They end with the test.
 */
static void spawn_bystanders(void)
{
	for (int i = 0; i < 4; i++)
		SPAWN(
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			may_be_killed("500");
			for (;;)
				pause();
		);
}

static pid_t spawn_eater(void)
{
	return SPAWN(may_be_killed("1000"); eat(););
}

TEST_TIMEOUT(the_heaviest_by_adjustment_dies, 300)
{
	enum { KEPT = 64 << 20 };
	char *kept = check_anon(KEPT);

	spawn_bystanders();
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

	spawn_bystanders();
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
	pid_t reader;

	spawn_bystanders();
	reader = SPAWN(read_into_new_pages(stop););
	for (int i = 0; i < 2; i++)
		CHECK_EQ(check_wait(spawn_eater()), SIGKILL);
	*stop = 1;
	CHECK_EQ(check_wait(reader), 0);
}

/*
 * Leaves so little that it is used up at once, until the caller ends; returns how often to. That is
 * too little for Debian's Linux, which kills everybody then.
 */
static int keep_most_of_memory(void)
{
	enum { LEFT = 40 << 20, ROUNDS = 12 };
	struct sysinfo s;

	if (!check_on_tine())
		SKIP("Linux kills everybody");
	may_be_killed("-1000");
	for (OK(sysinfo(&s)); s.freeram * s.mem_unit > LEFT + PIECE; OK(sysinfo(&s)))
		OK(mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
	return ROUNDS;
}

enum { LOOKERS = 3 };

/* Shows itself to the others, in a long text, then takes memory until it is killed. */
static void eat_in_sight(volatile pid_t *shown)
{
	may_be_killed("1000");
	for (int i = 0; i < 400; i++)		/* two kinds in turn, which cannot be one mapping */
		OK(mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	*shown = getpid();
	eat();
}

static void look_at(volatile pid_t *shown, volatile int *stop, const char *name)
{
	char path[64], buf[512];

	may_be_killed("-1000");
	while (!*stop) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof path, "/proc/%d/%s", *shown, name);
		fd = open(path, O_RDONLY);	/* anew each time: the text needs memory again */
		if (fd < 0)
			continue;
		do
			n = read(fd, buf, sizeof buf);
		while (n > 0);
		CHECK(n == 0 || errno != ENOMEM);	/* only that the process is gone */
		close(fd);
	}
}

/*
 * Who reads about a process holds its address space for a moment, and needs memory for the text. If
 * it waited for that with the victim's in hand, nothing would come for anybody.
 */
TEST_TIMEOUT(who_looks_at_the_victim_does_not_keep_its_memory, 300)
{
	static const char *const names[LOOKERS] = { "smaps", "maps", "environ" };
	volatile struct { pid_t shown; int stop; } *s = check_shared(PAGE);
	int rounds = keep_most_of_memory();
	pid_t looker[LOOKERS], eater;

	s->shown = getpid();
	for (int i = 0; i < LOOKERS; i++)
		looker[i] = SPAWN(look_at(&s->shown, &s->stop, names[i]););
	for (int i = 0; i < rounds; i++) {
		eater = SPAWN(eat_in_sight(&s->shown););
		CHECK_EQ(check_wait(eater), SIGKILL);
	}
	s->stop = 1;
	for (int i = 0; i < LOOKERS; i++)
		CHECK_EQ(check_wait(looker[i]), 0);
}

/* What the kernel needs for a call may be more than a page: that is waited for as well. */
static void execute_and_send(volatile int *stop)
{
	static char buf[16000];
	int s[2];

	may_be_killed("-1000");
	OK(dup2(OK(open("/dev/null", O_WRONLY)), 1));	/* what the program says */
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	while (!*stop) {
		pid_t pid = OK(vfork());

		if (!pid) {
			execl("/proc/self/exe", "mem_oom", "-l", NULL);
			_exit(98);
		}
		CHECK_EQ(check_wait(pid), 0);
		for (int i = 0; i < 8; i++)
			CHECK_EQ(write(s[0], buf, sizeof buf), sizeof buf);
		for (int i = 0; i < 8; i++)
			CHECK_EQ(recv(s[1], buf, sizeof buf, MSG_WAITALL), sizeof buf);
	}
}

TEST_TIMEOUT(calls_wait_for_memory_too, 300)
{
	volatile int *stop = check_shared(PAGE);
	int rounds = keep_most_of_memory();
	pid_t pid = SPAWN(execute_and_send(stop););

	for (int i = 0; i < rounds; i++)
		CHECK_EQ(check_wait(spawn_eater()), SIGKILL);
	*stop = 1;
	CHECK_EQ(check_wait(pid), 0);
}
