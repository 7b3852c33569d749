/* SPDX-License-Identifier: BSD-2-Clause */
/* The verifier's rules, each kept and broken: what it says, and that what it accepts is of the right
 * form. (Whether it is right to accept is tests/fuzz/fuzz_verify.c's question.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <errno.h>
#include <cmocka.h>
#include <bpf/bprintf.h>
#include <bpf/simplify.h>
#include "../bpf/asm.h"
#include "bpf_maps.h"

#define MAX	4096
enum { SKB, XDP, SYSCALL, TRACING, UNPRIV = 16, STRICT = 32, OFTEN = 64, /* points wherever paths meet */
       RETURNED = 128 /* TRACING: the function has returned */, CLOSED = 256 /* not GPL */,
       HIDES = 512 /* pointers may not leak */ };

struct verify_case {
	const char *name;
	u32 how;
	const char *text;
	int err;
	const char *says;	/* in the log */
};

#include "bpf_cases.h"

static char text[1 << 16];
static struct bpf_func_desc *descs;
static u32 n_descs;

static int load(const struct bpf_insn *p, u32 n, u32 how, u32 level, struct bpf_verified *out)
{
	static const u32 types[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP,
				     BPF_PROG_TYPE_SYSCALL, BPF_PROG_TYPE_TRACING };
	struct bpf_log log = { .level = level, .buf = text, .size = sizeof(text) };
	struct bpf_prog_load_in in = { .prog_type = types[how & 3], .insns = p, .n = n,
		.unprivileged = how & UNPRIV, .hides = how & HIDES,
		.gpl = !(how & CLOSED), .log = &log, .ops = &test_ops,
		.ctx_proto = (how & 3) == TRACING ? TEST_PROTO : 0, .ctx_value = how & RETURNED,
		.prog_flags = (how & STRICT ? BPF_F_STRICT_ALIGNMENT : 0) |
			      (how & OFTEN ? BPF_F_TEST_STATE_FREQ : 0),
		.funcs = descs, .n_funcs = n_descs };
	u32 size;
	int err = bpf_verify(&in, out);

	bpf_log_end(&log, &size);
	return err;
}

/* The verdict is the same whatever is said of it, and nothing stays allocated. */
static bool run_case(const struct verify_case *c)
{
	struct bpf_insn *p = malloc(MAX * sizeof(*p));
	u32 n = assemble(c->text, p, MAX, test_map_named);
	bool good = true;

	for (i32 level = c->err == -E2BIG ? 0 : 2; level >= 0; level--) {
		struct bpf_verified out;
		u8 mark[2 * MAX];
		u32 at;
		int err = load(p, n, c->how, (u32)level, &out);

		if (err != c->err || (level && c->says && !strstr(text, c->says))) {
			print_message("%s: %d, not %d with \"%s\"; the log:\n%s\n", c->name, err,
				      c->err, c->says ? c->says : "", level ? text : "");
			good = false;
		}
		if (!err) {
			if (bpf_isa_check(out.insns, out.n, true, mark, &at) ||
			    memcmp(mark, out.mark, out.n))
				fail_msg("%s: bad form at %u", c->name, at);
			bpf_verified_free(&test_ops, &out);
		}
		assert_int_equal(test_alloc.live, 0);
		if (!good)
			break;
	}
	free(p);
	return good;
}

/* What nobody else may leak he may not who may call and loop. */
static bool run_hiding(const struct verify_case *c)
{
	struct verify_case hiding = *c;

	if (!(c->how & UNPRIV) || c->err != -EACCES)
		return true;
	hiding.how ^= UNPRIV | HIDES;
	return run_case(&hiding);
}

static void table(void **unused)
{
	u32 wrong = 0;

	for (u32 k = 0; k < sizeof(cases) / sizeof(*cases); k++)
		wrong += !run_case(&cases[k]) + !run_hiding(&cases[k]);
	print_message("%zu programs\n", sizeof(cases) / sizeof(*cases));
	assert_int_equal(wrong, 0);
}

/* Global functions are verified by themselves and called by their declaration. */
static const struct {
	const char *text;
	int err;
	const char *says;
} globals[] = {
#define LOOSE	"*(u32 *)(r10 - 4) = 0; r2 = r10; r2 += -4; r1 = map loose; call map_lookup_elem; if r0 != 0 goto L; exit;" \
		"L: r6 = r0; "
	{ "r1 = 3; r2 = 0; call F; exit; F: r0 = r1; exit", 0, NULL },
	{ "r1 = 3; r2 = 0; call F; exit; F: r0 = r2; r0 = *(u64 *)(r0 + 0); exit", -EACCES,
	  "R0 invalid mem access 'mem_or_null'" },
	{ "r1 = 3; r2 = 0; call F; exit; F: r0 = 0; if r2 == 0 goto L; r0 = *(u64 *)(r2 + 8); L: exit", 0,
	  NULL },
	{ "r1 = 3; r2 = 0; call F; exit; F: r0 = 0; if r2 == 0 goto L; r0 = *(u64 *)(r2 + 9); L: exit",
	  -EACCES, "invalid access to memory, mem_size=16 off=9 size=8" },
	{ "r1 = r10; r2 = 0; call F; exit; F: r0 = r1; exit", -EINVAL, "R1 is not a scalar" },
	{ "r1 = 3; r2 = r10; r2 += -8; call F; exit; F: r0 = r1; exit", -EINVAL,
	  "invalid read from stack R2 off=-8 size=16" },
	{ "*(u64 *)(r10 - 16) = 3; r1 = 3; r2 = r10; r2 += -16; call F; r1 = *(u64 *)(r10 - 16);"
	  "r2 = value global + 0; r2 += r1; r0 = *(u8 *)(r2 + 0); exit; F: r0 = r1; exit",
	  -EACCES, "unbounded min value" },
	{ "r1 = 3; r2 = 0; call F; r1 = value global + 0; r1 += r0; r0 = *(u8 *)(r1 + 0); exit; F: r0 = 1; exit",
	  -EACCES, "unbounded min value" },
	{ "r1 = 3; r2 = 0; call F; exit; F: r0 = r3; exit", -EACCES, "R3 !read_ok" },
	/* one that sleeps */
	{ LOOSE "r1 = 3; r2 = 0; call F; r0 = *(u64 *)(r6 + 0); exit; F: r1 = 7; call sys_close; exit", -EACCES,
	  "R6 invalid mem access 'scalar'" },
	{ LOOSE "r1 = 3; r2 = r6; call F; exit; F: r1 = 7; call sys_close; exit", -EACCES,
	  "R2 may be freed while the function sleeps" },
	{ LOOSE "r1 = 3; r2 = r6; call F; r0 = *(u64 *)(r6 + 0); exit; F: r1 = 7; call ktime_get_ns; exit", 0, NULL },
	{ "r1 = 3; r2 = 0; call F; exit; F: r0 = r10; exit", -EINVAL,
	  "At subprogram exit the register R0 is not a known value (fp)" },
	{ "r1 = 3; r2 = 0; call F; exit; F: r1 = 3; r2 = 0; call F; exit", -E2BIG, "the call stack of 9 frames is too deep" },
	/* one that uses memory atomically gets what is aligned */
#define ATOMIC	"F: r0 = 0; if r2 == 0 goto L; lock *(u64 *)(r2 + 8) += r1; L: exit"
	{ "r1 = 3; r2 = r10; r2 += -24; call F; exit; " ATOMIC, 0, NULL },
	{ "r1 = 3; r2 = r10; r2 += -20; call F; exit; " ATOMIC, -EACCES, "misaligned stack access off -20 size 8" },
	{ "r1 = 3; r2 = value global + 4; call F; exit; " ATOMIC, -EACCES, "misaligned value access off 4 size 8" },
	{ "r1 = 3; r2 = value global + 4; call F; exit; F: call G; exit; G: r1 = r10; r0 = 0; *(u64 *)(r10 - 8) = 0; lock *(u64 *)(r1 - 8) += r0; exit", -EACCES,
	  "misaligned value access off 4 size 8" },
	{ "r1 = 3; r2 = r10; r2 += -20; call F; exit; F: r0 = 0; if r2 == 0 goto L; *(u64 *)(r2 + 8) = r1; L: exit", 0, NULL },
	{ "r1 = 3; r2 = 0; call F; exit; F: r0 = 0; if r2 == 0 goto L; lock *(u32 *)(r2 + 6) += r1; L: exit", -EACCES, "misaligned pointer access off 6 size 4" },
	/* one that makes tail calls: its first argument is the context */
#define LEAVES_	"F: r2 = map progs; r3 = 1; call tail_call; r0 = 0; exit"
	{ "r2 = 0; call F; exit; " LEAVES_, 0, NULL },
	{ "*(u64 *)(r10 - 8) = r1; r1 = 1; r2 = func C; r3 = r10; r3 += -8; r4 = 0; call loop; r0 = 0; exit;"
	  "C: r1 = *(u64 *)(r2 + 0); r2 = 0; call F; r0 = 0; exit; " LEAVES_, -EINVAL, "cannot tail call within callback" },
	/* what changes the packet may be far from who calls it: addresses of functions are returned */
	{ "r6 = r1; r7 = *(u32 *)(r1 + 0); r8 = *(u32 *)(r1 + 4); r2 = r7; r2 += 8; r0 = 0; if r2 > r8 goto L; r2 = 0; call F; r0 = *(u8 *)(r7 + 0); L: exit;"
	  "F: *(u64 *)(r10 - 8) = r1; call A; r2 = r0; r1 = 1; r3 = r10; r3 += -8; r4 = 0; call loop; r0 = 0; exit;"
	  "A: call B; exit; B: call C; exit; C: call D; exit; D: call E; exit; E: r0 = func G; exit;"
	  "G: r6 = r2; call H; r2 = r0; r1 = 1; r3 = r6; r4 = 0; call loop; r0 = 0; exit; H: call I; exit; I: call J; exit; J: call K; exit; K: r0 = func M; exit;"
	  "M: r1 = *(u64 *)(r2 + 0); r2 = 0; call xdp_adjust_head; r0 = 0; exit", -EACCES, "R7 invalid mem access 'scalar'" },
};

/* A global function that is never called is not looked at, and is not in what runs. */
static void uncalled_functions(void **unused)
{
	static const struct {
		const char *text;
		int err;
		u32 n;
	} programs[] = {
		{ "r0 = 1; if r0 == 1 goto L; call F; L: exit; F: r0 = r9; exit", 0, 2 },
		{ "call G; exit; G: r0 = 1; exit; F: call G; r0 = r9; exit", -EINVAL, 0 },
		{ "r0 = 1; if r0 == 1 goto L; call F; L: exit; G: r0 = r9; exit; F: call G; exit", 0, 2 },
		{ "call F; exit; G: r0 = r9; exit; F: call G; exit", -EACCES, 0 },
		{ "call F; exit; G: r0 = 2; exit; F: call G; exit", 0, 6 },
		/* what is read from a frozen map decides branches, by whatever width it is read */
		{ "r1 = value const + 0; r1 = *(u8 *)(r1 + 1); r0 = 2; if r1 == 0 goto L; call F; L: exit;"
		  "F: r0 = r9; exit", 0, 5 },
	};
	struct bpf_func_desc d[4];

	descs = d;
	for (u32 k = 0; k < sizeof(programs) / sizeof(*programs); k++) {
		struct bpf_verified out;
		struct bpf_insn p[64];
		u32 n = assemble(programs[k].text, p, 64, test_map_named);
		int err;

		n_descs = 0;	/* what is behind an exit is a function here */
		for (u32 pc = 0; pc + 1 < n; pc++)
			if (p[pc].code == (BPF_JMP | BPF_EXIT))
				d[n_descs++] = (struct bpf_func_desc){ .insn = pc + 1, .global = true };
		err = load(p, n, SKB, 0, &out);
		if (err != programs[k].err || (!err && out.n != programs[k].n))
			fail_msg("%s: %d, %u", programs[k].text, err, out.n);
		if (!err)
			bpf_verified_free(&test_ops, &out);
		assert_int_equal(test_alloc.live, 0);
	}
	n_descs = 0;
}

/* The function that is called first is global. */
static void global_functions(void **unused)
{
	struct bpf_func_desc d = { .global = true, .n_args = 2, .arg = { { BPF_FARG_SCALAR, 0 },
				   { BPF_FARG_MEM, 16 } } };
	u32 wrong = 0;

	for (u32 k = 0; k < sizeof(globals) / sizeof(*globals); k++) {
		const char *text_of = globals[k].text;
		struct verify_case c = { text_of, strstr(text_of, "sys_") ? SYSCALL : strstr(text_of, "xdp_") ? XDP : SKB,
					 text_of, globals[k].err, globals[k].says };
		bool ctx = strstr(text_of, "tail_call") || strstr(text_of, "xdp_");
		struct bpf_insn p[128];
		u32 n = assemble(c.text, p, 128, test_map_named), pc = 0;

		while (pc < n && !bpf_is_local_call(&p[pc]))
			pc++;
		d.insn = pc + 1 + (u32)p[pc].imm;
		d.arg[0].kind = ctx ? BPF_FARG_CTX : BPF_FARG_SCALAR;
		descs = &d;
		n_descs = 1;
		wrong += !run_case(&c);
	}
	n_descs = 0;
	assert_int_equal(wrong, 0);
}

/* The last line of a log tells why, however much was said before. */
static void too_large(void **unused)
{
	struct bpf_insn p[8];
	struct bpf_verified out;
	u32 n = assemble("r0 = 0; L: r0 += 1; goto L", p, 8, test_map_named);

	assert_int_equal(load(p, n, SKB, 4, &out), -E2BIG);
	assert_non_null(strstr(text, "BPF program is too large. Processed 1000001 insn"));
}

/* Functions in one another with all of their stacks in use, then branches both ways of which are
 * possible: the states that are put aside, 80 KiB each, do not take all memory there is. */
static void large_states(void **unused)
{
	enum { DEPTH = 8, BRANCHES = 4000, N = 4 * BRANCHES };
	struct bpf_insn *p = calloc(N, sizeof(*p));
	struct bpf_verified out;
	u32 n = 0;

	for (u32 f = 0; f < DEPTH; f++) {
		p[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_prandom_u32 };
		for (i16 off = -512; off; off += 8)
			p[n++] = (struct bpf_insn){ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .off = off };
		for (u32 k = 0; f == DEPTH - 1 && k < BRANCHES; k++) {
			p[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_JEQ, .off = 1, .imm = (i32)k };
			p[n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV, .dst_reg = 7 };
		}
		if (f < DEPTH - 1)
			p[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1 };
		p[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	}
	test_alloc.peak = 0;
	assert_int_equal(load(p, n, XDP, 1, &out), -E2BIG);
	assert_non_null(strstr(text, "too complex: more than 128 MiB of states"));
	assert_in_range(test_alloc.peak, 100 << 20, 140 << 20);
	free(p);
}

/* Which registers are read later is found out in a time that goes with the program's length, also
 * where every way leads backwards: 100,000 blocks, each to the one before. */
static void ways_back(void **unused)
{
	enum { BLOCKS = 100000, N = 2 * BLOCKS + 4 };
	struct bpf_insn *p = calloc(N, sizeof(*p));
	struct bpf_simplify_work *work = calloc(N + 1, sizeof(*work));
	struct bpf_verified out;
	clock_t start = clock();
	u32 n = assemble("r6 = 1; gotol L; L: r0 = r6; exit", p, N, test_map_named);

	p[1].imm = N - 4;
	for (; n < N; n += 2) {
		p[n] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1 };
		p[n + 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = -4 };
	}
	assert_int_equal(load(p, n, SKB, 0, &out), 0);
	assert_int_equal(out.n, N);
	/* nobody reads r1, but that is not found out */
	assert_int_equal(bpf_simplify(out.insns, out.n, out.mark, work), N);
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	bpf_verified_free(&test_ops, &out);
	free(work);
	free(p);
}

static u32 asked;
static int at_last(void *ctx) { return ++asked == 20 ? -EINTR : 0; }

/* A callback that never does the same twice: no more of its states are kept, and looked through, than
 * are of use. */
static void rounds_that_differ(void **unused)
{
	struct bpf_insn p[32];
	struct bpf_verified out;
	u32 n = assemble("r7 = value global + 0; *(u64 *)(r10 - 8) = r7; r1 = 10; r2 = func F; r3 = r10;"
			 "r3 += -8; r4 = 0; call loop; r0 = 0; exit;"
			 "F: r3 = *(u64 *)(r2 + 0); r3 += 1; *(u64 *)(r2 + 0) = r3; r0 = 0; exit",
			 p, 32, test_map_named);

	asked = 0;
	test_ops.interrupted = at_last;
	assert_int_equal(load(p, n, SKB, 4, &out), -EINTR);
	test_ops.interrupted = NULL;
	if (!strstr(text, "processed 20480 insns") || !strstr(text, "max_states_per_insn 1024"))
		fail_msg("%s", text);
}

/* What is loaded is what the program was, without what never runs, and with the context's fields
 * where the kernel has them. */
static const struct {
	u32 how;
	const char *before, *after;
} rewritten[] = {
	{ SKB, "r0 = 1; if r0 == 1 goto L; r0 = 2; L: exit", "r0 = 1; exit" },
	{ SKB, "r0 = 1; goto M; L: exit; M: if r0 == 1 goto L; r0 = 2; exit",
	  "r0 = 1; goto M; L: exit; M: goto L" },
	{ SKB, "r0 = 1; if r0 == 2 goto L; r0 = 2; L: exit", "r0 = 1; r0 = 2; exit" },
	{ SKB, "r0 = *(u32 *)(r1 + 0); exit", "r0 = *(u32 *)(r1 + 16); exit" },
	{ SKB, "r0 = *(u8 *)(r1 + 3); exit", "r0 = *(u8 *)(r1 + 19); exit" },
	{ SKB, "*(u32 *)(r1 + 52) = 7; r0 = 0; exit", "*(u32 *)(r1 + 68) = 7; r0 = 0; exit" },
	{ XDP, "r0 = *(u32 *)(r1 + 4); r0 = 0; exit", "r0 = *(u64 *)(r1 + 8); r0 = 0; exit" },
	{ SKB, "r6 = r1; r0 = *(u16 *)skb[7]; exit",
	  "r6 = r1; w2 = 7; r1 = r6; call #65537; if r0 s>= 0 goto L; w0 = 0; exit; L: exit" },
	{ SKB, "r6 = r1; r7 = 1; L: r0 = *(u32 *)skb[r7 + 7]; r7 += 1; if r7 < 3 goto L; exit",
	  "r6 = r1; r7 = 1; L: w2 = w7; w2 += 7; r1 = r6; call #65538; if r0 s>= 0 goto M; w0 = 0; exit;"
	  "M: r7 += 1; if r7 < 3 goto L; exit" },
	{ SKB, "r0 = 0; if r0 != 0 goto L; call F; exit; L: call G; exit; G: r0 = 1; exit; F: r0 = 2; exit",
	  "r0 = 0; call F; exit; F: r0 = 2; exit" },
	{ SKB, "r1 = func F; r0 = 0; exit; F: r0 = 0; exit", "r1 = 0; r0 = 0; exit" },
	{ SYSCALL, "r0 = *(u64 *)(r1 + 8); exit", "r0 = *(u64 *)(r1 + 8); exit" },
};

static void rewriting(void **unused)
{
	for (u32 k = 0; k < sizeof(rewritten) / sizeof(*rewritten); k++) {
		struct bpf_insn p[64], want[64];
		u32 n = assemble(rewritten[k].before, p, 64, test_map_named);
		u32 m = assemble(rewritten[k].after, want, 64, test_map_named);
		struct bpf_verified out;

		assert_int_equal(load(p, n, rewritten[k].how, 1, &out), 0);
		if (out.n != m || memcmp(out.insns, want, m * sizeof(*want)))
			fail_msg("%s", rewritten[k].before);
		for (u32 i = 0; i < m; i++)
			assert_true(out.origin[i] < n && (!i || out.origin[i] >= out.origin[i - 1]));
		bpf_verified_free(&test_ops, &out);
	}
}

/* Every allocation fails once: nothing is lost, nothing is accepted. */
static void out_of_memory(void **unused)
{
	for (u32 k = 0; k < sizeof(cases) / sizeof(*cases); k += 5) {
		struct bpf_insn p[64];
		u32 n = assemble(cases[k].text, p, 64, test_map_named);
		i64 at = 0;

		if (cases[k].err == -E2BIG)
			continue;
		for (;; at++) {
			struct bpf_verified out;
			int err;

			test_alloc.fail_at = at;
			err = load(p, n, cases[k].how, 0, &out);
			if (!err)
				bpf_verified_free(&test_ops, &out);
			assert_int_equal(test_alloc.live, 0);
			if (test_alloc.fail_at >= 0)
				break;
			assert_int_equal(err, -ENOMEM);
		}
		test_alloc.fail_at = -1;
		assert_in_range(at, 1, 10000);
	}
}

/* The log keeps its end, or, if that is asked for, its beginning. */
static void logs(void **unused)
{
	for (u32 size = 1; size < 40; size++) {
		for (u32 fixed = 0; fixed < 2; fixed++) {
			char buf[40], all[64] = "";
			struct bpf_log log = { .level = 1 | fixed * BPF_LOG_FIXED, .buf = buf,
					       .size = size };
			u32 want, n;

			for (u32 k = 0; k < 9; k++) {
				bpf_log_put(&log, "%u+", k * k);
				sprintf(all + strlen(all), "%u+", k * k);
			}
			n = (u32)strlen(all);
			assert_int_equal(bpf_log_end(&log, &want), n + 1 > size ? -ENOSPC : 0);
			assert_int_equal(want, n + 1);
			if (fixed || n + 1 <= size) {
				all[min(n, size - 1)] = 0;
				assert_string_equal(buf, all);
			} else {
				assert_string_equal(buf, all + n - (size - 1));
			}
		}
	}
}

static void log_forgets(void **unused)
{
	char buf[8];
	struct bpf_log log = { .level = 1, .buf = buf, .size = sizeof(buf) };
	u32 size;

	bpf_log_put(&log, "ab");
	bpf_log_put(&log, "cd");
	bpf_log_reset(&log, 2);
	bpf_log_put(&log, "ef");
	bpf_log_end(&log, &size);
	assert_string_equal(buf, "abef");
	log = (struct bpf_log){ .level = 1, .buf = buf, .size = sizeof(buf) };
	bpf_log_put(&log, "ab");
	bpf_log_put(&log, "0123456789");	/* overwrites the first two */
	bpf_log_reset(&log, 2);
	bpf_log_put(&log, "x");
	bpf_log_end(&log, &size);
	assert_string_equal(buf, "x");
}

/* However wide a number is asked for: who asks does not wait long. */
static void wide_formats(void **unused)
{
	static const struct bpf_bprintf_ops ops = { 0 };
	static const struct { const char *fmt; i64 len; const char *text; } cases_[] = {
		{ "%5d", 5, "   42" }, { "%-5d|", 6, "42   |" }, { "%05d", 5, "00042" }, { "%+d", 3, "+42" },
		{ "%4096d", 4096, NULL }, { "%2147483647d", 8388607, NULL }, { "%-99999999999999999999x", 8388607, NULL },
		{ "%0000000005d", 5, "00042" } };

	for (u32 k = 0; k < sizeof(cases_) / sizeof(*cases_); k++) {
		u64 arg = 42;
		char out[32];

		assert_int_equal(bpf_bprintf(out, sizeof(out), cases_[k].fmt, &arg, 1, &ops), cases_[k].len);
		if (cases_[k].text)
			assert_string_equal(out, cases_[k].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(global_functions), cmocka_unit_test(uncalled_functions),
		cmocka_unit_test(rewriting),
		cmocka_unit_test(too_large), cmocka_unit_test(large_states), cmocka_unit_test(ways_back),
		cmocka_unit_test(rounds_that_differ),
		cmocka_unit_test(out_of_memory), cmocka_unit_test(logs), cmocka_unit_test(log_forgets),
		cmocka_unit_test(wide_formats),
	};

	test_maps_init();
	return cmocka_run_group_tests_name("bpf_verify", tests, NULL, NULL);
}
