/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of helpers: arguments one by one, then what they leave behind. */
#include <bpf/bprintf.h>
#include "verify_internal.h"

#define MAX_SIZE	(1 << 29)

/* What earlier arguments said. */
struct args {
	const struct proto *proto;
	u32 helper;
	const struct bpf_map_desc *map;
	u32 map_uid;
	u32 size;		/* A_ALLOC_SIZE */
	u32 most;		/* A_SIZE and A_SIZE0: what it is at most */
	u32 func;		/* A_CALLBACK */
	u32 release;
	const struct bpf_map_desc *timer_map;
	u32 timer_uid;
};

static int expected(struct verifier *v, u32 regno, const char *what)
{
	say(v, "R%d type=%s expected=%s\n", regno, type_name(v, reg(v, regno)), what);
	return -EACCES;
}

static bool is_still(const struct vreg *r)
{
	return bpf_range_is_const(&r->n.wide) && !r->n.wide.umin;
}

static bool helper_writes(u32 helper)	/* into the map that it is given */
{
	return helper == BPF_FUNC_map_update_elem || helper == BPF_FUNC_map_delete_elem ||
	       helper == BPF_FUNC_map_push_elem || helper == BPF_FUNC_map_pop_elem;
}

static int arg_map(struct verifier *v, u32 regno, struct args *a)
{
	const struct vreg *r = reg(v, regno);
	struct vinsn *at = &v->aux[v->cur->pc];
	const struct bpf_map_desc *fixed = r->size ? NULL : r->map;

	if (r->type != V_MAP || r->maybe_null)
		return expected(v, regno, "map_ptr");
	if (a->helper == BPF_FUNC_timer_init) {
		if (r->map == a->timer_map && r->uid == a->timer_uid)
			return 0;
		say(v, "timer pointer in R1 map_uid=%d doesn't match map pointer in R2 "
		    "map_uid=%d\n", a->timer_uid, r->uid);
		return -EINVAL;
	}
	a->map = r->map;
	a->map_uid = r->uid;
	if (!map_fits(r->map->type, a->helper)) {
		say(v, "cannot pass map_type %d into func bpf_%s#%d\n", r->map->type,
		    helper_name(a->helper), a->helper);
		return -EINVAL;
	}
	if (r->map->flags & BPF_F_RDONLY_PROG && helper_writes(a->helper)) {
		say(v, "write into map forbidden\n");
		return -EACCES;
	}
	if (!fixed || (at->map && at->map != fixed))
		at->flags |= I_MANY_MAPS;
	at->map = fixed;
	return 0;
}

static bool is_memory(const struct vreg *r)
{
	return !r->maybe_null && (r->type == V_STACK || r->type == V_VALUE || r->type == V_KEY ||
				  r->type == V_MEM || r->type == V_CTX || is_packet(r));
}

/* --- sleeping --------------------------------------------------------------------------------- */

int may_sleep(struct verifier *v, u32 helper)
{
	bool awake = v->in->prog_type != BPF_PROG_TYPE_SYSCALL;

	for (u32 k = 0; k <= v->cur->top; k++)
		awake |= v->cur->frame[k]->async || v->cur->frame[k]->awake;
	if (!awake)
		return 0;
	if (helper)
		say(v, "sleepable helper bpf_%s#%d in non-sleepable prog\n", helper_name(helper), helper);
	else
		say(v, "global functions that may sleep are not allowed in non-sleepable context\n");
	return -EINVAL;
}

bool goes_in_sleep(const struct vreg *r)
{
	return r->type == V_KEY || ((r->type == V_MAP || r->type == V_MEM) && r->uid) ||
	       (r->type == V_VALUE && (r->uid || r->map->flags & BPF_F_NO_PREALLOC));
}

static void forget_found(struct verifier *v, struct vreg *r, void *arg)
{
	if (!goes_in_sleep(r))
		return;
	if (hides(v))
		set_none(r);
	else
		set_unknown(r);
}

void sleep_here(struct verifier *v) { each_reg(v, forget_found, NULL); }

/* --- arguments -------------------------------------------------------------------------------- */

static int arg_memory(struct verifier *v, u32 regno, u32 size, enum access how)
{
	if (!is_memory(reg(v, regno)))
		return expected(v, regno, "fp, pkt, pkt_meta, map_key, map_value, mem");
	return check_region(v, regno, 0, size, how);
}

/* The size of the memory that the argument before points to. */
static int arg_size(struct verifier *v, u32 regno, struct args *a, u8 type)
{
	const struct vreg *r = reg(v, regno), *mem = reg(v, regno - 1);
	const struct bpf_range *n = &r->n.wide;
	u8 kind = a->proto->arg[regno - 2];
	int err;

	if (r->type != V_SCALAR)
		return expected(v, regno, "scalar");
	want_scalar(v, regno);
	if (n->smin < 0) {
		say(v, "R%d min value is negative, either use unsigned or 'var &= const'\n", regno);
		return -EACCES;
	}
	if (!n->umin && type != A_SIZE0) {
		say(v, "R%d invalid zero-sized read: u64=[%llu,%llu]\n", regno,
		    (unsigned long long)n->umin, (unsigned long long)n->umax);
		return -EACCES;
	}
	if (n->umax >= MAX_SIZE) {
		say(v, "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'\n",
		    regno);
		return -EACCES;
	}
	a->most = (u32)n->umax;
	if (kind == A_MEM_OR_NULL && is_null(mem)) {
		want_scalar(v, regno - 1);
		return 0;
	}
	if (!n->umax && (is_memory(mem) || is_null(mem))) {
		want_scalar(v, regno - 1);
		return 0;
	}
	if (a->proto->flags & H_SLEEPS && goes_in_sleep(mem)) {
		say(v, "R%d may be freed while the helper sleeps\n", regno - 1);
		return -EACCES;
	}
	if (kind != A_MEM_OUT || n->umin == n->umax)
		return arg_memory(v, regno - 1, (u32)n->umax, kind == A_MEM_OUT ? WRITE : READ);
	/* How much will be written is not known, so it has to be there before. */
	err = arg_memory(v, regno - 1, (u32)n->umax, READ);
	return err ? err : arg_memory(v, regno - 1, (u32)n->umax, WRITE);
}

/* A pointer to what a map's values have at `field`, in words `what`. */
static int arg_field(struct verifier *v, u32 regno, bool lock, const char *what)
{
	const struct vreg *r = reg(v, regno);
	i32 field;

	if (r->type != V_VALUE || r->maybe_null)
		return expected(v, regno, "map_value");
	field = lock ? r->map->spin_lock : r->map->timer;
	if (!bpf_range_is_const(&r->n.wide)) {
		say(v, "R%d doesn't have constant offset. %s has to be at the constant offset\n",
		    regno, what);
		return -EINVAL;
	}
	if (field < 0) {
		say(v, "map has no valid %s\n", what);
		return -EINVAL;
	}
	if (r->off + r->n.wide.smin != field) {
		say(v, "off %lld doesn't point to 'struct %s' that is at %d\n",
		    (long long)(r->off + r->n.wide.smin), what, field);
		return -EINVAL;
	}
	return 0;
}

static int take_lock(struct verifier *v, u32 helper)
{
	const struct vreg *r = reg(v, 1);

	if (helper == BPF_FUNC_spin_lock) {
		if (v->cur->lock_map) {
			say(v, "Locking two bpf_spin_locks are not allowed\n");
			return -EINVAL;
		}
		v->cur->lock_map = r->map;
		v->cur->lock_id = r->id;
		return 0;
	}
	if (!v->cur->lock_map) {
		say(v, "bpf_spin_unlock without taking a lock\n");
		return -EINVAL;
	}
	if (v->cur->lock_map != r->map || v->cur->lock_id != r->id) {
		say(v, "bpf_spin_unlock of different lock\n");
		return -EINVAL;
	}
	v->cur->lock_map = NULL;
	v->cur->lock_id = 0;
	return 0;
}

static int arg_constant(struct verifier *v, u32 regno, struct args *a)
{
	const struct vreg *r = reg(v, regno);

	if (r->type != V_SCALAR)
		return expected(v, regno, "scalar");
	want_scalar(v, regno);
	if (!is_const(r)) {
		say(v, "R%d is not a known constant'\n", regno);
		return -EACCES;
	}
	if (r->n.wide.umin >= MAX_SIZE) {
		say(v, "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'\n",
		    regno);
		return -EACCES;
	}
	a->size = (u32)r->n.wide.umin;
	return 0;
}

static int arg_reserved(struct verifier *v, u32 regno, struct args *a)
{
	const struct vreg *r = reg(v, regno);

	if (r->type != V_MEM || r->maybe_null || !r->ref)
		return expected(v, regno, "ringbuf_mem");
	if (r->off || !is_still(r)) {
		say(v, "R%d must have zero offset when passed to release func\n", regno);
		return -EINVAL;
	}
	a->release = r->ref;
	return 0;
}

/* A string that ends, in memory that does not change. */
static int arg_string(struct verifier *v, u32 regno)
{
	const struct vreg *r = reg(v, regno);
	const struct bpf_map_desc *map = r->map;
	i64 off = r->off + r->n.wide.smin;

	if (r->type != V_VALUE || r->maybe_null)
		return expected(v, regno, "map_value");
	if (!(map->flags & BPF_F_RDONLY_PROG) || !load_acquire(&map->frozen) || !map->values ||
	    map->max_entries != 1) {
		say(v, "R%d does not point to a readonly map'\n", regno);
		return -EACCES;
	}
	if (!bpf_range_is_const(&r->n.wide)) {
		say(v, "R%d is not a constant address'\n", regno);
		return -EACCES;
	}
	if (off < 0 || off >= map->value_size ||
	    !memchr((const char *)map->values + off, 0, map->value_size - (size_t)off)) {
		say(v, "string is not zero-terminated\n");
		return -EINVAL;
	}
	return 0;
}

static int arg_any(struct verifier *v, u32 regno)
{
	if (!is_pointer(reg(v, regno)) || !hides(v))
		return 0;
	say(v, "R%d leaks addr into helper function\n", regno);
	return -EACCES;
}

static int arg_of_map(struct verifier *v, u32 regno, const struct args *a, u8 type)
{
	if (!a->map) {	/* no prototype has it so */
		say(v, "invalid map_ptr to access map\n");
		return -EACCES;
	}
	return arg_memory(v, regno, type == A_KEY ? a->map->key_size : a->map->value_size,
			  type == A_VALUE_OUT ? WRITE : READ);
}

static int arg_pointer(struct verifier *v, u32 regno, struct args *a, u8 type)
{
	const struct vreg *r = reg(v, regno);

	switch (type) {
	case A_CTX:
		if (r->type != V_CTX)
			return expected(v, regno, "ctx");
		if (!r->off && is_still(r))
			return 0;
		say(v, "dereference of modified ctx ptr R%d off=%d disallowed\n", regno, r->off);
		return -EACCES;
	case A_CALLBACK:
		if (r->type != V_FUNC)
			return expected(v, regno, "func");
		a->func = r->size;
		return 0;
	case A_STACK_OR_NULL:
		want_scalar(v, regno);
		return is_null(r) || r->type == V_STACK ? 0 : expected(v, regno, "fp");
	case A_LOCK:
		return arg_field(v, regno, true, "bpf_spin_lock");
	case A_TIMER:
		a->timer_map = r->map;
		a->timer_uid = r->uid;
		return arg_field(v, regno, false, "bpf_timer");
	default:
		return arg_reserved(v, regno, a);
	}
}

static int check_arg(struct verifier *v, u32 regno, struct args *a)
{
	u8 type = a->proto->arg[regno - 1];
	int err = 0;

	/* A compiler does not set what the format has no use for. */
	if (type != A_REST || reg(v, regno)->type != V_NONE)
		err = need_reg(v, regno);
	if (err)
		return err;
	switch (type) {
	case A_REST:
		return reg(v, regno)->type == V_NONE ? 0 : arg_any(v, regno);
	case A_ANY:
		return arg_any(v, regno);
	case A_MAP:
		return arg_map(v, regno, a);
	case A_KEY:
	case A_VALUE:
	case A_VALUE_OUT:
		return arg_of_map(v, regno, a, type);
	case A_MEM:	/* with the size, which is next */
	case A_MEM_OR_NULL:
	case A_MEM_OUT:
		return 0;
	case A_SIZE:
	case A_SIZE0:
		return arg_size(v, regno, a, type);
	case A_ALLOC_SIZE:
	case A_CONST:
		return arg_constant(v, regno, a);
	case A_LONG_OUT:
		return arg_memory(v, regno, 8, WRITE);
	case A_STRING:
		return arg_string(v, regno);
	default:
		return arg_pointer(v, regno, a, type);
	}
}

void clobber_caller_saved(struct verifier *v)
{
	for (u32 r = 0; r <= 5; r++)
		set_none(reg(v, r));
}

static void forget_packet(struct verifier *v, struct vreg *r, void *arg)
{
	if (!is_packet(r) && r->type != V_PACKET_END)
		return;
	if (hides(v))
		set_none(r);
	else
		set_unknown(r);
}

void forget_packets(struct verifier *v) { each_reg(v, forget_packet, NULL); }

/* A number from -MAX_ERRNO to most. */
static struct bpf_scalar length_or_errno(u32 most)
{
	const struct bpf_insn above = { BPF_JMP | BPF_JSGE | BPF_K, 0, 0, 0, -MAX_ERRNO },
			      below = { BPF_JMP | BPF_JSLE | BPF_K, 0, 0, 0, (i32)most };
	struct bpf_scalar n = bpf_scalar_unknown(), low = bpf_scalar_const((u64)(i64)-MAX_ERRNO),
			  high = bpf_scalar_const(most);

	bpf_scalar_branch(&above, true, &n, &low);
	bpf_scalar_branch(&below, true, &n, &high);
	return n;
}

static int set_result(struct verifier *v, const struct args *a)
{
	struct vreg *r0 = reg(v, 0);
	const struct bpf_map_desc *map = a->map;
	int err;

	switch (a->proto->ret) {
	case R_VOID:
		return 0;
	case R_VALUE_OR_NULL:
		set_pointer(r0, map->inner ? V_MAP : V_VALUE);
		r0->map = map->inner ? map->inner : map;
		r0->size = map->inner ? 1 : 0;
		r0->uid = map->inner ? ++v->ids : a->map_uid;
		break;
	case R_MEM_OR_NULL:
		set_pointer(r0, V_MEM);
		r0->size = a->size;
		r0->uid = a->map_uid;
		err = add_ref(v, &r0->ref);
		if (err)
			return err;
		break;
	case R_LENGTH:
		set_unknown(r0);
		r0->n = length_or_errno(a->most);
		return 0;
	case R_TASK:
		set_pointer(r0, V_BTF);
		r0->size = v->types->task;
		return 0;
	default:
		set_unknown(r0);
		return 0;
	}
	r0->maybe_null = true;
	r0->id = ++v->ids;
	return 0;
}

static int find_helper(struct verifier *v, u32 id, const struct proto **p)
{
	const struct bpf_verify_ops *ops = v->in->ops;

	*p = find_proto(id);
	if (id >= __BPF_FUNC_MAX_ID || !id) {
		say(v, "invalid func %s#%d\n", helper_name(id), (int)id);
		return -EINVAL;
	}
	if (!*p || !proto_fits(*p, v->in->prog_type) || (ops->helper && !ops->helper(ops->ctx, id)) ||
	    (v->in->unprivileged && (*p)->flags & H_PRIVILEGED) || (hides(v) && (*p)->flags & H_SHOWS) ||
	    ((*p)->ret == R_TASK && (!kernel_types(v) || !v->types->task))) {
		say(v, "program of this type cannot use helper bpf_%s#%d\n", helper_name(id), (int)id);
		return -EINVAL;
	}
	if ((*p)->flags & H_GPL && !v->in->gpl) {
		say(v, "cannot call GPL-restricted function from non-GPL compatible program\n");
		return -EINVAL;
	}
	return 0;
}

/* Rules for where a helper may be called. */
static int check_place(struct verifier *v, u32 id)
{
	if (v->cur->lock_map && id != BPF_FUNC_spin_unlock && id != BPF_FUNC_spin_lock) {
		say(v, "function calls are not allowed while holding a lock\n");
		return -EINVAL;
	}
	if (find_proto(id)->flags & H_SLEEPS)
		return may_sleep(v, id);
	if (id != BPF_FUNC_tail_call)
		return 0;
	return refuse_in_callback(v) ?: check_refs(v, 0, "tail_call");
}

/* bpf_snprintf's text (a constant: arg_string) wants no more arguments than there are. */
static int check_bprintf(struct verifier *v)
{
	const struct vreg *fmt = reg(v, 3), *size = reg(v, 5);
	u64 at = fmt->map->values + (u64)fmt->off + fmt->n.wide.umin;

	if (!is_const(size) || size->n.wide.umin % 8)
		return -EINVAL;
	if (bpf_bprintf_valid((const char *)at, (u32)size->n.wide.umin / 8))
		return 0;
	say(v, "Invalid format string\n");
	return -EINVAL;
}

/* What the helper does to the state, once its arguments are right. */
static int perform(struct verifier *v, const struct args *a)
{
	bool sync = a->helper == BPF_FUNC_loop || a->helper == BPF_FUNC_for_each_map_elem;
	int err = a->helper == BPF_FUNC_snprintf ? check_bprintf(v) : 0;

	if (err)
		return err;
	if (a->helper == BPF_FUNC_tail_call)
		err = leave_by_tail_call(v);
	if (sync || a->helper == BPF_FUNC_timer_set_callback)
		err = enter_callback(v, a->func, a->helper, !sync);
	if (!err && (a->helper == BPF_FUNC_spin_lock || a->helper == BPF_FUNC_spin_unlock))
		err = take_lock(v, a->helper);
	if (!err && a->release)
		err = release_ref(v, a->release);
	if (err)
		return err;
	clobber_caller_saved(v);
	if (a->proto->flags & H_PACKET)
		forget_packets(v);
	if (a->proto->flags & H_SLEEPS)
		sleep_here(v);
	return set_result(v, a);
}

int do_helper(struct verifier *v, const struct bpf_insn *i)
{
	struct args a = { .helper = (u32)i->imm };
	int err = find_helper(v, a.helper, &a.proto);

	if (!err)
		err = check_place(v, a.helper);
	for (u32 r = 1; r <= 5 && !err && a.proto->arg[r - 1]; r++)
		err = check_arg(v, r, &a);
	if (!err)
		err = perform(v, &a);
	top(v)->again = false;
	v->cur->pc++;
	return err;
}

/* BPF_ABS and BPF_IND: like a call with the context in r6, that ends the program if it fails. */
int do_packet_load(struct verifier *v, const struct bpf_insn *i)
{
	int err;

	if (v->in->prog_type != BPF_PROG_TYPE_SOCKET_FILTER) {
		say(v, "BPF_LD_[ABS|IND] instructions not allowed for this program type\n");
		return -EINVAL;
	}
	if (v->n_funcs > 1) {	/* where a failure would return to */
		say(v, "BPF_LD_[ABS|IND] is not allowed in programs with more than one function\n");
		return -EINVAL;
	}
	err = check_refs(v, 0, "BPF_LD_[ABS|IND]");
	if (!err)
		err = need_reg(v, 6);
	if (!err && BPF_MODE(i->code) == BPF_IND)
		err = need_reg(v, i->src_reg);
	if (err)
		return err;
	if (reg(v, 6)->type != V_CTX || reg(v, 6)->off || !is_still(reg(v, 6))) {
		say(v, "at the time of BPF_LD_ABS|IND R6 != pointer to skb\n");
		return -EINVAL;
	}
	if (BPF_MODE(i->code) == BPF_IND && is_pointer(reg(v, i->src_reg)) && hides(v)) {
		say(v, "R%d leaks addr into helper function\n", i->src_reg);
		return -EACCES;
	}
	clobber_caller_saved(v);
	set_sized(reg(v, 0), 1u << bpf_size_log(i->code));
	v->cur->pc++;
	return 0;
}
