/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <base/errno.h>
#include <base/printk.h>
#include <fake/fake.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <hal/uaccess.h>
#include <mm/audit.h>
#include <mm/mapping.h>
#include <unistd.h>
#include "alloc.h"
#include "lru.h"
#include "mem_machine.h"

char *fake_ram, *fake_vmemmap;
u64 fake_ram_size;
char *fake_vmalloc;
static int ram_fd = -1;
static paddr_t *kernel_pages;	/* what VMALLOC_BASE + n pages maps; 0: nothing */
DEFINE_PER_CPU(int, machine_percpu);
void fake_sched_init(u64 seed);

__noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	abort();
}

void printk(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

/* --- addresses: the test program itself plays the kernel image, which lies 2 MiB above RAM's start
 * -------------- */

extern char __executable_start[], end[];
#define IMAGE (FAKE_RAM_BASE + 2 * MIB)

void *phys_to_virt(paddr_t pa)
{
	BUG_ON(pa < FAKE_RAM_BASE || pa >= FAKE_RAM_BASE + fake_ram_size);
	return fake_ram + (pa - FAKE_RAM_BASE);
}

paddr_t virt_to_phys(const void *v)
{
	if ((const char *)v >= __executable_start && (const char *)v < end)
		return IMAGE + ((u64)v & 0xfffff);
	BUG_ON((const char *)v < fake_ram || (const char *)v >= fake_ram + fake_ram_size);
	return (u64)((const char *)v - fake_ram) + FAKE_RAM_BASE;
}

void clear_pages(void *page, u64 n) { memset(page, 0, n * PAGE_SIZE); }

static void *host_map(void *at, u64 size, paddr_t pa)
{
	void *p = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_fd,
		       (off_t)(pa - FAKE_RAM_BASE));

	BUG_ON(p != at);
	return p;
}

void arch_map_linear(paddr_t start, paddr_t end_pa, paddr_t (*alloc)(void))
{
	static u32 calls;
	paddr_t t = calls++ < 2 ? alloc() : 0;	/* a table now and then */

	host_map(phys_to_virt(start), end_pa - start, start);
	if (t && t >= FAKE_RAM_BASE + 4 * MIB)
		BUG_ON(*(u64 *)phys_to_virt(t));
}

int arch_kmap(u64 va, paddr_t pa, u64 size, int type, bool write, paddr_t (*alloc)(void))
{
	BUG_ON(!is_aligned(va | pa | size, PAGE_SIZE));
	if (va >= VMALLOC_BASE && va < VMALLOC_END) {
		for (u64 i = 0; i < size >> PAGE_SHIFT; i++) {
			u64 n = ((va - VMALLOC_BASE) >> PAGE_SHIFT) + i;

			BUG_ON(kernel_pages[n]);
			kernel_pages[n] = pa + i * PAGE_SIZE;
		}
	} else {
		BUG_ON((char *)va < fake_vmemmap ||
		       (char *)va + size > fake_vmemmap + MACHINE_TOP / 64);
	}
	host_map((void *)va, size, pa);
	return 0;
}

void arch_kunmap(u64 va, u64 size)
{
	mmap((void *)va, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
	     -1, 0);
	memset(&kernel_pages[(va - VMALLOC_BASE) >> PAGE_SHIFT], 0,
	       (size >> PAGE_SHIFT) * sizeof(paddr_t));
}

paddr_t arch_kernel_lookup(u64 va)
{
	paddr_t pa = kernel_pages[(va - VMALLOC_BASE) >> PAGE_SHIFT];

	return pa ? pa + (va & ~PAGE_MASK) : 0;
}

/* --- services
 * --------------------------------------------------------------------------------------------------
 */

/* The others' lists stay: their threads may be in the middle of changing them. */
void smp_call(u64 mask, void (*fn)(void *), void *arg) { fn(arg); }
u64 clock_ns(void) { static u64 t; return t += 1000; }
size_t copy_to_user(void *dst, const void *src, size_t n) { return n; }
size_t copy_from_user(void *dst, const void *src, size_t n) { return n; }
size_t clear_user(void *dst, size_t n) { return n; }
void mapping_unmap_range(struct mapping *m, u64 first, u64 n, bool even_cow) { }
void folio_age(struct folio *f, struct lru_age *a) { }
bool folio_unmap(struct folio *f, bool clean) { return true; }
bool folio_written(struct folio *f) { return false; }
void split_forget(struct folio *f) { }
bool compact_for(u32 order) { return false; }
bool compact_gently(u32 order) { return false; }
size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		memcpy(dst, src, min(n, size - 1));
		dst[min(n, size - 1)] = 0;
	}
	return n;
}

static void *reserve(u64 size, u64 align)
{
	char *p = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	BUG_ON(p == MAP_FAILED);
	return (void *)align_up((u64)p, align);
}

void machine_start(u64 seed)
{
	fake_ram_size = MACHINE_TOP;
	fake_ram = reserve(MACHINE_TOP, PMD_SIZE);
	fake_vmemmap = reserve(MACHINE_TOP / 64, PMD_SIZE);
	fake_vmalloc = reserve(VMALLOC_END - VMALLOC_BASE, PMD_SIZE);
	kernel_pages =
		mmap(NULL, (VMALLOC_END - VMALLOC_BASE) / PAGE_SIZE * sizeof(paddr_t),
		     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ram_fd = memfd_create("ram", 0);
	BUG_ON(ftruncate(ram_fd, MACHINE_TOP));
	mm_init();
	fake_sched_init(seed);
}

void machine_drain(void)
{
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		fake_set_cpu(cpu);
		kstack_trim();
		u64 irq = irq_save();

		slab_drain_local();
		pcp_drain_local();
		irq_restore(irq);
	}
	fake_set_cpu(0);
	slab_trim();
	pcp_drain_local();
}

static void audit_line(void *arg, const char *text)
{
	if (!strncmp(text, "BAD", 3) || getenv("AUDIT"))
		fprintf(stderr, "%s\n", text);
}

void machine_audit(void)
{
	struct audit_report r = { .line = audit_line };

	BUG_ON(audit_run(&r));
}
