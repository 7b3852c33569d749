/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets as files; families. */
#include <base/alloc.h>
#include <fs/anon.h>
#include <fs/pipe.h>
#include <hal/cpu.h>
#include <lib/format.h>
#include <linux/fcntl.h>
#include <net/socket.h>

static const struct net_family *families[AF_MAX];

void net_register(const struct net_family *f) { families[f->family] = f; }

void socket_init(struct socket *s, const struct proto_ops *ops, int family, int type)
{
	s->ops = ops;
	s->family = (u16)family;
	s->type = (u16)type;
	s->sndbuf = s->rcvbuf = SOCK_BUF_DEFAULT;
	s->rcvlowat = 1;
}

struct socket *socket_create(int family, int type, int protocol)
{
	if (family < 0 || family >= AF_MAX || !families[family])
		return ERR_PTR(-EAFNOSUPPORT);
	if (type < 0 || type >= SOCK_TYPE_MAX)
		return ERR_PTR(-EINVAL);
	return families[family]->create(type, protocol);
}

u32 socket_filter_run(struct socket *s, const void *data, u32 n)
{
	struct socket_filter *f;

	if (likely(!READ_ONCE(s->filter)))
		return n;
	rcu_read_lock();
	f = rcu_dereference(s->filter);
	if (f)
		n = min(n, f->run(f, data, n));
	rcu_read_unlock();
	return n;
}

void socket_end(struct socket *s)
{
	if (s->filter)
		s->filter->end(s->filter);
}

u64 socket_deadline(u64 timeo)
{
	u64 now = timeo ? clock_ns() : 0;

	return !timeo || timeo > ~0ull / 2 - now ? ~0ull : now + timeo;
}

/* --- files ------------------------------------------------------------------------------------ */

ssize_t socket_send(struct file *f, struct sock_msg *m)
{
	struct socket *s = f->private;
	ssize_t n;

	if (f->flags & O_NONBLOCK)
		m->flags |= MSG_DONTWAIT;
	n = s->ops->send(s, m);
	if (unlikely(n == -EPIPE && !(m->flags & MSG_NOSIGNAL)))
		send_sigpipe();
	return n;
}

ssize_t socket_recv(struct file *f, struct sock_msg *m)
{
	struct socket *s = f->private;

	if (f->flags & O_NONBLOCK)
		m->flags |= MSG_DONTWAIT;
	return s->ops->recv(s, m);
}

/* A datagram's write ends the call; a stream's SIGPIPE is as send's. */
static ssize_t socket_write(struct file *f, struct uio *u, u64 *pos)
{
	struct sock_msg m = {.u = u, .flags = u->how & UIO_NOWAIT ? MSG_DONTWAIT : 0};

	return socket_send(f, &m);
}

static ssize_t socket_read(struct file *f, struct uio *u, u64 *pos)
{
	struct sock_msg m = {.u = u, .flags = u->how & UIO_NOWAIT ? MSG_DONTWAIT : 0};

	return socket_recv(f, &m);
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->private;

	return s->ops->poll(s, f, pt);
}

static i64 socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct socket *s = f->private;

	return s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOTTY;
}

static void socket_release(struct file *f)
{
	socket_discard(f->private);
}

static const struct file_ops socket_fops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

struct socket *socket_of(struct file *f) { return f->ops == &socket_fops ? f->private : NULL; }

struct file *socket_file(struct socket *s, int flags)
{
	struct inode *i = anon_inode_new(S_IFSOCK | 0777);
	char name[32];
	struct file *f;

	if (!i) {
		socket_discard(s);
		return ERR_PTR(-ENFILE);
	}
	s->ino = i->ino;
	snprintf(name, sizeof(name), "socket:[%lu]", i->ino);
	f = anon_file_inode(i, name, &socket_fops, s,
			    O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	if (IS_ERR(f))
		socket_discard(s);
	else
		f->mode |= FMODE_NOWAIT;
	return f;
}
