/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction encoder against the GNU assembler. Every form is sampled with operands in, at and
 * beyond the ends of their ranges. What the encoder gives must be what the assembler makes of the
 * text; what the encoder refuses the assembler must refuse, too (or warn of as unpredictable).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <insn/arm64.h>

#define TEXT_BASE	0x200000000ll	/* adrp wants room on both sides */
#define ROUNDS		300
#define LINES		400000

static char *good[LINES], *refused[LINES];
static u32 words[LINES];
static int n_good, n_refused;
static u64 seed = 88172645463325252ull;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* In [lo, hi], often at an end, sometimes a little outside. */
static i64 pick(i64 lo, i64 hi)
{
	switch (rnd() % 16) {
	case 0:
		return lo;
	case 1:
		return hi;
	case 2:
		return hi + 1 + (i64)(rnd() % 3);
	case 3:
		return lo >= 0 ? lo : lo - 1 - (i64)(rnd() % 3);
	default:
		return lo + (i64)(rnd() % (u64)(hi - lo + 1));
	}
}
static i64 pick_words(i64 limit)
{
	return rnd() % 20 ? 4 * pick(-limit, limit - 1) : pick(-99, 99);
}
static u32 reg(void) { return rnd() % 40 ? (u32)(rnd() % 32) : 32; }

static void say(u32 word, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(u32 word, const char *fmt, ...)
{
	va_list ap;
	char text[128];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_true(n_good < LINES && n_refused < LINES);
	if (word == A64_BAD) {
		refused[n_refused++] = strdup(text);
	} else {
		words[n_good] = word;
		good[n_good++] = strdup(text);
	}
}

/* Names of registers: 31 is zero or the stack pointer. Eight may be in use at once. */
static const char *name(char kind, u32 n, const char *last)
{
	static char ring[8][8];
	static int at;
	char *s = ring[at++ & 7];

	if (n == 31)
		snprintf(s, 8, *last == 's' ? (kind == 'x' ? "sp" : "wsp") : "%czr", kind);
	else
		snprintf(s, 8, "%c%u", kind, n);
	return s;
}
static const char *R(bool x, u32 n) { return name(x ? 'x' : 'w', n, "z"); }
static const char *S(bool x, u32 n) { return name(x ? 'x' : 'w', n, "s"); }

static const char *const shifts[] = { "lsl", "lsr", "asr", "ror" };
static const char *const extends[] = {
	"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"
};
static const char *const conds[] = {
	"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al"
};

static void arithmetic(bool x, u32 d, u32 n, u32 m)
{
	static const char *const ops[] = { "add", "adds", "sub", "subs" };
	u32 op = rnd() % 4, amount = (u32)pick(0, x ? 63 : 31), e = rnd() % 8, by = (u32)pick(0, 4);
	u64 imm = (u64)pick(0, 4095) << (rnd() % 3 ? 0 : 12);
	enum a64_shift shift = rnd() % 4;
	const char *rd = op & 1 ? R(x, d) : S(x, d);

	say(a64_addsub_imm(op, x, d, n, imm), "%s %s, %s, #%lu", ops[op], rd, S(x, n), imm);
	say(a64_addsub_reg(op, x, d, n, m, shift, amount), "%s %s, %s, %s, %s #%u", ops[op],
	    R(x, d), R(x, n), R(x, m), shifts[shift], amount);
	say(a64_addsub_ext(op, x, d, n, m, e, by), "%s %s, %s, %s, %s #%u", ops[op], rd, S(x, n),
	    R(x && (e & 3) == 3, m), extends[e], by);
}

static u64 mask_like(void)
{
	u32 size = 2u << rnd() % 6, ones = 1 + rnd() % size, turn = rnd() % size;
	u64 element = ones == 64 ? ~0ull : (1ull << ones) - 1, all = 0;

	if (turn)
		element = element << turn | element >> (size - turn);
	if (size < 64)
		element &= (1ull << size) - 1;
	for (u32 at = 0; at < 64; at += size)
		all |= element << at;
	return rnd() % 8 ? all : all ^ 1ull << rnd() % 64;
}

static void logic(bool x, u32 d, u32 n, u32 m)
{
	static const char *const ops[] = { "and", "orr", "eor", "ands" };
	static const char *const inverted[] = { "bic", "orn", "eon", "bics" };
	u32 op = rnd() % 4, amount = (u32)pick(0, x ? 63 : 31), shift = rnd() % 4;
	u64 imm = x ? mask_like() : (u32)mask_like();
	bool invert = rnd() & 1;

	say(a64_logic_imm(op, x, d, n, imm), "%s %s, %s, #0x%lx", ops[op],
	    op == A64_ANDS ? R(x, d) : S(x, d), R(x, n), imm);
	say(a64_logic_reg(op, x, invert, d, n, m, shift, amount), "%s %s, %s, %s, %s #%u",
	    (invert ? inverted : ops)[op], R(x, d), R(x, n), R(x, m), shifts[shift], amount);
}

static void moves(bool x, u32 d, u32 n, u32 m)
{
	static const char *const wide[] = { "movn", "", "movz", "movk" };
	static const char *const fields[] = { "sbfm", "bfm", "ubfm" };
	static const enum a64_wide wides[] = { A64_MOVN, A64_MOVZ, A64_MOVK };
	u32 op = wides[rnd() % 3], imm = (u32)pick(0, 65535), f = rnd() % 3, top = x ? 63 : 31;
	u32 shift = rnd() % 10 ? rnd() % 5 * 16 : rnd() % 64, r = (u32)pick(0, top),
	    s = (u32)pick(0, top), sh = rnd() % 4;

	say(a64_movw(op, x, d, imm, shift), "%s %s, #%u, lsl #%u", wide[op], R(x, d), imm, shift);
	say(a64_bitfield(f, x, d, n, r, s), "%s %s, %s, #%u, #%u", fields[f], R(x, d), R(x, n), r,
	    s);
	say(a64_shift_imm(sh, x, d, n, r), "%s %s, %s, #%u", shifts[sh], R(x, d), R(x, n), r);
	say(a64_extr(x, d, n, m, s), "extr %s, %s, %s, #%u", R(x, d), R(x, n), R(x, m), s);
}

static void sources(bool x, u32 d, u32 n, u32 m)
{
	static const char *const two[] = {
		[2] = "udiv", [3] = "sdiv", [8] = "lsl", [9] = "lsr", [10] = "asr", [11] = "ror"
	};
	static const enum a64_two twos[] = {
		A64_UDIV, A64_SDIV, A64_LSLV, A64_LSRV, A64_ASRV, A64_RORV
	};
	static const char *const one[] = { "rbit", "rev16", "rev32", "rev", "clz", "cls" };
	static const char *const select[] = { "csel", "csinc", "csinv", "csneg" };
	u32 op = twos[rnd() % 6], o = rnd() % 6, a = reg(), sub = rnd() & 1, sel = rnd() % 4,
	    cond = rnd() % 15;

	say(a64_two_source(op, x, d, n, m), "%s %s, %s, %s", two[op], R(x, d), R(x, n), R(x, m));
	say(a64_one_source(o, x, d, n), "%s %s, %s", one[o], R(x, d), R(x, n));
	say(a64_multiply(sub, x, d, n, m, a), "%s %s, %s, %s, %s", sub ? "msub" : "madd", R(x, d),
	    R(x, n), R(x, m), R(x, a));
	say(a64_mulh(sub, d, n, m), "%s %s, %s, %s", sub ? "smulh" : "umulh", R(1, d), R(1, n),
	    R(1, m));
	say(a64_cond_select(sel, x, d, n, m, cond), "%s %s, %s, %s, %s", select[sel], R(x, d),
	    R(x, n), R(x, m), conds[cond]);
}

static void addresses(bool x, u32 d, u32 n, u32 m)
{
	i64 off = pick(-(1 << 20), (1 << 20) - 1),
	    page = 4096 * (i64)((int)(rnd() % 0x1fffff) - 0xfffff);
	u32 word = a64_adrp(d, page);

	say(a64_adr(d, off), "adr %s, . + (%ld)", R(1, d), off);
	if (word != A64_BAD)
		say(word, "adrp %s, zero + 0x%llx", R(1, d),
		    ((TEXT_BASE + 4ll * n_good) & ~4095ll) + page);
	else
		assert_true(d > 31);
}

static const char *access_name(enum a64_ldst op, u32 size)
{
	static const char *const names[][4] = {
		[A64_STR] = { "strb", "strh", "str", "str" },
		[A64_LDR] = { "ldrb", "ldrh", "ldr", "ldr" },
		[A64_LDRS] = { "ldrsb", "ldrsh", "ldrsw", "none" },
		[A64_LDRSW] = { "ldrsb", "ldrsh", "none", "none" },
	};
	return size > 3 ? "none" : names[op][size];
}

static void accesses(bool x, u32 t, u32 n, u32 m)
{
	u32 op = rnd() % 4, size = (u32)pick(0, 3), e = rnd() % 8;
	bool wide = op == A64_LDRS || (op <= A64_LDR && size == 3), scaled = rnd() & 1;
	enum a64_index how = rnd() & 1 ? A64_POST : A64_PRE;
	u64 off = (u64)pick(0, 4095) << (size & 3);
	i64 near = pick(-256, 255);
	const char *s = access_name(op, size);
	char unscaled[8];

	if (rnd() % 10 == 0)
		off = off / 2 + 257;
	snprintf(unscaled, sizeof(unscaled), "%.2sur%s", s, s + 3);
	say(a64_ldst_imm(op, size, t, n, off), "%s %s, [%s, #%lu]", s, R(wide, t), S(1, n), off);
	say(a64_ldst_unscaled(op, size, t, n, near), "%s %s, [%s, #%ld]", unscaled, R(wide, t),
	    S(1, n), near);
	if (how == A64_PRE)
		say(a64_ldst_index(op, how, size, t, n, near), "%s %s, [%s, #%ld]!", s, R(wide, t),
		    S(1, n), near);
	else
		say(a64_ldst_index(op, how, size, t, n, near), "%s %s, [%s], #%ld", s, R(wide, t),
		    S(1, n), near);
	if (scaled)
		say(a64_ldst_reg(op, size, t, n, m, e, true), "%s %s, [%s, %s, %s #%u]", s,
		    R(wide, t), S(1, n), R((e & 3) == 3, m), e == 3 ? "lsl" : extends[e], size);
	else
		say(a64_ldst_reg(op, size, t, n, m, e, false), "%s %s, [%s, %s%s%s]", s, R(wide, t),
		    S(1, n), R((e & 3) == 3, m), e == 3 ? "" : ", ", e == 3 ? "" : extends[e]);
}

static void pairs(bool x, u32 t, u32 n, u32 m)
{
	bool load = rnd() & 1;
	i64 off = rnd() % 10 ? pick(-64, 63) * (x ? 8 : 4) : pick(-500, 500);
	const char *s = load ? "ldp" : "stp", *t1 = R(x, t), *t2 = R(x, m), *base = S(1, n);
	i64 lit = pick_words(1 << 18);

	say(a64_pair(load, x, A64_OFFSET, t, m, n, off), "%s %s, %s, [%s, #%ld]", s, t1, t2, base,
	    off);
	say(a64_pair(load, x, A64_PRE, t, m, n, off), "%s %s, %s, [%s, #%ld]!", s, t1, t2, base,
	    off);
	say(a64_pair(load, x, A64_POST, t, m, n, off), "%s %s, %s, [%s], #%ld", s, t1, t2, base,
	    off);
	say(a64_ldr_literal(x, t, lit), "ldr %s, . + (%ld)", t1, lit);
}

static void atomics(bool x, u32 t, u32 n, u32 m)
{
	static const char *const ops[] = {
		"ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax", "ldumin", "swp"
	};
	static const char *const ends[] = { "b", "h", "", "" };
	u32 size = rnd() % 4, op = rnd() % 9;
	bool a = rnd() & 1, l = rnd() & 1, w = size == 3;
	const char *e = ends[size];

	say(a64_atomic(op, a, l, size, m, t, n), "%s%s%s%s %s, %s, [%s]", ops[op], a ? "a" : "",
	    l ? "l" : "", e, R(w, m), R(w, t), S(1, n));
	say(a64_cas(a, l, size, m, t, n), "cas%s%s%s %s, %s, [%s]", a ? "a" : "", l ? "l" : "", e,
	    R(w, m), R(w, t), S(1, n));
	say(a64_ldx(a, size, t, n), "ld%sxr%s %s, [%s]", a ? "a" : "", e, R(w, t), S(1, n));
	say(a64_stx(l, size, m, t, n), "st%sxr%s %s, %s, [%s]", l ? "l" : "", e, R(0, m), R(w, t),
	    S(1, n));
	say(a64_load_acquire(size, t, n), "ldar%s %s, [%s]", e, R(w, t), S(1, n));
	say(a64_store_release(size, t, n), "stlr%s %s, [%s]", e, R(w, t), S(1, n));
}

static void branches(bool x, u32 t, u32 n, u32 m)
{
	static const char *const jumps[] = { "br", "blr", "ret" };
	i64 far = pick_words(1 << 25), mid = pick_words(1 << 18), near = pick_words(1 << 13);
	u32 cond = rnd() % 15, bit = (u32)pick(0, 63), jump = rnd() % 3;
	bool nz = rnd() & 1;

	say(a64_b(far), "b . + (%ld)", far);
	say(a64_bl(far), "bl . + (%ld)", far);
	say(a64_b_cond(cond, mid), "b.%s . + (%ld)", conds[cond], mid);
	say(a64_cbz(nz, x, t, mid), "cb%sz %s, . + (%ld)", nz ? "n" : "", R(x, t), mid);
	say(a64_tbz(nz, t, bit, near), "tb%sz %s, #%u, . + (%ld)", nz ? "n" : "", R(1, t), bit,
	    near);
	say(a64_jump_reg(jump, n), "%s %s", jumps[jump], R(1, n));
}

static void system_words(bool x, u32 t, u32 n, u32 m)
{
	static const char *const barriers[] = { [4] = "dsb", [5] = "dmb", [6] = "isb" };
	static const char *const hints[] = {
		[A64_NOP] = "nop", [A64_YIELD] = "yield", [A64_PACIASP] = "paciasp",
		[A64_AUTIASP] = "autiasp", [A64_BTI] = "bti", [A64_BTI_C] = "bti c",
		[A64_BTI_J] = "bti j", [A64_BTI_JC] = "bti jc"
	};
	u32 h = (u32)pick(0, 127), imm = (u32)pick(0, 65535), b = 4 + rnd() % 3;
	u32 domain = (u32)pick(0, 15);
	u32 op0 = 2 + rnd() % 2, op1 = rnd() % 8, crn = rnd() % 16, crm = rnd() % 16,
	    op2 = rnd() % 8;
	u32 sysreg = A64_SYSREG(op0, op1, crn, crm, op2);

	say(a64_hint(h), "hint #%u", h);
	if (h < sizeof(hints) / sizeof(*hints) && hints[h])
		say(a64_hint(h), ".arch_extension pauth; %s", hints[h]);
	if (b != A64_DSB || domain & 11)
		say(a64_barrier(b, domain), "%s #%u", barriers[b], domain);
	say(a64_brk(imm), "brk #%u", imm);
	say(a64_udf(imm), "udf #%u", imm);
	say(a64_mrs(t, sysreg), "mrs %s, s%u_%u_c%u_c%u_%u", R(1, t), op0, op1, crn, crm, op2);
	say(a64_msr(sysreg, t), "msr s%u_%u_c%u_c%u_%u, %s", op0, op1, crn, crm, op2, R(1, t));
}

static char dir[] = "/tmp/tine-insn-XXXXXX";
static const char *path(const char *file)
{
	static char buf[4][64];
	static int at;
	char *s = buf[at++ & 3];

	snprintf(s, 64, "%s/%s", dir, file);
	return s;
}

static int shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static void write_lines(const char *file, char **lines, int n)
{
	FILE *f = fopen(path(file), "w");

	assert_non_null(f);
	for (int i = 0; i < n; i++)
		if (lines[i])
			fprintf(f, "%s\n", lines[i]);
		else
			fputc('\n', f);
	fclose(f);
}
#define ASSEMBLE "aarch64-linux-gnu-as -march=armv8.5-a "

static void what_it_encodes(void **state)
{
	static u32 out[LINES + 1];
	FILE *f;

	write_lines("good.s", good, n_good);
	assert_int_equal(shell(ASSEMBLE "%s -o %s", path("good.s"), path("good.o")), 0);
	assert_int_equal(shell("cd %s && aarch64-linux-gnu-ld -Ttext=0x%llx -e 0 --defsym=zero=0 "
			       "good.o -o good.elf && "
			       "aarch64-linux-gnu-objcopy -O binary -j .text good.elf good.bin",
			       dir, TEXT_BASE),
			 0);
	f = fopen(path("good.bin"), "r");
	assert_non_null(f);
	assert_int_equal(fread(out, 4, (size_t)n_good + 1, f), n_good);
	fclose(f);
	for (int i = 0; i < n_good; i++)
		if (out[i] != words[i])
			fail_msg("%s is %08x, not %08x", good[i], out[i], words[i]);
	print_message("%d instructions\n", n_good);
}

/* The assembler stops early if a line cannot be read and does not look at offsets then: what it
 * named is taken out and the rest tried again. */
static void what_it_refuses(void **state)
{
	int total = n_refused, left = total, named = 1;
	char line[512];

	while (left && named) {
		FILE *f;

		named = 0;
		write_lines("bad.s", refused, total);
		shell(ASSEMBLE "%s -o %s 2>%s", path("bad.s"), path("bad.o"), path("bad.txt"));
		f = fopen(path("bad.txt"), "r");
		assert_non_null(f);
		while (fgets(line, sizeof(line), f)) {
			char *colon = strchr(line, ':');
			int number = colon ? atoi(colon + 1) : 0;

			if (number < 1 || number > total || !refused[number - 1] ||
			    (!strstr(line, "Error") && !strstr(line, "Warning")))
				continue;
			free(refused[number - 1]);
			refused[number - 1] = NULL;
			named++;
		}
		fclose(f);
		left -= named;
	}
	for (int i = 0; i < total; i++)
		if (refused[i])
			fail_msg("refused, but the assembler takes it: %s", refused[i]);
	print_message("%d refusals\n", total);
}

/* All bit masks there are, counted: 5334 of 64 bits, 1302 of 32. */
static void all_bit_masks(void **state)
{
	u32 found = 0, found32 = 0;

	for (u32 size = 2; size <= 64; size *= 2)
		for (u32 ones = 1; ones < size; ones++)
			for (u32 turn = 0; turn < size; turn++) {
				u64 e = (1ull << ones) - 1, all = 0;

				e = turn ? e << turn | e >> (size - turn) : e;
				if (size < 64)
					e &= (1ull << size) - 1;
				for (u32 at = 0; at < 64; at += size)
					all |= e << at;
				assert_int_not_equal(a64_bitmask(true, all), A64_BAD);
				found++;
				if (size < 64) {
					assert_int_not_equal(a64_bitmask(false, (u32)all), A64_BAD);
					found32++;
				}
			}
	assert_int_equal(found, 5334);
	assert_int_equal(found32, 1302);
	assert_int_equal(a64_bitmask(true, 0), A64_BAD);
	assert_int_equal(a64_bitmask(true, ~0ull), A64_BAD);
	assert_int_equal(a64_bitmask(false, ~0u), A64_BAD);
	assert_int_equal(a64_bitmask(false, 1ull << 32), A64_BAD);
}

/* What no line of assembly can say. */
static void further_refusals(void **state)
{
	assert_int_equal(a64_barrier(A64_DSB, 0), A64_BAD);
	assert_int_equal(a64_barrier(A64_DSB, 4), A64_BAD);
	assert_int_equal(a64_barrier(3, 1), A64_BAD);
	assert_int_equal(a64_adrp(0, 1ll << 32), A64_BAD);
	assert_int_equal(a64_adrp(0, -(1ll << 32) - 4096), A64_BAD);
	assert_int_equal(a64_adrp(0, 4097), A64_BAD);
	assert_int_not_equal(a64_adrp(0, -(1ll << 32)), A64_BAD);
	assert_int_equal(a64_b_cond(15, 0), A64_BAD);
	assert_int_equal(a64_cond_select(A64_CSEL, true, 0, 0, 0, 15), A64_BAD);
	assert_int_equal(a64_mrs(0, A64_SYSREG(1, 0, 0, 0, 0)), A64_BAD);
	assert_int_equal(a64_mrs(0, 1 << 16), A64_BAD);
	assert_int_equal(a64_b(1ll << 40), A64_BAD);
	assert_int_equal(a64_adr(0, 1ll << 40), A64_BAD);
	assert_int_equal(a64_ldst_index(A64_LDR, A64_OFFSET, 3, 0, 1, 8), A64_BAD);
	assert_int_equal(a64_addsub_imm(A64_ADD, true, 0, 0, ~0ull), A64_BAD);
}

static int sample(void **state)
{
	static void (*const forms[])(bool, u32, u32, u32) = {
		arithmetic, logic, moves, sources, addresses, accesses, pairs, atomics, branches,
		system_words,
	};

	for (int i = 0; i < ROUNDS; i++)
		for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++)
			forms[f](rnd() & 1, reg(), reg(), reg());
	return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state)
{
	for (int i = 0; i < n_good; i++)
		free(good[i]);
	for (int i = 0; i < n_refused; i++)
		free(refused[i]);
	return shell("rm -rf %s", dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_encodes),
		cmocka_unit_test(what_it_refuses),
		cmocka_unit_test(all_bit_masks),
		cmocka_unit_test(further_refusals),
	};

	return cmocka_run_group_tests_name("insn", tests, sample, clean);
}
