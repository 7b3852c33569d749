/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack. A slot is eight bytes; each byte is invalid (never written), something, zero, or part
 * of a register that was put there. Slot s of a frame is r10 - 8 * (s + 1).
 */
#include "verify_internal.h"

struct place {
	struct vframe *frame;
	u32 slot, byte;		/* the first byte */
	struct vslot *s;	/* NULL: never touched */
};

static int bad_access(struct verifier *v, u32 regno, i64 off, i64 size, enum access how)
{
	say(v, "invalid %s stack R%d off=%lld size=%lld\n", how == READ ? "read from" : "write to",
	    regno, (long long)off, (long long)size);
	return -EACCES;
}

static void use_depth(struct verifier *v, const struct vframe *f, i64 off)
{
	struct vfunc *func = &v->funcs[f->func];

	func->depth = max(func->depth, (u32)-off);
}

/* The bounds [*lo, *hi) of r + off, size bytes; refuses what may lie outside. */
static int range_of(struct verifier *v, u32 regno, i64 off, i64 size, enum access how, i64 *lo,
		    i64 *hi)
{
	const struct vreg *r = reg(v, regno);
	i64 least = r->n.wide.smin, most = r->n.wide.smax;

	if (least != most && hides(v)) {
		say(v, "R%d variable stack access prohibited for !root\n", regno);
		return -EACCES;
	}
	if (least <= -MAX_OFFSET || most >= MAX_OFFSET) {
		say(v, "invalid unbounded variable-offset %s stack R%d\n",
		    how == READ ? "read from" : "write to", regno);
		return -EACCES;
	}
	*lo = r->off + off + least;
	*hi = r->off + off + most + size;
	if (*lo >= -BPF_STACK && *lo < 0 && *hi <= 0)
		return 0;
	if (least == most)
		return bad_access(v, regno, *lo, size, how);
	say(v, "invalid variable-offset %s stack R%d off=%lld size=%lld\n",
	    how == READ ? "read from" : "write to", regno, (long long)*lo, (long long)size);
	return -EACCES;
}

/* Where one load or store at a known offset goes; it is aligned. */
static struct place place_of(struct verifier *v, u32 regno, i64 off)
{
	struct vframe *f = v->cur->frame[reg(v, regno)->frame];
	u32 slot = (u32)(-off - 1) / 8;

	use_depth(v, f, off);
	return (struct place){ f, slot, (u32)(off + BPF_STACK) & 7,
			       slot < f->n_slots ? &f->slots[slot] : NULL };
}

static struct bpf_scalar low_part(const struct bpf_scalar *n, u32 size)
{
	struct bpf_scalar out;

	out.low = bpf_range_truncate(32, min(size * 8, 32u), &n->low);
	out.low = bpf_range_zero_extend(min(size * 8, 32u), 32, &out.low);
	out.wide = bpf_range_zero_extend(32, 64, &out.low);
	return out;
}

static int load_bytes(struct verifier *v, const struct place *p, u32 size, i64 off,
		      struct vreg *out)
{
	bool zero = true;

	for (u32 b = p->byte; b < p->byte + size; b++) {
		u8 kind = p->s ? p->s->kind[b] : S_INVALID;

		if (kind == S_INVALID && hides(v)) {
			say(v, "invalid read from stack off %lld+%d size %u\n", (long long)off,
			    b - p->byte, size);
			return -EACCES;
		}
		zero &= kind == S_ZERO;
	}
	if (zero)
		set_const(out, 0);
	else
		set_sized(out, size);
	return 0;
}

/* A load from a slot that holds a register. */
static int load_spilled(struct verifier *v, const struct place *p, u32 size, i64 off,
			struct vreg *out)
{
	struct vreg *r = &p->s->reg;
	u32 width = p->s->kind[7] == S_SPILL ? 8 : 4;

	if (r->type != V_SCALAR && size != 8) {
		say(v, "invalid size of register fill\n");
		return -EACCES;
	}
	if (is_const(r) && p->byte + size <= width) {
		set_const(out, r->n.wide.umin >> p->byte * 8 & ~0ull >> (64 - size * 8));
		return 0;
	}
	if (p->byte || size > width)
		return load_bytes(v, p, size, off, out);
	if (r->type == V_SCALAR && !r->id && !is_const(r))
		r->id = ++v->ids;
	*out = *r;
	if (size < width) {
		set_sized(out, size);
		out->n = low_part(&r->n, size);
	}
	return 0;
}

static int load_anywhere(struct verifier *v, u32 regno, i64 lo, i64 hi, u32 size, struct vreg *out)
{
	struct vframe *f = v->cur->frame[reg(v, regno)->frame];

	use_depth(v, f, lo);
	read_slots(v, reg(v, regno)->frame, (u32)(-hi) / 8, (u32)(-lo - 1) / 8);
	set_sized(out, size);
	return 0;
}

int stack_load_reg(struct verifier *v, u32 regno, i32 off, u32 size, struct vreg *out)
{
	i64 lo, hi;
	struct place p;
	int err = range_of(v, regno, off, size, READ, &lo, &hi);

	if (err)
		return err;
	if (hi - lo != size)
		return load_anywhere(v, regno, lo, hi, size, out);
	p = place_of(v, regno, lo);
	if (regno != BPF_FP)
		stack_access(v, reg(v, regno)->frame == v->cur->top, p.slot);
	read_slots(v, reg(v, regno)->frame, p.slot, p.slot);
	if (p.s && p.s->kind[0] == S_SPILL)
		return load_spilled(v, &p, size, lo, out);
	return load_bytes(v, &p, size, lo, out);
}

/* What was a register is bytes from now on. */
static void break_up(struct vslot *s)
{
	if (s->kind[0] != S_SPILL)
		return;
	for (u32 b = 0; b < 8; b++)
		if (s->kind[b] == S_SPILL)
			s->kind[b] = S_MISC;
}

static bool leaks(const struct verifier *v, const struct vslot *s, u32 size)
{
	return hides(v) && s->kind[0] == S_SPILL && s->reg.type != V_SCALAR && size != 8;
}

static int corrupts(struct verifier *v)
{
	say(v, "attempt to corrupt spilled pointer on stack\n");
	return -EACCES;
}

/* Bytes [lo, hi) of a frame may have been written, or, if surely, have been. */
static int spoil(struct verifier *v, struct vframe *f, i64 lo, i64 hi, bool surely)
{
	use_depth(v, f, lo);
	for (i64 at = lo; at < hi; at++) {
		struct vslot *s = slot_at(v, f, (u32)(-at - 1) / 8);
		u8 *kind;

		if (!s)
			return -ENOMEM;
		if (leaks(v, s, 0))
			return corrupts(v);
		break_up(s);
		kind = &s->kind[(at + BPF_STACK) & 7];
		if (surely || *kind != S_INVALID)
			*kind = S_MISC;
	}
	return 0;
}

static void put_reg(struct verifier *v, struct vslot *s, u32 size, const struct vreg *value)
{
	break_up(s);
	s->reg = *value;
	memset(s->kind, S_SPILL, size);
	if (size == 4 && value->n.wide.umax > ~0u) {
		s->reg.n = low_part(&value->n, 4);
		s->reg.id = 0;
	}
}

static void put_bytes(const struct place *p, u32 size, const struct vreg *value)
{
	bool zero = is_null(value);

	break_up(p->s);
	memset(p->s->kind + p->byte, zero ? S_ZERO : S_MISC, size);
}

static int check_value(struct verifier *v, u32 regno, u32 size, const struct vreg *value)
{
	if (!is_pointer(value))
		return 0;
	if (size != 8) {
		say(v, "invalid size of register spill\n");
		return -EACCES;
	}
	if (value->type == V_STACK && reg(v, regno)->frame != v->cur->top) {
		say(v, "cannot spill pointers to stack into stack frame of the caller\n");
		return -EINVAL;
	}
	return 0;
}

int stack_store_reg(struct verifier *v, u32 regno, i32 off, u32 size, const struct vreg *value,
		    i32 from)
{
	i64 lo, hi;
	struct place p;
	int err = range_of(v, regno, off, size, WRITE, &lo, &hi);

	if (!err)
		err = check_value(v, regno, size, value);
	if (err)
		return err;
	if (hi - lo != size)
		return spoil(v, v->cur->frame[reg(v, regno)->frame], lo, hi, false);
	p = place_of(v, regno, lo);
	p.s = slot_at(v, p.frame, p.slot);
	if (!p.s)
		return -ENOMEM;
	if (hides(v))
		read_slots(v, reg(v, regno)->frame, p.slot, p.slot);
	if (leaks(v, p.s, size))
		return corrupts(v);
	if (from >= 0 && reg(v, regno)->frame != v->cur->top)
		want_scalar(v, (u32)from);
	else if (from >= 0 && regno != BPF_FP)
		stack_access(v, true, p.slot);
	if (size == 8 || (size == 4 && !p.byte))
		put_reg(v, p.s, size, value);
	else
		put_bytes(&p, size, value);
	return 0;
}

static int check_initialised(struct verifier *v, u32 regno, struct vframe *f, i64 lo, i64 hi)
{
	for (i64 at = lo; at < hi && hides(v); at++) {
		u32 slot = (u32)(-at - 1) / 8;
		const struct vslot *s = slot < f->n_slots ? &f->slots[slot] : NULL;
		u8 kind = s ? s->kind[(at + BPF_STACK) & 7] : S_INVALID;

		if (kind != S_INVALID && (kind != S_SPILL || s->reg.type == V_SCALAR))
			continue;
		say(v, "invalid read from stack R%d off %lld+%lld size %lld\n", regno,
		    (long long)lo, (long long)(at - lo), (long long)(hi - lo));
		return -EACCES;
	}
	return 0;
}

int stack_range(struct verifier *v, u32 regno, i64 off, i64 size, enum access how)
{
	struct vframe *f = v->cur->frame[reg(v, regno)->frame];
	bool surely;
	i64 lo, hi;
	int err;

	if (!size)
		return 0;
	err = range_of(v, regno, off, size, how, &lo, &hi);
	if (err)
		return err;
	use_depth(v, f, lo);
	surely = hi - lo == size;
	if (how == WRITE && surely)
		return spoil(v, f, lo, hi, true);
	read_slots(v, reg(v, regno)->frame, (u32)(-hi) / 8, (u32)(-lo - 1) / 8);
	err = check_initialised(v, regno, f, lo, hi);
	return err || how == READ ? err : spoil(v, f, lo, hi, false);
}
