/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text from programs: bpf_snprintf, and bpf_trace_printk and bpf_trace_vprintk, whose lines wait in
 * a ring for who reads trace_pipe (sys/tracefs.c). A line that finds no room pushes out the oldest
 * ones.
 */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/string.h>
#include <bpf/bprintf.h>
#include <bpf/prog.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <hal/uaccess.h>
#include <lib/format.h>
#include <task/task.h>

/* --- what conversions need -------------------------------------------------------------------- */

static void read_memory(void *to, u64 from, u32 n)
{
	if (copy_from_kernel(to, (void *)from, n))
		memset(to, 0, n);
}

static void read_text(char *to, u64 from, u32 n, bool user)
{
	if (bpf_read_text(to, from, n, !user) < 0)
		to[0] = 0;
}

static void symbol(char *to, u32 n, u64 addr, bool offset)
{
	const char *name;
	u64 at, size;

	name = arch_symbol(addr, &at, &size);
	if (!name)
		snprintf(to, n, "0x%lx", addr);
	else if (offset)
		snprintf(to, n, "%s+0x%lx/0x%lx", name, at, size);
	else
		snprintf(to, n, "%s", name);
}

static u64 hide(u64 addr)
{
	static u64 secret;

	if (!addr || addr >= (u64)-4095)	/* NULL and errors are no addresses */
		return addr;
	if (!READ_ONCE(secret))
		(void)atomic_cas(&secret, 0, bpf_map_secret() | 1);
	addr = (addr ^ secret) * 0x9e3779b97f4a7c15ull;
	return (u32)((addr ^ addr >> 29) * 0xbf58476d1ce4e5b9ull >> 32);
}

static const struct bpf_bprintf_ops ops = { read_memory, read_text, symbol, hide };

static bool args_right(u64 args, u64 size)
{
	return size % 8 == 0 && size <= 8 * BPF_BPRINTF_ARGS && (args || !size);
}

u64 bpf_snprintf(u64 to, u64 size, u64 fmt, u64 args, u64 args_size)
{
	i64 n;

	if (!args_right(args, (u32)args_size))
		return (u64)-EINVAL;
	n = bpf_bprintf((char *)to, (u32)size, (char *)fmt, (u64 *)args, (u32)args_size / 8, &ops);
	return (u64)(n < 0 ? n : n + 1);
}

/* --- lines ------------------------------------------------------------------------------------ */

#define RING	(32 * 1024u)	/* a power of two */

static struct spinlock trace_lock = SPINLOCK_INIT;	/* irq */
static char ring[RING];
static u64 head, tail;		/* bytes ever written, and read or pushed out; trace_lock */
struct wait_queue bpf_trace_wait = WAIT_QUEUE_INIT(bpf_trace_wait);

static void append(const char *text, u32 n)
{
	u64 flags = spin_lock_irqsave(&trace_lock);

	while (head + n - tail > RING)
		while (ring[tail++ % RING] != '\n')
			;
	for (u32 i = 0; i < n; i++)
		ring[head++ % RING] = text[i];
	spin_unlock_irqrestore(&trace_lock, flags);
	wake_up_all(&bpf_trace_wait);
}

u32 bpf_trace_read(char *to, u32 n)
{
	u64 flags = spin_lock_irqsave(&trace_lock);
	u32 i = 0;

	while (i < n && tail < head)
		to[i++] = ring[tail++ % RING];
	spin_unlock_irqrestore(&trace_lock, flags);
	return i;
}

bool bpf_trace_readable(void) { return READ_ONCE(head) != READ_ONCE(tail); }

/* Of the CPU's program, which has preemption off and little stack left. */
struct work {
	char line[1024];
	char fmt[256];
};
static DEFINE_PER_CPU(struct work, works);

/* A program's format, which others may be writing, as it is now: in `room` if it fits. NULL: no
 * memory. */
static char *keep_format(struct work *room, const char *fmt, u32 size)
{
	char *kept = size <= sizeof(room->fmt) ? room->fmt : kmalloc_atomic(size);

	return kept ? memcpy(kept, fmt, size) : NULL;
}

/* As Linux writes them: the task, its number, the CPU, whether interrupts were off and preemption
 * how often, the time. */
static i64 print_kept(struct work *w, const char *fmt, const u64 *args, u32 n_args)
{
	u64 now = clock_ns() / 1000;
	char *line = w->line;
	i64 len;
	int n;

	n = snprintf(line, sizeof(w->line), "%16s-%-7d [%03u] ....%x %5lu.%06lu: bpf_trace_printk: ",
		     current->comm, current->tid, cpu_id(), 1, now / 1000000, now % 1000000);
	len = bpf_bprintf(line + n, sizeof(w->line) - 1 - (u32)n, fmt, args, n_args, &ops);
	if (len < 0)
		return len;
	n = (int)strlen(line);
	line[n++] = '\n';
	append(line, (u32)n);
	return len;
}

static i64 print(const char *fmt, u32 size, const u64 *args, u32 n_args)
{
	struct work *w = &this_cpu(works);
	char *kept = keep_format(w, fmt, size);
	i64 len = -EINVAL;

	if (!kept)
		return -ENOMEM;
	if (strnlen(kept, size) < size)
		len = print_kept(w, kept, args, n_args);
	if (kept != w->fmt)
		kfree(kept);
	return len;
}

u64 bpf_trace_printk(u64 fmt, u64 fmt_size, u64 r3, u64 r4, u64 r5)
{
	const u64 args[] = { r3, r4, r5 };

	return (u64)print((char *)fmt, (u32)fmt_size, args, 3);
}

u64 bpf_trace_vprintk(u64 fmt, u64 fmt_size, u64 args, u64 args_size, u64 r5)
{
	if (!args_right(args, (u32)args_size))
		return (u64)-EINVAL;
	return (u64)print((char *)fmt, (u32)fmt_size, (u64 *)args, (u32)args_size / 8);
}
