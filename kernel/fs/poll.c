/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for several files at once. The first look at the files queues the caller with each; then
 * it sleeps until one of the queues wakes it with an event it wants, and looks again. A wake
 * between a look and the sleep leaves its mark in triggered, which is read after the task is marked
 * asleep.
 */
#include <base/alloc.h>
#include <fs/poll.h>
#include <fs/vfs.h>
#include <task/task.h>
#include <linux/poll.h>

struct poll_entry {
	struct wait_entry wait;
	struct wait_queue *q;
	struct poll_waiter *waiter;
	struct file *file;
	u32 events;
};
struct poll_chunk { struct poll_chunk *next; u32 used; struct poll_entry entry[30]; };
struct poll_waiter {
	struct poll_table pt;
	struct task *task;
	bool triggered, failed;
	u32 used;
	struct poll_entry first[6];
	struct poll_chunk *more;
};

u32 file_poll(struct file *f, struct poll_table *pt)
{
	if (!f->ops->poll)
		return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	return f->ops->poll(f, pt);
}

static bool poll_wake(struct wait_entry *w, unsigned mode, u64 key)
{
	struct poll_entry *e = container_of(w, struct poll_entry, wait);

	if (key && !(key & e->events))
		return false;
	WRITE_ONCE(e->waiter->triggered, true);
	return wake_task(e->waiter->task, mode);
}

static struct poll_entry *new_entry(struct poll_waiter *w)
{
	struct poll_chunk *c = w->more;

	if (w->used < ARRAY_SIZE(w->first))
		return &w->first[w->used++];
	if (!c || c->used == ARRAY_SIZE(c->entry)) {
		c = kmalloc(sizeof(*c));
		if (!c)
			return NULL;
		c->next = w->more;
		c->used = 0;
		w->more = c;
	}
	return &c->entry[c->used++];
}

static void poll_queue(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct poll_waiter *w = container_of(pt, struct poll_waiter, pt);
	struct poll_entry *e = new_entry(w);

	if (!e) {
		w->failed = true;
		return;
	}
	wait_entry_init(&e->wait);
	e->wait.wake = poll_wake;
	e->q = q;
	e->waiter = w;
	e->file = file_get(f);
	e->events = pt->events;
	wait_add(q, &e->wait);
}

static void leave(struct poll_entry *e, u32 n)
{
	for (; n; n--, e++) {
		wait_remove(e->q, &e->wait);
		file_put(e->file);
	}
}

static void leave_all(struct poll_waiter *w)
{
	struct poll_chunk *c;

	leave(w->first, w->used);
	while ((c = w->more)) {
		w->more = c->next;
		leave(c->entry, c->used);
		kfree(c);
	}
}

static u32 poll_one(struct pollfd *p, struct poll_table *pt)
{
	u32 want = (u16)p->events | EPOLLERR | EPOLLHUP, got = POLLNVAL;
	struct fdref r;

	if (p->fd < 0)
		return 0;
	r = fdref_get(p->fd);
	if (r.file) {
		if (pt)
			pt->events = want;
		got = file_poll(r.file, pt) & want;
		fdref_put(r);
	}
	return got;
}

/* Once one is ready there is no use in queueing with the rest. */
static i64 look(struct pollfd *fds, u32 n, struct poll_waiter *w)
{
	struct poll_table *pt = w ? &w->pt : NULL;
	i64 ready = 0;

	for (u32 i = 0; i < n; i++) {
		u32 got = poll_one(&fds[i], pt);

		fds[i].revents = (short)got;
		if (got) {
			ready++;
			pt = NULL;
		}
	}
	return ready;
}

i64 poll_fds(struct pollfd *fds, u32 n, u64 deadline)
{
	struct poll_waiter w;
	bool in_time = true, queue = true;
	i64 ready;

	if (!deadline)
		return look(fds, n, NULL);
	w.pt.queue = poll_queue;
	w.task = current;
	w.triggered = w.failed = false;
	w.used = 0;
	w.more = NULL;
	for (;;) {
		ready = look(fds, n, queue ? &w : NULL);
		queue = false;
		if (ready || !in_time)
			break;
		if (w.failed) {
			ready = -ENOMEM;
			break;
		}
		set_state(TASK_INTERRUPTIBLE);
		if (sleep_interrupted(SLEEP_INTERRUPTIBLE)) {
			ready = -ERESTARTNOHAND;
			WRITE_ONCE(current->sched.state, TASK_RUNNING);
			break;
		}
		if (!READ_ONCE(w.triggered))
			in_time = schedule_until(deadline);
		WRITE_ONCE(current->sched.state, TASK_RUNNING);
		WRITE_ONCE(w.triggered, false);
		smp_mb(); /* a wake from here on is seen by the next sleep, one before by the next
			     look */
	}
	leave_all(&w);
	return ready;
}
