/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted for each real user id (task/user.c). */
#ifndef TASK_USER_H
#define TASK_USER_H
#include <base/atomic.h>
#include <base/list.h>

struct user {
	ref_t ref;
	u32 uid;
	u32 sigpending;		/* queued siginfos, atomic: RLIMIT_SIGPENDING */
	u32 pipe_pages;		/* slots of pipes, atomic: fs.pipe-user-pages-soft, -hard */
	u32 watches;		/* epoll items, atomic: fs.epoll.max_user_watches */
	struct hnode hash;	/* user.c's lock */
};

extern struct user root_user;
/* The user uid, referenced; NULL: no memory. Sleeps. */
struct user *user_get_uid(u32 uid) __must_check;
static inline struct user *user_get(struct user *u)
{
	ref_get(&u->ref);
	return u;
}
void user_put(struct user *u);		/* any context */
#endif
