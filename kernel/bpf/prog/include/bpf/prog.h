/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF programs that are loaded: verified, compiled, in executable memory. They run with preemption
 * off; a program's memory is given back after a grace period.
 */
#ifndef BPF_PROG_H
#define BPF_PROG_H
#include <bpf/ctx.h>
#include <bpf/map.h>
#include <bpf/verify.h>
#include <hal/sync.h>
#include <text/image.h>

struct bpf_jit_fixup;
struct bpf_prog {
	struct text_retired retired;	/* first (text_retire) */
	u64 entry;			/* where tail calls enter */
	u64 (*run)(void *ctx, u64 r2);
	ref_t ref;
	u32 type, attach_type, flags;
	struct text_image image;
	u32 n, n_maps, verified_insns, max_ctx_offset;
	u32 n_func_info, n_line_info, n_funcs;
	struct bpf_insn *insns;		/* n, as verified; freed with the program */
	struct bpf_map **maps;		/* n_maps, referenced; NULL: none; control */
	/* Where each function begins: instruction, byte of the image. NULL: there is one only. */
	struct bpf_prog_func { u32 insn, at; } *funcs;
	struct bpf_jit_fixup *fixups;	/* n_fixups, ascending: loads that may fault */
	u32 n_fixups;
	void *func_info, *line_info;	/* of insns, for BPF_OBJ_GET_INFO_BY_FD */
	u64 loaded_at;			/* clock_ns */
	u64 run_ns, run_cnt;		/* bpf_prog_count; relaxed */
	u8 tag[BPF_TAG_SIZE];
	char name[BPF_OBJ_NAME_LEN];
	u32 id, uid;
	bool gpl;
	void *btf;			/* who loads it */
	struct mutex control;		/* maps, by BPF_PROG_BIND_MAP */
	void (*gone)(struct bpf_prog *p);	/* the last reference is; any context */
};

struct bpf_prog_request {
	struct bpf_prog_load_in in;	/* but for ops */
	/* Referenced; ERR_PTR. */
	struct bpf_map *(*map)(void *ctx, bool by_index, u32 fd);
	bool (*source)(void *ctx, u32 insn, struct bpf_source *s);	/* as bpf_verify_ops.source */
	const struct bpf_kernel_types *(*types)(void);	/* as bpf_verify_ops.types */
	/* Tells the program as it will be shown. NULL: nobody asks. */
	void (*verified)(void *ctx, const struct bpf_verified *v);
	void *ctx;
	bool unlimited;			/* bpf_jit_limit does not hold */
	const char *name;		/* BPF_OBJ_NAME_LEN bytes */
};
/* A program with one reference; ERR_PTR: what bpf_verify gives, -EPERM: bpf_jit_limit. Sleeps. */
struct bpf_prog *bpf_prog_new(const struct bpf_prog_request *r);
static inline struct bpf_prog *bpf_prog_get(struct bpf_prog *p) { ref_get(&p->ref); return p; }
void bpf_prog_put(struct bpf_prog *p);		/* any context */
u64 bpf_prog_bytes(const struct bpf_prog *p);	/* of memory, beside the image */
/* Adds a map to those that the program holds; takes over the reference, also on failure. */
int bpf_prog_bind(struct bpf_prog *p, struct bpf_map *m);
/* Its instructions as user space may see them: maps by their ids. out: p->n. */
void bpf_prog_show(struct bpf_prog *p, struct bpf_insn *out);
/* Code of function k of p->n_funcs, an address and bytes. */
void bpf_prog_func_code(const struct bpf_prog *p, u32 k, u64 *start, u32 *size);
/*
 * n records of `size` bytes that begin with an instruction's number, ascending: these become the
 * numbers of what the verifier made of the instructions, in place, and records go if nothing is
 * left of theirs (which reach up to the next record's). How many are left.
 */
u32 bpf_move_records(void *records, u32 n, u32 size, const struct bpf_verified *v);
/* Is there a helper of this number for programs of this type? */
bool bpf_helper_exists(u32 prog_type, u32 id);

/*
 * Runs p, which the caller keeps, once on a context of its type's form (verify.h): r0. Preemption is
 * off meanwhile, so that p's code and the elements of maps it looks at stay. Any context.
 */
static inline u64 bpf_prog_run(const struct bpf_prog *p, void *ctx)
{
	u64 r0;

	preempt_disable();
	r0 = p->run(ctx, 0);
	preempt_enable();
	return r0;
}
/* Runs a socket filter on n bytes: how many of them to keep. */
u32 bpf_filter_run(struct bpf_prog *p, const void *data, u32 n, struct bpf_skb *skb);

/*
 * `repeat` runs; *ns: the mean time of one. 0 and the last result; -EINTR: a signal is pending, and
 * runs are left.
 */
int bpf_prog_repeat(struct bpf_prog *p, void *ctx, u32 repeat, u32 *r0, u32 *ns);

/* How many want runs to be counted: run_ns and run_cnt of programs grow while it is not 0. */
extern atomic_t bpf_stats_users;

extern struct text_tenant bpf_tenant;
extern u32 bpf_jit_harden;		/* 0; 1: who has no CAP_BPF; 2: all programs are blinded */

/* --- helper.c --- */
u64 bpf_helper_address(u32 id);		/* 0: there is none */
/* Up to n bytes of a text of the kernel's or of user space's, which is not waited for: how many with
 * its NUL, which is always there (n > 0); -EFAULT and zeros. */
i64 bpf_read_text(char *to, u64 from, u32 n, bool kernel);

/* --- printk.c --- */
/* The helpers. */
u64 bpf_snprintf(u64 to, u64 size, u64 fmt, u64 args, u64 args_size);
u64 bpf_trace_printk(u64 fmt, u64 fmt_size, u64 r3, u64 r4, u64 r5);
u64 bpf_trace_vprintk(u64 fmt, u64 fmt_size, u64 args, u64 args_size, u64 r5);
/* For who reads the lines: takes up to n bytes; 0: there are none. Any context. */
u32 bpf_trace_read(char *to, u32 n);
bool bpf_trace_readable(void);
extern struct wait_queue bpf_trace_wait;	/* woken when there is something */

/* What bpf_sys_bpf and its like are, for programs; by who has system calls. All sleep. */
struct bpf_sys_ops {
	i64 (*command)(u32 cmd, const void *attr, u32 size);
	i64 (*find_type)(const char *name, u32 kind);	/* of the kernel's; its id, -ENOENT, -ENOMEM */
	int (*close)(int fd);
};
extern const struct bpf_sys_ops *bpf_sys_ops;

/* --- timer.c --- */
/* Makes what timers need beside themselves. 0 or -ENOMEM. Sleeps. */
int bpf_timers_start(void);
/* Ends the timer that a value has at `slot`, if any; does not wait for its callback. Any context. */
void bpf_timer_free(void *slot);
/* The helpers; r3 of set_callback is the program (prog.c). */
u64 bpf_timer_init(u64 slot, u64 map, u64 clock, u64 r4, u64 r5);
u64 bpf_timer_set_callback(u64 slot, u64 fn, u64 prog, u64 r4, u64 r5);
u64 bpf_timer_start(u64 slot, u64 ns, u64 how, u64 r4, u64 r5);
u64 bpf_timer_cancel(u64 slot, u64 r2, u64 r3, u64 r4, u64 r5);
#endif
