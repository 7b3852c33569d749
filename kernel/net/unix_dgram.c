/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole messages: datagrams and sequenced packets.
 *
 * A datagram socket takes only some messages of those it is not connected to. A sender that finds
 * it full goes on its list of the starved; when a message is taken, the starved are woken and try
 * again. A sender starves at one receiver at a time: the last one that refused it.
 */
#include "unix.h"

static struct spinlock starve_lock = SPINLOCK_INIT;

/* --- room at the receiver --------------------------------------------------------------------- */

static bool full_for(const struct unix_sock *to, const struct unix_sock *from)
{
	return READ_ONCE(to->peer) != from && READ_ONCE(to->nr_queued) > UNIX_DGRAM_QUEUE &&
	       !READ_ONCE(to->closed);
}

static void starve(struct unix_sock *u, struct unix_sock *to)
{
	spin_lock(&starve_lock);
	if (!READ_ONCE(to->closed)) {
		if (list_empty(&u->starved_link))
			unix_get(u);		/* for the list */
		else
			list_del(&u->starved_link);
		list_add_tail(&to->starved, &u->starved_link);
	}
	spin_unlock(&starve_lock);
	smp_mb();			/* on the list before the look at the queue */
}

bool unix_dgram_full(struct unix_sock *u, struct unix_sock *to)
{
	if (!full_for(to, u))
		return false;
	starve(u, to);
	return full_for(to, u);
}

void unix_feed_starved(struct unix_sock *to)
{
	struct unix_sock *u;

	smp_mb();
	while (!list_empty(&to->starved)) {
		spin_lock(&starve_lock);
		u = NULL;
		if (!list_empty(&to->starved)) {
			u = list_first(&to->starved, struct unix_sock, starved_link);
			list_del(&u->starved_link);
		}
		spin_unlock(&starve_lock);
		if (!u)
			return;
		wake_up_key(&u->wr_wait, 0, KEY_OUT);
		unix_put(u);
	}
}

void unix_stop_starving(struct unix_sock *u)
{
	bool was;

	spin_lock(&starve_lock);	/* whoever has it after us sees closed */
	was = !list_empty(&u->starved_link);
	list_del(&u->starved_link);
	spin_unlock(&starve_lock);
	if (was)
		unix_put(u);
	unix_feed_starved(u);
}

static int wait_fed(struct unix_sock *u, struct unix_sock *to, u32 flags, u64 deadline)
{
	long err;

	if (!unix_dgram_full(u, to))
		return 0;
	if (flags & MSG_DONTWAIT)
		return -EAGAIN;
	err = wait_event_full(&u->wr_wait, !unix_dgram_full(u, to), SLEEP_INTERRUPTIBLE, deadline);
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err ? socket_interrupted(u->s.sndtimeo) : 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

static struct unix_msg *make_packet(struct unix_sock *u, struct sock_msg *m, u64 deadline)
{
	size_t len = m->u->left;
	int err;

	if (len + UNIX_OVERHEAD > READ_ONCE(u->s.sndbuf))
		return ERR_PTR(-EMSGSIZE);
	err = unix_wait_room(u, m->flags & MSG_DONTWAIT, deadline);
	if (err)
		return ERR_PTR(err);
	return unix_make_msg(u, m->u, (u32)len, (u32)len, &m->cred);
}

static int enqueue(struct unix_sock *u, struct unix_sock *to, struct unix_msg *msg)
{
	int err = 0;

	spin_lock(&to->lock);
	if (to->closed)
		err = -ECONNREFUSED;
	else if (to->rcv_shut)
		err = -EPIPE;
	else if (unix_is_dgram(to) && to->peer && to->peer != u)
		err = -EPERM;
	else if (unix_is_dgram(to) && to->peer != u && to->nr_queued > UNIX_DGRAM_QUEUE)
		err = -EAGAIN;
	if (!err) {
		list_add_tail(&to->queue, &msg->link);
		to->nr_queued++;
	}
	spin_unlock(&to->lock);
	if (!err)
		wake_up_key(&to->rd_wait, 1, KEY_IN);
	return err;
}

/* The connected peer is gone: the connection with it. */
static void disconnect(struct unix_sock *u, struct unix_sock *peer)
{
	bool ours;

	spin_lock(&u->lock);
	ours = u->peer == peer;
	if (ours) {
		u->peer = NULL;
		u->state = UNIX_UNCONNECTED;
	}
	spin_unlock(&u->lock);
	if (ours)
		unix_put(peer);
}

/* What the receiver's filter leaves of the message; false: nothing, and nobody is told. */
static bool passes(struct unix_sock *to, struct unix_msg *msg)
{
	u32 n = socket_filter_run(&to->s, msg->data, msg->len);

	if (!n && msg->len)
		return false;
	msg->len = n;
	return true;
}

static int send_to(struct unix_sock *u, struct unix_sock *to, struct unix_msg *msg, u32 flags,
		   u64 deadline)
{
	int err;

	do {
		err = enqueue(u, to, msg);
		if (err != -EAGAIN)
			return err;
		err = wait_fed(u, to, flags, deadline);
	} while (!err);
	return err;
}

ssize_t unix_dgram_send(struct socket *s, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(s), *to;
	u64 deadline = socket_deadline(s->sndtimeo);
	ssize_t len = (ssize_t)m->u->left, err;
	struct unix_msg *msg;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	err = m->addr ? unix_check_addr(m->addr) : 0;
	if (err)
		return err;
	to = m->addr ? unix_find(m->addr, SOCK_DGRAM) : unix_get_peer(u);
	if (IS_ERR(to))
		return PTR_ERR(to);
	if (!to)
		return -ENOTCONN;
	err = READ_ONCE(u->snd_shut) ? -EPIPE : 0;
	msg = err ? ERR_PTR(err) : make_packet(u, m, deadline);
	if (IS_ERR(msg)) {
		unix_put(to);
		return PTR_ERR(msg);
	}
	msg->sender = unix_get(u);
	msg->from = load_acquire(&u->addr);
	if (msg->from)
		ref_get(&msg->from->ref);
	if (!passes(to, msg)) {
		unix_free_msg(msg, u);
		unix_put(to);
		return len;
	}
	err = send_to(u, to, msg, m->flags, deadline);
	if (err)
		unix_free_msg(msg, u);
	if (err == -ECONNREFUSED && !m->addr)
		disconnect(u, to);
	unix_put(to);
	return err ?: len;
}

ssize_t unix_seq_send(struct socket *s, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(s), *peer = READ_ONCE(u->peer);
	ssize_t len = (ssize_t)m->u->left, err;
	struct unix_msg *msg;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!peer)
		return -ENOTCONN;
	if (READ_ONCE(u->snd_shut))
		return -EPIPE;
	msg = make_packet(u, m, socket_deadline(s->sndtimeo));
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	if (!passes(peer, msg)) {
		unix_free_msg(msg, u);
		return len;
	}
	err = READ_ONCE(u->snd_shut) ? -EPIPE : enqueue(u, peer, msg);
	if (err)
		unix_free_msg(msg, u);
	return err == -ECONNREFUSED ? -EPIPE : err ?: len;
}

/* --- receiving -------------------------------------------------------------------------------- */

static void take_packet(struct unix_sock *u, struct unix_msg *msg)
{
	spin_lock(&u->lock);
	list_del(&msg->link);
	u->nr_queued--;
	spin_unlock(&u->lock);
	if (!unix_is_dgram(u)) {
		unix_free_msg(msg, u->peer);
		return;
	}
	unix_free_msg(msg, msg->sender);
	unix_feed_starved(u);
}

static ssize_t read_packet(struct unix_sock *u, struct unix_msg *msg, struct sock_msg *m)
{
	size_t want = min(m->u->left, (size_t)msg->len);

	if (uio_write(m->u, msg->data, want) != want)
		return -EFAULT;
	if (want < msg->len)
		m->out_flags |= MSG_TRUNC;
	if (u->s.type == SOCK_SEQPACKET)
		m->out_flags |= MSG_EOR;
	m->cred = msg->cred;
	m->has_cred = u->s.passcred;
	if (m->addr) {
		m->addr->len = 0;
		unix_addr_copy(msg->from, m->addr);
	}
	return m->flags & MSG_TRUNC ? (ssize_t)msg->len : (ssize_t)want;
}

ssize_t unix_packet_recv(struct socket *s, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(s);
	u64 deadline = socket_deadline(s->rcvtimeo);
	struct unix_msg *msg;
	ssize_t ret;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!unix_is_dgram(u) && u->state != UNIX_CONNECTED)
		return -ENOTCONN;
	mutex_lock(&u->reader);
	msg = unix_next_msg(u, m->flags, deadline);
	if (IS_ERR(msg)) {
		ret = PTR_ERR(msg);
	} else if (!msg) {
		ret = 0;
	} else {
		ret = read_packet(u, msg, m);
		if (!(m->flags & MSG_PEEK))
			take_packet(u, msg);
	}
	mutex_unlock(&u->reader);
	return ret;
}
