/* SPDX-License-Identifier: BSD-2-Clause */
/* Branches and calls. */
#include <base/errno.h>
#include "jit_internal.h"

/* A condition as arm64 tests it. */
struct test {
	enum { ON_FLAGS, ON_ZERO, ON_BIT } kind;
	enum a64_cond cond;		/* ON_FLAGS */
	bool nonzero, x;		/* ON_ZERO, ON_BIT: taken if it is not 0 */
	u32 reg, bit;
};

static u32 encode(const struct test *t, bool opposite, i64 way)
{
	switch (t->kind) {
	case ON_FLAGS:
		return a64_b_cond(opposite ? t->cond ^ 1 : t->cond, way);
	case ON_ZERO:
		return a64_cbz(t->nonzero ^ opposite, t->x, t->reg, way);
	default:
		return a64_tbz(t->nonzero ^ opposite, t->reg, t->bit, way);
	}
}

static void branch_if(struct pass *p, const struct test *t, u32 target)
{
	if (p->reach < REACH_FAR) {
		emit(p, encode(t, false, way_to(p, target)));
		return;
	}
	emit(p, encode(t, true, 8));
	emit(p, a64_b(way_to(p, target)));
}

static enum a64_cond cond_of(u8 op)
{
	switch (op) {
	case BPF_JEQ:
		return A64_EQ;
	case BPF_JGT:
		return A64_HI;
	case BPF_JGE:
		return A64_HS;
	case BPF_JLT:
		return A64_LO;
	case BPF_JLE:
		return A64_LS;
	case BPF_JSGT:
		return A64_GT;
	case BPF_JSGE:
		return A64_GE;
	case BPF_JSLT:
		return A64_LT;
	case BPF_JSLE:
		return A64_LE;
	default:	/* BPF_JNE, BPF_JSET */
		return A64_NE;
	}
}

/* Comparisons that are one instruction, branch and all; false if this is none. */
static bool test_imm(const struct pass *p, const struct bpf_insn *i, bool x, u32 rd, u64 v,
		     struct test *t)
{
	u8 op = BPF_OP(i->code);
	bool near = p->reach == REACH_NEAR;
	u64 below = x ? ~0ull : ~0u;	/* -1 */

	*t = (struct test){ .x = x, .reg = rd };
	if ((op == BPF_JEQ || op == BPF_JNE) && !v) {
		t->kind = ON_ZERO;
		t->nonzero = op == BPF_JNE;
	} else if (near && op == BPF_JSET && v && !(v & (v - 1)) && !p->jit->opts->blind) {
		t->kind = ON_BIT;
		t->nonzero = true;
		t->bit = ilog2(v);
	} else if (near && (((op == BPF_JSLT || op == BPF_JSGE) && !v) ||
			    ((op == BPF_JSLE || op == BPF_JSGT) && v == below))) {
		t->kind = ON_BIT;
		t->nonzero = op == BPF_JSLT || op == BPF_JSLE;
		t->bit = x ? 63 : 31;
	} else {
		return false;
	}
	return true;
}

/* Sets the flags for rd against v. */
static void compare_imm(struct pass *p, bool set, bool x, u32 rd, u64 v)
{
	u64 minus = x ? -v : (u32)-v;
	bool blind = p->jit->opts->blind && v;

	if (set && !blind && a64_bitmask(x, v) != A64_BAD) {
		emit(p, a64_logic_imm(A64_ANDS, x, A64_ZR, rd, v));
	} else if (!set && !blind && a64_addsub_fits(v)) {
		emit(p, a64_addsub_imm(A64_SUBS, x, A64_ZR, rd, v));
	} else if (!set && !blind && a64_addsub_fits(minus)) {
		emit(p, a64_addsub_imm(A64_ADDS, x, A64_ZR, rd, minus));
	} else {
		move_imm(p, x, T0, v);
		emit(p, set ? a64_logic_reg(A64_ANDS, x, false, A64_ZR, rd, T0, A64_LSL, 0) :
			      a64_addsub_reg(A64_SUBS, x, A64_ZR, rd, T0, A64_LSL, 0));
	}
}

void jit_branch(struct pass *p, const struct bpf_insn *i, u32 pc)
{
	u8 op = BPF_OP(i->code);
	bool x = BPF_CLASS(i->code) == BPF_JMP, set = op == BPF_JSET;
	u64 v = x ? (u64)(i64)i->imm : (u32)i->imm;
	u32 target = (u32)bpf_branch_target(i, pc), rd, rs;
	struct test t;

	if (op == BPF_JA) {
		if (target != pc + 1)
			emit(p, a64_b(way_to(p, target)));
		return;
	}
	rd = value_of(p, i->dst_reg, T1);
	if (BPF_SRC(i->code) == BPF_X) {
		rs = value_of(p, i->src_reg, T0);
		emit(p, set ? a64_logic_reg(A64_ANDS, x, false, A64_ZR, rd, rs, A64_LSL, 0) :
			      a64_addsub_reg(A64_SUBS, x, A64_ZR, rd, rs, A64_LSL, 0));
	} else if (test_imm(p, i, x, rd, v, &t)) {
		branch_if(p, &t, target);
		return;
	} else {
		compare_imm(p, set, x, rd, v);
	}
	t = (struct test){ .kind = ON_FLAGS, .cond = cond_of(op) };
	branch_if(p, &t, target);
}

/* x0 = r1, x1 = map, x2 = index. Goes on behind itself if there is no such program or the count is
 * used up. */
static void tail_call(struct pass *p, u32 pc)
{
	const struct bpf_jit_tail *tail = p->jit->opts->tail;
	u32 counter = p->f.leaf ? TAIL_LEAF : TAIL_SAVED;
	struct test none = { .kind = ON_ZERO }, beyond = { .kind = ON_FLAGS, .cond = A64_HS };

	emit(p, tail->max_entries < 0
			? a64_ldst_unscaled(A64_LDR, 2, T0, 1, tail->max_entries)
			: a64_ldst_imm(A64_LDR, 2, T0, 1, (u32)tail->max_entries));
	emit(p, a64_addsub_reg(A64_SUBS, false, A64_ZR, 2, T0, A64_LSL, 0));
	branch_if(p, &beyond, pc + 1);
	emit(p, a64_ldst_imm(A64_LDR, 2, T2, counter, 0));
	none.reg = T2;
	branch_if(p, &none, pc + 1);
	if (tail->direct) {
		emit(p, a64_ldst_reg(A64_LDR, 3, T1, 1, 2, A64_UXTW, true));
	} else {
		emit(p, a64_addsub_ext(A64_ADD, true, T0, 1, 2, A64_UXTW, 3));
		emit(p, a64_ldst_imm(A64_LDR, 3, T0, T0, tail->slots));
	}
	none.reg = tail->direct ? T1 : T0;
	none.x = true;
	branch_if(p, &none, pc + 1);
	emit(p, a64_addsub_imm(A64_SUB, false, T2, T2, 1));
	emit(p, a64_ldst_imm(A64_STR, 2, T2, counter, 0));
	if (!tail->direct)
		emit(p, a64_ldst_imm(A64_LDR, 3, T1, T0, tail->entry));
	move_reg(p, true, TAIL_LEAF, counter);
	emit_teardown(p);
	emit(p, a64_jump_reg(A64_BR, T1));	/* x16: a landing pad for calls takes it */
}

void jit_call(struct pass *p, const struct bpf_insn *i, u32 pc)
{
	const struct bpf_jit_opts *opts = p->jit->opts;
	u64 address;

	if (opts->tail && bpf_is_tail_call(i)) {
		tail_call(p, pc);
		return;
	}
	if (bpf_is_local_call(i)) {
		if (p->any_tail)
			move_reg(p, true, TAIL_LEAF, TAIL_SAVED);
		emit(p, a64_bl(way_to_entry(p, pc + 1 + (u32)i->imm)));
	} else {
		address = opts->address ? opts->address(opts->ctx, i) : 0;
		if (!address) {
			fail(p, -EINVAL);
		} else if (opts->near) {
			emit(p, a64_bl(sizing(p) ? 0 : (i64)(address - opts->base - p->pos)));
		} else {
			move_raw(p, true, T0, address);
			emit(p, a64_jump_reg(A64_BLR, T0));
		}
	}
	move_reg(p, true, p->f.reg[0], 0);
}

void jit_func_address(struct pass *p, const struct bpf_insn *i, u32 pc)
{
	u32 target = pc + 1 + (u32)i->imm, rd = p->f.reg[i->dst_reg];
	u64 address;

	if (p->reach < REACH_FAR) {
		emit(p, a64_adr(rd, way_to_entry(p, target)));
		return;
	}
	/* Always four pieces, so that the length does not depend on it. */
	address = sizing(p) ? 0 : p->jit->opts->base + p->jit->place[target].entry;
	for (u32 s = 0; s < 64; s += 16)
		emit(p, a64_movw(s ? A64_MOVK : A64_MOVZ, true, rd, address >> s & 0xffff, s));
}
