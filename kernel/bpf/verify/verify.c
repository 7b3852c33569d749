/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of things: form, flow, simulation of every path, depth of calls, rewriting. */
#include "verify_internal.h"

static int step(struct verifier *v)
{
	const struct bpf_insn *i = &v->insns[v->cur->pc];

	if (bpf_written(i) == BPF_FP) {
		say(v, "frame pointer is read only\n");
		return -EACCES;
	}
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return do_alu(v, i);
	case BPF_LD:
		return bpf_is_wide(i) ? do_load_imm(v, i) : do_packet_load(v, i);
	case BPF_LDX:
		return do_load(v, i);
	case BPF_ST:
		return do_store(v, i);
	case BPF_STX:
		return bpf_is_atomic(i) ? do_atomic(v, i) : do_store(v, i);
	default:
		if (i->code == (BPF_JMP | BPF_EXIT))
			return do_exit(v);
		if (i->code != (BPF_JMP | BPF_CALL))
			return do_branch(v, i);
		if (bpf_is_local_call(i))
			return do_call(v, i);
		if (!i->src_reg)
			return do_helper(v, i);
		say(v, "calling kernel function is not allowed\n");
		return -EINVAL;
	}
}

/* The path is done; on with one that was put aside. False: there is none. */
static bool next_path(struct verifier *v)
{
	struct later *l = v->later;

	path_ended(v, v->cur->parent);
	state_free(v, v->cur);
	v->cur = NULL;
	if (!l)
		return false;
	v->later = l->next;
	v->n_later--;
	v->cur = l->state;
	if (verbose(v)) {
		if (!(v->log->level & BPF_LOG_LEVEL2))
			bpf_log_reset(v->log, l->log_pos);
		say(v, "\nfrom %d to %d:", l->from, v->cur->pc);
		print_state(v, v->cur);
	}
	v->in->ops->free(v->in->ops->ctx, l);
	return true;
}

static int check_budget(struct verifier *v)
{
	const struct bpf_verify_ops *ops = v->in->ops;

	if (++v->processed > BPF_VERIFY_BUDGET) {
		say(v, "BPF program is too large. Processed %d insn\n", v->processed);
		return -E2BIG;
	}
	v->since_point++;
	return v->processed % 1024 == 0 && ops->interrupted ? ops->interrupted(ops->ctx) : 0;
}

static int simulate(struct verifier *v)
{
	while (v->cur) {
		u32 pc = v->cur->pc, frame = v->cur->top;
		int err = check_budget(v);

		v->aux[pc].flags |= I_SEEN;
		if (!err && v->aux[pc].flags & I_PRUNE)
			err = arrive(v);
		if (err == 1) {
			if (verbose(v))
				say(v, "%d: safe\n", pc);
			next_path(v);
			continue;
		}
		if (!err && verbose(v))
			print_step(v, pc);
		if (!err && v->in->ops->observe)
			v->in->ops->observe(v->in->ops->ctx, v);
		if (!err)
			err = step(v);
		if (err == PATH_ENDS)
			next_path(v);
		else if (!err && verbose(v) && v->cur->top == frame)
			print_effect(v);
		if (err < 0)
			return err;
	}
	return 0;
}

/* The registers that a function is entered with by who is not in the program. */
static void set_args(struct verifier *v, struct vframe *f, const struct bpf_func_desc *d)
{
	for (u32 a = 0; d && a < d->n_args; a++) {
		struct vreg *r = &f->r[a + 1];

		if (d->arg[a].kind == BPF_FARG_SCALAR) {
			set_unknown(r);
		} else if (d->arg[a].kind == BPF_FARG_CTX) {
			set_pointer(r, V_CTX);
		} else {
			set_pointer(r, V_MEM);
			r->size = d->arg[a].size;
			r->maybe_null = d->arg[a].kind == BPF_FARG_MEM;
			r->id = r->maybe_null ? ++v->ids : 0;
		}
	}
	if (!d)
		set_pointer(&f->r[1], V_CTX);
}

static int check_func(struct verifier *v, u32 func)
{
	const struct bpf_verify_ops *ops = v->in->ops;
	struct vstate *s = ops->alloc(ops->ctx, sizeof(*s));

	if (!s)
		return -ENOMEM;
	v->memory += sizeof(*s);
	memset(s, 0, sizeof(*s));
	s->frame[0] = frame_new(v, func, 0);
	if (!s->frame[0]) {
		v->memory -= sizeof(*s);
		ops->free(ops->ctx, s);
		return -ENOMEM;
	}
	s->pc = v->funcs[func].start;
	set_args(v, s->frame[0], func ? v->funcs[func].desc : NULL);
	v->main = func;
	v->cur = s;
	if (func)
		say(v, "Validating function at insn %d...\n", s->pc);
	if (verbose(v)) {
		say(v, "%d:", s->pc);
		print_state(v, s);
	}
	return simulate(v);
}

/* Global functions that nobody calls are not verified, as on Linux: they go with the dead code. */
static int check_funcs(struct verifier *v)
{
	int err = check_func(v, 0);
	bool more = true;

	while (more && !err) {
		more = false;
		for (u32 f = 1; f < v->n_funcs && !err; f++) {
			struct vfunc *func = &v->funcs[f];

			if (!func->called || v->aux[func->start].flags & I_SEEN)
				continue;
			err = check_func(v, f);
			more = true;
		}
	}
	return err;
}

static void free_all(struct verifier *v)
{
	const struct bpf_verify_ops *ops = v->in->ops;

	if (v->cur)
		state_free(v, v->cur);
	while (v->later) {
		struct later *l = v->later;

		v->later = l->next;
		state_free(v, l->state);
		ops->free(ops->ctx, l);
	}
	free_points(v);
	while (v->spare_frames) {
		struct vframe *f = v->spare_frames;

		v->spare_frames = *(struct vframe **)f->r;
		if (f->slots)
			ops->free(ops->ctx, f->slots);
		ops->free(ops->ctx, f);
	}
	ops->free(ops->ctx, v->aux);
	ops->free(ops->ctx, v);
}

/* Functions there may be at most: one more than instructions that may name one. */
static size_t room_for_funcs(const struct bpf_prog_load_in *in)
{
	size_t count = 1;

	for (u32 pc = 0; pc < in->n; pc++)
		count += leads_to_func(&in->insns[pc]);
	return min(count, (size_t)BPF_VERIFY_FUNCS);
}

/* One block for all tables by instruction. */
static struct verifier *verifier_new(const struct bpf_prog_load_in *in)
{
	const struct bpf_verify_ops *ops = in->ops;
	size_t n = in->n, funcs = room_for_funcs(in), size;
	struct verifier *v = ops->alloc(ops->ctx, sizeof(*v));

	size = n * sizeof(struct vinsn) + funcs * sizeof(struct vfunc) + (4 * n + 1) * sizeof(u32);

	if (!v)
		return NULL;
	memset(v, 0, sizeof(*v));
	v->in = in;
	v->log = in->log;
	v->insns = in->insns;
	v->n = in->n;
	v->aux = ops->alloc(ops->ctx, size);
	if (!v->aux) {
		ops->free(ops->ctx, v);
		return NULL;
	}
	memset(v->aux, 0, size);
	v->funcs = (struct vfunc *)(v->aux + n);
	v->pred_start = (u32 *)(v->funcs + funcs);
	v->pred = v->pred_start + n + 1;
	v->work = v->pred + n;
	v->calls = v->work + n;
	return v;
}

static int verify(struct verifier *v, struct bpf_verified *out)
{
	int err = v->in->ctx_proto && !kernel_types(v) ? -ENOMEM : check_form(v);
	u64 start;

	if (!err)
		err = find_flow(v);
	if (err)
		return err;
	find_live(v);
	start = v->log ? v->log->pos : 0;
	err = check_funcs(v);
	if (!err && v->log && !(v->log->level & BPF_LOG_LEVEL2))
		bpf_log_reset(v->log, start);
	if (!err && v->in->ops->observe)
		v->in->ops->observe(v->in->ops->ctx, v);
	if (!err)
		err = check_depth(v, &out->stack_depth);
	if (!err)
		err = rewrite(v, out);
	return err;
}

int bpf_verify(const struct bpf_prog_load_in *in, struct bpf_verified *out)
{
	struct verifier *v;
	int err;

	*out = (struct bpf_verified){ 0 };
	if (!in->n || in->n > (in->unprivileged ? BPF_MAXINSNS : BPF_VERIFY_BUDGET))
		return -E2BIG;
	if (in->prog_type != BPF_PROG_TYPE_SOCKET_FILTER && in->prog_type != BPF_PROG_TYPE_XDP &&
	    in->prog_type != BPF_PROG_TYPE_SYSCALL &&
	    !(in->prog_type == BPF_PROG_TYPE_TRACING && in->ctx_proto)) {
		bpf_log_put(in->log, "programs of type %u are not supported\n", in->prog_type);
		return -EINVAL;
	}
	v = verifier_new(in);
	if (!v)
		return -ENOMEM;
	err = verify(v, out);
	if (err != -ENOMEM)
		say(v, "processed %d insns (limit %d) max_states_per_insn %d total_states %d "
		       "peak_states %d mark_read %d\n", v->processed, BPF_VERIFY_BUDGET,
		    v->most_points, v->total_points, v->peak_points, v->facts);
	if (!err) {
		out->max_ctx_offset = v->max_ctx_offset;
		out->writes_packet = v->writes_packet;
		out->processed = v->processed;
		for (u32 f = 0; f < v->n_funcs; f++) {
			out->changes_packet |= !!(v->funcs[f].does & CHANGES_PACKET);
			out->tail_calls |= v->funcs[f].tail_calls;
		}
	} else {
		*out = (struct bpf_verified){ 0 };
	}
	free_all(v);
	return err;
}
