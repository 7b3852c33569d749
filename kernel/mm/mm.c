/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces: made, loaded, taken down. */
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include "internal.h"
#include "zero.h"

static struct slab_cache *mm_cache;

static int mm_cache_init(void)
{
	mm_cache = slab_create("mm", sizeof(struct mm), 64);
	return mm_cache ? 0 : -ENOMEM;
}
INITCALL(core, mm_cache_init);

static struct list all_mms = LIST_INIT(all_mms);
static struct spinlock all_lock = SPINLOCK_INIT;

struct mm *mm_next(struct mm *mm)
{
	struct mm *found = NULL;

	spin_lock(&all_lock);
	for (struct list *l = mm ? mm->all.next : all_mms.next; l != &all_mms && !found;
	     l = l->next) {
		found = list_entry(l, struct mm, all);
		if (!ref_get_unless_zero(&found->count))
			found = NULL;
	}
	spin_unlock(&all_lock);
	if (mm)
		mm_drop(mm);
	return found;
}

void mm_for_each(void (*fn)(const struct mm *mm, void *arg), void *arg)
{
	struct mm *mm;

	spin_lock(&all_lock);
	list_for_each(mm, &all_mms, all)
		fn(mm, arg);
	spin_unlock(&all_lock);
}

static bool init_parts(struct mm *mm, struct mm *parent)
{
	if (pt_init(&mm->pt))
		return false;
	mm->lineage = lineage_new(mm, parent);
	if (!mm->lineage)
		pt_destroy(&mm->pt);
	return mm->lineage;
}

struct mm *mm_new(struct mm *parent)
{
	struct mm *mm = slab_zalloc(mm_cache);

	if (!mm)
		return NULL;
	if (!init_parts(mm, parent)) {
		slab_free(mm_cache, mm);
		return NULL;
	}
	spin_init(&mm->rmap_lock);
	list_init(&mm->moved);
	ref_init(&mm->users);
	ref_init(&mm->count);
	rwsem_init(&mm->lock);
	mm->mmap_top = USER_VA_END - 128 * MIB;
	mm->cow_tables = true;
	mm->dumpable = true;
	spin_lock(&all_lock);
	list_add_tail(&all_mms, &mm->all);
	spin_unlock(&all_lock);
	return mm;
}

struct mm *mm_create(void) { return mm_new(NULL); }

void mm_get(struct mm *mm) { ref_get(&mm->users); }
void mm_hold(struct mm *mm) { ref_get(&mm->count); }
int mm_reap(struct mm *mm)
{
	struct zap z;
	int err = write_lock_killable(&mm->lock);	/* no fault is under way */

	if (err)
		return err;
	mm->reaped = true;
	write_downgrade(&mm->lock);
	for (struct vma *v = mm_first_vma_from(mm, 0); v; v = mm_next_vma(v)) {
		if (v->vm_flags & (VM_SHARED | VM_PFN))
			continue;
		zap_begin(&z, mm, false);
		z.beside_faults = z.own_only = true;
		zap_vma(&z, v, v->start, v->end);
		zap_end(&z);
	}
	read_unlock(&mm->lock);
	return 0;
}

bool mm_get_live(struct mm *mm) { return ref_get_unless_zero(&mm->users); }

void mm_borrow(struct mm *mm)
{
	mm_get(mm);
	current_core()->borrowing++;
}

bool mm_borrow_live(struct mm *mm)
{
	if (!mm_get_live(mm))
		return false;
	current_core()->borrowing++;
	return true;
}

void mm_return(struct mm *mm)
{
	current_core()->borrowing--;
	mm_put(mm);
}

void mm_drop(struct mm *mm)
{
	if (!ref_put(&mm->count))
		return;
	spin_lock(&all_lock);
	list_del(&mm->all);
	spin_unlock(&all_lock);
	pt_destroy(&mm->pt);
	slab_free(mm_cache, mm);
}

/*
 * A tree that this CPU may still have loaded, though its task is gone from it, is let go; other
 * CPUs did when they switched.
 */
static void unload_here(struct mm *mm)
{
	u64 flags = irq_save();

	if (pt_loaded_here(&mm->pt))
		pt_load(NULL);
	irq_restore(flags);
}

/*
 * No task uses mm: first every CPU forgets its translations, then what its tables alone refer to can
 * be freed as it is found.
 */
static void unmap_all(struct mm *mm)
{
	struct vma *dead = NULL;
	u16 asid;

	unload_here(mm);
	asid = pt_asid(&mm->pt);
	if (asid)
		tlb_inval_asid(asid);
	write_lock(&mm->lock);
	if (mm_rss(mm) > mm->peak_rss)
		mm->peak_rss = mm_rss(mm);
	vma_unlink_all(mm, &dead);	/* the reverse map comes here no more */
	mm_put_tables(mm);
	for (int i = 0; i < NR_RSS; i++)
		__atomic_store_n(&mm->rss[i].v, 0, __ATOMIC_RELAXED);
	write_unlock(&mm->lock);
	vma_free_list(dead);
}

void mm_put(struct mm *mm)
{
	if (!ref_put(&mm->users))
		return;
	unmap_all(mm);
	huge_zero_put(mm);
	lineage_leave(mm);
	if (mm->exe)
		mm->exe->ops->put(mm->exe);
	mm->exe = NULL;
	mm_drop(mm);
}

void mm_switch(struct mm *prev, struct mm *next) { pt_load(next ? &next->pt : NULL); }

static u64 positive(const atomic64_t *a)
{
	i64 n = atomic_read(a);

	return n > 0 ? (u64)n : 0;
}

u64 mm_rss(const struct mm *mm)
{
	return positive(&mm->rss_anon) + positive(&mm->rss_file) + positive(&mm->rss_shmem);
}
u64 mm_table_pages(const struct mm *mm) { return READ_ONCE(mm->pt.nr_tables); }
