/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's state, and what its files offer each other.
 *
 * One state is simulated at a time. A conditional branch of which both ways are possible puts the
 * other way on a stack (struct later) with a copy of the state. At some instructions a copy is kept
 * (struct point); a state that arrives there again and is covered by one that has been followed to
 * all its ends need not be followed.
 *
 * What "covered" must look at is found out on demand, in tables by instruction (struct vinsn) that
 * only grow, over the program's static control flow, backwards (demand.c):
 *	live	   registers that may be read (known before the simulation begins);
 *	read_slots stack slots that some simulated path did read;
 *	want, want_slots  scalars whose values something depended on: an address, a size, a branch
 *		   of which only one way was followed. Of others only that they are scalars counts.
 * When all paths from a point have been followed, all that they depended on is in the tables, since
 * the static flow has every path that the simulation can take. So a point is used only then.
 */
#ifndef VERIFY_INTERNAL_H
#define VERIFY_INTERNAL_H
#include <base/atomic.h>
#include <base/errno.h>
#include <base/string.h>
#include <bpf/range.h>
#include <bpf/verify.h>

#define ENOTSUPP	524	/* Linux's own; what it answers here and there */

enum {	MAX_FRAMES = 8, MAX_REFS = 16, SLOTS = BPF_STACK / 8,
	MAX_LATER = 8192,		/* states put aside at once */
	MAX_KEPT = 32u << 20,		/* bytes of states kept for pruning, where there is a choice */
	MAX_MEMORY = 128u << 20,	/* bytes of all states that there are */
	MAX_OFFSET = 1 << 29		/* of pointers, either way */
};

enum vtype { V_NONE, V_SCALAR, V_CTX, V_MAP, V_VALUE, V_KEY, V_STACK, V_PACKET, V_META,
	     V_PACKET_END, V_MEM, V_FUNC,
	     V_BTF	/* to an object of the kernel's. It may be NULL or lead nowhere at any time: what is
			 * read by it is 0 then (BPF_PROBE). Never written to */
};

struct vreg {
	u8 type;		/* enum vtype */
	bool maybe_null;	/* may be 0 instead; id says with whom it shares that */
	bool rdonly;		/* V_MEM */
	u8 frame;		/* V_STACK: whose */
	u16 range;		/* V_PACKET, V_META: bytes from its base that are there */
	/* Scalars: all of one id, not 0, are equal. Pointers into packets: of one id have the same
	 * variable part. Others: which null check or lock they go with. */
	u32 id;
	u32 ref;		/* what has to be released, 0: nothing */
	i32 off;		/* pointers: constant part of the offset; n is the rest */
	/* V_MAP, V_VALUE, V_MEM: not 0: of the map that this lookup in a map of maps found. */
	u32 uid;
	u32 size;		/* V_MEM: bytes. V_FUNC: function. V_MAP: 1 if found in a map. V_BTF: type */
	const struct bpf_map_desc *map;
	struct bpf_scalar n;
};

enum { S_INVALID, S_MISC, S_ZERO, S_SPILL };
/* Eight bytes of stack; reg is what they hold if kind[0] is S_SPILL: all of it, or, of a scalar,
 * its low half, in the first four. */
struct vslot {
	u8 kind[8];
	struct vreg reg;
};

struct vframe {
	struct vreg r[11];
	u32 callsite;		/* the call in the frame below */
	u32 func;
	u32 serial;		/* of the call that made it */
	u32 invocation;		/* of the helper that called back from this frame last */
	u32 rounds;		/* how often its may_gotos, which share a counter, went on */
	bool again;		/* a callback has just returned to its call here */
	bool callback;		/* called by a helper, and goes back to it */
	bool async;		/* called by nobody in the program */
	bool awake;		/* a callback whose caller may not sleep meanwhile */
	u16 n_slots, room;
	struct vslot *slots;	/* slot s: bytes r10 - 8 * (s + 1) on */
};

struct vref {
	u32 id, insn;
	u32 frame;
};

struct vstate {
	u32 pc;
	u32 top;			/* the current frame */
	struct vframe *frame[MAX_FRAMES];
	u32 n_refs;
	struct vref refs[MAX_REFS];
	u32 lock_id;			/* of the value whose spin lock is held, with lock_map */
	const struct bpf_map_desc *lock_map;	/* NULL: none is held */
	struct point *parent;		/* the last point that this path went through */
};

/* A state kept for pruning. It lives at least until all paths from it have ended. */
struct point {
	struct point *parent, *next;
	struct vstate *state;		/* NULL: given up */
	u32 open;			/* paths from here that have not ended */
	u32 hits, misses;
	bool cut;			/* some path from here was not followed into a round of may_goto */
	u32 serial;			/* more than that of its parent */
	/* Not 0: callbacks that began here have come back to the helper's call as it was at an open
	 * point; of those the least serial and the highest `top`. (prune.c: come_back) */
	u32 back, back_top;
};

struct point_block {
	struct point_block *next;
	struct point point[32];
};

struct later {
	struct later *next;
	struct vstate *state;
	u32 from;			/* the branch */
	u64 log_pos;
};

enum {	I_SEEN = 1, I_FALLS = 2, I_JUMPS = 4,	/* simulated; which ways it went */
	I_PRUNE = 8, I_CALLBACK = 16,		/* a helper calls back from here */
	I_OTHER_FRAME = 32,	/* has reached into the stack of another frame */
	I_SECOND = 64, I_MANY_MAPS = 128 };
struct vinsn {
	u8 flags;
	u8 access;		/* a load or store: enum vtype of its base */
	u16 live, want, link;
	bool queued;		/* in the verifier's `work` */
	u64 read_slots, want_slots;	/* of this function's frame */
	u64 link_slots;		/* with `link`, of a branch; reached, of a load or store */
	u32 func;		/* the function it is in */
	u32 callee;		/* of a local call or function address */
	const struct bpf_map_desc *map;	/* named by it, or its call's argument */
	/* Points here, the latest first: those on the current path, and those from which all is done.
	 * Paths are followed depth first, so points leave the path in reverse order. */
	struct point *path, *done;
	u32 nr_path, nr_done;
};

struct vfunc {
	u32 start, end;
	u32 depth;			/* bytes of stack */
	const struct bpf_func_desc *desc;
	bool want_r0;			/* somebody depends on what it returns */
	bool callback;			/* a helper may call it, with any arguments */
	u64 callers[BPF_VERIFY_FUNCS / 64];	/* a bit for each whose helpers call it and wait */
	const struct bpf_map_desc *async_map;	/* simulated as the callback of its timers */
	bool called;			/* global: by something that was simulated */
	u32 goto_at;			/* has may_goto: bytes of stack above its two slots, a
					 * multiple of 8 and more than 0 */
	/* Bytes and frames of the deepest chains (check_depth); below and frames with its own. */
	u32 below, above, frames, frames_above;
	bool tail_calls, calls;
	u8 does;			/* it, what it calls or what it has the address of */
};
enum { CHANGES_PACKET = 1, SLEEPS = 2, ATOMICS = 4, LEAVES = 8 /* by a tail call */ };

struct verifier {
	const struct bpf_prog_load_in *in;
	struct bpf_log *log;
	const struct bpf_insn *insns;
	u32 n;
	struct vinsn *aux;
	u32 *pred_start, *pred;		/* branches that lead to an instruction */
	u32 *calls, n_calls;		/* local calls and function addresses */
	u32 *work, n_work;		/* instructions whose predecessors are to be looked at */
	struct vfunc *funcs;
	u32 n_funcs, main;		/* main: the function that is being verified */
	struct vstate *cur;
	struct later *later;
	u32 n_later;
	struct vframe *spare_frames;
	struct point_block *point_blocks;
	struct point *spare_points;
	u32 ids, processed, since_point, jumps_since;
	size_t kept;
	size_t memory;			/* of states, and of frames, which stay until the end */
	bool want_all_slots;
	bool loops;			/* some branch leads backwards */
	u32 max_ctx_offset;
	u32 points, peak_points, total_points, most_points, facts;	/* statistics */
	bool writes_packet;
	bool may_goto;			/* is in the program */
	const struct bpf_kernel_types *types;	/* NULL: not asked for yet */
	char name[80];			/* type_name's */
	struct bpf_source source;	/* the last line of source in the log */
	struct {			/* the instruction that is being simulated, in the log */
		u64 from, end;
		u32 regs;
		u64 slots;
	} line;
};

/* --- the log (print.c, disasm.c) --- */
#define say(v, ...) bpf_log_put((v)->log, __VA_ARGS__)
bool verbose(const struct verifier *v);
void print_insn(struct verifier *v, u32 pc);
void print_state(struct verifier *v, const struct vstate *s);
void print_step(struct verifier *v, u32 pc);
void print_effect(struct verifier *v);
/* Stays until the next call. */
const char *type_name(struct verifier *v, const struct vreg *r);
/* The kernel's types; NULL: there are none. */
const struct bpf_kernel_types *kernel_types(struct verifier *v);
const char *helper_name(u32 id);
void format_reg(struct verifier *v, char *buf, size_t size, const struct vreg *r);

/* --- states (state.c) --- */
/* 0: there may be one more; -E2BIG, which is told. */
int check_memory(struct verifier *v);
struct vstate *state_copy(struct verifier *v, const struct vstate *s);
void state_free(struct verifier *v, struct vstate *s);
struct vframe *frame_new(struct verifier *v, u32 func, u32 callsite);
void frame_free(struct verifier *v, struct vframe *f);
struct vslot *slot_at(struct verifier *v, struct vframe *f, u32 slot); /* makes it; NULL: ENOMEM */
/* Puts a copy of the current state aside, to go on at pc. */
struct vstate *put_aside(struct verifier *v, u32 pc, u32 from, int *err);
static inline struct vframe *top(struct verifier *v) { return v->cur->frame[v->cur->top]; }
static inline struct vreg *reg(struct verifier *v, u32 n) { return &top(v)->r[n]; }
void set_none(struct vreg *r);
void set_unknown(struct vreg *r);
void set_sized(struct vreg *r, u32 size);	/* any number of so many bytes */
void set_const(struct vreg *r, u64 value);
void set_pointer(struct vreg *r, enum vtype type);
static inline bool is_const(const struct vreg *r)
{
	return r->type == V_SCALAR && bpf_range_is_const(&r->n.wide);
}
/* May its pointers not leak? */
static inline bool hides(const struct verifier *v) { return v->in->unprivileged || v->in->hides; }
static inline bool is_null(const struct vreg *r) { return is_const(r) && !r->n.wide.umin; }
static inline bool is_pointer(const struct vreg *r)
{
	return r->type != V_NONE && r->type != V_SCALAR;
}
static inline bool is_packet(const struct vreg *r)
{
	return r->type == V_PACKET || r->type == V_META;
}
/* Calls f for every register and every spilled register of the current state. */
void each_reg(struct verifier *v, void (*f)(struct verifier *v, struct vreg *r, void *arg),
	      void *arg);

/* --- the program's form and flow (form.c, flow.c) --- */
int check_form(struct verifier *v);
int find_flow(struct verifier *v);
u32 insn_reads(const struct verifier *v, u32 pc);
u32 insn_writes(const struct verifier *v, u32 pc);
int check_depth(struct verifier *v, u32 *depth);
static inline bool leads_to_func(const struct bpf_insn *i)	/* a call of one, or its address */
{
	return bpf_is_local_call(i) || (bpf_is_wide(i) && i->src_reg == BPF_PSEUDO_FUNC);
}
static inline bool is_packet_load(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_LD &&
	       (BPF_MODE(i->code) == BPF_ABS || BPF_MODE(i->code) == BPF_IND);
}

/* --- what matters (demand.c); pc: where it is found out, before the instruction --- */
void find_live(struct verifier *v);
void want_reg(struct verifier *v, u32 pc, u32 regs);
void want_scalar(struct verifier *v, u32 r);	/* of the current instruction, if it is one */
void want_slots(struct verifier *v, u32 pc, u64 slots);
void read_slots(struct verifier *v, u32 frame, u32 lo, u32 hi);	/* slots lo..hi of a frame */
void link_at(struct verifier *v, u32 pc, u32 regs, u64 slots);
void want_return(struct verifier *v, u32 func);
void set_callback(struct verifier *v, u32 func);
void stack_access(struct verifier *v, bool own, u32 slot);	/* by the current instruction */

/* --- pruning (prune.c) --- */
/* 1: covered by what is known; 0: go on; negative: error. */
int arrive(struct verifier *v);
void path_ended(struct verifier *v, struct point *p);
void free_points(struct verifier *v);
void widen(struct verifier *v);		/* a callback has come back: what changes may change more */
void widen_loop(struct verifier *v);	/* the same for a loop that has come back to may_goto */

/* --- instructions; each leaves v->cur->pc where it goes on: 0, PATH_ENDS, or an error --- */
enum { PATH_ENDS = 1 };
int need_reg(struct verifier *v, u32 r);	/* may be read? */
int need_regs(struct verifier *v, u32 regs);	/* a mask */
int do_alu(struct verifier *v, const struct bpf_insn *i);
int do_branch(struct verifier *v, const struct bpf_insn *i);
int do_load_imm(struct verifier *v, const struct bpf_insn *i);
int do_load(struct verifier *v, const struct bpf_insn *i);
int do_store(struct verifier *v, const struct bpf_insn *i);
int do_atomic(struct verifier *v, const struct bpf_insn *i);
int do_packet_load(struct verifier *v, const struct bpf_insn *i);
int do_helper(struct verifier *v, const struct bpf_insn *i);
int do_call(struct verifier *v, const struct bpf_insn *i);
int do_exit(struct verifier *v);
int leave_by_tail_call(struct verifier *v);	/* puts the way of one that succeeds aside */
int enter_callback(struct verifier *v, u32 func, u32 helper, bool async);
void clobber_caller_saved(struct verifier *v);
void forget_packets(struct verifier *v);
/* May the program sleep here, in this helper (0: a global function)? If not, that is told. */
int may_sleep(struct verifier *v, u32 helper);
/* It sleeps: what was found in maps whose elements or maps may be freed meanwhile is forgotten. */
void sleep_here(struct verifier *v);
bool goes_in_sleep(const struct vreg *r);	/* is it such a pointer? */
int add_ref(struct verifier *v, u32 *id);
int release_ref(struct verifier *v, u32 id);
int refuse_in_callback(struct verifier *v);	/* a tail call: nobody would find the counter */
int check_refs(struct verifier *v, u32 from_frame, const char *what);

/* --- memory (memory.c, stack.c, ctx.c) --- */
enum access { READ, WRITE };
/* r + off, size bytes, by register number `regno` (for the log). */
int check_region(struct verifier *v, u32 regno, i64 off, i64 size, enum access how);
/* r + off is a multiple of size bytes, on every machine. */
int check_pointer_aligned(struct verifier *v, u32 regno, i64 off, u32 size);
/* The most that an object of that size may have to be a multiple of, up to 8 bytes. */
static inline u32 alignment_of(u32 size) { return size ? min(size & -size, 8u) : 1; }
int stack_load_reg(struct verifier *v, u32 regno, i32 off, u32 size, struct vreg *out);
int stack_store_reg(struct verifier *v, u32 regno, i32 off, u32 size, const struct vreg *value,
		    i32 from);
/* A range of the stack that a helper reads, or writes. */
int stack_range(struct verifier *v, u32 regno, i64 off, i64 size, enum access how);

struct ctx_field {
	u16 off, size;			/* for programs */
	u16 to, to_size;		/* in the kernel's structure */
	u8 type;			/* what is loaded: V_SCALAR, V_PACKET ... */
	bool writable, narrow;
};
/* The field that an access is in, NULL if it may not be. */
const struct ctx_field *ctx_field(u32 prog_type, i64 off, u32 size, enum access how);

/* --- helpers (protos.c) --- */
enum arg_type { A_NONE, A_ANY, A_CTX, A_MAP, A_KEY, A_VALUE, A_VALUE_OUT, A_MEM, A_MEM_OR_NULL,
		A_MEM_OUT, A_SIZE, A_SIZE0, A_CONST, A_ALLOC_SIZE, A_RINGBUF, A_LOCK, A_TIMER,
		A_CALLBACK, A_STACK_OR_NULL, A_LONG_OUT, A_STRING,
		A_REST /* any, or never written: what the register happens to hold */ };
enum ret_type { R_INT, R_VOID, R_VALUE_OR_NULL, R_MEM_OR_NULL, R_TASK,
		R_LENGTH /* up to the size that was given; or a negative errno */ };
enum {	H_RELEASES = 1, H_PACKET = 2 /* moves it */, H_PRIVILEGED = 4,
	H_SKB = 8, H_XDP = 16, H_SYSCALL = 32,	/* only for these */
	H_SLEEPS = 64,
	H_GPL = 128,	/* only for programs of its licence, as Linux has it */
	H_SHOWS = 256	/* not for programs that may not leak pointers; the same, but for probe_read
			 * and probe_read_str, which Linux forgets */ };
struct proto {
	u32 id;
	u8 ret;
	u16 flags;
	u8 arg[5];
};
const struct proto *find_proto(u32 id);
bool proto_fits(const struct proto *p, u32 prog_type);
/* May the helper work on maps of this type? */
bool map_fits(u32 map_type, u32 helper);

/* --- the program to run (rewrite.c) --- */
int rewrite(struct verifier *v, struct bpf_verified *out);
#endif
