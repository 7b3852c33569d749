/* SPDX-License-Identifier: BSD-2-Clause */
/* Pseudo-terminals: the pair (pty.c) and the file system that names the slaves (devpts.c). */
#ifndef DRV_PTY_H
#define DRV_PTY_H
#include <drv/tty.h>

#define MAX_PTYS 256

struct pty {
	u32 index;
	struct tty *tty;		/* the slave side; the master works on its rings */
	struct inode *inode;		/* in devpts; NULL if that is not mounted */
	bool slave_opened; /* once: from then on no open slave means EIO to the master */
};

/* Open pairs; devpts_lock guards the table. A pair leaves it when its master closes. */
extern struct pty *ptys[MAX_PTYS];
extern struct mutex devpts_lock;
extern const struct file_ops ptmx_fops, pts_fops;
/* A node for p, owned by the caller of open("/dev/ptmx"). NULL without a mounted devpts or memory.
 */
struct inode *devpts_new_inode(struct pty *p);
/* The master is gone: the name too. */
void devpts_remove(struct pty *p);
#endif
