/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminal settings: tty_ioctl(4), ioctl_tty(2). */
#include <base/string.h>
#include <drv/tty.h>
#include <hal/uaccess.h>
#include <task/task.h>

/* struct termios as TCGETS has it: no speeds beyond the CBAUD bits. */
struct termios1 { u32 iflag, oflag, cflag, lflag; u8 line, cc[NCCS]; };
struct termio { u16 iflag, oflag, cflag, lflag; u8 line, cc[8]; };

static const u32 speeds[] = {
	0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
};
static const u32 fast_speeds[] = {
	0,	 57600,	  115200,  230400,  460800,  500000,  576000,  921600,
	1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
};

static void set_speed_from_flags(struct termios2 *n)
{
	u32 b = n->c_cflag & CBAUD;

	if (b == BOTHER)
		return;
	n->c_ospeed = n->c_ispeed = b & CBAUDEX ? fast_speeds[b & 15] : speeds[b & 15];
}

static void apply(struct tty *t, const struct termios2 *n)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	u32 old = t->termios.c_lflag;

	t->termios = *n;
	t->termios.c_cflag |= CREAD;
	if (!(n->c_iflag & IXON))
		t->stopped = false;
	ldisc_mode_changed(t, old);
	spin_unlock_irqrestore(&t->lock, flags);
	t->ops->start(t);
	wake_up_key(&t->read_wait, 0, EPOLLIN | EPOLLRDNORM);
}

/* Waits until the line has taken all output. */
static i64 drain(struct tty *t)
{
	return wait_event_interruptible(&t->write_wait, t->out_head == t->out_tail || t->hung_up);
}

static i64 read_settings(u32 form, u64 arg, struct termios2 *n)
{
	struct termios1 t1;
	struct termio t0;

	switch (form) {
	case TCSETS2:
		return copy_from_user(n, (void __user *)arg, sizeof(*n)) ? -EFAULT : 0;
	case TCSETS:
		if (copy_from_user(&t1, (void __user *)arg, sizeof(t1)))
			return -EFAULT;
		memcpy(n, &t1, sizeof(t1));
		break;
	default:
		if (copy_from_user(&t0, (void __user *)arg, sizeof(t0)))
			return -EFAULT;
		n->c_iflag = (n->c_iflag & 0xffff0000) | t0.iflag;
		n->c_oflag = (n->c_oflag & 0xffff0000) | t0.oflag;
		n->c_cflag = (n->c_cflag & 0xffff0000) | t0.cflag;
		n->c_lflag = (n->c_lflag & 0xffff0000) | t0.lflag;
		memcpy(n->c_cc, t0.cc, sizeof(t0.cc));
	}
	set_speed_from_flags(n);
	return 0;
}

/* wait: drain output first; flush: drop input too. */
static i64 set_termios(struct tty *t, u32 form, u64 arg, bool wait, bool flush)
{
	struct termios2 n = t->termios;
	i64 err = tty_check_change(t);

	err = err ?: read_settings(form, arg, &n);
	if (!err && wait)
		err = drain(t);
	if (err)
		return err;
	if (flush) {
		u64 flags = spin_lock_irqsave(&t->lock);

		ldisc_flush_input(t);
		spin_unlock_irqrestore(&t->lock, flags);
	}
	apply(t, &n);
	return 0;
}

static i64 get_termios(struct tty *t, u32 cmd, void __user *arg)
{
	struct termios2 n = t->termios;
	struct termio t0;

	if (cmd == TCGETS2)
		return copy_to_user(arg, &n, sizeof(n)) ? -EFAULT : 0;
	if (cmd == TCGETS)
		return copy_to_user(arg, &n, sizeof(struct termios1)) ? -EFAULT : 0;
	memset(&t0, 0, sizeof(t0));	/* padding and all */
	t0.iflag = (u16)n.c_iflag;
	t0.oflag = (u16)n.c_oflag;
	t0.cflag = (u16)n.c_cflag;
	t0.lflag = (u16)n.c_lflag;
	t0.line = n.c_line;
	memcpy(t0.cc, n.c_cc, sizeof(t0.cc));
	return copy_to_user(arg, &t0, sizeof(t0)) ? -EFAULT : 0;
}

static i64 flush(struct tty *t, u64 which)
{
	i64 err = tty_check_change(t);
	u64 flags;

	if (err)
		return err;
	if (which > TCIOFLUSH)
		return -EINVAL;
	flags = spin_lock_irqsave(&t->lock);
	if (which != TCOFLUSH)
		ldisc_flush_input(t);
	if (which != TCIFLUSH)
		t->out_tail = t->out_head;
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_key(&t->write_wait, 0, EPOLLOUT);
	return 0;
}

static i64 flow(struct tty *t, u64 what)
{
	i64 err = tty_check_change(t);
	u8 c;

	if (err)
		return err;
	switch (what) {
	case TCOOFF:
		t->stopped = true;
		return 0;
	case TCOON:
		t->stopped = false;
		t->ops->start(t);
		return 0;
	case TCIOFF:
	case TCION:
		c = t->termios.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c) {
			u64 flags = spin_lock_irqsave(&t->lock);

			ldisc_output(t, c);
			spin_unlock_irqrestore(&t->lock, flags);
			t->ops->start(t);
		}
		return 0;
	default:
		return -EINVAL;
	}
}

static i64 put_winsize(struct tty *t, void __user *arg)
{
	struct winsize_abi w = t->winsize;

	return copy_to_user(arg, &w, sizeof(w)) ? -EFAULT : 0;
}

static i64 get_winsize(struct tty *t, const void __user *arg)
{
	struct winsize_abi w;

	if (copy_from_user(&w, arg, sizeof(w)))
		return -EFAULT;
	tty_set_winsize(t, &w);
	return 0;
}

static i64 set_discipline(u64 arg)
{
	int n;

	return get_user(n, (int __user *)arg) ?: n == N_TTY ? 0 : -EINVAL;
}

static i64 inject(struct tty *t, const u8 __user *arg)
{
	u8 c;

	/* A program that was given a terminal may not type for who gave it (Linux 6.2). */
	if (!capable(CAP_SYS_ADMIN))
		return -EIO;
	if (get_user(c, arg))
		return -EFAULT;
	tty_receive(t, &c, 1);
	return 0;
}

i64 tty_ioctl(struct tty *t, bool master, u32 cmd, u64 arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case TCGETS: case TCGETS2: case TCGETA: return get_termios(t, cmd, p);
	case TCSETS: return set_termios(t, TCSETS, arg, false, false);
	case TCSETSW: return set_termios(t, TCSETS, arg, true, false);
	case TCSETSF: return set_termios(t, TCSETS, arg, true, true);
	case TCSETS2: return set_termios(t, TCSETS2, arg, false, false);
	case TCSETSW2: return set_termios(t, TCSETS2, arg, true, false);
	case TCSETSF2: return set_termios(t, TCSETS2, arg, true, true);
	case TCSETA: return set_termios(t, TCSETA, arg, false, false);
	case TCSETAW: return set_termios(t, TCSETA, arg, true, false);
	case TCSETAF: return set_termios(t, TCSETA, arg, true, true);
	case TIOCGWINSZ: return put_winsize(t, p);
	case TIOCSWINSZ: return get_winsize(t, p);
	case TCFLSH: return flush(t, arg);
	case TCXONC: return flow(t, arg);
	case TCSBRK:
	case TCSBRKP:
		return tty_check_change(t) ?: drain(t); /* a break means nothing to these lines */
	case TIOCOUTQ: return put_user(t->out_head - t->out_tail, (i32 __user *)p);
	case FIONREAD: return put_user(ldisc_readable(t), (i32 __user *)p);
	case TIOCGETD: return put_user(N_TTY, (i32 __user *)p);
	case TIOCSETD: return set_discipline(arg);
	case TIOCEXCL: t->exclusive = true; return 0;
	case TIOCNXCL: t->exclusive = false; return 0;
	case TIOCGEXCL: return put_user(t->exclusive, (i32 __user *)p);
	case TIOCGDEV: return put_user(t->dev, (u32 __user *)p);
	case TIOCSTI: return inject(t, p);
	case TIOCGSOFTCAR: return put_user(0, (i32 __user *)p);
	default:
		return tty_job_ioctl(t, master, cmd, arg);
	}
}
