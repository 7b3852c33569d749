/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlock: whoever finds it free takes it, in no order; waiters sleep in WFE, which the owner's
 * store to the monitored word ends. In a virtual machine a waiter may itself be stopped by the host;
 * a lock that were handed over in order would stand still until the host runs that very CPU, and
 * with more CPUs than the host has free that becomes the lock's usual state.
 */
#ifndef ARCH_SPIN_H
#define ARCH_SPIN_H
#include <base/types.h>

struct spinlock { u32 held; };
#define SPINLOCK_INIT	{ .held = 0 }

void arch_spin_wait(struct spinlock *l);	/* until it is ours, with acquire */

static __always_inline bool arch_spin_trylock(struct spinlock *l)
{
	u32 was = 0;

	return __atomic_compare_exchange_n(&l->held, &was, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}
static __always_inline void arch_spin_lock(struct spinlock *l)
{
	if (unlikely(!arch_spin_trylock(l)))
		arch_spin_wait(l);
}
static __always_inline void arch_spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
static __always_inline bool arch_spin_is_locked(const struct spinlock *l)
{
	return __atomic_load_n(&l->held, __ATOMIC_RELAXED);
}
#endif
