/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pointers to the kernel's own objects, whose types its BTF has: bpf_get_current_task_btf and what can
 * be reached from there. The kernels' structures differ, so names and places are looked up. As root.
 */
#include "bpf.h"
#include "btf.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define FILTER BPF_PROG_TYPE_SOCKET_FILTER

/* --- where things are ------------------------------------------------------------------------- */

static char *blob;
static struct btf_header *head;

static const char *name_at(uint32_t off) { return blob + head->hdr_len + head->str_off + off; }

static void read_types(void)
{
	int fd = (int)OK(open("/sys/kernel/btf/vmlinux", O_RDONLY));
	struct stat st;

	OK(fstat(fd, &st));
	blob = malloc((size_t)st.st_size);
	for (size_t done = 0; done < (size_t)st.st_size;)
		done += (size_t)OK(read(fd, blob + done, (size_t)st.st_size - done));
	close(fd);
	head = (struct btf_header *)blob;
}

static const struct btf_type *find_struct(const char *name)
{
	const char *types = blob + head->hdr_len + head->type_off;

	for (size_t at = 0; at < head->type_len;) {
		const struct btf_type *t = (const struct btf_type *)(types + at);

		if (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT && !strcmp(name_at(t->name_off), name))
			return t;
		at += sizeof(*t) + btf_behind(t);
	}
	FAIL("no struct %s", name);
}

/* The byte of a struct where its member begins. */
static int place(const char *name, const char *member)
{
	const struct btf_type *t = find_struct(name);
	const struct btf_member *m = (const struct btf_member *)(t + 1);

	for (uint32_t k = 0; k < BTF_INFO_VLEN(t->info); k++)
		if (!strcmp(name_at(m[k].name_off), member))
			return (int)(BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BIT_OFFSET(m[k].offset)
							     : m[k].offset) / 8;
	FAIL("struct %s has no %s", name, member);
}

static struct {
	const char *task;	/* the struct's name */
	int tid, leader, leader_pid, comm, nothing, in_nothing, size;
} at;

/* nothing: a pointer that is NULL while a task runs. */
static void find_places(void)
{
	read_types();
	if (check_on_tine()) {
		at.task = "task";
		at.tid = place("task", "tid");
		at.leader = place("task", "proc");
		at.leader_pid = place("process", "pid");
		at.nothing = place("process", "exec_task");
		at.in_nothing = at.tid;
	} else {
		at.task = "task_struct";
		at.tid = place("task_struct", "pid");
		at.leader = place("task_struct", "group_leader");
		at.leader_pid = at.tid;
		at.nothing = place("task_struct", "vfork_done");
		at.in_nothing = place("completion", "done");
	}
	at.comm = place(at.task, "comm");
	at.size = (int)find_struct(at.task)->size;
}

/* --- programs --------------------------------------------------------------------------------- */

#define TASK CALL(BPF_FUNC_get_current_task_btf)
static uint32_t result_of(const struct bpf_insn *code, size_t n)
{
	int fd = prog_load_flags(FILTER, code, n, 0);
	uint32_t r;

	if (fd < 0)
		FAIL("load: %s\n%s", strerror(errno), bpf_log_text);
	r = prog_run(fd);
	close(fd);
	return r;
}
#define RESULT(...)						\
	({							\
		struct bpf_insn c_[] = { __VA_ARGS__ };		\
		result_of(c_, sizeof(c_) / sizeof(*c_));	\
	})

static void *look(void *arg)
{
	(void)arg;
	CHECK_EQ(RESULT(TASK, LDX(BPF_W, 0, 0, at.tid), EXIT()), gettid());
	CHECK_EQ(RESULT(TASK, LDX(BPF_DW, 7, 0, at.leader), LDX(BPF_W, 0, 7, at.leader_pid), EXIT()),
		 getpid());
	CHECK_NE(getpid(), gettid());
	return NULL;
}

TEST(numbers_and_pointers)
{
	pthread_t t;

	find_places();
	CHECK(!pthread_create(&t, NULL, look, NULL));
	CHECK(!pthread_join(t, NULL));
}

/* Bytes of an array, signed and not, by a pointer that was moved. */
TEST(parts)
{
	char name[16];
	int fd;

	find_places();
	fd = (int)OK(open("/proc/self/comm", O_WRONLY));
	CHECK_EQ(write(fd, "ab\xf0" "d", 4), 4);
	memcpy(name, "ab\xf0" "d", 5);
	CHECK_EQ(RESULT(TASK, LDX(BPF_W, 0, 0, at.comm), EXIT()), *(uint32_t *)name);
	CHECK_EQ(RESULT(TASK, LDX(BPF_B, 0, 0, at.comm + 2), EXIT()), 0xf0);
	CHECK_EQ(RESULT(TASK, INSN(BPF_LDX | 0x80 | BPF_B, 0, 0, at.comm + 2, 0), EXIT()), (uint32_t)-16);
	CHECK_EQ(RESULT(TASK, ALU64_IMM(BPF_ADD, 0, at.comm - 100), LDX(BPF_B, 0, 0, 101), EXIT()), 'b');
}

/* r1 = a pointer that is NULL. */
static int append_null(struct bpf_insn *code, int n)
{
	APPEND(code, n, TASK, MOV64_REG(1, 0));
	if (check_on_tine())
		APPEND(code, n, LDX(BPF_DW, 1, 1, at.leader));
	APPEND(code, n, LDX(BPF_DW, 1, 1, at.nothing));
	return n;
}

/* What is read where nothing is is 0, in whatever register, and the program goes on. */
TEST(nothing)
{
	struct bpf_insn code[64];
	int n = 0, fd;

	find_places();
	n = append_null(code, n);
	APPEND(code, n, MOV64_REG(9, 1),
	       MOV64_IMM(0, 77), JMP_IMM(BPF_JEQ, 9, 0, 1), EXIT(),		/* not decided by its type */
	       MOV64_IMM(1, -1), MOV64_IMM(5, -1), MOV64_IMM(7, -1), MOV64_IMM(0, -1),
	       LDX(BPF_W, 1, 9, at.in_nothing), LDX(BPF_W, 5, 9, at.in_nothing),
	       LDX(BPF_H, 7, 9, at.in_nothing), LDX(BPF_B, 0, 9, at.in_nothing),
	       INSN(BPF_LDX | 0x80 | BPF_W, 9, 9, at.in_nothing, 0),
	       ALU64_REG(BPF_OR, 0, 1), ALU64_REG(BPF_OR, 0, 5), ALU64_REG(BPF_OR, 0, 7),
	       ALU64_REG(BPF_OR, 0, 9), ALU64_IMM(BPF_ADD, 0, 5), EXIT());
	fd = prog_load_flags(FILTER, code, (size_t)n, 0);
	if (fd < 0)
		FAIL("load: %s\n%s", strerror(errno), bpf_log_text);
	for (int k = 0; k < 100; k++)
		CHECK_EQ(prog_run(fd), 5);
	close(fd);
}

/* In a function of its own, and with programs loaded and gone around it. */
TEST_TIMEOUT(nothing_in_functions, 120)
{
	struct bpf_insn code[64];
	int n = 0, fd;

	find_places();
	n = append_null(code, n);
	APPEND(code, n, MOV64_REG(6, 1), MOV64_IMM(7, 50), MOV64_IMM(8, 0),
	       /* a round */
	       MOV64_REG(1, 6), CALL_LOCAL(5), ALU64_REG(BPF_ADD, 8, 0), ALU64_IMM(BPF_SUB, 7, 1),
	       JMP_IMM(BPF_JNE, 7, 0, -5), MOV64_REG(0, 8), EXIT(),
	       /* the function */
	       LDX(BPF_W, 0, 1, at.in_nothing), ALU64_IMM(BPF_ADD, 0, 1), EXIT());
	for (int k = 0; k < 60; k++) {
		const struct bpf_insn other[] = { MOV64_IMM(0, k), EXIT() };
		int before = (int)OK(prog_load_flags(FILTER, other, 2, 0)), behind;

		fd = prog_load_flags(FILTER, code, (size_t)n, 0);
		if (fd < 0)
			FAIL("load: %s\n%s", strerror(errno), bpf_log_text);
		behind = (int)OK(prog_load_flags(FILTER, other, 2, 0));
		if (k % 2)
			close(before);
		CHECK_EQ(prog_run(fd), 50);
		CHECK_EQ(prog_run(behind), (uint32_t)k);
		close(behind);
		close(fd);
		if (!(k % 2))
			close(before);
	}
}

/* Reads nothing fifty times. */
static int load_long(void)
{
	struct bpf_insn code[80];
	int n = append_null(code, 0), fd;

	APPEND(code, n, MOV64_IMM(0, 3));
	for (int k = 0; k < 50; k++)
		APPEND(code, n, LDX(BPF_W, 2, 1, at.in_nothing));
	APPEND(code, n, EXIT());
	fd = prog_load_flags(FILTER, code, (size_t)n, 0);
	if (fd < 0)
		FAIL("load: %s\n%s", strerror(errno), bpf_log_text);
	return fd;
}

static int caller;
static volatile bool enough;
static void *call_it(void *arg)
{
	bool ok = true;

	while (!enough && ok) {
		uint32_t r = run_often(caller, 200, &ok);

		CHECK(r == 3 || r == 7);
	}
	CHECK(ok);
	return arg;
}

/* One that is running, by a tail call, while nobody has it any more. */
TEST_TIMEOUT(nothing_in_one_that_is_gone, 120)
{
	int progs = map_create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1);
	uint32_t slot = 0;
	pthread_t t;

	find_places();
	{
		const struct bpf_insn code[] = { LD_MAP(2, progs), MOV64_IMM(3, 0), CALL(BPF_FUNC_tail_call),
						 MOV64_IMM(0, 7), EXIT() };

		caller = prog_load(FILTER, code);
	}
	CHECK(!pthread_create(&t, NULL, call_it, NULL));
	for (int k = 0; k < 300; k++) {
		int fd = load_long();

		OK(map_update(progs, &slot, &fd, BPF_ANY));
		close(fd);
		if (k % 4 == 0)
			OK(map_delete(progs, &slot));
	}
	enough = true;
	CHECK(!pthread_join(t, NULL));
}

/* Who looks at the program sees the loads as they were given. */
TEST(shown_as_given)
{
	struct bpf_insn seen[3];
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);
	int fd;

	find_places();
	{
		const struct bpf_insn code[] = { TASK, LDX(BPF_W, 0, 0, at.tid), EXIT() };

		fd = prog_load(FILTER, code);
	}
	memset(&info, 0, sizeof(info));
	info.xlated_prog_insns = U64(seen);
	info.xlated_prog_len = sizeof(seen);
	OK(obj_info(fd, &info, &len));
	CHECK_EQ(info.xlated_prog_len, sizeof(seen));
	CHECK_EQ(seen[1].code, BPF_LDX | BPF_MEM | BPF_W);
	CHECK_EQ(seen[1].off, at.tid);
}

/* --- what is refused -------------------------------------------------------------------------- */

#define REFUSED(says, ...)								\
	do {										\
		struct bpf_insn c_[] = { __VA_ARGS__ };					\
		CHECK(prog_load_flags(FILTER, c_, sizeof(c_) / sizeof(*c_), 0) < 0);	\
		CHECK(errno == EACCES || errno == EINVAL);				\
		if (!strstr(bpf_log_text, says))					\
			FAIL("not \"%s\": %s", says, bpf_log_text);			\
	} while (0)

TEST(refused)
{
	find_places();
	REFUSED("only read is supported", TASK, MOV64_IMM(1, 0), STX(BPF_W, 0, 1, at.tid), EXIT());
	REFUSED("only read is supported", TASK, ST(BPF_W, 0, at.tid, 0), EXIT());
	REFUSED("only read is supported", TASK, MOV64_IMM(1, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_W, 0, 1, at.tid, BPF_ADD), MOV64_IMM(0, 0), EXIT());
	REFUSED("access beyond struct", TASK, ALU64_IMM(BPF_ADD, 0, at.size - 4), LDX(BPF_DW, 0, 0, 0),
		EXIT());
	REFUSED("cannot access ptr member", TASK, LDX(BPF_W, 0, 0, at.leader), EXIT());
	REFUSED("cannot access ptr member", TASK, LDX(BPF_W, 0, 0, at.leader + 4), EXIT());
	REFUSED("invalid negative access", TASK, LDX(BPF_W, 0, 0, -4), EXIT());
	REFUSED("invalid variable offset", TASK, MOV64_REG(6, 0), CALL(BPF_FUNC_get_prandom_u32),
		ALU64_IMM(BPF_AND, 0, 4), ALU64_REG(BPF_ADD, 6, 0), LDX(BPF_W, 0, 6, at.tid), EXIT());
	REFUSED("expected=", TASK, LDX(BPF_DW, 1, 0, check_on_tine() ? at.leader : at.nothing),
		MOV64_IMM(2, 8), CALL(BPF_FUNC_get_current_comm), EXIT());
	REFUSED("same insn cannot be used with different pointers", TASK, MOV64_REG(6, 0),
		CALL(BPF_FUNC_get_prandom_u32), JMP_IMM(BPF_JEQ, 0, 0, 3),
		ST(BPF_DW, 10, -8, 0), MOV64_REG(6, 10), ALU64_IMM(BPF_ADD, 6, -8 - at.tid),
		LDX(BPF_W, 0, 6, at.tid), EXIT());
}
