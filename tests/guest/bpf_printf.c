/* SPDX-License-Identifier: BSD-2-Clause */
/* Text from programs: bpf_snprintf, bpf_trace_printk, bpf_trace_vprintk, and where it is read. As root. */
#include "bpf.h"

#include "../bpf/btf_cases.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/vfs.h>

#define FILTER BPF_PROG_TYPE_SOCKET_FILTER
#define TEXT_AT 256		/* in the data: what pointers lead to; before it what was written */
static const char bytes[16] = "\x7f\x00\x00\x01" "abcdefgh\xff\x01\x02";
static char *data;
static int data_map;

static void need_data(void)
{
	if (data)
		return;
	data_map = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 512, 1, BPF_F_MMAPABLE));
	data = (void *)OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, data_map, 0));
	memcpy(data + TEXT_AT, bytes, sizeof(bytes));
	strcpy(data + TEXT_AT + 16, "a text");
}

/* The kernel's address of what data has at TEXT_AT + at. */
#define THERE(at)	(0xbadull << 52 | (at))

static int constant(const char *text)
{
	int map = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 64, 1, BPF_F_RDONLY_PROG));
	char value[64] = "";
	uint32_t key = 0;

	memcpy(value, text, strlen(text));
	OK(map_update(map, &key, value, BPF_ANY));
	OK(bpf(BPF_MAP_FREEZE, &(union bpf_attr){ .map_fd = (uint32_t)map }));
	return map;
}

static struct bpf_insn code[128];
static int n;
#define EMIT(...) APPEND(code, n, __VA_ARGS__)

static void emit_args(const uint64_t *args, int count)
{
	n = 0;
	for (int i = 0; i < count; i++) {
		if (args[i] >> 52 == 0xbad)
			EMIT(LD_MAP_VALUE(1, data_map, TEXT_AT + (int)(args[i] & 0xff)));
		else
			EMIT(INSN(BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, (int)args[i]),
			     INSN(0, 0, 0, 0, (int)(args[i] >> 32)));
		EMIT(STX(BPF_DW, 10, 1, (int16_t)(-96 + 8 * i)));
	}
}

/* The program's fd or -errno; it writes at data, `room` bytes at most, and gives what the helper did. */
static int format_prog(const char *fmt, int room, const uint64_t *args, int count)
{
	int text = constant(fmt), fd;

	need_data();
	emit_args(args, count);
	EMIT(LD_MAP_VALUE(1, data_map, 0), MOV64_IMM(2, room), LD_MAP_VALUE(3, text, 0), MOV64_REG(4, 10),
	     ALU64_IMM(BPF_ADD, 4, -96), MOV64_IMM(5, 8 * count));
	if (!count)
		EMIT(MOV64_IMM(4, 0));
	EMIT(CALL(BPF_FUNC_snprintf), EXIT());
	fd = prog_load_flags(FILTER, code, (size_t)n, 0);
	close(text);
	return fd < 0 ? -errno : fd;
}

static int format(const char *fmt, int room, const uint64_t *args, int count)
{
	int fd = format_prog(fmt, room, args, count), r;

	if (fd < 0)
		FAIL("%s: %s\n%s", fmt, strerror(-fd), bpf_log_text);
	memset(data, 'z', TEXT_AT);
	r = (int)prog_run(fd);
	close(fd);
	return r;
}

static void want(const char *fmt, const char *text, const uint64_t *args, int count)
{
	int r = format(fmt, TEXT_AT, args, count);

	if (strncmp(data, text, TEXT_AT) || r != (int)strlen(text) + 1)
		FAIL("\"%s\": %d, \"%.60s\", not \"%s\"", fmt, r, data, text);
}
#define WANT(fmt, text, ...)									\
	do {											\
		const uint64_t args_[] = { 0, ##__VA_ARGS__ };					\
		want(fmt, text, args_ + 1, (int)(sizeof(args_) / sizeof(*args_)) - 1);		\
	} while (0)

TEST(numbers)
{
	WANT("plain", "plain");
	WANT("", "");
	WANT("\xc3\xbc", "\xc3\xbc");
	WANT("100%%", "100%");
	WANT("%d %i %u %x %X", "-1 -2 4294967293 ab CD", (uint64_t)-1, (uint64_t)-2, (uint64_t)-3, 0xab, 0xcd);
	WANT("%d %u %x", "5 6 7", 1ull << 32 | 5, 1ull << 32 | 6, 1ull << 32 | 7);
	WANT("%ld %lu %lx", "-1 18446744073709551615 123456789abcdef0", ~0ull, ~0ull, 0x123456789abcdef0);
	WANT("%lld %llu %llX %li", "-5 7 1F 9", (uint64_t)-5, 7, 31, 9);
	WANT("%5d|%-5d|%05d|%+d|% d|", "   42|42   |00042|+42| 42|", 42, 42, 42, 42, 42);
	WANT("%12lx|%-4x|%08X", "    deadbeef|a   |000000FF", 0xdeadbeef, 10, 255);
	WANT("%c%c|%3c|%-3c|", "ab|  c|d  |", 'a', 'b', 'c', 'd');
	WANT("%d", "1", 1, 2, 3);	/* what is left over does not matter */
}

TEST(texts)
{
	static char mine[] = "of the user's";

	WANT("<%s>", "<a text>", THERE(16));
	WANT("<%10s|%-10s|%3s>", "<    a text|a text    |a text>", THERE(16), THERE(16), THERE(16));
	WANT("<%pks>", "<a text>", THERE(16));
	WANT("<%pus>", "<of the user's>", U64(mine));
	WANT("<%s>", "<>", 8);
	WANT("<%s %d>", "< 7>", 0xffffff0000000000, 7);
}

TEST(addresses)
{
	WANT("%px", "00000000deadbeef", 0xdeadbeef);
	WANT("%pi4 %pI4", "127.000.000.001 127.0.0.1", THERE(0), THERE(0));
	WANT("%pi6", "7f0000016162636465666768ff010200", THERE(0));
	WANT("%pI6", "7f00:0001:6162:6364:6566:6768:ff01:0200", THERE(0));
	CHECK_EQ(format("%p|", TEXT_AT, (uint64_t[]){ 0xffff000012345678 }, 1), 16 + 1 + 1);
	CHECK(!strstr(data, "12345678"));
	WANT("%p %pK", "0000000000000000 fffffffffffffffe", 0, (uint64_t)-2);	/* these are none */
}

static uint64_t symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char found[128];
	unsigned long addr;

	CHECK(f != NULL);
	while (fscanf(f, "%lx %*c %127s%*[^\n]", &addr, found) == 2)
		if (!strcmp(found, name)) {
			fclose(f);
			return addr;
		}
	FAIL("no symbol %s", name);
}

TEST(symbols)
{
	uint64_t addr = symbol("schedule");
	unsigned int at, size;
	int end;

	WANT("%ps", "schedule", addr);
	format("%pS|", TEXT_AT, (uint64_t[]){ addr + 4 }, 1);
	CHECK_EQ(sscanf(data, "schedule+0x%x/0x%x|%n", &at, &size, &end), 2);
	CHECK_EQ(at, 4);
	CHECK_GE(size, 8);
	CHECK_EQ(data[end], 0);
}

TEST(room)
{
	CHECK_EQ(format("%d and more", 6, (uint64_t[]){ 77 }, 1), 12);
	CHECK(!memcmp(data, "77 an\0zz", 8));
	CHECK_EQ(format("%5d %0900000X", 10, (uint64_t[]){ 4, 4 }, 2), 900007);
	CHECK(!strcmp(data, "    4 000"));
	CHECK_EQ(format("%-500000d|", 5, (uint64_t[]){ 4 }, 1), 500002);
	CHECK(!strcmp(data, "4   "));
	CHECK_EQ(format("abc", 1, NULL, 0), 4);
	CHECK(!memcmp(data, "\0zz", 3));
	CHECK_EQ(format("abc", 0, NULL, 0), 4);
	CHECK(!memcmp(data, "zzz", 3));
}

TEST(what_is_refused)
{
	static const char *const wrong[] = { "%", "%y", "%5", "%n", "%hd", "%hhx", "%.3d", "%*d", "%f", "%l", "%ls",
		"a\x01", "\x7f", "%pi5", "%pz", "%p7", "%lc", "%#x", "%zu", "%pu %d" };
	uint64_t args[3] = { 1, 2, 3 };

	for (size_t k = 0; k < sizeof(wrong) / sizeof(*wrong); k++) {
		int fd = format_prog(wrong[k], 64, args, 3);

		if (fd != -EINVAL)
			FAIL("\"%s\": %d", wrong[k], fd);
	}
	CHECK_EQ(format_prog("%d %d", 64, args, 1), -EINVAL);
	CHECK(strstr(bpf_log_text, "Invalid format string"));
	CHECK_GE(format_prog("%d %d", 64, args, 2), 0);
}

/* --- lines ------------------------------------------------------------------------------------ */

static int open_pipe(void)
{
	struct statfs st;

	OK(mkdir("/tmp/tracing", 0700));
	OK(mount("tracefs", "/tmp/tracing", "tracefs", 0, NULL));
	OK(statfs("/tmp/tracing", &st));
	CHECK_EQ(st.f_type, 0x74726163);
	return (int)OK(open("/tmp/tracing/trace_pipe", O_RDONLY | O_NONBLOCK));
}

static void close_pipe(int fd)
{
	close(fd);
	OK(umount("/tmp/tracing"));
	OK(rmdir("/tmp/tracing"));
}

/* Linux begins to keep lines some time after the first program that may print was loaded. */
static void wait_for_lines(int pipe, int prog)
{
	struct pollfd p = { .fd = pipe, .events = POLLIN };
	char buf[512];

	do
		prog_run(prog);
	while (!OK(poll(&p, 1, 100)));
	while (read(pipe, buf, sizeof(buf)) > 0)
		;
}

/* The next line has this text, and says who. */
static void line_is(int fd, const char *text)
{
	static char buf[8192];
	static size_t have;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *end, who[64], *at;

	while (!(end = memchr(buf, '\n', have))) {
		ssize_t r;

		CHECK_EQ(OK(poll(&p, 1, 10000)), 1);
		r = read(fd, buf + have, sizeof(buf) - have);
		if (r < 0)
			CHECK_EQ(errno, EAGAIN);
		else
			have += (size_t)r;
	}
	*end = 0;
	at = strstr(buf, ": bpf_trace_printk: ");
	if (!at || strcmp(at + 20, text))
		FAIL("\"%s\", not \"%s\"", buf, text);
	snprintf(who, sizeof(who), "-%d ", getpid());
	CHECK(strstr(buf, who));
	CHECK(strstr(buf, "["));
	have -= (size_t)(end + 1 - buf);
	memmove(buf, end + 1, have);
}

TEST(programs_print_lines)
{
	struct bpf_insn p[] = {
		MOV64_REG(6, 1),
		LD_MAP_VALUE(1, (need_data(), data_map), 0),
		MOV64_IMM(2, 20),
		MOV64_IMM(3, -7),
		LDX(BPF_W, 4, 6, offsetof(struct __sk_buff, len)),
		MOV64_IMM(5, 0x77),
		CALL(BPF_FUNC_trace_printk),
		EXIT(),
	};
	uint64_t args[4] = { 1, 2, 3, THERE(16) };
	int pipe = open_pipe(), fd = prog_load(FILTER, p), v;
	char one;

	ERR(read(pipe, &one, 1), EAGAIN);
	strcpy(data, "%d %u %x");
	wait_for_lines(pipe, fd);
	CHECK_EQ(prog_run(fd), strlen("-7 50 77"));
	line_is(pipe, "-7 50 77");
	strcpy(data, "hello");
	CHECK_EQ(prog_run(fd), 5);
	CHECK_EQ(prog_run(fd), 5);
	line_is(pipe, "hello");
	line_is(pipe, "hello");
	close(fd);
	n = 0;	/* as compilers call it when there is nothing else to print */
	EMIT(LD_MAP_VALUE(1, data_map, 0), MOV64_IMM(2, 20), CALL(BPF_FUNC_trace_printk), EXIT());
	fd = prog_load_flags(FILTER, code, (size_t)n, 0);
	if (fd < 0)
		FAIL("%s", bpf_log_text);
	CHECK_EQ(prog_run(fd), 5);
	line_is(pipe, "hello");
	close(fd);
	fd = prog_load(FILTER, p);
	strcpy(data, "%d %d %d %d");	/* more than there can be */
	CHECK_EQ((int)prog_run(fd), -EINVAL);
	memset(data, 'x', 20);		/* does not end */
	CHECK_EQ((int)prog_run(fd), -EINVAL);
	emit_args(args, 4);
	EMIT(LD_MAP_VALUE(1, data_map, 0), MOV64_IMM(2, 20), MOV64_REG(3, 10), ALU64_IMM(BPF_ADD, 3, -96),
	     MOV64_IMM(4, 32), CALL(BPF_FUNC_trace_vprintk), EXIT());
	v = prog_load_flags(FILTER, code, (size_t)n, 0);
	if (v < 0)
		FAIL("%s", bpf_log_text);
	strcpy(data, "%d-%d-%d %s");
	CHECK_EQ(prog_run(v), strlen("1-2-3 a text"));
	line_is(pipe, "1-2-3 a text");
	strcpy(data, "%d %d %d %d %d");
	CHECK_EQ((int)prog_run(v), -EINVAL);
	ERR(read(pipe, &one, 1), EAGAIN);
	close_pipe(pipe);
}

static const struct btf_case two_functions = {
	"", WORDS(INT32(NAME('i')), PROTO(1, 0), FUNC(NAME('m'), 0, 2), FUNC(NAME('f'), 0, 2)), 0, "" };

static int load_types(void)
{
	static uint8_t blob[4096];
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf = U64(blob);
	a.btf_size = btf_case_blob(&two_functions, blob, sizeof(blob));
	return (int)OK(bpf(BPF_BTF_LOAD, &a));
}

/* At the bottom of all the stack that programs may have, below a system call that goes deep. */
TEST(a_line_from_the_deepest_program)
{
	int progs = map_create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1), pipe = open_pipe(), pair[2], fd;
	uint32_t key = 0, lines = 0;
	char text[600];
	struct itimerval t = { { 0, 1000 }, { 0, 1000 } };
	struct bpf_func_info f[] = { { 0, 3 }, { 12, 4 } };
	union bpf_attr a;

	need_data();
	strcpy(data, "%s %pus");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	n = 0;
	EMIT(ST(BPF_DW, 10, -240, 0), MOV64_IMM(6, 6), MOV64_IMM(7, 7), MOV64_IMM(8, 8), MOV64_REG(9, 1),
	     CALL_LOCAL(6), ALU64_REG(BPF_ADD, 0, 6), ALU64_REG(BPF_ADD, 0, 7), ALU64_REG(BPF_ADD, 0, 8),
	     LDX(BPF_DW, 1, 10, -240), LDX(BPF_W, 1, 9, 0), EXIT(),
	     ST(BPF_DW, 10, -248, 0), LD_MAP(2, progs), MOV64_IMM(3, 0), CALL(BPF_FUNC_tail_call),
	     LD_MAP_VALUE(1, data_map, 0), MOV64_IMM(2, 20), LD_MAP_VALUE(3, data_map, TEXT_AT + 16),
	     INSN(BPF_LD | BPF_IMM | BPF_DW, 4, 0, 0, (int)U64(text)), INSN(0, 0, 0, 0, (int)(U64(text) >> 32)),
	     CALL(BPF_FUNC_trace_printk), MOV64_IMM(0, 1), EXIT());
	a = prog_attr(FILTER, code, (size_t)n);
	prog_attr_log(&a);
	prog_attr_funcs(&a, load_types(), f, 2);
	fd = (int)bpf(BPF_PROG_LOAD, &a);
	if (fd < 0)
		FAIL("%s", bpf_log_text);
	OK(map_update(progs, &key, &fd, BPF_ANY));
	signal(SIGALRM, SIG_IGN);
	OK(setitimer(ITIMER_REAL, &t, NULL));
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	OK(setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)));
	for (int i = 0; i < 2000; i++) {
		OK(send(pair[1], text, 100, 0));
		OK(recv(pair[0], text + 500, 100, MSG_DONTWAIT));
		while (read(pipe, text, sizeof(text)) > 0)
			lines++;
		memset(text, 'x', sizeof(text) - 1);
	}
	CHECK_GE(lines, 1);
	close_pipe(pipe);
	OK(map_delete(progs, &key));
}

/* --- and back --------------------------------------------------------------------------------- */

/* What strtol or strtoul gives for the text; the number is in *v. */
static int64_t parse(int helper, const char *text, uint64_t base, int64_t *v)
{
	int fd;
	int64_t r;

	need_data();
	memset(data, 0, 64);
	memcpy(data + 16, text, strlen(text));
	n = 0;
	EMIT(LD_MAP_VALUE(1, data_map, 16), MOV64_IMM(2, (int)strlen(text)), MOV64_IMM(3, (int)base),
	     LD_MAP_VALUE(4, data_map, 0), CALL(helper), LD_MAP_VALUE(1, data_map, 8),
	     STX(BPF_DW, 1, 0, 0), EXIT());
	fd = prog_load_flags(FILTER, code, (size_t)n, 0);
	if (fd < 0)
		FAIL("%s", bpf_log_text);
	prog_run(fd);
	close(fd);
	memcpy(v, data, 8);
	memcpy(&r, data + 8, 8);
	return r;
}

TEST(numbers_from_text)
{
	static const struct { const char *text; uint64_t base; int64_t r, v; } cases[] = {
		{ "123", 10, 3, 123 }, { "123", 0, 3, 123 }, { " 12x", 10, 3, 12 }, { "0x1f", 0, 4, 31 },
		{ "0x1f", 16, 4, 31 }, { "1F", 16, 2, 31 }, { "017", 0, 3, 15 }, { "017", 10, 3, 17 },
		{ "0xg", 0, 1, 0 }, { "0x", 0, 1, 0 }, { "0x", 16, -EINVAL, 0 }, { "0xg", 16, -EINVAL, 0 },
		{ "0x1", 10, 1, 0 }, { "x", 16, -EINVAL, 0 }, { " ", 10, -EINVAL, 0 }, { "7", 7, -EINVAL, 0 },
		{ "9223372036854775807", 10, 19, INT64_MAX }, { "99999999999999999999", 10, -ERANGE, 0 } };
	int64_t v;

	for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++)
		for (int sign = 0; sign < 2; sign++) {
			int64_t r = parse(sign ? BPF_FUNC_strtol : BPF_FUNC_strtoul, cases[k].text, cases[k].base, &v);

			if (r != cases[k].r || v != cases[k].v)
				FAIL("\"%s\" %d: %lld %lld", cases[k].text, (int)cases[k].base, (long long)r,
				     (long long)v);
		}
	CHECK_EQ(parse(BPF_FUNC_strtol, "-12", 10, &v), 3);
	CHECK_EQ(v, -12);
	CHECK_EQ(parse(BPF_FUNC_strtoul, "-12", 10, &v), -EINVAL);
	CHECK_EQ(parse(BPF_FUNC_strtol, "-9223372036854775808", 10, &v), 20);
	CHECK_EQ(v, INT64_MIN);
	CHECK_EQ(parse(BPF_FUNC_strtol, "9223372036854775808", 10, &v), -ERANGE);
}
