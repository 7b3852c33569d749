/* SPDX-License-Identifier: BSD-2-Clause */
/* mmap(2), munmap(2), brk(2): errno values as mmap(2) and Linux's behaviour have them. */
#include <base/newer.h>
#include <linux/resource.h>
#include <linux/capability.h>
#include "internal.h"
#include "mapping_internal.h"

u32 mm_max_map_count = 65530, mm_min_addr = 4096;

u32 prot_to_vm(int prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0);
}

bool can_mlock(void) { return mm_rlimit(RLIMIT_MEMLOCK) || capable(CAP_IPC_LOCK); }

bool may_expand_data(struct mm *mm, u32 vm_flags, u64 pages)
{
	u64 data = mm_rlimit(RLIMIT_DATA);

	if (data == ~0ull || (vm_flags & (VM_WRITE | VM_SHARED | VM_STACK)) != VM_WRITE)
		return true;
	for (struct vma *v = mm_first_vma_from(mm, 0); v; v = mm_next_vma(v))
		if ((v->vm_flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE)
			pages += vma_pages(v);
	return pages <= data >> PAGE_SHIFT;
}

bool may_expand(struct mm *mm, u32 vm_flags, u64 pages)
{
	u64 as = mm_rlimit(RLIMIT_AS);

	return (as == ~0ull || mm->total_pages + pages <= as >> PAGE_SHIFT) &&
	       may_expand_data(mm, vm_flags, pages);
}

bool locks_too_much(struct mm *mm, u32 vm_flags, u64 pages)
{
	u64 limit = mm_rlimit(RLIMIT_MEMLOCK);

	if (!(vm_flags & VM_LOCKED) || limit == ~0ull ||
	    mm->locked_pages + pages <= limit >> PAGE_SHIFT)
		return false;
	return !capable(CAP_IPC_LOCK);
}

u64 find_hole_for(struct mm *mm, u64 hint, u64 len)
{
	u64 at, lo = max((u64)mm_min_addr, PAGE_SIZE);
	struct vma *v;

	if (hint >= lo && hint <= USER_VA_END - len) {
		v = mm_first_vma_from(mm, hint);
		if ((!v || hint + len <= v->start - ((v->vm_flags & VM_GROWSDOWN)
							     ? min(v->start, GUARD_GAP)
							     : 0)))
			return hint;
	}
	at = vma_find_hole(mm, lo, mm->mmap_top, len, true);
	if (!at)	/* below the top all is full: from there up */
		at = vma_find_hole(mm, max(mm->mmap_top / 3, lo), USER_VA_END, len, false);
	return at;
}

/* 2 MiB blocks may come to map [offset, offset + len) of a file, or of private memory (b NULL). */
static bool may_have_blocks(const struct backing *b, u64 offset, u64 len)
{
	if (!b)
		return is_aligned(len, PMD_SIZE);
	if (!b->mapping || offset + len < align_up(offset, PMD_SIZE) + PMD_SIZE)
		return false;
	return !mapping_is_memory(b->mapping) || shmem_may_have_blocks(b->mapping);
}

u64 find_place_for(struct mm *mm, const struct backing *b, u64 offset, u64 len)
{
	u64 at = find_hole_for(mm, 0, len), room = PMD_SIZE - PAGE_SIZE, wide;

	if (len < PMD_SIZE || !at || !may_have_blocks(b, offset, len) ||
	    is_aligned(at - offset, PMD_SIZE))
		return at;
	wide = find_hole_for(mm, 0, len + room);
	return wide ? wide + room - ((wide + room - offset) & (PMD_SIZE - 1)) : at;
}

/* Address for the request, or negative errno. Lock held. */
static i64 choose_addr(struct mm *mm, const struct mmap_req *r, const struct backing *b, u64 len)
{
	u64 addr = r->addr;

	if (len > USER_VA_END)
		return -ENOMEM;
	if (r->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr & ~PAGE_MASK)
			return -EINVAL;
		if (addr > USER_VA_END - len)
			return -ENOMEM;
		if (addr < mm_min_addr && !capable(CAP_SYS_RAWIO))
			return -EPERM;
		if (r->flags & MAP_FIXED_NOREPLACE) {
			struct vma *v = mm_first_vma_from(mm, addr);

			if (v && v->start < addr + len)
				return -EEXIST;
		}
		return (i64)addr;
	}
	if (addr)
		addr = max(align_up(addr, PAGE_SIZE), align_up((u64)mm_min_addr, PAGE_SIZE));
	if (likely(len < PMD_SIZE) || addr)
		addr = find_hole_for(mm, addr, len);
	else
		addr = find_place_for(mm, b, r->offset, len);
	return addr ? (i64)addr : -ENOMEM;
}

/* Checks kind of mapping and access against the backing; fills the flags. */
static int request_flags(struct mm *mm, const struct mmap_req *r, u32 *vm_flags)
{
	const u64 known = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE |
			  MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |
			  MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_SYNC | MAP_FIXED_NOREPLACE |
			  MAP_UNINITIALIZED | 0x3full << 26 /* size of huge pages */;
	struct backing *b = r->backing;
	u32 f = prot_to_vm(r->prot) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | (u32)mm->def_flags |
		r->extra_vm_flags;
	int type = r->flags & MAP_TYPE;
	bool droppable = type == MAP_DROPPABLE && !b, private = type == MAP_PRIVATE || droppable;

	if (type == MAP_SHARED_VALIDATE && b && ((u32)r->flags & ~known || r->flags & MAP_SYNC))
		return -EOPNOTSUPP;
	if (type != MAP_SHARED && !private && (type != MAP_SHARED_VALIDATE || !b))
		return -EINVAL;
	if (r->flags & MAP_LOCKED) {
		if (!can_mlock())
			return -EPERM;
		f |= VM_LOCKED;
	}
	if ((r->flags & MAP_NORESERVE) && mm_overcommit_memory != OVERCOMMIT_NEVER)
		f |= VM_NORESERVE;
	if (r->flags & MAP_STACK)	/* touched at one end: no large folios (Linux 6.7) */
		f |= VM_NOHUGEPAGE;
	if (r->flags & MAP_GROWSDOWN) {
		if (b || type != MAP_PRIVATE)
			return -EINVAL;
		f |= VM_GROWSDOWN;
	}
	if (droppable) {
		if (r->flags & MAP_LOCKED)
			return -EINVAL;
		f &= ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
		f |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;
	}
	if (!private)
		f |= VM_SHARED;
	if (denies_exec(mm, f, f) && !(f & VM_STACK))
		return -EACCES;
	if (b) {
		if (!private && !b->may_write) {
			if (r->prot & PROT_WRITE)
				return -EACCES;
			f &= ~(u32)VM_MAYWRITE;
		}
		if (!b->may_exec) {
			if (r->prot & PROT_EXEC)
				return -EPERM;
			f &= ~(u32)VM_MAYEXEC;
		}
		if (!b->mapping && !b->ops->mmap)
			return -ENODEV;
	}
	if ((f & (VM_WRITE | VM_SHARED | VM_NORESERVE)) == VM_WRITE)
		f |= VM_ACCOUNT;
	*vm_flags = f;
	return 0;
}

/*
 * Asks the backing, which may change flags and offset, or take itself out (/dev/zero, private). Not
 * linked yet.
 */
static int attach_backing(struct vma *v, struct backing *b)
{
	v->backing = b;
	if (b->ops->get)
		b->ops->get(b);
	return b->ops->mmap ? b->ops->mmap(b, v) : 0;
}

/* An anonymous mapping next to one like it just makes that one longer. */
static struct vma *extend_neighbour(struct mm *mm, u64 addr, u64 len, u32 vm_flags)
{
	struct vma *prev = vma_last_before(mm, addr), *next = mm_first_vma_from(mm, addr);
	struct vma probe = {.start = addr,
			    .end = addr + len,
			    .vm_flags = vm_flags,
			    .pgoff = addr >> PAGE_SHIFT,
			    .lin = addr >> PAGE_SHIFT};

	if (prev && vma_can_merge(prev, &probe)) {
		vma_resize(prev, prev->start, addr + len);
		return next && vma_can_merge(prev, next) ? vma_merge(mm, prev) : prev;
	}
	if (next && vma_can_merge(&probe, next)) {
		vma_resize(next, addr, next->end);
		return next;
	}
	return NULL;
}

/* The VMA for a request that has been checked, not linked; ERR_PTR. */
static __always_inline struct vma *make_vma(struct mm *mm, const struct mmap_req *r,
					    struct backing *b, u64 addr, u64 len, u32 vm_flags)
{
	struct vma *v = vma_new(mm);
	int err = 0;

	if (!v)
		return ERR_PTR(-ENOMEM);
	v->start = addr;
	v->end = addr + len;
	v->vm_flags = vm_flags;
	v->name = r->name;
	v->lin = addr >> PAGE_SHIFT;
	v->pgoff = b || (vm_flags & VM_PFN) ? r->offset >> PAGE_SHIFT : addr >> PAGE_SHIFT;
	if (b)
		err = attach_backing(v, b);
	if (!err && vma_too_many(v))
		err = -ENOMEM;
	if (err) {
		vma_free(v);
		return ERR_PTR(err);
	}
	if (vma_is_anon(v))
		v->pgoff = addr >> PAGE_SHIFT;
	return v;
}

/* Everything is checked and the range is free. */
static int map_range(struct mm *mm, const struct mmap_req *r, struct backing *b, u64 addr, u64 len,
		     u32 vm_flags)
{
	bool plain = !b && !r->name && !(vm_flags & VM_PFN);
	struct vma *v;

	if (plain && extend_neighbour(mm, addr, len, vm_flags))
		return 0;
	v = make_vma(mm, r, b, addr, len, vm_flags);
	if (IS_ERR(v))
		return (int)PTR_ERR(v);
	vma_link(mm, v);
	if (!plain)
		vma_merge(mm, v);
	return 0;
}

/* As map_range in the place of what is there, which stays if that fails. */
static int replace_range(struct mm *mm, const struct mmap_req *r, struct backing *b, u64 addr,
			 u64 len, u32 vm_flags, struct vma **dead)
{
	struct vma *v = make_vma(mm, r, b, addr, len, vm_flags);
	int err;

	if (IS_ERR(v))
		return (int)PTR_ERR(v);
	err = munmap_locked(mm, addr, addr + len, dead);
	if (err) {
		vma_free(v);
		return err;
	}
	vma_link(mm, v);
	vma_merge(mm, v);
	return 0;
}

/* Pages that a MAP_FIXED mapping replaces, and those of them that are accounted. */
static u64 overlap_pages(struct mm *mm, u64 start, u64 end, u64 *accounted)
{
	u64 n = 0;

	for (struct vma *v = mm_first_vma_from(mm, start); v && v->start < end; v = mm_next_vma(v)) {
		u64 part = (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;

		n += part;
		*accounted += v->vm_flags & VM_ACCOUNT ? part : 0;
	}
	return n;
}

static i64 mmap_locked(struct mm *mm, const struct mmap_req *r, struct backing *b, u64 len,
	u32 *flags, struct vma **dead)
{
	i64 addr = choose_addr(mm, r, b, len);
	u64 pages = len >> PAGE_SHIFT, replaced = 0, accounted = 0;
	int err;

	if (addr < 0)
		return addr;
	if (mm->nr_vmas > mm_max_map_count)
		return -ENOMEM;
	err = request_flags(mm, r, flags);
	if (err)
		return err;
	if (locks_too_much(mm, *flags, pages))
		return -EAGAIN;
	if (r->flags & MAP_FIXED)
		replaced = overlap_pages(mm, (u64)addr, (u64)addr + len, &accounted);
	if (!may_expand(mm, *flags, pages - replaced))
		return -ENOMEM;
	if ((*flags & VM_ACCOUNT) && overcommits(mm, pages - min(pages, accounted)))
		return -ENOMEM;
	if (replaced)
		err = replace_range(mm, r, b, (u64)addr, len, *flags, dead);
	else
		err = map_range(mm, r, b, (u64)addr, len, *flags);
	return err ? err : addr;
}

i64 mm_mmap(struct mm *mm, const struct mmap_req *r)
{
	struct backing *b = r->backing, *own = NULL;
	struct vma *dead = NULL;
	u32 flags = 0;
	u64 len;
	i64 ret;

	if (!r->len || (r->offset & ~PAGE_MASK))
		return -EINVAL;
	len = align_up(r->len, PAGE_SIZE);
	if (!len)
		return -ENOMEM;
	if (b && (r->offset >> PAGE_SHIFT) + (len >> PAGE_SHIFT) < r->offset >> PAGE_SHIFT)
		return -EOVERFLOW;
	if (b && r->offset + len < r->offset)
		return -EOVERFLOW;
	if (r->flags & MAP_HUGETLB)
		return -ENOMEM;		/* none are set aside */
	if (!b && (r->flags & MAP_TYPE) == MAP_SHARED) {
		if (r->flags & MAP_GROWSDOWN)
			return -EINVAL;
		if (len > USER_VA_END)
			return -ENOMEM;
		own = b = shared_anon_backing(len, r->flags & MAP_NORESERVE);
		if (!b)
			return -ENOMEM;
	}
	ret = write_lock_killable(&mm->lock);
	if (!ret) {
		ret = mmap_locked(mm, r, b, len, &flags, &dead);
		write_unlock(&mm->lock);
	}
	vma_free_list(dead);
	if (own)
		own->ops->put(own);	/* the VMA has its own */
	if (ret > 0 && ((flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED ||
			(r->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
		(void)mm_populate(mm, (u64)ret, (u64)ret + len, true);
	return ret;
}

i64 mm_map_kernel(struct mm *mm, u64 addr, const void *kaddr, u64 npages, u32 vm_flags,
		  const char *name)
{
	struct vma *v;
	u64 len = npages << PAGE_SHIFT;
	i64 ret = write_lock_killable(&mm->lock);

	if (ret)
		return ret;
	addr = find_hole_for(mm, addr, len);
	v = addr ? vma_new(mm) : NULL;
	if (v) {
		v->start = addr;
		v->end = addr + len;
		v->vm_flags = vm_flags | VM_MAYREAD | VM_MAYEXEC | VM_PFN | VM_DONTEXPAND;
		v->pgoff = virt_to_phys(kaddr) >> PAGE_SHIFT;
		v->lin = addr >> PAGE_SHIFT;
		v->name = name;
		vma_link(mm, v);
	}
	write_unlock(&mm->lock);
	return v ? (i64)addr : -ENOMEM;
}

/* --- munmap ---------------------------------------------------------------------------------- */
void vma_free_list(struct vma *dead)
{
	for (struct vma *next; dead; dead = next) {
		next = dead->parent;
		vma_free(dead);
	}
}

/* [start, end) between the VMAs prev and next (or NULL) is unmapped: its tables go, the rest of z. */
static __always_inline void unmapped(struct zap *z, u64 start, u64 end, const struct vma *prev,
				     const struct vma *next)
{
	pt_free_tables(&z->g, start, end, prev ? prev->end : 0, next ? next->start : USER_VA_END);
	zap_end(z);
}

/*
 * [start, end), which begins in v or before it, is about to be unmapped: its tables become mm's own
 * but for those that will map nothing then. *shared: there are such. 0 or -ENOMEM.
 */
static __noinline int own_to_unmap(struct mm *mm, const struct vma *v, u64 start, u64 end,
				   bool *shared)
{
	const struct vma *prev, *last, *next;
	u64 lo = start, hi = end;

	*shared = !pt_range_own(&mm->pt, start, end);
	if (!*shared)
		return 0;
	if (v->start >= start) {
		prev = vma_prev(v);
		lo = prev ? prev->end : 0;
	}
	last = vma_last_before(mm, end);
	if (last->end <= end) {
		next = mm_next_vma(last);
		hi = next ? next->start : USER_VA_END;
	}
	return mm_own_ends_slow(mm, start, end, lo, hi, OWN_UNMAP);
}

/* One end of v, not all of it, goes. 0 or -ENOMEM. */
static __noinline int unmap_end(struct mm *mm, struct vma *v, u64 start, u64 end, bool shared)
{
	bool tail = v->start < start;
	struct zap z;

	if (pt_split_at(&mm->pt, tail ? start : end, PT_UNMAP))
		return -ENOMEM;
	vma_resize(v, tail ? v->start : end, tail ? start : v->end);
	if (unlikely(shared))
		mm_give_up(mm, start, end);
	zap_begin(&z, mm, false);
	zap_vma(&z, v, start, end);
	unmapped(&z, start, end, tail ? v : vma_prev(v), tail ? mm_next_vma(v) : v);
	return 0;
}

int munmap_locked(struct mm *mm, u64 start, u64 end, struct vma **dead)
{
	struct vma *v = mm_first_vma_from(mm, start), *first = NULL, **tail = &first, *prev, *next;
	bool shared = false;
	struct zap z;
	int err = 0;

	if (!v || v->start >= end)
		return 0;
	if (unlikely(mm->has_sealed) && sealed_in(mm, start, end))
		return -EPERM;
	if (unlikely(mm->pt.may_share))
		err = own_to_unmap(mm, v, start, end, &shared);
	if (unlikely(err))
		return err;
	if (v->start <= start && end <= v->end && (v->start == start) != (v->end == end))
		return unmap_end(mm, v, start, end, shared);
	err = vma_cut(mm, start, end);
	if (err)
		return err;
	/*
	 * Out of the reverse map's sight first: from here on nobody finds a way to these pages.
	 */
	while ((next = mm_first_vma_from(mm, start)) && next->start < end) {
		vma_unlink(mm, next);
		*tail = next;
		tail = &next->parent;
	}
	*tail = NULL;
	prev = next ? vma_prev(next) : vma_last_before(mm, start);
	if (unlikely(shared))
		mm_give_up(mm, start, end);
	zap_begin(&z, mm, false);
	for (v = first; v; v = v->parent)
		zap_vma(&z, v, v->start, v->end);
	unmapped(&z, start, end, prev, next);
	*tail = *dead;
	*dead = first;
	return 0;
}

int mm_munmap(struct mm *mm, u64 addr, u64 len)
{
	struct vma *dead = NULL;
	int err;

	if ((addr & ~PAGE_MASK) || addr > USER_VA_END || len > USER_VA_END - addr || !len)
		return -EINVAL;
	len = align_up(len, PAGE_SIZE);
	err = write_lock_killable(&mm->lock);
	if (err)
		return err;
	err = munmap_locked(mm, addr, addr + len, &dead);
	write_unlock(&mm->lock);
	vma_free_list(dead);
	return err;
}

/* --- brk ------------------------------------------------------------------------------------- */
static int brk_grow(struct mm *mm, u64 old, u64 new)
{
	struct mmap_req r = { .addr = old, .len = new - old };
	struct vma *next = mm_first_vma_from(mm, old);
	u32 flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT |
		    (u32)mm->def_flags;
	u64 limit = mm_rlimit(RLIMIT_DATA), pages = (new - old) >> PAGE_SHIFT;

	if (limit != ~0ull && (new - mm->brk_start) + (mm->data_end - mm->data_start) > limit)
		return -ENOMEM;
	if (new > USER_VA_END ||
	    (next && next->start < new + ((next->vm_flags & VM_GROWSDOWN) ? GUARD_GAP : 0)))
		return -ENOMEM;
	if (locks_too_much(mm, flags, pages) || !may_expand(mm, flags, pages) ||
	    overcommits(mm, pages))
		return -ENOMEM;
	if (mm->nr_vmas > mm_max_map_count)
		return -ENOMEM;
	return map_range(mm, &r, NULL, old, new - old, flags);
}

u64 mm_brk(struct mm *mm, u64 brk)
{
	struct vma *dead = NULL;
	u64 old, new, populate = 0;
	int err = write_lock_killable(&mm->lock);

	if (err)
		return mm->brk;
	if (brk < mm->brk_start || brk > USER_VA_END)
		goto out;
	old = align_up(mm->brk, PAGE_SIZE);
	new = align_up(brk, PAGE_SIZE);
	if (new < old)
		err = munmap_locked(mm, new, old, &dead);
	else if (new > old)
		err = brk_grow(mm, old, new);
	if (err)
		goto out;
	mm->brk = brk;
	if (new > old && (mm->def_flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED)
		populate = old;
out:
	brk = mm->brk;
	write_unlock(&mm->lock);
	vma_free_list(dead);
	if (populate)
		(void)mm_populate(mm, populate, new, true);
	return brk;
}
