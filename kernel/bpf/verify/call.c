/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of the program: calls, callbacks, returns, and what has to be given back before them.
 * Static functions are simulated at each call with the caller's state; global ones by themselves
 * (verify.c), so a call needs only their declaration.
 */
#include "verify_internal.h"

/* --- references --- */
int add_ref(struct verifier *v, u32 *id)
{
	struct vstate *s = v->cur;

	if (s->n_refs >= MAX_REFS) {
		say(v, "more than %d references at once\n", MAX_REFS);
		return -E2BIG;
	}
	*id = ++v->ids;
	s->refs[s->n_refs++] = (struct vref){ *id, s->pc, s->top };
	return 0;
}

static void forget_ref(struct verifier *v, struct vreg *r, void *arg)
{
	if (r->ref != *(const u32 *)arg)
		return;
	if (hides(v))
		set_none(r);
	else
		set_unknown(r);
}

int release_ref(struct verifier *v, u32 id)
{
	struct vstate *s = v->cur;
	u32 k = 0;

	while (k < s->n_refs && s->refs[k].id != id)
		k++;
	if (k == s->n_refs) {
		say(v, "release of a reference that is not held\n");
		return -EINVAL;
	}
	s->refs[k] = s->refs[--s->n_refs];
	each_reg(v, forget_ref, &id);
	return 0;
}

int check_refs(struct verifier *v, u32 from_frame, const char *what)
{
	const struct vstate *s = v->cur;

	if (s->lock_map) {
		say(v, "%s cannot be used inside bpf_spin_lock-ed region\n", what);
		return -EINVAL;
	}
	for (u32 k = 0; k < s->n_refs; k++) {
		if (s->refs[k].frame < from_frame)
			continue;
		say(v, "Unreleased reference id=%d alloc_insn=%d\n", s->refs[k].id,
		    s->refs[k].insn);
		say(v, "%s would lead to reference leak\n", what);
		return -EINVAL;
	}
	return 0;
}

/* --- calls --- */
static int check_frames(struct verifier *v, const struct vstate *s)
{
	if (s->top + 1 < MAX_FRAMES)
		return 0;
	say(v, "the call stack of %d frames is too deep\n", s->top + 2);
	return -E2BIG;
}

static struct vframe *push_frame(struct verifier *v, struct vstate *s, u32 func)
{
	struct vframe *f = frame_new(v, func, s->pc);

	if (!f)
		return NULL;
	s->frame[++s->top] = f;
	f->r[BPF_FP].frame = (u8)s->top;
	s->pc = v->funcs[func].start;
	return f;
}

static int check_global_arg(struct verifier *v, u32 regno, u8 kind, u32 size, u8 does)
{
	const struct vreg *r = reg(v, regno);
	int err = need_reg(v, regno);

	if (err)
		return err;
	if (does & SLEEPS && goes_in_sleep(r)) {
		say(v, "R%d may be freed while the function sleeps\n", regno);
		return -EACCES;
	}
	switch (kind) {
	case BPF_FARG_CTX:
		if (r->type == V_CTX && !r->off && bpf_range_is_const(&r->n.wide) && !r->n.wide.umin)
			return 0;
		say(v, "arg#%d expected pointer to ctx, but got %s\n", regno - 1, type_name(v, r));
		return -EINVAL;
	case BPF_FARG_SCALAR:
		if (r->type == V_SCALAR)
			return 0;
		say(v, "R%d is not a scalar\n", regno);
		return -EINVAL;
	default:
		want_scalar(v, regno);
		if (is_null(r) && kind == BPF_FARG_MEM)
			return 0;
		if (does & ATOMICS && check_pointer_aligned(v, regno, 0, alignment_of(size)))
			return -EACCES;
		if (!check_region(v, regno, 0, size, READ) && !check_region(v, regno, 0, size, WRITE))
			return 0;
		return -EINVAL;
	}
}

static int call_global(struct verifier *v, u32 func)
{
	const struct bpf_func_desc *d = v->funcs[func].desc;
	u8 does = v->funcs[func].does;
	int err = does & SLEEPS ? may_sleep(v, 0) : 0;

	if (v->cur->lock_map) {	/* what it does then is not looked at */
		say(v, "global function calls are not allowed while holding a lock,\n"
		    "use static function instead\n");
		return -EINVAL;
	}
	if (!err && does & LEAVES)
		err = refuse_in_callback(v);
	for (u32 a = 0; a < d->n_args && !err; a++)
		err = check_global_arg(v, a + 1, d->arg[a].kind, d->arg[a].size, does);
	if (err)
		return err;
	if (does & SLEEPS)
		sleep_here(v);
	v->funcs[func].called = true;
	clobber_caller_saved(v);
	if (does & CHANGES_PACKET)
		forget_packets(v);
	if (!d->returns_void)
		set_unknown(reg(v, 0));
	v->cur->pc++;
	return 0;
}

int do_call(struct verifier *v, const struct bpf_insn *i)
{
	u32 func = v->aux[v->cur->pc].callee;
	const struct bpf_func_desc *d = v->funcs[func].desc;
	struct vframe *f, *caller = top(v);
	int err;

	if (d && d->global)
		return call_global(v, func);
	err = check_frames(v, v->cur);
	if (err)
		return err;
	f = push_frame(v, v->cur, func);
	if (!f)
		return -ENOMEM;
	memcpy(&f->r[1], &caller->r[1], 5 * sizeof(*f->r));
	for (u32 r = 0; r <= 5; r++)
		set_none(&caller->r[r]);
	return 0;
}

/* --- callbacks --- */
int refuse_in_callback(struct verifier *v)
{
	for (u32 k = 0; k <= v->cur->top; k++) {
		if (!v->cur->frame[k]->callback)
			continue;
		say(v, "cannot tail call within callback\n");
		return -EINVAL;
	}
	return 0;
}

static void callback_args(struct verifier *v, struct vframe *f, const struct vframe *caller, u32 helper)
{
	const struct bpf_map_desc *map = caller->r[1].map;

	if (helper == BPF_FUNC_loop) {
		set_unknown(&f->r[1]);
		f->r[2] = caller->r[3];
		return;
	}
	f->r[1] = caller->r[1];
	set_pointer(&f->r[1], V_MAP);
	f->r[1].map = map;
	f->r[1].uid = caller->r[1].uid;
	set_pointer(&f->r[2], V_KEY);
	f->r[2].map = map;
	set_pointer(&f->r[3], V_VALUE);
	f->r[3].map = map;
	f->r[3].uid = caller->r[1].uid;
	f->r[3].id = map->spin_lock >= 0 ? ++v->ids : 0;
	if (helper == BPF_FUNC_for_each_map_elem) {
		f->r[1] = caller->r[1];
		f->r[4] = caller->r[3];
	}
}

/* A state of its own, in which nobody called. */
static int start_async(struct verifier *v, u32 func, struct later *l)
{
	struct vstate *s = l->state;
	struct vframe *f = frame_new(v, func, s->pc), *caller = top(v);

	if (!f)
		return -ENOMEM;
	callback_args(v, f, caller, BPF_FUNC_timer_set_callback);
	f->callback = f->async = true;
	for (u32 k = 0; k <= s->top; k++)
		frame_free(v, s->frame[k]);
	s->top = 0;
	s->frame[0] = f;
	s->n_refs = 0;
	s->lock_map = NULL;
	s->lock_id = 0;
	s->pc = v->funcs[func].start;
	return 0;
}

int enter_callback(struct verifier *v, u32 func, u32 helper, bool async)
{
	struct vfunc *callee = &v->funcs[func];
	const struct vframe *caller = top(v);
	struct vstate *s;
	struct vframe *f;
	int err = async ? 0 : check_frames(v, v->cur);

	if (err)
		return err;
	set_callback(v, func);
	if (async && callee->async_map == caller->r[1].map)	/* the same has been seen to */
		return 0;
	if (async)
		callee->async_map = caller->r[1].map;
	else
		callee->callers[caller->func / 64] |= BIT(caller->func % 64);
	s = put_aside(v, v->cur->pc, v->cur->pc, &err);
	if (!s)
		return err;
	if (async)
		return start_async(v, func, v->later);
	s->frame[s->top]->again = false;
	f = push_frame(v, s, func);
	if (!f)
		return -ENOMEM;
	callback_args(v, f, caller, helper);
	f->callback = true;
	/* who walks through a map counts on its elements */
	f->awake = helper == BPF_FUNC_for_each_map_elem;
	return 0;
}

/* --- returns --- */
static int check_returned(struct verifier *v, const char *when, u64 most)
{
	const struct vreg *r0 = reg(v, 0);
	int err = need_reg(v, 0);

	if (err)
		return err;
	want_scalar(v, 0);
	if (r0->type != V_SCALAR) {
		say(v, "At %s the register R0 is not a known value (%s)\n", when, type_name(v, r0));
		return -EINVAL;
	}
	if (r0->n.wide.umax <= most)
		return 0;
	say(v, "At %s the register R0 has smin=%lld smax=%lld should have been in [0, %llu]\n", when,
	    (long long)r0->n.wide.smin, (long long)r0->n.wide.smax, (unsigned long long)most);
	return -EINVAL;
}

/* The end of what was entered by nobody in the program. */
static int last_exit(struct verifier *v)
{
	const struct vfunc *f = &v->funcs[v->main];
	int err = check_refs(v, 0, "BPF_EXIT instruction");

	if (err)
		return err;
	if (top(v)->async)
		err = check_returned(v, "async callback return", 0);
	else if (v->main && !f->desc->returns_void)
		err = check_returned(v, "subprogram exit", ~0ull);
	else if (!v->main)
		err = v->in->ctx_proto ? check_returned(v, "program exit", 0) : need_reg(v, 0);
	if (err)
		return err;
	if (!v->main && hides(v) && is_pointer(reg(v, 0))) {
		say(v, "R0 leaks addr as return value\n");
		return -EACCES;
	}
	return PATH_ENDS;
}

/*
 * A tail call that succeeds does not come back here: the other program goes on in this function's
 * place and returns, with any number, to who called it. Nothing is held, and this is no callback
 * (helper.c: check_place).
 */
int leave_by_tail_call(struct verifier *v)
{
	struct vstate *cur = v->cur, *s;
	int err = 0;

	if (!cur->top)	/* it ends as what entered this program wants */
		return 0;
	s = put_aside(v, cur->frame[cur->top]->callsite + 1, cur->pc, &err);
	if (!s)
		return err;
	frame_free(v, s->frame[s->top--]);
	v->cur = s;
	set_unknown(reg(v, 0));
	forget_packets(v);
	v->cur = cur;
	return 0;
}

int do_exit(struct verifier *v)
{
	struct vstate *s = v->cur;
	struct vframe *f = top(v);
	int err;

	if (!s->top)
		return last_exit(v);
	if (reg(v, 0)->type == V_STACK) {
		say(v, "cannot return stack pointer to the caller\n");
		return -EINVAL;
	}
	if (f->callback) {
		err = check_refs(v, s->top, "callback exit");
		if (!err)
			err = check_returned(v, "callback return", 1);
		if (err)
			return err;
	}
	for (u32 k = 0; k < s->n_refs; k++)
		s->refs[k].frame = min(s->refs[k].frame, s->top - 1);
	s->top--;
	s->pc = f->callsite + !f->callback;
	if (f->callback) {
		top(v)->again = true;
		widen(v);
	} else {
		top(v)->r[0] = f->r[0];
	}
	frame_free(v, f);
	return 0;
}
