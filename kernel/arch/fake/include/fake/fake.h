/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that the host tests run on: RAM in an arena, up to MAX_CPUS CPUs with model TLBs,
 * coroutines as threads (each on a CPU of its own), allocation that fails when asked. All choices
 * come from one seed. A broken rule panics.
 */
#ifndef FAKE_FAKE_H
#define FAKE_FAKE_H
#include <hal/pte.h>
#include <hal/preempt.h>
#include <hal/spinlock.h>

/* Fresh machine; frees the last one's memory. ram: bytes, a multiple of 2 MiB. */
void fake_init(u64 ram, u64 seed);
u32 fake_random(u32 below);
u64 fake_shrink(u64 n);		/* n objects for every shrinker; what they freed */

/* --- threads (fake/sched.c) ------------------------------------------------------------------ */
/*
 * Runs fn(arg[i]) for i in 0..n-1, n <= MAX_CPUS, as threads on CPUs 0..n-1 until all have
 * returned.
 */
void fake_run(u32 n, void (*fn)(void *arg), void **arg);
/* Outside fake_run: which CPU the test itself runs on. */
void fake_set_cpu(u32 cpu);
void fake_switch_point(void);		/* another thread may run now */
/* Called when a spinlock is about to be released, if not NULL. */
extern void (*fake_before_unlock)(struct spinlock *l);
extern u32 fake_switch_rate;		/* one in so many switch points switches; 0: never */
extern bool fake_kill_pending;		/* what sleep_interrupted(SLEEP_KILLABLE) says */

/* --- MMU (fake/mmu.c) ------------------------------------------------------------------------ */
enum fake_access_kind { FAKE_READ, FAKE_WRITE, FAKE_EXEC };
/*
 * Where the current CPU's user access to va lands in the arena, by its TLB or by a walk; NULL: it
 * faults.
 */
void *fake_translate(u64 va, enum fake_access_kind kind);
/* A walk ahead of use, as hardware may make at any time, on any CPU; never faults. */
void fake_speculate(u64 va);
/*
 * Nothing is being changed now: every cached translation must be what the tables say, or less, and
 * every contiguous block whole.
 */
void fake_check_tlbs(void);
/* No CPU has a way to a table that is not on the way of the tree of that root any more. */
void fake_check_ways(const void *root);
/* The CPU of a thread of fake_run that holds or waits for a spinlock in [lo, hi); -1: there is none. */
int fake_locked_within(const void *lo, const void *hi);
/* n pages are given back: nobody may have them cached, or be at the lock of one that was a table. */
void fake_check_free(pfn_t pfn, u64 n);
/* Empty TLBs, counts of 0; the RAM is there. */
void fake_mmu_reset(void);
void fake_set_asid_bits(u32 n);
extern bool fake_tables_by_hand;	/* the test makes its tables itself, and they count no entries */
/* How many entries of that many bytes (4 KiB, 64 KiB, ...) all TLBs together have for va. */
u32 fake_tlb_find(u16 asid, u64 va, u64 size);
/* Since fake_init, over all CPUs; tests may clear it. */
struct fake_mmu_counts {
	u64 stores;			/* to entries, by software */
	u64 inserts;			/* of translations into TLBs */
	u64 invalidations;		/* calls, of any form */
	u64 pages;			/* that the page and range forms named */
	u64 dropped, dropped_ways;	/* translations and ways to tables that they removed */
};
extern struct fake_mmu_counts fake_mmu;

/* --- memory (fake/mem.c) --------------------------------------------------------------------- */
extern u32 fake_fail_rate;		/* one in so many allocations fails; 0: never */
extern u64 fake_fail_at;		/* the how-manieth allocation from now on fails; 0: none */
/* Allocated now: for tests of leaks. */
u64 fake_pages_used(void);
u64 fake_objects_used(void);		/* slab and kmalloc objects */
/*
 * User access by the current address space: faults are served by mm_fault through this hook. False:
 * bad address.
 */
extern bool (*fake_fault)(u64 va, enum fake_access_kind kind);
#endif
