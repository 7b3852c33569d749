/* SPDX-License-Identifier: BSD-2-Clause */
/* The harness of the guest tests: runs each test in a child, prints the lines, counts. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <grp.h>

enum { EXIT_FAILED = 99, EXIT_SKIPPED = 98 };

/* Why the running test failed or was skipped: the first of its processes to say so wins. */
struct verdict {
	int taken;
	char why[400];
};

static struct check_test *tests, **last = &tests;
static struct verdict *verdict, no_verdict;
static const char *program = "?";
static pid_t test_pid;

void check_register(struct check_test *t)
{
	*last = t;
	last = &t->next;
}

static void give_verdict(const char *fmt, va_list ap, const char *file, int line)
{
	int n = 0;

	if (__atomic_exchange_n(&verdict->taken, 1, __ATOMIC_ACQ_REL))
		return;
	if (file)
		n = snprintf(verdict->why, sizeof verdict->why, "%s:%d: ", file, line);
	vsnprintf(verdict->why + n, sizeof verdict->why - n, fmt, ap);
	for (char *c = verdict->why; *c; c++)
		if (*c == '\n')
			*c = ' ';
}

void check_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	give_verdict(fmt, ap, file, line);
	va_end(ap);
	_exit(EXIT_FAILED);
}

void check_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	give_verdict(fmt, ap, NULL, 0);
	va_end(ap);
	_exit(EXIT_SKIPPED);
}

pid_t check_fork(void)
{
	pid_t p = fork();

	if (p < 0)
		FAIL("fork: %s", strerror(errno));
	return p;
}

int check_wait(pid_t pid)
{
	int st;
	pid_t r;

	do
		r = waitpid(pid, &st, 0);
	while (r < 0 && errno == EINTR);
	if (r != pid)
		FAIL("waitpid(%d): %d, %s", pid, r, strerror(errno));
	if (WIFEXITED(st) && (WEXITSTATUS(st) == EXIT_FAILED || WEXITSTATUS(st) == EXIT_SKIPPED))
		_exit(WEXITSTATUS(st));
	return st;
}

bool check_on_tine(void)
{
	struct utsname u;

	return !uname(&u) && (strstr(u.release, "tine") || strstr(u.sysname, "Tine"));
}

static void tmp_path(char *buf, size_t size, pid_t pid)
{
	snprintf(buf, size, "/tmp/check-%d", pid);
}

const char *check_tmpdir(void)
{
	static char path[64];

	tmp_path(path, sizeof path, test_pid);
	OK(mkdir(path, 0777));
	OK(chmod(path, 0777));
	OK(chdir(path));
	umask(022);
	return path;
}

static void remove_tree(const char *path)
{
	char sub[4096];
	struct dirent *e;
	DIR *d = opendir(path);

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) >= (int)sizeof sub)
			continue;
		if (unlink(sub) && errno != ENOENT)
			remove_tree(sub);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

void check_write_file(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
}

size_t check_read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t r;

	if (fd < 0)
		FAIL("open %s: %s", path, strerror(errno));
	while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
		n += r;
	buf[n] = 0;
	close(fd);
	return n;
}

long long check_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

void check_sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * MSEC };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

void check_wait_state(pid_t pid, const char *states)
{
	char path[40], buf[600] = "", *p = NULL;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	for (int i = 0; i < 5000; i++) {
		check_read_file(path, buf, sizeof buf);
		p = strrchr(buf, ')');
		if (p && p[1] == ' ' && p[2] && strchr(states, p[2]))
			return;
		check_sleep_ms(2);
	}
	FAIL("process %d is in state %c, not %s", pid, p ? p[2] : '?', states);
}

void check_wait_flag(volatile int *flag, int value)
{
	for (int i = 0; *flag != value; i++) {
		if (i > 10000)
			FAIL("waited for %d, have %d", value, *flag);
		if (i < 100)
			sched_yield();
		else
			check_sleep_ms(1);
	}
}

static void *anon(size_t len, int flags)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		FAIL("mmap %zu: %s", len, strerror(errno));
	return p;
}

void *check_anon(size_t len)
{
	return anon(len, MAP_PRIVATE);
}

void *check_shared(size_t len)
{
	return anon(len, MAP_SHARED);
}

void *check_aligned(size_t len, size_t align)
{
	char *all = mmap(NULL, len + 2 * align, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *p;

	if (all == MAP_FAILED)
		FAIL("mmap %zu: %s", len, strerror(errno));
	p = (char *)(((uintptr_t)all + align) & ~(align - 1));
	OK(mprotect(p, len, PROT_READ | PROT_WRITE));
	return p;
}

long check_number(const char *path, const char *name)
{
	size_t n = name ? strlen(name) : 0;
	FILE *f = fopen(path, "r");
	bool found = false;
	char line[512];
	long v = 0;

	if (!f)
		FAIL("open %s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof line, f)) {
		found = !name || (!strncmp(line, name, n) && (line[n] == ':' || line[n] == ' '));
		if (found)
			v = atol(line + n + !!name);
	}
	fclose(f);
	if (!found)
		FAIL("no %s in %s", name ?: "number", path);
	return v;
}

long check_smaps(const void *p, size_t len, const char *name)
{
	uintptr_t from = (uintptr_t)p, start, end;
	FILE *f = fopen("/proc/self/smaps", "r");
	size_t n = strlen(name);
	bool here = false;
	char line[512];
	long sum = -1;

	CHECK(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start < from + len && end > from;
		else if (here && !strncmp(line, name, n) && line[n] == ':')
			sum = (sum < 0 ? 0 : sum) + atol(line + n + 1);
	fclose(f);
	return sum;
}

int check_put(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY)), err = 0;
	ssize_t n = write(fd, text, strlen(text));

	if (n < 0)
		err = errno;
	else
		CHECK_EQ(n, strlen(text));
	close(fd);
	return err;
}

const char *check_chosen(const char *path, char *buf, size_t size)
{
	char *from, *to;

	check_read_file(path, buf, size);
	from = strchr(buf, '[');
	to = from ? strchr(from, ']') : NULL;
	if (!to)
		FAIL("%s: %s", path, buf);
	*to = 0;
	return from + 1;
}

void check_become(uid_t uid, gid_t gid)
{
	OK(setgroups(0, NULL));
	OK(setresgid(gid, gid, gid));
	OK(setresuid(uid, uid, uid));
}

static __thread sigjmp_buf fault_env;
static __thread struct check_fault fault;

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	(void)ctx;
	fault.sig = sig;
	fault.code = si->si_code;
	fault.addr = (uintptr_t)si->si_addr;
	siglongjmp(fault_env, 1);
}

enum access { READ, WRITE, EXEC };

static struct check_fault touch(volatile void *p, enum access how)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction old[3];
	const int sigs[3] = { SIGSEGV, SIGBUS, SIGILL };

	for (int i = 0; i < 3; i++)
		sigaction(sigs[i], &sa, &old[i]);
	fault = (struct check_fault){ 0 };
	if (!sigsetjmp(fault_env, 1)) {
		if (how == READ)
			(void)*(volatile char *)p;
		else if (how == WRITE)
			*(volatile char *)p = 1;
		else
			((void (*)(void))p)();
	}
	for (int i = 0; i < 3; i++)
		sigaction(sigs[i], &old[i], NULL);
	return fault;
}

struct check_fault check_read(const volatile void *p)
{
	return touch((volatile void *)p, READ);
}

struct check_fault check_write(volatile void *p)
{
	return touch(p, WRITE);
}

struct check_fault check_exec(const void *p)
{
	return touch((volatile void *)p, EXEC);
}

/* Waits for the test's process, by polling: a test may be about SIGCHLD, alarms or sleeping. */
static int wait_with_timeout(pid_t pid, int seconds, bool *timed_out)
{
	int st = 0;
	long long end = check_now() + seconds * SEC;

	*timed_out = false;
	for (int i = 0; waitpid(pid, &st, WNOHANG) == 0; i++) {
		if (check_now() > end) {
			*timed_out = true;
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &st, 0);
			break;
		}
		if (i < 20)
			sched_yield();
		else
			check_sleep_ms(i < 100 ? 1 : 5);
	}
	return st;
}

enum result { PASSED, FAILED, SKIPPED };

static enum result report(const struct check_test *t, int st, bool timed_out)
{
	if (timed_out)
		printf("not ok %s.%s: no end after %d s\n", program, t->name, t->timeout);
	else if (WIFSIGNALED(st))
		printf("not ok %s.%s: killed by signal %d (%s)\n", program, t->name, WTERMSIG(st),
		       strsignal(WTERMSIG(st)));
	else if (WEXITSTATUS(st) == EXIT_SKIPPED)
		printf("skip %s.%s: %s\n", program, t->name, verdict->why);
	else if (WEXITSTATUS(st))
		printf("not ok %s.%s: %s (exit %d)\n", program, t->name,
		       verdict->taken ? verdict->why : "no reason given", WEXITSTATUS(st));
	else
		printf("ok %s.%s\n", program, t->name);
	fflush(stdout);
	if (timed_out || WIFSIGNALED(st))
		return FAILED;
	return !WEXITSTATUS(st) ? PASSED : WEXITSTATUS(st) == EXIT_SKIPPED ? SKIPPED : FAILED;
}

static enum result run(const struct check_test *t)
{
	bool timed_out;
	char tmp[64];
	pid_t pid;
	int st;

	memset(verdict, 0, sizeof *verdict);
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("not ok %s.%s: fork: %s\n", program, t->name, strerror(errno));
		return FAILED;
	}
	if (!pid) {
		test_pid = getpid();
		setpgid(0, 0);
		t->fn();
		_exit(0);
	}
	setpgid(pid, pid);
	st = wait_with_timeout(pid, t->timeout, &timed_out);
	kill(-pid, SIGKILL);
	tmp_path(tmp, sizeof tmp, pid);
	if (!chdir("/"))
		remove_tree(tmp);
	return report(t, st, timed_out);
}

static bool wanted(const char *name, int argc, char **argv, int first)
{
	if (first >= argc)
		return true;
	for (int i = first; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return false;
}

/* For the init, which has no pipe to read us by: one line per program. */
static void append_result(const int *count)
{
	const char *path = getenv("CHECK_RESULTS");
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%s %d %d %d\n", program, count[PASSED], count[FAILED], count[SKIPPED]);
	fclose(f);
}

int main(int argc, char **argv)
{
	int count[3] = { 0 }, first = 1;
	bool list = argc > 1 && !strcmp(argv[1], "-l");

	program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	verdict = mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (verdict == MAP_FAILED)
		verdict = &no_verdict;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct check_test *t = tests; t; t = t->next) {
		if (list)
			printf("%s\n", t->name);
		else if (wanted(t->name, argc, argv, first))
			count[run(t)]++;
	}
	if (list)
		return 0;
	append_result(count);
	printf("# %s: %d passed, %d failed, %d skipped\n", program, count[PASSED], count[FAILED],
	       count[SKIPPED]);
	return count[FAILED] > 0;
}
