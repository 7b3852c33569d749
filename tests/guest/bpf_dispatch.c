/* SPDX-License-Identifier: BSD-2-Clause */
/* XDP programs that are run repeatedly are called through a dispatcher, which changes while others
 * run through it: everybody's program gives its own number. */
#include "bpf.h"

#include <pthread.h>

static volatile int stop;

/* Loads and runs program after program, or one again and again. */
static void *runner(void *arg)
{
	uint32_t who = (uint32_t)(uintptr_t)arg;
	int fd = -1;

	for (uint32_t i = 0; !stop; i++) {
		uint32_t k = who * 1000 + (who % 2 ? 0 : i % 1000);
		struct bpf_insn p[] = { MOV64_IMM(0, (int)k), EXIT() };
		bool ok;

		if (fd < 0)
			fd = prog_load_flags(BPF_PROG_TYPE_XDP, p, 2, 0);
		if (fd < 0 || run_often(fd, who < 30 ? 2 : 5000, &ok) != k || !ok)
			return (void *)1;
		if (who % 2 == 0) {
			close(fd);
			fd = -1;
		}
	}
	close(fd);
	return NULL;
}

TEST_TIMEOUT(changes_while_programs_run, 120)
{
	enum { N = 60 };	/* more than a dispatcher knows */
	const char *wx = "/sys/kernel/debug/tine/wx";
	bool tine = access(wx, R_OK) == 0;
	long long until = check_now() + 3 * SEC;
	pthread_t t[N];
	void *failed;
	char buf[4096];

	for (uintptr_t i = 0; i < N; i++)
		CHECK(!pthread_create(&t[i], NULL, runner, (void *)i));
	while (check_now() < until) {
		check_sleep_ms(20);
		if (!tine)
			continue;
		check_read_file(wx, buf, sizeof(buf));
		CHECK(!strncmp(buf, "ok 0 violations", 15));
	}
	stop = 1;
	for (int i = 0; i < N; i++) {
		CHECK(!pthread_join(t[i], &failed));
		CHECK(!failed);
	}
}

/* The same program in several threads at once, in and out of the dispatcher. */
static void *again(void *fd)
{
	for (int i = 0; i < 200; i++) {
		bool ok;

		if (run_often((int)(intptr_t)fd, 10, &ok) != 4711 || !ok)
			return (void *)1;
	}
	return NULL;
}

TEST_TIMEOUT(one_program_of_many_users, 120)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 4711), EXIT() };
	intptr_t fd = prog_load(BPF_PROG_TYPE_XDP, p);
	pthread_t t[4];
	void *failed;
	bool ok;

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, again, (void *)fd));
	for (int i = 0; i < 4; i++) {
		CHECK(!pthread_join(t[i], &failed));
		CHECK(!failed);
	}
	CHECK_EQ(run_often((int)fd, 1, &ok), 4711);
	CHECK(ok);
}

TEST(the_dispatcher_has_a_name)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 1), EXIT() };
	int fd = prog_load(BPF_PROG_TYPE_XDP, p);
	static char text[1 << 20];
	bool ok;

	if (access("/sys/kernel/debug/tine/wx", R_OK))
		SKIP("Tine's");
	CHECK_EQ(run_often(fd, 2, &ok), 1);
	check_read_file("/proc/kallsyms", text, sizeof(text));
	CHECK(strstr(text, " t bpf_dispatcher_xdp\t[bpf_dispatcher]\n"));
}

TEST(repeat_gives_a_time)
{
	struct bpf_insn p[] = { MOV64_IMM(0, 1), EXIT() };
	char data[14] = { 0 };
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p);
	a.test.data_in = U64(data);
	a.test.data_size_in = sizeof(data);
	a.test.repeat = 100000;
	OK(bpf(BPF_PROG_TEST_RUN, &a));
	CHECK_EQ(a.test.retval, 1);
	CHECK_GE(a.test.duration, 1);
	CHECK_LE(a.test.duration, 100000);
}
