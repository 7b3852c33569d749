/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flat model: each process has a window of pages; the model says of each page whether it is
 * mapped, how, and what its first word holds. The real thing is asked through fake user accesses,
 * which go through the model TLBs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mman.h>
#include <fake/fake.h>
#include "internal.h"
#include "mm_model.h"

#define PAGES 48u
#define BASE (5 * GIB - 16 * PAGE_SIZE)	/* the window crosses tables of all levels but the first */
#define PROCS 6u
#define OBJECTS 64u
#define FILES 2u
#define OBJ_PAGES 64u

enum kind { NONE, ANON, SHARED_ANON, FILE_PRIVATE, FILE_SHARED };
struct mpage { u8 kind, prot; u16 obj, off; bool copied, dontfork, wipe, locked; u64 val; };
struct object { u64 val[OBJ_PAGES]; u64 size; };
struct proc { struct mm *mm; struct mpage page[PAGES]; };
struct file { struct backing b; struct mapping m; i32 refs; };

static struct proc procs[PROCS];
static struct object objects[OBJECTS];	/* the first FILES are the files' */
static struct file files[FILES];
static u32 nr_objects;
static const u8 *input;
static size_t input_left;
static struct mm_model_stats *stats;
static bool may_fail;
static u64 stamp;

/* MM_TRACE=1 shows what is done. */
#define trace(...) do { if (tracing) fprintf(stderr, __VA_ARGS__); } while (0)
static bool tracing;

/* --- ports ----------------------------------------------------------------------------------- */
u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return true; }

/* --- the source of choices ------------------------------------------------------------------- */
static u32 choose(u32 below)
{
	if (!input)
		return fake_random(below);
	if (!input_left)
		return 0;
	input_left--;
	return *input++ % below;
}

/* --- files ----------------------------------------------------------------------------------- */
static void file_get_ref(struct backing *b) { container_of(b, struct file, b)->refs++; }
static void file_put_ref(struct backing *b)
{
	BUG_ON(container_of(b, struct file, b)->refs-- <= 0);
}
static const struct backing_ops file_ops = { .get = file_get_ref, .put = file_put_ref };
static const struct mapping_ops cache_ops = { .keep = true };

/* --- user accesses --------------------------------------------------------------------------- */
static u64 va_of(u32 page) { return BASE + (u64)page * PAGE_SIZE; }

static void be(struct proc *p)
{
	fake_set_cpu((u32)(p - procs));
	if (!pt_loaded_here(&p->mm->pt))
		mm_switch(NULL, p->mm);
}

/* The word at va: NULL and the fault's result if it cannot be had. */
static u64 *user_word(struct proc *p, u64 va, bool write, enum fault_result *r)
{
	struct fault f = { .addr = va, .write = write, .user_mode = true };
	bool major;

	be(p);
	for (int tries = 0; tries < 50; tries++) {
		u64 *w = fake_translate(va, write ? FAKE_WRITE : FAKE_READ);

		if (w)
			return w;
		*r = mm_fault(p->mm, &f, &major);
		stats->faults++;
		if (*r != FAULT_OK)
			return NULL;
	}
	panic("fault at %lx does not end", va);
}

static enum fault_result expected(const struct mpage *m, bool write)
{
	if (m->kind == NONE)
		return FAULT_SEGV_MAPERR;
	if (!(m->prot & (write ? PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC)))
		return FAULT_SEGV_ACCERR;
	if (m->kind != ANON && !m->copied &&
	    m->off >= div_round_up(objects[m->obj].size, PAGE_SIZE))
		return FAULT_BUS;
	return FAULT_OK;
}

static u64 *model_word(struct mpage *m)
{
	return m->kind == ANON || (m->kind == FILE_PRIVATE && m->copied)
		       ? &m->val
		       : &objects[m->obj].val[m->off];
}

static void check_access(struct proc *p, u32 i, bool write)
{
	struct mpage *m = &p->page[i];
	enum fault_result want = expected(m, write), got = FAULT_OK;
	u64 *w = user_word(p, va_of(i), write, &got);

	if (write)
		trace("%ld: write(%u) %s, was %lx\n", p - procs, i, w ? "ok" : "fails", w ? *w : 0);
	if (!w && (got == FAULT_OOM && may_fail)) {
		stats->failures++;
		return;
	}
	if (got != want && !(w && want == FAULT_OK))
		panic("page %u of process %u (kind %u, object %u, page %u of %lu, %scopied): "
		      "result %d, expected %d",
		      i, (u32)(p - procs), m->kind, m->obj, m->off,
		      objects[m->obj].size >> PAGE_SHIFT, m->copied ? "" : "not ", got, want);
	if (!w)
		return;
	if (*w != *model_word(m))
		panic("page %u of process %u (kind %d) holds %lx, expected %lx", i,
			(u32)(p - procs), m->kind, *w, *model_word(m));
	stats->reads++;
	if (!write)
		return;
	if (m->kind == FILE_PRIVATE && !m->copied) {
		m->val = objects[m->obj].val[m->off];
		m->copied = true;
	}
	*w = *model_word(m) = ++stamp;
	stats->writes++;
}

/* Leaves, counts of the nodes, and the RSS counters agree. */
static void check_counts(struct mm *mm)
{
	i64 anon = 0, shmem = 0;
	struct pt_walk w;

	pt_walk_init(&w, &mm->pt, 0, USER_VA_END);
	while (pt_walk_next(&w)) {
		i32 n = 0;

		for (u32 i = 0; i < w.n; i++) {
			pte_t e = *(pte_t *)&w.pte[i];
			struct folio *f;

			if (pte_is_none(e))
				continue;
			n++;
			BUG_ON(!mm_find_vma(mm, w.va + i * PAGE_SIZE));
			if (pte_special(e))
				continue;
			f = page_folio(pfn_to_page(pte_pfn(e)));
			BUG_ON(atomic_read(&f->page.mapcount) < 1 ||
				ref_read(&f->page.refcount) < atomic_read(&f->page.mapcount));
			if (page_test(&f->page, PG_ANON)) {
				anon += pt_pages(w.level);
				BUG_ON(pte_write(e) && !pte_exclusive(e));
				BUG_ON(pte_exclusive(e) && !folio_order(f) &&
				       atomic_read(&f->page.mapcount) != 1);
			} else {
				shmem++;
			}
		}
		BUG_ON(n != w.node->mapcount.v);
	}
	BUG_ON(anon != atomic_read(&mm->rss_anon) || shmem != atomic_read(&mm->rss_shmem) ||
		atomic_read(&mm->rss_file));
}

static void check_process(struct proc *p)
{
	mm_check_tree(p->mm);
	check_counts(p->mm);
	for (u32 i = 0; i < PAGES; i++) {
		struct vma *v = mm_find_vma(p->mm, va_of(i));
		const struct mpage *m = &p->page[i];

		if (!v != (m->kind == NONE))
			panic("page %u: %s in the tree", i, v ? "is" : "is not");
		if (v && (v->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)) != prot_to_vm(m->prot))
			panic("page %u: flags %x, expected %x", i, v->vm_flags, m->prot);
		check_access(p, i, false);
	}
}

/* --- operations ------------------------------------------------------------------------------ */
static void unmap_model(struct proc *p, u32 i, u32 n)
{
	memset(&p->page[i], 0, n * sizeof(struct mpage));
}
static void range(u32 *i, u32 *n)
{
	*i = choose(PAGES);
	*n = 1 + choose(min(PAGES - *i, 12u));
}
static bool failed(i64 r)
{
	if (r == -ENOMEM && may_fail) {
		stats->failures++;
		return true;
	}
	return false;
}

static void op_mmap(struct proc *p)
{
	static const u8 prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE, PROT_WRITE,
		PROT_READ | PROT_WRITE | PROT_EXEC };
	u32 i, n, kind = 1 + choose(4), file = choose(FILES), off = choose(16);
	struct mmap_req r = { 0 };
	bool noreplace = choose(5) == 0, overlap = false;
	i64 ret;

	range(&i, &n);
	for (u32 k = i; k < i + n; k++)
		overlap |= p->page[k].kind != NONE;
	r.addr = va_of(i);
	r.len = n * PAGE_SIZE - choose(2) * 7;
	r.prot = prots[choose(ARRAY_SIZE(prots))];
	r.flags = noreplace ? MAP_FIXED_NOREPLACE : MAP_FIXED;
	r.flags |= kind == SHARED_ANON || kind == FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;
	if (choose(6) == 0)
		r.flags |= MAP_POPULATE;
	if (kind >= FILE_PRIVATE) {
		r.backing = &files[file].b;
		r.offset = off * PAGE_SIZE;
	} else {
		r.flags |= MAP_ANONYMOUS;
		off = 0;
		file = nr_objects;
		if (kind == SHARED_ANON && nr_objects == OBJECTS)
			return;
	}
	ret = mm_mmap(p->mm, &r);
	trace("%ld: mmap(%u +%u, prot %x, flags %x, kind %u, off %u) = %lx\n", p - procs, i, n,
		r.prot, r.flags, kind, off, ret);
	if (failed(ret)) {	/* what lay there may be gone */
		for (u32 k = i; k < i + n; k++)
			if (!mm_find_vma(p->mm, va_of(k)))
				unmap_model(p, k, 1);
		return;
	}
	BUG_ON(noreplace && overlap ? ret != -EEXIST : ret != (i64)r.addr);
	if (ret < 0)
		return;
	if (kind == SHARED_ANON) {
		memset(&objects[nr_objects], 0, sizeof(struct object));
		objects[nr_objects++].size = n * PAGE_SIZE;
	}
	for (u32 k = 0; k < n; k++)
		p->page[i + k] = (struct mpage){ .kind = (u8)kind, .prot = (u8)r.prot,
			.obj = (u16)file, .off = (u16)(off + k) };
}

static void op_munmap(struct proc *p)
{
	u32 i, n;
	int r;

	range(&i, &n);
	r = mm_munmap(p->mm, va_of(i), n * PAGE_SIZE);
	trace("%ld: munmap(%u +%u) = %d\n", p - procs, i, n, r);
	if (failed(r))
		return;
	BUG_ON(r);
	unmap_model(p, i, n);
}

static void op_mprotect(struct proc *p)
{
	u32 i, n, prot = choose(8), k;
	int r, want = 0;

	range(&i, &n);
	r = mm_mprotect(p->mm, va_of(i), n * PAGE_SIZE, (int)prot);
	trace("%ld: mprotect(%u +%u, %x) = %d\n", p - procs, i, n, prot, r);
	if (may_fail && r == -ENOMEM) {
		for (k = i; k < i + n; k++) {
			struct vma *v = mm_find_vma(p->mm, va_of(k));

			if (v && (v->vm_flags & 7) == prot_to_vm((int)prot))
				p->page[k].prot = (u8)prot;
		}
		return;
	}
	for (k = i; k < i + n && !want; k++) {
		if (p->page[k].kind == NONE)
			want = -ENOMEM;
		else
			p->page[k].prot = (u8)prot;
	}
	BUG_ON(r != want);
}

/* One VMA covers all of it. */
static bool one_vma(struct proc *p, u32 i, u32 n)
{
	struct vma *v = mm_find_vma(p->mm, va_of(i));

	return v && v->end >= va_of(i) + n * PAGE_SIZE;
}

static void op_mremap(struct proc *p)
{
	struct mpage old[PAGES];
	u32 i, n, to, m, keep = choose(3) == 0, flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	i64 r;

	range(&i, &n);
	to = choose(PAGES - n + 1);
	m = 1 + choose(min(PAGES - to, n + 3));
	if (keep) {
		m = n;
		flags |= MREMAP_DONTUNMAP;
	}
	if (to < i + n && i < to + m) {
		BUG_ON(mm_mremap(p->mm, va_of(i), n * PAGE_SIZE, m * PAGE_SIZE, (int)flags,
				 va_of(to)) != -EINVAL);
		return;
	}
	/* A move over several VMAs that fails half-way stays half-way: not modelled. */
	if (!one_vma(p, i, n) && (m != n || may_fail))
		return;
	memcpy(old, p->page, sizeof(old));
	r = mm_mremap(p->mm, va_of(i), n * PAGE_SIZE, m * PAGE_SIZE, (int)flags, va_of(to));
	trace("%ld: mremap(%u +%u, +%u, %x, %u) = %lx\n", p - procs, i, n, m, flags, to, r);
	if (failed(r)) {
		for (u32 k = 0; k < PAGES; k++)
			if (!mm_find_vma(p->mm, va_of(k)))
				unmap_model(p, k, 1);
		return;
	}
	if (old[i].kind == NONE) {
		BUG_ON(r != -EFAULT);
		return;
	}
	BUG_ON(r != (i64)va_of(to));
	for (u32 k = 0; k < m; k++) {
		if (old[i + min(k, n - 1)].kind == NONE)
			continue;	/* what lies at a hole's place stays */
		p->page[to + k] = old[i + min(k, n - 1)];
		if (k >= n) {
			p->page[to + k].copied = false;
			p->page[to + k].val = 0;
			p->page[to + k].off = (u16)(old[i].off + k);
		}
	}
	for (u32 k = i; k < i + n; k++) {
		if (!keep || k - i >= m)
			unmap_model(p, k, 1);
		p->page[k].copied = false;
		p->page[k].val = 0;
		p->page[k].locked = false;
	}
}

static void op_madvise(struct proc *p)
{
	static const int advices[] = {MADV_DONTNEED,	  MADV_FREE,	       MADV_DONTFORK,
				      MADV_DOFORK,	  MADV_WIPEONFORK,     MADV_KEEPONFORK,
				      MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_NORMAL,
				      MADV_SEQUENTIAL};
	int advice = advices[choose(ARRAY_SIZE(advices))], r, want = 0;
	bool hole = false;
	u32 i, n;

	range(&i, &n);
	r = mm_madvise(p->mm, va_of(i), n * PAGE_SIZE, advice);
	trace("%ld: madvise(%u +%u, %d) = %d\n", p - procs, i, n, advice, r);
	if (may_fail && r == -ENOMEM && advice != MADV_DONTNEED && advice != MADV_FREE) {
		for (u32 k = i; k < i + n; k++) {
			struct vma *v = mm_find_vma(p->mm, va_of(k));

			if (v) {
				p->page[k].dontfork = v->vm_flags & VM_DONTFORK;
				p->page[k].wipe = v->vm_flags & VM_WIPEONFORK;
			}
		}
		/* private copies made are not seen in the model; contents stay */
		if (advice == MADV_POPULATE_WRITE)
			for (u32 k = i; k < i + n; k++)
				check_access(p, k, false);
		goto populated;
	}
	for (u32 k = i; k < i + n; k++) {
		struct mpage *m = &p->page[k];

		if (m->kind == NONE) {
			hole = true;
			if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
				want = -ENOMEM;
				break;
			}
			continue;
		}
		if (advice == MADV_DONTNEED || advice == MADV_FREE) {
			if (advice == MADV_FREE && m->kind != ANON) {
				want = -EINVAL;
				break;
			}
			m->copied = false;
			m->val = 0;
		}
		if (advice == MADV_WIPEONFORK && m->kind != ANON) {
			want = -EINVAL;
			break;
		}
		if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
			m->dontfork = advice == MADV_DONTFORK;
		if (advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK)
			m->wipe = advice == MADV_WIPEONFORK;
		if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
			enum fault_result f = expected(m, advice == MADV_POPULATE_WRITE);

			if (f != FAULT_OK) {
				want = f == FAULT_BUS ? -EFAULT : -EINVAL;
				break;
			}
		}
	}
	if (!want && hole)
		want = -ENOMEM;
	if (r != want && !(advice == MADV_FREE || advice == MADV_POPULATE_WRITE))
		panic("madvise(%d) gives %d, expected %d", advice, r, want);
populated:
	if (advice == MADV_POPULATE_WRITE ||
	    advice == MADV_FREE) /* whole VMAs fail at once: look instead */
		for (u32 k = i; k < i + n; k++) {
			struct mpage *m = &p->page[k];
			enum fault_result fr;
			u64 *w;

			if (m->kind == FILE_PRIVATE && expected(m, false) == FAULT_OK &&
			    !m->copied) {
				w = user_word(p, va_of(k), false, &fr);
				if (w && page_test(&page_folio(virt_to_page(w))->page, PG_ANON)) {
					m->val = *w;
					m->copied = true;
				}
			}
		}
}

static struct proc *free_proc(void)
{
	for (u32 i = 0; i < PROCS; i++)
		if (!procs[i].mm)
			return &procs[i];
	return NULL;
}

static void op_fork(struct proc *p)
{
	struct proc *c = free_proc();
	struct mm *mm;

	if (!c)
		return;
	mm = mm_fork(p->mm);
	trace("%ld: fork = %ld\n", p - procs, c - procs);
	if (IS_ERR(mm)) {
		BUG_ON(!failed(PTR_ERR(mm)));
		return;
	}
	stats->forks++;
	*c = *p;
	c->mm = mm;
	for (u32 i = 0; i < PAGES; i++) {
		c->page[i].locked = false;
		if (p->page[i].dontfork)
			unmap_model(c, i, 1);
		else if (p->page[i].wipe)
			c->page[i].val = 0;
	}
	be(c);
}

static void op_exit(struct proc *p)
{
	u32 alive = 0;

	for (u32 i = 0; i < PROCS; i++)
		alive += procs[i].mm != NULL;
	if (alive == 1)
		return;
	trace("%ld: exit\n", p - procs);
	be(p);
	mm_switch(p->mm, NULL);
	mm_put(p->mm);
	memset(p, 0, sizeof(*p));
}

static void op_truncate(void)
{
	u32 f = choose(FILES), pages = choose(32);
	struct object *o = &objects[f];
	u64 size = pages * PAGE_SIZE;

	trace("truncate(file %u, %u)\n", f, pages);
	mapping_truncate(&files[f].m, size);
	if (size < o->size)
		for (u32 i = pages; i < OBJ_PAGES; i++)
			o->val[i] = 0;
	for (struct proc *p = procs; p < procs + PROCS; p++)
		for (u32 i = 0; size < o->size && i < PAGES; i++)
			if (p->page[i].kind == FILE_PRIVATE && p->page[i].obj == f &&
			    p->page[i].off >= pages)
				p->page[i].copied = false;
	o->size = size;
}

static void op_mlock(struct proc *p)
{
	u32 i, n, how = choose(3);
	int r;

	range(&i, &n);
	r = how == 2 ? mm_munlock(p->mm, va_of(i), n * PAGE_SIZE) : mm_mlock(p->mm, va_of(i),
		n * PAGE_SIZE, how == 1);
	trace("%ld: mlock(%u +%u, %u) = %d\n", p - procs, i, n, how, r);
	BUG_ON(r && r != -ENOMEM && !(may_fail && r == -EAGAIN) && r != -EAGAIN);
	/* Locking faults in writable private file pages: they become copies. */
	for (u32 k = i; k < i + n; k++) {
		struct mpage *m = &p->page[k];
		enum fault_result fr;
		u64 *w;

		if (m->kind != FILE_PRIVATE || expected(m, false) != FAULT_OK || m->copied)
			continue;
		w = user_word(p, va_of(k), false, &fr);
		if (w && page_test(&page_folio(virt_to_page(w))->page, PG_ANON)) {
			m->val = *w;
			m->copied = true;
		}
	}
	(void)mm_munlock(p->mm, va_of(i), n * PAGE_SIZE); /* MADV_DONTNEED refuses locked memory */
	for (u32 k = 0; k < PAGES; k++) {
		struct vma *v = mm_find_vma(p->mm, va_of(k));

		if (v && (v->vm_flags & VM_LOCKED) && !may_fail &&
		    mm_munlock(p->mm, va_of(k), PAGE_SIZE))
			BUG();
	}
	for (u32 k = 0; may_fail && k < PAGES; k++) { /* no memory to split: whole VMAs need none */
		struct vma *v = mm_find_vma(p->mm, va_of(k));

		while (v && (v->vm_flags & VM_LOCKED) &&
		       mm_munlock(p->mm, v->start, v->end - v->start))
			v = mm_find_vma(p->mm, va_of(k));
	}
}

static void op_outside(struct proc *p)
{
	u32 i = choose(PAGES);
	struct mpage *m = &p->page[i];
	bool write = choose(2);
	u64 w = 0;
	ssize_t r;

	if (expected(m, write) != FAULT_OK)
		return;
	w = stamp + 1;
	r = mm_access(p->mm, va_of(i), &w, sizeof(w), write);
	if (r == 0 && may_fail)
		return;
	BUG_ON(r != sizeof(w));
	if (!write) {
		BUG_ON(w != *model_word(m));
		return;
	}
	if (m->kind == FILE_PRIVATE)
		m->copied = true;
	*model_word(m) = ++stamp;
}

/* MAP_POPULATE makes copies of writable private file pages too. */
static void see_copies(struct proc *p)
{
	for (u32 k = 0; k < PAGES; k++) {
		struct mpage *m = &p->page[k];
		pte_t *t = m->kind == FILE_PRIVATE && !m->copied
				   ? pt_leaf_table(&p->mm->pt, va_of(k))
				   : NULL,
		      e;

		if (!t)
			continue;
		e = t[pt_index(va_of(k), 3)];
		if (pte_is_none(e) ||
		    !page_test(&page_folio(pfn_to_page(pte_pfn(e)))->page, PG_ANON))
			continue;
		m->copied = true;
		m->val = *(u64 *)phys_to_virt(pte_pfn(e) << PAGE_SHIFT);
		BUG_ON(m->val != objects[m->obj].val[m->off]);
	}
}

static void one_op(void)
{
	struct proc *p = &procs[choose(PROCS)];

	while (!p->mm)
		p = p + 1 < procs + PROCS ? p + 1 : procs;
	be(p);
	stats->ops++;
	switch (choose(24)) {
	case 0: case 1: case 2: op_mmap(p); see_copies(p); break;
	case 3: op_munmap(p); break;
	case 4: case 5: op_mprotect(p); break;
	case 6: case 7: op_mremap(p); break;
	case 8: case 9: op_madvise(p); break;
	case 10: case 11: op_fork(p); break;
	case 12: op_exit(p); break;
	case 13: op_truncate(); break;
	case 14: op_mlock(p); break;
	case 15: op_outside(p); break;
	default:
		for (u32 n = 1 + choose(6); n; n--)
			check_access(p, choose(PAGES), choose(3) > 0);
	}
	if (p->mm && choose(4) == 0)
		fake_speculate(va_of(choose(PAGES)));
}

static void set_up(u64 seed)
{
	fake_init(8 * MIB, seed);
	memset(procs, 0, sizeof(procs));
	nr_objects = FILES;
	stamp = 0;
	for (u32 i = 0; i < FILES; i++) {
		memset(&files[i], 0, sizeof(files[i]));
		mapping_init(&files[i].m, &cache_ops, NULL);
		files[i].b = (struct backing){ .ops = &file_ops, .mapping = &files[i].m,
			.may_write = true, .may_exec = true };
		memset(&objects[i], 0, sizeof(objects[i]));
		objects[i].size = files[i].m.size = 20 * PAGE_SIZE;
	}
	procs[0].mm = mm_create();
	BUG_ON(!procs[0].mm);
	be(&procs[0]);
}

static void tear_down(void)
{
	may_fail = false;
	fake_fail_rate = 0;
	fake_check_tlbs();
	for (struct proc *p = procs; p < procs + PROCS; p++)
		if (p->mm)
			check_process(p);
	fake_check_tlbs();
	for (struct proc *p = procs; p < procs + PROCS; p++)
		if (p->mm) {
			be(p);
			mm_switch(p->mm, NULL);
			mm_put(p->mm);
		}
	for (u32 i = 0; i < FILES; i++) {
		BUG_ON(files[i].refs);
		mapping_destroy(&files[i].m);
	}
	if (fake_pages_used() || fake_objects_used())
		panic("%lu pages and %lu objects left", fake_pages_used(), fake_objects_used());
}

void mm_model_run(const u8 *data, size_t n, u64 seed, u32 fail_rate, struct mm_model_stats *st)
{
	stats = st;
	tracing = getenv("MM_TRACE");
	set_up(seed);
	input = data;
	input_left = n;
	may_fail = fail_rate;
	fake_fail_rate = fail_rate;
	while (data ? input_left > 0 : n-- > 0) {
		one_op();
		if (stats->ops % 64 == 0)
			fake_check_tlbs();
	}
	input = NULL;
	tear_down();
}
