/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs by bpf(2): what is loaded runs and does what its instructions say. As root. */
#include "bpf.h"

#include <linux/btf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define FILTER BPF_PROG_TYPE_SOCKET_FILTER

TEST(a_program_returns_r0)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 42), EXIT() };
	int fd = prog_load(FILTER, p);

	CHECK_EQ(prog_run(fd), 42);
	close(fd);
}

TEST(what_the_verifier_refuses_is_not_loaded)
{
	struct bpf_insn no_r0[] = {EXIT()},
			wild[] = {MOV64_IMM(1, 0), LDX(BPF_DW, 0, 1, 0), EXIT()};
	struct bpf_insn loop[] = { JA(-1), EXIT() };

	ERR(prog_load_flags(FILTER, no_r0, 1, 0), EACCES);
	CHECK(strstr(bpf_log_text, "R0 !read_ok"));
	ERR(prog_load_flags(FILTER, wild, 3, 0), EACCES);
	CHECK(strstr(bpf_log_text, "R1 invalid mem access"));
	ERR(prog_load_flags(FILTER, loop, 2, 0), EINVAL);
	ERR(prog_load_flags(FILTER, loop, 0, 0), E2BIG);
	ERR(prog_load_flags(9999, no_r0, 1, 0), EINVAL);
	ERR(prog_load_flags(BPF_PROG_TYPE_SYSCALL, (struct bpf_insn[]){MOV64_IMM(0, 0), EXIT()}, 2,
			    0),
	    EINVAL);
}

TEST(without_capabilities_nothing_is_loaded)
{
	CHILD_OK(
		struct bpf_insn p[] = { MOV64_IMM(0, 42), EXIT() };

		check_become(1000, 1000);
		ERR(prog_load_flags(FILTER, p, 2, 0), EPERM);
	);
}

TEST(the_log_has_room_or_says_so)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 42), EXIT() };
	char small[32];
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.prog_type = FILTER;
	a.insns = U64(p);
	a.insn_cnt = 2;
	a.license = U64("GPL");
	a.log_buf = U64(small);
	a.log_size = sizeof(small);
	ERR(bpf(BPF_PROG_LOAD, &a), EINVAL);	/* a buffer without a level */
	a.log_level = 2;
	ERR(bpf(BPF_PROG_LOAD, &a), ENOSPC);
	CHECK_LE(strlen(small), sizeof(small) - 1);
	a.log_level = 16;
	ERR(bpf(BPF_PROG_LOAD, &a), EINVAL);
	a.log_level = 1;
	a.log_buf = 0;
	ERR(bpf(BPF_PROG_LOAD, &a), EINVAL);
	a.log_size = 0;
	OK(bpf(BPF_PROG_LOAD, &a));
	a.license = U64(BAD_PTR);
	ERR(bpf(BPF_PROG_LOAD, &a), EFAULT);
	a.license = U64("GPL");
	a.insns = U64(BAD_PTR);
	ERR(bpf(BPF_PROG_LOAD, &a), EFAULT);
}

/* What is kept of each while they are looked at is more than one piece of the kernel's memory has. */
TEST(a_program_may_have_very_many_instructions)
{
	enum { MANY = 60000 };
	struct bpf_insn first[] = {
		LD_MAP(1, map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1)),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -4),
		ST(BPF_W, 10, -4, 0),
		CALL(BPF_FUNC_map_lookup_elem),
		JMP_IMM(BPF_JNE, 0, 0, 1),
		EXIT(),
		LDX(BPF_DW, 0, 0, 0),
	}, *p = calloc(MANY, sizeof(*p));
	size_t n = sizeof(first) / sizeof(*first);
	union bpf_attr a = prog_attr(FILTER, p, MANY);

	memcpy(p, first, sizeof(first));
	for (size_t k = n; k < MANY - 1; k++)
		p[k] = (struct bpf_insn)ALU64_IMM(BPF_ADD, 0, 1);
	p[MANY - 1] = (struct bpf_insn)EXIT();
	CHECK_EQ(prog_run((int)OK(bpf(BPF_PROG_LOAD, &a))), MANY - 1 - n);
	free(p);
}

/* --- packets ---------------------------------------------------------------------------------- */

TEST(a_filter_reads_the_packet)
{
	uint8_t data[64] = { 0 };
	struct bpf_insn p[] = {
		MOV64_REG(6, 1),
		INSN(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, 4),
		EXIT(),
	};
	struct bpf_insn len[] = { LDX(BPF_W, 0, 1, offsetof(struct __sk_buff, len)), EXIT() };
	int fd = prog_load(FILTER, p);

	data[14 + 4] = 0x12;
	data[14 + 5] = 0x34;
	CHECK_EQ(prog_run_data(fd, data, sizeof(data)), 0x1234);
	/* beyond the packet the program ends with 0 */
	CHECK_EQ(prog_run_data(fd, data, 14 + 5), 0);
	fd = prog_load(FILTER, len);
	CHECK_EQ(prog_run_data(fd, data, 40), 26);
}

TEST(skb_load_bytes)
{
	uint8_t data[64] = { 0 };
	struct bpf_insn p[] = {
		MOV64_IMM(2, 6),
		MOV64_REG(3, 10),
		ALU64_IMM(BPF_ADD, 3, -8),
		ST(BPF_DW, 10, -8, 0),
		MOV64_IMM(4, 4),
		CALL(BPF_FUNC_skb_load_bytes),
		JMP_IMM(BPF_JNE, 0, 0, 2),
		LDX(BPF_W, 0, 10, -8),
		EXIT(),
		MOV64_IMM(0, 7),
		EXIT(),
	};
	int fd = prog_load(FILTER, p);

	data[14 + 6] = 0x78;
	data[14 + 9] = 0x12;
	CHECK_EQ(prog_run_data(fd, data, sizeof(data)), 0x12000078);
	CHECK_EQ(prog_run_data(fd, data, 14 + 9), 7);
}

TEST(syscall_programs_have_their_context)
{
	struct bpf_insn p[] = {
		LDX(BPF_W, 0, 1, 0),
		ALU64_IMM(BPF_ADD, 0, 1),
		STX(BPF_W, 1, 0, 4),
		EXIT(),
	};
	int fd = prog_load_flags(BPF_PROG_TYPE_SYSCALL, p, 4, BPF_F_SLEEPABLE);
	uint32_t ctx[2] = { 41, 0 };
	union bpf_attr a;

	CHECK(fd >= 0);
	CHECK_EQ(prog_run_ctx(fd, ctx, sizeof(ctx)), 42);
	CHECK_EQ(ctx[1], 42);
	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.ctx_in = U64(ctx);
	a.test.ctx_size_in = 4;
	ERR(bpf(BPF_PROG_TEST_RUN, &a), EINVAL);
}

/* --- maps ------------------------------------------------------------------------------------- */

/* r0 = *lookup(map, &key), or 99; then the value is one more. */
static int counter_prog(int map, int key_size)
{
	struct bpf_insn p[] = {
		ST(BPF_DW, 10, -8, 1),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -8),
		LD_MAP(1, map),
		CALL(BPF_FUNC_map_lookup_elem),
		JMP_IMM(BPF_JEQ, 0, 0, 5),
		LDX(BPF_DW, 1, 0, 0),
		MOV64_REG(2, 1),
		ALU64_IMM(BPF_ADD, 2, 1),
		STX(BPF_DW, 0, 2, 0),
		JA(1),
		MOV64_IMM(1, 99),
		MOV64_REG(0, 1),
		EXIT(),
	};

	(void)key_size;
	return prog_load(FILTER, p);
}

static void counts(uint32_t type, uint32_t key_size, uint32_t flags)
{
	int map = (int)OK(map_create_flags(type, key_size, 8, 4, flags)),
	    fd = counter_prog(map, (int)key_size);
	uint64_t key = 1, values[64] = { 0 };

	if (type != BPF_MAP_TYPE_ARRAY && type != BPF_MAP_TYPE_PERCPU_ARRAY) {
		CHECK_EQ(prog_run(fd), 99);
		OK(map_update(map, &key, values, BPF_ANY));
	}
	close(map);	/* the program keeps it */
	for (uint32_t i = 0; i < 10; i++)
		CHECK_EQ(prog_run(fd), i);
	close(fd);
}

TEST(values_are_found_and_changed)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof(one), &one));
	counts(BPF_MAP_TYPE_ARRAY, 4, 0);
	counts(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 0);
	counts(BPF_MAP_TYPE_HASH, 4, 0);
	counts(BPF_MAP_TYPE_HASH, 8, 0);
	counts(BPF_MAP_TYPE_HASH, 8, BPF_F_NO_PREALLOC);
	counts(BPF_MAP_TYPE_PERCPU_HASH, 8, 0);
	counts(BPF_MAP_TYPE_LRU_HASH, 8, 0);
	counts(BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 0);
}

TEST(an_index_beyond_the_array_finds_nothing)
{
	int map = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1);

	CHECK_EQ(prog_run(counter_prog(map, 4)), 99);
}

TEST(programs_update_and_delete)
{
	int map = map_create(BPF_MAP_TYPE_HASH, 4, 8, 4);
	struct bpf_insn p[] = {
		ST(BPF_DW, 10, -8, 5),
		ST(BPF_DW, 10, -16, 77),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -8),
		MOV64_REG(3, 10),
		ALU64_IMM(BPF_ADD, 3, -16),
		LD_MAP(1, map),
		MOV64_IMM(4, BPF_NOEXIST),
		CALL(BPF_FUNC_map_update_elem),
		JMP_IMM(BPF_JEQ, 0, 0, 6),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -8),
		LD_MAP(1, map),
		CALL(BPF_FUNC_map_delete_elem),
		MOV64_IMM(0, 1),
		EXIT(),
	};
	int fd = prog_load(FILTER, p);
	uint32_t key = 5;
	uint64_t v;

	CHECK_EQ(prog_run(fd), 0);
	OK(map_lookup(map, &key, &v));
	CHECK_EQ(v, 77);
	CHECK_EQ(prog_run(fd), 1);
	ERR(map_lookup(map, &key, &v), ENOENT);
}

TEST(global_data)
{
	int map = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 64, 1, BPF_F_MMAPABLE));
	struct bpf_insn p[] = {
		LD_MAP_VALUE(1, map, 16),
		LDX(BPF_DW, 0, 1, 0),
		ALU64_IMM(BPF_ADD, 0, 3),
		STX(BPF_DW, 1, 0, 8),
		EXIT(),
	};
	uint64_t *mem = (void *)OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0));

	mem[2] = 39;
	CHECK_EQ(prog_run(prog_load(FILTER, p)), 42);
	CHECK_EQ(mem[3], 42);
}

TEST(maps_in_maps)
{
	int inner = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4,
			     .max_entries = 1, .inner_map_fd = (uint32_t)inner };
	int outer = (int)OK(bpf(BPF_MAP_CREATE, &a));
	struct bpf_insn p[] = {
		ST(BPF_W, 10, -4, 0),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -4),
		LD_MAP(1, outer),
		CALL(BPF_FUNC_map_lookup_elem),
		JMP_IMM(BPF_JEQ, 0, 0, 6),
		MOV64_REG(1, 0),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		JMP_IMM(BPF_JEQ, 0, 0, 1),
		LDX(BPF_DW, 0, 0, 0),
		EXIT(),
	};
	int fd = prog_load(FILTER, p);
	uint64_t v = 1234;
	uint32_t key = 0;

	OK(map_update(inner, &key, &v, BPF_ANY));
	CHECK_EQ(prog_run(fd), 0);
	OK(map_update(outer, &key, &inner, BPF_ANY));
	close(inner);
	CHECK_EQ(prog_run(fd), 1234);
	OK(map_delete(outer, &key));
	CHECK_EQ(prog_run(fd), 0);
}

TEST(a_ring_buffer_carries_records)
{
	int map = map_create(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	struct bpf_insn p[] = {
		LD_MAP(1, map),
		MOV64_IMM(2, 24),
		MOV64_IMM(3, 0),
		CALL(BPF_FUNC_ringbuf_reserve),
		JMP_IMM(BPF_JNE, 0, 0, 2),
		MOV64_IMM(0, 1),
		EXIT(),
		ST(BPF_DW, 0, 0, 111),
		ST(BPF_DW, 0, 8, 222),
		ST(BPF_DW, 0, 16, 333),
		MOV64_REG(1, 0),
		MOV64_IMM(2, 0),
		CALL(BPF_FUNC_ringbuf_submit),
		MOV64_IMM(0, 0),
		EXIT(),
	};
	struct bpf_insn q[] = {
		ST(BPF_DW, 10, -8, 5),
		LD_MAP(1, map),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -8),
		MOV64_IMM(3, 8),
		MOV64_IMM(4, 0),
		CALL(BPF_FUNC_ringbuf_output),
		EXIT(),
	};
	int fd = prog_load(FILTER, p), out = prog_load(FILTER, q), n = 0;
	volatile uint64_t *consumer =
		(void *)OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0));
	volatile uint64_t *producer =
		(void *)OK(mmap(NULL, PAGE + 2 * 4096, PROT_READ, MAP_SHARED, map, (off_t)PAGE));
	volatile char *data = (volatile char *)producer + PAGE;

	for (int round = 0; round < 5; round++) {
		/* 128 of 32 bytes would fill it, which never happens */
		for (n = 0; prog_run(fd) == 0; n++)
			;
		CHECK_EQ(n, 127);
		CHECK_EQ(*producer - *consumer, 127 * 32);
		CHECK_EQ(prog_run(out), 0);
		CHECK_EQ(prog_run(out), (uint32_t)-EAGAIN);
		while (*consumer + 16 < *producer) {
			volatile uint32_t *h = (volatile uint32_t *)(data + (*consumer & 4095));
			volatile uint64_t *rec = (volatile uint64_t *)(h + 2);

			CHECK_EQ(h[0], 24);
			CHECK_EQ(rec[0], 111);
			CHECK_EQ(rec[2], 333);
			*consumer += 32;
		}
		CHECK_EQ(*(volatile uint64_t *)(data + (*consumer & 4095) + 8), 5);
		*consumer += 16;
	}
}

/* --- calls ------------------------------------------------------------------------------------ */

TEST(functions_call_functions)
{
	struct bpf_insn p[] = {
		MOV64_IMM(1, 20),
		MOV64_IMM(2, 22),
		CALL_LOCAL(1),
		EXIT(),
		MOV64_REG(0, 1),
		ALU64_REG(BPF_ADD, 0, 2),
		EXIT(),
	};

	CHECK_EQ(prog_run(prog_load(FILTER, p)), 42);
}

TEST(tail_calls_end_after_33)
{
	int progs = map_create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2),
	    counter = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	struct bpf_insn p[] = {
		LD_MAP_VALUE(2, counter, 0),
		LDX(BPF_DW, 3, 2, 0),
		ALU64_IMM(BPF_ADD, 3, 1),
		STX(BPF_DW, 2, 3, 0),
		LD_MAP(2, progs),
		MOV64_IMM(3, 0),
		CALL(BPF_FUNC_tail_call),
		MOV64_IMM(0, 5),
		EXIT(),
	};
	struct bpf_insn xdp[] = { MOV64_IMM(0, 0), EXIT() };
	int fd = prog_load(FILTER, p), other = prog_load(BPF_PROG_TYPE_XDP, xdp);
	uint32_t key = 0, id;
	uint64_t n;

	CHECK_EQ(prog_run(fd), 5);
	OK(map_update(progs, &key, &fd, BPF_ANY));
	OK(map_lookup(progs, &key, &id));
	CHECK_EQ(prog_run(fd), 5);
	OK(map_lookup(counter, &key, &n));
	CHECK_EQ(n, 1 + 34);
	ERR(map_update(progs, &key, &other, BPF_ANY), EINVAL);
	ERR(map_update(progs, &key, &progs, BPF_ANY), EINVAL);
	/* nor may a program of another type call through it */
	ERR(prog_load_flags(BPF_PROG_TYPE_XDP, p, sizeof(p) / sizeof(*p), 0), EINVAL);
	OK(map_delete(progs, &key));
	ERR(map_delete(progs, &key), ENOENT);
	/* A program in an array that it uses itself: ends when the last descriptor does. */
	OK(map_update(progs, &key, &fd, BPF_ANY));
}

/* A function without arguments, three times; and what says where they begin. */
static struct all_types {
	struct btf_header h;
	struct btf_type i;
	uint32_t bits;
	struct btf_type proto, func[3];
	char names[24];
} types = {
	.h = {.magic = BTF_MAGIC,
	      .version = BTF_VERSION,
	      .hdr_len = sizeof(struct btf_header),
	      .type_len = 5 * sizeof(struct btf_type) + 4,
	      .str_off = 5 * sizeof(struct btf_type) + 4,
	      .str_len = 24},
	.i = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4},
	.bits = 32,
	.proto = {.info = BTF_KIND_FUNC_PROTO << 24, .type = 1},
	.func = {{.name_off = 5, .info = BTF_KIND_FUNC << 24, .type = 2},
		 {.name_off = 10, .info = BTF_KIND_FUNC << 24, .type = 2},
		 {.name_off = 14, .info = BTF_KIND_FUNC << 24, .type = 2}},
	.names = "\0int\0main\0add\0add_value",
};

static int load_types(const void *btf, uint32_t size)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf = U64(btf);
	a.btf_size = size;
	return (int)bpf(BPF_BTF_LOAD, &a);
}

static int load_with_types(const struct bpf_insn *p, size_t n, const struct bpf_func_info *f,
			   uint32_t nf)
{
	union bpf_attr a = prog_attr(FILTER, p, n);
	int fd;

	prog_attr_log(&a);
	prog_attr_funcs(&a, (int)OK(load_types(&types, offsetof(__typeof__(types), names) + 24)), f,
			nf);
	fd = (int)bpf(BPF_PROG_LOAD, &a);
	if (fd < 0)
		FAIL("load: %s\n%s", strerror(errno), bpf_log_text);
	close((int)a.prog_btf_fd);
	return fd;
}

/* A tail call from a function that succeeds goes on in the function's place: what the other program
 * returns is what the caller gets. */
TEST(tail_call_of_a_function_returns_to_its_caller)
{
	int progs = map_create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1);
	struct bpf_insn p[] = {
		CALL_LOCAL(3),
		JMP_IMM(BPF_JEQ, 0, 5, 1),
		MOV64_IMM(0, 2),
		EXIT(),
		LD_MAP(2, progs),
		MOV64_IMM(3, 0),
		CALL(BPF_FUNC_tail_call),
		MOV64_IMM(0, 5),
		EXIT(),
	};
	struct bpf_insn other[] = { MOV64_IMM(0, 7), EXIT() };
	struct bpf_func_info f[] = { { 0, 3 }, { 4, 4 } };
	int fd, seven = prog_load(FILTER, other);
	uint32_t key = 0;

	fd = load_with_types(p, sizeof(p) / sizeof(*p), f, 2);
	CHECK_EQ(prog_run(fd), 5);
	OK(map_update(progs, &key, &seven, BPF_ANY));
	CHECK_EQ(prog_run(fd), 2);
}

/* So the caller's frame stays while the other program runs, 33 times in all: with as much stack as
 * is allowed above a tail call, and all registers in use. */
TEST(tail_calls_of_functions_have_stack_enough)
{
	int progs = map_create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1),
	    counter = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	struct bpf_insn p[] = {
		MOV64_IMM(6, 6),
		MOV64_IMM(7, 7),
		MOV64_IMM(8, 8),
		MOV64_REG(9, 1),
		ST(BPF_DW, 10, -240, 0),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -240),
		LD_MAP(1, counter),
		CALL(BPF_FUNC_map_lookup_elem),
		JMP_IMM(BPF_JEQ, 0, 0, 3),
		LDX(BPF_DW, 3, 0, 0),
		ALU64_IMM(BPF_ADD, 3, 1),
		STX(BPF_DW, 0, 3, 0),
		MOV64_REG(1, 9),
		CALL_LOCAL(5),
		ALU64_REG(BPF_ADD, 0, 6),
		ALU64_REG(BPF_ADD, 0, 7),
		ALU64_REG(BPF_ADD, 0, 8),
		LDX(BPF_DW, 1, 10, -240),
		EXIT(),
		LD_MAP(2, progs),
		MOV64_IMM(3, 0),
		CALL(BPF_FUNC_tail_call),
		MOV64_IMM(0, 0),
		EXIT(),
	};
	struct bpf_func_info f[] = { { 0, 3 }, { 21, 4 } };
	int fd = load_with_types(p, sizeof(p) / sizeof(*p), f, 2);
	int pair[2];
	uint32_t key = 0;
	uint64_t n;

	OK(map_update(progs, &key, &fd, BPF_ANY));
	CHECK_EQ(prog_run(fd), 34 * 21);
	OK(map_lookup(counter, &key, &n));
	CHECK_EQ(n, 34);
	/* also below a system call that goes deeper itself */
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	OK(setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)));
	CHECK_EQ(OK(send(pair[1], &n, sizeof(n), 0)), sizeof(n));
	OK(map_lookup(counter, &key, &n));
	CHECK_EQ(n, 2 * 34);
	OK(map_delete(progs, &key));
}

TEST(types_are_checked)
{
	struct all_types t = types;
	uint32_t size = sizeof(t.h) + t.h.type_len + t.h.str_len, len;
	struct bpf_btf_info info;
	char back[256];
	int fd = (int)OK(load_types(&t, size));

	memset(&info, 0, sizeof(info));
	info.btf = U64(back);
	info.btf_size = sizeof(back);
	len = sizeof(info);
	OK(obj_info(fd, &info, &len));
	CHECK_EQ(info.btf_size, size);
	CHECK(!memcmp(back, &t, size));
	t.h.magic++;
	ERR(load_types(&t, size), EINVAL);
	t = types;
	t.func[0].type = 99;
	ERR(load_types(&t, size), EINVAL);
	t = types;
	t.func[0].info = 31u << 24;
	ERR(load_types(&t, size), EINVAL);
	t = types;
	t.proto.info = BTF_KIND_TYPEDEF << 24;
	t.proto.name_off = 1;
	t.proto.type = 2;	/* itself */
	t.func[0].info = t.func[1].info = t.func[2].info = BTF_KIND_TYPEDEF << 24;
	ERR(load_types(&t, size), EEXIST);
	t = types;
	ERR(load_types(&t, size - 1), EINVAL);
	ERR(load_types(&t, 4), EINVAL);
	t.names[23] = 'x';
	ERR(load_types(&t, size), EINVAL);
}

TEST(callbacks)
{
	struct bpf_func_info info[] = { { 0, 3 }, { 18, 4 }, { 23, 5 } };
	int map = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 8);
	struct bpf_insn p[] = {
		/* loop(10, add, &sum, 0) */
		ST(BPF_DW, 10, -8, 0),
		MOV64_IMM(1, 10),
		LD_FUNC(2, 15),
		MOV64_REG(3, 10),
		ALU64_IMM(BPF_ADD, 3, -8),
		MOV64_IMM(4, 0),
		CALL(BPF_FUNC_loop),
		/* for_each_map_elem(map, add_value, &sum, 0) */
		LD_MAP(1, map),
		LD_FUNC(2, 11),
		MOV64_REG(3, 10),
		ALU64_IMM(BPF_ADD, 3, -8),
		MOV64_IMM(4, 0),
		CALL(BPF_FUNC_for_each_map_elem),
		LDX(BPF_DW, 0, 10, -8),
		EXIT(),
		/* add(index, sum) */
		LDX(BPF_DW, 3, 2, 0),
		ALU64_REG(BPF_ADD, 3, 1),
		STX(BPF_DW, 2, 3, 0),
		MOV64_IMM(0, 0),
		EXIT(),
		/* add_value(map, key, value, sum) */
		LDX(BPF_DW, 1, 4, 0),
		LDX(BPF_DW, 2, 3, 0),
		ALU64_REG(BPF_ADD, 1, 2),
		STX(BPF_DW, 4, 1, 0),
		MOV64_IMM(0, 0),
		EXIT(),
	};
	int fd;

	/* counted from the instruction behind each: add is at 18, add_value at 23 */
	p[2].imm = 18 - 3;
	p[10].imm = 23 - 11;
	fd = load_with_types(p, sizeof(p) / sizeof(*p), info, 3);
	for (uint32_t key = 0; key < 8; key++) {
		uint64_t v = 100;

		OK(map_update(map, &key, &v, BPF_ANY));
	}
	CHECK_EQ(prog_run(fd), 45 + 800);
}

/* A global function that nobody calls is neither verified nor kept. */
TEST(functions_that_are_not_called)
{
	struct all_types t = types;
	struct bpf_func_info info[] = { { 0, 3 }, { 4, 4 } };
	struct bpf_insn p[] = {
		MOV64_IMM(0, 1),
		JMP_IMM(BPF_JEQ, 0, 1, 1),
		CALL_LOCAL(1),
		EXIT(),
		MOV64_REG(0, 9),	/* not initialised */
		EXIT(),
	};
	int fd;

	types.func[1].info |= BTF_FUNC_GLOBAL;
	fd = load_with_types(p, sizeof(p) / sizeof(*p), info, 2);
	types = t;
	CHECK_LE(prog_insns(fd), 3);
	CHECK_EQ(prog_run(fd), 1);
}

/* The kernel calls the first function: what it is declared to take is not asked. */
TEST(main_may_be_declared_anyhow)
{
	static const struct {
		struct btf_header h;
		struct btf_type i;
		uint32_t bits;
		struct btf_type ptr, proto;
		struct btf_param arg[2];
		struct btf_type func;
		char names[12];
	} t = {
		.h = {.magic = BTF_MAGIC,
		      .version = BTF_VERSION,
		      .hdr_len = sizeof(struct btf_header),
		      .type_len = offsetof(__typeof__(t), names) - sizeof(struct btf_header),
		      .str_off = offsetof(__typeof__(t), names) - sizeof(struct btf_header),
		      .str_len = 12},
		.i = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4},
		.bits = 32,
		.ptr = {.info = BTF_KIND_PTR << 24},	/* void * */
		.proto = {.info = BTF_KIND_FUNC_PROTO << 24 | 2, .type = 2},
		.arg = {{.name_off = 5, .type = 2}, {.name_off = 5, .type = 2}},
		.func = {.name_off = 5, .info = BTF_KIND_FUNC << 24 | BTF_FUNC_GLOBAL, .type = 3},
		.names = "\0int\0main",
	};
	static const struct bpf_insn p[] = { MOV64_IMM(0, 42), EXIT() };
	static const uint32_t types[] = { FILTER, BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SYSCALL };
	struct bpf_func_info info = { 0, 4 };
	int btf = (int)OK(load_types(&t, sizeof(t)));

	for (int i = 0; i < 3; i++) {
		union bpf_attr a = prog_attr(types[i], p, 2);

		prog_attr_funcs(&a, btf, &info, 1);
		a.prog_flags = types[i] == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
		close((int)OK(bpf(BPF_PROG_LOAD, &a)));
		info.type_id = 3;	/* but it has to be a function */
		ERR(bpf(BPF_PROG_LOAD, &a), EINVAL);
		info.type_id = 4;
	}
}

/* --- looking at programs ---------------------------------------------------------------------- */

TEST(programs_have_numbers)
{
	int map = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	int fd = counter_prog(map, 4), again;
	struct bpf_prog_info info;
	struct bpf_map_info minfo;
	uint32_t len = sizeof(info), mlen = sizeof(minfo), ids[4] = { 0 };
	struct bpf_insn xlated[64];
	union bpf_attr a;

	memset(&info, 0, sizeof(info));
	memset(&minfo, 0, sizeof(minfo));
	info.nr_map_ids = 4;
	info.map_ids = U64(ids);
	info.xlated_prog_insns = U64(xlated);
	info.xlated_prog_len = sizeof(xlated);
	OK(obj_info(fd, &info, &len));
	OK(obj_info(map, &minfo, &mlen));
	CHECK_EQ(info.type, FILTER);
	CHECK_STR(info.name, "test_prog");
	CHECK_EQ(info.nr_map_ids, 1);
	CHECK_EQ(ids[0], minfo.id);
	CHECK_EQ(info.gpl_compatible, 1);
	CHECK_GE(info.jited_prog_len, 16);
	CHECK_GE(info.xlated_prog_len, 8 * 10);
	memset(&a, 0, sizeof(a));
	a.prog_id = info.id;
	again = (int)OK(bpf(BPF_PROG_GET_FD_BY_ID, &a));
	CHECK_EQ(prog_run(again), 99);	/* key 1 is beyond the map of one */
	close(fd);
	close(again);
	for (int i = 0; bpf(BPF_PROG_GET_FD_BY_ID, &a) >= 0; i++) {
		CHECK(i < 1000);
		check_sleep_ms(1);
	}
	CHECK_EQ(errno, ENOENT);
}

TEST(kallsyms_names_programs)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 42), EXIT() };
	int fd = prog_load(FILTER, p);
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);
	char want[128], line[512];
	bool found = false;
	FILE *f;

	memset(&info, 0, sizeof(info));
	OK(obj_info(fd, &info, &len));
	snprintf(want, sizeof(want), "bpf_prog_%02x%02x%02x%02x%02x%02x%02x%02x_test_prog\t[bpf]",
		 info.tag[0], info.tag[1], info.tag[2], info.tag[3], info.tag[4], info.tag[5],
		 info.tag[6], info.tag[7]);
	f = fopen("/proc/kallsyms", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, want) != NULL;
	fclose(f);
	if (!found && !check_on_tine())
		SKIP("net.core.bpf_jit_kallsyms is off");
	CHECK(found);
}

/* --- sockets ---------------------------------------------------------------------------------- */

/* What begins with 'x' is dropped, of 'y' two bytes are left. */
static int packet_filter(void)
{
	struct bpf_insn p[] = {
		MOV64_REG(6, 1),
		INSN(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 0),
		JMP_IMM(BPF_JEQ, 0, 'x', 4),
		JMP_IMM(BPF_JEQ, 0, 'y', 1),
		JA(4),
		MOV64_IMM(0, 2),
		EXIT(),
		MOV64_IMM(0, 0),
		EXIT(),
		MOV64_IMM(0, -1),
		EXIT(),
	};

	return prog_load(FILTER, p);
}

static void filtered(int type)
{
	int s[2], fd = packet_filter(), none = -1, bad, one = 1, zero = 0;
	struct bpf_insn xdp[] = { MOV64_IMM(0, 0), EXIT() };
	char buf[16];

	OK(socketpair(AF_UNIX, type, 0, s));
	ERR(setsockopt(s[1], SOL_SOCKET, SO_DETACH_BPF, &zero, sizeof(zero)), ENOENT);
	ERR(setsockopt(s[1], SOL_SOCKET, SO_ATTACH_BPF, &none, sizeof(none)), EBADF);
	bad = prog_load(BPF_PROG_TYPE_XDP, xdp);
	ERR(setsockopt(s[1], SOL_SOCKET, SO_ATTACH_BPF, &bad, sizeof(bad)), EINVAL);
	OK(setsockopt(s[1], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)));
	close(fd);	/* the socket keeps it */
	CHECK_EQ(OK(send(s[0], "xabc", 4, 0)), 4);
	CHECK_EQ(OK(send(s[0], "yabc", 4, 0)), 4);
	CHECK_EQ(OK(send(s[0], "zabc", 4, 0)), 4);
	CHECK_EQ(OK(recv(s[1], buf, sizeof(buf), MSG_DONTWAIT)), 2);
	CHECK(!memcmp(buf, "ya", 2));
	CHECK_EQ(OK(recv(s[1], buf, sizeof(buf), MSG_DONTWAIT)), 4);
	CHECK(!memcmp(buf, "zabc", 4));
	ERR(recv(s[1], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(OK(send(s[1], "xabc", 4, 0)), 4);	/* the other way there is none */
	CHECK_EQ(OK(recv(s[0], buf, sizeof(buf), MSG_DONTWAIT)), 4);
	fd = packet_filter();
	OK(setsockopt(s[1], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)));
	OK(setsockopt(s[1], SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)));
	ERR(setsockopt(s[1], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)), EPERM);
	ERR(setsockopt(s[1], SOL_SOCKET, SO_DETACH_BPF, &zero, sizeof(zero)), EPERM);
	ERR(setsockopt(s[1], SOL_SOCKET, SO_LOCK_FILTER, &zero, sizeof(zero)), EPERM);
	OK(setsockopt(s[0], SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)));
	OK(setsockopt(s[0], SOL_SOCKET, SO_DETACH_BPF, &zero, sizeof(zero)));
	CHECK_EQ(OK(send(s[1], "xabc", 4, 0)), 4);
	CHECK_EQ(OK(recv(s[0], buf, sizeof(buf), MSG_DONTWAIT)), 4);
	close(s[0]);
	close(s[1]);
	close(fd);
	close(bad);
}

TEST(sockets_filter_what_they_get)
{
	filtered(SOCK_DGRAM);
	filtered(SOCK_SEQPACKET);
}

TEST(settings)
{
	char buf[64];

	check_read_file("/proc/sys/net/core/bpf_jit_enable", buf, sizeof(buf));
	CHECK_STR(buf, "1\n");
	check_read_file("/proc/sys/net/core/bpf_jit_limit", buf, sizeof(buf));
	CHECK_GE(atol(buf), 1 << 20);
	check_read_file("/proc/sys/kernel/unprivileged_bpf_disabled", buf, sizeof(buf));
	CHECK_NE(atoi(buf), 0);
}

/* No constant of the program appears in its code, and it computes the same. */
TEST(hardened_programs_compute_the_same)
{
	struct bpf_insn p[] = {
		MOV64_IMM(0, 0x12345678),
		ALU64_IMM(BPF_XOR, 0, 0x0f0f0f0f),
		JMP_IMM(BPF_JEQ, 0, 0x12345678 ^ 0x0f0f0f0f, 1),
		MOV64_IMM(0, 1),
		EXIT(),
	};
	const char *harden = "/proc/sys/net/core/bpf_jit_harden";
	char was[16];
	uint32_t r;

	check_read_file(harden, was, sizeof(was));
	check_write_file(harden, "2");
	r = prog_run(prog_load(FILTER, p));
	check_write_file(harden, was);
	CHECK_EQ(r, 0x12345678 ^ 0x0f0f0f0f);
}

TEST(the_kernels_types_have_a_number)
{
	union bpf_attr a = { .btf_id = 1 };
	struct bpf_btf_info info = { 0 };
	char name[16] = "", small[4] = "";
	uint32_t len = sizeof(info);
	struct stat st;
	int fd;

	if (stat("/sys/kernel/btf/vmlinux", &st))
		SKIP("no types in this kernel");
	fd = (int)OK(bpf(BPF_BTF_GET_FD_BY_ID, &a));
	info.name = U64(name);
	info.name_len = sizeof(name);
	OK(obj_info(fd, &info, &len));
	CHECK_STR(name, "vmlinux");
	CHECK_EQ(info.name_len, 7);
	CHECK_EQ(info.kernel_btf, 1);
	CHECK_EQ(info.id, 1);
	CHECK_EQ(info.btf_size, st.st_size);
	memset(&info, 0, sizeof(info));
	len = sizeof(info);
	info.name = U64(small);
	info.name_len = sizeof(small);
	ERR(obj_info(fd, &info, &len), ENOSPC);
	CHECK_STR(small, "vml");
	memset(&a, 0, sizeof(a));
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = a.value_size = 4;
	a.max_entries = 1;
	a.btf_fd = (uint32_t)fd;
	a.btf_key_type_id = a.btf_value_type_id = 1;
	ERR(bpf(BPF_MAP_CREATE, &a), EACCES);
}

/* --- many at once ----------------------------------------------------------------------------- */

static volatile int stop;

static void *loader(void *arg)
{
	for (int i = 0; !stop; i++) {
		int k = i % 1000 + (int)(long)arg * 1000;
		struct bpf_insn p[] = { MOV64_IMM(0, k), EXIT() };
		int fd = prog_load_flags(FILTER, p, 2, 0);

		if (fd < 0 || prog_run(fd) != (uint32_t)k)
			return (void *)1;
		close(fd);
	}
	return NULL;
}

TEST_TIMEOUT(loading_and_closing_from_four_threads, 120)
{
	const char *wx = "/sys/kernel/debug/tine/wx";
	bool tine = access(wx, R_OK) == 0;
	long long until = check_now() + 2 * SEC;
	pthread_t t[4];
	void *failed;
	char buf[4096];

	for (long i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, loader, (void *)i));
	while (check_now() < until) {
		if (!tine) {
			check_sleep_ms(10);
			continue;
		}
		check_read_file(wx, buf, sizeof(buf));
		CHECK(!strncmp(buf, "ok 0 violations", 15));
	}
	stop = 1;
	for (int i = 0; i < 4; i++) {
		CHECK(!pthread_join(t[i], &failed));
		CHECK(!failed);
	}
}

TEST(a_thousand_programs_share_a_block)
{
	enum { N = 900 };	/* descriptors are 1024 */
	int fds[N];
	char buf[4096];

	for (int i = 0; i < N; i++) {
		struct bpf_insn p[] = { MOV64_IMM(0, i), EXIT() };

		fds[i] = prog_load(FILTER, p);
	}
	for (int i = 0; i < N; i += 7)
		CHECK_EQ(prog_run(fds[i]), i);
	if (!access("/sys/kernel/debug/tine/execmem", R_OK)) {
		check_read_file("/sys/kernel/debug/tine/execmem", buf, sizeof(buf));
		CHECK(!strncmp(buf, "blocks 1\n", 9));
	}
	for (int i = 0; i < N; i++)
		close(fds[i]);
}
