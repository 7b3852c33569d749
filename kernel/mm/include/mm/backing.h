/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VMA may map, seen from mm: fs embeds struct backing in struct file. Reference counted
 * through its ops. */
#ifndef MM_BACKING_H
#define MM_BACKING_H
#include <base/types.h>

struct mapping;
struct vma;
struct backing;
struct seq;

struct backing_id { u32 dev; u64 ino; };
struct backing_ops {
	void (*get)(struct backing *b);
	void (*put)(struct backing *b);
	struct backing_id (*id)(struct backing *b);
	/* The path as /proc/PID/maps shows it, into buf; returns its length. */
	int (*path)(struct backing *b, char *buf, size_t size);
	/* Called at mmap after the checks: may set vma->vm_flags or refuse. NULL: an ordinary
	 * page-cache mapping. */
	int (*mmap)(struct backing *b, struct vma *vma);
	/*
	 * Of a VMA with VM_PFN: the frame at that page offset, ~0 if there is none (SIGBUS). It stays
	 * as long as the backing. NULL: the offset is the frame.
	 */
	u64 (*frame)(struct backing *b, u64 pgoff);
};
/* What posix_fadvise says of it. */
enum ra_mode { RA_NORMAL, RA_RANDOM, RA_SEQUENTIAL };
/* How an open file is read; changed without a lock: a guess. */
struct readahead {
	u64 prev;	/* one more than the index of the page that was read last; 0: none */
	u64 next;	/* behind the pages that were read in last */
	u32 window;	/* so many were to be read in then; 0: the reader is not sequential */
	u8 mode;	/* enum ra_mode */
};
struct backing {
	const struct backing_ops *ops;
	struct mapping *mapping;	/* page cache; NULL if the device has none */
	bool may_write, may_exec;	/* opened for writing; on a mount that allows exec */
	struct readahead ra;
};
#endif
