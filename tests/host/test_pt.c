/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/pt with leaves of all sizes on the checking MMU: several threads edit one tree (one at a
 * time) and use it (all the time), against a flat model of its pages. What is promised:
 *  - each page is where it should be, with the rights it should have;
 *  - what was written is found dirty, at the latest when it is unmapped (T9: hardware notes it once
 *    for a whole contiguous block, in any entry);
 *  - with hardware management, an access that is allowed faults only while somebody edits;
 *  - blocks are made where memory and addresses allow, and only those that an edit cuts are taken
 *    apart.
 * The rest is the checking MMU's (arch/fake/mmu_rules.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fake/fake.h>
#include <hal/sync.h>
#include <mm/stat.h>
#include <pt/pt.h>
#include "seeds.h"

#define PAGES 1024u
#define BASE (3 * GIB - 2 * MIB)	/* the window crosses tables of level 2 */
#define MEM_PAGES 4096u
#define MEM ((FAKE_RAM_BASE >> PAGE_SHIFT) + 4096)	/* memory to map; tables are below it */
#define THREADS 3u
#define ALL (PT_IGNORE_DIRTY | PT_IGNORE_YOUNG | PT_IGNORE_WRITE | PT_IGNORE_EXCL)

struct page_model { bool mapped, access, write, exec, excl, written; pfn_t pfn; };
static struct page_model model[PAGES];
static struct pt_tree pt;
static struct rwsem lock;	/* write: edits; read: faults, and looking */
static u64 edits, faults, writes;
static u32 hot, hot_n = 1;	/* pages that are, or were last, edited */

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

static u64 va_of(u32 i) { return BASE + (u64)i * PAGE_SIZE; }
static u64 stat(u32 item)
{
	i64 n = 0;

	for (u32 c = 0; c < MAX_CPUS; c++)
		n += mem_stats[c].v[item];
	return (u64)n;
}
static u64 apart(void)
{
	u64 n = 0;

	for (u32 i = 0; i < NR_PT_CAUSE; i++)
		n += stat(STAT_CONT_APART + i) + stat(STAT_BLOCK_APART + i);
	return n;
}

/* --- what is there --------------------------------------------------------------------------- */
/* The entry of page i as it counts, as a page's: of a contiguous block the union. Quiet. */
static pte_t entry(u32 i, u32 *unit)
{
	int level;
	pte_t *p = pt_entry(&pt, va_of(i), &level), e = *p, *b;

	*unit = pt_pages(level);
	if (pte_is_none(e))
		return e;
	if (level < 3)
		return pte_advance(pte_as_page(e), i % PT_ENTRIES);
	if (!pte_cont(e))
		return e;
	*unit = CONT_PTES;
	b = (pte_t *)align_down((u64)p, CONT_PTES * sizeof(*p));
	for (u32 k = 0; k < CONT_PTES; k++)
		e = pte_unite(e, b[k]);
	return e;
}

static void check_page(u32 i)
{
	struct page_model *m = &model[i];
	u32 unit;
	pte_t e = entry(i, &unit);

	if (pte_is_none(e) == m->mapped)
		panic("page %u: %lx, expected %smapped", i, e.v, m->mapped ? "" : "not ");
	if (!m->mapped)
		return;
	if (pte_pfn(e) != m->pfn || pte_write(e) != m->write || pte_exclusive(e) != m->excl ||
	    !(e.v & PTE_VALID) != !m->access || (m->access && pte_exec(e) != m->exec))
		panic("page %u: %lx", i, e.v);
	if (m->written && !pte_dirty(e))
		panic("page %u was written: %lx", i, e.v);
}

static void check_nodes(void)
{
	struct pt_walk w;
	u32 pages = 0, expected = 0;

	for (u64 va = va_of(0); va < va_of(PAGES); va += PMD_SIZE) {
		int level;
		pte_t *p = pt_entry(&pt, va, &level), *t = (pte_t *)align_down((u64)p, PAGE_SIZE);
		i32 n = 0;

		for (u32 i = 0; i < PT_ENTRIES; i++)
			n += !pte_is_none(t[i]);
		BUG_ON(n != pt_node(t)->mapcount.v);
	}
	pt_walk_init(&w, &pt, va_of(0), va_of(PAGES));
	while (pt_walk_next(&w))
		for (u32 i = 0; i < w.n; i++)
			if (!pte_is_none(w.pte[i]))
				pages += pt_pages(w.level);
	for (u32 i = 0; i < PAGES; i++)
		expected += model[i].mapped;
	BUG_ON(pages != expected);
}

/* The longest run by the definition: unit by unit, each compared with the first. */
static void check_run(u32 i, u32 ignore)
{
	u32 unit, n, level3 = PT_ENTRIES - i % PT_ENTRIES;
	struct pt_run want = { 0 }, got;
	pte_t first = entry(i, &unit);
	int level;
	pte_t *p = pt_entry(&pt, va_of(i), &level);

	if (level < 3 || i % unit || pte_is_none(first))
		return;
	for (n = 0; n < level3; n++) {
		pte_t e = entry(i + n, &unit);
		u64 hide = PTE_CONT_BIT | (ignore & PT_IGNORE_EXCL ? PTE_SW_EXCL : 0) |
			   (ignore & PT_IGNORE_YOUNG ? PTE_AF : 0);
		bool same = !((pte_advance(first, n).v ^ e.v) & ~hide &
			      ~(PTE_DBM | PTE_AP_RDONLY | PTE_SW_DIRTY));

		if (pte_is_none(e) || !same ||
		    (!(ignore & PT_IGNORE_DIRTY) && pte_dirty(e) != pte_dirty(first)) ||
		    (!(ignore & PT_IGNORE_WRITE) && pte_write(e) != pte_write(first)))
			break;
		want.any_dirty |= pte_dirty(e);
		want.any_young |= pte_young(e);
		want.any_write |= pte_write(e);
		want.any_excl |= pte_exclusive(e);
	}
	got = pt_run_of(p, level3, 3, ignore);
	if (got.n != n || got.any_dirty != want.any_dirty || got.any_young != want.any_young ||
	    got.any_write != want.any_write || got.any_excl != want.any_excl)
		panic("run at page %u, ignoring %x: %u pages, expected %u", i, ignore, got.n, n);
}

/* Nobody edits or faults now. */
static void check_all(void)
{
	u32 rate = fake_switch_rate;

	fake_switch_rate = 0;
	for (u32 i = 0; i < PAGES; i++)
		check_page(i);
	check_nodes();
	for (u32 i = 0; i < 20; i++)
		check_run(fake_random(PAGES), fake_random(2) ? ALL : fake_random(16));
	fake_check_tlbs();
	fake_switch_rate = rate;
}

/* --- access ---------------------------------------------------------------------------------- */
/* What the fault handler does where nothing is missing. */
static void fault(u32 i, bool write)
{
	int level;
	bool changed = false;
	u32 n;
	pte_t *p;
	struct page *node;

	p = pt_entry(&pt, va_of(i), &level);
	node = pt_node(p);
	spin_lock(&node->lock);
	if (pte_kind(pte_load(p), level) == PTE_LEAF) {
		p = pt_unit(p, &n);
		changed = touch_ptes(p, n, write);
	}
	spin_unlock(&node->lock);
	pte_publish();
	if (write || !changed)
		tlb_inval_page(pt_asid(&pt), va_of(i), TLB_LAST_LEVEL);
	faults++;
}

static bool allowed(const struct page_model *m, enum fake_access_kind kind)
{
	return m->mapped && m->access && (kind != FAKE_WRITE || m->write) &&
	       (kind != FAKE_EXEC || m->exec);
}

static void landed(u32 i, enum fake_access_kind kind, const char *p)
{
	struct page_model *m = &model[i];

	if (!m->mapped || p != phys_to_virt(m->pfn << PAGE_SHIFT))
		panic("access to page %u lands elsewhere", i);
	if (!lock.writer && !allowed(m, kind))
		panic("page %u is not to be %s", i, kind == FAKE_WRITE ? "written" : "used");
	if (kind == FAKE_WRITE) {
		m->written = true;
		writes++;
	}
}

static void access_page(u32 i)
{
	enum fake_access_kind kind = fake_random(FAKE_EXEC + 1);
	bool expected;

	for (u32 tries = 0; tries < 40; tries++) {
		char *p = fake_translate(va_of(i), kind);

		if (p) {
			landed(i, kind, p);
			return;
		}
		if (lock.writer)
			return;		/* faults wait for edits */
		read_lock(&lock);
		expected = allowed(&model[i], kind);
		if (expected)
			fault(i, kind == FAKE_WRITE);
		read_unlock(&lock);
		if (!expected)
			return;
	}
	panic("faults on page %u do not end", i);
}

/* Mostly where something is being edited, or was last. */
static void access_some(void)
{
	u32 i = fake_random(4) ? (hot + fake_random(hot_n + 16)) % PAGES : fake_random(PAGES);

	access_page(i);
	if (!fake_random(4))
		fake_speculate(va_of(i ^ fake_random(CONT_PTES)));
}

/* --- edits, lock held for writing ------------------------------------------------------------ */
static void range(u32 *i, u32 *n)
{
	static const u32 unit[] = { 1, 1, CONT_PTES, CONT_PTES, PT_ENTRIES };
	u32 u = unit[fake_random(ARRAY_SIZE(unit))];

	*i = fake_random(PAGES / u) * u;
	*n = min(PAGES - *i, u * (1 + fake_random(u == 1 ? 40 : u == CONT_PTES ? 6 : 1)));
}

static void invalidate(u32 i, u32 n)
{
	tlb_inval_range(pt_asid(&pt), va_of(i), va_of(i + n), PAGE_SIZE, TLB_LAST_LEVEL);
}

static pte_t some_leaf(pfn_t pfn, int level, struct page_model *m)
{
	struct leaf l = { .pa = pfn << PAGE_SHIFT, .level = (u8)level, .user = true, .read = true,
		.write = fake_random(3), .exec = fake_random(2), .dirty = fake_random(2),
		.young = fake_random(2), .exclusive = fake_random(2) };

	*m = (struct page_model){ .mapped = true, .access = true, .write = l.write, .exec = l.exec,
		.excl = l.exclusive, .written = l.dirty };
	return pte_make_leaf(&l);
}

/* n leaves of one table from page i on, mapped to pfn on; the pages are not mapped. */
static void set_some(u32 i, u32 n, int level, pfn_t pfn)
{
	pte_t *p = pt_make_table(&pt, va_of(i), level), first;
	u32 pages = pt_pages(level);
	u64 before = stat(STAT_CONT_MADE);
	struct page_model m;

	BUG_ON(!p);
	p += pt_index(va_of(i), level);
	if (!pte_is_none(*p))
		return;		/* a table of none */
	first = some_leaf(pfn, level, &m);
	for (u32 k = 0; k < n * pages; k++) {
		model[i + k] = m;
		model[i + k].pfn = pfn + k;
	}
	spin_lock(&pt_node(p)->lock);
	set_ptes(p, first, n, level);
	pt_filled(pt_node(p), p, n, (i32)n);
	pte_publish();
	spin_unlock(&pt_node(p)->lock);
	BUG_ON(stat(STAT_CONT_MADE) - before != pt_blocks_of(p, first, n, level));
	if (level == 3 && (i ^ pfn) % CONT_PTES == 0)	/* as many as there are */
		BUG_ON(pt_blocks_of(p, first, n, 3) !=
			max((i + n) / CONT_PTES, (i + 15) / CONT_PTES) - (i + 15) / CONT_PTES);
}

static void edit_map(u32 i, u32 n)
{
	pfn_t pfn = MEM + fake_random(MEM_PAGES - PT_ENTRIES);
	u32 end = i;

	while (end < i + n && !model[end].mapped)
		end++;
	end = min(end, align_down(i, PT_ENTRIES) + PT_ENTRIES);	/* one table */
	if (end == i)
		return;
	if (fake_random(4))
		pfn = align_down(pfn, PT_ENTRIES) + i % PT_ENTRIES;
	if (end - i == PT_ENTRIES && pfn % PT_ENTRIES == 0 && fake_random(4))
		set_some(i, 1, 2, pfn);
	else
		set_some(i, end - i, 3, pfn);
}

static void edit_unmap(u32 i, u32 n)
{
	bool reported[PAGES];
	struct pt_gather g;
	struct pt_walk w;

	pt_gather_init(&g, &pt, false);
	pt_walk_edit(&w, &pt, va_of(i), va_of(i + n), PT_UNMAP);
	while (pt_walk_next(&w)) {
		for (u32 k = 0, run; k < w.n; k += run) {
			u32 page = (u32)((pt_walk_va(&w, k) - BASE) >> PAGE_SHIFT), pages;
			struct pt_run r;

			run = 1;
			if (pte_is_none(pte_load(&w.pte[k])))
				continue;
			run = pt_run_of(&w.pte[k], w.n - k, w.level, ALL).n;
			r = get_and_clear_ptes(&w.pte[k], run);
			pages = run * pt_pages(w.level);
			memset(reported + page, r.any_dirty, pages);
			pt_gather_range(&g, va_of(page), va_of(page + pages), w.level);
			pt_emptied(w.node, (i32)run);
		}
		if (fake_random(2))
			pt_gather_invalidate(&g);
	}
	pt_gather_flush(&g);
	for (u32 k = i; k < i + n; k++)
		if (model[k].mapped && model[k].written && !reported[k])
			panic("page %u was written, its leaf was clean", k);
	memset(&model[i], 0, n * sizeof(model[0]));
}

static void edit_protect(u32 i, u32 n)
{
	bool none = !fake_random(5), write = !none && fake_random(2), shared = fake_random(2);
	struct leaf l = { .level = 3, .user = true, .read = !none,
		.exec = !none && fake_random(2) };
	pte_t perm = pte_make_leaf(&l);
	struct pt_walk w;

	pt_walk_edit(&w, &pt, va_of(i), va_of(i + n), PT_PROTECT);
	while (pt_walk_next(&w))
		modify_ptes(w.pte, w.n, perm, write, shared);
	invalidate(i, n);
	for (struct page_model *m = &model[i]; m < &model[i + n]; m++) {
		m->access = !none;
		m->exec = l.exec;
		m->write = write && (shared || m->excl);
	}
}

/* As fork does, and as aging does. */
static void edit_runs(u32 i, u32 n, bool age)
{
	bool excl = fake_random(2);
	struct pt_walk w;

	pt_walk_edit(&w, &pt, va_of(i), va_of(i + n), PT_FORK);
	while (pt_walk_next(&w))
		for (u32 k = 0, run; k < w.n; k += run) {
			run = 1;
			if (pte_is_none(pte_load(&w.pte[k])))
				continue;
			run = pt_run_of(&w.pte[k], w.n - k, w.level, ALL).n;
			if (age)
				clear_young_ptes(&w.pte[k], run);
			else
				wrprotect_ptes(&w.pte[k], run, excl);
		}
	if (age && fake_random(2))
		return;		/* a CPU may go on without saying so */
	invalidate(i, n);
	for (struct page_model *m = &model[i]; !age && m < &model[i + n]; m++) {
		m->write = false;
		m->excl &= !excl;
	}
}

/* A write fault on a page that turns out to be ours. */
static void edit_allow(u32 i)
{
	bool excl = fake_random(2);
	int level;
	u32 n, first;
	pte_t *p;

	if (!model[i].mapped || !model[i].access)
		return;
	p = pt_entry(&pt, va_of(i), &level);
	spin_lock(&pt_node(p)->lock);
	p = pt_unit(p, &n);
	allow_write_ptes(p, n, excl);
	n *= pt_pages(level);
	first = align_down(i, n);
	spin_unlock(&pt_node(p)->lock);
	tlb_inval_page(pt_asid(&pt), va_of(i), TLB_LAST_LEVEL);
	for (struct page_model *m = &model[first]; m < &model[first + n]; m++) {
		m->write = true;
		m->excl |= excl;
	}
}

static void edit_unfold(u32 i)
{
	int level;
	pte_t *p = pt_entry(&pt, va_of(i), &level);

	hot = i;
	hot_n = 1;
	if (level < 3) {
		BUG_ON(pt_split(&pt, va_of(i), PT_COW));
		return;
	}
	spin_lock(&pt_node(p)->lock);
	if (pte_cont(pte_load(p)))
		pt_unfold(&pt, p, va_of(i), false, PT_COW);
	spin_unlock(&pt_node(p)->lock);
}

/* The 512 pages around i and their table go; a block comes, and is perhaps taken apart at once. */
static void edit_block(u32 i)
{
	struct pt_gather g;

	i = align_down(i, PT_ENTRIES);
	BUG_ON(pt_split_at(&pt, va_of(i), PT_CUT));
	edit_unmap(i, PT_ENTRIES);
	pt_gather_init(&g, &pt, false);
	pt_free_tables(&g, va_of(i), va_of(i + PT_ENTRIES), va_of(i), va_of(i + PT_ENTRIES));
	pt_gather_flush(&g);
	if (!fake_random(4))
		return;
	set_some(i, 1, 2, align_down(MEM + fake_random(MEM_PAGES - PT_ENTRIES), PT_ENTRIES));
	hot = i;
	hot_n = 1;
	for (u32 k = fake_random(30); k; k--)
		fake_switch_point();
	if (fake_random(2))
		BUG_ON(pt_split(&pt, va_of(i), PT_COW));
}

/* How many blocks the range has to take apart: what its ends cut. */
static u32 cuts(u32 i, u32 n)
{
	u32 unit, count = 0, rate = fake_switch_rate, last;

	fake_switch_rate = 0;
	for (u32 k = 0; k < 2; k++) {
		u32 at = k ? i + n : i;

		/* A 2 MiB block is a table of contiguous blocks afterwards. */
		if (at < PAGES && !pte_is_none(entry(at, &unit)) && at % unit) {
			last = align_down(at, unit);
			count += !(k && last < i && unit == PT_ENTRIES);
			count += unit == PT_ENTRIES && at % CONT_PTES &&
				 !(k && align_down(at, CONT_PTES) < i);
			count -= unit == CONT_PTES && k && last < i;
		}
	}
	fake_switch_rate = rate;
	return count;
}

static void edit_range(u32 what)
{
	u64 before = apart();
	u32 i, n, expected;

	range(&i, &n);
	hot = i;
	hot_n = n;
	expected = cuts(i, n);
	BUG_ON(pt_split_at(&pt, va_of(i), PT_CUT) || pt_split_at(&pt, va_of(i + n), PT_CUT));
	if (what < 2)
		edit_unmap(i, n);
	else if (what < 4)
		edit_protect(i, n);
	else
		edit_runs(i, n, what == 4);
	if (apart() - before != expected)
		panic("pages %u +%u: %lu blocks taken apart, expected %u", i, n, apart() - before,
			expected);
}

static void edit(void)
{
	u32 what = fake_random(15), i, n;

	range(&i, &n);
	while (lock.writer)
		access_some();
	write_lock(&lock);
	if (what < 7)
		edit_range(what);
	else if (what < 11)
		edit_map(i, n);
	else if (what == 11)
		edit_allow(i);
	else if (what == 12)
		edit_unfold(i);
	else
		edit_block(i);
	if (!fake_random(8))
		check_all();
	edits++;
	write_unlock(&lock);
}

/* --- running it ------------------------------------------------------------------------------ */
static void load(struct pt_tree *t)
{
	u64 flags = irq_save();

	pt_load(t);
	irq_restore(flags);
}

static void thread(void *arg)
{
	load(&pt);
	for (u32 n = 0; n < 60; n++) {
		for (u32 times = fake_random(20); times; times--)
			access_some();
		edit();
	}
	load(NULL);
}

static void tear_down(void)
{
	struct pt_walk w;

	tlb_inval_asid(pt_asid(&pt));
	pt_walk_init(&w, &pt, va_of(0), va_of(PAGES));
	while (pt_walk_next(&w))
		for (u32 k = 0; k < w.n; k++)
			if (!pte_is_none(w.pte[k])) {
				pte_clear_run(&w.pte[k], 1);
				pt_emptied(w.node, 1);
			}
	pt_destroy(&pt);
	BUG_ON(fake_pages_used());
}

static void one_seed(u64 seed)
{
	void *args[THREADS] = { NULL };

	fake_init(32 * MIB, seed);
	fake_set_asid_bits(8);
	fake_switch_rate = 2 + fake_random(10);
	memset(model, 0, sizeof(model));
	memset(&mem_stats, 0, sizeof(mem_stats));
	rwsem_init(&lock);
	BUG_ON(pt_init(&pt));
	fake_run(THREADS, thread, args);
	check_all();
	tear_down();
}

static void run(int bbm, bool hw, u64 seeds)
{
	arch_bbm_level = bbm;
	arch_hw_af = arch_hw_dbm = hw;
	edits = faults = writes = 0;
	for_each_seed(s, seeds)
		one_seed(s);
	print_message("%lu edits, %lu writes, %lu faults\n", edits, writes, faults);
	arch_bbm_level = 0;
	arch_hw_af = arch_hw_dbm = true;
}

static void broken(void **state) { run(0, true, 15); }
static void broken_software_bits(void **state) { run(1, false, 6); }
static void live(void **state) { run(2, true, 8); }
static void live_software_bits(void **state) { run(2, false, 5); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken),
		cmocka_unit_test(broken_software_bits),
		cmocka_unit_test(live),
		cmocka_unit_test(live_software_bits),
	};

	return cmocka_run_group_tests_name("pt", tests, NULL, NULL);
}
