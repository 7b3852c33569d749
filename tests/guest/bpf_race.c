/* SPDX-License-Identifier: BSD-2-Clause */
/* Elements of BPF maps that several threads change at once. As root. */
#include "bpf.h"

#include <pthread.h>
#include <sched.h>

static void on_cpu(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	OK(sched_setaffinity(0, sizeof(one), &one));
}

/* --- each CPU's own value --------------------------------------------------------------------- */

enum { ROUNDS = 1000, RUNS = 100, STEPS = 100 };
static int counted;
static volatile int counting;

/* Counts in this CPU's value, where nobody else does. */
static void *count(void *arg)
{
	struct bpf_insn p[] = {
		ST(BPF_W, 10, -4, 1),
		LD_MAP(1, counted),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		JMP_IMM(BPF_JEQ, 0, 0, 6),
		MOV64_IMM(2, STEPS),
		LDX(BPF_DW, 1, 0, 0),
		ALU64_IMM(BPF_ADD, 1, 1),
		STX(BPF_DW, 0, 1, 0),
		ALU64_IMM(BPF_SUB, 2, 1),
		JMP_IMM(BPF_JNE, 2, 0, -5),
		MOV64_IMM(0, 0),
		EXIT(),
	};
	int fd = prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p);
	bool ok;

	on_cpu(1);
	for (int i = 0; i < ROUNDS; i++) {
		run_often(fd, RUNS, &ok);
		CHECK(ok);
	}
	counting = 0;
	close(fd);
	return arg;
}

static void count_beside_updates(uint32_t type)
{
	struct bpf_insn p[] = {
		ST(BPF_W, 10, -4, 1),
		ST(BPF_DW, 10, -16, 77),
		LD_MAP(1, (counted = map_create(type, 4, 8, 16), counted)),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -4),
		MOV64_REG(3, 10),
		ALU64_IMM(BPF_ADD, 3, -16),
		MOV64_IMM(4, BPF_ANY),
		CALL(BPF_FUNC_map_update_elem),
		EXIT(),
	};
	int fd = prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p), n = cpus();
	uint64_t values[n];
	uint32_t key = 1;
	pthread_t t;
	bool ok;

	memset(values, 0, sizeof(values));
	OK(map_update(counted, &key, values, BPF_ANY));
	on_cpu(0);
	counting = 1;
	CHECK(!pthread_create(&t, NULL, count, NULL));
	while (counting) {
		CHECK_EQ(run_often(fd, 1000, &ok), 0);
		CHECK(ok);
	}
	CHECK(!pthread_join(t, NULL));
	OK(map_lookup(counted, &key, values));
	CHECK_EQ(values[0], 77);
	CHECK_EQ(values[1], (uint64_t)ROUNDS * RUNS * STEPS);
	close(counted);
	close(fd);
}

/* A program's update writes its own CPU's value, and nobody else's. */
TEST(other_cpus_values_stay)
{
	if (cpus() < 2)
		SKIP("one CPU");
	count_beside_updates(BPF_MAP_TYPE_PERCPU_ARRAY);
	count_beside_updates(BPF_MAP_TYPE_PERCPU_HASH);
	count_beside_updates(BPF_MAP_TYPE_LRU_PERCPU_HASH);
}

/* --- what is taken out ------------------------------------------------------------------------ */

enum { TAKES = 20000 };
static int taken_from;
static volatile uint32_t round_nr, written;

/* Two values in each round, one after the other. */
static void *writer(void *arg)
{
	uint32_t key = 5;

	for (uint32_t i = 1; i <= TAKES; i++) {
		while (round_nr != i)
			;
		for (uint64_t v = 2 * i; v < 2 * i + 2; v++)
			OK(map_update(taken_from, &key, &v, BPF_ANY));
		written = i;
	}
	return arg;
}

/* What is taken is what goes: the last value is got, or still there. */
static void take_beside_updates(uint32_t type, uint32_t flags)
{
	uint32_t key = 5;
	uint64_t v;
	pthread_t t;

	taken_from = (int)OK(map_create_flags(type, 4, 8, 16, flags));
	round_nr = written = 0;
	CHECK(!pthread_create(&t, NULL, writer, NULL));
	for (uint32_t i = 1; i <= TAKES; i++) {
		uint64_t last = 0;

		round_nr = i;
		while (written != i)
			if (!map_take(taken_from, &key, &v))
				last = v;
		if (last != 2 * i + 1) {
			OK(map_take(taken_from, &key, &v));
			CHECK_EQ(v, 2 * i + 1);
		}
		ERR(map_take(taken_from, &key, &v), ENOENT);
	}
	CHECK(!pthread_join(t, NULL));
	close(taken_from);
}

TEST(what_is_taken_out_is_what_was_there)
{
	if (cpus() < 2)
		SKIP("one CPU");
	take_beside_updates(BPF_MAP_TYPE_HASH, 0);
	take_beside_updates(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC);
	take_beside_updates(BPF_MAP_TYPE_LRU_HASH, 0);
}
