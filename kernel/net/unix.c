/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_UNIX: the life of a socket, its messages and what poll says.
 *
 * Data are messages, allocated and filled by the sender and hung into the receiver's queue under
 * the receiver's lock; the sender is charged until they are received. A stream's peer is set once
 * and referenced until the end, so its messages need no reference to their sender. A datagram
 * socket may change its peer; its messages keep the sender.
 *
 * Locks: ctl, then reader, then one socket's lock (never two), or names_lock, or starve_lock.
 * Nobody is woken with a spinlock held.
 */
#include <asm/ioctls.h>
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <hal/uaccess.h>
#include <linux/sockios.h>
#include <task/task.h>
#include "unix.h"

static struct slab_cache *unix_cache;

/* Of a message: the real ids, so that a set-user-ID program speaks for who runs it (unix(7)). */
static struct ucred message_cred(void)
{
	const struct cred *c = current_cred();

	return (struct ucred){ current_proc()->pid, c->uid, c->gid };
}

struct ucred unix_current_cred(void)
{
	const struct cred *c = current_cred();

	return (struct ucred){ current_proc()->pid, c->euid, c->egid };
}

/* --- messages --------------------------------------------------------------------------------- */

/* One user's messages take a quarter of memory at most, however many sockets they are in. */
static u64 user_bytes_max;

static bool charge(struct unix_sock *u, u32 n)
{
	if (__atomic_add_fetch(&u->user->socket_bytes, n, __ATOMIC_RELAXED) > user_bytes_max &&
	    !capable(CAP_SYS_RESOURCE)) {
		__atomic_sub_fetch(&u->user->socket_bytes, n, __ATOMIC_RELAXED);
		return false;
	}
	__atomic_add_fetch(&u->charged, n, __ATOMIC_RELAXED);
	return true;
}

static void uncharge(struct unix_sock *u, u32 n)
{
	__atomic_sub_fetch(&u->user->socket_bytes, n, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&u->charged, n, __ATOMIC_RELEASE);
}

struct unix_msg *unix_make_msg(struct unix_sock *sender, struct uio *u, u32 least, u32 most,
			       const struct ucred *cred)
{
	struct unix_msg *m = most > least ? kmalloc_noreclaim(sizeof(*m) + most) : NULL;
	u32 len = m ? most : least;

	if (!m)
		m = kmalloc(sizeof(*m) + len);
	if (!m || !charge(sender, len + UNIX_OVERHEAD)) {
		kfree(m);
		return ERR_PTR(-ENOBUFS);
	}
	if (uio_read(u, m->data, len) != len) {
		uncharge(sender, len + UNIX_OVERHEAD);
		kfree(m);
		return ERR_PTR(-EFAULT);
	}
	m->len = len;
	m->off = 0;
	m->charge = len + UNIX_OVERHEAD;
	m->cred = cred->pid ? *cred : message_cred();
	m->sender = NULL;
	m->from = NULL;
	return m;
}

void unix_free_msg(struct unix_msg *m, struct unix_sock *charged)
{
	if (charged) {
		uncharge(charged, m->charge);
		if (unix_writable(charged))
			wake_up_key(&charged->wr_wait, 1, KEY_OUT);
	}
	if (m->from)
		unix_addr_put(m->from);
	if (m->sender)
		unix_put(m->sender);
	kfree(m);
}

static bool has_room(const struct unix_sock *u)
{
	return READ_ONCE(u->charged) < READ_ONCE(u->s.sndbuf) || READ_ONCE(u->snd_shut);
}

int unix_wait_room(struct unix_sock *u, bool nonblock, u64 deadline)
{
	long err;

	if (likely(has_room(u)))
		return 0;
	if (nonblock)
		return -EAGAIN;
	err = wait_event_full(&u->wr_wait, has_room(u), SLEEP_INTERRUPTIBLE, deadline);
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err ? socket_interrupted(u->s.sndtimeo) : 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static const struct proto_ops stream_ops, dgram_ops, seq_ops;

static const struct proto_ops *ops_of(int type)
{
	if (type == SOCK_STREAM)
		return &stream_ops;
	return type == SOCK_DGRAM ? &dgram_ops : &seq_ops;
}

struct unix_sock *unix_new(int type)
{
	struct unix_sock *u = slab_zalloc(unix_cache);

	if (!u)
		return NULL;
	socket_init(&u->s, ops_of(type), AF_UNIX, type);
	u->user = user_get(current_cred()->user);
	ref_init(&u->ref);
	mutex_init(&u->ctl);
	mutex_init(&u->reader);
	spin_init(&u->lock);
	list_init(&u->queue);
	list_init(&u->backlog);
	list_init(&u->backlog_link);
	list_init(&u->starved);
	list_init(&u->starved_link);
	wait_queue_init(&u->rd_wait);
	wait_queue_init(&u->wr_wait);
	u->peercred = (struct ucred){ 0, ~0u, ~0u };
	unix_list_add(u);
	return u;
}

void unix_put(struct unix_sock *u)
{
	if (!ref_put(&u->ref))
		return;
	unix_unbind(u);		/* one that was never a file's */
	if (u->addr)
		unix_addr_put(u->addr);
	user_put(u->user);
	socket_end(&u->s);
	slab_free(unix_cache, u);
}

struct unix_sock *unix_get_peer(struct unix_sock *u)
{
	struct unix_sock *p;

	spin_lock(&u->lock);
	p = u->peer;
	if (p)
		unix_get(p);
	spin_unlock(&u->lock);
	return p;
}

static void wake_all(struct unix_sock *u)
{
	wake_up_key(&u->rd_wait, 0, KEY_ALL);
	wake_up_key(&u->wr_wait, 0, KEY_ALL);
}

/* The connection is over for peer: err (0: none) is what that learns. */
static void unix_hang_up(struct unix_sock *peer, int err)
{
	spin_lock(&peer->lock);
	peer->rcv_shut = peer->snd_shut = true;
	if (err)
		peer->s.err = err;
	spin_unlock(&peer->lock);
	wake_all(peer);
}

/* Nobody sends to it any more: what it holds goes. True if there was something unread. */
static bool drop_queue(struct unix_sock *u)
{
	struct unix_msg *m, *tmp;
	struct list gone;

	list_init(&gone);
	spin_lock(&u->lock);
	list_splice_tail(&gone, &u->queue);
	u->nr_queued = 0;
	spin_unlock(&u->lock);
	if (list_empty(&gone))
		return false;
	list_for_each_safe(m, tmp, &gone, link) {
		list_del(&m->link);
		unix_free_msg(m, unix_is_dgram(u) ? m->sender : u->peer);
	}
	return true;
}

static void drop_backlog(struct unix_sock *u)
{
	struct unix_sock *e, *tmp;
	struct list gone;

	list_init(&gone);
	spin_lock(&u->lock);
	list_splice_tail(&gone, &u->backlog);
	u->nr_backlog = 0;
	spin_unlock(&u->lock);
	list_for_each_safe(e, tmp, &gone, backlog_link) {
		list_del(&e->backlog_link);
		e->s.err = ECONNRESET;	/* what its peer is told: nobody accepted it */
		unix_release(&e->s);
	}
}

void unix_release(struct socket *s)
{
	struct unix_sock *u = unix_of(s), *peer;
	bool unread;

	spin_lock(&u->lock);
	u->closed = true;
	u->rcv_shut = u->snd_shut = true;
	peer = u->peer;
	spin_unlock(&u->lock);
	unix_unbind(u);
	unread = drop_queue(u);
	drop_backlog(u);
	unix_stop_starving(u);
	wake_all(u);
	if (peer) {
		if (!unix_is_dgram(u))
			unix_hang_up(peer, unread || u->s.err == ECONNRESET ? ECONNRESET : 0);
		else
			wake_all(peer);
		unix_put(peer);
	}
	unix_put(u);
}

/* --- the rest of the interface ---------------------------------------------------------------- */

static int unix_getname(struct socket *s, bool peer, struct sock_addr *out)
{
	struct unix_sock *u = unix_of(s), *p;

	out->family = AF_UNIX;
	out->len = sizeof(out->family);
	if (!peer) {
		unix_addr_copy(load_acquire(&u->addr), out);
		return 0;
	}
	p = unix_get_peer(u);
	if (!p)
		return -ENOTCONN;
	unix_addr_copy(load_acquire(&p->addr), out);
	unix_put(p);
	return 0;
}

static int unix_shutdown(struct socket *s, int how)
{
	struct unix_sock *u = unix_of(s), *peer;
	bool rd = how != SHUT_WR, wr = how != SHUT_RD;

	spin_lock(&u->lock);
	u->rcv_shut |= rd;
	u->snd_shut |= wr;
	peer = u->peer;
	if (peer)
		unix_get(peer);
	spin_unlock(&u->lock);
	wake_all(u);
	if (!peer)
		return 0;
	if (!unix_is_dgram(u)) {
		spin_lock(&peer->lock);
		peer->rcv_shut |= wr;
		peer->snd_shut |= rd;
		spin_unlock(&peer->lock);
		wake_all(peer);
	}
	unix_put(peer);
	return 0;
}

/* Bytes that a read can return: of a stream all, else of the first message. */
static int readable_bytes(struct unix_sock *u)
{
	struct unix_msg *m;
	u64 n = 0;

	spin_lock(&u->lock);
	list_for_each(m, &u->queue, link) {
		n += m->len - m->off;
		if (u->s.type != SOCK_STREAM)
			break;
	}
	spin_unlock(&u->lock);
	return (int)min(n, (u64)0x7fffffff);
}

static i64 unix_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct unix_sock *u = unix_of(s);

	switch (cmd) {
	case FIONREAD:
		if (u->state == UNIX_LISTENING)
			return -EINVAL;
		return put_user(readable_bytes(u), (int __user *)arg);
	case TIOCOUTQ:
		return put_user((int)READ_ONCE(u->charged), (int __user *)arg);
	default:
		return -ENOTTY;
	}
}

static bool unix_listening(const struct socket *s)
{
	return ((const struct unix_sock *)s)->state == UNIX_LISTENING;
}
static void unix_peercred(struct socket *s, struct ucred *c) { *c = unix_of(s)->peercred; }
static void unix_buffers_changed(struct socket *s)
{
	wake_up_key(&unix_of(s)->wr_wait, 0, KEY_OUT);
}

static u32 unix_poll(struct socket *s, struct file *f, struct poll_table *pt)
{
	struct unix_sock *u = unix_of(s), *peer;
	u32 ev = 0;

	poll_wait(pt, f, &u->rd_wait);
	poll_wait(pt, f, &u->wr_wait);
	if (READ_ONCE(s->err))
		ev |= EPOLLERR;
	if (READ_ONCE(u->rcv_shut))
		ev |= KEY_IN | EPOLLRDHUP | (READ_ONCE(u->snd_shut) ? EPOLLHUP : 0);
	if (!list_empty(&u->queue) || !list_empty(&u->backlog))
		ev |= KEY_IN;
	if (!unix_is_dgram(u)) {
		if (u->state == UNIX_UNCONNECTED)
			ev |= EPOLLHUP;
		return ev |
		       (u->state != UNIX_LISTENING && unix_writable(u) ? KEY_OUT | EPOLLWRBAND : 0);
	}
	if (!unix_writable(u))
		return ev;
	peer = unix_get_peer(u);
	if (!peer || !unix_dgram_full(u, peer))
		ev |= KEY_OUT | EPOLLWRBAND;
	if (peer)
		unix_put(peer);
	return ev;
}

#define UNIX_COMMON                                                                                \
	.release = unix_release, .bind = unix_bind, .pair = unix_pair, .getname = unix_getname,    \
	.poll = unix_poll, .ioctl = unix_ioctl, .shutdown = unix_shutdown,                         \
	.listening = unix_listening, .peercred = unix_peercred,                                    \
	.buffers_changed = unix_buffers_changed
static const struct proto_ops stream_ops = {
	UNIX_COMMON, .connect = unix_stream_connect, .listen = unix_listen, .accept = unix_accept,
	.send = unix_stream_send, .recv = unix_stream_recv,
};
static const struct proto_ops seq_ops = {
	UNIX_COMMON, .connect = unix_stream_connect, .listen = unix_listen, .accept = unix_accept,
	.send = unix_seq_send, .recv = unix_packet_recv,
};
static const struct proto_ops dgram_ops = {
	UNIX_COMMON,
	.connect = unix_dgram_connect,
	.send = unix_dgram_send,
	.recv = unix_packet_recv,
};

static struct socket *unix_create(int type, int protocol)
{
	struct unix_sock *u;

	if (protocol && protocol != AF_UNIX)
		return ERR_PTR(-EPROTONOSUPPORT);
	if (type == SOCK_RAW)		/* as Linux and BSD have it */
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return ERR_PTR(-ESOCKTNOSUPPORT);
	u = unix_new(type);
	return u ? &u->s : ERR_PTR(-ENOMEM);
}
static const struct net_family unix_family = { .family = AF_UNIX, .create = unix_create };

static int unix_init(void)
{
	struct mem_totals t;

	mem_totals(&t);
	user_bytes_max = (t.total << PAGE_SHIFT) / 4;
	unix_cache = slab_create("unix", sizeof(struct unix_sock), 64);
	if (!unix_cache)
		return -ENOMEM;
	net_register(&unix_family);
	return 0;
}
INITCALL(fs, unix_init);
