/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of type syscall: bpf(2) for programs, and what else sleeps or looks around. As root. */
#include "bpf.h"

#include <linux/btf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>

/* What the program works on: the one value of an array that it addresses directly. */
struct data {
	char attr[144];
	char more[112];		/* behind what any kernel knows of attr's fields */
	struct bpf_insn insns[4];
	char license[8];
	uint32_t key, value;
	char name[64];
	uint64_t found;
	char text[64];
};
#define AT(field)	((int)offsetof(struct data, field))

static int data_map;

static struct data *data(void)
{
	static struct data *d;

	if (!d) {
		data_map = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, sizeof(*d), 1, BPF_F_MMAPABLE));
		d = (void *)OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, data_map, 0));
	}
	return d;
}

static int load(const struct bpf_insn *p, size_t n)
{
	int fd = prog_load_flags(BPF_PROG_TYPE_SYSCALL, p, n, BPF_F_SLEEPABLE);

	if (fd < 0)
		FAIL("load: %s\n%s", strerror(errno), bpf_log_text);
	return fd;
}
#define LOAD(p) load(p, sizeof(p) / sizeof(*(p)))

/* r0 is what the context's first 8 bytes become. */
#define DONE() STX(BPF_DW, 6, 0, 0), MOV64_IMM(0, 0), EXIT()

static int64_t run(int fd, uint64_t in)
{
	uint64_t ctx[2] = { in, 0 };

	CHECK_EQ(prog_run_ctx(fd, ctx, sizeof(ctx)), 0);
	return (int64_t)ctx[0];
}

/* bpf_sys_bpf(cmd, data->attr, size) behind storing &data->from at attr + to, for each pair. */
static int64_t command(int cmd, int size, int n, const int (*pointers)[2])
{
	struct bpf_insn p[64] = { MOV64_REG(6, 1) };
	int k = 1, fd;
	int64_t r;

	data();
#define ADD(...) APPEND(p, k, __VA_ARGS__)
	for (int i = 0; i < n; i++)
		ADD(LD_MAP_VALUE(2, data_map, pointers[i][1]), LD_MAP_VALUE(3, data_map, 0),
		    STX(BPF_DW, 3, 2, (int16_t)pointers[i][0]));
	ADD(MOV64_IMM(1, cmd), LD_MAP_VALUE(2, data_map, 0), MOV64_IMM(3, size),
	    CALL(BPF_FUNC_sys_bpf), DONE());
	fd = load(p, (size_t)k);
	r = run(fd, 0);
	close(fd);
	return r;
}
#define COMMAND(cmd, size, ...)									\
	({											\
		const int p_[][2] = { __VA_ARGS__ };						\
		command(cmd, size, (int)(sizeof(p_) / sizeof(*p_)), p_);			\
	})

static union bpf_attr *attr(void)
{
	memset(data(), 0, sizeof(struct data));
	return (void *)data()->attr;
}
#define FIELD(f) ((int)offsetof(union bpf_attr, f))

static int close_prog(void)
{
	struct bpf_insn p[] = { MOV64_REG(6, 1), LDX(BPF_DW, 1, 6, 0), CALL(BPF_FUNC_sys_close), DONE() };

	return LOAD(p);
}

TEST(programs_make_and_change_maps)
{
	union bpf_attr *a = attr();
	uint32_t key = 3, value = 0;
	int map, closer = close_prog();

	a->map_type = BPF_MAP_TYPE_HASH;
	a->key_size = a->value_size = 4;
	a->max_entries = 8;
	map = (int)OK((int)command(BPF_MAP_CREATE, 72, 0, NULL));
	ERR(map_lookup(map, &key, &value), ENOENT);
	a = attr();
	a->map_fd = (uint32_t)map;
	data()->key = 3;
	data()->value = 77;
	CHECK_EQ(COMMAND(BPF_MAP_UPDATE_ELEM, 32, { FIELD(key), AT(key) }, { FIELD(value), AT(value) }), 0);
	OK(map_lookup(map, &key, &value));
	CHECK_EQ(value, 77);
	/* an address that is not the kernel's, or nobody's */
	a->value = U64(&value);
	CHECK_EQ(COMMAND(BPF_MAP_UPDATE_ELEM, 32, { FIELD(key), AT(key) }), -EFAULT);
	a->value = 0xffffff0000000000;
	CHECK_EQ(COMMAND(BPF_MAP_UPDATE_ELEM, 32, { FIELD(key), AT(key) }), -EFAULT);
	/* more than is known has to be zeros */
	data()->more[100] = 1;
	CHECK_EQ(COMMAND(BPF_MAP_UPDATE_ELEM, AT(insns), { FIELD(key), AT(key) }, { FIELD(value), AT(value) }),
		 -E2BIG);
	data()->more[100] = 0;
	CHECK_EQ(COMMAND(BPF_MAP_UPDATE_ELEM, AT(insns), { FIELD(key), AT(key) }, { FIELD(value), AT(value) }), 0);
	a->value = 0;
	CHECK_EQ(COMMAND(BPF_MAP_DELETE_ELEM, 32, { FIELD(key), AT(key) }), 0);
	CHECK_EQ(COMMAND(BPF_MAP_DELETE_ELEM, 32, { FIELD(key), AT(key) }), -ENOENT);
	CHECK_EQ(COMMAND(BPF_MAP_LOOKUP_ELEM, 32, { FIELD(key), AT(key) }, { FIELD(value), AT(value) }), -EINVAL);
	CHECK_EQ(command(BPF_PROG_TEST_RUN, 72, 0, NULL), -EINVAL);
	attr()->map_fd = (uint32_t)map;
	CHECK_EQ(command(BPF_MAP_FREEZE, 4, 0, NULL), 0);
	ERR(map_delete(map, &key), EPERM);
	CHECK_EQ(run(closer, (uint64_t)map), 0);
	CHECK_EQ(run(closer, (uint64_t)map), -EBADF);
}

TEST(programs_load_programs)
{
	union bpf_attr *a = attr();
	int fd;

	data()->insns[0] = MOV64_IMM(0, 42);
	data()->insns[1] = EXIT();
	memcpy(data()->license, "GPL", 4);
	a->prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	a->insn_cnt = 2;
	fd = (int)OK((int)COMMAND(BPF_PROG_LOAD, 72, { FIELD(insns), AT(insns) }, { FIELD(license), AT(license) }));
	CHECK_EQ(prog_run(fd), 42);
	data()->insns[1] = MOV64_IMM(0, 1);
	CHECK_EQ(COMMAND(BPF_PROG_LOAD, 72, { FIELD(insns), AT(insns) }, { FIELD(license), AT(license) }), -EINVAL);
	a->license = 8;
	CHECK_EQ(COMMAND(BPF_PROG_LOAD, 72, { FIELD(insns), AT(insns) }), -EFAULT);
}

TEST(memory_of_user_space)
{
	struct bpf_insn p[] = {
		MOV64_REG(6, 1),
		LDX(BPF_DW, 3, 6, 0),
		ST(BPF_DW, 10, -8, -1),
		MOV64_REG(1, 10),
		ALU64_IMM(BPF_ADD, 1, -8),
		MOV64_IMM(2, 8),
		CALL(BPF_FUNC_copy_from_user),
		LDX(BPF_DW, 1, 10, -8),
		STX(BPF_DW, 6, 1, 8),
		JMP_IMM(BPF_JNE, 0, 0, 1),
		LDX(BPF_DW, 0, 10, -8),
		DONE(),
	};
	uint64_t *page = (void *)OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
					 -1, 0));
	uint64_t there = 0x1234;
	int fd = LOAD(p);

	CHECK_EQ(run(fd, U64(&there)), 0x1234);
	CHECK_EQ(run(fd, U64(page)), 0);	/* nobody has touched it: the helper sleeps for it */
	page[0] = 99;
	CHECK_EQ(run(fd, U64(page)), 99);
	OK(madvise(page, PAGE, MADV_DONTNEED));
	CHECK_EQ(run(fd, U64(page)), 0);
	CHECK_EQ(run(fd, U64(BAD_PTR)), -EFAULT);
	CHECK_EQ(run(fd, U64(KERNEL_PTR)), -EFAULT);
	OK(munmap(page, PAGE));
	CHECK_EQ(run(fd, U64(page)), -EFAULT);
}

static void name_it(const char *name)
{
	snprintf(data()->name, sizeof(data()->name), "%s", name);
}

/* helper(data->name, size, a, ...), where the context has `a`. */
static int named(int helper, int size)
{
	struct bpf_insn p[] = {
		MOV64_REG(6, 1),
		LDX(BPF_DW, 3, 6, 0),
		LD_MAP_VALUE(1, data_map, AT(name)),
		MOV64_IMM(2, size),
		MOV64_IMM(4, 0),
		CALL(helper),
		DONE(),
	};
	struct bpf_insn finds[] = {
		MOV64_REG(6, 1),
		LDX(BPF_DW, 3, 6, 0),
		LD_MAP_VALUE(1, data_map, AT(name)),
		MOV64_IMM(2, size),
		LD_MAP_VALUE(4, data_map, AT(found)),
		CALL(helper),
		DONE(),
	};

	return helper == BPF_FUNC_kallsyms_lookup_name ? LOAD(finds) : LOAD(p);
}

static volatile int changing = 1;
static void *change_last_byte(void *at)
{
	while (changing) {
		*(volatile char *)at = 'a';
		*(volatile char *)at = 0;
	}
	return NULL;
}

TEST(names_of_the_kernels_symbols)
{
	struct __user_cap_header_struct nothing = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };
	unsigned long long addr = 0;
	char line[256], type, name[64] = "";
	FILE *f = fopen("/proc/kallsyms", "r");
	int fd;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx %c %63s", &addr, &type, name) == 3 && type == 'T' &&
		    !strcmp(name, "start_kernel"))
			break;
	if (strcmp(name, "start_kernel")) {	/* any other */
		rewind(f);
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "%llx %c %63s", &addr, &type, name) == 3 && type == 'T')
				break;
	}
	fclose(f);
	data();
	name_it(name);
	fd = named(BPF_FUNC_kallsyms_lookup_name, (int)strlen(name) + 1);
	CHECK_EQ(run(fd, 0), 0);
	CHECK_EQ(data()->found, addr);
	CHECK_EQ(run(fd, 1), -EINVAL);		/* flags */
	name_it("no_such_name");
	CHECK_EQ(run(named(BPF_FUNC_kallsyms_lookup_name, 13), 0), -ENOENT);
	CHECK_EQ(data()->found, 0);
	CHECK_EQ(run(named(BPF_FUNC_kallsyms_lookup_name, 12), 0), -EINVAL);
	CHECK_EQ(run(named(BPF_FUNC_kallsyms_lookup_name, 1), 0), -EINVAL);
	name_it(name);
	CHILD_OK(OK(syscall(SYS_capset, &nothing, none)); CHECK_EQ(run(fd, 0), -EPERM); CHECK_EQ(data()->found, 0));
}

TEST(names_of_the_kernels_types)
{
	struct stat st;
	int fd;

	if (stat("/sys/kernel/btf/vmlinux", &st))
		SKIP("no types in this kernel");
	data();
	name_it("int");
	fd = named(BPF_FUNC_btf_find_by_name_kind, 4);
	CHECK_GE(run(fd, BTF_KIND_INT), 1);
	CHECK_EQ(run(fd, BTF_KIND_INT), run(fd, BTF_KIND_INT));
	CHECK_EQ(run(fd, BTF_KIND_STRUCT), -ENOENT);
	name_it("no_such_type");
	CHECK_EQ(run(named(BPF_FUNC_btf_find_by_name_kind, 13), BTF_KIND_INT), -ENOENT);
	CHECK_EQ(run(named(BPF_FUNC_btf_find_by_name_kind, 12), BTF_KIND_INT), -EINVAL);
}

/* A name at the very end of its map, whose last byte others change: nothing is read behind it. (Linux
 * does read there.) */
TEST(a_name_that_changes_while_it_is_looked_for)
{
	int map, fds[2];
	pthread_t t;
	char *end;

	if (!check_on_tine())
		SKIP("not asked of other kernels");
	map = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, PAGE, 1, BPF_F_MMAPABLE));
	end = (char *)OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0)) + PAGE;
	for (int k = 0; k < 2; k++) {
		struct bpf_insn p[] = {
			MOV64_REG(6, 1), LD_MAP_VALUE(1, map, PAGE - 2), MOV64_IMM(2, 2),
			MOV64_IMM(3, k ? 0 : BTF_KIND_STRUCT), MOV64_IMM(4, 0), LD_MAP_VALUE(4, map, 0),
			CALL(k ? BPF_FUNC_kallsyms_lookup_name : BPF_FUNC_btf_find_by_name_kind),
			DONE(),
		};

		if (!k)	/* it has no address to write to */
			p[6] = p[7] = (struct bpf_insn)MOV64_IMM(4, 0);
		fds[k] = LOAD(p);
	}
	end[-2] = 't';		/* "task...": there are such structs and functions */
	CHECK(!pthread_create(&t, NULL, change_last_byte, end - 1));
	for (int n = 0; n < 400; n++) {
		int64_t r = run(fds[n & 1], 0);

		if (r != -ENOENT)
			CHECK_EQ(r, -EINVAL);
	}
	changing = 0;
	CHECK(!pthread_join(t, NULL));
}

/* probe_read*: nothing sleeps, nothing faults, a text always ends. */
TEST(memory_that_may_not_be_there)
{
	struct { int helper; bool user, text, both; } kinds[] = {
		{ BPF_FUNC_probe_read_kernel, false, false, false },
		{ BPF_FUNC_probe_read_kernel_str, false, true, false },
		{ BPF_FUNC_probe_read_user, true, false, false }, { BPF_FUNC_probe_read_user_str, true, true, false },
		{ BPF_FUNC_probe_read, false, false, true }, { BPF_FUNC_probe_read_str, true, true, true } };
	static char mine[16] = "abcdefghij";

	for (int k = 0; k < 6; k++) {
		struct bpf_insn p[] = {
			MOV64_REG(6, 1),
			LDX(BPF_DW, 3, 6, 0),
			JMP_IMM(BPF_JNE, 3, 0, 2),
			LD_MAP_VALUE(3, (data(), data_map), AT(name)),
			LD_MAP_VALUE(1, data_map, AT(text)),
			MOV64_IMM(2, 8),
			CALL(kinds[k].helper),
			DONE(),
		};
		int fd = LOAD(p);
		char *text = data()->text;

		name_it("abcdefghij");
		memset(text, 1, 16);
		CHECK_EQ(run(fd, kinds[k].user ? U64(mine) : 0), kinds[k].text ? 8 : 0);
		CHECK(!memcmp(text, kinds[k].text ? "abcdefg\0" : "abcdefgh", 8));
		CHECK_EQ(text[8], 1);
		CHECK_EQ(run(fd, kinds[k].user ? U64(mine + 7) : 0), kinds[k].text ? kinds[k].user ? 4 : 8 : 0);
		CHECK_EQ(run(fd, kinds[k].user ? U64(BAD_PTR) : 0xffffff0000000000), -EFAULT);
		CHECK_EQ(text[0], 0);
		if (!kinds[k].both)
			CHECK_EQ(run(fd, kinds[k].user ? 0xffffff0000000000 : U64(mine)), -EFAULT);
		close(fd);
	}
}

/* The context is memory: an index finds a byte of it, and it has to be as long as the index may reach. */
TEST(any_byte_of_the_context)
{
	struct bpf_insn p[] = {
		LDX(BPF_DW, 2, 1, 0),
		ALU64_IMM(BPF_AND, 2, 0xff),
		MOV64_REG(3, 1),
		ALU64_REG(BPF_ADD, 3, 2),
		LDX(BPF_W, 0, 3, 9),
		EXIT(),
	};
	union bpf_attr a;
	uint8_t ctx[8 + 0x100 + 5 - 1] = { 0x21 };

	for (unsigned int k = 8; k < sizeof(ctx); k++)
		ctx[k] = (uint8_t)k;
	int fd = LOAD(p);
	CHECK_EQ(prog_run_ctx(fd, ctx, sizeof(ctx)), 0x2d2c2b2a);
	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.ctx_in = U64(ctx);
	a.test.ctx_size_in = sizeof(ctx) - 1;
	ERR(bpf(BPF_PROG_TEST_RUN, &a), EINVAL);
	close(fd);
}

TEST(who_may_sleep)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 0), EXIT() };
	struct bpf_insn sleeps[] = { MOV64_IMM(1, -1), CALL(BPF_FUNC_sys_close), MOV64_IMM(0, 0), EXIT() };

	struct bpf_insn copies[] = { MOV64_REG(1, 10), ALU64_IMM(BPF_ADD, 1, -8), MOV64_IMM(2, 8),
		MOV64_IMM(3, 0), CALL(BPF_FUNC_copy_from_user), MOV64_IMM(0, 0), EXIT() };

	ERR(prog_load_flags(BPF_PROG_TYPE_SYSCALL, p, 2, 0), EINVAL);
	ERR(prog_load_flags(BPF_PROG_TYPE_SOCKET_FILTER, p, 2, BPF_F_SLEEPABLE), EINVAL);
	ERR(prog_load_flags(BPF_PROG_TYPE_XDP, p, 2, BPF_F_SLEEPABLE), EINVAL);
	ERR(prog_load_flags(BPF_PROG_TYPE_XDP, sleeps, 4, 0), EINVAL);
	OK(prog_load_flags(BPF_PROG_TYPE_SYSCALL, sleeps, 4, BPF_F_SLEEPABLE));
	ERR(prog_load_flags(BPF_PROG_TYPE_XDP, copies, 7, 0), EINVAL);
	CHECK(strstr(bpf_log_text, "sleepable helper bpf_copy_from_user#148 in non-sleepable prog"));
	OK(prog_load_flags(BPF_PROG_TYPE_SYSCALL, copies, 7, BPF_F_SLEEPABLE));
}

/* --- signals ---------------------------------------------------------------------------------- */

static volatile int alarms;
static void on_alarm(int sig) { alarms += sig == SIGALRM; }

static void alarm_every(long us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	OK(setitimer(ITIMER_REAL, &t, NULL));
}

/* One whole run is what was asked for, and it has been done. */
TEST(a_signal_does_not_undo_the_last_run)
{
	struct bpf_insn p[] = {
		MOV64_IMM(6, 0),
		INSN(BPF_JMP | 0xe0, 0, 0, 2, 0),	/* may_goto */
		ALU64_IMM(BPF_ADD, 6, 1),
		JA(-3),
		LD_MAP_VALUE(1, (data(), data_map), AT(found)),
		MOV64_IMM(2, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 2, 0, BPF_ADD),
		MOV64_IMM(0, 7),
		EXIT(),
	};
	int prog = LOAD(p), filter = prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p);
	uint64_t ctx = 0;
	bool ok;

	signal(SIGALRM, on_alarm);
	alarm_every(3000);
	for (uint64_t n = 1; n < 10; n++) {
		CHECK_EQ(prog_run_ctx(prog, &ctx, sizeof(ctx)), 7);
		CHECK_EQ(data()->found, 2 * n - 1);
		CHECK_EQ(run_often(filter, 1, &ok), 7);
		CHECK(ok);
		CHECK_EQ(data()->found, 2 * n);
	}
	CHECK_GE(alarms, 1);
	run_often(filter, 1000, &ok);	/* of many runs it leaves some */
	CHECK(!ok && errno == EINTR);
	CHECK_LE(data()->found, 1000);
	alarm_every(0);
}
