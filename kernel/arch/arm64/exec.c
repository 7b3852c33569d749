/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executable memory. What is executable is writable nowhere: not where it is executed, not in the
 * linear map. Writing goes through a window: each CPU has a tree of four tables for the user half
 * with room for one page, loaded in TTBR0 for the moment of the write only, with interrupts off, so
 * no other CPU and no other code on this one can use it. It is not executable, nobody's ASID (0,
 * the kernel's) tags it, and its TLB entry is gone before the user's tree comes back.
 *
 * A change of rights alone needs no break-before-make (Arm ARM, D8.17.1), so the alias of a block
 * can become read-only while it is used; an address of execmem's only ever goes from unmapped to a
 * block and back.
 *
 * Caches (B2.7.4, CTR_EL0): data are cleaned to the point of unification unless IDC says that this
 * is not needed, then instruction caches are invalidated unless DIC says so.
 */
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <arch/irqflags.h>
#include <arch/sysreg.h>
#include <hal/boot.h>
#include <hal/exec.h>
#include <hal/preempt.h>
#include <hal/tlb.h>
#include "mmu.h"

#define CTR_IMINLINE	FIELD(0, 4)	/* log2 of words */
#define CTR_DMINLINE	FIELD(16, 4)
#define CTR_IDC		FIELD(28, 1)
#define CTR_DIC		FIELD(29, 1)

/* One entry in each level's second slot. */
#define WINDOW_VA	((1ul << 39) | (1ul << 30) | (1ul << 21) | (1ul << 12))
#define WINDOW_LEVELS	4

static struct window {
	paddr_t root;
	pte_t *slot;			/* own CPU only, interrupts off */
} windows[MAX_CPUS];

extern char _text_end[], _rodata_start[];

void arch_exec_tail(u64 *start, u64 *end)
{
	*start = (u64)_text_end;
	*end = (u64)_rodata_start;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static int set_alias(paddr_t pa, bool write)
{
	int level;
	u64 va = (u64)phys_to_virt(pa);
	pte_t *e = kernel_entry(va, &level);

	if (level != 2 || pte_is_none(*e))
		return -EINVAL;
	pte_store(e, kernel_leaf(pa, 2, MEM_NORMAL, write));
	tlb_inval_kernel(va, va + PAGE_SIZE);
	return 0;
}

static bool caches_agree_by_themselves(void)
{
	u64 ctr = read_sysreg(ctr_el0);

	return (ctr & CTR_IDC) && (ctr & CTR_DIC);
}

static void clean_lines(u64 va, u64 end)
{
	u64 line = 4ul << field_get(CTR_DMINLINE, read_sysreg(ctr_el0));

	for (va = align_down(va, line); va < end; va += line)
		asm volatile("dc cvau, %0" ::"r"(va) : "memory");
}

int arch_exec_map(u64 va, paddr_t pa)
{
	int level;
	pte_t *e = kernel_entry(va, &level);
	pte_t leaf = kernel_leaf(pa, 2, MEM_NORMAL, false);

	if (level != 2 || !pte_is_none(*e) || set_alias(pa, false))
		return -EINVAL;
	if (!caches_agree_by_themselves()) {
		clean_lines((u64)phys_to_virt(pa), (u64)phys_to_virt(pa) + PMD_SIZE);
		dsb(ish);
		asm volatile("ic ialluis" ::: "memory");
	}
	dsb(ish);
	leaf.v &= ~PTE_PXN;
	pte_store(e, leaf);
	pte_publish();
	isb();
	return 0;
}

void arch_exec_unmap(u64 va)
{
	int level;
	pte_t *e = kernel_entry(va, &level);
	paddr_t pa = pte_leaf(*e, level).pa;

	pte_store(e, pte_none());
	tlb_inval_kernel(va, va + PAGE_SIZE);
	(void)set_alias(pa, true);	/* it was a block when it became read-only */
}

/* --- writing ---------------------------------------------------------------------------------- */

int arch_exec_init(paddr_t (*page)(void))
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		paddr_t table[WINDOW_LEVELS];

		for (u32 l = 0; l < WINDOW_LEVELS; l++) {
			table[l] = page();
			if (!table[l])
				return -ENOMEM;
			if (l)
				((pte_t *)phys_to_virt(table[l - 1]))[1] =
					pte_make_table(table[l]);
		}
		windows[cpu].root = table[0];
		windows[cpu].slot = (pte_t *)phys_to_virt(table[WINDOW_LEVELS - 1]) + 1;
	}
	return 0;
}

static pte_t window_leaf(paddr_t pa)
{
	pte_t p = kernel_leaf(pa, 3, MEM_NORMAL, true);

	p.v |= PTE_NG;
	return p;
}

/* What one CPU may execute while this one writes changes by whole instructions. */
static void put(char *to, const void *src, size_t n)
{
	if (!src)
		memset(to, 0, n);
	else if (n == 4 && is_aligned((u64)to, 4))
		WRITE_ONCE(*(u32 *)to, *(const u32 *)src);
	else if (n == 8 && is_aligned((u64)to, 8))
		WRITE_ONCE(*(u64 *)to, *(const u64 *)src);
	else
		memcpy(to, src, n);
}

/* Within one page. */
static void write_page(u64 va, const void *src, size_t n)
{
	paddr_t pa = align_down(arch_kernel_lookup(va), PAGE_SIZE);
	u64 flags = irq_save(), user = read_sysreg(ttbr0_el1);
	const struct window *w = &windows[cpu_id()];

	pte_set(w->slot, window_leaf(pa));
	pte_publish();
	arch_load_user_root(w->root, 0);
	put((char *)WINDOW_VA + (va & ~PAGE_MASK), src, n);
	pte_set(w->slot, pte_none());
	dsb(nshst);
	asm volatile("tlbi vae1, %0" ::"r"(WINDOW_VA >> PAGE_SHIFT) : "memory");
	dsb(nsh);
	write_sysreg(user, ttbr0_el1);
	isb();
	irq_restore(flags);
}

static void sync_caches(u64 va, u64 end)
{
	u64 ctr = read_sysreg(ctr_el0), line = 4ul << field_get(CTR_IMINLINE, ctr);

	if (!(ctr & CTR_IDC))
		clean_lines(va, end);
	dsb(ish);
	if (!(ctr & CTR_DIC)) {
		for (va = align_down(va, line); va < end; va += line)
			asm volatile("ic ivau, %0" ::"r"(va) : "memory");
		dsb(ish);
	}
	isb();
}

void arch_exec_write(u64 va, const void *src, size_t n)
{
	u64 start = va;

	while (n) {
		size_t part = min(n, PAGE_SIZE - (va & ~PAGE_MASK));

		write_page(va, src, part);
		if (src)
			src = (const char *)src + part;
		va += part;
		n -= part;
	}
	sync_caches(start, va);
}

void arch_exec_sync(void) { isb(); }

/* --- the checker's walk ----------------------------------------------------------------------- */

struct walk {
	void (*fn)(void *arg, const struct exec_leaf *l);
	void *arg;
};

static void visit(const struct walk *w, u64 va, int level, pte_t p, bool window)
{
	u64 size = 1ul << (39 - 9 * level);
	struct exec_leaf l = {
		.va = va,
		.size = size,
		.pa = p.v & PTE_OA & ~(size - 1),
		.write = pte_write(p) || !(p.v & PTE_AP_RDONLY),
		.exec = !(p.v & PTE_PXN),
		.window = window,
	};

	w->fn(w->arg, &l);
}

static void walk_table(const struct walk *w, pte_t *t, u64 va, int level, bool window)
{
	for (u32 i = 0; i < 512; i++, va += 1ul << (39 - 9 * level)) {
		pte_t p = pte_load(&t[i]);

		switch (pte_kind(p, level)) {
		case PTE_TABLE:
			walk_table(w, table_va(pte_table(p)), va, level + 1, window);
			break;
		case PTE_LEAF:
			visit(w, va, level, p, window);
			break;
		default:
			break;
		}
	}
}

void arch_kernel_walk(void (*fn)(void *arg, const struct exec_leaf *l), void *arg)
{
	struct walk w = { fn, arg };

	walk_table(&w, kernel_root, LINEAR_BASE, 0, false);
	walk_table(&w, boot_id_map, 0, 0, false);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		walk_table(&w, phys_to_virt(windows[cpu].root), 0, 0, true);
}
