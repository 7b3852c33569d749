/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the platform's functions keep what their headers in hal/ promise? Asked once all CPUs run, if
 * the command line says hal_check: what needs the real machine, many CPUs, or the scheduler. What a
 * host test or a user program can ask is asked there (docs/architecture.md has the list).
 */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/init.h>
#include <base/printk.h>
#include <base/string.h>
#include <drv/machine.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <hal/irq.h>
#include <hal/mmio.h>
#include <hal/rcu.h>
#include <hal/sync.h>
#include <hal/tlb.h>
#include <hal/uaccess.h>
#include <lib/fdt.h>
#include <mm/page.h>
#include <task/task.h>

#define MSEC 1000000ull

static u32 held, failed;

static void holds(bool yes, const char *header, const char *what)
{
	if (yes) {
		held++;
		return;
	}
	failed++;
	pr_err("hal_check: %s: does not hold: %s\n", header, what);
}
#define HOLDS(header, cond) holds(cond, header, #cond)

/* --- memory: boot.h, page.h, tlb.h, mmio.h, uaccess.h ----------------------------------------- */

static void check_pages(void)
{
	struct folio *f = folio_alloc(2, 0);
	static u64 in_image = 1;
	u64 *a, *b, off, n;
	bool same = true;

	HOLDS("page.h", f != NULL);
	if (!f)
		return;
	a = folio_address(f);
	b = a + PAGE_SIZE / 8;
	memset(a, 0x5a, 4 * PAGE_SIZE);
	clear_pages(b, 2);
	for (u32 i = 0; i < 4 * PAGE_SIZE / 8; i++)
		same &= (a[i] == 0) == (i / 512 == 1 || i / 512 == 2);
	HOLDS("page.h", same);
	b[7] = 77;
	copy_pages(a, b, 1);
	HOLDS("page.h", a[7] == 77 && a[8] == 0 && memcmp(a, b, PAGE_SIZE) == 0);
	HOLDS("page.h", phys_to_virt(virt_to_phys(a)) == (void *)a);
	*(volatile u64 *)phys_to_virt(virt_to_phys(&in_image)) = 2;
	HOLDS("page.h", *(volatile u64 *)&in_image == 2);
	HOLDS("boot.h", arch_kernel_lookup((u64)a) == virt_to_phys(a));
	HOLDS("boot.h", arch_kernel_lookup((u64)check_pages) == virt_to_phys(check_pages));
	HOLDS("boot.h", arch_symbol((u64)check_pages, &off, &n) && off == 0 && n &&
				!strcmp(arch_symbol((u64)check_pages, &off, NULL), "check_pages"));
	HOLDS("boot.h", !arch_symbol(0, &off, NULL));
	folio_put(f);
}

struct look { volatile u64 *at; u64 want; u64 wrong; };

static void look(void *arg)
{
	struct look *l = arg;

	if (*l->at != l->want)
		atomic_or(&l->wrong, BIT(cpu_id()));
}

/* A page of the kernel half is mapped elsewhere: every CPU sees it at once. Others that map now do
 * so at other addresses, and the tables for this one are there. */
static void check_kernel_map(void)
{
	u64 *va = vmalloc(PAGE_SIZE, PAGE_SIZE), *other = page_alloc(0);
	struct look l = { .at = va, .want = 1 };
	paddr_t pa;

	HOLDS("boot.h", va && other);
	if (!va || !other)
		return;
	pa = arch_kernel_lookup((u64)va);
	*va = 1;
	*other = 2;
	smp_call(~0ull, look, &l);
	arch_kunmap((u64)va, PAGE_SIZE);
	HOLDS("boot.h", arch_kernel_lookup((u64)va) == 0);
	HOLDS("boot.h", !arch_kmap((u64)va, virt_to_phys(other), PAGE_SIZE, MEM_NORMAL, false, 0));
	l.want = 2;
	smp_call(~0ull, look, &l);
	arch_kunmap((u64)va, PAGE_SIZE);
	HOLDS("boot.h", !arch_kmap((u64)va, pa, PAGE_SIZE, MEM_NORMAL, true, NULL));
	l.want = 1;
	smp_call(~0ull, look, &l);
	HOLDS("tlb.h", l.wrong == 0);
	HOLDS("tlb.h", arch_asid_bits() == 8 || arch_asid_bits() == 16);
	vfree(va);
	page_free(other);
}

/* The serial port names itself (Arm DDI 0183, 3.3.14) in registers of four bytes. */
static void check_mmio(void)
{
	int node = dt_next_compatible(machine_fdt, -1, "arm,pl011");
	volatile u8 *regs;
	u64 pa, size;

	if (node < 0 || !dt_reg(machine_fdt, node, 0, &pa, &size) || !(regs = ioremap(pa, size)))
		return;
	HOLDS("mmio.h", (mmio_read32(regs + 0xfe0) & 0xff) == 0x11);
	HOLDS("mmio.h", (mmio_read16(regs + 0xfe0) & 0xff) == 0x11);
}

/* Kernel addresses and what lies beyond both halves; no program runs yet, so user ones too. */
static void check_uaccess(void)
{
	static const u64 bad[] = { 0x1000, 1ul << 48, 1ul << 63, ~7ull };
	u64 word = 5;

	for (u32 i = 0; i <= ARRAY_SIZE(bad); i++) {
		u64 __user *p = (u64 __user *)(i ? bad[i - 1] : (u64)&word);
		u64 got = 1;

		HOLDS("uaccess.h", copy_from_user(&got, p, 8) == 8);
		HOLDS("uaccess.h", copy_to_user(p, &got, 8) == 8 && word == 5);
		HOLDS("uaccess.h", clear_user(p, 8) == 8);
		HOLDS("uaccess.h", get_user(got, p) == -EFAULT && put_user(got, p) == -EFAULT);
		HOLDS("uaccess.h", strnlen_user((const char __user *)p, 8) == -EFAULT);
	}
}

/* --- CPUs: preempt.h, spinlock.h, cpu.h, irq.h ------------------------------------------------ */

static DEFINE_PER_CPU(u64, visits) = 40;
static struct { struct spinlock lock; u64 plain, cpus, nested, late; u64 clock; } shared;

static void visit(void *arg)
{
	this_cpu(visits)++;
	if (!in_interrupt())
		atomic_or(&shared.nested, BIT(cpu_id()));
	for (u32 i = 0; i < 1000; i++) {
		spin_lock(&shared.lock);
		WRITE_ONCE(shared.plain, READ_ONCE(shared.plain) + 1);
		if (clock_ns() < shared.clock)
			shared.late++;
		shared.clock = clock_ns();
		spin_unlock(&shared.lock);
	}
	atomic_or(&shared.cpus, BIT(cpu_id()));
}

static void check_cpus(void)
{
	u64 me, n = 0, right = 0;

	spin_init(&shared.lock);
	smp_call(~0ull, visit, NULL);
	preempt_disable();
	me = BIT(cpu_id());
	for_each_cpu(c) {
		n++;
		right += per_cpu(visits, c) == 41;
	}
	HOLDS("preempt.h", &this_cpu(visits) == &per_cpu(visits, cpu_id()));
	preempt_enable();
	HOLDS("preempt.h", right == n && visits == 40);
	HOLDS("preempt.h", shared.nested == me);	/* all others were in an interrupt */
	HOLDS("cpu.h", shared.cpus == online_cpus);
	HOLDS("cpu.h", shared.late == 0);
	HOLDS("spinlock.h", shared.plain == 1000 * n);
}

static void check_spinlock(void)
{
	struct spinlock l = SPINLOCK_INIT;
	u64 flags;
	bool off;

	HOLDS("spinlock.h", !arch_spin_is_locked(&l) && spin_trylock(&l));
	HOLDS("spinlock.h", arch_spin_is_locked(&l) && !spin_trylock(&l));
	HOLDS("preempt.h", current_core()->preempt_count == 1);
	spin_unlock(&l);
	flags = spin_lock_irqsave(&l);
	off = irqs_disabled();
	spin_unlock_irqrestore(&l, flags);
	HOLDS("spinlock.h", off && !irqs_disabled() && !arch_spin_is_locked(&l));
	HOLDS("preempt.h", current_core()->preempt_count == 0 && !in_interrupt());
}

static void no_irq(void *arg) { }

static void check_time_and_irq(void)
{
	u64 hz = arch_counter_hz(), before = clock_ns(), ticks = arch_counter(), begun = clock_ns();
	u64 end, after, took;

	HOLDS("irq.h", irq_register(3, true, no_irq, NULL, "check") == -EINVAL);
	HOLDS("irq.h", irq_register(100000, true, no_irq, NULL, "check") == -EINVAL);
	do {
		cpu_relax();
		end = clock_ns();
	} while (end < begun + 2 * MSEC);
	ticks = arch_counter() - ticks;
	after = clock_ns();
	took = hz ? ticks * 1000000 / (hz / 1000) : 0;
	/* However long it takes from one reading to the next: the counter's lie between the clock's. */
	HOLDS("cpu.h", took + MSEC / 1000 >= end - begun);
	HOLDS("cpu.h", took <= after - before + MSEC / 1000);
	HOLDS("cpu.h", arch_hwcap() & 3 && arch_midr());
}

/* --- threads: sync.h, rcu.h ------------------------------------------------------------------- */

static struct {
	struct mutex m;
	struct rwsem s;
	struct wait_queue q;
	struct completion ended;
	u64 plain, readers, both, torn;
	u32 left;
	bool go;
} t;

static void nap(u64 ns)
{
	struct wait_queue q = WAIT_QUEUE_INIT(q);

	(void)wait_event_full(&q, false, SLEEP_UNINTERRUPTIBLE, clock_ns() + ns);
}

static void worker(void *arg)
{
	wait_event(&t.q, READ_ONCE(t.go));
	for (u32 i = 0; i < 200; i++) {
		u64 v;

		mutex_lock(&t.m);
		v = t.plain;
		if (i % 32 == 0)
			nap(20000);
		t.plain = v + 1;
		mutex_unlock(&t.m);
		if (i % 8) {
			read_lock(&t.s);
			if (__atomic_add_fetch(&t.readers, 1, __ATOMIC_RELAXED) > 1)
				WRITE_ONCE(t.both, true);
			cond_resched();
			__atomic_sub_fetch(&t.readers, 1, __ATOMIC_RELAXED);
			read_unlock(&t.s);
		} else {
			write_lock(&t.s);
			t.torn += READ_ONCE(t.readers);
			cond_resched();
			t.torn += READ_ONCE(t.readers);
			write_unlock(&t.s);
		}
	}
	if (__atomic_sub_fetch(&t.left, 1, __ATOMIC_ACQ_REL) == 0)
		complete(&t.ended);
}

static void check_sleeping_locks(void)
{
	const u32 n = 4;
	u32 started = 0;

	mutex_init(&t.m);
	rwsem_init(&t.s);
	wait_queue_init(&t.q);
	completion_init(&t.ended);
	t.left = n;
	while (started < n && !IS_ERR(kthread_start(worker, NULL, "hal_check")))
		started++;
	HOLDS("sync.h", started == n);
	WRITE_ONCE(t.go, true);
	wake_up_all(&t.q);
	if (started == n)
		completion_wait(&t.ended);
	HOLDS("sync.h", t.plain == 200ul * n);
	HOLDS("sync.h", t.torn == 0);
	HOLDS("sync.h", mutex_trylock(&t.m) && mutex_held(&t.m) && !mutex_trylock(&t.m));
	mutex_unlock(&t.m);
	HOLDS("sync.h", read_trylock(&t.s) && read_trylock(&t.s));
	read_unlock(&t.s);
	read_unlock(&t.s);
	write_lock(&t.s);
	HOLDS("sync.h", rwsem_held_write(&t.s) && !read_trylock(&t.s));
	write_downgrade(&t.s);
	HOLDS("sync.h", !rwsem_held_write(&t.s) && read_trylock(&t.s));
	read_unlock(&t.s);
	read_unlock(&t.s);
	HOLDS("sync.h", !rwsem_held(&t.s));
}

static void check_deadline(void)
{
	struct wait_queue q = WAIT_QUEUE_INIT(q);
	u64 end = clock_ns() + 3 * MSEC;

	HOLDS("sync.h", wait_event_full(&q, false, SLEEP_UNINTERRUPTIBLE, end) == -ETIMEDOUT);
	HOLDS("cpu.h", clock_ns() >= end);
}

static struct { struct rcu_head head; bool reading, freed, early; struct completion ended; } r;

static void free_it(struct rcu_head *head) { WRITE_ONCE(r.freed, true); }

static void reader(void *arg)
{
	u64 end = clock_ns() + 5 * MSEC;

	rcu_read_lock();
	WRITE_ONCE(r.reading, true);
	while (clock_ns() < end)
		r.early |= READ_ONCE(r.freed);
	rcu_read_unlock();
	complete(&r.ended);
}

static void check_rcu(void)
{
	completion_init(&r.ended);
	if (IS_ERR(kthread_start(reader, NULL, "hal_check")))
		return;
	while (!READ_ONCE(r.reading))
		nap(20000);
	call_rcu(&r.head, free_it);
	synchronize_rcu();
	rcu_barrier();
	HOLDS("rcu.h", READ_ONCE(r.freed));
	completion_wait(&r.ended);
	HOLDS("rcu.h", !r.early);
}

static int hal_check(void)
{
	if (!cmdline_word("hal_check"))
		return 0;
	check_pages();
	check_kernel_map();
	check_mmio();
	check_uaccess();
	check_cpus();
	check_spinlock();
	check_time_and_irq();
	check_sleeping_locks();
	check_deadline();
	check_rcu();
	pr_info("hal_check: %u held, %u failed\n", held, failed);
	return 0;
}
INITCALL(late, hal_check);
