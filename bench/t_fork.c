/* SPDX-License-Identifier: BSD-2-Clause */
/* A and E: the fork family. */
#include "common.h"
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
extern char **environ;

int t_env(int c, char **v)
{
	struct utsname u;
	struct sysinfo si;
	u64 t0, z;
	(void)c; (void)v;
	if (!uname(&u)) {
		printf("# uname: %s %s %s %s\n", u.sysname, u.release, u.version, u.machine);
		fflush(stdout);
	}
	out(freq(), "Hz", "env.cntfrq");
	asm volatile("mrs %0, dczid_el0" : "=r"(z));
	out(z & 16 ? 0 : 4 << (z & 15), "B", "env.dczva");
	out((getauxval(AT_HWCAP2) >> 43) & 1, "bool", "env.hwcap_mops");
	t0 = now();
	for (int i = 0; i < 1000; i++)
		now();
	out(ns(now() - t0) / 1000, "ns", "env.clock_read");
	t0 = now();
	u64 n = 1000000;
	asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
	out(ns(now() - t0) / 1e6, "ns", "env.two_insn_loop");
	if (!sysinfo(&si)) {
		out((double)si.totalram * si.mem_unit / 1024, "KiB", "env.totalram");
		out((double)si.freeram * si.mem_unit / 1024, "KiB", "env.freeram");
	}
	return 0;
}

/* fork MODE MIB */
int t_fork(int c, char **v)
{
	if (c < 3)
		return 2;
	int mode = mode_parse(v[1]), mib = atoi(v[2]), R = mib >= 4096 ? 1 : 5, bad = 0;
	size_t sz = mib * MB;
	const char *m = v[1];
	double lat[8], start[8], w1[8], w2[8], ew[8], cr[8], crt[8];
	int go[2];
	char ch = 0;

	mode_set(mode);
	volatile u64 *sh = shared_page();
	char *p = region(sz, mode);
	long f0 = minflt();
	u64 t0 = now();
	touch(p, sz);
	u64 t1 = now();
	long nf = minflt() - f0;
	out(ns(t1 - t0) / (sz / PG), "ns/4Kpage", "fork.%s.%dM.touch", m, mib);
	out(nf, "faults", "fork.%s.%dM.touch_minflt", m, mib);
	long pte = pte_kib(0);
	if (pte >= 0)
		out(pte, "KiB", "fork.%s.%dM.VmPTE", m, mib);

	/* 2: fork + _exit + waitpid (before anything is COW-broken) */
	for (int r = 0; r < R; r++) {
		t0 = now();
		pid_t q = fork();
		if (!q)
			_exit(0);
		if (q < 0) {
			na(strerror(errno), "fork.%s.%dM.fork", m, mib);
			return 1;
		}
		bad |= reap(q);
		ew[r] = ns(now() - t0);
	}
	/* 6: fork + child reads one byte of all pages */
	u64 want = 0;
	for (size_t i = 0; i < sz; i += PG)
		want += (unsigned char)((i >> 12) | 1);
	for (int r = 0; r < R; r++) {
		t0 = now();
		pid_t q = fork();
		if (!q) {
			u64 s = 0, a = now();
			for (size_t i = 0; i < sz; i += PG)
				s += *(volatile unsigned char *)(p + i);
			sh[1] = now() - a;
			_exit(s != want);
		}
		if (q < 0)
			return 1;
		bad |= reap(q);
		crt[r] = ns(now() - t0);
		cr[r] = ns(sh[1]) / (sz / PG);
	}
	/* 1, 3: parent-side latency; child parks in read(), parent then writes */
	for (int r = 0; r < R; r++) {
		size_t o = (sz / 2 + r * 2 * MB) % sz;
		xpipe(go);
		t0 = now();
		pid_t q = fork();
		t1 = now();
		if (!q) {
			sh[0] = t1;
			close(go[1]);
			if (read(go[0], &ch, 1) < 0) { }
			_exit(0);
		}
		if (q < 0)
			return 1;
		u64 t2 = now();
		*(volatile char *)(p + o) = 2;
		u64 t3 = now();
		*(volatile char *)(p + o + 17 * PG) = 2;
		u64 t4 = now();
		lat[r] = ns(t1 - t0);
		w1[r] = ns(t3 - t2);
		w2[r] = ns(t4 - t3);
		close(go[1]);
		bad |= reap(q);
		close(go[0]);
		start[r] = ns(sh[0] - t0);
	}
	out(median(lat, R) / 1e3, "us", "fork.%s.%dM.latency", m, mib);
	out(vmin(lat, R) / 1e3, "us", "fork.%s.%dM.latency_min", m, mib);
	out(vmax(lat, R) / 1e3, "us", "fork.%s.%dM.latency_max", m, mib);
	out(median(start, R) / 1e3, "us", "fork.%s.%dM.child_start", m, mib);
	out(median(ew, R) / 1e3, "us", "fork.%s.%dM.fork_exit_wait", m, mib);
	out(median(w1, R), "ns", "fork.%s.%dM.first_write", m, mib);
	out(median(w2, R), "ns", "fork.%s.%dM.second_write_same_2M", m, mib);
	out(median(crt, R) / 1e3, "us", "fork.%s.%dM.fork_childreadall_exit_wait", m, mib);
	out(median(cr, R), "ns/4Kpage", "fork.%s.%dM.child_read", m, mib);
	if (bad)
		na("CHILD-DATA-WRONG", "fork.%s.%dM", m, mib);
	return bad != 0;
}

/* storm MODE MIB: COW storms */
int t_storm(int c, char **v)
{
	if (c < 3)
		return 2;
	int mode = mode_parse(v[1]), mib = atoi(v[2]), bad = 0, go[2], rdy[2];
	enum { R = 3 };
	size_t sz = mib * MB, np = sz / PG;
	double par[R], chi[R], reuse[R], all[R];
	long fl[R], fc[R], fr[R];
	char ch = 0;
	mode_set(mode);
	volatile u64 *sh = shared_page();
	for (int r = 0; r < R; r++) {
		for (int who = 0; who < 2; who++) {
			char *p = region(sz, mode);
			touch(p, sz);
			xpipe(go);
			xpipe(rdy);
			u64 begin = now();
			pid_t q = fork();
			if (!q) {
				if (who == 1) {		/* child storms, parent sleeps in wait */
					long f = minflt();
					u64 t = now();
					for (size_t i = 0; i < sz; i += PG)
						*(volatile char *)(p + i) = 2;
					sh[0] = now() - t;
					sh[1] = minflt() - f;
					_exit(0);
				}
				close(go[1]);
				if (write(rdy[1], "r", 1) < 0) { }
				if (read(go[0], &ch, 1) < 0) { }
				for (size_t i = 0; i < sz; i += PG)	/* isolation check */
					if (p[i] != (char)((i >> 12) | 1))
						_exit(1);
				_exit(0);
			}
			if (q < 0)
				return 1;
			if (who == 1) {
				bad |= reap(q);
				chi[r] = ns(sh[0]) / np;
				fc[r] = sh[1];
				for (size_t i = 0; i < sz; i += PG)
					bad |= p[i] != (char)((i >> 12) | 1);
				/* child gone: parent write faults now only re-own pages */
				long f = minflt();
				u64 t = now();
				for (size_t i = 0; i < sz; i += PG)
					*(volatile char *)(p + i) = 3;
				reuse[r] = ns(now() - t) / np;
				fr[r] = minflt() - f;
			} else {
				if (read(rdy[0], &ch, 1) < 0) { }
				sched_yield();	/* let the child reach its sleep */
				long f = minflt();
				u64 t = now();
				for (size_t i = 0; i < sz; i += PG)
					*(volatile char *)(p + i) = 2;
				par[r] = ns(now() - t) / np;
				all[r] = ns(now() - begin);
				fl[r] = minflt() - f;
				close(go[1]);
				go[1] = -1;
				bad |= reap(q);
			}
			close(go[0]);
			if (go[1] >= 0)
				close(go[1]);
			close(rdy[0]);
			close(rdy[1]);
			munmap(p, sz);
		}
	}
	out(median(all, R) / 1e3, "us", "cow.%s.%dM.fork_and_parent_storm", v[1], mib);
	out(median(par, R), "ns/4Kpage", "cow.%s.%dM.parent_storm", v[1], mib);
	out(fl[1], "faults", "cow.%s.%dM.parent_storm_minflt", v[1], mib);
	out(median(chi, R), "ns/4Kpage", "cow.%s.%dM.child_storm", v[1], mib);
	out(fc[1], "faults", "cow.%s.%dM.child_storm_minflt", v[1], mib);
	out(median(reuse, R), "ns/4Kpage", "cow.%s.%dM.parent_rewrite_after_child_storm_and_exit",
	    v[1], mib);
	out(fr[1], "faults", "cow.%s.%dM.parent_rewrite_minflt", v[1], mib);
	if (bad)
		na("ISOLATION-WRONG", "cow.%s.%dM", v[1], mib);
	return bad != 0;
}

/* How long fork takes in the parent, in ns, with a child that waits meanwhile. Not 0: it failed. */
static int fork_parked(double *latency)
{
	int go[2];
	char ch = 0;
	xpipe(go);
	u64 t0 = now();
	pid_t q = fork();
	u64 t1 = now();
	if (!q) {
		close(go[1]);
		if (read(go[0], &ch, 1) < 0) { }
		_exit(0);
	}
	if (q < 0)
		return 1;
	*latency = ns(t1 - t0);
	close(go[1]);
	int bad = reap(q);
	close(go[0]);
	return bad;
}

/* split MODE MIB: fork of a process after random writes under an earlier fork */
int t_split(int c, char **v)
{
	if (c < 3)
		return 2;
	int mib = atoi(v[2]), go[2], bad = 0;
	size_t sz = (size_t)mib * MB;
	enum { R = 5 };
	double lat[R], ew[R];
	unsigned where = 1;
	char ch = 0;
	mode_set(mode_parse(v[1]));
	char *p = region(sz, mode_parse(v[1]));
	touch(p, sz);
	xpipe(go);
	pid_t q = fork();
	if (!q) {
		close(go[1]);
		if (read(go[0], &ch, 1) < 0) { }
		_exit(0);
	}
	if (q < 0)
		return 1;
	for (size_t i = 0; i < sz / (2 * MB) * 4; i++) {
		where = where * 1664525u + 1013904223u;
		*(volatile char *)(p + i / 4 * 2 * MB + (where >> 16) % 512 * PG) = 2;
	}
	close(go[1]);
	bad |= reap(q);
	close(go[0]);
	for (int r = 0; r < R; r++) {
		u64 t0 = now();
		if (fork_parked(&lat[r]))
			return 1;
		ew[r] = ns(now() - t0);
	}
	out(median(lat, R) / 1e3, "us", "split.%s.%dM.fork_latency", v[1], mib);
	out(vmax(lat, R) / 1e3, "us", "split.%s.%dM.fork_latency_max", v[1], mib);
	out(median(ew, R) / 1e3, "us", "split.%s.%dM.fork_exit_wait", v[1], mib);
	out(pte_kib(0), "KiB", "split.%s.%dM.VmPTE", v[1], mib);
	return bad != 0;
}

/* vmas N: N separate two-page VMAs, both pages touched */
int t_vmas(int c, char **v)
{
	if (c < 2)
		return 2;
	int n = atoi(v[1]);
	enum { R = 5 };
	double lat[R], ew[R];
	mode_set(M4K);
	char *p = region(((size_t)n * 3 * PG + 2 * MB - 1) & ~(2 * MB - 1), M4K);
	u64 t0 = now();
	for (int i = 0; i < n; i++)
		if (munmap(p + (size_t)(3 * i + 2) * PG, PG)) {
			na(strerror(errno), "vmas.%d", n);
			return 1;
		}
	out(ns(now() - t0) / n, "ns", "vmas.%d.munmap_hole", n);
	t0 = now();
	for (int i = 0; i < n; i++) {
		p[(size_t)3 * i * PG] = 1;
		p[(size_t)(3 * i + 1) * PG] = 1;
	}
	out(ns(now() - t0) / (2 * n), "ns/page", "vmas.%d.touch", n);
	for (int r = 0; r < R; r++) {
		t0 = now();
		pid_t q = fork();
		if (!q)
			_exit(0);
		if (q < 0)
			return 1;
		reap(q);
		ew[r] = ns(now() - t0);
	}
	for (int r = 0; r < R; r++)
		if (fork_parked(&lat[r]))
			return 1;
	out(median(lat, R) / 1e3, "us", "vmas.%d.fork_latency", n);
	out(median(lat, R) / n, "ns/vma", "vmas.%d.fork_latency_per_vma", n);
	out(median(ew, R) / 1e3, "us", "vmas.%d.fork_exit_wait", n);
	return 0;
}

/* ptbytes MODE MIB NCHILD */
int t_ptbytes(int c, char **v)
{
	if (c < 4)
		return 2;
	int mode = mode_parse(v[1]), mib = atoi(v[2]), n = atoi(v[3]), go[2], rdy[2];
	size_t sz = mib * MB;
	pid_t q[64];
	struct sysinfo a, b;
	char ch = 0;
	if (n > 64)
		return 2;
	mode_set(mode);
	char *p = region(sz, mode);
	touch(p, sz);
	xpipe(go);
	xpipe(rdy);
	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	/* one throw-away fork so caches of the kernel are warm */
	if (!(q[0] = fork()))
		_exit(0);
	reap(q[0]);
	long par0 = pte_kib(0), pt0 = meminfo_kib("PageTables:");
	sysinfo(&a);
	for (int i = 0; i < n; i++) {
		q[i] = fork();
		if (!q[i]) {
			close(go[1]);
			if (write(rdy[1], "r", 1) < 0) { }
			if (read(go[0], &ch, 1) < 0) { }
			_exit(0);
		}
		if (read(rdy[0], &ch, 1) < 0) { }
	}
	sysinfo(&b);
	long par1 = pte_kib(0), pt1 = meminfo_kib("PageTables:"), sum = 0;
	for (int i = 0; i < n; i++)
		sum += pte_kib(q[i]);
	out(par0, "KiB", "pt.%s.%dM.x%d.parent_VmPTE_before", v[1], mib, n);
	out(par1, "KiB", "pt.%s.%dM.x%d.parent_VmPTE", v[1], mib, n);
	out((double)sum / n, "KiB", "pt.%s.%dM.x%d.child_VmPTE_each", v[1], mib, n);
	out(par1 + sum, "KiB", "pt.%s.%dM.x%d.VmPTE_total", v[1], mib, n);
	out(pt1 - pt0, "KiB", "pt.%s.%dM.x%d.meminfo_PageTables_delta", v[1], mib, n);
	out(((double)a.freeram * a.mem_unit - (double)b.freeram * b.mem_unit) / 1024 / n,
	    "KiB", "pt.%s.%dM.x%d.freeram_drop_per_child", v[1], mib, n);
	close(go[1]);
	for (int i = 0; i < n; i++)
		reap(q[i]);
	return 0;
}

/* exec MIB ITER: process creation from a process with MIB of 4K pages */
int t_exec(int c, char **v)
{
	if (c < 3)
		return 2;
	int mib = atoi(v[1]), it = atoi(v[2]);
	static char *prog[] = { "/tiny", "/trivial" };
	mode_set(M4K);
	if (mib) {
		char *p = region(mib * MB, M4K);
		touch(p, mib * MB);
	}
	for (int k = 0; k < 2; k++) {
		char *av[] = { prog[k], 0 };
		double d[3][it];
		int bad = 0;
		for (int r = -2; r < it; r++) {
			u64 t0 = now();
			pid_t q = fork();
			if (!q) {
				execve(prog[k], av, environ);
				_exit(127);
			}
			bad |= reap(q);
			u64 t1 = now();
			q = vfork();
			if (!q) {
				execve(prog[k], av, environ);
				_exit(127);
			}
			bad |= reap(q);
			u64 t2 = now();
			if (posix_spawn(&q, prog[k], 0, 0, av, environ))
				bad = 1;
			else
				bad |= reap(q);
			u64 t3 = now();
			if (r >= 0) {
				d[0][r] = ns(t1 - t0);
				d[1][r] = ns(t2 - t1);
				d[2][r] = ns(t3 - t2);
			}
		}
		static const char *nm[] = {"fork_exec_wait", "vfork_exec_wait", "posix_spawn_wait"};
		for (int i = 0; i < 3; i++)
			out(median(d[i], it) / 1e3, "us", "exec.%dM.%s.%s", mib, prog[k] + 1,
			    nm[i]);
		if (bad)
			na("EXEC-FAILED", "exec.%dM.%s", mib, prog[k] + 1);
	}
	return 0;
}

/* afl MODE MIB PAGES ITER: fork server */
int t_afl(int c, char **v)
{
	if (c < 5)
		return 2;
	int mode = mode_parse(v[1]), mib = atoi(v[2]), w = atoi(v[3]), it = atoi(v[4]), bad = 0;
	size_t sz = mib * MB;
	mode_set(mode);
	char *p = region(sz, mode);
	touch(p, sz);
	u64 t0 = 0;
	for (int r = -5; r < it; r++) {
		if (r == 0)
			t0 = now();
		pid_t q = fork();
		if (!q) {
			for (int i = 0; i < w; i++)	/* spread over the heap */
				*(volatile char *)(p + (size_t)i * (sz / w) / PG * PG) = 9;
			_exit(0);
		}
		if (q < 0)
			return 1;
		bad |= reap(q);
	}
	double t = ns(now() - t0) / it;
	out(t / 1e3, "us", "afl.%s.%dM.w%d.iteration", v[1], mib, w);
	out(1e9 / t, "iter/s", "afl.%s.%dM.w%d.rate", v[1], mib, w);
	if (bad)
		na("CHILD-FAILED", "afl.%s.%dM", v[1], mib);
	return 0;
}

/* prof WHAT MODE MIB ITER: brackets a phase with marker hints (nop on every
 * core) that the profiling plugin understands; prints nothing else useful */
#define MARK_ON()  asm volatile("hint #100" ::: "memory")
#define MARK_OFF() asm volatile("hint #101" ::: "memory")
int t_prof(int c, char **v)
{
	if (c < 5)
		return 2;
	int mode = mode_parse(v[2]), it = atoi(v[4]), go[2];
	size_t sz = atoi(v[3]) * MB;
	char ch = 0;
	u64 tot = 0;
	mode_set(mode);
	char *p = region(sz, mode);
	touch(p, sz);
	if (!strcmp(v[1], "kallsyms")) {
		int fd = open("/proc/kallsyms", O_RDONLY), n;
		static char b[65536];
		while ((n = read(fd, b, sizeof b)) > 0)
			if (write(1, b, n) < 0)
				break;
		return 0;
	}
	if (!strncmp(v[1], "sys:", 4)) {	/* sys:NR, getppid-like calls */
		long nr = atol(v[1] + 4);
		int nul = open("/dev/null", O_WRONLY);
		for (int i = 0; i < 100; i++)
			syscall(nr, nul, &ch, 1);
		MARK_ON();
		u64 t0 = now();
		for (int i = 0; i < it; i++)
			syscall(nr, nul, &ch, 1);
		tot = now() - t0;
		MARK_OFF();
		out(ns(tot) / it, "ns", "prof.%s", v[1]);
		return 0;
	}
	if (!strcmp(v[1], "touch")) {
		p = region(sz, mode);
		MARK_ON();
		u64 t0 = now();
		touch(p, sz);
		tot = now() - t0;
		MARK_OFF();
		out(ns(tot) / (sz / PG), "ns/4Kpage", "prof.touch.%s", v[2]);
		return 0;
	}
	for (int r = -1; r < it; r++) {
		xpipe(go);
		if (r >= 0 && strcmp(v[1], "storm") && strcmp(v[1], "write"))
			MARK_ON();
		u64 t0 = now();
		pid_t q = fork();
		u64 t1 = now();
		if (!q) {
			close(go[1]);
			if (!strcmp(v[1], "forkexit"))
				_exit(0);
			if (read(go[0], &ch, 1) < 0) { }
			_exit(0);
		}
		if (!strcmp(v[1], "fork") || !strcmp(v[1], "write"))
			MARK_OFF();
		if (!strcmp(v[1], "write")) {	/* the first one, in the middle */
			if (r >= 0)
				MARK_ON();
			t0 = now();
			*(volatile char *)(p + sz / 2) = 2;
			t1 = now();
			MARK_OFF();
		}
		if (!strcmp(v[1], "storm")) {
			sched_yield();
			if (r >= 0)
				MARK_ON();
			t0 = now();
			touch(p, sz);
			t1 = now();
			MARK_OFF();
		}
		close(go[1]);
		reap(q);
		MARK_OFF();
		if (!strcmp(v[1], "forkexit"))
			t1 = now();
		close(go[0]);
		if (r >= 0)
			tot += t1 - t0;
	}
	out(ns(tot) / it / 1e3, "us", "prof.%s.%s.%sM", v[1], v[2], v[3]);
	return 0;
}
