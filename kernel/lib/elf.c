/* SPDX-License-Identifier: BSD-2-Clause */
#include <base/errno.h>
#include <base/string.h>
#include <lib/elf.h>
#include <linux/elf.h>
#include <linux/elf-em.h>

#define PAGE 4096ull

int elf_header(const void *hdr, size_t n, struct elf_plan *plan)
{
	Elf64_Ehdr e;

	memset(plan, 0, sizeof(*plan));
	if (n < sizeof(e))
		return -ENOEXEC;
	memcpy(&e, hdr, sizeof(e));
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (e.e_machine != EM_AARCH64 || (e.e_type != ET_EXEC && e.e_type != ET_DYN))
		return -ENOEXEC;
	if (e.e_phentsize != sizeof(Elf64_Phdr) || e.e_phnum == 0 ||
	    e.e_phnum > ELF_MAX_PHDRS_SIZE / sizeof(Elf64_Phdr))
		return -ENOEXEC;
	if (e.e_phoff > ~0ull - ELF_MAX_PHDRS_SIZE)
		return -ENOEXEC;
	plan->pie = e.e_type == ET_DYN;
	plan->entry = e.e_entry;
	plan->phoff = e.e_phoff;
	plan->phnum = e.e_phnum;
	plan->align = PAGE;
	return 0;
}

static int add_segment(const Elf64_Phdr *p, u64 limit, struct elf_plan *plan)
{
	struct elf_segment *s = &plan->segment[plan->nr_segments];
	u64 end;

	if (p->p_memsz == 0)
		return 0;
	if (plan->nr_segments == ELF_MAX_SEGMENTS || p->p_filesz > p->p_memsz)
		return -ENOEXEC;
	if (p->p_memsz > limit || p->p_vaddr > limit - p->p_memsz ||
	    (p->p_vaddr ^ p->p_offset) % PAGE)
		return -ENOEXEC;
	if (p->p_offset > (1ull << 62) || p->p_filesz > (1ull << 62))
		return -ENOEXEC;
	if (plan->nr_segments && p->p_vaddr < s[-1].vaddr + s[-1].memsz)
		return -ENOEXEC;	/* the ABI wants them in ascending order */
	*s = (struct elf_segment){
		.vaddr = p->p_vaddr,
		.offset = p->p_offset,
		.filesz = p->p_filesz,
		.memsz = p->p_memsz,
		.read = p->p_flags & PF_R,
		.write = p->p_flags & PF_W,
		.exec = p->p_flags & PF_X,
	};
	end = align_up(p->p_vaddr + p->p_memsz, PAGE);
	if (!plan->nr_segments++)
		plan->low = align_down(p->p_vaddr, PAGE);
	plan->high = end;
	if (is_pow2(p->p_align) && p->p_align > plan->align && p->p_align <= (1ull << 30))
		plan->align = p->p_align;
	if (!plan->phdr && plan->phoff >= p->p_offset &&
	    plan->phoff + plan->phnum * sizeof(Elf64_Phdr) <= p->p_offset + p->p_filesz)
		plan->phdr = plan->phoff - p->p_offset + p->p_vaddr;
	return 0;
}

int elf_segments(const void *phdrs, u64 limit, struct elf_plan *plan)
{
	u64 pt_phdr = 0;

	for (u32 i = 0; i < plan->phnum; i++) {
		Elf64_Phdr p;
		int err = 0;

		memcpy(&p, (const char *)phdrs + i * sizeof(p), sizeof(p));
		switch (p.p_type) {
		case PT_LOAD:
			err = add_segment(&p, limit, plan);
			break;
		case PT_INTERP:
			if (p.p_filesz < 2 || p.p_filesz > 4096 || p.p_offset > (1ull << 62))
				return -ENOEXEC;
			if (!plan->interp_size) {
				plan->interp_offset = p.p_offset;
				plan->interp_size = (u32)p.p_filesz;
			}
			break;
		case PT_PHDR:
			pt_phdr = p.p_vaddr;
			break;
		case PT_GNU_STACK:
			plan->exec_stack = p.p_flags & PF_X;
			break;
		}
		if (err)
			return err;
	}
	if (!plan->nr_segments)
		return -ENOEXEC;
	if (pt_phdr)
		plan->phdr = pt_phdr;
	return 0;
}
