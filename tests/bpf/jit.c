/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_jit [SECONDS [SEED]]: the JIT against the interpreter on arm64 (or under qemu-aarch64): first
 * what random programs do not reach (tail calls, faults), then random programs, each compiled in
 * all variants, with r0 and memory compared. Prints "ok NAME" or "not ok NAME" lines.
 *
 * A random program keeps to what both sides must agree on: r6 points into a buffer at a known
 * address, the stack is written before it is read, and no stack address ends up in a value.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/interp.h>
#include "helpers.h"
#include "native.h"

#define MAX	600
#define ARENA	(1 << 17)	/* r6 points to its middle: any 16-bit offset is inside */
#define NARROW	256		/* what most programs touch, on each side of the middle */

static u64 seed, state;
static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}
static u32 below(u32 n) { return (u32)(rnd() >> 20) % n; }

static struct bpf_insn prog[MAX];
static u32 len;
static _Alignas(64) u8 arena[ARENA], start_arena[ARENA], interp_arena[ARENA];
static _Alignas(16) u8 stack[BPF_FRAMES * BPF_STACK];
static bool wide_offsets;	/* this program uses all of the arena */
static u32 stack_bytes;		/* of the function being made */

static void put(u8 code, u32 dst, u32 src, int off, i32 imm)
{
	prog[len++] = (struct bpf_insn){ .code = code, .dst_reg = dst & 15, .src_reg = src & 15,
					 .off = (i16)off, .imm = imm };
}
static void put_wide(u32 dst, u64 v)
{
	put(BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (i32)v);
	put(0, 0, 0, 0, (i32)(v >> 32));
}
#define MOV_K	(BPF_ALU64 | BPF_MOV | BPF_K)
#define MOV_X	(BPF_ALU64 | BPF_MOV | BPF_X)
#define EXIT	(BPF_JMP | BPF_EXIT)
#define CALL	(BPF_JMP | BPF_CALL)

/* Numbers of the kinds that encoders treat differently. */
static u64 number(void)
{
	static const u64 special[] = {
		0,    1,	~0ull, 2,      0x7fffffff, 0x80000000, 0xffffffff,	   4095,
		4096, 0xfff000, 0xff,  0xffff, 1ull << 63, ~0ull >> 1, 0x5555555555555555, 63,
		32};
	u64 v = rnd();

	switch (below(6)) {
	case 0:
		return special[below(sizeof(special) / sizeof(*special))];
	case 1:
		return 1ull << (v & 63);
	case 2:
		return v & 0xfff;
	case 3:
		return -(v & 0xfff);
	case 4:
		return ~0ull >> (v & 63) << (v >> 8 & 31);
	default:
		return v;
	}
}

/* A register for values: r0..r5, r7, r8. */
static u32 value_reg(void)
{
	static const u8 regs[] = { 0, 1, 2, 3, 4, 5, 7, 8 };

	return regs[below(8)];
}

static void random_alu(void)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,  BPF_AND,	BPF_LSH,
				 BPF_RSH, BPF_NEG, BPF_MOD, BPF_XOR, BPF_MOV, BPF_ARSH, BPF_END};
	static const u8 sizes[] = { 16, 32, 64 }, extends[] = { 0, 8, 16, 32 };
	u8 op = ops[below(sizeof(ops))], class = below(2) ? BPF_ALU64 : BPF_ALU;
	bool by_reg = below(2);
	u32 dst = value_reg(), src = by_reg ? value_reg() : 0, off = 0;
	i32 imm = by_reg ? 0 : (i32)number();

	if (op == BPF_NEG || op == BPF_END) {
		imm = op == BPF_END ? sizes[below(3)] : 0;
		by_reg = op == BPF_END && class == BPF_ALU && by_reg;
		src = 0;
	} else if (op == BPF_DIV || op == BPF_MOD) {
		off = below(2);
	} else if (op == BPF_MOV && by_reg) {
		off = extends[below(class == BPF_ALU64 ? 4 : 3)];
	}
	put(class | op | (by_reg ? BPF_X : BPF_K), dst, src, (int)off, imm);
}

/* An offset from r6, or with *base = 10 from the stack, for so many bytes. */
static int place(u32 *base, u32 bytes)
{
	if (stack_bytes && below(3) == 0) {
		u32 slots = stack_bytes / bytes;

		*base = 10;
		return -(int)(bytes * (1 + below(slots))) ;
	}
	*base = 6;
	if (wide_offsets)
		return (i16)rnd() & ~(below(2) ? (int)bytes - 1 : 0);
	return ((int)below(2 * NARROW - 8) - NARROW) & ~(below(2) ? (int)bytes - 1 : 0);
}

static void random_memory(void)
{
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	u8 size = sizes[below(4)];
	u32 base, bytes = 1u << bpf_size_log(size);
	int off = place(&base, bytes);

	switch (below(5)) {
	case 0:
		put(BPF_ST | BPF_MEM | size, base, 0, off, (i32)number());
		break;
	case 1:
	case 2:
		put(BPF_STX | BPF_MEM | size, base, value_reg(), off, 0);
		break;
	case 3:
		if (size != BPF_DW) {
			put(BPF_LDX | (below(2) ? BPF_MEMSX : BPF_PROBE_SX) | size, value_reg(),
			    base, off, 0);
			break;
		}
		/* fall through */
	default:
		put(BPF_LDX | (below(4) ? BPF_MEM : BPF_PROBE) | size, value_reg(), base, off, 0);
	}
}

static void random_atomic(void)
{
	static const int ops[] = { BPF_ADD, BPF_OR, BPF_AND, BPF_XOR, BPF_XCHG, BPF_CMPXCHG,
		BPF_LOAD_ACQ, BPF_STORE_REL };
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	int op = ops[below(8)], off;
	u8 size = sizes[op >= BPF_LOAD_ACQ && op <= BPF_STORE_REL ? below(4) : 2 + below(2)];
	u32 base, src = value_reg(), bytes = 1u << bpf_size_log(size);

	off = place(&base, bytes) & ~((int)bytes - 1);
	if (op < BPF_XCHG && below(2))
		op |= BPF_FETCH;
	if (op == BPF_CMPXCHG && below(2))	/* let it succeed now and then */
		put(BPF_LDX | BPF_MEM | size, 0, base, off, 0);
	if (below(5) == 0) {	/* through another register, which may be source as well */
		put(MOV_X, 8, base, 0, 0);
		base = 8;
		src = src == 8 ? 7 : src;
	}
	if (op == BPF_LOAD_ACQ)
		put(BPF_STX | BPF_ATOMIC | size, src, base, off, op);
	else
		put(BPF_STX | BPF_ATOMIC | size, base, src, off, op);
	if (base == 8)
		put_wide(8, number());
}

/* A register with a stack address, used and forgotten. */
static void random_pointer(void)
{
	u32 reg = value_reg(), off;

	if (!stack_bytes)
		return;
	off = 8 * (1 + below(stack_bytes / 8));
	put(MOV_X, reg, 10, 0, 0);
	put(BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, -(i32)off);
	put(BPF_STX | BPF_MEM | BPF_DW, reg, reg == 7 ? 8 : 7, 0, 0);
	put(BPF_JMP | BPF_JNE | BPF_X, reg, 10, 0, 0);
	put(BPF_LDX | BPF_MEM | BPF_W, reg, reg, 4, 0);
}

static void random_branch(u32 left)
{
	static const u8 ops[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET, BPF_JNE, BPF_JSGT, BPF_JSGE,
		BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE };
	u8 class = below(2) ? BPF_JMP : BPF_JMP32, op = ops[below(sizeof(ops))];
	bool by_reg = below(2);

	/* The offset is put right when the function is complete: all instructions are there then.
	 */
	if (below(16) == 0)
		put(below(2) ? BPF_JMP | BPF_JA : BPF_JMP32 | BPF_JA, 0, 0, 0, 0);
	else
		put(class | op | (by_reg ? BPF_X : BPF_K), value_reg(), by_reg ? value_reg() : 0, 0,
		    by_reg ? 0 : (i32)number());
}

static void fresh(u32 first, u32 last)
{
	for (u32 r = first; r <= last; r++)
		if (r != 6 && r != 9)
			put_wide(r, number());
}

/* After it r1..r5 hold nothing that both sides agree on. */
static void random_call(u32 *calls, u32 functions, u32 me)
{
	if (me + 1 < functions && below(2)) {
		calls[me] = len;
		put(CALL, 0, BPF_PSEUDO_CALL, 0, (i32)(me + 1 + below(functions - me - 1)));
	} else {
		put(CALL, 0, 0, 0, below(3) ? 1 : 2);
	}
	fresh(1, 5);
}

/* Branches of [start, end) that lead nowhere yet get a target further on, outside of second halves
 * and of the few instructions that belong together: marked by bound[]. */
static void set_branches(u32 start, u32 end, const bool *bound)
{
	for (u32 pc = start; pc < end; pc++) {
		u32 to;

		if (!bpf_is_branch(&prog[pc]) || prog[pc].off || prog[pc].imm == -77 || bound[pc])
			continue;
		to = pc + 1 + below(end - pc - 1 < 12 ? end - pc - 1 : 12);
		while (to < end - 1 && bound[to])
			to++;
		if (prog[pc].code == (BPF_JMP32 | BPF_JA))
			prog[pc].imm = (i32)(to - pc - 1);
		else
			prog[pc].off = (i16)(to - pc - 1);
	}
}

static void random_function(u32 me, u32 functions, u32 *calls)
{
	static bool bound[MAX];
	u32 start = len, count = 1 + below(me ? 12 : 40), loop = 0;
	bool calling = below(2);

	stack_bytes = below(2) ? 8 * (1 + below(below(4) ? 4 : 64)) : 0;
	put_wide(6, (u64)arena + ARENA / 2);
	put(MOV_K, 9, 0, 0, (i32)(1 + below(5)));
	fresh(me ? 6 : 3, 8);
	put_wide(0, number());
	if (!me)
		fresh(1, 2);
	for (u32 s = 8; s <= stack_bytes; s += 8)
		put(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -(int)s, (i32)number());
	for (u32 k = start; k < len; k++)
		bound[k] = true;
	for (u32 k = 0; k < count; k++) {
		u32 at = len, kind = below(20);

		if (kind < 9)
			random_alu();
		else if (kind < 13)
			random_memory();
		else if (kind < 15)
			random_atomic();
		else if (kind < 16)
			random_pointer();
		else if (kind < 19)
			random_branch(count);
		else if (calling)
			random_call(calls, functions, me);
		for (u32 i = at; i < len; i++)
			bound[i] = i > at;	/* groups are entered at their first */
		if (!loop && kind == 12)
			loop = len;
	}
	if (loop && loop < len) {	/* back, as often as r9 says */
		bound[len] = false;
		put(BPF_ALU64 | BPF_SUB | BPF_K, 9, 0, 0, 1);
		bound[len] = true;
		put(BPF_JMP | BPF_JNE | BPF_K, 9, 0, (int)loop - (int)len - 1, 0);
	}
	bound[len] = false;
	if (below(8) == 0)
		put(EXIT, 0, 0, 0, 0);
	bound[len] = false;
	put(EXIT, 0, 0, 0, 0);
	set_branches(start, len, bound);
}

static void random_program(void)
{
	u32 functions = 1 + (below(3) ? 0 : below(4)), begin[8], calls[8];

	len = 0;
	wide_offsets = below(8) == 0;
	for (u32 f = 0; f < functions; f++) {
		begin[f] = len;
		random_function(f, functions, calls);
	}
	begin[functions] = len;
	for (u32 pc = 0; pc < len; pc++)
		if (prog[pc].code == CALL && prog[pc].src_reg == BPF_PSEUDO_CALL)
			prog[pc].imm = (i32)begin[prog[pc].imm] - (i32)pc - 1;
}

static void dump(const char *why, int variant, u64 jit, u64 interp)
{
	printf("# %s, variant %d: seed %llu: jit %llx, interpreter %llx; program:\n# ", why,
	       variant, (unsigned long long)seed, (unsigned long long)jit,
	       (unsigned long long)interp);
	for (u32 i = 0; i < len * 8; i++)
		printf("%02x", ((u8 *)prog)[i]);
	printf("\n");
}

static u8 *touched(u8 *a) { return wide_offsets ? a : a + ARENA / 2 - NARROW; }
static u32 touched_bytes(void) { return wide_offsets ? ARENA : 2 * NARROW; }

static u64 instructions, images, bytes;

static bool compare(void)
{
	struct bpf_region region = { (u64)arena, ARENA, true };
	struct bpf_machine m = { .insns = prog, .n = len, .stack = stack, .budget = 1000000,
		.checked = true, .regions = &region, .n_regions = 1, .helper = helper_call };
	u64 want = 0;
	int err;

	memcpy(touched(arena), touched(start_arena), touched_bytes());
	err = bpf_interpret(&m, 1, 2, &want);
	memcpy(touched(interp_arena), touched(arena), touched_bytes());
	if (err) {
		dump("the interpreter fails", err, 0, m.pc);
		return false;
	}
	for (int v = 0; v < 6; v++) {
		struct bpf_jit_opts opts = { .lse = v & 1, .blind = v & 2, .bti = below(2),
			.near = below(2), .blind_seed = rnd() | 1, .address = helper_address };
		struct native n;
		u64 got;

		native_simplify = v >= 4;
		err = native_make(&n, prog, len, &opts);
		native_simplify = false;
		if (err) {
			dump("refused", v, (u64)-err, 0);
			return false;
		}
		memcpy(touched(arena), touched(start_arena), touched_bytes());
		got = native_run(&n, 1, 2);
		if (v == 1) {
			instructions += len;
			bytes += n.jit.size;
		}
		images++;
		native_free(&n);
		if (got != want || memcmp(touched(arena), touched(interp_arena), touched_bytes())) {
			dump(got != want ? "r0 differs" : "memory differs", v, got, want);
			return false;
		}
	}
	return true;
}

static int failures;
static void result(const char *name, bool ok)
{
	printf("%s %s\n", ok ? "ok" : "not ok", name);
	fflush(stdout);
	failures += !ok;
}

/* --- what random programs do not reach --- */

struct next {
	u64 entry;
};
static struct {
	u32 size, pad;
	struct next *slot[4];
} tail_map = { .size = 4 };
static const struct bpf_jit_tail tail = { .max_entries = 0, .slots = 8 };
/* The same with addresses in place of pointers, and the size before what is pointed to. */
static struct {
	u32 size, pad;
	u64 entry[4];
} direct_map = { .size = 4 };
static const struct bpf_jit_tail direct = { .max_entries = -8, .direct = true };

/* counter[k]++, k in r7 on the way, without a register that a caller holds. */
static void count_at(u32 k)
{
	put_wide(5, (u64)arena + 8 * k);
	put(MOV_K, 4, 0, 0, 1);
	put(BPF_STX | BPF_ATOMIC | BPF_DW, 5, 4, 0, BPF_ADD);
}
static void tail_to(u32 slot, bool by_address)
{
	put_wide(2, by_address ? (u64)direct_map.entry : (u64)&tail_map);
	put(MOV_K, 3, 0, 0, (i32)slot);
	put(CALL, 0, 0, 0, BPF_TAIL_CALL);
}
static u64 counted(u32 k) { return ((u64 *)arena)[k]; }

/* Each program enters itself by slot 0, in four shapes of function: with and without calls, with
 * and without stack. r1 arrives unchanged every time. */
static bool tail_calls(void)
{
	bool ok = true;

	for (int shape = 0; shape < 16; shape++) {
		struct bpf_jit_opts opts = {.lse = shape & 4,
					    .bti = shape & 4,
					    .tail = shape & 8 ? &direct : &tail,
					    .address = helper_address};
		struct native n;
		struct next self;
		u64 r0;

		memset(arena, 0, 64);
		len = 0;
		put(MOV_X, 8, 1, 0, 0);
		if (shape & 1) {
			put(MOV_X, 6, 1, 0, 0);
			put(CALL, 0, 0, 0, 1);
			put(MOV_X, 1, 6, 0, 0);
		}
		if (shape & 2)
			put(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -400, 0);
		count_at(0);
		tail_to(0, shape & 8);
		put(MOV_X, 0, 8, 0, 0);
		put(EXIT, 0, 0, 0, 0);
		if (native_make(&n, prog, len, &opts))
			return false;
		self.entry = (u64)n.image + n.jit.tail_entry;
		tail_map.slot[0] = &self;
		direct_map.entry[0] = self.entry;
		r0 = native_run(&n, 0x1234, 0);
		ok &= counted(0) == BPF_TAIL_CALLS + 1 && r0 == 0x1234;
		tail_map.slot[0] = NULL;
		direct_map.entry[0] = 0;
		r0 = native_run(&n, 0x1234, 0);
		ok &= counted(0) == BPF_TAIL_CALLS + 2 && r0 == 0x1234;
		native_free(&n);
	}
	return ok;
}

/* Index beyond the map, then an empty slot, then one that leads to a program without tail calls,
 * whose exit returns to our caller. */
static bool tail_targets(void)
{
	struct bpf_jit_opts opts = { .tail = &tail, .address = helper_address }, plain = opts;
	struct native a, b;
	struct next to;
	bool ok;

	plain.tail = NULL;
	len = 0;
	put(MOV_X, 0, 1, 0, 0);
	put(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 5);
	put(EXIT, 0, 0, 0, 0);
	if (native_make(&b, prog, len, &plain))
		return false;
	memset(arena, 0, 64);
	len = 0;
	tail_to(4, false);
	count_at(0);
	tail_to(1, false);
	count_at(1);
	tail_to(2, false);
	count_at(2);
	put(EXIT, 0, 0, 0, 0);
	if (native_make(&a, prog, len, &opts))
		return false;
	to.entry = (u64)b.image + b.jit.tail_entry;
	tail_map.slot[2] = &to;
	ok = native_run(&a, 100, 0) == 105 && counted(0) == 1 && counted(1) == 1 && !counted(2);
	native_free(&a);
	native_free(&b);
	return ok;
}

/* main calls f twice; f enters main again by a tail call: the count is one for all, so it ends, and
 * each of f's tail calls returns to where f was called. */
static bool tail_from_function(void)
{
	struct bpf_jit_opts opts = { .tail = &tail, .address = helper_address };
	struct native n;
	struct next self;
	u64 r0;

	memset(arena, 0, 64);
	len = 0;
	count_at(0);
	put(MOV_X, 6, 1, 0, 0);
	put(CALL, 0, 0, 0, 1);
	put(MOV_X, 1, 6, 0, 0);
	put(CALL, 0, BPF_PSEUDO_CALL, 0, 4);	/* to f */
	put(MOV_X, 1, 6, 0, 0);
	put(CALL, 0, BPF_PSEUDO_CALL, 0, 2);
	put(MOV_X, 0, 6, 0, 0);
	put(EXIT, 0, 0, 0, 0);
	count_at(1);
	tail_to(0, false);
	put(MOV_K, 0, 0, 0, 7);
	put(EXIT, 0, 0, 0, 0);
	if (native_make(&n, prog, len, &opts))
		return false;
	self.entry = (u64)n.image + n.jit.tail_entry;
	tail_map.slot[0] = &self;
	r0 = native_run(&n, 77, 0);
	tail_map.slot[0] = NULL;
	native_free(&n);
	/* Every entry of main calls f twice; 33 of f's calls went on to main. */
	return r0 == 77 && counted(0) == BPF_TAIL_CALLS + 1 && counted(1) == 2 * counted(0);
}

/* What bpf(2) makes of a lookup in an array, with both comparisons behind it, found or not. */
static u64 lookup(u32 index, bool equal, bool simplified)
{
	static u64 values[8] = { 10, 11, 12, 13, 14, 15, 16, 17 };
	struct bpf_jit_opts opts = { .lse = true };
	struct native n;
	u64 r0;

	len = 0;
	put(BPF_STX | BPF_MEM | BPF_W, 10, 1, -4, 0);
	put(MOV_X, 2, 10, 0, 0);
	put(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4);
	put(BPF_LDX | BPF_MEM | BPF_W, 0, 2, 0, 0);
	put(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 5, 8);
	put(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 8);
	put_wide(1, (u64)values);
	put(BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0);
	put(BPF_JMP | BPF_JA, 0, 0, 1, 0);
	put(MOV_K, 0, 0, 0, 0);
	if (equal) {
		put(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0);
		put(BPF_LDX | BPF_MEM | BPF_DW, 0, 0, 0, 0);
		put(EXIT, 0, 0, 0, 0);
	} else {
		put(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
		put(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 99);
		put(EXIT, 0, 0, 0, 0);
		put(BPF_LDX | BPF_MEM | BPF_DW, 0, 0, 0, 0);
		put(EXIT, 0, 0, 0, 0);
	}
	if (equal) {
		put(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 99);
		put(EXIT, 0, 0, 0, 0);
	}
	native_simplify = simplified;
	if (native_make(&n, prog, len, &opts))
		return ~0ull;
	/* it has to become shorter */
	if (simplified && n.jit.n > len - 3)
		return ~1ull;
	native_simplify = false;
	r0 = native_run(&n, index, 0);
	native_free(&n);
	return r0;
}

static bool lookups(void)
{
	static const u32 indexes[] = { 0, 1, 7, 8, 9, 0x80000000, 0xffffffff };
	bool ok = true;

	for (u32 i = 0; i < 7; i++)
		for (u32 v = 0; v < 4; v++)
			ok &= lookup(indexes[i], v & 1, v & 2) ==
			      (indexes[i] < 8 ? 10 + indexes[i] : 99);
	return ok;
}

/* Probe reads of bad addresses give 0, and the rest goes on. */
static bool probe_reads(void)
{
	static const u8 codes[] = { BPF_PROBE | BPF_B, BPF_PROBE | BPF_DW, BPF_PROBE_SX | BPF_H };
	bool ok = true;

	for (u32 c = 0; c < 3; c++)
		for (int off = -8; off <= 32000; off += 16004) {
			struct bpf_jit_opts opts = { .lse = true };
			struct native n;

			len = 0;
			put(MOV_K, 6, 0, 0, 16);
			put_wide(0, ~0ull);
			put_wide(7, (u64)arena);
			put(BPF_LDX | codes[c], 0, 6, off, 0);
			put(BPF_LDX | BPF_PROBE | BPF_W, 8, 7, 0, 0);
			put(BPF_ALU64 | BPF_ADD | BPF_X, 0, 8, 0, 0);
			put(EXIT, 0, 0, 0, 0);
			*(u32 *)arena = 41;
			if (native_make(&n, prog, len, &opts))
				return false;
			ok &= n.jit.n_fixups == 2 && native_run(&n, 0, 0) == 41;
			native_free(&n);
		}
	return ok;
}

/* No 16 bits of a constant are in a blinded image (as an instruction has them), and the other
 * image has them. */
static bool in_image(const struct native *n, u64 v)
{
	u32 found = 0;

	for (u32 w = 0; w < n->jit.size / 4; w++)
		for (u32 s = 0; s < 64; s += 16)
			found |=
				(n->image[w] >> 5 & 0xffff) == (v >> s & 0xffff) ? 1u << s / 16 : 0;
	return found == 15;
}
static bool blinding(void)
{
	const u64 secret = 0x1ace2bad3fed4cabull;
	bool ok = true;

	len = 0;
	put_wide(0, secret);
	put(EXIT, 0, 0, 0, 0);
	for (int blind = 0; blind < 2; blind++) {
		struct bpf_jit_opts opts = { .blind = blind, .blind_seed = 0x123456789abcdefull };
		struct native n;

		if (native_make(&n, prog, len, &opts))
			return false;
		ok &= in_image(&n, secret) == !blind && native_run(&n, 0, 0) == secret;
		native_free(&n);
	}
	return ok;
}

/* A helper calls a function of the program back; its address by ADR, and in an image of more than
 * 1 MiB by moves. */
static bool callbacks(void)
{
	static struct bpf_insn large[300000];
	struct bpf_jit_opts opts = { .address = helper_address, .bti = true };
	struct native n;
	bool ok;
	u32 far;

	len = 0;
	put(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_FUNC, 0, 5);
	put(0, 0, 0, 0, 0);
	put(MOV_K, 2, 0, 0, 20);
	put(MOV_K, 3, 0, 0, 3);
	put(CALL, 0, 0, 0, 3);
	put(EXIT, 0, 0, 0, 0);
	put(MOV_X, 0, 1, 0, 0);
	put(BPF_ALU64 | BPF_SUB | BPF_X, 0, 2, 0, 0);
	put(EXIT, 0, 0, 0, 0);
	if (native_make(&n, prog, len, &opts))
		return false;
	ok = native_run(&n, 0, 0) == 18;
	native_free(&n);
	far = sizeof(large) / sizeof(*large) - 3;
	memcpy(large, prog, 6 * sizeof(*prog));
	large[0].imm = (i32)far - 1;
	for (u32 k = 6; k < far; k++)
		large[k] = prog[6];
	large[far - 1] = prog[5];
	memcpy(large + far, prog + 6, 3 * sizeof(*prog));
	if (native_make(&n, large, far + 3, &opts))
		return false;
	ok &= n.jit.size > 1 << 20 && native_run(&n, 0, 0) == 18;
	native_free(&n);
	return ok;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 2;
	u64 first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, count = 0;
	struct timespec begin, t;
	bool same = true;

	result("jit.tail_calls", tail_calls());
	result("jit.tail_targets", tail_targets());
	result("jit.tail_from_function", tail_from_function());
	result("jit.lookups", lookups());
	result("jit.probe_reads", probe_reads());
	result("jit.callbacks", callbacks());
	result("jit.blinding", blinding());
	state = 0x2545f4914f6cdd1dull;
	for (u32 i = 0; i < ARENA; i += 8)
		*(u64 *)(start_arena + i) = rnd();
	memcpy(arena, start_arena, ARENA);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (seed = first; same; seed++) {
		state = seed * 0x9e3779b97f4a7c15ull | 1;
		random_program();
		same = compare();
		count++;
		clock_gettime(CLOCK_MONOTONIC, &t);
		if ((double)(t.tv_sec - begin.tv_sec) + 1e-9 * (double)(t.tv_nsec - begin.tv_nsec) >
		    seconds)
			break;
	}
	printf("# seeds %llu to %llu: %llu images; %.2f bytes an instruction\n",
	       (unsigned long long)first, (unsigned long long)(first + count - 1),
	       (unsigned long long)images,
	       (double)bytes / (double)(instructions ? instructions : 1));
	result("jit.random_programs_as_interpreted", same);
	return failures != 0;
}
