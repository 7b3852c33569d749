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

enum { TAKES = 20000, ENDED = TAKES + 1 };
static int taken_from;
static volatile uint32_t round_nr, written;

/* Two values in each round, one after the other. */
static void *writer(void *arg)
{
	uint32_t key = 5;

	for (uint32_t i = 1; i <= TAKES; i++) {
		while (round_nr != i)
			if (round_nr == ENDED)
				return arg;
		for (uint64_t v = 2 * i; v < 2 * i + 2; v++)
			OK(map_update(taken_from, &key, &v, BPF_ANY));
		written = i;
	}
	return arg;
}

/* What is taken is what goes: the last value is got, or still there. */
static void take_beside_updates(uint32_t type, uint32_t flags)
{
	long long end = check_now() + 3 * SEC;
	uint32_t key = 5;
	uint64_t v;
	pthread_t t;

	taken_from = (int)OK(map_create_flags(type, 4, 8, 16, flags));
	round_nr = written = 0;
	CHECK(!pthread_create(&t, NULL, writer, NULL));
	for (uint32_t i = 1; i <= TAKES && check_now() < end; i++) {
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
	round_nr = ENDED;
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

/* --- what is there is found ------------------------------------------------------------------- */

static int searched;
static volatile int searching;

static void *change_all(void *arg)
{
	for (uint32_t i = 0; searching; i++) {
		uint32_t key = i % 8;
		uint64_t v = i;

		OK(map_update(searched, &key, &v, BPF_EXIST));
	}
	return arg;
}

/* How often it was not found. */
static uint32_t search_beside_updates(uint32_t type, uint32_t flags)
{
	struct bpf_insn p[] = {
		MOV64_IMM(6, 100),
		MOV64_IMM(7, 0),
		ST(BPF_W, 10, -4, 3),
		LD_MAP(1, (searched = (int)OK(map_create_flags(type, 4, 8, 8, flags)), searched)),
		MOV64_REG(2, 10),
		ALU64_IMM(BPF_ADD, 2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		JMP_IMM(BPF_JNE, 0, 0, 1),
		ALU64_IMM(BPF_ADD, 7, 1),
		ALU64_IMM(BPF_SUB, 6, 1),
		JMP_IMM(BPF_JNE, 6, 0, -9),
		MOV64_REG(0, 7),
		EXIT(),
	};
	int fd = prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p);
	uint64_t v = 0;
	uint32_t missed = 0;
	pthread_t t;
	bool ok;

	for (uint32_t key = 0; key < 8; key++)
		OK(map_update(searched, &key, &v, BPF_ANY));
	searching = 1;
	CHECK(!pthread_create(&t, NULL, change_all, NULL));
	for (int i = 0; i < 20000; i++)
		missed += run_often(fd, 1, &ok);
	searching = 0;
	CHECK(!pthread_join(t, NULL));
	close(searched);
	close(fd);
	return missed;
}

/* Linux misses some: a new value there is a new element, too, and nobody looks twice. */
TEST(what_is_there_is_found)
{
	static const struct { uint32_t type, flags; } hashes[] = {
		{ BPF_MAP_TYPE_HASH, 0 }, { BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC }, { BPF_MAP_TYPE_PERCPU_HASH, 0 } };

	if (cpus() < 2)
		SKIP("one CPU");
	for (size_t k = 0; k < sizeof(hashes) / sizeof(*hashes); k++) {
		uint32_t missed = search_beside_updates(hashes[k].type, hashes[k].flags);

		if (check_on_tine())
			CHECK_EQ(missed, 0);
	}
}

/* --- everything ------------------------------------------------------------------------------- */

/* Maps by number, descriptors that stay while what they lead to is exchanged. */
enum { ARRAY, PERCPU_ARRAY, HASH, LATE_HASH, PERCPU_HASH, LRU, PERCPU_LRU, QUEUE, RING, TRIE, PROGS, ARRAYS, HASHES,
       KINDS, PROG = KINDS, SLOTS };
static const struct { uint32_t type, key, value, max, flags; } kinds[KINDS] = {
	[ARRAY] = { BPF_MAP_TYPE_ARRAY, 4, 8, 8, BPF_F_MMAPABLE },
	[PERCPU_ARRAY] = { BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 8, 0 },
	[HASH] = { BPF_MAP_TYPE_HASH, 4, 8, 8, 0 },
	[LATE_HASH] = { BPF_MAP_TYPE_HASH, 4, 8, 8, BPF_F_NO_PREALLOC },
	[PERCPU_HASH] = { BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 8, BPF_F_NO_PREALLOC },
	[LRU] = { BPF_MAP_TYPE_LRU_HASH, 4, 8, 4, 0 },
	[PERCPU_LRU] = { BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 4, 0 },
	[QUEUE] = { BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0 },
	[RING] = { BPF_MAP_TYPE_RINGBUF, 0, 0, PAGE, 0 },
	[TRIE] = { BPF_MAP_TYPE_LPM_TRIE, 8, 8, 8, BPF_F_NO_PREALLOC },
	[PROGS] = { BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 8, 0 },
	[ARRAYS] = { BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 8, 0 },
	[HASHES] = { BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 8, BPF_F_NO_PREALLOC },
};
static int slot[SLOTS];
static long long until;

static int new_map(int k)
{
	union bpf_attr a = { .map_type = kinds[k].type, .key_size = kinds[k].key, .value_size = kinds[k].value,
		.max_entries = kinds[k].max, .map_flags = kinds[k].flags };

	if (k == ARRAYS || k == HASHES)
		a.inner_map_fd = (uint32_t)slot[HASH];
	return (int)bpf(BPF_MAP_CREATE, &a);
}

static struct bpf_insn code[512];
static int n;
#define EMIT(...) APPEND(code, n, __VA_ARGS__)
#define KEY(reg)	MOV64_REG(reg, 10), ALU64_IMM(BPF_ADD, reg, -8)
#define VALUE(reg)	MOV64_REG(reg, 10), ALU64_IMM(BPF_ADD, reg, -16)

/* Looks up, writes there, updates or removes, and calls another. */
static int new_prog(uint32_t what)
{
	n = 0;
	EMIT(MOV64_REG(6, 1), CALL(BPF_FUNC_get_prandom_u32), ALU64_IMM(BPF_AND, 0, 7),
	     STX(BPF_W, 10, 0, -8), STX(BPF_W, 10, 0, -4), STX(BPF_DW, 10, 0, -16));
	for (int k = 0; k < KINDS; k++) {
		if (k == RING) {
			EMIT(LD_MAP(1, slot[k]), VALUE(2), MOV64_IMM(3, 8), MOV64_IMM(4, 0),
			     CALL(BPF_FUNC_ringbuf_output));
		} else if (k == QUEUE) {
			EMIT(LD_MAP(1, slot[k]), VALUE(2), MOV64_IMM(3, BPF_EXIST), CALL(BPF_FUNC_map_push_elem));
			EMIT(LD_MAP(1, slot[k]), VALUE(2), CALL(BPF_FUNC_map_pop_elem));
		} else if (k == ARRAYS || k == HASHES) {
			EMIT(LD_MAP(1, slot[k]), KEY(2), CALL(BPF_FUNC_map_lookup_elem), JMP_IMM(BPF_JEQ, 0, 0, 6),
			     MOV64_REG(1, 0), KEY(2), CALL(BPF_FUNC_map_lookup_elem), JMP_IMM(BPF_JEQ, 0, 0, 1),
			     ST(BPF_DW, 0, 0, 9));
		} else if (k != PROGS) {
			EMIT(LD_MAP(1, slot[k]), KEY(2), CALL(BPF_FUNC_map_lookup_elem), JMP_IMM(BPF_JEQ, 0, 0, 3),
			     LDX(BPF_DW, 1, 0, 0), ALU64_IMM(BPF_ADD, 1, 1), STX(BPF_DW, 0, 1, 0));
			if (what & 1)
				EMIT(LD_MAP(1, slot[k]), KEY(2), VALUE(3), MOV64_IMM(4, 0),
				     CALL(BPF_FUNC_map_update_elem));
			else
				EMIT(LD_MAP(1, slot[k]), KEY(2), CALL(BPF_FUNC_map_delete_elem));
		}
	}
	EMIT(MOV64_REG(1, 6), LD_MAP(2, slot[PROGS]), LDX(BPF_W, 3, 10, -8), CALL(BPF_FUNC_tail_call),
	     MOV64_IMM(0, 0), EXIT());
	return prog_load_flags(BPF_PROG_TYPE_SOCKET_FILTER, code, (size_t)n, 0);
}

/* Another in its place. A program is of the maps that are there. */
static void exchange(int k, uint32_t what)
{
	int fd = k == PROG ? new_prog(what) : new_map(k);

	if (fd >= 0) {
		OK(dup2(fd, slot[k]));
		close(fd);
	}
}

static void one_of_all(uint32_t what)
{
	static __thread uint64_t buf[256];
	int k = (int)(what % KINDS);
	uint64_t key = (what >> 8) % 9, value[16];
	union bpf_attr a;
	bool ok;

	for (int i = 0; i < 16; i++)
		value[i] = k == PROGS ? (uint64_t)slot[PROG]
			   : k == ARRAYS || k == HASHES ? (uint64_t)slot[HASH] : what;
	if (k == TRIE)
		key = key << 56 | (key * 4);
	memset(&a, 0, sizeof(a));
	a.batch.map_fd = (uint32_t)slot[k];
	a.batch.keys = U64(buf);
	a.batch.values = U64(buf + 64);
	a.batch.out_batch = U64(buf + 192);
	a.batch.count = what >> 12 & 7;
	switch (what >> 4 & 15) {
	case 0: case 1: case 2:
		elem(BPF_MAP_UPDATE_ELEM, slot[k], k == QUEUE ? NULL : &key, value,
		     what >> 16 & 1 ? 0 : what >> 17 & 3);
		break;
	case 3: case 4:
		map_delete(slot[k], &key);
		break;
	case 5:
		map_take(slot[k], k == QUEUE ? NULL : &key, value);
		break;
	case 6:
		map_next(slot[k], &key, value);
		break;
	case 7:
		bpf(BPF_MAP_LOOKUP_BATCH, &a);
		break;
	case 8:
		bpf(BPF_MAP_LOOKUP_AND_DELETE_BATCH, &a);
		break;
	case 9:
		bpf(BPF_MAP_DELETE_BATCH, &a);
		break;
	case 10: case 11: case 12:
		run_often(slot[PROG], 1 + (what >> 16 & 15), &ok);
		break;
	case 13:
		map_lookup(slot[k], &key, buf);
		break;
	default:
		if (what >> 20 & 1)
			run_often(slot[PROG], 1, &ok);
	}
}

static void *anything(void *seed)
{
	uint64_t state = (uint64_t)(uintptr_t)seed * 77 + 5;

	while (check_now() < until)
		for (int i = 0; i < 50; i++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			one_of_all((uint32_t)(state >> 33));
		}
	return NULL;
}

/* Nothing is promised but that the machine lives on, and that all of it goes when nobody has it. */
TEST_TIMEOUT(all_maps_at_once, 120)
{
	uint64_t state = 1;
	pthread_t t[4];

	for (int k = 0; k < KINDS; k++)
		slot[k] = (int)OK(new_map(k));
	slot[PROG] = (int)OK(new_prog(0));
	until = check_now() + 4 * SEC;
	for (long i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, anything, (void *)i));
	while (check_now() < until) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		exchange(state >> 40 & 1 ? PROG : (int)((state >> 33) % KINDS), (uint32_t)(state >> 41));
	}
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
}
