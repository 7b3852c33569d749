/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/ctx.h>
#include <bpf/interp.h>
#include "../../kernel/bpf/verify/verify_internal.h"
#include "../host/bpf_maps.h"
#include "oracle.h"

enum { MAX_SEEN = 6000, REGIONS = 64, VALUES = 4, BUDGET = 300000, ROUNDS = 6 };

/* A state that the verifier had before an instruction, and what mattered there when all paths from
 * it had been followed: later states may have been taken for covered by it until then or later, and
 * what was found to matter since does not concern them. */
struct seen {
	struct seen *next, *open;	/* open: before it, not followed to all its ends yet */
	u32 pc, n_later;		/* paths put aside before it */
	bool apart;			/* of a global function, which is verified by itself */
	u16 live, want;
	u64 want_slots, read_slots;
	u32 top;
	struct vreg r[10];
	u32 n_slots;
	struct vslot slots[];
};

struct machine {
	const struct bpf_insn *p;
	u32 n, how;
	struct bpf_verified out;
	/* from the verifier */
	struct seen **at;		/* by instruction of the program */
	struct seen *open;
	u32 n_seen, steps;
	/* the run */
	struct bpf_machine m;
	struct bpf_region regions[REGIONS];
	u64 state;			/* of the random numbers */
	u8 *ctx, *packet;
	u32 packet_size;
	u8 *values[M_MAX][VALUES], *inner;
	u64 *object;			/* a thing of the kernel's (bpf_maps.h) */
	u32 n_reserved;
	u64 reserved[REGIONS];
	u64 locked;
	u32 callbacks;			/* that are running */
	u32 depth, shift;		/* shift: what is frame 0 to the verifier */
	struct oracle_result result;
};
static struct machine *now;
u32 oracle_limit = 20000;

/* What the first call leads to, if that is to be global: (number, 16 bytes, context). */
static void describe(const struct machine *o, struct bpf_func_desc *d)
{
	u32 pc = 0;

	while (pc < o->n && !bpf_is_local_call(&o->p[pc]))
		pc += 1 + bpf_is_wide(&o->p[pc]);
	*d = (struct bpf_func_desc){ .insn = pc < o->n ? pc + 1 + (u32)o->p[pc].imm : 0,
				     .global = true, .n_args = 3, .arg = { { BPF_FARG_SCALAR, 0 },
				     { BPF_FARG_MEM, 16 }, { BPF_FARG_CTX, 0 } } };
}

static int verify(const struct machine *o, struct bpf_log *log, struct bpf_verified *out)
{
	static const u32 types[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP,
				     BPF_PROG_TYPE_SYSCALL };
	struct bpf_func_desc d;
	struct bpf_prog_load_in in = { .insns = o->p, .n = o->n, .log = log, .ops = &test_ops,
		.gpl = true, .unprivileged = o->how & 4,
		.hides = o->how & ORACLE_HIDES, .prog_type = types[o->how % 4 % 3],
		.prog_flags = o->how & 8 ? BPF_F_TEST_STATE_FREQ : 0, .funcs = &d };

	describe(o, &d);
	in.n_funcs = o->how & ORACLE_GLOBAL && d.insn;
	return bpf_verify(&in, out);
}

/* The verifier's log of the program, all of it. */
static const char *explain(const struct machine *o)
{
	static char text[1 << 18];
	struct bpf_log log = { .level = 2, .buf = text, .size = sizeof(text) };
	struct bpf_verified out;
	u32 size;

	test_ops.observe = NULL;
	test_ops.interrupted = NULL;
	if (!verify(o, &log, &out))
		bpf_verified_free(&test_ops, &out);
	bpf_log_end(&log, &size);
	return text;
}

static void wrong(const char *what, u64 a, u64 b)
{
	fprintf(stderr, "%s\n%s (0x%llx 0x%llx), at %u (of the program: %u), depth %u\n",
		explain(now), what, (unsigned long long)a, (unsigned long long)b, now->m.pc,
		now->out.origin ? now->out.origin[now->m.pc] : 0, now->depth);
	for (u32 pc = 0; pc < now->out.n; pc++)
		fprintf(stderr, "%u<%u: %02x %d %d %d %d\n", pc, now->out.origin[pc],
			now->out.insns[pc].code, now->out.insns[pc].dst_reg,
			now->out.insns[pc].src_reg, now->out.insns[pc].off, now->out.insns[pc].imm);
	abort();
}

static u64 rnd(struct machine *o)
{
	static const u64 ends[] = {0,	1,     2,	 7,   8,	  15,	     16,
				   39,	40,    41,	 47,  48,	  63,	     64,
				   255, ~0ull, 1u << 31, ~0u, 1ull << 32, 1ull << 63};

	o->state ^= o->state << 13;
	o->state ^= o->state >> 7;
	o->state ^= o->state << 17;
	if (o->state >> 60 < 8)
		return ends[(o->state >> 8) % (sizeof(ends) / sizeof(*ends))];
	return o->state >> 60 < 11 ? (o->state >> 8) % 70 : o->state;
}

static void fill(struct machine *o, void *p, size_t size)
{
	for (size_t k = 0; k < size; k++) {
		if (!(k % 8)) {
			u64 v = rnd(o);

			memcpy((u8 *)p + k, &v, min(size - k, (size_t)8));
		}
	}
}

/* --- what the verifier had ----------------------------------------------------------------------
 */
static void observe(void *ctx, const struct verifier *v)
{
	struct machine *o = now;
	const struct vframe *f;
	struct seen *s;

	while (o->open && (!v->cur || o->open->n_later > v->n_later)) {
		const struct vinsn *a = &v->aux[o->open->pc];

		s = o->open;
		s->live = a->live;
		s->want = a->want;
		s->want_slots = a->want_slots;
		s->read_slots = a->read_slots;
		o->open = s->open;
	}
	if (!v->cur)
		return;
	if (o->n_seen >= MAX_SEEN)
		return;
	o->n_seen++;
	f = v->cur->frame[v->cur->top];
	s = malloc(sizeof(*s) + f->n_slots * sizeof(*s->slots));
	s->pc = v->cur->pc;
	s->n_later = v->n_later;
	s->open = o->open;
	o->open = s;
	s->top = v->cur->top;
	s->apart = v->main;
	memcpy(s->r, f->r, sizeof(s->r));
	s->n_slots = f->n_slots;
	if (f->n_slots)
		memcpy(s->slots, f->slots, f->n_slots * sizeof(*s->slots));
	s->next = o->at[v->cur->pc];
	o->at[v->cur->pc] = s;
}

static bool contains(const struct vreg *r, u64 v) { return bpf_scalar_has(&r->n, v); }

static bool is_base(const struct machine *o, const struct vreg *r, u64 base)
{
	switch (r->type) {
	case V_CTX:
		return base == (u64)o->ctx;
	case V_STACK:
		return base == (u64)o->m.stack + (o->shift + r->frame + 1) * BPF_STACK;
	case V_PACKET:
		return base == (u64)o->packet + 8;
	case V_META:
		return base == (u64)o->packet;
	case V_MEM:
		for (u32 k = 0; k < o->n_reserved; k++)
			if (o->reserved[k] == base)
				return true;
		return false;
	default:
		for (u32 m = 1; m < M_MAX; m++)
			for (u32 k = 0; k < VALUES && r->map == &test_maps[m]; k++)
				if (base == (u64)o->values[m][k])
					return true;
		return base == (u64)o->inner || (r->map && base == r->map->values);
	}
}

/* base + off + a number of the set n is v, and base is one of those that the pointer may have. */
static bool is_pointer_to(const struct machine *o, const struct vreg *r, u64 v)
{
	u64 bases[VALUES * 2 + REGIONS], n = 0;

	switch (r->type) {
	case V_CTX:
		bases[n++] = (u64)o->ctx;
		break;
	case V_STACK:
		bases[n++] = (u64)o->m.stack + (o->shift + r->frame + 1) * BPF_STACK;
		break;
	case V_PACKET:
		bases[n++] = (u64)o->packet + 8;
		break;
	case V_META:
		bases[n++] = (u64)o->packet;
		break;
	case V_MEM:
		for (u32 k = 0; k < o->n_reserved; k++)
			bases[n++] = o->reserved[k];
		break;
	default:
		for (u32 m = 1; m < M_MAX; m++)
			for (u32 k = 0; k < VALUES && r->map == &test_maps[m]; k++)
				bases[n++] = (u64)o->values[m][k];
		bases[n++] = (u64)o->inner;
		bases[n++] = r->map->values;
	}
	while (n--)
		if (is_base(o, r, bases[n]) && contains(r, v - bases[n] - (u64)r->off))
			return true;
	return false;
}

static bool reg_right(const struct machine *o, const struct vreg *r, u64 v, bool wanted)
{
	u64 limit = (u64)o->packet + (r->type == V_META ? 8 : o->packet_size);

	if (r->maybe_null && !v)
		return true;
	switch (r->type) {
	case V_NONE:
		return true;
	case V_SCALAR:
		return !wanted || contains(r, v);
	case V_PACKET_END:
		return v == (u64)o->packet + o->packet_size;
	case V_MAP:
		return v == (u64)r->map || r->size;
	case V_FUNC:
	case V_KEY:
	case V_BTF:	/* may be anything */
		return true;
	case V_MEM:	/* an argument: whatever the caller gave */
		return !r->ref || is_pointer_to(o, r, v);
	case V_PACKET:
	case V_META:	/* v - off: where its range begins */
		return is_pointer_to(o, r, v) &&
		       (!r->range || (v - (u64)r->off) + r->range <= limit);
	default:
		return is_pointer_to(o, r, v);
	}
}

static bool slots_right(const struct machine *o, const struct seen *s, u64 fp)
{
	for (u32 k = 0; k < s->n_slots; k++) {
		const struct vslot *slot = &s->slots[k];
		bool wanted = s->want_slots & BIT(k);
		u64 v;

		memcpy(&v, (void *)(fp - 8 * (k + 1)), 8);
		if (!(s->read_slots & BIT(k)))
			continue;
		for (u32 b = 0; b < 8; b++)
			if (slot->kind[b] == S_ZERO && wanted && (u8)(v >> 8 * b))
				return false;
		if (slot->kind[0] == S_SPILL &&
		    !reg_right(o, &slot->reg, slot->kind[7] == S_SPILL ? v : (u32)v, wanted))
			return false;
	}
	return true;
}

static bool state_right(struct machine *o, const struct seen *s, const u64 *r)
{
	o->shift = o->depth - s->top;
	for (u32 k = 0; k < 10; k++)
		if (s->live & 1u << k && !reg_right(o, &s->r[k], r[k], s->want & 1u << k))
			return false;
	for (u32 a = 0; a < 10; a++)	/* numbers of one identity are equal */
		for (u32 b = 0; b < a; b++)
			if (s->live & s->want & 1u << a && s->live & s->want & 1u << b &&
			    s->r[a].id && s->r[a].type == V_SCALAR && s->r[b].type == V_SCALAR &&
			    s->r[a].id == s->r[b].id && r[a] != r[b])
				return false;
	return slots_right(o, s, r[BPF_FP]);
}

static void trace(void *ctx, u32 pc, u32 depth, const u64 *r)
{
	struct machine *o = ctx;
	u32 from = o->out.origin[pc];
	const struct seen *s;

	o->depth = depth;
	if (o->m.insns != o->out.insns)		/* after a tail call */
		return;
	if (o->n_seen >= MAX_SEEN || (pc && o->out.origin[pc - 1] == from))
		return;
	for (s = o->at[from]; s; s = s->next)
		if ((s->apart ? s->top <= depth : s->top == depth) && state_right(o, s, r))
			break;
	if (!s) {
		for (u32 k = 0; k < 11; k++)
			fprintf(stderr, "r%u = 0x%llx\n", k, (unsigned long long)r[k]);
		wrong("the verifier had no such state", pc, from);
	}
	o->result.compared++;
}

/* --- helpers -------------------------------------------------------------------------------------
 */
static void add_region(struct machine *o, void *p, u64 size, bool writable)
{
	if (o->m.n_regions >= REGIONS)
		wrong("too many regions", 0, 0);
	o->regions[o->m.n_regions++] = (struct bpf_region){ (u64)p, size, writable };
}

static void drop_region(struct machine *o, u64 addr)
{
	u32 k = 0;

	while (k < o->m.n_regions && o->regions[k].addr != addr)
		k++;
	if (k == o->m.n_regions)
		wrong("no such region", addr, 0);
	o->regions[k] = o->regions[--o->m.n_regions];
}

static void must_access(struct machine *o, u64 addr, u64 size, bool write)
{
	u64 stack = (u64)o->m.stack;

	if (addr >= stack && addr + size <= stack + (o->depth + 1) * BPF_STACK)
		return;
	for (u32 k = 0; k < o->m.n_regions; k++) {
		const struct bpf_region *r = &o->regions[k];

		if (addr >= r->addr && addr - r->addr <= r->size &&
		    size <= r->size - (addr - r->addr) && (!write || r->writable))
			return;
	}
	if (size)
		wrong("a helper was given bad memory", addr, size);
}

static u32 map_of(u64 object)
{
	for (u32 m = 1; m < M_MAX; m++)
		if (object == (u64)&test_maps[m])
			return m;
	wrong("a helper was given no map", object, 0);
	return 0;
}

static u64 value_of(struct machine *o, u32 m, u64 key)
{
	return rnd(o) % 4 ? (u64)o->values[m][key % VALUES] : 0;
}

static u64 reserve(struct machine *o, u64 size)
{
	void *p;

	if (!(rnd(o) % 4) || o->n_reserved + 8 >= REGIONS || o->m.n_regions + 2 >= REGIONS)
		return 0;
	p = aligned_alloc(8, (size + 7) / 8 * 8);
	fill(o, p, size);
	add_region(o, p, size, true);
	o->reserved[o->n_reserved++] = (u64)p;
	return (u64)p;
}

static void give_back(struct machine *o, u64 addr)
{
	u32 k = 0;

	while (k < o->n_reserved && o->reserved[k] != addr)
		k++;
	if (k == o->n_reserved)
		wrong("given back, but not reserved", addr, 0);
	o->reserved[k] = o->reserved[--o->n_reserved];
	drop_region(o, addr);
	free((void *)addr);
}

static int answer(struct machine *o, u64 func, const u64 *arg)
{
	u32 depth = o->depth;
	u64 r0;
	int err;

	o->callbacks++;
	err = bpf_call_back(&o->m, func, arg, &r0);
	o->callbacks--;
	o->depth = depth;
	if (err)
		return err;
	if (r0 > 1)
		wrong("a callback's answer", r0, 0);
	return (int)r0;
}

static int run_loop(struct machine *o, const u64 *arg, u64 *r0)
{
	u64 n = min(arg[0], rnd(o) % 5);
	int did = 0;

	for (*r0 = 0; *r0 < n && !did; ++*r0)
		did = answer(o, arg[1], (u64[5]){ *r0, arg[2] });
	return min(did, 0);
}

static int run_each(struct machine *o, const u64 *arg, u64 *r0)
{
	u32 m = map_of(arg[0]);
	int did = 0;
	u64 n = rnd(o) % 4;
	u8 *key = malloc(test_maps[m].key_size);

	fill(o, key, test_maps[m].key_size);
	add_region(o, key, test_maps[m].key_size, false);
	for (*r0 = 0; *r0 < n && !did; ++*r0)
		did = answer(o, arg[1], (u64[5]){arg[0], (u64)key, (u64)o->values[m][*r0], arg[2]});
	drop_region(o, (u64)key);
	free(key);
	return min(did, 0);
}

static void new_packet(struct machine *o)
{
	u32 size = 8 + rnd(o) % 60;

	if (o->packet) {
		drop_region(o, (u64)o->packet);
		free(o->packet);
	}
	o->packet_size = size;
	o->packet = malloc(size);
	fill(o, o->packet, size);
	add_region(o, o->packet, size, true);
	if (o->how % 4 == 1) {
		struct bpf_xdp *x = (struct bpf_xdp *)o->ctx;

		x->data_meta = (u64)o->packet;
		x->data = (u64)o->packet + 8;
		x->data_end = (u64)o->packet + size;
	}
}

static void must_be_ctx(struct machine *o, u64 v)
{
	if (v != (u64)o->ctx)
		wrong("not the context", v, (u64)o->ctx);
}

static void lock(struct machine *o, bool take, u64 addr)
{
	for (u32 k = 0; k < VALUES; k++)
		if (addr == (u64)o->values[M_LOCK][k] + 4)
			goto found;
	wrong("not a lock", addr, 0);
found:
	if (take ? o->locked != 0 : o->locked != addr)
		wrong("lock", addr, o->locked);
	o->locked = take ? addr : 0;
}

static int map_helper(struct machine *o, i32 id, const u64 *arg, u64 *r0)
{
	u32 m;
	u64 key = 0;

	if (arg[0] == (u64)test_maps[M_MAPS].inner) {	/* all maps in maps are one */
		must_access(o, arg[1], 4, false);
		*r0 = rnd(o) % 4 ? (u64)o->inner : 0;
		return 0;
	}
	m = map_of(arg[0]);
	must_access(o, arg[1], test_maps[m].key_size, false);
	memcpy(&key, (void *)arg[1], min(test_maps[m].key_size, 8u));
	if (id == BPF_FUNC_map_lookup_elem)
		*r0 = m != M_MAPS ? value_of(o, m, key) : rnd(o) % 4 ? (u64)test_maps[m].inner : 0;
	if (id == BPF_FUNC_map_update_elem)
		must_access(o, arg[2], test_maps[m].value_size, false);
	return 0;
}

static int packet_helper(struct machine *o, i32 id, const u64 *arg, u64 *r0)
{
	must_be_ctx(o, arg[0]);
	switch (id) {
	case BPF_FUNC_skb_load_bytes:
		if (!arg[3])
			wrong("no bytes", 0, 0);
		must_access(o, arg[2], arg[3], true);
		fill(o, (void *)arg[2], arg[3]);
		return 0;
	case BPF_FUNC_LOAD_8:
	case BPF_FUNC_LOAD_16:
	case BPF_FUNC_LOAD_32:
		*r0 = rnd(o) % 3 ? *r0 & (~0ull >> (64 - (8 << (id - BPF_FUNC_LOAD_8)))) : -1ull;
		return 0;
	default:
		new_packet(o);
		return 0;
	}
}

/* A pointer to an object, or to nothing. */
static u64 object(struct machine *o) { return rnd(o) % 3 ? (u64)o->object : rnd(o); }

static int helper(void *ctx, const struct bpf_insn *i, const u64 *arg, u64 *r0)
{
	struct machine *o = ctx;
	u64 a[5];

	memcpy(a, arg, sizeof(a));
	*r0 = rnd(o);
	switch (i->imm) {
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
		return map_helper(o, i->imm, a, r0);
	case BPF_FUNC_get_current_task_btf:
		*r0 = object(o);
		return 0;
	case BPF_FUNC_ringbuf_reserve:
		*r0 = map_of(a[0]) == M_RINGBUF ? reserve(o, a[1]) : (wrong("no ring", 0, 0), 0);
		return 0;
	case BPF_FUNC_ringbuf_submit:
	case BPF_FUNC_ringbuf_discard:
		give_back(o, a[0]);
		return 0;
	case BPF_FUNC_spin_lock:
	case BPF_FUNC_spin_unlock:
		lock(o, i->imm == BPF_FUNC_spin_lock, a[0]);
		return 0;
	case BPF_FUNC_loop:
		return run_loop(o, a, r0);
	case BPF_FUNC_for_each_map_elem:
		return run_each(o, a, r0);
	case BPF_FUNC_skb_load_bytes:
	case BPF_FUNC_xdp_adjust_head:
	case BPF_FUNC_xdp_adjust_tail:
	case BPF_FUNC_LOAD_8:
	case BPF_FUNC_LOAD_16:
	case BPF_FUNC_LOAD_32:
		return packet_helper(o, i->imm, a, r0);
	default:	/* takes nothing that could be wrong */
		return 0;
	}
}

/* A tail call finds a program, sometimes: one that may have moved the packet, and returns anything. */
static int tail(void *ctx, const u64 *arg, const struct bpf_insn **insns, u32 *n)
{
	static struct bpf_insn other[] = { { .code = BPF_LD | BPF_IMM | BPF_DW }, { 0 },
					   { .code = BPF_JMP | BPF_EXIT } };
	struct machine *o = ctx;
	u64 r0 = rnd(o);

	must_be_ctx(o, arg[0]);
	if (o->callbacks)
		wrong("a tail call within a callback", o->callbacks, 0);
	if (arg[1] != (u64)test_maps[M_PROGS].object)
		wrong("no array of programs", arg[1], 0);
	if (rnd(o) % 3)
		return 0;
	if (o->how % 4 != 2)
		new_packet(o);
	other[0].imm = (i32)r0;
	other[1].imm = (i32)(r0 >> 32);
	*insns = other;
	*n = ARRAY_SIZE(other);
	return 1;
}

/* --- a run
 * ---------------------------------------------------------------------------------------- */
static void make_ctx(struct machine *o)
{
	size_t size = o->how % 4 == 0 ? sizeof(struct bpf_skb) : o->how % 4 == 1 ?
		      sizeof(struct bpf_xdp) : o->out.max_ctx_offset;

	o->ctx = aligned_alloc(8, (size + 8) / 8 * 8);
	fill(o, o->ctx, size);
	o->packet = NULL;
	if (o->how % 4 == 0)
		add_region(o, &((struct bpf_skb *)o->ctx)->cb, 20, true);
	add_region(o, o->ctx, size, o->how % 4 == 2);
	new_packet(o);
}

static void make_values(struct machine *o)
{
	for (u32 m = 1; m < M_MAX; m++) {
		u32 size = test_maps[m].value_size;
		bool writable = !(test_maps[m].flags & BPF_F_RDONLY_PROG);

		for (u32 k = 0; k < VALUES && size; k++) {
			u8 *p = o->values[m][k] = aligned_alloc(8, (size + 7) / 8 * 8);

			fill(o, p, size);
			if (m == M_CONST)	/* the verifier has read them */
				memcpy(p, (void *)test_maps[m].values, size);
			if (test_maps[m].flags & BPF_F_WRONLY_PROG || m == M_MAPS || m == M_RINGS ||
			    m == M_PROGS)
				continue;
			if (m == M_LOCK) {
				add_region(o, p, 4, true);
				add_region(o, p + 8, 8, true);
			} else if (m == M_TIMER) {
				add_region(o, p, 8, true);
				add_region(o, p + 24, 8, true);
			} else {
				add_region(o, p, size, writable);
			}
		}
	}
	fill(o, (void *)test_maps[M_GLOBAL].values, 64);
	add_region(o, (void *)test_maps[M_GLOBAL].values, 64, true);
	add_region(o, (void *)test_maps[M_CONST].values, 16, false);
	o->inner = aligned_alloc(8, 8);
	add_region(o, o->inner, 8, true);
	o->object = aligned_alloc(8, TEST_THING);
	fill(o, o->object, TEST_THING);
	o->object[1] = object(o);
	o->object[3] = object(o);
	add_region(o, o->object, TEST_THING, false);
}

static void free_run(struct machine *o)
{
	while (o->n_reserved)
		give_back(o, o->reserved[0]);
	for (u32 m = 1; m < M_MAX; m++)
		for (u32 k = 0; k < VALUES; k++) {
			free(o->values[m][k]);
			o->values[m][k] = NULL;
		}
	free(o->inner);
	free(o->object);
	free(o->ctx);
	free(o->packet);
}

static void run(struct machine *o)
{
	static _Alignas(16) u8 stack[BPF_FRAMES * BPF_STACK];
	u64 r0;
	int err;

	o->m = (struct bpf_machine){ .insns = o->out.insns, .n = o->out.n, .stack = stack,
		.budget = BUDGET, .checked = true, .regions = o->regions, .helper = helper, .tail = tail,
		.trace = trace, .ctx = o };
	o->n_reserved = 0;
	o->locked = 0;
	fill(o, stack, sizeof(stack));
	make_ctx(o);
	make_values(o);
	err = bpf_interpret(&o->m, (u64)o->ctx, 0, &r0);
	if (err)
		wrong("the interpreter ended", (u64)-err, 0);
	if (o->n_reserved || o->locked)
		wrong("not given back", o->n_reserved, o->locked);
	o->result.ended++;
	free_run(o);
}

static int too_long(void *ctx) { return (now->steps += 1024) > oracle_limit ? -EINTR : 0; }

/* Loops with may_goto end after 8 Mi rounds, of which some will do. */
static void few_rounds(struct machine *o)
{
	for (u32 k = 0; k < o->out.n; k++)
		if (o->out.insns[k].code == (BPF_ST | BPF_MEM | BPF_DW) &&
		    o->out.insns[k].imm == 8 * 1024 * 1024)
			o->out.insns[k].imm = (i32)(rnd(o) % 20);
}

static void verify_and_run(struct machine *o)
{
	test_ops.observe = observe;
	test_ops.interrupted = too_long;
	o->result.err = verify(o, NULL, &o->out);
	test_ops.observe = NULL;
	if (!o->result.err) {
		o->result.processed = o->out.processed;
		few_rounds(o);
		for (u32 k = 0; k < ROUNDS; k++)
			run(o);
		bpf_verified_free(&test_ops, &o->out);
	}
	if (o->result.err && getenv("ORACLE_WHY"))
		fprintf(stderr, "%s---\n", explain(o));
	if (test_alloc.live)
		wrong("memory lost", (u64)test_alloc.live, 0);
}

struct oracle_result oracle_program(const struct bpf_insn *p, u32 n, u32 how, u64 seed)
{
	struct machine o = { .p = p, .n = n, .how = how, .state = seed | 1 };
	struct oracle_result result;

	now = &o;
	o.result.insns = n;
	o.at = calloc(n, sizeof(*o.at));
	verify_and_run(&o);
	for (u32 pc = 0; pc < n; pc++) {
		while (o.at[pc]) {
			struct seen *s = o.at[pc];

			o.at[pc] = s->next;
			free(s);
		}
	}
	free(o.at);
	result = o.result;
	now = NULL;
	return result;
}

struct oracle_result oracle(const u8 *data, size_t size)
{
	static struct bpf_insn p[600];
	u64 seed = size * 0x9e3779b97f4a7c15;
	u32 how, n;

	if (!test_maps[1].object)
		test_maps_init();
	for (size_t k = 0; k < size; k++)
		seed = (seed ^ data[k]) * 0x100000001b3;
	n = oracle_generate(data, size, p, 600, &how);
	return oracle_program(p, n, how, seed);
}
