/* SPDX-License-Identifier: BSD-2-Clause */
/* Walking a path name with references: for namei.c, namei_ops.c and open.c. */
#ifndef FS_WALK_H
#define FS_WALK_H
#include "internal.h"

enum last_type { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_NONE /* "/" or "" */ };

struct walk {
	struct path cur, root;	/* referenced; IN_ROOT and BENEATH: root is where the walk starts */
	u32 flags;		/* LOOKUP_* */
	u32 links;		/* symlinks followed */
	const char *name;	/* what is left */
	char *buf;		/* holds name once a symlink was followed */
	/* the last component, after walk_to_last; in the memory of name */
	const char *last;
	u32 last_len;
	enum last_type type;
	bool trailing;		/* slashes after it: it must be a directory */
};

/* On 0 walk_end must follow. name stays the caller's. */
int walk_begin(struct walk *w, int dirfd, const char *name, u32 flags);
void walk_end(struct walk *w);
/* Goes down to the directory of the last component (searchable), which it leaves alone. */
int walk_to_last(struct walk *w);
/* d, the symlink in cur, is followed: w->name becomes its text and the rest. */
int walk_follow(struct walk *w, struct dentry *d, const char *rest);
/* cur = *p, whose reference it takes over; then down through what is mounted there. */
void walk_set(struct walk *w, const struct path *p);
int walk_cross(struct walk *w);
#endif
