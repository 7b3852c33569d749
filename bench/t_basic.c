/* SPDX-License-Identifier: BSD-2-Clause */
/* B: basic operations. */
#include "common.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/socket.h>

/* --- plain syscalls ----------------------------------------------------- */
static void b_syscalls(void)
{
	enum { N = 20000 };
	char ch = 0;
	int zfd = open("/dev/zero", O_RDONLY), nfd = open("/dev/null", O_WRONLY);
	u64 t0;

	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	t0 = now();
	for (int i = 0; i < N; i++)
		syscall(SYS_getppid);
	out(ns(now() - t0) / N, "ns", "sys.getppid");
	if (zfd >= 0 && read(zfd, &ch, 1) == 1) {
		t0 = now();
		for (int i = 0; i < N; i++)
			if (read(zfd, &ch, 1) < 0) { }
		out(ns(now() - t0) / N, "ns", "sys.read1_devzero");
	} else
		na("no-/dev/zero", "sys.read1_devzero");
	if (nfd >= 0 && write(nfd, &ch, 1) == 1) {
		t0 = now();
		for (int i = 0; i < N; i++)
			if (write(nfd, &ch, 1) < 0) { }
		out(ns(now() - t0) / N, "ns", "sys.write1_devnull");
	} else
		na("no-/dev/null", "sys.write1_devnull");
	t0 = now();
	for (int i = 0; i < 2000; i++)
		close(open("/dev/null", O_WRONLY));
	out(ns(now() - t0) / 2000, "ns", "sys.open_close_devnull");
	struct stat st;
	t0 = now();
	for (int i = 0; i < 2000; i++)
		stat("/init", &st);
	out(ns(now() - t0) / 2000, "ns", "sys.stat");
}

/* --- signals ------------------------------------------------------------ */
static volatile int sigs;
static void onsig(int s) { (void)s; sigs++; }
static void b_signal(void)
{
	enum { N = 5000 };
	struct sigaction sa = { .sa_handler = onsig };
	pid_t me = getpid();
	sigaction(SIGUSR1, &sa, 0);
	for (int i = 0; i < 50; i++)
		kill(me, SIGUSR1);
	sigs = 0;
	u64 t0 = now();
	for (int i = 0; i < N; i++)
		kill(me, SIGUSR1);
	u64 t = now() - t0;
	if (sigs != N)
		na("LOST", "signal.kill_self_handler");
	else
		out(ns(t) / N, "ns", "signal.kill_self_handler_return");
	t0 = now();
	for (int i = 0; i < N; i++)
		sigaction(SIGUSR1, &sa, 0);
	out(ns(now() - t0) / N, "ns", "signal.sigaction");
}

/* --- pipes and sockets between processes -------------------------------- */
static void pingpong(int ar, int aw, int br, int bw, int thread, int n, const char *name);
struct echo { int r, w; };
static void *echo_loop(void *a)
{
	struct echo *e = a;
	char c;
	while (read(e->r, &c, 1) == 1 && c != 'q')
		if (write(e->w, &c, 1) != 1)
			break;
	return 0;
}
/* a*: our ends, b*: partner's ends */
static void pingpong(int ar, int aw, int br, int bw, int thread, int n, const char *name)
{
	struct echo e = { br, bw };
	pthread_t th;
	pid_t q = 0;
	char c = 'x';
	if (thread) {
		if (pthread_create(&th, 0, echo_loop, &e)) {
			na("no-thread", "%s", name);
			return;
		}
	} else if (!(q = fork())) {
		echo_loop(&e);
		_exit(0);
	}
	u64 t0 = 0;
	for (int i = -200; i < n; i++) {
		if (i == 0)
			t0 = now();
		if (write(aw, &c, 1) != 1 || read(ar, &c, 1) != 1) {
			na("io-error", "%s", name);
			return;
		}
	}
	out(ns(now() - t0) / n, "ns/roundtrip", "%s", name);
	c = 'q';
	if (write(aw, &c, 1) != 1) { }
	if (thread)
		pthread_join(th, 0);
	else
		reap(q);
}
static void b_pipe(void)
{
	enum { N = 5000 };
	int a[2], b[2];
	char c = 'x';
	xpipe(a);
	u64 t0 = now();
	for (int i = 0; i < N; i++)
		if (write(a[1], &c, 1) != 1 || read(a[0], &c, 1) != 1)
			return;
	out(ns(now() - t0) / N, "ns", "pipe.self_write_read");
	xpipe(b);
	pingpong(b[0], a[1], a[0], b[1], 0, N, "pipe.roundtrip_processes");
	pingpong(b[0], a[1], a[0], b[1], 1, N, "pipe.roundtrip_threads");
}
static void b_unix(void)
{
	enum { N = 5000 };
	int s[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		na(strerror(errno), "unix.roundtrip_stream");
	else
		pingpong(s[0], s[0], s[1], s[1], 0, N, "unix.roundtrip_stream");
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s))
		na(strerror(errno), "unix.roundtrip_dgram");
	else
		pingpong(s[0], s[0], s[1], s[1], 0, N, "unix.roundtrip_dgram");
}

/* --- context switch: sched_yield handing a turn back and forth ---------- */
struct turn { volatile int turn; volatile long yields; };
static void take_turns(struct turn *t, int me, int n)
{
	for (int i = 0; i < n; i++) {
		while (__atomic_load_n(&t->turn, __ATOMIC_ACQUIRE) != me) {
			t->yields++;
			sched_yield();
		}
		__atomic_store_n(&t->turn, !me, __ATOMIC_RELEASE);
	}
}
static void *turn_thread(void *a)
{
	take_turns(a, 1, *(int *)((char *)a + 64));
	return 0;
}
static void b_ctxsw(void)
{
	int n = 5000;
	struct turn *t = shared_page();
	u64 t0;
	for (int i = 0; i < 100; i++)
		sched_yield();
	t0 = now();
	for (int i = 0; i < n; i++)
		sched_yield();
	out(ns(now() - t0) / n, "ns", "ctxsw.yield_alone");
	pid_t q = fork();
	if (!q) {
		take_turns(t, 1, n + 1);
		_exit(0);
	}
	take_turns(t, 0, 1);
	t->yields = 0;
	t0 = now();
	take_turns(t, 0, n);
	out(ns(now() - t0) / (2 * n), "ns/switch", "ctxsw.yield_processes");
	out((double)t->yields / (2 * n), "yields/switch", "ctxsw.yield_processes_yields");
	reap(q);
	pthread_t th;
	t->turn = 0;
	*(int *)((char *)t + 64) = n + 1;
	if (!pthread_create(&th, 0, turn_thread, t)) {
		take_turns(t, 0, 1);
		t->yields = 0;
		t0 = now();
		take_turns(t, 0, n);
		out(ns(now() - t0) / (2 * n), "ns/switch", "ctxsw.yield_threads");
		out((double)t->yields / (2 * n), "yields/switch", "ctxsw.yield_threads_yields");
		pthread_join(th, 0);
	}
}

/* --- futex --------------------------------------------------------------- */
struct fx { int turn, n, priv; };
static void fx_loop(struct fx *f, int me, int n)
{
	int p = f->priv ? FUTEX_PRIVATE_FLAG : 0;
	for (int i = 0; i < n; i++) {
		while (__atomic_load_n(&f->turn, __ATOMIC_ACQUIRE) != me)
			syscall(SYS_futex, &f->turn, FUTEX_WAIT | p, !me, 0, 0, 0);
		__atomic_store_n(&f->turn, !me, __ATOMIC_RELEASE);
		syscall(SYS_futex, &f->turn, FUTEX_WAKE | p, 1, 0, 0, 0);
	}
}
static void *fx_thread(void *a)
{
	struct fx *f = a;
	fx_loop(f, 1, f->n + 10);
	return 0;
}
static void b_futex(void)
{
	int n = 5000;
	pthread_t th;
	static struct fx f;
	f = (struct fx){ 0, n, 1 };
	u64 t0;
	t0 = now();
	for (int i = 0; i < n; i++)
		syscall(SYS_futex, &f.turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
	out(ns(now() - t0) / n, "ns", "futex.wake_nobody");
	if (!pthread_create(&th, 0, fx_thread, &f)) {
		fx_loop(&f, 0, 10);
		t0 = now();
		fx_loop(&f, 0, n);
		out(ns(now() - t0) / n, "ns/roundtrip", "futex.roundtrip_threads_private");
		pthread_join(th, 0);
	}
	struct fx *s = shared_page();
	*s = (struct fx){ 0, n, 0 };
	pid_t q = fork();
	if (!q) {
		fx_loop(s, 1, n + 10);
		_exit(0);
	}
	fx_loop(s, 0, 10);
	t0 = now();
	fx_loop(s, 0, n);
	out(ns(now() - t0) / n, "ns/roundtrip", "futex.roundtrip_processes_shared");
	reap(q);
}

/* --- threads ------------------------------------------------------------- */
static void *nothing(void *a) { return a; }
static void b_thread(void)
{
	enum { N = 1000 };
	pthread_t th;
	u64 t0 = 0;
	for (int i = -20; i < N; i++) {
		if (i == 0)
			t0 = now();
		if (pthread_create(&th, 0, nothing, 0)) {
			na("no-thread", "thread.create_join");
			return;
		}
		pthread_join(th, 0);
	}
	out(ns(now() - t0) / N / 1e3, "us", "thread.create_join");
}

/* --- mmap ----------------------------------------------------------------- */
static void b_mmap(int mode)
{
	enum { N = 2000, RW = PROT_READ | PROT_WRITE, AP = MAP_PRIVATE | MAP_ANONYMOUS };
	const char *m = mode_name[mode];
	u64 t0;
	mode_set(mode);
	if (mode == M4K) {
		for (int k = -1; k < 2; k++) {
			t0 = now();
			for (int i = 0; i < N; i++) {
				char *p = mmap(0, PG, RW, AP, -1, 0);
				if (k)
					*(volatile char *)p = 1;
				munmap(p, PG);
			}
			if (k >= 0)
				out(ns(now() - t0) / N, "ns",
				    k ? "mmap.4KiB_mmap_touch_munmap" : "mmap.4KiB_mmap_munmap");
		}
	}
	enum { R = 5 };
	double d[R], u[R], dn[R], rt[R];
	for (int r = 0; r < R; r++) {
		t0 = now();
		char *p = region(64 * MB, mode);
		touch(p, 64 * MB);
		u64 t1 = now();
		munmap(p, 64 * MB);
		u64 t2 = now();
		d[r] = ns(t2 - t0);
		u[r] = ns(t2 - t1);
		p = region(64 * MB, mode);
		touch(p, 64 * MB);
		t1 = now();
		madvise(p, 64 * MB, MADV_DONTNEED);
		t2 = now();
		dn[r] = ns(t2 - t1);
		if (*(volatile char *)(p + 5 * PG))
			na("NOT-ZEROED", "mmap.%s.64MiB_dontneed", m);
		t1 = now();
		touch(p, 64 * MB);
		rt[r] = ns(now() - t1);
		munmap(p, 64 * MB);
	}
	out(median(d, R) / 1e3, "us", "mmap.%s.64MiB_mmap_touch_munmap", m);
	out(median(u, R) / 1e3, "us", "mmap.%s.64MiB_munmap", m);
	out(median(dn, R) / 1e3, "us", "mmap.%s.64MiB_dontneed", m);
	out(median(rt, R) / 1e3, "us", "mmap.%s.64MiB_retouch_after_dontneed", m);
}

static void b_fault(int mode)
{
	const char *m = mode_name[mode];
	size_t sz = 256 * MB, np = sz / PG;
	volatile char sink;
	mode_set(mode);
	char *p = region(sz, mode);
	long f = minflt();
	u64 t0 = now();
	touch(p, sz);
	u64 t = now() - t0;
	f = minflt() - f;
	out(ns(t) / np, "ns/4Kpage", "fault.%s.write", m);
	out(f ? ns(t) / f : 0, "ns/fault", "fault.%s.write_per_fault", m);
	out(f, "faults", "fault.%s.write_minflt_256M", m);
	t0 = now();
	touch(p, sz);
	out(ns(now() - t0) / np, "ns/4Kpage", "fault.%s.loop_only", m);
	munmap(p, sz);
	p = region(sz, mode);
	f = minflt();
	t0 = now();
	for (size_t i = 0; i < sz; i += PG)
		sink = *(volatile char *)(p + i);
	(void)sink;
	t = now() - t0;
	f = minflt() - f;
	out(ns(t) / np, "ns/4Kpage", "fault.%s.read_untouched", m);
	out(f, "faults", "fault.%s.read_untouched_minflt_256M", m);
	munmap(p, sz);
}

static void b_mprotect(int mode, int mib)
{
	enum { N = 500, R = 5 };
	const char *m = mode_name[mode];
	size_t sz = mib * MB;
	double a[R], b[R];
	mode_set(mode);
	char *p = region(sz, mode);
	touch(p, sz);
	for (int r = 0; r < R; r++) {
		u64 t0 = now();
		mprotect(p, sz, PROT_READ);
		u64 t1 = now();
		mprotect(p, sz, PROT_READ | PROT_WRITE);
		u64 t2 = now();
		a[r] = ns(t1 - t0);
		b[r] = ns(t2 - t1);
	}
	out(median(a, R) / 1e3, "us", "mprotect.%s.%dMiB_whole_to_ro", m, mib);
	out(median(b, R) / 1e3, "us", "mprotect.%s.%dMiB_whole_to_rw", m, mib);
	u64 t0 = now();
	for (size_t i = 0; i < 64 * MB; i += PG)
		*(volatile char *)(p + i) = 1;
	out(ns(now() - t0) / (64 * MB / PG), "ns/4Kpage", "mprotect.%s.rewrite_after_whole", m);
	for (int i = -10; i < N; i++) {
		if (i == 0)
			t0 = now();
		if (mprotect(p + sz / 2 + PG, PG, PROT_READ) ||
		    mprotect(p + sz / 2 + PG, PG, PROT_READ | PROT_WRITE)) {
			na(strerror(errno), "mprotect.%s.1page", m);
			return;
		}
	}
	out(ns(now() - t0) / N / 2, "ns/call", "mprotect.%s.1page_in_%dMiB", m, mib);
}

/* b WHICH [MODE] [MIB] */
int t_basic(int c, char **v)
{
	const char *w = c > 1 ? v[1] : "all";
	int mode = c > 2 ? mode_parse(v[2]) : M4K, mib = c > 3 ? atoi(v[3]) : 1024,
	    all = !strcmp(w, "all");
	int hit = 0;
#define T(n, call) if (all || !strcmp(w, n)) { call; hit = 1; }
	T("syscalls", b_syscalls())
	T("signal", b_signal())
	T("pipe", b_pipe())
	T("unix", b_unix())
	T("ctxsw", b_ctxsw())
	T("futex", b_futex())
	T("thread", b_thread())
	T("mmap", b_mmap(mode))
	T("fault", b_fault(mode))
	T("mprotect", b_mprotect(mode, mib))
	return hit ? 0 : 2;
}
