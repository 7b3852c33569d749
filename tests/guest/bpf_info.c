/* SPDX-License-Identifier: BSD-2-Clause */
/* What bpf(2) says of loaded programs: lines of source, functions; and answers that clients wait
 * for: the end of a batch, what a filter leaves, that there is no link. */
#include "bpf.h"
#include <fcntl.h>
#include <linux/btf.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define FILTER BPF_PROG_TYPE_SOCKET_FILTER

/* int main(void), int twice(void); the strings of two lines. */
static const struct {
	struct btf_header h;
	struct btf_type i;
	uint32_t bits;
	struct btf_type proto, func[2];
	char names[32];
} types = {
	.h = {.magic = BTF_MAGIC,
	      .version = BTF_VERSION,
	      .hdr_len = sizeof(struct btf_header),
	      .type_len = 4 * sizeof(struct btf_type) + 4,
	      .str_off = 4 * sizeof(struct btf_type) + 4,
	      .str_len = 32},
	.i = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4},
	.bits = 32,
	.proto = {.info = BTF_KIND_FUNC_PROTO << 24, .type = 1},
	.func = {{.name_off = 5, .info = BTF_KIND_FUNC << 24, .type = 2},
		 {.name_off = 10, .info = BTF_KIND_FUNC << 24, .type = 2}},
	.names = "\0int\0main\0twice\0a.c\0line one",
};
#define FILE_NAME 16
#define LINE 20

/* main: a branch that always goes one way, what nobody comes to, a call; twice. */
static const struct bpf_insn program[] = {
	MOV64_IMM(6, 0),			/* 0 */
	JMP_IMM(BPF_JEQ, 6, 0, 1),
	MOV64_IMM(6, 1),			/* 2: never */
	INSN(BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 7),
	INSN(0, 0, 0, 0, 0),
	INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1),	/* 5 */
	EXIT(),
	MOV64_IMM(0, 3),			/* 7: twice */
	ALU64_IMM(BPF_ADD, 0, 4),
	EXIT(),
};
#define N (sizeof(program) / sizeof(*program))
static const struct bpf_func_info funcs[] = { { 0, 3 }, { 7, 4 } };

#define AT(insn, line) { insn, FILE_NAME, LINE, (line) << 10 | 1 }
static const struct bpf_line_info lines[] = { AT(0, 10), AT(1, 11), AT(2, 12), AT(3, 13), AT(5, 14),
					      AT(7, 20), AT(8, 21) };

static long load_logged(const void *line, uint32_t n, uint32_t size, char *log, uint32_t room)
{
	union bpf_attr a;
	long fd;

	memset(&a, 0, sizeof(a));
	a.btf = U64(&types);
	a.btf_size = offsetof(__typeof__(types), names) + sizeof(types.names);
	a.prog_btf_fd = (uint32_t)OK(bpf(BPF_BTF_LOAD, &a));
	a.btf = 0;
	fd = (int)a.prog_btf_fd;
	a = prog_attr(FILTER, program, N);
	prog_attr_funcs(&a, (int)fd, funcs, 2);
	prog_attr_lines(&a, line, n, size);
	a.log_buf = U64(log);
	a.log_size = room;
	a.log_level = room ? 2 : 0;	/* of what is accepted, too */
	fd = bpf(BPF_PROG_LOAD, &a);
	{
		int err = errno;

		close((int)a.prog_btf_fd);
		errno = err;
	}
	return fd;
}

static long load_lines(const void *line, uint32_t n, uint32_t size)
{
	return load_logged(line, n, size, NULL, 0);
}

/* What is behind the last field that the kernel knows has to be 0, padding too. */
TEST(nothing_behind_what_is_known)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 0), EXIT() };
	const struct { int fd; size_t known; } of[] = {
		{ prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p),
		  offsetof(struct bpf_prog_info, attach_btf_id) + 4 },
		{ map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1), 100 },
	};

	for (size_t k = 0; k < sizeof(of) / sizeof(*of); k++)
		for (size_t at = 0; at < 12; at++) {
			uint8_t info[512] = { 0 };
			uint32_t len = sizeof(info);

			OK(obj_info(of[k].fd, info, &len));
			memset(info, 0, sizeof(info));
			len = sizeof(info);
			info[of[k].known + at] = 1;
			ERR(obj_info(of[k].fd, info, &len), E2BIG);
		}
}

TEST(lines_are_checked)
{
	struct bpf_line_info l[7];
	struct {
		struct bpf_line_info l;
		uint32_t more;
	} longer[] = { { AT(0, 1), 0 }, { AT(7, 2), 0 } };

	close((int)OK(load_lines(lines, 7, sizeof(*lines))));
	close((int)OK(load_lines(longer, 2, sizeof(*longer))));
	longer[1].more = 1;
	ERR(load_lines(longer, 2, sizeof(*longer)), E2BIG);
	ERR(load_lines(lines, 7, 12), EINVAL);
	ERR(load_lines(lines, 7, 18), EINVAL);
	ERR(load_lines(lines, 7, 256), EINVAL);
	ERR(load_lines(lines, 5, sizeof(*lines)), EINVAL);	/* twice has none */
	ERR(load_lines(lines + 1, 6, sizeof(*lines)), EINVAL);	/* main does not begin with one */

	memcpy(l, lines, sizeof(l));
	l[3].insn_off = 2;					/* twice the same */
	ERR(load_lines(l, 7, sizeof(*l)), EINVAL);
	l[3].insn_off = 4;					/* a second half */
	ERR(load_lines(l, 7, sizeof(*l)), EINVAL);
	memcpy(l, lines, sizeof(l));
	l[6].insn_off = N;
	ERR(load_lines(l, 7, sizeof(*l)), EINVAL);
	memcpy(l, lines, sizeof(l));
	l[2].line_off = 32;
	ERR(load_lines(l, 7, sizeof(*l)), EINVAL);
	memcpy(l, lines, sizeof(l));
	l[2].file_name_off = 32;
	ERR(load_lines(l, 7, sizeof(*l)), EINVAL);
}

/* For the information: room for 16 lines and 4 functions. */
static void ask_records(struct bpf_prog_info *info, struct bpf_line_info *l, struct bpf_func_info *f)
{
	info->line_info = U64(l);
	info->nr_line_info = 16;
	info->line_info_rec_size = sizeof(*l);
	info->func_info = U64(f);
	info->nr_func_info = 4;
	info->func_info_rec_size = sizeof(*f);
}

/* Dead code is gone from the program; its lines are, too, and those behind have moved. */
TEST(lines_follow_their_instructions)
{
	int fd = (int)OK(load_lines(lines, 7, sizeof(*lines)));
	struct bpf_prog_info info;
	struct bpf_insn insns[16];
	struct bpf_line_info l[16];
	struct bpf_func_info f[4];
	uint32_t len = sizeof(info), lens[4] = { 0 };
	uint64_t ksyms[4] = { 0 };
	uint8_t tags[4][8];

	memset(&info, 0, sizeof(info));
	info.xlated_prog_insns = U64(insns);
	info.xlated_prog_len = sizeof(insns);
	ask_records(&info, l, f);
	info.jited_ksyms = U64(ksyms);
	info.nr_jited_ksyms = 4;
	info.jited_func_lens = U64(lens);
	info.nr_jited_func_lens = 4;
	info.prog_tags = U64(tags);
	info.nr_prog_tags = 4;
	OK(obj_info(fd, &info, &len));
	CHECK_EQ(info.xlated_prog_len, 8 * sizeof(*insns));
	CHECK_EQ(info.nr_func_info, 2);
	CHECK_EQ(f[0].insn_off, 0);
	CHECK_EQ(f[1].insn_off, 5);
	CHECK_EQ(f[1].type_id, 4);
	/* the call: how far, and which function */
	CHECK_EQ(insns[3].code, BPF_JMP | BPF_CALL);
	CHECK_EQ(insns[3].off, 1);
	CHECK_EQ(insns[3].imm, 1);
	CHECK_EQ(info.nr_line_info, 5);
	CHECK_EQ(l[0].insn_off, 0);
	CHECK_EQ(l[0].line_col >> 10, 10);
	CHECK_EQ(l[1].insn_off, 1);
	CHECK_EQ(l[1].line_col >> 10, 13);
	CHECK_EQ(l[2].insn_off, 3);
	CHECK_EQ(l[3].insn_off, 5);
	CHECK_EQ(l[3].line_col >> 10, 20);
	CHECK_EQ(l[4].insn_off, 6);
	CHECK_EQ(info.nr_jited_ksyms, 2);
	CHECK_EQ(info.nr_jited_func_lens, 2);
	CHECK_EQ(info.nr_prog_tags, 2);
	CHECK(ksyms[0] && ksyms[1] && ksyms[0] != ksyms[1] && !ksyms[2]);
	CHECK(lens[0] && lens[1] && lens[0] + lens[1] <= info.jited_prog_len && !lens[2]);
	CHECK_EQ(prog_run(fd), 7);
}

static uint32_t any(uint32_t below)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void check_order(int fd)
{
	struct bpf_prog_info info;
	struct bpf_line_info l[16];
	struct bpf_func_info f[4];
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	ask_records(&info, l, f);
	OK(obj_info(fd, &info, &len));
	CHECK(info.nr_line_info <= 8 && info.nr_func_info <= 2);
	for (uint32_t k = 0; k < info.nr_line_info; k++)
		CHECK(l[k].insn_off < info.xlated_prog_len / 8 &&
		      (!k || l[k].insn_off > l[k - 1].insn_off));
	for (uint32_t k = 0; k < info.nr_func_info; k++)
		CHECK(f[k].insn_off < info.xlated_prog_len / 8 &&
		      (!k || f[k].insn_off > f[k - 1].insn_off));
}

/* Whatever is said of lines and functions: refused, or what is shown then is in order. */
TEST(any_lines)
{
	uint32_t good = 0, answers = 0;
	int btf;
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf = U64(&types);
	a.btf_size = offsetof(__typeof__(types), names) + sizeof(types.names);
	btf = (int)OK(bpf(BPF_BTF_LOAD, &a));
	for (uint32_t k = 0; k < 3000; k++) {
		struct bpf_line_info l[8];
		struct bpf_func_info f[3];
		uint32_t n = 0, nf = 0;
		long fd;

		for (uint32_t insn = 0; n < 8 && insn < N + 1; insn += any(30) ? 1 + any(2) : 0) {
			l[n] = lines[0];
			l[n].insn_off = any(50) ? insn : any(~0u);
			if (!any(60))
				l[n].line_off = any(40);
			n++;
		}
		for (; nf < 2; nf++)
			f[nf] = funcs[nf];
		if (!any(10))
			f[any(2)].insn_off = any(12);
		if (!any(10))
			f[any(2)].type_id = any(7);
		a = prog_attr(FILTER, program, N);
		prog_attr_funcs(&a, (int)btf, f, any(20) ? 2 : any(3));
		prog_attr_lines(&a, l, n, sizeof(*l));
		fd = bpf(BPF_PROG_LOAD, &a);
		answers = answers * 31 + (fd < 0 ? (uint32_t)errno : 0);
		if (fd < 0)
			continue;
		good++;
		check_order((int)fd);
		close((int)fd);
	}
	CHECK(good > 100);
	CHECK_EQ(answers, 0x70ce025e);	/* Linux's */
	close(btf);
}

/* The verifier's log says which line an instruction is from, once, and behind it what it did. */
TEST(lines_are_in_the_log)
{
	static char log[65536];

	OK(load_logged(lines, 7, sizeof(*lines), log, sizeof(log)));
	if (!strstr(log, "; line one @ a.c:10\n0: (b7) r6 = 0                        ;") ||
	    !strstr(log, "\n; line one @ a.c:11\n1: ") ||
	    !strstr(log, "\n; line one @ a.c:20\n7: (b7) r0 = 3                        ; frame1: R0=3\n"
			 "; line one @ a.c:21\n8: (07) r0 += 4                       ; frame1: R0=7\n"))
		FAIL("%.3000s", strstr(log, "; line one") ?: log);
}

TEST(filters_leave_the_packet_behind_zeros)
{
	struct bpf_insn p[] = { LDX(BPF_W, 0, 1, 0), EXIT() };
	uint8_t in[20], out[32];
	union bpf_attr a;

	memset(in, 0xab, sizeof(in));
	memset(out, 0xcd, sizeof(out));
	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)prog_load(FILTER, p);
	a.test.data_in = U64(in);
	a.test.data_size_in = sizeof(in);
	a.test.data_out = U64(out);
	a.test.data_size_out = sizeof(out);
	OK(bpf(BPF_PROG_TEST_RUN, &a));
	CHECK_EQ(a.test.retval, 6);
	CHECK_EQ(a.test.data_size_out, 20);
	CHECK_EQ(out[0] | out[13], 0);
	CHECK_EQ(out[14], 0xab);
	CHECK_EQ(out[19], 0xab);
	CHECK_EQ(out[20], 0xcd);
}

static long batch(int cmd, int fd, uint32_t *n)
{
	uint32_t keys[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, at;
	uint64_t values[8] = { 0 };
	union bpf_attr a;
	long r;

	memset(&a, 0, sizeof(a));
	a.batch.map_fd = (uint32_t)fd;
	a.batch.keys = U64(keys);
	a.batch.values = cmd == BPF_MAP_DELETE_BATCH ? 0 : U64(values);
	a.batch.out_batch = cmd == BPF_MAP_LOOKUP_BATCH ? U64(&at) : 0;
	a.batch.count = *n;
	r = bpf(cmd, &a);
	*n = a.batch.count;
	return r;
}

/* Just enough room for what is there: that was all, says the answer. */
TEST(batches_hear_of_the_end)
{
	int hash = map_create(BPF_MAP_TYPE_HASH, 4, 8, 64);
	int array = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 8);
	uint32_t n = 8;

	OK(batch(BPF_MAP_UPDATE_BATCH, hash, &n));
	ERR(batch(BPF_MAP_LOOKUP_BATCH, hash, &n), ENOENT);
	CHECK_EQ(n, 8);
	n = 3;
	ERR(batch(BPF_MAP_DELETE_BATCH, array, &n), 524);
	CHECK_EQ(n, 3);
}

/* A key where there is none is an argument that is wrong, whether the command is known or not. */
TEST(keys_of_ring_buffers)
{
	int ring = map_create(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	uint64_t key = 0;

	ERR(map_delete(ring, &key), EINVAL);
	ERR(map_delete(ring, NULL), 524);
	ERR(map_take(ring, &key, &key), EINVAL);
	ERR(map_take(ring, NULL, &key), 524);
	ERR(map_next(ring, &key, &key), EINVAL);
	ERR(map_next(ring, NULL, &key), 524);
}

/* --- statistics ------------------------------------------------------------------------------- */

static struct bpf_prog_info info_of(int fd)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	OK(obj_info(fd, &info, &len));
	return info;
}

static long enable_stats(uint32_t type, uint32_t behind)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.enable_stats.type = type;
	((uint32_t *)&a)[1] = behind;
	return bpf(BPF_ENABLE_STATS, &a);
}

#define SETTING "/proc/sys/kernel/bpf_stats_enabled"

TEST(runs_are_counted_while_somebody_asks)
{
	struct bpf_insn p[] = { MOV64_IMM(0, -1), EXIT() };
	int fd = prog_load(FILTER, p), xdp = prog_load(BPF_PROG_TYPE_XDP, p), on, twice, s[2];
	uint64_t ns;
	bool ok;
	char buf[512], name[64];

	run_often(fd, 10, &ok);
	CHECK(ok);
	CHECK_EQ(info_of(fd).run_cnt, 0);
	CHECK_EQ(info_of(fd).run_time_ns, 0);
	ERR(enable_stats(1, 0), EINVAL);
	ERR(enable_stats(0, 1), EINVAL);
	on = (int)OK(enable_stats(0, 0));
	twice = (int)OK(enable_stats(0, 0));
	CHECK(fcntl(on, F_GETFD) & FD_CLOEXEC);
	run_often(fd, 10, &ok);
	CHECK(ok);
	run_often(fd, 1, &ok);
	CHECK(ok);
	run_often(xdp, 7, &ok);
	CHECK(ok);
	CHECK_EQ(info_of(fd).run_cnt, 11);
	CHECK_EQ(info_of(xdp).run_cnt, 7);
	ns = info_of(fd).run_time_ns;
	CHECK_GE(ns, 1);
	close(on);		/* the other is still open */
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	OK(setsockopt(s[1], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)));
	for (int i = 0; i < 3; i++)
		OK(send(s[0], "abc", 3, 0));
	CHECK_EQ(info_of(fd).run_cnt, 14);
	CHECK_GE(info_of(fd).run_time_ns, ns);
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	check_read_file(name, buf, sizeof(buf));
	CHECK(strstr(buf, "run_cnt:\t14\n"));
	close(twice);
	ns = info_of(fd).run_time_ns;
	run_often(fd, 10, &ok);
	CHECK(ok);
	OK(send(s[0], "abc", 3, 0));
	CHECK_EQ(info_of(fd).run_cnt, 14);
	CHECK_EQ(info_of(fd).run_time_ns, ns);
}

TEST(a_setting_counts_runs)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 5), EXIT() };
	int fd;
	union bpf_attr a = prog_attr(BPF_PROG_TYPE_SYSCALL, p, 2);

	a.prog_flags = BPF_F_SLEEPABLE;
	fd = (int)OK(bpf(BPF_PROG_LOAD, &a));
	CHECK_EQ(check_put(SETTING, "2"), EINVAL);
	CHECK_EQ(check_put(SETTING, "1"), 0);
	CHECK_EQ(check_put(SETTING, "1"), 0);	/* once is enough, and once is undone */
	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	OK(bpf(BPF_PROG_TEST_RUN, &a));
	CHECK_EQ(info_of(fd).run_cnt, 1);
	CHECK_EQ(check_put(SETTING, "0"), 0);
	OK(bpf(BPF_PROG_TEST_RUN, &a));
	CHECK_EQ(info_of(fd).run_cnt, 1);
}

TEST(who_may_count_runs)
{
	CHILD_OK(
		check_become(1000, 1000);
		ERR(enable_stats(0, 0), EPERM);
	);
}

TEST(no_links)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	ERR(bpf(BPF_LINK_GET_NEXT_ID, &a), ENOENT);
	a.link_id = 1;
	ERR(bpf(BPF_LINK_GET_FD_BY_ID, &a), ENOENT);
}

/* The first bytes of the SHA-256 of a program's instructions, r0 = 0; r0 = 1; ...; exit, as
 * sha256sum(1) has it; and the kernel leaves our registers alone while it works that out. */
/* Where code is, and what, is told by descriptors of who had CAP_SYSLOG. */
TEST(addresses_of_code)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 0), EXIT() };
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct c[2] = { { 0 }, { 0 } };

	for (int open = 1; open >= 0; open--) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info), size = 0;
		uint64_t at = 1, code[32] = { 0 };
		int fd;

		if (!open) {
			c[CAP_BPF / 32].effective = c[CAP_BPF / 32].permitted = 1u << CAP_BPF % 32;
			OK(syscall(SYS_capset, &h, c));
		}
		fd = (int)OK(prog_load(FILTER, p));
		info.jited_ksyms = U64(&at);
		info.jited_prog_insns = U64(code);
		info.jited_prog_len = sizeof(code);
		info.jited_func_lens = U64(&size);
		info.nr_jited_ksyms = info.nr_jited_func_lens = 1;
		OK(obj_info(fd, &info, &len));
		CHECK_EQ(at != 1, open);
		CHECK_EQ(code[0] != 0, open);
		CHECK_EQ(info.jited_ksyms != 0, open);
		CHECK_EQ(info.jited_prog_insns != 0, open);
		CHECK_EQ(size != 0, open);
		CHECK_EQ(info.jited_func_lens != 0, open);
		CHECK(info.jited_prog_len && info.nr_jited_ksyms == 1 && info.nr_jited_func_lens == 1);
	}
}

TEST(tags)
{
	static const struct {
		uint32_t n;
		const char *tag;
	} want[] = {
		{ 2, "59f4a931744dcdc6" },
		{ 6, "90ef8c0009074e8a" },
		{ 7, "c0cf7e739d56531e" },
		{ 8, "b52a94f4480ea044" },
		{ 20, "eed71b0448ae6cd1" },
		{ 700, "609faad145998f30" },
	};
	static uint64_t before[64], after[64];
	static struct bpf_insn p[1024];

	for (int i = 0; i < 64; i++)
		before[i] = 0x0123456789abcdefull * (uint64_t)(i + 1);
	for (size_t k = 0; k < sizeof(want) / sizeof(*want); k++) {
		struct bpf_prog_info info;
		uint32_t len = sizeof(info), n = want[k].n;
		char tag[17];
		union bpf_attr a;
		register long x0 asm("x0") = BPF_PROG_LOAD;
		register long x1 asm("x1") = (long)&a, x2 asm("x2") = sizeof(a), x8 asm("x8") = __NR_bpf;

		for (uint32_t i = 0; i < n; i++)
			p[i] = MOV64_IMM(0, (int)i);
		p[n - 1] = EXIT();
		a = prog_attr(FILTER, p, n);
		asm volatile("mov x9, %[before]\n\t"
			     ".irp r, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30\n\t"
			     "ldr q\\r, [x9], #16\n\t"
			     ".endr\n\t"
			     ".irp r, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31\n\t"
			     "ldr q\\r, [x9], #16\n\t"
			     ".endr\n\t"
			     "svc #0\n\t"
			     "mov x9, %[after]\n\t"
			     ".irp r, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30\n\t"
			     "str q\\r, [x9], #16\n\t"
			     ".endr\n\t"
			     ".irp r, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31\n\t"
			     "str q\\r, [x9], #16\n\t"
			     ".endr"
			     : "+r"(x0)
			     : [before] "r"(before), [after] "r"(after), "r"(x1), "r"(x2), "r"(x8)
			     : "x9", "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",
			       "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
			       "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
		CHECK(x0 >= 0);
		CHECK(!memcmp(before, after, sizeof(before)));
		memset(&info, 0, sizeof(info));
		OK(obj_info((int)x0, &info, &len));
		for (int i = 0; i < 8; i++)
			sprintf(tag + 2 * i, "%02x", info.tag[i]);
		CHECK_STR(tag, want[k].tag);
		close((int)x0);
	}
}

/* --- what many programs cost ------------------------------------------------------------------ */

enum { MANY = 1000, INSNS = 20, FIRST = 64 };

static int filter(void)
{
	struct bpf_insn p[INSNS];

	p[0] = LDX(BPF_W, 0, 1, 0);
	for (int i = 1; i < INSNS - 1; i++)
		p[i] = i % 2 ? ALU64_IMM(BPF_ADD, 0, i) : ALU64_IMM(BPF_XOR, 0, 0x55 + i);
	p[INSNS - 1] = EXIT();
	return prog_load_flags(FILTER, p, INSNS, 0);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int distinct(const uint64_t *at, int shift)
{
	static uint64_t unit[2 * MANY];
	int n = 0;

	for (int i = 0; i < 2 * MANY; i++)
		unit[i] = at[i] >> shift;
	qsort(unit, 2 * MANY, sizeof(*unit), by_value);
	for (int i = 0; i < 2 * MANY; i++)
		n += !i || unit[i] != unit[i - 1];
	return n;
}

static long free_memory(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemFree: %ld", &kib);
	fclose(f);
	return kib * 1024;
}

/* 48 pages of code, all of it in one leaf of 2 MiB, at most 192 bytes of code each and 1.5 KiB of
 * everything else. */
TEST(a_thousand_programs)
{
	static int fds[MANY];
	static uint64_t at[2 * MANY];
	struct rlimit r = { 4096, 4096 };
	struct bpf_prog_info info;
	uint32_t len;
	long before, used;

	OK(setrlimit(RLIMIT_NOFILE, &r));
	for (int i = 0; i < FIRST; i++)
		OK(filter());
	before = free_memory();
	for (int i = 0; i < MANY; i++)
		fds[i] = (int)OK(filter());
	used = before - free_memory();
	for (int i = 0; i < MANY; i++) {
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		info.jited_ksyms = U64(&at[2 * i]);
		info.nr_jited_ksyms = 1;
		OK(obj_info(fds[i], &info, &len));
		CHECK(info.jited_prog_len && info.jited_prog_len <= 192);
		at[2 * i + 1] = at[2 * i] + info.jited_prog_len - 1;
	}
	if (!check_on_tine())
		return;
	CHECK(distinct(at, 12) <= 48);
	CHECK_EQ(distinct(at, 21), 1);
	CHECK(used <= MANY * (192 + 1536l));
}
