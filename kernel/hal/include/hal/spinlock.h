/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks: preemption is off while one is held. A lock that an interrupt also takes is taken with
 * the _irq forms. Order: docs/locking.md.
 */
#ifndef HAL_SPINLOCK_H
#define HAL_SPINLOCK_H
#include <base/atomic.h>
#include <hal/preempt.h>
#include <arch/spin.h> /* arch: struct spinlock, SPINLOCK_INIT, arch_spin_lock/trylock/unlock, arch_spin_is_locked */
/* arch: u64 irq_save(void), void irq_restore(u64), irq_disable, irq_enable, bool irqs_disabled */
#include <arch/irqflags.h>

/* Made free; nobody uses it. */
static inline void spin_init(struct spinlock *l) { *l = (struct spinlock)SPINLOCK_INIT; }
/* Waits for it, acquires; preemption is off until spin_unlock, which releases. Not recursive. */
static inline void spin_lock(struct spinlock *l)
{
	preempt_disable();
	arch_spin_lock(l);
}
/* false: somebody has it; nothing has changed. */
static inline bool spin_trylock(struct spinlock *l)
{
	preempt_disable();
	if (arch_spin_trylock(l))
		return true;
	preempt_enable();
	return false;
}
static inline void spin_unlock(struct spinlock *l)
{
	arch_spin_unlock(l);
	preempt_enable();
}
/* The same with interrupts off on this CPU; what they were is returned, for the other. */
static inline u64 spin_lock_irqsave(struct spinlock *l)
{
	u64 flags = irq_save();

	spin_lock(l);
	return flags;
}
static inline void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	arch_spin_unlock(l);
	irq_restore(flags);
	preempt_enable();
}
#define assert_spin_held(l) BUG_ON(!arch_spin_is_locked(l))
#endif
