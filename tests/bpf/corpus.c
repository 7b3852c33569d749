/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * corpus OBJECT PROGRAM [OBJECT PROGRAM]...: loads programs of compiled BPF objects by libbpf, one at
 * a time, and prints what the kernel made of each: a line
 *	OBJECT PROGRAM TYPE BYTES INSTRUCTIONS
 * with the length of its machine code and its instructions as the kernel translated them, in
 * hexadecimal; or `refused OBJECT PROGRAM ERRNO`. Runs in a guest, on either kernel.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static void show(const char *object, struct bpf_program *p)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info), jited;
	uint8_t *insns;

	memset(&info, 0, sizeof(info));
	if (bpf_prog_get_info_by_fd(bpf_program__fd(p), &info, &len))
		return;
	insns = calloc(1, info.xlated_prog_len);
	len = info.xlated_prog_len;
	jited = info.jited_prog_len;
	memset(&info, 0, sizeof(info));
	info.xlated_prog_insns = (uintptr_t)insns;
	info.xlated_prog_len = len;
	len = sizeof(info);
	if (!bpf_prog_get_info_by_fd(bpf_program__fd(p), &info, &len)) {
		printf("%s %s %u %u ", object, bpf_program__name(p), info.type, jited);
		for (uint32_t k = 0; k < info.xlated_prog_len; k++)
			printf("%02x", insns[k]);
		printf("\n");
	}
	free(insns);
}

/* The program of that name, alone. */
static void load_one(const char *path, const char *program)
{
	const char *object = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	struct bpf_program *p, *chosen = NULL;
	int err = -ENOENT;

	if (o) {
		bpf_object__for_each_program(p, o) {
			bool wanted = !chosen && !strcmp(bpf_program__name(p), program);

			bpf_program__set_autoload(p, wanted);
			if (wanted)
				chosen = p;
		}
		if (chosen)
			err = bpf_object__load(o);
	}
	if (err)
		printf("refused %s %s %d\n", object, program, -err);
	else
		show(object, chosen);
	bpf_object__close(o);
}

int main(int argc, char **argv)
{
	libbpf_set_print(quiet);
	for (int k = 1; k + 1 < argc; k += 2)
		load_one(argv[k], argv[k + 1]);
	return fflush(stdout) ? 1 : 0;
}
