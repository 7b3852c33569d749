/* SPDX-License-Identifier: BSD-2-Clause */
/* sendto, recvfrom, sendmsg, recvmsg and the calls for several messages at once (send(2), recv(2),
 * cmsg(3)). */
#include <asm/socket.h>
#include <base/string.h>
#include <hal/cpu.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <task/task.h>
#include "rw.h"
#include "sockmsg.h"

struct msghdr_u {
	u64 name;
	i32 namelen;
	u32 pad0;
	u64 iov, iovlen, control, controllen;
	u32 flags, pad1;
};
struct mmsghdr_u { struct msghdr_u hdr; u32 len, pad; };
struct cmsg_u { u64 len; i32 level, type; };
#define IOV_LIMIT	1024
#define MMSG_LIMIT	1024u
#define CONTROL_LIMIT	1024
#define SEND_FLAGS_KEPT	(MSG_OOB | MSG_DONTWAIT | MSG_EOR | MSG_NOSIGNAL)
#define RECV_FLAGS_KEPT	(MSG_OOB | MSG_PEEK | MSG_DONTWAIT | MSG_WAITALL | MSG_TRUNC | MSG_ERRQUEUE)

/* --- one buffer ------------------------------------------------------------------------------- */

SYSCALL(sendto)
{
	struct sockref r = sockref_get((int)a[0]);
	struct sock_msg m = { .flags = (u32)a[3] & SEND_FLAGS_KEPT };
	struct sock_addr addr;
	struct uio_seg seg;
	struct uio u;
	i64 ret = 0;

	if (r.err)
		return r.err;
	if (a[4]) {
		ret = sock_addr_from_user(&addr, (void __user *)a[4], (int)a[5]);
		m.addr = &addr;
	}
	if (!ret && !user_range_ok((void __user *)a[1], a[2]))
		ret = -EFAULT;
	if (!ret) {
		uio_user(&u, &seg, (void __user *)a[1], min(a[2], 0x7ffff000ul));
		m.u = &u;
		ret = socket_send(r.f.file, &m);
	}
	sockref_put(&r);
	return ret;
}

SYSCALL(recvfrom)
{
	struct sockref r = sockref_get((int)a[0]);
	struct sock_msg m = { .flags = (u32)a[3] & RECV_FLAGS_KEPT };
	struct sock_addr addr = { 0 };
	struct uio_seg seg;
	struct uio u;
	i64 ret, err;

	if (r.err)
		return r.err;
	if (!user_range_ok((void __user *)a[1], a[2])) {
		sockref_put(&r);
		return -EFAULT;
	}
	uio_user(&u, &seg, (void __user *)a[1], min(a[2], 0x7ffff000ul));
	m.u = &u;
	m.addr = a[4] ? &addr : NULL;
	ret = m.flags & MSG_ERRQUEUE ? -EAGAIN : socket_recv(r.f.file, &m);
	sockref_put(&r);
	if (ret >= 0 && a[4]) {
		err = sock_addr_to_user(&addr, (void __user *)a[4], (int __user *)a[5]);
		if (err)
			return err;
	}
	return ret;
}

/* --- control messages ------------------------------------------------------------------------- */

/* Credentials other than one's own need the right to them. */
static int check_cred(const struct ucred *c)
{
	const struct cred *me = current_cred();
	bool pid = c->pid == current_proc()->pid || capable(CAP_SYS_ADMIN);
	bool uid = c->uid == me->uid || c->uid == me->euid || c->uid == me->suid ||
		   capable(CAP_SETUID);
	bool gid = c->gid == me->gid || c->gid == me->egid || c->gid == me->sgid ||
		   capable(CAP_SETGID);

	return pid && uid && gid ? 0 : -EPERM;
}

static int take_control(const struct cmsg_u *h, const void *data, struct sock_msg *m)
{
	if (h->level != SOL_SOCKET)
		return 0;		/* of another layer: not looked at here */
	if (h->type == SCM_RIGHTS)
		return -EOPNOTSUPP;	/* passing files: not in this version */
	if (h->type != SCM_CREDENTIALS || h->len != sizeof(*h) + sizeof(m->cred))
		return -EINVAL;
	memcpy(&m->cred, data, sizeof(m->cred));
	return check_cred(&m->cred);
}

static int control_from_user(const struct msghdr_u *h, struct sock_msg *m)
{
	u64 buf[CONTROL_LIMIT / 8], at = 0;
	int err = 0;

	if (!h->control || !h->controllen)
		return 0;
	if (h->controllen > sizeof(buf))
		return -ENOBUFS;
	if (copy_from_user(buf, (void __user *)h->control, h->controllen))
		return -EFAULT;
	while (!err && h->controllen - at >= sizeof(struct cmsg_u)) {
		struct cmsg_u *c = (struct cmsg_u *)((char *)buf + at);

		if (c->len < sizeof(*c) || c->len > h->controllen - at)
			return -EINVAL;
		err = take_control(c, c + 1, m);
		at += min(align_up(c->len, 8ul), h->controllen - at);
	}
	return err;
}

/* The sender's credentials, if asked for; *used: bytes of the caller's buffer filled. */
static int control_to_user(const struct msghdr_u *h, struct sock_msg *m, u64 *used)
{
	struct { struct cmsg_u c; struct ucred cred; u32 pad;
	} out = {
		.c = {sizeof(struct cmsg_u) + sizeof(struct ucred), SOL_SOCKET, SCM_CREDENTIALS},
		.cred = m->cred,
	};
	u64 n = out.c.len;

	*used = 0;
	if (!m->has_cred)
		return 0;
	if (!h->control || h->controllen < sizeof(struct cmsg_u)) {
		m->out_flags |= MSG_CTRUNC;
		return 0;
	}
	if (h->controllen < n) {
		m->out_flags |= MSG_CTRUNC;
		n = out.c.len = h->controllen;
	}
	*used = min(align_up(n, 8ul), h->controllen);
	return copy_to_user((void __user *)h->control, &out, n) ? -EFAULT : 0;
}

/* --- one message ------------------------------------------------------------------------------ */

static int header_from_user(struct msghdr_u *h, const void __user *p)
{
	if (copy_from_user(h, p, sizeof(*h)))
		return -EFAULT;
	if (!h->name)
		h->namelen = 0;
	if (h->namelen < 0)
		return -EINVAL;
	return h->iovlen > IOV_LIMIT ? -EMSGSIZE : 0;
}

static i64 send_one(struct file *f, const void __user *p, u32 flags)
{
	struct sock_msg m = { .flags = flags & SEND_FLAGS_KEPT };
	struct sock_addr addr;
	struct uio_vec v;
	struct msghdr_u h;
	i64 ret = header_from_user(&h, p);

	if (!ret && h.name && h.namelen) {
		ret = sock_addr_from_user(&addr, (void __user *)h.name,
					  min(h.namelen, SOCK_ADDR_MAX));
		m.addr = &addr;
	}
	if (!ret)
		ret = control_from_user(&h, &m);
	if (!ret)
		ret = uio_vec_get(&v, (void __user *)h.iov, h.iovlen);
	if (ret)
		return ret;
	m.u = &v.u;
	ret = socket_send(f, &m);
	uio_vec_free(&v);
	return ret;
}

static i64 recv_one(struct file *f, void __user *p, u32 flags)
{
	struct msghdr_u __user *up = p;
	struct sock_msg m = { .flags = flags & RECV_FLAGS_KEPT };
	struct sock_addr addr = { 0 };
	struct uio_vec v;
	struct msghdr_u h;
	i64 ret = header_from_user(&h, p), err;
	u64 used;

	if (!ret)
		ret = uio_vec_get(&v, (void __user *)h.iov, h.iovlen);
	if (ret)
		return ret;
	m.u = &v.u;
	m.addr = h.name ? &addr : NULL;
	ret = m.flags & MSG_ERRQUEUE ? -EAGAIN : socket_recv(f, &m);
	uio_vec_free(&v);
	if (ret < 0)
		return ret;
	err = control_to_user(&h, &m, &used);
	if (!err && h.name &&
	    copy_to_user((void __user *)h.name, addr.bytes, min((u32)h.namelen, addr.len)))
		err = -EFAULT;
	if (!err &&
	    ((h.name && put_user((i32)addr.len, &up->namelen)) || put_user(used, &up->controllen) ||
	     put_user(m.out_flags | (flags & MSG_CMSG_CLOEXEC), &up->flags)))
		err = -EFAULT;
	return err ?: ret;
}

SYSCALL(sendmsg)
{
	struct sockref r = sockref_get((int)a[0]);
	i64 ret;

	if (r.err)
		return r.err;
	ret = send_one(r.f.file, (void __user *)a[1], (u32)a[2]);
	sockref_put(&r);
	return ret;
}

SYSCALL(recvmsg)
{
	struct sockref r = sockref_get((int)a[0]);
	i64 ret;

	if (r.err)
		return r.err;
	ret = recv_one(r.f.file, (void __user *)a[1], (u32)a[2]);
	sockref_put(&r);
	return ret;
}

/* --- several ---------------------------------------------------------------------------------- */

SYSCALL(sendmmsg)
{
	struct sockref r = sockref_get((int)a[0]);
	struct mmsghdr_u __user *vec = (void __user *)a[1];
	u32 n = min((u32)a[2], MMSG_LIMIT), done = 0;
	i64 ret = 0;

	if (r.err)
		return r.err;
	for (; done < n; done++) {
		ret = send_one(r.f.file, &vec[done], (u32)a[3]);
		if (ret >= 0)
			ret = put_user((u32)ret, &vec[done].len);
		if (ret < 0)
			break;
	}
	sockref_put(&r);
	return done ?: ret;
}

SYSCALL(recvmmsg)
{
	struct sockref r = sockref_get((int)a[0]);
	struct mmsghdr_u __user *vec = (void __user *)a[1];
	u32 n = min((u32)a[2], MMSG_LIMIT), done = 0, flags = (u32)a[3];
	u64 ns, deadline = ~0ull, now;
	i64 ret = r.err;

	if (ret)
		return ret;
	if (a[4]) {
		ret = timespec_from_user((void __user *)a[4], &ns);
		deadline = ns_add(clock_ns(), ret ? 0 : ns);
	}
	while (!ret && done < n) {
		ret = recv_one(r.f.file, &vec[done], flags & ~(u32)MSG_WAITFORONE);
		if (ret >= 0)
			ret = put_user((u32)ret, &vec[done].len);
		if (ret < 0)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (clock_ns() >= deadline)	/* looked at after each message only, as on Linux */
			break;
	}
	sockref_put(&r);
	now = clock_ns();
	if (a[4] && done &&
	    timespec_to_user((void __user *)a[4], deadline > now ? deadline - now : 0))
		return -EFAULT;
	return done ?: ret;
}
