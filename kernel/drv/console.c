/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Consoles: the terminals that the command line's console= words name, ttyAMA0 if there is none.
 * The last named is behind /dev/console. The kernel's messages go to all of them: to the serial
 * line as they come, by polling (klog.c); to any other from a thread that follows the log from its
 * first record on, since a terminal's driver cannot be called from everywhere; and after a panic by
 * its driver's emergency call.
 *
 * Lines are set at boot by one CPU; a line gets its terminal once, with release.
 */
#include <base/printk.h>
#include <base/string.h>
#include <drv/console.h>
#include <drv/klog.h>
#include <drv/machine.h>
#include <drv/tty.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <lib/format.h>
#include <task/task.h>

#define MAX_LINES 8
#define SERIAL "ttyAMA0"

struct line {
	char name[16];
	struct tty *tty;	/* NULL: not there (yet) */
	u64 seq;		/* records before it are written; its thread's */
};
static struct line lines[MAX_LINES];
static u32 nr_lines;
static struct tty *first_tty;
static struct wait_queue added = WAIT_QUEUE_INIT(added);

/* A name once more moves to the end: the last word decides. */
static void add_line(const char *name)
{
	u32 i = 0;

	while (i < nr_lines && strcmp(lines[i].name, name))
		i++;
	if (i == MAX_LINES)
		return;
	nr_lines -= i < nr_lines;
	for (; i < nr_lines; i++)
		lines[i] = lines[i + 1];
	strlcpy(lines[nr_lines++].name, name, sizeof(lines[0].name));
}

void console_read_words(void)
{
	const char *word;
	char name[16];

	for (u32 n = 0; (word = cmdline_word_nth("console", n)); n++) {
		const char *comma = strchr(word, ',');		/* the line's speed follows */
		size_t len = comma ? (size_t)(comma - word) : strlen(word);

		len = min(len, sizeof(name) - 1);
		memcpy(name, word, len);
		name[len] = 0;
		add_line(name);
	}
	klog_serial = nr_lines == 0;
	if (!nr_lines)
		add_line(SERIAL);
	for (u32 i = 0; i < nr_lines; i++)
		klog_serial |= !strcmp(lines[i].name, SERIAL);
}

static void show(struct line *l, const struct klog_record *r)
{
	char text[KLOG_LINE];
	int n;

	if (r->seq > l->seq) {		/* they came faster than the terminal took them */
		n = snprintf(text, sizeof(text), "** %lu messages are missing here **\r\n",
			     r->seq - l->seq);
		tty_print(l->tty, text, (size_t)n);
	}
	if (r->level < klog_console_level)
		tty_print(l->tty, text, klog_line(r, text));
}

static void follow_log(void *arg)
{
	struct line *l = arg;
	struct klog_record r;

	for (;;) {
		wait_event_interruptible(&klog_wait, klog_next_seq() > l->seq);
		while (klog_get(l->seq, &r)) {
			show(l, &r);
			WRITE_ONCE(l->seq, r.seq + 1);
		}
	}
}

void console_add(struct tty *t)
{
	if (!first_tty)
		first_tty = t;
	for (u32 i = 0; i < nr_lines; i++) {
		struct line *l = &lines[i];

		if (strcmp(l->name, t->name))
			continue;
		store_release(&l->tty, t);
		wake_up_all(&added);
		if (t->ops->emergency && IS_ERR(kthread_start(follow_log, l, "klog")))
			pr_err("console %s: no memory for its thread\n", t->name);
	}
}

static struct tty *wanted(void) { return load_acquire(&lines[nr_lines - 1].tty); }

struct tty *tty_console(void)
{
	for (u32 i = nr_lines; i--;)
		if (load_acquire(&lines[i].tty))
			return lines[i].tty;
	return first_tty;
}

struct tty *console_nth(u32 n)
{
	for (u32 i = 0; i < nr_lines; i++)
		if (load_acquire(&lines[i].tty) && n-- == 0)
			return lines[i].tty;
	return NULL;
}

void console_wait(void)
{
	if (!strncmp(lines[nr_lines - 1].name, "hvc", 3))
		(void)wait_event_full(&added, wanted(), SLEEP_UNINTERRUPTIBLE,
				      clock_ns() + 1000000000ull);
	for (u32 i = 0; i < nr_lines; i++)
		if (!load_acquire(&lines[i].tty))
			pr_warn("console=%s: there is no such terminal\n", lines[i].name);
}

void panic_flush(void)
{
	static char text[KLOG_LINE];
	struct klog_record r;

	if (klog_writing())	/* the panic came from there */
		return;
	for (u32 i = 0; i < nr_lines; i++) {
		struct line *l = &lines[i];

		if (!l->tty || !l->tty->ops->emergency)
			continue;
		for (u64 seq = READ_ONCE(l->seq); klog_get(seq, &r); seq = r.seq + 1)
			if (r.level < klog_console_level)
				l->tty->ops->emergency(l->tty, text, klog_line(&r, text));
	}
}
