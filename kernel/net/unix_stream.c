/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes over connected streams. */
#include <task/task.h>
#include "unix.h"

/* --- sending ---------------------------------------------------------------------------------- */

/* Into to's queue, unless nobody will read it. */
static bool deliver(struct unix_sock *to, struct unix_msg *m)
{
	bool ok;

	spin_lock(&to->lock);
	ok = !to->closed && !to->rcv_shut;
	if (ok)
		list_add_tail(&to->queue, &m->link);
	spin_unlock(&to->lock);
	return ok;
}

ssize_t unix_stream_send(struct socket *s, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(s), *peer = READ_ONCE(u->peer);
	u64 deadline = socket_deadline(s->sndtimeo);
	ssize_t done = 0, err = 0;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->addr)
		return peer ? -EISCONN : -EOPNOTSUPP;
	if (!peer)
		return -ENOTCONN;
	if (READ_ONCE(u->snd_shut))
		return -EPIPE;
	while (m->u->left) {
		u32 n = (u32)min(m->u->left, (size_t)UNIX_CHUNK);
		struct unix_msg *msg;
		u32 len;

		err = unix_wait_room(u, m->flags & MSG_DONTWAIT, deadline);
		if (err)
			break;
		msg = unix_make_msg(u, m->u, min(n, UNIX_PIECE), n, &m->cred);
		if (IS_ERR(msg)) {
			err = PTR_ERR(msg);
			break;
		}
		len = msg->len;
		if (READ_ONCE(u->snd_shut) || !deliver(peer, msg)) {
			unix_free_msg(msg, u);
			err = -EPIPE;
			break;
		}
		done += len;
		wake_up_key(&peer->rd_wait, 1, KEY_IN);
	}
	return done ?: err;
}

/* --- receiving -------------------------------------------------------------------------------- */

static bool can_receive(struct unix_sock *u)
{
	return !list_empty(&u->queue) || READ_ONCE(u->rcv_shut) || READ_ONCE(u->s.err);
}

/* reader is let go meanwhile. 0, or what the call returns. */
static int wait_data(struct unix_sock *u, u32 flags, u64 deadline)
{
	long err;

	if (flags & MSG_DONTWAIT)
		return -EAGAIN;
	mutex_unlock(&u->reader);
	err = wait_event_full(&u->rd_wait, can_receive(u), SLEEP_INTERRUPTIBLE, deadline);
	if (err)
		err = err == -ETIMEDOUT ? -EAGAIN : socket_interrupted(u->s.rcvtimeo);
	mutex_lock(&u->reader);
	return (int)err;
}

/* The first message, which stays in the queue; only holders of reader remove. NULL: none. */
static struct unix_msg *first(struct unix_sock *u)
{
	struct unix_msg *m = NULL;

	if (list_empty(&u->queue))
		return NULL;
	spin_lock(&u->lock);
	if (!list_empty(&u->queue))
		m = list_first(&u->queue, struct unix_msg, link);
	spin_unlock(&u->lock);
	return m;
}

struct unix_msg *unix_next_msg(struct unix_sock *u, u32 flags, u64 deadline)
{
	for (;;) {
		struct unix_msg *m = first(u);
		bool end = READ_ONCE(u->rcv_shut);
		int err;

		if (m)
			return m;
		if (unlikely(READ_ONCE(u->s.err))) {
			err = atomic_xchg(&u->s.err, 0);
			if (err)
				return ERR_PTR(-err);
		}
		if (end) { /* read before the error and after the queue: nothing comes once it is
			      set */
			m = first(u);
			if (m || !READ_ONCE(u->s.err))
				return m;
			continue;
		}
		err = wait_data(u, flags, deadline);
		if (err)
			return ERR_PTR(err);
	}
}

static struct unix_msg *next_of(struct unix_sock *u, struct unix_msg *m)
{
	struct unix_msg *next = NULL;

	spin_lock(&u->lock);
	if (m->link.next != &u->queue)
		next = list_entry(m->link.next, struct unix_msg, link);
	spin_unlock(&u->lock);
	return next;
}

static void consume(struct unix_sock *u, struct unix_msg *m)
{
	spin_lock(&u->lock);
	list_del(&m->link);
	spin_unlock(&u->lock);
	unix_free_msg(m, u->peer);
}

static bool same_cred(const struct ucred *a, const struct ucred *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* Copies of the queue without removing anything: each byte is there once, wherever the last call
 * stopped. */
static ssize_t peek(struct unix_sock *u, struct unix_msg *msg, struct sock_msg *m)
{
	ssize_t done = 0;

	for (; msg && m->u->left; msg = next_of(u, msg)) {
		size_t want = min(m->u->left, (size_t)(msg->len - msg->off));
		size_t n = uio_write(m->u, msg->data + msg->off, want);

		done += (ssize_t)n;
		if (n != want)
			return done ?: -EFAULT;
	}
	return done;
}

/* From the queue's first message; -EFAULT if not a byte could be moved. */
static ssize_t take(struct unix_sock *u, struct unix_msg *msg, struct sock_msg *m)
{
	size_t want = min(m->u->left, (size_t)(msg->len - msg->off));
	size_t n = uio_write(m->u, msg->data + msg->off, want);

	msg->off += (u32)n;
	if (msg->off == msg->len)
		consume(u, msg);
	return n ? (ssize_t)n : -EFAULT;
}

ssize_t unix_stream_recv(struct socket *s, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(s);
	size_t target = m->flags & MSG_WAITALL ? m->u->left : min(m->u->left, (size_t)s->rcvlowat);
	u64 deadline = socket_deadline(s->rcvtimeo);
	struct unix_msg *msg;
	ssize_t done = 0, n;

	if (u->state != UNIX_CONNECTED)
		return -EINVAL;
	if (m->flags & MSG_OOB)
		return -EINVAL;
	mutex_lock(&u->reader);
	while (m->u->left) {
		if (done >= (ssize_t)target) {
			msg = first(u);
			if (!msg)
				break;
		} else {
			msg = unix_next_msg(u, m->flags, deadline);
			if (IS_ERR(msg)) {
				done = done ?: PTR_ERR(msg);
				break;
			}
			if (!msg)
				break;
		}
		if (s->passcred && done && !same_cred(&m->cred, &msg->cred))
			break;		/* bytes of another sender: their own call */
		m->cred = msg->cred;
		m->has_cred = s->passcred;
		if (m->flags & MSG_PEEK) {
			done = peek(u, msg, m);
			break;
		}
		n = take(u, msg, m);
		if (n < 0) {
			done = done ?: n;
			break;
		}
		done += n;
	}
	mutex_unlock(&u->reader);
	if (m->addr && done >= 0)
		m->addr->len = 0;
	return done;
}
