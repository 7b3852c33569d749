/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes to programs: items that often belong together (a check and the access it is for), so that
 * enough is accepted, with parameters that are often off by one, so that rules are met at their
 * ends.
 */
#include <string.h>
#include "../host/bpf_maps.h"
#include "oracle.h"

enum { ITEMS = 400 };

struct gen {
	const u8 *data, *end;
	struct bpf_insn *p;
	u32 n, room;
	u32 how;
	u32 depth;			/* of loops */
	u32 ready;			/* registers that hold numbers, as far as is known */
	bool value;			/* r7 points to a map's value */
	bool context;			/* r6 is the context */
	bool slot;			/* r7 points to a slot that may hold a pointer */
	u32 n_jumps, jump[64];		/* branches that skip items, */
	u32 skip[64];			/* so many more */
	u32 n_calls, call[32];		/* calls and addresses of functions, */
	u8 callee[32];			/* which */
	bool need[4];			/* functions that are called */
};
enum { F_PLAIN, F_LOOP, F_EACH, F_MAIN };

static u8 take(struct gen *g) { return g->data < g->end ? *g->data++ : 0; }
static u32 upto(struct gen *g, u32 n) { return take(g) % n; }
static bool room(const struct gen *g, u32 n) { return g->n + n + 64 < g->room; }

static void put(struct gen *g, u8 code, u8 dst, u8 src, i32 off, i64 imm)
{
	if (g->n < g->room)
		g->p[g->n++] = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src,
						  .off = (i16)off, .imm = (i32)imm };
}
static void mov(struct gen *g, u8 dst, u8 src) { put(g, 0xbf, dst, src, 0, 0); }
static void movi(struct gen *g, u8 dst, i64 v) { put(g, 0xb7, dst, 0, 0, v); }
static void addi(struct gen *g, u8 dst, i64 v) { put(g, 0x07, dst, 0, 0, v); }
static void wide(struct gen *g, u8 dst, u8 src, u64 v)
{
	put(g, 0x18, dst, src, 0, (i32)v);
	put(g, 0, 0, 0, 0, (i32)(v >> 32));
}
static void call(struct gen *g, i32 id)
{
	put(g, 0x85, 0, 0, 0, id);
	g->ready = (g->ready & ~0x3fu) | 1;
}

static u8 number(struct gen *g)
{
	u8 r = take(g) % 10;

	for (u32 k = 0; k < 10; k++, r = (u8)((r + 1) % 10))
		if (g->ready & 1u << r)
			return r;
	return 0;
}
static u8 target(struct gen *g)	/* a register for a number */
{
	static const u8 regs[] = { 0, 1, 2, 3, 4, 5, 8, 9 };
	u8 r = regs[upto(g, 8)];

	g->ready |= 1u << r;
	return r;
}

static i32 constant(struct gen *g)
{
	static const i32 ends[] = {0,	1,    2,     3,	 7,  8,	 15,  16,  31,	      32,
				   39,	40,   41,    47, 48, 49, 56,  63,  64,	      255,
				   256, 4095, 65535, -1, -2, -8, -16, -32, INT32_MIN, INT32_MAX};
	u8 b = take(g);

	return b < 200 ? ends[b % (sizeof(ends) / sizeof(*ends))]
		       : (i32)(take(g) | take(g) << 8) - 0x8000;
}

static void alu(struct gen *g)
{
	static const u8 ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH,
				  BPF_RSH, BPF_MOD, BPF_XOR, BPF_ARSH, BPF_MOV, BPF_NEG, BPF_END };
	u8 op = ops[upto(g, 14)], b = take(g), class = b & 1 ? BPF_ALU : BPF_ALU64;
	u8 src = number(g), dst = number(g);
	i32 imm = constant(g);

	if (op == BPF_NEG) {
		put(g, class | op, dst, 0, 0, 0);
	} else if (op == BPF_END) {
		put(g, class | op | (class == BPF_ALU ? b & BPF_X : 0), dst, 0, 0, 16 << b % 3);
	} else if (b & BPF_X) {
		if (op == BPF_MOV)
			dst = target(g);
		put(g, class | op | BPF_X, dst, src,
		    op == BPF_MOV && b & 2 ? (b & 4 ? 8 : b & 16 && class == BPF_ALU64 ? 32 : 16) :
		    (op == BPF_DIV || op == BPF_MOD) && b & 2, 0);
	} else {
		if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
			imm &= class == BPF_ALU ? 31 : 63;
		if ((op == BPF_DIV || op == BPF_MOD) && !imm)
			imm = 3;
		if (op == BPF_MOV)
			dst = target(g);
		put(g, class | op, dst, 0, (op == BPF_DIV || op == BPF_MOD) && b & 2, imm);
	}
}

/* A branch over the next few items. */
static void skip_from(struct gen *g, u32 at, u32 items)
{
	if (g->n_jumps >= 64)
		return;
	g->jump[g->n_jumps] = at;
	g->skip[g->n_jumps++] = items + 1;
}

static void branch(struct gen *g)
{
	static const u8 ops[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT,
				  BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET };
	u8 op = ops[upto(g, 11)], b = take(g), class = b & 1 ? BPF_JMP32 : BPF_JMP;

	skip_from(g, g->n, upto(g, 4) + 1);
	if (b & 2)
		put(g, class | op | BPF_X, number(g), number(g), 0, 0);
	else
		put(g, class | op, number(g), 0, 0, constant(g));
}

static u8 size_code(u8 b)
{
	static const u8 s[] = {BPF_B, BPF_H, BPF_W, BPF_DW};
	return s[b % 4];
}

/* A load, store or atomic by register base. */
static void access(struct gen *g, u8 base, i32 off)
{
	static const i32 atomics[] = { BPF_ADD, BPF_ADD | BPF_FETCH, BPF_OR, BPF_AND | BPF_FETCH,
				       BPF_XCHG, BPF_CMPXCHG, BPF_LOAD_ACQ, BPF_STORE_REL };
	u8 b = take(g), size = size_code(b), r;
	i32 op;

	switch (b >> 2 & 7) {
	case 0:
	case 1:
	case 2:
		put(g, BPF_LDX | BPF_MEM | size, target(g), base, off, 0);
		break;
	case 3:
		put(g, BPF_LDX | BPF_MEMSX | (size == BPF_DW ? BPF_W : size), target(g), base, off,
		    0);
		break;
	case 4:
	case 5:
		put(g, BPF_STX | BPF_MEM | size, base, number(g), off, 0);
		break;
	case 6:
		put(g, BPF_ST | BPF_MEM | size, base, 0, off, constant(g));
		break;
	default:
		op = atomics[upto(g, 8)];
		r = number(g);
		if (op == BPF_LOAD_ACQ)
			put(g, BPF_STX | BPF_ATOMIC | size, target(g), base, off, op);
		else
			put(g,
			    BPF_STX | BPF_ATOMIC |
				    (op == BPF_STORE_REL || size == BPF_DW ? size : BPF_W),
			    base, r, off, op);
	}
}

/* r2 = a pointer somewhere into the value, by a number that was checked, more or less. */
static void indexed(struct gen *g, u8 base, i32 size, i32 start)
{
	u8 b = take(g), r = number(g);
	i32 limit = size - (i32)upto(g, 12) + 1;

	if (b & 1) {
		mov(g, 1, r);
		r = 1;
		g->ready |= 2;
	}
	switch (b >> 1 & 3) {
	case 0:
		skip_from(g, g->n, 0);
		put(g, BPF_JMP | BPF_JGT, r, 0, 0, limit);
		break;
	case 1:
		put(g, BPF_ALU64 | BPF_AND, r, 0, 0, take(g) & 63);
		break;
	case 2:
		skip_from(g, g->n, 0);
		put(g, BPF_JMP | BPF_JSGT, r, 0, 0, limit);
		skip_from(g, g->n, 0);
		put(g, BPF_JMP | BPF_JSLT, r, 0, 0, (i32)upto(g, 3) - 1);
		break;
	default:
		skip_from(g, g->n, 0);
		put(g, BPF_JMP32 | BPF_JGE, r, 0, 0, limit);
		put(g, BPF_ALU | BPF_MOV | BPF_X, r, r, 0, 0);
	}
	if (base == BPF_FP && b & 8)	/* aligned, whatever is moved */
		put(g, BPF_ALU64 | BPF_AND, r, 0, 0, 24);
	if (b & 64)	/* something else about the number meanwhile */
		branch(g);
	mov(g, 2, base);
	if (start)
		addi(g, 2, start);
	put(g, BPF_ALU64 | (b >= 248 ? BPF_SUB : BPF_ADD) | BPF_X, 2, r, 0, 0);
	g->ready &= ~4u;
	access(g, 2, b & 16 && take(g) & 1 ? (i32)upto(g, 9) - 4 : 0);
}

static void stack(struct gen *g)
{
	u8 b = take(g);
	i32 off = -8 * (i32)(1 + upto(g, 5));

	if (b & 1) {
		access(g, 10, off + (b & 6 ? 0 : 4));
		return;
	}
	if (b & 2) {
		indexed(g, 10, 24, off - 16);
		return;
	}
	if (b & 4) {	/* by a pointer, deeper at times */
		mov(g, 2, 10);
		addi(g, 2, b & 64 ? 6 * off : off);
		g->ready &= ~4u;
		access(g, 2, 0);
		return;
	}
	if (b & 8)
		put(g, BPF_STX | BPF_MEM | BPF_DW, 10, number(g), off, 0);
	else
		put(g, BPF_LDX | BPF_MEM | BPF_DW, target(g), 10, off, 0);
}

static void key(struct gen *g, i32 imm)
{
	put(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, -64, imm);
	mov(g, 2, 10);
	addi(g, 2, -64);
}

/* A map's value in r7, or the program ends. */
static void lookup(struct gen *g)
{
	static const u8 maps[] = { M_ARRAY, M_ARRAY, M_HASH, M_LOCK, M_READ, M_GLOBAL, M_GLOBAL };
	u8 b = take(g), map = maps[b % 7];

	if (map == M_LOCK && g->how % 4 == 0)	/* not in socket filters */
		map = M_HASH;
	key(g, b >> 4 & 7);	/* some are beyond arrays' ends */
	wide(g, 1, BPF_PSEUDO_MAP_FD, map);
	call(g, BPF_FUNC_map_lookup_elem);
	put(g, BPF_JMP | BPF_JNE, 0, 0, 2, 0);
	movi(g, 0, 1);
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	mov(g, 7, 0);
	g->value = true;
	g->ready &= ~1u;
	if (map == M_LOCK && b & 8) {
		mov(g, 1, 7);
		addi(g, 1, 4);
		call(g, BPF_FUNC_spin_lock);
		g->ready &= ~1u;
		access(g, 7, b >> 5);
		mov(g, 1, 7);
		addi(g, 1, 4);
		call(g, BPF_FUNC_spin_unlock);
		g->ready &= ~1u;
	}
}

static void ringbuf(struct gen *g)
{
	u8 b = take(g);

	wide(g, 1, BPF_PSEUDO_MAP_FD, M_RINGBUF);
	movi(g, 2, 8 + (b & 8));
	movi(g, 3, 0);
	call(g, BPF_FUNC_ringbuf_reserve);
	put(g, BPF_JMP | BPF_JEQ, 0, 0, 5, 0);
	put(g, BPF_STX | BPF_MEM | size_code(b), 0, 10, b >> 4, 0);
	mov(g, 1, 0);
	movi(g, 2, 0);
	call(g, b & 4 ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard);
	put(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	g->ready &= ~0x3fu;
	movi(g, 0, 1);
	g->ready |= 1;
}

static void to_function(struct gen *g, u8 callee)
{
	if (g->n_calls >= 32)
		return;
	g->call[g->n_calls] = g->n;
	g->callee[g->n_calls++] = callee;
	g->need[callee] = true;
}

/* F_PLAIN, with a number, 16 bytes of stack and the context. */
static void plain_call(struct gen *g, u8 b)
{
	if (b & 8) {	/* there may be a pointer on the stack that the function reads */
		put(g, BPF_STX | BPF_MEM | BPF_DW, 10, number(g), -16, 0);
		if (b & 16 && g->value)
			put(g, BPF_JMP | BPF_JEQ, number(g), 0, 1, 0);
		if (g->value)
			put(g, BPF_STX | BPF_MEM | BPF_DW, 10, 7, -16, 0);
	}
	mov(g, 3, 6);
	mov(g, 1, number(g));
	mov(g, 2, 10);
	addi(g, 2, g->how & ORACLE_GLOBAL && b >= 192 ? b & 4 ? -20 : -23 : -16);
	to_function(g, F_PLAIN);
	put(g, 0x85, 0, BPF_PSEUDO_CALL, 0, 0);
	g->ready = (g->ready & ~0x3fu) | 1;
	if (g->value && b & 32) {	/* by what it has returned, unchecked */
		mov(g, 2, 7);
		put(g, BPF_ALU64 | BPF_ADD | BPF_X, 2, 0, 0, 0);
		access(g, 2, 0);
	}
}

/* The packet again behind a call, which may have moved it. */
static void packet_call(struct gen *g, u8 b)
{
	g->value = false;
	put(g, BPF_LDX | BPF_MEM | BPF_W, 7, 6, 0, 0);
	put(g, BPF_LDX | BPF_MEM | BPF_W, 3, 6, 4, 0);
	mov(g, 4, 7);
	addi(g, 4, 8);
	g->ready &= ~0x18u;
	skip_from(g, g->n, 0);
	put(g, BPF_JMP | BPF_JGT | BPF_X, 4, 3, 0, 0);
	plain_call(g, b);
	put(g, BPF_LDX | BPF_MEM | BPF_B, 0, 7, (i32)upto(g, 9), 0);
	g->ready &= ~0x3fu;
}

static void functions(struct gen *g, bool nested)
{
	u8 b = take(g);

	if (nested)
		return;
	if (b % 3 == 0) {
		(g->how % 4 == 1 && g->how & ORACLE_GLOBAL ? packet_call : plain_call)(g, b);
		return;
	}
	if (b % 3 == 1)
		mov(g, 1, number(g));
	else
		wide(g, 1, BPF_PSEUDO_MAP_FD, b & 4 ? M_HASH : M_ARRAY);
	to_function(g, b % 3 == 1 ? F_LOOP : F_EACH);
	wide(g, 2, BPF_PSEUDO_FUNC, 0);
	if (b & 8) {
		movi(g, 3, 0);
	} else {
		mov(g, 3, 10);
		addi(g, 3, -16);
	}
	movi(g, 4, 0);
	call(g, b % 3 == 1 ? BPF_FUNC_loop : BPF_FUNC_for_each_map_elem);
}

/* What follows is done if there is no such program; if there is, this function has returned. */
static void tail_call(struct gen *g)
{
	u8 b = take(g);

	mov(g, 3, number(g));
	if (b & 1)
		skip_from(g, g->n, 1), put(g, BPF_JMP | BPF_JGT, 3, 0, 0, 2);
	mov(g, 1, 6);
	wide(g, 2, BPF_PSEUDO_MAP_FD, M_PROGS);
	call(g, BPF_FUNC_tail_call);
	g->ready &= ~1u;
}

static void packet(struct gen *g)
{
	u8 b = take(g);

	put(g, BPF_LDX | BPF_MEM | BPF_W, 2, 6, b & 128 ? 8 : 0, 0);
	put(g, BPF_LDX | BPF_MEM | BPF_W, 3, 6, b & 128 ? 0 : 4, 0);
	if (b & 1) {
		mov(g, 1, number(g));
		put(g, BPF_ALU64 | BPF_AND, 1, 0, 0, b & 2 ? 15 : 63);
		put(g, BPF_ALU64 | BPF_ADD | BPF_X, 2, 1, 0, 0);
		g->ready |= 2;
	}
	mov(g, 4, 2);
	addi(g, 4, 8);
	g->ready &= ~0x1cu;
	skip_from(g, g->n, 0);
	if (b & 4)
		put(g, BPF_JMP | (b & 8 ? BPF_JGT : BPF_JGE) | BPF_X, 4, 3, 0, 0);
	else
		put(g, BPF_JMP | (b & 8 ? BPF_JLT : BPF_JLE) | BPF_X, 3, 4, 0, 0);
	access(g, 2, (i32)upto(g, 10));
}

static void context(struct gen *g)
{
	static const i32 at[] = { 0, 4, 8, 16, 48, 52, 56, 60, 64, 68, 12, 20 };
	u8 b = take(g);

	if (g->how % 4 == 0 && b & 128) {	/* a packet load */
		put(g, BPF_LD | (b & 64 ? BPF_IND : BPF_ABS) | size_code(b % 3), 0,
		    b & 64 ? number(g) : 0, 0, constant(g));
		g->ready = (g->ready & ~0x3fu) | 1;
	} else if (g->how % 4 == 0 && b & 64) {
		mov(g, 4, number(g));
		put(g, BPF_ALU64 | BPF_AND, 4, 0, 0, b & 15);
		addi(g, 4, b >> 4 & 1);
		mov(g, 1, 6);
		movi(g, 2, 0);
		mov(g, 3, 10);
		addi(g, 3, -16);
		call(g, BPF_FUNC_skb_load_bytes);
	} else if (g->how % 4 == 1 && b & 64 && b & 32) {
		mov(g, 1, 6);
		movi(g, 2, 4);
		call(g, b & 16 ? BPF_FUNC_xdp_adjust_head : BPF_FUNC_xdp_adjust_tail);
	} else if (b & 32) {
		put(g, BPF_STX | BPF_MEM | size_code(b), 6, number(g), at[upto(g, 12)], 0);
	} else {
		put(g, BPF_LDX | BPF_MEM | size_code(b), target(g), 6, at[upto(g, 12)], 0);
	}
}

/* r2 = one of the kernel's objects, and what is in it. */
static void typed(struct gen *g)
{
	static const i32 at[] = { 0, 8, 16, 20, 24, 32, 40, 47 };
	u8 b = take(g);

	call(g, BPF_FUNC_get_current_task_btf);
	mov(g, 2, 0);
	g->ready &= ~5u;
	if (b & 1) {
		put(g, BPF_STX | BPF_MEM | BPF_DW, 10, 2, -72, 0);
		put(g, BPF_LDX | BPF_MEM | BPF_DW, 2, 10, -72, 0);
	}
	if (b & 2)
		addi(g, 2, (i32)upto(g, 12) - 4);
	if (b & 4) {
		put(g, BPF_LDX | BPF_MEM | BPF_DW, 2, 2, b & 8 ? 8 : 24, 0);
		if (b & 16)
			skip_from(g, g->n, 0), put(g, BPF_JMP | BPF_JNE, 2, 0, 0, 0);
	}
	if (b & 32) {	/* or, at times, something else */
		put(g, BPF_JMP | BPF_JGT, number(g), 0, 1, constant(g));
		mov(g, 2, b & 64 && g->value ? 7 : 0);
	}
	access(g, 2, at[upto(g, 8)]);
}

static void item(struct gen *g, u32 func);

static void loop(struct gen *g, u32 func)
{
	u8 b = take(g), r = b & 1 ? 8 : 9;
	u32 start, items = upto(g, 4);
	u32 jumps = g->n_jumps;
	bool may = (b >> 3 & 3) == 3;	/* with may_goto */

	if (g->depth > 1)
		return;
	g->depth++;
	movi(g, r, b >> 1 & 3);
	g->ready |= 1u << r;
	start = g->n;
	if (may)
		put(g, BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
	for (u32 k = 0; k < items; k++)
		item(g, func);
	for (u32 k = jumps; k < g->n_jumps; k++) {	/* they stay inside */
		if (g->skip[k] && g->p[g->jump[k]].off == 0)
			g->p[g->jump[k]].off = (i16)(g->n - g->jump[k] - 1);
		g->skip[k] = 0;
	}
	addi(g, r, 1 + (b >> 3 & 3));
	if (may && b & 128)
		put(g, BPF_JMP | BPF_JA, 0, 0, (i32)start - (i32)g->n - 1, 0);
	else
		put(g, BPF_JMP | (b & 128 ? BPF_JNE : BPF_JLT), r, 0, (i32)start - (i32)g->n - 1,
		    (b >> 5 & 3) * 5 + 4);
	if (may)
		g->p[start].off = (i16)(g->n - start - 1);
	g->depth--;
}

static void any_insn(struct gen *g)
{
	put(g, take(g), take(g) % 11, take(g) % 11, (i8)take(g), constant(g));
	g->ready |= 1;
}

static void item(struct gen *g, u32 func)
{
	u8 b = take(g);

	if (!room(g, 40))
		return;
	switch (b % 20) {
	case 0:
	case 1:
	case 2:
	case 3:
		alu(g);
		break;
	case 4:
	case 5:
	case 6:
		branch(g);
		break;
	case 7:
		if (g->slot && b & 128) {
			put(g, BPF_LDX | BPF_MEM | BPF_DW, 1, 7, 0, 0);
			g->ready &= ~2u;
			access(g, 1, 0);
		} else if (g->value)
			access(g, 7, (i32)upto(g, 20) * (b & 64 ? 1 : 2) - (b >= 240 ? 2 : 0));
		break;
	case 8:
	case 9:
		if (g->value)
			indexed(g, 7, b & 32 ? 16 : 48, 0);
		break;
	case 10:
	case 11:
	case 12:
		stack(g);
		break;
	case 13:
		lookup(g);
		break;
	case 14:
		ringbuf(g);
		break;
	case 15:
		functions(g, func != F_MAIN);
		break;
	case 16:
		if (g->context && b & 128 && b & 64)
			tail_call(g);
		else if (g->context)
			(g->how % 4 == 1 && b & 32 ? packet : context)(g);
		break;
	case 17:
		loop(g, func);
		break;
	case 18:
		if (b >= 230) {
			any_insn(g);
			break;
		}
		mov(g, target(g), number(g));
		break;
	default:
		if (b >= 200)
			typed(g);
		else
			call(g, BPF_FUNC_get_prandom_u32);
	}
	for (u32 k = 0; k < g->n_jumps; k++)
		if (g->skip[k] && !--g->skip[k] && g->p[g->jump[k]].off == 0)
			g->p[g->jump[k]].off = (i16)(g->n - g->jump[k] - 1);
}

static void begin(struct gen *g, u32 func)
{
	u8 b = take(g);

	g->ready = 0;
	g->value = false;
	g->n_jumps = 0;
	g->slot = func == F_PLAIN && !(b & 128) && !(g->how & ORACLE_GLOBAL);
	g->context = func == F_MAIN || func == F_PLAIN;
	if (func == F_MAIN) {
		mov(g, 6, 1);
		for (i32 off = -8; off >= -32; off -= 8)
			put(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, off, b & 3);
	} else if (func == F_PLAIN) {
		mov(g, 8, 1);
		mov(g, 6, 3);
		if (g->how & ORACLE_GLOBAL) {
			put(g, BPF_JMP | BPF_JNE, 2, 0, 2, 0);
			movi(g, 0, 0);
			put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
			mov(g, 7, 2);
		} else if (b & 128)	/* a pointer that the caller has left there, if so */
			put(g, BPF_LDX | BPF_MEM | BPF_DW, 7, 2, 0, 0);
		else
			mov(g, 7, 2);
		g->ready = 1u << 8 | 2;
		g->value = (b & 1 && !g->slot) || g->how & ORACLE_GLOBAL;
	} else if (func == F_LOOP) {
		mov(g, 8, 1);
		mov(g, 7, 2);
		g->ready = 1u << 8 | 2;
		g->value = b & 1;
	} else {
		mov(g, 7, b & 2 ? 4 : 3);
		g->value = true;
	}
	if (func == F_MAIN && b & 4)
		wide(g, 7, BPF_PSEUDO_MAP_VALUE, M_GLOBAL), g->value = true;
	if (func == F_MAIN && !(b & 4))
		lookup(g);
	if (b & 8 || !g->value)
		call(g, BPF_FUNC_get_prandom_u32), mov(g, 9, 0);
	else
		put(g, BPF_LDX | BPF_MEM | (b & 16 ? BPF_DW : BPF_W), 9, 7, 0, 0);
	if (g->value && func == F_MAIN)
		put(g, BPF_LDX | BPF_MEM | (b & 32 ? BPF_DW : BPF_W), 8, 7, 8, 0);
	else if (!(g->ready & 1u << 8))
		mov(g, 8, 9);
	g->ready |= 3u << 8;
	for (u8 r = 0; r <= 3; r++)
		mov(g, r, 8 + (r & 1)), g->ready |= 1u << r;
}

static void finish(struct gen *g, u32 func)
{
	for (u32 k = 0; k < g->n_jumps; k++)
		if (g->skip[k] && g->p[g->jump[k]].off == 0)
			g->p[g->jump[k]].off = (i16)(g->n - g->jump[k] - 1);
	if (func == F_LOOP || func == F_EACH) {
		if (take(g) & 1 && g->ready & 1)
			put(g, BPF_ALU64 | BPF_AND, 0, 0, 0, 1);
		else
			movi(g, 0, 0);
	} else {
		u8 b = take(g);

		if (func == F_PLAIN && b & 1)
			tail_call(g);
		mov(g, 0, g->ready & 0x300 ? 9 : number(g));
		if (b & 2)
			put(g, BPF_ALU64 | BPF_AND, 0, 0, 0, b >> 2 & 7);
	}
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* --- rounds: what is on the stack changes from one to the next ------------------------------------
 *
 * A few slots that hold a pointer, 0 or a small number; clauses that look at them and change them,
 * done by callbacks, in loops, by functions called in loops. Whether a slot may be used as a
 * pointer depends on which clauses were done before, so paths that meet differ in what matters,
 * and what does may be found out late.
 */
enum { SLOTS_USED = 3 };

struct rounds {
	bool small;		/* clauses are of the small kind */
	u8 base;		/* the slots are there */
	i32 off;
	u32 n_leave, leave[16];	/* branches to the end of the round */
};

static i32 slot_off(const struct rounds *r, u32 slot) { return r->off + 8 * (i32)slot; }

static void load_slot(struct gen *g, const struct rounds *r, u32 slot)
{
	put(g, BPF_LDX | BPF_MEM | BPF_DW, 1, r->base, slot_off(r, slot), 0);
}

static void set_slot(struct gen *g, const struct rounds *r, u32 slot, u8 what)
{
	if (what % 3 == 0) {
		wide(g, 1, BPF_PSEUDO_MAP_VALUE, M_GLOBAL);
		put(g, BPF_STX | BPF_MEM | BPF_DW, r->base, 1, slot_off(r, slot), 0);
	} else {
		put(g, BPF_ST | BPF_MEM | BPF_DW, r->base, 0, slot_off(r, slot), what % 3 - 1);
	}
}

static void act(struct gen *g, const struct rounds *r)
{
	u8 b = take(g);
	u32 slot = (b >> 3) % SLOTS_USED;

	switch (b & 7) {
	case 0:
	case 1:
	case 2:
		set_slot(g, r, slot, b >> 5);
		break;
	case 3:
		load_slot(g, r, (b >> 5) % SLOTS_USED);
		put(g, BPF_STX | BPF_MEM | BPF_DW, r->base, 1, slot_off(r, slot), 0);
		break;
	case 4:		/* a number below 64, or who knows */
		load_slot(g, r, slot);
		wide(g, 2, BPF_PSEUDO_MAP_VALUE, M_GLOBAL);
		put(g, BPF_ALU64 | BPF_ADD | BPF_X, 2, 1, 0, 0);
		put(g, BPF_LDX | BPF_MEM | BPF_B, 0, 2, 0, 0);
		break;
	default:
		load_slot(g, r, slot);
		put(g, BPF_LDX | BPF_MEM | BPF_DW, 0, 1, 0, 0);
	}
}

static void leave_round(struct gen *g, struct rounds *r)
{
	if (r->n_leave == 16)
		return;
	r->leave[r->n_leave++] = g->n;
	put(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

/* Perhaps on a condition, something; then perhaps no other clause. */
static void clause(struct gen *g, struct rounds *r)
{
	u8 b = take(g);
	u32 from = g->n;

	if (b & 1) {
		call(g, BPF_FUNC_get_prandom_u32);
		from = g->n;
		put(g, BPF_JMP | BPF_JSET, 0, 0, 0, 1);
	} else if (b & 2) {
		load_slot(g, r, (b >> 5) % SLOTS_USED);
		from = g->n;
		put(g, BPF_JMP | (b & 4 ? BPF_JEQ : BPF_JNE), 1, 0, 0, 0);
	}
	act(g, r);
	if (b & 8)
		act(g, r);
	if (b & 16)
		leave_round(g, r);
	if (b & 3)
		g->p[from].off = (i16)(g->n - from - 1);
}

/* The same in one byte: by chance or by what slot 0 holds change both slots, or use slot 1. */
static void small_clause(struct gen *g, struct rounds *r)
{
	u8 b = take(g), how = b & 3;
	u32 from;

	if (how == 1)
		call(g, BPF_FUNC_get_prandom_u32);
	else
		load_slot(g, r, 0);
	from = g->n;
	put(g, BPF_JMP | (how == 1 ? BPF_JSET : how == 2 ? BPF_JEQ : BPF_JNE), how != 1, 0, 0, how == 1);
	if (b & 4)
		set_slot(g, r, 0, b >> 3 & 1);
	if (b & 16)
		set_slot(g, r, 1, b >> 5 & 1);
	else if (b & 32) {
		load_slot(g, r, 1);
		put(g, BPF_LDX | BPF_MEM | BPF_DW, 0, 1, 0, 0);
	}
	if (b & 64)
		leave_round(g, r);
	g->p[from].off = (i16)(how ? g->n - from - 1 : 0);
}

static void one_round(struct gen *g, struct rounds *r)
{
	r->n_leave = 0;
	for (u32 k = 2 + upto(g, 5); k--;)
		(r->small ? small_clause : clause)(g, r);
	for (u32 k = 0; k < r->n_leave; k++)
		g->p[r->leave[k]].off = (i16)(g->n - r->leave[k] - 1);
}

/* A callback, or a function that is called: r2 has the slots. It may count rounds of its own. */
static void round_function(struct gen *g, bool callback, bool small)
{
	struct rounds r = { .small = small, .base = 6 };
	u8 b = take(g);

	mov(g, 6, 2);
	one_round(g, &r);
	if (!callback && b & 1) {
		movi(g, 0, b >> 1 & 1);
		put(g, BPF_JMP | BPF_JCOND, 0, 0, 1, 0);
		movi(g, 0, b >> 2 & 1);
	} else {
		movi(g, 0, b & 2 && callback);
	}
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Perhaps no rounds are left from the first on. */
static void no_rounds(struct gen *g)
{
	put(g, BPF_JMP | BPF_JCOND, 0, 0, 1, 0);
	put(g, BPF_JMP | BPF_JA, 0, 0, -2, 0);
}

/* A loop: its rounds are here, or a function's. Where the function's address has to go, 0: nowhere. */
static u32 round_loop(struct gen *g, u8 b, bool small)
{
	struct rounds r = { .small = small, .base = 10, .off = -8 * SLOTS_USED };
	u32 start, top = 0, callee = 0;

	if (b & 2)
		no_rounds(g);
	movi(g, 9, 0);
	start = g->n;
	if (b & 4) {
		top = g->n;
		put(g, BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
	}
	if (b & 1) {
		mov(g, 2, 10);
		addi(g, 2, -8 * SLOTS_USED);
		callee = g->n;
		put(g, 0x85, 0, BPF_PSEUDO_CALL, 0, 0);
		if (b & 128)	/* over the way back */
			put(g, BPF_JMP | BPF_JNE, 0, 0, b & 8 ? 1 : 2, 0);
	} else {
		one_round(g, &r);
	}
	if (!(b & 8))
		addi(g, 9, 1);
	if (b & 16)
		put(g, BPF_JMP | (b & 32 ? BPF_JCOND : BPF_JA), 0, 0, (i32)start - (i32)g->n - 1, 0);
	else
		put(g, BPF_JMP | BPF_JLT, 9, 0, (i32)start - (i32)g->n - 1, 6);
	if (b & 4)
		g->p[top].off = (i16)(g->n - top - 1);
	return callee;
}

static u32 round_callbacks(struct gen *g)
{
	u32 at;

	movi(g, 1, 10);
	at = g->n;
	wide(g, 2, BPF_PSEUDO_FUNC, 0);
	mov(g, 3, 10);
	addi(g, 3, -8 * SLOTS_USED);
	movi(g, 4, 0);
	call(g, BPF_FUNC_loop);
	return at;
}

static void rounds(struct gen *g)
{
	struct rounds r = { .base = 10, .off = -8 * SLOTS_USED };
	u8 b = take(g), init = take(g);
	bool callback = b & 64, small = init & 64;
	u32 from;

	for (u32 slot = 0; slot < SLOTS_USED; slot++, init >>= 2)
		set_slot(g, &r, slot, init & 3);
	from = callback ? round_callbacks(g) : round_loop(g, b, small);
	if (take(g) & 1)
		act(g, &r);
	movi(g, 0, 0);
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	if (!from)
		return;
	g->p[from].imm = (i32)(g->n - from - 1);
	round_function(g, callback, small);
}

u32 oracle_generate(const u8 *data, size_t size, struct bpf_insn *p, u32 space, u32 *how)
{
	struct gen g = { .data = data, .end = data + size, .p = p, .room = space };
	u8 b = take(&g);
	u32 start[4] = { 0 };

	if (b >= 200 && b < 230) {
		g.how = *how = b & 8;
		rounds(&g);
		return g.n;
	}
	g.how = *how = b % 3 + (b >= 230 ? 4 : 0) + (b & 64 ? 8 : 0) +
		       ((b & 48) == 48 && b < 200 ? ORACLE_GLOBAL : 0) + (b % 11 == 5 ? ORACLE_HIDES : 0);
	begin(&g, F_MAIN);
	if (g.how & ORACLE_GLOBAL)
		(*how % 4 == 1 && take(&g) & 1 ? packet_call : plain_call)(&g, take(&g));
	while (g.data + size / 4 + 8 < g.end && room(&g, 200))
		item(&g, F_MAIN);
	finish(&g, F_MAIN);
	for (u32 f = 0; f < F_MAIN; f++) {
		if (!g.need[f])
			continue;
		start[f] = g.n;
		begin(&g, f);
		for (u32 items = upto(&g, 6); items--;)
			item(&g, f);
		finish(&g, f);
	}
	for (u32 k = 0; k < g.n_calls; k++)
		g.p[g.call[k]].imm = (i32)(start[g.callee[k]] - g.call[k] - 1);
	return g.n;
}
