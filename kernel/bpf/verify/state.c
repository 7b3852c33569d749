/* SPDX-License-Identifier: BSD-2-Clause */
/* States: making, copying, giving back. Frames go to a list of spare ones, with their slots. */
#include "verify_internal.h"

void set_none(struct vreg *r)
{
	memset(r, 0, sizeof(*r));
}

void set_unknown(struct vreg *r)
{
	memset(r, 0, offsetof(struct vreg, n));
	r->type = V_SCALAR;
	r->n = bpf_scalar_unknown();
}

void set_sized(struct vreg *r, u32 size)
{
	memset(r, 0, offsetof(struct vreg, n));
	r->type = V_SCALAR;
	r->n = bpf_scalar_sized(size);
}

void set_const(struct vreg *r, u64 value)
{
	memset(r, 0, offsetof(struct vreg, n));
	r->type = V_SCALAR;
	r->n = bpf_scalar_const(value);
}

void set_pointer(struct vreg *r, enum vtype type)
{
	set_const(r, 0);
	r->type = type;
}

struct vframe *frame_new(struct verifier *v, u32 func, u32 callsite)
{
	struct vframe *f = v->spare_frames;

	if (f) {
		v->spare_frames = *(struct vframe **)f->r;
	} else {
		f = v->in->ops->alloc(v->in->ops->ctx, sizeof(*f));
		if (!f)
			return NULL;
		v->memory += sizeof(*f);
		f->slots = NULL;
		f->room = 0;
	}
	memset(f, 0, offsetof(struct vframe, n_slots));
	f->n_slots = 0;
	f->func = func;
	f->callsite = callsite;
	f->serial = ++v->ids;
	set_pointer(&f->r[BPF_FP], V_STACK);
	return f;
}

void frame_free(struct verifier *v, struct vframe *f)
{
	*(struct vframe **)f->r = v->spare_frames;
	v->spare_frames = f;
}

/* The first `slots` slots become there; those that are new are invalid. False: no memory. */
static bool make_room(struct verifier *v, struct vframe *f, u32 slots)
{
	const struct bpf_verify_ops *ops = v->in->ops;
	u32 room = max((u32)f->room, 4u);
	struct vslot *new;

	if (slots > f->room) {
		while (room < slots)
			room *= 2;
		new = ops->alloc(ops->ctx, room * sizeof(*new));
		if (!new)
			return false;
		if (f->n_slots)
			memcpy(new, f->slots, f->n_slots * sizeof(*new));
		if (f->slots)
			ops->free(ops->ctx, f->slots);
		v->memory += (room - f->room) * sizeof(*new);
		f->slots = new;
		f->room = (u16)room;
	}
	return true;
}

struct vslot *slot_at(struct verifier *v, struct vframe *f, u32 slot)
{
	if (!make_room(v, f, slot + 1))
		return NULL;
	if (slot >= f->n_slots) {
		memset(&f->slots[f->n_slots], 0, (slot + 1 - f->n_slots) * sizeof(*f->slots));
		f->n_slots = (u16)(slot + 1);
	}
	return &f->slots[slot];
}

static struct vframe *frame_copy(struct verifier *v, const struct vframe *f)
{
	struct vframe *new = frame_new(v, f->func, f->callsite);

	if (!new)
		return NULL;
	if (!make_room(v, new, f->n_slots)) {
		frame_free(v, new);
		return NULL;
	}
	memcpy(new, f, offsetof(struct vframe, n_slots));
	new->n_slots = f->n_slots;
	if (f->n_slots)
		memcpy(new->slots, f->slots, f->n_slots * sizeof(*f->slots));
	return new;
}

int check_memory(struct verifier *v)
{
	if (v->memory <= MAX_MEMORY)
		return 0;
	say(v, "BPF program is too complex: more than %u MiB of states\n", MAX_MEMORY >> 20);
	return -E2BIG;
}

struct vstate *state_copy(struct verifier *v, const struct vstate *s)
{
	struct vstate *new = v->in->ops->alloc(v->in->ops->ctx, sizeof(*new));

	if (!new)
		return NULL;
	v->memory += sizeof(*new);
	*new = *s;
	for (u32 k = 0; k <= s->top; k++) {
		new->frame[k] = frame_copy(v, s->frame[k]);
		if (new->frame[k])
			continue;
		while (k--)
			frame_free(v, new->frame[k]);
		v->memory -= sizeof(*new);
		v->in->ops->free(v->in->ops->ctx, new);
		return NULL;
	}
	return new;
}

void state_free(struct verifier *v, struct vstate *s)
{
	for (u32 k = 0; k <= s->top; k++)
		frame_free(v, s->frame[k]);
	v->memory -= sizeof(*s);
	v->in->ops->free(v->in->ops->ctx, s);
}

struct vstate *put_aside(struct verifier *v, u32 pc, u32 from, int *err)
{
	struct later *l;

	if (v->n_later >= MAX_LATER) {
		say(v, "The sequence of %d jumps is too complex.\n", v->n_later);
		*err = -E2BIG;
		return NULL;
	}
	*err = check_memory(v);
	if (*err)
		return NULL;
	*err = -ENOMEM;
	l = v->in->ops->alloc(v->in->ops->ctx, sizeof(*l));
	if (!l)
		return NULL;
	l->state = state_copy(v, v->cur);
	if (!l->state) {
		v->in->ops->free(v->in->ops->ctx, l);
		return NULL;
	}
	l->state->pc = pc;
	l->from = from;
	l->log_pos = v->log ? v->log->pos : 0;
	l->next = v->later;
	v->later = l;
	v->n_later++;
	if (l->state->parent)
		l->state->parent->open++;
	*err = 0;
	return l->state;
}

const struct bpf_kernel_types *kernel_types(struct verifier *v)
{
	const struct bpf_verify_ops *ops = v->in->ops;

	if (!v->types && ops->types)
		v->types = ops->types(ops->ctx);
	return v->types;
}

void each_reg(struct verifier *v, void (*f)(struct verifier *v, struct vreg *r, void *arg),
	      void *arg)
{
	for (u32 k = 0; k <= v->cur->top; k++) {
		struct vframe *frame = v->cur->frame[k];

		for (u32 r = 0; r < BPF_FP; r++)
			f(v, &frame->r[r], arg);
		for (u32 s = 0; s < frame->n_slots; s++)
			if (frame->slots[s].kind[0] == S_SPILL)
				f(v, &frame->slots[s].reg, arg);
	}
}
