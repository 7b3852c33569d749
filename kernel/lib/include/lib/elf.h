/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ELF programs: from the bytes of the file header and the program headers to a plan of what
 * to map. Pure: knows neither files nor memory. Format: System V ABI, chapter 5; ELF for the Arm
 * 64-bit architecture.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H
#include <base/types.h>

#define ELF_MAX_SEGMENTS 32

struct elf_segment {			/* one PT_LOAD; addresses as in the file, before any bias */
	u64 vaddr, offset;		/* equal modulo the page size */
	u64 filesz, memsz;		/* filesz <= memsz, memsz > 0 */
	bool read, write, exec;
};

struct elf_plan {
	bool pie;			/* ET_DYN: may be placed anywhere */
	u64 entry;
	u64 phoff;			/* byte offset of the program headers in the file, */
	u32 phnum;			/* their number; 56 bytes each */
	u64 phdr;			/* their address when loaded; 0 if no segment holds them */
	u32 nr_segments;
	struct elf_segment segment[ELF_MAX_SEGMENTS];	/* ascending addresses, not overlapping */
	u64 low, high;			/* page-aligned span of all segments */
	u64 align;			/* largest alignment asked for, a power of two >= 4096 */
	u64 interp_offset;		/* path of the interpreter in the file, with its NUL; */
	u32 interp_size;		/* 0: none; at most 4096 */
	bool exec_stack;
};

#define ELF_HEADER_SIZE 64
#define ELF_MAX_PHDRS_SIZE 65536

/* Checks the file header in hdr[0..n): fills phoff, phnum, entry and pie of plan. 0 or -ENOEXEC. */
int elf_header(const void *hdr, size_t n, struct elf_plan *plan);
/* phdrs: plan->phnum headers of 56 bytes, any alignment. limit: one past the last usable address. 0
 * or -ENOEXEC. */
int elf_segments(const void *phdrs, u64 limit, struct elf_plan *plan);
#endif
