/* SPDX-License-Identifier: BSD-2-Clause */
/* What sys/socket.c and sys/sockmsg.c share. */
#ifndef SYS_SOCKMSG_H
#define SYS_SOCKMSG_H
#include <hal/uaccess.h>
#include <net/socket.h>

struct sockref { struct fdref f; struct socket *s; int err; };
struct sockref sockref_get(int fd); /* err: -EBADF, -ENOTSOCK; else sockref_put must follow */
static inline void sockref_put(struct sockref *r) { fdref_put(r->f); }
int sock_addr_from_user(struct sock_addr *a, const void __user *p, i64 len); /* -EINVAL, -EFAULT */
int sock_addr_to_user(const struct sock_addr *a, void __user *p, int __user *ulen);
#endif
