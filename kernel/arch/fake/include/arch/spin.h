/* SPDX-License-Identifier: BSD-2-Clause */
/* A spinlock among coroutines: its holder is known, waiting for it lets others run, taking it twice
 * is caught. */
#ifndef ARCH_SPIN_H
#define ARCH_SPIN_H
#include <base/types.h>

struct spinlock { u32 held; };	/* 1 + CPU of the holder */
#define SPINLOCK_INIT { .held = 0 }
void arch_spin_lock(struct spinlock *l);
bool arch_spin_trylock(struct spinlock *l);
void arch_spin_unlock(struct spinlock *l);
bool arch_spin_is_locked(const struct spinlock *l);
#endif
