/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "asm.h"

enum { LABELS = 64 };

struct assembler {
	const char *text, *at;		/* the whole, for messages; where we are */
	struct bpf_insn *out;
	u32 n, room;
	int (*map)(const char *);
	u32 n_labels, n_uses;
	struct {
		char name[24];
		u32 at;
	} label[LABELS], use[LABELS];
};

static void bad(const struct assembler *a, const char *why)
{
	fprintf(stderr, "%s at \"%.30s\" of:\n%s\n", why, a->at, a->text);
	exit(2);
}

static void skip(struct assembler *a)
{
	while (*a->at == ' ' || *a->at == '\t')
		a->at++;
}

static bool eat(struct assembler *a, const char *word)
{
	size_t len = strlen(word);

	skip(a);
	if (strncmp(a->at, word, len))
		return false;
	if (isalnum((u8)word[len - 1]) && (isalnum((u8)a->at[len]) || a->at[len] == '_'))
		return false;
	a->at += len;
	return true;
}

static void need(struct assembler *a, const char *word)
{
	if (!eat(a, word))
		bad(a, word);
}

static const char *name_of(struct assembler *a, char *buf)
{
	u32 n = 0;

	skip(a);
	while ((isalnum((u8)*a->at) || *a->at == '_') && n < 23)
		buf[n++] = *a->at++;
	buf[n] = 0;
	if (!n)
		bad(a, "name");
	return buf;
}

static i64 number(struct assembler *a)
{
	bool minus = eat(a, "-");
	char *end;
	u64 v;

	eat(a, "+");
	skip(a);
	v = strtoull(a->at, &end, 0);
	if (end == a->at)
		bad(a, "number");
	a->at = end;
	return (i64)(minus ? -v : v);
}

static bool reg(struct assembler *a, char kind, u8 *r)
{
	char *end;

	skip(a);
	if (*a->at != kind || !isdigit((u8)a->at[1]))
		return false;
	*r = (u8)strtoul(a->at + 1, &end, 10);
	a->at = end;
	return true;
}

static struct bpf_insn *put(struct assembler *a, struct bpf_insn i)
{
	if (a->n >= a->room)
		bad(a, "room");
	a->out[a->n] = i;
	return &a->out[a->n++];
}

/* Remembers that the instruction to be put next leads to a label. */
static void use(struct assembler *a)
{
	if (a->n_uses >= LABELS)
		bad(a, "uses");
	name_of(a, a->use[a->n_uses].name);
	a->use[a->n_uses++].at = a->n;
}

static u8 size(struct assembler *a, bool *sign)
{
	*sign = eat(a, "s8") || eat(a, "s16") || eat(a, "s32") || eat(a, "s64");
	if (*sign)
		a->at -= isdigit((u8)a->at[-2]) ? 2 : 1;
	else if (!eat(a, "u8") && !eat(a, "u16") && !eat(a, "u32") && !eat(a, "u64"))
		bad(a, "size");
	else
		a->at -= isdigit((u8)a->at[-2]) ? 2 : 1;
	switch (number(a)) {
	case 8:
		return BPF_B;
	case 16:
		return BPF_H;
	case 32:
		return BPF_W;
	default:
		return BPF_DW;
	}
}

/* *(u32 *)(r1 + 4) behind the star. */
static struct bpf_insn place(struct assembler *a, u8 *base, bool *sign)
{
	struct bpf_insn i = { 0 };

	need(a, "(");
	i.code = size(a, sign);
	need(a, "*");
	need(a, ")");
	need(a, "(");
	if (!reg(a, 'r', base))
		bad(a, "register");
	i.off = (i16)number(a);
	need(a, ")");
	return i;
}

static const struct {
	const char *text;
	u8 op;
} alu_ops[] = { { "+=", BPF_ADD }, { "-=", BPF_SUB }, { "*=", BPF_MUL }, { "s/=", BPF_DIV },
		{ "/=", BPF_DIV }, { "|=", BPF_OR }, { "&=", BPF_AND }, { "s>>=", BPF_ARSH },
		{ "<<=", BPF_LSH }, { ">>=", BPF_RSH }, { "s%=", BPF_MOD }, { "%=", BPF_MOD },
		{ "^=", BPF_XOR } },
  conds[] = { { "==", BPF_JEQ }, { "!=", BPF_JNE }, { "s>=", BPF_JSGE }, { "s>", BPF_JSGT },
	      { "s<=", BPF_JSLE }, { "s<", BPF_JSLT }, { ">=", BPF_JGE }, { ">", BPF_JGT },
	      { "<=", BPF_JLE }, { "<", BPF_JLT }, { "&", BPF_JSET } };

static void atomic(struct assembler *a)
{
	bool fetch = eat(a, "fetch"), xchg = eat(a, "xchg"), cmpxchg = eat(a, "cmpxchg"), sign;
	struct bpf_insn i;
	u8 base;

	need(a, "*");
	i = place(a, &base, &sign);
	i.code |= BPF_STX | BPF_ATOMIC;
	i.dst_reg = base;
	i.imm = xchg ? BPF_XCHG : cmpxchg ? BPF_CMPXCHG : fetch ? BPF_FETCH : 0;
	if (!xchg && !cmpxchg)
		i.imm |= eat(a, "+=") ? BPF_ADD : eat(a, "|=") ? BPF_OR : eat(a, "&=") ? BPF_AND :
			 eat(a, "^=") ? BPF_XOR : (bad(a, "operation"), 0);
	if (!reg(a, 'r', &base))
		bad(a, "register");
	i.src_reg = base;
	put(a, i);
}

static void ordered(struct assembler *a, bool loads)
{
	struct bpf_insn i;
	u8 base, r = 0;
	bool sign;

	if (loads)
		reg(a, 'r', &r);
	need(a, "*");
	i = place(a, &base, &sign);
	if (!loads)
		reg(a, 'r', &r);
	i.code |= BPF_STX | BPF_ATOMIC;
	i.dst_reg = loads ? r : base;
	i.src_reg = loads ? base : r;
	i.imm = loads ? BPF_LOAD_ACQ : BPF_STORE_REL;
	put(a, i);
}

static void wide(struct assembler *a, u8 dst, u8 src, u64 v)
{
	put(a, (struct bpf_insn){ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = dst,
				  .src_reg = src, .imm = (i32)v });
	put(a, (struct bpf_insn){ .imm = (i32)(v >> 32) });
}

/* rN = ..., wN = ... behind the equals sign. */
static void assign(struct assembler *a, u8 class, char kind, u8 dst)
{
	char name[24];
	bool sign;
	u8 src;
	i64 v;

	if (eat(a, "*")) {
		struct bpf_insn i;

		if (strncmp(strchr(a->at, ')') + 1, "skb", 3) == 0) {
			need(a, "(");
			i = (struct bpf_insn){ .code = BPF_LD | size(a, &sign) };
			need(a, "*)skb[");
			i.code |= reg(a, 'r', &src) ? BPF_IND : BPF_ABS;
			i.src_reg = i.code & BPF_IND && BPF_MODE(i.code) == BPF_IND ? src : 0;
			i.imm = (i32)number(a);
			need(a, "]");
		} else {
			i = place(a, &src, &sign);
			i.code |= BPF_LDX | (sign ? BPF_MEMSX : BPF_MEM);
			i.dst_reg = dst;
			i.src_reg = src;
		}
		put(a, i);
	} else if (eat(a, "map")) {
		wide(a, dst, BPF_PSEUDO_MAP_FD, (u32)a->map(name_of(a, name)));
	} else if (eat(a, "value")) {
		u32 fd = (u32)a->map(name_of(a, name));

		wide(a, dst, BPF_PSEUDO_MAP_VALUE, fd | (u64)number(a) << 32);
	} else if (eat(a, "func")) {
		use(a);
		wide(a, dst, BPF_PSEUDO_FUNC, 0);
	} else if (eat(a, "be") || eat(a, "be16") || eat(a, "be32") || eat(a, "be64")) {
		a->at -= 2;
		v = number(a);
		reg(a, kind, &src);
		put(a, (struct bpf_insn){ .code = BPF_ALU | BPF_END | BPF_X, .dst_reg = dst,
					  .imm = (i32)v });
	} else if (eat(a, "(s")) {
		v = number(a);
		need(a, ")");
		reg(a, kind, &src);
		put(a, (struct bpf_insn){ .code = class | BPF_MOV | BPF_X, .dst_reg = dst,
					  .src_reg = src, .off = (i16)v });
	} else if (reg(a, kind, &src)) {
		put(a, (struct bpf_insn){ .code = class | BPF_MOV | BPF_X, .dst_reg = dst,
					  .src_reg = src });
	} else if (a->at[0] == '-' && a->at[1] == kind) {
		a->at++;
		reg(a, kind, &src);
		put(a, (struct bpf_insn){ .code = class | BPF_NEG, .dst_reg = dst });
	} else {
		v = number(a);
		if (eat(a, "ll"))
			wide(a, dst, 0, (u64)v);
		else
			put(a, (struct bpf_insn){ .code = class | BPF_MOV, .dst_reg = dst,
						  .imm = (i32)v });
	}
}

static void operate(struct assembler *a, char kind, u8 dst)
{
	struct bpf_insn i = { .code = kind == 'r' ? BPF_ALU64 : BPF_ALU, .dst_reg = dst };
	u8 src;

	for (u32 k = 0; k < sizeof(alu_ops) / sizeof(*alu_ops); k++) {
		if (!eat(a, alu_ops[k].text))
			continue;
		i.code |= alu_ops[k].op;
		i.off = alu_ops[k].text[0] == 's' && alu_ops[k].op != BPF_ARSH;
		if (reg(a, kind, &src)) {
			i.code |= BPF_X;
			i.src_reg = src;
		} else {
			i.imm = (i32)number(a);
		}
		put(a, i);
		return;
	}
	need(a, "=");
	assign(a, i.code, kind, dst);
}

static void condition(struct assembler *a)
{
	struct bpf_insn i = { 0 };
	char kind = 'r';
	u8 r = 0;

	if (!reg(a, 'r', &r)) {
		kind = 'w';
		if (!reg(a, 'w', &r))
			bad(a, "register");
	}
	i.code = kind == 'r' ? BPF_JMP : BPF_JMP32;
	i.dst_reg = r;
	for (u32 k = 0;; k++) {
		if (k == sizeof(conds) / sizeof(*conds))
			bad(a, "condition");
		if (!eat(a, conds[k].text))
			continue;
		i.code |= conds[k].op;
		break;
	}
	if (reg(a, kind, &r)) {
		i.code |= BPF_X;
		i.src_reg = r;
	} else {
		i.imm = (i32)number(a);
	}
	need(a, "goto");
	use(a);
	put(a, i);
}

static void call(struct assembler *a)
{
#define NAME(x)	#x
	static const char *const names[] = { __BPF_FUNC_MAPPER(NAME) };
	char name[48] = { 0 };
	const char *start;

	skip(a);
	start = a->at;
	while (isalnum((u8)*a->at) || *a->at == '_' || *a->at == '#')
		a->at++;
	memcpy(name, start, min((size_t)(a->at - start), sizeof(name) - 1));
	if (name[0] == '#') {
		put(a, (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = atoi(name + 1) });
		return;
	}
	for (u32 k = 0; k < sizeof(names) / sizeof(*names); k++) {
		if (strcmp(name, names[k]))
			continue;
		put(a, (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = (i32)k });
		return;
	}
	a->at = start;
	use(a);
	put(a, (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL });
}

static void raw(struct assembler *a)
{
	struct bpf_insn i = { .code = (u8)number(a) };

	i.dst_reg = (u8)number(a) & 15;
	i.src_reg = (u8)number(a) & 15;
	i.off = (i16)number(a);
	i.imm = (i32)number(a);
	put(a, i);
}

static void store(struct assembler *a)
{
	struct bpf_insn i;
	bool sign;
	u8 base;

	i = place(a, &base, &sign);
	need(a, "=");
	i.dst_reg = base;
	if (reg(a, 'r', &base)) {
		i.code |= BPF_STX | BPF_MEM;
		i.src_reg = base;
	} else {
		i.code |= BPF_ST | BPF_MEM;
		i.imm = (i32)number(a);
	}
	put(a, i);
}

static bool label(struct assembler *a)
{
	const char *p = a->at;

	while (isalnum((u8)*p) || *p == '_')
		p++;
	if (p == a->at || *p != ':')
		return false;
	if (a->n_labels >= LABELS)
		bad(a, "labels");
	name_of(a, a->label[a->n_labels].name);
	a->label[a->n_labels++].at = a->n;
	a->at++;
	return true;
}

static void statement(struct assembler *a)
{
	u8 r;

	if (eat(a, "exit"))
		put(a, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
	else if (eat(a, "if"))
		condition(a);
	else if (eat(a, "goto"))
		use(a), put(a, (struct bpf_insn){ .code = BPF_JMP | BPF_JA });
	else if (eat(a, "may_goto"))
		use(a), put(a, (struct bpf_insn){ .code = BPF_JMP | BPF_JCOND });
	else if (eat(a, "gotol"))
		use(a), put(a, (struct bpf_insn){ .code = BPF_JMP32 | BPF_JA });
	else if (eat(a, "call"))
		call(a);
	else if (eat(a, "lock"))
		atomic(a);
	else if (eat(a, "load_acquire"))
		ordered(a, true);
	else if (eat(a, "store_release"))
		ordered(a, false);
	else if (eat(a, "raw"))
		raw(a);
	else if (eat(a, "*"))
		store(a);
	else if (reg(a, 'r', &r))
		operate(a, 'r', r);
	else if (reg(a, 'w', &r))
		operate(a, 'w', r);
	else
		bad(a, "statement");
}

u32 assemble(const char *text, struct bpf_insn *out, u32 room, int (*map)(const char *name))
{
	struct assembler a = { .text = text, .at = text, .out = out, .room = room, .map = map };

	for (;;) {
		skip(&a);
		while (*a.at == ';' || *a.at == '\n') {
			a.at++;
			skip(&a);
		}
		if (!*a.at)
			break;
		if (!label(&a))
			statement(&a);
		skip(&a);
	}
	for (u32 k = 0; k < a.n_uses; k++) {
		struct bpf_insn *i = &out[a.use[k].at];
		u32 l = 0;

		while (l < a.n_labels && strcmp(a.label[l].name, a.use[k].name))
			l++;
		a.at = a.use[k].name;
		if (l == a.n_labels)
			bad(&a, "label");
		if (bpf_is_branch(i) && i->code != (BPF_JMP32 | BPF_JA))
			i->off = (i16)(a.label[l].at - a.use[k].at - 1);
		else
			i->imm = (i32)(a.label[l].at - a.use[k].at - 1);
	}
	return a.n;
}
