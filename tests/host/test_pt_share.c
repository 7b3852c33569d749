/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees that share their tables (pt/share.c), on the checking MMU: several address spaces that fork
 * from one another, write, map, unmap and end, on several CPUs at once, two of which may run the
 * same one. Each has a flat model of what its pages hold. What is promised:
 *  - nobody reads what another wrote after the fork, nobody misses what it wrote itself, whatever
 *    its TLB had;
 *  - each page and table has as many references as there are entries that lead to it, and is freed
 *    with the last one;
 *  - memory that runs out in a break changes nothing.
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

#define PAGES 48u
#define TREES 5u
#define THREADS 3u

struct space {
	struct pt_tree pt;
	struct rwsem lock;
	bool alive;
	u32 users;			/* CPUs that run it, or are about to look at it */
	bool mapped[PAGES];
	u64 val[PAGES];
};
static struct space spaces[TREES];
static u64 stamp, forks, breaks, reads, writes, ends, refused;

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

/* Three stretches: across six leaf tables, across two tables of level 2, across two of level 1. */
static u64 va_of(u32 i)
{
	static const u64 middle[] = { 5 * GIB + 7 * MIB, 9 * GIB, 1024 * GIB };

	return middle[i / 16] + ((u64)(i % 16) - 8) * PAGE_SIZE + (i < 16 ? i / 3 * PMD_SIZE : 0);
}
static struct folio *frame(pte_t e) { return (struct folio *)pfn_to_page(pte_pfn(e)); }

/* --- leaves ---------------------------------------------------------------------------------- */
static i32 copy_leaves(pte_t *from, pte_t *to, u32 n, int level, void *arg)
{
	i32 set = 0;

	for (u32 i = 0; i < n; i++) {
		pte_t e = pte_load(&from[i]);

		if (pte_kind(e, level) != PTE_LEAF)
			continue;
		folio_get(frame(e));
		wrprotect_ptes(&from[i], 1, true);
		pte_store(&to[i], pte_load(&from[i]));
		set++;
	}
	breaks++;
	return set;
}

static void drop_leaves(pte_t *p, u32 n, int level, void *arg)
{
	for (u32 i = 0; i < n; i++) {
		pte_t e = pte_load(&p[i]);

		if (pte_kind(e, level) != PTE_LEAF)
			continue;
		pte_store(&p[i], pte_none());
		folio_put(frame(e));
	}
}

static void none_gone(const u16 n[NR_RSS], u32 pages, void *arg) { BUG(); }
static void none_left(pte_t *p, u32 n, int level, void *arg) { }
static void none_passed(pte_t *p, u32 n, int level, void *arg) { BUG(); }

static const struct pt_leaf_ops leaf_ops = { copy_leaves, drop_leaves, none_gone, none_left,
					     none_passed };

static pte_t leaf(const struct folio *f, bool excl)
{
	struct leaf l = { .pa = folio_pfn(f) << PAGE_SHIFT, .level = 3, .user = true, .read = true,
		.write = excl, .dirty = excl, .young = true, .exclusive = excl };

	return pte_make_leaf(&l);
}

/* --- operations, s locked for writing -------------------------------------------------------- */
/* The entry of page i, in tables that are ours; NULL: no memory, or (unless make) no table. */
static pte_t *own_entry(struct space *s, u32 i, bool make)
{
	u64 va = va_of(i);
	pte_t *t;

	if (pt_own(&s->pt, va, va + PAGE_SIZE, &leaf_ops, NULL)) {
		refused++;
		return NULL;
	}
	BUG_ON(!pt_is_own(&s->pt, va));
	t = make ? pt_make_table(&s->pt, va, 3) : pt_leaf_table(&s->pt, va);
	return t ? &t[pt_index(va, 3)] : NULL;
}

static void map(struct space *s, u32 i)
{
	struct folio *f = folio_alloc(0, 0);
	pte_t *p = f ? own_entry(s, i, true) : NULL;

	if (!p || s->mapped[i]) {
		if (f)
			folio_put(f);
		return;
	}
	*(u64 *)folio_address(f) = s->val[i] = ++stamp;
	spin_lock(&pt_node(p)->lock);
	pte_store(p, leaf(f, true));
	pt_filled_one(pt_node(p), p);
	spin_unlock(&pt_node(p)->lock);
	pte_publish();
	s->mapped[i] = true;
}

static void unmap(struct space *s, u32 i)
{
	pte_t *p = own_entry(s, i, false), e;

	if (!p || !s->mapped[i])
		return;
	spin_lock(&pt_node(p)->lock);
	e = pte_xchg(p, pte_none());
	pt_emptied(pt_node(p), 1);
	spin_unlock(&pt_node(p)->lock);
	s->mapped[i] = false;
	tlb_inval_page(pt_asid(&s->pt), va_of(i), TLB_LAST_LEVEL);
	folio_put(frame(e));
}

/* A write found no right to: the path, then the page become ours. */
static void write_fault(struct space *s, u32 i)
{
	struct folio *copy = folio_alloc(0, 0), *old;
	pte_t *p = copy ? own_entry(s, i, false) : NULL, e;

	if (!p || !s->mapped[i])
		goto out;
	spin_lock(&pt_node(p)->lock);
	e = pte_load(p);
	old = frame(e);
	if (pte_exclusive(e) || ref_read(&old->page.refcount) == 1) {
		allow_write_ptes(p, 1, true);
	} else {
		memcpy(folio_address(copy), folio_address(old), PAGE_SIZE);
		pte_store(p, pte_none());
		tlb_inval_page(pt_asid(&s->pt), va_of(i), TLB_LAST_LEVEL);
		pte_store(p, leaf(copy, true));
		copy = old;
	}
	spin_unlock(&pt_node(p)->lock);
	pte_publish();
	tlb_inval_page(pt_asid(&s->pt), va_of(i), TLB_LAST_LEVEL);
out:
	if (copy)
		folio_put(copy);
}

static void fork_space(struct space *s)
{
	struct space *c = NULL;

	for (u32 i = 0; i < TREES && !c; i++)
		if (!spaces[i].alive && !spaces[i].users)
			c = &spaces[i];
	if (!c)
		return;
	c->users = 1;			/* the place is taken */
	if (!pt_init(&c->pt)) {
		rwsem_init(&c->lock);
		spin_lock(&s->pt.path_lock);
		pt_share(&c->pt, &s->pt, &leaf_ops, NULL);
		spin_unlock(&s->pt.path_lock);
		if (pt_asid(&s->pt))
			tlb_inval_asid(pt_asid(&s->pt));
		memcpy(c->mapped, s->mapped, sizeof(c->mapped));
		memcpy(c->val, s->val, sizeof(c->val));
		c->alive = true;
		forks++;
	}
	c->users = 0;
}

static void end(struct space *s)
{
	s->alive = false;
	if (pt_asid(&s->pt))
		tlb_inval_asid(pt_asid(&s->pt));
	pt_put_tree(&s->pt, &leaf_ops, NULL);
	ends++;
}

/* --- CPUs ------------------------------------------------------------------------------------ */
static void use(struct space *s, u32 i)
{
	bool write = fake_random(2);
	u64 *p = fake_translate(va_of(i), write ? FAKE_WRITE : FAKE_READ);

	if (!p)
		return;
	if (!s->lock.writer && (!s->mapped[i] || *p != s->val[i]))
		panic("page %u holds %lu, expected %lu", i, *p, s->val[i]);
	if (write) {
		*p = s->val[i] = ++stamp;
		writes++;
	}
	reads++;
}

static void change(struct space *s)
{
	u32 i = fake_random(PAGES);

	write_lock(&s->lock);
	switch (fake_random(8)) {
	case 0: fork_space(s); break;
	case 1: unmap(s, i); break;
	case 2: case 3: map(s, i); break;
	default: write_fault(s, i);
	}
	write_unlock(&s->lock);
}

static void load(struct pt_tree *pt)
{
	u64 flags = irq_save();

	pt_load(pt);
	irq_restore(flags);
}

static void thread(void *arg)
{
	for (u32 n = 0; n < 40; n++) {
		struct space *s = &spaces[fake_random(TREES)];

		if (!s->alive)
			continue;
		s->users++;
		load(&s->pt);
		for (u32 times = fake_random(12); times; times--) {
			for (u32 k = fake_random(6); k; k--)
				use(s, fake_random(PAGES));
			fake_speculate(va_of(fake_random(PAGES)));
			change(s);
		}
		load(NULL);
		if (s->users == 1 && !fake_random(3))
			end(s);
		s->users--;
	}
}

/* --- runs ------------------------------------------------------------------------------------ */
static void one_seed(u64 seed, u32 fail_rate)
{
	void *args[THREADS] = { NULL };

	fake_init(8 * MIB, seed);
	fake_set_asid_bits(8);
	fake_switch_rate = 2 + fake_random(10);
	fake_fail_rate = 0;
	memset(spaces, 0, sizeof(spaces));
	rwsem_init(&spaces[0].lock);
	BUG_ON(pt_init(&spaces[0].pt));
	spaces[0].alive = true;
	write_lock(&spaces[0].lock);
	for (u32 i = 0; i < PAGES; i += 2)
		map(&spaces[0], i);
	write_unlock(&spaces[0].lock);
	fake_fail_rate = fail_rate;
	fake_run(THREADS, thread, args);
	fake_fail_rate = 0;
	for (u32 i = 0; i < TREES; i++)
		if (spaces[i].alive)
			end(&spaces[i]);
	if (fake_pages_used())
		panic("%lu pages are left", fake_pages_used());
}

static void run(int bbm, u32 fail_rate, u64 seeds)
{
	arch_bbm_level = bbm;
	forks = breaks = reads = writes = ends = refused = 0;
	for_each_seed(s, seeds)
		one_seed(s, fail_rate);
	print_message("%lu forks, %lu leaf tables copied, %lu accesses, %lu writes, %lu ends, %lu refused\n",
		      forks, breaks, reads, writes, ends, refused);
	assert_true(forks > 10 && breaks > 10 && writes > 10 && ends > 10);
	arch_bbm_level = 0;
}

static void shared(void **state) { run(0, 0, 60); }
static void little_memory(void **state) { run(2, 12, 40); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared),
		cmocka_unit_test(little_memory),
	};

	return cmocka_run_group_tests_name("pt_share", tests, NULL, NULL);
}
