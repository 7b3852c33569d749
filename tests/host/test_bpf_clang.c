/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that clang made (tests/bpf/clang/), for each of BPF's versions that it knows: all are
 * accepted, and run as the verifier says.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../bpf/oracle.h"
#include "bpf_maps.h"

static u8 *read_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	u8 *p = calloc(1, 1 << 20);

	if (!f || !fread(p, 1, 1 << 20, f)) {
		fprintf(stderr, "%s: cannot be read\n", name);
		exit(2);
	}
	fclose(f);
	return p;
}

/* The section's instructions with maps and functions resolved. */
static u32 resolve(const u8 *elf, const Elf64_Shdr *sections, u32 which, struct bpf_insn *p)
{
	const Elf64_Ehdr *e = (const void *)elf;
	u32 n = (u32)(sections[which].sh_size / 8);

	memcpy(p, elf + sections[which].sh_offset, n * 8);
	for (u32 s = 0; s < e->e_shnum; s++) {
		const Elf64_Rel *rel = (const void *)(elf + sections[s].sh_offset);
		const Elf64_Shdr *symtab = &sections[sections[s].sh_link];
		const Elf64_Sym *syms = (const void *)(elf + symtab->sh_offset);
		const char *names = (const char *)elf + sections[symtab->sh_link].sh_offset;

		if (sections[s].sh_type != SHT_REL || sections[s].sh_info != which)
			continue;
		for (u32 k = 0; k < sections[s].sh_size / sizeof(*rel); k++) {
			const Elf64_Sym *sym = &syms[ELF64_R_SYM(rel[k].r_info)];
			u32 pc = (u32)(rel[k].r_offset / 8);

			if (bpf_is_wide(&p[pc]) && sym->st_shndx == which) {
				p[pc].src_reg = BPF_PSEUDO_FUNC;
				p[pc].imm = (i32)((sym->st_value + (u32)p[pc].imm) / 8 - pc - 1);
			} else if (bpf_is_wide(&p[pc])) {
				p[pc].src_reg = BPF_PSEUDO_MAP_FD;
				p[pc].imm = test_map_named(names + sym->st_name);
			} else {
				p[pc].imm = (i32)(sym->st_value / 8) + p[pc].imm;
			}
		}
	}
	return n;
}

static u32 test_object(const char *name)
{
	static const char *const kinds[] = { "socket/", "xdp/", "syscall/" };
	u8 *elf = read_file(name);
	const Elf64_Ehdr *e = (const void *)elf;
	const Elf64_Shdr *sections = (const void *)(elf + e->e_shoff);
	const char *names = (const char *)elf + sections[e->e_shstrndx].sh_offset;
	u32 wrong = 0;

	for (u32 s = 0; s < e->e_shnum; s++) {
		for (u32 how = 0; how < 3; how++) {
			const char *section = names + sections[s].sh_name;
			struct bpf_insn p[4096];
			struct oracle_result r;
			u32 n;

			if (strncmp(section, kinds[how], strlen(kinds[how])))
				continue;
			n = resolve(elf, sections, s, p);
			r = oracle_program(p, n, how, s + 1);
			printf("%s %s.%s # %u instructions, %u simulated\n", r.err || !r.ended ? "not ok" : "ok",
			       strrchr(name, '/') + 1, section, n, r.processed);
			wrong += r.err || !r.ended;
		}
	}
	free(elf);
	return wrong;
}

int main(int argc, char **argv)
{
	u32 wrong = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	setenv("ORACLE_WHY", "1", 1);
	oracle_limit = 1000000;
	test_maps_init();
	for (int k = 1; k < argc; k++)
		wrong += test_object(argv[k]);
	return wrong != 0;
}
