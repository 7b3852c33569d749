/* SPDX-License-Identifier: BSD-2-Clause */
/* How poll, select and epoll find out. A file's poll method queues the caller and returns the ready
 * events. */
#ifndef FS_POLL_H
#define FS_POLL_H
#include <hal/sync.h>
#include <linux/eventpoll.h>

struct file;
struct pollfd;
struct poll_table {
	void (*queue)(struct poll_table *pt, struct file *f, struct wait_queue *q);
	u32 events;
};
/* Call once for each queue whose wake_up_key(…, events) tells of a change; pt may be NULL (only
 * asks). */
static inline void poll_wait(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	if (pt && pt->queue)
		pt->queue(pt, f, q);
}
u32 file_poll(struct file *f,
	      struct poll_table *pt); /* no poll method: always readable and writable */
/*
 * Fills in revents of n entries in kernel memory and waits for one at least, to deadline (clock_ns;
 * 0: only looks; ~0: for ever). How many are ready, 0 when the time is over, -ERESTARTNOHAND,
 * -ENOMEM. (fs/poll.c)
 */
i64 poll_fds(struct pollfd *fds, u32 n, u64 deadline);

/* --- epoll(7), fs/epoll.c --------------------------------------------------------------------- */
struct epoll_event;
struct file *epoll_create_file(void);			/* ERR_PTR */
/* op: EPOLL_CTL_*; ep is an epoll file or gives -EINVAL; fd and f: what to watch. */
int epoll_ctl_file(struct file *ep, int op, int fd, struct file *f, const struct epoll_event *ev);
/* Up to max (> 0) events to user memory; how many, 0 at the deadline, -EINTR, -EFAULT, -EINVAL (no
 * epoll file). */
i64 epoll_wait_file(struct file *ep, struct epoll_event *events, int max, u64 deadline);
/* The last reference to f is gone: called before its release if f->epolls is not empty. Sleeps. */
void file_epoll_gone(struct file *f);
#endif
