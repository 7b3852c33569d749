/* SPDX-License-Identifier: BSD-2-Clause */
/* newc cpio archives (the initrd), read as a stream: pure, believes nothing it reads (lib/cpio.c;
 * format: cpio(5)). */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H
#include <base/types.h>

#define CPIO_NAME_MAX	4096	/* with the NUL; longer is damage */
#define CPIO_HEADER	110

struct cpio_entry {		/* valid during the callbacks */
	const char *name;	/* no leading slashes, never empty */
	const char *target;	/* symlinks: the text; else NULL */
	u32 ino, mode, uid, gid, nlink, mtime;
	u64 size;
	u32 dev_major, dev_minor, rdev_major, rdev_minor;
};

struct cpio_ops {		/* nonzero (a negative errno) stops the reading */
	/* A file begins; for symlinks its text has been read already. */
	int (*entry)(void *arg, const struct cpio_entry *e);
	/* The next n bytes of the file (not of symlinks), at pos. */
	int (*data)(void *arg, const struct cpio_entry *e, u64 pos, const void *p, size_t n);
};

enum cpio_state { CPIO_BETWEEN, CPIO_IN_HEADER, CPIO_IN_NAME, CPIO_IN_DATA, CPIO_IN_PAD };

struct cpio {
	const struct cpio_ops *ops;
	void *arg;
	const char *problem;	/* what was wrong, after -EINVAL */
	enum cpio_state state;
	u64 at;			/* bytes read in all: padding is to multiples of 4 of it */
	u64 left, done;		/* of the current header, name, data */
	u32 name_size;
	bool trailer;		/* an archive's end was read */
	struct cpio_entry e;
	char header[CPIO_HEADER];
	char name[CPIO_NAME_MAX], target[CPIO_NAME_MAX];
};

/* Before the first byte; arg is for the callbacks. Allocates nothing. */
void cpio_init(struct cpio *c, const struct cpio_ops *ops, void *arg);
/*
 * Reads n bytes more. *used: all of them, or fewer where, between archives, something else than an
 * archive begins. 0, -EINVAL (c->problem), or what a callback returned.
 */
int cpio_feed(struct cpio *c, const void *data, size_t n, size_t *used);
/* Between archives: nothing is cut off. */
static inline bool cpio_complete(const struct cpio *c) { return c->state == CPIO_BETWEEN; }
#endif
