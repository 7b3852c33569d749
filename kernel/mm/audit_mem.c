/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recounts memory from the descriptors: every page belongs to exactly one owner, and what each
 * owner counts is what is found. Nothing is stopped meanwhile, so a difference is looked at again a
 * few times before it is reported.
 */
#include <base/init.h>
#include <base/string.h>
#include <hal/cpu.h>
#include <hal/sync.h>
#include <mm/audit.h>
#include <mm/thp.h>
#include "slab.h"

#define TRIES		10
#define PAUSE_NS	2000000ull	/* for what was under way to finish */

enum owner {
	OWN_FREE,
	OWN_PCP,
	OWN_RESERVED,
	OWN_SLAB,
	OWN_KMALLOC,
	OWN_TABLE,
	OWN_CACHE,
	OWN_ANON,
	OWN_KVM,
	OWN_KSTACK,
	OWN_KTABLE,
	OWN_EXEC,
	OWN_OTHER,
	OWN_NOBODY,
	NR_OWNERS
};
static const char *const owner_name[] = {
	"free",		"free_on_cpus", "reserved",  "slab",	"kmalloc",
	"table",	"page_cache",	"anonymous", "vmalloc", "kernel_stack",
	"kernel_table", "exec",	"other",	"nobody",
};

static enum owner owner_of(const struct page *p)
{
	static const u8 by_kind[] = {
		[PAGE_KMALLOC] = OWN_KMALLOC, [PAGE_KVM] = OWN_KVM, [PAGE_KSTACK] = OWN_KSTACK,
		[PAGE_KTABLE] = OWN_KTABLE, [PAGE_EXEC] = OWN_EXEC,
	};
	u32 flags = READ_ONCE(p->flags), kind = p->kind;

	if (flags & (1u << PG_BUDDY))
		return OWN_FREE;
	if (flags & (1u << PG_RESERVED))
		return OWN_RESERVED;
	if (flags & (1u << PG_TAIL))
		return OWN_NOBODY;	/* the walk steps over tails: its head does not claim it */
	if (!ref_read(&p->refcount))
		return OWN_PCP;
	if (flags & (1u << PG_SLAB))
		return OWN_SLAB;
	if (flags & (1u << PG_TABLE))
		return OWN_TABLE;
	if (kind)
		return kind < ARRAY_SIZE(by_kind) ? by_kind[kind] : OWN_NOBODY;
	if (flags & (1u << PG_ANON))
		return OWN_ANON;
	return p->mapping ? OWN_CACHE : OWN_OTHER;
}

static u64 owned_pages(const struct page *p, enum owner o)
{
	return o == OWN_NOBODY ? 1 : 1ull << p->order;
}

/* Calls fn for every folio or free block; arg is passed on. Returns the number of pages stepped
 * over. */
static u64 walk_pages(void (*fn)(struct page *p, enum owner o, u64 n, void *arg), void *arg)
{
	pfn_t pfn, end;
	u64 all = 0;

	for (u32 run = 0; vmemmap_run(run, &pfn, &end); run++)
		while (pfn < end) {
			struct page *p = pfn_to_page(pfn);
			enum owner o = owner_of(p);
			u64 n = min(owned_pages(p, o), end - pfn);

			fn(p, o, n, arg);
			pfn += n;
			all += n;
		}
	return all;
}

/* Pages by owner; large folios of private memory by order. */
struct tally { u64 pages[NR_OWNERS], large[THP_PMD_ORDER + 1]; };

static void count_page(struct page *p, enum owner o, u64 n, void *arg)
{
	struct tally *t = arg;

	t->pages[o] += n;
	if (o == OWN_ANON && p->order && p->order <= THP_PMD_ORDER)
		t->large[p->order]++;
}

static void pause_a_little(void)
{
	struct wait_queue q = WAIT_QUEUE_INIT(q);
	struct wait_entry e;

	wait_entry_init(&e);
	wait_prepare(&q, &e, SLEEP_UNINTERRUPTIBLE);
	schedule_until(clock_ns() + PAUSE_NS);
	wait_finish(&q, &e);
}

/* What each owner itself counts, where it does. */
static bool expected(enum owner o, u64 *n)
{
	static const struct { u8 owner, stat; } counted[] = {
		{ OWN_SLAB, STAT_SLAB }, { OWN_KMALLOC, STAT_KMALLOC }, { OWN_KVM, STAT_KVM },
		{ OWN_KSTACK, STAT_KSTACK },
		{ OWN_KTABLE, STAT_KTABLES }, { OWN_EXEC, STAT_EXEC }, { OWN_TABLE, STAT_TABLES },
		{ OWN_ANON, STAT_ANON },
	};

	*n = 0;
	if (o == OWN_FREE)
		*n = READ_ONCE(zone.nr_free);
	else if (o == OWN_PCP)
		*n = pcp_pages();
	else if (o == OWN_CACHE)
		*n = mem_stat_read(STAT_CACHE) + mem_stat_read(STAT_SHMEM);
	else if (o != OWN_NOBODY) {
		for (u32 i = 0; i < ARRAY_SIZE(counted); i++)
			if (counted[i].owner == o) {
				*n = mem_stat_read(counted[i].stat);
				return true;
			}
		return false;
	}
	return true;
}

static u64 large_counted(u32 order) { return (u64)atomic_read(&thp_events[order][THP_NR_ANON]); }

/* Both sides are taken together: saying so allocates, and would change what is said. */
static bool take_counts(struct tally *count, struct tally *want, u64 *all)
{
	bool same = true;

	memset(count, 0, sizeof(*count));
	*all = walk_pages(count_page, count);
	for (u32 o = 0; o < NR_OWNERS; o++)
		if (!expected(o, &want->pages[o]))
			want->pages[o] = ~0ull;
		else
			same &= count->pages[o] == want->pages[o];
	for (u32 i = 0; i <= THP_PMD_ORDER; i++) {
		want->large[i] = large_counted(i);
		same &= count->large[i] == want->large[i];
	}
	return same;
}

static void say_large(struct audit_report *r, const struct tally *count, const struct tally *want)
{
	unsigned long long found = 0, counted = 0;
	bool ok = true;

	for (u32 i = 0; i <= THP_PMD_ORDER; i++) {
		found += count->large[i];
		counted += want->large[i];
		ok &= count->large[i] == want->large[i];
	}
	audit_say(r, ok, "large_anonymous", "%llu folios, counted %llu by order", found, counted);
}

static int audit_pages(struct audit_report *r)
{
	struct tally count, want;
	u64 all = 0;

	for (u32 i = 0; i < TRIES && !take_counts(&count, &want, &all); i++)
		pause_a_little();
	for (u32 o = 0; o < NR_OWNERS; o++) {
		unsigned long long n = count.pages[o], must = want.pages[o];

		if (want.pages[o] == ~0ull)
			audit_say(r, true, owner_name[o], "%llu pages", n);
		else
			audit_say(r, n == must, owner_name[o], "%llu pages, counted %llu", n, must);
	}
	say_large(r, &count, &want);
	audit_say(r, true, "pages", "%llu with a descriptor, %llu deferred",
		  (unsigned long long)all, (unsigned long long)vmemmap_deferred());
	return 0;
}

/* --- slabs
 * ------------------------------------------------------------------------------------------- */

struct slab_count { struct slab_cache *c; u64 pages, out, total; bool broken; };

/* The free list and the part not cut yet are what is not out. */
static bool slab_consistent(const struct page *p)
{
	u32 free = 0, cut = (u32)p->index, capacity = (u32)(p->index >> 32);

	for (void *o = p->free_obj; o && free <= capacity; o = *(void **)o)
		free++;
	return cut <= capacity && free + (capacity - cut) + p->aux == capacity;
}

static void count_slab(struct page *p, enum owner o, u64 n, void *arg)
{
	struct slab_count *s = arg;
	u64 irq;

	if (o != OWN_SLAB || p->slab != s->c)
		return;
	irq = spin_lock_irqsave(&s->c->lock);
	if (page_test(p, PG_SLAB) && p->slab == s->c) {
		s->pages += n;
		s->out += p->aux;
		s->total += p->index >> 32;
		s->broken |= !slab_consistent(p);
	}
	spin_unlock_irqrestore(&s->c->lock, irq);
}

static bool slab_matches(const struct slab_count *s)
{
	return !s->broken && s->pages == s->c->nr_pages && s->out == s->c->nr_out &&
	       s->total == s->c->nr_total;
}

static int audit_slabs(struct audit_report *r)
{
	struct slab_count s;

	for (u32 n = 0; (s.c = slab_cache_nth(n)); n++) {
		u64 on_cpus = 0;

		for (u32 i = 0; i < TRIES; i++) {
			s = (struct slab_count){ .c = s.c };
			if (s.c->nr_pages)
				walk_pages(count_slab, &s);
			if (slab_matches(&s))
				break;
			pause_a_little();
		}
		for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
			on_cpus += READ_ONCE(s.c->cpu[cpu].count);
		if (s.c->nr_pages || !slab_matches(&s))
			audit_say(r, slab_matches(&s), s.c->name,
				  "%llu of %llu objects, %llu pages%s",
				  (unsigned long long)(s.out - min(s.out, on_cpus)),
				  (unsigned long long)s.total, (unsigned long long)s.pages,
				  s.broken ? ", a slab's free list is broken" : "");
	}
	return 0;
}

static int audit_mem_init(void)
{
	audit_register("pages", audit_pages);
	audit_register("slabs", audit_slabs);
	return 0;
}
INITCALL(core, audit_mem_init);
