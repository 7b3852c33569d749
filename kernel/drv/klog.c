/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel log: a ring of fixed records. Any context may write, under one irq-safe lock that
 * nothing else is taken inside of. Readers are woken by a timer tick later, not from printk: a
 * caller may hold the scheduler's locks.
 */
#include <base/string.h>
#include <drv/klog.h>
#include <drv/machine.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <lib/format.h>

#define RECORDS 256		/* a power of two */

static struct klog_record ring[RECORDS];
static u64 next_seq;
static struct spinlock lock = SPINLOCK_INIT;
static u32 holder;		/* number of the CPU that prints, plus 1 */
struct wait_queue klog_wait = WAIT_QUEUE_INIT(klog_wait);
int klog_console_level = 7;

static void to_console(const struct klog_record *r)
{
	char line[300];
	int n = snprintf(line, sizeof(line), "[%5lu.%06lu] %.*s\r\n", r->ns / 1000000000,
			 r->ns / 1000 % 1000000, r->len, r->text);

	arch_early_puts(line, (size_t)min(n, (int)sizeof(line) - 1));
}

void vprintk(enum log_level level, const char *fmt, va_list ap)
{
	struct klog_record *r;
	u64 flags;
	int n;

	flags = irq_save();
	if (holder == cpu_id() + 1) { /* a fault while printing: the panic must get its words out */
		arch_early_puts(fmt, strlen(fmt));
		irq_restore(flags);
		return;
	}
	spin_lock(&lock);
	holder = cpu_id() + 1;
	r = &ring[next_seq % RECORDS];
	r->seq = next_seq++;
	r->ns = clock_ns();
	r->level = (u8)level;
	n = vsnprintf(r->text, sizeof(r->text), fmt, ap);
	r->len = (u16)min(n, (int)sizeof(r->text) - 1);
	while (r->len && r->text[r->len - 1] == '\n')
		r->len--;
	if ((int)level < klog_console_level)
		to_console(r);
	holder = 0;
	spin_unlock_irqrestore(&lock, flags);
}

void printk(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(level, fmt, ap);
	va_end(ap);
}

u64 klog_next_seq(void) { return READ_ONCE(next_seq); }

u64 klog_first_seq(void)
{
	u64 n = klog_next_seq();

	return n > RECORDS ? n - RECORDS : 0;
}

bool klog_get(u64 seq, struct klog_record *out)
{
	u64 flags = spin_lock_irqsave(&lock);
	bool there;

	seq = max(seq, klog_first_seq());
	there = seq < next_seq;
	if (there)
		*out = ring[seq % RECORDS];
	spin_unlock_irqrestore(&lock, flags);
	return there;
}
