/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF headers: every plan that is accepted is one that can be mapped. */
#include <stdlib.h>
#include <string.h>
#include <base/assert.h>
#include <base/errno.h>
#include <lib/elf.h>

#define LIMIT (1ull << 48)

__noreturn void panic(const char *fmt, ...) { abort(); }

static void check_plan(const struct elf_plan *p)
{
	u64 end = 0;

	BUG_ON(!p->nr_segments || p->nr_segments > ELF_MAX_SEGMENTS);
	BUG_ON((p->low | p->high) & 4095 || p->low >= p->high || p->high > LIMIT);
	BUG_ON(p->align < 4096 || p->align & (p->align - 1));
	BUG_ON(p->interp_size > 4096);
	for (u32 i = 0; i < p->nr_segments; i++) {
		const struct elf_segment *s = &p->segment[i];

		BUG_ON(!s->memsz || s->filesz > s->memsz || (s->vaddr ^ s->offset) & 4095);
		BUG_ON(s->vaddr < end || s->vaddr < p->low);
		BUG_ON(s->memsz > p->high - s->vaddr);
		BUG_ON(s->offset + s->filesz < s->offset);
		end = s->vaddr + s->memsz;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	static struct elf_plan plan;
	size_t size, head = n < ELF_HEADER_SIZE ? n : ELF_HEADER_SIZE;
	u8 *phdrs;
	int err;

	memset(&plan, 0xa5, sizeof(plan));
	err = elf_header(data, head, &plan);
	BUG_ON(err && err != -ENOEXEC);
	if (err)
		return 0;
	BUG_ON(n < ELF_HEADER_SIZE || !plan.phnum || plan.phnum * 56ul > ELF_MAX_PHDRS_SIZE);
	/* The program headers follow, whatever phoff says: what is missing is zero. */
	size = plan.phnum * 56ul;
	phdrs = calloc(1, size);
	memcpy(phdrs, data + ELF_HEADER_SIZE,
	       n - ELF_HEADER_SIZE < size ? n - ELF_HEADER_SIZE : size);
	err = elf_segments(phdrs, LIMIT, &plan);
	BUG_ON(err && err != -ENOEXEC);
	if (!err)
		check_plan(&plan);
	free(phdrs);
	return 0;
}
