/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers in map values (bpf-helpers(7): bpf_timer_init and what follows). As root. */
#include "bpf.h"

#include "../bpf/btf_cases.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#define ENOTSUPP	524
#define TIMER_ABS	1u
#define TIMER_CPU_PIN	2u

struct value {
	uint64_t count;
	uint64_t timer[2];
	uint64_t period, mode;
	int64_t result;
	uint64_t when;		/* the callback's ktime */
	uint32_t cpu, key;	/* where it ran, the key that it was told */
};
/* What the callback does, beside that it counts. */
enum { AGAIN = 1, CANCELS_ITSELF = 2, DELETES_ITSELF = 4, WORKS = 8, CANCELS_OTHER = 16 };
#define NO_RESULT 12345	/* yet */

struct request {
	uint32_t op, key;
	uint64_t ns, flags;
	int64_t result;
};
/* All that are asked for, in this order. */
enum { DELETE = 1, INIT = 2, SET = 4, START = 8, CANCEL = 16 };

/* --- types: a value, and the functions main, callback, loop body ------------------------------- */

enum { T_INT = 1, T_LONG, T_TIMER, T_VALUE, T_PROTO, T_MAIN, T_CALLBACK, T_BODY };
static const struct btf_case types = { "", WORDS(
	INT32(NAME('i')), INT_OF(NAME('l'), 8, 64),
	STRUCT(NAME_TIMER, 2, 16), MEMBER(NAME('a'), T_LONG, 0), MEMBER(NAME('b'), T_LONG, 64),
	STRUCT(NAME('v'), 3, 64), MEMBER(NAME('c'), T_LONG, 0), MEMBER(NAME('t'), T_TIMER, 64),
	MEMBER(NAME('p'), T_LONG, 192),
	PROTO(T_INT, 0), FUNC(NAME('m'), 0, T_PROTO), FUNC(NAME('f'), 0, T_PROTO),
	FUNC(NAME('g'), 0, T_PROTO)), 0, "" };

static int load_types(void)
{
	static uint8_t blob[4096];
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf = U64(blob);
	a.btf_size = btf_case_blob(&types, blob, sizeof(blob));
	return (int)OK(bpf(BPF_BTF_LOAD, &a));
}

static int try_map(uint32_t type, uint32_t flags)
{
	union bpf_attr a;
	int fd, btf = load_types();

	memset(&a, 0, sizeof(a));
	a.map_type = type;
	a.key_size = 4;
	a.value_size = sizeof(struct value);
	a.max_entries = 8;
	a.map_flags = flags;
	a.btf_fd = (uint32_t)btf;
	a.btf_key_type_id = T_INT;
	a.btf_value_type_id = T_VALUE;
	fd = (int)bpf(BPF_MAP_CREATE, &a);
	close(btf);
	return fd;
}

/* --- the program ------------------------------------------------------------------------------ */

static struct bpf_insn code[256];
static int n;

#define EMIT(...) APPEND(code, n, __VA_ARGS__)

static int jump(struct bpf_insn i)
{
	code[n] = i;
	return n++;
}
static void land(int from) { code[from].off = (int16_t)(n - from - 1); }

#define VALUE(field)	((int16_t)offsetof(struct value, field))
#define REQUEST(field)	((int16_t)offsetof(struct request, field))
#define TIMER_OF(reg)	MOV64_REG(1, reg), ALU64_IMM(BPF_ADD, 1, VALUE(timer))

/* Leaves r7 = the value of the key at fp-4, goes on behind the returned jump if there is none. */
static int lookup(int map)
{
	EMIT(LD_MAP(1, map), MOV64_REG(2, 10), ALU64_IMM(BPF_ADD, 2, -4),
	     CALL(BPF_FUNC_map_lookup_elem));
	EMIT(MOV64_REG(7, 0));
	return jump(JMP_IMM(BPF_JEQ, 0, 0, 0));
}

/* if (r8 & what) { ... } */
static int unless(int what)
{
	int set = jump(JMP_IMM(BPF_JSET, 8, what, 0)), clear = jump(JA(0));

	land(set);
	return clear;
}

static int emit_main(int map)
{
	int none, skip, func;

	EMIT(MOV64_REG(6, 1), LDX(BPF_W, 1, 6, REQUEST(key)), STX(BPF_W, 10, 1, -4));
	none = lookup(map);
	EMIT(LDX(BPF_W, 8, 6, REQUEST(op)), MOV64_IMM(0, 0));
	skip = unless(DELETE);
	EMIT(LD_MAP(1, map), MOV64_REG(2, 10), ALU64_IMM(BPF_ADD, 2, -4),
	     CALL(BPF_FUNC_map_delete_elem));
	land(skip);
	skip = unless(INIT);
	EMIT(TIMER_OF(7), LD_MAP(2, map), LDX(BPF_DW, 3, 6, REQUEST(flags)), CALL(BPF_FUNC_timer_init));
	land(skip);
	skip = unless(SET);
	EMIT(TIMER_OF(7));
	func = n;
	EMIT(LD_FUNC(2, 0), CALL(BPF_FUNC_timer_set_callback));
	land(skip);
	skip = unless(START);
	EMIT(TIMER_OF(7), LDX(BPF_DW, 2, 6, REQUEST(ns)), LDX(BPF_DW, 3, 6, REQUEST(flags)),
	     CALL(BPF_FUNC_timer_start));
	land(skip);
	skip = unless(CANCEL);
	EMIT(TIMER_OF(7), CALL(BPF_FUNC_timer_cancel));
	land(skip);
	skip = jump(JA(0));
	land(none);
	EMIT(MOV64_IMM(0, -ENOENT));
	land(skip);
	EMIT(STX(BPF_DW, 6, 0, REQUEST(result)), MOV64_IMM(0, 0), EXIT());
	return func;
}

/* An array of one: whether a callback that worked found its value changed behind it, and how many
 * did work. */
static int verdict;
struct verdict { uint64_t changed, worked; };

/* (map, key, value) */
static int emit_callback(int map, bool deletes)
{
	int skip, func, none;

	EMIT(MOV64_REG(9, 1), MOV64_REG(6, 2), MOV64_REG(7, 3), CALL(BPF_FUNC_ktime_get_ns),
	     STX(BPF_DW, 7, 0, VALUE(when)), STX(BPF_DW, 10, 0, -32), CALL(BPF_FUNC_get_smp_processor_id),
	     STX(BPF_W, 7, 0, VALUE(cpu)), LDX(BPF_W, 1, 6, 0), STX(BPF_W, 7, 1, VALUE(key)),
	     /* who waits for the count looks at those, so it comes last, and with order */
	     MOV64_IMM(1, 1), INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 7, 1, 0, BPF_ADD | BPF_FETCH),
	     /* nobody's call: these have to answer something */
	     CALL(BPF_FUNC_get_current_uid_gid), CALL(BPF_FUNC_get_current_pid_tgid), MOV64_REG(1, 10),
	     ALU64_IMM(BPF_ADD, 1, -16), MOV64_IMM(2, 16), CALL(BPF_FUNC_get_current_comm), MOV64_REG(1, 10),
	     ALU64_IMM(BPF_ADD, 1, -16), MOV64_IMM(2, 8), MOV64_IMM(3, 4096), CALL(BPF_FUNC_probe_read_user),
	     LDX(BPF_DW, 8, 7, VALUE(mode)));
	skip = unless(WORKS);
	EMIT(LDX(BPF_DW, 1, 7, VALUE(period)));
	func = n;
	EMIT(LD_FUNC(2, 0), MOV64_IMM(3, 0), MOV64_IMM(4, 0), CALL(BPF_FUNC_loop),
	     ST(BPF_DW, 7, VALUE(result), 1),
	     LDX(BPF_DW, 1, 7, VALUE(when)), LDX(BPF_DW, 2, 10, -32), JMP_REG(BPF_JEQ, 1, 2, 3),
	     LD_MAP_VALUE(1, verdict, 0), ST(BPF_DW, 1, 0, 1),
	     LD_MAP_VALUE(1, verdict, 8), MOV64_IMM(2, 1), INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 2, 0, BPF_ADD));
	land(skip);
	skip = unless(AGAIN);
	EMIT(TIMER_OF(7), LDX(BPF_DW, 2, 7, VALUE(period)), MOV64_IMM(3, 0), CALL(BPF_FUNC_timer_start));
	land(skip);
	skip = unless(CANCELS_ITSELF);
	EMIT(TIMER_OF(7), CALL(BPF_FUNC_timer_cancel), STX(BPF_DW, 7, 0, VALUE(result)));
	land(skip);
	if (deletes) {
		skip = unless(DELETES_ITSELF);
		EMIT(LD_MAP(1, map), MOV64_REG(2, 6), CALL(BPF_FUNC_map_delete_elem));
		land(skip);
	}
	skip = unless(CANCELS_OTHER);
	EMIT(LDX(BPF_W, 1, 6, 0), ALU64_IMM(BPF_XOR, 1, 1), STX(BPF_W, 10, 1, -4), MOV64_REG(9, 7));
	none = lookup(map);
	EMIT(TIMER_OF(7), CALL(BPF_FUNC_timer_cancel), STX(BPF_DW, 9, 0, VALUE(result)));
	land(none);
	land(skip);
	EMIT(MOV64_IMM(0, 0), EXIT());
	return func;
}

static int load(int map)
{
	struct bpf_func_info f[3] = { { 0, T_MAIN }, { 0, T_CALLBACK }, { 0, T_BODY } };
	int set, loop, fd;
	union bpf_attr a;

	if (!verdict)
		verdict = map_create(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct verdict), 1);
	n = 0;
	set = emit_main(map);
	code[set].imm = n - set - 1;
	f[1].insn_off = (uint32_t)n;
	loop = emit_callback(map, true);
	code[loop].imm = n - loop - 1;
	f[2].insn_off = (uint32_t)n;
	EMIT(MOV64_IMM(0, 0), EXIT());
	a = prog_attr(BPF_PROG_TYPE_SYSCALL, code, (size_t)n);
	prog_attr_log(&a);
	a.prog_flags = BPF_F_SLEEPABLE;
	prog_attr_funcs(&a, load_types(), f, 3);
	fd = (int)bpf(BPF_PROG_LOAD, &a);
	if (fd < 0)
		FAIL("load: %s\n%s", strerror(errno), bpf_log_text);
	close((int)a.prog_btf_fd);
	return fd;
}

/* --- asking it -------------------------------------------------------------------------------- */

static int64_t ask(int prog, struct request q)
{
	prog_run_ctx(prog, &q, sizeof(q));
	return q.result;
}
#define ASK(prog, ...) ask(prog, (struct request){ __VA_ARGS__ })

static struct value value_of(int map, uint32_t key)
{
	struct value v;

	OK(map_lookup(map, &key, &v));
	return v;
}

static void put(int map, uint32_t key, uint64_t period, uint64_t mode)
{
	struct value v = { .period = period, .mode = mode, .result = NO_RESULT };

	OK(map_update(map, &key, &v, BPF_ANY));
}

/* A timer with its callback, not started. */
static void make(int map, int prog, uint32_t key, uint64_t period, uint64_t mode)
{
	put(map, key, period, mode);
	CHECK_EQ(ASK(prog, INIT, key, .flags = CLOCK_MONOTONIC), 0);
	CHECK_EQ(ASK(prog, SET, key), 0);
}

static void wait_count(int map, uint32_t key, uint64_t at_least)
{
	long long until = check_now() + 20 * SEC;

	while (value_of(map, key).count < at_least) {
		if (check_now() > until)
			FAIL("key %u: %llu, not %llu", key, (unsigned long long)value_of(map, key).count,
			     (unsigned long long)at_least);
		check_sleep_ms(1);
	}
}

static const struct { uint32_t type, flags; } kinds[] = {
	{ BPF_MAP_TYPE_ARRAY, 0 }, { BPF_MAP_TYPE_HASH, 0 },
	{ BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC }, { BPF_MAP_TYPE_LRU_HASH, 0 },
};
#define EACH_KIND for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)

static uint32_t id_of_prog(int fd)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	OK(obj_info(fd, &info, &len));
	return info.id;
}

static void wait_prog_gone(uint32_t id)
{
	union bpf_attr a;
	int fd;

	memset(&a, 0, sizeof(a));
	a.prog_id = id;
	for (int i = 0; (fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &a)) >= 0; i++) {
		close(fd);
		CHECK(i < 5000);
		check_sleep_ms(1);
	}
	CHECK_EQ(errno, ENOENT);
}

TEST(where_timers_may_be)
{
	int fd;

	EACH_KIND {
		fd = (int)OK(try_map(kinds[k].type, kinds[k].flags));
		close(fd);
		ERR(try_map(kinds[k].type, kinds[k].flags | BPF_F_RDONLY_PROG), EACCES);
	}
	ERR(try_map(BPF_MAP_TYPE_PERCPU_ARRAY, 0), EOPNOTSUPP);
	ERR(try_map(BPF_MAP_TYPE_PERCPU_HASH, 0), EOPNOTSUPP);
	fd = (int)OK(try_map(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE));
	ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENOTSUPP);
	ERR(bpf(BPF_MAP_FREEZE, &(union bpf_attr){ .map_fd = (uint32_t)fd }), ENOTSUPP);
}

TEST(states)
{
	EACH_KIND {
		int map = (int)OK(try_map(kinds[k].type, kinds[k].flags)), prog = load(map);

		put(map, 1, 0, 0);
		CHECK_EQ(ASK(prog, START, 1), -EINVAL);
		CHECK_EQ(ASK(prog, SET, 1), -EINVAL);
		CHECK_EQ(ASK(prog, CANCEL, 1), -EINVAL);
		CHECK_EQ(ASK(prog, INIT, 1, .flags = CLOCK_PROCESS_CPUTIME_ID), -EINVAL);
		CHECK_EQ(ASK(prog, INIT, 1, .flags = 1ull << 32), -EINVAL);
		CHECK_EQ(ASK(prog, INIT, 1, .flags = CLOCK_MONOTONIC), 0);
		CHECK_EQ(ASK(prog, INIT, 1, .flags = CLOCK_MONOTONIC), -EBUSY);
		CHECK_EQ(ASK(prog, START, 1), -EINVAL);	/* no callback */
		CHECK_EQ(ASK(prog, CANCEL, 1), 0);
		CHECK_EQ(ASK(prog, SET, 1), 0);
		CHECK_EQ(ASK(prog, START, 1, .flags = 4), -EINVAL);
		CHECK_EQ(ASK(prog, START, 1), 0);
		wait_count(map, 1, 1);
		CHECK_EQ(value_of(map, 1).key, 1);
		CHECK_EQ(ASK(prog, START, 1), 0);
		wait_count(map, 1, 2);
		CHECK_EQ(ASK(prog, CANCEL, 1), 0);
		CHECK_EQ(ASK(prog, START, 1), -EINVAL);	/* the callback has gone with it */
		CHECK_EQ(ASK(prog, SET, 1), 0);
		CHECK_EQ(ASK(prog, START, 1, 30 * SEC), 0);
		CHECK_EQ(ASK(prog, CANCEL, 1), 1);
		CHECK_EQ(value_of(map, 1).count, 2);
		CHECK_EQ(value_of(map, 1).timer[0], 0);	/* nobody sees it */
		CHECK_EQ(value_of(map, 1).timer[1], 0);
		close(prog);
		close(map);
	}
}

static long long clock_of(int clock)
{
	struct timespec t;

	OK(clock_gettime(clock, &t));
	return t.tv_sec * SEC + t.tv_nsec;
}

TEST(times)
{
	static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };
	/* Linux makes every timer as if it were for relative times, which are not the wall clock's
	 * business: absolute ones of CLOCK_REALTIME count on CLOCK_MONOTONIC. */
	static const int counts_on[] = { CLOCK_MONOTONIC, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	int map = (int)OK(try_map(BPF_MAP_TYPE_ARRAY, 0)), prog = load(map);

	for (uint32_t key = 0; key < 3; key++) {
		long long from;

		put(map, key, 0, 0);
		CHECK_EQ(ASK(prog, INIT, key, .flags = (uint64_t)clocks[key]), 0);
		CHECK_EQ(ASK(prog, SET, key), 0);
		from = clock_of(CLOCK_MONOTONIC);
		CHECK_EQ(ASK(prog, START, key, 30 * MSEC), 0);
		wait_count(map, key, 1);
		CHECK_GE(value_of(map, key).when, from + 30 * MSEC);
		from = clock_of(CLOCK_MONOTONIC);
		CHECK_EQ(ASK(prog, START, key, (uint64_t)(clock_of(counts_on[key]) + 30 * MSEC), TIMER_ABS), 0);
		wait_count(map, key, 2);
		CHECK_GE(value_of(map, key).when, from + 29 * MSEC);
		CHECK_EQ(ASK(prog, START, key, 5, TIMER_ABS), 0);	/* long ago */
		wait_count(map, key, 3);
		/* the later start counts */
		CHECK_EQ(ASK(prog, START, key, 5 * MSEC), 0);
		CHECK_EQ(ASK(prog, START, key, 30 * SEC), 0);
		check_sleep_ms(30);
		CHECK_EQ(value_of(map, key).count, 3);
		CHECK_EQ(ASK(prog, START, key, 1), 0);
		wait_count(map, key, 4);
	}
}

TEST(pinned_timers_go_off_where_they_were_started)
{
	int map = (int)OK(try_map(BPF_MAP_TYPE_ARRAY, 0)), prog = load(map);
	cpu_set_t all, one;

	OK(sched_getaffinity(0, sizeof(all), &all));
	make(map, prog, 0, 0, 0);
	for (uint32_t cpu = 0, count = 0; cpu < 8; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		OK(sched_setaffinity(0, sizeof(one), &one));
		CHECK_EQ(ASK(prog, START, 0, 1 * MSEC, TIMER_CPU_PIN), 0);
		wait_count(map, 0, ++count);
		CHECK_EQ(value_of(map, 0).cpu, cpu);
	}
}

TEST(callbacks_start_their_timer_again)
{
	EACH_KIND {
		int map = (int)OK(try_map(kinds[k].type, kinds[k].flags)), prog = load(map);
		uint64_t count;

		make(map, prog, 2, 100000, AGAIN);
		CHECK_EQ(ASK(prog, START, 2), 0);
		wait_count(map, 2, 20);
		CHECK_GE(ASK(prog, CANCEL, 2), 0);
		count = value_of(map, 2).count;
		check_sleep_ms(10);
		CHECK_EQ(value_of(map, 2).count, count);
		close(prog);
		close(map);
	}
}

TEST(a_callback_cannot_cancel_itself)
{
	int map = (int)OK(try_map(BPF_MAP_TYPE_HASH, 0)), prog = load(map);

	make(map, prog, 3, 0, CANCELS_ITSELF);
	CHECK_EQ(ASK(prog, START, 3), 0);
	for (int i = 0; i < 5000 && value_of(map, 3).result == NO_RESULT; i++)
		check_sleep_ms(1);
	CHECK_EQ(value_of(map, 3).result, -EDEADLK);
}

/* cancel does not return while the callback runs. */
TEST(cancelling_waits_for_the_callback)
{
	int map = (int)OK(try_map(BPF_MAP_TYPE_ARRAY, 0)), prog = load(map);

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("one CPU");
	for (int i = 0; i < 20; i++) {
		make(map, prog, 0, 100000, WORKS);
		CHECK_EQ(ASK(prog, START, 0), 0);
		while (!value_of(map, 0).count)
			;
		CHECK_EQ(ASK(prog, CANCEL, 0), 0);
		CHECK_EQ(value_of(map, 0).result, 1);
	}
}

TEST(what_ends_a_timer)
{
	EACH_KIND {
		int map = (int)OK(try_map(kinds[k].type, kinds[k].flags)), prog = load(map);
		bool array = kinds[k].type == BPF_MAP_TYPE_ARRAY;
		uint32_t key = 4;

		/* writing the element anew does */
		make(map, prog, 4, 0, 0);
		CHECK_EQ(ASK(prog, START, 4, 5 * MSEC), 0);
		put(map, 4, 0, 0);
		check_sleep_ms(30);
		CHECK_EQ(value_of(map, 4).count, 0);
		CHECK_EQ(ASK(prog, CANCEL, 4), -EINVAL);
		make(map, prog, 4, 0, 0);
		if (!array) {	/* so does removing it, by whomever */
			struct value v;

			CHECK_EQ(ASK(prog, START, 4, 5 * MSEC), 0);
			OK(map_delete(map, &key));
			put(map, 4, 0, 0);
			check_sleep_ms(30);
			CHECK_EQ(value_of(map, 4).count, 0);
			CHECK_EQ(ASK(prog, CANCEL, 4), -EINVAL);
			make(map, prog, 4, 1000, DELETES_ITSELF | AGAIN);
			CHECK_EQ(ASK(prog, START, 4), 0);
			for (int i = 0; !map_lookup(map, &key, &v); i++) {
				CHECK(i < 5000);
				check_sleep_ms(1);
			}
			put(map, 4, 0, 0);
			CHECK_EQ(ASK(prog, CANCEL, 4), -EINVAL);
		}
		close(prog);
		close(map);
	}
}

/* In a map that makes room, what is pushed out takes its timer along. */
TEST(eviction_ends_timers)
{
	int map = (int)OK(try_map(BPF_MAP_TYPE_LRU_HASH, 0)), prog = load(map);
	uint32_t there = 0;

	for (uint32_t key = 0; key < 200; key++) {
		make(map, prog, key, 0, 0);
		CHECK_EQ(ASK(prog, START, key, 20 * MSEC), 0);
	}
	check_sleep_ms(60);
	for (uint32_t key = 0; key < 200; key++) {
		struct value v;

		if (map_lookup(map, &key, &v))
			continue;
		there++;
		CHECK_EQ(v.key, v.count ? key : 0);
		CHECK_LE(v.count, 1);
	}
	CHECK_GE(there, 1);
}

TEST(timers_keep_the_program_and_users_keep_timers)
{
	EACH_KIND {
		int map = (int)OK(try_map(kinds[k].type, kinds[k].flags)), prog = load(map);
		uint32_t id = id_of_prog(prog);
		uint64_t count;

		make(map, prog, 5, 50000, AGAIN);
		put(map, 6, 0, 0);
		CHECK_EQ(ASK(prog, START, 5), 0);
		close(prog);
		count = value_of(map, 5).count;
		wait_count(map, 5, count + 20);
		close(map);
		wait_prog_gone(id);
		/* a map that only programs have can have no timers */
		map = (int)OK(try_map(kinds[k].type, kinds[k].flags));
		prog = load(map);
		put(map, 5, 0, 0);
		put(map, 6, 0, 0);
		CHECK_EQ(ASK(prog, INIT, 5, .flags = CLOCK_MONOTONIC), 0);
		close(map);
		CHECK_EQ(ASK(prog, INIT, 6, .flags = CLOCK_MONOTONIC), -EPERM);
		close(prog);
	}
}

/* A timer is in the map that it is told to be in, also among maps that look the same. */
TEST(timers_in_maps_of_maps)
{
	for (int same = 0; same < 2; same++) {
		int inner = (int)OK(try_map(BPF_MAP_TYPE_ARRAY, 0)), outer, none[3], prog;
		uint32_t key = 0;
		union bpf_attr a;

		memset(&a, 0, sizeof(a));
		a.map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS;
		a.key_size = a.value_size = 4;
		a.max_entries = 1;
		a.inner_map_fd = (uint32_t)inner;
		outer = (int)OK(bpf(BPF_MAP_CREATE, &a));
		OK(map_update(outer, &key, &inner, BPF_ANY));
		n = 0;
		EMIT(ST(BPF_W, 10, -4, 0), MOV64_IMM(9, 99));
		none[0] = lookup(outer);
		EMIT(MOV64_REG(6, 7));
		none[1] = lookup(outer);
		EMIT(MOV64_REG(8, 7), MOV64_REG(1, 8), MOV64_REG(2, 10), ALU64_IMM(BPF_ADD, 2, -4),
		     CALL(BPF_FUNC_map_lookup_elem), MOV64_REG(7, 0));
		none[2] = jump(JMP_IMM(BPF_JEQ, 0, 0, 0));
		EMIT(TIMER_OF(7), MOV64_REG(2, same ? 8 : 6), MOV64_IMM(3, CLOCK_MONOTONIC),
		     CALL(BPF_FUNC_timer_init), MOV64_REG(9, 0));
		for (int i = 0; i < 3; i++)
			land(none[i]);
		EMIT(MOV64_REG(0, 9), EXIT());
		prog = prog_load_flags(BPF_PROG_TYPE_SOCKET_FILTER, code, (size_t)n, 0);
		if (!same) {
			CHECK(prog < 0 && errno == EINVAL);
			CHECK(strstr(bpf_log_text, "doesn't match map pointer"));
			continue;
		}
		OK(prog);
		CHECK_EQ(prog_run(prog), 0);
		CHECK_EQ(prog_run(prog), (uint32_t)-EBUSY);
		close(inner);	/* what is only in another map has no user */
		CHECK_EQ(prog_run(prog), (uint32_t)-EPERM);
	}
}

/* --- elements that go -------------------------------------------------------------------------- */

static void on_cpu(long cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((int)cpu, &one);
	OK(sched_setaffinity(0, sizeof(one), &one));
}

static volatile int held, fill;

/* A program that takes long, and then memory like the element's, for other values. */
static void *hold_and_fill(void *cpu)
{
	struct bpf_insn p[] = {
		MOV64_IMM(0, 0),
		INSN(BPF_JMP | 0xe0, 0, 0, 2, 0),	/* may_goto */
		ALU64_IMM(BPF_ADD, 0, 1),
		JA(-3),
		EXIT(),
	};
	int prog = prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p);
	int map = (int)OK(map_create_flags(BPF_MAP_TYPE_HASH, 4, sizeof(struct value), 5000,
					   BPF_F_NO_PREALLOC));
	struct value v;

	memset(&v, 0xaa, sizeof(v));
	on_cpu((long)cpu);
	__atomic_fetch_add(&held, 1, __ATOMIC_RELAXED);
	prog_run(prog);
	while (fill)
		for (uint32_t key = 0; key < 5000 && fill; key++)
			OK(map_update(map, &key, &v, BPF_ANY));
	close(map);
	close(prog);
	return NULL;
}

/* Who found an element before it went may give it a timer after: what the callback is given stays
 * until it ends. */
TEST(a_callback_keeps_its_element)
{
	int map = (int)OK(try_map(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC)), prog = load(map);
	long cpus_ = sysconf(_SC_NPROCESSORS_ONLN);
	struct verdict seen;
	uint32_t first = 0;
	pthread_t t[8];

	if (cpus_ < 2)
		SKIP("one CPU");
	for (uint64_t round = 1; round <= 3; round++) {
		put(map, 7, 8 << 20, WORKS);
		on_cpu(0);
		held = 0;
		fill = 1;
		for (long k = 1; k < cpus_; k++)
			CHECK(!pthread_create(&t[k], NULL, hold_and_fill, (void *)k));
		while (held < cpus_ - 1)
			sched_yield();
		check_sleep_ms(10);
		CHECK_EQ(ASK(prog, DELETE | INIT | SET | START, 7, 10 * MSEC), 0);
		do {
			check_sleep_ms(1);
			OK(map_lookup(verdict, &first, &seen));
		} while (seen.worked < round && !seen.changed);
		fill = 0;
		for (long k = 1; k < cpus_; k++)
			CHECK(!pthread_join(t[k], NULL));
		CHECK_EQ(seen.changed, 0);
	}
}

/* --- races ------------------------------------------------------------------------------------ */

static volatile int stop;
static int race_map, race_prog;

static void *racer(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg * 77 + 5;

	while (!stop) {
		uint64_t r = (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 33;
		uint32_t key = (r >> 8) % 4;
		struct value v = { .period = (r >> 12) % 50000, .mode = (r >> 16) & 31 };

		switch (r % 10) {
		case 0:
			map_update(race_map, &key, &v, BPF_ANY);
			break;
		case 1:
			map_delete(race_map, &key);
			break;
		case 2:
		case 3:
			ASK(race_prog, INIT, key, .flags = CLOCK_MONOTONIC);
			ASK(race_prog, SET, key);
			break;
		case 4:
			ASK(race_prog, SET, key);
			break;
		case 5:
		case 6:
		case 7:
			ASK(race_prog, START, key, (r >> 12) % 50000);
			break;
		case 8:
			ASK(race_prog, CANCEL, key);
			break;
		default:
			ASK(race_prog, DELETE, key);
		}
	}
	return NULL;
}

TEST_TIMEOUT(all_at_once_from_four_threads, 120)
{
	EACH_KIND {
		pthread_t t[4];
		uint32_t id;

		race_map = (int)OK(try_map(kinds[k].type, kinds[k].flags));
		race_prog = load(race_map);
		id = id_of_prog(race_prog);
		stop = 0;
		for (long i = 0; i < 4; i++)
			CHECK(!pthread_create(&t[i], NULL, racer, (void *)i));
		check_sleep_ms(700);
		if (k & 1)	/* users go while everything runs */
			close(race_map);
		check_sleep_ms(k & 1 ? 100 : 0);
		stop = 1;
		for (int i = 0; i < 4; i++)
			CHECK(!pthread_join(t[i], NULL));
		close(race_prog);
		if (!(k & 1))
			close(race_map);
		wait_prog_gone(id);	/* so nothing holds it any more */
	}
}
