/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: what every family has, and what it must provide (struct proto_ops). A family registers
 * itself; the system calls reach it through the file. Addresses here are copies in kernel memory.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H
#include <fs/poll.h>
#include <fs/vfs.h>
#include <hal/sync.h>

/* Constants of socket(2), send(2), recv(2), shutdown(2) that the ABI headers leave to the C
 * library. */
enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_MAX = 46 };
enum {
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
	SOCK_RAW = 3,
	SOCK_SEQPACKET = 5,
	SOCK_TYPE_MAX = 11,
	SOCK_TYPE_MASK = 15
};
#define SOCK_CLOEXEC	02000000
#define SOCK_NONBLOCK	04000
enum {
	MSG_OOB = 1,
	MSG_PEEK = 2,
	MSG_CTRUNC = 8,
	MSG_TRUNC = 0x20,
	MSG_DONTWAIT = 0x40,
	MSG_EOR = 0x80,
	MSG_WAITALL = 0x100,
	MSG_ERRQUEUE = 0x2000,
	MSG_NOSIGNAL = 0x4000,
	MSG_WAITFORONE = 0x10000,
	MSG_CMSG_CLOEXEC = 0x40000000,
};
enum { SHUT_RD, SHUT_WR, SHUT_RDWR };
enum { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };
struct ucred { i32 pid; u32 uid, gid; };

#define SOCK_ADDR_MAX 128
struct sock_addr {
	u32 len;
	union {
		u16 family;
		char bytes[SOCK_ADDR_MAX];
	};
}; /* len 0: none */

/* One send or receive. */
struct sock_msg {
	struct uio *u;
	struct sock_addr
		*addr; /* send: the destination or NULL; receive: where to put the sender or NULL */
	u32 flags; /* MSG_* of the call; receive: MSG_DONTWAIT also for O_NONBLOCK files */
	u32 out_flags;			/* receive: MSG_TRUNC, MSG_EOR */
	struct ucred cred; /* send: checked, pid 0: the caller's own; receive: the sender's */
	bool has_cred;			/* receive: cred is to be told */
};

struct socket;
struct proto_ops { /* all may sleep; 0 or negative errno unless said otherwise; NULL: -EOPNOTSUPP */
	void (*release)(struct socket *s);	/* the file is gone, or was never made */
	int (*bind)(struct socket *s, const struct sock_addr *a);
	int (*connect)(struct socket *s, const struct sock_addr *a, bool nonblock);
	int (*pair)(struct socket *a, struct socket *b);
	int (*listen)(struct socket *s, int backlog);
	struct socket *(*accept)(struct socket *s, bool nonblock);	/* ERR_PTR */
	int (*getname)(struct socket *s, bool peer, struct sock_addr *out);
	ssize_t (*send)(struct socket *s,
			struct sock_msg *m); /* bytes; -EPIPE: the caller sends SIGPIPE */
	ssize_t (*recv)(struct socket *s, struct sock_msg *m);
	u32 (*poll)(struct socket *s, struct file *f, struct poll_table *pt);
	i64 (*ioctl)(struct socket *s, u32 cmd, u64 arg);
	int (*shutdown)(struct socket *s, int how);
	bool (*listening)(const struct socket *s);
	void (*peercred)(struct socket *s, struct ucred *c);
	void (*buffers_changed)(struct socket *s);
};

/*
 * What looks at each datagram before a socket gets it (SO_ATTACH_BPF). Made by who runs programs:
 * sys/ sets socket_filter_from_fd.
 */
struct socket_filter {
	/* How many of n bytes the socket is to get, 0: it gets no datagram. Does not sleep; under
	 * RCU. */
	u32 (*run)(struct socket_filter *f, const void *data, u32 n);
	/* It is attached no more; runs that began before may go on until a grace period has ended. Any
	 * context. */
	void (*end)(struct socket_filter *f);
};
/* ERR_PTR(-EBADF, -EINVAL, -ENOMEM). NULL: no programs in this kernel. Sleeps. */
extern struct socket_filter *(*socket_filter_from_fd)(u32 fd);

struct socket {			/* first in the family's own structure */
	const struct proto_ops *ops;
	u16 family, type;
	int protocol;
	u64 ino;			/* of its file; 0: not accepted yet */
	int err;			/* pending, positive; taken with atomic_xchg */
	u32 sndbuf, rcvbuf, rcvlowat;	/* bytes */
	u64 sndtimeo, rcvtimeo;		/* ns, 0: for ever */
	bool passcred, reuseaddr, reuseport, keepalive, broadcast, oobinline, linger;
	int linger_seconds;
	bool filter_locked;
	struct socket_filter *filter;	/* changes under options.c's lock, read under RCU */
};
#define SOCK_BUF_DEFAULT 212992u

struct net_family {
	int family;
	/* An unconnected socket; type is SOCK_*; ERR_PTR. */
	struct socket *(*create)(int type, int protocol);
};
void net_register(const struct net_family *f);	/* at boot */

/* Defaults of a new socket, which its family has allocated zeroed. */
void socket_init(struct socket *s, const struct proto_ops *ops, int family, int type);
struct socket *socket_create(int family, int type, int protocol);	/* ERR_PTR */
/* The file of a socket; takes it over, also on failure. flags: SOCK_NONBLOCK. ERR_PTR. */
struct file *socket_file(struct socket *s, int flags);
struct socket *socket_of(struct file *f);		/* NULL: f is none */
/* What the socket's filter says of n bytes; n without one. */
u32 socket_filter_run(struct socket *s, const void *data, u32 n);
/* The socket is about to be freed. */
void socket_end(struct socket *s);
static inline void socket_discard(struct socket *s) { s->ops->release(s); }
/* sendmsg and recvmsg: adds the file's O_NONBLOCK, sends SIGPIPE. */
ssize_t socket_send(struct file *f, struct sock_msg *m);
ssize_t socket_recv(struct file *f, struct sock_msg *m);
/* SOL_SOCKET options: val in kernel memory. get: *len is room, then length. */
int socket_setopt(struct socket *s, int opt, const void *val, u32 len);
int socket_getopt(struct socket *s, int opt, void *val, u32 *len);
/* Sleeping in a socket call: the deadline of a timeout, and the errno of an interrupted one. */
u64 socket_deadline(u64 timeo);
static inline int socket_interrupted(u64 timeo) { return timeo ? -EINTR : -ERESTARTSYS; }
#endif
