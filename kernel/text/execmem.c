/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execmem: granules of 64 bytes (text/space.h) out of 2 MiB blocks. The first block is the kernel
 * text's last one, whose tail is free; others are mapped when they are needed and go back when they
 * are empty.
 *
 * A granule is in one of three states: free and full of traps; allocated; being freed, which only
 * the holder of the lock sees. So an address that was freed by mistake traps, and so does a jump
 * into what is not filled yet.
 */
#include <base/alloc.h>
#include <base/assert.h>
#include <base/errno.h>
#include <base/init.h>
#include <base/string.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <hal/exec.h>
#include <hal/sync.h>
#include <mm/page.h>
#include <mm/stat.h>
#include <text/execmem.h>
#include <text/space.h>

_Static_assert(SPACE_BLOCK_GRANULES * SPACE_GRANULE == PMD_SIZE, "a block of the row is one leaf");

/* Written to change the row and what is mapped, read to look at it. */
static struct rwsem lock;
static struct space space;		/* lock */
static struct {
	u64 allocs, frees;		/* lock */
	u64 fills, filled, updates;	/* atomic */
} events;

static u32 granule_of(const void *p) { return (u32)(((u64)p - EXEC_BASE) / SPACE_GRANULE); }
static void *address_of(u32 granule)
{
	return (void *)(EXEC_BASE + (u64)granule * SPACE_GRANULE);
}
static u64 block_address(u32 i) { return EXEC_BASE + (u64)i * PMD_SIZE; }
static bool in_region(const void *p, size_t len)
{
	u64 at = (u64)p - EXEC_BASE, size = EXEC_END - EXEC_BASE;

	return at < size && len <= size - at;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static int bring_block(u32 i)
{
	struct space_block *b = kzalloc(sizeof(*b));
	struct folio *f = b ? folio_alloc(PMD_SHIFT - PAGE_SHIFT, ALLOC_ZERO) : NULL;

	if (!f || arch_exec_map(block_address(i), page_to_phys(&f->page))) {
		if (f)
			folio_put(f);
		kfree(b);
		return -ENOMEM;
	}
	f->page.kind = PAGE_EXEC;
	mem_stat_add(STAT_EXEC, folio_nr_pages(f));
	space_bring(&space, i, b, 0);
	return 0;
}

/* Block i goes if nothing is left in it. */
static bool drop_block(u32 i)
{
	struct space_block *b = space_drop(&space, i);
	struct folio *f;

	if (!b)
		return false;
	f = (struct folio *)phys_to_page(arch_kernel_lookup(block_address(i)));
	arch_exec_unmap(block_address(i));
	mem_stat_add(STAT_EXEC, -(i64)folio_nr_pages(f));
	folio_put(f);
	kfree(b);
	return true;
}

/* Makes [at, at + n) present. Blocks that came for nothing go again. */
static int bring_range(u32 at, u32 n)
{
	u32 first = at / SPACE_BLOCK_GRANULES, last = (at + n - 1) / SPACE_BLOCK_GRANULES;

	for (u32 i = first; i <= last; i++)
		if (!space.block[i] && bring_block(i)) {
			while (i-- > first)
				drop_block(i);
			return -ENOMEM;
		}
	return 0;
}

/* --- allocations ------------------------------------------------------------------------------ */

void *execmem_alloc(size_t size, size_t align)
{
	u32 n, at;

	if (!size || size > EXEC_END - EXEC_BASE || !is_pow2(align) || align > PAGE_SIZE)
		return NULL;
	n = (u32)div_round_up(size, SPACE_GRANULE);
	align = max(align / SPACE_GRANULE, 1ul);
	write_lock(&lock);
	at = space_find(&space, n, (u32)align, false);
	if (at == SPACE_NONE) {
		at = space_find(&space, n, (u32)align, true);
		if (at != SPACE_NONE && bring_range(at, n))
			at = SPACE_NONE;
	}
	if (at != SPACE_NONE) {
		space_take(&space, at, n);
		events.allocs++;
	}
	write_unlock(&lock);
	return at == SPACE_NONE ? NULL : address_of(at);
}

/* Traps for [at, at + n), but for blocks that are empty now: those go. */
static void clear_range(u32 at, u32 n)
{
	while (n) {
		u32 i = at / SPACE_BLOCK_GRANULES;
		u32 k = min(n, (i + 1) * SPACE_BLOCK_GRANULES - at);

		if (!drop_block(i))
			arch_exec_write((u64)address_of(at), NULL, (size_t)k * SPACE_GRANULE);
		at += k;
		n -= k;
	}
}

void execmem_free(void *p)
{
	u32 at = granule_of(p), n;

	if (!p)
		return;
	BUG_ON(!in_region(p, 1) || !is_aligned((u64)p, (u64)SPACE_GRANULE));
	write_lock(&lock);
	n = space_free(&space, at);
	BUG_ON(!n);
	clear_range(at, n);
	events.frees++;
	write_unlock(&lock);
}

/* Do these bytes lie in one allocation? It cannot end meanwhile: it is the caller's. */
static bool in_one(const void *p, size_t len)
{
	u32 start, end;
	bool ok;

	if (!len || !in_region(p, len))
		return false;
	read_lock(&lock);
	start = space_start(&space, granule_of(p));
	end = start == SPACE_NONE ? 0 : start + space_size(&space, start);
	ok = granule_of((const char *)p + len - 1) < end;
	read_unlock(&lock);
	return ok;
}

static void sync_here(void *arg) { arch_exec_sync(); }

void text_sync(void)
{
	smp_call(READ_ONCE(online_cpus), sync_here, NULL);
}

int execmem_fill(void *dst, const void *src, size_t len)
{
	if (!in_one(dst, len))
		return -EINVAL;
	arch_exec_write((u64)dst, src, len);
	text_sync();
	__atomic_fetch_add(&events.fills, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&events.filled, len, __ATOMIC_RELAXED);
	return 0;
}

/* Encodings of the Arm ARM, C4.1: instructions that may be exchanged while they are executed. */
static bool exchangeable(u32 insn)
{
	if ((insn & 0x7c000000) == 0x14000000)		/* B, BL */
		return true;
	if ((insn & 0xffe0001c) == 0xd4000000)		/* SVC, HVC, SMC */
		return (insn & 3) != 0;
	if ((insn & 0xffe0001f) == 0xd4200000)		/* BRK */
		return true;
	return insn == 0xd503201f || (insn & 0xfffff0ff) == 0xd50330df;	/* NOP, ISB */
}

int execmem_update(u32 *at, u32 old, u32 new)
{
	if (!is_aligned((u64)at, 4ul) || !exchangeable(old) || !exchangeable(new) ||
	    !in_one(at, sizeof(*at)))
		return -EINVAL;
	if (READ_ONCE(*at) != old)
		return -ESTALE;
	arch_exec_write((u64)at, &new, sizeof(new));
	/*
	 * Once more, when all CPUs have been told: QEMU (7.2 at least) forgets its translation of the
	 * word before it stores the new one, and a CPU that executes it just then translates the old
	 * one again, for good: IC IVAU does nothing there. It is the new one that it meets now.
	 */
	text_sync();
	arch_exec_write((u64)at, &new, sizeof(new));
	__atomic_fetch_add(&events.updates, 1, __ATOMIC_RELAXED);
	return 0;
}

void text_retire(struct text_retired *r, void (*fn)(struct text_retired *))
{
	_Static_assert(!offsetof(struct text_retired, rcu), "fn may take the rcu_head for it");
	call_rcu(&r->rcu, (void (*)(struct rcu_head *))(void *)fn);
}

void execmem_stats(struct execmem_stats *s)
{
	struct space_totals t;

	read_lock(&lock);
	space_totals(&space, &t);
	*s = (struct execmem_stats){
		.blocks = t.blocks,
		.used = t.used,
		.free = t.free,
		.largest = t.largest,
		.allocs = events.allocs,
		.frees = events.frees,
		.fills = READ_ONCE(events.fills),
		.filled = READ_ONCE(events.filled),
		.updates = READ_ONCE(events.updates),
	};
	read_unlock(&lock);
}

void execmem_still(void (*fn)(void *arg), void *arg)
{
	read_lock(&lock);
	fn(arg);
	read_unlock(&lock);
}

/* --- start ------------------------------------------------------------------------------------ */

static paddr_t table_page(void)
{
	struct folio *f = folio_alloc(0, ALLOC_ZERO);

	if (!f)
		return 0;
	f->page.kind = PAGE_KTABLE;
	mem_stat_add(STAT_KTABLES, 1);
	return page_to_phys(&f->page);
}

static int execmem_start(void)
{
	static struct space_block text_block;
	u64 start, end;
	u32 last;

	rwsem_init(&lock);
	arch_exec_tail(&start, &end);
	last = (u32)((end - 1 - EXEC_BASE) / PMD_SIZE);
	space.nblocks = EXEC_BLOCKS;
	space.possible = ~0ull << EXEC_FIRST;
	space_bring(&space, last, &text_block,
		    (u32)div_round_up(start - block_address(last), SPACE_GRANULE));
	return arch_exec_init(table_page);
}
INITCALL(core, execmem_start);
