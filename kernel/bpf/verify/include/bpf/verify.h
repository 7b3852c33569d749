/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier: whether a program may run in the kernel, and the program as it is to be run. Pure:
 * no kernel services but an allocator and what else struct bpf_verify_ops asks of the caller.
 * It accepts a program only if it is shown that, on every path, it ends within
 * BPF_VERIFY_BUDGET simulated instructions, reads nothing that was not written, touches only memory
 * that its pointers say is there, gives back what it took, and calls helpers as they want it.
 */
#ifndef BPF_VERIFY_H
#define BPF_VERIFY_H
#include <bpf/isa.h>
#include <bpf/log.h>

#define BPF_VERIFY_BUDGET	1000000u	/* instructions simulated */
#define BPF_VERIFY_MAPS		64u		/* used by one program */
#define BPF_VERIFY_FUNCS	256u		/* functions in one program */

/* A map, as far as a program can tell. Whoever makes maps fills this and keeps it in the map; it
 * does not change while a program that uses it is loaded or being verified (but for `frozen`). */
struct bpf_map_desc {
	u32 type;		/* BPF_MAP_TYPE_* */
	u32 key_size, value_size, max_entries;
	u32 flags;		/* BPF_F_*, as at creation */
	const char *name;	/* for the log; NULL: none */
	u64 object;		/* what an instruction that names the map loads: its address */
	/* Where values are that instructions may address directly, if there is but one (an array's
	 * first value); 0: none. */
	u64 values;
	/* BPF_MAP_FREEZE'd: user space will never change it again and does not do so now. With
	 * BPF_F_RDONLY_PROG its values are constants. */
	bool frozen;
	/* Byte offsets in a value of what programs may not touch, -1: none. */
	i32 spin_lock, timer;
	const struct bpf_map_desc *inner;	/* of maps of maps: what its maps look like */
};

/* What is known of a function of the program from its BTF (func_info); sorted by insn. Functions
 * without such a line are static. */
enum bpf_arg_kind { BPF_FARG_SCALAR, BPF_FARG_CTX, BPF_FARG_MEM /* NULL or `size` bytes */,
		    BPF_FARG_MEM_THERE /* not NULL */ };
struct bpf_func_desc {
	u32 insn;		/* its first instruction */
	bool global;		/* verified by itself, for all values of its arguments */
	bool returns_void;
	u8 n_args;
	struct {
		u8 kind;	/* enum bpf_arg_kind */
		u32 size;
	} arg[5];
};

/* A line of source; text and file are the caller's, and stay. */
struct bpf_source {
	const char *text, *file;
	u32 line;
};

/* The kernel's own types, of whose objects programs have pointers; it stays. */
struct btf_types;
struct bpf_kernel_types {
	const struct btf_types *types;
	u32 task;		/* the struct that bpf_get_current_task_btf gives a pointer to */
	/* btf_walk, btf_walk_args (bpf/btf.h) and the name of a struct. */
	int (*walk)(const struct btf_types *b, u32 id, u64 off, u32 size, u32 *target,
		    struct bpf_log *log);
	int (*walk_args)(const struct btf_types *b, u32 proto, bool value, u64 off, u32 size,
			 u32 *target, struct bpf_log *log);
	const char *(*name)(const struct btf_types *b, u32 id);
};

struct verifier;
struct bpf_verify_ops {
	/* At least 16-byte aligned; NULL: out of memory. Everything is freed before the end, but
	 * for what struct bpf_verified says. */
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *p);
	/* The map that an instruction names, by descriptor or by index into the load's fd_array.
	 * Asked once for each such instruction. References are the caller's business: it holds each
	 * map that it gave until the program is gone or refused. 0 or a negative errno. */
	int (*map)(void *ctx, bool by_index, u32 fd, const struct bpf_map_desc **map);
	/* Is there a helper of this number for this program? NULL: all whose prototype is known. */
	bool (*helper)(void *ctx, u32 id);
	/* Instructions to be put in place of a call whose map argument is `map` on every path (NULL
	 * if paths differ or the helper takes none). They get r1..r5 and leave r0; they may spoil
	 * r1..r5; a branch to behind the last of them leads behind the call. Returns how many, 0:
	 * the call stays. May be NULL. */
	u32 (*inlined)(void *ctx, const struct bpf_map_desc *map, const struct bpf_insn *call,
		       struct bpf_insn *buf, u32 room);
	/* Asked for once, and if something needs them. NULL: there are none. May be NULL. */
	const struct bpf_kernel_types *(*types)(void *ctx);
	/* For the log: the line of source that an instruction is from. False: unknown. May be NULL. */
	bool (*source)(void *ctx, u32 insn, struct bpf_source *s);
	/* Asked now and then: not 0 ends with that (a signal is pending). May be NULL. */
	int (*interrupted)(void *ctx);
	/* For tests: before each instruction is simulated, and when all is done (with no current
	 * state). May be NULL. */
	void (*observe)(void *ctx, const struct verifier *v);
	void *ctx;
};

struct bpf_prog_load_in {
	u32 prog_type;			/* SOCKET_FILTER, XDP, SYSCALL, TRACING; -EINVAL for others */
	/* TRACING: the prototype, one of the kernel's types, of the function whose arguments are the
	 * context, 8 bytes each; `ctx_value`: with what it returned behind them. */
	u32 ctx_proto;
	bool ctx_value;
	u32 prog_flags;			/* BPF_F_STRICT_ALIGNMENT, ... */
	bool gpl;			/* its licence is compatible; some helpers are for such only */
	bool hides;			/* pointers may not leak, nor what is on the stack from before */
	bool unprivileged;		/* the same, and loops and calls are refused */
	const struct bpf_insn *insns;	/* as user space gave them; not changed */
	u32 n;
	const struct bpf_func_desc *funcs;
	u32 n_funcs;
	struct bpf_log *log;
	const struct bpf_verify_ops *ops;
};

/* The program to run: dead code gone, context accesses, map addresses and packet loads resolved.
 * insns, origin, mark and depth come from ops->alloc; bpf_verified_free gives them back. */
struct bpf_verified {
	struct bpf_insn *insns;		/* passes bpf_isa_check */
	u32 n;
	u32 *origin;			/* n: the instruction of the program that this one is from */
	u8 *mark;			/* n: BPF_MARK_* */
	u16 *depth;			/* of each of its functions: bytes of stack that it touches */
	u32 stack_depth;		/* bytes, of the deepest chain of calls */
	u32 max_ctx_offset;		/* SYSCALL: bytes of context that it may read or write */
	bool writes_packet;
	bool changes_packet;		/* calls helpers that move the packet */
	bool tail_calls;
	u32 processed;			/* instructions simulated (bpf_prog_info.verified_insns) */
};

/* Helpers without a number of user space's: what packet loads (BPF_ABS, BPF_IND) become. r1: the
 * context, r2: the offset, an i32 that may be negative (SKF_NET_OFF, ...). The value in host byte
 * order, or negative if it is not in the packet. */
enum { BPF_FUNC_LOAD_8 = 0x10000, BPF_FUNC_LOAD_16, BPF_FUNC_LOAD_32 };

/*
 * 0 and *out; or a negative errno as BPF_PROG_LOAD gives it (EACCES: a rule is broken; EINVAL: bad
 * form; E2BIG: too complex; ENOMEM; EPERM; what ops->map or ops->interrupted gave), the reason in
 * the log, and nothing in *out to be freed. Uses less than 4 KiB of the caller's stack.
 */
int bpf_verify(const struct bpf_prog_load_in *in, struct bpf_verified *out);
void bpf_verified_free(const struct bpf_verify_ops *ops, struct bpf_verified *out);
/* Does the verifier know the prototype of helper id for programs of this type? (What a feature
 * probe asks.) */
bool bpf_helper_known(u32 prog_type, u32 id);
#endif
