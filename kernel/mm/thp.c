/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy of large folios. By default 64 KiB wherever a VMA has room for it, 2 MiB where a
 * program asks (MADV_HUGEPAGE), other sizes never: 64 KiB is what one TLB entry maps on every arm64
 * CPU with the contiguous bit, costs at most 60 KiB where a program touches one page, and zeroing
 * it takes a few microseconds.
 */
#include <base/init.h>
#include <hal/spinlock.h>
#include "internal.h"
#include "mapping_internal.h"

struct thp_policy thp_policy = {
	.all = THP_MADVISE,
	.order = { [THP_CONT_ORDER] = THP_ALWAYS, [THP_PMD_ORDER] = THP_INHERIT },
};
u8 thp_defrag = THP_MADVISE;
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

	if ((v->vm_flags & (VM_STACK | VM_GROWSDOWN | VM_DROPPABLE)) || !thp_allowed(v))
		return 0;
	return READ_ONCE(p->orders[advised]);
}

/* Orders for the last page of v. */
static u32 orders_at_end(const struct vma *v)
{
	struct mapping *m = vma_mapping(v);

	if (v->vm_flags & VM_PFN)
		return 0;
	if (!v->backing)
		return thp_orders(&thp_policy, v);
	return m && mapping_is_memory(m) ? shmem_fault_orders(v, vma_pgoff(v, v->end - PAGE_SIZE))
					 : 0;
}

bool thp_eligible(const struct vma *v)
{
	u32 orders = orders_at_end(v);

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
const char *const shmem_mode_name[NR_SHMEM_MODES] = {
	"never", "advise", "within_size", "always", "inherit", "deny", "force"
};

/* What the word of an order comes to. */
static u8 mode_of(const struct shmem_policy *p, u32 order)
{
	if (p->all == SHMEM_DENY)
		return SHMEM_NEVER;
	if (p->order[order] != SHMEM_INHERIT)
		return p->order[order];
	return p->all == SHMEM_FORCE ? SHMEM_ALWAYS : p->all;
}

void shmem_policy_update(struct shmem_policy *p)
{
	u32 orders[SHMEM_ALWAYS + 1] = { 0 };

	for (u32 o = THP_MIN_ORDER; o <= THP_PMD_ORDER; o++)
		orders[mode_of(p, o)] |= 1u << o;
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

/* Those of orders whose folio with page index ends within pages. */
static u32 orders_within(u32 orders, u64 index, u64 pages)
{
	for (u32 o = THP_MIN_ORDER; orders && o <= THP_PMD_ORDER; o++)
		if (align_down(index, 1ull << o) + (1u << o) > pages)
			orders &= ~(1u << o);
	return orders;
}

/* The orders that have the word mode. */
static u32 orders_with(const struct shmem_policy *p, enum shmem_mode mount, enum shmem_mode mode)
{
	if (mount == SHMEM_INHERIT)
		return READ_ONCE(p->orders[mode]);
	return mount == mode ? SHMEM_ORDERS : 0;
}

u32 shmem_orders(const struct shmem_policy *p, enum shmem_mode mount, bool advised, u64 index,
		 u64 pages)
{
	u8 all = READ_ONCE(p->all);
	u32 within;

	if (all == SHMEM_DENY)
		return 0;
	if (all == SHMEM_FORCE && mount != SHMEM_INHERIT)
		return 1u << THP_PMD_ORDER;
	within = orders_with(p, mount, SHMEM_WITHIN);
	if (!advised)
		within = orders_within(within, index, pages);
	return orders_with(p, mount, SHMEM_ALWAYS) | within |
	       (advised ? orders_with(p, mount, SHMEM_ADVISE) : 0);
}

static enum shmem_mode mount_of(const struct mapping *m)
{
	return m->ops && m->ops->huge ? m->ops->huge(m) : SHMEM_INHERIT;
}

u32 shmem_write_orders(const struct mapping *m, u64 index, u64 pages)
{
	return shmem_orders(&shmem_policy, mount_of(m), false, index, pages);
}

u32 shmem_fault_orders(const struct vma *v, u64 index)
{
	const struct mapping *m = v->backing->mapping;

	if (!thp_allowed(v))
		return 0;
	return shmem_orders(&shmem_policy, mount_of(m), v->vm_flags & VM_HUGEPAGE, index,
			    div_round_up(READ_ONCE(m->size), PAGE_SIZE));
}

/* Where MADV_HUGEPAGE asks: all that may ever be. */
static u32 orders_ever(const struct mapping *m)
{
	return shmem_orders(&shmem_policy, mount_of(m), true, 0, 0);
}

u32 shmem_fill_orders(const struct mapping *m)
{
	const u32 *of = shmem_policy.orders;

	return READ_ONCE(of[SHMEM_ADVISE]) | READ_ONCE(of[SHMEM_WITHIN]) |
	       READ_ONCE(of[SHMEM_ALWAYS]) | orders_ever(m);
}

bool shmem_may_have_blocks(const struct mapping *m)
{
	return orders_ever(m) & (1u << THP_PMD_ORDER);
}

static int thp_init(void)
{
	thp_policy_update(&thp_policy);
	shmem_policy_update(&shmem_policy);
	return 0;
}
INITCALL(core, thp_init);
