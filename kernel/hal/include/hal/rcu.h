/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred freeing. A reader section is a stretch with preemption off; what a reader may still see
 * is freed after every CPU has passed through a context switch, user mode or idle (task/rcu.c;
 * host: arch/fake).
 */
#ifndef HAL_RCU_H
#define HAL_RCU_H
#include <base/types.h>
#include <hal/preempt.h>

struct rcu_head { struct rcu_head *next; void (*fn)(struct rcu_head *); };
/* A reader section: nests, must not sleep. */
static inline void rcu_read_lock(void) { preempt_disable(); }
static inline void rcu_read_unlock(void) { preempt_enable(); }
/* Calls fn(head) in thread context after a grace period. Any context. head lives inside the object.
 */
void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *));
void synchronize_rcu(void);			/* sleeps for a grace period */
void rcu_barrier(void);				/* sleeps until every call_rcu so far has run */
#define rcu_dereference(p)	__atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign(p, v)	__atomic_store_n(&(p), v, __ATOMIC_RELEASE)
#endif
