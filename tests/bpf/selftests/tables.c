/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of Linux's tools/testing/selftests/bpf/verifier: each program is loaded as the types
 * of verdict.h, run as its table says, and what came of it printed. The tables, what makes their long
 * programs and their maps are test_verifier.c's, which is compiled into this from Linux's sources.
 *	tables
 */
#define main test_verifier_main
#include "test_verifier.c"
#undef main

#include "verdict.h"

/* What test_verifier.c takes from files that are not needed here. */
int testing_prog_flags(void) { return 0; }
int get_xlated_program(int fd, struct bpf_insn **buf, __u32 *n) { return -1; }
int cap_enable_effective(__u64 caps, __u64 *old) { return 0; }
int cap_disable_effective(__u64 caps, __u64 *old) { return 0; }
bool get_unpriv_disabled(void) { return true; }
bool is_jit_enabled(void) { return true; }

#define MOST_INSNS (1 << 19)	/* of a program that Tine takes; Linux needs minutes for longer ones here */

static const char file[] = "tables";

static uint32_t flags_of(const struct bpf_test *t, const struct kind *k)
{
	uint32_t flags = 0;

	if (t->flags & F_LOAD_WITH_STRICT_ALIGNMENT)
		flags |= BPF_F_STRICT_ALIGNMENT;
	if (t->flags & F_NEEDS_EFFICIENT_UNALIGNED_ACCESS)
		flags |= BPF_F_ANY_ALIGNMENT;
	if (t->flags & ~(F_LOAD_WITH_STRICT_ALIGNMENT | F_NEEDS_EFFICIENT_UNALIGNED_ACCESS))
		flags |= t->flags;
	flags &= ~BPF_F_SLEEPABLE;
	return k->type == BPF_PROG_TYPE_SYSCALL ? flags | BPF_F_SLEEPABLE : flags;
}

/* Loads T, whose maps are there; the program's descriptor, or -errno with a log. */
static int load(struct bpf_test *t, const struct kind *k, int *fd_array)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .log_buf = verdict_log,
		    .log_size = sizeof(verdict_log), .prog_flags = flags_of(t, k));
	int btf = -1, fd;

	if (t->btf_types[0]) {
		btf = load_btf_for_test(t);
		o.prog_btf_fd = btf;
	}
	if (t->func_info_cnt) {
		o.func_info = t->func_info;
		o.func_info_cnt = t->func_info_cnt;
		o.func_info_rec_size = sizeof(t->func_info[0]);
	}
	if (fd_array[1] != -1)
		o.fd_array = fd_array;
	verdict_log[0] = 0;
	fd = bpf_prog_load(k->type, NULL, "GPL", t->fill_insns ?: t->insns,
			   t->fill_insns ? t->prog_len : probe_filter_length(t->insns), &o);
	fd = fd < 0 ? -errno : fd;
	close(btf);
	return fd;
}

static void one(const struct bpf_test *test, const char *name, const struct kind *k)
{
	static struct bpf_test t;
	int maps[MAX_NR_MAPS], fd_array[2] = {-1, -1}, fd;

	t = *test;
	memset(maps, -1, sizeof(maps));
	verdict_start(file, name, k);
	do_test_fixup(&t, k->type, t.insns, maps, &fd_array[1]);
	fd = t.fill_insns && t.prog_len > MOST_INSNS ? -EFBIG : load(&t, k, fd_array);
	if (fd < 0) {
		verdict_refused(file, name, k, -fd, verdict_log);
	} else {
		verdict_accepted(file, name, k);
		for (int run = 0; run < (t.runs ?: 1); run++)
			verdict_run(fd, k, t.retvals[run].data);
		verdict_end();
		close(fd);
	}
	if (t.fill_insns)
		free(t.fill_insns);
	for (int m = 0; m < MAX_NR_MAPS; m++)
		close(maps[m]);
}

int main(void)
{
	verdict_begin();
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		enum bpf_prog_type its = tests[i].prog_type ?: BPF_PROG_TYPE_SOCKET_FILTER;
		char name[200];
		int same = 1;

		for (size_t j = 0; j < i; j++)
			same += !strcmp(tests[i].descr, tests[j].descr);
		snprintf(name, sizeof(name), same > 1 ? "%s (%d)" : "%s", tests[i].descr, same);
		for (size_t k = 0; k < KINDS; k++)
			if (verdict_wanted(its, &kinds[k]))
				one(&tests[i], name, &kinds[k]);
	}
	return 0;
}
