/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In this order, over the whole program:
 * - an inlined array lookup whose result is compared with 0 at once branches itself: the value's
 *   address is never 0;
 * - loads and stores by a register that holds r10 plus a constant go by r10;
 * - what writes only registers that nobody reads afterwards goes (liveness, backwards until nothing
 *   changes), and so do jumps to the next instruction;
 * - an addition that ends the life of its operand is marked, for the JIT.
 */
#include <base/string.h>
#include <bpf/simplify.h>

enum { W_GONE = 1, W_DEAD_SRC = 2 };

static u32 length(const struct bpf_insn *i) { return bpf_is_wide(i) ? 2 : 1; }
static bool is(const struct bpf_insn *i, u8 code, u32 dst)
{
	return i->code == code && i->dst_reg == dst;
}
static struct bpf_insn jump(i32 off)
{
	return (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = (i16)off };
}

/* --- liveness --------------------------------------------------------------------------------- */

static bool goes_on(const struct bpf_insn *i)
{
	return i->code != (BPF_JMP | BPF_JA) && i->code != (BPF_JMP32 | BPF_JA) &&
	       i->code != (BPF_JMP | BPF_EXIT);
}

static u16 live_after(const struct bpf_insn *insns, u32 pc, const struct bpf_simplify_work *w)
{
	const struct bpf_insn *i = &insns[pc];
	u16 live = goes_on(i) ? w[pc + length(i)].live : 0;

	if (bpf_is_branch(i))
		live |= w[bpf_branch_target(i, pc)].live;
	return live;
}

static u16 live_before(const struct bpf_insn *i, u16 after)
{
	int dst = bpf_written(i);

	if (i->code == (BPF_JMP | BPF_CALL))
		return (u16)((after & ~0x3fu) | 0x3e);
	if (dst >= 0)
		after &= (u16)~(1u << dst);
	return (u16)(after | bpf_reads(i));
}

/* A pass follows any number of ways forwards, and one back. Few programs need more than these; of
 * others nothing is known. */
enum { PASSES = 32, ALL_LIVE = 0x7ff };

static void find_live(const struct bpf_insn *insns, u32 n, const u8 *mark,
		      struct bpf_simplify_work *w)
{
	bool again = true;

	for (u32 pc = 0; pc <= n; pc++)
		w[pc].live = w[pc].flags = 0;
	for (u32 pass = 0; again && pass < PASSES; pass++) {
		again = false;
		for (u32 pc = n; pc-- > 0;) {
			u16 live;

			if (mark[pc] & BPF_MARK_SECOND)
				continue;
			live = live_before(&insns[pc], live_after(insns, pc, w));
			again |= live != w[pc].live;
			w[pc].live = live;
		}
	}
	for (u32 pc = 0; again && pc <= n; pc++)
		w[pc].live = ALL_LIVE;
}

/* --- lookups in arrays ------------------------------------------------------------------------ */

/* How many branches lead to each instruction. */
static void count_refs(const struct bpf_insn *insns, u32 n, struct bpf_simplify_work *w)
{
	for (u32 pc = 0; pc < n; pc += length(&insns[pc]))
		if (bpf_is_branch(&insns[pc])) {
			u16 *refs = &w[bpf_branch_target(&insns[pc], pc)].refs;

			*refs += *refs < 3;
		}
}

enum { LOOKUP = 8 };	/* what bpf_map_inlined makes of one, in bpf/map */

/* r0 = *(u32 *)(rX + off); r0 >= max? r0 * step + a number that is not 0 : 0. The program itself may
 * have such instructions. */
static bool is_lookup(const struct bpf_insn *p)
{
	u64 base = bpf_wide_imm(&p[3]), size = (u64)p[1].imm * (u64)p[2].imm;

	return is(&p[0], BPF_LDX | BPF_MEM | BPF_W, 0) && p[0].src_reg != 1 &&
	       is(&p[1], BPF_JMP | BPF_JGE | BPF_K, 0) && p[1].off == 5 && p[1].imm >= 0 &&
	       is(&p[2], BPF_ALU64 | BPF_MUL | BPF_K, 0) && p[2].imm >= 0 && bpf_is_wide(&p[3]) &&
	       p[3].dst_reg == 1 && !p[3].src_reg && base && base + size >= base &&
	       is(&p[5], BPF_ALU64 | BPF_ADD | BPF_X, 0) && p[5].src_reg == 1 &&
	       is(&p[6], BPF_JMP | BPF_JA, 0) && p[6].off == 1 &&
	       is(&p[7], BPF_ALU64 | BPF_MOV | BPF_K, 0) && !p[7].imm;
}

static bool is_null_check(const struct bpf_insn *i, u8 op)
{
	return is(i, BPF_JMP | op | BPF_K, 0) && !i->imm && i->off < 32000;
}

/* Only its own branches lead into the lookup and the comparison behind it. */
static bool alone(const struct bpf_simplify_work *w, u32 pc)
{
	for (u32 k = 1; k < LOOKUP - 1; k++)
		if (w[pc + k].refs)
			return false;
	return w[pc + LOOKUP - 1].refs == 1 && w[pc + LOOKUP].refs == 1;
}

/* r1 will be something else behind it: a call leaves nothing there, but the program's own
 * instructions may. */
static bool spares_r1(const struct bpf_insn *insns, u32 pc, const struct bpf_simplify_work *w)
{
	return !(live_after(insns, pc + LOOKUP, w) & 1u << 1);
}

static void thread_lookup(struct bpf_insn *p)
{
	struct bpf_insn load = p[0], limit = p[1], times = p[2], base[2] = { p[3], p[4] };
	bool equal = is_null_check(&p[LOOKUP], BPF_JEQ);
	i16 off = p[LOOKUP].off;

	load.dst_reg = limit.dst_reg = times.dst_reg = 1;
	base[0].dst_reg = 0;
	limit.off = (i16)(equal ? off + 6 : 6);
	p[1] = p[7];			/* r0 = 0 */
	p[0] = load;
	p[2] = limit;
	p[6] = p[5];			/* r0 += r1 */
	p[3] = base[0];
	p[4] = base[1];
	p[5] = times;
	p[7] = jump(equal ? 0 : off + 1);
	p[LOOKUP] = jump(0);
}

static bool thread_lookups(struct bpf_insn *insns, u32 n, const u8 *mark,
			   struct bpf_simplify_work *w)
{
	bool any = false;

	for (u32 pc = 0; pc + LOOKUP < n; pc += length(&insns[pc])) {
		const struct bpf_insn *check = &insns[pc + LOOKUP];

		if (!is_lookup(&insns[pc]) ||
		    (!is_null_check(check, BPF_JEQ) && !is_null_check(check, BPF_JNE)))
			continue;
		if (!any) {
			count_refs(insns, n, w);
			find_live(insns, n, mark, w);	/* what is threaded makes nothing live */
		}
		any = true;
		if (alone(w, pc) && spares_r1(insns, pc, w))
			thread_lookup(&insns[pc]);
	}
	return any;
}

/* --- r10 plus a constant ---------------------------------------------------------------------- */

struct frame_regs { u32 known; i32 off[11]; };	/* known: mask of registers */

static void forget(struct frame_regs *f, u32 mask) { f->known &= ~mask; }

/* The access [reg + off] of size bytes as one by r10; false: it stays. */
static bool by_frame(const struct frame_regs *f, u32 reg, i16 *off, u32 size)
{
	i32 at = f->off[reg] + *off;

	if (reg == BPF_FP || !(f->known & 1u << reg) || at < -BPF_STACK || at + (i32)size > 0)
		return false;
	*off = (i16)at;
	return true;
}

static void track(struct frame_regs *f, struct bpf_insn *i)
{
	u32 size = 1u << bpf_size_log(i->code), class = BPF_CLASS(i->code);
	int dst = bpf_written(i);
	bool copies = i->code == (BPF_ALU64 | BPF_MOV | BPF_X) && !i->off;
	i16 off = i->off;

	if (class == BPF_LDX && by_frame(f, i->src_reg, &off, size)) {
		i->src_reg = BPF_FP;
		i->off = off;
	} else if ((class == BPF_ST || class == BPF_STX) && !bpf_is_atomic(i) &&
		   by_frame(f, i->dst_reg, &off, size)) {
		i->dst_reg = BPF_FP;
		i->off = off;
	}
	if (i->code == (BPF_JMP | BPF_CALL))
		forget(f, 0x3f);
	else if (copies && f->known & 1u << i->src_reg) {
		f->off[i->dst_reg] = f->off[i->src_reg];
		f->known |= 1u << i->dst_reg;
	} else if (i->code == (BPF_ALU64 | BPF_ADD | BPF_K) && f->known & 1u << i->dst_reg &&
		   i->imm > -(1 << 20) && i->imm < 1 << 20 && f->off[i->dst_reg] > -(1 << 24) &&
		   f->off[i->dst_reg] < 1 << 24)
		f->off[i->dst_reg] += i->imm;
	else if (dst >= 0)
		forget(f, 1u << dst);
}

static void go_by_frame(struct bpf_insn *insns, u32 n, const u8 *mark)
{
	struct frame_regs f = { 0 };

	for (u32 pc = 0; pc < n; pc += length(&insns[pc])) {
		if (mark[pc] & (BPF_MARK_TARGET | BPF_MARK_FUNC))
			f.known = 1u << BPF_FP;
		track(&f, &insns[pc]);
	}
}

/* --- what nobody reads ------------------------------------------------------------------------ */

/* It does nothing but write a register. */
static bool only_writes(const struct bpf_insn *i)
{
	u32 class = BPF_CLASS(i->code);

	return class == BPF_ALU || class == BPF_ALU64 || class == BPF_LDX || bpf_is_wide(i);
}

static u32 mark_gone(const struct bpf_insn *insns, u32 n, struct bpf_simplify_work *w)
{
	u32 gone = 0;

	for (u32 pc = 0; pc < n; pc += length(&insns[pc])) {
		const struct bpf_insn *i = &insns[pc];
		u16 live = live_after(insns, pc, w);

		if (i->code == (BPF_ALU64 | BPF_ADD | BPF_X) && !(live & 1u << i->src_reg))
			w[pc].flags |= W_DEAD_SRC;
		if ((only_writes(i) && !(live & 1u << i->dst_reg)) ||
		    (i->code == (BPF_JMP | BPF_JA) && !i->off)) {
			w[pc].flags |= W_GONE;
			gone += length(i);
		}
	}
	return gone;
}

/* --- closing up ------------------------------------------------------------------------------- */

static void redirect(struct bpf_insn *i, u32 pc, const struct bpf_simplify_work *w)
{
	u32 next = w[pc].to + 1;

	if (bpf_is_branch(i)) {
		i32 off = (i32)(w[bpf_branch_target(i, pc)].to - next);

		if (i->code == (BPF_JMP32 | BPF_JA))
			i->imm = off;
		else
			i->off = (i16)off;
	} else if (bpf_is_local_call(i) || (bpf_is_wide(i) && i->src_reg == BPF_PSEUDO_FUNC)) {
		i->imm = (i32)(w[pc + 1 + (u32)i->imm].to - next);
	}
}

static u32 close_up(struct bpf_insn *insns, u32 n, u8 *mark, struct bpf_simplify_work *w)
{
	u32 to = 0, len;

	for (u32 pc = 0; pc < n; pc += len) {
		len = length(&insns[pc]);
		w[pc].to = to;
		to += w[pc].flags & W_GONE ? 0 : len;
	}
	w[n].to = to;
	for (u32 pc = 0; pc < n; pc += len) {
		struct bpf_insn *i = &insns[pc];

		len = length(i);
		if (w[pc].flags & W_GONE) {
			/* who came here comes to what is behind it */
			mark[pc + len] |= mark[pc] & (BPF_MARK_TARGET | BPF_MARK_FUNC);
			continue;
		}
		redirect(i, pc, w);
		to = w[pc].to;
		mark[to] = mark[pc] | (w[pc].flags & W_DEAD_SRC ? BPF_MARK_DEAD_SRC : 0);
		insns[to] = *i;
		if (len == 2) {
			mark[to + 1] = BPF_MARK_SECOND;
			insns[to + 1] = insns[pc + 1];
		}
	}
	return w[n].to;
}

u32 bpf_simplify(struct bpf_insn *insns, u32 n, u8 *mark, struct bpf_simplify_work *w)
{
	u32 gone = 1;

	memset(w, 0, (n + 1) * sizeof(*w));
	if (thread_lookups(insns, n, mark, w)) {
		/* Where branches lead has changed: too many marks do no harm. */
		for (u32 pc = 0; pc < n; pc += length(&insns[pc]))
			if (bpf_is_branch(&insns[pc]))
				mark[bpf_branch_target(&insns[pc], pc)] |= BPF_MARK_TARGET;
		for (u32 pc = 0; pc < n; pc += length(&insns[pc])) {
			mark[pc] &= (u8)~BPF_MARK_SECOND;
			if (bpf_is_wide(&insns[pc]))
				mark[pc + 1] = BPF_MARK_SECOND;
		}
	}
	go_by_frame(insns, n, mark);
	/* A removal may leave others without a reader, or a jump without a way. */
	for (u32 round = 0; gone && round < 4; round++) {
		find_live(insns, n, mark, w);
		gone = mark_gone(insns, n, w);
		n = close_up(insns, n, mark, w);
	}
	return n;
}
