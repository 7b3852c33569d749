/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations of the flat model. Each is a row of the table at the end: a function that chooses
 * its arguments, does the real thing, says what that should have given, and brings the model up to
 * date; true if there was something to do and it was done.
 */
#include "mm_model_in.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24	/* Linux 5.18 */
#endif
#define LOCK_FLAGS ((u32)(VM_LOCKED | VM_LOCKONFAULT))

static bool is_shared(const struct mpage *m)
{
	return m->kind == SHARED_ANON || m->kind == FILE_SHARED;
}
static bool locks_now(u32 flags) { return (flags & LOCK_FLAGS) == VM_LOCKED; }

/* The page has nothing of its own any more. */
static int drop(struct mpage *m)
{
	m->copied = m->given = false;
	m->val = m->pin = 0;
	return 0;
}

/* --- mmap, munmap, brk ----------------------------------------------------------------------- */
static bool choose_mapping(struct proc *p, struct choice *c)
{
	static const u8 prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE, PROT_WRITE,
		PROT_READ | PROT_WRITE | PROT_EXEC };
	u32 extra = choose(12), shared_pages = 0;

	memset(c, 0, sizeof(*c));
	c->kind = 1 + choose(4);
	c->obj = choose(FILES);
	range(&c->i, &c->n);
	c->r = (struct mmap_req){.addr = va_of(c->i),
				 .len = size_of(c->n) - choose(2) * 7,
				 .prot = prots[choose(ARRAY_SIZE(prots))]};
	c->flags = p->def_flags | VM_MAYWRITE;
	if (extra < 2)
		c->r.flags |= MAP_POPULATE;
	if (extra == 2)
		c->r.flags |= MAP_LOCKED, c->flags |= VM_LOCKED;
	if (extra == 3)
		c->r.flags |= MAP_NORESERVE, c->flags |= VM_NORESERVE;
	if (extra < 6 && extra > 3 && c->kind == ANON)
		c->r.flags |= MAP_GROWSDOWN, c->flags |= VM_GROWSDOWN;
	c->r.flags |= c->kind == SHARED_ANON || c->kind == FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;
	if (c->kind >= FILE_PRIVATE) {
		c->off = choose(file_pages - 16);
		c->n = min(c->n, file_pages - c->off);
		c->r.len = min(c->r.len, size_of(c->n));
		c->r.backing = &files[c->obj].b;
		c->r.offset = size_of(c->off);
		if (c->kind == FILE_SHARED && c->obj == FILE_READONLY)
			c->flags &= ~(u32)VM_MAYWRITE;
		return true;
	}
	c->r.flags |= MAP_ANONYMOUS;
	c->obj = c->kind == SHARED_ANON ? nr_objects : 0;
	for (u32 o = FILES; o < nr_objects; o++)
		shared_pages += (u32)(objects[o].size >> PAGE_SHIFT);
	return c->kind == ANON || (nr_objects < OBJECTS && shared_pages + c->n <= 3 * MAX_PAGES / 2);
}

/* The mapping is there: the model follows. */
static void model_mapped(struct proc *p, const struct choice *c)
{
	if (c->kind == SHARED_ANON) {
		memset(&objects[nr_objects], 0, sizeof(struct object));
		objects[nr_objects++].size = size_of(c->n);
	}
	for (u32 k = 0; k < c->n; k++)
		p->page[c->i + k] = (struct mpage){.kind = (u8)c->kind,
						   .prot = (u8)c->r.prot,
						   .obj = (u16)c->obj,
						   .off = (u16)(c->kind == ANON ? 0 : c->off + k),
						   .flags = c->flags};
	if (locks_now(c->flags) || (c->r.flags & MAP_POPULATE))
		populate_model(p, c->i, c->n, true);
	if (may_fail)
		see_copies(p, c->i, c->n);
}

bool map_chosen(struct proc *p, struct choice *c, bool noreplace)
{
	bool overlap = next_mapped(p, c->i) < c->i + c->n;
	i64 ret, want;

	c->r.flags |= noreplace ? MAP_FIXED_NOREPLACE : MAP_FIXED;
	ret = mm_mmap(p->mm, &c->r);
	trace("%u: mmap(%u +%u, prot %x, flags %x, kind %u, obj %u, off %u) = %lx\n", number(p),
	      c->i, c->n, c->r.prot, c->r.flags, c->kind, c->obj, c->off, ret);
	if (failed(ret))
		return false;
	if (noreplace && overlap)
		want = -EEXIST;
	else
		want = (c->r.prot & PROT_WRITE) && !(c->flags & VM_MAYWRITE) ? -EACCES
									     : (i64)c->r.addr;
	BUG_ON(ret != want);
	if (ret > 0)
		model_mapped(p, c);
	return ret > 0;
}

static bool op_mmap(struct proc *p)
{
	bool noreplace = choose(5) == 0;
	struct choice c;

	return choose_mapping(p, &c) && map_chosen(p, &c, noreplace);
}

/* An address that is only a wish: where it is free it is granted, and else another is found. */
static bool op_mmap_hint(struct proc *p)
{
	u32 next;
	struct choice c;
	i64 ret;

	if (!choose_mapping(p, &c) || ((c.r.prot & PROT_WRITE) && !(c.flags & VM_MAYWRITE)))
		return false;
	next = next_mapped(p, c.i);
	ret = mm_mmap(p->mm, &c.r);
	trace("%u: mmap(near %u +%u, prot %x, flags %x, kind %u) = %lx\n", number(p), c.i, c.n,
	      c.r.prot, c.r.flags, c.kind, ret);
	if (failed(ret))
		return false;
	if (next < window && (p->page[next].flags & VM_GROWSDOWN))
		next = next > STACK_GUARD_PAGES ? next - STACK_GUARD_PAGES : 0;
	if (c.i + c.n <= next || next == window) {
		BUG_ON(ret != (i64)c.r.addr);
		model_mapped(p, &c);
		return true;
	}
	BUG_ON(ret < 0 || ((u64)ret + size_of(c.n) > base && (u64)ret < va_of(window)));
	while (mm_munmap(p->mm, (u64)ret, c.r.len))
		BUG_ON(!may_fail);
	return true;
}

static bool op_munmap(struct proc *p)
{
	bool any;
	u32 i, n;
	int r;

	range(&i, &n);
	any = next_mapped(p, i) < i + n;
	r = mm_munmap(p->mm, va_of(i), size_of(n));
	trace("%u: munmap(%u +%u) = %d\n", number(p), i, n, r);
	if (failed(r))
		return false;
	BUG_ON(r);
	unmap_model(p, i, n);
	return any;
}

static bool op_brk(struct proc *p)
{
	u32 to = brk_page() + choose(9), from = p->brk, next = next_mapped(p, from);
	u64 r = mm_brk(p->mm, va_of(to));

	trace("%u: brk(%u) = %lx\n", number(p), to, r);
	if (r == va_of(from) && may_fail)
		return false;
	if (next < window && (p->page[next].flags & VM_GROWSDOWN))
		next = next > STACK_GUARD_PAGES ? next - STACK_GUARD_PAGES : 0;
	if (to > from && next < to && next < window) {
		BUG_ON(r != va_of(from));
		return false;
	}
	BUG_ON(r != va_of(to));
	p->brk = to;
	if (to < from)
		unmap_model(p, to, from - to);
	for (u32 k = from; k < to; k++)
		p->page[k] = (struct mpage){.kind = ANON,
					    .prot = PROT_READ | PROT_WRITE,
					    .flags = p->def_flags | VM_MAYWRITE};
	return to != from;
}

/* --- mprotect, mremap ------------------------------------------------------------------------ */
static bool op_mprotect(struct proc *p)
{
	u32 i, n, prot = choose(8), k;
	int r, want = 0;

	range(&i, &n);
	r = mm_mprotect(p->mm, va_of(i), size_of(n), (int)prot);
	trace("%u: mprotect(%u +%u, %x) = %d\n", number(p), i, n, prot, r);
	if (may_fail && r == -ENOMEM) {
		resync(p, i, n);
		return false;
	}
	for (k = i; k < i + n && !want; k++) {
		struct mpage *m = &p->page[k];

		if (m->kind == NONE)
			want = -ENOMEM;
		else if ((prot & PROT_WRITE) && !(m->flags & VM_MAYWRITE))
			want = -EACCES;
		else
			m->prot = (u8)prot;
	}
	BUG_ON(r != want);
	return !r;
}

/* How many pages from i on one VMA covers, n at most. */
static u32 covered(struct proc *p, u32 i, u32 n)
{
	struct vma *v = mm_find_vma(p->mm, va_of(i));

	return v ? (u32)min((u64)n, (v->end - va_of(i)) >> PAGE_SHIFT) : 0;
}

/* same: old_len 0, a second view. old: the window as it was */
struct move { u32 i, n, to, m; bool keep, same; struct mpage old[MAX_PAGES]; };

static void model_left(struct proc *p, const struct move *v, u32 k)
{
	struct mpage *m = &p->page[v->i + k];

	if (!v->keep)
		unmap_model(p, v->i + k, 1);
	drop(m);
	m->flags &= ~LOCK_FLAGS;
}

/* Page k of the new place: one that moved there, or more of the last one's mapping. */
static void model_arrived(struct proc *p, const struct move *v, u32 k)
{
	struct mpage *d = &p->page[v->to + k];

	*d = v->old[v->i + min(k, v->same ? 0 : v->n - 1)];
	if (k < v->n && !v->same)
		return;
	drop(d);
	d->off = (u16)(d->kind == ANON ? 0 : v->old[v->i].off + k);
}

/* Holes between the VMAs of a range stay holes, and hide nothing at the new place. */
static void model_moved(struct proc *p, const struct move *v)
{
	for (u32 k = 0; k < v->m; k++)
		if (v->same || k >= v->n || v->old[v->i + k].kind != NONE)
			model_arrived(p, v, k);
	for (u32 k = 0; k < v->n && !v->same; k++)
		if (v->old[v->i + k].kind != NONE)
			model_left(p, v, k);
}

/* Memory ran out on the way: whole VMAs have moved or not; at the new place there may be nothing. */
static void model_stuck(struct proc *p, const struct move *v)
{
	for (u32 k = 0; k < min(v->n, v->m) && !v->same; k++)
		if (v->old[v->i + k].kind != NONE && !mm_find_vma(p->mm, va_of(v->i + k))) {
			model_arrived(p, v, k);
			model_left(p, v, k);
		}
	resync(p, 0, window);
}

/* What mremap(MREMAP_FIXED) should give; what it does before it fails is done. */
static i64 move_result(struct proc *p, struct move *v, u32 cover)
{
	if (p->page[v->i].kind == NONE)
		return -EFAULT;
	if (v->m < v->n && !v->same) {
		unmap_model(p, v->i + v->m, v->n - v->m);
		v->n = v->m;
	} else if (v->m == v->n && !v->same) {
		return (i64)va_of(v->to);	/* VMA by VMA */
	}
	if (v->same && !is_shared(&p->page[v->i]))
		return -EINVAL;
	if (v->same && v->i == v->to) {		/* the new place is emptied first */
		unmap_model(p, v->to, v->m);
		return -EFAULT;
	}
	return !v->same && cover < v->n ? -EFAULT : (i64)va_of(v->to);
}

static void choose_move(struct move *v)
{
	if (choose(3))
		range(&v->i, &v->n);
	else
		range_at_block(&v->i, &v->n);
	v->keep = choose(3) == 0;
	v->same = !v->keep && choose(8) == 0;
	v->to = choose(window - v->n + 1);
	if (window > 512 && choose(2)) {	/* as far from a 2 MiB boundary as it was */
		v->to = v->i % 512 + 512 * choose(3);
		v->to = v->to + v->n <= window ? v->to : v->i % 512;
	} else if (v->n >= window / 4 && v->n <= window / 2) {	/* where there is room for it */
		v->to = v->i < window / 2 ? window - v->n - choose(8) : choose(8);
	}
	v->m = v->keep || choose(2) ? v->n : 1 + choose(min(window - v->to, v->n + 3));
}

static bool op_mremap(struct proc *p)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	static struct move v;
	u32 asked, cover;
	i64 r, want;

	choose_move(&v);
	if (v.keep)
		flags |= MREMAP_DONTUNMAP;
	asked = v.same ? 0 : v.n;
	cover = covered(p, v.i, v.n);
	if (p->page[v.i].kind > ANON && p->page[v.i].off + v.m > OBJ_PAGES)
		return false;		/* beyond what the model has of the file */
	if (may_fail && v.keep && cover < v.n)
		return false;		/* nobody could tell how far it came */
	memcpy(v.old, p->page, sizeof(v.old));
	r = mm_mremap(p->mm, va_of(v.i), size_of(asked), size_of(v.m), flags, va_of(v.to));
	trace("%u: mremap(%u +%u, +%u, %x, %u) = %lx\n", number(p), v.i, asked, v.m, flags, v.to, r);
	if (v.to < v.i + asked && v.i < v.to + v.m) {
		BUG_ON(r != -EINVAL);
		return false;
	}
	if (failed(r)) {
		model_stuck(p, &v);
		return false;
	}
	want = move_result(p, &v, cover);
	if (r != want)
		panic("mremap gives %ld, expected %ld", r, want);
	if (r < 0)
		return false;
	model_moved(p, &v);
	if (locks_now(p->page[v.to].flags) && v.m > asked)
		populate_model(p, v.to + asked, v.m - asked, true);
	if (may_fail)
		see_copies(p, v.to, v.m);
	return true;
}

/* Without MREMAP_MAYMOVE: longer or shorter where it is. */
static bool op_mremap_here(struct proc *p)
{
	u32 i, n, m, cover, next;
	i64 r, want;

	range(&i, &n);
	m = 1 + choose(min(window - i, n + 6));
	cover = covered(p, i, n);
	if (p->page[i].kind > ANON && p->page[i].off + m > OBJ_PAGES)
		return false;
	next = next_mapped(p, i + n);
	r = mm_mremap(p->mm, va_of(i), size_of(n), size_of(m), 0, 0);
	trace("%u: mremap(%u +%u, +%u) = %lx\n", number(p), i, n, m, r);
	if (failed(r) && m <= n)
		return false;
	want = (i64)va_of(i);
	if (next < window && (p->page[next].flags & VM_GROWSDOWN))
		next = next > STACK_GUARD_PAGES ? next - STACK_GUARD_PAGES : 0;
	if (p->page[i].kind == NONE || (m > n && cover < n))
		want = -EFAULT;
	else if (m > n && next < i + m && next < window)
		want = -ENOMEM;
	BUG_ON(r != want);
	if (r < 0)
		return false;
	if (m < n)
		unmap_model(p, i + m, n - m);
	for (u32 k = n; k < m; k++) {
		struct mpage *d = &p->page[i + k];

		*d = p->page[i + n - 1];
		drop(d);
		d->off = (u16)(d->kind == ANON ? 0 : p->page[i].off + k);
	}
	if (m > n && locks_now(p->page[i].flags))
		populate_model(p, i + n, m - n, true);
	if (may_fail)
		see_copies(p, i, m);
	return true;
}

/* --- madvise --------------------------------------------------------------------------------- */
/* Each gives the result for one page, and brings it up to date: an error ends the call. */
static int page_dontneed(struct mpage *m) { return m->flags & VM_LOCKED ? -EINVAL : drop(m); }
static int page_free_(struct mpage *m)
{
	if (m->kind != ANON || (m->flags & VM_LOCKED))
		return -EINVAL;
	m->given = true;
	m->pin = 0;
	return 0;
}
static int page_quiet(struct mpage *m) { return 0; }
static int page_cold(struct mpage *m) { return m->flags & VM_LOCKED ? -EINVAL : 0; }
static int page_populate(struct mpage *m, enum fake_access_kind kind)
{
	enum fault_result f = expected(m, kind);

	if (f == FAULT_OK && kind == FAKE_WRITE)
		own_page(m);
	return f == FAULT_OK ? 0 : f == FAULT_BUS ? -EFAULT : -EINVAL;
}
static int page_populate_read(struct mpage *m)
{
	return m->prot & PROT_READ ? page_populate(m, FAKE_READ) : -EINVAL;
}
static int page_populate_write(struct mpage *m) { return page_populate(m, FAKE_WRITE); }
static int page_remove(struct mpage *m)
{
	if ((m->flags & VM_LOCKED) || m->kind == ANON)
		return -EINVAL;
	if (!is_shared(m) || !(m->flags & VM_MAYWRITE))
		return -EACCES;
	if (m->kind == FILE_SHARED && m->obj == FILE_DISK)
		return -EOPNOTSUPP;
	if (size_of(m->off) < objects[m->obj].size)
		object_zero(m->obj, m->off);
	return 0;
}
static int page_wipe(struct mpage *m) { return m->kind == ANON ? 0 : -EINVAL; }

static const struct advice {
	int advice;
	u32 clear, set;			/* flags */
	int (*page)(struct mpage *m);
	bool stops_at_holes;
} advices[] = {
	{ MADV_NORMAL, VM_RAND | VM_SEQ, 0, page_quiet, false },
	{ MADV_RANDOM, VM_SEQ, VM_RAND, page_quiet, false },
	{ MADV_SEQUENTIAL, VM_RAND, VM_SEQ, page_quiet, false },
	{ MADV_DONTFORK, 0, VM_DONTFORK, page_quiet, false },
	{ MADV_DOFORK, VM_DONTFORK, 0, page_quiet, false },
	{ MADV_WIPEONFORK, 0, VM_WIPEONFORK, page_wipe, false },
	{ MADV_KEEPONFORK, VM_WIPEONFORK, 0, page_quiet, false },
	{ MADV_DONTDUMP, 0, VM_DONTDUMP, page_quiet, false },
	{ MADV_DODUMP, VM_DONTDUMP, 0, page_quiet, false },
	{ MADV_HUGEPAGE, VM_NOHUGEPAGE, VM_HUGEPAGE, page_quiet, false },
	{ MADV_NOHUGEPAGE, VM_HUGEPAGE, VM_NOHUGEPAGE, page_quiet, false },
	{ MADV_WILLNEED, 0, 0, page_quiet, false },
	{ MADV_DONTNEED, 0, 0, page_dontneed, false },
	{ MADV_DONTNEED_LOCKED, 0, 0, drop, false },
	{ MADV_FREE, 0, 0, page_free_, false },
	{ MADV_COLD, 0, 0, page_cold, false },
	{ MADV_PAGEOUT, 0, 0, page_cold, false },
	{ MADV_REMOVE, 0, 0, page_remove, false },
	{ MADV_POPULATE_READ, 0, 0, page_populate_read, true },
	{ MADV_POPULATE_WRITE, 0, 0, page_populate_write, true },
};

static int advise_model(struct proc *p, u32 i, u32 n, const struct advice *a)
{
	bool hole = false;
	int err;

	for (; n; i++, n--) {
		struct mpage *m = &p->page[i];

		if (m->kind == NONE && a->stops_at_holes)
			return -ENOMEM;
		hole |= m->kind == NONE;
		if (m->kind == NONE)
			continue;
		err = a->page(m);
		if (err)
			return err;
		m->flags = (m->flags & ~a->clear) | a->set;
	}
	return hole ? -ENOMEM : 0;
}

/*
 * Advice about pages looks at whole VMAs: one that does not fit fails before any of its pages is
 * touched, except that populating goes on up to the page that cannot be had. All of that is what
 * page by page gives, since what makes a VMA unfit is the same for all of its pages.
 */
static bool op_madvise(struct proc *p)
{
	const struct advice *a = &advices[choose(ARRAY_SIZE(advices))];
	int r, want;
	u32 i, n;

	range(&i, &n);
	r = mm_madvise(p->mm, va_of(i), size_of(n), a->advice);
	trace("%u: madvise(%u +%u, %d) = %d\n", number(p), i, n, a->advice, r);
	if (may_fail && r == -ENOMEM && (a->clear | a->set)) {
		resync(p, i, n);
		return false;
	}
	if (may_fail && r == -ENOMEM && a->stops_at_holes) {
		see_copies(p, i, n);
		return false;
	}
	if (may_fail && r == -ENOMEM && (a->page == drop || a->page == page_dontneed)) {
		see_drops(p, i, n);	/* a block could not be taken apart; or there is a hole */
		return false;
	}
	want = advise_model(p, i, n, a);
	if (r != want)
		panic("madvise(%d) gives %d, expected %d", a->advice, r, want);
	return !r;
}

/* Memory that has contents is given up; what is left of a write or a fork between is reclaim's. */
static bool op_free(struct proc *p)
{
	static const struct advice free_it = { MADV_FREE, 0, 0, page_free_, false };
	u32 i = choose(window), n = 0, most = 1 + choose(choose(2) ? 600 : 16);
	int r;

	while (i < window && (page_free_(&(struct mpage){ .kind = p->page[i].kind,
							  .flags = p->page[i].flags }) ||
			      !p->page[i].val))
		i++;
	while (i + n < window && n < most && p->page[i + n].kind == ANON &&
	       !(p->page[i + n].flags & VM_LOCKED))
		n++;
	if (!n)
		return false;
	r = mm_madvise(p->mm, va_of(i), size_of(n), MADV_FREE);
	trace("%u: free(%u +%u) = %d\n", number(p), i, n, r);
	BUG_ON(r || advise_model(p, i, n, &free_it));
	return true;
}

/* --- mlock ----------------------------------------------------------------------------------- */
/* 0, or -ENOMEM at the first hole. */
static int lock_model(struct proc *p, u32 i, u32 n, u32 flags)
{
	for (; n; i++, n--) {
		if (p->page[i].kind == NONE)
			return -ENOMEM;
		p->page[i].flags = (p->page[i].flags & ~LOCK_FLAGS) | flags;
	}
	return 0;
}

static void check_resident(struct proc *p, u32 i, u32 n)
{
	for (; n; i++, n--)
		if (!page_at(p, i))
			panic("page %u is locked and not there", i);
}

static bool op_mlock(struct proc *p)
{
	u32 i, n;
	bool onfault = choose(3) == 0;
	int r, want;

	range(&i, &n);
	r = mm_mlock(p->mm, va_of(i), size_of(n), onfault);
	trace("%u: mlock(%u +%u, %u) = %d\n", number(p), i, n, onfault, r);
	if (may_fail && (r == -ENOMEM || r == -EAGAIN)) {
		resync(p, i, n);
		see_copies(p, i, n);
		return false;
	}
	want = lock_model(p, i, n, VM_LOCKED | (onfault ? VM_LOCKONFAULT : 0));
	if (!want && !onfault && !populate_model(p, i, n, false))
		want = -ENOMEM;
	if (r != want)
		panic("mlock gives %d, expected %d", r, want);
	if (may_fail)
		see_copies(p, i, n);
	if (!r && !onfault)
		check_resident(p, i, n);
	return !r;
}

static bool op_munlock(struct proc *p)
{
	u32 i, n;
	int r;

	range(&i, &n);
	r = mm_munlock(p->mm, va_of(i), size_of(n));
	trace("%u: munlock(%u +%u) = %d\n", number(p), i, n, r);
	if (failed(r)) {
		resync(p, i, n);
		return false;
	}
	BUG_ON(r != lock_model(p, i, n, 0));
	return !r;
}

static bool op_mlockall(struct proc *p)
{
	int flags = (int)choose(8), r = flags ? mm_mlockall(p->mm, flags) : mm_munlockall(p->mm);
	u32 lock = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);

	trace("%u: mlockall(%d) = %d\n", number(p), flags, r);
	if (failed(r))		/* shared tables have to be made one's own */
		return false;
	BUG_ON(r != (flags == MCL_ONFAULT ? -EINVAL : 0));
	if (r)
		return false;
	p->def_flags = flags & MCL_FUTURE ? lock : 0;
	for (u32 i = 0; i < window && (!flags || (flags & MCL_CURRENT)); i++)
		if (p->page[i].kind != NONE)
			lock_model(p, i, 1, flags ? lock : 0);
	if ((flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT)
		populate_model(p, 0, window, true);
	if (may_fail)
		see_copies(p, 0, window);
	return true;
}

static bool op_msync(struct proc *p)
{
	static const int kinds[] = { 0, MS_ASYNC, MS_SYNC, MS_INVALIDATE, MS_ASYNC | MS_SYNC };
	int flags = kinds[choose(ARRAY_SIZE(kinds))], want = 0, r;
	u32 i, n;

	range(&i, &n);
	r = mm_msync(p->mm, va_of(i), size_of(n), flags);
	for (u32 k = i; k < i + n && want != -EBUSY; k++) {
		if (p->page[k].kind == NONE)
			want = -ENOMEM;
		else if ((flags & MS_INVALIDATE) && (p->page[k].flags & VM_LOCKED))
			want = -EBUSY;
	}
	BUG_ON(r != (flags == (MS_ASYNC | MS_SYNC) ? -EINVAL : want));
	return !r;
}

/* --- processes ------------------------------------------------------------------------------- */
static bool op_fork(struct proc *p)
{
	struct proc *c = free_proc();
	struct mm *mm;

	if (!c)
		return false;
	p->mm->cow_tables = choose(4);	/* prctl: now and then leaves are copied, of shared tables, too */
	mm = mm_fork(p->mm);
	trace("%u: fork = %u, %s\n", number(p), number(c), p->mm->cow_tables ? "shared" : "copied");
	if (IS_ERR(mm)) {
		BUG_ON(!failed(PTR_ERR(mm)));
		return false;
	}
	*c = *p;
	c->mm = mm;
	c->cpu = choose(MAX_CPUS);
	c->def_flags = 0;
	for (u32 i = 0; i < window; i++) {
		struct mpage *m = &c->page[i];

		m->pin = 0;
		m->flags &= ~LOCK_FLAGS;
		if (m->flags & VM_DONTFORK)
			unmap_model(c, i, 1);
		else if (m->flags & VM_WIPEONFORK)
			drop(m);
	}
	be(c);
	return true;
}

static bool op_exit(struct proc *p)
{
	u32 alive = 0;

	for (u32 i = 0; i < PROCS; i++)
		alive += procs[i].mm != NULL;
	if (alive == 1)
		return false;
	trace("%u: exit\n", number(p));
	leave(p);
	if (!choose(4))
		BUG_ON(mm_reap(p->mm));		/* what others share stays */
	mm_put(p->mm);
	memset(p, 0, sizeof(*p));
	return true;
}

/* It goes on on another CPU; what this one knows of it stays. */
static bool op_move(struct proc *p)
{
	p->cpu = choose(MAX_CPUS);
	be(p);
	return true;
}

/* --- accesses -------------------------------------------------------------------------------- */
static bool op_access(struct proc *p)
{
	static const enum fake_access_kind kinds[] = { FAKE_WRITE, FAKE_WRITE, FAKE_WRITE, FAKE_READ,
		FAKE_EXEC };
	u32 i, n;

	range(&i, &n);
	for (u32 k = 0; k < min(n, 24u); k++)
		check_access(p, i + k, kinds[choose(ARRAY_SIZE(kinds))]);
	return true;
}

/* As process_vm_writev and (not as_user) /proc/PID/mem do. A stack does not grow by it. */
static bool op_outside(struct proc *p)
{
	static u64 page[PAGE_SIZE / sizeof(u64)];
	u32 i = choose(window);
	struct mpage *m = &p->page[i], mine = *m;
	bool write = choose(2), as_user = choose(2);
	ssize_t r, want;

	if (!write)	/* /proc/PID/mem does not ask what may be read */
		mine.prot = as_user ? mine.prot & PROT_READ : PROT_READ;
	want = expected(&mine, write ? FAKE_WRITE : FAKE_READ) ? -EFAULT : (ssize_t)sizeof(page);
	if (write)
		fill_page(page, stamp + 1);
	r = mm_access_held(p->mm, va_of(i), page, sizeof(page), write, as_user);
	trace("%u: access from outside(%u, %u, %u) = %ld\n", number(p), i, write, as_user, r);
	if (r == -ENOMEM && may_fail)
		return false;
	BUG_ON(r != want);
	if (r < 0)
		return false;
	if (!write) {
		BUG_ON(!may_hold(m, word_of(page)));
		return true;
	}
	model_write(m, ++stamp);
	return true;
}

/* All leaves of the folio that some page maps: write-protected, aged, or (a file's) taken away. */
static bool op_rmap(struct proc *p)
{
	u32 i = choose(window), what = choose(MM_RMAP_OPS);
	struct folio *f;
	int level;
	pte_t e = *pt_entry(&p->mm->pt, va_of(i), &level);

	if (pte_kind(e, level) != PTE_LEAF || pte_special(e))
		return false;
	trace("%u: rmap(%u, %u)\n", number(p), i, what);
	f = page_folio(pfn_to_page(pte_pfn(e)));
	folio_get(f);
	mm_rmap_op(f, what);
	BUG_ON(what == 2 && !page_test(&f->page, PG_ANON) && atomic_read(&f->page.mapcount));
	folio_put(f);
	return true;
}

/* --- the table ------------------------------------------------------------------------------- */
static const struct op {
	const char *name;
	u32 weight;		/* how often, beside the others */
	bool (*run)(struct proc *p);
} table[] = {
	{ "access", 12, op_access },
	{ "mmap", 6, op_mmap },
	{ "mmap_hint", 1, op_mmap_hint },
	{ "munmap", 2, op_munmap },
	{ "brk", 1, op_brk },
	{ "mprotect", 4, op_mprotect },
	{ "mremap", 4, op_mremap },
	{ "mremap_here", 1, op_mremap_here },
	{ "madvise", 5, op_madvise },
	{ "free", 4, op_free },
	{ "mlock", 1, op_mlock },
	{ "munlock", 2, op_munlock },
	{ "mlockall", 1, op_mlockall },
	{ "msync", 1, op_msync },
	{ "fork", 4, op_fork },
	{ "exit", 2, op_exit },
	{ "move", 2, op_move },
	{ "outside", 2, op_outside },
	{ "truncate", 2, op_truncate },
	{ "punch", 1, op_punch },
	{ "file_write", 2, op_file_write },
	{ "file_read", 1, op_file_read },
	{ "reclaim", 3, op_reclaim },
	{ "rmap", 4, op_rmap },
	{ "pin", 6, op_pin },
	{ "unpin", 2, op_unpin },
	{ "policy", 1, op_policy },
	{ "block", 2, op_block },
	{ "block_edge", 2, op_block_edge },
};
_Static_assert(ARRAY_SIZE(table) <= MM_OPS_MAX, "room in the statistics");

const char *mm_model_op(u32 row) { return row < ARRAY_SIZE(table) ? table[row].name : NULL; }

void any_op(struct proc *p)
{
	u32 sum = 0, at, row = 0;

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		sum += table[i].weight;
	for (at = choose(sum); at >= table[row].weight; row++)
		at -= table[row].weight;
	stats->did[row] += table[row].run(p);
}
