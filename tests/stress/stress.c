/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress SECONDS [SEED [WORKERS]]: runs the workers for that long, then looks whether anything is
 * left behind: processes, memory, files.  Prints the seed first and `ok stress` or `not ok stress`
 * last.  /sys/kernel/debug/tine/audit, where there is one, is read by the init afterwards.
 */
#include "stress.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>

enum { MAX_WORKERS = 64, WARM_UP = 3, REPORT_EVERY = 60 };

struct shared {
	volatile int stop, failed;
	unsigned long ops[MAX_WORKERS];
	const char *volatile doing[MAX_WORKERS];
};

static struct shared *shared;
static unsigned int seed;
static int worker_nr;
static const char *doing = "starting";

void die(const char *file, int line, const char *what)
{
	shared->failed = 1;
	printf("not ok stress: worker %d, %s: %s:%d: %s (errno %d)\n", worker_nr, doing, file, line,
	       what, errno);
	fflush(stdout);
	_exit(99);
}

unsigned int rnd(unsigned int n)
{
	return rand_r(&seed) % n;
}

pid_t must_fork(void)
{
	pid_t pid;

	for (int i = 0; (pid = fork()) < 0; i++) {
		if ((errno != EAGAIN && errno != ENOMEM) || i > 1000)
			DIE("fork");
		usleep(10000);
	}
	return pid;
}

void must_exit(pid_t pid, int status)
{
	int st;
	pid_t r;

	while ((r = waitpid(pid, &st, 0)) < 0 && errno == EINTR)
		;
	MUST(r == pid);
	if (WIFEXITED(st) && WEXITSTATUS(st) == 99)
		_exit(99);
	if (st != status) {
		printf("# stress: %s: wait status %#x, not %#x\n", doing, st, status);
		DIE("wait status");
	}
}

void *must_map(size_t len, int flags)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	MUST(p != MAP_FAILED);
	return p;
}

static const struct action *pick(void)
{
	static const struct action *const all[] = { mem_actions, proc_actions, ipc_actions,
		file_actions };
	const struct action *list = all[rnd(4)];
	unsigned int n = 0;

	while (list[n].name)
		n++;
	return list + rnd(n);
}

static void work(int nr, unsigned int base)
{
	char dir[64];

	worker_nr = nr;
	seed = base * 7919 + nr;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(dir, sizeof dir, "/tmp/stress-%d", nr);
	MUST(!mkdir(dir, 0755) && !chdir(dir));
	while (!shared->stop && !shared->failed) {
		const struct action *a = pick();

		doing = a->name;
		shared->doing[nr] = a->name;
		a->run();
		shared->ops[nr]++;
	}
	MUST(!chdir("/") && !rmdir(dir));	/* every action removed its files */
	MUST(wait(NULL) == -1 && errno == ECHILD);
	_exit(0);
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static unsigned long total_ops(int workers)
{
	unsigned long n = 0;

	for (int i = 0; i < workers; i++)
		n += shared->ops[i];
	return n;
}

static void supervise(int workers, long seconds)
{
	time_t start = now(), next = start + REPORT_EVERY;

	while (now() < start + seconds && !shared->failed) {
		usleep(100000);
		if (now() >= next) {
			printf("# stress: %ld s, %lu actions\n", (long)(now() - start),
			       total_ops(workers));
			fflush(stdout);
			next += REPORT_EVERY;
		}
	}
	shared->stop = 1;
}

/* Waits for the workers; one that does not end within two minutes hangs in the kernel. */
static bool reap(pid_t *pid, int workers)
{
	time_t end = now() + 120;
	bool ok = true;

	for (int i = 0; i < workers; i++) {
		int st;
		pid_t r;

		while (!(r = waitpid(pid[i], &st, WNOHANG)) && now() < end)
			usleep(20000);
		if (r == pid[i] && st == 0)
			continue;
		ok = false;
		printf("# stress: worker %d (%s) %s %#x\n", i, shared->doing[i],
		       r ? "ended with" : "hangs", r ? st : 0);
		if (!r)
			kill(pid[i], SIGKILL);
	}
	return ok;
}

static bool round_of(long seconds, unsigned int base, int workers)
{
	pid_t pid[MAX_WORKERS];

	memset(shared, 0, sizeof *shared);
	for (int i = 0; i < workers; i++) {
		fflush(stdout);
		pid[i] = must_fork();
		if (!pid[i])
			work(i, base);
	}
	supervise(workers, seconds);
	return reap(pid, workers) && !shared->failed;
}

struct census {
	long available_kb, processes, files;
};

static long meminfo(const char *name)
{
	char line[128];
	long v = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			v = atol(line + strlen(name) + 1);
	if (f)
		fclose(f);
	return v;
}

static long entries(const char *path, bool numbers)
{
	DIR *d = opendir(path);
	long n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += numbers ? e->d_name[0] >= '1' && e->d_name[0] <= '9' : e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* User processes only: kernel threads come and go, and have no memory map. */
static long user_processes(void)
{
	char path[300], c;
	DIR *d = opendir("/proc");
	long n = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		FILE *f;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%s/maps", e->d_name);
		f = fopen(path, "r");
		n += f && fread(&c, 1, 1, f) == 1;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

static struct census take_census(void)
{
	struct census c;

	sync();
	usleep(500000);
	c.available_kb = meminfo("MemAvailable");
	c.processes = user_processes();
	c.files = entries("/tmp", false) + entries("/dev/shm", false);
	return c;
}

/* MemAvailable may settle late; what is still missing after five seconds is lost. */
static bool nothing_left(const struct census *before)
{
	long slack_kb = 4096 + meminfo("MemTotal") / 64;
	struct census after;

	for (int i = 0; i < 10; i++) {
		after = take_census();
		if (before->available_kb - after.available_kb <= slack_kb)
			break;
	}
	printf("# stress: available %ld kB before, %ld kB after; processes %ld, %ld; files %ld, "
	       "%ld\n",
	       before->available_kb, after.available_kb, before->processes, after.processes,
	       before->files, after.files);
	return before->available_kb - after.available_kb <= slack_kb &&
	       after.processes == before->processes && after.files == before->files;
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 10;
	unsigned int base = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	int workers = argc > 3 ? atoi(argv[3]) : 2 * get_nprocs() + 2;
	struct census before;
	bool ok;

	if (argc > 0 && !strcmp(argv[0], "stress-child"))
		return argc - 1;	/* what the exec actions start: its argument count */
	if (!base)
		base = time(NULL) & 0xffffff;
	if (seconds <= 0 || workers < 1 || workers > MAX_WORKERS) {
		fprintf(stderr, "usage: stress SECONDS [SEED [WORKERS]]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# stress: %ld s, seed %u, %d workers\n", seconds, base, workers);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	worker_nr = -1;
	/* a short round first: caches fill once */
	ok = round_of(WARM_UP, base + 1, workers);
	before = take_census();
	ok = ok && round_of(seconds, base, workers);
	printf("# stress: %lu actions\n", total_ops(workers));
	ok = nothing_left(&before) && ok;
	printf(ok ? "ok stress\n" : "not ok stress: see above (seed %u)\n", base);
	return !ok;
}
