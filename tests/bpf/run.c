/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tine-bpf-run [options] [MEMORY]: runs the BPF program whose bytes stand in hexadecimal on
 *standard input, with r1 the address of a copy of MEMORY (bytes in hexadecimal) and r2 its length,
 *and prints r0 in hexadecimal: the plugin protocol of the public BPF conformance suite. Blanks in
 *the hexadecimal are skipped. Status 1 and a line on standard error if the program is refused or
 *fails.
 *
 *	--jit		the JIT's code, on arm64; elsewhere by way of qemu-aarch64
 *	--exclusives	with it: atomics without FEAT_LSE
 *	--blind		with it: constants blinded
 *	--near		with it: helpers called directly
 *	--size		with it: prints the image's bytes in place of r0
 *	--batch		each line of standard input is "PROGRAM MEMORY" (MEMORY may be "-"); prints
 *a line each: r0, or "error N" (an errno)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/interp.h>
#include "helpers.h"
#ifdef __aarch64__
#include "native.h"
#endif

static struct {
	bool jit, exclusives, blind, near, size, batch;
} want;

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes that text says, in text's own place; their number, -1 if it is no hexadecimal. */
static long unhex(char *text)
{
	u8 *out = (u8 *)text;
	long n = 0;

	for (const char *s = text; *s;) {
		if (strchr(" \t\r\n", *s)) {
			s++;
			continue;
		}
		if (digit(s[0]) < 0 || digit(s[1]) < 0)
			return -1;
		out[n++] = (u8)(digit(s[0]) << 4 | digit(s[1]));
		s += 2;
	}
	return n;
}

static int interpret(const struct bpf_insn *insns, u32 n, u8 *mem, u64 len, u64 *r0)
{
	static _Alignas(16) u8 stack[BPF_FRAMES * BPF_STACK];
	struct bpf_region region = { (u64)mem, len, true };
	struct bpf_machine m = {
		.insns = insns, .n = n, .stack = stack, .budget = 100000000, .checked = true,
		.regions = &region, .n_regions = 1, .helper = helper_call,
	};

	return bpf_interpret(&m, len ? (u64)mem : 0, len, r0);
}

#ifdef __aarch64__
static int jit(const struct bpf_insn *insns, u32 n, u8 *mem, u64 len, u64 *r0)
{
	/* As far as sizes go, any offsets in a map of programs will do. */
	static const struct bpf_jit_tail tail = { .max_entries = 48, .slots = 320, .entry = 16 };
	struct bpf_jit_opts opts = {
		.lse = !want.exclusives, .blind = want.blind, .blind_seed = 0x9e3779b97f4a7c15ull,
		.near = want.near, .address = helper_address, .tail = want.size ? &tail : NULL,
	};
	struct native native;
	int err = native_make(&native, insns, n, &opts);

	if (err)
		return err;
	*r0 = want.size ? native.jit.size : native_run(&native, len ? (u64)mem : 0, len);
	native_free(&native);
	return 0;
}
#else
static int jit(const struct bpf_insn *insns, u32 n, u8 *mem, u64 len, u64 *r0) { return -ENOSYS; }

/* On other machines: the same tool, built for arm64, is beside this one. */
static void become_arm64(char **argv, int argc)
{
	char self[4096], **args = calloc((size_t)argc + 3, sizeof(*args));
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 8);

	if (n < 0 || !args)
		return;
	strcpy(self + n, ".arm64");
	args[0] = "qemu-aarch64";
	args[1] = self;
	memcpy(args + 2, argv + 1, (size_t)argc * sizeof(*args));
	execvp(args[0], args);
	fprintf(stderr, "tine-bpf-run: qemu-aarch64: %s\n", strerror(errno));
	exit(1);
}
#endif

static int run(char *program, char *memory, u64 *r0)
{
	long bytes = unhex(program), len = unhex(memory);
	struct bpf_insn *insns;
	u8 *mark, *mem;
	u32 at;
	int err = -EINVAL;

	if (bytes < 0 || bytes % 8 || len < 0)
		return -EINVAL;
	insns = malloc((size_t)bytes + 8);
	mark = malloc((size_t)bytes / 8 + 1);
	mem = malloc((size_t)len + 8);
	memcpy(insns, program, (size_t)bytes);
	memcpy(mem, memory, (size_t)len);
	err = bpf_isa_check(insns, (u32)(bytes / 8), false, mark, &at);
	if (!err)
		err = (want.jit ? jit : interpret)(insns, (u32)(bytes / 8), mem, (u64)len, r0);
	free(insns);
	free(mark);
	free(mem);
	return err;
}

static int batch(void)
{
	char *line = NULL;
	size_t room = 0;
	u64 r0;

	while (getline(&line, &room, stdin) > 0) {
		char *memory = strchr(line, ' ');
		int err = -EINVAL;

		if (memory) {
			*memory++ = 0;
			memory[strcspn(memory, "\n-")] = 0;
			err = run(line, memory, &r0);
		}
		if (err)
			printf("error %d\n", -err);
		else
			printf("%llx\n", (unsigned long long)r0);
	}
	free(line);
	return 0;
}

static char *read_all(FILE *f)
{
	size_t n = 0, room = 1 << 16, got;
	char *text = malloc(room);

	while (text && (got = fread(text + n, 1, room - n - 1, f)) > 0) {
		n += got;
		if (room - n < 2)
			text = realloc(text, room *= 2);
	}
	if (text)
		text[n] = 0;
	return text;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; bool *flag; } options[] = {
		{ "--jit", &want.jit },	    { "--exclusives", &want.exclusives },
		{ "--blind", &want.blind }, { "--near", &want.near },
		{ "--size", &want.size },   { "--batch", &want.batch },
	};
	char none[1] = "", *memory = none, *program;
	u64 r0;
	int err;

	for (int k = 1; k < argc; k++) {
		size_t o = 0, n = sizeof(options) / sizeof(*options);

		for (; o < n && strcmp(argv[k], options[o].name); o++)
			;
		if (o < n)
			*options[o].flag = true;
		else if (!strncmp(argv[k], "--", 2))
			return fprintf(stderr, "tine-bpf-run: no option %s\n", argv[k]), 2;
		else
			memory = argv[k];
	}
#ifndef __aarch64__
	if (want.jit)
		become_arm64(argv, argc);
#endif
	if (want.batch)
		return batch();
	program = read_all(stdin);
	if (!program)
		return 1;
	err = run(program, memory, &r0);
	free(program);
	if (err)
		return fprintf(stderr, "tine-bpf-run: %s\n", strerror(-err)), 1;
	printf("%llx\n", (unsigned long long)r0);
	return 0;
}
