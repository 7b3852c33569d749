/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry and exit of a function. Only what it needs: no frame if it calls nothing and has no stack,
 * no saving of registers that it does not touch, as much stack as it addresses.
 *
 *	sp + frame ->	end of BPF's stack (r10)
 *			...
 *	sp + 16 ->	saved registers, in pairs
 *	sp ->		x29, x30		(not in leaf functions)
 *
 * A program that makes tail calls counts them in a word on the stack of whoever entered it from
 * outside; x9 points at it wherever functions or programs are entered. The entry from outside is a
 * small function that makes the word and calls the program's tail entry.
 */
#include <base/errno.h>
#include <base/string.h>
#include "jit_internal.h"

_Static_assert(16 + sizeof(((struct func *)0)->saved) * 8 <= BPF_FRAME_EXTRA, "what is saved");

#define PAIR_MAX	496	/* what one STP or LDP can move sp by, in steps of 16 */

/* What the function's instructions use: a mask of registers, and how deep they reach into the
 * stack: as deep as it ever may as soon as r10 is used as a value. */
static struct bpf_jit_plan scan(const struct bpf_jit *jit, const struct func *f, u32 deepest)
{
	struct bpf_jit_plan plan = { .leaf = true };

	for (u32 pc = f->start; pc < f->end; pc++) {
		const struct bpf_insn *i = &jit->insns[pc];
		bool loads = BPF_CLASS(i->code) == BPF_LDX ||
			     (bpf_is_atomic(i) && i->imm == BPF_LOAD_ACQ);
		bool stores = BPF_CLASS(i->code) == BPF_ST || BPF_CLASS(i->code) == BPF_STX;
		u32 base = loads ? i->src_reg : i->dst_reg, reads;

		if (jit->mark[pc] & BPF_MARK_SECOND)
			continue;
		reads = bpf_uses(i);
		plan.used |= reads | reads >> BPF_WRITES;
		if (jit->opts->tail && bpf_is_tail_call(i))
			plan.tails = true;
		else if (i->code == (BPF_JMP | BPF_CALL))
			plan.leaf = false;
		if (!(reads & 1u << BPF_FP))
			continue;
		if ((loads || stores) && base == BPF_FP && i->off < 0 && -i->off <= BPF_STACK &&
		    (loads || i->src_reg != BPF_FP || BPF_CLASS(i->code) == BPF_ST))
			plan.stack = max(plan.stack, (u32)-i->off);
		else
			plan.stack = max(plan.stack, deepest);
	}
	return plan;
}

void plan_func(struct pass *p, u32 start)
{
	static const u8 called[10] = { 7, 0, 1, 2, 3, 4, 19, 20, 21, 22 };
	static const u8 leaf[10] = { 7, 0, 1, 2, 3, 4, 11, 12, 13, 14 };
	struct func *f = &p->f;
	u32 used, n = p->jit->n, deepest;

	memset(f, 0, sizeof(*f));
	f->start = start;
	for (f->end = start + 1; f->end < n && !(p->jit->mark[f->end] & BPF_MARK_FUNC); f->end++)
		;
	deepest = p->jit->depth ? p->jit->depth[p->n_funcs] : BPF_STACK;
	p->n_funcs++;
	p->plan = p->jit->planned ? p->jit->plan : scan(p->jit, f, deepest);
	used = p->plan.used;
	f->leaf = p->plan.leaf;
	f->tails = p->plan.tails;
	f->frame = (p->plan.stack + 15) & ~15u;
	memcpy(f->reg, f->leaf ? leaf : called, sizeof(f->reg));
	if (f->leaf) {
		if (!f->tails) {
			f->reg[0] = 0;
			f->reg[1] = 7;
			f->r1_moves = used & 1u << 1;
		}
		return;
	}
	for (u32 r = 6; r <= 9; r++)
		if (used & 1u << r)
			f->saved[f->n_saved++] = called[r];
	if (p->any_tail)
		f->saved[f->n_saved++] = TAIL_SAVED;
	f->frame += 16 + (f->n_saved + 1u) / 2 * 16;
}

/* Saves or restores what f->saved names. */
static void move_saved(struct pass *p, bool load)
{
	const struct func *f = &p->f;
	u32 k;

	for (k = 0; k + 1 < f->n_saved; k += 2)
		emit(p, a64_pair(load, true, A64_OFFSET, f->saved[k], f->saved[k + 1], A64_SP,
				 16 + 8 * (i64)k));
	if (k < f->n_saved)
		emit(p, a64_ldst_imm(load ? A64_LDR : A64_STR, 3, f->saved[k], A64_SP, 16 + 8 * k));
}

static void landing(struct pass *p)
{
	if (p->jit->opts->bti)
		emit(p, a64_hint(A64_BTI_C));
}

/* The entry from outside of a program with tail calls; the tail entry follows it. */
static void emit_wrapper(struct pass *p)
{
	landing(p);
	emit(p, a64_pair(false, true, A64_PRE, A64_FP, A64_LR, A64_SP, -32));
	emit(p, a64_addsub_imm(A64_ADD, true, A64_FP, A64_SP, 0));
	emit(p, a64_movw(A64_MOVZ, false, TAIL_LEAF, BPF_TAIL_CALLS, 0));
	emit(p, a64_ldst_imm(A64_STR, 2, TAIL_LEAF, A64_SP, 16));
	emit(p, a64_addsub_imm(A64_ADD, true, TAIL_LEAF, A64_SP, 16));
	emit(p, a64_bl(12));
	emit(p, a64_pair(true, true, A64_POST, A64_FP, A64_LR, A64_SP, 32));
	emit(p, a64_jump_reg(A64_RET, A64_LR));
	p->tail_entry = p->pos;
}

void emit_entry(struct pass *p)
{
	const struct func *f = &p->f;

	if (!f->start && p->any_tail)
		emit_wrapper(p);
	landing(p);
	if (f->leaf) {
		if (f->frame)
			emit(p, a64_addsub_imm(A64_SUB, true, A64_SP, A64_SP, f->frame));
	} else if (f->frame <= PAIR_MAX) {
		emit(p, a64_pair(false, true, A64_PRE, A64_FP, A64_LR, A64_SP, -(i64)f->frame));
	} else {
		emit(p, a64_addsub_imm(A64_SUB, true, A64_SP, A64_SP, f->frame));
		emit(p, a64_pair(false, true, A64_OFFSET, A64_FP, A64_LR, A64_SP, 0));
	}
	if (!f->leaf) {
		emit(p, a64_addsub_imm(A64_ADD, true, A64_FP, A64_SP, 0));
		move_saved(p, false);
		if (p->any_tail)
			move_reg(p, true, TAIL_SAVED, TAIL_LEAF);
	}
	if (f->r1_moves)
		move_reg(p, true, f->reg[1], 0);
}

void emit_teardown(struct pass *p)
{
	const struct func *f = &p->f;

	if (f->leaf) {
		if (f->frame)
			emit(p, a64_addsub_imm(A64_ADD, true, A64_SP, A64_SP, f->frame));
		return;
	}
	move_saved(p, true);
	if (f->frame <= PAIR_MAX) {
		emit(p, a64_pair(true, true, A64_POST, A64_FP, A64_LR, A64_SP, f->frame));
	} else {
		emit(p, a64_pair(true, true, A64_OFFSET, A64_FP, A64_LR, A64_SP, 0));
		emit(p, a64_addsub_imm(A64_ADD, true, A64_SP, A64_SP, f->frame));
	}
}

/* Is an exit no more than a return? */
static bool exits_return(const struct pass *p)
{
	return p->f.leaf && !p->f.frame && !p->f.tails;
}

void emit_epilogue(struct pass *p)
{
	if (exits_return(p) && p->jit->insns[p->f.end - 1].code != (BPF_JMP | BPF_EXIT))
		return;	/* nobody comes here */
	move_reg(p, true, 0, p->f.reg[0]);
	emit_teardown(p);
	emit(p, a64_jump_reg(A64_RET, A64_LR));
}

/* How long emit_epilogue's code is, in bytes. */
static u32 epilogue_size(const struct pass *p)
{
	struct pass dry = *p;

	dry.image = NULL;
	dry.pos = 0;
	dry.size = 256;
	emit_epilogue(&dry);
	return dry.pos;
}

void emit_exit(struct pass *p, u32 pc)
{
	const struct bpf_jit *jit = p->jit;
	u32 end = p->f.end;
	i64 way = 0;

	if (pc + 1 == end)
		return;	/* runs into the epilogue */
	if (exits_return(p)) {
		emit(p, a64_jump_reg(A64_RET, A64_LR));
		return;
	}
	/* The epilogue ends where the next function begins, or the image ends. */
	if (!sizing(p)) {
		u32 stop = end < jit->n ? jit->place[end].entry : jit->place[end].code;

		way = (i64)stop - epilogue_size(p) - p->pos;
	}
	emit(p, a64_b(way));
}
