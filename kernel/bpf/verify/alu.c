/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic: of numbers as scalar.c has it; of pointers only adding and subtracting numbers. */
#include "verify_internal.h"

int need_regs(struct verifier *v, u32 regs)
{
	int err = 0;

	for (; regs && !err; regs &= regs - 1)
		err = need_reg(v, (u32)__builtin_ctz(regs));
	return err;
}

int need_reg(struct verifier *v, u32 r)
{
	if (reg(v, r)->type != V_NONE)
		return 0;
	say(v, "R%d !read_ok\n", r);
	return -EACCES;
}

/* Is the offset n that is added to ptr, or the one that results, one that no pointer may have? */
static int check_offset(struct verifier *v, const struct vreg *n, const struct vreg *ptr)
{
	i64 least = n->n.wide.smin;

	if (bpf_range_is_const(&n->n.wide) ? least >= MAX_OFFSET || least <= -MAX_OFFSET :
		    least != INT64_MIN && (least >= MAX_OFFSET || least <= -MAX_OFFSET)) {
		say(v, "value %lld makes %s pointer be out of bounds\n", (long long)least,
		    type_name(v, ptr));
		return -EACCES;
	}
	if (least == INT64_MIN) {
		say(v, "math between %s pointer and register with unbounded min value is not "
		       "allowed\n", type_name(v, ptr));
		return -EACCES;
	}
	return 0;
}

static int may_move(struct verifier *v, const struct vreg *ptr, u32 regno)
{
	if (ptr->maybe_null) {
		say(v, "R%d pointer arithmetic on %s prohibited, null-check it first\n", regno,
		    type_name(v, ptr));
		return -EACCES;
	}
	if (ptr->type == V_MAP || ptr->type == V_PACKET_END || ptr->type == V_FUNC) {
		say(v, "R%d pointer arithmetic on %s prohibited\n", regno, type_name(v, ptr));
		return -EACCES;
	}
	return 0;
}

/* dst = ptr + number, or ptr - number; regno: the pointer's register. */
static int move_pointer(struct verifier *v, const struct bpf_insn *i, struct vreg ptr,
			const struct vreg *number, u32 regno)
{
	bool sub = BPF_OP(i->code) == BPF_SUB;
	int err = may_move(v, &ptr, regno);

	if (!err)
		err = check_offset(v, number, &ptr);
	if (err)
		return err;
	if (is_const(number)) {
		i64 off = ptr.off + (sub ? -number->n.wide.smin : number->n.wide.smin);

		if (off >= MAX_OFFSET || off <= -MAX_OFFSET) {
			say(v, "%s pointer offset %lld is not allowed\n", type_name(v, &ptr),
			    (long long)off);
			return -EACCES;
		}
		ptr.off = (i32)off;
	} else {
		struct bpf_insn op = { .code = BPF_ALU64 | BPF_X | BPF_OP(i->code) };

		ptr.n = bpf_scalar_alu(&op, &ptr.n, &number->n);
		if (is_packet(&ptr)) {
			ptr.id = ++v->ids;
			ptr.range = 0;
		}
		err = check_offset(v, &ptr, &ptr);
		if (err)
			return err;
	}
	*reg(v, i->dst_reg) = ptr;
	return 0;
}

static const char *op_sign(u8 op)
{
	static const char *const signs[] = { "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=",
					     "neg", "%=", "^=", "=", "s>>=", "endian" };

	return signs[op >> 4];
}

/* An operation of which one operand at least is a pointer. */
static int pointer_op(struct verifier *v, const struct bpf_insn *i, const struct vreg *src)
{
	struct vreg *dst = reg(v, i->dst_reg);
	u8 op = BPF_OP(i->code);
	bool both = is_pointer(dst) && is_pointer(src);
	u32 regno = is_pointer(dst) ? i->dst_reg : i->src_reg;

	if (both ? op == BPF_SUB && !hides(v)
		 : BPF_CLASS(i->code) == BPF_ALU && op == BPF_SUB && !hides(v)) {
		set_sized(dst, BPF_CLASS(i->code) == BPF_ALU ? 4 : 8);	/* a distance */
		return 0;
	}
	if (both) {
		say(v, "R%d pointer %s pointer prohibited\n", i->dst_reg, op_sign(op));
		return -EACCES;
	}
	if (BPF_CLASS(i->code) == BPF_ALU) {
		say(v, "R%d 32-bit pointer arithmetic prohibited\n", regno);
		return -EACCES;
	}
	if (BPF_SRC(i->code) == BPF_X) {	/* the one of them that is a number */
		want_scalar(v, i->src_reg);
		want_scalar(v, i->dst_reg);
	}
	switch (op) {
	case BPF_ADD:
		return is_pointer(dst) ? move_pointer(v, i, *dst, src, i->dst_reg)
				       : move_pointer(v, i, *src, dst, i->src_reg);
	case BPF_SUB:
		if (!is_pointer(dst)) {
			say(v, "R%d tried to subtract pointer from scalar\n", i->dst_reg);
			return -EACCES;
		}
		return move_pointer(v, i, *dst, src, i->dst_reg);
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		say(v, "R%d bitwise operator %s on pointer prohibited\n", regno, op_sign(op));
		return -EACCES;
	default:
		say(v, "R%d pointer arithmetic with %s operator prohibited\n", regno, op_sign(op));
		return -EACCES;
	}
}

static int move(struct verifier *v, const struct bpf_insn *i)
{
	struct vreg *dst = reg(v, i->dst_reg), *src = reg(v, i->src_reg);
	bool wide = BPF_CLASS(i->code) == BPF_ALU64, fits;
	struct bpf_scalar n;

	if (wide && !i->off) {
		if (src->type == V_SCALAR && !src->id && !is_const(src))
			src->id = ++v->ids;
		*dst = *src;
		return 0;
	}
	if (is_pointer(src)) {
		if (hides(v)) {
			say(v, i->off ? "R%d sign-extension part of pointer\n" :
					"R%d partial copy of pointer\n", i->src_reg);
			return -EACCES;
		}
		set_sized(dst, wide ? 8 : 4);
		return 0;
	}
	fits = !i->off && !wide && src->n.wide.umax <= ~0u;	/* nothing is cut off */
	if (fits && !src->id && !is_const(src))
		src->id = ++v->ids;
	n = bpf_scalar_alu(i, &dst->n, &src->n);
	if (fits) {
		*dst = *src;
		return 0;
	}
	set_unknown(dst);
	dst->n = n;
	return 0;
}

static int check_imm(struct verifier *v, const struct bpf_insn *i)
{
	u8 op = BPF_OP(i->code);
	i32 width = BPF_CLASS(i->code) == BPF_ALU64 ? 64 : 32;

	if ((op == BPF_DIV || op == BPF_MOD) && !i->imm) {
		say(v, "div by zero\n");
		return -EINVAL;
	}
	if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) && (i->imm < 0 || i->imm >= width)) {
		say(v, "invalid shift %d\n", i->imm);
		return -EINVAL;
	}
	return 0;
}

static int unary(struct verifier *v, const struct bpf_insn *i)
{
	struct vreg *dst = reg(v, i->dst_reg);

	if (is_pointer(dst)) {
		if (hides(v)) {
			say(v, "R%d pointer arithmetic prohibited\n", i->dst_reg);
			return -EACCES;
		}
		set_sized(dst, BPF_CLASS(i->code) == BPF_ALU && BPF_OP(i->code) == BPF_NEG ? 4 : 8);
		return 0;
	}
	dst->n = bpf_scalar_alu(i, &dst->n, &dst->n);
	dst->id = 0;
	return 0;
}

/* Of two operands, one of them dst. */
static int binary(struct verifier *v, const struct bpf_insn *i)
{
	struct vreg *dst = reg(v, i->dst_reg), imm, *src = &imm;
	u8 op = BPF_OP(i->code);

	if (BPF_SRC(i->code) == BPF_X) {
		src = reg(v, i->src_reg);
	} else {
		int err = check_imm(v, i);

		if (err)
			return err;
		set_const(&imm, (u64)(i64)i->imm);
	}
	if (is_pointer(dst) || is_pointer(src))
		return pointer_op(v, i, src);
	if (src == dst && (op == BPF_SUB || op == BPF_XOR)) {
		set_const(dst, 0);
		return 0;
	}
	dst->n = bpf_scalar_alu(i, &dst->n, &src->n);
	dst->id = 0;
	return 0;
}

int do_alu(struct verifier *v, const struct bpf_insn *i)
{
	int err = need_regs(v, bpf_reads(i));

	if (err)
		return err;
	if (BPF_OP(i->code) == BPF_END || BPF_OP(i->code) == BPF_NEG)
		err = unary(v, i);
	else if (BPF_OP(i->code) != BPF_MOV)
		err = binary(v, i);
	else if (BPF_SRC(i->code) == BPF_X)
		err = move(v, i);
	else
		set_const(reg(v, i->dst_reg), BPF_CLASS(i->code) == BPF_ALU64 ?
						      (u64)(i64)i->imm : (u32)i->imm);
	v->cur->pc++;
	return err;
}
