/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF to arm64. Pure: no kernel services, all memory is the caller's, and the same input gives the
 * same image. First bpf_jit_layout says how large everything will be, then bpf_jit_emit writes the
 * image once, from front to back, into a buffer of that size.
 *
 * The image is made of C functions: the program's first is entered at its first byte with r1 in x0
 * and r2 in x1 and returns r0 in x0; the other functions of the program follow, with their
 * arguments in x0..x4, so that a helper can call one back.
 */
#ifndef BPF_JIT_H
#define BPF_JIT_H
#include <bpf/isa.h>

/* How a tail call finds the next program: byte offsets in the map (an array of pointers, 0 is
 * empty) and in what they point to, whose word `entry` is the address of the image's tail entry. */
struct bpf_jit_tail {
	i32 max_entries;	/* u32, a multiple of 4 up to 16380, or -256..-4 */
	u32 slots;		/* pointers from here on, a multiple of 8 up to 32760 */
	u32 entry;		/* u64, a multiple of 8 up to 32760 */
	bool direct; /* slots are the addresses of tail entries; slots is 0, entry unused */
};
#define BPF_TAIL_CALLS	33	/* at most, from one entry from outside */

struct bpf_jit_opts {
	u64 base;		/* where the image will run */
	bool lse;		/* FEAT_LSE atomics; else load- and store-exclusive */
	bool bti;		/* landing pads */
	bool near;		/* all addresses of calls are within 128 MiB of the image */
	bool blind;		/* no constant of the program appears in the image */
	u64 blind_seed;		/* with blind: random, a secret, not 0 */
	const struct bpf_jit_tail *tail;	/* NULL: helper 12 is a call like others */
	/* The address of a call that is not local; 0 if there is none: the program is refused.
	 * Asked once in each pass, with one answer. */
	u64 (*address)(void *ctx, const struct bpf_insn *call);
	void *ctx;
};

/* Where instruction i's code is, and its function's entry if one begins with it: bytes. */
struct bpf_jit_place {
	u32 code, entry;
};
/* A load that may fault: when it does, at `at`, register reg becomes 0 and `resume` is next. */
struct bpf_jit_fixup {
	u32 at, resume;		/* bytes from the image's start */
	u32 reg;
};

struct bpf_jit {
	const struct bpf_insn *insns;
	u32 n;
	const u8 *mark;			/* n bytes, by bpf_isa_check (probes allowed or not) */
	/* Of each function, in their order: how deep it reaches into its stack at most, by whatever
	 * pointers. NULL: all BPF_STACK bytes where r10 is used as a value. */
	const u16 *depth;
	const struct bpf_jit_opts *opts;
	struct bpf_jit_place *place;	/* n + 1 of them; the last: the image's end */
	/* Out, by bpf_jit_layout. */
	u32 size;			/* bytes of the image, a multiple of 4 */
	u32 n_fixups;
	u32 tail_entry;			/* where a tail call enters, with x0 = r1, x9 = counter */
	u32 reach;			/* the rest is kept for bpf_jit_emit */
	bool planned;
	struct bpf_jit_plan {		/* what the only function's instructions use */
		u32 used, stack;
		bool leaf, tails;
	} plan;
};

/*
 * Fills place and the rest from the first six, which stay as they are until bpf_jit_emit. 0;
 * -EINVAL: an address that is unknown, a map not resolved, an operand that fits nowhere; -E2BIG:
 * the image would exceed 64 MiB.
 */
int bpf_jit_layout(struct bpf_jit *jit);
/* Writes jit->size bytes and jit->n_fixups fixups, ascending. 0, or -EINVAL: a call too far for
 * `near`, or something changed since bpf_jit_layout; the image must not be used then. */
int bpf_jit_emit(const struct bpf_jit *jit, u32 *image, struct bpf_jit_fixup *fixups);
#endif
