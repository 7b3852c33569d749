/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted for each real user id (task/user.c). */
#ifndef TASK_USER_H
#define TASK_USER_H
#include <base/atomic.h>
#include <base/list.h>

struct user {
	ref_t ref;
	u32 uid;
	u32 sigpending;		/* queued siginfos, POSIX timers; atomic: RLIMIT_SIGPENDING */
	u32 pipe_pages;		/* slots of pipes, atomic: fs.pipe-user-pages-soft, -hard */
	u64 socket_bytes;	/* sent by its AF_UNIX sockets and not yet received, atomic */
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
/* One more in sigpending, for which u is referenced; false: u has limit of them. Any context. */
static inline bool user_charge_pending(struct user *u, u64 limit)
{
	if (__atomic_fetch_add(&u->sigpending, 1, __ATOMIC_RELAXED) < limit) {
		user_get(u);
		return true;
	}
	__atomic_sub_fetch(&u->sigpending, 1, __ATOMIC_RELAXED);
	return false;
}
static inline void user_uncharge_pending(struct user *u)
{
	__atomic_sub_fetch(&u->sigpending, 1, __ATOMIC_RELAXED);
	user_put(u);
}
#endif
