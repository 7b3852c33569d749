/* SPDX-License-Identifier: BSD-2-Clause */
/* Multi-bench driver.
 *   as pid 1:  mounts proc/sys/tmp, runs each line of /suite as `bench <line>`
 *              in its own process, then powers the machine off.
 *   otherwise: bench <test> [args...]
 * Every result is printed as "name value unit". */
#include "common.h"
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/reboot.h>

const char *mode_name[] = { "4k", "64k", "2m" };

static void vout(const char *val, const char *unit, const char *fmt, va_list ap)
{
	char b[512];
	int n = vsnprintf(b, sizeof b, fmt, ap);
	n += snprintf(b + n, sizeof b - n, " %s %s\n", val, unit);
	if (write(1, b, n) < 0) { }
}
void out(double v, const char *unit, const char *fmt, ...)
{
	char val[64];
	va_list ap;
	snprintf(val, sizeof val,
		 v >= 1000 || v == (long)v ? "%.0f"
		 : v >= 100		   ? "%.1f"
					   : "%.2f",
		 v);
	va_start(ap, fmt);
	vout(val, unit, fmt, ap);
	va_end(ap);
}
void na(const char *why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vout("NA", why, fmt, ap);
	va_end(ap);
}

int mode_parse(const char *s)
{
	for (int i = 0; i < 3; i++)
		if (!strcmp(s, mode_name[i]))
			return i;
	fprintf(stderr, "bad mode %s\n", s);
	exit(2);
}

static void put(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	if (write(fd, val, strlen(val)) < 0) { }
	close(fd);
}
#define THP "/sys/kernel/mm/transparent_hugepage/"
void mode_set(int mode)
{
	put(THP "enabled", "always");
	put(THP "hugepages-64kB/enabled", mode == M64K ? "always" : "never");
	put(THP "hugepages-2048kB/enabled", mode == M2M ? "inherit" : "never");
	/* khugepaged must not change what is measured */
	put(THP "khugepaged/scan_sleep_millisecs", "100000000");
}

char *region(size_t sz, int mode)
{
	size_t a = 2 * MB;
	char *m = mmap(0, sz + a, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m == MAP_FAILED) {
		perror("mmap");
		exit(3);
	}
	char *p = (char *)(((uintptr_t)m + a - 1) & ~(a - 1));
	if (p > m)
		munmap(m, p - m);
	if (m + sz + a > p + sz)
		munmap(p + sz, m + sz + a - (p + sz));
	if (mode == M4K)
		madvise(p, sz, MADV_NOHUGEPAGE);
	else if (mode == M2M)
		madvise(p, sz, MADV_HUGEPAGE);
	return p;
}
void touch(char *p, size_t sz)
{
	for (size_t i = 0; i < sz; i += PG)
		*(volatile char *)(p + i) = (char)((i >> 12) | 1);
}
long minflt(void)
{
	struct rusage r;
	memset(&r, 0, sizeof r);
	getrusage(RUSAGE_SELF, &r);
	return r.ru_minflt;
}
static long grepkib(const char *path, const char *key)
{
	char b[8192];
	int fd = open(path, O_RDONLY), n;
	if (fd < 0)
		return -1;
	n = read(fd, b, sizeof b - 1);
	close(fd);
	if (n <= 0)
		return -1;
	b[n] = 0;
	char *s = strstr(b, key);
	return s ? atol(s + strlen(key)) : -1;
}
long pte_kib(pid_t pid)
{
	char p[64];
	if (pid)
		snprintf(p, sizeof p, "/proc/%d/status", pid);
	else
		strcpy(p, "/proc/self/status");
	return grepkib(p, "VmPTE:");
}
long meminfo_kib(const char *key) { return grepkib("/proc/meminfo", key); }

static int cmpd(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}
double median(double *v, int n)
{
	double t[n];
	memcpy(t, v, n * sizeof *v);
	qsort(t, n, sizeof *t, cmpd);
	return n & 1 ? t[n / 2] : (t[n / 2 - 1] + t[n / 2]) / 2;
}
double vmin(const double *v, int n)
{
	double m = v[0];
	for (int i = 1; i < n; i++)
		if (v[i] < m)
			m = v[i];
	return m;
}
double vmax(const double *v, int n)
{
	double m = v[0];
	for (int i = 1; i < n; i++)
		if (v[i] > m)
			m = v[i];
	return m;
}
void *shared_page(void)
{
	void *p = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap shared");
		exit(3);
	}
	*(volatile u64 *)p = 0;
	return p;
}
int reap(pid_t pid)
{
	int st = 0;
	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}
void xpipe(int *fd)
{
	if (pipe(fd)) {
		perror("pipe");
		exit(3);
	}
}

static const struct { const char *name; int (*fn)(int, char **); } tests[] = {
	{ "env", t_env }, { "fork", t_fork }, { "storm", t_storm }, { "split", t_split }, { "vmas", t_vmas },
	{ "ptbytes", t_ptbytes }, { "exec", t_exec }, { "afl", t_afl }, { "prof", t_prof },
	{ "b", t_basic }, { "kv", t_kv },
	{ "bpf", t_bpf },
};
static int run(int c, char **v)
{
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		if (!strcmp(v[0], tests[i].name))
			return tests[i].fn(c, v);
	fprintf(stderr, "no test %s\n", v[0]);
	return 2;
}

int main(int c, char **v)
{
	if (getpid() != 1)
		return c > 1 ? run(c - 1, v + 1) : 2;

	static char suite[8192];
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 0777);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("tmpfs", "/tmp", "tmpfs", 0, "size=90%");
	if (access("/dev/null", F_OK))
		mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
	int fd = open("/suite", O_RDONLY), n = 0;
	if (fd >= 0) {
		n = read(fd, suite, sizeof suite - 1);
		close(fd);
	}
	if (n <= 0)
		strcpy(suite, "env\nb all 4k\n");
	if (!strstr(suite, "#nosleep"))
		sleep(10);	/* let boot-time background work finish */
	for (char *sv, *l = strtok_r(suite, "\n", &sv); l; l = strtok_r(0, "\n", &sv)) {
		char line[512], *av[24] = { "bench" }, *s2;
		int ac = 1;
		if (*l == '#')
			continue;
		snprintf(line, sizeof line, "%s", l);
		for (char *a = strtok_r(l, " ", &s2); a && ac < 23; a = strtok_r(0, " ", &s2))
			av[ac++] = a;
		av[ac] = 0;
		if (ac == 1)
			continue;
		pid_t q = fork();
		if (!q) {
			execv("/init", av);
			_exit(127);
		}
		int r = reap(q);
		if (r) {
			char b[600];
			n = snprintf(b, sizeof b, "FAILED(%d): %s\n", r, line);
			if (write(1, b, n) < 0) { }
		}
	}
	if (write(1, "BENCH-DONE\n", 11) < 0) { }
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
