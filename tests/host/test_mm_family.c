/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A family of processes that share page tables, each on a CPU of its own, switched by a seed at every
 * lock and table access. Each knows exactly what its pages hold: what it had when it was forked, and
 * what it did since. They fork, write, give pages up, map anew, move, and end in any order, while
 * folios are moved, split and reclaimed beneath them, and while allocations fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/mman.h>
#include <base/errno.h>
#include <fake/fake.h>
#include <mm/thp.h>
#include "internal.h"
#include "lru.h"
#include "migrate.h"
#include "mm_model.h"

#define CPUS 4u
#define MEMBERS 12u		/* address spaces that there may be */
#define PAGES 24u
#define BASE (4 * GIB)

struct page_state { u64 value; bool given; };	/* given: it may hold 0 in place of value */
struct member {
	struct mm *mm;		/* NULL: nobody */
	bool busy;		/* a CPU runs it */
	struct page_state page[PAGES];
};
static struct member members[MEMBERS];
static u32 alive, stride;
static u64 stamp, forks, ends, taken;
static pfn_t frames[16];	/* where some pages were */

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

static u64 va_of(u32 i) { return BASE + (u64)i * stride * PAGE_SIZE; }

static u64 *word(struct member *p, u32 i, bool write)
{
	struct fault f = { .addr = va_of(i), .write = write, .user_mode = true };
	enum fault_result r;
	bool major;

	for (int tries = 0; tries < 1000; tries++) {
		u64 *w = fake_translate(f.addr, write ? FAKE_WRITE : FAKE_READ);

		if (w)
			return w;
		r = mm_fault(p->mm, &f, &major);
		if (r != FAULT_OK && r != FAULT_OOM)
			panic("page %u: fault %d", i, r);
	}
	panic("page %u: the fault does not end", i);
}

static void look(struct member *p, u32 i, u64 seen)
{
	struct page_state *s = &p->page[i];

	if (seen == s->value)
		return;
	if (seen || !s->given)
		panic("member %u page %u holds %lx, not %lx", (u32)(p - members), i, seen, s->value);
	*s = (struct page_state){ 0 };
	taken++;
}

static void check_all(struct member *p)
{
	for (u32 i = 0; i < PAGES; i++)
		look(p, i, *word(p, i, false));
}

static void write_page(struct member *p, u32 i)
{
	u64 *w = word(p, i, true);

	look(p, i, *w);
	*w = ++stamp;
	p->page[i] = (struct page_state){ .value = stamp };
}

static void map_pages(struct member *p, u32 i, u32 n)
{
	struct mmap_req r = { .addr = va_of(i), .len = (u64)n * stride * PAGE_SIZE,
			      .prot = PROT_READ | PROT_WRITE,
			      .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };

	BUG_ON(RETRY(mm_mmap(p->mm, &r)) != (i64)r.addr);
	memset(&p->page[i], 0, n * sizeof(p->page[0]));
}

static void move_page(struct member *p, u32 i, u32 k)
{
	if (i == k)
		return;
	BUG_ON(RETRY(mm_mremap(p->mm, va_of(i), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			       va_of(k))) != (i64)va_of(k));
	p->page[k] = p->page[i];
	map_pages(p, i, 1);
}

/* Of the folio that page i is in; 0: there is none. */
static pfn_t frame_of(struct member *p, u32 i)
{
	pfn_t pfn = 0;
	int level;
	pte_t e;

	read_lock(&p->mm->lock);
	e = pte_load(pt_entry(&p->mm->pt, va_of(i), &level));
	if (pte_kind(e, level) == PTE_LEAF && !pte_special(e))
		pfn = folio_pfn(page_folio(pfn_to_page(pte_pfn(e))));
	read_unlock(&p->mm->lock);
	return pfn;
}

static void remember_frame(struct member *p, u32 i)
{
	pfn_t pfn = frame_of(p, i);

	if (pfn)
		frames[fake_random(ARRAY_SIZE(frames))] = pfn;
}

static void give_pages_up(struct member *p, u32 i, u32 n)
{
	for (u32 k = i; k < i + n; k++)
		p->page[k].given = true;
	BUG_ON(RETRY(mm_madvise(p->mm, va_of(i), (u64)n * stride * PAGE_SIZE, MADV_FREE)));
}

static void protect(struct member *p, u32 i)
{
	BUG_ON(RETRY(mm_mprotect(p->mm, va_of(i), PAGE_SIZE, PROT_READ)));
	look(p, i, *word(p, i, false));
	BUG_ON(RETRY(mm_mprotect(p->mm, va_of(i), PAGE_SIZE, PROT_READ | PROT_WRITE)));
}

static void access_page(struct member *p, u32 i)
{
	u64 v = ++stamp;

	while (mm_access(p->mm, va_of(i), &v, sizeof(v), true) != sizeof(v))
		;
	p->page[i] = (struct page_state){ .value = v };
}

static void step(struct member *p)
{
	u32 i = fake_random(PAGES), n = 1 + fake_random(PAGES - i);

	switch (fake_random(16)) {
	case 0: check_all(p); break;
	case 1:
		BUG_ON(RETRY(mm_madvise(p->mm, va_of(i), (u64)n * stride * PAGE_SIZE, MADV_DONTNEED)));
		memset(&p->page[i], 0, n * sizeof(p->page[0]));
		break;
	case 2: map_pages(p, i, 1); break;
	case 3: move_page(p, i, fake_random(PAGES)); break;
	case 4: give_pages_up(p, i, n); break;
	case 5: protect(p, i); break;
	case 6: access_page(p, i); break;
	case 7: remember_frame(p, i); break;
	case 8: look(p, i, *word(p, i, false)); break;
	case 9: lru_shrink(16, 0, false); break;
	case 10: fake_shrink(2); break;
	case 11: case 12: {
		pfn_t pfn = frames[fake_random(ARRAY_SIZE(frames))];

		if (pfn)
			mm_rmap_frame(pfn, fake_random(MM_RMAP_OPS));
		break;
	}
	default: write_page(p, i);
	}
}

/* A place for a member, taken; NULL: none. */
static struct member *place(void)
{
	for (u32 i = 0; i < MEMBERS; i++)
		if (!members[i].mm && !members[i].busy) {
			members[i].busy = true;
			return &members[i];
		}
	return NULL;
}

static void fork_one(struct member *p)
{
	struct member *c = place();
	struct mm *mm;

	if (!c)
		return;
	mm = mm_fork(p->mm);
	if (IS_ERR(mm)) {
		BUG_ON(PTR_ERR(mm) != -ENOMEM);
	} else {
		memcpy(c->page, p->page, sizeof(c->page));
		c->mm = mm;
		alive++;
		forks++;
	}
	c->busy = false;
}

/* Some member that no CPU runs, taken; NULL: none. */
static struct member *pick(void)
{
	u32 first = fake_random(MEMBERS);

	for (u32 i = 0; i < MEMBERS; i++) {
		struct member *p = &members[(first + i) % MEMBERS];

		if (p->mm && !p->busy) {
			p->busy = true;
			return p;
		}
	}
	return NULL;
}

static void cpu(void *arg)
{
	for (u32 n = 0; n < 25; n++) {
		struct member *p = pick();

		if (!p) {
			fake_switch_point();
			continue;
		}
		mm_switch(NULL, p->mm);
		for (u32 k = fake_random(8); k; k--)
			step(p);
		if (!fake_random(3))
			fork_one(p);
		if (!fake_random(4))
			fake_speculate(va_of(fake_random(PAGES)));
		mm_switch(p->mm, NULL);
		if (alive > 1 && !fake_random(5)) {
			struct mm *mm = p->mm;

			alive--;
			ends++;
			p->mm = NULL;
			mm_put(mm);
		}
		p->busy = false;
	}
}

static void one_seed(u64 seed)
{
	void *args[CPUS] = { NULL };

	fake_init(48 * MIB, seed);
	fake_switch_rate = 2 + fake_random(6);
	fake_set_asid_bits(seed & 1 ? 8 : 4);
	stride = seed % 4 ? 1 : 32;
	thp_policy_set(THP_MIN_ORDER, seed % 3 ? THP_ALWAYS : THP_NEVER);
	memset(members, 0, sizeof(members));
	memset(frames, 0, sizeof(frames));
	alive = 1;
	members[0].mm = mm_create();
	map_pages(&members[0], 0, PAGES);
	fake_fail_rate = seed % 2 ? 0 : 10 + fake_random(100);
	fake_run(CPUS, cpu, args);
	fake_fail_rate = 0;
	fake_check_tlbs();
	for (u32 i = 0; i < MEMBERS; i++)
		if (members[i].mm)
			mm_check_tree(members[i].mm);
	mm_check_rmap();
	for (u32 i = 0; i < MEMBERS; i++)
		if (members[i].mm) {
			mm_switch(NULL, members[i].mm);
			check_all(&members[i]);
			mm_switch(members[i].mm, NULL);
			mm_put(members[i].mm);
		}
	fake_shrink(1);		/* the 2 MiB of zeros that nobody holds any more */
	if (fake_pages_used() || fake_objects_used())
		panic("%lu pages and %lu objects left", fake_pages_used(), fake_objects_used());
}

/* --- moves beside shared tables -------------------------------------------------------------- */
/* A family of one, with pages of 4 KiB that it has written. */
static struct member *begin_alone(u64 seed)
{
	fake_init(48 * MIB, seed);
	stride = 1;
	for (u32 order = THP_MIN_ORDER; order <= THP_PMD_ORDER; order++)
		thp_policy_set(order, THP_NEVER);
	memset(members, 0, sizeof(members));
	alive = 1;
	members[0].mm = mm_create();
	map_pages(&members[0], 0, PAGES);
	mm_switch(NULL, members[0].mm);
	for (u32 i = 0; i < PAGES; i++)
		write_page(&members[0], i);
	return members;
}

static void end_all(void)
{
	thp_policy_set(THP_CONT_ORDER, THP_ALWAYS);
	for (u32 i = 0; i < MEMBERS; i++)
		if (members[i].mm)
			mm_put(members[i].mm);
	if (fake_pages_used() || fake_objects_used())
		panic("%lu pages and %lu objects left", fake_pages_used(), fake_objects_used());
}

/* A table that two share and the third's copy of it map the page: the walk counts two leaves. */
static void moved_for_all(void **state)
{
	struct member *a = begin_alone(1), *c = &members[2];
	struct folio *f, *to = folio_alloc(0, ALLOC_USER);

	fork_one(a);
	fork_one(a);
	mm_switch(a->mm, c->mm);
	write_page(c, 1);
	f = (struct folio *)pfn_to_page(frame_of(a, 0));
	assert_int_equal(atomic_read(&f->page.mapcount), 2);
	folio_get(f);
	assert_true(folio_migrate(f, &to, 0));
	folio_put(f);
	folio_put(to);
	check_all(c);
	for (u32 i = 0; i < 2; i++) {
		mm_switch(members[i ? 0 : 2].mm, members[i].mm);
		check_all(&members[i]);
	}
	mm_switch(members[1].mm, NULL);
	end_all();
}

static void break_again(struct member *p)
{
	mm_switch(NULL, p->mm);
	for (u32 n = 0; n < 20; n++) {
		fork_one(p);
		write_page(p, 1 + fake_random(PAGES - 1));
		look(p, 0, *word(p, 0, false));
		fake_speculate(va_of(0));
		alive--;
		mm_put(members[1].mm);
		members[1].mm = NULL;
	}
	mm_switch(p->mm, NULL);
}

static void move_again(struct member *p)
{
	for (u32 n = 0; n < 60; n++)
		mm_rmap_frame(frame_of(p, 0), MM_RMAP_MIGRATE);
}

/* CPUs walk whenever they like. */
static void walk_ahead(struct member *p)
{
	for (u32 n = 0; n < 400; n++) {
		fake_speculate(va_of(0));
		fake_switch_point();
	}
}

static void one_of_them(void *arg)
{
	void (*const *fn)(struct member *p) = arg;

	(*fn)(members);
}

static void (*rules_at_unlock)(struct spinlock *l);

/* Who gets path_lock finds tables that CPUs know: a new one waits for the invalidation (step 4). */
static void check_at_unlock(struct spinlock *l)
{
	if (l == &members[0].mm->pt.path_lock)
		fake_check_ways(members[0].mm->pt.root);
	rules_at_unlock(l);
}

/* A page moves all the time while its tables are copied. */
static void moved_while_breaking(void **state)
{
	static void (*const fn[])(struct member *p) = { break_again, move_again, walk_ahead };
	void *args[] = { (void *)&fn[0], (void *)&fn[1], (void *)&fn[2] };

	for (u64 seed = 1; seed <= 100; seed++) {
		struct member *p = begin_alone(seed);

		mm_switch(p->mm, NULL);
		p->busy = true;
		fake_switch_rate = 2 + fake_random(4);
		rules_at_unlock = fake_before_unlock;
		fake_before_unlock = check_at_unlock;
		fake_run(3, one_of_them, args);
		fake_before_unlock = rules_at_unlock;
		fake_check_tlbs();
		end_all();
	}
}

static void family(void **state)
{
	u64 first = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	u64 seeds = getenv("SEEDS") ? strtoull(getenv("SEEDS"), NULL, 0) : 150;

	thp_policy.order[THP_PMD_ORDER] = THP_ALWAYS;
	thp_policy_update(&thp_policy);
	for (u64 s = first; s < first + seeds; s++) {
		if (getenv("VERBOSE"))
			fprintf(stderr, "seed %lu\n", s);
		one_seed(s);
	}
	print_message("%lu forks, %lu ends, %lu pages given up and taken\n", forks, ends, taken);
	assert_int_not_equal(taken, 0);
	assert_int_not_equal(ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moved_for_all),
		cmocka_unit_test(moved_while_breaking),
		cmocka_unit_test(family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
