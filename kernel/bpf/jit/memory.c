/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads, stores and atomics. */
#include <base/errno.h>
#include "jit_internal.h"

/* The arm64 base register for BPF's, and what must be added to the offset: r10 is sp + frame. */
static u32 base_of(const struct pass *p, u32 r, i64 *offset)
{
	if (r != BPF_FP)
		return p->f.reg[r];
	*offset += p->f.frame;
	return A64_SP;
}

/* One access, with the offset in the instruction if it fits there, else in T0. */
static void reach(struct pass *p, enum a64_ldst op, u32 size, u32 rt, u32 base, i64 offset)
{
	u32 rn = base_of(p, base, &offset);
	u32 word = offset < 0 ? A64_BAD : a64_ldst_imm(op, size, rt, rn, (u64)offset);

	if (word == A64_BAD)
		word = a64_ldst_unscaled(op, size, rt, rn, offset);
	if (word == A64_BAD) {
		move_raw(p, true, T0, (u64)offset);
		word = a64_ldst_reg(op, size, rt, rn, T0, A64_UXTX, false);
	}
	emit(p, word);
}

static void add_fixup(struct pass *p, u32 reg)
{
	if (p->error)
		return;
	if (!sizing(p)) {
		if (p->n_fixups >= p->jit->n_fixups) {
			fail(p, -EINVAL);
			return;
		}
		p->fixups[p->n_fixups] = (struct bpf_jit_fixup){ p->pos - 4, p->pos, reg };
	}
	p->n_fixups++;
}

void jit_memory(struct pass *p, const struct bpf_insn *i)
{
	u32 size = bpf_size_log(i->code), rt = A64_ZR;
	u8 mode = BPF_MODE(i->code);
	bool sign = mode == BPF_MEMSX || mode == BPF_PROBE_SX;

	switch (BPF_CLASS(i->code)) {
	case BPF_LDX:
		rt = p->f.reg[i->dst_reg];
		reach(p, sign ? A64_LDRS : A64_LDR, size, rt, i->src_reg, i->off);
		if (mode == BPF_PROBE || mode == BPF_PROBE_SX)
			add_fixup(p, rt);
		break;
	case BPF_ST:
		if (i->imm) {
			rt = T1;
			move_imm(p, size == 3, rt, (u64)(i64)i->imm);
		}
		reach(p, A64_STR, size, rt, i->dst_reg, i->off);
		break;
	default:
		rt = value_of(p, i->src_reg, T1);
		reach(p, A64_STR, size, rt, i->dst_reg, i->off);
	}
}

/* A register with the address of an access that takes no offset: BPF's own, or T0. */
static u32 address_of(struct pass *p, u32 r, i64 offset)
{
	u32 rn = base_of(p, r, &offset);

	if (!offset && rn != A64_SP)
		return rn;
	add_imm(p, T0, rn, offset);
	return T0;
}

/* With FEAT_LSE. What fetches orders both ways, what does not is not ordered. */
static void atomic_lse(struct pass *p, const struct bpf_insn *i, u32 rn, u32 rs)
{
	u32 size = bpf_size_log(i->code);
	bool fetch = i->imm & BPF_FETCH;
	u32 rt = fetch ? rs : A64_ZR;
	enum a64_atomic op;

	switch (i->imm & ~BPF_FETCH) {
	case BPF_ADD:
		op = A64_LDADD;
		break;
	case BPF_OR:
		op = A64_LDSET;
		break;
	case BPF_AND:
		emit(p, a64_logic_reg(A64_ORR, size == 3, true, T1, A64_ZR, rs, A64_LSL, 0));
		rs = T1;
		op = A64_LDCLR;
		break;
	case BPF_XOR:
		op = A64_LDEOR;
		break;
	case BPF_XCHG & ~BPF_FETCH:
		op = A64_SWP;
		break;
	default:
		emit(p, a64_cas(true, true, size, p->f.reg[0], rs, rn));
		return;
	}
	emit(p, a64_atomic(op, fetch, fetch, size, rs, rt, rn));
}

/* What is stored, from what was loaded (T1) and rs, in T2 unless it is rs itself. */
static u32 combine(struct pass *p, const struct bpf_insn *i, bool x, u32 rs)
{
	switch (i->imm & ~BPF_FETCH) {
	case BPF_ADD:
		emit(p, a64_addsub_reg(A64_ADD, x, T2, T1, rs, A64_LSL, 0));
		return T2;
	case BPF_OR:
		emit(p, a64_logic_reg(A64_ORR, x, false, T2, T1, rs, A64_LSL, 0));
		return T2;
	case BPF_AND:
		emit(p, a64_logic_reg(A64_AND, x, false, T2, T1, rs, A64_LSL, 0));
		return T2;
	case BPF_XOR:
		emit(p, a64_logic_reg(A64_EOR, x, false, T2, T1, rs, A64_LSL, 0));
		return T2;
	default:
		return rs;
	}
}

/* By exclusives: again until the store succeeds, and a barrier behind what fetches. */
static void atomic_exclusive(struct pass *p, const struct bpf_insn *i, u32 rn, u32 rs)
{
	u32 size = bpf_size_log(i->code), new;
	bool x = size == 3, fetch = i->imm & BPF_FETCH, compare = i->imm == BPF_CMPXCHG;
	u32 again = p->pos;

	emit(p, a64_ldx(false, size, T1, rn));
	if (compare) {	/* to the barrier if it differs */
		emit(p, a64_logic_reg(A64_EOR, x, false, T2, T1, p->f.reg[0], A64_LSL, 0));
		emit(p, a64_cbz(true, x, T2, 12));
	}
	new = combine(p, i, x, rs);
	emit(p, a64_stx(fetch, size, T3, new, rn));
	emit(p, a64_cbz(true, false, T3, (i64)again - p->pos));
	if (!fetch)
		return;
	emit(p, a64_barrier(A64_DMB, A64_ISH));
	move_reg(p, x, compare ? p->f.reg[0] : p->f.reg[i->src_reg], T1);
}

void jit_atomic(struct pass *p, const struct bpf_insn *i)
{
	u32 size = bpf_size_log(i->code), rn, rs;

	if (i->imm == BPF_LOAD_ACQ) {
		rn = address_of(p, i->src_reg, i->off);
		emit(p, a64_load_acquire(size, p->f.reg[i->dst_reg], rn));
		return;
	}
	rn = address_of(p, i->dst_reg, i->off);
	rs = value_of(p, i->src_reg, T4);
	if (i->imm == BPF_STORE_REL)
		emit(p, a64_store_release(size, rs, rn));
	else if (p->jit->opts->lse)
		atomic_lse(p, i, rn, rs);
	else
		atomic_exclusive(p, i, rn, rs);
}
