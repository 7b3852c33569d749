/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What matters where (struct vinsn's live, want, want_slots, read_slots): facts that are found at
 * one instruction are carried backwards to all that lead there. Each bit of a table is set once, so
 * all of this together costs at most a step per bit and branch.
 */
#include "verify_internal.h"

struct facts {
	u16 want;
	u64 want_slots, read_slots;
};

static void add(struct verifier *v, u32 pc, struct facts f)
{
	struct vinsn *a = &v->aux[pc];

	if (!(f.want & ~a->want) && !(f.want_slots & ~a->want_slots) &&
	    !(f.read_slots & ~a->read_slots))
		return;
	a->want |= f.want;
	a->want_slots |= f.want_slots;
	a->read_slots |= f.read_slots;
	v->facts++;
	if (!a->queued) {	/* so the list has room for n */
		a->queued = true;
		v->work[v->n_work++] = pc;
	}
}

/* Something depended on what was read from the stack by an address that only the simulation knows:
 * from now on everything that is stored on any stack matters. */
static void want_all_slots(struct verifier *v)
{
	if (v->want_all_slots)
		return;
	v->want_all_slots = true;
	for (u32 pc = 0; pc < v->n; pc++)
		if (!(v->aux[pc].flags & I_SECOND))
			add(v, pc, (struct facts){ .want_slots = ~0ull });
}

/* The slots that an access by r10 touches; *whole: it covers them. */
static u64 direct_slots(const struct bpf_insn *i, bool *whole)
{
	u32 size = 1u << bpf_size_log(i->code);
	i32 lo = -i->off - (i32)size, hi = -i->off - 1;	/* bytes below r10 */

	*whole = size == 8 && !(i->off & 7);
	if (lo < 0 || hi >= BPF_STACK)
		return 0;
	return (~0ull >> (63 - (hi / 8 - lo / 8))) << (lo / 8);
}

static void before_load(struct verifier *v, u32 pc, const struct bpf_insn *i, struct facts *f)
{
	bool whole;

	if (!(f->want & 1u << i->dst_reg))
		return;
	f->want &= (u16)~(1u << i->dst_reg);
	if (i->src_reg == BPF_FP)
		f->want_slots |= direct_slots(i, &whole);
	else
		f->want_slots |= v->aux[pc].link_slots;
	if (v->aux[pc].flags & I_OTHER_FRAME)
		want_all_slots(v);
}

static void before_store(const struct vinsn *a, const struct bpf_insn *i, struct facts *f)
{
	bool whole;
	u64 slots;

	if (i->dst_reg != BPF_FP) {	/* what goes to other frames is wanted when it does */
		if (BPF_CLASS(i->code) == BPF_STX && f->want_slots & a->link_slots)
			f->want |= (u16)(1u << i->src_reg);
		return;
	}
	slots = direct_slots(i, &whole);
	if (BPF_CLASS(i->code) == BPF_STX && f->want_slots & slots)
		f->want |= (u16)(1u << i->src_reg);
	if (whole) {
		f->want_slots &= ~slots;
		f->read_slots &= ~slots;
	}
}

static void before_alu(const struct bpf_insn *i, struct facts *f)
{
	u16 dst = (u16)(1u << i->dst_reg);

	if (!(f->want & dst))
		return;
	f->want &= (u16)~dst;
	f->want |= (u16)(bpf_reads(i) & 0x3ff);
}

static void before_branch(const struct vinsn *a, const struct bpf_insn *i, struct facts *f)
{
	u16 both = BPF_SRC(i->code) == BPF_X ? (u16)(1u << i->dst_reg | 1u << i->src_reg) : 0;

	if (f->want & both)	/* either was made narrower by the other */
		f->want |= both & 0x3ff;
	if (f->want & a->link || f->want_slots & a->link_slots) {
		f->want |= a->link;
		f->want_slots |= a->link_slots;
	}
}

/* What matters before a call, from what matters behind it. */
static void before_call(struct verifier *v, u32 pc, struct facts *f)
{
	const struct vinsn *callee;

	if (bpf_is_local_call(&v->insns[pc])) {
		callee = &v->aux[v->funcs[v->aux[pc].callee].start];
		if (f->want & 1)
			want_return(v, v->aux[pc].callee);
		f->want = (u16)((f->want & 0x3c0) | (callee->want & 0x3e));
	} else {
		f->want &= 0x3c0;
	}
}

/* What matters before the instruction at pc, from what matters behind it. */
static struct facts before(struct verifier *v, u32 pc, struct facts f)
{
	const struct bpf_insn *i = &v->insns[pc];

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		before_alu(i, &f);
		break;
	case BPF_LDX:
		before_load(v, pc, i, &f);
		break;
	case BPF_ST:
		before_store(&v->aux[pc], i, &f);
		break;
	case BPF_STX:
		if (bpf_is_atomic(i))	/* what is fetched is unknown */
			f.want &= (u16)~insn_writes(v, pc);
		else
			before_store(&v->aux[pc], i, &f);
		break;
	case BPF_LD:
		f.want &= (u16)~insn_writes(v, pc);
		break;
	default:
		if (i->code == (BPF_JMP | BPF_CALL))
			before_call(v, pc, &f);
		else if (bpf_is_branch(i))
			before_branch(&v->aux[pc], i, &f);
	}
	return f;
}

static struct facts facts_at(const struct verifier *v, u32 pc)
{
	const struct vinsn *a = &v->aux[pc];

	return (struct facts){ a->want, a->want_slots, a->read_slots };
}

/* Does pc lead to the instruction behind it? */
static bool falls(const struct bpf_insn *i)
{
	return i->code != (BPF_JMP | BPF_EXIT) && i->code != (BPF_JMP | BPF_JA) &&
	       i->code != (BPF_JMP32 | BPF_JA);
}

static void add_callers(struct verifier *v, u32 func, u16 want)
{
	for (u32 k = 0; k < v->n_calls; k++) {
		u32 pc = v->calls[k];

		if (v->aux[pc].callee == func && bpf_is_local_call(&v->insns[pc]))
			add(v, pc, (struct facts){ .want = want & 0x3e });
	}
}

static void spread(struct verifier *v)
{
	while (v->n_work) {
		u32 pc = v->work[--v->n_work], prev;
		struct facts f = facts_at(v, pc);
		u32 func = v->aux[pc].func;

		v->aux[pc].queued = false;
		for (u32 k = v->pred_start[pc]; k < v->pred_start[pc + 1]; k++)
			add(v, v->pred[k], before(v, v->pred[k], f));
		if (pc == v->funcs[func].start) {
			if (f.want & 0x3e)
				add_callers(v, func, f.want);
			continue;
		}
		prev = v->aux[pc - 1].flags & I_SECOND ? pc - 2 : pc - 1;
		if (falls(&v->insns[prev]))
			add(v, prev, before(v, prev, f));
	}
}

void want_reg(struct verifier *v, u32 pc, u32 regs)
{
	if (!(regs & ~v->aux[pc].want))
		return;
	add(v, pc, (struct facts){ .want = (u16)regs });
	spread(v);
}

void want_scalar(struct verifier *v, u32 r)
{
	if (r < BPF_FP && reg(v, r)->type == V_SCALAR)
		want_reg(v, v->cur->pc, 1u << r);
}

void want_slots(struct verifier *v, u32 pc, u64 slots)
{
	add(v, pc, (struct facts){ .want_slots = slots });
	spread(v);
}

void read_slots(struct verifier *v, u32 frame, u32 lo, u32 hi)
{
	u32 pc = frame == v->cur->top ? v->cur->pc : v->cur->frame[frame + 1]->callsite;
	u64 slots = (~0ull >> (63 - (hi - lo))) << lo;

	if (!(slots & ~v->aux[pc].read_slots))
		return;
	add(v, pc, (struct facts){ .read_slots = slots });
	spread(v);
}

/* A branch that made all of a set of equal scalars narrower: who wants one wants all. */
void link_at(struct verifier *v, u32 pc, u32 regs, u64 slots)
{
	struct vinsn *a = &v->aux[pc];
	u32 next;

	if (!(regs & ~a->link) && !(slots & ~a->link_slots))
		return;
	a->link |= (u16)regs;
	a->link_slots |= slots;
	next = (u32)bpf_branch_target(&v->insns[pc], pc);
	add(v, pc, before(v, pc, facts_at(v, pc + 1)));
	add(v, pc, before(v, pc, facts_at(v, next)));
	spread(v);
}

void want_return(struct verifier *v, u32 func)
{
	struct vfunc *f = &v->funcs[func];

	if (f->want_r0)
		return;
	f->want_r0 = true;
	for (u32 pc = f->start; pc < f->end; pc++)
		if (v->insns[pc].code == (BPF_JMP | BPF_EXIT))
			add(v, pc, (struct facts){ .want = 1 });
}

void set_callback(struct verifier *v, u32 func)
{
	v->funcs[func].callback = true;
	want_return(v, func);
	spread(v);
}

/* A load or store, not by r10, has reached these slots of its own frame, or another frame. What
 * matters behind it may matter before it in a new way. */
void stack_access(struct verifier *v, bool own, u32 slot)
{
	u32 pc = v->cur->pc;
	struct vinsn *a = &v->aux[pc];
	u8 flag = own ? 0 : I_OTHER_FRAME;
	u64 slots = own ? BIT(slot) : 0;

	if (!(slots & ~a->link_slots) && !(flag & ~a->flags))
		return;
	a->link_slots |= slots;
	a->flags |= flag;
	add(v, pc, before(v, pc, facts_at(v, pc + 1)));
	spread(v);
}

/* --- registers that may be read --------------------------------------------------------------- */

/* Before pc, from what may be read behind it. False: no others than before. */
static bool live_at(struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	u32 live = 0;

	if (falls(i))
		live |= v->aux[pc + 1 + bpf_is_wide(i)].live;
	if (bpf_is_branch(i))
		live |= v->aux[bpf_branch_target(i, pc)].live;
	live = (live & ~insn_writes(v, pc)) | insn_reads(v, pc);
	if (live == v->aux[pc].live)
		return false;
	v->aux[pc].live = (u16)live;
	return true;
}

static void live_again(struct verifier *v, u32 pc)
{
	if (v->aux[pc].queued)
		return;
	v->aux[pc].queued = true;
	v->work[v->n_work++] = pc;
}

/* Once backwards over the program; then what ways back have changed, once for each register. */
void find_live(struct verifier *v)
{
	for (u32 pc = v->n; pc--;)
		if (!(v->aux[pc].flags & I_SECOND))
			live_at(v, pc);
	for (u32 pc = 0; v->loops && pc < v->n; pc++)
		if (bpf_is_branch(&v->insns[pc]) && bpf_branch_target(&v->insns[pc], pc) <= pc)
			live_again(v, pc);
	while (v->n_work) {
		u32 pc = v->work[--v->n_work], prev;

		v->aux[pc].queued = false;
		if (!live_at(v, pc))
			continue;
		for (u32 k = v->pred_start[pc]; k < v->pred_start[pc + 1]; k++)
			live_again(v, v->pred[k]);
		if (pc == v->funcs[v->aux[pc].func].start)
			continue;
		prev = v->aux[pc - 1].flags & I_SECOND ? pc - 2 : pc - 1;
		if (falls(&v->insns[prev]))
			live_again(v, prev);
	}
}
