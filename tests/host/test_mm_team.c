/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families of processes with several threads each (the guest's torture, tests/stress/torture.c, on the
 * checking MMU), switched by a seed at every lock and table access. Every page of a window has one
 * owner, a thread, which alone changes it and knows what it holds. Any thread may fork: the child has
 * that thread alone, and leaves the others' pages as they are. Ranges of pages are mapped, written,
 * given up, moved, protected, locked and kept from children, while all folios are moved, split and
 * reclaimed beneath them, and while allocations fail.
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
#include <mm/gup.h>
#include <mm/thp.h>
#include "internal.h"
#include "lru.h"
#include "migrate.h"
#include "mm_model.h"
#include "seeds.h"

#define CPUS 4u
#define TEAM 4u
#define MEMBERS 10u		/* address spaces that there may be */
#define MOST_PAGES 1024u
#define FILE_PAGES 64u
#define BLOCK 512u

enum kind { NONE, ANON, PRIVATE_FILE };
enum { DONT_FORK = 1, WIPE_ON_FORK = 2 };
struct page_state {
	u64 value;
	u16 off;		/* PRIVATE_FILE: the file's page */
	u8 kind, prot, fork;
	bool given;		/* it may hold 0 in place of value */
};
struct member {
	struct mm *mm;		/* NULL: nobody */
	u32 threads, busy;	/* by number: those it has; those that a CPU runs */
	bool reserved;
	struct page_state page[MOST_PAGES];
};
static struct member members[MEMBERS];
static u32 alive, pages, grain;
static u64 base, stamp, forks, ends, taken, denied;
static pfn_t frames[16];	/* where some pages were */
static struct file { struct backing b; struct mapping m; i32 refs; } file;

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }
static void get(struct backing *b) { file.refs++; }
static void put(struct backing *b) { BUG_ON(file.refs-- <= 0); }
static const struct backing_ops file_ops = { .get = get, .put = put };
static const struct mapping_ops mapping_ops = { .keep = true };

/* One thread of a member, as a CPU runs it. */
struct runner { struct member *p; u32 self; };

static u64 va_of(u32 i) { return base + (u64)i * PAGE_SIZE; }
static u64 file_value(u32 off) { return 0xf11e000000 + off; }
static u64 under(const struct page_state *s) { return s->kind == PRIVATE_FILE ? file_value(s->off) : 0; }
static bool owned(const struct runner *r, u32 i) { return i / grain % TEAM == r->self; }

/* --- accesses -------------------------------------------------------------------------------- */
/* NULL: the fault is what *r says. */
static u64 *word(struct mm *mm, u64 va, bool write, enum fault_result *r)
{
	struct fault f = { .addr = va, .write = write, .user_mode = true };
	bool major;

	for (int tries = 0; tries < 2000; tries++) {
		u64 *w = fake_translate(va, write ? FAKE_WRITE : FAKE_READ);

		*r = FAULT_OK;
		if (w)
			return w;
		*r = mm_fault(mm, &f, &major);
		if (*r != FAULT_OK && *r != FAULT_OOM)
			return NULL;
	}
	panic("the fault at %lx does not end", va);
}

/* Its two ends are what all of a page is. */
static u64 *must_pass(struct runner *r, u32 i, bool write)
{
	struct page_state *s = &r->p->page[i];
	enum fault_result res;
	u64 *w = word(r->p->mm, va_of(i), write, &res), seen;

	if (!w)
		panic("member %u page %u kind %u prot %u: fault %d", (u32)(r->p - members), i, s->kind,
		      s->prot, res);
	seen = w[0];
	BUG_ON(w[PAGE_SIZE / sizeof(u64) - 1] != seen);
	if (seen == s->value)
		return w;
	if (seen || !s->given)
		panic("member %u thread %u page %u kind %u prot %u given %d holds %lx, not %lx",
		      (u32)(r->p - members), r->self, i, s->kind, s->prot, s->given, seen, s->value);
	s->value = 0;
	s->given = false;
	taken++;
	return w;
}

static void must_hold(struct runner *r, u32 i)
{
	const struct page_state *s = &r->p->page[i];

	if (s->kind != NONE && s->prot != PROT_NONE)
		must_pass(r, i, false);
}

static void must_fault(struct runner *r, u32 i, bool write)
{
	enum fault_result res;

	if (word(r->p->mm, va_of(i), write, &res))
		panic("member %u page %u: an access passes", (u32)(r->p - members), i);
	denied++;
}

static void check_all(struct runner *r)
{
	for (u32 i = 0; i < pages; i++)
		if (owned(r, i))
			must_hold(r, i);
}

static void write_page(struct runner *r, u32 i)
{
	struct page_state *s = &r->p->page[i];
	u64 words[PAGE_SIZE / sizeof(u64)] = { 0 }, *w, v = ++stamp;

	if (fake_random(8)) {
		w = must_pass(r, i, true);
		w[0] = w[PAGE_SIZE / sizeof(u64) - 1] = v;
	} else {	/* by the kernel's hand */
		words[0] = words[PAGE_SIZE / sizeof(u64) - 1] = v;
		while (mm_access(r->p->mm, va_of(i), words, PAGE_SIZE, true) != PAGE_SIZE)
			;
	}
	s->value = v;
	s->given = false;
}

/* --- ranges ---------------------------------------------------------------------------------- */
struct range { u32 i, n; };

static struct range some_range(const struct runner *r)
{
	static const u32 blocks[] = { 4, 16, BLOCK };
	u32 b = blocks[fake_random(3)], most;
	struct range g = { .i = fake_random(pages) };

	if (!fake_random(3))
		g.i -= g.i % b;
	while (!owned(r, g.i))
		g.i = (g.i + 1) % pages;
	for (most = 1; g.i + most < pages && owned(r, g.i + most);)
		most++;
	switch (fake_random(4)) {
	case 0: g.n = b; break;
	case 1: g.n = b - g.i % b; break;
	case 2: g.n = 1; break;
	default: g.n = 1 + fake_random(24);
	}
	g.n = min(g.n, most);
	return g;
}

static void set_range(struct runner *r, struct range g, struct page_state s)
{
	for (u32 k = g.i; k < g.i + g.n; k++)
		r->p->page[k] = s;
}

static bool is_mapped(const struct page_state *s) { return s->kind != NONE; }
static bool is_anon(const struct page_state *s) { return s->kind == ANON; }
static bool is_readable(const struct page_state *s) { return is_mapped(s) && s->prot != PROT_NONE; }
static bool is_writable(const struct page_state *s) { return is_mapped(s) && (s->prot & PROT_WRITE); }

static bool all_of(const struct runner *r, struct range g, bool (*is)(const struct page_state *))
{
	for (u32 k = g.i; k < g.i + g.n; k++)
		if (!is(&r->p->page[k]))
			return false;
	return true;
}

static u64 len_of(struct range g) { return (u64)g.n * PAGE_SIZE; }

/* --- operations: each on pages of the calling thread ------------------------------------------- */
static void map(struct runner *r, struct range g, struct mmap_req *req, struct page_state s)
{
	req->addr = va_of(g.i);
	req->len = len_of(g);
	req->prot = s.prot;
	req->flags = MAP_PRIVATE | MAP_FIXED | (s.kind == ANON ? MAP_ANONYMOUS : 0);
	BUG_ON(RETRY(mm_mmap(r->p->mm, req)) != (i64)req->addr);
	for (u32 k = 0; k < g.n; k++) {
		r->p->page[g.i + k] = s;
		r->p->page[g.i + k].value = under(&s);
		s.off += s.kind == PRIVATE_FILE;
	}
}

static void op_map(struct runner *r, struct range g)
{
	struct page_state s = { .kind = fake_random(4) ? ANON : PRIVATE_FILE };
	struct mmap_req req = { 0 };
	u32 first = fake_random(FILE_PAGES);

	if (fake_random(2))
		first = g.i % FILE_PAGES;
	s.prot = fake_random(5) ? PROT_READ | PROT_WRITE : PROT_READ;
	if (s.kind == PRIVATE_FILE) {
		g.n = min(g.n, FILE_PAGES - first);
		s.off = (u16)first;
		req.backing = &file.b;
		req.offset = (u64)first * PAGE_SIZE;
	}
	map(r, g, &req, s);
}

static void unmap(struct runner *r, struct range g)
{
	BUG_ON(RETRY(mm_munmap(r->p->mm, va_of(g.i), len_of(g))));
	set_range(r, g, (struct page_state){ .kind = NONE });
}

static void op_unmap(struct runner *r, struct range g)
{
	unmap(r, g);
	must_fault(r, g.i + fake_random(g.n), fake_random(2));
}

static void op_write(struct runner *r, struct range g)
{
	for (u32 k = g.i; k < g.i + g.n; k += 1 + fake_random(3)) {
		if (is_writable(&r->p->page[k]))
			write_page(r, k);
		else if (!fake_random(4))
			must_fault(r, k, true);
	}
}

static void op_read(struct runner *r, struct range g)
{
	for (u32 k = g.i; k < g.i + g.n; k += 1 + fake_random(3))
		must_hold(r, k);
}

static void op_protect(struct runner *r, struct range g)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
				     PROT_NONE };
	int prot = prots[fake_random(4)];

	if (!all_of(r, g, is_mapped))
		return;
	BUG_ON(RETRY(mm_mprotect(r->p->mm, va_of(g.i), len_of(g), prot)));
	for (u32 k = g.i; k < g.i + g.n; k++)
		r->p->page[k].prot = (u8)prot;
}

static void op_drop(struct runner *r, struct range g)
{
	bool lazily = !fake_random(3);

	if (!all_of(r, g, lazily ? is_anon : is_mapped))
		return;
	for (u32 k = g.i; lazily && k < g.i + g.n; k++)
		r->p->page[k].given = true;
	BUG_ON(RETRY(mm_madvise(r->p->mm, va_of(g.i), len_of(g), lazily ? MADV_FREE : MADV_DONTNEED)));
	for (u32 k = g.i; !lazily && k < g.i + g.n; k++) {
		r->p->page[k].given = false;
		r->p->page[k].value = under(&r->p->page[k]);
	}
}

/* Advice that changes nothing that a program can see. */
static void op_advise(struct runner *r, struct range g)
{
	static const int advice[] = { MADV_HUGEPAGE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD,
		MADV_PAGEOUT, MADV_WILLNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
		MADV_SEQUENTIAL, MADV_NORMAL };
	int a = advice[fake_random(ARRAY_SIZE(advice))];

	if (all_of(r, g, a == MADV_POPULATE_WRITE ? is_writable : is_readable))
		BUG_ON(RETRY(mm_madvise(r->p->mm, va_of(g.i), len_of(g), a)));
}

static void op_move(struct runner *r, struct range g)
{
	struct range to = some_range(r);
	bool stays = !fake_random(3);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (stays ? MREMAP_DONTUNMAP : 0);
	i64 at;

	to.n = g.n = min(to.n, g.n);
	if ((to.i < g.i + g.n && g.i < to.i + to.n) || !all_of(r, g, is_mapped) ||
	    (stays && !all_of(r, g, is_anon)))
		return;
	at = mm_mremap(r->p->mm, va_of(g.i), len_of(g), len_of(g), flags, va_of(to.i));
	if (at < 0) {	/* a part may have moved */
		BUG_ON(at != -ENOMEM);
		unmap(r, g);
		unmap(r, to);
		return;
	}
	BUG_ON(at != (i64)va_of(to.i));
	for (u32 k = 0; k < g.n; k++) {
		struct page_state *s = &r->p->page[g.i + k];

		r->p->page[to.i + k] = *s;
		s->value = 0;
		s->given = false;
		if (!stays)
			*s = (struct page_state){ .kind = NONE };
	}
}

static void op_lock(struct runner *r, struct range g)
{
	if (!all_of(r, g, is_readable))
		return;
	(void)mm_mlock(r->p->mm, va_of(g.i), len_of(g), fake_random(2));
	op_read(r, g);
	BUG_ON(RETRY(mm_munlock(r->p->mm, va_of(g.i), len_of(g))));
}

static void op_fork_advice(struct runner *r, struct range g)
{
	static const int advice[] = { MADV_DONTFORK, MADV_WIPEONFORK, MADV_DOFORK, MADV_KEEPONFORK };
	static const u8 set[] = { DONT_FORK, WIPE_ON_FORK, 0, 0 };
	static const u8 clear[] = { 0, 0, DONT_FORK, WIPE_ON_FORK };
	u32 a = fake_random(4);

	if (!all_of(r, g, is_anon))
		return;
	BUG_ON(RETRY(mm_madvise(r->p->mm, va_of(g.i), len_of(g), advice[a])));
	for (u32 k = g.i; k < g.i + g.n; k++)
		r->p->page[k].fork = (u8)((r->p->page[k].fork & ~clear[a]) | set[a]);
}

/* Of the folio that the page is in; 0: there is none. */
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

/* From outside: another's eyes, a pin, the frame by its number. */
static void op_look(struct runner *r, struct range g)
{
	const struct page_state *s = &r->p->page[g.i];
	struct page *page;
	pfn_t pfn;
	u64 v;

	switch (fake_random(3)) {
	case 0:
		if (is_readable(s) && !s->given && mm_access(r->p->mm, va_of(g.i), &v, 8, false) == 8)
			BUG_ON(v != s->value);
		break;
	case 1:
		if (!is_writable(s) || gup_pin(r->p->mm, va_of(g.i), 1, GUP_WRITE, &page) != 1)
			break;
		for (u32 n = fake_random(40); n; n--)
			fake_switch_point();
		v = *(u64 *)page_address(page);
		if (!s->given)
			BUG_ON(v != s->value);
		gup_unpin(page, false);
		break;
	default:
		pfn = frame_of(r->p, g.i);
		if (pfn)
			frames[fake_random(ARRAY_SIZE(frames))] = pfn;
	}
}

/* Who looks at a frame by its number holds for a moment whatever it has become: a table, at worst. */
static void hold_table(struct runner *r, struct range g)
{
	struct page *node;
	pte_t *table;

	read_lock(&r->p->mm->lock);
	table = pt_leaf_table(&r->p->mm->pt, va_of(g.i));
	node = table ? pt_node(table) : NULL;
	if (!node || !ref_get_unless_zero(&node->refcount))
		node = NULL;
	read_unlock(&r->p->mm->lock);
	if (!node)
		return;
	for (u32 n = fake_random(2000); n; n--)
		fake_switch_point();
	folio_put((struct folio *)node);
}

/* The kernel moves and splits what everybody has, while they work on it. */
static void op_disturb(struct runner *r, struct range g)
{
	struct split_count c = { 0 };
	pfn_t pfn = frames[fake_random(ARRAY_SIZE(frames))];

	switch (fake_random(8)) {
	case 0: mm_rmap_any(); break;
	case 6: case 7: hold_table(r, g); break;
	case 1: split_all_folios(&c); break;
	case 2: lru_shrink(16, 0, false); break;
	case 3: fake_shrink(2); break;
	case 4:
		if (pfn)
			mm_rmap_frame(pfn, fake_random(MM_RMAP_OPS));
		break;
	default: mm_split_folios(r->p->mm, va_of(g.i), va_of(g.i + g.n), fake_random(4) * 2, -1, &c);
	}
}

static void step(struct runner *r)
{
	static void (*const ops[])(struct runner *, struct range) = {
		op_map,	    op_map,   op_map,  op_unmap, op_write,	op_write, op_write,
		op_write,   op_write, op_read, op_read,	 op_protect,	op_protect, op_drop,
		op_drop,    op_advise, op_move, op_move, op_lock,	op_fork_advice, op_look,
		op_disturb, op_advise, op_look,
	};

	ops[fake_random(ARRAY_SIZE(ops))](r, some_range(r));
}

/* --- members --------------------------------------------------------------------------------- */
static struct member *place(void)
{
	for (u32 i = 0; i < MEMBERS; i++)
		if (!members[i].mm && !members[i].reserved) {
			members[i].reserved = true;
			return &members[i];
		}
	return NULL;
}

static void fork_one(struct runner *r)
{
	struct member *c = place();
	struct mm *mm;

	if (!c)
		return;
	mm = mm_fork(r->p->mm);
	if (IS_ERR(mm)) {
		BUG_ON(PTR_ERR(mm) != -ENOMEM);
	} else {
		for (u32 i = 0; i < pages; i++) {
			struct page_state *s = &c->page[i];

			*s = r->p->page[i];
			if (s->fork & DONT_FORK)
				*s = (struct page_state){ .kind = NONE };
			else if (s->fork & WIPE_ON_FORK)
				s->value = s->given = 0;
		}
		c->mm = mm;
		c->threads = 1u << r->self;
		alive++;
		forks++;
	}
	c->reserved = false;
}

/* Some thread that no CPU runs; false: none. */
static bool pick(struct runner *r)
{
	u32 first = fake_random(MEMBERS * TEAM);

	for (u32 i = 0; i < MEMBERS * TEAM; i++) {
		u32 at = (first + i) % (MEMBERS * TEAM);
		struct member *p = &members[at / TEAM];

		if (p->mm && (p->threads & ~p->busy & 1u << at % TEAM)) {
			*r = (struct runner){ .p = p, .self = at % TEAM };
			p->busy |= 1u << r->self;
			return true;
		}
	}
	return false;
}

static void end(struct member *p)
{
	struct mm *mm = p->mm;

	alive--;
	ends++;
	p->threads = 0;
	p->mm = NULL;
	mm_put(mm);
}

static void cpu(void *arg)
{
	struct runner r;

	for (u32 n = 0; n < 25; n++) {
		if (!pick(&r)) {
			fake_switch_point();
			continue;
		}
		mm_switch(NULL, r.p->mm);
		for (u32 k = 1 + fake_random(10); k; k--)
			step(&r);
		if (!fake_random(3)) {
			WRITE_ONCE(r.p->mm->cow_tables, !!fake_random(8));	/* prctl: now and then copied */
			fork_one(&r);
		}
		if (!fake_random(4))
			fake_speculate(va_of(fake_random(pages)));
		if (!fake_random(3))
			check_all(&r);
		mm_switch(r.p->mm, NULL);
		r.p->busy &= ~(1u << r.self);
		if (alive > 1 && !r.p->busy && !fake_random(4))
			end(r.p);
	}
}

static void make_file(struct mm *mm)
{
	struct mmap_req req = { .addr = 64 * GIB, .len = FILE_PAGES * PAGE_SIZE,
				.prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED | MAP_FIXED,
				.backing = &file.b };

	memset(&file, 0, sizeof(file));
	mapping_init(&file.m, &mapping_ops, NULL);
	file.m.size = FILE_PAGES * PAGE_SIZE;
	file.b = (struct backing){ .ops = &file_ops, .mapping = &file.m, .may_write = true,
				   .may_exec = true };
	BUG_ON(mm_mmap(mm, &req) != (i64)req.addr);
	for (u32 i = 0; i < FILE_PAGES; i++) {
		u64 words[PAGE_SIZE / sizeof(u64)] = { 0 };

		words[0] = words[PAGE_SIZE / sizeof(u64) - 1] = file_value(i);
		BUG_ON(mm_access(mm, req.addr + i * PAGE_SIZE, words, PAGE_SIZE, true) != PAGE_SIZE);
	}
	BUG_ON(mm_munmap(mm, req.addr, req.len));
}

static void begin(u64 seed)
{
	static const u32 grains[] = { 1, 4, 16, 24 };

	fake_init(64 * MIB, seed);
	fake_switch_rate = 2 + fake_random(6);
	fake_set_asid_bits(seed & 1 ? 8 : 4);
	arch_hw_af = arch_hw_dbm = seed % 5;
	for (u32 order = THP_MIN_ORDER; order <= THP_PMD_ORDER; order++)
		thp_policy_set(order, fake_random(3) ? THP_ALWAYS : THP_NEVER);
	grain = seed % 8 ? grains[fake_random(4)] : BLOCK / TEAM;
	pages = seed % 8 ? grain * TEAM + fake_random(64) : MOST_PAGES;	/* all have some */
	base = 4 * GIB - (pages == MOST_PAGES ? 0 : fake_random(pages) * PAGE_SIZE);
	memset(members, 0, sizeof(members));
	memset(frames, 0, sizeof(frames));
	stamp = 0;
	alive = 1;
	members[0].mm = mm_create();
	members[0].threads = (1u << TEAM) - 1;
	make_file(members[0].mm);
}

/* All members end, and nothing is left. */
static void finish(void)
{
	for (struct member *p = members; p < members + MEMBERS; p++)
		if (p->mm)
			mm_put(p->mm);
	mapping_destroy(&file.m);
	fake_shrink(1);		/* the 2 MiB of zeros that nobody holds any more */
	if (fake_pages_used() || fake_objects_used())
		panic("%lu pages and %lu objects left", fake_pages_used(), fake_objects_used());
}

static void check_members(void)
{
	for (struct runner r = { .p = members }; r.p < members + MEMBERS; r.p++) {
		if (!r.p->mm)
			continue;
		mm_switch(NULL, r.p->mm);
		for (r.self = 0; r.self < TEAM; r.self++)
			if (r.p->threads & 1u << r.self)
				check_all(&r);
		mm_switch(r.p->mm, NULL);
	}
}

static void one_seed(u64 seed)
{
	void *args[CPUS] = { NULL };

	begin(seed);
	fake_fail_rate = seed % 3 ? 0 : 10 + fake_random(100);
	fake_run(CPUS, cpu, args);
	fake_fail_rate = 0;
	fake_check_tlbs();
	for (u32 i = 0; i < MEMBERS; i++)
		if (members[i].mm)
			mm_check_tree(members[i].mm);
	mm_check_rmap();
	check_members();
	finish();
}

static void teams(void **state)
{
	for_each_seed(s, 60)
		one_seed(s);
	arch_hw_af = arch_hw_dbm = true;
	print_message("%lu forks, %lu ends, %lu pages given up and taken, %lu accesses denied\n", forks,
		      ends, taken, denied);
	assert_int_not_equal(taken, 0);
	assert_int_not_equal(ends, 0);
}

/* --- one process at first, whose one thread has all pages -------------------------------------- */
static const struct page_state anon = { .kind = ANON, .prot = PROT_READ | PROT_WRITE };

/* n pages of anonymous memory. */
static struct runner begin_alone(u64 seed, u32 n)
{
	struct runner r = { .p = members };

	begin(seed);
	base = 4 * GIB;
	pages = grain = n;
	r.p->threads = 1;
	map(&r, (struct range){ .n = n }, &(struct mmap_req){ 0 }, anon);
	return r;
}

static void (*const *jobs)(void);
static void one_job(void *arg) { jobs[(u64)arg](); }

static void run_jobs(u32 n, void (*const job[])(void))
{
	void *args[CPUS];

	jobs = job;
	for (u64 i = 0; i < n; i++)
		args[i] = (void *)i;
	fake_run(n, one_job, args);
	fake_check_tlbs();
}

/* The child gives up at once what its parent does not want to share, and then the parent does. */
static void fork_and_unmap(void)
{
	struct runner r = { .p = members };
	struct range g = { .i = BLOCK, .n = BLOCK };

	mm_switch(NULL, r.p->mm);
	for (u32 n = 0; n < 30; n++) {
		map(&r, g, &(struct mmap_req){ 0 }, anon);
		BUG_ON(mm_madvise(r.p->mm, va_of(g.i), len_of(g), MADV_DONTFORK));
		for (u32 i = 0; i < pages; i += 100)
			write_page(&r, i);
		fork_one(&r);
		unmap(&r, g);
		end(&members[1]);
	}
	mm_switch(r.p->mm, NULL);
}

static void split_all(void)
{
	struct split_count c = { 0 };

	for (u32 n = 0; n < 60; n++)
		split_all_folios(&c);
}

/* Who goes through all address spaces meets children that fork is making. */
static void looked_at_while_forked(void **state)
{
	static void (*const job[])(void) = { fork_and_unmap, split_all };

	for (u64 seed = 1; seed <= 10; seed++) {
		begin_alone(8 * seed, MOST_PAGES);
		run_jobs(2, job);
		finish();
	}
}

/* With pages of 4 KiB that it has written. */
static struct runner begin_small(u64 seed)
{
	struct runner r = begin_alone(seed, 24);

	for (u32 order = THP_MIN_ORDER; order <= THP_PMD_ORDER; order++)
		thp_policy_set(order, THP_NEVER);
	mm_switch(NULL, r.p->mm);
	for (u32 i = 0; i < pages; i++)
		write_page(&r, i);
	mm_switch(r.p->mm, NULL);
	return r;
}

/* A table that two share and the third's copy of it map the page: the walk counts two leaves. */
static void moved_for_all(void **state)
{
	struct runner r = begin_small(1), third = { .p = &members[2] };
	struct folio *f, *to = folio_alloc(0, ALLOC_USER);

	fork_one(&r);
	fork_one(&r);
	mm_switch(NULL, third.p->mm);
	write_page(&third, 1);
	mm_switch(third.p->mm, NULL);
	f = (struct folio *)pfn_to_page(frame_of(r.p, 0));
	assert_int_equal(atomic_read(&f->page.mapcount), 2);
	folio_get(f);
	assert_true(folio_migrate(f, &to, 0));
	folio_put(f);
	folio_put(to);
	check_members();
	finish();
}

static void break_again(void)
{
	struct runner r = { .p = members };

	mm_switch(NULL, r.p->mm);
	for (u32 n = 0; n < 20; n++) {
		fork_one(&r);
		write_page(&r, 1 + fake_random(pages - 1));
		must_hold(&r, 0);
		fake_speculate(va_of(0));
		end(&members[1]);
	}
	mm_switch(r.p->mm, NULL);
}

static void move_again(void)
{
	for (u32 n = 0; n < 60; n++)
		mm_rmap_frame(frame_of(members, 0), MM_RMAP_MIGRATE);
}

/* CPUs walk whenever they like. */
static void walk_ahead(void)
{
	for (u32 n = 0; n < 400; n++) {
		fake_speculate(va_of(0));
		fake_switch_point();
	}
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
	static void (*const job[])(void) = { break_again, move_again, walk_ahead };

	for (u64 seed = 1; seed <= 100; seed++) {
		begin_small(seed);
		rules_at_unlock = fake_before_unlock;
		fake_before_unlock = check_at_unlock;
		run_jobs(3, job);
		fake_before_unlock = rules_at_unlock;
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looked_at_while_forked),
		cmocka_unit_test(moved_for_all),
		cmocka_unit_test(moved_while_breaking),
		cmocka_unit_test(teams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
