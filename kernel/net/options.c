/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket options of level SOL_SOCKET (socket(7)). */
#include <asm/socket.h>
#include <base/string.h>
#include <hal/spinlock.h>
#include <net/socket.h>
#include <task/task.h>

#define BUF_MIN		2304u		/* smallest buffers, as Linux reports them */
#define BUF_MAX		425984u		/* largest without CAP_NET_ADMIN, doubled */
#define BUF_HUGE	0x3fffffffu

/* Buffers are asked for in payload and kept doubled, for the bookkeeping that lives in them too. */
static u32 buffer_size(u64 v, bool force, u32 least)
{
	u64 n = min(v, (u64)(force ? BUF_HUGE : BUF_MAX / 2)) * 2;

	return (u32)max(n, (u64)least);
}

static int set_timeout(u64 *timeo, const void *val, u32 len)
{
	i64 tv[2];

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(tv, val, sizeof(tv));
	if (tv[1] < 0 || tv[1] >= 1000000)
		return -EDOM;
	if (tv[0] < 0)
		*timeo = 1;		/* Linux: a negative time is over at once */
	else
		*timeo = tv[0] > 1000000000 ? 0 : (u64)tv[0] * 1000000000 + (u64)tv[1] * 1000;
	return 0;
}

static int set_linger(struct socket *s, const void *val, u32 len)
{
	int l[2];

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(l, val, sizeof(l));
	s->linger = l[0];
	s->linger_seconds = l[1];
	return 0;
}

struct socket_filter *(*socket_filter_from_fd)(u32 fd);

static struct spinlock filter_lock = SPINLOCK_INIT; /* what changes the filter of any socket */

/* f, or none, in place of the one there was, which *old gets. -EPERM: it is locked, nothing is done. */
static int exchange_filter(struct socket *s, struct socket_filter *f, struct socket_filter **old)
{
	bool locked;

	spin_lock(&filter_lock);
	locked = s->filter_locked;
	if (!locked) {
		*old = s->filter;
		store_release(&s->filter, f);
	}
	spin_unlock(&filter_lock);
	return locked ? -EPERM : 0;
}

static int attach_filter(struct socket *s, u32 fd)
{
	struct socket_filter *f, *old;
	int err;

	if (READ_ONCE(s->filter_locked)) /* before the descriptor is looked at, as on Linux */
		return -EPERM;
	f = socket_filter_from_fd ? socket_filter_from_fd(fd) : ERR_PTR(-ENOPROTOOPT);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	err = exchange_filter(s, f, &old);
	if (err)
		old = f;
	if (old)
		old->end(old);
	return err;
}

static int detach_filter(struct socket *s)
{
	struct socket_filter *old;
	int err = exchange_filter(s, NULL, &old);

	if (err)
		return err;
	if (!old)
		return -ENOENT;
	old->end(old);
	return 0;
}

/* For good. */
static int lock_filter(struct socket *s, int v)
{
	int err = 0;

	spin_lock(&filter_lock);
	if (s->filter_locked && !v)
		err = -EPERM;
	else
		s->filter_locked = v;
	spin_unlock(&filter_lock);
	return err;
}

int socket_setopt(struct socket *s, int opt, const void *val, u32 len)
{
	bool force = opt == SO_SNDBUFFORCE || opt == SO_RCVBUFFORCE;
	int v;

	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	switch (opt) {
	case SO_REUSEADDR: s->reuseaddr = v; break;
	case SO_REUSEPORT: s->reuseport = v; break;
	case SO_KEEPALIVE: s->keepalive = v; break;
	case SO_BROADCAST: s->broadcast = v; break;
	case SO_OOBINLINE: s->oobinline = v; break;
	case SO_PASSCRED: s->passcred = v; break;
	case SO_LINGER: return set_linger(s, val, len);
	case SO_RCVLOWAT: s->rcvlowat = v < 0 ? 0x7fffffff : v ? (u32)v : 1; break;
	case SO_RCVTIMEO_OLD: case SO_RCVTIMEO_NEW: return set_timeout(&s->rcvtimeo, val, len);
	case SO_SNDTIMEO_OLD: case SO_SNDTIMEO_NEW: return set_timeout(&s->sndtimeo, val, len);
	case SO_SNDBUF: case SO_SNDBUFFORCE:
		if (force && !capable(CAP_NET_ADMIN))
			return -EPERM;
		s->sndbuf = buffer_size((u32)v, force, 2 * BUF_MIN);
		if (s->ops->buffers_changed)
			s->ops->buffers_changed(s);
		break;
	case SO_RCVBUF: case SO_RCVBUFFORCE:
		if (force && !capable(CAP_NET_ADMIN))
			return -EPERM;
		s->rcvbuf = buffer_size((u32)v, force, BUF_MIN);
		break;
	case SO_ATTACH_BPF: return len == sizeof(v) ? attach_filter(s, (u32)v) : -EINVAL;
	case SO_DETACH_FILTER: return detach_filter(s);
	case SO_LOCK_FILTER: return lock_filter(s, v);
	case SO_DEBUG: case SO_DONTROUTE: case SO_PRIORITY: case SO_NO_CHECK: case SO_TIMESTAMP_OLD:
		break;			/* taken and without effect here */
	case SO_TYPE:
	case SO_DOMAIN:
	case SO_PROTOCOL:
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_PEERCRED:
	default:
		return -ENOPROTOOPT;
	}
	return 0;
}

static int put_bytes(void *val, u32 *len, const void *from, u32 n)
{
	*len = min(*len, n);
	memcpy(val, from, *len);
	return 0;
}

static int put_timeout(void *val, u32 *len, u64 timeo)
{
	i64 tv[2] = { (i64)(timeo / 1000000000), (i64)(timeo % 1000000000 / 1000) };

	return put_bytes(val, len, tv, sizeof(tv));
}

int socket_getopt(struct socket *s, int opt, void *val, u32 *len)
{
	int linger[2] = { s->linger, s->linger_seconds };
	struct ucred cred;
	int v;

	switch (opt) {
	case SO_TYPE: v = s->type; break;
	case SO_DOMAIN: v = s->family; break;
	case SO_PROTOCOL: v = s->protocol; break;
	case SO_ERROR: v = atomic_xchg(&s->err, 0); break;
	case SO_ACCEPTCONN: v = s->ops->listening && s->ops->listening(s); break;
	case SO_SNDBUF: v = (int)s->sndbuf; break;
	case SO_RCVBUF: v = (int)s->rcvbuf; break;
	case SO_RCVLOWAT: v = (int)s->rcvlowat; break;
	case SO_SNDLOWAT: v = 1; break;
	case SO_REUSEADDR: v = s->reuseaddr; break;
	case SO_REUSEPORT: v = s->reuseport; break;
	case SO_KEEPALIVE: v = s->keepalive; break;
	case SO_BROADCAST: v = s->broadcast; break;
	case SO_OOBINLINE: v = s->oobinline; break;
	case SO_PASSCRED: v = s->passcred; break;
	case SO_LOCK_FILTER: v = s->filter_locked; break;
	case SO_DEBUG: case SO_DONTROUTE: case SO_PRIORITY: case SO_TIMESTAMP_OLD: v = 0; break;
	case SO_LINGER: return put_bytes(val, len, linger, sizeof(linger));
	case SO_RCVTIMEO_OLD: case SO_RCVTIMEO_NEW: return put_timeout(val, len, s->rcvtimeo);
	case SO_SNDTIMEO_OLD: case SO_SNDTIMEO_NEW: return put_timeout(val, len, s->sndtimeo);
	case SO_PEERCRED:
		cred = (struct ucred){ 0, ~0u, ~0u };
		if (s->ops->peercred)
			s->ops->peercred(s, &cred);
		return put_bytes(val, len, &cred, sizeof(cred));
	default: return -ENOPROTOOPT;
	}
	return put_bytes(val, len, &v, sizeof(v));
}
