/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dispatchers: one function through which programs of a kind are called. It compares the address of
 * the program that it is to call with those of up to 48 programs that it knows, by binary search,
 * and goes there by a direct branch; to others it goes by an indirect one.
 *
 *	entry: B ──► half 0 or half 1: search, direct branches     (always whole)
 *	             the other half: idle, written by the next change
 *
 * A change writes the idle half, and then exchanges the entry's one instruction: who runs through
 * meanwhile goes the old way or the new, and nobody is stopped. The half that was left can be
 * written again once no CPU can still be in it: after text_sync and a grace period, which the next
 * change waits for. Programs run with preemption off.
 */
#ifndef BPF_DISPATCH_H
#define BPF_DISPATCH_H
#include <hal/sync.h>
#include <text/image.h>

#define BPF_DISPATCH_MOST	48u

/* --- the code (emit.c): pure ------------------------------------------------------------------- */
/* Words of code for n programs, at most. */
u32 bpf_dispatch_words(u32 n);
/*
 * Code to run at address base: a function of (x0, x1, x2) that goes to x2, directly if that is one
 * of the n addresses in targets (ascending, no two alike, multiples of 4). x9 and flags are spoilt.
 * How many words were written; 0: a target is beyond 128 MiB.
 */
u32 bpf_dispatch_emit(u32 *image, u64 base, const u64 *targets, u32 n);

/* --- dispatchers ------------------------------------------------------------------------------- */
typedef u64 (*bpf_dispatch_run)(void *ctx, u64 r2);

struct bpf_dispatcher {
	const char *name;	/* of its symbol; the first two are set by who makes it */
	struct mutex change;	/* protects what follows, but for enter, which is set once */
	struct text_image image;
	u32 half;		/* the one in use: 0, 1 */
	bool left;		/* the other one may still be being left */
	u32 n;
	u64 target[BPF_DISPATCH_MOST];	/* ascending */
	u32 users[BPF_DISPATCH_MOST];	/* of each */
	/* The function; NULL until the first program comes. */
	u64 (*enter)(void *ctx, u64 r2, bpf_dispatch_run run);
};

/* A user more of program `run`, which stays executable until bpf_dispatch_remove. 0, -ENOSPC: it is
 * full, -ENOMEM: it is called all the same, only indirectly; nothing to be removed then. Sleeps. */
int bpf_dispatch_add(struct bpf_dispatcher *d, bpf_dispatch_run run) __must_check;
/* A user less. The program's code must not go before a grace period is over (text_retire). Sleeps. */
void bpf_dispatch_remove(struct bpf_dispatcher *d, bpf_dispatch_run run);
/* Calls the program. Preemption is off. */
static inline u64 bpf_dispatch(const struct bpf_dispatcher *d, void *ctx, bpf_dispatch_run run)
{
	return likely(d->enter) ? d->enter(ctx, 0, run) : run(ctx, 0);
}
#endif
