/* SPDX-License-Identifier: BSD-2-Clause */
/* States as text. */
#include <lib/format.h>
#include "verify_internal.h"

bool verbose(const struct verifier *v)
{
	return v->log && v->log->level & (BPF_LOG_LEVEL1 | BPF_LOG_LEVEL2);
}

const char *type_name(const struct vreg *r)
{
	static const char *const names[] = { "?", "scalar", "ctx", "map_ptr", "map_value", "map_key",
					     "fp", "pkt", "pkt_meta", "pkt_end", "mem", "func" };

	if (!r->maybe_null)
		return names[r->type];
	return r->type == V_MAP ? "map_ptr_or_null" : r->type == V_VALUE ? "map_value_or_null" :
	       r->type == V_MEM ? "mem_or_null" : "or_null";
}

/* Bounds that say something, each once. */
static void format_number(char *buf, size_t size, const struct vreg *r)
{
	const struct bpf_range *w = &r->n.wide, *l = &r->n.low;
	size_t n = 0;

#define ADD(...)	(n += (size_t)snprintf(buf + min(n, size - 1), size - min(n, size - 1), \
					       __VA_ARGS__))
	buf[0] = 0;
	if (r->id)
		ADD("id=%d,", r->id);
	if (r->type != V_SCALAR && r->off)
		ADD("off=%d,", r->off);
	if (w->smin != INT64_MIN && (u64)w->smin != w->umin)
		ADD("smin=%lld,", (long long)w->smin);
	if (w->smax != INT64_MAX && (u64)w->smax != w->umax)
		ADD("smax=%lld,", (long long)w->smax);
	if (w->umin)
		ADD("umin=%llu,", (unsigned long long)w->umin);
	if (w->umax != ~0ull)
		ADD("umax=%llu,", (unsigned long long)w->umax);
	if (l->umax != ~0u && l->umax != w->umax)
		ADD("umax32=%u,", (u32)l->umax);
	if (w->bits.mask != ~0ull)
		ADD("var_off=(0x%llx; 0x%llx),", (unsigned long long)w->bits.value,
		    (unsigned long long)w->bits.mask);
	n = min(n, size - 1);
	if (n)
		buf[n - 1] = 0;	/* the last comma */
#undef ADD
}

void format_reg(char *buf, size_t size, const struct vreg *r)
{
	char inner[192];
	const char *name = type_name(r);

	if (is_const(r)) {
		i64 value = r->n.wide.smin;

		if (value == (i32)value)
			snprintf(buf, size, "%d", (i32)value);
		else
			snprintf(buf, size, "0x%llx", (unsigned long long)value);
	} else if (r->type == V_STACK && bpf_range_is_const(&r->n.wide)) {
		snprintf(buf, size, r->off ? "fp%+lld" : "fp%lld",
			 (long long)(r->off + r->n.wide.smin));
	} else if (r->type != V_SCALAR && bpf_range_is_const(&r->n.wide)) {
		if (is_packet(r))
			snprintf(buf, size, "%s(id=%d,off=%d,r=%d)", name, r->id, r->off, r->range);
		else if (r->type == V_VALUE)
			snprintf(buf, size, "%s(id=%d,off=%d,ks=%u,vs=%u)", name, r->id, r->off,
				 r->map->key_size, r->map->value_size);
		else
			snprintf(buf, size, "%s()", name);
	} else {
		format_number(inner, sizeof(inner), r);
		snprintf(buf, size, "%s(%s)", name, inner);
	}
}

static void print_slots(struct verifier *v, const struct vframe *f)
{
	char text[224];

	for (u32 s = 0; s < f->n_slots; s++) {
		const struct vslot *slot = &f->slots[s];
		bool any = false;

		for (u32 b = 0; b < 8; b++) {
			any |= slot->kind[b] != S_INVALID;
			text[b] = "?m0r"[slot->kind[b]];
		}
		text[8] = 0;
		if (!any)
			continue;
		if (slot->kind[0] == S_SPILL)
			format_reg(text, sizeof(text), &slot->reg);
		say(v, " fp-%d=%s", 8 * (s + 1), text);
	}
}

void print_state(struct verifier *v, const struct vstate *s)
{
	const struct vframe *f = s->frame[s->top];
	char text[224];

	if (s->top)
		say(v, "frame%d: ", s->top);
	for (u32 r = 0; r <= BPF_FP; r++) {
		if (f->r[r].type == V_NONE)
			continue;
		format_reg(text, sizeof(text), &f->r[r]);
		say(v, " R%d=%s", r, text);
	}
	print_slots(v, f);
	for (u32 k = 0; k < s->n_refs; k++)
		say(v, " refs=%d", s->refs[k].id);
	say(v, "\n");
}

/* Behind the instruction's text, what it gave. */
void print_written(struct verifier *v, u32 pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	int r = bpf_written(i);
	char text[224];

	if (r < 0 || reg(v, (u32)r)->type == V_NONE)
		return;
	bpf_log_reset(v->log, v->log->pos - 1);
	format_reg(text, sizeof(text), reg(v, (u32)r));
	say(v, " ; R%d=%s\n", r, text);
}
