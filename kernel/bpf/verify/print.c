/* SPDX-License-Identifier: BSD-2-Clause */
/* States as text. */
#include <lib/format.h>
#include "verify_internal.h"

bool verbose(const struct verifier *v)
{
	return v->log && v->log->level & (BPF_LOG_LEVEL1 | BPF_LOG_LEVEL2);
}

const char *type_name(struct verifier *v, const struct vreg *r)
{
	static const char *const names[] = { "?", "scalar", "ctx", "map_ptr", "map_value", "map_key",
					     "fp", "pkt", "pkt_meta", "pkt_end", "mem", "func" };

	if (r->type == V_BTF) {
		snprintf(v->name, sizeof(v->name), "ptr_%s", v->types->name(v->types->types, r->size));
		return v->name;
	}
	if (!r->maybe_null)
		return names[r->type];
	return r->type == V_MAP ? "map_ptr_or_null" : r->type == V_VALUE ? "map_value_or_null" :
	       r->type == V_MEM ? "mem_or_null" : "or_null";
}

/* Text that is put together in a buffer; what does not fit is cut off. */
struct text {
	char *at;
	size_t room;
	bool more;		/* a comma goes before the next part */
};

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->room, fmt, ap);
	va_end(ap);
	n = min(n, (int)t->room - 1);
	t->at += n;
	t->room -= (size_t)n;
}

#define PART(t, ...)	(add(t, "%s", (t)->more ? "," : ""), (t)->more = true, add(t, __VA_ARGS__))

struct bound {
	const char *name;
	u64 value;
	bool is_signed, none;	/* none: it says nothing */
};

/* Small numbers in decimals, others in hexadecimal, as Linux chooses. */
static void add_value(struct text *t, const struct bound *b)
{
	bool negative = b->is_signed && (i64)b->value < 0;
	u64 size = negative ? 0 - b->value : b->value;

	add(t, size <= (b->is_signed ? INT16_MAX : UINT16_MAX) ? "%s%llu" : "%s0x%llx",
	    negative ? "-" : "", (unsigned long long)size);
}

/* Bounds that say something; those of one value share it: smin=umin=4. */
static void add_bounds(struct text *t, const struct vreg *r)
{
	const struct bpf_range *w = &r->n.wide, *l = &r->n.low;
	struct bound b[] = {
		{ "smin", (u64)w->smin, true, w->smin == INT64_MIN },
		{ "smax", (u64)w->smax, true, w->smax == INT64_MAX },
		{ "umin", w->umin, false, !w->umin },
		{ "umax", w->umax, false, w->umax == UINT64_MAX },
		{ "smin32", (u64)l->smin, true, l->smin == INT32_MIN },
		{ "smax32", (u64)l->smax, true, l->smax == INT32_MAX },
		{ "umin32", l->umin, false, !l->umin },
		{ "umax32", l->umax, false, l->umax == UINT32_MAX },
	};

	for (u32 k = 0; k < ARRAY_SIZE(b); k++) {
		bool negative = b[k].is_signed && (i64)b[k].value < 0;

		if (b[k].none)
			continue;
		PART(t, "%s=", b[k].name);
		for (u32 m = k + 1; m < ARRAY_SIZE(b); m++)
			if (!b[m].none && b[m].value == b[k].value &&
			    negative == (b[m].is_signed && (i64)b[m].value < 0)) {
				add(t, "%s=", b[m].name);
				b[m].none = true;
			}
		add_value(t, &b[k]);
	}
	if (w->bits.mask != ~0ull)
		PART(t, "var_off=(0x%llx; 0x%llx)", (unsigned long long)w->bits.value,
		     (unsigned long long)w->bits.mask);
}

static void add_pointer(struct text *t, const struct vreg *r)
{
	if (r->id && r->type != V_STACK)
		PART(t, "id=%d", r->id);
	if (r->map && r->map->name && *r->map->name)
		PART(t, "map=%s", r->map->name);
	if (r->map)
		PART(t, "ks=%u,vs=%u", r->map->key_size, r->map->value_size);
	if (r->type == V_MEM)
		PART(t, "sz=%u", r->size);
	if (r->type == V_PACKET || r->type == V_META)
		PART(t, "r=%u", r->range);
	if (!bpf_range_is_const(&r->n.wide)) {
		if (r->off)
			PART(t, "off=%d", r->off);
		add_bounds(t, r);
	} else if (r->off + r->n.wide.smin) {
		PART(t, "imm=%lld", (long long)(r->off + r->n.wide.smin));
	}
}

void format_reg(struct verifier *v, char *buf, size_t size, const struct vreg *r)
{
	struct text t = { buf, size, false };

	if (is_const(r)) {
		struct bound b = { NULL, r->n.wide.umin, true, false };

		add_value(&t, &b);
		return;
	}
	if (r->type == V_STACK && bpf_range_is_const(&r->n.wide)) {
		add(&t, "fp%lld", (long long)(r->off + r->n.wide.smin));
		return;
	}
	add(&t, "%s(", type_name(v, r));
	if (r->type != V_SCALAR) {
		add_pointer(&t, r);
	} else {
		if (r->id)
			PART(&t, "id=%d", r->id);
		add_bounds(&t, r);
	}
	add(&t, ")");
}

/* The bytes from the highest down: not written, anything, zero; or what was put there whole. */
static void print_slot(struct verifier *v, const struct vframe *f, u32 s)
{
	const struct vslot *slot = &f->slots[s];
	char buf[256] = "";
	struct text t = { buf, sizeof(buf), false };
	bool any = false;
	i32 b = 7;

	for (; b >= 0 && slot->kind[b] != S_SPILL; b--) {
		any |= slot->kind[b] != S_INVALID;
		add(&t, "%c", "?m0"[slot->kind[b]]);
	}
	if (b >= 0)
		format_reg(v, t.at, t.room, &slot->reg);
	if (any || b >= 0)
		say(v, " fp-%d=%s", 8 * (s + 1), buf);
}

static void print_parts(struct verifier *v, const struct vstate *s, u32 regs, u64 slots)
{
	const struct vframe *f = s->frame[s->top];
	char text[256];

	if (s->top)
		say(v, " frame%d:", s->top);
	for (u32 r = 0; r <= BPF_FP; r++) {
		if (f->r[r].type == V_NONE || !(regs >> r & 1))
			continue;
		format_reg(v, text, sizeof(text), &f->r[r]);
		say(v, " R%d=%s", r, text);
	}
	for (u32 k = 0; k < f->n_slots; k++)
		if (slots >> k & 1)
			print_slot(v, f, k);
	for (u32 k = 0; k < s->n_refs; k++)
		say(v, "%s%d", k ? "," : " refs=", s->refs[k].id);
	say(v, "\n");
}

void print_state(struct verifier *v, const struct vstate *s)
{
	print_parts(v, s, ~0u, ~0ull);
}

/* The line of source, unless the last instruction was of the same. */
static void print_source(struct verifier *v, u32 pc)
{
	struct bpf_source s;

	if (!v->in->ops->source || !v->in->ops->source(v->in->ops->ctx, pc, &s) ||
	    (s.file == v->source.file && s.line == v->source.line))
		return;
	v->source = s;
	while (*s.text == ' ' || *s.text == '\t')
		s.text++;
	for (const char *at = s.file; *at; at++)
		if (*at == '/')
			s.file = at + 1;
	say(v, "; ");
	while (*s.text) {	/* longer lines than the log takes at once */
		say(v, "%.100s", s.text);
		for (u32 k = 0; k < 100 && *s.text; k++)
			s.text++;
	}
	say(v, " @ %s:%u\n", s.file, s.line);
}

/* Slots of the current frame that an access at pc, which is about to be simulated, touches. */
static u64 touched_slots(const struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	u8 class = BPF_CLASS(i->code);
	const struct vreg *base = &v->cur->frame[v->cur->top]->r[class == BPF_LDX ? i->src_reg :
								      i->dst_reg];
	i64 at = (i64)base->off + (i64)base->n.wide.umin + i->off;

	if ((class != BPF_LDX && class != BPF_ST && class != BPF_STX) || base->type != V_STACK ||
	    base->frame != v->cur->top || !bpf_range_is_const(&base->n.wide) || at >= 0 ||
	    at < -BPF_STACK)
		return 0;
	return 1ull << (-at - 1) / 8;
}

/* Before the instruction is simulated; its line stays open for what it does. */
void print_step(struct verifier *v, u32 pc)
{
	u32 uses = bpf_uses(&v->insns[pc]);
	bool call = v->insns[pc].code == (BPF_JMP | BPF_CALL);

	print_source(v, pc);
	v->line.from = v->log->pos;
	v->line.regs = call ? 1 : (uses | uses >> BPF_WRITES) & 0x7ff;
	v->line.slots = touched_slots(v, pc);
	print_insn(v, pc);
	v->line.end = v->log->pos;
}

/* Behind the instruction's text, in columns of 8 from the 38th on: what it used and gave. */
void print_effect(struct verifier *v)
{
	u32 length = (u32)(v->line.end - v->line.from);	/* with its end of line */
	u32 column = align_up(max(length + 4, 40u), 8u) - 2;

	if (v->log->pos != v->line.end || (!v->line.regs && !v->line.slots))
		return;
	bpf_log_reset(v->log, v->log->pos - 1);
	say(v, "%*s;", (int)(column - (length - 1)), "");
	print_parts(v, v->cur, v->line.regs, v->line.slots);
}
