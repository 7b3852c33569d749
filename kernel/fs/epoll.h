/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of epoll (fs/epoll.c: waiting; fs/epoll_ctl.c: what is watched). */
#ifndef FS_EPOLL_H
#define FS_EPOLL_H
#include <fs/poll.h>
#include <fs/vfs.h>
#include <lib/tree.h>

#define EPOLL_NESTS	4		/* watches of watches */
#define EPOLL_CHAINS	500u		/* ways up from one epoll: what one wake-up may set off */
#define EPOLL_QUEUES 2 /* wait queues of one file; the rest is in the item's chain */

struct epoll;
struct epitem;
struct epwait {
	struct wait_entry wait;
	struct wait_queue *q;
	struct epitem *item;
	struct epwait *next;
};

enum item_where { ITEM_IDLE, ITEM_READY, ITEM_TAKEN };

struct epitem {
	struct tree_node node;		/* ep->items, by file and descriptor; ep->mutex */
	struct epoll *ep;
	struct file *file;		/* not referenced: the file's end removes the item */
	int fd;
	struct list file_link;		/* file->epolls; file->ep_lock */
	u32 events; /* wanted, with EPOLLET and the like; 0: EPOLLONESHOT has fired. ep->lock */
	u64 data;
	struct list ready_link;		/* ep->lock */
	enum item_where where;		/* ep->lock */
	bool again;			/* an event came while ITEM_TAKEN; ep->lock */
	bool failed;			/* no memory for a wait entry */
	u32 used;
	struct epwait waits[EPOLL_QUEUES], *more;
};

struct epoll {
	struct mutex mutex;		/* items, and who harvests */
	struct spinlock lock;		/* ready list; taken in wake-ups, interrupts off */
	struct list ready;
	struct tree items;
	struct wait_queue waiters;	/* epoll_wait */
	struct wait_queue pollers;	/* poll and epoll on this epoll */
	struct file *file;
	struct user *user;		/* whom the items are charged to; referenced */
	u32 visit;			/* the last search that came here; graph_lock */
};

extern const struct file_ops epoll_file_ops;
extern u32 epoll_max_user_watches;
void epitem_wake_readers(struct epoll *ep);
void epoll_free(struct epoll *ep);
#endif
