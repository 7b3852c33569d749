/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the interpreter, the form check and the JIT do with programs that nobody wrote: random and
 * damaged bytes, under sanitizers. A program of the right form runs in the interpreter with every
 * access checked, and compiles into exactly as many bytes as laid out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>
#include <bpf/interp.h>
#include <bpf/jit.h>
#include <insn/arm64.h>

#define MAX 40

static u64 state = 88172645463325252ull;
static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static _Alignas(16) u8 stack[BPF_FRAMES * BPF_STACK];

/* Mostly plausible instructions: a right opcode, small registers, short branches. */
static struct bpf_insn random_insn(void)
{
	static const u8 codes[] = {
		0x07, 0x0f, 0x17, 0x1c, 0x24, 0x2f, 0x37, 0x3f, 0x44, 0x57, 0x67, 0x7c, 0x87, 0x97,
		0x9f, 0xa7, 0xb7, 0xbf, 0xbc, 0xc7, 0xd7, 0xdc, 0x18, 0x61, 0x69, 0x71, 0x79, 0x81,
		0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, 0xc3, 0xdb, 0x05, 0x06, 0x15, 0x1d,
		0x25, 0x45, 0x4e, 0x55, 0x66, 0x85, 0x95, 0xb5, 0xc6, 0xde, 0x31, 0x39, 0x41};
	static const i32 imms[] = {0,	 0,    1,    -1, 16, 32,	64,	  8,
				   0xe1, 0xf1, 0x41, 2,	 3,  INT32_MIN, 0x1234567};
	struct bpf_insn i = { .code = codes[rnd() % sizeof(codes)], .dst_reg = rnd() % 11,
			      .src_reg = rnd() % 3 ? 0 : rnd() % 11, .imm = imms[rnd() % 15] };

	i.off = rnd() % 3 ? 0 : (i16)(rnd() % 8);
	if (BPF_CLASS(i.code) == BPF_STX || BPF_CLASS(i.code) == BPF_ST ||
	    BPF_CLASS(i.code) == BPF_LDX)
		i.off = -(i16)(rnd() % 520);
	if (BPF_CLASS(i.code) < BPF_ALU ? BPF_CLASS(i.code) != BPF_ST && !bpf_is_atomic(&i)
					: BPF_SRC(i.code)) {
		i.imm = 0;
		i.src_reg = rnd() % 11;
	} else if (rnd() % 30) {
		i.src_reg = 0;
	}
	if (BPF_CLASS(i.code) % 4 == 0 || BPF_CLASS(i.code) == BPF_ALU64)
		i.off = 0;
	if (rnd() % 100 == 0)
		memset((u8 *)&i + rnd() % 8, (int)rnd(), 1);
	return i;
}

static u32 random_program(struct bpf_insn *p)
{
	u32 n = 4 + rnd() % (MAX - 4);

	for (u32 k = 0; k + 1 < n; k++) {
		p[k] = random_insn();
		if (bpf_is_wide(&p[k]) && k + 2 < n)
			p[++k] = (struct bpf_insn){ .imm = (i32)rnd() };
	}
	p[n - 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	return n;
}

static int helper(void *ctx, const struct bpf_insn *call, const u64 *arg, u64 *r0)
{
	*r0 = arg[0] + (u64)call->imm;
	return 0;
}
static u64 address(void *ctx, const struct bpf_insn *call) { return 0xffff800012345678; }

static int interpret(const struct bpf_insn *p, u32 n)
{
	u8 *mem = calloc(1, 24), *constant = calloc(1, 16);	/* its ends are watched */
	struct bpf_region regions[] = { { (u64)mem, 24, true }, { (u64)constant, 16, false } };
	struct bpf_machine m = { .insns = p, .n = n, .stack = stack, .budget = 300, .checked = true,
		.regions = regions, .n_regions = 2, .helper = helper };
	u64 r0;
	int err = bpf_interpret(&m, (u64)mem + rnd() % 32, (u64)constant, &r0);

	for (u32 k = 0; k < 16; k++)
		assert_int_equal(constant[k], 0);
	if (err != -ELOOP)
		assert_in_range(m.pc, 0, n - 1);
	free(mem);
	free(constant);
	return err;
}

static const struct bpf_jit_tail tail = { .max_entries = 4, .slots = 16, .entry = 24 };

static void compile(const struct bpf_insn *p, u32 n, const u8 *mark)
{
	struct bpf_jit_place *place = calloc(n + 1, sizeof(*place));
	struct bpf_jit_opts opts = { .base = 0xffff800010000000, .lse = rnd() & 1, .bti = rnd() & 1,
		.near = rnd() & 1, .blind = rnd() & 1, .blind_seed = rnd() | 1, .address = address,
		.tail = rnd() & 1 ? &tail : NULL };
	struct bpf_jit jit = { .insns = p, .n = n, .mark = mark, .opts = &opts, .place = place };
	int err = bpf_jit_layout(&jit);
	u32 *image;
	struct bpf_jit_fixup *fixups;

	if (!err) {
		image = malloc(jit.size);	/* exactly: AddressSanitizer guards the end */
		fixups = malloc(jit.n_fixups * sizeof(*fixups));
		memset(image, 0xff, jit.size);
		assert_int_equal(bpf_jit_emit(&jit, image, fixups), 0);
		for (u32 w = 0; w < jit.size / 4; w++)
			assert_int_not_equal(image[w], A64_BAD);
		for (u32 k = 0; k < jit.n_fixups; k++)
			assert_true(fixups[k].resume <= jit.size &&
				    fixups[k].at + 4 == fixups[k].resume);
		/* Anything that changed in between is noticed, and nothing is written behind the
		 * end. */
		opts.bti = !opts.bti;
		assert_int_equal(bpf_jit_emit(&jit, image, fixups), -EINVAL);
		free(image);
		free(fixups);
	} else {
		assert_int_equal(err, -EINVAL);	/* maps, unknown pseudo addresses */
	}
	free(place);
}

static void random_programs(void **unused)
{
	struct bpf_insn p[MAX];
	u8 mark[MAX];
	u32 at, formed = 0, ended = 0;

	for (int round = 0; round < 150000; round++) {
		u32 n = random_program(p);
		int err = bpf_isa_check(p, n, rnd() & 1, mark, &at);

		assert_true(at < n);
		if (err)
			continue;
		formed++;
		ended += !interpret(p, n);
		compile(p, n, mark);
	}
	print_message("%u of the right form, %u ran to their end\n", formed, ended);
	assert_true(formed > 2000 && ended > 500);
}

static void random_bytes(void **unused)
{
	struct bpf_insn p[8];
	u8 mark[8];
	u32 at;

	for (int round = 0; round < 400000; round++) {
		u32 n = 1 + rnd() % 8;

		for (u32 k = 0; k < n; k++) {
			u64 v = rnd();

			memcpy(&p[k], &v, 8);
		}
		if (!bpf_isa_check(p, n, true, mark, &at)) {
			interpret(p, n);
			compile(p, n, mark);
		}
	}
}

/* Every opcode with empty and full fields: accepted only if the table of RFC 9669 (appendix A) has
 * it. The number of opcodes is the table's, without its packet loads. */
static void opcodes(void **unused)
{
	static const i32 imms[] = { 0, 1, 16, 0xe1, BPF_LOAD_ACQ };
	u32 found = 0;

	for (u32 code = 0; code < 256; code++) {
		bool any = false;

		for (u32 k = 0; k < 5; k++) {
			struct bpf_insn p[3] = { { .code = (u8)code, .imm = imms[k] } };
			u8 mark[3];
			u32 at;

			p[1].code = code == 0x18 ? 0 : BPF_JMP | BPF_EXIT;
			p[2].code = BPF_JMP | BPF_EXIT;
			any |= !bpf_isa_check(p, code == 0x18 ? 3 : 2, false, mark, &at);
		}
		found += any;
	}
	/* 12 operations in two widths and two operands, neg in two widths, three byte orders; 11
	 * conditions likewise; ja, gotol, call, exit; lddw; 4 + 3 loads, 8 stores, 4 atomics (two
	 * of them only for the ordered accesses that came after the RFC). */
	assert_int_equal(found, 48 + 2 + 3 + 44 + 4 + 1 + 7 + 8 + 4);
}

static u64 run(const struct bpf_insn *p, u32 n, u64 budget, int want, bool with_helper)
{
	struct bpf_machine m = {.insns = p,
				.n = n,
				.stack = stack,
				.budget = budget,
				.checked = true,
				.helper = with_helper ? helper : NULL};
	u64 r0 = 0;

	assert_int_equal(bpf_interpret(&m, 0, 0, &r0), want);
	return r0;
}

static void ends(void **unused)
{
	struct bpf_insn forever[] = { { .code = BPF_JMP | BPF_JA, .off = -1 } };
	struct bpf_insn deeper[] = { { .code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = -1 },
				     { .code = BPF_JMP | BPF_EXIT } };
	struct bpf_insn null[] = {{.code = BPF_LDX | BPF_MEM | BPF_B},
				  {.code = BPF_JMP | BPF_EXIT}};
	struct bpf_insn beyond[] = {{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -7},
				    {.code = BPF_JMP | BPF_EXIT}};
	struct bpf_insn crooked[] = {{.code = 0xdb, .dst_reg = 10, .off = -15},
				     {.code = BPF_JMP | BPF_EXIT}};
	struct bpf_insn call[] = {{.code = BPF_JMP | BPF_CALL, .imm = 6},
				  {.code = BPF_JMP | BPF_EXIT}};

	run(forever, 1, 1000, -ELOOP, true);
	run(deeper, 2, 1000, -E2BIG, true);
	run(null, 2, 1000, -EFAULT, true);
	run(beyond, 2, 1000, -EFAULT, true);
	run(crooked, 2, 1000, -EFAULT, true);
	run(call, 2, 1000, -EINVAL, false);
	assert_int_equal(run(call, 2, 1000, 0, true), 6);
}

static int to_second(void *ctx, const u64 *arg, const struct bpf_insn **insns, u32 *n)
{
	if (arg[2])
		return 0;
	*insns = ctx;
	*n = 2;
	return 1;
}

static void tail_calls(void **unused)
{
	struct bpf_insn second[] = {{.code = BPF_ALU64 | BPF_MOV, .imm = 22},
				    {.code = BPF_JMP | BPF_EXIT}};
	struct bpf_insn first[] = {{.code = BPF_ALU64 | BPF_MOV, .dst_reg = 3, .imm = 0},
				   {.code = BPF_JMP | BPF_CALL, .imm = BPF_TAIL_CALL},
				   {.code = BPF_ALU64 | BPF_MOV, .imm = 11},
				   {.code = BPF_JMP | BPF_EXIT}};
	u64 r0 = 0;

	for (int other = 0; other < 2; other++) {
		struct bpf_machine m = { .insns = first, .n = 4, .stack = stack, .budget = 99,
					 .tail = to_second, .ctx = second };

		first[0].imm = other;
		assert_int_equal(bpf_interpret(&m, 0, 0, &r0), 0);
		assert_int_equal(r0, other ? 11 : 22);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opcodes),	  cmocka_unit_test(ends),
		cmocka_unit_test(tail_calls),	  cmocka_unit_test(random_bytes),
		cmocka_unit_test(random_programs),
	};

	return cmocka_run_group_tests_name("bpf", tests, NULL, NULL);
}
