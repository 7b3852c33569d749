/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll(7): waiting. An item is idle, on the ready list, or taken by the one who harvests
 * (ep->mutex held). A wake-up of its file puts an idle item on the list and marks a taken one
 * `again`. The harvester takes the whole list, asks each file what is really there, reports it, and
 * puts back level-triggered items and those marked.
 *
 * Locks: ep->mutex, then ep->mutex of an epoll inside, then file->ep_lock; in wake-ups the file's
 * queue lock, ep->lock (dropped), then the queues of this epoll. epoll_ctl keeps the graph of
 * epolls without cycles, so these orders hold.
 */
#include <base/alloc.h>
#include <fs/seq.h>
#include <hal/cpu.h>
#include <hal/uaccess.h>
#include <linux/fcntl.h>
#include <task/task.h>
#include "epoll.h"

static bool has_ready(struct epoll *ep) { return !list_empty(&ep->ready); }

void epitem_wake_readers(struct epoll *ep)
{
	wake_up_key(&ep->waiters, 1, EPOLLIN);
	wake_up_key(&ep->pollers, 0, EPOLLIN | EPOLLRDNORM);
}

/* --- harvesting ------------------------------------------------------------------------------- */

static void take_ready(struct epoll *ep, struct list *taken)
{
	struct epitem *it;
	u64 flags = spin_lock_irqsave(&ep->lock);

	list_init(taken);
	list_splice_tail(taken, &ep->ready);
	list_for_each(it, taken, ready_link) {
		it->where = ITEM_TAKEN;
		it->again = false;
	}
	spin_unlock_irqrestore(&ep->lock, flags);
}

/* What was not looked at goes back to the front. */
static void put_back(struct epoll *ep, struct list *taken)
{
	struct epitem *it;
	u64 flags = spin_lock_irqsave(&ep->lock);

	list_for_each(it, taken, ready_link)
		it->where = ITEM_READY;
	list_splice_tail(taken, &ep->ready);
	list_splice_tail(&ep->ready, taken);
	spin_unlock_irqrestore(&ep->lock, flags);
}

/* The item has been looked at: keep: it stays ready. */
static void item_done(struct epoll *ep, struct epitem *it, bool keep)
{
	u64 flags = spin_lock_irqsave(&ep->lock);

	list_del(&it->ready_link);
	keep = keep || (it->again && it->events);
	it->where = keep ? ITEM_READY : ITEM_IDLE;
	if (keep)
		list_add_tail(&ep->ready, &it->ready_link);
	spin_unlock_irqrestore(&ep->lock, flags);
}

static u32 item_poll(struct epitem *it)
{
	return file_poll(it->file, NULL) & it->events &
	       ~(u32)(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP);
}

/* By members: a struct copied whole would take padding from the kernel's stack along. */
static int put_event(struct epoll_event __user *out, u32 events, u64 data)
{
	return put_user(events, &out->events) ?: put_user(data, &out->data);
}

/* ep->mutex held. Number of events stored, or -EFAULT if the first could not be. */
static i64 harvest(struct epoll *ep, struct epoll_event __user *out, int max)
{
	struct list taken;
	i64 n = 0;

	take_ready(ep, &taken);
	while (!list_empty(&taken) && n < max) {
		struct epitem *it = list_first(&taken, struct epitem, ready_link);
		u32 got = item_poll(it);
		bool keep = got && !(it->events & EPOLLET);

		if (got) {
			if (put_event(&out[n], got, it->data)) {
				n = n ?: -EFAULT;
				break;
			}
			n++;
			if (it->events & EPOLLONESHOT) {
				it->events = 0;
				keep = false;
			}
		}
		item_done(ep, it, keep);
	}
	put_back(ep, &taken);
	return n;
}

static i64 try_harvest(struct epoll *ep, struct epoll_event __user *out, int max)
{
	i64 n;
	bool more;

	if (!has_ready(ep))
		return 0;
	mutex_lock(&ep->mutex);
	n = harvest(ep, out, max);
	more = has_ready(ep);
	mutex_unlock(&ep->mutex);
	if (more && wait_queue_active(&ep->waiters))
		wake_up_key(&ep->waiters, 1, EPOLLIN);
	return n;
}

/* 1: something may be ready; 0: deadline; -EINTR. */
static int sleep_ready(struct epoll *ep, u64 deadline)
{
	struct wait_entry e;
	int ret = 1;

	wait_entry_init(&e);
	e.exclusive = true;
	for (;;) {
		wait_prepare(&ep->waiters, &e, SLEEP_INTERRUPTIBLE);
		if (has_ready(ep))
			break;
		if (sleep_interrupted(SLEEP_INTERRUPTIBLE)) {
			ret = -EINTR;
			break;
		}
		if (!schedule_until(deadline)) {
			ret = has_ready(ep);
			break;
		}
	}
	wait_finish(&ep->waiters, &e);
	if (ret <= 0 && has_ready(ep))
		wake_up_key(&ep->waiters, 1, EPOLLIN);	/* the wake-up was meant for somebody */
	return ret;
}

i64 epoll_wait_file(struct file *f, struct epoll_event *events, int max, u64 deadline)
{
	struct epoll *ep = f->private;
	i64 n;

	if (f->ops != &epoll_file_ops)
		return -EINVAL;
	for (;;) {
		n = try_harvest(ep, events, max);
		if (n || !deadline)
			return n;
		n = sleep_ready(ep, deadline);
		if (n < 0)
			return n;
		if (n == 0)
			deadline = 0;	/* one look more */
	}
}

/* --- an epoll as a file ----------------------------------------------------------------------- */

/* Readable if an item really is: those found idle leave the list. */
static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private;
	struct list taken;
	bool ready = false;

	poll_wait(pt, f, &ep->pollers);
	if (!has_ready(ep))
		return 0;
	mutex_lock(&ep->mutex);
	take_ready(ep, &taken);
	while (!ready && !list_empty(&taken)) {
		struct epitem *it = list_first(&taken, struct epitem, ready_link);

		ready = item_poll(it);
		if (!ready)
			item_done(ep, it, false);
	}
	put_back(ep, &taken);
	mutex_unlock(&ep->mutex);
	return ready ? EPOLLIN | EPOLLRDNORM : 0;
}

static void epoll_release(struct file *f)
{
	epoll_free(f->private);
}

static void epoll_fdinfo(struct file *f, struct seq *s)
{
	struct epoll *ep = f->private;

	mutex_lock(&ep->mutex);
	for (struct tree_node *n = tree_first(&ep->items); n; n = tree_next(n)) {
		struct epitem *it = container_of(n, struct epitem, node);

		seq_printf(s, "tfd: %8d events: %8x data: %16lx  pos:%li ino:%lx sdev:%x\n", it->fd,
			   it->events, it->data, (long)it->file->pos, it->file->inode->ino,
			   it->file->inode->sb ? it->file->inode->sb->dev : 0);
	}
	mutex_unlock(&ep->mutex);
}

const struct file_ops epoll_file_ops = {
	.poll = epoll_poll, .release = epoll_release, .fdinfo = epoll_fdinfo};

struct file *epoll_create_file(void)
{
	struct epoll *ep = kzalloc(sizeof(*ep));
	struct file *f;

	if (!ep)
		return ERR_PTR(-ENOMEM);
	mutex_init(&ep->mutex);
	spin_init(&ep->lock);
	list_init(&ep->ready);
	wait_queue_init(&ep->waiters);
	wait_queue_init(&ep->pollers);
	f = anon_file("anon_inode:[eventpoll]", &epoll_file_ops, ep, O_RDWR);
	if (IS_ERR(f)) {
		kfree(ep);
	} else {
		ep->file = f;
		ep->user = user_get(current_cred()->user);
	}
	return f;
}
