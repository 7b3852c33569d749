/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user space is told of a loaded program: its instructions, its functions, and which line of
 * source each instruction is from.
 */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/string.h>
#include "prog_internal.h"

/* The first instruction that came from `insn` or from one behind it. */
static u32 now_at(const struct bpf_verified *v, u32 insn)
{
	u32 lo = 0, hi = v->n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (v->origin[mid] < insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

u32 bpf_move_records(void *records, u32 n, u32 size, const struct bpf_verified *v)
{
	char *from = records, *to = records;

	for (u32 i = 0; i < n; i++, from += size) {
		u32 at = now_at(v, *(u32 *)from);
		u32 end = i + 1 < n ? now_at(v, *(u32 *)(from + size)) : v->n;

		if (at >= end)
			continue;
		memmove(to, from, size);
		*(u32 *)to = at;
		to += size;
	}
	return (u32)((to - (char *)records) / size);
}

/* The number of the function that begins at an instruction. */
static u32 func_number(const struct bpf_prog *p, u32 start)
{
	u32 lo = 0, hi = p->n_funcs;

	while (lo + 1 < hi) {
		u32 mid = (lo + hi) / 2;

		if (p->funcs[mid].insn > start)
			hi = mid;
		else
			lo = mid;
	}
	return lo;
}

static void show_address(const struct bpf_prog *p, struct bpf_insn *i)
{
	u64 v = bpf_wide_imm(i);

	for (u32 k = 0; k < p->n_maps; k++) {
		const struct bpf_map_desc *d = &p->maps[k]->desc;

		if (v == d->object) {
			i[0].src_reg = BPF_PSEUDO_MAP_FD;
			i[1].imm = 0;
		} else if (d->values && v - d->values < (u64)d->value_size * d->max_entries) {
			i[0].src_reg = BPF_PSEUDO_MAP_VALUE;
			i[1].imm = (i32)(v - d->values);
		} else {
			continue;
		}
		i[0].imm = (i32)p->maps[k]->id;
		return;
	}
}

/* A load that may fault, as the program has it. */
static u8 as_given(u8 code)
{
	u8 mode = BPF_MODE(code) == BPF_PROBE_SX ? BPF_MEMSX : BPF_MEM;

	return (u8)(BPF_LDX | BPF_SIZE(code) | mode);
}

/* Calls as Linux shows them: how far in off, which function in imm; helpers by their numbers. */
static void show_call(const struct bpf_prog *p, struct bpf_insn *i, u32 pc)
{
	if (bpf_is_local_call(i)) {
		i->off = (i16)i->imm;
		i->imm = (i32)func_number(p, pc + 1 + (u32)p->insns[pc].imm);
	} else if (!i->src_reg && (u32)i->imm >= BPF_FUNC_MAP) {
		i->imm = BPF_FUNC_map_lookup_elem;
	}
}

void bpf_prog_show(struct bpf_prog *p, struct bpf_insn *out)
{
	memcpy(out, p->insns, p->n * sizeof(*out));
	mutex_lock(&p->control);
	for (u32 i = 0; i < p->n; i++) {
		if (out[i].code == (BPF_JMP | BPF_CALL)) {
			show_call(p, &out[i], i);
		} else if (BPF_CLASS(out[i].code) == BPF_LDX && BPF_MODE(out[i].code) != BPF_MEM &&
			   BPF_MODE(out[i].code) != BPF_MEMSX) {
			out[i].code = as_given(out[i].code);
		} else if (bpf_is_wide(&out[i])) {
			if (out[i].src_reg == BPF_PSEUDO_FUNC)
				out[i + 1].imm = (i32)func_number(p, i + 1 + (u32)out[i].imm);
			else if (!out[i].src_reg)
				show_address(p, &out[i]);
			i++;
		}
	}
	mutex_unlock(&p->control);
}

int bpf_prog_note_funcs(struct bpf_prog *p, const struct bpf_verified *v)
{
	u32 n = 0;

	for (u32 i = 0; i < v->n; i++)
		n += (v->mark[i] & BPF_MARK_FUNC) != 0;
	p->n_funcs = n;
	if (n == 1)
		return 0;
	p->funcs = kmalloc(n * sizeof(*p->funcs));
	if (!p->funcs)
		return -ENOMEM;
	n = 0;
	for (u32 i = 0; i < v->n; i++)
		if (v->mark[i] & BPF_MARK_FUNC)
			p->funcs[n++].insn = i;
	return 0;
}

void bpf_prog_place_funcs(struct bpf_prog *p, const struct bpf_jit *jit)
{
	u32 n = 0;

	for (u32 i = 0; p->funcs && i < jit->n; i++)
		if (jit->mark[i] & BPF_MARK_FUNC)
			p->funcs[n++].at = jit->place[i].entry;
}

void bpf_prog_func_code(const struct bpf_prog *p, u32 k, u64 *start, u32 *size)
{
	u32 at = p->funcs ? p->funcs[k].at : 0;
	u32 end = k + 1 < p->n_funcs ? p->funcs[k + 1].at : p->image.size;

	*start = text_image_code(&p->image) + at;
	*size = end - at;
}
