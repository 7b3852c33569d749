/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress SECONDS [SEED [WORKERS [EATERS [mm]]]]: runs the workers for that long, then looks whether
 * anything is left behind: processes, memory, files.  Prints the seed first and `ok stress` or
 * `not ok stress` last.  /sys/kernel/debug/tine/audit, where there is one, is read by the init
 * afterwards.  With `mm` all of them do the memory torture (torture.c), and nothing else.
 *
 * EATERS processes fill all memory the while, over and over, and are killed for it.  The workers may
 * not be (oom_score_adj -1000), and must get what they need.
 */
#include "stress.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>

/* Seconds.  A worker that does not get on for HANG hangs; a loaded host stops a CPU for some. */
enum { MAX_WORKERS = 64, WARM_UP = 3, REPORT_EVERY = 60, HANG = 120 };

struct shared {
	volatile int stop, failed;
	struct {
		volatile unsigned long ops;
		const char *volatile doing;
		unsigned long longest;	/* ms */
		const char *longest_name;
	} worker[MAX_WORKERS];
};

static struct shared *shared;
static unsigned int seed;
static int worker_nr;
static const char *doing = "starting";
static bool only_memory;

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
	const struct action *list = only_memory ? torture_actions : all[rnd(4)];
	unsigned int n = 0;

	while (list[n].name)
		n++;
	return list + rnd(n);
}

long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

volatile int *stress_stop(void) { return &shared->stop; }

static void do_action(int nr, const struct action *a)
{
	long start = now_ms();
	unsigned long took;

	doing = a->name;
	shared->worker[nr].doing = a->name;
	a->run();
	shared->worker[nr].ops++;
	took = now_ms() - start;
	if (took > shared->worker[nr].longest) {
		shared->worker[nr].longest = took;
		shared->worker[nr].longest_name = a->name;
	}
}

static void work(int nr, unsigned int base)
{
	char dir[64];

	worker_nr = nr;
	seed = base * 7919 + nr;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(dir, sizeof dir, "/tmp/stress-%d", nr);
	MUST(!mkdir(dir, 0755) && !chdir(dir));
	while (!shared->stop && !shared->failed)
		do_action(nr, pick());
	MUST(!chdir("/") && !rmdir(dir));	/* every action removed its files */
	MUST(wait(NULL) == -1 && errno == ECHILD);
	_exit(0);
}

/* --- who eats memory ------------------------------------------------------------------------- */

static void may_be_killed(bool may)
{
	const char *adj = may ? "1000" : "-1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	MUST(fd >= 0 && write(fd, adj, strlen(adj)) == (ssize_t)strlen(adj));
	close(fd);
}

/* Private (0) or shared pages, in pieces, until it is killed. */
static void eat(unsigned int shares)
{
	enum { PIECE = 1 << 20 };
	int kind = shares ? MAP_SHARED : MAP_PRIVATE;

	may_be_killed(true);
	while (!shared->stop && !shared->failed) {
		char *p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | kind, -1, 0);

		for (size_t at = 0; p != MAP_FAILED && at < PIECE; at += PAGE)
			p[at] = 1;
	}
	_exit(0);
}

static void feed(int nr, unsigned int base)
{
	worker_nr = nr;
	doing = shared->worker[nr].doing = "eater";
	seed = base * 7919 + nr;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!shared->stop && !shared->failed) {
		unsigned int shares = rnd(2);
		pid_t pid = must_fork();
		int st;

		if (!pid)
			eat(shares);
		MUST(waitpid(pid, &st, 0) == pid);
		MUST(st == SIGKILL || st == 99 << 8 || shared->stop || shared->failed);
		shared->worker[nr].ops++;
	}
	_exit(0);
}

/* --- supervision ----------------------------------------------------------------------------- */

static unsigned long total_ops(int workers)
{
	unsigned long n = 0;

	for (int i = 0; i < workers; i++)
		n += shared->worker[i].ops;
	return n;
}

/* The first line of /proc/PID/NAME. */
static const char *line_of(const char *pid, const char *name, char *line, int size)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
	f = fopen(path, "r");
	if (!f || !fgets(line, size, f))
		*line = 0;
	line[strcspn(line, "\n")] = 0;
	if (f)
		fclose(f);
	return line;
}

/* Who sleeps where, for whoever has to find out why: the program's processes that do not run. */
static void show_sleepers(void)
{
	DIR *d = opendir("/proc");
	char stat[256], wchan[80], syscall[200];

	for (struct dirent *e; d && (e = readdir(d));) {
		const char *state;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		state = strrchr(line_of(e->d_name, "stat", stat, sizeof stat), ')');
		if (!state || !strstr(stat, "(stress"))
			continue;
		printf("# stress: process %s, state and parent%.8s, in %s, system call %s\n", e->d_name,
		       state + 1, line_of(e->d_name, "wchan", wchan, sizeof wchan),
		       line_of(e->d_name, "syscall", syscall, sizeof syscall));
	}
	if (d)
		closedir(d);
}

struct progress { unsigned long ops; long since; };

/* One that gets nowhere ends the run, so that it can be looked at soon. */
static void look_for_hangs(struct progress *p, int workers)
{
	for (int i = 0; i < workers; i++) {
		if (shared->worker[i].ops != p[i].ops || !p[i].since) {
			p[i] = (struct progress){ shared->worker[i].ops, now_ms() };
		} else if (now_ms() - p[i].since > HANG * 1000) {
			printf("not ok stress: worker %d, %s: no progress for %d s\n", i,
			       shared->worker[i].doing, HANG);
			show_sleepers();
			shared->failed = 1;
		}
	}
}

static void supervise(int workers, long seconds)
{
	static struct progress progress[MAX_WORKERS];
	long start = now_ms(), next = REPORT_EVERY, t;

	memset(progress, 0, sizeof progress);
	while ((t = (now_ms() - start) / 1000) < seconds && !shared->failed) {
		usleep(100000);
		look_for_hangs(progress, workers);
		if (t >= next) {
			printf("# stress: %ld s, %lu actions\n", t, total_ops(workers));
			next += REPORT_EVERY;
		}
	}
	shared->stop = 1;
}

static bool reap(pid_t *pid, int n)
{
	long end = now_ms() + HANG * 1000;
	bool ok = true;

	for (int i = 0; i < n; i++) {
		int st;
		pid_t r;

		while (!(r = waitpid(pid[i], &st, WNOHANG)) && now_ms() < end)
			usleep(20000);
		if (r == pid[i] && st == 0)
			continue;
		ok = false;
		printf("# stress: worker %d (%s) %s %#x\n", i, shared->worker[i].doing,
		       r ? "ended with" : "hangs", r ? st : 0);
		if (!r)
			kill(pid[i], SIGKILL);
	}
	return ok;
}

static void report_slowest(int workers)
{
	int worst = 0;

	for (int i = 1; i < workers; i++)
		if (shared->worker[i].longest > shared->worker[worst].longest)
			worst = i;
	printf("# stress: longest action: %s, %lu ms\n", shared->worker[worst].longest_name,
	       shared->worker[worst].longest);
}

static bool round_of(long seconds, unsigned int base, int workers, int eaters)
{
	pid_t pid[MAX_WORKERS];

	memset(shared, 0, sizeof *shared);
	for (int i = 0; i < workers + eaters; i++) {
		fflush(stdout);
		pid[i] = must_fork();
		if (pid[i])
			continue;
		if (i < workers)
			work(i, base);
		feed(i, base);
	}
	supervise(workers, seconds);
	return reap(pid, workers + eaters) && !shared->failed;
}

/* --- what is left ---------------------------------------------------------------------------- */

struct census {
	long available_kb, processes, files;
};

/* The number behind NAME in a file of names and numbers; -1: not there. */
static long number_in(const char *file, const char *name)
{
	char line[128];
	size_t len = strlen(name);
	long v = -1;
	FILE *f = fopen(file, "r");

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, name, len) && strchr(": ", line[len]))
			v = atol(line + len + 1);
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
	c.available_kb = number_in("/proc/meminfo", "MemAvailable");
	c.processes = user_processes();
	c.files = entries("/tmp", false) + entries("/dev/shm", false);
	return c;
}

/* MemAvailable may settle late; what is still missing after five seconds is lost. */
static bool nothing_left(const struct census *before)
{
	long slack_kb = 4096 + number_in("/proc/meminfo", "MemTotal") / 64;
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

/* The promise "under constant lack of memory" is empty if it was not lacking. */
static bool memory_lacked(int eaters, long seconds, long killed)
{
	if (!eaters)
		return true;
	printf("# stress: %ld processes killed for memory\n", killed);
	return killed >= seconds / 20;
}

static bool run(long seconds, unsigned int base, int workers, int eaters)
{
	struct census before;
	long killed;
	bool ok;

	if (eaters)
		may_be_killed(false);
	/* a short round first: caches fill once */
	ok = round_of(WARM_UP, base + 1, workers, eaters);
	before = take_census();
	killed = number_in("/proc/vmstat", "oom_kill");
	ok = ok && round_of(seconds, base, workers, eaters);
	printf("# stress: %lu actions\n", total_ops(workers));
	report_slowest(workers);
	ok = memory_lacked(eaters, seconds, number_in("/proc/vmstat", "oom_kill") - killed) && ok;
	return nothing_left(&before) && ok;
}

static long argument(int argc, char **argv, int n, long otherwise)
{
	long v = n < argc ? strtol(argv[n], NULL, 0) : 0;

	return v ? v : otherwise;
}

int main(int argc, char **argv)
{
	long seconds = argument(argc, argv, 1, 10);
	unsigned int base = argument(argc, argv, 2, time(NULL) & 0xffffff);
	int workers = argument(argc, argv, 3, 2 * get_nprocs() + 2);
	int eaters = argument(argc, argv, 4, 0);
	bool ok;

	if (argc > 0 && !strcmp(argv[0], "stress-child"))
		return argc - 1;	/* what the exec actions start: its argument count */
	if (seconds <= 0 || workers < 1 || eaters < 0 || workers + eaters > MAX_WORKERS) {
		fprintf(stderr, "usage: stress SECONDS [SEED [WORKERS [EATERS [mm]]]]\n");
		return 2;
	}
	only_memory = argc > 5 && !strcmp(argv[5], "mm");
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# stress: %ld s, seed %u, %d workers, %d eaters\n", seconds, base, workers, eaters);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	worker_nr = -1;
	ok = run(seconds, base, workers, eaters);
	printf(ok ? "ok stress\n" : "not ok stress: see above (seed %u)\n", base);
	return !ok;
}
