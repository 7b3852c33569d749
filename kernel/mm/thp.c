/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy of large folios. By default 64 KiB wherever a VMA has room for it, 2 MiB where a
 * program asks (MADV_HUGEPAGE), other sizes never: 64 KiB is what one TLB entry maps on every arm64
 * CPU with the contiguous bit, costs at most 60 KiB where a program touches one page, and zeroing
 * it takes a few microseconds.
 */
#include <base/init.h>
#include <hal/spinlock.h>
#include <mm/thp.h>

struct thp_policy thp_policy = {
	.all = THP_MADVISE,
	.order = { [THP_CONT_ORDER] = THP_ALWAYS, [THP_PMD_ORDER] = THP_INHERIT },
};
atomic64_t thp_events[THP_PMD_ORDER + 1][NR_THP_EVENT];
const char *const thp_mode_name[4] = { "never", "madvise", "always", "inherit" };

void thp_policy_update(struct thp_policy *p)
{
	u32 plain = 0, advised = 0;

	for (u32 o = THP_MIN_ORDER; o <= THP_PMD_ORDER; o++) {
		u8 mode = p->order[o] == THP_INHERIT ? p->all : p->order[o];

		plain |= (u32)(mode == THP_ALWAYS) << o;
		advised |= (u32)(mode != THP_NEVER) << o;
	}
	WRITE_ONCE(p->orders[0], plain);
	WRITE_ONCE(p->orders[1], advised);
}

void thp_policy_set(u32 order, enum thp_mode mode)
{
	static struct spinlock lock = SPINLOCK_INIT;

	spin_lock(&lock);
	if (order)
		WRITE_ONCE(thp_policy.order[order], (u8)mode);
	else
		WRITE_ONCE(thp_policy.all, (u8)mode);
	thp_policy_update(&thp_policy);
	spin_unlock(&lock);
}

u32 thp_orders(const struct thp_policy *p, const struct vma *v)
{
	bool advised = v->vm_flags & VM_HUGEPAGE;

	if ((v->vm_flags & (VM_NOHUGEPAGE | VM_STACK | VM_GROWSDOWN | VM_DROPPABLE)) ||
	    (unlikely(v->mm->thp_disable) &&
	     !(advised && v->mm->thp_disable == THP_DISABLE_UNADVISED)))
		return 0;
	return READ_ONCE(p->orders[advised]);
}

bool thp_eligible(const struct vma *v)
{
	u32 orders = v->backing || (v->vm_flags & VM_PFN) ? 0 : thp_orders(&thp_policy, v);

	for (u32 o = THP_MIN_ORDER; o <= THP_PMD_ORDER; o++)
		if ((orders & (1u << o)) &&
		    thp_fits(v->end - (PAGE_SIZE << o), o, v->start, v->end))
			return true;
	return false;
}

/* --- files in memory ------------------------------------------------------------------------- */
struct shmem_policy shmem_policy = {
	.order = { [THP_CONT_ORDER] = SHMEM_ADVISE, [THP_PMD_ORDER] = SHMEM_INHERIT },
};
const char *const shmem_mode_name[5] = { "never", "advise", "within_size", "always", "inherit" };

void shmem_policy_update(struct shmem_policy *p)
{
	u32 orders[SHMEM_ALWAYS + 1] = { 0 };

	for (u32 o = THP_MIN_ORDER; o <= THP_PMD_ORDER; o++)
		orders[p->order[o] == SHMEM_INHERIT ? p->all : p->order[o]] |= 1u << o;
	for (u32 i = 0; i <= SHMEM_ALWAYS; i++)
		WRITE_ONCE(p->orders[i], orders[i]);
}

void shmem_policy_set(u32 order, enum shmem_mode mode)
{
	static struct spinlock lock = SPINLOCK_INIT;

	spin_lock(&lock);
	if (order)
		WRITE_ONCE(shmem_policy.order[order], (u8)mode);
	else
		WRITE_ONCE(shmem_policy.all, (u8)mode);
	shmem_policy_update(&shmem_policy);
	spin_unlock(&lock);
}

u32 shmem_fault_orders(const struct shmem_policy *p, const struct vma *v, u64 index, u64 pages)
{
	u32 orders = READ_ONCE(p->orders[SHMEM_ALWAYS]), within = READ_ONCE(p->orders[SHMEM_WITHIN]);

	if (v->vm_flags & VM_NOHUGEPAGE)
		return 0;
	if (v->vm_flags & VM_HUGEPAGE)
		orders |= READ_ONCE(p->orders[SHMEM_ADVISE]);
	for (u32 o = THP_MIN_ORDER; within && o <= THP_PMD_ORDER; o++)
		if (align_down(index, 1ull << o) + (1u << o) <= pages)
			orders |= within & (1u << o);
	return orders;
}

static int thp_init(void)
{
	thp_policy_update(&thp_policy);
	shmem_policy_update(&shmem_policy);
	return 0;
}
INITCALL(core, thp_init);
