/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the flat model share. */
#ifndef MM_MODEL_IN_H
#define MM_MODEL_IN_H
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mman.h>
#include <fake/fake.h>
#include <mm/thp.h>
#include "internal.h"
#include "mm_model.h"

#define MAX_PAGES 1056u		/* of the window: 16, two whole tables of 512, 16 */
#define PROCS 6u
#define OBJECTS 64u		/* the first FILES are the files' */
#define OBJ_PAGES MAX_PAGES
#define MM_PINS 5u

/*
 * FILE_MEMORY keeps its pages (tmpfs); FILE_READONLY, too, but is opened for reading only; FILE_DISK
 * is read in and its clean pages may be dropped at any time.
 */
enum { FILE_MEMORY, FILE_READONLY, FILE_DISK, FILES };
enum kind { NONE, ANON, SHARED_ANON, FILE_PRIVATE, FILE_SHARED };

/* The flags of a VMA that the model follows. */
#define TRACKED (VM_LOCKED | VM_LOCKONFAULT | VM_DONTFORK | VM_WIPEONFORK | VM_SEQ | VM_RAND | \
	VM_HUGEPAGE | VM_NOHUGEPAGE | VM_DONTDUMP | VM_GROWSDOWN | VM_NORESERVE | VM_MAYWRITE)

/* One page of a process's window: what maps it, and its own contents where it has some. */
struct mpage {
	u8 kind, prot;
	u8 pin;			/* its page is pinned: 1 + which pin */
	u16 obj, off;		/* page off of objects[obj]; not ANON */
	bool copied;		/* FILE_PRIVATE: has contents of its own */
	bool given;		/* ANON: given up (MADV_FREE), may hold 0 instead of val */
	u32 flags;		/* of TRACKED */
	u64 val;		/* what its first and last word hold */
};
struct object { u64 val[OBJ_PAGES]; u64 size; };	/* bytes, whole pages */
struct proc {
	struct mm *mm;		/* NULL: there is no such process */
	u32 cpu;
	u32 def_flags;		/* mlockall(MCL_FUTURE) */
	u32 brk;		/* page */
	struct mpage page[MAX_PAGES];
};
struct file { struct backing b; struct mapping m; i32 refs; u64 disk[OBJ_PAGES]; };

extern struct proc procs[PROCS];
extern struct object objects[OBJECTS];
extern struct file files[FILES];
extern u32 nr_objects, window;		/* window: pages */
extern u32 file_pages;			/* so long files may get */
extern u64 base;			/* address of the window's page 0 */
extern struct mm_model_stats *stats;
extern bool may_fail;			/* allocations fail */
extern u64 stamp;			/* the last value written */

/* MM_TRACE=1 shows what is done. */
extern bool tracing;
#define trace(...) do { if (tracing) fprintf(stderr, __VA_ARGS__); } while (0)

static inline u64 va_of(u32 page) { return base + (u64)page * PAGE_SIZE; }
static inline u32 number(const struct proc *p) { return (u32)(p - procs); }
static inline u64 size_of(u32 pages) { return (u64)pages * PAGE_SIZE; }
/* Where brk starts. */
static inline u32 brk_page(void) { return window - 8; }

/* --- mm_model.c ------------------------------------------------------------------------------ */
u32 choose(u32 below);			/* the next choice, 0..below-1 */
void range(u32 *i, u32 *n);		/* pages i..i+n-1 of the window */
/* The same, in or around what a contiguous or 2 MiB block of the current process maps, if it has one. */
void range_at_block(u32 *i, u32 *n);
void be(struct proc *p);		/* its CPU runs it */
/* The process is over: no CPU has its address space loaded, except perhaps the current one. */
void leave(struct proc *p);
struct proc *free_proc(void);		/* or NULL */
void unmap_model(struct proc *p, u32 i, u32 n);
/* Allocation failure, where that may be. Counts it. */
bool failed(i64 r);
/* After a failure half-way: what the VMAs say. What a page maps has not changed, if it is mapped. */
void resync(struct proc *p, u32 i, u32 n);
/* Finds out which private file pages have become copies: after failures half-way. */
void see_copies(struct proc *p, u32 i, u32 n);
/* The same, which private pages have gone: after a failing MADV_DONTNEED or the like. */
void see_drops(struct proc *p, u32 i, u32 n);
/* What page i maps, or NULL. */
struct page *page_at(struct proc *p, u32 i);
enum fault_result expected(const struct mpage *m, enum fake_access_kind kind);
u64 *model_word(struct mpage *m);
/* The page may hold what was seen; if it was given up and holds 0, it is 0 from now on. */
bool may_hold(struct mpage *m, u64 seen);
/* The page has been written to. */
void model_write(struct mpage *m, u64 val);
/* The page becomes the process's own, if it is private: as a write does. */
void own_page(struct mpage *m);
/* What mm_populate does to the model; false: it stopped at a page that cannot be had. */
bool populate_model(struct proc *p, u32 i, u32 n, bool best_effort);
/* The first mapped page of i..window-1, or window. */
u32 next_mapped(const struct proc *p, u32 i);
/* An access to page i by the process as its CPU does it: the result and the contents are right. */
void check_access(struct proc *p, u32 i, enum fake_access_kind kind);
/* The words that a page holds: both of one value. */
u64 word_of(const u64 *page);
void fill_page(u64 *page, u64 val);

/* --- mm_pin.c -------------------------------------------------------------------------------- */
bool op_pin(struct proc *p);
bool op_unpin(struct proc *p);
void check_pin(const struct proc *p, u32 i);	/* if page i is pinned: the pin shows what it holds */
void unpin_all(void);

/* --- mm_ops.c */
struct choice { struct mmap_req r; u32 i, n, kind, obj, off, flags; };
/* mmap as chosen, with MAP_FIXED or (nothing may be there) MAP_FIXED_NOREPLACE. Whether it is there. */
bool map_chosen(struct proc *p, struct choice *c, bool noreplace);

/* --- mm_ops.c: the table --------------------------------------------------------------------- */
/* Chooses an operation and runs it for p. */
void any_op(struct proc *p);
bool op_truncate(struct proc *p);	/* mm_ops_file.c */
bool op_punch(struct proc *p);
bool op_file_write(struct proc *p);
bool op_file_read(struct proc *p);
bool op_reclaim(struct proc *p);
bool op_policy(struct proc *p);		/* mm_ops_large.c */
bool op_block(struct proc *p);
bool op_block_edge(struct proc *p);
void object_zero(u32 obj, u32 page);
#endif
