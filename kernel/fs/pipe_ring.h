/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of pipes, for fs/pipe.c and fs/fifo.c. */
#ifndef FS_PIPE_RING_H
#define FS_PIPE_RING_H
#include <hal/sync.h>
#include <hal/page.h>

#define PIPE_SLOTS	16u
#define PIPE_SLOTS_FEW	2u	/* of a user who has many: pipe(7), pipe-user-pages-soft */

struct page;
/* pinned: of a program's memory (vmsplice), else the pipe's own and NULL. */
struct pipe_buf { void *page; u32 off, len; bool packet; struct page *pinned; };

struct pipe {
	struct mutex lock; /* all below but the queues; head, tail and the counts are also read
			      without it */
	u32 head, tail;			/* slots used: tail..head-1, taken modulo the size */
	u32 mask;			/* slots - 1 */
	u32 readers, writers;		/* open files */
	u32 r_opened,
		w_opened; /* how often a reader or writer has come: what a FIFO's open waits for */
	struct pipe_buf *bufs;
	void *spare[2];			/* pages kept for the next write */
	struct user *user;	/* whom the slots are charged to; referenced */
	struct wait_queue rd_wait, wr_wait, open_wait;
	struct pipe_buf first[PIPE_SLOTS];
};

struct inode;
struct file;
int fifo_open(struct inode *i, struct file *f);
struct pipe *pipe_new(void);		/* NULL: no memory */
void pipe_free(struct pipe *p);
void pipe_drain(struct pipe *p);	/* lock held */
/* A file that reads or writes (FMODE_*) goes; wakes the other side. */
void pipe_leave(struct pipe *p, u32 mode);
static inline bool pipe_empty(const struct pipe *p)
{
	return READ_ONCE(p->head) == READ_ONCE(p->tail);
}
static inline bool pipe_full(const struct pipe *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail) > READ_ONCE(p->mask);
}
#endif
