/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel log: a ring of fixed records. Any context may write, under one irq-safe lock that
 * nothing else is taken inside of. Readers are not woken from printk, whose caller may hold the
 * scheduler's locks, but by an interrupt that the CPU sends itself: it comes when they are dropped.
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
bool klog_serial = true;
static bool news;		/* for readers; atomic */

size_t klog_line(const struct klog_record *r, char *text)
{
	int n = snprintf(text, KLOG_LINE, "[%5lu.%06lu] %.*s\r\n", r->ns / 1000000000,
			 r->ns / 1000 % 1000000, r->len, r->text);

	return (size_t)min(n, KLOG_LINE - 1);
}

static void to_serial(const struct klog_record *r)
{
	char text[KLOG_LINE];

	arch_early_puts(text, klog_line(r, text));
}

/* A reader looks for records after it has queued itself: it sees this one, or is seen here. */
static void call_readers(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!wait_queue_active(&klog_wait))
		return;
	WRITE_ONCE(news, true);
	arch_send_ipi(cpu_id());
}

void klog_wake(void)
{
	if (unlikely(READ_ONCE(news))) {
		WRITE_ONCE(news, false);
		wake_up_all(&klog_wait);
	}
}

bool klog_writing(void) { return READ_ONCE(holder) == cpu_id() + 1; }

void vprintk(enum log_level level, const char *fmt, va_list ap)
{
	struct klog_record *r;
	u64 flags;
	int n;

	flags = irq_save();
	if (klog_writing()) { /* a fault while printing: the panic must get its words out */
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
	if ((int)level < klog_console_level && (klog_serial || level == LOG_EMERG))
		to_serial(r);
	holder = 0;
	spin_unlock(&lock);
	call_readers();
	irq_restore(flags);
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
