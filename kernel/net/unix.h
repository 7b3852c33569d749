/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of AF_UNIX (unix(7)): net/unix*.c. */
#ifndef NET_UNIX_H
#define NET_UNIX_H
#include <net/socket.h>

#define UNIX_BACKLOG_MAX	4096
#define UNIX_DGRAM_QUEUE                                                                           \
	10u /* messages that one receiver keeps for senders it is not connected to, and one more   \
	     */
#define UNIX_CHUNK (16384u - (u32)sizeof(struct unix_msg)) /* a stream's writes are cut to this */
#define UNIX_PIECE (4096u - (u32)sizeof(struct unix_msg)) /* or to this, where memory is in pieces */
#define UNIX_OVERHEAD		512u	/* what a message is charged beside its bytes */

#define KEY_IN	(EPOLLIN | EPOLLRDNORM)
#define KEY_OUT	(EPOLLOUT | EPOLLWRNORM)
#define KEY_ALL	(KEY_IN | KEY_OUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR)

struct unix_sock;
struct unix_addr {
	ref_t ref;
	u32 len;
	char sun[];
}; /* the sockaddr_un that the ABI shows; never changes */

struct unix_msg {
	struct list link;
	u32 len, off;			/* bytes; how many have been read (streams) */
	u32 charge;
	struct ucred cred;
	struct unix_sock *sender; /* datagrams: referenced; charged. Streams: the receiver's peer */
	struct unix_addr *from;		/* datagrams: referenced, or NULL */
	char data[];
};

enum unix_state { UNIX_UNCONNECTED, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_sock {
	struct socket s;		/* first */
	ref_t ref; /* the file or backlog; the peer; a lookup; messages sent (datagrams) */
	struct mutex ctl;		/* bind, listen, connect of this socket */
	struct mutex reader;		/* one reader of a stream, so that bytes keep their order */
	struct spinlock lock;		/* what follows; of two sockets: never both */
	enum unix_state state;
	bool closed;
	bool rcv_shut, snd_shut; /* by shutdown on either side, or the peer's end; also read without
				    the lock */
	struct unix_sock *peer; /* referenced; stream and seqpacket: never changes once set */
	struct list queue;		/* struct unix_msg to be received */
	u32 nr_queued;
	struct list backlog;		/* listening: sockets to be accepted */
	struct list backlog_link;
	u32 nr_backlog, backlog_max;
	struct ucred peercred; /* stream: of the other side when it connected or listened */
	/* own locks */
	struct unix_addr *addr;		/* referenced; set once under ctl */
	struct path path;		/* bound in the file system; ctl */
	struct list all_link;		/* names_lock */
	struct hnode name_link;		/* names_lock */
	u64 name_key;
	struct user *user;	/* of who made it, who is charged as well; referenced */
	u32 charged;			/* bytes sent and not yet received; atomic */
	struct list starved;		/* senders that found no room here; starve_lock */
	struct list starved_link;
	struct wait_queue rd_wait, wr_wait;
};

static inline struct unix_sock *unix_of(struct socket *s) { return (struct unix_sock *)s; }
static inline bool unix_is_dgram(const struct unix_sock *u) { return u->s.type == SOCK_DGRAM; }
static inline bool unix_writable(const struct unix_sock *u)
{
	return READ_ONCE(u->charged) * 4 <= READ_ONCE(u->s.sndbuf);
}

/* --- unix.c ----------------------------------------------------------------------------------- */
struct unix_sock *unix_new(int type);		/* NULL: no memory */
void unix_put(struct unix_sock *u);
static inline struct unix_sock *unix_get(struct unix_sock *u) { ref_get(&u->ref); return u; }
struct ucred unix_current_cred(void);
struct unix_sock *unix_get_peer(struct unix_sock *u);	/* referenced or NULL */
void unix_release(struct socket *s);
void unix_free_msg(struct unix_msg *m, struct unix_sock *charged); /* uncharges, wakes the writer */
/* Room for charge more bytes, or sleeps for it. 0, -EAGAIN, -EPIPE, interrupted. */
int unix_wait_room(struct unix_sock *u, bool nonblock, u64 deadline);
/* A message with the next bytes of u, charged to the sender (streams: not referenced): most of them,
 * or least if memory for more is not free. ERR_PTR(-EFAULT, -ENOBUFS). */
struct unix_msg *unix_make_msg(struct unix_sock *sender, struct uio *u, u32 least, u32 most,
			       const struct ucred *cred);

/* --- unix_name.c ------------------------------------------------------------------------------ */
void unix_list_add(struct unix_sock *u);	/* /proc/net/unix shows it until unix_unbind */
int unix_bind(struct socket *s, const struct sock_addr *a);
int unix_autobind(struct unix_sock *u);		/* ctl held */
/* The bound socket of that name and type, referenced; ERR_PTR(-ECONNREFUSED, -EPROTOTYPE, lookup's
 * errors). */
struct unix_sock *unix_find(const struct sock_addr *a, int type);
void unix_unbind(struct unix_sock *u);
int unix_check_addr(const struct sock_addr *a);	/* -EINVAL */
void unix_addr_put(struct unix_addr *a);
void unix_addr_copy(const struct unix_addr *a, struct sock_addr *out);

/* --- unix_connect.c --------------------------------------------------------------------------- */
int unix_stream_connect(struct socket *s, const struct sock_addr *a, bool nonblock);
int unix_dgram_connect(struct socket *s, const struct sock_addr *a, bool nonblock);
int unix_listen(struct socket *s, int backlog);
struct socket *unix_accept(struct socket *s, bool nonblock);
int unix_pair(struct socket *a, struct socket *b);

/* --- unix_stream.c, unix_dgram.c -------------------------------------------------------------- */
ssize_t unix_stream_send(struct socket *s, struct sock_msg *m);
ssize_t unix_stream_recv(struct socket *s, struct sock_msg *m);
ssize_t unix_dgram_send(struct socket *s, struct sock_msg *m);
ssize_t unix_seq_send(struct socket *s, struct sock_msg *m);
ssize_t unix_packet_recv(struct socket *s, struct sock_msg *m);
/* Takes the first message (peek: leaves it), or waits for one. NULL: the end. ERR_PTR. reader is
 * held, and released meanwhile. */
struct unix_msg *unix_next_msg(struct unix_sock *u, u32 flags, u64 deadline);
bool unix_dgram_full(struct unix_sock *u,
		     struct unix_sock *to); /* no room; u will be woken when there is */
void unix_feed_starved(struct unix_sock *to);
/* u is closed: those that starve at it are woken, none comes any more; and it starves no longer. */
void unix_stop_starving(struct unix_sock *u);
#endif
