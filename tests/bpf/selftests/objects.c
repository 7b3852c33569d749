/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux's verifier selftests that clang compiles (tools/testing/selftests/bpf/progs): each program
 * of each object is loaded alone, by libbpf, as the types of verdict.h; those with a __retval are run.
 *	objects OBJECT.o...
 */
#include <bpf/btf.h>
#include <stdlib.h>

#include "verdict.h"

/* What the tags of a program say (Linux: progs/bpf_misc.h). */
struct spec {
	uint32_t flags;
	bool run, auxiliary;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static uint32_t flag_of(const char *text)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {
		{"BPF_F_STRICT_ALIGNMENT", BPF_F_STRICT_ALIGNMENT},
		{"BPF_F_ANY_ALIGNMENT", BPF_F_ANY_ALIGNMENT},
		{"BPF_F_TEST_RND_HI32", BPF_F_TEST_RND_HI32},
		{"BPF_F_TEST_STATE_FREQ", BPF_F_TEST_STATE_FREQ},
		{"BPF_F_SLEEPABLE", BPF_F_SLEEPABLE},
		{"BPF_F_XDP_HAS_FRAGS", BPF_F_XDP_HAS_FRAGS},
		{"BPF_F_TEST_REG_INVARIANTS", BPF_F_TEST_REG_INVARIANTS},
	};

	for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
		if (!strcmp(text, flags[k].name))
			return flags[k].flag;
	return (uint32_t)strtoul(text, NULL, 0);
}

/* What follows `comment:N:KEY` in TAG, or NULL. */
static const char *after(const char *tag, const char *key)
{
	const char *at = strncmp(tag, "comment:", 8) ? NULL : strchr(tag + 8, ':');

	return at && !strncmp(at + 1, key, strlen(key)) ? at + 1 + strlen(key) : NULL;
}

static struct spec spec_of(const struct bpf_object *o, const char *program)
{
	const struct btf *btf = bpf_object__btf(o);
	struct spec s = {0};

	for (uint32_t id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id), *f;
		const char *tag, *value;

		if (!btf_is_decl_tag(t))
			continue;
		f = btf__type_by_id(btf, t->type);
		if (!btf_is_func(f) || strcmp(btf__str_by_offset(btf, f->name_off), program))
			continue;
		tag = btf__str_by_offset(btf, t->name_off);
		if ((value = after(tag, "test_prog_flags=")))
			s.flags |= flag_of(value);
		if (after(tag, "test_retval="))
			s.run = true;
		if (after(tag, "test_auxiliary"))
			s.auxiliary = true;
	}
	return s;
}

static void become(struct bpf_program *p, const struct kind *k, uint32_t flags)
{
	if (bpf_program__type(p) != k->type) {
		bpf_program__set_type(p, k->type);
		bpf_program__set_expected_attach_type(p, 0);
	}
	flags &= ~BPF_F_SLEEPABLE;
	bpf_program__set_flags(p, k->type == BPF_PROG_TYPE_SYSCALL ? flags | BPF_F_SLEEPABLE : flags);
}

/* Of types that Tine has not are not made, so that programs which do not use them can be loaded. */
static void leave_out_maps(struct bpf_object *o)
{
	static const enum bpf_map_type not_here[] = {
		BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_CGROUP_ARRAY,
		BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_SOCKMAP, BPF_MAP_TYPE_CPUMAP, BPF_MAP_TYPE_XSKMAP,
		BPF_MAP_TYPE_SOCKHASH, BPF_MAP_TYPE_CGROUP_STORAGE, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
		BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, BPF_MAP_TYPE_SK_STORAGE, BPF_MAP_TYPE_DEVMAP_HASH,
		BPF_MAP_TYPE_STRUCT_OPS, BPF_MAP_TYPE_INODE_STORAGE, BPF_MAP_TYPE_TASK_STORAGE,
		BPF_MAP_TYPE_BLOOM_FILTER, BPF_MAP_TYPE_USER_RINGBUF, BPF_MAP_TYPE_CGRP_STORAGE,
		BPF_MAP_TYPE_ARENA, BPF_MAP_TYPE_INSN_ARRAY,
	};
	struct bpf_map *m;

	bpf_object__for_each_map(m, o)
		for (size_t k = 0; k < sizeof(not_here) / sizeof(not_here[0]); k++)
			if (bpf_map__type(m) == not_here[k])
				bpf_map__set_autocreate(m, false);
}

/* Chooses the program NAME of O, and those that are said to help others, to be loaded as K. */
static struct bpf_program *choose(struct bpf_object *o, const char *name, const struct kind *k,
				  bool help)
{
	struct bpf_program *p, *chosen = NULL;

	leave_out_maps(o);
	bpf_object__for_each_program(p, o) {
		struct spec s = spec_of(o, bpf_program__name(p));
		bool it = !strcmp(bpf_program__name(p), name);

		bpf_program__set_autoload(p, it || (help && s.auxiliary));
		become(p, k, s.flags);
		if (it) {
			chosen = p;
			bpf_program__set_log_buf(p, verdict_log, sizeof(verdict_log));
		}
	}
	return chosen;
}

/* By libbpf with all that the object has; -errno, with a log if the program is why. */
static int load(struct bpf_object *o, const char *name, const struct kind *k)
{
	struct bpf_program *p = choose(o, name, k, true);
	int err = bpf_object__load(o);

	return err ? err : dup(bpf_program__fd(p));
}

/* The program by itself: one that is to help it, or a map's contents, cannot be had on this kernel. */
static int load_alone(struct bpf_object *o, const char *name, const struct kind *k)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	struct bpf_program *p = choose(o, name, k, false);
	int fd = bpf_object__prepare(o);

	if (fd)
		return fd;
	fd = bpf_program__clone(p, &opts);
	if (fd >= 0)
		return fd;
	opts.log_level = 1;
	opts.log_buf = verdict_log;
	opts.log_size = sizeof(verdict_log);
	return bpf_program__clone(p, &opts);
}

static void one(const char *path, const char *file, const char *name, const struct kind *k)
{
	static const uint8_t data[DATA_BYTES];
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	int fd;

	verdict_start(file, name, k);
	verdict_log[0] = 0;
	fd = load(o, name, k);
	if (fd < 0 && !verdict_log[0]) {
		bpf_object__close(o);
		o = bpf_object__open_file(path, NULL);
		fd = load_alone(o, name, k);
	}
	if (fd < 0) {
		verdict_refused(file, name, k, -fd, verdict_log);
	} else {
		verdict_accepted(file, name, k);
		if (spec_of(o, name).run)
			verdict_run(fd, k, data);
		verdict_end();
		close(fd);
	}
	bpf_object__close(o);
}

static void all(const char *path)
{
	const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	struct bpf_program *p;

	if (!o) {
		fprintf(answers, "@\t%s\t-\t-\trefused\t%s\n", file, strerrorname_np(errno));
		return;
	}
	bpf_object__for_each_program(p, o)
		for (size_t k = 0; k < KINDS; k++)
			if (verdict_wanted(bpf_program__type(p), &kinds[k]))
				one(path, file, bpf_program__name(p), &kinds[k]);
	bpf_object__close(o);
}

int main(int argc, char **argv)
{
	libbpf_set_print(quiet);
	verdict_begin();
	for (int k = 1; k < argc; k++)
		all(argv[k]);
	return 0;
}
