/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes: a ring of slots, each a page with a run of bytes. A write of up to a page goes whole into
 * the last slot or a new one, which is what makes PIPE_BUF atomic; a longer one keeps the lock
 * while there is room.
 *
 * The lock sleeps, since bytes are copied from and to user memory under it. Nobody is woken with it
 * held. Waiters are exclusive: one byte wakes one reader; a reader that leaves bytes, or is
 * interrupted by a signal, wakes the next.
 */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/pipe.h>
#include <fs/poll.h>
#include <fs/vfs.h>
#include <hal/uaccess.h>
#include <linux/fcntl.h>
#include <mm/gup.h>
#include <asm/ioctls.h>
#include <task/task.h>
#include "pipe_ring.h"

#define KEY_IN		(EPOLLIN | EPOLLRDNORM)
#define KEY_OUT		(EPOLLOUT | EPOLLWRNORM)
#define KEY_GONE	(KEY_IN | KEY_OUT | EPOLLERR | EPOLLHUP)
u32 pipe_max_size = 1 << 20, pipe_user_pages_soft = 16384, pipe_user_pages_hard;

void send_sigpipe(void)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));	/* all of it goes to the user */
	info.si_signo = SIGPIPE;
	info.si_code = SI_USER;
	info.si_pid = current_proc()->pid;
	info.si_uid = current_cred()->uid;
	signal_send_task(current, SIGPIPE, &info);
}

/* --- the ring --------------------------------------------------------------------------------- */

static bool privileged(void) { return capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN); }

/* What u has after n more (below 0: fewer) slots. */
static u32 charge_slots(struct user *u, i32 n)
{
	return __atomic_add_fetch(&u->pipe_pages, (u32)n, __ATOMIC_RELAXED);
}
static bool too_many(u32 pages, u32 limit) { return limit && pages > limit && !privileged(); }

/* The slots that u gets for a new pipe, charged; 0: none. */
static u32 first_slots(struct user *u)
{
	u32 n = PIPE_SLOTS, pages = charge_slots(u, (i32)n);

	if (too_many(pages, pipe_user_pages_soft)) {
		pages = charge_slots(u, (i32)(PIPE_SLOTS_FEW - n));
		n = PIPE_SLOTS_FEW;
	}
	if (too_many(pages, pipe_user_pages_hard)) {
		charge_slots(u, -(i32)n);
		n = 0;
	}
	return n;
}

struct pipe *pipe_new(void)
{
	struct user *u = current_cred()->user;
	u32 slots = first_slots(u);
	struct pipe *p = slots ? kzalloc(sizeof(*p)) : NULL;

	if (!p) {
		charge_slots(u, -(i32)slots);
		return NULL;
	}
	p->user = user_get(u);
	mutex_init(&p->lock);
	wait_queue_init(&p->rd_wait);
	wait_queue_init(&p->wr_wait);
	wait_queue_init(&p->open_wait);
	p->bufs = p->first;
	p->mask = slots - 1;
	return p;
}

static struct pipe_buf *slot(struct pipe *p, u32 n) { return &p->bufs[n & p->mask]; }

static void *take_page(struct pipe *p)
{
	for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++) {
		void *page = p->spare[i];

		if (page) {
			p->spare[i] = NULL;
			return page;
		}
	}
	return page_alloc(0);
}

static void drop_page(struct pipe *p, void *page)
{
	for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++)
		if (!p->spare[i]) {
			p->spare[i] = page;
			return;
		}
	page_free(page);
}

static void drop_tail(struct pipe *p)
{
	struct pipe_buf *b = slot(p, p->tail);

	if (b->pinned)
		gup_unpin(b->pinned, false);
	else
		drop_page(p, b->page);
	WRITE_ONCE(p->tail, p->tail + 1);
}

void pipe_drain(struct pipe *p)
{
	while (!pipe_empty(p))
		drop_tail(p);
	for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++) {
		if (p->spare[i])
			page_free(p->spare[i]);
		p->spare[i] = NULL;
	}
}

void pipe_free(struct pipe *p)
{
	pipe_drain(p);
	charge_slots(p->user, -(i32)(p->mask + 1));
	user_put(p->user);
	if (p->bufs != p->first)
		kfree(p->bufs);
	kfree(p);
}

void pipe_leave(struct pipe *p, u32 mode)
{
	mutex_lock(&p->lock);
	if (mode & FMODE_READ)
		WRITE_ONCE(p->readers, p->readers - 1);
	if (mode & FMODE_WRITE)
		WRITE_ONCE(p->writers, p->writers - 1);
	if (!p->readers && !p->writers)
		pipe_drain(p);
	mutex_unlock(&p->lock);
	if (!READ_ONCE(p->writers))
		wake_up_key(&p->rd_wait, 0, KEY_GONE);
	if (!READ_ONCE(p->readers))
		wake_up_key(&p->wr_wait, 0, KEY_GONE);
}

/* --- sleeping --------------------------------------------------------------------------------- */

static bool can_read(const struct pipe *p) { return !pipe_empty(p) || !READ_ONCE(p->writers); }
static bool can_write(const struct pipe *p) { return !pipe_full(p) || !READ_ONCE(p->readers); }

/* 0 or -ERESTARTSYS; the lock is not held. */
static int pipe_sleep(struct pipe *p, struct wait_queue *q, bool (*ready)(const struct pipe *))
{
	struct wait_entry e;
	int err = 0;

	wait_entry_init(&e);
	e.exclusive = true;
	for (;;) {
		wait_prepare(q, &e, SLEEP_INTERRUPTIBLE);
		if (ready(p))
			break;
		if (sleep_interrupted(SLEEP_INTERRUPTIBLE)) {
			err = -ERESTARTSYS;
			break;
		}
		schedule();
	}
	wait_finish(q, &e);
	if (err)
		wake_up(q);	/* a wake may have been meant for the next one */
	return err;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Moves what there is; bytes, or -EFAULT if nothing could be moved. */
static ssize_t read_some(struct pipe *p, struct uio *u)
{
	ssize_t done = 0;

	while (u->left && !pipe_empty(p)) {
		struct pipe_buf *b = slot(p, p->tail);
		size_t want = min(u->left, (size_t)b->len),
		       n = uio_write(u, (char *)b->page + b->off, want);
		bool packet = b->packet;

		done += (ssize_t)n;
		b->off += (u32)n;
		b->len -= (u32)n;
		if (n != want)
			return done ?: -EFAULT;
		if (!b->len || packet)
			drop_tail(p);
		if (packet)
			break;
	}
	return done;
}

static ssize_t pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->private;
	bool was_full, more = false;
	ssize_t ret;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	while (pipe_empty(p)) {
		if (!p->writers)
			ret = 0;
		else if ((f->flags & O_NONBLOCK) || (u->how & UIO_NOWAIT))
			ret = -EAGAIN;
		else
			ret = 1;
		mutex_unlock(&p->lock);
		if (ret <= 0)
			return ret;
		ret = pipe_sleep(p, &p->rd_wait, can_read);
		if (ret)
			return ret;
		more = true; /* the wake-up was ours alone; without it, an epoll would see an edge
				that is none */
		mutex_lock(&p->lock);
	}
	was_full = pipe_full(p);
	ret = read_some(p, u);
	more = more && !pipe_empty(p);
	was_full = was_full && !pipe_full(p);
	mutex_unlock(&p->lock);
	if (was_full)
		wake_up_key(&p->wr_wait, 1, KEY_OUT);
	if (more)
		wake_up_key(&p->rd_wait, 1, KEY_IN);
	return ret;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The odd bytes of a write go behind those of the last slot if they fit there whole. */
static ssize_t append_to_last(struct pipe *p, struct uio *u)
{
	size_t odd = u->left & (PAGE_SIZE - 1), n;
	struct pipe_buf *b = slot(p, p->head - 1);

	if (!odd || pipe_empty(p) || b->packet || b->pinned || b->off + b->len + odd > PAGE_SIZE)
		return 0;
	n = uio_read(u, (char *)b->page + b->off + b->len, odd);
	if (n != odd)
		return -EFAULT; /* what was copied lies beyond the slot's end: as if it had not been
				 */
	b->len += (u32)n;
	return (ssize_t)n;
}

static ssize_t fill_slot(struct pipe *p, struct uio *u, bool packet)
{
	size_t want = min(u->left, PAGE_SIZE), n;
	void *page = take_page(p);

	if (!page)
		return -ENOMEM;
	n = uio_read(u, page, want);
	if (n != want) {
		drop_page(p, page);
		return -EFAULT;
	}
	*slot(p, p->head) = (struct pipe_buf){ page, 0, (u32)n, packet, NULL };
	WRITE_ONCE(p->head, p->head + 1);
	return (ssize_t)n;
}

/* Lock held. Bytes moved until the pipe is full or the data out; negative errno if none. */
static ssize_t write_some(struct pipe *p, struct uio *u, bool packet, bool first)
{
	ssize_t done = 0, n;

	if (first && !packet) {
		n = append_to_last(p, u);
		if (n < 0)
			return n;
		done = n;
	}
	while (u->left && !pipe_full(p)) {
		n = fill_slot(p, u, packet);
		if (n < 0)
			return done ?: n;
		done += n;
	}
	return done;
}

static ssize_t pipe_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->private;
	bool packet = f->flags & O_DIRECT, slept = false, first = true;
	ssize_t done = 0, ret = 0;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		if (!p->readers) {
			send_sigpipe();
			ret = -EPIPE;
			break;
		}
		ret = write_some(p, u, packet, first);
		first = false;
		if (ret < 0)
			break;
		done += ret;
		if (!u->left)
			break;
		if (!pipe_full(p))
			continue;
		if ((f->flags & O_NONBLOCK) || (u->how & UIO_NOWAIT)) {
			ret = -EAGAIN;
			break;
		}
		mutex_unlock(&p->lock);
		wake_up_key(&p->rd_wait, 1, KEY_IN);
		ret = pipe_sleep(p, &p->wr_wait, can_write);
		if (ret)
			return done ?: ret;
		slept = true;
		mutex_lock(&p->lock);
	}
	slept = slept && !pipe_full(p);
	mutex_unlock(&p->lock);
	if (done)
		wake_up_key(&p->rd_wait, 1, KEY_IN);
	if (slept)
		wake_up_key(&p->wr_wait, 1, KEY_OUT);
	return done ?: ret;
}

/* --- vmsplice --------------------------------------------------------------------------------- */

/* Pages of [addr, addr + len) fill slots until the pipe is full; bytes, or negative errno if none. */
static ssize_t splice_range(struct pipe *p, struct mm *mm, u64 addr, size_t len)
{
	ssize_t done = 0;

	while (len && !pipe_full(p)) {
		u32 off = (u32)(addr & ~PAGE_MASK), n = (u32)min(len, PAGE_SIZE - off);
		struct page *page;
		ssize_t got = gup_pin(mm, addr - off, 1, 0, &page);

		if (got < 0)
			return done ?: got;
		*slot(p, p->head) = (struct pipe_buf){ page_address(page), off, n, false, page };
		WRITE_ONCE(p->head, p->head + 1);
		done += n;
		addr += n;
		len -= n;
	}
	return done;
}

static ssize_t splice_in(struct pipe *p, struct uio *u)
{
	ssize_t done = 0;

	for (u32 i = 0; i < u->nr_seg && !pipe_full(p); i++) {
		ssize_t n = splice_range(p, current->mm, (u64)u->seg[i].base, u->seg[i].len);

		if (n < 0)
			return done ?: n;
		done += n;
		if ((size_t)n < u->seg[i].len)
			break;
	}
	return done;
}

ssize_t pipe_vmsplice(struct file *f, struct uio *u, bool nonblock)
{
	struct pipe *p = f->private;
	ssize_t ret = 0;

	if (f->ops != &fifo_file_ops)
		return -EBADF;
	if (!u->left)
		return 0;
	if (!(f->mode & FMODE_WRITE))
		return f->mode & FMODE_READ ? pipe_read(f, u, NULL) : -EBADF;
	mutex_lock(&p->lock);
	while (p->readers && pipe_full(p) && !ret) {
		mutex_unlock(&p->lock);
		ret = nonblock ? -EAGAIN : pipe_sleep(p, &p->wr_wait, can_write);
		mutex_lock(&p->lock);
	}
	if (!p->readers) {
		send_sigpipe();
		ret = -EPIPE;
	}
	if (!ret)
		ret = splice_in(p, u);
	mutex_unlock(&p->lock);
	if (ret > 0)
		wake_up_key(&p->rd_wait, 1, KEY_IN);
	return ret;
}

/* --- the rest --------------------------------------------------------------------------------- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private;
	u32 ev = 0;

	if (f->mode & FMODE_READ)
		poll_wait(pt, f, &p->rd_wait);
	if (f->mode & FMODE_WRITE)
		poll_wait(pt, f, &p->wr_wait);
	if (f->mode & FMODE_READ) {
		if (!pipe_empty(p))
			ev |= KEY_IN;
		if (!READ_ONCE(p->writers) && f->version != READ_ONCE(p->w_opened))
			ev |= EPOLLHUP;
	}
	if (f->mode & FMODE_WRITE) {
		if (!pipe_full(p))
			ev |= KEY_OUT;
		if (!READ_ONCE(p->readers))
			ev |= EPOLLERR;
	}
	return ev;
}

static i64 pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->private;
	int n = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (u32 i = p->tail; i != p->head; i++)
		n += (int)slot(p, i)->len;
	mutex_unlock(&p->lock);
	return put_user(n, (int __user *)arg);
}

static void pipe_release(struct file *f)
{
	pipe_leave(f->private, f->mode);
}

/* Lock held. Charges slots in place of what the pipe has: 0, -EBUSY (more are in use), -EPERM. */
static int recharge(struct pipe *p, u32 slots)
{
	i32 more = (i32)(slots - (p->mask + 1));
	u32 pages;

	if (p->head - p->tail > slots)
		return -EBUSY;
	pages = charge_slots(p->user, more);
	if (more > 0 &&
	    (too_many(pages, pipe_user_pages_soft) || too_many(pages, pipe_user_pages_hard))) {
		charge_slots(p->user, -more);
		return -EPERM;
	}
	return 0;
}

static i64 resize(struct pipe *p, u32 slots)
{
	struct pipe_buf *bufs = kcalloc(slots, sizeof(*bufs)), *old = NULL;
	u32 used, i;
	bool grew;
	int err;

	if (!bufs)
		return -ENOMEM;
	mutex_lock(&p->lock);
	err = recharge(p, slots);
	if (err) {
		mutex_unlock(&p->lock);
		kfree(bufs);
		return err;
	}
	used = p->head - p->tail;
	for (i = 0; i < used; i++)
		bufs[i] = *slot(p, p->tail + i);
	if (p->bufs != p->first)
		old = p->bufs;
	grew = slots > p->mask + 1;
	p->bufs = bufs;
	p->tail = 0;
	p->head = used;
	WRITE_ONCE(p->mask, slots - 1);
	mutex_unlock(&p->lock);
	kfree(old);
	if (grew)
		wake_up_key(&p->wr_wait, 0, KEY_OUT);
	return (i64)slots * (i64)PAGE_SIZE;
}

i64 pipe_fcntl(struct file *f, int cmd, u64 arg)
{
	struct pipe *p = f->private;
	u64 size = max(arg, PAGE_SIZE);
	u32 slots;

	if (f->ops != &fifo_file_ops)
		return -EBADF;
	if (cmd == F_GETPIPE_SZ)
		return ((i64)READ_ONCE(p->mask) + 1) * (i64)PAGE_SIZE;
	if (cmd != F_SETPIPE_SZ || size > 1u << 31)
		return -EINVAL;
	slots = (u32)(div_round_up(size, PAGE_SIZE));
	while (!is_pow2(slots))
		slots += slots & -slots;
	if ((u64)slots * PAGE_SIZE > pipe_max_size && slots > p->mask + 1 &&
	    !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	return resize(p, slots);
}

/* FIFOs differ in how they are opened only; a pipe is opened that way through /proc. */
const struct file_ops fifo_file_ops = {
	.open = fifo_open,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};
