/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's loop and its memory. A frame is BPF_STACK bytes of m->stack; frames below the
 * current one stay accessible, as a callee may get pointers into its callers' stacks.
 */
#include <base/errno.h>
#include <base/string.h>
#include <bpf/interp.h>

struct bpf_run {
	struct bpf_machine *m;
	u64 r[11];
	u32 depth, base;		/* the current frame, the first */
	struct {
		u64 saved[4];		/* the caller's r6..r9 */
		const struct bpf_insn *insns;	/* the caller's program: a tail call leaves it */
		u32 n, back;		/* where it goes on */
	} frame[BPF_FRAMES];
};

static bool in(u64 addr, u64 len, u64 base, u64 size)
{
	return addr >= base && len <= size && addr - base <= size - len;
}

static bool may_access(const struct bpf_run *run, u64 addr, u64 len, bool write)
{
	const struct bpf_machine *m = run->m;

	if (!m->checked || in(addr, len, (u64)m->stack, (run->depth + 1) * BPF_STACK))
		return true;
	for (u32 i = 0; i < m->n_regions; i++)
		if (in(addr, len, m->regions[i].addr, m->regions[i].size))
			return !write || m->regions[i].writable;
	return false;
}

static void set_frame(struct bpf_run *run)
{
	run->r[BPF_FP] = (u64)run->m->stack + (run->depth + 1) * BPF_STACK;
}

static int load(struct bpf_run *run, const struct bpf_insn *i)
{
	u32 len = 1u << bpf_size_log(i->code), shift = 64 - 8 * len;
	u8 mode = BPF_MODE(i->code);
	u64 addr = run->r[i->src_reg] + (u64)i->off, v = 0;

	if (may_access(run, addr, len, false))
		memcpy(&v, (const void *)addr, len);
	else if (mode != BPF_PROBE && mode != BPF_PROBE_SX)
		return -EFAULT;
	if (mode == BPF_MEMSX || mode == BPF_PROBE_SX)
		v = (u64)((i64)(v << shift) >> shift);
	run->r[i->dst_reg] = v;
	return 0;
}

static int store(struct bpf_run *run, const struct bpf_insn *i)
{
	u64 addr = run->r[i->dst_reg] + (u64)i->off;
	u64 v = BPF_CLASS(i->code) == BPF_ST ? (u64)(i64)i->imm : run->r[i->src_reg];
	u32 len = 1u << bpf_size_log(i->code);

	if (!may_access(run, addr, len, true))
		return -EFAULT;
	memcpy((void *)addr, &v, len);
	return 0;
}

/* Atomic towards other CPUs, too: by the compiler's own operations. */
#define ATOMIC_ON(type) do { \
	type *p = (type *)addr, s = (type)run->r[i->src_reg], old = (type)run->r[0]; \
	switch (i->imm & ~BPF_FETCH) { \
	case BPF_ADD: \
		old = __atomic_fetch_add(p, s, __ATOMIC_SEQ_CST); \
		break; \
	case BPF_OR: \
		old = __atomic_fetch_or(p, s, __ATOMIC_SEQ_CST); \
		break; \
	case BPF_AND: \
		old = __atomic_fetch_and(p, s, __ATOMIC_SEQ_CST); \
		break; \
	case BPF_XOR: \
		old = __atomic_fetch_xor(p, s, __ATOMIC_SEQ_CST); \
		break; \
	case BPF_XCHG & ~BPF_FETCH: \
		old = __atomic_exchange_n(p, s, __ATOMIC_SEQ_CST); \
		break; \
	default:	/* BPF_CMPXCHG: old is r0 already, and becomes what was there */ \
		__atomic_compare_exchange_n(p, &old, s, false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST); \
		break; \
	} \
	if (i->imm == BPF_CMPXCHG) \
		run->r[0] = old; \
	else if (i->imm & BPF_FETCH) \
		run->r[i->src_reg] = old; \
} while (0)

static int ordered_access(struct bpf_run *run, const struct bpf_insn *i)
{
	struct bpf_insn plain = *i;
	int err;

	plain.code =
		(u8)((i->imm == BPF_LOAD_ACQ ? BPF_LDX : BPF_STX) | BPF_MEM | BPF_SIZE(i->code));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	err = i->imm == BPF_LOAD_ACQ ? load(run, &plain) : store(run, &plain);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return err;
}

static int atomic(struct bpf_run *run, const struct bpf_insn *i)
{
	u32 len = 1u << bpf_size_log(i->code);
	bool loads = i->imm == BPF_LOAD_ACQ;
	u64 addr = run->r[loads ? i->src_reg : i->dst_reg] + (u64)i->off;

	if (run->m->checked && (addr & (len - 1) || !may_access(run, addr, len, !loads)))
		return -EFAULT;
	if (loads || i->imm == BPF_STORE_REL)
		return ordered_access(run, i);
	if (len == 4)
		ATOMIC_ON(u32);
	else
		ATOMIC_ON(u64);
	return 0;
}

static int call(struct bpf_run *run, const struct bpf_insn *i)
{
	struct bpf_machine *m = run->m;
	int did;

	if (bpf_is_local_call(i)) {
		if (run->depth + 1 == BPF_FRAMES)
			return -E2BIG;
		run->depth++;
		memcpy(run->frame[run->depth].saved, &run->r[6], sizeof(run->frame[0].saved));
		run->frame[run->depth].insns = m->insns;
		run->frame[run->depth].n = m->n;
		run->frame[run->depth].back = m->pc + 1;
		set_frame(run);
		m->pc += (u32)i->imm;
		return 0;
	}
	if (bpf_is_tail_call(i) && m->tail) {
		did = m->tail(m->ctx, &run->r[1], &m->insns, &m->n);
		if (did == 1)
			m->pc = ~0u;	/* the loop adds 1 */
		return did < 0 ? did : 0;
	}
	return m->helper ? m->helper(m->ctx, i, &run->r[1], &run->r[0]) : -EINVAL;
}

/* True if the program ended, false if it goes on in the caller's frame. */
static bool leave(struct bpf_run *run)
{
	if (run->depth == run->base)
		return true;
	memcpy(&run->r[6], run->frame[run->depth].saved, sizeof(run->frame[0].saved));
	run->m->insns = run->frame[run->depth].insns;
	run->m->n = run->frame[run->depth].n;
	run->m->pc = run->frame[run->depth].back - 1;
	run->depth--;
	set_frame(run);
	return false;
}

static int wide(struct bpf_run *run, const struct bpf_insn *i)
{
	if (i->src_reg == BPF_PSEUDO_FUNC)
		run->r[i->dst_reg] = (u64)(i + 1 + i->imm);
	else if (i->src_reg)	/* maps: the loader should have put the address in */
		return -EINVAL;
	else
		run->r[i->dst_reg] = bpf_wide_imm(i);
	run->m->pc++;
	return 0;
}

/* One instruction; 1: the program has ended. The loop steps over it afterwards. */
static int step(struct bpf_run *run, const struct bpf_insn *i)
{
	u64 operand = BPF_SRC(i->code) == BPF_X ? run->r[i->src_reg] : (u64)(i64)i->imm;
	u64 *dst = &run->r[i->dst_reg];

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		*dst = bpf_alu(i, *dst, operand);
		return 0;
	case BPF_LD:
		return wide(run, i);
	case BPF_LDX:
		return load(run, i);
	case BPF_ST:
		return store(run, i);
	case BPF_STX:
		return bpf_is_atomic(i) ? atomic(run, i) : store(run, i);
	default:
		if (i->code == (BPF_JMP | BPF_CALL))
			return call(run, i);
		if (i->code == (BPF_JMP | BPF_EXIT))
			return leave(run);
		if (bpf_condition(i, *dst, operand))
			run->m->pc = (u32)(bpf_branch_target(i, run->m->pc) - 1);
		return 0;
	}
}

static int interpret(struct bpf_run *run, u32 pc, u64 *r0)
{
	struct bpf_machine *m = run->m;
	struct bpf_run *outer = m->run;
	int did = 0;

	set_frame(run);
	m->run = run;
	for (m->pc = pc; !did; m->pc += !did) {
		if (!m->budget) {
			did = -ELOOP;
			break;
		}
		m->budget--;
		if (m->trace)
			m->trace(m->ctx, m->pc, run->depth, run->r);
		did = step(run, &m->insns[m->pc]);
	}
	m->run = outer;
	*r0 = run->r[0];
	return did < 0 ? did : 0;
}

int bpf_interpret(struct bpf_machine *m, u64 r1, u64 r2, u64 *r0)
{
	struct bpf_run run = { .m = m, .r = { [1] = r1, [2] = r2 } };

	m->run = NULL;
	return interpret(&run, 0, r0);
}

int bpf_call_back(struct bpf_machine *m, u64 func, const u64 *arg, u64 *r0)
{
	struct bpf_run run = { .m = m, .depth = m->run->depth + 1, .base = m->run->depth + 1 };
	u32 pc = m->pc;
	int err;

	if (run.depth == BPF_FRAMES)
		return -E2BIG;
	memcpy(&run.r[1], arg, 5 * sizeof(*arg));
	err = interpret(&run, (u32)((const struct bpf_insn *)func - m->insns), r0);
	if (!err)
		m->pc = pc;
	return err;
}
