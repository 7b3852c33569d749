/* SPDX-License-Identifier: BSD-2-Clause */
/* The form of instructions and programs (RFC 9669, sections 3 to 5). */
#include <base/errno.h>
#include <base/string.h>
#include <bpf/isa.h>

/* --- registers -------------------------------------------------------------------------------- */

#define UNARY(class)  [(class) | BPF_NEG] = BPF_R_DST | BPF_W_DST, [(class) | BPF_END] = BPF_R_DST | BPF_W_DST, \
		      [(class) | BPF_END | BPF_X] = BPF_R_DST | BPF_W_DST
#define BINARY(class, op) [(class) | (op)] = BPF_R_DST | BPF_W_DST, \
			  [(class) | (op) | BPF_X] = BPF_R_DST | BPF_R_SRC | BPF_W_DST
#define ALU(class)                                                                                 \
	UNARY(class), BINARY(class, BPF_ADD), BINARY(class, BPF_SUB), BINARY(class, BPF_MUL),      \
	BINARY(class, BPF_DIV), BINARY(class, BPF_OR), BINARY(class, BPF_AND),                     \
	BINARY(class, BPF_LSH), BINARY(class, BPF_RSH), BINARY(class, BPF_MOD),                    \
	BINARY(class, BPF_XOR), BINARY(class, BPF_ARSH), [(class) | BPF_MOV] = BPF_W_DST,              \
	[(class) | BPF_MOV | BPF_X] = BPF_R_SRC | BPF_W_DST
#define COMPARE(class, op) [(class) | (op)] = BPF_R_DST, [(class) | (op) | BPF_X] = BPF_R_DST | BPF_R_SRC
#define JUMPS(class)                                                                               \
	COMPARE(class, BPF_JEQ), COMPARE(class, BPF_JGT), COMPARE(class, BPF_JGE),                 \
	COMPARE(class, BPF_JSET), COMPARE(class, BPF_JNE), COMPARE(class, BPF_JSGT),               \
	COMPARE(class, BPF_JSGE), COMPARE(class, BPF_JLT), COMPARE(class, BPF_JLE),                \
	COMPARE(class, BPF_JSLT), COMPARE(class, BPF_JSLE), [(class) | BPF_CALL] = BPF_OTHER_USE,          \
	[(class) | BPF_EXIT] = BPF_OTHER_USE
#define SIZES(code, how) [(code) | BPF_B] = (how), [(code) | BPF_H] = (how),                       \
			 [(code) | BPF_W] = (how), [(code) | BPF_DW] = (how)

const u8 bpf_use_table[256] = {
	ALU(BPF_ALU), ALU(BPF_ALU64), JUMPS(BPF_JMP), JUMPS(BPF_JMP32),
	SIZES(BPF_LD | BPF_IMM, BPF_W_DST), SIZES(BPF_LD | BPF_ABS, BPF_W_DST),
	SIZES(BPF_LD | BPF_IND, BPF_W_DST), SIZES(BPF_LDX | BPF_MEM, BPF_R_SRC | BPF_W_DST),
	SIZES(BPF_LDX | BPF_MEMSX, BPF_R_SRC | BPF_W_DST), SIZES(BPF_LDX | BPF_PROBE, BPF_R_SRC | BPF_W_DST),
	SIZES(BPF_LDX | BPF_PROBE_SX, BPF_R_SRC | BPF_W_DST), SIZES(BPF_ST | BPF_MEM, BPF_R_DST),
	SIZES(BPF_STX | BPF_MEM, BPF_R_DST | BPF_R_SRC), SIZES(BPF_STX | BPF_ATOMIC, BPF_OTHER_USE),
};

u32 bpf_other_uses(const struct bpf_insn *i)
{
	u32 dst = 1u << i->dst_reg, src = 1u << i->src_reg, r0 = 1;

	if (BPF_CLASS(i->code) != BPF_STX)
		return BPF_OP(i->code) == BPF_EXIT ? r0 : r0 << BPF_WRITES;
	switch (i->imm) {
	case BPF_LOAD_ACQ:
		return src | dst << BPF_WRITES;
	case BPF_STORE_REL:
		return dst | src;
	case BPF_CMPXCHG:
		return dst | src | r0 | r0 << BPF_WRITES;
	default:
		return dst | src | (i->imm & BPF_FETCH ? src << BPF_WRITES : 0);
	}
}

/* --- functions -------------------------------------------------------------------------------- */

/* Enters `start` in its place among n, unless it is there or there is no room. How many there are. */
static u32 enter(u32 *starts, u32 n, u32 room, u32 start)
{
	u32 at = n;

	while (at && starts[at - 1] >= start)
		at--;
	if (n == room || (at < n && starts[at] == start))
		return n;
	memmove(&starts[at + 1], &starts[at], (n - at) * sizeof(*starts));
	starts[at] = start;
	return n + 1;
}

u32 bpf_find_funcs(const struct bpf_insn *insns, u32 n, u32 *starts, u32 room)
{
	u32 found = enter(starts, 0, room, 0);

	for (u32 pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &insns[pc];
		bool address = bpf_is_wide(i) && i->src_reg == BPF_PSEUDO_FUNC;
		i64 to = (i64)pc + 1 + i->imm;

		if ((address || bpf_is_local_call(i)) && to >= 0 && to < n)
			found = enter(starts, found, room, (u32)to);
		pc += bpf_is_wide(i);
	}
	return found;
}

/* --- form ------------------------------------------------------------------------------------- */

/* The operand is imm or src_reg; the other must be 0. */
static bool operand_ok(const struct bpf_insn *i)
{
	return BPF_SRC(i->code) == BPF_X ? !i->imm : !i->src_reg;
}

static bool alu_ok(const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64, by_reg = BPF_SRC(i->code) == BPF_X;

	switch (BPF_OP(i->code)) {
	case BPF_NEG:
		return !by_reg && !i->src_reg && !i->imm && !i->off;
	case BPF_END:
		return !(wide && by_reg) && !i->src_reg && !i->off &&
		       (i->imm == 16 || i->imm == 32 || i->imm == 64);
	case BPF_MOV:
		if (by_reg && (i->off == 8 || i->off == 16 || (wide && i->off == 32)))
			return !i->imm;
		return operand_ok(i) && !i->off;
	case BPF_DIV:
	case BPF_MOD:
		return operand_ok(i) && (i->off == 0 || i->off == 1);	/* 1: signed */
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_OR:
	case BPF_AND:
	case BPF_LSH:
	case BPF_RSH:
	case BPF_XOR:
	case BPF_ARSH:
		return operand_ok(i) && !i->off;
	default:
		return false;
	}
}

static bool jump_ok(const struct bpf_insn *i)
{
	bool narrow = BPF_CLASS(i->code) == BPF_JMP32, by_reg = BPF_SRC(i->code) == BPF_X;

	switch (BPF_OP(i->code)) {
	case BPF_JA:
		return !by_reg && !i->dst_reg && !i->src_reg && !(narrow ? i->off : i->imm);
	case BPF_CALL:
		return !by_reg && !narrow && !i->dst_reg && i->src_reg <= BPF_PSEUDO_KFUNC_CALL &&
		       (!i->off || i->src_reg == BPF_PSEUDO_KFUNC_CALL);
	case BPF_EXIT:
		return !by_reg && !narrow && !i->dst_reg && !i->src_reg && !i->off && !i->imm;
	case 0xe0:
	case 0xf0:
		return false;
	default:
		return operand_ok(i);
	}
}

static bool atomic_ok(const struct bpf_insn *i)
{
	switch (i->imm) {
	case BPF_LOAD_ACQ:
	case BPF_STORE_REL:
		return true;
	case BPF_ADD:
	case BPF_ADD | BPF_FETCH:
	case BPF_OR:
	case BPF_OR | BPF_FETCH:
	case BPF_AND:
	case BPF_AND | BPF_FETCH:
	case BPF_XOR:
	case BPF_XOR | BPF_FETCH:
	case BPF_XCHG:
	case BPF_CMPXCHG:
		return BPF_SIZE(i->code) == BPF_W || BPF_SIZE(i->code) == BPF_DW;
	default:
		return false;
	}
}

static bool memory_ok(const struct bpf_insn *i, bool probes)
{
	u8 mode = BPF_MODE(i->code), size = BPF_SIZE(i->code);

	switch (BPF_CLASS(i->code)) {
	case BPF_LDX:
		if (i->imm)
			return false;
		if (mode == BPF_MEM || (probes && mode == BPF_PROBE))
			return true;
		return size != BPF_DW && (mode == BPF_MEMSX || (probes && mode == BPF_PROBE_SX));
	case BPF_ST:
		return mode == BPF_MEM && !i->src_reg;
	default:
		return mode == BPF_ATOMIC ? atomic_ok(i) : mode == BPF_MEM && !i->imm;
	}
}

bool bpf_isa_insn(const struct bpf_insn *i, bool room, bool probes)
{
	if (i->dst_reg > BPF_FP || i->src_reg > BPF_FP)
		return false;
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return alu_ok(i);
	case BPF_JMP:
	case BPF_JMP32:
		return jump_ok(i);
	case BPF_LD:
		return bpf_is_wide(i) && room && i->src_reg <= BPF_PSEUDO_MAP_IDX_VALUE &&
		       !i->off && !i[1].code && !i[1].dst_reg && !i[1].src_reg && !i[1].off;
	default:
		return memory_ok(i, probes);
	}
}

/* Marks where a branch, a call or a function's address leads; false if it leads nowhere. */
static bool mark_targets(const struct bpf_insn *i, u32 pc, u32 n, u8 *mark)
{
	i64 to;
	u8 how = BPF_MARK_FUNC;

	if (bpf_is_branch(i)) {
		to = bpf_branch_target(i, pc);
		how = BPF_MARK_TARGET;
	} else if (bpf_is_local_call(i) || (bpf_is_wide(i) && i->src_reg == BPF_PSEUDO_FUNC)) {
		to = (i64)pc + 1 + i->imm;
	} else {
		return true;
	}
	if (to < 0 || to >= n || mark[to] & BPF_MARK_SECOND)
		return false;
	mark[to] |= how;
	return true;
}

/* The function [start, end) keeps to itself. */
static bool function_ok(const struct bpf_insn *insns, u32 start, u32 end, const u8 *mark, u32 *at)
{
	u32 last = mark[end - 1] & BPF_MARK_SECOND ? end - 2 : end - 1;

	for (u32 pc = start; pc < end; pc++) {
		i64 to = bpf_branch_target(&insns[pc], pc);

		if (mark[pc] & BPF_MARK_SECOND || !bpf_is_branch(&insns[pc]))
			continue;
		*at = pc;
		if (to < start || to >= end)
			return false;
	}
	*at = last;
	return insns[last].code == (BPF_JMP | BPF_EXIT) || insns[last].code == (BPF_JMP | BPF_JA) ||
	       insns[last].code == (BPF_JMP32 | BPF_JA);
}

int bpf_isa_check(const struct bpf_insn *insns, u32 n, bool probes, u8 *mark, u32 *at)
{
	*at = 0;
	if (!n)
		return -EINVAL;
	memset(mark, 0, n);
	for (u32 pc = 0; pc < n; pc++) {
		*at = pc;
		if (!bpf_isa_insn(&insns[pc], pc + 1 < n, probes) ||
		    bpf_written(&insns[pc]) == BPF_FP)
			return -EINVAL;
		if (bpf_is_wide(&insns[pc]))
			mark[++pc] = BPF_MARK_SECOND;
	}
	mark[0] |= BPF_MARK_FUNC;
	for (u32 pc = 0; pc < n; pc++) {
		*at = pc;
		if (!(mark[pc] & BPF_MARK_SECOND) && !mark_targets(&insns[pc], pc, n, mark))
			return -EINVAL;
	}
	for (u32 start = 0, end; start < n; start = end) {
		for (end = start + 1; end < n && !(mark[end] & BPF_MARK_FUNC); end++)
			;
		if (!function_ok(insns, start, end, mark, at))
			return -EINVAL;
	}
	return 0;
}
