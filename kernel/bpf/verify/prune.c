/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points: states that are kept, and whether one covers another. `old` covers `cur` if whatever cur
 * could go on to do wrong, old could have done, too, and would have been found.
 */
#include "verify_internal.h"

/* Numbers of identities need not be the same in both, only be the same where the other's are. */
struct match {
	struct verifier *v;
	bool all;		/* everything matters */
	u32 alone;		/* identities of numbers that have none, from the last down: there are
				 * more comparisons than v->ids can count */
	u32 n;
	struct {
		u32 old, cur;
	} ids[48];
};

static bool same_id(struct match *m, u32 old, u32 cur)
{
	if (!old != !cur)
		return false;
	if (!old)
		return true;
	for (u32 k = 0; k < m->n; k++) {
		if (m->ids[k].old == old)
			return m->ids[k].cur == cur;
		if (m->ids[k].cur == cur)
			return false;
	}
	if (m->n >= ARRAY_SIZE(m->ids))
		return false;
	m->ids[m->n].old = old;
	m->ids[m->n++].cur = cur;
	return true;
}

static bool number_covers(const struct bpf_scalar *old, const struct bpf_scalar *cur)
{
	return bpf_range_covers(&old->wide, &cur->wide) && bpf_range_covers(&old->low, &cur->low);
}

static bool reg_covers(struct match *m, const struct vreg *old, const struct vreg *cur, bool wanted)
{
	if (old->type == V_NONE)	/* nobody counted on it (A_REST), or was refused */
		return true;
	if (old->type != cur->type)
		return false;
	if (old->type == V_SCALAR) {
		if (!wanted)
			return true;
		/* Equal to others in old, so in cur; if cur's is equal to none, a number of its
		 * own stands for that. */
		return number_covers(&old->n, &cur->n) &&
		       (!old->id || same_id(m, old->id, cur->id ? cur->id : --m->alone));
	}
	return old->maybe_null == cur->maybe_null && old->rdonly == cur->rdonly &&
	       old->frame == cur->frame && old->off == cur->off && old->size == cur->size &&
	       old->map == cur->map && old->range <= cur->range &&
	       number_covers(&old->n, &cur->n) && same_id(m, old->id, cur->id) &&
	       same_id(m, old->uid, cur->uid) && same_id(m, old->ref, cur->ref);
}

/* What a byte of stack is worth to a reader. */
static u8 kind_of(const struct match *m, const struct vslot *s, u32 byte, bool wanted)
{
	u8 kind = s ? s->kind[byte] : S_INVALID;

	if (kind == S_INVALID && !hides(m->v))
		return S_MISC;
	if (!wanted && (kind == S_ZERO || (kind == S_SPILL && s->reg.type == V_SCALAR)))
		return S_MISC;
	return kind;
}

static bool slot_covers(struct match *m, const struct vslot *old, const struct vslot *cur,
			bool wanted)
{
	bool spilled = false;

	for (u32 b = 0; b < 8; b++) {
		u8 was = kind_of(m, old, b, wanted), is = kind_of(m, cur, b, wanted);

		if (was == S_INVALID)
			continue;
		if (was == S_MISC) {
			if (is == S_INVALID || (is == S_SPILL && cur->reg.type != V_SCALAR))
				return false;
			continue;
		}
		if (was != is)
			return false;
		spilled |= was == S_SPILL;
	}
	return !spilled || reg_covers(m, &old->reg, &cur->reg, wanted);
}

static const struct vslot *slot_of(const struct vframe *f, u32 s)
{
	return s < f->n_slots ? &f->slots[s] : NULL;
}

static bool frame_covers(struct match *m, const struct vframe *old, const struct vframe *cur,
			 const struct vinsn *at, u32 regs)
{
	u64 slots = m->all ? ~0ull : at->read_slots;
	u32 n = max(old->n_slots, cur->n_slots);

	for (u32 r = 0; r < BPF_FP; r++)
		if (at->live & regs & 1u << r &&
		    !reg_covers(m, &old->r[r], &cur->r[r], m->all || at->want & 1u << r))
			return false;
	for (u32 s = 0; s < n; s++)
		if (slots & BIT(s) && !slot_covers(m, slot_of(old, s), slot_of(cur, s),
						   m->all || at->want_slots & BIT(s)))
			return false;
	return true;
}

static bool refs_match(struct match *m, const struct vstate *old, const struct vstate *cur)
{
	if (old->n_refs != cur->n_refs || old->lock_map != cur->lock_map ||
	    !same_id(m, old->lock_id, cur->lock_id))
		return false;
	for (u32 k = 0; k < old->n_refs; k++)
		if (!same_id(m, old->refs[k].id, cur->refs[k].id) ||
		    old->refs[k].frame != cur->refs[k].frame)
			return false;
	return true;
}

static bool state_covers(struct verifier *v, const struct vstate *old, const struct vstate *cur,
			 bool all)
{
	struct match m = { .v = v };
	bool called_back = false;

	if (old->top != cur->top)
		return false;
	for (u32 k = 0; k <= cur->top; k++) {
		const struct vframe *a = old->frame[k], *b = cur->frame[k];

		if (a->func != b->func || a->callsite != b->callsite || a->callback != b->callback ||
		    a->async != b->async)
			return false;
	}
	for (u32 k = cur->top + 1; k--;) {
		const struct vinsn *at = &v->aux[cur->pc];
		u32 regs = 0x3ff;

		if (k < cur->top) {
			bool back = cur->frame[k + 1]->callback;	/* to the call itself */

			/* What matters behind the call does at it, too, and only there is what the
			 * functions above read of this frame's stack. */
			at = &v->aux[cur->frame[k + 1]->callsite];
			regs = back ? 0x3ff : 0x3c0;
			/* What follows there may have been cut short by a point that is still
			 * open (compare): not all that it depends on is known. */
			called_back |= back;
		}
		m.all = all || called_back;
		if (!frame_covers(&m, old->frame[k], cur->frame[k], at, regs))
			return false;
	}
	return refs_match(&m, old, cur);
}

/* --- points ------------------------------------------------------------------------------------ */
static struct point *point_new(struct verifier *v)
{
	struct point_block *block;
	struct point *p;

	if (!v->spare_points) {
		block = v->in->ops->alloc(v->in->ops->ctx, sizeof(*block));
		if (!block)
			return NULL;
		block->next = v->point_blocks;
		v->point_blocks = block;
		for (u32 k = 0; k < ARRAY_SIZE(block->point); k++) {
			block->point[k] = (struct point){ .next = v->spare_points };
			v->spare_points = &block->point[k];
		}
	}
	p = v->spare_points;
	v->spare_points = p->next;
	*p = (struct point){ .open = 1 };
	return p;
}

static void point_free(struct verifier *v, struct point *p)
{
	p->next = v->spare_points;
	v->spare_points = p;
}

static size_t state_size(const struct vstate *s)
{
	size_t size = sizeof(*s);

	for (u32 k = 0; k <= s->top; k++)
		size += sizeof(struct vframe) + s->frame[k]->room * sizeof(struct vslot);
	return size;
}

/* The point that *at in a list is, is of no more use for pruning. */
static void give_up(struct verifier *v, struct point **at, u32 *nr)
{
	struct point *p = *at;

	*at = p->next;
	--*nr;
	v->kept -= state_size(p->state);
	v->points--;
	state_free(v, p->state);
	p->state = NULL;
	if (!p->open)
		point_free(v, p);
}

/* Nothing is left to do from p, the first of those on the path. */
static void to_done(struct vinsn *at, struct point *p)
{
	at->path = p->next;
	at->nr_path--;
	p->next = at->done;
	at->done = p;
	at->nr_done++;
}

void path_ended(struct verifier *v, struct point *p)
{
	while (p && !--p->open) {
		struct point *parent = p->parent;

		if (p->state)
			to_done(&v->aux[p->state->pc], p);
		else
			point_free(v, p);
		p = parent;
	}
}

static void free_states(struct verifier *v, const struct point *p)
{
	for (; p; p = p->next)
		state_free(v, p->state);
}

void free_points(struct verifier *v)
{
	for (u32 pc = 0; pc < v->n; pc++) {
		free_states(v, v->aux[pc].path);
		free_states(v, v->aux[pc].done);
	}
	while (v->point_blocks) {
		struct point_block *block = v->point_blocks;

		v->point_blocks = block->next;
		v->in->ops->free(v->in->ops->ctx, block);
	}
}

static int keep(struct verifier *v)
{
	struct vinsn *at = &v->aux[v->cur->pc];
	int err = check_memory(v);
	struct point *p = err ? NULL : point_new(v);

	if (!p)
		return err ?: -ENOMEM;
	p->state = state_copy(v, v->cur);
	if (!p->state) {
		point_free(v, p);
		return -ENOMEM;
	}
	v->kept += state_size(p->state);
	v->total_points++;
	v->points++;
	v->peak_points = max(v->peak_points, v->points);
	at->nr_path++;
	v->most_points = max(v->most_points, at->nr_path + at->nr_done);
	p->serial = v->total_points;
	p->parent = v->cur->parent;
	p->next = at->path;
	at->path = p;
	v->cur->parent = p;
	return 0;
}

/* Not left since, nor called again. */
static bool same_frames(const struct vstate *a, const struct vstate *b)
{
	if (a->top != b->top)
		return false;
	for (u32 k = 0; k <= a->top; k++)
		if (a->frame[k]->serial != b->frame[k]->serial)
			return false;
	return true;
}

/* cur goes on as p did: what lies between them is done before all that it leads to is. */
static void cut(struct verifier *v, const struct point *p)
{
	for (struct point *q = v->cur->parent; q && q != p; q = q->parent)
		q->cut = true;
}

/* Of two points at one instruction of this path: is p in another round of may_goto of this call? */
static bool earlier_round(const struct point *p, const struct vstate *cur)
{
	return same_frames(p->state, cur) &&
	       p->state->frame[cur->top]->rounds != cur->frame[cur->top]->rounds;
}

/*
 * A callback has come back to its helper's call, and that is as it was at an open point. The points
 * since then are done before that one is: what was found of frames up to its `top` is not all that
 * they depend on. So are points that were covered by one of these. Callbacks depend on frames beside
 * their own only in full (state_covers), so points in one of a higher frame are as good as ever.
 */
static void come_back(struct verifier *v, u32 serial, u32 top)
{
	for (struct point *q = v->cur->parent; q && q->serial > serial; q = q->parent) {
		q->back = q->back ? min(q->back, serial) : serial;
		q->back_top = max(q->back_top, top);
	}
}

/* May not all that p depends on be known? */
static bool knows_little(const struct point *p)
{
	if (!p->back)
		return false;
	for (u32 k = p->back_top + 1; k <= p->state->top; k++)
		if (p->state->frame[k]->callback)
			return false;
	return true;
}

static bool done_covers(struct verifier *v, const struct point *p)
{
	if (p->cut || !state_covers(v, p->state, v->cur, knows_little(p)))
		return false;
	if (p->back)
		come_back(v, p->back, p->back_top);
	return true;
}

/*
 * 1: cur is covered by p; 0: not; negative: it is the same as before on this very path.
 *
 * may_goto goes on a limited number of times, so a round behind which it did and that changes
 * nothing need not be followed again. But points in between are done before all that they lead to
 * is, so the tables do not have all of it; and states that such a point would cover might come back
 * to where the path was cut without another round, for ever. It covers none.
 */
static int compare(struct verifier *v, const struct point *p)
{
	const struct vstate *cur = v->cur;

	if (!p->open)
		return done_covers(v, p);
	if (bpf_is_may_goto(&v->insns[cur->pc]) && earlier_round(p, cur)) {
		if (!state_covers(v, p->state, cur, true))
			return 0;
		cut(v, p);
		return 1;
	}
	if (v->aux[cur->pc].flags & I_CALLBACK) {
		/* Called back by one helper over and over, which ends by itself: once more changes
		 * nothing. */
		if (!top(v)->again || p->state->top != cur->top ||
		    p->state->frame[cur->top]->invocation != top(v)->invocation ||
		    !state_covers(v, p->state, cur, true))
			return 0;
		come_back(v, p->serial, cur->top);
		return 1;
	}
	if (!same_frames(p->state, cur))	/* left and called again: that may end */
		return 0;
	if (!state_covers(v, p->state, cur, true) || !state_covers(v, cur, p->state, true))
		return 0;
	say(v, "infinite loop detected at insn %d\n", cur->pc);
	return -EINVAL;
}

/* Points on the current path are of use when it has come back to them, the latest first: a loop
 * leaves one per round. Only the latest are looked at for rounds that change nothing, and no more
 * than so many are kept. */
enum { NEAR = 8, FAR = 512 };

/* Compares with the points on the current path. Returns what the first one that matters says. */
static int compare_path(struct verifier *v, const struct vinsn *at, u32 most)
{
	u32 seen = 0;
	int err;

	for (const struct point *p = at->path; p && seen < most; p = p->next, seen++) {
		err = compare(v, p);
		if (err)
			return err;
	}
	return 0;
}

/* And with those of which all is done. One that has missed often is of no more use. */
static int compare_done(struct verifier *v, struct vinsn *at, u32 patience)
{
	int err;

	for (struct point **p = &at->done; *p;) {
		err = compare(v, *p);
		if (err) {
			(*p)->hits++;
			return err;
		}
		if (++(*p)->misses > patience * ((*p)->hits + 1))
			give_up(v, p, &at->nr_done);
		else
			p = &(*p)->next;
	}
	return 0;
}

/* Twice as many before half of them go: a round costs as much, however many there have been. */
static void shorten_path(struct verifier *v, struct vinsn *at)
{
	struct point **p = &at->path;

	if (at->nr_path < 2 * FAR)
		return;
	for (u32 k = 0; k < FAR; k++)
		p = &(*p)->next;
	while (*p)
		give_up(v, p, &at->nr_path);
}

int arrive(struct verifier *v)
{
	struct vinsn *at = &v->aux[v->cur->pc];
	bool callback = at->flags & I_CALLBACK;
	int err;

	if (callback && !top(v)->again)
		top(v)->invocation = ++v->ids;
	if (bpf_is_may_goto(&v->insns[v->cur->pc]))
		widen_loop(v);
	err = compare_path(v, at, callback ? FAR : NEAR);
	if (!err)
		err = compare_done(v, at, callback ? 64 : 3);
	if (err)
		return err;
	if (!callback && !bpf_is_may_goto(&v->insns[v->cur->pc]) &&
	    !(v->in->prog_flags & BPF_F_TEST_STATE_FREQ)) {
		if (v->jumps_since < 2 || v->since_point < 8 || v->kept >= MAX_KEPT)
			return 0;
		v->since_point = v->jumps_since = 0;
	}
	shorten_path(v, at);
	return keep(v);
}

/* --- callbacks that come back ------------------------------------------------------------------- */
static void widen_slot(struct vslot *cur, const struct vslot *old)
{
	bool changed = false;

	for (u32 b = 0; b < 8; b++)
		changed |= cur->kind[b] != old->kind[b];
	if (cur->kind[0] == S_SPILL && old->kind[0] == S_SPILL && cur->reg.type == V_SCALAR &&
	    old->reg.type == V_SCALAR)
		changed |= !number_covers(&old->reg.n, &cur->reg.n);
	if (!changed || (cur->kind[0] == S_SPILL && cur->reg.type != V_SCALAR))
		return;
	for (u32 b = 0; b < 8; b++)
		if (cur->kind[b] != S_INVALID)
			cur->kind[b] = S_MISC;
}

void widen(struct verifier *v)
{
	const struct vframe *caller = top(v);
	const struct point *p = v->cur->parent;

	while (p && !(p->state && p->state->top == v->cur->top && p->state->pc == v->cur->pc &&
		      p->state->frame[v->cur->top]->invocation == caller->invocation))
		p = p->parent;
	for (u32 k = 0; p && k <= v->cur->top; k++) {
		const struct vframe *old = p->state->frame[k];
		struct vframe *cur = v->cur->frame[k];

		for (u32 s = 0; s < min(old->n_slots, cur->n_slots); s++)
			widen_slot(&cur->slots[s], &old->slots[s]);
	}
}

/* --- loops that come back to may_goto ------------------------------------------------------------ */
static void widen_frame(struct vframe *cur, const struct vframe *old, u32 want, u64 want_slots)
{
	for (u32 r = 0; r < BPF_FP; r++)
		if (cur->r[r].type == V_SCALAR && old->r[r].type == V_SCALAR && !(want & 1u << r) &&
		    !number_covers(&old->r[r].n, &cur->r[r].n))
			set_unknown(&cur->r[r]);
	for (u32 s = 0; s < min(old->n_slots, cur->n_slots); s++)
		if (!(want_slots & BIT(s)))
			widen_slot(&cur->slots[s], &old->slots[s]);
}

/* The latest point of an earlier round of this loop, or NULL. */
static const struct point *round_before(const struct verifier *v)
{
	const struct vstate *cur = v->cur;

	for (const struct point *p = v->aux[cur->pc].path; p; p = p->next) {
		/* There was no such frame yet, nor at any point before. */
		if (p->state->top < cur->top ||
		    p->state->frame[cur->top]->serial != cur->frame[cur->top]->serial)
			return NULL;
		if (earlier_round(p, cur))
			return p;
	}
	return NULL;
}

/* Numbers on which nothing has depended so far, and that a round changes, may be any. What something
 * depends on is followed round by round. */
void widen_loop(struct verifier *v)
{
	struct vstate *cur = v->cur;
	const struct point *p = round_before(v);

	for (u32 k = 0; p && k <= cur->top; k++) {
		u32 at = k == cur->top ? cur->pc : cur->frame[k + 1]->callsite;

		widen_frame(cur->frame[k], p->state->frame[k], v->aux[at].want,
			    v->aux[at].want_slots);
	}
}
