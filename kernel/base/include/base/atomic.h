/* SPDX-License-Identifier: BSD-2-Clause */
/* Atomic integers and reference counts. Unless a name says otherwise an operation is ordered both
 * ways. */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H
#include <base/assert.h>

typedef struct { i32 v; } atomic_t;
typedef struct { i64 v; } atomic64_t;

#define atomic_read(a)		__atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic_set(a, x)	__atomic_store_n(&(a)->v, x, __ATOMIC_RELAXED)
#define atomic_add(a, x)	__atomic_add_fetch(&(a)->v, x, __ATOMIC_ACQ_REL)
#define atomic_sub(a, x)	__atomic_sub_fetch(&(a)->v, x, __ATOMIC_ACQ_REL)
#define atomic_inc(a)		((void)__atomic_add_fetch(&(a)->v, 1, __ATOMIC_RELAXED))
#define atomic_dec(a)		((void)__atomic_sub_fetch(&(a)->v, 1, __ATOMIC_RELEASE))
#define atomic_xchg(p, x)	__atomic_exchange_n(p, x, __ATOMIC_ACQ_REL)
#define atomic_cas(p, old, new) ({ __typeof__(*(p)) _o = (old); \
	__atomic_compare_exchange_n(p, &_o, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE); })
#define atomic_or(p, m)		__atomic_fetch_or(p, m, __ATOMIC_ACQ_REL)
#define atomic_and(p, m)	__atomic_fetch_and(p, m, __ATOMIC_ACQ_REL)
#define load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, x)	__atomic_store_n(p, x, __ATOMIC_RELEASE)
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

/* A count of owners: starts at 1; ref_put returns true to the one who must free. */
typedef struct { i32 v; } ref_t;
static inline void ref_init(ref_t *r) { __atomic_store_n(&r->v, 1, __ATOMIC_RELAXED); }
static inline i32 ref_read(const ref_t *r) { return __atomic_load_n(&r->v, __ATOMIC_RELAXED); }
static inline void ref_get(ref_t *r)
{
	i32 n = __atomic_fetch_add(&r->v, 1, __ATOMIC_RELAXED);

	BUG_ON(n <= 0);
}
static inline bool ref_put(ref_t *r)
{
	i32 n = __atomic_sub_fetch(&r->v, 1, __ATOMIC_ACQ_REL);

	BUG_ON(n < 0);
	return n == 0;
}
/* Takes a reference unless the count has reached zero (a lookup racing with the last put). */
static inline bool ref_get_unless_zero(ref_t *r)
{
	i32 n = __atomic_load_n(&r->v, __ATOMIC_RELAXED);

	while (n > 0)
		if (__atomic_compare_exchange_n(&r->v, &n, n + 1, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}
/* A count of n, all of them the caller's, becomes zero: nobody takes a reference any more. false: it
 * is not n. */
static inline bool ref_freeze(ref_t *r, i32 n)
{
	return __atomic_compare_exchange_n(&r->v, &n, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
#endif
