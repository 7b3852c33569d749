/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMAs as objects: made, linked, cut and joined. The reverse map looks at them without mm->lock: a
 * private page's through the tree and the list of moved ones, under rmap_lock; a file's through the
 * mapping's list, under vma_lock. So these, and bounds and offsets, change only with both held, and
 * never show a page of the address space twice or not at all.
 */
#include <base/alloc.h>
#include <base/init.h>
#include <linux/capability.h>
#include "internal.h"

static struct slab_cache *vma_cache;

u64 mapping_max_vmas = 3ull << 19;
_Static_assert(2 * (3ull << 19) << THP_PMD_ORDER < 1ull << 31, "references to a folio");

static int vma_init(void)
{
	vma_cache = slab_create("vma", sizeof(struct vma), 64);
	return vma_cache ? 0 : -ENOMEM;
}
INITCALL(core, vma_init);

struct vma *vma_new(struct mm *mm)
{
	struct vma *v = slab_alloc(vma_cache);

	if (v) {
		*v = (struct vma){ .mm = mm };
		list_init(&v->share);
		list_init(&v->moved);
	}
	return v;
}

/* Several CPUs that ask at once may exceed the limit by their number. */
bool vma_too_many(const struct vma *v)
{
	const struct mapping *m = vma_mapping(v);
	u64 n = m ? READ_ONCE(m->nr_vmas) : 0;

	return n >= mapping_max_vmas && (n >= 2 * mapping_max_vmas || !capable(CAP_SYS_ADMIN));
}

struct vma *vma_dup(const struct vma *v)
{
	struct vma *n = vma_too_many(v) ? NULL : slab_alloc(vma_cache);

	if (!n)
		return NULL;
	*n = *v;
	list_init(&n->share);
	list_init(&n->moved);
	if (n->backing && n->backing->ops->get)
		n->backing->ops->get(n->backing);
	return n;
}

void vma_free(struct vma *v)
{
	if (v->backing && v->backing->ops->put)
		v->backing->ops->put(v->backing);
	slab_free(vma_cache, v);
}

static __always_inline void lock_rmap(const struct vma *v)
{
	spin_lock(&v->mm->rmap_lock);
	if (vma_mapping(v))
		spin_lock(&vma_mapping(v)->vma_lock);
}

static __always_inline void unlock_rmap(const struct vma *v)
{
	if (vma_mapping(v))
		spin_unlock(&vma_mapping(v)->vma_lock);
	spin_unlock(&v->mm->rmap_lock);
}

void vma_lock_rmap(const struct vma *v) { lock_rmap(v); }
void vma_unlock_rmap(const struct vma *v) { unlock_rmap(v); }

/* n more pages (below 0: less) have v's flags. */
static void account(struct mm *mm, const struct vma *v, i64 n)
{
	mm->total_pages += (u64)n;
	if (v->vm_flags & VM_LOCKED)
		mm->locked_pages += (u64)n;
	if (v->vm_flags & VM_ACCOUNT)
		WRITE_ONCE(mm->account_pages, mm->account_pages + (u64)n);
	if (mm->total_pages > mm->peak_pages)
		mm->peak_pages = mm->total_pages;
}

static void lists_in(struct vma *v)
{
	struct mapping *m = vma_mapping(v);

	if (m) {
		list_add_tail(&m->vmas, &v->share);
		WRITE_ONCE(m->nr_vmas, m->nr_vmas + 1);
	}
	if (unlikely(vma_is_moved(v)))
		list_add_tail(&v->mm->moved, &v->moved);
}

static void out_of(struct mapping *m, struct vma *v)
{
	list_del(&v->share);
	WRITE_ONCE(m->nr_vmas, m->nr_vmas - 1);
}

static void lists_out(struct vma *v)
{
	if (vma_mapping(v))
		out_of(vma_mapping(v), v);
	if (unlikely(vma_is_moved(v)))
		list_del(&v->moved);
}

void vma_link(struct mm *mm, struct vma *v)
{
	account(mm, v, (i64)vma_pages(v));
	lock_rmap(v);
	vma_tree_insert(mm, v);
	lists_in(v);
	unlock_rmap(v);
}

void vma_link_copy(struct vma *v)
{
	lock_rmap(v);
	lists_in(v);
	unlock_rmap(v);
}

void vma_unlink(struct mm *mm, struct vma *v)
{
	account(mm, v, -(i64)vma_pages(v));
	lock_rmap(v);
	lists_out(v);
	vma_tree_remove(mm, v);
	unlock_rmap(v);
}

static void leave_mapping(struct vma *v)
{
	struct mapping *m = vma_mapping(v);

	if (!m)
		return;
	spin_lock(&m->vma_lock);
	out_of(m, v);
	spin_unlock(&m->vma_lock);
}

void vma_unlink_all(struct mm *mm, struct vma **dead)
{
	struct vma *v = mm->vmas.root, *up;

	spin_lock(&mm->rmap_lock);
	mm->vmas.root = NULL;
	list_init(&mm->moved);
	spin_unlock(&mm->rmap_lock);
	mm->nr_vmas = 0;
	mm->total_pages = mm->locked_pages = mm->account_pages = 0;
	while (v) {	/* leaves first, so nothing has to be balanced */
		if (v->left) {
			v = v->left;
			continue;
		}
		if (v->right) {
			v = v->right;
			continue;
		}
		up = v->parent;
		if (up && up->left == v)
			up->left = NULL;
		else if (up)
			up->right = NULL;
		if (v->backing)
			leave_mapping(v);
		v->parent = *dead;
		*dead = v;
		v = up;
	}
}

void vma_resize(struct vma *v, u64 start, u64 end)
{
	i64 more = (i64)((end - start) >> PAGE_SHIFT) - (i64)vma_pages(v);

	account(v->mm, v, more);
	lock_rmap(v);
	v->pgoff += (u64)((i64)(start - v->start) >> PAGE_SHIFT);
	v->lin += (u64)((i64)(start - v->start) >> PAGE_SHIFT);
	v->start = start;
	v->end = end;
	vma_tree_resized(v);
	unlock_rmap(v);
}

/* A 2 MiB block that addr lies in is about to be taken apart. 0 or -ENOMEM. */
static int own_block(struct mm *mm, u64 addr)
{
	int level;

	if (is_aligned(addr, PMD_SIZE) || !mm->pt.may_share ||
	    pte_is_none(pte_load(pt_entry(&mm->pt, addr, &level))) || level == 3)
		return 0;
	return mm_own(mm, addr, addr + 1, OWN_PROTECT);
}

struct vma *vma_split(struct vma *v, u64 addr)
{
	struct vma *n;

	BUG_ON(addr <= v->start || addr >= v->end);
	if (v->mm->nr_vmas >= mm_max_map_count)
		return ERR_PTR(-ENOMEM);
	if (own_block(v->mm, addr) || pt_split_at(&v->mm->pt, addr, PT_CUT))
		return ERR_PTR(-ENOMEM);
	n = vma_dup(v);
	if (!n)
		return ERR_PTR(-ENOMEM);
	n->start = addr;
	n->pgoff = vma_pgoff(v, addr);
	n->lin = vma_lin(v, addr);
	vma_lock_rmap(v);
	v->end = addr;
	lists_in(n);
	vma_tree_resized(v);
	vma_tree_insert(v->mm, n);
	vma_unlock_rmap(v);
	return n;
}

bool vma_can_merge(const struct vma *a, const struct vma *b)
{
	return a->end == b->start && a->vm_flags == b->vm_flags && a->backing == b->backing &&
	       a->name == b->name && !(a->vm_flags & (VM_PFN | VM_DONTEXPAND)) &&
	       vma_pgoff(a, a->end) == b->pgoff && vma_lin(a, a->end) == b->lin;
}

/* a takes over b. */
static void join(struct mm *mm, struct vma *a, struct vma *b)
{
	u64 end = b->end;

	vma_lock_rmap(a);
	vma_tree_remove(mm, b);
	lists_out(b);
	a->end = end;
	a->has_anon |= b->has_anon;
	vma_tree_resized(a);
	vma_unlock_rmap(a);
	vma_free(b);
}

struct vma *vma_merge(struct mm *mm, struct vma *v)
{
	struct vma *n = vma_prev(v);

	if (n && vma_can_merge(n, v)) {
		join(mm, n, v);
		v = n;
	}
	n = mm_next_vma(v);
	if (n && vma_can_merge(v, n))
		join(mm, v, n);
	return v;
}

int vma_cut(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = mm_find_vma(mm, start), *n;

	if (v && v->start < start) {
		n = vma_split(v, start);
		if (IS_ERR(n))
			return (int)PTR_ERR(n);
	}
	v = mm_find_vma(mm, end - 1);
	if (v && v->end > end) {
		n = vma_split(v, end);
		if (IS_ERR(n))
			return (int)PTR_ERR(n);
	}
	return 0;
}

struct vma *vma_set_flags(struct mm *mm, struct vma *v, u64 start, u64 end, u32 flags,
			  void (*apply)(struct vma *v, u64 start, u64 end))
{
	struct vma *part = v, *rest = NULL;

	if (start > v->start) {
		part = vma_split(v, start);
		if (IS_ERR(part))
			return part;
	}
	if (end < part->end) {
		rest = vma_split(part, end);
		if (IS_ERR(rest)) {
			if (part != v)
				vma_merge(mm, part);
			return rest;
		}
	}
	BUG_ON((part->vm_flags ^ flags) & VM_GROWSDOWN);	/* the tree knows the guard gap */
	account(mm, part, -(i64)vma_pages(part));
	part->vm_flags = flags;
	account(mm, part, (i64)vma_pages(part));
	if (apply)
		apply(part, start, end);
	return vma_merge(mm, part);
}
