/* SPDX-License-Identifier: BSD-2-Clause */
/* syslog(2): the kernel log for dmesg(1) and klogd(8). */
#include <base/string.h>
#include <drv/klog.h>
#include <hal/sync.h>
#include <hal/uaccess.h>
#include <lib/format.h>
#include <sys/syscall.h>
#include <task/task.h>

enum {
	READ = 2,
	READ_ALL,
	READ_CLEAR,
	CLEAR,
	CONSOLE_OFF,
	CONSOLE_ON,
	CONSOLE_LEVEL,
	SIZE_UNREAD,
	SIZE_BUFFER
};

static u64 cleared;		/* records before it are not shown by READ_ALL; atomic */
static int level_when_on = -1;

struct line { struct klog_record r; char text[300]; size_t len; };

/* The next record from seq on as dmesg wants it. */
static bool next_line(u64 seq, struct line *l)
{
	if (!klog_get(seq, &l->r))
		return false;
	l->len = (size_t)snprintf(l->text, sizeof(l->text), "<%u>[%5llu.%06llu] %s\n", l->r.level,
				  (unsigned long long)(l->r.ns / 1000000000),
				  (unsigned long long)(l->r.ns / 1000 % 1000000), l->r.text);
	l->len = min(l->len, sizeof(l->text) - 1);
	return true;
}

static u64 total_from(u64 seq, struct line *l)
{
	u64 total = 0;

	for (; next_line(seq, l); seq = l->r.seq + 1)
		total += l->len;
	return total;
}

/* The last whole lines that fit into size bytes. */
static i64 read_all(char __user *buf, size_t size)
{
	struct line l;
	u64 seq = __atomic_load_n(&cleared, __ATOMIC_RELAXED), total = total_from(seq, &l);
	size_t done = 0;

	for (; next_line(seq, &l); seq = l.r.seq + 1) {
		if (total > size) {
			total -= l.len;
			continue;
		}
		if (done + l.len > size)
			break;
		if (copy_to_user(buf + done, l.text, l.len))
			return -EFAULT;
		done += l.len;
	}
	return (i64)done;
}

/* READ takes what it reads: one position for all, in the middle of a line perhaps. */
static struct mutex taking_lock = MUTEX_INIT(taking_lock);
static u64 read_seq;		/* taking_lock to change */
static size_t read_part;	/* bytes of that record that were taken; taking_lock */

/* What has been logged and not been taken; 0: nothing (any more), -EFAULT. */
static i64 take_unread(char __user *buf, size_t size, struct line *l)
{
	size_t done = 0, n;

	while (done < size && next_line(read_seq, l)) {
		if (l->r.seq != read_seq)	/* older ones were overwritten */
			read_part = 0;
		n = min(size - done, l->len - read_part);
		if (copy_to_user(buf + done, l->text + read_part, n))
			return done ? (i64)done : -EFAULT;
		done += n;
		read_part += n;
		WRITE_ONCE(read_seq, l->r.seq);
		if (read_part == l->len) {
			WRITE_ONCE(read_seq, l->r.seq + 1);
			read_part = 0;
		}
	}
	return (i64)done;
}

static i64 read_stream(char __user *buf, size_t size)
{
	struct line l;
	i64 ret = 0;

	while (size && !ret) {
		ret = wait_event_interruptible(&klog_wait, klog_next_seq() > READ_ONCE(read_seq));
		if (ret)
			break;
		mutex_lock(&taking_lock);
		ret = take_unread(buf, size, &l);
		mutex_unlock(&taking_lock);
	}
	return ret;
}

static i64 size_unread(void)
{
	struct line l;
	u64 n;

	mutex_lock(&taking_lock);
	n = total_from(read_seq, &l);
	n -= min(n, read_part);
	mutex_unlock(&taking_lock);
	return (i64)n;
}

static i64 set_level(int level)
{
	if (level < 1 || level > 8)
		return -EINVAL;
	klog_console_level = level;
	level_when_on = -1;
	return 0;
}

SYSCALL(syslog)
{
	int type = (int)a[0], size = (int)a[2];
	struct line l;
	i64 ret;

	if (type != READ_ALL && type != SIZE_BUFFER && !capable(CAP_SYSLOG) &&
	    !capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (type) {
	case 0: case 1:		/* open, close */
		return 0;
	case READ:
		return !a[1] || size < 0 ? -EINVAL : read_stream((char __user *)a[1], (size_t)size);
	case READ_ALL: case READ_CLEAR:
		if (!a[1] || size < 0)
			return -EINVAL;
		ret = read_all((char __user *)a[1], (size_t)size);
		if (ret >= 0 && type == READ_CLEAR)
			__atomic_store_n(&cleared, klog_next_seq(), __ATOMIC_RELAXED);
		return ret;
	case CLEAR:
		__atomic_store_n(&cleared, klog_next_seq(), __ATOMIC_RELAXED);
		return 0;
	case CONSOLE_OFF:
		if (level_when_on < 0)
			level_when_on = klog_console_level;
		klog_console_level = 1;
		return 0;
	case CONSOLE_ON:
		if (level_when_on >= 0)
			klog_console_level = level_when_on;
		level_when_on = -1;
		return 0;
	case CONSOLE_LEVEL:
		return set_level(size);
	case SIZE_UNREAD:
		return size_unread();
	case SIZE_BUFFER:
		return (i64)max(total_from(klog_first_seq(), &l), (u64)16384);
	}
	return -EINVAL;
}
