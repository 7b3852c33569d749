/* SPDX-License-Identifier: BSD-2-Clause */
/* Ticket spinlock: takers queue in order; waiters sleep in WFE, which the owner's store to the
 * monitored word ends. */
#ifndef ARCH_SPIN_H
#define ARCH_SPIN_H
#include <base/types.h>

struct spinlock {
	union {
		u32 word;
		struct { u16 owner, next; };	/* held while they differ */
	};
};
#define SPINLOCK_INIT	{ .word = 0 }
#define SPIN_TICKET	(1u << 16)

void arch_spin_wait(struct spinlock *l, u16 ticket);	/* until owner == ticket, with acquire */

static __always_inline void arch_spin_lock(struct spinlock *l)
{
	u32 was = __atomic_fetch_add(&l->word, SPIN_TICKET, __ATOMIC_ACQUIRE);

	if (unlikely((u16)was != (u16)(was >> 16)))
		arch_spin_wait(l, (u16)(was >> 16));
}
static __always_inline bool arch_spin_trylock(struct spinlock *l)
{
	u32 was = __atomic_load_n(&l->word, __ATOMIC_RELAXED);

	return (u16)was == (u16)(was >> 16) &&
	       __atomic_compare_exchange_n(&l->word, &was, was + SPIN_TICKET, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
static __always_inline void arch_spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->owner, (u16)(l->owner + 1), __ATOMIC_RELEASE);
}
static __always_inline bool arch_spin_is_locked(const struct spinlock *l)
{
	u32 w = __atomic_load_n(&l->word, __ATOMIC_RELAXED);

	return (u16)w != (u16)(w >> 16);
}
#endif
