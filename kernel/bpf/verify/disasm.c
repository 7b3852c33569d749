/* SPDX-License-Identifier: BSD-2-Clause */
/* An instruction as text, the way clang, bpftool and Linux's log write it. */
#include <lib/format.h>
#include "verify_internal.h"

#define NAME(x)	[BPF_FUNC_ ## x] = #x
static const char *const names[] = { __BPF_FUNC_MAPPER(NAME) };
#undef NAME

const char *helper_name(u32 id)
{
	return id && id < ARRAY_SIZE(names) && names[id] ? names[id] : "unknown";
}

static const char *const size_names[] = { "u8", "u16", "u32", "u64" };
static const char *const signed_names[] = { "s8", "s16", "s32", "s64" };

static void alu(const struct bpf_insn *i, char *s, size_t room)
{
	static const char *const ops[] = { "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "", "%=",
					   "^=", "=", "s>>=" };
	bool wide = BPF_CLASS(i->code) == BPF_ALU64, by_reg = BPF_SRC(i->code) == BPF_X;
	char r = wide ? 'r' : 'w';
	u8 op = BPF_OP(i->code);
	const char *sign = "";

	if (op == BPF_NEG) {
		snprintf(s, room, "%c%d = -%c%d", r, i->dst_reg, r, i->dst_reg);
	} else if (op == BPF_END) {
		snprintf(s, room, "r%d = %s%d r%d", i->dst_reg, wide ? "bswap" : by_reg ? "be" : "le",
			 i->imm, i->dst_reg);
	} else if (op == BPF_MOV && by_reg && i->off) {
		snprintf(s, room, "%c%d = (s%d)%c%d", r, i->dst_reg, i->off, r, i->src_reg);
	} else {
		if ((op == BPF_DIV || op == BPF_MOD) && i->off == 1)
			sign = "s";
		if (by_reg)
			snprintf(s, room, "%c%d %s%s %c%d", r, i->dst_reg, sign, ops[op >> 4], r,
				 i->src_reg);
		else
			snprintf(s, room, "%c%d %s%s %d", r, i->dst_reg, sign, ops[op >> 4], i->imm);
	}
}

static void atomic(const struct bpf_insn *i, char *s, size_t room)
{
	const char *size = size_names[bpf_size_log(i->code)];
	const char *bits = BPF_SIZE(i->code) == BPF_DW ? "64" : "";
	u8 op = (u8)(i->imm & ~BPF_FETCH);
	const char *name = op == BPF_ADD ? "add" : op == BPF_AND ? "and" : op == BPF_OR ? "or" : "xor";

	if (i->imm == BPF_LOAD_ACQ)
		snprintf(s, room, "r%d = load_acquire((%s *)(r%d %+d))", i->dst_reg, size,
			 i->src_reg, i->off);
	else if (i->imm == BPF_STORE_REL)
		snprintf(s, room, "store_release((%s *)(r%d %+d), r%d)", size, i->dst_reg, i->off,
			 i->src_reg);
	else if (i->imm == BPF_CMPXCHG)
		snprintf(s, room, "r0 = atomic%s_cmpxchg((%s *)(r%d %+d), r0, r%d)", bits, size,
			 i->dst_reg, i->off, i->src_reg);
	else if (i->imm == BPF_XCHG)
		snprintf(s, room, "r%d = atomic%s_xchg((%s *)(r%d %+d), r%d)", i->src_reg, bits, size,
			 i->dst_reg, i->off, i->src_reg);
	else if (i->imm & BPF_FETCH)
		snprintf(s, room, "r%d = atomic%s_fetch_%s((%s *)(r%d %+d), r%d)", i->src_reg, bits,
			 name, size, i->dst_reg, i->off, i->src_reg);
	else
		snprintf(s, room, "lock *(%s *)(r%d %+d) %s r%d", size, i->dst_reg, i->off,
			 op == BPF_ADD ? "+=" : op == BPF_AND ? "&=" : op == BPF_OR ? "|=" : "^=",
			 i->src_reg);
}

static void memory(const struct bpf_insn *i, char *s, size_t room)
{
	u32 log = bpf_size_log(i->code);

	switch (BPF_CLASS(i->code)) {
	case BPF_LDX:
		snprintf(s, room, "r%d = *(%s *)(r%d %+d)", i->dst_reg,
			 BPF_MODE(i->code) == BPF_MEMSX ? signed_names[log] : size_names[log],
			 i->src_reg, i->off);
		break;
	case BPF_ST:
		snprintf(s, room, "*(%s *)(r%d %+d) = %d", size_names[log], i->dst_reg, i->off,
			 i->imm);
		break;
	case BPF_STX:
		if (bpf_is_atomic(i))
			atomic(i, s, room);
		else
			snprintf(s, room, "*(%s *)(r%d %+d) = r%d", size_names[log], i->dst_reg,
				 i->off, i->src_reg);
		break;
	default:
		if (bpf_is_wide(i))
			snprintf(s, room, "r%d = 0x%llx", i->dst_reg,
				 (unsigned long long)bpf_wide_imm(i));
		else if (BPF_MODE(i->code) == BPF_IND)
			snprintf(s, room, "r0 = *(%s *)skb[r%d + %d]", size_names[log], i->src_reg,
				 i->imm);
		else
			snprintf(s, room, "r0 = *(%s *)skb[%d]", size_names[log], i->imm);
	}
}

static void call(const struct bpf_insn *i, char *s, size_t room)
{
	if (i->src_reg == BPF_PSEUDO_CALL)
		snprintf(s, room, "call pc%+d", i->imm);
	else if (i->src_reg)
		snprintf(s, room, "call kernel-function");
	else
		snprintf(s, room, "call %s%s#%d", (u32)i->imm < ARRAY_SIZE(names) ? "bpf_" : "",
			 helper_name((u32)i->imm), i->imm);
}

static void jump(const struct bpf_insn *i, char *s, size_t room)
{
	static const char *const conds[] = { "", "==", ">", ">=", "&", "!=", "s>", "s>=", "", "", "<",
					     "<=", "s<", "s<=" };
	char r = BPF_CLASS(i->code) == BPF_JMP ? 'r' : 'w';
	u8 op = BPF_OP(i->code);

	if (op == BPF_CALL)
		call(i, s, room);
	else if (op == BPF_EXIT)
		snprintf(s, room, "exit");
	else if (op == BPF_JA)
		snprintf(s, room, r == 'r' ? "goto pc%+d" : "gotol pc%+d",
			 r == 'r' ? i->off : i->imm);
	else if (op == BPF_JCOND && r == 'r')
		snprintf(s, room, "may_goto pc%+d", i->off);
	else if (op > BPF_JSLE)
		snprintf(s, room, "BUG_%02x", i->code);
	else if (BPF_SRC(i->code) == BPF_X)
		snprintf(s, room, "if %c%d %s %c%d goto pc%+d", r, i->dst_reg, conds[op >> 4], r,
			 i->src_reg, i->off);
	else
		snprintf(s, room, "if %c%d %s 0x%x goto pc%+d", r, i->dst_reg, conds[op >> 4],
			 (u32)i->imm, i->off);
}

void print_insn(struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	char text[96];

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_OP(i->code) > BPF_END)
			snprintf(text, sizeof(text), "BUG_alu_%02x", i->code);
		else
			alu(i, text, sizeof(text));
		break;
	case BPF_JMP:
	case BPF_JMP32:
		jump(i, text, sizeof(text));
		break;
	default:
		if (bpf_is_wide(i) && pc + 1 >= v->n)
			snprintf(text, sizeof(text), "BUG_ld_%02x", i->code);
		else
			memory(i, text, sizeof(text));
	}
	say(v, "%d: (%02x) %s\n", pc, i->code, text);
}
