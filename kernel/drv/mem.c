/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices of major 1: null, zero, full, random, urandom, kmsg (mem(4), null(4), random(4), and
 * kmsg's record format). */
#include <base/init.h>
#include <base/string.h>
#include <drv/klog.h>
#include <drv/random.h>
#include <fs/poll.h>
#include <fs/vfs.h>
#include <hal/uaccess.h>
#include <mm/mm.h>
#include <lib/format.h>
#include <linux/fcntl.h>
#include <linux/random.h>
#include <task/task.h>

/* --- null, zero, full
 * ------------------------------------------------------------------------------------------ */
static ssize_t null_read(struct file *f, struct uio *u, u64 *pos) { return 0; }

static ssize_t null_write(struct file *f, struct uio *u, u64 *pos)
{
	ssize_t n = (ssize_t)u->left;

	u->left = 0;
	return n;
}

/* Long reads can be interrupted and let others run, a stretch at a time. */
#define STRETCH (256 * KIB)

static ssize_t zero_read(struct file *f, struct uio *u, u64 *pos)
{
	size_t want = u->left, done = 0;

	if (likely(!u->kernel && u->nr_seg == 1 && want <= PAGE_SIZE)) {
		done = want - clear_user((char *)u->seg->base + u->off, want);
		u->off += done;
		u->left -= done;
		return done || !want ? (ssize_t)done : -EFAULT;
	}
	while (u->left) {
		size_t n = min(u->left, (size_t)STRETCH), got = uio_zero(u, n);

		done += got;
		if (got < n)
			return done ? (ssize_t)done : -EFAULT;
		if (likely(done == want))
			break;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return (ssize_t)done;
}

static int zero_mmap(struct file *f, struct vma *v) { return vma_make_anon(v); }
static ssize_t full_write(struct file *f, struct uio *u, u64 *pos) { return -ENOSPC; }
static off64 no_seek(struct file *f, off64 off, int whence) { return (off64)(f->pos = 0); }

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .seek = no_seek };
static const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .seek = no_seek, .mmap = zero_mmap};
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .seek = no_seek };

/* --- random, urandom: one generator, seeded before the first program runs
 * ---------------------------------------- */
static ssize_t random_read(struct file *f, struct uio *u, u64 *pos)
{
	size_t done = 0;
	u8 buf[256];

	while (u->left) {
		size_t n = min(u->left, sizeof(buf)), got;

		get_random_bytes(buf, n);
		got = uio_write(u, buf, n);
		done += got;
		if (got < n) {
			memset(buf, 0, sizeof(buf));
			return done ? (ssize_t)done : -EFAULT;
		}
		if (signal_pending(current))
			break;
		cond_resched();
	}
	memset(buf, 0, sizeof(buf));
	return (ssize_t)done;
}

/* Programs may stir what they like into the pool; it is not credited as anything. */
static ssize_t random_write(struct file *f, struct uio *u, u64 *pos)
{
	size_t done = 0;
	u8 buf[256];

	while (u->left) {
		size_t n = min(u->left, sizeof(buf)), got = uio_read(u, buf, n);

		random_mix(buf, got);
		done += got;
		if (got < n)
			return done ? (ssize_t)done : -EFAULT;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return (ssize_t)done;
}

static i64 random_ioctl(struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case RNDGETENTCNT:
		return put_user(256, (int __user *)arg) ? -EFAULT : 0;
	case RNDADDENTROPY:
	case RNDADDTOENTCNT:
	case RNDCLEARPOOL:
	case RNDZAPENTCNT:
	case RNDRESEEDCRNG:
		return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

static const struct file_ops random_ops = {
	.read = random_read, .write = random_write, .ioctl = random_ioctl, .seek = no_seek};

/* --- kmsg: one record for each read; a line written is a record
 * ------------------------------------------------------ */
#define KMSG_LINE 1000

static int kmsg_open(struct inode *i, struct file *f)
{
	f->pos = klog_first_seq();
	return 0;
}

static ssize_t kmsg_read(struct file *f, struct uio *u, u64 *pos)
{
	char line[400];
	struct klog_record r;
	int n;
	long err;

	if (!klog_get(f->pos, &r)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&klog_wait, klog_next_seq() > f->pos);
		if (err)
			return err;
		if (!klog_get(f->pos, &r))
			return -EAGAIN;
	}
	if (r.seq > f->pos) {		/* what was to come next has been overwritten */
		f->pos = r.seq;
		return -EPIPE;
	}
	n = snprintf(line, sizeof(line), "%u,%llu,%llu,-;%.*s\n", r.level,
		     (unsigned long long)r.seq, (unsigned long long)(r.ns / 1000), (int)r.len,
		     r.text);
	if ((size_t)n > u->left)
		return -EINVAL;
	if (uio_write(u, line, (size_t)n) != (size_t)n)
		return -EFAULT;
	f->pos = r.seq + 1;
	return n;
}

static ssize_t kmsg_write(struct file *f, struct uio *u, u64 *pos)
{
	enum log_level level = LOG_WARN;
	char line[KMSG_LINE + 1], *s = line;
	size_t n = u->left;

	if (n > KMSG_LINE)
		return -EINVAL;
	if (uio_read(u, line, n) != n)
		return -EFAULT;
	line[n] = 0;
	if (*s == '<') {
		u32 v = 0;

		for (s++; *s >= '0' && *s <= '9' && v < 1000; s++)
			v = v * 10 + (u32)(*s - '0');
		if (*s == '>') {
			level = v & 7;
			s++;
		} else {
			s = line;
		}
	}
	printk(level, "%s%s", s, n && line[n - 1] == '\n' ? "" : "\n");
	return (ssize_t)n;
}

static off64 kmsg_seek(struct file *f, off64 off, int whence)
{
	if (off)
		return -ESPIPE;
	if (whence < 0 || whence > 3)
		return -EINVAL;
	f->pos = whence == 0 ? klog_first_seq() : klog_next_seq();
	return 0;
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(pt, f, &klog_wait);
	return klog_next_seq() > f->pos ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_ops kmsg_ops = {
	.open = kmsg_open,
	.read = kmsg_read,
	.write = kmsg_write,
	.seek = kmsg_seek,
	.poll = kmsg_poll,
};

static int mem_init(void)
{
	static const struct {
		u32 minor, mode;
		const char *name;
		const struct file_ops *ops;
	} dev[] = {
		{3, 0666, "null", &null_ops},	   {5, 0666, "zero", &zero_ops},
		{7, 0666, "full", &full_ops},	   {8, 0666, "random", &random_ops},
		{9, 0666, "urandom", &random_ops}, {11, 0644, "kmsg", &kmsg_ops},
	};
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(dev) && !err; i++)
		err = chrdev_register(1, dev[i].minor, dev[i].name, dev[i].mode, dev[i].ops, NULL);
	return err;
}
INITCALL(device, mem_init);
