/* SPDX-License-Identifier: BSD-2-Clause */
/* C: a Redis-protocol server saving in the background while a paced client
 * keeps reading and writing over a unix socket.
 * kv SERVER TAG KEYS VALSIZE MODE PERIOD_US RDBCOMPRESSION(yes|no) [PHASES [WINDOW_MS]]
 * With WINDOW_MS only the first WINDOW_MS of the save are sampled, then the test
 * ends (the save itself is not waited for). */
#include "common.h"
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define DIR "/tmp/kv"
#define SOCK DIR "/s"
static char rbuf[1 << 20];
static const char *tag;

static int conn(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strcpy(a.sun_path, SOCK);
	for (int i = 0; i < 3000; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (!connect(fd, (void *)&a, sizeof a))
			return fd;
		close(fd);
		usleep(10000);
	}
	return -1;
}
static int put_all(int fd, const char *b, size_t n)
{
	while (n) {
		ssize_t k = write(fd, b, n);
		if (k <= 0)
			return -1;
		b += k;
		n -= k;
	}
	return 0;
}
/* one whole RESP reply (simple, error, integer or bulk) into rbuf */
static long get_reply(int fd)
{
	size_t n = 0, need = 0;
	for (;;) {
		ssize_t k = read(fd, rbuf + n, sizeof rbuf - 1 - n);
		if (k <= 0)
			return -1;
		n += k;
		rbuf[n] = 0;
		if (!need) {
			char *e = memchr(rbuf, '\n', n);
			if (!e)
				continue;
			need = e + 1 - rbuf;
			if (rbuf[0] == '$' && rbuf[1] != '-')
				need += atol(rbuf + 1) + 2;
		}
		if (n >= need)
			return rbuf[0] == '-' ? -2 : (long)n;
	}
}
static size_t enc(char *o, int argc, const char **av, const size_t *al)
{
	char *s = o;
	o += sprintf(o, "*%d\r\n", argc);
	for (int i = 0; i < argc; i++) {
		o += sprintf(o, "$%zu\r\n", al[i]);
		memcpy(o, av[i], al[i]);
		o += al[i];
		*o++ = '\r';
		*o++ = '\n';
	}
	return o - s;
}
static int send_cmd(int fd, const char *line)	/* space separated words */
{
	static char w[512], o[2048];
	const char *av[16];
	size_t al[16];
	int n = 0;
	char *sv;
	snprintf(w, sizeof w, "%s", line);
	for (char *a = strtok_r(w, " ", &sv); a && n < 16; a = strtok_r(0, " ", &sv)) {
		av[n] = a;
		al[n++] = strlen(a);
	}
	return put_all(fd, o, enc(o, n, av, al));
}
static long cmd(int fd, const char *line)
{
	if (send_cmd(fd, line))
		return -1;
	return get_reply(fd);
}
static double info(int fd, const char *sec, const char *key)
{
	char l[64];
	snprintf(l, sizeof l, "INFO %s", sec);
	if (cmd(fd, l) < 0)
		return -1;
	char *p = rbuf;
	size_t kl = strlen(key);
	while ((p = strstr(p, key))) {
		if ((p == rbuf || p[-1] == '\n') && p[kl] == ':')
			return atof(p + kl + 1);
		p += kl;
	}
	return -1;
}
static long proc_minflt(pid_t p)
{
	char b[1024], n[64];
	snprintf(n, sizeof n, "/proc/%d/stat", p);
	int fd = open(n, O_RDONLY), k;
	if (fd < 0)
		return -1;
	k = read(fd, b, sizeof b - 1);
	close(fd);
	if (k <= 0)
		return -1;
	b[k] = 0;
	char *s = strrchr(b, ')');
	long v = -1;
	if (s)
		sscanf(s + 1, " %*c %*d %*d %*d %*d %*d %*u %ld", &v);
	return v;
}

enum { MAXS = 1 << 20 };
static uint32_t lat[2][2][MAXS];	/* [get/set][response/service] in ns */
static int cnt[2];
static int cmpu(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}
static void dist(const char *phase)
{
	static const char *op[] = { "get", "set" }, *kind[] = { "resp", "svc" };
	static const struct {
		double q;
		const char *n;
	} qs[] = {{.5, "p50"}, {.99, "p99"}, {.999, "p99.9"}};
	for (int o = 0; o < 2; o++) {
		int n = cnt[o];
		if (!n)
			continue;
		out(n, "requests", "%s.%s.%s.n", tag, phase, op[o]);
		for (int k = 0; k < 2; k++) {
			qsort(lat[o][k], n, sizeof(uint32_t), cmpu);
			for (int i = 0; i < 3; i++) {
				int x = (int)(qs[i].q * n);
				out(lat[o][k][x < n ? x : n - 1] / 1e3, "us", "%s.%s.%s.%s_%s", tag,
				    phase, op[o], kind[k], qs[i].n);
			}
			out(lat[o][k][n - 1] / 1e3, "us", "%s.%s.%s.%s_max", tag, phase, op[o],
			    kind[k]);
		}
	}
}

static u64 seed = 12345;
static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((seed >> 33) % n);
}
static char val[65536];

/* period 0: closed loop.  Stops after `maxreq` requests, or, with `file`, when
 * the file exists.  Returns elapsed ticks. */
static u64 load(int fd, unsigned keys, size_t vs, u64 period, long maxreq,
		const char *file, u64 window, long *nreq)
{
	static char o[70000];
	struct stat st;
	u64 start = now(), end;
	long i;
	cnt[0] = cnt[1] = 0;
	for (i = 0; i < maxreq; i++) {
		char key[32];
		int set = i & 1;
		const char *av[3] = { set ? "SET" : "GET", key, val };
		size_t al[3] = { 3, (size_t)sprintf(key, "key:%u", rnd(keys)), vs };
		size_t n = enc(o, set ? 3 : 2, av, al);
		u64 due = start + i * period, t;
		if (file && !stat(file, &st))
			break;
		t = now();
		if (window && t - start > window)
			break;
		if (period && due > t) {
			u64 d = (u64)ns(due - t);
			struct timespec ts = { d / 1000000000, d % 1000000000 };
			nanosleep(&ts, 0);
			t = now();
		}
		if (!period || due > t)
			due = t;
		if (put_all(fd, o, n) || get_reply(fd) < 0) {
			na("server-error", "%s.load", tag);
			exit(4);
		}
		end = now();
		if (cnt[set] < MAXS) {
			lat[set][0][cnt[set]] = (uint32_t)ns(end - due);
			lat[set][1][cnt[set]++] = (uint32_t)ns(end - t);
		}
	}
	*nreq = i;
	return now() - start;
}

static void showlog(void)
{
	int fd = open(DIR "/log", O_RDONLY), n;
	while (fd >= 0 && (n = read(fd, rbuf, sizeof rbuf)) > 0)
		if (write(1, rbuf, n) < 0)
			break;
}

int t_kv(int c, char **v)
{
	if (c < 8)
		return 2;
	const char *srv = v[1];
	tag = v[2];
	unsigned keys = atoi(v[3]);
	size_t vs = atoi(v[4]);
	int mode = mode_parse(v[5]);
	u64 period = (u64)(atof(v[6]) * freq() / 1e6);
	int phases = c > 8 ? atoi(v[8]) : 1;
	u64 window = c > 9 ? atol(v[9]) * (freq() / 1000) : 0;
	char l[128];
	long nr;
	if (vs > sizeof val)
		return 2;
	for (size_t i = 0; i < vs; i++)
		val[i] = 'a' + i % 23;
	mode_set(mode);
	mkdir(DIR, 0755);
	unlink(DIR "/dump.rdb");
	pid_t sp = fork();
	if (!sp) {
		char *av[] = {(char *)srv,
			      "--port",
			      "0",
			      "--unixsocket",
			      SOCK,
			      "--save",
			      "",
			      "--dir",
			      DIR,
			      "--enable-debug-command",
			      "yes",
			      "--logfile",
			      DIR "/log",
			      "--hz",
			      "100",
			      "--rdbcompression",
			      v[7],
			      "--ignore-warnings",
			      "ARM64-COW-BUG",
			      "--disable-thp",
			      mode == M4K ? "yes" : "no",
			      0};
		execv(srv, av);
		_exit(127);
	}
	int a = conn(), b = conn();
	if (a < 0 || b < 0) {
		na("no-connection", "%s", tag);
		showlog();
		return 1;
	}
	u64 t0 = now();
	snprintf(l, sizeof l, "DEBUG POPULATE %u key %zu", keys, vs);
	if (cmd(a, l) < 0) {
		na("populate-failed", "%s", tag);
		fprintf(stderr, "%s\n", rbuf);
		showlog();
		return 1;
	}
	out(ns(now() - t0) / 1e6, "ms", "%s.populate", tag);
	out(info(a, "memory", "used_memory") / MB, "MiB", "%s.used_memory", tag);
	out(info(a, "memory", "used_memory_rss") / MB, "MiB", "%s.rss", tag);
	long pte = pte_kib(sp);
	if (pte >= 0)
		out(pte, "KiB", "%s.VmPTE", tag);

	load(a, keys, vs, period, window ? 500 : 4000, 0, 0, &nr);
	dist("idle");
	u64 el = load(a, keys, vs, 0, window ? 1000 : 5000, 0, 0, &nr);
	out(nr / (ns(el) / 1e9), "op/s", "%s.idle.closed_loop", tag);

	for (int k = 0; k < phases; k++) {	/* 0, 1: paced; 2: closed loop */
		char ph[32];
		unlink(DIR "/dump.rdb");
		long f0 = proc_minflt(sp);
		t0 = now();
		/* do not wait for the reply: the requests behind it see the fork */
		if (send_cmd(b, "BGSAVE"))
			return 1;
		el = load(a, keys, vs, k == 2 ? 0 : period, 100000000, DIR "/dump.rdb", window,
			  &nr);
		long f1 = proc_minflt(sp);
		get_reply(b);
		while (!window && info(b, "persistence", "rdb_bgsave_in_progress") != 0)
			usleep(2000);
		snprintf(ph, sizeof ph, k == 2 ? "bgsave_closed" : "bgsave%d", k + 1);
		out(info(b, "stats", "latest_fork_usec"), "us", "%s.%s.latest_fork_usec", tag, ph);
		out(ns(el) / 1e6, "ms", window ? "%s.%s.window" : "%s.%s.total", tag, ph);
		out(f1 - f0, "faults", "%s.%s.server_minflt", tag, ph);
		out(info(b, "persistence", "rdb_last_cow_size") / 1024, "KiB", "%s.%s.cow_size",
		    tag, ph);
		if (k == 2)
			out(nr / (ns(el) / 1e9), "op/s", "%s.%s.closed_loop", tag, ph);
		struct stat st;
		if (!window && !stat(DIR "/dump.rdb", &st))
			out((double)st.st_size / MB, "MiB", "%s.%s.rdb_size", tag, ph);
		dist(ph);
	}
	if (window) {
		kill(sp, SIGKILL);
		return 0;
	}
	/* memory left alone: BGSAVE with no load at all */
	unlink(DIR "/dump.rdb");
	struct stat st;
	t0 = now();
	if (cmd(b, "BGSAVE") < 0)
		return 1;
	u64 t1 = now();
	while (stat(DIR "/dump.rdb", &st))
		usleep(1000);
	out(ns(t1 - t0) / 1e3, "us", "%s.noload.bgsave_reply", tag);
	out(ns(now() - t0) / 1e6, "ms", "%s.noload.bgsave_total", tag);
	while (info(b, "persistence", "rdb_bgsave_in_progress") != 0)
		usleep(2000);
	out(info(b, "stats", "latest_fork_usec"), "us", "%s.noload.latest_fork_usec", tag);
	send_cmd(b, "SHUTDOWN NOSAVE");
	reap(sp);
	unlink(SOCK);
	unlink(DIR "/dump.rdb");
	unlink(DIR "/log");
	return 0;
}
