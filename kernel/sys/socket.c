/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket calls: addresses and options copied and checked, then the family's work. Messages:
 * sys/sockmsg.c. */
#include <base/string.h>
#include <linux/fcntl.h>
#include <asm/socket.h>
#include <sys/syscall.h>
#include "sockmsg.h"

/* The socket behind fd for the length of the call; err says why there is none. */
struct sockref sockref_get(int fd)
{
	struct sockref r = { .f = fdref_get(fd), .err = -EBADF };

	if (!r.f.file)
		return r;
	r.s = socket_of(r.f.file);
	r.err = r.s ? 0 : -ENOTSOCK;
	if (!r.s)
		fdref_put(r.f);
	return r;
}

int sock_addr_from_user(struct sock_addr *a, const void __user *p, i64 len)
{
	if (len < 0 || len > SOCK_ADDR_MAX)
		return -EINVAL;
	a->len = (u32)len;
	a->family = AF_UNSPEC;
	return copy_from_user(a->bytes, p, (size_t)len) ? -EFAULT : 0;
}

/* As much as the caller has room for; *ulen becomes the true length. */
int sock_addr_to_user(const struct sock_addr *a, void __user *p, int __user *ulen)
{
	int room;

	if (get_user(room, ulen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (copy_to_user(p, a->bytes, min((u32)room, a->len)))
		return -EFAULT;
	return put_user((int)a->len, ulen);
}

static bool sock_nonblock(const struct sockref *r) { return r->f.file->flags & O_NONBLOCK; }

/* --- making ----------------------------------------------------------------------------------- */

static int check_type(int type)
{
	return type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK) ? -EINVAL : 0;
}

SYSCALL(socket)
{
	int type = (int)a[1];
	struct socket *s;
	struct file *f;

	if (check_type(type))
		return -EINVAL;
	s = socket_create((int)a[0], type & SOCK_TYPE_MASK, (int)a[2]);
	if (IS_ERR(s))
		return PTR_ERR(s);
	f = socket_file(s, type);
	return IS_ERR(f) ? PTR_ERR(f) : fd_publish(f, type & SOCK_CLOEXEC ? O_CLOEXEC : 0);
}

/* Two sockets joined, as files. */
static int make_pair(int family, int type, int protocol, struct file *f[2])
{
	struct socket *x = socket_create(family, type & SOCK_TYPE_MASK, protocol), *y;
	int err;

	if (IS_ERR(x))
		return (int)PTR_ERR(x);
	y = socket_create(family, type & SOCK_TYPE_MASK, protocol);
	if (IS_ERR(y)) {
		socket_discard(x);
		return (int)PTR_ERR(y);
	}
	err = x->ops->pair ? x->ops->pair(x, y) : -EOPNOTSUPP;
	if (err) {
		socket_discard(x);
		socket_discard(y);
		return err;
	}
	f[0] = socket_file(x, type);
	if (IS_ERR(f[0])) {
		socket_discard(y);
		return (int)PTR_ERR(f[0]);
	}
	f[1] = socket_file(y, type);
	if (IS_ERR(f[1]))
		file_put(f[0]);
	return IS_ERR(f[1]) ? (int)PTR_ERR(f[1]) : 0;
}

SYSCALL(socketpair)
{
	int type = (int)a[1], fd[2], err, cloexec = type & SOCK_CLOEXEC ? O_CLOEXEC : 0;
	struct file *f[2];

	if (check_type(type))
		return -EINVAL;
	err = make_pair((int)a[0], type, (int)a[2], f);
	if (err)
		return err;
	fd[0] = fd_reserve(0, cloexec);
	fd[1] = fd[0] < 0 ? fd[0] : fd_reserve(0, cloexec);
	err = fd[1] < 0 ? fd[1] : 0;
	if (!err && copy_to_user((void __user *)a[3], fd, sizeof(fd)))
		err = -EFAULT;
	for (u32 i = 0; i < 2; i++) {
		if (!err) {
			fd_install(fd[i], f[i]);
			continue;
		}
		if (fd[i] >= 0)
			fd_unreserve(fd[i]);
		file_put(f[i]);
	}
	return err;
}

static i64 do_accept(int fd, void __user *addr, int __user *ulen, int flags)
{
	struct sock_addr name = { 0 };
	struct socket *s;
	struct sockref r;
	struct file *f;
	int newfd, err;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	r = sockref_get(fd);
	if (r.err)
		return r.err;
	newfd = fd_reserve(0, flags & SOCK_CLOEXEC ? O_CLOEXEC : 0);
	s = ERR_PTR(newfd < 0 ? newfd : -EOPNOTSUPP);
	if (newfd >= 0 && r.s->ops->accept)
		s = r.s->ops->accept(r.s, sock_nonblock(&r));
	sockref_put(&r);
	f = IS_ERR(s) ? (struct file *)s : socket_file(s, flags);
	err = IS_ERR(f) ? (int)PTR_ERR(f) : 0;
	if (!err && addr) {
		err = s->ops->getname(s, true, &name);
		err = err ? -ECONNABORTED : sock_addr_to_user(&name, addr, ulen);
		if (err)
			file_put(f);
	}
	if (!err)
		fd_install(newfd, f);
	else if (newfd >= 0)
		fd_unreserve(newfd);
	return err ?: newfd;
}

SYSCALL(accept) { return do_accept((int)a[0], (void __user *)a[1], (int __user *)a[2], 0); }
SYSCALL(accept4)
{
	return do_accept((int)a[0], (void __user *)a[1], (int __user *)a[2], (int)a[3]);
}

/* --- names and states ------------------------------------------------------------------------- */

SYSCALL(bind)
{
	struct sockref r = sockref_get((int)a[0]);
	struct sock_addr addr;
	int err;

	if (r.err)
		return r.err;
	err = sock_addr_from_user(&addr, (void __user *)a[1], (int)a[2]);
	if (!err)
		err = r.s->ops->bind ? r.s->ops->bind(r.s, &addr) : -EOPNOTSUPP;
	sockref_put(&r);
	return err;
}

SYSCALL(connect)
{
	struct sockref r = sockref_get((int)a[0]);
	struct sock_addr addr;
	int err;

	if (r.err)
		return r.err;
	err = sock_addr_from_user(&addr, (void __user *)a[1], (int)a[2]);
	if (!err)
		err = r.s->ops->connect ? r.s->ops->connect(r.s, &addr, sock_nonblock(&r))
					: -EOPNOTSUPP;
	sockref_put(&r);
	return err;
}

SYSCALL(listen)
{
	struct sockref r = sockref_get((int)a[0]);
	int err;

	if (r.err)
		return r.err;
	err = r.s->ops->listen ? r.s->ops->listen(r.s, (int)a[1]) : -EOPNOTSUPP;
	sockref_put(&r);
	return err;
}

static i64 do_getname(const u64 *a, bool peer)
{
	struct sockref r = sockref_get((int)a[0]);
	struct sock_addr addr = { 0 };
	int err;

	if (r.err)
		return r.err;
	err = r.s->ops->getname(r.s, peer, &addr);
	if (!err)
		err = sock_addr_to_user(&addr, (void __user *)a[1], (int __user *)a[2]);
	sockref_put(&r);
	return err;
}
SYSCALL(getsockname) { return do_getname(a, false); }
SYSCALL(getpeername) { return do_getname(a, true); }

SYSCALL(shutdown)
{
	struct sockref r = sockref_get((int)a[0]);
	u32 how = (u32)a[1];
	int err;

	if (r.err)
		return r.err;
	err = how > SHUT_RDWR	   ? -EINVAL
	      : r.s->ops->shutdown ? r.s->ops->shutdown(r.s, (int)how)
				   : -EOPNOTSUPP;
	sockref_put(&r);
	return err;
}

/* --- options ---------------------------------------------------------------------------------- */

SYSCALL(setsockopt)
{
	struct sockref r = sockref_get((int)a[0]);
	u32 len = (u32)a[4];
	u64 val[8] = { 0 };
	int err;

	if (r.err)
		return r.err;
	if ((int)len < 0)
		err = -EINVAL;
	else if ((int)a[1] != SOL_SOCKET)
		err = -EOPNOTSUPP;
	else if (copy_from_user(val, (void __user *)a[3], min((size_t)len, sizeof(val))))
		err = -EFAULT;
	else
		err = socket_setopt(r.s, (int)a[2], val, len);
	sockref_put(&r);
	return err;
}

SYSCALL(getsockopt)
{
	struct sockref r = sockref_get((int)a[0]);
	int __user *ulen = (int __user *)a[4];
	u64 val[8] = { 0 };
	u32 len;
	int err, room;

	if (r.err)
		return r.err;
	if (get_user(room, ulen))
		err = -EFAULT;
	else if (room < 0)
		err = -EINVAL;
	else if ((int)a[1] != SOL_SOCKET)
		err = -EOPNOTSUPP;
	else {
		len = min((u32)room, (u32)sizeof(val));
		err = socket_getopt(r.s, (int)a[2], val, &len);
		if (!err &&
		    (copy_to_user((void __user *)a[3], val, len) || put_user((int)len, ulen)))
			err = -EFAULT;
	}
	sockref_put(&r);
	return err;
}
