/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF: loading, closing, running, memory. */
#include "common.h"
#include <linux/bpf.h>
#include <sys/utsname.h>

#define U64(p) ((u64)(uintptr_t)(p))
#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV_I(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_R(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD_I(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define ADD_R(d, s) INSN(BPF_ALU64 | BPF_ADD | BPF_X, d, s, 0, 0)
#define LD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define ST(size, d, s, o) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define JMP_I(op, d, i, o) INSN(BPF_JMP | (op) | BPF_K, d, 0, o, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define CALL_LOCAL(i) INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, i)
#define LD_MAP(d, fd)                                                                              \
	INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static long bpf(int cmd, union bpf_attr *a) { return syscall(SYS_bpf, cmd, a, sizeof *a); }

static int load(const struct bpf_insn *p, int n)
{
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	a.insns = U64(p);
	a.insn_cnt = n;
	a.license = U64("GPL");
	return (int)bpf(BPF_PROG_LOAD, &a);
}

static int map(int type, int key, int value, int n)
{
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.map_type = type;
	a.key_size = key;
	a.value_size = value;
	a.max_entries = n;
	return (int)bpf(BPF_MAP_CREATE, &a);
}

static void set(int fd, unsigned key, const void *value)
{
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.map_fd = fd;
	a.key = U64(&key);
	a.value = U64(value);
	bpf(BPF_MAP_UPDATE_ELEM, &a);
}

/* The mean time of a run, as the clock that counts instructions has it. */
static double run_once(int fd, unsigned repeat)
{
	static char packet[64];
	union bpf_attr a;
	u64 t[2];
	/* the call's own cost cancels out */
	for (int i = 0; i < 2; i++) {
		memset(&a, 0, sizeof a);
		a.test.prog_fd = fd;
		a.test.data_in = U64(packet);
		a.test.data_size_in = sizeof packet;
		a.test.repeat = i ? repeat : 1;
		t[i] = now();
		if (bpf(BPF_PROG_TEST_RUN, &a))
			return -1;
		t[i] = now() - t[i];
	}
	return ns(t[1] - t[0]) / (repeat - 1);
}

/* The same without the interrupt that one of them may have met. */
static double run(int fd, unsigned repeat)
{
	double t[3];

	for (int i = 0; i < 3; i++)
		t[i] = run_once(fd, repeat);
	return vmin(t, 3);
}

/* A filter of n instructions that looks at the packet's length. */
static int filter(struct bpf_insn *p, int n)
{
	int k = 0;
	if (n > 2)
		p[k++] = LD(BPF_W, 0, 1, 0);
	for (; k < n - 2; k++)
		switch (k % 4) {
		case 0: p[k] = ADD_I(0, 7); break;
		case 1: p[k] = LD(BPF_W, 2, 1, k % 8 == 1 ? 16 : 0); break;
		case 2: p[k] = ADD_R(0, 2); break;
		default: p[k] = INSN(BPF_ALU64 | BPF_XOR | BPF_K, 0, 0, 0, 0x55 + k); break;
		}
	p[k++] = MOV_I(0, n);
	p[k++] = EXIT;
	return k;
}

/* Medians: what is freed later is freed in the middle of some of them. */
static double load_cost(int n, double *close_cost)
{
	enum { N = 51 };
	static double loading[N], closing[N];
	struct bpf_insn p[256];
	u64 t0;
	int fd;

	filter(p, n);
	for (int i = -5; i < N; i++) {
		t0 = now();
		fd = load(p, n);
		loading[i < 0 ? 0 : i] = ns(now() - t0);
		if (fd < 0)
			return -1;
		t0 = now();
		close(fd);
		closing[i < 0 ? 0 : i] = ns(now() - t0);
	}
	*close_cost = median(closing, N);
	return median(loading, N);
}

static void b_load(void)
{
	double closing, two = load_cost(2, &closing), twenty = load_cost(20, &closing),
			more = load_cost(120, &closing);

	out(two / 1000, "us", "bpf.load2");
	out(twenty / 1000, "us", "bpf.load20");
	out((more - twenty) / 100 / 1000, "us", "bpf.load_per_insn");
	load_cost(20, &closing);
	out(closing, "ns", "bpf.close");
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;
	return x < y ? -1 : x > y;
}

/* How many different values there are of n addresses in units of 2^shift bytes. */
static unsigned distinct(const u64 *at, int n, int shift)
{
	static u64 unit[2048];
	unsigned all = 0;

	for (int i = 0; i < n; i++)
		unit[i] = at[i] >> shift;
	qsort(unit, n, sizeof *unit, by_value);
	for (int i = 0; i < n; i++)
		all += !i || unit[i] != unit[i - 1];
	return all;
}

/* The first and last byte of a program's code. */
static int code_of(int fd, u64 *at, unsigned *len)
{
	struct bpf_prog_info info;
	union bpf_attr a;
	u64 start = 0;

	memset(&info, 0, sizeof info);
	info.jited_ksyms = U64(&start);
	info.nr_jited_ksyms = 1;
	memset(&a, 0, sizeof a);
	a.info.bpf_fd = fd;
	a.info.info = U64(&info);
	a.info.info_len = sizeof info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &a) || !start)
		return -1;
	*len = info.jited_prog_len;
	at[0] = start;
	at[1] = start + *len - 1;
	return 0;
}

static void b_memory(void)
{
	enum { FIRST = 100, N = 1000 };
	struct rlimit r = { 4096, 4096 };
	struct bpf_insn p[20];
	static int fd[N];
	static u64 at[2 * N];
	struct utsname u;
	unsigned len = 0;
	long before;
	int bad = 0;

	setrlimit(RLIMIT_NOFILE, &r);
	filter(p, 20);
	/* what the first ones bring stays: tables of files, a slab of each size */
	for (int i = 0; i < FIRST; i++)
		load(p, 20);
	sleep(1);
	before = meminfo_kib("MemFree:");
	for (int i = 0; i < N; i++)
		fd[i] = load(p, 20);
	out((double)(before - meminfo_kib("MemFree:")) * 1024 / N, "B", "bpf.mem20_all");
	for (int i = 0; i < N; i++)
		bad |= code_of(fd[i], at + 2 * i, &len);
	out(len, "B", "bpf.image20");
	if (bad)
		return;
	out(distinct(at, 2 * N, 12), "pages", "bpf.pages1000");
	/* Tine maps code by leaves of 2 MiB; Linux by pages */
	if (!uname(&u) && strstr(u.release, "tine"))
		out(distinct(at, 2 * N, 21), "blocks", "bpf.blocks1000");
}

static void b_run(void)
{
	struct bpf_insn empty[] = { MOV_I(0, 0), EXIT };
	enum { LOOPS = 1000 };
	int arr = map(BPF_MAP_TYPE_ARRAY, 4, 8, 1024), hash = map(BPF_MAP_TYPE_HASH, 4, 8, 1024);
	int progs = map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1), self;
	u64 v = 1;
	double base;

	for (unsigned k = 0; k < 1024; k++) {
		set(arr, k, &v);
		set(hash, k, &v);
	}
	base = run(load(empty, 2), 10000);
	out(base, "ns", "bpf.run_empty");
	/* What the loops below cost without their bodies is taken off. */
	struct bpf_insn bare[] = {MOV_I(6, 0), ADD_I(6, 1), JMP_I(BPF_JLT, 6, LOOPS, -2),
				  MOV_I(0, 0), EXIT};
	base = run(load(bare, 5), 20);
	for (int h = 0; h < 2; h++) {
		struct bpf_insn p[] = {
			MOV_I(6, 0),
			MOV_I(7, 0),
			ST(BPF_W, 10, 6, -4),		/* 2: the loop */
			MOV_R(2, 10),
			ADD_I(2, -4),
			LD_MAP(1, h ? hash : arr),
			CALL(BPF_FUNC_map_lookup_elem),
			JMP_I(BPF_JEQ, 0, 0, 4),
			LD(BPF_DW, 1, 0, 0),
			ADD_R(7, 1),
			ADD_I(6, 1),
			JMP_I(BPF_JLT, 6, LOOPS, -11),
			MOV_R(0, 7),
			EXIT,
		};
		int fd = load(p, sizeof p / sizeof *p);
		out((run(fd, 20) - base) / LOOPS, "ns", h ? "bpf.loop_hash" : "bpf.loop_array");
	}
	struct bpf_insn tail[] = {LD_MAP(2, progs), MOV_I(3, 0), CALL(BPF_FUNC_tail_call),
				  MOV_I(0, 5), EXIT};
	self = load(tail, 6);
	set(progs, 0, &self);
	out(run(self, 1000), "ns", "bpf.run_33_tail_calls");
	struct bpf_insn call[] = {
		MOV_I(6, 0),
		MOV_R(1, 6),				/* 1: the loop */
		CALL_LOCAL(4),
		ADD_I(6, 1),
		JMP_I(BPF_JLT, 6, LOOPS, -4),
		MOV_I(0, 0),
		EXIT,
		MOV_R(0, 1),
		EXIT,
	};
	out((run(load(call, 9), 20) - base) / LOOPS, "ns", "bpf.loop_call");
}

int t_bpf(int c, char **v)
{
	struct bpf_insn p[] = { MOV_I(0, 0), EXIT };

	if (c > 1) {		/* bpf load N: for profiles */
		struct bpf_insn q[256];
		int n = c > 2 ? atoi(v[2]) : 2;
		filter(q, n);
		for (int i = 0; i < 1000; i++) {
			now();
			int fd = load(q, n);
			now();
			close(fd);
		}
		return 0;
	}
	if (load(p, 2) < 0) {
		na(strerror(errno), "bpf");
		return 0;
	}
	b_load();
	b_run();
	b_memory();
	return 0;
}
