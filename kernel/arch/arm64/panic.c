/* SPDX-License-Identifier: BSD-2-Clause */
/* The end: says why, prints registers and a symbolised backtrace, and ends the machine. */
#include <base/assert.h>
#include <base/atomic.h>
#include <base/printk.h>
#include <base/string.h>
#include <arch/irqflags.h>
#include <arch/sysreg.h>
#include <hal/boot.h>
#include <hal/page.h>
#include "internal.h"

char overflow_stacks[MAX_CPUS][4096] __aligned(4096);
i32 panic_timeout;

/* --- symbols: made by the second link pass from the first one's text symbols, sorted by offset
 * ------------- */
extern const u32 kallsyms_count;
extern const u32 kallsyms_offsets[],
	kallsyms_names[]; /* from the image's start; into kallsyms_text */
extern const char kallsyms_text[];
extern char _kimage_start[], _text_end[], _text_start[];

const char *arch_symbol(u64 addr, u64 *offset, u64 *size)
{
	u64 off = addr - (u64)_kimage_start;
	u32 lo = 0, hi = kallsyms_count;

	if (addr < (u64)_kimage_start || addr >= (u64)_text_end || !hi)
		return NULL;
	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (kallsyms_offsets[mid] <= off)
			lo = mid;
		else
			hi = mid;
	}
	*offset = off - kallsyms_offsets[lo];
	if (size)
		*size = (lo + 1 < kallsyms_count ? kallsyms_offsets[lo + 1] :
						   (u64)(_text_end - _kimage_start)) -
			kallsyms_offsets[lo];
	return kallsyms_text + kallsyms_names[lo];
}

const char *arch_symbol_nth(u32 n, u64 *addr)
{
	if (n >= kallsyms_count)
		return NULL;
	*addr = (u64)_kimage_start + kallsyms_offsets[n];
	return kallsyms_text + kallsyms_names[n];
}

static void print_pc(const char *what, u64 pc)
{
	u64 off;
	const char *name = arch_symbol(pc, &off, NULL);

	if (name)
		printk(LOG_EMERG, "%s %016lx %s+0x%lx\n", what, pc, name, off);
	else
		printk(LOG_EMERG, "%s %016lx\n", what, pc);
}

/* Frame records are followed only where memory is mapped and upward, so a wild chain ends soon. */
static void backtrace(u64 fp)
{
	for (u32 depth = 0; depth < 40; depth++) {
		const u64 *rec = (const u64 *)fp;

		if (fp & 7 || fp < LINEAR_BASE || !arch_kernel_lookup(fp) || !rec[1])
			break;
		print_pc("  ", rec[1] - 4);
		if (rec[0] <= fp)
			break;
		fp = rec[0];
	}
}

u64 arch_sleeps_at(const struct arch_task *a, const void *stack)
{
	extern char _sched_text_start[], _sched_text_end[];
	u64 low = (u64)stack, high = (u64)kstack_top((void *)stack) - 16;
	u64 fp = READ_ONCE(a->x19_x30[10]), pc = READ_ONCE(a->x19_x30[11]);

	while (pc >= (u64)_sched_text_start && pc < (u64)_sched_text_end) {
		const u64 *rec = (const u64 *)fp;

		if (fp & 7 || fp < low || fp > high)
			return 0;
		low = fp + 16;		/* upward only: a chain that changes under us ends */
		fp = READ_ONCE(rec[0]);
		pc = READ_ONCE(rec[1]);
	}
	return pc;
}

void arch_print_regs(int level, const struct regs *r)
{
	for (u32 i = 0; i < 31; i += 3)
		if (i + 2 < 31)
			printk(level, "x%-2u %016lx x%-2u %016lx x%-2u %016lx\n", i, r->x[i],
			       i + 1, r->x[i + 1], i + 2, r->x[i + 2]);
		else
			printk(level, "x%-2u %016lx sp  %016lx pstate %08lx\n", i, r->x[i],
			       r->sp, r->pstate);
}

static u32 cpu_in_panic;	/* number + 1, atomic */
static u64 stopped_cpus;	/* atomic */

static __noreturn void stop(void)
{
	irq_disable();
	atomic_or(&stopped_cpus, BIT(cpu_id()));
	for (;;)
		asm volatile("wfi");
}

void arch_stop_if_panic(void)
{
	if (unlikely(READ_ONCE(cpu_in_panic)))
		stop();
}

/* Those that have interrupts off for long are not waited for. */
static void stop_others(void)
{
	u64 others = READ_ONCE(online_cpus) & ~BIT(cpu_id()), until = clock_ns() + 100000000;

	for_each_cpu(n)
		if (others & BIT(n))
			arch_send_ipi(n);
	while ((others & ~__atomic_load_n(&stopped_cpus, __ATOMIC_ACQUIRE)) && clock_ns() < until)
		cpu_relax();
}

/* One CPU tells the story, the others stop; a second panic inside the first ends it. */
static void begin(void)
{
	u32 none = 0, me = cpu_id() + 1;

	irq_disable();
	if (!__atomic_compare_exchange_n(&cpu_in_panic, &none, me, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		if (none == me)
			arch_power_off();
		stop();
	}
	stop_others();
}

static __noreturn void end(void)
{
	panic_flush();
	if (panic_timeout == 0)
		arch_power_off();
	for (u64 until = clock_ns() + (u64)max(panic_timeout, 0) * 1000000000ull;
	     clock_ns() < until;)
		cpu_relax();
	arch_restart();
}

__noreturn void panic_regs(struct regs *r, u64 esr, u64 far, const char *why)
{
	begin();
	printk(LOG_EMERG, "Kernel panic: %s\n", why);
	printk(LOG_EMERG, "cpu %u esr %08lx far %016lx\n", cpu_id(), esr, far);
	print_pc("pc", r->pc);
	print_pc("lr", r->x[30]);
	arch_print_regs(LOG_EMERG, r);
	printk(LOG_EMERG, "Backtrace:\n");
	print_pc("  ", r->pc);
	backtrace(r->x[29]);
	printk(LOG_EMERG, "---[ end of kernel panic: %s ]---\n", why);
	end();
}

void panic(const char *fmt, ...)
{
	static const char prefix[] = "Kernel panic: ";
	static char whole[256];		/* one panic only: begin() */
	va_list ap;

	begin();
	memcpy(whole, prefix, sizeof(prefix));
	strlcpy(whole + sizeof(prefix) - 1, fmt, sizeof(whole) - sizeof(prefix));
	va_start(ap, fmt);
	vprintk(LOG_EMERG, whole, ap);
	va_end(ap);
	printk(LOG_EMERG, "cpu %u\n", cpu_id());
	printk(LOG_EMERG, "Backtrace:\n");
	backtrace((u64)__builtin_frame_address(0));
	printk(LOG_EMERG, "---[ end of kernel panic ]---\n");
	end();
}
