/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pseudo-terminals (pty(7)). The slave is a struct tty; the master reads its output ring and writes
 * through its line discipline. The pair lives until both sides are closed: the master file and the
 * slave's inode each hold the tty.
 */
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <fs/poll.h>
#include <hal/uaccess.h>
#include <linux/fcntl.h>
#include <lib/format.h>
#include <task/task.h>
#include "pty.h"

struct pty *ptys[MAX_PTYS];
struct mutex devpts_lock = MUTEX_INIT(devpts_lock);

/* Rings changed: the master may have something to read, or room to write. */
static void slave_start(struct tty *t)
{
	wake_up_key(&t->master_wait, 0, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
}

static void slave_closed(struct tty *t)
{
	wake_up_key(&t->master_wait, 0, EPOLLIN | EPOLLHUP);
}

static const struct tty_ops slave_ops = { .start = slave_start, .closed = slave_closed };

/* --- birth
 * ---------------------------------------------------------------------------------------- */

static int take_index(struct pty *p)
{
	mutex_lock(&devpts_lock);
	for (p->index = 0; p->index < MAX_PTYS && ptys[p->index]; p->index++)
		;
	if (p->index < MAX_PTYS)
		ptys[p->index] = p;
	mutex_unlock(&devpts_lock);
	return p->index < MAX_PTYS ? 0 : -ENOSPC;
}

static void pty_free(struct pty *p)
{
	if (p->tty)
		tty_put(p->tty);
	kfree(p);
}

static int ptmx_open(struct inode *i, struct file *f)
{
	struct pty *p = kzalloc(sizeof(*p));
	struct inode *inode;
	char name[16];
	int err;

	if (!p)
		return -ENOMEM;
	p->tty = tty_new("pts", 0, &slave_ops, p);
	err = p->tty ? take_index(p) : -ENOMEM;
	if (err) {
		pty_free(p);
		return err;
	}
	p->tty->dev = mkdev(136, p->index);
	snprintf(name, sizeof(name), "pts/%u", p->index);
	strlcpy(p->tty->name, name, sizeof(p->tty->name));
	p->tty->pty_locked = true;
	inode = devpts_new_inode(p);
	if (!inode) {
		devpts_remove(p);
		pty_free(p);
		return -ENOMEM;
	}
	mutex_lock(&devpts_lock);	/* who finds p by number finds it whole */
	p->inode = inode;
	mutex_unlock(&devpts_lock);
	f->private = p;
	f->ops = &ptmx_fops;
	return 0;
}

/* --- master
 * -------------------------------------------------------------------------------------------- */

static bool slave_gone(const struct pty *p) { return p->slave_opened && !READ_ONCE(p->tty->opens); }

static bool master_readable(const struct pty *p)
{
	const struct tty *t = p->tty;

	return (t->out_head != t->out_tail && !t->stopped) || (t->pty_packet && t->packet_flags);
}

/* Packet mode: a control byte alone, or TIOCPKT_DATA before data (ioctl_tty(2), TIOCPKT). */
static size_t packet_byte(struct tty *t, u8 *byte)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	*byte = t->packet_flags;
	t->packet_flags = 0;
	spin_unlock_irqrestore(&t->lock, flags);
	return *byte == 0;
}

static ssize_t ptmx_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->private;
	u8 buf[512], control;
	size_t n, done = 0;
	i64 err;

	if (!u->left)
		return 0;
	while (!master_readable(p)) {
		if (slave_gone(p))
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&p->tty->master_wait,
					       master_readable(p) || slave_gone(p));
		if (err)
			return err;
	}
	if (p->tty->pty_packet) {
		bool data = packet_byte(p->tty, &control);

		if (uio_write(u, &control, 1) != 1)
			return -EFAULT;
		done = 1;
		if (!data)
			return 1;
	}
	while (u->left && (n = tty_take(p->tty, buf, min(sizeof(buf), u->left)))) {
		if (uio_write(u, buf, n) != n)
			return -EFAULT;
		done += n;
	}
	return (ssize_t)done;
}

static ssize_t ptmx_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->private;
	size_t done = 0;
	i64 err = 0;

	while (u->left && !err) {
		u8 buf[256];
		size_t room = tty_receive_room(p->tty), n;

		if (slave_gone(p)) {
			err = -EIO;
		} else if (!room) {
			err = f->flags & O_NONBLOCK
				      ? -EAGAIN
				      : wait_event_interruptible(&p->tty->master_wait,
								 tty_receive_room(p->tty) ||
									 slave_gone(p));
		} else {
			n = uio_read(u, buf, min(min(room, sizeof(buf)), u->left));
			if (!n)
				err = -EFAULT;
			tty_receive(p->tty, buf, n);
			done += n;
		}
	}
	return done ? (ssize_t)done : err;
}

static u32 ptmx_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->private;
	u32 ev = 0;

	poll_wait(pt, f, &p->tty->master_wait);
	if (master_readable(p))
		ev |= EPOLLIN | EPOLLRDNORM;
	if (p->tty->pty_packet && p->tty->packet_flags)
		ev |= EPOLLPRI;
	if (tty_receive_room(p->tty))
		ev |= EPOLLOUT | EPOLLWRNORM;
	if (slave_gone(p))
		ev |= EPOLLHUP;
	return ev;
}

/* TIOCGPTPEER: the slave without its path (ioctl_tty(2)). */
static i64 open_peer(struct pty *p, int flags)
{
	struct file *f =
		anon_file_inode(inode_get(p->inode), "pts", &pts_fops, p->tty, flags & ~O_CLOEXEC);
	int err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	err = pts_fops.open(p->inode, f);
	if (err) {
		file_put(f);
		return err;
	}
	return fd_publish(f, flags & O_CLOEXEC);
}

static i64 set_flag(bool *flag, const i32 __user *arg)
{
	i32 v;

	if (get_user(v, arg))
		return -EFAULT;
	*flag = v != 0;
	return 0;
}

static i64 ptmx_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = f->private;

	switch (cmd) {
	case TIOCGPTN: return put_user(p->index, (u32 __user *)arg);
	case TIOCSPTLCK: return set_flag(&p->tty->pty_locked, (i32 __user *)arg);
	case TIOCGPTLCK: return put_user(p->tty->pty_locked, (i32 __user *)arg);
	case TIOCPKT: return set_flag(&p->tty->pty_packet, (i32 __user *)arg);
	case TIOCGPKT: return put_user(p->tty->pty_packet, (i32 __user *)arg);
	case TIOCGPTPEER: return open_peer(p, (int)arg);
	case TIOCSIG:
		/* What the line discipline could have sent: no right to more comes with a master. */
		if (arg != SIGINT && arg != SIGQUIT && arg != SIGTSTP)
			return -EINVAL;
		tty_signal_foreground(p->tty, (int)arg);
		return 0;
	case FIONREAD: return put_user(p->tty->out_head - p->tty->out_tail, (i32 __user *)arg);
	default: return tty_ioctl(p->tty, true, cmd, arg);
	}
}

/* The line drops: the slave's session hears of it, the name goes, the tty stays with those that
 * have it open. */
static void ptmx_release(struct file *f)
{
	struct pty *p = f->private;

	devpts_remove(p);
	tty_hangup(p->tty);
	inode_put(p->inode);
	pty_free(p);
}

const struct file_ops ptmx_fops = {
	.open = ptmx_open,
	.read = ptmx_read,
	.write = ptmx_write,
	.poll = ptmx_poll,
	.ioctl = ptmx_ioctl,
	.release = ptmx_release,
};

/* --- slave: an ordinary terminal once it is open
 * ------------------------------------------------------------- */

static int pts_open(struct inode *i, struct file *f)
{
	struct tty *t = i->private;
	struct pty *p;
	int err = -EIO;

	mutex_lock(&devpts_lock);	/* the master may be closing */
	p = ptys[dev_minor(t->dev)];
	if (p && p->tty == t && !t->pty_locked) {
		f->private = t;
		err = tty_fops.open(i, f);
		if (!err)
			p->slave_opened = true;
	}
	mutex_unlock(&devpts_lock);
	return err;
}

const struct file_ops pts_fops = { .open = pts_open };

static int pty_start(void)
{
	return chrdev_register(5, 2, "ptmx", 0666, &ptmx_fops, NULL);
}
INITCALL(fs, pty_start);
