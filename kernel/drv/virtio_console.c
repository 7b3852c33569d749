/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio console with multiple ports: VIRTIO 1.2, section 5.3. A console port is the terminal hvcN;
 * any other port is the character device vport0pN with its name in /sys/class/virtio-ports.
 *
 * port->lock (spin, irq-safe) guards both queues and the received data. Received buffers stay in
 * order on port->rx until read and go back to the device then: the host's flow control is that no
 * buffer is offered.
 */
#include <base/alloc.h>
#include <base/init.h>
#include <base/printk.h>
#include <base/string.h>
#include <drv/tty.h>
#include <drv/virtio.h>
#include <lib/format.h>
#include <linux/fcntl.h>
#include <task/task.h>
#include <fs/poll.h>
#include <fs/pseudo.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#define MAX_PORTS	16
#define RX_BUFFERS	8
#define TX_BUFFERS	8
#define VPORT_MAJOR	243
#define HVC_MAJOR	229

struct buffer { struct list link; struct port *port; u8 *data; u32 len, used; };

struct port {
	struct console_device *con;
	u32 id;
	struct virtqueue *rxq, *txq;
	struct spinlock lock;
	struct list rx;			/* filled buffers, oldest first */
	struct list tx_free;
	struct wait_queue wait;
	bool host_open, guest_open, registered;
	char name[48], dev_name[16];
	struct tty *tty;		/* a console port */
};

struct console_device {
	struct virtio_device *dev;
	struct virtqueue *ctl_rx, *ctl_tx;
	struct port *ports[MAX_PORTS];
	struct spinlock ctl_lock;
	u64 todo;			/* ports that the worker has to look at, atomic */
	struct wait_queue todo_wait;
};

#define BUF_SIZE PAGE_SIZE

/* --- buffers
 * ------------------------------------------------------------------------------------------- */

/*
 * A kick stops this CPU for as long as the hypervisor likes, and may raise the interrupt that the
 * other CPUs then take: never with a port's lock held, for which they would wait all that time.
 */

/* Puts b where the device may fill it; the caller kicks after it has dropped the lock, held here. */
static void offer(struct port *p, struct buffer *b)
{
	struct virtq_seg s = { virt_to_phys(b->data), BUF_SIZE };

	b->used = b->len = 0;
	virtq_add(p->rxq, &s, 0, 1, b);
}

static struct buffer *buffer_new(struct port *p)
{
	struct buffer *b = kzalloc(sizeof(*b));

	if (!b)
		return NULL;
	b->port = p;
	b->data = page_alloc(0);
	if (b->data)
		return b;
	kfree(b);
	return NULL;
}

/* Reads up to n received bytes. Buffers used up are offered again. */
static size_t take_received(struct port *p, u8 *dst, size_t n)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	bool offered = false;
	size_t done = 0;

	while (done < n && !list_empty(&p->rx)) {
		struct buffer *b = list_first(&p->rx, struct buffer, link);
		size_t part = min(n - done, (size_t)(b->len - b->used));

		memcpy(dst + done, b->data + b->used, part);
		b->used += (u32)part;
		done += part;
		if (b->used == b->len) {
			list_del(&b->link);
			offer(p, b);
			offered = true;
		}
	}
	spin_unlock_irqrestore(&p->lock, flags);
	if (offered)
		virtq_kick(p->rxq);
	return done;
}

static void reclaim_sent(struct port *p)
{
	struct buffer *b;
	u32 len;

	while ((b = virtq_take(p->txq, &len)))
		list_add_tail(&p->tx_free, &b->link);
}

static struct buffer *tx_buffer(struct port *p)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	struct buffer *b = NULL;

	reclaim_sent(p);
	if (!list_empty(&p->tx_free)) {
		b = list_first(&p->tx_free, struct buffer, link);
		list_del(&b->link);
	}
	spin_unlock_irqrestore(&p->lock, flags);
	return b;
}

static void tx_return(struct port *p, struct buffer *b)
{
	u64 flags = spin_lock_irqsave(&p->lock);

	list_add(&p->tx_free, &b->link);
	spin_unlock_irqrestore(&p->lock, flags);
}

static void send(struct port *p, struct buffer *b, u32 n)
{
	struct virtq_seg s = { virt_to_phys(b->data), n };
	u64 flags = spin_lock_irqsave(&p->lock);
	bool added = virtq_add(p->txq, &s, 1, 0, b) == 0;

	if (!added)
		list_add(&p->tx_free, &b->link);
	spin_unlock_irqrestore(&p->lock, flags);
	if (added)
		virtq_kick(p->txq);
}

static bool can_send(struct port *p)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	bool any;

	reclaim_sent(p);
	any = !list_empty(&p->tx_free);
	spin_unlock_irqrestore(&p->lock, flags);
	return any;
}

/* --- the terminal of a console port
 * --------------------------------------------------------------------- */

static void hvc_start(struct tty *t)
{
	struct port *p = t->private;
	struct buffer *b;
	u8 in[256];
	size_t n;

	while (tty_receive_room(t) >= sizeof(in) && (n = take_received(p, in, sizeof(in))))
		tty_receive(t, in, n);
	while (t->out_head != t->out_tail && (b = tx_buffer(p))) {
		n = tty_take(t, b->data, BUF_SIZE);
		if (!n) {
			tx_return(p, b);
			break;
		}
		send(p, b, (u32)n);
	}
}

/* Waits for the device by looking at what it used: up to limit ns until b is free again, or (NULL)
 * any buffer. lock held. */
static bool poll_sent(struct port *p, struct buffer *b, u64 limit)
{
	for (u64 end = clock_ns() + limit; clock_ns() < end; cpu_relax()) {
		reclaim_sent(p);
		if (b ? !list_empty(&b->link) : !list_empty(&p->tx_free))
			return true;
	}
	return false;
}

static void hvc_emergency(struct tty *t, const char *s, size_t n)
{
	const u64 limit = 100000000;
	struct port *p = t->private;
	struct virtq_seg seg;
	struct buffer *b;

	if (!spin_trylock(&p->lock))
		return;		/* the panic came from inside */
	if (poll_sent(p, NULL, limit)) {
		b = list_first(&p->tx_free, struct buffer, link);
		list_del(&b->link);
		list_init(&b->link);
		memcpy(b->data, s, n);
		seg = (struct virtq_seg){ virt_to_phys(b->data), (u32)n };
		if (virtq_add(p->txq, &seg, 1, 0, b) == 0) {
			virtq_kick(p->txq);
			poll_sent(p, b, limit);
		}
	}
	spin_unlock(&p->lock);
}

static const struct tty_ops hvc_ops = { .start = hvc_start, .emergency = hvc_emergency };

/* --- interrupts
 * ------------------------------------------------------------------------------------------- */

static void rx_done(struct virtqueue *q)
{
	struct port *p = q->private;
	struct buffer *b;
	bool any = false;
	u64 flags = spin_lock_irqsave(&p->lock);
	u32 len;

	while ((b = virtq_take(q, &len))) {
		b->len = min(len, (u32)BUF_SIZE);
		list_add_tail(&p->rx, &b->link);
		any = true;
	}
	spin_unlock_irqrestore(&p->lock, flags);
	if (!any)
		return;
	if (p->tty)
		hvc_start(p->tty);
	wake_up_key(&p->wait, 0, EPOLLIN | EPOLLRDNORM);
}

static void tx_done(struct virtqueue *q)
{
	struct port *p = q->private;

	if (p->tty && p->tty->out_head != p->tty->out_tail)
		hvc_start(p->tty);
	wake_up_key(&p->wait, 0, EPOLLOUT | EPOLLWRNORM);
}

/* --- control messages
 * ---------------------------------------------------------------------------------------- */

static void control(struct console_device *c, u32 id, u16 event, u16 value)
{
	struct virtio_console_control *m;
	struct virtq_seg s;
	u64 flags;
	u32 len;

	flags = spin_lock_irqsave(&c->ctl_lock);
	while ((m = virtq_take(c->ctl_tx, &len)))
		kfree(m);
	m = kmalloc_atomic(sizeof(*m));
	if (m) {
		*m = (struct virtio_console_control){ .id = id, .event = event, .value = value };
		s = (struct virtq_seg){ virt_to_phys(m), sizeof(*m) };
		if (virtq_add(c->ctl_tx, &s, 1, 0, m) == 0)
			virtq_kick(c->ctl_tx);
		else
			kfree(m);
	}
	spin_unlock_irqrestore(&c->ctl_lock, flags);
}

static void resize(struct port *p, const u16 *cols_rows)
{
	struct winsize_abi w = { .row = cols_rows[1], .col = cols_rows[0] };

	if (p->tty)
		tty_set_winsize(p->tty, &w);
}

static void port_event(struct port *p, const struct virtio_console_control *m, const u8 *more,
		       u32 n)
{
	switch (m->event) {
	case VIRTIO_CONSOLE_PORT_OPEN:
		p->host_open = m->value;
		wake_up_key(&p->wait, 0, EPOLLIN | EPOLLOUT | EPOLLHUP);
		break;
	case VIRTIO_CONSOLE_PORT_NAME:
		memcpy(p->name, more, min((size_t)n, sizeof(p->name) - 1));
		atomic_or(&p->con->todo, BIT(p->id));
		wake_up(&p->con->todo_wait);
		break;
	case VIRTIO_CONSOLE_RESIZE:
		if (n >= 4)
			resize(p, (const u16 *)more);
		break;
	}
}

static void control_offer(struct console_device *c, u8 *page)
{
	struct virtq_seg s = { virt_to_phys(page), PAGE_SIZE };

	virtq_add(c->ctl_rx, &s, 0, 1, page);
}

/* Ports are made by the worker thread, which may sleep; the rest is done at once. */
static void control_received(struct virtqueue *q)
{
	struct console_device *c = q->private;
	u8 *page;
	u32 len;

	while ((page = virtq_take(q, &len))) {
		struct virtio_console_control *m = (void *)page;

		if (len >= sizeof(*m) && m->id < MAX_PORTS) {
			struct port *p = c->ports[m->id];

			if (m->event == VIRTIO_CONSOLE_PORT_ADD ||
			    m->event == VIRTIO_CONSOLE_CONSOLE_PORT) {
				atomic_or(&c->todo,
					  BIT(m->id +
					      (m->event == VIRTIO_CONSOLE_PORT_ADD ? 16 : 32)));
				wake_up(&c->todo_wait);
			} else if (p) {
				port_event(p, m, page + sizeof(*m), len - (u32)sizeof(*m));
			}
		}
		control_offer(c, page);
	}
	virtq_kick(q);
}

/* --- ports as files
 * ---------------------------------------------------------------------------------------------- */

static bool readable(struct port *p) { return !list_empty(&p->rx); }

static ssize_t port_read(struct file *f, struct uio *u, u64 *pos)
{
	struct port *p = f->private;
	u8 *page;
	size_t done = 0;
	i64 err = 0;

	if (!u->left)
		return 0;
	if (!readable(p)) {
		if (!p->host_open)
			return 0;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&p->wait, readable(p) || !p->host_open);
		if (err)
			return err;
	}
	page = page_alloc(0);
	if (!page)
		return -ENOMEM;
	while (u->left) {
		size_t n = take_received(p, page, min(u->left, PAGE_SIZE));

		if (!n)
			break;
		if (uio_write(u, page, n) != n) {
			err = -EFAULT;
			break;
		}
		done += n;
	}
	page_free(page);
	return done ? (ssize_t)done : err;
}

static ssize_t port_write(struct file *f, struct uio *u, u64 *pos)
{
	struct port *p = f->private;
	size_t done = 0;
	i64 err = 0;

	while (u->left && !err) {
		struct buffer *b = p->host_open ? tx_buffer(p) : NULL;
		size_t n;

		if (!b) {
			if (f->flags & O_NONBLOCK)
				err = -EAGAIN;
			else
				err = wait_event_interruptible(&p->wait,
							       p->host_open && can_send(p));
			continue;
		}
		n = uio_read(u, b->data, min(u->left, BUF_SIZE));
		if (!n) {
			tx_return(p, b);
			err = -EFAULT;
			break;
		}
		send(p, b, (u32)n);
		done += n;
	}
	return done ? (ssize_t)done : err;
}

static u32 port_poll(struct file *f, struct poll_table *pt)
{
	struct port *p = f->private;

	poll_wait(pt, f, &p->wait);
	return (readable(p) ? EPOLLIN | EPOLLRDNORM : 0) | (p->host_open ? 0 : EPOLLHUP) |
	       (p->host_open && can_send(p) ? EPOLLOUT | EPOLLWRNORM : 0);
}

static int port_open(struct inode *i, struct file *f)
{
	struct port *p = f->private;

	if (atomic_xchg(&p->guest_open, true))
		return -EBUSY;
	control(p->con, p->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	return 0;
}

/* All output has to have left before the host hears that we closed. */
static void port_release(struct file *f)
{
	struct port *p = f->private;

	wait_event(&p->wait, (can_send(p), p->txq->nr_free == p->txq->size) || !p->host_open);
	store_release(&p->guest_open, false);
	control(p->con, p->id, VIRTIO_CONSOLE_PORT_OPEN, 0);
}

static const struct file_ops port_fops = {
	.read = port_read,
	.write = port_write,
	.poll = port_poll,
	.open = port_open,
	.release = port_release,
};

/* --- making ports
 * ----------------------------------------------------------------------------------------------------
 */

static int fill_queues(struct port *p)
{
	for (u32 i = 0; i < RX_BUFFERS + TX_BUFFERS; i++) {
		struct buffer *b = buffer_new(p);

		if (!b)
			return -ENOMEM;
		if (i < TX_BUFFERS) {
			list_add(&p->tx_free, &b->link);
		} else {
			list_init(&b->link);
			offer(p, b);
		}
	}
	virtq_kick(p->rxq);
	return 0;
}

static struct port *port_new(struct console_device *c, u32 id)
{
	u32 first = id == 0 ? 0 : 2 + 2 * id;
	struct port *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->con = c;
	p->id = id;
	spin_init(&p->lock);
	list_init(&p->rx);
	list_init(&p->tx_free);
	wait_queue_init(&p->wait);
	p->rxq = virtq_create(c->dev, first, rx_done, p);
	p->txq = virtq_create(c->dev, first + 1, tx_done, p);
	if (IS_ERR(p->rxq) || IS_ERR(p->txq) || fill_queues(p)) {
		pr_err("virtio-console: port %u: no memory\n", id);
		return NULL;	/* what was made stays: the device may hold it */
	}
	c->ports[id] = p;
	return p;
}

static void make_console(struct port *p)
{
	static u32 n;
	char name[16] = "hvc0";
	struct tty *t;

	if (p->tty)
		return;
	name[3] = (char)('0' + n);
	t = tty_new(name, mkdev(HVC_MAJOR, n++), &hvc_ops, p);
	if (!t)
		return;
	p->tty = t;
	p->host_open = true;
	tty_register(t);
	control(p->con, p->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

static int show_name(struct seq *s, void *arg)
{
	seq_printf(s, "%s\n", ((struct port *)arg)->name);
	return 0;
}

static void publish_name(struct port *p)
{
	static const struct pseudo_ops ops = { .show = show_name };
	char path[64];

	if (p->registered)
		return;
	p->registered = true;
	snprintf(p->dev_name, sizeof(p->dev_name), "vport0p%u", p->id);
	snprintf(path, sizeof(path), "class/virtio-ports/%s/name", p->dev_name);
	chrdev_register(VPORT_MAJOR, p->id, p->dev_name, 0600, &port_fops, p);
	pseudo_file(sysfs_root, path, 0444, &ops, p);
}

/* Does what control messages asked for and an interrupt cannot do. */
static void console_worker(void *arg)
{
	struct console_device *c = arg;

	for (;;) {
		u64 todo;

		wait_event(&c->todo_wait, READ_ONCE(c->todo));
		todo = atomic_xchg(&c->todo, 0);
		for (u32 id = 0; id < MAX_PORTS; id++) {
			struct port *p = c->ports[id];

			if ((todo & BIT(id + 16)) && !p && (p = port_new(c, id)))
				control(c, id, VIRTIO_CONSOLE_PORT_READY, 1);
			if ((todo & BIT(id + 32)) && p)
				make_console(p);
			if ((todo & BIT(id)) && p)
				publish_name(p);
		}
	}
}

static int start_multiport(struct console_device *c)
{
	c->ctl_rx = virtq_create(c->dev, 2, control_received, c);
	c->ctl_tx = virtq_create(c->dev, 3, NULL, c);
	if (IS_ERR(c->ctl_rx) || IS_ERR(c->ctl_tx))
		return -ENOMEM;
	for (u32 i = 0; i < 4; i++) {
		u8 *page = page_alloc(0);

		if (!page)
			return -ENOMEM;
		control_offer(c, page);
	}
	return IS_ERR(kthread_start(console_worker, c, "virtio-console")) ? -ENOMEM : 0;
}

static int console_probe(struct virtio_device *d)
{
	struct console_device *c = kzalloc(sizeof(*c));
	bool multi = d->negotiated & BIT(VIRTIO_CONSOLE_F_MULTIPORT);
	int err = 0;

	if (!c)
		return -ENOMEM;
	c->dev = d;
	d->private = c;
	spin_init(&c->ctl_lock);
	wait_queue_init(&c->todo_wait);
	if (multi)
		err = start_multiport(c);
	if (err)
		return err;
	virtio_ready(d);
	if (multi) {
		virtq_kick(c->ctl_rx);
		control(c, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	} else {
		struct port *p = port_new(c, 0);

		if (!p)
			return -ENOMEM;
		make_console(p);
	}
	return 0;
}

static struct virtio_driver console_driver = {
	.id = VIRTIO_ID_CONSOLE,
	.features = BIT(VIRTIO_CONSOLE_F_MULTIPORT) | BIT(VIRTIO_CONSOLE_F_SIZE),
	.probe = console_probe,
};

static int console_start(void)
{
	virtio_driver_register(&console_driver);
	return 0;
}
INITCALL(fs, console_start);
