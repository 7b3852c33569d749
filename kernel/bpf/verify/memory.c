/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads, stores and atomics: which memory a pointer is good for. */
#include "verify_internal.h"

/* A kind of memory: how large, and how its misuse is told. */
struct extent {
	u32 size;
	const char *what, *unit;
};

static int outside(struct verifier *v, const struct extent *e, i64 off, i64 size)
{
	if (off >= 0 && size >= 0 && off + size <= e->size)
		return 0;
	say(v, "invalid access to %s, %s=%u off=%lld size=%lld\n", e->what, e->unit, e->size,
	    (long long)off, (long long)size);
	return -EACCES;
}

/* r + off, size bytes, lies within the extent whatever r's variable part is. */
static int check_extent(struct verifier *v, u32 regno, i64 off, i64 size, const struct extent *e)
{
	const struct bpf_range *n = &reg(v, regno)->n.wide;

	off += reg(v, regno)->off;
	if (n->smin < 0 && (n->smin <= -MAX_OFFSET || off + n->smin < 0)) {
		say(v, "R%d min value is negative, either use unsigned index or do a if (index "
		       ">=0) check.\n", regno);
		return -EACCES;
	}
	if (outside(v, e, off + n->smin, size)) {
		say(v, "R%d min value is outside of the allowed memory range\n", regno);
		return -EACCES;
	}
	if (n->smax >= MAX_OFFSET) {
		say(v, "R%d unbounded memory access, make sure to bounds check any such access\n",
		    regno);
		return -EACCES;
	}
	if (outside(v, e, off + n->smax, size)) {
		say(v, "R%d max value is outside of the allowed memory range\n", regno);
		return -EACCES;
	}
	return 0;
}

static bool overlaps(const struct vreg *r, i64 off, i64 size, i32 field, i32 len)
{
	return field >= 0 && r->off + off + r->n.wide.smin < field + len &&
	       field < r->off + off + r->n.wide.smax + size;
}

static int check_value_access(struct verifier *v, u32 regno, i64 off, i64 size, enum access how)
{
	const struct vreg *r = reg(v, regno);
	const struct bpf_map_desc *map = r->map;
	struct extent e = { map->value_size, "map value", "value_size" };
	u32 forbidden = how == READ ? BPF_F_WRONLY_PROG : BPF_F_RDONLY_PROG;
	int err;

	if (map->flags & forbidden) {
		say(v, "%s map forbidden, value_size=%u off=%lld size=%lld\n",
		    how == READ ? "read from" : "write into", map->value_size,
		    (long long)(r->off + off), (long long)size);
		return -EACCES;
	}
	err = check_extent(v, regno, off, size, &e);
	if (err)
		return err;
	if (overlaps(r, off, size, map->spin_lock, sizeof(struct bpf_spin_lock))) {
		say(v, "bpf_spin_lock cannot be accessed directly by load/store\n");
		return -EACCES;
	}
	if (overlaps(r, off, size, map->timer, sizeof(struct bpf_timer))) {
		say(v, "bpf_timer cannot be accessed directly by load/store\n");
		return -EACCES;
	}
	return 0;
}

static int check_packet(struct verifier *v, u32 regno, i64 off, i64 size, enum access how)
{
	const struct vreg *r = reg(v, regno);
	i64 from = r->off + off;

	if (r->n.wide.smin < 0) {
		say(v, "R%d min value is negative, either use unsigned index or do a if (index "
		       ">=0) check.\n", regno);
		return -EACCES;
	}
	if (from < 0 || size < 0 || from + size > r->range) {
		say(v, "invalid access to packet, off=%lld size=%lld, R%d(id=%d,off=%d,r=%d)\n",
		    (long long)from, (long long)size, regno, r->id, r->off, r->range);
		say(v, "R%d offset is outside of the packet\n", regno);
		return -EACCES;
	}
	if (how == WRITE)
		v->writes_packet = true;
	return 0;
}

static bool plain_ctx(const struct verifier *v)
{
	return v->in->prog_type == BPF_PROG_TYPE_SYSCALL;
}

/* The context that is plain memory; who runs the program brings at least what it may reach. */
static int check_plain_ctx(struct verifier *v, u32 regno, i64 off, i64 size)
{
	const struct vreg *r = reg(v, regno);
	struct extent e = { 0xffff, "context", "ctx_size" };
	int err = check_extent(v, regno, off, size, &e);

	if (!err)
		v->max_ctx_offset = max(v->max_ctx_offset,
					(u32)(r->off + off + r->n.wide.smax + size));
	return err;
}

/* Refuses a context that is not plain memory, as memory or by a pointer that was moved. */
static int bad_ctx(struct verifier *v, u32 regno, i64 off, i64 size)
{
	const struct vreg *r = reg(v, regno);

	if (!bpf_range_is_const(&r->n.wide) || r->n.wide.umin)
		say(v, "variable ctx access R%d off=%lld size=%lld\n", regno, (long long)off,
		    (long long)size);
	else if (r->off)
		say(v, "dereference of modified ctx ptr R%d off=%d disallowed\n", regno, r->off);
	else
		say(v, "invalid bpf_context access off=%lld size=%lld\n", (long long)off,
		    (long long)size);
	return -EACCES;
}

static int invalid(struct verifier *v, u32 regno)
{
	say(v, "R%d invalid mem access '%s'\n", regno, type_name(v, reg(v, regno)));
	return -EACCES;
}

int check_region(struct verifier *v, u32 regno, i64 off, i64 size, enum access how)
{
	const struct vreg *r = reg(v, regno);
	struct extent mem = { r->size, "memory", "mem_size" };
	struct extent key = { r->map ? r->map->key_size : 0, "map key", "key_size" };

	if (r->maybe_null)
		return invalid(v, regno);
	switch (r->type) {
	case V_VALUE:
		return check_value_access(v, regno, off, size, how);
	case V_STACK:
		return stack_range(v, regno, off, size, how);
	case V_PACKET:
	case V_META:
		return check_packet(v, regno, off, size, how);
	case V_KEY:
	case V_MEM:
		if (how == WRITE && (r->type == V_KEY || r->rdonly)) {
			say(v, "R%d cannot write into %s\n", regno, type_name(v, r));
			return -EACCES;
		}
		return check_extent(v, regno, off, size, r->type == V_KEY ? &key : &mem);
	case V_CTX:
		return plain_ctx(v) ? check_plain_ctx(v, regno, off, size)
				    : bad_ctx(v, regno, off, size);
	default:
		return invalid(v, regno);
	}
}

/* What an access becomes depends on which of these its base is. */
static u8 kind_of_base(u8 type) { return type == V_CTX || type == V_BTF ? type : V_NONE; }

/* One instruction's base is always of one of these kinds. */
static int one_kind(struct verifier *v, u32 regno)
{
	struct vinsn *a = &v->aux[v->cur->pc];
	u8 type = reg(v, regno)->type;

	if (type == V_SCALAR || reg(v, regno)->maybe_null)	/* worse than that */
		return 0;
	if (!a->access || kind_of_base(a->access) == kind_of_base(type)) {
		a->access = type;
		return 0;
	}
	say(v, "same insn cannot be used with different pointers\n");
	return -EINVAL;
}

static int misaligned(struct verifier *v, const struct vreg *r, i64 off, u32 size)
{
	say(v, "misaligned %s access off %lld size %u\n",
	    r->type == V_VALUE ? "value" : r->type == V_STACK ? "stack" :
	    is_packet(r) ? "packet" : "pointer",
	    (long long)(r->off + off), size);
	return -EACCES;
}

/* Bytes, a power of two up to 8: what the beginning of such a pointer's memory is a multiple of. An
 * argument of a global function that is used atomically: as its type may need (call.c). */
static u32 base_alignment(const struct vreg *r)
{
	if (is_packet(r))
		return 1;
	return r->type == V_MEM && !r->ref ? alignment_of(r->size) : 8;
}

int check_pointer_aligned(struct verifier *v, u32 regno, i64 off, u32 size)
{
	const struct vreg *r = reg(v, regno);
	u64 known = (u64)(r->off + off) + r->n.wide.bits.value;

	if (size <= base_alignment(r) && !((known | r->n.wide.bits.mask) & (size - 1)))
		return 0;
	return misaligned(v, r, off, size);
}

static int check_aligned(struct verifier *v, u32 regno, i64 off, u32 size)
{
	const struct vreg *r = reg(v, regno);
	u64 known = (u64)(r->off + off) + r->n.wide.bits.value;

	/* The stack is kept by slots, which no access may cross. */
	if (r->type != V_STACK && !(v->in->prog_flags & BPF_F_STRICT_ALIGNMENT))
		return 0;
	if (is_packet(r))	/* they begin 2 bytes off */
		known += 2;
	if (!((known | r->n.wide.bits.mask) & (size - 1)))
		return 0;
	return misaligned(v, r, off, size);
}

/* A load or store of the context: *f is changed to the field that it is in, if there are such. */
static int access_ctx(struct verifier *v, u32 regno, i64 off, u32 size, enum access how,
		      const struct ctx_field **f)
{
	const struct vreg *r = reg(v, regno);

	if (plain_ctx(v))
		return check_plain_ctx(v, regno, off, size);
	if (r->off || !bpf_range_is_const(&r->n.wide) || r->n.wide.umin)
		return bad_ctx(v, regno, off, size);
	*f = ctx_field(v->in->prog_type, off, size, how);
	if (*f)
		return 0;
	say(v, "invalid bpf_context access off=%lld size=%u\n", (long long)off, size);
	return -EACCES;
}

/* An argument of a function of the kernel's. */
static int load_argument(struct verifier *v, u32 regno, i32 off, u32 size, u32 *target)
{
	const struct bpf_kernel_types *t = kernel_types(v);
	const struct vreg *r = reg(v, regno);
	i64 at = (i64)r->off + off;

	if (at < 0 || !bpf_range_is_const(&r->n.wide) || r->n.wide.umin || r->off)
		return bad_ctx(v, regno, off, size);
	return t->walk_args(t->types, v->in->ctx_proto, v->in->ctx_value, (u64)at, size, target, v->log);
}

static int load_member(struct verifier *v, u32 regno, i32 off, u32 size, u32 *target)
{
	const struct bpf_kernel_types *t = kernel_types(v);
	const struct vreg *r = reg(v, regno);
	i64 at = (i64)r->off + off;

	if (!bpf_range_is_const(&r->n.wide)) {
		say(v, "R%d is %s invalid variable offset: off=%d\n", regno, type_name(v, r), off);
		return -EACCES;
	}
	at += r->n.wide.smin;
	if (at < 0) {
		say(v, "R%d is %s invalid negative access: off=%lld\n", regno, type_name(v, r),
		    (long long)at);
		return -EACCES;
	}
	return t->walk(t->types, r->size, (u64)at, size, target, v->log);
}

/* A load of what the kernel's types describe: a number, or a pointer to one of its objects. */
static int load_typed(struct verifier *v, u32 regno, i32 off, u32 size, bool sign, struct vreg *out)
{
	bool argument = reg(v, regno)->type == V_CTX;
	u32 target;
	int err = argument ? load_argument(v, regno, off, size, &target)
			   : load_member(v, regno, off, size, &target);

	if (err)
		return err;
	if (!target || sign) {
		set_sized(out, sign ? 8 : size);
	} else {
		set_pointer(out, V_BTF);
		out->size = target;
	}
	return 0;
}

static const struct ctx_field plain_field = { .type = V_SCALAR };

static void set_field(struct vreg *r, const struct ctx_field *f, u32 size, bool sign)
{
	if (f->type != V_SCALAR) {
		set_pointer(r, f->type);
		return;
	}
	set_sized(r, sign ? 8 : size);
}

static u64 sign_extend(u64 value, u32 size)
{
	return (u64)((i64)(value << (64 - 8 * size)) >> (64 - 8 * size));
}

/*
 * A constant of the program's: its map will never change. Programs may not (BPF_F_RDONLY_PROG, also
 * not by helpers: arg_map), bpf(2) may not (frozen, for ever, and only once no call and no mapping
 * that may write was left: struct bpf_map_desc). False: it is not one.
 */
static bool load_constant(const struct vreg *r, i64 off, u32 size, u64 *value)
{
	const struct bpf_map_desc *map = r->map;

	if (r->type != V_VALUE || !load_acquire(&map->frozen) || !(map->flags & BPF_F_RDONLY_PROG) ||
	    !map->values || map->max_entries != 1 || !bpf_range_is_const(&r->n.wide))
		return false;
	*value = 0;
	memcpy(value, (const void *)(map->values + (u64)(r->off + off) + r->n.wide.umin), size);
	return true;
}

/* What a load of `size` bytes by regno gives. */
static int load(struct verifier *v, u32 regno, i32 off, u32 size, bool sign, struct vreg *out)
{
	const struct vreg *r = reg(v, regno);
	const struct ctx_field *f = &plain_field;
	u64 value;
	int err = one_kind(v, regno);

	if (err)
		return err;
	if (r->type == V_BTF || (r->type == V_CTX && v->in->ctx_proto))
		return load_typed(v, regno, off, size, sign, out);
	if (r->type == V_STACK) {
		err = stack_load_reg(v, regno, off, size, out);
		if (!err && sign && is_pointer(out))
			set_unknown(out);
		return err;
	}
	if (r->type == V_CTX)
		err = access_ctx(v, regno, off, size, READ, &f);
	else
		err = check_region(v, regno, off, size, READ);
	if (err)
		return err;
	if (sign && f->type != V_SCALAR) {
		say(v, "invalid bpf_context access off=%d size=%d\n", off, size);
		return -EACCES;
	}
	if (load_constant(r, off, size, &value))
		set_const(out, sign ? sign_extend(value, size) : value);
	else
		set_field(out, f, size, sign);
	return 0;
}

int do_load(struct verifier *v, const struct bpf_insn *i)
{
	u32 size = 1u << bpf_size_log(i->code);
	bool sign = BPF_MODE(i->code) == BPF_MEMSX;
	struct bpf_insn extend = { .code = BPF_ALU64 | BPF_MOV | BPF_X, .off = (i16)(size * 8) };
	struct vreg out;
	int err = need_reg(v, i->src_reg);

	if (!err)
		err = check_aligned(v, i->src_reg, i->off, size);
	if (!err)
		err = load(v, i->src_reg, i->off, size, sign, &out);
	if (err)
		return err;
	if (sign && out.type == V_SCALAR) {
		out.n = bpf_scalar_alu(&extend, &out.n, &out.n);
		out.id = 0;
	}
	*reg(v, i->dst_reg) = out;
	v->cur->pc++;
	return 0;
}

static int read_only(struct verifier *v)
{
	say(v, "only read is supported\n");
	return -EACCES;
}

/* from: the register that is stored, -1 for an immediate. */
static int store(struct verifier *v, u32 regno, i32 off, u32 size, const struct vreg *value, i32 from)
{
	const struct vreg *r = reg(v, regno);
	const struct ctx_field *f;
	int err = one_kind(v, regno);

	if (err)
		return err;
	if (r->type == V_STACK)
		return stack_store_reg(v, regno, off, size, value, from);
	if (r->type == V_BTF)
		return read_only(v);
	if (is_pointer(value) && hides(v)) {
		say(v, "R%d leaks addr into %s\n", from, r->type == V_CTX ? "ctx" :
		    r->type == V_VALUE ? "map" : "mem");
		return -EACCES;
	}
	if (r->type == V_CTX)
		return access_ctx(v, regno, off, size, WRITE, &f);
	return check_region(v, regno, off, size, WRITE);
}

int do_store(struct verifier *v, const struct bpf_insn *i)
{
	u32 size = 1u << bpf_size_log(i->code);
	bool imm = BPF_CLASS(i->code) == BPF_ST;
	struct vreg constant, *value = &constant;
	int err = need_reg(v, i->dst_reg);

	if (!err && !imm)
		err = need_reg(v, i->src_reg);
	if (!err)
		err = check_aligned(v, i->dst_reg, i->off, size);
	if (err)
		return err;
	if (imm) {
		set_const(&constant, (u64)(i64)i->imm);
	} else {
		value = reg(v, i->src_reg);
		if (value->type == V_SCALAR && !value->id && !is_const(value) && size >= 4)
			value->id = ++v->ids;
	}
	err = store(v, i->dst_reg, i->off, size, value, imm ? -1 : i->src_reg);
	v->cur->pc++;
	return err;
}

/* What is read and written at once: r + off, never a register that is kept on the stack. */
static int check_modify(struct verifier *v, u32 regno, i32 off, u32 size)
{
	struct vreg old, new;
	int err = reg(v, regno)->type == V_BTF ? read_only(v) : 0;

	if (!err)
		err = load(v, regno, off, size, false, &old);
	if (err || reg(v, regno)->type != V_STACK)
		return err ? err : check_region(v, regno, off, size, WRITE);
	if (hides(v) && is_pointer(&old)) {
		say(v, "R%d leaks addr into mem\n", regno);
		return -EACCES;
	}
	set_unknown(&new);
	return stack_store_reg(v, regno, off, size, &new, -1);
}

static int ordered(struct verifier *v, const struct bpf_insn *i, u32 size)
{
	bool loads = i->imm == BPF_LOAD_ACQ;
	u32 base = loads ? i->src_reg : i->dst_reg;
	struct vreg out;
	int err;

	if (!loads) {	/* demand.c looks at plain stores only */
		want_scalar(v, i->src_reg);
		return store(v, base, i->off, size, reg(v, i->src_reg), i->src_reg);
	}
	err = load(v, base, i->off, size, false, &out);
	if (err)
		return err;
	if (out.type == V_SCALAR && reg(v, base)->type == V_STACK)	/* the same for loads */
		set_field(&out, &plain_field, size, false);
	*reg(v, i->dst_reg) = out;
	return 0;
}

int do_atomic(struct verifier *v, const struct bpf_insn *i)
{
	u32 size = 1u << bpf_size_log(i->code);
	u32 base = i->imm == BPF_LOAD_ACQ ? i->src_reg : i->dst_reg;
	int err = need_regs(v, bpf_reads(i)), out;

	if (!err && (reg(v, base)->type == V_CTX || is_packet(reg(v, base)) ||
		     (reg(v, base)->type == V_BTF && i->imm == BPF_LOAD_ACQ))) {
		say(v, "BPF_ATOMIC %s R%d %s is not allowed\n",
		    i->imm == BPF_LOAD_ACQ ? "loads from" : "stores into", base,
		    type_name(v, reg(v, base)));
		return -EACCES;
	}
	if (!err)
		err = check_pointer_aligned(v, base, i->off, size);
	if (err)
		return err;
	if (i->imm == BPF_LOAD_ACQ || i->imm == BPF_STORE_REL) {
		err = ordered(v, i, size);
		v->cur->pc++;
		return err;
	}
	if (is_pointer(reg(v, i->src_reg)) && hides(v)) {
		say(v, "R%d leaks addr into mem\n", i->src_reg);
		return -EACCES;
	}
	/* whether it is equal to what is there tells who asks often enough */
	if (i->imm == BPF_CMPXCHG && is_pointer(reg(v, 0)) && hides(v)) {
		say(v, "R0 leaks addr into mem\n");
		return -EACCES;
	}
	err = check_modify(v, i->dst_reg, i->off, size);
	if (err)
		return err;
	out = bpf_written(i);
	if (out >= 0)
		set_sized(reg(v, (u32)out), size);
	v->cur->pc++;
	return 0;
}

int do_load_imm(struct verifier *v, const struct bpf_insn *i)
{
	struct vreg *dst = reg(v, i->dst_reg);
	const struct vinsn *a = &v->aux[v->cur->pc];

	switch (i->src_reg) {
	case 0:
		set_const(dst, bpf_wide_imm(i));
		break;
	case BPF_PSEUDO_FUNC:
		if (v->funcs[a->callee].desc && v->funcs[a->callee].desc->global) {
			say(v, "callback function not static\n");
			return -EINVAL;
		}
		set_pointer(dst, V_FUNC);
		dst->size = a->callee;
		break;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		set_pointer(dst, V_MAP);
		dst->map = a->map;
		break;
	default:
		set_pointer(dst, V_VALUE);
		dst->map = a->map;
		dst->off = i[1].imm;
	}
	v->cur->pc += 2;
	return 0;
}
