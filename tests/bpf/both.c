/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_both [SECONDS [SEED]]: programs made of bytes (generate.c) that the verifier accepts, as it
 * rewrites them, with array lookups put in as bpf(2) does: the JIT's code, simplified or not, does what
 * the interpreter does. On arm64 or under qemu-aarch64.
 *
 * Each is interpreted several times with the same answers of helpers, but with memory and stack at other
 * addresses and other bytes on the stack: what differs is not asked of the JIT's code. Arrays of programs
 * have one that moves the packet and returns anything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <bpf/ctx.h>
#include <bpf/interp.h>
#include <bpf/verify.h>
#include "../host/bpf_maps.h"
#include "native.h"
#include "oracle.h"

enum { WORLD = 1 << 16, VALUES = 4, BUDGET = 200000, RUNS = 3 };

/* Everything that a program can reach but its stack. */
static struct world {
	u8 *base, *stack;
	u32 used;
	u64 state;		/* of the random numbers */
	u32 how;
	bool native;
	u8 *ctx, *packet, *inner, *values[M_MAX];
	u64 *object;
	u32 packet_size, helpers;
	u32 there, tail_calls;	/* a bit for each program in the array of programs; how often called */
	bool over;		/* the budget is used up */
	struct bpf_machine m;
} *now;

static u64 seed, state;
static u64 next(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

static u64 rnd(void)
{
	static const u64 ends[] = { 0, 1, 2, 7, 8, 15, 16, 39, 40, 41, 47, 48, 63, 64, 255, ~0ull,
				    1u << 31, ~0u, 1ull << 32, 1ull << 63 };
	u64 v = next(&now->state);

	if (v >> 60 < 8)
		return ends[(v >> 8) % ARRAY_SIZE(ends)];
	return v >> 60 < 11 ? (v >> 8) % 70 : v;
}

static void fill(void *p, size_t size)
{
	for (size_t k = 0; k < size; k += 8) {
		u64 v = rnd();

		memcpy((u8 *)p + k, &v, min(size - k, (size_t)8));
	}
}

static void *room(u32 size)
{
	u8 *p = now->base + now->used;

	now->used += (size + 15) & ~15u;
	if (now->used > WORLD) {	/* too many: the program is left out */
		now->over = true;
		now->used -= (size + 15) & ~15u;
		p = now->base;
	}
	fill(p, size);
	return p;
}

/* --- helpers ---------------------------------------------------------------------------------- */

static u64 call_back(u64 func, u64 a, u64 b, u64 c, u64 d)
{
	u64 r0 = 0, arg[5] = { a, b, c, d };

	if (now->native)
		return ((u64 (*)(u64, u64, u64, u64, u64))func)(a, b, c, d, 0);
	if (bpf_call_back(&now->m, func, arg, &r0))
		now->over = true;
	return now->over ? 1 : r0;
}

static u64 run_loop(const u64 *arg)
{
	u64 n = min(arg[0], rnd() % 5), k = 0;

	while (k < n && !call_back(arg[1], k, arg[2], 0, 0))
		k++;
	return k;
}

static u32 map_of(u64 object)
{
	for (u32 m = 1; m < M_MAX; m++)
		if (object == (u64)&test_maps[m])
			return m;
	return 0;
}

static u32 step(u32 m) { return (test_maps[m].value_size + 7) & ~7u; }

static u64 run_each(const u64 *arg)
{
	u32 m = map_of(arg[0]);
	u64 n = rnd() % 4, k = 0;
	u8 *key = room(test_maps[m].key_size);

	while (k < n && !call_back(arg[1], arg[0], (u64)key, (u64)(now->values[m] + k * step(m)), arg[2]))
		k++;
	return k;
}

static u64 lookup(const u64 *arg)
{
	u32 m = map_of(arg[0]);
	u64 key = 0;

	if (!m)
		return rnd() % 4 ? (u64)now->inner : 0;
	memcpy(&key, (void *)arg[1], min(test_maps[m].key_size, 8u));
	if (m == M_MAPS)
		return rnd() % 4 ? (u64)test_maps[m].inner : 0;
	if (test_maps[m].type == BPF_MAP_TYPE_ARRAY)
		return key < test_maps[m].max_entries ? (u64)now->values[m] + key * step(m) : 0;
	return rnd() % 4 ? (u64)(now->values[m] + key % VALUES * step(m)) : 0;
}

static void new_packet(void)
{
	struct bpf_xdp *x = (void *)now->ctx;

	now->packet_size = 8 + rnd() % 60;
	now->packet = room(now->packet_size);
	if (now->how % 4 != 1)
		return;
	x->data_meta = (u64)now->packet;
	x->data = (u64)now->packet + 8;
	x->data_end = (u64)now->packet + now->packet_size;
}

/* What the programs in the array of programs do: they may move the packet, and return anything. */
enum { OTHER = 0x20000, PROGS = 4 };
static struct { u32 size, pad; u64 entry[PROGS]; } progs = { .size = PROGS };

static u64 other(void)
{
	if (now->how % 4 != 2 && now->used < WORLD / 2)
		new_packet();
	return rnd();
}

static int tail(void *ctx, const u64 *arg, const struct bpf_insn **insns, u32 *n)
{
	static const struct bpf_insn p[] = { { .code = BPF_JMP | BPF_CALL, .imm = OTHER },
					     { .code = BPF_JMP | BPF_EXIT } };

	if ((u32)arg[2] >= PROGS || !(now->there >> (u32)arg[2] & 1) || now->tail_calls == BPF_TAIL_CALLS)
		return 0;
	now->tail_calls++;
	*insns = p;
	*n = ARRAY_SIZE(p);
	return 1;
}

static u64 answer(i32 id, const u64 *arg)
{
	now->helpers++;
	switch (id) {
	case OTHER:
		return other();
	case BPF_FUNC_map_lookup_elem:
		return lookup(arg);
	case BPF_FUNC_get_current_task_btf:
		return rnd() % 3 ? (u64)now->object : rnd();
	case BPF_FUNC_ringbuf_reserve:
		return rnd() % 4 && now->used < WORLD / 2 ? (u64)room((u32)arg[1]) : 0;
	case BPF_FUNC_loop:
		return run_loop(arg);
	case BPF_FUNC_for_each_map_elem:
		return run_each(arg);
	case BPF_FUNC_skb_load_bytes:
		fill((void *)arg[2], arg[3]);
		return 0;
	case BPF_FUNC_LOAD_8:
	case BPF_FUNC_LOAD_16:
	case BPF_FUNC_LOAD_32:
		return rnd() % 3 ? rnd() & ~0ull >> (64 - (8 << (id - BPF_FUNC_LOAD_8))) : -1ull;
	case BPF_FUNC_xdp_adjust_head:
	case BPF_FUNC_xdp_adjust_tail:
		if (now->used < WORLD / 2)
			new_packet();
		return rnd();
	default:
		return rnd();
	}
}

static int helper(void *ctx, const struct bpf_insn *i, const u64 *arg, u64 *r0)
{
	u64 a[5];

	memcpy(a, arg, sizeof(a));
	*r0 = answer(i->imm, a);
	return 0;
}

/* Leaves rubbish in every register that a call may change. */
static void spoil(void)
{
	asm volatile("mov x1, #-1; mov x2, x1; mov x3, x1; mov x4, x1; mov x5, x1; mov x6, x1\n\t"
		     "mov x7, x1; mov x8, x1; mov x9, x1; mov x10, x1; mov x11, x1; mov x12, x1\n\t"
		     "mov x13, x1; mov x14, x1; mov x15, x1; mov x16, x1; mov x17, x1" ::
		     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
		       "x13", "x14", "x15", "x16", "x17");
}

#define HELPERS(X) X(map_lookup_elem) X(map_update_elem) X(map_delete_elem) X(get_prandom_u32) \
	X(get_current_task_btf) X(ringbuf_reserve) X(ringbuf_submit) X(ringbuf_discard) X(spin_lock) \
	X(spin_unlock) X(loop) X(for_each_map_elem) X(skb_load_bytes) X(xdp_adjust_head) \
	X(xdp_adjust_tail) X(LOAD_8) X(LOAD_16) X(LOAD_32)
#define DEFINE(name) static u64 do_##name(u64 a, u64 b, u64 c, u64 d, u64 e) { \
	u64 arg[5] = { a, b, c, d, e }, r0 = answer(BPF_FUNC_##name, arg); spoil(); return r0; }
HELPERS(DEFINE)
static u64 do_other(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	u64 r0 = answer(OTHER, NULL);

	spoil();
	return r0;
}

static u64 address(void *ctx, const struct bpf_insn *call)
{
#define FIND(name) case BPF_FUNC_##name: return (u64)do_##name;
	switch (call->imm) {
	HELPERS(FIND)
	default:
		return call->imm == OTHER ? (u64)do_other : 0;
	}
}

/* --- worlds ----------------------------------------------------------------------------------- */

/* As kernel/bpf/map/map.c has it. */
static u32 inlined(void *ctx, const struct bpf_map_desc *d, const struct bpf_insn *call,
		   struct bpf_insn *p, u32 space)
{
	u32 n = 0;

	if (!d || !d->object || call->imm != BPF_FUNC_map_lookup_elem || d->type != BPF_MAP_TYPE_ARRAY)
		return 0;
	p[n++] = (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, 0, 2, 0, 0 };
	p[n++] = (struct bpf_insn){ BPF_JMP | BPF_JGE | BPF_K, 0, 0, 5, (i32)d->max_entries };
	p[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, (i32)step(map_of(d->object)) };
	p[n++] = (struct bpf_insn){ BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, (i32)d->values };
	p[n++] = (struct bpf_insn){ 0, 0, 0, 0, (i32)(d->values >> 32) };
	p[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0 };
	p[n++] = (struct bpf_insn){ BPF_JMP | BPF_JA, 0, 0, 1, 0 };
	p[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 };
	return n;
}

/* The maps' values are where the verifier puts addresses; the rest comes with `begin`. */
static void place_values(struct world *w)
{
	u32 at = 0;

	for (u32 m = 1; m < M_MAX; m++) {
		w->values[m] = w->base + at;
		at += (VALUES * step(m) + 15) & ~15u;
		if (test_maps[m].type == BPF_MAP_TYPE_ARRAY)
			test_maps[m].values = (u64)w->values[m];
	}
	w->used = at;
	((u64 *)w->values[M_CONST])[0] = 5;
	((u64 *)w->values[M_CONST])[1] = 0;
}

static void begin(struct world *w, u64 s, u32 ctx_size)
{
	now = w;
	w->state = s | 1;
	w->helpers = 0;
	w->over = false;
	w->tail_calls = 0;
	memset(w->base, 0, WORLD);
	place_values(w);
	for (u32 m = 1; m < M_MAX; m++)
		if (m != M_CONST)
			fill(w->values[m], VALUES * step(m));
	w->ctx = room(w->how % 4 == 0 ? sizeof(struct bpf_skb) : w->how % 4 == 1 ? sizeof(struct bpf_xdp) :
					  max(ctx_size, 8u));
	new_packet();
	w->inner = room(8);
	w->there = (u32)rnd();
	w->object = room(TEST_THING);
	w->object[1] = rnd() % 3 ? (u64)w->object : rnd();
	w->object[3] = rnd() % 3 ? (u64)w->object : rnd();
}

static u32 steps;
static int too_long(void *ctx) { return ++steps > 16 ? -EINTR : 0; }

/* What the first call leads to, if that is to be global: (number, 16 bytes, context). */
static void describe(const struct bpf_insn *p, u32 n, struct bpf_func_desc *d)
{
	u32 pc = 0;

	while (pc < n && !bpf_is_local_call(&p[pc]))
		pc += 1 + bpf_is_wide(&p[pc]);
	*d = (struct bpf_func_desc){ .insn = pc < n ? pc + 1 + (u32)p[pc].imm : 0, .global = true,
				     .n_args = 3, .arg = { { BPF_FARG_SCALAR, 0 }, { BPF_FARG_MEM, 16 },
							   { BPF_FARG_CTX, 0 } } };
}

static int verify(const struct bpf_insn *p, u32 n, u32 how, struct bpf_verified *out)
{
	static const u32 types[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP,
				     BPF_PROG_TYPE_SYSCALL };
	struct bpf_func_desc d;
	struct bpf_prog_load_in in = { .insns = p, .n = n, .ops = &test_ops, .gpl = true, .funcs = &d,
		.unprivileged = how & 4, .hides = how & ORACLE_HIDES, .prog_type = types[how % 4 % 3] };

	steps = 0;
	describe(p, n, &d);
	in.n_funcs = how & ORACLE_GLOBAL && d.insn;
	return bpf_verify(&in, out);
}

/* Loops with may_goto end after 8 Mi rounds, of which some will do. */
static void few_rounds(struct bpf_verified *out, u64 s)
{
	s |= 1;
	for (u32 k = 0; k < out->n; k++)
		if (out->insns[k].code == (BPF_ST | BPF_MEM | BPF_DW) && out->insns[k].imm == 8 << 20)
			out->insns[k].imm = (i32)(next(&s) % 20);
}

/* Another stack each time; now and then of zeros or ones, as code may well find it. */
static void dirty(u8 *stack)
{
	static u64 garbage = 77;
	static u32 times;
	u64 mask = (u64)(i64)(i8)next(&garbage);

	times++;
	for (u32 k = 0; k < BPF_FRAMES * BPF_STACK; k += 8)
		*(u64 *)(stack + k) = times / 2 % 8 == 0 ? 0 : times / 2 % 8 == 1 ? ~0ull :
				      next(&garbage) & (mask | mask << 8);
}

static bool interpret(struct world *w, const struct bpf_verified *out, u64 s, u64 *r0)
{
	struct bpf_region all = { (u64)w->base, WORLD, true };

	dirty(w->stack);
	begin(w, s, out->max_ctx_offset);
	w->m = (struct bpf_machine){ .insns = out->insns, .n = out->n, .stack = w->stack, .budget = BUDGET,
		.checked = true, .regions = &all, .n_regions = 1, .helper = helper, .tail = tail };
	return !bpf_interpret(&w->m, (u64)w->ctx, 0, r0) && !w->over;
}

static struct world one, two;
static u8 kept[WORLD], steady[WORLD];
static u64 programs, accepted, compared, left_out;

static u8 *map_at(u64 at, size_t size)
{
	u8 *p = mmap((void *)at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static const struct bpf_jit_tail tail_map = { .max_entries = -8, .direct = true };

/* The program that all slots have, if any. */
static void make_other(void)
{
	const struct bpf_insn p[] = { { .code = BPF_JMP | BPF_CALL, .imm = OTHER },
				      { .code = BPF_JMP | BPF_EXIT } };
	struct bpf_jit_opts opts = { .address = address };
	u8 *code = map_at(0x8000000, 4096);
	struct native n;

	if (native_make(&n, p, 2, &opts))
		abort();
	memcpy(code, n.image, n.jit.size);	/* leaves the place near helpers to others */
	__builtin___clear_cache((char *)code, (char *)code + n.jit.size);
	mprotect(code, 4096, PROT_READ | PROT_EXEC);
	progs.entry[0] = (u64)code + n.jit.tail_entry;
	native_free(&n);
}

static void fill_slots(void)
{
	static u64 entry;

	entry = entry ?: progs.entry[0];
	for (u32 k = 0; k < PROGS; k++)
		progs.entry[k] = now->there >> k & 1 ? entry : 0;
}

static bool native(const struct bpf_verified *out, u64 s, u32 variant, u64 want)
{
	struct bpf_jit_opts opts = { .lse = variant & 1, .blind = variant & 2, .near = true,
				     .blind_seed = 0x123456789ull, .address = address, .tail = &tail_map };
	struct native n;
	u64 got;
	bool same;
	int err;

	native_simplify = variant & 4;
	native_depth = out->depth;
	err = native_make(&n, out->insns, out->n, &opts);
	native_depth = NULL;
	if (err) {
		printf("# refused: %d\n", err);
		return false;
	}
	begin(&one, s, out->max_ctx_offset);
	one.native = true;
	fill_slots();
	got = native_run(&n, (u64)one.ctx, 0);
	one.native = false;
	native_free(&n);
	same = got == want;
	for (u32 k = 0; k < WORLD; k++)		/* what is the same wherever it is */
		same &= !steady[k] || kept[k] == one.base[k];
	if (!same) {
		printf("# seed %llu, variant %u: r0 %llx, interpreted %llx\n", (unsigned long long)seed,
		       variant, (unsigned long long)got, (unsigned long long)want);
		for (u32 k = 0; k < WORLD; k++)
			if (steady[k] && kept[k] != one.base[k]) {
				printf("# memory at 0x%x: %02x, interpreted %02x\n", k, one.base[k], kept[k]);
				break;
			}
		for (u32 pc = 0; pc < out->n; pc++)
			printf("# %u<%u: %02x %d %d %d %d\n", pc, out->origin[pc], out->insns[pc].code,
			       out->insns[pc].dst_reg, out->insns[pc].src_reg, out->insns[pc].off,
			       out->insns[pc].imm);
	}
	return same;
}

/* The same course whatever lies where, and whatever is on the stack at first? Then *r0, and in `kept` what
 * is in memory afterwards, with what is the same each time in `steady`. */
static bool settled(const struct bpf_verified *a, const struct bpf_verified *b, u64 s, u64 *r0)
{
	u64 other, first = 0;

	memset(steady, 1, WORLD);
	for (u32 k = 0; k < 8; k++) {
		if (!interpret(&two, b, s, &other) || !interpret(&one, a, s, r0) || *r0 != other ||
		    one.used != two.used || one.helpers != two.helpers || one.state != two.state)
			return false;
		if (!k)
			first = *r0, memcpy(kept, one.base, WORLD);
		if (first != *r0)
			return false;
		for (u32 at = 0; at < WORLD; at++)
			steady[at] &= one.base[at] == kept[at] && two.base[at] == kept[at];
	}
	return true;
}

static bool compare(const struct bpf_insn *p, u32 n, u32 how)
{
	struct bpf_verified a, b;
	bool same = true;

	programs++;
	one.how = two.how = how;
	now = &one;
	place_values(&two);
	if (verify(p, n, how, &b))
		return true;
	place_values(&one);
	if (verify(p, n, how, &a))
		abort();
	accepted++;
	few_rounds(&a, seed);
	few_rounds(&b, seed);
	for (u32 run = 0; run < RUNS && same; run++) {
		u64 s = seed * 31 + run * 0x9e3779b97f4a7c15ull, r0;

		if (!settled(&a, &b, s, &r0)) {
			left_out++;
			continue;
		}
		for (u32 variant = 0; variant < 8 && same; variant++)
			same = native(&a, s, variant, r0);
		compared++;
	}
	bpf_verified_free(&test_ops, &a);
	bpf_verified_free(&test_ops, &b);
	return same;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 2;
	u64 first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	static struct bpf_insn p[600];
	u8 data[512];
	bool same = true;
	time_t end;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_maps_init();
	test_maps[M_PROGS].object = (u64)progs.entry;
	make_other();
	test_ops.inlined = inlined;
	test_ops.interrupted = too_long;
	one.base = map_at(0x10000000, WORLD);
	two.base = map_at(0x2987410000, WORLD + 65536) + 0x6a30;
	one.stack = map_at(0x1f000000, BPF_FRAMES * BPF_STACK);
	two.stack = map_at(0x7e35a79000, BPF_FRAMES * BPF_STACK + 4096) + 0x5d0;
	end = time(NULL) + (time_t)seconds;
	for (seed = first; same && time(NULL) < end; seed++) {
		size_t size;
		u32 how, n;

		state = seed * 0x9e3779b97f4a7c15ull;
		next(&state);
		size = 20 + next(&state) % (next(&state) % 4 ? 120 : sizeof(data) - 20);
		for (size_t b = 0; b < size; b++)
			data[b] = (u8)(next(&state) >> 24);
		n = oracle_generate(data, size, p, 600, &how);
		same = compare(p, n, how);
	}
	printf("# seeds %llu to %llu: %llu programs, %llu accepted, %llu runs compared, %llu left out\n",
	       (unsigned long long)first, (unsigned long long)seed - 1, (unsigned long long)programs,
	       (unsigned long long)accepted, (unsigned long long)compared, (unsigned long long)left_out);
	printf("%s both.accepted_programs_as_interpreted\n", same ? "ok" : "not ok");
	return !same;
}
