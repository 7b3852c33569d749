/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flat model: each process has a window of pages; the model says of each page whether it is
 * mapped, how, and what it holds. The real thing is asked through fake user accesses, which go
 * through the model TLBs. Processes share CPUs, and one may have been on several.
 */
#include <hal/atomic.h>
#include "mm_model_in.h"

struct proc procs[PROCS];
struct object objects[OBJECTS];
struct file files[FILES];
u32 nr_objects, window, file_pages;
u64 base, stamp;
struct mm_model_stats *stats;
bool may_fail, tracing;
static bool wide;
static const u8 *input;
static size_t input_left;
static struct mm *loaded[MAX_CPUS];
static struct proc *here;		/* the current process */

/* --- ports ----------------------------------------------------------------------------------- */
u64 mm_rlimit(int which) { return ~0ull; }
bool privileged = true;
bool capable(int cap) { return privileged; }

/* --- the source of choices ------------------------------------------------------------------- */
static u32 byte(void)
{
	if (!input_left)
		return 0;
	input_left--;
	return *input++;
}

u32 choose(u32 below)
{
	if (!input)
		return fake_random(below);
	return (below > 256 ? byte() << 8 | byte() : byte()) % below;
}

struct page *page_at(struct proc *p, u32 i)
{
	int level;
	pte_t e = *pt_entry(&p->mm->pt, va_of(i), &level);

	if (pte_kind(e, level) != PTE_LEAF)
		return NULL;
	return pfn_to_page(pte_pfn(e) + (pt_index(va_of(i), 3) & (pt_pages(level) - 1)));
}

/* Pages of the leaf or contiguous block that maps page i; 1 if none does. */
static u32 unit_at(struct proc *p, u32 i)
{
	int level;
	pte_t e = *pt_entry(&p->mm->pt, va_of(i), &level);

	if (pte_kind(e, level) != PTE_LEAF)
		return 1;
	return pte_cont(e) ? CONT_PTES : pt_pages(level);
}

static void some_range(u32 *i, u32 *n)
{
	*i = choose(window);
	*n = 1 + choose(min(window - *i, 12u));
}

/* Whole blocks of what folios may be: 16 KiB, 64 KiB, 2 MiB. */
static void range_of_blocks(u32 b, u32 *i, u32 *n)
{
	u32 first = (u32)(-(base >> PAGE_SHIFT) & (b - 1)), count = (window - first) / b;
	u32 at = choose(count);

	*i = first + at * b;
	*n = b * (1 + choose(min(count - at, 4u)));
}

void range_at_block(u32 *i, u32 *n)
{
	u32 start = choose(window), lo, hi;

	for (u32 k = 0; k < window; k++) {
		u32 at = (start + k) % window, unit = unit_at(here, at);

		if (unit == 1)
			continue;
		lo = at - (at + (u32)(base >> PAGE_SHIFT)) % unit;
		hi = lo + unit;
		switch (choose(5)) {
		case 0: break;				/* all of it */
		case 1: lo += choose(unit); break;	/* its end */
		case 2: hi -= choose(unit); break;	/* its beginning */
		case 3: lo += choose(unit), hi = lo + 1; break;
		default: hi += choose(8), lo -= choose(8);
		}
		*i = (i32)lo < 0 ? 0 : lo;
		*n = min(hi, window) - *i;
		return;
	}
	some_range(i, n);
}

void range(u32 *i, u32 *n)
{
	static const u32 blocks[] = { 4, 16, 512 };
	u32 how = choose(wide ? 10 : 5);

	if (how < 4) {
		some_range(i, n);
	} else if (how < 5 || how > 7) {
		range_at_block(i, n);
	} else if (choose(8)) {
		range_of_blocks(blocks[how - 5], i, n);
	} else {
		*i = choose(window);
		*n = 1 + choose(window - *i);
	}
}

/* --- files ----------------------------------------------------------------------------------- */
static void file_get_ref(struct backing *b) { container_of(b, struct file, b)->refs++; }
static void file_put_ref(struct backing *b)
{
	BUG_ON(container_of(b, struct file, b)->refs-- <= 0);
}
static const struct backing_ops file_ops = { .get = file_get_ref, .put = file_put_ref };

static int read_folio(struct mapping *m, struct folio *f)
{
	u64 *disk = container_of(m, struct file, m)->disk + f->page.index;

	BUG_ON(f->page.index + folio_nr_pages(f) > file_pages);
	for (u32 i = 0; i < folio_nr_pages(f); i++)
		fill_page(page_address(folio_page(f, i)), disk[i]);
	stats->large += folio_nr_pages(f) > 1;
	return 0;
}
static const struct mapping_ops memory_ops = { .keep = true };
static const struct mapping_ops disk_ops = { .read_folio = read_folio };

/* --- user accesses --------------------------------------------------------------------------- */
void be(struct proc *p)
{
	here = p;
	fake_set_cpu(p->cpu);
	if (loaded[p->cpu] != p->mm)
		mm_switch(loaded[p->cpu], p->mm);
	loaded[p->cpu] = p->mm;
}

void leave(struct proc *p)
{
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (loaded[cpu] != p->mm)
			continue;
		loaded[cpu] = NULL;
		if (cpu == p->cpu && choose(2))
			continue;	/* an idle CPU keeps what it had; mm_put sees to it */
		fake_set_cpu(cpu);
		mm_switch(p->mm, NULL);
	}
	fake_set_cpu(p->cpu);
}

/* The word at va: NULL and the fault's result if it cannot be had. */
static u64 *user_word(struct proc *p, u64 va, enum fake_access_kind kind, enum fault_result *r)
{
	struct fault f = {.addr = va,
			  .write = kind == FAKE_WRITE,
			  .exec = kind == FAKE_EXEC,
			  .user_mode = true};
	bool major;

	be(p);
	for (int tries = 0; tries < 50; tries++) {
		u64 *w = fake_translate(va, kind);

		if (w)
			return w;
		*r = mm_fault(p->mm, &f, &major);
		stats->faults++;
		if (*r != FAULT_OK)
			return NULL;
	}
	panic("fault at %lx does not end", va);
}

#define LAST_WORD (PAGE_SIZE / sizeof(u64) - 1)

u64 word_of(const u64 *page)
{
	if (page[0] != page[LAST_WORD])
		panic("a page begins with %lx and ends with %lx", page[0], page[LAST_WORD]);
	return page[0];
}

void fill_page(u64 *page, u64 val)
{
	memset(page, 0, PAGE_SIZE);
	page[0] = page[LAST_WORD] = val;
}

enum fault_result expected(const struct mpage *m, enum fake_access_kind kind)
{
	static const int needs[] = { [FAKE_READ] = PROT_READ | PROT_WRITE | PROT_EXEC,
		[FAKE_WRITE] = PROT_WRITE, [FAKE_EXEC] = PROT_EXEC };

	if (m->kind == NONE)
		return FAULT_SEGV_MAPERR;
	if (!(m->prot & needs[kind]))
		return FAULT_SEGV_ACCERR;
	if (m->kind != ANON && !m->copied && size_of(m->off) >= objects[m->obj].size)
		return FAULT_BUS;
	return FAULT_OK;
}

u64 *model_word(struct mpage *m)
{
	return m->kind == ANON || (m->kind == FILE_PRIVATE && m->copied)
		       ? &m->val
		       : &objects[m->obj].val[m->off];
}

void own_page(struct mpage *m)
{
	if (m->kind != FILE_PRIVATE || m->copied)
		return;
	m->val = objects[m->obj].val[m->off];
	m->copied = true;
}

bool may_hold(struct mpage *m, u64 seen)
{
	if (m->given && !seen) {
		stats->taken += m->val != 0;
		m->val = 0;
		m->pin = 0;	/* of a folio in parts, the part goes at once */
		m->given = false;
	}
	return seen == *model_word(m);
}

void model_write(struct mpage *m, u64 val)
{
	own_page(m);
	*model_word(m) = val;
	m->given = false;
}

u32 next_mapped(const struct proc *p, u32 i)
{
	while (i < window && p->page[i].kind == NONE)
		i++;
	return i;
}

/* An access to page i, which nothing maps: a stack above it grows, unless it comes near another. */
static void grow_stack_model(struct proc *p, u32 i)
{
	u32 top = next_mapped(p, i), below = i;
	const struct mpage *b;

	if (top == window || !(p->page[top].flags & VM_GROWSDOWN))
		return;
	while (below && p->page[below - 1].kind == NONE)
		below--;
	b = below ? &p->page[below - 1] : NULL;
	if (b && !(b->flags & VM_GROWSDOWN) && b->prot && i - below < STACK_GUARD_PAGES)
		return;
	for (; i < top; i++) {
		p->page[i] = p->page[top];
		p->page[i].val = p->page[i].pin = 0;
		p->page[i].given = false;
	}
}

void check_access(struct proc *p, u32 i, enum fake_access_kind kind)
{
	struct mpage *m = &p->page[i];
	enum fault_result want, got = FAULT_OK;
	u64 *w;

	if (m->kind == NONE)
		grow_stack_model(p, i);
	want = expected(m, kind);
	w = user_word(p, va_of(i), kind, &got);
	if (kind == FAKE_WRITE)
		trace("%u: write(%u) %s, was %lx\n", number(p), i, w ? "ok" : "fails", w ? *w : 0);
	if (!w && (got == FAULT_OOM && may_fail)) {
		stats->failures++;
		return;
	}
	if (got != want && !(w && want == FAULT_OK))
		panic("page %u of process %u (kind %u, prot %u, object %u, page %u of %lu, "
		      "%scopied): access %d gives %d, expected %d",
		      i, number(p), m->kind, m->prot, m->obj, m->off,
		      objects[m->obj].size >> PAGE_SHIFT, m->copied ? "" : "not ", kind, got, want);
	if (!w)
		return;
	if (!may_hold(m, word_of(w)))
		panic("page %u of process %u (kind %d) holds %lx, expected %lx", i, number(p),
		      m->kind, *w, *model_word(m));
	stats->reads++;
	if (kind != FAKE_WRITE) {
		check_pin(p, i);
		return;
	}
	w[0] = w[LAST_WORD] = ++stamp;
	model_write(m, stamp);
	check_pin(p, i);
	stats->writes++;
}

/* --- checks ---------------------------------------------------------------------------------- */
static void check_process(struct proc *p)
{
	mm_check_tree(p->mm);
	mm_check_leaves(p->mm);
	BUG_ON(p->mm->brk != va_of(p->brk) || p->mm->def_flags != p->def_flags);
	for (u32 i = 0; i < window; i++) {
		struct vma *v = mm_find_vma(p->mm, va_of(i));
		const struct mpage *m = &p->page[i];

		if (!v != (m->kind == NONE))
			panic("page %u: %s in the tree", i, v ? "is" : "is not");
		if (!v)
			continue;
		if ((v->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)) != m->prot)
			panic("page %u: flags %x, expected %x", i, v->vm_flags, m->prot);
		if ((v->vm_flags & TRACKED) != m->flags)
			panic("page %u: flags %x, expected %x", i, v->vm_flags & TRACKED, m->flags);
		check_access(p, i, FAKE_READ);
	}
}

static void check_all(bool processes)
{
	struct mm *mms[PROCS];
	u32 n = 0;

	fake_check_tlbs();
	for (struct proc *p = procs; p < procs + PROCS; p++)
		if (p->mm)
			mms[n++] = p->mm;
	mm_check_sharing(mms, n);
	mm_check_rmap();
	for (struct proc *p = procs; processes && p < procs + PROCS; p++)
		if (p->mm)
			check_process(p);
}

/* --- what operations share ------------------------------------------------------------------- */
void unmap_model(struct proc *p, u32 i, u32 n)
{
	memset(&p->page[i], 0, n * sizeof(struct mpage));
}

bool failed(i64 r)
{
	if (r == -ENOMEM && may_fail) {
		stats->failures++;
		return true;
	}
	return false;
}

void resync(struct proc *p, u32 i, u32 n)
{
	for (; n; i++, n--) {
		struct vma *v = mm_find_vma(p->mm, va_of(i));

		if (!v) {
			unmap_model(p, i, 1);
			continue;
		}
		p->page[i].prot = (u8)(v->vm_flags & (VM_READ | VM_WRITE | VM_EXEC));
		p->page[i].flags = v->vm_flags & TRACKED;
	}
}

static bool has_copy(struct proc *p, u32 i)
{
	struct page *page = page_at(p, i);

	return page && page_test(&page_folio(page)->page, PG_ANON);
}

void see_copies(struct proc *p, u32 i, u32 n)
{
	for (; n; i++, n--) {
		struct mpage *m = &p->page[i];

		if (m->kind != FILE_PRIVATE || m->copied || !has_copy(p, i))
			continue;
		own_page(m);
		BUG_ON(m->val != word_of(page_address(page_at(p, i))));
	}
}

void see_drops(struct proc *p, u32 i, u32 n)
{
	for (; n; i++, n--) {
		struct mpage *m = &p->page[i];

		if (m->kind == ANON && !page_at(p, i)) {
			m->val = m->pin = 0;
			m->given = false;
		}
		if (m->kind == FILE_PRIVATE && m->copied && !has_copy(p, i))
			m->copied = false;
	}
}

bool populate_model(struct proc *p, u32 i, u32 n, bool best_effort)
{
	bool all = true;

	for (; n; i++, n--) {
		struct mpage *m = &p->page[i];
		bool write = (m->prot & PROT_WRITE) && (m->kind == ANON || m->kind == FILE_PRIVATE);

		if (m->kind == NONE)
			continue;
		if (expected(m, write ? FAKE_WRITE : FAKE_READ) == FAULT_OK) {
			if (write && !may_fail)	/* else the caller looks: see_copies */
				own_page(m);
			continue;
		}
		if (!best_effort)
			return false;
		all = false;
		while (n > 1 && mm_find_vma(p->mm, va_of(i)) == mm_find_vma(p->mm, va_of(i + 1)))
			i++, n--;	/* the rest of this VMA is left out */
	}
	return all;
}

struct proc *free_proc(void)
{
	for (u32 i = 0; i < PROCS; i++)
		if (!procs[i].mm)
			return &procs[i];
	return NULL;
}

/* --- a run ----------------------------------------------------------------------------------- */
/* A known state of the ASIDs, whatever ran before: the numbers run out, and begin again. */
static void reset_asids(bool few)
{
	struct mm *mm = mm_create();

	fake_set_asid_bits(1);
	mm_switch(NULL, mm);
	mm_switch(mm, NULL);
	mm_put(mm);
	fake_set_asid_bits(few ? 4 : 8);
}

/* Files in memory, too, have folios of several sizes. */
static void reset_shmem(const struct mm_model_config *c)
{
	for (u32 o = 2; o <= THP_PMD_ORDER; o++)
		shmem_policy.order[o] = o < 4 || c->wide ? (u8)fake_random(SHMEM_INHERIT)
							 : SHMEM_NEVER;
	shmem_policy_update(&shmem_policy);
}

/* Large folios in each size, or as they are by default. */
static void reset_thp(bool large)
{
	memset(&thp_policy, 0, sizeof(thp_policy));
	thp_policy.all = THP_MADVISE;
	thp_policy.order[THP_CONT_ORDER] = THP_ALWAYS;
	thp_policy.order[THP_PMD_ORDER] = large ? THP_ALWAYS : THP_INHERIT;
	thp_policy_update(&thp_policy);
}

static void make_file(u32 i)
{
	struct file *f = &files[i];

	memset(f, 0, sizeof(*f));
	mapping_init(&f->m, i == FILE_DISK ? &disk_ops : &memory_ops, NULL);
	f->b = (struct backing){.ops = &file_ops,
				.mapping = &f->m,
				.may_write = i != FILE_READONLY,
				.may_exec = true};
	memset(&objects[i], 0, sizeof(objects[i]));
	objects[i].size = f->m.size = size_of(20);
	for (u32 k = 0; i == FILE_DISK && k < 20; k++)
		f->disk[k] = objects[i].val[k] = ++stamp;
}

static void set_up(const struct mm_model_config *c)
{
	wide = c->wide;
	window = wide ? MAX_PAGES : 48;
	file_pages = wide ? 2 * 512 + 8 : 64;
	/* across tables of all levels, of all but the first, or at the very end */
	base = (c->seed % 4 == 1 ? USER_VA_END - size_of(window) :
		(c->seed % 4 == 2 ? 512 * GIB : 5 * GIB) - size_of(window / 2));
	arch_hw_af = arch_hw_dbm = !c->software_bits;
	arch_lse = c->seed & 1;
	cow_tables_off = c->copied;
	fake_init((wide ? 96 : 8) * MIB, c->seed);
	reset_thp(c->large);
	reset_shmem(c);
	reset_asids(c->few_asids);
	memset(procs, 0, sizeof(procs));
	memset(loaded, 0, sizeof(loaded));
	nr_objects = FILES;
	stamp = 0;
	for (u32 i = 0; i < FILES; i++)
		make_file(i);
	procs[0].mm = mm_create();
	BUG_ON(!procs[0].mm);
	procs[0].brk = brk_page();
	procs[0].mm->brk_start = procs[0].mm->brk = va_of(brk_page());
	if (fake_random(2)) {	/* the tables that fork copies to begin with */
		procs[0].mm->arg_start = va_of(1);
		procs[0].mm->data_end = va_of(window / 2);
	}
	here = procs;
	may_fail = c->fail_rate;
	fake_fail_rate = c->fail_rate;
}

static void tear_down(void)
{
	may_fail = false;
	fake_fail_rate = 0;
	check_all(true);
	unpin_all();
	check_all(false);	/* the checks themselves touch pages */
	for (struct proc *p = procs; p < procs + PROCS; p++)
		if (p->mm) {
			leave(p);
			mm_put(p->mm);
		}
	for (u32 i = 0; i < FILES; i++) {
		BUG_ON(files[i].refs);
		mapping_destroy(&files[i].m);
	}
	BUG_ON(mm_committed());
	fake_shrink(1);		/* the 2 MiB of zeros that nobody holds any more */
	if (fake_pages_used() || fake_objects_used())
		panic("%lu pages and %lu objects left", fake_pages_used(), fake_objects_used());
	arch_hw_af = arch_hw_dbm = true;
	fake_set_cpu(0);
}

void mm_model_run(const u8 *data, size_t n, const struct mm_model_config *c,
		  struct mm_model_stats *st)
{
	stats = st;
	tracing = getenv("MM_TRACE");
	input = data;
	input_left = n;
	set_up(c);
	while (data ? input_left > 0 : n-- > 0) {
		struct proc *p = &procs[choose(PROCS)];

		while (!p->mm)
			p = p + 1 < procs + PROCS ? p + 1 : procs;
		be(p);
		any_op(p);
		stats->ops++;
		if (choose(4) == 0)
			fake_speculate(va_of(choose(window)));
		if (stats->ops % (wide ? 192 : 64) == 0)
			check_all(false);	/* takes as long as all the rest */
	}
	tear_down();
	input = NULL;
}
