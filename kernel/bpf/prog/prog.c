/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading: what the verifier gives, compiled into executable memory. */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/init.h>
#include <base/string.h>
#include <bpf/jit.h>
#include <bpf/simplify.h>
#include <hal/cpu.h>
#include <hal/exec.h>
#include <lib/format.h>
#include <lib/sha256.h>
#include <mm/page.h>
#include "prog_internal.h"

#define HWCAP_ATOMICS_BIT 8	/* asm/hwcap.h */

u32 bpf_jit_harden;

/* --- names ------------------------------------------------------------------------------------ */

static void symbol(const struct text_image *im, char *buf, size_t n)
{
	const struct bpf_prog *p = container_of(im, struct bpf_prog, image);
	const u8 *t = p->tag;

	snprintf(buf, n, "bpf_prog_%02x%02x%02x%02x%02x%02x%02x%02x%s%s", t[0], t[1], t[2], t[3],
		 t[4], t[5], t[6], t[7], p->name[0] ? "_" : "", p->name);
}

static bool load_faulted(const struct text_image *im, u32 at, u32 *resume, u32 *reg)
{
	const struct bpf_prog *p = container_of(im, struct bpf_prog, image);
	u32 lo = 0, hi = p->n_fixups;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (p->fixups[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == p->n_fixups || p->fixups[lo].at != at)
		return false;
	*resume = p->fixups[lo].resume;
	*reg = p->fixups[lo].reg;
	return true;
}

struct text_tenant bpf_tenant = {
	.name = "bpf", .symbol = symbol, .fault = load_faulted, .limit = (EXEC_END - EXEC_BASE) / 2 };

/* Memory while a program is being made; with many instructions, more than kmalloc has in one piece. */
static void *work_alloc(size_t size)
{
	return size > 64 * KIB ? bpf_area_alloc(size, true) : kmalloc(size);
}

static void work_free(void *p)
{
	if ((u64)p - VMALLOC_BASE < VMALLOC_END - VMALLOC_BASE)
		vfree(p);
	else
		kfree(p);
}

/* Of the instructions as given, without what names maps (libbpf's documentation of prog_tag). */
static int make_tag(const struct bpf_prog_load_in *in, u8 *tag)
{
	size_t size = in->n * sizeof(struct bpf_insn);
	struct bpf_insn *copy = work_alloc(size);
	u8 hash[32];

	if (!copy)
		return -ENOMEM;
	memcpy(copy, in->insns, size);
	for (u32 i = 0; i + 1 < in->n; i++)
		if (bpf_is_wide(&copy[i]) && (copy[i].src_reg == BPF_PSEUDO_MAP_FD ||
					      copy[i].src_reg == BPF_PSEUDO_MAP_VALUE ||
					      copy[i].src_reg == BPF_PSEUDO_MAP_IDX ||
					      copy[i].src_reg == BPF_PSEUDO_MAP_IDX_VALUE))
			copy[i].imm = copy[i + 1].imm = 0;
	sha256(copy, size, hash);
	memcpy(tag, hash, BPF_TAG_SIZE);
	work_free(copy);
	return 0;
}

/* --- what the verifier asks ------------------------------------------------------------------- */

struct loading {
	const struct bpf_prog_request *r;
	struct bpf_prog *prog;	/* will be filled when the program is accepted */
	u32 n;
	struct bpf_map *maps[BPF_VERIFY_MAPS];
};

static void *verify_alloc(void *ctx, size_t size) { return work_alloc(size); }
static void verify_free(void *ctx, void *p) { work_free(p); }

static int verify_map(void *ctx, bool by_index, u32 fd, const struct bpf_map_desc **d)
{
	struct loading *l = ctx;
	struct bpf_map *m = l->r->map(l->r->ctx, by_index, fd);

	if (IS_ERR(m))
		return (int)PTR_ERR(m);
	*d = &m->desc;
	for (u32 i = 0; i < l->n; i++)
		if (l->maps[i] == m) {
			bpf_map_put(m);
			return 0;
		}
	if (l->n == BPF_VERIFY_MAPS) {
		bpf_map_put(m);
		return -E2BIG;
	}
	l->maps[l->n++] = m;
	return 0;
}

static bool verify_helper(void *ctx, u32 id)
{
	const struct loading *l = ctx;

	return bpf_helper_exists(l->r->in.prog_type, id);
}

static u32 verify_inlined(void *ctx, const struct bpf_map_desc *d, const struct bpf_insn *call,
			  struct bpf_insn *buf, u32 room)
{
	const struct loading *l = ctx;
	u64 prog = (u64)l->prog;

	if (call->imm == BPF_FUNC_timer_set_callback) {	/* it keeps the program */
		buf[0] = (struct bpf_insn){ BPF_LD | BPF_IMM | BPF_DW, 3, 0, 0, (i32)prog };
		buf[1] = (struct bpf_insn){ 0, 0, 0, 0, (i32)(prog >> 32) };
		buf[2] = *call;
		return 3;
	}
	/* the description of an inner map is no map */
	if (!d || !d->object)
		return 0;
	return bpf_map_inlined(container_of(d, struct bpf_map, desc), call, buf, room);
}

static bool verify_source(void *ctx, u32 insn, struct bpf_source *s)
{
	const struct loading *l = ctx;

	return l->r->source(l->r->ctx, insn, s);
}

static const struct bpf_kernel_types *verify_types(void *ctx)
{
	const struct loading *l = ctx;

	return l->r->types ? l->r->types() : NULL;
}

static int verify_interrupted(void *ctx)
{
	cond_resched();
	return sleep_interrupted(SLEEP_INTERRUPTIBLE) ? -EAGAIN : 0;
}

/* --- code ------------------------------------------------------------------------------------- */

static u64 address_of(void *ctx, const struct bpf_insn *call)
{
	u32 id = (u32)call->imm;

	if (call->src_reg)
		return 0;
	return id >= BPF_FUNC_MAP ? bpf_map_function(id) : bpf_helper_address(id);
}

static const struct bpf_jit_tail tail = { .max_entries = BPF_PROG_ARRAY_ENTRIES, .direct = true };

static int emit(struct bpf_prog *p, struct bpf_jit *jit, struct bpf_jit_opts *opts, bool unlimited)
{
	u32 *code = work_alloc(jit->size);
	int err;

	if (!code)
		return -ENOMEM;
	err = text_image_alloc(&p->image, &bpf_tenant, jit->size, (u32)bpf_map_secret(), unlimited);
	if (err)
		goto out;
	opts->base = text_image_code(&p->image);
	err = bpf_jit_emit(jit, code, p->fixups);
	if (err) {
		text_image_free(&p->image);
		goto out;
	}
	p->run = (u64 (*)(void *, u64))(void *)opts->base;
	p->entry = opts->base + jit->tail_entry;
	text_image_fill(&p->image, code);
out:
	work_free(code);
	return err;
}

/* Maps are why there is something to be simplified: other programs are left alone. */
static int simplify(struct bpf_verified *v, u32 n_maps)
{
	struct bpf_simplify_work *work;

	if (!n_maps)
		return 0;
	work = work_alloc((v->n + 1) * sizeof(*work));
	if (!work)
		return -ENOMEM;
	v->n = bpf_simplify(v->insns, v->n, v->mark, work);
	work_free(work);
	return 0;
}

static int compile(struct bpf_prog *p, const struct bpf_verified *v,
		   const struct bpf_prog_request *r)
{
	u32 harden = READ_ONCE(bpf_jit_harden);
	struct bpf_jit_opts opts = {
		.base = EXEC_BASE,
		.lse = arch_hwcap() & BIT(HWCAP_ATOMICS_BIT),
		.near = true,
		.blind = harden > 1 || (harden && r->in.unprivileged),
		.blind_seed = bpf_map_secret() | 1,
		.tail = &tail,
		.address = address_of,
	};
	struct bpf_jit jit = { .insns = v->insns, .n = v->n, .mark = v->mark, .depth = v->depth,
			       .opts = &opts };
	int err;

	jit.place = work_alloc((v->n + 1) * sizeof(*jit.place));
	if (!jit.place)
		return -ENOMEM;
	err = bpf_jit_layout(&jit);
	if (!err && jit.n_fixups) {
		p->n_fixups = jit.n_fixups;
		p->fixups = kmalloc(jit.n_fixups * sizeof(*p->fixups));
		err = p->fixups ? 0 : -ENOMEM;
	}
	if (!err)
		err = emit(p, &jit, &opts, r->unlimited);
	if (!err)
		bpf_prog_place_funcs(p, &jit);
	work_free(jit.place);
	return err;
}

/* --- life ------------------------------------------------------------------------------------- */

static void free_parts(struct bpf_prog *p)
{
	for (u32 i = 0; i < p->n_maps; i++)
		bpf_map_put(p->maps[i]);
	kfree(p->maps);
	kfree(p->insns);
	kfree(p->funcs);
	kfree(p->fixups);
	kfree(p->func_info);
	kfree(p->line_info);
	kfree(p);
}

static void prog_retired(struct text_retired *r)
{
	struct bpf_prog *p = container_of(r, struct bpf_prog, retired);

	text_image_free(&p->image);
	free_parts(p);
}

void bpf_prog_put(struct bpf_prog *p)
{
	if (!ref_put(&p->ref))
		return;
	if (p->gone)
		p->gone(p);
	text_image_hide(&p->image);
	text_retire(&p->retired, prog_retired);
}

/* 0 or -ENOMEM. */
static int fill_prog(const struct loading *l, const struct bpf_verified *v)
{
	const struct bpf_prog_request *r = l->r;
	struct bpf_prog *p = l->prog;

	ref_init(&p->ref);
	mutex_init(&p->control);
	p->type = r->in.prog_type;
	p->flags = r->in.prog_flags;
	p->n = v->n;
	p->verified_insns = v->processed;
	p->max_ctx_offset = v->max_ctx_offset;
	p->gpl = r->in.gpl;
	p->loaded_at = clock_ns();
	memcpy(p->name, r->name, sizeof(p->name));
	p->insns = kmemdup(v->insns, v->n * sizeof(*v->insns));
	p->maps = l->n ? kmemdup(l->maps, l->n * sizeof(*l->maps)) : NULL;
	return p->insns && (p->maps || !l->n) ? bpf_prog_note_funcs(p, v) : -ENOMEM;
}

static int make_prog(const struct loading *l, struct bpf_verified *v)
{
	int err = fill_prog(l, v);

	if (err)
		return err;
	if (l->r->verified)
		l->r->verified(l->r->ctx, v);
	err = make_tag(&l->r->in, l->prog->tag);
	if (!err)
		err = simplify(v, l->n);
	if (!err)
		err = compile(l->prog, v, l->r);
	if (!err)
		l->prog->n_maps = l->n;	/* from here on they are the program's */
	return err;
}

struct bpf_prog *bpf_prog_new(const struct bpf_prog_request *r)
{
	struct loading *l = kzalloc(sizeof(*l));
	const struct bpf_verify_ops ops = {
		.alloc = verify_alloc,
		.free = verify_free,
		.map = verify_map,
		.helper = verify_helper,
		.inlined = verify_inlined,
		.types = verify_types,
		.source = r->source ? verify_source : NULL,
		.interrupted = verify_interrupted,
		.ctx = l,
	};
	struct bpf_prog_load_in in = r->in;
	struct bpf_prog *p = kzalloc(sizeof(*p));
	struct bpf_verified v;
	int err = -ENOMEM;

	if (!l || !p)
		goto out;
	l->r = r;
	l->prog = p;
	in.ops = &ops;
	err = bpf_verify(&in, &v);
	if (err)
		goto out;
	err = make_prog(l, &v);
	bpf_verified_free(&ops, &v);
out:
	for (u32 i = 0; err && l && i < l->n; i++)
		bpf_map_put(l->maps[i]);
	if (err && p)
		free_parts(p);
	kfree(l);
	return err ? ERR_PTR(err) : p;
}

u64 bpf_prog_bytes(const struct bpf_prog *p)
{
	return sizeof(*p) + p->n * sizeof(*p->insns) + p->n_maps * sizeof(*p->maps) +
	       (p->funcs ? p->n_funcs * sizeof(*p->funcs) : 0) + p->n_fixups * sizeof(*p->fixups);
}

int bpf_prog_bind(struct bpf_prog *p, struct bpf_map *m)
{
	struct bpf_map **maps = NULL;
	bool there = false;

	mutex_lock(&p->control);
	for (u32 i = 0; i < p->n_maps; i++)
		there |= p->maps[i] == m;
	if (!there)
		maps = kmalloc((p->n_maps + 1) * sizeof(*maps));
	if (maps) {
		memcpy(maps, p->maps, p->n_maps * sizeof(*maps));
		maps[p->n_maps++] = m;
		kfree(p->maps);
		p->maps = maps;
	}
	mutex_unlock(&p->control);
	if (!maps)
		bpf_map_put(m);
	return there || maps ? 0 : -ENOMEM;
}

static int prog_start(void)
{
	text_tenant_register(&bpf_tenant);
	sha256_engine = arch_sha256;
	return 0;
}
INITCALL(subsys, prog_start);
