/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checking MMU itself: each rule of arch/fake/mmu_rules.c has a case that must stop at it, with
 * the message that names it, and a neighbour that must not. Tables are made by hand here. Each case
 * runs in a process of its own, since what stops does not come back.
 */
#include <setjmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake_mmu.h"

#define MAX_CASES 200

pte_t *root;
u64 seed;

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

void start(u64 ram)
{
	fake_init(ram, 1 + seed);
	fake_set_asid_bits(8);
	fake_tables_by_hand = true;
	root = new_table(0, 0);
	arch_load_user_root(virt_to_phys(root), ASID);
}

static __noreturn void child(const struct test_case *c, int out)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	dup2(out, STDERR_FILENO);
	arch_bbm_level = (int)(c->how & 3);
	arch_hw_dbm = !(c->how & SOFTWARE_DIRTY);
	start(c->how & LARGE ? 2 * GIB : 16 * MIB);
	c->fn();
	_exit(0);
}

static void run_case(void **state)
{
	const struct test_case *c = *state;
	char text[4096];
	size_t n = 0;
	ssize_t got;
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(c, fd[1]);
	close(fd[1]);
	while ((got = read(fd[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!c->stops_at && status)
		fail_msg("stops: %s", text);
	if (c->stops_at && (!WIFSIGNALED(status) || !strstr(text, c->stops_at)))
		fail_msg("expected \"%s\", found status %x: %s", c->stops_at, status, text);
}

int main(void)
{
	static const struct test_case *const lists[] = { live_cases, block_cases, tlb_cases };
	struct CMUnitTest tests[MAX_CASES];
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(lists); i++)
		for (const struct test_case *c = lists[i]; c->name; c++) {
			BUG_ON(n == MAX_CASES);
			tests[n++] = (struct CMUnitTest){ c->name, run_case, NULL, NULL, (void *)c };
		}
	return _cmocka_run_group_tests("fake_mmu", tests, n, NULL, NULL);
}
