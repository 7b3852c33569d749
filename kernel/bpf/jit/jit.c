/* SPDX-License-Identifier: BSD-2-Clause */
/* The two passes, and the pieces that all instructions are made of. */
#include <base/errno.h>
#include "jit_internal.h"

#define MAX_IMAGE	(64u << 20)	/* a BL reaches twice as far */

void fail(struct pass *p, int error)
{
	if (!p->error)
		p->error = error;
}

void emit(struct pass *p, u32 word)
{
	if (word == A64_BAD)
		fail(p, -EINVAL);
	else if (p->pos >= p->size)
		fail(p, sizing(p) ? -E2BIG : -EINVAL);
	if (p->error)
		return;
	if (!sizing(p))
		p->image[p->pos / 4] = word;
	p->pos += 4;
}

i64 way_to(const struct pass *p, u32 pc)
{
	return sizing(p) ? 0 : (i64)p->jit->place[pc].code - p->pos;
}

i64 way_to_entry(const struct pass *p, u32 pc)
{
	return sizing(p) ? 0 : (i64)p->jit->place[pc].entry - p->pos;
}

/* How many of v's 16-bit pieces differ from `but`. */
static u32 pieces(bool x, u64 v, u64 but)
{
	u32 n = 0;

	for (u32 s = 0; s < (x ? 64 : 32); s += 16)
		n += (v >> s & 0xffff) != but;
	return n;
}

void move_raw(struct pass *p, bool x, u32 rd, u64 v)
{
	bool first = true, inverted;
	u64 rest;

	if (!x)
		v = (u32)v;
	if (!(v >> 32))
		x = false;
	inverted = pieces(x, v, 0xffff) < pieces(x, v, 0);
	rest = inverted ? 0xffff : 0;
	if (pieces(x, v, rest) > 1 && a64_bitmask(x, v) != A64_BAD) {
		emit(p, a64_logic_imm(A64_ORR, x, rd, A64_ZR, v));
		return;
	}
	for (u32 s = 0; s < (x ? 64 : 32); s += 16) {
		u32 piece = v >> s & 0xffff;

		if (piece == rest)
			continue;
		if (first && inverted)
			emit(p, a64_movw(A64_MOVN, x, rd, piece ^ 0xffff, s));
		else
			emit(p, a64_movw(first ? A64_MOVZ : A64_MOVK, x, rd, piece, s));
		first = false;
	}
	if (first)
		emit(p, a64_movw(inverted ? A64_MOVN : A64_MOVZ, x, rd, 0, 0));
}

/* xorshift; its sequence is the same in both passes. */
static u64 next_random(struct pass *p)
{
	u64 v = p->random;

	v ^= v << 13;
	v ^= v >> 7;
	v ^= v << 17;
	return p->random = v;
}

void move_imm(struct pass *p, bool x, u32 rd, u64 v)
{
	u64 key;

	if (!p->jit->opts->blind || !v) {
		move_raw(p, x, rd, v);
		return;
	}
	key = next_random(p);
	move_raw(p, x, rd, v ^ key);
	move_raw(p, x, T2, key);
	emit(p, a64_logic_reg(A64_EOR, x, false, rd, rd, T2, A64_LSL, 0));
}

void move_reg(struct pass *p, bool x, u32 rd, u32 rn)
{
	if (!x || rd != rn)
		emit(p, a64_logic_reg(A64_ORR, x, false, rd, A64_ZR, rn, A64_LSL, 0));
}

void add_imm(struct pass *p, u32 rd, u32 rn, i64 v)
{
	if (v >= 0 && a64_addsub_fits((u64)v)) {
		emit(p, a64_addsub_imm(A64_ADD, true, rd, rn, (u64)v));
	} else if (v < 0 && a64_addsub_fits((u64)-v)) {
		emit(p, a64_addsub_imm(A64_SUB, true, rd, rn, (u64)-v));
	} else {
		move_raw(p, true, rd, (u64)v);
		emit(p, a64_addsub_ext(A64_ADD, true, rd, rn, rd, A64_UXTX, 0));
	}
}

u32 value_of(struct pass *p, u32 r, u32 tmp)
{
	if (r != BPF_FP)
		return p->f.reg[r];
	add_imm(p, tmp, A64_SP, p->f.frame);
	return tmp;
}

static void jit_insn(struct pass *p, u32 pc)
{
	const struct bpf_insn *i = &p->jit->insns[pc];

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		jit_alu(p, i);
		break;
	case BPF_LD:
		if (i->src_reg == BPF_PSEUDO_FUNC)
			jit_func_address(p, i, pc);
		else if (i->src_reg)
			fail(p, -EINVAL);
		else
			move_imm(p, true, p->f.reg[i->dst_reg], bpf_wide_imm(i));
		break;
	case BPF_JMP:
	case BPF_JMP32:
		if (i->code == (BPF_JMP | BPF_EXIT))
			emit_exit(p, pc);
		else if (i->code == (BPF_JMP | BPF_CALL))
			jit_call(p, i, pc);
		else
			jit_branch(p, i, pc);
		break;
	default:
		if (bpf_is_atomic(i))
			jit_atomic(p, i);
		else
			jit_memory(p, i);
	}
}

/* Instruction pc shifts left what pc + 1 adds, and then nobody needs it: by how much, 0 if not. */
static u32 scales(const struct pass *p, u32 pc)
{
	const struct bpf_insn *i = &p->jit->insns[pc], *add = i + 1;
	u32 by;

	if (!(p->jit->mark[pc + 1] & BPF_MARK_DEAD_SRC) ||
	    p->jit->mark[pc + 1] & BPF_MARK_TARGET || p->jit->opts->blind || i->imm <= 0)
		return 0;
	if (i->code == (BPF_ALU64 | BPF_LSH | BPF_K) && i->imm < 64)
		by = (u32)i->imm;
	else if (i->code == (BPF_ALU64 | BPF_MUL | BPF_K) && !(i->imm & (i->imm - 1)))
		by = ilog2((u64)i->imm);
	else
		return 0;
	return add->src_reg == i->dst_reg && add->dst_reg != i->dst_reg ? by : 0;
}

static bool jit_scaled_add(struct pass *p, u32 pc)
{
	const struct bpf_insn *add = &p->jit->insns[pc + 1];
	u32 by = scales(p, pc), rd;

	if (!by)
		return false;
	rd = p->f.reg[add->dst_reg];
	emit(p, a64_addsub_reg(A64_ADD, true, rd, rd, p->f.reg[add->src_reg], A64_LSL, by));
	return true;
}

/* A place is the same in both passes, or something has changed between them. */
static void set_place(struct pass *p, u32 *place)
{
	if (!sizing(p) && *place != p->pos)
		fail(p, -EINVAL);
	*place = p->pos;
}

static int run(struct pass *p)
{
	const struct bpf_jit *jit = p->jit;
	struct bpf_jit_place *place = jit->place;

	p->random = jit->opts->blind_seed;
	for (u32 pc = 0; pc < jit->n; pc++)
		if (jit->opts->tail && bpf_is_tail_call(&jit->insns[pc]))
			p->any_tail = true;
	for (u32 start = 0; start < jit->n && !p->error; start = p->f.end) {
		plan_func(p, start);
		set_place(p, &place[start].entry);
		emit_entry(p);
		for (u32 pc = start; pc < p->f.end && !p->error; pc++) {
			set_place(p, &place[pc].code);
			if (jit->mark[pc] & BPF_MARK_SECOND)
				continue;
			if (pc + 1 < p->f.end && jit_scaled_add(p, pc))
				set_place(p, &place[++pc].code);
			else
				jit_insn(p, pc);
		}
		emit_epilogue(p);
	}
	set_place(p, &place[jit->n].code);
	return p->error;
}

int bpf_jit_layout(struct bpf_jit *jit)
{
	static const u32 limits[] = { 32u << 10, 1u << 20, MAX_IMAGE };

	/* The shortest branches that reach; a longer reach only ever makes an image longer. */
	for (u32 reach = REACH_NEAR; reach <= REACH_FAR; reach++) {
		struct pass p = { .jit = jit, .reach = reach,
				  .size = limits[reach] };
		int err = run(&p);

		if (err == -E2BIG && reach < REACH_FAR)
			continue;
		jit->size = p.pos;
		jit->n_fixups = p.n_fixups;
		jit->tail_entry = p.tail_entry;
		jit->reach = reach;
		jit->planned = !p.f.start;
		jit->plan = p.plan;
		return err;
	}
	return -E2BIG;
}

int bpf_jit_emit(const struct bpf_jit *jit, u32 *image, struct bpf_jit_fixup *fixups)
{
	struct pass p = { .jit = jit, .image = image, .fixups = fixups, .size = jit->size,
			  .reach = jit->reach };
	int err = run(&p);

	return !err && p.pos != jit->size ? -EINVAL : err;
}
