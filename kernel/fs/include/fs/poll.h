/* SPDX-License-Identifier: BSD-2-Clause */
/* How poll, select and epoll find out. A file's poll method queues the caller and returns the ready events. */
#ifndef FS_POLL_H
#define FS_POLL_H
#include <hal/sync.h>
#include <linux/eventpoll.h>

struct file;
struct poll_table { void (*queue)(struct poll_table *pt, struct file *f, struct wait_queue *q); u32 events; };
/* Call once for each queue whose wake_up_key(…, events) tells of a change; pt may be NULL (only asks). */
static inline void poll_wait(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	if (pt && pt->queue)
		pt->queue(pt, f, q);
}
u32 file_poll(struct file *f, struct poll_table *pt);	/* no poll method: always readable and writable */
#endif
