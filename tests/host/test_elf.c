/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF headers (lib/elf.c): what a plan says of good programs, and one test for each refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/elf.h>
#include <cmocka.h>
#include <base/errno.h>
#include <lib/elf.h>

#define LIMIT (1ull << 48)
#define MACHINE_AARCH64 183	/* ELF for the Arm 64-bit architecture, 4.3.1 */

static struct elf_plan plan;

static Elf64_Ehdr header(void)
{
	Elf64_Ehdr e = {
		.e_type = ET_EXEC,
		.e_machine = MACHINE_AARCH64,
		.e_version = 1,
		.e_entry = 0x400100,
		.e_phoff = 64,
		.e_ehsize = 64,
		.e_phentsize = 56,
		.e_phnum = 2,
	};

	memcpy(e.e_ident, "\177ELF\2\1\1", 7);
	return e;
}

static Elf64_Phdr load(u64 vaddr, u64 offset, u64 filesz, u64 memsz, u32 flags)
{
	return (Elf64_Phdr){.p_type = PT_LOAD,
			    .p_flags = flags,
			    .p_offset = offset,
			    .p_vaddr = vaddr,
			    .p_paddr = vaddr,
			    .p_filesz = filesz,
			    .p_memsz = memsz,
			    .p_align = 4096};
}

/* What elf_segments says of n program headers after a good file header. */
static int segments(const Elf64_Phdr *p, u32 n)
{
	Elf64_Ehdr e = header();

	e.e_phnum = (u16)n;
	assert_int_equal(elf_header(&e, sizeof(e), &plan), 0);
	return elf_segments(p, LIMIT, &plan);
}

static int one(Elf64_Phdr p) { return segments(&p, 1); }

/* --- the file header ------------------------------------------------------------------------- */
static void header_is_read(void **state)
{
	Elf64_Ehdr e = header();

	memset(&plan, 0xa5, sizeof(plan));
	assert_int_equal(elf_header(&e, sizeof(e), &plan), 0);
	assert_int_equal(plan.entry, 0x400100);
	assert_int_equal(plan.phoff, 64);
	assert_int_equal(plan.phnum, 2);
	assert_int_equal(plan.align, 4096);
	assert_false(plan.pie);
	assert_int_equal(plan.nr_segments, 0);
	assert_int_equal(plan.interp_size, 0);
	e.e_type = ET_DYN;
	assert_int_equal(elf_header(&e, sizeof(e), &plan), 0);
	assert_true(plan.pie);
}

static void header_refusals(void **state)
{
	static const struct {
		size_t at, size;
		u64 value;
		const char *what;
	} wrong[] = {
		{ EI_MAG0, 1, 0, "magic" },
		{ EI_MAG3, 1, 'f', "magic's last byte" },
		{ EI_CLASS, 1, ELFCLASS32, "32 bits" },
		{ EI_DATA, 1, ELFDATA2MSB, "big endian" },
		{ offsetof(Elf64_Ehdr, e_machine), 2, 62, "x86-64" },
		{ offsetof(Elf64_Ehdr, e_type), 2, ET_REL, "object file" },
		{ offsetof(Elf64_Ehdr, e_type), 2, ET_CORE, "core" },
		{ offsetof(Elf64_Ehdr, e_type), 2, ET_NONE, "no type" },
		{ offsetof(Elf64_Ehdr, e_phentsize), 2, 55, "short program headers" },
		{ offsetof(Elf64_Ehdr, e_phentsize), 2, 57, "long program headers" },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, 0, "no program headers" },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, ELF_MAX_PHDRS_SIZE / 56 + 1, "too many" },
		{ offsetof(Elf64_Ehdr, e_phoff), 8, ~0ull - 65535, "headers at the end of 64 bits" },
	};

	for (u32 i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		Elf64_Ehdr e = header();

		memcpy((char *)&e + wrong[i].at, &wrong[i].value, wrong[i].size);
		if (elf_header(&e, sizeof(e), &plan) != -ENOEXEC)
			fail_msg("accepted: %s", wrong[i].what);
	}
}

static void header_is_cut_off(void **state)
{
	Elf64_Ehdr e = header();

	for (size_t n = 0; n < sizeof(e); n++) {
		u8 *exact = test_malloc(n + 1);	/* reading beyond is seen */

		memcpy(exact, &e, n);
		assert_int_equal(elf_header(exact, n, &plan), -ENOEXEC);
		test_free(exact);
	}
}

static void largest_number_of_headers(void **state)
{
	Elf64_Ehdr e = header();

	e.e_phnum = ELF_MAX_PHDRS_SIZE / 56;
	e.e_phoff = ~0ull - ELF_MAX_PHDRS_SIZE;
	assert_int_equal(elf_header(&e, sizeof(e), &plan), 0);
	assert_int_equal(plan.phnum, ELF_MAX_PHDRS_SIZE / 56);
}

/* --- segments -------------------------------------------------------------------------------- */
static void segments_are_read(void **state)
{
	Elf64_Phdr p[] = {
		load(0x400000, 0, 0x1234, 0x1234, PF_R | PF_X),
		load(0x402800, 0x2800, 0x10, 0x5000, PF_R | PF_W),
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X },
		{ .p_type = PT_INTERP, .p_offset = 0x300, .p_filesz = 27 },
		{ .p_type = PT_INTERP, .p_offset = 0x500, .p_filesz = 9 },
		load(0, 0, 0, 0, PF_R),		/* empty: left out */
	};

	p[1].p_align = 65536;
	p[0].p_align = 48;			/* no power of two: ignored */
	assert_int_equal(segments(p, 6), 0);
	assert_int_equal(plan.nr_segments, 2);
	assert_int_equal(plan.low, 0x400000);
	assert_int_equal(plan.high, 0x408000);
	assert_int_equal(plan.align, 65536);
	assert_int_equal(plan.segment[0].vaddr, 0x400000);
	assert_int_equal(plan.segment[0].filesz, 0x1234);
	assert_true(plan.segment[0].read && plan.segment[0].exec && !plan.segment[0].write);
	assert_int_equal(plan.segment[1].offset, 0x2800);
	assert_int_equal(plan.segment[1].memsz, 0x5000);
	assert_true(plan.segment[1].read && plan.segment[1].write && !plan.segment[1].exec);
	assert_true(plan.exec_stack);
	assert_int_equal(plan.interp_offset, 0x300);	/* the first one counts */
	assert_int_equal(plan.interp_size, 27);
	assert_int_equal(plan.phdr, 0x400040);		/* within the first segment */
}

static void address_of_the_headers(void **state)
{
	Elf64_Phdr p[] = { load(0x400000, 0x1000, 0x1000, 0x1000, PF_R),
			   { .p_type = PT_PHDR, .p_vaddr = 0x777000 } };

	assert_int_equal(segments(p, 1), 0);
	assert_int_equal(plan.phdr, 0);			/* in no segment */
	assert_int_equal(segments(p, 2), 0);
	assert_int_equal(plan.phdr, 0x777000);		/* PT_PHDR says it */
	p[0] = load(0x400000, 0, 64 + 55, 0x1000, PF_R);
	assert_int_equal(segments(p, 1), 0);
	assert_int_equal(plan.phdr, 0);			/* not wholly */
	p[0] = load(0x400000, 0, 64 + 56, 0x1000, PF_R);
	assert_int_equal(segments(p, 1), 0);
	assert_int_equal(plan.phdr, 0x400040);
}

static void segment_refusals(void **state)
{
	Elf64_Phdr p[2] = { load(0x400000, 0, 0x1800, 0x1800, PF_R), load(0, 0, 1, 1, PF_R) };

	assert_int_equal(one(load(0x400000, 0, 0x1001, 0x1000, PF_R)), -ENOEXEC);
	assert_int_equal(one(load(0x400010, 0, 1, 1, PF_R)), -ENOEXEC);	/* not congruent */
	assert_int_equal(one(load(LIMIT, 0, 1, 1, PF_R)), -ENOEXEC);
	assert_int_equal(one(load(LIMIT - 4096, 0, 1, 4097, PF_R)), -ENOEXEC);
	assert_int_equal(one(load(0, 0, 0, LIMIT + 1, PF_R)), -ENOEXEC);
	assert_int_equal(one(load(~0ull - 4095, 0, 1, 4096, PF_R)), -ENOEXEC);
	assert_int_equal(one(load(0x1000, 0, 1, ~0ull, PF_R)), -ENOEXEC);
	assert_int_equal(one(load(0x1000, (1ull << 62) + 4096, 1, 1, PF_R)), -ENOEXEC);
	p[1] = load(0x401000, 0x1000, 1, 1, PF_R);	/* the first one's last page is ours, too */
	assert_int_equal(segments(p, 2), -ENOEXEC);
	p[1] = load(0x3ff000, 0, 1, 1, PF_R);		/* descending */
	assert_int_equal(segments(p, 2), -ENOEXEC);
	p[1] = load(0x401800, 0x800, 1, 1, PF_R);	/* touching is allowed */
	assert_int_equal(segments(p, 2), 0);
}

static void limits_are_inclusive(void **state)
{
	assert_int_equal(one(load(LIMIT - 4096, 0, 1, 4096, PF_R)), 0);
	assert_int_equal(plan.high, LIMIT);
	assert_int_equal(one(load(0x1000, 1ull << 62, 1, 1, PF_R)), 0);
}

static void no_segments(void **state)
{
	assert_int_equal(one((Elf64_Phdr){ .p_type = PT_NOTE }), -ENOEXEC);
	assert_int_equal(one(load(0x400000, 0, 0, 0, PF_R)), -ENOEXEC);
}

static void number_of_segments(void **state)
{
	Elf64_Phdr p[ELF_MAX_SEGMENTS + 1];

	for (u32 i = 0; i <= ELF_MAX_SEGMENTS; i++)
		p[i] = load(0x400000 + i * 4096, 0, 1, 1, PF_R);
	assert_int_equal(segments(p, ELF_MAX_SEGMENTS), 0);
	assert_int_equal(plan.nr_segments, ELF_MAX_SEGMENTS);
	assert_int_equal(segments(p, ELF_MAX_SEGMENTS + 1), -ENOEXEC);
}

static void interpreters(void **state)
{
	Elf64_Phdr p[2] = { { .p_type = PT_INTERP, .p_filesz = 1 },
			    load(0x400000, 0, 1, 1, PF_R) };

	assert_int_equal(segments(p, 2), -ENOEXEC);	/* no room for more than the NUL */
	p[0].p_filesz = 4097;
	assert_int_equal(segments(p, 2), -ENOEXEC);
	p[0].p_filesz = 4096;
	assert_int_equal(segments(p, 2), 0);
	p[0].p_offset = (1ull << 62) + 1;
	assert_int_equal(segments(p, 2), -ENOEXEC);
}

static void alignments(void **state)
{
	static const struct { u64 asked, got; } cases[] = {
		{ 0, 4096 }, { 1, 4096 }, { 4096, 4096 }, { 65536, 65536 }, { 3 << 12, 4096 },
		{ 1ull << 30, 1ull << 30 }, { 1ull << 31, 4096 }, { 1ull << 63, 4096 },
	};

	for (u32 i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Elf64_Phdr p = load(0x400000, 0, 1, 1, PF_R);

		p.p_align = cases[i].asked;
		assert_int_equal(one(p), 0);
		assert_int_equal(plan.align, cases[i].got);
	}
}

/* Headers come as bytes of a file, anywhere. */
static void any_alignment(void **state)
{
	char raw[56 + 8];
	Elf64_Phdr p = load(0x400000, 0, 1, 1, PF_R);
	Elf64_Ehdr e = header();

	e.e_phnum = 1;
	for (u32 off = 0; off < 8; off++) {
		memcpy(raw + off, &p, sizeof(p));
		assert_int_equal(elf_header(&e, sizeof(e), &plan), 0);
		assert_int_equal(elf_segments(raw + off, LIMIT, &plan), 0);
		assert_int_equal(plan.segment[0].vaddr, 0x400000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_read),
		cmocka_unit_test(header_refusals),
		cmocka_unit_test(header_is_cut_off),
		cmocka_unit_test(largest_number_of_headers),
		cmocka_unit_test(segments_are_read),
		cmocka_unit_test(address_of_the_headers),
		cmocka_unit_test(segment_refusals),
		cmocka_unit_test(limits_are_inclusive),
		cmocka_unit_test(no_segments),
		cmocka_unit_test(number_of_segments),
		cmocka_unit_test(interpreters),
		cmocka_unit_test(alignments),
		cmocka_unit_test(any_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
