/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections. A connect makes the server's socket itself, joins it to the client and puts it on
 * the listener's backlog: the connection works before it is accepted.
 */
#include <base/string.h>
#include "unix.h"

int unix_listen(struct socket *s, int backlog)
{
	struct unix_sock *u = unix_of(s);
	int err = 0;

	mutex_lock(&u->ctl);
	if (!u->addr || u->state == UNIX_CONNECTED) {
		err = -EINVAL;
	} else {
		spin_lock(&u->lock);
		u->state = UNIX_LISTENING;
		u->backlog_max = (u32)backlog > UNIX_BACKLOG_MAX ? UNIX_BACKLOG_MAX : (u32)backlog;
		u->peercred = unix_current_cred();
		spin_unlock(&u->lock);
		wake_up_key(&u->wr_wait, 0, KEY_OUT);
	}
	mutex_unlock(&u->ctl);
	return err;
}

/* a and b become each other's peers, in that state; nobody else sees b yet. */
static void join(struct unix_sock *a, struct unix_sock *b)
{
	unix_get(a);
	unix_get(b);
	b->peer = a;
	b->state = UNIX_CONNECTED;
	spin_lock(&a->lock);
	a->peer = b;
	a->state = UNIX_CONNECTED;
	spin_unlock(&a->lock);
}

int unix_pair(struct socket *sa, struct socket *sb)
{
	struct unix_sock *a = unix_of(sa), *b = unix_of(sb);

	a->peercred = b->peercred = unix_current_cred();
	join(a, b);
	return 0;
}

static bool has_place(struct unix_sock *l)
{
	return READ_ONCE(l->nr_backlog) <= READ_ONCE(l->backlog_max) || READ_ONCE(l->closed) ||
	       READ_ONCE(l->rcv_shut);
}

/* 0 once there may be a place. */
static int wait_place(struct unix_sock *u, struct unix_sock *l, bool nonblock, u64 deadline)
{
	long err;

	if (nonblock)
		return -EAGAIN;
	err = wait_event_full(&l->wr_wait, has_place(l), SLEEP_INTERRUPTIBLE, deadline);
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err ? socket_interrupted(u->s.sndtimeo) : 0;
}

/* 0: joined. -EAGAIN: no place. */
static int enter_backlog(struct unix_sock *u, struct unix_sock *l, struct unix_sock *fresh)
{
	int err = 0;

	spin_lock(&l->lock);
	if (l->closed || l->rcv_shut || l->state != UNIX_LISTENING)
		err = -ECONNREFUSED;
	else if (l->nr_backlog > l->backlog_max)
		err = -EAGAIN;
	if (!err) {
		fresh->addr = l->addr;
		ref_get(&l->addr->ref);
		fresh->s.sndbuf = l->s.sndbuf;
		fresh->s.passcred = l->s.passcred;
		fresh->peercred = unix_current_cred();
		u->peercred = l->peercred;
	}
	spin_unlock(&l->lock);
	if (err)
		return err;
	join(u, fresh);
	spin_lock(&l->lock);
	err = l->closed ? -ECONNREFUSED : 0;
	if (!err) {
		list_add_tail(&l->backlog, &fresh->backlog_link);
		l->nr_backlog++;
	}
	spin_unlock(&l->lock);
	if (err) {	/* the listener went in between: as if it had taken and dropped us */
		fresh->s.err = ECONNRESET;
		unix_release(&fresh->s);
		return 0;
	}
	wake_up_key(&l->rd_wait, 1, KEY_IN);
	return 0;
}

static int connect_to(struct unix_sock *u, const struct sock_addr *a, bool nonblock)
{
	u64 deadline = socket_deadline(u->s.sndtimeo);
	struct unix_sock *fresh = unix_new(u->s.type), *l;
	int err;

	if (!fresh)
		return -ENOMEM;
	do {
		l = unix_find(a, u->s.type);
		if (IS_ERR(l)) {
			err = (int)PTR_ERR(l);
			break;
		}
		err = enter_backlog(u, l, fresh);
		if (err == -EAGAIN) {
			err = wait_place(u, l, nonblock, deadline);
			if (!err)
				err = 1;	/* again, by name: it may be another socket's now */
		}
		unix_put(l);
	} while (err > 0);
	if (err)
		unix_put(fresh);
	return err;
}

int unix_stream_connect(struct socket *s, const struct sock_addr *a, bool nonblock)
{
	struct unix_sock *u = unix_of(s);
	int err = unix_check_addr(a);

	if (err)
		return err;
	mutex_lock(&u->ctl);
	if (u->s.passcred)
		err = unix_autobind(u);
	if (u->state == UNIX_CONNECTED)
		err = -EISCONN;
	else if (u->state == UNIX_LISTENING)
		err = -EINVAL;
	if (!err)
		err = connect_to(u, a, nonblock);
	mutex_unlock(&u->ctl);
	return err;
}

int unix_dgram_connect(struct socket *s, const struct sock_addr *a, bool nonblock)
{
	struct unix_sock *u = unix_of(s), *peer = NULL, *old;
	int err;

	if (a->len >= sizeof(a->family) && a->family != AF_UNSPEC) {
		err = unix_check_addr(a);
		if (err)
			return err;
		peer = unix_find(a, SOCK_DGRAM);
		if (IS_ERR(peer))
			return (int)PTR_ERR(peer);
		if (READ_ONCE(peer->peer) && peer->peer != u) {
			unix_put(peer);
			return -EPERM;
		}
	}
	mutex_lock(&u->ctl);
	err = peer && u->s.passcred ? unix_autobind(u) : 0;
	if (err) {
		mutex_unlock(&u->ctl);
		unix_put(peer);
		return err;
	}
	spin_lock(&u->lock);
	old = u->peer;
	u->peer = peer;
	u->state = peer ? UNIX_CONNECTED : UNIX_UNCONNECTED;
	spin_unlock(&u->lock);
	mutex_unlock(&u->ctl);
	if (old)
		unix_put(old);
	wake_up_key(&u->wr_wait, 0, KEY_OUT);
	return 0;
}

/* --- accept ----------------------------------------------------------------------------------- */

static struct unix_sock *take_backlog(struct unix_sock *u, int *err)
{
	struct unix_sock *e = NULL;

	spin_lock(&u->lock);
	if (u->state != UNIX_LISTENING) {
		*err = -EINVAL;
	} else if (!list_empty(&u->backlog)) {
		e = list_first(&u->backlog, struct unix_sock, backlog_link);
		list_del(&e->backlog_link);
		u->nr_backlog--;
	} else if (u->rcv_shut) {
		*err = -EINVAL;
	}
	spin_unlock(&u->lock);
	return e;
}

struct socket *unix_accept(struct socket *s, bool nonblock)
{
	struct unix_sock *u = unix_of(s), *e;
	u64 deadline = socket_deadline(s->rcvtimeo);
	int err = 0;

	while (!(e = take_backlog(u, &err))) {
		if (err)
			return ERR_PTR(err);
		if (nonblock)
			return ERR_PTR(-EAGAIN);
		err = (int)wait_event_full(&u->rd_wait,
					   !list_empty(&u->backlog) || READ_ONCE(u->rcv_shut),
					   SLEEP_INTERRUPTIBLE, deadline);
		if (err)
			return ERR_PTR(err == -ETIMEDOUT ? -EAGAIN
							 : socket_interrupted(s->rcvtimeo));
	}
	wake_up_key(&u->wr_wait, 0, KEY_OUT);
	return &e->s;
}
