/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space: VMAs in a balanced tree, the page-table tree (pt/), counters. mm->lock (rwsem):
 * read to look up and fault, write to change VMAs. Lock order: docs/locking.md.
 */
#ifndef MM_MM_H
#define MM_MM_H
#include <hal/sync.h>
#include <hal/rcu.h>
#include <mm/page.h>
#include <mm/backing.h>
#include <mm/lineage.h>
#include <pt/pt.h>

struct vma_tree { void *root; };

enum vm_flag {			/* vma->vm_flags, values our own */
	VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4, VM_SHARED = 8,
	VM_MAYREAD = 0x10, VM_MAYWRITE = 0x20, VM_MAYEXEC = 0x40,
	VM_GROWSDOWN = 0x80, VM_LOCKED = 0x100, VM_LOCKONFAULT = 0x200,
	VM_DONTFORK = 0x400, VM_WIPEONFORK = 0x800, VM_NORESERVE = 0x1000,
	VM_HUGEPAGE = 0x2000, VM_NOHUGEPAGE = 0x4000, VM_SEQ = 0x8000, VM_RAND = 0x10000,
	VM_PFN = 0x20000	/* special: no struct page behind it (vDSO data, devices) */,
	VM_DONTDUMP = 0x40000, VM_STACK = 0x80000, VM_DONTEXPAND = 0x100000,
	VM_ACCOUNT = 0x200000	/* its pages count as promised (mm/commit.c) */,
	VM_SEALED = 0x400000	/* mseal(2) */,
	VM_DROPPABLE = 0x800000	/* private pages that reclaim may free at any time */,
};

struct vma {
	u64 start, end;			/* page aligned; changed with mm->lock held for writing */
	u32 vm_flags;
	struct mm *mm;
	struct backing *backing;	/* NULL: anonymous */
	/*
	 * Page offset in the backing; anonymous: start >> PAGE_SHIFT at birth, kept by mremap;
	 * VM_PFN without backing.frame: the frame number that start maps.
	 */
	u64 pgoff;
	/*
	 * Page offset of start in the lineage: what page.index of the private pages here counts
	 * from. start >> PAGE_SHIFT at birth, kept by mremap. Anonymous: the same as pgoff.
	 */
	u64 lin;
	const char *name;		/* "[vdso]" and the like, or NULL */
	/* may have private pages (COW copies too): what fork has to copy. Set under a node lock */
	bool has_anon;
	/* the tree, mm/vma.c's business */
	struct vma *left, *right, *parent;
	u64 sub_start, sub_end; /* first and last address of the subtree (with guard gaps) */
	u64 gap;			/* largest hole between the subtree's VMAs */
	u32 level;			/* AVL height */
	struct list share;		/* in mapping->vmas */
	struct list moved;		/* in mm->moved if lin is not start >> PAGE_SHIFT */
};

/* prctl(PR_SET_THP_DISABLE): no large folios; or only where MADV_HUGEPAGE asks. */
enum thp_disable { THP_ENABLED, THP_DISABLE_ALL, THP_DISABLE_UNADVISED };

#define COW_HOT 4u

/* prctl(PR_SET_MDWE), the bits of its ABI. */
enum mdwe { MDWE_REFUSE_EXEC_GAIN = 1, MDWE_NO_INHERIT = 2 };

struct mm {
	ref_t users;			/* tasks; at 0 all mappings go */
	ref_t count;			/* users (together one) and others who keep the struct */
	struct list all;		/* every address space, until count is 0; mm.c's lock */
	struct rwsem lock;
	/*
	 * The VMAs, their bounds and offsets change with lock held for writing and rmap_lock held;
	 * either of them is enough to look.
	 */
	struct spinlock rmap_lock;
	struct vma_tree vmas;
	struct list moved;		/* VMAs that do not lie where they were made */
	u32 nr_vmas;			/* lock */
	struct lineage_node *lineage;	/* ours; NULL once all mappings are gone */
	struct pt_tree pt;
	u64 brk_start, brk, stack_top, mmap_top;	/* lock */
	u64 code_start, code_end, data_start, data_end;
	u64 arg_start, arg_end, env_start, env_end;
	u64 auxv[48]; u32 nr_auxv;	/* written by exec before others see the mm */
	struct backing *exe;
	u64 vdso;			/* address of the vDSO image, 0: none */
	u64 locked_pages, total_pages, peak_pages;	/* lock; VmLck, VmSize, VmPeak */
	u64 account_pages;		/* lock; those of VMAs with VM_ACCOUNT */
	/* pages; with those that were taken from shared tables and are not settled (pt/share.c) */
	union {
		atomic64_t rss[NR_RSS];
		struct { atomic64_t rss_anon, rss_file, rss_shmem; };
	};
	u64 peak_rss;			/* pages, at the last time somebody looked */
	u64 def_flags;			/* MCL_FUTURE: VM_LOCKED ... */
	u32 oom_score_adj;
	u64 oom_killed_at;		/* clock_ns, atomic; 0: its users were not killed for memory */
	u8 thp_disable;			/* enum thp_disable; inherited */
	u8 mdwe;			/* lock; enum mdwe */
	bool reaped;			/* lock; its users are being killed and its pages are gone */
	bool has_sealed;		/* lock; some VMA is or was sealed */
	bool cow_tables;		/* prctl; inherited */
	u64 cow_forks;			/* lock; forks that shared our tables */
	bool huge_zero;			/* holds the 2 MiB of zeros (mm/zero.c), whose lock guards it */
	/*
	 * lock; leaf tables that fork copies at once since we write there after every fork, and the
	 * first that writes made ours after the last fork and the one before (mm/cow.c). Addresses
	 * >> 21, 0: none.
	 */
	u32 hot[COW_HOT], wrote[2], wrote_before[2];
	u8 next_hot;
	bool dumpable;			/* may be looked into by its user: prctl(2), PR_SET_DUMPABLE */
};

struct mm *mm_create(void);			/* users 1, empty; NULL: no memory */
/* What fork and execve hand on of what prctl has set. */
void mm_inherit(struct mm *child, const struct mm *parent);
/* What makes tables our own: STAT_COW_CAUSE counts by it. */
enum own_cause {
	OWN_WRITE,	/* a write fault */
	OWN_FILL,	/* a fault on a hole */
	OWN_UNMAP,
	OWN_PROTECT,
	OWN_MOVE,
	OWN_ADVISE,
	OWN_LOCK,
	OWN_PIN,	/* and access from outside */
	OWN_FORK,	/* what the child is not to have */
	NR_OWN_CAUSE
};
extern bool cow_tables_off;	/* command line: no fork shares tables */
struct mm *mm_fork(struct mm *parent);		/* ERR_PTR(-ENOMEM) */
void mm_get(struct mm *mm);			/* one more user */
/*
 * Sleeps; the last one unmaps all. A task that gives up its own address space has loaded another
 * (mm_switch) before.
 */
void mm_put(struct mm *mm);
void mm_drop(struct mm *mm);			/* gives back mm->count; sleeps */
void mm_hold(struct mm *mm);	/* one more count: the structure stays, not what is mapped */
bool mm_get_live(struct mm *mm) __must_check;	/* one more user, unless there is none */
/*
 * For who looks into somebody else's address space: it could be that of a process killed for its
 * memory, which does not come before mm_return. So until then allocations of this task wait for
 * nothing and fail early; whoever needs memory for what it found returns the address space, gets
 * it, and looks again. mm_borrow: mm has a user. mm_borrow_live: false if it has none any more.
 */
void mm_borrow(struct mm *mm);
bool mm_borrow_live(struct mm *mm) __must_check;
void mm_return(struct mm *mm);			/* sleeps, as mm_put */
/*
 * Address-space switch on this CPU, interrupts off; NULL: kernel threads (keeps none of the user
 * half).
 */
void mm_switch(struct mm *prev, struct mm *next);

/* --- system-call sized operations: arguments are checked by the callee, mm->lock is taken inside
 * --- */
struct mmap_req {
	u64 addr, len;
	int prot, flags;		/* PROT_*, MAP_* of the ABI */
	struct backing *backing;	/* NULL: anonymous; the VMA takes its own reference */
	u64 offset;			/* bytes, page aligned */
	u32 extra_vm_flags;		/* exec and kernel-made mappings */
	const char *name;
};
/* Returns the address or negative errno. */
i64 mm_mmap(struct mm *mm, const struct mmap_req *req);
int mm_munmap(struct mm *mm, u64 addr, u64 len);
int mm_mprotect(struct mm *mm, u64 addr, u64 len, int prot);
i64 mm_mremap(struct mm *mm, u64 old, u64 old_len, u64 new_len, int flags, u64 new_addr);
u64 mm_brk(struct mm *mm, u64 brk);
int mm_madvise(struct mm *mm, u64 addr, u64 len, int advice);
int mm_msync(struct mm *mm, u64 addr, u64 len, int flags);
int mm_mincore(struct mm *mm, u64 addr, u64 len, u8 __user *vec);
int mm_mlock(struct mm *mm, u64 addr, u64 len, bool onfault);
int mm_munlock(struct mm *mm, u64 addr, u64 len);
int mm_mlockall(struct mm *mm, int flags);
int mm_munlockall(struct mm *mm);
/*
 * Takes away the private pages of an address space all of whose users are being killed, ahead of
 * their end; they can touch nothing of it any more. 0 or -EINTR.
 */
int mm_reap(struct mm *mm);
int mm_mseal(struct mm *mm, u64 addr, u64 len, u64 flags);
int mm_set_mdwe(struct mm *mm, u64 bits);	/* 0, -EINVAL, -EPERM: it cannot be taken back */

/* --- faults ---------------------------------------------------------------------------------- */
enum fault_result {
	FAULT_OK,
	FAULT_SEGV_MAPERR,
	FAULT_SEGV_ACCERR,
	FAULT_BUS,
	FAULT_OOM,
	FAULT_KILLED,
	FAULT_SHARED	/* within mm only: the path has to be our own (mm/cow.c) */
};
struct fault { u64 addr; bool write, exec, user_mode; };
/* Takes mm->lock for reading. Counts minor and major faults into *major. */
enum fault_result mm_fault(struct mm *mm, const struct fault *f, bool *major);

/* --- looking in from outside (proc, core) ---------------------------------------------------- */
/*
 * Ports: the current process's soft limit (RLIMIT_*; sys/mm.c) and capabilities (task/cred.c).
 */
u64 mm_rlimit(int which);
bool capable(int cap);
/* sysctl vm.*: files in /proc/sys/vm change them. */
extern u32 mm_max_map_count, mm_overcommit_memory, mm_overcommit_ratio, mm_overcommit_kbytes;
extern u32 mm_admin_reserve_kbytes, mm_user_reserve_kbytes, mm_min_addr;
/* What may be promised where vm.overcommit_memory is 2, in pages. */
u64 mm_commit_limit(void);
u64 mm_committed(void);		/* what is promised, in pages */
/* For memory that is promised page by page (tmpfs): counts n more or (below 0) less. 0 or -ENOSPC,
 * nothing counted. */
int mm_commit(i64 n) __must_check;
/*
 * MAP_SHARED without a file: a backing of its own with pages that live as long as it (mm/shanon.c).
 * Its size is promised at once unless noreserve says not to; NULL: no memory.
 */
struct backing *shared_anon_backing(u64 size, bool noreserve) __must_check;
/*
 * For a backing's mmap operation: the VMA, not linked yet, becomes anonymous memory (private or
 * shared) and lets the backing go. 0 or -ENOMEM.
 */
int vma_make_anon(struct vma *v);
/*
 * Kernel pages in user space (vDSO): npages pages of the kernel image or linear map that are
 * physically contiguous, from kaddr on, at addr (0: mm chooses). vm_flags: VM_READ, VM_EXEC.
 * Returns the address or -errno. Takes mm->lock.
 */
i64 mm_map_kernel(struct mm *mm, u64 addr, const void *kaddr, u64 npages, u32 vm_flags,
		  const char *name);
/* VMA that contains addr, or NULL; lock held. */
struct vma *mm_find_vma(struct mm *mm, u64 addr);
struct vma *mm_first_vma_from(struct mm *mm, u64 addr);	/* the first that ends above addr */
struct vma *mm_next_vma(const struct vma *v);			/* by address, or NULL; lock held */
/*
 * Resident pages; what was taken from shared tables may still be among them, unlike the second's,
 * by kind, which takes longer. lock held for reading.
 */
u64 mm_rss(const struct mm *mm);
void mm_rss_now(const struct mm *mm, u64 n[NR_RSS]);
/*
 * Copies up to len bytes from (write: to) another process's memory; returns bytes, stops at the
 * first bad page. Breaks COW for writing. -ENOMEM: not a byte, for lack of memory.
 */
ssize_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write);
/*
 * The same from outside, of an address space that is kept by mm_hold only: it is borrowed meanwhile,
 * and memory that is missing is waited for with nothing borrowed. as_user: memory that the process
 * itself may not read is not read. 0: nobody uses it any more; -EFAULT: not a byte; -ENOMEM: the
 * caller is dying. Sleeps.
 */
ssize_t mm_access_held(struct mm *mm, u64 addr, void *buf, size_t len, bool write, bool as_user);
/* bytes */
struct vma_usage {
	u64 rss, pss, shared_clean, shared_dirty, private_clean, private_dirty;
	u64 referenced, anonymous, lazyfree, locked;
	u64 thp, file_thp, shmem_thp;	/* mapped by 2 MiB blocks: anonymous, files, shared memory */
	u64 cont;			/* mapped by 64 KiB contiguous blocks */
};
void mm_vma_usage(struct vma *v, struct vma_usage *u);		/* lock held for reading */
u64 mm_pagemap_entry(struct mm *mm, u64 addr); /* Linux pagemap word; lock held for reading */
u64 mm_table_pages(const struct mm *mm);			/* VmPTE in pages */
/* Those of its tables that others have too, and its own. lock held for reading. */
void mm_count_tables(const struct mm *mm, u64 *shared, u64 *own);

/* OOM: task/ provides the iteration over processes and the kill. */
struct oom_ops {
	/*
	 * Picks and kills the largest victim; says so in the log by name. false if none can be
	 * killed.
	 */
	bool (*kill_one)(u64 needed_pages);
};
extern const struct oom_ops *oom_ops;	/* NULL until task/ has set it */
/*
 * How much killing the owner of mm would bring, in pages, with oom_score_adj (-1000..1000) as a
 * share of total_pages in thousandths; OOM_NEVER: must not be killed, or is being killed already.
 * No locks.
 */
#define OOM_ADJ_NEVER	(-1000)
#define OOM_NEVER	INT64_MIN
i64 oom_badness(const struct mm *mm, i32 adj, u64 total_pages);
/* Whoever uses mm is being killed for its memory. now: clock_ns. No locks. */
void oom_mark(struct mm *mm, u64 now);
/*
 * The memory of an address space that was marked less than patience ns ago is still to come, and may
 * be waited for. One that has not gone after OOM_PATIENCE_NS is slow, and the next victim is due;
 * where there is none, it is waited for until OOM_STUCK_NS: then it stands behind a lock of the task
 * that asks.
 */
#define OOM_PATIENCE_NS	1000000000ull
#define OOM_STUCK_NS	10000000000ull
bool oom_pending(u64 now, u64 patience);
#endif
