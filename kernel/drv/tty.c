/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminals as files: read(2), write(2), poll(2) of a tty, its birth and death. */
#include <base/alloc.h>
#include <base/init.h>
#include <base/printk.h>
#include <base/string.h>
#include <drv/console.h>
#include <drv/tty.h>
#include <task/task.h>

#define ring(i) ((i) & (TTY_RING - 1))
#define CTRL(c) ((c) & 31)

static const struct termios2 default_termios = {
	.c_iflag = ICRNL | IXON | IUTF8,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc =
		{
			[VINTR] = CTRL('C'),
			[VQUIT] = 28,
			[VERASE] = 127,
			[VKILL] = CTRL('U'),
			[VEOF] = CTRL('D'),
			[VMIN] = 1,
			[VSTART] = CTRL('Q'),
			[VSTOP] = CTRL('S'),
			[VSUSP] = CTRL('Z'),
			[VREPRINT] = CTRL('R'),
			[VDISCARD] = CTRL('O'),
			[VWERASE] = CTRL('W'),
			[VLNEXT] = CTRL('V'),
		},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

struct tty *tty_new(const char *name, u32 dev, const struct tty_ops *ops, void *private)
{
	struct tty *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->in = kmalloc(TTY_RING * sizeof(*t->in));
	t->out = kmalloc(TTY_RING);
	if (!t->in || !t->out) {
		kfree(t->in);
		kfree(t->out);
		kfree(t);
		return NULL;
	}
	ref_init(&t->ref);
	t->ops = ops;
	t->private = private;
	t->dev = dev;
	strlcpy(t->name, name, sizeof(t->name));
	spin_init(&t->lock);
	t->termios = default_termios;
	wait_queue_init(&t->read_wait);
	wait_queue_init(&t->write_wait);
	wait_queue_init(&t->master_wait);
	mutex_init(&t->read_lock);
	mutex_init(&t->write_lock);
	return t;
}

void tty_put(struct tty *t)
{
	if (!ref_put(&t->ref))
		return;
	kfree(t->in);
	kfree(t->out);
	kfree(t);
}

int tty_register(struct tty *t)
{
	int err = chrdev_register(dev_major(t->dev), dev_minor(t->dev), t->name, 0620, &tty_fops, t);

	if (!err)
		console_add(t);
	return err;
}

/* --- the line's side
 * -------------------------------------------------------------------------------- */

size_t tty_receive_room(struct tty *t)
{
	/* A line too long for the ring is cut there: it must not stop the one character that ends
	 * it. */
	if (L_FLAG(t, ICANON) && t->in_ready == t->in_tail)
		return TTY_RING;
	return TTY_RING - (t->in_head - t->in_tail);
}

void tty_receive(struct tty *t, const u8 *buf, size_t n)
{
	int sig = 0;
	u64 flags = spin_lock_irqsave(&t->lock);
	bool ready, echoed;

	for (size_t i = 0; i < n; i++) {
		int s = ldisc_input(t, buf[i]);

		sig = s ?: sig;
	}
	ready = ldisc_readable(t) != 0;
	echoed = t->out_head != t->out_tail;
	spin_unlock_irqrestore(&t->lock, flags);
	if (sig)
		tty_signal_foreground(t, sig);
	if (ready)
		wake_up_key(&t->read_wait, 1, EPOLLIN | EPOLLRDNORM);
	if (echoed)
		t->ops->start(t);
	if (sig)
		wake_up_key(&t->write_wait, 0, EPOLLOUT);
}

size_t tty_take(struct tty *t, u8 *buf, size_t n)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	size_t done = 0;

	while (!t->stopped && done < n && t->out_tail != t->out_head)
		buf[done++] = t->out[ring(t->out_tail++)];
	spin_unlock_irqrestore(&t->lock, flags);
	if (done)
		wake_up_key(&t->write_wait, 0, EPOLLOUT | EPOLLWRNORM);
	return done;
}

void tty_set_winsize(struct tty *t, const struct winsize_abi *w)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool changed = memcmp(&t->winsize, w, sizeof(*w)) != 0;

	t->winsize = *w;
	spin_unlock_irqrestore(&t->lock, flags);
	if (changed)
		tty_signal_foreground(t, SIGWINCH);
}

/* --- reading
 * ------------------------------------------------------------------------------------------- */

/* Moves up to n bytes out of the ring; canonical: at most one line, without an end-of-file mark.
 * lock held. */
static size_t take_input(struct tty *t, u8 *buf, size_t n, bool *line_done)
{
	size_t done = 0;

	*line_done = false;
	while (done < n && t->in_tail != t->in_ready) {
		u16 c = t->in[ring(t->in_tail)];

		t->in_tail++;
		if (!(c & LINE_EOF))
			buf[done++] = (u8)c;
		if ((c & (LINE_EOF | LINE_END)) && L_FLAG(t, ICANON)) {
			*line_done = true;
			break;
		}
	}
	/* A line of exactly n bytes that an EOF mark ends: the mark goes with it, or the next read
	 * would see an end of file. */
	if (!*line_done && L_FLAG(t, ICANON) && done == n && t->in_tail != t->in_ready &&
	    (t->in[ring(t->in_tail)] & LINE_EOF)) {
		t->in_tail++;
		*line_done = true;
	}
	return done;
}

struct read_state { size_t want, done; u64 deadline; bool finished; };

/* How long a raw read waits: termios(3), "Canonical and noncanonical mode". */
static u64 raw_deadline(const struct tty *t, const struct read_state *r)
{
	u8 vmin = t->termios.c_cc[VMIN], vtime = t->termios.c_cc[VTIME];

	if (!vtime || (vmin && !r->done))
		return ~0ull;
	return clock_ns() + vtime * 100000000ull;
}

static bool raw_satisfied(const struct tty *t, const struct read_state *r)
{
	u8 vmin = t->termios.c_cc[VMIN];

	return r->done >= min((size_t)vmin, r->want) &&
	       (r->done || (!vmin && !t->termios.c_cc[VTIME]));
}

/* One step: what is ready goes to the user. */
static i64 read_some(struct tty *t, struct uio *u, struct read_state *r)
{
	u8 buf[256];
	u64 flags;
	size_t n;
	bool line_done;

	do {
		flags = spin_lock_irqsave(&t->lock);
		n = take_input(t, buf, min(sizeof(buf), u->left), &line_done);
		r->finished = L_FLAG(t, ICANON) ? line_done : false;
		spin_unlock_irqrestore(&t->lock, flags);
		if (uio_write(u, buf, n) != n)
			return -EFAULT;
		r->done += n;
	} while (n == sizeof(buf) && !line_done && u->left);
	if (!u->left)
		r->finished = true;
	if (!L_FLAG(t, ICANON) && raw_satisfied(t, r))
		r->finished = true;
	if (L_FLAG(t, ICANON) && r->done)
		r->finished = true;
	return 0;
}

static i64 wait_input(struct tty *t, struct file *f, struct read_state *r)
{
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_event_full(&t->read_wait, ldisc_readable(t) || t->hung_up, SLEEP_INTERRUPTIBLE,
			       r->deadline);
}

static ssize_t tty_read(struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = f->private;
	struct read_state r = { .want = u->left, .deadline = ~0ull };
	i64 err = 0;

	if (!u->left)
		return 0;
	err = mutex_lock_interruptible(&t->read_lock);	/* the one before may wait for ever */
	if (err)
		return err;
	if (!L_FLAG(t, ICANON))
		r.deadline = raw_deadline(t, &r);
	while (!r.finished) {
		err = tty_check_read(t);
		if (err)
			break;
		if (ldisc_readable(t)) {
			err = read_some(t, u, &r);
			if (err)
				break;
			if (!L_FLAG(t, ICANON))
				r.deadline = raw_deadline(t, &r);
			continue;
		}
		if (t->hung_up || (!L_FLAG(t, ICANON) && raw_satisfied(t, &r)))
			break;
		err = wait_input(t, f, &r);
		if (err)
			break;
	}
	mutex_unlock(&t->read_lock);
	if (r.done)
		t->ops->start(t);	/* there is room for input again */
	if (err == -ETIMEDOUT)
		err = 0;
	return r.done ? (ssize_t)r.done : err;
}

/* --- writing
 * ------------------------------------------------------------------------------------------- */

static size_t put_output(struct tty *t, const u8 *buf, size_t n)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	size_t i = 0;

	while (i < n && ldisc_output(t, buf[i]))
		i++;
	spin_unlock_irqrestore(&t->lock, flags);
	t->ops->start(t);
	return i;
}

/* Writes a chunk whole, waiting for room. Returns bytes written before an error, and the error. */
static size_t write_chunk(struct tty *t, bool nonblock, const u8 *buf, size_t n, i64 *err)
{
	size_t done = 0;

	*err = 0;
	while (done < n) {
		if (t->hung_up) {
			*err = -EIO;
			break;
		}
		done += put_output(t, buf + done, n - done);
		if (done == n)
			break;
		if (nonblock)
			*err = -EAGAIN;
		else
			*err = wait_event_interruptible(&t->write_wait,
							tty_out_room(t) > 16 || t->hung_up);
		if (*err)
			break;
	}
	return done;
}

static ssize_t tty_write(struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = f->private;
	u8 buf[512];
	size_t done = 0;
	i64 err = 0;

	if (L_FLAG(t, TOSTOP)) {
		err = tty_check_change(t);
		if (err)
			return err;
	}
	err = mutex_lock_interruptible(&t->write_lock);
	if (err)
		return err;
	while (u->left && !err) {
		size_t n = uio_read(u, buf, min(sizeof(buf), u->left));

		if (!n) {
			err = -EFAULT;
			break;
		}
		done += write_chunk(t, f->flags & O_NONBLOCK, buf, n, &err);
	}
	mutex_unlock(&t->write_lock);
	return done ? (ssize_t)done : err;
}

void tty_print(struct tty *t, const char *text, size_t n)
{
	i64 err;

	mutex_lock(&t->write_lock);
	write_chunk(t, false, (const u8 *)text, n, &err);
	mutex_unlock(&t->write_lock);
}

/* --- the rest of the file
 * ---------------------------------------------------------------------------------- */

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->private;
	u32 ev = 0;

	poll_wait(pt, f, &t->read_wait);
	poll_wait(pt, f, &t->write_wait);
	if (ldisc_readable(t))
		ev |= EPOLLIN | EPOLLRDNORM;
	if (tty_out_room(t) > 16)
		ev |= EPOLLOUT | EPOLLWRNORM;
	if (t->hung_up)
		ev |= EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR;
	return ev;
}

/* /dev/tty, /dev/console and the device node itself all end here with the tty in f->private. */
static int open_tty(struct file *f, struct tty *t)
{
	if (t->hung_up)
		return -EIO;
	if (t->exclusive && !capable(CAP_SYS_ADMIN))
		return -EBUSY;
	ref_get(&t->ref);
	f->private = t;
	f->ops = &tty_fops;
	__atomic_add_fetch(&t->opens, 1, __ATOMIC_RELAXED);
	return 0;
}

static int tty_open(struct inode *i, struct file *f)
{
	struct tty *t = f->private;
	int err = open_tty(f, t);

	if (!err)
		tty_open_controlling(t, f->flags);
	return err;
}

static int console_open(struct inode *i, struct file *f)
{
	struct tty *t = tty_console();

	if (!t)
		return -ENODEV;
	f->private = t;
	return open_tty(f, t);	/* it never becomes a controlling terminal by itself */
}

static int current_tty_open(struct inode *i, struct file *f)
{
	struct tty *t = tty_of_current();
	int err;

	if (!t)
		return -ENXIO;
	err = open_tty(f, t);
	tty_put(t);
	return err;
}

static void tty_release(struct file *f)
{
	struct tty *t = f->private;

	if (__atomic_sub_fetch(&t->opens, 1, __ATOMIC_ACQ_REL) == 0) {
		t->exclusive = false;
		if (t->ops->closed)
			t->ops->closed(t);
	}
	tty_put(t);
}

static i64 tty_file_ioctl(struct file *f, u32 cmd, u64 arg)
{
	return tty_ioctl(f->private, false, cmd, arg);
}

const struct file_ops tty_fops = {
	.read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_file_ioctl,
	.open = tty_open, .release = tty_release,
};
static const struct file_ops console_fops = { .open = console_open };
static const struct file_ops current_tty_fops = { .open = current_tty_open };

static int tty_start(void)
{
	chrdev_register(5, 0, "tty", 0666, &current_tty_fops, NULL);
	return chrdev_register(5, 1, "console", 0600, &console_fops, NULL);
}
INITCALL(fs, tty_start);
